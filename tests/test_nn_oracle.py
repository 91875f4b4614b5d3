"""Fifty training steps of ours and of PyTorch's, from the same numbers on the same data, for a table of them.

After each step losses, learning rates, gradient norms, parameters and running statistics agree to 1e-9; by
hand, which takes a batch as one graph, and by `fit`, in which the gradients of samples add up one by one.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from trainings import SAMPLES, SCHEDULES, STEPS, TRAININGS, Training
from twins import Twin

from autograd_lite import nn
from autograd_lite.nn import penalties

# data

def samples(inputs: str) -> list[list[float]]:
    rng = random.Random(5)
    if inputs == "tokens":
        return [[float(rng.randrange(5)) for _ in range(3)] for _ in range(3)]
    count, width = (SAMPLES, 3) if inputs == "numbers" else (3, 6)
    return [[rng.uniform(-2, 2) for _ in range(width)] for _ in range(count)]


def targets(answers: str, width: int, count: int) -> list[Any]:
    rng = random.Random(6)
    if answers == "classes":
        return [index % width for index in range(count)]
    draw = {
        "numbers": lambda: rng.uniform(-1, 1),
        "signs": lambda: rng.choice([-1.0, 1.0]),
        "logits": lambda: rng.choice([0.0, 1.0, 0.25]),
        "probabilities": lambda: rng.choice([0.0, 1.0, 0.25]),
    }[answers]
    rows = [[draw() for _ in range(width)] for _ in range(count)]
    return [row[0] for row in rows] if width == 1 else rows


# ours and theirs: what is compared after each step

@dataclass
class Step:
    loss: float
    lrs: list[float]
    norm: float
    numbers: list[float]


def our_loss(row: Training) -> Callable[[Any, Any], Any]:
    return partial(getattr(nn, row.loss), **row.settings)


def our_optimizer(row: Training, twin: Twin) -> nn.Optimizer:
    parameters = grouped(row, [values for values, _ in twin.pairs[row.frozen :]], "parameters")
    return nn.OPTIMIZERS[row.optimizer](parameters, row.lr, **row.rule)


def by_hand(row: Training, twin: Twin, X: list[list[float]], y: list[Any]) -> list[Step]:
    model, loss, optimizer = twin.ours, our_loss(row), our_optimizer(row, twin)
    schedule = SCHEDULES[row.schedule or "constant"][0]()
    steps = []
    for done in range(STEPS):
        optimizer.zero_grad()
        value = loss(model.batch(X), y)
        found = value.data
        if row.penalty is not None:
            value = value + row.penalty(model.parameters())
        value.backward()
        if row.clip_value is not None:
            nn.clip_gradient_value(model.parameters(), row.clip_value)
        norm = 0.0
        if row.clip_norm is not None:
            norm = nn.clip_gradient_norm(model.parameters(), row.clip_norm)
        factor = schedule(done)
        optimizer.step(factor)
        steps.append(Step(found, [group.lr * factor for group in optimizer.groups], norm, twin.our_numbers()))
        schedule.observe(found)
    return steps


def by_fit(row: Training, twin: Twin, X: list[list[float]], y: list[Any]) -> list[Step]:
    """The same by `fit`, in which the gradients of samples add up one by one."""
    steps = []

    def write_down(event: nn.EpochEnd) -> None:
        share = event.lr / event.optimizer.lr
        lrs = [group.lr * share for group in event.optimizer.groups]
        steps.append(Step(event.loss, lrs, 0.0, twin.our_numbers()))

    nn.fit(twin.ours, X, y, loss=our_loss(row), optimizer=our_optimizer(row, twin), epochs=STEPS,
           schedule=SCHEDULES[row.schedule or "constant"][0](), clip_value=row.clip_value,
           clip_norm=row.clip_norm, penalty=row.penalty, callbacks=write_down, progress=False)
    return steps


def by_pytorch(row: Training, twin: Twin, X: list[list[float]], y: list[Any]) -> list[Step]:
    import torch

    module, known = twin.module, nn.LOSSES[row.loss]
    inputs = torch.tensor(X, dtype=torch.float64)
    wanted = torch.tensor(y, dtype=torch.int64 if known.by_class else torch.float64)
    loss = torch_loss(row)
    names = {"initial_accumulator": "initial_accumulator_value"}
    optimizer = getattr(torch.optim, TORCH_OPTIMIZERS[row.optimizer])(
        grouped(row, [[tensor] for _, tensor in twin.pairs[row.frozen :]], "params"), lr=row.lr,
        **{names.get(name, name): setting for name, setting in row.rule.items()})
    schedule = SCHEDULES[row.schedule or "constant"][1](torch.optim.lr_scheduler, optimizer)
    steps = []
    for done in range(STEPS):
        optimizer.zero_grad()
        outputs = module(inputs)
        value = loss(outputs.squeeze(1) if outputs.shape[1] == 1 else outputs, wanted)
        found = value.item()
        if row.penalty is not None:
            value = value + torch_penalty(row.penalty, list(module.parameters()))
        value.backward()
        if row.clip_value is not None:
            torch.nn.utils.clip_grad_value_(module.parameters(), row.clip_value)
        norm = 0.0
        if row.clip_norm is not None:
            norm = torch.nn.utils.clip_grad_norm_(module.parameters(), row.clip_norm).item()
        lrs = [group["lr"] for group in optimizer.param_groups]
        optimizer.step()
        steps.append(Step(found, lrs, norm, twin.their_numbers()))
        if done < STEPS - 1:  # OneCycleLR counts the step before the first one
            schedule.step(found) if row.schedule.startswith("reduce") else schedule.step()
    return steps


TORCH_OPTIMIZERS = {
    "sgd": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW",
}  # fmt: skip


def grouped(row: Training, parameters: list[list[Any]], key: str) -> Any:
    """The parameters of layer after layer dealt out to the groups."""
    if not row.groups:
        return [each for some in parameters for each in some]
    return [{key: [each for some in parameters[index :: len(row.groups)] for each in some], **settings}
            for index, settings in enumerate(row.groups)]


def torch_loss(row: Training) -> Callable[[Any, Any], Any]:
    import torch

    functions = torch.nn.functional
    function = {
        "mse": functions.mse_loss,
        "mae": functions.l1_loss,
        "huber": functions.huber_loss,
        "bce": functions.binary_cross_entropy,
        "bce_with_logits": functions.binary_cross_entropy_with_logits,
        "cross_entropy": functions.cross_entropy,
        "nll": functions.nll_loss,
        "hinge": lambda outputs, wanted: (1 - outputs * wanted).relu().mean(),
        "squared_hinge": lambda outputs, wanted: (1 - outputs * wanted).relu().square().mean(),
    }[row.loss]
    return partial(function, **{
        name: torch.tensor(setting, dtype=torch.float64) if "weight" in name else setting
        for name, setting in row.settings.items()})


def torch_penalty(penalty: Any, tensors: list[Any]) -> Any:
    absolute = sum(tensor.abs().sum() for tensor in tensors)
    square = sum(tensor.square().sum() for tensor in tensors)
    if isinstance(penalty, nn.Elastic):
        return penalty.l1 * absolute + penalty.l2 * square
    return penalty.strength * (absolute if isinstance(penalty, nn.L1) else square)


# the comparison

def prepared(row: Training) -> tuple[Twin, list[list[float]], list[Any]]:
    """A network and its twin, and the data."""
    model = row.model()
    twin = Twin(model)
    X = samples(row.inputs)
    (output,) = nn.predict(model, X[:1])
    y = targets(nn.LOSSES[row.loss].answers, len(output) if isinstance(output, list) else 1, len(X))
    for values, tensor in twin.pairs[: row.frozen]:
        tensor.requires_grad_(False)
        for value in values:
            value.freeze()
    model.train(row.training)
    twin.module.train(row.training)
    return twin, X, y


def difference(found: list[float], expected: list[float]) -> float:
    """The largest relative difference; numbers below 1e-6 are compared as if they were as large as that."""
    return max(abs(a - b) / max(abs(a), abs(b), 1e-6) for a, b in zip(found, expected, strict=True))


def as_numbers(step: Step) -> list[float]:
    return [step.loss, *step.lrs, step.norm, *step.numbers]


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small only wait for more of them."""
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.oracle
@pytest.mark.parametrize("row", TRAININGS, ids=lambda row: row.name)
@pytest.mark.usefixtures("one_thread")
def test_fifty_steps_are_pytorchs(row):
    twin, X, y = prepared(row)
    start = twin.our_numbers()
    assert twin.their_numbers() == start
    expected = by_pytorch(row, twin, X, y)
    found = by_hand(row, twin, X, y)
    for done, (step, other) in enumerate(zip(found, expected, strict=True)):
        assert difference(as_numbers(step), as_numbers(other)) < 1e-9, f"in step {done + 1}"
    assert difference(found[-1].numbers, start) > 1e-3  # it was trained at all
    if row.training and not (row.clip_value and row.clip_norm):  # fit trains, and takes one kind of clipping
        again, X, y = prepared(row)
        for done, (step, other) in enumerate(zip(by_fit(row, again, X, y), found, strict=True)):
            other.norm = 0.0  # fit tells the one before clipping of either kind
            assert difference(as_numbers(step), as_numbers(other)) < 1e-9, f"by fit, in step {done + 1}"


