"""Which place of the user's program is running: the file, the line, the columns of the expression."""

from __future__ import annotations

import os
import sys
import weakref
from functools import partial
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

__all__ = ["Place", "source_place"]


class Place(NamedTuple):
    """A place in a program, shared by all that was made there.

    `name` is what a reader is told: "file.py:12", "In[3]:12" in a notebook. `file` is the name by which
    `linecache` knows the text. Columns count bytes of UTF-8, as Python does; they and `end_line` are None
    where Python does not know them. The end is exclusive.
    """

    name: str
    file: str
    line: int
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Place:
        return self


_PACKAGE = str(Path(__file__).parent) + os.sep

# The places of each code object by instruction, found once. A code object is looked up by identity, because
# two cells with the same text are equal, and forgotten when it dies.
_known: dict[int, tuple[dict[int, Place], weakref.ref[CodeType]]] = {}


def source_place() -> Place | None:
    """Where the innermost frame stands that is neither the library nor NumPy; None if there is none.

    The columns are those of the expression whose value is just being computed: in `(a * b + c).tanh()` the
    product is at `a * b`.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not (code.co_filename.startswith(_PACKAGE) or _is_numpy(frame)):
            places = _places_of(code)
            place = places.get(frame.f_lasti)
            if place is None:
                place = places[frame.f_lasti] = _place(code, frame.f_lasti, frame.f_lineno)
            return place
        frame = frame.f_back
    return None


def _is_numpy(frame: FrameType) -> bool:
    """Whether this is Python inside NumPy, which adds up the Values of an array for the user's np.mean()."""
    return str(frame.f_globals.get("__name__", "")).startswith("numpy.")


def _places_of(code: CodeType) -> dict[int, Place]:
    key = id(code)
    if key not in _known:
        forget = partial(_known.pop, key)
        _known[key] = {}, weakref.ref(code, forget)  # the reference is handed over where pop takes a default
    return _known[key][0]


def _place(code: CodeType, instruction: int, line: int) -> Place:
    """The place of one instruction; where its columns are unknown, its line alone."""
    spans = islice(code.co_positions(), instruction // 2, None)
    start, end_line, column, end_column = next(spans, (None,) * 4)
    name = f"{_readable(code.co_filename)}:{line}"
    if start != line or None in (end_line, column, end_column):
        return Place(name, code.co_filename, line)
    return Place(name, code.co_filename, line, column, end_line, end_column)


def _readable(name: str) -> str:
    """A file name without its folder; for a cell of a notebook, whose file is made up, its number."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    known = getattr(getattr(shell, "compile", None), "format_code_name", None)
    cell = known(name) if known is not None else None  # ("Cell", "In[3]")
    return str(cell[1]) if cell else Path(name).name
