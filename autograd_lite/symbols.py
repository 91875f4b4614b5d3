"""Expressions: what the rules of the op table give when they run on symbols instead of numbers."""

from __future__ import annotations

import math
from typing import Any

from . import ops
from .ops import Op

__all__ = ["Symbol", "as_symbol"]


class Symbol:
    """An expression: a name, a number, or a row applied to expressions."""

    __slots__ = ("arguments", "immediates", "key", "leaf", "op")
    is_immediate = True  # a symbol may stand for a static parameter

    def __init__(self, leaf: str | float = "", op: Op | None = None, arguments: tuple[Symbol, ...] = (),
                 immediates: tuple[Any, ...] = ()) -> None:  # fmt: skip
        self.leaf = leaf
        self.op = op
        self.arguments = arguments
        self.immediates = immediates
        # equal expressions have equal keys, which is how a printer finds what it can share
        self.key: Any = (
            (op.name, *(a.key for a in arguments), *map(_key_of, immediates)) if op else _key_of(leaf)
        )

    @staticmethod
    def _apply(op: Op, arguments: tuple[Any, ...], immediates: tuple[Any, ...]) -> Symbol:
        """How a row applies itself to symbols."""
        return _simplified(op, tuple(map(as_symbol, arguments)), immediates)

    @property
    def is_condition(self) -> bool:
        """Whether `where` may take this expression as its condition."""
        return self.op is not None and self.op.condition

    def __add__(self, other: Any) -> Any:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return ops.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return ops.sub(self, other)

    def __rsub__(self, other: Any) -> Any:
        return ops.sub(other, self)

    def __mul__(self, other: Any) -> Any:
        return ops.mul(self, other)

    def __rmul__(self, other: Any) -> Any:
        return ops.mul(other, self)

    def __truediv__(self, other: Any) -> Any:
        return ops.div(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return ops.div(other, self)

    def __neg__(self) -> Any:
        return ops.neg(self)

    def __lt__(self, other: Any) -> Any:
        return ops.less(self, other)

    def __le__(self, other: Any) -> Any:
        return ops.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return ops.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return ops.greater_equal(self, other)

    def __eq__(self, other: Any) -> Any:
        return ops.equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return ops.not_equal(self, other)

    def __and__(self, other: Any) -> Any:
        return ops.logical_and(self, other)

    def __or__(self, other: Any) -> Any:
        return ops.logical_or(self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError(
            "a symbol has no truth value: a rule of the op table chooses with where(), never with if"
        )

    def __repr__(self) -> str:
        return f"Symbol{self.key!r}"


def _key_of(value: Any) -> Any:
    if isinstance(value, Symbol):
        return value.key
    return (value, math.copysign(1.0, value)) if isinstance(value, float) else value


def as_symbol(value: Any) -> Symbol:
    """A number, a name or a bool as an expression; an expression as it is."""
    return (
        value
        if isinstance(value, Symbol)
        else Symbol(value if isinstance(value, (str, bool)) else float(value))
    )


def _is(symbol: Symbol, number: float) -> bool:
    return symbol.op is None and isinstance(symbol.leaf, float) and symbol.leaf == number


def _simplified(op: Op, arguments: tuple[Symbol, ...], immediates: tuple[Any, ...]) -> Symbol:
    """Only what is exact in floats: a factor or power 1, a double negation, arithmetic on two numbers."""
    if op is ops.mul and _is(arguments[0], 1.0):
        return arguments[1]
    if op in (ops.mul, ops.div) and _is(arguments[1], 1.0):
        return arguments[0]
    if op is ops.pow and _is(arguments[1], 1.0):
        return arguments[0]
    if op is ops.neg and arguments[0].op is ops.neg:
        return arguments[0].arguments[0]
    if (
        op.infix
        and not op.condition
        and all(isinstance(a.leaf, float) and not a.op for a in arguments)
        and not immediates
    ):
        return Symbol(float(op.number(*(float(a.leaf) for a in arguments))))
    return Symbol(op=op, arguments=arguments, immediates=immediates)
