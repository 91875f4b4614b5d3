"""How every picture of `nn.plots` looks: colours, fonts, the figure itself.

The hues are those of Okabe and Ito (2008), which colour-blind eyes tell apart; they differ in lightness too,
and lines in their dashes, points in their shapes, so that a picture also reads in grey. The background is
opaque white: a picture reads the same in a light and in a dark notebook.

No picture touches pyplot: a figure that nobody holds is gone, and no window system is needed.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ..errors import ArgumentError, AutogradError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = [
    "BLUE", "DASHES", "GRID", "INK", "MARKERS", "ORANGE", "QUIET", "SERIES", "drawn", "heat_map",
    "line_looks", "log_axis", "new_figure", "one_axes", "signed_map", "two_sided_map",
]  # fmt: skip

INK, QUIET, GRID, PAPER = "#24292f", "#57606a", "#d8dee4", "#ffffff"
BLUE, ORANGE = "#0072b2", "#d55e00"
SERIES = (BLUE, ORANGE, "#009e73", "#b3568f", "#8a6d00", "#3d9bd6", "#4b5563", "#8c1d18")
DASHES = ("solid", (0, (5, 1.6)), (0, (1.4, 1.3)), (0, (6, 1.5, 1.4, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")

_STYLE: dict[str, Any] = {
    "figure.facecolor": PAPER, "savefig.facecolor": PAPER, "axes.facecolor": PAPER,
    "text.color": INK, "axes.labelcolor": QUIET, "axes.titlecolor": INK, "axes.edgecolor": QUIET,
    "xtick.color": QUIET, "ytick.color": QUIET, "xtick.labelcolor": QUIET, "ytick.labelcolor": QUIET,
    "font.size": 10.0, "axes.titlesize": 11.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.titlepad": 9.0, "axes.labelsize": 10.0, "xtick.labelsize": 9.0, "ytick.labelsize": 9.0,
    "legend.fontsize": 9.0, "legend.frameon": False, "legend.handlelength": 2.2,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8, "axes.axisbelow": True,
    "axes.grid": False, "grid.color": GRID, "grid.linewidth": 0.7,
    "xtick.major.size": 3.0, "ytick.major.size": 3.0, "xtick.minor.size": 0.0, "ytick.minor.size": 0.0,
    "lines.linewidth": 1.9, "lines.solid_capstyle": "round", "axes.unicode_minus": True,
    "mathtext.default": "regular", "mathtext.fontset": "dejavusans", "svg.hashsalt": "autograd-lite",
    "figure.dpi": 100.0, "savefig.dpi": 200.0, "image.composite_image": False,
}  # fmt: skip

_FONTS = ("Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")

P = ParamSpec("P")
Result = TypeVar("Result")


def drawn(function: Callable[P, Result]) -> Callable[P, Result]:
    """Run a function that draws in this style; the reader's own settings of matplotlib stay as they are."""

    @wraps(function)
    def run(*args: P.args, **named: P.kwargs) -> Result:
        with _in_style():
            return function(*args, **named)

    return run


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, which shows itself in a notebook and arranges its parts."""
    figure = _figure_class()(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.09, h_pad=0.09)  # type: ignore[union-attr, call-arg]
    return figure


def one_axes(ax: Any, width: float, height: float) -> tuple[Figure, Axes]:
    """The axes to draw on, with their figure: those given, or the only ones of a new figure."""
    if ax is None:
        figure = new_figure(width, height)
        return figure, figure.add_subplot()
    if not hasattr(ax, "plot") or not hasattr(ax, "get_figure"):
        raise ArgumentError(f"ax is an Axes of matplotlib, got {ax!r}; leave it out for a figure of its own")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax.get_figure(), ax


def line_looks(index: int, several: bool = True, points: int = 1) -> dict[str, Any]:
    """The looks of the line with that number: of several, each has marks of its own shape, about eight of
    them over its `points`, so that lines can be told apart in grey.

    >>> line_looks(1)["color"], line_looks(0, several=False)["marker"]
    ('#d55e00', '')
    """
    apart = max(1, points // 8)
    return {
        "color": SERIES[index % len(SERIES)], "linestyle": DASHES[index // len(SERIES) % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)] if several else "", "markersize": 5.5,
        "markevery": (index * apart // 5 % apart, apart), "markeredgecolor": "white", "markeredgewidth": 0.7,
    }  # fmt: skip


def log_axis(axes: Axes) -> None:
    """A logarithmic axis upwards; over little more than two powers of ten with 2 and 5 between them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    if low > 0.0 and high < 150.0 * low and 1e-4 < low < high < 1e5:
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


@cache
def two_sided_map() -> Colormap:
    """Blue for 0, white for one half, orange for 1: the colours of the project's boundary charts."""
    return _colour_map("autograd_two_sided", ["#5299ca", "#f7f7f7", "#faba70"])


@cache
def signed_map() -> Colormap:
    """Blue for negative, white for 0, orange for positive, stronger than the shades behind data."""
    return _colour_map("autograd_signed", ["#0072b2", "#9cc4e2", "#ffffff", "#f2b48a", "#d55e00"])


@cache
def heat_map() -> Colormap:
    """White for nothing, over blue to nearly black: lightness alone tells the amount."""
    return _colour_map("autograd_heat", ["#ffffff", "#cfe4f3", "#6fb0db", "#0072b2", "#06324f"])


def _colour_map(name: str, colours: list[str]) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(name, colours)


def _in_style() -> Any:
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise AutogradError("pictures need matplotlib: pip install 'autograd-lite[plot]'") from error
    settings: Any = {**_STYLE, "font.family": _families()}
    return rc_context(settings)


@cache
def _families() -> list[str]:
    """The first of our fonts that is installed, and the one that comes with matplotlib for rare letters."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return list(dict.fromkeys([next(name for name in _FONTS if name in installed), "DejaVu Sans"]))


@cache
def _figure_class() -> type[Figure]:
    """A figure that keeps its style while it is drawn (ticks are made late) and shows itself."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        def draw(self, renderer: Any) -> None:
            with _in_style():
                super().draw(renderer)

        def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
            # Notebooks show a figure by themselves once `%config InlineBackend...` or pyplot was run: then a
            # second picture would only double the notebook's size.
            return {} if _notebook_shows(Figure) else {"image/svg+xml": self._repr_svg()}

        def _repr_svg(self) -> str:
            buffer = io.StringIO()
            with _in_style():
                self.savefig(buffer, format="svg", metadata={"Date": None})
            return buffer.getvalue()

    return Picture


def _notebook_shows(kind: type) -> bool:
    import sys

    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    formatters = getattr(getattr(shell, "display_formatter", None), "formatters", {})
    return any(
        kind in formatter.type_printers for name, formatter in formatters.items() if name.startswith("image/")
    )
