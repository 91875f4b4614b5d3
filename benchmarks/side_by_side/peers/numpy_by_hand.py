"""NumPy, forward and backward written by hand on arrays, as a careful person would."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..measuring import Engine, Makers
from ..workloads import Array, Batch, Demo, Gpt, Graph, Xor, joined, split

NAME, NEEDS = "NumPy by hand", "numpy"
IMPORT = "numpy"
LEFT_OUT: dict[str, str] = {}
LARGEST_GRAPH = {NAME: 1_000_000}


def _pass(both: Callable[[], tuple[float, list[Array]]], flat: Callable[[Any], Any]) -> Engine:
    def numbers() -> Any:
        value, gradients = both()
        return [value, *flat(gradients)]

    return Engine(both, numbers, idiom="arrays")


def demo(work: Demo) -> Makers:
    w1, b1, w2, b2, w3, b3 = parts = split(work.start, work.sizes)
    points, labels = np.array(work.points), np.array(work.labels, dtype=float)
    share = labels / len(labels)

    def both() -> tuple[float, list[Array]]:
        h1 = np.maximum(points @ w1.T + b1, 0.0)
        h2 = np.maximum(h1 @ w2.T + b2, 0.0)
        margin = 1.0 - labels * (h2 @ w3[0] + b3[0])
        wrong = margin > 0.0
        penalty = sum([np.dot(part.ravel(), part.ravel()) for part in parts])
        loss = (margin @ wrong) / len(labels) + 1e-4 * penalty
        d3 = -share * wrong
        d2 = np.outer(d3, w3[0]) * (h2 > 0.0)
        d1 = (d2 @ w2) * (h1 > 0.0)
        slopes = [d1.T @ points, d1.sum(0), d2.T @ h1, d2.sum(0), (d3 @ h2)[None], d3.sum(keepdims=True)]
        return loss, [slope + 2e-4 * part for slope, part in zip(slopes, parts, strict=True)]

    return {NAME: lambda: _pass(both, joined)}


def batch(work: Batch) -> Makers:
    w1, b1, w2, b2, w3, b3 = split(work.start, work.sizes)
    points, targets = work.points, work.targets

    def both() -> tuple[float, list[Array]]:
        h1 = np.tanh(points @ w1.T + b1)
        h2 = np.tanh(h1 @ w2.T + b2)
        error = h2 @ w3[0] + b3[0] - targets
        d3 = 2.0 * error
        d2 = np.outer(d3, w3[0]) * (1.0 - h2 * h2)
        d1 = (d2 @ w2) * (1.0 - h1 * h1)
        slopes = [d1.T @ points, d1.sum(0), d2.T @ h1, d2.sum(0), (d3 @ h2)[None], d3.sum(keepdims=True)]
        return float(error @ error), slopes

    return {NAME: lambda: _pass(both, joined)}


def xor(work: Xor) -> Makers:
    points, targets = np.array(work.points), np.array(work.targets)

    def step(parts: list[Array]) -> None:
        w1, b1, w2, b2 = parts
        h = np.tanh(points @ w1.T + b1)
        d2 = (h @ w2[0] + b2[0] - targets) * (2.0 / len(targets))
        d1 = np.outer(d2, w2[0]) * (1.0 - h * h)
        w1 -= work.lr * (d1.T @ points)
        b1 -= work.lr * d1.sum(0)
        w2 -= work.lr * (d2 @ h)
        b2 -= work.lr * d2.sum()

    parts = split(work.start, work.sizes)

    def numbers() -> Any:
        fresh = split(work.start, work.sizes)
        for _ in range(work.checked_steps):
            step(fresh)
        return joined(fresh)

    return {NAME: lambda: Engine(lambda: step(parts), numbers, idiom="arrays")}


def _normalised(x: Array) -> tuple[Array, Array]:
    scale = 1.0 / np.sqrt(np.einsum("ij,ij->i", x, x) / x.shape[1] + 1e-5)
    return x * scale[:, None], scale


def _normalised_back(y: Array, scale: Array, dy: Array) -> Array:
    """y = x s with s = (mean x² + ε)^−½, so dx = s (dy − y mean(dy y))."""
    inner = np.einsum("ij,ij->i", dy, y) / y.shape[1]
    result: Array = (dy - y * inner[:, None]) * scale[:, None]
    return result


def gpt(work: Gpt) -> Makers:
    names = ("query", "key", "value")
    w = {**work.start, "asked": np.concatenate([work.start[name] for name in names])}
    del w["query"], w["key"], w["value"]  # kept as one matrix, so that one product gives all three
    tokens, after = np.array(work.tokens[:-1]), np.array(work.tokens[1:])
    count, heads, wide = len(tokens), work.heads, 16 // work.heads
    places, mask = np.arange(count), np.where(np.tri(count, dtype=bool), 0.0, -np.inf)
    root = 1.0 / math.sqrt(wide)

    def both() -> tuple[float, dict[str, Array]]:
        x0, s0 = _normalised(w["token"][tokens] + w["position"][:count])
        a, s1 = _normalised(x0)
        q, k, v = (a @ w["asked"].T).reshape(count, 3, heads, wide).transpose(1, 2, 0, 3)
        p = np.exp(q @ k.transpose(0, 2, 1) * root + mask)
        p /= p.sum(-1, keepdims=True)
        seen = (p @ v).transpose(1, 0, 2).reshape(count, 16)
        x1 = x0 + seen @ w["output"].T
        n, s2 = _normalised(x1)
        r = np.maximum(n @ w["expand"].T, 0.0)
        x2 = x1 + r @ w["shrink"].T
        y = np.exp(x2 @ w["head"].T)
        y /= y.sum(-1, keepdims=True)
        loss = -np.log(y[places, after]).sum() / count

        y[places, after] -= 1.0
        y /= count
        dx2 = y @ w["head"]
        dr = (dx2 @ w["shrink"]) * (r > 0.0)
        dx1 = dx2 + _normalised_back(n, s2, dr @ w["expand"])
        dseen = (dx1 @ w["output"]).reshape(count, heads, wide).transpose(1, 0, 2)
        dp = dseen @ v.transpose(0, 2, 1)
        ds = p * (dp - (dp * p).sum(-1, keepdims=True)) * root
        dqkv = np.empty((count, 3, heads, wide))
        dqkv[:, 0] = (ds @ k).transpose(1, 0, 2)
        dqkv[:, 1] = (ds.transpose(0, 2, 1) @ q).transpose(1, 0, 2)
        dqkv[:, 2] = (p.transpose(0, 2, 1) @ dseen).transpose(1, 0, 2)
        da = dqkv.reshape(count, 48)
        dx0 = dx1 + _normalised_back(a, s1, da @ w["asked"])
        de = _normalised_back(x0, s0, dx0)
        dtoken, dposition = np.zeros_like(w["token"]), np.zeros_like(w["position"])
        np.add.at(dtoken, tokens, de)
        dposition[:count] = de
        return loss, {
            "token": dtoken, "position": dposition, "asked": da.T @ a, "output": dx1.T @ seen,
            "expand": dr.T @ n, "shrink": dx2.T @ r, "head": y.T @ x2,
        }  # fmt: skip

    def flat(gradients: dict[str, Array]) -> Array:
        parted = dict(zip(names, np.split(gradients["asked"], 3), strict=True))
        return work.flat({**gradients, **parted})

    return {NAME: lambda: _pass(both, flat)}


def graph(work: Graph) -> Makers:
    x = work.start

    def both() -> tuple[float, Array]:
        return float(x @ x), 2.0 * x

    return {NAME: lambda: _pass(both, lambda slopes: slopes)} if work.kind == "wide" else {}
