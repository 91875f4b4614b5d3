"""A step of training on arrays: clipping, and the optimizer's rule for all parameters of a group at once.

This is what `training.py` says a step is, from the gradient on, for drivers that get gradients elsewhere. A
step makes new arrays and changes none, so that a state is always that of a finished step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .training import TrainingState

__all__ = ["ArrayRule", "Gradient", "stepped"]


@dataclass(frozen=True, eq=False)
class ArrayRule:
    """The rule of a group, `rule(p, g, *state, lr=, t=)`, for parameters `start` to before `stop`."""

    rule: Callable[..., tuple[Any, ...]]
    start: int
    stop: int
    width: int
    """How many numbers of state each parameter has."""


@dataclass(eq=False)
class Gradient:
    """What the loss and the penalty of one step gave."""

    loss: float
    penalty: float
    slopes: Any
    """(trained,) the gradient."""
    reached: Any
    """(trained,) bool: what the gradient is of."""

    @property
    def norm(self) -> float:
        """The Euclidean norm, scaled where squares would overflow or vanish."""
        return norm_of(self.slopes)


def norm_of(slopes: Any) -> float:
    """√Σ gᵢ², as `math.hypot` has it: large and small numbers are scaled first."""
    square = float(np.dot(slopes, slopes))
    if 1e-280 < square < 1e280:
        return math.sqrt(square)
    largest = float(np.max(np.abs(slopes))) if len(slopes) else 0.0
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    scaled = slopes / largest
    return largest * math.sqrt(float(np.dot(scaled, scaled)))


def stepped(
    state: TrainingState,
    gradient: Gradient,
    rules: Sequence[ArrayRule],
    rates: Sequence[float],
    clip_value: float | None,
    clip_norm: float | None,
) -> TrainingState:
    """The state after one more step."""
    slopes = gradient.slopes
    if clip_value is not None:
        slopes = np.clip(slopes, -clip_value, clip_value)
    if clip_norm is not None:
        factor = clip_norm / (norm_of(slopes) + 1e-6)
        if factor < 1.0:
            slopes = slopes * factor
    reached, everything = gradient.reached, bool(gradient.reached.all())
    counts = state.counts + reached
    numbers, kept = state.numbers.copy(), state.state.copy()
    offset = 0
    for rule, rate in zip(rules, rates, strict=True):
        part, size = slice(rule.start, rule.stop), rule.stop - rule.start
        columns = [kept[offset + k * size : offset + (k + 1) * size] for k in range(rule.width)]
        offset += rule.width * size
        after = rule.rule(numbers[part], slopes[part], *columns, lr=rate, t=_steps(counts[part]))
        for old, new in zip((numbers[part], *columns), after, strict=True):
            np.copyto(old, new, where=True if everything else reached[part])
    return TrainingState(numbers, kept, counts, slopes)


def _steps(counts: Any) -> Any:
    """The steps of each parameter; one number if all have taken as many, as powers of it take their time."""
    first = counts[0]
    return float(first) if (counts == first).all() else counts
