"""A number that is being traced: what it does goes on the tape, and it has the number of this one run.

`Traced` is a Value, so a program written for Values takes it without change. Its operators are made from the
rows of the op table, one closure a row, as quick as recording allows. `Condition` is what a comparison gives,
and `Number` what stands for a plain number that was read from a traced Value (`.data`, `.item()`).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from .. import _methods, ops
from ..engine import Value
from ..ops import Op
from ..ops.row import RAISED_FOR_IEEE, as_number
from ..protocols import _comparable, _rounded_to, _truncated_to
from ..rules import LEAF
from .tape import CODE

if TYPE_CHECKING:
    from .tracer import Tracer

__all__ = ["Condition", "Number", "Traced", "traced"]

new = object.__new__
_ALL_WHOLE = 2.0**53  # from here on every float is a whole number, and its neighbours are further than 1 away


def _refusing(what: str, instead: str) -> Any:
    """A method that says why it is not there."""

    def refuse(self: Traced, *_: Any, **__: Any) -> NoReturn:
        raise self._tracer.refuse(what, instead)

    return refuse


_USE = "take gradients of the compiled function, as in f.value_and_grad(x)"
_RETURN = "return the new number instead"
_graph = property(_refusing("the graph of a traced number", f"look at it with f.trace(x), and {_USE}"))
_grad = _refusing("a gradient of its own", _USE)


class Traced(Value):
    """A number of a function that is being traced: a node of its tape."""

    # The fields of Value that its own operators fill in otherwise. There are no others, so that
    # `Value(x.data)` can become one of these.
    __slots__ = ()
    _index = Value._x  # its node
    _tracer = Value._y
    if TYPE_CHECKING:
        _data: float

    _rule = LEAF
    _b = None
    _a = _graph
    grad = property(_grad, _refusing("writing .grad", _USE))
    parents = _graph
    local_gradients = _graph
    op = None
    operand_values = ()
    is_leaf = False
    scope = ""
    backward = _refusing("backward()", _USE)
    backward_step = _refusing("backward_step()", _USE)
    zero_grad = _refusing("zero_grad()", "a compiled function writes no .grad")
    register_hook = _refusing("a hook", "use .detach() to stop a gradient, or change it where it is used")
    freeze = _refusing("freeze()", "use .detach() to stop a gradient")
    unfreeze = freeze
    __deepcopy__ = _refusing("a deep copy", "use the number itself, which never changes")
    _backward = property(
        _refusing("_backward", _USE), _refusing("an op made by hand", "use the ops of the op table")
    )

    @property
    def label(self) -> str:
        """The name a reader knows this number by."""
        return self._tracer.labels.get(self._index, "")  # type: ignore[no-any-return]

    @label.setter
    def label(self, text: str) -> None:
        self._tracer.labels.setdefault(self._index, str(text))

    @property
    def data(self) -> Any:
        """Stands for the plain number: what is computed from it lets no gradient through, and asking it
        something (comparing, converting, formatting) is a guard."""
        tracer = self._tracer
        return traced(tracer, tracer.detach(tracer.own(self)), self._data, Number)

    @data.setter
    def data(self, number: Any) -> None:
        raise self._tracer.refuse("writing .data", _RETURN)

    def item(self) -> Any:
        """The same as `.data`."""
        return self.data

    def detach(self) -> Any:
        """The same number, through which no gradient flows."""
        return self._tracer.detached(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._data}, traced{label})"

    # --- how rows are applied -------------------------------------------------------------------------------

    @staticmethod
    def _apply(op: Op, operands: tuple[Any, ...], immediates: tuple[Any, ...]) -> Any:
        first = next(operand for operand in operands if isinstance(operand, Traced))
        return first._tracer.apply(op, operands, immediates)

    def _record(self, op: Op, operands: tuple[Any, ...], immediates: tuple[Any, ...]) -> Any:
        if immediates or op.arity is None:
            return self._tracer.apply(op, operands, immediates)
        return self._tracer.operator(op, *operands)

    @staticmethod
    def _dot(left: tuple[Any, ...], right: tuple[Any, ...]) -> Any:
        return Traced._apply(ops.TABLE["dot"], left + right, ())

    def _take(self, table: Any) -> Any:
        from .tables import take

        return take(self, table)

    def _put(self, table: Any, value: Any) -> Any:
        from .tables import put

        return put(self, table, value)

    def __floordiv__(self, other: Any) -> Any:
        """As Python has it for floats: the quotient that leaves `a % b` as the rest."""
        return ops.round((self - self % other) / other)

    def __rfloordiv__(self, other: Any) -> Any:
        return ops.round((other - other % self) / self)

    # --- questions ------------------------------------------------------------------------------------------

    __hash__ = object.__hash__  # by identity, as of any Value

    def __bool__(self) -> bool:
        self._tracer.holds(self, "!=", 0.0, "bool({})", self._index)
        return self._data != 0.0

    def _is(self, words: str) -> float:
        """The number itself, which from here on every replay must have."""
        self._tracer.guard(self._tracer.own(self), self._data, words, self._index)
        return self._data

    def _within(self, words: str, *bounds: tuple[str, float]) -> None:
        """Guard that the number stays within these bounds."""
        if abs(self._data) >= _ALL_WHOLE:
            self._is(words)
            return
        for op, number in bounds:
            self._tracer.holds(self, op, number, words, self._index)

    def __float__(self) -> float:
        return self._is("float({})")

    def __int__(self) -> int:
        number = int(self._data)
        self._within("int({})", *_truncated_to(number))
        return number

    __trunc__ = __int__

    def __index__(self) -> int:
        if self._data != self._data // 1:
            raise TypeError(f"{self._data!r} is not a whole number, and cannot be an index or a length")
        return int(self._is("index {}"))

    def __round__(self, digits: int | None = None) -> float:
        number = round(self._data, digits)
        if digits is not None:
            self._is("round({}, …)")
        else:
            self._within("round({})", *_rounded_to(number))
        return number

    def __floor__(self) -> int:
        number = math.floor(self._data)
        self._within("math.floor({})", (">=", number), ("<", number + 1))
        return number

    def __ceil__(self) -> int:
        number = math.ceil(self._data)
        self._within("math.ceil({})", (">", number - 1), ("<=", number))
        return number

    def __format__(self, spec: str) -> str:
        return format(self._is(f"format({{}}, {spec!r})"), spec) if spec else str(self)

    def __abs__(self) -> Any:
        return self.abs()


class Condition(Traced):
    """What a comparison of traced numbers gives: `where` takes it as it is; `if` makes a guard of it."""

    __slots__ = ()
    is_condition = True

    def __bool__(self) -> bool:
        outcome = self._data != 0.0
        self._tracer.guard(self._tracer.own(self), self._data, "{}", self._index)
        return outcome

    def __repr__(self) -> str:
        return f"{self._data != 0.0} (traced)"


class Number(Traced):
    """Stands for the plain number of a traced Value: what is computed from it is a plain number, too."""

    __slots__ = ()

    @property
    def data(self) -> Any:
        """Itself: it is a plain number already."""
        return self

    @data.setter
    def data(self, number: Any) -> None:
        raise self._tracer.refuse("writing .data", _RETURN)

    def _given_to(self, leaf: Any, label: str) -> bool:
        leaf.__class__ = Traced
        leaf._data, leaf._index, leaf._tracer = self._data, self._tracer.own(self), self._tracer
        if label:
            leaf.label = label
        return True

    def _as_immediate(self) -> float:
        return self._is("{}, given as a static number")

    def __hash__(self) -> int:
        return hash(self._is("hash({})"))

    def __repr__(self) -> str:
        return repr(self._data)

    def __str__(self) -> str:
        return str(self._is("str({})"))

    def is_integer(self) -> bool:
        """Whether it is a whole number; a guard."""
        return bool(self == self // 1.0)

    @property
    def real(self) -> Any:
        """Itself."""
        return self

    @property
    def imag(self) -> float:
        """Nothing."""
        return 0.0


def traced(tracer: Tracer, node: int, number: float, kind: Any = Traced) -> Any:
    """A traced number."""
    made = new(kind)
    made._data, made._index, made._tracer = number, node, tracer
    return made


# --- the operators, made from the rows ----------------------------------------------------------------------

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
            key = code, self._index, tracer.leaf(other) if leaf is None else leaf
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
            key = code, tracer.leaf(other) if leaf is None else leaf, self._index
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
        if other.__class__ is not float and _comparable(other) is None:
            return NotImplemented
        return self._tracer.apply(row, (self, other))

    return method


def _install() -> None:
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


_install()
