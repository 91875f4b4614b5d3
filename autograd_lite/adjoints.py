"""Adjoints and tangents kept beside the graph: as numbers, or as Values that can be differentiated again.

The functions here take nodes in topological order and walk it from the result back (adjoints) or from the
leaves on (tangents), with the same local gradients and the same rule for zero as `Value.backward`. None
writes a `.grad`, but for `write_adjoints`, which is `backward(create_graph=True)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from .errors import GraphError, ValueTypeError
from .inspection import check_finite, describe
from .modes import check_later, current_mode
from .ops.row import RAISED_FOR_IEEE, IeeeFloat
from .rules import chain

if TYPE_CHECKING:
    from .engine import Value

__all__ = [
    "adjoints", "as_value", "differentiable_locals", "handmade_contributions", "hooked", "number_locals",
    "tangents", "total", "write_adjoints",
]  # fmt: skip

Locals = Callable[["Value"], Sequence[Any]]


def adjoints(
    order: Sequence[Value],
    root: Value,
    seed: Any,
    locals_of: Locals,
    arrived: Callable[[Value, Any], Any] | None = None,
) -> dict[Value, Any]:
    """The derivative of the root by every node; `order` goes back from it, `arrived` may replace one."""
    anomaly = current_mode().anomaly
    with check_later() if anomaly else nullcontext():
        return _adjoints(order, {root: seed}, locals_of, arrived, anomaly)


def _adjoints(
    order: Sequence[Value],
    adjoint: dict[Value, Any],
    locals_of: Locals,
    arrived: Callable[[Value, Any], Any] | None,
    anomaly: bool,
) -> dict[Value, Any]:
    for node in order:
        upstream = adjoint.get(node)
        if upstream is None:
            continue
        if arrived is not None:
            upstream = adjoint[node] = arrived(node, upstream)
        for parent, contribution in _contributions(node, upstream, locals_of):
            before = adjoint.get(parent)
            adjoint[parent] = contribution if before is None else before + contribution
            if anomaly:
                check_finite(adjoint[parent], node, parent)
    return adjoint


def tangents(order: Iterable[Value], seeds: Mapping[Value, Any], locals_of: Locals) -> dict[Value, Any]:
    """The directional derivative of every node (forward mode); `order` goes from the leaves on.

    Nodes that the seeds do not reach are absent: their tangent is 0.
    """
    anomaly = current_mode().anomaly
    with check_later() if anomaly else nullcontext():
        return _tangents(order, seeds, locals_of, anomaly)


def _tangents(
    order: Iterable[Value], seeds: Mapping[Value, Any], locals_of: Locals, anomaly: bool
) -> dict[Value, Any]:
    tangent: dict[Value, Any] = dict(seeds)
    for node in order:
        if node in seeds or not any(parent in tangent for parent in node._operands()):
            continue
        tangent_here: Any = None
        for parent, local in zip(node._operands(), locals_of(node), strict=True):
            incoming = None if parent is None else tangent.get(parent)
            term = None if incoming is None else _product(incoming, local)
            if term is not None:
                tangent_here = term if tangent_here is None else tangent_here + term
        if tangent_here is not None:
            tangent[node] = tangent_here
            if anomaly:
                check_finite(tangent_here, node)
    return tangent


def number_locals(node: Value) -> tuple[float, ...]:
    """The local gradients as numbers. Raises `GraphError` for a hand-made op, which does not tell them."""
    if node._handmade is not None:
        raise GraphError(
            f"{describe(node)} is a hand-made op: its local gradients are unknown; backward() can be used"
        )
    return node.local_gradients()


def differentiable_locals(node: Value) -> tuple[Any, ...]:
    """The local gradients as Values, made by running the row's partials on the operands themselves.

    Raises `GraphError` naming the node if it is hand-made, or if its number or an operand's was replaced
    since.
    """
    if node._handmade is not None:
        raise GraphError(f"{describe(node)} is a hand-made op: it cannot be differentiated twice")
    op, values, parents = node._rule.op, node.operand_values, node._operands()
    if op is None:
        return ()
    for parent, value in zip(parents, values, strict=True):
        if parent is not None and parent._data != value and (parent._data == parent._data or value == value):
            raise GraphError(
                f"the data of {describe(parent)} was {value!r} when {describe(node)} was made and is "
                f"{parent._data!r} now: "
                "compute the result again before asking for create_graph"
            )
    if node._pinned is not None:
        raise GraphError(
            f"the data of {describe(node)} was replaced: compute it again before asking for create_graph"
        )
    try:
        return _slopes(node, parents, values)
    except RAISED_FOR_IEEE:  # a plain number among the operands, as in x / 0.0
        safe = _slopes(node, parents, [IeeeFloat(value) for value in values])
        return tuple(float(slope) if slope.__class__ is IeeeFloat else slope for slope in safe)


def _slopes(node: Value, parents: Sequence[Any], values: Sequence[float]) -> tuple[Any, ...]:
    op = node._rule.op
    operands = tuple(v if p is None else p for p, v in zip(parents, values, strict=True))
    packed: tuple[Any, ...] = (operands,) if op.arity is None else operands
    return op.partials(*packed, *node.immediates, node)


def handmade_contributions(node: Value, upstream: float) -> list[tuple[Value, float]]:
    """What a hand-made op sends to each distinct parent: runs its `_backward` and puts gradients back."""
    parents = list(dict.fromkeys(node.parents))
    kept = [(each, each.grad) for each in (node, *parents)]
    try:
        node.grad = upstream
        for parent in parents:
            parent.grad = 0.0
        node._backward()
        return [(parent, parent.grad) for parent in parents]
    finally:
        for each, grad in kept:
            each.grad = grad


def _contributions(node: Value, upstream: Any, locals_of: Locals) -> Iterable[tuple[Value, Any]]:
    if node._a is None:
        return
    if node._handmade is not None and locals_of is number_locals:
        yield from handmade_contributions(node, upstream)
        return
    for parent, local in zip(node._operands(), locals_of(node), strict=True):
        contribution = None if parent is None else _product(upstream, local)
        if contribution is not None:
            yield parent, contribution


def _product(upstream: Any, local: Any) -> Any:
    """upstream * local by the rule for zero; None where it is nothing whatever the operands become."""
    if upstream.__class__ is float and local.__class__ is float:
        return chain(upstream, local)
    u = upstream._data if hasattr(upstream, "_data") else float(upstream)
    v = local._data if hasattr(local, "_data") else float(local)
    product = u * v
    if product != product and chain(u, v) == 0.0:
        return None
    if local.__class__ is float:
        if v == 1.0:
            return upstream
        if v == 0.0 and u - u == 0.0:
            return None
    if upstream.__class__ is float and u == 1.0:
        return local
    return upstream * local


def write_adjoints(order: Sequence[Value], seed: float, value_class: type[Value]) -> None:
    """`backward(create_graph=True)`: everything is computed before anything is written to a `.grad`."""
    found = adjoints(order, order[0], seed, differentiable_locals, hooked)
    written = [node for node in order if not node.is_frozen]
    gradients = [found.get(node, 0.0) for node in written]
    for k, node in enumerate(written):
        if node._a is None and node.has_grad:
            gradients[k] = total(node, node.grad, gradients[k])
    values = [as_value(value_class, gradient) for gradient in gradients]
    for node, value in zip(written, values, strict=True):
        node.grad = value


def total(leaf: Value, before: Any, brought: Any) -> Any:
    """What a leaf had and what a pass brought. Raises `ValueTypeError` if what it had is no number."""
    try:
        return brought if before is None else before + brought
    except TypeError:
        raise ValueTypeError(
            f"the .grad of {describe(leaf)} is {before!r:.40}, a number is needed: call zero_grad()"
        ) from None


def hooked(node: Value, adjoint: Any) -> Any:
    """The adjoint after the node's hooks have seen it."""
    for hook in tuple(node._hooks):
        replaced = hook(adjoint)
        adjoint = adjoint if replaced is None else replaced
    return adjoint


def as_value(value_class: Any, number: Any) -> Any:
    """A number as a leaf; a Value as it is."""
    return number if isinstance(number, value_class) else value_class(number)
