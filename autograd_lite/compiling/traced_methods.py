"""The operators of a traced number: one closure for each row of the op table, as quick as recording allows.

Each computes the number of this run as eager code does, and looks its operation up on the tape, where it
stands already or becomes the newest one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from .. import _methods, ops
from ..engine import Value
from ..ops import Op
from ..ops.row import RAISED_FOR_IEEE, as_number
from ..protocols import comparable
from .tape import CODE
from .traced import Number, Traced

__all__ = ["install"]

new = object.__new__
Method = Callable[..., Any]
_OPERATORS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}


def _unary(row: Op) -> Method:
    code, calculate, number = CODE[row.name], row.native or row.forward, row.number

    def method(self: Any) -> Any:
        tracer, known = self._tracer, self._tracer.known
        node = new(Traced)
        a = self._data
        try:
            node._data = calculate(a)
        except RAISED_FOR_IEEE:
            node._data = number(a)
        node._index = known.setdefault((code, self._index), len(known))
        node._tracer = tracer
        return node

    return method


def _with_immediates(row: Op) -> Method:
    def method(self: Any, *given: Any, **named: Any) -> Any:
        operands, immediates = row.split((self, *given), named)
        return self._tracer.apply(row, operands, immediates)

    return method


def _binary(row: Op, plain: Op | None = None) -> Method:
    """`a op b` for a traced `a`; `plain` is the row for a plain number `b`, where that is another."""
    code, calculate, number = CODE[row.name], _OPERATORS.get(row.name, row.native or row.forward), row.number
    plain_code = CODE[(plain or row).name]

    def method(self: Any, other: Any) -> Any:
        tracer, kind = self._tracer, other.__class__
        if kind is Traced and other._tracer is tracer:
            b = other._data
            key = code, self._index, other._index
        elif kind is Value:
            b = other._data
            leaf = tracer.leaves.get(other)
            key = code, self._index, tracer.meet(other) if leaf is None else leaf
        elif kind is float or kind is int:
            b = other if kind is float else as_number(other)
            constant = tracer.constants.get(b)
            key = plain_code, self._index, tracer.constant(b) if constant is None else constant
        else:
            return tracer.operator(row, self, other)
        known = tracer.known
        node = new(Traced)
        a = self._data
        try:
            node._data = calculate(a, b)
        except RAISED_FOR_IEEE:
            node._data = number(a, b)
        node._index = known.setdefault(key, len(known))
        node._tracer = tracer
        return node

    return method


def _reflected(row: Op) -> Method:
    """`a op b` for a traced `b`."""
    code, calculate, number = CODE[row.name], _OPERATORS.get(row.name, row.native or row.forward), row.number

    def method(self: Any, other: Any) -> Any:
        tracer, kind = self._tracer, other.__class__
        if kind is Value:
            a = other._data
            leaf = tracer.leaves.get(other)
            key = code, tracer.meet(other) if leaf is None else leaf, self._index
        elif kind is float or kind is int:
            a = other if kind is float else as_number(other)
            constant = tracer.constants.get(a)
            key = code, tracer.constant(a) if constant is None else constant, self._index
        else:
            return tracer.operator(row, other, self)
        known = tracer.known
        node = new(Traced)
        b = self._data
        try:
            node._data = calculate(a, b)
        except RAISED_FOR_IEEE:
            node._data = number(a, b)
        node._index = known.setdefault(key, len(known))
        node._tracer = tracer
        return node

    return method


def _general(row: Op, reflected: bool = False) -> Method:
    """The same for what has no quick way: numbers read from traced Values, and comparisons."""
    if reflected:
        return lambda self, other: self._tracer.operator(row, other, self)
    return lambda self, *others, **named: (
        self._tracer.apply(row, *row.split((self, *others), named))
        if row.arity == 1
        else self._tracer.operator(row, self, *others)
    )


def _comparison(row: Op) -> Method:
    def method(self: Any, other: Any) -> Any:
        if other.__class__ is not float and comparable(other) is None:
            return NotImplemented
        return self._tracer.apply(row, (self, other))

    return method


def install() -> None:
    """Give `Traced` and `Number` the methods of every row, under all the names that `Value` has for them."""
    aliases = [(name, function) for name, function in vars(_methods.Methods).items() if callable(function)]
    names = {function: name for name, function in reversed(aliases)}
    for name, original in _methods.METHODS.items():
        row = ops.TABLE[name]
        if row.arity == 1 and (row is ops.power or row.immediates):
            quick = _with_immediates(row)
        elif row.arity == 1:
            quick = _unary(row)
        else:
            quick = _binary(row, ops.power if row is ops.pow else None)
        quick.__name__, quick.__doc__ = names[original], original.__doc__
        for alias, function in aliases:
            if function is original:
                setattr(Traced, alias, quick)
                setattr(Number, alias, _general(row))
        reflected = f"__r{names[original][2:]}"
        if hasattr(Value, reflected):
            setattr(Traced, reflected, _reflected(row))
            setattr(Number, reflected, _general(row, reflected=True))
    for name, row in (
        ("__lt__", ops.less), ("__le__", ops.less_equal), ("__gt__", ops.greater),
        ("__ge__", ops.greater_equal), ("__eq__", ops.equal), ("__ne__", ops.not_equal),
    ):  # fmt: skip
        setattr(Traced, name, _comparison(row))
