"""The contract of higher order, hooks, freezing, no_grad, scopes and source lines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from autograd_lite import (
    Value,
    detect_anomaly,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    ops,
    scope,
    trace_source,
)  # fmt: skip
from autograd_lite.errors import GraphError
from autograd_lite.modes import switches

# --- higher order ---------------------------------------------------------------------------------------


def test_grad_composes_to_any_order() -> None:
    f = lambda x: x.sin() * x.exp()  # noqa: E731
    for order in range(5):
        expected = math.sqrt(2.0) ** order * math.exp(0.3) * math.sin(0.3 + order * math.pi / 4)
        assert float_of(f(Value(0.3)) if order == 0 else f(0.3)) == pytest.approx(expected, rel=1e-13)
        f = grad(f)


def float_of(number: Any) -> float:
    return number.data if isinstance(number, Value) else number


def test_create_graph_gives_gradients_that_can_be_differentiated() -> None:
    x, y = Value(2.0), Value(3.0)
    (x**3 * y).backward(create_graph=True)
    first = x.grad
    assert (first.data, y.grad.data) == (36.0, 8.0)
    assert gradients(first, [x, y]) == (36.0, 12.0)


def test_create_graph_accumulates_on_leaves() -> None:
    x = Value(2.0)
    y = x * x
    y.backward()
    y.backward(create_graph=True)
    assert x.grad.data == 8.0
    y.backward()
    assert x.grad.data == 12.0


@pytest.mark.parametrize("change", ["x", "node"])
def test_create_graph_raises_naming_the_node_whose_data_was_changed(change: str) -> None:
    x = Value(2.0, label="x")
    node = x.exp()
    node.label = "node"
    loss = node * 3.0
    {"x": x, "node": node}[change].data = 5.0
    with pytest.raises(GraphError, match=f'"{change}".*create_graph'):
        loss.backward(create_graph=True)
    with pytest.raises(GraphError, match=f'"{change}"'):
        gradients(loss, [x], create_graph=True)
    assert (x.has_grad, node.has_grad) == (False, False)
    loss.backward()
    assert x.grad == 3.0 * math.exp(2.0)


def test_data_changed_and_put_back_is_no_change() -> None:
    x = Value(math.nan)
    y = x * x
    x.data = 3.0
    x.data = math.nan
    y.backward(create_graph=True)
    assert math.isnan(x.grad.data)


def test_functional_transforms_never_write_a_gradient() -> None:
    w = Value(3.0)
    w.grad = 11.0
    seen = []

    def f(x: Any) -> Any:
        seen.append(x)
        return x * x * w

    assert grad(f)(2.0) == 12.0
    grad(grad(f))(2.0)
    hessian(lambda v: f(v[0]))([2.0])
    jacobian(lambda v: [f(v), v])(2.0)
    jvp(f, (2.0,), (1.0,))
    hvp(f, (2.0,), (1.0,))
    gradients(f(Value(1.0)), [w], create_graph=True)
    assert w.grad == 11.0
    assert not any(x.has_grad for x in seen)


def test_an_argument_named_twice_is_refused() -> None:
    for argnums in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match="twice"):
            grad(lambda x, y: x * y, argnums)(1.0, 2.0)


def test_forward_over_reverse_and_reverse_over_forward_agree() -> None:
    f = lambda x: (x.sin() * x).exp()  # noqa: E731
    over = jvp(grad(f), (0.7,), (1.0,))[1]
    assert over == pytest.approx(grad(grad(f))(0.7), rel=1e-13)
    assert over == pytest.approx(grad(lambda x: jvp(f, (x,), (1.0,))[1])(0.7), rel=1e-13)


# --- hooks ----------------------------------------------------------------------------------------------


def test_a_hook_sees_the_complete_gradient_and_may_replace_it() -> None:
    x = Value(2.0)
    y = x * 3.0
    loss = y + y * y
    seen: list[float] = []
    y.register_hook(seen.append)
    y.register_hook(lambda gradient: 2.0 * gradient)
    y.register_hook(seen.append)
    loss.backward()
    assert (seen, x.grad, y.grad) == ([13.0, 26.0], 78.0, 26.0)


def test_a_hook_on_a_leaf_sees_the_gradient_of_this_pass_alone() -> None:
    x = Value(2.0)
    seen: list[float] = []
    x.register_hook(seen.append)
    for _ in range(2):
        (x * x).backward()
    assert (seen, x.grad) == ([4.0, 4.0], 8.0)


def test_a_hook_can_be_removed_and_leaves_the_quick_way_open() -> None:
    before = switches.hooks
    x = Value(2.0)
    remove = x.register_hook(lambda gradient: 0.0)
    keep = x.register_hook(lambda gradient: gradient + 1.0)
    remove()
    remove()
    (x * 3.0).backward()
    assert x.grad == 4.0
    keep()
    assert switches.hooks == before


@pytest.mark.parametrize("given", [np.float64(3.0), 3, True], ids=repr)
def test_what_a_hook_returns_becomes_a_float(given: Any) -> None:
    x = Value(2.0)
    y = x * 2.0
    y.register_hook(lambda _: given)
    y.backward()
    assert (x.grad, type(x.grad), type(y.grad)) == (2.0 * float(given), float, float)


def test_hooks_work_under_create_graph() -> None:
    x = Value(2.0)
    y = x * x
    y.register_hook(lambda gradient: 3.0 * gradient)
    y.backward(create_graph=True)
    assert x.grad.data == 12.0
    assert gradients(x.grad, [x]) == (6.0,)


@pytest.mark.parametrize("hook", [None, 3, "f"], ids=repr)
def test_a_hook_is_a_function(hook: Any) -> None:
    with pytest.raises(ValueError, match="hook is a function"):
        Value(1.0).register_hook(hook)


@pytest.mark.parametrize(
    ("output", "inputs"), [(3.0, []), (Value(1.0), [1.0]), (Value(1.0), Value(1.0)), (None, [])]
)
def test_gradients_refuses_what_is_no_value(output: Any, inputs: Any) -> None:
    with pytest.raises(TypeError, match="a Value and a list of Values"):
        gradients(output, inputs)


# --- freezing -------------------------------------------------------------------------------------------


def test_a_frozen_leaf_is_left_alone_and_the_rest_is_not() -> None:
    x, w = Value(2.0), Value(3.0)
    w.grad = 5.0
    w.freeze()
    assert w.is_frozen
    for create_graph in (False, True):
        (x * w * w).backward(create_graph=create_graph)
    assert (float_of(x.grad), w.grad) == (18.0, 5.0)
    w.unfreeze()
    (x * w).backward()
    assert w.grad == 7.0


def test_freezing_a_leaf_between_building_and_backward_counts() -> None:
    x, w = Value(2.0), Value(3.0)
    y = x * w
    w.freeze()
    y.backward()
    assert (x.grad, w.grad, w.has_grad) == (3.0, 0.0, False)


def test_only_leaves_can_be_frozen() -> None:
    node = Value(2.0) * 3.0
    for change in (node.freeze, node.unfreeze):
        with pytest.raises(GraphError, match=r"detach\(\)"):
            change()


def test_a_constant_stays_a_constant() -> None:
    constant = (Value(2.0) * 3.0).parents[1]
    constant.unfreeze()
    assert constant.is_constant


# --- no_grad, scope, source -----------------------------------------------------------------------------


def test_within_no_grad_results_are_leaves() -> None:
    x = Value(2.0)
    with no_grad():
        results = [
            x * x,
            x**2,
            ops.sum(x, x),
            ops.where(x > 0.0, x, 1.0),
            Value(1.0, (x,), "op"),
            x.greater(1.0),
        ]
    for result in results:
        assert result.is_leaf
        assert result.parents == ()
        result.backward()
    assert not x.has_grad
    y = x * x
    assert not y.is_leaf


def test_modes_end_when_an_error_leaves_them() -> None:
    before = switches.count
    for mode in (no_grad(), scope("a"), detect_anomaly(), trace_source()):
        with pytest.raises(KeyError), mode:
            raise KeyError
    assert switches.count == before
    node = Value(0.0).log()
    assert (node.is_leaf, node.scope, node.source) == (False, "", "")


def test_modes_nest_and_can_be_used_again() -> None:
    mode = scope("a")
    with mode, mode, no_grad(), scope("b"):
        node = Value(1.0).tanh()
    assert (node.scope, node.is_leaf) == ("a/a/b", True)
    with mode:
        assert Value(1.0).scope == "a"


def test_a_source_line_is_the_users() -> None:
    with trace_source():
        nodes = [Value(1.0), Value(1.0) * 2.0, ops.sum(Value(1.0), 2.0), grad(lambda x: x)(1.0) + Value(2.0)]
    line = nodes[0].source
    assert line.startswith("test_contract_modes.py:")
    assert {node.source for node in nodes} == {line}


def test_a_folder_whose_name_begins_like_the_package_is_the_users() -> None:
    import autograd_lite

    name = autograd_lite.__path__[0] + "_course/train.py"
    space = {"Value": Value, "trace_source": trace_source}
    exec(compile("\nwith trace_source():\n    node = Value(1.0)", name, "exec"), space)
    assert space["node"].source == "train.py:3"
