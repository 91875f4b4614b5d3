"""Measurements that need a process of their own, started with `python -m side_by_side.<module>`."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parent.parent
STATUS = Path("/proc/self/status")


def run(
    module: str, *arguments: object, environment: dict[str, str] | None = None, timeout: float = 120.0
) -> dict[str, Any]:
    """What `python -m side_by_side.<module>` prints as JSON, or {"trouble": why it did not}."""
    command = [sys.executable, "-m", f"side_by_side.{module}", *map(str, arguments)]
    search = os.pathsep.join([str(BENCHMARKS), str(BENCHMARKS.parent), os.environ.get("PYTHONPATH", "")])
    settings = {**os.environ, "PYTHONPATH": search, **(environment or {})}
    how: dict[str, Any] = {"cwd": BENCHMARKS, "env": settings, "capture_output": True, "text": True}
    try:
        done = subprocess.run(command, timeout=timeout, check=False, **how)
    except subprocess.TimeoutExpired:
        return {"trouble": f"not done in {timeout:.0f} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        return {"trouble": f"failed: {last}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def memory_now() -> float:
    """Bytes of this process in memory; where the system does not say, the most there ever were."""
    return _status("VmRSS") or memory_peak()


def memory_peak() -> float:
    """The most bytes of this process in memory, since `forget_peak` where that works."""
    peak = _status("VmHWM")
    if peak:
        return peak
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024.0


def forget_peak() -> None:
    """Let the peak be what is there now (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _status(field: str) -> float:
    if not STATUS.exists():
        return 0.0
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text(encoding="ascii"))
    return 1024.0 * int(found.group(1)) if found else 0.0
