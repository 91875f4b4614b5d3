"""Programs over a batch, a sample in each lane: the numbers of the eager engine, for every op and edge."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from support import settings_of, swept

from autograd_lite import Value, ops
from autograd_lite.errors import ArgumentError

pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
numpy = pytest.importorskip("numpy")

from autograd_lite.compiling.building import TapeBuilder  # noqa: E402
from autograd_lite.compiling.lanes import prepare_lanes  # noqa: E402
from autograd_lite.compiling.tape import ROWS as ROW  # noqa: E402
from autograd_lite.compiling.tape import TAKE, passes  # noqa: E402

NAN, INF = math.nan, math.inf
# CPython sums squares exactly; here they are rounded
BOUNDS = {"norm": 6.0, "logsumexp": 6.0, "polygamma": 64.0}
# next to a zero of mish's slope, which is a difference of two numbers thirty times as large
SLOPES = {"polygamma": 64.0, "mish": 32.0}


def points_of(row):
    """The row's points and edges, in lists of the same number of operands."""
    by_count = {}
    for point in (*row.points, *row.edges):
        by_count.setdefault(len(point), []).append(point)
    return by_count.values()


def tape_of(row, count, settings):
    builder = TapeBuilder()
    operands = tuple(builder.input() for _ in range(count))
    return builder.finish([builder.apply(row, operands, settings)])


def ulps(found, exact):
    if exact != exact or found != found or math.isinf(exact) or math.isinf(found):
        return 0.0 if found == exact or (found != found and exact != exact) else INF
    return abs(found - exact) / math.ulp(exact)


def eager(row, point, settings):
    result, leaves = swept(row, point, settings)
    return float(result.data), [leaf.grad for leaf in leaves]


ROWS = [row for row in ops.TABLE.values() if row.name != "select" and (row.points or row.edges)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_agrees_with_eager(row):
    for settings in settings_of(row):
        for points in points_of(row):
            count = len(points[0])
            lanes = prepare_lanes(tape_of(row, count, settings), [True] * count, range(count))
            found = lanes.gradients(points, [])
            assert found.missed is None
            for point, output, slopes in zip(points, found.outputs[:, 0], found.each, strict=True):
                value, gradients = eager(row, point, settings)
                assert ulps(output, value) <= BOUNDS.get(row.name, 4.0), (point, output, value)
                for slope, gradient in zip(slopes, gradients, strict=True):
                    assert ulps(slope, gradient) <= SLOPES.get(row.name, 4.0), (point, slopes, gradients)


# --- programs -----------------------------------------------------------------------------------------------


class Program:
    """A tape by the names of rows, and the same program on Values, from the tape itself."""

    def __init__(self, inputs):
        self.builder = TapeBuilder()
        self.inputs = [self.builder.input() for _ in range(inputs)]

    def __getattr__(self, name):
        row = ops.TABLE[name]
        return lambda *operands: self.builder.apply(row, [self.node(x) for x in operands])

    def node(self, x):
        return self.builder.constant(x) if isinstance(x, float) else x

    def tape(self, *outputs):
        return self.builder.finish(list(outputs))


def eager_tape(tape, numbers):
    """The outputs on Values, and the first guard that misses."""
    leaves = [Value(x) for x in numbers]
    nodes = [*leaves, *tape.constants]
    for k, code in enumerate(tape.codes):
        given = [nodes[operand] for operand in tape.operands_of(k)]
        if code == TAKE:
            table = given[1:]
            nodes.append(table[int(given[0].data if isinstance(given[0], Value) else given[0])])
            continue
        row = ROW[code]
        count = len(given) - len(row.immediates)
        named = dict(zip(row.immediates, given[count:], strict=True))
        if row.name == "dot":
            given, count = [[*given]], 1
        nodes.append(row(*given[:count], **named) if row.arity is not None else row(*given))
    nodes = [node if isinstance(node, Value) else Value(float(node)) for node in nodes]
    missed = -1
    for number, guard in enumerate(tape.guards):
        if missed < 0 and not passes(float(nodes[guard.node].data), guard.expected):
            missed = number
    return leaves, [nodes[output] for output in tape.outputs], missed


def eager_batch(tape, batched, rows, shared):
    """Outputs, gradients of each sample, sums over the samples that missed no guard, and what missed."""
    outputs, each, summed, missed = [], [], [0.0] * len(shared), []
    for row in rows:
        row, rest = iter(row), iter(shared)
        leaves, results, miss = eager_tape(tape, [float(next(row if own else rest)) for own in batched])
        outputs.append([result.data for result in results])
        missed.append(miss)
        ops.sum(*results).backward()
        each.append([leaf.grad for leaf, own in zip(leaves, batched, strict=True) if own])
        if miss < 0:
            own_shared = [leaf.grad for leaf, own in zip(leaves, batched, strict=True) if not own]
            summed = [a + b for a, b in zip(summed, own_shared, strict=True)]
    return numpy.array(outputs), numpy.array(each), numpy.array(summed), numpy.array(missed)


def compared(tape, batched, rows, shared, fuse=True):
    """Lanes against eager, sample by sample; gives what lanes found."""
    lanes = prepare_lanes(tape, batched, range(tape.leaves), fuse)
    found = lanes.gradients(rows, shared)
    outputs, each, summed, missed = eager_batch(tape, batched, rows, shared)
    kept = missed < 0
    if kept.all():
        assert found.missed is None
    else:
        assert found.missed.tolist() == missed.tolist()
    for name, one, other in (
        ("outputs", found.outputs[kept], outputs[kept]),
        ("each", found.each[kept], each[kept]),
        ("summed", found.summed, summed),
    ):
        scale = max(1.0, numpy.nanmax(numpy.abs(numpy.where(numpy.isfinite(other), other, 0.0)), initial=0.0))
        numpy.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12 * scale, err_msg=name)
    values = lanes.values(rows, shared)
    assert numpy.array_equal(values.outputs, found.outputs, equal_nan=True)
    return lanes, found


