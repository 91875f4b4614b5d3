"""The page itself: template, style, script and data put together under a strict content-security policy."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import zlib
from dataclasses import asdict
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from .. import javascript
from ..drawing import draw
from ..errors import ArgumentError, AutogradError
from ..graph import Graph
from ..palette import DARK, LIGHT, Palette
from .data import page_data, rules_of
from .linking import linked

if TYPE_CHECKING:
    from ..engine import Value
    from ..stepping import Backprop

__all__ = ["FULL", "notebook_html", "page_html"]

FULL = 20_000
"""Nodes in one page: beyond this a browser cannot hold it open with pleasure."""

HEIGHT = 660
"""The height of a player in a notebook, in CSS pixels."""

BOXES, LIGHT_PICTURE = 40, 80_000
"""A still picture of more boxes, or of more letters, would make the notebook heavy."""

_HERE = Path(__file__).parent


def page_html(steps: Backprop) -> str:
    """The whole page for these steps as text. Raises `ArgumentError` for more than `FULL` nodes."""
    if len(steps.nodes) > FULL:
        raise ArgumentError(
            f"the page would hold {len(steps.nodes):,} nodes, the limit is {FULL:,}: step a smaller part of "
            "the graph, or read .text(), .to_json() or the steps themselves"
        )
    parts = [
        _part("style", _style()),
        _part("script", _embedded(page_data(steps)), type="application/json", id="page-data"),
        _part("script", _text("vendor/dagre.min.js")),
        _part("script", f"globalThis.autogradRules = {javascript.rules_source(rules_of(steps))};"),
        _part("script", linked(_HERE / "js", "main.js"), type="module"),
    ]
    opening = _text("opening.js")
    scripts = [part["text"] for part in parts if part["tag"] == "script" and "id" not in part["attributes"]]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, [opening, *scripts]))}; "
        f"style-src {_hash(parts[0]['text'])}; img-src data:; base-uri 'none'; form-action 'none'"
    )
    return Template(_text("page.html")).substitute(
        policy=policy,
        title=escape(_title(steps)),
        packed=_packed(parts),
        opening=opening,
    )


def _title(steps: Backprop) -> str:
    """With the result's name where the user gave it one."""
    of = f" of {steps.root.text}" if steps.root.label else ""
    return f"Backpropagation{of}, step by step"


def notebook_html(steps: Backprop) -> str:
    """The page in a frame of its own, over a still picture for viewers that strip frames."""
    # in single quotes, because scripts and data are full of double ones
    page = page_html(steps).replace("&", "&amp;").replace("'", "&#39;")
    box = f"position:relative;width:100%;height:{HEIGHT}px;overflow:hidden"
    frame = "position:absolute;inset:0;width:100%;height:100%;border:0;background:#fffffe"
    return (
        f'<div style="{box}">{_still(steps)}'
        f'<iframe title="Backpropagation, step by step" sandbox="allow-scripts allow-downloads" '
        f"style=\"{frame}\" srcdoc='{page}'></iframe></div>"
    )


def _still(steps: Backprop) -> str:
    """The graph as an image, for where the frame is taken away; words where none fits or can be made."""
    try:
        picture = _light_picture(steps.value)
    except AutogradError:
        picture = ""
    if not picture:
        return "<p>Here stands a player for viewers that show HTML frames: backpropagation, step by step.</p>"
    data = base64.b64encode(picture.encode("utf-8")).decode("ascii")
    look = "max-width:100%;max-height:100%"
    return f'<img alt="The computation graph" style="{look}" src="data:image/svg+xml;base64,{data}">'


def _light_picture(value: Value) -> str:
    """The drawing in full, or else folded at the finest depth, with few enough boxes to make a small file."""
    graph = Graph(value)
    for fold in (False, 3, 2, 1):
        try:
            drawing = draw(graph, theme="light", fold=fold)
        except AutogradError:
            continue
        if len(drawing.picture.cards) <= BOXES and len(drawing.svg) <= LIGHT_PICTURE:
            return drawing.svg
    return ""


@functools.cache
def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@functools.cache
def _style() -> str:
    light, dark = _variables(LIGHT), _variables(DARK)
    return f":root {{{light}}}\n@media (prefers-color-scheme: dark) {{ :root {{{dark}}} }}\n{_styles()}"


def _styles() -> str:
    """The style sheets: the frame of the page first, then one for each part that has its own."""
    sheets = sorted((_HERE / "css").glob("*.css"), key=lambda path: (path.stem != "player", path.stem))
    return "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def _variables(palette: Palette) -> str:
    """The palette of the drawings as custom properties: --leaf, --leaf-line, …"""
    return " ".join(f"--{name.replace('_', '-')}: {colour};" for name, colour in asdict(palette).items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _part(tag: str, text: str, **attributes: str) -> dict[str, Any]:
    """An element that the page makes of itself when it opens."""
    return {"tag": tag, "attributes": attributes, "text": text}


def _packed(parts: list[dict[str, Any]]) -> str:
    """The parts compressed, in letters that no label can turn into markup."""
    return base64.b64encode(zlib.compress(_embedded(parts).encode("ascii"), 9)).decode("ascii")


def _embedded(content: Any) -> str:
    return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
