"""How a Value behaves as a Python number: comparing, converting, formatting, copying, and micrograd's names.

Everything here is about the language around a Value; what a Value computes stands in `engine.py`.
"""

from __future__ import annotations

import math
import operator
import sys
import warnings
from collections.abc import Callable, KeysView
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import ArgumentError, GradientDropped, GraphError, ValueTypeError
from .handmade import become_handmade
from .modes import current_mode, switches
from .ops.row import as_number
from .sources import source_place

if TYPE_CHECKING:
    from .engine import Value

__all__ = ["Protocols", "asked_instead", "comparable", "rounded_to", "truncated_to"]

_warned_at: set[tuple[str, int]] = set()


def warn_dropped(conversion: str, instead: str) -> None:
    """Warn, once per line of source, that a conversion to a plain number lets no gradient through."""
    if not current_mode().grad:
        return
    frame = sys._getframe(2)
    place = (frame.f_code.co_filename, frame.f_lineno)
    if place in _warned_at:
        return
    _warned_at.add(place)
    warnings.warn(
        f"{conversion} gives a plain number and no gradient flows through it: write .data or .item() "
        f"if that is meant, else {instead}",
        GradientDropped,
        stacklevel=3,
    )


class Protocols:
    """Comparisons and conversions of a Value."""

    __slots__ = ()
    _data: float

    __hash__ = object.__hash__  # by identity: a Value is a place in a graph, not only a number

    def __bool__(self) -> bool:
        if switches.count:
            return _written(self, "!=", None, 0.0, self._data != 0.0)
        return self._data != 0.0

    def __eq__(self, other: object) -> bool:
        number = other if other.__class__ is float else comparable(other)
        if number is None:
            return NotImplemented
        if switches.count:
            return _written(self, "==", other, number, self._data == number)
        return self._data == number

    def __ne__(self, other: object) -> bool:
        number = other if other.__class__ is float else comparable(other)
        if number is None:
            return NotImplemented
        if switches.count:
            return _written(self, "!=", other, number, self._data != number)
        return self._data != number

    def __lt__(self, other: Any) -> bool:
        number = other if other.__class__ is float else comparable(other)
        if number is None:
            return NotImplemented
        if switches.count:
            return _written(self, "<", other, number, self._data < number)
        return self._data < number

    def __le__(self, other: Any) -> bool:
        number = other if other.__class__ is float else comparable(other)
        if number is None:
            return NotImplemented
        if switches.count:
            return _written(self, "<=", other, number, self._data <= number)
        return self._data <= number

    def __gt__(self, other: Any) -> bool:
        number = other if other.__class__ is float else comparable(other)
        if number is None:
            return NotImplemented
        if switches.count:
            return _written(self, ">", other, number, self._data > number)
        return self._data > number

    def __ge__(self, other: Any) -> bool:
        number = other if other.__class__ is float else comparable(other)
        if number is None:
            return NotImplemented
        if switches.count:
            return _written(self, ">=", other, number, self._data >= number)
        return self._data >= number

    def __float__(self) -> float:
        warn_dropped("float()", "use the op's method or autograd_lite.ops, as in x.sin() or ops.sin(x)")
        if _is_traced():
            return float(self.data)  # type: ignore[attr-defined]
        _take_out(self, ("==", self._data))
        return self._data

    def __int__(self) -> int:
        warn_dropped("int()", "use .floor() or .round()")
        if _is_traced():
            return int(self.data)  # type: ignore[attr-defined]
        number = int(self._data)
        _take_out(self, *truncated_to(number))
        return number

    __trunc__ = __int__

    def __round__(self, digits: int | None = None) -> float:
        warn_dropped("round()", "use .round()")
        if _is_traced():
            return round(self.data, digits)  # type: ignore[attr-defined,no-any-return]
        number = round(self._data, digits)
        _take_out(self, *(rounded_to(number) if digits is None else [("==", self._data)]))
        return number

    def __floor__(self) -> int:
        warn_dropped("math.floor()", "use .floor()")
        if _is_traced():
            return math.floor(self.data)  # type: ignore[attr-defined,no-any-return]
        number = math.floor(self._data)
        _take_out(self, (">=", number), ("<", number + 1))
        return number

    def __ceil__(self) -> int:
        warn_dropped("math.ceil()", "use .ceil()")
        if _is_traced():
            return math.ceil(self.data)  # type: ignore[attr-defined,no-any-return]
        number = math.ceil(self._data)
        _take_out(self, (">", number - 1), ("<=", number))
        return number

    def item(self) -> float:
        """The number itself, without a warning.

        >>> from autograd_lite import Value
        >>> Value(2.5).item()
        2.5
        """
        return self.data  # type: ignore[attr-defined,no-any-return]

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)  # type: ignore[attr-defined]

    def __abs__(self) -> Value:
        return self.abs()  # type: ignore[attr-defined,no-any-return]

    def __pos__(self) -> Any:
        return self

    def conjugate(self) -> Any:
        """The number itself, being real: np.var and np.std ask for it."""
        return self

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        from .arrays import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, settings)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise GraphError(
            "a Value is not pickled: save numbers with module.save('model.npz') or a graph with "
            "Graph(value).to_json(), and send plain arrays to other processes"
        )

    def __copy__(self) -> NoReturn:
        raise GraphError(
            "a shallow copy would share its parents: use copy.deepcopy(value), or value.detach() for a leaf"
        )

    # --- micrograd's names ----------------------------------------------------------------------------------

    @property
    def _prev(self) -> KeysView[Value]:
        """micrograd's set of children: the distinct parents, in order."""
        return dict.fromkeys(self.parents).keys()  # type: ignore[attr-defined]

    @property
    def _op(self) -> str:
        """micrograd's name of the operation: what a drawing shows, "" for a leaf."""
        return self.op_text or self._leaf_op  # type: ignore[attr-defined,no-any-return]

    @property
    def _backward(self) -> Callable[[], None]:
        """micrograd's closure, which pushes the gradient on. Assign a function for an op of your own."""
        return self._handmade or self.backward_step  # type: ignore[attr-defined,no-any-return]

    @_backward.setter
    def _backward(self, function: Callable[[], None]) -> None:
        if not callable(function):
            raise ArgumentError(f"_backward takes a function without arguments, got {function!r:.60}")
        become_handmade(self, function)  # type: ignore[arg-type]


