"""fit: starting again from other numbers where training is stuck."""

import random

import pytest

from autograd_lite import nn
from autograd_lite.engine import Value
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import MLP, Restarts, fit
from autograd_lite.nn.restarts import Plateau

X, Y = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
STUCK = [2, 4, 11, 30]  # seeds of 2-2-1 networks that do not learn XOR from where they start


def smallest(seed):
    return MLP(2, [2, 1], activation="tanh", seed=seed)


def is_solved(model):
    return [output > 0.5 for output in nn.predict(model, X)] == [target == 1 for target in Y]


@pytest.mark.parametrize("seed", STUCK)
def test_a_network_that_is_stuck_starts_again_and_learns(seed):
    bare, model = smallest(seed), smallest(seed)
    fit(bare, X, Y, lr=0.05, epochs=300)
    assert not is_solved(bare)
    history = fit(model, X, Y, lr=0.05, epochs=300, restarts=3, seed=seed)
    assert is_solved(model)
    first = history.attempts[0]
    assert first["ended"].startswith("stuck: 50 epochs without a loss clearly below 0.")
    assert history.attempt[first["last_epoch"] - 1 : first["last_epoch"] + 1] == [1, 2]
    assert history.epoch == list(range(1, len(history) + 1))
    assert history.attempts[-1]["last_epoch"] == len(history)


@pytest.mark.parametrize("seed", range(6))
def test_what_learns_is_left_alone(seed):
    if seed in STUCK:
        return
    model, bare = smallest(seed), smallest(seed)
    history = fit(model, X, Y, lr=0.05, epochs=300, restarts=3, seed=seed)
    twin = fit(bare, X, Y, lr=0.05, epochs=300)
    if len(history.attempts) == 1:
        assert history.loss == twin.loss
    assert is_solved(model)
    assert history.loss[-1] < 1e-3


def test_the_same_seed_draws_the_same_starts_and_never_the_first_one():
    def starts(seed):
        model, seen = smallest(2), []
        fit(model, X, Y, lr=0.0, epochs=10, restarts=Restarts(2, patience=3), seed=seed,
            callbacks=lambda event: seen.append(tuple(model.state_dict().values())))
        return list(dict.fromkeys(seen))

    assert len(starts(2)) == 3  # though the model was made with seed 2 as well
    assert starts(2) == starts(2) != starts(3)
    assert starts(2)[0] == tuple(smallest(2).state_dict().values())


def test_noise_that_cannot_be_learnt_keeps_the_best_attempt():
    rng = random.Random(0)
    samples = [rng.uniform(-1, 1) for _ in range(30)]
    targets = [2 * x + rng.gauss(0, 0.5) for x in samples]
    model = MLP(1, [2, 1], activation="tanh", seed=0)
    history = fit(model, samples, targets, lr=0.05, epochs=150, restarts=Restarts(2, patience=20), seed=0)
    assert len(history.attempts) == 3
    best = min(history.attempts, key=lambda attempt: attempt["best_loss"])
    assert history.best_epoch == best["best_epoch"]
    loss = nn.mse([model([x]) for x in samples], targets).data
    assert loss == pytest.approx(best["best_loss"], rel=0.02)  # the epoch's step came after it was measured
    assert loss <= min(history.loss) * 1.02
    assert history.stopped.endswith(f"the model has the weights of epoch {best['best_epoch']}, the best")


def test_everything_starts_again_but_what_is_not_trained():
    model = MLP(2, [2, 2, 1], activation="tanh", seed=2)
    model.layers[0].freeze()
    frozen = [p.data for p in model.layers[0].parameters()]
    schedule = nn.ReduceOnPlateau(factor=0.5, patience=1, threshold=0.9)
    optimizer = nn.Adam([p for p in model.parameters() if not p.is_frozen], lr=0.01)

    def slower(event):
        if event.epoch == 5:
            event.optimizer.lr = 0.005

    history = fit(model, X, [1.0, 0.0, 1.0, 0.0], optimizer=optimizer, epochs=30, schedule=schedule,
                  restarts=Restarts(1, patience=8, margin=0.9), callbacks=slower, seed=1)
    again = history.attempts[0]["last_epoch"]
    assert len(history.attempts) == 2
    assert history.lr[again] == history.lr[0] == 0.01
    assert history.lr[again - 1] < 0.005
    assert optimizer.state_dict()["groups"][0]["steps"] == [len(history) - again] * 9
    assert [p.data for p in model.layers[0].parameters()] == frozen


