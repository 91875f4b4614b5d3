"""Which parameters a tape's output depends on: always, or only as an index says.

An optimizer leaves alone what a loss did not reach, and of a table that is looked up with an index (an
embedding) a row of data reaches one entry. Every other operation reaches all of its operands, whatever
the slope.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import GraphError
from .tape import CODE, TAKE, Tape

__all__ = ["Lookup", "Reach", "reach"]

_STOPS = CODE["detach"]


class Lookup(NamedTuple):
    """One entry of a table of parameters is reached."""

    node: int
    """That of the index."""
    entries: tuple[int, ...]
    """The leaves in the table; -1 for what is not wanted, or reached anyway."""


class Reach(NamedTuple):
    """What an output depends on."""

    always: frozenset[int]
    """The wanted leaves that every row reaches."""
    lookups: tuple[Lookup, ...]
    """What else is reached, row by row."""


def reach(tape: Tape, output: int, wanted: Sequence[int]) -> Reach:
    """Which of the wanted leaves the node `output` depends on.

    Raises `GraphError` where an index chooses among computed numbers that depend on different leaves, as
    which of those are reached could only be said by following each row.
    """
    possible = _reached(tape, output)
    leaves = [leaf for leaf in wanted if possible[leaf]]
    if TAKE not in tape.codes:
        return Reach(frozenset(leaves), ())
    always = _always(tape, output, possible)
    sure = frozenset(leaf for leaf in leaves if always >> leaf & 1)
    open_ = set(leaves) - sure
    lookups = []
    certain = _reached(tape, output, through_tables=False)
    first = tape.first_operation
    for operation, code in enumerate(tape.codes):
        if code == TAKE and certain[first + operation] and open_:
            index, *table = tape.operands_of(operation)
            entries = tuple(node if node in open_ else -1 for node in table)
            if max(entries) >= 0:
                lookups.append(Lookup(index, entries))
    looked_up = {leaf for lookup in lookups for leaf in lookup.entries}
    if open_ - looked_up:
        raise GraphError("an index chooses among numbers that were computed from different parameters, so "
                         "that which parameters a step reaches depends on the data: look up the "
                         "parameters themselves with take, and compute then")  # fmt: skip
    return Reach(sure, tuple(lookups))


def _reached(tape: Tape, output: int, *, through_tables: bool = True) -> bytearray:
    """For each node whether the output may depend on it; without going through tables, whether it does."""
    found = bytearray(len(tape))
    found[output] = 1
    first = tape.first_operation
    for operation in range(len(tape.codes) - 1, -1, -1):
        code = tape.codes[operation]
        if not found[first + operation] or code == _STOPS or (code == TAKE and not through_tables):
            continue
        operands = tape.operands_of(operation)
        for node in operands[1:] if code == TAKE else operands:
            found[node] = 1
    return found


def _always(tape: Tape, output: int, possible: bytearray) -> int:
    """The leaves that the output depends on whatever the indices are, as the bits of a number."""
    first = tape.first_operation
    bits = [1 << node if node < tape.leaves else 0 for node in range(first)]
    for operation, code in enumerate(tape.codes):
        own = 0
        if possible[first + operation] and code != _STOPS:
            operands = tape.operands_of(operation)
            if code == TAKE:
                own = -1
                for node in operands[1:]:
                    own &= bits[node]
            else:
                for node in operands:
                    own |= bits[node]
        bits.append(own)
    return bits[output]
