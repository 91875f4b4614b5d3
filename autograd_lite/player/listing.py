"""The user's own code around the places where nodes were made: as much as a reader needs, and no more.

The text is read when it is asked for. A file that was changed after the program started shows its new text.
"""

from __future__ import annotations

import ast
import linecache
import warnings
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any

from ..sources import Place

__all__ = ["excerpts"]

WHOLE = 80
"""Lines up to which a file or a function is shown whole."""

AROUND = 3
"""Lines shown before and after a line that stands in no function, or in a very long one."""

LONGEST = 1000
"""Characters of a line that are shown."""


def excerpts(places: Sequence[Place]) -> dict[str, Any]:
    """The files with the lines that matter, and for each place [file, line, column, end line, end column].

    Columns count from 0 in UTF-16 units, as JavaScript does, and are None where they are unknown. A line is
    [number, text], text None where it cannot be read.
    """
    names = dict.fromkeys((place.file, place.name.rpartition(":")[0]) for place in places)
    numbers = {file: number for number, (file, _) in enumerate(names)}
    texts = {file: _text(file) for file, _ in names}
    files = []
    for file, name in names:
        spans = [(place.line, place.end_line or place.line) for place in places if place.file == file]
        wanted = _wanted(texts[file], spans, whole=name.startswith("In["))
        files.append({"name": name, "lines": [[line, _line(texts[file], line)] for line in wanted]})
    return {
        "files": files,
        "places": [
            [numbers[place.file], place.line, *_columns(place, texts[place.file])] for place in places
        ],
    }


def _text(file: str) -> list[str]:
    """The lines of a file, or of a notebook's cell; none where the text is not to be had."""
    linecache.checkcache(file)
    return [line.rstrip("\r\n") for line in linecache.getlines(file)]


def _line(text: Sequence[str], number: int) -> str | None:
    return text[number - 1][:LONGEST] if number <= len(text) else None


def _columns(place: Place, text: Sequence[str]) -> tuple[int | None, int | None, int | None]:
    if place.column is None or place.end_line is None or place.end_column is None:
        return None, None, None
    if place.end_line > len(text):
        return None, None, None
    start = _units(text[place.line - 1], place.column)
    end = _units(text[place.end_line - 1], place.end_column)
    return (None, None, None) if start is None or end is None else (start, place.end_line, end)


def _units(line: str, column: int) -> int | None:
    """A column in bytes of UTF-8 as one in UTF-16 units; None if the line is not that long."""
    encoded = line.encode("utf-8", "surrogatepass")
    if column > len(encoded):
        return None
    return len(encoded[:column].decode("utf-8", "ignore").encode("utf-16-le")) // 2


def _wanted(text: Sequence[str], spans: Collection[tuple[int, int]], *, whole: bool) -> list[int]:
    """The numbers of the lines to show, in order."""
    if text and (whole or len(text) <= WHOLE):
        return sorted({*range(1, len(text) + 1), *(first for first, _ in spans)})
    functions = _functions("\n".join(text))
    wanted: set[int] = set()
    for first, last in spans:
        around = [span for span in functions if span[0] <= first and last <= span[1]]
        start, end = min(around, key=lambda span: span[1] - span[0], default=(0, WHOLE))
        if end - start >= WHOLE:
            start, end = (max(1, first - AROUND), last + AROUND) if text else (first, last)
        wanted.update(range(start, (min(end, len(text)) if text else end) + 1))
        wanted.add(first)
    return sorted(wanted)


@lru_cache(maxsize=8)
def _functions(text: str) -> tuple[tuple[int, int], ...]:
    """First and last line of every function, decorators included; none where the text is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the user has seen what Python says about this text
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(
        (min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno or node.lineno)
        for node in _blocks(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _blocks(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement; expressions, of which there are many more, hold no functions of several lines."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, field, ())
            waiting.extend(inner if isinstance(inner, list) else ())
