"""Training in one native function, with the batches of each step in lanes: for larger models and batches.

A step is that of `llvm_training.py` (`training.py` says what it is), but for the loss and the gradient of a
batch: the machine code of `lanes.py` computes them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy

from ..errors import CompileError
from .lane_driver import FIELD, batch_address
from .lane_runner import CHUNKS, GROUPS, Runner, address_of
from .lane_updates import LaneUpdate
from .llvm_loops import LoopWriter, Sum
from .llvm_training import TrainingLoop
from .llvm_training_text import TrainingText
from .planning import make_plan
from .training import TrainingProgram, TrainingState, UpdateRule

__all__ = ["LaneTraining", "prepare_training"]


def prepare_training(program: TrainingProgram, fuse: bool = True) -> LaneTraining:
    """A training kernel whose batches run in lanes.

    Raises `CompileError` where lanes cannot be used: an optimizer's rule that branches on its numbers, or a
    loss that computes something of parameters alone.
    """
    return LaneTraining(program, fuse)


class LaneTraining(TrainingLoop):
    """A `TrainingKernel`. Threads may run it, one after the other."""

    executor = "interpreter"

    def __init__(self, program: TrainingProgram, fuse: bool = True) -> None:
        tape = program.loss
        for rule in program.rules:
            if rule.tape.guards:
                raise CompileError("the optimizer's rule branches on its numbers: use ops.where in it")
        batched = [True] * tape.inputs + [False] * len(tape.parameters)
        wanted = [tape.inputs + k for k, place in enumerate(program.places) if place < program.trained]
        plan = make_plan(tape, wanted, fuse=fuse, batched=batched)
        assert plan.uniform is not None
        if len(plan.uniform.code) or len(plan.uniform.guards):
            raise CompileError("the loss computes something of parameters alone, which lanes do not train")
        start = numpy.concatenate([numpy.zeros(tape.leaves), plan.uniform.constants])
        self.runner = Runner(plan, tape.inputs, start, slice(None))
        self._buffers = self.runner.buffers(self.runner.widest)
        self.job: int = self._buffers.address
        self._room_for_samples = 0
        self._one_at_a_time = threading.Lock()
        self._given_before: tuple[Any, Any] = None, None
        always = not program.marks and 0 not in program.reached
        self._updates = [LaneUpdate(rule) for rule in program.rules] if always else None
        super().__init__(program)

    def run(self, state: TrainingState, rows: Any, order: Any, ends: Any, rates: Any, measured: Any) -> int:
        """Take steps, and return how many were finished; see `training.TrainingKernel`."""
        if len(ends) < 2:
            return 0
        with self._one_at_a_time:
            if self._given_before[0] is not rows or self._given_before[1] is not ends:
                self._make_room(int(numpy.diff(ends).max()))
                self._buffers.job[FIELD["rows"]] = address_of(rows)
                self._given_before = rows, ends
            self._suit(state.counts)
            return super().run(state, rows, order, ends, rates, measured)

    def _suit(self, counts: Any) -> None:
        """Move the parameters of a group together if all have been moved as often, and always are."""
        rules = self.program.rules
        together = not self.program.marks and 0 not in self.program.reached
        together = together and all((counts[r.start : r.stop] == counts[r.start]).all() for r in rules)
        if together != (self._updates is not None):
            self._updates = [LaneUpdate(rule) for rule in rules] if together else None
            self._quick, self._room = self._compiled(careful=False)
            self._slow = None
            self.forget_arrays()

    def _make_room(self, samples: int) -> None:
        """Arrays for what comes of the samples of a batch; output 0, the loss, is what is differentiated."""
        if samples <= self._room_for_samples:
            return
        runner, job = self.runner, self._buffers.job
        seeds = numpy.zeros(len(runner.ones))
        seeds[0] = 1.0
        self._arrays = {
            "outputs": numpy.zeros((samples, len(seeds))),
            "missed": numpy.zeros(samples + runner.widest),
            "sums": numpy.zeros((GROUPS, runner.shared)),
            "flags": numpy.zeros((GROUPS, 2)),
            "seeds": seeds,
        }
        for name, each in self._arrays.items():
            job[FIELD[name]] = address_of(each)
        job[FIELD["differentiate"]] = 1
        self._room_for_samples = samples

    def _text(self, careful: bool) -> TrainingText:
        part = "careful" if careful else "backward"
        return _LaneText(self.program, careful, self.job, self.runner.program.address(part), self._updates)


class _LaneText(TrainingText):
    """The loop over steps, calling the machine code of lanes for each batch."""

    def __init__(
        self,
        program: TrainingProgram,
        careful: bool,
        job: int,
        backward: int,
        updates: list[LaneUpdate] | None,
    ) -> None:
        self._job, self._backward, self._updates = job, backward, updates
        super().__init__(program, careful)

    def _rows(self, step: str) -> str:
        """The mean loss over the rows of a batch; its gradient is put into `work`."""
        writer, tape = self.writer, self.program.loss
        start = writer.word("%ends", step)
        count = writer.value(f"sub i64 {writer.word('%ends', writer.value(f'add i64 {step}, 1'))}, {start}")
        given = self._array("u")
        for leaf, place, length in _runs(self.program.places):
            with writer.each(0, length) as k:
                number = writer.load("%numbers", writer.value(f"add i64 {k}, {place}"))
                writer.store(number, given, writer.value(f"add i64 {k}, {tape.inputs + leaf}"))
        order = writer.value(f"ptrtoint {writer.pointer} {writer.at('%order', start)} to i64")
        flags = self._called(self._job, self._backward, order, count)
        held = writer.value(f"icmp ult i64 {flags}, 2")
        writer.leave_unless(held, "unbegun")
        outputs, width, total = self._array("outputs"), len(tape.outputs), Sum("0.0")
        with writer.each(0, count, total) as sample:
            row = writer.at(outputs, writer.value(f"mul i64 {sample}, {width}"))
            for mark, entries in self._marks():
                self._mark(writer.load(row, mark.output), entries)
            total.now = writer.value(f"fadd double {total.now}, {writer.load(row, 0)}")
        number = writer.value(f"sitofp i64 {count} to double")
        self._add_slopes(writer, writer.value(f"fdiv double 1.0, {number}"))
        return writer.value(f"fdiv double {total.now}, {number}")

    def _add_slopes(self, writer: LoopWriter, share: str) -> None:
        sums = self._array("sums")
        for leaf, place, length in _runs(self.program.places, self.trained):
            with writer.each(0, length) as k:
                slope = writer.load(sums, writer.value(f"add i64 {k}, {self.program.loss.inputs + leaf}"))
                here = writer.value(f"add i64 {k}, {place}")
                mean = writer.value(f"fmul double {slope}, {share}")
                writer.store(writer.value(f"fadd double {writer.load('%work', here)}, {mean}"), "%work", here)

    def _update(self, step: str, group: int, rule: UpdateRule, offset: int) -> None:
        if self._updates is None:
            super()._update(step, group, rule, offset)
            return
        writer, update, size = self.writer, self._updates[group], rule.stop - rule.start
        place = writer.value(f"mul i64 {step}, {len(self.program.rules)}")
        given = self._pointer(update.rate)
        writer.store(writer.load("%rates", writer.value(f"add i64 {place}, {group}")), given, 0)
        count = writer.value(f"fadd double {writer.load('%counts', rule.start)}, 1.0")
        writer.store(count, given, 1)
        with writer.each(rule.start, rule.stop) as k:
            writer.store(count, "%counts", k)
        if update.once:
            self._called(update.once, 0, "0", "1")
        starts = [writer.at("%numbers", rule.start), writer.at("%work", rule.start)]
        starts += [writer.at("%state", offset + k * size) for k in range(rule.width)]
        columns, targets = self._pointer(update.columns), self._pointer(update.targets)
        for column, first in enumerate(starts):
            self._put_address(first, columns, column)
            if column != 1:
                self._put_address(first, targets, max(column - 1, 0))
        self._called(update.job, 0, "0", str(size))
        astray = Sum(writer.load("%work", self.bad))
        with writer.each(rule.start, rule.stop, astray) as k:
            number = writer.load("%numbers", k)
            astray.now = writer.value(
                f"fadd double {astray.now}, {writer.value(f'fsub double {number}, {number}')}"
            )
        writer.store(astray.now, "%work", self.bad)

    def _put_address(self, address: str, array: str, place: int) -> None:
        word = self.writer.value(f"ptrtoint {self.writer.pointer} {address} to i64")
        self.writer.store(self.writer.value(f"bitcast i64 {word} to double"), array, place)

    def _called(self, job: int, backward: int, order: str, count: str) -> str:
        """Run a batch; its flags."""
        writer = self.writer
        words = (str(job), str(backward), order, count, str(GROUPS), str(CHUNKS))
        kind = "ptr" if writer.pointer == "ptr" else f"i64 ({', '.join(['i64'] * len(words))})*"
        function = writer.value(f"inttoptr i64 {batch_address()} to {kind}")
        return writer.value(f"call i64 {function}({', '.join(f'i64 {word}' for word in words)})")

    def _pointer(self, address: int) -> str:
        return self.writer.value(f"inttoptr i64 {address} to {self.writer.pointer}")

    def _array(self, name: str) -> str:
        """An array of the job, as a pointer to its first number."""
        writer = self.writer
        address = writer.word(self._pointer(self._job), FIELD[name])
        return writer.value(f"inttoptr i64 {address} to {writer.pointer}")


def _runs(places: Sequence[int], bound: float = math.inf) -> list[tuple[int, int, int]]:
    """Where places below the bound stand one behind the other: the first, its place, and how many."""
    found: list[tuple[int, int, int]] = []
    for leaf, place in enumerate(places):
        if place >= bound:
            continue
        if found and found[-1][0] + found[-1][2] == leaf and found[-1][1] + found[-1][2] == place:
            first, start, length = found.pop()
            found.append((first, start, length + 1))
        else:
            found.append((leaf, place, 1))
    return found
