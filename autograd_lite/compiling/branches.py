"""One trace of a function of rows, with the kernels that run it."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from . import choosing
from .differentiating import alone
from .kernel import Kernel, LaneKernel
from .reaching import reach
from .tape import Tape

if TYPE_CHECKING:
    from .recorded import Trace
    from .row_traces import Total

__all__ = ["FEW", "Branch"]

_SMALL = 200

Rows = Sequence[Sequence[float]] | Mapping[int, Sequence[float]]

FEW = 4
"""Fewer rows than this go one by one: making arrays of them takes longer."""


class Branch:
    """One way through the function: its tape, and what of it is wanted.

    `columns` is how many numbers a row has. `places` has for each parameter of the tape its place among the
    numbers that calls are given, in which the first `trained` are those whose gradients are wanted.
    """

    def __init__(
        self, trace: Trace, columns: int, places: Sequence[int], trained: int, executor: str
    ) -> None:
        tape = trace.tape
        self.draws = trace.draws
        self.columns, self.places, self.executor = columns, list(places), executor
        self.results = len(tape.outputs)
        """How many numbers the function returns; what comes after them are indices of lookups."""
        own = {tape.inputs + k: place for k, place in enumerate(places) if place < trained}
        reached = reach(tape, tape.outputs[0], list(own))
        self.always = sorted(own[leaf] for leaf in reached.always)
        """The trained parameters that every row reaches."""
        nodes = list(dict.fromkeys(lookup.node for lookup in reached.lookups))
        self.lookups = [
            (self.results + nodes.index(node), tuple(own[leaf] if leaf >= 0 else -1 for leaf in entries))
            for node, entries in reached.lookups
        ]
        """For each table of parameters: the output that is its index, and the parameters in it."""
        indices = array("i", nodes)
        self.tape: Tape = replace(tape, outputs=tape.outputs + indices) if indices else tape
        self.seeds = [1.0] + [0.0] * (len(self.tape.outputs) - 1)
        looked_up = {leaf for lookup in reached.lookups for leaf in lookup.entries} - {-1}
        self.wanted = sorted(reached.always | looked_up)
        self.wanted_places = [own[leaf] for leaf in self.wanted]

    # kernels

    @cached_property
    def single(self) -> Kernel:
        """For one row."""
        name = choosing.choose(self.tape, self.executor).name
        return choosing.prepare(name, self.tape, self.wanted)

    @cached_property
    def lanes(self) -> LaneKernel | None:
        """For many rows; None if they had better go one by one."""
        name = choosing.choose_lanes(self.executor).name
        if not name or find_spec("numpy") is None:
            return None
        return choosing.prepare_lanes(name, self.tape, self.batched, self.wanted)

    @property
    def batched(self) -> list[bool]:
        """For each leaf whether it differs from row to row."""
        shared = self.tape.inputs - self.columns - len(self.draws)
        inputs = [True] * self.columns + [False] * shared + [True] * len(self.draws)
        return inputs + [False] * len(self.places)

    # calls

    def passes(self, row: Sequence[float], shared: Sequence[float], numbers: Sequence[float]) -> bool:
        """Whether a row goes this way; it has the numbers drawn for it at its end."""
        asker, parameters = self._asker
        if parameters is not None:
            first = self.columns
            return asker.values([*row[:first], *shared, *row[first:], *parameters]).missed < 0
        return asker.values(self._leaves(row, shared, numbers)).missed < 0

    @cached_property
    def _asker(self) -> tuple[Kernel, list[float] | None]:
        """What of the tape its guards need, and any numbers for the parameters if they need none of those."""
        guards = alone(self.tape)
        name = "python" if len(guards.codes) < _SMALL else choosing.choose(guards, self.executor).name
        read = [*guards.operands, *(guard.node for guard in guards.guards)]
        used = any(guards.inputs <= node < guards.leaves for node in read)
        return choosing.prepare(name, guards, ()), None if used else [0.0] * len(self.places)

    def over(
        self, some: Sequence[int], rows: Rows, shared: Sequence[float],
        numbers: Sequence[float], total: Total, gradients: bool,
    ) -> list[int]:  # fmt: skip
        """Add what the rows with these indices give to `total`; returns those that go another way."""
        if len(some) < FEW or self.lanes is None:
            missed = self._one_by_one(some, rows, shared, numbers, total, gradients)
        else:
            missed = self._side_by_side(self.lanes, some, rows, shared, numbers, total, gradients)
        if gradients and len(missed) < len(some):
            for place in self.always:
                total.reached[place] = 1
        return missed

    def on_arrays(self, rows: Any, shared: Any, numbers: Any) -> tuple[Any, Any, Any]:
        """The same for arrays: guards missed (None: none), outputs (rows, outputs), gradients summed.

        The gradients are those of the leaves `wanted`. With a guard missed the sums mean nothing.
        """
        import numpy as np

        same = numbers[self.placed]
        if len(shared):
            same = np.concatenate([shared, same])
        if self.lanes is not None and (len(rows) > 1 or self.single.executor == "python"):
            seeds = None if len(self.seeds) == 1 else np.array(self.seeds)
            result = self.lanes.gradients(rows, same, seeds)
            return result.missed, result.outputs, result.summed
        first, others = self.columns, len(shared)
        summed: Any = np.zeros(len(self.wanted))
        outputs, missed = [], []
        for row in rows:
            parts = [row[:first], same[:others], row[first:], same[others:]]
            leaves: Any = np.concatenate(parts)
            found = self.single.gradients(leaves, None if len(self.seeds) == 1 else self.seeds)
            missed.append(found.missed)
            if found.missed < 0:
                outputs.append(found.outputs)
                summed += found.gradients
        return np.array(missed) if max(missed) >= 0 else None, np.array(outputs), summed

    def add(self, outputs: Any, summed: Any, slopes: Any, reached: Any) -> None:
        """Add gradients that `on_arrays` gave to `slopes`, and mark in `reached` what they are of."""
        wanted, always, columns, entries = self._arrays
        slopes[wanted] += summed
        reached[always] = True
        if self.lookups:
            places = entries[range(len(columns)), outputs[:, columns].astype(int)]
            reached[places[places >= 0]] = True

    @cached_property
    def _arrays(self) -> tuple[Any, Any, Any, Any]:
        """The places of what is wanted and what is always reached; the lookups, shorter tables filled up."""
        import numpy as np

        longest = max((len(entries) for _, entries in self.lookups), default=0)
        filled = [[*entries, *[-1] * (longest - len(entries))] for _, entries in self.lookups]
        lists = self.wanted_places, self.always, [output for output, _ in self.lookups]
        wanted, always, columns = (np.array(each, dtype=np.intp) for each in lists)
        return wanted, always, columns, np.array(filled, dtype=np.intp)

    @cached_property
    def _all_in_order(self) -> int:
        """How many parameters there are, if they are the first numbers in their order; else 0."""
        count = len(self.places)
        return count if self.places == list(range(count)) else 0

    @cached_property
    def placed(self) -> Any:
        """`places` for indexing an array of numbers; a slice, which copies nothing, where that will do."""
        import numpy as np

        count = self._all_in_order
        return slice(0, count) if count or not self.places else np.array(self.places, dtype=np.intp)

    def _one_by_one(
        self, some: Sequence[int], rows: Rows, shared: Sequence[float],
        numbers: Sequence[float], total: Total, gradients: bool,
    ) -> list[int]:  # fmt: skip
        missed, kernel, seeds = [], self.single, self.seeds
        for index in some:
            leaves = self._leaves(rows[index], shared, numbers)
            result = kernel.gradients(leaves, seeds) if gradients else kernel.values(leaves)
            if result.missed >= 0:
                missed.append(index)
                continue
            self._note(index, result.outputs, total)
            for place, slope in zip(self.wanted_places, result.gradients, strict=False):
                total.gradient[place] += slope
        return missed

    def _side_by_side(
        self, kernel: LaneKernel, some: Sequence[int], rows: Rows,
        shared: Sequence[float], numbers: Sequence[float], total: Total, gradients: bool,
    ) -> list[int]:  # fmt: skip
        import numpy as np

        batch = np.array([rows[index] for index in some], dtype=float)
        same = np.array([*shared, *(numbers[place] for place in self.places)], dtype=float)
        seeds = np.array(self.seeds)
        result = kernel.gradients(batch, same, seeds) if gradients else kernel.values(batch, same)
        ways = None if result.missed is None else result.missed.tolist()
        missed = []
        for k, (index, outputs) in enumerate(zip(some, result.outputs.tolist(), strict=True)):
            if ways is not None and ways[k] >= 0:
                missed.append(index)
            else:
                self._note(index, outputs, total)
        if gradients:
            for place, slope in zip(self.wanted_places, result.summed.tolist(), strict=True):
                total.gradient[place] += slope
        return missed

    def _note(self, index: int, outputs: Sequence[Any], total: Total) -> None:
        """Take down what a row gave, and which entries of tables it looked up."""
        total.outputs[index] = outputs[: self.results] if self.lookups else outputs
        for output, entries in self.lookups:
            place = entries[int(outputs[output])]
            if place >= 0:
                total.reached[place] = 1

    def _leaves(self, row: Sequence[float], shared: Sequence[float], numbers: Sequence[float]) -> list[float]:
        placed = self._all_in_order
        parameters = numbers[:placed] if placed else [numbers[place] for place in self.places]
        if not self.draws:
            return [*row, *shared, *parameters]
        return [*row[: self.columns], *shared, *row[self.columns :], *parameters]
