"""Slopes by finite differences: the judge of a gradient that knows nothing of how it was computed."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["slope"]


def slope(f: Callable[[float], float], x: float) -> tuple[float, float]:
    """The derivative of `f` at `x` and an estimate of its error, by extrapolated central differences.

    Ridders' method (Advances in Engineering Software 4, 1982): differences with shrinking steps make a table
    whose further columns cancel ever higher powers of the step; the entry that changed least is taken. Where
    that does not settle it starts again with smaller steps, for an edge or a pole close by (log at 0.001) or
    a function that turns quickly.

    >>> estimate, error = slope(math.exp, 1.0)
    >>> abs(estimate - math.e) < 1e-10
    True
    """
    scale = max(1.0, abs(x))
    best, spread = _extrapolated(f, x, 1e-2 * scale)
    for step in (0.1 * abs(x), 1e-4 * scale):
        if step and not spread <= 1e-8 * max(1.0, abs(best)):
            again = _extrapolated(f, x, step)
            if again[1] < spread:
                best, spread = again
    return best, spread


def _extrapolated(f: Callable[[float], float], x: float, step: float) -> tuple[float, float]:
    ratio, best, spread = 1.4, math.nan, math.inf
    above: list[float] = []
    for row in range(12):
        high, low = x + step, x - step
        line = [(f(high) - f(low)) / (high - low)]
        for column in range(row):
            factor = ratio ** (2 * (column + 1))
            line.append((line[column] * factor - above[column]) / (factor - 1))
            change = max(abs(line[-1] - line[column]), abs(line[-1] - above[column]))
            if change < spread:
                best, spread = line[-1], change
        above, step = line, step / ratio
    return best, spread
