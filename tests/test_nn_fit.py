"""fit: learning, repeatability, both ways to sum gradients, interruption, NaN, and data that does not fit."""

import json
import math
import random
import signal
import sys

import numpy as np
import pytest

from autograd_lite import nn
from autograd_lite.engine import Value, detect_anomaly, no_grad, topological_order
from autograd_lite.errors import AnomalyError, ArgumentError, AutogradError
from autograd_lite.nn import MLP, Adam, EpochEnd, History, TrainingError, fit

X, Y = nn.data.xor()


def xor_model(seed=0):
    return MLP(2, [4, 1], activation="tanh", seed=seed)


@pytest.mark.parametrize("seed", range(5))
def test_xor_is_learned(seed):
    model = xor_model(seed)
    history = fit(model, X, Y, optimizer="adam", lr=0.05, epochs=500)
    assert [round(model(x).data) for x in X] == list(Y)
    assert history.loss[-1] < 0.01 < history.loss[0]


def test_an_optimizer_of_ones_own_is_used():
    by_name, own = xor_model(), xor_model()
    fit(by_name, X, Y, lr=0.05, epochs=30)
    fit(own, X, Y, optimizer=Adam(own.parameters(), lr=0.05), epochs=30)
    assert by_name.state_dict() == own.state_dict()


def test_history_is_plain_data():
    history = fit(xor_model(), X, Y, lr=0.05, epochs=3)
    assert isinstance(history, History)
    assert len(history) == 3
    assert history.epoch == [1, 2, 3]
    assert history.lr == [0.05] * 3
    assert history.loss[0] > history.loss[2]
    assert history.seconds == sorted(history.seconds)
    assert history.stopped == "all 3 epochs done"
    assert json.loads(json.dumps(history.as_dict())) == history.as_dict()
    assert repr(history).startswith("History(3 epochs, loss 0.")


def test_no_epochs_change_nothing():
    model = xor_model()
    before = model.state_dict()
    assert len(fit(model, X, Y, epochs=0)) == 0
    assert model.state_dict() == before


# the same numbers, whichever way


@pytest.mark.parametrize("batch_size", [None, 1, 3, 4])
def test_same_seed_same_numbers(batch_size):
    def run(seed):
        model = xor_model()
        history = fit(model, X, Y, lr=0.05, epochs=20, batch_size=batch_size, seed=seed)
        return history.loss, model.state_dict()

    assert run(1) == run(1)
    assert (run(1) == run(2)) == (batch_size in (None, 4))


def test_fit_leaves_the_global_generator_alone():
    random.seed(0)
    before = random.getstate()
    fit(xor_model(), X, Y, epochs=2)
    fit(xor_model(), X, Y, epochs=2, batch_size=2, seed=0)
    assert random.getstate() == before


def by_hand(model, loss, epochs, lr):
    """What fit says it does, with one graph over all samples."""
    optimizer, seen = Adam(model.parameters(), lr), []
    for _ in range(epochs):
        optimizer.zero_grad()
        total = loss([model(x) for x in X], Y)
        total.backward()
        optimizer.step()
        seen.append(total.data)
    return seen


@pytest.mark.parametrize("loss", [nn.mse, nn.bce_with_logits])
def test_sample_by_sample_equals_one_graph(loss):
    expected = by_hand(model := xor_model(), loss, 50, 0.05)
    for way in (loss.__name__, loss, lambda outputs, targets: loss(outputs, targets)):
        other = xor_model()
        history = fit(other, X, Y, loss=way, lr=0.05, epochs=50)
        assert history.loss == pytest.approx(expected, rel=1e-9)
        assert list(other.state_dict().values()) == pytest.approx(list(model.state_dict().values()), rel=1e-9)


def torch_twin(model, activation):
    """The same network in PyTorch, with the same numbers in it."""
    import torch

    parts = []
    for layer in model.layers:
        linear = torch.nn.Linear(len(layer.neurons[0].w), len(layer.neurons), dtype=torch.float64)
        with torch.no_grad():
            for k, neuron in enumerate(layer.neurons):
                linear.weight[k] = torch.tensor([w.data for w in neuron.w], dtype=torch.float64)
                linear.bias[k] = neuron.b.data
        parts += [linear, activation()]
    return torch.nn.Sequential(*parts[:-1])


@pytest.mark.oracle
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("loss", ["mse", "bce_with_logits", "cross_entropy"])
def test_fifty_epochs_are_pytorchs(optimizer, loss):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    outputs = 2 if loss == "cross_entropy" else 1
    model = MLP(2, [5, outputs], activation="tanh", seed=3)
    twin = torch_twin(model, torch.nn.Tanh)
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer](twin.parameters(), lr=0.05)
    kinds = {"mse": torch.nn.MSELoss, "bce_with_logits": torch.nn.BCEWithLogitsLoss}
    criterion = kinds.get(loss, torch.nn.CrossEntropyLoss)()
    targets = torch.tensor(Y, dtype=torch.int64 if outputs == 2 else torch.float64)
    expected = []
    for _ in range(50):
        rule.zero_grad()
        answer = twin(torch.tensor(X, dtype=torch.float64))
        value = criterion(answer if outputs == 2 else answer[:, 0], targets)
        value.backward()
        rule.step()
        expected.append(value.item())
    history = fit(model, X, Y, loss=loss, optimizer=optimizer, lr=0.05, epochs=50)
    assert history.loss == pytest.approx(expected, rel=1e-9)


