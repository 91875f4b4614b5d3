"""Data made ready for training: split, standardised, jittered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from .inputs import is_number, is_whole, shown
from .samples import as_samples, as_targets
from .sampling import at_least, numpy_generator

if TYPE_CHECKING:
    import random

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Seed = int | random.Random | np.random.Generator | None

__all__ = ["Jitter", "Standardiser", "as_arrays", "fold_indices", "jitter", "split", "standardise"]


def split(
    X: Any,  # noqa: N803 - X is what everybody calls it
    y: Any,
    *,
    test: float | int = 0.25,
    stratify: bool = False,
    seed: Seed = None,
) -> tuple[Array, Array, Array, Array]:
    """Part the samples at random: `X_train, X_test, y_train, y_test = split(X, y)`, as in scikit-learn.

    `test` is the share of the test part, between 0 and 1, or the number of its samples. `stratify` takes
    from each class its share, so that both parts have the classes in the proportions of the whole (to one
    sample). Raises `ArgumentError` where a part would be empty, or a class has a single sample.

    >>> X_train, X_test, y_train, y_test = split([[1], [2], [3], [4]], [0, 0, 1, 1], stratify=True, test=0.5)
    >>> sorted(y_train.tolist()), sorted(y_test.tolist())
    ([0.0, 1.0], [0.0, 1.0])
    """
    samples, targets = as_arrays(X, y)
    rng, count = numpy_generator(seed), _test_size(test, len(samples))
    chosen = _stratified(targets, count, rng) if stratify else rng.permutation(len(samples))[:count]
    rest = rng.permutation(_without(len(samples), chosen))
    return samples[rest], samples[chosen], targets[rest], targets[chosen]


def fold_indices(y: Array, folds: int, *, stratify: bool, seed: Seed) -> list[list[int]]:
    """The samples of each fold: every sample is in one, and the sizes differ by one at most.

    With `stratify` that is also true of each class.

    >>> import numpy as np
    >>> [len(fold) for fold in fold_indices(np.zeros(7), 3, stratify=False, seed=0)]
    [3, 2, 2]
    """
    import numpy as np

    order = numpy_generator(seed).permutation(len(y))
    if stratify:  # the classes one after the other, and then dealt out like cards
        order = order[np.argsort(y[order], kind="stable")]
    return [sorted(order[start::folds].tolist()) for start in range(folds)]


@dataclass(frozen=True)
class Standardiser:
    """Brings every column to mean 0 and standard deviation 1, as those of the data it was made from.

    A column that does not vary becomes 0: its `spread` is kept as 1. The standard deviation is that of the
    data itself (divided by n), as in scikit-learn's `StandardScaler`.

    >>> scale = Standardiser.of([[1.0, 5.0], [3.0, 5.0]])
    >>> scale.apply([[1.0, 5.0], [5.0, 6.0]]).tolist()
    [[-1.0, 0.0], [3.0, 1.0]]
    >>> scale.undo([[3.0, 1.0]]).tolist()
    [[5.0, 6.0]]
    """

    mean: tuple[float, ...]
    spread: tuple[float, ...]

    @classmethod
    def of(cls, X: Any) -> Standardiser:  # noqa: N803
        """The one for these data, usually the training part; `ArgumentError` if their squares overflow."""
        import numpy as np

        columns = _as_array(X)
        with np.errstate(over="ignore", invalid="ignore"):
            spread = columns.std(axis=0)
        if not np.isfinite(spread).all():
            column = int(np.argmin(np.isfinite(spread)))
            largest = abs(columns[:, column]).max()
            raise ArgumentError(f"column {column} holds numbers up to {largest:.2g}, whose squares do not "
                                "fit a float: divide them by a large number first")
        # A constant column of 0.1 has a standard deviation of some 1e-17, which is rounding and no spread.
        constant = (columns == columns[0]).all(axis=0)
        spread[constant | (spread == 0.0)] = 1.0
        mean = columns.mean(axis=0)
        mean[constant] = columns[0][constant]
        return cls(tuple(mean.tolist()), tuple(spread.tolist()))

    def apply(self, X: Any) -> Array:  # noqa: N803
        """(X − mean) / spread, column by column."""
        columns = self._fitting(X)
        standardised: Array = (columns - self.mean) / self.spread
        return standardised

    def undo(self, X: Any) -> Array:  # noqa: N803
        """What `apply` was given."""
        columns = self._fitting(X)
        original: Array = columns * self.spread + self.mean
        return original

    def _fitting(self, X: Any) -> Array:  # noqa: N803
        columns = _as_array(X)
        if columns.shape[1] != len(self.mean):
            raise ArgumentError(f"this Standardiser was made from samples of {len(self.mean)} numbers, "
                                f"these have {columns.shape[1]}")
        return columns


def standardise(train: Any, *others: Any) -> Any:
    """Mean 0 and standard deviation 1 in each column of the training data; the others the same way.

    The others (test, validation) are moved and scaled by the numbers of the training data: nothing of them
    may be known beforehand. Gives one array, or as many as it was given. `Standardiser` keeps the numbers.

    >>> X_train, X_test = standardise([[0.0], [2.0]], [[4.0]])
    >>> X_train.tolist(), X_test.tolist()
    ([[-1.0], [1.0]], [[3.0]])
    """
    scale = Standardiser.of(train)
    if not others:
        return scale.apply(train)
    return tuple(scale.apply(each) for each in (train, *others))


def jitter(X: Any, scale: float, *, seed: Seed = None) -> Array:  # noqa: N803
    """A copy of X with normal noise of standard deviation `scale` on every number.

    Training on such copies is a penalty on steep answers: Bishop, "Training with noise is equivalent to
    Tikhonov regularization" (1995).

    >>> jitter([[1.0, 2.0]], 0.0).tolist()
    [[1.0, 2.0]]
    """
    columns, scale = _as_array(X), at_least(scale, "scale", 0.0)
    noisy: Array = columns + numpy_generator(seed).normal(0.0, scale, columns.shape)
    return noisy


@dataclass(frozen=True)
class Jitter:
    """`jitter` for `fit`: every sample gets other noise each time it is seen, `augment=Jitter(0.1)`.

    >>> import random
    >>> len(Jitter(0.1)([1.0, 2.0], random.Random(0)))
    2
    """

    scale: float

    def __post_init__(self) -> None:
        at_least(self.scale, "scale", 0.0)

    def __call__(self, row: Sequence[float], rng: random.Random) -> list[float]:
        return [number + rng.gauss(0.0, self.scale) for number in row]


def _as_array(X: Any) -> Array:  # noqa: N803
    import numpy as np

    return np.array(as_samples(X), dtype=np.float64)


def as_arrays(X: Any, y: Any) -> tuple[Array, Array]:  # noqa: N803
    """Checked as `fit` checks them."""
    import numpy as np

    samples = _as_array(X)
    return samples, np.array(as_targets(y, len(samples)), dtype=np.float64)


def _test_size(test: Any, count: int) -> int:
    if is_whole(test):
        size = int(test)
    elif is_number(test) and 0.0 < test < 1.0:
        size = min(max(round(test * count), 1), count - 1)
    else:
        raise ArgumentError("test is the share of the test part, between 0 and 1, or its number of samples; "
                            f"got {shown(test)}")
    if not 1 <= size < count:
        raise ArgumentError(f"of {count} samples, {size} cannot be set aside for testing: "
                            "both parts need at least one")
    return size


def _stratified(targets: Array, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`count` samples in random order, of every class its share; the largest remainders are rounded up."""
    import numpy as np

    if targets.ndim != 1:
        raise ArgumentError("stratify needs one label for each sample, these targets are lists")
    classes, sizes = np.unique(targets, return_counts=True)
    if sizes.min() < 2 or not len(classes) <= count <= len(targets) - len(classes):
        raise ArgumentError(f"stratify needs every class in both parts: there are {len(classes)} classes, "
                            f"the smallest of {sizes.min()} samples, and parts of {len(targets) - count} and "
                            f"{count}. For numbers that are no classes leave stratify out.")
    exact = sizes * count / len(targets)
    share = np.clip(np.floor(exact).astype(int), 1, sizes - 1)
    while share.sum() != count:  # at most one more or less for each class
        step = 1 if share.sum() < count else -1
        open_to_it = (share + step >= 1) & (share + step <= sizes - 1)
        share[np.argmax(np.where(open_to_it, step * (exact - share), -np.inf))] += step
    chosen = [rng.permutation(np.flatnonzero(targets == label))[:number]
              for label, number in zip(classes, share, strict=True)]
    return rng.permutation(np.concatenate(chosen))


def _without(count: int, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    import numpy as np

    return np.setdiff1d(np.arange(count), chosen)
