"""The quick way through a backward pass. `engine.py` says what is computed; this says it fast.

Nearly all graphs are finite everywhere, and then the rule for zero never matters. So a pass is swept without
it, and only if a NaN arrived at a leaf, or an operation raised, is the graph swept again with care.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from . import _methods
from .modes import current_mode, switches
from .ops.row import RAISED_FOR_IEEE
from .rules import MANY

if TYPE_CHECKING:
    from .engine import Value

__all__ = ["start_pass", "swept_quickly"]


def start_pass(root: Value, leaves: list[Value], kept: list[Any]) -> list[Value]:
    """The inner nodes from the root back; puts down the leaves and the gradients they had; sets all gradients
    to 0.

    The same order as `topological_order`, reversed. The zero is a float object of this pass alone, so it also
    marks the nodes that were seen: no set is needed, and that is a third of the time of a pass.
    """
    zero = float("0.0")
    order: list[Value] = []
    if root._a is None:
        leaves.append(root)
        kept.append(root.grad)
        root.grad = zero
        return order
    stack: list[Any] = [None]
    push, pop, append = stack.append, stack.pop, order.append
    put_down, keep = leaves.append, kept.append
    waiting: dict[Value, Any] = {}  # of a node with many parents, those still to be looked at
    node: Any = root
    node.grad = zero
    while node is not None:
        first, second = node._a, node._b
        if second is MANY:
            parents = waiting.get(node)
            if parents is None:
                fresh = [parent for parent in first if parent is not None and parent.grad is not zero]
                parents = waiting[node] = iter(fresh)
            inner = _next_inner(parents, zero, put_down, keep)
            if inner is not None:
                push(node)
                node = inner
                continue
        else:
            if first.grad is not zero:
                if first._a is not None:
                    first.grad = zero
                    push(node)
                    node = first
                    continue
                put_down(first)
                keep(first.grad)
                first.grad = zero
            if second.grad is not zero:
                if second._a is not None:
                    second.grad = zero
                    push(node)
                    node = second
                    continue
                put_down(second)
                keep(second.grad)
                second.grad = zero
        append(node)
        node = pop()
    order.reverse()
    return order


def _next_inner(
    parents: Iterable[Value],
    zero: float,
    put_down: Callable[[Value], None],
    keep: Callable[[Any], None],
) -> Value | None:
    """The next parent that is an inner node not seen before; leaves on the way are put down."""
    for parent in parents:
        grad = parent.grad
        if grad is not zero:
            parent.grad = zero
            if parent._a is not None:
                return parent
            put_down(parent)
            keep(grad)
    return None


def swept_quickly(order: list[Value], leaves: Sequence[Value], seed: float) -> bool:
    """Apply the chain rule as if all were finite; False, with everything set back, if care is needed."""
    if switches.hooks or (switches.count and current_mode().anomaly):
        return False
    try:
        _methods.sweep(order)
        if not [leaf for leaf in leaves if leaf.grad != leaf.grad]:  # quicker than any() of a generator
            return True
    except RAISED_FOR_IEEE:
        pass
    for node in (*order, *leaves):
        node.grad = 0.0
    (order or leaves)[0].grad = seed
    return False
