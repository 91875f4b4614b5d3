"""Clipping: gradients made smaller before a step, so that no steep place throws the parameters away."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..engine import Value
from ..errors import ArgumentError
from .inputs import is_list, is_number, shown
from .settings import above_zero

__all__ = ["clip_gradient_norm", "clip_gradient_value"]


def clip_gradient_value(parameters: Iterable[Value], limit: float) -> None:
    """Put every gradient back between −limit and limit.

    This may turn the direction of the step; `clip_gradient_norm` does not. A NaN stays NaN. Parameters that
    no backward pass has reached, and frozen ones, are left alone. Raises `ArgumentError` for a limit that is
    not above 0, and for gradients made by `backward(create_graph=True)`.

    >>> p, q = Value(1.0), Value(2.0)
    >>> p.grad, q.grad = -30.0, 0.5
    >>> clip_gradient_value([p, q], 1.0)
    >>> p.grad, q.grad
    (-1.0, 0.5)
    """
    limit = above_zero("limit", limit)
    for parameter in _with_gradients(parameters, "clip_gradient_value"):
        if parameter.grad > limit:
            parameter.grad = limit
        elif parameter.grad < -limit:
            parameter.grad = -limit


def clip_gradient_norm(parameters: Iterable[Value], limit: float) -> float:
    """Shrink all gradients together so that their norm is at most `limit`; returns the norm before.

    The norm is √(g₁² + … + gₙ²) over all parameters; its direction stays. As in PyTorch's `clip_grad_norm_`
    the factor is limit / (norm + 1e-6). Where the norm is NaN or infinite, nothing is changed (the returned
    norm tells). Parameters that no backward pass has reached, and frozen ones, are left alone. Raises
    `ArgumentError` as `clip_gradient_value` does. Source: Pascanu, Mikolov and Bengio 2013, "On the
    difficulty of training recurrent neural networks".

    >>> p, q = Value(1.0), Value(2.0)
    >>> p.grad, q.grad = 30.0, -40.0
    >>> clip_gradient_norm([p, q], 5.0)
    50.0
    >>> round(p.grad, 6), round(q.grad, 6)
    (3.0, -4.0)
    """
    limit = above_zero("limit", limit)
    reached = _with_gradients(parameters, "clip_gradient_norm")
    norm = math.hypot(*(parameter.grad for parameter in reached))
    factor = limit / (norm + 1e-6)
    if factor < 1.0 and math.isfinite(norm):
        for parameter in reached:
            parameter.grad = float(parameter.grad) * factor
    return norm


def _with_gradients(parameters: Any, taker: str) -> list[Value]:
    """The parameters whose gradients a step would use, checked before anything is changed."""
    if not is_list(parameters):
        raise ArgumentError(f"{taker} takes a list of parameters, got {shown(parameters)}: "
                            "give model.parameters()")
    listed = list(parameters)
    for parameter in listed:
        if not isinstance(parameter, Value):
            raise ArgumentError(f"{taker} takes Values, got {shown(parameter)}: give model.parameters()")
    reached = [parameter for parameter in listed if parameter.has_grad and not parameter.is_frozen]
    for parameter in reached:
        if isinstance(parameter.grad, Value):
            raise ArgumentError(f"{taker} takes gradients that are plain numbers, but that of {parameter!r} "
                                "is a Value, made by backward(create_graph=True). Clip after a plain "
                                "backward(), or write the limit into the loss: ops.clip, ops.norm")
        if not is_number(parameter.grad):
            raise ArgumentError(f"{taker} takes gradients that are numbers, got {shown(parameter.grad)}")
    return reached
