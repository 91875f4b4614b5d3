"""The executor `numpy`: whole levels of a tape at a time, one call of NumPy or a few for each group of steps.

A group is one op on one level. Its operands are views of the buffer where they stand in regular patterns, or
are gathered; gradients go back by adding to the same views, or sorted by where they go. Groups of sums of
products are products of matrices where they are regular and large, else gathered together.

For a batch the buffer has an axis of lanes, one for each sample of a chunk that fits the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from ..errors import CompileError
from .fusing import fused
from .kernel import Result
from .level_lanes import ArrayLanes
from .level_program import Program, expected_of, first_missed, has_nan, run, steps_of
from .level_steps import Buffers, Run
from .scheduling import Schedule, scheduled
from .tape import Tape

__all__ = ["ArrayKernels", "prepare", "prepare_lanes"]

Array = Any  # of NumPy

DEEPEST, NARROW = 20_000, 2
"""More groups of steps than this, of fewer steps each, are not worth the wait: ten seconds to get ready."""


def prepare(tape: Tape, wanted: Sequence[int], fuse: bool = True) -> ArrayKernels:
    """Make a tape ready for single calls, see `Kernel`. Raises `CompileError` for a very deep narrow one."""
    items, varies = fused(tape, wanted, fuse=fuse)
    schedule = scheduled(tape, wanted, items, varies, reorder=True)
    groups = int(numpy.count_nonzero(numpy.diff(schedule.group))) + 1
    if groups > DEEPEST and len(schedule.group) < NARROW * groups:
        raise CompileError(
            f"this program is {groups:,} groups of operations one after the other, of "
            f"{len(schedule.group) / groups:.1f} operations each: the executor 'numpy' takes about half a "
            f"millisecond for each group to get ready ({groups / 2000:,.0f} s) and several microseconds at "
            "each call. It is for wide programs: use executor='auto', 'interpreter' or 'python'"
        )
    return ArrayKernels(schedule, fuse)


def prepare_lanes(
    tape: Tape, batched: Sequence[bool], wanted: Sequence[int], fuse: bool = True, threads: int | None = None
) -> ArrayLanes:
    """Make a tape ready for batches, see `LaneKernel`; `threads` is the most that a call uses (None: all)."""
    items, varies = fused(tape, wanted, fuse=fuse, batched=batched)
    return ArrayLanes(scheduled(tape, wanted, items, varies, batched, reorder=True), batched, fuse, threads)


class ArrayKernels:
    """A tape made ready for single calls with NumPy."""

    executor = "numpy"

    def __init__(self, schedule: Schedule, fuse: bool = True) -> None:
        self.schedule = schedule
        self.steps = steps_of(schedule, fuse)
        self._expected = expected_of(schedule)
        self._free: list[Program] = []  # a thread takes one and puts it back

    def values(self, leaves: Sequence[float]) -> Result:
        """The outputs."""
        program = self._program()
        with numpy.errstate(all="ignore"):
            missed = self._forward(program, leaves)
            outputs = program.buffers.v[self.schedule.outputs].tolist()
        self._free.append(program)
        return Result(missed, outputs)

    def gradients(self, leaves: Sequence[float], seeds: Sequence[float] | None = None) -> Result:
        """The outputs and the gradients; the seeds are 1 for each output unless given."""
        program, s = self._program(), self.schedule
        with numpy.errstate(all="ignore"):
            missed = self._forward(program, leaves)
            outputs = program.buffers.v[s.outputs].tolist()
            found = self._backward(program, program.backward, seeds)
            if has_nan(found):
                found = self._backward(program, program.careful, seeds)
        self._free.append(program)
        return Result(missed, outputs, found)

    def _program(self) -> Program:
        try:
            return self._free.pop()
        except IndexError:
            s = self.schedule
            v, g = numpy.zeros(s.size), numpy.zeros(s.size)
            v[s.first - len(s.constants) : s.first] = s.constants
            return Program(s, self.steps, Buffers(v, g))

    def _forward(self, program: Program, leaves: Sequence[float]) -> int:
        s, v = self.schedule, program.buffers.v
        count = s.first - len(s.constants)
        if s.places is None:
            v[:count] = leaves
        else:
            v[s.places] = leaves
        run(program.forward)
        return first_missed(s, v, self._expected)

    def _backward(self, program: Program, calls: Sequence[Run], seeds: Sequence[float] | None) -> Array:
        s, g = self.schedule, program.buffers.g
        g.fill(0.0)
        if len(s.outputs) == 1:
            g[s.outputs] = 1.0 if seeds is None else seeds
        else:
            for place, slot in enumerate(s.outputs.tolist()):
                g[slot] += 1.0 if seeds is None else seeds[place]
        run(calls)
        return g[s.wanted]
