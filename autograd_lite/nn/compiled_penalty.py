"""The penalty on parameters, traced once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..compiling import choosing
from ..compiling.arguments import flatten_call
from ..compiling.kernel import Kernel
from ..compiling.reaching import reach
from ..compiling.tape import Tape
from ..compiling.tracer import trace
from ..engine import Value
from ..errors import ArgumentError, CompileError
from .inputs import shown

__all__ = ["CompiledPenalty"]

_MOST = 16
"""How many traces of a penalty that branches are kept."""


class _Way(NamedTuple):
    tape: Tape
    kernel: Kernel
    reached: list[int]
    """The places of the parameters that it depends on."""


class CompiledPenalty:
    """A function of the optimizer's parameters, which are the inputs of its tape.

    Those that are frozen count in it and get no gradient; the places that it speaks of are among the others.
    """

    def __init__(self, penalty: Any, parameters: Sequence[Value], executor: str) -> None:
        self.penalty, self.parameters, self.executor = penalty, list(parameters), executor
        self._free = [place for place, each in enumerate(self.parameters) if not each.is_frozen]
        self.trained = [self.parameters[place] for place in self._free]
        self._ways: list[_Way] = []

    @property
    def program(self) -> Tape | None:
        """The tape with the parameters as parameters; None if it takes more than what is trained."""
        tape = self._way(0, self._numbers()).tape
        if tape.guards or tape.parameters or len(self.trained) < len(self.parameters):
            return None
        return replace(tape, inputs=0, parameters=tuple(self.parameters))

    @property
    def reached(self) -> list[int]:
        """The places of the parameters that the penalty depends on."""
        return self._way(0, self._numbers()).reached

    def and_gradients(self) -> float:
        """The penalty; its gradients are added to the parameters'."""
        value, reached, slopes = self._found(self._numbers())
        for place, slope in zip(reached, slopes, strict=True):
            self.trained[place].grad += float(slope)
        return value

    def added(self, numbers: Any, slopes: Any, reached: Any) -> float:
        """The penalty for these numbers of what is trained; its gradient is added, marked in `reached`."""
        if len(self.trained) < len(self.parameters):
            given = self._numbers()
            for place, number in zip(self._free, numbers.tolist(), strict=True):
                given[place] = number
            numbers = given
        value, places, own = self._found(numbers)
        slopes[places] += own
        reached[places] = True
        return value

    def _found(self, numbers: Any) -> tuple[float, list[int], Sequence[float]]:
        for known in range(_MOST):
            way = self._way(known, numbers)
            others = [value._data for value in way.tape.parameters]
            result = way.kernel.gradients([*numbers, *others] if others else numbers)
            if result.missed < 0:
                return float(result.outputs[0]), way.reached, result.gradients
        raise CompileError(f"the penalty branches on the parameters in more than {_MOST} ways: use `where` "
                           "or `maximum` in the place of the branch, or leave compiled out")

    def _numbers(self) -> list[float]:
        return [parameter._data for parameter in self.parameters]

    def _way(self, known: int, numbers: Any) -> _Way:
        """One of the traces; the one after the last is made for these numbers of the parameters."""
        if known == len(self._ways):
            tape = trace(self._called, flatten_call(([*map(float, numbers)],), {}, ())).tape
            own = {place: k for k, place in enumerate(self._free)}
            wanted = sorted(reach(tape, tape.outputs[0], self._free).always)
            kernel = choosing.prepare(choosing.choose(tape, self.executor).name, tape, wanted)
            self._ways.append(_Way(tape, kernel, [own[place] for place in wanted]))
        return self._ways[known]

    def _called(self, parameters: list[Any]) -> Any:
        value = self.penalty(parameters)
        if not isinstance(value, Value):
            raise ArgumentError(f"the penalty must return a Value, got {shown(value)}")
        return value
