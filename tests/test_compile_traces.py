"""The traces that a compiled function keeps: which, how many, and what it says when they gain nothing."""

import itertools
import math
import random

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import RetraceWarning, Value, nn, ops
from autograd_lite import compile as compiled


class Counted:
    """A function that counts how often it is run."""

    def __init__(self, function):
        self.function = function
        self.runs = 0

    def __call__(self, *args):
        self.runs += 1
        return self.function(*args)


def test_each_way_to_branch_is_run_once():
    def f(x, y):
        if x > 0:
            return x * y if y > 0 else x - y
        total = x
        while total < 1.0:
            total = total + ops.exp(y)
        return total

    counted = Counted(f)
    g = compiled(counted)
    points = [(a, b) for a in (2.0, -1.0, -2.5) for b in (0.5, -0.5, 1.0)]
    for _ in range(3):
        for a, b in points:
            expected = ag.value_and_grad(f, (0, 1))(a, b)
            assert g(a, b) == pytest.approx(expected[0])
            assert g.value_and_grad(a, b)[1] == pytest.approx(expected[1])
    ways = {(a > 0, b > 0 if a > 0 else math.ceil((1.0 - a) / math.exp(b))) for a, b in points}
    assert counted.runs == len(ways) == len(g.traces)


def test_conditions_that_where_takes_are_no_branches():
    counted = Counted(lambda x, y: ops.where((x > y) & ~(y < 0), x * y, ops.maximum(x, y)))
    g = compiled(counted)
    for x, y in itertools.product((-1.0, 0.0, 2.0), repeat=2):
        assert g(x, y) == (x * y if x > y and not y < 0 else max(x, y))
    assert counted.runs == 1


def test_a_lookup_by_take_is_no_branch():
    table = [Value(float(k * k)) for k in range(5)]
    counted = Counted(lambda k: ops.take(table, k) * 2.0)
    g = compiled(counted)
    assert [g(k) for k in range(5)] == [0.0, 2.0, 8.0, 18.0, 32.0]
    assert counted.runs == 1


