"""Where operations go while more is to be done than to append them: no gradients, places, scopes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..errors import GraphError
from ..sources import source_place
from .building import TapeBuilder
from .tape import CODE

__all__ = ["Assumption", "Closed", "Watched", "assumption"]

_DETACH = CODE["detach"]


class Watched:
    """Stands in the place of a builder's own table of operations, with the two methods used of it."""

    __slots__ = ("_builder", "_flat", "grad", "scope", "scopes", "sources")

    def __init__(self, builder: TapeBuilder, sources: bool) -> None:
        self._builder = builder
        self.sources = sources
        self.grad = True
        self.scope = ""
        self.scopes: dict[int, str] = {}
        self._flat: set[int] = set()  # nodes through which no gradient flows in any case

    def __len__(self) -> int:
        return len(self._builder)

    def setdefault(self, key: tuple[int, ...], _: int) -> int:
        """The node of an operation, as `dict.setdefault` gives it."""
        return self.apply(key[0], key[1:])

    def apply(self, code: int, nodes: Sequence[int]) -> int:
        """The node of an operation, by the row's code, immediates among the nodes."""
        builder = self._builder
        if not self.grad:
            nodes = [self.without_gradient(node) for node in nodes]
        before = len(builder)
        node = builder.apply_code(code, nodes)
        if node >= before:
            if not self.grad:
                self._flat.add(node)
            if self.sources:
                builder.mark(node, source_place())
                if self.scope:
                    self.scopes[node] = self.scope
        return node

    def without_gradient(self, node: int) -> int:
        """The node with the same number through which no gradient flows."""
        if node < 0 or node in self._flat:
            return node
        flat = self._builder.apply1(_DETACH, node)
        self._flat.update((node, flat) if flat == node else (flat,))
        return flat


class Closed:
    """Stands where nodes are looked up after the tracing is over."""

    def __init__(self, error: GraphError) -> None:
        self.error = error

    def __len__(self) -> int:
        raise self.error

    def setdefault(self, key: object, node: int) -> int:
        """Not reached: the table's length is asked for first."""
        return node


Assumption = tuple[partial[object], object]


def assumption(thing: Any, name: str) -> Assumption:
    """What reads an attribute, and what it is now; a list is copied, because it may change in place."""
    now = getattr(thing, name)
    return partial(getattr, thing, name), list(now) if isinstance(now, list) else now
