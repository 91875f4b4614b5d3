"""What a node can say of itself: parents, op, operand values, scope. And words that find it in an error
message.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from .errors import AnomalyError, GraphError
from .handmade import HandmadeOp
from .ops import Op
from .rules import CONSTANT, FROZEN, MANY, UNREACHED, Rule
from .sources import Place

if TYPE_CHECKING:
    from .engine import Value

__all__ = ["Inspection", "constant_leaf", "copied", "describe", "operation", "place"]


class Inspection:
    """The read-only properties of a Value."""

    __slots__ = ()

    # What few nodes have is kept in the instance's __dict__, which Python makes when it is first written to:
    # reading these defaults from the class costs a node nothing.
    _constants: dict[int, Value] | None = None  # the leaves that stand for plain numbers of the expression
    _handmade: Callable[[], None] | None = None  # a `_backward` of the user's own
    _hooks: Any = ()
    _leaf_op: str = ""  # the name a leaf was given in the place of an op
    _pinned: tuple[float, ...] | None = None  # the slopes, if the number was replaced since
    _guards: Any = None  # the newest guard when this node was made, () if none; None: nobody looked
    _source: Place | str = ""  # a node that was read from a file has the words alone

    if TYPE_CHECKING:
        _a: Any
        _b: Any
        _data: float
        _label: str
        _rule: Rule
        _scope: str
        _x: Any
        _y: Any
        grad: Any

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands, in order and with repetition; a plain number of the expression is a constant leaf
        here.

        >>> from autograd_lite import Value
        >>> x = Value(3.0, label="x")
        >>> (x * x).parents == (x, x), (2.0 * x).parents[0].is_constant, len((x**2).parents)
        (True, True, 1)
        """
        operands = self._operands()
        if all(operand is not None for operand in operands):  # `in` would compare numbers
            return operands
        constants = self._constants
        if constants is None:
            constants = self._constants = {}  # type: ignore[misc]  # kept in the instance's __dict__
        for position, parent in enumerate(operands):
            if parent is None and position not in constants:
                constants[position] = constant_leaf(self.__class__, self.operand_values[position])
        return tuple(constants[k] if parent is None else parent for k, parent in enumerate(operands))

    def _operands(self) -> tuple[Any, ...]:
        """The parents, None in the place of a plain number."""
        if self._a is None:
            return ()
        if self._b is MANY:
            return self._a  # type: ignore[no-any-return]
        if self._rule.op.arity == 1:
            return (self._a,)
        first, second = self.tracked
        return (self._a if first else None, self._b if second else None)

    @property
    def op(self) -> Op | Any:
        """The row of the op table that made this node; None for a leaf."""
        return self._rule.op

    @property
    def op_text(self) -> str:
        """What a drawing shows: "*", "tanh", "**2", "leaky_relu(0.1)"; "" for a leaf."""
        op = self._rule.op
        if op is None:
            return ""
        settings = ", ".join(
            f"{value:g}" if value.__class__ is float else str(value) for value in self.immediates
        )
        if op.infix:
            return op.infix + settings
        return f"{op.symbol}({settings})" if settings else op.symbol

    @property
    def immediates(self) -> tuple[Any, ...]:
        """The static numbers of the op, such as the exponent of `x**2` or the slope of a leaky ReLU."""
        op, settled = self._rule.op, self._rule.immediates
        if settled is not None:
            return settled
        if op is None or not op.immediates:
            return ()
        return self._y if self._y.__class__ is tuple else (self._y,)  # one alone is kept bare

    @property
    def operand_values(self) -> tuple[float, ...]:
        """The parents' numbers when this node was made."""
        if self._a is None:
            return ()
        if self._b is MANY:
            return self._x  # type: ignore[no-any-return]
        return (self._x,) if self._rule.op.arity == 1 else (self._x, self._y)

    @property
    def tracked(self) -> tuple[bool, ...]:
        """For each parent whether an adjoint flows to it: not to a plain number of the expression."""
        if self._b is MANY:
            return tuple(parent is not None for parent in self._a)
        return self._rule.tracked or ()

    # Most nodes have no label, scope or source line, and then the slot is left unset. (A __getattr__ would
    # say the same in one place, but Python then gives up its fast path for every attribute of the class.)

    @property
    def label(self) -> str:
        """The name a reader knows this node by; "" if none was given."""
        try:
            return self._label
        except AttributeError:
            return ""

    @label.setter
    def label(self, text: str) -> None:
        self._label = "" if text is None else str(text)  # type: ignore[misc]  # the slot is Value's

    @property
    def scope(self) -> str:
        """The path of scopes this node was made in, such as "model/layer 0/neuron 2"."""
        try:
            return self._scope
        except AttributeError:
            return ""

    @scope.setter
    def scope(self, path: str) -> None:
        self._scope = str(path)  # type: ignore[misc]  # the slot is Value's

    @property
    def source(self) -> str:
        """`file.py:12`, where this node was made, if it was made within `trace_source()`; else ""."""
        source = self._source
        return source if source.__class__ is str else source.name  # type: ignore[union-attr]

    @property
    def is_leaf(self) -> bool:
        """Whether this node was not computed from others."""
        return self._a is None

    @property
    def is_constant(self) -> bool:
        """Whether this leaf stands for a plain number of an expression."""
        return self._rule is CONSTANT

    @property
    def is_condition(self) -> bool:
        """Whether `where` takes this node as its condition."""
        return self._rule.op is not None and self._rule.op.condition

    @property
    def is_frozen(self) -> bool:
        """Whether `backward()` leaves this leaf alone."""
        return self._rule is FROZEN or self._rule is CONSTANT

    @property
    def is_handmade(self) -> bool:
        """Whether this node is an op made by hand in micrograd's way, whose rule is not in the table."""
        return self._rule.op.__class__ is HandmadeOp

    def _given_to(self, leaf: Any, label: str) -> bool:
        """Whether `Value(self)` has been made: not of a Value; the number of one that is traced says how."""
        return False

    @property
    def has_grad(self) -> bool:
        """Whether a backward pass has reached this node since `zero_grad()`."""
        return self.grad is not UNREACHED and self.grad is not None


