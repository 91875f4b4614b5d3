"""Pictures: all text inside the figure and apart, on axes of one's own, without pyplot; and clear errors."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograd_lite import nn
from autograd_lite.errors import ArgumentError, AutogradError

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra `plot`)")

X, Y = nn.data.xor()
SIGNS = [-1, 1, 1, -1]
CLASSES = [0, 1, 2, 1]


def history(**more: Any) -> nn.History:
    epochs = list(range(1, 41))
    losses = [2.0 * 0.8**epoch + 0.001 for epoch in epochs]
    columns = {"epoch": epochs, "loss": losses, "lr": [0.1] * 40, "seconds": [1.0] * 40}
    return nn.History(**{**columns, **more})


FULL = history(
    val_loss=[0.5 + 0.01 * abs(epoch - 17) for epoch in range(40)],
    metrics={"accuracy": [epoch / 40 for epoch in range(40)]},
    lr=[0.1 * (1 + math.cos(math.pi * epoch / 40)) / 2 for epoch in range(40)],
    attempt=[1] * 10 + [2] * 30,
)


def mlp(*sizes: int, **settings: Any) -> nn.MLP:
    return nn.MLP(2, list(sizes), seed=0, **settings)


@cache
def recorder(epochs: int = 12, every: int = 2) -> nn.Recorder:
    model = nn.MLP(2, [6, 6, 1], activation="relu", seed=0)
    found = nn.Recorder(model, X, every=every)
    nn.fit(model, X, Y, lr=0.05, epochs=epochs, callbacks=found, progress=False)
    return found


def nested() -> nn.Recorder:
    """Two rows of panels, and names that are longer than a panel is wide."""
    block = nn.Sequential("tanh", nn.Sequential(nn.Linear(2, 2), nn.Sequential("relu", nn.Linear(2, 2))))
    last = nn.Residual(nn.Sequential(nn.Linear(2, 2), "tanh"))
    model = nn.Sequential(nn.Residual(block), last, nn.Linear(2, 1))
    found = nn.Recorder(model, X)
    nn.fit(model.reset(0), X, Y, epochs=3, callbacks=found, progress=False)
    return found


REPORTS = {"sigmoid": nn.diagnose(mlp(*[4] * 9, 1, activation="sigmoid"), X, Y),
           "tanh": nn.diagnose(mlp(*[4] * 9, 1, activation="tanh"), X, Y)}  # fmt: skip
RATES = SimpleNamespace(lr=[10.0**k for k in range(-5, 1)], loss=[0.7, 0.7, 0.6, 0.4, 0.5, 90.0],
                        smoothed=[0.7, 0.7, 0.62, 0.45, 0.5, 60.0], suggestion=0.01)  # fmt: skip
SCHEDULES = {"cosine": nn.Cosine(50), "decay": lambda step: 0.9**step}
PICTURES: dict[str, Callable[..., Any]] = {
    "losses": lambda **named: nn.plots.loss_curves(FULL, **named),
    "losses, several": lambda **named: nn.plots.loss_curves({"SGD": history(), "Adam": FULL}, **named),
    "rates": lambda **named: nn.plots.rate_curve(RATES, **named),
    "schedule": lambda **named: nn.plots.schedule_curve(SCHEDULES, 50, **named),
    "boundary, numbers": lambda **named: nn.plots.decision_boundary(mlp(4, 1), X, Y, resolution=8, **named),
    "boundary, signs": lambda **named: nn.plots.decision_boundary(mlp(4, 1), X, SIGNS, resolution=8, **named),
    "boundary, many": lambda **named: nn.plots.decision_boundary(mlp(3), X, CLASSES, resolution=8, **named),
    "activations": lambda **named: nn.plots.activation_histograms(recorder(), layers=["layer 0"], **named),
    "gradients": lambda **named: nn.plots.gradient_histograms(recorder(), layers=["layer 1"], **named),
    "updates": lambda **named: nn.plots.update_ratios(recorder(), **named),
    "flow": lambda **named: nn.plots.gradient_flow(REPORTS, **named),
    "weights": lambda **named: nn.plots.weight_map(mlp(30, 4, 1), **named),
    "bars": lambda **named: nn.plots.attribution_bars([0.5, -0.2], names=["a", "b"], **named),
    "map": lambda **named: nn.plots.saliency_map([0.5, -0.2, 0.0, 0.1], **named),
}  # fmt: skip
MANY: dict[str, Callable[[], Any]] = {
    "losses of one epoch": lambda: nn.plots.loss_curves(nn.fit(mlp(2, 1), X, Y, epochs=1)),
    "losses with a hole": lambda: nn.plots.loss_curves(history(loss=[math.nan, *[0.5] * 39])),
    "all activations": lambda: nn.plots.activation_histograms(recorder(epochs=1)),
    "all gradients": lambda: nn.plots.gradient_histograms(recorder(every=5)),
    "layers with long names": lambda: nn.plots.activation_histograms(nested()),
    "map and image": lambda: nn.plots.saliency_map([0.1] * 6, (2, 3), image=[0, 1, 2, 3, 4, 5]),
    "weights of Linear": lambda: nn.plots.weight_map(nn.Sequential(nn.Linear(3, 4), "relu", nn.Linear(4, 2))),
}  # fmt: skip


def seen(figure: Any) -> list[Any]:
    """The texts of ticks outside of the axes' limits are not drawn."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not axes.axison or not low - 1e-9 * abs(low) <= tick.get_loc() <= high + 1e-9 * abs(high):
                    hidden |= {id(tick.label1), id(tick.label2)}
    from matplotlib.text import Text

    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if id(text) not in hidden and text.get_visible()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text().strip()]


