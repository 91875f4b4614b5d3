"""Optimizers: PyTorch's numbers, pure rules, exact resume, and what they refuse."""

import copy
import json
import math
import random

import numpy as np
import pytest

from autograd_lite import nn, ops
from autograd_lite.engine import Value
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import MLP, OPTIMIZERS, SGD, AdaGrad, Adam, AdamW, RMSprop

SETTINGS = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"momentum": 0.9, "dampening": 0.3}),
    ("sgd", {"weight_decay": 0.1}),
    ("sgd", {"momentum": 0.5, "nesterov": True, "weight_decay": 0.01}),
    ("adagrad", {}),
    ("adagrad", {"lr_decay": 0.1, "eps": 1e-3}),
    ("adagrad", {"initial_accumulator": 0.5, "weight_decay": 0.1}),
    ("rmsprop", {}),
    ("rmsprop", {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("rmsprop", {"momentum": 0.9}),
    ("rmsprop", {"centered": True, "alpha": 0.9}),
    ("rmsprop", {"centered": True, "momentum": 0.5}),
    ("adam", {}),
    ("adam", {"betas": (0.5, 0.9)}),
    ("adam", {"eps": 1e-3}),
    ("adam", {"weight_decay": 0.1}),
    ("adam", {"amsgrad": True, "betas": (0.9, 0.8)}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.5, "betas": (0.5, 0.9)}),
    ("adamw", {"weight_decay": 0.0}),
    ("adamw", {"amsgrad": True, "betas": (0.9, 0.8)}),
]
IN_TORCH = {"sgd": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}


def torchs(torch, name, parameters, lr, settings):
    """The same optimizer of PyTorch."""
    settings = {"initial_accumulator_value" if key == "initial_accumulator" else key: setting
                for key, setting in settings.items()}
    return getattr(torch.optim, IN_TORCH[name])(parameters, lr=lr, **settings)


def rosenbrock(a, b):
    """Curved enough that every difference in a rule shows."""
    return (1.0 - a) ** 2 + 10.0 * (b - a * a) ** 2


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_fifty_steps_are_pytorchs(name, settings):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    mine = [Value(-0.7), Value(0.6), Value(0.5)]
    theirs = [torch.tensor(p.data, dtype=torch.float64, requires_grad=True) for p in mine]
    optimizer = OPTIMIZERS[name](mine, lr=0.01, **settings)
    oracle = torchs(torch, name, theirs, 0.01, settings)
    for step in range(50):
        for each, parameters in ((optimizer, mine), (oracle, theirs)):
            each.zero_grad()
            loss = rosenbrock(*parameters[:2]) if step % 7 else parameters[0] ** 2  # b unreached at times
            loss.backward()
            each.step()
        if step == 25:
            optimizer.lr = 0.005
            oracle.param_groups[0]["lr"] = 0.005
        assert [p.data for p in mine] == pytest.approx([p.item() for p in theirs], rel=1e-12)
    assert mine[2].data == 0.5  # never reached: no weight decay either


