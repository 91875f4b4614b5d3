"""Functions in LLVM's assembly language with blocks: loops, and what is done only sometimes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .llvm_text import Writer

__all__ = ["Loop", "LoopWriter", "Sum"]


class Loop:
    """A loop that is being written. `values` are the carried values in the body; set `following` there."""

    def __init__(self, index: str, values: list[str]) -> None:
        self.index = index
        self.values = values
        self.following = list(values)


class Sum:
    """Numbers that a loop adds up: `now` while it is being written, the total after it."""

    def __init__(self, now: str) -> None:
        self.now = now


class LoopWriter(Writer):
    """The lines of a function that has blocks; it begins with one called `start`."""

    def __init__(self, pointer: str) -> None:
        super().__init__(pointer)
        self._labels = 0
        self.label("start")

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")
        self.block = name

    def fresh(self, word: str) -> str:
        """The name of a block that is not begun yet."""
        self._labels += 1
        return f"{word}{self._labels}"

    def jump(self, name: str) -> None:
        """Go to a block."""
        self.line(f"br label %{name}")

    def branch(self, bit: str, yes: str, no: str) -> None:
        """Go on in one of two blocks."""
        self.line(f"br i1 {bit}, label %{yes}, label %{no}")

    def leave_unless(self, bit: str, exit_: str) -> None:
        """Go on only where the bit is set; else to the block `exit_`."""
        on = self.fresh("on")
        self.branch(bit, on, exit_)
        self.label(on)

    @contextmanager
    def when(self, bit: str) -> Iterator[None]:
        """What is done only if a bit is set."""
        inside, after = self.fresh("then"), self.fresh("after")
        self.branch(bit, inside, after)
        self.label(inside)
        yield
        self.jump(after)
        self.label(after)

    @contextmanager
    def loop(
        self, start: str | int, stop: str | int, step: int = 1, carried: Sequence[tuple[str, str]] = ()
    ) -> Iterator[Loop]:
        """Over `start, start + step, …` below `stop`; `carried` are types and first values of what changes.

        After it, `values` are the carried values at the end.
        """
        head, body, end = self.fresh("loop"), self.fresh("body"), self.fresh("end")
        before = self.block
        self.jump(head)
        self.label(head)
        # what these lines say is known when the body is written
        names = [self.value("phi") for _ in range(len(carried) + 1)]
        first_line = len(self.lines) - len(names)
        self.branch(self.value(f"icmp slt i64 {names[0]}, {stop}"), body, end)
        self.label(body)
        loop = Loop(names[0], names[1:])
        yield loop
        following = [self.value(f"add i64 {names[0]}, {step}"), *loop.following]
        given = [("i64", str(start)), *carried]
        for line, (name, (kind, first), then) in enumerate(
            zip(names, given, following, strict=True), first_line
        ):
            self.lines[line] = f"  {name} = phi {kind} [ {first}, %{before} ], [ {then}, %{self.block} ]"
        self.jump(head)
        self.label(end)
        loop.values = names[1:]

    @contextmanager
    def each(self, start: str | int, stop: str | int, total: Sum | None = None) -> Iterator[str]:
        """A loop over the whole numbers from `start` to before `stop`, with a sum that it carries along."""
        carried = [] if total is None else [("double", total.now)]
        with self.loop(start, stop, 1, carried) as loop:
            if total is not None:
                total.now = loop.values[0]
            yield loop.index
            if total is not None:
                loop.following = [total.now]
        if total is not None:
            total.now = loop.values[0]

    def word(self, base: str, place: int | str) -> str:
        """The 64-bit integer at a place of an array."""
        return self.value(f"bitcast double {self.load(base, place)} to i64")

    def is_finite(self, number: str) -> str:
        """A bit: whether a number is neither infinite nor NaN."""
        difference = self.value(f"fsub double {number}, {number}")
        return self.value(f"fcmp oeq double {difference}, 0.0")
