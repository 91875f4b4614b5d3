"""Drawings as texts and files: nothing a user writes can hurt them, and every form can be saved."""

from __future__ import annotations

import json
import math
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from drawn import expression, network, texts

from autograd_lite import Value, rendering, scope
from autograd_lite.drawing import draw
from autograd_lite.errors import ArgumentError, AutogradError
from autograd_lite.files import FileError
from autograd_lite.graph import Graph
from autograd_lite.lettering import clean, number, shorten, text_width
from autograd_lite.palette import DARK, KINDS, LIGHT, contrast

GOLDEN = Path(__file__).parent / "golden"


# --- safe texts -------------------------------------------------------------------------------------------

HOSTILE = [
    '"', "'", "<script>alert(1)</script>", "&amp;", "\\", r"\N", r"\G", "\\\\", "a\nb", "{|}", "</TD>", "]]>",
    "<!-- -->", "\x00\x08\x1b", "\u202eabc", "\ud800", "日本語", "🎉" * 40, "x" * 10_000, "", "   ", "#35;",
    "`", "-->|x|", "%%", "end", "click n0 href", "n0:::evil", '"]; classDef x', "$(touch x)",
    "subgraph", "\u2060\u200b", "﷽",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_user_can_break_a_drawing(text: str) -> None:
    with scope(text or "s"):
        x = Value(2.0, label=text)
        y = Value(3.0, (x,), text) if text.strip() else x.exp()
        y.label = text
    drawing = draw(y * 2.0, edges="local")
    root = ET.fromstring(drawing.svg)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names <= {"svg", "g", "title", "desc", "style", "path", "polygon", "text"}
    assert all(not key.startswith("on") and "href" not in key for e in root.iter() for key in e.attrib)
    seen = "".join(texts(drawing.svg)) + drawing.mermaid + drawing.text
    assert not any(ord(character) < 32 and character != "\n" for character in seen)
    assert "\u202e" not in seen
    assert all(len(line) < 400 for line in drawing.mermaid.splitlines())
    drawing.dot.encode("utf-8", "strict")


def test_backslashes_are_drawn_as_written() -> None:
    drawing = draw(Value(1.0, label=r"\N \G \E \n") * 1.0)
    assert r"\N \G \E \n" in texts(drawing.svg)
    assert r"\N \G \E \n" in drawing.text


def test_a_level_with_a_hostile_name_reads_in_the_caption() -> None:
    value = Value(1.0)
    for step in range(60):
        with scope(rf'\N<b>"x" {step}'):
            for _ in range(6):
                value = value.tanh()
    drawing = draw(value)
    assert drawing.picture.caption.startswith(r'361 nodes folded by \N<b>"x": 61 boxes')
    assert drawing.picture.caption in texts(drawing.svg)
    assert json.dumps(drawing.picture.caption) in drawing.mermaid


def test_long_labels_are_cut_and_kept_whole_in_the_tooltip() -> None:
    label = "the sum of all squared differences over the training set"
    drawing = draw(Value(1.0, label=label))
    assert "the sum of all squared diff…" in texts(drawing.svg)
    titles = [e.text or "" for e in ET.fromstring(drawing.svg).iter("{http://www.w3.org/2000/svg}title")]
    assert any(label in title for title in titles)
    assert label not in drawing.mermaid


def test_clean_and_shorten() -> None:
    assert clean("a\n\tb\x00\u202ec  d") == "a bc d"
    assert shorten("x" * 10_000, 10) == "x" * 9 + "…"
    assert shorten("日本語日本語", 6) == "日本…"
    assert shorten("e" + "\u0301" * 50) == "é\u0301\u0301"
    assert shorten(" " * 5000 + "x") == "…"


def test_numbers_are_short_and_honest() -> None:
    given = [0.0, -0.0, 1.0, 0.1 + 0.2, 123456.0, 1e-300, math.inf, -math.inf, math.nan, None]
    shown = ["0", "-0", "1", "0.3", "1.235e+05", "1e-300", "inf", "-inf", "nan", "–"]
    assert [number(x) for x in given] == shown


def test_text_width_follows_the_metrics_of_helvetica() -> None:
    assert text_width("Wi", 10) == pytest.approx(9.44 + 2.22)
    assert text_width("é", 10) == text_width("e", 10)
    assert text_width("日", 10) > 10


# --- colours ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_has_enough_contrast(palette: Any) -> None:
    for kind in KINDS:
        for ink in (palette.ink, palette.muted, palette.gradient):
            assert contrast(ink, palette.fill(kind)) >= 4.5, (kind, ink)
        assert contrast(palette.line(kind), palette.page) >= (1.5 if kind == "constant" else 3.0), kind
    for ground in (palette.page, palette.cluster, palette.inner):
        assert min(contrast(ink, ground) for ink in (palette.ink, palette.muted, palette.gradient)) >= 4.5
    assert contrast(palette.chip_ink, palette.chip) >= 7
    assert contrast(palette.edge, palette.page) >= 3


def test_no_two_roles_share_a_colour() -> None:
    for palette in (LIGHT, DARK):
        assert len(set(asdict(palette).values())) == len(asdict(palette))


def test_themes() -> None:
    loss = expression()
    auto, light, dark = (draw(loss, theme=theme) for theme in ("auto", "light", "dark"))
    assert "prefers-color-scheme" in auto.svg
    assert "<style>" not in light.svg + dark.svg
    assert LIGHT.leaf in light.svg
    assert DARK.leaf in dark.svg
    assert LIGHT.leaf not in dark.svg


def test_nodes_and_edges_have_ids_and_classes() -> None:
    svg = draw(expression()).svg
    assert '<g id="n0" class="node leaf">' in svg
    assert '<g id="n5" class="node output">' in svg
    assert '<g id="e4" class="edge">' in svg


# --- files and notebooks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".svg", b"<?xml"), (".png", b"\x89PNG"), (".html", b"<!DOCTYPE html>"), (".dot", b"digraph"),
        (".gv", b"digraph"), (".mmd", b"flowchart LR"), (".txt", b"node"), (".json", b'{"format"'),
        (".SVG", b"<?xml"),
    ],
)  # fmt: skip
def test_save_by_suffix(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = draw(expression()).save(tmp_path / f"graph{suffix}")
    assert path.read_bytes().startswith(start)
    assert [file.name for file in tmp_path.iterdir()] == [f"graph{suffix}"]


def test_save_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    drawing = draw(expression())
    with pytest.raises(ArgumentError, match=r"did you mean '\.svg'"):
        drawing.save(tmp_path / "graph.svgg")
    with pytest.raises(ArgumentError, match="cannot be saved"):
        drawing.save(tmp_path / "graph")
    with pytest.raises(FileError, match="cannot write"):
        drawing.save(tmp_path / "missing" / "graph.svg")
    assert list(tmp_path.iterdir()) == []


def test_pdf_where_the_means_exist_and_a_clear_error_where_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "render_pdf", lambda svg: b"%PDF")
    assert draw(expression()).save(tmp_path / "graph.pdf").read_bytes() == b"%PDF"
    monkeypatch.undo()
    (tmp_path / "graph.pdf").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(rendering.RenderError, match="PDF needs"):
        draw(expression()).save(tmp_path / "graph.pdf")
    assert list(tmp_path.iterdir()) == []


