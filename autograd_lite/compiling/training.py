"""Training in compiled code: whole runs of steps over flat arrays of numbers.

A `TrainingProgram` says what one step computes, as tapes: the loss of one row of data, a penalty on the
parameters, and the optimizer's rule for one parameter. `prepare_training(program, fuse=True)` of an executor
makes a `TrainingKernel` of it, which takes many steps in one call. This is what one step is:

    gradient = 0 for each trained parameter
    for each row of the batch, in the order given:          (order[ends[s]] … order[ends[s + 1] - 1])
        run program.loss on that row; a guard that misses ends the run before this step
        gradient += the gradient of output 0, times 1 / (rows in the batch)
        program.marks: what the row reached
    loss = the sum of the rows' losses / (rows in the batch)
    penalty = program.penalty, its gradient is added        (0 if there is none)
    norm = sqrt(Σ gradient²)
    loss, penalty or norm not finite: the run ends before this step
    clip_value: each gradient between -limit and limit
    clip_norm:  n = sqrt(Σ gradient²) now; if limit / (n + 1e-6) < 1: each times that
    for each group, for each of its parameters that was reached (program.reached, or a mark in this step):
        counts[k] += 1
        (numbers[k], its state) = rule(numbers[k], gradient[k], its state, rates[s, group], counts[k])
    measured[s] = loss, penalty, norm
    a number that is not finite now: the run ends after this step

so that a call either finishes a step or has not begun it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .tape import Tape

__all__ = ["Mark", "TrainingKernel", "TrainingProgram", "TrainingState", "UpdateRule"]


class UpdateRule(NamedTuple):
    """An optimizer's rule with one group's settings."""

    tape: Tape
    """Inputs: p, g, the numbers of the state, lr, t. Outputs: the next p, the next numbers of the state. No
    parameters; a gradient is never wanted. What depends on lr and t alone (Adam's two powers) is worth
    computing once for all parameters that have the same count, which nearly always is all of the group."""
    start: int
    stop: int
    """Which of the trained parameters it moves: those from `start` to before `stop`."""

    @property
    def width(self) -> int:
        """How many numbers of state each parameter has."""
        return len(self.tape.outputs) - 1


class Mark(NamedTuple):
    """A table of parameters (an embedding) of which a row of data reaches one entry only."""

    output: int
    """The output of `program.loss` that is the index."""
    entries: tuple[int, ...]
    """For each index the trained parameter that it reaches; -1 for none."""


@dataclass(frozen=True, eq=False)
class TrainingProgram:
    """One step of training."""

    loss: Tape
    """Inputs: the columns of a row of data. Output 0: the row's loss; others are for `marks` alone."""
    places: tuple[int, ...]
    """For each of `loss.parameters` its place in `TrainingState.numbers`."""
    trained: int
    """How many parameters are trained: the first ones of `numbers`. The others stay as they are."""
    rules: tuple[UpdateRule, ...]
    """Of each group; together they have every trained parameter once, in order."""
    penalty: Tape | None = None
    """No inputs, one output."""
    penalty_places: tuple[int, ...] = ()
    """For each of `penalty.parameters` its place in `numbers`."""
    clip_value: float | None = None
    clip_norm: float | None = None
    reached: bytes = b""
    """For each trained parameter 1 if every step reaches it, 0 if only a mark may."""
    marks: tuple[Mark, ...] = ()


@dataclass(eq=False)
class TrainingState:
    """What steps change; NumPy float64 arrays, C-contiguous, which a kernel writes in place."""

    numbers: Any
    """(trained and other numbers,)"""
    state: Any
    """Flat: group after group, in each name after name of the state, in each one number per parameter. So a
    group that begins at `offset` has number j of parameter k at offset + j*(stop - start) + (k - start)."""
    counts: Any
    """(trained,) how often each parameter has been moved."""
    gradient: Any
    """(trained,) of the last step that was finished, clipped."""


class TrainingKernel(Protocol):
    """A training program made ready."""

    executor: str

    def run(self, state: TrainingState, rows: Any, order: Any, ends: Any, rates: Any, measured: Any) -> int:
        """Take steps, and return how many were finished.

        `rows` is (rows, columns) float64, `order` (positions,) int64, `ends` (steps + 1,) int64, `rates`
        (steps, groups) float64: the learning rate of each group, schedule included. `measured` (steps, 3)
        float64 gets loss, penalty and the norm of the gradient of every step that was finished.
        """
