"""What a group of steps reads, as an array: a strided view of the buffer where there is one, else gathered.

A buffer is an array of numbers by slot, and in lanes by slot and lane. A `Column` is a list of slots, one for
each result of a group (or one for each term), that stand in a shape of one to three axes. If the slots are
an arithmetic progression along each axis, reading is a view and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy
from numpy.lib.stride_tricks import as_strided

__all__ = ["Column", "inner_length"]

Array = Any  # of NumPy
Run = Callable[[], Any]


def inner_length(columns: Sequence[Array], size: int) -> int:
    """How many entries the inner axis should have, so that most columns are regular along two axes.

    >>> inner_length([numpy.array([0, 1, 2, 10, 11, 12]), numpy.array([7, 7, 7, 8, 8, 8])], 6)
    3
    """
    candidates = {size: 0}
    for column in columns:
        length = _first_stretch(column)
        if length < size and size % length == 0:
            candidates[length] = 0
    if len(candidates) == 1:
        return size
    for length in candidates:
        shape = (size // length, length)
        candidates[length] = sum(_strides(column.reshape(shape)) is not None for column in columns)
    return max(candidates, key=lambda length: (candidates[length], length))


def _first_stretch(column: Array) -> int:
    steps = numpy.diff(column)
    breaks = numpy.flatnonzero(steps != steps[:1])
    return int(breaks[0]) + 1 if len(breaks) else len(column)


def _strides(slots: Array) -> tuple[int, ...] | None:
    """The stride along each axis, if slots are an arithmetic progression along all of them."""
    found = []
    expected = slots[(slice(0, 1),) * slots.ndim]
    for axis in range(slots.ndim):
        if slots.shape[axis] == 1:
            # of no meaning for what is read, but BLAS refuses strides that are shorter than a row
            found.append(max(1, int(numpy.prod(slots.shape[axis + 1 :]))))
            continue
        corner = [0] * slots.ndim
        start = slots[tuple(corner)]
        corner[axis] = 1
        found.append(int(slots[tuple(corner)] - start))
        shape = [1] * slots.ndim
        shape[axis] = -1
        expected = expected + found[-1] * numpy.arange(slots.shape[axis]).reshape(shape)
    return tuple(found) if numpy.array_equal(expected, slots) else None


class Column:
    """Slots in a shape, of `v` and `g`, or of `u` and its gradients."""

    def __init__(self, slots: Array, shape: tuple[int, ...], *, shared: bool = False) -> None:
        self.slots = numpy.ascontiguousarray(slots.reshape(shape), dtype=numpy.intp)
        self.shape = shape
        self.shared = shared
        self.strides = _strides(self.slots) if slots.size else (1,) * len(shape)
        """Along each axis; None if the slots are not regular."""

    @property
    def regular(self) -> bool:
        """Whether reading is a view."""
        return self.strides is not None

    def view(self, buffer: Array) -> Array:
        """The numbers of a regular column in a buffer; one can write to them, too."""
        assert self.strides is not None
        step = buffer.strides[0]
        return as_strided(
            buffer[int(self.slots.flat[0]) :],
            self.shape + buffer.shape[1:],
            [stride * step for stride in self.strides] + list(buffer.strides[1:]),
        )

    def reader(self, buffer: Array) -> tuple[Array, Run | None]:
        """An array for the numbers, and what fills it; None if it is a view."""
        if self.regular:
            return self.view(buffer), None
        numbers = numpy.empty(self.shape + buffer.shape[1:])
        slots, take = self.slots, buffer.take
        if buffer.ndim == 1:
            return numbers, lambda: take(slots, None, numbers, "clip")
        return numbers, lambda: take(slots, 0, numbers, "clip")

    @property
    def distinct(self) -> bool:
        """Whether no slot occurs twice."""
        return len(numpy.unique(self.slots)) == self.slots.size

    def setter(self, buffer: Array) -> Callable[[Array], Any]:
        """A function that puts an array of this shape into the slots, none of which may repeat."""
        if self.regular:
            view = self.view(buffer)
            return lambda numbers: numpy.copyto(view, numbers)
        slots = self.slots

        def put(numbers: Array) -> None:
            buffer[slots] = numbers

        return put

    def adder(self, buffer: Array) -> Callable[[Array], Any]:
        """A function that adds an array of this shape to what stands in the slots; they may repeat."""
        if not self.regular:
            return self._scatterer(buffer)
        assert self.strides is not None
        axes = tuple(axis for axis, stride in enumerate(self.strides) if stride == 0 and self.shape[axis] > 1)
        kept = self.slots[tuple(0 if axis in axes else slice(None) for axis in range(len(self.shape)))]
        if len(axes) < len(self.shape) and len(numpy.unique(kept)) < kept.size:
            return self._scatterer(buffer)
        view = Column(kept, kept.shape).view(buffer) if kept.ndim else buffer[int(kept) : int(kept) + 1]
        add, total = numpy.add, numpy.add.reduce
        if not axes:
            return lambda numbers: add(view, numbers, view)
        if len(axes) == 1:
            axis = axes[0]
            if len(self.shape) == 2 and buffer.ndim == 1:  # BLAS has less to say than a ufunc
                ones = numpy.ones(self.shape[axis])
                if axis:
                    return lambda numbers: add(view, numbers.dot(ones), view)
                return lambda numbers: add(view, ones.dot(numbers), view)
            return lambda numbers: add(view, total(numbers, axis), view)
        return lambda numbers: add(view, total(numbers, axes), view)

    def _scatterer(self, buffer: Array) -> Callable[[Array], Any]:
        slots = self.slots.ravel()
        size, lanes = len(slots), buffer.shape[1:]
        order = numpy.argsort(slots, kind="stable")
        places, begins = numpy.unique(slots[order], return_index=True)
        if len(places) == size:

            def add(numbers: Array) -> None:
                buffer[slots] += numbers.reshape(size, *lanes)

            return add
        low, high = int(places[0]), int(places[-1]) + 1
        if not lanes and high - low <= 8 * size:
            part, near, count, width = buffer[low:high], slots - low, numpy.bincount, high - low
            return lambda numbers: numpy.add(part, count(near, numbers.ravel(), width), part)
        total = numpy.add.reduceat

        def gather(numbers: Array) -> None:
            buffer[places] += total(numbers.reshape(size, *lanes)[order], begins, 0)

        return gather
