"""A plan in lanes with its kernels: which kernel each instruction needs, and where it begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from .instructions import BROADCAST, DOT, DOT_LIST, FIELDS, SUM, SUM_LIST, Plan
from .lane_kernels import Key, kernel_addresses
from .lane_products import A_SHARED, B_FIXED, FIRST, INIT, INIT_SHARED, SECOND
from .lane_rows import takes_plain_immediates
from .tape import CHAIN, ROWS, TAKE

__all__ = ["Program"]


class Program:
    """The instructions of a plan as addresses of kernels, one array for each way to run them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._constants = _constant_slots(plan)
        self.code = _split(plan, self._constants)
        self.index = numpy.ascontiguousarray(plan.index, dtype=numpy.int32)
        self._lines = _lines_of(self.code)
        self._listed = plan.listed.tolist()
        self._parts: dict[str, Any] = {}
        self._places: dict[str, int] = {}

    def addresses(self, part: str) -> Any:
        """For each instruction the address of its kernel for a part: once, forward, backward or careful."""
        if part not in self._parts:  # of two threads the first one's is kept: its address may be in use
            self._parts.setdefault(part, self._compiled(part))
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
        if line["op"] == CHAIN or not ROWS[line["op"]].immediates:
            return ()
        return _immediates_of(line, self._constants)


def _immediates_of(line: dict[str, int], constants: dict[int, float]) -> tuple[float, ...] | None:
    """The immediates of a row, where all its results have the same ones and these are constants."""
    row, found = ROWS[line["op"]], []
    for letter in "abc"[row.arity or 0 :][: len(row.immediates)]:
        slots = [line[letter] + k * line["s" + letter] for k in range(line["count"])]
        numbers = [constants.get(slot) for slot in slots]
        if numbers[0] is None or any(not _same(number, numbers[0]) for number in numbers):
            return None
        found.append(numbers[0])
    return tuple(found)


def _constant_slots(plan: Plan) -> dict[int, float]:
    """The slots whose number is a constant of the tape."""
    first, numbers = plan.tape.leaves, plan.tape.constants
    if plan.uniform is None:
        return {first + place: number for place, number in enumerate(numbers)}
    found = {}
    for line in _lines_of(plan.code):
        if line["op"] == BROADCAST:
            for k in range(line["count"]):
                place = line["a"] + k * line["sa"] - first
                if 0 <= place < len(numbers):
                    found[line["target"] + k] = numbers[place]
    return found


def _split(plan: Plan, constants: dict[int, float]) -> Any:
    """The instructions, where those that differ in immediates that must be known are taken apart."""
    lines = []
    for line in _lines_of(plan.code):
        op = line["op"]
        if op >= TAKE or not takes_plain_immediates(op) or _immediates_of(line, constants) is not None:
            lines.append(line)
            continue
        for k in range(line["count"]):
            moved = {name: line[name] + k * line["s" + name] for name in "abc"}
            lines.append({**line, **moved, "count": 1, "target": line["target"] + k})
    return numpy.array([list(line.values()) for line in lines], dtype=numpy.int32).reshape(-1, len(FIELDS))


def _lines_of(code: Any) -> list[dict[str, int]]:
    return [dict(zip(FIELDS, line, strict=True)) for line in code.tolist()]


def _same(x: float | None, y: float) -> bool:
    return x is not None and (repr(x) == repr(y))


def contiguous(numbers: Sequence[int] | Any) -> Any:
    """Slots as the machine code reads them."""
    return numpy.ascontiguousarray(numbers, dtype=numpy.int32)
