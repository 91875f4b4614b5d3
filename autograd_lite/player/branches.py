"""The branches that lead to a graph, in the numbers of the page, so that it can follow them on other numbers.

What a branch compared may lie outside the graph. Such nodes are numbered after those of the graph: the page
computes them and never shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..account import json_number
from ..engine import Value, describe, topological_order
from ..guards import Guard, guards_of
from ..ops import TABLE
from ..passes import Passes
from ..wording import number, short_name, value_words

__all__ = ["Branch", "Branches", "branches_of"]

LONGEST = 60
"""Characters of a formula in the text of a branch."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One comparison: its operands are numbers of nodes, or None for the plain number beside them."""

    guard: Guard
    left: int | None
    right: int | None
    text: str

    def data(self) -> dict[str, Any]:
        """What the page needs of it."""
        guard = self.guard
        return {
            "op": guard.op,
            "left": _operand(self.left, guard.left_number),
            "right": _operand(self.right, guard.right_number),
            "outcome": guard.outcome,
            "at": guard.place.name if guard.place else "",
            "text": self.text,
        }


@dataclass(slots=True)
class Branches:
    """All branches of a graph, the oldest first, and the nodes outside the graph that they depend on.

    `parents` has the operands of those hidden nodes that the page computes; the others are plain numbers to
    it. `traced` says whether all branches are known, `blocked` why the page cannot follow one of them.
    """

    traced: bool
    taken: list[Branch] = field(default_factory=list)
    hidden: list[Value] = field(default_factory=list)
    parents: dict[int, tuple[int, ...]] = field(default_factory=dict)
    blocked: str = ""


def branches_of(passes: Passes, texts: Sequence[str]) -> Branches:
    """The branches that still hold on the numbers of these passes and depend on a node of theirs.

    One that compared other numbers, as an earlier round of a loop did before it changed a weight, says
    nothing about this graph.
    """
    inner = [passes.nodes[index] for index in passes.inner] or passes.nodes
    branches = Branches(traced=all(node._guards is not None for node in inner))
    guards, order = _known_guards(passes)
    if guards:
        _Numbering(passes, texts, order, branches).number(guards)
    return branches


def _known_guards(passes: Passes) -> tuple[list[Guard], list[Value]]:
    """The guards of the graph and of all that they compared, with every node that takes part."""
    guards: list[Guard] = []
    order = passes.nodes
    while len(found := guards_of(order)) > len(guards):
        guards = found
        operands = [value for guard in guards for value in (guard.left, guard.right) if value is not None]
        order = topological_order(passes.nodes[passes.root], *operands)
    return guards, order


