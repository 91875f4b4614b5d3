"""The course of a training: epoch after epoch, attempt after attempt, until something ends it."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, NamedTuple

from ..errors import ArgumentError
from .epochs import Epochs, Measured
from .history import EpochEnd, History
from .model_state import Weights
from .modules import Module
from .preparing import Plan
from .restarts import Plateau
from .stopping import Lowest

__all__ = ["Ending", "Training"]


class Ending(NamedTuple):
    """Why training ended: the kind ("epochs", "patience", "callback") and words for people."""

    kind: str
    words: str


def epochs_of(plan: Plan) -> Epochs:
    """What runs epochs: in compiled code many steps at once, where NumPy is there and asked for."""
    if plan.executor in (None, "python") or find_spec("numpy") is None:
        return Epochs(plan)
    from .compiled_epochs import CompiledEpochs

    return CompiledEpochs(plan)


class Training:
    """A training that is going on: what has happened so far, and what is to happen next."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.epochs = epochs_of(plan)
        self.history = History()
        self.attempt, self.first_epoch = 1, 1
        self.best, self.attempt_best = Lowest(), Lowest()
        self.best_weights: Weights | None = None
        self.plateau = Plateau(plan.restarts)
        self.ending: Ending | None = None
        self.first_rates = self._rates()
        model, schedule = self.epochs.model, plan.schedule
        self.before = (model.is_training(), model.gradients(),
                       {} if schedule is None else schedule.state_dict())
        self.clock = time.perf_counter()  # moved back by the seconds of the runs before, when resumed

    @property
    def keeps_best(self) -> bool:
        """Whether the model gets the best epoch's weights at the end."""
        return self.plan.patience is not None or self.plan.restarts.times > 0

    def look(self) -> None:
        """See that everything fits together, `ArgumentError` if it does not; the schedule starts anew."""
        self.epochs.look()
        if self.plan.restarts.times > 0:
            self._check_reset()
        if self.plan.schedule is not None:
            self.plan.schedule.reset()
        if self.plan.epochs == 0:
            self.ending = Ending("epochs", "all 0 epochs done")

    def is_watched(self) -> bool:
        """Whether anything beside callbacks and checkpoints looks at the model between epochs."""
        plan = self.plan
        return self.keeps_best or plan.held_out is not None or bool(plan.metrics)

    def leave(self, history: History | None) -> None:
        """The model is left in `eval()`. After an error before the first step nothing at all is changed."""
        self.epochs.settle()
        model, schedule = self.epochs.model, self.plan.schedule
        if history is not None or self.epochs.good is not None or self.attempt > 1:
            model.set_training(False)
            return
        flags, gradients, seen = self.before
        model.set_training(flags)
        model.put_gradients(gradients)
        if schedule is not None:
            schedule.load_state_dict(seen)

    def take_note(self, measured: Measured) -> None:
        """Write the epoch into the history; keep its weights if they are the best."""
        plan, epoch = self.plan, self.epochs.epoch
        self.history._add(
            time.perf_counter() - self.clock, measured.metrics, epoch=epoch, attempt=self.attempt,
            loss=measured.loss, penalty=measured.penalty, val_loss=measured.val_loss, lr=measured.lr,
            grad_norm=measured.grad_norm,
        )  # fmt: skip
        if self.best.sees(measured.watched, epoch) and self.keeps_best:
            self.best_weights = self.epochs.model.weights()
        self.attempt_best.sees(measured.watched, epoch)
        if plan.restarts.times > 0:
            self.plateau.sees(measured.loss, epoch)
        if plan.schedule is not None:
            plan.schedule.observe(measured.watched)

    def event(self, measured: Measured) -> EpochEnd:
        """What callbacks are told of the epoch."""
        plan = self.plan
        return EpochEnd(
            self.epochs.epoch, plan.epochs, measured.loss, measured.lr, plan.model, plan.optimizer,
            self.history, measured.val_loss, measured.metrics, self.attempt,
        )  # fmt: skip

    def decide(self, told: object) -> bool:
        """What comes after an epoch: the next, an end, or another start (and then True is returned).

        `told` is what a callback returned to stop training, or something false.
        """
        plan, epoch = self.plan, self.epochs.epoch
        patience, restarts_left = plan.patience, self.attempt <= plan.restarts.times
        if told:
            words = told if isinstance(told, str) else f"a callback stopped it after epoch {epoch}"
            self.ending = Ending("callback", words)
        elif restarts_left and self.plateau.is_stuck(epoch):
            lowest = self.plateau.lowest
            self._start_again(f"stuck: {plan.restarts.patience} epochs without a loss clearly below "
                              f"{lowest.loss:.4g}")
            return True
        elif patience is not None and self.attempt_best.epochs_ago(epoch) >= patience:
            what = "val_loss" if plan.held_out is not None else "loss"
            words = f"{patience} epoch{'s' * (patience != 1)} without a lower {what}"
            if restarts_left and not self.plateau.has_learnt():
                self._start_again(words)
                return True
            self.ending = Ending("patience", words)
        elif self.epochs.attempt_epochs >= plan.epochs:
            self.ending = Ending("epochs", f"all {plan.epochs} epochs done")
        return False

    def finish(self) -> History:
        """The model gets the weights that are wanted; returns the whole history."""
        assert self.ending is not None
        ended, early = self.ending.words, self.ending.kind != "epochs"
        words = ended
        if self.best_weights is not None:
            self.epochs.model.put_weights(self.best_weights)
            words += f"; the model has the weights of epoch {self.best.epoch}, the best"
        return self._told(words, ended, early)

    def interrupted(self) -> History:
        """The history after Ctrl-C."""
        if self.ending is not None:  # it came when all was done but for the end
            return self.finish()
        self.history._drop_unfinished()
        ended = f"interrupted by Ctrl-C in epoch {max(1, self.epochs.epoch)}"
        words = f"{ended}; the model is that of the last finished step"
        if self.attempt > 1 and self.best_weights is not None:
            self.epochs.model.put_weights(self.best_weights)
            words = f"{ended}; the model has the weights of epoch {self.best.epoch}, the best of all attempts"
        return replace(self._told(words, ended), interrupted=True)

    def failed(self, words: str) -> History:
        """The history after NaN or infinity, which `words` tell of."""
        return self._told(words, words)

    def _told(self, words: str, ended: str, early: bool = False) -> History:
        attempts = [*self.history.attempts]
        if len(self.history) >= self.first_epoch:
            attempts.append(self._record(ended))
        return replace(self.history, attempts=attempts, best_epoch=self.best.epoch, stopped=words,
                       stopped_early=early)

    def _record(self, ended: str) -> dict[str, Any]:
        """One attempt, told in plain data."""
        return {
            "attempt": self.attempt, "first_epoch": self.first_epoch, "last_epoch": len(self.history),
            "best_epoch": self.attempt_best.epoch, "best_loss": self.attempt_best.loss, "ended": ended,
        }  # fmt: skip

    # another start

    def _start_again(self, why: str) -> None:
        """Draw what is trained again; optimizer and schedule start as they did. Wholly or not at all."""
        plan, model = self.plan, self.epochs.model
        before = plan.optimizer._snapshot(), model.weights(), model.draws(), self._rates()
        try:
            self._reset(plan.streams.starts)
            plan.optimizer.reset()
            self._put_rates(self.first_rates)
            if plan.schedule is not None:
                plan.schedule.reset()
        except BaseException:  # Ctrl-C too
            plan.optimizer._restore(before[0])
            model.put_weights(before[1])
            model.put_draws(before[2])
            self._put_rates(before[3])
            raise
        self.history.attempts.append(self._record(why))
        self.attempt, self.first_epoch = self.attempt + 1, self.epochs.epoch + 1
        self.epochs.attempt_epochs = self.epochs.attempt_steps = 0
        self.epochs.good = None
        self.attempt_best, self.plateau = Lowest(), Plateau(plan.restarts)

    def _reset(self, rng: Any) -> None:
        model, trained = self.epochs.model, set(map(id, self.plan.optimizer.parameters))
        kept = [(each, each.data) for each in model.parameters if id(each) not in trained or each.is_frozen]
        self.plan.model.reset(rng)
        for parameter, number in kept:  # what is not trained is no part of the new start
            parameter.data = number
        model.look_up()

    def _check_reset(self) -> None:
        """Whether the model can start again is seen by doing it once, and taking it back."""
        model = self.epochs.model
        if not isinstance(self.plan.model, Module):
            raise ArgumentError("restarts need a model that can draw its parameters again, an nn.Module with "
                                f"reset(seed); got {self.plan.model!r}")
        weights, draws = model.weights(), model.draws()
        try:
            self._reset(random.Random(0))
        except ArgumentError as error:
            raise ArgumentError(f"restarts: {error}") from error
        finally:
            model.put_weights(weights)
            model.put_draws(draws)

    def _rates(self) -> list[float]:
        return [group.lr for group in self.plan.optimizer.groups]

    def _put_rates(self, rates: list[float]) -> None:
        for group, rate in zip(self.plan.optimizer.groups, rates, strict=True):
            group.lr = rate
