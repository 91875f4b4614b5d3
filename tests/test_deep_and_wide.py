"""Chains of a million nodes, rows of 100,000 operands, and all the shapes that defeat recursion."""

from __future__ import annotations

import copy
import gc
import math
import sys
from collections.abc import Callable, Iterator

import pytest

from autograd_lite import Value, detect_anomaly, gradients, hvp, jvp, ops, topological_order, trace_source

DEEP = 1_000_000
LONG = 4_000


@pytest.fixture(autouse=True)
def shallow_stack() -> Iterator[None]:
    """So that any recursion over a graph is found."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    yield
    sys.setrecursionlimit(limit)


def chain(length: int, grow: Callable[[Value], Value], start: Value) -> Value:
    node = start
    for _ in range(length):
        node = grow(node)
    return node


def alive() -> int:
    return sum(type(each) is Value for each in gc.get_objects())


def test_a_chain_of_a_million_builds_differentiates_copies_and_dies() -> None:
    gc.collect()
    before = alive()
    gc.disable()  # no cycle anywhere: it must die without the collector
    try:
        x, w = Value(1.0), Value(1.0)
        end = chain(DEEP, lambda node: node * w, x)
        end.backward()
        assert (x.grad, w.grad) == (1.0, float(DEEP))
        twin = copy.deepcopy(end)
        del end
        assert alive() == before + DEEP + 4
        assert (twin.grad, twin.data) == (1.0, 1.0)
        del twin
        assert alive() == before + 2
    finally:
        gc.enable()


CHAINS: dict[str, Callable[[Value], Value]] = {
    "unary": lambda node: node.tanh(),
    "constant": lambda node: 1.0 + node * 0.5,
    "both parents": lambda node: (node + node) * 0.5,
    "n-ary": lambda node: ops.mean(node, 1.0, node),
    "where": lambda node: ops.where(node > 0.0, node, 1.0) * 0.99,
    "recorded where": lambda node: ops.where(ops.greater(node, 0.0), node, 1.0),
    "power": lambda node: node**0.5,
    "second parent": lambda node: 1.0 / (2.0 - node),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_everything_that_walks_a_chain_needs_no_recursion(kind: str) -> None:
    x = Value(0.5)
    with trace_source():
        end = chain(LONG, CHAINS[kind], x)
    end.backward()
    slope = x.grad
    assert math.isfinite(slope)
    assert len(topological_order(end)) > LONG
    assert gradients(end, [x]) == (slope,)
    with detect_anomaly():
        end.backward()
    assert x.grad == 2.0 * slope
    remove = x.register_hook(lambda gradient: gradient)
    end.backward()
    remove()
    assert len(repr(end)) < 100
    twin = copy.deepcopy(end)
    end.zero_grad()
    assert not x.has_grad
    assert twin.data == end.data
    del end, twin


@pytest.mark.parametrize("kind", ["unary", "constant", "n-ary", "power"])
def test_deep_second_derivatives_need_no_recursion(kind: str) -> None:
    x = Value(0.5)
    end = chain(1000, CHAINS[kind], x)
    end.backward(create_graph=True)
    slope = x.grad
    assert isinstance(slope, Value)
    (second,) = gradients(slope, [x])
    assert math.isfinite(second)
    twin = copy.deepcopy(end)
    assert isinstance(topological_order(twin)[0].grad, Value)
    end.zero_grad()
    twin.zero_grad()
    del end, twin, slope


def test_forward_mode_over_a_deep_chain() -> None:
    f = lambda v: chain(1000, lambda node: (node * 1.0001).sin() + 0.1, v)  # noqa: E731
    value, tangent = jvp(f, (0.5,), (1.0,))
    assert math.isfinite(value)
    assert math.isfinite(tangent)
    assert math.isfinite(hvp(f, (0.5,), (1.0,))[0])


def test_a_chain_of_handmade_ops_needs_no_recursion() -> None:
    def twice(node: Value) -> Value:
        out = Value(node.data, (node,), "same")

        def backward() -> None:
            node.grad += out.grad

        out._backward = backward
        return out

    x = Value(0.5)
    end = chain(LONG, twice, x)
    end.backward()
    assert x.grad == 1.0


WIDE = 100_000


@pytest.mark.parametrize(("row", "slope"), [(ops.sum, 1.0), (ops.mean, 1.0 / WIDE), (ops.max, 1.0 / WIDE)])
def test_a_row_of_100_000_operands_is_one_node(row: ops.Op, slope: float) -> None:
    leaves = [Value(1.0) for _ in range(WIDE)]
    total = row(leaves)
    assert len(total.parents) == WIDE
    total.backward()
    assert {leaf.grad for leaf in leaves} == {slope}


@pytest.mark.parametrize("name", ["dot", "logsumexp", "norm", "prod", "softmax"])
def test_other_wide_rows(name: str) -> None:
    leaves = [Value(1.0) for _ in range(10_000)]
    if name == "dot":
        result = ops.dot(leaves, leaves)
    elif name == "softmax":
        result = ops.softmax(leaves)[0]
    else:
        result = getattr(ops, name)(leaves)
    result.backward()
    copy.deepcopy(result)
    assert all(leaf.has_grad for leaf in leaves)


def test_one_leaf_with_100_000_children() -> None:
    x = Value(2.0)
    total = ops.sum([x * 1.0 for _ in range(WIDE)])
    total.backward()
    assert x.grad == float(WIDE)


def test_the_builtin_sum_of_100_000_is_a_deep_chain_and_works() -> None:
    leaves = [Value(1.0) for _ in range(WIDE)]
    total = sum(leaves)
    total.backward()
    assert total.data == WIDE
    assert {leaf.grad for leaf in leaves} == {1.0}
    del total


def test_paths_that_double_at_every_step_are_walked_once() -> None:
    x = Value(1.0)
    end = chain(1000, lambda node: node + node, x)
    end.backward()
    assert x.grad == 2.0**1000


def test_a_ladder_and_a_grid() -> None:
    a, b = Value(1.0), Value(1.0)
    first, second = a, b
    for _ in range(5000):
        first, second = first + second * 1e-3, second - first * 1e-3
    (first * second).backward()
    assert math.isfinite(a.grad * b.grad)
    row = [Value(1.0) for _ in range(100)]
    start = row[0]
    for _ in range(100):
        row = [ops.mean(row[max(0, k - 1) : k + 2]) for k in range(100)]
    row[0].backward()
    assert 0.0 < start.grad < 1.0
