"""The branches that a user's Python took: each `if x > 0` within `trace_source()`, as it came out.

A recorded graph is what the program did on these numbers. On other numbers an `if` may go another way, and
then the graph is no longer what the program would compute: its guards tell.

Guards form a list, the newest first, and a node keeps the head that the list had when it was made. So
references run from newer things to older ones only, and a graph still dies with its last handle.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from .sources import Place

if TYPE_CHECKING:
    from .engine import Value

__all__ = ["Guard", "GuardLog", "guards_of"]

_serial = itertools.count().__next__


class Guard(NamedTuple):
    """One comparison that came out as `outcome`: `left` with `right`, or with a plain number if that is None.

    The numbers are those the operands had then. `older` is the guard before this one, `()` for the first.
    """

    serial: int
    op: str
    left: Value
    left_number: float
    right: Value | None
    right_number: float
    outcome: bool
    place: Place | None
    older: Any


class GuardLog:
    """The guards of one `trace_source()` block."""

    __slots__ = ("_seen", "head")

    def __init__(self) -> None:
        self.head: Any = ()
        self._seen: set[Any] = set()

    def add(
        self, op: str, left: Value, right: Any, right_number: float, outcome: bool, place: Place | None
    ) -> None:
        """Put a comparison at the head of the list, unless the very same stands there already."""
        other = right if hasattr(right, "_rule") else None
        # the guards in the list keep their operands alive, so no other object gets one of these ids
        key = (op, id(left), left._data, None if other is None else id(other), right_number, outcome)
        if key in self._seen:
            return
        self._seen.add(key)
        number = left._data
        self.head = Guard(_serial(), op, left, number, other, right_number, outcome, place, self.head)


def guards_of(nodes: Iterable[Value]) -> list[Guard]:
    """Every guard that was known when one of the nodes was made, the oldest first, each once."""
    found: dict[int, Guard] = {}
    for node in nodes:
        guard = node._guards
        while guard and guard.serial not in found:
            found[guard.serial] = guard
            guard = guard.older
    return [found[serial] for serial in sorted(found)]
