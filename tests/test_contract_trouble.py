"""The contract of what goes wrong or at the same time: errors half-way, anomalies, threads and tasks."""

from __future__ import annotations

import asyncio
import math
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from autograd_lite import (
    Value,
    detect_anomaly,
    grad,
    gradients,
    jvp,
    no_grad,
    ops,
    scope,
    trace_source,
)  # fmt: skip
from autograd_lite.errors import AnomalyError
from autograd_lite.modes import switches

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


# --- detect_anomaly -------------------------------------------------------------------------------------


def test_the_first_nan_forward_is_an_error_that_says_where_it_began() -> None:
    with detect_anomaly(), scope("model"):
        z = Value(-1.5, label="z")
        with pytest.raises(
            AnomalyError, match=r"log\(z = -1\.5\) gave nan .*model.*test_contract_trouble\.py:\d+.*a > 0"
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
            AnomalyError, match=r'sqrt\(x = 0\) \(node "y", made at test_contract_trouble\.py:\d+\).*"x" inf'
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
