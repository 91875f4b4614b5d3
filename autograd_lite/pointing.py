"""An error that shows a formula and points at the place it is about."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from .errors import ArgumentError

__all__ = ["ExpressionError"]


class ExpressionError(ArgumentError):
    """A formula that cannot be read; the message points at the offending place.

    `problem` is the sentence, `text` the formula, and `text[start:end]` what the sentence is about.
    """

    def __init__(self, problem: str, text: str, start: int = 0, end: int | None = None) -> None:
        self.problem = problem
        self.text = text
        self.start = max(0, min(start, len(text)))
        self.end = max(self.start + 1, end if end is not None else self.start + 1)
        super().__init__(self.shown())

    def shown(self, fits: Callable[[str], str] = str) -> str:
        """The message; `fits` puts text in characters that the reader's console has.

        >>> print(ExpressionError("unknown function 'f'", "2*f(a)", 2, 3).shown())
        unknown function 'f'
            2*f(a)
              ^
        """
        first, last, before, after = _window(self.text, self.start, self.end)
        head, place = before + self.text[first : self.start], self.text[self.start : min(self.end, last)]
        tail = self.text[min(self.end, last) : last] + after
        head, place, tail = (fits(_visible(part)) for part in (head, place, tail))
        line = f"    {head}{place}{tail}".rstrip()
        marks = " " * (4 + _columns(head)) + "^" * max(1, _columns(place))
        return f"{fits(self.problem)}\n{line}\n{marks}" if self.text else fits(self.problem)


def _window(text: str, start: int, end: int, width: int = 72) -> tuple[int, int, str, str]:
    """The part of a long formula around `text[start:end]`, and the ellipses that say what is cut."""
    if len(text) <= width:
        return 0, len(text), "", ""
    first = max(0, min(start - width // 3, len(text) - width))
    last = min(len(text), first + width)
    return first, last, "…" if first else "", "…" if last < len(text) else ""


def _visible(text: str) -> str:
    return "".join(
        "?" if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text
    )


def _columns(text: str) -> int:
    """Columns that `text` takes on a terminal: wide characters two, combining marks none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
