"""Programs as tapes, for the tests of planning and of executors, and numbers for their leaves."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from autograd_lite import ops
from autograd_lite.compiling.building import TapeBuilder
from autograd_lite.compiling.tape import Tape

__all__ = ["PROGRAMS", "Node", "Writer", "chain", "tape_of"]


class Node:
    """A node of a tape in the making, with operators."""

    def __init__(self, writer: Writer, number: int) -> None:
        self.writer, self.number = writer, number

    def __add__(self, other: Any) -> Node:
        return self.writer.apply(ops.add, self, other)

    def __radd__(self, other: Any) -> Node:
        return self.writer.apply(ops.add, other, self)

    def __sub__(self, other: Any) -> Node:
        return self.writer.apply(ops.sub, self, other)

    def __mul__(self, other: Any) -> Node:
        return self.writer.apply(ops.mul, self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Node:
        return self.writer.apply(ops.div, self, other)


class Writer:
    """Appends operations on nodes and numbers."""

    def __init__(self) -> None:
        self.builder = TapeBuilder()

    def leaves(self, count: int) -> list[Node]:
        return [Node(self, self.builder.input()) for _ in range(count)]

    def number_of(self, operand: Any) -> int:
        return operand.number if isinstance(operand, Node) else self.builder.constant(float(operand))

    def apply(self, row: Any, *operands: Any, immediates: tuple[Any, ...] = ()) -> Node:
        return Node(self, self.builder.apply(row, tuple(map(self.number_of, operands)), immediates))

    def take(self, index: Any, table: Sequence[Any]) -> Node:
        return Node(self, self.builder.take(self.number_of(index), [self.number_of(each) for each in table]))

    def guard(self, node: Node, expected: float) -> None:
        self.builder.guard(node.number, expected)


Program = Callable[[Writer, list[Node]], list[Node]]


def neuron(w: Writer, weights: Sequence[Node], bias: Node, x: Sequence[Any], row: Any) -> Node:
    """As micrograd writes it: the bias is what the sum starts with."""
    return w.apply(row, sum((a * b for a, b in zip(weights, x, strict=True)), bias))


def network(w: Writer, x: list[Node]) -> list[Node]:
    """Four samples (constants) through 3-5-5-1, a hinge loss, and weight decay."""
    rng, leaves = random.Random(0), iter(x)
    layers = [
        [([next(leaves) for _ in range(n)], next(leaves)) for _ in range(m)]
        for n, m in ((3, 5), (5, 5), (5, 1))
    ]
    losses = []
    for _ in range(4):
        values: list[Any] = [rng.uniform(-1, 1) for _ in range(3)]
        for layer, row in zip(layers, (ops.tanh, ops.relu, ops.identity), strict=True):
            values = [neuron(w, weights, bias, values, row) for weights, bias in layer]
        losses.append(w.apply(ops.relu, values[0] * rng.choice((-1.0, 1.0)) + 1.0))
    return [sum(losses) * 0.25 + sum(p * p for p in x) * 0.01]


def attention(w: Writer, x: list[Node]) -> list[Node]:
    """Three positions that look back, two numbers each; softmax with the largest taken out."""
    rows = [x[k : k + 2] for k in range(0, 6, 2)]
    weights = [x[6 + k : 8 + k] for k in range(0, 12, 2)]
    found: list[Node] = []
    keys, values = [], []
    for row in rows:
        query, key, value = (
            [w.apply(ops.TABLE["dot"], *m, *row) for m in weights[k : k + 2]] for k in (0, 2, 4)
        )
        keys.append(key)
        values.append(value)
        scores = [(query[0] * k[0] + query[1] * k[1]) / 1.5 for k in keys]
        top = w.apply(ops.detach, w.apply(ops.max, *scores))
        powers = [w.apply(ops.exp, score - top) for score in scores]
        total = sum(powers[1:], powers[0])
        shares = [power / total for power in powers]
        for column in zip(*values, strict=True):
            terms = [a * b for a, b in zip(shares, column, strict=True)]
            found.append(sum(terms[1:], terms[0]))
    return found


def sums(w: Writer, x: list[Node]) -> list[Node]:
    """Sums of sums, of products and numbers, of one number twice, means, a sum that is used twice."""
    shared = x[0] * x[1] + x[2]
    mixed = x[0] + x[1] * x[2] + x[3] + x[4] * x[5] + 2.0
    part = x[1] * x[4]  # an output, and a term of another
    nested = (x[0] + x[1]) + (x[2] + (x[3] * x[3] + x[4]))
    return [
        shared + shared * x[3], mixed, nested, w.apply(ops.mean, *x), w.apply(ops.sum, *x[:3], x[0]),
        w.apply(ops.mean, x[0] * x[1], x[2], x[3] * 2.0), w.apply(ops.square, x[1]) + x[2], x[5],
        mixed + mixed, part, part + x[3], sum(x[:4], 2.0), sum((a * a for a in x), 3.0),
        w.apply(ops.TABLE["dot"], x[0], x[1], x[2], x[3], x[3], x[0]), w.apply(ops.sum, x[4]), x[0] + x[0],
    ]  # fmt: skip


def lists(w: Writer, x: list[Node]) -> list[Node]:
    """Rows with lists of operands, a table looked up, and a choice."""
    whole = [w.apply(ops.TABLE[name], *x[:5]) for name in ("logsumexp", "norm", "prod", "max", "min")]
    some = [w.apply(ops.TABLE[name], x[k], x[k + 1] * 2.0) for name in ("max", "prod") for k in range(3)]
    index = w.apply(ops.floor, w.apply(ops.clip, x[5] * 3.0, immediates=(0.0, 3.0)))
    taken = w.take(index, [x[0], x[1] * x[2], 7.0, x[3]])
    chosen = w.apply(ops.choose, w.apply(ops.greater, x[0], x[1]), x[2] * x[3], x[4])
    return [*whole, *some, taken, chosen, w.apply(ops.exp, taken)]


def one_of_each(w: Writer, x: list[Node]) -> list[Node]:
    """Every row of fixed arity, on three rows of operands."""
    found = []
    for row in ops.TABLE.values():
        if row.arity is not None and row.name not in ("select", "polygamma"):
            for k in range(3):
                operands = x[k : k + row.arity]
                immediates = tuple(row.immediates.values())
                found.append(w.apply(row, *operands, immediates=immediates))
    return found


PROGRAMS: dict[str, tuple[Program, int]] = {
    "network": (network, 56),
    "attention": (attention, 18),
    "sums": (sums, 6),
    "lists": (lists, 6),
    "one of each": (one_of_each, 5),
}


def tape_of(name: str) -> tuple[Tape, list[float]]:
    """A program and numbers for its leaves."""
    program, count = PROGRAMS[name]
    writer, rng = Writer(), random.Random(name)
    leaves = writer.leaves(count)
    tape = writer.builder.finish([node.number for node in program(writer, leaves)])
    return tape, [rng.uniform(0.2, 0.9) for _ in range(count)]


def chain(length: int) -> Tape:
    """A deep and narrow program."""
    w = Writer()
    x, y = w.leaves(2)
    node = x
    for k in range(length):
        node = w.apply(ops.tanh, node) if k % 3 == 0 else (node * y if k % 3 == 1 else node + y)
    return w.builder.finish([node.number])
