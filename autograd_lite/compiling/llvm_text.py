"""A tape as LLVM's assembly language: one instruction, or one call of a C function, for each operation.

Nothing may be contracted or reassociated, so every operation has the value that Python's has. A row that has
no C function, or whose own number eager code computes by its rule, is written out by that rule.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import cache

from .differentiating import expanded
from .llvm_engine import PREFIX
from .tape import CHAIN, ROWS, TAKE, Tape

__all__ = ["Numbers", "Writer", "lowered", "number"]

_ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_COMPARISON = {">": "ogt", ">=": "oge", "<": "olt", "<=": "ole", "==": "oeq", "!=": "une"}
_LOGIC = {"&": "and", "|": "or"}
_INTRINSIC = {"sqrt", "fabs"}
"""C functions that are one instruction nearly everywhere."""

# what C has no function for: Python's % has the sign of the divisor, and float_mod is NaN for infinities
_HELPERS = {
    "mod": """define private double @mod(double %a, double %b) {
  %rest = call double @{PREFIX}fmod(double %a, double %b)
  %zero = fcmp oeq double %rest, 0.0
  %below = fcmp olt double %b, 0.0
  %signed = select i1 %below, double -0.0, double 0.0
  %under = fcmp olt double %rest, 0.0
  %differ = xor i1 %below, %under
  %moved = fadd double %rest, %b
  %kept = select i1 %differ, double %moved, double %rest
  %result = select i1 %zero, double %signed, double %kept
  ret double %result
}
""".replace("{PREFIX}", PREFIX)
}
_HELPERS_CALL = {"mod": ("fmod", 2)}


@cache
def _kind(code: int) -> tuple[str, str]:
    """How an operation is written, and with which word; ("", "") for one that is written out by its rule."""
    row = ROWS[code]
    if row.arity == 2 and row.infix in _ARITHMETIC:
        return "arithmetic", _ARITHMETIC[row.infix]
    if row.infix in _COMPARISON:
        return "comparison", _COMPARISON[row.infix]
    if row.infix in _LOGIC:
        return "logic", _LOGIC[row.infix]
    if row.name in ("neg", "choose", "logical_not"):
        return row.name, ""
    name = row.natives.get("llvm") or (row.natives.get("c", "") if row.native is not None else "")
    return ("call", name) if name and row.arity is not None else ("", "")


def _is_known(code: int) -> bool:
    return bool(_kind(code)[0])


def lowered(tape: Tape) -> Tape:
    """The same program in operations that are one instruction or one call."""
    return expanded(tape, _is_known)


def number(value: float) -> str:
    """A double, bit for bit."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


class Numbers:
    """The numbers of a tape's nodes as they stand in the text: as doubles, and conditions as bits."""

    __slots__ = ("_truths", "_writer", "doubles")

    def __init__(self, writer: Writer, doubles: Sequence[str]) -> None:
        self._writer = writer
        self.doubles = list(doubles)
        self._truths: dict[int, str] = {}

    def double(self, node: int) -> str:
        """A node as a number; a condition is 1 or 0."""
        if not self.doubles[node]:
            self.doubles[node] = self._writer.value(f"select i1 {self._truths[node]}, double 1.0, double 0.0")
        return self.doubles[node]

    def truth(self, node: int) -> str:
        """A node as a condition: a number holds unless it is 0."""
        if node not in self._truths:
            self._truths[node] = self._writer.value(f"fcmp une double {self.doubles[node]}, 0.0")
        return self._truths[node]

    def add(self, double: str) -> None:
        """The next node."""
        self.doubles.append(double)

    def add_truth(self, bit: str) -> None:
        """The next node, a condition."""
        self._truths[len(self.doubles)] = bit
        self.doubles.append("")


