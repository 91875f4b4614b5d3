"""The rules as JavaScript, run by the Node that Playwright carries: every row, its kinks and its edges."""

from __future__ import annotations

import functools
import json
import math
import operator
import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support import EDGES, POINTS, Point, Settings, settings_of

from autograd_lite import ops, player
from autograd_lite.account import json_number
from autograd_lite.errors import ArgumentError
from autograd_lite.javascript import RuleKey, rules_source
from autograd_lite.ops import Op
from autograd_lite.ops.row import IeeeFloat
from autograd_lite.player.linking import linked
from autograd_lite.symbols import as_symbol

INF, NAN = math.inf, math.nan

# Nothing is rounded here, or only what IEEE 754 rounds for everyone: + - * / and the square root.
EXACT = {
    "add", "sub", "mul", "div", "neg", "square", "reciprocal", "identity", "detach", "sqrt",
    "abs", "sign", "floor", "ceil", "round", "mod", "maximum", "minimum", "clip",
    "greater", "greater_equal", "less", "less_equal", "equal", "not_equal",
    "logical_and", "logical_or", "logical_not", "choose", "select", "relu", "leaky_relu", "hardtanh",
    "sum", "mean", "prod", "dot", "max", "min",
}  # fmt: skip

# JavaScript's functions may differ from the C library's by an ulp or two, and a rule calls up to five.
CLOSE = 2e-15

READ = """
const special = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity, "-0": -0 };
const read = (entry) => (typeof entry === "string" ? special[entry] : entry);
const write = (value) => {
  if (typeof value !== "number") throw new Error(`not a number: ${value}`);
  return Object.is(value, -0) ? "-0" : Number.isFinite(value) ? value : String(value);
};
"""


def node() -> str:
    """A Node to run: Playwright's own, or the system's."""
    playwright = pytest.importorskip("playwright", reason="playwright is not installed (extra `browser`)")
    carried = Path(playwright.__file__).parent / "driver" / "node"
    found = str(carried) if carried.exists() else shutil.which("node")
    if found is None:
        pytest.skip("no Node: neither in the playwright package nor on the PATH")
    return found


def run(script: str, tmp_path: Path) -> Any:
    """What the script's `answer` is, through JSON."""
    path = tmp_path / "script.js"
    path.write_text(f"{READ}{script}\nconsole.log(JSON.stringify(answer));", encoding="utf-8")
    done = subprocess.run([node(), str(path)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def number(entry: Any) -> float:
    return float(entry.replace("Infinity", "inf")) if isinstance(entry, str) else float(entry)


def computed(cases: Sequence[tuple[RuleKey, Point]], tmp_path: Path) -> list[tuple[float, list[float]]]:
    """Value and partial derivatives of each case by the printed rules; all in one run."""
    keys = list(dict.fromkeys(key for key, _ in cases))
    places = {key: place for place, key in enumerate(keys)}
    data = [[places[key], list(map(json_number, point))] for key, point in cases]
    answers = run(
        f"const rules = {rules_source(keys)};\n"
        f"const answer = {json.dumps(data)}.map(([place, point]) => {{\n"
        "  const x = point.map(read), y = rules[place].forward(x);\n"
        "  return [write(y), rules[place].partials(x, y).map(write)];\n"
        "});",
        tmp_path,
    )
    return [(number(value), [number(slope) for slope in slopes]) for value, slopes in answers]


def agree(found: float, expected: float, tolerance: float) -> bool:
    if expected != expected or found != found:
        return expected != expected and found != found
    if found == expected:
        return math.copysign(1.0, found) == math.copysign(1.0, expected)
    return abs(found - expected) <= tolerance * abs(expected)


def check(cases: Sequence[tuple[RuleKey, Point]], tmp_path: Path) -> None:
    """Python's own numbers, to the bit where nothing but + - * / and the square root is rounded."""
    wrong = []
    for (key, point), (value, slopes) in zip(cases, computed(cases, tmp_path), strict=True):
        row = ops.TABLE[key.op]
        expected = row.number(*point, immediates=key.immediates)
        expected_slopes = row.local_gradients(point, key.immediates, float(expected))
        tolerance = 0.0 if row.name in EXACT else CLOSE
        pairs = zip([value, *slopes], [float(expected), *expected_slopes], strict=True)
        if not all(agree(found, true, tolerance) for found, true in pairs):
            wrong.append((key, point, (value, slopes), (float(expected), expected_slopes)))
    assert wrong == []


def key_of(row: Op, point: Point, settings: Settings) -> RuleKey:
    return RuleKey(row.name, len(point), settings)


def test_every_row_gives_pythons_numbers_at_its_points_and_edges(tmp_path: Path) -> None:
    rows = [case.values for case in (*POINTS, *EDGES)]
    check([(key_of(row, point, settings), point) for row, point, settings in rows], tmp_path)
    assert {row.name for row, *_ in rows} == set(ops.TABLE)


SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1e-300, 1e300, -1e300, INF, -INF, NAN)


def test_special_numbers_in_every_place(tmp_path: Path) -> None:
    """1**nan, (-1)**inf, -0.0 % 3, -7 % inf, atan2 of zeros, …: all pairs of such numbers in every row."""
    cases: list[tuple[RuleKey, Point]] = []
    for row in ops.TABLE.values():
        for settings in settings_of(row):
            points: list[Point] = [(a,) for a in SPECIAL]
            if row.arity != 1:
                points = [(a, b) for a in SPECIAL for b in SPECIAL]
            if row.arity == 3:
                points = [(c, *point) for point in points for c in (0.0, 1.0)]
            cases += [(key_of(row, point, settings), point) for point in points]
    check(cases, tmp_path)


DOMAINS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt"), (0.0, 50.0)),
    **dict.fromkeys(("asin", "acos", "atanh"), (-1.0, 1.0)),
    **dict.fromkeys(("pow", "power"), (0.01, 8.0)),
    **dict.fromkeys(("lgamma", "digamma", "polygamma"), (2.5, 40.0)),  # nearer to 0 they have zeros
    "log1p": (-1.0, 50.0),
    "acosh": (1.0, 50.0),
    "erfc": (-6.0, 26.0),
}


