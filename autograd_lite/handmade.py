"""Ops made by hand in micrograd's way: `Value(data, (a, b), "op")` and a function assigned to `_backward`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import GraphError, ValueTypeError
from .rules import MANY, Rule

if TYPE_CHECKING:
    from .engine import Value

__all__ = ["HandmadeOp", "become_handmade", "make_by_hand"]


class HandmadeOp:
    """Stands where a row of the op table would, for an op made by hand: only its name is known."""

    __slots__ = ("arity", "condition", "domain", "immediates", "infix", "name", "symbol")

    def __init__(self, name: str, arity: int) -> None:
        self.name = name or "hand-made"
        self.symbol = name
        self.arity = arity
        self.infix = ""
        self.immediates: dict[str, Any] = {}
        self.condition = False
        self.domain = "finite numbers"

    def __repr__(self) -> str:
        return f"<hand-made op {self.name}>"

    def local_gradients(self, *_: Any) -> NoReturn:
        """Raise `GraphError`: only the function its maker assigned knows them."""
        raise GraphError(
            f"{self.name} is a hand-made op: its local gradients are unknown, backward() can be used"
        )


def make_by_hand(node: Value, children: Any, name: str) -> None:
    """Give a node its parents and a name; until its maker assigns `_backward`, nothing is passed on."""
    parents = tuple(children) if hasattr(children, "__iter__") else (children,)
    if not hasattr(children, "__iter__") or not all(hasattr(parent, "_rule") for parent in parents):
        raise ValueTypeError(
            f"the children of a hand-made node must be a tuple of Values, got {children!r:.80}. "
            "For a name write Value(2.0, label='x')"
        )
    if not parents:  # a leaf, as any other
        node._leaf_op = name
        return
    node._handmade = _pass_nothing_on
    node._a, node._b, node._x = parents, MANY, tuple(parent._data for parent in parents)
    node._y = ()
    node._rule = Rule(HandmadeOp(name, len(parents)), None, _pull_handmade)


def become_handmade(node: Value, function: Callable[[], None]) -> None:
    """Put a user's function in the place of the chain rule of this node."""
    if node._a is not None and node._handmade is None:
        parents = tuple(p for p, tracked in zip(node.parents, node.tracked, strict=True) if tracked)
        make_by_hand(node, parents, node.op_text)
    node._handmade = function  # on a leaf it stays unused, as in micrograd


def _pull_handmade(node: Value) -> None:
    if node.grad != node.grad:  # what its maker does with NaN is unknown: leave it to the careful sweep
        raise ArithmeticError
    node._backward()


def _pass_nothing_on() -> None:
    """What micrograd's nodes do until a `_backward` is assigned."""
