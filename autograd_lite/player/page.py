"""The page itself: template, style, script and data put together under a strict content-security policy."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from dataclasses import asdict
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from .. import javascript
from ..drawing import draw
from ..errors import ArgumentError, AutogradError
from ..palette import DARK, LIGHT, Palette
from .data import page_data, rules_of
from .linking import linked

if TYPE_CHECKING:
    from ..stepping import Backprop

__all__ = ["FULL", "notebook_html", "page_html"]

FULL = 20_000
"""Nodes in one page: beyond this a browser cannot hold it open with pleasure."""

HEIGHT = 660
"""The height of a player in a notebook, in CSS pixels."""

_HERE = Path(__file__).parent


def page_html(steps: Backprop, *, title: str = "") -> str:
    """The whole page for these steps as text. Raises `ArgumentError` for more than `FULL` nodes."""
    if len(steps.nodes) > FULL:
        raise ArgumentError(
            f"the page would hold {len(steps.nodes):,} nodes, the limit is {FULL:,}: step a smaller part of "
            "the graph, or read .text(), .to_json() or the steps themselves"
        )
    rules = f"globalThis.autogradRules = {javascript.rules_source(rules_of(steps))};"
    style, script = _style(), linked(_HERE / "js", "main.js")
    library = _text("vendor/dagre.min.js")
    hashes = " ".join(_hash(text) for text in (library, rules, script))
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template(_text("page.html")).substitute(
        policy=policy,
        title=escape(title or f"Backpropagation of {steps.root.text}, step by step"),
        style=style,
        data=_embedded(page_data(steps)),
        library=library,
        rules=rules,
        script=script,
    )


def notebook_html(steps: Backprop) -> str:
    """The page in a frame of its own, over a still picture for viewers that strip frames."""
    page = escape(page_html(steps), quote=True)
    box = f"position:relative;width:100%;height:{HEIGHT}px;overflow:hidden"
    frame = "position:absolute;inset:0;width:100%;height:100%;border:0;background:#fffffe"
    return (
        f'<div style="{box}">{_still(steps)}'
        f'<iframe title="Backpropagation, step by step" sandbox="allow-scripts allow-downloads" '
        f'style="{frame}" srcdoc="{page}"></iframe></div>'
    )


def _still(steps: Backprop) -> str:
    """The graph as an image, for where the frame is taken away; nothing where no renderer works."""
    try:
        picture = draw(steps.value, theme="light").svg
    except AutogradError:
        return ""
    data = base64.b64encode(picture.encode("utf-8")).decode("ascii")
    look = "max-width:100%;max-height:100%"
    return f'<img alt="The computation graph" style="{look}" src="data:image/svg+xml;base64,{data}">'


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


def _embedded(content: dict[str, Any]) -> str:
    """JSON that can stand inside a script element: no text in it can end the element."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
