"""`fit`: the training loop, with nothing in it that you could not write by hand.

For every batch: forget the gradients, run each sample forward and backward, take one step. Here are its
arguments; `epochs.py` has the steps, `loop.py` what happens between the epochs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from ..engine import Value
from ..errors import ArgumentError
from . import preparing
from .checkpoints import Checkpoint
from .epochs import Measured
from .gradients import takes_together
from .history import EpochEnd, History, TrainingError
from .inputs import shown
from .loop import Training
from .losses import loss_named
from .metrics import Metric
from .optimizers import Optimizer
from .preparing import Augment, Callback, Data, Plan
from .progress import ProgressBar
from .restarts import Restarts, restarts_from
from .samples import as_samples, as_targets
from .schedules import Schedule, schedule_named
from .streams import Streams

__all__ = ["EpochEnd", "History", "TrainingError", "fit"]


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
    schedule: str | Schedule | Callable[[int], float] | None = None,
    schedule_per: Literal["epoch", "step"] = "epoch",
    clip_value: float | None = None,
    clip_norm: float | None = None,
    penalty: Callable[[list[Value]], Value] | None = None,
    augment: Augment | None = None,
    validation: float | tuple[Any, Any] | None = None,
    metrics: Iterable[str | Metric | Callable[..., float]] | str = (),
    patience: int | None = None,
    restarts: int | Restarts = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1,
    seed: int | None = None,
    callbacks: Iterable[Callback] | Callback = (),
    progress: bool | Literal["auto"] = "auto",
    compiled: bool | str = False,
) -> History:
    """Train `model` on the samples `X` with the targets `y`, and return what happened.

    X is a list of samples (lists of numbers, or a NumPy array), y one target for each: a number, a list of
    numbers for a model of several outputs, or the index of the class. `loss` is a name in `nn.LOSSES` ("mse",
    "cross_entropy" ...), one of these with settings, `functools.partial(nn.huber, delta=0.5)`, or a function
    of all outputs and all targets of a batch; `optimizer` a name in `nn.OPTIMIZERS` ("adam", "sgd" ..., with
    `lr`) or an optimizer made for this model.

    Without `batch_size` every epoch is one step on all samples; with it, the samples are shuffled by `seed`
    in every epoch, and the last batch is as short as it comes out. With a named loss a few samples at a time
    go forward and backward and the gradients add up, so that memory never holds the graph of all; a function,
    and a model that normalises over batches, get the whole batch as one graph. (In such a model a single
    sample that is left over joins the batch before it.) Same model, data and seed: same numbers, bit for bit.

    The model is in `train()` while it learns, in `eval()` while it is measured and when `fit` returns.

    `schedule`
        A name ("cosine"), a schedule, or a function of the number of epochs done (steps, if `schedule_per` is
        "step") that gives the factor on the learning rate. It must last as long as training. One that
        remembers losses (`ReduceOnPlateau`) forgets at the start those of a training before.
    `clip_value`, `clip_norm`
        Gradients are put back between −limit and limit, or shrunk together to that norm, before each step.
    `penalty`
        A function of the trained parameters, such as `L2(1e-4)`, that is added to the loss once a step.
        `History` has it apart from the loss.
    `augment`
        `augment(row, rng)` gives another sample in the place of one, each time that it is trained on.
    `validation`
        A share of the samples that is held out, chosen by `seed`, or a pair (X, y). After each epoch
        `History.val_loss` gets the loss there, without penalty.
    `metrics`
        Names ("accuracy", "mae", "r2", …) or functions of outputs and targets, measured after each epoch on
        the samples held out; on the training samples if there are none, which takes as long as predicting
        all of them.
    `patience`
        Training ends after so many epochs without a lower `val_loss` (`loss`, if nothing is held out).
    `restarts`
        How often another start is tried, `model.reset`, where the training loss stays on a plateau; see
        `Restarts`. Each attempt has up to `epochs` epochs. The parameters come from a stream of `seed`.
    `checkpoint`
        A file, `run.npz` or `run.json`, that is written after every `checkpoint_every` epochs. If it exists,
        this call goes on from there, after a kill at any moment or Ctrl-C, and ends with the numbers of a run
        that was never interrupted, bit for bit (`History.seconds` excepted); it needs `seed` where random
        numbers are drawn. The file of a run that was finished returns its history at once, and a call with
        more `epochs` goes on, if the schedule is one that does. It holds parameters, buffers, optimizer,
        schedule, best weights, history and all generators, those of modules too; callbacks are not told of
        epochs done before. A file of another model, other data or other settings is an error.
    `compiled`
        With True the loss is traced once and training runs in compiled code, many times faster: the same
        training, its numbers equal up to rounding (about 10⁻⁹ after a hundred steps). The name of an
        executor ("llvm", "interpreter", "numpy", "python") chooses what runs it; True takes the best that
        is installed, and pip install 'autograd-lite[fast]' brings it. A model or loss that cannot be traced,
        such as one with hand-made ops, raises `CompileError`, which says why. Module hooks and `watching`
        see the tracing only; gradients are computed for the optimizer's parameters alone. Attributes that
        callbacks change (a number, a part, what is frozen) are seen; other variables that model, loss or
        penalty read are those of the beginning.

    With `patience` or `restarts` the model has at the end the weights after the epoch with the lowest
    `val_loss` (`loss`), of all attempts.

    Ctrl-C stops, and the model holds the parameters of the last finished step (after a restart those of the
    best epoch). A loss or gradient that is NaN or infinite raises `TrainingError`, which names the node where
    it began, with the parameters put back to the last that gave a finite loss. Raises `ArgumentError` for
    data, names and sizes that do not fit, before anything is changed.

    >>> from autograd_lite import nn
    >>> model = nn.MLP(1, [1], seed=0)
    >>> history = fit(model, [1, 2, 3], [2, 4, 6], optimizer="sgd", lr=0.1, epochs=400)
    >>> [round(p.data, 3) for p in model.parameters()], history.stopped
    ([2.0, 0.0], 'all 400 epochs done')
    """
    epochs = preparing.as_count("epochs", epochs, 0)
    samples = as_samples(X)
    streams, everything = Streams(seed), Data(samples, as_targets(y, len(samples)))
    numbers, held_out = preparing.held_out(validation, everything, streams)
    rule = loss_named(loss)
    if clip_value is not None and clip_norm is not None:
        raise ArgumentError("clip_value and clip_norm were both given: take one of them")
    batches = preparing.as_batches(batch_size, len(numbers), takes_together(model))
    by_step = _is_by_step(schedule_per)
    training = Training(Plan(
        model=model,
        data=everything.part(numbers),
        held_out=held_out,
        numbers=numbers,
        loss=rule,
        optimizer=preparing.as_optimizer(optimizer, lr, model),
        epochs=epochs,
        batches=batches,
        schedule=None if schedule is None else schedule_named(
            schedule, epochs * len(batches) if by_step else epochs),
        by_step=by_step,
        clip_value=preparing.as_limit("clip_value", clip_value),
        clip_norm=preparing.as_limit("clip_norm", clip_norm),
        penalty=preparing.optional_function("penalty", penalty, "a list of parameters, such as nn.L2(1e-4)"),
        augment=preparing.optional_function("augment", augment, "a row and a random generator"),
        metrics=preparing.as_metrics(metrics, rule),
        patience=None if patience is None else preparing.as_count("patience", patience, 1),
        restarts=restarts_from(restarts),
        streams=streams,
        executor=preparing.as_executor(compiled),
    ))
    listeners = preparing.as_callbacks(callbacks)
    every = preparing.as_count("checkpoint_every", checkpoint_every, 1)
    file = None if checkpoint is None else Checkpoint(checkpoint, every, training)
    with ProgressBar(epochs, progress) as bar:
        return _run(training, listeners, file, bar)


def _run(
    training: Training, listeners: Sequence[Callback], file: Checkpoint | None, bar: ProgressBar
) -> History:
    """Train epoch by epoch, until something ends it."""
    history = None
    try:
        training.look()
        if file is not None:
            file.open(training)
            bar.skip(training.epochs.epoch)
        training.epochs.unseen = not (listeners or file or training.is_watched())
        while training.ending is None:
            measured = training.epochs.run()
            training.take_note(measured)
            bar.advance(measured)
            told = _told(listeners, training, measured) if listeners else None
            if training.decide(told):
                bar.extend(training.epochs.epoch + training.plan.epochs)
            if file is not None:
                file.after_epoch(training)
        history = training.finish()
    except KeyboardInterrupt:
        history = training.interrupted()
    except TrainingError as error:
        error.history = training.failed(error.history.stopped)
        raise
    finally:
        training.leave(history)
    return history


def _told(listeners: Sequence[Callback], training: Training, measured: Measured) -> object:
    """Tell all of the epoch, until one wants to stop; returns what that one returned."""
    event, epochs = training.event(measured), training.epochs
    before = epochs.gradients.taken_for_granted()
    reason = next(filter(None, (listener(event) for listener in listeners)), None)
    if epochs.gradients.taken_for_granted() != before:
        epochs.renew()
    return reason


def _is_by_step(schedule_per: Any) -> bool:
    if schedule_per not in ("epoch", "step"):
        raise ArgumentError(f'schedule_per is "epoch" or "step", got {shown(schedule_per)}')
    return bool(schedule_per == "step")
