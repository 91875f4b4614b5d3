"""The contract of a Value among Python's numbers: comparing, hashing, converting, operators."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import warnings
import weakref
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from autograd_lite import AutogradError, Value, no_grad, ops, protocols
from autograd_lite.errors import GradientDropped, GraphError, ValueTypeError

COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
DATA = [-1.0, 0.0, -0.0, 2.0, math.inf, math.nan]


# --- comparisons ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_compare_data_and_return_a_bool(compare: Any) -> None:
    for a in DATA:
        for b in DATA:
            for left, right in ((Value(a), Value(b)), (Value(a), b), (a, Value(b))):
                assert compare(left, right) is compare(a, b)


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_with_whole_numbers_are_exact(compare: Any) -> None:
    big = 10**400
    assert compare(Value(2.0), big) is compare(2.0, big)
    assert compare(Value(2.0**53), 2**53 + 1) is compare(2.0**53, 2**53 + 1)


@pytest.mark.parametrize("other", [None, "2", [2.0], 2j, object()], ids=lambda v: type(v).__name__)
def test_what_cannot_be_compared_is_unequal_and_has_no_order(other: Any) -> None:
    assert (Value(2.0) == other) is False
    assert (Value(2.0) != other) is True
    for compare in COMPARISONS[:4]:
        with pytest.raises(TypeError):
            compare(Value(2.0), other)


def test_hash_is_by_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    assert a == b
    assert len({a, b}) == 2
    assert {a: "a", b: "b"}[b] == "b"
    assert a not in {b}
    key = hash(a)
    a.data = 5.0
    assert hash(a) == key
    assert a in {a, b}


def test_truth_is_being_other_than_zero() -> None:
    assert [bool(Value(x)) for x in (0.0, -0.0, 1.0, -2.0, math.inf, math.nan)] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]


def test_sorting_and_the_builtin_extremes_choose_among_the_nodes_themselves() -> None:
    a, b = Value(3.0), Value(1.0)
    assert [node is b for node in sorted([a, b])] == [True, False]
    assert max([a, b]) is a
    assert min(a, b) is b
    total = sum([a, b])
    total.backward()
    assert (total.data, a.grad, b.grad) == (4.0, 1.0, 1.0)


@pytest.mark.parametrize("condition", [1, 0, 1.0, None, "x", [True], Value(1.0)], ids=repr)
def test_where_takes_a_condition_and_never_a_number(condition: Any) -> None:
    with pytest.raises(ValueTypeError, match="condition"):
        ops.where(condition, Value(1.0), 2.0)


def test_where_takes_a_bool_or_a_recorded_condition() -> None:
    for x, chosen in ((2.0, (1.0, 0.0)), (-2.0, (0.0, 1.0))):
        for make in (
            lambda a: a > 0.0,
            lambda a: ops.greater(a, 0.0),
            lambda a: ~(a.less_equal(0.0) | a.equal(0.0)),
        ):
            a, b, c = Value(x), Value(5.0), Value(7.0)
            ops.where(make(a), b, c).backward()
            assert (b.grad, c.grad, a.grad) == (*chosen, 0.0)


# --- float() and its like -------------------------------------------------------------------------------


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[warnings.WarningMessage]]:
    """The warnings of a test, every one shown, as if nothing had warned before."""
    monkeypatch.setattr(protocols, "_warned_at", set())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


CONVERSIONS = [
    (float, 2.5), (int, 2), (round, 2), (lambda v: round(v, 1), 2.5), (math.floor, 2), (math.ceil, 3),
    (math.trunc, 2),
    (math.sin, math.sin(2.5)), (math.sqrt, math.sqrt(2.5)), (complex, 2.5 + 0j),
    (lambda v: math.fsum([v]), 2.5),
]  # fmt: skip


@pytest.mark.parametrize(("convert", "result"), CONVERSIONS)
def test_a_conversion_works_and_warns_at_the_users_line(dropped: Any, convert: Any, result: Any) -> None:
    got = convert(Value(2.5))
    assert (got, type(got)) == (result, type(result))
    (warning,) = dropped
    assert warning.category is GradientDropped
    assert warning.filename == __file__
    assert ".data" in str(warning.message)
    assert ".item()" in str(warning.message)


def test_the_warning_comes_once_per_source_line_even_if_all_are_asked_for(dropped: Any) -> None:
    x = Value(2.5)
    for _ in range(5):
        float(x)
    assert len(dropped) == 1
    float(x)
    int(x)
    assert len(dropped) == 3
    assert len({warning.lineno for warning in dropped}) == 3


def test_the_warning_names_the_op_to_use(dropped: Any) -> None:
    x = Value(2.5)
    math.floor(x)
    round(x)
    first, second = (str(warning.message) for warning in dropped)
    assert ".floor()" in first
    assert ".round()" in second


def test_what_does_not_warn(dropped: Any) -> None:
    x = Value(2.5)
    assert (x.item(), x.data, f"{x:.1f}", format(x, ".2e"), str(x), repr(x), f"{x}") is not None
    assert bool(x)
    assert x > 1
    assert hash(x)
    with no_grad():
        assert (float(x), int(x), round(x), math.sin(x)) == (2.5, 2, 2, math.sin(2.5))
    assert dropped == []


def test_int_and_round_of_nan_and_infinity_raise_as_those_of_floats(dropped: Any) -> None:
    for convert in (int, round, math.floor):
        with pytest.raises(ValueError, match="NaN"):
            convert(Value(math.nan))
        with pytest.raises(OverflowError):
            convert(Value(math.inf))


def test_a_value_is_no_index() -> None:
    with pytest.raises(TypeError):
        range(Value(2.0))
    with pytest.raises(TypeError):
        [1, 2, 3][Value(1.0)]


# --- operators with others ------------------------------------------------------------------------------

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod]


class Stranger:
    """A number class of another library, which knows what to do with a Value."""

    def _answer(self, other: Any) -> tuple[str, Any]:
        return "stranger", other

    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmod__ = _answer
    __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = __mod__ = _answer


@pytest.mark.parametrize("apply", OPERATORS)
def test_a_class_that_knows_values_is_asked(apply: Any) -> None:
    x = Value(2.0)
    assert apply(x, Stranger()) == ("stranger", x)
    assert apply(Stranger(), x) == ("stranger", x)


@pytest.mark.parametrize("apply", OPERATORS)
@pytest.mark.parametrize("other", [None, 2j, object(), Decimal(2), {}, b"x"], ids=lambda v: type(v).__name__)
def test_an_operand_that_is_no_number_is_refused(apply: Any, other: Any) -> None:
    with pytest.raises(ValueTypeError, match="real number"):
        apply(Value(2.0), other)
    if other.__class__ is not bytes:  # bytes % v is formatting
        with pytest.raises(TypeError):
            apply(other, Value(2.0))


@pytest.mark.parametrize(
    "function", [ops.add, ops.maximum, ops.atan2, ops.tanh, ops.sum], ids=lambda row: row.name
)
@pytest.mark.parametrize("other", [None, "x", 2j, Stranger()], ids=lambda v: type(v).__name__)
def test_a_row_never_returns_anything_but_a_value(function: Any, other: Any) -> None:
    operands = (other,) if function.arity == 1 else (Value(1.0), other)
    with pytest.raises(TypeError):
        function(*operands)


def test_text_and_lists_are_refused_with_words_on_either_side() -> None:
    x = Value(2.0)
    for make in (lambda: x + "a", lambda: "a" + x, lambda: x * "a", lambda: "a" * x):
        with pytest.raises(ValueTypeError, match="str 'a'"):
            make()
    for make in (lambda: x * [1.0], lambda: [1.0] * x, lambda: [1.0] - x):
        with pytest.raises(ValueTypeError, match="one Value per element"):
            make()


def test_operators_that_do_not_exist_raise_type_errors() -> None:
    x = Value(2.0)
    for make in (
        lambda: x // 2,
        lambda: 2 // x,
        lambda: divmod(x, 2),
        lambda: pow(x, 2, 5),
        lambda: x @ x,
        lambda: x << 1,
    ):
        with pytest.raises(TypeError):
            make()


def test_operators_in_place_make_a_new_node() -> None:
    x = Value(2.0)
    y = x
    y += 1
    y *= x
    y -= 1.0
    y /= 2.0
    y **= 2
    assert (x.data, y.data) == (2.0, 6.25)
    y.backward()
    assert x.grad == 2 * 2.5 * 2.5


def test_a_remainder_has_the_sign_of_the_divisor() -> None:
    for a, b in ((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (-7.5, -2.0)):
        x, y = Value(a), Value(b)
        result = x % y
        assert result.data == a % b == (a % Value(b)).data == (Value(a) % b).data
        result.backward()
        assert (x.grad, y.grad) == (1.0, -math.floor(a / b))


def test_bools_are_numbers() -> None:
    x = Value(2.0)
    assert [(x + True).data, (True * x).data, (x - False).data, (True / x).data] == [3.0, 2.0, 2.0, 0.5]


def test_unary_plus_and_abs() -> None:
    x = Value(-2.0)
    assert (+x).data == -2.0
    assert abs(x).data == 2.0


# --- subclasses, containers, copies ---------------------------------------------------------------------


class Weight(Value):
    """A user's subclass, with a signature of its own."""

    def __init__(self, data: float, decay: float) -> None:
        super().__init__(data, label="weight")
        self.decay = decay