def test_gradient_of_a_smaller_last_batch_is_its_own_mean():
    model = MLP(1, [1], init="zeros")
    fit(model, [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], optimizer="sgd", lr=0.5, epochs=1, batch_size=2, seed=0)
    twin = MLP(1, [1], init="zeros")
    fit(twin, [1.0], [1.0], optimizer="sgd", lr=0.5, epochs=2)
    assert model.state_dict() == twin.state_dict()


# shapes of data


def test_arrays_tuples_and_columns_are_taken():
    np = pytest.importorskip("numpy")

    def run(samples, targets):
        model = xor_model()
        fit(model, samples, targets, lr=0.05, epochs=5)
        return model.state_dict()

    expected = run(X, Y)
    assert run(np.array(X), np.array(Y)) == expected
    assert run(np.array(X, dtype=np.int8), np.array(Y).reshape(-1, 1)) == expected
    assert run(tuple(map(tuple, X)), [[t] for t in Y]) == expected
    assert run([np.array(x) for x in X], tuple(np.float32(t) for t in Y)) == expected


def test_several_outputs_and_classes():
    model = MLP(2, [6, 2], activation="tanh", seed=0)
    fit(model, X, [[0, 1], [1, 0], [1, 0], [0, 1]], lr=0.05, epochs=150)
    assert [[round(out.data) for out in model(x)] for x in X] == [[0, 1], [1, 0], [1, 0], [0, 1]]

    classifier = MLP(2, [6, 3], activation="tanh", seed=0)
    fit(classifier, X, [0, 1, 2, 0], loss="cross_entropy", lr=0.05, epochs=150)
    scores = [[out.data for out in classifier(x)] for x in X]
    assert [row.index(max(row)) for row in scores] == [0, 1, 2, 0]


def test_hinge_by_name():
    model = xor_model()
    fit(model, X, [-1, 1, 1, -1], loss="hinge", lr=0.05, epochs=200)
    assert [model(x).data > 0 for x in X] == [False, True, True, False]


def test_a_loss_function_of_ones_own_gets_the_batch():
    sizes = []

    def loss(outputs, targets):
        sizes.append((len(outputs), len(targets)))
        return nn.mse(outputs, targets) + 0.1

    history = fit(xor_model(), X, Y, loss=loss, epochs=2, batch_size=3, seed=0)
    assert sizes == [(3, 3), (1, 1)] * 2
    assert min(history.loss) > 0.1


def test_frozen_parameters_stay():
    model = xor_model()
    model.layers[0].freeze()
    before, last = model.layers[0].state_dict(), model.layers[1].state_dict()
    fit(model, X, Y, epochs=3)
    assert model.layers[0].state_dict() == before
    assert model.layers[1].state_dict() != last


def test_any_object_with_parameters_is_trained():
    class Line:
        def __init__(self):
            self.slope = Value(0.0)

        def parameters(self):
            return [self.slope]

        def __call__(self, x):
            return self.slope * x[0]

    line = Line()
    fit(line, [1, 2, 3], [2, 4, 6], optimizer="sgd", lr=0.1, epochs=50)
    assert line.slope.data == pytest.approx(2.0)


def test_after_training_the_model_still_draws_with_scopes():
    model = xor_model()
    fit(model, X, Y, epochs=1)
    assert {node.scope for node in topological_order(model(X[0])) if not node.is_leaf} == {
        *(f"model/layer 0/neuron {i}" for i in range(4)), "model/layer 1/neuron 0"}  # fmt: skip


# callbacks


def test_callbacks_see_each_epoch_and_may_stop():
    seen = []

    def watch(event):
        assert isinstance(event, EpochEnd)
        seen.append((event.epoch, event.epochs, event.loss == event.history.loss[-1]))
        return "low enough" if event.epoch == 3 else None

    history = fit(xor_model(), X, Y, epochs=10, callbacks=watch)
    assert seen == [(1, 10, True), (2, 10, True), (3, 10, True)]
    assert (history.stopped, len(history)) == ("low enough", 3)
    assert fit(xor_model(), X, Y, epochs=10, callbacks=[lambda event: event.epoch == 2]).stopped == (
        "a callback stopped it after epoch 2")  # fmt: skip


def test_a_callback_may_set_the_rate():
    def halve(event):
        event.optimizer.lr /= 2

    assert fit(xor_model(), X, Y, lr=0.8, epochs=3, callbacks=[halve]).lr == [0.8, 0.4, 0.2]


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


def test_numpys_whole_numbers_count():
    settings = {"epochs": np.int64(2), "batch_size": np.int64(2), "seed": np.int64(3)}
    history = fit(xor_model(), X, Y, **settings)
    assert history.loss == fit(xor_model(), X, Y, epochs=2, batch_size=2, seed=3).loss
    assert MLP(2, [1], seed=np.int64(1)).state_dict() == MLP(2, [1], seed=1).state_dict()


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