def describe(node: Any) -> str:
    """Words that find a node: its label, op, scope and the line that made it.

    >>> from autograd_lite import Value
    >>> describe(Value(2.0, label="x"))
    '"x"'
    >>> describe(Value(2.0).tanh())
    'the node tanh(2)'
    """
    operands = ", ".join(f"{value:.6g}" for value in node.operand_values[:4])
    made = f"{node.op.name}({operands})" if node.op is not None else f"{node._data:.6g}"
    name = f'"{node.label}"' if node.label else f"the {'leaf' if node.op is None else 'node'} {made}"
    details = [
        node.op.name if node.label and node.op is not None else "",
        node.scope,
        node.source and f"made at {node.source}",
    ]
    told = ", ".join(detail for detail in details if detail)
    return f"{name} ({told})" if told else name


def operation(node: Any) -> str:
    """The operation with its operands, as in `log(x = 0)`."""
    operands = (
        f"{p.label} = {v:.6g}" if p.label else f"{v:.6g}"
        for p, v in zip(node.parents, node.operand_values, strict=True)
    )
    return f"{node.op.name}({', '.join(operands)})"


def place(node: Any) -> str:
    """Where a node stands, in brackets: its label, scope and source line; "" if nothing is known."""
    details = [
        f'node "{node.label}"' if node.label else "",
        node.scope,
        f"made at {node.source}" if node.source else "",
    ]
    told = ", ".join(detail for detail in details if detail)
    return f" ({told})" if told else ""


def check_finite(derivative: Any, node: Any, parent: Any = None, cause: str = "") -> None:
    """Raise `AnomalyError` if going through a node made a derivative NaN or infinite.

    That is the gradient of a parent, going back, or without a parent the node's tangent, going forward.
    """
    number = getattr(derivative, "_data", derivative)
    if number - number != 0.0:
        made = "its tangent" if parent is None else f"the gradient of {describe(parent)}"
        way = "forward" if parent is None else "back"
        raise AnomalyError(f"going {way} through {operation(node)}{place(node)} made {made} {number}{cause}")


def constant_leaf(value_class: Any, number: float) -> Any:
    """The leaf that stands for a plain number of an expression."""
    leaf = object.__new__(value_class)
    leaf._data, leaf.grad, leaf._rule, leaf._a, leaf._b = number, UNREACHED, CONSTANT, None, None
    return leaf


def copied(node: Any, memo: dict[int, Any]) -> Any:
    """One node of a deep copy; its parents are in the memo. Raises `GraphError` for a hand-made op."""
    if node.is_handmade:
        raise GraphError(
            f"{describe(node)} is a hand-made op: its _backward belongs to the original and cannot be copied"
        )
    copy = object.__new__(node.__class__)
    memo[id(node)] = copy
    grad = node.grad
    copy._data, copy._rule = node._data, node._rule
    copy.grad = grad if grad.__class__ is float or hasattr(grad, "_rule") else deepcopy(grad, memo)
    first, second = node._a, node._b
    if second is MANY:
        copy._a, copy._b = tuple([p if p is None else memo[id(p)] for p in first]), MANY
    else:
        copy._a = None if first is None else memo[id(first)]
        copy._b = None if second is None else memo[id(second)]
    referents = 6  # the class and the five slots above
    for name in _UNSET_AT_TIMES:
        try:
            setattr(copy, name, getattr(node, name))
            referents += 1
        except AttributeError:
            continue
    # asking for __dict__ would make one for every node; counting what the node refers to does not
    if len(gc.get_referents(node)) != referents:
        for name, value in vars(node).items():
            if name not in ("_constants", "_guards", "_hooks"):
                setattr(copy, name, deepcopy(value, memo))
    return copy


_UNSET_AT_TIMES = ("_x", "_y", "_label", "_scope")
