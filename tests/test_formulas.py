"""The generic formulas for special functions, against mpmath at 50 digits."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest

from autograd_lite import ops
from autograd_lite.errors import AutogradError
from autograd_lite.ops import formulas

INF, NAN = math.inf, math.nan
TINY = 5e-324


@pytest.fixture(autouse=True)
def fifty_digits() -> Iterator[None]:
    with mpmath.workdps(50):
        yield


def polygamma(n: int) -> Callable[[Any], Any]:
    return partial(formulas.polygamma, n)


def even(low: float, high: float, count: int = 150) -> list[float]:
    """Points drawn evenly between two bounds."""
    rng = random.Random(f"{low} {high}")
    return [rng.uniform(low, high) for _ in range(count)]


def powers(low: float, high: float, count: int = 60) -> list[float]:
    """Points whose decimal exponents are drawn evenly."""
    return [10.0**k for k in even(low, high, count)]


def negated(points: Iterable[float]) -> list[float]:
    return [-x for x in points]


def around(centre: float) -> list[float]:
    return [centre + side * gap for gap in powers(-15, -1, 40) for side in (1, -1)]


def log_gamma(x: Any) -> Any:
    return mpmath.re(mpmath.loggamma(x))


def bell(x: Any) -> Any:
    return mpmath.exp(-x * x / 2)


def steep_bell(x: Any) -> Any:
    return mpmath.exp(-x * x)


# name: function, exact, points, allowed error in ulp
IN_ULP = {
    "exp(-x²)": (formulas.exp_minus_square, steep_bell, [*even(-27.2, 27.2), *powers(-9, 1)], 1.1),
    "exp(-x²/2)": (formulas.exp_minus_half_square, bell, [*even(-38.5, 38.5), *powers(-9, 1)], 1.1),
    "erf near 0": (formulas.erf, mpmath.erf, [*even(-0.875, 0.875), *powers(-320, -1), 0.875], 1.0),
    "erf": (formulas.erf, mpmath.erf, [*even(0.875, 6), *even(-6, -0.875)], 2.0),
    "erfc near 0": (formulas.erfc, mpmath.erfc, [*even(-0.875, 0.875), *around(0.875)], 4.0),
    "erfc": (formulas.erfc, mpmath.erfc, [*even(-6, -0.875), *even(0.875, 3), *even(3, 26.5)], 4.0),
    "erfc subnormal": (formulas.erfc, mpmath.erfc, even(26.5, 27.3), 4.0),
    "lgamma": (
        formulas.lgamma, log_gamma,
        [*even(-2, 8, 300), *even(8, 200), *powers(0.9, 305), *powers(-320, -1), *negated(powers(-320, -1))],
        8.0,
    ),
    "lgamma near its zeros": (formulas.lgamma, log_gamma, [*around(1.0), *around(2.0)], 8.0),
    "digamma": (formulas.digamma, mpmath.digamma, [*even(0, 10), *even(10, 90), *powers(-307, 300)], 4.0),
    "digamma near its root": (formulas.digamma, mpmath.digamma, around(1.4616321449683622), 4.0),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_ULP)
def test_error_in_ulp(name: str) -> None:
    function, exact, points, allowed = IN_ULP[name]
    for x in points:
        expected = exact(mpmath.mpf(x))
        error = abs(function(x) - expected) / mpmath.mpf(math.ulp(float(expected)))
        assert error <= allowed, (x, function(x), float(expected))


BELOW_0 = [*even(-12, 0), *even(-300, -12), *negated(powers(-50, -1)), *(-k - 0.5 for k in range(12))]

# Below 0 each function is a difference with zeros of its own: an error is measured against the result or,
# where that is larger, against what is subtracted. name: function, exact, what is subtracted, points
BY_REFLECTION: dict[str, tuple[Any, Any, Any, list[float]]] = {
    "lgamma": (formulas.lgamma, log_gamma, lambda x: max(1, log_gamma(-x)), BELOW_0),
    "digamma": (formulas.digamma, mpmath.digamma, lambda x: max(1, mpmath.digamma(1 - x)), BELOW_0),
}
for order in (1, 2, 3, 4):
    exactly = partial(mpmath.polygamma, order)
    BY_REFLECTION[f"polygamma {order}"] = (
        polygamma(order), exactly, lambda x, exactly=exactly: abs(exactly(1 - x)),
        [*even(-6, 0, 60), *even(-60, -6, 60), *negated(powers(-300 / (order + 1), -1, 20)), -99.5],
    )  # fmt: skip


@pytest.mark.parametrize("name", BY_REFLECTION)
def test_error_below_zero(name: str) -> None:
    function, exact, subtracted, points = BY_REFLECTION[name]
    for x in points:
        expected = exact(mpmath.mpf(x))
        size = max(abs(expected), subtracted(mpmath.mpf(x)))
        assert abs(function(x) - expected) <= 2e-15 * size, (x, function(x), float(expected))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9])
def test_polygamma_above_zero(n: int) -> None:
    for x in [*even(0, 2, 60), *even(2, 40, 60), *powers(-300 / (n + 1), 300 / n)]:
        expected = mpmath.polygamma(n, mpmath.mpf(x))
        assert abs(formulas.polygamma(n, x) - expected) <= 1e-15 * abs(expected), x


EDGES: dict[str, tuple[Callable[[Any], Any], dict[float, float]]] = {
    "exp(-x²)": (formulas.exp_minus_square, {0.0: 1.0, INF: 0.0, -INF: 0.0, 1e300: 0.0, TINY: 1.0}),
    "exp(-x²/2)": (formulas.exp_minus_half_square, {0.0: 1.0, INF: 0.0, -INF: 0.0, 1e300: 0.0, TINY: 1.0}),
    "erf": (formulas.erf, {INF: 1.0, -INF: -1.0, 30.0: 1.0, TINY: TINY, -TINY: -TINY}),
    "erfc": (formulas.erfc, {0.0: 1.0, INF: 0.0, -INF: 2.0, 30.0: 0.0, -30.0: 2.0}),
    "lgamma": (
        formulas.lgamma,
        {1.0: 0.0, 2.0: 0.0, 0.0: INF, -1.0: INF, -1e300: INF, INF: INF, -INF: INF, 1e308: INF},
    ),
    "digamma": (formulas.digamma, {INF: INF, -INF: NAN, -1.0: NAN, -1e300: NAN, TINY: -INF, -TINY: INF}),
    "polygamma 1": (polygamma(1), {0.0: INF, -1.0: INF, INF: 0.0, -INF: NAN, TINY: INF, -TINY: INF}),
    "polygamma 2": (polygamma(2), {0.0: -INF, -1.0: -INF, INF: 0.0, -INF: NAN, TINY: -INF, -TINY: INF}),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    function, expected = EDGES[name]
    for x, y in expected.items():
        assert function(x) == y or (math.isnan(y) and math.isnan(function(x))), (x, function(x))
    assert math.isnan(function(NAN))


def test_digamma_tells_the_zeros_apart() -> None:
    assert formulas.digamma(0.0) == -INF
    assert formulas.digamma(-0.0) == INF


def test_erf_keeps_the_sign_of_zero() -> None:
    assert math.copysign(1.0, formulas.erf(-0.0)) == -1.0
    assert math.copysign(1.0, formulas.erf(0.0)) == 1.0


@pytest.mark.parametrize("name", EDGES)
def test_arrays_give_what_floats_give(name: str) -> None:
    function, edges = EDGES[name]
    points = [*edges, NAN, -0.0, *even(-30, 30, 100), *even(-2, 2, 100), 0.5, -0.5, -2.5]
    with np.errstate(all="ignore"):  # as the rows have it
        on_array = function(np.array(points))
    # NumPy's exp, log and tan differ from math's by an ulp or so, and a difference near its zero shows that
    np.testing.assert_allclose(on_array, [function(x) for x in points], rtol=4e-15, atol=4e-15)


@pytest.mark.parametrize("name", EDGES)
def test_arms_not_chosen_stay_quiet(name: str) -> None:
    function, _ = EDGES[name]
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        function(np.array([*even(-40, 40, 100), 0.25, 1.0, 2.0, 8.0, 9.0, 1e10, -0.5, -1.0, -3.0]))


def test_order_zero_is_digamma() -> None:
    assert formulas.polygamma(0, 2.5) == formulas.digamma(2.5)


@pytest.mark.parametrize("n", [-1, 101, 1.5])
def test_polygamma_refuses_an_order_that_makes_no_sense(n: Any) -> None:
    with pytest.raises(AutogradError, match=f"0 to 100 as its order, got {n!r}"):
        formulas.polygamma(n, 1.0)


def test_round_row_agrees_with_python() -> None:
    points = [*even(-9, 9, 50), *(k / 2 for k in range(-9, 10)), 0.49999999999999994, 2.0**52 - 0.5, -1e300]
    for x in points:
        rounded = ops.round.forward(x)
        assert (rounded, math.copysign(1.0, rounded)) == (float(round(x)), math.copysign(1.0, x)), x
    assert [ops.round.forward(x) for x in (INF, -INF)] == [INF, -INF]
    assert math.isnan(ops.round.forward(NAN))


def test_coefficients_are_what_their_recipes_print() -> None:
    mp = mpmath

    def x(t: Any) -> Any:
        return 4 * (1 + t) / (1 - t)

    with mp.workdps(60):
        root = mp.findroot(mp.digamma, 1.46)
        assert float(root - 1) == formulas.ROOT
        assert float(root - 1 - mp.mpf(formulas.ROOT)) == formulas.ROOT_LOW
        fits = (
            (formulas.ERF_NEAR, lambda s: mp.erf(mp.sqrt(s)) / mp.sqrt(s) - 1, 0, 49 / 64),
            (formulas.ERFC_TAIL, lambda t: x(t) * mp.exp(x(t) ** 2) * mp.erfc(x(t)), -mp.mpf(25) / 39, 3 / 4),
            (formulas.LGAMMA_NEAR_2, lambda u: mp.loggamma(2 + u) / u, -1 / 2, 1 / 2),
            (formulas.DIGAMMA_NEAR_ROOT, lambda u: mp.digamma(root + u) / u, 1 - root, 2 - root),
        )
        for table, function, low, high in fits:
            assert tuple(map(float, mp.chebyfit(function, [low, high], len(table)))) == table
