"""Groups of sums of products whose factors stand in regular patterns: products of matrices, and the like.

The results of a group stand in a table of n0 times n1. Where one factor is the same along one axis and the
other along the other, the table is a matrix product; where only one of them is, it is a product for each
n0; otherwise products are made and added along their last axis. In lanes, the last axis of every array is
that of the lanes, and a product has a matrix of shared numbers on its left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from .level_columns import Column, inner_length
from .level_steps import Buffers, Run, Sums, Terms

__all__ = ["Products"]

Array = Any  # of NumPy


class Products:
    """A group of sums of as many products each, all regular; `fits` says whether it is one."""

    def __init__(self, terms: Terms) -> None:
        assert terms.right is not None
        self.terms = terms
        self.size, self.count = len(terms.count), int(terms.count[0])
        left, right = terms.left.reshape(self.size, -1), terms.right.reshape(self.size, -1)
        begun = bool(terms.init[0] >= 0)
        inner = inner_length([left[:, 0], right[:, 0], *[terms.init] * begun], self.size)
        self.table = (self.size // inner, inner)
        shape = (*self.table, self.count)
        shared = bool(terms.shared & 1)
        self.a, self.b = Column(left, shape, shared=shared), Column(right, shape)
        self.init = Column(terms.init, self.table, shared=bool(terms.shared & 8)) if begun else None
        self.target = Column(numpy.arange(terms.target, terms.target + self.size), self.table)
        self.fits = self.a.regular and self.b.regular
        self.to_a, self.to_b = (bool(terms.flow[:, side].any()) for side in (0, 1))
        self.to_init = bool(begun and terms.starts_flow.any())
        if self.fits:
            self._turn()

    def _turn(self) -> None:
        """Choose the axes so that b does not change along the second one, if that can be."""
        if self._constant(self.b, 1):
            return
        if not self.a.shared and self._constant(self.a, 1):
            self.a, self.b, self.to_a, self.to_b = self.b, self.a, self.to_b, self.to_a
        elif self.table[0] == 1 and self._constant(self.a, 1):  # one row of shared factors for all
            self.table = (self.size, 1)
            self.a, self.b, self.target = (self._reshaped(each) for each in (self.a, self.b, self.target))
            self.init = None if self.init is None else self._reshaped(self.init)

    def _reshaped(self, column: Column) -> Column:
        return Column(column.slots, (*self.table, *column.shape[2:]), shared=column.shared)

    @staticmethod
    def _constant(column: Column, axis: int) -> bool:
        return column.shape[axis] == 1 or (column.strides or (1, 1, 1))[axis] == 0

    def bound(self, b: Buffers) -> tuple[Run, Run | None]:
        """What to call forward and backward."""
        lanes = b.v.ndim > 1
        out, up = self.target.view(b.v), self.target.view(b.g)
        parts: list[Run] = []
        if self.to_init and self.init is not None:
            add = b.adder(self.init)
            parts.append(lambda: add(up))
        by_matrix = self._constant(self.b, 1) and self.count > 1 and (self.a.shared or not lanes)
        make = self._in_lanes if lanes else self._of_matrices
        compute, others = make(b, out, up) if by_matrix else self._by_products(b, out, up)
        parts += others
        begin = self._started(b, out)

        def forward() -> None:
            compute()
            if begin is not None:
                begin()

        def backward() -> None:
            for part in parts:
                part()

        return forward, backward if parts else None

    def careful(self, b: Buffers) -> Run | None:
        """The backward pass with the rule for zero, gathered."""
        return Sums(self.terms).careful(b)

    def _started(self, b: Buffers, out: Array) -> Run | None:
        if self.init is None:
            return None
        init, fill = b.reader(self.init)

        def begin() -> None:
            if fill is not None:
                fill()
            numpy.add(out, init, out)

        return begin

    def _of_matrices(self, b: Buffers, out: Array, up: Array) -> tuple[Run, list[Run]]:
        """One matrix product if a does not change along the first axis, else one for each."""
        whole = self._constant(self.a, 0)
        column_a = Column(self.a.slots[0] if whole else self.a.slots, self.a.shape[whole:])
        column_b = Column(self.b.slots[:, 0], (self.table[0], self.count))
        a, x, product = column_a.view(b.v), column_b.view(b.v), numpy.matmul
        parts: list[Run] = []
        if whole:
            turned = a.T
            if self.to_a:
                parts.append(_product(b, column_a, up.T, x))
            if self.to_b:
                parts.append(_product(b, column_b, up, a))
            return lambda: product(x, turned, out), parts
        row, result, back = x[:, :, None], out[:, :, None], up[:, None, :]
        each, across = up[:, :, None], x[:, None, :]
        if self.to_a:
            add_a = b.adder(column_a)
            parts.append(lambda: add_a(each * across))
        if self.to_b:
            add_b = b.adder(column_b)
            parts.append(lambda: add_b(product(back, a)[:, 0]))
        return lambda: product(a, row, result), parts

    def _in_lanes(self, b: Buffers, out: Array, up: Array) -> tuple[Run, list[Run]]:
        """A matrix of shared numbers times rows of lanes, for each entry of the first axis."""
        single = self.table[0] == 1
        flat = single or self._constant(self.a, 0)
        column_a = Column(self.a.slots[0] if flat else self.a.slots, self.a.shape[flat:])
        rows = self.b.slots[0, 0] if single else self.b.slots[:, 0]
        column_b = Column(rows, rows.shape)
        a, x, product = column_a.view(b.u), column_b.view(b.v), numpy.matmul
        turned, across = numpy.swapaxes(a, -1, -2), numpy.swapaxes(x, -1, -2)
        result, back = (out[0], up[0]) if single else (out, up)
        parts: list[Run] = []
        if self.to_a:
            add_a = column_a.adder(b.gu)
            if flat and not single:
                parts.append(lambda: add_a(numpy.add.reduce(product(back, across), 0)))
            else:
                parts.append(lambda: add_a(product(back, across)))
        if self.to_b:
            parts.append(_product(b, column_b, turned, back))
        return lambda: product(a, x, result), parts

    def _by_products(self, b: Buffers, out: Array, up: Array) -> tuple[Run, list[Run]]:
        """Products first, then their sums."""
        left, right = b.reader(self.a)[0], b.reader(self.b)[0]
        multiply, total = numpy.multiply, numpy.add.reduce
        each = up[:, :, None]
        parts: list[Run] = []
        for wanted, column, other in ((self.to_a, self.a, right), (self.to_b, self.b, left)):
            if wanted:
                parts.append(self._handed(b.adder(column), each, other))
        if self.count == 1:
            result = out[:, :, None]
            return lambda: multiply(left, right, result), parts
        products = numpy.empty((*self.table, self.count, *b.v.shape[1:]))

        def forward() -> None:
            multiply(left, right, products)
            total(products, 2, None, out)

        return forward, parts

    @staticmethod
    def _handed(add: Callable[[Array], Any], each: Array, other: Array) -> Run:
        return lambda: add(each * other)


def _product(b: Buffers, column: Column, left: Array, right: Array) -> Run:
    """What hands a matrix product to the gradients of a column."""
    add, into = b.sink(column)
    # a column times a row is quicker without BLAS
    times: Any = numpy.multiply if left.shape[-1] == 1 else numpy.matmul
    if into is not None:
        return lambda: times(left, right, into)
    return lambda: add(times(left, right))
