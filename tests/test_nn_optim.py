"""Optimizers: PyTorch's numbers, pure rules, exact resume, and what they refuse."""

import copy
import json
import math
import random

import pytest

from autograd_lite.engine import Value
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import MLP, OPTIMIZERS, SGD, Adam

SETTINGS = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"weight_decay": 0.1}),
    ("sgd", {"momentum": 0.5, "nesterov": True, "weight_decay": 0.01}),
    ("adam", {}),
    ("adam", {"betas": (0.5, 0.9)}),
    ("adam", {"eps": 1e-3}),
    ("adam", {"weight_decay": 0.1}),
]


def rosenbrock(a, b):
    """Curved enough that every difference in a rule shows."""
    return (1.0 - a) ** 2 + 10.0 * (b - a * a) ** 2


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_fifty_steps_are_pytorchs(name, settings):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    mine = [Value(-0.7), Value(0.6)]
    theirs = [torch.tensor(p.data, dtype=torch.float64, requires_grad=True) for p in mine]
    optimizer = OPTIMIZERS[name](mine, lr=0.01, **settings)
    oracle = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[name](theirs, lr=0.01, **settings)
    for step in range(50):
        for each, parameters in ((optimizer, mine), (oracle, theirs)):
            each.zero_grad()
            (rosenbrock(*parameters) if step % 7 else parameters[0] ** 2).backward()  # b unreached at times
            each.step()
        if step == 25:
            optimizer.lr = 0.005
            oracle.param_groups[0]["lr"] = 0.005
        assert [p.data for p in mine] == pytest.approx([p.item() for p in theirs], rel=1e-12)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_rule_is_pure_and_takes_values_too(name, settings):
    optimizer = OPTIMIZERS[name]([Value(0.3)], lr=0.1, **settings)
    rule, state = type(optimizer).update, (0.1, 0.2)[: len(optimizer.state_names)]
    plain = rule(0.3, -0.7, *state, lr=0.1, t=3, **optimizer.settings)
    assert plain == rule(0.3, -0.7, *state, lr=0.1, t=3, **optimizer.settings)
    lr = Value(0.1)
    moved, *rest = rule(Value(0.3), Value(-0.7), *(Value(s) for s in state), lr=lr, t=3, **optimizer.settings)
    assert [v.data for v in (moved, *rest)] == pytest.approx(list(plain), rel=1e-14)
    moved.backward()
    assert lr.grad != 0.0


def test_plain_descent_is_the_formula_to_the_bit():
    p, rng = Value(0.3), random.Random(0)
    optimizer = SGD([p], lr=0.07)
    for _ in range(20):
        p.grad = rng.uniform(-2, 2)
        expected = p.data - 0.07 * p.grad
        optimizer.step()
        assert p.data == expected


