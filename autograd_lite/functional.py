"""Derivatives of functions: `grad`, `jacobian`, `hessian`, `jvp`, `hvp`, and `gradcheck` against finite
differences.

A function takes numbers, or nested lists, tuples, dicts and NumPy arrays of them; gradients come back in the
same shape. The transforms compose to any order, and none of them writes a `.grad`.

>>> grad(grad(lambda x: x**3))(2.0)
12.0
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple, ParamSpec

from . import ops
from .adjoints import differentiable_locals, number_locals, tangents
from .differences import slope
from .engine import Value, gradients, topological_order
from .errors import ArgumentError, AutogradError, ValueTypeError
from .modes import Mode, current_mode, no_grad
from .ops.row import as_number
from .structures import flatten, paths, same_shape

__all__ = ["GradcheckError", "grad", "gradcheck", "hessian", "hvp", "jacobian", "jvp", "value_and_grad"]

ArgumentNumbers = int | Sequence[int]
P = ParamSpec("P")

# How many transforms are running around the present one. Inside another, results stay Values even if the
# arguments are plain numbers, because the outer variable may come in through a closure.
nesting: ContextVar[int] = ContextVar("autograd_lite_transforms", default=0)


class WithGrad(no_grad):
    """The opposite of `no_grad`."""

    __slots__ = ()

    def change(self, mode: Mode) -> Mode:
        return mode.but(grad=True)


def _whatever_is_off(transform: Callable[P, Any]) -> Callable[P, Any]:
    """Who asks for a derivative wants one, also within `no_grad`; there, none flows on from the result."""

    @wraps(transform)
    def run(*args: P.args, **named: P.kwargs) -> Any:
        if current_mode().grad:
            return transform(*args, **named)
        with WithGrad():
            numbers, rebuild = flatten(transform(*args, **named))
        return rebuild([ops.detach(number) for number in numbers])

    return run


def grad(f: Callable[..., Any], argnums: ArgumentNumbers = 0) -> Callable[..., Any]:
    """The function that computes the gradient of `f`, a function with one number as its result.

    `argnums` says by which argument (a tuple: a tuple of gradients); arguments given by name are passed on
    and not differentiated. Raises `ValueTypeError` if the result of `f` is not a single number,
    `ArgumentError` for an argument number that does not exist.

    >>> grad(lambda x, y: x * y, argnums=1)(2.0, 3.0)
    2.0
    >>> grad(lambda p: p["w"] * 3.0 + p["b"])({"w": 2.0, "b": 1.0})
    {'w': 3.0, 'b': 1.0}
    """
    both = value_and_grad(f, argnums)

    @_like(f)
    def transformed(*args: Any, **named: Any) -> Any:
        return both(*args, **named)[1]

    return transformed


def value_and_grad(f: Callable[..., Any], argnums: ArgumentNumbers = 0) -> Callable[..., tuple[Any, Any]]:
    """Like `grad`, and gives the value too.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (9.0, 6.0)
    """

    @_like(f)
    @_whatever_is_off
    def transformed(*args: Any, **named: Any) -> Any:
        call = _Call(f, args, argnums, named)
        output = call.scalar()
        found = (
            gradients(output, call.inputs, create_graph=call.nested)
            if isinstance(output, Value)
            else call.zeros()
        )
        return call.plain(output), call.shaped(found)

    return transformed


def jacobian(f: Callable[..., Any], argnums: ArgumentNumbers = 0) -> Callable[..., Any]:
    """The function that computes all derivatives of a function with several results.

    For each number of the result, in the result's shape, there is a gradient in the argument's shape; where
    both are NumPy arrays it is one array of shape result + argument.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """

    @_like(f)
    @_whatever_is_off
    def transformed(*args: Any, **named: Any) -> Any:
        call = _Call(f, args, argnums, named)
        outputs, rebuild = flatten(call.result)
        rows = []
        for output in outputs:
            known = isinstance(output, Value)
            found = gradients(output, call.inputs, create_graph=call.nested) if known else call.zeros()
            rows.append(call.shaped(found))
        if _is_array(call.result) and rows and _is_array(rows[0]):
            import numpy

            return numpy.array(rows).reshape(call.result.shape + rows[0].shape)
        return rebuild(rows)

    return transformed


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The function that computes the matrix of second derivatives.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


@_whatever_is_off
def jvp(f: Callable[..., Any], primals: Sequence[Any], directions: Sequence[Any]) -> tuple[Any, Any]:
    """The value of `f` and its directional derivative, by forward mode (a Jacobian-vector product).

    `primals` holds the arguments and `directions` a direction for each, in the same shape. The graph is
    recorded once and tangents are pushed along it with the same local gradients as backward (Griewank and
    Walther, "Evaluating Derivatives", 2nd ed. 2008, section 3.1). Raises `ArgumentError` if the shapes
    differ.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    _check_tuples("jvp", primals, directions)
    if not same_shape(tuple(primals), tuple(directions)):
        raise ArgumentError("jvp needs one direction for each argument, in the argument's own shape")
    directed = flatten(tuple(directions))[0]
    call = _Call(f, tuple(primals), tuple(range(len(primals))), others=directed)
    outputs, rebuild = flatten(call.result)
    computed = [output for output in outputs if isinstance(output, Value)]
    seeds = {
        node: direction if isinstance(direction, Value) else float(direction)
        for node, direction in zip(call.inputs, directed, strict=True)
    }
    tracer = current_mode().tracer
    if tracer is not None:
        found = tracer.tangents(computed, seeds)
    else:
        order = topological_order(*computed)
        found = tangents(order, seeds, differentiable_locals if call.nested else number_locals)
    pushed = [found.get(output, 0.0) if isinstance(output, Value) else 0.0 for output in outputs]
    return rebuild([call.plain(output) for output in outputs]), rebuild(
        [call.plain(number) for number in pushed]
    )


