"""The interpreter's machine code: compiled when it is first needed, and kept in the user's cache folder.

A file holds one module's machine code for one processor, named by a hash of all that it depends on: the
module's source, the versions of llvmlite and LLVM, and the processor with its features. It is
written beside its place and moved there, so that two processes cannot disturb each other; it begins with a
hash of its name and the rest, and a file that does not match, or is another user's, is not used. Without a
folder that can be written to, the code is compiled in every process. `AUTOGRAD_LITE_CACHE_DIR` names another
folder.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import llvm_engine
from .interpreter_source import ALL_ROWS, MODES, Source, interpreter_source

__all__ = ["Native", "cache_folder", "interpreter"]

_lock = threading.Lock()
_made: dict[tuple[tuple[int, ...], tuple[float, ...]], Native] = {}


class Native:
    """A compiled module; its code lives as long as this object.

    `calls` has a function for each of `MODES`; it takes the address of a list as `STATE` says, as a
    `ctypes.c_void_p`, and releases the GIL.
    """

    def __init__(self, engine: Any, from_disk: bool) -> None:
        self._engine = engine
        self.from_disk = from_disk
        kind = ctypes.CFUNCTYPE(ctypes.c_int64)  # without types of arguments: 0.2 µs less for a call
        self.calls: dict[str, Callable[[ctypes.c_void_p], int]] = {
            name: kind(engine.get_function_address(name)) for name in MODES
        }
        self.address: int = engine.get_function_address("run")
        """Of the function of a list and a mode, both 64-bit integers, for other compiled code."""


def cache_folder() -> Path:
    """Where compiled interpreters are kept.

    `AUTOGRAD_LITE_CACHE_DIR`, or `autograd-lite` in the platform's folder for caches: `LOCALAPPDATA` on
    Windows, `~/Library/Caches` on macOS, else `XDG_CACHE_HOME` or `~/.cache`.
    """
    named = os.environ.get("AUTOGRAD_LITE_CACHE_DIR")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        base = Path("~/Library/Caches")
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    with suppress(RuntimeError):  # a user without a home: nothing can be kept
        base = base.expanduser()
    return base / "autograd-lite"


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
    llvm = llvm_engine._binding()
    for external in source.externals:
        llvm.add_symbol(llvm_engine.PREFIX + external, llvm_engine._address(external))
    processor, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=processor, features=features, opt=2, jit=True
    )
    path = cache_folder() / f"interpreter-{_key(llvm, source, processor, features)}.o"
    kept = _read(path)
    code = machine.emit_object(llvm.parse_assembly(source.text)) if kept is None else kept
    if kept is None:
        _write(path, code)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return Native(engine, kept is not None)


def _key(llvm: Any, source: Source, processor: str, features: str) -> str:
    import llvmlite

    versions = (llvmlite.__version__, str(llvm.llvm_version_info))
    parts = (*versions, llvm.get_default_triple(), processor, features, source.text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _digest(path: Path, code: bytes) -> bytes:
    """What a file begins with: it belongs to its name, too."""
    return hashlib.sha256(path.name.encode() + code).digest()


def _read(path: Path) -> bytes | None:
    """The code in a file; None if there is none, if it is not as it was written, or another user's."""
    try:
        owner = path.stat().st_uid
        content = path.read_bytes()
    except OSError:
        return None
    if hasattr(os, "geteuid") and owner != os.geteuid():
        return None
    digest, code = content[:32], content[32:]
    return code if _digest(path, code) == digest else None


def _write(path: Path, code: bytes) -> None:
    """Keep the code, if that is possible."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_digest(path, code) + code)
            Path(beside).replace(path)
        except OSError:
            Path(beside).unlink(missing_ok=True)
