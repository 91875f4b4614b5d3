"""Laws that hold on every graph, tried on random ones: sharing, plain numbers, `where`, pow, n-ary rows."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd_lite import Value, engine, functional, gradients, ops, sweeping, topological_order


def by_hand(a: Value, b: Value) -> Value:
    """An op made in micrograd's way: the product plus the first operand."""
    out = Value(a.data * b.data + a.data, (a, b), "by hand")

    def _backward() -> None:
        a.grad += (b.data + 1.0) * out.grad
        b.grad += a.data * out.grad

    out._backward = _backward
    return out


Maker = Callable[..., Any]
UNARY = (
    "tanh", "sigmoid", "sin", "cos", "atan", "softplus", "log_sigmoid", "gelu", "silu", "mish", "erf", "erfc",
    "asinh", "neg", "square", "identity",
)  # fmt: skip
BENT = ("relu", "leaky_relu", "elu", "selu", "abs", "hardtanh")
PARTIAL = ("exp", "log", "sqrt", "acos", "reciprocal", "tan", "cosh")  # not defined or not finite everywhere


def unary(names: Sequence[str]) -> dict[str, Maker]:
    return {name: lambda a, b, c, row=ops.TABLE[name]: row(a) for name in names}


SMOOTH: dict[str, Maker] = {
    **unary(UNARY),
    "+": lambda a, b, c: a + b,
    "-": lambda a, b, c: a - b,
    "*": lambda a, b, c: a * b,
    "/": lambda a, b, c: a / (b * b + 0.5),
    "number -": lambda a, b, c: 0.5 - a,
    "number /": lambda a, b, c: 2.0 / (a * a + 1),
    "number **": lambda a, b, c: 1.5 ** a.tanh(),
    "** number": lambda a, b, c: (a * a + 0.5) ** -1.5,
    "** 3": lambda a, b, c: a**3,
    "**": lambda a, b, c: (a * a + 0.5) ** b.tanh(),
    "exp": lambda a, b, c: a.tanh().exp(),
    "log": lambda a, b, c: (a * a + 0.1).log(),
    "sqrt": lambda a, b, c: (a * a + 0.1).sqrt(),
    "atan2": lambda a, b, c: ops.atan2(a, b * b + 0.5),
    "hypot": lambda a, b, c: ops.hypot(a, b * b + 0.5),
    "logaddexp": lambda a, b, c: ops.logaddexp(a, b),
    "sum": lambda a, b, c: ops.sum(a, b, a, 1.5),
    "mean": lambda a, b, c: ops.mean([a, b, c]),
    "prod": lambda a, b, c: ops.prod(a, b, b, 0.5),
    "dot": lambda a, b, c: ops.dot([a, b, 0.3], [c, a, b]),
    "logsumexp": lambda a, b, c: ops.logsumexp(a, b, 0.0, c),
    "softmax": lambda a, b, c: ops.softmax([a, b, c])[1],
    "norm": lambda a, b, c: ops.norm(a, 1.0, b),
    "lgamma": lambda a, b, c: ops.lgamma(a * a + 0.5),
}
KINKED: dict[str, Maker] = {
    **SMOOTH,
    **unary(BENT),
    "clip": lambda a, b, c: a.clip(-1.0, 0.5),
    "round": lambda a, b, c: a.round() * b,
    "%": lambda a, b, c: a % 0.75,
    "maximum": lambda a, b, c: ops.maximum(a, b),
    "minimum": lambda a, b, c: ops.minimum(a, 0.25),
    "max": lambda a, b, c: ops.max(a, b, c),
    "min": lambda a, b, c: ops.min(a, b, a),
    "where bool": lambda a, b, c: ops.where(a > b, b, c),
    "where recorded": lambda a, b, c: ops.where(ops.greater(a, b) & ops.less(b, 2.0), c, a),
    "where number": lambda a, b, c: ops.where(ops.less_equal(a, b), a * c, 1.0),
    "detach": lambda a, b, c: ops.detach(a) * b,
}  # fmt: skip
ANY = {**KINKED, "by hand": lambda a, b, c: by_hand(a, b)}
WILD = {
    **KINKED,
    **unary(PARTIAL),
    "x / y": lambda a, b, c: a / b,
    "x ** y": lambda a, b, c: a**b,
    "huge": lambda a, b, c: a * 1e200,
}  # fmt: skip


class Recipe(NamedTuple):
    """A graph to be made: numbers for the leaves, and for each node a maker and which nodes it uses."""

    leaves: tuple[float, ...]
    steps: tuple[tuple[str, int, int, int], ...]

    def on(self, leaves: Sequence[Any], makers: dict[str, Maker], bound: float = 8.0) -> Value:
        """Make it on these leaves; a node beyond the bound is pulled in, so that no number explodes."""
        nodes = list(leaves)
        for name, *picks in self.steps:
            node = makers[name](*(nodes[pick % len(nodes)] for pick in picks))
            nodes.append(node.tanh() if abs(node.data) > bound else node)
        return ops.sum(nodes[-3:]) * nodes[-1]

    def grown(self, makers: dict[str, Maker], bound: float = 8.0) -> tuple[Value, list[Value]]:
        """The result and its leaves."""
        leaves = [Value(x, label=f"x{k}") for k, x in enumerate(self.leaves)]
        return self.on(leaves, makers, bound), leaves


