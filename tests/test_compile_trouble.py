"""Bad input to a compiled function: each says what was given, what is wrong with it, and what to do."""

import copy
import itertools
import math
import pickle
import random
import subprocess
import sys
import time

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import CompileError, Value, ops
from autograd_lite import compile as compiled
from autograd_lite.errors import ArgumentError, AutogradError, GraphError, ValueTypeError


@pytest.mark.parametrize(("settings", "words"), [
    ({"executor": "lvm"}, "no executor 'lvm': did you mean 'llvm'\\? Known: auto, interpreter, llvm, numpy"),
    ({"executor": None}, "no executor None"),
    ({"verify": -1}, "verify is a whole number from 0 on"),
    ({"traces": 0}, "traces is a whole number from 1 on"),
    ({"threads": 0.5}, "threads is a whole number from 1 on"),
    ({"static": "y"}, "static names 'y', which is no argument"),
])  # fmt: skip
def test_settings_that_make_no_sense(settings, words):
    with pytest.raises(ArgumentError, match=words):
        compiled(lambda x: x, **settings)


def test_what_is_no_function():
    with pytest.raises(ValueTypeError, match=r"compile needs a function, got Value"):
        compiled(Value(1.0))


@pytest.mark.parametrize(("f", "error", "words"), [
    (lambda x: None, AutogradError, "None"),
    (lambda x: "x", AutogradError, "'x'"),
    (lambda x: 3.0, GraphError, "not computed from its arguments"),
    (lambda x: {x}, ValueTypeError, "a set"),
    (lambda x: x.backward(), GraphError, "value_and_grad"),
    (lambda x: setattr(x, "data", 1.0), AutogradError, "data"),
])  # fmt: skip
def test_functions_that_cannot_be_compiled(f, error, words):
    g = compiled(f)
    for _ in range(2):
        with pytest.raises(error, match=words):
            g(1.0)
    assert g.traces == ()


def test_arguments_that_are_no_numbers():
    f = compiled(lambda x: ops.sum(x))
    given = ([object()], ArgumentError), (1j, AutogradError), (np.array(["a"]), AutogradError)
    for argument, error in given:
        with pytest.raises(error):
            f(argument)
    assert f([1.0, 2.0]) == 3.0


def test_the_functions_own_errors_come_through_and_nothing_is_lost():
    def f(x):
        if x < 0:
            raise LookupError("below zero")
        return x.sqrt()

    g = compiled(f)
    assert [g(4.0), g(9.0)] == [2.0, 3.0]
    for _ in range(3):
        with pytest.raises(LookupError, match="below zero"):
            g(-1.0)
        with pytest.raises(LookupError, match="below zero"):
            g.value_and_grad(-1.0)
    assert [g(4.0), g.grad(4.0)] == [2.0, 0.25]
    with pytest.raises(TypeError, match="positional"):
        g()


def test_another_structure_than_before_is_recorded_anew():
    f = compiled(lambda x: ops.sum(x))
    assert f([1.0, 2.0]) == 3.0
    assert f([1.0, 2.0, 3.0]) == 6.0
    assert f((1.0, 2.0)) == 3.0
    assert f(np.array([1.0, 2.0])) == 3.0
    assert len(f.traces) == 4


def test_a_function_whose_result_has_another_structure_each_time():
    lengths = itertools.cycle([1, 2])
    f = compiled(lambda x: [x] * next(lengths), verify=3)
    with pytest.raises(CompileError, match="another structure"):
        f(1.0)


def changing(state=[1.0]):  # noqa: B006 - that is what is tested
    state[0] += 1.0
    return state[0]


AROUND = Value(1.0)


@pytest.mark.parametrize("f", [
    lambda x: x * changing(),
    lambda x: x * time.perf_counter(),
    lambda x: x * random.random(),
    lambda x: x * np.random.default_rng().random(),
])  # fmt: skip
def test_verify_finds_what_is_not_the_same_at_each_call(f):
    g = compiled(f, verify=2)
    with pytest.raises(CompileError, match=r"gave .* when it was run, and .* compiled: .*clock"):
        g(2.0)
    with pytest.raises(CompileError, match="random numbers"):
        g.value_and_grad(2.0)
    g(2.0)  # verified no more


def test_verify_finds_a_clock_that_moves_by_less_than_rounding_may():
    g = compiled(lambda x: x * time.time(), verify=1)
    with pytest.raises(CompileError, match="something else when it was run again"):
        g(2.0)


def test_verify_finds_a_branch_on_a_value_from_outside_that_was_computed_there():
    inside = [Value(1.0)]
    g = compiled(lambda x: x * 2.0 if inside[0].detach() > 0.0 else x * 3.0, verify=10)
    assert g(1.0) == 2.0
    inside[0] = Value(-1.0)
    with pytest.raises(CompileError, match="branch on a Value from outside"):
        g(1.0)


