"""`f.map`: a function of one sample, replayed over a batch, samples side by side in the lanes of a kernel.

Samples that miss a guard are grouped by where they missed, and go through another trace or are recorded anew,
as single calls are; what recording gains nothing for is computed eagerly, sample by sample.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, GraphError
from ..structures import maker
from .asking import Given, Gradients, Values, check_single, recorded_anew
from .batches import Batch, LoopKernel, Ready, columns_of, gradients_like, outputs_in_arrays, read_batch
from .calls import runs_itself
from .replaying import PREPARING, Replay
from .traces import Family, others_at
from .wanting import Request

if TYPE_CHECKING:
    from .compiled import Compiled

__all__ = ["map_batch"]


def map_batch(
    compiled: Compiled,
    arguments: tuple[Any, ...],
    named: Mapping[str, Any],
    wrt: Any,
    reduce: str | None,
    shared: int | Iterable[int],
    keep: Any = None,
) -> Any:
    """What `Compiled.map` says; `keep` is told what calls like this one need not look up again."""
    if runs_itself():
        raise GraphError("map is not recorded or differentiated itself: call the function for each sample")
    if reduce not in (None, "sum", "mean"):
        raise ArgumentError(
            f"reduce is 'sum' or 'mean', what to do with gradients by what samples share; got {reduce!r}"
        )
    same = _positions(shared, len(arguments))
    batches = {k: read_batch(each, k) for k, each in enumerate(arguments) if k not in same}
    if not batches:
        raise ArgumentError("map needs a batch: at least one argument by position that is not in shared=")
    counts = {k: len(batch.rows) for k, batch in batches.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{count} in argument {k}" for k, count in counts.items())
        raise ArgumentError(f"the batches have different numbers of samples: {said}")
    sample = tuple(batches[k].sample if k in batches else each for k, each in enumerate(arguments))
    family, numbers, given = compiled._read(sample, dict(named))
    request = None if wrt is None else compiled._request(family, wrt, given)
    run = _Run(compiled, family, request, batches, numbers, next(iter(counts.values())))
    run.all_samples()
    family.calls += run.count
    if keep is not None and given is None:
        keep.family, keep.request, keep.positions = family, request, tuple(batches)
    values = run.values()
    return values if request is None else (values, run.gradients(reduce == "mean"))


def _positions(shared: int | Iterable[int], count: int) -> set[int]:
    given = (shared,) if isinstance(shared, int) else tuple(shared)
    for position in given:
        if not isinstance(position, int) or not -count <= position < count:
            raise ArgumentError(
                f"shared holds positions of arguments, from 0 to {count - 1}; got {position!r}"
            )
    return {position % count for position in given}


class _Part:
    """What some samples gave, by one trace or by the function itself."""

    __slots__ = ("index", "outputs", "replay", "results")

    def __init__(
        self, index: Any, replay: Replay | None, outputs: Any, results: list[Any] | None = None
    ) -> None:
        self.index = index
        self.replay = replay
        self.outputs = outputs
        self.results = results  # of the function itself, in its structure


class _Run:
    """One call of `map`."""

    def __init__(
        self, compiled: Compiled, family: Family, request: Request | None, batches: dict[int, Batch],
        numbers: Any, count: int,
    ) -> None:  # fmt: skip
        self.compiled, self.family, self.request, self.batches, self.count = (
            compiled, family, request, batches, count,
        )  # fmt: skip
        self.numbers = np.asarray(numbers, dtype=float)
        """The arguments of sample 0, of which the shared ones count."""
        self.rows = _side_by_side([batch.rows for batch in batches.values()])
        self.batched = self._mask()
        self.shared = self.numbers[~self.batched]
        self.parts: list[_Part] = []
        if request is not None:
            self._check(request)
            self.each: list[Any] = [
                np.zeros((count, part.size)) if self._is_batched(k) else None
                for k, part in enumerate(request.parts)
            ]
            self.summed = [np.zeros(part.size) for part in request.parts]

    def _mask(self) -> Any:
        """Which arguments' numbers differ from sample to sample."""
        key = tuple(self.batches)
        mask = self.family.masks.get(key)
        if mask is None:
            spans = self.family.arguments.positions
            mask = np.zeros(len(self.numbers), dtype=bool)
            for k in self.batches:
                mask[spans[k]] = True
            self.family.masks[key] = mask
        return mask

    def _check(self, request: Request) -> None:
        for places in request.given.values():
            if any(self.batched[place] for place in places):
                raise ArgumentError("a batch is of plain numbers: the gradient by a Value in it is not given "
                                    "apart. Ask by the position of the argument")  # fmt: skip

    def _is_batched(self, part: int) -> bool:
        """Whether a part of the request differs from sample to sample."""
        assert self.request is not None
        inputs = self.request.parts[part].inputs
        return len(inputs) > 0 and bool(self.batched[inputs[0]])

    # --- running --------------------------------------------------------------------------------------------

    def all_samples(self) -> None:
        """Let all samples through."""
        family = self.family
        everything = np.arange(self.count)
        groups: list[tuple[Any, list[Replay]]] = [(everything, [] if family.resting else family.known())]
        while groups:
            index, candidates = groups.pop()
            if not candidates:
                groups += self._anew(index)
                continue
            replay = candidates[0]
            for sub, guard in self._through(replay, index):
                family.misses_of(replay, guard).misses += len(sub)
                family.last_missed = family.misses_of(replay, guard)
                groups.append((sub, others_at(candidates, replay, guard)))

    def _anew(self, index: Any) -> list[tuple[Any, list[Replay]]]:
        """No trace is right for these samples: record one for the first."""
        family = self.family
        resting = family.resting
        family.reran()
        if not resting:
            before = family.replays
            replay, *_ = recorded_anew(self._given(index[0]))
            if replay not in before:
                return [(index, [replay])]
        self._eagerly(index)
        return []

    def _through(self, replay: Replay, index: Any) -> list[tuple[Any, int]]:
        """Let samples through a trace; gives those that missed, by guard."""
        ready = self._ready(replay)
        rows = self.rows if len(index) == self.count else self.rows[index]
        if replay.draws:
            drawn = [[float(draw()) for draw in replay.draws] for _ in range(len(index))]
            rows = np.concatenate([rows, np.array(drawn)], axis=1)
        shared = self.shared
        if replay.parameters:
            # by way of an array of Python's, which takes a third of the time
            read = np.frombuffer(array("d", [parameter._data for parameter in replay.parameters]))
            shared = np.concatenate([shared, read]) if len(shared) else read
        if self.request is None:
            found = ready.kernel.values(rows, shared)
        else:
            check_single(replay.trace.result)
            found = ready.kernel.gradients(rows, shared)
        missed: list[tuple[Any, int]] = []
        good: Any = slice(None)
        kept = index
        if found.missed is not None:
            good = found.missed < 0
            missed = [(index[found.missed == guard], int(guard)) for guard in np.unique(found.missed[~good])]
            kept = index[good]
        if len(kept):
            self.family.promote(replay)
            self.parts.append(_Part(kept, replay, found.outputs[good]))
        if self.request is not None:
            for k, columns in enumerate(ready.columns):
                if self.each[k] is not None:
                    self.each[k][kept] = found.each[good][:, columns.places]
                else:
                    columns.add(found.summed, self.summed[k])
        return missed

    def _eagerly(self, index: Any) -> None:
        results = []
        for sample in index:
            given = self._given(sample)
            if self.request is None:
                results.append(Values().eager(given))
                continue
            value, found = Gradients(self.request).by_parts(given)
            results.append(value)
            for k, numbers in enumerate(found):
                if self.each[k] is not None:
                    self.each[k][sample] = numbers
                else:
                    self.summed[k] += numbers
        self.parts.append(_Part(index, None, None, results))

    def _given(self, sample: int) -> Given:
        """A single call with one of the samples."""
        numbers = self.numbers.copy()
        numbers[self.batched] = self.rows[sample]
        return Given(self.compiled._function, self.family, numbers.tolist())

    # --- kernels --------------------------------------------------------------------------------------------

    def _leaf_is_batched(self, replay: Replay) -> list[bool]:
        return [*self.batched.tolist(), *[True] * len(replay.draws), *[False] * len(replay.parameters)]

    def _ready(self, replay: Replay) -> Ready:
        """The kernel for this batch; made when first asked for."""
        key = tuple(self.batches), self.request
        ready = replay.batches.get(key)
        if ready is None:
            with PREPARING:
                ready = replay.batches.get(key) or self._made(replay)
                replay.batches[key] = ready
        return ready

    def _made(self, replay: Replay) -> Ready:
        batched = self._leaf_is_batched(replay)
        if self.request is None:
            return Ready(replay.lanes(batched, ()) or LoopKernel(replay.kernel(()), batched, ()), [])
        wanted = self.request.of(replay)
        kernel = replay.lanes(batched, wanted.nodes)
        if kernel is None:
            kernel = LoopKernel(wanted.gradients_kernel(), batched, wanted.nodes)
        return Ready(kernel, columns_of(wanted, batched))

    # --- results --------------------------------------------------------------------------------------------

    def values(self) -> Any:
        """What the function gives, for all samples."""
        in_arrays = any(hasattr(batch.given, "dtype") for batch in self.batches.values())
        first = self.parts[0]
        if in_arrays and first.replay is not None and len(self.parts) == 1:
            return outputs_in_arrays(first.replay, first.outputs)
        if all(part.replay is not None and part.replay.single for part in self.parts):
            if len(self.parts) == 1:
                return first.outputs[:, 0].copy() if in_arrays else first.outputs[:, 0].tolist()
            found = np.empty(self.count)
            for part in self.parts:
                found[part.index] = part.outputs[:, 0]
            return found if in_arrays else found.tolist()
        results: list[Any] = [None] * self.count
        for part in self.parts:
            if part.replay is None:
                own = part.results or []
            else:
                own = [part.replay.trace.rebuild(row) for row in part.outputs.tolist()]
            for place, result in zip(part.index.tolist(), own, strict=True):
                results[place] = result
        return _in_arrays(results) if in_arrays else results

    def gradients(self, mean: bool) -> Any:
        """The gradients, in the structure of what was asked for."""
        assert self.request is not None
        found = []
        for k, part in enumerate(self.request.parts):
            if self.each[k] is not None:
                batch = self.batches[self._position(part.inputs[0])]
                found.append(gradients_like(batch, self.each[k], part.shape))
            else:
                summed: Any = self.summed[k]
                found.append(part.shape(summed / self.count if mean else summed))
        return found[0] if self.request.single else tuple(found)

    def _position(self, leaf: int) -> int:
        spans = self.family.arguments.positions
        return next(k for k in self.batches if spans[k].start <= leaf < spans[k].stop)


def _side_by_side(rows: Sequence[Any]) -> Any:
    return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)


def _in_arrays(results: list[Any]) -> Any:
    """Results of one structure as that structure with arrays in it."""
    first = results[0]
    kinds = {type(result) for result in results}
    if kinds <= {float, int, bool}:
        return np.array(results)
    if len(kinds) > 1 or (hasattr(first, "__len__") and len({len(result) for result in results}) > 1):
        raise ArgumentError(
            "the function returns another structure for some samples, which makes no arrays: give the batch "
            "as a list"
        )
    if isinstance(first, dict):
        return {key: _in_arrays([result[key] for result in results]) for key in first}
    if isinstance(first, (list, tuple)):
        make = maker(first.__class__)
        return make([_in_arrays(list(column)) for column in zip(*results, strict=True)])
    return np.array(results)
