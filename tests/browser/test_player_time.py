"""Time in the player: buttons, speed, timeline, links, spoken steps, and the frame around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograd_lite import Value, nn, scope, step
from autograd_lite.player.page import notebook_html
from autograd_lite.stepping import Backprop

BEAT = 1100


def small() -> Backprop:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    return step((a * b + c).tanh() * a)


def in_boxes() -> Backprop:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    with scope("first"):
        inner = (a * b + a).tanh()
    with scope("second"):
        return step((inner * b).exp())


def position(page: Any) -> int:
    return int(page.evaluate("player.position"))


def press(page: Any, name: str) -> None:
    page.locator(f".buttons .{name}").click()


def spoken(page: Any) -> str:
    return str(page.locator(".spoken").text_content())


def wait_for(page: Any, condition: str) -> None:
    """Asks again and again from here: the page's policy forbids the waiting that evaluates text."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {condition}")


@pytest.fixture
def opened(open_player: Callable[..., Any]) -> Any:
    return open_player(small())


@pytest.fixture
def ticking(opened: Any) -> Any:
    """The page with a clock that only the test moves."""
    opened.clock.install()
    opened.clock.pause_at(opened.evaluate("Date.now()") + 60_000)
    return opened


class TestButtons:
    def test_each_button_goes_where_it_says(self, opened: Any) -> None:
        total = opened.evaluate("player.total")
        way = {"next": 1, "over": 2, "back": 1, "last": total, "first": 0}
        for name, place in way.items():
            press(opened, name)
            assert position(opened) == place, name

    def test_every_button_has_a_name_and_tells_its_key(self, opened: Any) -> None:
        buttons = opened.locator(".transport button")
        assert buttons.count() == 6
        for place in range(6):
            button = buttons.nth(place)
            assert button.get_attribute("aria-label")
            assert button.get_attribute("title").endswith(")")

    def test_buttons_that_lead_nowhere_are_off_and_keep_the_focus(self, opened: Any) -> None:
        off = "[...document.querySelectorAll('.buttons [aria-disabled=true]')].map((b) => b.className)"
        assert opened.evaluate(off) == ["first", "back"]
        opened.evaluate("player.goto(player.total - 1)")
        opened.locator(".buttons .next").focus()
        opened.keyboard.press("Enter")
        assert opened.evaluate(off) == ["next", "last", "over"]
        assert opened.evaluate("document.activeElement.className") == "next"
        opened.keyboard.press("Enter")
        assert position(opened) == opened.evaluate("player.total")

    def test_step_over_goes_on_to_another_part(self, open_player: Callable[..., Any]) -> None:
        page = open_player(in_boxes())
        page.evaluate("() => { view.partOf = (index) => player.nodes[index].group; }")
        page.evaluate("player.goto(1)")
        press(page, "over")
        assert page.evaluate("player.nodes[player.step.node].group") == "second"
        assert page.evaluate("player.nodes[player.run.steps[player.position - 2].node].group") == "first"

    def test_the_place_is_told_in_words(self, opened: Any) -> None:
        place = opened.locator(".place")
        total = opened.evaluate("player.total")
        forward = opened.evaluate("player.forwardCount")
        assert place.text_content() == f"start · {total} steps"
        press(opened, "next")
        assert place.text_content() == f"step 1 of {total} · forward"
        opened.evaluate(f"player.goto({forward + 1})")
        assert place.text_content() == f"step {forward + 1} of {total} · backward"
        press(opened, "last")
        assert place.text_content() == f"step {total} of {total} · backward · done"


