"""Formulas typed by a user: what is read, what is refused, and where the caret points."""

from __future__ import annotations

import math
import sys

import pytest

from autograd_lite import ops
from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import AutogradError
from autograd_lite.expressions import MAX_DEPTH, MAX_LENGTH, ExpressionError, parse, parse_number

GIVEN = {"a": 2.0, "b": -3.0, "c": 10.0}

READ = {
    "tanh(a*b + c)": math.tanh(4),
    "-a**2": -4.0,
    "a**-1 / 2 % 1": 0.25,
    "+a - -b": -1.0,
    "sum(a, b, c, 1)": 10.0,
    "sum([a, b])": -1.0,
    "mean(a, b)": -0.5,
    "max(a, b, c) - min(a, b)": 13.0,
    "dot([a, b], [c, 2])": 14.0,
    "dot(a, b, c, 2)": 14.0,
    "leaky_relu(b, 0.1)": -0.3,
    "leaky_relu(b, slope=1/10)": -0.3,
    "clip(c, -1, high=1 + pi)": 1 + math.pi,
    "clip(b, -e)": -math.e,
    "where(a > b, a, b)": 2.0,
    "where(a <= 1, a, where(b != -3, 1, 2))": 2.0,
    "where(a > 0 and not (b > 0 or c == 3), a, b)": 2.0,
    "a * 9**9**9": math.inf,
    "a * " + "9" * 400: math.inf,
    "a * " + "9" * 5000: math.inf,
    "a * 1e999": math.inf,
    "a / 0": math.inf,
    "a * (-8)**(1/3)": math.nan,
    "a * 0x10 + 1_000": 1032.0,
    "pi * a + e": 2 * math.pi + math.e,
    "π*a": 2 * math.pi,
    "a\n + b\t*\n c": -28.0,
    "  a ": 2.0,
}


def fill(expression: str) -> dict[str, float]:
    """The values that an expression of READ needs."""
    import ast

    tree = ast.parse(" ".join(expression.split()) if len(expression) < 1000 else "a")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return {name: value for name, value in GIVEN.items() if name in used}


@pytest.mark.parametrize("expression", READ, ids=lambda text: text[:30])
def test_reads(expression: str) -> None:
    result = parse(expression, fill(expression))
    assert isinstance(result, Value)
    assert result.data == pytest.approx(READ[expression], nan_ok=True)


def test_every_row_of_the_table_can_be_called() -> None:
    for op in ops.TABLE.values():
        if op.name in {"select", "choose", "dot"} or op.condition:
            continue
        point = op.points[0] if op.points else (0.5,)
        names = [f"x{k}" for k in range(len(point))]
        result = parse(f"{op.name}({', '.join(names)})", dict(zip(names, point, strict=True)))
        assert result.data == pytest.approx(op(*point)), op.name


def test_each_name_is_one_labelled_leaf() -> None:
    result = parse("a*a + b*a", {"a": 2, "b": 3})
    leaves = {node.label: node for node in topological_order(result) if node.is_leaf}
    result.backward()
    assert {name: leaf.grad for name, leaf in leaves.items()} == {"a": 7.0, "b": 2.0}


def test_values_may_be_given_as_values() -> None:
    a = Value(2.0, label="mine")
    parse("a*3", {"a": a}).backward()
    assert a.grad == 3.0


def test_a_given_value_hides_a_constant() -> None:
    assert parse("e*2", {"e": 5}).data == 10.0
    assert parse("e*2").data == pytest.approx(2 * math.e)


def test_names_are_compared_as_python_spells_them() -> None:
    assert parse("ﬁ + 1", {"fi": 1}).data == 2.0
    assert parse("fi + 1", {"ﬁ": 1}).data == 2.0


REFUSED = {
    "tahn(a)": ("did you mean 'tanh'", "tahn"),
    "aa + 1": ("no value is given for 'aa': did you mean 'a'?", "aa"),
    "a + zebra": ("no value is given for 'zebra': add zebra=…", "zebra"),
    "a + tanh": ("it is a function, as in tanh(…)", "tanh"),
    "a.data": ("dot", "a.data"),
    "a[0]": ("square brackets", "a[0]"),
    "a^2": ("write a**2", "a^2"),
    "a // 2": ("floor", "a // 2"),
    "a @ a": ("dot", "a @ a"),
    "~a": ("not arithmetic", "~a"),
    "a if a else 1": ("where", "a if a else 1"),
    "lambda: a": ("function", "lambda: a"),
    "(b := a)": (":=", "b := a"),
    "[a]": ("list", "[a]"),
    "a, a": ("comma", "a, a"),
    "{a}": ("not arithmetic", "{a}"),
    "'x' * a": ("real numbers", "'x'"),
    "2j * a": ("real numbers", "2j"),
    "True * a": ("real numbers", "True"),
    "None": ("real numbers", "None"),
    "f'{a}'": ("not arithmetic", "f'{a}'"),
    "[a for a in a]": ("not arithmetic", "[a for a in a]"),
    "a > 1": ("first in where", "a > 1"),
    "a and a": ("condition of where", "a and a"),
    "not a": ("condition of where", "not a"),
    "where(a, a, a)": ("needs a comparison", "a"),
    "where(0 < a < 3, a, a)": ("one comparison at a time", "0 < a < 3"),
    "where(a is a, a, a)": ("only < <=", "a is a"),
    "where(a > 0, a)": ("takes 3 operands, not 2", "where(a > 0, a)"),
    "tanh()": ("takes 1 operand, not 0", "tanh()"),
    "tanh(a, a)": ("takes 1 operand, not 2", "tanh(a, a)"),
    "tanh([a])": ("not a list", "[a]"),
    "tanh(*a)": ("unpack", "*a"),
    "tanh(x=a)": ("no setting 'x'", "a"),
    "tanh(a)(a)": ("only an op's name", "tanh(a)"),
    "leaky_relu(a, a)": ("plain number", "a"),
    "leaky_relu(a, exp(1))": ("plain number", "exp(1)"),
    "leaky_relu(a, slope=a)": ("plain number", "a"),
    "leaky_relu(a, 1, slope=2)": ("not 2", "leaky_relu(a, 1, slope=2)"),
    "sum()": ("at least one", "sum()"),
    "sum([])": ("at least one", "sum([])"),
    "sum([a], a)": ("one list", "[a]"),
    "dot([a], [a, a])": ("same length", "dot([a], [a, a])"),
    "dot(a, a, a)": ("odd", "dot(a, a, a)"),
    "softmax(a, a)": ("no function from numbers to one number", "softmax"),
    "__import__('os').system('ls')": ("only an op's name", "__import__('os').system"),
    "open('x')": ("unknown function 'open'", "open"),
    "a b": ("not a formula", "b"),
    "(a": ("never closed", "("),
    "a +": ("the formula ends too early", ""),
    "2a": ("not a formula", "2"),
    "a # b": ("no place in a formula", "#"),
    "a; a": ("no place in a formula", ";"),
    "a\x00": ("no place in a formula", "\x00"),
    "a\ud800": ("no place in a formula", "\ud800"),
    "a\\": ("no place in a formula", "\\"),
}


