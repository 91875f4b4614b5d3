"""Schedules: PyTorch's numbers over their whole length, their ends, names, memory, and what they refuse."""

import json
import math
import random

import pytest

from autograd_lite import nn
from autograd_lite.errors import ArgumentError
from autograd_lite.nn.schedules import FunctionSchedule

# Each schedule, the steps to compare, and the same one of PyTorch, made for an optimizer with the lr 1.
PAIRS = [
    (nn.StepDecay(3), 20, lambda torch, o: torch.StepLR(o, 3)),
    (nn.StepDecay(every=1, factor=0.9), 20, lambda torch, o: torch.StepLR(o, 1, gamma=0.9)),
    (nn.MultiStep([2, 5, 5, 11], factor=0.3), 20, lambda torch, o: torch.MultiStepLR(o, [2, 5, 5, 11], 0.3)),
    (nn.Exponential(0.93), 40, lambda torch, o: torch.ExponentialLR(o, 0.93)),
    (nn.Exponential(1.1), 40, lambda torch, o: torch.ExponentialLR(o, 1.1)),
    (nn.Cosine(37), 38, lambda torch, o: torch.CosineAnnealingLR(o, 37)),
    (nn.Cosine(1), 2, lambda torch, o: torch.CosineAnnealingLR(o, 1)),
    (nn.Cosine(20, lowest=0.25), 21, lambda torch, o: torch.CosineAnnealingLR(o, 20, eta_min=0.25)),
    (nn.LinearRamp(13), 14, lambda torch, o: torch.LinearLR(o, 1.0, 0.0, 13)),
    (nn.LinearRamp(9, start=0.2, end=0.7), 10, lambda torch, o: torch.LinearLR(o, 0.2, 0.7, 9)),
    (nn.OneCycle(40), 40, lambda torch, o: torch.OneCycleLR(o, 1.0, 40)),
    (nn.OneCycle(40, anneal="linear"), 40,
     lambda torch, o: torch.OneCycleLR(o, 1.0, 40, anneal_strategy="linear")),
    (nn.OneCycle(17, rise=0.61, start=1 / 8, end=1 / 800), 17,
     lambda torch, o: torch.OneCycleLR(o, 1.0, 17, pct_start=0.61, div_factor=8, final_div_factor=100)),
    (nn.OneCycle(2), 2, lambda torch, o: torch.OneCycleLR(o, 1.0, 2)),
    (nn.OneCycle(1), 1, lambda torch, o: torch.OneCycleLR(o, 1.0, 1)),
    (nn.OneCycle(9, rise=0.0), 9, lambda torch, o: torch.OneCycleLR(o, 1.0, 9, pct_start=0.0)),
    (nn.WarmUp(5, then=nn.Cosine(12), start=0.2), 18, lambda torch, o: torch.SequentialLR(
        o, [torch.LinearLR(o, 0.2, 1.0, 5), torch.CosineAnnealingLR(o, 12)], [5])),
    (nn.WarmUp(4), 12, lambda torch, o: torch.LinearLR(o, 0.1, 1.0, 4)),
    (FunctionSchedule(lambda t: 1 / (1 + t)), 12, lambda torch, o: torch.LambdaLR(o, lambda t: 1 / (1 + t))),
]  # fmt: skip


def shown(part):
    return "" if " at 0x" in str(part) else str(part)[:40]


def torch_optimizer(torch):
    return torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=1.0)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:The epoch parameter in:UserWarning")  # PyTorch's SequentialLR, of itself
@pytest.mark.parametrize(("schedule", "count", "oracle"), PAIRS, ids=shown)
def test_every_step_is_pytorchs(schedule, count, oracle):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    optimizer = torch_optimizer(torch)
    scheduler = oracle(torch.optim.lr_scheduler, optimizer)
    theirs = []
    for _ in range(count):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(theirs) < count:  # OneCycleLR takes no step past its end
            scheduler.step()
    assert schedule.factors(count) == pytest.approx(theirs, rel=1e-12, abs=1e-15)


PLATEAUS = [
    {},
    {"factor": 0.5, "patience": 0},
    {"factor": 0.3, "patience": 2, "cooldown": 3},
    {"factor": 0.5, "patience": 1, "lowest": 0.1},
    {"factor": 0.5, "patience": 1, "threshold": 0.3},
    {"factor": 0.5, "patience": 1, "threshold": 0.05, "relative": False},
]


