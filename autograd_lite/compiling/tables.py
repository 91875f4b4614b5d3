"""Indexing with a traced number: `ops.take` and `ops.put`, so that an embedding lookup is no branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError, ValueTypeError
from ..ops.row import as_number
from ..sources import source_place
from ..structures import maker
from .traced import Number, Traced, traced

__all__ = ["put", "take"]


def take(index: Traced, table: Any) -> Any:
    """`table[index]`, where rows of a table (lists, tuples, dicts, arrays of one shape) are taken as a whole.

    What a table of other things holds is looked up now, and the index is a guard. Raises `ArgumentError` as
    eager code does, for the index of this run.
    """
    _checked(index, table)
    entries = list(table)
    tracer = index._tracer
    at, place = tracer.own(index), source_place()

    def column(cells: Sequence[Any]) -> Any:
        node = tracer.builder.take(at, [tracer.node_of(cell) for cell in cells], place)
        number = float(ops.take([_number(cell) for cell in cells], index._data))
        if not any(isinstance(cell, Value) and cell.__class__ is not Number for cell in cells):
            return number if node < 0 else traced(tracer, node, number, Number)
        if node < 0:
            return Value(number)
        return traced(tracer, node if tracer.watched.grad else tracer.detach(node), number)

    return _merged(entries, column, lambda: table[index.__index__()])


def put(index: Traced, table: Any, value: Any) -> list[Any]:
    """A copy of the table with `value` at the index: each entry is chosen by whether it is the one."""
    _checked(index, table)
    size = len(table)
    if not all(map(_is_number, (*table, value))):
        copy = list(table)
        copy[index.__index__()] = value
        return copy
    position = ops.where(index < 0.0, index + float(size), index)
    valid = (position >= 0.0) & (position < float(size)) & (ops.floor(position) == position)
    index._tracer.guard(valid._index, 1.0, f"put in a table of {size} at {{}}", index._index)
    return [ops.where(position == float(k), value, old) for k, old in enumerate(table)]


def _checked(index: Traced, table: Any) -> None:
    try:
        ops.take(range(len(table)), index._data)  # raises for an index that is not whole or outside
    except ArgumentError:
        index.__float__()  # that it did may be a branch of the program
        raise


def _merged(entries: list[Any], column: Callable[[Sequence[Any]], Any], otherwise: Callable[[], Any]) -> Any:
    """One entry in the shape that they all have, each number of it taken from all."""
    if all(map(_is_number, entries)):
        return column(entries)
    first = entries[0]
    if getattr(first, "ndim", 0) and all(getattr(entry, "shape", None) == first.shape for entry in entries):
        import numpy

        merged = numpy.empty(first.size, dtype=object)
        rows = [entry.ravel().tolist() for entry in entries]
        merged[:] = [column(cells) for cells in zip(*rows, strict=True)]
        return merged.reshape(first.shape)
    kind = first.__class__
    if not issubclass(kind, (list, tuple, dict)) or not all(
        entry.__class__ is kind and len(entry) == len(first) for entry in entries
    ):
        return otherwise()
    if not issubclass(kind, dict):
        parts = [_merged(list(cells), column, otherwise) for cells in zip(*entries, strict=True)]
        return maker(kind)(parts)
    if all(entry.keys() == first.keys() for entry in entries):
        return {key: _merged([entry[key] for entry in entries], column, otherwise) for key in first}
    return otherwise()


def _is_number(thing: Any) -> bool:
    if isinstance(thing, Value) or thing.__class__ is float:
        return True
    try:
        as_number(thing)
    except (ValueTypeError, ArgumentError):
        return False
    return True


def _number(cell: Any) -> float:
    return float(cell._data) if isinstance(cell, Value) else as_number(cell)
