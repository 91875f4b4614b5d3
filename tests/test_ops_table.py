"""Every row of the op table at its points and in its tails: values and derivatives against mpmath."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import mpmath as mp
import pytest
from references import REFERENCES, difference, digits, exact, relative_error, second_difference
from support import OTHER_SETTINGS, POINTS, Point, Settings, applied

from autograd_lite import Value, grad, hessian, ops, symbolic
from autograd_lite.ops import Op

# Relative errors allowed: 9 units in the last place for values and slopes, twice that for second derivatives,
# and for these rows more:
TOLERANCE = 2e-15
VALUE_TOLERANCE = {
    "gelu": 1e-14,  # at -6: erfc magnifies the rounding of its argument by 2x² = 36
}
SLOPE_TOLERANCE = {
    "silu": 1e-14,  # -1.25 is near the slope's zero at -1.278, where two terms cancel
}
CURVATURE_TOLERANCE = {
    # at 0.01 the derivative of (1 - a)(1 + a) is a difference of two numbers near 1
    "asin": 1e-14,
    "acos": 1e-14,
    "atanh": 1e-14,
}
# Conditions jump at 0, so at these points differences mean nothing and the slopes are 0 by convention.
JUMPS = {"logical_and", "logical_or", "logical_not"}


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    with digits(160):
        yield


def reference(row: Op, settings: Settings) -> Any:
    function = REFERENCES[row.name]
    if row.arity is None:
        return lambda point: function(point, *settings)
    return lambda point: function(*point, *settings)


def test_every_row_has_a_reference_and_points_and_words() -> None:
    assert set(REFERENCES) == set(ops.TABLE)
    assert set(OTHER_SETTINGS) == {row.name for row in ops.TABLE.values() if row.immediates}
    assert all(hasattr(ops, name) for name in ops.TABLE)
    for row in ops.TABLE.values():
        assert row.domain.strip()
        assert row.kink.strip()
        assert row.summary.strip()
        assert row.points or row is ops.detach, f"{row.name} has no test points"
        assert row.edges or row.name.startswith("logical"), f"{row.name} has no edges"
        arities = {len(point) for point in (*row.points, *row.edges)}
        assert row.arity is None or arities == {row.arity}, row.name


@pytest.mark.parametrize(("row", "point", "settings"), POINTS)
def test_value(row: Op, point: Point, settings: Settings) -> None:
    found = applied(row, settings)(*point)
    recorded = applied(row, settings)(*map(Value, point))
    assert recorded.data.__class__ is float
    assert recorded.data == float(found)
    assert relative_error(found, reference(row, settings)(exact(point))) <= VALUE_TOLERANCE.get(
        row.name, TOLERANCE
    )


@pytest.mark.parametrize(("row", "point", "settings"), POINTS)
def test_first_derivatives(row: Op, point: Point, settings: Settings) -> None:
    found = grad(applied(row, settings), tuple(range(len(point))))(*point)
    y = float(applied(row, settings)(*point))
    assert row.local_gradients(point, settings, y) == found
    for i, slope in enumerate(found):
        true = difference(reference(row, settings), exact(point), i)
        assert relative_error(slope, true) <= SLOPE_TOLERANCE.get(row.name, TOLERANCE), (i, slope, true)


@pytest.mark.parametrize(("row", "point", "settings"), POINTS)
def test_second_derivatives(row: Op, point: Point, settings: Settings) -> None:
    f = applied(row, settings)
    found = hessian(lambda operands: f(*operands))(list(point))
    if row.name in JUMPS:
        assert found == [[0.0] * len(point)] * len(point)
        return
    if row is ops.TABLE["choose"]:
        assert found[0] == [line[0] for line in found] == [0.0, 0.0, 0.0]
        return
    for i, line in enumerate(found):
        for j, curvature in enumerate(line):
            true = second_difference(reference(row, settings), exact(point), i, j)
            allowed = CURVATURE_TOLERANCE.get(row.name, 2 * TOLERANCE)
            assert relative_error(curvature, true) <= allowed, (i, j, curvature, true)


SMOOTH = [row for row in ops.TABLE.values() if row.arity == 1 and row.kink == "smooth" and not row.immediates]
HIGHER_POINTS = (0.0, 0.5, -1.25, 1.5)


@pytest.mark.parametrize("row", SMOOTH, ids=lambda row: row.name)
def test_derivatives_of_higher_order(row: Op) -> None:
    """To order 4, and at 0 too: a rule that uses |a| has all derivatives there only if it says so."""
    compared = 0
    for x in HIGHER_POINTS:
        f, steepest = row, 1.0
        if not math.isfinite(row(x)) or (row.name in ("lgamma", "digamma") and x <= 0.0):
            continue
        for order in range(1, 5):
            f = grad(f)
            with digits(40):
                true = float(mp.diff(REFERENCES[row.name], mp.mpf(x), order))
            steepest = max(steepest, abs(true))
            assert f(x) == pytest.approx(true, rel=1e-12, abs=1e-12 * steepest), (x, order)
            compared += 1
    assert compared >= 4


def entry(row: Op, by: tuple[int, ...], xs: list[Any]) -> Any:
    """The derivative of the row by these operands, one after the other."""
    if not by:
        return row(*xs)
    return grad(partial(entry, row, by[1:]))(xs)[by[0]]


MIXED = ("mul", "div", "pow", "atan2", "hypot", "logaddexp", "mean", "prod", "dot", "logsumexp", "norm")


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("point", [(2.0, 2.0), (1.5, 0.0), (2.0, 1.0)])
def test_mixed_derivatives_of_third_order(name: str, point: Point) -> None:
    """At ties and at exponents 0 and 1 as well, where a rule may choose."""
    if name == "div" and point[1] == 0.0:
        return
    row = ops.TABLE[name]
    f = reference(row, ())
    for by in ((0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1), (1, 0, 0)):
        with digits(40):
            true = mp.diff(lambda *xs: f(list(xs)), tuple(exact(point)), (by.count(0), by.count(1)))
        assert entry(row, by, list(point)) == pytest.approx(float(mp.re(true)), rel=1e-12, abs=1e-12), by


SECOND_AT_EDGES = [
    ("logaddexp", (1.0, 1.0), ((0.25, -0.25), (-0.25, 0.25))),
    ("pow", (2.0, 0.0), ((0.0, 0.5), (0.5, math.log(2.0) ** 2))),
    ("pow", (2.0, 1.0), ((0.0, 1.0 + math.log(2.0)), (1.0 + math.log(2.0), 2.0 * math.log(2.0) ** 2))),
    ("pow", (0.0, 2.0), ((2.0, 0.0), (0.0, 0.0))),
    ("elu", (0.0,), ((1.0,),)),
    ("selu", (0.0,), ((1.0507009873554805 * 1.6732632423543772,),)),
    ("prod", (0.0, 2.0, 3.0), ((0.0, 3.0, 2.0), (3.0, 0.0, 0.0), (2.0, 0.0, 0.0))),
    ("logsumexp", (1.0, 1.0), ((0.25, -0.25), (-0.25, 0.25))),
    ("abs", (0.0,), ((0.0,),)),
    ("relu", (0.0,), ((0.0,),)),
]


@pytest.mark.parametrize(("name", "point", "expected"), SECOND_AT_EDGES)
def test_second_derivatives_where_a_rule_chooses(name: str, point: Point, expected: Any) -> None:
    row = ops.TABLE[name]
    found = hessian(lambda operands: row(*operands))(list(point))
    assert found == [pytest.approx(line, rel=1e-14, abs=1e-300) for line in expected]


# --- the form for readers -----------------------------------------------------------------------------------


def evaluated(symbol: Any, names: dict[str, Any]) -> Any:
    """A symbolic expression in many digits, by the independent functions."""
    if symbol.op is None:
        return names[symbol.leaf] if isinstance(symbol.leaf, str) else mp.mpf(symbol.leaf)
    operands = [evaluated(argument, names) for argument in symbol.arguments]
    settings = [setting.leaf if hasattr(setting, "leaf") else setting for setting in symbol.immediates]
    packed = [operands] if symbol.op.arity is None else operands
    return REFERENCES[symbol.op.name](*packed, *settings)


@pytest.mark.parametrize(("row", "point", "settings"), POINTS)
def test_formula_for_readers_is_the_formula_computed(row: Op, point: Point, settings: Settings) -> None:
    names = [f"x{k}" for k in range(len(point))]
    shown = symbolic.partial_symbols(row, names, settings)
    computed = symbolic.partial_symbols(row, names, settings, shown=False)
    numbers = dict(zip(names, exact(point), strict=True))
    numbers["y"] = reference(row, settings)(exact(point))
    for first, second in zip(shown, computed, strict=True):
        one, other = evaluated(first, numbers), evaluated(second, numbers)
        assert abs(one - other) <= 1e-13 * abs(other), (symbolic.text(first), one, other)


@pytest.mark.parametrize(
    ("row", "point"),
    [
        pytest.param(row, point, id=f"{row.name}-{point}")
        for row in ops.TABLE.values()
        if row.display is not None
        for point in row.points
    ],
)
def test_display_on_floats(row: Op, point: Point) -> None:
    settings = tuple(row.immediates.values())
    packed: Any = (point,) if row.arity is None else point
    y = row.number(*point, immediates=settings)
    # the short form may lose digits where 1 - tanh(a)² cancels: an absolute error of a few roundings
    for one, other in zip(
        row.display(*packed, *settings, y), row.partials(*packed, *settings, y), strict=True
    ):  # type: ignore[misc]
        if math.isfinite(one):  # hypot's squares and logsumexp's powers may overflow in the short form
            assert math.isclose(one, other, rel_tol=1e-13, abs_tol=1e-15)


# --- tails ------------------------------------------------------------------------------------------

# Where a careless formula loses every digit or overflows. Both value and slope are checked.
TAILS = {
    "tanh": (16.0, -16.0, 20.0, 300.0, 1e-9),
    "sigmoid": (30.0, -30.0, 37.0, 300.0, -300.0, 700.0, -700.0),
    "softplus": (-30.0, 30.0, -300.0, -700.0, 700.0, 1e4),
    "log_sigmoid": (30.0, -30.0, 300.0, 700.0, -700.0, -1e4),
    "silu": (-30.0, 30.0, -300.0, -700.0, 700.0),
    "mish": (-30.0, 30.0, -300.0, -700.0, 700.0),
    "elu": (-30.0, -300.0, -1e-9),
    "selu": (-30.0, -300.0, -1e-9),
    "erfc": (5.0, 20.0, 26.0, -5.0),
    "erf": (1e-9, 6.0, 20.0),
    "gelu": (-6.0, -10.0, -20.0, -30.0, -37.0, 8.0, 30.0),
    "expm1": (1e-9, -1e-9, -30.0, -700.0),
    "log1p": (1e-9, -1e-9, 1e9),
    "asinh": (1e-9, -1e-9, 1e9, -1e200),
    "acosh": (1.0 + 1e-9, 1e9, 1e200),
    "atanh": (1e-9, 1.0 - 1e-9, -1.0 + 1e-9),
    "asin": (1.0 - 1e-9, -1.0 + 1e-9),
    "acos": (1.0 - 1e-9,),
    "atan": (1e9, -1e150),
    "lgamma": (1.0 + 1e-9, 2.0 - 1e-9, 1e-9, 1e9),
    "digamma": (1e-9, 1e9, 1.4616321),
}
# erfc(x) and exp(-x²) magnify the rounding of their argument by 2x²: at gelu(-37) by 1,369
TAIL_TOLERANCE = {"gelu": 3e-13}


@pytest.mark.parametrize(("name", "x"), [(name, x) for name, xs in TAILS.items() for x in xs])
def test_tails_keep_relative_accuracy(name: str, x: float) -> None:
    row = ops.TABLE[name]
    settings = tuple(row.immediates.values())
    allowed = TAIL_TOLERANCE.get(name, 4e-15)
    with digits(1500 if abs(x) > 50.0 else 400):
        f = reference(row, settings)
        assert relative_error(row(x), f(exact([x]))) <= allowed
        assert relative_error(grad(row)(x), difference(f, exact([x]), 0)) <= allowed


@pytest.mark.parametrize("shift", [0.0, 700.0, -700.0, 1e5])
def test_logsumexp_and_softmax_neither_overflow_nor_lose_the_tail(shift: float) -> None:
    point = [shift + x for x in (0.0, -1.0, -30.0, -300.0, 2.0)]
    with digits(1200):
        numbers = exact(point)
        f = REFERENCES["logsumexp"]
        assert relative_error(ops.logsumexp(point), f(numbers)) <= 1e-15
        shares = grad(ops.logsumexp)(point)
        assert ops.softmax(point) == shares
        for k, share in enumerate(shares):
            assert relative_error(share, difference(f, numbers, k)) <= 1e-15
            slopes = grad(lambda xs, k=k: ops.softmax(xs)[k])(point)
            for i, slope in enumerate(slopes):
                true = difference(lambda xs, k=k: mp.exp(xs[k] - f(xs)), numbers, i)
                # the slope of the largest share by itself is share * (1 - share): a sum that cancels
                assert relative_error(slope, true) <= 1e-13
