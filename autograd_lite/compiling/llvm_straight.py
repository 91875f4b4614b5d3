"""The executor `llvm`: a tape as one straight-line native function, through llvmlite.

For small graphs: it is compiled in milliseconds, and a call runs about a nanosecond an operation. Every
operation gives eager code's own bits but for these, where Python sums exactly and C does not: `hypot`
(1 ulp), `norm` of n operands (n ulp) and `logsumexp` (n/2 ulp).
"""

from __future__ import annotations

import ctypes
import struct
import threading
from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any

from ..errors import ArgumentError
from .differentiating import gradient_tape
from .kernel import Result
from .llvm_engine import NativeFunction, compiled, pointer
from .llvm_text import Writer, lowered
from .tape import Tape

__all__ = ["StraightKernel", "prepare", "source_of"]

CAREFUL = -2
"""What a function gives when a gradient came out NaN: the rule for zero may be needed."""

_USUAL = (True, False, False)  # gradients, all seeds 1, plain products


def prepare(tape: Tape, wanted: Sequence[int], fuse: bool = True) -> StraightKernel:
    """A kernel of native code; nothing is fused, so `fuse` changes nothing.

    Raises `ArgumentError` if llvmlite is not installed.
    """
    return StraightKernel(tape, tuple(wanted))


def source_of(tape: Tape, checked: int | None = None) -> tuple[str, list[str]]:
    """A module with a function `run(leaves, results)`, and the C functions that it calls.

    It gives the first guard that missed, or -1, or `CAREFUL` if a result after the first `checked` is NaN.
    """
    tape = lowered(tape)
    writer = Writer(pointer())
    leaves = [writer.load("%leaves", place) for place in range(tape.leaves)]
    numbers = writer.program(tape, leaves)
    results = [numbers.double(output) for output in tape.outputs]
    for place, result in enumerate(results):
        writer.store(result, "%results", place)
    missed = writer.missed(numbers, tape)
    if checked is not None and results[checked:]:
        nan = writer.any_nan(results[checked:])
        passed = writer.value(f"icmp eq i64 {missed}, -1")
        both = writer.value(f"and i1 {nan}, {passed}")
        missed = writer.value(f"select i1 {both}, i64 {CAREFUL}, i64 {missed}")
    writer.line(f"ret i64 {missed}")
    head = f"define i64 @run({writer.pointer} %leaves, {writer.pointer} %results)"
    return writer.module(head), writer.externals()


class Room:
    """What one call of a program works in."""

    __slots__ = ("_kept", "_results", "given", "leaves", "outputs", "split", "taken")

    def __init__(self, leaves: int, results: int, split: int) -> None:
        numbers, found = array("d", bytes(8 * max(leaves, 1))), array("d", bytes(8 * max(results, 1)))
        self.leaves = memoryview(numbers)[:leaves]
        self.outputs = found
        """The outputs, and the gradients behind them, from `split` on."""
        self._results = results
        self.split = split
        self.given, self.taken = (ctypes.c_void_p(each.buffer_info()[0]) for each in (numbers, found))
        self._kept = numbers

    def slopes(self) -> Any:
        """The gradients as a new array."""
        return _frombuffer()(self.outputs[self.split : self._results])

    def listed(self) -> list[float]:
        """The gradients as a list."""
        return self.outputs[self.split : self._results].tolist()


@cache
def _frombuffer() -> Any:
    from numpy import frombuffer  # only once it is needed; and an import takes longer than what it is for

    return frombuffer


