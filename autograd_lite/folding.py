"""Collapsing scopes of a graph into boxes, so that a network of thousands of nodes fits on a page.

A grouping is a list with one key for each node: nodes of one key become one box, None stays a node.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .errors import GraphError, nearest
from .nodes import Node

__all__ = [
    "Box", "Folded", "Key", "Link", "assemble", "count_parts", "fold", "keep_nearest", "level_of",
    "merge_repeats", "merge_tail", "scope_keys", "with_outer_scopes",
]  # fmt: skip

Key = tuple[str, str | int]  # the kind of a box ("scope", "repeat", "rest") and which one it is

RUNNING = ("+", "*")  # ops whose partial results nobody wants to see one by one
REPEATS = 8  # this many nodes that do the same for the same consumer stay apart; more become one box


@dataclass(frozen=True, slots=True)
class Box:
    """Several nodes drawn as one.

    `kind` is "scope" (all nodes under one scope path; `calls` says how often it was run), "repeat" (nodes
    that do the same for the same consumers) or "rest" (what a picture has no room for). `inputs` are the
    outside nodes that are read, `outputs` the members that are used outside or are a root.
    """

    kind: str
    name: str
    scope: str
    members: tuple[int, ...]
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Link:
    """All edges from one part of a folded graph to another, `count` of them.

    `source` and `target` are places in `Folded.parts`; `edge` is the first edge, as (node, operand position).
    """

    source: int
    target: int
    count: int
    edge: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Folded:
    """A graph some of whose nodes are boxes: `parts` (nodes and boxes), the `links` between them, `roots`."""

    nodes: Sequence[Node]
    parts: tuple[Node | Box, ...]
    links: tuple[Link, ...]
    roots: tuple[int, ...]

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The parts that are boxes."""
        return tuple(part for part in self.parts if isinstance(part, Box))


def fold(nodes: Sequence[Node], roots: Sequence[int], level: int | str) -> Folded:
    """Collapse scopes at a depth (1 is outermost) or at a named level.

    Under a named level, scopes that do not contain that level at all ("loss" beside "model") fold whole.
    Raises `GraphError` for a level that no scope has.
    """
    return assemble(nodes, roots, scope_keys(nodes, level))


def scope_keys(nodes: Sequence[Node], level: int | str) -> list[Key | None]:
    """The grouping that collapses scopes at `level`."""
    scopes = dict.fromkeys(node.scope for node in nodes)
    box_of = _by_depth(level, scopes) if isinstance(level, int) else _by_name(level, scopes)
    boxes = {scope: box_of(scope) for scope in scopes}
    keys: dict[str, Key | None] = {scope: ("scope", box) if box else None for scope, box in boxes.items()}
    return [keys[node.scope] for node in nodes]


def merge_repeats(
    nodes: Sequence[Node], keys: Sequence[Key | None], between: int = REPEATS
) -> list[Key | None]:
    """Put nodes outside boxes together that are of one kind and feed the same groups, if they are many.

    Two of the same label (input x0 of every sample) are many already. Of the unlabelled results of a scope
    whose inner scopes are boxes, more than `between` are many.
    """
    classes = _alike(nodes, keys)
    labelled = [(own, node.label) for own, node in zip(classes, nodes, strict=True)]
    same = Counter(labelled)
    others = Counter(own for own, label in labelled if not label or same[own, label] == 1)
    merged = list(keys)
    for index, (own, label) in enumerate(labelled):
        if keys[index] is None and label and same[own, label] > 1:
            merged[index] = ("repeat", f"{own} {label}")
        elif keys[index] is None:
            inside = nodes[index].scope and nodes[index].parents and not label
            if others[own] > (between if inside else REPEATS):
                merged[index] = ("repeat", own)
    return merged


def merge_tail(nodes: Sequence[Node], length: int) -> list[Key | None]:
    """`merge_repeats` for a graph without boxes; of a very long one only its last `length` nodes matter."""
    first = max(0, len(nodes) - length)
    tail = [
        node._replace(index=node.index - first, parents=tuple(p - first for p in node.parents if p >= first))
        for node in nodes[first:]
    ]
    return [("rest", 0)] * first + merge_repeats(tail, [None] * len(tail))


