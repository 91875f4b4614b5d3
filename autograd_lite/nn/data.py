"""Data sets small enough to read: each a function that gives NumPy arrays `X` (n, d) and `y` (n,).

Labels are 0, 1, … as floats; with `labels="signs"` the sets of two classes give −1 and +1, which hinge loss
takes. Classes are balanced: as many samples of one as of another, give or take one. `noise` is the standard
deviation of normal noise, in the units of the inputs, added to each coordinate. The same `seed` gives the
same arrays; without one they differ each time. The samples stand in random order.

>>> X, y = moons(200, noise=0.1, seed=0)
>>> X.shape, y.shape, sorted(DATASETS)[:3]
((200, 2), (200,), ['checkerboard', 'circles', 'digits'])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ArgumentError, AutogradError
from .sampling import at_least, finite, numpy_generator, whole
from .splitting import Standardiser

if TYPE_CHECKING:
    import random

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Data = tuple[Array, Array]
    Seed = int | random.Random | np.random.Generator | None

__all__ = [
    "DATASETS",
    "checkerboard",
    "circles",
    "digits",
    "iris",
    "linear",
    "logic_and",
    "logic_or",
    "moons",
    "spirals",
    "xor",
    "yin_yang",
]

Labels = Literal["classes", "signs"]
"""How two classes are written: "classes" as 0 and 1, "signs" as −1 and +1."""


# logic


def xor(*, labels: Labels = "classes") -> Data:
    """Exclusive or: inputs are −1 (false) and 1 (true), the target is 1 where exactly one input is true.

    Inputs of ±1 rather than 0 and 1 are centred, so that no weight is multiplied by zero on any sample:
    a small tanh network then learns the four points from every start that we tried. That one neuron cannot
    learn them is Minsky and Papert's (1969) well-known example.

    >>> X, y = xor()
    >>> X.tolist(), y.tolist()
    ([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0])
    """
    return _gate([0, 1, 1, 0], labels)


def logic_and(*, labels: Labels = "classes") -> Data:
    """And, on inputs −1 and 1: the target is 1 where both are true. One neuron is enough.

    >>> logic_and()[1].tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    return _gate([0, 0, 0, 1], labels)


def logic_or(*, labels: Labels = "classes") -> Data:
    """Or, on inputs −1 and 1: the target is 1 where at least one is true. One neuron is enough.

    >>> logic_or(labels="signs")[1].tolist()
    [-1.0, 1.0, 1.0, 1.0]
    """
    return _gate([0, 1, 1, 1], labels)


def _gate(answers: list[int], labels: Labels) -> Data:
    import numpy as np

    inputs = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    return inputs, _written(np.array(answers), labels)


# numbers to predict


def linear(
    n: int = 50,
    *,
    slope: float | Sequence[float] = 2.0,
    offset: float = 1.0,
    noise: float = 0.1,
    seed: Seed = None,
) -> Data:
    """A straight line with noise: x uniform in [−1, 1], y = slope·x + offset + normal noise.

    `slope` may be a list, one slope for each input. Here `noise` is in the units of y.

    >>> X, y = linear(5, slope=3.0, offset=-1.0, noise=0.0, seed=0)
    >>> bool((y == 3.0 * X[:, 0] - 1.0).all())
    True
    """
    import numpy as np

    n, noise, rng = whole(n, "n", 1), at_least(noise, "noise", 0.0), numpy_generator(seed)
    given = slope if isinstance(slope, (list, tuple, np.ndarray)) else [slope]
    slopes = np.array([finite(each, "slope") for each in given])
    if not len(slopes):
        raise ArgumentError("slope is a number or a list of them, one for each input; got an empty list")
    inputs = rng.uniform(-1.0, 1.0, (n, len(slopes)))
    return inputs, inputs @ slopes + finite(offset, "offset") + rng.normal(0.0, noise, n)


# classes in the plane


def moons(n: int = 200, *, noise: float = 0.0, labels: Labels = "classes", seed: Seed = None) -> Data:
    """Two interleaved half circles of radius 1: class 0 arches over class 1, which stands 1 to the right.

    The geometry is that of scikit-learn's `make_moons`; the noise of micrograd's demo is 0.1.

    >>> X, y = moons(100, noise=0.1, labels="signs", seed=0)
    >>> int(y.sum())
    0
    """
    import numpy as np

    upper, lower = _shares(n, 2)
    over, under = np.linspace(0.0, np.pi, upper), np.linspace(0.0, np.pi, lower)
    arcs = [
        np.column_stack([np.cos(over), np.sin(over)]),
        np.column_stack([1.0 - np.cos(under), 0.5 - np.sin(under)]),
    ]
    return _mixed(arcs, noise, labels, seed)


