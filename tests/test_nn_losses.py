"""Losses: PyTorch's values and gradients, exact tails, and targets that do not fit."""

import math
import random

import pytest

from autograd_lite.engine import Value
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import LOSSES, bce_with_logits, cross_entropy, hinge, mse


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


def theirs(loss, outputs, targets):
    import torch

    leaf = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
    kind = None if loss.__name__ == "cross_entropy" else torch.float64
    value = loss(leaf, torch.as_tensor(targets, dtype=kind))
    value.backward()
    return [value.item(), *leaf.grad.flatten().tolist()]


def torch_hinge(outputs, targets):
    return (1 - outputs * targets).relu().mean()


FLAT, WIDE = drawn(1, 12), [drawn(seed, 3) for seed in range(2, 8)]
CASES = [
    ("mse", FLAT, drawn(9, 12)),
    ("mse", WIDE, [drawn(seed, 3) for seed in range(10, 16)]),
    ("bce_with_logits", FLAT, [0, 1] * 6),
    ("bce_with_logits", FLAT, drawn(9, 12, 0, 1)),
    ("bce_with_logits", WIDE, [[0.0, 1.0, 0.25]] * 6),
    ("cross_entropy", WIDE, [0, 1, 2, 0, 1, 2]),
    ("cross_entropy", [drawn(seed, 2) for seed in range(4)], [0, 1, 1, 0]),
    ("hinge", FLAT, [-1, 1] * 6),
    ("hinge", WIDE, [[-1, 1, -1]] * 6),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "outputs", "targets"), CASES)
def test_values_and_gradients_are_pytorchs(name, outputs, targets):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    functions = {
        "mse": torch.nn.functional.mse_loss,
        "bce_with_logits": torch.nn.functional.binary_cross_entropy_with_logits,
        "cross_entropy": torch.nn.functional.cross_entropy,
        "hinge": torch_hinge,
    }
    expected = theirs(functions[name], outputs, targets)
    assert ours(LOSSES[name].mean, outputs, targets) == pytest.approx(expected, rel=1e-12, abs=1e-15)


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


def test_losses_are_listed_by_name():
    assert sorted(LOSSES) == ["bce_with_logits", "cross_entropy", "hinge", "mse"]