def _alike(nodes: Sequence[Node], keys: Sequence[Key | None]) -> list[int]:
    """A class for each node: its box, or else what it does and which classes it does it for.

    A running sum, as Python's `sum` makes it, is one class: what it adds up is then alike.
    """
    feeds: dict[int, set[int]] = defaultdict(set)
    users: dict[int, Node | None] = {}  # who uses a node; None if several do
    numbers: dict[object, int] = {}
    classes = [0] * len(nodes)
    for node in reversed(nodes):
        index = node.index
        fed = feeds.pop(index, ())
        user = users.pop(index, None)
        alike: object = keys[index] or index
        if keys[index] is None and fed:
            alike = (node.kind, node.op_text, node.scope, frozenset(fed))
        if keys[index] is None and user is not None and keys[user.index] is None and _runs_on(node, user):
            own = classes[index] = classes[user.index]
        else:
            own = classes[index] = numbers.setdefault(alike, len(numbers))
        # the place among the operands matters to "−", not to a long sum
        placed = len(node.parents) <= 3 and not any(_runs_on(nodes[p], node) for p in node.parents)
        placed = placed and not (user is not None and _runs_on(node, user))
        for position, parent in enumerate(node.parents):
            feeds[parent].add(4 * own + position if placed else 4 * own)
            users[parent] = None if parent in users else node
    return classes


def _runs_on(node: Node, user: Node) -> bool:
    """Whether a node is a partial result of a running sum or product that `user` carries on."""
    same = node.op_text == user.op_text and node.scope == user.scope
    return same and node.op_text in RUNNING and bool(node.parents) and not node.label


def keep_nearest(nodes: Sequence[Node], keys: Sequence[Key | None], keep: int) -> list[Key | None]:
    """Keep the `keep` parts nearest to where the computation ends; all others become one box, "rest"."""
    rest: Key = ("rest", 0)
    distance = [0] * len(nodes)  # the edges of the longest way to an end: consumers come before what they use
    near: dict[Key | int, int] = {}
    for node in reversed(nodes):
        here = distance[node.index]
        part = keys[node.index] or node.index
        if part == rest:
            break  # all that came earlier is
        near[part] = min(here, near.get(part, here))
        for parent in node.parents:
            if distance[parent] <= here:
                distance[parent] = here + 1
    kept = set(sorted(near, key=near.__getitem__)[:keep])
    return [key if (key or index) in kept else rest for index, key in enumerate(keys)]


def count_parts(keys: Sequence[Key | None]) -> int:
    """How many nodes and boxes a grouping leaves."""
    boxes = set(keys)
    boxes.discard(None)
    return len(boxes) + keys.count(None)


def assemble(nodes: Sequence[Node], roots: Sequence[int], keys: Sequence[Key | None]) -> Folded:
    """The folded graph of a grouping."""
    places: dict[Key | int, int] = {}
    place_of = [places.setdefault(key or index, len(places)) for index, key in enumerate(keys)]
    members: list[list[int]] = [[] for _ in places]
    for index, place in enumerate(place_of):
        members[place].append(index)
    links: dict[tuple[int, int], Link] = {}
    inputs: dict[int, dict[int, None]] = defaultdict(dict)
    outputs: dict[int, dict[int, None]] = defaultdict(dict)
    for target, source, position, node in _crossing(nodes, place_of):
        link = links.get((source, target))
        edge = link.edge if link else (node.index, position)
        links[source, target] = Link(source, target, link.count + 1 if link else 1, edge)
        inputs[target][node.parents[position]] = None
        outputs[source][node.parents[position]] = None
    for root in roots:
        outputs[place_of[root]][root] = None
    calls = _calls(nodes) if any(key is not None and key[0] == "scope" for key in set(keys)) else {}
    parts: list[Node | Box] = []
    for key, place in places.items():
        if isinstance(key, int):
            parts.append(nodes[key])
        else:
            kind, which = key
            inside = {nodes[index].scope: None for index in members[place]}
            scope = str(which) if kind == "scope" else _common_scope(inside)
            name, times = _name_and_calls(kind, [nodes[i] for i in members[place]], scope, calls)
            ends = tuple(inputs[place]), tuple(sorted(outputs[place]))
            parts.append(Box(kind, name, scope, tuple(members[place]), *ends, times))
    shown = tuple(dict.fromkeys(place_of[root] for root in roots))
    return Folded(nodes, tuple(parts), tuple(links.values()), shown)


