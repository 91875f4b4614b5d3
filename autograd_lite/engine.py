"""The engine: a number that remembers where it came from.

Read it in this order. A `Value` is a number with a gradient, its parents and a rule. `record` applies a row of the
op table to Values and makes the node of the result. `Value.backward` sorts the graph and applies the chain rule

    parent.grad += node.grad * local gradient

to every edge, from the result back to the leaves. That is all of reverse-mode differentiation.

>>> a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
>>> loss = (a * b + c).tanh()
>>> loss.backward()
>>> round(a.grad, 6), round(b.grad, 6), round(c.grad, 6)
(-0.004023, 0.002682, 0.001341)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import _methods, ops
from .adjoints import adjoints, differentiable_locals, number_locals
from .errors import AnomalyError, GraphError, ValueTypeError
from .inspection import HandmadeOp, Inspection, copied, describe
from .modes import current_mode, detect_anomaly, no_grad, scope, source_line, switches, trace_source
from .ops import Op
from .ops.row import RAISED_FOR_IEEE, as_number
from .protocols import Protocols
from .rules import CONSTANT, FROZEN, LEAF, MANY, UNREACHED, Rule, chain, is_fixed

__all__ = [
    "Value", "chain", "describe", "detect_anomaly", "gradients", "no_grad", "record", "scope", "topological_order",
    "trace_source",
]  # fmt: skip


class Value(_methods.Methods, Inspection, Protocols):
    """A real number in a graph of computations.

    `Value(2.0, label="a")` is a leaf. Operators, methods and the functions of `autograd_lite.ops` make further nodes;
    `backward()` on one of them fills `.grad` of all it depends on.

    Raises `ValueTypeError` for anything that is not a real number.
    """

    __slots__ = (
        "__dict__",  # whatever a user hangs on a node, and what few nodes have
        "_a",  # the first parent; None for a leaf
        "_b",  # the second parent; the first again if there is none; MANY if _a and _x are tuples
        "_data",
        "_label",
        "_rule",
        "_scope",
        "_x",  # the parents' numbers when this node was made, so that changing them later cannot corrupt a gradient
        "_y",
        "grad",
    )

    def __init__(self, data: Any, _children: Iterable[Value] = (), _op: str = "", label: str = "") -> None:
        if isinstance(data, Value):
            raise ValueTypeError(
                f"{describe(data)} is a Value already: for a new leaf of the same number use .detach()"
            )
        self._data = data if data.__class__ is float else as_number(data)
        self.grad: Any = UNREACHED
        self._rule = LEAF
        self._a: Any = None
        self._b: Any = None
        if label:
            self.label = str(label)
        if _children or _op:
            self._set_parents(tuple(_children), str(_op))
        if switches.count:
            annotate(self)

    # --- the chain rule ---------------------------------------------------------------------------------------------

    def backward(self, gradient: float = 1.0, *, create_graph: bool = False) -> None:
        """Fill `.grad` of every node this one depends on with the derivative of this one, by the chain rule.

        Leaves add to what they have until `zero_grad()`; inner nodes start afresh at every pass. `gradient` is the
        adjoint of this node to begin with. With `create_graph` the gradients are Values themselves, so that they can
        be differentiated again. If anything goes wrong, the leaves keep the gradients they had.

        >>> x = Value(3.0)
        >>> (x * x).backward()
        >>> x.grad
        6.0
        """
        if create_graph:
            _write_adjoints(self, gradient)
            return
        order, leaves, kept = _start_pass(self)
        try:
            self.grad = as_number(gradient)
            _sweep(order, leaves)
            for leaf, before in zip(leaves, kept, strict=True):
                leaf.grad = before if leaf._rule is not LEAF else _sum(leaf, before)
        except BaseException:
            for leaf, before in zip(leaves, kept, strict=True):
                leaf.grad = before
            raise

    def backward_step(self) -> None:
        """Push this node's `.grad` to its parents: one step of the chain rule, for walking through a graph by hand.

        >>> a, b = Value(2.0), Value(-3.0)
        >>> product = a * b
        >>> product.grad = 1.0
        >>> product.backward_step()
        >>> a.grad, b.grad
        (-3.0, 2.0)
        """
        if "_handmade" in self.__dict__:
            self.__dict__["_handmade"]()
            return
        for parent, local, tracked in zip(self.parents, self.local_gradients(), self.tracked, strict=True):
            if tracked and not parent.is_frozen:
                parent.grad += chain(self.grad, local)

    @property
    def local_gradients(self) -> Callable[[], tuple[float, ...]]:
        """A closure over the operands' numbers at the time this node was made; calling it gives one slope per parent.

        >>> (Value(2.0) * Value(-3.0)).local_gradients()
        (-3.0, 2.0)
        """
        op, operands, immediates, y = self._rule.op, self.operand_values, self.immediates, self._data
        if op is None:
            return tuple
        pinned = self.__dict__.get("_pinned")
        return (
            (lambda: pinned) if pinned is not None else (lambda: op.local_gradients(operands, immediates, y))
        )

    # --- what a node knows ------------------------------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number, always a Python float. Assigning converts; gradients of nodes made before do not change."""
        return self._data

    @data.setter
    def data(self, number: Any) -> None:
        number = as_number(number)
        if self._a is not None and "_pinned" not in self.__dict__ and "_handmade" not in self.__dict__:
            self.__dict__["_pinned"] = (
                self.local_gradients()
            )  # slopes may be written in terms of the number replaced
            self._rule = Rule(self._rule.op, self.tracked, _pull_pinned)
        self._data = number

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._data}, grad={self.grad}{label})"

    # --- what can be done to a node ---------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Forget the gradients of this node and of everything it depends on."""
        for node in topological_order(self):
            node.grad = UNREACHED

    def detach(self) -> Value:
        """A new leaf with the same number: no gradient flows from it back to here."""
        leaf = Value(self._data)
        if self.label:
            leaf.label = self.label
        return leaf

    def freeze(self) -> None:
        """Leave this leaf alone in `backward()`: its `.grad` stays as it is. Raises `GraphError` for an inner node."""
        self._set_leaf_rule(FROZEN)

    def unfreeze(self) -> None:
        """Take part in `backward()` again."""
        self._set_leaf_rule(LEAF)

    def register_hook(self, hook: Callable[[Any], Any]) -> Callable[[], None]:
        """Call `hook(gradient)` when this node's gradient of a pass is complete; what it returns, unless None, replaces it.

        Returns a function that removes the hook.
        """
        hooks = self.__dict__.setdefault("_hooks", [])
        hooks.append(hook)
        switches.hooks += 1
        return lambda: hooks.remove(hook) if hook in hooks else None

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological_order(self):
            if id(node) not in memo:
                memo[id(node)] = copied(node, memo)
        return memo[id(self)]  # type: ignore[no-any-return]

    @staticmethod
    def _apply(op: Op, operands: tuple[Any, ...], immediates: tuple[Any, ...]) -> Value:
        """How a row of the op table applies itself to Values."""
        if op is ops.detach:
            return operands[0].detach()  # type: ignore[no-any-return]
        return record(op, *operands, immediates=immediates)

    def _set_leaf_rule(self, rule: Rule) -> None:
        if self._a is not None:
            raise GraphError(f"only a leaf can be frozen, {describe(self)} was computed: use .detach()")
        if self._rule is not CONSTANT:
            self._rule = rule

    def _set_parents(self, parents: tuple[Any, ...], name: str) -> None:
        """micrograd's `Value(data, (a, b), "op")`: an op made by hand, whose `_backward` its maker may assign."""
        if not all(isinstance(parent, Value) for parent in parents):
            raise ValueTypeError(f"the children of a hand-made node must be Values, got {parents!r:.80}")
        self.__dict__["_handmade"] = _no_backward
        if parents:
            self._a, self._b, self._x = parents, MANY, tuple(parent._data for parent in parents)
            self._y = ()
        self._rule = Rule(HandmadeOp(name, len(parents)), None, _pull_handmade)

    def _become_handmade(self, function: Callable[[], None]) -> None:
        if self._a is None:  # micrograd allows it, and such a function would never be called
            self.__dict__["_handmade"] = function
            return
        if "_handmade" not in self.__dict__:
            parents, name = (
                tuple(p for p, t in zip(self.parents, self.tracked, strict=True) if t),
                self.op_text,
            )
            self._set_parents(parents, name)
        self.__dict__["_handmade"] = function


