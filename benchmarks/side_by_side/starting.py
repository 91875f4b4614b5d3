"""How long it takes to begin: imports, the first result, and a whole training, each in a fresh process.

    python -m side_by_side.starting PEER WORKLOAD ENGINE RUNS     # what a child process does

Caches on disk are in a folder of their own: empty ("cold"), and then as the cold run left them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from .machine import limit_threads

limit_threads()

from . import children  # noqa: E402
from .measuring import Engine, Makers, Outcome, Row, compare  # noqa: E402
from .workloads import Demo, Xor  # noqa: E402

XOR_STEPS = 2_000
TOLERANCE = 1e-9


def imports(modules: Sequence[ModuleType], *, quick: bool = False) -> Outcome:
    """Seconds that an import takes in a fresh process."""
    outcome = Outcome("import", "import of the library in a fresh process", "import")
    times: dict[str, list[float]] = {module.IMPORT: [] for module in modules if module.IMPORT}
    for _ in range(1 if quick else 3):
        for name in times:
            program = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
            command = [sys.executable, "-c", program]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, cwd=children.BENCHMARKS.parent
            )
            times[name].append(float(done.stdout))
    for name, laps in times.items():
        row = Row(name, median=statistics.median(laps), minimum=min(laps), rounds=len(laps))
        outcome.rows.append(row)
    return outcome


def ready(modules: Sequence[ModuleType], *, quick: bool = False) -> Outcome:
    """From the imports to the first loss and gradients of micrograd's demo."""
    title = "ready: from the imports to the first result of micrograd's demo, in a fresh process"
    outcome = Outcome("ready", title, "start")
    _from_nothing(outcome, modules, "demo", Demo(), runs=1, again=True, rounds=1 if quick else 2)
    return outcome


def xor_from_nothing(modules: Sequence[ModuleType], *, quick: bool = False) -> Outcome:
    """2,000 steps of training, with nothing traced or compiled before, and caches empty."""
    title = f"XOR 2-4-1 from nothing: {XOR_STEPS:,} steps in a fresh process, after the imports, caches empty"
    outcome = Outcome("xor-cold", title, "training")
    _from_nothing(outcome, modules, "xor", Xor(), runs=XOR_STEPS, again=False, rounds=1 if quick else 2)
    return outcome


def _from_nothing(
    outcome: Outcome,
    modules: Sequence[ModuleType],
    workload: str,
    work: Any,
    *,
    runs: int,
    again: bool,
    rounds: int,
) -> None:
    """A row for each engine; with `again` a second one for those that keep something on disk."""
    found: dict[str, list[dict[str, Any]]] = {}
    slow: set[str] = set()
    for _ in range(rounds):
        for module in modules:
            for name in _plainly(getattr(module, workload, lambda work: {})(work)):
                if name in slow:
                    continue
                for label, entry in _started(module, workload, name, runs, again):
                    found.setdefault(label, []).append(entry)
                    if entry.get("seconds", math.inf) + entry.get("imports", 0.0) > 1.0:
                        slow.add(name)  # once is enough
    engines = [
        Engine(run=lambda: None, numbers=lambda entry=entries[0]: entry["numbers"], name=name)
        for name, entries in found.items()
        if "numbers" in entries[0]
    ]
    checked = compare(engines, TOLERANCE)
    for name, entries in found.items():
        difference, trouble = checked.get(name, (math.nan, entries[0].get("trouble", "")))
        row = Row(name, entries[0].get("idiom", ""), difference=difference, trouble=trouble)
        if not trouble:
            laps = [entry["seconds"] for entry in entries if "seconds" in entry]
            imported = statistics.median([entry["imports"] for entry in entries if "imports" in entry])
            row.median, row.minimum, row.rounds = statistics.median(laps), min(laps), len(laps)
            row.note = f"and {imported:.2f} s of imports"
        outcome.rows.append(row)


def _plainly(makers: Makers) -> list[str]:
    """Each library as it is meant to be used: array libraries on arrays, this one with its own settings."""
    return [name for name in makers if not name.endswith((", scalars", "fuse=False"))]


def _started(
    module: ModuleType, workload: str, name: str, runs: int, again: bool
) -> list[tuple[str, dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder:
        kept = dict.fromkeys(("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "LOCALAPPDATA"), folder)

        def start() -> dict[str, Any]:
            peer = module.__name__.rpartition(".")[2]
            return children.run("starting", peer, workload, name, runs, environment=kept)

        first = start()
        if not (again and any(files for _, _, files in os.walk(folder))):
            return [(name, first)]
        return [(f"{name}, cache empty", first), (f"{name}, from its cache", start())]


def main() -> None:
    """Import, then make one engine and run it, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("workload")
    parser.add_argument("engine")
    parser.add_argument("runs", type=int)
    options = parser.parse_args()
    module = importlib.import_module(f"side_by_side.peers.{options.peer}")
    needs: Callable[[str], Sequence[str]] = getattr(module, "imports", lambda name: (module.NEEDS,))
    begun = time.perf_counter()
    for needed in needs(options.engine):
        importlib.import_module(needed)
    imported = time.perf_counter()
    work = {"demo": Demo, "xor": Xor}[options.workload]()
    engine = getattr(module, options.workload)(work)[options.engine]()
    for _ in range(max(1, options.runs // engine.units)):
        engine.run()
    done = time.perf_counter()
    numbers = [float(number) for number in engine.numbers()]
    told = {"imports": imported - begun, "seconds": done - imported, "numbers": numbers}
    print(json.dumps({**told, "idiom": engine.idiom}))


if __name__ == "__main__":
    main()
