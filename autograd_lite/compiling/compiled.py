"""`compile`: a function of Values runs once, is recorded, and is replayed as native code from then on.

A call looks up the family of traces for its structure (`traces.py`), replays the trace that is right for its
numbers, and if there is none runs the function again, whose result is the answer, and keeps the new trace.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from time import perf_counter
from types import MethodType
from typing import TYPE_CHECKING, Any, NoReturn

from .. import functional
from ..engine import Value
from ..errors import ArgumentError, GraphError, ValueTypeError
from ..modes import current_mode, switches, trace_source
from .arguments import Arguments, flatten_call, parameter_names, static_names
from .asking import Given, Gradients, HessianVector, Jacobian, Question, Values, recorded_anew
from .calls import quickly_read, runs_itself, without_values
from .choosing import check_executor
from .replaying import Numbers, Replay, Settings, to_floats
from .routes import Route, signature
from .tracer import Trace
from .traces import Family
from .wanting import Request, given_values, requested

if TYPE_CHECKING:
    from .report import Report

__all__ = ["Compiled", "compile"]

_MOST_FAMILIES = 256
"""So many structures of arguments are kept; then the one that came first makes room."""
_MOST_REQUESTS = 64

Function = Callable[..., Any]

_VALUES = Values()
_depth = functional.nesting.get


class Compiled:
    """A function that is recorded when it is first called, and replayed as native code afterwards.

    `compile(f)` makes one; call it as you would call `f`. It gives plain numbers in the structure that `f`
    returns; where an argument is a Value the results are Values, so that `backward()` on them reaches it.
    `value_and_grad`, `grad`, `jacobian`, `hvp` and `map` differentiate and take batches.

    Parameters, Values from outside that `f` reads, are read afresh at each call. Within another compiled
    function, within `grad` and its like, and within `detect_anomaly`, `f` itself runs. Threads may call it at
    the same time.
    """

    def __init__(self, function: Function, settings: Settings, static: Any = (), verify: int = 0) -> None:
        self._function = function
        self._settings = settings
        self._static = static_names(function, static)
        self._titles = parameter_names(function)
        self._verify = verify
        self._families: dict[Any, Family] = {}
        self._quick: dict[tuple[Any, ...], Family] = {}
        self._routes: dict[Any, Route] = {}
        self._batches: Callable[..., Any] | None = None  # `map`, once it is called
        self._scalars: dict[tuple[Any, ...], Family] = {}  # of them those that take single floats only
        # without its attributes: a transform of a compiled function has those of that, such as `_function`
        functools.update_wrapper(self, function, updated=())

    # --- calls ----------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **named: Any) -> Any:
        """What the function gives. Raises whatever the function raises."""
        if (switches.count or _depth()) and runs_itself():
            return self._as_called(args, named)
        family = None if named else self._scalars.get(tuple(map(type, args)))
        numbers: Numbers = args
        arguments: Arguments | None = None
        if family is None:
            family, numbers, arguments = self._read(args, named)
        replay = family.latest
        if replay is None or replay.values is None or arguments is not None or self._verify:
            return self._answer(_VALUES, family, numbers, arguments)
        if replay.assumptions and not replay.holds:
            return self._answer(_VALUES, family, numbers, None)
        meter = family.values_meter
        meter.calls += 1
        start = perf_counter() if meter.samples_now() else 0.0
        missed, outputs, _ = replay.values.values(replay.leaves(numbers))
        if missed >= 0:
            return self._answer(_VALUES, family, numbers, None, (replay, missed))
        family.calls += 1
        result = float(outputs[0]) if replay.single else replay.trace.rebuild(to_floats(outputs))
        if start:
            meter.add(perf_counter() - start)
        return result

    def value_and_grad(self, *args: Any, wrt: Any = None, **named: Any) -> tuple[Any, Any]:
        """The value, which must be one number, and its gradient in the structure of what it is by.

        `wrt` is the position of an argument, a tuple of positions, a Value, a list of Values, or a model
        (anything with `.parameters()`); by default all positional arguments that hold numbers.

        >>> f = compile(lambda x, y: (x * y).tanh(), executor="python")
        >>> f.value_and_grad(0.0, 2.0)
        (0.0, (2.0, 0.0))
        """
        if (switches.count or _depth()) and runs_itself() and _is_positions(wrt):
            return functional.value_and_grad(self._itself, _positions(wrt, args))(*args, **named)
        key: Any = None
        miss = None
        fixed = _is_positions(wrt)
        if not named and not self._static and not self._verify:
            key = signature(args, wrt if fixed else id(wrt))
            route = self._routes.get(key)
            if route is not None:
                found, miss = route.answer(args, wrt)
                if found is not None:
                    return found  # type: ignore[no-any-return]
        family, numbers, arguments = self._read(args, named)
        request = self._request(family, wrt, arguments)
        answer: tuple[Any, Any] = self._answer(Gradients(request), family, numbers, arguments, miss)
        if key is not None and arguments is None:
            if len(self._routes) >= _MOST_FAMILIES:
                self._routes = {}
            self._routes[key] = Route(family, request, fixed)
        return answer

    def grad(self, *args: Any, wrt: Any = None, **named: Any) -> Any:
        """The gradient alone: see `value_and_grad`.

        >>> compile(lambda x: x[0] * x[1], executor="python").grad([2.0, 3.0])
        [3.0, 2.0]
        """
        return self.value_and_grad(*args, wrt=wrt, **named)[1]

    def jacobian(self, *args: Any, wrt: Any = None, **named: Any) -> Any:
        """All derivatives of all results, for each number of the result a gradient, as `jacobian(f)` gives.

        >>> compile(lambda x: [x[0] * x[1], x[0] + x[1]], executor="python").jacobian([2.0, 3.0])
        [[3.0, 2.0], [1.0, 1.0]]
        """
        if (switches.count or _depth()) and runs_itself() and _is_positions(wrt):
            return functional.jacobian(self._itself, _positions(wrt, args))(*args, **named)
        family, numbers, arguments = self._read(args, named)
        return self._answer(Jacobian(self._request(family, wrt, arguments)), family, numbers, arguments)

    def hvp(self, *args: Any, vector: Any, wrt: Any = None, **named: Any) -> Any:
        """The Hessian times a vector, by forward mode over reverse mode on the tape.

        `vector` has the structure of what `wrt` names, a tuple if there are several; so has the result.
        (Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994.)

        >>> compile(lambda x: x[0] ** 2 * x[1], executor="python").hvp([2.0, 3.0], vector=[1.0, 0.0])
        [6.0, 4.0]
        """
        family, numbers, arguments = self._read(args, named)
        request = self._request(family, wrt, arguments)
        return self._answer(HessianVector(request, vector), family, numbers, arguments)

    def map(
        self,
        *batches: Any,
        wrt: Any = None,
        reduce: str | None = None,
        shared: int | Iterable[int] = (),
        **named: Any,
    ) -> Any:
        """The function for each sample of a batch; with `wrt` a pair of values and gradients.

        The leading axis of each argument is the batch, but for the positions in `shared` and for arguments
        given by name, which are the same for all samples; parameters from outside are, too. Results for
        arrays are arrays with a leading axis, for lists lists. Gradients by what differs from sample to
        sample are per sample; by what is shared they are added up over the samples, with `reduce="mean"`
        averaged.

        >>> compile(lambda w, x: w * x * x, executor="python").map(2.0, [1.0, 3.0], wrt=0, shared=(0,))
        ([2.0, 18.0], 10.0)
        """
        if self._batches is None:
            from .batch_routes import Batches  # needs NumPy

            self._batches = Batches(self)
        return self._batches(batches, named, wrt, _is_positions(wrt), reduce, shared)

    # --- looking in -----------------------------------------------------------------------------------------

    def trace(self, *args: Any, **named: Any) -> Trace:
        """The trace for these arguments: run the function and record it. `.graph()` and `.table()` show it.

        >>> trace = compile(lambda x: (x * 2.0).tanh()).trace(0.5)
        >>> len(trace.tape.codes)
        2
        """
        family, numbers, _ = self._read(args, named)
        with trace_source():  # so that it says where each operation was made
            return recorded_anew(Given(self._function, family, numbers))[0].trace

    def source(self, *args: Any, wrt: Any = None, **named: Any) -> str:
        """The program for these arguments and its adjoint as straight-line Python.

        >>> print(compile(lambda x: x * x).source(3.0))  # doctest: +ELLIPSIS
        def ...
        """
        from .python_straight import prepare

        family, numbers, arguments = self._read(args, named)
        replay = recorded_anew(Given(self._function, family, numbers))[0]
        try:
            nodes = self._request(family, wrt, arguments).of(replay).nodes
        except ArgumentError:
            if wrt is not None:
                raise
            nodes = tuple(range(replay.tape.leaves))  # a function of parameters from outside alone
        return str(prepare(replay.tape, nodes, fuse=self._settings.fuse).source)

    def report(self, *, measure: bool = True) -> Report:
        """What was traced, compiled and called, and what it cost and saved: a `Report`, which prints itself.

        The break-even against eager code is measured when the report is first asked for, by running the
        function eagerly for a moment; not with `measure=False`, nor where it draws random numbers.
        """
        from .report import make_report

        families = tuple(self._families.values())
        return make_report(self._function, self._settings.executor, families, measure)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """All traces that are kept."""
        return tuple(r.trace for family in tuple(self._families.values()) for r in family.replays)

    def __repr__(self) -> str:
        name = getattr(self._function, "__qualname__", repr(self._function))
        return f"<compiled {name}, executor {self._settings.executor!r}, {len(self.traces)} traces>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise GraphError(
            "a compiled function is not pickled: its kernels live in this process. Send plain numbers to "
            "other processes, and let each compile the function for itself, at the top of its module or at "
            "its first call"
        )

    def __deepcopy__(self, memo: Any) -> Compiled:
        return self  # as functions are

    def __copy__(self) -> Compiled:
        return self

    # --- how ------------------------------------------------------------------------------------------------

    def _read(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Family, Numbers, Arguments | None]:
        """The family of these arguments and their numbers; the arguments themselves if Values are among
        them, or if the family is new."""
        quick = None
        if not named and not self._static:
            quick = quickly_read(args)
            if quick is not None:
                family = self._quick.get(quick[0])
                if family is not None:
                    return family, quick[1], None
        arguments = flatten_call(args, named, self._static, self._titles)
        family = self._families.get(arguments.key)
        if family is None:
            example = arguments
            # an example must not keep a graph alive, nor change with a list of the caller's
            if arguments.values or any(isinstance(each, (list, tuple, dict)) for each in args) or named:
                plain, plainly_named = arguments.rebuilt(arguments.numbers)
                example = flatten_call(plain, plainly_named, self._static, self._titles)
            family = self._families.setdefault(arguments.key, Family(example, self._settings))
            self._make_room()
        if quick is not None:
            self._quick[quick[0]] = family
            if quick[0] and set(quick[0]) == {float}:
                self._scalars[quick[0]] = family
        return family, arguments.numbers, arguments if arguments.values else None

    def _itself(self, *args: Any, **named: Any) -> Any:
        """The function itself, on Values in the place of plain numbers, as when it is recorded."""
        arguments = flatten_call(args, named, self._static, self._titles)
        values = given_values(arguments)
        inputs = [values[k] if k in values else Value(number) for k, number in enumerate(arguments.numbers)]
        args, named = arguments.rebuilt(inputs)
        return self._function(*args, **named)

    def _as_called(self, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The same for a call: plain numbers for plain numbers, unless somebody differentiates around."""
        result = self._itself(*args, **named)
        if _depth() or current_mode().tracer is not None:
            return result
        given = flatten_call(args, named, self._static, self._titles).values
        return result if given else without_values(result)

    def _make_room(self) -> None:
        while len(self._families) > _MOST_FAMILIES:
            self._routes = {}
            oldest = next(iter(self._families))
            family = self._families.pop(oldest, None)
            for key in [key for key, known in tuple(self._quick.items()) if known is family]:
                self._quick.pop(key, None)
                self._scalars.pop(key, None)

    def _request(self, family: Family, wrt: Any, arguments: Arguments | None) -> Request:
        """What `wrt` means here; the same object for the same thing, as long as no argument is a Value."""
        if arguments is not None:
            return requested(wrt, arguments)
        plain = _is_positions(wrt)
        key = wrt if plain else id(wrt)
        known = family.requests.get((plain, key))
        if known is None or not (plain or known.still_means(wrt)):
            if len(family.requests) >= _MOST_REQUESTS:
                family.forget_requests()
            known = family.requests[plain, key] = requested(wrt, family.arguments)
        return known

    def _answer(
        self,
        question: Question,
        family: Family,
        numbers: Numbers,
        arguments: Arguments | None,
        missed: tuple[Replay, int] | None = None,
    ) -> Any:
        family.calls += 1
        given = Given(self._function, family, numbers, arguments)
        if self._verify > 0:
            from .verifying import verified

            self._verify -= 1
            return verified(question, given)
        return question.answer(given, missed)


