"""Each loss on one sample: the formula, from ops that neither overflow nor lose accuracy in the tails.

Sources: Huber 1964 (huber), Bishop 2006, section 4.3 (the cross-entropies), Szegedy et al. 2016 (label
smoothing), Cortes and Vapnik 1995 (hinge), Tang 2013 (squared hinge), and PyTorch's documentation for
where the logarithms of `bce` end.

A target is a number, or a Value while a tape is recorded, which is to hold for every target: no rule branches
on such a one. What stands for the branches then gives the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError

__all__ = [
    "absolute_error", "binary", "binary_of_logit", "class_of_log_probabilities", "class_of_logits",
    "for_each_output", "huber_error", "margin", "squared_error", "squared_margin",
]  # fmt: skip

Target = Any
"""A number; a Value while a tape is recorded."""

LEAST_LOG = -100.0
LEAST_SPREAD = 9.999999960041972e-13  # 1e-12 in single precision, which is what PyTorch divides by


def for_each_output(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule for one output as a rule for one sample: the mean over its outputs."""

    def term(output: Any, target: Any, **settings: Any) -> Any:
        if not isinstance(output, list):
            return rule(output, target, **settings)
        pairs = zip(output, target, strict=True)
        return ops.mean([rule(value, number, **settings) for value, number in pairs])

    return term


# numbers


def squared_error(output: Value, target: float) -> Any:
    """(output − target)²."""
    return (output - target) ** 2


def absolute_error(output: Value, target: float) -> Any:
    """|output − target|."""
    return ops.abs(output - target)


def huber_error(output: Value, target: float, *, delta: float) -> Any:
    """½ d² for |d| ≤ δ and δ(|d| − ½ δ) beyond, where d = output − target.

    With c = d kept within ±δ both are c·(d − ½ c): no branch, and the slope at ±δ is that of both sides.
    """
    error = output - target
    kept = ops.clip(error, -delta, delta)
    return kept * (error - kept * 0.5)


# probabilities


def binary(probability: Value, target: Target) -> Any:
    """−t·log p − (1−t)·log(1−p), with only the term that counts where t is 0 or 1."""
    p = probability.data
    if not 0 <= p <= 1:
        if p != p:
            return probability * target  # NaN in, NaN out
        raise ArgumentError(f"bce: an output is {p!r}; expected a probability between 0 and 1. Let the model "
                            "end in a sigmoid, or take bce_with_logits, which is more exact")
    if p * (1 - p) < LEAST_SPREAD:
        return _beyond_the_clamp(probability, target)
    if not isinstance(target, Value):
        if target == 1:
            return -ops.log(probability)
        if target == 0:
            return -ops.log1p(-probability)
    return ops.log(probability) * -target - ops.log1p(-probability) * (1 - target)


def _beyond_the_clamp(probability: Value, target: Target) -> Any:
    """A straight line through the clamped loss, with the slope that PyTorch gives there.

    The formula's own slope is infinite at p = 0 and p = 1, and that of the clamped logarithm is 0, from
    which nothing could be learned.
    """
    p = probability.data
    right, wrong = ops.maximum(ops.log(p), LEAST_LOG), ops.maximum(ops.log1p(-p), LEAST_LOG)
    height = (target - 1) * wrong - target * right
    slope = (p - target) / LEAST_SPREAD
    return (probability - p) * slope + height


def binary_of_logit(logit: Value, target: Target, *, pos_weight: float) -> Any:
    """w·t·softplus(−z) + (1−t)·softplus(z)."""
    if isinstance(target, Value):
        return ops.softplus(-logit) * (target * pos_weight) + ops.softplus(logit) * (1 - target)
    if target == 0:
        return ops.softplus(logit)
    right = ops.softplus(-logit)
    if (share := target * pos_weight) != 1:
        right = right * share
    return right if target == 1 else right + ops.softplus(logit) * (1 - target)


# margins


def margin(output: Value, target: float) -> Any:
    """relu(1 − target·output)."""
    return ops.relu(1 - output * target)


def squared_margin(output: Value, target: float) -> Any:
    """relu(1 − target·output)²."""
    return margin(output, target) ** 2


# classes

Weights = Sequence[float] | None


def class_of_logits(logits: list[Value], target: Target, *, label_smoothing: float, weight: Weights) -> Any:
    """−log softmax(z)ₜ = softplus(logsumexp of the other logits − zₜ), smoothed and weighted.

    Smoothing by ε replaces that by (1−ε) times it plus ε times its mean over all classes in the place of t,
    which is the same as adding ε·(zₜ − mean z).
    """
    if isinstance(target, Value):
        right, others = ops.take(logits, target), ops.put(logits, target, -math.inf)
    else:
        right, others = logits[target], [logit for index, logit in enumerate(logits) if index != target]
    rest = others[0] if len(others) == 1 else ops.logsumexp(others)
    loss = ops.softplus(rest - right)
    if weight is not None:
        return _weighted(loss, logits, right, ops.take(weight, target), label_smoothing, weight)
    if label_smoothing:
        loss = loss + (right - ops.mean(logits)) * label_smoothing
    return loss


def _weighted(
    loss: Value, logits: list[Value], right: Value, own: Any, smoothing: float, weight: Sequence[float]
) -> Any:
    """The loss weighted; `right` is the right logit and `own` the weight of its class."""
    if not smoothing:
        return loss * own
    # Σ wₖ(logsumexp z − zₖ) is the loss of t times Σ wₖ, plus Σ wₖ(zₜ − zₖ)
    share = smoothing / len(logits)
    apart = [(right - logit) * w for logit, w in zip(logits, weight, strict=True)]
    return loss * ((1 - smoothing) * own + share * sum(weight)) + ops.sum(apart) * share


def class_of_log_probabilities(logs: list[Value], target: Target, *, weight: Weights) -> Any:
    """−(the logarithm of the right class's probability)."""
    largest = ops.max([log.data for log in logs])
    if largest > 1e-6:  # rounding may take the logarithm of 1 a little above 0
        raise ArgumentError(f"nll: an output is {largest!r}; expected logarithms of probabilities, which are "
                            "at most 0. For raw scores take cross_entropy")
    right = ops.take(logs, target)
    return -right if weight is None else right * -ops.take(weight, target)
