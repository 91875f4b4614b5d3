"""Methods and adjoints of every row of the op table.

Printed by `_generate.py`: change the rows, not this file. A method computes the value and keeps the operands
and their values; a `pull_…` function multiplies the node's adjoint by each local gradient and adds it to that
parent. They do for one row what `engine.record` and the chain rule in `engine.py` say for all rows.
"""
# fmt: off
# ruff: noqa
# mypy: ignore-errors

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import ops
from .modes import switches
from .ops.row import RAISED_FOR_IEEE, as_number
from .rules import UNREACHED, Rule, condition, pull_each, pull_units

if TYPE_CHECKING:
    from .engine import Value

new = object.__new__
_inf, _NEGATIVE_inf, _nan = float("inf"), float("-inf"), float("nan")
_abs = ops.TABLE['abs'].native or ops.TABLE['abs']
_acos = ops.TABLE['acos'].native or ops.TABLE['acos']
_acosh = ops.TABLE['acosh'].native or ops.TABLE['acosh']
_asin = ops.TABLE['asin'].native or ops.TABLE['asin']
_asinh = ops.TABLE['asinh'].native or ops.TABLE['asinh']
_atan = ops.TABLE['atan'].native or ops.TABLE['atan']
_atan2 = ops.TABLE['atan2'].native or ops.TABLE['atan2']
_atanh = ops.TABLE['atanh'].native or ops.TABLE['atanh']
_cbrt = ops.TABLE['cbrt'].native or ops.TABLE['cbrt']
_cos = ops.TABLE['cos'].native or ops.TABLE['cos']
_cosh = ops.TABLE['cosh'].native or ops.TABLE['cosh']
_digamma = ops.TABLE['digamma'].native or ops.TABLE['digamma']
_erf = ops.TABLE['erf'].native or ops.TABLE['erf']
_erfc = ops.TABLE['erfc'].native or ops.TABLE['erfc']
_exp = ops.TABLE['exp'].native or ops.TABLE['exp']
_exp2 = ops.TABLE['exp2'].native or ops.TABLE['exp2']
_expm1 = ops.TABLE['expm1'].native or ops.TABLE['expm1']
_floor = ops.TABLE['floor'].native or ops.TABLE['floor']
_hypot = ops.TABLE['hypot'].native or ops.TABLE['hypot']
_identity = ops.TABLE['identity'].native or ops.TABLE['identity']
_lgamma = ops.TABLE['lgamma'].native or ops.TABLE['lgamma']
_log = ops.TABLE['log'].native or ops.TABLE['log']
_log10 = ops.TABLE['log10'].native or ops.TABLE['log10']
_log1p = ops.TABLE['log1p'].native or ops.TABLE['log1p']
_log2 = ops.TABLE['log2'].native or ops.TABLE['log2']
_mod = ops.TABLE['mod'].native or ops.TABLE['mod']
_polygamma = ops.TABLE['polygamma'].native or ops.TABLE['polygamma']
_pow = ops.TABLE['pow'].native or ops.TABLE['pow']
_power = ops.TABLE['power'].native or ops.TABLE['power']
_round = ops.TABLE['round'].native or ops.TABLE['round']
_sin = ops.TABLE['sin'].native or ops.TABLE['sin']
_sinh = ops.TABLE['sinh'].native or ops.TABLE['sinh']
_sqrt = ops.TABLE['sqrt'].native or ops.TABLE['sqrt']
_tan = ops.TABLE['tan'].native or ops.TABLE['tan']
_tanh = ops.TABLE['tanh'].native or ops.TABLE['tanh']


