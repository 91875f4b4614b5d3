"""A tape as straight-line Python that people can read.

What is used once stands in the line that uses it, while that stays short. Conditions are bools here.
"""

from __future__ import annotations

import keyword
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from ..rules import chain
from .building import TapeBuilder
from .tape import CHAIN, ROWS, TAKE, Tape
from .terms import forward_of

__all__ = ["Lines", "functions_of", "is_known", "unpacked"]

_RANK = {"|": 1, "&": 2, ">": 4, ">=": 4, "<": 4, "<=": 4, "==": 4, "!=": 4, "+": 5, "-": 5, "*": 6, "/": 6}
_WORD = {"|": "or", "&": "and"}
_CONDITIONS = frozenset(code for code, row in enumerate(ROWS) if row.condition)
_CHOICE, _NOT, _NEGATION, _NAME = 0, 3, 7, 9

_LONG = 90
"""An operation is not put into another's line if that gets longer than this."""


@cache
def is_known(code: int) -> bool:
    """Whether a row is written as an operator or a call; any other is written out by its rule."""
    row = ROWS[code]
    if (row.arity == 2 and row.infix in _RANK) or row.name in ("neg", "choose", "logical_not"):
        return True
    if "python" in row.natives:
        return True
    with suppress(TypeError):  # that is what a native function says that does not calculate with terms
        builder = TapeBuilder()
        forward_of(builder, code, [builder.input() for _ in range((row.arity or 1) + len(row.immediates))])
        return False
    return True


def functions_of(tape: Tape) -> dict[str, Any]:
    """What the lines of a tape call, by name: the very functions that eager code calls."""
    found: dict[str, Any] = {"inf": math.inf, "nan": math.nan, "chain": chain, "copysign": math.copysign}
    for code in set(tape.codes) - {TAKE, CHAIN}:
        row = ROWS[code]
        found[row.name] = row.native or _numbers_of(code)
    return found


def _numbers_of(code: int) -> Callable[..., float]:
    row = ROWS[code]
    count = row.arity or 0
    return lambda *given: row.number(*given[:count], immediates=given[count:])


def unpacked(names: Sequence[str]) -> list[str]:
    """The lines that take the leaves out of the list in which they come."""
    if not names:
        return []
    listed = ", ".join(names) + (", = leaves" if len(names) == 1 else " = leaves")
    if len(listed) <= _LONG:
        return [listed]
    return ["(", *(f"    {line}" for line in textwrap.wrap(", ".join(names), _LONG)), ") = leaves"]


