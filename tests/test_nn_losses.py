"""Losses: PyTorch's values and gradients, exact tails, and targets that do not fit."""

import math
import random
from functools import partial

import pytest

from autograd_lite import nn
from autograd_lite.engine import Value, gradients, topological_order
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import (
    LOSSES,
    MLP,
    bce,
    bce_with_logits,
    cross_entropy,
    fit,
    hinge,
    huber,
    mae,
    mse,
    nll,
    squared_hinge,
)
from autograd_lite.nn.losses import Loss, loss_named


def drawn(seed, count, low=-4.0, high=4.0):
    rng = random.Random(seed)
    return [rng.uniform(low, high) for _ in range(count)]


# against PyTorch


def ours(loss, outputs, targets):
    """Value and gradients, the outputs being numbers or rows of numbers."""
    rows = [[Value(z) for z in row] if isinstance(row, list) else Value(row) for row in outputs]
    value = loss(rows, targets)
    value.backward()
    leaves = [leaf for row in rows for leaf in (row if isinstance(row, list) else [row])]
    return [value.data, *(leaf.grad for leaf in leaves)]


def theirs(loss, outputs, targets, by_class):
    import torch

    leaf = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
    value = loss(leaf, torch.as_tensor(targets, dtype=torch.int64 if by_class else torch.float64))
    value.backward()
    return [value.item(), *leaf.grad.flatten().tolist()]


def torchs(name):
    """PyTorch's function of that loss, with the same settings; the two that it lacks by their formula."""
    import torch

    functions = torch.nn.functional
    own = {
        "mse": functions.mse_loss,
        "mae": functions.l1_loss,
        "huber": functions.huber_loss,
        "bce": functions.binary_cross_entropy,
        "bce_with_logits": functions.binary_cross_entropy_with_logits,
        "cross_entropy": functions.cross_entropy,
        "nll": functions.nll_loss,
        "hinge": lambda outputs, targets: (1 - outputs * targets).relu().mean(),
        "squared_hinge": lambda outputs, targets: (1 - outputs * targets).relu().square().mean(),
    }[name]

    def loss(outputs, targets, **settings):
        return own(outputs, targets, **{
            key: torch.tensor(value, dtype=torch.float64) if "weight" in key else value
            for key, value in settings.items()})

    return loss


def log_softmax(row):
    total = math.log(math.fsum(map(math.exp, row)))
    return [z - total for z in row]


FLAT, WIDE = drawn(1, 12), [drawn(seed, 3) for seed in range(2, 8)]
FAR, CLASSES = drawn(9, 12), [0, 1, 2, 0, 1, 2]
CHANCES = drawn(1, 12, 0, 1)
LOGS = [log_softmax(row) for row in WIDE]
EDGES = [0.0, 1.0, 1e-300, 1e-50, 1e-13, 1e-12, 2e-12, 1 - 1e-13, 1 - 1e-11, 1e-5]
WEIGHT = [0.5, 1.0, 4.0]
CASES = [
    ("mse", FLAT, FAR, {}),
    ("mse", WIDE, [drawn(seed, 3) for seed in range(10, 16)], {}),
    ("mae", FLAT, FAR, {}),
    ("mae", FLAT, FLAT, {}),
    ("mae", WIDE, [drawn(seed, 3) for seed in range(10, 16)], {}),
    ("huber", FLAT, FAR, {}),
    ("huber", FLAT, FAR, {"delta": 2.5}),
    ("huber", FLAT, FAR, {"delta": 1e-3}),
    ("huber", [1.0, 2.0, -1.0, -2.0, 0.0], [0.0] * 5, {"delta": 1.0}),
    ("huber", WIDE, [drawn(seed, 3) for seed in range(10, 16)], {"delta": 1.5}),
    ("bce", CHANCES, [0, 1] * 6, {}),
    ("bce", CHANCES, drawn(9, 12, 0, 1), {}),
    ("bce", [drawn(seed, 3, 0, 1) for seed in range(2, 8)], [[0.0, 1.0, 0.25]] * 6, {}),
    ("bce", EDGES, [0.0] * len(EDGES), {}),
    ("bce", EDGES, [1.0] * len(EDGES), {}),
    ("bce", EDGES, [0.25] * len(EDGES), {}),
    ("bce_with_logits", FLAT, [0, 1] * 6, {}),
    ("bce_with_logits", FLAT, drawn(9, 12, 0, 1), {}),
    ("bce_with_logits", WIDE, [[0.0, 1.0, 0.25]] * 6, {}),
    ("bce_with_logits", WIDE, [[0.0, 1.0, 0.25]] * 6, {"pos_weight": 3.0}),
    ("bce_with_logits", WIDE, [[0.0, 1.0, 0.25]] * 6, {"pos_weight": 4.0}),
    ("cross_entropy", WIDE, CLASSES, {}),
    ("cross_entropy", [drawn(seed, 2) for seed in range(4)], [0, 1, 1, 0], {}),
    ("cross_entropy", WIDE, CLASSES, {"label_smoothing": 0.1}),
    ("cross_entropy", WIDE, CLASSES, {"label_smoothing": 1.0}),
    ("cross_entropy", WIDE, [0, 1, 2, 2, 2, 2], {"weight": WEIGHT}),
    ("cross_entropy", WIDE, [0, 1, 2, 2, 2, 2], {"weight": WEIGHT, "label_smoothing": 0.3}),
    ("nll", LOGS, CLASSES, {}),
    ("nll", LOGS, [2, 2, 2, 1, 1, 0], {"weight": WEIGHT}),
    ("hinge", FLAT, [-1, 1] * 6, {}),
    ("hinge", WIDE, [[-1, 1, -1]] * 6, {}),
    ("squared_hinge", FLAT, [-1, 1] * 6, {}),
    ("squared_hinge", WIDE, [[-1, 1, -1]] * 6, {}),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "outputs", "targets", "settings"), CASES)
