"""The engine: a number that remembers where it came from.

Read it in this order. A `Value` is a number with a gradient, its parents and a rule. `record` applies a row
of the op table to Values and makes the node of the result. `topological_order` sorts a graph, and
`apply_chain_rule`, the heart of `Value.backward`, adds for every edge from the result back to the leaves

    parent.grad += node.grad * local gradient

That is all of reverse-mode differentiation. (The methods in `_methods.py` and the sweep in `sweeping.py` say
the same for speed; `tests/test_contract_ways_agree.py` holds them to it.)

>>> a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
>>> loss = (a * b + c).tanh()
>>> loss.backward()
>>> round(a.grad, 6), round(b.grad, 6), round(c.grad, 6)
(-0.004023, 0.002682, 0.001341)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from . import _methods, ops
from .adjoints import adjoints, as_value, differentiable_locals, hooked, number_locals, total, write_adjoints
from .arrays import on_elements
from .errors import AnomalyError, ArgumentError, GraphError, ValueTypeError
from .handmade import make_by_hand
from .inspection import Inspection, check_finite, copied, describe, operation, place
from .modes import (
    Hooks,
    current_mode,
    detect_anomaly,
    no_grad,
    scope,
    switches,
    trace_source,
)
from .ops import Op
from .ops.row import as_number
from .protocols import Protocols, asked_instead
from .recording import fixed_node, side, wide_node
from .rules import CONSTANT, FROZEN, LEAF, MANY, UNREACHED, Rule, chain, is_fixed, pull_pinned
from .sources import source_place
from .sweeping import start_pass, swept_quickly

__all__ = [
    "Value", "chain", "describe", "detect_anomaly", "gradients", "no_grad", "record", "scope",
    "topological_order", "trace_source",
]  # fmt: skip


class Value(_methods.Methods, Inspection, Protocols):
    """A real number in a graph of computations.

    `Value(2.0, label="a")` is a leaf. Operators, methods and the functions of `autograd_lite.ops` make
    further nodes; `backward()` on one of them fills `.grad` of all it depends on.

    Raises `ValueTypeError` for anything that is not a real number.
    """

    __slots__ = (
        "__dict__",  # whatever a user hangs on a node, and what few nodes have
        "__weakref__",
        "_a",  # the first parent; None for a leaf
        "_b",  # the second parent; the first again if there is none; MANY if _a and _x are tuples
        "_data",
        "_label",
        "_rule",
        "_scope",
        "_x",  # the parents' numbers when this node was made: changing them later cannot corrupt a gradient
        "_y",
        "grad",
    )

    def __init__(self, data: Any, _children: Iterable[Value] = (), _op: str = "", label: str = "") -> None:
        if isinstance(data, Value):
            if data._given_to(self, label):
                return
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
            make_by_hand(self, _children, str(_op))
        if switches.count:
            annotate(self)

    # --- the chain rule -------------------------------------------------------------------------------------

    def backward(self, gradient: float = 1.0, *, create_graph: bool = False) -> None:
        """Fill `.grad` of every node this one depends on with the derivative of this one, by the chain rule.

        Leaves add to what they have until `zero_grad()`; inner nodes start afresh at every pass. `gradient`
        is the adjoint of this node to begin with. With `create_graph` the gradients are Values themselves, so
        that they can be differentiated again. If anything goes wrong, the leaves keep the gradients they had.

        >>> x = Value(3.0)
        >>> (x * x).backward()
        >>> x.grad
        6.0
        """
        seed = as_number(gradient)
        if create_graph:
            write_adjoints(topological_order(self)[::-1], seed, Value)
            return
        leaves: list[Value] = []
        kept: list[Any] = []  # the gradients the leaves had
        try:
            order = start_pass(self, leaves, kept)
            self.grad = seed
            # for a graph that is finite everywhere, the same as apply_chain_rule and quicker
            if not swept_quickly(order, leaves, seed):
                apply_chain_rule(order, leaves)
            for leaf, before in zip(leaves, kept, strict=True):
                if leaf._rule is not LEAF:
                    leaf.grad = before
                elif before.__class__ is float:
                    leaf.grad += before
                else:
                    leaf.grad = total(leaf, before, leaf.grad)
        except BaseException:
            for leaf, before in zip(leaves, kept, strict=False):
                leaf.grad = before
            raise

    def backward_step(self) -> None:
        """Push this node's `.grad` to its parents: one step of the chain rule, for walking by hand.

        >>> a, b = Value(2.0), Value(-3.0)
        >>> product = a * b
        >>> product.grad = 1.0
        >>> product.backward_step()
        >>> a.grad, b.grad
        (-3.0, 2.0)
        """
        if self._handmade is not None:
            self._handmade()
            return
        for parent, local in zip(self._operands(), self.local_gradients(), strict=True):
            if parent is not None and not parent.is_frozen:
                parent.grad += chain(self.grad, local)

    @property
    def local_gradients(self) -> Callable[[], tuple[float, ...]]:
        """The closure kept when this node was made, over its operands' numbers; it gives one slope a parent.

        >>> (Value(2.0) * Value(-3.0)).local_gradients()
        (-3.0, 2.0)
        """
        op, operands, immediates, y = self._rule.op, self.operand_values, self.immediates, self._data
        if op is None:
            return tuple
        pinned = self._pinned
        if pinned is not None:
            return lambda: pinned
        return lambda: op.local_gradients(operands, immediates, y)

    # --- what a node knows ----------------------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number, always a float. Assigning converts; gradients of nodes made before do not change."""
        if switches.count and current_mode().tracer is not None:
            return current_mode().tracer.number(self)  # type: ignore[no-any-return]
        return self._data

    @data.setter
    def data(self, number: Any) -> None:
        if switches.count and current_mode().tracer is not None:
            current_mode().tracer.check_writable(self)
        number = as_number(number)
        if self._a is not None and self._pinned is None and self._handmade is None:
            # the slopes may be written in terms of the number that goes
            self._pinned = self.local_gradients()
            self._rule = Rule(self._rule.op, self.tracked, pull_pinned, self._rule.immediates)
        self._data = number

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._data}, grad={self.grad}{label})"

    # --- what can be done to a node -------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Forget the gradients of this node and of everything it depends on."""
        for node in topological_order(self):
            node.grad = UNREACHED

    def detach(self) -> Value:
        """A new leaf with the same number: no gradient flows from it back to here."""
        if switches.count and current_mode().tracer is not None:
            return current_mode().tracer.detached(self)  # type: ignore[no-any-return]
        leaf = Value(self._data)
        if self.label:
            leaf.label = self.label
        return leaf

    def freeze(self) -> None:
        """Leave this leaf alone in `backward()`. Raises `GraphError` for an inner node."""
        self._set_leaf_rule(FROZEN)

    def unfreeze(self) -> None:
        """Take part in `backward()` again."""
        self._set_leaf_rule(LEAF)

    def register_hook(self, hook: Callable[[Any], Any]) -> Callable[[], None]:
        """Call `hook(gradient)` in each pass, when this node's gradient is complete.

        What the hook returns, unless None, replaces the gradient. Returns a function that removes the hook.
        """
        if not callable(hook):
            raise ArgumentError(f"a hook is a function of the gradient, got {hook!r:.60}")
        if not self._hooks:
            self._hooks = Hooks()
        self._hooks.add(hook)
        return partial(self._hooks.discard, hook)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        order, known = topological_order(self), 0
        while len(order) > known:  # create_graph leaves gradients that are Values, with graphs of their own
            known = len(order)
            holders = [node for node in order if isinstance(node.grad, Value)]
            order = topological_order(self, *[node.grad for node in holders]) if holders else order
        for node in order:
            if id(node) not in memo:
                memo[id(node)] = copied(node, memo)
        for node in holders:
            memo[id(node)].grad = memo[id(node.grad)]
        return memo[id(self)]  # type: ignore[no-any-return]

    @staticmethod
    def _apply(op: Op, operands: tuple[Any, ...], immediates: tuple[Any, ...]) -> Any:
        """How a row of the op table applies itself to Values."""
        if op is ops.detach:
            return operands[0].detach()
        if op.arity is not None:  # a row of many operands is recorded at once: looking at each takes time
            if set(map(type, operands)) == _ONLY_VALUES:
                method: Any = _methods.METHODS.get(op.name)
                if method is not None:
                    return method(*operands, *immediates)
            elif any(getattr(operand, "ndim", 0) for operand in operands):
                named = dict(zip(op.immediates, immediates, strict=True))
                return on_elements(partial(op, **named), operands)
        node = record(op, *operands, immediates=immediates)
        if node is NotImplemented:
            raise ValueTypeError(f"{op.name} needs numbers, got {', '.join(f'{o!r:.40}' for o in operands)}")
        return node

    @staticmethod
    def _dot(left: tuple[Any, ...], right: tuple[Any, ...]) -> Any:
        """`ops.dot` with Values in it: a side that is all Values or all floats is read at once."""
        first, second = side(Value, left), side(Value, right)
        if first is None or second is None:
            return Value._apply(_DOT, left + right, ())
        node = wide_node(Value, _DOT, first[0] + second[0], first[1] + second[1])
        return annotate(node) if switches.count else node

    def _set_leaf_rule(self, rule: Rule) -> None:
        if self._a is not None:
            raise GraphError(f"only a leaf can be frozen, {describe(self)} was computed: use .detach()")
        if self._rule is not CONSTANT:
            self._rule = rule


