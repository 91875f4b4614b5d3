"""The arguments of a call taken apart: the numbers, and what the trace of a call depends on besides them.

Numbers (plain ones, NumPy's, Values) are traced. Lists, tuples, dicts and arrays are gone through. A model, a
function, a string, a bool, None and what `static` names are passed on as they are, and are part of the key:
a call with others needs a trace of its own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from ..engine import Value
from ..errors import ArgumentError, ValueTypeError, nearest
from ..ops.row import as_number
from ..structures import maker, paths

__all__ = ["Arguments", "flatten_call", "parameter_names", "static_names"]

_STATIC = (str, bytes, bool, type(None), Enum, range, type, type(...))
Rebuild = Callable[[Iterator[Any]], Any]


class Same:
    """Stands in a key for one particular thing, which it does not keep alive."""

    __slots__ = ("_hash", "_thing")

    def __init__(self, thing: Any) -> None:
        self._hash = id(thing)
        try:
            self._thing: Callable[[], Any] = weakref.ref(thing)
        except TypeError:
            self._thing = lambda: thing

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same):
            return NotImplemented
        mine = self._thing()
        return self is other or (mine is not None and mine is other._thing())


class Arguments:
    """The arguments of one call, as numbers and what else there is to them."""

    __slots__ = ("_parts", "_titles", "args", "key", "keywords", "kwargs", "numbers", "positions", "values")

    def __init__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], static: Collection[Any],
                 titles: Sequence[str]) -> None:  # fmt: skip
        self.args, self.kwargs, self._titles = args, kwargs, titles
        self._parts: list[Rebuild] = []
        self.numbers: list[float] = []
        """The inputs of the tape, in order."""
        self.values: list[int] = []
        """Which of them came as Values: their places among the numbers."""
        self.positions: dict[int | str, slice] = {}
        """Which of the numbers belong to each argument, by its position or keyword."""
        keys: list[Hashable] = []
        given: Any = (*enumerate(args), *sorted(kwargs.items()))
        for where, argument in given:
            start = len(self.numbers)
            if where in static:
                keys.append(self._fixed(where, argument))
            else:
                keys.append(self._flatten(argument, self._parts.append, where))
            self.positions[where] = slice(start, len(self.numbers))
        self.key: Hashable = (tuple(keys), tuple(sorted(kwargs))) if kwargs else tuple(keys)
        """Calls with equal keys can share a trace: the structure, and what is static."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each input is called: `x[0]`."""
        found: list[str] = []
        given: Any = (*enumerate(self.args), *sorted(self.kwargs.items()))
        for where, argument in given:
            places = self.positions[where]
            if places.stop > places.start:
                found += _names(argument, self._title(where))
        return tuple(found)

    def rebuilt(self, numbers: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with other numbers in the place of theirs, such as traced ones."""
        rest = iter(numbers)
        built = [part(rest) for part in self._parts]
        count = len(self.args)
        return tuple(built[:count]), dict(zip(sorted(self.kwargs), built[count:], strict=True))

    def _title(self, where: int | str) -> str:
        if isinstance(where, str):
            return where
        return self._titles[where] if where < len(self._titles) else f"x{where}"

    def _fixed(self, where: int | str, argument: Any) -> Hashable:
        self._parts.append(lambda rest: argument)
        if hasattr(argument, "parameters"):
            return Same(argument)
        try:
            hash(argument)
        except TypeError:
            raise ArgumentError(
                f"the static argument {self._title(where)!r} cannot be compared with that of another call: a "
                f"{type(argument).__name__} is not hashable. Make it a tuple, or do not name it in static="
            ) from None
        return _told_apart(argument)

    def _flatten(self, argument: Any, give: Callable[[Rebuild], Any], where: int | str) -> Hashable:
        """Take one argument apart; what puts it together again goes to `give`. The result is its key."""
        kind = argument.__class__
        if kind is float or kind is int:
            self.numbers.append(argument if kind is float else as_number(argument))
            give(next)
            return 0
        if isinstance(argument, Value):
            self.values.append(len(self.numbers))
            self.numbers.append(argument._data)
            give(next)
            return 0
        if isinstance(argument, (list, tuple)):
            return self._sequence(argument, give, where)
        if isinstance(argument, dict):
            parts: list[Rebuild] = []
            keys = tuple([self._flatten(value, parts.append, where) for value in argument.values()])
            names = tuple(argument)
            give(lambda rest: dict(zip(names, [part(rest) for part in parts], strict=True)))
            return dict, names, keys
        if getattr(argument, "ndim", 0) and hasattr(argument, "ravel"):
            return self._array(argument, give, where)
        return self._other(argument, give, where)

    def _sequence(self, argument: Any, give: Callable[[Rebuild], Any], where: int | str) -> Hashable:
        make = maker(argument.__class__)
        if argument and set(map(type, argument)) == _FLOATS:
            count = len(argument)
            self.numbers.extend(argument)
            give(lambda rest: make([next(rest) for _ in range(count)]))
            return make, count
        parts: list[Rebuild] = []
        keys = tuple([self._flatten(part, parts.append, where) for part in argument])
        give(lambda rest: make([part(rest) for part in parts]))
        if keys.count(0) == len(keys):
            return make, len(keys)
        return make, keys

    def _array(self, array: Any, give: Callable[[Rebuild], Any], where: int | str) -> Hashable:
        shape, kind = tuple(array.shape), array.dtype.kind
        if kind in "fiu":
            self.numbers.extend(map(float, array.ravel().tolist()))
        elif kind == "O":
            for cell in array.ravel().tolist():
                if self._flatten(cell, lambda part: None, where) != 0:
                    raise ValueTypeError(
                        f"the array {self._title(where)!r} holds {cell!r:.60}, which is no number"
                    )
        elif kind == "b":
            kept = array.copy()  # the caller may change it, and the key would not
            give(lambda rest: kept.copy())
            return "bools", shape, array.tobytes()
        else:
            raise ValueTypeError(f"the array {self._title(where)!r} holds {array.dtype}, not real numbers")
        give(lambda rest: _object_array(rest, shape))
        return "array", shape

    def _other(self, argument: Any, give: Callable[[Rebuild], Any], where: int | str) -> Hashable:
        if isinstance(argument, _STATIC) or _is_truth(argument):
            give(lambda rest: argument)
            return type(argument), argument
        if hasattr(argument, "parameters"):
            give(lambda rest: argument)
            return Same(argument), getattr(argument, "training", None)
        try:
            number = as_number(argument)
        except (ValueTypeError, ArgumentError) as error:
            if isinstance(error, ArgumentError):
                raise
            if not callable(argument):
                raise ArgumentError(
                    f"the argument {self._title(where)!r} holds a {type(argument).__name__}, "
                    f"{argument!r:.60}. A compiled function takes numbers, Values, lists, tuples, dicts and "
                    "arrays of them, models, functions, strings, bools and None; what never changes can be "
                    "named in static=(...)"
                ) from None
            give(lambda rest: argument)
            return self._function(argument)
        self.numbers.append(number)
        give(next)
        return 0

    def _function(self, function: Any) -> Hashable:
        try:
            hash(function)
        except TypeError:
            return Same(function)
        return function, None


def _told_apart(thing: Any) -> Hashable:
    """A key for a static thing; 1, 1.0 and True are equal and not the same, nor are 0.0 and -0.0."""
    if isinstance(thing, tuple):
        return (type(thing), thing, *map(_told_apart, thing))
    return (type(thing), thing, str(thing)) if isinstance(thing, float) else (type(thing), thing)


_FLOATS = {float}


def _is_truth(thing: Any) -> bool:
    """Whether it is a bool of NumPy's."""
    return getattr(getattr(thing, "dtype", None), "kind", "") == "b"


def flatten_call(
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any] | None = None,
    static: Collection[int | str] = (),
    titles: Sequence[str] = (),
) -> Arguments:
    """The arguments of a call taken apart.

    `static` holds positions and keywords of arguments to be passed on as they are, `titles` the names of the
    positional ones (see `static_names`, `parameter_names`). Raises `ArgumentError`, naming the argument, for
    what can be neither traced nor compared with another call's.

    >>> call = flatten_call(([1.0, 2.0], 3, "mean"))
    >>> call.numbers, call.positions[0], call.names
    ([1.0, 2.0, 3.0], slice(0, 2, None), ('x0[0]', 'x0[1]', 'x1'))
    >>> call.key == flatten_call(([5.0, 6.0], 7.0, "mean")).key
    True
    >>> call.key == flatten_call(([5.0], 7.0, "mean")).key
    False
    >>> call.rebuilt([10.0, 20.0, 30.0])
    (([10.0, 20.0], 30.0, 'mean'), {})
    """
    return Arguments(args, kwargs or {}, static, titles)


