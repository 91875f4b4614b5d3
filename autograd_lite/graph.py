"""A frozen, numbered view of a computation: what drawing, stepping and files read instead of live Values.

Nodes are numbered topologically, parents first, in an order that depends on nothing but the expression:
two runs give the same numbers, hence byte-equal pictures and files.
"""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import folding, graph_json
from .engine import Value, topological_order
from .errors import GraphError, ValueTypeError, nearest
from .folding import Folded
from .naming import names_by_identity
from .nodes import Edge, Node

__all__ = ["Edge", "Graph", "Node", "Statistics"]

_COUNTABLE = 2**1023  # more paths than this are reported as infinitely many


@dataclass(frozen=True, slots=True)
class Statistics:
    """The size and shape of a graph. `scopes` counts the nodes inside each scope, inner scopes included."""

    nodes: int
    edges: int
    leaves: int
    constants: int
    depth: int
    ops: dict[str, int]
    scopes: dict[str, int]

    def __str__(self) -> str:
        ops = ", ".join(f"{count:,} {name}" for name, count in self.ops.items())
        scopes = ", ".join(f"{name} {count:,}" for name, count in self.scopes.items())
        return (
            f"{self.nodes:,} nodes ({self.leaves:,} leaves, {self.constants:,} constants)\n"
            f"{self.edges:,} edges\ndepth: {self.depth:,}\nops: {ops or 'none'}\nscopes: {scopes or 'none'}"
        )


