"""The contract of memory and copies: graphs die with their last handle, nodes are small, copies are free."""

from __future__ import annotations

import copy
import gc
import math
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autograd_lite import Value, grad, gradcheck, gradients, hessian, hvp, jacobian, jvp, nn, ops, scope
from autograd_lite.errors import AutogradError, GraphError


def alive() -> int:
    """How many Values there are."""
    return sum(issubclass(type(each), Value) for each in gc.get_objects())


@pytest.fixture(autouse=True)
def without_the_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# --- graphs die -----------------------------------------------------------------------------------------


def use_everything(x: Value) -> None:
    """All that can be done to a graph without keeping it."""
    with scope("a"):
        y = (x * 2.0 + x.tanh()) ** 2 / (1.0 + x.exp())
    z = ops.sum([y, x, 3.0]) + ops.where(x > 0.0, y, 1.0) + ops.where(ops.greater(x, 0.0), y, 1.0)
    z.label, z.note = "z", [1, 2]
    assert [node.parents for node in (x, y, z)]
    assert z.local_gradients() is not None
    assert z._prev is not None
    z.register_hook(lambda gradient: gradient)
    z.backward()
    z.backward_step()
    z._backward()
    y.data = 5.0
    z.backward()
    repr(z), f"{z:.2f}", z > 1, hash(z), copy.deepcopy(z)
    with pytest.raises(AutogradError):
        z + "a"


def test_a_graph_dies_with_its_last_handle() -> None:
    x = Value(0.7)
    before = alive()
    for _ in range(3):
        use_everything(x)
    assert alive() == before
    del x
    assert alive() == before - 1


def test_a_handle_keeps_its_ancestors_and_nothing_else() -> None:
    x = Value(0.7)
    before = alive()
    y = x * 2.0
    z = y.tanh()
    del y
    assert alive() == before + 2
    del z
    assert alive() == before