def record(op: Op, *operands: Any, immediates: tuple[Any, ...] = ()) -> Any:
    """Apply a row of the op table: compute the value, and make the node that remembers how.

    The methods of `Value` are this function written out for one row each, which is faster. An operand that is
    a plain number becomes a constant.
    """
    kinds = set(map(type, operands))
    if kinds == _ONLY_VALUES:
        values: tuple[float, ...] = tuple([operand._data for operand in operands])
        parents: tuple[Value | None, ...] = operands
    elif kinds == _VALUES_AND_FLOATS:
        values = tuple([o if type(o) is float else o._data for o in operands])
        parents = tuple([None if type(o) is float else o for o in operands])
    else:
        for operand in operands:
            if hasattr(operand.__class__, "_record"):  # it is being traced
                return operand._record(op, operands, immediates)
        if any(asked_instead(operand, op.name) for operand in operands):
            return NotImplemented
        if any(getattr(operand, "ndim", 0) for operand in operands):
            return on_elements(op, operands) if op.arity is None else op(*operands)
        values = tuple(o._data if isinstance(o, Value) else as_number(o) for o in operands)
        parents = tuple(o if isinstance(o, Value) else None for o in operands)
        if not any(isinstance(o, Value) for o in operands):
            return op.number(*values, immediates=immediates)
    if op is ops.pow and parents[1] is None:
        return operands[0]._power(values[1])
    make = fixed_node if is_fixed(op) else wide_node
    node = make(Value, op, parents, values, immediates)
    return annotate(node) if switches.count else node


