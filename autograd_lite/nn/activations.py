"""Activations by name from the op table, or any function of one Value; and `Activation`, a module of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError, nearest
from .inputs import as_inputs, is_number, shown
from .modules import Module

__all__ = ["Activation", "AnyActivation", "activation_named"]

AnyActivation = str | Callable[[Value], Value]
"""The name of a row of the op table with one operand, "linear" for none, or a function of one Value."""

# What an error message suggests: not "tan" for "tahn".
_IMPORTED = {**vars(ops.elementary), **vars(ops.special)}
USUAL = ["linear", "tanh", *(row.name for name, row in vars(ops.activations).items()
                             if isinstance(row, ops.Op) and row.arity == 1 and name not in _IMPORTED)]


def _log_softmax(values: Sequence[Value]) -> list[Value]:
    total = ops.logsumexp(values)
    return [value - total for value in values]


# These take all numbers of a sample together.
_OF_ALL: dict[str, Callable[[Sequence[Value]], list[Value]]] = {
    "softmax": ops.softmax,
    "log_softmax": _log_softmax,
}


def activation_named(activation: Any, *further: str) -> tuple[str, Callable[[Value], Value] | None]:
    """Name and function of an activation; the function is None for "linear". An error also names `further`.

    >>> activation_named("tanh")[0]
    'tanh'
    >>> activation_named("tahn")
    Traceback (most recent call last):
    autograd_lite.errors.ArgumentError: unknown activation 'tahn': did you mean 'tanh'? ...
    """
    if not isinstance(activation, str):
        if not callable(activation):
            raise ArgumentError(f"activation is a name or a function of one Value, got {activation!r}")
        if isinstance(activation, ops.Op) and activation.arity != 1:
            raise ArgumentError(f"an activation is an op of one operand, and {activation.name} takes "
                                f"{activation.arity or 'any number of them'}")
        name = getattr(activation, "name", None) or getattr(activation, "__name__", "custom")
        return str(name), activation
    if activation == "linear":
        return activation, None
    if activation in _OF_ALL:
        raise ArgumentError(f"{activation} is of all numbers of a sample together, not of one: "
                            f"nn.Sequential(model, {activation!r})")
    if (op := ops.TABLE.get(activation)) is None or op.arity != 1:
        raise ArgumentError(f"unknown activation {activation!r}: {nearest(activation, [*USUAL, *further])}; "
                            "or any other op of one operand, or a function of one Value")
    return activation, getattr(Value, activation, op)  # the method is the op's fast path


class Activation(Module):
    """An activation as a module, applied to each number of a sample: what a name in `Sequential` becomes.

    `activation` is a row of the op table with one operand by name, with settings if it has any, or a
    function of one Value; "softmax" and "log_softmax" are taken over the whole sample. Raises
    `ArgumentError` for unknown names and settings, and for a function that gives no Value.

    >>> [out.data for out in Activation("leaky_relu", slope=0.5)([-2.0, 2.0])]
    [-1.0, 2.0]
    >>> [out.data for out in Activation("softmax")([1.0, 1.0])]
    [0.5, 0.5]
    """

    def __init__(self, activation: AnyActivation, **settings: float) -> None:
        given: Any = activation
        activation = "softmax" if given is ops.softmax else activation
        self._of_all = _OF_ALL.get(activation) if isinstance(activation, str) else None
        self._activate: Callable[[Value], Value] | None = None
        if self._of_all is not None:
            self.activation = str(activation)
        else:
            self.activation, self._activate = activation_named(activation, *_OF_ALL)
        self._settings = settings
        known = ops.TABLE[self.activation].immediates if self._is_row() else ()
        for name, value in settings.items():
            if name not in known:
                takes = f"takes {', '.join(known)}" if known else "takes no settings"
                raise ArgumentError(f"activation {self.activation!r} {takes}, got {name}={value!r}")
            if not is_number(value):
                raise ArgumentError(f"activation {self.activation!r}: {name} is a number, got {shown(value)}")
        if settings and self._activate is not None:
            self._activate = partial(self._activate, **settings)

    def _is_row(self) -> bool:
        return self._activate is not None and self.activation in ops.TABLE

    def forward(self, x: Any) -> list[Value]:
        """The activation of each number of one sample."""
        values = as_inputs(x, None if hasattr(x, "__iter__") else 1, self)
        if self._of_all is not None:
            return self._of_all(values)
        if self._activate is None:
            return list(values)
        outputs = [self._activate(value) for value in values]
        for output in outputs:
            if not isinstance(output, Value):
                raise ArgumentError(f"{self._title} takes a function of one Value that gives a Value, "
                                    f"{self.activation} gave {shown(output)}")
        return outputs

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self._settings.items())
        return f"Activation({self.activation!r}{settings})"

    def _kind(self) -> str:
        return Activation.__repr__(self)
