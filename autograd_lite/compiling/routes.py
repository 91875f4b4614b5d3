"""The shortest way from arguments to gradients, for calls like one that was answered before.

A call is like another if its arguments have the same kinds and lengths and it asks for the same. Then its
numbers go straight to where native code reads them, and the gradients straight into what the caller gets.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from .calls import ArrayOf, given_to, only_floats, quickly_read, single_number, to_list
from .replaying import Replay
from .traces import Family
from .wanting import Request, Wanted

__all__ = ["Route", "signature"]

Path = Callable[[tuple[Any, ...]], Any]
"""From arguments to the pair of value and gradient, or to the number of the guard that missed."""

_numpy: list[Any] = [None, None, None]  # its array, its float and its type of doubles, once it is loaded


def signature(args: tuple[Any, ...], wrt: Any) -> tuple[Any, ...] | None:
    """What calls that are alike have in common; None for arguments that take a closer look.

    >>> signature((1.0, [2.0, 3.0]), None)
    (None, <class 'float'>, <class 'list'>, 2)
    >>> signature(("x",), None) is None
    True
    """
    key = [wrt]
    for argument in args:
        kind = argument.__class__
        if kind is float:
            key.append(kind)
        elif kind is list or kind is tuple:
            if only_floats(argument) is None:
                return None
            key.append(kind)
            key.append(len(argument))
        else:
            if _numpy[0] is None:
                _learn()
            if kind is _numpy[0] and argument.dtype is _numpy[2]:
                key.append(argument.shape)
            elif kind is _numpy[1]:
                key.append(float)
            else:
                return None
    return tuple(key)


def _learn() -> None:
    """What arrays are, if NumPy is loaded."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        _numpy[:] = numpy.ndarray, numpy.float64, numpy.dtype(float)


class Route:
    """For all calls of one signature: whose traces they are answered by, and what is asked for."""

    __slots__ = ("family", "fixed", "request")

    def __init__(self, family: Family, request: Request, fixed: bool) -> None:
        self.family = family
        self.request = request
        self.fixed = fixed
        """Whether what is asked for cannot change, as positions cannot; a model can."""

    def answer(self, args: tuple[Any, ...], wrt: Any) -> tuple[Any, tuple[Replay, int] | None]:
        """Value and gradient, or None, and then perhaps a trace that was tried and the guard it missed."""
        family = self.family
        replay = family.latest
        if replay is None or (replay.assumptions and not replay.holds):
            return None, None
        if not self.fixed and not self.request.still_means(wrt):
            return None, None
        wanted = self.request.of(replay)
        path = wanted.path
        if path is None:
            if wanted.kernel is None or not replay.single:
                return None, None
            path = wanted.path = path_of(wanted, family)
        meter = family.gradients_meter
        calls = meter.calls = meter.calls + 1
        if calls & 63 and calls > 20:  # not one to be timed
            found = path(args)
        else:
            start = perf_counter()
            found = path(args)
            meter.add(perf_counter() - start)
        if found.__class__ is int:
            return None, (replay, found)
        family.calls += 1
        return found, None


def path_of(wanted: Wanted, family: Family) -> Path:
    """The way through one trace."""
    replay = wanted.replay
    if hasattr(wanted.kernel, "room") and not replay.draws and wanted.spans is not None:
        return _straight_through(wanted, family)
    gradients, shaped = wanted.gradients_kernel().gradients, wanted.shaped

    def path(args: tuple[Any, ...]) -> Any:
        read: Any = quickly_read(args)
        missed, outputs, slopes = gradients(replay.leaves(read[1]))
        return missed if missed >= 0 else (float(outputs[0]), shaped(slopes))

    return path


def _straight_through(wanted: Wanted, family: Family) -> Path:
    kernel: Any = wanted.kernel
    parameters = wanted.replay.parameters
    direct, other = _ways_in(family)
    whole = not other and len(direct) == len(family.arguments.positions)
    places = [place for _, place in direct]
    first = wanted.replay.tape.inputs
    pack = _packer(len(parameters))
    room_of, leave, run = kernel.room, kernel.leave, kernel.run
    shaped = _shaping(wanted)

    def path(args: tuple[Any, ...]) -> Any:
        room = room_of()
        leaves = room.leaves
        if whole:
            for place, given in zip(places, args, strict=True):
                leaves[place] = given
        else:
            for k, place in direct:
                leaves[place] = args[k]
            for k, fill in other:
                fill(leaves, args[k])
        if parameters:
            pack(leaves, 8 * first, *[parameter._data for parameter in parameters])
        missed = run(room)
        found = missed if missed >= 0 else (room.outputs[0], shaped(room))
        leave(room)
        return found

    return path


def _ways_in(family: Family) -> tuple[list[tuple[int, Any]], list[tuple[int, Callable[[Any, Any], None]]]]:
    """Where numbers and flat arrays go as they are; and for other arguments what puts them there."""
    direct: list[tuple[int, Any]] = []
    other: list[tuple[int, Callable[[Any, Any], None]]] = []
    for k, example in enumerate(given_to(family.arguments)[0]):
        span = family.arguments.positions[k]
        if isinstance(example, (list, tuple)):
            other.append((k, _listed_into(_packer(span.stop - span.start), 8 * span.start)))
        elif getattr(example, "ndim", 0) > 1:
            other.append((k, _raveled_into(slice(span.start, span.stop))))
        elif getattr(example, "ndim", 0):
            direct.append((k, slice(span.start, span.stop)))
        else:
            direct.append((k, span.start))
    return direct, other


def _listed_into(pack: Callable[..., None], place: int) -> Callable[[Any, Any], None]:
    return lambda leaves, numbers: pack(leaves, place, *numbers)


def _raveled_into(place: slice) -> Callable[[Any, Any], None]:
    def fill(leaves: Any, numbers: Any) -> None:
        leaves[place] = numbers.ravel()

    return fill


def _packer(count: int) -> Callable[..., None]:
    return struct.Struct(f"{count}d").pack_into


def _shaping(wanted: Wanted) -> Callable[[Any], Any]:
    """From where native code has put the gradients to what the caller gets."""
    request = wanted.request
    parts, spans = request.parts, wanted.spans or []
    if request.single:
        shape = parts[0].shape
        if isinstance(shape, ArrayOf):
            return _slopes if len(shape.shape) == 1 else lambda room: room.slopes().reshape(shape.shape)
        if shape is single_number:
            return _only_slope
        if shape is to_list:
            return _listed
        return lambda room: shape(room.listed())
    if all(part.shape is single_number for part in parts):
        return lambda room: tuple(room.listed())
    if any(isinstance(part.shape, ArrayOf) for part in parts):
        return lambda room: request.shaped([*map(room.slopes().__getitem__, spans)])
    return lambda room: request.shaped([*map(room.listed().__getitem__, spans)])


def _slopes(room: Any) -> Any:
    return room.slopes()


def _listed(room: Any) -> Any:
    return room.listed()


def _only_slope(room: Any) -> Any:
    return room.listed()[0]
