"""The rules of the op table on symbols: the same Python rule, printed as a formula, as LaTeX or as Python
source.

A `Symbol` is an expression. Applying a row to symbols gives a symbol, so running `row.partials` on symbols
yields the derivative as an expression, which a printer turns into text. Nothing here knows a rule of its own.

>>> from autograd_lite import ops, symbolic
>>> symbolic.partial_formulas(ops.tanh)
('1 - tanh(a)²',)
>>> symbolic.partial_formulas(ops.mul, names=("2", "-3"))
('-3', '2')
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import ops
from .ops import Op

__all__ = [
    "Symbol",
    "formula",
    "latex",
    "partial_formulas",
    "partial_latex",
    "partial_symbols",
    "python_lines",
]


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
        return _simplified(op, tuple(map(_symbol, arguments)), immediates)

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
        return f"Symbol({text(self)})"


def formula(op: Op, names: Sequence[str] | None = None, immediates: Sequence[Any] | None = None) -> str:
    """The value of a row as text, over operands called `names` (default a, b, …; numbers as text serve too).

    >>> formula(ops.atan2), formula(ops.power, ("x",), (3.0,))
    ('atan2(a, b)', 'x**3')
    """
    return text(_value(op, *_operands(op, names, immediates)))


def partial_formulas(
    op: Op, names: Sequence[str] | None = None, immediates: Sequence[Any] | None = None
) -> tuple[str, ...]:
    """The partial derivatives of a row as text, one per operand.

    >>> partial_formulas(ops.div)
    ('1 / b', '-a / b²')
    """
    return tuple(map(text, partial_symbols(op, names, immediates)))


def latex(op: Op, names: Sequence[str] | None = None, immediates: Sequence[Any] | None = None) -> str:
    r"""The value of a row as LaTeX.

    >>> latex(ops.div)
    '\\frac{a}{b}'
    """
    return _Latex().print(_value(op, *_operands(op, names, immediates)))


def partial_latex(
    op: Op, names: Sequence[str] | None = None, immediates: Sequence[Any] | None = None
) -> tuple[str, ...]:
    r"""The partial derivatives of a row as LaTeX, one per operand.

    >>> partial_latex(ops.sqrt)
    ('\\frac{0.5}{\\sqrt{a}}',)
    """
    return tuple(map(_Latex().print, partial_symbols(op, names, immediates)))


def partial_symbols(op: Op, names: Sequence[str] | None = None, immediates: Sequence[Any] | None = None, *,
                    shown: bool = True) -> tuple[Symbol, ...]:  # fmt: skip
    """The partial derivatives as expressions: as readers see them (`shown`) or as they are computed."""
    operands, settings = _operands(op, names, immediates)
    y = _value(op, operands, settings) if shown else Symbol("y")
    rule = op.display if shown and op.display is not None else op.partials
    packed: tuple[Any, ...] = (operands,) if op.arity is None else operands
    if op is ops.select:
        chosen = settings[0] is not False
        return _symbol(1.0 if chosen else 0.0), _symbol(0.0 if chosen else 1.0)
    return tuple(map(_symbol, rule(*packed, *settings, y)))


def text(symbol: Symbol) -> str:
    """An expression in plain characters."""
    return _Text().print(symbol)


def python_lines(
    results: Sequence[Symbol], call: Callable[[str], str], prefix: str = "t"
) -> tuple[list[str], list[str]]:
    """Python source for expressions: assignments of what is shared, and one expression for each result.

    `call` names the Python function of a row (`exp` -> `_exp`). Rows that Python lacks are expanded into
    their rule.
    """
    lowered = [_lower(result) for result in results]
    counts: Counter[Any] = Counter()
    for result in lowered:
        _count(result, counts)
    printer = _Python(call, {key for key, count in counts.items() if count > 1}, prefix)
    expressions = [printer.print(result) for result in lowered]
    return printer.assignments, expressions


def _operands(
    op: Op, names: Sequence[str] | None, immediates: Sequence[Any] | None
) -> tuple[tuple[Symbol, ...], tuple[Any, ...]]:
    if names is None:
        names = {1: ("a",), 2: ("a", "b"), 3: ("c", "a", "b")}.get(op.arity or 0, ("a₁", "a₂"))
    settings = tuple(map(Symbol, op.immediates)) if immediates is None else tuple(immediates)
    return tuple(map(Symbol, names)), settings


def _value(op: Op, operands: tuple[Symbol, ...], settings: tuple[Any, ...]) -> Symbol:
    return Symbol(op=op, arguments=operands, immediates=settings)


def _key_of(value: Any) -> Any:
    if isinstance(value, Symbol):
        return value.key
    return (value, math.copysign(1.0, value)) if isinstance(value, float) else value


def _symbol(value: Any) -> Symbol:
    return (
        value
        if isinstance(value, Symbol)
        else Symbol(value if isinstance(value, (str, bool)) else float(value))
    )


def _is(symbol: Symbol, number: float) -> bool:
    return symbol.op is None and isinstance(symbol.leaf, float) and symbol.leaf == number


def _simplified(op: Op, arguments: tuple[Symbol, ...], immediates: tuple[Any, ...]) -> Symbol:
    """Only what is exact in floating point: a factor 1, a double negation, arithmetic on two numbers."""
    if op is ops.mul and _is(arguments[0], 1.0):
        return arguments[1]
    if op in (ops.mul, ops.div) and _is(arguments[1], 1.0):
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


def _lower(symbol: Symbol) -> Symbol:
    """The expression with every row that Python lacks expanded into its rule, down to rows that it has."""
    if symbol.op is None:
        return symbol
    arguments = tuple(map(_lower, symbol.arguments))
    op = symbol.op
    if op.intrinsic or "python" in op.natives:
        return Symbol(op=op, arguments=arguments, immediates=symbol.immediates)
    return _lower(_symbol(op.forward(*((arguments,) if op.arity is None else arguments), *symbol.immediates)))


def _count(symbol: Symbol, counts: Counter[Any]) -> None:
    if symbol.op is None:
        return
    counts[symbol.key] += 1
    if counts[symbol.key] == 1:
        for argument in symbol.arguments:
            _count(argument, counts)


_RANK = {
    "|": 1,
    "&": 2,
    ">": 3,
    ">=": 3,
    "<": 3,
    "<=": 3,
    "==": 3,
    "!=": 3,
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
    "**": 7,
}
_NEGATION = 6


class _Text:
    """Prints infix notation with as few parentheses as the precedences allow."""

    kept_apart: tuple[str, ...] = ("-", "/", "%")
    """Where the right operand is grouped if it is of the same precedence: a - (b - c)."""

    def print(self, symbol: Symbol, rank: int = 0, right: bool = False) -> str:
        if symbol.op is None:
            return self.leaf(symbol.leaf, rank)
        written, own = self.application(symbol)
        return self.grouped(written) if own < rank or (right and own == rank) else written

    def grouped(self, written: str) -> str:
        return f"({written})"

    def leaf(self, value: str | float, rank: int) -> str:
        written = value if isinstance(value, str) else self.number(value)
        # an operand may be the text of a negative number
        return f"({written})" if written.startswith(("-", "−")) and rank >= _RANK["**"] else written

    def number(self, value: float) -> str:
        return _NAMED.get(value, (f"{value:g}", ""))[0]

    def application(self, symbol: Symbol) -> tuple[str, int]:
        op, arguments = symbol.op, symbol.arguments
        assert op is not None
        if op is ops.neg:
            return "-" + self.print(arguments[0], _NEGATION), _NEGATION
        if op is ops.square and not isinstance(self, _Python):
            return self.squared(arguments[0])
        if op is ops.power:
            return self.binary("**", arguments[0], _symbol(symbol.immediates[0]))
        if op in (ops.choose, ops.select):
            return self.choice(symbol)
        if op.infix and len(arguments) == 2:
            return self.binary(op.infix, *arguments)
        return self.function(
            op, [self.print(a) for a in arguments] + [self.print(_symbol(i)) for i in symbol.immediates]
        ), 9

    def binary(self, infix: str, left: Symbol, right: Symbol) -> tuple[str, int]:
        rank = _RANK[infix]
        space = "" if infix == "**" else " "
        first = self.print(left, rank, right=infix == "**")
        second = self.print(right, rank, right=infix in self.kept_apart)
        if second.startswith(("-", "−")):
            second = self.grouped(second)
        return f"{first}{space}{infix}{space}{second}", rank

    def squared(self, argument: Symbol) -> tuple[str, int]:
        return f"{self.print(argument, 8)}²", 8

    def choice(self, symbol: Symbol) -> tuple[str, int]:
        *condition, first, second = symbol.arguments
        test = self.print(condition[0] if condition else _symbol(symbol.immediates[0]))
        return f"{self.print(first, 1)} if {test} else {self.print(second)}", 0

    def function(self, op: Op, arguments: list[str]) -> str:
        return f"{op.name}({', '.join(arguments)})"


class _Latex(_Text):
    """Prints LaTeX."""

    def grouped(self, written: str) -> str:
        return rf"\left({written}\right)"

    def leaf(self, value: str | float, rank: int) -> str:
        written = super().leaf(value, rank)
        return (
            rf"\mathrm{{{written}}}"
            if isinstance(value, str) and len(value) > 1 and value.isalpha()
            else written
        )

    def number(self, value: float) -> str:
        return _NAMED.get(value, ("", f"{value:g}"))[1]

    def binary(self, infix: str, left: Symbol, right: Symbol) -> tuple[str, int]:
        if infix == "/":
            return rf"\frac{{{self.print(left)}}}{{{self.print(right)}}}", 8
        if infix == "**":
            return f"{{{self.print(left, 8)}}}^{{{self.print(right)}}}", 7
        rank = _RANK[infix]
        sign = {
            "*": r"\cdot",
            ">=": r"\ge",
            "<=": r"\le",
            "==": "=",
            "!=": r"\ne",
            "%": r"\bmod",
            "&": r"\land",
            "|": r"\lor",
        }
        second = self.print(right, rank, right=infix in ("-", "%"))
        if second.startswith(("-", "−")):
            second = self.grouped(second)
        return f"{self.print(left, rank)} {sign.get(infix, infix)} {second}", rank

    def squared(self, argument: Symbol) -> tuple[str, int]:
        return f"{{{self.print(argument, 8)}}}^2", 8

    def choice(self, symbol: Symbol) -> tuple[str, int]:
        *condition, first, second = symbol.arguments
        test = self.print(condition[0] if condition else _symbol(symbol.immediates[0]))
        chosen, other = self.print(first), self.print(second)
        return rf"\begin{{cases}}{chosen} & {test}\\{other} & \text{{else}}\end{{cases}}", 8

    def function(self, op: Op, arguments: list[str]) -> str:
        if op.latex and len(arguments) <= 2:
            filled = op.latex
            for letter, argument in zip("ab", arguments, strict=False):
                place = rf"(?<![a-zA-Z\\]){letter}(?![a-zA-Z_])"
                filled = argument.join(re.split(place, filled))
            return filled
        name = op.name.replace("_", r"\_")
        head = rf"\{name}" if name in _LATEX_FUNCTIONS else rf"\operatorname{{{name}}}"
        return rf"{head}\left({', '.join(arguments)}\right)"


class _Python(_Text):
    """Prints Python source; shared sub-expressions become assignments."""

    kept_apart = ("-", "/", "%", "+", "*")  # a * (b / c) and a * b / c round differently

    def __init__(self, call: Callable[[str], str], shared: set[Any], prefix: str) -> None:
        self.call = call
        self.shared = shared
        self.names: Iterator[str] = (f"{prefix}{k}" for k in range(1_000_000))
        self.known: dict[Any, str] = {}
        self.assignments: list[str] = []

    def print(self, symbol: Symbol, rank: int = 0, right: bool = False) -> str:
        if symbol.key not in self.shared:
            return super().print(symbol, rank, right)
        if symbol.key not in self.known:
            written = super().print(symbol)
            self.known[symbol.key] = next(self.names)
            self.assignments.append(f"{self.known[symbol.key]} = {written}")
        return self.known[symbol.key]

    def number(self, value: float) -> str:
        if value != value or value - value != 0.0:
            return self.call(f"{value}").replace("-", "NEGATIVE_")
        return repr(value)

    def application(self, symbol: Symbol) -> tuple[str, int]:
        op = symbol.op
        if op is ops.neg:
            return "-" + self.print(symbol.arguments[0], _NEGATION), _NEGATION
        if op is ops.pow or op is ops.power or op is ops.mod:  # ** would go complex, % would raise for b = 0
            return self.function(
                op, [self.print(a) for a in (*symbol.arguments, *map(_symbol, symbol.immediates))]
            ), 9
        if op is ops.logical_and or op is ops.logical_or:
            word = "and" if op is ops.logical_and else "or"
            return f"{self.print(symbol.arguments[0], 4)} {word} {self.print(symbol.arguments[1], 4)}", 1
        return super().application(symbol)

    def function(self, op: Op, arguments: list[str]) -> str:
        return f"{self.call(op.name)}({', '.join(arguments)})"


_LATEX_FUNCTIONS = {"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min"}

# numbers of the rules that readers know by name: as text and as LaTeX
_NAMED = {
    math.log(2.0): ("ln 2", r"\ln 2"),
    math.log(10.0): ("ln 10", r"\ln 10"),
    1.1283791670955126: ("2/√π", r"\frac{2}{\sqrt{\pi}}"),
    -1.1283791670955126: ("-2/√π", r"-\frac{2}{\sqrt{\pi}}"),
    0.7071067811865476: ("1/√2", r"\frac{1}{\sqrt{2}}"),
    -0.7071067811865476: ("-1/√2", r"-\frac{1}{\sqrt{2}}"),
    0.3989422804014327: ("1/√(2π)", r"\frac{1}{\sqrt{2\pi}}"),
    math.inf: ("∞", r"\infty"),
    -math.inf: ("-∞", r"-\infty"),
}
