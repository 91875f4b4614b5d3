"""Building and differentiating tapes, against the eager engine's own numbers."""

from __future__ import annotations

import math

import pytest

from autograd_lite import Value, hvp, ops
from autograd_lite.compiling.building import TapeBuilder
from autograd_lite.compiling.differentiating import gradient_tape, parted, tangent_tape
from autograd_lite.compiling.python_careful import replayed
from autograd_lite.compiling.tape import CODE, TAKE, passes
from autograd_lite.engine import record
from autograd_lite.errors import ArgumentError


def test_equal_operations_are_one_and_what_nothing_needs_is_left_out():
    builder = TapeBuilder()
    x, unused = builder.input("x"), builder.input("unused")
    two = builder.constant(2.0)
    first = builder.apply(ops.mul, (x, two))
    assert builder.apply2(CODE["mul"], x, builder.constant(2)) == first
    builder.apply(ops.exp, (unused,))
    tape = builder.finish([builder.apply(ops.add, (first, x))])
    assert tape.inputs == 2
    assert tape.names == ("x", "unused")
    assert [list(tape.operands_of(k)) for k in range(2)] == [[0, 2], [3, 0]]
    assert list(tape.codes) == [CODE["mul"], CODE["add"]]
    assert list(tape.outputs) == [4]


def test_parameters_follow_the_inputs_however_they_were_met():
    from autograd_lite import Value

    builder, w = TapeBuilder(), Value(3.0)
    p = builder.parameter(w, "w")
    x = builder.input("x")
    tape = builder.finish([builder.apply(ops.sub, (x, p)), builder.constant(5.0), p])
    assert tape.parameters == (w,)
    assert tape.names == ("x", "w")
    assert list(tape.operands) == [0, 1]
    assert list(tape.outputs) == [3, 2, 1]
    assert list(tape.constants) == [5.0]


def test_constants_are_told_apart_by_their_bits():
    builder = TapeBuilder()
    zero, negative, nan = builder.constant(0.0), builder.constant(-0.0), builder.constant(math.nan)
    assert zero != negative
    assert nan == builder.constant(math.nan)
    assert builder.number_of(negative) == 0.0
    assert math.copysign(1.0, builder.number_of(negative)) == -1.0
    assert builder.number_of(builder.input()) is None


@pytest.mark.parametrize("row", list(ops.TABLE.values()), ids=lambda row: row.name)
def test_an_operation_on_constants_is_computed_with_eager_numbers(row):
    for point in (*row.points, *row.edges):
        builder = TapeBuilder()
        immediates = tuple(row.immediates.values())
        node = builder.apply(row, [builder.constant(number) for number in point], immediates)
        assert passes(builder.number_of(node), float(row.number(*point, immediates=immediates)))


def test_a_constant_condition_chooses_at_once():
    builder = TapeBuilder()
    x, y = builder.input(), builder.input()
    condition = builder.apply(ops.less, (builder.constant(1.0), builder.constant(2.0)))
    assert builder.apply(ops.choose, (condition, x, y)) == x
    assert builder.apply(ops.select, (x, y), (False,)) == y
    assert builder.apply(ops.identity, (x,)) == x
    assert builder.apply(ops.detach, (x,)) != x


def test_an_index_into_a_table_is_guarded():
    builder = TapeBuilder()
    index, entries = builder.input(), [builder.input() for _ in range(3)]
    assert builder.take(builder.constant(-1.0), entries) == entries[2]
    with pytest.raises(ArgumentError, match=r"index 0\.5 is not a whole number within a table of 3"):
        builder.take(builder.constant(0.5), entries)
    tape = builder.finish([builder.take(index, entries)])
    assert TAKE in tape.codes
    assert [guard.expected for guard in tape.guards] == [1.0]


def test_a_guard_on_a_constant_cannot_miss_and_is_not_kept():
    builder = TapeBuilder()
    x = builder.input()
    builder.guard(builder.constant(3.0), 3.0)
    above = builder.apply(ops.greater, (x, builder.constant(0.0)))
    builder.guard(above, 1.0, "x > 0.0")
    builder.guard(above, 1.0, "again")
    (guard,) = builder.finish([x]).guards
    assert (guard.node, guard.expected, guard.text) == (2, 1.0, "x > 0.0")


# --- differentiating ----------------------------------------------------------------------------------------


def tape_of(row, point):
    """A tape of one row on inputs, with its default immediates."""
    builder = TapeBuilder()
    inputs = [builder.input() for _ in point]
    return builder.finish([builder.apply(row, inputs, tuple(row.immediates.values()))])


