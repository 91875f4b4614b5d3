"""Tracing: what goes on the tape, replayed here by the rows' own numbers, against eager runs."""

from __future__ import annotations

import gc
import math
import random
import threading
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest
from replays import eager, replayed, same, traced

from autograd_lite import Value, detect_anomaly, no_grad, ops, scope
from autograd_lite.compiling.arguments import flatten_call
from autograd_lite.compiling.tape import ROWS
from autograd_lite.compiling.tracer import current_tracer, trace
from autograd_lite.errors import ArgumentError, GraphError, ValueTypeError

NAN, INF = math.nan, math.inf


ROW_POINTS = [
    pytest.param(row, (*row.points, *row.edges), id=name)
    for name, row in ops.TABLE.items()
    if name not in ("select", "choose", "polygamma") and not name.startswith("logical")
]


@pytest.mark.parametrize(("row", "points"), ROW_POINTS)
def test_every_row_is_recorded_as_it_computes(row: ops.Op, points: Any) -> None:
    for first in points:
        recorded = traced(lambda *xs: row(*xs), *first)
        for point in points:
            if len(point) == len(first):
                missed, result = replayed(recorded, *point)
                assert missed == -1
                assert same(result, row.number(*point, immediates=tuple(row.immediates.values()))), point


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "mod", "atan2", "maximum", "hypot"])
@pytest.mark.parametrize("left", ["traced", "parameter", "float", "int"])
@pytest.mark.parametrize("right", ["traced", "parameter", "float", "int"])
def test_operands_of_all_kinds(name: str, left: str, right: str) -> None:
    if "traced" not in (left, right):
        return
    row = ops.TABLE[name]
    made = {"parameter": Value, "float": float, "int": int}
    a, b = (None if kind == "traced" else made[kind](number) for kind, number in ((left, 3), (right, 2)))
    symbol = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "mod": "%"}.get(name)
    for by_operator in (True, False) if symbol else (False,):

        def f(x: Any, by_operator: bool = by_operator) -> Any:
            one, two = (x if each is None else each for each in (a, b))
            return eval(f"one {symbol} two") if by_operator else row(one, two)

        recorded = traced(f, 2.0)
        for number in (2.0, 0.5, -3.0):
            one, two = (number if each is None else float(getattr(each, "data", each)) for each in (a, b))
            assert same(replayed(recorded, number)[1], row.number(one, two))


def test_parameters_are_read_afresh_and_constants_are_not() -> None:
    w = Value(2.0, label="w")
    recorded = traced(lambda x: x * w + Value(3.0) * 2.0, 5.0)
    assert recorded.tape.parameters == (w,)
    assert recorded.tape.names == ("x0", "w")
    assert recorded.result == 16.0
    w.data = 10.0
    assert replayed(recorded, 5.0) == (-1, 56.0)


def test_operations_of_parameters_alone_are_recorded() -> None:
    w, v = Value(2.0), Value(3.0)
    recorded = traced(lambda x: x + (w * v).tanh() + ops.dot([w, v], [v, 2.0]), 0.0)
    w.data = 0.25
    assert replayed(recorded, 1.0)[1] == pytest.approx(1.0 + math.tanh(0.75) + 0.75 + 6.0, rel=1e-15)


def test_equal_operations_are_one_and_constants_are_computed() -> None:
    def f(x: Any, y: Any) -> Any:
        two = Value(1.0) + 1.0
        return (x * y).exp() + (x * y).exp() + x * two.exp()

    tape = traced(f, 0.5, 2.0).tape
    assert sorted(ROWS[code].name for code in tape.codes) == ["add", "add", "exp", "mul", "mul"]
    assert list(tape.constants) == [math.exp(2.0)]


def test_zero_and_minus_zero_are_two_constants() -> None:
    recorded = traced(lambda x: [x * 0.0, x * -0.0, -0.0 * x, x + math.nan, x + math.nan], 1.0)
    assert [str(number) for number in replayed(recorded, 2.0)[1]] == ["0.0", "-0.0", "-0.0", "nan", "nan"]
    assert len(recorded.tape.constants) == 3


def test_equal_operations_are_different_objects() -> None:
    def f(x: Any) -> Any:
        one, other = x * 2.0, x * 2.0
        assert one is not other
        assert len({one, other}) == 2
        return one + other

    assert len(traced(f, 1.0).tape.codes) == 2


