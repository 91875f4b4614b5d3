"""The machine code of a step of training: `training.py` says what a step is.

The loss of a row and its gradient stand there as straight lines, within a loop over the rows of a batch,
within a loop over steps; the optimizer's rule stands in a loop over parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from .differentiating import gradient_tape, parted
from .llvm_engine import pointer
from .llvm_loops import LoopWriter, Sum
from .llvm_text import lowered, number
from .tape import Tape
from .training import Mark, TrainingProgram, UpdateRule

__all__ = ["ARRAYS", "NUMBERS", "TrainingText"]

ARRAYS = (
    "numbers", "state", "counts", "gradient", "rows", "order", "ends", "rates", "measured", "work", "tables",
)  # fmt: skip
"""What a call is given: the addresses of these arrays,"""
NUMBERS = ("columns", "first", "steps")
"""and these numbers behind them."""

# squares of numbers beyond these overflow or vanish, and a norm is computed of scaled numbers
_LARGE, _SMALL = 1e280, 1e-280


class TrainingText:
    """The function that takes steps.

    It gives how many were finished, or ~step if the gradient of that step was NaN and it was not `careful`.
    Of `work`, the first numbers are the gradient, then one for each parameter: whether it is reached.
    """

    def __init__(self, program: TrainingProgram, careful: bool) -> None:
        self.program = program
        self.careful = careful
        self.trained = program.trained
        self.partly = bool(program.marks) or 0 in program.reached
        self.room = 2 * program.trained + 2
        self.bad = self.room - 1  # the place of a number that is NaN after a step that went astray
        self.writer = writer = LoopWriter(pointer())
        norm = _norm(pointer())
        for place, name in enumerate((*ARRAYS, *NUMBERS)):
            word = writer.word("%given", place)
            kind = f"inttoptr i64 {word} to {writer.pointer}" if name in ARRAYS else f"add i64 {word}, 0"
            writer.line(f"%{name} = {kind}")
        with writer.each("%first", "%steps") as step:
            self._step(step)
        writer.line("ret i64 %steps")
        for label, result in (
            ("unbegun", step),
            ("again", f"xor i64 {step}, -1"),
            ("done", f"add i64 {step}, 1"),
        ):
            writer.label(label)
            writer.line(f"ret i64 {writer.value(result) if ' ' in result else result}")
        writer.calls.update(norm.calls)
        self.source = writer.module(
            f"define i64 @run({writer.pointer} %given)",
            [norm.function(f"define private double @norm({writer.pointer} %g, i64 %n)")],
        )
        self.externals = writer.externals()

    def _step(self, step: str) -> None:
        writer, program, trained = self.writer, self.program, self.trained
        with writer.each(0, trained) as k:
            writer.store("0.0", "%work", k)
        if self.partly:
            with writer.each(0, trained + 1) as k:
                place = writer.value(f"add i64 {k}, {trained}")
                writer.store(writer.load("%tables", k), "%work", place)
        loss = self._rows(step)
        penalty = self._penalty() if program.penalty is not None else "0.0"
        writer.leave_unless(writer.is_finite(loss), "unbegun")
        writer.leave_unless(writer.is_finite(penalty), "unbegun")
        norm = self._norm()
        if not self.careful:
            writer.leave_unless(writer.value(f"fcmp ord double {norm}, {norm}"), "again")
        writer.leave_unless(writer.is_finite(norm), "unbegun")
        self._clip()
        writer.store("0.0", "%work", self.bad)
        offset = 0
        for group, rule in enumerate(program.rules):
            self._update(step, group, rule, offset)
            offset += rule.width * (rule.stop - rule.start)
        with writer.each(0, trained) as k:
            writer.store(writer.load("%work", k), "%gradient", k)
        first = writer.value(f"mul i64 {step}, 3")
        measured = writer.at("%measured", first)
        for column, each in enumerate((loss, penalty, norm)):
            writer.store(each, measured, column)
        writer.leave_unless(writer.is_finite(writer.load("%work", self.bad)), "done")

    def _rows(self, step: str) -> str:
        """The mean loss over the rows of a batch; its gradient is put into `work`."""
        writer, program = self.writer, self.program
        start = writer.word("%ends", step)
        stop = writer.word("%ends", writer.value(f"add i64 {step}, 1"))
        total = Sum("0.0")
        with writer.each(start, stop, total) as position:
            row = writer.value(f"mul i64 {writer.word('%order', position)}, %columns")
            row = writer.at("%rows", row)
            given = [writer.load(row, column) for column in range(program.loss.inputs)]
            outputs = self._with_gradients(program.loss, given, program.places)
            for mark, entries in self._marks():
                self._mark(outputs[mark.output], entries)
            total.now = writer.value(f"fadd double {total.now}, {outputs[0]}")
        count = writer.value(f"sitofp i64 {writer.value(f'sub i64 {stop}, {start}')} to double")
        share = writer.value(f"fdiv double 1.0, {count}")
        with writer.each(0, self.trained) as k:
            writer.store(writer.value(f"fmul double {writer.load('%work', k)}, {share}"), "%work", k)
        return writer.value(f"fdiv double {total.now}, {count}")

    def _with_gradients(self, tape: Tape, given: Sequence[str], places: Sequence[int]) -> list[str]:
        """The outputs of a tape; the gradient of the first is added to `work`."""
        writer = self.writer
        trained = [k for k, place in enumerate(places) if place < self.trained]
        wanted = [tape.inputs + k for k in trained]
        seeds = [1.0] + [0.0] * (len(tape.outputs) - 1)
        both = lowered(gradient_tape(tape, wanted, careful=self.careful, seeds=seeds))
        leaves = [*given, *(writer.load("%numbers", place) for place in places)]
        numbers = writer.program(both, leaves)
        if both.guards:
            held = writer.value(f"icmp eq i64 {writer.missed(numbers, both)}, -1")
            writer.leave_unless(held, "unbegun")
        results = [numbers.double(output) for output in both.outputs]
        for k, slope in zip(trained, results[len(tape.outputs) :], strict=True):
            before = writer.load("%work", places[k])
            writer.store(writer.value(f"fadd double {before}, {slope}"), "%work", places[k])
        return results[: len(tape.outputs)]

    def _penalty(self) -> str:
        penalty = self.program.penalty
        assert penalty is not None
        return self._with_gradients(penalty, [], self.program.penalty_places)[0]

    def _marks(self) -> list[tuple[Mark, int]]:
        """The marks, each with the place of its entries among the tables."""
        found, place = [], self.trained + 1
        for mark in self.program.marks:
            found.append((mark, place))
            place += len(mark.entries)
        return found

    def _mark(self, index: str, entries: int) -> None:
        """Note that an entry of a table of parameters was reached; -1 falls on a place that nobody reads."""
        writer = self.writer
        place = writer.value(f"add i64 {writer.value(f'fptosi double {index} to i64')}, {entries}")
        entry = writer.value(f"fptosi double {writer.load('%tables', place)} to i64")
        none = writer.value(f"icmp slt i64 {entry}, 0")
        known = writer.value(f"select i1 {none}, i64 {self.trained}, i64 {entry}")
        writer.store("1.0", "%work", writer.value(f"add i64 {known}, {self.trained}"))

    def _norm(self) -> str:
        pointer_type = self.writer.pointer
        return self.writer.value(f"call double @norm({pointer_type} %work, i64 {self.trained})")

    def _clip(self) -> None:
        writer, limit = self.writer, self.program.clip_value
        if limit is not None:
            with writer.each(0, self.trained) as k:
                slope = writer.load("%work", k)
                for word, bound in (("olt", number(-limit)), ("ogt", number(limit))):
                    beyond = writer.value(f"fcmp {word} double {slope}, {bound}")
                    slope = writer.value(f"select i1 {beyond}, double {bound}, double {slope}")
                writer.store(slope, "%work", k)
        limit = self.program.clip_norm
        if limit is not None:
            length = writer.value(f"fadd double {self._norm()}, {number(1e-6)}")
            scale = writer.value(f"fdiv double {number(limit)}, {length}")
            with (
                writer.when(writer.value(f"fcmp olt double {scale}, 1.0")),
                writer.each(0, self.trained) as k,
            ):
                writer.store(writer.value(f"fmul double {writer.load('%work', k)}, {scale}"), "%work", k)

    def _update(self, step: str, group: int, rule: UpdateRule, offset: int) -> None:
        """The optimizer's rule for the parameters of a group that were reached."""
        writer, count = self.writer, rule.tape.inputs
        parts = parted(rule.tape, [True] * (count - 2) + [False, False])
        shared, own = lowered(parts.shared), lowered(parts.own)
        known = self.room  # the places of a count, and of what depends on that and the rate alone
        self.room += 1 + len(shared.outputs)
        groups = len(self.program.rules)
        rate = writer.load(
            "%rates", writer.value(f"add i64 {writer.value(f'mul i64 {step}, {groups}')}, {group}")
        )
        writer.store("-1.0", "%work", known)
        with writer.each(rule.start, rule.stop) as k, self._if_reached(k):
            t = writer.value(f"fadd double {writer.load('%counts', k)}, 1.0")
            writer.store(t, "%counts", k)
            with writer.when(writer.value(f"fcmp une double {t}, {writer.load('%work', known)}")):
                numbers = writer.program(shared, [rate, t])
                for j, output in enumerate(shared.outputs):
                    writer.store(numbers.double(output), "%work", known + 1 + j)
                writer.store(t, "%work", known)
            place = writer.value(f"add i64 {k}, {offset - rule.start}")
            state = [writer.at("%state", place)]
            for _ in range(rule.width - 1):
                state.append(writer.at(state[-1], rule.stop - rule.start))
            leaves = [writer.load("%numbers", k), writer.load("%work", k)]
            leaves += [writer.load(each, 0) for each in state[: rule.width]]
            leaves += [writer.load("%work", known + 1 + j) for j in range(len(shared.outputs))]
            numbers = writer.program(own, leaves)
            following, *kept = [numbers.double(output) for output in own.outputs]
            writer.store(following, "%numbers", k)
            for number_, each in zip(kept, state, strict=False):
                writer.store(number_, each, 0)
            astray = writer.value(f"fsub double {following}, {following}")
            before = writer.load("%work", self.bad)
            writer.store(writer.value(f"fadd double {before}, {astray}"), "%work", self.bad)

    def _if_reached(self, k: str) -> AbstractContextManager[None]:
        writer = self.writer
        if not self.partly:
            return nullcontext()
        mark = writer.load("%work", writer.value(f"add i64 {k}, {self.trained}"))
        return writer.when(writer.value(f"fcmp une double {mark}, 0.0"))


