"""Pictures of what a `Recorder` or `diagnose` measured in each layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, nearest
from .inputs import shown
from .plot_style import (
    DASHES,
    GRID,
    INK,
    MARKERS,
    QUIET,
    SERIES,
    drawn,
    heat_map,
    line_looks,
    log_axis,
    new_figure,
    one_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["activation_histograms", "gradient_flow", "gradient_histograms", "update_ratios"]

_PER_ROW = 5
_CELLS = 60
_RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "hardtanh": (-1.0, 1.0)}


@drawn
def activation_histograms(
    recorder: Any, *, layers: Sequence[str] | None = None, ax: Axes | None = None, title: str = "Activations"
) -> Figure:
    """How each layer's answers to the probe samples are spread, epoch by epoch: the darker, the more of them.

    A panel for each layer of the `Recorder`, or for those named in `layers`; with `ax` one layer must be
    named. Tanh and sigmoid that saturate show as dark lines at −1, 0 and 1, dead ReLUs as one line at 0.
    Returns the matplotlib `Figure`. Raises `ArgumentError` for unknown layers and an empty recorder.
    """
    names = _chosen(recorder, layers, lambda record: record.units > 0)
    return _panels(recorder, names, "activations", ax, title, "answer")


@drawn
def gradient_histograms(
    recorder: Any, *, layers: Sequence[str] | None = None, ax: Axes | None = None, title: str = "Gradients"
) -> Figure:
    """How the sizes of each layer's gradients are spread, epoch by epoch: the darker, the more of them.

    The axis is logarithmic and the same for all layers, so that layers whose gradients vanish or explode lie
    apart. Gradients of exactly 0 cannot be shown there; their share stands below the panel where there are
    any. Panels, `ax` and errors are as in `activation_histograms`.
    """
    names = _chosen(recorder, layers, lambda record: any(counts is not None for counts in record.gradients))
    return _panels(recorder, names, "gradients", ax, title, "|gradient|")


def _chosen(recorder: Any, layers: Sequence[str] | None, shows: Callable[[Any], bool]) -> list[str]:
    if not hasattr(recorder, "layers") or not hasattr(recorder, "epochs"):
        raise ArgumentError("expected an nn.Recorder that was given to fit as a callback, got "
                            f"{shown(recorder)}")
    if not recorder.epochs:
        raise ArgumentError("this recorder has no records: give it to fit, as in "
                            "fit(..., callbacks=recorder)")
    known = [name for name, record in recorder.layers.items() if shows(record)]
    for name in layers or ():
        if name not in known:
            raise ArgumentError(f"no layer {name!r} with something to draw: {nearest(name, known)}")
    return list(layers or known)


def _panels(recorder: Any, names: list[str], column: str, ax: Axes | None, title: str, what: str) -> Figure:
    if ax is not None and len(names) != 1:
        raise ArgumentError(f"ax has room for one layer, and there are {len(names)}: name it, "
                            f"layers=[{names[0]!r}]")
    if ax is not None:
        figure, panel = one_axes(ax, 0, 0)
        panels = [panel]
    else:
        columns = min(len(names), _PER_ROW)
        rows = math.ceil(len(names) / columns)
        figure = new_figure(max(4.2, 1.0 + 1.6 * columns), 0.6 + 2.2 * rows)
        grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
        panels = list(grid.flat)
        for panel in panels[len(names):]:
            panel.remove()
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    shared = column == "gradients"  # whose sizes are to be compared; activations have ranges of their own
    for index, (panel, name) in enumerate(zip(panels, names, strict=False)):
        low, high = _limits([recorder.layers[each] for each in (names if shared else [name])], column)
        _heat(panel, recorder, name, column, low, high)
        panel.set_title(_short(name), fontsize=9.5)
        panel.set_xlabel("epoch")
        panel.tick_params(labelbottom=True)
        if index % _PER_ROW == 0:
            panel.set_ylabel(what)
        if shared:
            _powers_of_ten(panel, low, high)
            panel.tick_params(labelleft=index % _PER_ROW == 0)
            _tell_zeros(panel, recorder.layers[name])
    return figure


def _short(name: str) -> str:
    """The name of a layer, its outer scopes left out until it fits above a panel."""
    if len(name) <= 21:
        return name
    parts = name.split("/")
    while len(parts) > 1 and len("/".join(parts)) > 19:
        parts = parts[1:]
    inner = "/".join(parts)
    return f"…/{inner}" if len(inner) <= 19 else f"…{inner[-20:]}"


def _limits(records: Sequence[Any], column: str) -> tuple[float, float]:
    drawn_ones = [
        counts for record in records for counts in getattr(record, column) if counts and sum(counts["counts"])
    ]
    if not drawn_ones:
        return -1.0, 1.0
    low = min(counts["low"] for counts in drawn_ones)
    high = max(counts["high"] for counts in drawn_ones)
    if column == "activations":  # the whole range of tanh and sigmoid
        for record in records:
            ends = _RANGES.get(record.activation, (low, high))
            low, high = min(low, ends[0]), max(high, ends[1])
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room


def _heat(panel: Axes, recorder: Any, name: str, column: str, low: float, high: float) -> None:
    """One column of cells for each record, shaded by how many fall in, its fullest cell the darkest."""
    import numpy as np

    records = getattr(recorder.layers[name], column)
    borders = _borders(recorder.epochs)
    edges = np.linspace(low, high, _CELLS + 1)
    cells = np.zeros((_CELLS, len(records)))
    for k, counts in enumerate(records):
        if counts is not None:
            cells[:, k] = _resampled(counts, edges)
    peaks = cells.max(axis=0)
    peaks[peaks == 0] = 1.0
    panel.pcolormesh(
        borders, edges, (cells / peaks) ** 0.6, cmap=heat_map(), vmin=0.0, vmax=1.0, rasterized=True
    )
    panel.set_xlim(borders[0], borders[-1])
    panel.set_ylim(low, high)


def _tell_zeros(panel: Axes, record: Any) -> None:
    """How many gradients are exactly 0 at the end, for which there is no place on a logarithmic axis."""
    last = next((counts for counts in reversed(record.gradients) if counts is not None), None)
    if last and last["others"]:
        share = last["others"] / (last["others"] + sum(last["counts"]))
        panel.text(0.04, 0.03, f"{100 * share:.0f} % are 0", transform=panel.transAxes, fontsize=8.5,
                   color=INK, bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5})


def _resampled(counts: Mapping[str, Any], edges: Any) -> Any:
    """The counts on other edges: each bin spread evenly over the cells that it covers."""
    import numpy as np

    numbers = counts["counts"]
    least = edges[1] - edges[0]
    low, high = counts["low"], counts["high"]
    if high - low < least:  # all in one place: a line that can be seen
        middle = (low + high) / 2
        low, high = middle - least, middle + least
    own = np.linspace(low, high, len(numbers) + 1)
    cumulative = np.concatenate([[0.0], np.cumsum(numbers)])
    return np.diff(np.interp(edges, own, cumulative))


def _borders(epochs: Sequence[int]) -> list[float]:
    """Where the column of each recorded epoch begins and ends."""
    middles = [(a + b) / 2 for a, b in pairwise(epochs)]
    first = epochs[0] - (middles[0] - epochs[0] if middles else 0.5)
    last = epochs[-1] + (epochs[-1] - middles[-1] if middles else 0.5)
    return [first, *middles, last]


def _powers_of_ten(panel: Axes, low: float, high: float) -> None:
    step = max(1, math.ceil((high - low) / 6))
    ticks = [power for power in range(math.ceil(low), math.floor(high) + 1) if power % step == 0]
    panel.set_yticks(ticks, labels=[f"$10^{{{power}}}$" for power in ticks])


@drawn
def gradient_flow(
    report: Any, *, ax: Axes | None = None, title: str = "Gradient of a typical parameter, layer by layer"
) -> Figure:
    """The size of the gradient in each layer, on a logarithmic axis: level where a network can learn.

    `report` is what `diagnose` returned, or a dict of several under their names, such as before and after a
    cure. The size is the root mean square over the layer's parameters. Layers without parameters and those
    that only normalise are left out, so that networks with and without them can be compared; a gradient of
    exactly 0 is drawn as an open mark at the lower edge. Returns the matplotlib `Figure`. Raises
    `ArgumentError` for something else than reports.

    >>> from autograd_lite import nn
    >>> report = nn.diagnose(nn.MLP(1, [4, 1], seed=0), [1.0, 2.0], [1.0, 2.0])
    >>> gradient_flow(report).axes[0].get_yscale()
    'log'
    """
    reports = dict(report) if isinstance(report, Mapping) else {"": report}
    for one in reports.values():
        if not hasattr(one, "findings") or not hasattr(one, "layers"):
            raise ArgumentError(f"gradient_flow takes what nn.diagnose returned, got {shown(one)}")
    figure, axes = one_axes(ax, 7.0, 3.4)
    lines = {
        name: [(layer.name, size) for layer in one.layers
               if (size := layer.gradient_rms) is not None and "Norm(" not in layer.kind]
        for name, one in reports.items()
    }
    sizes = [size for line in lines.values() for _, size in line if 0.0 < size < math.inf]
    floor = 10.0 ** (math.floor(math.log10(min(sizes, default=1.0))) - 1)
    for index, (name, line) in enumerate(lines.items()):
        colour, places = SERIES[index % len(SERIES)], range(len(line))
        heights = [size if 0.0 < size < math.inf else math.nan for _, size in line]
        axes.plot(places, heights, color=colour, linestyle=DASHES[index % len(DASHES)],
                  marker=MARKERS[index % len(MARKERS)], markersize=5.5, label=str(name) or None)
        none = [place for place, (_, size) in enumerate(line) if size == 0.0]
        axes.plot(none, [floor] * len(none), linestyle="none", marker=MARKERS[index % len(MARKERS)],
                  markersize=6, markerfacecolor="white", markeredgecolor=colour, clip_on=False)
    log_axis(axes)
    if any(size == 0.0 for line in lines.values() for _, size in line):
        axes.set_ylim(bottom=floor)
    names = [[name for name, _ in line] for line in lines.values()]
    longest = max(names, key=len)
    _name_layers(axes, longest if all(each == longest[: len(each)] for each in names) else [])
    axes.set_ylabel("|gradient|, root mean square")
    axes.set_title(title)
    axes.grid(axis="y")
    axes.margins(x=0.04)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")
    return figure


def _name_layers(axes: Axes, names: Sequence[str]) -> None:
    short = [name.removeprefix("layer ") for name in names]
    if all(name.isdigit() for name in short):  # also where the networks name their layers differently
        from matplotlib.ticker import MaxNLocator

        axes.set_xlabel("layer (0 is next to the input)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    short = list(names)
    crowded = sum(map(len, short)) > 70
    axes.set_xticks(range(len(short)), labels=short, rotation=35 if crowded else 0,
                    ha="right" if crowded else "center", rotation_mode="anchor")


@drawn
def update_ratios(
    recorder: Any, *, ax: Axes | None = None, title: str = "Share of the weights that a step changes"
) -> Figure:
    """‖step‖ / ‖weights‖ of each layer over the epochs that a `Recorder` recorded, on a logarithmic axis.

    The dashed line is the rule of thumb, 0.001 (CS231n; Karpathy, "makemore part 3"). Returns the matplotlib
    `Figure`. Raises `ArgumentError` for an empty recorder.
    """
    names = _chosen(recorder, None, lambda record: any(ratio for ratio in record.update_ratio))
    figure, axes = one_axes(ax, 7.0, 3.2)
    for index, name in enumerate(names):
        ratios = [ratio if ratio else math.nan for ratio in recorder.layers[name].update_ratio]
        axes.plot(recorder.epochs, ratios, label=name, **line_looks(index, len(names) > 1, len(ratios)))
    axes.axhline(1e-3, color=QUIET, linewidth=1.0, linestyle=(0, (5, 3)), label="rule of thumb")
    log_axis(axes)
    axes.set_xlabel("epoch")
    axes.set_ylabel("‖step‖ / ‖weights‖")
    axes.set_title(title)
    axes.grid(axis="y", color=GRID)
    axes.margins(x=0.02)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
