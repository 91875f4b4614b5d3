"""The programs of notebooks/05_textbook_backprop.ipynb at full length.

    python benchmarks/textbook.py                     # all three parts: some three minutes
    python benchmarks/textbook.py --only training     # 100-50-1 for 100 epochs, as MLP and as Linear
    python benchmarks/textbook.py --only race         # the same network for 20 epochs with five optimizers
    python benchmarks/textbook.py --only starts       # how many of 1,000 starts learn XOR and the 1-2-1 line
    python benchmarks/textbook.py --json              # the same numbers as JSON

Training runs in the engine, 65 million products and sums forward, and shows its progress. The starts run in
NumPy, many networks side by side, by the formulas that the notebook derives; the tests hold them against the
engine.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np

from autograd_lite import nn

Array = np.ndarray[Any, np.dtype[np.float64]]

SCALAR_OPERATIONS = 5_050 + 5_050 + 50 + 2
"""Forward, one sample of 100-50-1: products, additions, ReLU, and the squared error's two."""

OPTIMIZERS = {
    "SGD": lambda parameters: nn.SGD(parameters, lr=0.01),
    "momentum": lambda parameters: nn.SGD(parameters, lr=0.01, momentum=0.9),
    "AdaGrad": lambda parameters: nn.AdaGrad(parameters, lr=0.01),
    "RMSprop": lambda parameters: nn.RMSprop(parameters, lr=0.01),
    "Adam": lambda parameters: nn.Adam(parameters, lr=0.01),
}


# 100-50-1


def samples(count: int = 64) -> tuple[Array, Array]:
    """The notebook's data: 100 normal numbers, of which the first ten make the target."""
    X = np.random.default_rng(0).normal(size=(count, 100))
    return X, X[:, :10].sum(axis=1) / np.sqrt(10)


def as_linear() -> nn.Sequential:
    """100-50-1 with a node for each weighted sum."""
    return nn.Sequential(nn.Linear(100, 50), "relu", nn.Linear(50, 1), seed=0)


def as_mlp() -> nn.MLP:
    """The same network with the same start, and a node for each product."""
    return nn.MLP(100, [50, 1], activation="relu", seed=0)


def training(epochs: int, progress: bool) -> list[dict[str, Any]]:
    """Both forms, with gradient descent at 0.01: seconds, and the losses."""
    rows = []
    for name, model in (("nn.MLP", as_mlp()), ("Sequential of Linear", as_linear())):
        X, y = samples()
        start = time.perf_counter()
        history = nn.fit(model, X, y, optimizer="sgd", lr=0.01, epochs=epochs, progress=progress and "auto")
        seconds = time.perf_counter() - start
        operations = SCALAR_OPERATIONS * len(X) * epochs
        rows.append({
            "network": name, "epochs": epochs, "parameters": len(model.parameters()),
            "operations": operations, "seconds": round(seconds, 2),
            "ns_per_operation": round(1e9 * seconds / operations, 1),
            "first_loss": history.loss[0], "last_loss": history.loss[-1],
        })  # fmt: skip
    return rows


def race(epochs: int, progress: bool) -> list[dict[str, Any]]:
    """Five optimizers from one start, all at a learning rate of 0.01."""
    rows = []
    for name, made_for in OPTIMIZERS.items():
        model, (X, y) = as_linear(), samples()
        optimizer = made_for(model.parameters())
        history = nn.fit(model, X, y, optimizer=optimizer, epochs=epochs, progress=progress and "auto")
        rows.append({"optimizer": name, "loss": history.loss, "seconds": round(history.seconds[-1], 2)})
    return rows


# many starts at once

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([[0.0], [1.0], [1.0], [0.0]])
ONE_TWO_THREE, HALVES = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 1.5])


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(−z)), for the moderate z of these networks."""
    result: Array = 1 / (1 + np.exp(-z))
    return result


def starts(count: int, *shapes: tuple[int, ...], draw: str = "normal") -> list[Array]:
    """Weights drawn by NumPy's "normal" or "random" (0 to 1), those of network k from the seed k."""
    drawn = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        drawn.append([getattr(rng, draw)(size=shape) for shape in shapes])
    return [np.stack(arrays) for arrays in zip(*drawn, strict=True)]


