"""A number that is being traced: what it does goes on the tape, and it has the number of this one run.

`Traced` is a Value, so a program written for Values takes it without change. Its operators are made from the
rows of the op table, in `traced_methods.py`. `Condition` is what a comparison gives, and `Number` what stands
for a plain number that was read from a traced Value (`.data`, `.item()`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from .. import ops
from ..engine import Value
from ..modes import current_mode
from ..ops import Op
from ..protocols import rounded_to, truncated_to
from ..rules import LEAF

if TYPE_CHECKING:
    from .tracer import Tracer

__all__ = ["Condition", "Number", "Traced", "traced"]

new = object.__new__
Bounds = Callable[[int], "list[tuple[str, float]]"]
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
        label: str = self._tracer.labels.get(self._index, "")
        return label

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
        self._told("repr({})")
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
        return self._tracer.take(self, table)

    def _put(self, table: Any, value: Any) -> Any:
        return self._tracer.put(self, table, value)

    # --- questions ------------------------------------------------------------------------------------------

    __hash__ = object.__hash__  # by identity, as of any Value

    def __bool__(self) -> bool:
        self._tracer.holds(self, "!=", 0.0, "bool({})", self._index)
        return self._data != 0.0

    def _is(self, words: str) -> float:
        """The number itself, which from here on every replay must have."""
        self._tracer.guard(self._tracer.own(self), self._data, words, self._index)
        return self._data

    def _told(self, words: str) -> None:
        """The same for what becomes text, which an error message of later may want, too."""
        if current_mode().tracer is self._tracer:
            self._is(words)

    def _whole(self, words: str, convert: Callable[[float], int], bounds: Bounds) -> int:
        """A whole number near it; the guard is that it stays within the bounds of that."""
        number = self._data
        if not abs(number) < _ALL_WHOLE:  # NaN and infinity, too, which no whole number is near
            self._is(words)
            return convert(number)
        whole = convert(number)
        for op, bound in bounds(whole):
            self._tracer.holds(self, op, bound, words, self._index)
        return whole

    def __float__(self) -> float:
        return self._is("float({})")

    def __int__(self) -> int:
        return self._whole("int({})", int, truncated_to)

    __trunc__ = __int__

    def __index__(self) -> int:
        number = self._is("index {}")
        if not number.is_integer():
            raise TypeError(f"{number!r} is not a whole number, and cannot be an index or a length")
        return int(number)

    def __round__(self, digits: int | None = None) -> float:
        if digits is not None:
            return round(self._is("round({}, …)"), digits)
        return self._whole("round({})", round, rounded_to)

    def __floor__(self) -> int:
        return self._whole("math.floor({})", math.floor, lambda whole: [(">=", whole), ("<", whole + 1)])

    def __ceil__(self) -> int:
        return self._whole("math.ceil({})", math.ceil, lambda whole: [(">", whole - 1), ("<=", whole)])

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

    def __hash__(self) -> int:
        return hash(bool(self))

    def __xor__(self, other: Any) -> Any:
        if not isinstance(other, (bool, Condition)):
            return NotImplemented
        return ops.not_equal(self, other)

    __rxor__ = __xor__

    def __repr__(self) -> str:
        self._told("{}")
        return str(self._data != 0.0)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(bool(self), spec)


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
        self._told("str({})")
        return repr(self._data)

    __str__ = __repr__

    def hex(self) -> str:
        """As of a float; a guard."""
        return self._is("{}.hex()").hex()

    def as_integer_ratio(self) -> tuple[int, int]:
        """As of a float; a guard."""
        return self._is("{}.as_integer_ratio()").as_integer_ratio()

    def is_integer(self) -> bool:
        """Whether it is a whole number; a guard."""
        return bool(self % 1.0 == 0.0)

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
