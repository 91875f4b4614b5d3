"""The interpreter of plans: for every row, point and edge the eager engine's numbers, bit for bit."""

from __future__ import annotations

import math
import random
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import settings_of, swept

from autograd_lite import Value, ops
from autograd_lite.errors import ArgumentError

pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
numpy = pytest.importorskip("numpy")

from autograd_lite.compiling.building import TapeBuilder  # noqa: E402
from autograd_lite.compiling.instructions import DOT, DOT_LIST, FIELDS, SUM, SUM_LIST, Plan  # noqa: E402
from autograd_lite.compiling.interpreter import Interpreted, prepare  # noqa: E402
from autograd_lite.compiling.tape import CHAIN, ROWS, TAKE  # noqa: E402
from autograd_lite.rules import chain  # noqa: E402

NAN, INF = math.nan, math.inf

# In ulp. CPython rounds the norm once (math.hypot) and the sum in logsumexp once (math.fsum); here squares
# are rounded one by one, and the sum is compensated.
BOUNDS = {"norm": 3.0, "logsumexp": 1.0}


def bits(numbers):
    return ["nan" if x != x else struct.pack("<d", x) for x in numbers]


def far(found, exact):
    """How many ulp apart two numbers are."""
    if bits([found]) == bits([exact]) or found == exact:
        return 0.0
    return abs(found - exact) / math.ulp(exact)


def tape_of(row, count, settings=()):
    builder = TapeBuilder()
    operands = tuple(builder.input() for _ in range(count))
    return builder.finish([builder.apply(row, operands, settings)])


KNOWN = [row for row in ROWS if row.name != "select" and (row.points or row.edges)]


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: row.name)
def test_every_row_is_eager_bit_for_bit(row):
    for settings in settings_of(row):
        kernels = {}
        for point in (*row.points, *row.edges):
            count = len(point)
            if count not in kernels:
                kernels[count] = prepare(tape_of(row, count, settings), range(count), fuse=False)
            y, leaves = swept(row, point, settings)
            result = kernels[count].gradients(list(point))
            found, exact = [*result.outputs, *result.gradients], [y.data, *(leaf.grad for leaf in leaves)]
            if row.name in BOUNDS:
                assert max(map(far, found, exact)) <= BOUNDS[row.name], (point, found, exact)
            else:
                assert bits(found) == bits(exact), (point, found, exact)
            assert bits(kernels[count].values(list(point)).outputs) == bits(result.outputs)


# --- programs -----------------------------------------------------------------------------------------------

UNARY = [ops.tanh, ops.exp, ops.relu, ops.sigmoid, ops.neg, ops.square, ops.sin, ops.softplus, ops.detach]
BINARY = [ops.add, ops.sub, ops.mul, ops.maximum, ops.atan2]
LISTS = [ops.sum, ops.mean, ops.max, ops.logsumexp, ops.prod]


class Both:
    """A program as a tape and on Values at once."""

    def __init__(self, point):
        self.builder = TapeBuilder()
        self.leaves = [Value(x) for x in point]
        self.pairs = [(self.builder.input(), leaf) for leaf in self.leaves]

    def put(self, row, operands, settings=()):
        nodes, values = zip(*operands, strict=True)
        self.pairs.append((self.builder.apply(row, nodes, settings), row(*values, *settings)))
        return self.pairs[-1]

    def dot(self, left, right):
        nodes = tuple(node for node, _ in (*left, *right))
        value = ops.dot([v for _, v in left], [v for _, v in right])
        self.pairs.append((self.builder.apply(ops.TABLE["dot"], nodes), value))
        return self.pairs[-1]

    def check(self, pair, fuse, bound):
        """The last number and its gradient, against a pass back through the Values."""
        kernel = prepare(self.builder.finish([pair[0]]), range(len(self.leaves)), fuse)
        for leaf in self.leaves:
            leaf.zero_grad()
        pair[1].backward()
        result = kernel.gradients([leaf.data for leaf in self.leaves])
        found, exact = [*result.outputs, *result.gradients], [pair[1].data, *(v.grad for v in self.leaves)]
        size = max(map(abs, exact))
        assert result.missed == -1
        assert all(abs(f - e) <= bound * size for f, e in zip(found, exact, strict=True)), (found, exact)