def descend_unbiased(
    W: Array, v: Array, inputs: Array, steps: int = 10_000, lr: float = 0.1
) -> tuple[Array, Array]:
    """2-3-1 without biases and with δ = y − t. W has the shape (networks, 2, 3), v (networks, 3, 1)."""
    for _ in range(steps):
        hidden = sigmoid(inputs @ W)
        delta = sigmoid(hidden @ v) - XOR
        delta_hidden = (delta @ v.swapaxes(1, 2)) * hidden * (1 - hidden)
        v = v - lr * hidden.swapaxes(1, 2) @ delta
        W = W - lr * inputs.T @ delta_hidden
    return W, v


def descend_biased(
    W1: Array, W2: Array, inputs: Array, steps: int = 10_000, lr: float = 0.1
) -> tuple[Array, Array, Array, Array]:
    """2-2-1 with biases, which start at 0, and the loss ½ Σ (y − t)². Returns W1, b1, W2, b2."""
    b1, b2 = np.zeros((len(W1), 1, 2)), np.zeros((len(W1), 1, 1))
    for _ in range(steps):
        h = sigmoid(inputs @ W1.swapaxes(1, 2) + b1)
        y = sigmoid(h @ W2.swapaxes(1, 2) + b2)
        delta2 = (y - XOR) * y * (1 - y)
        delta1 = (delta2 @ W2) * h * (1 - h)
        W2 = W2 - lr * delta2.swapaxes(1, 2) @ h
        b2 = b2 - lr * delta2.sum(axis=1, keepdims=True)
        W1 = W1 - lr * delta1.swapaxes(1, 2) @ inputs
        b1 = b1 - lr * delta1.sum(axis=1, keepdims=True)
    return W1, b1, W2, b2


def answers_of_line(P: Array) -> tuple[Array, Array, Array]:
    """Hidden sums, hidden answers and answers of 1-2-1 ReLU networks, one a row of P."""
    sums = P[:, 0:2, None] * ONE_TWO_THREE + P[:, 2:4, None]
    hidden = np.maximum(sums, 0)
    return sums, hidden, (P[:, 4:6, None] * hidden).sum(axis=1) + P[:, 6:7]


def adam_on_line(P: Array, epochs: int, lr: float = 0.001) -> Array:
    """Adam on the mean squared error of 1-2-1 ReLU networks, all at once."""
    mean, mean_square = np.zeros_like(P), np.zeros_like(P)
    for epoch in range(1, epochs + 1):
        sums, hidden, answers = answers_of_line(P)
        delta = 2 / 3 * (answers - HALVES)
        below = P[:, 4:6, None] * delta[:, None] * (sums > 0)
        parts = (below * ONE_TWO_THREE).sum(axis=2), below.sum(axis=2), (hidden * delta[:, None]).sum(axis=2)
        g = np.hstack([*parts, delta.sum(axis=1, keepdims=True)])
        mean, mean_square = 0.9 * mean + 0.1 * g, 0.999 * mean_square + 0.001 * g * g
        scale = np.sqrt(mean_square / (1 - 0.999**epoch)) + 1e-8
        P = P - lr * mean / (1 - 0.9**epoch) / scale
    return P


def line_starts(count: int) -> Array:
    """Parameters of `nn.Sequential(nn.Linear(1, 2), "relu", nn.Linear(2, 1), seed=k)`, one network a row."""
    models = (nn.Sequential(nn.Linear(1, 2), "relu", nn.Linear(2, 1), seed=seed) for seed in range(count))
    return np.array([[parameter.data for parameter in model.parameters()] for model in models])


def solved(answers: Array) -> int:
    """How many networks have all four answers on the right side of one half."""
    return int(((answers > 0.5) == (XOR > 0.5)).all(axis=(1, 2)).sum())


