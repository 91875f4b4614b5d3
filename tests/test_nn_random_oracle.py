"""Drawn settings against PyTorch: losses at edges, optimizers in groups, schedules that listen or turn."""

import json
import math
import random

import pytest

from autograd_lite import Value, nn

torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
pytestmark = pytest.mark.oracle
functional = torch.nn.functional
CLOSE = {"rel_tol": 1e-9, "abs_tol": 1e-12}


def tensor(numbers, **settings):
    return torch.tensor(numbers, dtype=torch.float64, **settings)


def hinge(outputs, targets):
    return functional.relu(1 - outputs * targets).mean()


# each gives outputs, targets, this library's loss and PyTorch's


def huber_case(rng):
    delta = rng.choice([0.25, 1.0, 3.0])
    targets = [[rng.choice([0.0, 1.0, -0.5]) for _ in range(3)] for _ in range(2)]
    outputs = [[t + rng.choice([delta, -delta, 0.0, rng.uniform(-5, 5)]) for t in row] for row in targets]
    return (outputs, targets, lambda o, t: nn.huber(o, t, delta=delta),
            lambda o, t: functional.huber_loss(o, tensor(t), delta=delta))


def bce_case(rng):
    edges = [0.0, 1.0, 1e-13, 1 - 1e-13, 1e-300, 1e-12, 1e-11]
    outputs = [[rng.choice([*edges, rng.random()]) for _ in range(3)] for _ in range(2)]
    targets = [[rng.choice([0.0, 1.0, rng.random()]) for _ in range(3)] for _ in range(2)]
    return outputs, targets, nn.bce, lambda o, t: functional.binary_cross_entropy(o, tensor(t))


def logits_case(rng):
    weight = rng.choice([1.0, rng.uniform(0.1, 9)])
    outputs = [[rng.choice([0.0, rng.uniform(-50, 50), 800.0, -800.0]) for _ in range(3)] for _ in range(2)]
    targets = [[rng.choice([0.0, 1.0, rng.random()]) for _ in range(3)] for _ in range(2)]
    return (outputs, targets, lambda o, t: nn.bce_with_logits(o, t, pos_weight=weight),
            lambda o, t: functional.binary_cross_entropy_with_logits(o, tensor(t), pos_weight=tensor(weight)))


def hinge_case(rng):
    targets = [[rng.choice([-1.0, 1.0]) for _ in range(3)] for _ in range(2)]
    outputs = [[rng.choice([t, -t, 0.0, rng.uniform(-3, 3)]) for t in row] for row in targets]
    return outputs, targets, nn.hinge, lambda o, t: hinge(o, tensor(t))


def classes_case(rng):
    classes, smoothing = rng.randint(2, 12), rng.choice([0.0, 0.1, 1.0, rng.random()])
    weight = [rng.uniform(0.1, 3) for _ in range(classes)] if rng.random() < 0.5 else None
    outputs = [[rng.choice([0.0, rng.uniform(-60, 60)]) for _ in range(classes)] for _ in range(3)]
    targets = [rng.randrange(classes) for _ in range(3)]
    return (outputs, targets,
            lambda o, t: nn.cross_entropy(o, t, label_smoothing=smoothing, weight=weight),
            lambda o, t: functional.cross_entropy(
                o, torch.tensor(t), label_smoothing=smoothing, weight=weight and tensor(weight)))


@pytest.mark.parametrize("case", [huber_case, bce_case, logits_case, hinge_case, classes_case])
def test_losses_at_their_edges(case):
    rng = random.Random(1)
    for _ in range(60):
        numbers, targets, mine, theirs = case(rng)
        outputs = [[Value(number) for number in row] for row in numbers]
        twins = tensor(numbers, requires_grad=True)
        loss, twin = mine(outputs, targets), theirs(twins, targets)
        loss.backward()
        twin.backward()
        assert math.isclose(loss.data, twin.item(), **CLOSE), (numbers, targets)
        for row, slopes in zip(outputs, twins.grad.tolist(), strict=True):
            for output, slope in zip(row, slopes, strict=True):
                assert math.isclose(output.grad, slope, rel_tol=1e-9, abs_tol=1e-11), (output, targets)


def sgd(rng):
    momentum = rng.choice([0.0, rng.uniform(0.1, 0.99)])
    nesterov = momentum > 0 and rng.random() < 0.4
    dampening = rng.uniform(0, 1.5) if momentum and not nesterov else 0.0
    return {"momentum": momentum, "nesterov": nesterov, "dampening": dampening,
            "weight_decay": rng.choice([0, 0.1])}


def adagrad(rng):
    return {"lr_decay": rng.choice([0, 0.3]), "eps": rng.choice([1e-10, 1e-3]),
            "weight_decay": rng.choice([0, 0.1])}


