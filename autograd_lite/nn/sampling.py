"""What data sets draw from, and how their numbers of samples and noise are checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from ..ops.row import as_number
from .initialisation import generator
from .inputs import is_number, is_whole, shown

if TYPE_CHECKING:
    import random

    import numpy as np

__all__ = ["at_least", "finite", "numpy_generator", "whole"]


def numpy_generator(seed: int | random.Random | np.random.Generator | None) -> np.random.Generator:
    """NumPy's generator for a seed: `default_rng(seed)`; one that a `random.Random` starts; None: any start.

    >>> numpy_generator(3).random() == numpy_generator(3).random()
    True
    """
    import numpy as np

    if isinstance(seed, np.random.Generator):
        return seed
    if is_whole(seed):
        if int(seed) < 0:  # type: ignore[arg-type]
            raise ArgumentError(f"seed is at least 0 for data sets, got {seed!r}")
        return np.random.default_rng(int(seed))  # type: ignore[arg-type]
    source = generator(seed)
    return np.random.default_rng(None if source is None else source.getrandbits(64))


def whole(number: Any, name: str, least: int) -> int:
    """The number as an int; `ArgumentError` if it is not whole or less than `least`."""
    if not is_whole(number) or number < least:
        raise ArgumentError(f"{name} is a whole number of at least {least}, got {shown(number)}")
    return int(number)


def finite(number: Any, name: str) -> float:
    """The number as a float; `ArgumentError` for anything but a finite number."""
    if not is_number(number) or not math.isfinite(as_number(number)):
        raise ArgumentError(f"{name} is a finite number, got {shown(number)}")
    return float(number)


def at_least(number: Any, name: str, least: float) -> float:
    """The number as a float; `ArgumentError` if it is below `least` or no finite number."""
    checked = finite(number, name)
    if checked < least:
        raise ArgumentError(f"{name} is at least {least:g}, got {number!r}")
    return checked