class TestPlaying:
    def test_play_steps_at_once_and_then_by_the_clock(self, ticking: Any) -> None:
        press(ticking, "play")
        assert position(ticking) == 1
        ticking.clock.run_for(BEAT - 10)
        assert position(ticking) == 1
        ticking.clock.run_for(10)
        assert position(ticking) == 2
        press(ticking, "play")
        ticking.clock.run_for(5 * BEAT)
        assert position(ticking) == 2

    def test_speed_changes_the_beat_also_of_the_step_under_way(self, ticking: Any) -> None:
        speed = ticking.get_by_label("Speed")
        assert speed.locator("option").all_text_contents() == ["0.25×", "0.5×", "1×", "2×", "4×", "8×"]
        speed.select_option("0.25")
        press(ticking, "play")
        ticking.clock.run_for(BEAT)
        assert position(ticking) == 1
        speed.select_option("2")
        ticking.clock.run_for(BEAT)
        assert position(ticking) == 3

    def test_it_stops_at_the_end_and_then_starts_anew(self, ticking: Any) -> None:
        total = ticking.evaluate("player.total")
        press(ticking, "play")
        assert ticking.locator(".play").get_attribute("aria-label") == "Pause"
        ticking.clock.run_for(total * BEAT)
        assert position(ticking) == total
        assert not ticking.evaluate("player.playing")
        assert ticking.locator(".play").get_attribute("aria-label") == "Play again from the start"
        press(ticking, "play")
        assert position(ticking) == 0
        ticking.clock.run_for(BEAT)
        assert position(ticking) == 1

    @pytest.mark.parametrize("name", ["first", "back", "next", "last", "over"])
    def test_a_step_by_hand_pauses(self, ticking: Any, name: str) -> None:
        ticking.evaluate("player.goto(3)")
        press(ticking, "play")
        press(ticking, name)
        assert not ticking.evaluate("player.playing")

    def test_scrubbing_pauses(self, ticking: Any) -> None:
        press(ticking, "play")
        ticking.get_by_label("Timeline").fill("5")
        assert not ticking.evaluate("player.playing")
        assert position(ticking) == 5

    def test_a_hidden_page_pauses(self, ticking: Any) -> None:
        press(ticking, "play")
        ticking.evaluate("Object.defineProperty(document, 'hidden', { value: true });"
                         "document.dispatchEvent(new Event('visibilitychange'))")  # fmt: skip
        assert not ticking.evaluate("player.playing")

    def test_it_plays_with_reduced_motion_and_nothing_glides(self, open_player: Callable[..., Any]) -> None:
        page = open_player(small(), reduced_motion="reduce")
        moving = """[...document.querySelectorAll("*")].filter((node) => {
          const { transitionDuration: time, animationName } = getComputedStyle(node);
          return animationName !== "none" || time.split(",").some((each) => parseFloat(each) > 0);
        }).map((node) => node.outerHTML.slice(0, 80))"""
        assert page.evaluate(moving) == []
        page.clock.install()
        press(page, "play")
        page.clock.run_for(BEAT)
        assert position(page) >= 2


class TestTimeline:
    def x_of(self, page: Any, place: int) -> tuple[float, float]:
        box = page.get_by_label("Timeline").bounding_box()
        share = place / page.evaluate("player.total")
        return box["x"] + 9 + share * (box["width"] - 18), box["y"] + box["height"] / 2

    def test_a_click_goes_exactly_there(self, opened: Any) -> None:
        for place in [*range(opened.evaluate("player.total") + 1), 2]:
            opened.mouse.click(*self.x_of(opened, place))
            assert position(opened) == place

    def test_dragging_passes_through_the_states(self, opened: Any) -> None:
        opened.evaluate("globalThis.seen = []; player.subscribe(() => seen.push(player.position))")
        total = opened.evaluate("player.total")
        opened.mouse.move(*self.x_of(opened, 0))
        opened.mouse.down()
        for place in range(1, total + 1):
            opened.mouse.move(*self.x_of(opened, place))
        opened.mouse.up()
        assert position(opened) == total
        assert opened.evaluate("seen") == sorted(opened.evaluate("seen"))
        assert len(opened.evaluate("seen")) > 3

    def test_it_has_the_keys_of_a_slider_and_speaks(self, opened: Any) -> None:
        slider = opened.get_by_label("Timeline")
        total, forward = opened.evaluate("player.total"), opened.evaluate("player.forwardCount")
        assert slider.get_attribute("aria-valuetext") == f"start, {total} steps"
        slider.focus()
        for key, place in [("ArrowRight", 1), ("ArrowUp", 2), ("ArrowLeft", 1), ("End", total), ("Home", 0)]:
            opened.keyboard.press(key)
            assert position(opened) == place, key
        opened.evaluate(f"player.goto({forward + 2})")
        name = opened.evaluate("player.nodes[player.step.node].text")
        assert slider.get_attribute("aria-valuetext") == f"step {forward + 2} of {total}, backward, {name}"

    def test_phases_are_marked_where_they_meet(self, opened: Any) -> None:
        total, forward = opened.evaluate("player.total"), opened.evaluate("player.forwardCount")
        seed, _ = self.x_of(opened, forward)
        mark = opened.locator(".track .seed").bounding_box()
        assert abs(mark["x"] + mark["width"] / 2 - seed) < 1.5
        assert opened.locator(".track .tick").count() == total - 1
        opened.evaluate(f"player.goto({forward + 1})")
        widths = "[...document.querySelectorAll('.track .past')].map((bar) => bar.getAttribute('width'))"
        assert opened.evaluate(widths) == [str(forward), "1"]
        opened.evaluate("player.goto(player.total - 1)")  # far from the middle, where an inset would not show
        thumb, _ = self.x_of(opened, total - 1)
        done = opened.locator(".track .past.backward").bounding_box()
        assert abs(done["x"] + done["width"] - thumb) < 1.5

    def test_steps_that_bring_up_nan_or_infinity_are_marked(self, open_player: Callable[..., Any]) -> None:
        a = Value(0.0, label="a")
        page = open_player(step(a.log() * 2.0))
        assert page.locator(".track .odd").count() == 2 + page.evaluate(
            "player.run.steps.filter((s) => s.contributions.some((c) => c.after === Infinity)).length"
        )

    def test_two_thousand_steps_are_scrubbed(self, open_player: Callable[..., Any]) -> None:
        value = Value(1.0, label="a")
        total = value
        for _ in range(999):
            total = total + value
        page = open_player(step(total))
        assert page.evaluate("player.total") == 1999
        assert page.locator(".track .tick").count() == 0
        for place in (0, 400, 1000, 1500, 1999):
            page.mouse.click(*self.x_of(page, place))
            assert abs(position(page) - place) <= 2
        slider = page.locator(".rail input")
        for place in (3, 777, 1998):
            slider.evaluate(f"(s) => {{ s.value = {place}; s.dispatchEvent(new Event('input')); }}")
            assert position(page) == place


