"""Sums of products over lanes: DOT, SUM and their forms with lists, as machine code.

Where the first factors are shared by all lanes (weights), DOT is a matrix product, weights times lanes. It
is done in blocks that stay in registers (32 of 512 bits, or 16 of 256), and its sums may be fused and
reassociated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llvmlite import ir

from .instructions import DOT, DOT_LIST, SUM, SUM_LIST
from .lane_shapes import Shape, add_to_shared
from .lane_vectors import WIDTH, Code, Vector, has_wide_registers

if TYPE_CHECKING:
    from .lane_kernels import Key

__all__ = ["A_SHARED", "B_FIXED", "FIRST", "INIT", "INIT_SHARED", "PRODUCTS", "SECOND"]

A_SHARED, INIT_SHARED, B_FIXED = 1, 8, 16
"""Details of a product: the first factors stand in u; so does the first term; the second factors are the same
for all rows."""
FIRST, SECOND, INIT = 0, 1, 3
"""The operands, as places in `Key.active`."""


Slots = Callable[[ir.Value], tuple[ir.Value, ir.Value]]


@dataclass
class _Run:
    """Rows of a buffer: `start + index*stride`."""

    shape: Shape
    base: ir.Value
    start: ir.Value
    stride: ir.Value
    inner: ir.Value | None = None

    def slot(self, index: ir.Value, second: ir.Value | None = None) -> ir.Value:
        b = self.shape.code.builder
        slot = b.add(self.start, b.mul(index, self.stride))
        if second is not None and self.inner is not None:
            slot = b.add(slot, b.mul(second, self.inner))
        return slot

    def from_row(self, row: ir.Value) -> _Run:
        """The same, beginning at another row."""
        b = self.shape.code.builder
        return _Run(self.shape, self.base, b.add(self.start, row), self.stride, self.inner)


def _start(shape: Shape, key: Key, target: ir.Value, row: ir.Value) -> None:
    """The first term of a sum, before anything is added: it is stored as the result so far.

    Without one that is -0.0, which added to any number leaves it as it is.
    """
    code, b = shape.code, shape.code.builder
    init = shape.field("init")
    given = b.icmp_signed(">=", init, code.integer(0))
    slot = b.select(given, b.add(init, b.mul(row, shape.field("ri"))), code.integer(0))
    if key.detail & INIT_SHARED:
        first = b.select(given, b.load(code.at(shape.u, slot)), ir.Constant(ir.DoubleType(), -0.0))
        number = code.spread(first)
        with shape.lanes() as lane:
            shape.store(number, shape.v, b.add(shape.row(target), lane))
        return
    from_row = shape.row(slot)
    with shape.lanes() as lane:
        found = shape.load(shape.v, b.add(from_row, lane)).value
        number = code.vector(b.select(given, found, code.splat(-0.0).value))
        shape.store(number, shape.v, b.add(shape.row(target), lane))


def _start_back(shape: Shape, key: Key, target: ir.Value, row: ir.Value) -> None:
    """The gradient by the first term."""
    b = shape.code.builder
    if INIT not in key.active:
        return
    slot = b.add(shape.field("init"), b.mul(row, shape.field("ri")))
    from_row = shape.row(target)
    if key.detail & INIT_SHARED:
        add_to_shared(shape, slot, shape.summed(lambda lane: shape.load(shape.g, b.add(from_row, lane))))
        return
    with shape.lanes() as lane:
        shape.adder(False)(b.add(shape.row(slot), lane), shape.load(shape.g, b.add(from_row, lane)), 1.0)


def _dot(key: Key, code: Code) -> None:
    shape = Shape(code)
    b = code.builder
    rows, target = shape.field("rows"), shape.field("target")
    if key.part != "forward" or not key.detail & A_SHARED:
        _dot_plain(key, shape, rows, target)
        return
    with code.loop(code.integer(0), rows) as each:
        _start(shape, key, b.add(target, each.index), each.index)
    _matrix(shape, _Run(shape, shape.v, target, code.integer(1)), rows,
            _weights(shape), _factors(shape), shape.field("count"), _second_rows(shape, key))  # fmt: skip


def _second_rows(shape: Shape, key: Key) -> ir.Value | None:
    """How far the second factors of one row stand from those of the row before; None: they are the same."""
    return None if key.detail & B_FIXED else shape.field("rb")


def _weights(shape: Shape) -> _Run:
    return _Run(shape, shape.u, shape.field("a"), shape.field("ra"), shape.field("sa"))


def _factors(shape: Shape) -> _Run:
    return _Run(shape, shape.v, shape.field("b"), shape.field("sb"))


def _matrix(shape: Shape, out: _Run, rows: ir.Value, weights: _Run, factors: _Run, count: ir.Value,
            second_rows: ir.Value | None) -> None:  # fmt: skip
    """out[r] += Σₖ weights[r, k]·factors[k] in every lane, for r < rows and k < count.

    With `second_rows`, the factors of row r are those that stand r times so far on.
    """
    code, b = shape.code, shape.code.builder
    whole = code.integer(0)
    if second_rows is None:
        height = 4 if has_wide_registers() else 2
        # where all results are one slot (a factor that counts many times), each sum must see the last one
        several = b.icmp_signed("!=", out.stride, code.integer(0))
        whole = b.select(several, b.and_(rows, code.integer(-height)), code.integer(0))
        with code.loop(code.integer(0), whole, height) as block:
            _block(shape, out, block.index, height, weights, factors, count)
    with code.loop(whole, rows) as rest:
        moved = factors if second_rows is None else factors.from_row(b.mul(rest.index, second_rows))
        _block(shape, out, rest.index, 1, weights, moved, count)


def _block(shape: Shape, out: _Run, row: ir.Value, height: int, weights: _Run, factors: _Run,
           count: ir.Value) -> None:  # fmt: skip
    """Some rows of a matrix product: their sums over the lanes of one vector stay in registers."""
    code, b = shape.code, shape.code.builder
    numbers = [b.add(row, code.integer(k)) for k in range(height)]
    targets = [shape.row(out.slot(number)) for number in numbers]
    firsts = [weights.slot(number) for number in numbers]
    step = weights.inner
    assert step is not None
    with shape.lanes() as lane:
        places = [b.add(target, lane) for target in targets]
        sums = [shape.load(out.base, place).value for place in places]
        with code.loop(code.integer(0), count, 1, sums) as term:
            factor = shape.load(factors.base, b.add(shape.row(factors.slot(term.index)), lane))
            away = b.mul(term.index, step)
            for k, first in enumerate(firsts):
                weight = code.spread(b.load(code.at(weights.base, b.add(first, away))))
                term.following[k] = weight.times_plus(factor, code.vector(term.values[k])).value
        for place, total in zip(places, term.values, strict=True):
            shape.store(code.vector(total), out.base, place)


def _weight_sums(shape: Shape, key: Key, rows: ir.Value, target: ir.Value) -> None:
    """The gradients by the weights: over the lanes, the sum of each row's adjoint times each factor."""
    code, b = shape.code, shape.code.builder
    weights, factors, count = _weights(shape), _factors(shape), shape.field("count")
    adjoints = _Run(shape, shape.g, target, code.integer(1))
    second_rows = _second_rows(shape, key)
    if second_rows is not None:
        with code.loop(code.integer(0), rows) as each:
            moved = factors.from_row(b.mul(each.index, second_rows))
            with code.loop(code.integer(0), count) as term:
                _outer(shape, weights, adjoints, moved, each.index, term.index, 1, 1)
        return
    tall, broad = (4, 2) if has_wide_registers() else (2, 1)
    whole_rows, whole = b.and_(rows, code.integer(-tall)), b.and_(count, code.integer(-broad))
    for first, last, height in ((code.integer(0), whole_rows, tall), (whole_rows, rows, 1)):
        with code.loop(first, last, height) as each:
            for start, stop, width in ((code.integer(0), whole, broad), (whole, count, 1)):
                with code.loop(start, stop, width) as term:
                    _outer(shape, weights, adjoints, factors, each.index, term.index, height, width)


