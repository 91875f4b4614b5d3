"""How surely the XOR recipe of the README learns: one network for each of many seeds.

    python benchmarks/xor_seeds.py                  # 2-4-1, 1,000 seeds, at most 500 epochs each: a table
    python benchmarks/xor_seeds.py --hidden 3       # other widths
    python benchmarks/xor_seeds.py --hidden 2 --restarts 3     # the smallest, starting again
    python benchmarks/xor_seeds.py --micrograd      # micrograd's recipe beside it: ReLU, U(-1, 1), SGD, hinge
    python benchmarks/xor_seeds.py --json           # the same numbers as JSON

A network counts as solved at the first epoch whose loss is below 0.05 with all four answers right: above or
below one half for the recipe, above or below zero for the hinge loss. With restarts the epochs of all starts
count, each start having at most 500 of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

from autograd_lite import nn

SOLVED_LOSS = 0.05


def epochs_of_recipe(seed: int, hidden: int, most: int, restarts: int) -> int | None:
    """Epochs until `MLP(2, [hidden, 1], activation="tanh")` with Adam 0.05 has solved XOR, None if never."""
    samples, targets = nn.data.xor()
    model = nn.MLP(2, [hidden, 1], activation="tanh", seed=seed)
    how: dict[str, Any] = {"loss": "mse", "optimizer": "adam", "lr": 0.05, "restarts": restarts}
    return _epochs(model, samples, targets, most, threshold=0.5, seed=seed, **how)


def epochs_of_micrograd(seed: int, hidden: int, most: int, restarts: int) -> int | None:
    """The same for micrograd's defaults: ReLU, weights from U(-1, 1), plain descent on the hinge loss."""
    random.seed(seed)
    samples, signs = nn.data.xor(labels="signs")
    model = nn.MLP(2, [hidden, 1])
    how: dict[str, Any] = {"loss": "hinge", "optimizer": "sgd", "lr": 0.1, "restarts": restarts}
    return _epochs(model, samples, signs, most, threshold=0.0, seed=seed, **how)


def _epochs(
    model: nn.MLP, samples: Any, targets: Any, most: int, *, threshold: float, **how: Any
) -> int | None:
    wanted = [bool(target > threshold) for target in targets]

    def is_right() -> bool:
        return [model(sample).data > threshold for sample in samples] == wanted

    def stop(event: nn.EpochEnd) -> bool:
        return event.loss < SOLVED_LOSS and is_right()

    history = nn.fit(model, samples, targets, epochs=most, callbacks=stop, progress=False, **how)
    return len(history) if history.stopped_early else None


def measure(name: str, run: Any, seeds: int, jobs: int | None) -> dict[str, Any]:
    """Run every seed, in as many processes as there are processors."""
    start = time.perf_counter()
    with ProcessPoolExecutor(jobs) as pool:
        found = list(pool.map(run, range(seeds), chunksize=10))
    solved = sorted(epochs for epochs in found if epochs is not None)
    return {
        "recipe": name,
        "seeds": seeds,
        "solved": len(solved),
        "median": statistics.median(solved) if solved else None,
        "percentile_99": solved[int(0.99 * (len(solved) - 1))] if solved else None,
        "worst": solved[-1] if solved else None,
        "seconds": round(time.perf_counter() - start, 1),
        "unsolved_seeds": [seed for seed, epochs in enumerate(found) if epochs is None][:20],
    }


def main() -> int:
    """Measure and print; the exit code is 1 if a seed of the recipe was not solved."""
    parser = argparse.ArgumentParser(description="How surely XOR is learned, over many seeds.")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--hidden", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=500, help="give up on a seed after so many")
    parser.add_argument("--restarts", type=int, default=0, help="new starts after a plateau")
    parser.add_argument("--jobs", type=int, default=None, help="processes (default: one per processor)")
    parser.add_argument("--micrograd", action="store_true", help="measure micrograd's recipe too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    shape = f"2-{options.hidden}-1"
    starts = f", {options.restarts} restarts" if options.restarts else ""
    recipes = {f"{shape} tanh, Adam 0.05, mse{starts}": epochs_of_recipe}
    if options.micrograd:
        recipes[f"{shape} ReLU, SGD 0.1, hinge{starts}"] = epochs_of_micrograd
    how = {"hidden": options.hidden, "most": options.epochs, "restarts": options.restarts}
    rows = [measure(name, partial(run, **how), options.seeds, options.jobs) for name, run in recipes.items()]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print_table(rows)
    return 0 if rows[0]["solved"] == options.seeds else 1


def print_table(rows: list[dict[str, Any]]) -> None:
    """One line per recipe; the epochs are those of the solved seeds."""
    print(f"{'recipe':<40} {'solved':>12} {'median':>7} {'99 %':>6} {'worst':>6} {'seconds':>8}")
    for row in rows:
        solved = f"{row['solved']} of {row['seeds']}"
        print(f"{row['recipe']:<40} {solved:>12} {row['median']!s:>7} {row['percentile_99']!s:>6} "
              f"{row['worst']!s:>6} {row['seconds']:>8}")


if __name__ == "__main__":
    sys.exit(main())
