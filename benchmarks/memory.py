"""What a graph costs in memory, how a very long one lives and dies, and how long the import takes.

    python benchmarks/memory.py            # three tables
    python benchmarks/memory.py --json     # the same as JSON
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from autograd_lite import Value, nn, ops, topological_order

NODES = 200_000
CHAIN = 1_000_000
TRAINING_STEPS = 200
WARM_UP = 60  # steps until Python's own lists of spare tuples are full
IMPORTS = 15


def chain(length: int, grow: Callable[[Value], Value]) -> Value:
    """`length` operations, each on the result of the one before."""
    node = Value(0.5)
    for _ in range(length):
        node = grow(node)
    return node


def bytes_per_node() -> dict[str, dict[str, float]]:
    """Bytes of one more operation, by its kind: as built, and after a backward pass has left its gradient."""
    other = Value(0.999)
    kinds: dict[str, Callable[[Value], Value]] = {
        "one parent, v.tanh()": lambda v: v.tanh(),
        "two parents, v * w": lambda v: v * other,
        "a number, v * 0.999": lambda v: v * 0.999,
        "same twice, v + v": lambda v: v + v,
        "one parameter, v**2": lambda v: v**2,
        "two parameters, clip": lambda v: v.clip(-2, 3),
        "where on a bool": lambda v: ops.where(True, v, other),
        "sum of two": lambda v: ops.sum(v, other),
        "sum of four": lambda v: ops.sum(v, other, other, other),
    }
    report = {kind: _measure_nodes(lambda grow=grow: chain(NODES, grow)) for kind, grow in kinds.items()}
    return {**report, "a network, nn.MLP": _measure_nodes(_network_loss)}


def _network_loss() -> Value:
    """One graph over many samples, with the sums of `nn`: some nodes have three or seventeen parents."""
    model = nn.MLP(2, [16, 16, 1], seed=0)
    outputs = [model([0.1 * k, -0.2 * k]) for k in range(50)]
    return sum(outputs[1:], outputs[0])


def _measure_nodes(build: Callable[[], Value]) -> dict[str, float]:
    build().backward()  # whatever is made once is not the nodes' cost
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    end = build()
    built, _ = tracemalloc.get_traced_memory()
    end.backward()
    gc.collect()
    differentiated, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    count = len(topological_order(end))
    return {"built": (built - before) / count, "after_backward": (differentiated - before) / count}


def long_chain() -> dict[str, float]:
    """Seconds that a chain of a million operations takes at each stage of its life, the collector off."""
    gc.collect()
    gc.disable()
    seconds = {}
    lap = time.perf_counter()

    def done(stage: str) -> None:
        nonlocal lap
        now = time.perf_counter()
        seconds[stage] = now - lap
        lap = now

    other = Value(0.999999)
    end = chain(CHAIN, lambda v: v * other)
    done("build")
    end.backward()
    done("backward")
    twin = copy.deepcopy(end)
    done("deep copy")
    assert twin.data == end.data
    assert twin is not end
    del twin
    done("copy dies")
    del end
    done("original dies")
    gc.enable()
    return seconds


def training_growth() -> dict[str, float]:
    """Bytes that a training loop's memory grows by, with the collector off: a graph must die by itself."""
    model = nn.MLP(2, [16, 16, 1])
    points = [([0.1 * k, -0.2 * k], 1 if k % 2 else -1) for k in range(5)]

    def step() -> None:
        scores = [model([Value(x) for x in point]) for point, _ in points]
        losses = [(1 + -label * score).relu() for score, (_, label) in zip(scores, points, strict=True)]
        loss = sum(losses[1:], losses[0])
        model.zero_grad()
        loss.backward()
        for parameter in model.parameters():
            parameter.data -= 0.01 * parameter.grad

    gc.collect()
    gc.disable()
    tracemalloc.start()
    for _ in range(WARM_UP):
        step()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(TRAINING_STEPS):
        step()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.enable()
    return {"steps": TRAINING_STEPS, "growth_bytes": after - before}


def import_time() -> dict[str, float]:
    """Milliseconds that `import autograd_lite` takes in a fresh process: the first ever, and later ones."""
    program = "import time; t = time.perf_counter(); import autograd_lite; print(time.perf_counter() - t)"
    with tempfile.TemporaryDirectory() as cache:
        # A cache of its own: the first import compiles and the later ones do not, whatever ran before.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-c", program]
        times = [
            1e3 * float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
            for _ in range(IMPORTS + 1)
        ]
    return {"first_ms": times[0], "median_ms": statistics.median(times[1:]), "slowest_ms": max(times[1:])}


def table(report: dict[str, Any]) -> str:
    lines = [
        f"Python {report['python']}",
        "",
        f"{'bytes a node':<24}{'built':>10}{'after backward':>16}",
    ]
    for kind, row in report["bytes_per_node"].items():
        lines.append(f"{kind:<24}{row['built']:>10.1f}{row['after_backward']:>16.1f}")
    lines += ["", f"a chain of {CHAIN:,} operations, seconds"]
    lines += [f"{stage:<24}{taken:>10.2f}" for stage, taken in report["long_chain_seconds"].items()]
    growth, imported = report["training"], report["import"]
    lines += [
        "",
        f"{growth['steps']} training steps, collector off: memory grew by {growth['growth_bytes']:,} bytes",
        "",
        "import autograd_lite in a fresh process, milliseconds",
        f"{'median':<24}{imported['median_ms']:>10.1f}",
        f"{'slowest':<24}{imported['slowest_ms']:>10.1f}",
        f"{'nothing compiled yet':<24}{imported['first_ms']:>10.1f}",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    report = {
        "python": platform.python_version(),
        "bytes_per_node": bytes_per_node(),
        "long_chain_seconds": long_chain(),
        "training": training_growth(),
        "import": import_time(),
    }
    print(json.dumps(report, indent=2) if options.json else table(report))


if __name__ == "__main__":
    main()
