"""The gradient of one batch, on arrays: what `CompiledGradients` gives on lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..compiling.array_training import Gradient
from ..compiling.row_traces import RowTraces
from .calling import without_scopes
from .compiled import CompiledGradients

__all__ = ["ArrayBatches"]


class ArrayBatches:
    """Data in an array, and the gradient of any batch of it.

    Rows are those of samples, each followed by its target. `push` writes the numbers of the newest step into
    the model, for tracing looks at them.
    """

    def __init__(self, gradients: CompiledGradients, push: Callable[[], None]) -> None:
        self.gradients, self.push = gradients, push
        self.by_sample, self.count = gradients.by_sample, len(gradients.trained)
        self.rows: Any = None
        self._columns = 0
        self._width: int | None = None
        self._ways: Any = None  # which branch each sample went last
        self._way: dict[int, int] = {}  # and where a batch is one row, each batch

    def load(self, samples: Sequence[Sequence[float]], targets: Sequence[Any]) -> None:
        """The samples and targets to train on."""
        target = targets[0]
        self._columns, self._width = len(samples[0]), len(target) if isinstance(target, list) else None
        pairs = zip(samples, targets, strict=True)
        flat = [[*row, wanted] if self._width is None else [*row, *wanted] for row, wanted in pairs]
        self.rows = np.array(flat, dtype=float)
        self._ways = np.zeros(len(flat), dtype=np.intp)

    def traces(self, size: int, shared: Any) -> RowTraces:
        """The traces for a batch of that size, of which there is one at least."""
        traces = self.gradients.traces_of(True, self._columns, self._width, size)
        if not traces.branches:
            row = self.rows[0] if self.by_sample else self.rows[:size].ravel()
            without_scopes(traces.find, row.tolist(), shared.tolist())
        return traces

    def numbers(self, numbers: Any, traces: RowTraces) -> Any:
        """The numbers of all leaves of the traces: those that are trained, and others as they are."""
        if len(numbers) == len(traces.leaves):
            return numbers
        others = [leaf._data for leaf in traces.leaves[self.count :]]
        return np.concatenate([numbers[: self.count], others])

    def gradient(self, some: Any, drawn: Any, numbers: Any, shared: Any) -> tuple[Gradient, Any] | None:
        """Of a batch, with the buffers after it; None if its samples branch and draw random numbers, too.

        `drawn` are random numbers for each row, if any are drawn.
        """
        traces = self.traces(len(some), shared)
        batch = self.rows[some] if self.by_sample else self.rows[some].reshape(1, -1)
        if drawn is not None:
            batch = np.concatenate([batch, drawn], axis=1)
        while True:
            total = Gradient(0.0, 0.0, np.zeros(self.count), np.zeros(self.count, dtype=bool))
            leaves, after, lost = self.numbers(numbers, traces), shared, list[int]()
            for way, places in self._grouped(traces, some):
                branch, part = traces.branches[way], batch if places is None else batch[places]
                missed, outputs, summed = branch.on_arrays(part, shared, leaves)
                if missed is None:
                    total.loss += float(outputs[:, 0].sum())
                    branch.add(outputs, summed, total.slopes, total.reached)
                    after = outputs[0][1 : 1 + len(shared)] if len(shared) and not self.by_sample else shared
                else:
                    own = range(len(part)) if places is None else places
                    lost += [place for place, guard in zip(own, missed, strict=True) if guard >= 0]
            if not lost:
                return self._mean(total, len(batch), numbers), after
            if traces.branches[0].draws:
                return None
            self._find(traces, batch, some, lost, shared, leaves)

    def _mean(self, total: Gradient, size: int, numbers: Any) -> Gradient:
        """The mean over the rows, and the penalty."""
        total.loss /= size
        total.slopes *= 1.0 / size
        penalty = self.gradients.compiled_penalty
        if penalty is not None:
            total.penalty = penalty.added(numbers[: self.count], total.slopes, total.reached)
        return total

    def _grouped(self, traces: RowTraces, some: Any) -> list[tuple[int, list[int] | None]]:
        """The ways of the samples, each with the places of those that go there (None: all)."""
        if not self.by_sample:
            return [(self._way.get(id(traces), 0), None)]
        if len(traces.branches) == 1:
            return [(0, None)]
        ways: dict[int, list[int]] = {}
        for place, way in enumerate(self._ways[some].tolist()):
            ways.setdefault(way, []).append(place)
        return list(ways.items())

    def _find(
        self, traces: RowTraces, batch: Any, some: Any, lost: Sequence[int], shared: Any, leaves: Any
    ) -> None:
        """Find the branches of rows that went another way than before."""
        numbers = leaves.tolist()
        for place in lost:
            row = batch[place].tolist(), shared.tolist()
            branch = traces.known(*row, numbers)
            if branch is None:
                self.push()
                branch = without_scopes(traces.find, *row)
                numbers = traces.numbers()
            way = traces.branches.index(branch)
            if self.by_sample:
                self._ways[some[place]] = way
            else:
                self._way[id(traces)] = way