def network(widths, activation="tanh"):
    """Inputs, a target, weights and biases; the squared error."""
    count = widths[0] + 1
    weights = sum((m + 1) * n for m, n in pairwise(widths))
    p = Program(count + weights)
    hidden, rest = p.inputs[: widths[0]], iter(p.inputs[count:])
    for layer, (_, n) in enumerate(pairwise(widths)):
        sums = []
        for _ in range(n):
            total = p.mul(next(rest), hidden[0])
            for x in hidden[1:]:
                total = p.add(total, p.mul(next(rest), x))
            sums.append(p.add(total, next(rest)))
        hidden = [getattr(p, activation)(x) for x in sums] if layer < len(widths) - 2 else sums
    return p.tape(p.square(p.sub(hidden[0], p.inputs[widths[0]]))), [True] * count + [False] * weights


@pytest.fixture
def rng():
    return numpy.random.default_rng(7)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("samples", [1, 7, 40, 131])
def test_a_network_has_the_gradients_of_each_sample_and_their_sum(rng, samples, fuse):
    tape, batched = network([3, 7, 5, 1])
    weights = rng.normal(size=batched.count(False))
    compared(tape, batched, rng.normal(size=(samples, 4)), weights, fuse)


def test_sums_do_not_depend_on_threads(rng):
    tape, batched = network([2, 6, 1])
    rows, weights = rng.normal(size=(20_000, 3)), rng.normal(size=batched.count(False))
    lanes = prepare_lanes(tape, batched, range(tape.leaves))
    results = []
    for threads in (1, 2, 3, 7):
        lanes.threads = threads
        lanes._threads_for = lambda samples, threads=threads: threads
        results.append(lanes.gradients(rows, weights))
    for other in results[1:]:
        assert numpy.array_equal(other.summed, results[0].summed)
        assert numpy.array_equal(other.each, results[0].each)


def test_an_empty_batch():
    tape, batched = network([2, 3, 1])
    lanes = prepare_lanes(tape, batched, range(tape.leaves))
    found = lanes.gradients(numpy.zeros((0, 3)), numpy.ones(batched.count(False)))
    assert found.outputs.shape == (0, 1)
    assert found.each.shape == (0, 3)
    assert not found.summed.any()


