"""micrograd 0.1.0: the scalar program on its Value.

It has relu and powers. Its lecture's tanh, exp and log are added here as the lecture writes them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

from ..measuring import Makers
from ..programs import by_method
from ..workloads import Batch, Demo, Gpt, Graph, Xor
from .building import Way, one_pass, training, with_attributes

NAME, NEEDS = "micrograd", "micrograd"
IMPORT = "micrograd.nn"
LARGEST_BATCH = 64
LEFT_OUT = {"batch": f"batches above {LARGEST_BATCH}: a graph for each sample"}
LARGEST_GRAPH = {NAME: 10_000}


def way() -> Way:
    """Its Value, with the functions that the lecture adds."""
    from micrograd.engine import Value

    # They go onto the class itself, because its operators make plain Values whatever they are given.
    Value.tanh = lambda self: _unary(self, math.tanh(self.data), lambda y: 1 - y * y)
    Value.exp = lambda self: _unary(self, math.exp(self.data), lambda y: y)
    Value.log = lambda self: _unary(self, math.log(self.data), lambda y: 1 / self.data)
    return with_attributes(Value, by_method())


def _unary(v: Any, result: float, slope: Callable[[float], float]) -> Any:
    out = type(v)(result, (v,), "function")

    def pull() -> None:
        v.grad += slope(result) * out.grad

    out._backward = pull
    return out


def demo(work: Demo) -> Makers:
    return {NAME: lambda: one_pass(work, way())}


def gpt(work: Gpt) -> Makers:
    return {NAME: lambda: one_pass(work, way())}


def batch(work: Batch) -> Makers:
    return {NAME: lambda: one_pass(work, way())} if work.samples <= LARGEST_BATCH else {}


def xor(work: Xor) -> Makers:
    return {NAME: lambda: training(work, way())}


def graph(work: Graph) -> Makers:
    """Its sort is recursive: Python's limit is raised for it."""
    sys.setrecursionlimit(10_000_000)
    return {NAME: lambda: one_pass(work, way())}