def recipes(makers: dict[str, Maker], longest: int = 20) -> st.SearchStrategy[Recipe]:
    numbers = st.floats(-3.0, 3.0).filter(lambda x: x == 0.0 or abs(x) > 1e-3)
    picks = st.integers(0, 40)
    step = st.tuples(st.sampled_from(sorted(makers)), picks, picks, picks)
    return st.builds(
        Recipe,
        st.lists(numbers, min_size=2, max_size=4).map(tuple),
        st.lists(step, min_size=1, max_size=longest).map(tuple),
    )


def grads(leaves: Sequence[Value]) -> list[float]:
    return [leaf.grad for leaf in leaves]


def same(one: Sequence[float], other: Sequence[float]) -> bool:
    """Equal numbers; NaN equals NaN."""
    return all(a == b or (a != a and b != b) for a, b in zip(one, other, strict=True))


def near(one: float, other: float, tolerance: float = 1e-9) -> bool:
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


@given(recipes(ANY))
@settings(max_examples=150)
def test_backward_twice_doubles_the_leaves_exactly(recipe: Recipe) -> None:
    result, leaves = recipe.grown(ANY)
    result.backward()
    once = grads(leaves)
    inner = [node.grad for node in topological_order(result) if not node.is_leaf]
    result.backward()
    assert grads(leaves) == [2.0 * slope for slope in once]
    assert [node.grad for node in topological_order(result) if not node.is_leaf] == inner
    result.zero_grad()
    result.backward()
    assert grads(leaves) == once


@given(recipes(ANY))
@settings(max_examples=150)
def test_gradients_are_those_of_backward_and_write_nothing(recipe: Recipe) -> None:
    result, leaves = recipe.grown(ANY)
    found = gradients(result, leaves)
    assert not any(node.has_grad for node in topological_order(result))
    result.backward()
    # not to the bit: an op made by hand, its parents the same, adds its contributions to each other first
    assert list(found) == pytest.approx(grads(leaves), rel=1e-12, abs=1e-12)


@given(recipes(KINKED))
@settings(max_examples=100)
def test_gradients_are_those_of_backward_to_the_bit(recipe: Recipe) -> None:
    result, leaves = recipe.grown(KINKED)
    found = gradients(result, leaves)
    result.backward()
    assert list(found) == grads(leaves)


@given(recipes(ANY), st.floats(-4.0, 4.0))
@settings(max_examples=60)
def test_backward_is_linear_in_its_seed(recipe: Recipe, seed: float) -> None:
    result, leaves = recipe.grown(ANY)
    result.backward()
    once = grads(leaves)
    result.zero_grad()
    result.backward(seed)
    scale = max(map(abs, once), default=0.0)
    for slope, unit in zip(grads(leaves), once, strict=True):
        assert near(slope, seed * unit, 1e-9 * max(1.0, scale))


@given(recipes(ANY))
@settings(max_examples=150)
def test_steps_by_hand_are_backward(recipe: Recipe) -> None:
    result, leaves = recipe.grown(ANY)
    result.backward()
    expected = [node.grad for node in topological_order(result)]
    result.zero_grad()
    result.grad = 1.0
    for node in reversed(topological_order(result)):
        node._backward()
    assert [node.grad for node in topological_order(result)] == expected
    assert all(isinstance(leaf.grad, float) for leaf in leaves)


def swept_with_care(result: Value, leaves: Sequence[Value]) -> list[float]:
    reached: list[Value] = []
    order = sweeping.start_pass(result, reached, [])
    result.grad = 1.0
    engine.apply_chain_rule(order, reached)
    return grads(leaves)


@given(recipes(ANY))
@settings(max_examples=150)
def test_the_fast_sweep_is_the_careful_one_bit_for_bit(recipe: Recipe) -> None:
    result, leaves = recipe.grown(ANY)
    result.backward()
    fast = grads(leaves)
    assume(all(map(math.isfinite, fast)))
    result.zero_grad()
    assert list(map(float.hex, swept_with_care(result, leaves))) == list(map(float.hex, fast))


@given(recipes(WILD))
@settings(max_examples=150)
def test_numbers_beyond_bounds_stop_nothing(recipe: Recipe) -> None:
    """Infinities and NaN anywhere: no exception, and every way to the gradient gives the same."""
    result, leaves = recipe.grown(WILD, bound=math.inf)
    result.backward()
    found = grads(leaves)
    assert all(slope.__class__ is float for slope in found)
    assert same(gradients(result, leaves), found)
    result.zero_grad()
    assert same(swept_with_care(result, leaves), found)


@given(recipes(KINKED))
@settings(max_examples=100)
def test_create_graph_gives_the_same_gradients(recipe: Recipe) -> None:
    result, leaves = recipe.grown(KINKED)
    plain = gradients(result, leaves)
    assert [slope.data for slope in gradients(result, leaves, create_graph=True)] == list(plain)
    result.backward(create_graph=True)
    assert [leaf.grad.data if leaf.has_grad else 0.0 for leaf in leaves] == list(plain)
    result.zero_grad()  # a gradient kept in the graph it came from is a reference cycle


