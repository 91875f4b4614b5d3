"""Which operations of a tape become one: chains of products and sums, found with whole arrays at a time.

An `Items` is a program again, of fewer and larger steps: operations of fixed arity as they stand on the tape;
sums of products (`DOT`) and of numbers (`SUM`) with any number of terms; rows with lists of operands. An
addition or a product that only one sum uses is a term of that sum and no step of its own; sums of sums are
one sum. That changes the order in which numbers are added, so it is left out without `fuse`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy

from .planning import DOT, SUM, flows
from .tape import CHAIN, CODE, ROWS, TAKE, Tape

__all__ = ["Items", "fused"]

Array = Any  # of NumPy

_ADD, _MUL, _DIV, _SQUARE = (CODE[name] for name in ("add", "mul", "div", "square"))
_SUMS = tuple(CODE[name] for name in ("add", "sum", "mean"))
_DOT_ROW, _MEAN = CODE["dot"], CODE["mean"]


@dataclass(eq=False)
class Items:
    """Steps of a program; each field is an array with an entry for each step, unless it says otherwise."""

    node: Array
    """What a step computes: a node of the tape, or an extra node; these are numbered on from there."""
    kind: Array
    """An op as in the instructions of a `Plan`: a code of the tape, DOT or SUM."""
    order: Array
    """The operation on the tape that it belongs to."""
    level: Array
    """More than the level of whatever it reads."""
    fixed: Array
    """(steps, 3): operands of a row of fixed arity; -1 where there is none."""
    init: Array
    """A node that a sum starts with, or -1."""
    active: Array
    """Bits as in instructions."""
    begin: Array
    """Where the step's terms (of a list: its operands) begin in `left` and `right`."""
    count: Array
    """How many terms there are; 0 for a row of fixed arity."""
    left: Array
    """(terms,) nodes: a number of a sum or a factor of a product, or an operand of a list."""
    right: Array
    """(terms,) nodes: the other factor, or -1."""
    flow: Array
    """(terms, 2): whether a gradient flows to left and right."""
    extra: int = 0
    """How many nodes there are that are not on the tape and computed."""
    numbers: Array = None
    """Constants that are not on the tape; their nodes come after the computed extra ones."""

    def taken(self, which: Array) -> Items:
        """Some of the steps, in this order; the terms stay as they are."""
        fields = ("node", "kind", "order", "level", "fixed", "init", "active", "begin", "count")
        return Items(
            **{name: getattr(self, name)[which] for name in fields},
            left=self.left, right=self.right, flow=self.flow, extra=self.extra, numbers=self.numbers,
        )  # fmt: skip


def _table(codes: Array) -> tuple[Array, Array]:
    """For each code its number of operands with immediates (0: any), and which of them a gradient reaches."""
    arity, flow = numpy.zeros(CHAIN + 1, dtype=numpy.int8), numpy.zeros((CHAIN + 1, 3), dtype=bool)
    for code in numpy.unique(codes).tolist():
        if code == CHAIN or (code != TAKE and ROWS[code].arity is not None):
            flowing = flows(code)
            arity[code] = len(flowing)
            flow[code, : len(flowing)] = flowing
    return arity, flow