@pytest.mark.parametrize("samples", [5, 300])
def test_a_lane_that_misses_a_guard_counts_in_no_sum(rng, samples):
    p = Program(2)
    x, w = p.inputs
    positive = p.greater(x, 0.0)
    p.builder.guard(positive, 1.0)
    p.builder.guard(p.floor(x), 0.0)
    tape = p.tape(p.log(p.mul(x, w)))
    rows = rng.uniform(-0.5, 1.5, size=(samples, 1))
    rows[0], rows[1], rows[2] = 0.5, -1.0, 0.0
    _, found = compared(tape, [True, False], rows, [2.0])
    assert found.missed[:3].tolist() == [-1, 0, 0]
    assert math.isfinite(found.summed[0])


def test_guards_tell_signs_of_zero_and_nan():
    p = Program(1)
    p.builder.guard(p.neg(p.inputs[0]), 0.0)
    tape = p.tape(p.mul(p.inputs[0], 3.0))
    _, found = compared(tape, [True], [[-0.0], [0.0], [NAN], [1.0]], [])
    assert found.missed.tolist() == [-1, 0, 0, 0]


def test_a_guard_on_shared_numbers_misses_for_all():
    p = Program(2)
    x, w = p.inputs
    p.builder.guard(p.greater(p.exp(w), 1.0), 1.0)
    tape = p.tape(p.mul(x, w))
    _, found = compared(tape, [True, False], [[1.0], [2.0]], [-1.0])
    assert found.missed.tolist() == [0, 0]
    assert found.summed.tolist() == [0.0]
    assert compared(tape, [True, False], [[1.0], [2.0]], [1.0])[1].missed is None


def test_zero_in_the_chain_rule(rng):
    p = Program(3)
    x, w, v = p.inputs
    safe = p.choose(p.greater(x, 0.0), p.sqrt(x), 0.0)
    row = [p.mul(w, safe), p.mul(v, p.log(p.mul(safe, safe)))]
    tape = p.tape(p.choose(p.greater(x, 0.0), p.add(*row), 0.0))
    rows = numpy.concatenate([[[0.0], [-1.0], [4.0]], rng.uniform(-1, 1, size=(300, 1))])
    _, found = compared(tape, [True, False, False], rows, [3.0, 0.5])
    assert found.each[0].tolist() == [0.0]
    assert numpy.isfinite(found.summed).all()


def test_zero_in_the_chain_rule_of_products(rng):
    p = Program(8)
    x, y, *w = p.inputs
    inner = [p.sqrt(x), p.log(y), p.reciprocal(x)]
    sums = []
    for k in (0, 3):
        total = p.mul(w[k], inner[0])
        for weight, term in zip(w[k + 1 : k + 3], inner[1:], strict=True):
            total = p.add(total, p.mul(weight, term))
        sums.append(p.exp(total))
    tape = p.tape(p.choose(p.greater(x, 0.0), p.mul(*sums), x))
    rows = numpy.array([[0.0, 0.0], [1.0, 2.0], [0.0, 1.0], [-1.0, -1.0], [0.5, 0.0]])
    compared(tape, [True] * 2 + [False] * 6, rows, rng.normal(size=6))


def test_what_is_shared_is_computed_once_and_differentiated(rng):
    p = Program(4)
    x, a, b, c = p.inputs
    scale = p.add(p.exp(a), p.mul(b, c))
    tape = p.tape(p.mul(p.tanh(p.mul(x, scale)), p.log(p.square(c))), p.mul(scale, x))
    compared(tape, [True, False, False, False], rng.normal(size=(50, 1)), rng.normal(size=3))


def test_tables_shared_and_not(rng):
    p = Program(8)
    index, x, y, *table = p.inputs
    shared = p.builder.take(index, table)
    own = p.builder.take(index, [x, y, p.mul(x, y), p.builder.constant(2.0), x])
    tape = p.tape(p.mul(shared, own))
    rows = numpy.column_stack([rng.integers(-5, 5, size=200), rng.normal(size=(200, 2))])
    compared(tape, [True] * 3 + [False] * 5, rows, rng.normal(size=5))


