"""Functions in LLVM's assembly language with loops, branches, integers and short vectors.

A `Code` writes one function, instruction by instruction, as a person would; names of values are strings. An
array is an integer address, and a place in it counts entries. Only `multiply_add` may round a product and a
sum once; nothing is reordered but by who writes it so.

>>> code = Code("twice", ["i64 %v"])
>>> number = code.load("%v", "0")
>>> code.store(code.fadd(number, number), "%v", "0")
>>> code.close()
>>> print(code.text().splitlines()[0])
define internal void @twice(i64 %v) nounwind {
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .llvm_engine import pointer
from .llvm_loops import LoopWriter

__all__ = ["LANES", "PACK", "Code"]

LANES = 8
"""How many numbers a vector has: one register of AVX-512, two of AVX2, four of SSE and NEON."""
PACK = f"<{LANES} x double>"


class Code(LoopWriter):
    """A function that is being written."""

    def __init__(
        self, name: str, arguments: Sequence[str], result: str = "void", *, public: bool = False
    ) -> None:
        super().__init__(pointer())
        self.declared: set[str] = set()
        """Intrinsics of LLVM that this function needs, besides `calls`."""
        kind = "" if public else "internal "
        self.head = f"define {kind}{result} @{name}({', '.join(arguments)}) nounwind {{"

    def close(self, result: str = "void") -> None:
        """Return."""
        self.line(f"ret {result}")

    def text(self) -> str:
        """The function's source."""
        return "\n".join([self.head, *self.lines, "}", ""])

    # --- integers and memory --------------------------------------------------------------------------------

    def plus(self, a: str, b: str | int) -> str:
        """a + b"""
        return a if b in (0, "0") else self.value(f"add i64 {a}, {b}")

    def times(self, a: str, b: str | int) -> str:
        """a * b"""
        return self.value(f"mul i64 {a}, {b}")

    def asks(self, sign: str, a: str, b: str | int) -> str:
        """A comparison of integers: eq, ne, slt, sle, sgt, sge."""
        return self.value(f"icmp {sign} i64 {a}, {b}")

    def both(self, a: str, b: str) -> str:
        """Whether two bits are set."""
        return self.value(f"and i1 {a}, {b}")

    def either(self, a: str, b: str) -> str:
        """Whether one of two bits is set."""
        return self.value(f"or i1 {a}, {b}")

    def chosen(self, bit: str, a: str, b: str, kind: str = "i64") -> str:
        """a if the bit is set, else b."""
        return self.value(f"select i1 {bit}, {kind} {a}, {kind} {b}")

    def has_bit(self, a: str, bit: int) -> str:
        """Whether a bit of an integer is set."""
        return self.asks("ne", self.value(f"and i64 {a}, {bit}"), 0)

    def pointer_to(self, base: str, place: str | int, kind: str = "double", shift: int = 3) -> str:
        """A pointer to an entry, with its type before it; entries are 2**shift bytes apart."""
        if place not in (0, "0"):
            moved = (
                str(int(place) << shift) if str(place).isdigit() else self.value(f"shl i64 {place}, {shift}")
            )
            base = self.value(f"add i64 {base}, {moved}")
        typed = self.pointer if self.pointer == "ptr" else f"{kind}*"
        return f"{typed} {self.value(f'inttoptr i64 {base} to {typed}')}"

    def load(self, base: str, place: str | int) -> str:
        """The number at a place."""
        return self.value(f"load double, {self.pointer_to(base, place)}, align 8")

    def store(self, value: str, base: str, place: str | int) -> None:
        """Put a number at a place."""
        self.line(f"store double {value}, {self.pointer_to(base, place)}, align 8")

    def increase(self, base: str, place: str | int, by: str) -> None:
        """Add to the number at a place."""
        pointer = self.pointer_to(base, place)
        before = self.value(f"load double, {pointer}, align 8")
        self.line(f"store double {self.fadd(before, by)}, {pointer}, align 8")

    def load_pack(self, base: str, place: str | int, kind: str = PACK) -> str:
        """A vector of the numbers from a place on."""
        return self.value(f"load {kind}, {self.pointer_to(base, place, kind)}, align 8")

    def store_pack(self, value: str, base: str, place: str | int, kind: str = PACK) -> None:
        """Put the numbers of a vector at the places from one on."""
        self.line(f"store {kind} {value}, {self.pointer_to(base, place, kind)}, align 8")

    def field(self, base: str, place: str | int) -> str:
        """The 32-bit integer at a place, as one of 64 bits."""
        short = self.value(f"load i32, {self.pointer_to(base, place, 'i32', 2)}, align 4")
        return self.value(f"sext i32 {short} to i64")

    def word(self, base: str, place: str | int) -> str:
        """The 64-bit integer at a place."""
        return self.value(f"load i64, {self.pointer_to(base, place, 'i64')}, align 8")

    def flag(self, base: str, place: str | int) -> str:
        """Whether the byte at a place is not 0."""
        byte = self.value(f"load i8, {self.pointer_to(base, place, 'i8', 0)}, align 1")
        return self.value(f"icmp ne i8 {byte}, 0")

    # --- numbers --------------------------------------------------------------------------------------------

    def fadd(self, a: str, b: str, kind: str = "double") -> str:
        """a + b of numbers or vectors."""
        return self.value(f"fadd {kind} {a}, {b}")

    def fmul(self, a: str, b: str, kind: str = "double") -> str:
        """a * b of numbers or vectors."""
        return self.value(f"fmul {kind} {a}, {b}")

    def multiply_add(self, a: str, b: str, c: str, kind: str = "double") -> str:
        """a * b + c, rounded once where the processor can."""
        name = "f64" if kind == "double" else "v" + kind[1:].split(" ")[0] + "f64"
        declared = f"declare {kind} @llvm.fmuladd.{name}({kind}, {kind}, {kind})"
        self.declared.add(declared)
        return self.value(f"call {kind} @llvm.fmuladd.{name}({kind} {a}, {kind} {b}, {kind} {c})")

    def spread(self, a: str, kind: str = PACK) -> str:
        """A vector of one number, repeated."""
        count = kind[1:].split(" ")[0]
        one = self.value(f"insertelement {kind} poison, double {a}, i32 0")
        return self.value(f"shufflevector {kind} {one}, {kind} poison, <{count} x i32> zeroinitializer")

    def shuffled(self, a: str, b: str, places: Sequence[int], kind: str = PACK) -> str:
        """Some of the numbers of two vectors, as a vector."""
        listed = ", ".join(f"i32 {place}" for place in places)
        return self.value(f"shufflevector {kind} {a}, {kind} {b}, <{len(places)} x i32> <{listed}>")

    def packed(self, numbers: Sequence[str]) -> str:
        """A vector of numbers."""
        kind, pack = f"<{len(numbers)} x double>", "poison"
        for place, each in enumerate(numbers):
            pack = self.value(f"insertelement {kind} {pack}, double {each}, i32 {place}")
        return pack

    def element(self, pack: str, place: int, kind: str = PACK) -> str:
        """One number of a vector."""
        return self.value(f"extractelement {kind} {pack}, i32 {place}")

    def total(self, pack: str, width: int = LANES) -> str:
        """The sum of a vector of `width` numbers, by halves."""
        kind = f"<{width} x double>"
        while width > 1:
            width //= 2
            low, high = (self.shuffled(pack, pack, range(k, k + width), kind) for k in (0, width))
            kind = f"<{width} x double>"
            pack = self.fadd(low, high, kind)
        return self.element(pack, 0, kind)

    @contextmanager
    def otherwise(self, bit: str, done: str) -> Iterator[None]:
        """What is done if a bit is set, and then all is done: it goes to the block `done`."""
        inside, after = self.fresh("case"), self.fresh("else")
        self.branch(bit, inside, after)
        self.label(inside)
        yield
        self.jump(done)
        self.label(after)
