"""The benchmark of engines runs, and times engines that agree. How fast they are, it alone says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_engines_agree_before_they_are_timed() -> None:
    command = [sys.executable, str(BENCHMARKS / "engine.py"), "--rounds", "1", "--steps", "1", "--json"]
    run = subprocess.run(command, cwd=BENCHMARKS.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["operations"] == 13_555
    assert report["largest_gradient_difference"] < 1e-9
    assert {"autograd_lite", "autograd_lite nn.MLP", "microgpt style"} <= report["engines"].keys()
    assert all(row["ns_per_operation"] > 0 for row in report["engines"].values())