def test_what_nothing_needs_is_left_out() -> None:
    w = Value(1.0)

    def f(x: Any) -> Any:
        (x * 3.0).exp()
        return x.tanh() + w * 0.0

    names = [ROWS[code].name for code in traced(f, 1.0).tape.codes]
    assert names == ["tanh", "mul", "add"]


# --- gradients: through the values of the trace -------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * y.data + y * x.detach() + y.item() * 3.0,
        lambda x, y: (x * y).exp() / (x - y),
        lambda x, y: ops.softmax([x, y, x * y])[1] * ops.logsumexp(x, y),
        lambda x, y: ops.where(x > y, x * 2.0, y * y) + max(x, y),
        lambda x, y: x**2 + 2.0**y + x**y + y**x.data,
        lambda x, y: _without_gradients(x, y) * x + y,
        lambda x, y: ops.take([x, y, x * y], 1) + ops.put([x, y], 0, x * 3.0)[0],
        lambda x, y: ops.detach(x * y) * x + ops.identity(y),
        lambda x, y: Value(x.data, label="copy") * y,
        lambda x, y: ops.dot([x, y], [y, 2.0]) + ops.prod(x, y, x) + ops.norm(x, y),
        lambda x, y: (x > y) * x + ops.floor(y) * y,
    ],
)  # fmt: skip
def test_gradients_of_the_recorded_graph(f: Callable[..., Any]) -> None:
    recorded = traced(f, 1.5, 0.75)
    nodes = recorded.nodes()
    output = nodes[recorded.tape.outputs[0]]
    output.backward()
    x, y = Value(1.5), Value(0.75)
    expected = f(x, y)
    expected.backward()
    assert same(output.data, expected.data)
    assert [nodes[0].grad, nodes[1].grad] == pytest.approx([x.grad, y.grad], rel=1e-14)


def _without_gradients(x: Any, y: Any) -> Any:
    with no_grad():
        return (x * y + x).tanh() * y


def test_no_grad_ends() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            y = x * 2.0
            with scope("inner"):
                y = y + 1.0
        return x * y + x.tanh()

    x = Value(0.5)
    f(x).backward()
    recorded = traced(f, 0.5)
    nodes = recorded.nodes()
    nodes[recorded.tape.outputs[0]].backward()
    assert nodes[0].grad == pytest.approx(x.grad, rel=1e-15)


# --- tables -------------------------------------------------------------------------------------------


def test_take_serves_every_index_of_the_table() -> None:
    w = [Value(float(k)) for k in range(4)]
    recorded = traced(lambda i, x: ops.take(w, i) * x, 1, 2.0)
    for index in range(-4, 4):
        assert replayed(recorded, float(index), 2.0) == (-1, w[index].data * 2.0)
    for wrong in (4.0, -5.0, 1.5, NAN, INF):
        assert replayed(recorded, wrong, 2.0)[0] == 0
        with pytest.raises(ArgumentError, match="not a whole number within a table of 4"):
            traced(lambda i, x: ops.take(w, i) * x, wrong, 2.0)


def test_take_of_rows_of_any_shape() -> None:
    numpy = pytest.importorskip("numpy")
    Pair = namedtuple("Pair", "a b")
    tables: list[Any] = [
        [[1.0, 2.0], [3.0, 4.0]],
        [(1.0, [2.0]), (3.0, [4.0])],
        [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}],
        [Pair(1.0, 2.0), Pair(3.0, 4.0)],
    ]
    for table in tables:

        def f(i: Any, table: Any = table) -> Any:
            row = ops.take(table, i)
            assert type(row) is type(table[0])
            return _flat(row)

        recorded = traced(f, 0)
        assert not any(guard.text.startswith("index") for guard in recorded.tape.guards)
        assert replayed(recorded, 1.0) == (-1, [3.0, 4.0])
    matrix = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    recorded = traced(lambda i: list(ops.take(matrix, i)), 0)
    assert replayed(recorded, 1.0) == (-1, [3.0, 4.0])


def _flat(row: Any) -> list[Any]:
    if isinstance(row, (float, Value)):
        return [row]
    return [number for part in (row.values() if isinstance(row, dict) else row) for number in _flat(part)]


