"""The instructions of a plan as machine code over lanes: one function for each kind of instruction.

All have one signature, `f(v, g, u, gu, instruction, index, pitch, lanes)`: the buffer of numbers and that of
gradients, both with `pitch` numbers in a row, of which the first `lanes` count; the numbers shared by all
lanes, and for each of these `PARTS` sums that together are its gradient; the instruction's row of the plan.
A kernel is named by a `Key`; `kernel_addresses` compiles what has not been compiled before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, NamedTuple

from llvmlite import ir

from ..symbols import Symbol
from .instructions import BROADCAST
from .lane_products import PRODUCTS
from .lane_rows import Expression, partials_of, value_of
from .lane_shapes import PARTS, Shape, add_to_shared, gather_slot
from .lane_vectors import Code, Vector, kept_or_compiled, new_module
from .llvm_cache import MachineCode
from .tape import CHAIN, ROWS, TAKE

__all__ = ["Key", "kernel_addresses"]


class Key(NamedTuple):
    """Which kernel: what its instruction computes, and what of it is known when it is compiled."""

    op: int
    part: str
    """forward, backward or careful (backward with the rule for zero)."""
    length: int = 0
    """Of a row of many operands."""
    immediates: tuple[float, ...] | None = None
    """If they are the same for all the instruction's results; None: they are read from their slots."""
    active: tuple[int, ...] = ()
    """Through which operands a gradient flows."""
    detail: int = 0
    """Of a product: its shape; of a TAKE: whether the table is shared."""


def _row(key: Key, code: Code) -> None:
    """A row of fixed arity."""
    shape = Shape(code)
    settings = 0 if key.op == CHAIN else len(ROWS[key.op].immediates)
    arity = 2 if key.op == CHAIN else ROWS[key.op].arity or 0
    names = "abc"[: arity + settings]
    fields = names if key.immediates is None else names[:arity]
    operands = [Symbol(name) for name in names[:arity]]
    immediates = key.immediates if key.immediates is not None else tuple(map(Symbol, names[arity:]))
    if key.part == "forward":
        value = value_of(key.op, operands, immediates)
        with shape.results(fields) as places:
            shape.store(_expression(shape, places).number(value), shape.v, places["target"])
        return
    partials = partials_of(key.op, operands, immediates)
    for place in key.active:
        with shape.results(fields) as places:
            slope = partials[place]
            add = shape.adder(key.part == "careful")
            add(places["abc"[place]], shape.load(shape.g, places["target"]), _number(shape, places, slope))


def _number(shape: Shape, places: dict[str, ir.Value], slope: Symbol) -> Vector | float:
    if slope.op is None and isinstance(slope.leaf, float) and slope.leaf in (1.0, -1.0):
        return slope.leaf
    return _expression(shape, places).number(slope)


def _expression(shape: Shape, places: dict[str, ir.Value]) -> Expression:
    names = {name: name for name in places if name != "target"}
    return Expression(shape.code, {name: _loader(shape, places[place]) for name, place in
                                   {**names, "y": "target"}.items()})  # fmt: skip


def _loader(shape: Shape, place: ir.Value) -> Callable[[], Vector]:
    return lambda: shape.load(shape.v, place)


def _listed(key: Key, code: Code) -> None:
    """A row of many operands, written out for this many."""
    shape = Shape(code)
    rows = [shape.row(gather_slot(shape, k)) for k in range(key.length)]
    target = shape.row(shape.field("target"))
    operands = [Symbol(f"x{k}") for k in range(key.length)]
    with shape.lanes() as lane:
        places = {f"x{k}": code.builder.add(row, lane) for k, row in enumerate(rows)}
        places["target"] = code.builder.add(target, lane)
        written = _expression(shape, places)
        if key.part == "forward":
            shape.store(written.number(value_of(key.op, operands, ())), shape.v, places["target"])
            return
        partials = partials_of(key.op, operands, ())
        # all slopes before the first sum: a gradient's row is never one of values
        slopes = [written.number(partials[k]) for k in key.active]
        add = shape.adder(key.part == "careful")
        upstream = shape.load(shape.g, places["target"])
        for k, slope in zip(key.active, slopes, strict=True):
            add(places[f"x{k}"], upstream, slope)


