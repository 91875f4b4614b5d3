"""The executor `interpreter`: one interpreter, compiled once for all tapes, runs a tape's plan.

It is compiled by llvmlite from source printed from the op table (`interpreter_source.py`): all rows, both
ways, in less than a second. (numba, whose back end llvmlite is, took some twenty for the same loops in
Python.)

>>> from autograd_lite import ops
>>> from autograd_lite.compiling.building import TapeBuilder
>>> builder = TapeBuilder()
>>> x = builder.input("x")
>>> kernel = prepare(builder.finish([builder.apply(ops.square, (x,))]), [0])
>>> kernel.gradients([3.0])
Result(missed=-1, outputs=[9.0], gradients=[6.0])
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any

import numpy

from ..errors import ArgumentError
from .instructions import AT, FIELDS, Plan
from .interpreter_code import Native, interpreter
from .interpreter_source import END, STATE
from .kernel import Result
from .planning import make_plan
from .tape import CODE, ROWS, Tape

__all__ = ["Interpreted", "prepare"]

_POLYGAMMA = CODE["polygamma"]
_result = tuple.__new__  # of a Result: half the time that its own way takes


def prepare(tape: Tape, wanted: Sequence[int], fuse: bool = True) -> Interpreted:
    """A kernel for a tape; without `fuse` sums go from left to right, as in eager code."""
    return Interpreted(make_plan(tape, wanted, fuse=fuse, reorder=fuse), fuse)


class Interpreted:
    """A plan made ready for single calls, from any number of threads.

    The leaves may be a list of floats, and then outputs and gradients are lists; or a float array, and then
    the gradients are an array.
    """

    executor = "interpreter"

    def __init__(self, plan: Plan, fuse: bool = True) -> None:
        self.plan = plan
        self.fuse = fuse
        self.native = _native(plan)
        calls = self.native.calls
        self._values, self._gradients, self._seeded = calls["values"], calls["gradients"], calls["seeded"]
        self._leaves = plan.tape.leaves
        self._program = _Program(plan, fuse)
        self._idle: list[_Buffers] = []

    def values(self, leaves: Any) -> Result:
        """The outputs."""
        buffers = self._filled(leaves)
        missed = self._values(buffers.state)
        result = _result(Result, (-1, buffers.outputs.tolist(), ())) if missed < 0 else self._missed(missed)
        self._idle.append(buffers)
        return result

    def gradients(self, leaves: Any, seeds: Sequence[float] | None = None) -> Result:
        """The outputs, and the gradients of their sum, each times its seed (1 unless given)."""
        buffers = self._filled(leaves)
        if seeds is None:
            missed = self._gradients(buffers.state)
        else:
            if len(seeds) != len(buffers.seeds):
                raise ArgumentError(f"{len(buffers.seeds)} outputs need a seed each, got {len(seeds)} seeds")
            buffers.seeds[:] = seeds
            missed = self._seeded(buffers.state)
        if missed == -2:  # a gradient is NaN: perhaps only for want of the rule for zero
            missed = self.native.calls["gradients_again" if seeds is None else "seeded_again"](buffers.state)
        if missed >= 0:
            result = self._missed(missed)
        else:
            slopes = buffers.gradients
            found = slopes.copy() if leaves.__class__ is numpy.ndarray else slopes.tolist()
            result = _result(Result, (-1, buffers.outputs.tolist(), found))
        self._idle.append(buffers)
        return result

    def room(self) -> _Buffers:
        """Where the leaves of one call go: `leaves` of it; to be given back by `leave`."""
        try:
            return self._idle.pop()
        except IndexError:
            return _Buffers(self.plan, self._program)

    def leave(self, room: _Buffers) -> None:
        """The room is free again."""
        self._idle.append(room)

    def run(self, room: _Buffers) -> int:
        """Outputs and gradients for the leaves in a room; gives the guard that missed, or -1."""
        missed: int = self._gradients(room.state)
        if missed == -2:
            missed = self.native.calls["gradients_again"](room.state)
        if missed >= 0 and self.plan.numbers is not None:
            return int(self.plan.numbers[missed])
        return missed

    def _filled(self, leaves: Any) -> _Buffers:
        buffers = self.room()
        if leaves.__class__ is numpy.ndarray:
            if leaves.shape != (self._leaves,):
                raise _wrong_count(self._leaves, len(leaves))
            buffers.given[:] = leaves
        else:
            try:
                buffers.pack(buffers.leaves, 0, *leaves)
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


def _native(plan: Plan) -> Native:
    """The interpreter of all rows; for a plan with polygamma one of its own: the rule depends on the order.

    Orders are constants, and their slots come after the leaves.
    """
    code = plan.code
    here = code[code[:, AT["op"]] == _POLYGAMMA]
    if not len(here):
        return interpreter()
    columns = here[:, [AT["count"], AT["b"], AT["sb"]]].tolist()
    slots = {b + k * sb for count, b, sb in columns for k in range(count)}
    orders = {float(plan.constants[slot - plan.tape.leaves]) for slot in slots}
    rows = {op for op in code[:, AT["op"]].tolist() if op < len(ROWS)}
    return interpreter(tuple(sorted(rows)), tuple(sorted(orders)))


def _start_of_run(slots: Any) -> int:
    """The first of slots that stand side by side; -1 for others."""
    side_by_side = len(slots) > 0 and bool((numpy.diff(slots) == 1).all())
    return int(slots[0]) if side_by_side else -1


class _Program:
    """The arrays of a plan that do not change, for all buffers, and where they are."""

    def __init__(self, plan: Plan, fuse: bool) -> None:
        code = numpy.zeros((len(plan.code) + 2, len(FIELDS)), dtype=numpy.int32)
        code[1:-1] = plan.code
        code[[0, -1], 0] = END
        self.longest = int(code[:, 1].max(initial=1))
        """No list is longer."""
        arrays = {
            "code": code, "index": plan.index, "listed": plan.listed, "guards": plan.guards,
            "expected": plan.expected, "outputs": plan.outputs, "wanted": plan.wanted,
            "places": numpy.zeros(0) if plan.places is None else plan.places,
        }  # fmt: skip
        self._kept = {name: numpy.ascontiguousarray(array) for name, array in arrays.items()}
        self.numbers = {name: array.ctypes.data for name, array in self._kept.items()}
        self.numbers["code"] += code.strides[0]
        self.numbers |= {
            "end": self.numbers["code"] + len(plan.code) * code.strides[0], "size": plan.size,
            "guard_count": len(plan.guards), "output_count": len(plan.outputs),
            "wanted_count": len(plan.wanted), "wanted_start": _start_of_run(plan.wanted),
            "exact": int(not fuse), "moved_count": 0 if plan.places is None else plan.tape.leaves,
        }  # fmt: skip


class _Buffers:
    """What one call works with: its numbers, gradients and results, and the list that `run` gets."""

    __slots__ = ("_kept", "given", "gradients", "leaves", "outputs", "pack", "seeds", "state")

    def __init__(self, plan: Plan, program: _Program) -> None:
        size, leaves = plan.size, plan.tape.leaves
        v = numpy.zeros(max(size, 1))
        self.given: Any = v[:leaves] if plan.places is None else numpy.zeros(leaves)
        self.leaves = self.given.data  # quicker than the array
        v[leaves : leaves + len(plan.constants)] = plan.constants
        outputs = numpy.zeros(len(plan.outputs))
        self.outputs = outputs.data
        self.seeds = numpy.ones(len(plan.outputs))
        self.gradients = numpy.zeros(len(plan.wanted))
        self.pack = struct.Struct(f"{leaves}d").pack_into
        arrays = {
            "v": v, "g": numpy.zeros(max(size, 1)), "spare": numpy.zeros(program.longest),
            "leaves": self.given, "seeds": self.seeds, "given_outputs": outputs,
            "given_gradients": self.gradients,
        }  # fmt: skip
        numbers = program.numbers | {name: array.ctypes.data for name, array in arrays.items()}
        state = numpy.array([numbers[name] for name in STATE], dtype=numpy.int64)
        self._kept = program, arrays, state
        self.state = ctypes.c_void_p(state.ctypes.data)

    def slopes(self) -> Any:
        """The gradients as a new array."""
        return self.gradients.copy()

    def listed(self) -> list[float]:
        """The gradients as a list."""
        return self.gradients.tolist()