def hvp(f: Callable[..., Any], primals: Sequence[Any], directions: Sequence[Any]) -> Any:
    """The Hessian of `f` times a direction, without the Hessian: forward mode over reverse mode.

    Arguments as for `jvp`; the result is a tuple shaped like `primals`. (Pearlmutter, "Fast exact
    multiplication by the Hessian", Neural Computation 6, 1994.)

    >>> hvp(lambda x: x[0] ** 2 * x[1], ([2.0, 3.0],), ([1.0, 0.0],))
    ([6.0, 4.0],)
    """
    _check_tuples("hvp", primals, directions)
    return jvp(grad(f, tuple(range(len(primals)))), primals, directions)[1]


def _check_tuples(name: str, *given: Any) -> None:
    if not all(isinstance(each, (tuple, list)) for each in given):
        raise ArgumentError(f"{name} takes all arguments in a tuple and all directions in one: "
                            f"{name}(f, (2.0,), (1.0,))")  # fmt: skip


class GradcheckError(AutogradError, AssertionError):
    """`gradcheck` found derivatives that differ."""


class Compared(NamedTuple):
    """One derivative: by reverse mode, by forward mode and by finite differences."""

    name: str
    reverse: float
    forward: float
    numeric: float
    error: float
    agrees: bool


def gradcheck(
    f: Callable[..., Any], *args: Any, rtol: float = 1e-6, atol: float = 1e-9, order: int = 1
) -> list[Compared]:
    """Compare the gradient of `f` at `args` with finite differences, in reverse and in forward mode.

    The differences are central and extrapolated (Ridders 1982, see `differences.slope`). `order=2` checks the
    second derivatives as well. Returns one row per number of the arguments; raises `GradcheckError` with the
    table if a row is off by more than `atol + rtol * |derivative|` and the difference's own error, or cannot
    be compared because the function is not finite or not smooth there.

    >>> gradcheck(lambda x: x.tanh(), 0.5)[0].agrees
    True
    """
    if order not in (1, 2):
        raise ArgumentError(f"gradcheck compares derivatives of order 1 or 2, got order={order!r}")
    rows = _compared(f, args, rtol, atol)
    if order > 1:
        numbers, rebuild = flatten(tuple(args))
        for index, name in enumerate(_names(args)):
            first = lambda *xs, k=index: flatten(grad(f, tuple(range(len(xs))))(*xs))[0][k]  # noqa: E731
            rows += [
                row._replace(name=f"{name}, {row.name}")
                for row in _compared(first, rebuild(numbers), rtol, atol)
            ]
    if not all(row.agrees for row in rows):
        table = "\n".join(
            f"  {row.name:<12} reverse {row.reverse:<24.16g} forward {row.forward:<24.16g} "
            f"numeric {row.numeric:.16g}"
            for row in rows
            if not row.agrees
        )
        finite = all(math.isfinite(row.numeric) for row in rows)
        problem = "derivatives differ from finite differences" if finite else (
            "some derivatives differ from finite differences or cannot be compared (no finite slope there)"
        )
        raise GradcheckError(f"{problem}:\n{table}")
    return rows


