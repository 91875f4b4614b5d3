"""The paths of a gradient: of very many, the few that contribute most, and what all the others add together.

The derivative of a root by a node is the sum, over all paths between them, of the products of the local
derivatives on the way. Reverse mode never visits paths one by one, and there may be more of them than atoms;
what is said about them here is exact all the same, in time that grows with the graph.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from .engine import chain
from .errors import ArgumentError
from .passes import Passes, Push

__all__ = ["Edge", "Found", "Paths"]

_COUNTABLE = 2**1023  # more paths than this are reported as infinitely many
_INFINITE = 1e300  # the weight of an infinite product: above every finite one, below that of NaN


class Edge(NamedTuple):
    """One factor of a path: the local derivative of node `sender` by its operand `parent`."""

    sender: int
    position: int
    parent: int
    local: float


class Found(NamedTuple):
    """The paths of largest absolute product, in that order, each from the root down to the node.

    `products` are their contributions. `others` counts the paths that are not among them and `rest` is what
    these add together: None where that is no finite number.
    """

    paths: tuple[tuple[Edge, ...], ...]
    products: tuple[float, ...]
    others: int | float
    rest: float | None


class _Prefix(NamedTuple):
    """The beginning of a path, from the root on: its last edge, its product and the weight of that."""

    edge: Edge | None
    before: _Prefix | None
    product: float
    weight: float

    def then(self, edge: Edge) -> _Prefix:
        return _Prefix(edge, self, chain(self.product, edge.local), _joined(self.weight, _weight(edge.local)))

    def edges(self) -> tuple[Edge, ...]:
        found, here = [], self
        while here.edge is not None and here.before is not None:
            found.append(here.edge)
            here = here.before
        return tuple(reversed(found))


class _Family(NamedTuple):
    """All paths that begin with `prefix`, go on from `node`, and there take edge `rank` or a later one."""

    prefix: _Prefix
    node: int
    rank: int


class Paths:
    """The ways along which a gradient flows from the root of `passes` down to node `start`.

    >>> from autograd_lite.engine import Value
    >>> a = Value(3.0)
    >>> paths = Paths(Passes(a * a + a), 0)
    >>> paths.count, paths.largest(2).products, paths.largest(2).rest
    (3, (3.0, 3.0), 1.0)
    """

    def __init__(self, passes: Passes, start: int) -> None:
        self.start, self.root = start, passes.root
        self.seed = passes.seed
        self._tickets = itertools.count()  # of equal families the older goes first
        self._counts: dict[int, int | float] = {start: 1}
        self._weights = {start: 0.0}  # of the largest product from a node down to `start`
        self._slopes = {start: 1.0}  # the derivative of a node by `start`: the sum of those products
        self._edges: dict[int, list[Edge]] = {}  # from a node towards `start`, largest product first
        for sender in passes.inner:
            if sender > start:
                self._enter(sender, passes)

    @property
    def count(self) -> int | float:
        """How many paths there are; `math.inf` beyond 2**1023."""
        return self._counts.get(self.root, 0)

    @property
    def inner(self) -> set[int]:
        """The nodes that some path passes on its way, the root included and the start left out."""
        return set(self._edges)

    def largest(self, most: int) -> Found:
        """The `most` paths of largest absolute product; those of product 0 only where there are no others.

        The largest way onwards is known from every node, so the search goes by families of paths: the best
        of one is walked to its end, and what branches off on the way are its sub-families. Families never
        overlap, hence what is left over in the end is exactly the paths that were not taken.
        """
        if self.root == self.start:
            return Found(((),), (self.seed,), 0, 0.0)
        found: list[_Prefix] = []
        waiting: list[tuple[float, int, _Family]] = []
        self._wait(waiting, _Family(_Prefix(None, None, self.seed, 0.0), self.root, 0))
        while waiting and len(found) < most:
            if waiting[0][0] == math.inf and found and found[0].weight > -math.inf:
                break  # only products of 0 are left
            found.append(self._best(heapq.heappop(waiting)[2], waiting))
        found.sort(key=lambda path: -_weight(path.product))
        products = tuple(path.product for path in found)
        others = max(0, self.count - len(found))
        rest = self._sum([family for weight, _, family in waiting if weight < math.inf])
        return Found(tuple(path.edges() for path in found), products, others, rest)

    def _enter(self, sender: int, passes: Passes) -> None:
        edges = [
            Edge(sender, push.position, push.parent, _local(push, sender, passes))
            for push in passes.pushes[sender]
            if push.amount is not None and push.parent in self._counts
        ]
        if not edges:
            return
        edges.sort(key=self._onwards, reverse=True)
        self._edges[sender] = edges
        self._weights[sender] = self._onwards(edges[0])
        self._slopes[sender] = sum(chain(self._slopes[edge.parent], edge.local) for edge in edges)
        total = sum(self._counts[edge.parent] for edge in edges)
        self._counts[sender] = total if total < _COUNTABLE else math.inf

    def _onwards(self, edge: Edge) -> float:
        """The weight of the largest product that begins with this edge."""
        return _joined(_weight(edge.local), self._weights[edge.parent])

    def _wait(self, waiting: list[tuple[float, int, _Family]], family: _Family) -> None:
        edges = self._edges[family.node]
        if family.rank < len(edges):
            weight = _joined(family.prefix.weight, self._onwards(edges[family.rank]))
            heapq.heappush(waiting, (-weight, next(self._tickets), family))

    def _best(self, family: _Family, waiting: list[tuple[float, int, _Family]]) -> _Prefix:
        """The largest path of a family; the rest of the family goes back to wait, in smaller families."""
        prefix, node, rank = family
        while node != self.start:
            self._wait(waiting, _Family(prefix, node, rank + 1))
            edge = self._edges[node][rank]
            prefix, node, rank = prefix.then(edge), edge.parent, 0
        return prefix

    def _sum(self, families: Sequence[_Family]) -> float | None:
        parts = [
            chain(chain(prefix.product, edge.local), self._slopes[edge.parent])
            for prefix, node, rank in families
            for edge in self._edges[node][rank:]
        ]
        return math.fsum(parts) if all(map(math.isfinite, parts)) else None


def _weight(factor: float) -> float:
    """How large a factor is, on a scale that does not overflow: its logarithm, beyond all of them an infinite
    one and then NaN."""
    if factor == 0.0:
        return -math.inf
    if factor != factor:
        return math.inf
    return _INFINITE if math.isinf(factor) else math.log(abs(factor))


def _joined(first: float, then: float) -> float:
    """The weight of a product. As in `chain`, 0 absorbs all that comes after it, and so does NaN."""
    if math.isinf(first) or math.isinf(then):
        return first if math.isinf(first) else then
    return min(first + then, _INFINITE)


def _local(push: Push, sender: int, passes: Passes) -> float:
    """The local derivative of one edge; of a hand-made op what it added for what came in."""
    if push.local is not None:
        return push.local
    upstream, amount = passes.gradients[sender], push.amount
    if upstream and amount is not None and math.isfinite(upstream) and math.isfinite(amount):
        return amount / upstream
    raise ArgumentError(
        f"node n{sender} was made by a hand-made op ({passes.nodes[sender].op_text!r}): its local derivative "
        f"cannot be told from what it adds for the gradient {upstream}, so there is no derivation through it"
    )
