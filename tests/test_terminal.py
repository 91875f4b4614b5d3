"""The terminal view: it fits its window, obeys its keys, and prints plainly where nobody presses any."""

from __future__ import annotations

import io
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograd_lite import ops
from autograd_lite.account import account_lines
from autograd_lite.engine import Value, scope
from autograd_lite.keyboard import decode_keys
from autograd_lite.lettering import columns
from autograd_lite.stepping import Backprop, step
from autograd_lite.terminal import panel, show

ROOT = Path(__file__).parent.parent
FORMULA = ["tanh(a*b + c)", "a=2", "b=-3", "c=10"]


def example() -> Backprop:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    loss = (a * b + c).tanh()
    loss.label = "loss"
    return step(loss)


def wide() -> Backprop:
    """A graph with long names, scopes, many parents and hand-made ops."""
    rng = random.Random(2)
    with scope("model"), scope("layer 0"):
        values = [Value(rng.uniform(-1, 1), label=f"a rather long name {k} 日本") for k in range(40)]
        total = ops.sum([value * 1.23456789e-7 for value in values])
    return step(ops.where(total > 0, ops.gelu(total), ops.mish(total)) ** 3)


def plain(lines: list[list[tuple[str, str]]]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_panel_shows_what_came_in_what_is_added_and_what_is_awaited() -> None:
    a = Value(3.0, label="a")
    square = a * a
    square.label = "square"
    shown = "\n".join(plain(panel(step(square + a).goto(5), 80, 24)))
    for words in [
        "step 5 of 5",
        "a gradient is passed on",
        "square = a * a = 3 * 3 = 9",
        "came in  ∂n2/∂square = 1",
        "∂square/∂a = a = 3",
        "1 + 1 · 3 = 4   waits for 1: square",
        "4 + 1 · 3 = 7   complete",
        "the end: p goes back",
    ]:
        assert words in shown


@pytest.mark.parametrize("size", [(80, 24), (40, 16), (100, 50), (61, 20)])
def test_panel_fits_its_window(size: tuple[int, int]) -> None:
    for steps in (example(), wide()):
        for position in range(0, len(steps) + 1, max(1, len(steps) // 30)):
            lines = plain(panel(steps.goto(position), *size))
            assert len(lines) <= size[1]
            assert max(map(columns, lines)) <= size[0]
            assert "n next" in lines[-1]


def test_a_narrow_window_keeps_the_numbers_and_shortens_the_formulas() -> None:
    a, b = Value(1.5, label="weight"), Value(-0.123456789, label="日本")
    loss = (ops.sum([a, b, a * b, b * b]) ** 2).tanh()
    loss.label = "loss"
    lines = plain(panel(step(loss).goto(8), 60, 24))
    table = lines[next(k for k, line in enumerate(lines) if line.lstrip().startswith("node")) :]
    assert table[0].rstrip().endswith("gradient  waits for")
    assert any("sum(" in line and "…" in line and "complete" in line for line in table)
    assert any("日本" in line and "-0.123457" in line and "more" in line for line in table)
    assert len({columns(line[: line.index("  ", 45)]) for line in table[1:6] if "complete" in line}) == 1


def test_account_fits_eighty_columns() -> None:
    for line in account_lines(example()):
        assert len(line) <= 80


def test_account_names_every_step_and_ends_with_the_gradients() -> None:
    lines = list(account_lines(example()))
    numbered = [int(line[:4]) for line in lines if re.match(r" {0,3}\d+  ", line)]
    assert numbered == list(range(1, 8))
    assert lines[-3:] == ["  ∂loss/∂a = -0.00402285", "  ∂loss/∂b = 0.0026819", "  ∂loss/∂c = 0.00134095"]


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        ("n", ["next"]),
        (" \r\n", ["next"] * 3),
        ("pb\x7f", ["back"] * 3),
        ("12\r", ["1", "2", "next"]),
        ("\x1b[C\x1b[D\x1bOC", ["next", "back", "next"]),
        ("g\x1b[H\x1b[1~", ["first"] * 3),
        ("eG\x1b[F\x1b[4~", ["last"] * 4),
        ("?q\x03", ["help", "quit", "quit"]),
        ("\x1b", ["escape"]),
        ("\x1b[15~n\x1b[1;5Cn", ["unknown", "next", "unknown", "next"]),
        ("ä", ["unknown"]),
        ("", []),
    ],
)
def test_keys(data: str, keys: list[str]) -> None:
    assert decode_keys(data) == keys


class Page(io.StringIO):
    """Somewhere to print that takes every character."""

    encoding = "utf-8"  # type: ignore[assignment]


def test_without_a_terminal_everything_is_printed_at_once() -> None:
    out = Page()
    show(example(), stdin=io.StringIO(), stdout=out)
    assert out.getvalue().splitlines() == list(account_lines(example()))
    assert "\x1b" not in out.getvalue()


class Teletype(Page):
    """A terminal on which single keys cannot be read."""

    def isatty(self) -> bool:
        return True


def test_a_dumb_terminal_takes_commands_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = Teletype()
    show(example(), stdin=Teletype("n\n\n6\np\n99\nq\nn\n"), stdout=out)
    screens = out.getvalue().split("> ")
    titles = [re.search(r"step (\d+) of 7", screen) for screen in screens]
    assert [match and match[1] for match in titles] == ["0", "1", "2", "6", "5", "5", None]
    assert "positions run from 0 to 7" in screens[5]
    assert "\x1b" not in out.getvalue()


def test_line_input_ends_with_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    show(example(), stdin=Teletype("n\n"), stdout=Teletype())


class Screen:
    """`autograd-lite step` running in a pseudo-terminal."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        known = {
            key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS", "LINES"}
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autograd_lite", "step", *arguments],
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT,
            env={**known, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **environment},
        )  # fmt: skip

    def until(self, words: str, seconds: float = 20.0) -> str:
        """What is written until `words` are there."""
        import select

        seen, end = "", time.monotonic() + seconds
        raw = b""
        while words not in seen:
            assert time.monotonic() < end, f"{words!r} did not come, only {seen[-500:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                raw += os.read(self.master, 65536)
                seen = raw.decode(errors="ignore")
        return seen

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def settings_are_back(self) -> bool:
        import termios

        return termios.tcgetattr(self.slave) == self.before

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def screen(request: pytest.FixtureRequest) -> Iterator[Screen]:
    pytest.importorskip("pty", reason="no pseudo-terminals on this platform")
    opened = Screen(*FORMULA, **getattr(request, "param", {}))
    yield opened
    opened.close()


def test_keys_move_through_the_steps(screen: Screen) -> None:
    assert "\x1b[?1049h" in screen.until("step 0 of 7")
    for keys, title in [
        ("n", 1),
        (" ", 2),
        ("\r", 3),
        ("p", 2),
        ("6\r", 6),
        ("\x1b[D", 5),
        ("g", 0),
        ("e", 7),
    ]:
        screen.press(keys)
        screen.until(f"step {title} of 7")
    screen.press("?")
    screen.until("back one step, exactly as it was")
    screen.press("nx")
    screen.until("no such key")
    screen.press("9\r")
    screen.until("positions run from 0 to 7")
    screen.press("q")
    assert "\x1b[?1049l" in screen.until("\x1b[?1049l")
    assert screen.process.wait(10) == 0
    assert screen.settings_are_back()


def test_ctrl_c_leaves_quietly_and_puts_the_terminal_back(screen: Screen) -> None:
    screen.until(" help")
    screen.press("\x03")
    last = screen.until("\x1b[?1049l")
    assert screen.process.wait(10) == 0
    assert "Traceback" not in last
    assert screen.settings_are_back()


def test_the_screen_is_coloured(screen: Screen) -> None:
    assert "\x1b[1m" in screen.until(" help")


@pytest.mark.parametrize("screen", [{"NO_COLOR": "1"}], indirect=True)
def test_no_color_is_honoured(screen: Screen) -> None:
    assert not re.search(r"\x1b\[[\d;]*m", screen.until(" help"))


@pytest.mark.parametrize("screen", [{"PYTHONIOENCODING": "ascii"}], indirect=True)
def test_a_terminal_that_knows_ascii_only(screen: Screen) -> None:
    screen.until(" help")
    screen.press("e")
    text = screen.until("step 7 of 7")
    assert text.isascii()
    assert "?" not in text.replace("? help", "").replace("?1049h", "").replace("?25l", "").replace(
        "\x1b[1m?", ""
    )