def parameter_names(f: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's positional parameters; none where Python does not tell."""
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    if code is None:
        import inspect

        try:
            parameters = inspect.signature(f).parameters.values()
        except (TypeError, ValueError):
            return ()
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return tuple(parameter.name for parameter in parameters if parameter.kind in kinds)
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names[1:] if hasattr(f, "__self__") else names


def static_names(f: Callable[..., Any], static: Any) -> frozenset[int | str]:
    """What `static` means for a function: each argument by its position and by its name.

    >>> sorted(static_names(lambda x, mode: x, ("mode",)), key=str)
    [1, 'mode']
    """
    try:
        given = (static,) if isinstance(static, (str, int)) else tuple(static)
    except TypeError:
        given = (static,)
    if not given:
        return frozenset()
    names = parameter_names(f)
    found: set[int | str] = set()
    for each in given:
        if isinstance(each, str):
            if names and each not in names and not _takes_keyword(f, each):
                raise ArgumentError(f"static names {each!r}, which is no argument: {nearest(each, names)}")
            found.add(each)
            if each in names:
                found.add(names.index(each))
        elif isinstance(each, int) and not isinstance(each, bool):
            place = each + len(names) if each < 0 else each
            found.add(place)
            if 0 <= place < len(names):
                found.add(names[place])
        else:
            raise ArgumentError(f"static holds names or positions of arguments, got {each!r:.60}")
    return frozenset(found)


def _takes_keyword(f: Callable[..., Any], name: str) -> bool:
    import inspect

    parameters = inspect.signature(f).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _names(argument: Any, title: str) -> list[str]:
    """The names of the numbers of an argument, in the order in which they are traced."""
    places = paths(argument, title)
    if len(places) == 1 and not isinstance(argument, (list, tuple, dict)):
        return places
    return [place for place, leaf in zip(places, _leaves(argument), strict=True) if leaf]


def _leaves(argument: Any) -> Iterator[bool]:
    """For each leaf of an argument whether it is a number, in the order of `paths`."""
    if isinstance(argument, dict):
        for value in argument.values():
            yield from _leaves(value)
    elif isinstance(argument, (list, tuple)):
        for value in argument:
            yield from _leaves(value)
    elif getattr(argument, "ndim", 0):
        for _ in range(argument.size):
            yield argument.dtype.kind != "b"
    else:
        static = isinstance(argument, _STATIC) or hasattr(argument, "parameters") or callable(argument)
        yield isinstance(argument, Value) or not (static or _is_truth(argument))


def _object_array(rest: Iterator[Any], shape: tuple[int, ...]) -> Any:
    import numpy

    size = 1
    for length in shape:
        size *= length
    array = numpy.empty(size, dtype=object)
    for index in range(size):
        array[index] = next(rest)
    return array.reshape(shape)
