"""This library: eager, and compiled by each of its executors."""

from __future__ import annotations

from ..measuring import Makers
from ..programs import by_method
from ..workloads import Batch, Demo, Gpt, Xor
from .building import Way, one_pass, training, with_attributes

NAME, NEEDS = "autograd-lite", "autograd_lite"
EAGER = f"{NAME}, eager"
LARGEST_BATCH = 64
LEFT_OUT = {"batch": f"eager above {LARGEST_BATCH} samples: a graph for each sample"}


def way() -> Way:
    """Its Value."""
    from autograd_lite import Value

    return with_attributes(Value, by_method())


def demo(work: Demo) -> Makers:
    return {EAGER: lambda: one_pass(work, way())}


def gpt(work: Gpt) -> Makers:
    return {EAGER: lambda: one_pass(work, way())}


def batch(work: Batch) -> Makers:
    return {EAGER: lambda: one_pass(work, way())} if work.samples <= LARGEST_BATCH else {}


def xor(work: Xor) -> Makers:
    return {EAGER: lambda: training(work, way())}