# the table is complete

def test_names_of_rows_are_distinct():
    assert len({row.name for row in TRAININGS}) == len(TRAININGS)


def exported(kind: type) -> set[type]:
    """The public classes of a kind, without the one they are all made from."""
    classes = [each for name in nn.__all__ if isinstance(each := getattr(nn, name), type)]
    return {each for each in classes if issubclass(each, kind)} - {kind}


def test_every_layer_is_in_the_table():
    met = {type(part) for row in TRAININGS for _, part in row.model().named_modules()}
    assert exported(nn.Module) <= met, exported(nn.Module) - met


def test_every_loss_with_every_setting_is_in_the_table():
    assert {row.loss for row in TRAININGS} == set(nn.LOSSES)
    for loss in nn.LOSSES.values():
        met = {name for row in TRAININGS if row.loss == loss.name for name in row.settings}
        assert met == set(loss.settings), loss.name


def test_every_optimizer_with_every_setting_is_in_the_table():
    assert {row.optimizer for row in TRAININGS} == set(nn.OPTIMIZERS) == set(TORCH_OPTIMIZERS)
    assert exported(nn.Optimizer) == set(nn.OPTIMIZERS.values())
    for name, rule in nn.OPTIMIZERS.items():
        rows = [row for row in TRAININGS if row.optimizer == name]
        met = {setting for row in rows for settings in (row.rule, *row.groups) for setting in settings}
        settings = set(inspect.signature(rule).parameters) - {"parameters", "lr"}
        assert settings <= met, (name, settings - met)


def test_every_schedule_is_in_the_table():
    rows = {row.schedule for row in TRAININGS} - {""}
    assert rows == set(SCHEDULES)
    assert set(nn.SCHEDULES) <= rows, set(nn.SCHEDULES) - rows
    met = {type(ours()) for ours, _ in SCHEDULES.values()}
    assert exported(nn.Schedule) <= met, exported(nn.Schedule) - met
    for name in nn.SCHEDULES:
        assert type(SCHEDULES[name][0]()) is type(nn.schedule_named(name, STEPS)), name


def test_every_penalty_and_way_of_clipping_is_in_the_table():
    known = {getattr(penalties, name) for name in penalties.__all__}
    assert {type(row.penalty) for row in TRAININGS} == known | {type(None)}
    clips = {name for name in nn.__all__ if name.startswith("clip_")}
    assert clips == {"clip_gradient_norm", "clip_gradient_value"}
    assert any(row.clip_norm for row in TRAININGS)
    assert any(row.clip_value for row in TRAININGS)
