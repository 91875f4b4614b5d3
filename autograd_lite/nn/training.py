"""`fit`: the training loop, with nothing in it that you could not write by hand.

For every batch: forget the gradients, run each sample forward and backward, take one step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ..engine import Value
from ..errors import AnomalyError, ArgumentError, AutogradError
from .calling import without_scopes
from .initialisation import random_source
from .inputs import is_whole, shown
from .losses import Loss, flat_output, loss_named
from .optimizers import Optimizer, Snapshot, optimizer_named
from .progress import ProgressBar
from .samples import as_samples, as_targets

__all__ = ["EpochEnd", "History", "TrainingError", "fit"]


class TrainingError(AutogradError, ArithmeticError):
    """The loss or a gradient became NaN or infinite. `history` holds the epochs before."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


@dataclass(frozen=True)
class History:
    """What happened in each epoch, as plain lists, and why training ended.

    `loss` is the mean over the epoch's samples, each measured just before the step it belongs to;
    `seconds` counts from the start of training. `stopped` says in words why training ended, `stopped_early`
    whether a callback ended it.
    """

    epoch: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stopped: str = ""
    stopped_early: bool = False

    def as_dict(self) -> dict[str, Any]:
        """A copy as plain data, for JSON or a data frame."""
        return asdict(self)

    def __len__(self) -> int:
        return len(self.epoch)

    def __repr__(self) -> str:
        last = f", loss {self.loss[0]:.4g} to {self.loss[-1]:.4g}" if self.loss else ""
        return f"History({len(self)} epochs{last}, stopped: {self.stopped})"

    def _add(self, epoch: int, loss: float, lr: float, seconds: float) -> None:
        self.epoch.append(epoch)
        self.loss.append(loss)
        self.lr.append(lr)
        self.seconds.append(seconds)

    def _drop_unfinished(self) -> None:
        """Drop an epoch whose numbers were not all written when Ctrl-C came."""
        for column in (self.epoch, self.loss, self.lr):
            del column[len(self.seconds) :]  # written last


@dataclass(frozen=True)
class EpochEnd:
    """What a callback is told after each epoch. `history` and `model` are the living ones."""

    epoch: int
    epochs: int
    loss: float
    lr: float
    model: Any
    optimizer: Optimizer
    history: History


Callback = Callable[[EpochEnd], object]
"""Called after each epoch; returning something true stops, and a text becomes `History.stopped`."""


def fit(
    model: Any,
    X: Any,  # noqa: N803 - X is what everybody calls it
    y: Any,
    *,
    loss: str | Callable[[list[Any], list[Any]], Value] = "mse",
    optimizer: str | Optimizer = "adam",
    lr: float | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    seed: int | None = None,
    callbacks: Iterable[Callback] | Callback = (),
    progress: bool | Literal["auto"] = "auto",
) -> History:
    """Train `model` on the samples `X` with the targets `y`, and return what happened.

    X is a list of samples (lists of numbers, or a NumPy array), y one target for each: a number, a list of
    numbers for a model of several outputs, or the index of the class. `loss` is a name ("mse",
    "bce_with_logits", "cross_entropy", "hinge") or a function of all outputs and all targets of a batch;
    `optimizer` a name ("adam", "sgd", with `lr`) or an optimizer made for this model.

    Without `batch_size` every epoch is one step on all samples; with it, the samples are shuffled by `seed`
    in every epoch. With a named loss each sample runs forward and backward by itself and the gradients add
    up, so that memory holds one sample's graph at a time; a function gets the whole batch as one graph.
    Same model, data and seed: same numbers, bit for bit.

    Ctrl-C stops, and the model holds the parameters of the last finished step. A loss or gradient that is NaN
    or infinite raises `TrainingError`, with the parameters put back to the last that gave a finite loss.
    Raises `ArgumentError` for data, names and sizes that do not fit, before anything is changed.

    >>> from autograd_lite import nn
    >>> model = nn.MLP(1, [1], seed=0)
    >>> history = fit(model, [1, 2, 3], [2, 4, 6], optimizer="sgd", lr=0.1, epochs=400)
    >>> [round(p.data, 3) for p in model.parameters()], history.stopped
    ([2.0, 0.0], 'all 400 epochs done')
    """
    if not is_whole(epochs) or epochs < 0:
        raise ArgumentError(f"epochs is a whole number of at least 0, got {epochs!r}")
    epochs, samples = int(epochs), as_samples(X)
    training = _Training(
        model=model,
        samples=samples,
        targets=as_targets(y, len(samples)),
        loss=loss_named(loss),
        optimizer=_as_optimizer(optimizer, lr, model),
        batch_size=_as_batch_size(batch_size, len(samples)),
        shuffle=random_source(seed).shuffle,
    )
    listeners = _as_listeners(callbacks)
    with ProgressBar(epochs, progress) as bar:
        stopped, early = _run(training, epochs, listeners, bar)
    return replace(training.history, stopped=stopped, stopped_early=early)


