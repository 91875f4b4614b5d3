"""`Backprop.to_latex`: a gradient as the sum over its paths, the largest of which are found among many."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from support import POINTS, Point, Settings, applied

from autograd_lite import Graph, Value, nn, ops, step
from autograd_lite.engine import chain
from autograd_lite.errors import ArgumentError
from autograd_lite.ops import Op
from autograd_lite.paths import Paths
from autograd_lite.stepping import Backprop

INF, NAN = math.inf, math.nan

README = r"""
\begin{align*}
\frac{\partial \text{loss}}{\partial a} &= \frac{\partial \text{loss}}{\partial n_{4}} \cdot \frac{\partial n_{4}}{\partial n_{2}} \cdot \frac{\partial n_{2}}{\partial a} \\
  &= \left(1 - {\tanh\left(n_{4}\right)}^2\right) \cdot 1 \cdot b \\
  &= 0.419974 \cdot 1 \cdot \left(-3\right) \\
  &= -1.25992 \\
\text{where } n_{2} &= a \cdot b = -6 \\
n_{4} &= n_{2} + c = 1 \\
\text{loss} &= \tanh\left(n_{4}\right) = 0.761594
\end{align*}
""".strip()  # noqa: E501

TWO_PATHS = r"""
\begin{align*}
\frac{\partial n_{2}}{\partial x} &= \left.\frac{\partial n_{2}}{\partial x}\right|_{\text{operand 2}} \\
  &\quad + \frac{\partial n_{2}}{\partial n_{1}} \cdot \frac{\partial n_{1}}{\partial x} \\
  &= \left(-1\right) \\
  &\quad + 1 \cdot \left(1 - {\tanh\left(x\right)}^2\right) \\
  &= \left(-1\right) \\
  &\quad + 1 \cdot 0.786448 \\
  &= -1 + 0.786448 \\
  &= -0.213552 \\
