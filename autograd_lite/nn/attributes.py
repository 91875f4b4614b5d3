"""What of a model a trace has taken for granted: the attributes that are plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..engine import Value
from .finding import is_module

__all__ = ["attributes_of"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class _Thing:
    """Something that is compared by being the same."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Thing) and other.thing is self.thing

    __hash__ = None  # type: ignore[assignment]


def attributes_of(model: Any) -> list[Any]:
    """What the attributes of all modules are: numbers and texts by themselves, other things by identity.

    Looks into lists, tuples and dicts, but for those that begin with Values (weights); leaves out buffers
    and `training`, which training changes itself. A trace of the model holds as long as this stays equal.
    """
    modules = [module for _, module in model.named_modules()] if is_module(model) else [model]
    found: list[Any] = []
    for module in modules:
        own = {"training", *getattr(module, "buffer_names", ())}
        for name, thing in getattr(module, "__dict__", {}).items():
            if name not in own and (name[:1] != "_" or isinstance(thing, (int, float))):
                found.append(name)
                found += _seen(thing)
    return found


def _seen(thing: Any) -> Iterator[Any]:
    if isinstance(thing, _PLAIN):
        yield type(thing).__name__
        yield repr(thing) if isinstance(thing, (float, complex)) else thing  # NaN, -0.0
        return
    yield _Thing(thing)
    if isinstance(thing, (list, tuple)):
        yield len(thing)
        if thing and not _is_weights(thing):
            for part in thing:
                yield from _seen(part)
    elif isinstance(thing, dict):
        for name, part in thing.items():
            yield name
            yield from _seen(part)


def _is_weights(thing: Any) -> bool:
    while isinstance(thing, (list, tuple)) and thing:
        thing = thing[0]
    return isinstance(thing, Value)