def _is_traced() -> bool:
    """Whether a function is being traced, in which the number of a leaf is one that may change."""
    return bool(switches.count) and current_mode().tracer is not None


def _written(left: Any, op: str, right: Any, number: float, outcome: bool) -> bool:
    """The outcome of a comparison; within `trace_source()` it is written down as a branch of the program."""
    mode = current_mode()
    if mode.tracer is not None:
        return mode.tracer.compared(left, op, right, number, outcome)  # type: ignore[no-any-return]
    if mode.guards is not None:
        mode.guards.add(op, left, right, number, outcome, source_place())
    return outcome


def _take_out(value: Any, *bounds: tuple[str, float]) -> None:
    """Write down within which bounds a conversion gives the plain number that the program goes on with."""
    if switches.count and current_mode().grad:
        if abs(value._data) >= _ALL_WHOLE:
            bounds = (("==", value._data),)
        for op, number in bounds:
            _written(value, op, None, number, _HOLDS[op](value._data, number))


_ALL_WHOLE = 2.0**53  # from here on every float is a whole number, and its neighbours are further than 1 away
_HOLDS = {"==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def truncated_to(number: int) -> list[tuple[str, float]]:
    """Between which bounds int() gives this number."""
    above = (">=", number) if number > 0 else (">", number - 1)
    below = ("<=", number) if number < 0 else ("<", number + 1)
    return [above, below]


def rounded_to(number: float) -> list[tuple[str, float]]:
    """Between which bounds round() gives this number: halves go to the even neighbour."""
    equal = "" if number % 2 else "="
    return [(f">{equal}", number - 0.5), (f"<{equal}", number + 0.5)]


def comparable(other: Any) -> float | None:
    """The number to compare with, or None where comparing makes no sense."""
    if isinstance(other, Protocols):
        return other._data
    if other.__class__ is int:
        return other
    try:
        return as_number(other)
    except (TypeError, ValueError):
        return None


REFLECTED = {
    "add": "__radd__", "sub": "__rsub__", "mul": "__rmul__", "div": "__rtruediv__", "pow": "__rpow__",
    "mod": "__rmod__",
}  # fmt: skip


def asked_instead(operand: Any, op_name: str) -> bool:
    """Whether Python should ask this operand of an operator: an array, or a number of another library."""
    kind = operand.__class__
    if op_name not in REFLECTED or kind.__module__ == "builtins" or isinstance(operand, Protocols):
        return False
    if getattr(operand, "ndim", 0):
        return True
    try:
        as_number(operand)
    except ValueTypeError:
        from numbers import Number  # slow to import and needed for unusual operands only

        return hasattr(kind, REFLECTED[op_name]) and not isinstance(operand, Number)
    return False
