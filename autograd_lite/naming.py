"""Names for Values out of a mapping such as `locals()`, without touching the Values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["names_by_identity"]

_DEPTH = 3  # w[0][1][2]: deeper nesting gets no names
_SKIPPED = {"In", "Out"}  # a notebook's own history


def names_by_identity(names: Mapping[str, object], kind: type) -> dict[int, str]:
    """The name of each object of `kind` in `names`, by `id()`; in a list or a dict it is "w[0]", "w['b']".

    Names that begin with an underscore, and a notebook's history, are passed over. An object with several
    names keeps the first.

    >>> point = 1.5
    >>> names_by_identity({"_": point, "xs": [point]}, float)[id(point)]
    'xs[0]'
    """
    found: dict[int, str] = {}
    for name, thing in names.items():
        if not isinstance(name, str) or name.startswith("_") or name in _SKIPPED:
            continue
        for label, value in _walk(name, thing, kind, _DEPTH):
            found.setdefault(id(value), label)
    return found


def _walk(name: str, thing: object, kind: type, depth: int) -> Iterator[tuple[str, object]]:
    if isinstance(thing, kind):
        yield name, thing
        return
    if depth == 0:
        return
    for key, member in _members(thing):
        yield from _walk(f"{name}[{key}]", member, kind, depth - 1)


def _members(thing: object) -> Iterator[tuple[str, object]]:
    if isinstance(thing, dict):
        return ((repr(key), member) for key, member in thing.items())
    if getattr(getattr(thing, "dtype", None), "kind", "") == "O" and hasattr(thing, "tolist"):  # of NumPy
        thing = thing.tolist()
    if isinstance(thing, (list, tuple)):
        return ((str(position), member) for position, member in enumerate(thing))
    return iter(())
