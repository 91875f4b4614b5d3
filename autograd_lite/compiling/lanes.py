"""A tape over a batch: the same instruction for many samples at a time, in vector registers.

The plan of a tape (`planning.py`) runs over lanes, one sample in each: a number of the program is a row of
numbers, one for each lane of a chunk. Numbers that all samples share are computed once. Memory does not grow
with the batch, but for what is returned.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy

from ..errors import ArgumentError
from .instructions import Plan
from .kernel import BatchResult
from .lane_runner import Runner
from .planning import make_plan
from .tape import Tape, passes

__all__ = ["Lanes", "prepare_lanes"]

SERIAL = 700_000
"""A batch of fewer operations than this is done in one thread."""

_PROCESSORS = os.cpu_count() or 1


def prepare_lanes(
    tape: Tape, batched: Sequence[bool], wanted: Sequence[int], fuse: bool = True, threads: int | None = None
) -> Lanes:
    """Make a tape ready for batches, see `LaneKernel`; `threads` is the most that a call uses (None: all)."""
    return Lanes(make_plan(tape, wanted, fuse=fuse, batched=batched), batched, threads)


class Lanes:
    """A plan made ready for batches. Threads may call it at the same time."""

    executor = "interpreter"

    def __init__(self, plan: Plan, batched: Sequence[bool], threads: int | None = None) -> None:
        assert plan.uniform is not None
        uniform = plan.uniform
        self.plan = plan
        self.threads = threads
        """The most threads that a call uses, with the same results; None: as many as there are processors."""
        own = _slice_if_run([leaf for leaf, differs in enumerate(batched) if not differs])
        self._batched = sum(map(bool, batched))
        self._shape = (len(batched) - self._batched,)
        leaves = numpy.concatenate([numpy.zeros(len(batched)), uniform.constants])
        nothing = numpy.zeros(0)
        self._own, self._leaves = own, leaves
        self._once = Runner(uniform, len(leaves), nothing, slice(0, 0)) if len(uniform.code) else None
        whole = self._once is not None
        start = numpy.zeros(uniform.size)
        start[: len(leaves)] = leaves
        self._lanes = Runner(plan, self._batched, start, slice(None) if whole else own)
        self._checked = self._once is not None or bool(len(uniform.guards))
        self._seeded = numpy.asarray(uniform.outputs, dtype=numpy.intp)
        self._wanted = _slice_if_run(uniform.wanted.tolist())
        code = plan.code
        self._operations = int((numpy.maximum(code[:, 1], 1) * numpy.maximum(code[:, 9], 1)).sum())

    def values(self, rows: Any, shared: Any) -> BatchResult:
        """The outputs of every sample."""
        rows, u, missed = self._started(rows, shared)
        found = self._lanes.run(rows, u, None, False, self._threads_for)
        return BatchResult(_with_missed(found.missed, missed, len(rows)), found.outputs)

    def gradients(self, rows: Any, shared: Any, seeds: Any = None) -> BatchResult:
        """Outputs and gradients; `seeds` is (outputs,) or (samples, outputs), 1 unless given."""
        rows, u, missed = self._started(rows, shared)
        found = self._lanes.run(rows, u, seeds, True, self._threads_for)
        if not self._checked:
            return BatchResult(found.missed, found.outputs, found.each, found.sums[self._wanted])
        sums = found.sums if missed < 0 else numpy.zeros_like(found.sums)
        return BatchResult(
            _with_missed(found.missed, missed, len(rows)),
            found.outputs,
            found.each,
            self._shared_back(u, sums),
        )

    def _started(self, rows: Any, shared: Any) -> tuple[Any, Any, int]:
        """The batch, the numbers that its samples share, and the guard among these that missed."""
        rows = numpy.ascontiguousarray(rows, dtype=float)
        shared = numpy.asarray(shared, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != self._batched or shared.shape != self._shape:
            raise ArgumentError(
                f"the batch is (samples, {self._batched}) numbers and {self._shape[0]} are shared; "
                f"got arrays of the shapes {rows.shape} and {shared.shape}"
            )
        if not self._checked:
            return rows, shared, -1
        assert self.plan.uniform is not None
        u = self._leaves.copy()
        u[self._own] = shared
        if self._once is None:
            return rows, shared, _first_missed(self.plan.uniform, u)
        u = self._once.numbers(u[None, :])
        return rows, u, _first_missed(self.plan.uniform, u)

    def _shared_back(self, u: Any, sums: Any) -> Any:
        """From the gradients by all shared numbers those by the shared leaves that are wanted."""
        if self._once is None:
            return sums[self._wanted]
        start = u[None, : len(self._leaves)]
        return self._once.run(start, u[:0], sums[self._seeded], True, _one).each[0]

    def _threads_for(self, samples: int) -> int:
        most = _PROCESSORS if self.threads is None else self.threads
        return min(most, 1 + samples * self._operations // SERIAL)


def _one(samples: int) -> int:
    return 1


def _slice_if_run(places: Sequence[int]) -> Any:
    """Places in an array, as a slice if they are one behind the other."""
    if places and list(places) == list(range(places[0], places[0] + len(places))):
        return slice(places[0], places[0] + len(places))
    return numpy.array(places, dtype=numpy.intp)


def _first_missed(plan: Plan, numbers: Any) -> int:
    for slot, expected, number in zip(plan.guards, plan.expected, plan.numbers, strict=True):
        if not passes(float(numbers[slot]), float(expected)):
            return int(number)
    return -1


def _with_missed(lanes: Any, everywhere: int, samples: int) -> Any:
    """For each sample the first guard that missed, where guard `everywhere` missed for all; or None."""
    if everywhere < 0:
        return lanes
    if lanes is None:
        return numpy.full(samples, everywhere)
    return numpy.where(lanes < 0, everywhere, numpy.minimum(lanes, everywhere))