@pytest.mark.parametrize("seed", range(25))
def test_random_programs_agree_with_eager(seed):
    rng = random.Random(seed)
    program = Both([rng.uniform(-1.0, 1.0) for _ in range(6)])
    for _ in range(80):
        pick = rng.random()
        if pick < 0.4:
            last = program.put(rng.choice(UNARY), [rng.choice(program.pairs)])
        elif pick < 0.7:
            last = program.put(rng.choice(BINARY), rng.choices(program.pairs, k=2))
        elif pick < 0.8:
            size = rng.randrange(1, 12)
            last = program.dot(rng.choices(program.pairs, k=size), rng.choices(program.pairs, k=size))
        else:
            last = program.put(rng.choice(LISTS), rng.choices(program.pairs, k=rng.randrange(1, 8)))
        if abs(last[1].data) > 10.0:
            program.put(ops.tanh, [last])
    program.put(ops.sum, program.pairs[-20:])
    program.check(program.pairs[-1], True, 1e-12)
    program.check(program.pairs[-1], False, 1e-14)


@pytest.mark.parametrize("wide", [1, 2, 3, 4, 5, 7, 8, 9, 16, 27, 33])
@pytest.mark.parametrize("rows", [1, 3, 4, 9])
def test_layers_of_any_shape_agree_with_eager(wide, rows):
    rng = random.Random(wide)
    program = Both([rng.uniform(-1.0, 1.0) for _ in range(rows * (wide + 1) + wide)])
    numbers = iter(list(program.pairs))
    weights = [[next(numbers) for _ in range(wide)] for _ in range(rows)]
    biases = [next(numbers) for _ in range(rows)]
    x = list(numbers)
    for _ in range(2):
        total = []
        for row, bias in zip(weights, biases, strict=True):
            result = bias
            for w, each in zip(row, x, strict=True):
                result = program.put(ops.add, [result, program.put(ops.mul, [w, each])])
            total.append(program.put(ops.tanh, [result]))
        # by columns, the other way round: what the next layer reads is as wide as before
        x = []
        for k in range(wide):
            x.append(program.dot([row[k] for row in weights], total))
    program.check(program.put(ops.sum, x), True, 1e-13)
    program.check(program.put(ops.sum, x), False, 1e-14)


@pytest.mark.parametrize("wide", [2, 3, 9])
def test_leaves_in_the_order_in_which_neurons_meet_them(wide):
    """Weights and biases as captured parameters come: w0, b, w1, w2, …"""
    rng = random.Random(wide)
    program = Both([rng.uniform(-1.0, 1.0) for _ in range(wide * (wide + 1) + wide)])
    numbers = iter(list(program.pairs))
    x = [next(numbers) for _ in range(wide)]
    results = []
    for _ in range(wide):
        first, bias = next(numbers), next(numbers)
        total = program.put(ops.add, [program.put(ops.mul, [first, x[0]]), bias])
        for each in x[1:]:
            total = program.put(ops.add, [total, program.put(ops.mul, [next(numbers), each])])
        results.append(program.put(ops.tanh, [total]))
    program.check(program.put(ops.sum, results), True, 1e-14)
    program.check(program.put(ops.sum, results), False, 1e-15)


def instruction(**fields):
    given = {"count": 1, "rows": 1, "init": -1, **fields}
    return [given.get(name, 0) for name in FIELDS]


def plan_of(size, leaves, instructions, outputs, index=(), listed=()):
    builder = TapeBuilder()
    for _ in range(leaves):
        builder.input()
    return Plan(
        tape=builder.finish([0]), size=size, code=numpy.array(instructions, dtype=numpy.int32),
        index=numpy.array(index, dtype=numpy.int32), listed=numpy.array(listed, dtype=numpy.uint8),
        constants=numpy.zeros(0), outputs=numpy.array(outputs, dtype=numpy.int32),
        guards=numpy.zeros(0, dtype=numpy.int32), expected=numpy.zeros(0),
        wanted=numpy.arange(leaves, dtype=numpy.int32),
    )  # fmt: skip


