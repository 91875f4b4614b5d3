"""fit: Ctrl-C at any moment, NaN and infinity, and what the model is then."""

import math
import random
import signal

import pytest

from autograd_lite import nn
from autograd_lite.engine import detect_anomaly, no_grad
from autograd_lite.errors import AnomalyError, ArgumentError
from autograd_lite.nn import MLP, Adam, TrainingError, fit

X, Y = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]


def xor_model(seed=0):
    return MLP(2, [4, 1], activation="tanh", seed=seed)


# interruption


class Interrupted(MLP):
    """Ctrl-C in the middle of a forward pass."""

    calls, at = 0, 10**9

    def forward(self, x):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return super().forward(x)


@pytest.mark.parametrize("call", [1, 2, 3, 5, 6, 12])
def test_ctrl_c_leaves_the_last_finished_step(call):
    model = Interrupted(2, [4, 1], activation="tanh", seed=0)
    model.at = call
    history = fit(model, X, Y, lr=0.05, epochs=10)
    done = max(0, (call - 2) // 4)  # the first call looks whether model and targets fit together
    assert len(history) == done
    assert history.stopped == (
        f"interrupted by Ctrl-C in epoch {done + 1}; the model is that of the last finished step")
    twin = xor_model()
    fit(twin, X, Y, lr=0.05, epochs=done)
    assert model.state_dict() == twin.state_dict()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers (Unix)")
def test_an_interrupt_at_any_moment_leaves_whole_steps():
    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    rng, longest = random.Random(0), 400
    try:
        for _ in range(25):
            model = xor_model()
            optimizer = Adam(model.parameters(), 0.05)
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.004, 0.03))
            history = fit(model, X, Y, optimizer=optimizer, epochs=10**6,
                          callbacks=lambda event: event.epoch == longest)
            signal.setitimer(signal.ITIMER_REAL, 0)
            steps = optimizer.state_dict()["groups"][0]["steps"]
            assert len(set(steps)) == 1
            assert steps[0] - 1 <= len(history) <= steps[0]
            twin = xor_model()
            fit(twin, X, Y, lr=0.05, epochs=steps[0])
            assert model.state_dict() == twin.state_dict()
            assert "Ctrl-C" in history.stopped or len(history) == longest
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_ctrl_c_in_a_callback_counts_too():
    def interrupt(event):
        raise KeyboardInterrupt

    history = fit(xor_model(), X, Y, epochs=10, callbacks=interrupt)
    assert history.stopped.startswith("interrupted by Ctrl-C in epoch 1")


# NaN and infinity


def test_a_loss_that_blows_up_keeps_the_last_good_parameters():
    model = MLP(1, [1], seed=0)
    optimizer = nn.SGD(model.parameters(), lr=1e200, momentum=0.9)
    with pytest.raises(TrainingError, match=r"the loss is inf in epoch 2 \(lr 1e\+200\)") as caught:
        fit(model, [1, 2], [1, 2], optimizer=optimizer, epochs=10)
    assert model.state_dict() == MLP(1, [1], seed=0).state_dict()
    assert optimizer.state_dict()["groups"][0]["steps"] == [0, 0]
    assert caught.value.history.epoch == [1]
    assert "the loss is inf in epoch 2" in caught.value.history.stopped


def test_an_anomaly_keeps_the_last_good_parameters_too():
    model = MLP(1, [1], seed=0)
    with detect_anomaly(), pytest.raises(AnomalyError, match="gave inf"):
        fit(model, [1, 2], [1, 2], optimizer="sgd", lr=1e200, epochs=10)
    assert model.state_dict() == MLP(1, [1], seed=0).state_dict()


def test_a_first_loss_of_nan_changes_nothing():
    model = MLP(1, [1], seed=0)
    model.layers[0].neurons[0].b.data = math.nan
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1 .* nothing was changed"):
        fit(model, [1, 2], [1, 2], epochs=10)


def test_a_gradient_of_nan_is_not_followed():
    model = MLP(1, [1], output="sqrt", init=lambda *_: 0.0)  # slope infinite at 0
    with pytest.raises(TrainingError, match="a gradient is NaN or infinite"):
        fit(model, [1, 2], [1, 2], epochs=10)
    assert set(model.state_dict().values()) == {0.0}


def test_a_step_to_infinity_is_taken_back_even_the_last():
    model = MLP(1, [1], seed=0)
    with pytest.raises(TrainingError, match="the step made a parameter NaN or infinite"):
        fit(model, [1e3, 2e3], [1.0, 2.0], optimizer="sgd", lr=1.7e308, epochs=1)
    assert model.state_dict() == MLP(1, [1], seed=0).state_dict()


def test_training_without_gradients_is_refused():
    with no_grad(), pytest.raises(ArgumentError, match="the loss depends on no parameter"):
        fit(xor_model(), X, Y)
