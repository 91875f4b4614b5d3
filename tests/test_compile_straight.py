"""The straight-line executors, `python` and `llvm`: eager code's own numbers, bit for bit."""

from __future__ import annotations

import math
import random
import threading

import pytest

from autograd_lite import Value, ops
from autograd_lite.compiling import python_straight
from autograd_lite.compiling.arguments import flatten_call
from autograd_lite.compiling.building import TapeBuilder
from autograd_lite.compiling.tape import passes
from autograd_lite.compiling.tracer import trace
from autograd_lite.engine import record
from autograd_lite.errors import ArgumentError

INEXACT = {"norm": 8, "hypot": 1, "logsumexp": 4}
"""How many ulp native code may be off where Python sums exactly and C does not."""


def llvm():
    pytest.importorskip("llvmlite", reason="straight-line native code (extra `fast`)")
    from autograd_lite.compiling import llvm_straight

    return llvm_straight


def executor(name):
    return python_straight if name == "python" else llvm()


def tape_of(row, count):
    builder = TapeBuilder()
    inputs = [builder.input() for _ in range(count)]
    return builder.finish([builder.apply(row, inputs, tuple(row.immediates.values()))])


def traced(f, *numbers):
    return trace(f, flatten_call(numbers, {}, ())).tape


def same(found, expected, ulps=0):
    if ulps and math.isfinite(expected):
        return abs(found - expected) <= ulps * math.ulp(expected)
    return passes(found, expected)


@pytest.mark.parametrize("name", ["python", "llvm"])
@pytest.mark.parametrize(
    "row",
    [row for row in ops.TABLE.values() if row.name not in ("detach", "select")],
    ids=lambda row: row.name,
)
def test_values_and_gradients_of_every_row_are_eager_ones_bit_for_bit(name, row):
    prepare, immediates = executor(name).prepare, tuple(row.immediates.values())
    ulps = INEXACT.get(row.name, 0) if name == "llvm" else 0
    kernels = {}
    for point in (*row.points, *row.edges):
        count = len(point)
        if count not in kernels:
            kernels[count] = prepare(tape_of(row, count), range(count))
        kernel, leaves = kernels[count], [Value(number) for number in point]
        expected = record(row, *leaves, immediates=immediates)
        expected.backward(2.5)
        missed, outputs, gradients = kernel.gradients(list(point), [2.5])
        assert missed == -1
        assert same(outputs[0], expected.data, ulps)
        assert same(kernel.values(list(point)).outputs[0], expected.data, ulps)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            assert same(gradient, leaf.grad, ulps), point


@pytest.mark.parametrize("name", ["python", "llvm"])
def test_immediates_that_are_given_count(name):
    def f(x):
        return ops.leaky_relu(x, slope=0.25) + ops.clip(x, -0.5, 0.5) + x**3 + ops.polygamma(x * x + 1.0, 2.0)

    kernel = executor(name).prepare(traced(f, 1.0), [0])
    for number in (-2.0, 0.3, 0.75):
        x = Value(number)
        y = f(x)
        y.backward()
        missed, outputs, gradients = kernel.gradients([number])
        assert (missed, *outputs) == (-1, y.data)
        assert gradients == pytest.approx([x.grad], rel=1e-13)


@pytest.mark.parametrize("name", ["python", "llvm"])
def test_guards_are_checked_in_order_and_by_their_bits(name):
    builder = TapeBuilder()
    x, y = builder.input("x"), builder.input("y")
    builder.guard(builder.apply(ops.greater, (x, builder.constant(0.0))), 1.0, "x > 0.0")
    builder.guard(y, 0.0, "float(y)")
    builder.guard(builder.apply(ops.less, (x, y)), 0.0, "x < y")
    kernel = executor(name).prepare(builder.finish([builder.apply(ops.mul, (x, y))]), [0, 1])
    cases = [((1.0, 0.0), -1), ((-1.0, 5.0), 0), ((1.0, -0.0), 1), ((1.0, math.nan), 1), ((math.nan, 0.0), 0)]
    for leaves, missed in cases:
        assert kernel.values(list(leaves)).missed == missed
        assert kernel.gradients(list(leaves)).missed == missed
    builder = TapeBuilder()
    x = builder.input()
    builder.guard(x, math.nan)
    kernel = executor(name).prepare(builder.finish([x]), [0])
    assert [kernel.values([number]).missed for number in (math.nan, 1.0)] == [-1, 0]