def compile(
    f: Function | None = None,
    *,
    executor: str = "auto",
    static: str | int | Iterable[str | int] = (),
    verify: int = 0,
    fuse: bool = True,
    traces: int = 16,
    threads: int | None = None,
) -> Any:
    """A function that computes what `f` computes, by recording it once and replaying the record.

    `executor` is "auto", "python", "numpy", "llvm" or "interpreter"; `static` names arguments (by position or
    name) that are no numbers to differentiate by: for each of their values there are traces of their own.
    `verify=n` runs the first n calls both ways and raises `CompileError` if they differ. `fuse=False` adds
    sums up in the order in which the program does. Up to `traces` ways to branch are kept for each structure
    of arguments; the least recently used makes room. `threads` limits the threads of `map`. Also a
    decorator, with or without settings. Raises `ArgumentError` for an unknown executor, `CompileError` if
    what it needs is not installed.

    >>> @compile(executor="python")
    ... def f(a, b):
    ...     return (a * b).tanh()
    >>> f(0.0, 2.0), f.grad(0.0, 2.0)
    (0.0, (2.0, 0.0))
    """
    if f is None:
        return functools.partial(
            compile, executor=executor, static=static, verify=verify, fuse=fuse, traces=traces,
            threads=threads,
        )  # fmt: skip
    if isinstance(f, Compiled):
        f = f._function
    if not callable(f):
        raise ValueTypeError(f"compile needs a function, got {f!r:.60}")
    for name, number, least in (("verify", verify, 0), ("traces", traces, 1), ("threads", threads, 1)):
        if number is not None and (not isinstance(number, int) or number < least):
            raise ArgumentError(f"{name} is a whole number from {least} on, got {number!r:.40}")
    return Compiled(f, Settings(check_executor(executor), fuse, traces, threads), static, verify)


def _is_positions(wrt: Any) -> bool:
    if wrt.__class__ is tuple:
        return all(each.__class__ is int for each in wrt)
    return wrt is None or wrt.__class__ is int


def _positions(wrt: Any, args: tuple[Any, ...]) -> Any:
    if wrt is None:
        return 0 if len(args) == 1 else tuple(range(len(args)))
    return wrt
