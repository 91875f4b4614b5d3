"""How a node of the graph is stored, and how each kind of node hands its adjoint to its parents.

A node has two fixed fields for its parents (`_a`, `_b`) and two for their values when it was made (`_x`,
`_y`); a node of any other shape keeps tuples in `_a` and `_x` and says so by `_b is MANY`. A parent that is a
plain number is None there. A `Rule` is a row of the op table together with which of its operands are
differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import ValueTypeError
from .ops import Op

__all__ = [
    "CONSTANT",
    "FROZEN",
    "LEAF",
    "MANY",
    "UNREACHED",
    "Rule",
    "chain",
    "condition",
    "is_fixed",
    "pull_each", "pull_pinned",
    "pull_units",
]

# The gradient of a node that no backward pass has reached. It reads as 0.0 and is told apart by identity; it
# must be an object of its own, which the literal 0.0 of a module is not.
UNREACHED = float("0.0")


class _Many:
    """The mark of a node with any number of parents."""

    def __repr__(self) -> str:
        return "MANY"


MANY: Any = _Many()


class Rule:
    """A row, which operands are differentiated (None: all), and how an adjoint goes to the parents."""

    __slots__ = ("immediates", "op", "pull", "tracked")

    def __init__(
        self,
        op: Op | Any,
        tracked: tuple[bool, ...] | None,
        pull: Callable[[Any], None],
        immediates: tuple[Any, ...] | None = None,
    ) -> None:
        self.op = op
        self.tracked = tracked
        self.pull = pull
        self.immediates = immediates  # where the node's fields are taken by two operands

    def __repr__(self) -> str:
        return f"<rule {self.op.name if self.op is not None else 'leaf'}>"


def _pull_nothing(node: Any) -> None:
    """A leaf has no parents."""


LEAF = Rule(None, (), _pull_nothing)
FROZEN = Rule(None, (), _pull_nothing)
CONSTANT = Rule(None, (), _pull_nothing)


def is_fixed(op: Op) -> bool:
    """Whether nodes of this row use the two fixed fields: one or two operands; conditions keep tuples."""
    return not op.condition and op.arity in (1, 2)


def rule_with(op: Op, tracked: tuple[bool, ...], immediates: tuple[Any, ...]) -> Rule:
    """The rule of a row of two operands with these immediates, such as `where` on a fixed bool; made once."""
    key = (op.name, tracked, immediates)
    if key not in _made:
        _made[key] = Rule(op, tracked, pull_two, immediates)
    return _made[key]


_made: dict[tuple[str, tuple[bool, ...], tuple[Any, ...]], Rule] = {}


def chain(upstream: float, local: float) -> float:
    """upstream * local, the product of the chain rule, where 0 times anything that is not finite is 0.

    A zero slope cuts off an infinite adjoint and a zero adjoint cuts off an infinite or NaN slope, so that
    `where(x > 0, sqrt(x), 0.0)` has slope 0 at 0. A NaN adjoint stays NaN.

    >>> import math
    >>> chain(2.0, 3.0), chain(0.0, math.inf), chain(math.inf, 0.0), chain(0.0, math.nan)
    (6.0, 0.0, 0.0, 0.0)
    """
    product = upstream * local
    if product != product and (upstream == 0.0 or (local == 0.0 and upstream == upstream)):
        return 0.0
    return product


def condition(operand: Any) -> Any:
    """An operand of `& | ~`, which must be a condition: `x > 0 & y > 0` means `x > (0 & y) > 0`."""
    if operand.__class__ is bool or getattr(operand, "is_condition", False) or hasattr(operand, "dtype"):
        return operand
    raise ValueTypeError(
        f"& | ~ combine conditions, got {operand!r:.60}: write (x > 0) & (y > 0), with parentheses"
    )


def pull_each(node: Any) -> None:
    """The chain rule for a node with any number of parents."""
    upstream = node.grad
    values = node._x
    op = node._rule.op
    packed = (values,) if op.arity is None else values
    for parent, local in zip(node._a, op.partials(*packed, *node._y, node._data), strict=True):
        if parent is not None:
            parent.grad += upstream * local


def pull_two(node: Any) -> None:
    """The chain rule for a node of two operands whose immediates stand in its rule."""
    rule, upstream = node._rule, node.grad
    first, second = rule.op.partials(node._x, node._y, *rule.immediates, node._data)
    if rule.tracked[0]:
        node._a.grad += upstream * first
    if rule.tracked[1]:
        node._b.grad += upstream * second


def pull_units(node: Any) -> None:
    """The chain rule for a node all of whose partial derivatives are 1."""
    upstream = node.grad
    for parent in node._a:
        if parent is not None:
            parent.grad += upstream


def pull_pinned(node: Any) -> None:
    """For a node whose number was replaced: the slopes are those of its first number."""
    for parent, local in zip(node._operands(), node._pinned, strict=True):
        if parent is not None:
            parent.grad += node.grad * local