def _run(
    training: _Training, epochs: int, listeners: Sequence[Callback], bar: ProgressBar
) -> tuple[str, bool]:
    """Train epoch by epoch; returns why it ended, and whether a callback ended it."""
    start, history, epoch = time.perf_counter(), training.history, 0
    try:
        for epoch in range(1, epochs + 1):
            lr = training.optimizer.lr
            loss = training.run_epoch(epoch)
            history._add(epoch, loss, lr, time.perf_counter() - start)
            bar.advance(loss)
            event = EpochEnd(epoch, epochs, loss, lr, training.model, training.optimizer, history)
            for listener in listeners:
                if reason := listener(event):
                    usual = f"a callback stopped it after epoch {epoch}"
                    return reason if isinstance(reason, str) else usual, True
    except KeyboardInterrupt:
        history._drop_unfinished()
        return f"interrupted by Ctrl-C in epoch {epoch}; the model is that of the last finished step", False
    return f"all {epochs} epochs done", False


@dataclass
class _Training:
    model: Any
    samples: list[list[float]]
    targets: list[Any]
    loss: Loss | Callable[[list[Any], list[Any]], Value]
    optimizer: Optimizer
    batch_size: int
    shuffle: Callable[[list[int]], None]
    history: History = field(default_factory=History)
    targets_checked: bool = False
    good: Snapshot | None = None

    def run_epoch(self, epoch: int) -> float:
        """All samples once; returns their mean loss."""
        order = list(range(len(self.samples)))
        if self.batch_size < len(order):
            self.shuffle(order)
        total = 0.0
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            total += self.run_batch(batch, epoch) * len(batch)
        return total / len(order)

    def run_batch(self, batch: list[int], epoch: int) -> float:
        """One step; returns the loss before it."""
        optimizer = self.optimizer
        optimizer.zero_grad()
        try:
            loss = without_scopes(self.loss_and_gradients, batch)
        except AnomalyError:  # detect_anomaly() says more than we could, and the step before is the culprit
            if self.good is not None:
                optimizer._restore(self.good)
            raise
        parameters = optimizer.parameters
        if not math.isfinite(loss):
            self._give_up(epoch, f"the loss is {loss}")
        if not all(math.isfinite(parameter.grad) for parameter in parameters):
            self._give_up(epoch, f"the loss is {loss:.4g}, but a gradient is NaN or infinite")
        if not any(parameter.has_grad for parameter in parameters):
            raise ArgumentError("the loss depends on no parameter of the optimizer: was fit called within "
                                "no_grad(), or does the model use Values that parameters() does not return?")
        self.good = optimizer._snapshot()
        optimizer.step()
        if not all(math.isfinite(parameter.data) for parameter in parameters):
            self._give_up(epoch, f"the loss is {loss:.4g}, but the step made a parameter NaN or infinite")
        return loss

    def loss_and_gradients(self, batch: list[int]) -> float:
        """The mean loss of the batch; its gradients are added to the parameters'. Nothing else changes."""
        loss = self.loss
        if not isinstance(loss, Loss):
            outputs = [self.model(self.samples[index]) for index in batch]
            value = loss(outputs, [self.targets[index] for index in batch])
            if not isinstance(value, Value):
                raise ArgumentError(f"the loss function must return a Value, got {value!r}")
            value.backward()
            return float(value.data)
        total, share = 0.0, 1.0 / len(batch)
        for index in batch:
            output = flat_output(self.model(self.samples[index]))
            if not self.targets_checked:
                self._check_targets(loss, output)
            term = loss.term(output, self.targets[index])
            total += term.data
            term.backward(share)
        return total / len(batch)

    def _check_targets(self, loss: Loss, output: Any) -> None:
        parts = output if isinstance(output, list) else [output]
        if not all(isinstance(part, Value) for part in parts):
            raise ArgumentError("the model must return a Value or a list of Values for one sample, got "
                                f"{shown(output)}")
        self.targets = loss.check(self.targets, len(parts))
        self.targets_checked = True

    def _give_up(self, epoch: int, what: str) -> None:
        if self.good is not None:
            self.optimizer._restore(self.good)
        kept = "the parameters are again the last good ones" if self.good else "nothing was changed"
        history = replace(self.history, stopped=f"{what} in epoch {epoch}")
        raise TrainingError(
            f"{what} in epoch {epoch} (lr {self.optimizer.lr:g}); {kept}. A smaller lr often helps; "
            "`with detect_anomaly():` around the call names the node where it began.", history)


