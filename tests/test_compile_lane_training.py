"""Training with batches in lanes: the states and losses of training one row after the other."""

from __future__ import annotations

from itertools import pairwise

import pytest

from autograd_lite import Value, ops
from autograd_lite.errors import CompileError

pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
numpy = pytest.importorskip("numpy")

from autograd_lite.compiling.building import TapeBuilder  # noqa: E402
from autograd_lite.compiling.lane_training import prepare_training  # noqa: E402
from autograd_lite.compiling.llvm_training import prepare_training as one_by_one  # noqa: E402
from autograd_lite.compiling.rules_of_update import rule_tape  # noqa: E402
from autograd_lite.compiling.training import Mark, TrainingProgram, TrainingState, UpdateRule  # noqa: E402


def momentum(p, g, speed, *, lr, t):
    speed = 0.9 * speed + g
    return p - lr * speed, speed


def adam(p, g, mean, square, *, lr, t):
    mean, square = 0.9 * mean + 0.1 * g, 0.99 * square + 0.01 * g * g
    return p - lr * (mean / (1.0 - 0.9**t)) / ((square / (1.0 - 0.99**t)) ** 0.5 + 1e-8), mean, square


def network(widths, activation="tanh", guard=False):
    """The squared error of a network, as a tape with weights as parameters."""
    b = TapeBuilder()
    row = ops.TABLE
    inputs = [b.input() for _ in range(widths[0])]
    target, hidden = b.input(), inputs
    for layer, (_, n) in enumerate(pairwise(widths)):
        sums = []
        for _ in range(n):
            total = b.parameter(Value(0.0))
            for x in hidden:
                total = b.apply(row["add"], (total, b.apply(row["mul"], (b.parameter(Value(0.0)), x))))
            sums.append(total)
        last = layer == len(widths) - 2
        hidden = sums if last else [b.apply(row[activation], (x,)) for x in sums]
    if guard:
        b.guard(b.apply(row["less"], (inputs[0], b.constant(2.5))), 1.0)
    return b.finish([b.apply(row["square"], (b.apply(row["sub"], (hidden[0], target)),))])