@given(recipes(KINKED), st.lists(st.floats(-2.0, 2.0), min_size=4, max_size=4))
@settings(max_examples=100)
def test_forward_mode_agrees_with_reverse_mode(recipe: Recipe, direction: list[float]) -> None:
    def f(xs: list[Any]) -> Any:
        return recipe.on(xs, KINKED)

    direction = direction[: len(recipe.leaves)]
    value, along = functional.jvp(f, (list(recipe.leaves),), (direction,))
    again, slopes = functional.value_and_grad(f)(list(recipe.leaves))
    assert value == again
    terms = [slope * d for slope, d in zip(slopes, direction, strict=True)]
    assert near(along, math.fsum(terms), 1e-9 * max(1.0, *map(abs, terms)))


@given(recipes(SMOOTH, longest=8))
@settings(max_examples=60)
def test_hessians_are_symmetric_and_are_the_slopes_of_gradients(recipe: Recipe) -> None:
    def f(xs: list[Any]) -> Any:
        return recipe.on(xs, SMOOTH, bound=1e6)

    point = list(recipe.leaves)
    slopes = functional.grad(f)(point)
    assume(all(abs(slope) < 1e4 for slope in slopes))
    hessian = functional.hessian(f)(point)
    size = max(1.0, *(abs(entry) for line in hessian for entry in line))
    assume(size < 1e5)
    for i, line in enumerate(hessian):
        product = functional.hvp(f, (point,), ([float(k == i) for k in range(len(point))],))[0]
        for j, entry in enumerate(line):
            assert near(entry, hessian[j][i], 1e-9 * size)
            assert near(entry, product[j], 1e-9 * size)
            assert near(entry, slope_of_gradient(f, point, i, j), 1e-4 * size)


def slope_of_gradient(f: Callable[[list[Any]], Any], point: list[float], i: int, j: int) -> float:
    """The derivative of gradient entry i along number j, by a central difference of fourth order."""
    step = 1e-3

    def at(times: int) -> float:
        moved = point.copy()
        moved[j] += times * step
        return float(functional.grad(f)(moved)[i])

    return (at(-2) - 8.0 * at(-1) + 8.0 * at(1) - at(2)) / (12.0 * step)


@given(recipes(KINKED))
@settings(max_examples=60)
def test_a_deep_copy_is_equal_and_independent(recipe: Recipe) -> None:
    result, leaves = recipe.grown(KINKED)
    result.backward()
    twin, twin_leaves = copy.deepcopy((result, leaves))
    originals, twins = topological_order(result), topological_order(twin)
    assert not set(originals) & set(twins)
    for one, other in zip(originals, twins, strict=True):
        assert (one.data, one.grad, one.op, one.label, one.immediates) == (
            other.data, other.grad, other.op, other.label, other.immediates,
        )  # fmt: skip
    kept = grads(leaves)
    twin.backward()
    assert grads(twin_leaves) == [2.0 * slope for slope in kept]
    twin_leaves[0].data = 99.0
    twin.zero_grad()
    assert grads(leaves) == kept
    assert leaves[0].data == recipe.leaves[0]


@given(recipes(ANY))
@settings(max_examples=60)
def test_parents_come_before_children_and_once(recipe: Recipe) -> None:
    result, _ = recipe.grown(ANY)
    order = topological_order(result)
    place = {id(node): k for k, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is result
    for node in order:
        for parent, tracked in zip(node.parents, node.tracked, strict=True):
            assert parent.is_constant or place[id(parent)] < place[id(node)]
            assert tracked is not parent.is_constant


@given(recipes(KINKED), recipes(KINKED))
@settings(max_examples=60)
def test_two_results_on_shared_leaves_add_up(one: Recipe, other: Recipe) -> None:
    count = min(len(one.leaves), len(other.leaves))
    leaves = [Value(x) for x in one.leaves[:count]]
    first, second = one.on(leaves, KINKED), other.on(leaves, KINKED)
    separate = [a + b for a, b in zip(gradients(first, leaves), gradients(second, leaves), strict=True)]
    first.backward()
    second.backward()
    assert grads(leaves) == separate


@pytest.mark.parametrize("name", sorted(set(ANY) - {"detach"}))
def test_every_maker_of_random_graphs_agrees_with_finite_differences(name: str) -> None:
    """The tests above are as good as what they mix."""

    def f(a: Any, b: Any, c: Any) -> Any:
        return ANY[name](a, b, c)

    point = (0.7, 1.3, -0.4)
    leaves = [Value(x) for x in point]
    result = f(*leaves)
    result.backward()
    for k, leaf in enumerate(leaves):
        moved = [[x + side * (j == k) for j, x in enumerate(point)] for side in (1e-6, -1e-6)]
        up, down = (f(*map(Value, each)).data for each in moved)
        assert leaf.grad == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-8), k
