"""Graphs to draw, and what can be read back from a drawing, for the tests of drawings."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from autograd_lite import Value, nn
from autograd_lite.drawing import Drawing


def expression() -> Value:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    loss = (a * b + c).tanh()
    loss.label = "loss"
    loss.backward()
    return loss


def network(samples: int = 3, sizes: tuple[int, ...] = (4, 1)) -> Value:
    model = nn.MLP(2, list(sizes), activation="tanh", seed=0)
    inputs = [[math.sin(3 * k), math.cos(5 * k)] for k in range(samples)]
    loss = nn.mse([model(x) for x in inputs], [k % 2 for k in range(samples)])
    loss.backward()
    return loss


def chain_of(length: int) -> Value:
    value = Value(1.0, label="start")
    for _ in range(length):
        value = value.tanh()
    return value


def texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    return ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]


def kinds_of(drawing: Drawing) -> dict[str, str]:
    return {card.title or card.chip: card.kind for card in drawing.picture.cards}
