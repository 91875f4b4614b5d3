"""Pictures saved by the player: whole files of their own, right in every frame, whatever the labels are."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograd_lite import Value, nn, step
from autograd_lite.player import notebook_html
from autograd_lite.stepping import Backprop

STATE, FILM = "This state as SVG", "The whole run as an animated SVG"
SVG = "{http://www.w3.org/2000/svg}"
SECONDS = 1.1  # of one frame

# All texts that are seen, in the page's graph or in a saved picture; controls are no part of a picture.
SEEN = """(within) => [...document.querySelectorAll(`${within} text`)]
    .filter((text) => getComputedStyle(text).visibility === "visible" && text.textContent)
    .map((text) => text.textContent).sort()"""


def small() -> Backprop:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(7.0, label="c")
    return step(named((a * b + c).tanh()))


def named(value: Value, label: str = "loss") -> Value:
    value.label = label
    return value


def network() -> Backprop:
    model = nn.MLP(2, [4, 4, 1], activation="tanh", seed=0)
    return step(named((model([1.0, -1.0]) - 0.5) ** 2))


def saved(page: Any, choice: str, folder: Path, root: Any = None) -> Path:
    """The file that a choice of the menu downloads."""
    root = root or page
    root.locator("summary", has_text="Save").click()
    with page.expect_download() as download:
        root.get_by_role("button", name=choice).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def checked(path: Path) -> ElementTree.Element:
    """The parsed file, in which nothing runs and nothing is asked for."""
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert "<script" not in text
    assert "var(" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert re.findall(r"https?:[^\s\"]*", text) == ["http://www.w3.org/2000/svg"]
    names = {name.partition("}")[2] or name for element in root.iter() for name in element.attrib}
    assert not {name for name in names if name.startswith("on") or name in ("href", "style")}
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"
    assert width > 100
    assert height > 40
    return root


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_the_state_is_saved_as_it_is_seen(open_player: Callable[..., Any], tmp_path: Path) -> None:
    page = open_player(small(), "#step=6")
    path = saved(page, STATE, tmp_path)
    assert path.name == "steps-loss-6.svg"
    root = checked(path)
    assert sorted(texts(root)) == page.evaluate(SEEN, ".graph")
    assert root.findtext(f"{SVG}title") == "Backpropagation of loss, step by step"
    assert (root.findtext(f"{SVG}desc") or "").startswith("Backward, step 6 of 7: n4, n2 plus c")
    assert "@media" not in path.read_text(encoding="utf-8")


def test_folding_decides_what_is_in_the_picture(open_player: Callable[..., Any], tmp_path: Path) -> None:
    page = open_player(network(), "#step=40")
    whole = texts(checked(saved(page, STATE, tmp_path)))
    assert sorted(whole) == page.evaluate(SEEN, ".graph")
    page.evaluate("player.setOpen([])")
    page.wait_for_function("document.querySelectorAll('.graph .part').length < 8")
    folded = texts(checked(saved(page, STATE, tmp_path)))
    assert len(folded) < len(whole)
    assert sorted(folded) == page.evaluate(SEEN, ".graph")


def at_frame(page: Any, frame: float) -> None:
    """Holds all animations of an opened picture in the middle of a frame."""
    page.evaluate(
        "(time) => document.getAnimations().forEach((one) => { one.pause(); one.currentTime = time; })",
        1000 * SECONDS * (frame + 0.5),
    )


@pytest.mark.parametrize("make", [small, network])
def test_every_frame_of_the_film_is_the_state_of_its_step(
    open_player: Callable[..., Any], tmp_path: Path, make: Callable[[], Backprop]
) -> None:
    steps = make()
    page = open_player(steps)
    path = saved(page, FILM, tmp_path)
    assert path.name == "steps-loss.svg"
    checked(path)
    pace = min(1.0, 75 / (SECONDS * (len(steps) + 1)))
    film = page.context.new_page()
    film.goto(path.as_uri())
    for position in range(0, len(steps) + 1, 1 if len(steps) < 10 else 9):
        page.evaluate(f"player.goto({position})")
        page.wait_for_timeout(30)
        at_frame(film, (position + 0.5) * pace - 0.5)
        shown = film.evaluate(SEEN, "svg")
        count = f"step {position} of {len(steps)}"
        assert count in shown
        assert set(page.evaluate(SEEN, ".graph")) <= set(shown)
        assert len(shown) == len(page.evaluate(SEEN, ".graph")) + 2


def test_the_film_moves_as_an_image_and_stands_still_where_motion_is_unwanted(
    open_player: Callable[..., Any], tmp_path: Path
) -> None:
    page = open_player(small())
    path = saved(page, FILM, tmp_path)
    image = page.context.new_page()
    image.goto("about:blank")
    (tmp_path / "image.html").write_text(f'<img src="{path.name}">', encoding="utf-8")
    image.goto((tmp_path / "image.html").as_uri())
    image.wait_for_timeout(300)
    early = image.screenshot()
    image.wait_for_timeout(1500)
    assert image.screenshot() != early
    still = page.context.browser.new_context(reduced_motion="reduce").new_page()
    still.goto(path.as_uri())
    page.evaluate(f"player.goto({len(small())})")
    page.wait_for_timeout(30)
    assert still.evaluate("document.getAnimations().length") == 0
    assert set(page.evaluate(SEEN, ".graph")) <= set(still.evaluate(SEEN, "svg"))
    still.context.close()


def test_the_film_follows_dark_and_light(open_player: Callable[..., Any], tmp_path: Path) -> None:
    path = saved(open_player(small(), color_scheme="dark"), FILM, tmp_path)
    page = open_player(small()).context.new_page()
    page.goto(path.as_uri())
    colour = "getComputedStyle(document.querySelector('rect')).fill"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert (light, page.evaluate(colour)) == ("rgb(255, 255, 254)", "rgb(13, 17, 23)")


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="rsvg-convert is not installed")
def test_viewers_without_animation_show_the_end(open_player: Callable[..., Any], tmp_path: Path) -> None:
    path = saved(open_player(small()), FILM, tmp_path)
    end = tmp_path / "end.svg"
    text = path.read_text(encoding="utf-8")
    end.write_text(re.sub(r'<g class="off.*\n', "", text), encoding="utf-8")
    pictures = [
        subprocess.run(["rsvg-convert", one], capture_output=True, check=True).stdout for one in (path, end)
    ]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) > 5000


HOSTILE = [
    "<script>alert(1)</script>",
    "</svg>",
    "\"&'",
    "]]>",
    "\u202eabc\x07",
    "数=x",
    "a" * 300,
    "../..",
    "--",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_no_label_breaks_a_file(open_player: Callable[..., Any], tmp_path: Path, label: str) -> None:
    page = open_player(step(named(Value(2.0, label=label) * 3.0, label + " out")))
    for choice in (STATE, FILM):
        path = saved(page, choice, tmp_path)
        assert re.fullmatch(r"steps-[\w-]+\.svg", path.name)
        checked(path)


def test_text_stays_inside_its_box(open_player: Callable[..., Any], tmp_path: Path) -> None:
    path = saved(open_player(network(), "#step=60"), STATE, tmp_path)
    page = open_player(small()).context.new_page()
    page.goto(path.as_uri())
    outside = page.evaluate(
        """() => {
          const boxes = [...document.querySelectorAll("rect")].map((rect) => rect.getBoundingClientRect());
          return [...document.querySelectorAll("text")].filter((text) => {
            const { left, right, top, bottom, x, y, width, height } = text.getBoundingClientRect();
            const around = boxes.filter((box) => box.left <= x + width / 2 && box.right >= x + width / 2
              && box.top <= y + height / 2 && box.bottom >= y + height / 2);
            const box = around.sort((one, other) => one.width * one.height - other.width * other.height)[0];
            const across = box && left >= box.left && right <= box.right;
            return !across || top < box.top - 3 || bottom > box.bottom + 3;
          }).map((text) => text.textContent);
        }"""
    )
    assert outside == []


def test_a_long_run_is_shortened_and_says_so(open_player: Callable[..., Any], tmp_path: Path) -> None:
    y = Value(0.5, label="x")
    for _ in range(120):
        y = y.tanh() + 0.1
    page = open_player(step(named(y)))
    page.set_default_timeout(120_000)
    notes = {
        "[]": "steps in one box taken together",
        "Object.keys(player.data.groups)": "one of 5 moves shown",
    }
    for opened, note in notes.items():
        page.evaluate(f"player.setOpen({opened})")
        path = saved(page, FILM, tmp_path)
        assert path.stat().st_size < 2_000_000
        assert f"step 481 of 481 · {note}" in texts(checked(path))


def test_the_frame_of_a_notebook_lets_files_out(open_player: Callable[..., Any], tmp_path: Path) -> None:
    page = open_player(small()).context.new_page()
    page.set_content(notebook_html(small()))
    frame = page.frame_locator("iframe")
    for choice in (STATE, FILM):
        checked(saved(page, choice, tmp_path, frame))


def test_the_menu_is_worked_by_keys_and_closes(open_player: Callable[..., Any]) -> None:
    page = open_player(small())
    head = page.locator("summary", has_text="Save")
    choice = page.get_by_role("button", name=STATE)
    head.focus()
    page.keyboard.press("Enter")
    assert choice.is_visible()
    page.keyboard.press("Tab")
    assert choice.evaluate("(button) => button === document.activeElement")
    page.keyboard.press("Escape")
    assert not choice.is_visible()
    assert head.evaluate("(summary) => summary === document.activeElement")
    head.click()
    page.mouse.click(400, 700)
    assert not choice.is_visible()
