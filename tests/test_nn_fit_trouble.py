"""fit: Ctrl-C at any moment, NaN and infinity, and what the model is then."""

import math
import random
import signal

import pytest

from autograd_lite import nn
from autograd_lite.engine import Value, detect_anomaly, no_grad
from autograd_lite.errors import AnomalyError, ArgumentError, AutogradError
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
    assert "An lr smaller than 1e+200 often helps, and clip_norm=1.0 keeps" in str(caught.value)


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


# where it began


def messages(model, samples, targets, **settings):
    with pytest.raises(TrainingError) as caught:
        fit(model, samples, targets, **settings)
    assert caught.value.history.stopped.split(" in epoch")[0] in str(caught.value)
    return str(caught.value)


class Logarithm(nn.Module):
    """log(w x0 + x1), with dropout on w x0."""

    def __init__(self, p=0.0, seed=0):
        self.w, self.drop = Value(1.0), nn.Dropout(p, seed=seed)

    def forward(self, x):
        return (self.drop([self.w * x[0]])[0] + x[1]).log()


def test_the_node_the_sample_and_the_line_are_named():
    told = messages(Logarithm(), [[1.0, 1.0], [2.0, 1.0], [3.0, -3.0]], [0.0] * 3, epochs=1)
    assert "the loss is inf in epoch 1 (lr 0.001); nothing was changed." in told
    assert "No step was taken yet: it comes from the data, the first weights or the loss." in told
    assert "It began here: log(0) gave -inf" in told
    assert "made at test_nn_fit_trouble.py:" in told
    assert "its domain is a > 0" in told
    assert "(at sample 2)" in told


def test_the_sample_is_numbered_as_in_x_though_others_are_held_out():
    samples = [[1.0, 1.0]] * 20
    samples[11] = [-2.0, 1.0]
    told = messages(Logarithm(), samples, [0.0] * 20, batch_size=3, validation=0.3, seed=0, epochs=1)
    assert "log(-0.9" in told
    assert "(at sample 11)" in told  # the eighth or so of those that are trained on


def test_dropout_drops_the_same_when_it_is_looked_at():
    # log(0) only where the first sample's w x0 is dropped, which depends on the generator alone
    for seed in range(6):
        model = Logarithm(p=0.5, seed=seed)
        state = model.drop.rng.getstate()
        told = messages(model, [[1.0, 0.0]] * 40, [0.0] * 40, epochs=100, lr=1e-6)
        assert "It began here: log(0) gave -inf" in told
        first = next(k for k, number in enumerate(draws(state, 40)) if number < 0.5)
        assert f"(at sample {first})" in told
        assert model.drop.rng.getstate() == state  # as before the batch


def draws(state, count):
    rng = random.Random()
    rng.setstate(state)
    return [rng.random() for _ in range(count)]


def test_a_batch_in_one_graph_is_named_by_its_samples():
    model = nn.Sequential(nn.Linear(1, 2, seed=0), nn.BatchNorm(2), nn.Linear(2, 1, seed=1), "log")
    told = messages(model, [[1.0], [2.0], [3.0]], [0.0] * 3, epochs=1)
    assert "log(" in told
    assert "(in the batch of samples 0, 1, 2)" in told
    whole = MLP(1, [1], seed=0)
    told = messages(whole, [[1.0]] * 6, [0.0] * 6, loss=lambda out, y: nn.mse(out, y) / 0.0, epochs=1)
    assert "(in the batch of samples 0, 1, 2, 3, …)" in told


def test_a_gradient_a_penalty_and_a_step_are_named():
    told = messages(MLP(1, [1], output="sqrt", init=lambda *_: 0.0), [1, 2], [1, 2])
    assert "It began here: going back through sqrt(0)" in told
    assert "model/layer 0/neuron 0" in told
    told = messages(MLP(1, [1], seed=0), [1, 2], [1, 2], penalty=lambda parameters: parameters[0] / 0.0)
    assert "the penalty is" in told
    assert "(in the penalty)" in told
    told = messages(MLP(1, [1], seed=0), [1e3, 2e3], [1.0, 2.0], optimizer="sgd", lr=1.7e308)
    assert "It was layers.0.neurons.0.w.0, whose gradient was " in told


def test_buffers_and_generators_go_back_with_the_parameters():
    model = nn.Sequential(
        nn.Linear(1, 2, seed=0), nn.BatchNorm(2), nn.Dropout(0.5, seed=3), nn.Linear(2, 1, seed=1))
    states = []

    def growing(outputs, targets):
        return nn.mse(outputs, targets) * (1.0 if len(states) < 2 else 1e308)

    def remember(event):
        states.append((model.state_dict(), model.layers[2].rng.getstate()))

    messages(model, [[1.0], [2.0], [4.0]], [9.0, 0.0, 0.0], loss=growing, epochs=50, callbacks=remember)
    # the loss broke in epoch 3; the parameters are those before the step of epoch 2, which gave a finite one
    assert (model.state_dict(), model.layers[2].rng.getstate()) == states[0]
    assert not model.training