class Lines:
    """The lines of a program in rows that `is_known` knows.

    `names` are what the leaves are called. The first `forward` operations are the program's own, and the
    others are adjoints, `adjoints` saying of which node.
    """

    def __init__(
        self, tape: Tape, forward: int | None = None, adjoints: dict[int, int] | None = None
    ) -> None:
        self.tape = tape
        self.forward = len(tape.codes) if forward is None else forward
        self.adjoints = adjoints or {}
        self.lines: list[str] = []
        self.taken = {*keyword.kwlist, *functions_of(tape), "leaves", "int", "program"}
        self.leaves = [self._leaf_name(k) for k in range(tape.leaves)]
        self._texts: list[tuple[str, int]] = [(name, _NAME) for name in self.leaves]
        self._texts += map(_constant, tape.constants)
        self._named = [True] * tape.leaves + [False] * len(tape.constants)
        self._conditions = [False] * tape.first_operation
        self._uses = self._counted()
        self._count = 0
        self._guard = 0
        self._operations()

    def number(self, node: int, rank: int = 0) -> str:
        """A node as a number, as an operand that binds at least as tightly as `rank`."""
        written, own = self._texts[node]
        if self._conditions[node]:
            written, own = f"1.0 if {self.truth(node, 1)} else 0.0", _CHOICE
        return f"({written})" if own < rank else written

    def truth(self, node: int, rank: int) -> str:
        """A node as a condition; a number holds unless it is 0."""
        written, own = self._texts[node]
        if not self._conditions[node]:
            written, own = f"{self.number(node, 5)} != 0.0", 4
        return f"({written})" if own < rank else written

    # --- names ----------------------------------------------------------------------------------------------

    def _leaf_name(self, leaf: int) -> str:
        tape = self.tape
        given = tape.names[leaf] if tape.names else ""
        default = f"x{leaf}" if leaf < tape.inputs else f"p{leaf - tape.inputs}"
        return self._free(re.sub(r"\W+", "_", given, flags=re.ASCII).strip("_") or default)

    def _free(self, name: str) -> str:
        """The name, or one like it that nothing has."""
        if name[0].isdigit():
            name = f"x{name}"
        known, count = name, 1
        while name in self.taken:
            count += 1
            name = f"{known}_{count}"
        self.taken.add(name)
        return name

    def _name(self, operation: int, node: int) -> str:
        of = self.adjoints.get(node)
        if of is not None and self._named[of]:
            return self._free(f"d_{self._texts[of][0]}")
        self._count += 1
        return self._free(f"{'v' if operation < self.forward else 'g'}{self._count}")

    # --- lines ----------------------------------------------------------------------------------------------

    def _counted(self) -> list[int]:
        uses = [0] * len(self.tape)
        for node in (*self.tape.operands, *self.tape.outputs, *(guard.node for guard in self.tape.guards)):
            uses[node] += 1
        return uses

    def _operations(self) -> None:
        tape, uses = self.tape, self._uses
        first = tape.first_operation
        self._guards(first)
        start = 0
        for k, (code, end) in enumerate(zip(tape.codes, tape.starts[1:], strict=True)):
            node = first + k
            if k == self.forward:
                self.lines += [
                    "",
                    "# the adjoint: d_x is the derivative of the result by x, a sum that starts from 0",
                ]
            self._conditions.append(code in _CONDITIONS)
            written = self._written(code, tape.operands[start:end])
            start = end
            self._texts.append(written)
            self._named.append(False)
            if uses[node] != 1 or len(written[0]) > _LONG or node in self.adjoints:
                self._assign(k, node, written[0])
            if self._guard < len(tape.guards):
                self._guards(node + 1)

    def _assign(self, operation: int, node: int, written: str) -> None:
        name = self._name(operation, node)
        place = self.tape.places[operation] if self.tape.places else None
        self.lines.append(f"{name} = {written}" + (f"  # {place.name}" if place is not None else ""))
        self._texts[node] = name, _NAME
        self._named[node] = True

    def _written(self, code: int, operands: Sequence[int]) -> tuple[str, int]:
        if code == TAKE:
            table = ", ".join(self.number(operand) for operand in operands[1:])
            return f"({table},)[int({self.number(operands[0])})]", _NAME
        if code == CHAIN:
            return f"chain({self.number(operands[0])}, {self.number(operands[1])})", _NAME
        row = ROWS[code]
        if row.name == "choose":
            condition, first, second = operands
            test = self.truth(condition, 1)
            return f"{self.number(first, 1)} if {test} else {self.number(second)}", _CHOICE
        if row.name == "logical_not":
            return f"not {self.truth(operands[0], _NOT + 1)}", _NOT
        if row.name == "neg":
            return f"-{self.number(operands[0], _NEGATION + 1)}", _NEGATION
        if row.infix in _RANK:
            rank = _RANK[row.infix]
            operand = self.truth if row.infix in _WORD else self.number
            left, right = operand(operands[0], rank + (rank == 4)), operand(operands[1], rank + 1)
            return f"{left} {_WORD.get(row.infix, row.infix)} {right}", rank
        given = ", ".join(self.number(operand) for operand in operands)
        return (f"{row.name}(({given},))" if row.arity is None else f"{row.name}({given})"), _NAME

    def _guards(self, stop: int) -> None:
        """The guards that come next, as far as their nodes are there."""
        guards = self.tape.guards
        while self._guard < len(guards) and guards[self._guard].node < stop:
            node, expected, text, place = guards[self._guard]
            comment = ", ".join(filter(None, [text, place.name if place is not None else ""]))
            test = self._misses(node, expected)
            self.lines += [f"if {test}:" + (f"  # not as before: {comment}" if comment else "")]
            self.lines += [f"    return {self._guard}, [], []"]
            self._guard += 1

    def _misses(self, node: int, expected: float) -> str:
        if self._conditions[node]:
            held = self.truth(node, _NOT + 1)
            return f"not {held}" if expected else held
        if expected != expected:
            return f"{self.number(node, 5)} == {self.number(node, 5)}"
        test = f"{self.number(node, 5)} != {_constant(expected)[0]}"
        if expected == 0.0:
            test += f" or copysign(1.0, {self.number(node)}) != {math.copysign(1.0, expected)}"
        return test


def _constant(value: float) -> tuple[str, int]:
    written = repr(float(value))
    return written, _NEGATION if written.startswith("-") else _NAME
