"""The branches the program took, as the player has them: it follows them on other numbers, or says so."""

from __future__ import annotations

import copy
import gc
import math
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autograd_lite import Graph, Value, detect_anomaly, scope, trace_source
from autograd_lite.guards import guards_of
from autograd_lite.ops import TABLE
from autograd_lite.player.data import page_data
from autograd_lite.stepping import step
from tests.test_contract_memory import alive

Data = dict[str, Any]


def data_of(value: Any, **settings: Any) -> Data:
    return page_data(step(value, **settings))


def guards(data: Data) -> list[tuple[str, bool]]:
    return [(guard["text"], guard["outcome"]) for guard in data["guards"]]


def traced(function: Callable[..., Any], *numbers: float) -> Data:
    """The page's data of `function` on leaves a, b, c."""
    leaves = [Value(number, label=label) for number, label in zip(numbers, "abc", strict=False)]
    return data_of(lambda: function(*leaves), source=True)


def test_comparisons_by_numpy_are_guards() -> None:
    np = pytest.importorskip("numpy")

    def f(a: Value, b: Value) -> Value:
        values = np.array([a, b])
        said = [np.float64(0.5) < a, np.isnan(a), *(values > 1.5), np.isfinite(b), np.signbit(a)]
        return a * b if said == [True, False, False, True, True, False] else a

    assert guards(traced(f, 1.0, 2.0)) == [
        ("a > 0.5", True), ("a != a", False), ("a > 1.5", False), ("b > 1.5", True), ("b > -inf", True),
        ("b < inf", True), ("a < 0", False),
    ]  # fmt: skip


def test_a_number_that_was_set_by_hand_is_no_branch_of_the_leaves() -> None:
    def f(a: Value) -> Value:
        scaled = a * 3.0
        scaled.data = 10.0
        return a * 2.0 if scaled > 5.0 else a

    assert guards(traced(f, 1.0)) == []


