"""Ops made by hand in micrograd's way: `Value(data, (a, b), "op")` and a function assigned to `_backward`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import ValueTypeError
from .rules import MANY, Rule

if TYPE_CHECKING:
    from .engine import Value

__all__ = ["HandmadeOp", "become_handmade", "make_by_hand"]


class HandmadeOp:
    """Stands where a row of the op table would, for an op made by hand in micrograd's way: only its name is
    known.
    """

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


def make_by_hand(node: Value, parents: tuple[Any, ...], name: str) -> None:
    """Give a node its parents and a name; its maker may assign `_backward`, and until then nothing is passed
    on.
    """
    if not all(hasattr(parent, "_rule") for parent in parents):
        raise ValueTypeError(
            f"the children of a hand-made node must be Values, got {parents!r:.80}. "
            "For a name write Value(2.0, label='x')"
        )
    node._handmade = _pass_nothing_on
    if parents:
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