def test_every_row_gives_pythons_numbers_anywhere(tmp_path: Path) -> None:
    draw = random.Random(7)
    cases = []
    for row in ops.TABLE.values():
        low, high = DOMAINS.get(row.name, (-12.0, 12.0))
        for settings in settings_of(row):
            for _ in range(40):
                point = tuple(draw.uniform(low, high) for _ in range(row.arity or 6))
                cases.append((key_of(row, point, settings), point))
    check(cases, tmp_path)


# --- how rules are printed ----------------------------------------------------------------------------------


def printed(op: str, count: int = 1, *immediates: Any) -> str:
    """The rule of one row, without its name and the list around it."""
    [rule] = re.findall(r"^(\{ forward: .*),$", rules_source([RuleKey(op, count, immediates)]), re.MULTILINE)
    return str(rule)


def test_immediates_are_set_in_the_printed_rule() -> None:
    assert printed("select", 2, False) == "{ forward: ([a, b]) => b, partials: () => [0, 1] }"
    assert printed("power", 1, 3.0) == "{ forward: ([a]) => pow(a, 3), partials: ([a]) => [3 * pow(a, 2)] }"
    assert printed("power", 1, 2.0) == "{ forward: ([a]) => pow(a, 2), partials: ([a]) => [2 * a] }"
    assert printed("relu") == "{ forward: ([a]) => a <= 0 ? 0 : a, partials: ([a]) => [a <= 0 ? 0 : 1] }"
    assert "a > Infinity" in rules_source([RuleKey("clip", 1, (0.0, INF))])


def test_a_condition_is_a_number_where_it_is_a_node() -> None:
    assert printed("greater", 2) == "{ forward: ([a, b]) => +(a > b), partials: () => [0, 0] }"
    assert printed("logical_not") == "{ forward: ([a]) => +(!(a !== 0)), partials: () => [0] }"


def test_a_page_carries_only_the_functions_its_rules_use() -> None:
    assert rules_source([]) == "[\n]"
    assert "const" not in rules_source([RuleKey("add", 2), RuleKey("tanh", 1)]).replace("const t", "")
    silu = rules_source([RuleKey("silu", 1)])
    assert "const sigmoid = " in silu
    assert "erf" not in silu


def test_the_whole_table_is_small() -> None:
    keys = [RuleKey(row.name, row.arity or 4, tuple(row.immediates.values())) for row in ops.TABLE.values()]
    assert len(rules_source(keys)) < 30_000


def test_settings_that_differ_in_sign_or_exponent_have_functions_of_their_own(tmp_path: Path) -> None:
    cases = [(RuleKey("elu", 1, (alpha,)), (-0.5,)) for alpha in (1.5, -1.5, 15.0, 1e22, 1e-22, -1e-22)]
    check(cases, tmp_path)
    assert rules_source([key for key, _ in cases]).count("const elu_") == len(cases)


