"""Printers of expressions: plain text, LaTeX, Python source."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from . import ops
from .ops import Op
from .symbols import Symbol, as_symbol

__all__ = ["LatexPrinter", "PythonPrinter", "TextPrinter"]

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


class TextPrinter:
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
            inner = self.print(arguments[0], _NEGATION)
            return "-" + (self.grouped(inner) if inner.startswith(("-", "−")) else inner), _NEGATION
        if op is ops.square and not isinstance(self, PythonPrinter):
            return self.squared(arguments[0])
        if op is ops.power:
            return self.binary("**", arguments[0], as_symbol(symbol.immediates[0]))
        if op in (ops.choose, ops.select):
            return self.choice(symbol)
        if op.infix and len(arguments) == 2:
            return self.binary(op.infix, *arguments)
        return self.function(
            op, [self.print(a) for a in arguments] + [self.print(as_symbol(i)) for i in symbol.immediates]
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
        test = self.print(condition[0] if condition else as_symbol(symbol.immediates[0]))
        return f"{self.print(first, 1)} if {test} else {self.print(second)}", 0

    def function(self, op: Op, arguments: list[str]) -> str:
        return f"{op.name}({', '.join(arguments)})"


class LatexPrinter(TextPrinter):
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
        test = self.print(condition[0] if condition else as_symbol(symbol.immediates[0]))
        chosen, other = self.print(first), self.print(second)
        return rf"\begin{{cases}}{chosen} & {test}\\{other} & \text{{else}}\end{{cases}}", 8

    def function(self, op: Op, arguments: list[str]) -> str:
        if op.latex and len(arguments) <= 2:
            # in one go: an argument may itself be called a or b
            places = dict(zip("ab", arguments, strict=False))
            letter = r"(?<![a-zA-Z\\])[ab](?![a-zA-Z_])"
            return re.sub(letter, lambda found: places.get(found[0], found[0]), op.latex)
        name = op.name.replace("_", r"\_")
        head = rf"\{name}" if name in _LATEX_FUNCTIONS else rf"\operatorname{{{name}}}"
        return rf"{head}\left({', '.join(arguments)}\right)"


class PythonPrinter(TextPrinter):
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
                op, [self.print(a) for a in (*symbol.arguments, *map(as_symbol, symbol.immediates))]
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
