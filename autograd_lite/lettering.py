"""How wide a text is, how it is made safe and short, how a number is written: what every drawing shares.

Widths follow the metrics of Helvetica, which Arial, Liberation Sans and Nimbus Sans copy on purpose,
so a text set with one of them fills the width that was planned for it.
"""

from __future__ import annotations

import math
import unicodedata

__all__ = ["clean", "columns", "number", "shorten", "text_width"]

# Advance widths of the characters " " to "~" in thousandths of the font size (Adobe's AFM tables).
_REGULAR = (
    "278 278 355 556 556 889 667 222 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 "
    "556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 "
    "722 667 611 722 667 944 667 667 611 278 278 278 469 556 222 556 556 500 556 556 278 556 556 222 222 "
    "500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584"
)
_BOLD = (
    "278 333 474 556 556 889 722 278 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 "
    "556 333 333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 "
    "722 667 611 722 667 944 667 667 611 333 278 333 584 556 278 556 611 556 611 556 333 611 611 278 278 "
    "556 278 889 611 611 611 611 389 556 333 611 556 778 556 556 500 389 280 389 584"
)
_OTHERS = {
    "−": 584, "–": 556, "—": 1000, "…": 1000, "×": 584, "·": 278, "∂": 494, "Σ": 620, "•": 350, "→": 1000,
    "\u00a0": 278,
}  # fmt: skip
_WIDE = 1.05  # a full-width character, an emoji: an em and a little air
_CAPITAL, _SMALL, _SIGN = 0.76, 0.6, 0.9  # Greek, Cyrillic, Hebrew, Thai, …: about what fonts give them
_MARKS = 2  # stacked accents kept on one letter; more would climb out of the box


def _table(widths: str) -> dict[str, float]:
    plain = {chr(32 + i): int(width) / 1000 for i, width in enumerate(widths.split())}
    return plain | {character: width / 1000 for character, width in _OTHERS.items()}


_WIDTHS = {False: _table(_REGULAR), True: _table(_BOLD)}


def text_width(text: str, size: float = 1.0, *, bold: bool = False) -> float:
    """The width of `text` in points, set in Helvetica of `size` points.

    Accented letters are as wide as their base letter; for scripts outside Helvetica it is a guess.

    >>> round(text_width("loss", 10), 2)
    17.78
    """
    table = _WIDTHS[bold]
    return size * sum(table.get(character) or _other_width(character, table) for character in text)


def _other_width(character: str, table: dict[str, float]) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return _WIDE
    base = unicodedata.normalize("NFD", character)[0]
    guess = {"Lu": _CAPITAL, "Ll": _SMALL, "Lo": _SMALL, "Lm": _SMALL}.get(unicodedata.category(base), _SIGN)
    return table.get(base, guess)


def clean(text: str) -> str:
    """`text` on one line: control, direction and private characters gone, white space and accents tamed.

    >>> clean("two\\nlines\\x00 and\\u202e a tab\\t!")
    'two lines and a tab !'
    """
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        marks = marks + 1 if category[0] == "M" else 0
        if category[0] == "Z" or character in "\t\n\r\v\f":
            kept.append(" ")
        elif category[0] != "C" and marks <= _MARKS:
            kept.append(character)
    return " ".join("".join(kept).split())


def shorten(text: str, limit: int = 28) -> str:
    """`text`, cleaned and cut with an ellipsis to at most `limit` columns (a full-width character takes two).

    >>> shorten("a rather long label for such a small box", 16)
    'a rather long l…'
    """
    line = clean(text[: 40 * limit])
    columns = 0
    for position, character in enumerate(line):
        columns += _columns(character)
        if columns > limit:
            return _cut(line[:position], limit)
    return _cut(line, limit) if len(text) > 40 * limit else line


def _cut(line: str, limit: int) -> str:
    while line and sum(map(_columns, line)) > limit - 1:
        line = line[:-1]
    return line.rstrip() + "…"


def columns(text: str) -> int:
    """The columns that `text` takes in a terminal: a full-width character two, a combining mark none."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def number(value: float | None) -> str:
    """A number in at most four significant digits; the dash of a number that is not there yet.

    >>> number(-0.70710678), number(1e-7), number(None)
    ('-0.7071', '1e-07', '–')
    """
    if value is None:
        return "–"
    if math.isnan(value):
        return "nan"
    return f"{value:.4g}"
