"""Functions in LLVM's assembly language with loops: what a training has beside straight lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .llvm_text import Writer

__all__ = ["LoopWriter", "Sum"]


class Sum:
    """Numbers that a loop adds up: `now` while it is being written, the total after it."""

    def __init__(self, now: str) -> None:
        self.now = now


class LoopWriter(Writer):
    """The lines of a function that has blocks; it begins with one called `entry`."""

    def __init__(self, pointer: str) -> None:
        super().__init__(pointer)
        self.block = ""
        self._labels = 0
        self.label("entry")

    def label(self, name: str) -> None:
        """Begin a block."""
        super().label(name)
        self.block = name

    def new_label(self, word: str) -> str:
        """The name of a block to begin later."""
        self._labels += 1
        return f"{word}{self._labels}"

    def branch(self, bit: str, yes: str, no: str) -> None:
        """Go on in one of two blocks."""
        self.line(f"br i1 {bit}, label %{yes}, label %{no}")

    def leave_unless(self, bit: str, exit_: str) -> None:
        """Go on only where the bit is set; else to the block `exit_`."""
        on = self.new_label("on")
        self.branch(bit, on, exit_)
        self.label(on)

    @contextmanager
    def only_if(self, bit: str) -> Iterator[None]:
        """What is done only where the bit is set."""
        inside, after = self.new_label("then"), self.new_label("after")
        self.branch(bit, inside, after)
        self.label(inside)
        yield
        self.line(f"br label %{after}")
        self.label(after)

    @contextmanager
    def each(self, start: str | int, stop: str | int, total: Sum | None = None) -> Iterator[str]:
        """A loop over the whole numbers from `start` to before `stop`, with a sum that it carries along."""
        head, body, end = self.new_label("head"), self.new_label("body"), self.new_label("end")
        before, k, kept = self.block, f"%k.{head}", f"%sum.{head}"
        self.line(f"br label %{head}")
        self.label(head)
        place = len(self.lines)  # where the loop's variables are put when it is known what they become
        begun = total.now if total is not None else "0.0"
        inside = self.value(f"icmp slt i64 {k}, {stop}")
        self.branch(inside, body, end)
        self.label(body)
        if total is not None:
            total.now = kept
        yield k
        following = self.value(f"add i64 {k}, 1")
        variables = [f"  {k} = phi i64 [ {start}, %{before} ], [ {following}, %{self.block} ]"]
        if total is not None:
            added = f"[ {begun}, %{before} ], [ {total.now}, %{self.block} ]"
            variables.append(f"  {kept} = phi double {added}")
            total.now = kept
        self.lines[place:place] = variables
        self.line(f"br label %{head}")
        self.label(end)

    def word(self, base: str, place: int | str) -> str:
        """The 64-bit integer at a place of an array."""
        return self.value(f"bitcast double {self.load(base, place)} to i64")

    def is_finite(self, number: str) -> str:
        """A bit: whether a number is neither infinite nor NaN."""
        difference = self.value(f"fsub double {number}, {number}")
        return self.value(f"fcmp oeq double {difference}, 0.0")
