"""Planning, read back one number at a time, against the tape it was made from."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("numpy", reason="plans are arrays")

import numpy
from compiled_programs import PROGRAMS, Writer, chain, tape_of
from plan_reader import Reader, run_lanes, run_plan, run_tape

from autograd_lite import ops
from autograd_lite.compiling.differentiating import edges
from autograd_lite.compiling.instructions import DOT, DOT_LIST, FIELDS, SUM_LIST
from autograd_lite.compiling.planning import make_plan
from autograd_lite.compiling.runs import stretches
from autograd_lite.compiling.tape import CHAIN, CODE


def close(found, expected):
    found, expected = numpy.asarray(found), numpy.asarray(expected)
    scale = numpy.abs(expected[numpy.isfinite(expected)]).max(initial=1.0)
    assert numpy.allclose(found, expected, rtol=1e-12, atol=1e-13 * scale, equal_nan=True), (found, expected)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("reorder", [True, False])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_plan_computes_what_its_tape_says(name, reorder, fuse):
    tape, leaves = tape_of(name)
    seeds = [0.5 + k for k in range(len(tape.outputs))]
    outputs, gradients = run_tape(tape, leaves, seeds)
    plan = make_plan(tape, range(tape.leaves), fuse=fuse, reorder=reorder)
    found, slopes = run_plan(plan, leaves, seeds)
    close(found, outputs)
    close(slopes, gradients)
    if not fuse:
        assert found == outputs  # bit for bit: nothing is added in another order


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("name", PROGRAMS)
def test_lanes_compute_what_the_tape_says_whichever_leaves_are_batched(name, share, fuse):
    tape, leaves = tape_of(name)
    rng = random.Random(f"{name}{share}")
    batched = [rng.random() < share for _ in leaves]
    outputs, gradients = run_tape(tape, leaves)
    for reorder in (True, False):
        plan = make_plan(tape, range(tape.leaves), fuse=fuse, batched=batched, reorder=reorder)
        found, each, summed = run_lanes(plan, leaves, batched)
        close(found, outputs)
        close(each, [slope for slope, own in zip(gradients, batched, strict=True) if own])
        close(summed, [slope for slope, own in zip(gradients, batched, strict=True) if not own])


def test_only_wanted_leaves_get_gradients_and_nothing_flows_elsewhere():
    tape, leaves = tape_of("sums")
    _, gradients = run_tape(tape, leaves)
    close(run_plan(make_plan(tape, [4, 1]), leaves)[1], [gradients[4], gradients[1]])
    assert not make_plan(tape, []).code[:, FIELDS.index("active")].any()


@pytest.mark.parametrize(("width", "depth"), [(1, 50), (300, 12)])
def test_what_depends_on_nothing_wanted_gets_no_gradient_however_deep_it_is(width, depth):
    w = Writer()
    x, y = w.leaves(2)
    ends = []
    for leaf in (x, y):
        for k in range(width):
            node = leaf * (k + 1.0)
            for _ in range(depth):
                node = w.apply(ops.sin, node)
            ends.append(node)
    guarded = ends[0]
    for _ in range(depth):
        guarded = w.apply(ops.cos, guarded)
    w.guard(guarded, 1.0)  # needed, but no output
    tape = w.builder.finish([sum(ends[1:], ends[0]).number])
    code = make_plan(tape, [0]).code
    op, count, active = (code[:, FIELDS.index(name)] for name in ("op", "count", "active"))
    assert count[(op == CODE["sin"]) & (active == 1)].sum() == width * depth
    assert count[(op == CODE["sin"]) & (active == 0)].sum() == width * depth
    assert not active[op == CODE["cos"]].any()
    assert run_plan(make_plan(tape, [0]), [0.5, 0.4])[1] == pytest.approx(run_tape(tape, [0.5, 0.4])[1][:1])


def test_a_network_of_scalars_becomes_a_few_products_of_runs():
    tape, _ = tape_of("network")
    plan = make_plan(tape, range(tape.leaves), reorder=True)
    kinds = plan.code[:, FIELDS.index("op")]
    assert len(tape.codes) > 500
    assert len(plan.code) <= 22
    assert not numpy.isin(kinds, (DOT_LIST, SUM_LIST)).any()
    rows, count = (plan.code[kinds == DOT, FIELDS.index(name)] for name in ("rows", "count"))
    assert (rows * count).sum() >= 4 * (15 + 25 + 5)


def test_leaves_move_where_that_makes_a_run():
    """A neuron that starts with its bias meets w0, b, w1, …"""
    w = Writer()
    x, neurons = w.leaves(4), [w.leaves(5) for _ in range(6)]
    found = [sum((a * b for a, b in zip([p[0], *p[2:]], x, strict=True)), p[1]) for p in neurons]
    tape = w.builder.finish([node.number for node in found])
    plan, plain = make_plan(tape, range(34), reorder=True), make_plan(tape, range(34))
    assert (len(plan.code), len(plain.code)) == (1, 6)
    assert plain.places is None
    assert sorted(plan.places.tolist()) == list(range(34))
    leaves = [0.1 * k for k in range(34)]
    assert run_plan(plan, leaves)[1] == pytest.approx(run_tape(tape, leaves)[1])


def test_attention_is_grouped_over_positions():
    tape, _ = tape_of("attention")
    assert len(make_plan(tape, range(tape.leaves)).code) <= len(tape.codes) // 2


def test_steps_that_can_wait_join_their_kind():
    """The first of three chains is one step shorter; its last two steps still stand with the others."""
    w = Writer()
    x = w.leaves(3)
    short = [x[0], w.apply(ops.sin, x[1]), w.apply(ops.sin, x[2])] * 100
    ends = [w.apply(ops.exp, w.apply(ops.tanh, node * (k + 1.5))) for k, node in enumerate(short)]
    tape = w.builder.finish([sum(ends[1:], ends[0]).number])
    code = make_plan(tape, range(3)).code
    counts = code[code[:, 0] == CODE["tanh"], FIELDS.index("count")]
    assert counts.tolist() == [300]


def test_a_deep_chain_is_planned_without_recursion_and_one_instruction_an_operation():
    tape = chain(20_000)
    plan = make_plan(tape, [0, 1])
    assert len(plan.code) <= len(tape.codes)
    outputs, gradients = run_tape(tape, [0.3, 0.9])
    found, slopes = run_plan(plan, [0.3, 0.9])
    close(found, outputs)
    close(slopes, gradients)


def test_guards_keep_their_places_in_lanes():
    w = Writer()
    x, y = w.leaves(2)
    above, below = w.apply(ops.greater, x, 0.0), w.apply(ops.less, y, 5.0)
    w.guard(below, 1.0)
    w.guard(above, 1.0)
    tape = w.builder.finish([(x * y).number])
    plan = make_plan(tape, [0], batched=[True, False])
    assert plan.uniform is not None
    assert (plan.numbers.tolist(), plan.uniform.numbers.tolist()) == ([1], [0])
    assert plan.expected.tolist() == [1.0]


def test_a_tape_of_no_operations():
    w = Writer()
    x, y = w.leaves(2)
    tape = w.builder.finish([y.number, w.builder.constant(3.0), y.number])
    assert run_plan(make_plan(tape, [0, 1], reorder=True), [1.0, 2.0]) == ([2.0, 3.0, 2.0], [0.0, 2.0])
    for batched in ([True, False], [False, True]):
        outputs, each, summed = run_lanes(make_plan(tape, [0, 1], batched=batched), [1.0, 2.0], batched)
        assert outputs == [2.0, 3.0, 2.0]
        assert sorted(each + summed) == [0.0, 2.0]
    assert x.number == 0


def test_gradients_flow_where_slopes_are_not_always_zero():
    assert tuple(edges(CODE["sign"], 1)) == (False,)
    assert tuple(edges(CODE["greater"], 2)) == (False, False)
    assert tuple(edges(CODE["power"], 2)) == (True, False)
    assert tuple(edges(CHAIN, 2)) == (True, True)


def test_what_is_guarded_has_a_slot_of_its_own():
    w = Writer()
    x, y = w.leaves(2)
    product = x * y
    w.guard(product, 6.0)
    plan = make_plan(w.builder.finish([(product + y).number]), [0])
    reader = Reader(plan, [2.0, 3.0])
    assert reader.forward() == [9.0]
    assert [reader.v[slot] for slot in plan.guards] == [6.0]


def test_stretches_share_no_entry_and_what_is_left_over_goes_in_pairs():
    apart = numpy.zeros(9, dtype=bool)
    assert stretches(apart[:5], [numpy.array([0, 1, 2, 4, 6])]).tolist() == [0, 3]
    assert stretches(apart, [numpy.array([0, 1, 2, 9, 3, 7, 10, 11, 12])]).tolist() == [0, 3, 5, 6]
    apart[2] = True
    assert stretches(apart[:5], [numpy.array([0, 1, 2, 3, 4])]).tolist() == [0, 2]


@pytest.mark.parametrize("seed", range(20))
def test_stretches_are_progressions_and_leave_nothing_out(seed):
    rng = numpy.random.default_rng(seed)
    size = int(rng.integers(1, 60))
    column = numpy.cumsum(rng.choice([1, 1, 1, 1, 5], size))
    apart = rng.random(size) < 0.1
    begins = stretches(apart, [column, numpy.zeros(size, dtype=int)])
    assert begins[0] == 0
    for begin, end in zip(begins, [*begins[1:], size], strict=True):
        assert len(set(numpy.diff(column[begin:end]).tolist())) <= 1
        assert not apart[begin + 1 : end].any()
