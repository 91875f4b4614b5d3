"""Training in one native function, against the same steps done by the eager engine."""

from __future__ import annotations

import math

import pytest

from autograd_lite import Value, nn, ops
from autograd_lite.compiling.arguments import flatten_call
from autograd_lite.compiling.building import TapeBuilder
from autograd_lite.compiling.rules_of_update import rule_tape
from autograd_lite.compiling.tracer import trace
from autograd_lite.compiling.training import Mark, TrainingProgram, TrainingState, UpdateRule
from autograd_lite.errors import ArgumentError, CompileError

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite", reason="training in native code (extra `fast`)")

from autograd_lite.compiling import llvm_engine  # noqa: E402
from autograd_lite.compiling.llvm_training import prepare_training  # noqa: E402

ROWS = [[-1.0, -1.0, 0.0], [-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, 0.0]]


def adam(p, g, m, v, lr=0.1, t=1.0):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    return p - lr * (m / (1.0 - 0.9**t)) / (ops.sqrt(v / (1.0 - 0.999**t)) + 1e-8), m, v


def descent(p, g, lr=0.1, t=1.0):
    return (p - lr * g,)


def tape_of(f, *numbers):
    return trace(f, flatten_call(numbers, {}, ())).tape


def places(tape, parameters):
    known = {id(parameter): k for k, parameter in enumerate(parameters)}
    return tuple(known[id(parameter)] for parameter in tape.parameters)


def program_of(loss, parameters, rules=(), penalty=None, width=3, **settings):
    tape = tape_of(loss, *[1.0] * width)
    rules = rules or ((adam, 2, 0, len(parameters)),)
    made = tuple(UpdateRule(rule_tape(rule, count), start, stop) for rule, count, start, stop in rules)
    if penalty is not None:
        term = tape_of(penalty)
        settings |= {"penalty": term, "penalty_places": places(term, parameters)}
    settings.setdefault("trained", len(parameters))
    return TrainingProgram(tape, places(tape, parameters), rules=made, **settings)


def state_of(program, parameters):
    size = sum(rule.width * (rule.stop - rule.start) for rule in program.rules)
    numbers = np.array([parameter.data for parameter in parameters])
    trained = program.trained
    return TrainingState(numbers, np.zeros(size), np.zeros(trained), np.zeros(trained))


def run(program, state, rows, batches, rates):
    """Steps over batches given as lists of rows' places; the count of steps done and what was measured."""
    order = np.array([place for batch in batches for place in batch], dtype=np.int64)
    ends = np.cumsum([0, *map(len, batches)]).astype(np.int64)
    rates = np.array(rates, dtype=float).reshape(len(batches), len(program.rules))
    measured = np.full((len(batches), 3), np.nan)
    kernel = prepare_training(program)
    return kernel.run(state, np.array(rows, dtype=float), order, ends, rates, measured), measured


def eager(
    loss, parameters, rows, batches, rates, *, rule=adam, penalty=None, clip_value=None, clip_norm=None
):
    """The same steps as `training.py` describes them, with graphs."""
    states = [(0.0, 0.0) if rule is adam else () for _ in parameters]
    measured = []
    for t, (batch, rate) in enumerate(zip(batches, rates, strict=True), 1):
        for parameter in parameters:
            parameter.zero_grad()
        total = 0.0
        for place in batch:
            term = loss(*rows[place])
            term.backward(1.0 / len(batch))
            total += term.data / len(batch)
        added = 0.0
        if penalty is not None:
            term = penalty()
            term.backward()
            added = term.data
        slopes = [parameter.grad for parameter in parameters]
        measured.append((total, added, math.hypot(*slopes)))
        if clip_value is not None:
            slopes = [min(max(slope, -clip_value), clip_value) for slope in slopes]
        if clip_norm is not None:
            scale = clip_norm / (math.hypot(*slopes) + 1e-6)
            slopes = [slope * scale if scale < 1.0 else slope for slope in slopes]
        for k, (parameter, slope) in enumerate(zip(parameters, slopes, strict=True)):
            number, *states[k] = rule(parameter.data, slope, *states[k], lr=rate, t=float(t))
            parameter.data = number
    return measured, slopes


