"""Which class an output stands for: by an index, a sign or a threshold, as the loss has it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ArgumentError
from .inputs import shown
from .losses import Answers, known_loss
from .targets import a_probability, a_sign, number_rows, plain_rows

__all__ = ["answers_of", "class_of", "decided"]

Label = int | None
"""A class; None for an output that is NaN and so stands for none."""


def answers_of(loss: Any) -> Answers:
    """How outputs trained with that loss say the class; "numbers" for None and a function of one's own."""
    known = None if loss is None else known_loss(loss)
    return "numbers" if known is None else known.answers


def class_of(row: list[float], answers: Answers) -> Label | list[Label]:
    """The class that one sample's outputs stand for; where each output has its own, a list.

    >>> class_of([0.3, 2.0, 1.0], "classes"), class_of([0.3], "logits"), class_of([-0.3], "signs")
    (1, 1, -1)
    """
    if answers == "classes" or (answers == "numbers" and len(row) > 1):
        return _largest(row)
    labels = [_DECIDE[answers](number) for number in row]
    return labels if len(labels) > 1 else labels[0]


def decided(
    name: str, outputs: Sequence[Any], targets: Sequence[Any], loss: Any
) -> tuple[list[Label], list[int], list[int]]:
    """The classes that the outputs stand for, the true ones, and the list of all classes.

    Outputs that are numbers, as with mse, are rounded to the nearer of 0 and 1, or of −1 and 1 if −1 is
    among the targets; several with one 1 among the targets of each sample, or with the index of a class,
    are classes. Raises `ArgumentError` for targets that are no labels.
    """
    answers = answers_of(loss)
    rows, wanted = plain_rows(name, "output", outputs), plain_rows(name, "target", targets)
    if answers == "classes" or (answers == "numbers" and len(rows[0]) > 1 == len(wanted[0])):
        return _by_index(name, rows, targets)
    rows, wanted = number_rows(name, rows, wanted)
    if answers == "numbers" and len(rows[0]) > 1 and all(_one_hot(row) for row in wanted):
        return _by_index(name, rows, [row.index(1) for row in wanted])
    true = [number for row in wanted for number in row]
    if answers == "numbers":
        answers = "signs" if -1 in true else "probabilities"
        complaint = a_sign if answers == "signs" else _a_label
    else:
        complaint = a_sign if answers == "signs" else a_probability
    for index, target in enumerate(true):
        if wrong := complaint(target):
            raise ArgumentError(f"{name}: target {index} is {target!r}; {wrong}")
    low = -1 if answers == "signs" else 0
    return ([_DECIDE[answers](number) for row in rows for number in row],
            [1 if number > 0.5 else low for number in true], [low, 1])


def _by_index(
    name: str, outputs: Sequence[Any], targets: Sequence[Any]
) -> tuple[list[Label], list[int], list[int]]:
    rows, wanted = plain_rows(name, "output", outputs), plain_rows(name, "target", targets)
    if len(rows) != len(wanted):
        raise ArgumentError(f"{name}: {len(rows)} outputs and {len(wanted)} targets. "
                            "Give one target for each sample.")
    classes = list(range(len(rows[0])))
    for index, target in enumerate(wanted):
        if len(target) != 1 or target[0] not in classes:
            raise ArgumentError(f"{name}: target {index} is {shown(targets[index])}; expected the index of a "
                                f"class, from 0 to {classes[-1]}")
    return [_largest(row) for row in rows], [int(target[0]) for target in wanted], classes


def _one_hot(row: list[float]) -> bool:
    return row.count(1) == 1 and row.count(0) == len(row) - 1


def _a_label(target: float) -> str:
    return "" if target in (0, 1) else (
        "expected a label: 0 or 1, -1 or 1, or the index of a class. "
        "For targets that are numbers take mae, rmse or r2")


def _largest(row: list[float]) -> Label:
    return None if any(map(math.isnan, row)) else row.index(max(row))


def _above(threshold: float, otherwise: int) -> Callable[[float], Label]:
    def decide(number: float) -> Label:
        if math.isnan(number):
            return None
        return 1 if number > threshold else otherwise

    return decide


_DECIDE: dict[str, Callable[[float], Label]] = {
    "numbers": _above(0.5, 0), "probabilities": _above(0.5, 0), "logits": _above(0.0, 0),
    "signs": _above(0.0, -1),
}  # fmt: skip
