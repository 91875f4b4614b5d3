"""This library: eager, and compiled by each of its executors.

Compiled programs get their parameters as one array, as NumPy's and numba's do. One thread, but where a name
says "threads".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..measuring import Engine, Makers
from ..programs import Maths, by_method
from ..workloads import Batch, Demo, Gpt, Graph, Xor
from .building import Pass, Way, one_pass, start_of, training, with_attributes

NAME, NEEDS = "autograd-lite", "autograd_lite"
IMPORT = "autograd_lite"
EAGER = f"{NAME}, eager"
PYTHON, NUMPY, LLVM, INTERPRETER, AUTO = (
    f"{NAME}, {executor}" for executor in ("python", "numpy", "llvm", "interpreter", "auto")
)
PLAIN = f"{INTERPRETER}, fuse=False"
STEP, LOOP = f"{NAME}, compile_training().step()", f"{NAME}, in the loop"
LARGEST_BATCH = 64
LEFT_OUT = {
    "demo": "llvm: made for programs of up to 1,000 operations",
    "gpt": "llvm: made for programs of up to 1,000 operations",
    "batch": f"eager above {LARGEST_BATCH} samples: a graph for each sample",
}
LARGEST_GRAPH = {
    EAGER: 1_000_000, INTERPRETER: 1_000_000, NUMPY: 10_000, PYTHON: 10_000, AUTO: 10_000, LLVM: 1_000,
}  # fmt: skip


def imports(name: str) -> list[str]:
    """What an engine imports, sooner or later."""
    needs = {EAGER: [], PYTHON: [], NUMPY: ["numpy"]}.get(name, ["numpy", "llvmlite.binding"])
    return [*needs, NEEDS]


def way() -> Way:
    """Its Value."""
    from autograd_lite import Value

    return with_attributes(Value, by_method())


def maths() -> Maths:
    """For programs to be traced: the largest is an operation whose gradient is cut off."""
    from autograd_lite import ops

    return by_method(top=lambda values: ops.max(*values).detach())


def compiled(f: Callable[..., Any], name: str) -> Any:
    """`autograd_lite.compile` with the executor that stands in an engine's name."""
    import autograd_lite

    executor = name.split(", ")[1]
    threads = None if name.endswith("threads") else 1
    return autograd_lite.compile(f, executor=executor, fuse=name != PLAIN, threads=threads)


def replayed(work: Pass, name: str) -> Engine:
    """Loss and gradient by all parameters."""
    if isinstance(work, Gpt):
        f = compiled(lambda flat: work.loss(work.by_name(flat), maths()), name)
    else:
        f = compiled(lambda flat: work.loss(flat, maths()), name)
    start = np.array(start_of(work))

    def numbers() -> Any:
        value, slopes = f.value_and_grad(start)
        return [value, *slopes]

    return Engine(lambda: f.value_and_grad(start), numbers)


def _each(work: Pass, *names: str) -> Makers:
    return {name: lambda name=name: replayed(work, name) for name in names}


def demo(work: Demo) -> Makers:
    return {EAGER: lambda: one_pass(work, way()), **_each(work, PYTHON, NUMPY, PLAIN, INTERPRETER, AUTO)}


def gpt(work: Gpt) -> Makers:
    return {EAGER: lambda: one_pass(work, way()), **_each(work, PYTHON, NUMPY, PLAIN, INTERPRETER, AUTO)}


def graph(work: Graph) -> Makers:
    names = [PYTHON, LLVM, INTERPRETER, AUTO]
    if work.kind == "wide" or work.operations <= 1_000:  # a level for each operation: seconds to lay out
        names.append(NUMPY)
    return {EAGER: lambda: one_pass(work, way()), **_each(work, *names)}


def batch(work: Batch) -> Makers:
    """`map` over the samples; for one sample `value_and_grad`, too."""
    makers: Makers = {}
    if work.samples <= LARGEST_BATCH:
        makers[EAGER] = lambda: one_pass(work, way())
    if work.samples == 1:
        makers |= {name: lambda name=name: _sample(work, name) for name in (PYTHON, LLVM, INTERPRETER, AUTO)}
    names = [f"{name}, map" for name in (NUMPY, INTERPRETER, AUTO)]
    if work.samples > LARGEST_BATCH:
        names.append(f"{AUTO}, map, threads")
    return makers | {name: lambda name=name: _mapped(work, name) for name in names}


def _sample(work: Batch, name: str) -> Engine:
    f = compiled(lambda flat, x, target: work.sample(flat, x, target, maths()), name)
    x, target = work.points[0], float(work.targets[0])

    def numbers() -> Any:
        value, slopes = f.value_and_grad(work.start, x, target, wrt=0)
        return [value, *slopes]

    return Engine(lambda: f.value_and_grad(work.start, x, target, wrt=0), numbers)


def _mapped(work: Batch, name: str) -> Engine:
    f = compiled(lambda flat, x, target: work.sample(flat, x, target, maths()), name)

    def run() -> Any:
        return f.map(work.start, work.points, work.targets, wrt=0, shared=(0,))

    def numbers() -> Any:
        losses, slopes = run()
        return [np.sum(losses), *slopes]

    return Engine(run, numbers)


def xor(work: Xor) -> Makers:
    makers = {name: lambda name=name: _stepped(work, name) for name in (PYTHON, LLVM, INTERPRETER, AUTO)}
    whole = {STEP: lambda: _trained(work, 1), LOOP: lambda: _trained(work, 2000)}
    return {EAGER: lambda: training(work, way()), **makers, **whole}


def _trained(work: Xor, steps: int) -> Engine:
    """`nn.compile_training`: steps from Python, or all in the compiled loop."""
    from autograd_lite import nn

    inputs, *neurons = work.sizes

    def begun() -> Any:
        model = nn.MLP(inputs, neurons, activation="tanh")
        for parameter, number in zip(model.parameters(), work.start.tolist(), strict=True):
            parameter.data = number
        return nn.compile_training(model, "mse", "sgd", lr=work.lr).load(work.points, work.targets)

    def numbers() -> Any:
        with begun() as fresh:
            fresh.run(work.checked_steps)
        return [parameter.data for parameter in fresh.model.parameters()]

    kept = begun()
    if steps == 1:
        return Engine(kept.step, numbers)
    return Engine(lambda: kept.run(steps), numbers, units=steps, note="the whole training compiled")


def _stepped(work: Xor, name: str) -> Engine:
    """`value_and_grad` from Python, and the update in NumPy."""
    f = compiled(lambda flat: work.loss(flat, maths()), name)
    state = work.start.copy()

    def step(p: Any) -> None:
        p -= work.lr * f.value_and_grad(p)[1]

    def numbers() -> Any:
        fresh = work.start.copy()
        for _ in range(work.checked_steps):
            step(fresh)
        return fresh

    return Engine(lambda: step(state), numbers, note="the update in NumPy")
