"""How parameters start: spreads and bounds of each rule, gains, settings, seeds."""

import copy
import math
import random
import statistics

import pytest

from autograd_lite import nn
from autograd_lite.errors import ArgumentError
from autograd_lite.nn.initialisation import GAINS, init_named

FAN_IN, FAN_OUT = 60, 40


def drawn(init, seed=1):
    layer = nn.Linear(FAN_IN, FAN_OUT, init=init, seed=seed)
    return [weight.data for row in layer.weight for weight in row], [bias.data for bias in layer.bias]


# by the textbooks' formulas; a uniform rule of standard deviation s has the bound s·√3
STANDARD_DEVIATIONS = {
    "lecun_uniform": math.sqrt(1 / FAN_IN), "lecun_normal": math.sqrt(1 / FAN_IN),
    "he_uniform": math.sqrt(2 / FAN_IN), "he_normal": math.sqrt(2 / FAN_IN),
    "xavier_uniform": math.sqrt(2 / (FAN_IN + FAN_OUT)), "xavier_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "uniform_fan_in": math.sqrt(1 / FAN_IN / 3), "micrograd": math.sqrt(1 / 3), "normal": 1.0, "zeros": 0.0,
}  # fmt: skip


def test_every_rule_is_in_the_table_here():
    assert set(STANDARD_DEVIATIONS) == set(nn.INITS)


@pytest.mark.parametrize("name", [name for name in STANDARD_DEVIATIONS if name != "zeros"])
def test_spread_bound_and_shape_of_the_rule(name):
    weights, biases = drawn(name)
    deviation = STANDARD_DEVIATIONS[name]
    assert statistics.pstdev(weights) == pytest.approx(deviation, rel=0.04)
    assert abs(statistics.fmean(weights)) < 0.1 * deviation
    within = sum(abs(weight) < deviation for weight in weights) / len(weights)
    if "normal" in name:
        assert within == pytest.approx(0.683, abs=0.03)
        assert max(map(abs, weights)) > 2.5 * deviation
    else:
        assert within == pytest.approx(1 / math.sqrt(3), abs=0.03)
        assert 0.98 < max(map(abs, weights)) / (deviation * math.sqrt(3)) <= 1.0
    assert (set(biases) == {0.0}) == (name != "uniform_fan_in")


@pytest.mark.oracle
@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "relu", "selu"])
def test_gains_are_pytorchs(activation):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    assert nn.gain(activation) == torch.nn.init.calculate_gain(activation)
    assert set(GAINS) == {"linear", "sigmoid", "tanh", "relu", "selu"}
    for slope in (0.01, 0.3):
        assert nn.gain("leaky_relu", slope) == torch.nn.init.calculate_gain("leaky_relu", slope)


@pytest.mark.parametrize("name", ["xavier_uniform", "xavier_normal", "lecun_uniform", "lecun_normal"])
@pytest.mark.parametrize("gain", [3.0, "tanh", "relu"])
def test_a_gain_multiplies(name, gain):
    plain, _ = drawn(name)
    scaled, biases = drawn(nn.initialiser(name, gain=gain))
    factor = gain if isinstance(gain, float) else nn.gain(gain)
    assert scaled == pytest.approx([factor * weight for weight in plain], rel=1e-14)
    assert set(biases) == {0.0}


def test_he_is_lecun_with_the_gain_of_relu_and_takes_another():
    for form in ("uniform", "normal"):
        plain, _ = drawn(f"he_{form}")
        for init in (nn.initialiser(f"he_{form}", gain="relu"), nn.initialiser(f"lecun_{form}", gain="relu")):
            assert drawn(init)[0] == pytest.approx(plain, rel=1e-14)
        assert drawn(nn.initialiser(f"he_{form}", gain="linear")) == drawn(f"lecun_{form}")
        assert drawn(nn.initialiser(f"he_{form}")) == drawn(f"he_{form}")


def test_settings_of_normal_and_functions():
    assert drawn(nn.initialiser("normal", std=0.02))[0] == pytest.approx(
        [0.02 * weight for weight in drawn("normal")[0]], rel=1e-14
    )
    weights, biases = drawn(lambda rng, fan_in, fan_out: fan_in + fan_out / 100)
    assert (set(weights), set(biases)) == ({60.4}, {0.0})
    assert nn.MLP(2, [2], init=nn.initialiser("normal", std=1e-3), seed=0).parameters()[0].data < 0.01


def test_he_keeps_the_size_through_twelve_relu_layers_and_other_starts_do_not():
    def size_after(init):
        x = [random.Random(0).gauss(0, 1) for _ in range(40)]
        for layer in range(12):
            x = [out.relu().data for out in nn.Linear(40, 40, init=init, seed=layer)(x)]
        return math.hypot(*x) / math.sqrt(40)

    assert 0.2 < size_after("he_normal") < 5.0
    assert size_after("lecun_normal") == pytest.approx(size_after("he_normal") / 2**6, rel=1e-9)
    assert size_after("micrograd") > 1e3


@pytest.mark.parametrize("init", [*nn.INITS, nn.initialiser("xavier_normal", gain=2.0)], ids=str)
def test_seed_and_reset_give_the_same_start(init):
    layer = nn.Linear(4, 3, init=init, seed=3)
    start = layer.state_dict()
    assert nn.Linear(4, 3, init=init, seed=3).state_dict() == start
    for parameter in layer.parameters():
        parameter.data += 1.0
    assert copy.deepcopy(layer).reset(3).state_dict() == start
    assert layer.reset(seed=random.Random(3)).state_dict() == start


def test_without_a_seed_pythons_random_is_drawn_from():
    random.seed(5)
    start = nn.Linear(4, 3).state_dict()
    random.seed(5)
    assert nn.Linear(4, 3).state_dict() == start
    assert nn.Linear(4, 3).state_dict() != start


@pytest.mark.parametrize(("build", "words"), [
    (lambda: nn.initialiser("xavier"), "unknown init 'xavier': did you mean 'xavier_"),
    (lambda: nn.initialiser("xavier_normal", std=2.0), "'xavier_normal' takes gain, got std=2.0"),
    (lambda: nn.initialiser("normal", gain="tanh"), "'normal' takes std, got gain='tanh'"),
    (lambda: nn.initialiser("zeros", gain=1.0), "'zeros' takes no settings, got gain=1.0"),
    (lambda: nn.initialiser("uniform_fan_in", gain=1.0), "takes no settings"),
    (lambda: nn.initialiser("he_normal", gain=0.0), "gain is a number above 0, got 0.0"),
    (lambda: nn.initialiser("he_normal", gain=math.inf), "gain is a number above 0, got inf"),
    (lambda: nn.initialiser("normal", std="tanh"), "std is a number above 0, got 'tanh'"),
    (lambda: nn.initialiser("he_normal", gain="gelu"), "no gain is known for 'gelu': .*Give a number"),
    (lambda: nn.gain("tahn"), "no gain is known for 'tahn': did you mean 'tanh'"),
    (lambda: init_named(3), r"init is the name of a rule, an initialiser\(name, gain=…\) or a function"),
])  # fmt: skip
def test_what_makes_no_sense_is_named(build, words):
    with pytest.raises(ArgumentError, match=words):
        build()


def test_a_rule_shows_how_it_was_asked_for():
    assert repr(nn.initialiser("xavier_normal", gain="tanh")) == "initialiser('xavier_normal', gain='tanh')"
    assert repr(init_named("he_normal")) == "Init(_he_normal)"
