"""The contract with NumPy: scalars and arrays beside Values, ufuncs, object arrays, and what is refused."""

from __future__ import annotations

import math
import operator
import warnings
from typing import Any

import numpy as np
import pytest

from autograd_lite import Value, ops
from autograd_lite.arrays import SUPPORTED
from autograd_lite.errors import ArgumentError, GradientDropped, GraphError, ValueTypeError


def values(*numbers: float) -> Any:
    return np.array([Value(number) for number in numbers])


def grads(array: Any) -> list[float]:
    return [value.grad for value in array.ravel()]


SCALARS = [
    np.float64(3.0),
    np.float32(3.0),
    np.float16(3.0),
    np.int64(3),
    np.int8(3),
    np.uint8(3),
    np.array(3.0),
]
ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod]


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda v: type(v).__name__ + str(v.dtype))
@pytest.mark.parametrize("apply", ARITHMETIC)
def test_a_numpy_scalar_on_either_side_is_a_constant(scalar: Any, apply: Any) -> None:
    for f, plain in (
        (lambda v: apply(v, scalar), lambda v: apply(v, 3.0)),
        (lambda v: apply(scalar, v), lambda v: apply(3.0, v)),
    ):
        x, y = Value(2.0), Value(2.0)
        ours, expected = f(x), plain(y)
        assert isinstance(ours, Value)
        ours.backward()
        expected.backward()
        assert (ours.data, x.grad, len(ours.parents)) == (expected.data, y.grad, len(expected.parents))


@pytest.mark.parametrize("apply", ARITHMETIC)
def test_an_array_on_either_side_goes_through_its_elements(apply: Any) -> None:
    numbers = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = Value(2.0)
    for result, expected in (
        (apply(numbers, x), apply(numbers, 2.0)),
        (apply(x, numbers), apply(2.0, numbers)),
    ):
        assert result.shape == (2, 2)
        assert all(isinstance(value, Value) for value in result.ravel())
        assert [value.data for value in result.ravel()] == expected.ravel().tolist()
    np.sum(numbers * x).backward()
    assert x.grad == 10.0


@pytest.mark.parametrize("method", ["maximum", "minimum", "atan2", "hypot", "logaddexp"])
def test_a_method_with_an_array_goes_through_its_elements(method: str) -> None:
    numbers = np.array([1.0, 2.0, 3.0])
    row = getattr(ops, method)
    for result in (getattr(Value(2.0), method)(numbers), row(Value(2.0), numbers)):
        assert [value.data for value in result] == [row(2.0, number) for number in numbers.tolist()]
    assert [value.data for value in row(numbers, Value(2.0))] == [
        row(number, 2.0) for number in numbers.tolist()
    ]


@pytest.mark.parametrize("row", [ops.add, ops.mul, ops.pow, ops.greater], ids=lambda row: row.name)
def test_a_row_with_an_array_goes_through_its_elements(row: Any) -> None:
    result = row(Value(2.0), np.array([1.0, 3.0]))
    assert [value.data for value in result] == [row(2.0, 1.0), row(2.0, 3.0)]


CONDITIONS = {"greater", "greater_equal", "less", "less_equal", "equal", "not_equal"}
QUESTIONS = {"isnan", "isinf", "isfinite", "signbit"}
UFUNCS = {
    name: getattr(np, name)
    for name in SUPPORTED
    if isinstance(getattr(np, name), np.ufunc) and name not in QUESTIONS
}
UNARY = sorted(name for name, ufunc in UFUNCS.items() if ufunc.nin == 1)
BINARY = sorted(name for name, ufunc in UFUNCS.items() if ufunc.nin == 2 and name not in CONDITIONS)


@pytest.mark.parametrize("name", UNARY)
def test_a_ufunc_of_one_value_is_the_row_of_that_name(name: str) -> None:
    x = Value(1.5 if name == "arccosh" else 0.4)
    result = getattr(np, name)(x)
    assert isinstance(result, Value)
    assert result.data == pytest.approx(float(getattr(np, name)(x.data)), rel=1e-14)
    result.backward()
    assert x.has_grad