SHAPES = [(n, sa, sb, rows, ra, rb) for n in (1, 2, 4, 5, 8, 13) for sa, sb, rows, ra, rb in (
    (1, 1, 1, 0, 0), (1, 1, 6, 13, 0), (1, 1, 6, 0, 13), (1, 1, 6, 1, 0), (1, 1, 9, 2, 3), (2, 3, 5, 1, 2),
    (7, 1, 5, 1, 0), (1, 7, 6, 0, 1), (20, 2, 20, 1, 0), (3, 2, 9, 1, 0), (-1, 1, 4, 20, 0), (1, 1, 5, 0, 0),
    (1, 1, 9, 4, 0),
)]  # fmt: skip


@pytest.mark.parametrize("active", [1, 2, 3, 11])
@pytest.mark.parametrize("overlap", [False, True])
def test_every_shape_of_products_of_runs(active, overlap):
    for n, sa, sb, rows, ra, rb in SHAPES:
        start = 20
        span = 300
        a, b = start, start if overlap else span
        leaves = 2 * span
        given = {
            "a": a,
            "sa": sa,
            "b": b,
            "sb": sb,
            "ra": ra,
            "rb": rb,
            "init": 3 if active & 8 else -1,
            "ri": 1,
        }
        code = instruction(op=DOT, count=n, target=leaves, rows=rows, active=active, **given)
        plan = plan_of(leaves + rows, leaves, [code], range(leaves, leaves + rows))
        rng = random.Random(n)
        x = [rng.uniform(-1.0, 1.0) for _ in range(leaves)]
        seeds = [rng.uniform(-1.0, 1.0) for _ in range(rows)]
        outputs, slopes = [], [0.0] * leaves
        for r in range(rows):
            pairs = [(a + r * ra + k * sa, b + r * rb + k * sb) for k in range(n)]
            outputs.append(math.fsum([x[3 + r] if active & 8 else 0.0, *(x[i] * x[j] for i, j in pairs)]))
            for i, j in pairs:
                slopes[i] += seeds[r] * x[j] * (active & 1)
                slopes[j] += seeds[r] * x[i] * (active >> 1 & 1)
            slopes[3 + r] += seeds[r] * (active >> 3)
        for fuse in (True, False):
            result = Interpreted(plan, fuse).gradients(x, seeds)
            assert numpy.allclose(result.outputs, outputs, rtol=0, atol=1e-14), (n, sa, sb, rows, ra, rb)
            assert numpy.allclose(result.gradients, slopes, rtol=0, atol=1e-13), (n, sa, sb, rows, ra, rb)


def test_sums_and_lists_with_a_first_summand():
    x = [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0]
    code = [
        instruction(op=SUM, target=8, count=2, a=0, sa=2, rows=2, ra=1, init=4, ri=1, active=9),
        instruction(op=SUM_LIST, target=10, count=3, a=0, init=8, active=8),
        instruction(op=DOT_LIST, target=11, count=2, a=3, b=5, init=9, active=8),
    ]
    index, listed = [0, 0, 7, 1, 2, 2, 3], [1, 0, 1, 1, 1, 0, 1]
    kernel = Interpreted(plan_of(12, 8, code, [10, 11], index, listed))
    result = kernel.gradients(x, [1.0, 10.0])
    # v8 = x4 + x0 + x2, v9 = x5 + x1 + x3, v10 = v8 + x0 + x0 + x7, v11 = v9 + x1 x2 + x2 x3
    assert result.outputs == [8.0 + 1 + 3 + 1 + 1 + 34, 13.0 + 2 + 5 + 2 * 3 + 3 * 5]
    assert result.gradients == [2.0, 10.0 + 30, 1.0 + 50, 10.0 + 30, 1.0, 10.0, 0.0, 1.0]


