"""A tape over a batch: the same instruction for many samples at a time, in vector registers.

The plan of a tape (`planning.py`) runs over lanes, one sample in each: a number of the program is a row of
numbers, one for each lane of a chunk. Numbers that all samples share are computed once. Memory does not grow
with the batch, but for what is returned.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy

from ..errors import ArgumentError
from .kernel import BatchResult
from .lane_driver import JOB, driver
from .lane_program import Program, contiguous
from .lane_shapes import PARTS
from .planning import Plan, make_plan
from .tape import Tape, passes
from .vector_code import WIDTH

__all__ = ["Lanes", "prepare_lanes"]

ROOM = 1 << 17
"""How many bytes the numbers of a chunk may take: they and their gradients stay in the second-level cache."""

WIDEST = 7 * WIDTH
"""The most lanes: an odd number of vectors, so that rows do not fall on the same places of the cache."""

SERIAL = 2_000_000
"""A batch of fewer operations than this is done in one thread."""

_FIELD = {name: place for place, name in enumerate(JOB)}


def prepare_lanes(
    tape: Tape, batched: Sequence[bool], wanted: Sequence[int], fuse: bool = True, threads: int | None = None
) -> Lanes:
    """Make a tape ready for batches, see `LaneKernel`; `threads` is the most that a call uses (None: all)."""
    return Lanes(make_plan(tape, wanted, fuse=fuse, batched=batched), batched, wanted, threads)


class Lanes:
    """A plan made ready for batches."""

    executor = "numba"

    def __init__(
        self, plan: Plan, batched: Sequence[bool], wanted: Sequence[int], threads: int | None = None
    ) -> None:
        assert plan.uniform is not None
        uniform = plan.uniform
        self.plan = plan
        self.threads = threads
        """The most threads that a call uses; None: as many as there are processors."""
        self._batched = sum(map(bool, batched))
        self._own = numpy.array([leaf for leaf, own in enumerate(batched) if not own], dtype=numpy.intp)
        self._lanes = _Runner(plan, leaves=self._batched, shared=uniform.size)
        self._once = _Runner(uniform, leaves=uniform.tape.leaves + len(uniform.constants), shared=0)
        self._seeded = numpy.asarray(uniform.outputs, dtype=numpy.intp)
        self._wanted = numpy.asarray(uniform.wanted, dtype=numpy.intp)
        code = plan.code
        self._operations = (
            int((numpy.maximum(code[:, 1], 1) * numpy.maximum(code[:, 9], 1)).sum()) if len(code) else 0
        )

    def values(self, rows: Any, shared: Any) -> BatchResult:
        """The outputs of every sample."""
        return self._run(rows, shared, None, differentiate=False)

    def gradients(self, rows: Any, shared: Any, seeds: Any = None) -> BatchResult:
        """Outputs and gradients; `seeds` is (outputs,) or (samples, outputs), 1 unless given."""
        return self._run(rows, shared, seeds, differentiate=True)

    def _run(self, rows: Any, shared: Any, seeds: Any, differentiate: bool) -> BatchResult:
        rows = numpy.ascontiguousarray(rows, dtype=float)
        shared = numpy.asarray(shared, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != self._batched or shared.shape != self._own.shape:
            raise ArgumentError(
                f"the batch is (samples, {self._batched}) numbers and {len(self._own)} are shared; "
                f"got arrays of the shapes {rows.shape} and {shared.shape}"
            )
        uniform = self.plan.uniform
        assert uniform is not None
        start = numpy.zeros((1, self._once.leaves))
        start[0, self._own] = shared
        start[0, uniform.tape.leaves :] = uniform.constants
        missed, u = -1, start[0]
        if len(uniform.code):
            u = self._once.numbers(start)
            missed = _first_missed(uniform, u)
        run = self._lanes.run(rows, u, seeds, differentiate, self._threads_for(len(rows)))
        found = _with_missed(run.missed, missed)
        if not differentiate:
            return BatchResult(found, run.outputs)
        sums = run.sums
        if missed >= 0:
            sums = numpy.zeros_like(sums)
        if not len(uniform.code):
            return BatchResult(found, run.outputs, run.each, sums[self._wanted])
        back = self._once.run(start, u[:0], sums[self._seeded], True, 1)
        return BatchResult(found, run.outputs, run.each, back.each[0])

    def _threads_for(self, samples: int) -> int:
        most = self.threads if self.threads is not None else os.cpu_count() or 1
        return min(most, 1 + samples * self._operations // SERIAL)


def _first_missed(plan: Plan, numbers: Any) -> int:
    for slot, expected, number in zip(plan.guards, plan.expected, plan.numbers, strict=True):
        if not passes(float(numbers[slot]), float(expected)):
            return int(number)
    return -1


def _with_missed(lanes: Any, everywhere: int) -> Any:
    """For each sample the first guard that missed, where guard `everywhere` missed for all; or None."""
    if everywhere < 0:
        return lanes
    if lanes is None:
        return None
    return numpy.where(lanes < 0, everywhere, numpy.minimum(lanes, everywhere))


class _Done:
    """What a run gives."""

    def __init__(self, missed: Any, outputs: Any, each: Any, sums: Any) -> None:
        self.missed, self.outputs, self.each, self.sums = missed, outputs, each, sums


class _Buffers:
    """What one thread works in: the rows of numbers and of gradients, and the fields of its job."""

    def __init__(self, runner: _Runner) -> None:
        size = runner.plan.size * runner.pitch
        self.v, self.g = _aligned(size), _aligned(size)
        self.gu = _aligned(runner.shared * PARTS)
        self.job = numpy.zeros(len(JOB), dtype=numpy.int64)
        self.address = _address(self.job)
        fixed = {
            "v": _address(self.v), "g": _address(self.g), "gu": _address(self.gu), "code": _address(runner.program.code),
            "index": _address(runner.program.index), "output_slots": _address(runner.outputs),
            "guard_slots": _address(runner.guards), "expected": _address(runner.expected),
            "numbers": _address(runner.guard_numbers), "wanted_slots": _address(runner.wanted), "pitch": runner.pitch,
            "size": runner.plan.size, "instructions": len(runner.program.code), "leaves": runner.leaves,
            "output_count": len(runner.outputs), "guards": len(runner.guards), "wanted": len(runner.wanted),
            "shared": runner.shared,
        }  # fmt: skip
        for name, number in fixed.items():
            self.job[_FIELD[name]] = number


class _Runner:
    """One plan with its kernels and buffers."""

    def __init__(self, plan: Plan, leaves: int, shared: int) -> None:
        self.plan, self.leaves, self.shared = plan, leaves, shared
        self.program = Program(plan)
        wide = WIDEST if plan.uniform is not None else WIDTH
        while wide > WIDTH and plan.size * wide * 8 > ROOM:
            wide -= 2 * WIDTH
        self.pitch = wide
        """How many lanes a chunk has."""
        self.outputs, self.guards, self.wanted = map(contiguous, (plan.outputs, plan.guards, plan.wanted))
        self.expected = numpy.ascontiguousarray(plan.expected, dtype=float)
        self.guard_numbers = numpy.ascontiguousarray(plan.numbers, dtype=float)
        self._free: list[_Buffers] = []
        self._ones = numpy.ones(len(self.outputs))

    @contextmanager
    def _buffers(self) -> Any:
        try:
            buffers = self._free.pop()
        except IndexError:
            buffers = _Buffers(self)
        yield buffers
        self._free.append(buffers)

    def numbers(self, start: Any) -> Any:
        """For one sample, the numbers of all slots."""
        with self._buffers() as buffers:
            self._whole(buffers, start)
            return buffers.v.reshape(-1, self.pitch)[:, 0].copy()

    def _whole(self, buffers: _Buffers, start: Any) -> None:
        missed = numpy.full(self.pitch, -1.0)
        flags, outputs = numpy.zeros(2), numpy.empty((1, len(self.outputs)))
        fields = {"rows": start, "missed": missed, "flags": flags, "outputs": outputs,
                  "once": self.program.addresses("once"), "forward": self.program.addresses("forward")}  # fmt: skip
        for name, array in fields.items():
            buffers.job[_FIELD[name]] = _address(array)
        for name, number in (("samples", 1), ("chunks", 1), ("group", 1), ("differentiate", 0)):
            buffers.job[_FIELD[name]] = number
        driver()(buffers.address, 0, 1)

    def run(self, rows: Any, u: Any, seeds: Any, differentiate: bool, threads: int) -> _Done:
        """Outputs, gradients by the wanted batched leaves, and the sums of those by the shared numbers."""
        samples, pitch = len(rows), self.pitch
        chunks = -(-samples // pitch)
        group = -(-chunks // max(1, min(32, chunks // 8)))
        groups = -(-chunks // group)
        outputs = numpy.empty((samples, len(self.outputs)))
        missed = numpy.full(samples + WIDTH, -1.0)
        flags = numpy.zeros((max(groups, 1), 2))
        fields: dict[str, Any] = {
            "rows": rows, "u": u, "outputs": outputs, "missed": missed, "flags": flags,
            "once": self.program.addresses("once"), "forward": self.program.addresses("forward"),
        }  # fmt: skip
        counts = {"samples": samples, "chunks": chunks, "group": group, "differentiate": int(differentiate)}
        each = sums = None
        if differentiate:
            each = numpy.empty((samples, len(self.wanted)))
            sums = numpy.empty((groups, self.shared))
            seeds = self._ones if seeds is None else numpy.ascontiguousarray(seeds, dtype=float)
            if seeds.shape not in (self._ones.shape, outputs.shape):
                raise ArgumentError(
                    f"the seeds are {self._ones.shape} or {outputs.shape} numbers, got the shape {seeds.shape}"
                )
            counts["seed_rows"] = 0 if seeds.ndim == 1 else seeds.shape[1]
            fields.update(seeds=seeds, each=each, sums=sums, backward=self.program.addresses("backward"))
        settings = [(_FIELD[name], _address(array)) for name, array in fields.items()]
        settings += [(_FIELD[name], number) for name, number in counts.items()]
        self._share(settings, groups, threads)
        if differentiate and flags[:, 0].any():
            careful = _address(self.program.addresses("careful"))
            settings.append((_FIELD["backward"], careful))
            for place in numpy.flatnonzero(flags[:, 0]).tolist():
                self._groups(settings, place, place + 1)
        found = missed[:samples].astype(int) if flags[:, 1].any() else None
        return _Done(found, outputs, each, sums.sum(axis=0) if sums is not None else None)

    def _share(self, settings: list[tuple[int, int]], groups: int, threads: int) -> None:
        threads = min(threads, groups)
        if threads <= 1:
            self._groups(settings, 0, groups)
            return
        bounds = [groups * k // threads for k in range(threads + 1)]
        others = [
            _workers().submit(self._groups, settings, *pair)
            for pair in zip(bounds[1:], bounds[2:], strict=False)
        ]
        self._groups(settings, *bounds[:2])
        for other in others:
            other.result()

    def _groups(self, settings: list[tuple[int, int]], first: int, last: int) -> None:
        with self._buffers() as buffers:
            job = buffers.job
            for place, number in settings:
                job[place] = number
            _driver()(buffers.address, first, last)


def _aligned(size: int) -> Any:
    """Zeros that begin where a line of the cache begins."""
    whole = numpy.zeros(size + 8)
    skip = -_address(whole) % 64 // 8
    return whole[skip : skip + size]


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


@cache
def _driver() -> Callable[[int, int, int], None]:
    return driver()


_lock = threading.Lock()
_pools: list[ThreadPoolExecutor] = []


def _workers() -> ThreadPoolExecutor:
    with _lock:
        if not _pools:
            _pools.append(ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="autograd-lite lanes"))
        return _pools[0]
