"""Guards: where a replay would branch as the traced run did, and where it would not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from replays import eager, replayed, same, traced

from autograd_lite import Value, ops

NAN, INF = math.nan, math.inf


GUARDED: dict[str, tuple[Callable[[Any], Any], float, list[float], list[float]]] = {
    "if": (lambda x: x * 2.0 if x > 1.0 else x, 2.0, [5.0, 1.1], [1.0, -3.0, NAN]),
    "truth": (lambda x: x * 2.0 if x else x + 1.0, 2.0, [-5.0, INF, NAN], [0.0, -0.0]),
    "not": (lambda x: x * 2.0 if not x >= 1.0 else x, 0.0, [NAN, -1.0], [1.0, 2.0]),
    "equal": (lambda x: x + 1.0 if x == 3 else x, 3.0, [3.0], [2.0, NAN]),
    "in": (lambda x: x + 1.0 if x in [1.0, 2.0] else x, 2.0, [2.0], [1.0, 3.0]),
    "chained": (lambda x: x + 1.0 if 0.0 < x < 1.0 else x, 0.5, [0.1, 0.9], [0.0, 1.0, -2.0]),
    "max": (lambda x: max(x, 2.0 * x, 1.0), 3.0, [0.7, 9.0], [-1.0, 0.4]),
    "min": (lambda x: min(x, 2.0 * x), 3.0, [0.7, 9.0], [-1.0]),
    "sorted": (lambda x: sorted([x, 1.0 - x])[0], 0.8, [2.0], [0.1]),
    "float": (lambda x: x * math.sin(x), 2.0, [2.0], [2.0000000001, NAN]),
    "int": (lambda x: x * int(x), 2.5, [2.0, 2.9], [3.0, 1.9, -2.5, INF]),
    "int of zero": (lambda x: x + int(x), 0.5, [-0.9, 0.0, -0.0], [1.0, -1.0]),
    "negative int": (lambda x: x * int(x), -2.5, [-2.0, -2.9], [-3.0, -1.9, 2.5]),
    "round": (lambda x: x * round(x), 2.4, [1.5, 2.5], [1.4, 2.6]),
    "round up": (lambda x: x * round(x), 2.6, [3.4, 2.6], [2.5, 3.5]),
    "round to digits": (lambda x: x * round(x, 1), 2.44, [2.44], [2.43]),
    "floor": (lambda x: x * math.floor(x), -2.5, [-3.0, -2.1], [-2.0, -3.1]),
    "ceil": (lambda x: x * math.ceil(x), -2.5, [-2.0, -2.9], [-3.0, -1.9]),
    "trunc": (lambda x: x * math.trunc(x), 2.5, [2.0], [3.0]),
    "large int": (lambda x: x + int(x), 1e300, [1e300], [1.1e300]),
    "range": (lambda x: sum(range(x)) * x, 4.0, [4.0], [3.0, 4.5]),
    "index": (lambda x: [1.0, 2.0, 3.0][x] * x, 1.0, [1.0], [2.0, 0.0]),
    "length": (lambda x: sum([x] * x), 3.0, [3.0], [2.0, 4.0]),
    "format": (lambda x: x * float(f"{x:.1f}"), 2.04, [2.04], [2.041]),
    "data compared": (lambda x: x * 2.0 if x.data > 1.0 else x, 2.0, [5.0], [1.0]),
    "data formatted": (lambda x: x * float(f"{x.data:.1f}"), 2.04, [2.04], [2.041]),
    "data as text": (lambda x: x * float(str(x.data)), 2.5, [2.5], [2.4]),
    "data hashed": (lambda x: x * {1.0: 2.0, 3.0: 4.0}.get(x.data, 9.0), 3.0, [3.0], [1.0, 5.0]),
    "data whole": (lambda x: x * 2.0 if x.data.is_integer() else x, 3.0, [4.0], [4.5]),
    "item": (lambda x: x * 2.0 if x.item() < 0.0 else x, -3.0, [-4.0], [4.5]),
    "static number": (lambda x: x.leaky_relu(x.data), -3.0, [-3.0], [-4.0]),
    "filtered": (lambda x: ops.sum([y for y in (x, x - 1.0, x + 1.0) if y > 0.0]), 0.5, [0.9], [2.0, -0.2]),
    "of a parameter": (lambda x: x * 2.0 if -x > -SWITCH else x, 0.5, [0.9], [1.5]),
}  # fmt: skip
SWITCH = Value(1.0)


@pytest.mark.parametrize("case", GUARDED)
@pytest.mark.filterwarnings("ignore::autograd_lite.errors.GradientDropped")
def test_a_guard_holds_where_the_program_would_do_the_same(case: str) -> None:
    f, first, passing, missing = GUARDED[case]
    recorded = traced(f, first)
    assert recorded.tape.guards
    for number in (first, *passing):
        missed, result = replayed(recorded, number)
        assert missed == -1, number
        # a Value itself is no index, the int of a call is one
        expected = f(int(number)) if case in ("range", "index", "length") else eager(f, number)
        assert same(result, expected), number
    for number in missing:
        assert replayed(recorded, number)[0] >= 0, number


@pytest.mark.parametrize(
    "f",
    [
        lambda x: ops.where(x > 1.0, x * 2.0, -x),
        lambda x: ops.where((x > 1.0) & (x < 3.0) | (x < -1.0), x * 2.0, 1.0),
        lambda x: ops.maximum(x, 1.0) + ops.clip(x, -1.0, 1.0) + x.relu(),
        lambda x: ops.sum(ops.softmax([x, 2.0 * x, 1.0])[0], x),
        lambda x: x * x.data + x.item() ** 2 - 3.0 * x.detach(),
        lambda x: Value(x.data) * x,
        lambda x: ops.round(x) * ops.floor(x) + ops.sign(x),
        lambda x: ops.put([1.0, x, 3.0], ops.clip(ops.round(x), 0.0, 2.0), x)[0] * x,
        lambda x: ops.take([x, 2.0 * x, 5.0], ops.clip(ops.floor(x), -3.0, 2.0)),
        lambda x: [x > 1.0, x + 1.0],
        lambda x: x % 2.0 + 7.0 % (x + 10.0),
        lambda x: sum((x * w for w in (Value(1.0), Value(2.0))), x),
    ],
)  # fmt: skip
def test_what_is_no_guard(f: Callable[[Any], Any]) -> None:
    recorded = traced(f, 0.5)
    numbers = (2.0, -3.0, 0.25, 1.0, 2.75)
    for number in numbers:
        missed, result = replayed(recorded, number)
        assert missed == -1
        arguments = [Value(number)]
        try:
            expected = f(*arguments)
        except TypeError:  # // is for the ints of a plain call
            expected = f(number)
        plain = expected if isinstance(expected, list) else [expected]
        plain = [part.data if isinstance(part, Value) else part for part in plain]
        assert same(result if isinstance(result, list) else [result], plain), number


def test_a_guard_says_what_was_asked_and_where() -> None:
    w = Value(0.5, label="w")

    def f(x: Any) -> Any:
        if x * w > 1.0:
            return x
        return x * int(x)

    recorded = traced(f, 1.5)
    assert [guard.text for guard in recorded.tape.guards] == ["x0 * w > 1", "int(x0)", "int(x0)"]
    place = recorded.tape.guards[0].place
    assert place is not None
    assert place.name == f"test_compile_guards_recorded.py:{f.__code__.co_firstlineno + 1}"


def test_one_guard_for_a_question_asked_often() -> None:
    def f(x: Any) -> Any:
        for _ in range(50):
            if x > 0.0:
                x = x * 1.0
                break
        return x if x > 0.0 else -x

    assert len(traced(lambda x: [f(x) for _ in range(9)], 1.0).tape.guards) == 2
