"""The rows as MathML: well-formed, with a place for every operand, and a few by heart."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from support import POINTS, Point, Settings

from autograd_lite import mathml, ops
from autograd_lite.mathml import partial_templates, value_template
from autograd_lite.ops import Op

WIDE = [row for row in ops.TABLE.values() if row.arity is None]
CHILDREN = {"mfrac": 2, "msup": 2, "mroot": 2}  # a browser refuses these with any other number


def parsed(template: str) -> ET.Element:
    """A template as a tree, checked for what a browser asks of MathML."""
    root = ET.fromstring(f"<math>{template}</math>")
    for element in root.iter():
        if element.tag in CHILDREN:
            assert len(element) == CHILDREN[element.tag], template
    return root


def operands_of(template: str) -> set[int]:
    return {
        int(place.get("data-operand", -1))
        for place in parsed(template).iter("mi")
        if place.get("data-operand")
    }


def plain(template: str) -> str:
    """A template as plain text: (a)/(b) for fractions, a^(b) for powers, r(a) for roots."""
    return written(parsed(template)).replace("\u2061", "").replace("\u00a0", " ")


def written(element: ET.Element) -> str:
    parts = [written(child) for child in element]
    if element.tag == "mfrac":
        return f"({parts[0]})/({parts[1]})"
    if element.tag == "msup":
        return f"{parts[0]}^({parts[1]})"
    if element.tag == "msqrt":
        return f"r({''.join(parts)})"
    if element.tag == "mtr":
        return f"[{' '.join(parts)}]"
    return (element.text or "") + "".join(parts)


@pytest.mark.parametrize(("row", "point", "settings"), POINTS)
def test_every_row_is_well_formed_and_mentions_its_operands(
    row: Op, point: Point, settings: Settings
) -> None:
    arity = len(point)
    value = value_template(row, arity, settings)
    assert operands_of(value) == set(range(arity)), value
    slopes = partial_templates(row, arity, settings)
    assert len(slopes) == arity
    for slope in slopes:
        assert operands_of(slope) <= set(range(arity))
        assert parsed(slope).find("*") is not None


BY_HEART: list[tuple[Op, tuple[Any, ...], str, list[str]]] = [
    (ops.add, (), "a+b", ["1", "1"]),
    (ops.sub, (), "a−b", ["1", "−1"]),
    (ops.mul, (), "a·b", ["b", "a"]),
    (ops.div, (), "(a)/(b)", ["(1)/(b)", "−(a)/(b^(2))"]),
    (ops.power, (3.0,), "a^(3)", ["3·a^(2)"]),
    (ops.power, (-0.5,), "a^(−0.5)", ["−0.5·a^(−1.5)"]),
    (ops.pow, (), "a^(b)", ["b·a^(b−1)", "a^(b)·log(a)"]),
    (ops.reciprocal, (), "(1)/(a)", ["−(1)/(a^(2))"]),
    (ops.tanh, (), "tanh(a)", ["1−tanh(a)^(2)"]),
    (ops.sqrt, (), "r(a)", ["(0.5)/(r(a))"]),
    (ops.hypot, (), "r(a^(2)+b^(2))", ["(a)/(r(a^(2)+b^(2)))", "(b)/(r(a^(2)+b^(2)))"]),
    (ops.TABLE["abs"], (), "|a|", ["sign(a)"]),
    (ops.floor, (), "⌊a⌋", ["0"]),
    (ops.log2, (), "log2(a)", ["(1)/(a·ln2)"]),
    (ops.erfc, (), "erfc(a)", ["−(2)/(r(π))·exp(−a^(2))"]),
    (ops.relu, (), "ReLU(a)", ["{[0 if a≤0][1 otherwise]"]),
    (ops.leaky_relu, (0.2,), "leaky_relu(a,0.2)", ["{[1 if a>0][0.2 otherwise]"]),
    (ops.TABLE["sigmoid"], (), "σ(a)", ["σ(a)·σ(−a)"]),
    (ops.TABLE["clip"], (-1.0, float("inf")), "clip(a,−1,∞)", ["{[0 if a<−1][0 if a>∞][1 otherwise]"]),
    (ops.TABLE["choose"], (), "{[b if a≠0][c otherwise]",
     ["0", "{[1 if a≠0][0 otherwise]", "{[0 if a≠0][1 otherwise]"]),
    (ops.mod, (), "amodb", ["1", "−⌊(a)/(b)⌋"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "settings", "value", "slopes"), BY_HEART, ids=lambda each: getattr(each, "name", "")
)
def test_formulas_by_heart(row: Op, settings: tuple[Any, ...], value: str, slopes: list[str]) -> None:
    arity = row.arity or 2
    assert plain(value_template(row, arity, settings)) == value
    assert [plain(slope) for slope in partial_templates(row, arity, settings)] == slopes


def test_markup_by_heart() -> None:
    assert partial_templates(ops.div, 2)[1] == (
        '<mrow><mo>−</mo><mfrac><mi data-operand="0">a</mi>'
        '<msup><mi data-operand="1" data-tight="base">b</mi><mn>2</mn></msup></mfrac></mrow>'
    )
    assert value_template(ops.sub, 2) == (
        '<mrow><mi data-operand="0">a</mi><mo>−</mo><mi data-operand="1" data-tight="">b</mi></mrow>'
    )


def test_places_that_need_brackets_for_a_negative_number_say_so() -> None:
    places = {
        int(one.get("data-operand", 0)): one.get("data-tight")
        for one in parsed(value_template(ops.TABLE["dot"], 4)).iter("mi")
    }
    assert places == {0: None, 1: "", 2: "", 3: ""}  # a·c + b·d
    assert parsed(value_template(ops.tanh, 1)).findall(".//*[@data-tight]") == []


@pytest.mark.parametrize(("number", "markup"), [
    (2.5, "2.5"), (1e-07, "1×10^(−7)"), (-3e20, "(−3×10^(20))"), (-0.0, "(−0)"),
    (1.0 / 3.0, "(1)/(3)"), (-2.0, "(−2)"),
])  # fmt: skip
def test_numbers(number: float, markup: str) -> None:
    """As the right factor of a product, where negative ones stand in brackets."""
    product = mathml._Printer(ops.mul).print(mathml.Symbol("x") * mathml.Symbol(number))
    assert plain(product) == f"x·{markup}"


@pytest.mark.parametrize("row", WIDE, ids=lambda row: row.name)
@pytest.mark.parametrize("arity", [6, 10, 1000])
def test_wide_rows_stay_small_and_serve_every_operand(row: Op, arity: int) -> None:
    value, slopes = value_template(row, arity), partial_templates(row, arity)
    assert len(value) + sum(map(len, slopes)) < 6000
    assert len(slopes) == 4
    assert {0, 1, arity - 1} <= operands_of(value)
    exact = [
        mathml._Printer(row).print(one)
        for one in mathml.symbolic.partial_symbols(row, [f"operand {k}" for k in range(arity)])
    ]
    for position in range(arity):
        slope = slopes[position if position < 2 else 3 if position == arity - 1 else 2]
        assert unshifted(slope, position, arity) == re.sub(">[^<]*</mi>", "></mi>", exact[position])


def unshifted(slope: str, position: int, arity: int) -> str:
    """The template for one position, without the letters."""
    named = re.sub(
        r'data-shift="(\d+)"', lambda shift: f'data-operand="{(position + int(shift[1])) % arity}"', slope
    )
    return re.sub(">[^<]*</mi>", "></mi>", named)


def test_a_long_sum_shows_its_first_two_terms_and_its_last() -> None:
    assert plain(value_template(ops.TABLE["sum"], 4)) == "a+b+c+d"
    assert plain(value_template(ops.TABLE["sum"], 9)) == "a+b+…+a9"
    assert plain(value_template(ops.TABLE["mean"], 9)) == "(a+b+…+a9)/(9)"
    assert plain(value_template(ops.TABLE["max"], 9)) == "max(a,b,…,a9)"
    assert plain(value_template(ops.TABLE["norm"], 2)) == "‖a,b‖"


def test_names_are_escaped() -> None:
    odd = Op("<odd>", "a row with a name that is markup", native=lambda a: a, partials=lambda a, y: (1.0,))
    assert "<odd>" not in value_template(odd, 1)
    assert plain(value_template(odd, 1)) == "<odd>(a)"
