"""What a layer takes: one sample, a flat list of numbers or Values, turned into Values once."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..engine import Value
from ..errors import ArgumentError, ValueTypeError
from ..ops.row import as_number
from ..rules import FROZEN
from .calling import scoped

if TYPE_CHECKING:
    from .modules import Module

__all__ = ["Inputs", "as_inputs", "as_rows", "as_size", "is_list", "is_number", "is_whole", "shown"]


class Inputs(tuple[Value, ...]):
    """One sample that has been checked. The neurons of a layer share it."""

    numbers: tuple[Any, ...] | None = None

    @property
    def operands(self) -> tuple[Any, ...]:
        """What weights are multiplied with: the same, but where nobody looks at the graph (in `fit`) a plain
        number stays a number, since a constant takes less time than a leaf."""
        return self if self.numbers is None else self.numbers


def as_inputs(sample: Any, width: int | None, owner: Module) -> Inputs:
    """The sample as Values: a plain number becomes one frozen leaf labelled x0, x1, …

    Frozen, because no gradient is wanted there; one leaf for all neurons, so that a drawing shows the
    input once with an arrow to each weight it meets. Give `Value`s to have gradients of the inputs.
    Where one input is taken, it may come without its list. Raises `ArgumentError`, naming the `owner`,
    for anything but `width` numbers in a flat list; any number of them if `width` is None.
    """
    if sample.__class__ is Inputs:
        checked: Inputs = sample
    elif is_list(sample):
        checked = Inputs([
            number if isinstance(number, Value) else _input_leaf(number, index, owner)
            for index, number in enumerate(sample)
        ])
    elif width == 1:  # a layer of one neuron gives a Value, and the next layer takes it as it is
        checked = Inputs([sample if isinstance(sample, Value) else _input_leaf(sample, 0, owner)])
    else:
        raise ArgumentError(f"{owner._title} takes a list of {_count(width)}, got {shown(sample)}")
    if sample is not checked and not scoped.get():
        checked.numbers = tuple([value._data if value._rule is FROZEN else value for value in checked])
    if width is not None and len(checked) != width:
        raise ArgumentError(f"{owner._title} takes {_count(width)} for a sample, "
                            f"got {len(checked)}: {shown(sample)}")
    return checked


def is_list(thing: Any) -> bool:
    """Whether it holds several things in an order: a list, a tuple, an array, a generator."""
    if isinstance(thing, (Value, str, bytes, dict, set, frozenset)):
        return False
    return isinstance(thing, Iterable) and getattr(thing, "ndim", 1) > 0


def as_rows(rows: Any, owner: Module) -> Any:
    """Samples given together; `ArgumentError`, naming the `owner`, for what is no list of them."""
    if not is_list(rows):
        raise ArgumentError(f"{owner._title} takes a list of samples in batch(), got {shown(rows)}")
    return rows


def _input_leaf(number: Any, index: int, owner: Module) -> Value:
    if isinstance(number, (list, tuple)) or getattr(number, "ndim", 0) > 0:
        raise ArgumentError(f"{owner._title} takes one sample, a flat list of numbers, but input {index} is "
                            f"itself a list: {shown(number)}. Call it for each sample: [model(x) for x in X]")
    try:
        leaf = Value(number, label=f"x{index}")
    except TypeError as error:
        raise ArgumentError(f"{owner._title} takes numbers or Values; input {index} is {shown(number)}, "
                            f"a {type(number).__name__}") from error
    leaf.freeze()
    leaf._scope = owner._placed.rpartition("/")[0] if owner._placed else ""  # beside the module, not in it
    return leaf


def _count(width: int | None) -> str:
    if width is None:
        return "numbers"
    return "1 number" if width == 1 else f"{width} numbers"


def is_number(thing: Any) -> bool:
    """Whether it is a plain real number: int, float, bool, a NumPy scalar, a Fraction."""
    if thing.__class__ is float:
        return True
    try:
        as_number(thing)
    except (ValueTypeError, ArgumentError):  # the latter for a whole number that is too large for a float
        return False
    return True


def is_whole(thing: Any) -> bool:
    """Whether it is a whole number: int or NumPy's, but no bool."""
    if isinstance(thing, bool) or getattr(thing, "ndim", 0) > 0:
        return False
    try:
        operator.index(thing)
    except TypeError:
        return False
    return True


def as_size(size: Any, name: str) -> int:
    """A number of inputs or outputs; `ArgumentError` naming it unless it is whole and at least 1."""
    if not is_whole(size) or size < 1:
        raise ArgumentError(f"{name} is a whole number of at least 1, got {size!r}")
    return int(size)


def shown(thing: object) -> str:
    """What was given, short enough for an error message."""
    text = repr(thing)
    return text if len(text) <= 60 else text[:57] + "..."
