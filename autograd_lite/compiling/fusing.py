"""Which operations of a tape become one: chains of products and sums, found with whole arrays at a time.

An `Items` is a program again, of fewer and larger steps: operations of fixed arity as they stand on the tape;
sums of products (`DOT`) and of numbers (`SUM`) with any number of terms; rows with lists of operands. An
addition or a product that only one sum uses is a term of that sum and no step of its own; sums of sums are
one sum. That changes the order in which numbers are added, so it is left out without `fuse`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy

from .flowing import align, mark_flow
from .instructions import DOT, SUM
from .items import Items
from .tape import CODE, ROWS, TAKE, Tape

__all__ = ["fused"]

Array = Any  # of NumPy

_ADD, _MUL, _DIV, _SQUARE = (CODE[name] for name in ("add", "mul", "div", "square"))
_SUMS = tuple(CODE[name] for name in ("add", "sum", "mean"))
_DOT_ROW, _MEAN = CODE["dot"], CODE["mean"]
_LISTED = [TAKE]  # rows with lists of operands that are not sums
_LISTED += [c for c, row in enumerate(ROWS) if row.arity is None and c not in (*_SUMS, _DOT_ROW)]


class _Arrays:
    """A tape as arrays, and which of its nodes differ between samples."""

    def __init__(self, tape: Tape, batched: Sequence[bool] | None) -> None:
        self.first = tape.first_operation
        self.nodes, self.leaves = len(tape), tape.leaves
        self.codes = numpy.array(tape.codes, dtype=numpy.int64)
        self.starts = numpy.array(tape.starts, dtype=numpy.int64)
        self.operands = numpy.array(tape.operands, dtype=numpy.int64)
        self.many = numpy.diff(self.starts)
        self.owner = numpy.repeat(numpy.arange(len(self.codes)), self.many)
        self.place = numpy.arange(len(self.operands)) - self.starts[self.owner]
        self.summing = numpy.isin(self.codes, _SUMS)
        self.outputs = numpy.array(tape.outputs, dtype=numpy.int64)
        self.guarded = numpy.array([guard.node for guard in tape.guards], dtype=numpy.int64)
        self.varies = numpy.zeros(self.nodes, dtype=bool)
        if batched is not None:
            self.varies[: tape.leaves] = batched
            marks = bytearray(self.varies.astype(numpy.uint8).tobytes())
            for operand, node in zip(self.operands.tolist(), (self.owner + self.first).tolist(), strict=True):
                if marks[operand]:
                    marks[node] = 1
            self.varies = numpy.frombuffer(marks, dtype=numpy.uint8) != 0

    def levels(self, weights: Array) -> Array:
        """For each operation the largest weight of any way to it, itself included."""
        first = self.operands[self.starts[:-1]].tolist()
        second = self.operands[self.starts[1:] - 1].tolist()
        wide = numpy.flatnonzero(self.many > 2).tolist()
        found = [0] * self.first
        append = found.append
        steps = weights.tolist()
        for before, end in pairwise([-1, *wide, len(steps)]):
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
    arrays = _Arrays(tape, batched)
    items, varies = _Terms(arrays, _absorbed(arrays, fuse)).items()
    if fuse:
        align(items, len(varies))
    mark_flow(items, len(varies), arrays.outputs, numpy.array(wanted, dtype=numpy.int64))
    return items, varies


def _absorbed(t: _Arrays, fuse: bool) -> Array:
    """For each operation the sum that it is a part of; -1 if it is a step of its own."""
    into = numpy.full(len(t.codes), -1)
    if not fuse:
        return into
    uses = numpy.bincount(t.operands, minlength=t.nodes)
    uses[t.outputs] += 2
    uses[t.guarded] += 2
    of_sum = t.summing[t.owner] & (t.operands >= t.first)
    into[t.operands[of_sum] - t.first] = t.owner[of_sum]
    parts = numpy.isin(t.codes, (_ADD, CODE["sum"], _DOT_ROW, _MUL, _SQUARE))
    same = t.varies[t.first :] == t.varies[t.first :][into]
    into[~(parts & (uses[t.first :] == 1) & same)] = -1
    return into


class _Terms:
    """The terms of every sum, and from them the steps."""

    def __init__(self, t: _Arrays, into: Array) -> None:
        self.t, self.into = t, into
        codes = t.codes
        family = t.summing | (codes == _DOT_ROW)
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
        self.listed = numpy.isin(codes, _LISTED)
        self.sums = (family & (into < 0)) | mixed
        self._collect()

    def _collect(self) -> None:
        t = self.t
        edges = numpy.flatnonzero(t.summing[t.owner])
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
        single = right < 0
        sort = numpy.argsort((owner * 2 + single) * (len(t.operands) + 1) + where)
        owner, left, right, single = owner[sort], left[sort], right[sort], single[sort]
        self.products = numpy.bincount(owner[~single], minlength=len(t.codes))
        self.singles = numpy.bincount(owner[single], minlength=len(t.codes))
        self.begin = numpy.cumsum(self.products + self.singles) - (self.products + self.singles)
        nodes = numpy.append(t.operands, -1)
        self.left, self.right = nodes[left], nodes[right]
        # the shared factor of a product comes first
        varies = numpy.append(t.varies, False)
        turn = ~single & varies[self.left] & ~varies[self.right]
        self.left[turn], self.right[turn] = self.right[turn], self.left[turn]

    def items(self) -> tuple[Items, Array]:
        """The steps, without `active` and `flow`, and which nodes differ between samples."""
        t, size, begin = self.t, len(self.t.codes), self.begin
        products, singles = self.products, self.singles
        mean = t.codes == _MEAN
        plain = (t.codes == _ADD) & (products == 0) & (singles == 2)  # an addition as it stands
        sums = self.sums & ~plain
        both = sums & (products > 0) & (singles > 1)
        level = t.levels((self.into < 0).astype(numpy.int64) + both + mean) if size else t.codes
        node = numpy.arange(size) + t.first
        means, splits = numpy.flatnonzero(mean), numpy.flatnonzero(both)
        extra = len(means) + len(splits)
        sum_node, start = node.copy(), numpy.full(size, -1)
        sum_node[means] = t.nodes + numpy.arange(len(means))
        start[splits] = t.nodes + len(means) + numpy.arange(len(splits))
        one = numpy.flatnonzero(sums & (products > 0) & (singles == 1))
        start[one] = self.left[begin[one] + products[one]]
        parts = _Parts()
        k = numpy.flatnonzero(sums & (products > 0))
        parts.add(sum_node[k], DOT, k, level[k] - mean[k], begin[k], products[k], init=start[k])
        k = numpy.flatnonzero(sums & (products == 0))
        parts.add(sum_node[k], SUM, k, level[k] - mean[k], *self._numbers(begin[k], singles[k]))
        k = splits  # the numbers that a sum of products starts with
        numbers = self._numbers(begin[k] + products[k], singles[k])
        parts.add(start[k], SUM, k, level[k] - 1 - mean[k], *numbers)
        k = means
        lengths, which = numpy.unique(t.many[k], return_inverse=True)
        fixed = numpy.stack([sum_node[k], t.nodes + extra + which, numpy.full(len(k), -1)], axis=1)
        parts.add(node[k], _DIV, k, level[k], fixed=fixed)
        listed = self.listed
        k = numpy.flatnonzero(listed)
        at = len(self.left) + numpy.cumsum(t.many[k]) - t.many[k]
        parts.add(node[k], t.codes[k], k, level[k], at, t.many[k])
        k = numpy.flatnonzero(~listed & (self.into < 0) & ~sums)
        parts.add(node[k], t.codes[k], k, level[k], fixed=_fixed(t, k))
        operands = t.operands[numpy.flatnonzero(listed[t.owner])]
        left = numpy.concatenate([self.left, operands])
        right = numpy.concatenate([self.right, numpy.full(len(operands), -1)])
        items = parts.items(left=left, right=right, extra=extra, numbers=lengths.astype(float))
        fresh = [t.varies[t.first + means], t.varies[t.first + splits], numpy.zeros(len(lengths), dtype=bool)]
        return items, numpy.concatenate([t.varies, *fresh])

    def _numbers(self, begin: Array, count: Array) -> tuple[Array, Array, Any, Array]:
        """The terms of sums of numbers; a constant that comes first, as in Python's `sum`, is `init`."""
        first = self.left[begin]
        constant = (count > 1) & (first >= self.t.leaves) & (first < self.t.first)
        return begin + constant, count - constant, -1, numpy.where(constant, first, -1)