@pytest.mark.oracle
def test_groups_and_scaled_steps_are_pytorchs():
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    mine = [Value(-0.7), Value(0.6)]
    theirs = [torch.tensor(p.data, dtype=torch.float64, requires_grad=True) for p in mine]
    optimizer = OPTIMIZERS["adamw"](
        [{"parameters": mine[:1], "lr": 0.02}, {"parameters": mine[1:], "weight_decay": 0.3, "amsgrad": True}]
    )
    oracle = torch.optim.AdamW(
        [{"params": theirs[:1], "lr": 0.02}, {"params": theirs[1:], "weight_decay": 0.3, "amsgrad": True}]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(oracle, lambda t: 1 / (1 + t))
    for step in range(50):
        for each, parameters in ((optimizer, mine), (oracle, theirs)):
            each.zero_grad()
            rosenbrock(*parameters).backward()
        optimizer.step(scale=1 / (1 + step))
        oracle.step()
        schedule.step()
        assert [p.data for p in mine] == pytest.approx([p.item() for p in theirs], rel=1e-12)
    assert [group.lr for group in optimizer.groups] == [0.02, 0.001]


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
@pytest.mark.parametrize("t", [1, 3])
def test_rule_is_pure_and_takes_values_and_arrays_too(name, settings, t):
    optimizer = OPTIMIZERS[name]([Value(0.3)], lr=0.1, **settings)
    rule, state = type(optimizer).update, (0.1, 0.2, 0.3)[: len(optimizer.state_names)]
    plain = rule(0.3, -0.7, *state, lr=0.1, t=t, **optimizer.settings)
    assert all(type(number) is float for number in plain)
    assert plain == rule(0.3, -0.7, *state, lr=0.1, t=t, **optimizer.settings)
    lr = Value(0.1)
    moved, *rest = rule(Value(0.3), Value(-0.7), *(Value(s) for s in state), lr=lr, t=t, **optimizer.settings)
    assert [v.data for v in (moved, *rest)] == pytest.approx(list(plain), rel=1e-14)
    moved.backward()
    assert lr.grad != 0.0
    whole = [np.full(2, number) for number in (0.3, -0.7, *state)]
    arrays = rule(*whole, lr=0.1, t=np.full(2, t), **optimizer.settings)
    assert np.array(arrays) == pytest.approx(np.array([plain, plain]).T, rel=1e-14)


def test_a_variance_below_zero_by_rounding_gives_no_nan():
    p = Value(1.0)
    optimizer = RMSprop([p], lr=0.001, centered=True, alpha=0.5)
    for _ in range(60):  # mean_square − mean² comes to −4e-16 at the 52nd
        p.grad = 1.7
        optimizer.step()
        assert math.isfinite(p.data)


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


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_state_goes_through_json_and_resumes_to_the_bit(name, settings):
    whole, first = (MLP(2, [3, 1], activation="tanh", seed=0) for _ in range(2))
    train(whole, OPTIMIZERS[name](whole.parameters(), 0.01, **settings), 12)
    optimizer = OPTIMIZERS[name](first.parameters(), 0.01, **settings)
    train(first, optimizer, 5)
    state = json.loads(json.dumps(optimizer.state_dict()))

    second = copy.deepcopy(first)
    resumed = OPTIMIZERS[name](second.parameters(), lr=99.0)
    held = resumed.groups[0]
    resumed.load_state_dict(state)
    train(second, resumed, 7)
    assert second.state_dict() == whole.state_dict()
    assert state == optimizer.state_dict()
    assert held is resumed.groups[0]
    assert resumed.lr == optimizer.lr == held.lr == 0.01
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


def test_states_from_before_there_were_groups_load():
    p, q = Value(1.0), Value(1.0)
    settings = {"lr": 0.5, "beta1": 0.8, "beta2": 0.9, "eps": 1e-6, "weight_decay": 0.1}
    state = {"mean": [0.25], "mean_square": [2.0]}
    old = {"rule": "Adam", "settings": settings, "steps": [3], "state": state}
    optimizer = Adam([p])
    optimizer.load_state_dict(old)
    assert optimizer.settings == Adam([q], betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1).settings
    assert (optimizer.lr, optimizer.groups[0].memory) == (0.5, ([3], [[0.25], [2.0]]))
    old = {"rule": "SGD", "settings": {"lr": 0.5, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
           "steps": [3], "state": {"velocity": [0.25]}}  # fmt: skip
    optimizer = SGD([p], momentum=0.9)
    optimizer.load_state_dict(old)
    assert (optimizer.settings["momentum"], optimizer.groups[0].memory) == (0.0, ([3], []))


def test_reset_forgets_the_state_alone():
    p = Value(1.0)
    optimizer = AdaGrad([p], lr=0.1, initial_accumulator=0.5)
    fresh = optimizer.state_dict()
    p.grad = 2.0
    optimizer.step()
    moved = p.data
    assert optimizer.state_dict() != fresh
    optimizer.reset()
    assert optimizer.state_dict() == fresh
    assert (p.data, p.grad) == (moved, 2.0)


def test_a_step_may_be_scaled_and_zero_stands_still():
    p = Value(1.0)
    optimizer = Adam([p], lr=0.1)
    p.grad = 2.0
    optimizer.step(scale=0.0)
    assert (p.data, optimizer.state_dict()["groups"][0]["steps"]) == (1.0, [1])
    for bad in (-1.0, math.nan, math.inf, "1", None):
        with pytest.raises(ArgumentError, match="scale is a finite number"):
            optimizer.step(bad)
    assert optimizer.state_dict()["groups"][0]["steps"] == [1]


def test_groups_share_what_they_do_not_set():
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    optimizer = SGD([{"parameters": [a, b], "lr": 0.1}, {"parameters": iter([c]), "momentum": 0.9}],
                    lr=0.01, weight_decay=0.5)  # fmt: skip
    assert optimizer.parameters == [a, b, c]
    assert [group.lr for group in optimizer.groups] == [0.1, 0.01]
    assert [group.settings["weight_decay"] for group in optimizer.groups] == [0.5, 0.5]
    assert [list(group.start) for group in optimizer.groups] == [[], ["velocity"]]
    assert repr(optimizer) == (
        "SGD(3 parameters in 2 groups:\n  group 0: 2 parameters, lr=0.1, weight_decay=0.5\n"
        "  group 1: 1 parameter, lr=0.01, momentum=0.9, weight_decay=0.5)"
    )
    for p in (a, b, c):
        p.grad = 1.0
    before = optimizer._snapshot()
    optimizer.step()
    assert [p.data for p in (a, b, c)] == [1 - 0.1 * 1.5, 2 - 0.1 * 2.0, 3 - 0.01 * 2.5]
    state = json.loads(json.dumps(optimizer.state_dict()))
    optimizer._restore(before)
    assert [p.data for p in (a, b, c)] == [1.0, 2.0, 3.0]
    optimizer.lr = 0.3
    assert [group.lr for group in optimizer.groups] == [0.3, 0.3]
    optimizer.load_state_dict(state)
    assert [group.lr for group in optimizer.groups] == [0.1, 0.01]
    assert optimizer.state_dict() == state
    with pytest.raises(ArgumentError, match="2 groups of parameters, the optimizer has 1"):
        SGD([a, b, c]).load_state_dict(state)


def test_a_state_bad_in_its_last_group_changes_nothing():
    a, b = Value(1.0), Value(2.0)
    optimizer = Adam([{"parameters": [a]}, {"parameters": [b]}])
    before = optimizer.state_dict()
    bad = json.loads(json.dumps(before))
    bad["groups"][0]["settings"]["lr"] = 0.5
    for place, wrong in (("steps", [-1]), ("state", {"mean": [0.0], "mean_square": [None]})):
        first, last = bad["groups"]
        with pytest.raises(ArgumentError, match="this state has"):
            optimizer.load_state_dict({**bad, "groups": [first, {**last, place: wrong}]})
        assert optimizer.state_dict() == before


def test_gradients_of_any_kind_leave_floats():
    p, q, r = Value(2.0), Value(2.0), Value(2.0)
    optimizer = SGD([p, q, r], lr=0.5)
    (p * p).backward(create_graph=True)
    q.grad, r.grad = np.float64(4.0), 4
    optimizer.step()
    assert [v.data for v in (p, q, r)] == [0.0, 0.0, 0.0]
    assert all(type(v.data) is float for v in (p, q, r))
    p.grad = "steep"
    with pytest.raises(TypeError):
        optimizer.step()
    assert [v.data for v in (p, q, r)] == [0.0, 0.0, 0.0]


def test_a_rule_of_your_own_needs_no_more_than_update():
    class Sign(nn.Optimizer):
        @staticmethod
        def update(p, g, *, lr, t):
            return (p - lr * ops.sign(g),)

    p = Value(1.0)
    optimizer = Sign([p], lr=0.25)
    p.grad = -7.0
    optimizer.step()
    assert (p.data, optimizer.state_names) == (1.25, ())


def test_unreached_and_frozen_parameters_stay():
    reached, unreached, frozen = Value(1.0), Value(2.0), Value(3.0)
    optimizer = Adam([reached, unreached, frozen], lr=0.1, weight_decay=0.5)
    frozen.freeze()
    (reached * frozen).backward()
    optimizer.step()
    assert (reached.data, unreached.data, frozen.data) == (pytest.approx(0.9), 2.0, 3.0)
    assert optimizer.state_dict()["groups"][0]["steps"] == [1, 0, 0]


def test_a_parameter_frozen_after_the_backward_pass_stays():
    p, q = Value(1.0), Value(2.0)
    optimizer = SGD([p, q], lr=0.1)
    (p * q).backward()
    p.freeze()
    optimizer.step()
    assert (p.data, q.data) == (1.0, 1.9)


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
        def _data(self):
            return Value._data.__get__(self)

        @_data.setter
        def _data(self, number):
            if self.armed:
                self.armed = False
                raise KeyboardInterrupt
            Value._data.__set__(self, number)

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
    optimizer.step()
    assert [p.data for p in parameters] == pytest.approx([0.9, 1.9, 2.9])


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
        (lambda: Adam([Value(1.0)], amsgrad="yes"), "amsgrad is True or False, got 'yes'"),
        (lambda: AdamW([Value(1.0)], weight_decay=-1), "weight_decay is a finite number"),
        (lambda: SGD([Value(1.0)], momentum=0.9, dampening=0.1, nesterov=True), "needs dampening=0"),
        (lambda: RMSprop([Value(1.0)], alpha=1.0), "alpha is a number of at least 0 and below 1"),
        (lambda: RMSprop([Value(1.0)], centered=2), "centered is True or False"),
        (lambda: AdaGrad([Value(1.0)], lr_decay=-1), "lr_decay is a finite number"),
        (lambda: AdaGrad([Value(1.0)], initial_accumulator=-1), "initial_accumulator is a finite"),
        (lambda: AdaGrad([Value(1.0)], eps=0), "eps must be above 0"),
        (lambda: SGD([Value(1.0) * 2]), "computed from others"),
        (lambda: SGD("weights"), "takes a list of parameters, got 'weights'"),
        (lambda: SGD({"parameters": [Value(1.0)]}), "got one dict: put it into a list"),
        (lambda: SGD([{"parameters": []}]), "SGD got no parameters at all"),
        (lambda: SGD([{"parameters": [Value(1.0)]}, {"parameters": []}]), "SGD's group 1 got no parameters"),
        (lambda: SGD([{"parameters": [Value(1.0)]}, Value(2.0)]), "SGD's group 1 is Value(data=2.0"),
        (lambda: SGD([{"params": [Value(1.0)]}]), "has no \"parameters\", only 'params'"),
        (lambda: SGD([{"parameters": [Value(1.0)], "moment": 0.9}]), "'moment': did you mean 'momentum'?"),
        (lambda: SGD([{"parameters": [Value(1.0)], "lr": -1}]), "lr is a finite number of at least 0"),
        (lambda: SGD([{"parameters": [p]} for p in (Value(1.0), frozen_value())]), "group 1 got 1 frozen"),
        (lambda: SGD([{"parameters": [p]} for p in [Value(1.0)] * 2]), "in group 0 and in group 1"),
        (lambda: nn.optimizers.optimizer_named("adm"), "did you mean 'adam'?"),
    ],
)
def test_wrong_arguments_are_named(build, words):
    with pytest.raises(ArgumentError) as caught:
        build()
    assert words in str(caught.value)