def train(model, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        (model([0.5, -0.2]) ** 2 + model([1.0, 2.0])).backward()
        optimizer.step()


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_state_goes_through_json_and_resumes_to_the_bit(name, settings):
    whole, first = (MLP(2, [3, 1], activation="tanh", seed=0) for _ in range(2))
    train(whole, OPTIMIZERS[name](whole.parameters(), 0.01, **settings), 12)
    optimizer = OPTIMIZERS[name](first.parameters(), 0.01, **settings)
    train(first, optimizer, 5)
    state = json.loads(json.dumps(optimizer.state_dict()))

    second = copy.deepcopy(first)
    resumed = OPTIMIZERS[name](second.parameters(), lr=99.0)
    resumed.load_state_dict(state)
    train(second, resumed, 7)
    assert second.state_dict() == whole.state_dict()
    assert state == optimizer.state_dict()
    assert resumed.lr == optimizer.lr == 0.01
    assert resumed.settings == optimizer.settings


def test_a_state_that_does_not_fit_changes_nothing():
    model = MLP(2, [3, 1], activation="tanh", seed=0)
    optimizer = Adam(model.parameters(), 0.01)
    train(model, optimizer, 2)
    before = optimizer.state_dict()
    good = json.loads(json.dumps(before))
    (group,) = good["groups"]
    for bad in (
        SGD(model.parameters()).state_dict(),
        Adam(model.parameters()[:3]).state_dict(),
        {**good, "groups": [{**group, "settings": {"lr": 0.1}}]},
        {**good, "groups": [{**group, "settings": {**group["settings"], "lr": -1.0}}]},
        {**good, "groups": [{**group, "state": {"mean": group["state"]["mean"]}}]},
        {**good, "groups": [{**group, "state": {**group["state"], "mean": ["x"] * 13}}]},
        {**good, "groups": [group, group]},
        {**good, "groups": [1.0]},
        {},
    ):
        with pytest.raises(ArgumentError):
            optimizer.load_state_dict(bad)
        assert optimizer.state_dict() == before


def test_unreached_and_frozen_parameters_stay():
    reached, unreached, frozen = Value(1.0), Value(2.0), Value(3.0)
    optimizer = Adam([reached, unreached, frozen], lr=0.1, weight_decay=0.5)
    frozen.freeze()
    (reached * frozen).backward()
    optimizer.step()
    assert (reached.data, unreached.data, frozen.data) == (pytest.approx(0.9), 2.0, 3.0)
    assert optimizer.state_dict()["groups"][0]["steps"] == [1, 0, 0]


def test_a_gradient_of_none_is_no_gradient():
    p = Value(1.0)
    p.grad = None  # how PyTorch forgets a gradient
    optimizer = Adam([p], lr=0.1)
    optimizer.step()
    assert (p.data, p.has_grad, optimizer.state_dict()["groups"][0]["steps"]) == (1.0, False, [0])


def test_an_interrupted_step_is_taken_back():
    class Interrupting(Value):
        armed = False

        @property
        def data(self):
            return Value.data.fget(self)

        @data.setter
        def data(self, number):
            if self.armed:
                self.armed = False
                raise KeyboardInterrupt
            Value.data.fset(self, number)

    parameters = [Value(1.0), Interrupting(2.0), Value(3.0)]
    optimizer = SGD(parameters, lr=0.1, momentum=0.9)
    for p in parameters:
        p.grad = 1.0
    before = optimizer.state_dict()
    parameters[1].armed = True
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    assert [p.data for p in parameters] == [1.0, 2.0, 3.0]
    assert optimizer.state_dict() == before


def test_lr_is_settable_and_checked():
    optimizer = SGD([Value(1.0)], 0.1)
    optimizer.lr = 1
    assert optimizer.lr == 1.0
    assert repr(optimizer) == "SGD(1 parameter, lr=1.0)"
    for bad in (-0.1, math.nan, math.inf, "0.1", None, [0.1], Value(0.1)):
        with pytest.raises(ArgumentError, match="lr is a finite number"):
            optimizer.lr = bad


def frozen_value():
    value = Value(1.0)
    value.freeze()
    return value


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: SGD([]), "no parameters at all"),
        (lambda: SGD(Value(1.0)), "give model.parameters()"),
        (lambda: SGD(MLP(2, [1])), "give model.parameters()"),
        (lambda: SGD([1.0]), "takes Values, got 1.0"),
        (lambda: SGD([Value(1.0)] * 2), "the same parameter twice"),
        (lambda: Adam([frozen_value()]), "1 frozen parameters"),
        (lambda: SGD([Value(1.0)], momentum=-1), "momentum is a finite number of at least 0"),
        (lambda: SGD([Value(1.0)], nesterov=True), "needs a momentum"),
        (lambda: SGD([Value(1.0)], weight_decay=math.nan), "weight_decay"),
        (lambda: Adam([Value(1.0)], betas=(0.9, 1.0)), "betas[1] is a number of at least 0 and below 1"),
        (lambda: Adam([Value(1.0)], betas=(0.9,)), "betas are two numbers"),
        (lambda: Adam([Value(1.0)], betas=0.9), "betas are two numbers"),
        (lambda: Adam([Value(1.0)], betas=("a", 0.9)), "betas[0] is a number"),
        (lambda: Adam([Value(1.0)], eps=0.0), "eps must be above 0"),
        (lambda: Adam([Value(1.0)], eps="small"), "eps must be above 0"),
    ],
)
def test_wrong_arguments_are_named(build, words):
    with pytest.raises(ArgumentError) as caught:
        build()
    assert words in str(caught.value)
