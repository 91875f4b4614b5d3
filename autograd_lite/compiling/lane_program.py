"""A plan in lanes with its kernels: which kernel each instruction needs, and where it begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from .lane_kernels import Key, kernel_addresses
from .lane_products import A_SHARED, B_FIXED, FIRST, INIT, INIT_SHARED, SECOND
from .planning import BROADCAST, DOT, DOT_LIST, FIELDS, SUM, SUM_LIST, Plan
from .tape import CHAIN, ROWS, TAKE

__all__ = ["Program"]


class Program:
    """The instructions of a plan as addresses of kernels, one array for each way to run them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.code = numpy.ascontiguousarray(plan.code, dtype=numpy.int32)
        self.index = numpy.ascontiguousarray(plan.index, dtype=numpy.int32)
        self._lines = [dict(zip(FIELDS, line, strict=True)) for line in self.code.tolist()]
        self._listed = plan.listed.tolist()
        self._constants = self._constant_slots()
        self._parts: dict[str, Any] = {}
        self._places: dict[str, int] = {}

    def addresses(self, part: str) -> Any:
        """For each instruction the address of its kernel for a part: once, forward, backward or careful."""
        if part not in self._parts:
            self._parts[part] = self._compiled(part)
        return self._parts[part]

    def address(self, part: str) -> int:
        """Where the array `addresses(part)` begins."""
        if part not in self._places:
            self._places[part] = int(self.addresses(part).__array_interface__["data"][0])
        return self._places[part]

    def _compiled(self, part: str) -> Any:
        keys = [self._key(line, part) for line in self._lines]
        known = kernel_addresses(key for key in keys if key is not None)
        return numpy.array([0 if key is None else known[key] for key in keys], dtype=numpy.int64)

    def _constant_slots(self) -> dict[int, float]:
        """The slots whose number is a constant of the tape."""
        tape = self.plan.tape
        first, numbers = tape.leaves, tape.constants
        if self.plan.uniform is None:
            return {first + place: number for place, number in enumerate(numbers)}
        found = {}
        for line in self._lines:
            if line["op"] == BROADCAST:
                for k in range(line["count"]):
                    place = line["a"] + k * line["sa"] - first
                    if 0 <= place < len(numbers):
                        found[line["target"] + k] = numbers[place]
        return found

    def _key(self, line: dict[str, int], part: str) -> Key | None:
        op = line["op"]
        if (op == BROADCAST and part == "forward") or (op != BROADCAST and part == "once"):
            return None
        forward = part in ("forward", "once")
        active = () if forward else self._active(line)
        if not forward and not active:
            return None
        part = "forward" if forward else part
        shared = line["shared"]
        if op in (DOT, SUM, DOT_LIST, SUM_LIST):
            detail = (A_SHARED if shared & 1 else 0) | (INIT_SHARED if shared & 8 else 0)
            detail |= B_FIXED if line["rb"] == 0 else 0
            return Key(op, part, active=active, detail=detail)
        if op in (TAKE, BROADCAST):
            return Key(op, part, active=active, detail=shared & 1)
        if op != CHAIN and ROWS[op].arity is None:
            return Key(op, part, length=line["count"], active=active)
        return Key(op, part, immediates=self._immediates(line), active=active)

    def _active(self, line: dict[str, int]) -> tuple[int, ...]:
        """Through which operands a gradient flows; for a list of terms, whether through any of them."""
        op, first, count = line["op"], line["a"], line["count"]
        if op in (SUM_LIST, DOT_LIST, TAKE):
            found = [FIRST] if any(self._listed[first : first + count]) else []
            if op == DOT_LIST and any(self._listed[line["b"] : line["b"] + count]):
                found.append(SECOND)
            return (*found, INIT) if line["active"] & 8 and op != TAKE else tuple(found)
        if op < TAKE and ROWS[op].arity is None:
            return tuple(k for k in range(count) if self._listed[first + k])
        return tuple(place for place in range(4) if line["active"] >> place & 1)

    def _immediates(self, line: dict[str, int]) -> tuple[float, ...] | None:
        """The immediates of a row, where all its results have the same ones and these are constants."""
        row = None if line["op"] == CHAIN else ROWS[line["op"]]
        if row is None or not row.immediates:
            return ()
        found = []
        for letter in "abc"[row.arity or 0 :][: len(row.immediates)]:
            slots = [line[letter] + k * line["s" + letter] for k in range(line["count"])]
            numbers = [self._constants.get(slot) for slot in slots]
            if numbers[0] is None or any(not _same(number, numbers[0]) for number in numbers):
                return None
            found.append(numbers[0])
        return tuple(found)


def _same(x: float | None, y: float) -> bool:
    return x is not None and (repr(x) == repr(y))


def contiguous(numbers: Sequence[int] | Any) -> Any:
    """Slots as the machine code reads them."""
    return numpy.ascontiguousarray(numbers, dtype=numpy.int32)
