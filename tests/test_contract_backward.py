"""The contract of backward(): sums, accumulation, one step at a time, zero in the chain rule, IEEE, kinks."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest

from autograd_lite import Value, grad, gradients, hessian, hvp, jvp, ops
from autograd_lite.engine import chain, topological_order

INF, NAN = math.inf, math.nan


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


# --- backward -------------------------------------------------------------------------------------------


def test_backward_twice_gives_exactly_the_sum_on_the_leaves() -> None:
    x = Value(3.0)
    square = x * x
    y = square * square
    y.backward()
    assert (x.grad, square.grad) == (108.0, 18.0)
    y.backward()
    assert (x.grad, square.grad) == (216.0, 18.0), "inner nodes start afresh at each pass"


def test_two_losses_that_share_nodes_give_exactly_the_sum() -> None:
    a, b = Value(0.7), Value(-1.3)
    shared = (a * b).tanh() + a.exp()
    first, second = shared * a, shared.sin() * b
    wanted = [sum(parts) for parts in zip(gradients(first, [a, b]), gradients(second, [a, b]), strict=True)]
    first.backward()
    second.backward()
    assert [a.grad, b.grad] == wanted


def test_zero_grad_clears_the_whole_graph_of_a_value() -> None:
    a, b = Value(2.0), Value(3.0)
    loss = (a * b).tanh()
    loss.backward()
    loss.zero_grad()
    assert not any(node.has_grad or node.grad for node in topological_order(loss))


def test_the_adjoint_of_the_root_can_be_given() -> None:
    x = Value(3.0)
    (x * x).backward(gradient=10.0)
    assert x.grad == 60.0
    x.backward()
    x.backward(2)
    assert x.grad == 63.0, "on a leaf the seed is added"


def test_the_seed_is_added_on_a_leaf_with_create_graph_too() -> None:
    x = Value(3.0)
    x.backward()
    x.backward(gradient=2.0, create_graph=True)
    assert x.grad.data == 3.0


@pytest.mark.parametrize("seed", ["1", None, [1.0], Value(1.0)], ids=lambda v: type(v).__name__)
def test_a_seed_that_is_no_number_is_refused_and_nothing_is_lost(seed: Any) -> None:
    x = Value(3.0)
    y = x * x
    y.backward()
    for create_graph in (False, True):
        with pytest.raises(TypeError):
            y.backward(seed, create_graph=create_graph)
        assert x.grad == 6.0


def test_the_smallest_program_that_needs_a_topological_order() -> None:
    a = Value(1.0)
    b = a + a
    c = b + b
    c.backward()
    assert (a.grad, b.grad, c.grad) == (4.0, 2.0, 1.0)
    assert topological_order(c) == [a, b, c]


def test_parents_come_before_children_and_roots_may_share() -> None:
    a, b = Value(1.0), Value(2.0)
    c = a * b
    d, e = c + a, c - b
    order = topological_order(d, e)
    place = {node: k for k, node in enumerate(order)}
    assert len(order) == 5
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


def test_a_learner_can_walk_by_hand() -> None:
    a, b, c = Value(2.0), Value(-3.0), Value(10.0)
    e = a * b
    d = e + c
    o = d.tanh()
    o.grad = 1
    o.backward_step()
    d._backward()
    e.backward_step()
    by_hand = (a.grad, b.grad, c.grad)
    o.zero_grad()
    o.backward()
    assert by_hand == (a.grad, b.grad, c.grad)


def test_a_step_uses_the_rule_for_zero_and_spares_constants_and_frozen_leaves() -> None:
    x, w = Value(0.0), Value(2.0)
    w.freeze()
    for node in (x.sqrt(), x * w, x * 5.0):
        node.grad = 0.0
        node.backward_step()
    assert (x.grad, w.grad, w.has_grad) == (0.0, 0.0, False)


@pytest.mark.parametrize("start", [None, 0, 1, 2.5, True])
def test_a_gradient_set_by_hand_is_what_a_pass_adds_to(start: Any) -> None:
    x = Value(3.0)
    x.grad = start
    (x * 2.0).backward()
    assert x.grad == 2.0 + (start or 0.0)


@pytest.mark.parametrize("start", ["1", [1.0], {}], ids=repr)
def test_a_gradient_that_is_no_number_is_named_and_left(start: Any) -> None:
    x, other = Value(3.0, label="x"), Value(1.0)
    x.grad = start
    for create_graph in (False, True):
        with pytest.raises(TypeError, match="x"):
            (other * x * 2.0).backward(create_graph=create_graph)
        assert (x.grad, other.grad) == (start, 0.0)


# --- zero in the chain rule -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("upstream", "local", "result"),
    [(0.0, INF, 0.0), (-0.0, INF, 0.0), (0.0, -INF, 0.0), (INF, 0.0, 0.0), (-INF, 0.0, 0.0), (0.0, NAN, 0.0),
     (NAN, 0.0, NAN), (NAN, NAN, NAN), (NAN, 2.0, NAN), (2.0, NAN, NAN), (INF, NAN, NAN), (INF, -2.0, -INF),
     (0.0, 2.0, 0.0), (INF, INF, INF)],
)  # fmt: skip
def test_the_product_of_the_chain_rule(upstream: float, local: float, result: float) -> None:
    assert same(chain(upstream, local), result)


# name: (function, argument, slope). An adjoint or a tangent of 0 absorbs what is not finite.
MASKED = {
    "where, sqrt": (lambda x: ops.where(x > 0.0, x.sqrt(), 0.0), 0.0, 0.0),
    "where, log": (lambda x: ops.where(x > 0.0, x.log(), 0.0), -1.0, 0.0),
    "where, 1/x": (lambda x: ops.where(x != 0.0, 1.0 / x, 7.0), 0.0, 0.0),
    "recorded where": (lambda x: ops.where(ops.greater(x, 0.0), x.sqrt(), x), 0.0, 1.0),
    "sqrt(x*x)": (lambda x: (x * x).sqrt(), 0.0, 0.0),
    "sqrt(x)*0": (lambda x: x.sqrt() * 0.0, 0.0, 0.0),
    "0*sqrt(x)": (lambda x: 0.0 * x.sqrt(), 0.0, 0.0),
    "relu of log": (lambda x: x.log().relu(), 0.0, 0.0),
    "relu of 1/x, negative": (lambda x: (-1.0 / x).relu(), 0.0, 0.0),
    "sqrt(floor(x))": (lambda x: x.floor().sqrt(), 0.5, 0.0),
    "max with -inf": (lambda x: x.log().maximum(2.0), 0.0, 0.0),
    "sum of masked": (lambda x: ops.sum(x, ops.where(x > 0.0, x.log(), 0.0)), 0.0, 1.0),
}


@pytest.mark.parametrize("name", MASKED)
def test_zero_absorbs_what_is_not_finite_in_every_mode(name: str) -> None:
    f, x, slope = MASKED[name]
    leaf = Value(x)
    f(leaf).backward()
    assert leaf.grad == slope
    other = Value(x)
    f(other).backward(create_graph=True)
    assert other.grad.data == slope
    assert grad(f)(x) == slope
    assert jvp(f, (x,), (1.0,))[1] == slope
    assert gradients(f(Value(x)), [Value(x)]) == (0.0,)


def test_no_inner_node_is_left_with_a_nan_that_the_rule_for_zero_removes() -> None:
    x = Value(0.0)
    root = x.sqrt()
    inner = root * 3.0
    (inner * 0.0 + x).backward()
    assert (x.grad, root.grad, inner.grad) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "f", [Value.floor, Value.relu, Value.tanh, lambda v: v * 0.0, lambda v: v.clip(0.0, 1.0)]
)
def test_a_nan_adjoint_stays_nan(f: Any) -> None:
    x = Value(-2.0)
    f(x).backward(NAN)
    assert math.isnan(x.grad)
    y = Value(-2.0)
    (f(y) * NAN).backward()
    assert math.isnan(y.grad)


def test_zero_times_a_finite_slope_stays_in_the_graph() -> None:
    assert grad(grad(lambda x: x * x))(0.0) == 2.0
    assert grad(grad(grad(lambda x: x * x * x)))(0.0) == 6.0
    assert grad(grad(lambda x: x**3))(0.0) == 0.0
    assert grad(grad(grad(lambda x: x**3)))(0.0) == 6.0
    assert hessian(lambda v: v[0] * v[1])([0.0, 0.0]) == [[0.0, 1.0], [1.0, 0.0]]
    assert hvp(lambda v: v[0] * v[1], ([0.0, 0.0],), ([1.0, 0.0],)) == ([0.0, 1.0],)
    assert jvp(grad(lambda x: x.sin() * x), (0.0,), (1.0,))[1] == 2.0
    x = Value(0.0)
    (x * x * x).backward(create_graph=True)
    assert gradients(gradients(x.grad, [x], create_graph=True)[0], [x]) == (6.0,)


@pytest.mark.parametrize(
    "f", [lambda x: x.relu(), lambda x: x * 0.0, lambda x: x.floor(), lambda x: x.sqrt() * 0.0]
)
def test_create_graph_gives_a_value_even_where_nothing_flows(f: Any) -> None:
    x = Value(0.0)
    f(x).backward(create_graph=True)
    assert isinstance(x.grad, Value)
    assert x.grad.data == 0.0
    x.grad.backward()


def test_create_graph_resets_inner_nodes_that_nothing_reaches() -> None:
    x = Value(0.0)
    inner = x.sqrt()
    out = inner * 0.0
    inner.backward()
    inner.grad = 5.0
    out.backward(create_graph=True)
    assert inner.grad.data == 0.0


# --- IEEE -----------------------------------------------------------------------------------------------

VALUES = [
    (lambda: Value(0.0).log(), -INF), (lambda: Value(-1.0).log(), NAN), (lambda: 1.0 / Value(0.0), INF),
    (lambda: -1.0 / Value(0.0), -INF), (lambda: 1.0 / Value(-0.0), -INF), (lambda: Value(0.0) / 0.0, NAN),
    (lambda: Value(1000.0).exp(), INF), (lambda: Value(-8.0) ** (1 / 3), NAN),
    (lambda: (-8.0) ** Value(1 / 3), NAN),
    (lambda: Value(0.0) ** -1, INF), (lambda: Value(-0.0) ** -1, -INF), (lambda: Value(-0.0) ** -2, INF),
    (lambda: Value(1e200) ** 2, INF), (lambda: Value(-1e200) ** 3, -INF), (lambda: Value(1e200) * 1e200, INF),
    (lambda: Value(NAN) ** 0, 1.0), (lambda: 1.0 ** Value(NAN), 1.0), (lambda: Value(-2.0).sqrt(), NAN),
    (lambda: Value(2.0).asin(), NAN), (lambda: Value(INF).sin(), NAN), (lambda: Value(INF) - INF, NAN),
    (lambda: Value(-1000.0).sinh(), -INF), (lambda: Value(1000.0).cosh(), INF),
    (lambda: Value(1.0).atanh(), INF),
    (lambda: Value(0.5).acosh(), NAN), (lambda: Value(-1.0).log1p(), -INF),
    (lambda: Value(-2.0).log1p(), NAN),
    (lambda: Value(1.0) % 0.0, NAN), (lambda: Value(INF) % 2.0, NAN), (lambda: Value(0.0).lgamma(), INF),
    (lambda: Value(5000.0).exp2(), INF), (lambda: Value(1000.0).expm1(), INF),
    (lambda: Value(INF).floor(), INF),
    (lambda: Value(NAN).round(), NAN), (lambda: Value(-INF).ceil(), -INF),
    (lambda: Value(0.0).reciprocal(), INF),
]  # fmt: skip


@pytest.mark.parametrize(("make", "result"), VALUES)
def test_arithmetic_follows_ieee_754(make: Any, result: float) -> None:
    node = make()
    assert type(node.data) is float
    assert same(node.data, result)
    node.backward()  # never an exception, never a warning


HARD = (0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e308, -1e308, 5e-324, 710.0, -746.0)
ROWS = [row for row in ops.TABLE.values() if row is not ops.detach]


def hard_points(row: Any) -> list[tuple[float, ...]]:
    if row.arity is None:
        lists = [(a, b) for a, b in product(HARD, HARD)] + [(a, 1.0, b, 2.0) for a, b in product(HARD, HARD)]
        return [*row.edges, *lists]
    return (
        [*row.edges, *row.points, *product(HARD, repeat=min(row.arity, 2))] if row.arity < 3 else [*row.edges]
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_operand_makes_an_operation_raise(row: Any) -> None:
    for point in hard_points(row):
        if row.name == "dot" and len(point) % 2:
            continue
        if row.name == "polygamma":
            continue  # its points are its own: the order is static
        immediates = tuple(row.immediates.values())
        leaves = [Value(number) for number in point]
        node = type(leaves[0])._apply(row, tuple(leaves), immediates)
        assert type(node.data) is float, point
        assert same(node.data, float(row.number(*point, immediates=immediates))), point
        slopes = node.local_gradients()
        assert [type(slope) for slope in slopes] == [float] * len(leaves), point
        node.backward()
        assert all(same(leaf.grad, chain(1.0, slope)) for leaf, slope in zip(leaves, slopes, strict=True)), (
            point
        )


# --- kinks ----------------------------------------------------------------------------------------------

KINKS = [
    ("relu", Value.relu, 0.0, 0.0), ("abs", abs, 0.0, 0.0), ("abs", abs, -0.0, 0.0),
    ("leaky_relu", lambda v: v.leaky_relu(0.1), 0.0, 0.1), ("leaky_relu", Value.leaky_relu, 0.0, 0.01),
    ("clip", lambda v: v.clip(-1.0, 2.0), -1.0, 1.0), ("clip", lambda v: v.clip(-1.0, 2.0), 2.0, 1.0),
    ("clip", lambda v: v.clip(-1.0, 2.0), 2.5, 0.0), ("hardtanh", Value.hardtanh, -1.0, 0.0),
    ("hardtanh", Value.hardtanh, 1.0, 0.0), ("hardtanh", Value.hardtanh, 0.5, 1.0),
    ("maximum", lambda v: v.maximum(v), 3.0, 1.0), ("maximum", lambda v: v.maximum(3.0), 3.0, 0.5),
    ("minimum", lambda v: v.minimum(3.0), 3.0, 0.5), ("max", lambda v: ops.max(v, v, v), 3.0, 1.0),
    *[("x**0", lambda v: v**0, x, 0.0) for x in (0.0, -0.0, 2.0, -3.0, INF, -INF, NAN)],
    ("sign", Value.sign, 0.0, 0.0), ("floor", Value.floor, 2.0, 0.0), ("ceil", Value.ceil, 2.0, 0.0),
    ("round", Value.round, 2.5, 0.0), ("elu", Value.elu, 0.0, 1.0), ("x % 2", lambda v: v % 2.0, 4.0, 1.0),
    ("x % x", lambda v: v % v, 4.0, 0.0), ("norm", lambda v: ops.norm(v, v), 0.0, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "f", "x", "slope"), KINKS)
def test_slope_at_a_kink(name: str, f: Any, x: float, slope: float) -> None:
    leaf = Value(x)
    f(leaf).backward()
    assert leaf.grad == slope
    assert grad(f)(x) == slope
    assert jvp(f, (x,), (1.0,))[1] == slope


PAIRS = [
    (lambda a, b: a.maximum(b), (2.0, 2.0), (0.5, 0.5)), (lambda a, b: a.minimum(b), (2.0, 2.0), (0.5, 0.5)),
    (lambda a, b: a**b, (0.0, 0.0), (0.0, 0.0)), (lambda a, b: a**b, (-2.0, 2.0), (-4.0, NAN)),
    (lambda a, b: a.hypot(b), (0.0, 0.0), (0.0, 0.0)), (lambda a, b: ops.norm(a, b), (0.0, 0.0), (0.0, 0.0)),
    (lambda a, b: ops.max(a, b, a), (1.0, 1.0), (2 / 3, 1 / 3)), (lambda a, b: ops.min(a, b), (1.0, 1.0),
    (0.5, 0.5)),
    (lambda a, b: ops.max(a, b, 1.0, 1.0), (1.0, 1.0), (0.25, 0.25)),
]  # fmt: skip


@pytest.mark.parametrize(("f", "point", "slopes"), PAIRS)
def test_slopes_at_a_kink_of_two_numbers(
    f: Any, point: tuple[float, float], slopes: tuple[float, float]
) -> None:
    a, b = map(Value, point)
    f(a, b).backward()
    assert all(
        got == pytest.approx(slope, rel=1e-15, nan_ok=True)
        for got, slope in zip((a.grad, b.grad), slopes, strict=True)
    )


@pytest.mark.parametrize("f", [
    Value.relu, abs, Value.sign, Value.leaky_relu, Value.hardtanh, lambda v: v.clip(0.0, 1.0),
    lambda v: v.maximum(1.0), lambda v: Value(1.0).maximum(v), lambda v: v.minimum(1.0),
    lambda v: ops.max(1.0, v),
    lambda v: ops.min(v, 1.0),
    Value.floor, Value.round, Value.ceil, Value.elu, Value.gelu, Value.silu, Value.mish, Value.softplus,
])  # fmt: skip
def test_nan_in_gives_nan_out(f: Any) -> None:
    assert math.isnan(f(Value(NAN)).data)