def test_take_of_what_is_no_number_is_a_guard() -> None:
    recorded = traced(lambda i, x: {"double": 2.0, "half": 0.5}[ops.take(["double", "half"], i)] * x, 0, 3.0)
    assert replayed(recorded, 0.0, 3.0) == (-1, 6.0)
    assert replayed(recorded, 1.0, 3.0)[0] >= 0


def test_put_chooses_the_place() -> None:
    recorded = traced(lambda i, x: ops.put([1.0, x * 2.0, 3.0], i, x), 0, 9.0)
    for index in range(-3, 3):
        expected = [1.0, 18.0, 3.0]
        expected[index] = 9.0
        assert replayed(recorded, float(index), 9.0) == (-1, expected)
    assert replayed(recorded, 3.0, 9.0)[0] == 0


# --- NumPy --------------------------------------------------------------------------------------------


def test_numpy_arrays_of_traced_numbers() -> None:
    np = pytest.importorskip("numpy")
    A = np.array([[1.0, -2.0], [0.5, 3.0]])
    w = np.array([Value(0.5), Value(2.0)], dtype=object)

    def f(x: Any) -> Any:
        y = np.tanh(A @ x) * np.float64(2.0) + x * w
        y = np.where(y > 0.0, y, -y)
        return y + np.exp(x[0]) + np.float64(3.0) * x[1] + np.sum(y) / np.mean(x**2)

    x = np.array([0.25, -0.5])
    recorded = traced(f, x)
    for numbers in (x, np.array([0.3, -0.4])):
        expected = f(np.array([Value(float(number)) for number in numbers], dtype=object))
        missed, result = replayed(recorded, *numbers.tolist())
        assert missed == -1
        assert isinstance(result, np.ndarray)
        assert result.dtype == float
        assert same(result.tolist(), [value.data for value in expected])
    assert replayed(recorded, -0.3, 0.4)[0] >= 0


@pytest.mark.parametrize("question", ["isnan", "isinf", "isfinite", "signbit"])
def test_questions_of_numpy_are_guards(question: str) -> None:
    np = pytest.importorskip("numpy")
    ask = getattr(np, question)
    for first in (1.0, -1.0, 0.0, -0.0, NAN, INF):
        recorded = traced(lambda x: x * 2.0 if ask(x) else x, first)
        for number in (1.0, -1.0, 0.0, -0.0, NAN, INF):
            if bool(ask(number)) != bool(ask(first)):
                assert replayed(recorded, number)[0] >= 0, (first, number)


# --- what cannot be compiled --------------------------------------------------------------------------

OUTSIDE = Value(2.0) * 3.0
WEIGHT = Value(1.0, label="weight")


def _write(x: Any, name: str) -> Any:
    setattr(x, name, 1.0)
    return x


def _assign(x: Any) -> Any:
    WEIGHT.data = WEIGHT.data + 1.0
    return x


HANDMADE = Value(6.0, (WEIGHT,), "own")

REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "computed outside": (lambda x: x * OUTSIDE, r"uses the node mul\(2, 3\), which was computed outside"),
    "hand-made outside": (lambda x: x * HANDMADE, "a hand-made op cannot be compiled"),
    "hand-made inside": (lambda x: Value(1.0, (x,), "own") * x, "hand-made op, which cannot be compiled"),
    "no number": (lambda x: "text", "returned 'text', which was not computed"),
    "nothing of the tape": (lambda x: 3.0, "returned 3.0, which was not computed from its arguments"),
    "nothing at all": (lambda x: None, "returned None"),
    "writing data": (lambda x: _write(x * 2.0, "data"), "writing .data has no meaning in"),
    "writing grad": (lambda x: _write(x, "grad"), "writing .grad has no meaning in"),
    "reading grad": (lambda x: x * x.grad, "a gradient of its own has no meaning"),
    "backward": (lambda x: (x * 2.0).backward() or x, "f.value_and_grad"),
    "zero_grad": (lambda x: x.zero_grad() or x, "zero_grad"),
    "hooks": (lambda x: x.register_hook(print) and x, "a hook has no meaning"),
    "freezing": (lambda x: x.freeze() or x, r"freeze\(\) has no meaning"),
    "parents": (lambda x: (x * 2.0).parents[0], "the graph of a traced number"),
    "a leaf written to": (lambda x: _assign(x * WEIGHT), 'wrote to .data of "weight"'),
    "a Value of a Value": (lambda x: Value(x), "is a Value already"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_and_what_is_said(case: str) -> None:
    f, told = REFUSED[case]
    with pytest.raises((GraphError, ValueTypeError), match=told):
        traced(f, 2.0)
    assert current_tracer() is None
    assert (Value(2.0) * 3.0).data == 6.0


def test_a_node_from_outside_can_be_detached() -> None:
    recorded = traced(lambda x: x * OUTSIDE.detach(), 2.0)
    assert recorded.tape.parameters == (OUTSIDE,)
    assert recorded.result == 12.0


def test_what_leaks_from_a_trace_is_refused() -> None:
    leaked: list[Any] = []
    traced(lambda x: leaked.append(x * 2.0) or x, 1.0)
    (old,) = leaked
    uses: list[Callable[[], Any]] = [
        lambda: old + 1.0, lambda: 1.0 + old, lambda: Value(1.0) * old, lambda: ops.dot([Value(1.0)], [old]),
        lambda: old > 0.0, lambda: bool(old), lambda: float(old), lambda: old.data, lambda: old.tanh(),
        lambda: traced(lambda x: x * old, 1.0), lambda: traced(lambda x: ops.sum(x, old), 1.0),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(GraphError, match="used outside of that call"):
            use()
    assert "traced" in repr(old)


def test_an_error_in_the_function_comes_out_and_nothing_stays_on() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            raise KeyError(x.data > 1.0)

    with pytest.raises(KeyError):
        traced(f, 2.0)
    assert current_tracer() is None
    assert gc.isenabled()
    x = Value(2.0)
    (x * x).backward()
    assert x.grad == 4.0


# --- the rest -----------------------------------------------------------------------------------------


def test_threads_trace_at_the_same_time() -> None:
    failures: list[Any] = []

    def run(seed: int) -> None:
        numbers = [random.Random(seed + k).uniform(-1.0, 1.0) for k in range(50)]
        for _ in range(5):
            recorded = traced(lambda x: sum((x * number for number in numbers), 0.0), 1.0)
            if not same(recorded.result, eager(lambda x: sum((x * n for n in numbers), 0.0), 1.0)):
                failures.append(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_drawn_numbers_are_the_last_inputs() -> None:
    rng = random.Random(0)

    def f(x: Any, y: Any) -> Any:
        tracer = current_tracer()
        assert tracer is not None
        return x * tracer.drawn(rng.random, "mask") + y

    recorded = traced(f, 2.0, 3.0)
    assert recorded.tape.inputs == 3
    assert recorded.tape.names == ("x0", "x1", "mask")
    assert len(recorded.draws) == 1
    assert replayed(recorded, 2.0, 3.0, 0.5) == (-1, 4.0)


def test_a_trace_can_be_looked_at() -> None:
    w = Value(0.5, label="w")

    def f(x: Any) -> Any:
        with scope("layer"):
            y = x * w
        y.label = "product"
        return y + 1.0 if x > 0.0 else y

    recorded = trace(f, flatten_call((2.0,), titles=("x",)), sources=True)
    graph = recorded.graph()
    assert [graph.find(label).data for label in ("x", "w", "product")] == [2.0, 0.5, 1.0]
    assert graph.find("product").scope == "layer"
    assert graph.find("product").source.startswith("test_compile_tracing.py:")
    line = f.__code__.co_firstlineno
    assert recorded.table().splitlines()[-3:] == [
        f"6     add            4 3       2      test_compile_tracing.py:{line + 4}",
        "output 6",
        f"guard  5 is 1: x > 0 at test_compile_tracing.py:{line + 4}",
    ]


def test_a_long_chain_needs_no_recursion() -> None:
    def f(x: Any) -> Any:
        for _ in range(100_000):
            x = x * 0.999 + 0.001
        return x

    recorded = traced(f, 0.5)
    assert len(recorded.tape.codes) == 200_000
    assert same(recorded.result, f(0.5))


def test_modes_around_a_trace_do_no_harm() -> None:
    with detect_anomaly(), scope("outer"):
        assert traced(lambda x: x * 2.0, 1.0).result == 2.0
