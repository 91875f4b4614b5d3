"""Training in one native function, for small models: many steps in one call."""

from __future__ import annotations

import ctypes
import threading
from array import array
from typing import Any, NamedTuple

from ..errors import ArgumentError, CompileError
from .llvm_engine import NativeFunction, compiled
from .llvm_training_text import ARRAYS, TrainingText
from .training import TrainingProgram, TrainingState

__all__ = ["TrainingLoop", "prepare_training"]

_ROWS, _ENDS = ARRAYS.index("rows"), ARRAYS.index("ends")
_FIRST, _STOP = len(ARRAYS) + 1, len(ARRAYS) + 2

_SHORT = 1_500
"""Up to how many lines LLVM optimises, which saves a quarter of a step; above, it would take too long."""


def prepare_training(program: TrainingProgram, fuse: bool = True) -> TrainingLoop:
    """A training kernel of native code; nothing is fused, so `fuse` changes nothing.

    Raises `CompileError` if an optimizer's rule branches on its numbers, `ArgumentError` if llvmlite is not
    installed.
    """
    for rule in program.rules:
        if rule.tape.guards:
            raise CompileError(
                f"the optimizer's rule branches on its numbers ({rule.tape.guards[0].text}): "
                "use ops.where in it, which chooses without a branch"
            )
    return TrainingLoop(program)


class _Given(NamedTuple):
    """The arrays of a call and where they are; kept, so that no others can take their place."""

    arrays: tuple[Any, ...]
    arguments: array[int]
    """Addresses, then the numbers in `NUMBERS`."""
    address: int
    work: Any


_NOTHING = _Given((None,) * 9, array("q"), 0, None)


class TrainingLoop:
    """A `TrainingKernel`. Threads may run it at the same time, each on a state of its own."""

    executor = "llvm"

    def __init__(self, program: TrainingProgram) -> None:
        import numpy

        self.program = program
        reached = program.reached or bytes([1]) * program.trained
        entries = [entry for mark in program.marks for entry in mark.entries]
        self._tables = numpy.array([*reached, 0.0, *entries], dtype=float)
        self._lock = threading.Lock()
        self._quick, self._room = self._compiled(careful=False)
        self._slow: NativeFunction | None = None
        self._given = _NOTHING

    def run(self, state: TrainingState, rows: Any, order: Any, ends: Any, rates: Any, measured: Any) -> int:
        """Take steps, and return how many were finished; see `training.TrainingKernel`."""
        given = self._given
        n, s, c, g, r, o, e, h, m = given.arrays
        if not (
            n is state.numbers and s is state.state and c is state.counts and g is state.gradient
            and r is rows and o is order and e is ends and h is rates and m is measured
        ):  # fmt: skip
            given = self._given = self._addresses(
                (state.numbers, state.state, state.counts, state.gradient, rows, order, ends, rates, measured)
            )
        finished = self._quick.call(given.address)
        return finished if finished >= 0 else self._with_care(given, ~finished)

    def forget_arrays(self) -> None:
        """Look the arrays of the next call up anew."""
        self._given = _NOTHING

    def _with_care(self, given: _Given, step: int) -> int:
        """Go on from a step whose gradient is NaN without the rule for zero."""
        steps = given.arguments[_STOP]
        careful = self._careful()
        try:
            while True:
                given.arguments[_FIRST], given.arguments[_STOP] = step, step + 1
                if careful.call(given.address) == step:
                    return step
                given.arguments[_FIRST], given.arguments[_STOP] = step + 1, steps
                finished = self._quick.call(given.address)
                if finished >= 0:
                    return finished
                step = ~finished
        finally:
            given.arguments[_FIRST], given.arguments[_STOP] = 0, steps

    def _careful(self) -> NativeFunction:
        with self._lock:
            if self._slow is None:
                self._slow = self._compiled(careful=True)[0]
            return self._slow

    def _compiled(self, *, careful: bool) -> tuple[NativeFunction, int]:
        """The function, and how many numbers it needs to work with."""
        text = self._text(careful)
        level = 1 if len(text.writer.lines) <= _SHORT else 0
        return compiled(text.source, "run", [ctypes.c_void_p], text.externals, level), text.room

    def _text(self, careful: bool) -> TrainingText:
        """The function's source."""
        return TrainingText(self.program, careful)

    def _addresses(self, arrays: tuple[Any, ...]) -> _Given:
        """What a call passes. To ask NumPy where arrays are takes longer than a step, so answers are kept."""
        import numpy

        self._check(arrays)
        work = numpy.zeros(self._room)
        places = [array.ctypes.data for array in (*arrays, work, self._tables)]
        arguments = array("q", [*places, arrays[_ROWS].shape[1], 0, len(arrays[_ENDS]) - 1])
        return _Given(arrays, arguments, arguments.buffer_info()[0], work)

    def _check(self, arrays: tuple[Any, ...]) -> None:
        """Native code would read and write beyond arrays that are too short. Raises `ArgumentError`."""
        given = dict(zip(ARRAYS, arrays, strict=False))
        program, steps = self.program, len(given["ends"]) - 1
        least = dict.fromkeys(("numbers", "counts", "gradient"), program.trained)
        least["numbers"] = max((-1, *program.places, *program.penalty_places, program.trained - 1)) + 1
        least["state"] = sum(rule.width * (rule.stop - rule.start) for rule in program.rules)
        least |= {"rates": steps, "measured": steps}
        wrong = [
            name for name, each in given.items() if len(each) < least.get(name, 0) or not _fits(name, each)
        ]
        if wrong or given["rows"].shape[1] < program.loss.inputs or steps < 0:
            raise ArgumentError(f"arrays of another size or kind than this training needs: {wrong or 'rows'}")
        ends, rows = given["ends"], len(given["rows"])
        order = given["order"][: ends[-1]]
        if (
            ends.min() < 0
            or len(order) < ends.max()
            or (len(order) and not 0 <= order.min() <= order.max() < rows)
        ):
            raise ArgumentError(f"order and ends must say rows among {rows}, batch after batch")


def _fits(name: str, array: Any) -> bool:
    kind = "int64" if name in ("order", "ends") else "float64"
    return bool(array.flags.c_contiguous and array.dtype == kind and (array.ndim == 2 or name != "rows"))