def circles(
    n: int = 200, *, factor: float = 0.5, noise: float = 0.0, labels: Labels = "classes", seed: Seed = None
) -> Data:
    """Two circles around the origin: class 0 of radius 1, class 1 of radius `factor`, between 0 and 1.

    The geometry is that of scikit-learn's `make_circles`, whose factor is 0.8 unless given.

    >>> X, y = circles(60, seed=0)
    >>> sorted({round(float(x @ x), 6) for x in X})
    [0.25, 1.0]
    """
    import numpy as np

    if not 0.0 < finite(factor, "factor") < 1.0:
        raise ArgumentError(f"factor is the radius of the inner circle, between 0 and 1, got {factor!r}")
    outer, inner = (np.linspace(0.0, 2.0 * np.pi, count, endpoint=False) for count in _shares(n, 2))
    rings = [
        np.column_stack([np.cos(outer), np.sin(outer)]),
        factor * np.column_stack([np.cos(inner), np.sin(inner)]),
    ]
    return _mixed(rings, noise, labels, seed)


def spirals(
    n: int = 200,
    *,
    classes: int = 2,
    turns: float = 1.0,
    noise: float = 0.0,
    labels: Labels = "classes",
    seed: Seed = None,
) -> Data:
    """Arms that wind around the origin, one for each class: radius 0.1 to 1, `turns` times around.

    Two arms are Lang and Witbrock's (1988) problem (they take three turns, which is hard), three of about
    0.65 turns Karpathy's in the course CS231n. Along a radius, arms are 0.9 / (turns · classes) apart.

    >>> X, y = spirals(90, classes=3, turns=0.65, noise=0.02, seed=0)
    >>> [int((y == label).sum()) for label in (0, 1, 2)]
    [30, 30, 30]
    """
    import numpy as np

    classes, turns = whole(classes, "classes", 2), at_least(turns, "turns", 0.0)
    arms = []
    for index, count in enumerate(_shares(n, classes)):
        along = np.linspace(0.0, 1.0, count)
        radius, angle = 0.1 + 0.9 * along, 2.0 * np.pi * (turns * along + index / classes)
        arms.append(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]))
    return _mixed(arms, noise, labels, seed)


def yin_yang(n: int = 300, *, seed: Seed = None) -> Data:
    """Three classes in a disc of radius 0.5 around (0.5, 0.5): yin, yang (0 and 1) and the two dots (2).

    Made for small networks on unusual hardware: a linear model gets about 64 %, a good one over 97 %.
    Kriener, Göltz and Petrovici, "The Yin-Yang Dataset" (2022), whose geometry this is; they also feed
    1 − x and 1 − y as third and fourth input, and draw the class of each sample at random.

    >>> X, y = yin_yang(300, seed=0)
    >>> [int((y == label).sum()) for label in (0, 1, 2)]
    [100, 100, 100]
    """
    import numpy as np

    rng = numpy_generator(seed)
    wanted = _shares(n, 3)
    found: list[Array] = [np.empty((0, 2))] * 3
    while any(len(points) < count for points, count in zip(found, wanted, strict=True)):
        points = rng.uniform(0.0, 1.0, (4 * n, 2))  # thrown at the square; what hits the disc stays
        points = points[np.hypot(points[:, 0] - 0.5, points[:, 1] - 0.5) <= 0.5]
        label = _yin_yang_label(points)
        found = [np.concatenate([points_of, points[label == k]]) for k, points_of in enumerate(found)]
    parts = [points[:count] for points, count in zip(found, wanted, strict=True)]
    return _mixed(parts, 0.0, "classes", rng)


def _yin_yang_label(points: Array) -> NDArray[np.int64]:
    """0, 1 or 2 for points of the disc; the two lobes have half its radius, the dots a fifth."""
    import numpy as np

    left = np.hypot(points[:, 0] - 0.25, points[:, 1] - 0.5)
    right = np.hypot(points[:, 0] - 0.75, points[:, 1] - 0.5)
    lobe = (left <= 0.25) | ((points[:, 1] > 0.5) & (right > 0.25))
    dot = (left < 0.1) | (right < 0.1)
    return np.where(dot, 2, lobe.astype(np.int64))


