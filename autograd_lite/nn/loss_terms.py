"""Each loss on one sample: the formula, from ops that neither overflow nor lose accuracy in the tails.

Sources: Huber 1964 (huber), Bishop 2006, section 4.3 (the cross-entropies), Szegedy et al. 2016 (label
smoothing), Cortes and Vapnik 1995 (hinge), Tang 2013 (squared hinge), and PyTorch's documentation for
where the logarithms of `bce` end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError

__all__ = [
    "absolute_error", "binary", "binary_of_logit", "class_of_log_probabilities", "class_of_logits",
    "for_each_output", "huber_error", "margin", "squared_error", "squared_margin",
]  # fmt: skip

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


def binary(probability: Value, target: float) -> Any:
    """−t·log p − (1−t)·log(1−p), with only the term that counts where t is 0 or 1."""
    p = probability.data
    if not 0 <= p <= 1:
        if p != p:
            return probability * target  # NaN in, NaN out
        raise ArgumentError(f"bce: an output is {p!r}; expected a probability between 0 and 1. Let the model "
                            "end in a sigmoid, or take bce_with_logits, which is more exact")
    if p * (1 - p) < LEAST_SPREAD:
        return _beyond_the_clamp(probability, target)
    if target == 1:
        return -ops.log(probability)
    if target == 0:
        return -ops.log1p(-probability)
    return ops.log(probability) * -target - ops.log1p(-probability) * (1 - target)


def _beyond_the_clamp(probability: Value, target: float) -> Any:
    """A straight line through the clamped loss, with the slope that PyTorch gives there.

    The formula's own slope is infinite at p = 0 and p = 1, and that of the clamped logarithm is 0, from
    which nothing could be learned.
    """
    p = float(probability.data)
    height = (target - 1) * max(ops.log1p.number(-p), LEAST_LOG) - target * max(ops.log.number(p), LEAST_LOG)
    slope = (p - target) / LEAST_SPREAD
    return (probability - probability.data) * slope + height


def binary_of_logit(logit: Value, target: float, *, pos_weight: float) -> Any:
    """w·t·softplus(−z) + (1−t)·softplus(z)."""
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


def class_of_logits(logits: list[Value], target: int, *, label_smoothing: float, weight: Weights) -> Any:
    """−log softmax(z)ₜ = softplus(logsumexp of the other logits − zₜ), smoothed and weighted.

    Smoothing by ε replaces that by (1−ε) times it plus ε times its mean over all classes in the place of t,
    which is the same as adding ε·(zₜ − mean z).
    """
    others = [logit for index, logit in enumerate(logits) if index != target]
    rest = others[0] if len(others) == 1 else ops.logsumexp(others)
    loss = ops.softplus(rest - logits[target])
    if weight is not None:
        return _weighted(loss, logits, target, label_smoothing, weight)
    if label_smoothing:
        loss = loss + (logits[target] - ops.mean(logits)) * label_smoothing
    return loss


def _weighted(
    loss: Value, logits: list[Value], target: int, smoothing: float, weight: Sequence[float]
) -> Any:
    if not smoothing:
        return loss * weight[target]
    # Σ wₖ(logsumexp z − zₖ) is the loss of t times Σ wₖ, plus Σ wₖ(zₜ − zₖ)
    share = smoothing / len(logits)
    apart = [(logits[target] - logit) * w for logit, w in zip(logits, weight, strict=True)]
    return loss * ((1 - smoothing) * weight[target] + share * sum(weight)) + ops.sum(apart) * share


def class_of_log_probabilities(logs: list[Value], target: int, *, weight: Weights) -> Any:
    """−(the logarithm of the right class's probability)."""
    largest = max(float(log.data) for log in logs)
    if largest > 1e-6:  # rounding may take the logarithm of 1 a little above 0
        raise ArgumentError(f"nll: an output is {largest!r}; expected logarithms of probabilities, which are "
                            "at most 0. For raw scores take cross_entropy")
    return -logs[target] if weight is None else logs[target] * -weight[target]