@pytest.mark.parametrize("f", [
    lambda x: x * float(x) if x > 0 else x,
    lambda x: x * math.floor(x),
    lambda x: x * int(x),
    lambda x: x * round(x),
    lambda x: x + [1.0, 5.0, 25.0][int(x) % 3],
    lambda x: x * (1.0 if x.data == 1.0 else 2.0 if x.data > 1.5 else 3.0),
    lambda x: x * len(f"{x.data:.0f}"),
    lambda x: sorted([x, 1.2 - x, x * x - 1.0])[1] * x,
    lambda x: max(x, 1.0) * min(x, 2.0),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::autograd_lite.RetraceWarning", "ignore::autograd_lite.GradientDropped")
def test_whatever_is_taken_out_of_a_value_no_answer_is_wrong(f):
    g = compiled(f, traces=4)
    rng = random.Random(0)
    numbers = [*(rng.uniform(-0.5, 9.0) for _ in range(40)), 1.0, 0.5, 1.5, 2.5, -0.4, 0.0]
    for x in numbers + numbers[::-1]:
        expected = ag.value_and_grad(f)(x)
        assert g(x) == pytest.approx(expected[0], abs=1e-15)
        assert g.value_and_grad(x) == pytest.approx(expected, abs=1e-15)
    assert len(g.traces) <= 4


@pytest.mark.filterwarnings("ignore::autograd_lite.GradientDropped")
def test_each_number_taken_out_has_a_trace_of_its_own():
    counted = Counted(lambda x: x * int(x) + ops.floor(x))
    g = compiled(counted)
    for x in (1.5, 3.25, 2.0, 1.0, 3.5, 2.5) * 3:
        assert g(x) == x * int(x) + math.floor(x)
    assert counted.runs == len(g.traces) == 3


def test_the_least_recently_used_trace_makes_room():
    counted = Counted(lambda x, k: x * (1.0 if k < 1.5 else 2.0 if k < 2.5 else 3.0 if k < 3.5 else 4.0))
    g = compiled(counted, traces=3)
    for k in (1.0, 2.0, 3.0, 1.0, 4.0):  # 4 takes the place of 2
        assert g(10.0, k) == 10.0 * k
    assert counted.runs == 4
    for k in (1.0, 3.0, 4.0):
        assert g(10.0, k) == 10.0 * k
    assert counted.runs == 4
    assert g(10.0, 2.0) == 20.0
    assert (counted.runs, len(g.traces)) == (5, 3)


def test_a_guard_that_misses_nearly_always_is_named_once():
    g = compiled(lambda x: x * x.data.__float__())
    with pytest.warns(RetraceWarning, match=r"test_compile_traces\.py:\d+.*detach\(\)") as caught:
        assert [g(float(k)) for k in range(100)] == [float(k * k) for k in range(100)]
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("ignore::autograd_lite.GradientDropped")
def test_an_index_that_branches_is_told_of_take():
    h = compiled(lambda x: x * int(x))
    with pytest.warns(RetraceWarning, match=r"`int\(x\)`.*take\(table, index\)"):
        assert [h(k + 0.25) for k in range(60)] == [(k + 0.25) * k for k in range(60)]


def test_a_program_with_many_ways_to_branch_says_so_too():
    bits = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]

    def f(x):
        total = x * 0.0
        for bit in reversed(bits):
            if x - total >= bit:
                total = total + bit
        return total * x

    g = compiled(f, traces=8)
    rng = random.Random(1)
    numbers = [rng.uniform(0.0, 128.0) for _ in range(300)]
    with pytest.warns(RetraceWarning, match=r"where\(condition, a, b\)"):
        assert [g(x) for x in numbers] == [math.floor(x) * x for x in numbers]


def test_a_function_that_is_always_run_anew_rests():
    counted = Counted(lambda x: x * x.data.__float__())
    g = compiled(counted, traces=4)
    with pytest.warns(RetraceWarning):
        found = [g.value_and_grad(float(k)) for k in range(200)]
    assert found == [(float(k * k), float(k)) for k in range(200)]
    report = g.report(measure=False).calls[0]
    assert report.reruns == counted.runs == 200
    assert report.resting_why
    assert "runs eagerly: it branches anew" in str(report)
    for _ in range(40):  # as long as it rests, then it is replayed again
        assert g(3.0) == 9.0
    while g.report(measure=False).calls[0].resting_why:
        g(3.0)
    runs = counted.runs
    assert [g(3.0), g(3.0), g(3.0)] == [9.0] * 3
    assert counted.runs <= runs + 1


def test_a_rare_branch_warns_nobody():
    g = compiled(lambda x: x * 2.0 if x > 0 else x * 3.0)
    for k in range(200):  # warnings are errors here
        x = -1.0 if k % 2 else 1.0
        assert g(x) == (2.0 if x > 0 else -3.0)


def test_training_and_use_of_a_model_have_traces_of_their_own():
    model = nn.Sequential(nn.Linear(2, 3, seed=0), nn.Dropout(0.5, seed=1), nn.Linear(3, 1, seed=2))
    f = compiled(lambda x: model(x)[0])
    x = [1.0, -2.0]
    model.eval()
    wanted = model(x)[0].data
    assert [f(x), f(x)] == [wanted] * 2
    model.train()
    drawn = {round(f(x), 12) for _ in range(60)}
    assert 2 <= len(drawn) <= 8  # each of three numbers is kept or not
    model.eval()
    assert [f(x), f(x)] == [wanted] * 2


@pytest.mark.parametrize("executor", ["python", "numpy"])
@pytest.mark.parametrize("ask", ["value", "value and gradient"])
def test_a_branch_on_drawn_numbers_goes_each_way_as_often_as_in_eager_code(executor, ask):
    drop = nn.Dropout(0.5, seed=1)
    f = compiled(lambda x: drop([x])[0] * 1.0 if drop([x])[0] > 0 else x * 0.0 + 5.0, executor=executor)
    low = sum((f(1.0) if ask == "value" else f.value_and_grad(1.0)[0]) == 5.0 for _ in range(400))
    assert 140 < low < 260  # six standard deviations; a trace that is tried first has 100 or 300


def test_drawn_numbers_are_those_that_eager_code_draws():
    def network():
        return nn.Sequential(nn.Linear(2, 8, seed=0), nn.Dropout(0.5, seed=1), nn.Linear(8, 1, seed=2))

    eager, model = network(), network()
    eager.train()
    model.train()
    f = compiled(lambda x: model(x)[0])
    x = [1.0, -2.0]
    assert [f(x) for _ in range(20)] == pytest.approx([eager(x)[0].data for _ in range(20)], rel=1e-12)
    g = compiled(lambda x: model(x)[0])
    for _ in range(5):
        value, gradient = g.value_and_grad(x)
        expected = ag.value_and_grad(lambda x: eager(x)[0])(x)
        assert value == pytest.approx(expected[0], rel=1e-12)
        assert gradient == pytest.approx(expected[1], rel=1e-12)


def test_a_branch_on_drawn_numbers_keeps_their_distribution():
    dropout = nn.Dropout(0.5, seed=0)
    f = compiled(lambda x: x * 2.0 if dropout([x])[0] > 0 else x * 3.0)
    doubled = sum(f(1.0) == 2.0 for _ in range(400))
    assert 150 < doubled < 250
    assert "random numbers" in str(f.report())


def test_many_structures_of_arguments_are_kept_within_bounds():
    counted = Counted(lambda x: ops.sum(x))
    g = compiled(counted, executor="auto")
    for length in range(1, 300):
        assert g([1.0] * length) == length
    assert len(g.traces) <= 256
    assert g([1.0]) == 1.0


def test_the_report_counts_and_measures():
    g = compiled(lambda x: x.exp() if x > 0 else x * 2.0)
    assert "not called" in str(g.report())
    for k in range(50):
        g(1.0 if k % 10 else -1.0)
        g.value_and_grad(1.0)
    report = g.report()
    (calls,) = report.calls
    assert (calls.calls, calls.reruns, len(calls.traces)) == (100, 2, 2)
    assert [trace.guards for trace in calls.traces] == [1, 1]
    (guard,) = calls.guards
    assert guard.text == "x > 0"
    assert guard.place.startswith("test_compile_traces.py:")
    assert guard.misses >= 5
    assert guard.reruns == 1
    assert calls.value_seconds > 0.0
    assert calls.gradient_seconds > 0.0
    assert calls.eager_nodes >= 2
    assert calls.break_even > 0
    assert all(trace.why and trace.executor for trace in calls.traces)
    assert report.calls[0].traces[0].executor in str(report)
    unmeasured = compiled(lambda x: x)
    unmeasured(1.0)
    assert unmeasured.report(measure=False).calls[0].break_even is None


def test_auto_says_why():
    small = compiled(lambda x: x * 2.0)
    small(1.0)
    why = small.report(measure=False).calls[0].traces[0].why
    assert "1 operation" in why


def test_sums_are_not_reassociated_when_that_is_asked():
    numbers = [1e16, 1.0, -1e16, 1.0] * 50
    f = compiled(lambda x: sum(v * 1.5 for v in x), fuse=False)
    expected = 0.0
    for number in numbers:
        expected += number * 1.5
    assert [f(numbers), f(numbers)] == [expected] * 2
    assert f(np.array(numbers)) == expected
