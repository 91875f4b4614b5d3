"""The interpreter's machine code: compiled, or read from the cache folder, when it is first needed."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence

from .interpreter_source import ALL_ROWS, MODES, Source, interpreter_source
from .llvm_cache import MachineCode, kept_or_compiled

__all__ = ["Native", "interpreter"]

_lock = threading.Lock()
_made: dict[tuple[tuple[int, ...], tuple[float, ...]], Native] = {}


class Native:
    """A compiled interpreter; its code lives as long as this object.

    `calls` has a function for each of `MODES`; it takes the address of a list as `STATE` says, as a
    `ctypes.c_void_p`, and releases the GIL.
    """

    def __init__(self, code: MachineCode) -> None:
        self._code = code
        self.from_disk = code.from_disk
        kind = ctypes.CFUNCTYPE(ctypes.c_int64)  # without types of arguments: 0.2 µs less for a call
        self.calls: dict[str, Callable[[ctypes.c_void_p], int]] = {
            name: kind(code.address(name)) for name in MODES
        }


def interpreter(rows: Sequence[int] = ALL_ROWS, orders: Sequence[float] = ()) -> Native:
    """The interpreter of these rows, and of polygamma of these orders; made once for the process."""
    key = tuple(rows), tuple(orders)
    native = _made.get(key)
    if native is None:
        with _lock:
            native = _made.get(key)
            if native is None:
                native = _made[key] = _native(interpreter_source(rows, orders))
    return native


def _native(source: Source) -> Native:
    return Native(kept_or_compiled("interpreter", source.text, lambda: source.text, source.externals))
