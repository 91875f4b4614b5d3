"""Batches of arguments as rows of numbers, and what comes back for them in the structures of the caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError
from ..structures import maker
from .arguments import flatten_call
from .calls import is_array
from .kernel import BatchResult, Kernel
from .replaying import Replay
from .wanting import Wanted

__all__ = [
    "Batch", "Columns", "LoopKernel", "Ready", "columns_of", "gradients_like", "outputs_in_arrays",
    "read_batch",
]  # fmt: skip


class Batch:
    """One argument of `map` that differs from sample to sample."""

    __slots__ = ("given", "rows", "sample")

    def __init__(self, given: Any, position: int) -> None:
        self.given = given
        if is_array(given):
            if given.dtype.kind not in "fiu":
                raise ArgumentError(f"the batch in argument {position} holds {given.dtype}, not real numbers")
            self.rows = np.ascontiguousarray(given, dtype=float).reshape(len(given), -1)
            self.sample = given[0] if given.ndim > 1 else float(given[0])
        else:
            self.sample = given[0]
            self.rows = _rows_of(given, position)


def _rows_of(samples: Sequence[Any], position: int) -> Any:
    """The numbers of a list of samples, a row for each."""
    try:
        if _plain(samples[0]):
            rows = np.array(samples)  # not as floats yet: that would read None and text, too
            if rows.dtype.kind in "fiu" and rows.ndim == 1 + isinstance(samples[0], (list, tuple)):
                return rows.astype(float).reshape(len(samples), -1)
    except (TypeError, ValueError):  # of different lengths, or of dicts
        pass
    calls = [flatten_call((sample,)) for sample in samples]
    for index, call in enumerate(calls):
        if call.key != calls[0].key:
            raise ArgumentError(
                f"sample {index} of argument {position} has another structure than sample 0: "
                f"{samples[index]!r:.50} and {samples[0]!r:.50}. A batch is of samples of one structure"
            )
    return np.array([call.numbers for call in calls], dtype=float).reshape(len(samples), -1)


def _plain(sample: Any) -> bool:
    """Whether a sample is a number or a flat list of them, so that NumPy reads a list of such as we do."""
    if isinstance(sample, (list, tuple)):
        return set(map(type, sample)) <= {float, int}
    return sample.__class__ in (float, int)


def read_batch(given: Any, position: int) -> Batch:
    """A batch; raises `ArgumentError` for what is none."""
    if not is_array(given) and not isinstance(given, (list, tuple)):
        raise ArgumentError(
            f"argument {position} of map must be a batch, an array or list with one entry for each sample; "
            f"got {given!r:.50}. What is the same for all samples is named in shared=({position},)"
        )
    if not len(given):
        raise ArgumentError(f"the batch in argument {position} of map is empty")
    return Batch(given, position)


class LoopKernel:
    """Does for a batch what a `LaneKernel` does, one sample after the other."""

    def __init__(self, kernel: Kernel, batched: Sequence[bool], wanted: Sequence[int]) -> None:
        self.executor = kernel.executor
        self._kernel = kernel
        self._batched = np.array(batched, dtype=bool)
        self._each = np.array([batched[leaf] for leaf in wanted], dtype=bool)

    def values(self, rows: Any, shared: Any) -> BatchResult:
        """The outputs of every sample."""
        return self._run(rows, shared, False)

    def gradients(self, rows: Any, shared: Any, seeds: Any = None) -> BatchResult:
        """Outputs and gradients; `seeds` is (outputs,) or (samples, outputs), 1 unless given."""
        return self._run(rows, shared, True, seeds)

    def _run(self, rows: Any, shared: Any, wanted: bool, seeds: Any = None) -> BatchResult:
        seeded: Any = [None] * len(rows)
        if seeds is not None:
            seeded = np.broadcast_to(seeds, (len(rows), np.shape(seeds)[-1])).tolist()
        leaves = np.empty(len(self._batched))
        leaves[~self._batched] = shared
        missed = np.full(len(rows), -1)
        outputs: list[Any] = [None] * len(rows)
        gradients = np.zeros((len(rows), len(self._each)))
        for k, row in enumerate(rows):
            leaves[self._batched] = row
            numbers = leaves.tolist()
            kernel = self._kernel
            result = kernel.gradients(numbers, seeded[k]) if wanted else kernel.values(numbers)
            missed[k] = result.missed
            if result.missed < 0:
                outputs[k] = result.outputs
                if wanted:
                    gradients[k] = result.gradients
        width = max((len(each) for each in outputs if each is not None), default=0)
        blank = [0.0] * width
        found = np.array([blank if each is None else each for each in outputs], dtype=float)
        # as in a loop of the caller's: one sample after the other
        summed = np.add.accumulate(gradients[:, ~self._each], axis=0)[-1] if wanted else None
        return BatchResult(
            missed if (missed >= 0).any() else None,
            found.reshape(len(rows), width),
            gradients[:, self._each] if wanted else None,
            summed,
        )


def gradients_like(batch: Batch, gradients: Any, shape: Callable[[Any], Any]) -> Any:
    """Gradients, a row for each sample, in the structure of a batch."""
    if is_array(batch.given):
        return gradients.reshape(batch.given.shape)
    if batch.sample.__class__ in (float, int):
        return gradients[:, 0].tolist()
    rows = [shape(row) for row in gradients]
    return rows if isinstance(batch.given, list) else tuple(rows)


class Columns:
    """Where the gradients of one part of a request stand among those that a kernel gives."""

    __slots__ = ("_owners", "places", "plain")

    def __init__(self, places: Sequence[Sequence[int]]) -> None:
        flat = [place for each in places for place in each]
        run = len(flat) == len(places) and flat == list(range(flat[0], flat[0] + len(flat)))
        self.places: Any = slice(flat[0], flat[0] + len(flat)) if run else np.array(flat, dtype=np.intp)
        owners = [k for k, each in enumerate(places) for _ in each]
        self._owners = None if run else np.array(owners, dtype=np.intp)
        self.plain = run
        """Whether there is one gradient for each number, side by side."""

    def add(self, gradients: Any, total: Any) -> None:
        """Add them to a total."""
        found = np.asarray(gradients, dtype=float)[self.places]
        if self._owners is None:
            total += found
        else:
            np.add.at(total, self._owners, found)


class Ready(NamedTuple):
    """A kernel for batches, and where it has the gradients of each part of the request."""

    kernel: Any
    columns: list[Columns]


def columns_of(wanted: Wanted, batched: Sequence[bool]) -> list[Columns]:
    """Where each part's gradients stand, among those of each sample or among those that are summed."""
    own = [batched[node] for node in wanted.nodes]
    place, counts = [], [0, 0]
    for each in own:
        place.append(counts[each])
        counts[each] += 1
    return [Columns([[place[k] for k in each] for each in part]) for part in wanted.places]