def _as_optimizer(optimizer: str | Optimizer, lr: float | None, model: Any) -> Optimizer:
    if not hasattr(model, "parameters"):
        raise ArgumentError(f"fit trains a model with parameters(), such as nn.MLP, got {model!r}")
    parameters = model.parameters()
    if isinstance(optimizer, Optimizer):
        if lr is not None:
            raise ArgumentError(f"lr={lr!r} was given beside an optimizer that has lr={optimizer.lr!r}: "
                                "set optimizer.lr instead")
        known = {id(parameter) for parameter in parameters}
        if not all(id(parameter) in known for parameter in optimizer.parameters):
            raise ArgumentError("the optimizer was made for parameters that this model does not have: "
                                "make it with this model's parameters()")
        return optimizer
    if not isinstance(optimizer, str):
        raise ArgumentError("optimizer is a name or an optimizer such as nn.Adam(model.parameters()), got "
                            f"{optimizer!r}")
    rule = optimizer_named(optimizer)
    if not parameters:
        raise ArgumentError(f"{shown(model)} has no parameters to train: assign its Values and modules to "
                            "attributes (self.w = Value(0.5)), by themselves or in lists and dicts")
    free = [parameter for parameter in parameters if not parameter.is_frozen]
    if not free:
        raise ArgumentError(f"{shown(model)} has no parameter to train: all {len(parameters)} are frozen")
    return rule(free) if lr is None else rule(free, lr)


def _as_listeners(callbacks: Any) -> tuple[Callback, ...]:
    if callable(callbacks):
        return (callbacks,)
    if isinstance(callbacks, (str, bytes)) or not isinstance(callbacks, Iterable):
        raise ArgumentError(f"callbacks is a function of an EpochEnd, or a list of them, got {callbacks!r}")
    listeners = tuple(callbacks)
    for index, listener in enumerate(listeners):
        if not callable(listener):
            raise ArgumentError(f"callbacks[{index}] is {shown(listener)}; expected a function "
                                "that takes an EpochEnd")
    return listeners


def _as_batch_size(batch_size: Any, count: int) -> int:
    if batch_size is None:
        return count
    if not is_whole(batch_size) or not 1 <= batch_size <= count:
        raise ArgumentError(f"batch_size is a whole number from 1 to {count}, the number of samples; "
                            f"got {batch_size!r}")
    return int(batch_size)
