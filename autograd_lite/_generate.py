"""Prints `_methods.py` (one method and one adjoint function for each row of the op table) and `docs/ops.md`.

Run `python -m autograd_lite._generate` after changing a rule; a test compares the texts with the files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import ops
from .ops import Op
from .rules import is_fixed
from .symbolic import Symbol, formula, partial_formulas, partial_symbols, python_lines

__all__ = ["generated_source", "main", "ops_document"]

HEADER = '''"""Methods and adjoints of every row of the op table.

Printed by `_generate.py`: change the rows, not this file. A method computes the value and keeps the operands
and their values; a `pull_…` function multiplies the node's adjoint by each local gradient and adds it to that
parent. They do for one row what `engine.record` and the chain rule in `engine.py` say for all rows.
"""
# fmt: off
# ruff: noqa
# mypy: ignore-errors

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import ops
from .modes import switches
from .ops.row import RAISED_FOR_IEEE, as_number
from .rules import UNREACHED, Rule, condition, pull_each, pull_units

if TYPE_CHECKING:
    from .engine import Value

new = object.__new__
_inf, _NEGATIVE_inf, _nan = float("inf"), float("-inf"), float("nan")
'''

SPECIAL = {
    "add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__", "pow": "__pow__",
    "mod": "__mod__", "neg": "__neg__",
}  # fmt: skip
BINDING = '''

def bind(value_class: Any, record_function: Any, annotate_function: Any) -> None:
    """Hand over what `engine` defines after it has imported this module."""
    global Value, record, annotate
    Value, record, annotate = value_class, record_function, annotate_function
'''
SWEEP = '''

def sweep(order: list[Value]) -> None:
    """Pull every node in order. The commonest rules stand inline: a call costs as much as they do."""
    for node in order:
        rule = node._rule
        if rule is MUL:
            upstream = node.grad
            node._a.grad += upstream * node._y
            node._b.grad += upstream * node._x
        elif rule is ADD:
            upstream = node.grad
            node._a.grad += upstream
            node._b.grad += upstream
        elif rule is MUL_NUMBER:
            node._a.grad += node.grad * node._y
        else:
            rule.pull(node)
'''


def generated_source() -> str:
    """The text of `_methods.py`."""
    rows = [row for row in ops.TABLE.values() if row is not ops.detach]
    fixed = [row for row in rows if is_fixed(row) and (row.arity == 1 or not row.immediates)]
    others = [row for row in rows if not is_fixed(row)]
    called: set[str] = set()
    body = [
        "\n\nclass Methods:",
        '    """The operations of a Value as methods and operators."""',
        "\n    __slots__ = ()",
    ]
    for row in fixed:
        body += _unary_method(row, called) if row.arity == 1 else _binary_methods(row, called)
    for row in others:
        body += _recorded_method(row)
    body += _aliases(fixed)
    for row in fixed:
        body += _pulls(row, called)
    body.append("\n")
    body += [line for row in fixed for line in _rules(row)]
    body += [f"{_constant(row)} = Rule({_row(row)}, None, {_general_pull(row)})" for row in others]
    names = sorted(f"_{name} = {_row(ops.TABLE[name])}.native or {_row(ops.TABLE[name])}" for name in called)
    return (
        HEADER
        + "\n".join([*names, *body])
        + "\n\nRULES = {"
        + _rule_table(fixed, others)
        + "}\nMETHODS = {"
        + "".join(f"\n    {row.name!r}: Methods.{_method_name(row)}," for row in fixed)
        + "\n}\n"
        + SWEEP
        + BINDING
    )


def _row(row: Op) -> str:
    return f"ops.TABLE[{row.name!r}]"


def _constant(row: Op) -> str:
    return row.name.upper()


def _method_name(row: Op) -> str:
    # a power with a plain exponent is reached through **, which looks at the exponent first
    return "_power" if row is ops.power else SPECIAL.get(row.name, row.name)


def _operands(row: Op) -> tuple[str, ...]:
    return ("a",) if row.arity == 1 else ("a", "b")


def _caller(called: set[str]) -> Callable[[str], str]:
    def call(name: str) -> str:
        if name in ops.TABLE:
            called.add(name)
        return f"_{name}"

    return call


def _value_lines(row: Op, called: set[str], indent: str) -> list[str]:
    """Source that sets node._data from a (and b, and the immediates)."""
    operands = _operands(row)
    expression = Symbol(
        op=row, arguments=tuple(map(Symbol, operands)), immediates=tuple(map(Symbol, row.immediates))
    )
    if not row.intrinsic and "python" in row.natives:
        shared: list[str] = []
        value = f"{_caller(called)(row.name)}({', '.join([*operands, *row.immediates])})"
    else:
        shared, (value,) = python_lines([expression], _caller(called))
    lines = [*shared, f"node._data = {value}"]
    if not any(mark in line for line in lines for mark in ("(", "/")):
        return [indent + line for line in lines]
    settings = f", immediates=({', '.join(row.immediates)},)" if row.immediates else ""
    return [
        f"{indent}try:",
        *(f"{indent}    {line}" for line in lines),
        f"{indent}except RAISED_FOR_IEEE:",
        f"{indent}    node._data = {_row(row)}.number({', '.join(operands)}{settings})",
    ]


FINISH = "        return annotate(node) if switches.count else node"


def _unary_method(row: Op, called: set[str]) -> list[str]:
    name = _method_name(row)
    settings = "".join(f", {k}: float = {_literal(v)}" for k, v in row.immediates.items())
    lines = [
        f"\n    def {name}(self{settings}) -> Value:",
        f'        """{row.summary[0].upper()}{row.summary[1:]}."""',
    ]
    lines += [
        f"        if {k}.__class__ is not float: {k} = ops.row._as_immediate({row.name!r}, {k!r}, {k})"
        for k in row.immediates
    ]
    lines += ["        a = self._data", "        node = new(Value)", *_value_lines(row, called, "        ")]
    lines += [
        "        node.grad = UNREACHED",
        f"        node._rule = {_constant(row)}",
        "        node._a = node._b = self",
        "        node._x = a",
    ]
    if row.immediates:
        names = ", ".join(row.immediates)
        lines.append(f"        node._y = {names if len(row.immediates) == 1 else f'({names})'}")
    return [*lines, FINISH]


def _literal(value: float) -> str:
    return {float("inf"): "_inf", float("-inf"): "_NEGATIVE_inf"}.get(value, repr(value))


def _binary_methods(row: Op, called: set[str]) -> list[str]:
    name = _method_name(row)
    reflected = name.startswith("__")
    annotation = "Value | float"
    lines = [
        f"\n    def {name}(self, other: {annotation}) -> Value:",
        f'        """{row.summary[0].upper()}{row.summary[1:]}."""'
        if not reflected
        else f'        """{row.summary}."""',
        "        kind = other.__class__",
        "        if kind is Value:",
        *_binary_node(row, called, "self._data", "other._data", _constant(row), "self", "other"),
        "        elif kind is float or kind is int:",
    ]
    if row is ops.pow:
        lines += ["            return self._power(other)"]
    else:
        lines += _binary_node(row, called, "self._data", "other if kind is float else as_number(other)",
                              f"{_constant(row)}_NUMBER", "self", "self")  # fmt: skip
    lines += ["        else:", f"            return record({_row(row)}, self, other)", FINISH]
    if reflected:
        lines += [
            f"\n    def __r{name[2:]}(self, other: {annotation}) -> Value:",
            f'        """{row.summary}, for a plain number a."""',
            "        kind = other.__class__",
            "        if kind is float or kind is int:",
            *_binary_node(row, called, "other if kind is float else as_number(other)", "self._data",
                          f"NUMBER_{_constant(row)}", "self", "self"),
            "        else:",
            f"            return record({_row(row)}, other, self)",
            FINISH,
        ]  # fmt: skip
    return lines


def _binary_node(row: Op, called: set[str], a: str, b: str, rule: str, first: str, second: str) -> list[str]:
    return [
        f"            a = {a}",
        f"            b = {b}",
        "            node = new(Value)",
        *_value_lines(row, called, "            "),
        "            node.grad = UNREACHED",
        f"            node._rule = {rule}",
        f"            node._a = {first}",
        f"            node._b = {second}",
        "            node._x = a",
        "            node._y = b",
    ]


def _recorded_method(row: Op) -> list[str]:
    """Conditions: rare enough to go the general way."""
    if not row.condition:
        return []
    operands = ["self"] if row.arity == 1 else ["self", "other"]
    if row.name.startswith("logical"):
        operands = [f"condition({operand})" for operand in operands]
    name = {"&": "__and__", "|": "__or__"}.get(
        row.infix, "__invert__" if row is ops.logical_not else row.name
    )
    signature = "self" if row.arity == 1 else "self, other: Value | float"
    reflected = []
    if row.infix in ("&", "|"):
        reflected = [
            f"\n    def __r{name[2:]}(self, other: Value | float) -> Value:",
            f'        """{row.summary[0].upper()}{row.summary[1:]}; the first is a plain bool."""',
            f"        return record({_row(row)}, {', '.join(reversed(operands))})",
        ]
    return [
        f"\n    def {name}({signature}) -> Value:",
        f'        """{row.summary[0].upper()}{row.summary[1:]}."""',
        f"        return record({_row(row)}, {', '.join(operands)})",
        *reflected,
    ]


def _aliases(fixed: list[Op]) -> list[str]:
    """Names under which NumPy looks for these methods on an array of Values (np.arcsin calls x.arcsin())."""
    lines = ["\n    # the names by which NumPy calls these on an array of Values"]
    for row in fixed:
        numpy = row.natives.get("numpy", row.name)
        if row.name not in SPECIAL and row is not ops.power and numpy not in (row.name, "power"):
            lines.append(f"    {numpy} = {row.name}")
    return [*lines, "    rint = round"]


def _pulls(row: Op, called: set[str]) -> list[str]:
    lines: list[str] = []
    for suffix, wanted in _variants(row):
        partials = partial_symbols(row, _operands(row), tuple(map(Symbol, row.immediates)), shown=False)
        chosen = [partial for partial, keep in zip(partials, wanted, strict=True) if keep]
        shared, written = python_lines(chosen, _caller(called))
        text = " ".join([*shared, *written])
        lines += [f"\n\ndef pull_{row.name}{suffix}(node: Value) -> None:", "    upstream = node.grad"]
        lines += [
            f"    {name} = node.{field}"
            for name, field in (("a", "_x"), ("b", "_y"), ("y", "_data"))
            if _uses(text, name)
        ]
        if any(_uses(text, name) for name in row.immediates):
            lines.append(f"    {', '.join(row.immediates)} = node._y")
        lines += [f"    {line}" for line in shared]
        fields = ["_a", "_b"] if all(wanted) else ["_a"]
        lines += [
            f"    node.{field}.grad {_contribution(local)}"
            for field, local in zip(fields, written, strict=False)
        ]
    return lines


def _contribution(local: str) -> str:
    if local in ("1.0", "-1.0"):
        return "+= upstream" if local == "1.0" else "-= upstream"
    return f"+= upstream * ({local})" if not local.isidentifier() else f"+= upstream * {local}"


def _uses(text: str, name: str) -> bool:
    import re

    return re.search(rf"(?<![\w.]){name}(?!\w)", text) is not None


def _variants(row: Op) -> list[tuple[str, tuple[bool, ...]]]:
    if row.arity == 1:
        return [("", (True,))]
    return [("", (True, True)), ("_number", (True, False)), ("_of_number", (False, True))]


def _rules(row: Op) -> list[str]:
    names = {
        "": _constant(row),
        "_number": f"{_constant(row)}_NUMBER",
        "_of_number": f"NUMBER_{_constant(row)}",
    }
    return [
        f"{names[suffix]} = Rule({_row(row)}, {wanted}, pull_{row.name}{suffix})"
        for suffix, wanted in _variants(row)
    ]


def _general_pull(row: Op) -> str:
    units = row.arity is None and all(symbol.leaf == 1.0 for symbol in partial_symbols(row, shown=False))
    return "pull_units" if units else "pull_each"


def _rule_table(fixed: list[Op], others: list[Op]) -> str:
    rules = []
    for row in fixed:
        names = (
            [_constant(row)]
            if row.arity == 1
            else [_constant(row), f"{_constant(row)}_NUMBER", f"NUMBER_{_constant(row)}"]
        )
        rules += [
            f"({row.name!r}, {wanted}): {name}"
            for name, (_, wanted) in zip(names, _variants(row), strict=True)
        ]
    rules += [f"({row.name!r}, None): {_constant(row)}" for row in others]
    return "\n    " + ",\n    ".join(rules) + ",\n"


def ops_document() -> str:
    """The text of `docs/ops.md`: the table for readers."""
    lines = [
        "# The op table",
        "",
        "Printed from `autograd_lite/ops/` by `python -m autograd_lite._generate`. `a`, `b` are operands;",
        "n-ary ops are shown for two. Each name is a function in `autograd_lite.ops` and, but for the n-ary",
        "ones, a method or operator of `Value`. Static parameters follow the operands, with their defaults.",
        "",
        "| op | value | local gradients | domain | at kinks |",
        "|---|---|---|---|---|",
    ]
    for row in ops.TABLE.values():
        settings = "".join(f", {name}={value:g}" for name, value in row.immediates.items())
        operands = {1: "a", 2: "a, b", 3: "c, a, b"}.get(row.arity or 0, "a₁, a₂, …")
        cells = [
            f"`{row.name}({operands}{settings})`",
            _plain(row.summary) if not row.infix else f"`{formula(row)}`",
            ", ".join(f"`{text}`" for text in partial_formulas(row)),
            _plain(row.domain),
            _plain(row.kink),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _plain(words: str) -> str:
    return words.replace("*", "\\*").replace("_", "\\_")


def main() -> None:
    """Write `_methods.py` beside this file and, in a checkout, `docs/ops.md`."""
    here = Path(__file__).parent
    (here / "_methods.py").write_text(generated_source(), encoding="utf-8")
    if (here.parent / "docs").is_dir():
        (here.parent / "docs" / "ops.md").write_text(ops_document(), encoding="utf-8")


if __name__ == "__main__":
    main()
