"""Machine code for this very processor, kept in the user's cache folder.

A file holds one module's machine code, named by a hash of all that it depends on: what the module was written
from, the versions of llvmlite and LLVM, and the processor with its features. It is written beside its place
and moved there, so that two processes cannot disturb each other; it begins with a hash of its name and the
rest, and a file that does not match, or is another user's, is not used. Without a folder that can be written
to, the code is compiled in every process. `AUTOGRAD_LITE_CACHE_DIR` names another folder. Files that were not
used for a while are deleted, see `KEPT_DAYS` and `KEPT_FILES`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from .llvm_engine import PREFIX, address_of, binding

__all__ = ["MachineCode", "cache_folder", "compiled", "kept_or_compiled", "processor"]

KEPT_DAYS, KEPT_FILES = 60, 5_000
"""Files that were not used for so many days, and the oldest of more than so many, are deleted."""

_DAY = 86_400
_OURS = re.compile(r"[a-z]+-[0-9a-f]{32}(\.o|\w+\.part)")
"""The names of our files. The folder that a user names may have others, which are not touched."""


class MachineCode:
    """The machine code of a module; it lives as long as this object."""

    def __init__(self, engine: Any, from_disk: bool = False) -> None:
        self._engine = engine
        self.from_disk = from_disk

    def address(self, name: str) -> int:
        """Where a function begins."""
        return int(self._engine.get_function_address(name))

    def function(self, name: str, *arguments: Any, result: Any = None) -> Callable[..., Any]:
        """A function that can be called; it releases Python's lock."""
        kind = ctypes.CFUNCTYPE(result, *arguments)
        call = kind(self.address(name))
        call.code = self  # type: ignore[attr-defined]  # it must not outlive its code
        return call


def cache_folder() -> Path | None:
    """Where machine code is kept; None for a user without a home, for whom nothing can be kept.

    `AUTOGRAD_LITE_CACHE_DIR`, or `autograd-lite` in the platform's folder for caches: `LOCALAPPDATA` on
    Windows, `~/Library/Caches` on macOS, else `XDG_CACHE_HOME` or `~/.cache`.
    """
    named = os.environ.get("AUTOGRAD_LITE_CACHE_DIR")
    if named:
        place = Path(named)
    elif sys.platform == "darwin":
        place = Path("~/Library/Caches/autograd-lite")
    elif sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local", "autograd-lite")
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "autograd-lite")
    try:
        return place.expanduser()
    except RuntimeError:
        return None


@cache
def processor() -> tuple[str, str]:
    """The processor's name, and its features as LLVM lists them."""
    return binding().get_host_cpu_name(), binding().get_host_cpu_features().flatten()


def compiled(source: str, externals: Iterable[str] = (), features: str | None = None) -> MachineCode:
    """The machine code of a module in LLVM's assembly language, for this processor.

    `externals` are the C functions that it calls, with `PREFIX` before their names. With `features`, only
    these of the processor are used.
    """
    machine = _machine(features)
    return MachineCode(_loaded(_emitted(source, machine), machine, externals))


def kept_or_compiled(
    kind: str, depends_on: str, write: Callable[[], str], externals: Iterable[str] = ()
) -> MachineCode:
    """The same, from the user's cache folder if code that depends on the same is there.

    `write` gives the module's source, if that is needed; `kind` is what the file's name begins with.
    """
    import llvmlite

    machine = _machine()
    versions = llvmlite.__version__, str(binding().llvm_version_info)
    parts = (*versions, machine.triple, *processor(), depends_on)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    folder = cache_folder()
    if folder is None:
        return MachineCode(_loaded(_emitted(write(), machine), machine, externals))
    path = folder / f"{kind}-{digest}.o"
    code = _read(path)
    if code is not None:
        with suppress(Exception):  # whatever is wrong with the file, compiling puts it right
            return MachineCode(_loaded(code, machine, externals), from_disk=True)
        machine = _machine()
    code = _emitted(write(), machine)
    _keep(path, code)
    return MachineCode(_loaded(code, machine, externals))


def _machine(features: str | None = None) -> Any:
    name, own = processor()
    target = binding().Target.from_default_triple()
    return target.create_target_machine(
        cpu=name, features=own if features is None else features, opt=2, jit=True
    )


def _emitted(source: str, machine: Any) -> bytes:
    return bytes(machine.emit_object(binding().parse_assembly(source)))


@cache
def _add_symbol(name: str) -> None:
    binding().add_symbol(PREFIX + name, address_of(name))


def _loaded(code: bytes, machine: Any, externals: Iterable[str]) -> Any:
    """An engine that has the code."""
    llvm = binding()
    for external in externals:
        _add_symbol(external)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def _digest(path: Path, code: bytes) -> bytes:
    """What a file begins with: it belongs to its name, too."""
    return hashlib.sha256(path.name.encode() + code).digest()


def _read(path: Path) -> bytes | None:
    """The code in a file; None if there is none, if it is not as it was written, or another user's."""
    try:
        found = path.stat()
        content = path.read_bytes()
    except OSError:
        return None
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        return None
    if time.time() - found.st_mtime > _DAY:
        with suppress(OSError):
            os.utime(path)  # it is in use
    digest, code = content[:32], content[32:]
    return code if _digest(path, code) == digest else None


def _keep(path: Path, code: bytes) -> None:
    """Write the code to a file, if that is possible."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_digest(path, code) + code)
            Path(beside).replace(path)
        except OSError:
            Path(beside).unlink(missing_ok=True)
        _tidied(path.parent)


@cache
def _tidied(folder: Path) -> None:
    """Delete what is old, once for a process; what another process deletes at the same time is gone, too."""
    now = time.time()
    with suppress(OSError), os.scandir(folder) as entries:
        ours = (entry for entry in entries if _OURS.fullmatch(entry.name))
        times = sorted(((entry.stat().st_mtime, entry.name) for entry in ours), reverse=True)
        for place, (last, name) in enumerate(times):
            days = 1 if name.endswith(".part") else KEPT_DAYS
            if place >= KEPT_FILES or now - last > days * _DAY:
                (folder / name).unlink(missing_ok=True)