# progress


def test_nothing_is_printed_where_nobody_watches(capfd):
    fit(xor_model(), X, Y, epochs=3)
    fit(xor_model(), X, Y, epochs=3, progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_bar_on_request(capfd):
    pytest.importorskip("tqdm")
    fit(xor_model(), X, Y, epochs=3, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err
    assert "loss 0." in err


def test_a_bar_without_tqdm_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(AutogradError, match=r"pip install 'autograd-lite\[progress\]'"):
        fit(xor_model(), X, Y, epochs=3, progress=True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert len(fit(xor_model(), X, Y, epochs=3)) == 3


# what does not fit


@pytest.mark.parametrize(
    ("samples", "targets", "words"),
    [
        ([], [], "X is empty"),
        (3, [1], "X is a list of samples or an array, got 3"),
        ("ab", [1, 2], "X is a list of samples"),
        ([[1, 2], [3]], [0, 1], "X is ragged: sample 1 has 1 numbers, sample 0 has 2"),
        ([[1, 2], 3], [0, 1], "X is ragged"),
        ([[], []], [0, 1], "empty lists"),
        ([[1, "a"]], [0], "X[0][1] is 'a', a str"),
        ([[1, None]], [0], "X[0][1] is None"),
        ([[1, 2j]], [0], "X[0][1] is 2j, a complex"),
        ([[1, math.nan]], [0], "X[0][1] is nan; expected a finite number"),
        ([[1, math.inf]], [0], "X[0][1] is inf"),
        ([[1, 10**400]], [0], "does not fit a float"),
        ([[[1, 2]]], [0], "X[0][0] is [1, 2], a list"),
        ([[1, 2]], [0, 1], "X has 1 samples and y has 2 targets"),
        ([[1, 2]], 0, "y is a list"),
        ([[1, 2]], [math.nan], "y[0] is nan"),
        ([[1, 2]], ["a"], "y[0] is 'a', a str"),
        ([[1, 2], [3, 4]], [[1], [1, 2]], "y is ragged: target 1 is [1, 2]"),
        ([[1, 2]], [[1, 2]], "target 0 has 2 numbers, expected 1"),
        ([[1, 2, 3]], [0], 'MLP "model" takes 2 numbers for a sample, got 3'),
    ],
)
def test_data_that_does_not_fit_is_named_and_nothing_changes(samples, targets, words):
    model = xor_model()
    before = model.state_dict()
    with pytest.raises(ArgumentError) as caught:
        fit(model, samples, targets)
    assert words in str(caught.value)
    assert model.state_dict() == before


OTHER = MLP(2, [4, 1], seed=1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": "mes"}, "unknown loss 'mes': did you mean 'mse'?"),
        ({"loss": 3}, "loss is a name or a function"),
        ({"loss": "cross_entropy"}, "needs a model with an output for each class"),
        ({"loss": "hinge"}, "target 0 is 0.0; expected a label -1 or 1"),
        ({"loss": lambda outputs, targets: 1.0}, "the loss function must return a Value, got 1.0"),
        ({"optimizer": "adm"}, "unknown optimizer 'adm': did you mean 'adam'?"),
        ({"optimizer": 3}, "optimizer is a name or an optimizer"),
        ({"optimizer": Adam(OTHER.parameters())}, "made for parameters that this model does not have"),
        ({"lr": -1.0}, "lr is a finite number of at least 0"),
        ({"epochs": -1}, "epochs is a whole number"),
        ({"epochs": 1.5}, "epochs is a whole number"),
        ({"batch_size": 0}, "batch_size is a whole number from 1 to 4"),
        ({"batch_size": 5}, "batch_size is a whole number from 1 to 4"),
        ({"progress": "yes"}, "progress is True, False or"),
        ({"seed": "x"}, "seed is an int"),
    ],
)
def test_settings_that_do_not_fit_are_named_and_nothing_changes(settings, words):
    model = xor_model()
    before = model.state_dict()
    with pytest.raises(ArgumentError) as caught:
        fit(model, X, Y, **settings)
    assert words in str(caught.value)
    assert model.state_dict() == before


def test_lr_beside_an_optimizer_is_refused():
    model = xor_model()
    with pytest.raises(ArgumentError, match=r"lr=0\.1 was given beside an optimizer that has lr=0\.001"):
        fit(model, X, Y, optimizer=Adam(model.parameters()), lr=0.1)


def test_models_that_cannot_be_trained_are_refused():
    with pytest.raises(ArgumentError, match="fit trains a model with parameters"):
        fit(lambda x: x, X, Y)
    with pytest.raises(ArgumentError, match="no parameter to train: all 17 are frozen"):
        fit(xor_model().freeze(), X, Y)

    class Constant(nn.Module):
        def __init__(self):
            self.unused = Value(1.0)

        def forward(self, x):
            return 1.0

    with pytest.raises(ArgumentError, match="must return a Value or a list of Values for one sample"):
        fit(Constant(), X, Y)
