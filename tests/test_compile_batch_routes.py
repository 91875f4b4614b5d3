"""Calls of `map` like one that was answered before take a shorter way, and get the same answers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from autograd_lite import Value, compile, gradients
from autograd_lite.compiling.choosing import EXECUTORS

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
EVERY = sorted(EXECUTORS)

BIAS = [Value(0.5), Value(-0.25)]


def sample(w: Any, x: Any, shift: Any, y: Any) -> Any:
    """Something of shared and of own numbers, and of parameters from outside."""
    return (w[0] * x[0] + w[1] * x[1] + BIAS[0]).tanh() * shift + y * BIAS[1] * w[1]


def by_hand(w: Any, xs: Any, shift: Any, ys: Any) -> Any:
    """Values, and all gradients, sample by sample and eagerly."""
    values, slopes = [], []
    for x, y in zip(np.asarray(xs, dtype=float), np.asarray(ys, dtype=float), strict=True):
        given = [*map(Value, map(float, w)), *map(Value, map(float, x)), Value(float(shift)), Value(float(y))]
        output = sample(given[:2], given[2:4], given[4], given[5])
        values.append(output.data)
        slopes.append(gradients(output, [*given, *BIAS]))
    return np.array(values), np.array(slopes)


PARTS = {0: slice(0, 2), 1: slice(2, 4), 2: slice(4, 5), 3: slice(5, 6), "bias": slice(6, 8)}
BATCHED = {1, 3}
KINDS = [
    np.array,
    lambda numbers: np.array(numbers).astype(">f8"),
    lambda numbers: np.repeat(np.array(numbers), 2, axis=0)[::2],
    lambda numbers: np.asfortranarray(np.array(numbers)),
    list,
]


@pytest.mark.parametrize("executor", EVERY)
@pytest.mark.parametrize("kind", range(len(KINDS)))
@pytest.mark.parametrize("reduce", [None, "mean"])
def test_later_batches_are_answered_as_the_first(executor: str, kind: int, reduce: str | None) -> None:
    f = compile(sample, executor=executor)
    make = KINDS[kind]
    rng = np.random.default_rng(3)
    for count in (5, 5, 1, 300, 5):
        xs, ys = make(rng.normal(size=(count, 2)).tolist()), make(rng.normal(size=count).tolist())
        w, shift = (np.array if kind % 2 else list)(rng.normal(size=2).tolist()), float(rng.normal())
        BIAS[0].data = float(rng.normal())
        values, slopes = by_hand(w, xs, shift, ys)
        kept = []
        for wrt in (None, 0, 1, 2, 3, (0, 1), (3, 2), BIAS):
            found = f.map(w, xs, shift, ys, wrt=wrt, reduce=reduce, shared=(0, 2))
            own, gradient = (found, None) if wrt is None else found
            np.testing.assert_allclose(own, values, rtol=1e-12, atol=1e-13)
            assert type(own) is (list if kind == 4 else np.ndarray)
            if wrt is None:
                continue
            asked = ["bias"] if wrt is BIAS else [wrt] if isinstance(wrt, int) else wrt
            several = gradient if isinstance(wrt, tuple) else [gradient]
            for each, place in zip(several, asked, strict=True):
                right = slopes[:, PARTS[place]]
                if place not in BATCHED:
                    right = right.sum(axis=0) / (count if reduce else 1)
                np.testing.assert_allclose(np.array(each).ravel(), right.ravel(), rtol=1e-11, atol=1e-12)
            kept.append((gradient, copy.deepcopy(gradient)))
        for gradient, before in kept:  # nobody writes into what was given out
            np.testing.assert_equal(gradient, before)


@pytest.mark.parametrize("executor", EVERY)
def test_a_later_batch_that_branches_otherwise(executor: str) -> None:
    f = compile(lambda w, x: w * x if x > 0 else w * w * x, executor=executor)
    for xs in ([1.0, 2.0], [3.0, 4.0], [-1.0, 2.0], [-1.0, -2.0], [1.0, 2.0], [-1.0, -3.0]):
        values, slope = f.map(3.0, np.array(xs), wrt=0, shared=0)
        assert values.tolist() == [3.0 * x if x > 0 else 9.0 * x for x in xs]
        assert slope == sum(x if x > 0 else 6.0 * x for x in xs)


def test_a_gradient_that_is_zero_has_no_sign() -> None:
    f = compile(lambda w, x: w * x, executor="interpreter")
    for _ in range(3):
        slope = f.map(np.array([2.0])[0], np.array([-0.0]), wrt=0, shared=0)[1]
        assert np.copysign(1.0, slope) == 1.0
