"""`gradcheck` near edges and poles, and what transforms do with arguments they do not differentiate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, grad, gradcheck, jacobian
from autograd_lite.differences import slope
from autograd_lite.errors import ArgumentError
from autograd_lite.functional import GradcheckError


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x.log(), 1e-3),
        (lambda x: 1.0 / x, 1e-2),
        (lambda x: (1000.0 * x).sin(), 0.3),
        (lambda x: x.sqrt(), 1e-6),
        (lambda x: x.exp(), 20.0),
        (lambda x: x**3, 1e6),
    ],
)
def test_right_gradients_pass_where_functions_are_steep(f: Callable[[Any], Any], x: float) -> None:
    assert gradcheck(f, x)[0].agrees


def test_a_wrong_gradient_is_told() -> None:
    def f(x: Any) -> Any:
        return x * x.detach()

    with pytest.raises(GradcheckError, match="differ from finite differences"):
        gradcheck(f, 3.0)


def test_what_has_no_slope_is_not_called_right() -> None:
    with pytest.raises(GradcheckError, match="cannot be compared"):
        gradcheck(lambda x: x.log(), -1.0)


def test_orders_beyond_two_are_refused() -> None:
    with pytest.raises(ArgumentError, match="order=3"):
        gradcheck(lambda x: x, 1.0, order=3)


def test_slope_tells_its_error() -> None:
    estimate, error = slope(math.sin, 1.0)
    assert abs(estimate - math.cos(1.0)) <= 10 * error + 1e-14


def test_arguments_by_name_are_passed_on() -> None:
    def f(x: Any, *, scale: float = 1.0) -> Any:
        """Its own words."""
        return x * x * scale

    assert grad(f)(3.0, scale=2.0) == 12.0
    assert jacobian(f)(3.0, scale=2.0) == 12.0
    assert grad(f).__doc__ == f.__doc__


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"w": v}, lambda v: (0.0, [v])])
def test_a_value_inside_another_argument_keeps_the_result_differentiable(wrap: Callable[[Any], Any]) -> None:
    outer = Value(3.0)

    def f(x: Any, held: Any) -> Any:
        while not isinstance(held, Value):
            held = list(held.values() if isinstance(held, dict) else held)[-1]
        return x * x * held

    slope_at_two = grad(f)(2.0, wrap(outer))
    assert slope_at_two.data == 12.0
    slope_at_two.backward()
    assert outer.grad == 4.0