def test_verify_lets_what_is_right_pass():
    f = compiled(lambda x, y: {"a": [x * y, x > 0], "b": "name", "c": None}, verify=4)
    for x in (1.0, -2.0, 0.1, math.nan, math.inf, 3.0):
        assert repr(f(x, 0.7)) == repr({"a": [x * 0.7, x > 0], "b": "name", "c": None})
    g = compiled(lambda x: ops.sum([v * 0.1 for v in x]), verify=4)
    numbers = [1e8, -1e8, 1.0, 1e-9] * 20
    for _ in range(3):
        assert g.value_and_grad(numbers)[0] == pytest.approx(2.0, rel=1e-6)
        assert g.hvp(numbers, vector=numbers) == [0.0] * 80
        assert g.jacobian(numbers) == pytest.approx([0.1] * 80)


def test_nan_goes_in_and_comes_out():
    f = compiled(lambda x: x * 2.0 if x > 0 else -x)
    for _ in range(3):
        assert math.isnan(f(math.nan))
        assert f.grad(math.nan) == -1.0
    assert len(f.traces) == 1


def test_wrt_that_makes_no_sense():
    f = compiled(lambda x, mode="a": x * 2.0)
    for wrt, error, words in (
        (1, ArgumentError, "names argument 1, but the function was called with 1"),
        (True, ArgumentError, "position of an argument"),
        ("y", ArgumentError, "names the argument 'y'"),
        ((), ArgumentError, "wrt is empty"),
        (1.5, ValueTypeError, "positions of arguments, Values"),
        ([Value(1.0), 2.0], ValueTypeError, "positions of arguments, Values"),
    ):
        with pytest.raises(error, match=words):
            f.grad(2.0, wrt=wrt)
    with pytest.raises(ArgumentError, match="holds no numbers"):
        f.grad(2.0, "a", wrt=1)
    with pytest.raises(ArgumentError, match=r"nothing to differentiate by.*wrt=model"):
        compiled(lambda: AROUND * 2.0).grad()
    with pytest.raises(ValueTypeError, match=r"one number, got a list: use f\.jacobian"):
        compiled(lambda x: [x, x]).grad(1.0)
    with pytest.raises(ArgumentError, match="structure of what the derivative is by, 1 numbers"):
        f.hvp(2.0, vector=[1.0])
    with pytest.raises(ArgumentError, match="one direction for each of 2"):
        compiled(lambda x, y: x * y).hvp(1.0, 2.0, vector=1.0)


def test_missing_packages_are_named_with_the_extra_that_brings_them():
    program = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numba", "llvmlite"):
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocker())
import autograd_lite as ag
for executor in ("interpreter", "llvm"):
    try:
        ag.compile(lambda x: x, executor=executor)
    except ag.CompileError as error:
        print(error)
f = ag.compile(lambda x: x * x)
print(f(3.0), f(3.0), f.grad(3.0), f.map([1.0, 2.0]), f.report(measure=False).calls[0].traces[0].why)
"""
    command = [sys.executable, "-W", "error", "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    first, second, last = run.stdout.splitlines()
    assert "pip install 'autograd-lite[fast]'" in first
    assert "needs llvmlite" in second
    assert last.startswith("9.0 9.0 6.0 [1.0, 4.0] llvmlite is not installed")


def test_the_interpreter_may_be_called_by_the_compiler_it_runs_on():
    pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
    f = compiled(lambda x: x * x, executor="numba")
    assert f(3.0) == 9.0
    assert f.report(measure=False).calls[0].traces[0].executor == "interpreter"


def test_a_compiled_function_is_not_pickled():
    f = compiled(lambda x: x)
    with pytest.raises(GraphError, match="let each compile the function for itself"):
        pickle.dumps(f)
    assert copy.deepcopy({"f": f})["f"] is f


def test_a_number_that_was_traced_is_refused_afterwards():
    kept = []
    f = compiled(lambda x: (kept.append(x), x * 2.0)[1])
    f(1.0)
    with pytest.raises(GraphError, match=r"after that call|outside of that call"):
        kept[0] + 1.0


def test_gradients_are_finite_checked_by_nobody_but_come_out_as_eager_ones():
    f = lambda x: ops.where(x > 0, ops.log(x) * x, 0.0)  # noqa: E731
    g = compiled(f)
    for x in (0.0, 1.0, -1.0, math.inf):
        for _ in range(2):
            assert g.value_and_grad(x) == ag.value_and_grad(f)(x)