@pytest.mark.parametrize("active", [0, 1, 8, 9])
def test_sums_hand_back_where_a_gradient_flows(active):
    code = [instruction(op=SUM, target=6, count=2, a=0, sa=1, rows=2, ra=1, init=4, active=active)]
    result = Interpreted(plan_of(8, 6, code, [6, 7])).gradients([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 10.0])
    assert result.outputs == [8.0, 10.0]
    terms, init = float(active & 1), float(active >> 3)
    assert result.gradients == [terms, 11.0 * terms, 10.0 * terms, 0.0, 11.0 * init, 0.0]


def test_seeds_and_several_outputs():
    builder = TapeBuilder()
    x, y = builder.input(), builder.input()
    both = builder.apply(ops.mul, (x, y))
    kernel = prepare(builder.finish([both, x, both]), [1, 0])
    assert kernel.gradients([3.0, 5.0], [1.0, 10.0, 100.0]) == (-1, [15.0, 3.0, 15.0], [303.0, 515.0])
    assert kernel.gradients([3.0, 5.0]) == (-1, [15.0, 3.0, 15.0], [6.0, 11.0])
    with pytest.raises(ArgumentError, match="3 outputs need a seed each, got 1"):
        kernel.gradients([3.0, 5.0], [1.0])


def test_arrays_give_arrays():
    kernel = prepare(tape_of(ops.TABLE["dot"], 4), range(4))
    result = kernel.gradients(numpy.array([1.0, 2.0, 3.0, 4.0]))
    assert isinstance(result.gradients, numpy.ndarray)
    assert result.gradients.tolist() == [3.0, 4.0, 1.0, 2.0]
    first = result.gradients
    kernel.gradients(numpy.zeros(4))
    assert first.tolist() == [3.0, 4.0, 1.0, 2.0]  # it is a copy


@pytest.mark.parametrize("given", [[1.0], [1.0, 2.0, 3.0], numpy.zeros(1), numpy.zeros((2, 1))])
def test_a_wrong_number_of_leaves_is_an_error(given):
    kernel = prepare(tape_of(ops.mul, 2), [0])
    with pytest.raises(ArgumentError, match="takes 2 numbers"):
        kernel.values(given)
    assert kernel.values([2.0, 3.0]).outputs == [6.0]


# --- zero, NaN, guards, tables ------------------------------------------------------------------------------


def test_zero_cuts_off_what_is_not_finite():
    for at in (0.0, -1.0, 4.0):
        program = Both([at])
        x = program.pairs[0]
        root = program.put(ops.sqrt, [x])
        condition = program.builder.apply(ops.greater, (x[0], program.builder.constant(0.0)))
        node = program.builder.apply(ops.choose, (condition, root[0], program.builder.constant(0.0)))
        kernel = prepare(program.builder.finish([node]), [0])
        assert kernel.gradients([at]).gradients == ([0.25] if at > 0.0 else [0.0])
    program = Both([0.0])
    x = program.pairs[0]
    program.check(program.put(ops.sqrt, [program.put(ops.mul, [x, x])]), True, 0.0)


def test_zero_in_products_and_lists():
    """1/x is infinite at 0 and so is its slope; times 0 nothing of it is left."""
    for row, many in ((ops.prod, 3), (ops.sum, 3), (ops.max, 3), (ops.logsumexp, 2)):
        builder = TapeBuilder()
        x, zero = builder.input(), builder.constant(0.0)
        inverse = builder.apply(ops.reciprocal, (x,))
        node = builder.apply(row, (inverse, x, x)[:many])
        node = builder.apply(ops.mul, (node, zero))
        leaf = Value(0.0)
        y = row(*(leaf.reciprocal(), leaf, leaf)[:many]) * 0.0
        y.backward()
        result = prepare(builder.finish([node]), [0]).gradients([0.0])
        assert bits([*result.outputs, *result.gradients]) == bits([y.data, leaf.grad]), row.name


