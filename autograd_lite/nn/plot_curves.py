"""Pictures of numbers over epochs or steps: losses, metrics, learning rates, schedules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from .inputs import is_whole, shown
from .plot_style import (
    BLUE,
    DASHES,
    GRID,
    INK,
    ORANGE,
    QUIET,
    SERIES,
    drawn,
    line_looks,
    log_axis,
    new_figure,
    one_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["loss_curves", "rate_curve", "schedule_curve"]

_LOG_FROM = 20.0  # a logarithmic axis where the largest number is this many times the smallest


@drawn
def loss_curves(history: Any, *, ax: Axes | None = None, title: str = "Loss") -> Figure:
    """The loss of each epoch, with that of the validation data, metrics and the learning rate.

    `history` is what `fit` returned, or a dict of several under their names, to compare them. The loss stands
    on a logarithmic axis where it spans more than a factor of 20; the best epoch (by the validation loss, if
    there is one) is marked, and so is each new start of `fit(restarts=)`. Below it a panel for each metric,
    and one for the learning rate if that changes. With `ax` the losses alone are drawn there.

    Returns the matplotlib `Figure`. Raises `ArgumentError` for something else than a history, and for one
    without a single epoch.

    >>> from autograd_lite import nn
    >>> X, y = [[0.0], [1.0]], [1.0, 3.0]
    >>> history = nn.fit(nn.MLP(1, [1], seed=0), X, y, lr=0.1, epochs=20)
    >>> figure = loss_curves(history)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss']
    """
    runs = _runs(history)
    if ax is not None:
        figure, top = one_axes(ax, 0, 0)
        _losses(top, runs, title, beside=False)
        return figure
    metrics = list(dict.fromkeys(name for run in runs.values() for name in _metrics(run)))
    rates = any(len(set(run.lr)) > 1 for run in runs.values())
    heights = [3.0] + [1.5] * len(metrics) + [1.3] * rates
    figure = new_figure(7.6, 0.6 + sum(heights))
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    _losses(panels[0], runs, title)
    for panel, name in zip(panels[1:], metrics, strict=False):
        _metric(panel, runs, name)
    if rates:
        _rates(panels[-1], runs)
    for panel in panels[:-1]:
        panel.set_xlabel("")
    figure.align_ylabels(list(panels))
    return figure


def _runs(history: Any) -> dict[str, Any]:
    runs = dict(history) if isinstance(history, Mapping) else {"": history}
    for name, run in runs.items():
        which = f"history {name!r}" if name else "the history"
        if not all(hasattr(run, part) for part in ("epoch", "loss", "lr")):
            raise ArgumentError(f"{which} is {shown(run)}; expected what fit returned, or a dict of names "
                                "and histories")
        if not run.loss:
            raise ArgumentError(f"{which} has no epochs: there is nothing to draw")
    if not runs:
        raise ArgumentError("the dict of histories is empty: there is nothing to draw")
    return {str(name): run for name, run in runs.items()}


def _losses(axes: Axes, runs: Mapping[str, Any], title: str, beside: bool = True) -> None:
    alone = len(runs) == 1
    for index, (name, run) in enumerate(runs.items()):
        colour, epochs = SERIES[index % len(SERIES)], _epochs(run)
        train = (f"{name}, training" if name else "training") if _validation(run) else name
        axes.plot(epochs, run.loss, label=train or None, **line_looks(index, not alone, len(epochs)))
        if held := _validation(run):
            axes.plot(epochs, held, color=ORANGE if alone else colour, linestyle=DASHES[1] if alone else ":",
                      label=f"{name}, validation" if name else "validation")
        _mark_best(axes, epochs, held or run.loss, ORANGE if held and alone else colour, words=alone)
        _mark_restarts(axes, epochs, run, words=alone)
    if not alone:
        axes.plot([], [], "o", color="none", markersize=7, markeredgecolor=INK, label="lowest")
    _sensible_axis(axes, [loss for run in runs.values() for loss in (*run.loss, *_validation(run))])
    _label(axes, "loss", title)
    _count(axes)
    if beside and len(axes.get_legend_handles_labels()[0]) > 1:  # where no curve can cross it
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    else:
        axes.legend(loc="best")


def _metric(axes: Axes, runs: Mapping[str, Any], name: str) -> None:
    alone = len(runs) == 1
    for index, run in enumerate(runs.values()):
        found = _metrics(run)
        if name in found:
            axes.plot(_epochs(run), found[name], **line_looks(index, not alone, len(found[name])))
    _label(axes, name)
    _count(axes)


def _rates(axes: Axes, runs: Mapping[str, Any]) -> None:
    same = all(run.lr == next(iter(runs.values())).lr for run in runs.values())
    for index, run in enumerate(runs.values()):
        looks: dict[str, Any] = {"color": QUIET} if same else line_looks(index, points=len(run.lr))
        axes.plot(_epochs(run), run.lr, **looks)
    rates = sorted(rate for run in runs.values() for rate in run.lr)
    if rates[0] > 0.0 and rates[-1] >= _LOG_FROM * rates[len(rates) // 2]:
        log_axis(axes)
    else:
        axes.set_ylim(0.0, 1.08 * rates[-1] or 1.0)
    _label(axes, "learning rate")
    _count(axes)


def _label(axes: Axes, what: str, title: str = "", along: str = "epoch") -> None:
    axes.set_ylabel(what)
    axes.set_xlabel(along)
    axes.margins(x=0.02)
    axes.grid(axis="y")
    if title:
        axes.set_title(title)


def _count(axes: Axes) -> None:
    """Ticks at whole numbers only: there is no epoch 2.5."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _mark_best(axes: Axes, epochs: Sequence[int], losses: Sequence[float], colour: str, words: bool) -> None:
    finite = [(loss, epoch) for loss, epoch in zip(losses, epochs, strict=False) if math.isfinite(loss)]
    if not finite:
        return
    loss, epoch = min(finite)
    axes.plot([epoch], [loss], "o", color=colour, markersize=7, markeredgecolor=INK, zorder=5,
              label=f"best: {loss:.3g}\nin epoch {epoch}" if words else None)


