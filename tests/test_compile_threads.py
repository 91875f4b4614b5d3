"""One compiled function called by many threads, and by the processes of a pool."""

import multiprocessing
import os
import random
import signal
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Value, ops
from autograd_lite import compile as compiled

NEEDS = {"python": "", "numpy": "numpy", "llvm": "llvmlite", "interpreter": "llvmlite"}
W = [Value(0.5), Value(-1.5)]


def program(x, y):
    if x > 1.0:
        return ops.exp(-x) * W[0] + y
    if y > 0:
        return x * y - W[1]
    total = x
    for _ in range(3):
        total = total * 0.5 + ops.sin(y)
        if total > 0.3:
            total = total - W[0]
    return total


@pytest.mark.parametrize("executor", NEEDS)
def test_eight_threads_call_one_function(executor):
    if NEEDS[executor] and find_spec(NEEDS[executor]) is None:
        pytest.skip("compiled replay at full speed (extra `fast`)")
    f = compiled(program, executor=executor, traces=32)
    gate = threading.Barrier(8)
    rng = random.Random(0)
    points = [(rng.uniform(-2.0, 2.0), rng.uniform(-2.0, 2.0)) for _ in range(60)]
    expected = {point: ag.value_and_grad(program, (0, 1))(*point) for point in points}

    def work(seed):
        mine = random.Random(seed).sample(points, len(points))
        gate.wait()
        wrong = []
        for x, y in mine:
            value, gradient = expected[x, y]
            if f(x, y) != pytest.approx(value, rel=1e-12, abs=1e-14):
                wrong.append((x, y, "value"))
            found = f.value_and_grad(x, y)
            if found[0] != pytest.approx(value, rel=1e-12, abs=1e-14) or found[1] != pytest.approx(
                gradient, rel=1e-12, abs=1e-14
            ):
                wrong.append((x, y, "gradient"))
        X, Y = np.array(mine).T
        if f.map(X, Y) != pytest.approx([expected[point][0] for point in mine], rel=1e-12, abs=1e-14):
            wrong.append(("map",))
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[]] * 8
    assert len(f.traces) <= 32


def in_a_process(numbers):
    """What a worker does: it gets plain numbers and compiles for itself."""
    f = compiled(lambda x: ops.sum([v * v.tanh() for v in x]))
    return [f.value_and_grad(list(numbers)) for _ in range(2)][-1]


def test_processes_of_a_pool_compile_for_themselves():
    rows = np.random.default_rng(0).normal(size=(3, 4))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(in_a_process, rows))
    for row, (value, gradient) in zip(rows, found, strict=True):
        expected = ag.value_and_grad(lambda x: ops.sum([v * v.tanh() for v in x]))(row.tolist())
        assert value == pytest.approx(expected[0], rel=1e-12)
        assert gradient == pytest.approx(expected[1], rel=1e-12)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
@pytest.mark.skipif(find_spec("llvmlite") is None, reason="compiled replay at full speed (extra `fast`)")
def test_a_forked_process_goes_on_with_threads_of_its_own():
    def long(x, y):
        for _ in range(40):
            x = (x * y + 0.1).tanh()
        return x

    f = compiled(long, executor="interpreter", threads=2)
    X = np.random.default_rng(0).normal(size=(2, 20_000))
    expected = f.map(*X, wrt=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        child = os.fork()
    if not child:
        signal.alarm(20)  # ends it if it waits for threads that are not there
        found = f.map(*X, wrt=0)
        os._exit(int(not all(map(np.array_equal, found, expected))))
    assert os.waitpid(child, 0)[1] == 0
