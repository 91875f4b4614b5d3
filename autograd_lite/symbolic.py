"""The rules of the op table as formulas, as LaTeX and as Python source.

A `Symbol` is an expression. Applying a row to symbols gives a symbol, so running `row.partials` on symbols
yields the derivative as an expression, which a printer turns into text. Nothing here knows a rule of its own.

>>> from autograd_lite import ops, symbolic
>>> symbolic.partial_formulas(ops.tanh)
('1 - tanh(a)²',)
>>> symbolic.partial_formulas(ops.mul, names=("2", "-3"))
('-3', '2')
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from . import ops
from .ops import Op
from .printing import LatexPrinter, PythonPrinter, TextPrinter
from .symbols import Symbol, as_symbol

__all__ = [
    "Symbol",
    "formula",
    "latex",
    "partial_formulas",
    "partial_latex",
    "partial_symbols",
    "python_lines",
]


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
    return LatexPrinter().print(_value(op, *_operands(op, names, immediates)))


def partial_latex(
    op: Op, names: Sequence[str] | None = None, immediates: Sequence[Any] | None = None
) -> tuple[str, ...]:
    r"""The partial derivatives of a row as LaTeX, one per operand.

    >>> partial_latex(ops.sqrt)
    ('\\frac{0.5}{\\sqrt{a}}',)
    """
    return tuple(map(LatexPrinter().print, partial_symbols(op, names, immediates)))


def partial_symbols(op: Op, names: Sequence[str] | None = None, immediates: Sequence[Any] | None = None, *,
                    shown: bool = True) -> tuple[Symbol, ...]:  # fmt: skip
    """The partial derivatives as expressions: as readers see them (`shown`) or as they are computed."""
    operands, settings = _operands(op, names, immediates)
    y = _value(op, operands, settings) if shown else Symbol("y")
    rule = op.display if shown and op.display is not None else op.partials
    packed: tuple[Any, ...] = (operands,) if op.arity is None else operands
    if op is ops.select:
        chosen = settings[0] is not False
        return as_symbol(1.0 if chosen else 0.0), as_symbol(0.0 if chosen else 1.0)
    return tuple(map(as_symbol, rule(*packed, *settings, y)))


def text(symbol: Symbol) -> str:
    """An expression in plain characters."""
    return TextPrinter().print(symbol)


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
    printer = PythonPrinter(call, {key for key, count in counts.items() if count > 1}, prefix)
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


def _lower(symbol: Symbol) -> Symbol:
    """The expression with every row that Python lacks expanded into its rule, down to rows that it has."""
    if symbol.op is None:
        return symbol
    arguments = tuple(map(_lower, symbol.arguments))
    op = symbol.op
    if op.intrinsic or "python" in op.natives:
        return Symbol(op=op, arguments=arguments, immediates=symbol.immediates)
    packed: tuple[Any, ...] = (arguments,) if op.arity is None else arguments
    return _lower(as_symbol(op.forward(*packed, *symbol.immediates)))


def _count(symbol: Symbol, counts: Counter[Any]) -> None:
    if symbol.op is None:
        return
    counts[symbol.key] += 1
    if counts[symbol.key] == 1:
        for argument in symbol.arguments:
            _count(argument, counts)
