"""CasADi SX: the scalar program becomes an expression graph once, and CasADi's virtual machine runs it.

Called through its buffers, which is its quickest way from Python. Not compiled to C.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..measuring import Engine, Makers
from ..programs import Maths
from ..workloads import Batch, Demo, Gpt, Graph, Xor
from .building import start_of

NAME, NEEDS = "CasADi SX", "casadi"
IMPORT = "casadi"
LEFT_OUT: dict[str, str] = {}
LARGEST_GRAPH = {NAME: 100_000}


def maths() -> Maths:
    """Its functions."""
    import casadi as ca

    def top(values: Any) -> Any:
        result = values[0]
        for value in values[1:]:
            result = ca.fmax(result, value)
        return result

    return Maths(relu=lambda v: ca.fmax(v, 0.0), tanh=ca.tanh, exp=ca.exp, log=ca.log, top=top)


def buffered(function: Any, arguments: list[Any]) -> tuple[Callable[[], None], list[Any]]:
    """A call with no conversions, and the arrays that it fills."""
    buffer, evaluate = function.buffer()
    results = [np.zeros(function.nnz_out(k)) for k in range(function.n_out())]
    for k, argument in enumerate(arguments):
        buffer.set_arg(k, memoryview(argument))
    for k, result in enumerate(results):
        buffer.set_res(k, memoryview(result))

    def call(keep: Any = (buffer, arguments, results)) -> None:
        evaluate()

    return call, results


def one_pass(work: Demo | Gpt | Graph) -> Engine:
    """Loss and gradient as one function of all parameters."""
    import casadi as ca

    start = np.array(start_of(work))
    symbols = ca.SX.sym("p", start.size)
    parameters = ca.vertsplit(symbols)
    made = work.by_name(parameters) if isinstance(work, Gpt) else parameters
    loss = work.loss(made, maths())
    function = ca.Function("f", [symbols], [loss, ca.densify(ca.gradient(loss, symbols))])
    call, results = buffered(function, [start])

    def numbers() -> Any:
        call()
        return np.concatenate(results)

    return Engine(call, numbers)


def demo(work: Demo) -> Makers:
    return {NAME: lambda: one_pass(work)}


def gpt(work: Gpt) -> Makers:
    return {NAME: lambda: one_pass(work)}


def batch(work: Batch) -> Makers:
    return {NAME: lambda: _mapped(work)}


def _mapped(work: Batch) -> Engine:
    """One sample's function, mapped over the batch; the gradients are added by NumPy."""
    import casadi as ca

    symbols, x, target = ca.SX.sym("p", work.start.size), ca.SX.sym("x", 2), ca.SX.sym("t")
    loss = work.sample(ca.vertsplit(symbols), ca.vertsplit(x), target, maths())
    one = ca.Function("f", [symbols, x, target], [loss, ca.densify(ca.gradient(loss, symbols))])
    mapped = one if work.samples == 1 else one.map("batch", "serial", work.samples, [0], [])
    arguments = [work.start, np.ascontiguousarray(work.points).ravel(), work.targets]
    call, (losses, slopes) = buffered(mapped, arguments)
    slopes = slopes.reshape(work.samples, -1)

    def run() -> Any:
        call()
        return losses.sum(), slopes.sum(axis=0)

    def numbers() -> Any:
        value, gradients = run()
        return [value, *gradients]

    return Engine(run, numbers)


def xor(work: Xor) -> Makers:
    return {NAME: lambda: _training(work)}


def _training(work: Xor) -> Engine:
    """A function from parameters to those after a step, whose result is where its argument was."""
    import casadi as ca

    symbols = ca.SX.sym("p", work.start.size)
    loss = work.loss(ca.vertsplit(symbols), maths())
    function = ca.Function("f", [symbols], [symbols - work.lr * ca.gradient(loss, symbols)])
    parameters = work.start.copy()
    buffer, evaluate = function.buffer()
    buffer.set_arg(0, memoryview(parameters))
    buffer.set_res(0, memoryview(parameters))

    def run(keep: Any = buffer) -> None:
        evaluate()

    def numbers() -> Any:
        parameters[:] = work.start
        for _ in range(work.checked_steps):
            run()
        return parameters.copy()

    return Engine(run, numbers)


def graph(work: Graph) -> Makers:
    return {NAME: lambda: one_pass(work)}
