"""Text for consoles that cannot print every character."""

from __future__ import annotations

import sys
from typing import TextIO

__all__ = ["emit", "printable"]

_PLAIN = {
    "∂": "d", "·": "*", "×": "x", "−": "-", "–": "-", "—": "-", "→": "->", "←": "<-", "↑": "^", "↓": "v",
    "Σ": "sum", "Π": "prod", "∞": "inf", "√": "sqrt", "≥": ">=", "≤": "<=", "≠": "!=", "≈": "~", "…": "...",
    "²": "^2", "³": "^3", "σ": "sigma", "φ": "phi", "Φ": "Phi", "ψ": "psi", "π": "pi", "✓": "ok", "✗": "x",
    "│": "|", "─": "-", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+",
    "┼": "+", "±": "+-", "÷": "/", "‖": "|", "₁": "1", "₂": "2", "ₙ": "n",
    "█": "#", "▏": "|", "░": ".", "•": "*", "●": "*", "○": "o", "▶": ">", "◀": "<",
}  # fmt: skip


def printable(text: str, stream: TextIO | None = None) -> str:
    """`text` with what `stream` (default: standard output) cannot encode put in plain letters.

    >>> import io
    >>> printable("∂L/∂a", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    'dL/da'
    >>> printable("∂L/∂a", io.StringIO())
    '∂L/∂a'
    """
    encoding = getattr(stream or sys.stdout, "encoding", None)
    if encoding is None:  # such as io.StringIO, which keeps text as it is
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_fits(character, encoding) for character in text)
    return text


def emit(text: str = "", stream: TextIO | None = None, end: str = "\n") -> None:
    """Print `text` on `stream` in characters that it can show."""
    target = stream or sys.stdout
    print(printable(text, target), end=end, file=target)


def _fits(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return _PLAIN.get(character, "?")
    return character