def _outer(shape: Shape, weights: _Run, adjoints: _Run, factors: _Run, row: ir.Value, term: ir.Value,
           height: int, width: int) -> None:  # fmt: skip
    code, b = shape.code, shape.code.builder
    rows = [b.add(row, code.integer(k)) for k in range(height)]
    terms = [b.add(term, code.integer(k)) for k in range(width)]
    upstream = [shape.row(adjoints.slot(each)) for each in rows]
    places = [shape.row(factors.slot(each)) for each in terms]
    zeros = [code.splat(0.0).value] * (height * width)
    with code.loop(code.integer(0), shape.lane_count, WIDTH, zeros) as lane:
        left = [shape.load(adjoints.base, b.add(place, lane.index)) for place in upstream]
        right = [shape.load(factors.base, b.add(place, lane.index)) for place in places]
        pairs = [(x, y) for x in left for y in right]
        lane.following = [
            x.times_plus(y, code.vector(total)).value
            for (x, y), total in zip(pairs, lane.values, strict=True)
        ]
    slots = [weights.slot(each, other) for each in rows for other in terms]
    for slot, total in zip(slots, lane.values, strict=True):
        add_to_shared(shape, slot, code.vector(total))


def _turned(weights: _Run) -> _Run:
    """The same weights, with rows for columns."""
    assert weights.inner is not None
    return _Run(weights.shape, weights.base, weights.start, weights.inner, weights.stride)


