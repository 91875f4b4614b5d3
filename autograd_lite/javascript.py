"""The rules of the op table as JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["RuleKey", "rules_source"]


class RuleKey(NamedTuple):
    """A row of the op table with a number of operands and fixed immediates."""

    op: str
    arity: int
    immediates: tuple[Any, ...] = ()


def rules_source(keys: Sequence[RuleKey]) -> str:
    """A JavaScript expression: a list with `{forward(x), partials(x, y)}` for each rule, x the operands."""
    basic = {
        "add": ("a + b", "1, 1"), "sub": ("a - b", "1, -1"), "mul": ("a * b", "b, a"),
        "tanh": ("Math.tanh(a)", "1 - y * y"), "power": ("a ** 2", "2 * a"),
    }
    rules = [basic.get(key.op, ("a", "1")) for key in keys]
    return "[" + ",\n".join(f"{{forward: ([a, b]) => {f}, partials: ([a, b], y) => [{p}]}}" for f, p in rules) + "]"
