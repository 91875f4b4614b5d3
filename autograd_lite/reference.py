"""The op table as a list to read: what `autograd-lite ops` prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from . import ops, symbolic
from .ops import Op

__all__ = ["op_lines"]

_INDENT = 16


def op_lines(width: int = 80) -> Iterator[str]:
    """Every op: its name, what it is, formula, derivatives, domain and what holds at its kinks.

    >>> lines = list(op_lines())
    >>> any("1 - tanh(a)²" in line for line in lines)
    True
    """
    yield f"{len(ops.TABLE)} ops. a, b are the operands; every one works on numbers and on Values."
    for op in ops.TABLE.values():
        yield ""
        yield from _entry(op, width)


def _entry(op: Op, width: int) -> Iterator[str]:
    shown = f"{op.name:<{_INDENT - 1}} {op.summary}"
    yield shown if op.symbol == op.name else f"{shown}   [{op.symbol}]"
    letters = {1: ("a",), 2: ("a", "b"), 3: ("c", "a", "b")}.get(op.arity or 0, ("a₁", "a₂"))
    rows = [("value", symbolic.formula(op, letters))]
    rows += [
        (f"∂/∂{letter}", partial)
        for letter, partial in zip(letters, symbolic.partial_formulas(op, letters), strict=True)
    ]
    if op.immediates:
        rows.append(("settings", ", ".join(f"{name}={default!r}" for name, default in op.immediates.items())))
    if op.domain != "every real number":
        rows.append(("domain", op.domain))
    if op.kink != "smooth":
        rows.append(("kink", op.kink))
    for title, words in rows:
        first, *rest = textwrap.wrap(words, width - _INDENT - 10) or [""]
        yield f"{'':<{_INDENT}}{title:<10}{first}"
        for line in rest:
            yield " " * (_INDENT + 10) + line
