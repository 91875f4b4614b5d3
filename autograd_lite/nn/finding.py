"""Where a module's parameters and parts are: in its attributes, by themselves or in lists and dicts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, ValuesView
from itertools import chain
from types import GeneratorType
from typing import TYPE_CHECKING, Any, TypeVar

from ..engine import Value
from ..errors import ArgumentError

if TYPE_CHECKING:
    import random

    from .modules import Module

__all__ = [
    "buffers_in", "collect_modules", "distinct", "generators_in", "is_module", "parameters_in", "parts",
    "refuse_hidden_parts", "same_names", "saved_number", "titled_modules", "watched",
]  # fmt: skip

Found = TypeVar("Found")
joined = chain.from_iterable

_PLAIN = (str, int, float, type(None))
"""What most attributes are that are no parts; seen first, as every `fit` goes through all attributes."""


def is_module(thing: Any) -> bool:
    """Whether it is a `Module`; asked this way because that class is built on this file."""
    return hasattr(thing, "named_modules")


def parts(
    name: str, attribute: Any, joint: str = ".", *, values: bool = True
) -> Iterator[tuple[str, Any]]:
    """The Values and modules in an attribute, each with its name; the modules alone if `values` is False."""
    if isinstance(attribute, _PLAIN):
        return
    if getattr(getattr(attribute, "dtype", None), "kind", "") == "O":  # NumPy's array of Values
        attribute = attribute.tolist()
    if isinstance(attribute, Value):
        if values:
            yield name, attribute
    elif is_module(attribute):
        yield name, attribute
    elif isinstance(attribute, (list, tuple, dict)):
        pairs = attribute.items() if isinstance(attribute, dict) else enumerate(attribute)
        for key, part in pairs:
            if not isinstance(part, Value):
                yield from parts(f"{name}{joint}{key}", part, joint, values=values)
            elif values:  # as nearly always: a list of weights
                yield f"{name}{joint}{key}", part


def titled_modules(name: str, attribute: Any) -> Iterator[tuple[str, Module]]:
    """The modules in an attribute, each with the name of its scope: "encoder", "layer 0", "head left"."""
    if is_module(attribute):
        yield name, attribute
    elif isinstance(attribute, (list, tuple, dict)):
        pairs = attribute.items() if isinstance(attribute, dict) else enumerate(attribute)
        for key, part in pairs:
            if is_module(part):
                yield f"{name.removesuffix('s')} {key}", part


def refuse_hidden_parts(owner: Module, name: str, value: Any) -> None:
    """Parameters would be missed in these, or have an order that changes from run to run."""
    if isinstance(value, (GeneratorType, map, filter)):
        found = f"a {type(value).__name__}, which can be gone through only once"
    elif isinstance(value, (set, frozenset, deque, ValuesView)) and any(
        isinstance(part, Value) or is_module(part) for part in value
    ):
        found = f"a {type(value).__name__} of Values or modules"
    else:
        return
    raise ArgumentError(f"{type(owner).__name__}.{name} is {found}: parameters are not looked for in it. "
                        f"Assign a list: self.{name} = [...]")


def distinct(named: Iterator[tuple[str, Found]]) -> Iterator[tuple[str, Found]]:
    """Each thing once, under the first of its names."""
    seen: set[int] = set()
    for name, parameter in named:
        if id(parameter) not in seen:
            seen.add(id(parameter))
            yield name, parameter


def watched(module: Module) -> Callable[[], bool]:
    """What tells, far sooner than `parameters()`, whether that still gives the same; "no" may be wrong.

    It compares everything in the attributes of the module and of its parts with what was there: what is the
    same thing, or equal, as a parameter with the same number. Where a class has `parameters` of its own, or
    keeps some in an array, it always says no.
    """
    base: Any = next(kind for kind in type(module).__mro__ if "_watched" in vars(kind))
    views: list[Any] = []
    seen: set[int] = set()
    if not _seen(module, base, views, seen):
        return lambda: False
    lengths = list(map(len, views))
    parts = list(joined(views))

    def same() -> bool:
        try:
            return list(joined(views)) == parts and list(map(len, views)) == lengths
        except (RuntimeError, ValueError, TypeError):  # another thread adds to a dict; other arrays
            return False

    return same


def _seen(thing: Any, base: Any, views: list[Any], seen: set[int]) -> bool:
    """Put down what holds parameters, in this thing and all in it; False where that cannot be watched."""
    if isinstance(thing, (*_PLAIN, Value)) or id(thing) in seen:
        return True
    seen.add(id(thing))
    if is_module(thing):
        if type(thing).parameters is not base.parameters:
            return False
        thing = vars(thing)
    if isinstance(thing, dict):
        views.append(thing.values())
    elif isinstance(thing, list):
        views.append(thing)
    elif not isinstance(thing, tuple):
        return getattr(getattr(thing, "dtype", None), "kind", "") != "O"
    held = thing.values() if isinstance(thing, dict) else thing
    return all(_seen(each, base, views, seen) for each in held)


def parameters_in(module: Module, usual: object) -> list[Value]:
    """The parameters of the module and of its parts, each once, as names and parameters together have them.

    `usual` is `Module.parameters`; where a part's class has another, what that returns counts.
    """
    found: dict[int, Value] = {}
    _collect_parameters(module, usual, found, set())
    return list(found.values())


def _collect_parameters(module: Module, usual: object, found: dict[int, Value], seen: set[int]) -> None:
    if id(module) in seen:  # a module that is reached twice, or a cycle such as child.parent
        return
    seen.add(id(module))
    for attribute in tuple(vars(module).values()):
        _collect_from(attribute, usual, found, seen)


# not a function within the one above: one that calls itself is a cycle, and would keep what it found alive
def _collect_from(thing: Any, usual: object, found: dict[int, Value], seen: set[int]) -> None:
    if isinstance(thing, Value):
        if thing.is_leaf and not thing.is_constant:
            found[id(thing)] = thing
    elif isinstance(thing, _PLAIN):
        return
    elif is_module(thing):
        own = type(thing).parameters is usual
        _collect_parameters(thing, usual, found if own else {}, seen)
        if not own:
            found.update((id(parameter), parameter) for parameter in thing.parameters())
    elif isinstance(thing, (list, tuple)):
        for part in thing:
            _collect_from(part, usual, found, seen)
    elif isinstance(thing, dict):
        for part in thing.values():
            _collect_from(part, usual, found, seen)
    elif getattr(getattr(thing, "dtype", None), "kind", "") == "O":  # NumPy's array of Values
        _collect_from(thing.tolist(), usual, found, seen)


def collect_modules(prefix: str, module: Module, found: list[tuple[str, Module]], seen: set[int]) -> None:
    """Append the module and all modules in it, from the outside in."""
    if id(module) in seen:
        return
    seen.add(id(module))
    found.append((prefix, module))
    for name, attribute in vars(module).items():
        for path, part in parts(name, attribute, values=False):
            collect_modules(f"{prefix}.{path}" if prefix else path, part, found, seen)


def same_names(own: Mapping[str, object], state: Mapping[str, Any], source: str) -> None:
    """`ArgumentError` that tells the difference, unless both hold the same names."""
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    if missing or unexpected:
        found = [_some("missing", missing), _some("unexpected", unexpected)]
        raise ArgumentError(f"{source} holds {len(state)} parameters and this model has {len(own)} "
                            f"({'; '.join(part for part in found if part)}). "
                            "Nothing was changed. Build the model as it was when it was saved.")


def _some(word: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{word}: {', '.join(names[:3])}{more}"


def saved_number(name: str, value: Any) -> float:
    """What a saved state holds under that name, as a number."""
    try:
        return float(Value(value).data)
    except TypeError as error:
        raise ArgumentError(f"the parameter {name} in the saved state is not a number: {value!r}. "
                            "Nothing was changed.") from error


def buffers_in(prefix: str, module: Module) -> Iterator[tuple[str, float]]:
    """The numbers that the module itself remembers, each with its name."""
    for name in module.buffer_names:
        kept = getattr(module, name)
        if isinstance(kept, list):
            yield from ((f"{prefix}{name}.{index}", number) for index, number in enumerate(kept))
        else:
            yield prefix + name, kept


def generators_in(prefix: str, module: Module) -> Iterator[tuple[str, random.Random]]:
    """The random generators among the module's own attributes, each with its name."""
    import random

    for name, attribute in vars(module).items():
        if isinstance(attribute, random.Random):
            yield prefix + name, attribute
