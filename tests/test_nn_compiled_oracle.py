"""A hundred compiled steps against a hundred eager ones, for the trainings that PyTorch's are compared with.

Everything that training leaves behind is compared: history, parameters, gradients, buffers, the optimizer's
state, where the random generators stand.
"""

from __future__ import annotations

import random
from functools import cache, partial
from typing import Any

import pytest
from trainings import SCHEDULES, STEPS, TRAININGS, Training

from autograd_lite import nn

pytest.importorskip("numpy", reason="compiled training works on arrays")

ROWS = [row for row in TRAININGS if row.training]
EXECUTORS = {"llvm": "llvmlite", "interpreter": "llvmlite", "numpy": "numpy", "python": "math"}
SOME = ["Dropout in training", "BatchNorm", "Embedding", "RMSprop, all settings",
        "AdamW in groups, clipped, with a schedule", "everything at once"]  # fmt: skip


def data(row: Training, count: int = 6) -> tuple[list[Any], list[Any]]:
    rng, width = random.Random(3), 6 if row.inputs == "vectors" else 3
    draw = (lambda: rng.randrange(5)) if row.inputs == "tokens" else (lambda: rng.uniform(-1, 1))
    samples = [[draw() for _ in range(width)] for _ in range(count)]
    (answer,) = [nn.predict(row.model(), samples[:1])[0]]
    outputs = len(answer) if isinstance(answer, list) else 1
    if row.loss in ("cross_entropy", "nll"):
        return samples, [rng.randrange(outputs) for _ in range(count)]
    choices = {"bce": [0, 1, 0.3], "bce_with_logits": [0, 1, 0.3], "hinge": [-1, 1], "squared_hinge": [-1, 1]}
    among = choices.get(row.loss)
    one = (lambda: rng.uniform(-1, 1)) if among is None else (lambda: rng.choice(among))
    rows = [[one() for _ in range(outputs)] for _ in range(count)]
    return samples, [target[0] for target in rows] if outputs == 1 else rows


def trained(row: Training, compiled: bool | str, epochs: int = STEPS, **more: Any) -> dict[str, list[Any]]:
    """All that a training leaves behind, as numbers by name."""
    model, (samples, targets) = row.model(), data(row)
    for parameter in model.parameters()[: 3 * row.frozen]:
        parameter.freeze()
    free = [parameter for parameter in model.parameters() if not parameter.is_frozen]
    share = -(-len(free) // max(1, len(row.groups)))
    groups = [{"parameters": free[k * share : (k + 1) * share], **own} for k, own in enumerate(row.groups)]
    optimizer = nn.OPTIMIZERS[row.optimizer](groups or free, lr=row.lr, **row.rule)
    for index, (_, generator) in enumerate(model.generators()):
        generator.seed(index)
    history = nn.fit(
        model, samples, targets, loss=partial(getattr(nn, row.loss), **row.settings), optimizer=optimizer,
        epochs=epochs, batch_size=3, schedule=SCHEDULES[row.schedule][0]() if row.schedule else None,
        clip_value=row.clip_value, clip_norm=None if row.clip_value else row.clip_norm, penalty=row.penalty,
        seed=0, progress=False, compiled=compiled, **more,
    )  # fmt: skip
    states = optimizer.state_dict()["groups"]
    found: dict[str, list[Any]] = {
        "loss": history.loss, "penalty": history.penalty, "lr": history.lr, "norm": history.grad_norm,
        "val_loss": history.val_loss,
        "parameters": [parameter.data for parameter in model.parameters()],
        "gradients": [parameter.grad for parameter in model.parameters()],
        "buffers": [number for _, number in model.named_buffers()],
        "state": [number for group in states for column in group["state"].values() for number in column],
        "steps": [number for group in states for number in group["steps"]],
    }  # fmt: skip
    found["reached"] = [parameter.has_grad for parameter in model.parameters()]
    found["draws"] = [generator.getstate() for _, generator in model.generators()]
    return found


def agree(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> None:
    for name, numbers in one.items():
        if name in ("steps", "reached", "draws", "lr"):
            assert other[name] == numbers, name
        else:
            floor = 1e-12 if name in ("gradients", "state") else 1e-15
            assert other[name] == pytest.approx(numbers, rel=1e-9, abs=floor), name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_hundred_steps_are_those_of_graphs(row: Training) -> None:
    agree(trained(row, False), trained(row, True))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("row", [row for row in ROWS if row.name in SOME], ids=lambda row: row.name)
def test_with_every_executor(row: Training, executor: str) -> None:
    pytest.importorskip(EXECUTORS[executor], reason="compiled replay at full speed (extra `fast`)")
    agree(eager(row.name), trained(row, executor, epochs=8, validation=0.34))


@cache
def eager(name: str) -> dict[str, list[Any]]:
    return trained(next(row for row in ROWS if row.name == name), False, epochs=8, validation=0.34)


def test_the_table_has_what_it_is_asked_for() -> None:
    assert {row.name for row in ROWS} >= set(SOME)