def topological_order(*roots: Value) -> list[Value]:
    """Every node the roots depend on, parents before children, the roots included; constants are left out.

    A node comes after all its parents, so that going backwards its adjoint is complete before it is passed
    on. Depth first with a stack of its own: a chain of a million nodes needs no recursion.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        path, positions = [root], [0]  # the nodes being visited, and which of its parents each looks at next
        while path:
            parents = _linked(path[-1])
            for position in range(positions[-1], len(parents)):
                parent = parents[position]
                if parent is not None and parent not in seen:
                    seen.add(parent)
                    positions[-1] = position + 1
                    path.append(parent)
                    positions.append(0)
                    break
            else:
                order.append(path.pop())
                positions.pop()
    return order


def _linked(node: Value) -> tuple[Any, ...]:
    """The fields that hold parents; None stands for a plain number."""
    if node._a is None:
        return ()
    return node._a if node._b is MANY else (node._a, node._b)


def apply_chain_rule(order: Sequence[Value], leaves: Sequence[Value]) -> None:
    """The chain rule from the result back, with the rule for zero, hooks, and a check for anomalies."""
    anomaly = current_mode().anomaly
    for node in order:
        node.grad = as_number(hooked(node, node.grad))
        if node._handmade is not None:
            node._handmade()
            if anomaly:
                for parent in node._a:
                    check_finite(parent.grad, node, parent)
            continue
        for parent, local in zip(node._operands(), node.local_gradients(), strict=True):
            if parent is not None:
                parent.grad += chain(node.grad, local)
                if anomaly:
                    cause = f": adjoint {node.grad:.6g} times local {local:.6g}"
                    check_finite(parent.grad, node, parent, cause)
    for leaf in leaves:
        leaf.grad = as_number(hooked(leaf, leaf.grad))


def gradients(output: Value, inputs: Iterable[Value], *, create_graph: bool = False) -> tuple[Any, ...]:
    """The derivatives of `output` by each of `inputs`, without touching any `.grad`.

    They are numbers, or with `create_graph` Values that can be differentiated again. An input the output does
    not depend on has derivative 0.

    >>> x = Value(3.0)
    >>> (slope,) = gradients(x**3, [x], create_graph=True)
    >>> slope.data, gradients(slope, [x])
    (27.0, (18.0,))
    """
    nodes: list[Any] = list(inputs) if hasattr(inputs, "__iter__") else [None]
    if not all(isinstance(node, Value) for node in (output, *nodes)):
        given = f"{output!r:.40}, {inputs!r:.80}"
        raise ValueTypeError(f"gradients needs a Value and a list of Values, got {given}")
    tracer = current_mode().tracer
    if tracer is not None:
        return tuple(tracer.gradients(output, nodes))
    order = topological_order(output)
    order.reverse()
    found = adjoints(order, output, 1.0, differentiable_locals if create_graph else number_locals)
    wanted = [found.get(node, 0.0) for node in nodes]
    return tuple(as_value(Value, gradient) for gradient in wanted) if create_graph else tuple(wanted)


def annotate(node: Value) -> Value:
    """Give a new node what the modes in force ask for: a scope, a source line, no parents, a check."""
    mode = current_mode()
    if mode.scope:
        node._scope = mode.scope
    if not mode.rare:
        return node
    if mode.tracer is not None:
        return mode.tracer.adopt(node)  # type: ignore[no-any-return]
    if mode.source:
        node._source = source_place() or ""
        if mode.guards is not None:
            node._guards = mode.guards.head
    if not mode.grad:
        node._rule, node._a, node._b = node._rule if node._a is None else LEAF, None, None
    elif mode.anomaly and node._a is not None and node._data - node._data != 0.0:
        raise AnomalyError(
            f"{operation(node)} gave {node._data}{place(node)}; its domain is {node._rule.op.domain}"
        )
    return node


# what the operands of most operations are
_ONLY_VALUES, _VALUES_AND_FLOATS = {Value}, {Value, float}
_DOT = ops.TABLE["dot"]
_methods.bind(Value, record, annotate)
