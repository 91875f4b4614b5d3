"""The result as an SVG: for each workload a bar for each engine, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .measuring import Outcome, Row
from .table import seconds

_FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_LIGHT_AND_DARK = {
    "#24292f": "#e6edf3", "#57606a": "#9ea7b3", "#ffffff": "#0d1117", "#d0d7de": "#30363d",
    "#0072b3": "#58a6ff", "#8c959f": "#6e7681",
}  # fmt: skip
"""Ink, quiet ink, paper, grid, this library's bars and the others'."""
_INK, _QUIET, _PAPER, _GRID, _OURS, _OTHERS = _LIGHT_AND_DARK
_WIDTH, _LEFT, _RIGHT, _ROW, _HEAD, _FOOT = 860, 290, 90, 21, 46, 30


def picture(outcomes: Sequence[Outcome], *, about: str = "") -> str:
    """All workloads that have times, one below the other.

    >>> rows = [Row("autograd-lite, llvm", median=1e-5), Row("PyTorch", median=1e-3)]
    >>> picture([Outcome("demo", "a demo", rows=rows)]).count('class="bar"')
    2
    """
    parts: list[str] = []
    top = 16.0
    for outcome in outcomes:
        rows = sorted((row for row in outcome.rows if not row.trouble), key=lambda row: row.median)
        if rows:
            panel, height = _panel(outcome, rows, top)
            parts += panel
            top += height
    if about:
        parts.append(_text(24, top + 8, about, _QUIET, size=12))
        top += 26
    return _svg(top, parts)


def _panel(outcome: Outcome, rows: Sequence[Row], top: float) -> tuple[list[str], float]:
    low = math.floor(math.log10(rows[0].median * 0.7))
    high = max(math.ceil(math.log10(rows[-1].median)), low + 1)
    floor, width = top + _HEAD + _ROW * len(rows), _WIDTH - _LEFT - _RIGHT
    parts = [_text(24, top + 20, f"{outcome.title}, time for a {outcome.unit}", _INK, size=15, bold=True)]
    for power in range(low, high + 1):
        x = _LEFT + width * (power - low) / (high - low)
        line = f'x1="{x:.1f}" x2="{x:.1f}" y1="{top + _HEAD - 8:.1f}" y2="{floor:.1f}"'
        parts.append(f'<line stroke="{_GRID}" stroke-width="1" {line}/>')
        parts.append(_text(x, floor + 16, _power(power), _QUIET, size=12, anchor="middle"))
    for place, row in enumerate(rows):
        y = top + _HEAD + _ROW * place
        long = max(2.0, width * (math.log10(row.median) - low) / (high - low))
        ours = row.name.startswith("autograd-lite")
        box = f'x="{_LEFT}" y="{y - 4:.1f}" width="{long:.1f}" height="{_ROW - 6}" rx="2"'
        name = f"{row.name} ({row.idiom})" if row.idiom == "arrays" else row.name
        parts += [
            f'<rect class="bar" fill="{_OURS if ours else _OTHERS}" {box}/>',
            _text(_LEFT - 10, y + 8, name, _INK, anchor="end", bold=ours),
            _text(_LEFT + long + 8, y + 8, seconds(row.median).strip(), _INK),
        ]
    return parts, _HEAD + _ROW * len(rows) + _FOOT + 14


def _power(power: int) -> str:
    """A power of ten seconds, as people say it.

    >>> _power(-6), _power(-4), _power(0)
    ('1 µs', '100 µs', '1 s')
    """
    unit = min(0, 3 * (power // 3))
    names = {0: "s", -3: "ms", -6: "µs", -9: "ns"}
    return f"{10 ** (power - unit):,} {names[unit]}" if unit in names else f"1e{power} s"


def _text(
    x: float, y: float, words: str, fill: str, *, size: int = 13, anchor: str = "start", bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {place} fill="{fill}"{weight}>{escape(words)}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    rules = "\n".join(
        f'svg.side-by-side [{part}="{light}"] {{ {part}: {dark}; }}'
        for light, dark in _LIGHT_AND_DARK.items()
        for part in ("fill", "stroke")
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {_WIDTH} {height:.0f}" class="side-by-side" role="img" font-family="{_FONT}">'
        "<title>How long the same programs take in this library and its peers</title>\n"
        f"<style>\n@media (prefers-color-scheme: dark) {{\n{rules}\n}}\n</style>\n"
        f'<rect fill="{_PAPER}" width="{_WIDTH}" height="{height:.0f}"/>\n{body}\n</svg>\n'
    )