def test_every_comparison_is_a_guard_once_and_in_order() -> None:
    def f(a: Value, b: Value) -> Value:
        outcomes = [a < b, a <= 2, a < 0.5, a >= b, a == b, a != b, bool(a), not b, a < b, max(a, b) is b]
        return a * b if len(outcomes) == 10 else a

    assert guards(traced(f, 1.0, 2.0)) == [
        ("a < b", True), ("a <= 2", True), ("a < 0.5", False), ("a >= b", False), ("a == b", False),
        ("a != b", True), ("a != 0", True), ("b != 0", True), ("b > a", True),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore::autograd_lite.errors.GradientDropped")
@pytest.mark.parametrize(
    ("convert", "expected"),
    [
        (float, [("a == 2.5", True)]),
        (int, [("a >= 2", True), ("a < 3", True)]),
        (round, [("a >= 1.5", True), ("a <= 2.5", True)]),
        (math.floor, [("a >= 2", True), ("a < 3", True)]),
        (math.ceil, [("a > 2", True), ("a <= 3", True)]),
    ],
)
def test_numbers_taken_out_are_guards(convert: Any, expected: list[tuple[str, bool]]) -> None:
    data = traced(lambda a: a * convert(a), 2.5)
    assert guards(data) == expected


@pytest.mark.filterwarnings("ignore::autograd_lite.errors.GradientDropped")
@pytest.mark.parametrize("convert", [int, round, math.floor, math.ceil, math.trunc])
def test_bounds_hold_exactly_where_the_conversion_gives_the_same(convert: Any) -> None:
    grid = [k / 4 for k in range(-14, 15)] + [-0.0, math.nextafter(0.5, 0), math.nextafter(-1.5, 0), 1e20]
    for number in grid:
        data = traced(lambda a: a * convert(a), number)
        for other in grid:
            assert (divergence(data, other) is None) == (convert(other) == convert(number))


def divergence(data: Data, *numbers: float) -> str | None:
    """What `firstDivergence` of the page does, in Python: the first guard that does not hold."""
    values = [node["value"] for node in data["nodes"]]
    leaves = [index for index, node in enumerate(data["nodes"]) if node["label"] in ("a", "b", "c")]
    for index, number in zip(sorted(leaves, key=lambda k: data["nodes"][k]["label"]), numbers, strict=True):
        values[index] = number
    for index in [*data["order"], *data["aside"]]:
        node = data["nodes"][index]
        rule = TABLE[data["rules"][node["rule"]]["op"]]
        values[index] = rule.number(*(values[parent] for parent in node["parents"]))
    holds: dict[str, Callable[[float, float], bool]] = {
        "<": lambda p, q: p < q, "<=": lambda p, q: p <= q, ">": lambda p, q: p > q,
        ">=": lambda p, q: p >= q, "==": lambda p, q: p == q, "!=": lambda p, q: p != q,
    }  # fmt: skip
    for guard in data["guards"]:
        left, right = (
            each["number"] if isinstance(each, dict) else values[each]
            for each in (guard["left"], guard["right"])
        )
        if holds[guard["op"]](left, right) != guard["outcome"]:
            return str(guard["text"])
    return None


def branching(a: Value, b: Value, c: Value) -> Value:
    """A program whose branches compare nodes of the graph, nodes outside it, and each other."""
    gap, start = (a - b) * c, a + b + c
    if gap > 0.5:
        a = a * 2.0
    elif abs(gap) < max(b, c) / 4.0:
        a = (a + b).tanh()
    total = c * c
    while total < 3.0:
        total = total + (b * b + 0.5)
    ranked = sorted([a, b, c, a * b], key=lambda v: v)
    return start + ranked[0] * 3.0 + ranked[-1] + (total if b else c)


def test_the_page_knows_exactly_when_another_graph_would_be_made() -> None:
    rng = random.Random(3)
    disagree = agree = 0
    for _ in range(30):
        here = [round(rng.uniform(-2, 2), 1) for _ in range(3)]
        data = traced(branching, *here)
        assert divergence(data, *here) is None
        for _ in range(8):
            there = [x + rng.choice([0, 0, 0.1, -0.2, 1.5]) for x in here]
            other = traced(branching, *there)
            # the same comparisons with the same outcomes, one by one: the same way through the program
            same = guards(data) == guards(other)
            assert (divergence(data, *there) is None) == same, (here, there)
            agree, disagree = agree + same, disagree + (not same)
    assert min(agree, disagree) > 30


def test_guards_may_compare_nodes_outside_the_graph() -> None:
    a, b = Value(2.0, label="a"), Value(1.0, label="b")
    with trace_source():
        error = (a - b).abs() * 2.0
        loss = a * b if error > 0.25 else a
    data = data_of(loss)
    assert guards(data) == [("abs(a - b) * 2 > 0.25", True)]
    hidden = data["nodes"][data["shown"] :]
    assert data["shown"] == 3
    assert [node["kind"] for node in hidden] == ["op", "op", "constant", "op"]
    assert [data["nodes"][index]["op"] for index in data["aside"]] == ["sub", "abs", "mul"]
    assert divergence(data, 2.0, 1.5) is None
    assert divergence(data, 2.0, 1.9) == "abs(a - b) * 2 > 0.25"


def test_guards_that_follow_no_leaf_are_dropped_and_repeated_ones_kept_once() -> None:
    limit = Value(0.5)

    def f(a: Value) -> Value:
        assert limit * 2.0 > 0.1
        assert all(a > limit for _ in range(1000))
        return a * a

    assert guards(traced(f, 1.0)) == [("a > 0.5", True)]


def test_guards_of_an_earlier_round_say_nothing_about_this_graph() -> None:
    w = Value(2.0, label="a")
    with trace_source():
        for _ in range(5):
            loss = w * w if w > 1.0 else w.tanh() * w
            assert loss > 0.0
            loss.backward()
            w.data -= 0.3 * w.grad
            w.zero_grad()
        final = w * w if w > 1.0 else w.tanh() * w
    data = data_of(final)
    assert w.data < 1.0
    assert guards(data) == [("a > 1", False)]
    assert divergence(data, w.data) is None
    assert divergence(data, 1.5) == "a > 1"


def test_what_a_branch_compared_has_branches_of_its_own() -> None:
    a = Value(2.0, label="a")
    with trace_source():
        y = a * 3.0 if a > 1.0 else a
    with trace_source():
        z = a * a if y > 5.0 else a
    assert guards(data_of(z)) == [("a > 1", True), ("a * 3 > 5", True)]


def test_a_branch_on_a_hand_made_op_makes_the_page_still() -> None:
    a = Value(2.0, label="a")
    with trace_source():
        out = Value(a.data + 1.0, (a,), "mine")
        z = a * a if out > 1.0 else a
    data = data_of(z)
    assert data["guards"] == []
    assert "a branch of the program depends on" in data["live"]


def test_traced_says_whether_all_branches_are_known() -> None:
    a = Value(2.0)
    with trace_source():
        y = a * a
    with detect_anomaly():
        z = a * a if a > 0.0 else a
    assert data_of(y)["traced"] is True
    assert data_of(y * 2.0)["traced"] is False
    assert (data_of(z)["traced"], data_of(z)["guards"]) == (False, [])
    assert data_of(copy.deepcopy(y))["traced"] is False
    assert data_of(Graph.from_json(Graph(y).to_json()).to_values()[0])["traced"] is False


def test_a_block_within_a_block_goes_on_and_another_starts_afresh() -> None:
    a = Value(2.0, label="a")
    with trace_source():
        assert a > 1.0
        with trace_source(), scope("s"):
            assert a < 5.0
        y = a * a
    with trace_source():
        z = a * a
    assert guards(data_of(y)) == [("a > 1", True), ("a < 5", True)]
    assert guards(data_of(z)) == []


def test_comparisons_after_a_node_and_in_other_threads_do_not_bear_on_it() -> None:
    a = Value(2.0, label="a")
    with trace_source():
        y = a * a
        assert a > 1.0
        thread = threading.Thread(target=lambda: a < 7.0)
        thread.start()
        thread.join()
        z = a * a
    assert guards(data_of(y)) == []
    assert guards(data_of(z)) == [("a > 1", True)]


def test_guards_with_special_numbers_can_be_written() -> None:
    a = Value(math.nan, label="a")
    with trace_source():
        assert not a > math.inf
        assert not a < 10**400
        assert a != a
        y = a * a
    data = data_of(y)
    assert guards(data) == [("a > inf", False), ("a < inf", False), ("a != a", True)]
    assert [guard["right"] for guard in data["guards"]] == [{"number": "Infinity"}, {"number": "Infinity"}, 0]


# --- memory ---------------------------------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_guards_make_no_cycles(no_collector: None) -> None:
    a, b = Value(1.0), Value(2.0)
    before = alive()
    with trace_source():
        y = a * b
        z = y + a if (y > b and b > y) or a == a else y
        z = z * y if z > y or y > z or max(y, z) else z
        handle = weakref.ref(z)
    y.backward()
    assert guards(data_of(z))
    gc.collect()  # what the page was made with
    del y, z
    assert handle() is None
    assert alive() == before
    assert gc.collect() == 0


def test_a_long_run_of_branches_dies_without_recursion(no_collector: None) -> None:
    x = Value(0.5)
    before = alive()
    with trace_source():
        y = x
        for _ in range(30_000):
            y = y * 1.0001 if y > 0.1 else y
    assert len(guards_of([y])) == 30_000
    del y
    assert alive() == before


def test_a_copy_is_free_of_the_original(no_collector: None) -> None:
    a = Value(1.0, label="a")
    with trace_source():
        y = a * a if a > 0.5 else a
    twin, source = copy.deepcopy(y), y.source
    handle = weakref.ref(y)
    del y, a
    assert handle() is None
    assert twin.source == source
