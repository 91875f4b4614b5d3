"""What one row of the op table is, and how a row is applied to a number, an array, a Value or a symbol.

A row is a callable. Its rule (`forward`, `partials`) is ordinary Python that uses operators, comparisons,
`where` and other rows by name, so that one rule serves floats, arrays, Values and symbols alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ArgumentError, ValueTypeError

__all__ = ["RAISED_FOR_IEEE", "IeeeFloat", "Op", "as_number"]

Point = tuple[float, ...]

# What Python's float arithmetic raises where IEEE 754 has a value (1/0, exp(1000), log(-1)).
RAISED_FOR_IEEE = (ArithmeticError, ValueError)

NAN, INF = math.nan, math.inf


class Op:
    """One row of the table: a primitive operation and everything the library knows about it.

    `forward(*operands, *immediates)` is the value and `partials(*operands, *immediates, y)` the tuple of
    partial derivatives, one per operand, `y` being the value. An n-ary row (`arity` None) takes its
    operands as one tuple. Immediates are static numbers such as a slope; they are never differentiated.
    `natives` names the row's function in other backends. A new row has JavaScript by itself if it has a
    `forward` rule, or a `native` of operators alone; `natives={"js": "Math.name"}` calls JavaScript's own
    instead, where that gives IEEE 754's values. A generic form is then as accurate as it is written: tests
    hold it to 4 ulp of the native function.

    >>> from autograd_lite import ops
    >>> ops.tanh(0.0), ops.tanh.partials(0.0, 0.0)
    (0.0, (1.0,))
    """

    __slots__ = (
        "arity", "condition", "display", "domain", "edges", "forward", "ieee", "immediates", "infix", "intrinsic", "kink", "latex",
        "name", "native", "natives", "partials", "points", "summary", "symbol",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        partials: Callable[..., tuple[Any, ...]],
        forward: Callable[..., Any] | None = None,
        native: Callable[..., Any] | None = None,
        ieee: Callable[..., float] | None = None,
        natives: Mapping[str, str] | None = None,
        arity: int | None = 1,
        symbol: str = "",
        infix: str = "",
        latex: str = "",
        immediates: Mapping[str, Any] | None = None,
        domain: str = "every real number",
        kink: str = "smooth",
        condition: bool = False,
        display: Callable[..., tuple[Any, ...]] | None = None,
        points: Sequence[Point] = (),
        edges: Sequence[Point] = (),
    ) -> None:
        if forward is None and native is None:
            raise ArgumentError(f"the row {name!r} needs a forward rule or a native function")
        self.name = name
        self.summary = summary
        self.partials = partials
        self.intrinsic = forward is None  # every backend has it; there is nothing simpler to expand it into
        self.forward: Callable[..., Any] = forward if forward is not None else self
        self.native = native
        self.ieee: Callable[..., float] = ieee if ieee is not None else self._forward_in_ieee
        self.natives = dict(natives or {})
        self.arity = arity
        self.symbol = symbol or infix or name
        self.infix = infix
        self.latex = latex
        self.immediates = dict(immediates or {})
        self.domain = domain
        self.kink = kink
        self.condition = condition  # the value is true or false, and `where` takes it
        self.display = display
        self.points = tuple(points)
        self.edges = tuple(edges)

    def __repr__(self) -> str:
        return f"<op {self.name}>"  # the summary may hold characters that a console cannot print

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """Apply the row to numbers, arrays, Values or symbols, whichever the operands are."""
        if named or self.immediates or len(operands) != self.arity:
            operands, immediates = self.split(operands, named)
        else:
            immediates = ()
        plain = True
        for operand in operands:
            kind = operand.__class__
            if kind is not float:
                apply = getattr(kind, "_apply", None)
                if apply is not None:
                    return apply(self, operands, immediates)
                plain = False
        return self.number(*operands, immediates=immediates) if plain else self._on_others(operands, immediates)

    def split(
        self, operands: tuple[Any, ...], named: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The checked operands and immediates of a call; an n-ary row takes one iterable or many operands."""
        if self.arity is None:
            operands = _spread(operands)
            if not operands:
                raise ArgumentError(f"{self.name} needs at least one operand")
            return operands, ()
        count = self.arity
        given, spare = operands[:count], operands[count:]
        names = list(self.immediates)
        unknown = [name for name in named if name not in names]
        if len(given) < count or len(spare) > len(names) or unknown:
            wanted = ", ".join(["operand"] * count + [f"{k}={v!r}" for k, v in self.immediates.items()])
            problem = f"unknown argument {unknown[0]!r}" if unknown else f"{len(operands)} given"
            raise ArgumentError(f"{self.name} takes ({wanted}): {problem}")
        settings = {**self.immediates, **dict(zip(names, spare, strict=False)), **named}
        return given, tuple(_as_immediate(self.name, name, settings[name]) for name in names)

    def number(self, *operands: float, immediates: tuple[Any, ...] = ()) -> float:
        """The value on plain floats, by IEEE 754: never complex, never an exception."""
        packed = (operands,) if self.arity is None else operands
        function = self.native or self.forward
        try:
            result = function(*packed, *immediates)
        except RAISED_FOR_IEEE:
            result = self.ieee(*packed, *immediates)
        return result if result.__class__ is float or result.__class__ is bool else float(result)

    def local_gradients(
        self, operands: tuple[float, ...], immediates: tuple[Any, ...], y: float
    ) -> tuple[float, ...]:
        """The partial derivatives on plain floats, by IEEE 754."""
        packed: tuple[Any, ...] = (operands,) if self.arity is None else operands
        try:
            result = self.partials(*packed, *immediates, y)
        except RAISED_FOR_IEEE:
            safe: Any = [IeeeFloat(value) for value in operands]
            result = self.partials(
                *([tuple(safe)] if self.arity is None else safe), *immediates, IeeeFloat(y)
            )
        return tuple(float(value) for value in result)

    def _forward_in_ieee(self, *arguments: Any) -> float:
        wrap = [tuple(map(IeeeFloat, a)) if isinstance(a, tuple) else _wrap_number(a) for a in arguments]
        return float(self.forward(*wrap))

    def _on_others(self, operands: tuple[Any, ...], immediates: tuple[Any, ...]) -> Any:
        if any(operand.__class__ is IeeeFloat for operand in operands):
            return IeeeFloat(self.number(*operands, immediates=immediates))
        if any(getattr(operand, "ndim", 0) for operand in operands):
            return self._on_arrays(operands, immediates)
        return self.number(*map(as_number, operands), immediates=immediates)

    def _on_arrays(self, operands: tuple[Any, ...], immediates: tuple[Any, ...]) -> Any:
        import numpy

        with numpy.errstate(all="ignore"):
            name = self.natives.get("numpy", "")
            of_values = any(getattr(getattr(operand, "dtype", None), "kind", "") == "O" for operand in operands)
            if of_values or ((self.intrinsic or self.arity is None) and not name):
                # NumPy would compare Values in its own way, or knows no such function: element by element
                if len(operands) < _MOST_OPERANDS:
                    each = numpy.frompyfunc(lambda *cells: self(*cells, *immediates), len(operands), 1)
                    found = each(*operands)
                else:
                    table = numpy.stack(numpy.broadcast_arrays(*operands), axis=-1)
                    rows = [self(*row, *immediates) for row in table.reshape(-1, len(operands)).tolist()]
                    found = numpy.fromiter(rows, dtype=object, count=len(rows)).reshape(table.shape[:-1])
                return found if of_values else found.astype(float)
            if name:
                return getattr(numpy, name)(*operands, *immediates)
            return self.forward(*((operands,) if self.arity is None else operands), *immediates)


