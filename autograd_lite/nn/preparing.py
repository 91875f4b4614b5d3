"""What `fit` was asked for, checked: nothing is changed before all of it fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError
from .gradients import LossFunction, Penalty
from .history import EpochEnd
from .inputs import is_number, is_whole, shown
from .losses import Loss
from .metrics import Metric, metric_named
from .optimizers import Optimizer, optimizer_named
from .restarts import Restarts
from .samples import as_samples, as_targets
from .schedules import Schedule
from .streams import Streams

__all__ = [
    "Augment", "Callback", "Data", "Plan", "as_batch_size", "as_batches", "as_callbacks", "as_count",
    "as_executor", "as_limit", "as_metrics", "as_optimizer", "held_out", "optional_function",
]  # fmt: skip

Callback = Callable[[EpochEnd], object]
"""Called after each epoch; returning something true stops, and a text becomes `History.stopped`."""

Augment = Callable[[list[float], Any], list[float]]
"""`augment(row, rng)` gives another sample in the place of one."""


@dataclass(frozen=True)
class Data:
    """Samples and their targets."""

    samples: list[list[float]]
    targets: list[Any]

    def part(self, indices: Sequence[int]) -> Data:
        """The samples with these indices."""
        return Data([self.samples[k] for k in indices], [self.targets[k] for k in indices])

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True)
class Plan:
    """The arguments of `fit`, ready for use."""

    model: Any
    data: Data
    held_out: Data | None
    numbers: list[int]
    """For each training sample its index in X."""
    loss: Loss | LossFunction
    optimizer: Optimizer
    epochs: int
    batches: list[tuple[int, int]]
    schedule: Schedule | None
    by_step: bool
    clip_value: float | None
    clip_norm: float | None
    penalty: Penalty | None
    augment: Augment | None
    metrics: tuple[Metric, ...]
    patience: int | None
    restarts: Restarts
    streams: Streams
    executor: str | None = None
    """What runs compiled traces ("auto" picks one); None: graphs are built."""


def held_out(validation: Any, data: Data, streams: Streams) -> tuple[list[int], Data | None]:
    """The indices of the training samples, and the data that training does not see."""
    everything = list(range(len(data)))
    if validation is None:
        return everything, None
    if isinstance(validation, (tuple, list)):
        if len(validation) != 2:
            raise ArgumentError("validation is a fraction of the samples, such as 0.2, or a pair (X, y), got "
                                f"{len(validation)} things")
        return everything, _other_data(validation[0], validation[1], len(data.samples[0]))
    if not is_number(validation) or isinstance(validation, bool) or not 0 < validation < 1:
        raise ArgumentError("validation is a fraction of the samples, between 0 and 1, or a pair (X, y), got "
                            f"{shown(validation)}")
    if len(data) < 2:
        raise ArgumentError("one sample cannot be both trained on and held out: give more, or "
                            "validation=(X, y)")
    count = min(max(1, round(float(validation) * len(data))), len(data) - 1)
    order = everything.copy()
    streams.split.shuffle(order)
    return sorted(order[count:]), data.part(sorted(order[:count]))


def _other_data(X: Any, y: Any, width: int) -> Data:  # noqa: N803 - X is what everybody calls it
    try:
        samples = as_samples(X)
        other = Data(samples, as_targets(y, len(samples)))
    except ArgumentError as error:
        raise ArgumentError(f"validation=(X, y): {error}") from error
    if len(samples[0]) != width:
        raise ArgumentError(f"validation=(X, y): its samples have {len(samples[0])} numbers, those of X have "
                            f"{width}")
    return other


def as_optimizer(optimizer: str | Optimizer, lr: float | None, model: Any) -> Optimizer:
    """The optimizer given, or the one of that name for what is not frozen."""
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


def as_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """One function of an `EpochEnd`, or several."""
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


def as_metrics(metrics: Any, loss: Any) -> tuple[Metric, ...]:
    """One metric or several, none twice."""
    listed = [metrics] if isinstance(metrics, (str, Metric)) or callable(metrics) else metrics
    if not isinstance(listed, Iterable):
        raise ArgumentError(f'metrics is a list of names such as ["accuracy"], got {shown(metrics)}')
    found = tuple(metric_named(metric, loss) for metric in listed)
    names = [metric.name for metric in found]
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(f"there are two metrics called {name!r}: nn.Metric(name, function) gives one "
                                "another name")
    return found


def as_batch_size(batch_size: Any, count: int) -> int:
    """How many samples make a batch: all `count`, if nothing was said."""
    if batch_size is None:
        return count
    if not is_whole(batch_size) or not 1 <= batch_size <= count:
        raise ArgumentError(f"batch_size is a whole number from 1 to {count}, the number of samples to train "
                            f"on; got {batch_size!r}")
    return int(batch_size)


def as_batches(batch_size: Any, count: int, together: bool) -> list[tuple[int, int]]:
    """Where each batch begins and ends, among `count` samples in whatever order.

    The last one is as short as it comes out. In a model that normalises over a batch (`together`) a single
    sample that is left over joins the batch before it, as one alone has no variance.
    """
    size = as_batch_size(batch_size, count)
    if together and size == 1:
        raise ArgumentError("this model normalises over a batch, and one sample alone has no variance: "
                            + ("give more samples than one" if count == 1 else "take a batch_size above 1"))
    starts = list(range(0, count, size))
    if together and count - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], count], strict=True))


def as_count(name: str, number: Any, least: int) -> int:
    """A whole number of at least so much."""
    if not is_whole(number) or number < least:
        raise ArgumentError(f"{name} is a whole number of at least {least}, got {number!r}")
    return int(number)


def as_limit(name: str, limit: Any) -> float | None:
    """Where gradients are clipped."""
    if limit is None:
        return None
    if not is_number(limit) or not 0 < limit < math.inf:
        raise ArgumentError(f"{name} is a finite number above 0, got {shown(limit)}")
    return float(limit)


def as_executor(compiled: Any) -> str | None:
    """The name of the executor that runs compiled traces; None for none."""
    if compiled is False or compiled is None:
        return None
    if compiled is not True and not isinstance(compiled, str):
        raise ArgumentError("compiled is True, False or the name of an executor, such as \"numpy\", got "
                            f"{shown(compiled)}")
    from ..compiling.choosing import check_executor

    return check_executor("auto" if compiled is True else compiled)


def optional_function(name: str, function: Any, of: str) -> Any:
    """A function, or None."""
    if function is not None and not callable(function):
        raise ArgumentError(f"{name} is a function of {of}, got {shown(function)}")
    return function
