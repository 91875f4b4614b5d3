"""How a node's value and its local derivatives are written: with names, and with numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from . import symbolic
from .engine import Value
from .lettering import shorten
from .naming import names_by_identity

__all__ = ["initials", "number", "partial_words", "short_name", "texts_and_labels", "value_words"]

_MANY = 32
"""Operands from which on a formula would be longer than anybody reads: the numbers speak alone."""


def number(value: float | None) -> str:
    """A number in at most six significant digits, a dash where there is none yet.

    >>> number(2.0), number(-1 / 3), number(1e-9), number(None)
    ('2', '-0.333333', '1e-09', '–')
    """
    return "–" if value is None else f"{value:.6g}"


def short_name(label: str) -> str:
    """A label as formulas use it: on one line, at most 20 columns, without spaces.

    >>> short_name("the weight")
    'the_weight'
    """
    return shorten(label, 20).replace(" ", "_")


def initials(scope: str) -> str:
    """The numbered parts of a scope in short.

    >>> initials("model/layer 0/neuron 2")
    'l0n2'
    """
    found = re.findall(r"([^/\s])[^/]*?(\d+)(?=/|$)", scope)
    return "".join(letter + digits for letter, digits in found)


def value_words(value: Value, names: Sequence[str]) -> tuple[str, str]:
    """How `value` was computed: `("a * b", "2 * (-3)")`; for a hand-made op its symbol and its operands."""
    return _value(value, names), _value(value, [number(one) for one in value.operand_values])


def _value(value: Value, operands: Sequence[str]) -> str:
    op = value.op
    if op is None:
        return ""
    if not hasattr(op, "partials") or len(operands) > _MANY:
        name = value.op_text or op.name
        shown = list(operands) if len(operands) <= _MANY else [*operands[:3], "…", operands[-1]]
        return (
            f" {name} ".join(shown)
            if len(shown) == 2 and not name.isidentifier()
            else f"{name}({', '.join(shown)})"
        )
    return symbolic.formula(op, operands, value.immediates)


def partial_words(value: Value, names: Sequence[str]) -> list[tuple[str, str]]:
    """Each local derivative of `value` as a formula and with numbers; empty where neither can be told."""
    op = value.op
    if op is None or not hasattr(op, "partials") or len(names) > _MANY:
        return [("", "")] * len(names)
    numbers = [number(one) for one in value.operand_values]
    formulas = symbolic.partial_formulas(op, names, value.immediates)
    return list(zip(formulas, symbolic.partial_formulas(op, numbers, value.immediates), strict=True))


def texts_and_labels(values: Sequence[Value], names: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """A unique short name for every node (from its label, else `n` and its index), and its label.

    A name that several nodes share, and one that looks like `n7`, ends with the node's index.

    >>> texts_and_labels([Value(1.0, label="x"), Value(2.0)], {})
    (['x', 'n1'], ['x', ''])
    """
    called = names_by_identity(names, Value)
    labels = [str(value.label or "") or called.get(id(value), "") for value in values]
    texts = _told_apart([label and short_name(label) for label in labels], values)
    counts = Counter(texts)
    for index, (value, text) in enumerate(zip(values, texts, strict=True)):
        if not text:
            texts[index] = number(value.data) if value.is_constant else f"n{index}"
        elif counts[text] > 1 or (text[0] == "n" and text[1:].isdecimal()):
            texts[index] = f"{text}#{index}"
    return texts, labels


def _told_apart(names: list[str], values: Sequence[Value]) -> list[str]:
    """Where a name occurs twice, names begin with a short form of their scope: `l0n2.w1`."""
    counts = Counter(names)
    if all(count == 1 for name, count in counts.items() if name):
        return names
    short = []
    for name, value in zip(names, values, strict=True):
        prefix = initials(value.scope)
        short.append(f"{prefix}.{name}" if name and prefix and (value.is_leaf or counts[name] > 1) else name)
    return short