def record(op: Op, *operands: Any, immediates: tuple[Any, ...] = ()) -> Any:
    """Apply a row of the op table: compute the value, and make the node that remembers how.

    The methods of `Value` are this function written out for one row each, which is faster. An operand that is a plain
    number becomes a constant.
    """
    try:
        values: tuple[float, ...] = tuple([operand._data for operand in operands])
        parents: tuple[Value | None, ...] = operands
    except AttributeError:  # some operands are plain numbers
        if any(getattr(operand, "ndim", 0) for operand in operands):
            return NotImplemented  # an array: NumPy goes through its elements
        values = tuple(o._data if isinstance(o, Value) else as_number(o) for o in operands)
        parents = tuple(o if isinstance(o, Value) else None for o in operands)
    node = object.__new__(Value)
    node._data = float(op.number(*values, immediates=immediates))
    node.grad = UNREACHED
    if is_fixed(op):
        _store_fixed(node, op, parents, values, immediates)
    else:
        node._rule = _methods.RULES[op.name, None]
        node._a, node._b, node._x, node._y = parents, MANY, values, immediates
    return annotate(node) if switches.count else node


def _store_fixed(
    node: Value, op: Op, parents: tuple[Any, ...], values: tuple[float, ...], immediates: tuple[Any, ...]
) -> None:
    tracked = tuple(parent is not None for parent in parents)
    node._rule = _methods.RULES[op.name, tracked]
    real = [parent for parent in parents if parent is not None]
    node._a, node._b = real[0], real[-1]
    node._x = values[0]
    if len(values) == 2:
        node._y = values[1]
    elif immediates:
        node._y = immediates