@pytest.mark.parametrize("expression", REFUSED, ids=lambda text: ascii(text)[:40])
def test_refuses_and_points_at_the_place(expression: str) -> None:
    words, place = REFUSED[expression]
    with pytest.raises(ExpressionError) as caught:
        parse(expression, {"a": 2.0})
    error = caught.value
    assert words in error.problem
    if place:
        assert error.text[error.start : error.end].startswith(place)
    problem, line, carets = str(error).split("\n")
    assert problem == error.problem
    assert set(carets.strip()) == {"^"}
    assert len(carets) <= max(len(line) + 1, 5)


@pytest.mark.parametrize("expression", ["", "   ", "\n"])
def test_an_empty_formula_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError, match="empty"):
        parse(expression)


def test_carets_count_columns_not_bytes() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("ä*日本 + tahn(ä)", {"ä": 1, "日本": 2})
    _, line, carets = str(caught.value).split("\n")
    assert line == "    ä*日本 + tahn(ä)"
    assert carets == "    " + " " * 9 + "^^^^"


def test_a_long_formula_is_shown_around_the_place() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("a + " * 300 + "tahn(a)" + " + a" * 300, {"a": 1})
    _, line, carets = str(caught.value).split("\n")
    assert len(line) < 82
    assert line[len(carets) - 4 : len(carets)] == "tahn"
    assert line.strip().startswith("…")
    assert line.endswith("…")


def test_carets_stay_in_place_where_characters_are_spelled_out() -> None:
    error = ExpressionError("x", "π*tahn(a)", 2, 6)
    _, line, carets = error.shown(lambda text: text.replace("π", "pi")).split("\n")
    assert line[len(carets) - 4 : len(carets)] == "tahn"


def test_unused_values_are_an_error() -> None:
    with pytest.raises(ExpressionError, match="a value is given for 'q', but the expression uses a"):
        parse("a*2", {"a": 1, "q": 2})


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 150 + "a" + ")" * 150,
        "a" + " + a" * (MAX_DEPTH - 2),
        "tanh(" * 60 + "a" + ")" * 60,
        "-" * 500 + "a",
    ],
    ids=["brackets", "sum", "calls", "minus"],
)
def test_deep_formulas_within_reason_are_read(expression: str) -> None:
    assert math.isfinite(parse(expression, {"a": 0.5}).data)


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 4000 + "a" + ")" * 4000,
        "a" + "+a" * 4000,
        "tanh(" * 1500 + "a" + ")" * 1500,
        "-" * 9000 + "a",
        "a**" * 3000 + "a",
        "[" * 5000,
        "(" * 9000,
        "a if " * 1900 + "a",
        "a." * 4900 + "a",
    ],
    ids=["brackets", "sum", "calls", "minus", "powers", "open lists", "open brackets", "ifs", "dots"],
)
def test_depth_is_refused_without_a_crash(expression: str) -> None:
    limit = sys.getrecursionlimit()
    with pytest.raises(ExpressionError):
        parse(expression, {"a": 0.5})
    assert sys.getrecursionlimit() == limit


def test_length_is_refused() -> None:
    with pytest.raises(ExpressionError, match="at most 10,000 are read"):
        parse("a" * (MAX_LENGTH + 1), {"a": 1})


def test_values_must_be_numbers() -> None:
    with pytest.raises(AutogradError):
        parse("a*2", {"a": "two"})


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2.0), ("-1/4", -0.25), ("pi/2", math.pi / 2), ("1e3", 1000.0), ("inf", math.inf),
     ("-inf", -math.inf), ("sqrt(2)", math.sqrt(2))],
)  # fmt: skip
def test_parse_number(text: str, number: float) -> None:
    assert parse_number(text) == number


def test_parse_number_refuses_names() -> None:
    with pytest.raises(ExpressionError, match="a number is needed, and 'x' is a name"):
        parse_number("x+1")
    assert math.isnan(parse_number("nan"))
