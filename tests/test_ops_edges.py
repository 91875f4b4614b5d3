"""Every row of the op table at its edges and kinks: IEEE values, no exception, no warning, agreed slopes."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from support import EDGES, Point, Settings, applied, settings_of, swept

from autograd_lite import Value, grad, hessian, ops
from autograd_lite.ops import Op

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(("row", "point", "settings"), EDGES)
def test_edges_neither_raise_nor_warn_nor_go_complex(row: Op, point: Point, settings: Settings) -> None:
    y, leaves = swept(row, point, settings)
    assert y.data.__class__ is float
    assert all(leaf.grad.__class__ is float for leaf in leaves)
    plain = float(applied(row, settings)(*point))
    assert repr(plain) == repr(y.data)
    if row is ops.detach:
        assert y.is_leaf
        return
    for slope, leaf in zip(y.local_gradients(), leaves, strict=True):
        assert repr(slope + 0.0) == repr(leaf.grad)
    if row is not ops.TABLE["polygamma"]:
        hessian(lambda operands: applied(row, settings)(*operands))(list(point))


EXTREMES = (
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    1.0,
    -1.0,
    0.5,
    -2.5,
    1e16,
    -1e16,
    1e308,
    -1e308,
    709.9,
    -745.2,
    INF,
    -INF,
    NAN,
)


@pytest.mark.parametrize(
    "row", [row for row in ops.TABLE.values() if row.arity in (1, 2)], ids=lambda row: row.name
)
def test_no_number_makes_a_row_raise(row: Op) -> None:
    points = [(a,) for a in EXTREMES] if row.arity == 1 else [(a, b) for a in EXTREMES for b in EXTREMES]
    for point in points:
        for settings in settings_of(row):
            y, leaves = swept(row, point, settings)
            assert all(number.__class__ is float for number in (y.data, *(leaf.grad for leaf in leaves))), (
                point
            )


# Where a NaN operand does not make the value NaN, and why.
NAN_SURVIVES = {
    **dict.fromkeys(
        ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"),
        "a condition is true or false",
    ),
    **dict.fromkeys(("logical_and", "logical_or", "logical_not"), "a condition is true or false"),
    "choose": "the condition is not a number, and the arm not chosen is not looked at",
    "select": "the arm not chosen is not looked at",
}


@pytest.mark.parametrize(
    "row", [row for row in ops.TABLE.values() if row.name not in NAN_SURVIVES], ids=lambda row: row.name
)
def test_nan_in_gives_nan_out(row: Op) -> None:
    for point in row.points or ((2.0,),):
        for k in range(len(point)):
            holed = (*point[:k], NAN, *point[k + 1 :])
            for settings in settings_of(row):
                if row.name == "power" and settings == (0.0,):
                    continue  # IEEE 754: anything, even NaN, to the power 0 is 1
                assert math.isnan(applied(row, settings)(*holed)), (holed, settings)
                assert math.isnan(swept(row, holed, settings)[0].data)


# What IEEE 754 and the contract say, by hand: value and slopes.
EXPECTED = [
    ("log", (0.0,), -INF, (INF,)),
    ("log", (-1.0,), NAN, None),
    ("div", (1.0, 0.0), INF, (INF, -INF)),
    ("div", (-1.0, 0.0), -INF, (INF, INF)),
    ("exp", (1000.0,), INF, (INF,)),
    ("pow", (-8.0, 1.0 / 3.0), NAN, None),
    ("relu", (0.0,), 0.0, (0.0,)),
    ("abs", (0.0,), 0.0, (0.0,)),
    ("leaky_relu", (0.0,), 0.0, (0.01,)),
    ("hardtanh", (1.0,), 1.0, (0.0,)),
    ("hardtanh", (-1.0,), -1.0, (0.0,)),
    ("maximum", (1.0, 1.0), 1.0, (0.5, 0.5)),
    ("minimum", (1.0, 1.0), 1.0, (0.5, 0.5)),
    ("max", (1.0, 1.0, 1.0), 1.0, (1 / 3, 1 / 3, 1 / 3)),
    ("min", (2.0, 1.0, 1.0), 1.0, (0.0, 0.5, 0.5)),
    ("pow", (0.0, 0.0), 1.0, (0.0, 0.0)),
    ("pow", (-2.0, 2.0), 4.0, (-4.0, NAN)),
    ("hypot", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("norm", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("sqrt", (0.0,), 0.0, (INF,)),
    ("prod", (0.0, 2.0, 3.0), 0.0, (6.0, 0.0, 0.0)),
    ("sign", (0.0,), 0.0, (0.0,)),
    ("sigmoid", (1000.0,), 1.0, (0.0,)),
    ("softplus", (-1000.0,), 0.0, (0.0,)),
    ("softplus", (INF,), INF, (1.0,)),
    ("tanh", (-INF,), -1.0, (0.0,)),
    ("logaddexp", (-INF, -INF), -INF, (0.5, 0.5)),
    ("gelu", (-INF,), 0.0, (0.0,)),
    ("silu", (-INF,), 0.0, (0.0,)),
    ("mish", (INF,), INF, (1.0,)),
    ("elu", (-INF,), -1.0, (0.0,)),
    ("round", (2.5,), 2.0, (0.0,)),
    ("round", (3.5,), 4.0, (0.0,)),
    ("mod", (-7.5, 2.0), 0.5, (1.0, 4.0)),
    ("elu", (0.0,), 0.0, (1.0,)),
    ("atanh", (1.0,), INF, (INF,)),
    ("lgamma", (-1.0,), INF, None),
    ("detach", (3.0,), 3.0, None),
    ("mod", (1.0, 0.0), NAN, None),
    ("cbrt", (0.0,), 0.0, (INF,)),
    ("reciprocal", (-0.0,), -INF, (-INF,)),
]


@pytest.mark.parametrize(("name", "point", "value", "slopes"), EXPECTED)
def test_the_contract_at_edges_and_kinks(name: str, point: Point, value: float, slopes: Point | None) -> None:
    y, leaves = swept(ops.TABLE[name], point, tuple(ops.TABLE[name].immediates.values()))
    assert repr(y.data) == repr(value)
    if slopes is not None:
        found = [leaf.grad for leaf in leaves]
        assert all(
            math.isclose(one, other) or repr(one) == repr(other)
            for one, other in zip(found, slopes, strict=True)
        ), found


@pytest.mark.parametrize(("x", "slope"), [(-1.0, 1.0), (2.0, 1.0), (-1.0000001, 0.0), (2.5, 0.0)])
def test_clip_passes_one_at_its_bounds(x: float, slope: float) -> None:
    assert grad(lambda a: ops.clip(a, -1.0, 2.0))(x) == slope


@pytest.mark.parametrize("x", [0.0, -0.0, 2.0, -3.0, INF, NAN])
def test_anything_to_the_power_zero_is_one_with_slope_zero(x: float) -> None:
    assert (Value(x) ** 0).data == 1.0
    assert grad(lambda a: a**0)(x) == 0.0
    assert grad(lambda a, b: a**b)(x, 0.0) == 0.0


def test_zero_in_the_chain_rule() -> None:
    assert grad(lambda x: ops.where(x > 0, x.sqrt(), 0.0))(0.0) == 0.0
    assert grad(lambda x: ops.where(ops.greater(x, 0.0), x.log(), x))(-1.0) == 1.0
    assert grad(lambda x: (x * x).sqrt())(0.0) == 0.0
    assert math.isnan(grad(lambda x: (x * NAN).sin())(0.0))
    assert hessian(lambda x: ops.where(x > 0, x.sqrt(), x * x))(0.0) == 2.0


def test_detach_and_dot_and_taking() -> None:
    assert grad(lambda x: ops.detach(x) * x)(3.0) == 3.0
    assert grad(ops.dot, (0, 1))([1.0, 2.0], [3.0, 4.0]) == ([3.0, 4.0], [1.0, 2.0])
    assert grad(partial(ops.take, index=1))([1.0, 2.0, 3.0]) == [0.0, 1.0, 0.0]
    assert grad(lambda v: ops.sum(ops.put([1.0, 2.0], 0, v)) * v)(3.0) == 8.0


@pytest.mark.parametrize("row", [row for row in ops.TABLE.values() if row.arity], ids=lambda row: row.name)
def test_arrays_give_what_numbers_give(row: Op) -> None:
    """NumPy's own functions stand in on arrays: the same to 4 units in the last place, at edges too."""
    points = [*row.points, *row.edges]
    columns = [np.array(column) for column in zip(*points, strict=True)]
    if row is ops.choose:
        columns[0] = columns[0] != 0.0
    for settings in settings_of(row):
        found = np.broadcast_to(applied(row, settings)(*columns), len(points))
        for point, number in zip(points, found, strict=True):
            expected = float(applied(row, settings)(*point))
            close = math.isfinite(expected) and abs(float(number) - expected) <= 4 * math.ulp(expected)
            assert close or same(float(number), expected), (point, settings, number, expected)


@pytest.mark.parametrize(
    "row", [row for row in ops.TABLE.values() if row.native and not row.intrinsic], ids=lambda row: row.name
)
def test_the_generic_rule_gives_what_the_native_function_gives(row: Op) -> None:
    """For a backend that lacks the function, the rule in terms of other rows must do."""
    for point in (*row.points, *row.edges):
        packed = (point,) if row.arity is None else point
        generic, native = row._forward_in_ieee(*packed), row.number(*point)
        close = math.isfinite(native) and abs(generic - native) <= 4 * math.ulp(native)
        assert close or same(generic, native), (point, generic, native)


def same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)