@pytest.mark.parametrize("name", ["python", "llvm"])
def test_the_rule_for_zero_holds_where_a_plain_product_is_nan(name):
    def f(x):
        return ops.where(x > 0.0, ops.sqrt(x), 0.0) + ops.sqrt(x * x)

    def recorded(x):
        return ops.choose(ops.greater(x, 0.0), ops.sqrt(x), 0.0) + ops.sqrt(x * x)

    kernel = executor(name).prepare(traced(recorded, 1.0), [0])
    for number in (0.0, 2.0, -3.0):
        x = Value(number)
        f(x).backward()
        assert kernel.gradients([number]).gradients == [x.grad]
    assert kernel.gradients([0.0]).gradients == [0.0]


@pytest.mark.parametrize("name", ["python", "llvm"])
def test_the_entry_of_a_table_and_its_gradient(name):
    builder = TapeBuilder()
    index, table = builder.input("index"), [builder.input() for _ in range(3)]
    taken = builder.take(index, table)
    tape = builder.finish([builder.apply(ops.mul, (taken, taken))])
    kernel = executor(name).prepare(tape, [1, 2, 3])
    assert kernel.gradients([1.0, 5.0, 6.0, 7.0]) == (-1, [36.0], [0.0, 12.0, 0.0])
    assert kernel.gradients([-1.0, 5.0, 6.0, 7.0]) == (-1, [49.0], [0.0, 0.0, 14.0])
    for wrong in (3.0, -4.0, 0.5, math.nan, math.inf):
        assert kernel.gradients([wrong, 5.0, 6.0, 7.0]).missed == 0
    _, _, gradients = kernel.gradients([1.0, 5.0, math.nan, 7.0])  # what was not taken has no part in it
    assert math.isnan(gradients[1])
    assert gradients[::2] == [0.0, 0.0]


@pytest.mark.parametrize("name", ["python", "llvm"])
def test_several_outputs_each_with_its_seed(name):
    def f(x, y):
        return [x * y, ops.exp(x), y]

    kernel = executor(name).prepare(traced(f, 1.0, 2.0), [1, 0])
    missed, outputs, gradients = kernel.gradients([0.5, 2.0], [1.0, 2.0, 10.0])
    assert (missed, list(outputs)) == (-1, [1.0, math.exp(0.5), 2.0])
    assert list(gradients) == [10.5, 2.0 + 2.0 * math.exp(0.5)]


KINDS = [
    lambda a, b: a * b,
    lambda a, b: ops.tanh(a - b),
    lambda a, b: ops.sigmoid(a) / (1.5 + ops.tanh(b)),
    lambda a, b: ops.max(a, b, 0.25),
    lambda a, b: ops.dot([a, b], [b, 0.5]),
    lambda a, b: ops.logsumexp(a, b),
    lambda a, b: ops.softplus(ops.relu(a) + b),
]


def program(x, count, rng):
    """A random expression over many rows, with shared nodes."""
    nodes = list(x)
    for _ in range(count):
        a, b = rng.choice(nodes), rng.choice(nodes)
        kind = rng.randrange(len(KINDS))
        nodes.append(KINDS[kind](a, b))
    return ops.tanh(ops.mean(nodes))


@pytest.mark.parametrize("name", ["python", "llvm"])
def test_random_programs_have_eager_values_and_gradients(name):
    for seed in range(8):
        point = [random.Random(seed).uniform(-1.0, 1.0) for _ in range(4)]
        tape = traced(lambda *x, seed=seed: program(x, 25, random.Random(seed)), *point)
        leaves = [Value(number) for number in point]
        expected = program(leaves, 25, random.Random(seed))
        expected.backward()
        missed, outputs, gradients = executor(name).prepare(tape, range(4)).gradients(point)
        assert missed == -1
        assert outputs == pytest.approx([expected.data], rel=1e-13)
        assert gradients == pytest.approx([leaf.grad for leaf in leaves], rel=1e-11, abs=1e-15)


