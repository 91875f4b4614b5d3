"""One epoch of `fit`: for every batch gradients and a step, and then a look at what it gave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from ..engine import Value
from ..errors import AnomalyError, ArgumentError
from .clipping import clip_gradient_norm, clip_gradient_value
from .gradients import EagerGradients, gradients_of
from .history import History, TrainingError
from .inputs import shown
from .losses import Loss
from .metrics import Metric
from .model_state import ModelState
from .optimizers import Snapshot
from .preparing import Data, Plan
from .samples import is_finite
from .trouble import advice, find_origin, first_bad, name_of

__all__ = ["Batch", "Before", "Epochs", "Measured", "Sums", "gradients_for"]


class Measured(NamedTuple):
    """What an epoch gave."""

    loss: float
    penalty: float | None
    grad_norm: float
    lr: float
    val_loss: float | None
    metrics: dict[str, float]

    @property
    def watched(self) -> float:
        """The loss by which epochs are compared."""
        return self.loss if self.val_loss is None else self.val_loss


@dataclass
class Sums:
    """What comes together over the steps of an epoch."""

    loss: float = 0.0
    penalty: float = 0.0
    grad_norm: float = 0.0
    lr: float = 0.0


class Batch(NamedTuple):
    """The samples of a step."""

    rows: Sequence[list[float]]
    targets: Sequence[Any]
    indices: list[int]
    """Which of the training samples they are."""


class Before(NamedTuple):
    """What a step changes, as it was before, for going back."""

    optimizer: Snapshot
    buffers: list[Any]
    draws: list[Any]


def gradients_for(plan: Plan) -> EagerGradients:
    """What computes losses and gradients: graphs, or traces that are replayed."""
    of = plan.model, plan.loss, plan.penalty, plan.optimizer.parameters
    if plan.executor is None:
        return gradients_of(*of)
    from .compiled import CompiledGradients

    return CompiledGradients(*of, plan.executor)


class Epochs:
    """Runs epochs: the plan, and what changes from step to step."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.model = ModelState(plan.model)
        self.gradients = gradients_for(plan)
        self.data, self.held_out = plan.data, plan.held_out
        self.epoch = 0  # the one that is being run, or was run last
        self.attempt_epochs = self.attempt_steps = 0  # done since the last start
        self.good: Before | None = None  # before the newest step
        self.unseen = False  # nobody looks at the model between epochs

    def settle(self) -> None:
        """Let the model hold what was trained, if it does not yet. Here it always does."""

    def look(self) -> None:
        """Let the model answer one sample, to see that model, loss, metrics and targets fit together.

        Raises `ArgumentError`; the model is as before.
        """
        draws, buffers = self.model.draws(), self.model.buffer_numbers()
        try:
            width = self.gradients.width(self.data.samples[0])
        finally:
            self.model.put_buffers(buffers)
            self.model.put_draws(draws)
        self.data = self._suited(self.data, width, self.plan.metrics if self.held_out is None else ())
        self._prepare()
        if self.held_out is not None:
            try:
                self.held_out = self._suited(self.held_out, width, self.plan.metrics)
            except ArgumentError as error:
                raise ArgumentError(f"in the validation data, {error}") from error

    def _prepare(self) -> None:
        """Let what computes gradients see a batch; `CompileError` if it cannot be traced."""
        flags, size = self.model.is_training(), self.plan.batches[0][1]
        self.model.set_training(True)
        try:
            self.gradients.prepare(self.data.samples[:size], self.data.targets[:size])
        finally:
            self.model.set_training(flags)

    def _suited(self, data: Data, width: int, metrics: Sequence[Metric]) -> Data:
        """The data with their targets as the loss takes them; the metrics must be able to take them, too."""
        loss = self.plan.loss
        if isinstance(loss, Loss):
            data = Data(data.samples, list(loss.check(data.targets, width)))
        for metric in metrics:
            metric.check(data.targets, width)
        return data

    def run(self) -> Measured:
        """Every training sample once, and then what is measured after it."""
        self.epoch += 1
        self.model.set_training(True)
        sums, count = Sums(), len(self.data)
        order = list(range(count))
        if len(self.plan.batches) > 1:
            self.plan.streams.order.shuffle(order)
        self._steps(order, sums)
        self.attempt_epochs += 1
        val_loss, metrics = self._evaluation()
        penalty = None if self.plan.penalty is None else sums.penalty / len(self.plan.batches)
        return Measured(sums.loss / count, penalty, sums.grad_norm, sums.lr, val_loss, metrics)

    def renew(self) -> None:
        """Let gradients be computed of the model as it is now."""
        self.gradients = gradients_for(self.plan)

    def _steps(self, order: list[int], sums: Sums) -> None:
        """One step for each batch, of the samples in this order."""
        for start, end in self.plan.batches:
            self._step(self._batch(order[start:end]), sums)

    def _step(self, batch: Batch, sums: Sums) -> None:
        optimizer = self.plan.optimizer
        before = Before(optimizer._snapshot(), self.model.buffer_numbers(), self.model.draws())
        optimizer.zero_grad()
        try:
            loss, penalty, norm = self._gradients(batch, before)
            factor = self._factor()
            self.good = before
            optimizer.step(factor)
        except TrainingError:
            raise
        except AnomalyError:  # of a detect_anomaly() around fit; the step before is the culprit
            self._go_back()
            raise
        except BaseException:  # Ctrl-C too: what the model remembers belongs to the last finished step
            self.model.put_buffers(before.buffers)
            self.model.put_draws(before.draws)
            raise
        if not math.isfinite(sum([parameter.data for parameter in optimizer.parameters])):
            self._check_parameters(loss)
        self.attempt_steps += 1
        sums.loss += loss * len(batch.rows)
        sums.penalty += penalty
        sums.grad_norm = max(sums.grad_norm, norm)
        sums.lr = optimizer.lr * factor

    def _gradients(self, batch: Batch, before: Before) -> tuple[float, float, float]:
        """Loss, penalty and the norm of the gradient, which is then clipped."""
        plan, parameters = self.plan, self.plan.optimizer.parameters
        loss = self.gradients.loss_and_gradients(batch.rows, batch.targets)
        penalty = self.gradients.penalty_and_gradients()
        norm = math.hypot(*[parameter.grad for parameter in parameters])
        if not math.isfinite(norm + loss + penalty):
            self._check_finite(loss, penalty, batch, before)
        if norm == 0.0 and not any(parameter.has_grad for parameter in parameters):
            raise ArgumentError("the loss depends on no parameter of the optimizer: was fit called within "
                                "no_grad(), or does the model use Values that parameters() does not return?")
        if plan.clip_value is not None:
            clip_gradient_value(parameters, plan.clip_value)
        if plan.clip_norm is not None:
            clip_gradient_norm(parameters, plan.clip_norm)
        return loss, penalty, norm

    def _factor(self) -> float:
        """What the schedule makes of the learning rate at this step."""
        schedule = self.plan.schedule
        if schedule is None:
            return 1.0
        return schedule(self.attempt_steps if self.plan.by_step else self.attempt_epochs)

    # batches

    def _batch(self, indices: list[int]) -> Batch:
        samples, targets = self.data.samples, self.data.targets
        rows = [samples[k] for k in indices]
        if self.plan.augment is not None:
            rows = [self._augmented(row) for row in rows]
        return Batch(rows, [targets[k] for k in indices], indices)

    def _augmented(self, row: list[float]) -> list[float]:
        assert self.plan.augment is not None
        other: Any = self.plan.augment(list(row), self.plan.streams.noise)
        other = other.tolist() if hasattr(other, "tolist") else other
        if not isinstance(other, (list, tuple)) or len(other) != len(row) or not all(map(is_finite, other)):
            raise ArgumentError(f"augment(row, rng) returns a list of {len(row)} finite numbers, as long as "
                                f"the row it gets; got {shown(other)}")
        return list(other)

    # after the last batch

    def _evaluation(self) -> tuple[float | None, dict[str, float]]:
        """The loss of the samples held out, and their metrics; without them those of training."""
        metrics, held_out = self.plan.metrics, self.held_out
        if held_out is None and not metrics:
            return None, {}
        data = self.data if held_out is None else held_out
        loss, outputs = self.gradients.loss_and_outputs(data.samples, data.targets)
        return None if held_out is None else loss, {
            metric.name: metric.of(outputs, data.targets) for metric in metrics
        }

    # trouble

    def _check_finite(self, loss: float, penalty: float, batch: Batch, before: Before) -> None:
        """Raise `TrainingError` unless loss, penalty and gradients are finite, naming where it began."""
        parameters = self.plan.optimizer.parameters
        if not math.isfinite(loss):
            what = f"the loss is {loss}"
        elif not math.isfinite(penalty):
            what = f"the penalty is {penalty}"
        else:
            bad = first_bad(parameters, "grad")
            if bad is None:
                return  # only their norm is too large for a float
            what = f"the loss is {loss:.4g}, but a gradient is NaN or infinite"
        self.model.put_buffers(before.buffers)  # so that dropout drops the same
        self.model.put_draws(before.draws)
        numbers = [self.plan.numbers[k] for k in batch.indices]
        origin = find_origin(self.gradients.eager, batch.rows, batch.targets, numbers)
        self.model.put_buffers(before.buffers)
        self.model.put_draws(before.draws)
        self._give_up(what, origin)

    def _check_parameters(self, loss: float) -> None:
        bad = first_bad(self.plan.optimizer.parameters, "data")
        if bad is not None:
            self._give_up(f"the loss is {loss:.4g}, but the step made a parameter NaN or infinite", None, bad)

    def _give_up(self, what: str, origin: AnomalyError | None, bad: Value | None = None) -> NoReturn:
        lr = self.plan.optimizer.lr
        began = f" It began here: {origin}." if origin is not None else ""
        if bad is not None:
            began = f" It was {name_of(self.plan.model, bad)}, whose gradient was {bad.grad:.4g}."
        cure = advice(lr, has_stepped=self.good is not None)
        kept = self._go_back()
        words = f"{what} in epoch {self.epoch} (lr {lr:g}); {kept}.{began} {cure}"
        raise TrainingError(words, History(stopped=f"{what} in epoch {self.epoch}")) from origin

    def _go_back(self) -> str:
        """Put back what was there before the newest step; returns words for it."""
        self.plan.optimizer.zero_grad()
        if self.good is None:
            return "nothing was changed"
        self.plan.optimizer._restore(self.good.optimizer)
        self.model.put_buffers(self.good.buffers)
        self.model.put_draws(self.good.draws)
        return "the parameters are again the last good ones"