def _fixed(t: _Arrays, k: Array) -> Array:
    """The operands of operations of fixed arity."""
    fixed = numpy.full((len(k), 3), -1)
    for place in range(3):
        has = t.many[k] > place
        fixed[has, place] = t.operands[t.starts[:-1][k[has]] + place]
    return fixed


class _Parts:
    """Steps of several kinds, put together in the order of the tape."""

    def __init__(self) -> None:
        self.parts: list[tuple[Array, ...]] = []

    def add(
        self, node: Array, kind: Any, order: Array, level: Array, begin: Any = 0, count: Any = 0,
        fixed: Any = -1, init: Any = -1,
    ) -> None:  # fmt: skip
        size = len(node)
        each = (node, kind, order, level, begin, count, init)
        columns = [numpy.broadcast_to(column, size) for column in each]
        self.parts.append((*columns, numpy.broadcast_to(fixed, (size, 3))))

    def items(self, *, left: Array, right: Array, extra: int, numbers: Array) -> Items:
        """All of them."""
        columns = [numpy.concatenate(each) for each in zip(*self.parts, strict=True)]
        sort = numpy.argsort(columns[2], kind="stable")
        node, kind, order, level, begin, count, init, fixed = (column[sort] for column in columns)
        active, flow = numpy.zeros(len(node), dtype=numpy.int64), numpy.zeros((len(left), 2), dtype=bool)
        return Items(
            node=node, kind=kind, order=order, level=level, fixed=fixed, init=init, active=active,
            begin=begin, count=count, left=left, right=right, flow=flow, extra=extra, numbers=numbers,
        )  # fmt: skip
