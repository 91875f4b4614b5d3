"""Losses from ops that neither overflow nor lose accuracy in the tails.

Each is written for one sample; over lists it is the mean, which is what PyTorch's `reduction="mean"` gives.
One sample may also be given by itself: `mse(model(x), 1.0)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import ops
from ..engine import Value, scope
from ..errors import ArgumentError, nearest
from ..ops.row import as_number
from .inputs import is_number

__all__ = ["LOSSES", "Loss", "bce_with_logits", "cross_entropy", "flat_output", "hinge", "loss_named", "mse"]

Target = float | int | list[float]
"""One sample's target: a number, or one number for each output; for cross-entropy the index of the class."""


@dataclass(frozen=True)
class Loss:
    """One loss: its value on one sample, and what is wrong with a target ("" if nothing is)."""

    name: str
    term: Callable[[Any, Any], Any]
    complaint: Callable[[float], str]
    by_class: bool = False
    """The target is the index of one of the outputs, not a number for each of them."""

    def check(self, targets: Sequence[Any], width: int) -> list[Target]:
        """The targets as this loss takes them, for a model of `width` outputs.

        Raises `ArgumentError` naming the first target that does not fit.
        """
        return [self._checked(target, width, index) for index, target in enumerate(targets)]

    def _checked(self, target: Any, width: int, index: int) -> Target:
        numbers = target if isinstance(target, list) else [target]
        expected = 1 if self.by_class else width
        if len(numbers) != expected:
            raise ArgumentError(f"{self.name}: target {index} has {len(numbers)} numbers, expected "
                                f"{expected} for a model with {width} outputs: {target!r}")
        for number in numbers:
            complaint = _not_finite(number) or self.complaint(number)
            if complaint:
                raise ArgumentError(f"{self.name}: target {index} is {number!r}; {complaint}")
        if not self.by_class:
            return numbers if width > 1 else numbers[0]
        if width < 2:
            raise ArgumentError(f"{self.name} needs a model with an output for each class, got 1 output. "
                                "For two classes and one output take bce_with_logits.")
        if numbers[0] >= width:
            raise ArgumentError(f"{self.name}: target {index} is class {numbers[0]!r}, but the model has "
                                f"only {width} outputs, for the classes 0 to {width - 1}")
        return int(numbers[0])

    def mean(self, outputs: Any, targets: Any) -> Value:
        """The mean over samples, as one graph in a scope named after the loss."""
        rows, wanted = _paired(outputs, targets, self)
        width = len(rows[0]) if isinstance(rows[0], list) else 1
        checked = self.check(wanted, width)
        with scope(self.name):
            terms = [self.term(output, target) for output, target in zip(rows, checked, strict=True)]
            value: Value = terms[0] if len(terms) == 1 else ops.mean(terms)
        return value


def mse(outputs: Any, targets: Any) -> Value:
    """Mean squared error, the mean of (output − target)² over all samples and outputs.

    >>> mse([Value(1.0), Value(4.0)], [0.0, 2.0]).data
    2.5
    """
    return LOSSES["mse"].mean(outputs, targets)


def bce_with_logits(outputs: Any, targets: Any) -> Value:
    """Binary cross-entropy of σ(output) against targets in [0, 1].

    Written t·softplus(−z) + (1−t)·softplus(z), with only the term that counts where t is 0 or 1: nothing is
    subtracted, so that a nearly certain answer keeps its full relative accuracy.

    >>> bce_with_logits([Value(50.0)], [1]).data
    1.9287498479639178e-22
    """
    return LOSSES["bce_with_logits"].mean(outputs, targets)


def cross_entropy(outputs: Any, targets: Any) -> Value:
    """−log softmax(outputs)[target], the target being the index of the right class.

    Written softplus(logsumexp of the other logits − the right logit), which equals
    logsumexp(all) − the right logit but does not cancel when the right logit is by far the largest.

    >>> cross_entropy([[Value(0.0), Value(0.0)]], [1]).data == math.log(2)
    True
    """
    return LOSSES["cross_entropy"].mean(outputs, targets)


def hinge(outputs: Any, targets: Any) -> Value:
    """The max-margin loss of micrograd's demo: the mean of relu(1 − target·output), targets −1 or 1.

    >>> hinge([Value(0.25), Value(3.0)], [1, 1]).data
    0.375
    """
    return LOSSES["hinge"].mean(outputs, targets)


