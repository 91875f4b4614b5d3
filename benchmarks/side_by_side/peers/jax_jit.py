"""JAX: `jit` of the program on arrays, in float64 on the CPU; and of the scalar program where that compiles.

XLA takes minutes for a program of ten thousand scalar operations, so only XOR is compiled as scalars.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..measuring import Engine, Makers
from ..programs import Maths
from ..workloads import Batch, Demo, Gpt, Graph, Xor, joined, split
from . import array_programs

NAME, NEEDS = "JAX jit", "jax"
IMPORT = "jax"
LOOP = f"{NAME}, in the loop"
LEFT_OUT = dict.fromkeys(("demo", "gpt", "batch"), "scalars: XLA takes minutes to compile them")
LARGEST_GRAPH = {NAME: 1_000_000}


def jax_in_float64() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def maths() -> Maths:
    """Its functions, on scalars."""
    jnp = jax_in_float64().numpy
    return Maths(relu=lambda v: jnp.maximum(v, 0.0), tanh=jnp.tanh, exp=jnp.exp, log=jnp.log, top=max)


def _pass(loss: Callable[[Any], Any], parts: Any, flat: Callable[[Any], Any]) -> Engine:
    jax = jax_in_float64()
    both = jax.jit(jax.value_and_grad(loss))
    parts = jax.device_put(parts)

    def run() -> Any:
        return jax.block_until_ready(both(parts))

    def numbers() -> Any:
        value, gradients = run()
        return [float(value), *flat(gradients)]

    return Engine(run, numbers, idiom="arrays")


def demo(work: Demo) -> Makers:
    jnp = jax_in_float64().numpy
    points, labels = np.array(work.points), np.array(work.labels)
    parts = split(work.start, work.sizes)

    def loss(parts: Any) -> Any:
        return array_programs.demo_loss(jnp, parts, points, labels)

    return {NAME: lambda: _pass(loss, parts, joined)}


def gpt(work: Gpt) -> Makers:
    jnp = jax_in_float64().numpy
    return {NAME: lambda: _pass(lambda w: array_programs.gpt_loss(jnp, w, work), work.start, work.flat)}


def batch(work: Batch) -> Makers:
    jnp = jax_in_float64().numpy

    def loss(parts: Any) -> Any:
        return jnp.sum(array_programs.squared_errors(jnp, parts, work.points, work.targets))

    return {NAME: lambda: _pass(loss, split(work.start, work.sizes), joined)}


def xor(work: Xor) -> Makers:
    jax = jax_in_float64()
    points, targets = np.array(work.points), np.array(work.targets)

    def on_arrays(parts: Any) -> Any:
        return jax.numpy.mean(array_programs.squared_errors(jax.numpy, parts, points, targets))

    def on_scalars(flat: Any) -> Any:
        return work.loss(list(flat), maths())

    parts = split(work.start, work.sizes)
    return {
        NAME: lambda: _training(work, on_arrays, parts, joined, idiom="arrays"),
        f"{NAME}, scalars": lambda: _training(work, on_scalars, work.start, np.asarray, idiom="scalars"),
        LOOP: lambda: _loop(work, on_arrays, parts),
    }


def stepper(work: Xor, loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Parameters after a step of gradient descent."""
    jax = jax_in_float64()

    def stepped(parts: Any) -> Any:
        return jax.tree.map(lambda part, slope: part - work.lr * slope, parts, jax.grad(loss)(parts))

    return stepped


def _training(
    work: Xor, loss: Callable[[Any], Any], start: Any, flat: Callable[[Any], Any], idiom: str
) -> Engine:
    jax = jax_in_float64()
    step, first = jax.jit(stepper(work, loss)), jax.device_put(start)
    state = [first]

    def run() -> None:
        state[0] = jax.block_until_ready(step(state[0]))

    def numbers() -> Any:
        state[0] = first
        for _ in range(work.checked_steps):
            run()
        return flat(state[0])

    return Engine(run, numbers, idiom=idiom)


def _loop(work: Xor, loss: Callable[[Any], Any], start: Any, steps: int = 2000) -> Engine:
    """The whole training compiled: no Python between its steps."""
    jax = jax_in_float64()
    step, first = stepper(work, loss), jax.device_put(start)
    train = jax.jit(lambda parts, count: jax.lax.fori_loop(0, count, lambda _, now: step(now), parts))

    def run() -> Any:
        return jax.block_until_ready(train(first, steps))

    def numbers() -> Any:
        return joined(train(first, work.checked_steps))

    return Engine(run, numbers, idiom="arrays", units=steps, note="the whole training compiled")


def graph(work: Graph) -> Makers:
    """The chain as a loop (`lax.scan`), the wide sum on an array."""
    jax = jax_in_float64()

    def chain(flat: Any) -> Any:
        x, w, b = flat
        return jax.lax.scan(lambda x, _: (x * w + b, None), x, length=work.operations // 2)[0]

    def wide(flat: Any) -> Any:
        return jax.numpy.sum(flat * flat)

    return {NAME: lambda: _pass(chain if work.kind == "chain" else wide, work.start, np.asarray)}
