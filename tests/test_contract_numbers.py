"""The contract of a number, a node and a constant: what a Value holds, and what it refuses to hold."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autograd_lite import AutogradError, Value, ops


class Level(IntEnum):
    HIGH = 3


NUMBERS: list[tuple[Any, float]] = [
    (2, 2.0), (2.5, 2.5), (True, 1.0), (False, 0.0), (Fraction(1, 4), 0.25), (Level.HIGH, 3.0),
    *[(kind(3), 3.0) for kind in (np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64)],
    *[(kind(0.5), 0.5) for kind in (np.float16, np.float32, np.float64, np.longdouble)],
    (np.bool_(True), 1.0), (np.array(1.5), 1.5), (np.array(2), 2.0),
    (np.array(0.5, dtype=np.longdouble), 0.5),
    (math.inf, math.inf), (5e-324, 5e-324), (2**1000, 2.0**1000),
]  # fmt: skip

# what is given, and words that the message must have
NOT_NUMBERS: list[tuple[Any, str]] = [
    ("2", r"str '2'.*float\("), (b"2", "bytes"), (1j, "complex"), (np.complex128(1j), "complex"),
    (None, "None"),
    ([1.0], "list.*one Value per element"), ((1.0,), "tuple.*one Value per element"), ({}, "dict"),
    (np.array([1.0]), "ndarray.*one Value per element"), (np.array(["a"]), "ndarray"), (np.str_("a"), "str"),
    (np.datetime64("2020-01-01", "ns"), "datetime64"), (np.timedelta64(1, "ns"), "timedelta64"),
    (Decimal(2), "Decimal"), (object(), "object"), (float, "type"), (Value(2.0), r"detach\(\)"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "number"), NUMBERS, ids=lambda v: f"{type(v).__name__} {v}")
def test_data_is_always_a_python_float(given: Any, number: float) -> None:
    made, assigned = Value(given), Value(0.0)
    assigned.data = given
    for value in (made, assigned, assigned + 0.0, 0.0 + made, ops.add(made, 0.0)):
        assert type(value.data) is float
        assert value.data == number


@pytest.mark.parametrize(("given", "number"), NUMBERS, ids=lambda v: f"{type(v).__name__} {v}")
def test_every_number_is_an_operand(given: Any, number: float) -> None:
    x = Value(3.0)
    for result, expected in ((x * given, 3.0 * number), (given * x, 3.0 * number), (given - x, number - 3.0)):
        assert isinstance(result, Value)
        assert result.data == expected
        assert all(type(value) is float for value in result.operand_values)


@pytest.mark.parametrize(("given", "words"), NOT_NUMBERS, ids=lambda v: f"{type(v).__name__}")
def test_what_is_not_a_real_number_is_refused_with_words(given: Any, words: str) -> None:
    x = Value(1.0)
    with pytest.raises(TypeError, match=words) as making:
        Value(given)
    with pytest.raises(TypeError, match=words) as assigning:
        x.data = given
    assert isinstance(making.value, AutogradError)
    assert isinstance(assigning.value, AutogradError)
    assert x.data == 1.0


@pytest.mark.parametrize("size", [400, 5000], ids=["401 digits", "5001 digits"])
def test_whole_numbers_beyond_floats_are_refused_with_words(size: int) -> None:
    x = Value(1.0)
    for use in (Value, x.__add__, x.__rmul__, x.__pow__, x.leaky_relu):
        with pytest.raises(AutogradError, match=r"1\.8e308"):
            use(10**size)


def test_minus_zero_is_kept() -> None:
    for value in (Value(-0.0), -Value(0.0), Value(0.0) * -1.0, Value(-0.0).floor(), Value(-0.3).round()):
        assert math.copysign(1.0, value.data) == -1.0


def test_assigning_data_does_not_change_gradients_of_nodes_made_before() -> None:
    a, b = Value(2.0), Value(-3.0)
    expressions = [a * b, a / b, a**3, b.exp(), a.maximum(b), ops.dot([a, b], [b, a]), a.clip(0.0, 3.0)]
    before = [expression.local_gradients() for expression in expressions]
    a.data, b.data = 100.0, 200.0
    assert [expression.local_gradients() for expression in expressions] == before
    expressions[0].backward()
    assert (a.grad, b.grad) == (-3.0, 2.0)


def test_assigning_data_of_an_inner_node_does_not_change_its_slope() -> None:
    x = Value(0.5)
    for make in (Value.exp, Value.sqrt, Value.sigmoid, Value.reciprocal, lambda v: v / 3.0, lambda v: v**0.5):
        x.zero_grad()
        node = make(x)
        (slope, *_) = node.local_gradients()
        node.data = 123.0
        assert node.local_gradients()[0] == slope
        node.backward()
        assert x.grad == slope
        assert (node * 2.0).data == 246.0


# --- node -----------------------------------------------------------------------------------------------


def test_parents_are_ordered_and_keep_their_multiplicity() -> None:
    a, b = Value(2.0), Value(3.0)
    assert (a * a).parents == (a, a)
    assert [parent is a for parent in (a * b).parents] == [True, False]
    assert [parent is a for parent in (b * a).parents] == [False, True]
    assert [parent is a for parent in ops.sum(a, b, a).parents] == [True, False, True]
    assert type((a + b).parents) is tuple


def test_a_node_can_be_asked_everything() -> None:
    a, b = Value(2.0, label="a"), Value(-3.0)
    product = a * b
    assert (product.data, product.grad, product.op, product.label) == (-6.0, 0.0, ops.mul, "")
    assert product.local_gradients() == (-3.0, 2.0)
    assert (a.op, a.parents, a.local_gradients(), a.label, a.is_leaf) == (None, (), (), "a", True)
    product.label = "product"
    assert repr(product) == "Value(data=-6.0, grad=0.0, label='product')"
    assert repr(b) == "Value(data=-3.0, grad=0.0)"
    assert (f"{product:.3f}", f"{product:>8}", f"{b}", product.item()) == (
        "-6.000",
        "    -6.0",
        repr(b),
        -6.0,
    )


def test_local_gradients_is_a_closure_over_the_operands_alone() -> None:
    product = Value(2.0) * Value(-3.0)
    slopes = product.local_gradients
    del product
    assert slopes() == (-3.0, 2.0)
    assert all(type(slope) is float for slope in slopes())


def test_labels_are_text_whatever_is_given() -> None:
    x = Value(1.0, label='two\nlines "quoted"')
    assert repr(x).count("\n") == 0
    x.label = 3
    assert x.label == "3"
    x.label = None
    assert (x.label, repr(x)) == ("", "Value(data=1.0, grad=0.0)")
    assert Value(1.0, label=None).label == ""


def test_a_name_in_the_second_place_is_refused_with_the_right_spelling() -> None:
    for mistake in ("a", ["a"], (1.0,), 5, Value(2.0)):
        with pytest.raises(AutogradError, match="label="):
            Value(1.0, mistake)


def test_a_new_node_has_no_gradient_yet() -> None:
    x = Value(1.0)
    y = x * 2.0
    assert [(node.grad, node.has_grad) for node in (x, y)] == [(0.0, False)] * 2
    y.backward()
    assert [node.has_grad for node in (x, y)] == [True, True]
    y.zero_grad()
    assert [(node.grad, node.has_grad) for node in (x, y)] == [(0.0, False)] * 2


# --- constants ------------------------------------------------------------------------------------------

CONSTANT_OPERANDS = [
    (lambda x: x * 3.0, 1), (lambda x: 3.0 * x, 0), (lambda x: x - 3, 1), (lambda x: 3 - x, 0),
    (lambda x: x / 3.0, 1),
    (lambda x: 3.0 / x, 0), (lambda x: 3.0**x, 0), (lambda x: x % 3.0, 1), (lambda x: x.maximum(3.0), 1),
    (lambda x: ops.sum(x, 3.0), 1), (lambda x: ops.where(x > 0.0, x, 3.0), 1),
    (lambda x: ops.atan2(3.0, x), 0),
    (lambda x: x + np.float64(3.0), 1), (lambda x: np.float64(3.0) + x, 0), (lambda x: ops.max(x, 3.0), 1),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "place"), CONSTANT_OPERANDS)
def test_a_plain_number_is_a_constant_leaf_without_an_adjoint(expression: Any, place: int) -> None:
    x = Value(2.0)
    node = expression(x)
    constant, other = node.parents[place], node.parents[1 - place]
    assert other is x
    assert constant.is_constant
    assert constant.is_leaf
    assert constant.data == 3.0
    assert node.tracked == tuple(k != place for k in range(2))
    assert node.parents[place] is constant, "the same leaf at every look"
    node.backward()
    assert (constant.grad, constant.has_grad) == (0.0, False)
    assert x.has_grad


def test_the_partial_by_a_constant_is_not_evaluated() -> None:
    x = Value(-2.0)
    node = x**2.0  # by the exponent it would be y log(-2): NaN
    node.backward()
    assert x.grad == -4.0
    y = Value(0.0)
    (math.inf + y).backward()
    assert y.grad == 1.0
    z = Value(0.0)
    product = z * math.inf
    assert math.isnan(product.data)
    product.backward()
    assert z.grad == math.inf
    assert not product.parents[1].has_grad


@pytest.mark.parametrize("exponent", [2, 2.0, True, np.float64(2.0), np.int64(2), Fraction(1, 2)], ids=repr)
def test_a_power_of_a_plain_number_has_one_parent_and_shows_it(exponent: Any) -> None:
    x = Value(3.0)
    for node in (x**exponent, ops.pow(x, exponent)):
        assert [parent is x for parent in node.parents] == [True]
        assert node.op_text == f"**{float(exponent):g}"
        assert node.data == math.pow(3.0, exponent)


def test_a_value_as_exponent_is_a_parent() -> None:
    x, p = Value(3.0), Value(2.0)
    assert (x**p).parents == (x, p)
    (x**p).backward()
    assert (x.grad, p.grad) == (6.0, pytest.approx(9.0 * math.log(3.0), rel=1e-15))


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.5, 7])
def test_an_index_or_order_that_is_no_whole_number_in_range_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="whole number"):
        ops.take([Value(1.0), Value(2.0)], bad)
    if bad != 7:
        with pytest.raises(ValueError, match="whole number"):
            Value(1.0).polygamma(bad)