class _Mark:
    """Stands for one output while a structure is looked at."""

    __slots__ = ("is_condition", "output")

    def __init__(self, output: int) -> None:
        self.output = output
        self.is_condition = False

    def __ne__(self, zero: object) -> Any:
        self.is_condition = True  # a trace asks this of an output that is a condition
        return self


def outputs_in_arrays(replay: Replay, outputs: Any) -> Any:
    """Outputs, a row for each sample, in the structure that the function returns, with arrays in it."""
    if replay.single:
        return outputs[:, 0].copy()
    marks: Any = [_Mark(k) for k in range(outputs.shape[1])]
    return _stacked(replay.trace.rebuild(marks), outputs)


def _stacked(structure: Any, outputs: Any) -> Any:
    if isinstance(structure, _Mark):
        column = outputs[:, structure.output]
        return column != 0.0 if structure.is_condition else column.copy()
    if isinstance(structure, dict):
        return {key: _stacked(part, outputs) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        make = maker(structure.__class__)
        return make([_stacked(part, outputs) for part in structure])
    if is_array(structure):
        columns = [_stacked(cell, outputs) for cell in structure.ravel().tolist()]
        return np.stack(columns, axis=1).reshape(len(outputs), *structure.shape)
    if isinstance(structure, (int, float)):
        return np.full(len(outputs), float(structure))
    return structure