def annotate(node: Value) -> Value:
    """Give a new node what the modes in force ask for: a scope, a source line, no parents, a check."""
    mode = current_mode()
    if not mode.grad and node._a is not None:
        node._rule, node._a, node._b = LEAF, None, None
    if mode.scope:
        node._scope = mode.scope
    if mode.source:
        node.__dict__["_source"] = source_line()
    if mode.anomaly and node._a is not None and node._data - node._data != 0.0:
        raise AnomalyError(
            f"{_operation(node)} gave {node._data}{_place(node)}; its domain is {_domain(node)}"
        )
    return node


def topological_order(*roots: Value) -> list[Value]:
    """Every node the roots depend on, parents before children, the roots included; constants are left out.

    A node comes after all its parents, so that going backwards its adjoint is complete before it is passed on. Depth
    first with a stack of its own: a chain of a million nodes needs no recursion.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(_real_parents(root)))]
        while stack:
            node, parents = stack[-1]
            for parent in parents:
                if parent not in seen:
                    seen.add(parent)
                    stack.append((parent, iter(_real_parents(parent))))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def _real_parents(node: Value) -> tuple[Value, ...]:
    first = node._a
    if first is None:
        return ()
    if node._b is MANY:
        return tuple(parent for parent in first if parent is not None)
    return (first, node._b)


def gradients(output: Value, inputs: Sequence[Value], *, create_graph: bool = False) -> tuple[Any, ...]:
    """The derivatives of `output` by each of `inputs`, without touching any `.grad`.

    They are numbers, or with `create_graph` Values that can be differentiated again. An input the output does not
    depend on has derivative 0.

    >>> x = Value(3.0)
    >>> (slope,) = gradients(x**3, [x], create_graph=True)
    >>> slope.data, gradients(slope, [x])
    (27.0, (18.0,))
    """
    order = topological_order(output)
    order.reverse()
    found = adjoints(order, output, 1.0, differentiable_locals if create_graph else number_locals)
    wanted = [found.get(node, 0.0) for node in inputs]
    return tuple(_as_value(gradient) for gradient in wanted) if create_graph else tuple(wanted)


# --- one backward pass ----------------------------------------------------------------------------------------------


def _start_pass(root: Value) -> tuple[list[Value], list[Value], list[Any]]:
    """The inner nodes from the root back, the leaves, and the gradients the leaves had; every gradient set to zero.

    The same order as `topological_order`, reversed. The zero is a float object of this pass alone, so it also marks
    the nodes that were seen: no set is needed, and that is a third of the time of a pass.
    """
    zero = float("0.0")
    order: list[Value] = []
    leaves: list[Value] = []
    kept: list[Any] = []
    if root._a is None:
        kept.append(root.grad)
        root.grad = zero
        return [], [root], kept
    stack: list[Any] = [None]
    push, pop, append = stack.append, stack.pop, order.append
    waiting: dict[Value, Any] = {}  # of a node with many parents, those still to be looked at
    node = root
    node.grad = zero
    while node is not None:
        first, second = node._a, node._b
        if second is MANY:
            inner = _next_inner(waiting.setdefault(node, iter(first)), zero, leaves, kept)
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
                leaves.append(first)
                kept.append(first.grad)
                first.grad = zero
            if second.grad is not zero:
                if second._a is not None:
                    second.grad = zero
                    push(node)
                    node = second
                    continue
                leaves.append(second)
                kept.append(second.grad)
                second.grad = zero
        append(node)
        node = pop()
    order.reverse()
    return order, leaves, kept


def _next_inner(
    parents: Iterable[Value | None], zero: float, leaves: list[Value], kept: list[Any]
) -> Value | None:
    """The next parent that is an inner node not seen before; leaves on the way are put down."""
    for parent in parents:
        if parent is not None and parent.grad is not zero:
            kept_gradient, parent.grad = parent.grad, zero
            if parent._a is not None:
                return parent
            leaves.append(parent)
            kept.append(kept_gradient)
    return None


def _sweep(order: Sequence[Value], leaves: Sequence[Value]) -> None:
    """The chain rule over a whole graph: quickly as if all were finite, and with care only if it was not."""
    root_gradient = order[0].grad if order else 0.0
    if not switches.hooks and not (switches.count and current_mode().anomaly):
        try:
            _methods.sweep(order)
            if not any(leaf.grad != leaf.grad for leaf in leaves):
                return
        except RAISED_FOR_IEEE:
            pass
        for node in (*order, *leaves):
            node.grad = 0.0
        if order:
            order[0].grad = root_gradient
    _sweep_with_care(order, leaves)


def _sweep_with_care(order: Sequence[Value], leaves: Sequence[Value]) -> None:
    """The chain rule with the rule for zero, with hooks, and with a check for anomalies."""
    anomaly = current_mode().anomaly
    for node in order:
        node.grad = _hooked(node, node.grad)
        if "_handmade" in node.__dict__:
            node.__dict__["_handmade"]()
            continue
        for parent, local, tracked in zip(node.parents, node.local_gradients(), node.tracked, strict=True):
            if tracked:
                parent.grad += chain(node.grad, local)
                if anomaly and parent.grad - parent.grad != 0.0:
                    raise AnomalyError(
                        f"going back through {_operation(node)}{_place(node)} made the gradient of {describe(parent)} "
                        f"{parent.grad}: adjoint {node.grad:.6g} times local gradient {local:.6g}"
                    )
    for leaf in leaves:
        leaf.grad = _hooked(leaf, leaf.grad)


def _operation(node: Value) -> str:
    operands = (
        f"{p.label} = {v:.6g}" if p.label else f"{v:.6g}"
        for p, v in zip(node.parents, node.operand_values, strict=True)
    )
    return f"{node.op.name}({', '.join(operands)})"


def _place(node: Value) -> str:
    details = [
        f'node "{node.label}"' if node.label else "",
        node.scope,
        f"made at {node.source}" if node.source else "",
    ]
    told = ", ".join(detail for detail in details if detail)
    return f" ({told})" if told else ""


def _domain(node: Value) -> str:
    return getattr(node.op, "domain", "finite numbers")


def _write_adjoints(root: Value, gradient: float) -> None:
    """`backward(create_graph=True)`: everything is computed before anything is written."""
    order = topological_order(root)
    order.reverse()
    found = adjoints(order, root, as_number(gradient), differentiable_locals, _hooked)
    for node, adjoint in found.items():
        if node._a is not None or node is root:
            node.grad = _as_value(adjoint)
        elif node._rule is LEAF:
            node.grad = _as_value(adjoint if node.grad is UNREACHED else node.grad + adjoint)


def _hooked(node: Value, adjoint: Any) -> Any:
    for hook in tuple(node.__dict__.get("_hooks", ())):
        replaced = hook(adjoint)
        adjoint = adjoint if replaced is None else replaced
    return adjoint


def _as_value(number: Any) -> Value:
    return number if isinstance(number, Value) else Value(number)


def _sum(leaf: Value, before: Any) -> Any:
    try:
        return before + leaf.grad if before is not None else leaf.grad
    except TypeError:
        raise ValueTypeError(
            f"the .grad of {describe(leaf)} is {before!r:.40}, a number is needed: call zero_grad()"
        ) from None


def _pull_pinned(node: Value) -> None:
    """For a node whose number was replaced: the slopes are those of its first number."""
    for parent, local, tracked in zip(node.parents, node.__dict__["_pinned"], node.tracked, strict=True):
        if tracked:
            parent.grad += node.grad * local


def _pull_handmade(node: Value) -> None:
    if (
        node.grad != node.grad
    ):  # what its maker does with NaN is unknown: let the careful sweep find where it began
        raise ArithmeticError
    node.__dict__["_handmade"]()


def _no_backward() -> None:
    """A hand-made op whose maker assigned no `_backward` passes nothing on, as in micrograd."""


_methods.bind(Value, record, annotate)
