"""Penalties on large parameters, to be added to a loss: `fit(..., penalty=L2(1e-3))`.

Each is a function of a list of parameters, so that you choose which: all of them in `fit`, as in PyTorch's
`weight_decay`, or only the weights, `L2(0.01)([p for name, p in model.named_parameters() if ".w." in name])`.
Sources: Tibshirani 1996 (L1, the lasso), Hoerl and Kennard 1970 (L2, ridge regression), Zou and Hastie 2005
(elastic net).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .. import ops
from ..engine import Value, scope
from ..errors import ArgumentError
from .inputs import is_list, is_number, shown

__all__ = ["L1", "L2", "Elastic"]


@dataclass(frozen=True)
class L1:
    """strength · Σ|p|: pulls every parameter towards 0 alike, and holds there those that matter little.

    Its slope at p = 0 is 0, so that a parameter that starts there is not moved by it.

    >>> L1(0.5)([Value(3.0), Value(-4.0)]).data
    3.5
    """

    strength: float

    def __post_init__(self) -> None:
        _check("L1", "strength", self.strength)

    def __call__(self, parameters: Iterable[Value]) -> Value:
        checked = _checked(parameters, "L1")
        with scope("penalty"):
            return _absolute_sum(checked, self.strength)


@dataclass(frozen=True)
class L2:
    """strength · Σp², whose slope is 2 · strength · p: pulls large parameters more than small ones.

    Without a half before it, as in Keras and micrograd's demo. PyTorch's `weight_decay` is the slope without
    the factor 2, so with plain SGD `L2(s)` moves the parameters as `weight_decay=2 * s` does; scikit-learn's
    `MLPClassifier(alpha=a)` on n samples is `L2(a / (2 * n))` on the weights alone.

    >>> L2(0.5)([Value(3.0), Value(-4.0)]).data
    12.5
    """

    strength: float

    def __post_init__(self) -> None:
        _check("L2", "strength", self.strength)

    def __call__(self, parameters: Iterable[Value]) -> Value:
        checked = _checked(parameters, "L2")
        with scope("penalty"):
            return _squared_sum(checked, self.strength)


@dataclass(frozen=True)
class Elastic:
    """l1 · Σ|p| + l2 · Σp², the elastic net: `L1(l1)` and `L2(l2)` together.

    Keras's `L1L2`; scikit-learn's `ElasticNet` has half of l2.

    >>> Elastic(l1=0.5, l2=0.5)([Value(3.0), Value(-4.0)]).data
    16.0
    """

    l1: float
    l2: float

    def __post_init__(self) -> None:
        _check("Elastic", "l1", self.l1)
        _check("Elastic", "l2", self.l2)

    def __call__(self, parameters: Iterable[Value]) -> Value:
        checked = _checked(parameters, "Elastic")
        with scope("penalty"):
            return _absolute_sum(checked, self.l1) + _squared_sum(checked, self.l2)


def _absolute_sum(parameters: list[Value], strength: float) -> Value:
    total: Value = ops.sum([ops.abs(parameter) for parameter in parameters]) * strength
    return total


def _squared_sum(parameters: list[Value], strength: float) -> Value:
    total: Value = ops.dot(parameters, parameters) * strength
    return total


def _checked(parameters: Any, name: str) -> list[Value]:
    listed = list(parameters) if is_list(parameters) else []
    if not listed or not all(isinstance(parameter, Value) for parameter in listed):
        raise ArgumentError(f"{name} takes a list of at least one parameter, such as model.parameters(), got "
                            f"{shown(parameters)}")
    return listed


def _check(name: str, setting: str, number: Any) -> None:
    if not is_number(number) or not 0 <= number < math.inf:
        raise ArgumentError(f"{name}: {setting} is a finite number of at least 0, got {shown(number)}")
