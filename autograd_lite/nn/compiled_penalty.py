"""The penalty on parameters, traced once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


class CompiledPenalty:
    """A function of the trained parameters, which are the inputs of its tape."""

    def __init__(self, penalty: Any, parameters: Sequence[Value], executor: str) -> None:
        self.penalty, self.parameters, self.executor = penalty, list(parameters), executor
        self._tapes: list[tuple[Tape, Kernel, list[int]]] = []

    def tape(self) -> Tape:
        """The tape for the parameters as they are now."""
        return self._traced()[0]

    def and_gradients(self) -> float:
        """The penalty; its gradients are added to the parameters'."""
        numbers = [parameter._data for parameter in self.parameters]
        for known in range(_MOST):
            tape, kernel, reached = self._tapes[known] if known < len(self._tapes) else self._traced()
            result = kernel.gradients([*numbers, *[value._data for value in tape.parameters]])
            if result.missed < 0:
                for place, slope in zip(reached, result.gradients, strict=True):
                    self.parameters[place].grad += float(slope)
                return float(result.outputs[0])
        raise CompileError(f"the penalty branches on the parameters in more than {_MOST} ways: use `where` "
                           "or `maximum` in the place of the branch, or leave compiled out")

    def _traced(self) -> tuple[Tape, Kernel, list[int]]:
        numbers = [parameter._data for parameter in self.parameters]
        tape = trace(self._called, flatten_call((numbers,), {}, ())).tape
        reached = sorted(reach(tape, tape.outputs[0], range(tape.inputs)).always)
        kernel = choosing.prepare(choosing.choose(tape, self.executor).name, tape, reached)
        self._tapes.append((tape, kernel, reached))
        return self._tapes[-1]

    def _called(self, parameters: list[Any]) -> Any:
        value = self.penalty(parameters)
        if not isinstance(value, Value):
            raise ArgumentError(f"the penalty must return a Value, got {shown(value)}")
        return value
