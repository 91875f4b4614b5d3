"""Steps whose operands stand in arithmetic progressions, put together as instructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from .instructions import AT, DOT, DOT_LIST, FIELDS, SUM, SUM_LIST, Plan
from .items import ranges
from .scheduling import Schedule

__all__ = ["plan_of", "stretches"]

Array = Any  # of NumPy


def stretches(apart: Array, columns: Sequence[Array]) -> Array:
    """Where stretches begin in which every column is an arithmetic progression.

    `apart` marks the entries before which a stretch must end. Long stretches come first, and what is left
    over between them is taken in pairs, as any two numbers are a progression.

    >>> stretches(numpy.zeros(7, dtype=bool), [numpy.array([0, 2, 4, 9, 10, 11, 12])]).tolist()
    [0, 3]
    """
    size = len(apart)
    if size < 2:
        return numpy.arange(size)
    linked = ~apart[1:]  # between an entry and the next
    steady = linked[:-1] & linked[1:]
    for column in columns:
        steps = numpy.diff(column)
        steady &= steps[:-1] == steps[1:]
    inner = numpy.concatenate([[False], steady, [False]])  # both neighbours continue the same progression
    edges = numpy.diff(inner.astype(numpy.int8), prepend=0)
    begins = numpy.flatnonzero(edges == 1) - 1
    ends = numpy.flatnonzero(edges == -1)  # the last entry of a stretch
    begins[1:] = numpy.maximum(begins[1:], ends[:-1] + 1)
    inside = numpy.zeros(size + 1, dtype=numpy.int64)
    numpy.add.at(inside, begins, 1)
    numpy.add.at(inside, ends + 1, -1)
    loose = numpy.cumsum(inside[:-1]) == 0
    fresh = loose & ~numpy.concatenate([[False], loose[:-1] & linked])
    entries = numpy.arange(size)
    since = entries - numpy.maximum.accumulate(numpy.where(fresh, entries, 0))
    marked = loose & (since % 2 == 0)
    marked[begins] = True
    # what follows a stretch begins anew
    return numpy.flatnonzero(marked)


def plan_of(schedule: Schedule) -> Plan:
    """The instructions of a schedule."""
    code, index, listed = _instructions(schedule)
    return Plan(
        tape=schedule.tape,
        size=schedule.size,
        code=code,
        index=numpy.ascontiguousarray(index, dtype=numpy.int32),
        listed=numpy.ascontiguousarray(listed, dtype=numpy.uint8),
        constants=schedule.constants,
        outputs=schedule.outputs.astype(numpy.int32),
        guards=schedule.guards[:, 0].astype(numpy.int32),
        expected=numpy.array([schedule.tape.guards[k].expected for k in schedule.guards[:, 1]], dtype=float),
        wanted=schedule.wanted.astype(numpy.int32),
        numbers=schedule.guards[:, 1].astype(numpy.int32),
        places=None if schedule.places is None else schedule.places.astype(numpy.int32),
        uniform=None if schedule.uniform is None else plan_of(schedule.uniform),
    )


def _strides(begin: Array, count: Array, slots: Array) -> tuple[Array, Array, Array]:
    """For each list its first slot, its stride, and whether it is a progression at all."""
    first = slots[begin]
    second = slots[begin + (count > 1)]
    stride = second - first
    regular = numpy.ones(len(begin), dtype=bool)
    owner = numpy.repeat(numpy.arange(len(begin)), count)
    place = numpy.arange(len(slots)) - begin[owner]
    wrong = slots != first[owner] + place * stride[owner]
    regular[owner[wrong]] = False
    return first, stride, regular


def _instructions(s: Schedule) -> tuple[Array, Array, Array]:
    steps = s.steps
    size = len(steps.node)
    line = numpy.zeros((size, len(FIELDS)), dtype=numpy.int32)
    fields = {
        "op": steps.kind,
        "target": s.target,
        "active": steps.active,
        "shared": s.shared,
        "init": s.init,
    }
    for name, column in fields.items():
        line[:, AT[name]] = column
    for place, name in enumerate("abc"):
        line[:, AT[name]] = numpy.maximum(s.fixed[:, place], 0)
    apart = numpy.ones(size, dtype=bool)
    apart[1:] = numpy.diff(s.group) != 0
    index, listed = _lists(s, line, apart)
    begins = stretches(apart, [line[:, AT[name]] for name in ("a", "b", "c", "init")])
    lengths = numpy.diff(numpy.append(begins, size))
    code = line[begins]
    following = line[begins + (lengths > 1)]
    sums = (code[:, AT["op"]] == DOT) | (code[:, AT["op"]] == SUM)
    fixed = ~sums & (code[:, AT["count"]] == 0)
    code[:, AT["rows"]] = numpy.where(sums, lengths, 1)
    code[fixed, AT["count"]] = lengths[fixed]
    strides = (("a", "sa", "ra"), ("b", "sb", "rb"), ("c", "sc", ""), ("init", "", "ri"))
    for name, stride, row_stride in strides:
        step = following[:, AT[name]] - code[:, AT[name]]
        if stride:
            code[~sums, AT[stride]] = step[~sums]
        if row_stride:
            code[sums, AT[row_stride]] = step[sums]
    return numpy.ascontiguousarray(code), index, listed


def _lists(s: Schedule, line: Array, apart: Array) -> tuple[Array, Array]:
    """Fill in where the terms of sums and the operands of lists stand; give `index` and `listed`."""
    lists = numpy.flatnonzero(s.steps.count > 0)
    kind, count = s.steps.kind[lists], s.steps.count[lists]
    begin = numpy.cumsum(count) - count
    a, sa, regular = _strides(begin, count, s.left)
    b, sb, other = _strides(begin, count, s.right)
    dots = kind == DOT
    sums = dots | (kind == SUM)
    regular &= other & sums
    strided, paired = lists[regular], lists[regular & dots]
    line[lists, AT["count"]] = count
    line[strided, AT["a"]], line[strided, AT["sa"]] = a[regular], sa[regular]
    line[paired, AT["b"]], line[paired, AT["sb"]] = b[regular & dots], sb[regular & dots]
    for name in ("sa", "sb"):
        apart[1:] |= numpy.diff(line[:, AT[name]]) != 0
    # each of the others is an instruction of its own, with its operands in `index`
    wild, pair = lists[~regular], dots[~regular]
    apart[wild] = True
    apart[numpy.minimum(wild + 1, len(apart) - 1)] = True
    starts, lengths = begin[~regular], count[~regular]
    doubled = lengths * (1 + pair)
    entries = numpy.cumsum(doubled) - doubled
    line[wild, AT["a"]] = entries
    line[wild, AT["b"]] = numpy.where(pair, entries + lengths, 0)
    line[wild[pair], AT["op"]] = DOT_LIST
    line[lists[~regular & (kind == SUM)], AT["op"]] = SUM_LIST
    line[wild, AT["active"]] &= 8
    index = numpy.zeros(int(doubled.sum()), dtype=numpy.int32)
    listed = numpy.zeros(len(index), dtype=numpy.uint8)
    flow = s.steps.flow[s.terms]
    source, goal = ranges(starts, lengths), ranges(entries, lengths)
    index[goal], listed[goal] = s.left[source], flow[source, 0]
    source, goal = ranges(starts[pair], lengths[pair]), ranges((entries + lengths)[pair], lengths[pair])
    index[goal], listed[goal] = s.right[source], flow[source, 1]
    return index, listed
