"""XAD: a tape in C++, filled by the scalar program at each pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..measuring import Makers
from ..programs import Maths
from ..workloads import Batch, Demo, Gpt, Graph, Xor
from .building import Way, one_pass, training

NAME, NEEDS = "XAD", "xad"
IMPORT = "xad"
LARGEST_BATCH = 64
LEFT_OUT = {"batch": f"batches above {LARGEST_BATCH}: a recording for each sample"}
LARGEST_GRAPH = {NAME: 1_000_000}
_tapes: list[Any] = []


def way() -> Way:
    """Its adjoint numbers, on one active tape."""
    import xad.math
    from xad import adj_1st

    if not _tapes:  # one tape can be active in a thread
        _tapes.append(adj_1st.Tape())
        _tapes[0].activate()
    tape = _tapes[0]

    def begin(parameters: Sequence[Any]) -> None:
        for parameter in parameters:
            tape.registerInput(parameter)
        tape.newRecording()

    def backward(loss: Any, parameters: Sequence[Any]) -> None:
        tape.registerOutput(loss)
        loss.setDerivative(1.0)
        tape.computeAdjoints()

    return Way(
        number=adj_1st.Real,
        maths=Maths(
            relu=lambda v: xad.math.max(v, 0.0),
            tanh=xad.math.tanh,
            exp=xad.math.exp,
            log=xad.math.log,
            top=lambda values: max(value.getValue() for value in values),
        ),
        backward=backward,
        value=lambda v: float(v.getValue()),
        gradient=lambda v: float(v.getDerivative()),
        changed=lambda v, number: adj_1st.Real(number),
        begin=begin,
    )


def demo(work: Demo) -> Makers:
    return {NAME: lambda: one_pass(work, way())}


def gpt(work: Gpt) -> Makers:
    return {NAME: lambda: one_pass(work, way())}


def batch(work: Batch) -> Makers:
    return {NAME: lambda: one_pass(work, way())} if work.samples <= LARGEST_BATCH else {}


def xor(work: Xor) -> Makers:
    return {NAME: lambda: training(work, way())}


def graph(work: Graph) -> Makers:
    return {NAME: lambda: one_pass(work, way())}
