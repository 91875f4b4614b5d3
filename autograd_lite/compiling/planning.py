"""From a tape to vector instructions: what the NumPy and numba executors run.

Every number that is kept has a slot in a buffer. An instruction computes `count` results, which stand in
consecutive slots from `target` on; their operands stand in arithmetic progressions (first slot and stride).
An instruction is a row of integers, whose meaning depends on its op:

    a row of the op table of fixed arity (immediates count as operands):
        v[target + k] = f(v[a + k*sa], v[b + k*sb], v[c + k*sc])                   for k < count
    DOT     v[target + r] = (v[init + r*ri] if init >= 0 else 0) + Σₖ v[a + r*ra + k*sa] * v[b + r*rb + k*sb]
    SUM     v[target + r] = (v[init + r*ri] if init >= 0 else 0) + Σₖ v[a + r*ra + k*sa]
                            for r < rows, k < count, from left to right unless sums may be reassociated
    DOT_LIST, SUM_LIST      the same for one result, with a and b positions in `index`
    TAKE    v[target] = v[index[a + 1 + j]], j the whole number in slot index[a]; `count` entries in all
    any other row of many operands: v[target] = f(v[index[a]], …, v[index[a + count - 1]])
    BROADCAST               in lanes: v[target + k] in every lane = u[a + k*sa], a number shared by all lanes

`active` has a bit for each of a, b, c, init (1, 2, 4, 8) through which a gradient flows; for rows with lists
gradient flows to what `listed` marks, entry by entry. `shared` has the same bits for operands that stand in
the buffer `u` of shared numbers; only DOT has such operands (a, init).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .tape import TAKE, Tape

__all__ = ["BROADCAST", "DOT", "DOT_LIST", "FIELDS", "SUM", "SUM_LIST", "Plan", "make_plan"]

FIELDS = (
    "op", "count", "target", "a", "sa", "b", "sb", "c", "sc", "rows", "ra", "rb", "init", "ri", "active", "shared",
)  # fmt: skip
DOT, SUM, DOT_LIST, SUM_LIST, BROADCAST = range(TAKE + 2, TAKE + 7)


@dataclass(frozen=True, eq=False)
class Plan:
    """Vector instructions for one tape, and which leaves' gradients they are for."""

    tape: Tape
    size: int
    """How many slots the buffer has: leaves and constants first, as on the tape, then results."""
    code: Any
    """(instructions, fields) int32, C-contiguous."""
    index: Any
    """(entries,) int32: slots, for instructions with lists."""
    listed: Any
    """(entries,) uint8: whether a gradient flows to this entry of `index`."""
    constants: Any
    """(constants,) float64, for the slots after the leaves."""
    outputs: Any
    """(outputs,) int32: slots."""
    guards: Any
    """(guards,) int32: slots."""
    expected: Any
    """(guards,) float64."""
    wanted: Any
    """(wanted,) int32: slots of leaves."""
    uniform: Plan | None = None
    """In lanes, what does not differ between samples: its buffer is `u`, and it runs once. Its leaves are all
    leaves of the tape (those that are batched are not used there)."""


def make_plan(
    tape: Tape, wanted: Sequence[int], *, fuse: bool = True, batched: Sequence[bool] | None = None
) -> Plan:
    """The instructions for a tape; `batched`, for lanes, says of each leaf whether it differs by sample.

    With `fuse`, chains of products and sums become DOT and SUM, whose sums may be reassociated.
    """
    raise NotImplementedError
