"""How a new node is filled in: its number, its rule, its parents and their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _methods
from .rules import MANY, UNREACHED, rule_with

if TYPE_CHECKING:
    from .engine import Value
    from .ops import Op

__all__ = ["fixed_node", "side", "wide_node"]

Parents = tuple[Any, ...]
Numbers = tuple[float, ...]


def fixed_node(
    kind: type[Value], op: Op, parents: Parents, values: Numbers, immediates: tuple[Any, ...]
) -> Value:
    """A node of one or two operands, which stand in its fixed fields; a parent None is a plain number."""
    node = object.__new__(kind)
    node._data = float(op.number(*values, immediates=immediates))
    node.grad = UNREACHED
    tracked = tuple(parent is not None for parent in parents)
    in_rule = immediates and op.arity == 2
    node._rule = rule_with(op, tracked, immediates) if in_rule else _methods.RULES[op.name, tracked]
    real = [parent for parent in parents if parent is not None]
    node._a, node._b = real[0], real[-1]
    node._x = values[0]
    if len(values) == 2:
        node._y = values[1]
    elif immediates:
        node._y = immediates[0] if len(immediates) == 1 else immediates
    return node


def wide_node(
    kind: type[Value], op: Op, parents: Parents, values: Numbers, immediates: tuple[Any, ...] = ()
) -> Value:
    """A node of any other shape, which keeps its operands in tuples."""
    node = object.__new__(kind)
    node._data = float(op.number(*values, immediates=immediates))
    node.grad = UNREACHED
    node._rule = _methods.RULES[op.name, None]
    node._a, node._b, node._x, node._y = parents, MANY, values, immediates
    return node


def side(kind: type[Value], operands: tuple[Any, ...]) -> tuple[Parents, Numbers] | None:
    """Parents and numbers of operands that are all Values or all floats; None for any others."""
    kinds = set(map(type, operands))
    if kinds == {kind}:
        return operands, tuple([operand._data for operand in operands])
    return ((None,) * len(operands), operands) if kinds == {float} else None
