"""Calls of a compiled function: whatever is asked, the answer is that of the eager functions."""

import copy
import math
from collections import namedtuple
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Value, nn, ops
from autograd_lite import compile as compiled

NEEDS = {"python": "", "numpy": "numpy", "llvm": "llvmlite", "interpreter": "llvmlite"}
Pair = namedtuple("Pair", "left right")


@pytest.fixture(params=NEEDS)
def executor(request):
    if NEEDS[request.param] and find_spec(NEEDS[request.param]) is None:
        pytest.skip("compiled replay at full speed (extra `fast`)")
    return request.param


def close(got, wanted):
    """The same structure, with the same numbers but for rounding."""
    if isinstance(wanted, dict):
        same = isinstance(got, dict) and got.keys() == wanted.keys()
        return same and all(close(got[key], wanted[key]) for key in got)
    if isinstance(wanted, (list, tuple)):
        alike = type(got) is type(wanted) and len(got) == len(wanted)
        return alike and all(map(close, got, wanted))
    if isinstance(wanted, np.ndarray):
        same = isinstance(got, np.ndarray) and got.shape == wanted.shape and got.dtype == wanted.dtype
        return same and np.allclose(got, wanted, rtol=1e-12, atol=1e-14)
    return type(got) is type(wanted) and math.isclose(got, wanted, rel_tol=1e-12, abs_tol=1e-14)


def rosenbrock(x):
    return sum(100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(x))


