"""fit: samples held out, what is measured on them and in which mode, and metrics."""

import math
import random

import pytest

from autograd_lite import nn
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import MLP, fit

RNG = random.Random(0)
X = [[RNG.uniform(-1, 1), RNG.uniform(-1, 1)] for _ in range(20)]
Y = [float(a * b > 0) for a, b in X]


def small_model(seed=0):
    return MLP(2, [3, 1], activation="tanh", seed=seed)


class Recorder(MLP):
    """Writes down which samples it saw, and in which mode."""

    seen = ()

    def forward(self, x):
        self.seen = (*self.seen, (tuple(x), self.training))
        return super().forward(x)


def seen_by(validation, **settings):
    model = Recorder(2, [1], seed=0)
    fit(model, X, Y, epochs=2, validation=validation, **settings)
    seen = model.seen[1:]  # the first call looks whether everything fits
    return [x for x, training in seen if training], [x for x, training in seen if not training]


@pytest.mark.parametrize(("share", "count"), [(0.2, 4), (0.01, 1), (0.99, 19), (0.5, 10), (0.125, 2)])
def test_a_share_is_held_out_and_never_trained_on(share, count):
    trained, measured = seen_by(share, seed=3)
    assert len(trained) == 2 * (20 - count)
    assert len(measured) == 2 * count
    assert not set(trained) & set(measured)
    assert set(trained) | set(measured) == set(map(tuple, X))


def test_the_split_comes_from_the_seed_alone():
    held_out = [set(seen_by(0.25, seed=seed, **more)[1])
                for seed, more in [(1, {}), (1, {"batch_size": 4}), (2, {})]]
    assert held_out[0] == held_out[1] != held_out[2]


def test_a_pair_is_measured_and_all_of_x_is_trained_on():
    trained, measured = seen_by(([[5, 5], [6, 6], [7, 7]], [0, 1, 1]))
    assert sorted(trained) == sorted([*map(tuple, X)] * 2)
    assert sorted(measured) == [(5, 5), (5, 5), (6, 6), (6, 6), (7, 7), (7, 7)]


@pytest.mark.parametrize("loss", ["mse", "bce_with_logits", lambda *both: nn.mse(*both)])
def test_val_loss_is_the_loss_in_use_without_penalty(loss):
    model = nn.Sequential(
        nn.Linear(2, 4, seed=0), nn.BatchNorm(4), nn.Dropout(0.5, seed=1), nn.Linear(4, 1, seed=2))
    held_out = X[:5], Y[:5]
    history = fit(model, X[5:], Y[5:], loss=loss, epochs=3, batch_size=4, validation=held_out,
                  penalty=nn.L2(0.1), seed=0)
    assert not model.training
    function = getattr(nn, loss) if isinstance(loss, str) else loss
    again = function([model(x) for x in X[:5]], Y[:5]).data
    assert history.val_loss[-1] == pytest.approx(again, rel=1e-12)
    assert all(number > 0 for number in history.penalty)


def test_holding_out_changes_nothing_of_the_training_of_the_rest():
    with_it, without = small_model(), small_model()
    a = fit(with_it, X[5:], Y[5:], epochs=5, batch_size=4, seed=1, validation=(X[:5], Y[:5]), metrics="mae")
    b = fit(without, X[5:], Y[5:], epochs=5, batch_size=4, seed=1)
    assert with_it.state_dict() == without.state_dict()
    assert a.loss == b.loss
    assert b.val_loss == []
    assert b.metrics == {}


# metrics


def test_metrics_are_of_the_samples_held_out():
    model = small_model()
    history = fit(model, X[5:], Y[5:], loss="bce_with_logits", epochs=4, validation=(X[:5], Y[:5]),
                  metrics=["accuracy", largest_error])
    outputs = nn.predict(model, X[:5])
    right = [(output > 0) == (target == 1) for output, target in zip(outputs, Y[:5], strict=True)]
    assert history.metrics["accuracy"][-1] == sum(right) / 5
    assert history.metrics["largest_error"][-1] == largest_error(outputs, Y[:5])
    assert {len(column) for column in history.metrics.values()} == {4}


def test_without_any_they_are_of_the_training_samples():
    model = small_model()
    history = fit(model, X, Y, epochs=3, metrics="mse")
    assert history.metrics["mse"][-1] == pytest.approx(nn.mse([model(x) for x in X], Y).data, rel=1e-12)
    assert history.val_loss == []


def largest_error(outputs, targets):
    return max(abs(output - target) for output, target in zip(outputs, targets, strict=True))


def test_a_callback_is_told():
    told = []
    fit(small_model(), X, Y, epochs=2, validation=0.2, metrics="mae", seed=0,
        callbacks=lambda event: told.append((event.val_loss, dict(event.metrics))))
    assert [set(metrics) for _, metrics in told] == [{"mae"}] * 2
    assert all(math.isfinite(loss) for loss, _ in told)


# what does not fit


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"validation": 0}, "validation is a fraction of the samples, between 0 and 1"),
        ({"validation": 1.0}, "got 1.0"),
        ({"validation": True}, "got True"),
        ({"validation": "all"}, "got 'all'"),
        ({"validation": (X, Y, Y)}, "got 3 things"),
        ({"validation": ([[1, 2, 3]], [1])}, "its samples have 3 numbers, those of X have 2"),
        ({"validation": ([[1, math.nan]], [1])}, "validation=(X, y): X[0][1] is nan"),
        ({"validation": ([[1, 2]], [1, 2])}, "validation=(X, y): X has 1 samples and y has 2 targets"),
        ({"validation": ([[1, 2]], [3]), "loss": "bce"}, "in the validation data, bce: target 0"),
        ({"metrics": "acuracy"}, "unknown metric 'acuracy': did you mean 'accuracy'"),
        ({"metrics": ["mae", "mae"]}, "there are two metrics called 'mae'"),
        ({"metrics": 3}, "metrics is a list of names"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_and_nothing_changes(settings, words):
    model = small_model()
    before = model.state_dict()
    with pytest.raises(ArgumentError) as caught:
        fit(model, X, Y, seed=0, **settings)
    assert words in str(caught.value)
    assert model.state_dict() == before
    assert model.training


def test_one_sample_cannot_be_split():
    with pytest.raises(ArgumentError, match="one sample cannot be both"):
        fit(small_model(), X[:1], Y[:1], validation=0.5)
