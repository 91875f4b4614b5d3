"""Which boxes the page folds nodes into: the scopes, and where there are none, repeats and stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..stepping import Backprop

__all__ = ["Groups", "groups_of"]

READABLE = 60
"""Boxes that a reader takes in at a glance: a page opens with at most so many."""


class Groups(NamedTuple):
    """`paths[i]` is the path of groups that node i stands in ("" for none), `titles` what each group is
    called and which kind it is, `open` the paths of the groups that are open at first."""

    paths: list[str]
    titles: dict[str, dict[str, Any]]
    open: list[str]


def groups_of(steps: Backprop) -> Groups:
    """The groups of a graph."""
    paths = [node.scope for node in steps.nodes]
    titles: dict[str, dict[str, Any]] = {}
    for path in paths:
        parts = path.split("/") if path else []
        for depth in range(len(parts)):
            titles.setdefault("/".join(parts[: depth + 1]), {"title": parts[depth], "kind": "scope"})
    return Groups(paths, titles, list(titles) if len(paths) <= READABLE else [])