class _Arrays:
    """A tape as arrays, and what is known of its nodes."""

    def __init__(self, tape: Tape, wanted: Sequence[int], batched: Sequence[bool] | None) -> None:
        self.first = tape.first_operation
        self.nodes = len(tape)
        self.codes = numpy.array(tape.codes, dtype=numpy.int64)
        self.starts = numpy.array(tape.starts, dtype=numpy.int64)
        self.operands = numpy.array(tape.operands, dtype=numpy.int64)
        self.many = numpy.diff(self.starts)
        arity, flow = _table(self.codes)
        self.arity = arity[self.codes]
        self.owner = numpy.repeat(numpy.arange(len(self.codes)), self.many)
        self.place = numpy.arange(len(self.operands)) - self.starts[self.owner]
        listed = self.arity[self.owner] == 0
        conducts = numpy.where(
            listed,
            (self.codes[self.owner] != TAKE) | (self.place > 0),
            flow[self.codes[self.owner], numpy.minimum(self.place, 2)],
        )
        self.varies = numpy.zeros(self.nodes, dtype=bool)
        if batched is not None:
            self.varies[: tape.leaves] = batched
            self._spread(self.varies, numpy.ones(len(self.operands), dtype=bool))
        needs = numpy.zeros(self.nodes, dtype=bool)
        needs[numpy.array(wanted, dtype=numpy.int64)] = True
        self._spread(needs, conducts)
        self.flow = conducts & needs[self.operands]
        reached = numpy.zeros(self.nodes, dtype=bool)
        outputs = numpy.array(tape.outputs, dtype=numpy.int64)
        reached[outputs] = True
        self._spread_back(reached)
        self.flow &= reached[self.owner + self.first]
        guarded = numpy.array([guard.node for guard in tape.guards], dtype=numpy.int64)
        self.kept = numpy.concatenate([outputs, guarded])

    def pairs(self, along: Array) -> tuple[list[int], list[int], list[int]]:
        """The first and the second operand of each operation along which something passes, as lists.

        The node -1 stands for none. The third list says which operations have more than two of them.
        """
        count = numpy.bincount(self.owner[along], minlength=len(self.codes))
        first = numpy.full(len(self.codes), -1)
        second = numpy.full(len(self.codes), -1)
        edges = numpy.flatnonzero(along)
        ends = numpy.cumsum(count)
        some = count > 0
        first[some] = self.operands[edges[ends[some] - count[some]]]
        second[some] = self.operands[edges[ends[some] - 1]]
        return first.tolist(), second.tolist(), numpy.flatnonzero(count > 2).tolist()

    def _stretches(self, wide: list[int]) -> list[tuple[int, int]]:
        return list(pairwise([-1, *wide, len(self.codes)]))

    def _spread(self, known: Array, along: Array) -> None:
        """What holds of an operand holds of the result."""
        first, second, wide = self.pairs(along)
        marks = bytearray(known.astype(numpy.uint8).tobytes()) + b"\0"  # the last one is node -1
        start = self.first
        for before, end in self._stretches(wide):
            node = start + before + 1
            for a, b in zip(first[before + 1 : end], second[before + 1 : end], strict=True):
                if marks[a] or marks[b]:
                    marks[node] = 1
                node += 1
            if end < len(first):
                edges = slice(self.starts[end], self.starts[end + 1])
                operands = self.operands[edges][along[edges]]
                marks[start + end] = any(marks[o] for o in operands.tolist())
        known[:] = numpy.frombuffer(marks, dtype=numpy.uint8)[:-1] != 0

    def _spread_back(self, known: Array) -> None:
        """What holds of a result holds of its operands to which a gradient flows."""
        first, second, wide = self.pairs(self.flow)
        marks = bytearray(known.astype(numpy.uint8).tobytes()) + b"\0"
        start = self.first
        for before, end in reversed(self._stretches(wide)):
            if end < len(first) and marks[start + end]:
                edges = slice(self.starts[end], self.starts[end + 1])
                for operand in self.operands[edges][self.flow[edges]].tolist():
                    marks[operand] = 1
            node = start + end - 1
            for a, b in zip(
                reversed(first[before + 1 : end]), reversed(second[before + 1 : end]), strict=True
            ):
                if marks[node]:
                    marks[a] = marks[b] = 1
                node -= 1
        known[:] = numpy.frombuffer(marks, dtype=numpy.uint8)[:-1] != 0

    def levels(self, weights: Array) -> Array:
        """For each operation the largest weight of any way to it, itself included."""
        first, second, wide = self.pairs(numpy.ones(len(self.operands), dtype=bool))
        found = [0] * self.first
        append = found.append
        steps = weights.tolist()
        for before, end in self._stretches(wide):
            some = slice(before + 1, end)
            for step, a, b in zip(steps[some], first[some], second[some], strict=True):
                x, y = found[a], found[b]
                append((x if x > y else y) + step)
            if end < len(first):
                operands = self.operands[self.starts[end] : self.starts[end + 1]].tolist()
                append(max(map(found.__getitem__, operands)) + steps[end])
        return numpy.array(found[self.first :], dtype=numpy.int64)


def fused(
    tape: Tape, wanted: Sequence[int], *, fuse: bool = True, batched: Sequence[bool] | None = None
) -> tuple[Items, Array]:
    """The steps of a tape in its order, and which nodes (extra ones too) differ between samples."""
    t = _Arrays(tape, wanted, batched)
    summing = numpy.isin(t.codes, _SUMS)
    into = _absorbed(t, summing, fuse)
    terms = _Terms(t, summing, into)
    return terms.items()


def _absorbed(t: _Arrays, summing: Array, fuse: bool) -> Array:
    """For each operation the sum that it is a part of; -1 if it is a step of its own."""
    into = numpy.full(len(t.codes), -1)
    if not fuse:
        return into
    uses = numpy.bincount(t.operands, minlength=t.nodes)
    uses[t.kept] += 2
    of_sum = summing[t.owner] & (t.operands >= t.first)
    into[t.operands[of_sum] - t.first] = t.owner[of_sum]
    parts = numpy.isin(t.codes, (_ADD, CODE["sum"], _DOT_ROW, _MUL, _SQUARE))
    user = numpy.maximum(into, 0)
    same = t.varies[t.first :] == t.varies[t.first :][user] if len(into) else into >= 0
    into[~(parts & (uses[t.first :] == 1) & same)] = -1
    return into


