"""Stepping through backpropagation in a terminal: one panel a step, moved by single keys.

Without a terminal on both ends (a pipe, a file, a notebook's shell) all the steps are printed at once.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TextIO

from .account import Span, account_lines, spans_of
from .console import emit, printable
from .errors import ArgumentError
from .keyboard import decode_keys, key_reader, understands_escapes
from .lettering import columns, shorten
from .stepping import Backprop, Step
from .wording import number

__all__ = ["panel", "show"]

_COLOURS = {"name": "1;36", "value": "33", "gradient": "1;32", "quiet": "2", "done": "32", "waiting": "33",
            "head": "1", "key": "1"}  # fmt: skip

_HELP = """n  space  enter  →     the next step
p  b  backspace  ←      back one step, exactly as it was
12 enter                go to where 12 steps are done
g  home                 the start
e  G  end               the end
?                       these lines
q  ctrl-c               quit""".splitlines()


def show(steps: Backprop, *, stdin: TextIO | None = None, stdout: TextIO | None = None) -> None:
    """Step through `steps` with keys, or print them all where no terminal is listening.

    Keys are read singly where the platform can (termios, msvcrt); otherwise commands are read as lines.
    """
    source, target = stdin or sys.stdin, stdout or sys.stdout
    if not (_is_terminal(source) and _is_terminal(target)):
        for line in account_lines(steps):
            emit(line, target)
        return
    reader = key_reader(source)
    session = _Session(steps, target)
    if reader is None or os.environ.get("TERM") == "dumb" or not understands_escapes(target):
        session.run_by_lines(source)
    else:
        session.run_by_keys(reader)


def panel(steps: Backprop, width: int = 80, height: int = 24) -> list[list[Span]]:
    """What the screen shows at the cursor: the step just done, and a table of what is known after it.

    Every line fits `width`, and all of them fit `height`; what is cut is announced.

    >>> from autograd_lite.engine import Value
    >>> from autograd_lite.stepping import step
    >>> lines = panel(step(Value(3.0, label="a") * 2.0).goto(1))
    >>> "".join(text for text, _ in lines[3])
    'n2 = a * 2 = 3 * 2 = 6'
    """
    position = steps.position
    done = steps[position - 1] if position else None
    lines: list[list[Span]] = [_title(steps, done, width), _timeline(steps, width), []]
    body = _start(steps) if done is None else spans_of(done, width - 2)
    room = max(4, height - len(lines) - 8)
    body = _cut(body, room, "more lines of this step: a taller window shows them")
    lines += [*body, *([[]] * (min(6, room) - len(body))), []]  # short steps leave the table where it was
    lines += _table(steps, done, max(2, height - len(lines) - 4), width)
    lines += [[]] * (height - len(lines) - 2)
    lines += [[(_coming(steps, position), "quiet")], _legend()]
    return [_fitted(line, width) for line in lines]


def _title(steps: Backprop, done: Step | None, width: int) -> list[Span]:
    left = f"step {steps.position} of {len(steps)}"
    words = {
        "compute": "forward: a value is computed",
        "seed": "backward: the start",
        "propagate": "backward: a gradient is passed on",
    }
    middle = words[done.action] if done else "before the first step"
    scope = done.node.scope if done else ""
    gap = width - len(left) - len(middle) - len(scope) - 5
    return [
        (left, "head"),
        ("   ", ""),
        (middle, "head" if done else "quiet"),
        (" " * max(2, gap), ""),
        (scope, "quiet"),
    ]


def _timeline(steps: Backprop, width: int) -> list[Span]:
    """A bar of the two phases with the part that is done filled in."""
    room = width - 20
    turn = max(1, min(room - 2, round(room * steps.forward_count / len(steps))))
    filled = round(room * steps.position / len(steps))
    cells = ["█" if place < filled else "░" for place in range(room)]
    cells.insert(turn, "│")
    return [
        ("forward ", "quiet"),
        ("".join(cells[: turn + 1]), "value"),
        ("".join(cells[turn + 1 :]), "gradient"),
        (" backward", "quiet"),
    ]


def _start(steps: Backprop) -> list[list[Span]]:
    forward = steps.forward_count
    return [
        [
            ("The inputs are given. ", ""),
            (f"{forward} forward step{'' if forward == 1 else 's'} compute", ""),
            (" ", ""),
            (steps.root.text, "name"),
            (",", ""),
        ],
        [(f"then {forward + 1} backward steps carry its gradient to every input.", "")],
    ]


def _coming(steps: Backprop, position: int) -> str:
    """What the next step will do."""
    if position == len(steps):
        return "the end: p goes back"
    step = steps[position]
    name = step.node.text
    what = {
        "compute": f"compute {name}",
        "seed": f"start the backward pass at {name}",
        "propagate": f"pass the gradient of {name} on",
    }[step.action]
    return f"next: {what}"


def _table(steps: Backprop, done: Step | None, rows: int, width: int) -> list[list[Span]]:
    """Values, gradients and awaited contributions of the nodes, those at work always among them."""
    state, nodes = steps.state, steps.nodes
    at_work = {done.node.index, *(node.index for node in done.operands)} if done else set()
    chosen = _near([node.index for node in nodes if not node.constant], at_work, rows - 1)
    name = max([4, *(columns(nodes[index].text) for index in chosen)])
    room = min(22, width - name - 43)  # the numbers are what the table is for: formulas take what is left
    formulas = {index: shorten(steps.formula(nodes[index]), room) if room > 4 else "" for index in chosen}
    wide = max([0, *map(columns, formulas.values())])
    table: list[list[Span]] = [
        [(f"  {'node':<{name}}  {'':<{wide}}  {'value':>12}  {'gradient':>12}  waits for", "quiet")]
    ]
    for index in chosen:
        mark = "▶" if done and index == done.node.index else "•" if index in at_work else " "
        pending = state.pending[index] if steps.position >= steps.forward_count else 0
        waits = f"{pending} more" if pending else "" if state.gradients[index] is None else "complete"
        table.append([
            (f"{mark} ", "head"), (_padded(nodes[index].text, name), "name" if index in at_work else ""),
            (f"  {_padded(formulas[index], wide)}", "quiet"), (f"  {number(state.values[index]):>12}", ""),
            (f"  {number(state.gradients[index]):>12}", "gradient"),
            (f"  {waits}", "waiting" if pending else "done"),
        ])  # fmt: skip
    hidden = sum(not node.constant for node in nodes) - len(chosen)
    if hidden:
        table.append([(f"  and {hidden:,} more node{'' if hidden == 1 else 's'}", "quiet")])
    return table


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _near(indices: list[int], at_work: set[int], rows: int) -> list[int]:
    """At most `rows` indices: those at work first, then the ones beside the node at work."""
    if len(indices) <= rows:
        return indices
    centre = max(at_work, default=0)
    ranked = sorted(indices, key=lambda index: (index not in at_work, abs(index - centre)))
    return sorted(ranked[: max(1, rows - 1)])


def _legend() -> list[Span]:
    parts: list[Span] = []
    keys = {"n": "next", "p": "back", "q": "quit", "number": "go to", "g": "start", "e": "end", "?": "help"}
    for key, meaning in keys.items():
        parts += [(key, "key"), (f" {meaning}   ", "quiet")]
    return parts


def _cut(lines: list[list[Span]], room: int, words: str) -> list[list[Span]]:
    if len(lines) <= room:
        return lines
    return [*lines[: room - 1], [(f"({len(lines) - room + 1} {words})", "quiet")]]


def _fitted(line: list[Span], width: int) -> list[Span]:
    """The line without what reaches beyond `width`."""
    kept: list[Span] = []
    room = width
    for text, style in line:
        if room <= 0:
            break
        kept.append((text if columns(text) <= room else _cut_at(text, room), style))
        room -= columns(text)
    return kept


def _cut_at(text: str, width: int) -> str:
    """The start of a text and an ellipsis, in `width` columns; blanks within stay as they are."""
    end = min(len(text), width)
    while columns(text[:end]) > width - 1:
        end -= 1
    return text[:end] + "…"


class _Session:
    """One reader at one screen: moves the cursor of the steps and draws."""

    def __init__(self, steps: Backprop, stdout: TextIO) -> None:
        self.steps = steps.reset()
        self.stdout = stdout
        self.coloured = "NO_COLOR" not in os.environ
        self.typed = ""
        self.message = ""
        self.help = False

    def run_by_keys(self, reader: Callable[[], Any]) -> None:
        """Draw on the terminal's second screen, so that what stood before comes back afterwards."""
        self._write("\x1b[?1049h\x1b[?25l")
        try:
            with suppress(KeyboardInterrupt), reader() as read:  # Ctrl-C leaves, as q does
                self._draw()
                for key in _until_quit(read):
                    self.press(key)
                    self._draw()
        finally:
            self._write("\x1b[?25h\x1b[?1049l")

    def run_by_lines(self, stdin: TextIO) -> None:
        """The same commands, each ended with Enter."""
        while True:
            for line in self._lines(painted=False):
                emit(line, self.stdout)
            emit("> ", self.stdout, end="")
            self.stdout.flush()
            try:
                answer = stdin.readline()
            except KeyboardInterrupt:
                answer = ""
            command = answer.strip()
            if not answer or command.lower() == "q":
                return
            for key in decode_keys(command) if command else ["next"]:
                self.press(key)
            if self.typed:
                self.press("next")

    def press(self, key: str) -> None:
        """Do what a key means; digits gather until Enter."""
        self.message = ""
        if key.isdecimal():
            self.typed = (self.typed + key)[:9]
        elif self.typed and key == "back":
            self.typed = self.typed[:-1]
        elif self.typed and key == "next":
            self._go(int(self.typed))
        elif key == "help":
            self.help = not self.help
        elif self.help or key == "escape":
            self.help, self.typed = False, ""
        else:
            self._move(key)

    def _go(self, position: int) -> None:
        self.typed = ""
        try:
            self.steps.goto(position)
        except ArgumentError as error:
            self.message = str(error)

    def _move(self, key: str) -> None:
        self.typed = ""
        moves: dict[str, Callable[[], object]] = {
            "next": self.steps.next,
            "back": self.steps.back,
            "first": self.steps.reset,
            "last": self.steps.run,
        }
        if key in moves:
            moves[key]()
        else:
            self.message = "no such key: ? lists them"

    def _draw(self) -> None:
        self._write("\x1b[H\x1b[2J" + "\n".join(self._lines(painted=self.coloured)))

    def _lines(self, *, painted: bool) -> list[str]:
        size = shutil.get_terminal_size((80, 24))
        width, height = max(40, min(size.columns, 100)), max(16, size.lines)
        lines = panel(self.steps, width, height)
        if self.help:
            lines = [*lines[:3], *([(row, "")] for row in _HELP), [], lines[-1]]
        if self.typed or self.message:
            text = f"go to step {self.typed}_   (enter goes, esc forgets)" if self.typed else self.message
            lines[-2] = [(text, "waiting")]
        return [self._painted(line) if painted else "".join(text for text, _ in line) for line in lines]

    def _painted(self, line: list[Span]) -> str:
        return "".join(
            f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if style in _COLOURS and text.strip() else text
            for text, style in line
        )

    def _write(self, text: str) -> None:
        self.stdout.write(printable(text, self.stdout))
        self.stdout.flush()


def _until_quit(read: Callable[[], str]) -> Iterator[str]:
    while True:
        data = read()
        for key in decode_keys(data):
            if key == "quit":
                return
            yield key
        if not data:
            return


def _is_terminal(stream: TextIO) -> bool:
    with suppress(AttributeError, ValueError):
        return stream.isatty()
    return False