_MOST_OPERANDS = 32
"""A function that NumPy makes of one in Python takes no more, results included (64 from 2.0 on)."""


class IeeeFloat(float):
    """A float whose operators never raise: division by zero, overflow and 0**-1 give what IEEE 754 says.

    >>> IeeeFloat(1.0) / 0.0, IeeeFloat(-1.0) / 0.0
    (inf, -inf)
    """

    __slots__ = ()

    def __add__(self, other: float) -> IeeeFloat:
        return IeeeFloat(float(self) + float(other))

    __radd__ = __add__

    def __sub__(self, other: float) -> IeeeFloat:
        return IeeeFloat(float(self) - float(other))

    def __rsub__(self, other: float) -> IeeeFloat:
        return IeeeFloat(float(other) - float(self))

    def __mul__(self, other: float) -> IeeeFloat:
        return IeeeFloat(float(self) * float(other))

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> IeeeFloat:
        return IeeeFloat(ieee_divide(float(self), float(other)))

    def __rtruediv__(self, other: float) -> IeeeFloat:
        return IeeeFloat(ieee_divide(float(other), float(self)))

    def __neg__(self) -> IeeeFloat:
        return IeeeFloat(-float(self))

    def __repr__(self) -> str:
        return float.__repr__(self)


def ieee_divide(a: float, b: float) -> float:
    """a / b by IEEE 754, division by zero included."""
    if b != 0.0:
        return a / b
    return NAN if a == 0.0 or a != a else math.copysign(INF, a) * math.copysign(1.0, b)


