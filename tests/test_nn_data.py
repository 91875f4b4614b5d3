"""Data sets: geometry, balance and seeds; splitting, standardising, jittering."""

from __future__ import annotations

import builtins
import math
import random
import subprocess
import sys

import numpy as np
import pytest

from autograd_lite import nn
from autograd_lite.errors import ArgumentError, AutogradError
from autograd_lite.nn import data
from autograd_lite.nn.splitting import fold_indices

TWO_CLASSES = [data.moons, data.circles, data.spirals, data.checkerboard]
RANDOM = [*TWO_CLASSES, data.yin_yang, data.linear]


def as_set(points):
    return {tuple(np.round(point, 12) + 0.0) for point in points}


# data sets


def test_every_data_set_is_registered_under_its_name():
    makers = {name for name in data.__all__ if name.islower()}
    assert makers == data.DATASETS.keys()
    assert all(make.__name__ == name for name, make in data.DATASETS.items())


@pytest.mark.parametrize("name", data.DATASETS)
def test_data_sets_are_float_arrays_that_fit_takes(name):
    if name in ("digits", "iris"):
        pytest.importorskip("sklearn", reason="extra `data`")
    X, y = data.DATASETS[name]()
    assert X.dtype == y.dtype == np.float64
    assert X.ndim == 2
    assert y.shape == (len(X),)
    assert np.isfinite(X).all()
    model = nn.MLP(X.shape[1], [1], activation="tanh", seed=0)
    nn.fit(model, X[:4], y[:4], epochs=1)


@pytest.mark.parametrize("make", RANDOM, ids=lambda make: make.__name__)
def test_a_seed_gives_the_same_arrays_and_another_other_ones(make):
    noisy = {} if make is data.yin_yang else {"noise": 0.1}
    X, y = make(60, seed=3, **noisy)
    again, y_again = make(60, seed=3, **noisy)
    assert (again == X).all()
    assert (y == y_again).all()
    assert (make(60, seed=4, **noisy)[0] != X).any()
    assert (make(60, **noisy)[0] != make(60, **noisy)[0]).any()
    assert (make(60, seed=random.Random(1), **noisy)[0] == make(60, seed=random.Random(1), **noisy)[0]).all()


@pytest.mark.parametrize("count", [60, 61])
@pytest.mark.parametrize("make", [*TWO_CLASSES, data.yin_yang], ids=lambda make: make.__name__)
def test_classes_are_balanced_and_mixed(make, count):
    X, y = make(count, seed=0)
    labels, counts = np.unique(y, return_counts=True)
    assert labels.tolist() == list(range(len(labels)))
    assert len(X) == counts.sum() == count
    assert max(counts) - min(counts) <= 1
    assert (np.diff(y) != 0).sum() > 10  # in random order


@pytest.mark.parametrize("make", [data.xor, data.logic_and, data.logic_or, *TWO_CLASSES],
                         ids=lambda make: make.__name__)  # fmt: skip
def test_signs_are_the_classes_written_otherwise(make):
    seed = {"seed": 0} if make in TWO_CLASSES else {}
    assert (make(labels="signs", **seed)[1] == 2 * make(**seed)[1] - 1).all()


@pytest.mark.parametrize("n", [200, 7])
def test_moons_are_those_of_scikit_learn(n):
    datasets = pytest.importorskip("sklearn.datasets", reason="extra `data`")
    X, y = data.moons(n, seed=0)
    theirs, labels = datasets.make_moons(n, shuffle=False)
    for label in (0, 1):
        assert as_set(X[y == label]) == as_set(theirs[labels == label])


@pytest.mark.parametrize("factor", [0.5, 0.8])
def test_circles_are_those_of_scikit_learn(factor):
    datasets = pytest.importorskip("sklearn.datasets", reason="extra `data`")
    X, y = data.circles(101, factor=factor, seed=0)
    theirs, labels = datasets.make_circles(101, shuffle=False, factor=factor)
    for label in (0, 1):
        assert as_set(X[y == label]) == as_set(theirs[labels == label])


