"""Where gradients flow in a program of steps, and on which level a step may just as well be."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy

from .differentiating import edges
from .items import Items, ranges
from .tape import CHAIN, ROWS, TAKE

__all__ = ["align", "mark_flow"]

Array = Any  # of NumPy

_GUESSES = 4

_NARROW = 100
"""With fewer edges in a level than this, a loop is quicker than NumPy."""


def _conducts(codes: Array) -> Array:
    """For each code which of its operands a gradient flows through, if their number is fixed."""
    found = numpy.zeros((CHAIN + 1, 3), dtype=bool)
    for code in numpy.unique(codes).tolist():
        if code == CHAIN or (code < TAKE and ROWS[code].arity is not None):
            width = 2 if code == CHAIN else (ROWS[code].arity or 0) + len(ROWS[code].immediates)
            found[code, :width] = edges(code, width)
    return found


class _Edges:
    """What every step reads: nodes, one entry for each operand."""

    def __init__(self, items: Items) -> None:
        steps = numpy.arange(len(items.node))
        self.terms = ranges(items.begin, items.count)
        self.owner = numpy.repeat(steps, items.count)
        columns = [*items.fixed.T, items.init, items.left[self.terms], items.right[self.terms]]
        self.source = numpy.concatenate(columns)
        self.step = numpy.concatenate([steps, steps, steps, steps, self.owner, self.owner])
        self.cuts = numpy.cumsum([len(column) for column in columns])[:-1]

    def in_order(self, items: Items, chosen: Array) -> Array:
        """Of the edges chosen those that read something, sorted by the level of the step that reads."""
        edges = numpy.flatnonzero(chosen & (self.source >= 0))
        return edges[numpy.argsort(items.level[self.step[edges]], kind="stable")]


def align(items: Items, nodes: int) -> None:
    """Let steps that can wait run together with steps of their kind that cannot.

    Which level a step is on is what it must wait for; some can run later and nothing takes longer. The
    first word of a text has one key to look at, so that its sum is none: what follows would run one level
    before that of all other words, and be a group of its own.
    """
    edges = _Edges(items)
    where = numpy.full(nodes + 1, -1)  # the last is node -1
    where[items.node] = numpy.arange(len(items.node))
    order = edges.in_order(items, where[edges.source] >= 0)
    reads, makes = where[edges.source[order]], edges.step[order]
    level = items.level
    cuts = _cuts(level[makes])
    if len(cuts) * _NARROW > len(order) or not len(order):
        return
    top = int(level.max())
    late = numpy.full(len(level), top)
    for begin, end in reversed(list(pairwise(cuts))):
        numpy.minimum.at(late, reads[begin:end], late[makes[begin:end]] - 1)
    _, kind = numpy.unique(items.kind * (int(items.count.max()) + 1) + items.count, return_inverse=True)
    bound = kind * (top + 1)
    held = numpy.bincount((bound + level)[late == level], minlength=(int(kind.max()) + 1) * (top + 1))
    chosen = numpy.where((held[bound + level] == 0) & (held[bound + late] > 0), late, level)
    for begin, end in pairwise(cuts):
        numpy.maximum.at(chosen, makes[begin:end], chosen[reads[begin:end]] + 1)
    items.level = chosen


def mark_flow(items: Items, nodes: int, outputs: Array, wanted: Array) -> None:
    """Fill in `active` and `flow`: where a gradient flows from an output to a leaf that is wanted."""
    size, edges = len(items.node), _Edges(items)
    owner, terms = edges.owner, edges.terms
    passing = _conducts(items.kind)[numpy.minimum(items.kind, CHAIN)]  # sums are beyond
    index = (items.kind[owner] == TAKE) & (terms == items.begin[owner])
    always = numpy.ones(size + len(terms), dtype=bool)
    order = edges.in_order(items, numpy.concatenate([*passing.T, always[:size], ~index, always[size:]]))
    reads, makes = edges.source[order], items.node[edges.step[order]]
    level = items.level[edges.step[order]]
    needs, reached = numpy.zeros(nodes, dtype=bool), numpy.zeros(nodes, dtype=bool)
    needs[wanted] = True
    _pass_on(needs, reads, makes, level)
    useful = needs[reads]
    order, reads, makes, level = order[useful], reads[useful], makes[useful], level[useful]
    reached[outputs] = True
    _pass_on(reached, makes[::-1], reads[::-1], level[::-1])
    flowing = numpy.zeros(len(edges.source), dtype=bool)
    flowing[order] = reached[makes]
    first, second, third, init, left, right = numpy.split(flowing, edges.cuts)
    items.flow[terms, 0], items.flow[terms, 1] = left, right
    for bit, part in ((1, first), (2, second), (4, third), (8, init)):
        items.active |= bit * part
    sums = items.kind[owner] > CHAIN
    for bit, part in ((1, left), (2, right)):
        marked = numpy.zeros(size, dtype=bool)
        marked[owner[part & sums]] = True
        items.active |= bit * marked


def _cuts(level: Array) -> list[int]:
    """Where levels begin, and the end."""
    return [0, *(numpy.flatnonzero(numpy.diff(level)) + 1).tolist(), len(level)]


def _pass_on(marks: Array, source: Array, target: Array, level: Array) -> None:
    """Mark the targets of what is marked; the edges are in the order of their levels."""
    # A node is marked by itself or by what it reads: as nothing reads itself there is one solution, and a
    # guess that is consistent is it. Mostly everything depends on something that is wanted.
    guess = marks.copy()
    guess[target] = True
    for _ in range(_GUESSES):
        found = marks.copy()
        found[target[guess[source]]] = True
        if numpy.array_equal(found, guess):
            marks[:] = found
            return
        guess = found
    cuts = _cuts(level)
    if len(cuts) * _NARROW > len(level):
        seen = bytearray(marks.astype(numpy.uint8).tobytes())
        for a, b in zip(source.tolist(), target.tolist(), strict=True):
            if seen[a]:
                seen[b] = 1
        marks[:] = numpy.frombuffer(seen, dtype=numpy.uint8) != 0
        return
    for begin, end in pairwise(cuts):
        marks[target[begin:end][marks[source[begin:end]]]] = True
