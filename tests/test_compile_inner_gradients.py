"""Derivatives that a traced function asks for itself: `grad`, `jacobian`, `jvp`, `hvp` within it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from replays import replayed, traced

from autograd_lite import Value, grad, gradients, hessian, hvp, jacobian, jvp, no_grad, ops, value_and_grad
from autograd_lite.errors import GraphError

W = Value(0.7)


def _within_no_grad(x: Any) -> Any:
    with no_grad():
        return x * grad(lambda y: y * y * y)(x)


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "grad": lambda x: grad(lambda y: y**3 * W)(x),
    "value and grad": lambda x: ops.sum(value_and_grad(lambda y: y.exp() + y.square())(x)),
    "twice": lambda x: grad(grad(lambda y: ops.tanh(y) * W * y))(x) * x,
    "the variable outside, too": lambda x: grad(lambda y: x * y * y)(x),
    "one within another": lambda x: grad(lambda y: grad(lambda z: y * z * z)(x))(x),
    "one through another": lambda x: grad(lambda y: grad(lambda z: y * z * z)(y))(x),
    "two by the same number": lambda x: grad(lambda y, z: y * z * z, (0, 1))(x, x)[1],
    "hessian": lambda x: hessian(lambda v: v[0] ** 2 * v[1] * ops.exp(v[0] * x))([x, 2.0 * x])[0][1],
    "jacobian": lambda x: jacobian(lambda v: [v[0] * v[1], ops.sin(v[0])])([x, x * x])[1][0] + x,
    "jvp": lambda x: jvp(lambda a, b: a * b * x, (x, 2.0), (1.0, x))[1],
    "hvp": lambda x: hvp(lambda v: v[0] ** 2 * v[1], ([x, x + 1.0],), ([1.0, 0.5],))[0][0],
    "by a plain number": lambda x: grad(lambda y: y * y)(3.0) * x,
    "by a plain number, of an argument": lambda x: grad(lambda y: y * y * x)(3.0) * x,
    "gradients by an argument": lambda x: gradients(x * x * W, [x], create_graph=True)[0] * x,
    "gradients by a parameter": lambda x: gradients(x * x * W.exp(), [W], create_graph=True)[0] * x,
    "of a constant": lambda x: grad(lambda y: 3.0)(x) + x,
    "through a table": lambda x: grad(lambda y: ops.take([y, y * y, 3.0], 1) * y)(x),
    "within no_grad": _within_no_grad,
    "a slope that is not finite, cut off": lambda x: grad(lambda y: _root_of_positive(y))(x) * x,
    "lists": lambda x: grad(lambda p: ops.dot(p["a"], p["a"]) * p["b"])({"a": [x, 1.0], "b": x})["b"],
}


def _root_of_positive(y: Any) -> Any:
    return ops.where(y > 1.0, ops.sqrt(y - 1.0), y)


@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives_within_a_traced_function(name: str) -> None:
    f = PROGRAMS[name]
    recorded = traced(f, 1.3)
    assert not recorded.tape.guards
    for number in (1.3, 0.4, -2.0, 1.0):
        expected = f(Value(number))
        missed, result = replayed(recorded, number)
        assert missed == -1
        assert result == pytest.approx(getattr(expected, "data", expected), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_they_are_differentiated_again(name: str) -> None:
    f = PROGRAMS[name]
    x = Value(1.3)
    f(x).backward()
    recorded = traced(f, 1.3)
    nodes = recorded.nodes()
    nodes[recorded.tape.outputs[0]].backward()
    assert nodes[0].grad == pytest.approx(x.grad, rel=1e-12)


def test_gradients_by_what_was_computed_are_refused() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        return gradients(y * y, [y], create_graph=True)[0]

    with pytest.raises(GraphError, match=r"use grad\(g\)\(x\)"):
        traced(f, 1.0)
