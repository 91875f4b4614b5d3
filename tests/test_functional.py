"""grad, jacobian, hessian, jvp, hvp and gradcheck: structures, composition to any order, nesting, errors."""

from __future__ import annotations

import gc
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
import pytest

from autograd_lite import (
    Value,
    grad,
    gradcheck,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    ops,
    topological_order,
    value_and_grad,
)
from autograd_lite.errors import ArgumentError, AutogradError, GraphError, ValueTypeError
from autograd_lite.functional import GradcheckError


class Line(NamedTuple):
    slope: Any
    height: Any


def forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The derivative by forward mode, as a function: what `grad` is by reverse mode."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


# --- structures ---------------------------------------------------------------------------------------------


def test_gradients_come_back_in_the_shape_of_the_argument() -> None:
    assert grad(lambda x: x * x)(3.0) == 6.0
    assert grad(lambda x: x[0] * x[1])([2.0, 3.0]) == [3.0, 2.0]
    assert grad(lambda x: x[0] * x[1])((2.0, 3.0)) == (3.0, 2.0)
    assert grad(lambda p: p["w"] * p["b"])({"w": 2.0, "b": 5.0}) == {"w": 5.0, "b": 2.0}
    assert grad(lambda line: line.slope * 3.0 + line.height)(Line(2.0, 1.0)) == Line(3.0, 1.0)
    nested = {"layers": [(1.0, [2.0]), (3.0, [])], "scale": 4}
    found = grad(lambda p: p["layers"][0][0] * p["layers"][0][1][0] * p["scale"] + p["layers"][1][0])(nested)
    assert found == {"layers": [(8.0, [4.0]), (1.0, [])], "scale": 2.0}
    assert isinstance(found["layers"][0], tuple)


def test_gradients_of_arrays_are_arrays() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = grad(lambda x: (x * x).sum())(a)
    assert isinstance(found, np.ndarray)
    assert found.dtype == float
    np.testing.assert_array_equal(found, 2 * a)
    np.testing.assert_array_equal(grad(lambda x: np.dot(x, x))(np.arange(3)), [0.0, 2.0, 4.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.tanh(x)))(np.zeros((2, 0))), np.zeros((2, 0)))
    mixed = grad(lambda p: (p["w"] @ p["x"])[0] * p["c"])({"w": a, "x": np.array([1.0, -1.0]), "c": 2.0})
    np.testing.assert_array_equal(mixed["w"], [[2.0, -2.0], [0.0, 0.0]])
    np.testing.assert_array_equal(mixed["x"], [2.0, 4.0])
    assert mixed["c"] == -1.0


def test_scalars_of_numpy_are_numbers() -> None:
    assert grad(lambda x: x**3)(np.float64(2.0)) == 12.0
    assert grad(lambda x: x**3)(np.array(2.0)) == 12.0
    assert grad(lambda x: x**3)(2) == 12.0


def test_argnums() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return x * y + y * z[0]

    assert grad(f)(2.0, 3.0, [5.0]) == 3.0
    assert grad(f, 1)(2.0, 3.0, [5.0]) == 7.0
    assert grad(f, argnums=2)(2.0, 3.0, [5.0]) == [3.0]
    assert grad(f, (2, 0))(2.0, 3.0, [5.0]) == ([3.0], 3.0)
    assert grad(f, -1)(2.0, 3.0, [5.0]) == [3.0]
    assert value_and_grad(f, (1,))(2.0, 3.0, [5.0]) == (21.0, (7.0,))
    assert jacobian(lambda x, y: [x * y, y], 1)(2.0, 3.0) == [2.0, 1.0]
    assert hessian(f, 1)(2.0, 3.0, [5.0]) == 0.0


def test_arguments_not_asked_about_may_be_anything() -> None:
    assert (
        grad(lambda x, word, table: x * len(word) * table["k"])(2.0, "four", {"k": 3, "none": None}) == 12.0
    )


