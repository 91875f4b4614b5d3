"""Machine code on vectors of sixteen doubles, written with llvmlite: values with operators, loops, an engine.

A `Vector` stands for sixteen numbers that a program will have when it runs, as a `Symbol` stands for one. Its
operators add instructions to a function that is being written. LLVM turns sixteen doubles into two, four
or eight registers, as the processor has them; so several chains of instructions run side by side.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from llvmlite import ir

from . import llvm_cache, llvm_engine
from .llvm_cache import MachineCode

__all__ = ["Code", "Mask", "Vector", "compiled", "has_wide_registers", "kept_or_compiled"]

WIDTH = 16
F64, I64, I32, VOID = ir.DoubleType(), ir.IntType(64), ir.IntType(32), ir.VoidType()
VECTOR, BITS = (ir.VectorType(each, WIDTH) for each in (F64, I64))


class Code:
    """A function that is being written: its builder, and helpers that the whole module shares."""

    def __init__(self, module: ir.Module, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> None:
        self.module = module
        self.function = ir.Function(module, ir.FunctionType(result, arguments), name)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))

    @property
    def arguments(self) -> Any:
        """What the function is called with."""
        return self.function.args

    def vector(self, value: ir.Value) -> Vector:
        """A value of the type <16 x double>."""
        return Vector(self, value)

    def splat(self, number: float) -> Vector:
        """The same number sixteen times."""
        return Vector(self, ir.Constant(VECTOR, [ir.Constant(F64, number)] * WIDTH))

    def spread(self, scalar: ir.Value) -> Vector:
        """A double of the program, sixteen times."""
        b = self.builder
        one = b.insert_element(ir.Constant(VECTOR, ir.Undefined), scalar, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, WIDTH), [0] * WIDTH)
        return Vector(self, b.shuffle_vector(one, ir.Constant(VECTOR, ir.Undefined), zeros))

    def integer(self, number: int) -> ir.Value:
        """A 64-bit integer constant."""
        return ir.Constant(I64, number)

    def at(self, base: ir.Value, index: ir.Value) -> ir.Value:
        """The address of a number in an array of doubles."""
        return self.builder.gep(base, [index])

    def load(self, base: ir.Value, index: ir.Value) -> Vector:
        """Sixteen numbers from an array of doubles, from `index` on."""
        pointer = self.builder.bitcast(self.at(base, index), VECTOR.as_pointer())
        return Vector(self, self.builder.load(pointer, align=8))

    def store(self, vector: Vector, base: ir.Value, index: ir.Value) -> None:
        """Sixteen numbers into an array of doubles, from `index` on."""
        pointer = self.builder.bitcast(self.at(base, index), VECTOR.as_pointer())
        self.builder.store(vector.value, pointer, align=8)

    def intrinsic(self, name: str, result: ir.Type, arguments: Sequence[ir.Value]) -> ir.Value:
        """The result of a function that LLVM or the C library has."""
        kind = ir.FunctionType(result, [each.type for each in arguments])
        function = self.module.globals.get(name) or ir.Function(self.module, kind, name)
        return self.builder.call(function, list(arguments))

    @contextmanager
    def loop(
        self, start: ir.Value, stop: ir.Value, step: int = 1, carried: Sequence[ir.Value] = ()
    ) -> Iterator[Loop]:
        """A loop over `start, start + step, …` below `stop`; `carried` are values that it changes."""
        loop = Loop(self, start, stop, step, carried)
        yield loop
        loop.close()

    @contextmanager
    def when(self, condition: ir.Value) -> Iterator[None]:
        """What is done only if a bit is set."""
        with self.builder.if_then(condition):
            yield


class Loop:
    """A loop that is being written; `values` are the carried ones, `following` those of the next round."""

    def __init__(
        self, code: Code, start: ir.Value, stop: ir.Value, step: int, carried: Sequence[ir.Value]
    ) -> None:
        self._code, self._step = code, step
        b = code.builder
        before = b.block
        self._head = b.append_basic_block("loop")
        body, self._end = b.append_basic_block("body"), b.append_basic_block("end")
        b.branch(self._head)
        b.position_at_end(self._head)
        self.index = b.phi(I64)
        self.index.add_incoming(start, before)
        self._phis = [b.phi(each.type) for each in carried]
        for phi, each in zip(self._phis, carried, strict=True):
            phi.add_incoming(each, before)
        b.cbranch(b.icmp_signed("<", self.index, stop), body, self._end)
        b.position_at_end(body)
        self.values: list[ir.Value] = list(self._phis)
        self.following: list[ir.Value] = list(self._phis)

    def close(self) -> None:
        """Go round; afterwards `values` are the carried values at the end."""
        b = self._code.builder
        self.index.add_incoming(b.add(self.index, ir.Constant(I64, self._step)), b.block)
        for phi, each in zip(self._phis, self.following, strict=True):
            phi.add_incoming(each, b.block)
        b.branch(self._head)
        b.position_at_end(self._end)
        self.values = list(self._phis)


class Mask:
    """Sixteen conditions."""

    __slots__ = ("code", "value")

    def __init__(self, code: Code, value: ir.Value) -> None:
        self.code, self.value = code, value

    def __and__(self, other: Mask) -> Mask:
        return Mask(self.code, self.code.builder.and_(self.value, other.value))

    def __or__(self, other: Mask) -> Mask:
        return Mask(self.code, self.code.builder.or_(self.value, other.value))

    def __invert__(self) -> Mask:
        return Mask(self.code, self.code.builder.not_(self.value))

    def where(self, chosen: Vector | float, other: Vector | float) -> Vector:
        """Of each pair of numbers the first where the condition holds, else the second."""
        first, second = as_vector(self.code, chosen), as_vector(self.code, other)
        return Vector(self.code, self.code.builder.select(self.value, first.value, second.value))

    def any(self) -> ir.Value:
        """One bit: whether one of them holds."""
        word = self.code.builder.bitcast(self.value, ir.IntType(WIDTH))
        return self.code.builder.icmp_unsigned("!=", word, ir.Constant(ir.IntType(WIDTH), 0))


class Vector:
    """Sixteen doubles."""

    __slots__ = ("code", "value")

    def __init__(self, code: Code, value: ir.Value) -> None:
        self.code, self.value = code, value

    def _with(self, instruction: str, other: Vector | float, swapped: bool = False) -> Vector:
        pair = self.value, as_vector(self.code, other).value
        return Vector(self.code, getattr(self.code.builder, instruction)(*(pair[::-1] if swapped else pair)))

    def __add__(self, other: Vector | float) -> Vector:
        return self._with("fadd", other)

    def __radd__(self, other: float) -> Vector:
        return self._with("fadd", other, swapped=True)

    def __sub__(self, other: Vector | float) -> Vector:
        return self._with("fsub", other)

    def __rsub__(self, other: float) -> Vector:
        return self._with("fsub", other, swapped=True)

    def __mul__(self, other: Vector | float) -> Vector:
        return self._with("fmul", other)

    def __rmul__(self, other: float) -> Vector:
        return self._with("fmul", other, swapped=True)

    def __truediv__(self, other: Vector | float) -> Vector:
        return self._with("fdiv", other)

    def __rtruediv__(self, other: float) -> Vector:
        return self._with("fdiv", other, swapped=True)

    def __neg__(self) -> Vector:
        return Vector(self.code, self.code.builder.fneg(self.value))

    def compare(self, sign: str, other: Vector | float) -> Mask:
        """Where `<`, `<=`, `>`, `>=`, `==` holds, false with a NaN, or `!=`, true with one."""
        ask = self.code.builder.fcmp_unordered if sign == "!=" else self.code.builder.fcmp_ordered
        return Mask(self.code, ask(sign, self.value, as_vector(self.code, other).value))

    def __lt__(self, other: Vector | float) -> Mask:
        return self.compare("<", other)

    def __le__(self, other: Vector | float) -> Mask:
        return self.compare("<=", other)

    def __gt__(self, other: Vector | float) -> Mask:
        return self.compare(">", other)

    def __ge__(self, other: Vector | float) -> Mask:
        return self.compare(">=", other)

    def is_nan(self) -> Mask:
        """Where the number is not a number."""
        return Mask(self.code, self.code.builder.fcmp_unordered("uno", self.value, self.value))

    def times_plus(self, factor: Vector | float, term: Vector | float) -> Vector:
        """self * factor + term, rounded once where the processor can."""
        given = [self.value, as_vector(self.code, factor).value, as_vector(self.code, term).value]
        return Vector(self.code, self.code.intrinsic(f"llvm.fmuladd.v{WIDTH}f64", VECTOR, given))

    def called(self, name: str) -> Vector:
        """An intrinsic of LLVM, such as `fabs`."""
        return Vector(self.code, self.code.intrinsic(f"llvm.{name}.v{WIDTH}f64", VECTOR, [self.value]))

    def bits(self) -> ir.Value:
        """The sixteen numbers as 64-bit integers."""
        return self.code.builder.bitcast(self.value, BITS)

    def sum(self) -> ir.Value:
        """One double: the sum, by halves."""
        b, parts = self.code.builder, self.value
        width = parts.type.count
        while width > 1:
            width //= 2
            halves = [
                b.shuffle_vector(
                    parts,
                    ir.Constant(parts.type, ir.Undefined),
                    ir.Constant(ir.VectorType(I32, width), list(range(first, first + width))),
                )
                for first in (0, width)
            ]
            parts = b.fadd(*halves)
        return b.extract_element(parts, ir.Constant(I32, 0))


def as_vector(code: Code, value: Vector | float) -> Vector:
    """A number sixteen times; a vector as it is."""
    return value if isinstance(value, Vector) else code.splat(float(value))


def from_bits(code: Code, value: ir.Value) -> Vector:
    """Sixteen 64-bit integers read as doubles."""
    return Vector(code, code.builder.bitcast(value, VECTOR))


def integers(value: int) -> ir.Constant:
    """The same 64-bit integer sixteen times."""
    return ir.Constant(BITS, [ir.Constant(I64, value)] * WIDTH)


def bits_of(number: float) -> int:
    """The 64 bits of a double."""
    return int(struct.unpack("<q", struct.pack("<d", number))[0])


def new_module(name: str) -> ir.Module:
    """An empty module."""
    module = ir.Module(name)
    module.triple = llvm_engine.binding().get_default_triple()
    return module


def compiled(module: ir.Module, features: str | None = None, externals: Iterable[str] = ()) -> MachineCode:
    """The machine code of a module, see `llvm_cache.compiled`."""
    return llvm_cache.compiled(str(module), externals, features)


def kept_or_compiled(name: str, write: Callable[[], ir.Module], externals: Iterable[str] = ()) -> MachineCode:
    """The same, from the user's cache folder if it is there.

    `name` says all that the module depends on, but for the source of this package's modules for lanes.
    """
    depends_on = "\0".join((name, _source_digest()))
    return llvm_cache.kept_or_compiled("lanes", depends_on, lambda: str(write()), externals)


def has_wide_registers() -> bool:
    """Whether the processor has the 32 registers of 512 bits of AVX-512."""
    return "+avx512f" in llvm_cache.processor()[1].split(",")


@cache
def _source_digest() -> str:
    """Of the modules that write code for lanes, of the op table, and of what instructions look like."""
    folder = Path(__file__).parent
    written_by = [*sorted(folder.glob("lane_*.py")), *sorted((folder.parent / "ops").glob("*.py"))]
    beside = [folder / name for name in ("instructions.py", "llvm_cache.py", "llvm_engine.py", "tape.py")]
    files = [*written_by, *beside, folder.parent / "symbols.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
