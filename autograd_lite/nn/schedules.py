"""Schedules: how the learning rate changes while training goes on.

A schedule is called with the number of steps (or epochs) done and gives the factor on the learning rate:
1.0 is the rate as given. `optimizer.step(scale=schedule(t))` takes a step with it.

>>> schedule = Cosine(steps=4)
>>> [round(schedule(t), 3) for t in range(5)]
[1.0, 0.854, 0.5, 0.146, 0.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError, nearest
from .inputs import is_whole, shown

__all__ = ["SCHEDULES", "Constant", "Cosine", "Schedule", "StepDecay", "schedule_named"]


class Schedule:
    """What all schedules share. A subclass gives `_at(t)`, for t from 0 to `length` (None: endless)."""

    @property
    def length(self) -> int | None:
        """The last t that this schedule knows, or None if it never ends."""
        return None

    def _at(self, t: int) -> float:
        """The factor on the learning rate after t steps; t is not checked."""
        raise NotImplementedError

    def __call__(self, t: int) -> float:
        """The factor on the learning rate after t steps; `ArgumentError` for t below 0 or past the end."""
        if not is_whole(t) or t < 0:
            raise ArgumentError(f"{self!r} takes the number of steps done, from 0 on, got {shown(t)}")
        if self.length is not None and t > self.length:
            raise ArgumentError(f"{self!r} ends after {self.length} steps, and step {t} was asked for: "
                                f"make it longer, or train for at most {self.length} steps")
        return self._at(int(t))

    def factors(self, count: int) -> list[float]:
        """The first `count` factors, to look at or to plot.

        >>> Constant().factors(3)
        [1.0, 1.0, 1.0]
        """
        return [self(t) for t in range(count)]

    def state_dict(self) -> dict[str, Any]:
        """What the schedule remembers, as plain data; nothing, for all that depend on t alone."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        if state != {}:
            raise ArgumentError(f"{self!r} remembers nothing, but the saved state is {shown(state)}: it was "
                                "saved from another schedule")


@dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate as given, for ever.

    >>> Constant()(1000)
    1.0
    """

    def _at(self, t: int) -> float:
        """Always 1."""
        return 1.0


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Times `factor` after each `every` steps: stairs that go down. PyTorch's `StepLR`.

    >>> StepDecay(every=2, factor=0.5).factors(5)
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: int
    factor: float = 0.1

    def _at(self, t: int) -> float:
        """The factor, as often as `every` has passed."""
        return self.factor ** (t // self.every)


@dataclass(frozen=True)
class Cosine(Schedule):
    """From 1 down to `lowest` along half a cosine, flat at both ends. PyTorch's `CosineAnnealingLR`.

    Source: Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", eq. 5.

    >>> Cosine(steps=2, lowest=0.1).factors(3)
    [1.0, 0.55, 0.1]
    """

    steps: int
    lowest: float = 0.0

    @property
    def length(self) -> int:
        """The steps."""
        return self.steps

    def _at(self, t: int) -> float:
        """The cosine at t."""
        return self.lowest + (1.0 - self.lowest) * (1.0 + math.cos(math.pi * t / self.steps)) / 2.0


SCHEDULES: dict[str, Callable[[int], Schedule]] = {
    "constant": lambda length: Constant(),
    "step": lambda length: StepDecay(max(1, length // 3)),
    "cosine": Cosine,
}
"""For each name, the schedule for a training of so many steps."""


def schedule_named(spec: Any, length: int) -> Schedule:
    """The schedule of that name for `length` steps; a schedule itself is returned as it is, None is constant.

    Raises `ArgumentError` with the nearest match for an unknown name.

    >>> schedule_named("cosine", 100)
    Cosine(steps=100, lowest=0.0)
    """
    if spec is None:
        return Constant()
    if isinstance(spec, Schedule):
        return spec
    if not isinstance(spec, str):
        raise ArgumentError(f"a schedule is a name or a schedule such as nn.Cosine(100), got {shown(spec)}")
    if spec not in SCHEDULES:
        raise ArgumentError(f"unknown schedule {spec!r}: {nearest(spec, SCHEDULES)}")
    return SCHEDULES[spec](length)