def test_values_and_gradients_are_pytorchs(name, outputs, targets, settings):
    pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    by_class = LOSSES[name].by_class
    expected = theirs(partial(torchs(name), **settings), outputs, targets, by_class)
    found = ours(partial(getattr(nn, name), **settings), outputs, targets)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_every_loss_is_compared_and_public():
    assert {name for name, *_ in CASES} == set(LOSSES)
    for name in LOSSES:
        assert loss_named(getattr(nn, name)).name == name
    assert {key for _, _, _, settings in CASES for key in settings} == {
        key for loss in LOSSES.values() for key in loss.settings}


@pytest.mark.parametrize(("name", "outputs", "targets", "settings"), CASES)
def test_sample_by_sample_adds_up_to_the_mean(name, outputs, targets, settings):
    whole = ours(partial(getattr(nn, name), **settings), outputs, targets)
    loss = loss_named(partial(getattr(nn, name), **settings))
    if "weight" in settings:
        assert not isinstance(loss, Loss)  # its mean needs the whole batch
        return
    rows = [[Value(z) for z in row] if isinstance(row, list) else Value(row) for row in outputs]
    width = len(rows[0]) if isinstance(rows[0], list) else 1
    total = 0.0
    for row, target in zip(rows, loss.check(targets, width), strict=True):
        term = loss.term(row, target)
        term.backward(1 / len(rows))
        total += term.data / len(rows)
    leaves = [leaf for row in rows for leaf in (row if isinstance(row, list) else [row])]
    assert [total, *(leaf.grad for leaf in leaves)] == pytest.approx(whole, rel=1e-13, abs=1e-300)


# closed forms and tails


def test_mse_of_all_outputs():
    assert mse([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]], [[0, 0], [0, 0]]).data == 7.5


def test_one_sample_may_come_by_itself():
    assert mse(Value(3.0), 1.0).data == 4.0
    assert cross_entropy([Value(0.0), Value(0.0), Value(0.0)], 2).data == pytest.approx(math.log(3))
    assert hinge(Value(0.0), -1).data == 1.0


def test_rows_of_one_output_count_as_that_output():
    assert mse([[Value(1.0)], [Value(2.0)]], [[0.0], [0.0]]).data == 2.5
    assert bce_with_logits([[Value(0.0)]], [1]).data == pytest.approx(math.log(2))


def relative_error(found, exact):
    return abs(found - exact) / abs(exact)


