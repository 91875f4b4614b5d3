"""The source panel of the player: the expression that made a node, and where the program would branch."""

from __future__ import annotations

import linecache
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, ops
from autograd_lite.stepping import Backprop, step

LESSON = """
def margin(x, y):
    gap = x - y
    if gap > 0:  # the usual case
        return (gap * y + 3.0).tanh()
    return gap.exp()


def loss_of(x, y):
    naïve = "🎉 <b>&amp;</b>"; first = margin(x, y); both = first * max(x, y)
    return (
        both * both
        + ops.sum(x * x, y * y) * 0.1
    )
"""


def lesson(text: str = LESSON, name: str = "lesson.py") -> dict[str, Any]:
    """A program whose text `linecache` knows, as it knows a notebook's cells."""
    source = textwrap.dedent(text)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict[str, Any] = {"ops": ops}
    exec(compile(source, name, "exec"), space)
    return space


def steps_of(x: float = 2.5, y: float = -1.0) -> Backprop:
    loss_of = lesson()["loss_of"]
    a, b = Value(x, label="x"), Value(y, label="y")
    return step(lambda: loss_of(a, b), source=True)


@pytest.fixture
def player(open_player: Callable[..., Any]) -> Any:
    page = open_player(steps_of())
    page.get_by_role("tab", name="Source").click()
    return page


def marked(page: Any) -> list[str]:
    return [mark.inner_text() for mark in page.locator(".panel.source mark").all()]


def test_every_step_marks_the_expression_that_made_its_node(player: Any) -> None:
    seen = []
    for position in range(1, player.evaluate("player.forwardCount") + 1):
        player.evaluate(f"player.goto({position})")
        player.wait_for_timeout(20)
        seen.append(" ".join(marked(player)))
    assert seen == [
        "x - y", "gap * y", "gap * y + 3.0", "(gap * y + 3.0).tanh()", "first * max(x, y)", "both * both",
        "x * x", "y * y", "ops.sum(x * x, y * y)", "ops.sum(x * x, y * y) * 0.1",
        "both * both + ops.sum(x * x, y * y) * 0.1",
    ]  # fmt: skip
    assert "n14 was made at lesson.py:12" in player.locator(".source-words").inner_text()


def test_going_back_marks_the_same_again(player: Any) -> None:
    player.evaluate("player.goto(4)")
    player.wait_for_timeout(50)
    before = player.locator(".panel.source").inner_html()
    player.evaluate("player.goto(player.total)")
    player.wait_for_timeout(50)
    player.evaluate("player.goto(4)")
    player.wait_for_timeout(50)
    assert player.locator(".panel.source").inner_html() == before


def test_the_text_is_the_users_and_nothing_of_it_is_markup(player: Any) -> None:
    shown = [line.inner_text() for line in player.locator(".source-row code").all()]
    assert "\n".join(line.rstrip() for line in shown).strip() == LESSON.strip()
    assert player.locator(".panel.source b").count() == 0
    assert player.locator(".source-box h3").inner_text() == "lesson.py"


def test_a_line_selects_the_nodes_it_made_one_after_the_other(player: Any) -> None:
    line = player.get_by_role("button", name="Line 5, made 3 nodes")
    chosen = []
    for _ in range(4):
        line.click()
        player.wait_for_timeout(20)
        chosen.append(" ".join(marked(player)))
    assert chosen == ["gap * y", "gap * y + 3.0", "(gap * y + 3.0).tanh()", "gap * y"]
    assert "Node 1 of 3 on this line" in player.locator(".source-words").inner_text()


def test_lines_answer_to_the_keyboard(player: Any) -> None:
    line = player.get_by_role("button", name="Line 3, made one node")
    line.focus()
    player.keyboard.press("Enter")
    player.wait_for_timeout(50)
    assert marked(player) == ["x - y"]
    assert player.evaluate("player.nodes[player.selected].op") == "sub"
    assert line.evaluate("it => it === document.activeElement")


def test_a_number_of_the_expression_stands_where_it_was_used(player: Any) -> None:
    constant = player.evaluate("player.nodes.findIndex((node) => node.kind === 'constant')")
    player.evaluate(f"player.select({constant})")
    player.wait_for_timeout(50)
    assert marked(player) == ["gap * y + 3.0"]
    player.evaluate("player.select(player.nodes.findIndex((node) => node.text === 'x'))")
    player.wait_for_timeout(50)
    assert marked(player) == []
    assert "x was made outside" in player.locator(".source-words").inner_text()