def _mark_restarts(axes: Axes, epochs: Sequence[int], run: Any, words: bool) -> None:
    attempts = list(getattr(run, "attempt", None) or ())
    for k in range(1, min(len(attempts), len(epochs))):
        if attempts[k] != attempts[k - 1]:
            place = (epochs[k] + epochs[k - 1]) / 2
            axes.axvline(place, color=QUIET, linewidth=0.9, linestyle=(0, (3, 3)))
            if words:
                axes.annotate(
                    "new start", (place, 0.02), xycoords=("data", "axes fraction"), xytext=(3, 0),
                    textcoords="offset points", rotation=90, fontsize=8, color=QUIET, va="bottom",
                )  # fmt: skip


def _epochs(run: Any) -> list[int]:
    """The epochs counted through, also where each new start counts from 1."""
    counted = list(run.epoch)
    if any(after <= before for before, after in pairwise(counted)):
        return list(range(1, len(run.loss) + 1))
    return counted


def _validation(run: Any) -> list[float]:
    losses = getattr(run, "val_loss", None) or []
    return [math.nan if loss is None else loss for loss in losses]


def _metrics(run: Any) -> dict[str, list[float]]:
    return dict(getattr(run, "metrics", None) or {})


def _sensible_axis(axes: Axes, numbers: Iterable[float]) -> None:
    finite = [number for number in numbers if math.isfinite(number)]
    if finite and min(finite) > 0.0 and max(finite) >= _LOG_FROM * min(finite):
        log_axis(axes)


# learning rates


@drawn
def rate_curve(found: Any, *, ax: Axes | None = None, title: str = "Loss by learning rate") -> Figure:
    """What `lr_find` measured: the loss at each learning rate, and the rate that it suggests.

    Returns the matplotlib `Figure`. Raises `ArgumentError` for something else than what `lr_find` returned.
    """
    rates, losses = (list(getattr(found, name, ())) for name in ("lr", "loss"))
    if not rates or len(rates) != len(losses):
        raise ArgumentError(f"rate_curve takes what lr_find returned, got {shown(found)}")
    figure, axes = one_axes(ax, 7.0, 3.6)
    smooth = list(getattr(found, "smoothed", None) or ())
    axes.plot(rates, losses, color=BLUE, linewidth=1.0 if smooth else 1.9, alpha=0.45 if smooth else 1.0,
              label="loss" if smooth else None)
    if smooth:
        axes.plot(rates, smooth, color=BLUE, label="smoothed")
    axes.set_xscale("log")
    shape = [loss for loss in smooth or losses if math.isfinite(loss)]
    if shape:  # where the loss breaks away the axis does not follow
        low = min([*shape, *filter(math.isfinite, losses)])
        start = max(shape[0], low)
        if low > 0.0 and start >= _LOG_FROM * low:
            axes.set_ylim(low / 1.5, 3.0 * start)
            log_axis(axes)
        else:
            room = (start - low) or abs(low) or 1.0
            axes.set_ylim(low - 0.1 * room, start + 0.7 * room)
    if (best := getattr(found, "suggestion", None)) is not None:
        axes.axvline(best, color=ORANGE, linewidth=1.4, linestyle=(0, (5, 2)))
        right = math.log(best / rates[0]) > 0.6 * math.log(rates[-1] / rates[0])
        axes.annotate(
            f"suggested: {best:.2g}", (best, 0.97), xycoords=("data", "axes fraction"), va="top",
            xytext=(-6 if right else 6, 0), textcoords="offset points", ha="right" if right else "left",
            color="#a34700", fontsize=9.5,
        )  # fmt: skip
    if smooth:
        axes.legend(loc="best")
    _label(axes, "loss", title, "learning rate")
    return figure


@drawn
def schedule_curve(
    schedule: Any, steps: int | None = None, *, ax: Axes | None = None, title: str = "Learning rate schedule"
) -> Figure:
    """The factor on the learning rate after each step of a schedule; of several, as a dict of names.

    `steps` is how many to draw; it may be left out if every schedule has a length. Returns the matplotlib
    `Figure`. Raises `ArgumentError` for endless schedules without `steps`.

    >>> figure = schedule_curve(lambda step: 0.9**step, 30)
    >>> figure.axes[0].get_xlabel()
    'steps done'
    """
    schedules = dict(schedule) if isinstance(schedule, Mapping) else {"": schedule}
    figure, axes = one_axes(ax, 7.0, 2.8)
    for index, (name, factor) in enumerate(schedules.items()):
        length = getattr(factor, "length", None)
        count = length if steps is None else min(steps, length or steps)
        if not callable(factor) or (steps is not None and not (is_whole(steps) and steps > 0)):
            raise ArgumentError("schedule_curve takes a schedule and a number of steps, got "
                                f"{shown(factor)}, {shown(steps)}")
        if count is None:
            raise ArgumentError(f"{shown(factor)} has no end: say how many steps to draw, as in "
                                "schedule_curve(schedule, 100)")
        factors = [factor(step) for step in range(count)]
        colour, dash = SERIES[index % len(SERIES)], DASHES[index % len(DASHES)]
        axes.plot(range(count), factors, color=colour, linestyle=dash, label=str(name) or None)
    axes.axhline(1.0, color=GRID, linewidth=0.9, zorder=0)
    axes.set_ylim(bottom=0.0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")
    _label(axes, "factor on lr", title, "steps done")
    _count(axes)
    return figure
