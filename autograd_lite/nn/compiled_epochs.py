"""Epochs in compiled code: the steps are taken on arrays, and written back before anybody looks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..structures import flatten
from .compiled import CompiledGradients, needs_graphs
from .compiled_arrays import ArrayRun, Now, Steps
from .epochs import Before, Epochs, Sums
from .preparing import Plan

__all__ = ["CompiledEpochs"]


class _Arrays:
    """Steps, and where what they give is put. Made once: a native loop knows its arrays again."""

    def __init__(self, steps: Steps) -> None:
        count = len(steps)
        self.steps, self.measured = steps, np.empty((count, 3))
        self.but_last = steps.part(0, count - 1), self.measured[:-1]
        self.last = steps.part(count - 1, count), self.measured[-1:]


class CompiledEpochs(Epochs):
    """Runs epochs as `Epochs` does, many steps at once.

    A step that cannot be taken in arrays is taken as in `Epochs`: one with NaN or infinity, so that its
    origin is told, and one whose samples draw random numbers and branch.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._run: ArrayRun | None = None
        self._last: tuple[Before, Now] | None = None  # before the newest step, if that was taken in arrays
        self._waiting = False  # steps that are in the arrays only

    def settle(self) -> None:
        """Let the model hold what was trained."""
        if self._waiting and self._run is not None:
            self._run.push()
            self._waiting = False  # not before: Ctrl-C may come while it is written

    def _steps(self, order: list[int], sums: Sums) -> None:
        run = self._array_run()
        rates = self._rates()
        if rates is None or self.plan.augment is not None or needs_graphs():
            self.settle()
            super()._steps(order, sums)
            return
        steps = self._arrays.steps
        steps.order[:] = order
        steps.rates[:] = rates
        at = 0
        while at < len(steps):
            at += self._taken(run, steps, at, sums)
            if at < len(steps):
                start, end = self.plan.batches[at]
                self._step(self._batch(order[start:end]), sums)
                at += 1

    def _taken(self, run: ArrayRun, steps: Steps, at: int, sums: Sums) -> int:
        """Take the steps from `at` on, as far as that can be done in arrays; returns how many were taken.

        Where the next has NaN or infinity in it, the last that could be taken is left out, too: `Epochs` goes
        back to what was before that one.
        """
        arrays = self._arrays if at == 0 else _Arrays(steps.part(at, len(steps)))
        steps, measured = arrays.steps, arrays.measured
        draws, count = self.model.draws(), len(steps)
        if not self._waiting:
            run.pull()
        self._waiting = True
        start = run.snapshot()
        try:
            done = run.take(*arrays.but_last) if count > 1 else 0
            if done == count - 1:
                last = Before(([], []), [], self.model.draws()), run.snapshot()
                done += run.take(*arrays.last)
        except BaseException:  # Ctrl-C too: the model is that of the last finished step
            self.settle()
            raise
        if done == count and run.is_finite():
            self.good, self._last = last[0], last
            if not self.unseen:
                self.settle()
        else:
            done = max(done - 1, 0)
            self.model.put_draws(draws)
            run.now = start
            if done:
                run.take(steps.part(0, done), measured[:done])
            self.settle()
        self._note(measured[:done], steps.rates, at, sums)
        return done

    def _note(self, measured: Any, rates: Any, at: int, sums: Sums) -> None:
        """Add up what steps gave, in their order, as one at a time would."""
        batches = self.plan.batches[at : at + len(measured)]
        for (start, end), (loss, penalty, norm) in zip(batches, measured.tolist(), strict=True):
            sums.loss += loss * (end - start)
            sums.penalty += penalty
            sums.grad_norm = max(sums.grad_norm, norm)
        self.attempt_steps += len(measured)
        if len(measured):
            sums.lr = float(rates[len(measured) - 1, 0])

    def _rates(self) -> list[list[float]] | None:
        """The learning rates of the groups for each step, or one row for all of them.

        None where the schedule cannot tell them ahead.
        """
        first, count = self.attempt_steps, len(self.plan.batches)
        try:
            factors = []
            for step in range(count if self.plan.by_step else 1):
                self.attempt_steps = first + step
                factors.append(self._factor())
        except Exception:  # a function of the user's: it fails again when its step comes
            return None
        finally:
            self.attempt_steps = first
        if not all(0.0 <= factor < np.inf for factor in factors):
            return None
        groups = [group.lr for group in self.plan.optimizer.groups]
        return [[lr * factor for lr in groups] for factor in factors]

    def _array_run(self) -> ArrayRun:
        """The arrays for the gradients as they are now."""
        plan = self.plan
        if self._run is None:
            assert isinstance(self.gradients, CompiledGradients)
            self.gradients.state = self.model  # which knows of generators that are made anew
            self._run = ArrayRun(self.gradients, plan.optimizer, plan.clip_value, plan.clip_norm)
            self._run.batches.load(self.data.samples, self.data.targets)
            ends = np.array([0, *(end for _, end in plan.batches)], dtype=np.int64)
            rates = np.ones((len(plan.batches), len(plan.optimizer.groups)))
            self._arrays = _Arrays(Steps(np.zeros(ends[-1], dtype=np.int64), ends, rates))
        return self._run

    def renew(self) -> None:
        """Let gradients be computed of the model as it is now."""
        self._remember_in_full()
        super().renew()
        self._run = None

    def _go_back(self) -> str:
        self._remember_in_full()
        return super()._go_back()

    def _remember_in_full(self) -> None:
        """Let `good` hold what was before the newest step, if that is in arrays."""
        if self._last is not None and self.good is self._last[0] and self._run is not None:
            before, now = self._last
            rebuilt = flatten(self.model.buffer_numbers())[1]
            buffers = rebuilt(now.shared.tolist()) if self.model.buffers else []
            self.good = before._replace(optimizer=self._run.as_snapshot(now), buffers=buffers)
