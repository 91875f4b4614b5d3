"""The groups of a schedule as calls of NumPy: which kind of step each one is, and all bound to buffers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy

from .instructions import BROADCAST, DOT, SUM
from .level_lists import Lists, Lookups
from .level_products import Products
from .level_steps import Buffers, Copies, Rows, Run, Sums, Terms
from .scheduling import Schedule
from .tape import ROWS, TAKE, passes

__all__ = ["Program", "expected_of", "first_missed", "has_nan", "run", "steps_of"]

Array = Any  # of NumPy

SMALL, LEAST = 512, 48
"""Groups of sums with fewer terms than this are gathered: with their neighbours, or alone."""


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


class Program:
    """The groups of a schedule bound to buffers."""

    def __init__(self, schedule: Schedule, parts: Sequence[Any], buffers: Buffers) -> None:
        self.schedule, self.parts, self.buffers = schedule, parts, buffers
        buffers.expect(schedule.outputs)
        bound = [part.bound(buffers) for part in reversed(parts)]  # in the order of the backward pass
        buffers.expect(schedule.wanted)
        self.forward: list[Run] = [forward for forward, _ in reversed(bound)]
        self.backward: list[Run] = [back for _, back in bound if back is not None]
        self.cleared = numpy.flatnonzero(buffers.cleared)
        self._careful: list[Run] | None = None

    @property
    def careful(self) -> list[Run]:
        """The backward pass with the rule for zero, made when first needed; it adds to what is there."""
        if self._careful is None:
            b = self.buffers
            bare = Buffers(b.v, b.g, b.u, b.gu, known=True)
            found = [part.careful(bare) for part in reversed(self.parts)]
            self._careful = [back for back in found if back is not None]
        return self._careful


def run(calls: Sequence[Callable[[], Any]]) -> None:
    """Call everything."""
    for call in calls:
        call()


def first_missed(s: Schedule, v: Array, expected: Array) -> int:
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


def expected_of(s: Schedule) -> Array:
    """What the guards of a schedule expect."""
    return numpy.array([s.tape.guards[place].expected for place in s.guards[:, 1]], dtype=float)


def has_nan(numbers: Array) -> bool:
    """Whether there is a NaN: a sum of squares is NaN only then."""
    flat = numbers.ravel()
    total = float(flat.dot(flat))
    return total != total
