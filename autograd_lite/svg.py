"""Finishing touches on the SVG that Graphviz writes: dark mode, exact text widths, real tooltips."""

from __future__ import annotations

import re
from html import escape, unescape

from .dot_source import SHIELD
from .lettering import text_width
from .palette import dark_rules

__all__ = ["finish", "inline"]

FONTS = "Helvetica,Arial,'Liberation Sans',sans-serif"
_TEXT = re.compile(r"<text (?P<attributes>[^>]*)>(?P<content>[^<]*)</text>")
_HINT = re.compile(r'<a xlink:title="(?P<hint>[^"]*)">')
_COMMENT = re.compile(r"<!--.*?-->\n", re.DOTALL)
_HEAD = re.compile(r"<svg [^>]*>", re.DOTALL)
_HINTED = re.compile(
    r'(<g id="[^"]*" class="(?:node|edge|cluster)[^"]*">\n)<title>[^<]*</title>\n'
    r'(<g id="[^"]*">)<a xlink:title="([^"]*)">'
)


def finish(raw: str, *, theme: str, title: str, description: str) -> str:
    """The SVG of Graphviz as the library hands it out: a complete file, equal for equal input.

    Each text gets the width that was planned for it (`textLength`), so it stays inside its box whatever
    font the machine has; with theme "auto" a style sheet follows the reader's light or dark setting.
    """
    body = _COMMENT.sub("", raw[raw.index("<svg") :]).replace(SHIELD, "").replace("&#45;", "-")
    body = _HINTED.sub(r"\1<title>\3</title>\n\2<a>", body)
    body = body.replace("<a>", "<g>").replace("</a>", "</g>")
    body = _HINT.sub("<g>", body)
    body = _TEXT.sub(_fit, body)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _HEAD.sub(
        lambda match: _head(match[0], theme, title, description), body, count=1
    )


def inline(svg: str) -> str:
    """The same without the XML declaration: ready to stand inside an HTML page."""
    return svg[svg.index("<svg") :]


def _head(tag: str, theme: str, title: str, description: str) -> str:
    kept = tag.rstrip(">").rstrip()
    style = ""
    if theme == "auto":
        rules = dark_rules("svg.autograd-auto")
        style = f"<style>\n@media (prefers-color-scheme: dark) {{\n{rules}\n}}\n</style>\n"
    return (
        f'{kept} class="autograd autograd-{theme}" role="img" style="max-width:100%;height:auto">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n{style}"
    )


def _fit(match: re.Match[str]) -> str:
    attributes = match["attributes"].replace("Helvetica,sans-Serif", FONTS)
    size = re.search(r'font-size="([\d.]+)"', attributes)
    content = unescape(match["content"])
    if not size or not content.strip():
        return f"<text {attributes}>{match['content']}</text>"
    width = text_width(content, float(size[1]), bold='font-weight="bold"' in attributes)
    attributes += f' textLength="{width:.2f}" lengthAdjust="spacingAndGlyphs"'
    return f"<text {attributes}>{match['content']}</text>"