class _Program:
    """A tape compiled: leaves in, outputs out; the first `split` of them are those of the program."""

    def __init__(self, tape: Tape, split: int, checked: bool = False) -> None:
        source, externals = source_of(tape, split if checked else None)
        self._function: NativeFunction = compiled(
            source, "run", (ctypes.c_void_p, ctypes.c_void_p), externals
        )
        self.call = self._function.call
        self._leaves, self._outputs, self._split = tape.leaves, len(tape.outputs), split
        self._pack = struct.Struct(f"{tape.leaves}d").pack_into
        self.idle: list[Room] = []

    def room(self) -> Room:
        """Where one call works, and no other at the same time."""
        try:
            return self.idle.pop()
        except IndexError:
            return Room(self._leaves, self._outputs, self._split)

    def filled(self, leaves: Any) -> Room:
        """A room with these leaves."""
        room = self.room()
        if len(leaves) != self._leaves:  # native code would read beyond them
            raise ArgumentError(f"this tape takes {self._leaves} numbers, got {len(leaves)}")
        if leaves.__class__ is list or leaves.__class__ is tuple:
            self._pack(room.leaves, 0, *leaves)
        else:
            room.leaves[:] = array("d", _quick(leaves))
        return room


def _quick(leaves: Any) -> Any:
    """The bytes of an array of doubles, which are copied at once; anything else as it is."""
    return leaves.tobytes() if hasattr(leaves, "tobytes") and memoryview(leaves).format == "d" else leaves


class StraightKernel:
    """A tape ready for single calls. What is needed rarely is compiled when it is first needed.

    The leaves may be a list of floats, and then the gradients are a list; or a float array, and then they
    are an array.
    """

    executor = "llvm"

    def __init__(self, tape: Tape, wanted: tuple[int, ...]) -> None:
        self.tape = tape
        self.wanted = wanted
        self._programs: dict[tuple[bool, bool, bool], _Program] = {}
        self._lock = threading.Lock()
        self._count = len(tape.outputs)

    def values(self, leaves: Sequence[float]) -> Result:
        """The outputs."""
        program = self._program((False, False, False))
        room = program.filled(leaves)
        result = Result(program.call(room.given, room.taken), room.outputs[: self._count].tolist())
        program.idle.append(room)
        return result

    def gradients(self, leaves: Sequence[float], seeds: Sequence[float] | None = None) -> Result:
        """The outputs and the gradients; the seeds are 1 for each output unless given."""
        given = leaves
        if seeds is not None:
            if len(seeds) != self._count:
                raise ArgumentError(f"{self._count} outputs need a seed each, got {len(seeds)} seeds")
            inputs = self.tape.inputs
            given = [*leaves[:inputs], *seeds, *leaves[inputs:]]
        program = self._program((True, seeds is not None, False))
        room = program.filled(given)
        missed = program.call(room.given, room.taken)
        if missed == CAREFUL:
            missed = self._program((True, seeds is not None, True)).call(room.given, room.taken)
        found = room.slopes() if hasattr(leaves, "dtype") else room.listed()
        result = Result(missed, room.outputs[: self._count].tolist(), found)
        program.idle.append(room)
        return result

    def room(self) -> Room:
        """Where the leaves of one call go: `leaves` of it; to be given back by `leave`."""
        return self._program(_USUAL).room()

    def leave(self, room: Room) -> None:
        """The room is free again."""
        self._programs[_USUAL].idle.append(room)

    def run(self, room: Room) -> int:
        """Outputs and gradients for the leaves in a room; gives the guard that missed, or -1."""
        missed = self._programs[_USUAL].call(room.given, room.taken)
        if missed == CAREFUL:
            missed = self._program((True, False, True)).call(room.given, room.taken)
        return missed

    def _program(self, key: tuple[bool, bool, bool]) -> _Program:
        """The program for gradients or not, with seeds or not, careful or not."""
        program = self._programs.get(key)
        if program is None:
            with self._lock:
                program = self._programs.get(key) or self._made(*key)
                self._programs[key] = program
        return program

    def _made(self, gradients: bool, seeded: bool, careful: bool) -> _Program:
        if not gradients:
            return _Program(self.tape, self._count)
        seeds = None if seeded else (1.0,) * self._count
        tape = gradient_tape(self.tape, self.wanted, careful=careful, seeds=seeds)
        return _Program(tape, self._count, checked=not careful)
