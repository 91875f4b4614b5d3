"""Training data as plain lists: checked once, before anything is changed."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError
from ..ops.row import as_number
from .inputs import is_number, is_whole, shown

__all__ = ["as_samples", "as_targets", "is_finite"]


def as_samples(X: Any) -> list[list[float]]:  # noqa: N803 - X is what everybody calls it
    """Samples as lists of finite numbers, all of one length; a flat list is samples of one number each.

    >>> as_samples([1, 2, 3])
    [[1], [2], [3]]
    """
    rows = [row if isinstance(row, list) else [row] for row in _rows(X, "X")]
    width = len(rows[0])
    for index, row in enumerate(rows):
        if len(row) != width:
            raise ArgumentError(f"X is ragged: sample {index} has {len(row)} numbers, sample 0 has {width}")
        for column, number in enumerate(row):
            _check_number(number, f"X[{index}][{column}]")
    if not rows[0]:
        raise ArgumentError("the samples of X are empty lists: give at least one number for each")
    return rows


def as_targets(y: Any, count: int) -> list[Any]:
    """One target for each of `count` samples: a number, or a list of numbers for several outputs."""
    rows = _rows(y, "y")
    if len(rows) != count:
        raise ArgumentError(f"X has {count} samples and y has {len(rows)} targets: give one for each sample")
    width = _width(rows[0])
    for index, row in enumerate(rows):
        if _width(row) != width:
            raise ArgumentError(f"y is ragged: target {index} is {row!r}, target 0 is {rows[0]!r}")
        for number in row if isinstance(row, list) else [row]:
            _check_number(number, f"y[{index}]")
    return rows


def _width(row: Any) -> int | None:
    return len(row) if isinstance(row, list) else None


def _rows(data: Any, name: str) -> list[Any]:
    """Lists of lists from lists, tuples, NumPy arrays, data frames and tensors."""
    for convert in ("to_numpy", "tolist"):
        data = getattr(data, convert, lambda data=data: data)()
    if not isinstance(data, (list, tuple)):
        raise ArgumentError(f"{name} is a list of samples or an array, got {shown(data)}")
    if not data:
        raise ArgumentError(f"{name} is empty: give at least one sample")
    return [_row(row) for row in data]


def _row(row: Any) -> Any:
    """A sample as a list, or the number that it is."""
    row = getattr(row, "tolist", lambda: row)()
    return [getattr(number, "tolist", lambda number=number: number)() for number in row] if isinstance(
        row, (list, tuple)) else row


def is_finite(number: Any) -> bool:
    """Whether it is a plain number, and neither NaN nor infinite."""
    return is_number(number) and math.isfinite(as_number(number))


def _check_number(number: Any, place: str) -> None:
    if not is_number(number):
        if is_whole(number):
            raise ArgumentError(f"{place} is a whole number that does not fit a float (limit 1.8e308)")
        hint = ". Number classes from 0 on" if isinstance(number, str) and place[0] == "y" else ""
        raise ArgumentError(f"{place} is {shown(number)}, a {type(number).__name__}; "
                            f"expected a plain number{hint}")
    if not math.isfinite(as_number(number)):
        raise ArgumentError(f"{place} is {number!r}; expected a finite number. "
                            "Leave such samples out, or fill the gap.")
