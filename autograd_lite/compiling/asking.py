"""What can be asked of a compiled function, and how each is answered: by a replay, or by the function itself.

A question is put to the traces of a family in turn. Where none is right the function is run and recorded, and
the new trace answers; where recording would gain nothing, the function answers eagerly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from time import perf_counter
from typing import Any, NamedTuple

from ..engine import Value, gradients, no_grad
from ..errors import ArgumentError, ValueTypeError
from ..functional import WithGrad
from ..modes import current_mode
from ..ops.row import as_number
from ..structures import flatten, same_shape
from .arguments import Arguments
from .calls import given_to, is_array, to_floats, with_numbers, without_values
from .connecting import connected
from .kernel import Result
from .replaying import Meter, Numbers, Replay
from .tracer import trace
from .traces import Family
from .wanting import Request

__all__ = [
    "Given", "Gradients", "HessianVector", "Jacobian", "Question", "Values", "check_single", "recorded_anew",
]  # fmt: skip


class Given(NamedTuple):
    """A call: the function, its traces and the numbers it is called with."""

    function: Callable[..., Any]
    family: Family
    numbers: Numbers
    arguments: Arguments | None = None
    """If Values are among the arguments; then they are not those of the family."""

    def run(self, numbers: Sequence[Any]) -> Any:
        """The function itself, on numbers that may be Values."""
        args, kwargs = self.family.arguments.rebuilt(numbers)
        return self.function(*args, **kwargs)


def recorded_anew(given: Given) -> tuple[Replay, Sequence[float], Any]:
    """Run the function, record it, and keep the trace; with it come what was drawn, and the result."""
    family, numbers = given.family, given.numbers
    start = perf_counter()
    recorded = trace(given.function, with_numbers(family.arguments, numbers))
    replay = Replay(recorded, family.settings, perf_counter() - start)
    return family.keep(replay), recorded.numbers[len(numbers) :], recorded.result


class Question(ABC):
    """One kind of call. The subclasses say what is asked of a trace, and of the function itself."""

    __slots__ = ()

    def answer(self, given: Given, missed: tuple[Replay, int] | None = None) -> Any:
        """What the caller gets. `missed` is a trace that was tried already, with the guard that missed."""
        family = given.family
        meter = self.meter(family)
        meter.calls += missed is None
        start, making = (perf_counter(), family.making_seconds) if meter.samples_now() else (0.0, 0.0)
        found = family.find(given.numbers, self.asked, missed)
        if found is not None:
            answer = self.shaped(given, *found)
            if start and family.making_seconds == making:
                meter.add(perf_counter() - start)
            return answer
        resting = family.resting
        family.reran()
        if resting:
            return self.eager(given)
        return self.fresh(given, *recorded_anew(given))

    def meter(self, family: Family) -> Meter:
        """Where the time that it took is put down."""
        return Meter()

    def fresh(self, given: Given, replay: Replay, drawn: Sequence[float], result: Any) -> Any:
        """The answer of a trace for these very numbers, which the function gave `result` for."""
        leaves = replay.leaves(given.numbers, drawn)
        found = self.asked(replay, leaves)
        if found.missed < 0:
            return self.shaped(given, replay, leaves, found)
        return self.eager(given)  # a sum that is added up in another order came out on the other side

    @abstractmethod
    def asked(self, replay: Replay, leaves: Numbers) -> Result:
        """What a trace says."""

    @abstractmethod
    def shaped(self, given: Given, replay: Replay, leaves: Numbers, result: Result) -> Any:
        """That, as the caller gets it."""

    @abstractmethod
    def eager(self, given: Given) -> Any:
        """What the function itself says."""


class Values(Question):
    """`f(…)`."""

    __slots__ = ()

    def fresh(self, given: Given, replay: Replay, drawn: Sequence[float], result: Any) -> Any:
        """The run that was recorded has the answer."""
        if given.arguments is not None:
            return super().fresh(given, replay, drawn, result)
        return deepcopy(result)  # the trace keeps its own, and this may be changed by who gets it

    def meter(self, family: Family) -> Meter:
        return family.values_meter

    def asked(self, replay: Replay, leaves: Numbers) -> Result:
        return replay.run(leaves)

    def shaped(self, given: Given, replay: Replay, leaves: Numbers, result: Result) -> Any:
        if given.arguments is not None:
            return connected(given.arguments, given.function, replay, leaves, result)
        if replay.single:
            return float(result.outputs[0])
        return replay.trace.rebuild(to_floats(result.outputs))

    def eager(self, given: Given) -> Any:
        if given.arguments is not None:
            args, kwargs = given_to(given.arguments)
            return given.function(*args, **kwargs)
        with no_grad():
            result = given.run([Value(number) for number in given.numbers])
        return without_values(result)


class Gradients(Question):
    """`f.value_and_grad(…)`."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request

    def meter(self, family: Family) -> Meter:
        return family.gradients_meter

    def asked(self, replay: Replay, leaves: Numbers) -> Result:
        return self.request.of(replay).gradients_kernel().gradients(leaves)

    def shaped(self, given: Given, replay: Replay, leaves: Numbers, result: Result) -> Any:
        check_single(replay.trace.result)
        return float(result.outputs[0]), self.request.of(replay).shaped(result.gradients)

    def eager(self, given: Given) -> Any:
        value, found = self.by_parts(given)
        return value, self.request.shaped(found)

    def by_parts(self, given: Given) -> tuple[float, list[list[float]]]:
        """What the function itself says, the gradients by each part of the request as a list of numbers."""
        with _recording():
            inputs = [Value(number) for number in given.numbers]
            output = given.run(inputs)
            check_single(output)
            places = self.request.among(inputs)
            return _number(output), self.request.added_up(places, _slopes(output, places))


