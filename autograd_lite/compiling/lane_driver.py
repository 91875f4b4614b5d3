"""The loop over a batch as machine code: chunks of samples go through a plan, in lanes.

The batch is cut into chunks of `pitch` samples, and the chunks into groups. A call `run(job, first, last)`
does the groups from `first` to before `last`: it fills the lanes, runs the instructions, checks the guards,
writes the outputs, and, for gradients, runs the instructions back. What is summed over samples is summed
group by group, so that the sums do not depend on which thread did which groups.

A lane without a sample, in the last chunk, repeats the last sample and is seeded with 0; so is a lane that
missed a guard, and 0 times anything is 0 in the end (`rules.chain`).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir

from .instructions import FIELDS
from .lane_columns import either, load_columns, store_columns
from .lane_shapes import PARTS, Shape
from .lane_vectors import (
    BITS,
    F64,
    I32,
    I64,
    VOID,
    WIDTH,
    Code,
    Mask,
    Vector,
    kept_or_compiled,
    new_module,
)
from .llvm_cache import MachineCode

__all__ = ["FIELD", "JOB", "batch_address", "driver"]

JOB = (
    # addresses
    "v", "g", "u", "gu", "code", "index", "once", "forward", "backward", "rows", "output_slots", "outputs",
    "guard_slots", "expected", "numbers", "missed", "seeds", "wanted_slots", "each", "sums", "flags", "order",
    "columns", "targets",
    # numbers
    "pitch", "size", "instructions", "leaves", "samples", "chunks", "group", "output_count", "guards",
    "seed_rows", "wanted", "shared", "differentiate",
)  # fmt: skip
"""The fields of a job, 64-bit integers.

