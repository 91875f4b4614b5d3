"""What a model answers, as plain numbers: in `eval()` and without a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..engine import Value, no_grad
from ..errors import ArgumentError
from .calling import without_scopes
from .deciding import answers_of, class_of
from .inputs import shown
from .losses import flat_output, loss_named
from .modules import Module
from .samples import as_samples

__all__ = ["evaluating", "plain_output", "predict", "predict_class", "run_samples"]

Answer = float | list[Any]
"""What a model says of one sample: a number, or a list of them."""


def predict(model: Callable[[Any], Any], X: Any) -> list[Answer]:  # noqa: N803 - X is what everybody calls it
    """The model's answer to each sample of `X` as plain numbers: a float, or a list of floats for several
    outputs.

    The model is in `eval()` during the call (no dropout, batch norm with its running statistics) and then as
    it was before; nothing is recorded. `X` is as in `fit`: a list of samples or an array. Raises
    `ArgumentError` for data that are no finite numbers and for a model that gives something else than Values.

    >>> from autograd_lite import nn
    >>> nn.predict(nn.MLP(2, [1], init="zeros"), [[1.0, 2.0], [3.0, 4.0]])
    [0.0, 0.0]
    """
    if not callable(model) or isinstance(model, type):
        raise ArgumentError(f"predict takes a model and then its samples, got {shown(model)} as the model")
    return run_samples(model, as_samples(X))


def predict_class(
    model: Callable[[Any], Any], X: Any, *, loss: Any  # noqa: N803 - X is what everybody calls it
) -> list[Any]:
    """The class that the model answers for each sample of `X`, for a model that was trained with `loss`.

    The index of the largest output; for one output 0 or 1 (above ½ as a probability or a number, above 0 as a
    logit), with hinge losses −1 or 1. A list of such for losses that decide each of several outputs by
    itself. None where an output is NaN.

    >>> from autograd_lite import nn
    >>> nn.predict_class(nn.MLP(1, [1], init="zeros"), [[1.0]], loss="bce_with_logits")
    [0]
    """
    answers = answers_of(loss_named(loss))
    return [class_of(row if isinstance(row, list) else [row], answers) for row in predict(model, X)]


def run_samples(model: Callable[[Any], Any], samples: Sequence[list[float]]) -> list[Answer]:
    """`predict` for samples that have been checked."""
    with evaluating(model):
        return without_scopes(_answers, model, samples)


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Within it the model is in `eval()`; then each of its modules is as it was before.

    >>> from autograd_lite import nn
    >>> model = nn.MLP(2, [1])
    >>> with evaluating(model):
    ...     model.training
    False
    >>> model.training
    True
    """
    modules = [module for _, module in model.named_modules()] if isinstance(model, Module) else []
    before = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        yield
    finally:
        for module, training in zip(modules, before, strict=True):
            module.training = training


def plain_output(output: Any) -> Answer:
    """What a model returned for one sample, as a number or a list of numbers.

    >>> plain_output([Value(2.0)]), plain_output((Value(1.0), Value(2.0)))
    (2.0, [1.0, 2.0])
    """
    flat = flat_output(output)
    return [_plain(part) for part in flat] if isinstance(flat, list) else _plain(flat)


def _answers(model: Callable[[Any], Any], samples: Sequence[list[float]]) -> list[Answer]:
    with no_grad():
        if isinstance(model, Module) and model.needs_batch:  # a module that mixes samples in use, too
            return [plain_output(output) for output in model.batch(samples)]
        return [plain_output(model(sample)) for sample in samples]


def _plain(part: Any) -> Answer:
    if isinstance(part, Value):
        return float(part.data)
    if isinstance(part, (list, tuple)):
        return [_plain(each) for each in part]
    raise ArgumentError("the model must return a Value or a list of Values for one sample, got "
                        f"{shown(part)}")
