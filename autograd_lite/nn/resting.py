"""The cyclic garbage collector rests while graphs are built and swept: it would look through them in vain."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_resting"]


@contextmanager
def collector_resting() -> Iterator[None]:
    """Within this context no cycles are collected; afterwards the collector is as it was before.

    A graph has no reference cycles and dies with its last handle, so nothing piles up; without this the
    collector walks through thousands of living nodes again and again, a sixth of the time of a training step.
    Only the main thread lets it rest. The switch is one for the whole process, and several threads would need
    a lock to share it, which Ctrl-C can leave locked for good.

    >>> with collector_resting():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    if threading.current_thread() is not threading.main_thread() or not gc.isenabled():
        yield
        return
    try:
        gc.disable()
        yield
    finally:
        gc.enable()