def level_of(scope: str, depth: int) -> str:
    """The named level at a depth of a scope path (1 is outermost), "" if the path is shorter.

    >>> level_of("model/layer 0/neuron 2", 3)
    'neuron'
    """
    components = scope.split("/") if scope else []
    return _level(components[depth - 1]) if len(components) >= depth else ""


def with_outer_scopes(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by scope, with those of inner scopes added to each outer one, in the order of paths."""
    total: Counter[str] = Counter()
    for scope, count in counts.items():
        for outer in _outward(scope):
            total[outer] += count
    return dict(sorted(total.items()))


def _crossing(nodes: Sequence[Node], place_of: Sequence[int]) -> Iterable[tuple[int, int, int, Node]]:
    """The edges between different parts, as (target place, source place, operand position, target node)."""
    for node in nodes:
        target = place_of[node.index]
        for position, parent in enumerate(node.parents):
            if place_of[parent] != target:
                yield target, place_of[parent], position, node


def _outward(scope: str) -> list[str]:
    """A scope path and its outer ones, outermost first."""
    components = scope.split("/") if scope else []
    return ["/".join(components[: depth + 1]) for depth in range(len(components))]


def _level(component: str) -> str:
    """The name of a scope component without its number: "layer 0" and "layer 0: tanh" are of "layer"."""
    return re.sub(r"[\s_.#\[(]*\d+[\])]*(: .*)?$", "", component) or component


def _by_depth(depth: int, scopes: Iterable[str]) -> Callable[[str], str]:
    if isinstance(depth, bool) or depth < 1:
        raise GraphError(f"a fold depth counts scopes from 1, the outermost; got {depth!r}")
    # what a scope computes between its inner ones (the sums of a residual network) stays between their boxes
    holds_others = {outer for scope in scopes for outer in _outward(scope)[:-1]}

    def box_of(scope: str) -> str:
        components = scope.split("/")
        return "" if len(components) < depth and scope in holds_others else "/".join(components[:depth])

    return box_of


def _by_name(level: str, scopes: Iterable[str]) -> Callable[[str], str]:
    boxes: dict[str, str] = {}
    open_scopes: set[str] = set()  # those that hold the level somewhere inside, and so stay open
    names: dict[str, None] = {}
    for scope in scopes:
        outward = _outward(scope)
        last = [path.rpartition("/")[2] for path in outward]
        names.update(dict.fromkeys(map(_level, last)))
        found = [path for path, name in zip(outward, last, strict=True) if level in (name, _level(name))]
        if found:
            boxes[scope] = found[0]
            open_scopes.update(_outward(found[0])[:-1])
    if not boxes:
        known = nearest(level, names) if names else "this graph has no scopes (make them with scope(...))"
        raise GraphError(f"no scope level {level!r} to fold by: {known}")

    def box_of(scope: str) -> str:
        closed = (path for path in _outward(scope) if path not in open_scopes)
        return boxes.get(scope) or next(closed, "")

    return box_of


def _name_and_calls(
    kind: str, nodes: Sequence[Node], scope: str, calls: Mapping[str, int]
) -> tuple[str, int]:
    if kind == "scope":
        return scope.rpartition("/")[2], calls.get(scope, 1)
    return (nodes[0].op_text or nodes[0].kind, len(nodes)) if kind == "repeat" else ("", 1)


def _common_scope(scopes: Iterable[str]) -> str:
    """The innermost scope that holds all of these."""
    paths = [scope.split("/") if scope else [] for scope in scopes]
    common: list[str] = []
    for components in zip(*paths, strict=False):
        if len(set(components)) > 1:
            break
        common.append(components[0])
    return "/".join(common)


def _calls(nodes: Sequence[Node]) -> dict[str, int]:
    """How often each scope was run: its connected pieces, leaves apart; an outer one as its least inner."""
    piece = list(range(len(nodes)))

    def find(index: int) -> int:
        while piece[index] != index:
            piece[index] = piece[piece[index]]
            index = piece[index]
        return index

    for node in nodes:
        for parent in node.parents if node.scope else ():
            if nodes[parent].parents and nodes[parent].scope == node.scope:
                piece[find(node.index)] = find(parent)
    inside = (node for node in nodes if node.scope and node.parents)
    pieces = Counter(node.scope for node in inside if piece[node.index] == node.index)
    calls = dict(pieces)
    for scope in pieces:
        for outer in _outward(scope)[:-1]:
            if outer not in pieces:
                calls[outer] = min(calls.get(outer, pieces[scope]), pieces[scope])
    return calls
