"""The gradients of a formula against finite differences: what `autograd-lite check` prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .differences import slope
from .engine import topological_order
from .errors import ArgumentError
from .expressions import parse
from .wording import number

__all__ = ["Comparison", "check_lines", "compare"]

TOLERANCE = 1e-6
"""A gradient is right if it is this close to the finite difference, or within that one's own error."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One input's gradient, what finite differences say, and the verdict in words."""

    name: str
    value: float
    gradient: float
    difference: float
    relative_error: float
    right: bool
    remark: str = ""


def check_lines(expression: str, values: Mapping[str, float]) -> tuple[list[str], bool]:
    """A table of all inputs, and whether every gradient is right.

    Raises `ArgumentError` for a formula without inputs.

    >>> print(check_lines("exp(x)", {"x": 0.0})[0][-1])
    every gradient agrees with finite differences
    """
    if not values:
        raise ArgumentError("there is nothing to check: the formula has no name, such as x in exp(x)")
    found = compare(expression, values)
    right = all(one.right for one in found)
    head = ("input", "value", "gradient", "finite difference", "rel. error", "")
    rows = [head, *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        numbers = [cell.rjust(width) for cell, width in zip(row[1:5], widths[1:], strict=True)]
        lines.append("  ".join(["", row[0].ljust(widths[0]), *numbers, row[5]]).rstrip())
    lines.insert(1, "  " + "─" * (sum(widths) + 8))
    wrong = [one.name for one in found if not one.right]
    kinks = " or lies between the slopes at a kink" if any("kink" in one.remark for one in found) else ""
    verdict = f"every gradient agrees with finite differences{kinks}"
    skipped = [one.name for one in found if not math.isfinite(one.difference)]
    if wrong or skipped:
        verdict = f"wrong: {', '.join(wrong)}" if wrong else "no gradient is wrong"
    if skipped:
        verdict += f"; not compared: {', '.join(skipped)}"
    return [
        f"{expression.strip()} = {number(parse(expression, values).data)}",
        "",
        *lines,
        "",
        verdict,
    ], right


def _row(one: Comparison) -> tuple[str, ...]:
    error = "–" if math.isnan(one.relative_error) else f"{one.relative_error:.1e}"
    mark = ("✗ " if not one.right else "✓ " if math.isfinite(one.difference) else "") + one.remark
    return one.name, number(one.value), f"{one.gradient:.9g}", f"{one.difference:.9g}", error, mark.strip()


def compare(expression: str, values: Mapping[str, float]) -> list[Comparison]:
    """Each input's gradient beside the slope that the formula's values show.

    >>> [(one.name, one.gradient, one.right) for one in compare("x*x + y", {"x": 3.0, "y": 1.0})]
    [('x', 6.0, True), ('y', 1.0, True)]
    """
    root = parse(expression, values)
    root.backward()
    gradients = {node.label: node.grad for node in topological_order(root) if node.is_leaf}
    return [_compared(expression, values, name, gradients.get(name, 0.0), root.data) for name in values]


def _compared(
    expression: str, values: Mapping[str, float], name: str, gradient: float, value: float
) -> Comparison:
    def along(x: float) -> float:
        return parse(expression, {**values, name: x}).data

    x = values[name]
    if not math.isfinite(value):
        return Comparison(name, x, gradient, math.nan, math.nan, True, "the value is not finite")
    estimate, spread = slope(along, x)
    error = abs(gradient - estimate)
    relative = error / (max(abs(gradient), abs(estimate)) or math.nan) if error else 0.0
    noise = 4 * spread + 1e-11 * abs(value) / max(1.0, abs(x)) + 1e-12
    vague = not spread <= 1e-3 * max(1.0, abs(estimate))
    if math.isfinite(gradient) and (relative <= TOLERANCE or (error <= noise and not vague)):
        return Comparison(name, x, gradient, estimate, relative, True)
    left, right = _one_sided(along, x, -1.0), _one_sided(along, x, 1.0)
    if vague and not math.isfinite(left + right):
        return Comparison(name, x, gradient, math.nan, math.nan, True, "an edge, a jump or an infinite slope")
    largest = max(1.0, abs(left), abs(right))
    if abs(left - right) > 1e-3 * largest:
        inside = min(left, right) - 1e-4 * largest <= gradient <= max(left, right) + 1e-4 * largest
        words = f"a kink: slope {left + 0.0:.4g} left, {right + 0.0:.4g} right"
        return Comparison(name, x, gradient, estimate, math.nan if inside else relative, inside, words)
    return Comparison(name, x, gradient, estimate, relative, False)


def _one_sided(f: Callable[[float], float], x: float, side: float) -> float:
    """The slope to one side, or NaN where it does not settle as the step shrinks."""
    step = side * 1e-7 * max(1.0, abs(x))
    near, far = (f(x + step) - f(x)) / step, (f(x + 8 * step) - f(x)) / (8 * step)
    return near if abs(near - far) <= 1e-3 * max(1.0, abs(near)) else math.nan
