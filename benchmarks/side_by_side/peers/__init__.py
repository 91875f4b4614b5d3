"""One module for each library. A module says what it NEEDS, and has a function for each workload it runs.

The functions are `demo`, `xor`, `gpt`, `batch` and `graph`; each takes the workload's data and gives
makers of engines by name. What a library leaves out, and why, stands in its `LEFT_OUT`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from types import ModuleType

NAMES = (
    "ours", "micrograd_peer", "microgpt_style", "hips_autograd", "xad_peer", "casadi_sx", "pytorch",
    "jax_jit", "numpy_by_hand", "numba_by_hand",
)  # fmt: skip


def installed() -> tuple[list[ModuleType], dict[str, str]]:
    """The modules whose library is there, and for the others why they are left out."""
    found, missing = [], {}
    for name, needs, module in _modules():
        if importlib.util.find_spec(needs):
            found.append(module)
        else:
            missing[name] = f"{needs} is not installed"
    return found, missing


def _modules() -> Iterator[tuple[str, str, ModuleType]]:
    for name in NAMES:
        module = importlib.import_module(f"{__name__}.{name}")
        yield module.NAME, module.NEEDS, module
