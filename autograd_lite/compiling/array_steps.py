"""Groups of steps as calls of NumPy on a buffer: what they compute, and how gradients go back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from .array_columns import Column, inner_length
from .array_kernels import array_kernel, chained

__all__ = ["Buffers", "Copies", "Rows", "Sums", "Terms"]

Array = Any  # of NumPy
Run = Callable[[], Any]


@dataclass(eq=False)
class Buffers:
    """The numbers and gradients of a call: by slot, in lanes by slot and lane; lanes share `u` and `gu`."""

    v: Array
    g: Array
    u: Array = None
    gu: Array = None

    def reader(self, column: Column) -> tuple[Array, Run | None]:
        """An array for what a column reads, and what fills it."""
        if not column.shared:
            return column.reader(self.v)
        numbers, fill = column.reader(self.u)
        return numbers.reshape(numbers.shape + (1,) * (self.v.ndim - 1)) if fill is not None else (
            numbers[(..., *[None] * (self.v.ndim - 1))]
        ), fill

    def adder(self, column: Column) -> Callable[[Array], Any]:
        """A function that adds to the gradients of what a column reads."""
        if not column.shared:
            return column.adder(self.g)
        add = column.adder(self.gu)
        if self.v.ndim == 1:
            return add
        return lambda numbers: add(numpy.add.reduce(numbers, -1))


class Rows:
    """A row of fixed arity."""

    def __init__(self, code: int, target: int, fixed: Array, active: int) -> None:
        self.size = len(fixed)
        columns = [column for column in fixed.T if column[0] >= 0]
        self.asked = tuple(place for place in range(len(columns)) if active >> place & 1)
        self.kernel = array_kernel(code, self.asked)
        inner = inner_length(columns, self.size)
        shape = (self.size,) if inner == self.size else (self.size // inner, inner)
        self.columns = [Column(column, shape) for column in columns]
        self.target = Column(numpy.arange(target, target + self.size), shape)

    def bound(self, b: Buffers) -> tuple[Run, Run | None, Run | None]:
        """What to call forward, backward, and backward with care."""
        read = [b.reader(column) for column in self.columns]
        operands = [numbers for numbers, _ in read]
        fills = [fill for _, fill in read if fill is not None]
        out, up = self.target.view(b.v), self.target.view(b.g)
        kernel = self.kernel
        compute, back, slopes = kernel.forward, kernel.backward, kernel.slopes
        adders = [b.adder(self.columns[place]) for place in self.asked]
        if fills:

            def forward() -> None:
                for fill in fills:
                    fill()
                compute(out, *operands)

        elif len(operands) == 1:
            one = operands[0]

            def forward() -> None:
                compute(out, one)

        else:

            def forward() -> None:
                compute(out, *operands)

        def backward() -> None:
            for add, numbers in zip(adders, back(up, out, *operands), strict=True):
                add(numbers)

        def careful() -> None:
            for add, slope in zip(adders, slopes(out, *operands), strict=True):
                add(chained(up, numpy.broadcast_to(slope, up.shape)))

        return (forward, backward, careful) if adders else (forward, None, None)


class Copies:
    """Numbers that all lanes share, copied to each."""

    def __init__(self, target: int, slots: Array, active: int) -> None:
        self.column = Column(slots, (len(slots),), shared=True)
        self.target = Column(numpy.arange(target, target + len(slots)), (len(slots),))
        self.active = active

    def bound(self, b: Buffers) -> tuple[Run, Run | None, Run | None]:
        """What to call forward, backward, and backward with care."""
        numbers, fill = b.reader(self.column)
        out, up = self.target.view(b.v), self.target.view(b.g)

        def forward() -> None:
            if fill is not None:
                fill()
            numpy.copyto(out, numbers)

        if not self.active:
            return forward, None, None
        add = b.adder(self.column)

        def backward() -> None:
            add(up)

        return forward, backward, backward


@dataclass(eq=False)
class Terms:
    """Sums of one level that stand side by side: of products, or of numbers (`right` is None)."""

    target: int
    count: Array
    """How many terms each sum has."""
    left: Array
    """Slots of all terms, one sum after the other."""
    right: Array | None
    flow: Array
    """(terms, 2): whether a gradient flows to left and right."""
    init: Array
    """For each sum the slot of what it starts with, or -1."""
    starts_flow: Array
    """For each sum whether a gradient flows to what it starts with."""
    shared: int = 0
    """Bits as in instructions; the same for all sums."""
    strict: bool = False
    """Whether terms must be added from left to right."""


class Sums:
    """Sums with any numbers of terms, gathered."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        count, size = terms.count, len(terms.count)
        self.owner = numpy.repeat(numpy.arange(size), count)
        self.begin = numpy.cumsum(count) - count
        self.target = Column(numpy.arange(terms.target, terms.target + size), (size,))
        whole = (len(self.owner),)
        self.left = Column(terms.left, whole, shared=bool(terms.shared & 1))
        self.right = None if terms.right is None else Column(terms.right, whole)
        self.begun = numpy.flatnonzero(terms.init >= 0)
        self.init = Column(terms.init[self.begun], (len(self.begun),), shared=bool(terms.shared & 8))
        self.to_left, self.to_right = (numpy.flatnonzero(terms.flow[:, side]) for side in (0, 1))
        self.to_init = numpy.flatnonzero(terms.starts_flow & (terms.init >= 0))
        self.even = int(count[0]) if (count == count[0]).all() else 0

    def bound(self, b: Buffers) -> tuple[Run, Run | None, Run | None]:
        """What to call forward, backward, and backward with care."""
        left, fill_left = b.reader(self.left)
        right, fill_right = (None, None) if self.right is None else b.reader(self.right)
        out = self.target.view(b.v)
        lanes = b.v.shape[1:]
        products = numpy.empty((len(self.owner), *lanes))
        total, begin = self._summed(out, products), self._start(b, out)

        def forward() -> None:
            if fill_left is not None:
                fill_left()
            if right is None:
                numpy.copyto(products, left)
            else:
                if fill_right is not None:
                    fill_right()
                numpy.multiply(left, right, products)
            begin(total)

        backward = self.back(b, left, right, numpy.multiply)
        return forward, backward, backward and self.back(b, left, right, chained)

    def _summed(self, out: Array, products: Array) -> Run:
        """What adds the products up."""
        begin, count = self.begin, self.even
        if self.terms.strict:
            table = products.reshape(-1, count, *products.shape[1:]) if count else products
            if count:
                return lambda: numpy.copyto(out, numpy.add.accumulate(table, 1)[:, -1])
        elif count:
            table = products.reshape(-1, count, *products.shape[1:])
            return lambda: numpy.add.reduce(table, 1, None, out)
        return lambda: numpy.add.reduceat(products, begin, 0, None, out)

    def _start(self, b: Buffers, out: Array) -> Callable[[Run], None]:
        """What adds what the sums start with."""
        if not len(self.begun):
            return lambda total: total()
        init, fill = b.reader(self.init)
        whole = slice(None) if len(self.begun) == len(out) else self.begun

        def begin(total: Run) -> None:
            total()
            if fill is not None:
                fill()
            out[whole] += init

        return begin

    def back(self, b: Buffers, left: Array, right: Array | None, times: Any) -> Run | None:
        """What hands gradients on, with a product of the chain rule to choose."""
        up = self.target.view(b.g)
        parts: list[Callable[[Array], Any]] = []
        for column, other, to in ((self.left, right, self.to_left), (self.right, left, self.to_right)):
            if column is not None and len(to):
                parts.append(self._part(b, column, other, to, times))
        init = self.to_init
        begin = None
        if len(init):
            slots = Column(self.terms.init[init], (len(init),), shared=self.init.shared)
            begin = b.adder(slots)
        if not parts and begin is None:
            return None
        owner = self.owner

        def backward() -> None:
            if begin is not None:
                begin(up[init])
            if parts:
                each = up[owner]
                for part in parts:
                    part(each)

        return backward

    def _part(
        self, b: Buffers, column: Column, other: Array | None, to: Array, times: Any
    ) -> Callable[[Array], Any]:
        if len(to) == len(self.owner):
            add = b.adder(column)
            if other is None:
                return add
            return lambda each: add(times(each, other))
        add = b.adder(Column(column.slots[to], (len(to),), shared=column.shared))
        if other is None:
            return lambda each: add(each[to])
        return lambda each: add(times(each[to], other[to]))
