"""What losses and metrics are given, checked: outputs and targets as lists of equal length."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..engine import Value
from ..errors import ArgumentError
from ..ops.row import as_number
from .inputs import is_list, is_number, shown
from .tracing import is_traced

__all__ = [
    "Target", "a_class", "a_number", "a_probability", "a_sign", "checked_target", "flat_output",
    "number_rows", "paired", "plain_rows",
]  # fmt: skip

Target = float | int | list[float]
"""One sample's target: a number, or one number for each output; where classes are told, their index."""

Complaint = Callable[[float], str]
"""What is wrong with a target, "" if nothing is."""


def a_number(target: float) -> str:
    """Any number will do."""
    return ""


def a_probability(target: float) -> str:
    """For targets between 0 and 1."""
    return "" if 0 <= target <= 1 else "expected a label 0 or 1, or a probability between them"


def a_sign(target: float) -> str:
    """For targets −1 and 1."""
    return "" if target in (-1, 1) else "expected a label -1 or 1"


def a_class(target: float) -> str:
    """For targets that are an index of one of the outputs."""
    return "" if target >= 0 and target == int(target) else "expected the index of a class: 0, 1, 2, ..."


def checked_target(name: str, complaint: Complaint, target: Any, width: int, index: int) -> Target:
    """Target number `index` as the loss `name` takes it, for a model of `width` outputs.

    Raises `ArgumentError` for one that does not fit.
    """
    by_class = complaint is a_class
    numbers = target if isinstance(target, list) else [target]
    expected = 1 if by_class else width
    if len(numbers) != expected:
        raise ArgumentError(f"{name}: target {index} has {len(numbers)} numbers, expected "
                            f"{expected} for a model with {width} outputs: {target!r}")
    for number in numbers:
        if is_traced(number):  # it stands for many, which `fit` has checked
            continue
        if wrong := _not_finite(number) or complaint(number):
            raise ArgumentError(f"{name}: target {index} is {number!r}; {wrong}")
    if not by_class:
        return numbers if width > 1 else numbers[0]
    if width < 2:
        raise ArgumentError(f"{name} needs a model with an output for each class, got 1 output. "
                            "For two classes and one output take bce_with_logits.")
    if is_traced(numbers[0]):
        if numbers[0] < 0.0:  # a guard: a table alone would count from its end
            raise ArgumentError(f"{name}: target {index} is {numbers[0].item()!r}; {complaint(-1.0)}")
        return numbers[0]  # type: ignore[no-any-return]
    if numbers[0] >= width:
        raise ArgumentError(f"{name}: target {index} is class {numbers[0]!r}, but the model has "
                            f"only {width} outputs, for the classes 0 to {width - 1}")
    return int(numbers[0])


def _not_finite(number: Any) -> str:
    if not is_number(number):
        return f"a target is a plain number, this is a {type(number).__name__}"
    return "" if math.isfinite(as_number(number)) else "a target must be finite. Leave such samples out."


def flat_output(output: Any) -> Any:
    """What a model returned for one sample, a list of one output being that output."""
    if isinstance(output, tuple):
        output = list(output)
    return output[0] if isinstance(output, list) and len(output) == 1 else output


def paired(name: str, outputs: Any, targets: Any, by_class: bool) -> tuple[list[Any], list[Any]]:
    """Outputs and targets as lists of equal length, a single sample wrapped into lists of one."""
    outputs, wanted = _without_arrays(outputs), _without_arrays(targets)
    if isinstance(outputs, Value) or (by_class and not isinstance(wanted, (list, tuple))):
        outputs, wanted = [outputs], [wanted]
    if not is_list(outputs) or not isinstance(wanted, (list, tuple)):
        what, given = ("targets", wanted) if is_list(outputs) else ("outputs", outputs)
        raise ArgumentError(f"{name} takes a list of outputs and a list of as many targets, "
                            f"got the {what} {shown(given)}")
    rows = [flat_output(_without_arrays(row)) for row in outputs]
    if len(rows) != len(wanted):
        raise ArgumentError(f"{name}: {len(rows)} outputs and {len(wanted)} targets. "
                            "Give one target for each sample.")
    if not rows:
        raise ArgumentError(f"{name} of no samples at all: outputs and targets are empty")
    _check_outputs(name, rows)
    wanted = map(_without_arrays, wanted)
    return rows, [list(target) if isinstance(target, tuple) else target for target in wanted]


def _without_arrays(thing: Any) -> Any:
    """An array or tensor as lists, or as the number that it holds; anything else as it is."""
    return thing.tolist() if hasattr(thing, "tolist") else thing


def _check_outputs(name: str, rows: list[Any]) -> None:
    first = len(rows[0]) if isinstance(rows[0], list) else 1
    for index, row in enumerate(rows):
        parts = row if isinstance(row, list) else [row]
        if not parts or not all(isinstance(part, Value) for part in parts):
            raise ArgumentError(f"{name}: output {index} is {shown(row)}; expected what a model returns for "
                                "one sample, a Value or a list of Values")
        if len(parts) != first:
            raise ArgumentError(f"{name}: output {index} has {len(parts)} numbers, output 0 has {first}")


# plain numbers, as metrics take them


def plain_rows(name: str, what: str, rows: Any) -> list[list[float]]:
    """Outputs or targets as lists of numbers, all of one length; Values as their numbers."""
    listed = rows.tolist() if hasattr(rows, "tolist") else rows
    if not isinstance(listed, (list, tuple)) or not listed:
        raise ArgumentError(f"{name} takes a list of at least one {what}, got {shown(rows)}")
    plain = [[_plain(name, what, index, part) for part in row] if isinstance(row, (list, tuple))
             else [_plain(name, what, index, row)] for index, row in enumerate(listed)]
    for index, row in enumerate(plain):
        if len(row) != len(plain[0]) or not row:
            raise ArgumentError(f"{name}: {what} {index} has {len(row)} numbers, {what} 0 has "
                                f"{len(plain[0])}")
    return plain


def number_rows(name: str, outputs: Any, targets: Any) -> tuple[list[list[float]], list[list[float]]]:
    """Outputs and targets as lists of numbers of the same shape."""
    rows, wanted = plain_rows(name, "output", outputs), plain_rows(name, "target", targets)
    if len(rows) != len(wanted):
        raise ArgumentError(f"{name}: {len(rows)} outputs and {len(wanted)} targets. "
                            "Give one target for each sample.")
    if len(rows[0]) != len(wanted[0]):
        raise ArgumentError(f"{name}: an output has {len(rows[0])} numbers and a target {len(wanted[0])}")
    return rows, wanted


def _plain(name: str, what: str, index: int, part: Any) -> float:
    if isinstance(part, Value):
        return float(part.data)
    if not is_number(part):
        raise ArgumentError(f"{name}: {what} {index} is {shown(part)}; expected a number or a list of "
                            "numbers")
    return float(part)
