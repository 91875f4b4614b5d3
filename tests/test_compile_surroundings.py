"""What stands around a compiled function changes nothing of what it computes: modes, lists, wrappers."""

import math
import warnings

import pytest

import autograd_lite as ag
from autograd_lite import Value, no_grad
from autograd_lite import compile as compiled


def branching(x):
    return x * x if x > 0.0 else x * 3.0


@pytest.mark.parametrize("ask", ["value", "value_and_grad", "map"])
def test_recording_within_no_grad_keeps_the_gradients(ask):
    f = compiled(branching, executor="python")
    with no_grad():
        if ask == "value":
            assert f(2.0) == 4.0
        elif ask == "map":
            assert f.map([2.0, -1.0], wrt=0) == ([4.0, -3.0], [4.0, 3.0])
        else:
            assert f.value_and_grad(2.0) == (4.0, 4.0)
        assert f(-1.0) == -3.0
    assert f.grad(2.0) == 4.0
    assert f.grad(-1.0) == 3.0


def test_what_is_computed_eagerly_within_no_grad_has_derivatives():
    f = compiled(lambda x: x * x * float(int(x.data)), executor="python", traces=1)
    with no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ag.RetraceWarning)
        assert [f.grad(float(k)) for k in range(30)] == [2.0 * k * k for k in range(30)]
        assert [f.jacobian(float(k)) for k in range(30)] == [2.0 * k * k for k in range(30)]
        assert [f.hvp(float(k), vector=1.0) for k in range(30)] == [2.0 * k for k in range(30)]
    x = Value(3.0)
    with no_grad():
        assert f(x).is_leaf


def test_a_transform_of_a_compiled_function_is_compiled():
    f = compiled(branching, executor="python")
    slope = compiled(ag.grad(f), executor="python")
    assert slope(3.0) == 6.0
    assert slope.grad(3.0) == 2.0
    assert compiled(f, executor="python")(3.0) == 9.0
    assert f.__name__ == "branching"
    assert f(3.0) == 9.0


@pytest.mark.parametrize("change", [list.clear, lambda a: a.append("s"), lambda a: a.insert(0, [1.0])])
def test_the_first_calls_list_may_change(change):
    f = compiled(lambda a: a[0] * 2.0 if a[0] > 0.0 else a[1] * 3.0, executor="python")
    given = [1.0, 2.0]
    assert f(given) == 2.0
    change(given)
    assert f([-1.0, 2.0]) == 6.0
    assert "a[1]" in f.trace([-1.0, 2.0]).table()
    nested = {"w": [1.0, 2.0]}
    g = compiled(lambda w: f(w["w"]), executor="python")
    assert g(w=nested) == 2.0
    change(nested["w"])
    assert g(w={"w": [-1.0, 2.0]}) == 6.0


def test_an_array_of_bools_may_change():
    np = pytest.importorskip("numpy", reason="arrays")

    def f(x, mask):
        return x * 2.0 if mask[0] else (x * 3.0 if x > 0.0 else x * 5.0)

    f = compiled(f, executor="python")
    mask = np.array([False, True])
    assert f(1.0, mask) == 3.0
    mask[0] = True
    assert f(1.0, mask) == 2.0
    assert f(-1.0, np.array([False, True])) == -5.0


def test_static_numbers_that_are_equal_are_not_the_same():
    f = compiled(lambda x, s: x * math.copysign(1.0, s), executor="python", static="s")
    assert [f(2.0, 0.0), f(2.0, -0.0), f(2.0, s=0.0), f(2.0, s=-0.0)] == [2.0, -2.0, 2.0, -2.0]
    g = compiled(lambda x, s: x * len(repr(s)), executor="python", static="s")
    for each in ((1,), (True,), (1.0,), ((1.0,),), ((-0.0,),), ((0.0,),)):
        assert g(1.0, each) == len(repr(each))
