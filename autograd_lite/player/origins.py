"""Where the nodes of a graph come from: the places in the user's code, its text, the branches taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Value, trace_source
from ..errors import ArgumentError, ValueTypeError
from ..passes import Passes
from ..sources import Place
from .branches import Branches, branches_of
from .listing import excerpts

__all__ = ["Origins", "computed"]


class Origins:
    """Everything the page shows of the program behind a graph, read when this is made.

    With `code` false it has the branches and no text.
    """

    def __init__(self, passes: Passes, texts: Sequence[str], *, code: bool) -> None:
        self.branches: Branches = branches_of(passes, texts)
        made = [_place(value) for value in passes.nodes] if code else []
        compared = [branch.guard.place for branch in self.branches.taken] if code else []
        self.places: list[Place] = list(dict.fromkeys(filter(None, [*made, *compared])))
        self._numbers = {place: number for number, place in enumerate(self.places)}
        self.sources: dict[str, Any] = excerpts(self.places)

    def place_of(self, value: Value) -> dict[str, int]:
        """`{"place": number}` of the place that made a node; empty if it is not known or not shown."""
        return self._entry(_place(value))

    def guards(self) -> list[dict[str, Any]]:
        """The branches as the page reads them."""
        return [branch.data() | self._entry(branch.guard.place) for branch in self.branches.taken]

    def _entry(self, place: Place | None) -> dict[str, int]:
        return {"place": self._numbers[place]} if place in self._numbers else {}


def computed(function: Callable[[], Any], source: bool | None) -> Value:
    """What a function of no arguments returns; with `source` it runs within `trace_source()`.

    Raises `ValueTypeError` for anything that is not such a function, or that returns no Value.
    """
    if not callable(function):
        raise ValueTypeError(
            f"step() needs a Value, not {type(function).__name__}: give it the result of a computation, or a "
            "function that computes it"
        )
    _check_parameters(function)
    if source:
        with trace_source():
            result = function()
    else:
        result = function()
    if not isinstance(result, Value):
        raise ValueTypeError(f"the function given to step() returned {result!r:.60}, not a Value")
    return result


def _check_parameters(function: Callable[[], Any]) -> None:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise ArgumentError(
            f"step() calls a function without arguments ({error}): write step(lambda: f(x))"
        ) from None
    except ValueError:  # some functions written in C do not tell their parameters
        return


def _place(value: Value) -> Place | None:
    source = value._source
    return source if isinstance(source, Place) else None
