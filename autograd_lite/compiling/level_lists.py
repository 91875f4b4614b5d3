"""Rows with lists of operands, and TAKE, on a buffer of arrays: one result after the other.

For single calls a row runs on plain numbers, as in eager code. In lanes it runs on a tuple of arrays, one for
each operand, by its generic form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from ..ops import Op
from .level_columns import Column
from .level_kernels import chained
from .level_steps import Buffers, Run
from .tape import ROWS

__all__ = ["Lists", "Lookups"]

Array = Any  # of NumPy
Times = Callable[[Any, Any], Any]


class Lists:
    """A group of one row with lists of operands."""

    def __init__(self, code: int, target: int, count: Array, slots: Array, flow: Array) -> None:
        self.row: Op = ROWS[code]
        self.size = len(count)
        self.ends = numpy.cumsum(count)
        self.begins = self.ends - count
        self.column = Column(slots, (len(slots),))
        self.target = Column(numpy.arange(target, target + self.size), (self.size,))
        self.flow = flow
        self.even = int(count[0]) if (count == count[0]).all() else 0
        self.reduce = self.row.natives.get("numpy_reduce", "")

    def bound(self, b: Buffers) -> tuple[Run, Run | None]:
        """What to call forward and backward."""
        numbers, fill = b.reader(self.column)
        out = self.target.view(b.v)
        compute = self._in_lanes(numbers, out) if b.v.ndim > 1 else self._one_by_one(numbers, out)
        if self.reduce:
            function = getattr(numpy, self.reduce)

            def compute() -> None:
                function.reduceat(numbers, self.begins, 0, None, out)

        def forward() -> None:
            if fill is not None:
                fill()
            compute()

        return forward, self._back(b, numbers, None, numpy.multiply) if self.flow.any() else None

    def careful(self, b: Buffers) -> Run | None:
        """The backward pass with the rule for zero."""
        numbers, fill = b.reader(self.column)
        return self._back(b, numbers, fill, chained) if self.flow.any() else None

    def _one_by_one(self, numbers: Array, out: Array) -> Run:
        value, stretches = self.row.number, list(zip(self.begins.tolist(), self.ends.tolist(), strict=True))

        def compute() -> None:
            given = numbers.tolist()
            out[:] = [value(*given[begin:end]) for begin, end in stretches]

        return compute

    def _in_lanes(self, numbers: Array, out: Array) -> Run:
        def compute() -> None:
            for place, (begin, end) in enumerate(zip(self.begins, self.ends, strict=True)):
                out[place] = (
                    self.row.forward(tuple(numbers[begin:end]))
                    if not self.row.intrinsic
                    else (
                        self.row.native(tuple(numbers[begin:end]))  # type: ignore[misc]
                    )
                )

        return compute

    def _back(self, b: Buffers, numbers: Array, fill: Run | None, times: Times) -> Run:
        out, up, row = self.target.view(b.v), self.target.view(b.g), self.row
        to = numpy.flatnonzero(self.flow)
        add = b.adder(Column(self.column.slots[to], (len(to),)))
        lanes = b.v.ndim > 1

        def backward() -> None:
            if fill is not None:
                fill()
            each = numpy.empty(numbers.shape)
            given = None if lanes else numbers.tolist()
            for place, (begin, end) in enumerate(zip(self.begins.tolist(), self.ends.tolist(), strict=True)):
                if given is not None:
                    slopes: Any = row.local_gradients(tuple(given[begin:end]), (), float(out[place]))
                else:
                    found = row.partials(tuple(numbers[begin:end]), out[place])
                    slopes = numpy.stack([numpy.broadcast_to(slope, up[place].shape) for slope in found])
                each[begin:end] = times(up[place], numpy.asarray(slopes, dtype=float))
            add(each[to])

        return backward


class Lookups:
    """A group of TAKEs with tables of one length; the tables may be of numbers that all lanes share."""

    def __init__(self, target: int, count: int, slots: Array, flow: Array, *, shared: bool) -> None:
        self.slots = numpy.ascontiguousarray(slots.reshape(-1, count))
        self.target = Column(numpy.arange(target, target + len(self.slots)), (len(self.slots),))
        self.index = Column(self.slots[:, 0], (len(self.slots),))
        self.table = self.slots[:, 1:]
        self.flow = flow.reshape(-1, count)[:, 1:]
        self.shared = shared

    def bound(self, b: Buffers) -> tuple[Run, Run | None]:
        """What to call forward and backward."""
        chosen, out = self._chosen(b), self.target.view(b.v)
        source = b.u if self.shared and b.v.ndim > 1 else b.v

        def forward() -> None:
            inside, slot, across, _ = chosen()
            found = source[slot] if across is None else source[slot, across]
            numpy.copyto(out, numpy.where(inside, found, 0.0))

        return forward, self.careful(b)

    def careful(self, b: Buffers) -> Run | None:
        """The backward pass; there is nothing to care about."""
        if not self.flow.any():
            return None
        chosen, up = self._chosen(b), self.target.view(b.g)
        lanes = b.v.ndim > 1
        goal = b.gu if self.shared and lanes else b.g
        if goal is b.g:
            b.expect(numpy.unique(self.table))
        low, high = int(self.table.min()), int(self.table.max()) + 1
        width, many = high - low, b.v.shape[1] if lanes else 1

        def backward() -> None:
            _, slot, across, flows = chosen()
            given = numpy.where(flows, up, 0.0).ravel()
            if across is None:
                goal[low:high] += numpy.bincount(slot.ravel() - low, given, width)
            else:
                flat = ((slot - low) * many + across).ravel()
                goal[low:high] += numpy.bincount(flat, given, width * many).reshape(width, many)

        return backward

    def _chosen(self, b: Buffers) -> Callable[[], tuple[Array, Array, Array, Array]]:
        """Whether each index is inside its table, the slot that it says, the lane, whether gradient flows."""
        index, fill = b.reader(self.index)
        lanes = b.v.ndim > 1
        length, table = self.table.shape[1], self.table
        rows = numpy.arange(len(table))
        rows = rows[:, None] if lanes else rows
        across: Any = numpy.arange(b.v.shape[1])[None, :] if lanes and not self.shared else None

        def chosen() -> tuple[Array, Array, Array, Array]:
            if fill is not None:
                fill()
            inside = (index >= 0.0) & (index < length)
            place = numpy.where(inside, index, 0.0).astype(numpy.intp)
            return inside, table[rows, place], across, inside & self.flow[rows, place]

        return chosen
