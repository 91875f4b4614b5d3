"""From what a builder appended to the layout of a tape: what nothing needs is left out, the rest renumbered.

There are two ways to the same: with Python alone, and with NumPy, where it is there and the tape is long.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from itertools import chain as joined
from operator import itemgetter
from typing import Any, NamedTuple

__all__ = ["Settled", "settled"]

Entries = Sequence[tuple[int, ...]]
_LONG = 5_000  # operations for which it is worth to load NumPy, which most executors of so many need anyway
_OPERANDS = itemgetter(slice(1, None))  # what an entry has after its code
_SHORT = 200  # operations that Python alone has done sooner


class Settled(NamedTuple):
    """The arrays of a tape, and how the nodes of its builder are numbered in it."""

    numbers: Sequence[int]
    """For each node of the builder, constants at the end, its number on the tape; 0 for what was left out."""
    constants: Sequence[int]
    """Which constants are used, by their places in the builder."""
    kept: Sequence[int]
    """Which nodes of the builder are the operations of the tape."""
    codes: array[int]
    starts: array[int]
    operands: array[int]


def settled(entries: Entries, constants: int, roots: Iterable[int], leaves: Sequence[int]) -> Settled:
    """The layout of a tape.

    `entries` are tuples of a code and operands; a negative code marks a leaf, a negative operand counts from
    the end, where the constants stand. `roots` are the nodes that are needed in any case, `leaves` the inputs
    and then the parameters.
    """
    if len(entries) > _LONG or (len(entries) > _SHORT and "numpy" in sys.modules):
        try:
            return _with_numpy(entries, constants, list(roots), leaves)
        except ImportError:
            pass
    return _in_python(entries, constants, roots, leaves)


def _in_python(entries: Entries, constants: int, roots: Iterable[int], leaves: Sequence[int]) -> Settled:
    size = len(entries)
    needed = bytearray(size + constants)
    for node in roots:
        needed[node] = 1
    for node in range(size - 1, -1, -1):
        if needed[node]:
            entry = entries[node]
            if len(entry) == 3:  # nearly all of them
                _, first, second = entry
                needed[first] = needed[second] = 1
            else:
                for operand in entry[1:]:  # a leaf has itself there
                    needed[operand] = 1
    used = [k for k in range(constants) if needed[~k]]
    kept = [node for node, entry in enumerate(entries) if needed[node] and entry[0] >= 0]
    number = [0] * len(needed)
    for new, old in enumerate(joined(leaves, [~k for k in used], kept)):
        number[old] = new
    operations = [entries[node] for node in kept]
    read = joined.from_iterable(map(_OPERANDS, operations))
    return Settled(
        number,
        used,
        kept,
        array("i", [operation[0] for operation in operations]),
        array("i", [0, *accumulate([len(operation) - 1 for operation in operations])]),
        array("i", [number[node] for node in read]),
    )


def _with_numpy(entries: Entries, constants: int, roots: list[int], leaves: Sequence[int]) -> Settled:
    import numpy as np

    size = len(entries)
    lengths = np.fromiter(map(len, entries), np.int64, size)
    ends = np.cumsum(lengths)
    flat = np.fromiter(joined.from_iterable(entries), np.int32, int(ends[-1]) if size else 0)
    firsts = ends - lengths
    codes = flat[firsts]
    reads = np.ones(len(flat), bool)
    reads[firsts] = False
    reads &= np.repeat(codes >= 0, lengths)
    operands, counts = flat[reads], np.where(codes >= 0, lengths - 1, 0)

    alive = _alive(np, entries, codes >= 0, operands, size + constants, roots)
    kept = np.flatnonzero((codes >= 0) & alive[:size])
    if len(kept) < np.count_nonzero(codes >= 0):
        operands, counts = operands[np.repeat(alive[:size], counts)], counts[kept]
    else:
        counts = counts[kept]
    used = np.flatnonzero(alive[size:][::-1])  # the first constant is the last node
    order = np.concatenate([np.asarray(leaves, np.int64), size + constants - 1 - used, kept])
    number = np.zeros(size + constants, np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    starts = np.concatenate([[0], np.cumsum(counts)])
    arrays = (codes[kept], starts, number[operands])
    return Settled(_as_array(number), used.tolist(), kept.tolist(), *map(_as_array, arrays))


def _alive(np: Any, entries: Entries, operation: Any, operands: Any, size: int, roots: list[int]) -> Any:
    """For each node whether it is needed: whoever is used by nobody is not, and then what only that used."""
    operands = np.where(operands < 0, operands + size, operands)
    uses = np.bincount(operands, minlength=size)
    np.add.at(uses, np.asarray(roots, np.int64), 1)
    idle = np.flatnonzero(operation & (uses[: len(operation)] == 0)).tolist()
    while idle:
        for operand in entries[idle.pop()][1:]:
            uses[operand] -= 1
            if operand >= 0 and operation[operand] and uses[operand] == 0:
                idle.append(operand)
    return uses > 0


def _as_array(numbers: Any) -> array[int]:
    made = array("i")
    made.frombytes(numbers.astype("i").tobytes())
    return made