def as_number(value: Any) -> float:
    """`value` as a float, or an error that says what is expected.

    Accepts int, bool, float, NumPy real scalars and 0-d arrays, Fraction.

    >>> as_number(True)
    1.0
    >>> as_number("2")
    Traceback (most recent call last):
    autograd_lite.errors.ValueTypeError: a real number is needed, got the str '2': convert it with float(...)
    """
    kind = value.__class__
    if kind is float or kind is int or kind is bool:
        return _to_float(value)
    if isinstance(value, (str, bytes)):
        raise ValueTypeError(
            f"a real number is needed, got the {kind.__name__} {value!r:.40}: convert it with float(...)"
        )
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        if getattr(getattr(value, "dtype", None), "kind", "f") in "mM":
            raise ValueTypeError(f"a real number is needed, got {value!r:.60}: a time has no gradient")
        item = value.item()
        return _to_float(item) if item.__class__ is kind else as_number(item)  # a long double is its own item
    if isinstance(value, complex):
        raise ValueTypeError(
            f"a real number is needed, got the complex {value!r}: use its real or imaginary part"
        )
    if _is_real(value):
        return _to_float(value)
    if hasattr(value, "_data") and hasattr(value, "detach"):
        raise ValueTypeError("a Value is a number already; for a new leaf of the same data use .detach()")
    if hasattr(value, "__len__") or hasattr(value, "shape"):
        raise ValueTypeError(
            f"one real number is needed, got a {kind.__name__}: make one Value per element, as in [Value(x) for x in xs]"
        )
    raise ValueTypeError(f"a real number is needed, got {value!r:.40} of type {kind.__name__}")


def _is_real(value: Any) -> bool:
    from numbers import Real  # slow to import and needed for unusual numbers only

    return isinstance(value, Real)


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        kind = value.__class__.__name__
        raise ArgumentError(f"the {kind} does not fit a float (limit 1.8e308)") from None


def _wrap_number(value: Any) -> Any:
    return IeeeFloat(value) if value.__class__ is float else value


def _as_immediate(op: str, name: str, value: Any) -> Any:
    if value.__class__ is float or value.__class__ is bool:
        return value
    if getattr(value, "is_immediate", False):
        return value
    if hasattr(value, "_as_immediate"):
        return value._as_immediate()
    if hasattr(value.__class__, "_apply"):
        raise ValueTypeError(
            f"{op}: {name} is static and takes a plain number, not a Value; no gradient flows to it"
        )
    return as_number(value)


def _spread(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    if (
        len(operands) == 1
        and not hasattr(operands[0].__class__, "_apply")
        and hasattr(operands[0], "__iter__")
    ):
        many = operands[0]
        return tuple(many.ravel().tolist() if getattr(many, "ndim", 0) > 1 else many)
    return operands
