"""What a guard asked, in words: `x[0] * w > 0`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .building import TapeBuilder
from .tape import ROWS

__all__ = ["with_words"]

_DEPTH = 2  # of what is written out; the rest is "…"


def with_words(builder: TapeBuilder, asked: Mapping[int, tuple[str, int]], labels: Mapping[int, str]) -> None:
    """Give every guard of a builder that has no words yet the question it is about."""
    guards = builder.guards
    silent = [guard for guard in guards.values() if not guard.text]
    if not silent:
        return
    entries = list(builder.known)
    for guard in silent:
        form, node = asked.get(guard.node, ("{}", guard.node))
        guards[guard.node] = guard._replace(text=form.format(_words(builder, entries, labels, node, _DEPTH)))


def _words(
    builder: TapeBuilder, entries: Sequence[tuple[int, ...]], labels: Mapping[int, str], node: int, depth: int
) -> str:
    if node < 0:
        return f"{builder.number_of(node):.6g}"
    name = labels.get(node) or builder.names.get(node)
    if name:
        return name
    code, *operands = entries[node]
    if code < 0:
        return "an argument" if node < builder.inputs else "a parameter"
    if depth == 0 or code >= len(ROWS):
        return "…"
    row = ROWS[code]
    texts = [_words(builder, entries, labels, operand, depth - 1) for operand in operands[:4]]
    if row.name == "detach":
        return f"{texts[0]}.data"
    if row.infix and len(texts) == 2:
        left, right = (f"({text})" if " " in text and not row.condition else text for text in texts)
        return f"{left} {row.infix} {right}"
    return f"{row.name}({', '.join(texts)}{', …' if len(operands) > 4 else ''})"