TRANSFORMS: dict[str, Callable[[], Any]] = {
    "grad": lambda: grad(lambda x: x.tanh() * x)(0.5),
    "second": lambda: grad(grad(lambda x: x.tanh() * x))(0.5),
    "jacobian": lambda: jacobian(lambda v: [v[0] * v[1], v[0].exp()])([1.0, 2.0]),
    "hessian": lambda: hessian(lambda v: v[0] * v[1] ** 2)([1.0, 2.0]),
    "jvp": lambda: jvp(lambda x: x.sin(), (0.5,), (1.0,)),
    "hvp": lambda: hvp(lambda x: x.sin() * x, (0.5,), (1.0,)),
    "gradcheck": lambda: gradcheck(lambda x: x.sin() * x, 0.5, order=2),
    "gradients": lambda: gradients((Value(1.0) * 2.0).tanh(), [Value(1.0)], create_graph=True) and None,
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_functional_transform_leaves_nothing_behind(name: str) -> None:
    before = alive()
    assert TRANSFORMS[name]() is None or True
    assert alive() == before


def test_an_error_leaves_nothing_behind() -> None:
    x = Value(1.0)
    before = alive()
    for _ in range(3):
        try:
            y = x.tanh()
            y.register_hook(lambda _: 1 / 0)
            (y * 2.0).backward()
        except ZeroDivisionError:
            del y
    assert alive() == before


def test_zero_grad_breaks_the_cycle_that_create_graph_makes() -> None:
    before = alive()
    x = Value(0.7)
    y = x.tanh() * x
    y.backward(create_graph=True)
    assert isinstance(x.grad, Value)
    y.zero_grad()
    del x, y
    assert alive() == before


def test_200_training_steps_leave_no_growth() -> None:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    optimizer = nn.Adam(model.parameters(), lr=0.05)
    points = [((-1.0, -1.0), 0.0), ((-1.0, 1.0), 1.0), ((1.0, -1.0), 1.0), ((1.0, 1.0), 0.0)]

    def train(steps: int) -> None:
        for _ in range(steps):
            loss = sum((model(list(x)) - y) ** 2 for x, y in points)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    train(3)
    values, objects = alive(), len(gc.get_objects())
    tracemalloc.start()
    start, _ = tracemalloc.get_traced_memory()
    train(200)
    end, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert alive() == values
    assert len(gc.get_objects()) - objects < 20
    assert end - start < 20_000


# --- nodes are small ------------------------------------------------------------------------------------

NODES = 5_000
GROW: dict[str, Callable[[Value], Value]] = {
    "one parent": lambda v: v.tanh(),
    "two parents": lambda v: v * SCALE,
    "a number": lambda v: v * 0.999,
    "a power": lambda v: v**1.0,
    "a division": lambda v: 1.0 / (v + SCALE),
    "immediates": lambda v: v.leaky_relu(0.1),
}
# nodes that can have any number of parents keep them in tuples, and pay for the tuples even with two
GROW_IN_TUPLES: dict[str, Callable[[Value], Value]] = {
    "a sum of two": lambda v: ops.sum(v, SCALE),
    "where": lambda v: ops.where(v.data > 0.0, v, SCALE),
}
SCALE = Value(0.999)


@pytest.mark.parametrize("kind", GROW)
def test_a_node_takes_at_most_250_bytes(kind: str) -> None:
    built, swept = measure(GROW[kind], 2 if kind == "a division" else 1)
    assert built <= 250
    assert swept <= 250


@pytest.mark.parametrize("kind", GROW_IN_TUPLES)
def test_a_node_with_tuples_takes_at_most_330_bytes(kind: str) -> None:
    built, swept = measure(GROW_IN_TUPLES[kind], 1)
    assert built <= 330
    assert swept <= 330


def measure(grow: Callable[[Value], Value], made_each_time: int) -> tuple[float, float]:
    """Bytes a node, as built and after a backward pass."""
    node = grow(Value(0.5))
    node.backward()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(NODES):
        node = grow(node)
    built, _ = tracemalloc.get_traced_memory()
    node.backward()
    swept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    made = NODES * made_each_time
    return (built - before) / made, (swept - before) / made


# --- copies ---------------------------------------------------------------------------------------------


def test_a_deep_copy_computes_the_same_and_shares_nothing() -> None:
    a, b = Value(2.0, label="a"), Value(-3.0)
    with scope("layer"):
        shared = (a * b + 1.0).tanh()
    loss = ops.sum([shared * shared, a**2, b.clip(-5.0, 5.0), ops.max(a, b), shared / b])
    loss.backward()
    twin = copy.deepcopy(loss)
    nodes, twins = order(loss), order(twin)
    assert not {*map(id, nodes)} & {*map(id, twins)}
    for one, other in zip(nodes, twins, strict=True):
        assert (one.data, one.grad, one.label, one.scope, one.op) == (
            other.data, other.grad, other.label, other.scope, other.op,
        )  # fmt: skip
        assert one.local_gradients() == other.local_gradients()
        assert [p.data for p in one.parents] == [p.data for p in other.parents]
    twin.zero_grad()
    assert a.has_grad
    twin.backward()
    assert [node.grad for node in twins] == [node.grad for node in nodes]
    twins[0].data = 100.0
    assert a.data == 2.0


def order(root: Value) -> list[Value]:
    from autograd_lite import topological_order

    return topological_order(root)


def test_values_copied_together_stay_together() -> None:
    x = Value(2.0)
    y = x * x
    copies = copy.deepcopy({"leaf": x, "nodes": [y, y * 2.0]})
    assert copies["nodes"][0].parents == (copies["leaf"],) * 2
    assert copies["nodes"][1].parents[0] is copies["nodes"][0]
    assert x not in {*order(copies["nodes"][1])}


def test_a_deep_copy_keeps_what_a_node_was_told() -> None:
    x = Value(2.0, label="x")
    x.freeze()
    node = x * 3.0
    node.mark = {"a": [1]}
    node.data = 50.0  # replaced: the slope stays
    twin = copy.deepcopy(node)
    assert (twin.mark, twin.data, twin.local_gradients()) == ({"a": [1]}, 50.0, node.local_gradients())
    assert twin.mark is not node.mark
    assert twin.parents[0].is_frozen
    assert twin.parents[0].label == "x"
    assert not twin.has_grad
    twin.parents[0].unfreeze()
    twin.backward()
    assert twin.parents[0].grad == 3.0


def test_a_deep_copy_after_create_graph_holds_gradients_that_can_be_differentiated() -> None:
    x = Value(2.0)
    y = x**3
    y.backward(create_graph=True)
    twin = copy.deepcopy(y)
    leaf = twin.parents[0]
    assert leaf.grad is not x.grad
    assert gradients(leaf.grad, [leaf]) == (12.0,)
    x.zero_grad(), twin.zero_grad(), y.zero_grad()


def test_hooks_are_not_copied() -> None:
    x = Value(2.0)
    x.register_hook(lambda _: math.nan)
    twin = copy.deepcopy(x * 2.0)
    twin.backward()
    assert twin.parents[0].grad == 2.0


def test_a_graph_with_a_handmade_op_is_not_copied() -> None:
    x = Value(2.0)
    with pytest.raises(GraphError, match="mine"):
        copy.deepcopy(Value(4.0, (x,), "mine") * 2.0)
