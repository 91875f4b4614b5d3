"""Chains and wide sums of a thousand to a million operations: time and bytes, one process an engine."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .machine import limit_threads

limit_threads()

import numpy as np  # noqa: E402

from . import children  # noqa: E402
from .measuring import Engine, Outcome, Row, compare  # noqa: E402
from .workloads import Graph  # noqa: E402

SIZES = (1_000, 10_000, 100_000, 1_000_000)
KINDS = ("chain", "wide")
SLICE = 0.1


def outcomes(modules: Sequence[ModuleType], *, quick: bool = False) -> list[Outcome]:
    """One outcome for each kind and size; rows as everywhere, and bytes an operation where it can be seen."""
    sizes = SIZES[:2] if quick else SIZES
    answers: dict[tuple[str, int], dict[str, dict[str, Any]]] = {(k, n): {} for k in KINDS for n in sizes}
    for module in modules:
        for name, largest in module.LARGEST_GRAPH.items():
            mine = [size for size in sizes if size <= largest]
            said = children.run("scaling", module.__name__.rpartition(".")[2], name, *mine)
            for kind, size in answers:
                if size in mine:
                    entry = said.get(f"{kind} {size}", {"trouble": said.get("trouble", "")})
                    answers[kind, size][name] = entry
    return [_outcome(kind, size, found) for (kind, size), found in answers.items()]


def _outcome(kind: str, size: int, found: dict[str, dict[str, Any]]) -> Outcome:
    title = {"chain": "a chain", "wide": "a wide sum"}[kind] + f" of {size:,} operations, loss and gradients"
    outcome = Outcome(f"{kind}-{size}", title, "pass", size)
    told = {name: entry for name, entry in found.items() if "numbers" in entry}
    engines = [
        Engine(run=lambda: None, numbers=lambda entry=entry: entry["numbers"], name=name)
        for name, entry in told.items()
    ]
    checked = compare(engines)
    for name, entry in found.items():
        difference, trouble = checked.get(name, (math.nan, entry.get("trouble", "")))
        if name not in told and not trouble:
            continue  # this library has no such program
        row = Row(name, entry.get("idiom", ""), difference=difference, trouble=trouble)
        if not trouble:
            row.median, row.minimum, row.setup = entry["median"], entry["minimum"], entry["setup"]
            row.bytes = entry["bytes"]
        outcome.rows.append(row)
    return outcome


def measure(module: ModuleType, name: str, kind: str, size: int) -> dict[str, Any] | None:
    """One library on one graph, in this process."""
    work = Graph(kind, size)
    maker = module.graph(work).get(name)
    if maker is None:
        return None
    children.forget_peak()
    before, begun = children.memory_now(), time.perf_counter()
    engine = maker()
    engine.run()
    setup = time.perf_counter() - begun
    begun = time.perf_counter()
    numbers = np.asarray(engine.numbers(), dtype=float)
    times = [time.perf_counter() - begun]  # a little more than a run, which is all there is of the slowest
    most = children.memory_peak()
    if times[0] < 1.0:
        times.clear()
    while sum(times) < SLICE and len(times) < 1000:
        begun = time.perf_counter()
        engine.run()
        times.append(time.perf_counter() - begun)
    return {
        "numbers": _summary(numbers),
        "median": float(np.median(times)),
        "minimum": min(times),
        "setup": setup,
        "bytes": max(0.0, most - before) / size,
        "idiom": engine.idiom,
    }


def _summary(numbers: Any) -> list[float]:
    """The loss, and what a million gradients come to: the first ones, and sums with weights that differ."""
    loss, slopes = numbers[0], numbers[1:]
    weights = np.cos(np.arange(slopes.size))
    told = loss, slopes[0], slopes[1], slopes[-1], np.abs(slopes).sum(), slopes @ weights
    return [float(number) for number in told]


def main() -> None:
    """All sizes of both kinds for one engine of one library, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("engine")
    parser.add_argument("sizes", type=int, nargs="+")
    options = parser.parse_args()
    module = importlib.import_module(f"side_by_side.peers.{options.module}")
    measure(module, options.engine, "wide", options.sizes[0])  # what is made only once is no cost of a graph
    found = {}
    for kind in KINDS:
        for size in options.sizes:
            entry = measure(module, options.engine, kind, size)
            if entry is not None:
                found[f"{kind} {size}"] = entry
    print(json.dumps(found))


if __name__ == "__main__":
    main()
