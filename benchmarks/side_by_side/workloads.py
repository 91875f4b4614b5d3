"""The data of each workload, the same for every engine."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from . import programs

Array = np.ndarray[Any, np.dtype[np.float64]]


def start_of(sizes: tuple[int, ...], seed: int) -> Array:
    """Parameters of a network, neuron by neuron: weights from U(±1/√inputs), and a bias."""
    rng = random.Random(seed)
    numbers = []
    for inputs, neurons in pairwise(sizes):
        bound = 1 / math.sqrt(inputs)
        numbers += [rng.uniform(-bound, bound) for _ in range(neurons * (inputs + 1))]
    return np.array(numbers)


def blocks(flat: Array, sizes: tuple[int, ...]) -> list[Array]:
    """The same numbers as one matrix a layer; its last column holds the biases."""
    found, place = [], 0
    for inputs, neurons in pairwise(sizes):
        count = neurons * (inputs + 1)
        found.append(flat[place : place + count].reshape(neurons, inputs + 1))
        place += count
    return found


def split(flat: Array, sizes: tuple[int, ...]) -> list[Array]:
    """Weights and biases of each layer in turn, as arrays of their own."""
    return [part.copy() for block in blocks(flat, sizes) for part in (block[:, :-1], block[:, -1])]


def joined(parts: Any) -> Array:
    """What `split` parted, as one list again; any arrays that NumPy understands."""
    pairs = [(np.asarray(w), np.asarray(b)) for w, b in zip(parts[::2], parts[1::2], strict=True)]
    return np.concatenate([np.column_stack([w, b]).ravel() for w, b in pairs])


@dataclass
class Demo:
    """micrograd's demo: 2-16-16-1, ReLU, 20 points of two moons, hinge loss and weight decay."""

    sizes: tuple[int, ...] = (2, 16, 16, 1)
    points: list[list[float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    start: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        rng = random.Random(1337)
        for k in range(20):
            angle, upper = math.pi * rng.random(), k % 2 == 0
            x, y = math.cos(angle), math.sin(angle)
            x, y = (x, y) if upper else (1 - x, 0.5 - y)
            self.points.append([x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)])
            self.labels.append(-1 if upper else 1)
        self.start = start_of(self.sizes, 1337)

    def loss(self, flat: Any, maths: programs.Maths) -> Any:
        """The program, on any numbers."""
        return programs.demo_loss(flat, self.sizes, self.points, self.labels, maths)


@dataclass
class Xor:
    """Training 2-4-1 with tanh on the four corners: mean squared error, gradient descent."""

    sizes: tuple[int, ...] = (2, 4, 1)
    lr: float = 0.1
    checked_steps: int = 50
    """How many steps of training are compared."""
    points: list[list[float]] = field(
        default_factory=lambda: [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    )
    targets: list[float] = field(default_factory=lambda: [0.0, 1.0, 1.0, 0.0])
    start: Array = field(default_factory=lambda: start_of((2, 4, 1), 3))

    def loss(self, flat: Any, maths: programs.Maths) -> Any:
        """The program, on any numbers."""
        return programs.mean_squared_error(flat, self.sizes, self.points, self.targets, maths)


@dataclass
class Gpt:
    """microgpt: 16 wide, 4 heads, one block, 27 tokens, and a text of 9 positions."""

    heads: int = 4
    tokens: tuple[int, ...] = (26, 2, 7, 17, 8, 18, 19, 14, 15, 26)
    shapes: dict[str, tuple[int, int]] = field(default_factory=lambda: {
        "token": (27, 16), "position": (16, 16), "query": (16, 16), "key": (16, 16), "value": (16, 16),
        "output": (16, 16), "expand": (64, 16), "shrink": (16, 64), "head": (27, 16),
    })  # fmt: skip
    start: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        self.start = {name: rng.normal(0.0, 0.2, shape) for name, shape in self.shapes.items()}

    def loss(self, w: Any, maths: programs.Maths) -> Any:
        """The program, on matrices of any numbers."""
        return programs.gpt_loss(w, self.tokens, self.heads, maths)

    def flat(self, gradients: Any) -> Array:
        """Gradients by name as one list."""
        return np.concatenate([np.asarray(gradients[name], dtype=float).ravel() for name in self.shapes])

    def by_name(self, flat: Any) -> dict[str, list[list[Any]]]:
        """Numbers of any kind in one list, as matrices by name."""
        numbers = iter(flat)
        return {
            name: [[next(numbers) for _ in range(columns)] for _ in range(rows)]
            for name, (rows, columns) in self.shapes.items()
        }


@dataclass
class Batch:
    """2-16-16-1 with tanh and squared error over a batch: all losses, and the sum of their gradients."""

    samples: int = 64
    sizes: tuple[int, ...] = (2, 16, 16, 1)
    start: Array = field(default_factory=lambda: start_of((2, 16, 16, 1), 5))
    points: Array = field(default_factory=lambda: np.empty(0))
    targets: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        rng = np.random.default_rng(1)
        self.points = rng.normal(size=(self.samples, 2))
        self.targets = np.sign(self.points[:, 0] * self.points[:, 1])

    def sample(self, flat: Any, x: Any, target: Any, maths: programs.Maths) -> Any:
        """The loss of one sample, on any numbers."""
        return programs.squared_error(flat, self.sizes, x, target, maths)

    def loss(self, flat: Any, maths: programs.Maths) -> Any:
        """The sum over all samples, one by one."""
        pairs = zip(self.points.tolist(), self.targets.tolist(), strict=True)
        return programs.total(self.sample(flat, x, target, maths) for x, target in pairs)


@dataclass
class Graph:
    """A graph of any size: a "chain", in which every operation waits for the one before, or a "wide" sum."""

    kind: str
    operations: int
    start: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if self.kind == "chain":
            self.start = np.array([0.5, 1.0 - 1e-6, 1e-6])
        else:
            self.start = np.random.default_rng(2).normal(size=self.operations // 2)

    def loss(self, flat: Any, maths: programs.Maths | None = None) -> Any:
        """The program, on any numbers."""
        return programs.chain(*flat, self.operations) if self.kind == "chain" else programs.wide(flat)
