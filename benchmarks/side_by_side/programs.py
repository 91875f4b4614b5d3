"""The programs, written one scalar at a time, for any class of numbers with `+ - * / **`.

`Maths` says how that class spells the functions they use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

Vector = Sequence[Any]
Matrix = Sequence[Vector]


class Maths(NamedTuple):
    """The functions of a class of numbers."""

    relu: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    top: Callable[[Sequence[Any]], Any]
    """The largest, as a number that no gradient flows through."""


def by_method(top: Callable[[Sequence[Any]], Any] | None = None) -> Maths:
    """For classes whose numbers have the functions as methods."""
    return Maths(
        relu=lambda v: v.relu(),
        tanh=lambda v: v.tanh(),
        exp=lambda v: v.exp(),
        log=lambda v: v.log(),
        top=top or (lambda values: max(value.data for value in values)),
    )


def total(values: Iterable[Any]) -> Any:
    """The sum, with no `0 +` in front."""
    first, *rest = values
    return sum(rest, first)


def dot(left: Vector, right: Vector) -> Any:
    return total([a * b for a, b in zip(left, right, strict=True)])


# networks: a layer is a list of rows, each a neuron's weights and then its bias


def neuron(row: Vector, x: Vector) -> Any:
    """Bias + w0 x0 + w1 x1 + …, from left to right, as micrograd has it."""
    *weights, bias = row
    return sum((w * number for w, number in zip(weights, x, strict=True)), bias)


def network(layers: Sequence[Matrix], x: Vector, activation: Callable[[Any], Any]) -> Any:
    """The one answer of a network whose last layer is linear."""
    *hidden, last = layers
    for rows in hidden:
        x = [activation(neuron(row, x)) for row in rows]
    return neuron(last[0], x)


def layers_of(flat: Vector, sizes: Sequence[int]) -> list[Matrix]:
    """Parameters in one list, neuron by neuron, as layers."""
    numbers = iter(flat)
    return [[[next(numbers) for _ in range(n + 1)] for _ in range(m)] for n, m in pairwise(sizes)]


def demo_loss(flat: Vector, sizes: Sequence[int], points: Matrix, labels: Sequence[int], maths: Maths) -> Any:
    """The loss of micrograd's demo: mean hinge, and a penalty on the squares of all parameters."""
    layers = layers_of(flat, sizes)
    scores = [network(layers, point, maths.relu) for point in points]
    losses = [maths.relu(1 + -label * score) for label, score in zip(labels, scores, strict=True)]
    return total(losses) * (1.0 / len(losses)) + 1e-4 * total(p * p for p in flat)


def squared_error(flat: Vector, sizes: Sequence[int], x: Vector, target: Any, maths: Maths) -> Any:
    """(network(x) − target)² of one sample, with tanh."""
    error = network(layers_of(flat, sizes), x, maths.tanh) - target
    return error * error


def mean_squared_error(
    flat: Vector, sizes: Sequence[int], points: Matrix, targets: Vector, maths: Maths
) -> Any:
    """The mean of `squared_error` over all samples."""
    pairs = zip(points, targets, strict=True)
    return total(squared_error(flat, sizes, x, t, maths) for x, t in pairs) * (1.0 / len(points))


# a GPT: token embedding, position embedding, and one block of attention and a small network


def normalised(x: Vector) -> list[Any]:
    scale = (dot(x, x) / float(len(x)) + 1e-5) ** -0.5
    return [number * scale for number in x]


def softmax(scores: Vector, maths: Maths) -> list[Any]:
    top = maths.top(scores)
    powers = [maths.exp(score - top) for score in scores]
    whole = total(powers)
    return [power / whole for power in powers]


def gpt_loss(w: dict[str, Matrix], tokens: Sequence[int], heads: int, maths: Maths) -> Any:
    """How surprised a GPT is by a text, every product and every sum an operation of its own."""
    wide = len(w["output"]) // heads
    keys: list[list[Any]] = [[] for _ in range(heads)]
    values: list[list[Any]] = [[] for _ in range(heads)]
    surprises = []
    for place, (token, after) in enumerate(pairwise(tokens)):
        rows = zip(w["token"][token], w["position"][place], strict=True)
        x = normalised([a + b for a, b in rows])
        seen, asked = [], normalised(x)
        for head in range(heads):
            mine = slice(head * wide, (head + 1) * wide)
            query = [dot(row, asked) for row in w["query"][mine]]
            keys[head].append([dot(row, asked) for row in w["key"][mine]])
            values[head].append([dot(row, asked) for row in w["value"][mine]])
            scores = [dot(query, key) / math.sqrt(wide) for key in keys[head]]
            shares = softmax(scores, maths)
            seen += [dot(shares, column) for column in zip(*values[head], strict=True)]
        x = [dot(row, seen) + number for row, number in zip(w["output"], x, strict=True)]
        normal = normalised(x)
        hidden = [maths.relu(dot(row, normal)) for row in w["expand"]]
        x = [dot(row, hidden) + number for row, number in zip(w["shrink"], x, strict=True)]
        logits = [dot(row, x) for row in w["head"]]
        surprises.append(-maths.log(softmax(logits, maths)[after]))
    return total(surprises) / float(len(surprises))


# graphs of any size


def chain(x: Any, w: Any, b: Any, operations: int) -> Any:
    """x w + b, again and again: every operation waits for the one before."""
    for _ in range(operations // 2):
        x = x * w + b
    return x


def wide(numbers: Vector) -> Any:
    """The sum of squares: two operations a number."""
    result = numbers[0] * numbers[0]
    for number in numbers[1:]:
        result = result + number * number
    return result
