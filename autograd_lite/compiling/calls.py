"""What a call is given, read quickly; and gradients put into the structure of what they belong to.

Arguments that are floats, flat lists or tuples of floats, or NumPy arrays of doubles are recognised at once;
everything else is taken apart by `flatten_call`, which knows all structures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

from .. import functional
from ..engine import Value
from ..errors import ValueTypeError
from ..modes import current_mode, switches
from ..structures import flatten, maker
from .arguments import Arguments, flatten_call
from .replaying import Numbers, to_floats

__all__ = [
    "ArrayOf", "given_to", "is_array", "only_floats", "quickly_read", "runs_itself", "shaper",
    "single_number", "to_floats", "to_list", "with_numbers", "without_values",
]  # fmt: skip

_FLOATS = {float}
_SHORT = 64
"""Up to this length each element's type is looked at; in longer lists adding them up is quicker."""

Shape = Callable[[Any], Any]


def quickly_read(args: Sequence[Any]) -> tuple[tuple[Any, ...], Any] | None:
    """A key for the structure of the arguments, and their numbers; None if that takes a closer look.

    >>> quickly_read((1.0, [2.0, 3.0]))
    ((<class 'float'>, <class 'list'>, 2), [1.0, 2.0, 3.0])
    >>> quickly_read(("x",)) is None
    True
    """
    key: list[Any] = []
    parts: list[Any] = []
    arrays = False
    for argument in args:
        kind = argument.__class__
        if kind is float:
            key.append(kind)
            parts.append((argument,))
        elif kind is list or kind is tuple:
            numbers = only_floats(argument)
            if numbers is None:
                return None
            key += (kind, len(argument))
            parts.append(numbers)
        else:
            if getattr(getattr(argument, "dtype", None), "char", "") != "d":
                return None
            if not argument.ndim:  # NumPy's own float
                key.append(float)
                parts.append((float(argument),))
                continue
            arrays = True
            key += (kind, argument.shape)
            parts.append(argument.ravel())
    if len(parts) == 1:
        return tuple(key), parts[0]
    if arrays:
        import numpy

        return tuple(key), numpy.concatenate(parts)
    return tuple(key), [number for part in parts for number in part]


def only_floats(numbers: Any) -> Any:
    """The numbers of a flat list, or None if there is anything but plain numbers in it."""
    if len(numbers) <= _SHORT:
        return numbers if set(map(type, numbers)) == _FLOATS else None
    if numbers[0].__class__ is not float:
        return None
    try:
        # the sum of plain numbers is one; a Value among them would make it a Value
        return numbers if sum(numbers).__class__ is float else None
    except (TypeError, ValueError, OverflowError):
        return None


def shaper(example: Any) -> Shape:
    """A function that puts numbers (a sequence) into the structure of an example.

    >>> shaper([0.0, 0.0])((1.0, 2.0)), shaper(0.0)([3.0]), shaper({"a": 0.0})([4.0])
    ([1.0, 2.0], 3.0, {'a': 4.0})
    """
    kind = example.__class__
    if kind is float or kind is int:
        return single_number
    if kind is list and set(map(type, example)) <= {float, int}:
        return to_list
    if is_array(example):
        return ArrayOf(example.shape)
    call = flatten_call((example,))
    try:
        numbers, rebuild = flatten(example)
    except ValueTypeError:  # a string or a model among the numbers
        numbers = []
    if len(numbers) != len(call.numbers):
        return lambda numbers: call.rebuilt(to_list(numbers))[0][0]
    return lambda numbers: rebuild(to_list(numbers))


def with_numbers(arguments: Arguments, numbers: Numbers) -> Arguments:
    """The same arguments with other numbers."""
    changed = copy(arguments)
    changed.numbers = to_list(numbers)
    return changed


def given_to(arguments: Arguments) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """The arguments as the caller gave them."""
    return arguments.args, arguments.kwargs


def runs_itself() -> bool:
    """Whether a compiled function is to run plainly: recorded, differentiated or examined from outside."""
    if switches.count:
        mode = current_mode()
        if mode.anomaly or mode.tracer is not None:
            return True
    return functional.nesting.get() > 0


def without_values(result: Any) -> Any:
    """What a function returned, with plain numbers in the place of Values."""
    if isinstance(result, Value):
        return float(result.data)
    if isinstance(result, dict):
        return {key: without_values(part) for key, part in result.items()}
    if isinstance(result, (list, tuple)):
        make = maker(result.__class__)
        return make([without_values(part) for part in result])
    if is_array(result) and result.dtype.kind == "O":
        import numpy

        return numpy.array([without_values(cell) for cell in result.ravel().tolist()]).reshape(result.shape)
    return result


def is_array(thing: Any) -> bool:
    """Whether it is a NumPy array of one axis or more."""
    return bool(getattr(thing, "ndim", 0))


def to_list(numbers: Any) -> list[float]:
    """A new list of Python floats."""
    return numbers.tolist() if hasattr(numbers, "tolist") else list(numbers)


def single_number(numbers: Sequence[float]) -> float:
    """The only number there is."""
    return float(numbers[0])


class ArrayOf:
    """Puts numbers into an array of some shape."""

    __slots__ = ("shape",)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __call__(self, numbers: Any) -> Any:
        """A new array."""
        import numpy

        return numpy.array(numbers, dtype=float).reshape(self.shape)
