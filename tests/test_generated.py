"""The generated methods: the file is what the rows print, and computes what the rows say, bit for bit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from support import EDGES, POINTS, Point, Settings, applied

from autograd_lite import Value, _generate, _methods, ops
from autograd_lite.engine import chain
from autograd_lite.ops import Op

FIXED = [case for case in (*POINTS, *EDGES) if case.values[0].name in _methods.METHODS]
SPECIAL = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "mod": lambda a, b: a % b,
    "pow": lambda a, b: a**b,
    "neg": lambda a: -a,
    "logical_and": lambda a, b: a & b,
    "logical_or": lambda a, b: a | b,
    "logical_not": lambda a: ~a,
    "power": lambda a, p: a**p,
}


def bits(x: float) -> str:
    """Text that tells every float from every other, -0.0 from 0.0 too; all NaNs are alike."""
    return "nan" if math.isnan(x) else x.hex()


def by_method(row: Op, operands: tuple[Any, ...], settings: Settings) -> Value:
    """The row as a user meets it: an operator where there is one, else a method."""
    if row.name in SPECIAL:
        return SPECIAL[row.name](*operands, *settings)
    return getattr(operands[0], row.name)(*operands[1:], *settings)


def test_the_committed_file_is_what_the_rows_print() -> None:
    printed = _generate.generated_source()
    committed = Path(_methods.__file__).read_text(encoding="utf-8")
    assert committed == printed, "run: python -m autograd_lite._generate"


def test_the_document_of_the_ops_is_what_the_rows_print() -> None:
    committed = Path(__file__).parent.parent / "docs" / "ops.md"
    assert committed.read_text(encoding="utf-8") == _generate.ops_document()


@pytest.mark.parametrize("condition", [True, False])
@pytest.mark.parametrize("arms", [(2.0, 3.0), (math.inf, 1.0), (2.0, math.nan)])
@pytest.mark.parametrize("plain", [None, 0, 1])
def test_where_on_a_bool_passes_to_the_chosen_arm(condition: bool, arms: Point, plain: int | None) -> None:
    operands = [number if k == plain else Value(number) for k, number in enumerate(arms)]
    node = ops.where(condition, *operands)
    assert node.immediates == (condition,)
    assert bits(node.data) == bits(arms[0] if condition else arms[1])
    node.backward(0.5)
    for k, operand in enumerate(operands):
        if k != plain:
            assert operand.grad == (0.5 if condition is (k == 0) else 0.0)


def test_every_row_has_a_method_and_a_rule() -> None:
    for row in ops.TABLE.values():
        if row.arity is None or row.name in SPECIAL or row.name in ("detach", "choose", "select"):
            continue
        assert callable(getattr(Value, row.name)), row.name
        assert row.summary[1:] in getattr(Value, row.name).__doc__
    named = {name for name, _ in _methods.RULES}
    assert named == set(ops.TABLE) - {"detach", "select"}  # `where` on a bool keeps the bool in its rule


@pytest.mark.parametrize(("row", "point", "settings"), FIXED)
def test_method_function_and_row_give_the_same_number(row: Op, point: Point, settings: Settings) -> None:
    expected = bits(float(row.number(*point, immediates=settings)))
    assert bits(float(applied(row, settings)(*point))) == expected
    assert bits(applied(row, settings)(*map(Value, point)).data) == expected
    method = by_method(row, tuple(map(Value, point)), settings)
    assert method.op is row
    assert method.immediates == settings
    assert bits(method.data) == expected


@pytest.mark.parametrize(("row", "point", "settings"), FIXED)
@pytest.mark.parametrize("upstream", [1.0, -0.7])
def test_fast_pull_equals_the_partials_of_the_row(
    row: Op, point: Point, settings: Settings, upstream: float
) -> None:
    y = row.number(*point, immediates=settings)
    partials = row.local_gradients(point, settings, float(y))
    for method in (by_method, lambda r, o, s: applied(r, s)(*o)):
        leaves = tuple(map(Value, point))
        node = method(row, leaves, settings)
        assert tuple(map(bits, node.local_gradients())) == tuple(map(bits, partials))
        node.backward(upstream)
        for leaf, partial in zip(leaves, partials, strict=True):
            assert bits(leaf.grad) == bits(0.0 + chain(upstream, partial)), partials


BINARY = [case for case in FIXED if case.values[0].arity == 2]


@pytest.mark.parametrize(("row", "point", "settings"), BINARY)
@pytest.mark.parametrize("number_at", [0, 1])
def test_a_plain_number_among_the_operands(row: Op, point: Point, settings: Settings, number_at: int) -> None:
    """The pulls for one tracked operand are printed apart from the one for two."""
    leaf = Value(point[1 - number_at])
    operands = (point[0], leaf) if number_at == 0 else (leaf, point[1])
    reached = [applied(row, settings)(*operands)]
    if number_at == 1 or (row.name in SPECIAL and not row.condition):
        reached.append(by_method(row, operands, settings))
    y = row.number(*point, immediates=settings)
    partial = row.local_gradients(point, settings, float(y))[1 - number_at]
    for node in reached:
        if node.op is not row:  # a number as exponent makes the row `power`
            assert (row.name, node.op.name) == ("pow", "power")
        assert bits(node.data) == bits(float(y))
        leaf.zero_grad()
        node.backward()
        if row.name == "pow" and math.isnan(point[1]):
            continue
        assert bits(leaf.grad) == bits(0.0 + chain(1.0, partial))
        assert sum(node.tracked) == 1
    if row.arity == 2 and node.op is row:
        assert node.parents[number_at].is_constant


TWO_OPERANDS = [row for row in ops.TABLE.values() if row.arity == 2 and not row.immediates]


@pytest.mark.parametrize("row", TWO_OPERANDS, ids=lambda row: row.name)
def test_the_same_operand_twice(row: Op) -> None:
    for x in {point[0] for point in row.points if point[0] > 0.0} | {1.25}:
        leaf = Value(x)
        node = applied(row, ())(leaf, leaf)
        assert node.parents == (leaf, leaf)
        node.backward()
        first, second = row.local_gradients((x, x), (), node.data)
        assert bits(leaf.grad) == bits((0.0 + first) + second)
