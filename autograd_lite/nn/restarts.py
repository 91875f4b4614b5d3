"""Restarts: noticing that training is stuck, and starting again from other random numbers.

A small network may be caught on a flat place or in a local minimum, where no learning rate helps: of the
smallest network for XOR, 2-2-1, 7 of 100 starts are. Another start is the cure, as for any hill climbing
(Russell and Norvig, Artificial Intelligence, section 4.1.1: random-restart hill climbing). When to give up is
the question of early stopping asked of the training loss (Prechelt 1998, "Early stopping — but when?"); with
the numbers here three restarts solve XOR from 1,000 of 1,000 starts (benchmarks/xor_seeds.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError
from .inputs import is_number, is_whole, shown
from .stopping import Lowest

__all__ = ["Plateau", "Restarts", "restarts_from"]


@dataclass(frozen=True)
class Restarts:
    """How often training may start again, and what counts as stuck.

    An attempt is stuck when in `patience` epochs the training loss has not become lower by the share `margin`
    than the lowest before, while that lowest is still above the share `learnt` of the attempt's first loss.
    The second condition lets a network that has learnt all it can go on in peace.

    `restarts=3` of `fit` is `Restarts(3)`. Raises `ArgumentError` for numbers that make no sense.

    >>> from autograd_lite import nn
    >>> X, y = [[-1, -1], [-1, 1], [1, -1], [1, 1]], [0, 1, 1, 0]
    >>> model = nn.MLP(2, [2, 1], activation="tanh", seed=2)
    >>> history = nn.fit(model, X, y, lr=0.05, epochs=200, restarts=Restarts(3, patience=40), seed=0)
    >>> history.attempts[0]["ended"]
    'stuck: 40 epochs without a loss clearly below 0.1...'
    >>> [round(number) for number in nn.predict(model, X)]
    [0, 1, 1, 0]
    """

    times: int
    patience: int = 50
    margin: float = 0.01
    learnt: float = 0.01

    def __post_init__(self) -> None:
        for name, number, least in (("times", self.times, 0), ("patience", self.patience, 1)):
            if not is_whole(number) or number < least:
                raise ArgumentError(f"restarts: {name} is a whole number of at least {least}, "
                                    f"got {shown(number)}")
        for name, share in (("margin", self.margin), ("learnt", self.learnt)):
            if not is_number(share) or not 0 <= share < 1:
                raise ArgumentError(f"restarts: {name} is a number from 0 up to, not including, 1, "
                                    f"got {shown(share)}")


class Plateau:
    """The rule of `Restarts` at work on one attempt.

    >>> plateau = Plateau(Restarts(1, patience=2))
    >>> for epoch, loss in enumerate([1.0, 0.3, 0.2999, 0.2998], start=1):
    ...     plateau.sees(loss, epoch)
    >>> plateau.is_stuck(3), plateau.is_stuck(4)
    (False, True)
    """

    def __init__(self, rule: Restarts) -> None:
        self.rule = rule
        self.first: float | None = None
        self.lowest = Lowest(margin=rule.margin)

    def sees(self, loss: float, epoch: int) -> None:
        """Take note of an epoch's training loss."""
        if self.first is None:
            self.first = loss
        self.lowest.sees(loss, epoch)

    def is_stuck(self, epoch: int) -> bool:
        """Whether it is, after this epoch."""
        return self.lowest.epochs_ago(epoch) >= self.rule.patience and not self.has_learnt()

    def has_learnt(self) -> bool:
        """Whether little is left of the attempt's first loss."""
        return self.first is not None and self.lowest.loss <= self.rule.learnt * self.first

    def state_dict(self) -> dict[str, Any]:
        """What it has seen, as plain data."""
        return {"first": self.first, "loss": self.lowest.loss, "epoch": self.lowest.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.first = state["first"]
        self.lowest = Lowest(state["loss"], state["epoch"], self.rule.margin)


def restarts_from(restarts: Any) -> Restarts:
    """What `fit` was given, as a rule."""
    if isinstance(restarts, Restarts):
        return restarts
    if not is_whole(restarts) or restarts < 0:
        raise ArgumentError("restarts is how often training may start again, a whole number of at least 0, "
                            f"or nn.Restarts(3, patience=50); got {shown(restarts)}")
    return Restarts(int(restarts))