def _broadcast(key: Key, code: Code) -> None:
    """A number shared by all lanes, into every lane; backward the sum over the lanes."""
    shape = Shape(code)
    b = code.builder
    with code.loop(code.integer(0), shape.field("count")) as each:
        source = b.add(shape.field("a"), b.mul(each.index, shape.field("sa")))
        row = shape.row(b.add(shape.field("target"), each.index))
        if key.part == "forward":
            number = code.spread(b.load(code.at(shape.u, source)))
            with shape.lanes() as lane:
                shape.store(number, shape.v, b.add(row, lane))
        else:
            add_to_shared(shape, source, shape.summed(lambda lane: shape.load(shape.g, b.add(row, lane))))


def _take(key: Key, code: Code) -> None:
    """A table's entry at a place that differs by lane; NaN where there is none."""
    shape = Shape(code)
    b = code.builder
    first = shape.field("a")
    size = b.sub(shape.field("count"), code.integer(1))
    places = shape.row(gather_slot(shape, 0))
    target = shape.row(shape.field("target"))
    with code.loop(code.integer(0), shape.lane_count) as lane:
        wanted = b.load(code.at(shape.v, b.add(places, lane.index)))
        inside = b.and_(
            b.fcmp_ordered(">=", wanted, b.sitofp(b.neg(size), wanted.type)),
            b.fcmp_ordered("<", wanted, b.sitofp(size, wanted.type)),
        )
        place = b.fptosi(b.select(inside, wanted, ir.Constant(wanted.type, 0.0)), size.type)
        place = b.select(b.icmp_signed("<", place, code.integer(0)), b.add(place, size), place)
        entry = shape.entry(b.add(first, b.add(place, code.integer(1))))
        shared = key.detail == 1
        at = entry if shared else b.add(b.mul(entry, shape.pitch), lane.index)
        here = b.add(target, lane.index)
        if key.part == "forward":
            number = b.load(code.at(shape.u if shared else shape.v, at))
            missing = ir.Constant(number.type, float("nan"))
            b.store(b.select(inside, number, missing), code.at(shape.v, here))
        else:
            slope = b.load(code.at(shape.g, here))
            gradients = code.at(shape.gu, b.mul(at, code.integer(PARTS))) if shared else code.at(shape.g, at)
            b.store(b.fadd(b.load(gradients), slope), gradients)


def _writer(key: Key) -> Callable[[Any, Code], None]:
    if key.op == TAKE:
        return _take
    if key.op == BROADCAST:
        return _broadcast
    if key.op in PRODUCTS:
        return PRODUCTS[key.op]
    return _listed if key.op != CHAIN and ROWS[key.op].arity is None else _row


_addresses: dict[Key, int] = {}
_kept: list[MachineCode] = []
_lock = threading.Lock()


def kernel_addresses(keys: Iterable[Key]) -> dict[Key, int]:
    """Where each kernel begins. Machine code is kept: it is small, and other plans use it."""
    wanted = set(keys)
    with _lock:
        for key in wanted - _addresses.keys():
            made = kept_or_compiled(repr(key), partial(_module, key), _c_functions())
            _kept.append(made)
            _addresses[key] = made.address("kernel")
        return {key: _addresses[key] for key in wanted}


def _module(key: Key) -> ir.Module:
    module = new_module("lanes")
    code = Code(module, "kernel", *Shape.signature())
    _writer(key)(key, code)
    code.builder.ret_void()
    return module


@cache
def _c_functions() -> tuple[str, ...]:
    """What kernels may call."""
    return ("fmod", *sorted({row.natives["c"] for row in ROWS if "c" in row.natives}))