def checkerboard(
    n: int = 400, *, cells: int = 4, noise: float = 0.0, labels: Labels = "classes", seed: Seed = None
) -> Data:
    """A board of `cells` × `cells` fields over [−1, 1]²: class 0 on the field at (−1, −1) and its colour.

    Points are uniform within a field that is drawn from all of the colour; noise carries some across.

    >>> X, y = checkerboard(100, cells=2, seed=0)
    >>> bool(((X[:, 0] * X[:, 1] < 0) == (y == 1)).all())  # two by two is XOR with areas
    True
    """
    import numpy as np

    cells, rng = whole(cells, "cells", 2), numpy_generator(seed)
    columns, rows = np.divmod(np.arange(cells * cells), cells)
    parts = []
    for colour, count in enumerate(_shares(n, 2)):
        own = rng.choice(np.flatnonzero((columns + rows) % 2 == colour), count)
        corner = np.column_stack([columns[own], rows[own]])
        parts.append(2.0 * (corner + rng.random((count, 2))) / cells - 1.0)
    return _mixed(parts, noise, labels, rng)


# scikit-learn's


def digits(*, scaled: bool = True) -> Data:
    """1,797 handwritten digits of 8 × 8 pixels, ten classes: the data that scikit-learn ships.

    A pixel counts the dark of 16 finer ones, 0 to 16; `scaled` divides by 16, which gives 0 to 1. From the
    UCI repository: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (1998), its test part.
    Raises `AutogradError` where scikit-learn is missing (extra `data`).
    """
    pixels, label = _from_scikit_learn("digits")
    if scaled:
        pixels /= 16.0
    return pixels, label


def iris(*, scaled: bool = True) -> Data:
    """150 irises of three species, four lengths of sepal and petal: the data that scikit-learn ships.

    The lengths are in centimetres; `scaled` brings each to mean 0 and standard deviation 1 over all 150.
    To keep a test set unseen, take `scaled=False`, `nn.split`, and `nn.standardise` on the training part.
    Fisher, "The use of multiple measurements in taxonomic problems" (1936). Raises `AutogradError` where
    scikit-learn is missing (extra `data`).
    """
    lengths, label = _from_scikit_learn("iris")
    return (Standardiser.of(lengths).apply(lengths) if scaled else lengths), label


def _from_scikit_learn(name: str) -> Data:
    import numpy as np

    try:
        from sklearn import datasets
    except ImportError as error:
        raise AutogradError(f"{name} comes with scikit-learn: pip install 'autograd-lite[data]'") from error
    inputs, label = getattr(datasets, f"load_{name}")(return_X_y=True)
    return np.asarray(inputs, dtype=np.float64), np.asarray(label, dtype=np.float64)


DATASETS: dict[str, Callable[..., Data]] = {
    make.__name__: make
    for make in (
        xor, logic_and, logic_or, linear, moons, circles, spirals, yin_yang, checkerboard, digits, iris,
    )
}
"""Every data set by name."""


# what they share


def _shares(n: Any, classes: int) -> list[int]:
    """How many samples each class gets; the last ones get one more where it does not come out even."""
    n = whole(n, "n", classes)
    return [(n + index) // classes for index in range(classes)]


def _mixed(parts: Sequence[Array], noise: float, labels: Labels, seed: Seed) -> Data:
    """The classes as one set in random order, every coordinate with its noise."""
    import numpy as np

    noise, rng = at_least(noise, "noise", 0.0), numpy_generator(seed)
    label = _written(np.repeat(np.arange(len(parts)), [len(part) for part in parts]), labels)
    points = np.concatenate(parts)
    order = rng.permutation(len(points))
    points = points[order]
    return points + rng.normal(0.0, noise, points.shape) if noise else points, label[order]


def _written(label: NDArray[np.int64], labels: Any) -> Array:
    """The indices of classes as `labels` asks for them."""
    import numpy as np

    if labels not in ("classes", "signs"):
        raise ArgumentError(f'labels is "classes" (0, 1, ...) or "signs" (-1 and 1), got {labels!r}')
    if labels == "classes":
        return label.astype(np.float64)
    if label.max() > 1:
        raise ArgumentError('labels="signs" is for two classes, −1 and +1; '
                            f"this set has {int(label.max()) + 1}")
    return label.astype(np.float64) * 2.0 - 1.0