def _dot_plain(key: Key, shape: Shape, rows: ir.Value, target: ir.Value) -> None:
    """Products of lanes with lanes, and everything backward."""
    code, b = shape.code, shape.code.builder
    shared, quick = bool(key.detail & A_SHARED), key.part == "backward"
    count = shape.field("count")
    if quick and shared:
        if SECOND in key.active:
            _matrix_back(shape, key, rows, target)
        if FIRST in key.active:
            _weight_sums(shape, key, rows, target)
    with code.loop(code.integer(0), rows) as row:
        here = b.add(target, row.index)
        slots = _slots_of_row(shape, row.index)
        if key.part == "forward":
            _start(shape, key, here, row.index)
            _add_products(shape, key, here, count, slots)
        else:
            _start_back(shape, key, here, row.index)
            if not (quick and shared):
                _products_back(shape, key, here, count, slots)


def _slots_of_row(shape: Shape, row: ir.Value) -> Slots:
    """Which slots the two factors of a term stand in."""
    b = shape.code.builder
    first = b.add(shape.field("a"), b.mul(row, shape.field("ra")))
    second = b.add(shape.field("b"), b.mul(row, shape.field("rb")))
    return lambda term: (
        b.add(first, b.mul(term, shape.field("sa"))),
        b.add(second, b.mul(term, shape.field("sb"))),
    )


def _matrix_back(shape: Shape, key: Key, rows: ir.Value, target: ir.Value) -> None:
    """The gradients by the second factors: the transposed weights times the adjoints of the rows."""
    code, b = shape.code, shape.code.builder
    turned, count = _turned(_weights(shape)), shape.field("count")
    out = _Run(shape, shape.g, shape.field("b"), shape.field("sb"))
    adjoints = _Run(shape, shape.g, target, code.integer(1))
    second_rows = _second_rows(shape, key)
    if second_rows is None:
        _matrix(shape, out, count, turned, adjoints, rows, None)
        return
    with code.loop(code.integer(0), rows) as each:
        row = each.index
        weights = turned.from_row(b.mul(row, shape.field("ra")))
        moved = out.from_row(b.mul(row, second_rows))
        _matrix(shape, moved, count, weights, adjoints.from_row(row), code.integer(1), None)


def _add_products(shape: Shape, key: Key, target: ir.Value, count: ir.Value, slots: Slots) -> None:
    code, b = shape.code, shape.code.builder
    with shape.lanes() as lane:
        place = b.add(shape.row(target), lane)
        with code.loop(code.integer(0), count, 1, [shape.load(shape.v, place).value]) as term:
            first, second = slots(term.index)
            y = shape.load(shape.v, b.add(shape.row(second), lane))
            if key.detail & A_SHARED:
                x = code.spread(b.load(code.at(shape.u, first)))
            else:
                x = shape.load(shape.v, b.add(shape.row(first), lane))
            term.following = [x.times_plus(y, code.vector(term.values[0])).value]
        shape.store(code.vector(term.values[0]), shape.v, place)


