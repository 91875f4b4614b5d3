"""The cyclic garbage collector rests while graphs are built and swept: it would look through them in vain."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_resting"]

_lock = threading.Lock()
_resting = 0
_found_on = False


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
    global _resting, _found_on
    with _lock:
        if _resting == 0:
            _found_on = gc.isenabled()
            gc.disable()
        _resting += 1
    try:
        yield
    finally:
        with _lock:
            _resting -= 1
            if _resting == 0 and _found_on:
                gc.enable()
