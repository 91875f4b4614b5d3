"""The rules of the op table as JavaScript, for pages that compute on other numbers themselves.

Each rule is printed from its row: the row runs on symbols with its immediates set, and what it gives is
written as straight-line JavaScript. A row whose name for JavaScript (`natives["js"]`) is known is called;
every other row is expanded by its generic form, and a long one becomes a function that the rules share.

>>> from autograd_lite.javascript import RuleKey, rules_source
>>> print(rules_source([RuleKey("mul", 2), RuleKey("exp", 1)]))
[
// mul
{ forward: ([a, b]) => a * b, partials: ([a, b]) => [b, a] },
// exp
{ forward: ([a]) => Math.exp(a), partials: (x, y) => [y] },
]
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from .errors import ArgumentError
from .ops import TABLE, Op
from .symbols import Symbol, as_symbol

__all__ = ["RuleKey", "rules_source"]

# Where JavaScript has a function but not with the values of IEEE 754 and Python: `natives["js"]` names these.
_HELPERS = {
    # Math.pow(1, NaN) and Math.pow(±1, ±Infinity) are NaN
    "pow": "(a, b) => a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b)",
    # % has the sign of the dividend
    "mod": "(a, b) => { const rest = a % b; "
    "return rest === 0 ? (b < 0 ? -0 : 0) : rest < 0 !== b < 0 ? rest + b : rest; }",
}

_INFIX = {
    "|": ("||", 2), "&": ("&&", 3), "==": ("===", 4), "!=": ("!==", 4), ">": (">", 5), ">=": (">=", 5),
    "<": ("<", 5), "<=": ("<=", 5), "+": ("+", 6), "-": ("-", 6), "*": ("*", 7), "/": ("/", 7),
}  # fmt: skip
_CHOICE, _EQUALITY, _SIGN, _CALL = 1, 4, 8, 9

_LONG = 80
"""An operand of more characters than this gets a line of its own."""

_SHORT = 3
"""A row of at most this many operations is written out where it is used; a longer one becomes a function."""

_TAKEN = {
    "a", "b", "c", "x", "y", "Array", "Infinity", "Math", "NaN",
    "const", "delete", "enum", "function", "new", "switch", "this", "typeof", "var", "void",
    *keyword.kwlist,
}  # fmt: skip


class RuleKey(NamedTuple):
    """A row of the op table with a number of operands and fixed immediates."""

    op: str
    arity: int
    immediates: tuple[Any, ...] = ()


def rules_source(keys: Sequence[RuleKey]) -> str:
    """A JavaScript expression: a list with `{forward(x), partials(x, y)}` for each rule, x the operands.

    Both take and give plain numbers; `partials` gives a list, one entry for each operand. A row that is not
    in the op table has `null` in its place. Raises `ArgumentError` for a row that JavaScript cannot compute.
    """
    prelude = _Prelude()
    rules = [_rule(key, prelude) for key in keys]
    listed = "[\n" + "".join(f"{rule},\n" for rule in rules) + "]"
    if not prelude.sources:
        return listed
    functions = "".join(f"const {name} = {source};\n" for name, source in prelude.sources.items())
    return f"(() => {{\n{functions}return {listed};\n}})()"


def _rule(key: RuleKey, prelude: _Prelude) -> str:
    row = TABLE.get(key.op)
    if row is None:
        return "null"
    operands = _operands(row, key.arity)
    arguments = tuple(map(Symbol, operands))
    value = Symbol(op=row, arguments=arguments, immediates=key.immediates)
    packed: tuple[Any, ...] = (arguments,) if row.arity is None else arguments
    slopes = [as_symbol(slope) for slope in row.partials(*packed, *key.immediates, Symbol("y"))]
    forward = _function(_Block([value], operands, prelude), operands)
    partials = _function(_Block(slopes, operands, prelude), operands, listed=True)
    settings = f"({', '.join(map(_literal, key.immediates))})" if key.immediates else ""
    count = f" of {key.arity}" if row.arity is None else ""
    return f"// {row.name}{settings}{count}\n{{ forward: {forward}, partials: {partials} }}"


def _operands(row: Op, count: int) -> tuple[str, ...]:
    if row.arity is None:
        return tuple(f"x[{place}]" for place in range(count))
    return ("c", "a", "b") if row.arity == 3 else ("a", "b")[: row.arity]


def _function(block: _Block, operands: tuple[str, ...], *, listed: bool = False) -> str:
    """An arrow function of the operands' list (and of y, where it is used)."""
    result = _list(block.results) if listed else block.results[0]
    used = block.used
    if not used:
        taken = ""
    elif not any(name in used for name in operands):
        taken = "x, y"
    else:
        last = max(place for place, name in enumerate(operands) if name in used)
        whole = operands[0] == "x[0]"
        taken = ("x" if whole else f"[{', '.join(operands[: last + 1])}]") + (", y" if "y" in used else "")
    return f"({taken}) => {_body(block, result)}"


