"""Numbers that stand column by column, as those of parameters do: in and out of lanes without transposing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from .lane_vectors import F64, I32, I64, WIDTH, Code

__all__ = ["either", "load_columns", "store_columns"]


def load_columns(code: Code, job: Any, start: ir.Value, filled: ir.Value, lanes: ir.Value) -> None:
    """Fill the lanes of each leaf from an array of its own; lanes without a sample repeat the last."""
    b, zero = code.builder, code.integer(0)
    last = b.sub(filled, code.integer(1))
    with code.loop(zero, job.number("leaves")) as leaf:
        column, row = _column(code, job, "columns", leaf.index), b.mul(leaf.index, job.number("pitch"))
        whole = _whole(code, filled)
        with code.loop(zero, whole, WIDTH) as lane:
            code.store(code.load(column, b.add(start, lane.index)), job.pointer("v"), b.add(row, lane.index))
        with code.loop(whole, lanes) as lane:
            nearest = b.select(b.icmp_signed("<", lane.index, last), lane.index, last)
            number = b.load(code.at(column, b.add(start, nearest)))
            b.store(number, code.at(job.pointer("v"), b.add(row, lane.index)))


def store_columns(code: Code, job: Any, start: ir.Value, filled: ir.Value) -> None:
    """Write the lanes of each output into an array of its own."""
    b, zero = code.builder, code.integer(0)
    with code.loop(zero, job.number("output_count")) as output:
        slot = b.load(b.gep(job.pointer("output_slots", I32.as_pointer()), [output.index]))
        row = b.mul(b.sext(slot, I64), job.number("pitch"))
        column, whole = _column(code, job, "targets", output.index), _whole(code, filled)
        with code.loop(zero, whole, WIDTH) as lane:
            code.store(code.load(job.pointer("v"), b.add(row, lane.index)), column, b.add(start, lane.index))
        with code.loop(whole, filled) as lane:
            number = b.load(code.at(job.pointer("v"), b.add(row, lane.index)))
            b.store(number, code.at(column, b.add(start, lane.index)))


def either(code: Code, job: Any, name: str, given: Callable[[], None], missing: Callable[[], None]) -> None:
    """One or the other, as a field of the job is given or 0."""
    b = code.builder
    is_given = b.icmp_signed("!=", job.number(name), code.integer(0))
    with b.if_else(is_given) as (then, otherwise):
        with then:
            given()
        with otherwise:
            missing()


def _column(code: Code, job: Any, name: str, index: ir.Value) -> ir.Value:
    b = code.builder
    address = b.load(b.gep(job.pointer(name, I64.as_pointer()), [index]))
    return b.inttoptr(address, F64.as_pointer())


def _whole(code: Code, filled: ir.Value) -> ir.Value:
    """How many lanes full vectors have."""
    return code.builder.and_(filled, code.integer(-WIDTH))
