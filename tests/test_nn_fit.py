"""fit: learning, repeatability, both ways to sum gradients, interruption, NaN, and data that does not fit."""

import json
import random
import sys

import numpy as np
import pytest

from autograd_lite import nn
from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import AutogradError
from autograd_lite.nn import MLP, Adam, EpochEnd, History, fit

X, Y = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]


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


def test_numpys_whole_numbers_count():
    settings = {"epochs": np.int64(2), "batch_size": np.int64(2), "seed": np.int64(3)}
    history = fit(xor_model(), X, Y, **settings)
    assert history.loss == fit(xor_model(), X, Y, epochs=2, batch_size=2, seed=3).loss
    assert MLP(2, [1], seed=np.int64(1)).state_dict() == MLP(2, [1], seed=1).state_dict()


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
    assert "epochs/s" in err
    assert ", lr 0.001" in err
    assert "loss 0." in err
    fit(xor_model(), X, Y, epochs=3, progress=True, validation=(X, Y))
    assert "val_loss 0." in capfd.readouterr().err


def test_the_bar_counts_restarts_and_what_a_checkpoint_holds(capfd, tmp_path):
    pytest.importorskip("tqdm")
    fit(xor_model(), X, Y, lr=0.0, epochs=6, restarts=nn.Restarts(1, patience=4), seed=0, progress=True)
    assert "11/11" in capfd.readouterr().err  # stuck after five, and then six more
    settings = {"checkpoint": tmp_path / "run.json", "progress": True}
    fit(xor_model(), X, Y, epochs=4, **settings)
    capfd.readouterr()
    fit(xor_model(), X, Y, epochs=6, **settings)
    err = capfd.readouterr().err
    assert "6/6" in err
    assert "1/6" not in err


def test_a_bar_without_tqdm_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(AutogradError, match=r"pip install 'autograd-lite\[progress\]'"):
        fit(xor_model(), X, Y, epochs=3, progress=True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert len(fit(xor_model(), X, Y, epochs=3)) == 3