class Graph:
    """The computation that leads to one Value, or to several, frozen at this moment.

    `nodes` are in topological order, `edges` go by target and operand, `roots` holds the indices of the
    Values given. `names` maps names to Values, or to lists, tuples and dicts of them (`locals()` is fine):
    a node without a label of its own takes its name from there; the Values themselves stay as they are.
    Raises `ValueTypeError` for anything that is not a Value.

    >>> from autograd_lite.engine import Value
    >>> a = Value(3.0, label="a")
    >>> graph = Graph(a * a + 1.0)
    >>> [node.title for node in graph.nodes]
    ['a', '* n1', 'constant n2', '+ n3']
    >>> graph.count_paths("a", 3)
    2
    """

    def __init__(self, values: Value | Iterable[Value], *, names: Mapping[str, object] | None = None) -> None:
        self._index_of: dict[int, int] = {}
        self._values = topological_order(*_roots(values))  # held, so that identities stay theirs
        with _collector_paused():
            self.nodes: tuple[Node, ...] = tuple(self._freeze(names_by_identity(names or {}, Value)))
        self.roots: tuple[int, ...] = tuple(self._index_of[id(value)] for value in _roots(values))

    @classmethod
    def _of(cls, nodes: Iterable[Node], roots: Iterable[int]) -> Graph:
        """A graph of ready nodes, with no Values behind it."""
        graph = cls.__new__(cls)
        graph._values, graph._index_of = [], {}
        graph.nodes, graph.roots = tuple(nodes), tuple(roots)
        return graph

    def __repr__(self) -> str:
        return f"Graph({len(self.nodes)} nodes, {sum(len(node.parents) for node in self.nodes)} edges)"

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every use of a number, in the order of targets and operands; `a * a` has two."""
        return tuple(
            Edge(source, node.index, position, local)
            for node in self.nodes
            for position, (source, local) in enumerate(zip(node.parents, node.local_gradients, strict=True))
        )

    def find(self, label: str) -> Node:
        """The node of this label, or of `"scope/label"` where several scopes hold the same label.

        Raises `GraphError` if there is none (with the nearest label) or more than one (with their scopes).
        """
        labelled = [node for node in self.nodes if node.label]
        found = [node for node in labelled if label in (node.label, f"{node.scope}/{node.label}")]
        if not found:
            known = list(dict.fromkeys(node.label for node in labelled))[:100]
            raise GraphError(f"no node is labelled {label!r}: {nearest(label, known)}")
        if len(found) > 1:
            places = ", ".join(f"n{node.index} in {node.scope or 'no scope'!r}" for node in found[:5])
            raise GraphError(f'{len(found)} nodes are labelled {label!r} ({places}): ask for "scope/label"')
        return found[0]

    def node(self, which: Node | Value | int | str) -> Node:
        """The node meant by a Value of this graph, an index, a label, or a node; else raises `GraphError`."""
        if isinstance(which, str):
            return self.find(which)
        if isinstance(which, Value):
            if id(which) not in self._index_of:
                raise GraphError(f"{which!r} is not part of this graph of {len(self)} nodes")
            return self.nodes[self._index_of[id(which)]]
        index = which.index if isinstance(which, Node) else which
        if not 0 <= index < len(self.nodes):
            raise GraphError(f"no node n{index}: this graph has n0 to n{len(self) - 1}")
        return self.nodes[index]

    def count_paths(self, start: Node | Value | int | str, end: Node | Value | int | str) -> int | float:
        """How many ways lead from one node to another along edges; `math.inf` beyond 2**1023.

        The derivative of `end` by `start` is the sum over these paths of the product of their local
        gradients. Reverse mode needs one multiplication an edge instead, however many paths there are.
        """
        first, last = self.node(start).index, self.node(end).index
        return self._counts(first, last).get(last, 0)

    def paths(
        self, start: Node | Value | int | str, end: Node | Value | int | str
    ) -> Iterator[tuple[Edge, ...]]:
        """Each way from one node to another as a tuple of edges, one at a time: there may be very many.

        >>> from autograd_lite.engine import Value
        >>> a = Value(3.0, label="a")
        >>> [[edge.local for edge in path] for path in Graph(a * a).paths("a", 1)]
        [[3.0], [3.0]]
        """
        first, last = self.node(start).index, self.node(end).index
        if first == last:
            yield ()
            return
        reached = self._counts(first, last)
        path: list[Edge] = []
        waiting = [self._incoming(last, reached)] if last in reached else []
        while waiting:
            edge = next(waiting[-1], None)
            if edge is None:
                waiting.pop()
                del path[-1:]
            elif edge.source == first:
                yield (edge, *reversed(path))
            else:
                path.append(edge)
                waiting.append(self._incoming(edge.source, reached))

    def statistics(self) -> Statistics:
        """Counts of nodes, edges, ops and scopes, and the depth: the edges of the longest path."""
        depth = [0] * len(self.nodes)
        for node in self.nodes:
            if node.parents:
                depth[node.index] = 1 + max([depth[parent] for parent in node.parents])
        kinds = Counter(node.kind for node in self.nodes)
        ops = Counter(node.op_text for node in self.nodes if node.kind in ("op", "opaque"))
        return Statistics(
            nodes=len(self.nodes),
            edges=sum(len(node.parents) for node in self.nodes),
            leaves=kinds["leaf"],
            constants=kinds["constant"],
            depth=max(depth, default=0),
            ops=dict(sorted(ops.items(), key=lambda pair: (-pair[1], pair[0]))),
            scopes=folding.with_outer_scopes(Counter(node.scope for node in self.nodes)),
        )

    def fold(self, level: int | str) -> Folded:
        """The same graph with scopes collapsed into boxes.

        `level` is a depth (1: the outermost scopes) or the name of a level: "neuron" makes one box of each
        "neuron 0", "neuron 1", … All calls under one scope path share its box. What a scope computes between
        its inner scopes, such as the sums of a residual network, stays outside their boxes. Raises
        `GraphError` for a level that no scope has.

        >>> from autograd_lite.engine import Value, scope
        >>> with scope("double"):
        ...     y = Value(3.0) * 2.0
        >>> [box.name for box in Graph(y.exp()).fold(1).boxes]
        ['double']
        """
        return folding.fold(self.nodes, self.roots, level)

    def to_json(self) -> str:
        """The graph as JSON text: numbers exact, the non-finite ones and -0.0 as strings.

        Raises `GraphError` for a hand-made op, by name: what it computes is known to nobody but its author.
        """
        return graph_json.dump(self.nodes, self.roots)

    @classmethod
    def from_json(cls, text: str) -> Graph:
        """The graph that `to_json` wrote. Raises `GraphError`, saying where, if the text is anything else."""
        return cls._of(*graph_json.load(text))

    def to_values(self) -> tuple[Value, ...]:
        """New Values that compute the same, one for each root; they share nothing with the old ones.

        >>> from autograd_lite.engine import Value
        >>> (copy,) = Graph.from_json(Graph(Value(3.0) ** 2).to_json()).to_values()
        >>> copy.backward()
        >>> copy.data, copy.parents[0].grad
        (9.0, 6.0)
        """
        return graph_json.rebuild(self.nodes, self.roots)

    def _freeze(self, names: Mapping[int, str]) -> Iterator[Node]:
        index_of = self._index_of
        index = 0
        for value in self._values:
            operands, numbers, scope = value._operands(), value.operand_values, value.scope
            parents: list[int] = []
            for position, parent in enumerate(operands):
                if parent is None:  # a plain number of the expression
                    yield Node(index, "constant", "", "", "", (), numbers[position], scope=scope)
                    parents.append(index)
                    index += 1
                else:
                    parents.append(index_of[id(parent)])
            identity = id(value)
            index_of[identity] = index
            label = value.label or names.get(identity, "")
            yield _node(index, value, label, tuple(parents), numbers, scope)
            index += 1

    def _incoming(self, index: int, among: Mapping[int, object]) -> Iterator[Edge]:
        node = self.nodes[index]
        pairs = zip(node.parents, node.local_gradients, strict=True)
        return (Edge(p, index, k, local) for k, (p, local) in enumerate(pairs) if p in among)

    def _counts(self, first: int, last: int) -> dict[int, int | float]:
        """The number of paths from `first` to each node up to `last` that it reaches."""
        counts: dict[int, int | float] = {first: 1}
        for node in self.nodes[first + 1 : last + 1]:
            total = sum([counts.get(parent, 0) for parent in node.parents])
            if total:
                counts[node.index] = total if total < _COUNTABLE else math.inf
        return counts


@contextmanager
def _collector_paused() -> Iterator[None]:
    """A million nodes are millions of new objects and no garbage: looking for some would double the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _roots(values: Any) -> tuple[Value, ...]:
    if isinstance(values, Value):
        return (values,)
    several = hasattr(values, "__iter__") and not isinstance(values, (str, bytes))
    found = tuple(values) if several else (values,)
    for value in found:
        if not isinstance(value, Value):
            raise ValueTypeError(
                f"a graph is made from a Value or a list of Values, got {type(value).__name__}. "
                "Give the result of an expression whose operands are Values."
            )
    if not found:
        raise GraphError("a graph needs at least one Value, got an empty collection")
    return tuple({id(value): value for value in found}.values())


def _node(
    index: int, value: Value, label: str, parents: tuple[int, ...], numbers: tuple[float, ...], scope: str
) -> Node:
    op = value.op
    if op is None:
        kind = "constant" if value.is_constant else "leaf"
        frozen = value.is_frozen and kind == "leaf"
        return Node(index, kind, label, data=value.data, grad=_gradient(value), scope=scope, is_frozen=frozen)
    return Node(
        index,
        "opaque" if value.is_handmade else "op",
        label,
        op.name,
        value.op_text,
        value.immediates,
        value.data,
        _gradient(value),
        parents,
        value.tracked,
        numbers,
        value._pinned,
        scope,
        value.source,
    )


def _gradient(value: Value) -> float | None:
    if not value.has_grad:
        return None
    gradient = value.grad
    return gradient.data if isinstance(gradient, Value) else gradient