@pytest.mark.parametrize("name", BINARY)
def test_a_ufunc_of_two_values_is_the_row_of_that_name(name: str) -> None:
    a, b = Value(2.5), Value(1.5)
    result = getattr(np, name)(a, b)
    assert isinstance(result, Value)
    assert result.data == pytest.approx(float(getattr(np, name)(2.5, 1.5)), rel=1e-14)
    result.backward()
    assert a.has_grad
    assert b.has_grad
    mixed = getattr(np, name)(np.array([2.5, 2.0]), b)
    assert [value.data for value in mixed] == pytest.approx(
        getattr(np, name)([2.5, 2.0], 1.5).tolist(), rel=1e-14
    )


# NumPy calls the method of that name on each element of an object array. Not so for these, which it knows
# itself (by comparing, or by Python's own functions) or for which it has no loop over objects at all.
OF_OBJECTS = sorted({*UNARY} - {"absolute", "fabs", "sign", "floor", "ceil"})


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_a_ufunc_of_an_array_of_values_is_the_row_of_that_name(name: str) -> None:
    start = 1.5 if name == "arccosh" else 0.4
    array = values(start, start + 0.25)
    result = getattr(np, name)(array)
    assert all(isinstance(value, Value) for value in result)
    assert [value.data for value in result] == pytest.approx(
        [float(getattr(np, name)(value.data)) for value in array], rel=1e-14
    )


def test_sums_means_and_products_of_arrays_of_values() -> None:
    for reduce, slopes in (
        (np.sum, [1.0, 1.0, 1.0]), (np.mean, [1 / 3, 1 / 3, 1 / 3]), (np.prod, [6.0, 3.0, 2.0]),
        (lambda x: np.dot(x, x), [2.0, 4.0, 6.0]), (lambda x: np.dot([1.0, 5.0, 7.0], x), [1.0, 5.0, 7.0]),
        (lambda x: x @ x, [2.0, 4.0, 6.0]), (np.max, [0.0, 0.0, 1.0]), (np.abs, None), (np.cumsum, None),
    ):  # fmt: skip
        x = values(1.0, 2.0, 3.0)
        result = reduce(x)
        if slopes is None:
            result[-1].backward()
            continue
        assert isinstance(result, Value)
        result.backward()
        assert grads(x) == slopes


def test_a_matrix_times_a_vector_of_values() -> None:
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = values(5.0, 6.0)
    product = A @ x
    assert [value.data for value in product] == [17.0, 39.0]
    np.sum(np.tanh(product * 0.01)).backward()
    slopes = A.T @ (0.01 / np.cosh(A @ [0.05, 0.06]) ** 2)
    assert grads(x) == pytest.approx(slopes.tolist(), rel=1e-14)
    W = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    np.sum(W @ x).backward()
    assert grads(W) == [5.0, 6.0, 5.0, 6.0]


@pytest.mark.parametrize(
    "compare", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
)
def test_comparing_with_an_array_gives_an_array_of_bools(compare: Any) -> None:
    numbers, x = np.array([1.0, 2.0, 3.0]), Value(2.0)
    for result, expected in (
        (compare(numbers, x), compare(numbers, 2.0)), (compare(x, numbers), compare(2.0, numbers)),
        (compare(values(1.0, 2.0, 3.0), x), compare(numbers, 2.0)),
        (compare(values(1.0, 2.0, 3.0), 2.0), compare(numbers, 2.0)),
    ):  # fmt: skip
        assert result.dtype == bool, "so that it can choose elements"
        assert result.tolist() == expected.tolist()
    assert compare(np.float64(2.0), x) is compare(2.0, 2.0)
    assert compare(x, np.float64(3.0)) is compare(2.0, 3.0)


def test_an_array_of_bools_chooses() -> None:
    x = values(-1.0, 2.0)
    result = np.where(x > 0.0, x, 0.1 * x)
    np.sum(result).backward()
    assert grads(x) == [0.1, 1.0]
    assert ops.where(np.array([True, False]), x, 0.0)[1] == 0.0


@pytest.mark.parametrize("name", ["trunc", "heaviside", "fmod", "floor_divide", "gcd"])
def test_an_unsupported_ufunc_raises_and_lists_those_supported(name: str) -> None:
    ufunc = getattr(np, name)
    with pytest.raises(GraphError, match=rf"numpy\.{name} .*Supported: absolute, add, .*tanh"):
        ufunc(*[Value(2.0)] * ufunc.nin)


