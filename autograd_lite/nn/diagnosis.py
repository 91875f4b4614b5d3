"""`diagnose`: why a network does not learn. Each layer's gradient, dead and saturated units, size of a step.

Sources: Glorot and Bengio 2010 (saturation, gradients that vanish layer by layer, init); He et al. 2015
(init for ReLU); Pascanu, Mikolov and Bengio 2013 (exploding gradients, clipping by norm); He et al. 2015,
Deep Residual Learning; Ioffe and Szegedy 2015 (normalisation); Stanford CS231n, "Neural Networks Part 3", and
Karpathy, "makemore part 3" (updates of about 1e-3 of the weights, |tanh| > 0.97 as saturated).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..engine import Value
from ..errors import ArgumentError
from .advice import Finding, findings_in
from .calling import scoped, watching
from .inputs import is_number, shown
from .losses import Loss, flat_output, loss_named
from .model_state import as_it_was
from .modules import Module
from .optimizers import Optimizer
from .probing import LayerProbe, layers_in, norm, spread_of
from .report_text import report_html, report_text
from .samples import as_samples, as_targets

__all__ = ["LayerReport", "Report", "diagnose"]


@dataclass(frozen=True)
class LayerReport:
    """One layer: what it answers to the samples, and how its parameters would move. None: does not apply.

    `spread` is how much a unit's answers differ from sample to sample (standard deviation, root mean square
    over the units), `dead` the units whose activation is flat for every sample, `saturated` the share of
    answers at the flat ends of tanh or sigmoid. `gradient`, `weights` and `step` are Euclidean norms over the
    layer's own parameters.
    """

    name: str
    kind: str
    activation: str
    units: int
    parameters: int
    mean: float
    spread: float
    identical: bool
    dead: int | None
    saturated: float | None
    gradient: float | None
    weights: float | None
    step: float | None

    @property
    def gradient_rms(self) -> float | None:
        """The gradient of a typical parameter: comparable between layers of different sizes."""
        return None if self.gradient is None else self.gradient / math.sqrt(self.parameters)

    @property
    def step_ratio(self) -> float | None:
        """How much of the weights one step would change, ‖step‖ / ‖weights‖: about 0.001 is usual."""
        if self.step is None or not self.weights:
            return None
        return self.step / self.weights


@dataclass(frozen=True)
class Report:
    """What `diagnose` found: a row for each layer, and findings in words with what to do about them.

    In a terminal it prints as a table with the sentences below it, in a notebook as an HTML table.
    """

    model: str
    samples: int
    loss: float
    layers: tuple[LayerReport, ...]
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def gradient(self) -> float:
        """The Euclidean norm of the whole gradient."""
        return norm([layer.gradient for layer in self.layers if layer.gradient is not None])

    @property
    def kinds(self) -> list[str]:
        """What was found, in one word each, such as ["vanishing", "saturated"]."""
        return [finding.kind for finding in self.findings]

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return asdict(self) | {"gradient": self.gradient}

    def __repr__(self) -> str:
        return report_text(self)

    def _repr_html_(self) -> str:
        return report_html(self)


def diagnose(
    model: Module,
    X: Any,  # noqa: N803 - X is what everybody calls it
    y: Any,
    *,
    loss: str | Callable[[list[Any], list[Any]], Value] = "mse",
    lr: float | None = None,
    optimizer: Optimizer | None = None,
) -> Report:
    """Run the samples forward and backward once, as `fit` would, and report what ails the network.

    Found are gradients that vanish or explode from layer to layer, numbers that are not finite, units that
    are dead, saturated or all alike, answers that fade out with depth, and steps of an unsuitable size. The
    size of a step is known if an `lr` is given (a plain SGD step) or an `optimizer` made for this model (the
    step it would take next).

    The model runs in `train()`, where batch norm sees the batch. Afterwards parameters, gradients, buffers,
    random generators, the training flags and the optimizer are exactly as before. Data and loss are as in
    `fit`, and so are the errors for data and names that do not fit.

    >>> from autograd_lite import nn
    >>> deep = nn.MLP(2, [8] * 10 + [1], activation="sigmoid", seed=0)
    >>> report = nn.diagnose(deep, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], loss="bce_with_logits")
    >>> report.kinds
    ['vanishing', 'fading']
    >>> report.layers[0].gradient < 1e-6 * report.layers[-1].gradient
    True
    """
    samples = as_samples(X)
    targets = as_targets(y, len(samples))
    layers = layers_in(model)
    rule = loss_named(loss)
    if lr is not None and (not is_number(lr) or not math.isfinite(lr) or lr < 0):
        raise ArgumentError(f"lr is a finite number of at least 0, got {lr!r}")
    if lr is not None and optimizer is not None:
        raise ArgumentError("lr and an optimizer were given: the optimizer has its own lr, give one of them")
    if not any(layer.parameters for layer in layers):
        raise ArgumentError(f"{shown(model)} has no parameters: there is nothing to diagnose")
    with as_it_was(model):
        model.train()
        model.zero_grad()
        told = _forward_and_back(model, layers, rule, samples, targets)
        steps = _steps(model, lr, optimizer)
        rows = tuple(_layer_report(layer, steps) for layer in layers)
    return Report(type(model).__name__, len(samples), told, rows, tuple(findings_in(rows, told)))


def _forward_and_back(
    model: Module, layers: Sequence[LayerProbe], loss: Any, samples: list[list[float]], targets: list[Any]
) -> float:
    """Fill the layers' rows and the parameters' gradients; returns the loss."""
    of_module = {id(layer.module): layer for layer in layers}

    def watcher(module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        if id(module) in of_module:
            of_module[id(module)].take(inputs, output)

    on = scoped.set(True)  # modules tell only then
    try:
        with watching(watcher):
            if isinstance(loss, Loss) and not model.needs_batch:  # one sample's graph at a time
                total, share, checked = 0.0, 1.0 / len(samples), None
                for index, sample in enumerate(samples):
                    output = flat_output(model(sample))
                    checked = checked or loss.check(targets, len(output) if isinstance(output, list) else 1)
                    term = loss.term(output, checked[index])
                    total += term.data
                    term.backward(share)
                return total / len(samples)
            outputs = model.batch(samples) if model.needs_batch else [model(sample) for sample in samples]
    finally:
        scoped.reset(on)
    value = loss.mean(outputs, targets) if isinstance(loss, Loss) else loss(outputs, targets)
    if not isinstance(value, Value):
        raise ArgumentError(f"the loss function must return a Value, got {value!r}")
    value.backward()
    return float(value.data)


def _steps(model: Module, lr: float | None, optimizer: Optimizer | None) -> dict[int, float] | None:
    """How far each parameter would move, by its id; None where no step is known."""
    parameters = model.parameters()
    if optimizer is None:
        if lr is None:
            return None
        return {id(p): 0.0 if p.is_frozen else lr * p.grad for p in parameters}
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"optimizer is one made for this model, such as nn.Adam(model.parameters()), got "
                            f"{shown(optimizer)}")
    before, numbers = optimizer._snapshot(), [p.data for p in parameters]
    try:
        optimizer.step()
        return {id(p): p.data - number for p, number in zip(parameters, numbers, strict=True)}
    finally:
        optimizer._restore(before)


def _layer_report(layer: LayerProbe, steps: dict[int, float] | None) -> LayerReport:
    values, free = layer.values, [p for p in layer.parameters if not p.is_frozen]
    columns = list(zip(*layer.rows, strict=False))
    return LayerReport(
        name=layer.name,
        kind=layer.kind,
        activation=layer.activation,
        units=layer.units,
        parameters=len(layer.parameters),
        mean=math.fsum(values) / len(values) if values and all(map(math.isfinite, values)) else math.nan,
        spread=spread_of(layer.rows),
        identical=len(columns) > 1 and all(column == columns[0] for column in columns),
        dead=None if layer.dead is None else len(layer.dead),
        saturated=layer.saturated,
        gradient=norm([float(p.grad) for p in free]) if free else None,
        weights=norm([p.data for p in layer.parameters]) if layer.parameters else None,
        step=norm([steps[id(p)] for p in layer.parameters]) if steps and layer.parameters else None,
    )
