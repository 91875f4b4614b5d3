"""Programs over a batch, a sample in each lane: the numbers of the eager engine, for every op and edge."""

from __future__ import annotations

import math

import pytest

from autograd_lite import ops

pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
numpy = pytest.importorskip("numpy")

from autograd_lite.compiling.building import TapeBuilder  # noqa: E402
from autograd_lite.compiling.lanes import prepare_lanes  # noqa: E402
from tests.support import settings_of, swept  # noqa: E402

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