def rmsprop(rng):
    return {"alpha": rng.choice([0.99, 0.5]), "eps": rng.choice([1e-8, 1e-3]), "centered": rng.random() < 0.5,
            "momentum": rng.choice([0, 0.9]), "weight_decay": rng.choice([0, 0.1])}


def adam(rng):
    return {"betas": (rng.choice([0.0, 0.5, 0.9]), rng.choice([0.0, 0.9, 0.999])),
            "eps": rng.choice([1e-8, 1e-2]), "weight_decay": rng.choice([0, 0.05]),
            "amsgrad": rng.random() < 0.5}


OPTIMIZERS = {
    "sgd": (sgd, torch.optim.SGD),
    "adagrad": (adagrad, torch.optim.Adagrad),
    "rmsprop": (rmsprop, torch.optim.RMSprop),
    "adam": (adam, torch.optim.Adam),
    "adamw": (adam, torch.optim.AdamW),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_groups_whose_rates_change_and_parameters_without_gradients(name):
    """50 steps; rates are set in between, and the state goes through JSON into a new optimizer."""
    draw, torchs = OPTIMIZERS[name]
    rng = random.Random(2)
    for _ in range(12):
        groups, twin_groups = [], []
        for _ in range(rng.randint(1, 3)):
            settings = {"lr": rng.uniform(0.001, 0.5), **draw(rng)}
            numbers = [rng.uniform(-2, 2) for _ in range(2)]
            groups.append({"parameters": [Value(number) for number in numbers], **settings})
            twins = [tensor(number, requires_grad=True) for number in numbers]
            twin_groups.append({"params": twins, **settings})
        optimizer, twin = nn.OPTIMIZERS[name](groups), torchs(twin_groups)
        twins = [other for group in twin.param_groups for other in group["params"]]
        pairs = list(zip(optimizer.parameters, twins, strict=True))
        for _ in range(50):
            if rng.random() < 0.1:
                index, rate = rng.randrange(len(groups)), rng.uniform(0.001, 0.3)
                optimizer.groups[index].lr = twin.param_groups[index]["lr"] = rate
            if rng.random() < 0.05:
                state = json.loads(json.dumps(optimizer.state_dict()))
                optimizer = nn.OPTIMIZERS[name](groups)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            twin.zero_grad()
            for parameter, other in pairs:
                if rng.random() < 0.9:
                    parameter.grad = rng.choice([rng.uniform(-3, 3), 0.0, rng.uniform(-1e-3, 1e-3)])
                    other.grad = tensor(parameter.grad)
            optimizer.step()
            twin.step()
        for parameter, other in pairs:
            assert math.isclose(parameter.data, other.item(), **CLOSE), groups


def torchs_factors(make, count):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, factors = make(optimizer), []
    for _ in range(count):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return factors


def test_reduce_on_plateau_listens_as_pytorchs():
    rng = random.Random(3)
    for _ in range(40):
        factor, patience, cooldown = rng.uniform(0.1, 0.9), rng.randint(0, 4), rng.randint(0, 3)
        threshold, lowest, relative = rng.choice([0, 1e-4, 0.1]), rng.choice([0, 0.05]), rng.random() < 0.5
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        twin = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=factor, patience=patience, cooldown=cooldown, threshold=threshold,
            min_lr=lowest, threshold_mode="rel" if relative else "abs", eps=0)
        settings = {"factor": factor, "patience": patience, "cooldown": cooldown, "threshold": threshold,
                    "lowest": lowest, "relative": relative}
        schedule, loss = nn.ReduceOnPlateau(**settings), rng.choice([3.0, -3.0])
        for epoch in range(60):
            loss += rng.uniform(-0.3, 0.25)
            told = rng.choice([*[loss] * 9, math.nan, math.inf])
            schedule.observe(told)
            twin.step(told)
            assert math.isclose(schedule(epoch), optimizer.param_groups[0]["lr"], rel_tol=1e-12)
            if rng.random() < 0.1:
                state = json.loads(json.dumps(schedule.state_dict()))
                schedule = nn.ReduceOnPlateau(**settings)
                schedule.load_state_dict(state)


@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize("rise", [0.0, 0.01, 0.3, 0.5, 0.99, 0.999999])
def test_one_cycle_with_its_peak_anywhere(anneal, rise):
    for steps in (3, 10, 37):  # where the peak is at step 0, PyTorch divides by 0
        theirs = torchs_factors(lambda optimizer, steps=steps: torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=1.0, total_steps=steps, pct_start=rise, anneal_strategy=anneal, div_factor=4.0,
            final_div_factor=2.5, cycle_momentum=False), steps - 1)
        mine = nn.OneCycle(steps, rise, start=0.25, end=0.1, anneal=anneal).factors(steps - 1)
        assert mine == pytest.approx(theirs, rel=1e-9)
