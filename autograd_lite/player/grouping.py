"""Which boxes the page folds nodes into: the scopes, and where there are none, repeats and stretches.

Groups are a tree. Where one level of it would show more boxes than a reader can take in, nodes that do the
same for the same consumer become one group (a "repeat"), and what is still too many is cut into runs of the
order of computation ("stretches"), nested until every level is short.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..folding import Key, level_of, merge_repeats
from ..lettering import shorten
from ..nodes import Node

if TYPE_CHECKING:
    from ..stepping import Backprop

__all__ = ["Groups", "groups_of"]

READABLE = 60
"""Boxes that a reader can find his way in: no level of groups has more."""

GLANCE = 32
"""Boxes that fit a screen at a size that can be read: groups open at first while the page has no more."""

LINKS = 120
"""Arrows that a page opens with at most."""

NESTED = 12
"""Scopes inside scopes that become groups; deeper ones share the innermost."""

_STRETCH = 30  # about how many boxes a level has that was cut into stretches
_FREE = 12  # so many inputs stay outside the stretches, where they are seen at once


class Groups(NamedTuple):
    """`paths[i]` is the path of groups that node i stands in ("" for none), `titles` what each group is
    called and which kind it is, `open` the paths of the groups that are open at first."""

    paths: list[str]
    titles: dict[str, dict[str, Any]]
    open: list[str]


@dataclass(slots=True)
class _Group:
    """One group of the tree: what it holds directly are nodes (by index) and other groups."""

    name: str
    kind: str
    inside: list[int | _Group] = field(default_factory=list)
    chip: str = ""
    path: str = ""
    first: int = 0  # the least and the greatest node anywhere in it
    last: int = 0

    def groups(self) -> list[_Group]:
        return [each for each in self.inside if isinstance(each, _Group)]


def groups_of(steps: Backprop) -> Groups:
    """The groups of a graph, and which of them are open at first: all, if that stays readable, else level by
    level as far as it does.
    """
    nodes = _nodes(steps)
    top = _scope_tree(nodes)
    repeats = _repeats(nodes, top)
    for group in _walk(top):
        _shorten_level(group, nodes, repeats, steps.passes.root)
    _name_paths(top)
    paths, titles = [""] * len(nodes), {}
    for group in _walk(top):
        for each in group.inside:
            if isinstance(each, int):
                paths[each] = group.path
        if group is not top:
            titles[group.path] = _title(group)
    return Groups(paths, titles, _open_at_first(top, nodes))


def _nodes(steps: Backprop) -> list[Node]:
    """The nodes as `folding` reads them; a constant outside all scopes moves in with those that use it."""
    parents = steps.passes.parents
    nodes = []
    for step_node, value in zip(steps.nodes, steps.passes.nodes, strict=True):
        kind = "constant" if step_node.constant else "leaf" if value.is_leaf else "op"
        scope = "/".join(step_node.scope.split("/")[:NESTED])
        made_from = parents.get(step_node.index, ())
        named = (step_node.index, kind, step_node.label, step_node.op, step_node.op_text)
        nodes.append(Node(*named, scope=scope, parents=made_from))
    homes: dict[int, list[str]] = {}
    for node in nodes:
        for parent in node.parents:
            if nodes[parent].kind == "constant" and not nodes[parent].scope:
                home = node.scope.split("/") if node.scope else []
                homes[parent] = _common(homes[parent], home) if parent in homes else home
    for index, home in homes.items():
        nodes[index] = nodes[index]._replace(scope="/".join(home))
    return nodes


def _common(one: Sequence[str], other: Sequence[str]) -> list[str]:
    pairs = zip(one, other, strict=False)
    same = next((depth for depth, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    return list(one[:same])


def _scope_tree(nodes: Sequence[Node]) -> _Group:
    """The groups that the scopes make, each with its nodes in the order of computation."""
    top = _Group("", "scope")
    found = {"": top}

    def group_at(path: str) -> _Group:
        if path not in found:
            outer, _, name = path.rpartition("/")
            found[path] = _Group(name, "scope")
            group_at(outer).inside.append(found[path])
        return found[path]

    for node in nodes:
        group_at(node.scope).inside.append(node.index)
    return top


def _walk(top: _Group) -> Iterator[_Group]:
    """A group and all in it, outer ones first; what a caller puts into a group is walked too."""
    waiting = [top]
    while waiting:
        group = waiting.pop()
        yield group
        waiting += group.groups()


def _repeats(nodes: Sequence[Node], top: _Group) -> list[Key | None]:
    """Which nodes of the levels that are too long do the same for the same consumer."""
    keys: list[Key | None] = [("scope", node.scope) for node in nodes]
    long = [group for group in _walk(top) if len(group.inside) > READABLE]
    for group in long:
        for each in group.inside:
            if isinstance(each, int):
                keys[each] = None
    return merge_repeats(nodes, keys) if long else keys


def _shorten_level(group: _Group, nodes: Sequence[Node], repeats: Sequence[Key | None], root: int) -> None:
    if len(group.inside) <= READABLE or group.kind == "stretch":
        return
    inside = list(group.inside) if group.kind == "repeat" else _with_repeats(group, nodes, repeats, root)
    if len(inside) > READABLE:
        inputs = [each for each in inside if isinstance(each, int) and nodes[each].kind == "leaf"]
        apart = {root, *(inputs if len(inputs) <= _FREE else [])}
        free = [each for each in inside if isinstance(each, int) and each in apart]
        rest = [each for each in inside if not (isinstance(each, int) and each in apart)]
        inside = [*free, *_stretches(rest)]
    group.inside = inside


def _with_repeats(
    group: _Group, nodes: Sequence[Node], repeats: Sequence[Key | None], root: int
) -> list[int | _Group]:
    alike: dict[Key, list[int]] = defaultdict(list)
    for each in group.inside:
        if isinstance(each, int) and each != root and (key := repeats[each]) is not None:
            alike[key].append(each)
    inside: list[int | _Group] = []
    placed: dict[Key, _Group] = {}
    for each in group.inside:
        key = repeats[each] if isinstance(each, int) else None
        if key is None or len(alike[key]) < 2:
            inside.append(each)
        elif key not in placed:
            placed[key] = _repeat([nodes[index] for index in alike[key]])
            inside.append(placed[key])
    return inside


def _repeat(alike: Sequence[Node]) -> _Group:
    labels = list(dict.fromkeys(node.label for node in alike if node.label))
    first, count = alike[0], len(alike)
    if labels:
        name = labels[0] if len(labels) == 1 else f"{shorten(labels[0], 12)} … {shorten(labels[-1], 12)}"
    else:
        name = f"{count:,} times" if first.op_text else f"{count:,} {_PLURAL.get(first.kind, 'nodes')}"
    chip = first.op_text or (f"×{count:,}" if labels else "")
    return _Group(name, "repeat", [node.index for node in alike], chip)


_PLURAL = {"leaf": "inputs", "constant": "constants"}


def _stretches(inside: list[int | _Group]) -> list[int | _Group]:
    """A long level cut into runs of about equal length, and these again, until each level is short."""
    if len(inside) <= READABLE:
        return inside
    levels = math.ceil(math.log(len(inside), _STRETCH))
    branches = math.ceil(len(inside) ** (1 / levels))
    size = math.ceil(len(inside) / branches)
    runs = [inside[start : start + size] for start in range(0, len(inside), size)]
    return [_Group("", "stretch", _stretches(run) if len(run) > branches else run) for run in runs]


def _name_paths(top: _Group) -> None:
    """Give stretches their names and every group a path that no other has."""
    for group in reversed(list(_walk(top))):
        ends = [(each, each) if isinstance(each, int) else (each.first, each.last) for each in group.inside]
        group.first, group.last = min(first for first, _ in ends), max(last for _, last in ends)
        if group.kind == "stretch":
            within = group.groups()
            named = len(within) == len(group.inside) and all(each.kind == "scope" for each in within)
            ends_of = f"{shorten(within[0].name, 14)} … {shorten(within[-1].name, 14)}" if named else ""
            group.name = ends_of or f"nodes {group.first:,}–{group.last:,}"
    for group in _walk(top):
        taken: set[str] = {each.name for each in group.groups() if each.kind == "scope"}
        for each in group.groups():
            component = each.name
            if each.kind != "scope":
                component, number = each.name.replace("/", "∕"), 1
                while component in taken:
                    number += 1
                    component = f"{each.name.replace('/', '∕')} ({number})"
                taken.add(component)
            each.path = f"{group.path}/{component}" if group is not top else component


def _title(group: _Group) -> dict[str, Any]:
    title: dict[str, Any] = {"title": group.name or "–", "kind": group.kind}
    return title | ({"chip": group.chip} if group.chip else {})


def _open_at_first(top: _Group, nodes: Sequence[Node]) -> list[str]:
    """Outermost first, all groups of one level together ("layer", then "neuron"), while it stays readable."""
    everything = len(nodes) <= GLANCE
    opened: dict[int, _Group] = {}
    level = top.groups()
    while level:
        alike: dict[str, list[_Group]] = defaultdict(list)
        for group in level:
            if group.kind == "scope":
                alike[level_of(group.name, 1)].append(group)
        level = []
        for batch in alike.values():
            trial = opened | {id(group): group for group in batch}
            if everything or _is_readable(top, trial, nodes):
                opened = trial
                level += [inner for group in batch for inner in group.groups()]
    return [group.path for group in opened.values()]


def _is_readable(top: _Group, opened: dict[int, _Group], nodes: Sequence[Node]) -> bool:
    """Whether a picture with these groups open has few enough boxes and arrows."""
    groups = [top, *opened.values()]
    parts = sum(len(group.inside) - sum(id(each) in opened for each in group.groups()) for group in groups)
    if parts > GLANCE:
        return False
    part_of: list[object] = [None] * len(nodes)
    for group in groups:
        for each in group.inside:
            if isinstance(each, int):
                part_of[each] = each
            elif id(each) not in opened:
                for inner in _walk(each):
                    for index in inner.inside:
                        if isinstance(index, int):
                            part_of[index] = id(each), "group"
    links = {
        (part_of[parent], part_of[node.index])
        for node in nodes
        for parent in node.parents
        if part_of[parent] != part_of[node.index]
    }
    return len(links) <= LINKS