def test_a_leaf_moved_across_a_branch_tells_which(player: Any) -> None:
    x = player.evaluate("player.nodes.findIndex((node) => node.text === 'x')")
    player.evaluate(f"player.setLeaf({x}, 0.5)")
    player.wait_for_timeout(50)
    assert player.evaluate("player.diverged") is None
    player.evaluate(f"player.setLeaf({x}, -1.5)")
    player.wait_for_timeout(50)
    assert player.evaluate("player.diverged.at") == "lesson.py:4"
    assert player.locator(".branched mark").inner_text() == "gap > 0"
    assert "was true here" in player.locator(".source-note").inner_text()
    player.evaluate("player.resetLeaves()")
    player.wait_for_timeout(50)
    assert player.evaluate("player.diverged") is None
    assert player.locator(".branched, .source-note").count() == 0


def test_the_page_branches_where_python_does(player: Any) -> None:
    x = player.evaluate("player.nodes.findIndex((node) => node.text === 'x')")
    y = player.evaluate("player.nodes.findIndex((node) => node.text === 'y')")
    recorded = [guard["text"] for guard in player.evaluate("player.data.guards")]
    for number, other in [(3.0, -1.0), (2.0, 1.5), (1.0, 1.0), (-2.0, -1.0), (0.1, 0.0), (-0.5, -0.6)]:
        player.evaluate(f"player.setLeaf({x}, {number}); player.setLeaf({y}, {other})")
        steps = steps_of(number, other)
        guards = steps.origins.guards()
        same = [guard["text"] for guard in guards] == recorded and all(
            ours["outcome"] == theirs["outcome"]
            for ours, theirs in zip(guards, player.evaluate("player.data.guards"), strict=True)
        )
        assert (player.evaluate("player.diverged") is None) == same, (number, other)
        if same:
            value = player.evaluate("player.run.values[player.data.root]")
            assert value == pytest.approx(steps.value.data, rel=1e-12)


def test_only_the_box_scrolls(open_player: Callable[..., Any]) -> None:
    body = "\n".join(f"    y = y * {k}.5 + x" for k in range(60))
    space = lesson(
        f"def f(x):\n    y = x\n{body}\n    {'y = ' + ' + '.join(['y'] * 60)}\n    return y\n", "long.py"
    )
    page = open_player(step(lambda: space["f"](Value(1.0)), source=True))
    page.get_by_role("tab", name="Source").click()
    for position in (1, 60, 150, 5):
        page.evaluate(f"player.goto({position})")
        page.wait_for_timeout(30)
        inside = """() => {
          const box = document.querySelector(".source-box").getBoundingClientRect();
          const mark = document.querySelector(".source-box mark").getBoundingClientRect();
          return mark.top >= box.top && mark.top < box.bottom
            && mark.left >= box.left && mark.left < box.right;
        }"""
        assert page.evaluate(inside)
        assert page.evaluate("[scrollX, scrollY, document.querySelector('.side').scrollTop]") == [0, 0, 0]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_text_that_cannot_be_read_leaves_the_line_numbers(open_player: Callable[..., Any]) -> None:
    space: dict[str, Any] = {}
    exec(compile("\ndef f(x):\n    return x * x\n", "<nowhere>", "exec"), space)
    page = open_player(step(lambda: space["f"](Value(3.0)), source=True))
    page.get_by_role("tab", name="Source").click()
    assert "this text cannot be read" in page.locator(".source-row.current").inner_text()
    assert page.locator(".source-row.current .source-number").inner_text() == "3"


def test_without_lines_there_is_no_source_tab(open_player: Callable[..., Any]) -> None:
    x = Value(2.0, label="x")
    page = open_player(step(x * x))
    assert page.get_by_role("tab", name="Source").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_panel_fits_a_narrow_screen(open_player: Callable[..., Any], scheme: str) -> None:
    page = open_player(steps_of(), viewport={"width": 420, "height": 800}, color_scheme=scheme)
    page.get_by_role("tab", name="Source").click()
    page.evaluate("player.goto(5)")
    page.wait_for_timeout(50)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert page.locator(".source-box").evaluate("it => it.scrollWidth > it.clientWidth")