@pytest.mark.parametrize("logit", [-800.0, -700.0, -50.0, -1.0, 0.0, 1e-9, 1.0, 36.0, 50.0, 700.0, 800.0])
@pytest.mark.parametrize("target", [0, 1, 0.25])
def test_bce_is_exact_in_the_tails(logit, target):
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(800):
        z, t = mpmath.mpf(logit), mpmath.mpf(target)
        probability = 1 / (1 + mpmath.exp(-z))
        exact = -(t * mpmath.log(probability) + (1 - t) * mpmath.log(1 - probability))
        slope = float(probability - t)
        exact = float(exact)
    leaf = Value(logit)
    value = bce_with_logits([leaf], [target])
    value.backward()
    for found, wanted in ((value.data, exact), (leaf.grad, slope)):
        assert found == wanted == 0 or abs(wanted) < 1e-307 or relative_error(found, wanted) < 1e-14


FAR_APART = [[50.0, 0.0, -3.0], [0.0, 50.0, -3.0], [800.0, -800.0, 0.0], [1.0, 1.0, 1.0], [300.0, 0.0, -10.0],
             [-1000.0, -1001.0, -1002.0]]  # fmt: skip


@pytest.mark.parametrize("logits", FAR_APART)
@pytest.mark.parametrize("target", [0, 1, 2])
def test_cross_entropy_is_exact_in_the_tails(logits, target):
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(800):
        powers = [mpmath.exp(mpmath.mpf(z)) for z in logits]
        exact = float(-mpmath.log(powers[target] / sum(powers)))
        slopes = [float(p / sum(powers) - (k == target)) for k, p in enumerate(powers)]
    leaves = [Value(z) for z in logits]
    value = cross_entropy([leaves], [target])
    value.backward()
    for found, wanted in zip([value.data, *(leaf.grad for leaf in leaves)], [exact, *slopes], strict=True):
        assert found == wanted or abs(wanted) < 1e-307 or relative_error(found, wanted) < 1e-13


@pytest.mark.parametrize("logits", FAR_APART)
@pytest.mark.parametrize("target", [0, 2])
@pytest.mark.parametrize("settings", [{"label_smoothing": 0.1}, {"label_smoothing": 1.0},
                                      {"label_smoothing": 0.3, "weight": [0.5, 1.0, 4.0]}])  # fmt: skip
def test_smoothed_cross_entropy_is_exact_in_the_tails(logits, target, settings):
    mpmath = pytest.importorskip("mpmath")
    share, weight = settings["label_smoothing"], settings.get("weight", [1.0] * 3)
    with mpmath.workdps(800):
        powers = [mpmath.exp(mpmath.mpf(z)) for z in logits]
        costs = [-mpmath.log(power / sum(powers)) * w for power, w in zip(powers, weight, strict=True)]
        exact = float(((1 - mpmath.mpf(share)) * costs[target] + mpmath.mpf(share) / 3 * sum(costs))
                      / weight[target])
    value = cross_entropy([[Value(z) for z in logits]], [target], **settings)
    assert relative_error(value.data, exact) < 1e-13


def test_loss_graph_sits_in_a_scope_of_its_name():
    assert mse([Value(1.0), Value(2.0)], [0.0, 1.0]).scope == "mse"


# targets that do not fit


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "words"),
    [
        (mse, 2, [1.0], "2 outputs and 1 targets"),
        (mse, 2, [1.0, math.nan], "target 1 is nan; a target must be finite"),
        (mse, 1, [math.inf], "a target must be finite"),
        (mse, 1, ["1"], "a target is a plain number, this is a str"),
        (mse, 1, [None], "this is a NoneType"),
        (mse, 1, [[1.0, 2.0]], "target 0 has 2 numbers, expected 1"),
        (mse, 0, [], "of no samples at all"),
        (mse, 2, 3.0, "takes a list of outputs and a list of as many targets"),
        (bce_with_logits, 1, [1.5], "expected a label 0 or 1, or a probability"),
        (bce_with_logits, 1, [-1], "expected a label 0 or 1"),
        (hinge, 1, [0], "expected a label -1 or 1"),
        (cross_entropy, 1, [1], "needs a model with an output for each class"),
    ],
)
def test_targets_that_do_not_fit_are_named(loss, outputs, targets, words):
    with pytest.raises(ArgumentError) as caught:
        loss([Value(0.5) for _ in range(outputs)], targets)
    assert words in str(caught.value)


