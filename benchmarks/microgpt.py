"""How long one training step of a GPT takes, beside a scalar engine and PyTorch.

    python benchmarks/microgpt.py            # a table
    python benchmarks/microgpt.py --json     # the same as JSON

The model is microgpt's: 4,192 parameters, one block of 4 heads on vectors of 16 numbers. A step is the
forward pass of one name, the backward pass, and Adam. "Product by product" writes the same program out in
plain scalar operations, as one-file teaching programs do; they are what is counted. The gradients of all
parameters are compared before anything is timed. Rounds are interleaved, so that a busy moment of the machine
hits every engine, and the cyclic garbage collector stays on, as in a user's program.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import math
import platform
import random
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Protocol

from engine import MicrogptValue

from autograd_lite import Value, nn

OURS = "autograd_lite nn.GPT"
LR, BETAS, EPS = 0.01, (0.85, 0.99), 1e-8

Matrix = list[list[Any]]


class Runner(Protocol):
    """One engine with the model's weights, ready to be timed."""

    def gradients(self, tokens: list[int]) -> list[float]:
        """Run forward and back on a text, and give every parameter's gradient."""

    def step(self, tokens: list[int]) -> None:
        """One step of training on a text."""


class ScalarValue(MicrogptValue):
    """The class of one-file teaching engines with the other operations that a GPT needs."""

    __slots__ = ()

    def __pow__(self, other: float) -> MicrogptValue:
        return ScalarValue(self.data**other, (self,), (other * self.data ** (other - 1),))

    def __add__(self, other: Any) -> MicrogptValue:
        other = other if isinstance(other, ScalarValue) else ScalarValue(other)
        return ScalarValue(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other: Any) -> MicrogptValue:
        other = other if isinstance(other, ScalarValue) else ScalarValue(other)
        return ScalarValue(self.data * other.data, (self, other), (other.data, self.data))

    def __neg__(self) -> MicrogptValue:
        return self * -1

    def __sub__(self, other: Any) -> MicrogptValue:
        return self + (-other)

    def __truediv__(self, other: Any) -> MicrogptValue:
        return self * other**-1

    def exp(self) -> MicrogptValue:
        return ScalarValue(math.exp(self.data), (self,), (math.exp(self.data),))

    def log(self) -> MicrogptValue:
        return ScalarValue(math.log(self.data), (self,), (1 / self.data,))

    def tanh(self) -> MicrogptValue:
        result = math.tanh(self.data)
        return ScalarValue(result, (self,), (1 - result * result,))

    def relu(self) -> MicrogptValue:
        return ScalarValue(max(0, self.data), (self,), (float(self.data > 0),))


def matrices(model: nn.GPT) -> dict[str, list[list[float]]]:
    """The model's weights, by the name of the matrix."""
    found: dict[str, list[list[float]]] = {}
    for name, number in model.state_dict().items():
        matrix, row, column = name.rsplit(".", 2)
        table = found.setdefault(matrix.removesuffix(".weight"), [])
        if column == "0":
            table.append([])
        assert len(table) == int(row) + 1
        table[-1].append(number)
    return found


# product by product


def total(values: list[Any]) -> Any:
    first, *rest = values
    return sum(rest, first)


def dot(left: list[Any], right: list[Any]) -> Any:
    return total([a * b for a, b in zip(left, right, strict=True)])


def linear(matrix: Matrix, x: list[Any]) -> list[Any]:
    return [dot(row, x) for row in matrix]


def normalised(x: list[Any]) -> list[Any]:
    scale = (dot(x, x) / float(len(x)) + 1e-5) ** -0.5
    return [number * scale for number in x]


def softmax(scores: list[Any]) -> list[Any]:
    top = max(score.data for score in scores)
    powers = [(score - top).exp() for score in scores]
    whole = total(powers)
    return [power / whole for power in powers]


