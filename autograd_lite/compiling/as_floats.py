"""Arithmetic of numbers that were read from traced Values: as of floats, whose errors are branches.

`1.0 / x.data` raises `ZeroDivisionError` in eager code, and a program may go on from there; `x.data ** 0.5`
may be complex. What can turn out so is recorded together with the guard that it does not, and what does turn
out so, with the guard that the numbers are exactly these. Arithmetic of Values never raises, and has no such
guards.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from .. import ops
from ..ops import Op
from .tape import passes
from .traced import Number

__all__ = ["install"]

Way = Callable[[Any, Any, Any], Any]


def _divided(row: Op) -> Way:
    def divided(left: Any, right: Any, expected: float) -> Any:
        _holds(right, "!=", 0.0)
        return _tracer(left, right).apply(row, (left, right))

    return divided


def _floor_divided(left: Any, right: Any, expected: float) -> Any:
    """The quotient that leaves `a % b` as the rest, as CPython has it (`Objects/floatobject.c`)."""
    if not math.isfinite(expected):
        return _exactly(left, right, expected)
    _holds(right, "!=", 0.0)
    record = _tracer(left, right).apply
    rest = record(ops.sub, (left, record(ops.mod, (left, right))))
    quotient = record(ops.round, (record(ops.div, (rest, right)),))
    _finite(quotient)
    # a quotient of 0 has the sign of a / b
    signed = record(ops.add, (quotient, record(ops.mul, (record(ops.div, (left, right)), 0.0))))
    return signed if passes(_number(signed), expected) else _exactly(left, right, expected)


def _divided_with_rest(left: Any, right: Any, expected: Any) -> Any:
    return _floor_divided(left, right, expected[0]), _divided(ops.mod)(left, right, expected[1])


def _to_the_power(left: Any, right: Any, expected: float) -> Any:
    base, exponent = _number(left), _number(right)
    fixed = right.__class__ is not Number
    whole = fixed and exponent.is_integer()
    if not math.isfinite(expected) or not (base > 0.0 or whole or (base == 0.0 and fixed)):
        return _exactly(left, right, expected)
    if not whole:
        _holds(left, ">" if base > 0.0 else ">=", 0.0)
    elif exponent < 0.0:
        _holds(left, "!=", 0.0)
    power = _tracer(left, right).apply(ops.pow, (left, right))
    _finite(power)
    return power


def _number(operand: Any) -> float:
    return float(operand._data if operand.__class__ is Number else operand)


def _tracer(left: Any, right: Any) -> Any:
    return (left if left.__class__ is Number else right)._tracer


def _holds(operand: Any, op: str, number: float) -> None:
    if operand.__class__ is Number:
        operand._tracer.holds(operand, op, number)


def _finite(result: Any) -> None:
    _holds(result, "<", math.inf)
    _holds(result, ">", -math.inf)


def _exactly(left: Any, right: Any, expected: Any) -> Any:
    """What is right for these numbers only."""
    for operand in (left, right):
        if operand.__class__ is Number:
            operand._is("{}")
    return expected


def _method(name: str, row: Op | None, way: Way, reflected: bool) -> Callable[[Any, Any], Any]:
    calculate = getattr(operator, name, divmod)

    def method(self: Any, other: Any) -> Any:
        if other.__class__ not in _PLAIN:
            if row is None:
                return NotImplemented
            return self._tracer.operator(row, *((other, self) if reflected else (self, other)))
        left, right = (other, self) if reflected else (self, other)
        try:
            expected = calculate(_number(left), _number(right))
        except ArithmeticError:
            _exactly(left, right, None)
            raise
        if isinstance(expected, complex):
            return _exactly(left, right, expected)
        return way(left, right, expected)

    return method


_PLAIN = (Number, float, int, bool)
_WAYS: dict[str, tuple[Op | None, Way]] = {
    "truediv": (ops.div, _divided(ops.div)),
    "mod": (ops.mod, _divided(ops.mod)),
    "pow": (ops.pow, _to_the_power),
    "floordiv": (None, _floor_divided),
    "divmod": (None, _divided_with_rest),
}


def install() -> None:
    """Give `Number` these operators."""
    for name, (row, way) in _WAYS.items():
        for reflected in (False, True):
            setattr(Number, f"__{'r' if reflected else ''}{name}__", _method(name, row, way, reflected))
