"""What each layer of a model answers when it is run on a few samples: the ground of diagnosis and pictures.

A layer here is a module that has parameters of its own or no modules in it; neurons count for the layer that
holds them. What a unit's activation is, and whether it passes a gradient on, is read off the graph: off the
op of the node that the unit returned, and its local derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engine import Value
from ..errors import ArgumentError
from .finding import is_module, titled_modules
from .inputs import shown
from .layers import Neuron
from .modules import Module

__all__ = ["Histogram", "LayerProbe", "histogram", "layers_in", "norm", "spread_of"]

# Beyond these an activation counts as saturated: tanh has 6 % of its greatest slope left there (Karpathy,
# "makemore part 3", draws this line at 0.97), sigmoid 12 %.
_SATURATED: dict[str, Callable[[float], bool]] = {
    "tanh": lambda y: abs(y) > 0.97,
    "sigmoid": lambda y: not 0.03 <= y <= 0.97,
    "hardtanh": lambda y: abs(y) >= 1.0,
}
# They can be flat for every sample: then a unit never learns again.
_CAN_DIE = ("relu", "hardtanh", "clip")


@dataclass
class LayerProbe:
    """One layer: its parameters, and what its units answered, one row for each call."""

    name: str
    module: Module
    parameters: list[Value]
    rows: list[list[float]] = field(default_factory=list)
    activation: str = ""
    _alive: set[int] = field(default_factory=set)
    _beyond: int = 0

    @property
    def kind(self) -> str:
        """What it is, in a word or two: "8 tanh" for a layer of neurons, "Linear(2, 4)", "relu"."""
        neurons = getattr(self.module, "neurons", None)
        if neurons:
            first = neurons[0]
            return f"{len(neurons)} {first.activation if first.nonlin else 'linear'}"
        name = getattr(self.module, "activation", None)
        if isinstance(name, str) and not self.parameters:
            return name
        text = repr(self.module)
        return text if len(text) <= 28 else type(self.module).__name__

    @property
    def units(self) -> int:
        """How many numbers it answers."""
        return max(map(len, self.rows), default=0)

    @property
    def dead(self) -> list[int] | None:
        """The units whose activation was flat for every sample; None where no unit can be."""
        if self.activation not in _CAN_DIE:
            return None
        return [unit for unit in range(self.units) if unit not in self._alive]

    @property
    def saturated(self) -> float | None:
        """The share of all answers that are at the flat ends of the activation; None where it has none."""
        if self.activation not in _SATURATED:
            return None
        return self._beyond / max(1, sum(map(len, self.rows)))

    @property
    def values(self) -> list[float]:
        """All answers of all units."""
        return [number for row in self.rows for number in row]

    def forget(self) -> None:
        """Begin again, for the same layer at another time."""
        self.rows, self._alive, self._beyond = [], set(), 0

    def take(self, inputs: tuple[Any, ...], output: Any) -> None:
        """Note what one call returned."""
        for row in _rows(inputs, output):
            self.rows.append([float(node.data) for node in row])
            for unit, node in enumerate(row):
                op = node.op.name if node.op is not None else ""
                self.activation = op if op in _CAN_DIE or op in _SATURATED else self.activation
                if op in _CAN_DIE and any(slope != 0.0 for slope in node.local_gradients()):
                    self._alive.add(unit)
                if op in _SATURATED and _SATURATED[op](node.data):
                    self._beyond += 1


def layers_in(model: Any) -> list[LayerProbe]:
    """The layers of a model, from the input on, by the order of its attributes.

    >>> from autograd_lite import nn
    >>> [(layer.name, layer.kind, len(layer.parameters)) for layer in layers_in(nn.MLP(2, [3, 1]))]
    [('layer 0', '3 relu', 9), ('layer 1', '1 linear', 4)]
    """
    if not is_module(model):
        raise ArgumentError(f"the model is a module, such as nn.MLP(2, [4, 1]); got {shown(model)}")
    found: list[LayerProbe] = []
    _collect(model, "", found, set())
    return found


def norm(numbers: Sequence[float]) -> float:
    """The Euclidean norm.

    >>> norm([3.0, 4.0])
    5.0
    """
    return math.hypot(*numbers)


def spread_of(rows: Sequence[Sequence[float]]) -> float:
    """How much the answers of a unit differ from sample to sample: the standard deviation, root mean square
    over the units.

    >>> spread_of([[1.0, 5.0], [3.0, 5.0]])
    0.7071067811865476
    """
    columns = list(zip(*rows, strict=False))
    if not columns or not all(math.isfinite(number) for row in rows for number in row):
        return math.nan if columns else 0.0
    variances = []
    for column in columns:
        mean = math.fsum(column) / len(column)
        variances.append(math.fsum((number - mean) ** 2 for number in column) / len(column))
    return math.sqrt(math.fsum(variances) / len(variances))


Histogram = dict[str, Any]
"""`counts` of equal bins from `low` to `high`, and `others`: how many numbers were NaN or infinite."""


def histogram(numbers: Sequence[float], bins: int) -> Histogram:
    """How the numbers are spread, in equal bins from the smallest to the largest finite one.

    >>> histogram([0.0, 1.0, 1.0, 4.0, math.inf], bins=2)
    {'low': 0.0, 'high': 4.0, 'counts': [3, 1], 'others': 1}
    """
    finite = [number for number in numbers if math.isfinite(number)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    counts = [0] * bins
    width = (high - low) / bins
    for number in finite:
        place = int((number - low) / width) if 0.0 < width < math.inf else 0
        counts[min(place, bins - 1)] += 1
    return {"low": low, "high": high, "counts": counts, "others": len(numbers) - len(finite)}


def _collect(module: Module, name: str, found: list[LayerProbe], seen: set[int]) -> None:
    if id(module) in seen:
        return
    seen.add(id(module))
    parts = [pair for name, attribute in vars(module).items() for pair in titled_modules(name, attribute)]
    # "layer 0: Linear" says its kind, which a report has beside it
    inner = [((part.scope_name or title).partition(":")[0], part)
             for title, part in parts if not isinstance(part, Neuron)]
    mine = {id(each) for _, part in inner for each in part.parameters()}
    own = [parameter for parameter in module.parameters() if id(parameter) not in mine]
    if own or not parts:
        found.append(LayerProbe(name or module.scope_name or type(module).__name__.lower(), module, own))
    for title, part in inner:
        _collect(part, f"{name}/{title}" if name else title, found, seen)


def _rows(inputs: tuple[Any, ...], output: Any) -> list[list[Value]]:
    """What one call returned, as a row of units for each sample.

    One Value is one unit; a list of Values is a row, unless the call was given several samples and answered
    each with one number; deeper lists (a batch, a sequence) are a row for each innermost list.
    """
    if isinstance(output, Value):
        return [[output]]
    if not isinstance(output, (list, tuple)) or not output:
        return []
    if all(isinstance(part, Value) for part in output):
        return [[part] for part in output] if _are_rows(inputs, len(output)) else [list(output)]
    return [row for part in output for row in _rows((), part)]


def _are_rows(inputs: tuple[Any, ...], count: int) -> bool:
    given = inputs[0] if inputs else None
    return (isinstance(given, (list, tuple)) and len(given) == count
            and all(isinstance(row, (list, tuple)) for row in given))
