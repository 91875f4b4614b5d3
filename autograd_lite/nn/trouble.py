"""NaN and infinity in training: which node, which sample, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..engine import Value, detect_anomaly
from ..errors import AnomalyError, AutogradError
from .gradients import EagerGradients

__all__ = ["advice", "find_origin", "first_bad", "name_of"]


def find_origin(
    gradients: EagerGradients, rows: Sequence[list[float]], targets: Sequence[Any], numbers: Sequence[int]
) -> AnomalyError | None:
    """Run a batch once more, looking at every node: the first NaN or infinity, None if there is none.

    Parameters, buffers and generators must be as they were before the batch. `numbers` are the indices of its
    samples, which the error names. Gradients, buffers and generators are changed as by the first run.
    """
    size = len(rows) if gradients.in_one_graph else 1
    try:
        for start in range(0, len(rows), size):
            which = _samples(numbers[start : start + size])
            with detect_anomaly():
                gradients.loss_and_gradients(rows[start : start + size], targets[start : start + size])
        which = "in the penalty"
        with detect_anomaly():
            gradients.penalty_and_gradients()
    except AnomalyError as error:
        return AnomalyError(f"{error} ({which})")
    except (AutogradError, ArithmeticError):  # a loss function that does not bear being looked at
        return None
    return None


def advice(lr: float, *, has_stepped: bool) -> str:
    """What a person can do about it, which depends on whether a step was taken before."""
    steps = (f"An lr smaller than {lr:g} often helps, and clip_norm=1.0 keeps one steep place from throwing "
             "the parameters away.")
    start = "No step was taken yet: it comes from the data, the first weights or the loss."
    return (f"{steps if has_stepped else start} Where logarithms or exponentials are involved take the "
            'stable losses "bce_with_logits" and "cross_entropy".')


def first_bad(parameters: Sequence[Value], attribute: str) -> Value | None:
    """The first parameter whose number ("data") or gradient ("grad") is NaN or infinite."""
    return next((each for each in parameters if not math.isfinite(getattr(each, attribute))), None)


def name_of(model: Any, parameter: Value) -> str:
    """The parameter's name, as `named_parameters` has it; its place in the list in a model without names."""
    if hasattr(model, "named_parameters"):
        pairs = model.named_parameters()
    else:
        pairs = ((f"parameters()[{index}]", own) for index, own in enumerate(model.parameters()))
    return next((str(name) for name, own in pairs if own is parameter), "a parameter")


def _samples(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"at sample {numbers[0]}"
    listed = ", ".join(map(str, numbers[:4]))
    return f"in the batch of samples {listed}{', …' if len(numbers) > 4 else ''}"
