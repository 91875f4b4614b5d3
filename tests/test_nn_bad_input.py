"""What is no list, no number or no whole number gets an error that says so, wherever it is given."""

import math
from fractions import Fraction

import numpy as np
import pytest

from autograd_lite import Value, nn
from autograd_lite.errors import ArgumentError, AutogradError

NO_LISTS = [None, 3, 1.5, "ab", b"ab", {}, {"a": 1}, {1, 2}, np.array(2.0), Value(1.0), object(), int]
NO_WHOLE_NUMBERS = [
    None, True, 1.5, 2.0, "2", [2], int, np.array(2.0), np.float64(2.0), np.bool_(True), Value(2.0),
]  # fmt: skip
NO_NUMBERS = [None, "2", [1.0], 1j, int, object(), Value(1.0), np.array([1.0]), 10**400]


def named(cases):
    return [pytest.param(case, id=f"{k} {case!r:.30}".partition(" at 0x")[0]) for k, case in enumerate(cases)]


TOKENIZER = nn.Tokenizer(["ab"])
BATCHED = nn.Sequential(nn.BatchNorm(2), "tanh", nn.Residual(nn.Linear(2, 2)))

TAKES_A_LIST = {
    "batch": nn.Linear(2, 2).batch,
    "batch, mixing samples": BATCHED.batch,
    "attention": nn.SelfAttention(2),
    "attention weights": nn.SelfAttention(2).weights,
    "block": nn.Block(2),
    "decode": TOKENIZER.decode,
    "outputs of mse": lambda outputs: nn.mse(outputs, [1.0, 1.0]),
    "outputs of cross_entropy": lambda outputs: nn.cross_entropy(outputs, [1, 1]),
    "outputs of accuracy": lambda outputs: nn.metric_named("accuracy").of(outputs, [1, 0]),
    "targets of accuracy": lambda targets: nn.metric_named("accuracy").of([1, 0], targets),
    "confusion matrix": lambda outputs: nn.confusion_matrix(outputs, [1, 0]),
    "penalty": nn.L2(1.0),
    "optimizer": nn.Adam,
    "group": lambda parameters: nn.SGD([{"parameters": parameters}]),
    "clip by value": lambda parameters: nn.clip_gradient_value(parameters, 1.0),
    "clip by norm": lambda parameters: nn.clip_gradient_norm(parameters, 1.0),
    "milestones": nn.MultiStep,
    "nouts": lambda nouts: nn.MLP(2, nouts),
}

TAKES_A_WHOLE_NUMBER = {
    "nin": lambda size: nn.Linear(size, 2),
    "width": nn.BatchNorm,
    "heads": lambda heads: nn.SelfAttention(4, heads=heads),
    "vocabulary": nn.GPT,
    "seed": lambda seed: nn.Dropout(seed=0.5 if seed is None else seed),
    "steps": nn.Cosine,
    "every": nn.StepDecay,
    "milestone": lambda milestone: nn.MultiStep([milestone]),
    "patience": lambda patience: nn.ReduceOnPlateau(patience=patience),
    "steps done": nn.Cosine(5),
    "length": lambda length: nn.GPT(3, width=2, heads=1).generate(0, length="" if length is None else length),
}

TAKES_A_NUMBER = {
    "lr": lambda lr: nn.SGD([Value(1.0)], lr=lr),
    "scale": lambda scale: nn.SGD([Value(1.0)]).step(scale),
    "eps": lambda eps: nn.LayerNorm(2, eps=eps),
    "p": nn.Dropout,
    "limit": lambda limit: nn.clip_gradient_norm([Value(1.0)], limit),
    "lowest": lambda lowest: nn.Cosine(5, lowest),
    "factor": nn.Exponential,
    "relative": lambda relative: nn.ReduceOnPlateau(relative=relative),
    "bias": lambda bias: nn.Linear(2, 2, bias=bias),
    "affine": lambda affine: nn.LayerNorm(2, affine=affine),
    "affine of a batch norm": lambda affine: nn.BatchNorm(2, affine=affine),
    "causal": lambda causal: nn.SelfAttention(2, causal=causal),
    "training": nn.Dropout().train,
    "slope of an activation": lambda slope: nn.Activation("leaky_relu", slope=slope),
    "slope of a gain": lambda slope: nn.gain("leaky_relu", slope=slope),
    "observed loss": nn.ReduceOnPlateau().observe,
    "strength": nn.L1,
    "delta": lambda delta: nn.huber([Value(1.0)], [0.0], delta=delta),
    "temperature": lambda number: nn.GPT(3, width=2, heads=1).generate(0, temperature=number),
}


@pytest.mark.parametrize("taker", TAKES_A_LIST)
@pytest.mark.parametrize("given", named(NO_LISTS))
def test_what_is_no_list(taker, given):
    with pytest.raises(AutogradError):
        TAKES_A_LIST[taker](given)


@pytest.mark.parametrize("taker", TAKES_A_WHOLE_NUMBER)
@pytest.mark.parametrize("given", named(NO_WHOLE_NUMBERS))
def test_what_is_no_whole_number(taker, given):
    with pytest.raises(AutogradError):
        TAKES_A_WHOLE_NUMBER[taker](given)


