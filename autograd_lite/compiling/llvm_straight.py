"""The executor `llvm`: a tape as one straight-line native function, through llvmlite.

For small graphs: it is compiled in milliseconds, and a call runs about a nanosecond an operation. Every
operation gives eager code's own bits but for these, where Python sums exactly and C does not: `hypot`
(1 ulp), `norm` of n operands (n ulp) and `logsumexp` (n/2 ulp).
"""

from __future__ import annotations

import ctypes
import threading
from array import array
from collections.abc import Sequence
from typing import Any

from ..errors import ArgumentError
from .differentiating import gradient_tape
from .kernel import Result
from .llvm_engine import NativeFunction, compiled, pointer
from .llvm_text import Writer, lowered
from .llvm_training import prepare_training
from .tape import Tape

__all__ = ["StraightKernel", "prepare", "prepare_training", "source_of"]

CAREFUL = -2
"""What a function gives when a gradient came out NaN: the rule for zero may be needed."""


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


class _Program:
    """A tape compiled: leaves in, outputs out."""

    def __init__(self, tape: Tape, checked: int | None = None) -> None:
        source, externals = source_of(tape, checked)
        self._function: NativeFunction = compiled(
            source, "run", (ctypes.c_void_p, ctypes.c_void_p), externals
        )
        self._call = self._function.call
        self._blank = array("d", bytes(8 * max(len(tape.outputs), 1)))
        self._leaves = tape.leaves

    def __call__(self, leaves: Sequence[float]) -> tuple[int, list[float]]:
        given, results = array("d", leaves if leaves.__class__ is list else _quick(leaves)), self._blank[:]
        if len(given) != self._leaves:  # native code would read beyond them
            raise ArgumentError(f"this tape takes {self._leaves} numbers, got {len(given)}")
        missed = self._call(given.buffer_info()[0], results.buffer_info()[0])
        return missed, results.tolist()


def _quick(leaves: Any) -> Any:
    """The bytes of an array of doubles, which are copied at once; anything else as it is."""
    return leaves.tobytes() if hasattr(leaves, "tobytes") and memoryview(leaves).format == "d" else leaves


class StraightKernel:
    """A tape ready for single calls. What is needed rarely is compiled when it is first needed."""

    executor = "llvm"

    def __init__(self, tape: Tape, wanted: tuple[int, ...]) -> None:
        self.tape = tape
        self.wanted = wanted
        self._programs: dict[tuple[bool, bool, bool], _Program] = {}
        self._lock = threading.Lock()
        self._count = len(tape.outputs)

    def values(self, leaves: Sequence[float]) -> Result:
        """The outputs."""
        missed, results = self._program((False, False, False))(leaves)
        return Result(missed, results)

    def gradients(self, leaves: Sequence[float], seeds: Sequence[float] | None = None) -> Result:
        """The outputs and the gradients; the seeds are 1 for each output unless given."""
        given = leaves
        if seeds is not None:
            inputs = self.tape.inputs
            given = [*leaves[:inputs], *seeds, *leaves[inputs:]]
        missed, results = self._program((True, seeds is not None, False))(given)
        if missed == CAREFUL:
            missed, results = self._program((True, seeds is not None, True))(given)
        return Result(missed, results[: self._count], results[self._count :])

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
            return _Program(self.tape)
        seeds = None if seeded else (1.0,) * self._count
        tape = gradient_tape(self.tape, self.wanted, careful=careful, seeds=seeds)
        return _Program(tape, None if careful else self._count)
