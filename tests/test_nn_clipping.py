"""Clipping: PyTorch's numbers, what is left alone, and what is refused."""

import math
import random

import pytest

from autograd_lite.engine import Value
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import clip_gradient_norm, clip_gradient_value


def with_gradients(*gradients):
    parameters = [Value(1.0) for _ in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    return parameters


def gradients(parameters):
    return [parameter.grad for parameter in parameters]


@pytest.mark.oracle
@pytest.mark.parametrize("limit", [1e-9, 0.1, 1.0, 2.0, 5.0, 1e3])
@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("count", [1, 7, 100])
def test_fifty_clips_are_pytorchs(limit, scale, count):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    rng = random.Random(count)
    for _ in range(50 if count == 7 else 3):
        numbers = [scale * rng.gauss(0.0, 1.0) for _ in range(count)]
        for mine, theirs in (
            (clip_gradient_norm, torch.nn.utils.clip_grad_norm_),
            (clip_gradient_value, torch.nn.utils.clip_grad_value_),
        ):
            parameters = with_gradients(*numbers)
            tensors = [torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in numbers]
            for tensor, number in zip(tensors, numbers, strict=True):
                tensor.grad = torch.tensor(number, dtype=torch.float64)
            norm, their_norm = mine(parameters, limit), theirs(tensors, limit)
            if norm is not None and scale > 1e-100:  # torch's squares underflow below
                assert norm == pytest.approx(their_norm.item(), rel=1e-12)
            assert gradients(parameters) == pytest.approx([t.grad.item() for t in tensors], rel=1e-12, abs=0)


def test_norms_of_huge_and_tiny_gradients_are_right():
    parameters = with_gradients(3e200, 4e200)
    assert clip_gradient_norm(parameters, 5.0) == pytest.approx(5e200, rel=1e-15)
    assert gradients(parameters) == pytest.approx([3.0, 4.0], rel=1e-15)
    parameters = with_gradients(3e-200, 4e-200)
    assert clip_gradient_norm(parameters, 5.0) == pytest.approx(5e-200, rel=1e-15)
    assert gradients(parameters) == [3e-200, 4e-200]


def test_what_is_small_enough_stays_to_the_bit():
    parameters = with_gradients(0.1, -0.7)
    clip_gradient_value(parameters, 0.7)
    clip_gradient_norm(parameters, 1.0)
    assert gradients(parameters) == [0.1, -0.7]
    clip_gradient_value(parameters, 0.5)
    assert gradients(parameters) == [0.1, -0.5]


def test_the_direction_of_a_clipped_norm_stays():
    parameters = with_gradients(30.0, -40.0)
    assert clip_gradient_norm(iter(parameters), 5) == 50.0
    assert gradients(parameters) == [30.0 * (5 / (50 + 1e-6)), -40.0 * (5 / (50 + 1e-6))]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_norm_that_is_not_finite_is_returned_and_changes_nothing(bad):
    parameters = with_gradients(30.0, bad)
    norm = clip_gradient_norm(parameters, 5.0)
    assert not math.isfinite(norm)
    assert math.isnan(norm) == math.isnan(bad)
    assert parameters[0].grad == 30.0
    clip_gradient_value(parameters, 5.0)
    assert parameters[0].grad == 5.0
    assert math.isnan(bad) == math.isnan(parameters[1].grad)
    assert math.isnan(bad) or parameters[1].grad == math.copysign(5.0, bad)


def test_unreached_and_frozen_parameters_are_left_alone():
    reached, unreached, none, frozen = with_gradients(30.0, 0.0, None, 1e9)
    unreached.zero_grad()
    frozen.freeze()
    assert clip_gradient_norm([reached, unreached, none, frozen], 5.0) == 30.0
    assert reached.grad == pytest.approx(5.0)
    clip_gradient_value([reached, unreached, none, frozen], 1.0)
    assert (reached.grad, unreached.has_grad, none.grad) == (1.0, False, None)
    assert frozen.grad == 1e9
    assert clip_gradient_norm([unreached], 1.0) == clip_gradient_norm([], 1.0) == 0.0


@pytest.mark.parametrize("clip", [clip_gradient_norm, clip_gradient_value])
def test_gradients_that_are_graphs_are_refused_before_anything_changes(clip):
    first, second = with_gradients(100.0, 0.0)
    (second**3).backward(create_graph=True)
    kept = second.grad
    with pytest.raises(ArgumentError, match="made by backward\\(create_graph=True\\)"):
        clip([first, second], 1.0)
    assert (first.grad, second.grad is kept) == (100.0, True)
    second.zero_grad()  # breaks the cycle that create_graph makes


@pytest.mark.parametrize("clip", [clip_gradient_norm, clip_gradient_value])
@pytest.mark.parametrize(
    ("parameters", "limit", "words"),
    [
        ([Value(1.0)], 0.0, "limit must be above 0"),
        ([Value(1.0)], -1, "limit must be above 0"),
        ([Value(1.0)], math.nan, "limit must be above 0"),
        ([Value(1.0)], "1", "limit must be above 0, a finite number, got '1'"),
        (Value(1.0), 1.0, "give model.parameters()"),
        (3, 1.0, "takes a list of parameters, got 3"),
        ([1.0], 1.0, "takes Values, got 1.0"),
    ],
)
def test_wrong_arguments_are_named(clip, parameters, limit, words):
    with pytest.raises(ArgumentError) as caught:
        clip(parameters, limit)
    assert words in str(caught.value)
