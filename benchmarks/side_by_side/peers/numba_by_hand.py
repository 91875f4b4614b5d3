"""numba, forward and backward written by hand as loops, compiled with reassociation (fastmath) allowed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..measuring import Engine, Makers
from ..workloads import Batch, Demo, Gpt, Graph, Xor, blocks

NAME, NEEDS = "numba by hand", "numba"
IMPORT = "numba"
LOOP = f"{NAME}, in the loop"
LEFT_OUT: dict[str, str] = {}
LARGEST_GRAPH = {NAME: 1_000_000}


def _engine(both: Callable[[], tuple[float, Any]], flat: Callable[[Any], Any]) -> Engine:
    def numbers() -> Any:
        value, gradients = both()
        return [value, *flat(gradients)]

    return Engine(both, numbers)


@cache
def network_kernels() -> tuple[Any, Any]:
    """A pass of 2-16-16-1 over samples: ReLU with hinge loss and weight decay, or tanh with squared error."""
    from numba import njit

    @njit(fastmath=True, error_model="numpy")
    def one(w1, w2, w3, x, h1, h2, relu):  # type: ignore[no-untyped-def]
        for i in range(w1.shape[0]):
            s = w1[i, -1]
            for j in range(x.size):
                s += w1[i, j] * x[j]
            h1[i] = max(s, 0.0) if relu else np.tanh(s)
        for i in range(w2.shape[0]):
            s = w2[i, -1]
            for j in range(h1.size):
                s += w2[i, j] * h1[j]
            h2[i] = max(s, 0.0) if relu else np.tanh(s)
        s = w3[0, -1]
        for j in range(h2.size):
            s += w3[0, j] * h2[j]
        return s

    @njit(fastmath=True, error_model="numpy")
    def back(w2, w3, x, h1, h2, d1, d, g1, g2, g3, relu):  # type: ignore[no-untyped-def]
        d1[:] = 0.0
        g3[0, -1] += d
        for i in range(h2.size):
            g3[0, i] += d * h2[i]
            slope = (1.0 if h2[i] > 0.0 else 0.0) if relu else 1.0 - h2[i] * h2[i]
            di = d * w3[0, i] * slope
            g2[i, -1] += di
            for j in range(h1.size):
                g2[i, j] += di * h1[j]
                d1[j] += di * w2[i, j]
        for i in range(h1.size):
            slope = (1.0 if h1[i] > 0.0 else 0.0) if relu else 1.0 - h1[i] * h1[i]
            di = d1[i] * slope
            g1[i, -1] += di
            for j in range(x.size):
                g1[i, j] += di * x[j]

    @njit(fastmath=True, error_model="numpy")
    def demo(w1, w2, w3, points, labels, flat, out):  # type: ignore[no-untyped-def]
        g1, g2, g3 = np.zeros_like(w1), np.zeros_like(w2), np.zeros_like(w3)
        h1, h2, d1 = np.empty(w1.shape[0]), np.empty(w2.shape[0]), np.empty(w1.shape[0])
        loss = 0.0
        for k in range(labels.size):
            margin = 1.0 - labels[k] * one(w1, w2, w3, points[k], h1, h2, True)
            if margin > 0.0:
                loss += margin
                back(w2, w3, points[k], h1, h2, d1, -labels[k] / labels.size, g1, g2, g3, True)
        out[: g1.size], out[g1.size : g1.size + g2.size] = g1.ravel(), g2.ravel()
        out[g1.size + g2.size :] = g3.ravel()
        penalty = 0.0
        for k in range(flat.size):
            penalty += flat[k] * flat[k]
            out[k] += 2e-4 * flat[k]
        return loss / labels.size + 1e-4 * penalty

    @njit(fastmath=True, error_model="numpy")
    def batch(w1, w2, w3, points, targets, out):  # type: ignore[no-untyped-def]
        g1, g2, g3 = np.zeros_like(w1), np.zeros_like(w2), np.zeros_like(w3)
        h1, h2, d1 = np.empty(w1.shape[0]), np.empty(w2.shape[0]), np.empty(w1.shape[0])
        loss = 0.0
        for k in range(targets.size):
            error = one(w1, w2, w3, points[k], h1, h2, False) - targets[k]
            loss += error * error
            back(w2, w3, points[k], h1, h2, d1, 2.0 * error, g1, g2, g3, False)
        out[: g1.size], out[g1.size : g1.size + g2.size] = g1.ravel(), g2.ravel()
        out[g1.size + g2.size :] = g3.ravel()
        return loss

    return demo, batch


def demo(work: Demo) -> Makers:
    return {NAME: lambda: _demo(work)}


def _demo(work: Demo) -> Engine:
    kernel, (w1, w2, w3) = network_kernels()[0], blocks(work.start, work.sizes)
    points, labels, flat = np.array(work.points), np.array(work.labels, dtype=float), work.start
    out = np.empty_like(flat)
    return _engine(lambda: (kernel(w1, w2, w3, points, labels, flat, out), out), lambda g: g)


def batch(work: Batch) -> Makers:
    return {NAME: lambda: _batch(work)}


def _batch(work: Batch) -> Engine:
    kernel, (w1, w2, w3) = network_kernels()[1], blocks(work.start, work.sizes)
    out = np.empty_like(work.start)
    return _engine(lambda: (kernel(w1, w2, w3, work.points, work.targets, out), out), lambda g: g)


@cache
def xor_kernel() -> Any:
    """Some steps of training 2-4-1 on four corners; p is changed in place."""
    from numba import njit

    @njit(fastmath=True, error_model="numpy")
    def train(p, points, targets, lr, steps):  # type: ignore[no-untyped-def]
        hidden = (p.size - 1) // 4
        g, h = np.empty_like(p), np.empty(hidden)
        top = 3 * hidden
        for _ in range(steps):
            g[:] = 0.0
            for k in range(targets.size):
                x0, x1 = points[k, 0], points[k, 1]
                out = p[top + hidden]
                for i in range(hidden):
                    h[i] = np.tanh(p[3 * i] * x0 + p[3 * i + 1] * x1 + p[3 * i + 2])
                    out += p[top + i] * h[i]
                d = 2.0 * (out - targets[k]) / targets.size
                g[top + hidden] += d
                for i in range(hidden):
                    g[top + i] += d * h[i]
                    di = d * p[top + i] * (1.0 - h[i] * h[i])
                    g[3 * i] += di * x0
                    g[3 * i + 1] += di * x1
                    g[3 * i + 2] += di
            for i in range(p.size):
                p[i] -= lr * g[i]

    return train


def xor(work: Xor) -> Makers:
    return {NAME: lambda: _training(work, 1), LOOP: lambda: _training(work, 2000)}


def _training(work: Xor, steps: int) -> Engine:
    train, p = xor_kernel(), work.start.copy()
    points, targets = np.array(work.points), np.array(work.targets)

    def numbers() -> Any:
        fresh = work.start.copy()
        train(fresh, points, targets, work.lr, work.checked_steps)
        return fresh

    note = "the whole training compiled" if steps > 1 else ""
    return Engine(lambda: train(p, points, targets, work.lr, steps), numbers, units=steps, note=note)


@cache
def gpt_kernel() -> Any:
    """Forward and backward of one block of a GPT; gradients are put into the matrices g…"""
    from numba import njit

    settings = {"fastmath": True, "error_model": "numpy"}

    @njit(**settings)
    def linear(w, x, y):  # type: ignore[no-untyped-def]
        for t in range(x.shape[0]):
            for i in range(w.shape[0]):
                s = 0.0
                for j in range(w.shape[1]):
                    s += w[i, j] * x[t, j]
                y[t, i] = s

    @njit(**settings)
    def linear_back(w, x, dy, dx, g):  # type: ignore[no-untyped-def]
        """g = dyᵀ x; dx += dy w"""
        g[:] = 0.0
        for t in range(x.shape[0]):
            for i in range(w.shape[0]):
                d = dy[t, i]
                for j in range(w.shape[1]):
                    g[i, j] += d * x[t, j]
                    dx[t, j] += d * w[i, j]

    @njit(**settings)
    def normalise(x, y, scale):  # type: ignore[no-untyped-def]
        for t in range(x.shape[0]):
            s = 0.0
            for j in range(x.shape[1]):
                s += x[t, j] * x[t, j]
            scale[t] = 1.0 / np.sqrt(s / x.shape[1] + 1e-5)
            for j in range(x.shape[1]):
                y[t, j] = x[t, j] * scale[t]

    @njit(**settings)
    def normalise_back(y, scale, dy, dx):  # type: ignore[no-untyped-def]
        for t in range(y.shape[0]):
            s = 0.0
            for j in range(y.shape[1]):
                s += dy[t, j] * y[t, j]
            s /= y.shape[1]
            for j in range(y.shape[1]):
                dx[t, j] += (dy[t, j] - y[t, j] * s) * scale[t]

    @njit(**settings)
    def attend(q, k, v, p, seen, heads):  # type: ignore[no-untyped-def]
        wide = q.shape[1] // heads
        for h in range(heads):
            for t in range(q.shape[0]):
                whole = 0.0
                for u in range(t + 1):
                    s = 0.0
                    for j in range(h * wide, (h + 1) * wide):
                        s += q[t, j] * k[u, j]
                    p[h, t, u] = np.exp(s / np.sqrt(wide))
                    whole += p[h, t, u]
                for j in range(h * wide, (h + 1) * wide):
                    seen[t, j] = 0.0
                for u in range(t + 1):
                    p[h, t, u] /= whole
                    for j in range(h * wide, (h + 1) * wide):
                        seen[t, j] += p[h, t, u] * v[u, j]

    @njit(**settings)
    def attend_back(q, k, v, p, dseen, dq, dk, dv, ds, heads):  # type: ignore[no-untyped-def]
        wide = q.shape[1] // heads
        for h in range(heads):
            for t in range(q.shape[0]):
                mean = 0.0
                for u in range(t + 1):
                    s = 0.0
                    for j in range(h * wide, (h + 1) * wide):
                        s += dseen[t, j] * v[u, j]
                        dv[u, j] += p[h, t, u] * dseen[t, j]
                    ds[u] = s
                    mean += s * p[h, t, u]
                for u in range(t + 1):
                    d = p[h, t, u] * (ds[u] - mean) / np.sqrt(wide)
                    for j in range(h * wide, (h + 1) * wide):
                        dq[t, j] += d * k[u, j]
                        dk[u, j] += d * q[t, j]

    @njit(**settings)
    def run(tokens, heads, wt, wp, wq, wk, wv, wo, w1, w2, wh, gt, gp, gq, gk, gv, go, g1, g2, gh):  # type: ignore[no-untyped-def]
        n, width, inner = tokens.size - 1, wt.shape[1], w1.shape[0]
        x = np.empty((8, n, width))
        x0, a, q, k, v, seen, x1, nx = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
        d = np.zeros((8, n, width))
        r, dr, y = np.empty((n, inner)), np.zeros((n, inner)), np.empty((n, wh.shape[0]))
        p, scales, ds, x2 = np.empty((heads, n, n)), np.empty((3, n)), np.empty(n), np.empty((n, width))
        for t in range(n):
            for j in range(width):
                x2[t, j] = wt[tokens[t], j] + wp[t, j]
        normalise(x2, x0, scales[0])
        normalise(x0, a, scales[1])
        linear(wq, a, q)
        linear(wk, a, k)
        linear(wv, a, v)
        attend(q, k, v, p, seen, heads)
        linear(wo, seen, x1)
        x1 += x0
        normalise(x1, nx, scales[2])
        linear(w1, nx, r)
        for t in range(n):
            for i in range(inner):
                r[t, i] = max(r[t, i], 0.0)
        linear(w2, r, x2)
        x2 += x1
        linear(wh, x2, y)
        loss = 0.0
        for t in range(n):
            whole = 0.0
            for i in range(y.shape[1]):
                y[t, i] = np.exp(y[t, i])
                whole += y[t, i]
            for i in range(y.shape[1]):
                y[t, i] /= whole * n
            loss -= np.log(y[t, tokens[t + 1]] * n) / n
            y[t, tokens[t + 1]] -= 1.0 / n
        dx1, dn, dseen, dx0, dq, dk, dv, da = d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]
        linear_back(wh, x2, y, dx1, gh)
        linear_back(w2, r, dx1, dr, g2)
        for t in range(n):
            for i in range(inner):
                if r[t, i] <= 0.0:
                    dr[t, i] = 0.0
        linear_back(w1, nx, dr, dn, g1)
        normalise_back(nx, scales[2], dn, dx1)
        dx0 += dx1
        linear_back(wo, seen, dx1, dseen, go)
        attend_back(q, k, v, p, dseen, dq, dk, dv, ds, heads)
        linear_back(wq, a, dq, da, gq)
        linear_back(wk, a, dk, da, gk)
        linear_back(wv, a, dv, da, gv)
        normalise_back(a, scales[1], da, dx0)
        dn[:] = 0.0
        normalise_back(x0, scales[0], dx0, dn)
        gt[:] = 0.0
        gp[:] = 0.0
        for t in range(n):
            for j in range(width):
                gt[tokens[t], j] += dn[t, j]
                gp[t, j] = dn[t, j]
        return loss

    return run


def gpt(work: Gpt) -> Makers:
    return {NAME: lambda: _gpt(work)}


def _gpt(work: Gpt) -> Engine:
    kernel, tokens = gpt_kernel(), np.array(work.tokens)
    matrices = [np.array(work.start[name]) for name in work.shapes]
    gradients = [np.zeros_like(matrix) for matrix in matrices]

    def both() -> tuple[float, Any]:
        return kernel(tokens, work.heads, *matrices, *gradients), gradients

    return _engine(both, lambda found: np.concatenate([matrix.ravel() for matrix in found]))


@cache
def graph_kernels() -> dict[str, Any]:
    """The chain, keeping each x for the way back, and the sum of squares."""
    from numba import njit

    @njit(error_model="numpy")
    def chain(p, slopes, kept):  # type: ignore[no-untyped-def]
        x, w, b = p
        for k in range(kept.size):
            kept[k] = x
            x = x * w + b
        dx, dw, db = 1.0, 0.0, 0.0
        for k in range(kept.size - 1, -1, -1):
            db += dx
            dw += dx * kept[k]
            dx *= w
        slopes[0], slopes[1], slopes[2] = dx, dw, db
        return x

    @njit(fastmath=True, error_model="numpy")
    def wide(p, slopes, kept):  # type: ignore[no-untyped-def]
        s = 0.0
        for k in range(p.size):
            s += p[k] * p[k]
            slopes[k] = 2.0 * p[k]
        return s

    return {"chain": chain, "wide": wide}


def graph(work: Graph) -> Makers:
    kernel, slopes = graph_kernels()[work.kind], np.empty_like(work.start)
    kept = np.empty(work.operations // 2 if work.kind == "chain" else 0)

    def both() -> tuple[float, Any]:
        return kernel(work.start, slopes, kept), slopes

    return {NAME: lambda: _engine(both, lambda found: found)}
