"""One plan with its kernels and buffers: what runs a batch, on one thread or on several."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy

from ..errors import ArgumentError
from .instructions import Plan
from .lane_driver import FIELD, JOB, driver
from .lane_program import Program, contiguous
from .lane_shapes import PARTS
from .lane_vectors import WIDTH

__all__ = ["Runner", "Sums"]

ROOM = 1 << 17
"""How many bytes the numbers of a chunk may take: they and their gradients stay in the second-level cache."""

WIDTHS = tuple(WIDTH * vectors for vectors in (1, 3, 5, 7))
"""How many lanes a chunk may have: odd numbers of vectors, or rows meet in the same places of the cache."""

GROUPS, CHUNKS = 32, 8
"""Sums over samples are made in at most so many groups, each of at least so many chunks."""
_SAMPLES, _DIFFERENTIATE, _BACKWARD = (FIELD[name] for name in ("samples", "differentiate", "backward"))


class Sums(NamedTuple):
    """What a run over a batch gives."""

    missed: Any
    """For each sample the guard that missed, or -1; None if none did."""
    outputs: Any
    each: Any
    """Gradients by the leaves that are wanted, for each sample; None if none were asked for."""
    sums: Any
    """Gradients by all shared numbers, summed over samples."""


class Runner:
    """A plan made ready: `leaves` numbers of each sample go in, and the numbers `start` are read by all."""

    def __init__(self, plan: Plan, leaves: int, start: Any, places: Any) -> None:
        self.plan, self.leaves, self.shared = plan, leaves, len(start)
        self.start, self.places = start, places
        self.program = Program(plan)
        self.widest = max((wide for wide in WIDTHS if plan.size * wide * 8 <= ROOM), default=WIDTH)
        """How many lanes the chunks of a large batch have."""
        self.output_slots, self.guards, self.wanted = map(
            contiguous, (plan.outputs, plan.guards, plan.wanted)
        )
        self.expected = numpy.ascontiguousarray(plan.expected, dtype=float)
        self.guard_numbers = numpy.ascontiguousarray(plan.numbers, dtype=float)
        self.ones = numpy.ones(len(self.output_slots))
        self._free: dict[int, list[_Buffers]] = {wide: [] for wide in WIDTHS}
        self._drive = driver()

    def buffers(self, wide: int) -> _Buffers:
        """Buffers that no other thread uses; to be given back."""
        try:
            return self._free[wide].pop()
        except IndexError:
            return _Buffers(self, wide)

    def give_back(self, buffers: _Buffers) -> None:
        self._free[buffers.wide].append(buffers)

    def numbers(self, start: Any) -> Any:
        """For one sample, the numbers of all slots."""
        buffers = self.buffers(WIDTH)
        self._small(buffers, start, self.start, False)
        found = buffers.v[::WIDTH].copy()
        self.give_back(buffers)
        return found

    def run(
        self, rows: Any, own: Any, seeds: Any, differentiate: bool, threads: Callable[[int], int]
    ) -> Sums:
        """Outputs, gradients by the wanted leaves, and the sums of those by the shared numbers.

        `own` are the shared numbers that `places` tells; the others are as they were when this was made.
        """
        if seeds is not None:
            seeds = numpy.ascontiguousarray(seeds, dtype=float)
            if seeds.shape not in (self.ones.shape, (len(rows), len(self.ones))):
                raise ArgumentError(
                    f"the seeds are {self.ones.shape} or {(len(rows), len(self.ones))} numbers, "
                    f"got an array of the shape {seeds.shape}"
                )
        if seeds is None and 0 < len(rows) <= self.widest:
            return self._run_small(rows, own, differentiate)
        u = self.start.copy()
        u[self.places] = own
        return self._run_large(
            rows, u, self.ones if seeds is None else seeds, differentiate, threads(len(rows))
        )

    def _run_small(self, rows: Any, own: Any, differentiate: bool) -> Sums:
        """A batch of one chunk, through arrays whose addresses are known."""
        samples = len(rows)
        wide = WIDTH
        while wide < samples:
            wide += 2 * WIDTH
        buffers = self.buffers(wide)
        each = sums = None
        try:
            self._small(buffers, rows, own, differentiate)
            outputs = buffers.outputs[:samples].copy()
            missed = buffers.missed[:samples].astype(int) if buffers.marks[1] else None
            if differentiate:
                each, sums = buffers.each[:samples].copy(), buffers.sums.copy()
        finally:
            self.give_back(buffers)
        return Sums(missed, outputs, each, sums)

    def _small(self, buffers: _Buffers, rows: Any, own: Any, differentiate: bool) -> None:
        samples = len(rows)
        buffers.rows[:samples] = rows
        buffers.u[self.places] = own
        fields = buffers.fields
        fields[_SAMPLES] = samples
        fields[_DIFFERENTIATE] = differentiate
        if differentiate and not fields[_BACKWARD]:
            fields[_BACKWARD] = self.program.address("backward")
        self._drive(buffers.address, 0, 1)
        if differentiate and buffers.marks[0]:
            fields[_BACKWARD] = self.program.address("careful")
            self._drive(buffers.address, 0, 1)
            fields[_BACKWARD] = 0

    def _run_large(self, rows: Any, u: Any, seeds: Any, differentiate: bool, threads: int) -> Sums:
        samples = len(rows)
        chunks = -(-samples // self.widest)
        group = -(-chunks // max(1, min(GROUPS, chunks // CHUNKS)))
        groups = -(-chunks // group) if group else 0
        outputs = numpy.empty((samples, len(self.ones)))
        missed = numpy.empty(samples + WIDTH)
        flags = numpy.zeros((groups, 2))
        arrays: dict[str, Any] = {"rows": rows, "u": u, "outputs": outputs, "missed": missed, "flags": flags}
        counts = {"samples": samples, "chunks": chunks, "group": group, "differentiate": int(differentiate)}
        each = sums = None
        if differentiate:
            each, sums = numpy.empty((samples, len(self.wanted))), numpy.empty((groups, self.shared))
            arrays.update(seeds=seeds, each=each, sums=sums)
            counts.update(
                seed_rows=0 if seeds.ndim == 1 else seeds.shape[1], backward=self.program.address("backward")
            )
        settings = {FIELD[name]: address_of(array) for name, array in arrays.items()}
        settings.update((FIELD[name], number) for name, number in counts.items())
        self._share(settings, groups, threads)
        if differentiate and flags[:, 0].any():
            settings[_BACKWARD] = self.program.address("careful")
            for place in numpy.flatnonzero(flags[:, 0]).tolist():
                self._groups(settings, place, place + 1)
        found = missed[:samples].astype(int) if flags[:, 1].any() else None
        return Sums(found, outputs, each, sums.sum(axis=0) if sums is not None else None)

    def _share(self, settings: dict[int, int], groups: int, threads: int) -> None:
        """Do all groups, neighbouring ones on one thread."""
        threads = min(threads, groups)
        if threads <= 1:
            self._groups(settings, 0, groups)
            return
        bounds = [groups * k // threads for k in range(threads + 1)]
        others = [_workers().submit(self._groups, settings, *pair) for pair in pairwise(bounds[1:])]
        self._groups(settings, *bounds[:2])
        for other in others:
            other.result()

    def _groups(self, settings: dict[int, int], first: int, last: int) -> None:
        buffers = self.buffers(self.widest)
        kept = buffers.job.copy()
        for place, number in settings.items():
            buffers.job[place] = number
        self._drive(buffers.address, first, last)
        buffers.job[:] = kept
        self.give_back(buffers)


class _Buffers:
    """What one thread works in: rows of numbers and of gradients, a small batch, the fields of a job."""

    def __init__(self, runner: Runner, wide: int) -> None:
        self.wide = wide
        plan, outputs, wanted = runner.plan, len(runner.output_slots), len(runner.wanted)
        self.v, self.g = aligned(plan.size * wide), aligned(plan.size * wide)
        self.gu = aligned(runner.shared * PARTS)
        self.rows, self.u = numpy.zeros((wide, runner.leaves)), runner.start.copy()
        self.outputs, self.each = numpy.zeros((wide, outputs)), numpy.zeros((wide, wanted))
        self.seeds, self.sums = numpy.ones(outputs), numpy.zeros(runner.shared)
        self.missed, self.flags = numpy.zeros(wide), numpy.zeros(2)
        self.job = numpy.zeros(len(JOB), dtype=numpy.int64)
        self.address = address_of(self.job)
        self.fields, self.marks = self.job.data, self.flags.data  # quicker than the arrays
        arrays = {
            "v": self.v, "g": self.g, "gu": self.gu, "rows": self.rows, "u": self.u, "outputs": self.outputs,
            "each": self.each, "seeds": self.seeds, "sums": self.sums, "missed": self.missed,
            "flags": self.flags,
            "code": runner.program.code, "index": runner.program.index, "output_slots": runner.output_slots,
            "guard_slots": runner.guards, "expected": runner.expected, "numbers": runner.guard_numbers,
            "wanted_slots": runner.wanted,
        }  # fmt: skip
        counts = {
            "once": runner.program.address("once"), "forward": runner.program.address("forward"),
            "pitch": wide, "size": plan.size, "instructions": len(runner.program.code),
            "leaves": runner.leaves,
            "output_count": outputs, "guards": len(runner.guards), "wanted": wanted, "shared": runner.shared,
            "chunks": 1, "group": 1,
        }  # fmt: skip
        for name, array in arrays.items():
            self.job[FIELD[name]] = address_of(array)
        for name, number in counts.items():
            self.job[FIELD[name]] = number


def aligned(size: int) -> Any:
    """Zeros that begin where a line of the cache begins."""
    whole = numpy.zeros(size + 8)
    skip = -address_of(whole) % 64 // 8
    return whole[skip : skip + size]


def address_of(array: Any) -> int:
    """Where an array's numbers begin."""
    return int(array.__array_interface__["data"][0])


_lock = threading.Lock()
_pools: list[ThreadPoolExecutor] = []


def _workers() -> ThreadPoolExecutor:
    with _lock:
        if not _pools:
            _pools.append(ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="autograd-lite lanes"))
        return _pools[0]


def _after_fork() -> None:
    """A forked process has none of its parent's threads, and would wait for them for ever."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
