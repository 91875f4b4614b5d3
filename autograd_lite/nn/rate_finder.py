"""`lr_find`: try every learning rate once, from tiny to huge, and see where the loss falls and breaks away.

The learning rate range test of Smith, "Cyclical learning rates for training neural networks" (2017), section
3.3, in the form that Howard and Gugger gave it in fastai: one step at each rate, the rates growing by equal
factors, the loss smoothed, stopping when it explodes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ..engine import Value
from ..errors import ArgumentError
from .gradients import EagerGradients, Penalty, gradients_of
from .losses import Loss, loss_named
from .model_state import ModelState
from .optimizers import Optimizer
from .preparing import Data, as_batch_size, as_optimizer, optional_function
from .samples import as_samples, as_targets
from .sampling import finite, whole
from .streams import Streams

__all__ = ["RateTest", "lr_find"]

SMOOTHING = 0.8
"""The weight of the old in the running mean of the loss: it remembers some five steps."""

EXPLODED = 4.0
"""The loss has exploded at so many times its lowest (fastai's number), if that is also more than at first."""


@dataclass(frozen=True)
class RateTest:
    """The loss at each learning rate, as plain lists, and what follows from it.

    `smoothed` is the loss averaged with its neighbours, those before as those after it. `suggestion` is a
    tenth of the rate at which it is lowest: beyond that one the steps are too long, and a tenth is a rate at
    which the loss still falls quickly and that leaves room (Howard and Gugger's rule). It is None if the loss
    did not fall. A schedule that lowers the rate may start at two or three times the suggestion.
    """

    lr: list[float]
    loss: list[float]
    smoothed: list[float]
    suggestion: float | None
    stopped: str

    def as_dict(self) -> dict[str, Any]:
        """A copy as plain data, for JSON or a data frame."""
        return asdict(self)

    def table(self, rows: int = 12) -> str:
        """Rates and losses as text, about so many of them, evenly spread."""
        every = max(1, math.ceil(len(self.lr) / whole(rows, "rows", 1)))
        lines = [f"{'lr':>9}  {'loss':>10}  {'smoothed':>10}"]
        for rate, loss, smooth in list(zip(self.lr, self.loss, self.smoothed, strict=True))[::every]:
            lines.append(f"{rate:9.2g}  {loss:10.4g}  {smooth:10.4g}")
        return "\n".join(lines)

    def __len__(self) -> int:
        return len(self.lr)

    def __repr__(self) -> str:
        found = "no suggestion" if self.suggestion is None else f"suggestion {self.suggestion:.2g}"
        tried = f"{len(self)} rates from {self.lr[0]:.2g} to {self.lr[-1]:.2g}" if self.lr else "no rates"
        return f"RateTest({tried}, {found}, stopped: {self.stopped})"


def lr_find(
    model: Any,
    X: Any,  # noqa: N803 - X is what everybody calls it
    y: Any,
    *,
    loss: str | Callable[[list[Any], list[Any]], Value] = "mse",
    optimizer: str | Optimizer = "adam",
    lowest: float = 1e-5,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int | None = None,
    penalty: Penalty | None = None,
    seed: int | random.Random | None = None,
) -> RateTest:
    """Train `model` for up to `steps` steps, each with a larger learning rate, and put everything back.

    The rates go from `lowest` to `highest` by equal factors; the test ends early when the loss explodes.
    With few steps the loss has little time to fall on the way, and there may be no suggestion.
    The other arguments are those of `fit`: take the same, so that the answer is for that training. With
    `batch_size` each step takes the next batch of samples shuffled by `seed`, all of them full. Of an
    optimizer with groups the rates are those of the first group, and the others keep their ratio to it.

    Afterwards parameters, gradients, buffers, random generators, `training` flags and the optimizer are as
    before, to the bit, also after an error or Ctrl-C. Raises `ArgumentError` for arguments that do not fit.

    >>> from autograd_lite import nn
    >>> X, y = nn.data.xor()
    >>> model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    >>> found = lr_find(model, X, y)
    >>> 0.01 < found.suggestion < 0.1
    True
    """
    rates = _rates(lowest, highest, steps)
    samples = as_samples(X)
    data = Data(samples, as_targets(y, len(samples)))
    size = as_batch_size(batch_size, len(data))
    used = as_optimizer(optimizer, 1.0 if isinstance(optimizer, str) else None, model)
    if used.lr == 0:
        raise ArgumentError("lr_find scales the optimizer's rates, but the first is 0: give it another lr")
    optional_function("penalty", penalty, "the parameters")
    gradients = gradients_of(model, loss_named(loss), penalty, used.parameters)
    batches = _batches(len(data), size, Streams(seed))
    with _Kept(model, used):
        data = _checked(data, gradients)
        losses, stopped = _losses(gradients, used, rates, data, batches)
    return _result(rates[: len(losses)], losses, stopped)


def _rates(lowest: Any, highest: Any, steps: Any) -> list[float]:
    low, high, count = finite(lowest, "lowest"), finite(highest, "highest"), whole(steps, "steps", 2)
    if not 0.0 < low < high:
        raise ArgumentError(f"the rates go from lowest={lowest!r} to highest={highest!r}: "
                            "both are above 0, and the second is the larger")
    return [low * (high / low) ** (index / (count - 1)) for index in range(count)]


def _batches(count: int, size: int, streams: Streams) -> Iterator[list[int]]:
    """Full batches without end, the samples in another order each time round; all of them, as they stand."""
    order = list(range(count))
    while True:
        if size < count:
            streams.order.shuffle(order)
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


def _checked(data: Data, gradients: EagerGradients) -> Data:
    """The targets as the loss takes them, seen from the model's answer to one sample."""
    width = gradients.width(data.samples[0])
    if isinstance(gradients.loss, Loss):
        return Data(data.samples, list(gradients.loss.check(data.targets, width)))
    return data


def _losses(
    gradients: EagerGradients, optimizer: Optimizer, rates: list[float], data: Data,
    batches: Iterator[list[int]],
) -> tuple[list[float], str]:
    """The loss before the step at each rate, and why the test ended."""
    losses: list[float] = []
    running, lowest = 0.0, math.inf
    given = optimizer.lr
    for rate, batch in zip(rates, batches, strict=False):
        part = data.part(batch)
        optimizer.zero_grad()
        loss = gradients.loss_and_gradients(part.samples, part.targets)
        loss += gradients.penalty_and_gradients()
        if not math.isfinite(loss + sum(abs(parameter.grad) for parameter in gradients.parameters)):
            return losses, f"the loss or a gradient became NaN or infinite at lr {rate:.2g}"
        losses.append(loss)
        running = SMOOTHING * running + (1.0 - SMOOTHING) * loss
        mean = running / (1.0 - SMOOTHING ** len(losses))  # as if there had been this mean before the start
        lowest = min(lowest, mean)
        if mean > EXPLODED * lowest and mean > losses[0]:
            return losses, f"the loss exploded at lr {rate:.2g}"
        optimizer.step(rate / given)
    return losses, f"all {len(rates)} rates tried"


def _result(rates: list[float], losses: list[float], stopped: str) -> RateTest:
    if not losses:
        return RateTest([], [], [], None, stopped)
    there, back = _running_means(losses), _running_means(losses[::-1])[::-1]
    smoothed = [0.5 * (one + other) for one, other in zip(there, back, strict=True)]
    best = min(range(len(smoothed)), key=smoothed.__getitem__)
    fell = best > 0 and smoothed[best] < smoothed[0]
    return RateTest(rates, losses, smoothed, rates[best] / 10.0 if fell else None, stopped)


def _running_means(losses: list[float]) -> list[float]:
    """The exponential running mean, divided by the weight gathered so far (Kingma and Ba's correction)."""
    means, running = [], 0.0
    for count, loss in enumerate(losses, start=1):
        running = SMOOTHING * running + (1.0 - SMOOTHING) * loss
        means.append(running / (1.0 - SMOOTHING**count))
    return means


class _Kept:
    """A context after which model and optimizer are what they were before it."""

    def __init__(self, model: Any, optimizer: Optimizer) -> None:
        self.state, self.optimizer = ModelState(model), optimizer

    def __enter__(self) -> None:
        state = self.state
        self.weights, self.draws, self.training = state.weights(), state.draws(), state.is_training()
        self.moved = self.optimizer._snapshot()
        self.gradients = state.gradients()
        state.set_training(True)

    def __exit__(self, *error: object) -> None:
        self.optimizer._restore(self.moved)
        self.state.put_weights(self.weights)
        self.state.put_draws(self.draws)
        self.state.set_training(self.training)
        self.state.put_gradients(self.gradients)
