"""The page as a whole in a real browser: accessible, unharmed by labels, alone and in notebooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograd_lite import Value, nn, scope, step
from autograd_lite.stepping import Backprop

axe_api = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed (extra `browser`)"
)

HOSTILE = [
    "</script><script>window.hacked = 1</script>", '<img src=x onerror="window.hacked = 1">', "a\"b'c",
    "&amp;<b>", "two\nlines", "ünïcödé ∂L/∂w → ∞", "日本語のラベル", "\u2028\u0000\x1b[31m", "W" * 2_000,
    "{{x}} ${x} `x`", "javascript:alert(1)", "__proto__", "constructor", "\ud800 lone", "   ",
]  # fmt: skip


def small() -> Backprop:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    loss = (a * b + c).tanh()
    loss.label = "loss"
    return step(loss)


def network() -> Backprop:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    return step(nn.mse([model(x) for x in [[-1, -1], [-1, 1], [1, -1], [1, 1]]], [0, 1, 1, 0]))


def hostile() -> Backprop:
    values = []
    for text in HOSTILE:
        with scope(text.replace("/", "|")):
            values.append(Value(0.5, label=text).tanh())
    return step(sum(values[1:], values[0]))


@pytest.fixture
def violations() -> Callable[[Any], list[str]]:
    def audit(page: Any) -> list[str]:
        found = axe_api.Axe().run(page).response["violations"]
        return [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    return audit


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (420, 800)])
def test_axe_finds_nothing(open_player: Any, violations: Any, scheme: str, size: tuple[int, int]) -> None:
    page = open_player(network(), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    total = page.evaluate("player.total")
    for position in (0, 3, total):
        page.evaluate(f"player.goto({position})")
        assert violations(page) == [], position
    page.evaluate(f"player.goto({total // 2 + 3})")
    for tab in page.locator("[role=tab]").all():
        tab.click()
        assert violations(page) == [], tab.text_content()


def test_axe_finds_nothing_in_the_help_and_in_every_mode(open_player: Any, violations: Any) -> None:
    page = open_player(small())
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 1
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.evaluate("player.goto(4); player.setNaive(true); player.showTab('order')")
    assert violations(page) == []
    page.evaluate("player.setNaive(false); player.setQuiz(true); player.showTab('quiz')")
    assert violations(page) == []
    page.evaluate("player.setLeaf(0, 1e9); player.showTab('values')")
    assert violations(page) == []


def test_labels_never_break_the_page_or_run(open_player: Any) -> None:
    page = open_player(hostile())
    page.evaluate("player.setOpen(Object.keys(player.data.groups))")
    for position in range(0, page.evaluate("player.total") + 1, 3):
        page.evaluate(f"player.goto({position})")
        for tab in ("node", "values", "quiz", "order"):
            page.evaluate(f"player.showTab('{tab}')")
    for index in range(page.evaluate("player.data.shown")):
        page.evaluate(f"player.select({index})")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#page img, #page script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_policy_lets_no_other_script_run_and_nothing_be_fetched(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(small().save(tmp_path / "page.html").as_uri())
    page.wait_for_selector("html[data-ready=true]")
    tried = page.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.hacked = 1";
          document.body.append(script);
          const refused = async address => fetch(address).then(() => false, () => true);
          const asked = [await refused("data:text/plain,x"), await refused(location.href)];
          return [window.hacked === undefined, ...asked];
        }"""
    )
    page.close()
    assert tried == [True, True, True]


@pytest.mark.parametrize("width", [320, 420, 760, 761, 1280])
def test_the_body_never_scrolls_sideways(open_player: Any, width: int) -> None:
    page = open_player(network(), viewport={"width": width, "height": 700})
    for tab in ("node", "values", "quiz", "order"):
        page.evaluate(f"player.showTab('{tab}'); player.goto(player.total - 3)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab


def wait_until_ready(frame: Any) -> None:
    # by the clock: a frame that is scrolled out of view gets no animation frames to wait by
    for _ in range(200):
        if frame.evaluate("document.documentElement.dataset.ready") == "true":
            return
        frame.page.wait_for_timeout(50)
    raise AssertionError("the player in the frame did not start")


NOTEBOOK = """<!DOCTYPE html><html lang="en"><head><title>n</title></head><body>{}</body></html>"""


@pytest.fixture
def notebook(browser: Any, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """A page that holds the outputs of a notebook."""
    pages = []

    def open_page(body: str) -> Any:
        path = tmp_path / "notebook.html"
        path.write_text(body, encoding="utf-8")
        page = browser.new_page()
        pages.append(page)
        page.goto(path.as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()


def test_two_players_in_one_notebook_do_not_disturb_each_other(notebook: Any) -> None:
    outputs = [steps._repr_mimebundle_()["text/html"] for steps in (small(), network())]
    page = notebook(NOTEBOOK.format("<p>between</p>".join(outputs)))
    frames = [frame for frame in page.frames if frame != page.main_frame]
    for frame in frames:
        wait_until_ready(frame)
    assert [frame.evaluate("player.nodes.length") for frame in frames] == [6, len(network().nodes)]
    frames[0].locator(".stage").click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert [frame.evaluate("player.position") for frame in frames] == [2, 0]
    frames[1].evaluate("player.goto(9)")
    assert [frame.evaluate("player.position") for frame in frames] == [2, 9]


def test_where_frames_are_stripped_the_picture_is_left(notebook: Any) -> None:
    output = small()._repr_mimebundle_()["text/html"]
    start, end = output.index("<iframe"), output.index("</iframe>") + len("</iframe>")
    page = notebook(NOTEBOOK.format(output[:start] + output[end:]))
    size = page.evaluate("(i => [i.complete, i.naturalWidth > 100, i.alt])(document.querySelector('img'))")
    assert size[:2] == [True, True]
    assert "graph" in size[2]


def test_the_player_survives_in_a_page_made_of_a_notebook(notebook: Any) -> None:
    nbconvert = pytest.importorskip("nbconvert", reason="nbconvert is not installed (extra `browser`)")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra `test`)")
    output = nbformat.v4.new_output(
        "execute_result", small()._repr_mimebundle_(), execution_count=1, metadata={}
    )
    cell = nbformat.v4.new_code_cell("step(loss)", outputs=[output], execution_count=1)
    saved = nbformat.reads(json.dumps(nbformat.v4.new_notebook(cells=[cell])), as_version=4)
    body, _ = nbconvert.HTMLExporter(template_name="basic").from_notebook_node(saved)
    page = notebook(NOTEBOOK.format(body))
    frame = next(frame for frame in page.frames if frame != page.main_frame)
    wait_until_ready(frame)
    frame.evaluate("player.goto(player.total)")
    assert frame.evaluate("player.state.gradients[0]") == pytest.approx(-0.004022852049077692, rel=1e-15)