def _compared(f: Callable[..., Any], args: tuple[Any, ...], rtol: float, atol: float) -> list[Compared]:
    numbers, rebuild = flatten(tuple(args))
    numbers = [float(number) for number in numbers]
    everything = tuple(range(len(args)))
    reverse = flatten(grad(f, everything)(*rebuild(numbers)))[0]
    rows = []
    for index, name in enumerate(_names(args)):
        unit = rebuild([float(k == index) for k in range(len(numbers))])
        forward = jvp(f, rebuild(numbers), unit)[1]
        numeric, spread = _numeric(f, numbers, rebuild, index)
        error = max(abs(reverse[index] - numeric), abs(forward - numeric))
        known = 4.0 * spread if spread <= 1e-4 * max(1.0, abs(numeric)) else 0.0
        agrees = error <= atol + rtol * max(abs(numeric), abs(reverse[index])) + known
        rows.append(Compared(name, reverse[index], forward, numeric, error, agrees))
    return rows


def _numeric(
    f: Callable[..., Any], numbers: list[float], rebuild: Callable[[list[Any]], Any], index: int
) -> tuple[float, float]:
    """The slope by one of the numbers and the error of that estimate, by finite differences."""

    def along(x: float) -> float:
        moved = [Value(x if k == index else number) for k, number in enumerate(numbers)]
        return float(_number(f(*rebuild(moved))))

    return slope(along, numbers[index])


def _names(args: tuple[Any, ...]) -> list[str]:
    return [name for index, argument in enumerate(args) for name in paths(argument, f"x{index}")]


class _Call:
    """One call of a user's function on Values of our own in the place of the numbers asked about."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        argnums: ArgumentNumbers,
        named: Mapping[str, Any] | None = None,
        others: Sequence[Any] = (),
    ) -> None:
        named = named or {}
        self.single = isinstance(argnums, int)
        self.numbers = _checked(argnums, len(args))
        chosen, self.rebuild = flatten(tuple(args[number] for number in self.numbers))
        self.nested = nesting.get() > 0 or any(map(_holds_values, (args, named, others)))
        # an outer variable goes in through a node of its own, so that this transform differentiates by that
        # node only
        tracer = current_mode().tracer
        variable = _variable if tracer is None else tracer.variable
        self.inputs = [variable(number) for number in chosen]
        replaced = dict(zip(self.numbers, self.rebuild(list(self.inputs)), strict=True))
        with _one_deeper():
            self.result = f(*(replaced.get(k, argument) for k, argument in enumerate(args)), **named)

    def scalar(self) -> Any:
        """The result, which must be one number."""
        if isinstance(self.result, (list, tuple, dict)) or _is_array(self.result):
            raise ValueTypeError(
                f"grad needs a function whose result is one number, got a {type(self.result).__name__}: "
                "use jacobian"
            )
        _number(self.result)
        return self.result

    def zeros(self) -> tuple[Any, ...]:
        return tuple(0.0 for _ in self.inputs)

    def plain(self, number: Any) -> Any:
        """A number as the caller gets it: a Value only if somebody may differentiate further."""
        if self.nested:
            return number if isinstance(number, Value) else Value(number)
        return _number(number)

    def shaped(self, found: Sequence[Any]) -> Any:
        shaped = self.rebuild([self.plain(number) for number in found])
        return shaped[0] if self.single else shaped


@contextmanager
def _one_deeper() -> Iterator[None]:
    token = nesting.set(nesting.get() + 1)
    try:
        yield
    finally:
        nesting.reset(token)


def _like(f: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a transform the name and documentation of its function, where it has them."""
    return wraps(f) if hasattr(f, "__name__") else lambda transformed: transformed


def _holds_values(argument: Any) -> bool:
    """Whether a Value stands anywhere in an argument: then somebody outside may differentiate the result."""
    if isinstance(argument, dict):
        return any(map(_holds_values, argument.values()))
    if isinstance(argument, (list, tuple)):
        return any(map(_holds_values, argument))
    if getattr(getattr(argument, "dtype", None), "kind", "") == "O":
        return any(map(_holds_values, argument.ravel().tolist()))
    return isinstance(argument, Value)


def _number(result: Any) -> float:
    return result.item() if isinstance(result, Value) else as_number(result)


def _variable(number: Any) -> Value:
    return ops.identity(number) if isinstance(number, Value) else Value(number)


def _is_array(result: Any) -> bool:
    return bool(getattr(result, "ndim", 0))


def _checked(argnums: ArgumentNumbers, count: int) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    if not isinstance(numbers, (tuple, list)) or not all(isinstance(number, int) for number in numbers):
        raise ArgumentError(f"argnums is the number of an argument or a tuple of them, got {argnums!r:.60}")
    for number in numbers:
        if not -count <= number < count:
            raise ArgumentError(f"argnums names argument {number}, but the function was called with {count}")
    if len({number % count for number in numbers}) < len(numbers):
        raise ArgumentError(f"argnums names an argument twice: {argnums!r}")
    return tuple(number % count for number in numbers)
