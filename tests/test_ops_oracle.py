"""Every row of the op table against PyTorch in float64: values and gradients, at points, edges and kinks."""

from __future__ import annotations

import math
from typing import Any

import pytest
from references import REFERENCES, difference, digits, exact, relative_error, torch_functions
from support import EDGES, POINTS, Point, Settings, swept

from autograd_lite import Value, grad, ops
from autograd_lite.ops import Op

torch = pytest.importorskip(
    "torch", reason="PyTorch, the oracle, is not installed: pip install -e '.[oracle]'"
)

pytestmark = pytest.mark.oracle
INF, NAN = math.inf, math.nan
COUNTERPARTS = torch_functions(torch)

# Rows without a counterpart, and why.
WITHOUT = {"cbrt": "PyTorch has no cube root"}

CASES = [case for case in (*POINTS, *EDGES) if case.values[0].name not in WITHOUT]

# Rows where PyTorch's digits run out: mpmath must then find ours the closer.
LESS_ACCURATE = {
    "tanh": "PyTorch's slope is 1 - y², which cancels where |y| is near 1",
    "sigmoid": "PyTorch's slope is y(1 - y), which cancels where y is near 1",
    "digamma": "PyTorch's trigamma is good to 3e-10",
    "polygamma": "PyTorch's trigamma is good to 3e-10; the higher orders by its zeta function, to 1e-13",
    "gelu": "PyTorch's gelu is a(1 + erf)/2, which cancels where erf is near -1",
    "logsumexp": "PyTorch's slope is exp(a - y), which magnifies the rounding of y",
}

# Where the two differ in kind, and why ours is as it is. Keys: row and operands.
ON_PURPOSE = {
    ("hypot", (0.0, 0.0)): "slopes 0 and 0, as of norm: the contract; PyTorch has NaN",
    ("mod", (1.0, 0.0)): "the value is NaN, so is the slope in b; PyTorch has -inf",
    ("digamma", (-1.0,)): "the slope at a pole is inf; PyTorch's is 7e32, by rounding",
    ("polygamma", (INF,)): "the limit, 0; PyTorch has NaN",
    ("gelu", (INF,)): "the limits of value and slope; PyTorch has inf * 0 = NaN",
    ("gelu", (-INF,)): "likewise",
    ("silu", (INF,)): "likewise",
    ("silu", (-INF,)): "likewise",
    ("mish", (INF,)): "likewise",
    ("mish", (-INF,)): "likewise",
    ("logaddexp", (-INF, -INF)): "a tie splits evenly; PyTorch has inf - inf = NaN",
    ("prod", (INF, 1.0)): "the slope is the product of the others, 1; PyTorch divides inf by inf",
    ("prod", (-INF, 2.0)): "likewise",
}

# Where an operand is NaN, the value is compared. The slopes of these rows are not: they say which operand a
# change would come from, and neither library has a rule for it.
SLOPES_AT_NAN = {"abs", "maximum", "minimum", "max", "min", "clip", "elu", "selu", "prod"}
# PyTorch's sign of NaN is 0; ours is NaN by contract.
VALUE_AT_NAN = {"sign"}


def torch_result(row: Op, point: Point, settings: Settings) -> tuple[float, list[float]]:
    """PyTorch's value and gradient (0 where PyTorch sends none)."""
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
    function = COUNTERPARTS[row.name]
    y = function(leaves, *settings) if row.arity is None else function(*leaves, *settings)
    if y.requires_grad and y.dtype == torch.float64:
        y.backward()
    return float(y.detach()), [0.0 if leaf.grad is None else float(leaf.grad) for leaf in leaves]


def agree(one: float, other: float, tolerance: float) -> bool:
    if math.isfinite(one) and math.isfinite(other):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-300)
    return one == other or (one != one and other != other)


def test_every_row_has_a_counterpart_or_a_reason() -> None:
    assert set(COUNTERPARTS) | set(WITHOUT) == set(ops.TABLE)
    assert not set(COUNTERPARTS) & set(WITHOUT)