@pytest.mark.parametrize(("target", "words"), [(3, "the model has only 3 outputs, for the classes 0 to 2"),
                                               (-1, "expected the index of a class"),
                                               (0.5, "expected the index of a class"),
                                               (math.nan, "must be finite"),
                                               ("a", "plain number")])
def test_class_outside_the_outputs_is_named(target, words):
    with pytest.raises(ArgumentError) as caught:
        cross_entropy([[Value(0.0)] * 3], [target])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([1.0, 2.0], "output 0 is 1.0; expected what a model returns"),
        ([[Value(1.0)] * 2, [Value(1.0)] * 3], "output 1 has 3 numbers, output 0 has 2"),
        ([[]] * 2, "expected what a model returns"),
    ],
)
def test_outputs_that_do_not_fit_are_named(outputs, words):
    with pytest.raises(ArgumentError) as caught:
        mse(outputs, [[1.0, 2.0], [1.0, 2.0]])
    assert words in str(caught.value)


def test_numpy_targets_are_taken():
    np = pytest.importorskip("numpy")
    assert mse([Value(1.0), Value(2.0)], np.array([0.0, 0.0])).data == 2.5
    assert cross_entropy([[Value(0.0), Value(0.0)]], np.array([1])).data == pytest.approx(math.log(2))
    assert mse(Value(1.0), np.float64(3.0)).data == 4.0


# settings


def test_settings_come_by_keyword_or_partial():
    expected = huber([Value(3.0)], [0.0], delta=0.5).data
    assert expected == 0.5 * (3.0 - 0.25)
    assert partial(huber, delta=0.5)([Value(3.0)], [0.0]).data == expected
    assert loss_named(partial(huber, delta=0.5)).term(Value(3.0), 0.0).data == expected
    assert loss_named(partial(partial(huber, delta=9.0), delta=0.5)).settings == {"delta": 0.5}
    assert loss_named(LOSSES["huber"]) is LOSSES["huber"]
    assert LOSSES["huber"].settings == {"delta": 1.0}  # not changed by any of these


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (partial(huber, delta=0), "huber: delta is a finite number above 0, got 0"),
        (partial(huber, delta=math.inf), "delta is a finite number above 0, got inf"),
        (partial(huber, delta="1"), "delta is a finite number above 0, got '1'"),
        (partial(huber, detla=1), "huber has no setting 'detla': did you mean 'delta'"),
        (partial(mse, delta=1), "mse has no setting 'delta'; it has none"),
        (partial(mse, [1.0]), "partial may set only its settings by name, got [1.0]"),
        (partial(cross_entropy, label_smoothing=1.5), "label_smoothing is a number from 0 to 1, got 1.5"),
        (partial(cross_entropy, label_smoothing=math.nan), "is a number from 0 to 1, got nan"),
        (partial(cross_entropy, weight=[1, 0]), "weight[1] is a finite number above 0, got 0"),
        (partial(cross_entropy, weight=2.0), "weight is a list with a number for each class, got 2.0"),
        (partial(bce_with_logits, pos_weight=-1), "pos_weight is a finite number above 0, got -1"),
        (3, "loss is a name or a function of outputs and targets, got 3"),
        ("hubert", "unknown loss 'hubert': did you mean 'huber'"),
    ],
)
def test_settings_that_do_not_fit_are_named(loss, words):
    with pytest.raises(ArgumentError) as caught:
        loss_named(loss)
    assert words in str(caught.value)


def test_settings_are_checked_when_the_loss_is_called():
    with pytest.raises(ArgumentError, match="delta is a finite number above 0"):
        huber([Value(1.0)], [0.0], delta=-1.0)
    with pytest.raises(ArgumentError, match="weight has 2 numbers, expected 3, one for each class"):
        cross_entropy([[Value(0.0)] * 3], [1], weight=[1.0, 1.0])


def test_another_function_stays_itself():
    def own(outputs, targets):
        return outputs[0]

    assert loss_named(own) is own
    kept = partial(own, targets=[])
    assert loss_named(kept) is kept
    weighted = partial(cross_entropy, weight=[1.0, 2.0])
    assert loss_named(weighted) is weighted


POINTS, SHAPES = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], {
    "classes": (2, [0, 1, 1, 0]), "signs": (1, [-1, 1, 1, -1])}  # fmt: skip


