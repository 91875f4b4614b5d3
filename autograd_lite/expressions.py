"""Formulas typed by a user, read safely: `parse("tanh(a*b + c)", {"a": 2, "b": -3, "c": 10})`.

Python's own parser reads the text into a syntax tree, nothing is ever executed, and only what stands
in the whitelist below is built into `Value`s: numbers, names, arithmetic, and calls of the op table.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from . import ops
from .engine import Value
from .errors import AutogradError
from .pointing import ExpressionError
from .vocabulary import COMPARISONS, CONSTANTS, FUNCTIONS, INFIX, REFUSED, Function, unknown_function

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "ExpressionError", "parse", "parse_number"]

MAX_LENGTH = 10_000
"""Characters an expression may have."""

MAX_DEPTH = 1_000
"""Operations that may stand one inside another (`a + b + c` counts two)."""


def parse(text: str, values: Mapping[str, Any] | None = None) -> Value:
    """Build the graph of a formula; every name becomes one leaf that carries the name as its label.

    `values` maps names to numbers (or to `Value`s, which are used as they are). Allowed are numbers,
    names, `+ - * / ** %`, calls of ops by name, comparisons as the first operand of `where`, and the
    constants `pi` and `e` unless a value of that name is given.

    >>> parse("tanh(a*b + c)", {"a": 2, "b": -3, "c": 10}).data
    0.999329299739067

    Raises `ExpressionError`, with a caret under the place, for everything else: malformed text, names
    without a value, unknown functions, wrong numbers of operands, and formulas that are too long or
    too deep. A value that the formula does not use is an error as well, as it is nearly always a typo.
    """
    given = {_normal(name): value for name, value in (values or {}).items()}
    formula = _Formula(text, given)
    unused = [name for name in given if name not in formula.used]
    if unused:
        names = ", ".join(repr(name) for name in unused)
        have = ", ".join(sorted(formula.used)) or "no name at all"
        raise ExpressionError(
            f"a value is given for {names}, but the expression uses {have}",
            formula.text,
            0,
            len(formula.text),
        )
    result = formula.build()
    return result if isinstance(result, Value) else Value(result)


def parse_number(text: str) -> float:
    """The number that a formula without names stands for, as in `a=pi/2`.

    >>> parse_number("-1/4")
    -0.25
    """
    plain = text.strip()
    if plain.lstrip("+-").lower() in {"inf", "infinity", "nan"}:
        return float(plain)
    result = _Formula(text, None).build()
    return result.data if isinstance(result, Value) else float(result)


class _Formula:
    """A formula whose syntax tree was read and found to hold only what is allowed."""

    def __init__(self, text: str, values: Mapping[str, Any] | None) -> None:
        self.text = _one_line(text)
        self.values = values or {}
        self.numbers_only = values is None
        self.used: set[str] = set()
        self.tree = self._read()
        self._steps = self._check()

    def _read(self) -> ast.expr:
        """The syntax tree, or an error that points at what Python's parser stumbled over."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(_huge_integers_as_floats(self.text), mode="eval").body
        except SyntaxError as error:
            if "nested" in (error.msg or ""):
                raise self._too_deep() from None
            if not error.offset:  # Python's way to say that the text came to its end
                raise ExpressionError("the formula ends too early", self.text, len(self.text)) from None
            start = error.offset - 1
            end = (error.end_offset or 0) - 1 if error.end_lineno == error.lineno else None
            raise ExpressionError(f"not a formula: {error.msg}", self.text, start, end) from None
        except (RecursionError, MemoryError):
            raise self._too_deep() from None
        except ValueError as error:  # a lone surrogate, for one
            raise ExpressionError(f"not a formula: {error}", self.text) from None

    def _too_deep(self) -> ExpressionError:
        return ExpressionError(
            f"the formula nests too deeply (at most {MAX_DEPTH} operations one inside another): "
            "write long sums as sum(a, b, …) or build the graph in Python",
            self.text,
        )

    def _check(self) -> list[ast.expr]:
        """Walk the tree without recursion, refuse what is not allowed, and list children before parents."""
        found: list[ast.expr] = []
        waiting: list[tuple[ast.expr, int, bool]] = [(self.tree, 1, False)]
        while waiting:
            node, depth, condition = waiting.pop()
            if depth > MAX_DEPTH:
                raise self._too_deep()
            found.append(node)
            children = list(self._children(node, condition=condition))
            waiting.extend((child, depth + 1, flag) for child, flag in reversed(children))
        return found[::-1]

    def _children(self, node: ast.expr, *, condition: bool) -> Iterator[tuple[ast.expr, bool]]:
        """The operands of an allowed node, each with whether a comparison may stand there."""
        if condition:
            yield from self._compared(node)
        elif isinstance(node, ast.Constant):
            self._check_number(node)
        elif isinstance(node, ast.Name):
            self._check_name(node)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            yield node.operand, False
        elif isinstance(node, ast.BinOp) and type(node.op) in INFIX:
            yield node.left, False
            yield node.right, False
        elif isinstance(node, ast.Call):
            yield from self._operands(node)
        else:
            raise self._refusal(node)

    def _compared(self, node: ast.expr) -> Iterator[tuple[ast.expr, bool]]:
        if isinstance(node, ast.BoolOp):
            yield from ((part, True) for part in node.values)
            return
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.operand, True
            return
        if not isinstance(node, ast.Compare):
            raise self._error("where needs a comparison as its first operand, as in where(a > 0, b, c)", node)
        if len(node.ops) != 1:
            raise self._error("one comparison at a time: nest where(…) for a second one", node)
        if type(node.ops[0]) not in COMPARISONS:
            raise self._error("only < <= > >= == != compare numbers", node)
        yield node.left, False
        yield node.comparators[0], False

    def _operands(self, node: ast.Call) -> Iterator[tuple[ast.expr, bool]]:
        function = self._function(node)
        for keyword in node.keywords:
            if keyword.arg not in function.settings:
                takes = ", ".join(function.settings) or "none"
                raise self._error(
                    f"{function.name} has no setting {keyword.arg!r} (its settings: {takes})", keyword.value
                )
            self._check_setting(function.name, keyword.value)
        operands, settings = self._split(node, function)
        for setting in settings:
            self._check_setting(function.name, setting)
        for position, operand in enumerate(_flat(operands)):
            yield operand, function.name == "where" and position == 0

    def _function(self, node: ast.Call) -> Function:
        """What a call calls."""
        if not isinstance(node.func, ast.Name):
            raise self._error("only an op's name can be called, as in tanh(a)", node.func)
        name = node.func.id
        if name not in FUNCTIONS:
            raise self._error(unknown_function(name), node.func)
        return FUNCTIONS[name]

    def _split(self, node: ast.Call, function: Function) -> tuple[list[ast.expr], list[ast.expr]]:
        """Operands and settings of a call, counted."""
        name, args = function.name, node.args
        lists = [arg for arg in args if isinstance(arg, ast.List | ast.Tuple)]
        if function.arity is None:
            if lists and (len(lists) != len(args) or len(args) > 1 + (name == "dot")):
                raise self._error(f"{name} takes numbers, or one list of them (dot takes two)", lists[-1])
            if not list(_flat(args)):
                raise self._error(f"{name} needs at least one operand", node)
            return args, []
        if lists:
            raise self._error(f"{name} takes numbers, not a list", lists[0])
        count = function.arity
        most = count + max(0, len(function.settings) - len(node.keywords))
        if not count <= len(args) <= most:
            extra = f" and the settings {', '.join(function.settings)}" if function.settings else ""
            raise self._error(
                f"{name} takes {count} operand{'s' * (count > 1)}{extra}, not {len(args)}", node
            )
        return args[:count], args[count:]

    def _check_number(self, node: ast.Constant) -> None:
        if type(node.value) not in (int, float):
            raise self._error("only real numbers can stand here", node)

    def _check_name(self, node: ast.Name) -> None:
        name = node.id
        if name in self.values:
            self.used.add(name)
        elif name in CONSTANTS:
            return
        elif self.numbers_only:
            raise self._error(f"a number is needed, and {name!r} is a name", node)
        else:
            close = difflib.get_close_matches(name, self.values, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"add {name}=…"
            if name in FUNCTIONS and not close:
                hint = f"it is a function, as in {name}(…)"
            raise self._error(f"no value is given for {name!r}: {hint}", node)

    def _check_setting(self, name: str, node: ast.expr) -> None:
        """A setting is a number that is known without any leaf: slopes and bounds carry no gradient."""
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and (part.id in self.values or part.id not in CONSTANTS):
                raise self._error(f"a setting of {name} must be a plain number", part)
            if isinstance(part, ast.Call | ast.Compare):
                raise self._error(f"a setting of {name} must be a plain number", part)

    def _refusal(self, node: ast.expr) -> ExpressionError:
        kind: ast.AST = getattr(node, "op", node)
        if isinstance(node, ast.Compare):
            return self._error(
                "a comparison can only stand first in where(…), as in where(a > 0, b, c)", node
            )
        words = REFUSED.get(type(kind)) or REFUSED.get(type(node))
        return self._error(words or "this is not arithmetic: use numbers, names, + - * / ** % and ops", node)

    def _error(self, problem: str, node: ast.expr) -> ExpressionError:
        """The syntax tree counts UTF-8 bytes; people and carets count characters."""
        encoded = self.text.encode()
        start = len(encoded[: node.col_offset].decode(errors="replace"))
        end = len(encoded[: node.end_col_offset].decode(errors="replace")) if node.end_col_offset else None
        return ExpressionError(problem, self.text, start, end)

    def build(self) -> Any:
        """Compute from the leaves up: a `Value`, or a float if no name takes part."""
        leaves = {name: _leaf(name, value) for name, value in self.values.items() if name in self.used}
        results: dict[ast.expr, Any] = {}
        for node in self._steps:
            results[node] = self._compute(node, leaves, results)
        return results[self.tree]

    def _compute(self, node: ast.expr, leaves: dict[str, Value], results: dict[ast.expr, Any]) -> Any:
        if isinstance(node, ast.Constant):
            return _as_float(node.value)
        if isinstance(node, ast.Name):
            return leaves[node.id] if node.id in leaves else CONSTANTS[node.id]
        if isinstance(node, ast.UnaryOp):
            return _unary(node.op, results[node.operand])
        if isinstance(node, ast.BinOp):
            return _infix(node.op, results[node.left], results[node.right])
        if isinstance(node, ast.BoolOp):
            return reduce(COMPARISONS[type(node.op)], [results[part] for part in node.values])
        if isinstance(node, ast.Compare):
            left, right = results[node.left], results[node.comparators[0]]
            return COMPARISONS[type(node.ops[0])](left, right)
        assert isinstance(node, ast.Call)
        return self._call(node, results)

    def _call(self, node: ast.Call, results: dict[ast.expr, Any]) -> Any:
        function = self._function(node)
        operands, settings = self._split(node, function)
        arguments = [
            [results[item] for item in operand.elts]
            if isinstance(operand, ast.List | ast.Tuple)
            else results[operand]
            for operand in operands
        ]
        numbers = [_constant(setting) for setting in settings]
        named = {str(keyword.arg): _constant(keyword.value) for keyword in node.keywords}
        try:
            return function.call(*arguments, *numbers, **named)
        except (AutogradError, TypeError) as error:
            raise self._error(f"{function.name}: {error}", node) from error


def _leaf(name: str, value: Any) -> Value:
    return value if isinstance(value, Value) else Value(value, label=name)


def _unary(kind: ast.unaryop, operand: Any) -> Any:
    if isinstance(kind, ast.Not):
        return ops.logical_not(operand)
    return -operand if isinstance(kind, ast.USub) else operand


def _infix(kind: ast.operator, left: Any, right: Any) -> Any:
    """Two plain numbers go through the row, for IEEE results: `9**9**9` is infinity, `1/0` too."""
    on_values, row = INFIX[type(kind)]
    return (on_values if isinstance(left, Value) or isinstance(right, Value) else row)(left, right)


def _constant(node: ast.expr) -> float:
    """A setting's number; `_check_setting` saw that it is one."""
    if isinstance(node, ast.Constant):
        return _as_float(node.value)
    if isinstance(node, ast.Name):
        return CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp):
        value = _constant(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    assert isinstance(node, ast.BinOp)
    return float(_infix(node.op, _constant(node.left), _constant(node.right)))


def _flat(operands: list[ast.expr]) -> Iterator[ast.expr]:
    for operand in operands:
        if isinstance(operand, ast.List | ast.Tuple):
            yield from operand.elts
        else:
            yield operand


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _normal(name: str) -> str:
    """Names as Python's parser spells them (`ﬁ` and `fi` are one name)."""
    return unicodedata.normalize("NFKC", name)


def _one_line(text: str) -> str:
    """The formula on one line, checked for length and for characters that cannot belong to it."""
    if not isinstance(text, str):
        raise ExpressionError(f"a formula is text, not {type(text).__name__}", "")
    line = re.sub(r"\s", " ", text.strip())
    if not line:
        raise ExpressionError("the formula is empty", "")
    if len(line) > MAX_LENGTH:
        raise ExpressionError(
            f"the formula has {len(line):,} characters, at most {MAX_LENGTH:,} are read: "
            "build a graph of that size in Python",
            line,
        )
    for position, character in enumerate(line):
        if character in "#\\;" or unicodedata.category(character) in {"Cc", "Cs"}:
            raise ExpressionError(f"the character {character!a} has no place in a formula", line, position)
    return line


def _huge_integers_as_floats(text: str) -> str:
    """Python refuses integers of more than 4,300 digits; as floats they are infinite from 310 digits on.

    The replacement has the same length, so that carets still point at the right place.
    """
    return re.sub(r"(?<![\w.])[1-9][0-9]{400,}(?![\w.])", lambda found: "1e999".ljust(len(found[0])), text)
