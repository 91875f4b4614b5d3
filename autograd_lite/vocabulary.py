"""The words that a typed formula may use, and what each stands for."""

from __future__ import annotations

import ast
import difflib
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import ops
from .errors import ArgumentError

__all__ = ["COMPARISONS", "CONSTANTS", "FUNCTIONS", "INFIX", "REFUSED", "Function", "unknown_function"]

CONSTANTS = {"pi": math.pi, "π": math.pi, "e": math.e}

INFIX: dict[type[ast.AST], tuple[Callable[[Any, Any], Any], Callable[..., Any]]] = {
    ast.Add: (operator.add, ops.add),
    ast.Sub: (operator.sub, ops.sub),
    ast.Mult: (operator.mul, ops.mul),
    ast.Div: (operator.truediv, ops.div),
    ast.Pow: (operator.pow, ops.pow),
    ast.Mod: (operator.mod, ops.mod),
}

COMPARISONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Lt: ops.less, ast.LtE: ops.less_equal, ast.Gt: ops.greater, ast.GtE: ops.greater_equal,
    ast.Eq: ops.equal, ast.NotEq: ops.not_equal, ast.And: ops.logical_and, ast.Or: ops.logical_or,
}  # fmt: skip

REFUSED: dict[type[ast.AST], str] = {
    ast.BitXor: "'^' is not a power here: write a**2",
    ast.FloorDiv: "'//' is not supported: write floor(a / b)",
    ast.MatMult: "'@' is not supported: write dot([a, b], [c, d])",
    ast.Attribute: "a name with a dot is not supported: write the op alone, tanh(a)",
    ast.Subscript: "square brackets cannot pick an item here",
    ast.BoolOp: "'and' and 'or' can only stand in the condition of where(…)",
    ast.Not: "'not' can only stand in the condition of where(…)",
    ast.IfExp: "'if … else' is not supported: write where(a > 0, b, c)",
    ast.Lambda: "a function cannot be defined here",
    ast.NamedExpr: "':=' is not supported: give values beside the expression, a=2",
    ast.List: "a list can only stand inside a call that takes lists, as in dot([a, b], [c, d])",
    ast.Tuple: "a comma can only stand between the operands of a call",
    ast.Starred: "'*' cannot unpack here",
}


@dataclass(frozen=True, slots=True)
class Function:
    """What can be called: its name, what it does, how many operands (None: any number), and its settings."""

    name: str
    call: Callable[..., Any]
    arity: int | None
    settings: tuple[str, ...] = ()


def _functions() -> dict[str, Function]:
    """The rows of the op table, and `where`, which picks the row that suits its condition."""
    rows = {op.name: Function(op.name, op, op.arity, tuple(op.immediates)) for op in ops.TABLE.values()}
    rows["where"] = Function("where", ops.where, 3)
    rows["dot"] = Function("dot", _dot, None)
    return {name: function for name, function in rows.items() if name not in {"select", "choose"}}


def _dot(*operands: Any) -> Any:
    """`dot([a, b], [c, d])`, or the same flat: `dot(a, b, c, d)`."""
    if not any(isinstance(operand, list) for operand in operands):
        half = len(operands) // 2
        if len(operands) % 2:
            raise ArgumentError(f"dot pairs its operands, and {len(operands)} is odd")
        operands = (operands[:half], operands[half:])
    if len(operands) != 2:
        raise ArgumentError(f"dot needs two lists, not {len(operands)}")
    return ops.dot(*operands)


FUNCTIONS = _functions()


def unknown_function(name: str) -> str:
    """Words for a name that cannot be called, with the likeliest one that can."""
    if hasattr(ops, name):
        return f"{name!r} works on Python values only: it is no function from numbers to one number"
    close = difflib.get_close_matches(name, FUNCTIONS, n=3)
    close.sort(key=lambda other: sorted(other) != sorted(name))  # swapped letters are the likeliest slip
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown function {name!r}: {hint}`autograd-lite ops` lists all"
