"""A whole training: the textbook network 100-50-1, 64 samples, all of them in each of 100 steps.

Only the first epochs are run eagerly, and their losses compared with the first ones of the compiled training:
all hundred take a minute and more.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from .measuring import Engine, Outcome, Row, compare

EPOCHS = 100
OPERATIONS = (5_050 + 5_050 + 50 + 2) * 64 * EPOCHS
"""Forward: products, additions, ReLU, and the squared error's two, for each sample and epoch."""


def samples() -> tuple[Any, Any]:
    """100 normal numbers a sample, of which the first ten make the target."""
    inputs = np.random.default_rng(0).normal(size=(64, 100))
    return inputs, inputs[:, :10].sum(axis=1) / np.sqrt(10)


def ours(*, wide: bool, compiled: bool | str, epochs: int) -> list[float]:
    """The losses of `nn.fit`, with a node for each weighted sum (`wide`) or for each product."""
    from autograd_lite import nn

    if wide:
        model: Any = nn.Sequential(nn.Linear(100, 50), "relu", nn.Linear(50, 1), seed=0)
    else:
        model = nn.MLP(100, [50, 1], activation="relu", seed=0)
    inputs, targets = samples()
    settings = {"optimizer": "sgd", "lr": 0.01, "epochs": epochs, "progress": False}
    return list(nn.fit(model, inputs, targets, compiled=compiled, **settings).loss)


def by_hand(epochs: int) -> list[float]:
    """The same in NumPy, forward and backward written out."""
    from autograd_lite import nn

    model = nn.Sequential(nn.Linear(100, 50), "relu", nn.Linear(50, 1), seed=0)
    flat = np.array([parameter.data for parameter in model.parameters()])
    w1, b1, w2, b2 = flat[:5000].reshape(50, 100), flat[5000:5050], flat[5050:5100], flat[5100:]
    inputs, targets = samples()
    losses = []
    for _ in range(epochs):
        h = np.maximum(inputs @ w1.T + b1, 0.0)
        error = h @ w2 + b2[0] - targets
        losses.append(float(error @ error) / 64)
        d2 = error * (2.0 / 64)
        d1 = np.outer(d2, w2) * (h > 0.0)
        w1 -= 0.01 * (d1.T @ inputs)
        b1 -= 0.01 * d1.sum(0)
        w2 -= 0.01 * (d2 @ h)
        b2 -= 0.01 * d2.sum()
    return losses


def textbook(modules: Sequence[ModuleType], *, quick: bool = False) -> Outcome:
    """Time for the whole training, and all of its losses compared."""
    title = f"textbook network 100-50-1, 64 samples, {EPOCHS} epochs of nn.fit"
    outcome = Outcome("textbook", title, "training", OPERATIONS)
    few, some = (1, 3) if quick else (4, 10)
    ways: dict[str, tuple[Callable[[int], list[float]], int]] = {
        "autograd-lite, eager, a node a product": (lambda n: ours(wide=False, compiled=False, epochs=n), few),
        "autograd-lite, eager": (lambda n: ours(wide=True, compiled=False, epochs=n), some),
        "autograd-lite, compiled": (lambda n: ours(wide=True, compiled=True, epochs=n), EPOCHS),
        "autograd-lite, compiled, a node a product": (
            lambda n: ours(wide=False, compiled=True, epochs=n), EPOCHS
        ),
        "NumPy by hand": (by_hand, EPOCHS),
    }  # fmt: skip
    told: dict[str, tuple[list[float], list[float], int]] = {}
    for name, (train, epochs) in ways.items():
        laps, losses = [], []
        for _ in range(3 if epochs == EPOCHS and "eager" not in name else 1):
            begun = time.perf_counter()
            try:
                losses = train(epochs)
            except Exception as error:
                outcome.rows.append(Row(name, trouble=f"failed: {type(error).__name__}: {error}"))
                break
            laps.append((time.perf_counter() - begun) * EPOCHS / epochs)
        if losses:
            told[name] = (laps, losses, epochs)
    _add(outcome, told)
    return outcome


def _add(outcome: Outcome, told: dict[str, tuple[list[float], list[float], int]]) -> None:
    """Compare the losses over the epochs that each made, and make the rows."""
    for epochs in sorted({count for _, _, count in told.values()}):
        engines = [
            Engine(run=lambda: None, numbers=lambda first=losses[:epochs]: first, name=name)
            for name, (_, losses, count) in told.items()
            if count >= epochs
        ]
        checked = compare(engines)
        for name, (laps, _, count) in told.items():
            if count != epochs:
                continue
            difference, trouble = checked[name]
            row = Row(name, difference=difference, trouble=trouble, rounds=len(laps))
            if not trouble:
                row.median, row.minimum = statistics.median(laps), min(laps)
                row.note = "" if count == EPOCHS else f"measured over {count} epochs"
            outcome.rows.append(row)
