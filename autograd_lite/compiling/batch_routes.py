"""The shortest way from batches to results, for calls of `map` like one that was answered before.

For arrays of doubles. Arrays of the same shapes, which ask for the same, go straight into the rows that the
kernel reads. Where a sample misses a guard, `mapping.py` has the whole call again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .calls import ArrayOf, runs_itself
from .mapping import map_batch
from .routes import signature
from .traces import Family
from .wanting import Part, Request

if TYPE_CHECKING:
    from .compiled import Compiled

__all__ = ["Batches"]

_MOST = 256


class Batches:
    """The calls of `map` of one compiled function."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._routes: dict[Any, _Route] = {}

    def __call__(
        self,
        arguments: tuple[Any, ...],
        named: Mapping[str, Any],
        wrt: Any,
        fixed: bool,
        reduce: str | None,
        shared: int | Iterable[int],
    ) -> Any:
        """What `Compiled.map` says; `fixed` if `wrt` consists of positions."""
        key: Any = None
        if shared.__class__ is tuple or shared.__class__ is int:
            key = signature(arguments, wrt if fixed else id(wrt))
        if key is None or named or runs_itself():
            return map_batch(self._compiled, arguments, named, wrt, reduce, shared)
        key = (*key, reduce, shared)
        route = self._routes.get(key)
        if route is not None:
            found = route.answer(arguments, wrt)
            if found is not None:
                return found
        result = map_batch(self._compiled, arguments, named, wrt, reduce, shared, keep := _Keep())
        if keep.family is not None:
            if len(self._routes) >= _MOST:
                self._routes = {}
            made = _Route(keep, arguments, fixed, reduce == "mean")
            if made.possible:
                self._routes[key] = made
        return result


class _Keep:
    """What is remembered of a call: its traces, what was asked, which arguments are batches."""

    family: Family | None = None
    request: Request | None = None
    positions: tuple[int, ...] = ()


class _Route:
    """For all calls of one signature."""

    def __init__(self, keep: Any, arguments: tuple[Any, ...], fixed: bool, mean: bool) -> None:
        self.family: Family = keep.family
        self.request: Request | None = keep.request
        self.key = keep.positions, keep.request
        self.fixed, self.mean = fixed, mean
        spans = self.family.arguments.positions
        batched = set(keep.positions)
        self.possible = all(isinstance(arguments[k], np.ndarray) and arguments[k].ndim for k in batched)
        self.rows = _places(spans, keep.positions)
        self.width = self.rows[-1][1].stop
        self.shared = _places(spans, [k for k in range(len(spans)) if k not in batched])
        parts = () if self.request is None else self.request.parts
        owner = {leaf: k for k in batched for leaf in range(spans[k].start, spans[k].stop)}
        self.owners = [owner.get(part.inputs[0]) if len(part.inputs) else None for part in parts]
        self.shapes = [_shape_of(part) for part in parts]

    def answer(self, arguments: tuple[Any, ...], wrt: Any) -> Any:
        """The result, or None if there is more to it."""
        family, request = self.family, self.request
        replay = family.latest
        if replay is None or not replay.single or replay.draws or family.resting or not replay.holds:
            return None
        if request is not None and not self.fixed and not request.still_means(wrt):
            return None
        ready = replay.batches.get(self.key)
        if ready is None or not all(columns.plain for columns in ready.columns):
            return None
        rows, shared = self._rows(arguments), self._shared(arguments, replay.parameters)
        kernel = ready.kernel
        found = kernel.values(rows, shared) if request is None else kernel.gradients(rows, shared)
        if found.missed is not None:
            return None
        family.calls += len(rows)
        values = found.outputs.reshape(-1)
        if request is None:
            return values
        gradients = []
        for columns, owner, shape in zip(ready.columns, self.owners, self.shapes, strict=True):
            if owner is not None:
                gradients.append(found.each[:, columns.places].reshape(arguments[owner].shape))
            else:
                summed = found.summed[columns.places] + 0.0  # a sum begins with 0, and -0.0 is lost
                gradients.append(shape(summed / len(rows) if self.mean else summed))
        return values, gradients[0] if request.single else tuple(gradients)

    def _rows(self, arguments: tuple[Any, ...]) -> Any:
        if len(self.rows) == 1:
            given = arguments[self.rows[0][0]]
            return given.reshape(len(given), -1)
        count = len(arguments[self.rows[0][0]])
        rows = np.empty((count, self.width))
        for k, span in self.rows:
            given = arguments[k]
            rows[:, span] = given if given.ndim == 2 else given.reshape(count, -1)
        return rows

    def _shared(self, arguments: tuple[Any, ...], parameters: Sequence[Any]) -> Any:
        start = self.shared[-1][1].stop if self.shared else 0
        if not parameters and len(self.shared) == 1 and isinstance(arguments[self.shared[0][0]], np.ndarray):
            return arguments[self.shared[0][0]].reshape(-1)
        shared = np.empty(start + len(parameters))
        for k, span in self.shared:
            given = arguments[k]
            shared[span] = given.reshape(-1) if isinstance(given, np.ndarray) else given
        if parameters:
            numbers = [parameter._data for parameter in parameters]
            struct.pack_into(f"{len(numbers)}d", shared.data, 8 * start, *numbers)
        return shared


def _places(spans: Mapping[Any, slice], which: Iterable[int]) -> list[tuple[int, slice]]:
    """Where the numbers of some arguments stand when they are put side by side."""
    found, start = [], 0
    for k in which:
        size = spans[k].stop - spans[k].start
        found.append((k, slice(start, start + size)))
        start += size
    return found


def _shape_of(part: Part) -> Callable[[Any], Any]:
    """The same shape, of an array that is new: it need not be copied."""
    shape = part.shape
    if isinstance(shape, ArrayOf):
        return lambda numbers: numbers.reshape(shape.shape)
    return shape
