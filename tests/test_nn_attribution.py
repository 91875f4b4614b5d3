"""Saliency is the gradient of the answer; integrated gradients are exact, and complete."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, nn, ops
from autograd_lite.errors import ArgumentError

PIECEWISE = ["relu", "leaky_relu", "abs", "hardtanh"]
SMOOTH = ["tanh", "sigmoid", "silu", "gelu", "softplus"]


class Function(nn.Module):
    """A model without parameters."""

    def __init__(self, function: Callable[[list[Value]], Any]) -> None:
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def point(rng: random.Random, size: float) -> list[float]:
    return [rng.gauss(0.0, size) for _ in range(3)]


@pytest.mark.parametrize("activation", PIECEWISE + SMOOTH)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_complete(activation: str, seed: int) -> None:
    model, rng = nn.MLP(3, [8, 8, 1], activation=activation, seed=seed), random.Random(seed)
    x, baseline = point(rng, 3.0), point(rng, 1.0)
    found = nn.integrated_gradients(model, x, baseline)
    change = model(x).data - model(baseline).data
    assert abs(sum(found) - change) < 1e-10
    assert abs(found.completeness_gap) < 1e-10
    assert found.exact
    assert (found.answer, found.baseline_answer) == (model(x).data, model(baseline).data)


@pytest.mark.parametrize("seed", [0, 1])
def test_linear_pieces_agree_with_very_many_steps(seed: int) -> None:
    # completeness alone would not see contributions that are wrong and cancel
    model, rng = nn.MLP(3, [6, 6, 1], activation="relu", seed=seed), random.Random(seed)
    x = point(rng, 3.0)
    exact = nn.integrated_gradients(model, x)
    near = nn.integrated_gradients(model, x, steps=2000)
    assert list(exact) == pytest.approx(list(near), abs=3e-3)
    assert abs(near.completeness_gap) > abs(exact.completeness_gap)
    assert not near.exact


@pytest.mark.parametrize(
    ("function", "x", "baseline", "expected"),
    [
        (lambda x: (x[0] - 0.25).relu() * 2.0, [1.0], [0.0], [1.5]),
        (lambda x: (x[0] - 0.5).relu(), [1.0], [0.0], [0.5]),  # the kink is where one looks first
        (lambda x: x[0].relu(), [1.0], [-1.0], [1.0]),
        (lambda x: abs(x[0] + x[1]), [2.0, 1.0], [-1.0, -1.0], [0.6, 0.4]),
        (lambda x: ops.max([x[0], x[1], 0.5]), [2.0, 1.0], [0.0, 0.0], [1.5, 0.0]),
        (lambda x: ops.maximum(x[0], 3.0 * x[1]), [1.0, 0.5], [0.0, 0.0], [0.0, 1.5]),
        (lambda x: ops.clip(x[0], low=-1.0, high=1.0), [3.0], [-3.0], [2.0]),
        (lambda x: x[0] * x[1], [3.0, 2.0], [0.0, 0.0], [3.0, 3.0]),
        (lambda x: x[0] ** 2 + x[1].exp(), [2.0, 1.0], [0.0, 0.0], [4.0, math.e - 1]),
        (lambda x: (x[0] - 0.3).relu().tanh(), [1.0], [0.0], [math.tanh(0.7)]),
        (lambda x: ops.max([x[0], 1.0 - x[0]]).sin(), [1.0], [0.0], [0.0]),
        (lambda x: ops.dot(x, [2.0, -1.0]) / 4.0, [1.0, 2.0], [0.0, 0.0], [0.5, -0.5]),
    ],
)  # fmt: skip
def test_closed_forms(
    function: Callable[[Any], Any], x: list[float], baseline: list[float], expected: list[float]
) -> None:
    found = nn.integrated_gradients(Function(function), x, baseline)
    assert list(found) == pytest.approx(expected, abs=1e-12)
    assert found.exact


def test_few_evaluations_where_it_is_linear_between_kinks() -> None:
    found = nn.integrated_gradients(Function(lambda x: (x[0] - 0.25).relu()), [1.0])
    assert found.evaluations == 4  # the ends, and one in each piece
    linear = nn.integrated_gradients(nn.Linear(3, 1, seed=0), [1.0, 2.0, 3.0])
    assert linear.evaluations == 3


def test_a_program_that_branches_by_itself() -> None:
    model = Function(lambda x: x[0] * 3.0 if x[0] > 0 else x[0] * 1.0)
    found = nn.integrated_gradients(model, [1.0], [-0.3])
    assert found[0] == pytest.approx(3.3, abs=1e-10)
    assert found.exact


def test_a_jump_is_told() -> None:
    model = Function(lambda x: x[0] + 1.0 if x[0] > 0.3 else x[0] * 1.0)
    found = nn.integrated_gradients(model, [1.0])
    assert found[0] == pytest.approx(1.0)
    assert found.completeness_gap == pytest.approx(-1.0)
    assert not found.exact


def test_saliency_is_the_gradient_of_the_chosen_output() -> None:
    model = nn.Linear(2, 3, seed=0)
    for row in range(3):
        expected = [weight.data for weight in model.weight[row]]
        assert list(nn.saliency(model, [1.0, 2.0], output=row)) == expected
    answers = nn.predict(model, [[1.0, 2.0]])[0]
    assert nn.saliency(model, [1.0, 2.0]).output == answers.index(max(answers))


def test_a_saturated_answer_has_no_saliency_and_yet_contributions() -> None:
    model = Function(lambda x: ops.minimum(x[0], 1.0))  # the example of the paper
    assert nn.saliency(model, [2.0])[0] == 0.0
    assert nn.integrated_gradients(model, [2.0])[0] == pytest.approx(1.0)


def test_nothing_is_left_behind() -> None:
    parts = nn.Linear(2, 4), nn.BatchNorm(4), "relu", nn.Dropout(0.5, seed=1), nn.Linear(4, 1)
    model = nn.Sequential(*parts, seed=0)
    model.batch([[1.0, 2.0], [3.0, -4.0]])
    model.parameters()[0].grad = 7.0
    state, drawn = model.state_dict(), model.generators()[0][1].getstate()
    nn.saliency(model, [1.0, 2.0])
    nn.integrated_gradients(model, [1.0, 2.0])
    assert model.state_dict() == state
    assert model.generators()[0][1].getstate() == drawn
    assert model.training
    assert model.parameters()[0].grad == 7.0
    assert not model.parameters()[1].has_grad


def test_an_attribution_can_be_read_like_a_list() -> None:
    found = nn.saliency(nn.Linear(2, 1, seed=0), [1.0, 2.0])
    assert len(found) == 2
    assert [found[0], found[1]] == list(found) == list(found.values)
    assert repr(found).startswith("Attribution(saliency: [")


@pytest.mark.parametrize(
    ("arguments", "named", "words"),
    [
        (([1.0, 2.0], [0.0]), {}, "baseline has 1 numbers and x has 2"),
        (([1.0, math.nan],), {}, r"x\[1\] is nan; expected a finite number"),
        (([[1.0, 2.0]],), {}, r"x\[0\] is \[1.0, 2.0\]"),
        (("ab",), {}, "x is one sample"),
        (([1.0, 2.0],), {"output": 2}, "from 0 to 1; got 2"),
        (([1.0, 2.0],), {"steps": 0}, "steps is a whole number of at least 1"),
        (([1.0, 2.0], math.inf), {}, "expected a finite number"),
        (([1.0, 2.0],), {"tolerance": 0.0}, "tolerance is a number above 0"),
    ],
)
def test_messages(arguments: tuple[Any, ...], named: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        nn.integrated_gradients(nn.Linear(2, 2, seed=0), *arguments, **named)
