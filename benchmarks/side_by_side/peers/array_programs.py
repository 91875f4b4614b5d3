"""The same programs on arrays, for any library that speaks NumPy's language (`xp`).

Parameters of a network are `[W, b, W, b, …]`, as `workloads.split` gives them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..workloads import Gpt

EPS = 1e-5


def network(xp: Any, parts: Any, x: Any, activation: Any) -> Any:
    """The one answer of a network whose last layer is linear, for each row of x."""
    for w, b in zip(parts[:-2:2], parts[1:-2:2], strict=True):
        x = activation(x @ w.T + b)
    return (x @ parts[-2].T + parts[-1])[:, 0]


def demo_loss(xp: Any, parts: Any, points: Any, labels: Any) -> Any:
    """Mean hinge loss and weight decay."""
    scores = network(xp, parts, points, lambda v: xp.maximum(v, 0.0))
    penalty = sum(xp.sum(part * part) for part in parts)
    return xp.mean(xp.maximum(1.0 - labels * scores, 0.0)) + 1e-4 * penalty


def squared_errors(xp: Any, parts: Any, points: Any, targets: Any) -> Any:
    """(network(x) − target)² of each sample."""
    error = network(xp, parts, points, xp.tanh) - targets
    return error * error


def normalised(xp: Any, x: Any) -> Any:
    return x * (xp.mean(x * x, axis=-1, keepdims=True) + EPS) ** -0.5


def shares(xp: Any, scores: Any) -> Any:
    """Softmax over the last axis. The scores are small, so no maximum is taken off."""
    powers = xp.exp(scores)
    return powers / xp.sum(powers, axis=-1, keepdims=True)


def gpt_loss(xp: Any, w: Any, work: Gpt) -> Any:
    """The GPT with a matrix product for each linear part, and all positions and heads at once."""
    tokens, count = np.array(work.tokens), len(work.tokens) - 1
    wide = 16 // work.heads
    x = normalised(xp, w["token"][tokens[:-1]] + w["position"][:count])
    asked = normalised(xp, x)

    def heads(matrix: Any) -> Any:
        return (asked @ matrix.T).reshape(count, work.heads, wide).swapaxes(0, 1)

    query, key, value = (heads(w[name]) for name in ("query", "key", "value"))
    scores = query @ key.swapaxes(1, 2) / math.sqrt(wide)
    scores = xp.where(np.tri(count, dtype=bool), scores, -1e30)
    seen = (shares(xp, scores) @ value).swapaxes(0, 1).reshape(count, 16)
    x = x + seen @ w["output"].T
    x = x + xp.maximum(normalised(xp, x) @ w["expand"].T, 0.0) @ w["shrink"].T
    answers = shares(xp, x @ w["head"].T)[np.arange(count), tokens[1:]]
    return -xp.mean(xp.log(answers))
