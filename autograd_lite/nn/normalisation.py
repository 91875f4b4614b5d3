"""Normalisation: numbers brought to a common size, over a batch, over a sample, or by their root mean square.

Sources: Ioffe and Szegedy 2015 (BatchNorm), Ba, Kiros and Hinton 2016 (LayerNorm), Zhang and Sennrich 2019
(RMSNorm); the defaults and what is kept are PyTorch's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError, CompileError
from .initialisation import RandomSource
from .inputs import as_inputs, as_size, is_number
from .modules import Module
from .settings import truth
from .tracing import current_tracer, is_traced

__all__ = ["BatchNorm", "LayerNorm", "RMSNorm"]


class BatchNorm(Module):
    """Each of `width` features brought to mean 0 and variance 1 over the samples of a batch.

    In training it needs the whole batch, `model.batch(X)`, subtracts its mean, divides by
    `sqrt(variance + eps)`, and keeps running averages of mean and variance, `new = (1 - momentum) * old +
    momentum * batch's`, with the unbiased variance; `momentum=None` averages over all batches so far. In use,
    after `model.eval()`, it takes the running ones, and a sample may come alone. `affine` adds a learnt
    `weight` (1 at the start) and `bias` (0) for each feature. Like `torch.nn.BatchNorm1d`.

    Raises `ArgumentError` for settings that make no sense, for samples of another length, and in training for
    one sample alone and for a batch of one, which has no variance.

    >>> norm = BatchNorm(1, eps=0.0)
    >>> [out[0].data for out in norm.batch([[1.0], [3.0], [5.0], [7.0]])]
    [-1.34..., -0.44..., 0.44..., 1.34...]
    >>> norm.running_mean, [round(variance, 3) for variance in norm.running_var]
    ([0.4], [1.567])
    >>> round(norm.eval()([0.4])[0].data, 9)
    0.0
    """

    mixes_samples = True
    buffer_names = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(
        self, width: int, *, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True
    ) -> None:
        self.nin, self.eps, self.momentum = as_size(width, "width"), _as_eps(eps), _as_momentum(momentum)
        self.weight = _ones(self.nin) if truth("affine", affine) else None
        self.bias = _zeros(self.nin) if affine else None
        self.running_mean, self.running_var, self.num_batches_tracked = _fresh_statistics(self.nin)

    def reset_parameters(self, rng: RandomSource) -> None:
        """The weights are 1 again, the biases 0, and no batch has been seen."""
        _set_all(self.weight, 1.0)
        _set_all(self.bias, 0.0)
        self.running_mean, self.running_var, self.num_batches_tracked = _fresh_statistics(self.nin)

    def forward(self, x: Any) -> list[Value]:
        """One sample in use, with the running statistics. Raises `ArgumentError` in training."""
        self._tell_tracer()
        if self.training:
            raise ArgumentError(
                f"{self._title} needs all samples of a batch together in training, but was called on one: "
                "use model.batch(X), or model.eval() first for its running statistics. (A module of your "
                "own that holds it writes forward_batch(self, rows), as nn.Sequential does.)")
        values = as_inputs(x, self.nin, self)
        scales = [ops.reciprocal(ops.sqrt(variance + self.eps)) for variance in self.running_var]
        normal = [(value - mean) * scale
                  for value, mean, scale in zip(values, self.running_mean, scales, strict=True)]
        return _affine(normal, self.weight, self.bias)

    def forward_batch(self, rows: Sequence[Any]) -> list[list[Value]]:
        """Several samples; in training normalised over them, which also moves the running statistics."""
        if not self.training:
            return [self.forward(row) for row in rows]
        self._tell_tracer()
        samples = [as_inputs(row, self.nin, self) for row in rows]
        if len(samples) < 2:
            raise ArgumentError(f"{self._title} needs at least 2 samples in training, got {len(samples)}: "
                                "one alone has no variance. Use a larger batch, or model.eval()")
        features = list(zip(*samples, strict=True))
        means = [ops.mean(feature) for feature in features]
        centred = [[value - mean for value in feature] for feature, mean in zip(features, means, strict=True)]
        variances = [ops.dot(feature, feature) / len(samples) for feature in centred]
        scales = [(variance + self.eps) ** -0.5 for variance in variances]
        self._remember(means, variances, len(samples))
        return [
            _affine([value * scale for value, scale in zip(row, scales, strict=True)], self.weight, self.bias)
            for row in zip(*centred, strict=True)
        ]

    def _tell_tracer(self) -> None:
        """While a function is being compiled: its trace holds for these statistics only.

        Where `fit` compiles, they are numbers of the trace. Raises `CompileError` in training elsewhere: no
        replay would move them.
        """
        tracer = current_tracer()
        if tracer is None or is_traced(self.running_mean[0]):
            return
        if self.training:
            raise CompileError(f"{self._title} moves its running statistics in training, which a replay of "
                               "this function would not: train with nn.fit(…, compiled=True), or call "
                               "model.eval() first")  # fmt: skip
        tracer.depends_on(self, "training", "running_mean", "running_var")

    def _remember(self, means: list[Value], variances: list[Value], count: int) -> None:
        self.num_batches_tracked += 1.0
        share = 1.0 / self.num_batches_tracked if self.momentum is None else self.momentum
        unbiased = count / (count - 1)
        self.running_mean = [(1.0 - share) * old + share * mean.data
                             for old, mean in zip(self.running_mean, means, strict=True)]
        self.running_var = [(1.0 - share) * old + share * unbiased * variance.data
                            for old, variance in zip(self.running_var, variances, strict=True)]

    def __repr__(self) -> str:
        return f"BatchNorm({self.nin}{'' if self.weight is not None else ', affine=False'})"

    def _kind(self) -> str:
        return f"BatchNorm({self.nin}, eps={self.eps:g})"


class LayerNorm(Module):
    """The numbers of one sample brought to mean 0 and variance 1 among themselves.

    `(x - mean(x)) / sqrt(variance(x) + eps)`, and with `affine` times a learnt `weight` plus a `bias` for
    each; `bias=False` leaves that one out. The same in training and in use. Like `torch.nn.LayerNorm`.

    Raises `ArgumentError` for a size or `eps` that makes no sense, and for a sample of another length.

    >>> norm = LayerNorm(3, eps=0.0)
    >>> [round(out.data, 4) for out in norm([1.0, 2.0, 3.0])]
    [-1.2247, 0.0, 1.2247]
    """

    def __init__(self, width: int, *, eps: float = 1e-5, affine: bool = True, bias: bool = True) -> None:
        self.nin, self.eps = as_size(width, "width"), _as_eps(eps)
        self.weight = _ones(self.nin) if truth("affine", affine) else None
        self.bias = _zeros(self.nin) if truth("bias", bias) and affine else None

    def reset_parameters(self, rng: RandomSource) -> None:
        """The weights are 1 again and the biases 0."""
        _set_all(self.weight, 1.0)
        _set_all(self.bias, 0.0)

    def forward(self, x: Any) -> list[Value]:
        """One sample of `width` numbers or Values, brought to mean 0 and variance 1, weighted and shifted."""
        values = as_inputs(x, self.nin, self)
        mean = ops.mean(values)
        centred = [value - mean for value in values]
        scale = _reciprocal_root(centred, self.eps)
        return _affine([value * scale for value in centred], self.weight, self.bias)

    def __repr__(self) -> str:
        without = ", affine=False" if self.weight is None else ", bias=False" if self.bias is None else ""
        return f"LayerNorm({self.nin}{without})"

    def _kind(self) -> str:
        return f"LayerNorm({self.nin}, eps={self.eps:g})"


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
        self.nin, self.eps = as_size(width, "width"), _as_eps(eps)
        self.weight = _ones(self.nin) if truth("affine", affine) else None

    def reset_parameters(self, rng: RandomSource) -> None:
        """The weights are 1 again."""
        _set_all(self.weight, 1.0)

    def forward(self, x: Any) -> list[Value]:
        """One sample of `width` numbers or Values, brought to root mean square 1 and weighted."""
        values = as_inputs(x, self.nin, self)
        scale = _reciprocal_root(values, self.eps)
        return _affine([value * scale for value in values], self.weight, None)

    def __repr__(self) -> str:
        return f"RMSNorm({self.nin}{'' if self.weight is not None else ', affine=False'})"

    def _kind(self) -> str:
        return f"RMSNorm({self.nin}, eps={self.eps:g})"


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


def _zeros(width: int) -> list[Value]:
    return [Value(0.0, label=f"b{index}") for index in range(width)]


def _fresh_statistics(width: int) -> tuple[list[float], list[float], float]:
    """Running means, running variances, and the number of batches they are of."""
    return [0.0] * width, [1.0] * width, 0.0


def _set_all(parameters: list[Value] | None, number: float) -> None:
    for parameter in parameters or ():
        parameter.data = number


def _as_eps(eps: Any) -> float:
    if not is_number(eps) or not 0.0 <= eps < math.inf:
        raise ArgumentError(f"eps is a number of at least 0 that keeps from dividing by 0, got {eps!r}")
    return float(eps)


def _as_momentum(momentum: Any) -> float | None:
    if momentum is None:
        return None
    if not is_number(momentum) or not 0.0 <= momentum <= 1.0:
        raise ArgumentError("momentum is the share of each new batch in the running statistics, from 0 to 1, "
                            f"or None for their mean over all batches; got {momentum!r}")
    return float(momentum)
