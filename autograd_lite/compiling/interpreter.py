"""The executor `numba`: one interpreter, compiled once for all tapes, runs a tape's plan.

>>> from autograd_lite import ops
>>> from autograd_lite.compiling.building import TapeBuilder
>>> builder = TapeBuilder()
>>> x = builder.input("x")
>>> kernel = prepare(builder.finish([builder.apply(ops.square, (x,))]), [0])
>>> kernel.gradients([3.0])
Result(missed=-1, outputs=[9.0], gradients=[6.0])
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy

from ..errors import ArgumentError
from .kernel import Result
from .kernel_cache import interpreter
from .kernel_source import MODES, STATE
from .planning import FIELDS, Plan, make_plan
from .tape import CODE, Tape

__all__ = ["Interpreted", "prepare"]

_POLYGAMMA = CODE["polygamma"]


def prepare(tape: Tape, wanted: Sequence[int], fuse: bool = True) -> Interpreted:
    """A kernel for a tape; without `fuse` sums go from left to right, as in eager code."""
    return Interpreted(make_plan(tape, wanted, fuse=fuse), fuse)


class Interpreted:
    """A plan made ready for single calls, from any number of threads.

    The leaves may be a list of floats, and then outputs and gradients are lists; or a float array, and then
    the gradients are an array.
    """

    executor = "numba"

    def __init__(self, plan: Plan, fuse: bool = True) -> None:
        self.plan = plan
        self.fuse = fuse
        self.native = interpreter(_orders(plan))
        self._run = self.native.run
        self._leaves = plan.tape.leaves
        self._idle: list[_Buffers] = []

    def values(self, leaves: Sequence[float]) -> Result:
        """The outputs."""
        buffers = self._filled(leaves)
        missed = self._run(buffers.address, 0)
        result = Result(-1, buffers.outputs.tolist()) if missed < 0 else self._missed(missed)
        self._idle.append(buffers)
        return result

    def gradients(self, leaves: Any, seeds: Sequence[float] | None = None) -> Result:
        """The outputs, and the gradients of their sum, each times its seed (1 unless given)."""
        buffers = self._filled(leaves)
        mode = 1
        if seeds is not None:
            buffers.seeds[:] = seeds
            mode = 2
        missed = self._run(buffers.address, mode)
        if missed == -2:  # a gradient is NaN: perhaps only for want of the rule for zero
            missed = self._run(buffers.address, mode | MODES["careful"])
        if missed >= 0:
            result = self._missed(missed)
        else:
            slopes = buffers.gradients
            found = slopes.copy() if isinstance(leaves, numpy.ndarray) else slopes.tolist()
            result = Result(-1, buffers.outputs.tolist(), found)
        self._idle.append(buffers)
        return result

    def _filled(self, leaves: Any) -> _Buffers:
        try:
            buffers = self._idle.pop()
        except IndexError:
            buffers = _Buffers(self.plan, self.fuse)
        if isinstance(leaves, numpy.ndarray):
            if len(leaves) != self._leaves:
                raise _wrong_count(self._leaves, len(leaves))
            buffers.leaves[:] = leaves
        else:
            try:
                buffers.pack(buffers.v, 0, *leaves)
            except struct.error:
                if len(leaves) != self._leaves:
                    raise _wrong_count(self._leaves, len(leaves)) from None
                raise
        return buffers

    def _missed(self, place: int) -> Result:
        numbers = self.plan.numbers
        return Result(place if numbers is None else int(numbers[place]), (), ())


def _wrong_count(expected: int, given: int) -> ArgumentError:
    return ArgumentError(f"this kernel takes {expected} numbers (inputs, then parameters), got {given}")


def _orders(plan: Plan) -> list[float]:
    """The orders of polygamma that a plan has; they are constants, and their slots come after the leaves."""
    code = plan.code
    here = code[code[:, 0] == _POLYGAMMA]
    if not len(here):
        return []
    slots = [b + k * sb for count, b, sb in here[:, [1, 5, 6]].tolist() for k in range(count)]
    return [float(plan.constants[slot - plan.tape.leaves]) for slot in set(slots)]


def _start_of_run(slots: Any) -> int:
    """The first of slots that stand side by side; -1 for others."""
    side_by_side = len(slots) > 0 and bool((numpy.diff(slots) == 1).all())
    return int(slots[0]) if side_by_side else -1


class _Buffers:
    """What one call works with: its numbers, gradients and results, and the list that `run` gets."""

    __slots__ = ("address", "g", "gradients", "kept", "leaves", "outputs", "pack", "seeds", "state", "v")

    def __init__(self, plan: Plan, fuse: bool) -> None:
        size, leaves = plan.size, plan.tape.leaves
        code = numpy.ascontiguousarray(plan.code)
        lists = code[:, 1].max(initial=1)  # no list is longer
        self.v: Any = numpy.zeros(max(size, 1))
        self.g = numpy.zeros(max(size, 1))
        self.leaves = self.v[:leaves]
        self.v[leaves : leaves + len(plan.constants)] = plan.constants
        self.outputs = numpy.zeros(len(plan.outputs))
        self.seeds = numpy.ones(len(plan.outputs))
        self.gradients = numpy.zeros(len(plan.wanted))
        spare = numpy.zeros(lists)
        self.pack = struct.Struct(f"{leaves}d").pack_into
        start = code.ctypes.data
        arrays = {
            "code": code, "index": plan.index, "listed": plan.listed, "v": self.v, "g": self.g,
            "guards": plan.guards, "expected": plan.expected, "outputs": plan.outputs, "wanted": plan.wanted,
            "seeds": self.seeds, "given_outputs": self.outputs, "given_gradients": self.gradients, "spare": spare,
        }  # fmt: skip
        self.kept = {name: numpy.ascontiguousarray(array) for name, array in arrays.items()}
        numbers = {name: array.ctypes.data for name, array in self.kept.items()}
        numbers |= {
            "end": start + len(code) * 4 * len(FIELDS), "size": size, "guard_count": len(plan.guards),
            "output_count": len(plan.outputs), "wanted_count": len(plan.wanted),
            "wanted_start": _start_of_run(plan.wanted), "exact": int(not fuse),
        }  # fmt: skip
        self.state = numpy.array([numbers[name] for name in STATE], dtype=numpy.int64)
        self.address = self.state.ctypes.data