def test_html_is_one_page_that_loads_nothing(tmp_path: Path) -> None:
    page = draw(network(), fold="neuron").html
    assert "default-src 'none'" in page
    assert "://" not in re.sub(r"http://www\.w3\.org/[\w/]+", "", page)
    assert "<script" not in page


def test_saved_json_reads_back(tmp_path: Path) -> None:
    path = draw(expression()).save(tmp_path / "graph.json")
    assert json.loads(path.read_text())["roots"] == [5]
    assert draw(Graph.from_json(path.read_text())).text == draw(expression()).text


def test_a_notebook_shows_the_svg(tmp_path: Path) -> None:
    drawing = draw(expression())
    assert drawing._repr_mimebundle_() == {"image/svg+xml": drawing.svg, "text/plain": drawing.text}
    assert drawing._repr_svg_() == drawing.svg


def test_a_notebook_without_renderer_shows_mermaid_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise rendering.RenderError("none")

    monkeypatch.setattr(rendering, "render", fail)
    drawing = draw(expression())
    assert set(drawing._repr_mimebundle_()) == {"text/vnd.mermaid", "text/plain"}
    assert drawing._repr_svg_() is None


def test_dot_says_what_is_missing_and_the_others_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    drawing = draw(expression())
    with pytest.raises(AutogradError, match="pip install graphviz"):
        _ = drawing.dot
    assert drawing.mermaid
    assert drawing.text


def test_repr_is_short_and_str_is_the_text() -> None:
    drawing = draw(expression())
    assert repr(drawing) == "Drawing(6 nodes, 6 boxes)"
    assert str(drawing) == drawing.text
