"""Data sets small enough to read."""

from __future__ import annotations

__all__ = ["xor"]


def xor() -> tuple[list[list[float]], list[float]]:
    """Exclusive or: inputs are −1 (false) and 1 (true), the target is 1 where exactly one input is true.

    Inputs of ±1 rather than 0 and 1 are centred, so that no weight is multiplied by zero on any sample:
    a small tanh network then learns the four points from every start that we tried.

    >>> X, y = xor()
    >>> X[1], y[1]
    ([-1.0, 1.0], 1.0)
    """
    return [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
