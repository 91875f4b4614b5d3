"""The pieces a `Graph` is made of: nodes and edges, frozen and numbered."""

from __future__ import annotations

from typing import Any, NamedTuple

from .ops import TABLE

__all__ = ["Edge", "Node"]


class Node(NamedTuple):
    """One number of a computation, as it was when the graph was looked at.

    `index` is its place in the topological order (parents first). `kind` is "leaf", "constant", "op" or
    "opaque" (an op made by hand, not in the table). `op` is the name of the row that made it ("" for a
    leaf) and `op_text` what a drawing shows for it. `parents` are indices in the order of the operands,
    with multiplicity, and `operands` the numbers they had then. `grad` is None where no backward pass has
    come by. `slopes` is None where the row still gives them from `operands`.

    (A named tuple, because a graph can have a million of them: a frozen dataclass takes six times as long
    to make.)
    """

    index: int  # type: ignore[assignment]  # the tuple's own index() is of no use here
    kind: str
    label: str = ""
    op: str = ""
    op_text: str = ""
    immediates: tuple[Any, ...] = ()
    data: float = 0.0
    grad: float | None = None
    parents: tuple[int, ...] = ()
    tracked: tuple[bool, ...] = ()
    operands: tuple[float, ...] = ()
    slopes: tuple[float | None, ...] | None = None
    scope: str = ""
    source: str = ""
    is_frozen: bool = False

    @property
    def local_gradients(self) -> tuple[float | None, ...]:
        """The derivative by each operand alone; None where none flows (a constant) or none is known."""
        if self.kind == "opaque":
            return (None,) * len(self.parents)
        slopes = self.slopes or ()
        if self.slopes is None and self.parents:
            slopes = TABLE[self.op].local_gradients(self.operands, self.immediates, self.data)
        return tuple(slope if tracked else None for slope, tracked in zip(slopes, self.tracked, strict=True))

    @property
    def title(self) -> str:
        """The node's name for a reader: its label, else what made it and its number."""
        return self.label or f"{self.op_text or self.kind} n{self.index}"


class Edge(NamedTuple):
    """One use of a number by an op: from node `source` into operand `position` of node `target`.

    `local` is the derivative of the target by this operand alone, None where none flows.
    """

    source: int
    target: int
    position: int
    local: float | None = None
