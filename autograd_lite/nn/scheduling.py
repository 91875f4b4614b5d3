"""What all learning-rate schedules share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError
from .inputs import is_number, is_whole, shown

__all__ = ["FunctionSchedule", "Schedule", "checked_factor", "checked_steps", "whole_steps"]


class Schedule:
    """How the learning rate changes: called with the steps done, it gives the factor on the rate.

    A schedule of your own is a subclass with `factor_at(t)`, and `length` if it ends; a plain function of t
    will do where a schedule is asked for.

    >>> class Halving(Schedule):
    ...     def factor_at(self, t):
    ...         return 0.5**t
    >>> Halving().factors(4)
    [1.0, 0.5, 0.25, 0.125]
    """

    @property
    def length(self) -> int | None:
        """The number of steps it is made for, or None if it never ends."""
        return None

    def factor_at(self, t: int) -> float:
        """The factor on the learning rate once t steps are done; t is not checked here."""
        raise NotImplementedError

    def __call__(self, t: int) -> float:
        """The factor on the learning rate once t steps are done: step number t + 1 is taken with it.

        Raises `ArgumentError` for t below 0, and for t past `length` (t equal to it is the end itself).
        """
        if not is_whole(t) or t < 0:
            raise ArgumentError(f"a schedule takes the number of steps done, from 0 on, got {shown(t)}")
        if self.length is not None and t > self.length:
            raise ArgumentError(f"{self!r} ends after {self.length} steps, and its factor at {t} was asked "
                                f"for: give it at least {t} steps, or stop after {self.length}")
        return float(self.factor_at(int(t)))

    def factors(self, count: int | None = None) -> list[float]:
        """The factors of the first `count` steps, to look at or to plot; of all, if the schedule ends.

        >>> from autograd_lite import nn
        >>> nn.LinearRamp(4).factors()
        [1.0, 0.75, 0.5, 0.25]
        >>> nn.Constant().factors(3)
        [1.0, 1.0, 1.0]
        """
        if count is None:
            count = self.length
        if count is None:
            raise ArgumentError(f"{self!r} never ends: say how many factors, such as factors(100)")
        if not is_whole(count) or count < 0:
            raise ArgumentError(f"factors takes how many, a whole number of at least 0, got {shown(count)}")
        return [self(t) for t in range(count)]

    def observe(self, loss: float) -> None:
        """Be told the loss of an epoch. Only `ReduceOnPlateau` listens."""

    def reset(self) -> None:
        """Forget what was observed."""

    def state_dict(self) -> dict[str, Any]:
        """What was observed, as plain data; nothing, where the factor depends on t alone."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; `ArgumentError`, and nothing changed, if it does not fit."""
        if state != {}:
            raise ArgumentError(f"{self!r} remembers nothing, but the saved state is {shown(state)}: it was "
                                "saved with another schedule")


@dataclass(frozen=True)
class FunctionSchedule(Schedule):
    """Any function of the number of steps done, as PyTorch's `LambdaLR`.

    >>> FunctionSchedule(lambda t: 1 / (1 + t)).factors(3)
    [1.0, 0.5, 0.3333333333333333]
    """

    function: Callable[[int], float]

    def factor_at(self, t: int) -> float:
        """What the function gives; `ArgumentError` unless that is a finite number of at least 0."""
        factor = self.function(t)
        if not is_number(factor) or not (math.isfinite(factor) and factor >= 0):
            raise ArgumentError(f"the schedule gave {shown(factor)} at {t}; expected a finite number of at "
                                "least 0, the factor on the learning rate")
        return float(factor)


def checked_steps(schedule: Schedule, name: str) -> None:
    """Make this setting of a schedule an int; `ArgumentError` unless it is a whole number of at least 1."""
    object.__setattr__(schedule, name, whole_steps(name, getattr(schedule, name)))


def whole_steps(name: str, steps: Any) -> int:
    """The number of steps as an int; `ArgumentError` unless it is a whole number of at least 1."""
    if not is_whole(steps) or steps < 1:
        raise ArgumentError(f"{name} is a whole number of at least 1, got {shown(steps)}")
    return int(steps)


def checked_factor(schedule: Schedule, name: str, *, zero: bool = True, most: float = math.inf) -> None:
    """Make this setting a float; `ArgumentError` unless it is finite and from 0 (or above 0) to `most`.

    A float, as NumPy's single precision would stay single in all that is computed with it.
    """
    factor = getattr(schedule, name)
    low_enough = is_number(factor) and math.isfinite(factor) and factor <= most
    if not low_enough or factor < 0 or (factor == 0 and not zero):
        least = "of at least 0" if zero else "above 0"
        end = f" and at most {most:g}" if most < math.inf else ""
        raise ArgumentError(f"{name} is a finite number {least}{end}, got {shown(factor)}")
    object.__setattr__(schedule, name, float(factor))
