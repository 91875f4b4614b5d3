"""What a step is: frozen records that say everything about one thing that happens in a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import account, console

__all__ = ["Contribution", "State", "Step", "StepNode"]


@dataclass(frozen=True, slots=True)
class StepNode:
    """A node as the steps speak of it.

    `index` is its place in the topological order, the same as in a `Graph`; `text` the unique short name that
    formulas use: the label, `n7` without one, the number for a constant. `op` names the row of the op table
    (empty for a leaf) and `op_text` is what a drawing shows for it.
    """

    index: int
    text: str
    label: str
    op: str
    op_text: str
    scope: str = ""
    source: str = ""
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one node passes to one of its parents, in the backward pass.

    `formula` is the local derivative with the names of this graph, `substituted` the same with numbers, and
    `local` its value.
    `amount` is upstream × local, and `before + amount = after` the parent's gradient. `waiting` counts the
    contributions that the parent still waits for afterwards, `waiting_for` names the next of them.
    Where no gradient flows (`tracked` false) the numbers are None and `note` says why.
    """

    parent: StepNode
    position: int
    value: float
    tracked: bool
    formula: str
    substituted: str
    local: float | None
    amount: float | None
    before: float | None
    after: float | None
    waiting: int = 0
    waiting_for: tuple[StepNode, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: a value is computed, the root is seeded, or a node passes its gradient on.

    `action` is "compute" in the forward phase, "seed" and "propagate" in the backward phase. `formula` and
    `substituted` say how the value came about; `upstream` is the node's finished gradient: the derivative of
    `root` by it.
    """

    index: int
    phase: Literal["forward", "backward"]
    action: Literal["compute", "seed", "propagate"]
    root: StepNode
    node: StepNode
    value: float
    formula: str
    substituted: str
    operands: tuple[StepNode, ...] = ()
    upstream: float | None = None
    contributions: tuple[Contribution, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        """The step in words and numbers, on a few lines."""
        return console.printable("\n".join(account.step_lines(self)))


@dataclass(frozen=True, slots=True)
class State:
    """Everything known after the first `position` steps, one entry per node in topological order.

    `values[i]` and `gradients[i]` are None until node `i` has one; `pending[i]` counts the contributions
    that node `i` still waits for.
    """

    position: int
    phase: Literal["forward", "backward"]
    values: tuple[float | None, ...]
    gradients: tuple[float | None, ...]
    pending: tuple[int, ...]