class TestLinks:
    def test_a_link_opens_at_its_step_node_and_panel(self, open_player: Callable[..., Any]) -> None:
        page = open_player(small(), "#step=4&node=1&tab=values")
        seen = page.evaluate("[player.position, player.selected, player.tab]")
        assert seen == [4, 1, "values"]

    @pytest.mark.parametrize(
        ("fragment", "place"),
        [("#step=999", "total"), ("#step=-3", 0), ("#step=x", 0), ("#", 0), ("#step=", 0), ("#step=2.5", 0),
         ("#node=99&tab=<b>&step=1", 1), ("#step=1&node=-1", 1), ("#%E0%A4%A", 0)],
    )  # fmt: skip
    def test_a_wrong_link_opens_at_the_nearest_place(
        self, open_player: Callable[..., Any], fragment: str, place: int | str
    ) -> None:
        page = open_player(small(), fragment)
        assert position(page) == (page.evaluate("player.total") if place == "total" else place)
        assert page.evaluate("[player.selected, player.tab]") == [None, "node"]

    def test_the_address_follows_and_opens_there_again(self, open_player: Callable[..., Any]) -> None:
        page = open_player(small())
        assert "#" not in page.url
        press(page, "next")
        press(page, "next")
        page.evaluate("player.select(1)")
        wait_for(page, "location.hash === '#step=2&node=1&tab=node'")
        page.reload()
        wait_for(page, "globalThis.player && player.position === 2 && player.selected === 1")

    def test_a_changed_hash_is_obeyed_and_the_way_back_too(self, opened: Any) -> None:
        opened.evaluate("location.hash = '#step=3'")
        wait_for(opened, "player.position === 3")
        opened.evaluate("location.hash = '#step=5&tab=values'")
        wait_for(opened, "player.position === 5 && player.tab === 'values'")
        opened.wait_for_timeout(500)
        opened.evaluate("history.back()")
        wait_for(opened, "player.position === 3")


class TestSpeech:
    def test_each_step_is_told_in_words(self, opened: Any) -> None:
        assert opened.locator(".spoken").get_attribute("aria-live") == "polite"
        assert spoken(opened) == ""
        press(opened, "next")
        wait_for(opened, "document.querySelector('.spoken').textContent.startsWith('Forward, step 1 of')")
        assert spoken(opened).endswith("which gives −6.")
        opened.evaluate("player.goto(player.forwardCount + 1)")
        wait_for(opened, "document.querySelector('.spoken').textContent.startsWith('Backward, step')")

    def test_playing_pause_and_end_are_told(self, ticking: Any) -> None:
        press(ticking, "play")
        assert spoken(ticking).startswith("Playing")
        ticking.clock.run_for(BEAT)
        press(ticking, "play")
        assert spoken(ticking).startswith("Paused. Forward, step 2 of")
        press(ticking, "play")
        ticking.clock.run_for(20 * BEAT)
        assert spoken(ticking).startswith("The end. Backward, step")

    def test_quick_playing_is_told_at_a_pace_to_follow(self, ticking: Any) -> None:
        ticking.get_by_label("Speed").select_option("8")
        ticking.evaluate("""globalThis.told = [];
          new MutationObserver(() => told.push(document.querySelector(".spoken").textContent))
            .observe(document.querySelector(".spoken"), { childList: true });""")
        press(ticking, "play")
        ticking.clock.run_for(BEAT)
        steps = [text.split(".")[0] for text in ticking.evaluate("told")]
        assert position(ticking) == ticking.evaluate("player.total")
        assert len(steps) == 3, "playing, one step, and the end"

    def test_modes_are_told(self, opened: Any) -> None:
        told = {"setQuiz(true)": "Quiz on", "setQuiz(false)": "Quiz off", "setNaive(true)": "naive order",
                "setNaive(false)": "topological order", "setLeaf(0, 3)": " is now "}  # fmt: skip
        for act, words in told.items():
            opened.evaluate(f"player.{act}")
            wait_for(opened, f"document.querySelector('.spoken').textContent.includes('{words}')")


