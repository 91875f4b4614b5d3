"""What libraries have in common that build a graph from numbers at each pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..measuring import Engine
from ..programs import Maths
from ..workloads import Batch, Demo, Gpt, Graph, Xor

Pass = Demo | Gpt | Batch | Graph


@dataclass(frozen=True)
class Way:
    """How such a library makes a parameter, differentiates, and is read."""

    number: Callable[[float], Any]
    maths: Maths
    backward: Callable[[Any, Sequence[Any]], None]
    """Of this loss, to these parameters, whose gradients are set (not added to)."""
    value: Callable[[Any], float]
    gradient: Callable[[Any], float]
    changed: Callable[[Any, float], Any]
    """The parameter with another number: itself, or a new one."""
    begin: Callable[[Sequence[Any]], None] = lambda parameters: None
    """What is to be done before the program runs."""


def bound(work: Pass, parameters: list[Any], maths: Maths) -> Callable[[], Any]:
    """The program, ready to be run on these parameters."""
    if isinstance(work, Gpt):
        matrices = work.by_name(parameters)
        return lambda: work.loss(matrices, maths)
    return lambda: work.loss(parameters, maths)


def start_of(work: Pass | Xor) -> list[float]:
    """All parameters in one list."""
    numbers: list[float] = (work.flat(work.start) if isinstance(work, Gpt) else work.start).tolist()
    return numbers


def one_pass(work: Pass, way: Way, note: str = "") -> Engine:
    """An engine that builds the graph, differentiates it and drops it."""
    parameters = [way.number(number) for number in start_of(work)]
    program = bound(work, parameters, way.maths)

    def run() -> Any:
        way.begin(parameters)
        loss = program()
        way.backward(loss, parameters)
        return loss

    def numbers() -> list[float]:
        return [way.value(run()), *map(way.gradient, parameters)]

    return Engine(run, numbers, note=note)


def training(work: Xor, way: Way, note: str = "") -> Engine:
    """An engine that makes one step of gradient descent."""

    def stepper(parameters: list[Any]) -> Callable[[], None]:
        def step() -> None:
            way.begin(parameters)
            way.backward(work.loss(parameters, way.maths), parameters)
            for k, p in enumerate(parameters):
                parameters[k] = way.changed(p, way.value(p) - work.lr * way.gradient(p))

        return step

    def fresh() -> list[Any]:
        return [way.number(number) for number in start_of(work)]

    def numbers() -> list[float]:
        parameters = fresh()
        step = stepper(parameters)
        for _ in range(work.checked_steps):
            step()
        return [way.value(p) for p in parameters]

    return Engine(stepper(fresh()), numbers, note=note)


def with_attributes(value: Callable[[float], Any], maths: Maths) -> Way:
    """The way of classes with `data`, `grad` and `backward()`."""

    def backward(loss: Any, parameters: Sequence[Any]) -> None:
        for parameter in parameters:
            parameter.grad = 0.0
        loss.backward()

    def changed(parameter: Any, number: float) -> Any:
        parameter.data = number
        return parameter

    return Way(
        number=value,
        maths=maths,
        backward=backward,
        value=lambda v: float(v.data),
        gradient=lambda v: float(v.grad),
        changed=changed,
    )
