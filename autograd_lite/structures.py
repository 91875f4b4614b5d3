"""Nested arguments (numbers in lists, tuples, dicts and NumPy arrays) taken apart into numbers and put
together again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .errors import ValueTypeError

__all__ = ["flatten", "maker", "paths", "same_shape"]

Rebuild = Callable[[Iterator[Any]], Any]


def flatten(structure: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The numbers of a nested structure in order, and a function that puts as many others in the same shape.

    >>> numbers, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> numbers, rebuild([10.0, 20.0, 30.0])
    ([1.0, 2.0, 3.0], {'w': [10.0, 20.0], 'b': 30.0})
    """
    numbers: list[Any] = []
    rebuild = _collect(structure, numbers)
    return numbers, lambda others: rebuild(iter(others))


def maker(kind: type) -> Callable[[Iterable[Any]], Any]:
    """What makes a sequence of this kind: a list, a tuple, or a named tuple, field by field.

    >>> maker(tuple)([1.0, 2.0])
    (1.0, 2.0)
    """
    return getattr(kind, "_make", None) or (tuple if issubclass(kind, tuple) else list)


def paths(structure: Any, name: str = "") -> list[str]:
    """Where each number of a structure stands, as text: `w[0]`, `b`.

    >>> paths({"w": [1.0, 2.0], "b": 3.0}, "x")
    ["x['w'][0]", "x['w'][1]", "x['b']"]
    """
    if _is_array(structure):
        return [f"{name}[{', '.join(map(str, index))}]" for index in _indices(structure.shape)]
    if isinstance(structure, dict):
        return [path for key, value in structure.items() for path in paths(value, f"{name}[{key!r}]")]
    if isinstance(structure, (list, tuple)):
        return [path for index, value in enumerate(structure) for path in paths(value, f"{name}[{index}]")]
    return [name]


def same_shape(one: Any, other: Any) -> bool:
    """Whether two structures nest alike."""
    if _is_array(one) or _is_array(other):
        return getattr(one, "shape", None) == getattr(other, "shape", ())
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and all(same_shape(one[key], other[key]) for key in one)
        )
    if isinstance(one, (list, tuple)):
        return (
            isinstance(other, (list, tuple)) and len(one) == len(other) and all(map(same_shape, one, other))
        )
    return not isinstance(other, (list, tuple, dict))


def _collect(structure: Any, numbers: list[Any]) -> Rebuild:
    if _is_array(structure):
        numbers.extend(structure.ravel().tolist())
        shape = structure.shape
        return lambda others: _array([next(others) for _ in range(structure.size)], shape)
    if isinstance(structure, dict):
        parts = {key: _collect(value, numbers) for key, value in structure.items()}
        return lambda others: {key: part(others) for key, part in parts.items()}
    if isinstance(structure, (list, tuple)):
        items = [_collect(value, numbers) for value in structure]
        return lambda others: _sequence(structure, [item(others) for item in items])
    if isinstance(structure, (str, bytes, set)) or structure is None:
        raise ValueTypeError(
            f"an argument must be made of numbers, lists, tuples, dicts and arrays; got {structure!r:.60}"
        )
    numbers.append(structure)
    return next


def _sequence(original: Any, items: list[Any]) -> Any:
    if hasattr(original, "_fields"):  # a named tuple takes its fields one by one
        return type(original)(*items)
    return tuple(items) if isinstance(original, tuple) else items


def _is_array(structure: Any) -> bool:
    return getattr(structure, "ndim", 0) > 0 and hasattr(structure, "ravel")


def _indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    indices: list[tuple[int, ...]] = [()]
    for size in shape:
        indices = [(*index, k) for index in indices for k in range(size)]
    return indices


def _array(items: list[Any], shape: tuple[int, ...]) -> Any:
    import numpy

    plain = all(item.__class__ is float for item in items)
    array = numpy.empty(len(items), dtype=float if plain else object)
    for index, item in enumerate(items):
        array[index] = item
    return array.reshape(shape)