@pytest.mark.parametrize("name", [*PICTURES, *MANY])
def test_all_text_is_inside_and_apart(name: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = (PICTURES.get(name) or MANY[name])()
    FigureCanvasAgg(figure).draw()
    texts = seen(figure)
    assert texts
    for text, box in texts:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1, text
        assert box.y1 <= figure.bbox.y1, text
    for (one, first), (other, second) in combinations(texts, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        along = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert across < 1 or along < 1, (one, other)


@pytest.mark.parametrize("name", PICTURES)
def test_on_axes_of_ones_own(name: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert PICTURES[name](ax=right) is figure
    assert right.has_data()
    assert not left.has_data()


@pytest.mark.parametrize("name", ["losses", "boundary, many", "activations", "weights"])
def test_the_same_picture_each_time(name: str) -> None:
    def as_svg() -> str:
        buffer = io.StringIO()
        PICTURES[name]().savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()

    first = as_svg()
    assert first == as_svg()
    assert len(first) < 250_000


def test_no_window_system_no_settings_changed_and_shown_by_itself(tmp_path: Path) -> None:
    program = """
import sys
from autograd_lite import nn
assert "matplotlib" not in sys.modules
import matplotlib
settings = lambda: {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}
before = settings()
figure = nn.plots.schedule_curve(lambda step: 0.9**step, 5)
figure.savefig(sys.argv[1])
assert settings() == before
assert "matplotlib.pyplot" not in sys.modules
bundle = figure._repr_mimebundle_()
assert list(bundle) == ["image/svg+xml"] and bundle["image/svg+xml"].lstrip().startswith("<?xml")
"""
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "picture.png")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AutogradError, match=r"pip install 'autograd-lite\[plot\]'"):
        nn.plots.schedule_curve(lambda step: 1.0, 5)


def test_what_the_curves_say() -> None:
    figure = nn.plots.loss_curves(FULL)
    loss, accuracy, rate = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy", "learning rate"]
    assert loss.get_yscale() == "log"
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "training", "validation", "best: 0.5\nin epoch 18",
    ]  # fmt: skip
    assert "new start" in [text.get_text() for text in loss.texts]
    assert list(accuracy.lines[0].get_ydata()) == FULL.metrics["accuracy"]
    assert list(rate.lines[0].get_ydata()) == FULL.lr
    flat = nn.plots.loss_curves(history(loss=[0.5] * 40))
    assert [axes.get_yscale() for axes in flat.axes] == ["linear"]  # and no panel for a rate that stays


@pytest.mark.parametrize(
    ("loss", "outputs", "labels", "wrong"),
    [
        ("mse", [0.4, 0.6], [0, 1], 0),
        ("mse", [0.6, 0.4], [0, 1], 2),
        ("bce_with_logits", [0.4, 0.6], [0, 1], 1),
        (None, [-0.1, 0.1], [-1, 1], 0),
        ("hinge", [0.1, 0.2], [-1, 1], 1),
        ("cross_entropy", [[0.1, 0.2], [0.5, 0.2]], [1, 1], 1),
    ],
)
def test_wrong_samples_are_counted(loss: Any, outputs: list[Any], labels: list[int], wrong: int) -> None:
    from autograd_lite import Value

    def model(x: Any) -> Any:
        answer = outputs[int(x[0] > 0)]
        return [Value(part) for part in answer] if isinstance(answer, list) else Value(answer)

    figure = nn.plots.decision_boundary(model, [[-1.0, 0.0], [1.0, 1.0]], labels, loss=loss, resolution=4)
    told = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert ([f"wrong: {wrong} of 2"] if wrong else []) == [text for text in told if text.startswith("wrong")]


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: nn.plots.loss_curves([1.0, 0.5]), "expected what fit returned"),
        (lambda: nn.plots.loss_curves(nn.History()), "has no epochs"),
        (lambda: nn.plots.loss_curves({}), "is empty"),
        (lambda: nn.plots.loss_curves(FULL, ax="left"), "ax is an Axes of matplotlib"),
        (lambda: nn.plots.rate_curve(history(lr=[])), "takes what lr_find returned"),
        (lambda: nn.plots.schedule_curve(lambda step: 1.0), "say how many steps to draw"),
        (lambda: nn.plots.schedule_curve(0.5, 10), "takes a schedule and a number of steps"),
        (lambda: nn.plots.decision_boundary(mlp(1), [[1.0]], [0]), "two inputs; these samples have 1"),
        (lambda: nn.plots.decision_boundary(mlp(1), X, [0.5] * 4), "target 0 is 0.5"),
        (lambda: nn.plots.decision_boundary(mlp(1), X, Y, resolution=1), "resolution is a whole number"),
        (lambda: nn.plots.activation_histograms(FULL), "expected an nn.Recorder"),
        (lambda: nn.plots.activation_histograms(nn.Recorder(mlp(1), X)), "has no records"),
        (lambda: nn.plots.gradient_histograms(recorder(2), layers=["layer9"]), "no layer 'layer9'"),
        (lambda: nn.plots.gradient_histograms(recorder(2), ax=object()), "ax has room for one layer"),
        (lambda: nn.plots.gradient_flow(FULL), "takes what nn.diagnose returned"),
        (lambda: nn.plots.weight_map(nn.Embedding(3, 2)), "weight_map draws MLPs"),
        (lambda: nn.plots.attribution_bars([1.0], names=["a", "b"]), "2 names for 1 inputs"),
        (lambda: nn.plots.attribution_bars(3.0), "or a list of numbers; got 3.0"),
        (lambda: nn.plots.saliency_map([1.0, 2.0, 3.0]), "does not hold 3 numbers"),
    ],
)
def test_messages(draw: Callable[[], Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        draw()