def test_schedules_count_from_the_new_start():
    history = fit(smallest(2), X, Y, lr=1e-9, epochs=10, restarts=Restarts(1, patience=4),
                  schedule=nn.LinearRamp(10), seed=0)
    again = history.attempts[0]["last_epoch"]
    assert history.lr[again : again + 5] == history.lr[:5]


def test_ctrl_c_in_a_later_attempt_keeps_the_best_of_all():
    model, states = smallest(2), []

    def interrupt(event):
        states.append(model.state_dict())
        if event.attempt == 2:
            raise KeyboardInterrupt

    history = fit(model, X, Y, lr=0.05, epochs=300, restarts=3, seed=2, callbacks=interrupt)
    assert "interrupted by Ctrl-C in epoch" in history.stopped
    assert "the best of all attempts" in history.stopped
    assert model.state_dict() == states[history.best_epoch - 1]
    assert [attempt["attempt"] for attempt in history.attempts] == [1, 2]


def test_early_stopping_far_from_learnt_starts_again():
    history = fit(smallest(2), X, Y, lr=0.0, epochs=300, patience=10, restarts=3, seed=2)
    assert [attempt["ended"] for attempt in history.attempts] == ["10 epochs without a lower loss"] * 4
    assert history.attempt == [1] * 11 + [2] * 11 + [3] * 11 + [4] * 11


# what does not fit


class Unresettable(nn.Module):
    def __init__(self):
        self.w = Value(0.5)

    def forward(self, x):
        return self.w * x[0]


class NoModule:
    def __init__(self):
        self.w = Value(0.5)

    def parameters(self):
        return [self.w]

    def __call__(self, x):
        return self.w * x[0]


@pytest.mark.parametrize(
    ("model", "restarts", "words"),
    [
        (smallest(0), -1, "restarts is how often training may start again"),
        (smallest(0), 1.5, "restarts is how often"),
        (smallest(0), "3", "restarts is how often"),
        (Unresettable(), 1, "restarts: Unresettable"),
        (NoModule(), 1, "restarts need a model that can draw its parameters again"),
    ],
)
def test_what_cannot_start_again_is_named_before_training(model, restarts, words):
    before = [p.data for p in model.parameters()]
    with pytest.raises(ArgumentError) as caught:
        fit(model, X, Y, restarts=restarts, epochs=3)
    assert words in str(caught.value)
    assert [p.data for p in model.parameters()] == before


@pytest.mark.parametrize("settings", [{"times": -1}, {"patience": 0}, {"margin": 1.0}, {"learnt": -0.1},
                                      {"margin": "much"}, {"times": True}])  # fmt: skip
def test_the_rule_is_checked(settings):
    with pytest.raises(ArgumentError, match=f"restarts: {next(iter(settings))} is a"):
        Restarts(**{"times": 1, **settings})


@pytest.mark.parametrize(
    ("losses", "stuck_after"),
    [
        ([1.0] * 10, 4),
        ([1.0, 0.5, 0.5, 0.5, 0.5, 0.5], 5),
        ([0.9**k for k in range(40)], None),
        ([1.0, 0.001, 0.001, 0.001, 0.001, 0.001], None),  # learnt
        ([1.0, 0.995, 0.992, 0.985, 0.982, 0.979, 0.976], 7),  # a hundredth in three epochs, then less
        ([1.0, 0.999, 0.998, 0.997], 4),
    ],
)
def test_what_counts_as_stuck(losses, stuck_after):
    plateau = Plateau(Restarts(1, patience=3))
    found = None
    for epoch, loss in enumerate(losses, start=1):
        plateau.sees(loss, epoch)
        if plateau.is_stuck(epoch):
            found = epoch
            break
    assert found == stuck_after