DIFFERENTIATED = pytest.mark.parametrize(
    "row",
    [row for row in ops.TABLE.values() if row.name not in ("detach", "select")],
    ids=lambda row: row.name,
)


@DIFFERENTIATED
def test_gradients_of_one_row_are_eager_gradients_bit_for_bit(row):
    for point in (*row.points, *row.edges):
        leaves = [Value(number) for number in point]
        result = record(row, *leaves, immediates=tuple(row.immediates.values()))
        result.backward(1.5)
        tape = gradient_tape(tape_of(row, point), range(len(point)), careful=True)
        numbers = replayed(tape, [*point, 1.5])
        found = [numbers[node] for node in tape.outputs]
        assert passes(found[0], result.data), point
        for leaf, gradient in zip(leaves, found[1:], strict=True):
            assert passes(gradient, leaf.grad), point


@DIFFERENTIATED
def test_tangents_of_gradients_are_the_second_derivatives_of_eager(row):
    immediates = tuple(row.immediates.values())

    def f(*x):
        return record(row, *x, immediates=immediates)

    for point in (*row.points, *row.edges):
        direction = [1.0, -0.5, 2.0, 0.25][: len(point)]
        expected = hvp(f, tuple(point), tuple(direction))
        tape = tangent_tape(gradient_tape(tape_of(row, point), range(len(point)), careful=True), careful=True)
        numbers = replayed(tape, [*point, 1.0, *direction, 0.0])
        found = [numbers[node] for node in tape.outputs]
        half = len(found) // 2
        if row.name == "mod" and any(slope != slope for slope in found[1:half]):
            continue  # eager passes a NaN through the rounding in its slope, which a tape knows to be flat
        assert found[half + 1 :] == pytest.approx(list(expected), rel=1e-12, abs=1e-300, nan_ok=True), point


def test_no_gradient_flows_through_detach_conditions_and_leaves_not_wanted():
    builder = TapeBuilder()
    x, y = builder.input("x"), builder.input("y")
    above = builder.apply(ops.greater, (x, y))
    chosen = builder.apply(ops.choose, (above, builder.apply(ops.mul, (x, y)), y))
    tape = builder.finish([builder.apply(ops.add, (chosen, builder.apply(ops.detach, (x,))))])
    numbers = replayed(found := gradient_tape(tape, [0], seeds=(1.0,)), [3.0, 2.0])
    assert [numbers[node] for node in found.outputs] == [9.0, 2.0]
    assert [name for name in found.names if name] == ["x", "y"]
    nothing = gradient_tape(tape, [], seeds=(1.0,))
    assert len(nothing.codes) == len(tape.codes)


def test_guards_and_places_go_along_into_a_gradient_tape():
    builder = TapeBuilder()
    x = builder.input("x")
    square = builder.apply(ops.square, (x,))
    builder.mark(square, "here:1")
    builder.guard(builder.apply(ops.greater, (x, builder.constant(0.0))), 1.0, "x > 0.0")
    tape = gradient_tape(builder.finish([square]), [0])
    assert tape.names == ("x", "seed[0]")
    assert tape.places[:2] == ("here:1", None)
    assert [guard.text for guard in tape.guards] == ["x > 0.0"]


def test_a_program_in_two_parts_gives_the_same_numbers():
    builder = TapeBuilder()
    p, lr, t = (builder.input() for _ in range(3))
    power = builder.apply(ops.pow, (builder.constant(0.9), t))
    factor = builder.apply(ops.mul, (lr, power))
    step = builder.apply(ops.sub, (builder.apply(ops.tanh, (p,)), factor))
    tape = builder.finish([builder.apply(ops.mul, (step, lr)), p, factor])
    shared, own = parted(tape, [True, False, False])
    assert [len(shared.codes), len(own.codes)] == [2, 3]
    handed = [replayed(shared, [0.1, 3.0])[node] for node in shared.outputs]
    numbers = replayed(own, [0.5, *handed])
    whole = replayed(tape, [0.5, 0.1, 3.0])
    assert [numbers[node] for node in own.outputs] == [whole[node] for node in tape.outputs]


def test_a_long_chain_is_differentiated_without_recursion_in_linear_size():
    builder = TapeBuilder()
    node = x = builder.input()
    for _ in range(20_000):
        node = builder.apply2(CODE["mul"], node, x)
    tape = builder.finish([node])
    gradient = gradient_tape(tape, [0], seeds=(1.0,))
    assert len(gradient.codes) <= 4 * len(tape.codes)
    assert replayed(gradient, [1.0])[gradient.outputs[1]] == 20_001.0