class Methods:
    """The operations of a Value as methods and operators."""

    __slots__ = ()

    def __add__(self, other: Value | float) -> Value:
        """a + b."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            node._data = a + b
            node.grad = UNREACHED
            node._rule = ADD
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            node._data = a + b
            node.grad = UNREACHED
            node._rule = ADD_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['add'], self, other)
        return annotate(node) if switches.count else node

    def __radd__(self, other: Value | float) -> Value:
        """a + b, for a plain number a."""
        kind = other.__class__
        if kind is float or kind is int:
            a = other if kind is float else as_number(other)
            b = self._data
            node = new(Value)
            node._data = a + b
            node.grad = UNREACHED
            node._rule = NUMBER_ADD
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['add'], other, self)
        return annotate(node) if switches.count else node

    def __sub__(self, other: Value | float) -> Value:
        """a - b."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            node._data = a - b
            node.grad = UNREACHED
            node._rule = SUB
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            node._data = a - b
            node.grad = UNREACHED
            node._rule = SUB_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['sub'], self, other)
        return annotate(node) if switches.count else node

    def __rsub__(self, other: Value | float) -> Value:
        """a - b, for a plain number a."""
        kind = other.__class__
        if kind is float or kind is int:
            a = other if kind is float else as_number(other)
            b = self._data
            node = new(Value)
            node._data = a - b
            node.grad = UNREACHED
            node._rule = NUMBER_SUB
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['sub'], other, self)
        return annotate(node) if switches.count else node

    def __mul__(self, other: Value | float) -> Value:
        """a * b."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            node._data = a * b
            node.grad = UNREACHED
            node._rule = MUL
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            node._data = a * b
            node.grad = UNREACHED
            node._rule = MUL_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['mul'], self, other)
        return annotate(node) if switches.count else node

    def __rmul__(self, other: Value | float) -> Value:
        """a * b, for a plain number a."""
        kind = other.__class__
        if kind is float or kind is int:
            a = other if kind is float else as_number(other)
            b = self._data
            node = new(Value)
            node._data = a * b
            node.grad = UNREACHED
            node._rule = NUMBER_MUL
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['mul'], other, self)
        return annotate(node) if switches.count else node

    def __truediv__(self, other: Value | float) -> Value:
        """a / b."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            try:
                node._data = a / b
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['div'].number(a, b)
            node.grad = UNREACHED
            node._rule = DIV
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            try:
                node._data = a / b
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['div'].number(a, b)
            node.grad = UNREACHED
            node._rule = DIV_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['div'], self, other)
        return annotate(node) if switches.count else node

    def __rtruediv__(self, other: Value | float) -> Value:
        """a / b, for a plain number a."""
        kind = other.__class__
        if kind is float or kind is int:
            a = other if kind is float else as_number(other)
            b = self._data
            node = new(Value)
            try:
                node._data = a / b
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['div'].number(a, b)
            node.grad = UNREACHED
            node._rule = NUMBER_DIV
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['div'], other, self)
        return annotate(node) if switches.count else node

    def __neg__(self) -> Value:
        """-a."""
        a = self._data
        node = new(Value)
        node._data = -a
        node.grad = UNREACHED
        node._rule = NEG
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def __pow__(self, other: Value | float) -> Value:
        """a ** b, both differentiated."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            try:
                node._data = _pow(a, b)
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['pow'].number(a, b)
            node.grad = UNREACHED
            node._rule = POW
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            return self._power(other)
        else:
            return record(ops.TABLE['pow'], self, other)
        return annotate(node) if switches.count else node

    def __rpow__(self, other: Value | float) -> Value:
        """a ** b, both differentiated, for a plain number a."""
        kind = other.__class__
        if kind is float or kind is int:
            a = other if kind is float else as_number(other)
            b = self._data
            node = new(Value)
            try:
                node._data = _pow(a, b)
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['pow'].number(a, b)
            node.grad = UNREACHED
            node._rule = NUMBER_POW
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['pow'], other, self)
        return annotate(node) if switches.count else node

    def _power(self, p: float = 2.0) -> Value:
        """A ** p for a plain number p."""
        if p.__class__ is not float: p = ops.row._as_immediate('power', 'p', p)
        a = self._data
        node = new(Value)
        try:
            node._data = _power(a, p)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['power'].number(a, immediates=(p,))
        node.grad = UNREACHED
        node._rule = POWER
        node._a = node._b = self
        node._x = a
        node._y = p
        return annotate(node) if switches.count else node

    def square(self) -> Value:
        """A * a."""
        a = self._data
        node = new(Value)
        node._data = a * a
        node.grad = UNREACHED
        node._rule = SQUARE
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def reciprocal(self) -> Value:
        """1 / a."""
        a = self._data
        node = new(Value)
        try:
            node._data = 1.0 / a
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['reciprocal'].number(a)
        node.grad = UNREACHED
        node._rule = RECIPROCAL
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def identity(self) -> Value:
        """A, as a node of its own."""
        a = self._data
        node = new(Value)
        try:
            node._data = _identity(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['identity'].number(a)
        node.grad = UNREACHED
        node._rule = IDENTITY
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def exp(self) -> Value:
        """E to the power a."""
        a = self._data
        node = new(Value)
        try:
            node._data = _exp(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['exp'].number(a)
        node.grad = UNREACHED
        node._rule = EXP
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def exp2(self) -> Value:
        """2 to the power a."""
        a = self._data
        node = new(Value)
        try:
            node._data = _exp2(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['exp2'].number(a)
        node.grad = UNREACHED
        node._rule = EXP2
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def expm1(self) -> Value:
        """Exp(a) - 1, exact near 0."""
        a = self._data
        node = new(Value)
        try:
            node._data = _expm1(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['expm1'].number(a)
        node.grad = UNREACHED
        node._rule = EXPM1
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def log(self) -> Value:
        """Natural logarithm."""
        a = self._data
        node = new(Value)
        try:
            node._data = _log(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['log'].number(a)
        node.grad = UNREACHED
        node._rule = LOG
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def log1p(self) -> Value:
        """Log(1 + a), exact near 0."""
        a = self._data
        node = new(Value)
        try:
            node._data = _log1p(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['log1p'].number(a)
        node.grad = UNREACHED
        node._rule = LOG1P
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def log2(self) -> Value:
        """Logarithm to base 2."""
        a = self._data
        node = new(Value)
        try:
            node._data = _log2(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['log2'].number(a)
        node.grad = UNREACHED
        node._rule = LOG2
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def log10(self) -> Value:
        """Logarithm to base 10."""
        a = self._data
        node = new(Value)
        try:
            node._data = _log10(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['log10'].number(a)
        node.grad = UNREACHED
        node._rule = LOG10
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def sqrt(self) -> Value:
        """Square root."""
        a = self._data
        node = new(Value)
        try:
            node._data = _sqrt(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['sqrt'].number(a)
        node.grad = UNREACHED
        node._rule = SQRT
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def cbrt(self) -> Value:
        """Cube root."""
        a = self._data
        node = new(Value)
        try:
            node._data = _cbrt(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['cbrt'].number(a)
        node.grad = UNREACHED
        node._rule = CBRT
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def sin(self) -> Value:
        """Sine."""
        a = self._data
        node = new(Value)
        try:
            node._data = _sin(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['sin'].number(a)
        node.grad = UNREACHED
        node._rule = SIN
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def cos(self) -> Value:
        """Cosine."""
        a = self._data
        node = new(Value)
        try:
            node._data = _cos(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['cos'].number(a)
        node.grad = UNREACHED
        node._rule = COS
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def tan(self) -> Value:
        """Tangent."""
        a = self._data
        node = new(Value)
        try:
            node._data = _tan(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['tan'].number(a)
        node.grad = UNREACHED
        node._rule = TAN
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def asin(self) -> Value:
        """Inverse sine."""
        a = self._data
        node = new(Value)
        try:
            node._data = _asin(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['asin'].number(a)
        node.grad = UNREACHED
        node._rule = ASIN
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def acos(self) -> Value:
        """Inverse cosine."""
        a = self._data
        node = new(Value)
        try:
            node._data = _acos(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['acos'].number(a)
        node.grad = UNREACHED
        node._rule = ACOS
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def atan(self) -> Value:
        """Inverse tangent."""
        a = self._data
        node = new(Value)
        try:
            node._data = _atan(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['atan'].number(a)
        node.grad = UNREACHED
        node._rule = ATAN
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def atan2(self, other: Value | float) -> Value:
        """Angle of the point (b, a)."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            try:
                node._data = _atan2(a, b)
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['atan2'].number(a, b)
            node.grad = UNREACHED
            node._rule = ATAN2
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            try:
                node._data = _atan2(a, b)
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['atan2'].number(a, b)
            node.grad = UNREACHED
            node._rule = ATAN2_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['atan2'], self, other)
        return annotate(node) if switches.count else node

    def sinh(self) -> Value:
        """Hyperbolic sine."""
        a = self._data
        node = new(Value)
        try:
            node._data = _sinh(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['sinh'].number(a)
        node.grad = UNREACHED
        node._rule = SINH
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def cosh(self) -> Value:
        """Hyperbolic cosine."""
        a = self._data
        node = new(Value)
        try:
            node._data = _cosh(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['cosh'].number(a)
        node.grad = UNREACHED
        node._rule = COSH
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def tanh(self) -> Value:
        """Hyperbolic tangent."""
        a = self._data
        node = new(Value)
        try:
            node._data = _tanh(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['tanh'].number(a)
        node.grad = UNREACHED
        node._rule = TANH
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def asinh(self) -> Value:
        """Inverse hyperbolic sine."""
        a = self._data
        node = new(Value)
        try:
            node._data = _asinh(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['asinh'].number(a)
        node.grad = UNREACHED
        node._rule = ASINH
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def acosh(self) -> Value:
        """Inverse hyperbolic cosine."""
        a = self._data
        node = new(Value)
        try:
            node._data = _acosh(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['acosh'].number(a)
        node.grad = UNREACHED
        node._rule = ACOSH
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def atanh(self) -> Value:
        """Inverse hyperbolic tangent."""
        a = self._data
        node = new(Value)
        try:
            node._data = _atanh(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['atanh'].number(a)
        node.grad = UNREACHED
        node._rule = ATANH
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def abs(self) -> Value:
        """Absolute value."""
        a = self._data
        node = new(Value)
        try:
            node._data = _abs(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['abs'].number(a)
        node.grad = UNREACHED
        node._rule = ABS
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def sign(self) -> Value:
        """-1, 0 or 1."""
        a = self._data
        node = new(Value)
        node._data = 1.0 if a > 0.0 else -1.0 if a < 0.0 else a
        node.grad = UNREACHED
        node._rule = SIGN
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def floor(self) -> Value:
        """The whole number at or below a."""
        a = self._data
        node = new(Value)
        try:
            node._data = _floor(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['floor'].number(a)
        node.grad = UNREACHED
        node._rule = FLOOR
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def ceil(self) -> Value:
        """The whole number at or above a."""
        a = self._data
        node = new(Value)
        try:
            node._data = -_floor(-a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['ceil'].number(a)
        node.grad = UNREACHED
        node._rule = CEIL
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def __mod__(self, other: Value | float) -> Value:
        """remainder of a / b with the sign of b."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            try:
                node._data = _mod(a, b)
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['mod'].number(a, b)
            node.grad = UNREACHED
            node._rule = MOD
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            try:
                node._data = _mod(a, b)
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['mod'].number(a, b)
            node.grad = UNREACHED
            node._rule = MOD_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['mod'], self, other)
        return annotate(node) if switches.count else node

    def __rmod__(self, other: Value | float) -> Value:
        """remainder of a / b with the sign of b, for a plain number a."""
        kind = other.__class__
        if kind is float or kind is int:
            a = other if kind is float else as_number(other)
            b = self._data
            node = new(Value)
            try:
                node._data = _mod(a, b)
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['mod'].number(a, b)
            node.grad = UNREACHED
            node._rule = NUMBER_MOD
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['mod'], other, self)
        return annotate(node) if switches.count else node

    def maximum(self, other: Value | float) -> Value:
        """The larger of a and b."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            node._data = a if a >= b else b if a < b else a + b
            node.grad = UNREACHED
            node._rule = MAXIMUM
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            node._data = a if a >= b else b if a < b else a + b
            node.grad = UNREACHED
            node._rule = MAXIMUM_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['maximum'], self, other)
        return annotate(node) if switches.count else node

    def minimum(self, other: Value | float) -> Value:
        """The smaller of a and b."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            node._data = a if a <= b else b if a > b else a + b
            node.grad = UNREACHED
            node._rule = MINIMUM
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            node._data = a if a <= b else b if a > b else a + b
            node.grad = UNREACHED
            node._rule = MINIMUM_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['minimum'], self, other)
        return annotate(node) if switches.count else node

    def clip(self, low: float = _NEGATIVE_inf, high: float = _inf) -> Value:
        """A kept within [low, high]."""
        if low.__class__ is not float: low = ops.row._as_immediate('clip', 'low', low)
        if high.__class__ is not float: high = ops.row._as_immediate('clip', 'high', high)
        a = self._data
        node = new(Value)
        node._data = low if a < low else high if a > high else a
        node.grad = UNREACHED
        node._rule = CLIP
        node._a = node._b = self
        node._x = a
        node._y = (low, high)
        return annotate(node) if switches.count else node

    def hypot(self, other: Value | float) -> Value:
        """Sqrt(a² + b²) without overflow."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            try:
                node._data = _hypot(a, b)
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['hypot'].number(a, b)
            node.grad = UNREACHED
            node._rule = HYPOT
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            try:
                node._data = _hypot(a, b)
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['hypot'].number(a, b)
            node.grad = UNREACHED
            node._rule = HYPOT_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['hypot'], self, other)
        return annotate(node) if switches.count else node

    def round(self) -> Value:
        """The nearest whole number, halves to even."""
        a = self._data
        node = new(Value)
        try:
            node._data = _round(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['round'].number(a)
        node.grad = UNREACHED
        node._rule = ROUND
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def erf(self) -> Value:
        """Error function."""
        a = self._data
        node = new(Value)
        try:
            node._data = _erf(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['erf'].number(a)
        node.grad = UNREACHED
        node._rule = ERF
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def erfc(self) -> Value:
        """1 - erf(a), exact in the tail."""
        a = self._data
        node = new(Value)
        try:
            node._data = _erfc(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['erfc'].number(a)
        node.grad = UNREACHED
        node._rule = ERFC
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def lgamma(self) -> Value:
        """Log of |gamma(a)|."""
        a = self._data
        node = new(Value)
        try:
            node._data = _lgamma(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['lgamma'].number(a)
        node.grad = UNREACHED
        node._rule = LGAMMA
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def digamma(self) -> Value:
        """Derivative of lgamma."""
        a = self._data
        node = new(Value)
        try:
            node._data = _digamma(a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['digamma'].number(a)
        node.grad = UNREACHED
        node._rule = DIGAMMA
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def polygamma(self, n: float = 1.0) -> Value:
        """N-th derivative of digamma."""
        if n.__class__ is not float: n = ops.row._as_immediate('polygamma', 'n', n)
        a = self._data
        node = new(Value)
        try:
            node._data = _polygamma(a, n)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['polygamma'].number(a, immediates=(n,))
        node.grad = UNREACHED
        node._rule = POLYGAMMA
        node._a = node._b = self
        node._x = a
        node._y = n
        return annotate(node) if switches.count else node

    def sigmoid(self) -> Value:
        """1 / (1 + exp(-a))."""
        a = self._data
        node = new(Value)
        try:
            t0 = _exp(-_abs(a))
            node._data = (1.0 if a >= 0.0 else t0) / (1.0 + t0)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['sigmoid'].number(a)
        node.grad = UNREACHED
        node._rule = SIGMOID
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def softplus(self) -> Value:
        """Log(1 + exp(a))."""
        a = self._data
        node = new(Value)
        try:
            node._data = (0.0 if a <= 0.0 else a) + _log1p(_exp(-_abs(a)))
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['softplus'].number(a)
        node.grad = UNREACHED
        node._rule = SOFTPLUS
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def log_sigmoid(self) -> Value:
        """Log(sigmoid(a))."""
        a = self._data
        node = new(Value)
        try:
            node._data = (0.0 if a >= 0.0 else a) - _log1p(_exp(-_abs(a)))
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['log_sigmoid'].number(a)
        node.grad = UNREACHED
        node._rule = LOG_SIGMOID
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def relu(self) -> Value:
        """A above 0, else 0."""
        a = self._data
        node = new(Value)
        node._data = 0.0 if a <= 0.0 else a
        node.grad = UNREACHED
        node._rule = RELU
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def leaky_relu(self, slope: float = 0.01) -> Value:
        """A above 0, else slope * a."""
        if slope.__class__ is not float: slope = ops.row._as_immediate('leaky_relu', 'slope', slope)
        a = self._data
        node = new(Value)
        node._data = a if a > 0.0 else slope * a
        node.grad = UNREACHED
        node._rule = LEAKY_RELU
        node._a = node._b = self
        node._x = a
        node._y = slope
        return annotate(node) if switches.count else node

    def elu(self, alpha: float = 1.0) -> Value:
        """A above 0, else alpha * (exp(a) - 1)."""
        if alpha.__class__ is not float: alpha = ops.row._as_immediate('elu', 'alpha', alpha)
        a = self._data
        node = new(Value)
        try:
            t0 = a > 0.0
            node._data = a if t0 else alpha * _expm1(a if a <= 0.0 else 0.0 if t0 else a + 0.0)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['elu'].number(a, immediates=(alpha,))
        node.grad = UNREACHED
        node._rule = ELU
        node._a = node._b = self
        node._x = a
        node._y = alpha
        return annotate(node) if switches.count else node

    def selu(self) -> Value:
        """Scaled elu that keeps mean 0 and variance 1."""
        a = self._data
        node = new(Value)
        try:
            t0 = a > 0.0
            node._data = 1.0507009873554805 * (a if t0 else 1.6732632423543772 * _expm1(a if a <= 0.0 else 0.0 if t0 else a + 0.0))
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['selu'].number(a)
        node.grad = UNREACHED
        node._rule = SELU
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def gelu(self) -> Value:
        """A * Phi(a), Phi the normal distribution function."""
        a = self._data
        node = new(Value)
        try:
            node._data = 0.0 if a == _NEGATIVE_inf else 0.5 * a * _erfc(-0.7071067811865476 * a)
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['gelu'].number(a)
        node.grad = UNREACHED
        node._rule = GELU
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def silu(self) -> Value:
        """A * sigmoid(a)."""
        a = self._data
        node = new(Value)
        try:
            t0 = _exp(-_abs(a))
            node._data = (0.0 if a == _NEGATIVE_inf else a) * ((1.0 if a >= 0.0 else t0) / (1.0 + t0))
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['silu'].number(a)
        node.grad = UNREACHED
        node._rule = SILU
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def mish(self) -> Value:
        """A * tanh(softplus(a))."""
        a = self._data
        node = new(Value)
        try:
            node._data = (0.0 if a == _NEGATIVE_inf else a) * _tanh((0.0 if a <= 0.0 else a) + _log1p(_exp(-_abs(a))))
        except RAISED_FOR_IEEE:
            node._data = ops.TABLE['mish'].number(a)
        node.grad = UNREACHED
        node._rule = MISH
        node._a = node._b = self
        node._x = a
        return annotate(node) if switches.count else node

    def hardtanh(self, low: float = -1.0, high: float = 1.0) -> Value:
        """A kept within [low, high], flat at the bounds."""
        if low.__class__ is not float: low = ops.row._as_immediate('hardtanh', 'low', low)
        if high.__class__ is not float: high = ops.row._as_immediate('hardtanh', 'high', high)
        a = self._data
        node = new(Value)
        node._data = low if a <= low else high if a >= high else a
        node.grad = UNREACHED
        node._rule = HARDTANH
        node._a = node._b = self
        node._x = a
        node._y = (low, high)
        return annotate(node) if switches.count else node

    def logaddexp(self, other: Value | float) -> Value:
        """Log(exp(a) + exp(b)) without overflow."""
        kind = other.__class__
        if kind is Value:
            a = self._data
            b = other._data
            node = new(Value)
            try:
                node._data = a + 0.6931471805599453 if a == b else (a if a >= b else b if a < b else a + b) + _log1p(_exp(-_abs(a - b)))
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['logaddexp'].number(a, b)
            node.grad = UNREACHED
            node._rule = LOGADDEXP
            node._a = self
            node._b = other
            node._x = a
            node._y = b
        elif kind is float or kind is int:
            a = self._data
            b = other if kind is float else as_number(other)
            node = new(Value)
            try:
                node._data = a + 0.6931471805599453 if a == b else (a if a >= b else b if a < b else a + b) + _log1p(_exp(-_abs(a - b)))
            except RAISED_FOR_IEEE:
                node._data = ops.TABLE['logaddexp'].number(a, b)
            node.grad = UNREACHED
            node._rule = LOGADDEXP_NUMBER
            node._a = self
            node._b = self
            node._x = a
            node._y = b
        else:
            return record(ops.TABLE['logaddexp'], self, other)
        return annotate(node) if switches.count else node

    def greater(self, other: Value | float) -> Value:
        """1 where a > b, else 0: a condition that `where` takes."""
        return record(ops.TABLE['greater'], self, other)

    def greater_equal(self, other: Value | float) -> Value:
        """1 where a >= b, else 0: a condition that `where` takes."""
        return record(ops.TABLE['greater_equal'], self, other)

    def less(self, other: Value | float) -> Value:
        """1 where a < b, else 0: a condition that `where` takes."""
        return record(ops.TABLE['less'], self, other)

    def less_equal(self, other: Value | float) -> Value:
        """1 where a <= b, else 0: a condition that `where` takes."""
        return record(ops.TABLE['less_equal'], self, other)

    def equal(self, other: Value | float) -> Value:
        """1 where a == b, else 0: a condition that `where` takes."""
        return record(ops.TABLE['equal'], self, other)

    def not_equal(self, other: Value | float) -> Value:
        """1 where a != b, else 0: a condition that `where` takes."""
        return record(ops.TABLE['not_equal'], self, other)

    def __and__(self, other: Value | float) -> Value:
        """1 where both conditions hold."""
        return record(ops.TABLE['logical_and'], condition(self), condition(other))

    def __rand__(self, other: Value | float) -> Value:
        """1 where both conditions hold; the first is a plain bool."""
        return record(ops.TABLE['logical_and'], condition(other), condition(self))

    def __or__(self, other: Value | float) -> Value:
        """1 where either condition holds."""
        return record(ops.TABLE['logical_or'], condition(self), condition(other))

    def __ror__(self, other: Value | float) -> Value:
        """1 where either condition holds; the first is a plain bool."""
        return record(ops.TABLE['logical_or'], condition(other), condition(self))

    def __invert__(self) -> Value:
        """1 where the condition does not hold."""
        return record(ops.TABLE['logical_not'], condition(self))

    # the names by which NumPy calls these on an array of Values
    positive = identity
    arcsin = asin
    arccos = acos
    arctan = atan
    arctan2 = atan2
    arcsinh = asinh
    arccosh = acosh
    arctanh = atanh
    absolute = abs
    rint = round


def pull_add(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream
    node._b.grad += upstream


def pull_add_number(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream


def pull_add_of_number(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream


def pull_sub(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream
    node._b.grad -= upstream


def pull_sub_number(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream


def pull_sub_of_number(node: Value) -> None:
    upstream = node.grad
    node._a.grad -= upstream


def pull_mul(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    node._a.grad += upstream * b
    node._b.grad += upstream * a


def pull_mul_number(node: Value) -> None:
    upstream = node.grad
    b = node._y
    node._a.grad += upstream * b


def pull_mul_of_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * a


def pull_div(node: Value) -> None:
    upstream = node.grad
    b = node._y
    y = node._data
    node._a.grad += upstream * (1.0 / b)
    node._b.grad += upstream * (-y / b)


def pull_div_number(node: Value) -> None:
    upstream = node.grad
    b = node._y
    node._a.grad += upstream * (1.0 / b)


def pull_div_of_number(node: Value) -> None:
    upstream = node.grad
    b = node._y
    y = node._data
    node._a.grad += upstream * (-y / b)


def pull_neg(node: Value) -> None:
    upstream = node.grad
    node._a.grad -= upstream


def pull_pow(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    y = node._data
    node._a.grad += upstream * (b * _pow(a if (b != 0.0) or (_abs(a) > 1e-300) else 1.0, b - 1.0))
    node._b.grad += upstream * (0.0 if (a == 0.0) and (b >= 0.0) else y * _log(a))


def pull_pow_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    node._a.grad += upstream * (b * _pow(a if (b != 0.0) or (_abs(a) > 1e-300) else 1.0, b - 1.0))


def pull_pow_of_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    y = node._data
    node._a.grad += upstream * (0.0 if (a == 0.0) and (b >= 0.0) else y * _log(a))


def pull_power(node: Value) -> None:
    upstream = node.grad
    a = node._x
    p = node._y
    node._a.grad += upstream * (0.0 if p == 0.0 else p * _pow(a, p - 1.0))


def pull_square(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (2.0 * a)


def pull_reciprocal(node: Value) -> None:
    upstream = node.grad
    y = node._data
    node._a.grad += upstream * (-y * y)


def pull_identity(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream


def pull_exp(node: Value) -> None:
    upstream = node.grad
    y = node._data
    node._a.grad += upstream * y


def pull_exp2(node: Value) -> None:
    upstream = node.grad
    y = node._data
    node._a.grad += upstream * (y * 0.6931471805599453)


def pull_expm1(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (_exp(a))


def pull_log(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 / a)


def pull_log1p(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 / (1.0 + a))


def pull_log2(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 / (a * 0.6931471805599453))


def pull_log10(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 / (a * 2.302585092994046))


def pull_sqrt(node: Value) -> None:
    upstream = node.grad
    y = node._data
    node._a.grad += upstream * (0.5 / y)


def pull_cbrt(node: Value) -> None:
    upstream = node.grad
    y = node._data
    node._a.grad += upstream * (1.0 / (3.0 * (y * y)))


def pull_sin(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (_cos(a))


def pull_cos(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (-_sin(a))


def pull_tan(node: Value) -> None:
    upstream = node.grad
    y = node._data
    node._a.grad += upstream * (1.0 + y * y)


def pull_asin(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 / _sqrt((1.0 - a) * (1.0 + a)))


def pull_acos(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (-1.0 / _sqrt((1.0 - a) * (1.0 + a)))


def pull_atan(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 / (1.0 + a * a))


def pull_atan2(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    t0 = _hypot(a, b)
    t1 = 1.0 if t0 == 0.0 else t0
    node._a.grad += upstream * (b / t1 / t1)
    node._b.grad += upstream * (-a / t1 / t1)


def pull_atan2_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    t0 = _hypot(a, b)
    t1 = 1.0 if t0 == 0.0 else t0
    node._a.grad += upstream * (b / t1 / t1)


def pull_atan2_of_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    t0 = _hypot(a, b)
    t1 = 1.0 if t0 == 0.0 else t0
    node._a.grad += upstream * (-a / t1 / t1)


def pull_sinh(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (_cosh(a))


def pull_cosh(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (_sinh(a))


def pull_tanh(node: Value) -> None:
    upstream = node.grad
    a = node._x
    t0 = _exp(-2.0 * (-a if a < 0.0 else a))
    t1 = 1.0 + t0
    node._a.grad += upstream * (4.0 * t0 / (t1 * t1))


def pull_asinh(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 / _hypot(1.0, a))


def pull_acosh(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 / (_sqrt(a - 1.0) * _sqrt(a + 1.0)))


def pull_atanh(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 / ((1.0 - a) * (1.0 + a)))


def pull_abs(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (1.0 if a > 0.0 else -1.0 if a < 0.0 else a)


def pull_sign(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream * (0.0)


def pull_floor(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream * (0.0)


def pull_ceil(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream * (0.0)


def pull_mod(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    y = node._data
    node._a.grad += upstream
    node._b.grad += upstream * (-_round((a - y) / b))


def pull_mod_number(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream


def pull_mod_of_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    y = node._data
    node._a.grad += upstream * (-_round((a - y) / b))


def pull_maximum(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    t0 = a > b
    t1 = a < b
    node._a.grad += upstream * (1.0 if t0 else 0.0 if t1 else 0.5)
    node._b.grad += upstream * (0.0 if t0 else 1.0 if t1 else 0.5)


def pull_maximum_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    node._a.grad += upstream * (1.0 if a > b else 0.0 if a < b else 0.5)


def pull_maximum_of_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    node._a.grad += upstream * (0.0 if a > b else 1.0 if a < b else 0.5)


def pull_minimum(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    t0 = a < b
    t1 = a > b
    node._a.grad += upstream * (1.0 if t0 else 0.0 if t1 else 0.5)
    node._b.grad += upstream * (0.0 if t0 else 1.0 if t1 else 0.5)


def pull_minimum_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    node._a.grad += upstream * (1.0 if a < b else 0.0 if a > b else 0.5)


def pull_minimum_of_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    node._a.grad += upstream * (0.0 if a < b else 1.0 if a > b else 0.5)


def pull_clip(node: Value) -> None:
    upstream = node.grad
    a = node._x
    low, high = node._y
    node._a.grad += upstream * (0.0 if a < low else 0.0 if a > high else 1.0)


def pull_hypot(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    y = node._data
    t0 = 1.0 if y == 0.0 else y
    node._a.grad += upstream * (a / t0)
    node._b.grad += upstream * (b / t0)


def pull_hypot_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    y = node._data
    node._a.grad += upstream * (a / (1.0 if y == 0.0 else y))


def pull_hypot_of_number(node: Value) -> None:
    upstream = node.grad
    b = node._y
    y = node._data
    node._a.grad += upstream * (b / (1.0 if y == 0.0 else y))


def pull_round(node: Value) -> None:
    upstream = node.grad
    node._a.grad += upstream * (0.0)


def pull_erf(node: Value) -> None:
    upstream = node.grad
    a = node._x
    t0 = -a if a < 0.0 else a
    t1 = 28.0 if t0 > 28.0 else t0
    t2 = _floor(t1 * 1048576.0) * 9.5367431640625e-07
    t3 = _exp(-(t2 * t2))
    node._a.grad += upstream * (1.1283791670955126 * (t3 + t3 * _expm1((t2 - t1) * (t2 + t1))))


def pull_erfc(node: Value) -> None:
    upstream = node.grad
    a = node._x
    t0 = -a if a < 0.0 else a
    t1 = 28.0 if t0 > 28.0 else t0
    t2 = _floor(t1 * 1048576.0) * 9.5367431640625e-07
    t3 = _exp(-(t2 * t2))
    node._a.grad += upstream * (-1.1283791670955126 * (t3 + t3 * _expm1((t2 - t1) * (t2 + t1))))


def pull_lgamma(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (_digamma(a))


def pull_digamma(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (_polygamma(a, 1.0))


def pull_polygamma(node: Value) -> None:
    upstream = node.grad
    a = node._x
    n = node._y
    node._a.grad += upstream * (_polygamma(a, n + 1.0))


def pull_sigmoid(node: Value) -> None:
    upstream = node.grad
    a = node._x
    y = node._data
    t0 = -a
    t1 = _exp(-_abs(t0))
    node._a.grad += upstream * (y * ((1.0 if t0 >= 0.0 else t1) / (1.0 + t1)))


def pull_softplus(node: Value) -> None:
    upstream = node.grad
    a = node._x
    t0 = _exp(-_abs(a))
    node._a.grad += upstream * ((1.0 if a >= 0.0 else t0) / (1.0 + t0))


def pull_log_sigmoid(node: Value) -> None:
    upstream = node.grad
    a = node._x
    t0 = -a
    t1 = _exp(-_abs(t0))
    node._a.grad += upstream * ((1.0 if t0 >= 0.0 else t1) / (1.0 + t1))


def pull_relu(node: Value) -> None:
    upstream = node.grad
    a = node._x
    node._a.grad += upstream * (0.0 if a <= 0.0 else 1.0)


def pull_leaky_relu(node: Value) -> None:
    upstream = node.grad
    a = node._x
    slope = node._y
    node._a.grad += upstream * (1.0 if a > 0.0 else slope)


def pull_elu(node: Value) -> None:
    upstream = node.grad
    a = node._x
    alpha = node._y
    t0 = a > 0.0
    node._a.grad += upstream * (1.0 if t0 else alpha * _exp(0.0 if t0 else a))


def pull_selu(node: Value) -> None:
    upstream = node.grad
    a = node._x
    t0 = a > 0.0
    node._a.grad += upstream * (1.0507009873554805 * (1.0 if t0 else 1.6732632423543772 * _exp(0.0 if t0 else a)))


def pull_gelu(node: Value) -> None:
    upstream = node.grad
    a = node._x
    t0 = -a if a < 0.0 else a
    t1 = 40.0 if t0 > 40.0 else t0
    t2 = _floor(t1 * 1048576.0) * 9.5367431640625e-07
    t3 = _exp(-0.5 * (t2 * t2))
    node._a.grad += upstream * (0.5 * _erfc(-0.7071067811865476 * a) + (a if _abs(a) < 40.0 else 0.0) * 0.3989422804014327 * (t3 + t3 * _expm1(0.5 * ((t2 - t1) * (t2 + t1)))))


def pull_silu(node: Value) -> None:
    upstream = node.grad
    a = node._x
    t0 = _abs(a)
    t1 = _exp(-t0)
    t2 = -a
    t3 = _exp(-_abs(t2))
    node._a.grad += upstream * ((1.0 if a >= 0.0 else t1) / (1.0 + t1) * (1.0 + (0.0 if t0 == _inf else a) * ((1.0 if t2 >= 0.0 else t3) / (1.0 + t3))))


def pull_mish(node: Value) -> None:
    upstream = node.grad
    a = node._x
    t0 = _abs(a)
    t1 = _exp(-t0)
    t2 = (0.0 if a <= 0.0 else a) + _log1p(t1)
    t3 = _exp(-2.0 * (-t2 if t2 < 0.0 else t2))
    t4 = 1.0 + t3
    node._a.grad += upstream * (_tanh(t2) + (0.0 if t0 == _inf else a) * (4.0 * t3 / (t4 * t4)) * ((1.0 if a >= 0.0 else t1) / (1.0 + t1)))


def pull_hardtanh(node: Value) -> None:
    upstream = node.grad
    a = node._x
    low, high = node._y
    node._a.grad += upstream * (0.0 if a <= low else 0.0 if a >= high else 1.0)


def pull_logaddexp(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    t0 = 0.0 if (a == b) and (_abs(a) == _inf) else a - b
    t1 = _exp(-_abs(t0))
    t2 = 0.0 if (b == a) and (_abs(b) == _inf) else b - a
    t3 = _exp(-_abs(t2))
    node._a.grad += upstream * ((1.0 if t0 >= 0.0 else t1) / (1.0 + t1))
    node._b.grad += upstream * ((1.0 if t2 >= 0.0 else t3) / (1.0 + t3))


def pull_logaddexp_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    t0 = 0.0 if (a == b) and (_abs(a) == _inf) else a - b
    t1 = _exp(-_abs(t0))
    node._a.grad += upstream * ((1.0 if t0 >= 0.0 else t1) / (1.0 + t1))


def pull_logaddexp_of_number(node: Value) -> None:
    upstream = node.grad
    a = node._x
    b = node._y
    t0 = 0.0 if (b == a) and (_abs(b) == _inf) else b - a
    t1 = _exp(-_abs(t0))
    node._a.grad += upstream * ((1.0 if t0 >= 0.0 else t1) / (1.0 + t1))


ADD = Rule(ops.TABLE['add'], (True, True), pull_add)
ADD_NUMBER = Rule(ops.TABLE['add'], (True, False), pull_add_number)
NUMBER_ADD = Rule(ops.TABLE['add'], (False, True), pull_add_of_number)
SUB = Rule(ops.TABLE['sub'], (True, True), pull_sub)
SUB_NUMBER = Rule(ops.TABLE['sub'], (True, False), pull_sub_number)
NUMBER_SUB = Rule(ops.TABLE['sub'], (False, True), pull_sub_of_number)
MUL = Rule(ops.TABLE['mul'], (True, True), pull_mul)
MUL_NUMBER = Rule(ops.TABLE['mul'], (True, False), pull_mul_number)
NUMBER_MUL = Rule(ops.TABLE['mul'], (False, True), pull_mul_of_number)
DIV = Rule(ops.TABLE['div'], (True, True), pull_div)
DIV_NUMBER = Rule(ops.TABLE['div'], (True, False), pull_div_number)
NUMBER_DIV = Rule(ops.TABLE['div'], (False, True), pull_div_of_number)
NEG = Rule(ops.TABLE['neg'], (True,), pull_neg)
POW = Rule(ops.TABLE['pow'], (True, True), pull_pow)
POW_NUMBER = Rule(ops.TABLE['pow'], (True, False), pull_pow_number)
NUMBER_POW = Rule(ops.TABLE['pow'], (False, True), pull_pow_of_number)
POWER = Rule(ops.TABLE['power'], (True,), pull_power)
SQUARE = Rule(ops.TABLE['square'], (True,), pull_square)
RECIPROCAL = Rule(ops.TABLE['reciprocal'], (True,), pull_reciprocal)
IDENTITY = Rule(ops.TABLE['identity'], (True,), pull_identity)
EXP = Rule(ops.TABLE['exp'], (True,), pull_exp)
EXP2 = Rule(ops.TABLE['exp2'], (True,), pull_exp2)
EXPM1 = Rule(ops.TABLE['expm1'], (True,), pull_expm1)
LOG = Rule(ops.TABLE['log'], (True,), pull_log)
LOG1P = Rule(ops.TABLE['log1p'], (True,), pull_log1p)
LOG2 = Rule(ops.TABLE['log2'], (True,), pull_log2)
LOG10 = Rule(ops.TABLE['log10'], (True,), pull_log10)
SQRT = Rule(ops.TABLE['sqrt'], (True,), pull_sqrt)
CBRT = Rule(ops.TABLE['cbrt'], (True,), pull_cbrt)
SIN = Rule(ops.TABLE['sin'], (True,), pull_sin)
COS = Rule(ops.TABLE['cos'], (True,), pull_cos)
TAN = Rule(ops.TABLE['tan'], (True,), pull_tan)
ASIN = Rule(ops.TABLE['asin'], (True,), pull_asin)
ACOS = Rule(ops.TABLE['acos'], (True,), pull_acos)
ATAN = Rule(ops.TABLE['atan'], (True,), pull_atan)
ATAN2 = Rule(ops.TABLE['atan2'], (True, True), pull_atan2)
ATAN2_NUMBER = Rule(ops.TABLE['atan2'], (True, False), pull_atan2_number)
NUMBER_ATAN2 = Rule(ops.TABLE['atan2'], (False, True), pull_atan2_of_number)
SINH = Rule(ops.TABLE['sinh'], (True,), pull_sinh)
COSH = Rule(ops.TABLE['cosh'], (True,), pull_cosh)
TANH = Rule(ops.TABLE['tanh'], (True,), pull_tanh)
ASINH = Rule(ops.TABLE['asinh'], (True,), pull_asinh)
ACOSH = Rule(ops.TABLE['acosh'], (True,), pull_acosh)
ATANH = Rule(ops.TABLE['atanh'], (True,), pull_atanh)
ABS = Rule(ops.TABLE['abs'], (True,), pull_abs)
SIGN = Rule(ops.TABLE['sign'], (True,), pull_sign)
FLOOR = Rule(ops.TABLE['floor'], (True,), pull_floor)
CEIL = Rule(ops.TABLE['ceil'], (True,), pull_ceil)
MOD = Rule(ops.TABLE['mod'], (True, True), pull_mod)
MOD_NUMBER = Rule(ops.TABLE['mod'], (True, False), pull_mod_number)
NUMBER_MOD = Rule(ops.TABLE['mod'], (False, True), pull_mod_of_number)
MAXIMUM = Rule(ops.TABLE['maximum'], (True, True), pull_maximum)
MAXIMUM_NUMBER = Rule(ops.TABLE['maximum'], (True, False), pull_maximum_number)
NUMBER_MAXIMUM = Rule(ops.TABLE['maximum'], (False, True), pull_maximum_of_number)
MINIMUM = Rule(ops.TABLE['minimum'], (True, True), pull_minimum)
MINIMUM_NUMBER = Rule(ops.TABLE['minimum'], (True, False), pull_minimum_number)
NUMBER_MINIMUM = Rule(ops.TABLE['minimum'], (False, True), pull_minimum_of_number)
CLIP = Rule(ops.TABLE['clip'], (True,), pull_clip)
HYPOT = Rule(ops.TABLE['hypot'], (True, True), pull_hypot)
HYPOT_NUMBER = Rule(ops.TABLE['hypot'], (True, False), pull_hypot_number)
NUMBER_HYPOT = Rule(ops.TABLE['hypot'], (False, True), pull_hypot_of_number)
ROUND = Rule(ops.TABLE['round'], (True,), pull_round)
ERF = Rule(ops.TABLE['erf'], (True,), pull_erf)
ERFC = Rule(ops.TABLE['erfc'], (True,), pull_erfc)
LGAMMA = Rule(ops.TABLE['lgamma'], (True,), pull_lgamma)
DIGAMMA = Rule(ops.TABLE['digamma'], (True,), pull_digamma)
POLYGAMMA = Rule(ops.TABLE['polygamma'], (True,), pull_polygamma)
SIGMOID = Rule(ops.TABLE['sigmoid'], (True,), pull_sigmoid)
SOFTPLUS = Rule(ops.TABLE['softplus'], (True,), pull_softplus)
LOG_SIGMOID = Rule(ops.TABLE['log_sigmoid'], (True,), pull_log_sigmoid)
RELU = Rule(ops.TABLE['relu'], (True,), pull_relu)
LEAKY_RELU = Rule(ops.TABLE['leaky_relu'], (True,), pull_leaky_relu)
ELU = Rule(ops.TABLE['elu'], (True,), pull_elu)
SELU = Rule(ops.TABLE['selu'], (True,), pull_selu)
GELU = Rule(ops.TABLE['gelu'], (True,), pull_gelu)
SILU = Rule(ops.TABLE['silu'], (True,), pull_silu)
MISH = Rule(ops.TABLE['mish'], (True,), pull_mish)
HARDTANH = Rule(ops.TABLE['hardtanh'], (True,), pull_hardtanh)
LOGADDEXP = Rule(ops.TABLE['logaddexp'], (True, True), pull_logaddexp)
LOGADDEXP_NUMBER = Rule(ops.TABLE['logaddexp'], (True, False), pull_logaddexp_number)
NUMBER_LOGADDEXP = Rule(ops.TABLE['logaddexp'], (False, True), pull_logaddexp_of_number)
GREATER = Rule(ops.TABLE['greater'], None, pull_each)
GREATER_EQUAL = Rule(ops.TABLE['greater_equal'], None, pull_each)
LESS = Rule(ops.TABLE['less'], None, pull_each)
LESS_EQUAL = Rule(ops.TABLE['less_equal'], None, pull_each)
EQUAL = Rule(ops.TABLE['equal'], None, pull_each)
NOT_EQUAL = Rule(ops.TABLE['not_equal'], None, pull_each)
LOGICAL_AND = Rule(ops.TABLE['logical_and'], None, pull_each)
LOGICAL_OR = Rule(ops.TABLE['logical_or'], None, pull_each)
LOGICAL_NOT = Rule(ops.TABLE['logical_not'], None, pull_each)
CHOOSE = Rule(ops.TABLE['choose'], None, pull_each)
SUM = Rule(ops.TABLE['sum'], None, pull_units)
MEAN = Rule(ops.TABLE['mean'], None, pull_each)
PROD = Rule(ops.TABLE['prod'], None, pull_each)
DOT = Rule(ops.TABLE['dot'], None, pull_each)
LOGSUMEXP = Rule(ops.TABLE['logsumexp'], None, pull_each)
MAX = Rule(ops.TABLE['max'], None, pull_each)
MIN = Rule(ops.TABLE['min'], None, pull_each)
NORM = Rule(ops.TABLE['norm'], None, pull_each)

RULES = {
    ('add', (True, True)): ADD,
    ('add', (True, False)): ADD_NUMBER,
    ('add', (False, True)): NUMBER_ADD,
    ('sub', (True, True)): SUB,
    ('sub', (True, False)): SUB_NUMBER,
    ('sub', (False, True)): NUMBER_SUB,
    ('mul', (True, True)): MUL,
    ('mul', (True, False)): MUL_NUMBER,
    ('mul', (False, True)): NUMBER_MUL,
    ('div', (True, True)): DIV,
    ('div', (True, False)): DIV_NUMBER,
    ('div', (False, True)): NUMBER_DIV,
    ('neg', (True,)): NEG,
    ('pow', (True, True)): POW,
    ('pow', (True, False)): POW_NUMBER,
    ('pow', (False, True)): NUMBER_POW,
    ('power', (True,)): POWER,
    ('square', (True,)): SQUARE,
    ('reciprocal', (True,)): RECIPROCAL,
    ('identity', (True,)): IDENTITY,
    ('exp', (True,)): EXP,
    ('exp2', (True,)): EXP2,
    ('expm1', (True,)): EXPM1,
    ('log', (True,)): LOG,
    ('log1p', (True,)): LOG1P,
    ('log2', (True,)): LOG2,
    ('log10', (True,)): LOG10,
    ('sqrt', (True,)): SQRT,
    ('cbrt', (True,)): CBRT,
    ('sin', (True,)): SIN,
    ('cos', (True,)): COS,
    ('tan', (True,)): TAN,
    ('asin', (True,)): ASIN,
    ('acos', (True,)): ACOS,
    ('atan', (True,)): ATAN,
    ('atan2', (True, True)): ATAN2,
    ('atan2', (True, False)): ATAN2_NUMBER,
    ('atan2', (False, True)): NUMBER_ATAN2,
    ('sinh', (True,)): SINH,
    ('cosh', (True,)): COSH,
    ('tanh', (True,)): TANH,
    ('asinh', (True,)): ASINH,
    ('acosh', (True,)): ACOSH,
    ('atanh', (True,)): ATANH,
    ('abs', (True,)): ABS,
    ('sign', (True,)): SIGN,
    ('floor', (True,)): FLOOR,
    ('ceil', (True,)): CEIL,
    ('mod', (True, True)): MOD,
    ('mod', (True, False)): MOD_NUMBER,
    ('mod', (False, True)): NUMBER_MOD,
    ('maximum', (True, True)): MAXIMUM,
    ('maximum', (True, False)): MAXIMUM_NUMBER,
    ('maximum', (False, True)): NUMBER_MAXIMUM,
    ('minimum', (True, True)): MINIMUM,
    ('minimum', (True, False)): MINIMUM_NUMBER,
    ('minimum', (False, True)): NUMBER_MINIMUM,
    ('clip', (True,)): CLIP,
    ('hypot', (True, True)): HYPOT,
    ('hypot', (True, False)): HYPOT_NUMBER,
    ('hypot', (False, True)): NUMBER_HYPOT,
    ('round', (True,)): ROUND,
    ('erf', (True,)): ERF,
    ('erfc', (True,)): ERFC,
    ('lgamma', (True,)): LGAMMA,
    ('digamma', (True,)): DIGAMMA,
    ('polygamma', (True,)): POLYGAMMA,
    ('sigmoid', (True,)): SIGMOID,
    ('softplus', (True,)): SOFTPLUS,
    ('log_sigmoid', (True,)): LOG_SIGMOID,
    ('relu', (True,)): RELU,
    ('leaky_relu', (True,)): LEAKY_RELU,
    ('elu', (True,)): ELU,
    ('selu', (True,)): SELU,
    ('gelu', (True,)): GELU,
    ('silu', (True,)): SILU,
    ('mish', (True,)): MISH,
    ('hardtanh', (True,)): HARDTANH,
    ('logaddexp', (True, True)): LOGADDEXP,
    ('logaddexp', (True, False)): LOGADDEXP_NUMBER,
    ('logaddexp', (False, True)): NUMBER_LOGADDEXP,
    ('greater', None): GREATER,
    ('greater_equal', None): GREATER_EQUAL,
    ('less', None): LESS,
    ('less_equal', None): LESS_EQUAL,
    ('equal', None): EQUAL,
    ('not_equal', None): NOT_EQUAL,
    ('logical_and', None): LOGICAL_AND,
    ('logical_or', None): LOGICAL_OR,
    ('logical_not', None): LOGICAL_NOT,
    ('choose', None): CHOOSE,
    ('sum', None): SUM,
    ('mean', None): MEAN,
    ('prod', None): PROD,
    ('dot', None): DOT,
    ('logsumexp', None): LOGSUMEXP,
    ('max', None): MAX,
    ('min', None): MIN,
    ('norm', None): NORM,
}
METHODS = {
    'add': Methods.__add__,
    'sub': Methods.__sub__,
    'mul': Methods.__mul__,
    'div': Methods.__truediv__,
    'neg': Methods.__neg__,
    'pow': Methods.__pow__,
    'power': Methods._power,
    'square': Methods.square,
    'reciprocal': Methods.reciprocal,
    'identity': Methods.identity,
    'exp': Methods.exp,
    'exp2': Methods.exp2,
    'expm1': Methods.expm1,
    'log': Methods.log,
    'log1p': Methods.log1p,
    'log2': Methods.log2,
    'log10': Methods.log10,
    'sqrt': Methods.sqrt,
    'cbrt': Methods.cbrt,
    'sin': Methods.sin,
    'cos': Methods.cos,
    'tan': Methods.tan,
    'asin': Methods.asin,
    'acos': Methods.acos,
    'atan': Methods.atan,
    'atan2': Methods.atan2,
    'sinh': Methods.sinh,
    'cosh': Methods.cosh,
    'tanh': Methods.tanh,
    'asinh': Methods.asinh,
    'acosh': Methods.acosh,
    'atanh': Methods.atanh,
    'abs': Methods.abs,
    'sign': Methods.sign,
    'floor': Methods.floor,
    'ceil': Methods.ceil,
    'mod': Methods.__mod__,
    'maximum': Methods.maximum,
    'minimum': Methods.minimum,
    'clip': Methods.clip,
    'hypot': Methods.hypot,
    'round': Methods.round,
    'erf': Methods.erf,
    'erfc': Methods.erfc,
    'lgamma': Methods.lgamma,
    'digamma': Methods.digamma,
    'polygamma': Methods.polygamma,
    'sigmoid': Methods.sigmoid,
    'softplus': Methods.softplus,
    'log_sigmoid': Methods.log_sigmoid,
    'relu': Methods.relu,
    'leaky_relu': Methods.leaky_relu,
    'elu': Methods.elu,
    'selu': Methods.selu,
    'gelu': Methods.gelu,
    'silu': Methods.silu,
    'mish': Methods.mish,
    'hardtanh': Methods.hardtanh,
    'logaddexp': Methods.logaddexp,
}


def sweep(order: list[Value]) -> None:
    """Pull every node in order. The commonest rules stand inline: a call costs as much as they do."""
    for node in order:
        rule = node._rule
        if rule is MUL:
            upstream = node.grad
            node._a.grad += upstream * node._y
            node._b.grad += upstream * node._x
        elif rule is ADD:
            upstream = node.grad
            node._a.grad += upstream
            node._b.grad += upstream
        elif rule is MUL_NUMBER:
            node._a.grad += node.grad * node._y
        else:
            rule.pull(node)


def bind(value_class: Any, record_function: Any, annotate_function: Any) -> None:
    """Hand over what `engine` defines after it has imported this module."""
    global Value, record, annotate
    Value, record, annotate = value_class, record_function, annotate_function
