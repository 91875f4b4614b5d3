"""What an executor makes of a tape: something that can be called with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

__all__ = ["BatchResult", "Kernel", "LaneKernel", "Result"]


class Result(NamedTuple):
    """What a replay gives. With a guard missed, the rest means nothing."""

    missed: int
    """The first guard that missed, by its place in `tape.guards`; -1 if none did."""
    outputs: Sequence[float]
    gradients: Sequence[float] = ()
    """Of the sum of outputs, each times its seed, by each node in `wanted`."""


class BatchResult(NamedTuple):
    """What a replay over a batch gives; arrays. What missed a guard counts in nothing that is summed."""

    missed: Any
    """For each sample the first guard that missed, or -1: (samples,) integers; None if none missed at all."""
    outputs: Any
    """(samples, outputs)"""
    each: Any = None
    """Gradients by the batched leaves wanted: (samples, wanted and batched)"""
    summed: Any = None
    """Gradients by the shared leaves wanted, summed over samples: (wanted and shared,)"""


class Kernel(Protocol):
    """A tape made ready for single calls. Threads may call one kernel at the same time.

    `prepare(tape, wanted, fuse=True)` of an executor's module makes one: `wanted` are the leaves (nodes)
    whose gradients `gradients` gives. `leaves` are the numbers of inputs and parameters, in order.
    """

    executor: str

    def values(self, leaves: Sequence[float]) -> Result:
        """The outputs."""

    def gradients(self, leaves: Sequence[float], seeds: Sequence[float] | None = None) -> Result:
        """The outputs and the gradients; the seeds are 1 for each output unless given."""


class LaneKernel(Protocol):
    """A tape made ready for batches: some leaves differ from sample to sample, the others are shared.

    `prepare_lanes(tape, batched, wanted, fuse=True)` makes one; `batched` says it for each leaf. `rows` is a
    float array (samples, batched leaves), `shared` one (shared leaves,), both in the order of the leaves.
    """

    executor: str

    def values(self, rows: Any, shared: Any) -> BatchResult:
        """The outputs of every sample."""

    def gradients(self, rows: Any, shared: Any, seeds: Any = None) -> BatchResult:
        """Outputs and gradients; `seeds` is (outputs,) or (samples, outputs), 1 unless given."""
