"""The executor of NumPy alone, against eager numbers and against its tapes read one number at a time."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("numpy", reason="the executor `numpy`")

import numpy
from compiled_programs import PROGRAMS, Writer, chain, tape_of
from plan_reader import run_tape
from support import settings_of, swept

from autograd_lite import ops
from autograd_lite.compiling import levels
from autograd_lite.compiling.building import TapeBuilder
from autograd_lite.compiling.differentiating import gradient_tape, tangent_tape
from autograd_lite.compiling.level_columns import Column, inner_length
from autograd_lite.compiling.levels import prepare, prepare_lanes
from autograd_lite.errors import ArgumentError, CompileError

INF, NAN = math.inf, math.nan
ROWS = [row for row in ops.TABLE.values() if row.name not in ("detach", "select")]


def near(found: float, expected: float, ulps: float = 4.0) -> bool:
    if math.isnan(expected) or math.isnan(found):
        return math.isnan(expected) and math.isnan(found)
    if math.isinf(expected) or math.isinf(found):
        return found == expected
    return abs(found - expected) <= ulps * math.ulp(expected)


def close(found, expected):
    found, expected = numpy.asarray(found), numpy.asarray(expected)
    scale = numpy.abs(expected[numpy.isfinite(expected)]).max(initial=1.0)
    assert numpy.allclose(found, expected, rtol=1e-12, atol=1e-13 * scale, equal_nan=True), (found, expected)


def tape_of_row(row, count, settings):
    builder = TapeBuilder()
    operands = tuple(builder.input() for _ in range(count))
    return builder.finish([builder.apply(row, operands, settings)])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_gives_eager_numbers_to_4_ulp_in_single_calls_and_in_lanes(row):
    # mish' at -1.25 is the difference of two numbers 60 times as large
    ulps = 16.0 if row.name == "mish" else 4.0
    for settings in settings_of(row):
        points: dict[int, list[tuple[float, ...]]] = {}
        for point in (*row.points, *row.edges):
            points.setdefault(len(point), []).append(point)
        for count, same in points.items():
            tape = tape_of_row(row, count, settings)
            single = prepare(tape, range(count))
            lanes = prepare_lanes(tape, [True] * count, range(count))
            batch = lanes.gradients(numpy.array(same), numpy.zeros(0))
            for place, point in enumerate(same):
                y, leaves = swept(row, point, settings)
                found = single.gradients(point)
                for outputs, slopes in (
                    (found.outputs, found.gradients), (batch.outputs[place], batch.each[place]),
                ):  # fmt: skip
                    assert near(outputs[0], y.data), (point, settings)
                    for slope, leaf in zip(slopes, leaves, strict=True):
                        assert near(slope, leaf.grad, ulps), (point, settings, slope, leaf.grad)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_the_numbers_of_its_tape(name, fuse):
    tape, leaves = tape_of(name)
    seeds = [0.5 + k for k in range(len(tape.outputs))]
    outputs, gradients = run_tape(tape, leaves, seeds)
    kernel = prepare(tape, range(tape.leaves), fuse)
    for _ in range(2):  # nothing stays behind in the buffers
        found = kernel.gradients(leaves, seeds)
        assert found.missed == -1
        close(found.outputs, outputs)
        close(found.gradients, gradients)
    close(kernel.values(leaves).outputs, outputs)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_batch_gives_the_numbers_of_each_of_its_samples(name, share, fuse):
    tape, leaves = tape_of(name)
    rng = random.Random(f"{name}{share}")
    batched = numpy.array([rng.random() < share for _ in leaves])
    samples = 5
    rows = numpy.array(leaves)[batched] * numpy.linspace(0.7, 1.1, samples)[:, None]
    seeds = numpy.linspace(0.5, 1.5, samples * len(tape.outputs)).reshape(samples, -1)
    kernel = prepare_lanes(tape, batched, range(tape.leaves), fuse)
    kernel.width = 2  # three chunks, the last of them short
    found = kernel.gradients(rows, numpy.array(leaves)[~batched], seeds)
    summed = numpy.zeros(len(leaves))
    for sample in range(samples):
        numbers = numpy.array(leaves)
        numbers[batched] = rows[sample]
        outputs, gradients = run_tape(tape, numbers.tolist(), seeds[sample].tolist())
        close(found.outputs[sample], outputs)
        close(found.each[sample], numpy.array(gradients)[batched])
        summed += gradients
    assert found.missed is None
    close(found.summed, summed[~batched])


def test_derivatives_of_tapes_run_too():
    tape, leaves = tape_of("network")
    _, gradients = run_tape(tape, leaves)
    for careful in (True, False):
        slopes = gradient_tape(tape, range(tape.leaves), careful=careful)
        close(prepare(slopes, []).values([*leaves, 1.0]).outputs[1:], gradients)
    along = [1.0, *[0.0] * (len(leaves) - 1)]
    close(prepare(tangent_tape(tape), []).values([*leaves, *along]).outputs[1], gradients[0])


def test_a_zero_slope_absorbs_what_is_not_finite():
    """where(x > 0, sqrt(x), 0) has slope 0 at 0, also where sums of products carry it back."""
    w = Writer()
    x, a, b = w.leaves(3)
    root = w.apply(ops.choose, w.apply(ops.greater, x, 0.0), w.apply(ops.sqrt, x), 0.0)
    tape = w.builder.finish([(root * a + w.apply(ops.sqrt, x) * 0.0 + b * b).number])
    for leaves in ([0.0, 2.0, 3.0], [4.0, 2.0, 3.0], [NAN, 2.0, 3.0], [0.0, INF, 3.0]):
        _, gradients = run_tape(tape, leaves)
        assert prepare(tape, [0, 1, 2]).gradients(leaves).gradients.tolist() == pytest.approx(
            gradients, nan_ok=True
        )
    lanes = prepare_lanes(tape, [True, False, False], [0, 1, 2])
    found = lanes.gradients(numpy.array([[0.0], [4.0]]), numpy.array([2.0, 3.0]))
    assert found.each.tolist() == [[0.0], [0.5]]
    assert found.summed.tolist() == [2.0, 12.0]


def guarded():
    """x*w where x > 0 was found, and w < 5 too."""
    w = Writer()
    x, weight = w.leaves(2)
    w.guard(w.apply(ops.greater, x, 0.0), 1.0)
    w.guard(w.apply(ops.less, weight, 5.0), 1.0)
    return w.builder.finish([(w.apply(ops.log, x) * weight).number])


def test_the_first_guard_that_misses_is_told():
    kernel = prepare(guarded(), [0, 1])
    assert [kernel.values(leaves).missed for leaves in ([1.0, 2.0], [-1.0, 9.0], [1.0, 9.0], [NAN, 1.0])] == [
        -1, 0, 1, 0,
    ]  # fmt: skip


def test_a_sample_that_misses_a_guard_counts_in_no_sum():
    kernel = prepare_lanes(guarded(), [True, False], [0, 1])
    kernel.width = 3
    rows = numpy.array([[1.0], [-1.0], [math.e], [0.0], [-2.0], [-3.0], [math.e**2]])
    found = kernel.gradients(rows, numpy.array([2.0]))
    assert found.missed.tolist() == [-1, 0, -1, 0, 0, 0, -1]
    assert found.summed.tolist() == pytest.approx([3.0])
    good = [0, 2, 6]
    assert found.outputs[good, 0].tolist() == pytest.approx([0.0, 2.0, 4.0])
    assert found.each[good, 0].tolist() == pytest.approx([2.0, 2.0 / math.e, 2.0 / math.e**2])
    everywhere = kernel.gradients(rows, numpy.array([7.0]))
    assert everywhere.missed.tolist() == [1, 0, 1, 0, 0, 0, 1]
    assert everywhere.summed.tolist() == [0.0]


def test_guards_know_signed_zeros_and_nan():
    for expected, given, missed in (
        (-0.0, 0.0, 0),
        (0.0, -0.0, 0),
        (0.0, 0.0, -1),
        (NAN, NAN, -1),
        (NAN, 1.0, 0),
    ):
        w = Writer()
        (x,) = w.leaves(1)
        w.guard(x * 1.0, expected)
        tape = w.builder.finish([x.number])
        assert prepare(tape, []).values([given]).missed == missed
        found = prepare_lanes(tape, [True], []).values(numpy.array([[given]]), numpy.zeros(0)).missed
        assert (found is None) == (missed == -1)


@pytest.mark.parametrize("index", [0.0, 2.0, -1.0, 3.0, -4.0, 1e9, NAN])
def test_an_index_outside_its_table_gives_0_and_no_gradient(index):
    w = Writer()
    place, *table = w.leaves(4)
    tape = w.builder.finish([(w.take(place, table) * 3.0).number])
    inside = -3.0 <= index < 3.0
    slopes = [0.0] * 4
    if inside:
        slopes[1 + int(index) % 3] = 3.0
    found = prepare(tape, range(4)).gradients([index, 5.0, 6.0, 7.0])
    assert found.outputs == [(5.0 + index % 3) * 3.0 if inside else 0.0]
    assert found.gradients.tolist() == slopes
    for batched in ([True, False, False, False], [True] * 4, [False, True, True, True]):
        own = numpy.array(batched)
        leaves = numpy.array([index, 5.0, 6.0, 7.0])
        lanes = prepare_lanes(tape, batched, range(4))
        batch = lanes.gradients(numpy.stack([leaves[own]] * 2), leaves[~own])
        assert batch.outputs.tolist() == [found.outputs] * 2
        assert batch.each[1].tolist() == numpy.array(slopes)[own].tolist()
        assert batch.summed.tolist() == (2.0 * numpy.array(slopes)[~own]).tolist()


def test_a_deep_chain():
    tape = chain(1_000)
    outputs, gradients = run_tape(tape, [0.3, 0.9])
    found = prepare(tape, [0, 1]).gradients([0.3, 0.9])
    close(found.outputs, outputs)
    close(found.gradients, gradients)


def test_a_very_deep_chain_is_refused_at_once(monkeypatch):
    with pytest.raises(CompileError, match=r"groups .* operations each.*\(\d+ s\).*executor='auto'"):
        prepare(chain(40_000), [0, 1])
    monkeypatch.setattr(levels, "DEEPEST", 100)
    with pytest.raises(CompileError):
        prepare(chain(200), [0, 1])
    tape, leaves = tape_of("network")
    monkeypatch.setattr(levels, "DEEPEST", 1)
    prepare(tape, range(tape.leaves)).gradients(leaves)  # wide: as many groups, of more operations


def test_threads_call_one_kernel_and_batches_do_not_depend_on_how_many_there_are():
    tape, leaves = tape_of("network")
    kernel = prepare(tape, range(tape.leaves))
    expected = kernel.gradients(leaves).gradients.tolist()
    batched = numpy.arange(len(leaves)) < 4
    rows = numpy.random.default_rng(0).normal(size=(400, 4))
    lanes = prepare_lanes(tape, batched, range(tape.leaves))
    lanes.width, lanes._threads_for = 16, lambda samples: lanes.threads  # type: ignore[method-assign]
    sums = []
    for lanes.threads in (1, 2, 5):
        sums.append(lanes.gradients(rows, numpy.array(leaves)[~batched]).summed.tolist())
    assert sums[0] == sums[1] == sums[2]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: kernel.gradients(leaves).gradients.tolist(), range(64)))
        batches = list(
            pool.map(lambda _: lanes.gradients(rows, numpy.array(leaves)[~batched]).summed.tolist(), range(8))
        )
    assert all(each == expected for each in found)
    assert all(each == sums[0] for each in batches)


def test_what_a_thread_raises_is_raised():
    tape, leaves = tape_of("sums")
    lanes = prepare_lanes(tape, [True] * 6, range(6))
    with pytest.raises(ArgumentError, match=r"the batch is \(samples, 6\) numbers and 0 are shared"):
        lanes.values(numpy.zeros((3, 5)), numpy.zeros(0))
    with pytest.raises(IndexError):
        lanes.gradients(numpy.array([leaves]), numpy.zeros(0), seeds=numpy.zeros(1))


@pytest.mark.parametrize("lanes", [(), (3,)])
@pytest.mark.parametrize(
    "slots",
    [
        [0, 1, 2, 3], [5, 5, 5, 5], [7, 5, 3, 1], [0, 1, 4, 5], [2, 2, 6, 6], [0, 9, 4, 9], [0, 1, 1, 2],
        [9, 0, 40, 0],
    ],
)  # fmt: skip
def test_a_column_reads_and_adds_wherever_its_slots_are(slots, lanes):
    slots = numpy.array(slots)
    inner = inner_length([slots], 4)
    buffer = numpy.arange(50.0 * max(1, *lanes, 1)).reshape(50, *lanes)
    column = Column(slots, (4 // inner, inner))
    numbers, fill = column.reader(buffer)
    if fill is not None:
        fill()
    assert (numbers.reshape(4, *lanes) == buffer[slots]).all()
    expected = buffer.copy()
    given = numpy.arange(1.0, 1.0 + numbers.size).reshape(numbers.shape)
    for slot, number in zip(slots, given.reshape(4, *lanes), strict=True):
        expected[slot] += number
    column.adder(buffer)(given)
    assert (buffer == expected).all()
