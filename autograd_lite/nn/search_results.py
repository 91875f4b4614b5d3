"""What `cross_validate` and `grid_search` tell: plain data, with means, spreads, a table and the best."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from ..errors import ArgumentError, nearest
from .history import History

__all__ = ["CrossValidation", "Fold", "GridPoint", "GridSearch"]


@dataclass(frozen=True)
class Fold:
    """One training of a cross-validation, and how good it was on the samples that it did not see.

    `fold` counts from 0; `test` are the indices of the unseen samples; `loss` and `metrics` are theirs.
    `seed` started the model and its training. `failed` says in words why there are no numbers ("": there are;
    else `loss` is infinite and there are no metrics).
    """

    fold: int
    seed: int
    test: list[int]
    loss: float
    metrics: dict[str, float] = field(default_factory=dict)
    history: History = field(default_factory=History)
    failed: str = ""


@dataclass(frozen=True)
class CrossValidation:
    """The folds, and what they say together.

    >>> folds = [Fold(k, 0, [k], loss, {"accuracy": 1.0}) for k, loss in enumerate([1.0, 2.0, 3.0])]
    >>> result = CrossValidation(folds)
    >>> result.mean["loss"], result.spread["loss"], result.scores["accuracy"]
    (2.0, 1.0, [1.0, 1.0, 1.0])
    """

    folds: list[Fold]

    @property
    def scores(self) -> dict[str, list[float]]:
        """The loss and each metric, a number for each fold (NaN for a metric of a fold that failed)."""
        names = list(dict.fromkeys(name for fold in self.folds for name in fold.metrics))
        metrics = {name: [fold.metrics.get(name, math.nan) for fold in self.folds] for name in names}
        return {"loss": [fold.loss for fold in self.folds], **metrics}

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each score over the folds."""
        return {name: math.fsum(numbers) / len(numbers) for name, numbers in self.scores.items()}

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviation of each score over the folds (divided by their number less one).

        It tells how much a score depends on the samples, and is no error bar of the mean: the folds share
        most of their training samples (Bengio and Grandvalet 2004).
        """
        return {name: statistics.stdev(numbers) if all(map(math.isfinite, numbers)) else math.nan
                for name, numbers in self.scores.items()}

    def as_dict(self) -> dict[str, Any]:
        """A copy as plain data, for JSON or a data frame."""
        return {**asdict(self), "mean": self.mean, "spread": self.spread}

    def table(self) -> str:
        """A line for each fold, then mean and spread. `print(result)` shows it, and so does a notebook."""
        return _aligned(self._rows())

    def _rows(self) -> list[list[str]]:
        scores = self.scores
        rows = [[f"fold {fold.fold}", *(_short(numbers[place]) for numbers in scores.values())]
                for place, fold in enumerate(self.folds)]
        for word, summary in (("mean", self.mean), ("spread", self.spread)):
            rows.append([word, *(_short(number) for number in summary.values())])
        return [["", *scores], *rows]

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return _as_html(self._rows())

    def __repr__(self) -> str:
        mean, spread = self.mean, self.spread
        scores = ", ".join(f"{name} {_short(mean[name])} ± {_short(spread[name])}" for name in mean)
        return f"CrossValidation({len(self.folds)} folds, {scores})"


@dataclass(frozen=True)
class GridPoint:
    """One combination of settings, and its cross-validation."""

    settings: dict[str, Any]
    result: CrossValidation

    @property
    def failed(self) -> str:
        """Why its training broke down in some fold ("": it did not)."""
        return next((fold.failed for fold in self.result.folds if fold.failed), "")


@dataclass(frozen=True)
class GridSearch:
    """All combinations in the order of the grid, ranked by the score `by`."""

    points: list[GridPoint]
    by: str = "loss"
    higher_is_better: bool = False

    @property
    def ranked(self) -> list[GridPoint]:
        """Best first; those whose training broke down last. Equals stay in the order of the grid."""
        sign = -1.0 if self.higher_is_better else 1.0

        def rank(point: GridPoint) -> tuple[bool, float]:
            mean = point.result.mean.get(self.by, math.nan)
            return (True, 0.0) if point.failed or math.isnan(mean) else (False, sign * mean)

        return sorted(self.points, key=rank)

    @property
    def best(self) -> GridPoint:
        """The combination with the best mean score."""
        return self.ranked[0]

    def as_dict(self) -> dict[str, Any]:
        """A copy as plain data, for JSON."""
        return {
            "by": self.by,
            "higher_is_better": self.higher_is_better,
            "points": [{"settings": dict(point.settings), **point.result.as_dict()} for point in self.points],
        }

    def records(self) -> list[dict[str, Any]]:
        """A flat row for each combination: settings, then mean and spread of each score. For a data frame."""
        return [
            {**point.settings,
             **point.result.mean,
             **{f"{name}_spread": number for name, number in point.result.spread.items()}}
            for point in self.points
        ]

    def table(self) -> str:
        """A line for each combination, best first: its settings, then mean ± spread of each score.

        `print(result)` shows it, and so does a notebook.
        """
        return _aligned(self._rows())

    def _rows(self) -> list[list[str]]:
        names = list(dict.fromkeys(name for point in self.points for name in point.result.scores))
        keys = list(self.points[0].settings)
        rows = [[*keys, *names]]
        for point in self.ranked:
            mean, spread = point.result.mean, point.result.spread
            scores = [f"{_short(mean[name])} ± {_short(spread[name])}" if name in mean else "-"
                      for name in names]
            rows.append([*(str(point.settings[key]) for key in keys),
                         *(["failed"] * len(names) if point.failed else scores)])
        return rows

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return _as_html(self._rows())

    def __repr__(self) -> str:
        best = self.best
        return (f"GridSearch({len(self.points)} combinations, best {self.by} "
                f"{_short(best.result.mean[self.by])} with {best.settings})")


def score_named(by: str, metrics: Mapping[str, bool]) -> bool:
    """Whether more of the score `by` is better; `ArgumentError` if it is neither the loss nor a metric."""
    directions = {"loss": False, **metrics}
    if by not in directions:
        raise ArgumentError(f"by={by!r} is neither the loss nor a metric that was asked for: "
                            f"{nearest(str(by), directions)}")
    return directions[by]


def _short(number: float) -> str:
    return f"{number:.4g}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """The cells in columns, flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
                     for row in rows)


def _as_html(rows: Sequence[Sequence[str]]) -> str:
    """The same cells as an HTML table, its first row the headings."""
    head, *body = (
        "".join(f'<{tag} style="text-align:right">{escape(cell)}</{tag}>' for cell in row)
        for tag, row in zip(["th", *["td"] * (len(rows) - 1)], rows, strict=True)
    )
    lines = "".join(f"<tr>{line}</tr>" for line in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