@pytest.mark.parametrize("make", TWO_CLASSES, ids=lambda make: make.__name__)
def test_noise_has_the_standard_deviation_asked_for(make):
    clean, noisy = make(4000, seed=0)[0], make(4000, noise=0.2, seed=0)[0]
    assert (noisy - clean).std(axis=0) == pytest.approx([0.2, 0.2], rel=0.05)


def test_the_gates_say_what_they_are_called():
    for name, rule in (("xor", np.logical_xor), ("logic_and", np.logical_and), ("logic_or", np.logical_or)):
        X, y = data.DATASETS[name]()
        assert (y == rule(X[:, 0] > 0, X[:, 1] > 0)).all()
        assert as_set(X) == {(a, b) for a in (-1.0, 1.0) for b in (-1.0, 1.0)}


def test_a_line_has_its_slopes_and_its_noise():
    X, y = data.linear(500, slope=[2.0, -3.0], offset=0.5, noise=0.1, seed=0)
    found, *_ = np.linalg.lstsq(np.column_stack([X, np.ones(500)]), y, rcond=None)
    assert found == pytest.approx([2.0, -3.0, 0.5], abs=0.02)
    assert (y - X @ [2.0, -3.0] - 0.5).std() == pytest.approx(0.1, rel=0.1)


def test_arms_of_spirals_wind_as_often_as_asked():
    X, y = data.spirals(300, classes=3, turns=0.5, seed=0)
    radius, angle = np.hypot(*X.T), np.arctan2(X[:, 1], X[:, 0])
    expected = 2 * np.pi * (0.5 * (radius - 0.1) / 0.9 + y / 3)
    assert np.cos(angle) == pytest.approx(np.cos(expected))
    assert np.sin(angle) == pytest.approx(np.sin(expected))
    assert (radius.min(), radius.max()) == (pytest.approx(0.1), pytest.approx(1.0))


def test_yin_yang_has_the_areas_of_the_paper():
    """Yin is turned into yang by half a turn, dots are discs of radius 0.1 in the middle of the lobes."""
    X, y = data.yin_yang(3000, seed=0)
    assert (np.hypot(X[:, 0] - 0.5, X[:, 1] - 0.5) <= 0.5).all()
    dots = np.minimum(np.hypot(X[:, 0] - 0.25, X[:, 1] - 0.5), np.hypot(X[:, 0] - 0.75, X[:, 1] - 0.5)) < 0.1
    assert (dots == (y == 2)).all()
    turned = 1.0 - X[~dots]
    assert (data._yin_yang_label(turned) == 1 - y[~dots]).all()
    # top and bottom; the left lobe reaches below the middle line, the right one above it; the dots
    spots = np.array([[0.5, 0.9], [0.5, 0.1], [0.25, 0.35], [0.75, 0.65], [0.25, 0.5], [0.75, 0.5]])
    assert data._yin_yang_label(spots).tolist() == [1, 0, 1, 0, 2, 2]


@pytest.mark.parametrize("cells", [2, 3, 4])
def test_the_board_alternates(cells):
    X, y = data.checkerboard(400, cells=cells, seed=0)
    fields = np.floor((X + 1.0) / 2.0 * cells).astype(int)
    assert ((fields.sum(axis=1) % 2) == y).all()
    assert len(as_set(fields)) == cells * cells


