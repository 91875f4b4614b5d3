"""By what a compiled function is differentiated: `wrt`, and gradients in the structure of what was asked for.

`wrt` is the position of an argument, a tuple of positions, the name of an argument given by name, a Value, a
list of Values, or anything with `.parameters()`; a tuple may mix them. Without it, all positional arguments
that hold numbers are meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine import Value
from ..errors import ArgumentError, ValueTypeError
from .calls import given_to, shaper, single_number, to_list
from .differentiating import gradient_tape, tangent_tape
from .kernel import Kernel
from .replaying import Replay

if TYPE_CHECKING:
    from .arguments import Arguments

__all__ = ["Part", "Request", "Wanted", "given_values", "requested"]


class Part(NamedTuple):
    """One thing to differentiate by."""

    inputs: range
    """The inputs that it is, if it is an argument."""
    values: tuple[Value, ...] | None
    """Otherwise Values, which may be parameters of the trace or arguments of the call."""
    shape: Callable[[Any], Any]

    @property
    def size(self) -> int:
        """How many numbers it is."""
        return len(self.inputs) if self.values is None else len(self.values)


class Request:
    """What a call of `value_and_grad` asks for, whatever the trace is."""

    __slots__ = ("_same", "_wanted", "given", "parts", "single", "wrt")

    def __init__(self, wrt: Any, parts: tuple[Part, ...], single: bool, given: dict[int, list[int]]) -> None:
        self.wrt = wrt
        self.parts = parts
        self.single = single
        """Whether one thing was asked for, so that its gradient is no tuple."""
        self.given = given
        """By the id of each Value among the arguments, which inputs it is."""
        self._wanted: dict[Replay, Wanted] = {}
        self._same: Callable[[], bool] | None = None
        """Tells quickly that a model has the parameters that it had; what is no module has no such thing."""

    def of(self, replay: Replay) -> Wanted:
        """What it means for one trace."""
        wanted = self._wanted.get(replay)
        if wanted is None:
            wanted = self._wanted[replay] = Wanted(self, replay)
        return wanted

    def forget(self, replay: Replay) -> None:
        """That trace is no longer kept."""
        self._wanted.pop(replay, None)

    def still_means(self, wrt: Any) -> bool:
        """Whether `wrt`, a list of Values or a model, has the same Values as when this was made."""
        known = self.parts[0].values
        if wrt is not self.wrt or known is None or len(self.parts) > 1:
            return False
        if isinstance(wrt, Value):
            return True
        if self._same is not None and self._same():
            return True
        watched = getattr(wrt, "_watched", None)
        self._same = watched() if watched is not None else None  # first, lest it miss a change
        if wrt.__class__ is not list:
            wrt = list(wrt.parameters() if hasattr(wrt, "parameters") else wrt)
        if len(wrt) == len(known) and all(map(is_, wrt, known)):
            return True
        self._same = None
        return False

    def shaped(self, each: Sequence[Any]) -> Any:
        """Sequences of numbers, one for each part, as the caller gets them."""
        found = tuple(part.shape(numbers) for part, numbers in zip(self.parts, each, strict=True))
        return found[0] if self.single else found

    def among(self, inputs: Sequence[Value]) -> list[list[list[Value]]]:
        """The Values that each part is, number by number, when the function itself runs on these inputs."""
        return [
            [[inputs[k]] for k in part.inputs] if part.values is None
            else [[value, *[inputs[k] for k in self.given.get(id(value), ())]] for value in part.values]
            for part in self.parts
        ]  # fmt: skip

    def added_up(
        self, places: Sequence[Sequence[Sequence[Value]]], slopes: Mapping[Value, float]
    ) -> list[list[float]]:
        """Derivatives by those Values, for each part."""
        return [[float(sum(slopes[value] for value in values)) for values in part] for part in places]


class Wanted:
    """A request, for one trace: which nodes its gradients are those of."""

    __slots__ = ("_scalars", "_second", "kernel", "nodes", "path", "places", "replay", "request", "spans")

    def __init__(self, request: Request, replay: Replay) -> None:
        self.request = request
        self.replay = replay
        self.kernel: Kernel | None = None
        """None until it is asked for."""
        self.path: Callable[[tuple[Any, ...]], Any] | None = None
        """The shortest way to it, once there is one (`routes.py`)."""
        self._second: dict[bool, Kernel] = {}
        known: dict[int, list[int]] = {key: list(inputs) for key, inputs in request.given.items()}
        for k, parameter in enumerate(replay.parameters):
            known.setdefault(id(parameter), []).append(replay.tape.inputs + k)
        nodes: dict[int, int] = {}  # each node, and where its gradient stands
        self.places: list[list[list[int]]] = []
        """For each part, for each of its numbers, where its gradients stand in the order of `nodes`."""
        for part in request.parts:
            if part.values is None:
                wanted = [[node] for node in part.inputs]
            else:
                wanted = [known.get(id(value), []) for value in part.values]
            self.places.append([[nodes.setdefault(node, len(nodes)) for node in each] for each in wanted])
        self.nodes = tuple(nodes)
        # nearly always each part is a run of gradients, of one node each
        spans, start, plain = [], 0, True
        for each in self.places:
            plain = plain and each == [[start + k] for k in range(len(each))]
            spans.append(slice(start, start + len(each)))
            start += len(each)
        self.spans: list[slice] | None = spans if plain else None
        """Where the gradients of each part stand, if each is a run of them."""
        self._scalars = plain and all(part.shape is single_number for part in request.parts)

    def gradients_kernel(self) -> Kernel:
        """What computes the gradients by `nodes`."""
        kernel = self.kernel
        if kernel is None:
            kernel = self.kernel = self.replay.kernel(self.nodes)
        return kernel

    def second_kernel(self, *, careful: bool = False) -> Kernel:
        """What computes outputs, gradients, and both once more along a direction (`HessianVector`)."""
        kernel = self._second.get(careful)
        if kernel is None:
            ones = [1.0] * len(self.replay.tape.outputs)
            first = gradient_tape(self.replay.tape, self.nodes, careful=careful, seeds=ones)
            kernel = self._second[careful] = self.replay.prepared(tangent_tape(first, careful=careful), ())
        return kernel

    def shaped(self, gradients: Any) -> Any:
        """Gradients in the order of `nodes` as the caller gets them."""
        request, spans = self.request, self.spans
        if spans is not None:
            if request.single:
                return request.parts[0].shape(gradients)
            if self._scalars:
                return tuple(to_list(gradients))
            return request.shaped([gradients[span] for span in spans])
        return request.shaped([self.of(part, to_list(gradients)) for part in range(len(request.parts))])

    def of(self, part: int, numbers: Sequence[float]) -> list[float]:
        """The gradients of one part; a Value that stands in several places has the sum of theirs."""
        return [float(sum(map(numbers.__getitem__, places))) for places in self.places[part]]

    def spread(self, each: Sequence[Sequence[float]]) -> list[float]:
        """A number for each node, from numbers for each part: a direction."""
        found = [0.0] * len(self.nodes)
        for places, numbers in zip(self.places, each, strict=True):
            for nodes, number in zip(places, numbers, strict=True):
                for node in nodes:
                    found[node] += number
        return found


def requested(wrt: Any, arguments: Arguments) -> Request:
    """What `wrt` means in a call with these arguments. Raises `ArgumentError`, `ValueTypeError`."""
    given: dict[int, list[int]] = {}
    for place, value in given_values(arguments).items():
        given.setdefault(id(value), []).append(place)
    if wrt is None:
        holding = [k for k in range(_count(arguments)) if _span(k, arguments)]
        parts = tuple(_argument(k, arguments) for k in holding)
        if not parts:
            raise ArgumentError(
                "there is nothing to differentiate by: no argument given by position holds numbers. "
                "Give wrt=, such as wrt=model or wrt=[w, b]"
            )
        return Request(None, parts, len(parts) == 1, given)
    if isinstance(wrt, tuple) or (isinstance(wrt, list) and wrt and isinstance(wrt[0], (int, str))):
        parts = tuple(_part(each, arguments) for each in wrt)
        if not parts:
            raise ArgumentError("wrt is empty: give positions of arguments, Values or a model")
        return Request(wrt, parts, False, given)
    return Request(wrt, (_part(wrt, arguments),), True, given)


def given_values(arguments: Arguments) -> dict[int, Value]:
    """The Values among the arguments, by their place among the inputs."""
    if not arguments.values:
        return {}
    args, kwargs = given_to(arguments)
    found = _values_in((*args, *[kwargs[name] for name in sorted(kwargs)]))
    return dict(zip(arguments.values, found, strict=True))


def _values_in(argument: Any) -> Iterator[Value]:
    if isinstance(argument, Value):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for part in argument:
            yield from _values_in(part)
    elif isinstance(argument, dict):
        yield from _values_in(list(argument.values()))
    elif getattr(getattr(argument, "dtype", None), "kind", "") == "O":
        yield from _values_in(argument.ravel().tolist())


def _part(wrt: Any, arguments: Arguments) -> Part:
    if isinstance(wrt, bool):
        raise ArgumentError(f"wrt is the position of an argument, a Value or a model, got {wrt!r}")
    if isinstance(wrt, int):
        count = _count(arguments)
        if not -count <= wrt < count:
            raise ArgumentError(f"wrt names argument {wrt}, but the function was called with {count}")
        return _argument(wrt % count, arguments)
    if isinstance(wrt, str):
        if wrt not in arguments.positions:
            known = ", ".join(name for name in arguments.positions if isinstance(name, str)) or "nothing"
            raise ArgumentError(f"wrt names the argument {wrt!r}, but given by name was {known}")
        return _argument(wrt, arguments)
    if isinstance(wrt, Value):
        return Part(range(0), (wrt,), single_number)
    values = wrt.parameters() if callable(getattr(wrt, "parameters", None)) else wrt
    try:
        each = tuple(values)
    except TypeError:
        each = (None,)
    if not all(isinstance(value, Value) for value in each):
        raise ValueTypeError(
            f"wrt takes positions of arguments, Values, a list of Values or a model, got {wrt!r:.60}"
        )
    return Part(range(0), each, to_list)


def _argument(where: int | str, arguments: Arguments) -> Part:
    span = _span(where, arguments)
    if not span:
        raise ArgumentError(f"the argument {where!r} holds no numbers: there is nothing to differentiate by")
    args, kwargs = arguments.rebuilt(arguments.numbers)
    return Part(span, None, shaper(kwargs[where] if isinstance(where, str) else args[where]))


def _count(arguments: Arguments) -> int:
    return sum(isinstance(where, int) for where in arguments.positions)


def _span(where: int | str, arguments: Arguments) -> range:
    span = arguments.positions[where]
    return range(span.start, span.stop)

