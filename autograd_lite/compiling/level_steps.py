"""Groups of steps as calls of NumPy on a buffer: what they compute, and how gradients go back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from .level_columns import Column, inner_length
from .level_kernels import array_kernel, chained

__all__ = ["Buffers", "Copies", "Rows", "Sums", "Terms"]

Array = Any  # of NumPy
Run = Callable[[], Any]


class Buffers:
    """The numbers and gradients of a call: by slot, in lanes by slot and lane; lanes share `u` and `gu`.

    What is bound to buffers in the order of the backward pass can see that it is the first to hand a gradient
    to some slots: it sets them then, and nobody needs to clear them. With `known`, all slots are cleared.
    """

    def __init__(self, v: Array, g: Array, u: Array = None, gu: Array = None, *, known: bool = False) -> None:
        self.v, self.g, self.u, self.gu = v, g, u, gu
        self.ones = numpy.ones(v.shape[-1])
        self.seen = numpy.full(len(v), known)
        """By slot, whether something was handed to it."""
        self.cleared = numpy.zeros(len(v), dtype=bool)
        """By slot, whether it must be 0 before a pass."""

    def reader(self, column: Column) -> tuple[Array, Run | None]:
        """An array for what a column reads, and what fills it."""
        if not column.shared:
            return column.reader(self.v)
        numbers, fill = column.reader(self.u)
        return numbers[(..., *[None] * (self.v.ndim - 1))], fill

    def adder(self, column: Column) -> Callable[[Array], Any]:
        """A function that hands gradients to what a column reads."""
        return self.sink(column)[0]

    def sink(self, column: Column) -> tuple[Callable[[Array], Any], Array | None]:
        """The same, and an array that can be written to instead, if there is one."""
        if column.shared:
            return self._across_lanes(column.adder(self.gu)), None
        seen = self.seen[column.slots]
        if not seen.any() and column.distinct:
            self.seen[column.slots] = True
            return column.setter(self.g), column.view(self.g) if column.regular else None
        self.expect(column.slots)
        return column.adder(self.g), None

    def expect(self, slots: Array) -> None:
        """Something is going to be added in these slots."""
        fresh = slots[~self.seen[slots]]
        self.cleared[fresh] = True
        self.seen[fresh] = True

    def _across_lanes(self, add: Callable[[Array], Any]) -> Callable[[Array], Any]:
        if self.v.ndim == 1:
            return add
        ones = self.ones

        def total(numbers: Array) -> None:
            # of a table of two axes BLAS makes one product, of more it would not
            add(numbers.reshape(-1, numbers.shape[-1]).dot(ones).reshape(numbers.shape[:-1]))

        return total


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

    def bound(self, b: Buffers) -> tuple[Run, Run | None]:
        """What to call forward and backward."""
        read = [b.reader(column) for column in self.columns]
        operands = [numbers for numbers, _ in read]
        fills = [fill for _, fill in read if fill is not None]
        out = self.target.view(b.v)
        compute = self.kernel.forward
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

        return forward, self._back(b, out, operands) if self.asked else None

    def _back(self, b: Buffers, out: Array, operands: Sequence[Array]) -> Run:
        up, back = self.target.view(b.g), self.kernel.backward
        sinks = [b.sink(self.columns[place]) for place in self.asked]
        given = [*operands, *(into for _, into in sinks)]
        if len(sinks) == 1:
            put, place = sinks[0]

            def backward() -> None:
                (numbers,) = back(up, out, *given)
                if numbers is not place:
                    put(numbers)

        else:

            def backward() -> None:
                for (put, place), numbers in zip(sinks, back(up, out, *given), strict=True):
                    if numbers is not place:
                        put(numbers)

        return backward

    def careful(self, b: Buffers) -> Run | None:
        """The backward pass with the rule for zero."""
        read = [b.reader(column) for column in self.columns]
        out, up, slopes = self.target.view(b.v), self.target.view(b.g), self.kernel.slopes
        adders = [b.adder(self.columns[place]) for place in self.asked]

        def backward() -> None:
            for _, fill in read:
                if fill is not None:
                    fill()
            for add, slope in zip(adders, slopes(out, *(numbers for numbers, _ in read)), strict=True):
                add(chained(up, numpy.broadcast_to(slope, up.shape)))

        return backward if adders else None


class Copies:
    """Numbers that all lanes share, copied to each."""

    def __init__(self, target: int, slots: Array, active: int) -> None:
        self.column = Column(slots, (len(slots),), shared=True)
        self.target = Column(numpy.arange(target, target + len(slots)), (len(slots),))
        self.active = active

    def bound(self, b: Buffers) -> tuple[Run, Run | None]:
        """What to call forward and backward."""
        numbers, fill = b.reader(self.column)
        out = self.target.view(b.v)

        def forward() -> None:
            if fill is not None:
                fill()
            numpy.copyto(out, numbers)

        return forward, self.careful(b)

    def careful(self, b: Buffers) -> Run | None:
        """The backward pass; there is nothing to care about."""
        up = self.target.view(b.g)
        add = b.adder(self.column) if self.active else None
        return None if add is None else lambda: add(up)


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

    def bound(self, b: Buffers) -> tuple[Run, Run | None]:
        """What to call forward and backward."""
        left, right, fill = self._read(b)
        out = self.target.view(b.v)
        products = numpy.empty((len(self.owner), *b.v.shape[1:]))
        total, begin = self._summed(out, products), self._start(b, out)

        def forward() -> None:
            fill()
            if right is None:
                numpy.copyto(products, left)
            else:
                numpy.multiply(left, right, products)
            begin(total)

        return forward, self._back(b, left, right, numpy.multiply)

    def careful(self, b: Buffers) -> Run | None:
        """The backward pass with the rule for zero."""
        left, right, fill = self._read(b)
        back = self._back(b, left, right, chained)
        if back is None:
            return None

        def backward() -> None:
            fill()
            back()

        return backward

    def _read(self, b: Buffers) -> tuple[Array, Array | None, Run]:
        """The factors, and what fills their arrays."""
        left, fill_left = b.reader(self.left)
        right, fill_right = (None, None) if self.right is None else b.reader(self.right)
        fills = [fill for fill in (fill_left, fill_right) if fill is not None]

        def fill() -> None:
            for each in fills:
                each()

        return left, right, fill

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

    def _back(self, b: Buffers, left: Array, right: Array | None, times: Any) -> Run | None:
        """What hands gradients on, with a product of the chain rule to choose."""
        up, init = self.target.view(b.g), self.to_init
        begin = None
        if len(init):
            begin = b.adder(Column(self.terms.init[init], (len(init),), shared=self.init.shared))
        parts: list[Callable[[Array], Any]] = []
        for column, other, to in ((self.left, right, self.to_left), (self.right, left, self.to_right)):
            if column is not None and len(to):
                parts.append(self._part(b, column, other, to, times))
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