FUNCTIONS = {
    "two numbers": (lambda a, b: ops.tanh(a * b) + a, (0.3, -0.7)),
    "whole numbers": (lambda a, b: a * ops.exp(b), (2, 1)),
    "a list": (rosenbrock, ([0.3, -1.2, 0.8, 0.1],)),
    "a tuple": (lambda p: p[0] / p[1], ((1.5, 2.5),)),
    "a named tuple": (lambda p: p.left ** p.right, (Pair(1.5, 2.5),)),
    "a dict": (lambda p: (p["w"][0] * p["b"]).sigmoid(), ({"w": [0.5, 1.0], "b": -2.0},)),
    "a vector": (lambda x: ops.dot(x, x).sqrt(), (np.array([3.0, 4.0]),)),
    "a matrix and a list": (lambda A, x: ops.logsumexp(A @ x), (np.ones((2, 3)), [1.0, 0.5, -0.5])),
    "a list of rows": (lambda m: m[0][0] * m[1][1] - m[0][1] * m[1][0], ([[1.0, 2.0], [3.0, 5.0]],)),
    "one argument unused": (lambda a, b: ops.sin(a), (0.4, 2.0)),
    "a mode": (lambda x, how: x.sin() if how == "sin" else x.cos(), (0.4, "cos")),
    "a long list": (lambda x: ops.norm(x), ([math.sin(k) for k in range(100)],)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_those_of_eager_code(name, executor):
    f, args = FUNCTIONS[name]
    g = compiled(f, executor=executor)
    numbers = tuple(k for k, arg in enumerate(args) if not isinstance(arg, str))
    wanted = numbers[0] if len(numbers) == 1 else numbers
    value, gradient = ag.value_and_grad(f, wanted)(*args)
    for _ in range(3):  # recorded, made ready, replayed
        assert close(g(*args), value)
        assert close(g.value_and_grad(*args), (value, gradient))
    assert close(g.grad(*args), gradient)
    assert close(g.value_and_grad(*args, wrt=0), ag.value_and_grad(f, 0)(*args))
    if len(numbers) > 1:
        assert close(g.value_and_grad(*args, wrt=(1, 0)), ag.value_and_grad(f, (1, 0))(*args))
        assert close(g.value_and_grad(*args, wrt=-1), ag.value_and_grad(f, -1)(*args))
    assert len(g.traces) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives_are_those_of_eager_code(name, executor):
    f, args = FUNCTIONS[name]
    if "mode" in name:
        args, f = args[:1], ag.ops.cos
    g = compiled(f, executor=executor)
    numbers, rebuild = ag.functional.flatten(tuple(args))
    direction = rebuild([0.5 + 0.25 * k for k in range(len(numbers))])
    wanted = ag.hvp(f, args, direction)
    given = direction[0] if len(args) == 1 else direction
    for _ in range(2):
        assert close(g.hvp(*args, vector=given), wanted[0] if len(args) == 1 else wanted)


def test_jacobian_has_the_structure_of_the_eager_one(executor):
    cases = [
        (lambda x: [x[0] * x[1], x[0] + x[1], 1.0], ([2.0, 3.0],)),
        (lambda x: {"a": x * x, "b": (x.exp(), x)}, (1.5,)),
        (lambda x: np.array([x[0] * x[1], x[1].sin()]), (np.array([0.5, 2.0]),)),
        (lambda a: a * 2.0, (3.0,)),
    ]
    for f, args in cases:
        g = compiled(f, executor=executor)
        for _ in range(2):
            assert close(g.jacobian(*args), ag.jacobian(f)(*args))
    both = compiled(lambda a, b: [a * b, a], executor=executor)
    assert both.jacobian(2.0, 3.0) == ag.jacobian(lambda a, b: [a * b, a], (0, 1))(2.0, 3.0)


def test_results_keep_their_structure(executor):
    def f(x):
        return {"sum": x[0] + x[1], "pair": Pair(x[0], 2), "positive": x[0] > 0, "name": "f", "none": None}

    g = compiled(f, executor=executor)
    for first in (1.0, -1.0, 2.0):
        assert g([first, 1.0]) == {
            "sum": first + 1.0, "pair": Pair(first, 2), "positive": first > 0, "name": "f", "none": None,
        }  # fmt: skip
    h = compiled(lambda x: x * np.array([1.0, 2.0]), executor=executor)
    for _ in range(2):
        assert close(h(3.0), np.array([3.0, 6.0]))


def test_what_the_first_call_returns_may_be_changed():
    g = compiled(lambda x: [x, x * 2.0])
    g(1.0).clear()
    assert g(1.0) == [1.0, 2.0]


def test_parameters_are_read_afresh_at_each_call(executor):
    w, b = Value(2.0, label="w"), Value(1.0)
    f = compiled(lambda x: w * x + b, executor=executor)
    assert [f(3.0), f(3.0)] == [7.0, 7.0]
    w.data = -1.0
    assert f(3.0) == -2.0
    assert f.value_and_grad(3.0) == (-2.0, -1.0)
    assert f.grad(3.0, wrt=w) == 3.0
    assert f.grad(3.0, wrt=[w, b]) == [3.0, 1.0]
    assert f.grad(3.0, wrt=(0, w, [b])) == (-1.0, 3.0, [1.0])
    assert f.grad(3.0, wrt=Value(5.0)) == 0.0  # nothing depends on it
    assert f.hvp(3.0, vector=(1.0, 0.0), wrt=(w, 0)) == (0.0, 1.0)
    assert w.grad == 0.0


def test_gradients_by_a_model(executor):
    model = nn.MLP(2, [4, 1], seed=0)
    f = compiled(lambda x: model(x) ** 2, executor=executor)
    x = [0.5, -1.0]
    for _ in range(2):
        value, gradients = f.value_and_grad(x, wrt=model)
        loss = model([Value(v) for v in x]) ** 2
        expected = ag.gradients(loss, model.parameters())
        assert close(value, loss.data)
        assert close(gradients, list(expected))
        for parameter in model.parameters():
            parameter.data *= 0.9
    parameters = model.parameters()
    assert close(f.grad(x, wrt=parameters), f.grad(x, wrt=model))
    parameters.pop()
    assert len(f.grad(x, wrt=parameters)) == len(gradients) - 1  # a list may change between calls


def test_a_model_given_as_an_argument(executor):
    small, other = nn.Linear(2, 1, seed=0), nn.Linear(2, 1, seed=1)
    f = compiled(lambda model, x: model(x)[0], executor=executor)
    for model in (small, other, small):
        assert close(f(model, [1.0, 2.0]), model([1.0, 2.0])[0].data)
        assert close(f.grad(model, [1.0, 2.0]), ag.grad(lambda x, m=model: m(x)[0])([1.0, 2.0]))
        assert close(f.grad(model, [1.0, 2.0], wrt=model), [1.0, 2.0, 1.0])


def test_arguments_by_name_and_static_ones(executor):
    f = compiled(lambda x, times=1, power=2.0: (x * times) ** power, executor=executor, static="times")
    for times in (1, 2, 1, 2):
        assert f(3.0, times=times) == (3.0 * times) ** 2
        assert f(3.0, times) == (3.0 * times) ** 2
        assert f(3.0, times, power=3.0) == pytest.approx((3.0 * times) ** 3)
    assert f.value_and_grad(3.0, power=2.0, wrt="power") == pytest.approx((9.0, 9.0 * math.log(3.0)))
    assert f.value_and_grad(3.0, times=2) == (36.0, 24.0)
    unrolled = compiled(lambda x, n: ops.sum([x] * n), static=("n",), executor=executor)
    assert [unrolled(2.0, n) for n in (1, 3, 2, 3)] == [2.0, 6.0, 4.0, 6.0]
    assert len(unrolled.traces) == 3


def test_a_value_as_an_argument_is_reached_by_backward(executor):
    w = Value(3.0)
    f = compiled(lambda x: w * x * x, executor=executor)
    for _ in range(3):
        x = Value(2.0)
        w.zero_grad()
        loss = f(x * 1.0) * 2.0 + f(x)
        assert loss.data == 36.0
        loss.backward()
        assert (x.grad, w.grad) == (36.0, 12.0)
    pair = compiled(lambda p: [p[0] * p[1], p[0]], executor=executor)
    a, b = Value(2.0), Value(5.0)
    b.freeze()
    product, first = pair([a, b])
    (product + first).backward()
    assert (a.grad, b.grad) == (6.0, 0.0)
    with ag.no_grad():
        assert f(Value(2.0)).is_leaf
    assert f.value_and_grad(Value(2.0)) == (12.0, 12.0)
    assert f.grad(a, wrt=a) == 12.0
    v = Value(2.0)
    assert compiled(lambda a, b: a * b, executor=executor).grad(v, v, wrt=v) == 4.0


def test_a_value_argument_dies_with_its_handles():
    import gc
    import weakref

    f = compiled(lambda x: x * x)
    gc.disable()
    try:
        x = Value(3.0)
        f(x).backward()
        seen = weakref.ref(x)
        del x
        assert seen() is None
    finally:
        gc.enable()


def test_within_eager_transforms_the_function_itself_runs():
    f = compiled(lambda x: x**3)
    f(1.0)
    assert ag.grad(f)(2.0) == 12.0
    assert ag.grad(ag.grad(f))(2.0) == 12.0
    assert ag.grad(lambda x: f.grad(x))(2.0) == 12.0
    assert ag.grad(lambda x: f.value_and_grad(x)[1] + f.jacobian(x))(2.0) == 24.0
    assert ag.jvp(f, (2.0,), (1.0,)) == (8.0, 12.0)
    assert ag.gradcheck(f, 2.0)[0].agrees
    with ag.detect_anomaly(), pytest.raises(ag.AnomalyError, match="log"):
        compiled(lambda x: x.log())(0.0)
    with ag.detect_anomaly():
        assert type(f(2.0)) is float
        assert f.value_and_grad(2.0) == (8.0, 12.0)
    assert ag.grad(lambda x: compiled(lambda a, b: a * b.exp()).grad(x, 1.0, wrt=0) * x)(2.0) == math.e


def test_within_another_compiled_function_it_is_recorded_with_it(executor):
    inner = compiled(lambda x: x * x if x > 0 else -x, executor=executor)
    outer = compiled(lambda x: inner(x) + 1.0, executor=executor)
    for x in (2.0, -3.0, 3.0, -1.0):
        assert outer(x) == (x * x if x > 0 else -x) + 1.0
    assert len(outer.traces) == 2
    assert not inner.traces


def test_decorator_name_documentation_method_and_copy():
    @compiled
    def f(x):
        """Square."""
        return x * x

    @compiled(executor="python", verify=1)
    def g(x):
        return x * 2.0

    class Model:
        w = Value(3.0)
        parameters = ()

        @compiled
        def scaled(self, x):
            return self.w * x

    assert (f.__name__, f.__doc__, f(2.0)) == ("f", "Square.", 4.0)
    assert [g(1.0), g(2.0)] == [2.0, 4.0]
    assert [Model().scaled(2.0), Model().scaled(3.0)] == [6.0, 9.0]
    assert copy.deepcopy(f) is f
    assert copy.copy(f) is f
    assert "f" in repr(f)
    assert isinstance(f, ag.Compiled)
    assert compiled(f).__name__ == "f"


def test_the_source_shows_the_program_and_its_adjoint():
    w = Value(2.0, label="w")
    text = compiled(lambda x: (w * x).tanh()).source(1.0)
    assert "tanh" in text
    assert "def " in text
    assert "def " in compiled(lambda: w * w).source()


def test_a_trace_can_be_drawn_and_read():
    f = compiled(lambda x: x * 2.0 if x > 0 else x)
    trace = f.trace(1.0)
    assert trace in f.traces
    assert len(trace.graph().nodes) == 3
    assert "x > 0" in trace.table()


def test_functions_of_no_argument_and_of_parameters_alone(executor):
    w = Value(3.0)
    f = compiled(lambda: w * w, executor=executor)
    assert [f(), f()] == [9.0, 9.0]
    assert f.value_and_grad(wrt=w) == (9.0, 6.0)


def test_numbers_of_ieee_go_through(executor):
    f = compiled(lambda x: ops.where(x > 0, x.sqrt(), 0.0) + 1.0 / x, executor=executor)
    for x in (4.0, 0.0, -0.0, math.inf, -math.inf, math.nan, -2.0):
        expected = ag.value_and_grad(lambda x: ops.where(x > 0, x.sqrt(), 0.0) + 1.0 / x)(x)
        for _ in range(2):
            assert np.array_equal(f(x), expected[0], equal_nan=True)
            assert np.allclose(f.value_and_grad(x), expected, rtol=1e-14, atol=0, equal_nan=True)
    g = compiled(lambda x: (x * x).sqrt(), executor=executor)
    assert [g.grad(0.0), g.grad(0.0)] == [0.0, 0.0]  # the rule for zero
