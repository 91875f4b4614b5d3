"""`compile_training`: training steps from Python at the speed of compiled code, one call a step or many."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from ..engine import Value
from ..errors import ArgumentError, CompileError
from . import preparing
from .clipping import clip_gradient_norm, clip_gradient_value
from .compiled import CompiledGradients
from .history import History, TrainingError
from .losses import Loss, loss_named
from .optimizers import Optimizer
from .samples import as_samples, as_targets
from .trouble import advice, find_origin

try:
    import numpy as np

    from .compiled_arrays import ArrayRun, Steps
except ImportError as error:
    raise CompileError("compile_training keeps its numbers in arrays and needs NumPy: pip install numpy. "
                       "fit(compiled=True) works without it") from error

__all__ = ["CompiledTraining", "compile_training"]


_POSITIONS = 1_000_000
"""How many samples `run` goes through in one go: it makes a list of them."""


def compile_training(
    model: Any,
    loss: str | Callable[[list[Any], list[Any]], Value] = "mse",
    optimizer: str | Optimizer = "adam",
    *,
    lr: float | None = None,
    penalty: Callable[[list[Value]], Value] | None = None,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    executor: str = "auto",
) -> CompiledTraining:
    """Training steps on `model` in compiled code, for a loop of your own; what `fit(compiled=True)` runs.

    The arguments are those of `fit`. Parameters and the optimizer's state live in arrays while steps are
    taken: `write_back()`, or leaving the `with` block, puts them into the model. Raises `ArgumentError` as
    `fit` does, and `CompileError` (at the first step) for what cannot be traced. Needs NumPy.

    >>> from autograd_lite import nn
    >>> X, y = nn.data.xor()
    >>> model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    >>> with nn.compile_training(model, "mse", "adam", lr=0.05) as training:
    ...     losses = training.load(X, y).run(300)
    >>> losses[0] > 0.3 and losses[-1] < 1e-3
    True
    >>> [round(model(x).data) for x in X]
    [0, 1, 1, 0]
    """
    rule, own = loss_named(loss), preparing.as_optimizer(optimizer, lr, model)
    if clip_value is not None and clip_norm is not None:
        raise ArgumentError("clip_value and clip_norm were both given: take one of them")
    penalty = preparing.optional_function("penalty", penalty, "a list of parameters, such as nn.L2(1e-4)")
    name = preparing.as_executor(executor)
    gradients = CompiledGradients(model, rule, penalty, own.parameters, name or "auto")
    clips = preparing.as_limit("clip_value", clip_value), preparing.as_limit("clip_norm", clip_norm)
    return CompiledTraining(gradients, own, *clips)


class CompiledTraining:
    """Steps of one training. Make it with `compile_training`.

    Each step is on all samples that were loaded. The learning rates are read by `load` and `run`; parameters,
    the optimizer's state and what is frozen by `load` alone: change them after `write_back`, and load again.
    """

    def __init__(
        self,
        gradients: CompiledGradients,
        optimizer: Optimizer,
        clip_value: float | None,
        clip_norm: float | None,
    ) -> None:
        self.model, self.loss, self.optimizer = gradients.model, gradients.loss, optimizer
        self._clips = clip_value, clip_norm
        self._gradients = gradients
        self._granted = gradients.taken_for_granted()
        self._run = ArrayRun(gradients, optimizer, *self._clips)
        self._rows: list[list[float]] = []
        self._targets: list[Any] = []
        self._measured = np.empty((1, 3))
        self._one = Steps(np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros((0, 1)))
        self._call: tuple[Any, ...] = ()
        """The native loop and its arguments for one step, if steps are that simple."""
        self._own_steps = 0
        self._written = 0
        """How many of the run's steps are in the model."""

    def load(self, X: Any, y: Any) -> Self:  # noqa: N803 - X is what everybody calls it
        """Take these samples and targets for the steps to come; returns this object."""
        self.write_back()
        samples = as_samples(X)
        targets = as_targets(y, len(samples))
        self._renew()
        if isinstance(self.loss, Loss):
            targets = list(self.loss.check(targets, self._gradients.width(samples[0])))
        self._rows, self._targets = samples, targets
        self._run.batches.load(samples, targets)
        self._begin()
        return self

    def step(self, X: Any = None, y: Any = None) -> float:  # noqa: N803
        """Take one step on all samples, and return their mean loss before it (without the penalty).

        With `X` and `y` these are loaded first. Raises `TrainingError` for NaN and infinity, with the
        parameters in the model as the last finished step left them.
        """
        if X is not None or y is not None:
            self.load(X, y)
        if self._call:
            run, arguments = self._call
            if run(*arguments) == 1:
                self._own_steps += 1
                loss: float = self._measured.item(0)
                return loss
        return self._slowly(self._one, self._measured)[0]

    def run(self, steps: int) -> list[float]:
        """Take many steps, and return the loss before each."""
        count, samples = preparing.as_count("steps", steps, 0), len(self._rows)
        self._need_samples()
        self._one.rates[0] = [group.lr for group in self.optimizer.groups]
        losses: list[float] = []
        most = max(1, _POSITIONS // samples)
        while len(losses) < count:
            some = min(most, count - len(losses))
            order, ends = np.tile(self._one.order, some), np.arange(some + 1, dtype=np.int64) * samples
            rates = np.repeat(self._one.rates, some, axis=0)
            losses += self._slowly(Steps(order, ends, rates), np.empty((some, 3)))
        return losses

    def write_back(self) -> None:
        """Put parameters, buffers and the optimizer's state into model and optimizer."""
        self._settle()
        if self._rows and self._run.now.finished != self._written:
            self._run.push()
            self._written = self._run.now.finished

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.write_back()

    def __repr__(self) -> str:
        loss = self.loss.name if isinstance(self.loss, Loss) else self.loss
        return f"CompiledTraining({len(self._run.trained)} parameters, loss={loss!r}, {self.optimizer!r})"

    # how

    def _renew(self) -> None:
        """Trace anew where the model is no longer what traces take for granted, as with a part frozen."""
        old, granted = self._gradients, self._gradients.taken_for_granted()
        if granted != self._granted:
            self._granted, self._rows, self._call = granted, [], ()
            of = old.model, old.loss, old.penalty, old.parameters
            self._gradients = CompiledGradients(*of, old.executor)
            self._run = ArrayRun(self._gradients, self.optimizer, *self._clips)

    def _begin(self) -> None:
        """Read model and optimizer, and make one step on all samples ready."""
        self._run.pull()
        self._written = 0
        count = len(self._rows)
        rates = np.array([[group.lr for group in self.optimizer.groups]], dtype=float)
        self._one = Steps(np.arange(count, dtype=np.int64), np.array([0, count], dtype=np.int64), rates)
        self._ready()

    def _ready(self) -> None:
        """Keep the native loop and its arguments, where a step is nothing else."""
        kernel = self._run.native(count := len(self._rows))
        self._call = ()
        if kernel is not None and count:
            one = self._one
            arrays = self._run.batches.rows, one.order, one.ends, one.rates, self._measured
            self._call = kernel.kernel.run, (self._run.now.state, *arrays)

    def _settle(self) -> None:
        """Let the run know of the steps that were taken beside it."""
        if self._own_steps:
            self._run.count_steps(self._own_steps)
            self._own_steps = 0

    def _need_samples(self) -> None:
        if not self._rows:
            raise ArgumentError("there is nothing to train on yet: load(X, y) first")

    def _slowly(self, steps: Steps, measured: Any) -> list[float]:
        """Take steps; returns the loss before each."""
        self._need_samples()
        self._settle()
        at = 0
        try:
            while at < len(steps):
                at += self._run.take(steps.part(at, len(steps)), measured[at:])
                if at < len(steps):
                    measured[at] = self._by_hand()
                    at += 1
        finally:
            self._ready()
        losses: list[float] = measured[:, 0].tolist()
        return losses

    def _by_hand(self) -> tuple[float, float, float]:
        """One step that cannot be taken in arrays: it branches anew, or there is NaN or infinity in it."""
        run, gradients, optimizer = self._run, self._gradients, self.optimizer
        run.push()
        optimizer.zero_grad()
        draws = gradients.state.draws()
        loss = gradients.loss_and_gradients(self._rows, self._targets)
        penalty = gradients.penalty_and_gradients()
        norm = math.hypot(*[parameter.grad for parameter in run.trained])
        if not math.isfinite(loss + penalty + norm):
            gradients.state.put_draws(draws)
            origin = find_origin(gradients.eager, self._rows, self._targets, range(len(self._rows)))
            began = f" It began here: {origin}." if origin is not None else ""
            words = f"the loss is {loss:.4g}, the norm of its gradient {norm:.4g}"
            cure = advice(optimizer.lr, has_stepped=run.now.finished > 0)
            raise TrainingError(f"{words}.{began} {cure}", History(stopped=words)) from origin
        if run.clip_value is not None:
            clip_gradient_value(run.trained, run.clip_value)
        if run.clip_norm is not None:
            clip_gradient_norm(run.trained, run.clip_norm)
        optimizer.step()
        run.pull()
        self._written = 0
        return loss, penalty, norm