def loss_named(loss: Any) -> Loss | Callable[[list[Any], list[Any]], Value]:
    """The loss of that name, or the function given; `ArgumentError` with the nearest match for a typo."""
    if loss in (mse, bce_with_logits, cross_entropy, hinge):
        return LOSSES[loss.__name__]
    if callable(loss):
        function: Callable[[list[Any], list[Any]], Value] = loss
        return function
    if not isinstance(loss, str):
        raise ArgumentError(f"loss is a name or a function of outputs and targets, got {loss!r}")
    if loss not in LOSSES:
        raise ArgumentError(f"unknown loss {loss!r}: {nearest(loss, LOSSES)}")
    return LOSSES[loss]


# one sample


def _for_each_output(rule: Callable[[Value, float], Any]) -> Callable[[Any, Any], Any]:
    def term(output: Any, target: Any) -> Any:
        if not isinstance(output, list):
            return rule(output, target)
        return ops.mean([rule(value, number) for value, number in zip(output, target, strict=True)])

    return term


def _squared_error(output: Value, target: float) -> Any:
    return (output - target) ** 2


def _logistic(logit: Value, target: float) -> Any:
    if target == 1:
        return ops.softplus(-logit)
    if target == 0:
        return ops.softplus(logit)
    return ops.softplus(-logit) * target + ops.softplus(logit) * (1 - target)


def _margin(output: Value, target: float) -> Any:
    return ops.relu(1 - output * target)


def _class_term(logits: list[Value], target: int) -> Any:
    others = [logit for index, logit in enumerate(logits) if index != target]
    rest = others[0] if len(others) == 1 else ops.logsumexp(others)
    return ops.softplus(rest - logits[target])


# targets


def _not_finite(number: Any) -> str:
    if not is_number(number):
        return f"a target is a plain number, this is a {type(number).__name__}"
    return "" if math.isfinite(as_number(number)) else "a target must be finite. Leave such samples out."


def _any(target: float) -> str:
    return ""


def _a_probability(target: float) -> str:
    return "" if 0 <= target <= 1 else "expected a label 0 or 1, or a probability between them"


def _a_sign(target: float) -> str:
    return "" if target in (-1, 1) else "expected a label -1 or 1"


def _a_class(target: float) -> str:
    return "" if target >= 0 and target == int(target) else "expected the index of a class: 0, 1, 2, ..."


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("mse", _for_each_output(_squared_error), _any),
        Loss("bce_with_logits", _for_each_output(_logistic), _a_probability),
        Loss("cross_entropy", _class_term, _a_class, by_class=True),
        Loss("hinge", _for_each_output(_margin), _a_sign),
    )
}


def _paired(outputs: Any, targets: Any, loss: Loss) -> tuple[list[Any], list[Any]]:
    """Outputs and targets as lists of equal length, a single sample wrapped into lists of one."""
    wanted = targets.tolist() if hasattr(targets, "tolist") else targets
    if isinstance(outputs, Value) or (loss.by_class and not isinstance(wanted, (list, tuple))):
        outputs, wanted = [outputs], [wanted]
    if not isinstance(wanted, (list, tuple)):
        raise ArgumentError(f"{loss.name} takes a list of outputs and a list of as many targets, "
                            f"got the targets {wanted!r}")
    rows = [flat_output(row) for row in outputs]
    if len(rows) != len(wanted):
        raise ArgumentError(f"{loss.name}: {len(rows)} outputs and {len(wanted)} targets. "
                            "Give one target for each sample.")
    if not rows:
        raise ArgumentError(f"{loss.name} of no samples at all: outputs and targets are empty")
    _check_outputs(rows, loss)
    return rows, [list(target) if isinstance(target, tuple) else target for target in wanted]


def flat_output(output: Any) -> Any:
    """What a model returned for one sample, a list of one output being that output."""
    if isinstance(output, tuple):
        output = list(output)
    return output[0] if isinstance(output, list) and len(output) == 1 else output


def _check_outputs(rows: list[Any], loss: Loss) -> None:
    first = len(rows[0]) if isinstance(rows[0], list) else 1
    for index, row in enumerate(rows):
        parts = row if isinstance(row, list) else [row]
        if not parts or not all(isinstance(part, Value) for part in parts):
            raise ArgumentError(f"{loss.name}: output {index} is {row!r}; expected what a model returns for "
                                "one sample, a Value or a list of Values")
        if len(parts) != first:
            raise ArgumentError(f"{loss.name}: output {index} has {len(parts)} numbers, output 0 has {first}")