@pytest.mark.parametrize("a", [0.0, -0.0, 2.0, INF, NAN])
@pytest.mark.parametrize("b", [0.0, 3.0, -INF, NAN])
def test_the_product_of_the_chain_rule(a, b):
    builder = TapeBuilder()
    x, y = builder.input(), builder.input()
    kernel = prepare(builder.finish([builder.apply_code(CHAIN, (x, y))]), [0, 1])
    assert bits(kernel.values([a, b]).outputs) == bits([chain(a, b)])
    if a * b == a * b:
        assert bits(kernel.gradients([a, b]).gradients) == bits([0.0 + b, 0.0 + a])


@pytest.mark.parametrize(
    ("expected", "given", "missed"),
    [(1.0, 1.0, False), (1.0, 1.5, True), (0.0, -0.0, True), (-0.0, -0.0, False), (NAN, NAN, False),
     (NAN, 1.0, True), (1.0, NAN, True), (INF, INF, False), (NAN, -NAN, False)],
)  # fmt: skip
def test_guards_compare_numbers_as_passes_does(expected, given, missed):
    builder = TapeBuilder()
    x, y = builder.input(), builder.input()
    builder.guard(y, 7.0)
    builder.guard(builder.apply(ops.identity, (x,)), expected)
    kernel = prepare(builder.finish([builder.apply(ops.square, (x,))]), [0])
    places = {guard.node: place for place, guard in enumerate(kernel.plan.tape.guards)}
    for result in (kernel.values([given, 7.0]), kernel.gradients([given, 7.0])):
        assert result.missed == (places[0] if missed else -1)
    assert kernel.values([expected, 0.0]).missed == places[1]


def test_numbers_from_a_table():
    builder = TapeBuilder()
    table = [builder.input() for _ in range(4)]
    index = builder.input()
    kernel = prepare(builder.finish([builder.take(index, [*table, table[0]])]), range(5))
    for place, slot in ((0.0, 0), (2.0, 2), (4.0, 0), (-1.0, 0), (-3.0, 2)):
        result = kernel.gradients([1.0, 2.0, 3.0, 4.0, place])
        assert result == (-1, [[1.0, 2.0, 3.0, 4.0][slot]], [float(k == slot) for k in range(5)])
    for place in (0.5, 5.0, -6.0, 1e300, -1e300, NAN, INF):
        assert kernel.values([1.0, 2.0, 3.0, 4.0, place]).missed >= 0
        assert kernel.gradients([1.0, 2.0, 3.0, 4.0, place]).missed >= 0


def test_an_entry_that_is_not_there_is_not_read():
    """Without a guard, an index outside the table does no harm."""
    code = [instruction(op=TAKE, target=2, count=2, a=0)]
    kernel = Interpreted(plan_of(3, 2, code, [2], [0, 1], [0, 1]))
    for place in (1e9, -1.0, NAN, -INF):
        assert kernel.gradients([place, 5.0]) == (-1, [0.0], [0.0, 0.0])


def test_polygamma_of_several_orders_at_once():
    program = Both([1.7])
    x = program.pairs[0]
    total = program.put(ops.add, [program.put(ops.polygamma, [x], (n,)) for n in (1.0, 4.0)])
    program.check(program.put(ops.digamma, [total]), False, 1e-15)


# --- size and threads ---------------------------------------------------------------------------------------


def test_threads_share_a_kernel():
    builder = TapeBuilder()
    x = builder.input()
    node = x
    for _ in range(500):
        node = builder.apply(ops.sin, (builder.apply(ops.add, (node, x)),))
    kernel = prepare(builder.finish([node]), [0])
    points = [k / 50.0 for k in range(50)] * 4
    exact = [kernel.gradients([x]) for x in points]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda x: kernel.gradients([x]), points)) == exact


def test_a_long_chain():
    builder = TapeBuilder()
    x, w = builder.input(), builder.input()
    node = x
    for _ in range(20_000):
        node = builder.apply(ops.add, (builder.apply(ops.mul, (node, w)), x))
    result = prepare(builder.finish([node]), [0]).gradients([1.0, 0.5])
    assert result.outputs == pytest.approx([2.0])
    assert result.gradients == pytest.approx([2.0])
