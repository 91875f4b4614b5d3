"""Activations by name from the op table, or any function of one Value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError, nearest

__all__ = ["Activation", "activation_named"]

Activation = str | Callable[[Value], Value]
"""The name of a row of the op table with one operand, "linear" for none, or a function of one Value."""

# What an error message suggests: not "tan" for "tahn".
_IMPORTED = {**vars(ops.elementary), **vars(ops.special)}
USUAL = ["linear", "tanh", *(row.name for name, row in vars(ops.activations).items()
                             if isinstance(row, ops.Op) and row.arity == 1 and name not in _IMPORTED)]


def activation_named(activation: Any) -> tuple[str, Callable[[Value], Value] | None]:
    """Name and function of an activation; the function is None for "linear".

    >>> activation_named("tanh")[0]
    'tanh'
    >>> activation_named("tahn")
    Traceback (most recent call last):
    autograd_lite.errors.ArgumentError: unknown activation 'tahn': did you mean 'tanh'? ...
    """
    if not isinstance(activation, str):
        if not callable(activation):
            raise ArgumentError(f"activation is a name or a function of one Value, got {activation!r}")
        name = getattr(activation, "name", None) or getattr(activation, "__name__", "custom")
        return str(name), activation
    if activation == "linear":
        return activation, None
    if (op := ops.TABLE.get(activation)) is None or op.arity != 1:
        raise ArgumentError(f"unknown activation {activation!r}: {nearest(activation, USUAL)}; "
                            "or any other op of one operand, or a function of one Value")
    return activation, getattr(Value, activation, op)  # the method is the op's fast path