def test_digits_and_iris_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets", reason="extra `data`")
    for name, load in (("digits", datasets.load_digits), ("iris", datasets.load_iris)):
        theirs, labels = load(return_X_y=True)
        X, y = data.DATASETS[name](scaled=False)
        assert (theirs == X).all()
        assert (y == labels).all()
    X, _ = data.digits()
    assert (X.min(), X.max()) == (0.0, 1.0)
    X, _ = data.iris()
    assert X.mean(axis=0) == pytest.approx([0.0] * 4, abs=1e-12)
    assert X.std(axis=0) == pytest.approx([1.0] * 4)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def blocked(name, *rest):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(AutogradError, match=r"scikit-learn: pip install 'autograd-lite\[data\]'"):
        data.digits()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: data.moons(1), "n is a whole number of at least 2, got 1"),
    (lambda: data.moons(10.0), "n is a whole number of at least 2, got 10.0"),
    (lambda: data.moons(noise=-0.1), "noise is at least 0, got -0.1"),
    (lambda: data.moons(noise=math.nan), "noise is a finite number, got nan"),
    (lambda: data.moons(noise="0.1"), "noise is a finite number, got '0.1'"),
    (lambda: data.moons(seed=1.5), "seed is an int, a random.Random or None, got 1.5"),
    (lambda: data.moons(seed=-1), "seed is at least 0"),
    (lambda: data.xor(labels="sign"), 'labels is "classes" .* or "signs" .*, got \'sign\''),
    (lambda: data.spirals(classes=3, labels="signs"), "for two classes, −1 and .1; this set has 3"),
    (lambda: data.circles(factor=1.0), "factor is the radius of the inner circle, between 0 and 1, got 1.0"),
    (lambda: data.checkerboard(cells=1), "cells is a whole number of at least 2"),
    (lambda: data.linear(slope=[]), "slope is a number or a list"),
    (lambda: data.linear(0), "n is a whole number of at least 1"),
])  # fmt: skip
def test_what_does_not_fit_is_said(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_importing_nn_loads_nothing_heavy():
    heavy = ["numpy", "matplotlib", "joblib", "sklearn", "tqdm", "torch", "pandas"]
    program = f"import sys, autograd_lite.nn; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# splitting


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize(("test", "size"), [(0.25, 25), (0.1, 10), (30, 30), (0.999, 99), (0.001, 1)])
def test_a_split_parts_the_samples(test, size, stratify):
    X, y = np.arange(100.0).reshape(-1, 1), np.arange(100.0) % 2
    if stratify and not 2 <= size <= 98:  # a part without one of the classes
        with pytest.raises(ArgumentError, match="stratify needs every class in both parts"):
            nn.split(X, y, test=test, stratify=True)
        return
    X_train, X_test, y_train, y_test = nn.split(X, y, test=test, stratify=stratify, seed=0)
    assert (len(X_test), len(y_test), len(X_train), len(y_train)) == (size, size, 100 - size, 100 - size)
    assert sorted([*X_train[:, 0], *X_test[:, 0]]) == list(range(100))
    assert (X_train[:, 0] % 2 == y_train).all()
    assert (X_test[:, 0] % 2 == y_test).all()
    assert X_test[:, 0].tolist() != sorted(X_test[:, 0]) or size == 1
    again = nn.split(X, y, test=test, stratify=stratify, seed=0)
    assert all((one == other).all() for one, other in zip((X_train, X_test, y_train, y_test), again,
                                                          strict=True))  # fmt: skip
    assert (nn.split(X, y, test=test, stratify=stratify, seed=1)[1] != X_test).any()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("sizes", "test"), [((50, 30, 20), 0.2), ((7, 5, 90), 0.25), ((2, 2, 2), 3),
                                             ((97, 2), 3)])  # fmt: skip
def test_a_stratified_split_keeps_the_proportions(sizes, test, seed):
    y = np.repeat(np.arange(len(sizes)), sizes).astype(float)
    _, _, y_train, y_test = nn.split(np.zeros((len(y), 1)), y, test=test, stratify=True, seed=seed)
    for label, size in enumerate(sizes):
        share = (y_test == label).sum()
        assert 1 <= share < size
        assert abs(share - size * len(y_test) / len(y)) < 1 or share == 1
        assert (y_train == label).sum() + share == size


def test_several_targets_for_each_sample_are_kept_together():
    X, y = [[k] for k in range(10)], [[k, -k] for k in range(10)]
    X_train, _, y_train, y_test = nn.split(X, y, seed=0)
    assert (y_train == np.column_stack([X_train, -X_train])).all()
    assert y_test.shape == (2, 2)


@pytest.mark.parametrize("count", [10, 11, 13])
@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_are_even_also_in_each_class(folds, count):
    y = np.array([0.0] * 4 + [1.0] * (count - 4))
    for stratify in (False, True):
        parts = fold_indices(y, folds, stratify=stratify, seed=0)
        assert sorted(index for part in parts for index in part) == list(range(count))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        if stratify:
            ones = [int(y[part].sum()) for part in parts]
            assert max(ones) - min(ones) <= 1