@pytest.mark.parametrize(
    "row", [row for row in ops.TABLE.values() if row.arity is None], ids=lambda row: row.name
)
def test_two_thousand_operands_are_no_deeper_than_two(row: Op, tmp_path: Path) -> None:
    draw = random.Random(5)
    point = tuple(draw.uniform(0.9, 1.1) for _ in range(2_000))
    [(value, slopes)] = computed([(RuleKey(row.name, 2_000), point)], tmp_path)
    expected = row.number(*point)
    # logsumexp is rounded once for each operand here, and once in all in Python
    tolerance = 0.0 if row.name in EXACT else 1e-13
    assert agree(value, expected, tolerance)
    for found, true in zip(slopes, row.local_gradients(point, (), expected), strict=True):
        assert agree(found, true, tolerance)


OPERATIONS = (operator.add, operator.sub, operator.mul, operator.truediv)
COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)


def random_rule(seed: int, length: int) -> Any:
    """A rule of operators and choices that uses what it has computed again and again."""

    def rule(a: Any, b: Any) -> Any:
        draw = random.Random(seed)
        constant: Any = IeeeFloat if a.__class__ is IeeeFloat else as_symbol
        found = [a, b, constant(draw.uniform(-2.0, 2.0)), constant(-1.0)]
        conditions = [a < b]
        for _ in range(length):
            one, other = draw.choice(found), draw.choice(found)
            kind = draw.randrange(8)
            if kind < 4:
                found.append(OPERATIONS[kind](one, other))
            elif kind == 4:
                found.append(-one)
            elif kind == 5:
                found.append(ops.where(draw.choice(conditions), one, other))
            elif kind == 6:
                conditions.append(draw.choice(COMPARISONS)(one, other))
            else:
                pair = draw.choice(conditions), draw.choice(conditions)
                conditions.append(pair[0] & pair[1] if draw.random() < 0.5 else pair[0] | pair[1])
        return found[-1]

    return rule


def test_parentheses_and_order_are_those_of_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random rules, shared parts and long lines among them, give the same bits."""
    cases, expected = [], []
    points = [(1.5, -0.3), (0.1, 0.7), (-2.0, 3.0), (0.0, -0.0), (INF, 1.0)]
    for seed in range(150):
        rule = random_rule(seed, 4 + seed % 40)
        row = Op(f"random_{seed}", "a random rule", forward=rule, arity=2, partials=lambda a, b, y: (a, b))
        monkeypatch.setitem(ops.TABLE, row.name, row)
        for point in points:
            cases.append((RuleKey(row.name, 2), point))
            expected.append(float(rule(*map(IeeeFloat, point))))
    for (value, _), true, (key, point) in zip(computed(cases, tmp_path), expected, cases, strict=True):
        assert agree(value, true, 0.0), (key, point, rules_source([key]))


def test_a_name_that_javascript_keeps_for_itself_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rule(a: Any) -> Any:
        return functools.reduce(operator.mul, [a + 1.0, a + 2.0, a + 3.0])

    row = Op("new", "a product", forward=rule, partials=lambda a, y: (rule(a),))
    monkeypatch.setitem(ops.TABLE, "new", row)
    assert "const new_ = " in rules_source([RuleKey("new", 1)])
    assert computed([(RuleKey("new", 1), (1.0,))], tmp_path)[0][0] == 24.0


def test_a_row_that_javascript_cannot_compute_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Op("frexp", "the mantissa", native=lambda a: math.frexp(a)[0], partials=lambda a, y: (y / a,))
    monkeypatch.setitem(ops.TABLE, "frexp", row)
    with pytest.raises(ArgumentError, match=r"'frexp' cannot be written as JavaScript: give it natives"):
        rules_source([RuleKey("frexp", 1)])


def test_a_row_outside_the_table_has_no_rule() -> None:
    assert rules_source([RuleKey("unheard of", 1)]) == "[\nnull,\n]"


def test_numbers_are_written_as_python_writes_them(tmp_path: Path) -> None:
    """Halves too, which JavaScript rounds up and Python to even: 1.953125 is 1.95312."""
    draw = random.Random(3)
    numbers = [draw.uniform(-1.0, 1.0) * 10.0 ** draw.uniform(-12.0, 12.0) for _ in range(2_000)]
    numbers += [draw.choice((1, -1)) * k / 2.0 ** draw.randint(0, 30) for k in range(1, 2_000)]
    numbers += [2.0**-9, 1.953125, 123456.5, 123457.5, 999999.5, 1e-05, 1e22, 5e-324, 1.7976931348623157e308]
    module = linked(Path(player.__file__).parent / "js", "numbers.js")
    script = f"{module}\nconst answer = {json.dumps(numbers)}.map((x) => [format(x), format(x, 3)]);"
    for x, written in zip(numbers, run(script, tmp_path), strict=True):
        assert written == [f"{x:.6g}", f"{x:.3g}"]
