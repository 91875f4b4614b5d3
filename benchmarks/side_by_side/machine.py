"""What the figures were measured on, and one thread for everybody."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",
}
"""For BLAS and PyTorch, to be set before they are imported. JAX keeps its own threads: with XLA limited to
one it takes up to twice as long, and a peer is measured at its best."""

PACKAGES = (
    "autograd-lite", "numpy", "numba", "llvmlite", "micrograd", "autograd", "xad", "casadi", "torch", "jax",
)  # fmt: skip


def limit_threads() -> None:
    """One thread and float64, where an environment variable says so."""
    os.environ.update(ONE_THREAD)


def describe() -> dict[str, object]:
    """Processor, cores, system, Python, and the versions of what is installed."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "vectors": _vectors(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": {name: found for name in PACKAGES if (found := version(name))},
    }


def short(described: dict[str, object]) -> str:
    """The machine in one line."""
    return f"{described['cpu']}, one thread (JAX: its own), float64, Python {described['python']}; medians"


def version(package: str) -> str:
    """The version of an installed package, or ""."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cpuinfo(field: str) -> str:
    """One field of Linux's description of the first core, or ""."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(field))
    return next(found, "")


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _vectors() -> str:
    """The widest vectors that the processor has."""
    flags = _cpuinfo("flags").split()
    return next((name for name in ("avx512f", "avx2", "avx", "sse2") if name in flags), "")
