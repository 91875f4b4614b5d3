"""fit: early stopping, and which weights the model has at the end."""

import math
import random

import pytest

from autograd_lite import nn
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import MLP, fit
from autograd_lite.nn.stopping import Lowest

RNG = random.Random(1)
X = [[RNG.uniform(-1, 1), RNG.uniform(-1, 1)] for _ in range(16)]
Y = [float(RNG.random() < 0.5) for _ in X]  # there is nothing to learn: val_loss soon rises


def network():
    return nn.Sequential(nn.Linear(2, 6, seed=0), nn.BatchNorm(6), "tanh", nn.Linear(6, 1, seed=1))


def states_while(model, **settings):
    """What fit gives, and the numbers of the model after each epoch."""
    states = []
    history = fit(model, X, Y, lr=0.1, epochs=200, validation=0.5, seed=2, batch_size=4,
                  callbacks=lambda event: states.append(event.model.state_dict()), **settings)
    return history, states


@pytest.mark.parametrize("patience", [1, 5, 20])
def test_training_ends_when_nothing_gets_better_and_the_best_weights_stand(patience):
    model = network()
    history, states = states_while(model, patience=patience)
    best = min(range(len(history)), key=history.val_loss.__getitem__)
    assert history.best_epoch == best + 1
    assert len(history) == best + 1 + patience
    assert model.state_dict() == states[best] != states[-1]  # running statistics among them
    epochs = f"{patience} epoch{'s' if patience > 1 else ''}"
    assert history.stopped == (
        f"{epochs} without a lower val_loss; the model has the weights of epoch {best + 1}, the best")
    assert history.stopped_early
    assert history.attempts == [{
        "attempt": 1, "first_epoch": 1, "last_epoch": len(history), "best_epoch": best + 1,
        "best_loss": history.val_loss[best], "ended": f"{epochs} without a lower val_loss",
    }]  # fmt: skip


def test_patience_changes_nothing_before_the_end():
    patient, history_of = network(), {}
    history_of["patient"], _ = states_while(patient, patience=5)
    history_of["endless"], _ = states_while(network())
    count = len(history_of["patient"])
    assert history_of["patient"].val_loss == history_of["endless"].val_loss[:count]


def test_the_best_weights_stand_where_all_epochs_were_done_too():
    model = network()
    history, states = states_while(model, patience=1000)
    assert history.stopped == ("all 200 epochs done; the model has the weights of epoch "
                               f"{history.best_epoch}, the best")
    assert not history.stopped_early
    assert model.state_dict() == states[history.best_epoch - 1]


def test_without_patience_the_last_weights_stand():
    model = network()
    history, states = states_while(model)
    assert history.best_epoch < 200
    assert model.state_dict() == states[-1]
    assert history.stopped == "all 200 epochs done"


def test_without_samples_held_out_the_training_loss_counts():
    model = MLP(1, [1], seed=0)
    history = fit(model, [1, 2], [1, 2], optimizer="sgd", lr=2.0, epochs=50, patience=3)  # it swings
    assert history.stopped.startswith("3 epochs without a lower loss; the model has the weights of epoch 1,")
    assert len(history) == 4


def test_a_callback_that_stops_gets_the_best_weights_too():
    model, states = network(), []

    def stop(event):
        states.append(event.model.state_dict())
        return "enough" if event.epoch == 30 else None

    history = fit(model, X, Y, lr=0.1, epochs=200, validation=0.5, seed=2, patience=100, callbacks=stop)
    assert history.stopped == f"enough; the model has the weights of epoch {history.best_epoch}, the best"
    assert model.state_dict() == states[history.best_epoch - 1]


@pytest.mark.parametrize("patience", [0, -1, 1.5, "5"])
def test_patience_is_a_number_of_epochs(patience):
    with pytest.raises(ArgumentError, match="patience is a whole number of at least 1"):
        fit(network(), X, Y, patience=patience)


@pytest.mark.parametrize(
    ("losses", "best"),
    [([3, 2, 1], 3), ([1, 1, 1], 1), ([1, 2, 0.5, 0.6], 3), ([math.nan, 2], 2), ([2, math.nan, 3], 1),
     ([math.nan, math.nan], 1), ([math.inf, 5], 2), ([-1.0, -1.5], 2)],
)  # fmt: skip
def test_the_lowest(losses, best):
    lowest = Lowest()
    for epoch, loss in enumerate(losses, start=1):
        lowest.sees(loss, epoch)
    assert lowest.epoch == best
