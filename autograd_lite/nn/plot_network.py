"""Pictures of a network itself, and of what one answer rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from .inputs import is_whole, shown
from .layers import Neuron
from .linear import Linear
from .modules import Module
from .plot_style import BLUE, GRID, INK, ORANGE, QUIET, drawn, new_figure, one_axes, signed_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["attribution_bars", "saliency_map", "weight_map"]

_MOST_UNITS = 24  # of a layer that are drawn; more cannot be told apart
_Layer = tuple[list[list[float]], list[float], str]


@drawn
def weight_map(model: Module, *, ax: Axes | None = None, title: str = "Weights") -> Figure:
    """The units of a network and its weights as lines: orange positive, blue and dashed negative, the wider
    the larger.

    Widths are relative to the largest weight of each layer. A unit is filled by its bias in the same colours.
    For `MLP`, `Layer`, `Linear`, and `Sequential` of these with activations between them. Of layers with more
    than 24 units the first and the last are drawn. Returns the matplotlib `Figure`. Raises `ArgumentError`
    for other models.

    >>> from autograd_lite import nn
    >>> figure = weight_map(nn.MLP(2, [3, 1], seed=0))
    >>> [text.get_text() for text in figure.axes[0].texts][:3]
    ['inputs', 'layer 0\\nrelu', 'layer 1\\nlinear']
    """
    layers = _weights_of(model)
    sizes = [len(layers[0][0][0]), *(len(weights) for weights, _, _ in layers)]
    tallest = min(max(sizes), _MOST_UNITS)
    height = 1.3 + max(1.7, 0.34 * min(tallest, 12) + 0.2 * max(0, tallest - 12))
    figure, axes = one_axes(ax, max(3.8, 1.4 + 1.9 * len(layers)), height)
    places = [_column(index, size, tallest) for index, size in enumerate(sizes)]
    for (weights, _, _), left, right in zip(layers, places, places[1:], strict=False):
        _lines(axes, weights, left, right)
    for index, column in enumerate(places):
        biases = layers[index - 1][1] if index else []
        _units(axes, column, biases)
        words = "inputs" if index == 0 else f"layer {index - 1}\n{layers[index - 1][2]}"
        axes.annotate(words, (index, 0.0), xycoords=("data", "axes fraction"), ha="center", va="top",
                      fontsize=9, color=QUIET)
        if None in column:
            axes.text(index, (tallest - 1) / 2, f"{column.count(None)} more", ha="center", va="center",
                      fontsize=8.5, color=QUIET, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})
    axes.plot([], [], color=ORANGE, linewidth=2.5, label="positive")
    axes.plot([], [], color=BLUE, linewidth=2.5, linestyle=(0, (3, 1.2)), label="negative")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), borderaxespad=3.6, ncols=2)
    axes.set_xlim(-0.35, len(layers) + 0.35)
    axes.set_ylim(-0.7, tallest - 0.3)
    axes.axis("off")
    axes.set_title(title)
    return figure


def _weights_of(model: Any) -> list[_Layer]:
    """Rows of weights, biases and activation of each layer, from the input on."""
    parts = getattr(model, "layers", None)
    modules = list(parts) if isinstance(parts, list) else [model]
    layers: list[_Layer] = []
    for module in modules:
        neurons = getattr(module, "neurons", [module] if isinstance(module, Neuron) else None)
        if isinstance(neurons, list) and all(isinstance(neuron, Neuron) for neuron in neurons):
            kind = neurons[0].activation if neurons[0].nonlin else "linear"
            layers.append(([[w.data for w in n.w] for n in neurons], [n.b.data for n in neurons], kind))
        elif isinstance(module, Linear):
            biases = [b.data for b in module.bias] if module.bias is not None else []
            layers.append(([[w.data for w in row] for row in module.weight], biases, "linear"))
        elif layers and not _has_parameters(module):
            name = getattr(module, "activation", type(module).__name__)
            weights, biases, kind = layers[-1]
            layers[-1] = (weights, biases, name if kind == "linear" else f"{kind}, {name}")
        else:
            raise ArgumentError("weight_map draws MLPs and Sequentials of Linear layers with activations, "
                                f"not {shown(module)}")
    if any(len(before[0]) != len(after[0][0]) for before, after in pairwise(layers)):
        raise ArgumentError("weight_map draws layers that follow one another, and these do not fit: one has "
                            "other inputs than the one before it has units")
    return layers


def _has_parameters(module: Any) -> bool:
    return not isinstance(module, Module) or bool(module.parameters())


def _column(index: int, size: int, tallest: int) -> list[tuple[int, float, float] | None]:
    """Where each unit is drawn, from the top down; None for those in the gap of a layer that is too tall."""
    if size <= _MOST_UNITS:
        start = (tallest - 1 + size - 1) / 2
        return [(index, index, start - unit) for unit in range(size)]
    half = _MOST_UNITS // 2 - 1
    top: list[tuple[int, float, float] | None] = [(index, index, tallest - 1 - unit) for unit in range(half)]
    low: list[tuple[int, float, float] | None] = [(index, index, half - 1 - unit) for unit in range(half)]
    return [*top, *([None] * (size - 2 * half)), *low]


def _lines(axes: Axes, weights: list[list[float]], left: Sequence[Any], right: Sequence[Any]) -> None:
    """A line for each weight, the largest on top; thinner and paler where there are many."""
    from matplotlib.collections import LineCollection

    found = [
        (abs(weight), weight > 0.0, source[1:], unit[1:])
        for unit, row in zip(right, weights, strict=True)
        for source, weight in zip(left, row, strict=True)
        if unit is not None and source is not None and weight != 0.0
    ]
    found.sort()
    largest = found[-1][0] if found else 1.0
    crowd = min(1.0, 40 / max(1, len(found))) ** 0.5
    shares = [size / largest for size, _, _, _ in found]
    axes.add_collection(LineCollection(
        [(begin, end) for _, _, begin, end in found],
        linewidths=[0.25 + (0.7 + 2.8 * crowd) * share for share in shares],
        colors=[ORANGE if positive else BLUE for _, positive, _, _ in found],
        alpha=[0.08 + 0.84 * share ** (1.0 if crowd == 1.0 else 2.0) for share in shares],
        linestyles=["solid" if positive else (0, (3, 1.2)) for _, positive, _, _ in found],
        zorder=1,
    ))  # fmt: skip


def _units(axes: Axes, column: Sequence[Any], biases: Sequence[float]) -> None:
    largest = max((abs(bias) for bias in biases), default=0.0) or 1.0
    shown_ones = [(unit, place) for unit, place in enumerate(column) if place is not None]
    fills = [0.5 + 0.5 * biases[unit] / largest if biases else 0.5 for unit, _ in shown_ones]
    axes.scatter(
        [place[1] for _, place in shown_ones], [place[2] for _, place in shown_ones], s=150, c=fills,
        cmap=signed_map(), vmin=0.0, vmax=1.0, edgecolors=INK, linewidths=1.1, zorder=3,
    )  # fmt: skip


@drawn
def attribution_bars(
    attribution: Any, *, names: Sequence[str] = (), ax: Axes | None = None, title: str | None = None
) -> Figure:
    """One bar for each input: orange where it raises the answer, blue where it lowers it.

    `attribution` is what `saliency` or `integrated_gradients` returned, or a list of numbers; `names` are
    those of the inputs. Returns the matplotlib `Figure`. Raises `ArgumentError` for something else, and for
    more names or fewer than inputs.

    >>> from autograd_lite import nn
    >>> found = nn.saliency(nn.MLP(2, [3, 1], seed=0), [1.0, 2.0])
    >>> attribution_bars(found, names=["width", "height"]).axes[0].get_title(loc="left")
    'Saliency'
    """
    values = _numbers(attribution)
    labels = [str(name) for name in names] or [f"input {index}" for index in range(len(values))]
    if len(labels) != len(values):
        raise ArgumentError(f"{len(labels)} names for {len(values)} inputs: give one for each")
    figure, axes = one_axes(ax, 6.2, max(1.8, 1.1 + 0.32 * len(values)))
    places = range(len(values))
    axes.barh(places, values, color=[ORANGE if value > 0 else BLUE for value in values], height=0.66)
    axes.axvline(0.0, color=INK, linewidth=0.9)
    reach = max((abs(value) for value in values), default=0.0) or 1.0
    for place, value in zip(places, values, strict=True):
        axes.annotate(f"{value:.3g}".replace("-", "−"), (value, place), xytext=(4 if value >= 0 else -4, 0),
                      textcoords="offset points", va="center", ha="left" if value >= 0 else "right",
                      fontsize=9, color=INK)
    low, high = min(0.0, *values), max(0.0, *values)
    axes.set_xlim(low - (0.22 * reach if low < 0 else 0.02 * reach), high + 0.22 * reach)
    axes.set_yticks(places, labels=labels)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=GRID)
    axes.spines["left"].set_visible(False)
    method = str(getattr(attribution, "method", "attribution"))
    axes.set_title(title if title is not None else method.capitalize())
    axes.set_xlabel("∂answer/∂input" if method == "saliency" else "contribution to the answer")
    return figure


@drawn
def saliency_map(
    attribution: Any,
    shape: tuple[int, int] | None = None,
    *,
    image: Any = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """The numbers of an attribution as a picture: orange pixels raise the answer, blue ones lower it.

    `shape` is (rows, columns), a square if left out. `image`, the input as numbers in the same order, is
    drawn beside it (not where an `ax` is given). Returns the matplotlib `Figure`. Raises `ArgumentError` for
    a shape that does not fit.

    >>> saliency_map([0.0, 1.0, -1.0, 0.5], title="Four pixels").axes[0].get_title(loc="left")
    'Four pixels'
    """
    import numpy as np

    values = np.array(_numbers(attribution), dtype=float)
    side = math.isqrt(len(values))
    rows, columns = shape if shape is not None else (side, side)
    if not (is_whole(rows) and is_whole(columns)) or rows * columns != len(values):
        raise ArgumentError(f"shape {(rows, columns)} does not hold {len(values)} numbers: give (rows, "
                            "columns)")
    height = 0.6 + 3.2 * rows / columns
    if image is not None and ax is None:
        figure = new_figure(7.2, height)
        beside, axes = figure.subplots(1, 2)
        pixels = np.array(_numbers(image), dtype=float).reshape(rows, columns)
        beside.imshow(pixels, cmap="Greys")
        _frame(beside, "The input")
    else:
        figure, axes = one_axes(ax, 4.2, height)
    reach = float(np.abs(values).max()) or 1.0
    shaded = axes.imshow(values.reshape(rows, columns), cmap=signed_map(), vmin=-reach, vmax=reach)
    drawn_on: Any = figure
    bar = drawn_on.colorbar(shaded, ax=axes, shrink=0.7, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    method = str(getattr(attribution, "method", "attribution"))
    _frame(axes, title if title is not None else method.capitalize())
    return figure


def _frame(axes: Axes, title: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(GRID)
    axes.set_title(title)


def _numbers(attribution: Any) -> list[float]:
    values = attribution.tolist() if hasattr(attribution, "tolist") else attribution
    try:
        numbers = [float(value) for value in values]
    except TypeError as error:
        raise ArgumentError("expected what nn.saliency or nn.integrated_gradients returned, or a list of "
                            f"numbers; got {shown(attribution)}") from error
    if not numbers:
        raise ArgumentError("there are no numbers to draw")
    return numbers
