"""`Recorder`: what goes on in each layer while `fit` trains, epoch by epoch, as plain data.

It is a callback, so what it can read is what an epoch leaves behind. Gradients are those of the epoch's last
step (of its last batch, after clipping if there is any), read after the step was taken. Activations are those
of the probe samples under the weights after the epoch, in `eval()`: nothing that training uses is touched,
and the numbers of a run are the same with and without a recorder.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from ..engine import Value
from ..errors import ArgumentError
from .calling import scoped, watching
from .history import EpochEnd
from .inputs import is_whole
from .modules import Module
from .prediction import evaluating
from .probing import Histogram, LayerProbe, histogram, layers_in, norm, spread_of
from .samples import as_samples

__all__ = ["LayerRecord", "Recorder"]


@dataclass
class LayerRecord:
    """One layer over the recorded epochs; each list has an entry for each of them. None: does not apply.

    `gradient` and `weights` are Euclidean norms over the layer's own parameters. `update_ratio` is the length
    of the way the weights went since the last record, divided by the number of steps and by the norm they had
    then: how much of the weights a step changes, about 0.001 as a rule of thumb (CS231n). `mean`, `spread`,
    `dead` (number of units) and `saturated` (share of answers) are of the probe, as in `diagnose`.
    `activations` are histograms of the answers, `gradients` histograms of log10 |gradient|; gradients of 0
    count as others there.
    """

    kind: str
    activation: str = ""
    units: int = 0
    parameters: int = 0
    gradient: list[float | None] = field(default_factory=list)
    weights: list[float | None] = field(default_factory=list)
    update_ratio: list[float | None] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    dead: list[int | None] = field(default_factory=list)
    saturated: list[float | None] = field(default_factory=list)
    activations: list[Histogram] = field(default_factory=list)
    gradients: list[Histogram | None] = field(default_factory=list)


class Recorder:
    """A callback of `fit` that records each layer's gradients, weights, updates and activations.

    `X_probe` are a few samples on which the activations are measured; `every` says how many epochs lie
    between two records (the first and the last epoch are always among them); `bins` is the fineness of
    histograms. `epochs` holds the recorded epochs, `layers` a `LayerRecord` for each layer by name;
    `as_dict()` gives it all as plain data. `nn.plots.gradient_histograms`, `activation_histograms` and
    `update_ratios` draw it.

    Raises `ArgumentError` for data and numbers that do not fit.

    >>> from autograd_lite import nn
    >>> X, y = nn.data.xor()
    >>> model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    >>> recorder = Recorder(model, X, every=10)
    >>> history = nn.fit(model, X, y, lr=0.05, epochs=20, callbacks=recorder)
    >>> recorder.epochs, list(recorder.layers)
    ([1, 10, 20], ['layer 0', 'layer 1'])
    >>> 0 < recorder.layers["layer 0"].update_ratio[-1] < 0.1
    True
    """

    def __init__(
        self,
        model: Module,
        X_probe: Any,  # noqa: N803 - X is what everybody calls it
        *,
        every: int = 1,
        bins: int = 40,
    ) -> None:
        for name, number in (("every", every), ("bins", bins)):
            if not is_whole(number) or number < 1:
                raise ArgumentError(f"{name} is a whole number of at least 1, got {number!r}")
        self.model, self.every, self.bins = model, int(every), int(bins)
        self.epochs: list[int] = []
        self._samples = as_samples(X_probe)
        self._probes = layers_in(model)
        self.layers = {
            probe.name: LayerRecord(probe.kind, parameters=len(probe.parameters)) for probe in self._probes
        }
        self._weights = self._weights_now()
        self._steps = self._attempt = 0

    def __call__(self, event: EpochEnd) -> None:
        """Record this epoch, if it is one of those asked for."""
        started_again = event.attempt != self._attempt and bool(self.epochs)
        if event.epoch == 1 or event.epoch % self.every == 0 or event.epoch == event.epochs or started_again:
            self.record(event, started_again)
        self._attempt = event.attempt

    def record(self, event: EpochEnd, started_again: bool = False) -> None:
        """Record the model as it is now; `started_again` if its weights were drawn anew since the last."""
        groups = event.optimizer.state_dict()["groups"]
        steps = max((taken for group in groups for taken in group["steps"]), default=0)
        weights, taken = self._weights_now(), steps - self._steps
        self._answer()
        self.epochs.append(event.epoch)
        for probe, before, now in zip(self._probes, self._weights, weights, strict=True):
            known = taken > 0 and not started_again
            self._add(probe, _update_ratio(before, now, taken) if known else None)
        self._weights, self._steps = weights, steps

    def as_dict(self) -> dict[str, Any]:
        """All records as plain data, for JSON."""
        return {"epochs": list(self.epochs),
                "layers": {name: asdict(record) for name, record in self.layers.items()}}

    def __len__(self) -> int:
        return len(self.epochs)

    def __repr__(self) -> str:
        return f"Recorder({len(self.layers)} layers, {len(self)} records)"

    def _weights_now(self) -> list[list[float]]:
        return [[parameter.data for parameter in probe.parameters] for probe in self._probes]

    def _answer(self) -> None:
        """Run the probe samples, every layer noting its answers."""
        of_module = {id(probe.module): probe for probe in self._probes}

        def watcher(module: Module, inputs: tuple[Any, ...], output: Any) -> None:
            if id(module) in of_module:
                of_module[id(module)].take(inputs, output)

        for probe in self._probes:
            probe.forget()
        on = scoped.set(True)  # modules tell only then
        try:
            with evaluating(self.model), watching(watcher):
                for sample in self._samples:
                    self.model(sample)
        finally:
            scoped.reset(on)

    def _add(self, probe: LayerProbe, update_ratio: float | None) -> None:
        record, values = self.layers[probe.name], probe.values
        free: list[Value] = [parameter for parameter in probe.parameters if not parameter.is_frozen]
        record.units, record.activation = probe.units, probe.activation
        record.gradient.append(norm([float(p.grad) for p in free]) if free else None)
        record.weights.append(norm([p.data for p in probe.parameters]) if probe.parameters else None)
        record.update_ratio.append(update_ratio)
        record.mean.append(math.fsum(values) / len(values) if values else math.nan)
        record.spread.append(spread_of(probe.rows))
        record.dead.append(None if probe.dead is None else len(probe.dead))
        record.saturated.append(probe.saturated)
        record.activations.append(histogram(values, self.bins))
        sizes = [math.log10(abs(p.grad)) if p.grad else -math.inf for p in free]
        record.gradients.append(histogram(sizes, self.bins) if free else None)


def _update_ratio(before: list[float], now: list[float], steps: int) -> float | None:
    size = norm(before)
    if not before or size == 0.0:
        return None
    return norm([new - old for old, new in zip(before, now, strict=True)]) / (steps * size)