def _body(block: _Block, result: str) -> str:
    if not block.lines:
        return result
    return "{\n" + "".join(f"  {line}\n" for line in block.lines) + f"  return {result};\n}}"


def _list(entries: Sequence[str]) -> str:
    if len(entries) > 4 and len(set(entries)) == 1:
        return f"Array({len(entries)}).fill({entries[0]})"
    return f"[{', '.join(entries)}]"


class _Prelude:
    """The functions that stand before the rules: helpers, and rows whose generic form is long."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}
        self._names: dict[Any, str] = {}

    def helper(self, name: str) -> str:
        self.sources.setdefault(name, _HELPERS[name])
        return name

    def named(self, row: Op, immediates: tuple[Any, ...]) -> str:
        """The function for a row with a generic form; "" if that is short enough to be written out."""
        key = (row.name, *map(_literal, immediates))
        if key not in self._names:
            operands = _operands(row, row.arity or 0)
            block = _Block([as_symbol(row.forward(*map(Symbol, operands), *immediates))], operands, self)
            if block.size <= _SHORT:
                self._names[key] = ""
            else:
                self._names[key] = name = _identifier(*key)
                self.sources[name] = f"({', '.join(operands)}) => {_body(block, block.results[0])}"
        return self._names[key]


def _identifier(name: str, *settings: str) -> str:
    for sign, letter in (("-", "m"), ("+", ""), (".", "p")):
        settings = tuple(setting.replace(sign, letter) for setting in settings)
    written = "_".join((name, *settings))
    return f"{written}_" if written in _TAKEN or re.fullmatch(r"t\d+", written) else written


class _Cell(NamedTuple):
    """An operation, or a leaf (`op` None), of which equal ones are one."""

    op: Op | None
    arguments: tuple[int, ...]
    written: str
    """A leaf's text; an operation's immediates."""
    name: str = ""
    """The function that computes it, if it is a call."""


class _Block:
    """Expressions as JavaScript: `lines` set what is shared or long, `results` are the expressions.

    Works through the graph of symbols without recursion, so that a sum of thousands is no deeper than one
    of two. Equal operations become one.
    """

    def __init__(self, symbols: Sequence[Symbol], operands: tuple[str, ...], prelude: _Prelude) -> None:
        self.lines: list[str] = []
        self.used: set[str] = set()
        self._operands = operands
        self._prelude = prelude
        self._cells: dict[_Cell, int] = {}
        self._numbers: dict[int, int] = {}
        self._kept: list[Symbol] = []  # so that no other symbol gets the id of one that is numbered
        numbers = [self._number(symbol) for symbol in symbols]
        cells = list(self._cells)
        self.size = sum(1 for cell in cells if cell.op is not None)
        uses = [0] * len(cells)
        for number in (*numbers, *(argument for cell in cells for argument in cell.arguments)):
            uses[number] += 1
        self._cell = cells
        self._texts: list[tuple[str, int]] = []
        for cell, count in zip(cells, uses, strict=True):
            self._texts.append(self._written(cell))
            if count > 1 and not self._is_plain(cell):
                self._name(len(self._texts) - 1)
        self.results = [self._number_text(number, 0, whole=True) for number in numbers]

    # --- which operations there are -----------------------------------------------------------------------

    def _number(self, symbol: Symbol) -> int:
        """The number of an expression; its operands have smaller ones."""
        numbers, simpler = self._numbers, {}
        stack = [symbol]
        while stack:
            top = stack[-1]
            if id(top) in numbers:
                stack.pop()
                continue
            if id(top) not in simpler:
                self._kept.append(top)
                simpler[id(top)] = self._expanded(top)
            other, name = simpler[id(top)]
            wanted = [other] if other is not None else list(top.arguments)
            pending = [each for each in wanted if id(each) not in numbers]
            if pending:
                stack.extend(reversed(pending))
                continue
            if other is not None:
                numbers[id(top)] = numbers[id(other)]
            else:
                numbers[id(top)] = self._cells.setdefault(self._of(top, name), len(self._cells))
        return numbers[id(symbol)]

    def _of(self, symbol: Symbol, name: str) -> _Cell:
        if symbol.op is None:
            leaf = symbol.leaf
            written = leaf if isinstance(leaf, str) else _literal(leaf)
            if isinstance(leaf, str):
                self.used.add(leaf)
            return _Cell(None, (), written)
        called_with = symbol.immediates if "js" in symbol.op.natives else ()
        arguments = tuple(self._numbers[id(argument)] for argument in symbol.arguments)
        return _Cell(symbol.op, arguments, ", ".join(map(_literal, called_with)), name)

    def _expanded(self, symbol: Symbol) -> tuple[Symbol | None, str]:
        """What a row is written as: a simpler expression, or a call of the function named, or an operator."""
        op = symbol.op
        if op is None or op.infix in _INFIX or op.name in ("choose", "logical_not"):
            return None, ""
        native = op.natives.get("js", "")
        if native:
            return None, native if "." in native else self._prelude.helper(native)
        if not op.intrinsic and op.arity is not None:
            name = self._prelude.named(op, symbol.immediates)
            if name:
                return None, name
        packed: tuple[Any, ...] = (symbol.arguments,) if op.arity is None else symbol.arguments
        form: Any = op.native if op.intrinsic else op.forward
        try:
            return as_symbol(form(*packed, *symbol.immediates)), ""
        except TypeError as error:
            raise ArgumentError(
                f'the row {op.name!r} cannot be written as JavaScript: give it natives={{"js": …}}, or a '
                "forward rule of operators, where and other rows"
            ) from error

    # --- how they are written -----------------------------------------------------------------------------

    def _is_plain(self, cell: _Cell) -> bool:
        """Whether a cell is repeated rather than named: a leaf, or its negative."""
        return cell.op is None or (cell.op.name == "neg" and self._cell[cell.arguments[0]].op is None)

    def _name(self, number: int) -> None:
        name = f"t{len(self.lines)}"
        self.lines.append(f"const {name} = {self._texts[number][0]};")
        self._texts[number] = name, _CALL

    def _text(self, number: int, rank: int, whole: bool = False) -> str:
        """A cell as an operand that binds at least as tightly as `rank`, or as a whole expression."""
        if len(self._texts[number][0]) > _LONG and not whole:
            self._name(number)
        written, own = self._texts[number]
        return f"({written})" if own < rank else written

    def _number_text(self, number: int, rank: int, whole: bool = False) -> str:
        """A cell where a number is needed: a condition becomes 1 or 0."""
        op = self._cell[number].op
        if op is None or not op.condition:
            return self._text(number, rank, whole)
        return f"+({self._text(number, 0)})" if rank <= _SIGN else f"(+({self._text(number, 0)}))"

    def _truth_text(self, number: int, rank: int) -> str:
        """A cell where a condition is needed; a number holds unless it is 0, NaN included."""
        op = self._cell[number].op
        if op is not None and op.condition:
            return self._text(number, rank)
        written = f"{self._text(number, _EQUALITY + 1)} !== 0"
        return f"({written})" if rank > _EQUALITY else written

    def _written(self, cell: _Cell) -> tuple[str, int]:
        op, arguments = cell.op, cell.arguments
        if op is None:
            return cell.written, _SIGN if cell.written.startswith("-") else _CALL
        if cell.name:
            given = [self._number_text(argument, 0) for argument in arguments]
            if len(given) > 4 and given == list(self._operands):
                given = ["...x"]
            return f"{cell.name}({', '.join(filter(None, [*given, cell.written]))})", _CALL
        if op.name == "choose":
            condition, first, second = arguments
            test = self._truth_text(condition, _CHOICE + 1)
            chosen = self._number_text(first, _CHOICE + 1)
            return f"{test} ? {chosen} : {self._number_text(second, _CHOICE)}", _CHOICE
        if op.name == "logical_not":
            return f"!{self._truth_text(arguments[0], _SIGN)}", _SIGN
        if len(arguments) == 1:
            return f"-{self._number_text(arguments[0], _SIGN + 1)}", _SIGN
        return self._operation(op, *arguments)

    def _operation(self, op: Op, left: int, right: int) -> tuple[str, int]:
        written, rank = _INFIX[op.infix]
        text = self._truth_text if op.infix in "&|" else self._number_text
        # from left to right as in Python: a * (b / c) keeps its parentheses
        second = text(right, rank + 1)
        if op.infix in "+-" and second.startswith(("-", "+")):
            second = f"({second})"
        return f"{text(left, rank)} {written} {second}", rank


def _literal(value: Any) -> str:
    """A number or bool as JavaScript writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    number = float(value)
    if math.isinf(number):
        return "Infinity" if number > 0.0 else "-Infinity"
    return "NaN" if number != number else repr(number).removesuffix(".0")
