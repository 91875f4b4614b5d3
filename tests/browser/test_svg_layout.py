"""In a real browser: every text lies inside its box, no two boxes overlap, and contrast is at least 4.5."""

from __future__ import annotations

import random
from typing import Any

import pytest

from autograd_lite import Value, nn, ops, scope
from autograd_lite.drawing import Drawing, draw

HOSTILE = [
    'say "hi"', "it's", "<script>alert(1)</script>", "<b>&amp;</b>", r"back\slash \N \G \n \l", "two\nlines",
    "{a|b} <port>", "</TD></TR>", "tab\there", "ünïcödé ∂L/∂w Σ σ² → ∞", "日本語のラベルはここにあります",
    "Ωμέγα мир שלום مرحبا", "👩\u200d👩\u200d👧🏳️\u200d🌈🎉 party 🎉🎉🎉🎉🎉",
    "z" + "\u0338\u0322\u0321\u031b" * 9 + "algo",
    "W" * 10_000, "i" * 10_000, "\x00\x1b[31m\u202eevil", "﷽﷽﷽﷽﷽﷽﷽﷽﷽﷽", "a -> b; n0 [label=x]",
    "%% comment", "#quot;&#quot;", "```", "]]>", "x'><svg onload=alert(1)>", "\ud800 lone", "    ",
]  # fmt: skip

INSPECT = """() => {
  const shapes = [...document.querySelectorAll('svg path, svg polygon, svg text')];
  const outline = group => rect(group.querySelector('path, polygon'));
  const rect = e => { const b = e.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; };
  const colour = c => (c.match(/[0-9.]+/g) || []).slice(0, 3).map(Number);
  const texts = [];
  shapes.forEach((text, place) => {
    if (text.tagName !== 'text' || !text.textContent.trim()) return;
    const [x0, y0, x1, y1] = rect(text);
    const point = text.ownerSVGElement.createSVGPoint();
    point.x = (x0 + x1) / 2; point.y = (y0 + y1) / 2;
    let under = null;
    for (const shape of shapes.slice(0, place)) {
      if (shape.tagName === 'text') continue;
      const fill = getComputedStyle(shape).fill;
      if (fill !== 'none' && shape.isPointInFill(point)) under = fill;
    }
    const group = text.closest('g.node, g.edge, g.cluster');
    texts.push({text: text.textContent, rect: [x0, y0, x1, y1],
                kind: group ? group.classList[0] : 'graph',
                box: group && group.classList[0] === 'node' ? outline(group) : null,
                ink: colour(getComputedStyle(text).fill), under: under && colour(under)});
  });
  const boxes = [...document.querySelectorAll('g.node')].map(outline);
  const frames = [...document.querySelectorAll('g.cluster')].map(outline);
  return {texts, boxes, frames, scripts: document.querySelectorAll('script, foreignObject, image').length,
          links: document.querySelectorAll('[href], [onload]').length};
}"""


def _expression() -> Drawing:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    loss = (a * b + c).tanh() ** 2 - 1e-7 / a
    loss.backward()
    return draw(loss, edges="local")


def _hostile() -> Drawing:
    with scope(HOSTILE[2]), scope(HOSTILE[10] * 5):
        leaves = [Value(0.1 * k - 1e-9, label=label) for k, label in enumerate(HOSTILE)]
        products = [leaf * 1.5 for leaf in leaves]
    for product, label in zip(products, reversed(HOSTILE), strict=True):
        product.label = label
    total = ops.sum(products)
    total.label = HOSTILE[11]
    total.backward()
    return draw(total, edges="contribution")


def _network() -> Value:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    loss = nn.mse([model(x) for x in ([-1, 1], [1, 1], [1, -1], [-1, -1])], [1, 0, 1, 0])
    loss.backward()
    return loss


def _random_graph() -> Drawing:
    rng = random.Random(4)
    values = [Value(rng.uniform(-2, 2)) for _ in range(6)]
    while len(values) < 60:
        one, other = rng.choice(values[-14:]), rng.choice(values[-14:])
        values.append(one * other if rng.random() < 0.5 else (one - other).tanh())
    total = ops.sum(values[-8:])
    total.backward()
    return draw(total)


DRAWINGS = {
    "expression": _expression,
    "hostile labels": _hostile,
    "network in full": lambda: draw(_network(), fold=False),
    "network by neuron": lambda: draw(_network(), fold="neuron"),
    "network by layer, downwards": lambda: draw(_network(), fold="layer", direction="TB"),
    "before backward": lambda: draw(Value(1.0, label="x").exp()),
    "random graph": _random_graph,
}


@pytest.mark.parametrize("colour_scheme", ["light", "dark"])
@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_fit_boxes_stand_apart_and_contrast_is_enough(
    browser: Any, name: str, colour_scheme: str
) -> None:
    seen = _look(browser, DRAWINGS[name](), colour_scheme)
    assert seen["boxes"]
    assert seen["scripts"] == seen["links"] == 0
    for text in seen["texts"]:
        if text["box"]:
            assert _inside(text["rect"], text["box"]), text
        assert text["under"] is not None, text
        assert _contrast(text["ink"], text["under"]) >= 4.5, text
    for place, box in enumerate(seen["boxes"]):
        for other in seen["boxes"][place + 1 :]:
            assert not _overlap(box, other), (box, other)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_fixed_theme_keeps_its_colours_whatever_the_reader_prefers(browser: Any, theme: str) -> None:
    drawing = draw(_network(), fold="neuron", theme=theme)
    first, second = _look(browser, drawing, "light"), _look(browser, drawing, "dark")
    assert [text["ink"] for text in first["texts"]] == [text["ink"] for text in second["texts"]]
    assert all(_contrast(text["ink"], text["under"]) >= 4.5 for text in first["texts"])


def test_labels_on_edges_lie_on_no_box(browser: Any) -> None:
    seen = _look(browser, _expression(), "light")
    labels = [text["rect"] for text in seen["texts"] if text["kind"] == "edge"]
    assert len(labels) == 9
    assert not any(_overlap(label, box) for label in labels for box in seen["boxes"])


def test_other_fonts_do_not_burst_the_boxes(browser: Any) -> None:
    svg = _hostile().svg.replace("Helvetica,Arial", "'DejaVu Sans','Courier New'")
    seen = _inspect(browser, svg, "light")
    assert all(_inside(text["rect"], text["box"], 3.0) for text in seen["texts"] if text["box"])


def _look(browser: Any, drawing: Drawing, colour_scheme: str) -> Any:
    return _inspect(browser, drawing.svg, colour_scheme)


def _inspect(browser: Any, svg: str, colour_scheme: str) -> Any:
    page = browser.new_page(color_scheme=colour_scheme)
    try:
        page.set_content(f"<!DOCTYPE html><meta charset='utf-8'><body>{svg[svg.index('<svg') :]}</body>")
        return page.evaluate(INSPECT)
    finally:
        page.close()


def _inside(inner: list[float], outer: list[float], height: float = 1.0) -> bool:
    """With half a point to spare at the sides; letters' own boxes are a little taller than the letters."""
    across = inner[0] >= outer[0] - 0.5 and inner[2] <= outer[2] + 0.5
    return across and inner[1] >= outer[1] - height and inner[3] <= outer[3] + height


def _overlap(one: list[float], other: list[float]) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across > 0.5 and down > 0.5


def _contrast(one: list[float], other: list[float]) -> float:
    def luminance(colour: list[float]) -> float:
        scaled = [channel / 255 for channel in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in scaled]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