class Jacobian(Question):
    """`f.jacobian(…)`: a gradient for each output."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request

    def asked(self, replay: Replay, leaves: Numbers) -> Result:
        kernel = self.request.of(replay).gradients_kernel()
        count = len(replay.tape.outputs)
        rows = []
        for output in range(count):
            result = kernel.gradients(leaves, [float(k == output) for k in range(count)])
            if result.missed >= 0:
                return result
            rows.append(result.gradients)
        return Result(-1, (), rows)  # type: ignore[arg-type]

    def shaped(self, given: Given, replay: Replay, leaves: Numbers, result: Result) -> Any:
        wanted = self.request.of(replay)
        marks = [object() for _ in replay.tape.outputs]
        rows = dict(zip(marks, map(wanted.shaped, result.gradients), strict=True))
        returned = replay.trace.rebuild(marks)
        zeros = [0.0] * len(wanted.nodes)  # of what is the same at each call
        found = [rows[each] if each in rows else wanted.shaped(zeros) for each in flatten(returned)[0]]
        return _rows_shaped(returned, found)

    def eager(self, given: Given) -> Any:
        with _recording():
            inputs = [Value(number) for number in given.numbers]
            returned = given.run(inputs)
            places = self.request.among(inputs)
            outputs = flatten(returned)[0]
            rows = [
                self.request.shaped(self.request.added_up(places, _slopes(output, places)))
                for output in outputs
            ]
            return _rows_shaped(returned, rows)


class HessianVector(Question):
    """`f.hvp(…)`."""

    __slots__ = ("directions", "request")

    def __init__(self, request: Request, vector: Any) -> None:
        self.request = request
        given = (vector,) if request.single else vector
        several = isinstance(vector, (tuple, list)) and len(vector) == len(request.parts)
        if not (request.single or several):
            raise ArgumentError(
                f"vector needs one direction for each of {len(request.parts)} arguments, in a tuple; got "
                f"{vector!r:.60}"
            )
        self.directions: list[list[float]] = []
        for part, direction in zip(request.parts, given, strict=True):
            if not same_shape(part.shape([0.0] * part.size), direction):
                raise ArgumentError(
                    f"vector must have the structure of what the derivative is by, {part.size} numbers; got "
                    f"{direction!r:.60}"
                )
            self.directions.append([as_number(number) for number in flatten(direction)[0]])

    def asked(self, replay: Replay, leaves: Numbers) -> Result:
        wanted = self.request.of(replay)
        direction = [0.0] * replay.tape.leaves
        for node, number in zip(wanted.nodes, wanted.spread(self.directions), strict=True):
            direction[node] = number
        given = [*to_floats(leaves), *direction]
        missed, outputs, _ = wanted.second_kernel().values(given)
        if missed >= 0:
            return Result(missed, ())
        found = to_floats(outputs)
        if any(number != number for number in found):
            found = to_floats(wanted.second_kernel(careful=True).values(given).outputs)
        return Result(-1, (), found[len(found) - len(wanted.nodes) :])

    def shaped(self, given: Given, replay: Replay, leaves: Numbers, result: Result) -> Any:
        check_single(replay.trace.result)
        return self.request.of(replay).shaped(result.gradients)

    def eager(self, given: Given) -> Any:
        with _recording():
            inputs = [Value(number) for number in given.numbers]
            output = given.run(inputs)
            check_single(output)
            places = self.request.among(inputs)
            direction: dict[Value, float] = {}
            for part, numbers in zip(places, self.directions, strict=True):
                for values, number in zip(part, numbers, strict=True):
                    for value in values:
                        direction[value] = direction.get(value, 0.0) + number
            along: Any = 0.0
            if isinstance(output, Value):
                for slope, number in zip(
                    gradients(output, direction, create_graph=True), direction.values(), strict=True
                ):
                    along = along + slope * number
            return self.request.shaped(self.request.added_up(places, _slopes(along, places)))


def _recording() -> AbstractContextManager[None]:
    """Who asks for a derivative wants one, also within `no_grad`."""
    return nullcontext() if current_mode().grad else WithGrad()


Places = Sequence[Sequence[Sequence[Value]]]


def _slopes(output: Any, places: Places) -> dict[Value, float]:
    """The derivatives of an output by all Values asked for; of a plain number they are 0."""
    wanted = list(dict.fromkeys(value for part in places for values in part for value in values))
    found = gradients(output, wanted) if isinstance(output, Value) else [0.0] * len(wanted)
    return dict(zip(wanted, found, strict=True))


def _rows_shaped(returned: Any, rows: list[Any]) -> Any:
    """A gradient in the place of each number that was returned, as `functional.jacobian` puts it."""
    if is_array(returned) and rows and is_array(rows[0]):
        import numpy

        return numpy.array(rows).reshape(returned.shape + rows[0].shape)
    return flatten(returned)[1](rows)


def check_single(result: Any) -> None:
    """Raise `ValueTypeError` for a result that is not one number."""
    if isinstance(result, (list, tuple, dict)) or is_array(result):
        raise ValueTypeError(
            "a gradient needs a function whose result is one number, got a "
            f"{type(result).__name__}: use f.jacobian"
        )


def _number(result: Any) -> float:
    return float(result.data) if isinstance(result, Value) else as_number(result)
