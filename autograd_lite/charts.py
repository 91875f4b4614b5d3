"""Two small charts written as SVG, with nothing but strings: a loss curve, a network's answers on a square.

Blue stands for 0 and orange for 1 (they differ in lightness too, so the picture also reads in grey and for
colour-blind eyes); text and axes follow the reader's light or dark setting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

__all__ = ["boundary_chart", "loss_chart"]

_FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"

# Looks are attributes, not a style sheet: GitHub's notebook pages drop style sheets, and where a page holds
# the picture inline its rules would reach the page's other pictures.
_LOOKS = {
    "text": 'fill="#24292f"',
    "title": 'fill="#24292f" font-size="17" font-weight="bold"',
    "quiet": 'fill="#57606a"',
    "goaltext": 'fill="#b34700"',
    "onmap": 'fill="#24292e" font-weight="bold" text-anchor="middle"',
    "end": 'text-anchor="end"',
    "middle": 'text-anchor="middle"',
    "paper": 'fill="#ffffff"',
    "grid": 'stroke="#d0d7de" stroke-width="1"',
    "curve": 'stroke="#0072b3" stroke-width="2.5" fill="none" stroke-linejoin="round" stroke-linecap="round"',
    "area": 'fill="#0072b3" fill-opacity="0.10"',
    "goal": 'stroke="#b34700" stroke-width="1.5" stroke-dasharray="6 4"',
    "dot": 'fill="#0072b3"',
    "border": 'stroke="#24292e" stroke-width="2.5" fill="none" stroke-linecap="round"',
    "mark": 'stroke="#24292e" stroke-width="2"',
}
# What turns into what in a dark setting; the map, its marks and the texts on it stay.
_DARK = {
    "#24292f": "#e6edf3", "#57606a": "#9ea7b3", "#ffffff": "#0d1117", "#d0d7de": "#30363d",
    "#0072b3": "#58a6ff", "#b34700": "#ffa657",
}  # fmt: skip
_RULES = "\n".join(
    f'svg.autograd-chart [{part}="{light}"] {{ {part}: {dark}; }}'
    for light, dark in _DARK.items()
    for part in ("fill", "stroke")
)
_STYLE = f"<style>\n@media (prefers-color-scheme: dark) {{\n{_RULES}\n}}\n</style>"

_ZERO, _HALF, _ONE = (82, 153, 202), (247, 247, 247), (250, 186, 112)
_LEVELS = 16
_CELLS = 96

Point = tuple[float, float]


def loss_chart(losses: Sequence[float], *, goal: float | None = None, title: str = "Loss") -> str:
    """The loss of each epoch on a logarithmic axis, with a dashed line at `goal`.

    Losses that are not finite are left out.

    >>> loss_chart([1.0, 0.1, 0.01]).count("<path")
    2
    """
    points = [(epoch, max(loss, 1e-12)) for epoch, loss in enumerate(losses, 1) if math.isfinite(loss)]
    heights = [loss for _, loss in points] + ([goal] if goal else []) or [1.0]
    low, high = math.floor(math.log10(min(heights))), math.ceil(math.log10(max(heights)))
    high = max(high, low + 1)
    left, top, width, height = 72.0, 64.0, 540.0, 270.0
    last = max(2, len(losses))

    def place(epoch: float, loss: float) -> Point:
        across = left + width * (epoch - 1) / (last - 1)
        return across, top + height * (high - math.log10(loss)) / (high - low)

    parts = [_text(24, 34, title, "title")]
    for power in range(low, high + 1):
        y = place(1, 10.0**power)[1]
        parts += [
            f'<line {_LOOKS["grid"]} x1="{left:.0f}" x2="{left + width:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>',
            _text(left - 10, y + 4.5, f"{10.0**power:g}", "quiet end"),
        ]
    for epoch in _ticks(last):
        parts.append(_text(place(epoch, 1)[0], top + height + 24, f"{epoch}", "quiet middle"))
    parts.append(_text(left + width / 2, top + height + 48, "epoch", "quiet middle"))
    if goal:
        y = place(1, goal)[1]
        parts += [
            f'<line {_LOOKS["goal"]} x1="{left:.0f}" x2="{left + width:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>',
            _text(left + 8, y - 7, f"goal {goal:g}", "goaltext"),
        ]
    if points:
        parts += _curve(
            [place(epoch, loss) for epoch, loss in points], top + height, points[-1], left + width
        )
    return _picture(640, 400, parts, f"{title}: {_span_in_words(points)}")


def _curve(places: list[Point], floor: float, last: tuple[int, float], right: float) -> list[str]:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    words = f"{last[1]:.3g} after {last[0]} epoch{'' if last[0] == 1 else 's'}"
    below = y + 34 < floor
    return [
        f'<path {_LOOKS["area"]} d="M{places[0][0]:.1f},{floor:.1f} L{line} L{x:.1f},{floor:.1f} Z"/>',
        f'<path {_LOOKS["curve"]} d="M{line}"/>',
        f'<circle {_LOOKS["dot"]} cx="{x:.1f}" cy="{y:.1f}" r="5"/>',
        _text(min(x, right) - 10, y + 26 if below else y - 40, words, "end"),
    ]


def boundary_chart(
    answer: Callable[[float, float], float],
    samples: Sequence[tuple[Point, float]],
    *,
    reach: float = 1.6,
    title: str = "What the network answers",
) -> str:
    """The answer over the square from -reach to reach, its border at 0.5, and the samples with their targets.

    A sample is drawn as a circle if its target is 0 and as a square if it is 1.
    """
    left, top, size = 64.0, 64.0, 384.0
    cell = size / _CELLS
    axis = [-reach + 2 * reach * (place + 0.5) / _CELLS for place in range(_CELLS)]
    field = [[answer(x, -y) for x in axis] for y in axis]  # the first row is the top one

    def at(x: float, y: float) -> Point:
        return left + size * (x + reach) / (2 * reach), top + size * (reach - y) / (2 * reach)

    parts = [_text(24, 34, title, "title"), *_map(field, left, top, cell)]
    parts.append(f'<path {_LOOKS["border"]} d="{_border(field, left + cell / 2, top + cell / 2, cell)}"/>')
    for value in (-1, 0, 1):
        x, y = at(value, value)
        parts += [
            _text(x, top + size + 22, f"{value}", "quiet middle"),
            _text(left - 12, y + 4.5, f"{value}", "quiet end"),
        ]
    parts += [
        _text(left + size / 2, top + size + 44, "first input", "quiet middle"),
        _upright(left - 40, top + size / 2, "second input"),
    ]
    for (a, b), target in samples:
        x, y = at(a, b)
        shape = (
            f'<rect {_LOOKS["mark"]} x="{x - 8:.1f}" y="{y - 8:.1f}" width="16" height="16" fill="#d55e00"/>'
            if target > 0.5
            else f'<circle {_LOOKS["mark"]} cx="{x:.1f}" cy="{y:.1f}" r="8.5" fill="#0072b2"/>'
        )
        parts += [shape, _text(x, y - 16, f"{answer(a, b):.2f}", "onmap")]
    parts += _legend(left + size + 28, top, size)
    return _picture(
        600,
        520,
        parts,
        f"{title}: blue where the answer is near 0, orange where it is near 1, "
        "the dark line where it is one half",
    )


def _legend(left: float, top: float, height: float) -> list[str]:
    """A scale from 0 to 1 beside the map, and what the marks mean."""
    bar, step = 160.0, 160.0 / _LEVELS
    parts = [
        f'<rect x="{left:.0f}" y="{top + step * level:.1f}" width="18" height="{step + 0.5:.1f}" '
        f'fill="{_colour(_LEVELS - 1 - level)}"/>'
        for level in range(_LEVELS)
    ]
    for value in (1.0, 0.5, 0.0):
        parts.append(
            _text(
                left + 28,
                top + bar * (1 - value) + (11 if value == 1 else 0 if value == 0 else 4.5),
                f"{value:g}",
                "quiet",
            )
        )
    marks, square = top + bar + 44, 'fill="#d55e00"'
    parts += [
        f'<rect {_LOOKS["mark"]} x="{left + 1:.0f}" y="{marks - 13:.0f}" width="16" height="16" {square}/>',
        _text(left + 28, marks, "target 1"),
        f'<circle {_LOOKS["mark"]} cx="{left + 9:.0f}" cy="{marks + 25:.0f}" r="8.5" fill="#0072b2"/>',
        _text(left + 28, marks + 30, "target 0"),
    ]
    return parts


def _map(field: list[list[float]], left: float, top: float, cell: float) -> list[str]:
    """One path per colour: neighbours of one colour in a row become one rectangle."""
    strokes: list[list[str]] = [[] for _ in range(_LEVELS)]
    for row, answers in enumerate(field):
        levels = [_level(value) for value in answers]
        start = 0
        for place in range(1, len(levels) + 1):
            if place == len(levels) or levels[place] != levels[start]:
                run = (place - start) * cell
                strokes[levels[start]].append(
                    f"M{left + start * cell:g} {top + row * cell:g}h{run:g}v{cell:g}h{-run:g}z"
                )
                start = place
    return [
        f'<path shape-rendering="crispEdges" fill="{_colour(level)}" d="{"".join(stroke)}"/>'
        for level, stroke in enumerate(strokes)
        if stroke
    ]


def _level(value: float) -> int:
    if math.isnan(value):
        return _LEVELS // 2
    return min(_LEVELS - 1, max(0, math.floor(min(max(value, 0.0), 1.0) * _LEVELS)))


def _colour(level: int) -> str:
    share = level / (_LEVELS - 1)
    low, high, part = (_ZERO, _HALF, 2 * share) if share < 0.5 else (_HALF, _ONE, 2 * share - 1)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(low, high, strict=True))


def _border(field: list[list[float]], left: float, top: float, cell: float) -> str:
    """The line where the field is one half: in each cell of four neighbours, from side to side."""
    strokes = []
    for row in range(len(field) - 1):
        for column in range(len(field[row]) - 1):
            corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)]
            heights = [field[y][x] - 0.5 for x, y in corners]
            crossings = []
            for side in range(4):
                here, there = heights[side], heights[(side + 1) % 4]
                if (here < 0) != (there < 0):
                    (x0, y0), (x1, y1), part = corners[side], corners[(side + 1) % 4], here / (here - there)
                    crossings.append(
                        (left + cell * (x0 + part * (x1 - x0)), top + cell * (y0 + part * (y1 - y0)))
                    )
            for first, second in zip(crossings[::2], crossings[1::2], strict=True):
                strokes.append(f"M{first[0]:.1f} {first[1]:.1f}L{second[0]:.1f} {second[1]:.1f}")
    return "".join(strokes) or "M0 0"


def _ticks(last: int) -> list[int]:
    """About five round epoch numbers."""
    raw = max(1.0, last / 5)
    power = 10 ** math.floor(math.log10(raw))
    step = max(1, int(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)))
    return [1, *range(step if step > 1 else 2, last + 1, step)]


def _span_in_words(points: list[tuple[int, float]]) -> str:
    if not points:
        return "no finite loss"
    return f"from {points[0][1]:.3g} to {points[-1][1]:.3g} in {len(points)} epochs"


def _look(kinds: str) -> str:
    """The attributes of one kind of mark, or of several: `quiet end` is quiet text that ends at its place."""
    kinds = kinds if kinds not in ("", "end", "middle") else f"text {kinds}"
    return " ".join(_LOOKS[kind] for kind in kinds.split())


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text {_look(kind)} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _upright(x: float, y: float, words: str) -> str:
    turned = f"translate({x:.0f} {y:.0f}) rotate(-90)"
    return f'<text {_look("quiet middle")} transform="{turned}">{escape(words)}</text>'


def _picture(width: int, height: int, parts: list[str], words: str) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" class="autograd-chart" role="img" '
        f'font-family="{_FONT}" font-size="13"><title>{escape(words)}</title>\n{_STYLE}\n'
        f'<rect {_LOOKS["paper"]} width="{width}" height="{height}"/>\n{body}\n</svg>\n'
    )
