"""What a classifier answers over the plane of its two inputs, with the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from .deciding import answers_of
from .inputs import is_whole
from .plot_style import INK, MARKERS, QUIET, SERIES, drawn, one_axes, two_sided_map
from .prediction import predict
from .samples import as_samples, as_targets

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["decision_boundary"]


@drawn
def decision_boundary(
    model: Any,
    X: Any,  # noqa: N803 - X is what everybody calls it
    y: Any,
    *,
    loss: str | Callable[..., Any] | None = None,
    resolution: int = 60,
    ax: Axes | None = None,
    title: str = "What the network answers",
    names: Sequence[str] = (),
) -> Figure:
    """The model's answers over the plane of its two inputs, the line between the classes, and the data.

    A model of one output: blue where it answers class 0 (or −1), orange where 1. `loss` says how the output
    is meant, as it did in `fit`: for "bce_with_logits" the line is at 0 and the shade is σ(output); for
    labels −1 and 1 the line is at 0 and dotted lines are the margins at ±1; otherwise it is at one half. A
    model of several outputs: each place has the colour of its largest output, paler where the softmax is
    less sure.
    Samples that are answered wrongly have a dark ring.

    The model is asked at `resolution`² places, in `eval()`. Returns the matplotlib `Figure`. Raises
    `ArgumentError` unless samples have two numbers and targets are classes.

    >>> from autograd_lite import nn
    >>> X, y = [[-1, -1], [-1, 1], [1, -1], [1, 1]], [0, 1, 1, 0]
    >>> figure = decision_boundary(nn.MLP(2, [4, 1], seed=0), X, y, resolution=10)
    >>> figure.axes[0].get_title(loc="left")
    'What the network answers'
    """
    import numpy as np

    samples = as_samples(X)
    if len(samples[0]) != 2:
        raise ArgumentError("decision_boundary draws models of two inputs; these samples have "
                            f"{len(samples[0])}")
    if not is_whole(resolution) or resolution < 2:
        raise ArgumentError(f"resolution is a whole number of at least 2, got {resolution!r}")
    labels = _labels(as_targets(y, len(samples)))
    points = np.array(samples, dtype=float)
    across, along = (_reach(points[:, k], int(resolution)) for k in (0, 1))
    grid = [[float(a), float(b)] for b in along for a in across]
    answers = np.array(predict(model, grid + [list(map(float, row)) for row in samples]))
    if answers.ndim > 1 and answers.shape[1] == 1:
        answers = answers[:, 0]
    field, at_samples = answers[: len(grid)], answers[len(grid) :]
    field = field.reshape(int(resolution), int(resolution), *answers.shape[1:])
    figure, axes = one_axes(ax, 5.6, 4.6)
    if answers.ndim == 1:
        told = _two_classes(axes, across, along, field, at_samples, labels, answers_of(loss))
    else:
        told = _many_classes(axes, across, along, field, at_samples)
    _data(axes, points, labels, told, names)
    axes.set_xlabel("first input")
    axes.set_ylabel("second input")
    axes.set_title(title)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def _labels(targets: Sequence[Any]) -> list[int]:
    labels = [target[0] if isinstance(target, list) and len(target) == 1 else target for target in targets]
    for index, label in enumerate(labels):
        if isinstance(label, list) or label != int(label) or label < -1:
            raise ArgumentError("decision_boundary takes classes as targets: 0 and 1, −1 and 1, or 0, 1, 2, "
                                f"...; target {index} is {label!r}")
    return [int(label) for label in labels]


def _reach(numbers: Any, resolution: int) -> np.ndarray[Any, Any]:
    import numpy as np

    low, high = float(numbers.min()), float(numbers.max())
    room = 0.18 * (high - low) or 1.0
    return np.linspace(low - room, high + room, resolution)


def _two_classes(
    axes: Axes, across: Any, along: Any, field: Any, at_samples: Any, labels: Sequence[int], answers: str
) -> list[int]:
    """Shade the plane and draw the line; returns the class told for each sample."""
    import numpy as np

    signs, logits = min(labels) < 0 or answers == "signs", answers == "logits"
    level = 0.0 if signs or logits else 0.5
    with np.errstate(over="ignore"):
        shade = 1 / (1 + np.exp(-field)) if logits else (field + 1) / 2 if signs else field
    image = _shade(axes, across, along, np.clip(shade, 0.0, 1.0), cmap=two_sided_map(), vmin=0.0, vmax=1.0)
    if field.min() < level < field.max():
        axes.contour(across, along, field, levels=[level], colors=INK, linewidths=1.8)
    margins = [margin for margin in (-1.0, 1.0) if field.min() < margin < field.max()]
    if signs and margins:
        axes.contour(across, along, field, levels=margins, colors=QUIET, linewidths=1.0, linestyles="dotted")
    figure: Any = axes.get_figure()
    bar = figure.colorbar(image, ax=axes, shrink=0.55, aspect=14, pad=0.03, anchor=(0.0, 1.0))
    bar.outline.set_visible(False)
    bar.set_ticks([0.0, 0.5, 1.0], labels=["≤ −1", "0", "≥ 1"] if signs else ["0", "½", "1"])
    bar.ax.tick_params(length=0)
    sure = logits or answers == "probabilities"
    bar.set_label("score" if signs else "probability of 1" if sure else "answer")
    return [int(answer > level) if min(labels) >= 0 else (1 if answer > level else -1)
            for answer in at_samples]


def _many_classes(axes: Axes, across: Any, along: Any, field: Any, at_samples: Any) -> list[int]:
    import numpy as np
    from matplotlib.colors import to_rgb

    weights = np.exp(field - field.max(axis=2, keepdims=True))
    share = weights / weights.sum(axis=2, keepdims=True)
    winner = field.argmax(axis=2)
    hues = np.array([to_rgb(SERIES[k % len(SERIES)]) for k in range(field.shape[2])])
    sure = share.max(axis=2)[..., None]
    least = 1.0 / field.shape[2]
    strength = 0.10 + 0.40 * np.clip((sure - least) / (1 - least), 0, 1)
    _shade(axes, across, along, 1 - strength * (1 - hues[winner]))
    for k in range(field.shape[2]):
        # where this class's output passes the largest of the others
        lead = field[..., k] - np.delete(field, k, axis=2).max(axis=2)
        if lead.min() < 0 < lead.max():
            axes.contour(across, along, lead, levels=[0.0], colors=INK, linewidths=1.4)
    return [int(answer.argmax()) for answer in at_samples]


def _shade(axes: Axes, across: Any, along: Any, image: Any, **looks: Any) -> Any:
    half = [(line[1] - line[0]) / 2 for line in (across, along)]
    extent = (across[0] - half[0], across[-1] + half[0], along[0] - half[1], along[-1] + half[1])
    shaded = axes.imshow(
        image, origin="lower", extent=extent, aspect="auto", **{"interpolation": "bilinear", **looks}
    )
    axes.set_xlim(across[0], across[-1])
    axes.set_ylim(along[0], along[-1])
    return shaded


def _data(axes: Axes, points: Any, labels: Sequence[int], told: Sequence[int], names: Sequence[str]) -> None:
    classes = sorted(set(labels))
    size = 26 if len(labels) > 40 else 60
    for k, label in enumerate(classes):
        # the second of two classes is orange; of more, each has the colour of its output
        place = (label if label >= 0 else 0) if min(classes) >= 0 else k
        these = [index for index, each in enumerate(labels) if each == label]
        axes.scatter(
            points[these, 0], points[these, 1], s=size, marker=MARKERS[place % len(MARKERS)],
            color=SERIES[place % len(SERIES)], edgecolors="white", linewidths=0.8, zorder=3,
            label=str(names[k]) if k < len(names) else f"class {label}",
        )  # fmt: skip
    wrong = [k for k, (label, answer) in enumerate(zip(labels, told, strict=True)) if label != answer]
    if wrong:
        axes.scatter(
            points[wrong, 0], points[wrong, 1], s=3.4 * size, facecolors="none", edgecolors=INK,
            linewidths=1.3, zorder=4, label=f"wrong: {len(wrong)} of {len(labels)}",
        )  # fmt: skip
    axes.legend(
        loc="upper left", bbox_to_anchor=(0.0, -0.13), ncols=min(4, len(classes) + bool(wrong)),
        borderaxespad=0.0, columnspacing=1.4, handletextpad=0.3,
    )  # fmt: skip