def _norm(pointer_type: str) -> LoopWriter:
    """A function: √Σ gᵢ², of scaled numbers where squares overflow or vanish."""
    writer = LoopWriter(pointer_type)
    squares = Sum("0.0")
    with writer.each(0, "%n", squares) as k:
        each = writer.load("%g", k)
        squares.now = writer.value(
            f"fadd double {squares.now}, {writer.value(f'fmul double {each}, {each}')}"
        )
    vast = writer.value(f"fcmp ogt double {squares.now}, {number(_LARGE)}")
    tiny = writer.value(f"fcmp olt double {squares.now}, {number(_SMALL)}")
    outside = writer.value(f"or i1 {vast}, {tiny}")
    with writer.when(writer.value(f"xor i1 {outside}, true")):  # NaN, too
        writer.line(f"ret double {writer.call('sqrt', [squares.now])}")
        writer.label(writer.fresh("never"))
    largest = Sum("0.0")
    with writer.each(0, "%n", largest) as k:
        size = writer.call("fabs", [writer.load("%g", k)])
        more = writer.value(f"fcmp ogt double {size}, {largest.now}")
        largest.now = writer.value(f"select i1 {more}, double {size}, double {largest.now}")
    top = largest.now
    nothing = writer.value(f"fcmp oeq double {top}, 0.0")
    endless = writer.value(f"fcmp oeq double {top}, {number(math.inf)}")
    with writer.when(writer.value(f"or i1 {nothing}, {endless}")):
        writer.line(f"ret double {top}")
        writer.label(writer.fresh("never"))
    scaled = Sum("0.0")
    with writer.each(0, "%n", scaled) as k:
        each = writer.value(f"fdiv double {writer.load('%g', k)}, {top}")
        scaled.now = writer.value(f"fadd double {scaled.now}, {writer.value(f'fmul double {each}, {each}')}")
    length = writer.call("sqrt", [scaled.now])
    writer.line(f"ret double {writer.value(f'fmul double {top}, {length}')}")
    return writer
