"""Batches with the executor `numpy`: the samples of a chunk are lanes, the last axis of every array."""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Thread
from typing import Any

import numpy

from ..errors import ArgumentError
from .kernel import BatchResult
from .level_program import Program, expected_of, first_missed, has_nan, run, steps_of
from .level_steps import Buffers, Run
from .scheduling import Schedule

__all__ = ["ArrayLanes"]

Array = Any  # of NumPy

ROOM = 1 << 19
"""How many bytes the numbers of a chunk of lanes may take, so that they stay in the cache."""

SERIAL = 200_000
"""A batch of fewer operations than this is done in one thread."""


class ArrayLanes:
    """A tape made ready for batches with NumPy."""

    executor = "numpy"

    def __init__(
        self, schedule: Schedule, batched: Sequence[bool], fuse: bool = True, threads: int | None = None
    ) -> None:
        assert schedule.uniform is not None
        self.schedule, self.uniform = schedule, schedule.uniform
        self.steps, self.shared_steps = steps_of(schedule, fuse), steps_of(schedule.uniform, fuse)
        own = numpy.flatnonzero(~numpy.asarray(batched, dtype=bool))
        self.shared = own if self.uniform.places is None else self.uniform.places[own]
        self.batched = int(sum(map(bool, batched)))
        self.places = slice(0, self.batched) if schedule.places is None else schedule.places
        self.expected, self.expected_once = expected_of(schedule), expected_of(self.uniform)
        # an odd number of cache lines, so that rows do not fall on the same places of the cache
        self.width = max(16, min(1024, ROOM // (8 * max(schedule.size, 1))) // 16 * 16) + 8
        self.threads = threads
        self._free: list[Workspace] = []
        self._once: list[Program] = []

    def values(self, rows: Any, shared: Any) -> BatchResult:
        """The outputs of every sample."""
        return self._replay(rows, shared, None, differentiate=False)

    def gradients(self, rows: Any, shared: Any, seeds: Any = None) -> BatchResult:
        """Outputs and gradients; `seeds` is (outputs,) or (samples, outputs), 1 unless given."""
        return self._replay(rows, shared, seeds, differentiate=True)

    def _replay(self, rows: Any, shared: Any, seeds: Any, *, differentiate: bool) -> BatchResult:
        rows, shared = numpy.asarray(rows, dtype=float), numpy.asarray(shared, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != self.batched or shared.shape != self.shared.shape:
            raise ArgumentError(
                f"the batch is (samples, {self.batched}) numbers and {len(self.shared)} are shared; "
                f"got arrays of the shapes {rows.shape} and {shared.shape}"
            )
        once = self._once.pop() if self._once else self._shared_program()
        once.buffers.v[self.shared] = shared
        with numpy.errstate(all="ignore"):
            run(once.forward)
            missed = first_missed(self.uniform, once.buffers.v, self.expected_once)
            batch = _Batch(self, rows, once.buffers.v, seeds, differentiate)
            batch.run(self._threads_for(len(rows)))
            found = batch.result(missed, once)
        self._once.append(once)
        return found

    def _shared_program(self) -> Program:
        s = self.uniform
        u, gu = numpy.zeros(s.size), numpy.zeros(s.size)
        u[s.first - len(s.constants) : s.first] = s.constants
        return Program(s, self.shared_steps, Buffers(u, gu, known=True))

    def _threads_for(self, samples: int) -> int:
        most = self.threads if self.threads is not None else os.cpu_count() or 1
        return max(1, min(most, samples // self.width, 1 + samples * self.schedule.size // SERIAL))

    def workspace(self) -> Workspace:
        """Buffers that no thread uses."""
        try:
            return self._free.pop()
        except IndexError:
            return Workspace(self)

    def release(self, workspace: Workspace) -> None:
        """Put buffers back."""
        self._free.append(workspace)


class Workspace:
    """The buffers of one thread: a program for each number of lanes that it has met."""

    def __init__(self, kernel: ArrayLanes) -> None:
        self.kernel = kernel
        self.u, self.gu = numpy.zeros(kernel.uniform.size), numpy.zeros(kernel.uniform.size)
        self.programs: dict[int, Program] = {}

    def program(self, width: int) -> Program:
        """The program for a chunk of this many lanes."""
        if width not in self.programs:
            if len(self.programs) > 3:  # batches of many lengths: keep what all of them use
                self.programs = {w: each for w, each in self.programs.items() if w == self.kernel.width}
            s = self.kernel.schedule
            v, g = numpy.zeros((s.size, width)), numpy.zeros((s.size, width))
            self.programs[width] = Program(s, self.kernel.steps, Buffers(v, g, self.u, self.gu))
        return self.programs[width]


class _Batch:
    """One replay over a batch."""

    def __init__(self, kernel: ArrayLanes, rows: Array, u: Array, seeds: Any, differentiate: bool) -> None:
        self.kernel, self.rows, self.u = kernel, rows, u
        self.seeds = None if seeds is None else numpy.asarray(seeds, dtype=float)
        self.differentiate = differentiate
        s, samples = kernel.schedule, len(rows)
        self.outputs = numpy.empty((samples, len(s.outputs)))
        self.each = numpy.zeros((samples, len(s.wanted))) if differentiate else None
        self.missed = numpy.full(samples, -1)
        self.starts = range(0, samples, kernel.width)
        self.sums: dict[int, Array] = {}
        """For each chunk the gradients of the shared numbers."""
        self.errors: list[BaseException] = []

    def run(self, threads: int) -> None:
        """Run all chunks, some in each thread."""
        others = [Thread(target=self._work, args=(k, threads)) for k in range(1, threads)]
        for thread in others:
            thread.start()
        self._work(0, threads)
        for thread in others:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def result(self, everywhere: int, once: Program) -> BatchResult:
        """What came of it; `everywhere` is the guard that missed for all samples, or -1."""
        if everywhere >= 0:
            self.missed[self.missed < 0] = everywhere
            numpy.minimum(self.missed, everywhere, out=self.missed)
        missed = self.missed if (self.missed >= 0).any() else None
        if not self.differentiate:
            return BatchResult(missed, self.outputs)
        assert self.each is not None
        total = numpy.zeros(len(self.u))
        for start in self.starts:  # in order: the same sum whatever thread was quicker
            if everywhere < 0 and start in self.sums:
                total += self.sums[start]
        g, wanted = once.buffers.g, self.kernel.uniform.wanted
        for calls in (once.backward, lambda: once.careful):
            numpy.copyto(g, total)
            run(calls if isinstance(calls, list) else calls())
            if not has_nan(g[wanted]):
                break
        return BatchResult(missed, self.outputs, self.each, g[wanted])

    def _work(self, first: int, threads: int) -> None:
        try:
            workspace = self.kernel.workspace()
            numpy.copyto(workspace.u, self.u)
            with numpy.errstate(all="ignore"):
                for start in self.starts[first::threads]:
                    stop = min(start + self.kernel.width, len(self.rows))
                    self._chunk(workspace, start, slice(start, stop), stop - start)
            self.kernel.release(workspace)
        except BaseException as error:
            self.errors.append(error)

    def _chunk(self, workspace: Workspace, start: int, samples: Any, width: int) -> None:
        """Run some samples; those that miss a guard are left out of the gradients."""
        kernel, program = self.kernel, workspace.program(width)
        v = program.buffers.v
        v[kernel.places] = self.rows[samples].T
        run(program.forward)
        self.outputs[samples] = v[kernel.schedule.outputs].T
        good = self._guarded(samples, v) if len(kernel.expected) else None
        if not self.differentiate:
            return
        if good is None or good.all():
            self._back(workspace, program, start, samples)
        elif good.any():
            chosen = numpy.arange(len(self.rows))[samples][good]
            self._chunk(workspace, start, chosen, len(chosen))

    def _guarded(self, samples: Any, v: Array) -> Array:
        """Write down which guard each sample missed first; which samples missed none."""
        s, expected = self.kernel.schedule, self.kernel.expected
        missed = numpy.full(v.shape[1], -1)
        for (slot, place), right in zip(s.guards[::-1].tolist(), expected[::-1].tolist(), strict=True):
            found = v[slot]
            if right != right:
                same = numpy.isnan(found)
            else:
                same = (found == right) & (numpy.signbit(found) == numpy.signbit(right))
            missed[~same] = place
        self.missed[samples] = missed
        return missed < 0

    def _back(self, workspace: Workspace, program: Program, start: int, samples: Any) -> None:
        assert self.each is not None
        found = self._backward(workspace, program, program.backward, samples)
        if has_nan(found) or has_nan(workspace.gu):
            program.buffers.g.fill(0.0)
            found = self._backward(workspace, program, program.careful, samples)
        self.each[samples] = found.T
        self.sums[start] = workspace.gu.copy()

    def _backward(self, workspace: Workspace, program: Program, calls: Sequence[Run], samples: Any) -> Array:
        s, g = self.kernel.schedule, program.buffers.g
        g[program.cleared] = 0.0
        workspace.gu.fill(0.0)
        for place, slot in enumerate(s.outputs.tolist()):
            if self.seeds is None:
                g[slot] += 1.0
            else:
                g[slot] += self.seeds[place] if self.seeds.ndim == 1 else self.seeds[samples, place]
        run(calls)
        return g[s.wanted]
