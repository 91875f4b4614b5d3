"""Metrics: how good a model is, in numbers that people ask for; plain numbers in, one float out.

A metric takes what `predict` gives, and knows from the loss how outputs say which class a sample has. The
definitions are scikit-learn's: `accuracy_score`, `precision_score`, `recall_score`, `f1_score` (with
zero_division=0), `mean_absolute_error`, `mean_squared_error`, `r2_score`, `confusion_matrix`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ArgumentError, nearest
from .deciding import decided
from .inputs import is_number, shown
from .targets import number_rows

__all__ = ["METRICS", "Metric", "confusion_matrix", "metric_named"]


@dataclass(frozen=True)
class Metric:
    """One metric: `of(outputs, targets)` is its value, and `higher_is_better` says in which direction.

    >>> share = Metric("share within 0.1", lambda outputs, targets: sum(
    ...     abs(o - t) < 0.1 for o, t in zip(outputs, targets)) / len(targets))
    >>> share.of([1.0, 2.0], [1.05, 3.0])
    0.5
    """

    name: str
    of: Callable[[Sequence[Any], Sequence[Any]], float]
    higher_is_better: bool = True
    by_name: bool = field(default=False, repr=False)
    """Whether it is one of `METRICS`, whose demands on targets are known."""

    def check(self, targets: Sequence[Any], width: int) -> None:
        """`ArgumentError` for targets that this metric cannot take, of a model with `width` outputs.

        A function of your own is not asked.

        >>> metric_named("accuracy", "mse").check([0.5], width=1)
        Traceback (most recent call last):
        autograd_lite.errors.ArgumentError: accuracy: target 0 is 0.5; expected a label: ...
        """
        if self.by_name:
            self.of([[0.0] * width] * len(targets), targets)


def metric_named(metric: Any, loss: Any = None) -> Metric:
    """The metric of that name, for outputs of a model that was trained with `loss`.

    A function of outputs and targets is a metric, too; a `Metric` says also in which direction it counts.
    Raises `ArgumentError` with the nearest match for a typo.

    >>> metric_named("accuracy", "bce_with_logits").of([2.5, -0.5, 0.1], [1, 0, 0])
    0.6666666666666666
    >>> metric_named("accuracy", "cross_entropy").of([[0.1, 2.0], [3.0, 1.0]], [1, 1])
    0.5
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        if metric not in METRICS:
            raise ArgumentError(f"unknown metric {metric!r}: {nearest(metric, METRICS)}")
        row = METRICS[metric]

        def of(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
            return row.of(metric, outputs, targets, loss)

        return Metric(metric, of, row.higher_is_better, by_name=True)
    if not callable(metric):
        raise ArgumentError("a metric is a name, a function of outputs and targets or an nn.Metric, got "
                            f"{shown(metric)}")
    name = str(getattr(metric, "__name__", None) or getattr(metric, "func", type(metric)).__name__)
    return Metric(name, _giving_a_number(name, metric))


def confusion_matrix(outputs: Sequence[Any], targets: Sequence[Any], loss: Any = None) -> list[list[int]]:
    """How many samples of each class (row) the model takes for each class (column).

    The classes are 0 and 1, −1 and 1, or 0 to the last output, as the loss has them.

    >>> confusion_matrix([0.9, 0.2, 0.4], [1, 0, 1], "bce")
    [[1, 0], [1, 1]]
    """
    answers, wanted, labels = decided("confusion_matrix", outputs, targets, loss)
    if None in answers:
        raise ArgumentError(f"confusion_matrix: output {answers.index(None)} is NaN, which is no class")
    pairs = list(zip(wanted, answers, strict=True))
    return [[pairs.count((true, answer)) for answer in labels] for true in labels]


# classes


def _accuracy(name: str, outputs: Sequence[Any], targets: Sequence[Any], loss: Any) -> float:
    answers, wanted, _ = decided(name, outputs, targets, loss)
    return sum(answer == true for answer, true in zip(answers, wanted, strict=True)) / len(wanted)


def _by_class(score: Callable[[int, int, int], float]) -> Callable[..., float]:
    """A score of hits, false alarms and misses: that of class 1 of two, the mean over more than two."""

    def of(name: str, outputs: Sequence[Any], targets: Sequence[Any], loss: Any) -> float:
        answers, wanted, labels = decided(name, outputs, targets, loss)
        pairs = list(zip(answers, wanted, strict=True))
        met = [1] if len(labels) == 2 else [label for label in labels if label in answers or label in wanted]
        scores = [
            score(
                sum(answer == label == true for answer, true in pairs),
                sum(answer == label != true for answer, true in pairs),
                sum(answer != label == true for answer, true in pairs),
            )
            for label in met
        ]
        return math.fsum(scores) / len(scores)

    return of


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part else 0.0


# numbers


def _over_errors(summary: Callable[[list[float]], float]) -> Callable[..., float]:
    def of(name: str, outputs: Sequence[Any], targets: Sequence[Any], loss: Any) -> float:
        rows, wanted = number_rows(name, outputs, targets)
        return summary([o - t for row, target in zip(rows, wanted, strict=True)
                        for o, t in zip(row, target, strict=True)])

    return of


def _mean_square(errors: list[float]) -> float:
    return math.fsum(error * error for error in errors) / len(errors)


def _mean_absolute(errors: list[float]) -> float:
    return math.fsum(map(abs, errors)) / len(errors)


def _determination(name: str, outputs: Sequence[Any], targets: Sequence[Any], loss: Any) -> float:
    rows, wanted = number_rows(name, outputs, targets)
    if len(rows) < 2:
        return math.nan
    columns = zip(zip(*rows, strict=True), zip(*wanted, strict=True), strict=True)
    scores = [_explained(found, true) for found, true in columns]
    return math.fsum(scores) / len(scores)


def _explained(found: Sequence[float], true: Sequence[float]) -> float:
    mean = math.fsum(true) / len(true)
    rest = math.fsum((f - t) ** 2 for f, t in zip(found, true, strict=True))
    spread = math.fsum((t - mean) ** 2 for t in true)
    if spread == 0:
        return 1.0 if rest == 0 else 0.0
    return 1.0 - rest / spread


def _giving_a_number(name: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], float]:
    def of(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
        number = function(outputs, targets)
        if not is_number(number):
            raise ArgumentError(f"the metric {name} must return a number, got {shown(number)}")
        return float(number)

    return of


@dataclass(frozen=True)
class _Row:
    meaning: str
    of: Callable[[str, Sequence[Any], Sequence[Any], Any], float]
    higher_is_better: bool


METRICS: dict[str, _Row] = {
    "accuracy": _Row("share of right answers", _accuracy, True),
    "precision": _Row("share of the answers 1 that are right",
                      _by_class(lambda hit, alarm, miss: _share(hit, alarm)), True),
    "recall": _Row("share of the true 1 that are found",
                   _by_class(lambda hit, alarm, miss: _share(hit, miss)), True),
    "f1": _Row("harmonic mean of precision and recall",
               _by_class(lambda hit, alarm, miss: _share(2 * hit, alarm + miss)), True),
    "mae": _Row("mean absolute error", _over_errors(_mean_absolute), False),
    "mse": _Row("mean squared error", _over_errors(_mean_square), False),
    "rmse": _Row("square root of the mean squared error",
                 _over_errors(lambda errors: math.sqrt(_mean_square(errors))), False),
    "r2": _Row("share of the targets' variance that is explained", _determination, True),
}
"""The metrics by name; `METRICS["recall"].meaning` says in words what it is."""