def network(activation="tanh"):
    model = nn.MLP(2, [4, 1], activation=activation, seed=0)

    def loss(a, b, wanted):
        return (model([a, b]) - wanted) ** 2

    return model.parameters(), loss


@pytest.mark.parametrize(
    "settings", [{}, {"clip_value": 0.05}, {"clip_norm": 0.1}, {"penalised": True}], ids=str
)
def test_steps_have_the_numbers_of_eager_steps(settings):
    settings = dict(settings)
    parameters, loss = network()
    penalised = settings.pop("penalised", False)
    penalty = (lambda: 0.01 * ops.sum(p * p for p in parameters[:5])) if penalised else None
    program = program_of(loss, parameters, penalty=penalty, **settings)
    state = state_of(program, parameters)
    batches = [[0, 1, 2], [3], [2, 0]] * 30
    rates = [0.05 / (1 + k) for k in range(len(batches))]
    done, measured = run(program, state, ROWS, batches, rates)
    expected, slopes = eager(loss, parameters, ROWS, batches, rates, penalty=penalty, **settings)
    assert done == len(batches)
    assert measured == pytest.approx(np.array(expected), rel=1e-9)
    assert state.numbers == pytest.approx([p.data for p in parameters], rel=1e-9)
    assert state.gradient == pytest.approx(slopes, rel=1e-9)
    assert list(state.counts) == [len(batches)] * len(parameters)


def test_groups_have_rules_and_rates_of_their_own_and_others_stay():
    w, b, fixed = Value(2.0), Value(-1.0), Value(3.0)
    program = program_of(
        lambda x, y, z: (w * x + b * fixed - y) ** 2, [w, b, fixed],
        rules=((descent, 0, 0, 1), (adam, 2, 1, 2)), trained=2,
    )  # fmt: skip
    state = state_of(program, [w, b, fixed])
    done, _ = run(program, state, [[1.0, 0.5, 0.0]], [[0], [0]], [[0.1, 0.2], [0.0, 0.2]])
    assert done == 2
    first = 2.0 * (2.0 - 3.0 - 0.5)
    moved = 2.0 - 0.1 * first
    assert state.numbers[0] == pytest.approx(moved)
    step = adam(-1.0, 3.0 * first, 0.0, 0.0, lr=0.2, t=1.0)
    second = 2.0 * (moved + 3.0 * step[0] - 0.5)
    assert state.numbers[1:] == pytest.approx(
        [adam(*step[:1], 3.0 * second, *step[1:], lr=0.2, t=2.0)[0], 3.0]
    )


def test_a_table_moves_only_the_entries_that_rows_reach():
    table, scale = [Value(float(k)) for k in range(4)], Value(1.0)
    parameters = [scale, *table]
    builder = TapeBuilder()
    index = builder.input("index")
    nodes = [builder.parameter(value) for value in parameters]
    taken = builder.take(index, nodes[1:])
    tape = builder.finish([builder.apply(ops.square, (builder.apply(ops.mul, (taken, nodes[0])),)), index])
    program = TrainingProgram(
        tape, (0, 1, 2, 3, 4), 5, (UpdateRule(rule_tape(descent, 0), 0, 5),),
        reached=bytes([1, 0, 0, 0, 0]), marks=(Mark(1, (1, 2, -1, 4)),),
    )  # fmt: skip
    state = state_of(program, parameters)
    done, _ = run(program, state, [[1.0], [2.0], [3.0]], [[0], [2, 1]], [[0.1], [0.0]])
    assert done == 2
    assert list(state.counts) == [2, 0, 1, 0, 1]
    assert list(state.numbers) == pytest.approx([0.8, 0.0, 0.8, 2.0, 3.0])
    done, _ = run(program, state, [[9.0]], [[0]], [[0.1]])
    assert done == 0