def test_results_that_depend_on_nothing() -> None:
    assert value_and_grad(lambda x: 5.0)(2.0) == (5.0, 0.0)
    assert value_and_grad(lambda x: x)(2.0) == (2.0, 1.0)
    assert grad(lambda x: Value(3.0) * 2.0)([1.0, 2.0]) == [0.0, 0.0]
    assert grad(lambda x: ops.detach(x) * 2.0)(1.0) == 0.0
    assert jvp(lambda x: 5.0, (2.0,), (1.0,)) == (5.0, 0.0)
    assert hessian(lambda x: x[0])([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert grad(lambda x, y: y)(1.0, 2.0) == 0.0


def test_jacobians_nest_result_shape_in_argument_shape() -> None:
    assert jacobian(lambda x: {"sum": x[0] + x[1], "two": (x[0] * x[1], 1.0)})([2.0, 3.0]) == {
        "sum": [1.0, 1.0],
        "two": ([3.0, 2.0], [0.0, 0.0]),
    }
    a = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    found = jacobian(lambda x: a @ x)(np.array([1.0, -1.0]))
    np.testing.assert_array_equal(found, a)
    product = jacobian(lambda w: w @ np.array([1.0, 2.0]))(a)
    assert product.shape == (3, 3, 2)
    np.testing.assert_array_equal(product[1], [[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    second = hessian(lambda x: (x * x * x).sum())(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(second, [[6.0, 0.0], [0.0, 12.0]])
    assert hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 2.0, "b": 3.0}) == {
        "a": {"a": 6.0, "b": 4.0},
        "b": {"a": 4.0, "b": 0.0},
    }


def test_forward_mode_on_structures() -> None:
    def f(p: Any) -> Any:
        return {"y": p["x"][0] * p["x"][1], "z": (p["x"][0], 2.0)}

    assert jvp(f, ({"x": [2.0, 3.0]},), ({"x": [1.0, 10.0]},)) == (
        {"y": 6.0, "z": (2.0, 2.0)},
        {"y": 23.0, "z": (1.0, 0.0)},
    )
    value, along = jvp(np.tanh, (np.array([0.0, 1.0]),), (np.array([1.0, 2.0]),))
    np.testing.assert_allclose(value, np.tanh([0.0, 1.0]), rtol=1e-15)
    np.testing.assert_allclose(along, [1.0, 2.0 / np.cosh(1.0) ** 2], rtol=1e-15)
    assert hvp(lambda x, y: x * x * y[0], (2.0, [3.0]), (1.0, [10.0])) == (46.0, [4.0])


# --- composition --------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sin of square": (lambda x: (x * x).sin(), lambda x: mp.sin(x * x)),
    "tanh": (lambda x: x.tanh(), mp.tanh),
    "sigmoid by exp": (lambda x: x.sigmoid() * x.exp(), lambda x: mp.exp(x) / (1 + mp.exp(-x))),
    "powers": (
        lambda x: (x * x + 1.0) ** -1.5 * 2.0**x,
        lambda x: mp.power(x * x + 1, -1.5) * mp.power(2, x),
    ),
    "n-ary": (
        lambda x: ops.logsumexp(x, x * x, 0.5) * ops.norm(x, 1.0),
        lambda x: mp.log(mp.exp(x) + mp.exp(x * x) + mp.exp(0.5)) * mp.sqrt(x * x + 1),
    ),
    "softmax": (
        lambda x: ops.softmax([x, 0.3, x * x])[0],
        lambda x: mp.exp(x) / (mp.exp(x) + mp.exp(0.3) + mp.exp(x * x)),
    ),
    "shared": (lambda x: (y := x.gelu()) * y / (1.5 + y), lambda x: _gelu(x) ** 2 / (1.5 + _gelu(x))),
    "where": (lambda x: ops.where(ops.less(x, 9.0), x * x.sin(), x.log()), lambda x: x * mp.sin(x)),
}


def _gelu(x: Any) -> Any:
    return x * mp.erfc(-x / mp.sqrt(2)) / 2


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("x", [0.0, 0.7])
def test_every_mixture_of_modes_to_order_four(name: str, x: float) -> None:
    f, exact = FUNCTIONS[name]
    with mp.workdps(40):
        true = [float(mp.diff(exact, mp.mpf(x), order)) for order in range(5)]
    for order in range(1, 5):
        for modes in itertools.product((grad, forward), repeat=order):
            g = f
            for mode in modes:
                g = mode(g)
            assert g(x) == pytest.approx(true[order], rel=1e-12, abs=1e-12 * max(map(abs, true))), modes


def test_hessian_vector_products_are_the_hessian_times_the_vector() -> None:
    def f(x: Any) -> Any:
        return ops.logsumexp([x[0] * x[1], x[2].sin(), x[0] / (1.0 + x[2] * x[2])]) * ops.norm(x)

    point, direction = [0.5, -1.2, 2.0], [1.0, -2.0, 0.25]
    matrix = np.array(hessian(f)(point))
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-13)
    np.testing.assert_allclose(hvp(f, (point,), (direction,))[0], matrix @ direction, rtol=1e-13)
    along = grad(lambda x: jvp(f, (x,), (direction,))[1])(point)
    np.testing.assert_allclose(along, matrix @ direction, rtol=1e-13)
    forward_only = [
        jvp(lambda x, unit=unit: jvp(f, (x,), (unit,))[1], (point,), (direction,))[1]
        for unit in np.eye(3).tolist()
    ]
    np.testing.assert_allclose(forward_only, matrix @ direction, rtol=1e-13)


def test_directions_can_be_differentiated_too() -> None:
    assert grad(lambda v: jvp(lambda x: x**3, (2.0,), (v,))[1])(1.0) == 12.0
    assert grad(lambda x: jvp(lambda y: y**3, (x,), (x,))[1])(2.0) == 36.0  # d(3x³)


def test_nested_derivatives_keep_their_variables_apart() -> None:
    """No perturbation confusion (Siskind and Pearlmutter, IFL 2005): each derivative has its own variable."""
    for inner, outer in itertools.product((grad, forward), repeat=2):
        assert outer(lambda x, d=inner: x * d(lambda y: x + y)(1.0))(1.0) == 1.0
        assert outer(lambda x, d=inner: x * d(lambda y: x * y)(2.0))(3.0) == 6.0
        assert outer(lambda x, d=inner: d(lambda y: y * y * x)(2.0))(5.0) == 4.0
        assert outer(lambda x, d=inner: d(lambda x: x * x)(x) * x)(3.0) == 12.0
        assert outer(lambda x, d=inner: d(lambda y: d(lambda z: x * y * z * z)(y))(x))(2.0) == 16.0
        assert outer(lambda x, d=inner: d(lambda y: x)(2.0) + x)(3.0) == 1.0
        assert outer(lambda x, d=inner: d(lambda y: x * x)(x))(3.0) == 0.0


def test_a_function_used_inside_and_outside() -> None:
    slope = grad(lambda x: x**3)
    assert slope(2.0) == 12.0
    assert grad(lambda x: slope(x) * x)(2.0) == 36.0
    assert slope(2.0) == 12.0
    assert isinstance(slope(2.0), float)


def test_transforms_of_values_can_be_differentiated_by_backward() -> None:
    x = Value(2.0, label="x")
    slope = grad(lambda t: t**3)(x)
    assert isinstance(slope, Value)
    assert not x.has_grad
    slope.backward()
    assert x.grad == 12.0
    weight = Value(5.0, label="w")
    assert grad(lambda t: weight * t * t)(3.0) == 30.0
    assert not weight.has_grad


def test_a_penalty_on_the_gradient_trains_its_weights() -> None:
    """A derivative by an argument, differentiated by parameters that come in through a closure."""
    w = Value(1.5)
    penalty = grad(lambda x: (w * x).tanh())(Value(0.3)) ** 2
    penalty.backward()
    a = 0.3 * 1.5
    sech2 = 1.0 / math.cosh(a) ** 2
    true = 2.0 * (1.5 * sech2) * (sech2 - 2.0 * 1.5 * 0.3 * sech2 * math.tanh(a))
    assert w.grad == pytest.approx(true, rel=1e-13)


# --- nothing is left behind ---------------------------------------------------------------------------------


def test_no_transform_writes_a_grad() -> None:
    captured = Value(2.0)
    seen: list[Value] = []

    def f(x: Any) -> Any:
        y = captured * x[0] * x[1]
        seen.extend(topological_order(y))
        return y.tanh()

    arguments = [Value(0.5), Value(0.25)]
    for call in (
        lambda: grad(f)(arguments),
        lambda: hessian(f)([0.5, 0.25]),
        lambda: jacobian(lambda x: [f(x)])(arguments),
        lambda: jvp(f, (arguments,), ([1.0, 0.0],)),
        lambda: hvp(f, ([0.5, 0.25],), ([1.0, 0.0],)),
        lambda: gradcheck(f, [0.5, 0.25]),
    ):
        call()
    assert len(seen) > 30
    assert not any(node.has_grad for node in (*seen, *arguments, captured))


def test_gradients_that_exist_survive() -> None:
    x = Value(3.0)
    (x * x).backward()
    assert grad(lambda t: t * x)(2.0) == 3.0
    assert gradients(x * 4.0, [x]) == (4.0,)
    assert x.grad == 6.0


def test_graphs_die_at_once() -> None:
    def alive() -> int:
        return sum(type(thing) is Value for thing in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = alive()
        for _ in range(3):
            hessian(lambda x: (x[0] * x[1]).tanh())([0.5, 0.25])
        assert alive() == before
    finally:
        gc.enable()


# --- errors -------------------------------------------------------------------------------------------------


def test_errors_say_what_to_do() -> None:
    with pytest.raises(ValueTypeError, match=r"one number.*list.*jacobian"):
        grad(lambda x: [x, x])(1.0)
    with pytest.raises(ValueTypeError, match="jacobian"):
        grad(lambda x: x * x)(np.ones(3))
    with pytest.raises(ArgumentError, match=r"argument 2.*called with 1"):
        grad(lambda x: x, 2)(1.0)
    with pytest.raises(ArgumentError, match=r"argument 0.*called with 0"):
        grad(lambda: 1.0)()
    with pytest.raises(ArgumentError, match="shape"):
        jvp(lambda x: x[0], ([1.0, 2.0],), ([1.0],))
    with pytest.raises(ArgumentError, match="shape"):
        jvp(lambda x: x, (1.0,), (1.0, 2.0))
    with pytest.raises(ValueTypeError, match="'word'"):
        grad(lambda x: x)("word")
    with pytest.raises(ValueTypeError, match="None"):
        grad(lambda x: x[0])([1.0, None])
    for result in (None, "word", 1j):
        with pytest.raises(AutogradError):
            grad(lambda x, result=result: result)(1.0)
    with pytest.raises(ZeroDivisionError):  # the function's own errors pass through
        grad(lambda x: 1 // 0)(1.0)
    assert grad(lambda x: x * x)(3.0) == 6.0  # and leave nothing switched on
    assert isinstance(grad(lambda x: x * x)(3.0), float)


def test_an_op_made_by_hand_is_named_where_it_cannot_be_differentiated() -> None:
    def halved(x: Any) -> Value:
        out = Value(x.data / 2.0, (x,), "half", label="h")

        def _backward() -> None:
            x.grad += 0.5 * out.grad

        out._backward = _backward
        return out

    assert grad(lambda x: halved(x) * 3.0)(4.0) == 1.5
    with pytest.raises(GraphError, match='"h"'):
        jvp(halved, (4.0,), (1.0,))
    with pytest.raises(GraphError, match='"h"'):
        hessian(lambda x: halved(x) * x)(4.0)


# --- gradcheck ----------------------------------------------------------------------------------------------


def test_gradcheck_passes_and_reports_every_number() -> None:
    rows = gradcheck(lambda p, y: p["w"][0] * p["w"][1] * y.exp(), {"w": [2.0, 3.0]}, 0.5)
    assert [row.name for row in rows] == ["x0['w'][0]", "x0['w'][1]", "x1"]
    assert all(row.agrees and row.error < 1e-8 for row in rows)
    assert rows[2].reverse == rows[2].forward == pytest.approx(6.0 * math.exp(0.5), rel=1e-15)
    assert len(gradcheck(lambda x: x[0] ** 2 * x[1], [2.0, 3.0], order=2)) == 6
    assert len(gradcheck(lambda x: np.sum(x * x * x), np.ones((2, 2)), order=2)) == 20


def test_gradcheck_finds_a_wrong_first_derivative() -> None:
    with pytest.raises(GradcheckError, match=r"x0\[1\].*reverse 6 .*numeric 12"):
        gradcheck(lambda x: x[0] + 2.0 * x[1] * ops.detach(x[1]), [1.0, 3.0])


def test_gradcheck_finds_a_wrong_second_derivative() -> None:
    def f(x: Any) -> Any:
        """x², with the right slope 2x, whose own slope is 0."""
        fixed = ops.detach(x)
        return 2.0 * x * fixed - fixed * fixed

    gradcheck(f, 3.0)
    with pytest.raises(GradcheckError, match="x0, x0"):
        gradcheck(f, 3.0, order=2)


def test_gradcheck_tolerances() -> None:
    def f(x: Any) -> Any:
        return x * x + 1e-4 * ops.detach(x)

    with pytest.raises(GradcheckError):
        gradcheck(f, 3.0)
    assert gradcheck(f, 3.0, rtol=1e-3)[0].agrees
    assert gradcheck(f, 3.0, atol=1e-3)[0].agrees


def test_transforms_within_no_grad() -> None:
    """Asking for a derivative says that one is wanted, whatever is switched off around it."""
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
        assert jvp(lambda x: x * x, (3.0,), (1.0,)) == (9.0, 6.0)
        assert hessian(lambda x: x**3)(2.0) == 12.0
        assert (Value(2.0) * 3.0).is_leaf


def test_no_grad_cuts_off_outer_derivatives_only() -> None:
    def cut(x: Any) -> Any:
        with no_grad():
            return grad(lambda t: t**3)(x)

    assert grad(lambda x: cut(x) * x)(2.0) == 12.0  # the slope 12 counts as a number
    x = Value(2.0)
    assert cut(x).is_leaf

    def partly(x: Any) -> Any:
        with no_grad():
            frozen = x * x
        return frozen * x

    assert grad(partly)(3.0) == 9.0


def test_what_is_no_tuple_of_arguments_is_refused() -> None:
    for transform in (jvp, hvp):
        for given in (2.0, np.array([2.0])):
            with pytest.raises(ArgumentError, match="takes all arguments in a tuple"):
                transform(lambda x: x * x, given, given)
    for argnums in ("x", 1.5, ("x",)):
        with pytest.raises(ArgumentError, match="argnums is the number of an argument"):
            grad(lambda x: x * x, argnums)(2.0)  # type: ignore[arg-type]
