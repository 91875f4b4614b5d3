"""From LLVM's assembly language to a function that can be called, through llvmlite's binding.

Read at <https://llvmlite.readthedocs.io/en/latest/user-guide/binding/>. Works with llvmlite 0.43 and later.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from ..errors import ArgumentError

__all__ = ["NativeFunction", "address_of", "binding", "compiled", "pointer"]

PREFIX = "autograd_lite_"
"""Before the names of C functions: LLVM must not know them, or it would put in what it likes better."""

_lock = threading.Lock()


class NativeFunction:
    """A compiled function. It frees its code when it is no longer referenced."""

    __slots__ = ("_engine", "call")

    def __init__(self, engine: Any, call: Callable[..., int]) -> None:
        self._engine = engine
        self.call = call


@cache
def binding() -> Any:
    """llvmlite's binding, made ready. Raises `ArgumentError` if it is not installed."""
    try:
        import llvmlite.binding as llvm
    except ImportError:
        raise ArgumentError(
            "machine code needs llvmlite: pip install 'autograd-lite[fast]', "
            "or choose executor='python'"
        ) from None
    with suppress(RuntimeError):  # from 0.45 on there is nothing to initialise, and it says so
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@cache
def pointer() -> str:
    """How a pointer to a double is written: in LLVM 16 and later pointers have no type."""
    return "ptr" if binding().llvm_version_info[0] >= 16 else "double*"


@cache
def address_of(name: str) -> int:
    """Where a function of C's mathematics is, the one that Python's `math` calls."""
    for library in _libraries():
        with suppress(AttributeError):
            return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    raise ArgumentError(f"this system's C library has no {name}: choose executor='python'")


@cache
def _libraries() -> Sequence[Any]:
    if sys.platform == "win32":
        return [ctypes.CDLL("ucrtbase")]
    found = [ctypes.CDLL(None)]
    name = ctypes.util.find_library("m") if sys.platform != "darwin" else None
    return [*found, ctypes.CDLL(name)] if name else found


def compiled(
    source: str, name: str, arguments: Sequence[Any], externals: Iterable[str], level: int = 0
) -> NativeFunction:
    """The function `name` of a module in LLVM's assembly language; it gives a 64-bit integer.

    `arguments` are ctypes types, `externals` the C functions that the source calls (with `PREFIX` before
    their names), and `level` says how much LLVM optimises machine code. Calls release the GIL.
    """
    llvm = binding()
    with _lock:
        for external in externals:
            llvm.add_symbol(PREFIX + external, address_of(external))
        module = llvm.parse_assembly(source)
        machine = llvm.Target.from_default_triple().create_target_machine(opt=level, jit=True)
        engine = llvm.create_mcjit_compiler(module, machine)
        engine.finalize_object()
        address = engine.get_function_address(name)
    return NativeFunction(engine, ctypes.CFUNCTYPE(ctypes.c_int64, *arguments)(address))