def scalar_loss(w: dict[str, Matrix], tokens: list[int], heads: int) -> Any:
    """The GPT's loss, every product and every sum an operation of its own; one block."""
    keys: list[Matrix] = [[] for _ in range(heads)]
    values: list[Matrix] = [[] for _ in range(heads)]
    surprises = []
    for place, (token, after) in enumerate(pairwise(tokens)):
        rows = zip(w["token_embedding"][token], w["position_embedding"][place], strict=True)
        x = normalised([a + b for a, b in rows])
        seen, asked = [], normalised(x)
        for head in range(heads):
            part = f"blocks.0.attention.heads.{head}"
            query = linear(w[f"{part}.query"], asked)
            keys[head].append(linear(w[f"{part}.key"], asked))
            values[head].append(linear(w[f"{part}.value"], asked))
            shares = softmax([dot(query, key) / math.sqrt(len(query)) for key in keys[head]])
            seen += [dot(shares, list(column)) for column in zip(*values[head], strict=True)]
        x = [a + b for a, b in zip(linear(w["blocks.0.attention.output"], seen), x, strict=True)]
        hidden = [number.relu() for number in linear(w["blocks.0.mlp.expand"], normalised(x))]
        x = [a + b for a, b in zip(linear(w["blocks.0.mlp.shrink"], hidden), x, strict=True)]
        surprises.append(-softmax(linear(w["lm_head"], x))[after].log())
    return total(surprises) / float(len(surprises))


class ProductByProduct:
    """The written-out program on a number class, with Adam as such programs write it."""

    def __init__(self, value: Callable[[float], Any], model: nn.GPT) -> None:
        self.heads = len(model.blocks[0].attention.heads)
        self.w = {
            name: [[value(number) for number in row] for row in rows]
            for name, rows in matrices(model).items()
        }
        self.parameters = [p for matrix in self.w.values() for row in matrix for p in row]
        self.first, self.second = [0.0] * len(self.parameters), [0.0] * len(self.parameters)
        self.steps = 0

    def gradients(self, tokens: list[int]) -> list[float]:
        for parameter in self.parameters:
            parameter.grad = 0.0
        scalar_loss(self.w, tokens, self.heads).backward()
        return [parameter.grad for parameter in self.parameters]

    def step(self, tokens: list[int]) -> None:
        scalar_loss(self.w, tokens, self.heads).backward()
        self.steps += 1
        (beta1, beta2), t = BETAS, self.steps
        for k, parameter in enumerate(self.parameters):
            self.first[k] = beta1 * self.first[k] + (1 - beta1) * parameter.grad
            self.second[k] = beta2 * self.second[k] + (1 - beta2) * parameter.grad**2
            first, second = self.first[k] / (1 - beta1**t), self.second[k] / (1 - beta2**t)
            parameter.data -= LR * first / (second**0.5 + EPS)
            parameter.grad = 0.0


class Ours:
    """The library as it is meant to be used."""

    def __init__(self, model: nn.GPT) -> None:
        self.model = model
        self.optimizer = nn.Adam(model.parameters(), lr=LR, betas=BETAS, eps=EPS)

    def gradients(self, tokens: list[int]) -> list[float]:
        self.model.zero_grad()
        self.model.loss(tokens).backward()
        return [parameter.grad for parameter in self.model.parameters()]

    def step(self, tokens: list[int]) -> None:
        self.optimizer.zero_grad()
        self.model.loss(tokens).backward()
        self.optimizer.step()


class PyTorch:
    """The same with matrices, in float64, one thread: the graph is built anew for each text, as ours is."""

    def __init__(self, model: nn.GPT) -> None:
        import torch

        torch.set_num_threads(1)
        self.torch, self.heads = torch, len(model.blocks[0].attention.heads)
        self.w = {
            name: torch.tensor(rows, dtype=torch.float64, requires_grad=True)
            for name, rows in matrices(model).items()
        }
        self.optimizer = torch.optim.Adam(self.w.values(), lr=LR, betas=BETAS, eps=EPS)

    def loss(self, tokens: list[int]) -> Any:
        functional, w, part = self.torch.nn.functional, self.w, "blocks.0.attention"

        def norm(x: Any) -> Any:
            return functional.rms_norm(x, x.shape[-1:], eps=1e-5)

        x = norm(w["token_embedding"][tokens[:-1]] + w["position_embedding"][: len(tokens) - 1])
        asked = norm(x)
        query, key, value = (
            asked @ self.torch.stack([w[f"{part}.heads.{head}.{kind}"].T for head in range(self.heads)])
            for kind in ("query", "key", "value")
        )
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + seen.transpose(0, 1).flatten(1) @ w[f"{part}.output"].T
        x = x + (norm(x) @ w["blocks.0.mlp.expand"].T).relu() @ w["blocks.0.mlp.shrink"].T
        return functional.cross_entropy(x @ w["lm_head"].T, self.torch.tensor(tokens[1:]))

    def gradients(self, tokens: list[int]) -> list[float]:
        self.optimizer.zero_grad()
        self.loss(tokens).backward()
        return [slope for tensor in self.w.values() for slope in tensor.grad.flatten().tolist()]

    def step(self, tokens: list[int]) -> None:
        self.optimizer.zero_grad()
        self.loss(tokens).backward()
        self.optimizer.step()


