"""Vector instructions: what a plan of a tape is made of, and what the interpreter and the lanes run.

Every number that is kept has a slot in a buffer. An instruction computes `count` results, which stand in
consecutive slots from `target` on; their operands stand in arithmetic progressions (first slot and stride).
An instruction is a row of integers, whose meaning depends on its op:

    a row of the op table of fixed arity, and CHAIN (immediates count as operands):
        v[target + k] = f(v[a + k*sa], v[b + k*sb], v[c + k*sc])                   for k < count
    DOT     v[target + r] = start + Σₖ v[a + r*ra + k*sa] * v[b + r*rb + k*sb]         for r < rows, k < count
    SUM     v[target + r] = start + Σₖ v[a + r*ra + k*sa]
                            start is v[init + r*ri] if init >= 0, else -0.0, the number that changes no other
                            when it is added; from left to right unless sums may be reassociated
    DOT_LIST, SUM_LIST      the same for one result: entry k of `index` from a on for the one, from b on for
                            the other operand: v[index[a + k]] * v[index[b + k]]
    TAKE    v[target] = v[index[a + 1 + j]], j the whole number in slot index[a]; `count` entries in all, so
                            a table of count - 1
    any other row of many operands: v[target] = f(v[index[a]], …, v[index[a + count - 1]])
    BROADCAST               in lanes: v[target + k] in every lane = u[a + k*sa], a number shared by all lanes

Fields that an op does not use are 0, but `init`, which is -1 where there is none; `rows` is 1 where there are
no rows. `clip` has a, low and high in a, b and c.

`active` has a bit for each of a, b, c, init (1, 2, 4, 8) through which a gradient flows; for rows with lists
gradient flows to what `listed` marks, entry by entry (the index of TAKE is never marked). `shared` has the
same bits for operands that stand in the buffer `u` of shared numbers: only DOT has such operands (a, init),
and TAKE, where the bit 1 says that its whole table (index[a + 1:], not index[a]) stands in `u`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .tape import TAKE, Tape

__all__ = ["AT", "BROADCAST", "DOT", "DOT_LIST", "FIELDS", "SUM", "SUM_LIST", "Plan"]

FIELDS = (
    "op", "count", "target", "a", "sa", "b", "sb", "c", "sc", "rows", "ra", "rb", "init", "ri", "active",
    "shared",
)  # fmt: skip
AT = {name: place for place, name in enumerate(FIELDS)}
DOT, SUM, DOT_LIST, SUM_LIST, BROADCAST = range(TAKE + 2, TAKE + 7)


@dataclass(frozen=True, eq=False)
class Plan:
    """Vector instructions for one tape, and which leaves' gradients they are for."""

    tape: Tape
    size: int
    """How many slots the buffer has: leaves and constants first, as on the tape, then results. In lanes it
    begins with the batched leaves alone, and then come results; constants are shared numbers."""
    code: Any
    """(instructions, fields) int32, C-contiguous."""
    index: Any
    """(entries,) int32: slots, for instructions with lists."""
    listed: Any
    """(entries,) uint8: whether a gradient flows to this entry of `index`."""
    constants: Any
    """(constants,) float64, for the slots after the leaves; empty in lanes."""
    outputs: Any
    """(outputs,) int32: slots."""
    guards: Any
    """(guards,) int32: slots."""
    expected: Any
    """(guards,) float64."""
    wanted: Any
    """(wanted,) int32: slots of leaves; in lanes, of the batched ones that are wanted."""
    numbers: Any = None
    """(guards,) int32: the place of each guard in `tape.guards`; in lanes a guard is here or in `uniform`."""
    places: Any = None
    """(leaves,) int32: the slot of each leaf, where that is not its number; None where it is. In lanes those
    of the batched leaves, and in `uniform` of all leaves. Only with `reorder`."""
    uniform: Plan | None = None
    """In lanes, what does not differ between samples: its buffer is `u`, and it runs once. Its leaves are all
    leaves of the tape (those that are batched are not used there) and its constants all constants. Its
    outputs are the slots of `u` that the lanes read (BROADCAST, DOT, TAKE) and through which a gradient may
    flow; its gradients, by the shared leaves in its `wanted`, begin from the sums over lanes of what the
    lanes hand to these slots. Its own gradients run like those of any plan."""

