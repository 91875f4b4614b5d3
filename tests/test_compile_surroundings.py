"""What stands around a compiled function changes nothing of what it computes: modes, lists, wrappers."""

import math
import warnings

import pytest

import autograd_lite as ag
from autograd_lite import Value, no_grad
from autograd_lite import compile as compiled
from autograd_lite.errors import GraphError


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


READS = {
    "data": lambda x, w: x * w.data,
    "item": lambda x, w: x * w.item(),
    "arithmetic": lambda x, w: x * (1.0 - w.data / 3.0) ** 2,
    "float": lambda x, w: x * float(w),
    "int": lambda x, w: x * int(w),
    "round": lambda x, w: x * round(w) + round(w, 1),
    "floor": lambda x, w: x * math.floor(w) + math.ceil(w),
    "format": lambda x, w: x * len(f"{w:.1f}"),
    "compared": lambda x, w: x * 2.0 if w.data > 2.0 else x,
    "within no_grad": lambda x, w: x * within_no_grad(w),
    "computed outside": lambda x, w: x * OUTSIDE.data,
}
OUTSIDE = Value(3.0) * 2.0


def within_no_grad(w):
    with no_grad():
        return float(w) * int(w)


@pytest.mark.filterwarnings("ignore::autograd_lite.errors.GradientDropped")
@pytest.mark.parametrize("name", READS)
def test_plain_numbers_of_values_from_outside_are_read_afresh(name):
    w, read = Value(1.5), READS[name]
    f = compiled(lambda x: read(x, w), executor="python")
    for number in (1.5, 2.5, -3.25, 1.5, 12.0):
        w.data = number
        assert f(2.0) == read(Value(2.0), w).data
        assert f.value_and_grad(2.0, wrt=(0, w)) == (f(2.0), (ag.grad(lambda x: read(x, w))(2.0), 0.0))


@pytest.mark.filterwarnings("ignore::autograd_lite.errors.GradientDropped")
def test_numbers_that_cannot_be_converted_are_branches_too():
    w = Value(math.nan)

    def program(x):
        try:
            return x * int(w)
        except ValueError:
            return x * 0.5

    f = compiled(program, executor="python")
    assert f(2.0) == 1.0
    w.data = 3.0
    assert f(2.0) == 6.0
    w.data = math.nan
    assert f(2.0) == 1.0


def test_writing_to_a_value_from_outside_is_an_error():
    w = Value(1.0, label="w")

    def counts(x):
        w.data = 5.0
        return x * w

    def makes_its_own(x):
        mine = Value(1.0)
        mine.data += 2.0
        return x * mine

    with pytest.raises(GraphError, match=r"wrote to \.data of .*w"):
        compiled(counts, executor="python")(2.0)
    assert w.data == 1.0
    assert compiled(makes_its_own, executor="python")(2.0) == 6.0


def test_the_same_gradient_is_asked_for_again():
    w, v = Value(2.0), Value(3.0)
    f = compiled(lambda x: x * w * w * v, executor="python")
    for wrt, expected in ((w, 12.0), ([w], [12.0]), ((0, w), (12.0, 12.0)), ([w, v], [12.0, 4.0]), (v, 4.0)):
        for _ in range(3):
            assert f.value_and_grad(1.0, wrt=wrt) == (12.0, expected)
            assert f.grad(1.0, wrt=wrt) == expected
            assert f.jacobian(1.0, wrt=wrt) == expected
            if not isinstance(wrt, tuple):
                assert f.map([1.0, 1.0], wrt=wrt, reduce="mean")[1] == expected
