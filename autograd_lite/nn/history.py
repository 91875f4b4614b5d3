"""What `fit` tells: `History` of all epochs, `EpochEnd` of one, `TrainingError` where numbers broke down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from html import escape
from typing import Any

from ..errors import ArgumentError, AutogradError
from .inputs import shown
from .optimizers import Optimizer

__all__ = ["EpochEnd", "History", "TrainingError"]


class TrainingError(AutogradError, ArithmeticError):
    """The loss, a gradient or a parameter became NaN or infinite. `history` holds the epochs before."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


@dataclass(frozen=True)
class History:
    """What happened in each epoch, as plain lists, and why training ended.

    `loss` is the mean over the epoch's training samples, each measured just before the step it belongs to,
    without the penalty; `penalty` is the mean of that over the steps. `lr` is the rate of the epoch's last
    step, the schedule included. `grad_norm` is the largest Euclidean norm of the gradient at any step, before
    clipping. `val_loss` and `metrics` are measured after the epoch, in `eval()`. `seconds` counts from the
    start of training; it is the one column that differs from run to run. `attempt` counts the starts of a fit
    with restarts, over which `epoch` goes on counting. A column that was not asked for stays empty.

    `best_epoch` is the epoch with the lowest `val_loss`, or `loss` where nothing is held out (0: none).
    `stopped` says in words why training ended, `stopped_early` whether a callback or `patience` ended it,
    `interrupted` whether Ctrl-C did. `attempts` tells of every start: its number, its first and last epoch,
    its best one, and why it ended.
    """

    epoch: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    penalty: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    attempt: list[int] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = ""
    stopped_early: bool = False
    interrupted: bool = False

    def as_dict(self) -> dict[str, Any]:
        """A copy as plain data, for JSON; `History.from_dict` reads it.

        >>> History(epoch=[1], loss=[0.5]).as_dict()["loss"]
        [0.5]
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> History:
        """The History of which `as_dict` gave this record; `ArgumentError` if it is something else.

        >>> history = History(epoch=[1], loss=[0.5], stopped="all 1 epochs done")
        >>> History.from_dict(history.as_dict()) == history
        True
        """
        known = {part.name: part for part in fields(cls)}
        if not isinstance(record, Mapping) or not record.keys() <= known.keys():
            strange = sorted(record.keys() - known.keys()) if isinstance(record, Mapping) else shown(record)
            raise ArgumentError(f"from_dict takes what History.as_dict() gave, got {strange}")
        empty = cls()
        for name, part in record.items():
            if not isinstance(part, type(getattr(empty, name))):
                raise ArgumentError(f"from_dict takes what History.as_dict() gave, but {name} is "
                                    f"{shown(part)}, a {type(part).__name__}")
        return cls(**asdict(cls(**record)))  # copied, so that nothing else holds its lists

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with a row for each epoch, metrics as columns of their own.

        Raises `AutogradError` where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise AutogradError("to_pandas needs pandas: pip install pandas. as_dict() gives the same "
                                "numbers as plain lists.") from error
        return pd.DataFrame(self._columns())

    def __len__(self) -> int:
        return len(self.epoch)

    def __repr__(self) -> str:
        last = f", loss {self.loss[0]:.4g} to {self.loss[-1]:.4g}" if self.loss else ""
        held_out = f", val_loss {self.val_loss[-1]:.4g}" if self.val_loss else ""
        return f"History({len(self)} epochs{last}{held_out}, stopped: {self.stopped})"

    def _repr_html_(self) -> str:
        """A small table for notebooks: about ten epochs, the first, the last and the best among them."""
        columns = self._columns()
        columns.pop("seconds")  # a notebook should look the same when it is run again
        count = len(self)
        rows = {0, count - 1, self.best_epoch - 1, *range(0, count, max(1, count // 8))} & set(range(count))
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{column[row]:.4g}</td>" for column in columns.values()) + "</tr>"
            for row in sorted(rows)
        )
        caption = f"{count} epochs; {self.stopped}" if self.stopped else f"{count} epochs"
        return (f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
                f"<tbody>{body}</tbody></table>")

    def _columns(self) -> dict[str, list[Any]]:
        """What has a number for every epoch, by name; a metric called like a column gets an underscore."""
        own = {part.name: getattr(self, part.name) for part in fields(self)}
        columns = {name: own[name] for name in _COLUMNS if own[name] or name in ("epoch", "loss", "lr")}
        for name, column in self.metrics.items():
            columns[name + "_" if name in columns else name] = column
        return columns | {"seconds": columns.pop("seconds", [])}

    def _add(self, seconds: float, metrics: Mapping[str, float], **numbers: Any) -> None:
        """Add an epoch; what is None was not asked for."""
        for name, number in numbers.items():
            if number is not None:
                getattr(self, name).append(number)
        for name, number in metrics.items():
            self.metrics.setdefault(name, []).append(number)
        self.seconds.append(seconds)  # last, see below

    def _drop_unfinished(self) -> None:
        """Drop an epoch whose numbers were not all written when Ctrl-C came."""
        finished = len(self.seconds)
        for column in (*(getattr(self, name) for name in _COLUMNS), *self.metrics.values()):
            del column[finished:]


_COLUMNS = ("epoch", "attempt", "loss", "val_loss", "penalty", "lr", "grad_norm", "seconds")


@dataclass(frozen=True)
class EpochEnd:
    """What a callback is told after each epoch. `history`, `model` and `optimizer` are the living ones.

    `epoch` goes on counting over restarts, each of which has up to `epochs`; `val_loss` is None where nothing
    is held out.
    """

    epoch: int
    epochs: int
    loss: float
    lr: float
    model: Any
    optimizer: Optimizer
    history: History
    val_loss: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    attempt: int = 1