def many_starts(count: int, steps: int = 10_000) -> list[dict[str, Any]]:
    """How many of `count` starts learn, for each of the small programs."""
    rows = []
    for coding, inputs in (("0, 1", CORNERS), ("-1, 1", 2 * CORNERS - 1)):
        for draw, kind in (("normal", "normal"), ("random", "0 to 1")):
            W, v = descend_unbiased(*starts(count, (2, 3), (3, 1), draw=draw), inputs, steps)
            answers = sigmoid(sigmoid(inputs @ W) @ v)
            program = f"XOR 2-3-1, no biases, inputs {coding}, weights {kind}"
            rows.append({"program": program, "learned": solved(answers)})
        W1, b1, W2, b2 = descend_biased(*starts(count, (2, 2), (1, 2)), inputs, steps)
        answers = sigmoid(sigmoid(inputs @ W1.swapaxes(1, 2) + b1) @ W2.swapaxes(1, 2) + b2)
        program = f"XOR 2-2-1, biases, inputs {coding}, weights normal"
        rows.append({"program": program, "learned": solved(answers)})
    first = line_starts(count)
    last = adam_on_line(first, steps)
    errors = ((answers_of_line(last)[2] - HALVES) ** 2).mean(axis=1)
    dead = [int((answers_of_line(P)[0] <= 0).all(axis=(1, 2)).sum()) for P in (first, last)]
    rows.append({
        "program": "line 1-2-1, ReLU, Adam 0.001", "learned": int((errors < 1e-3).sum()),
        "dead_at_start": dead[0], "dead_at_end": dead[1],
    })  # fmt: skip
    return [{**row, "starts": count} for row in rows]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The textbook programs at full length.")
    parser.add_argument("--only", choices=["training", "race", "starts"], help="one part of the three")
    parser.add_argument("--epochs", type=int, default=100, help="of the training (the race takes a fifth)")
    parser.add_argument("--starts", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=10_000, help="of each start")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    parts = {
        "training": lambda: training(options.epochs, not options.json),
        "race": lambda: race(max(1, options.epochs // 5), not options.json),
        "starts": lambda: many_starts(options.starts, options.steps),
    }
    report = {name: run() for name, run in parts.items() if options.only in (None, name)}
    if options.json:
        print(json.dumps(report, indent=2))
        return
    for name, rows in report.items():
        TABLES[name](rows)


def print_training(rows: list[dict[str, Any]]) -> None:
    """Time and losses of the long training."""
    print(f"\n{'100-50-1':<22} {'epochs':>6} {'operations':>12} {'seconds':>8} {'ns each':>8}  loss")
    for row in rows:
        print(f"{row['network']:<22} {row['epochs']:>6} {row['operations']:>12,} {row['seconds']:>8} "
              f"{row['ns_per_operation']:>8}  {row['first_loss']:.6f} to {row['last_loss']:.6f}")


def print_race(rows: list[dict[str, Any]]) -> None:
    """The losses of each optimizer at some epochs."""
    epochs = [epoch for epoch in (1, 2, 5, 10, 20) if epoch <= len(rows[0]["loss"])]
    print(f"\n{'loss at epoch':<22}" + "".join(f"{epoch:>10}" for epoch in epochs))
    for row in rows:
        print(f"{row['optimizer']:<22}" + "".join(f"{row['loss'][epoch - 1]:>10.5f}" for epoch in epochs))


def print_starts(rows: list[dict[str, Any]]) -> None:
    """How many starts learned."""
    print()
    for row in rows:
        dead = ""
        if "dead_at_end" in row:
            dead = f", {row['dead_at_end']} are dead ({row['dead_at_start']} from the start)"
        print(f"{row['program']:<55} {row['learned']:>5} of {row['starts']} starts learn{dead}")


TABLES = {"training": print_training, "race": print_race, "starts": print_starts}

if __name__ == "__main__":
    main()