@pytest.mark.parametrize("taker", TAKES_A_NUMBER)
@pytest.mark.parametrize("given", named(NO_NUMBERS))
def test_what_is_no_number(taker, given):
    with pytest.raises(AutogradError):
        TAKES_A_NUMBER[taker](given)


@pytest.mark.parametrize("given", [None, 3, {"a": 1}, [1], np.array(2.0)], ids=repr)
def test_texts_are_strings(given):
    for taker in (nn.Tokenizer, TOKENIZER.next_token_samples):
        with pytest.raises(ArgumentError):
            taker(given)


def test_one_string_is_one_text():
    assert TOKENIZER.next_token_samples("ab") == TOKENIZER.next_token_samples(["ab"])
    assert nn.Tokenizer("ab").characters == nn.Tokenizer(["ab"]).characters


def test_generators_are_lists():
    model = nn.GPT(3, width=2, heads=1, seed=0)
    listed = [[number.data for number in row] for row in model([0, 1])]
    assert [[number.data for number in row] for row in model(token for token in (0, 1))] == listed
    vectors = [[1.0, 0.0], [0.0, 1.0]]
    attention = nn.SelfAttention(2, seed=0)
    assert attention(iter(vectors))[1][0].data == attention(vectors)[1][0].data


def test_messages_name_the_module_and_what_was_given():
    with pytest.raises(ArgumentError, match=r'Linear "linear" takes a list of samples in batch\(\), got 3'):
        nn.Linear(2, 2).batch(3)
    with pytest.raises(ArgumentError, match=r"got the outputs 0\.5"):
        nn.mse(0.5, [1.0])
    with pytest.raises(ArgumentError, match="bias is True or False, got 'relu'"):
        nn.Linear(2, 2, "relu")


def test_arrays_in_lists_and_lists_in_arrays():
    outputs = [Value(0.5), Value(-1.0)]
    alike = [
        ([outputs], [[1.0, 0.0]]),
        ([outputs], [np.array([1.0, 0.0])]),
        ([tuple(outputs)], np.array([[1, 0]])),
        (np.array([outputs], dtype=object), ((1.0, 0.0),)),
        ([np.array(outputs, dtype=object)], [[np.float32(1.0), np.array(0)]]),
        (np.array(outputs, dtype=object), [1.0, np.array(0.0)]),
    ]
    assert {nn.mse(given, targets).data for given, targets in alike} == {0.625}


@pytest.mark.parametrize("settings", [{"activation": "tahn"}, {"output": "rleu"}], ids=str)
def test_a_typo_is_told_even_where_no_layer_has_that_activation(settings):
    with pytest.raises(ArgumentError, match="did you mean"):
        nn.MLP(2, [1], **settings)


def test_a_block_that_gives_nothing():
    class Forgetful(nn.Module):
        def forward(self, x):
            pass

    with pytest.raises(ArgumentError, match="gave None"):
        nn.Residual(Forgetful())([1.0, 2.0])


def test_gradients_that_are_no_numbers():
    for gradient in ("1", [1.0], 1j):
        parameter = Value(1.0)
        parameter.grad = gradient
        with pytest.raises(ArgumentError, match="takes gradients that are numbers"):
            nn.clip_gradient_norm([parameter], 1.0)
    parameter.grad = np.array(2)
    nn.clip_gradient_norm([parameter], 1.0)
    assert type(parameter.grad) is float
    assert parameter.grad == pytest.approx(1.0)


@pytest.mark.parametrize("number", [np.float32(0.1), np.array(0.1), Fraction(1, 10)], ids=repr)
def test_schedules_compute_with_floats(number):
    exact = float(number)
    for schedule, same in (
        (nn.LinearRamp(np.int64(7), end=number), nn.LinearRamp(7, end=exact)),
        (nn.WarmUp(np.int16(3), start=number), nn.WarmUp(3, start=exact)),
        (nn.Cosine(7, number), nn.Cosine(7, exact)),
        (nn.OneCycle(np.int64(7), number, start=number, end=number), nn.OneCycle(7, exact, exact, exact)),
        (nn.MultiStep([np.int64(2)], number), nn.MultiStep([2], exact)),
        (nn.ReduceOnPlateau(number, patience=np.int64(2)), nn.ReduceOnPlateau(exact, patience=2)),
    ):
        assert schedule == same
        assert repr(schedule) == repr(same)
        assert schedule.factors(7) == same.factors(7)
        assert {type(factor) for factor in schedule.factors(7)} == {float}


def test_batch_norm_in_use_divides_as_floats_do():
    norm = nn.BatchNorm(1, eps=0.0, momentum=1.0)
    norm.batch([[1.0], [1.0]])  # no variance at all
    norm.eval()
    assert norm([2.0])[0].data == math.inf
    assert math.isnan(norm([1.0])[0].data)
    norm.load_state_dict({**norm.state_dict(), "running_var.0": -1.0})
    assert math.isnan(norm([2.0])[0].data)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad"])
def test_a_saved_mean_square_below_zero_is_refused(name):
    parameter = Value(1.0)
    optimizer = nn.OPTIMIZERS[name]([parameter])
    state = optimizer.state_dict()
    column = next(column for names, column in state["groups"][0]["state"].items() if "square" in names)
    column[0] = -1.0
    with pytest.raises(ArgumentError, match="never below 0"):
        optimizer.load_state_dict(state)
