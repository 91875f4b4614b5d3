"""The contract of higher order, hooks, freezing, no_grad, scopes, detect_anomaly, and of errors half-way."""

from __future__ import annotations

import asyncio
import math
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
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
from autograd_lite.errors import AnomalyError, GraphError
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


# --- what goes wrong half-way ---------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, ValueError, RuntimeError])
@pytest.mark.parametrize("create_graph", [False, True])
def test_an_error_in_a_hook_leaves_the_gradients_of_leaves_as_they_were(
    error: type, create_graph: bool
) -> None:
    a, b, untouched = Value(2.0), Value(3.0), Value(5.0)
    first = a * b + untouched
    first.backward()
    untouched.zero_grad()
    inner = a * b
    loss = inner.tanh() * a + inner * untouched

    def failing(_: float) -> None:
        raise error

    inner.register_hook(failing)
    with pytest.raises(error):
        loss.backward(create_graph=create_graph)
    assert (a.grad, b.grad, untouched.grad, untouched.has_grad) == (3.0, 2.0, 0.0, False)


@pytest.mark.parametrize("given", ["3", [1.0], Value(1.0), 1j], ids=lambda v: type(v).__name__)
def test_a_hook_that_returns_no_number_loses_nothing(given: Any) -> None:
    x = Value(2.0)
    x.grad = 7.0
    y = x * 2.0
    y.register_hook(lambda _: given)
    with pytest.raises(TypeError):
        y.backward()
    assert x.grad == 7.0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer signal")
def test_ctrl_c_at_any_moment_leaves_the_leaves_before_or_after_a_pass() -> None:
    leaves = [Value(1.0 + k / 100) for k in range(50)]
    total = ops.sum([leaves[k % 50] * leaves[(7 * k) % 50] for k in range(2000)])
    start = time.perf_counter()
    total.backward()
    taken = time.perf_counter() - start
    once = [leaf.grad for leaf in leaves]

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        for k in range(60):
            for leaf in leaves:
                leaf.grad = 1.0
            stopped = False
            try:
                signal.setitimer(signal.ITIMER_REAL, taken * (k + 1) / 60)
                total.backward()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                stopped = True
            signal.setitimer(signal.ITIMER_REAL, 0)
            found = [leaf.grad for leaf in leaves]
            untouched, finished = [1.0] * 50, [1.0 + gradient for gradient in once]
            assert found == finished or (stopped and found == untouched)
    finally:
        signal.signal(signal.SIGALRM, old)


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


# --- detect_anomaly -------------------------------------------------------------------------------------


def test_the_first_nan_forward_is_an_error_that_says_where_it_began() -> None:
    with detect_anomaly(), scope("model"):
        z = Value(-1.5, label="z")
        with pytest.raises(
            AnomalyError, match=r"log\(z = -1\.5\) gave nan .*model.*test_contract_modes\.py:\d+.*a > 0"
        ):
            z.log()
        with pytest.raises(AnomalyError, match=r"div\(1, 0\) gave inf"):
            1.0 / Value(0.0)
        with pytest.raises(AnomalyError, match="sum"):
            ops.sum(Value(math.inf), 1.0)


BACKWARD = {
    "backward": lambda x: x.sqrt().backward(),
    "create_graph": lambda x: x.sqrt().backward(create_graph=True),
    "gradients": lambda x: gradients(x.sqrt(), [x]),
    "grad": lambda x: grad(lambda v: v.sqrt())(x.data),
    "jvp": lambda x: jvp(lambda v: v.sqrt(), (x.data,), (1.0,)),
    "hand-made": lambda x: handmade_nan(x).backward(),
}


def handmade_nan(x: Value) -> Value:
    out = Value(1.0, (x,), "sqrt")

    def backward() -> None:
        x.grad += math.nan

    out._backward = backward
    return out


@pytest.mark.parametrize("name", BACKWARD)
def test_the_first_infinity_backward_is_an_error_that_names_the_op(name: str) -> None:
    x = Value(0.0, label="x")
    with detect_anomaly(), pytest.raises(AnomalyError, match="sqrt"):
        BACKWARD[name](x)
    assert (x.grad, x.has_grad) == (0.0, False)


def test_an_anomaly_backward_names_operands_labels_and_source_line() -> None:
    x = Value(0.0, label="x")
    with detect_anomaly():
        y = x.sqrt()
        y.label = "y"
        with pytest.raises(
            AnomalyError, match=r'sqrt\(x = 0\) \(node "y", made at test_contract_modes\.py:\d+\).*"x" inf'
        ):
            (y * 2.0).backward()


def test_what_the_rule_for_zero_absorbs_is_no_anomaly_backward() -> None:
    x = Value(0.0)
    with detect_anomaly():
        ops.where(x > 0.0, x.sqrt(), 0.0).backward()
    assert x.grad == 0.0


# --- threads and tasks ----------------------------------------------------------------------------------


def test_separate_graphs_in_eight_threads_give_right_answers() -> None:
    def work(seed: int) -> tuple[float, float]:
        a, b = Value(1.0 + seed / 10), Value(0.5)
        for _ in range(20):
            node = a
            with scope(f"thread {seed}"):
                for _ in range(200):
                    node = (node * b + a).tanh()
            assert node.scope == f"thread {seed}"
            node.backward()
        return a.grad, b.grad

    alone = [work(seed) for seed in range(8)]
    before = switches.count
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == alone
    assert switches.count == before


def test_modes_do_not_leak_between_threads() -> None:
    entered, checked = threading.Event(), threading.Event()
    found: list[Any] = []

    def other() -> None:
        assert entered.wait(5)
        with scope("other"):
            found.append(Value(0.0).log())
        checked.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad(), detect_anomaly(), scope("mine"):
        entered.set()
        assert checked.wait(5)
        assert Value(2.0).tanh().is_leaf
    thread.join()
    assert (found[0].data, found[0].is_leaf, found[0].scope) == (-math.inf, False, "other")


def test_modes_do_not_leak_between_tasks() -> None:
    async def task(name: str, mode: Any) -> list[tuple[str, bool]]:
        found = []
        with scope(name), mode:
            for _ in range(3):
                await asyncio.sleep(0)
                node = Value(1.0).tanh()
                found.append((node.scope, node.is_leaf))
        return found

    async def both() -> list[Any]:
        return await asyncio.gather(task("a", no_grad()), task("b", trace_source()))

    first, second = asyncio.run(both())
    assert first == [("a", True)] * 3
    assert second == [("b", False)] * 3