def test_a_run_ends_before_a_step_that_is_not_finite_and_after_one_that_leads_astray():
    w = Value(2.0)
    program = program_of(lambda x: ops.log(x) * w, [w], rules=((descent, 0, 0, 1),), width=1)
    state = state_of(program, [w])
    done, measured = run(program, state, [[1.0], [math.e], [0.0]], [[0], [1], [2], [1]], [[0.5]] * 4)
    assert (done, list(state.numbers)) == (2, [1.5])
    assert measured[:2, 0] == pytest.approx([0.0, 2.0])
    assert np.isnan(measured[2:]).all()
    assert list(state.gradient) == [1.0]
    done, _ = run(program, state, [[math.e]], [[0], [0], [0]], [[1e308], [1e308], [1e308]])
    assert done == 2
    assert state.numbers[0] == -math.inf


def test_a_guard_that_misses_ends_the_run_before_its_step():
    w = Value(1.0)

    def loss(x):
        return w * x if x > 0.0 else w * x * x

    program = program_of(loss, [w], rules=((descent, 0, 0, 1),), width=1)
    state = state_of(program, [w])
    done, _ = run(program, state, [[1.0], [-1.0]], [[0], [0, 1], [0]], [[0.25]] * 3)
    assert (done, list(state.numbers), list(state.counts)) == (1, [0.75], [1.0])


def test_the_rule_for_zero_holds_in_a_step():
    w = Value(0.0)

    def loss(x):
        return ops.choose(ops.greater(w, 1.0), ops.sqrt(w), x * w)

    program = program_of(loss, [w], rules=((descent, 0, 0, 1),), width=1)
    state = state_of(program, [w])
    done, _ = run(program, state, [[-2.0]], [[0], [0], [0]], [[0.0], [0.5], [0.5]])
    assert done == 3  # the slope of the root is infinite at 0, where it is not chosen
    assert list(state.numbers) == [pytest.approx(1.0 + 0.5 * 2.0)]


def test_norms_neither_overflow_nor_vanish():
    for size in (1e200, 1e-200, 3.0):
        w, b = Value(0.0), Value(0.0)
        program = program_of(
            lambda x, w=w, b=b: (3.0 * w + 4.0 * b) * x, [w, b], ((descent, 0, 0, 2),), width=1
        )
        done, measured = run(program, state_of(program, [w, b]), [[size]], [[0]], [[0.0]])
        assert done == 1
        assert measured[0, 2] == pytest.approx(5.0 * size, rel=1e-15)


def test_a_rule_that_branches_is_refused():
    def rule(p, g, lr=0.1, t=1.0):
        return (p - lr * g if g > 0.0 else p,)

    with pytest.raises(CompileError, match=r"use ops\.where"):
        prepare_training(program_of(lambda x: x * Value(1.0), [], ((rule, 0, 0, 0),), width=1))


def test_a_function_that_c_does_not_have_is_told():
    with pytest.raises(ArgumentError, match="has no nonesuch"):
        llvm_engine.compiled("", "f", (), ["nonesuch"])


def test_arrays_that_do_not_fit_are_refused_before_they_are_touched():
    w = Value(1.0)
    program = program_of(lambda x: x * w, [w], ((adam, 2, 0, 1),), width=1)
    state = state_of(program, [w])
    with pytest.raises(ArgumentError, match="rows among 1"):
        run(program, state, [[1.0]], [[0], [1]], [[0.1]] * 2)
    with pytest.raises(ArgumentError, match=r"another size or kind .* \['state'\]"):
        run(
            program,
            TrainingState(state.numbers, np.zeros(1), state.counts, state.gradient),
            [[1.0]],
            [[0]],
            [0.1],
        )
    with pytest.raises(ArgumentError, match=r"\['numbers'\]"):
        run(
            program,
            TrainingState(np.zeros(1, "f4"), state.state, state.counts, state.gradient),
            [[1.0]],
            [[0]],
            [0.1],
        )
