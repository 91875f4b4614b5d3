"""Drawing a computation graph: SVG, PNG, PDF, HTML, DOT, Mermaid, plain text.

draw(loss)                      shows itself in a notebook
draw(loss).save("loss.svg")     or .png .pdf .html .dot .mmd .txt .json
print(draw(loss).text)          in a terminal
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from . import console, dot_source, mermaid, outline, rendering, svg
from .engine import Value
from .errors import ArgumentError, AutogradError, nearest
from .files import atomic_write
from .graph import Graph
from .palette import DARK, LIGHT
from .picture import Picture, make_picture

__all__ = ["Drawing", "draw"]

_DIRECTIONS = ("auto", "LR", "RL", "TB", "BT")
_LONG = 12  # columns; a longer picture is too wide for a page and runs down it
_THEMES = ("auto", "light", "dark")


def draw(
    value: Value | Iterable[Value] | Graph,
    *,
    names: Mapping[str, object] | None = None,
    edges: str | None = None,
    fold: int | str | bool | None = "auto",
    direction: str = "auto",
    theme: str = "auto",
) -> Drawing:
    """Draw the computation that leads to `value` (a Value, several, or a `Graph`) as it is now.

    - `names`: names for Values without a label, such as `locals()`; the Values are left as they are
    - `edges`: "local" writes the local derivative on every edge, "contribution" what flows back through it
    - `fold`: a scope level ("neuron", "layer") or depth to collapse into boxes; "auto" folds only what is
      too large to read (over 300 boxes) and says so in the picture; False draws every node
    - `direction`: "LR", "TB", "RL" or "BT"; "auto" is left to right, or downwards where that would be far
      too wide for a page
    - `theme`: "auto" follows the reader's setting, "light", "dark"

    Raises `ValueTypeError` for a thing that is no Value, `ArgumentError` or `GraphError` for options that
    do not fit.

    >>> from autograd_lite.engine import Value
    >>> a, b = Value(2.0), Value(-3.0)
    >>> y = (a * b).tanh()
    >>> y.backward()
    >>> print(draw(y, names={"a": a, "b": b}).text)
    node              value        grad
    n3 = tanh            -1           1
    └─ n2 = ×            -6   2.458e-05
       ├─ a               2  -7.373e-05
       └─ b              -3   4.915e-05
    """
    _check("direction", direction, _DIRECTIONS)
    _check("theme", theme, _THEMES)
    if not isinstance(names, Mapping | None):
        raise ArgumentError(f"names= takes a dict of names to Values, such as locals(), not {names!r:.60}")
    graph = value if isinstance(value, Graph) else Graph(value, names=names)
    picture = make_picture(graph, edges=edges, fold=fold)
    return Drawing(
        graph, picture, direction=_fitting(picture) if direction == "auto" else direction, theme=theme
    )


def _fitting(picture: Picture) -> str:
    """Left to right, or downwards where that makes a long picture narrower."""
    made = {arrow.target for arrow in picture.arrows}  # what is not made stands beside what it feeds
    columns = Counter(rank for place, rank in enumerate(dot_source.ranks(picture)) if place in made)
    return "TB" if len(columns) >= _LONG and max(columns.values()) < len(columns) else "LR"


class Drawing:
    """A computation graph, drawn; made by `draw`. Each form is made when it is first asked for."""

    def __init__(self, graph: Graph, picture: Picture, *, direction: str, theme: str) -> None:
        self.graph = graph
        self.picture = picture
        self.direction = direction
        self.theme = theme

    def __repr__(self) -> str:
        return f"Drawing({len(self.graph)} nodes, {len(self.picture.cards)} boxes)"

    def __str__(self) -> str:
        return console.printable(self.text)

    @cached_property
    def dot(self) -> str:
        """The DOT text, for Graphviz. Needs the package graphviz."""
        palette = DARK if self.theme == "dark" else LIGHT
        return dot_source.to_dot(self.picture, palette, self.direction)

    @cached_property
    def svg(self) -> str:
        """The SVG file as text. Raises `RenderError` where no renderer is installed."""
        raw = rendering.render(self.dot, "svg").decode("utf-8")
        return svg.finish(raw, theme=self.theme, title="Computation graph", description=self._description())

    @cached_property
    def mermaid(self) -> str:
        """The Mermaid flowchart, for Markdown between ```mermaid fences. Needs nothing installed."""
        return mermaid.to_mermaid(self.picture, self.direction)

    @cached_property
    def text(self) -> str:
        """A tree or a table for a terminal. Needs nothing installed."""
        return outline.to_text(self.picture)

    @cached_property
    def html(self) -> str:
        """One HTML page with the SVG inside; needs no network."""
        return _PAGE.format(picture=svg.inline(self.svg), summary=escape(self._description()))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to `path` in the format of its suffix, whole or not at all, and return the path.

        Raises `ArgumentError` for an unknown suffix, `RenderError` where a format has no renderer here,
        `FileError` where the folder cannot be written.
        """
        suffix = Path(path).suffix.lower()
        make: dict[str, Callable[[], str | bytes]] = {
            ".svg": lambda: self.svg,
            ".png": lambda: rendering.render(self.dot, "png"),
            ".pdf": lambda: rendering.render_pdf(self.svg),
            ".html": lambda: self.html,
            ".dot": lambda: self.dot,
            ".gv": lambda: self.dot,
            ".mmd": lambda: self.mermaid,
            ".txt": lambda: self.text,
            ".json": self.graph.to_json,
        }
        if suffix not in make:
            raise ArgumentError(f"a drawing cannot be saved as {str(path)!r}: {nearest(suffix, make)}")
        return atomic_write(path, make[suffix]())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """For notebooks: the SVG; where nothing can render it, Mermaid and text."""
        try:
            return {"image/svg+xml": self.svg, "text/plain": self.text}
        except AutogradError:
            return {"text/vnd.mermaid": self.mermaid, "text/plain": self.text}

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except AutogradError:
            return None

    def _description(self) -> str:
        arrows = sum(arrow.count for arrow in self.picture.arrows)
        return self.picture.caption or f"{len(self.graph):,} nodes, {arrows:,} edges"


def _check(name: str, given: object, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ArgumentError(f"{name}={given!r} is not known: {nearest(str(given), known)}")


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Computation graph</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 1rem; background: #fffffe; color: #1b2026; font: 15px/1.4 Helvetica, Arial, sans-serif; }}
main {{ overflow: auto; }}
main svg {{ max-width: none !important; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0d1117; color: #e9eef4; }} }}
</style>
</head>
<body>
<main>
{picture}
</main>
<p>{summary}</p>
</body>
</html>
"""