@pytest.mark.oracle
@pytest.mark.parametrize("settings", PLATEAUS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_plateaus_are_pytorchs(settings, seed):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    schedule, optimizer = nn.ReduceOnPlateau(**settings), torch_optimizer(torch)
    theirs = dict(settings)
    mode = {"min_lr": theirs.pop("lowest", 0.0), "threshold_mode": "rel", "eps": 0.0}
    if not theirs.pop("relative", True):
        mode["threshold_mode"] = "abs"
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **mode, **theirs)
    rng, reductions = random.Random(seed), set()
    for epoch in range(80):
        loss = math.exp(-epoch / 5) + 0.02 * rng.random() if epoch % 13 else math.nan
        schedule.observe(loss)
        scheduler.step(loss)
        assert schedule(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        reductions.add(schedule(epoch))
    assert len(reductions) > 1


@pytest.mark.parametrize("settings", PLATEAUS, ids=str)
def test_a_plateau_resumes_from_json_exactly(settings):
    rng = random.Random(0)
    losses = [rng.random() for _ in range(60)]
    whole, first, second = (nn.ReduceOnPlateau(**settings) for _ in range(3))
    expected = []
    for loss in losses:
        whole.observe(loss)
        expected.append(whole(0))
    assert json.loads(json.dumps(first.state_dict(), allow_nan=False)) == first.state_dict()
    for loss in losses[:25]:
        first.observe(loss)
    warm = nn.WarmUp(3, then=second)  # hands everything on
    warm.load_state_dict(json.loads(json.dumps(nn.WarmUp(3, then=first).state_dict())))
    found = []
    for loss in losses[25:]:
        warm.observe(loss)
        found.append(warm(3))
    assert found == expected[25:]
    warm.reset()
    assert (second(0), second.state_dict()) == (1.0, nn.ReduceOnPlateau().state_dict())


def test_a_plateau_state_that_does_not_fit_changes_nothing():
    schedule = nn.ReduceOnPlateau(factor=0.5, patience=0)
    schedule.observe(1.0)
    schedule.observe(1.0)
    good = schedule.state_dict()
    assert good == {"best": 1.0, "waited": 0, "resting": 0, "current": 0.5}
    schedule.state_dict()["current"] = 0.125
    assert schedule(2) == 0.5
    for bad in ({}, 3, {**good, "best": "1"}, {**good, "waited": -1}, {**good, "resting": 0.5},
                {**good, "current": 2.0}, {**good, "more": 1}):  # fmt: skip
        with pytest.raises(ArgumentError, match="saved state"):
            schedule.load_state_dict(bad)
        assert schedule.state_dict() == good


def test_two_plateaus_do_not_share_what_they_saw():
    first, second = nn.ReduceOnPlateau(patience=0), nn.ReduceOnPlateau(patience=0)
    for _ in range(3):
        first.observe(1.0)
    assert (first(0), second(0)) == (0.1**2, 1.0)
    assert first == second  # equal settings


def test_schedules_that_see_nothing_have_nothing_to_save():
    schedule = nn.Cosine(10)
    schedule.observe(3.0)
    schedule.reset()
    schedule.load_state_dict(schedule.state_dict())
    assert schedule.state_dict() == {}
    with pytest.raises(ArgumentError, match="another schedule"):
        schedule.load_state_dict(nn.ReduceOnPlateau().state_dict())


@pytest.mark.parametrize(
    ("schedule", "length"),
    [(nn.Constant(), None), (nn.StepDecay(2), None), (nn.MultiStep([3]), None), (nn.Exponential(0.5), None),
     (nn.ReduceOnPlateau(), None), (nn.Cosine(7), 7), (nn.LinearRamp(7), 7), (nn.OneCycle(7), 7),
     (nn.WarmUp(3), None), (nn.WarmUp(3, then=nn.Cosine(4)), 7)],
)  # fmt: skip
def test_ends_are_told_and_kept(schedule, length):
    assert schedule.length == length
    for t in (-1, 0.5, True, "3", None, math.nan):
        with pytest.raises(ArgumentError, match="the number of steps done"):
            schedule(t)
    if length is None:
        assert 0 <= schedule(10**6) <= 1
        with pytest.raises(ArgumentError, match="never ends: say how many"):
            schedule.factors()
        return
    assert len(schedule.factors()) == length
    assert 0 <= schedule(length) <= schedule(length - 1)
    with pytest.raises(ArgumentError, match=r"ends after 7 steps.* at 8 .*at least 8 steps, or stop after 7"):
        schedule(length + 1)
    with pytest.raises(ArgumentError, match=r"ends after 7 steps, but 8 are to be taken: give it 8"):
        nn.schedule_named(schedule, 8)


def test_exact_values():
    assert nn.Constant().factors(2) == [1.0, 1.0]
    assert nn.MultiStep([2], factor=0.5).factors(4) == [1.0, 1.0, 0.5, 0.5]
    assert nn.OneCycle(10, rise=0.5)(4) == 1.0  # the peak is the rate as given
    assert nn.OneCycle(10)(9) == nn.OneCycle(10)(10) == 1 / 25e4
    assert nn.OneCycle(10, rise=0.1)(0) == 1.0  # PyTorch divides by zero here
    assert nn.Exponential(2.0)(5000) == math.inf
    assert nn.WarmUp(2, then=nn.StepDecay(1, 0.5), start=0.5).factors(5) == [0.5, 0.75, 1.0, 0.5, 0.25]


@pytest.mark.parametrize("name", nn.SCHEDULES)
@pytest.mark.parametrize("length", [1, 2, 3, 7, 100])
def test_names_give_schedules_as_long_as_the_training(name, length):
    schedule = nn.schedule_named(name, length)
    assert nn.schedule_named(schedule, length) is schedule
    factors = schedule.factors(length)
    assert all(0.0 < factor <= 1.0 for factor in factors)
    assert schedule == nn.schedule_named(name, length)
    if length == 100:
        assert max(factors) == 1.0
        assert (factors[-1] < 0.1) == (name not in ("constant", "reduce_on_plateau"))


def test_names_none_and_functions():
    assert nn.schedule_named(None, 5) == nn.Constant()
    assert nn.schedule_named("cosine", 0) == nn.Cosine(1)
    assert nn.schedule_named(lambda t: 0.5**t, 5).factors(3) == [1.0, 0.5, 0.25]
    for given in (-1.0, math.nan, math.inf, "1", None):
        with pytest.raises(ArgumentError, match=r"the schedule gave .* at 2"):
            nn.schedule_named(lambda t, given=given: given, 5)(2)


def test_schedules_are_values():
    assert nn.Cosine(5) == nn.Cosine(5) != nn.Cosine(6)
    assert hash(nn.MultiStep([1, 2])) == hash(nn.MultiStep((1, 2)))
    with pytest.raises(AttributeError):
        nn.Cosine(5).steps = 6
    assert repr(nn.WarmUp(2, then=nn.Constant())) == "WarmUp(steps=2, then=Constant(), start=0.1)"


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: nn.Cosine(0), "steps is a whole number of at least 1, got 0"),
        (lambda: nn.Cosine(2.5), "steps is a whole number"),
        (lambda: nn.Cosine(5, lowest=-1), "lowest is a finite number of at least 0"),
        (lambda: nn.StepDecay(0), "every is a whole number of at least 1"),
        (lambda: nn.StepDecay(2, factor=0.0), "factor is a finite number above 0"),
        (lambda: nn.Exponential(math.nan), "factor is a finite number above 0, got nan"),
        (lambda: nn.MultiStep(5), "milestones is a list of steps"),
        (lambda: nn.MultiStep([5, 3]), "milestones go upwards"),
        (lambda: nn.MultiStep([0]), "every milestone is a whole number of at least 1"),
        (lambda: nn.LinearRamp(5, end="0"), "end is a finite number"),
        (lambda: nn.WarmUp(5, then="cosine"), "then is a schedule such as nn.Cosine(100), got 'cosine'"),
        (lambda: nn.WarmUp(-5), "steps is a whole number"),
        (lambda: nn.OneCycle(5, rise=1.0), "rise is the share of the steps before the peak"),
        (lambda: nn.OneCycle(5, anneal="cosine"), 'anneal is "cos" or "linear"'),
        (lambda: nn.ReduceOnPlateau(factor=1.0), "factor is a number below 1"),
        (lambda: nn.ReduceOnPlateau(patience=-1), "patience is a whole number of at least 0"),
        (lambda: nn.ReduceOnPlateau(cooldown=1.5), "cooldown is a whole number"),
        (lambda: nn.ReduceOnPlateau(lowest=1.5), "lowest is a finite number of at least 0 and at most 1"),
        (lambda: nn.ReduceOnPlateau().observe("0.1"), "observe takes the loss as a number"),
        (lambda: nn.Constant().factors(-1), "a whole number of at least 0"),
        (lambda: nn.schedule_named("cosin", 5), "did you mean 'cosine'?"),
        (lambda: nn.schedule_named(nn.Cosine, 5), "a schedule is a name, a schedule such as nn.Cosine(100)"),
        (lambda: nn.schedule_named(0.5, 5), "a schedule is a name"),
        (lambda: nn.schedule_named("cosine", -1), "length is a whole number"),
    ],
)
def test_wrong_arguments_are_named(build, words):
    with pytest.raises(ArgumentError) as caught:
        build()
    assert words in str(caught.value)
