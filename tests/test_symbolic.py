"""The rows as text: formulas that compute what the rows compute, balanced LaTeX, and a few by heart."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from support import POINTS, Point, Settings

from autograd_lite import ops, symbolic
from autograd_lite.ops import Op

# Conditions' slopes are 0 and print as such; n-ary rows print their operands as a list.
NAMES = ("u", "v", "w", "p", "q")


def evaluated(formula: str, names: dict[str, float]) -> float:
    """A printed formula, read as Python."""
    source = re.sub(r"\bln (\d+)", r"log(\1)", formula)
    source = re.sub(r"√(\w+|\(.*?\))", r"sqrt(\1)", source).replace("2π", "2 * π")
    for written, python in (("²", "**2"), ("∞", "inf"), ("−", "-"), ("π", "pi")):
        source = source.replace(written, python)
    return float(eval(source, {"__builtins__": {}}, {**ops.TABLE, "inf": math.inf, "pi": math.pi, **names}))


@pytest.mark.parametrize(("row", "point", "settings"), POINTS)
def test_printed_formulas_compute_the_row(row: Op, point: Point, settings: Settings) -> None:
    letters = NAMES[: len(point)]
    names = dict(zip(letters, map(bool, point) if row.infix in ("&", "|") else point, strict=True))
    y = float(row.number(*point, immediates=settings))
    assert evaluated(symbolic.formula(row, letters, settings), names) == pytest.approx(y, rel=1e-5, abs=1e-12)
    printed = symbolic.partial_formulas(row, letters, settings)
    slopes = row.local_gradients(point, settings, y)
    assert len(printed) == len(slopes)
    for formula, slope in zip(printed, slopes, strict=True):
        # numbers are printed with six digits, and readers' forms may cancel in the tails
        assert evaluated(formula, names) == pytest.approx(slope, rel=1e-5, abs=1e-12), formula


@pytest.mark.parametrize(("row", "point", "settings"), POINTS)
def test_printed_python_computes_the_partials_bit_for_bit(row: Op, point: Point, settings: Settings) -> None:
    """What `_generate` builds on: source with shared sub-expressions, run as it stands."""
    letters = NAMES[: len(point)]
    symbols = symbolic.partial_symbols(row, letters, settings, shown=False)
    shared, results = symbolic.python_lines(symbols, lambda name: f"_{name}")
    y = float(row.number(*point, immediates=settings))
    scope: dict[str, Any] = {
        f"_{name}": (each.arity and each.native) or each for name, each in ops.TABLE.items()
    }
    scope |= {"_inf": math.inf, "_NEGATIVE_inf": -math.inf, "_nan": math.nan, "y": y}
    scope |= dict(zip(letters, point, strict=True))
    for line in shared:
        exec(line, scope)
    found = tuple(float(eval(result, scope)) for result in results)
    assert found == row.local_gradients(point, settings, y)


def balanced(latex: str) -> bool:
    """Whether braces, \\left…\\right and \\begin…\\end pair up."""
    depth = 0
    for mark in re.findall(r"(?<!\\)[{}]", latex):
        depth += 1 if mark == "{" else -1
        if depth < 0:
            return False
    pairs = (r"\left", r"\right"), (r"\begin", r"\end")
    return depth == 0 and all(_count(latex, one) == _count(latex, two) for one, two in pairs)


def _count(latex: str, command: str) -> int:
    return len(re.findall(re.escape(command) + r"(?![a-z])", latex))


@pytest.mark.parametrize("row", ops.TABLE.values(), ids=lambda row: row.name)
def test_latex_is_balanced(row: Op) -> None:
    for written in (symbolic.latex(row), *symbolic.partial_latex(row)):
        assert written
        assert balanced(written), written
    operands = ("x_1", "-3", "0.5")[: row.arity or 3]
    for written in (symbolic.latex(row, operands), *symbolic.partial_latex(row, operands)):
        assert balanced(written), written


GOLDEN = [
    (ops.add, "a + b", ("1", "1")),
    (ops.sub, "a - b", ("1", "-1")),
    (ops.mul, "a * b", ("b", "a")),
    (ops.div, "a / b", ("1 / b", "-a / b²")),
    (ops.pow, "a**b", ("b * a**(b - 1)", "a**b * log(a)")),
    (ops.square, "a²", ("2 * a",)),
    (ops.reciprocal, "reciprocal(a)", ("-1 / a²",)),
    (ops.exp, "exp(a)", ("exp(a)",)),
    (ops.log, "log(a)", ("1 / a",)),
    (ops.sqrt, "sqrt(a)", ("0.5 / sqrt(a)",)),
    (ops.sin, "sin(a)", ("cos(a)",)),
    (ops.tanh, "tanh(a)", ("1 - tanh(a)²",)),
    (ops.sigmoid, "sigmoid(a)", ("sigmoid(a) * sigmoid(-a)",)),
    (ops.relu, "relu(a)", ("0 if a <= 0 else 1",)),
    (
        ops.maximum,
        "maximum(a, b)",
        ("1 if a > b else 0 if a < b else 0.5", "0 if a > b else 1 if a < b else 0.5"),
    ),
    (ops.hypot, "hypot(a, b)", ("a / hypot(a, b)", "b / hypot(a, b)")),
]


@pytest.mark.parametrize(("row", "value", "partials"), GOLDEN, ids=[row.name for row, _, _ in GOLDEN])
def test_formulas_by_heart(row: Op, value: str, partials: tuple[str, ...]) -> None:
    assert symbolic.formula(row) == value
    assert symbolic.partial_formulas(row) == partials


def test_formulas_with_numbers_in_them() -> None:
    assert symbolic.formula(ops.mul, ("2", "-3")) == "2 * (-3)"
    assert symbolic.partial_formulas(ops.mul, ("2", "-3")) == ("-3", "2")
    assert symbolic.partial_formulas(ops.power, ("x",), (3.0,)) == ("3 * x**2",)
    assert symbolic.partial_formulas(ops.tanh, ("0.8814",)) == ("1 - tanh(0.8814)²",)


def test_latex_by_heart() -> None:
    assert symbolic.latex(ops.div) == r"\frac{a}{b}"
    assert symbolic.partial_latex(ops.div) == (r"\frac{1}{b}", r"\frac{-a}{{b}^2}")
    assert symbolic.partial_latex(ops.sqrt) == (r"\frac{0.5}{\sqrt{a}}",)
    assert symbolic.latex(ops.hypot, ("x", "y")) == r"\sqrt{x^2 + y^2}"


@pytest.mark.parametrize("marks", ["{", "}", r"\left(", "{}}", r"\begin{cases}"])
def test_the_check_of_balance_sees_what_is_open(marks: str) -> None:
    assert not balanced(r"\frac{a}{b}" + marks)


def test_a_symbol_is_never_true_or_false() -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(symbolic.Symbol("a") > 0.0)


def test_operands_may_be_called_as_the_template_calls_them() -> None:
    assert symbolic.latex(ops.hypot, ("b", "a")) == r"\sqrt{b^2 + a^2}"