# What stands in the page at a position, without what tells of the way there.
PAGE = """() => {
  const copy = document.querySelector(".player").cloneNode(true);
  copy.querySelector(".spoken").textContent = "";
  return copy.outerHTML;
}"""


def test_back_to_the_start_and_forward_again_gives_the_same_page(open_player: Callable[..., Any]) -> None:
    page = open_player(in_boxes())
    total = page.evaluate("player.total")

    def walk(name: str, count: int) -> list[str]:
        pages = [page.evaluate(PAGE)]
        for _ in range(count):
            press(page, name)
            pages.append(page.evaluate(PAGE))
        return pages

    there = walk("next", total)
    back = walk("back", total)
    assert back == there[::-1]
    assert walk("next", total) == there
    assert len(set(there)) == total + 1


LONG = "a label of sixty characters, which nobody would want to read" + "W" * 10


class TestFrame:
    @pytest.mark.parametrize(
        "size", [(1280, 800), (800, 660), (761, 660), (420, 660), (320, 568), (1280, 360)]
    )
    def test_nothing_scrolls_sideways_and_time_is_at_hand(
        self, open_player: Callable[..., Any], size: tuple[int, int]
    ) -> None:
        width, height = size
        a = Value(1.0, label=LONG)
        page = open_player(step((a * a).tanh()), viewport={"width": width, "height": height})
        for end in ("0", "document.body.scrollHeight"):
            page.evaluate(f"scrollTo(0, {end})")
            page.evaluate("scrollBy(200, 0)")
            assert page.evaluate("[scrollX, document.documentElement.scrollWidth]") == [0, width]
            if height > 420:
                for name in ("first", "play", "over"):
                    box = page.locator(f".buttons .{name}").bounding_box()
                    assert 0 <= box["x"] <= width - box["width"]
                    assert 0 <= box["y"] <= height - box["height"]

    def test_a_deep_panel_leaves_time_at_the_lower_edge(self, open_player: Callable[..., Any]) -> None:
        page = open_player(small(), viewport={"width": 420, "height": 660})
        page.evaluate("""() => {
          const deep = document.createElement("div");
          deep.style.height = "3000px";
          document.querySelector(".side").append(deep);
        }""")
        for place in (0, 700, 3000):
            page.evaluate(f"scrollTo(0, {place})")
            box = page.locator(".transport").bounding_box()
            assert abs(box["y"] + box["height"] - 660) < 1


@pytest.fixture
def two_players(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A page with two players as a notebook shows them."""
    model = nn.MLP(2, [2, 1], seed=0)
    frames = notebook_html(small()) + notebook_html(step(model([1.0, 2.0])))
    path = tmp_path / "notebook.html"
    path.write_text(f"<!DOCTYPE html><html lang=en><title>Two</title><body>{frames}</body></html>", "utf-8")
    page = browser.new_page(viewport={"width": 900, "height": 1400})
    complaints: list[str] = []
    page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    for frame in page.frames[1:]:
        frame.wait_for_selector("html[data-ready=true]")
    yield page
    page.close()
    assert complaints == []


def test_two_players_on_one_page_do_not_disturb_each_other(two_players: Any) -> None:
    first, second = two_players.frames[1:]
    first.locator(".title").click()
    for _ in range(3):
        two_players.keyboard.press("n")
    assert [position(first), position(second)] == [3, 0]
    second.locator(".title").click()
    two_players.keyboard.press("End")
    assert [position(first), position(second)] == [3, second.evaluate("player.total")]
    first.locator(".buttons .play").click()
    assert [first.evaluate("player.playing"), second.evaluate("player.playing")] == [True, False]
    first.locator(".buttons .play").click()
    first.wait_for_timeout(500)
    assert two_players.url.endswith("notebook.html")