# measuring


def operations(texts: list[list[int]], model: nn.GPT) -> float:
    """How many scalar operations the written-out forward pass of a text has, on average."""
    scalar = ProductByProduct(ScalarValue, model)
    count = 0
    for tokens in texts:
        seen, waiting = set(), [scalar_loss(scalar.w, tokens, scalar.heads)]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting.extend(node._children)
        count += sum(bool(node._children) for node in seen)
    return count / len(texts)


def check_gradients(runners: dict[str, Runner], texts: list[list[int]]) -> float:
    """The largest difference of any engine's gradients from ours, beside the largest; exits if above 1e-9."""
    worst = 0.0
    for tokens in texts:
        expected = runners[OURS].gradients(tokens)
        size = max(map(abs, expected))
        for name, runner in runners.items():
            pairs = zip(runner.gradients(tokens), expected, strict=True)
            difference = max(abs(theirs - ours) for theirs, ours in pairs) / size
            worst = max(worst, difference)
            if not difference < 1e-9:
                raise SystemExit(f"{name} gives other gradients than {OURS}: {difference:.1e}")
    return worst


def measure(runners: dict[str, Runner], texts: list[list[int]], rounds: int) -> dict[str, float]:
    """Median seconds for a step, by engine."""
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            gc.collect()  # another engine's garbage is not this one's time
            start = time.perf_counter()
            for tokens in texts:
                runner.step(tokens)
            seconds[name].append((time.perf_counter() - start) / len(texts))
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    """Compare the gradients, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds; the median counts")
    parser.add_argument("--names", type=int, default=6, help="names, and so steps, in one round")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()

    assert gc.isenabled()
    tokenizer = nn.Tokenizer(nn.names())
    texts = [tokenizer.encode(name) for name in random.Random(0).sample(nn.names(), options.names)]

    def model() -> nn.GPT:
        return nn.GPT(vocabulary=len(tokenizer), seed=0)

    runners: dict[str, Runner] = {
        OURS: Ours(model()),
        "autograd_lite, product by product": ProductByProduct(Value, model()),
        "microgpt style, product by product": ProductByProduct(ScalarValue, model()),
    }
    if importlib.util.find_spec("torch"):
        runners["PyTorch eager, float64"] = PyTorch(model())
    worst = check_gradients(runners, texts[:2])
    count = operations(texts, model())
    seconds = measure(runners, texts, options.rounds)
    report = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "parameters": len(model().parameters()),
        "operations": count,
        "largest_gradient_difference": worst,
        "engines": {
            name: {
                "ms_per_step": taken * 1e3,
                "ns_per_operation": taken / count * 1e9,
                "times_ours": taken / seconds[OURS],
            }
            for name, taken in seconds.items()
        },
    }
    print(json.dumps(report, indent=2) if options.json else table(report))


def table(report: dict[str, Any]) -> str:
    """One line for each engine, the quickest first."""
    sizes = f"{report['parameters']:,} parameters, {report['operations']:,.0f} scalar operations a name"
    lines = [
        f"Python {report['python']}, {sizes}, forward + backward + Adam, median",
        f"gradients agree to {report['largest_gradient_difference']:.1e}",
        "",
        f"{'engine':<36}{'ms a step':>11}{'ns an op':>11}{'times ours':>12}",
    ]
    for name, row in sorted(report["engines"].items(), key=lambda item: item[1]["ms_per_step"]):
        lines.append(
            f"{name:<36}{row['ms_per_step']:>11.2f}{row['ns_per_operation']:>11.0f}{row['times_ours']:>12.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
