"""The executor `numpy`: whole levels of a tape at a time, one call of NumPy or a few for each group of steps.

A group is one op on one level. Its operands are views of the buffer where they stand in regular patterns, or
are gathered; gradients go back by adding to the same views, or sorted by where they go. Groups of sums of
products are products of matrices where they are regular and large, else gathered together.

For a batch the buffer has an axis of lanes, one for each sample of a chunk that fits the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy

from ..errors import ArgumentError
from .array_lists import Lists, Lookups
from .array_products import Products
from .array_steps import Buffers, Copies, Rows, Run, Sums, Terms
from .fusing import fused
from .kernel import BatchResult, Result
from .planning import BROADCAST, DOT, SUM
from .scheduling import Schedule, scheduled
from .tape import ROWS, TAKE, Tape, passes

__all__ = ["ArrayKernels", "ArrayLanes", "prepare", "prepare_lanes"]

Array = Any  # of NumPy

SMALL, LEAST = 512, 48
"""Groups of sums with fewer terms than this are gathered: with their neighbours, or alone."""

ROOM = 1 << 19
"""How many bytes the numbers of a chunk of lanes may take, so that they stay in the cache."""


def prepare(tape: Tape, wanted: Sequence[int], fuse: bool = True) -> ArrayKernels:
    """Make a tape ready for single calls, see `Kernel`."""
    items, varies = fused(tape, wanted, fuse=fuse)
    return ArrayKernels(scheduled(tape, wanted, items, varies, reorder=True), fuse)


def prepare_lanes(
    tape: Tape, batched: Sequence[bool], wanted: Sequence[int], fuse: bool = True, threads: int | None = None
) -> ArrayLanes:
    """Make a tape ready for batches, see `LaneKernel`. NumPy runs in one thread, whatever `threads` says."""
    items, varies = fused(tape, wanted, fuse=fuse, batched=batched)
    return ArrayLanes(scheduled(tape, wanted, items, varies, batched, reorder=True), batched, fuse)


def steps_of(s: Schedule, fuse: bool) -> list[Any]:
    """The groups of a schedule, each as one thing that can be bound to buffers."""
    steps = s.steps
    found: list[Any] = []
    if not len(s.group):
        return []
    ends = numpy.cumsum(steps.count)
    cuts = [0, *(numpy.flatnonzero(_apart(s)) + 1).tolist(), len(s.group)]
    spans = list(pairwise(cuts))
    waiting: list[tuple[int, int]] = []  # groups of sums to be gathered together

    def key(step: int) -> tuple[int, int, int]:
        return int(steps.kind[step]), int(steps.level[step]), int(s.shared[step]) & 9

    def terms(begin: int, end: int) -> Terms:
        span = slice(int(ends[begin] - steps.count[begin]), int(ends[end - 1]))
        return Terms(
            target=int(s.target[begin]), count=steps.count[begin:end], left=s.left[span],
            right=s.right[span] if steps.kind[begin] == DOT else None, flow=steps.flow[s.terms[span]],
            init=s.init[begin:end], starts_flow=steps.active[begin:end] & 8 > 0,
            shared=int(s.shared[begin]), strict=not fuse,
        )  # fmt: skip

    def gather() -> None:
        if waiting:
            found.append(Sums(terms(waiting[0][0], waiting[-1][1])))
            waiting.clear()

    for begin, end in spans:
        kind = int(steps.kind[begin])
        if begin and key(begin) != key(begin - 1):
            gather()
        alone = key(begin) != key(begin - 1) and (end == spans[-1][1] or key(begin) != key(end))
        if kind == DOT and fuse:
            part = terms(begin, end)
            if s.uniform is not None or len(part.left) >= (LEAST if alone else SMALL):
                products = Products(part)
                if products.fits:
                    gather()
                    found.append(products)
                    continue
        if kind in (DOT, SUM):
            waiting.append((begin, end))
            if not fuse:
                gather()
            continue
        found.append(_other(s, kind, begin, end, ends))
    gather()
    return found


def _apart(s: Schedule) -> Array:
    """Between which steps one thing ends and another begins: groups, but lists of one row are one."""
    apart = numpy.diff(s.group) != 0
    lists = numpy.isin(s.steps.kind, [code for code, row in enumerate(ROWS) if row.arity is None])
    same = lists[1:] & lists[:-1]
    for column in (s.steps.kind, s.steps.level):
        same &= numpy.diff(column) == 0
    return apart & ~same


def _other(s: Schedule, kind: int, begin: int, end: int, ends: Array) -> Any:
    """A group that is not one of sums."""
    steps, target, active = s.steps, int(s.target[begin]), int(s.steps.active[begin])
    if kind == BROADCAST:
        return Copies(target, s.fixed[begin:end, 0], active)
    if kind == TAKE or (kind < TAKE and ROWS[kind].arity is None):
        count = steps.count[begin:end]
        span = slice(int(ends[begin] - count[0]), int(ends[end - 1]))
        flow = steps.flow[s.terms[span], 0]
        if kind == TAKE:
            return Lookups(target, int(count[0]), s.left[span], flow, shared=bool(s.shared[begin] & 1))
        return Lists(kind, target, count, s.left[span], flow)
    return Rows(kind, target, s.fixed[begin:end], active)


class _Program:
    """The groups of a schedule bound to buffers."""

    def __init__(self, parts: Sequence[Any], buffers: Buffers) -> None:
        self.buffers = buffers
        bound = [part.bound(buffers) for part in parts]
        self.forward: list[Run] = [forward for forward, _, _ in bound]
        self.backward: list[Run] = [back for _, back, _ in reversed(bound) if back is not None]
        self.careful: list[Run] = [back for _, _, back in reversed(bound) if back is not None]


def _run(calls: Sequence[Callable[[], Any]]) -> None:
    for call in calls:
        call()


def _missed(s: Schedule, v: Array, expected: Array) -> int:
    """The first guard of a schedule that does not hold, by its place on the tape; -1 if all hold."""
    if not len(expected):
        return -1
    found = v[s.guards[:, 0]]
    if found.tobytes() == expected.tobytes():
        return -1
    for number, right, place in zip(found.tolist(), expected.tolist(), s.guards[:, 1].tolist(), strict=True):
        if not passes(number, right):
            return int(place)
    return -1


def _expected(s: Schedule) -> Array:
    return numpy.array([s.tape.guards[place].expected for place in s.guards[:, 1]], dtype=float)


def _has_nan(numbers: Array) -> bool:
    """Whether there is a NaN: a sum of squares is NaN only then."""
    flat = numbers.ravel()
    total = float(flat.dot(flat))
    return total != total


class ArrayKernels:
    """A tape made ready for single calls with NumPy."""

    executor = "numpy"

    def __init__(self, schedule: Schedule, fuse: bool = True) -> None:
        self.schedule = schedule
        self.steps = steps_of(schedule, fuse)
        self._expected = _expected(schedule)
        self._free: list[_Program] = []  # a thread takes one and puts it back

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
            if _has_nan(found):
                found = self._backward(program, program.careful, seeds)
        self._free.append(program)
        return Result(missed, outputs, found)

    def _program(self) -> _Program:
        try:
            return self._free.pop()
        except IndexError:
            s = self.schedule
            v, g = numpy.zeros(s.size), numpy.zeros(s.size)
            v[s.first - len(s.constants) : s.first] = s.constants
            return _Program(self.steps, Buffers(v, g))

    def _forward(self, program: _Program, leaves: Sequence[float]) -> int:
        s, v = self.schedule, program.buffers.v
        count = s.first - len(s.constants)
        if s.places is None:
            v[:count] = leaves
        else:
            v[s.places] = leaves
        _run(program.forward)
        return _missed(s, v, self._expected)

    def _backward(self, program: _Program, calls: Sequence[Run], seeds: Sequence[float] | None) -> Array:
        s, g = self.schedule, program.buffers.g
        g.fill(0.0)
        if len(s.outputs) == 1:
            g[s.outputs] = 1.0 if seeds is None else seeds
        else:
            for place, slot in enumerate(s.outputs.tolist()):
                g[slot] += 1.0 if seeds is None else seeds[place]
        _run(calls)
        return g[s.wanted]


class ArrayLanes:
    """A tape made ready for batches with NumPy."""

    executor = "numpy"

    def __init__(self, schedule: Schedule, batched: Sequence[bool], fuse: bool = True) -> None:
        assert schedule.uniform is not None
        self.schedule, self.uniform = schedule, schedule.uniform
        self.steps, self.shared_steps = steps_of(schedule, fuse), steps_of(schedule.uniform, fuse)
        own = numpy.flatnonzero(~numpy.asarray(batched, dtype=bool))
        self._shared = own if self.uniform.places is None else self.uniform.places[own]
        self._batched = int(sum(map(bool, batched)))
        self._places = numpy.arange(self._batched) if schedule.places is None else schedule.places
        self._expected, self._expected_once = _expected(schedule), _expected(self.uniform)
        # an odd number of cache lines, so that rows do not fall on the same places of the cache
        self.width = max(8, min(1024, ROOM // (8 * max(schedule.size, 1))) // 16 * 16) + 8
        self._free: list[dict[int, _Program]] = []

    def values(self, rows: Any, shared: Any) -> BatchResult:
        """The outputs of every sample."""
        return self._replay(rows, shared, None, differentiate=False)

    def gradients(self, rows: Any, shared: Any, seeds: Any = None) -> BatchResult:
        """Outputs and gradients; `seeds` is (outputs,) or (samples, outputs), 1 unless given."""
        return self._replay(rows, shared, seeds, differentiate=True)

    def _replay(self, rows: Any, shared: Any, seeds: Any, *, differentiate: bool) -> BatchResult:
        rows, shared = numpy.asarray(rows, dtype=float), numpy.asarray(shared, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != self._batched or shared.shape != self._shared.shape:
            raise ArgumentError(
                f"the batch is (samples, {self._batched}) numbers and {len(self._shared)} are shared; "
                f"got arrays of the shapes {rows.shape} and {shared.shape}"
            )
        programs = self._free.pop() if self._free else {}
        with numpy.errstate(all="ignore"):
            found = _Batch(self, programs, rows, shared, seeds, differentiate).result()
        self._free.append(programs)
        return found

    def once(self, programs: dict[int, _Program]) -> _Program:
        """The program of the shared numbers."""
        if 0 not in programs:
            s = self.uniform
            u, gu = numpy.zeros(s.size), numpy.zeros(s.size)
            u[s.first - len(s.constants) : s.first] = s.constants
            programs[0] = _Program(self.shared_steps, Buffers(u, gu))
        return programs[0]

    def chunk(self, programs: dict[int, _Program], width: int) -> _Program:
        """The program of a chunk of this many lanes."""
        if width not in programs:
            if len(programs) > 4:  # batches of many lengths: keep what is used by all
                for other in [w for w in programs if w not in (0, self.width)]:
                    del programs[other]
            once, size = self.once(programs).buffers, self.schedule.size
            buffers = Buffers(numpy.zeros((size, width)), numpy.zeros((size, width)), once.v, once.g)
            programs[width] = _Program(self.steps, buffers)
        return programs[width]


class _Batch:
    """One replay over a batch."""

    def __init__(
        self, kernel: ArrayLanes, programs: dict[int, _Program], rows: Array, shared: Array, seeds: Any,
        differentiate: bool,
    ) -> None:  # fmt: skip
        self.kernel, self.programs, self.rows = kernel, programs, rows
        self.once = kernel.once(programs)
        self.once.buffers.v[kernel._shared] = shared
        self.seeds = None if seeds is None else numpy.asarray(seeds, dtype=float)
        self.differentiate = differentiate
        s, samples = kernel.schedule, len(rows)
        self.outputs = numpy.empty((samples, len(s.outputs)))
        self.each = numpy.zeros((samples, len(s.wanted))) if differentiate else None
        self.missed = numpy.full(samples, -1)

    def result(self) -> BatchResult:
        """Run all chunks in order."""
        kernel, once = self.kernel, self.once
        s, width = kernel.uniform, kernel.width
        _run(once.forward)
        everywhere = _missed(s, once.buffers.v, kernel._expected_once)
        once.buffers.g.fill(0.0)
        for begin in range(0, len(self.rows), width):
            self._chunk(numpy.arange(begin, min(begin + width, len(self.rows))))
        if everywhere >= 0:
            others = self.missed >= 0
            self.missed = numpy.where(others, numpy.minimum(self.missed, everywhere), everywhere)
            once.buffers.g.fill(0.0)
        missed = self.missed if (self.missed >= 0).any() else None
        if not self.differentiate:
            return BatchResult(missed, self.outputs)
        start = once.buffers.g.copy()
        _run(once.backward)
        summed = once.buffers.g[s.wanted]
        if _has_nan(summed):
            numpy.copyto(once.buffers.g, start)
            _run(once.careful)
            summed = once.buffers.g[s.wanted]
        return BatchResult(missed, self.outputs, self.each, summed)

    def _chunk(self, samples: Array) -> None:
        """Run some samples; those that miss a guard are left out of the gradients."""
        kernel = self.kernel
        s, program = kernel.schedule, kernel.chunk(self.programs, len(samples))
        v = program.buffers.v
        v[kernel._places] = (
            self.rows[samples[0] : samples[-1] + 1].T if _together(samples) else (self.rows[samples].T)
        )
        _run(program.forward)
        self.outputs[samples] = v[s.outputs].T
        good = self._guarded(samples, v)
        if not self.differentiate:
            return
        if len(good) == len(samples):
            self._back(samples, program)
        elif len(good):
            self._chunk(good)

    def _guarded(self, samples: Array, v: Array) -> Array:
        """Write down which guard each sample missed first; the samples that missed none."""
        s, expected = self.kernel.schedule, self.kernel._expected
        for (slot, place), right in reversed(list(zip(s.guards.tolist(), expected.tolist(), strict=True))):
            found = v[slot]
            same = (
                numpy.isnan(found)
                if right != right
                else ((found == right) & (numpy.signbit(found) == numpy.signbit(right)))
            )
            self.missed[samples[~same]] = place
        return samples[self.missed[samples] < 0] if len(expected) else samples

    def _back(self, samples: Array, program: _Program) -> None:
        s, gu = self.kernel.schedule, self.once.buffers.g
        before = gu.copy()
        found = self._backward(samples, program, program.backward)
        if _has_nan(found) or _has_nan(gu):
            numpy.copyto(gu, before)
            found = self._backward(samples, program, program.careful)
        assert self.each is not None
        self.each[samples] = found.T
        del s

    def _backward(self, samples: Array, program: _Program, calls: Sequence[Run]) -> Array:
        s, g = self.kernel.schedule, program.buffers.g
        g.fill(0.0)
        for place, slot in enumerate(s.outputs.tolist()):
            if self.seeds is None:
                g[slot] += 1.0
            else:
                g[slot] += self.seeds[place] if self.seeds.ndim == 1 else self.seeds[samples, place]
        _run(calls)
        return g[s.wanted]


def _together(samples: Array) -> bool:
    return len(samples) == int(samples[-1]) - int(samples[0]) + 1