def program(tape, *, rules=((adam, 2),), **settings):
    count = len(tape.parameters)
    bounds = [count * k // len(rules) for k in range(len(rules) + 1)]
    updates = [
        UpdateRule(rule_tape(rule, width), *bound)
        for (rule, width), bound in zip(rules, pairwise(bounds), strict=True)
    ]
    settings = {"trained": count, "places": tuple(range(count)), "reached": bytes([1]) * count, **settings}
    return TrainingProgram(loss=tape, rules=tuple(updates), **settings)


def trained(prepare, given, rows, order, ends, counts=None):
    rng = numpy.random.default_rng(1)
    size = max(given.places) + 1
    memory = sum(rule.width * (rule.stop - rule.start) for rule in given.rules)
    state = TrainingState(
        rng.normal(size=size) * 0.5,
        numpy.zeros(memory),
        numpy.zeros(given.trained),
        numpy.zeros(given.trained),
    )
    if counts is not None:
        state.counts[:] = counts
    steps = len(ends) - 1
    rates = numpy.linspace(0.05, 0.01, steps * len(given.rules)).reshape(steps, -1).copy()
    measured = numpy.full((steps, 3), numpy.nan)
    done = prepare(given).run(state, rows, numpy.asarray(order), numpy.asarray(ends), rates, measured)
    return done, state, measured


def compared(given, rows, order, ends, counts=None):
    both = (prepare_training, one_by_one)
    one, other = (trained(prepare, given, rows, order, ends, counts) for prepare in both)
    assert one[0] == other[0]
    for name in ("numbers", "state", "counts", "gradient"):
        numpy.testing.assert_allclose(getattr(one[1], name), getattr(other[1], name), rtol=1e-9, atol=1e-11)
    numpy.testing.assert_allclose(one[2], other[2], rtol=1e-9, atol=1e-12)
    return one


@pytest.fixture
def rng():
    return numpy.random.default_rng(5)


@pytest.mark.parametrize(
    "settings",
    [{}, {"clip_norm": 0.1}, {"clip_value": 0.01}, {"rules": ((momentum, 1), (adam, 2))}],
    ids=["plain", "clipped norm", "clipped values", "two groups"],
)
def test_steps_are_those_of_one_row_after_the_other(rng, settings):
    rows = rng.normal(size=(300, 3))
    order = numpy.concatenate([rng.permutation(300) for _ in range(3)])
    ends = [0, 1, 60, 300, 430, 600, 900]
    done, _, _ = compared(program(network([2, 5, 1]), **settings), rows, order, ends)
    assert done == 6


def test_parameters_that_were_moved_more_often_than_others(rng):
    given = program(network([2, 3, 1]))
    counts = rng.integers(0, 9, size=given.trained)
    _, state, _ = compared(given, rng.normal(size=(50, 3)), rng.permutation(50), [0, 20, 50], counts)
    assert (state.counts == counts + 2).all()


def test_a_kernel_moves_parameters_together_or_not(rng):
    given = program(network([2, 3, 1]))
    kernel, rows = prepare_training(given), rng.normal(size=(50, 3))
    for counts in (0, range(given.trained), 4):
        counts = numpy.broadcast_to(numpy.array(counts), given.trained)
        found = trained(lambda _: kernel, given, rows, range(50), [0, 20, 50], counts)
        expected = trained(one_by_one, given, rows, range(50), [0, 20, 50], counts)
        numpy.testing.assert_allclose(found[1].numbers, expected[1].numbers, rtol=1e-9)


def test_many_parameters(rng):
    given = program(network([30, 11, 1]), rules=((momentum, 1), (adam, 2)))
    compared(given, rng.normal(size=(90, 31)), rng.permutation(90), [0, 33, 90])


def test_some_numbers_are_not_trained(rng):
    tape = network([2, 3, 1])
    count = len(tape.parameters)
    given = program(
        tape,
        trained=count - 4,
        places=(*range(count - 4, count), *range(count - 4)),
        reached=bytes([1]) * (count - 4),
    )
    rule = given.rules[0]._replace(stop=count - 4)
    given = TrainingProgram(**{**vars(given), "rules": (rule,)})
    compared(given, rng.normal(size=(50, 3)), rng.permutation(50), [0, 20, 50])


def test_a_guard_that_misses_ends_the_run_before_its_step(rng):
    rows = rng.normal(size=(40, 3)).clip(-2.0, 2.0)
    rows[25, 0] = 3.0
    done, _, measured = compared(
        program(network([2, 3, 1], guard=True)), rows, range(40), [0, 10, 20, 30, 40]
    )
    assert done == 2
    assert numpy.isnan(measured[2:]).all()


def test_numbers_that_are_not_finite_end_the_run(rng):
    rows = rng.normal(size=(30, 3))
    rows[12] = numpy.inf
    assert compared(program(network([2, 3, 1])), rows, range(30), [0, 10, 20, 30])[0] == 1


def test_the_rule_for_zero(rng):
    b, row = TapeBuilder(), ops.TABLE
    x, w = b.input(), b.parameter(Value(0.0))
    root = b.apply(row["sqrt"], (b.apply(row["mul"], (b.apply(row["mul"], (x, w)), w)),))
    positive = b.apply(row["greater"], (x, b.constant(0.0)))
    tape = b.finish([b.apply(row["choose"], (positive, b.apply(row["mul"], (root, w)), b.constant(1.0)))])
    rows = numpy.array([[1.0], [0.0], [2.0], [0.0], [0.5], [3.0]])
    given = program(tape, rules=((momentum, 1),))
    assert compared(given, rows, range(6), [0, 2, 4, 6])[0] == 3


def test_a_table_of_which_a_row_reaches_one_entry(rng):
    b, row = TapeBuilder(), ops.TABLE
    index, target = b.input(), b.input()
    table = [b.parameter(Value(0.0)) for _ in range(6)]
    found = b.take(index, table)
    loss = b.apply(row["square"], (b.apply(row["sub"], (b.apply(row["tanh"], (found,)), target)),))
    given = program(b.finish([loss, index]), reached=bytes(6), marks=(Mark(1, tuple(range(6))),))
    rows = numpy.column_stack([rng.integers(0, 5, size=40), rng.normal(size=40)]).astype(float)
    _, state, _ = compared(given, rows, range(40), [0, 3, 5, 40])
    assert state.counts[5] == 0


def test_a_kernel_runs_again_with_larger_batches(rng):
    given = program(network([2, 4, 1]))
    kernel = prepare_training(given)
    rows = rng.normal(size=(400, 3))
    for ends in ([0, 10], [0, 400], [0, 100, 400]):
        found = trained(lambda _: kernel, given, rows, range(400), ends)
        expected = trained(one_by_one, given, rows, range(400), ends)
        numpy.testing.assert_allclose(found[1].numbers, expected[1].numbers, rtol=1e-9)


def test_what_lanes_do_not_train_is_refused():
    b, row = TapeBuilder(), ops.TABLE
    x, w = b.input(), b.parameter(Value(0.0))
    tape = b.finish([b.apply(row["mul"], (x, b.apply(row["exp"], (w,))))])
    with pytest.raises(CompileError, match="parameters alone"):
        prepare_training(program(tape))


def test_a_rule_that_branches_is_refused():
    def branching(p, g, *, lr, t):
        return (p - lr * g if g > 0.0 else p,)

    with pytest.raises(CompileError, match="branches"):
        prepare_training(program(network([2, 2, 1]), rules=((branching, 0),)))