@pytest.mark.parametrize(("call", "message"), [
    (lambda: nn.split([[1], [2]], [1, 2], test=2), "of 2 samples, 2 cannot be set aside"),
    (lambda: nn.split([[1]], [1]), "of 1 samples, 0 cannot be set aside"),
    (lambda: nn.split([[1], [2]], [1, 2], test=1.5), "test is the share of the test part, .* got 1.5"),
    (lambda: nn.split([[1], [2]], [1, 2], test=0.0), "test is the share of the test part"),
    (lambda: nn.split([[1], [2]], [1]), "X has 2 samples and y has 1 targets"),
    (lambda: nn.split([[1], [math.nan]], [1, 2]), r"X\[1\]\[0\] is nan"),
    (lambda: nn.split([], []), "X is empty"),
    (lambda: nn.split([[1], [2], [3]], [0, 0, 1], stratify=True), "the smallest of 1 samples"),
    (lambda: nn.split([[1]] * 8, [0, 1] * 4, stratify=True, test=1), "there are 2 classes"),
    (lambda: nn.split([[1]] * 4, [[0, 1]] * 4, stratify=True), "these targets are lists"),
    (lambda: nn.Standardiser.of([[1, 2]]).apply([[1]]), "made from samples of 2 numbers, these have 1"),
    (lambda: nn.standardise([[1.0, 1e308], [1.0, -1e308]]), r"column 1 holds numbers up to 1e\+308, whose"),
    (lambda: nn.jitter([[1]], -1), "scale is at least 0, got -1"),
    (lambda: nn.Jitter(math.inf), "scale is a finite number"),
])  # fmt: skip
def test_what_cannot_be_split_is_said(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


# standardising and jittering


def test_the_test_part_is_scaled_by_the_numbers_of_the_training_part():
    rng = np.random.default_rng(0)
    train, test = rng.normal(5.0, 3.0, (50, 3)), rng.normal(5.0, 3.0, (20, 3))
    scaled, other = nn.standardise(train, test)
    assert scaled.mean(axis=0) == pytest.approx([0.0] * 3, abs=1e-12)
    assert scaled.std(axis=0) == pytest.approx([1.0] * 3)
    assert other == pytest.approx((test - train.mean(axis=0)) / train.std(axis=0))
    assert (nn.standardise(train) == scaled).all()
    scale = nn.Standardiser.of(train)
    assert scale.undo(scale.apply(test)) == pytest.approx(test)
    assert nn.Standardiser.of(train) == scale  # plain, frozen, comparable


@pytest.mark.parametrize("number", [0.1, 1e300, -7.0, 0.0])
def test_a_column_that_does_not_vary_becomes_zero(number):
    scale = nn.Standardiser.of([[number, 1.0]] * 3 + [[number, 2.0]])
    assert scale.apply([[number, 1.25]]).tolist() == [[0.0, 0.0]]
    assert scale.undo([[0.0, 0.0]]).tolist() == [[number, 1.25]]


def test_jitter_moves_every_number_by_the_scale_and_leaves_the_original():
    X = np.zeros((2000, 2))
    noisy = nn.jitter(X, 0.3, seed=0)
    assert noisy.std(axis=0) == pytest.approx([0.3, 0.3], rel=0.05)
    assert (X == 0.0).all()
    assert (nn.jitter(X, 0.3, seed=0) == noisy).all()


def test_jitter_for_fit_draws_from_the_generator_it_is_given():
    rows = [nn.Jitter(0.3)([1.0, -1.0], random.Random(seed)) for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]
    assert all(type(number) is float for number in rows[0])
    rng = random.Random(0)
    moved = np.array([nn.Jitter(0.3)([1.0, -1.0], rng) for _ in range(2000)]) - [1.0, -1.0]
    assert moved.std(axis=0) == pytest.approx([0.3, 0.3], rel=0.05)