class _Terms:
    """The terms of every sum, and from them the steps."""

    def __init__(self, t: _Arrays, summing: Array, into: Array) -> None:
        self.t, self.into = t, into
        codes = t.codes
        family = summing | (codes == _DOT_ROW)
        partial = family & (into >= 0)
        root = numpy.arange(len(codes))
        root[partial] = into[partial]
        chained = numpy.flatnonzero(partial)
        while len(chained):
            further = root[root[chained]]
            moved = further != root[chained]
            root[chained] = further
            chained = chained[moved]
        # a product of a shared and a differing number is a sum of one product: lanes can read shared factors
        mixed = (codes == _MUL) & (into < 0)
        if mixed.any():
            at = t.starts[:-1][mixed]
            mixed[mixed] = t.varies[t.operands[at]] != t.varies[t.operands[at + 1]]
        self.root, self.alone = root, mixed
        self.sums = (family & (into < 0)) | mixed
        self._collect(summing)

    def _collect(self, summing: Array) -> None:
        t = self.t
        edges = numpy.flatnonzero(summing[t.owner])
        operation = t.operands[edges] - t.first
        inside = numpy.where(operation >= 0, self.into[numpy.maximum(operation, 0)] >= 0, False)
        code = t.codes[numpy.maximum(operation, 0)]
        product = inside & ((code == _MUL) | (code == _SQUARE))
        single = ~inside
        products = operation[product]
        halves = numpy.flatnonzero((t.codes[t.owner] == _DOT_ROW) & (t.place < t.many[t.owner] // 2))
        lone = numpy.flatnonzero(self.alone)
        at = t.starts[:-1][products]
        left = numpy.concatenate([edges[single], at, halves, t.starts[:-1][lone]])
        right = numpy.concatenate([
            numpy.full(int(single.sum()), -1), at + t.many[products] - 1,
            halves + t.many[t.owner[halves]] // 2, t.starts[:-1][lone] + 1,
        ])  # fmt: skip
        where = numpy.concatenate([edges[single], edges[product], halves, t.starts[:-1][lone]])
        owner = self.root[t.owner[where]]
        sort = numpy.lexsort((where, right < 0, owner))
        self.owner, left, right = owner[sort], left[sort], right[sort]
        self.single = right < 0
        nodes, flow = numpy.append(t.operands, -1), numpy.append(t.flow, False)
        self.left, self.right = nodes[left], nodes[right]
        self.flow = numpy.stack([flow[left], flow[right]], axis=1)
        # the shared factor of a product comes first
        varies = numpy.append(t.varies, False)
        turn = ~self.single & varies[self.left] & ~varies[self.right]
        self.left[turn], self.right[turn] = self.right[turn], self.left[turn]
        self.flow[turn] = self.flow[turn][:, ::-1]

    def items(self) -> tuple[Items, Array]:
        t = self.t
        size = len(t.codes)
        products = numpy.bincount(self.owner[~self.single], minlength=size)
        singles = numpy.bincount(self.owner[self.single], minlength=size)
        begin = numpy.cumsum(products + singles) - (products + singles)
        mean = t.codes == _MEAN
        plain = (t.codes == _ADD) & (products == 0) & (singles == 2)  # an addition as it stands
        sums = self.sums & ~plain
        both = sums & (products > 0) & (singles > 1)
        level = t.levels((self.into < 0).astype(numpy.int64) + both + mean) if size else t.codes
        only = sums & (products == 0)
        node = numpy.arange(size) + t.first
        extra_sum = numpy.flatnonzero(mean)
        extra_singles = numpy.flatnonzero(both)
        sum_node, single_node = node.copy(), numpy.full(size, -1)
        sum_node[extra_sum] = t.nodes + numpy.arange(len(extra_sum))
        single_node[extra_singles] = t.nodes + len(extra_sum) + numpy.arange(len(extra_singles))
        extra = len(extra_sum) + len(extra_singles)
        lengths, which = numpy.unique(t.many[extra_sum], return_inverse=True)
        nodes, flow = numpy.append(self.left, -1), numpy.append(self.flow[:, 0], False)
        some = numpy.bincount(self.owner, weights=self.flow[:, 0] & ~self.single, minlength=size) > 0
        other = numpy.bincount(self.owner, weights=self.flow[:, 1], minlength=size) > 0
        lone = numpy.bincount(self.owner, weights=self.flow[:, 0] & self.single, minlength=size) > 0
        one = sums & (products > 0) & (singles == 1)
        started = numpy.where(one, begin + products, -1)
        parts = _Parts(t)
        # sums of products
        k = numpy.flatnonzero(sums & (products > 0))
        init = numpy.where(singles[k] == 1, nodes[started[k]], single_node[k])
        starting = numpy.where(singles[k] == 1, flow[started[k]], lone[k])
        bits = some[k] + 2 * other[k] + 8 * starting
        parts.add(sum_node[k], DOT, k, level[k] - mean[k], bits, begin[k], products[k], init=init)
        # sums of numbers, alone or what a sum of products starts with
        k = numpy.flatnonzero(only)
        parts.add(sum_node[k], SUM, k, level[k] - mean[k], lone[k], begin[k], singles[k])
        k = numpy.flatnonzero(both)
        at = begin[k] + products[k]
        parts.add(single_node[k], SUM, k, level[k] - 1 - mean[k], lone[k], at, singles[k])
        # the division of a mean
        k = extra_sum
        fixed = numpy.stack([sum_node[k], t.nodes + extra + which, numpy.full(len(k), -1)], axis=1)
        parts.add(node[k], _DIV, k, level[k], (some | other | lone)[k], fixed=fixed)
        # lists come after the terms of sums; then rows of fixed arity
        lists = (t.arity == 0) & ~summing_or_dot(t.codes)
        edges = numpy.flatnonzero(lists[t.owner])
        k = numpy.flatnonzero(lists)
        at = len(self.left) + numpy.cumsum(t.many[k]) - t.many[k]
        parts.add(node[k], t.codes[k], k, level[k], 0, at, t.many[k])
        k = numpy.flatnonzero((t.arity > 0) & (self.into < 0) & ~sums)
        parts.add(node[k], t.codes[k], k, level[k], *_fixed(t, k))
        nothing = numpy.full(len(edges), -1)
        items = parts.items(
            left=numpy.concatenate([self.left, t.operands[edges]]),
            right=numpy.concatenate([self.right, nothing]),
            flow=numpy.concatenate([self.flow, numpy.stack([t.flow[edges], nothing > 0], axis=1)]),
            extra=extra,
            numbers=lengths.astype(float),
        )
        varies = numpy.concatenate([
            t.varies, t.varies[t.first + extra_sum], t.varies[t.first + extra_singles],
            numpy.zeros(len(lengths), dtype=bool),
        ])  # fmt: skip
        return items, varies


def summing_or_dot(codes: Array) -> Array:
    """Whether a row becomes DOT or SUM."""
    return numpy.isin(codes, (*_SUMS, _DOT_ROW))


def _fixed(t: _Arrays, k: Array) -> tuple[Array, Array, Array, Array]:
    """Bits, no terms, and operands of operations of fixed arity."""
    fixed = numpy.full((len(k), 3), -1)
    bits = numpy.zeros(len(k), dtype=numpy.int64)
    for place in range(3):
        has = t.many[k] > place
        edge = t.starts[:-1][k[has]] + place
        fixed[has, place] = t.operands[edge]
        bits[has] += t.flow[edge] << place
    zero = numpy.zeros(len(k), dtype=numpy.int64)
    return bits, zero, zero, fixed


class _Parts:
    """Steps of several kinds, put together in the order of the tape."""

    def __init__(self, t: _Arrays) -> None:
        self.parts: list[tuple[Array, ...]] = []

    def add(
        self, node: Array, kind: Any, order: Array, level: Array, bits: Any, begin: Any = 0, count: Any = 0,
        fixed: Any = -1, init: Any = -1,
    ) -> None:  # fmt: skip
        size = len(node)
        columns = [
            numpy.broadcast_to(each, size) for each in (node, kind, order, level, bits, begin, count, init)
        ]
        self.parts.append((*columns, numpy.broadcast_to(fixed, (size, 3))))

    def items(self, **terms: Any) -> Items:
        node, kind, order, level, bits, begin, count, init, fixed = (
            numpy.concatenate(each) for each in zip(*self.parts, strict=True)
        )
        sort = numpy.argsort(order, kind="stable")
        columns: dict[str, Any] = {
            "node": node, "kind": kind, "order": order, "level": level, "fixed": fixed, "init": init,
            "active": bits.astype(numpy.int64), "begin": begin, "count": count,
        }  # fmt: skip
        return Items(**{name: column[sort] for name, column in columns.items()}, **terms)