def test_a_subclass_takes_part() -> None:
    w, x = Weight(2.0, 0.1), Value(3.0)
    loss = (w * x + x * w + w**2 + 1.0 / w).maximum(w)
    loss.backward()
    assert (w.grad, x.grad) == (6.0 + 4.0 - 0.25, 4.0)
    twin = copy.deepcopy(w)
    assert (type(twin), twin.decay, twin.data, twin.label) == (Weight, 0.1, 2.0, "weight")
    (w + 1.0).backward(create_graph=True)
    assert w.grad.data == 10.75
    assert [parent.data for parent in (w * 5.0).parents] == [2.0, 5.0]


def test_anything_may_hang_on_a_node() -> None:
    x = Value(2.0)
    node = x * x
    node.name, node.visits = "square", [1]
    twin = copy.deepcopy(node)
    assert (twin.name, twin.visits) == ("square", [1])
    assert twin.visits is not node.visits


def test_a_value_is_no_sequence() -> None:
    for use in (len, iter, list):
        with pytest.raises(TypeError):
            use(Value(1.0))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_raises_and_names_the_alternative(protocol: int) -> None:
    with pytest.raises(GraphError, match=r"save|to_json"):
        pickle.dumps([Value(1.0)], protocol)


def test_a_shallow_copy_raises_and_names_the_alternatives() -> None:
    with pytest.raises(AutogradError, match=r"deepcopy.*detach"):
        copy.copy(Value(1.0))


def test_detach_is_a_new_leaf() -> None:
    x = Value(2.0, label="x")
    y = (x * x).detach()
    assert (y.is_leaf, y.data, x.detach().label) == (True, 4.0, "x")
    (y * x).backward()
    assert x.grad == 4.0


def test_a_value_can_be_held_weakly() -> None:
    node = Value(2.0) * 3.0
    held = weakref.ref(node)
    assert held() is node
    del node
    assert held() is None


def test_a_bool_and_a_condition_combine_either_way_round() -> None:
    positive = ops.greater(Value(2.0), 0.0)
    assert (True & positive).data == 1.0
    assert (False & positive).data == 0.0
    assert (False | positive).data == 1.0


def test_only_conditions_are_combined() -> None:
    x, y = Value(1.0), Value(2.0)
    for wrong in (lambda: x > 0 & y > 0, lambda: x & True, lambda: x.greater(0.0) | 1, lambda: ~x):
        with pytest.raises(TypeError, match=r"write \(x > 0\) & \(y > 0\), with parentheses"):
            wrong()