`once`, `forward` and `backward` have the address of each instruction's kernel, or 0; `once` is for what is
the same for all chunks. With an `order`, sample k is row `order[k]`; with `columns` and `targets` each leaf
and each output has an array of its own. `missed` has a number for each sample: the guard that missed, or -1.
From one sample to the next there are `seed_rows` numbers in `seeds`. `sums` has `shared` numbers for each
group, `flags` two: whether a gradient is NaN, and whether a guard missed.
"""
FIELD = {name: place for place, name in enumerate(JOB)}

_NUMBERS, _WORDS = F64.as_pointer(), I32.as_pointer()


class _Job:
    """The fields of a job in a function that is being written."""

    def __init__(self, code: Code, job: ir.Value) -> None:
        self._code, self._job = code, job
        self._read: dict[str, ir.Value] = {}

    def number(self, name: str) -> ir.Value:
        if name not in self._read:
            b = self._code.builder
            with b.goto_entry_block():
                self._read[name] = b.load(b.gep(self._job, [ir.Constant(I32, JOB.index(name))]))
        return self._read[name]

    def pointer(self, name: str, kind: ir.Type = _NUMBERS) -> ir.Value:
        key = f"*{name}"
        if key not in self._read:
            address = self.number(name)
            b = self._code.builder
            with b.goto_entry_block():
                self._read[key] = b.inttoptr(address, kind)
        return self._read[key]


class _Driver:
    """Writes `run`."""

    def __init__(self, module: ir.Module) -> None:
        self.code = code = Code(module, "run", VOID, [I64.as_pointer(), I64, I64])
        self.job = _Job(code, code.arguments[0])
        self.zero = code.integer(0)
        b = code.builder
        job = self.job
        with code.when(b.icmp_signed("!=", job.number("once"), self.zero)):
            self._instructions("once", self._rounded(self._least(job.number("samples"), job.number("pitch"))))
        with code.loop(code.arguments[1], code.arguments[2]) as group:
            first = b.mul(group.index, job.number("group"))
            last = self._least(b.add(first, job.number("group")), job.number("chunks"))
            for which in (0, 1):
                b.store(ir.Constant(F64, 0.0), self._flag(group.index, which))
            with code.loop(first, last) as chunk:
                self._chunk(b.mul(chunk.index, job.number("pitch")), group.index)
            with self._when_differentiating():
                self._reduce(group.index)
        b.ret_void()

    def _least(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.code.builder.select(self.code.builder.icmp_signed("<", x, y), x, y)

    def _rounded(self, lanes: ir.Value) -> ir.Value:
        b = self.code.builder
        return b.and_(b.add(lanes, self.code.integer(WIDTH - 1)), self.code.integer(-WIDTH))

    def _when_differentiating(self) -> Any:
        return self.code.when(
            self.code.builder.icmp_signed("!=", self.job.number("differentiate"), self.zero)
        )

    def _clear(self, lanes: ir.Value) -> None:
        """Gradients of 0, in the lanes that are used."""
        code, b, job = self.code, self.code.builder, self.job
        with code.loop(self.zero, job.number("size")) as slot:
            row = b.mul(slot.index, job.number("pitch"))
            with code.loop(self.zero, lanes, WIDTH) as lane:
                code.store(code.splat(0.0), job.pointer("g"), b.add(row, lane.index))

    def _chunk(self, start: ir.Value, group: ir.Value) -> None:
        b, job = self.code.builder, self.job
        filled = self._least(b.sub(job.number("samples"), start), job.number("pitch"))
        lanes = self._rounded(filled)
        either(
            self.code,
            job,
            "columns",
            lambda: load_columns(self.code, job, start, filled, lanes),
            lambda: self._load(start, filled, lanes),
        )
        self._instructions("forward", lanes)
        self._guards(start, filled, lanes, group)
        either(
            self.code,
            job,
            "targets",
            lambda: store_columns(self.code, job, start, filled),
            lambda: self._write("output_slots", "output_count", "v", "outputs", start, filled),
        )
        with self._when_differentiating():
            self._clear(lanes)
            self._seed(start, filled, lanes)
            self._instructions("backward", lanes)
            self._write("wanted_slots", "wanted", "g", "each", start, filled, flag=self._flag(group, 0))

    def _load(self, start: ir.Value, filled: ir.Value, lanes: ir.Value) -> None:
        b, order = self.code.builder, self.job.number("order")
        with self.code.when(b.icmp_signed("==", order, self.zero)):
            self._load_rows(start, filled, lanes, lambda sample: sample)
        with self.code.when(b.icmp_signed("!=", order, self.zero)):
            places = self.job.pointer("order", I64.as_pointer())
            self._load_rows(start, filled, lanes, lambda sample: b.load(b.gep(places, [sample])))

    def _load_rows(
        self, start: ir.Value, filled: ir.Value, lanes: ir.Value, row_of: Callable[[ir.Value], ir.Value]
    ) -> None:
        code, b, job = self.code, self.code.builder, self.job
        last = b.sub(filled, code.integer(1))
        leaves = job.number("leaves")
        with code.loop(self.zero, lanes) as lane:
            sample = b.add(start, self._least(lane.index, last))
            row = b.mul(row_of(sample), leaves)
            with code.loop(self.zero, leaves) as leaf:
                number = b.load(code.at(job.pointer("rows"), b.add(row, leaf.index)))
                place = b.add(b.mul(leaf.index, job.number("pitch")), lane.index)
                b.store(number, code.at(job.pointer("v"), place))

    def _instructions(self, part: str, lanes: ir.Value) -> None:
        code, b, job = self.code, self.code.builder, self.job
        count = job.number("instructions")
        kernels = job.pointer(part, I64.as_pointer())
        with code.loop(self.zero, count) as step:
            place = step.index
            if part == "backward":
                place = b.sub(b.sub(count, code.integer(1)), place)
            address = b.load(b.gep(kernels, [place]))
            with code.when(b.icmp_signed("!=", address, self.zero)):
                call_kernel(code, address, job, place, lanes)

    def _flag(self, group: ir.Value, which: int) -> ir.Value:
        b = self.code.builder
        place = b.add(b.mul(group, self.code.integer(2)), self.code.integer(which))
        return self.code.at(self.job.pointer("flags"), place)

    def _guards(self, start: ir.Value, filled: ir.Value, lanes: ir.Value, group: ir.Value) -> None:
        """For each sample the first guard that missed (`tape.passes`)."""
        code, b, job = self.code, self.code.builder, self.job
        with code.loop(self.zero, lanes, WIDTH) as lane:
            code.store(code.splat(-1.0), job.pointer("missed"), b.add(start, lane.index))
        with code.loop(self.zero, job.number("guards")) as guard:
            row = b.mul(self._slot("guard_slots", guard.index), job.number("pitch"))
            expected = code.spread(b.load(code.at(job.pointer("expected"), guard.index)))
            number = b.load(code.at(job.pointer("numbers"), guard.index))
            with code.loop(self.zero, lanes, WIDTH) as lane:
                found = code.load(job.pointer("v"), b.add(row, lane.index))
                same = Mask(code, b.icmp_signed("==", found.bits(), expected.bits()))
                misses = ~(same | (found.is_nan() & expected.is_nan()))
                place = b.add(start, lane.index)
                before = code.load(job.pointer("missed"), place)
                after = (misses & (before < 0.0)).where(code.spread(number), before)
                code.store(after, job.pointer("missed"), place)
                inside = self._inside(lane.index, filled)
                with code.when((misses & inside).any()):
                    b.store(ir.Constant(F64, 1.0), self._flag(group, 1))

    def _inside(self, lane: ir.Value, filled: ir.Value) -> Mask:
        """Which lanes of a vector have a sample."""
        code, b = self.code, self.code.builder
        left = b.insert_element(ir.Constant(BITS, ir.Undefined), b.sub(filled, lane), ir.Constant(I32, 0))
        many = b.shuffle_vector(left, ir.Constant(BITS, ir.Undefined),
                                ir.Constant(ir.VectorType(I32, WIDTH), [0] * WIDTH))  # fmt: skip
        places = ir.Constant(BITS, [ir.Constant(I64, k) for k in range(WIDTH)])
        return Mask(code, b.icmp_signed("<", places, many))

    def _slot(self, name: str, index: ir.Value) -> ir.Value:
        b = self.code.builder
        return b.sext(b.load(b.gep(self.job.pointer(name, _WORDS), [index])), I64)

    def _seed(self, start: ir.Value, filled: ir.Value, lanes: ir.Value) -> None:
        code, b, job = self.code, self.code.builder, self.job
        last = b.sub(filled, code.integer(1))
        with code.loop(self.zero, job.number("output_count")) as output:
            row = b.mul(self._slot("output_slots", output.index), job.number("pitch"))
            with code.loop(self.zero, lanes) as lane:
                sample = b.add(start, self._least(lane.index, last))
                place = b.add(b.mul(sample, job.number("seed_rows")), output.index)
                seed = b.load(code.at(job.pointer("seeds"), place))
                missed = b.load(code.at(job.pointer("missed"), sample))
                counts = b.and_(
                    b.icmp_signed("<", lane.index, filled), b.fcmp_ordered("<", missed, ir.Constant(F64, 0.0))
                )
                place = code.at(job.pointer("g"), b.add(row, lane.index))
                b.store(b.fadd(b.load(place), b.select(counts, seed, ir.Constant(F64, 0.0))), place)

    def _write(self, slots: str, count: str, source: str, target: str, start: ir.Value, filled: ir.Value,
               flag: ir.Value | None = None) -> None:  # fmt: skip
        """Rows of a buffer as columns of an array over samples."""
        code, b, job = self.code, self.code.builder, self.job
        with code.loop(self.zero, job.number(count)) as each:
            row = b.mul(self._slot(slots, each.index), job.number("pitch"))
            with code.loop(self.zero, filled) as lane:
                number = b.load(code.at(job.pointer(source), b.add(row, lane.index)))
                place = b.add(b.mul(b.add(start, lane.index), job.number(count)), each.index)
                b.store(number, code.at(job.pointer(target), place))
                if flag is not None:
                    with code.when(b.fcmp_unordered("uno", number, number)):
                        b.store(ir.Constant(F64, 1.0), flag)

    def _reduce(self, group: ir.Value) -> None:
        """The sums of a group; what they were summed in is 0 again."""
        code, b, job = self.code, self.code.builder, self.job
        count = job.number("shared")
        first = b.mul(group, count)
        flag = self._flag(group, 0)
        eight = ir.VectorType(F64, PARTS)
        with code.loop(self.zero, count) as each:
            pointer = b.bitcast(
                code.at(job.pointer("gu"), b.mul(each.index, code.integer(PARTS))), eight.as_pointer()
            )
            total = Vector(code, b.load(pointer, align=8)).sum()
            b.store(ir.Constant(eight, [ir.Constant(F64, 0.0)] * PARTS), pointer, align=8)
            b.store(total, code.at(job.pointer("sums"), b.add(first, each.index)))
            with code.when(b.fcmp_unordered("uno", total, total)):
                b.store(ir.Constant(F64, 1.0), flag)


def call_kernel(code: Code, address: ir.Value, job: _Job, step: ir.Value, lanes: ir.Value) -> None:
    """Run one instruction."""
    b = code.builder
    result, arguments = Shape.signature()
    kernel = b.inttoptr(address, ir.FunctionType(result, arguments).as_pointer())
    instruction = b.gep(job.pointer("code", _WORDS), [b.mul(step, code.integer(len(FIELDS)))])
    buffers = [job.pointer(name) for name in ("v", "g", "u", "gu")]
    b.call(kernel, [*buffers, instruction, job.pointer("index", _WORDS), job.number("pitch"), lanes])


def _write_batch(module: ir.Module) -> None:
    """Writes `batch(job, backward, order, samples, groups at most, chunks at least)`.

    All are 64-bit integers. It runs all groups, and leaves the sums over them in the first. It gives the
    flags of all: 1 for a gradient that is NaN, 2 for a guard that missed.
    """
    code = Code(module, "batch", I64, [I64] * 6)
    b, zero, one = code.builder, code.integer(0), code.integer(1)
    address, backward, order, samples, most, least = code.arguments
    fields = b.inttoptr(address, I64.as_pointer())
    job = _Job(code, fields)
    chunks = _split(code, samples, job.number("pitch"))
    wanted = b.sdiv(chunks, least)
    wanted = b.select(b.icmp_signed("<", wanted, most), wanted, most)
    group = _split(code, chunks, b.select(b.icmp_signed("<", wanted, one), one, wanted))
    groups = _split(code, chunks, group)
    settings = {"backward": backward, "order": order, "samples": samples, "chunks": chunks, "group": group}
    for name, number in settings.items():
        b.store(number, b.gep(fields, [ir.Constant(I32, JOB.index(name))]))
    b.call(module.globals["run"], [fields, zero, groups])
    shared = job.number("shared")
    with code.loop(one, groups) as other:
        first = b.mul(other.index, shared)
        with code.loop(zero, shared) as each:
            total = code.at(job.pointer("sums"), each.index)
            more = b.load(code.at(job.pointer("sums"), b.add(first, each.index)))
            b.store(b.fadd(b.load(total), more), total)
    with code.loop(zero, groups, 1, [zero]) as each_group:
        found = each_group.values[0]
        for which in (0, 1):
            place = b.add(b.mul(each_group.index, code.integer(2)), code.integer(which))
            is_set = b.fcmp_ordered("!=", b.load(code.at(job.pointer("flags"), place)), ir.Constant(F64, 0.0))
            found = b.or_(found, b.select(is_set, code.integer(1 + which), zero))
        each_group.following = [found]
    b.ret(each_group.values[0])


def _split(code: Code, count: ir.Value, size: ir.Value) -> ir.Value:
    """How many parts of at most a size a count has."""
    b = code.builder
    return b.sdiv(b.add(count, b.sub(size, code.integer(1))), size)


_lock = threading.Lock()


def driver() -> Callable[[int, int, int], None]:
    """`run(job, first group, last group)`, where `job` is the address of the fields of `JOB`."""
    made = _driver()
    return made.function("run", ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def batch_address() -> int:
    """Where `batch` begins, for other machine code."""
    return _driver().address("batch")


def _driver() -> MachineCode:
    with _lock:
        return _compiled_driver()


@cache
def _compiled_driver() -> MachineCode:
    return kept_or_compiled("driver", _module)


def _module() -> ir.Module:
    module = new_module("lanes_driver")
    _Driver(module)
    _write_batch(module)
    return module