class _Numbering:
    """Which nodes outside the graph follow its leaves, and the numbers of those that branches need."""

    def __init__(
        self, passes: Passes, texts: Sequence[str], order: Iterable[Value], branches: Branches
    ) -> None:
        self.branches = branches
        self.first = len(passes.nodes)
        self.numbers = {id(value): index for index, value in enumerate(passes.nodes)}
        self.values = {id(value): seen for value, seen in zip(passes.nodes, passes.values, strict=True)}
        self.names = dict(enumerate(texts))
        self.outside = [value for value in order if id(value) not in self.numbers]
        self.following: set[int] = set()  # ids of nodes outside that depend on the graph
        self.stale: set[int] = set()  # ids of nodes outside that were computed from other numbers
        self.opaque: dict[int, Value] = {}  # for each node outside, the hand-made op that it depends on
        for value in self.outside:
            self._look_at(value)

    def _look_at(self, value: Value) -> None:
        self.values[id(value)] = value.data
        parents = value.parents if value._pinned is None else ()  # what was set by hand follows nothing
        if not any(id(parent) in self.following or id(parent) in self.numbers for parent in parents):
            return
        self.following.add(id(value))
        for parent, seen in zip(parents, value.operand_values, strict=True):
            if id(parent) in self.stale or not _same(self.values.get(id(parent), seen), seen):
                self.stale.add(id(value))
            if id(parent) in self.opaque:
                self.opaque[id(value)] = self.opaque[id(parent)]
        if value.is_handmade or value.op.name not in TABLE:
            self.opaque[id(value)] = value

    def number(self, guards: Sequence[Guard]) -> None:
        """Keep the branches that say something about this graph, each once."""
        kept = [guard for guard in guards if self._holds(guard)]
        followed = [guard for guard in kept if not self._blocks(guard)]
        needed = {id(value) for guard in followed for value in (guard.left, guard.right)} & self.following
        for value in reversed(self.outside):
            if id(value) in needed:
                needed.update(id(parent) for parent in value.parents)
        for value in self.outside:
            if id(value) in needed and id(value) in self.following:
                self._give_number(value)
        seen = set()
        for guard in followed:
            branch = self._branch(guard)
            key = (guard.op, branch.left, branch.right, str(branch.data()), guard.outcome)
            if key not in seen:
                seen.add(key)
                self.branches.taken.append(branch)

    def _follows(self, value: Value | None) -> bool:
        return value is not None and (id(value) in self.numbers or id(value) in self.following)

    def _holds(self, guard: Guard) -> bool:
        sides = ((guard.left, guard.left_number), (guard.right, guard.right_number))
        following = [(value, seen) for value, seen in sides if self._follows(value)]
        return bool(following) and all(
            id(value) not in self.stale and _same(self.values[id(value)], seen) for value, seen in following
        )

    def _blocks(self, guard: Guard) -> bool:
        opaque = self.opaque.get(id(guard.left)) or self.opaque.get(id(guard.right))
        if opaque is not None:
            self.branches.blocked = (
                f"a branch of the program depends on {describe(opaque)}, whose rule only Python knows"
            )
        return opaque is not None

    def _give_number(self, value: Value) -> int:
        """Number a node outside the graph, its parents first; what no leaf can move is a plain number."""
        known = self.numbers.get(id(value))
        if known is not None:
            return known
        parents: tuple[int, ...] = ()
        if id(value) in self.following:
            parents = tuple(self._give_number(parent) for parent in value.parents)
        index = self.numbers[id(value)] = self.first + len(self.branches.hidden)
        self.branches.hidden.append(value)
        if parents:
            self.branches.parents[index] = parents
        self.names[index] = self._name(value, parents)
        return index

    def _name(self, value: Value, parents: Sequence[int]) -> str:
        if value.label:
            return short_name(value.label)
        if not parents:
            return number(value.data)
        names = [self.names[parent] for parent in parents]
        formula = value_words(value, names)[0]
        if not formula.startswith(f"{value.op.name}("):
            formula = value_words(value, [name if _is_one_piece(name) else f"({name})" for name in names])[0]
        return formula if len(formula) <= LONGEST else f"{formula[: LONGEST - 1]}…"

    def _branch(self, guard: Guard) -> Branch:
        left, right = (
            self.numbers[id(value)] if value is not None and self._follows(value) else None
            for value in (guard.left, guard.right)
        )
        words = [
            number(_as_float(seen)) if index is None else self.names[index]
            for index, seen in ((left, guard.left_number), (right, guard.right_number))
        ]
        return Branch(guard, left, right, f"{words[0]} {guard.op} {words[1]}")


def _operand(index: int | None, seen: float) -> int | dict[str, Any]:
    return {"number": json_number(_as_float(seen))} if index is None else index


def _is_one_piece(formula: str) -> bool:
    """Whether a formula needs no brackets as an operand: all its spaces stand within brackets."""
    depth = 0
    for sign in formula:
        depth += (sign == "(") - (sign == ")")
        if sign == " " and depth == 0:
            return False
    return True


def _as_float(number: float) -> float:
    """A plain number as JavaScript can hold it: an int may be beyond every float."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)
