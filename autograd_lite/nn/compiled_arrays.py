"""A training held in arrays: parameters, optimizer state and data, with which many steps are taken at once.

`pull` reads the model and the optimizer, `take` takes steps, `push` writes back what they made. Small models
run in one native loop (`compiling.training`); for others each gradient is a call of an executor, and the step
is made on arrays.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..compiling.array_training import ArrayRule, stepped
from ..compiling.branches import Branch
from ..compiling.row_traces import RowTraces
from ..compiling.training import TrainingState
from ..rules import UNREACHED
from .calling import without_scopes
from .compiled import CompiledGradients
from .compiled_batches import ArrayBatches
from .compiled_kernels import Native, native
from .groups import Memory, with_settings
from .optimizers import Optimizer, Snapshot

__all__ = ["ArrayRun", "Now", "Steps"]


_SECONDS = 0.1
"""About how long the native loop runs in one go: meanwhile Ctrl-C is not heard."""


class Steps(NamedTuple):
    """Steps to take: which samples make the batch of each, and with which learning rates."""

    order: Any
    """(positions,) int64: samples."""
    ends: Any
    """(steps + 1,) int64: where in `order` batches begin and end."""
    rates: Any
    """(steps, groups) float64"""

    def __len__(self) -> int:
        return len(self.ends) - 1

    def part(self, start: int, stop: int) -> Steps:
        """Some of the steps."""
        first, last = self.ends[start], self.ends[stop]
        return Steps(self.order[first:last], self.ends[start : stop + 1] - first, self.rates[start:stop])


class Now(NamedTuple):
    """All that steps change. It is put in the place of the old at once, so that no step is half done."""

    state: TrainingState
    shared: Any
    """The buffers."""
    reached: Any
    """(trained,) bool: what the newest step reached."""
    finished: int
    """The steps since `pull`."""


class ArrayRun:
    """A training in arrays. Steps change nothing of model and optimizer until `push`."""

    def __init__(
        self,
        gradients: CompiledGradients,
        optimizer: Optimizer,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.gradients, self.optimizer = gradients, optimizer
        self.clip_value, self.clip_norm = clip_value, clip_norm
        self.trained = gradients.trained
        self.batches = ArrayBatches(gradients, self.push)
        own = set(map(id, self.trained))
        self._frozen = [each for each in optimizer.parameters if id(each) not in own]
        self._members = [[k for k, each in enumerate(group.parameters) if id(each) in own]
                         for group in optimizer.groups]  # fmt: skip
        self.rules: list[ArrayRule] = []
        self._settings: Any = None
        self._native: Native | None = None
        self._native_of: Branch | None = None
        self._at_once = 1
        """How many steps the native loop takes in one go."""
        self.now: Now

    # model and optimizer

    def pull(self) -> None:
        """Read parameters, buffers and the optimizer's state, as they are now."""
        settings = [dict(group.settings) for group in self.optimizer.groups]
        if settings != self._settings:
            self.rules, self._settings, self._native_of = self._made_rules(), settings, None
        columns: list[float] = []
        counts: list[int] = []
        for group, members in zip(self.optimizer.groups, self._members, strict=True):
            steps, state = group.memory
            counts += [steps[k] for k in members]
            columns += [column[k] for column in state for k in members]
        numbers = [parameter._data for parameter in self.trained]
        blank = np.zeros(len(self.trained))
        read = [np.array(part, dtype=float) for part in (numbers, columns, counts)]
        state_now = TrainingState(read[0], read[1], read[2], blank)
        shared = np.array(self.gradients.shared(), dtype=float)
        self.now = Now(state_now, shared, blank.astype(bool), 0)

    def push(self) -> None:
        """Write back what the steps made."""
        state, shared, reached, finished = self.now
        numbers, memories = self.as_snapshot(self.now)
        self.optimizer._restore((numbers, memories))
        if finished:
            slopes = state.gradient.tolist()
            for parameter, slope, has in zip(self.trained, slopes, reached.tolist(), strict=True):
                parameter.grad = slope if has else UNREACHED
            for parameter in self._frozen:
                parameter.grad = UNREACHED
        self.gradients.put_shared(shared.tolist())

    def as_snapshot(self, now: Now) -> Snapshot:
        """What the optimizer changes, as its `_snapshot` gives it."""
        numbers = now.state.numbers.tolist()
        own = {id(each): number for each, number in zip(self.trained, numbers, strict=False)}
        listed = [own.get(id(each), each._data) for each in self.optimizer.parameters]
        return listed, list(self._memories(now.state))

    def _memories(self, state: TrainingState) -> list[Memory]:
        made: list[Memory] = []
        offset = start = 0
        for group, members in zip(self.optimizer.groups, self._members, strict=True):
            size, (counts, columns) = len(members), group.memory
            steps = list(counts)
            for k, number in zip(members, state.counts[start : start + size].tolist(), strict=True):
                steps[k] = int(number)
            start += size
            after = [list(column) for column in columns]
            for column in after:
                for k, number in zip(members, state.state[offset : offset + size].tolist(), strict=True):
                    column[k] = number
                offset += size
            made.append((steps, after))
        return made

    def snapshot(self) -> Now:
        """What `now` may be set to again, once."""
        copies = {name: numbers.copy() for name, numbers in vars(self.now.state).items()}
        return self.now._replace(state=TrainingState(**copies))

    def _made_rules(self) -> list[ArrayRule]:
        made, start = [], 0
        for group, members in zip(self.optimizer.groups, self._members, strict=True):
            rule = with_settings(type(self.optimizer).update, group.settings)
            made.append(ArrayRule(rule, start, start + len(members), len(group.start)))
            start += len(members)
        return made

    # steps

    def native(self, size: int) -> Native | None:
        """The native loop for batches of that size without random numbers, whose state is `now.state`."""
        traces = self.batches.traces(size, self.now.shared)
        kernel = self._kernel(traces, size)
        if kernel is None or traces.branches[0].draws:
            return None
        numbers = self.batches.numbers(self.now.state.numbers, traces)
        self.now = self.now._replace(state=replace(self.now.state, numbers=numbers), reached=kernel.reached)
        return kernel

    def count_steps(self, count: int) -> None:
        """Say that the native loop took so many steps."""
        reached = self.now.reached | (self.now.state.gradient != 0.0)
        self.now = self.now._replace(finished=self.now.finished + count, reached=reached)

    def take(self, steps: Steps, measured: Any) -> int:
        """Take steps until one cannot be taken here; returns how many were finished.

        A step that cannot is one whose loss or gradient is not finite (or made a parameter so, which counts
        as finished), and one whose samples go a way that this run cannot follow. `measured` (steps, 3) gets
        loss, penalty and norm of each.
        """
        traces = self.batches.traces(int(steps.ends[1]), self.now.shared)
        draws, before = traces.branches[0].draws, self.now.finished
        row_ends = steps.ends if self.gradients.by_sample else range(len(steps) + 1)
        kernel = self._kernel(traces, int(steps.ends[1]))
        undo = traces.remember() if draws else None
        try:
            drawn = np.array([[draw() for draw in draws] for _ in range(row_ends[-1])]) if draws else None
            with np.errstate(all="ignore"):
                if kernel is None:
                    self._one_by_one(drawn, row_ends, steps, measured)
                else:
                    self._natively(kernel, traces, drawn, steps, measured)
        finally:
            done = self.now.finished - before
            if undo is not None and done < len(steps):  # the generators stand where the last step left them
                undo()
                for draw in draws * int(row_ends[done]):
                    draw()
        return done

    def _natively(self, kernel: Native, traces: RowTraces, drawn: Any, steps: Steps, measured: Any) -> None:
        rows = self.batches.rows
        if drawn is not None:
            rows = np.concatenate([rows[steps.order], drawn], axis=1)
            steps = Steps(np.arange(len(steps.order)), steps.ends, steps.rates)
        state = replace(self.now.state, numbers=self.batches.numbers(self.now.state.numbers, traces))
        self.now = self.now._replace(state=state)  # which the loop writes in place
        measured[:] = np.nan  # Ctrl-C may come before the count of steps is known
        at = 0
        try:
            while at < len(steps):
                part, own = steps, measured
                if at or len(steps) > self._at_once:
                    part = steps.part(at, min(at + self._at_once, len(steps)))
                    own = measured[at : at + len(part)]
                began = time.perf_counter()
                done = kernel.kernel.run(state, rows, part.order, part.ends, part.rates, own)
                seconds = max(time.perf_counter() - began, 1e-9)
                at += done
                if done < len(part) or not self.is_finite():
                    break
                self._at_once = max(1, int(min(_SECONDS / seconds, 1e6) * done))
        finally:
            done = int(np.count_nonzero(measured[:, 2] == measured[:, 2]))
            reached = kernel.reached | (state.gradient != 0.0)
            self.now = self.now._replace(reached=reached, finished=self.now.finished + done)

    def is_finite(self) -> bool:
        """Whether all that is trained is."""
        return bool(np.isfinite(self.now.state.numbers[: len(self.trained)]).all())

    def _one_by_one(self, drawn: Any, row_ends: Any, steps: Steps, measured: Any) -> None:
        for index, rates in enumerate(steps.rates.tolist()):
            now = self.now
            some = steps.order[steps.ends[index] : steps.ends[index + 1]]
            own = None if drawn is None else drawn[row_ends[index] : row_ends[index + 1]]
            found = self.batches.gradient(some, own, now.state.numbers, now.shared)
            if found is None:
                return
            gradient, shared = found
            norm = gradient.norm
            if not math.isfinite(gradient.loss + gradient.penalty + norm) or not gradient.reached.any():
                return
            state = stepped(now.state, gradient, self.rules, rates, self.clip_value, self.clip_norm)
            measured[index] = gradient.loss, gradient.penalty, norm
            self.now = Now(state, shared, gradient.reached, now.finished + 1)
            if not self.is_finite():
                return

    def _kernel(self, traces: RowTraces, size: int) -> Native | None:
        """The native loop, if there is one for these traces; it is made for batches of about that size."""
        branch = traces.branches[0]
        if not self.gradients.by_sample or len(traces.branches) > 1 or len(self.now.shared):
            return None
        if self._native_of is not branch:
            clips = self.clip_value, self.clip_norm
            self._native = without_scopes(native, self.gradients, branch, self.rules, *clips, size)
            self._native_of = branch
        return self._native