@pytest.mark.parametrize("loss", [
    *(name for name in LOSSES if name not in ("bce", "nll")), partial(huber, delta=0.1),
    partial(cross_entropy, label_smoothing=0.1), partial(cross_entropy, weight=[1.0, 3.0]),
    partial(bce_with_logits, pos_weight=2.0)])  # fmt: skip
def test_fit_takes_it(loss):
    width, targets = SHAPES.get(nn.losses.known_loss(loss).answers, (1, [0, 1, 1, 0]))
    model = MLP(2, [4, width], activation="tanh", seed=0)
    history = fit(model, POINTS, targets, loss=loss, lr=0.05, epochs=60)
    assert history.loss[-1] < 0.8 * history.loss[0]


def test_fit_with_class_weights_uses_the_weighted_mean():
    model = MLP(2, [2], seed=0)
    before = cross_entropy([model(x) for x in POINTS], [0, 1, 1, 0], weight=[1.0, 5.0]).data
    history = fit(model, POINTS, [0, 1, 1, 0], loss=partial(cross_entropy, weight=[1.0, 5.0]), epochs=1)
    assert history.loss == [before]


# what is special about one of them


@pytest.mark.parametrize("p", [-0.1, 1.1, math.inf, -math.inf])
def test_bce_takes_probabilities_only(p):
    with pytest.raises(ArgumentError, match="expected a probability between 0 and 1"):
        bce([Value(p)], [1])


@pytest.mark.parametrize("target", [0, 1, 0.5])
def test_nan_in_gives_nan_out(target):
    assert math.isnan(bce([Value(math.nan)], [target]).data)
    for loss in (mse, mae, huber, bce_with_logits):
        assert math.isnan(loss([Value(math.nan)], [target]).data), loss
    for loss in (hinge, squared_hinge):
        assert math.isnan(loss([Value(math.nan)], [1]).data), loss
    for loss in (cross_entropy, nll):
        assert math.isnan(loss([[Value(math.nan), Value(-1.0)]], [0]).data), loss


def test_nll_takes_logarithms_only():
    with pytest.raises(ArgumentError, match=r"nll: an output is 2\.0; expected logarithms of probabilities"):
        nll([[Value(2.0), Value(-1.0)]], [1])


def test_nll_of_log_softmax_is_cross_entropy():
    for row, log_row, target in zip(WIDE, LOGS, CLASSES, strict=True):
        expected = cross_entropy([[Value(z) for z in row]], [target]).data
        assert nll([[Value(z) for z in log_row]], [target]).data == pytest.approx(expected, rel=1e-12)


def test_huber_is_half_mse_within_and_mae_beyond():
    near = [Value(x) for x in (0.5, -0.25, 1.0)]
    assert huber(near, [0.0] * 3).data == pytest.approx(mse(near, [0.0] * 3).data / 2, rel=1e-15)
    far = [Value(x) for x in (5.0, -7.0)]
    assert huber(far, [0.0] * 2).data == mae(far, [0.0] * 2).data - 0.5


@pytest.mark.parametrize("d", [0.0, 0.5, -0.5, 3.0, -3.0])
def test_huber_has_the_second_derivative_of_its_formula(d):
    x = Value(d)
    (slope,) = gradients(huber([x], [0.0]), [x], create_graph=True)
    (curvature,) = gradients(slope, [x])
    assert curvature == (1.0 if abs(d) <= 1 else 0.0)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_has_a_scope_of_its_name(name):
    by_class, signs = LOSSES[name].by_class, LOSSES[name].answers == "signs"
    outputs = [[Value(-0.5), Value(-1.0)]] * 2 if by_class else [Value(0.25), Value(0.5)]
    value = getattr(nn, name)(outputs, [1, 1] if signs or by_class else [0.0, 1.0])
    assert value.scope == name
    assert all(node.scope == name for node in computed(value))


def computed(value):
    return [node for node in topological_order(value) if not node.is_leaf]


def test_losses_are_listed_by_name():
    assert sorted(LOSSES) == sorted(loss.name for loss in LOSSES.values())
    for name in ("bce", "bce_with_logits", "cross_entropy", "hinge", "huber", "mae", "mse", "nll",
                 "squared_hinge"):  # fmt: skip
        assert name in LOSSES
