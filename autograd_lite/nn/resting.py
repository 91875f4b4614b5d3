"""The cyclic garbage collector rests while graphs are built and swept: it would look through them in vain."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_resting"]

_lock = threading.RLock()
_resting: set[int] = set()
_found_on = False


class _Rest:
    """Somebody for whom the collector rests."""

    def begin(self) -> None:
        global _found_on
        with _lock:
            if not _resting:
                _found_on = gc.isenabled()
            _resting.add(id(self))
            gc.disable()

    def end(self) -> None:
        with _lock:
            if _found_on and _resting == {id(self)}:  # the last
                gc.enable()
            _resting.discard(id(self))


@contextmanager
def collector_resting() -> Iterator[None]:
    """Within this context no cycles are collected; afterwards the collector is as it was before.

    A graph has no reference cycles and dies with its last handle, so nothing piles up; without this the
    collector walks through thousands of living nodes again and again, a sixth of the time of a training step.
    The switch is one for the whole process: of several threads the first turns it off, the last on again.

    >>> with collector_resting():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    rest = _Rest()
    try:
        rest.begin()
        yield
    finally:
        try:
            rest.end()
        finally:
            rest.end()  # does nothing, unless Ctrl-C came in the first: the collector must not stay off
