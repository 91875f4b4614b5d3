"""How long drawings take: the loss of a small network folded, and about 500 boxes in full.

Run `python benchmarks/drawing.py`; `--json` prints the same numbers for a program to read.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable

from autograd_lite import Graph, Value, draw, nn


def loss_of_a_network() -> Value:
    """The mean squared error of a 2-16-16-1 network over 20 samples, after a backward pass."""
    model = nn.MLP(2, [16, 16, 1], seed=0)
    points = [[math.sin(3 * k), math.cos(5 * k)] for k in range(20)]
    loss = nn.mse([model(point) for point in points], [k % 2 for k in range(20)])
    loss.backward()
    return loss


def tangled(size: int) -> Graph:
    """A graph in which every node uses two of the twenty before it."""
    values = [Value(0.1 * k) for k in range(10)]
    k = 0
    while len(values) < size:
        k = (k * 1103515245 + 12345) % 2**31
        one, other = values[-1 - k % 20 % len(values)], values[-1 - (k >> 8) % 20 % len(values)]
        values.append(one * other if k & 64 else (one - other).tanh())
    return Graph(values[-12:])


def median_seconds(make: Callable[[], object], rounds: int) -> float:
    """The median time of one call."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        make()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    loss, graph = loss_of_a_network(), tangled(600)
    network, full = draw(loss, fold="neuron"), draw(graph, fold=False)
    folded = f"loss of a 2-16-16-1 net, {len(network.graph):,} nodes in {len(network.picture.cards)} boxes"
    whole = f"a tangled graph, {len(full.picture.cards)} boxes in full"
    rows = {
        folded: median_seconds(lambda: draw(loss, fold="neuron").svg, options.rounds),
        whole: median_seconds(lambda: draw(graph, fold=False).svg, options.rounds),
    }
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for name, seconds in rows.items():
        print(f"{name:<66} {seconds:6.2f} s")


if __name__ == "__main__":
    main()