class Writer:
    """The lines of one function, and what it calls."""

    def __init__(self, pointer: str) -> None:
        self.lines: list[str] = []
        self.calls: dict[str, int] = {}
        self.helpers: set[str] = set()
        self.pointer = pointer
        self._count = 0

    def line(self, text: str) -> None:
        """A line that gives nothing."""
        self.lines.append("  " + text)

    def value(self, text: str) -> str:
        """A line that gives something, and the name it has."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def load(self, base: str, place: int | str) -> str:
        """The number at a place of an array."""
        return self.value(f"load double, {self.pointer} {self.at(base, place)}")

    def store(self, value: str, base: str, place: int | str) -> None:
        """Put a number at a place of an array."""
        self.line(f"store double {value}, {self.pointer} {self.at(base, place)}")

    def at(self, base: str, place: int | str) -> str:
        """The address of a place of an array."""
        if place == 0:
            return base
        return self.value(f"getelementptr double, {self.pointer} {base}, i64 {place}")

    def call(self, name: str, given: Sequence[str]) -> str:
        """A call of a C function, of an intrinsic or of a helper."""
        arguments = ", ".join(f"double {each}" for each in given)
        if name in _HELPERS:
            self.helpers.add(name)
            inner, count = _HELPERS_CALL[name]
            self.calls[inner] = count
            return self.value(f"call double @{name}({arguments})")
        self.calls[name] = len(given)
        return self.value(f"call double @{_symbol(name)}({arguments})")

    def program(self, tape: Tape, leaves: Sequence[str]) -> Numbers:
        """All operations of a lowered tape; `leaves` are the numbers of its leaves."""
        numbers = Numbers(self, [*leaves, *map(number, tape.constants)])
        start = 0
        for code, end in zip(tape.codes, tape.starts[1:], strict=True):
            self._operation(numbers, code, tape.operands[start:end])
            start = end
        return numbers

    def _operation(self, numbers: Numbers, code: int, operands: Sequence[int]) -> None:
        double, truth = numbers.double, numbers.truth
        if code == TAKE:
            numbers.add(self._taken([double(operand) for operand in operands]))
            return
        if code == CHAIN:
            numbers.add(self.chained(*map(double, operands)))
            return
        kind, word = _kind(code)
        if kind == "arithmetic":
            numbers.add(self.value(f"{word} double {double(operands[0])}, {double(operands[1])}"))
        elif kind == "comparison":
            left, right = double(operands[0]), double(operands[1])
            numbers.add_truth(self.value(f"fcmp {word} double {left}, {right}"))
        elif kind == "logic":
            numbers.add_truth(self.value(f"{word} i1 {truth(operands[0])}, {truth(operands[1])}"))
        elif kind == "logical_not":
            numbers.add_truth(self.value(f"xor i1 {truth(operands[0])}, true"))
        elif kind == "neg":
            numbers.add(self.value(f"fneg double {double(operands[0])}"))
        elif kind == "choose":
            first, second = double(operands[1]), double(operands[2])
            numbers.add(self.value(f"select i1 {truth(operands[0])}, double {first}, double {second}"))
        else:
            numbers.add(self.call(word, [double(operand) for operand in operands]))

    def chained(self, upstream: str, local: str) -> str:
        """The product of the chain rule (`rules.chain`): 0 where it is NaN for a zero."""
        product = self.value(f"fmul double {upstream}, {local}")
        nothing = self.value(f"fcmp uno double {product}, {product}")
        first = self.value(f"fcmp oeq double {upstream}, 0.0")
        flat = self.value(f"fcmp oeq double {local}, 0.0")
        known = self.value(f"fcmp ord double {upstream}, {upstream}")
        second = self.value(f"and i1 {flat}, {known}")
        either = self.value(f"or i1 {first}, {second}")
        cut = self.value(f"and i1 {nothing}, {either}")
        return self.value(f"select i1 {cut}, double 0.0, double {product}")

    def _taken(self, given: Sequence[str]) -> str:
        """The entry of a table, by one test after the other. An index outside gives the first."""
        index, *table = given
        result = table[0]
        for place, entry in enumerate(table[1:], 1):
            hit = self.value(f"fcmp oeq double {index}, {number(place)}")
            result = self.value(f"select i1 {hit}, double {entry}, double {result}")
        return result

    def missed(self, numbers: Numbers, tape: Tape) -> str:
        """A 64-bit integer: the first guard that does not hold, or -1."""
        result = "-1"
        for place in range(len(tape.guards) - 1, -1, -1):
            node, expected = tape.guards[place][:2]
            holds = self._holds(numbers.double(node), expected)
            result = self.value(f"select i1 {holds}, i64 {result}, i64 {place}")
        return result

    def _holds(self, given: str, expected: float) -> str:
        if expected != expected:
            return self.value(f"fcmp uno double {given}, {given}")
        bits = self.value(f"bitcast double {given} to i64")
        return self.value(f"icmp eq i64 {bits}, {struct.unpack('<q', struct.pack('<d', expected))[0]}")

    def any_nan(self, given: Iterable[str]) -> str:
        """A bit: whether one of the numbers is NaN."""
        names = list(given)
        result = ""
        for first, second in zip(names[::2], names[1::2] + names[-1:], strict=False):
            bit = self.value(f"fcmp uno double {first}, {second}")
            result = self.value(f"or i1 {result}, {bit}") if result else bit
        return result or "false"

    def module(self, head: str, others: Sequence[str] = ()) -> str:
        """The whole module: what is called, helpers, other functions, and this one."""
        declared = [
            f"declare double @{_symbol(name)}({', '.join(['double'] * count)})"
            for name, count in sorted(self.calls.items())
        ]
        helpers = [_HELPERS[name] for name in sorted(self.helpers)]
        return "\n".join([*declared, *helpers, *others, self.function(head)])

    def function(self, head: str) -> str:
        """This function alone."""
        return "\n".join([head + " {", *self.lines, "}", ""])

    def externals(self) -> list[str]:
        """The C functions that are called."""
        return [name for name in self.calls if name not in _INTRINSIC]


def _symbol(name: str) -> str:
    return f"llvm.{name}.f64" if name in _INTRINSIC else PREFIX + name
