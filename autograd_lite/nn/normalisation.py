"""Normalisation: numbers brought to a common size, over a batch, over a sample, or by their root mean square.

Sources: Ioffe and Szegedy 2015 (BatchNorm), Ba, Kiros and Hinton 2016 (LayerNorm), Zhang and Sennrich 2019
(RMSNorm); the defaults and what is kept are PyTorch's.
"""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError
from .initialisation import RandomSource
from .inputs import as_inputs, as_size, is_number
from .modules import Module

__all__ = ["RMSNorm"]


class RMSNorm(Module):
    """`x / sqrt(mean(x²) + eps)`, times a learnt `weight` for each number unless `affine` is False.

    Without `affine` it is what microgpt calls rmsnorm. Weights start at 1. Like `torch.nn.RMSNorm`, save for
    the default of `eps`, which is there the smallest difference from 1 that the type of the number knows.

    Raises `ArgumentError` for a size or `eps` that makes no sense, and for a sample of another length.

    >>> norm = RMSNorm(2, eps=0.0)
    >>> [round(out.data, 4) for out in norm([3.0, -4.0])]
    [0.8485, -1.1314]
    >>> len(norm.parameters()), len(RMSNorm(2, affine=False).parameters())
    (2, 0)
    """

    def __init__(self, width: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        self.width, self.eps = as_size(width, "width"), _as_eps(eps)
        self.weight = _ones(self.width) if affine else None

    def reset_parameters(self, rng: RandomSource) -> None:
        """The weights are 1 again."""
        _set_all(self.weight, 1.0)

    def forward(self, x: Any) -> list[Value]:
        """One sample of `width` numbers or Values, brought to root mean square 1 and weighted."""
        values = as_inputs(x, self.width, self)
        scale = _reciprocal_root(values, self.eps)
        return _affine([value * scale for value in values], self.weight, None)

    def __repr__(self) -> str:
        return f"RMSNorm({self.width}{'' if self.weight is not None else ', affine=False'})"

    def _kind(self) -> str:
        return f"RMSNorm({self.width}, eps={self.eps:g})"


def _reciprocal_root(values: Any, eps: float) -> Value:
    """1 / sqrt(mean(values²) + eps)."""
    mean_square: Value = ops.dot(values, values) / len(values)
    scale: Value = (mean_square + eps) ** -0.5
    return scale


def _affine(values: list[Value], weights: list[Value] | None, biases: list[Value] | None) -> list[Value]:
    """Each number times its weight plus its bias, as far as there are any."""
    if weights is not None:
        values = [value * weight for value, weight in zip(values, weights, strict=True)]
    if biases is not None:
        values = [value + bias for value, bias in zip(values, biases, strict=True)]
    return values


def _ones(width: int) -> list[Value]:
    return [Value(1.0, label=f"g{index}") for index in range(width)]


def _set_all(parameters: list[Value] | None, number: float) -> None:
    for parameter in parameters or ():
        parameter.data = number


def _as_eps(eps: Any) -> float:
    if not is_number(eps) or not 0.0 <= eps < math.inf:
        raise ArgumentError(f"eps is a number of at least 0 that keeps from dividing by 0, got {eps!r}")
    return float(eps)
