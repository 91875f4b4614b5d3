"""What the kernels over lanes share: their signature, rows of the buffers, loops over results and lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from .instructions import FIELDS
from .lane_vectors import F64, I32, I64, VOID, WIDTH, Code, Vector

__all__ = ["PARTS", "Shape", "add_to_shared", "gather_slot"]

PARTS = 8
"""A gradient by a shared number is the sum of this many numbers, so that vectors add to it quickly."""

_NUMBERS, _WORDS = F64.as_pointer(), I32.as_pointer()


class Shape:
    """A kernel that is being written: its arguments by name, and its loops."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.v, self.g, self.u, self.gu, self.instruction, self.index, self.pitch, self.lane_count = (
            code.arguments
        )
        self._fields: dict[str, ir.Value] = {}

    @staticmethod
    def signature() -> tuple[ir.Type, list[ir.Type]]:
        """The type of its result and those of its arguments."""
        return VOID, [_NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _WORDS, _WORDS, I64, I64]

    def field(self, name: str) -> ir.Value:
        """A field of the instruction, as a 64-bit integer; read at the beginning of the function."""
        if name not in self._fields:
            b = self.code.builder
            with b.goto_entry_block():
                self._fields[name] = b.sext(
                    b.load(b.gep(self.instruction, [ir.Constant(I32, FIELDS.index(name))])), I64
                )
        return self._fields[name]

    def entry(self, position: ir.Value) -> ir.Value:
        """An entry of the plan's `index`."""
        b = self.code.builder
        return b.sext(b.load(b.gep(self.index, [position])), I64)

    def row(self, slot: ir.Value) -> ir.Value:
        """Where the row of a slot begins in v and g."""
        return self.code.builder.mul(slot, self.pitch)

    def load(self, base: ir.Value, place: ir.Value) -> Vector:
        return self.code.load(base, place)

    def store(self, vector: Vector, base: ir.Value, place: ir.Value) -> None:
        self.code.store(vector, base, place)

    @contextmanager
    def lanes(self) -> Iterator[ir.Value]:
        """A loop over the lanes, so many at a time as a vector has; yields the first of them."""
        with self.code.loop(self.code.integer(0), self.lane_count, WIDTH) as loop:
            yield loop.index

    @contextmanager
    def results(self, operands: str) -> Iterator[dict[str, ir.Value]]:
        """A loop over results and lanes; yields the places in v of the result, `target`, and of the operands.

        Where all strides are 1 and every lane counts, the rows are one behind the other, and it is one loop.
        """
        code, b = self.code, self.code.builder
        strides = {name: self.field(f"s{name}") for name in operands}
        close = b.icmp_signed("==", self.lane_count, self.pitch)
        for stride in strides.values():
            close = b.and_(close, b.icmp_signed("==", stride, code.integer(1)))
        count = self.field("count")
        outer = b.select(close, code.integer(1), count)
        inner = b.select(close, b.mul(count, self.pitch), self.lane_count)
        starts = {name: self.field(name) for name in operands}
        target = self.field("target")
        with code.loop(code.integer(0), outer) as each:
            rows = {
                name: self.row(b.add(start, b.mul(each.index, strides[name])))
                for name, start in starts.items()
            }
            rows["target"] = self.row(b.add(target, each.index))
            with code.loop(code.integer(0), inner, WIDTH) as lane:
                yield {name: b.add(row, lane.index) for name, row in rows.items()}

    def adder(self, careful: bool) -> Callable[[ir.Value, Vector, Vector | float], None]:
        """What adds upstream * slope to a gradient: with the rule for zero, or plainly."""
        from .lane_rows import chained

        def add(place: ir.Value, upstream: Vector, slope: Vector | float) -> None:
            before = self.load(self.g, place)
            if isinstance(slope, float):
                after = before + upstream if slope == 1.0 else before - upstream
            elif careful:
                after = before + chained(upstream, slope)
            else:
                after = upstream.times_plus(slope, before)
            self.store(after, self.g, place)

        return add

    def summed(self, term: Callable[[ir.Value], Vector]) -> Vector:
        """The sum over the lanes of a vector for each WIDTH of them."""
        code = self.code
        zero = code.splat(0.0).value
        with code.loop(code.integer(0), self.lane_count, WIDTH, [zero]) as loop:
            loop.following = [(code.vector(loop.values[0]) + term(loop.index)).value]
        return code.vector(loop.values[0])


def gather_slot(shape: Shape, place: int) -> ir.Value:
    """The slot of operand `place` of an instruction with a list."""
    return shape.entry(shape.code.builder.add(shape.field("a"), shape.code.integer(place)))


def add_to_shared(shape: Shape, slot: ir.Value, total: Vector) -> None:
    """Add the numbers of a vector to the sums for a shared number's gradient."""
    code, b = shape.code, shape.code.builder
    halves = [
        b.shuffle_vector(total.value, ir.Constant(total.value.type, ir.Undefined),
                         ir.Constant(ir.VectorType(I32, PARTS), list(range(first, first + PARTS))))
        for first in range(0, WIDTH, PARTS)
    ]  # fmt: skip
    pointer = b.bitcast(
        code.at(shape.gu, b.mul(slot, code.integer(PARTS))), ir.VectorType(F64, PARTS).as_pointer()
    )
    value: Any = b.load(pointer, align=8)
    for half in halves:
        value = b.fadd(value, half)
    b.store(value, pointer, align=8)
