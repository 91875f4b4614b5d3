"""The rules of the op table as MathML, with places for the operands.

A template is the inside of a `<math>` element. Operand k is `<mi data-operand="k">`, which a page replaces by
the node's name or its number. Where a negative number would need brackets there the place also carries
`data-tight=""`, and `data-tight="base"` below an exponent, where `2×10⁵` needs them too.

Rows with any number of operands write four of them: the first two, …, and the last. Their derivatives for
more than `SPELT` operands are four templates: for the first two operands, for every one between (there
`data-shift="s"` is the operand s places after the one derived by, counted round), and for the last.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from . import ops, symbolic
from .ops import Op
from .printing import _NAMED
from .symbols import Symbol, as_symbol

__all__ = ["SPELT", "partial_templates", "value_template"]

SPELT = 4
"""Operands of an n-ary row up to which all are written out."""

_RANK = {"|": 1, "&": 2, ">": 3, ">=": 3, "<": 3, "<=": 3, "==": 3, "!=": 3, "+": 4, "-": 4, "*": 5, "%": 5}
_NEGATION, _POWER, _ATOM = 6, 7, 9
_SIGNS = {"*": "·", "-": "−", ">=": "≥", "<=": "≤", "==": "=", "!=": "≠", "%": "mod", "&": "∧", "|": "∨"}
_LATEX_SIGNS = {r"\infty": "∞", r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈", r"\rceil": "⌉", "-": "−"}
_PLACE = re.compile(r'<mi data-operand="(\d+)"( data-tight="\w*")?>[^<]*<')
_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "Gamma": "Γ", "sigma": "σ", "psi": "ψ", "pi": "π"}


def value_template(op: Op, arity: int, immediates: tuple[Any, ...] = ()) -> str:
    """The value of a row with `arity` operands; its immediates by name where none are given.

    >>> value_template(ops.power, 1, (3.0,))
    '<msup><mi data-operand="0" data-tight="base">a</mi><mn>3</mn></msup>'
    """
    operands, settings = _symbols(op, arity, immediates)
    return _Printer(op).print(_value(op, operands, settings))


def partial_templates(op: Op, arity: int, immediates: tuple[Any, ...] = ()) -> list[str]:
    """The partial derivatives of a row: one for each operand, or the four that the module describes.

    >>> partial_templates(ops.mul, 2)
    ['<mi data-operand="1">b</mi>', '<mi data-operand="0">a</mi>']
    >>> [len(partial_templates(ops.TABLE["dot"], arity)) for arity in (4, 1000)]
    [4, 4]
    """
    names = [_name(k) for k in range(arity)]
    symbols = symbolic.partial_symbols(op, names, immediates or None)
    if op.arity is not None or arity <= SPELT:
        return [_Printer(op).print(symbol) for symbol in symbols]
    between = _between(op, symbols, arity)
    if between is None:  # no one template serves them all
        return [_Printer(op).print(symbol) for symbol in symbols]
    ends = [_Printer(op).print(symbols[k]) for k in (0, 1, arity - 1)]
    return [*ends[:2], between, ends[2]]


def _between(op: Op, symbols: Sequence[Symbol], arity: int) -> str | None:
    """One template for all operands between the first two and the last: two neighbours with the places that
    move along written as shifts. None where the neighbours differ otherwise."""
    third, fourth = (_Printer(op).print(symbols[k]) for k in (2, 3))
    here, there = ([int(match[1]) for match in _PLACE.finditer(one)] for one in (third, fourth))
    moves = [(b - a) % arity for a, b in zip(here, there, strict=False)]
    if _PLACE.sub("", third) != _PLACE.sub("", fourth) or not {0, 1}.issuperset(moves):
        return None
    moved = iter(moves)

    def written(match: re.Match[str]) -> str:
        if not next(moved):
            return match[0]
        return f'<mi data-shift="{(int(match[1]) - 2) % arity}"{match[2] or ""}>aᵢ<'

    return _PLACE.sub(written, third)


def _name(number: int) -> str:
    """What operand `number` is called inside a symbol: no immediate is called so."""
    return f"operand {number}"


def _letter(number: int) -> str:
    return "abcd"[number] if number < SPELT else f"a{number + 1}"


def _symbols(op: Op, arity: int, immediates: tuple[Any, ...]) -> tuple[tuple[Symbol, ...], tuple[Any, ...]]:
    settings = immediates or tuple(map(Symbol, op.immediates))
    return tuple(Symbol(_name(k)) for k in range(arity)), settings


def _value(op: Op, operands: tuple[Symbol, ...], settings: tuple[Any, ...]) -> Symbol:
    """The row on its operands; a row that is only a way to write arithmetic (a sum, 1/a) as arithmetic."""
    if op.arity is None and op.native is not None:
        try:
            return as_symbol(op.native(operands))
        except TypeError:  # it is more than arithmetic: no float comes of symbols
            pass
    if op.arity is not None and not (op.intrinsic or op.infix or op.latex or op.symbol.isidentifier()):
        return as_symbol(op.forward(*operands, *settings))
    return Symbol(op=op, arguments=operands, immediates=settings)


class _Printer:
    """Prints symbols as MathML, with as few brackets as the precedences allow."""

    def __init__(self, row: Op) -> None:
        self.nary = row.arity is None

    def print(self, symbol: Symbol, rank: int = 0, *, tight: str | None = None) -> str:
        """`symbol` where something of precedence `rank` stands around it; `tight` marks a place."""
        if symbol.op is None:
            written, own = self.leaf(symbol.leaf, tight), _ATOM
        else:
            written, own = self.application(symbol, None if _is_negative(symbol) else tight)
        return _bracketed(written) if own < rank or (tight is not None and _is_negative(symbol)) else written

    def leaf(self, value: str | float | bool, tight: str | None) -> str:
        if isinstance(value, bool):
            return f"<mtext>{'true' if value else 'false'}</mtext>"
        if not isinstance(value, str):
            return _number(value)
        if value.startswith("operand "):
            number = int(value.split()[1])
            mark = "" if tight is None else f' data-tight="{tight}"'
            return f'<mi data-operand="{number}"{mark}>{_letter(number)}</mi>'
        return f"<mi>{escape(_GREEK.get(value, value))}</mi>"

    def application(self, symbol: Symbol, tight: str | None) -> tuple[str, int]:
        """An application and its precedence; its leftmost operand stands as `tight` as itself."""
        op, arguments = symbol.op, symbol.arguments
        assert op is not None
        if op is ops.neg:
            return f"<mrow><mo>−</mo>{self.print(arguments[0], _NEGATION, tight='')}</mrow>", _NEGATION
        if op is ops.square:
            return self.power(arguments[0], as_symbol(2.0))
        if op is ops.power:
            return self.power(arguments[0], as_symbol(symbol.immediates[0]))
        if op in (ops.choose, ops.select):
            return self.cases(symbol), 0
        if op.infix and len(arguments) == 2:
            return self.infix(op, arguments, tight)
        return self.function(op, arguments, symbol.immediates), _ATOM

    def infix(self, op: Op, arguments: tuple[Symbol, ...], tight: str | None) -> tuple[str, int]:
        if op is ops.pow:
            return self.power(*arguments)
        if op is ops.div:
            return self.fraction(*arguments)
        rank = _RANK[op.infix]
        if self.nary and op in (ops.add, ops.mul):
            return self.chain(op, arguments, rank, tight), rank
        sign = f"<mo>{escape(_SIGNS.get(op.infix, op.infix))}</mo>"
        left = self.print(arguments[0], rank, tight=tight)
        right = self.print(arguments[1], rank + (op.infix in ("-", "%")), tight=None if op.condition else "")
        return f"<mrow>{left}{sign}{right}</mrow>", rank

    def fraction(self, above: Symbol, below: Symbol) -> tuple[str, int]:
        """A fraction; a minus above the bar goes before it."""
        opposite = _opposite(above)
        if opposite is None:
            return f"<mfrac>{self.print(above)}{self.print(below)}</mfrac>", 8
        return f"<mrow><mo>−</mo><mfrac>{self.print(opposite)}{self.print(below)}</mfrac></mrow>", _NEGATION

    def chain(self, op: Op, arguments: tuple[Symbol, ...], rank: int, tight: str | None) -> str:
        """A long sum or product: its first two terms, an ellipsis and the last."""
        terms = _terms(op, arguments)
        if all(term.op is None and str(term.leaf).startswith("operand ") for term in terms):
            terms.sort(key=lambda term: int(str(term.leaf).split()[1]))
        sign = f"<mo>{_SIGNS.get(op.infix, op.infix)}</mo>"
        shown = [terms[0], terms[1], None, terms[-1]] if len(terms) > SPELT else list(terms)
        written = [
            "<mo>…</mo>" if term is None else self.print(term, rank, tight="" if place else tight)
            for place, term in enumerate(shown)
        ]
        return f"<mrow>{sign.join(written)}</mrow>"

    def power(self, base: Symbol, exponent: Symbol) -> tuple[str, int]:
        return f"<msup>{self.print(base, 8, tight='base')}{self.print(exponent)}</msup>", _POWER

    def cases(self, symbol: Symbol) -> str:
        """A choice as a brace with one line for each case; a choice in its last case adds its lines."""
        lines, rest = [], symbol
        while rest.op is ops.choose or rest.op is ops.select:
            *condition, chosen, other = rest.arguments
            test = condition[0] if condition else as_symbol(rest.immediates[0])
            asked = self.print(test)
            if not (test.is_condition or isinstance(test.leaf, bool) or test.leaf in ops.select.immediates):
                asked = f"<mrow>{self.print(test, 4)}<mo>≠</mo><mn>0</mn></mrow>"
            lines.append(_line(self.print(chosen), f"<mtext>if\u00a0</mtext>{asked}"))
            rest = other
        lines.append(_line(self.print(rest), "<mtext>otherwise</mtext>"))
        return f'<mrow><mo stretchy="true">{{</mo><mtable class="cases">{"".join(lines)}</mtable></mrow>'

    def function(self, op: Op, arguments: tuple[Symbol, ...], immediates: tuple[Any, ...]) -> str:
        if op.latex and op.arity is not None:
            return _Latex(op.latex, dict(zip("ab", arguments, strict=False)), self).read()
        listed = [self.print(argument) for argument in _some(arguments)]
        if len(arguments) > SPELT:
            listed.insert(2, "<mo>…</mo>")
        listed += [self.print(as_symbol(setting)) for setting in immediates]
        inside = "<mo>,</mo>".join(listed)
        opening, _, closing = op.symbol.partition("·")
        if opening and closing:  # ‖·‖ goes round its operands
            return f"<mrow><mo>{escape(opening)}</mo>{inside}<mo>{escape(closing)}</mo></mrow>"
        name = op.symbol if op.symbol.isidentifier() else op.name
        return f"<mrow><mi>{escape(name)}</mi><mo>\u2061</mo>{_bracketed(inside)}</mrow>"


class _Latex:
    """Reads the little LaTeX that rows are written in; `a` and `b` are operands."""

    def __init__(self, latex: str, operands: dict[str, Symbol], printer: _Printer | None = None) -> None:
        self.tokens: list[str] = re.findall(r"\\[a-zA-Z]+|\d+|[^\s]", latex)[::-1]
        self.operands = operands
        self.printer = printer

    def read(self, end: str = "") -> str:
        """Everything up to the token `end` as one row."""
        parts: list[str] = []
        while self.tokens and self.tokens[-1] != end:
            parts.append(self.scripted())
        if end:
            self.tokens.pop()
        return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"

    def scripted(self) -> str:
        raised = len(self.tokens) > 1 and self.tokens[-2] == "^"
        base = self.atom(raised=raised)
        if not raised:
            return base
        self.tokens.pop()
        return f"<msup>{base}{self.atom()}</msup>"

    def atom(self, *, raised: bool = False) -> str:
        token = self.tokens.pop()
        if token == "{":
            return self.read("}")
        if token == r"\frac":
            return f"<mfrac>{self.atom()}{self.atom()}</mfrac>"
        if token == r"\sqrt":
            return self.root()
        if token in self.operands and self.printer:
            rank, tight = (8, "base") if raised else (0, None)
            return self.printer.print(self.operands[token], rank, tight=tight)
        if token[0] == "\\" and token not in _LATEX_SIGNS:
            return f"<mi>{_GREEK.get(token[1:], token[1:])}</mi>"
        kind = "mn" if token[0].isdigit() else "mi" if token.isalpha() or token == r"\infty" else "mo"
        return f"<{kind}>{escape(_LATEX_SIGNS.get(token, token))}</{kind}>"

    def root(self) -> str:
        if self.tokens[-1] != "[":
            return f"<msqrt>{self.atom()}</msqrt>"
        self.tokens.pop()
        degree = self.read("]")
        return f"<mroot>{self.atom()}{degree}</mroot>"


def _some(arguments: Sequence[Symbol]) -> list[Symbol]:
    return list(arguments) if len(arguments) <= SPELT else [*arguments[:2], arguments[-1]]


def _terms(op: Op, arguments: tuple[Symbol, ...]) -> list[Symbol]:
    """The terms of nested sums, or factors of nested products, from left to right."""
    found, waiting = [], list(reversed(arguments))
    while waiting:
        term = waiting.pop()
        if term.op is op:
            waiting.extend(reversed(term.arguments))
        else:
            found.append(term)
    return found


def _is_negative(symbol: Symbol) -> bool:
    """Whether it begins with a minus: as the right side of a sign it needs brackets."""
    while symbol.op in (ops.mul, ops.add, ops.sub):
        symbol = symbol.arguments[0]
    return _opposite(symbol.arguments[0] if symbol.op is ops.div else symbol) is not None


def _opposite(symbol: Symbol) -> Symbol | None:
    """What is left of a negation or a negative number without its minus; None for anything else."""
    if symbol.op is ops.neg:
        return symbol.arguments[0]
    negative = symbol.op is None and isinstance(symbol.leaf, float) and math.copysign(1.0, symbol.leaf) < 0.0
    return Symbol(-float(symbol.leaf)) if negative else None


def _number(value: float) -> str:
    if value in _NAMED:
        return _Latex(_NAMED[value][1], {}).read()
    written = f"{value:.6g}"
    if value and float(written) != value and (1.0 / value).is_integer() and value > 0.0:
        return f"<mfrac><mn>1</mn><mn>{1.0 / value:.0f}</mn></mfrac>"  # the mean's 1/3
    mantissa, _, power = written.replace("-", "−").partition("e")
    if not power:
        return f"<mn>{mantissa}</mn>"
    exponent = re.sub(r"^(−?)\+?0*", r"\1", power)
    return f"<mrow><mn>{mantissa}</mn><mo>×</mo><msup><mn>10</mn><mn>{exponent}</mn></msup></mrow>"


def _bracketed(written: str) -> str:
    return f"<mrow><mo>(</mo>{written}<mo>)</mo></mrow>"


def _line(chosen: str, when: str) -> str:
    return f"<mtr><mtd>{chosen}</mtd><mtd>{when}</mtd></mtr>"