\text{where } n_{1} &= \tanh\left(x\right) = 0.462117 \\
n_{2} &= n_{1} - x = -0.0378828
\end{align*}
""".strip()


def small() -> Backprop:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(7.0, label="c")
    loss = (a * b + c).tanh()
    return step(loss, names={"loss": loss})


def paths_of(root: Value, start: Value) -> tuple[Paths, float]:
    """The paths between two Values, and the gradient they should add up to."""
    steps = step(root)
    index = next(node.index for node in steps.nodes if steps.passes.nodes[node.index] is start)
    gradient = steps.passes.gradients[index]
    assert gradient is not None
    return Paths(steps.passes, index), gradient


def products(root: Value, start: Value) -> list[float]:
    """The product of every path by brute force, the largest first; NaN before all."""
    found = []
    for path in Graph(root).paths(start, root):
        product = 1.0
        for edge in reversed(path):
            product = NAN if edge.local is None else chain(product, edge.local)
        found.append(product)
    return sorted(found, key=lambda product: (-1, 0) if math.isnan(product) else (0, -abs(product)))


def random_graph(rng: random.Random, size: int) -> tuple[Value, Value]:
    """A leaf and a root that it reaches on several ways, zero factors and repeated operands among them."""
    leaves = [Value(rng.uniform(-2, 2), label=letter) for letter in "abc"]
    nodes = list(leaves)
    for _ in range(size):
        one, other = rng.choice(nodes[-4:]), rng.choice(nodes)
        makers: list[Callable[[], Value]] = [
            lambda one=one, other=other: one * other,
            lambda one=one, other=other: one + other,
            lambda one=one, other=other: one - other,
            lambda one=one: one.tanh(),
            lambda one=one: one.relu(),
            lambda one=one: one * one,
        ]
        nodes.append(rng.choice(makers)())
    return leaves[0], nodes[-1] + leaves[0]


def test_the_example_of_the_readme() -> None:
    assert small().to_latex("a") == README


def test_two_paths_are_two_terms_in_every_stage() -> None:
    x = Value(0.5, label="x")
    assert step(x.tanh() - x).to_latex("x") == TWO_PATHS


def test_without_a_node_every_leaf_is_derived() -> None:
    steps = small()
    whole = steps.to_latex()
    for leaf in "abc":
        rows = steps.to_latex(leaf).split("\n")[1:4]
        assert "\n".join(rows) in whole
    assert whole.count("where") == 1


@pytest.mark.parametrize("which", ["n2", 2, -4, "Value", "StepNode"])
def test_a_node_can_be_chosen_in_several_ways(which: Any) -> None:
    steps = small()
    picked = {"Value": steps.passes.nodes[2], "StepNode": steps.nodes[2]}.get(which, which)
    assert steps.to_latex(picked).startswith(
        "\\begin{align*}\n\\frac{\\partial \\text{loss}}{\\partial n_{2}} &= "
    )


def test_the_gradient_of_the_root_by_itself_is_one() -> None:
    root = r"\frac{\partial \text{loss}}{\partial \text{loss}} &= 1"
    assert small().to_latex("loss") == f"\\begin{{align*}}\n{root}\n\\end{{align*}}"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda steps: steps.to_latex("lossy"), "no node is called 'lossy': did you mean 'loss'"),
        (lambda steps: steps.to_latex(99), "no node 99"),
        (lambda steps: steps.to_latex(2.5), "no node 2.5"),
        (lambda steps: steps.to_latex(Value(1.0)), "is not part of the computation of loss"),
        (lambda steps: steps.to_latex("a", paths=0), "paths must be a whole number from 1 on, got 0"),
        (lambda steps: steps.to_latex("a", paths=2.0), "paths must be a whole number"),
    ],
)
def test_what_cannot_be_asked_is_told(ask: Callable[[Backprop], str], message: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        ask(small())


def test_where_no_gradient_flows_there_is_no_derivation() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    b.freeze()
    steps = step(a.detach() * a * b * 4.0)
    with pytest.raises(ArgumentError, match="by b: the leaf is frozen"):
        steps.to_latex("b")
    with pytest.raises(ArgumentError, match="by 4: the node is a constant"):
        steps.to_latex("4")
    with pytest.raises(ArgumentError, match="no leaf gets a gradient"):
        step(b.exp()).to_latex()


def test_of_many_leaves_one_must_be_chosen() -> None:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    steps = step(model([1.0, -1.0]))
    with pytest.raises(ArgumentError, match=r"leaves get a gradient: choose one, as in to_latex\('"):
        steps.to_latex()
    for node in steps.nodes:
        if not node.op and node.text in steps.gradients:
            assert "&=" in steps.to_latex(node)


@pytest.mark.parametrize("seed", range(60))
def test_the_largest_paths_are_those_of_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    leaf, root = random_graph(rng, 9)
    every = products(root, leaf)
    paths, gradient = paths_of(root, leaf)
    assert paths.count == len(every) == Graph(root).count_paths(leaf, root)
    scale = math.fsum(map(abs, every))
    for most in (1, 2, 5, len(every) + 1):
        found = paths.largest(most)
        contributing = max(1, sum(product != 0.0 for product in every))
        expected = every[: min(most, len(every) if not any(every) else contributing)]
        assert list(map(abs, found.products)) == pytest.approx(list(map(abs, expected)), rel=1e-12)
        assert found.others == len(every) - len(found.products)
        assert len(set(found.paths)) == len(found.paths)
        assert found.rest is not None
        assert math.fsum([*found.products, found.rest]) == pytest.approx(gradient, abs=1e-12 * scale)
        left = math.fsum(every) - math.fsum(found.products)
        assert found.rest == pytest.approx(left, abs=1e-12 * scale)


def test_each_path_leads_from_the_root_to_the_node_along_its_local_derivatives() -> None:
    leaf, root = random_graph(random.Random(4), 12)
    paths, _ = paths_of(root, leaf)
    found = paths.largest(50)
    for path, product in zip(found.paths, found.products, strict=True):
        assert path[0].sender == paths.root
        assert path[-1].parent == paths.start
        assert all(one.parent == other.sender for one, other in pairwise(path))
        assert product == pytest.approx(math.prod(edge.local for edge in path), rel=1e-12)


def test_paths_with_a_zero_factor_are_shown_only_where_there_are_no_others() -> None:
    x = Value(-1.0, label="x")
    paths, _ = paths_of(x.relu() * 3.0 + x * 2.0, x)
    assert paths.largest(5)[1:] == ((2.0,), 1, 0.0)
    paths, _ = paths_of(x.relu() * 3.0 + x.relu(), x)
    assert paths.largest(5)[1:] == ((0.0, 0.0), 0, 0.0)


def test_paths_that_are_not_finite_come_first() -> None:
    x = Value(0.0, label="x")
    root = x * 1e300 + x.sqrt() + x * Value(-1.0).log() + x.relu() * INF
    paths, gradient = paths_of(root, x)
    found = paths.largest(2)
    assert math.isnan(found.products[0])
    assert found.products[1] == INF
    assert (found.others, found.rest) == (2, 1e300)
    assert math.isnan(gradient)
    assert paths.largest(1).rest is None
    written = step(root).to_latex("x", paths=2)
    assert r"&= \text{NaN} + \infty + \underbrace{1 \times 10^{300}}_{\text{2 further paths}} \\" in written
    assert r"&\quad + \text{3 further paths} \\" in step(root).to_latex("x", paths=1)


def test_a_long_path_is_cut_in_the_middle() -> None:
    y = Value(0.5, label="x")
    for _ in range(1000):
        y = y.tanh()
    written = step(y).to_latex("x")
    assert written.count(r"\underset{\text{993 more}}{\cdots}") == 3
    assert written.count("\n") == 5  # no definitions: they would be longer than the derivation


def test_of_astronomically_many_paths_the_largest_are_found() -> None:
    y = Value(1.0, label="x")
    for _ in range(200):
        y = y * 0.5 + y.sin() * 0.5
    steps = step(y)
    written = steps.to_latex("x", paths=3)
    assert r"\text{about }1.6 \times 10^{60}\text{ further paths}" in written
    paths = Paths(steps.passes, 0)
    assert paths.count == 2**200
    found = paths.largest(300)
    assert list(found.products) == sorted(found.products, reverse=True)
    assert found.products[0] == pytest.approx(0.5**200, rel=1e-9)
    assert found.rest == pytest.approx(steps.gradients["x"], rel=1e-12)


def test_equal_paths_without_end_are_no_trouble() -> None:
    y = x = Value(1.0, label="x")
    for _ in range(2000):
        y = y + y
    paths, gradient = paths_of(y, x)
    found = paths.largest(8)
    assert (found.products, paths.count, gradient) == ((1.0,) * 8, INF, INF)
    assert r"\text{more than }10^{308}\text{ further paths}" in step(y).to_latex("x")


def test_the_operand_is_named_where_a_node_has_the_same_parent_twice() -> None:
    a = Value(3.0, label="a")
    written = step(a * a).to_latex("a")
    slope = r"\left.\frac{\partial n_{1}}{\partial a}\right|_"
    assert rf"&= {slope}{{\text{{operand 1}}}} \\" in written
    assert rf"+ {slope}{{\text{{operand 2}}}} \\" in written
    assert r"&= 3 + 3 \\" in written


def test_hand_made_ops_pass_on_what_they_added() -> None:
    a = Value(3.0, label="a")
    out = Value(a.data**2, (a,), "sq")

    def pull() -> None:
        a.grad += 2 * a.data * out.grad

    out._backward = pull
    written = step(out * 2.0, names={"out": out}).to_latex("a")
    assert r"&= 2 \cdot \frac{\partial \text{out}}{\partial a} \\" in written
    assert r"&= 2 \cdot 6 \\" in written
    with pytest.raises(ArgumentError, match="hand-made op"):
        step(out * 0.0).to_latex("a")


def test_gradients_that_a_hook_replaced_have_no_derivation() -> None:
    a, b = Value(3.0, label="a"), Value(4.0, label="b")
    product = a * b
    product.register_hook(lambda gradient: 10.0 * gradient)
    steps = step(product.exp() + b)
    with pytest.raises(ArgumentError, match="a hook replaced the gradient"):
        steps.to_latex("a")


@pytest.mark.parametrize(("row", "point", "settings"), POINTS)
def test_every_row_can_be_derived_through(row: Op, point: Point, settings: Settings) -> None:
    leaves = [Value(x, label=f"w{k}") for k, x in enumerate(point)]
    y = applied(row, settings)(*leaves)
    if not isinstance(y, Value):
        return
    steps = step(y * 2.0)
    reached = [leaf.label for leaf in leaves if steps.gradients.get(leaf.label) is not None]
    for label in reached:
        written = steps.to_latex(label)
        assert balanced(written)
        assert not re.search("[\ue000-\uf8ff]", written)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("w", "w"), ("w1", "w_{1}"), ("w_12", "w_{12}"), ("w[0][3]", "w_{0,3}"),
        ("the weight", r"\text{the}\_\text{weight}"), ("λ", r"\text{λ}"), ("100%", r"\text{100}\%"),
        (r"\frac{1}{", r"\backslash{}\text{frac}\{\text{1}\}\{"),
        ("$x$&#^~", r"\$\text{x}\$\&\#\wedge{}\sim{}"),
        ("</script>", r"\lt{}\text{/script}\gt{}"), ("-1", r"\text{-1}"),
    ],
)  # fmt: skip
def test_labels_are_mathematics_or_escaped_text(label: str, name: str) -> None:
    written = step((Value(0.5, label=label) * 1e-9).exp()).to_latex()
    assert rf"{{\partial {name}}} &=" in written
    assert r"\left(" + name in written or name + r" \cdot 1 \times 10^{-9}" in written
    assert balanced(written)


def test_two_nodes_never_share_a_name() -> None:
    written = step(Value(2.0, label="x1") * Value(3.0, label="x_1")).to_latex()
    assert r"n_{2} &= x_{1} \cdot \text{x}\_\text{1} = 6" in written


def balanced(latex: str) -> bool:
    """Whether braces, \\left and \\right, and environments close; escaped braces do not count."""
    plain = re.sub(r"\\[{}]", "", latex)
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return False
    pairs = [(r"\\left\b", r"\\right\b"), (r"\\begin\b", r"\\end\b")]
    return depth == 0 and all(len(re.findall(a, latex)) == len(re.findall(b, latex)) for a, b in pairs)


def test_each_use_by_an_op_of_very_many_operands_is_told_apart() -> None:
    """∂n/∂x alone would be the whole derivative, of which each path is only a part."""
    x = Value(2.0, label="x")
    text = step(ops.sum([x] * 50)).to_latex(x, paths=2)
    assert text.count(r"\frac{\partial n_{1}}{\partial x}") == 3
    assert text.count(r"\left.\frac{\partial n_{1}}{\partial x}\right|_{\text{operand") == 2
