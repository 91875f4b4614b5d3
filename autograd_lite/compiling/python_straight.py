"""The executor `python`: a tape as one straight-line function in Python, which needs no other package.

The function calculates as eager code does, operation for operation, so all its numbers are eager code's own.
Where Python raises and IEEE 754 has a value (1/0, log(-1)), the call is replayed one operation at a time.

>>> from autograd_lite import ops
>>> from autograd_lite.compiling.building import TapeBuilder
>>> builder = TapeBuilder()
>>> x, w = builder.input("x"), builder.input("w")
>>> tape = builder.finish([builder.apply(ops.tanh, (builder.apply(ops.mul, (x, w)),))])
>>> print(prepare(tape, [0, 1]).source)
def program(leaves):
    x, w = leaves
    v1 = x * w
<BLANKLINE>
    # the adjoint: d_x is the derivative of the result by x, a sum that starts from 0
    g2 = exp(-2.0 * (-v1 if v1 < 0.0 else v1))
    g3 = 1.0 + g2
    d_v1 = 4.0 * g2 / (g3 * g3)
    d_x = d_v1 * w + 0.0
    d_w = d_v1 * x + 0.0
    return -1, [tanh(v1)], [d_x, d_w]
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

from ..errors import ArgumentError
from ..ops.row import RAISED_FOR_IEEE
from .differentiating import Differentiated, differentiated, expanded_with_legend
from .kernel import Result
from .python_careful import missed_guard, replayed
from .python_text import Lines, functions_of, is_known, unpacked
from .tape import Tape

__all__ = ["PythonKernel", "prepare"]

Function = Callable[[Sequence[float]], tuple[int, list[float], list[float]]]


def prepare(tape: Tape, wanted: Sequence[int], fuse: bool = True) -> PythonKernel:
    """A kernel of plain Python; nothing is fused, so `fuse` changes nothing."""
    return PythonKernel(tape, tuple(wanted))


class PythonKernel:
    """A tape ready for single calls. What is needed rarely is compiled when it is first needed."""

    executor = "python"

    def __init__(self, tape: Tape, wanted: tuple[int, ...]) -> None:
        self.tape = tape
        self.wanted = wanted
        self._count = len(tape.outputs)
        self._programs: dict[tuple[bool, bool], _Program] = {}
        self._careful: dict[tuple[bool, bool], Tape] = {}
        self._lock = threading.Lock()

    @property
    def source(self) -> str:
        """The program and its adjoint, as they run."""
        return self._program((True, False)).source

    def values(self, leaves: Sequence[float]) -> Result:
        """The outputs."""
        return self._run((False, False), leaves)

    def gradients(self, leaves: Sequence[float], seeds: Sequence[float] | None = None) -> Result:
        """The outputs and the gradients; the seeds are 1 for each output unless given."""
        if seeds is None:
            return self._run((True, False), leaves)
        if len(seeds) != self._count:
            raise ArgumentError(f"{self._count} outputs need a seed each, got {len(seeds)} seeds")
        inputs = self.tape.inputs
        return self._run((True, True), [*leaves[:inputs], *seeds, *leaves[inputs:]])

    def _run(self, key: tuple[bool, bool], leaves: Sequence[float]) -> Result:
        if leaves.__class__ is not list:  # an array of NumPy would calculate with numbers of its own
            leaves = list(map(float, leaves))
        program = self._programs.get(key) or self._program(key)
        try:
            missed, outputs, gradients = program.function(leaves)
            total = sum(gradients)  # quicker than to look at each; not finite where any of them is not
            if total - total == 0.0 or missed >= 0 or not any(map(math.isnan, gradients)):
                return Result(missed, outputs, gradients)
        except RAISED_FOR_IEEE:
            pass
        return self._with_care(key, leaves)

    def _with_care(self, key: tuple[bool, bool], leaves: Sequence[float]) -> Result:
        """The same by IEEE 754 and with the rule for zero, one operation at a time."""
        tape = self._careful.get(key)
        if tape is None:
            tape = self._careful[key] = self._made(key, careful=True).tape
        if len(leaves) != tape.leaves:
            raise ArgumentError(f"this tape takes {tape.leaves} numbers, got {len(leaves)}")
        numbers = replayed(tape, leaves)
        results = [numbers[output] for output in tape.outputs]
        return Result(missed_guard(tape, numbers), results[: self._count], results[self._count :])

    def _program(self, key: tuple[bool, bool]) -> _Program:
        with self._lock:
            if key not in self._programs:
                self._programs[key] = _Program(self._made(key, careful=False), self._count)
            return self._programs[key]

    def _made(self, key: tuple[bool, bool], *, careful: bool) -> Differentiated:
        """The tape for gradients or not, with seeds or not."""
        gradients, seeded = key
        if not gradients:
            return Differentiated(self.tape, len(self.tape.codes), {})
        seeds = None if seeded else (1.0,) * self._count
        return differentiated(self.tape, self.wanted, careful=careful, seeds=seeds)


class _Program:
    """The function of a tape, and its source."""

    def __init__(self, given: Differentiated, outputs: int) -> None:
        tape, forward, adjoints = expanded_with_legend(given, is_known)
        lines = Lines(tape, forward, adjoints)
        results = [lines.number(output) for output in tape.outputs]
        body = [
            *unpacked(lines.leaves),
            *lines.lines,
            f"return -1, {_listed(results[:outputs])}, {_listed(results[outputs:])}",
        ]
        self.source = "\n".join(["def program(leaves):", *(f"    {line}" if line else "" for line in body)])
        names = functions_of(tape)
        exec(compile(self.source, "<autograd-lite: compiled>", "exec"), names)
        self.function: Function = names["program"]


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"
