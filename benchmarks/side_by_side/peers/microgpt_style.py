"""The class of one-file teaching engines: slots, tuples of children and of local gradients, recursion."""

from __future__ import annotations

import sys

from ..measuring import Makers
from ..programs import by_method
from ..workloads import Batch, Demo, Gpt, Graph, Xor
from .building import Way, one_pass, training, with_attributes

NAME, NEEDS = "microgpt style", "autograd_lite"
IMPORT = ""
LARGEST_BATCH = 64
LEFT_OUT = {"batch": f"batches above {LARGEST_BATCH}: a graph for each sample"}
LARGEST_GRAPH = {NAME: 100_000}


def way() -> Way:
    """The class as `benchmarks/microgpt.py` has it."""
    from microgpt import ScalarValue

    return with_attributes(ScalarValue, by_method())


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
