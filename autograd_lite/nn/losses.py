"""Losses: how far a model's outputs are from the targets, as one `Value`.

Each is written for one sample (`loss_terms.py`); over lists it is the mean, which is what PyTorch's
`reduction="mean"` gives. One sample may also be given by itself: `mse(model(x), 1.0)`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .. import ops
from ..engine import Value, scope
from ..errors import ArgumentError, nearest
from . import loss_terms as terms
from .inputs import is_number, shown
from .targets import (
    Target,
    a_class,
    a_number,
    a_probability,
    a_sign,
    checked_target,
    flat_output,
    paired,
)
from .tracing import is_traced

__all__ = [
    "LOSSES", "Loss", "bce", "bce_with_logits", "cross_entropy", "flat_output", "hinge", "huber",
    "known_loss", "loss_named", "mae", "mse", "nll", "squared_hinge",
]  # fmt: skip

Answers = Literal["numbers", "probabilities", "logits", "signs", "classes"]
"""How the outputs say which class a sample has: not at all or by rounding, by a probability above ½, by a
logit above 0, by their sign, or by which of them is the largest."""


@dataclass(frozen=True)
class Loss:
    """One loss: its formula for one sample, its settings, and which targets it takes."""

    name: str
    rule: Callable[..., Any]
    complaint: Callable[[float], str]
    answers: Answers = "numbers"
    settings: Mapping[str, Any] = field(default_factory=dict)

    term: Callable[[Any, Any], Any] = field(init=False, repr=False, compare=False)
    """The loss of one sample, from its output and its target, which `check` has approved."""

    def __post_init__(self) -> None:
        rule = functools.partial(self.rule, **self.settings) if self.settings else self.rule
        object.__setattr__(self, "term", rule)  # made once, as training calls it for every sample

    @property
    def by_class(self) -> bool:
        """Whether a target is the index of one of the outputs, not a number for each of them."""
        return self.complaint is a_class

    def check(self, targets: Sequence[Any], width: int) -> list[Target]:
        """The targets as this loss takes them, for a model of `width` outputs.

        Raises `ArgumentError` naming the first target that does not fit.
        """
        weight = self.settings.get("weight")
        if weight is not None and len(weight) != width:
            raise ArgumentError(f"{self.name}: weight has {len(weight)} numbers, expected {width}, one for "
                                "each class")
        return [checked_target(self.name, self.complaint, target, width, index)
                for index, target in enumerate(targets)]

    def mean(self, outputs: Any, targets: Any) -> Value:
        """The mean over samples, as one graph in a scope named after the loss."""
        rows, wanted = paired(self.name, outputs, targets, self.by_class)
        checked = self.check(wanted, len(rows[0]) if isinstance(rows[0], list) else 1)
        weight = self.settings.get("weight")
        with scope(self.name):
            losses = [self.term(output, target) for output, target in zip(rows, checked, strict=True)]
            if weight is not None:
                weights = [ops.take(weight, target) for target in checked]
                add = ops.sum if is_traced(checked[0]) else math.fsum
                value: Value = ops.sum(losses) / add(weights)
            else:
                value = losses[0] if len(losses) == 1 else ops.mean(losses)
        return value

    def having(self, **settings: Any) -> Loss:
        """This loss with other settings; `ArgumentError` for one that it does not have or cannot take.

        >>> LOSSES["huber"].having(delta=0.5).settings
        {'delta': 0.5}
        """
        for name in settings:
            if name not in self.settings:
                known = f": {nearest(name, self.settings)}" if self.settings else "; it has none"
                raise ArgumentError(f"{self.name} has no setting {name!r}{known}")
        checked = {name: _SETTINGS[name](self.name, setting) for name, setting in settings.items()}
        return replace(self, settings={**self.settings, **checked})


def mse(outputs: Any, targets: Any) -> Value:
    """Mean squared error, the mean of (output − target)² over all samples and outputs.

    >>> mse([Value(1.0), Value(4.0)], [0.0, 2.0]).data
    2.5
    """
    return LOSSES["mse"].mean(outputs, targets)


def mae(outputs: Any, targets: Any) -> Value:
    """Mean absolute error, the mean of |output − target|: one sample far off counts less than in `mse`.

    Its slope where output and target are equal is 0, as in PyTorch's `L1Loss`.

    >>> mae([Value(1.0), Value(4.0)], [0.0, 2.0]).data
    1.5
    """
    return LOSSES["mae"].mean(outputs, targets)


def huber(outputs: Any, targets: Any, *, delta: float = 1.0) -> Value:
    """Huber's loss: ½ d² for errors d of at most `delta`, and δ(|d| − ½ δ), a straight line, beyond.

    Smooth like `mse` near the target, and as little moved by one sample far off as `mae` (Huber 1964,
    "Robust estimation of a location parameter"; PyTorch's `HuberLoss`). In `fit`:
    `loss=functools.partial(nn.huber, delta=0.5)`.

    >>> huber([Value(0.5), Value(4.0)], [0.0, 2.0]).data  # the mean of 0.125 and 1.5
    0.8125
    """
    return LOSSES["huber"].having(delta=delta).mean(outputs, targets)


def bce(outputs: Any, targets: Any) -> Value:
    """Binary cross-entropy of probabilities: the mean of −t·log p − (1−t)·log(1−p), targets t in [0, 1].

    The logarithms end at −100, and the slope is (p − t)/max(p(1−p), 10⁻¹²), both as in PyTorch's `BCELoss`:
    a wrong answer of exactly 0 or 1 costs 100, not infinity. `bce_with_logits` needs no such thing.
    Raises `ArgumentError` for an output that is no probability.

    >>> bce([Value(0.5), Value(0.0)], [1, 1]).data == (math.log(2) + 100) / 2
    True
    """
    return LOSSES["bce"].mean(outputs, targets)


def bce_with_logits(outputs: Any, targets: Any, *, pos_weight: float = 1.0) -> Value:
    """Binary cross-entropy of σ(output) against targets in [0, 1].

    Written t·softplus(−z) + (1−t)·softplus(z), with only the term that counts where t is 0 or 1: nothing is
    subtracted, so that a nearly certain answer keeps its full relative accuracy. `pos_weight` multiplies the
    first term: above 1, where the label 1 is rare and must not be missed.

    >>> bce_with_logits([Value(50.0)], [1]).data
    1.9287498479639178e-22
    """
    return LOSSES["bce_with_logits"].having(pos_weight=pos_weight).mean(outputs, targets)


def cross_entropy(
    outputs: Any, targets: Any, *, label_smoothing: float = 0.0, weight: Sequence[float] | None = None
) -> Value:
    """−log softmax(outputs)[target], the target being the index of the right class.

    Written softplus(logsumexp of the other logits − the right logit), which equals
    logsumexp(all) − the right logit but does not cancel when the right logit is by far the largest.

    `label_smoothing` ε, from 0 to 1, takes the share ε from the right class and gives it to all classes
    alike (Szegedy et al. 2016, "Rethinking the Inception architecture"). `weight` has one number for each
    class, for classes that are rare; the mean is then the weighted one, as in PyTorch.

    >>> cross_entropy([[Value(0.0), Value(0.0)]], [1]).data == math.log(2)
    True
    """
    loss = LOSSES["cross_entropy"].having(label_smoothing=label_smoothing, weight=weight)
    return loss.mean(outputs, targets)


def nll(outputs: Any, targets: Any, *, weight: Sequence[float] | None = None) -> Value:
    """Negative log-likelihood: −outputs[target], the outputs being logarithms of probabilities.

    For a model that ends in a log-softmax; raw scores belong in `cross_entropy`. `weight` as there. Raises
    `ArgumentError` for an output above 0.

    >>> nll([[Value(math.log(0.25)), Value(math.log(0.75))]], [0]).data == math.log(4)
    True
    """
    return LOSSES["nll"].having(weight=weight).mean(outputs, targets)


def hinge(outputs: Any, targets: Any) -> Value:
    """The max-margin loss of micrograd's demo: the mean of relu(1 − target·output), targets −1 or 1.

    Right by a margin of 1 or more costs nothing (Cortes and Vapnik 1995, "Support-vector networks").

    >>> hinge([Value(0.25), Value(3.0)], [1, 1]).data
    0.375
    """
    return LOSSES["hinge"].mean(outputs, targets)


def squared_hinge(outputs: Any, targets: Any) -> Value:
    """The mean of relu(1 − target·output)², targets −1 or 1: `hinge` without its kink, and stricter.

    Tang 2013, "Deep learning using linear support vector machines", calls it the L2-SVM.

    >>> squared_hinge([Value(0.5), Value(3.0)], [1, 1]).data
    0.125
    """
    return LOSSES["squared_hinge"].mean(outputs, targets)


def loss_named(loss: Any) -> Loss | Callable[[list[Any], list[Any]], Value]:
    """The loss of that name, or the function given; `ArgumentError` with the nearest match for a typo.

    A loss of this module with settings, `functools.partial(huber, delta=0.5)`, is recognised. One with a
    `weight` for each class stays a function, as its mean depends on which classes a batch holds.

    >>> from functools import partial
    >>> loss_named(partial(huber, delta=0.5)).settings
    {'delta': 0.5}
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ArgumentError(f"unknown loss {loss!r}: {nearest(loss, LOSSES)}")
        return LOSSES[loss]
    if not callable(loss):
        raise ArgumentError(f"loss is a name or a function of outputs and targets, got {loss!r}")
    function: Callable[[list[Any], list[Any]], Value] = loss
    known = known_loss(function)
    return function if known is None or known.settings.get("weight") is not None else known


def known_loss(loss: Any) -> Loss | None:
    """The loss of this module that a name, one of its functions, or such a function with settings stands for.

    None for any other function.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        return LOSSES.get(loss)
    given = loss if isinstance(loss, functools.partial) else functools.partial(loss)
    if not any(given.func is own for own in _FUNCTIONS):
        return None
    row = LOSSES[given.func.__name__]
    if given.args:
        raise ArgumentError(f"{row.name} takes outputs and targets when it is called; partial may set only "
                            f"its settings by name, got {shown(given.args[0])}")
    return row.having(**given.keywords)


# settings


def _above_zero(loss: str, name: str, number: Any) -> float:
    if not is_number(number) or not 0 < number < math.inf:
        raise ArgumentError(f"{loss}: {name} is a finite number above 0, got {shown(number)}")
    return float(number)


def _delta(loss: str, delta: Any) -> float:
    return _above_zero(loss, "delta", delta)


def _pos_weight(loss: str, weight: Any) -> float:
    return _above_zero(loss, "pos_weight", weight)


def _smoothing(loss: str, smoothing: Any) -> float:
    if not is_number(smoothing) or not 0 <= smoothing <= 1:
        raise ArgumentError(f"{loss}: label_smoothing is a number from 0 to 1, got {shown(smoothing)}")
    return float(smoothing)


def _class_weights(loss: str, weight: Any) -> tuple[float, ...] | None:
    if weight is None:
        return None
    listed = getattr(weight, "tolist", lambda: weight)()
    if not isinstance(listed, (list, tuple)):
        raise ArgumentError(f"{loss}: weight is a list with a number for each class, got {shown(weight)}")
    return tuple(_above_zero(loss, f"weight[{index}]", number) for index, number in enumerate(listed))


_SETTINGS: dict[str, Callable[[str, Any], Any]] = {
    "delta": _delta, "pos_weight": _pos_weight, "label_smoothing": _smoothing, "weight": _class_weights,
}  # fmt: skip

_each = terms.for_each_output

LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("mse", _each(terms.squared_error), a_number),
        Loss("mae", _each(terms.absolute_error), a_number),
        Loss("huber", _each(terms.huber_error), a_number, settings={"delta": 1.0}),
        Loss("bce", _each(terms.binary), a_probability, "probabilities"),
        Loss("bce_with_logits", _each(terms.binary_of_logit), a_probability, "logits", {"pos_weight": 1.0}),
        Loss("cross_entropy", terms.class_of_logits, a_class, "classes",
             {"label_smoothing": 0.0, "weight": None}),
        Loss("nll", terms.class_of_log_probabilities, a_class, "classes", {"weight": None}),
        Loss("hinge", _each(terms.margin), a_sign, "signs"),
        Loss("squared_hinge", _each(terms.squared_margin), a_sign, "signs"),
    )
}

_FUNCTIONS = (mse, mae, huber, bce, bce_with_logits, cross_entropy, nll, hinge, squared_hinge)