def _products_back(shape: Shape, key: Key, target: ir.Value, count: ir.Value, slots: Slots) -> None:
    code, b = shape.code, shape.code.builder
    add = shape.adder(key.part == "careful")
    adjoint = shape.row(target)
    with code.loop(code.integer(0), count) as term:
        first, second = slots(term.index)
        for place, own, other in ((FIRST, first, second), (SECOND, second, first)):
            if place not in key.active:
                continue
            if place == FIRST and key.detail & A_SHARED:
                add_to_shared(shape, own, shape.summed(_careful_term(shape, adjoint, shape.row(other))))
                continue
            weight = code.spread(b.load(code.at(shape.u, other))) if key.detail & A_SHARED else None
            with shape.lanes() as lane:
                slope: Vector = weight or shape.load(shape.v, b.add(shape.row(other), lane))
                add(b.add(shape.row(own), lane), shape.load(shape.g, b.add(adjoint, lane)), slope)


def _careful_term(shape: Shape, adjoint: ir.Value, factor: ir.Value) -> Callable[[ir.Value], Vector]:
    from .lane_rows import chained

    b = shape.code.builder
    return lambda lane: chained(
        shape.load(shape.g, b.add(adjoint, lane)), shape.load(shape.v, b.add(factor, lane))
    )


def _sum(key: Key, code: Code) -> None:
    shape = Shape(code)
    b = code.builder
    target = shape.field("target")
    with code.loop(code.integer(0), shape.field("rows")) as row:
        here = b.add(target, row.index)
        first = b.add(shape.field("a"), b.mul(row.index, shape.field("ra")))
        _terms(key, shape, here, row.index, lambda k: b.add(first, b.mul(k, shape.field("sa"))))


def _sum_list(key: Key, code: Code) -> None:
    shape = Shape(code)
    first = shape.field("a")
    b = code.builder
    _terms(key, shape, shape.field("target"), code.integer(0), lambda k: shape.entry(b.add(first, k)))


def _terms(
    key: Key, shape: Shape, target: ir.Value, row: ir.Value, slot: Callable[[ir.Value], ir.Value]
) -> None:
    code, b = shape.code, shape.code.builder
    count = shape.field("count")
    here = shape.row(target)
    if key.part == "forward":
        _start(shape, key, target, row)
        with shape.lanes() as lane:
            place = b.add(here, lane)
            with code.loop(code.integer(0), count, 1, [shape.load(shape.v, place).value]) as term:
                number = shape.load(shape.v, b.add(shape.row(slot(term.index)), lane))
                term.following = [(code.vector(term.values[0]) + number).value]
            shape.store(code.vector(term.values[0]), shape.v, place)
        return
    _start_back(shape, key, target, row)
    if FIRST in key.active:
        with code.loop(code.integer(0), count) as term:
            own = shape.row(slot(term.index))
            with shape.lanes() as lane:
                shape.adder(False)(b.add(own, lane), shape.load(shape.g, b.add(here, lane)), 1.0)


def _dot_list(key: Key, code: Code) -> None:
    shape = Shape(code)
    b = code.builder
    target, count = shape.field("target"), shape.field("count")

    def slots(term: ir.Value) -> tuple[ir.Value, ir.Value]:
        return shape.entry(b.add(shape.field("a"), term)), shape.entry(b.add(shape.field("b"), term))

    if key.part == "forward":
        _start(shape, key, target, code.integer(0))
        _add_products(shape, key, target, count, slots)
        return
    _start_back(shape, key, target, code.integer(0))
    _products_back(shape, key, target, count, slots)


PRODUCTS: dict[int, Callable[[Key, Code], None]] = {
    DOT: _dot,
    SUM: _sum,
    DOT_LIST: _dot_list,
    SUM_LIST: _sum_list,
}
