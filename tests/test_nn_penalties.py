"""Penalties: their formulas, their slopes, the scope they are drawn in, and what they refuse."""

import math

import pytest

from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import L1, L2, MLP, SGD, Elastic

NUMBERS = [0.5, -2.0, 0.0, 3.25]
CASES = [
    (L1(0.1), lambda p: 0.1 * abs(p), lambda p: 0.1 * ((p > 0) - (p < 0))),
    (L2(0.1), lambda p: 0.1 * p * p, lambda p: 0.2 * p),
    (Elastic(0.1, 0.3), lambda p: 0.1 * abs(p) + 0.3 * p * p,
     lambda p: 0.1 * ((p > 0) - (p < 0)) + 0.6 * p),
    (L2(0.0), lambda p: 0.0, lambda p: 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("penalty", "formula", "slope"), CASES)
@pytest.mark.parametrize("count", [1, 4])
def test_value_and_slopes_are_the_formula(penalty, formula, slope, count):
    parameters = [Value(number) for number in NUMBERS[:count]]
    value = penalty(parameters)
    value.backward()
    assert value.data == pytest.approx(math.fsum(map(formula, NUMBERS[:count])), rel=1e-15)
    assert [p.grad for p in parameters] == pytest.approx([slope(p.data) for p in parameters], rel=1e-15)


@pytest.mark.parametrize("penalty", [L1(0.1), L2(0.1), Elastic(0.1, 0.1)])
def test_it_is_drawn_in_a_scope_of_its_own(penalty):
    value = penalty(MLP(2, [1]).parameters())
    computed = [node for node in topological_order(value) if not node.is_leaf]
    assert {node.scope for node in computed} == {"penalty"}


def test_L2_is_half_the_weight_decay_of_plain_descent():
    by_penalty, by_decay = Value(0.7), Value(0.7)
    first, second = SGD([by_penalty], lr=0.1), SGD([by_decay], lr=0.1, weight_decay=0.4)
    for _ in range(20):
        for p, optimizer, penalty in ((by_penalty, first, L2(0.2)), (by_decay, second, L2(0.0))):
            optimizer.zero_grad()
            ((p - 1.0) ** 2 + penalty([p])).backward()
            optimizer.step()
    assert by_penalty.data == pytest.approx(by_decay.data, rel=1e-14)


def test_frozen_parameters_count_and_are_not_moved():
    free, frozen = Value(1.0), Value(2.0)
    frozen.freeze()
    value = L2(1.0)([free, frozen])
    value.backward()
    assert (value.data, free.grad) == (5.0, 2.0)


def test_it_takes_what_parameters_of_a_model_gives_and_any_iterable():
    model = MLP(1, [1], seed=0)
    expected = math.fsum(p.data**2 for p in model.parameters())
    assert L2(1.0)(model.parameters()).data == pytest.approx(expected, rel=1e-15)
    assert L2(1.0)(p for p in model.parameters()).data == pytest.approx(expected, rel=1e-15)


def test_penalties_are_plain_data():
    assert L1(0.1) == L1(strength=0.1) != L1(0.2)
    assert repr(Elastic(0.1, 0.2)) == "Elastic(l1=0.1, l2=0.2)"
    with pytest.raises(AttributeError):
        L2(0.1).strength = 1.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: L1(-1), "L1: strength is a finite number of at least 0, got -1"),
        (lambda: L2(math.nan), "L2: strength is a finite number of at least 0, got nan"),
        (lambda: L2("a"), "L2: strength is a finite number of at least 0, got 'a'"),
        (lambda: Elastic(0.1, math.inf), "Elastic: l2 is a finite number of at least 0, got inf"),
        (lambda: L1(0.1)([]), "takes a list of at least one parameter, such as model.parameters(), got []"),
        (lambda: L2(0.1)(Value(1.0)), "L2 takes a list of at least one parameter"),
        (lambda: L2(0.1)([1.0]), "L2 takes a list of at least one parameter"),
        (lambda: L2(0.1)(MLP(1, [1])), "L2 takes a list of at least one parameter"),
    ],
)
def test_what_does_not_fit_is_named(make, words):
    with pytest.raises(ArgumentError) as caught:
        make()
    assert words in str(caught.value)
