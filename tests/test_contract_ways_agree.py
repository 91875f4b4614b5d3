"""The quick sweep, the careful one, gradients() and create_graph agree on graphs of zeros and infinities."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from autograd_lite import Value, gradients, ops

HARD = [0.0, -0.0, 1.0, -1.0, 2.0, -3.5, 0.5, math.inf, -math.inf, math.nan, 1e308, 5e-324, 710.0, -746.0]
LEFT_OUT = {"polygamma", "detach", "choose", "logical_and", "logical_or", "logical_not"}
ROWS = [row for row in ops.TABLE.values() if row.name not in LEFT_OUT]


def random_graph(rng: random.Random) -> tuple[list[Value], list[Value]]:
    """Leaves, and all nodes with the result last."""
    leaves = [Value(rng.choice(HARD) if rng.random() < 0.4 else rng.uniform(-2.0, 2.0)) for _ in range(3)]
    nodes: list[Any] = list(leaves)
    for _ in range(rng.randint(2, 12)):
        row = rng.choice(ROWS)
        if row.arity is None:
            operands = [rng.choice(nodes) for _ in range(rng.choice([2, 4]))]
        else:
            operands = [
                rng.choice(nodes) if rng.random() < 0.8 else rng.choice(HARD) for _ in range(row.arity)
            ]
            operands[0] = operands[0] if any(map(is_value, operands)) else rng.choice(nodes)
        node = row(*operands)
        nodes.append(ops.where(node > 0.0, node, rng.choice(nodes)) if rng.random() < 0.1 else node)
    return leaves, nodes


def is_value(operand: Any) -> bool:
    return isinstance(operand, Value)


def same(one: float, other: float, relative: float = 0.0) -> bool:
    if one == other or (math.isnan(one) and math.isnan(other)):
        return True
    return math.isclose(one, other, rel_tol=relative) and math.isfinite(one)


@pytest.mark.parametrize("block", range(10))
def test_all_ways_to_a_gradient_agree(block: int) -> None:
    for seed in range(100 * block, 100 * block + 100):
        leaves, nodes = random_graph(random.Random(seed))
        result = nodes[-1]
        result.backward()
        quick = [node.grad for node in nodes]
        assert all(map(same, gradients(result, nodes), quick)), seed
        differentiable = gradients(result, leaves, create_graph=True)
        pairs = zip(quick[:3], differentiable, strict=True)
        assert all(same(number, value.data, 1e-9) for number, value in pairs), seed
        for leaf in leaves:
            leaf.zero_grad()
        leaves[0].register_hook(lambda gradient: gradient)  # forbids the quick way
        result.backward()
        assert all(map(same, [node.grad for node in nodes], quick)), seed


@pytest.mark.parametrize(
    "f", [lambda x: x / 0.0, lambda x: x % 0.0, lambda x: 0.0 / x, lambda x: x**-1, lambda x: 0.0**x]
)
def test_create_graph_follows_ieee_754_with_plain_numbers_too(f: Any) -> None:
    for start in (0.0, 2.0, -1.0, math.inf):
        x, y = Value(start), Value(start)
        f(x).backward()
        f(y).backward(create_graph=True)
        assert same(x.grad, y.grad.data)