@pytest.mark.parametrize("name", ["python", "llvm"])
def test_threads_may_call_one_kernel(name):
    kernel = executor(name).prepare(traced(lambda x, y: ops.tanh(x * y) + x / y, 1.0, 2.0), [0, 1])
    numbers = [0.1 * k for k in range(1, 9)]
    expected = [kernel.gradients([number, 2.0]) for number in numbers]
    wrong = []

    def work(number, right):
        for _ in range(300):
            if kernel.gradients([number, 2.0]) != right:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(numbers, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- what people read ---------------------------------------------------------------------------------------


def test_the_source_shows_the_program_and_its_adjoint():
    builder = TapeBuilder()
    x, w = builder.input("x[0]"), builder.input("class")
    product = builder.apply(ops.mul, (x, w))
    tape = builder.finish([builder.apply(ops.sub, (builder.apply(ops.relu, (product,)), w))])
    lines = python_straight.prepare(tape, [0, 1]).source.splitlines()
    assert lines[:4] == [
        "def program(leaves):",
        "    x_0, class_2 = leaves",
        "    v1 = x_0 * class_2",
        "    v2 = v1 <= 0.0",
    ]
    assert lines[5].startswith("    # the adjoint")
    assert lines[-1] == "    return -1, [(0.0 if v2 else v1) - class_2], [d_x_0, d_class_2]"


def test_ieee_values_come_without_exceptions_and_integers_stay_floats():
    def f(x, y):
        return [x / y, ops.exp(x * 1000.0), ops.log(y), ops.greater(x, y) + ops.greater(x, y)]

    kernel = python_straight.prepare(traced(f, 1.0, 2.0), [0, 1])
    assert list(kernel.values([1.0, 0.0]).outputs) == [math.inf, math.inf, -math.inf, 2.0]
    outputs = kernel.values((1, 4)).outputs
    assert [type(number) for number in outputs] == [float] * 4


def test_a_long_program_needs_no_recursion():
    builder = TapeBuilder()
    x = total = builder.input()
    many = [builder.input() for _ in range(3000)]
    for _ in range(4_000):
        total = builder.apply(ops.add, (builder.apply(ops.mul, (total, x)), x))
    total = builder.apply(ops.add, (total, builder.apply(ops.sum, many)))
    kernel = python_straight.prepare(builder.finish([total]), [0])
    missed, outputs, gradients = kernel.gradients([0.5] + [1.0] * 3000)
    assert missed == -1
    assert outputs == [3001.0]
    assert gradients == pytest.approx([4.0])  # of x/(1 - x), from 1/(1 - x)²


def test_native_code_never_reads_beyond_the_numbers_it_is_given():
    kernel = llvm().prepare(traced(lambda x, y: x * y, 1.0, 2.0), [0])
    with pytest.raises(ArgumentError, match="takes 2 numbers, got 1"):
        kernel.values([1.0])


@pytest.mark.parametrize("name", ["python", "llvm"])
def test_a_wrong_number_of_leaves_or_seeds_is_an_error(name):
    kernel = executor(name).prepare(traced(lambda x, y: x * y, 1.0, 2.0), [0, 1])
    assert kernel.gradients([3.0, 5.0], [2.0]) == (-1, [15.0], [10.0, 6.0])
    for leaves in ([3.0], [3.0, 5.0, 7.0]):
        with pytest.raises(ArgumentError, match="takes 2 numbers"):
            kernel.gradients(leaves)
        with pytest.raises(ArgumentError, match="takes 2 numbers"):
            kernel.values(leaves)
    for seeds in ([], [1.0, 2.0]):
        with pytest.raises(ArgumentError, match="1 outputs need a seed each"):
            kernel.gradients([3.0], seeds)
