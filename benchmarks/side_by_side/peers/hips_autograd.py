"""HIPS autograd: programs on arrays, which is its way, and scalar programs on its scalars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..measuring import Engine, Makers
from ..programs import Maths
from ..workloads import Batch, Demo, Gpt, Graph, Xor, joined, split
from . import array_programs

NAME, NEEDS = "HIPS autograd", "autograd"
IMPORT = "autograd.numpy"
SCALARS = f"{NAME}, scalars"
LEFT_OUT = {"gpt": "scalars: a second a pass", "batch": "scalars: arrays are its way"}
LARGEST_GRAPH = {SCALARS: 1_000}


def maths() -> Maths:
    """Its functions, on scalars."""
    import autograd.numpy as anp

    def top(values: Any) -> float:
        return max(float(getattr(value, "_value", value)) for value in values)

    return Maths(relu=lambda v: anp.maximum(v, 0.0), tanh=anp.tanh, exp=anp.exp, log=anp.log, top=top)


def _arrays(loss: Callable[[Any], Any], parts: Any, flat: Callable[[Any], Any]) -> Engine:
    from autograd import value_and_grad

    both = value_and_grad(loss)

    def numbers() -> Any:
        value, gradients = both(parts)
        return [float(value), *flat(gradients)]

    return Engine(lambda: both(parts), numbers, idiom="arrays")


def _scalars(loss: Callable[[Any], Any], start: Any) -> Engine:
    from autograd import value_and_grad

    both, start = value_and_grad(lambda flat: loss([flat[k] for k in range(start.size)])), start.copy()

    def numbers() -> Any:
        value, gradients = both(start)
        return [float(value), *gradients]

    return Engine(lambda: both(start), numbers)


def demo(work: Demo) -> Makers:
    import autograd.numpy as anp

    points, labels = np.array(work.points), np.array(work.labels)
    parts = split(work.start, work.sizes)

    def loss(parts: Any) -> Any:
        return array_programs.demo_loss(anp, parts, points, labels)

    return {
        NAME: lambda: _arrays(loss, parts, joined),
        SCALARS: lambda: _scalars(lambda flat: work.loss(flat, maths()), work.start),
    }


def gpt(work: Gpt) -> Makers:
    import autograd.numpy as anp

    return {NAME: lambda: _arrays(lambda w: array_programs.gpt_loss(anp, w, work), work.start, work.flat)}


def batch(work: Batch) -> Makers:
    import autograd.numpy as anp

    def loss(parts: Any) -> Any:
        return anp.sum(array_programs.squared_errors(anp, parts, work.points, work.targets))

    return {NAME: lambda: _arrays(loss, split(work.start, work.sizes), joined)}


def xor(work: Xor) -> Makers:
    import autograd.numpy as anp
    from autograd import grad

    points, targets = np.array(work.points), np.array(work.targets)
    slopes = grad(lambda p: anp.mean(array_programs.squared_errors(anp, p, points, targets)))

    def stepped(parts: list[Any]) -> list[Any]:
        return [part - work.lr * slope for part, slope in zip(parts, slopes(parts), strict=True)]

    return {NAME: lambda: _training(work, stepped)}


def _training(work: Xor, stepped: Callable[[list[Any]], list[Any]]) -> Engine:
    state = [split(work.start, work.sizes)]

    def run() -> None:
        state[0] = stepped(state[0])

    def numbers() -> Any:
        parts = split(work.start, work.sizes)
        for _ in range(work.checked_steps):
            parts = stepped(parts)
        return joined(parts)

    return Engine(run, numbers, idiom="arrays")


def graph(work: Graph) -> Makers:
    return {SCALARS: lambda: _scalars(work.loss, work.start)}
