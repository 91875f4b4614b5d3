"""Every key of the player, read from the help that lists them, and the help itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, scope, step
from autograd_lite.stepping import Backprop


def graph() -> Backprop:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    with scope("outer"):
        with scope("inner"):
            middle = (a * b + a).tanh()
        return step((middle * b).exp())


@pytest.fixture
def opened(open_player: Callable[..., Any]) -> Any:
    return open_player(graph())


SPY = "view.fit = () => (globalThis.fitted = true)"
ANEW = """() => {
  delete view.partOf;
  document.activeElement.blur();
  document.querySelector("dialog").close();
  player.pause();
  player.setSpeed(1);
  player.setQuiz(false);
  player.setNaive(false);
  player.resetLeaves();
  player.setOpen(player.data.open);
  player.goto(0);
  player.select(null);
  player.showTab("node");
}"""
PART = "document.querySelectorAll('.part')"
BOXES = ["outer", "outer/inner"]
# For each key: what to do before, what to read after, and what it must be then.
EFFECTS: dict[str, tuple[str, str, Any]] = {
    "ArrowRight": ("player.goto(3)", "player.position", 4),
    "n": ("player.goto(3)", "player.position", 4),
    "ArrowLeft": ("player.goto(3)", "player.position", 2),
    "b": ("player.goto(3)", "player.position", 2),
    "s": ("view.partOf = (index) => player.nodes[index].group", "player.position", 1),
    "Home": ("player.goto(3)", "player.position", 0),
    "End": ("player.goto(3)", "player.position === player.total", True),
    " ": ("", "player.playing", True),
    "+": ("", "player.speed", 2),
    "]": ("", "player.speed", 2),
    "-": ("", "player.speed", 0.5),
    "[": ("", "player.speed", 0.5),
    "j": ("player.select(1)", "player.selected", 2),
    "k": ("player.select(1)", "player.selected", 0),
    "Escape": ("player.select(1)", "player.selected", None),
    "ArrowUp": (f"{PART}[1].focus()", f"document.activeElement === {PART}[0]", True),
    "ArrowDown": (f"{PART}[0].focus()", f"document.activeElement === {PART}[1]", True),
    "Enter": (f"player.select(1); {PART}[0].focus()", "player.selected !== 1", True),
    "f": (SPY, "globalThis.fitted", True),
    "o": ("player.setOpen([]); player.select(2)", "[...player.open]", ["outer"]),
    "e": ("player.setOpen([])", "[...player.open]", BOXES),
    "c": (f"player.setOpen({BOXES})", "[...player.open]", []),
    "r": ("player.setLeaf(0, 5)", "player.changed.size", 0),
    "q": ("", "[player.quiz, player.tab]", [True, "quiz"]),
    "w": ("", "[player.naive, player.tab]", [True, "order"]),
    "?": ("", "document.querySelector('dialog').open", True),
}


def press(page: Any, key: str) -> None:
    page.keyboard.press("Space" if key == " " else key)


def test_every_key_that_the_help_lists_does_what_it_says(opened: Any) -> None:
    listed = opened.evaluate("[...document.querySelectorAll('.help kbd')].map((cap) => cap.dataset.key)")
    panels = opened.evaluate("[...document.querySelectorAll('[role=tab]')].map((tab) => tab.id.slice(4))")
    effects = EFFECTS | {
        str(place): ("player.showTab('none')", "player.tab", name) for place, name in enumerate(panels, 1)
    }
    assert sorted(listed) == sorted(effects), "a key without a test, or a test without a key"
    for key, (before, read, expected) in effects.items():
        opened.evaluate(ANEW)
        opened.evaluate(f"() => {{ {before}; }}")
        if expected in (0, False, None, []) or key in "+]-[":
            assert opened.evaluate(read) != expected, f"{key} would have nothing to do"
        press(opened, key)
        assert opened.evaluate(read) == expected, key


def test_toggles_go_back_at_the_second_press(opened: Any) -> None:
    for key, read in [(" ", "player.playing"), ("q", "player.quiz"), ("w", "player.naive")]:
        press(opened, key)
        assert opened.evaluate(read), key
        press(opened, key)
        assert not opened.evaluate(read), key


def test_a_held_key_repeats_steps_but_not_toggles(opened: Any) -> None:
    for key in ("n", "q"):
        opened.keyboard.down(key)
        opened.keyboard.down(key)
        opened.keyboard.down(key)
        opened.keyboard.up(key)
    assert opened.evaluate("[player.position, player.quiz]") == [3, True]


def test_speed_ends_at_its_ends(opened: Any) -> None:
    for key, speed in [("+", 8), ("-", 0.25)]:
        for _ in range(8):
            press(opened, key)
        assert opened.evaluate("player.speed") == speed
        assert opened.get_by_label("Speed").input_value() == str(speed)


def test_boxes_open_one_level_at_a_time_then_close(opened: Any) -> None:
    opened.evaluate("player.setOpen([]); player.select(2)")
    seen = []
    for _ in range(3):
        press(opened, "o")
        seen.append(opened.evaluate("[...player.open]"))
    assert seen == [["outer"], BOXES, ["outer"]]


def test_a_large_graph_expands_level_by_level(opened: Any) -> None:
    opened.evaluate("player.data.shown = 5000; player.setOpen([])")
    seen = []
    for _ in range(3):
        press(opened, "e")
        seen.append(opened.evaluate("[...player.open]"))
    assert seen == [["outer"], BOXES, BOXES]


def test_keys_with_ctrl_alt_or_meta_are_left_to_the_browser(opened: Any) -> None:
    for modifier in ("ctrlKey", "altKey", "metaKey"):
        opened.evaluate(
            f"document.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'n', {modifier}: true }}))"
        )
    assert opened.evaluate("player.position") == 0


def focus_new(page: Any, markup: str) -> None:
    """Puts a control into the page and the focus on it."""
    page.evaluate(
        """(markup) => {
          const holder = document.createElement("div");
          holder.innerHTML = markup;
          document.querySelector(".tools").append(holder);
          holder.firstElementChild.focus();
        }""",
        markup,
    )


TEXT = ["n", "b", "s", "q", "1", "?", "Home", "ArrowLeft", " ", "-"]


@pytest.mark.parametrize(
    ("markup", "needs"),
    [
        ("<input type=text aria-label=t>", TEXT),
        ("<input type=number aria-label=t>", TEXT),
        ("<textarea aria-label=t></textarea>", TEXT),
        ("<select aria-label=t><option>none<option>s</select>", TEXT),
        ("<input type=range aria-label=t>", ["Home", "End", "ArrowLeft", "ArrowRight"]),
        ("<input type=checkbox aria-label=t>", [" "]),
        ("<button>t</button>", [" "]),
    ],
)
def test_a_control_keeps_the_keys_that_it_needs(opened: Any, markup: str, needs: list[str]) -> None:
    state = """[player.position, player.playing, player.quiz, player.speed, player.tab,
                document.querySelector("dialog").open]"""
    opened.evaluate("player.goto(3)")
    focus_new(opened, markup)
    before = opened.evaluate(state)
    for key in needs:
        if "select" in markup and key == " ":
            continue  # opens the list, which only the next key would close
        press(opened, key)
        assert opened.evaluate(state) == before, key


def test_a_slider_and_a_button_leave_the_other_keys_to_the_page(opened: Any) -> None:
    for markup in ("<input type=range aria-label=t>", "<button>t</button>"):
        focus_new(opened, markup)
        press(opened, "n")
    assert opened.evaluate("player.position") == 2
    press(opened, "ArrowRight")
    assert opened.evaluate("player.position") == 3


class TestHelp:
    def test_it_opens_holds_the_focus_and_gives_it_back(self, opened: Any) -> None:
        opened.locator(".ask").focus()
        opened.keyboard.press("Enter")
        inside = "document.querySelector('dialog').contains(document.activeElement)"
        assert opened.evaluate("document.querySelector('dialog').open")
        assert opened.evaluate(inside)
        opened.keyboard.press("Escape")
        assert not opened.evaluate("document.querySelector('dialog').open")
        assert opened.evaluate("document.activeElement.className") == "ask"

    def test_the_page_beneath_hears_no_key_while_it_is_open(self, opened: Any) -> None:
        opened.keyboard.press("?")
        opened.keyboard.press("n")
        opened.keyboard.press("End")
        assert opened.evaluate("player.position") == 0
        opened.keyboard.press("?")
        assert not opened.evaluate("document.querySelector('dialog').open")
        opened.keyboard.press("n")
        assert opened.evaluate("player.position") == 1

    def test_it_closes_by_its_button_and_by_a_click_beside_it(self, opened: Any) -> None:
        for close in (lambda: opened.locator(".help .close").click(), lambda: opened.mouse.click(5, 5)):
            opened.locator(".ask").click()
            assert opened.evaluate("document.querySelector('dialog').open")
            close()
            assert not opened.evaluate("document.querySelector('dialog').open")

    @pytest.mark.parametrize("width", [320, 420, 1280])
    def test_it_fits_the_screen(self, open_player: Callable[..., Any], width: int) -> None:
        page = open_player(graph(), viewport={"width": width, "height": 660})
        page.keyboard.press("?")
        box = page.locator(".help").bounding_box()
        assert 0 <= box["x"] <= width - box["width"]
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.locator(".help").evaluate("(help) => help.scrollWidth <= help.clientWidth")


def test_all_can_be_reached_by_tab_alone(opened: Any) -> None:
    reached = set()
    for _ in range(40):
        opened.keyboard.press("Tab")
        reached.add(opened.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert {"Help and keys", "Timeline", "Next step", "Play", "Back one step"} <= reached