@pytest.mark.parametrize("name", ["sum", "mean", "dot", "prod", "max", "min", "norm", "logsumexp"])
def test_rows_of_many_operands(rng, name):
    p = Program(12)
    nodes = [p.exp(x) for x in p.inputs[:6]] + p.inputs[6:]
    tape = p.tape(getattr(p, name)(*nodes), getattr(p, name)(*nodes[:4], *nodes[:4]))
    compared(tape, [True] * 9 + [False] * 3, rng.normal(size=(20, 9)), rng.normal(size=3))


def test_sums_of_products_of_scattered_shared_numbers_and_lanes(rng):
    p = Program(9)
    x, y, z, *shared = p.inputs
    w = [shared[k] for k in (3, 0, 5, 2)]
    total = p.mul(w[0], x)
    for weight, term in zip(w[1:], (z, y, x), strict=True):
        total = p.add(total, p.mul(weight, term))
    compared(
        p.tape(p.exp(p.add(total, shared[1]))),
        [True] * 3 + [False] * 6,
        rng.normal(size=(20, 3)),
        rng.normal(size=6),
    )


@pytest.mark.parametrize("count", [3, 4, 13])
@pytest.mark.parametrize("batched", [(True, True), (True, False), (False, True)])
def test_a_factor_that_counts_many_times_in_one_sum_of_products(rng, batched, count):
    program = Program(2)
    x, w = program.inputs
    tape = program.tape(program.dot(*[0.5] * count, *[x] * count), program.dot(*[w] * count, *[x] * count))
    rows = rng.normal(size=(5, sum(batched)))
    compared(tape, batched, rows, rng.normal(size=2 - sum(batched)))


def test_immediates_that_differ_within_a_run(rng):
    p = Program(4)
    orders, slopes = (1.0, 2.0, 1.0, 3.0), (0.1, 0.2, 0.3, 0.1)
    rows = ("polygamma", orders), ("leaky_relu", slopes)
    nodes = [
        p.builder.apply(ops.TABLE[name], (x,), (setting,))
        for name, settings in rows
        for x, setting in zip(p.inputs, settings, strict=True)
    ]
    compared(p.tape(p.sum(*nodes)), [True] * 4, rng.uniform(0.5, 5.0, size=(20, 4)), [])


def test_seeds(rng):
    tape, batched = network([2, 3, 1])
    lanes = prepare_lanes(tape, batched, range(tape.leaves))
    rows, weights = rng.normal(size=(30, 3)), rng.normal(size=batched.count(False))
    plain, doubled = lanes.gradients(rows, weights), lanes.gradients(rows, weights, [2.0])
    assert numpy.allclose(doubled.summed, 2.0 * plain.summed, rtol=1e-14)
    seeds = rng.normal(size=(30, 1))
    weighed = lanes.gradients(rows, weights, seeds)
    assert numpy.allclose(weighed.each, seeds * plain.each, rtol=1e-13)


def test_wrong_shapes_are_refused():
    tape, batched = network([2, 3, 1])
    lanes = prepare_lanes(tape, batched, [])
    with pytest.raises(ArgumentError, match=r"\(samples, 3\) numbers and 13 are shared"):
        lanes.values(numpy.zeros((4, 2)), numpy.zeros(13))
    with pytest.raises(ArgumentError, match="seeds"):
        lanes.gradients(numpy.zeros((4, 3)), numpy.zeros(13), numpy.zeros(2))


def test_eight_threads_call_one_kernel(rng):
    tape, batched = network([2, 5, 1])
    lanes = prepare_lanes(tape, batched, range(tape.leaves))
    weights = rng.normal(size=batched.count(False))
    batches = [rng.normal(size=(samples, 3)) for samples in (1, 20, 64, 400) * 10]
    expected = [lanes.gradients(batch, weights).summed for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda batch: lanes.gradients(batch, weights).summed, batches))
    assert all(map(numpy.array_equal, found, expected))