def differs(row: Op, point: Point, settings: Settings) -> bool:
    """Whether PyTorch says otherwise; where its digits run out, mpmath must find ours no worse."""
    y, leaves = swept(row, point, settings)
    value, slopes = torch_result(row, point, settings)
    at_nan = any(map(math.isnan, point))
    pairs = [] if at_nan and row.name in VALUE_AT_NAN else [(y.data, value)]
    if not (at_nan and row.name in SLOPES_AT_NAN):
        pairs += [(leaf.grad, slope) for leaf, slope in zip(leaves, slopes, strict=True)]
    return not all(agree(one, other, 1e-14) for one, other in pairs)


@pytest.mark.parametrize(("row", "point", "settings"), CASES)
def test_value_and_gradient(row: Op, point: Point, settings: Settings) -> None:
    if (row.name, point) in ON_PURPOSE or not differs(row, point, settings):
        return
    assert row.name in LESS_ACCURATE
    with digits(200):
        assert not worse(row, point, settings)


def worse(row: Op, point: Point, settings: Settings) -> list[str]:
    """Which of our numbers are further from the truth than PyTorch's, beyond a few roundings."""
    reference = REFERENCES[row.name]
    y, leaves = swept(row, point, settings)
    value, slopes = torch_result(row, point, settings)

    def f(operands: list[Any]) -> Any:
        return reference(operands, *settings) if row.arity is None else reference(*operands, *settings)

    rows = [("value", y.data, value, f(exact(point)))]
    for k, (leaf, slope) in enumerate(zip(leaves, slopes, strict=True)):
        rows.append((f"slope {k}", leaf.grad, slope, difference(f, exact(point), k)))
    return [
        f"{what}: {ours!r} against {theirs!r}, true {float(true)!r}"
        for what, ours, theirs, true in rows
        if relative_error(ours, true) > max(5e-15, relative_error(theirs, true))
    ]


@pytest.mark.parametrize(("name", "point"), ON_PURPOSE)
def test_exclusions_are_needed(name: str, point: Point) -> None:
    row = ops.TABLE[name]
    assert differs(row, point, tuple(row.immediates.values()))


def torch_slope(f: Any, x: float) -> float:
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    f(leaf).backward()
    return float(leaf.grad)


def test_zero_in_the_chain_rule_differs_on_purpose() -> None:
    assert math.isnan(torch_slope(lambda x: torch.sqrt(x * x), 0.0))
    assert grad(lambda x: ops.sqrt(x * x))(0.0) == 0.0
    assert math.isnan(torch_slope(lambda x: torch.where(x > 0, torch.sqrt(x), 0.0), 0.0))
    assert grad(lambda x: ops.where(x > 0, ops.sqrt(x), 0.0))(0.0) == 0.0
    assert math.isnan(torch_slope(lambda x: torch.norm(x) * 0 + torch.log(x) * 0, 0.0))
    assert grad(lambda x: ops.log(x) * 0.0)(0.0) == 0.0


POW_EDGES = [
    (a, b)
    for a in (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, INF)
    for b in (0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -0.5, 1.5)
    # IEEE 754: pow(-0.0, -0.5) is +inf; PyTorch takes a square root, and that of -0.0 is -0.0
    if not (math.copysign(1.0, a) < 0.0 == a and abs(b) == 0.5)
]


@pytest.mark.parametrize(("a", "b"), POW_EDGES)
def test_powers(a: float, b: float) -> None:
    """Values and the slope in the base, for an exponent that is a Value and one that is a number."""
    base = torch.tensor(a, dtype=torch.float64, requires_grad=True)
    result = base**b
    result.backward()
    for exponent in (b, Value(b)):
        x = Value(a)
        y = x**exponent
        y.backward()
        assert agree(y.data, float(result.detach()), 1e-15), (y, result)
        assert agree(x.grad, float(base.grad), 1e-15), (x, base.grad)