def test_settings_of_a_ufunc_and_its_methods_are_refused_by_name() -> None:
    x, numbers = Value(2.0), np.ones(2)
    with pytest.raises(GraphError, match="out="):
        numbers *= x
    assert numbers.tolist() == [1.0, 1.0]
    with pytest.raises(GraphError, match="where="):
        np.add(x, 1.0, where=np.array([True]))
    with pytest.raises(GraphError, match=r"multiply\.outer"):
        np.multiply.outer(x, numbers)


def test_an_array_of_values_can_be_changed_in_place_by_another() -> None:
    x, w = values(2.0, 3.0), values(5.0, 7.0)
    y = x.copy()
    y *= w
    y += 1.0
    np.sum(y).backward()
    assert grads(x) == [5.0, 7.0]


def test_numpy_compares_elements_in_the_maximum_of_object_arrays() -> None:
    """NumPy asks no method here: one of the operands comes back, and no tie is split as in ops.maximum."""
    x = values(1.0, 3.0)
    assert np.maximum(x, values(2.0, 2.0))[1] is x[1]
    tie = Value(2.0)
    np.maximum(tie, 2.0).backward()
    assert tie.grad == 0.5, "beside a plain number a Value is asked itself"


def test_storing_into_a_float_array_works_and_warns() -> None:
    numbers = np.zeros(2)
    with pytest.warns(GradientDropped, match=r"\.data"):
        numbers[0] = Value(2.5)
    assert numbers.tolist() == [2.5, 0.0]
    with pytest.warns(GradientDropped):
        assert np.array([Value(1.0)], dtype=float).tolist() == [1.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        array = np.array([Value(1.0), Value(2.0)])
    assert (array.dtype, array.shape) == (object, (2,))


def test_a_0d_array_around_a_value_is_the_value() -> None:
    x = Value(2.0)
    cell = np.array(x)
    assert cell.item() is x
    result = np.exp(cell) if np.exp(cell).__class__ is Value else np.exp(cell).item()
    result.backward()
    assert x.has_grad


def test_rows_on_arrays_of_values_keep_their_rules_at_kinks() -> None:
    for row, slopes in ((ops.maximum, [0.0, 0.5, 1.0]), (ops.minimum, [1.0, 0.5, 0.0])):
        x = values(1.0, 2.0, 3.0)
        np.sum(row(x, 2.0)).backward()
        assert grads(x) == slopes
    x = values(-1.0, 0.5, 3.0)
    for result in (ops.clip(x, 0.0, 1.0), ops.relu(x), ops.floor(x), ops.leaky_relu(x, slope=0.1)):
        assert all(isinstance(value, Value) for value in result)
    np.sum(ops.clip(x, 0.0, 1.0)).backward()
    assert grads(x) == [0.0, 1.0, 0.0]


def test_rows_of_any_number_of_operands_take_arrays() -> None:
    x = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    assert [row(x).data for row in (ops.sum, ops.mean, ops.max, ops.prod)] == [10.0, 2.5, 4.0, 24.0]
    assert [row(np.array([[1.0, 2.0], [3.0, 4.0]])) for row in (ops.sum, ops.max)] == [10.0, 4.0]
    assert ops.sum(np.ones(2), np.ones(2)).tolist() == [2.0, 2.0]


def test_standard_deviation_of_an_array_of_values() -> None:
    x = values(1.0, 3.0)
    np.std(x).backward()
    assert grads(x) == [-0.5, 0.5]


def test_questions_of_numpy_get_bools() -> None:
    values = {"isnan": math.nan, "isinf": math.inf, "isfinite": 1.0, "signbit": -0.0}
    for name, yes in values.items():
        assert getattr(np, name)(Value(yes)) is True
        assert getattr(np, name)(Value(-math.inf if name == "isfinite" else 2.0)) is False


@pytest.mark.parametrize(
    "call",
    [ops.softmax, lambda v: ops.dot(v, v), lambda v: ops.dot(v, 2), lambda v: ops.take([v], "a")],
)
def test_lists_and_indices_are_asked_for_in_words(call: Any) -> None:
    with pytest.raises(ValueTypeError):
        call(Value(2.0))


def test_softmax_of_nothing_says_so() -> None:
    with pytest.raises(ArgumentError, match="softmax needs"):
        ops.softmax([])