def test_an_epoch_that_is_not_finished_is_not_told():
    model = MLP(1, [1], seed=0)
    with pytest.raises(TrainingError) as caught:
        fit(model, [1, 2, 3], [1, 2, 3], optimizer="sgd", lr=1e80, batch_size=1, epochs=5, seed=0)
    history = caught.value.history
    assert len(history) == len(history.loss) == len(history.grad_norm) == len(history.attempt)
    assert history.attempts == []


# Ctrl-C in other places


class Slow(nn.Module):
    """Raises at the given call while it is measured."""

    def __init__(self, at):
        self.w, self.left = Value(0.5), at

    def forward(self, x):
        self.left -= not self.training
        if self.left == 0:
            raise KeyboardInterrupt
        return self.w * x[0]


@pytest.mark.parametrize(("at", "epochs"), [(1, 0), (2, 0), (3, 1), (4, 2)])
def test_ctrl_c_while_the_model_is_measured(at, epochs):
    model, twin = Slow(at), Slow(10**9)
    history = fit(model, [1, 2], [1, 2], lr=0.1, epochs=9, validation=([3], [3]))
    steps = max(0, at - 1)  # the first call looks whether all fits; then one follows each step
    fit(twin, [1, 2], [1, 2], lr=0.1, epochs=steps)
    assert model.w.data == twin.w.data
    assert len(history) == len(history.val_loss) == epochs
    assert history.stopped.startswith(f"interrupted by Ctrl-C in epoch {max(1, steps)}")
    assert not model.training


def test_ctrl_c_in_a_batch_takes_back_what_the_model_remembers():
    class Interrupting(nn.BatchNorm):
        calls = 0

        def forward_batch(self, rows):
            answer = super().forward_batch(rows)
            self.calls += self.training
            if self.calls == 3:
                raise KeyboardInterrupt
            return answer

    def network(norm):
        return nn.Sequential(
            nn.Linear(1, 2, seed=0), norm(2), nn.Dropout(0.5, seed=1), nn.Linear(2, 1, seed=2))

    model, twin = network(Interrupting), network(nn.BatchNorm)
    fit(model, [1, 2, 4], [1, 2, 3], lr=0.1, epochs=9)
    fit(twin, [1, 2, 4], [1, 2, 3], lr=0.1, epochs=2)
    assert model.state_dict() == twin.state_dict()
    assert model.layers[2].rng.getstate() == twin.layers[2].rng.getstate()


# errors in the first step


def failing(*_):
    raise ZeroDivisionError("not today")


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": failing},
        {"loss": lambda outputs, targets: 1.0},
        {"loss": lambda outputs, targets: outputs[0][0] * math.nan},
        {"penalty": failing},
        {"schedule": lambda t: -1.0},
        {"augment": failing},
        {"augment": lambda row, rng: [rng.random()]},
        {"augment": lambda row, rng: [math.nan, rng.random()]},
        {"augment": lambda row, rng: ["a", "b"]},
        {"checkpoint": "no/such/folder/run.npz"},
    ],
)
def test_an_error_in_the_first_step_changes_nothing_at_all(settings):
    model = nn.Sequential(nn.Linear(2, 4, seed=0), nn.BatchNorm(4), nn.Dropout(0.5, seed=1),
                          nn.Linear(4, 1, seed=2)).eval()
    for parameter in model.parameters()[1:]:
        parameter.grad = 0.25
    schedule = nn.ReduceOnPlateau(patience=0)
    schedule.observe(1.0)
    optimizer = Adam(model.parameters())

    def everything():
        gradients = [(each.grad, each.has_grad) for each in model.parameters()]
        draws = [generator.getstate() for _, generator in model.generators()]
        return (model.state_dict(), gradients, draws, model.layers[1].training, schedule.state_dict(),
                optimizer.state_dict())

    before = everything()
    with pytest.raises((ArithmeticError, AutogradError)):
        fit(model, X, Y, optimizer=optimizer, seed=0, **{"schedule": schedule, **settings})
    assert everything() == before


def test_what_augment_gives_is_checked():
    with pytest.raises(ArgumentError, match=r"a list of 2 finite numbers, .* got \[nan, 1\.0\]"):
        fit(xor_model(), X, Y, augment=lambda row, rng: [math.nan, 1.0])
