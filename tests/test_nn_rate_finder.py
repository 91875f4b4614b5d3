"""lr_find: the test of rates itself, what it suggests, and that everything is put back."""

from __future__ import annotations

import json
import math
import random

import pytest

from autograd_lite import nn
from autograd_lite.errors import ArgumentError

X, Y = nn.data.xor()


def tanh_net(seed=0):
    return nn.MLP(2, [4, 1], activation="tanh", seed=seed)


class Restless(nn.Module):
    """A model with everything that training changes: parameters, buffers, a generator."""

    def __init__(self, seed=0):
        self.net = nn.Sequential(nn.Linear(2, 3, seed=seed), nn.BatchNorm(3), nn.Dropout(0.3, seed=seed),
                                 nn.Linear(3, 1, seed=seed))  # fmt: skip

    def forward(self, x):
        return self.net(x)

    def forward_batch(self, rows):
        return self.net.batch(rows)


def everything(model, optimizer):
    return (
        model.state_dict(),
        [generator.getstate() for _, generator in model.generators()],
        [module.training for _, module in model.named_modules()],
        [(parameter.grad, parameter.has_grad) for parameter in model.parameters()],
        optimizer.state_dict(),
    )


def trained_a_little(model):
    optimizer = nn.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        nn.mse(model.batch(X.tolist()), Y).backward()
        optimizer.step()
    next(module for _, module in model.named_modules() if isinstance(module, nn.Dropout)).eval()
    return optimizer


# what it measures


def test_the_rates_grow_by_equal_factors():
    found = nn.lr_find(tanh_net(), X, Y, lowest=1e-4, highest=1e-2, steps=21)
    assert found.lr[0] == 1e-4
    assert found.lr[-1] == pytest.approx(1e-2)
    ratios = [after / before for before, after in zip(found.lr, found.lr[1:], strict=False)]
    assert ratios == pytest.approx([10 ** (2 / 20)] * 20)
    assert found.stopped == "all 21 rates tried"
    assert len(found) == len(found.loss) == len(found.smoothed) == 21


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_the_losses_are_those_of_steps_by_hand(name):
    model = tanh_net()
    found = nn.lr_find(model, X, Y, optimizer=name, steps=30)
    optimizer = nn.OPTIMIZERS[name](model.parameters(), lr=1.0)
    for rate, loss in zip(found.lr, found.loss, strict=True):
        optimizer.zero_grad()
        value = nn.mse([model(x) for x in X], Y)
        value.backward()
        assert loss == pytest.approx(value.data, rel=1e-9)
        optimizer.lr = rate
        optimizer.step()


def test_a_penalty_is_part_of_the_loss():
    plain = nn.lr_find(tanh_net(), X, Y, steps=5, lowest=1e-6, highest=1e-5)
    heavy = nn.lr_find(tanh_net(), X, Y, steps=5, lowest=1e-6, highest=1e-5, penalty=nn.L2(1.0))
    extra = nn.L2(1.0)(tanh_net().parameters()).data
    assert heavy.loss[0] == pytest.approx(plain.loss[0] + extra)


def test_batches_are_full_and_shuffled_by_the_seed():
    sizes = []

    def loss(outputs, targets):
        sizes.append(len(outputs))
        return nn.mse(outputs, targets)

    X, y = nn.data.moons(25, noise=0.1, seed=0)
    runs = [nn.lr_find(tanh_net(), X, y, loss=loss, batch_size=10, steps=12, seed=seed).loss
            for seed in (0, 0, 1)]  # fmt: skip
    assert set(sizes) == {10}
    assert runs[0] == runs[1] != runs[2]


def test_the_smoothed_loss_lags_neither_way():
    """It is the same read from behind, and lies within the losses."""
    found = nn.lr_find(tanh_net(), X, Y, lowest=1e-4, highest=1e-1, steps=40)
    assert min(found.loss) < min(found.smoothed)
    from autograd_lite.nn.rate_finder import _result

    back = _result(found.lr, found.loss[::-1], "")
    assert back.smoothed == pytest.approx(found.smoothed[::-1])
    flat = _result([1.0, 2.0, 3.0], [0.5, 0.5, 0.5], "")
    assert flat.smoothed == pytest.approx([0.5] * 3)


# what it suggests


@pytest.mark.parametrize(("optimizer", "low", "high"), [("adam", 0.01, 0.1), ("sgd", 0.03, 0.3)])
def test_the_suggestion_trains(optimizer, low, high):
    """It lies where the library's recipes for XOR have their rates (0.05 and 0.1), and solves the problem."""
    for seed in range(3):
        model = tanh_net(seed)
        found = nn.lr_find(model, X, Y, optimizer=optimizer)
        assert low < found.suggestion < high
        assert found.suggestion == found.lr[found.smoothed.index(min(found.smoothed))] / 10
        history = nn.fit(model, X, Y, optimizer=optimizer, lr=found.suggestion, epochs=500)
        assert history.loss[-1] < 0.01


def test_it_stops_when_the_loss_explodes():
    found = nn.lr_find(nn.MLP(1, [1], seed=0), [1, 2, 3], [2, 4, 6], optimizer="sgd", highest=1e6)
    assert found.stopped.startswith("the loss exploded at lr ")
    assert len(found) < 100
    assert found.loss[-1] > found.loss[0]


def test_a_loss_that_is_no_number_ends_it():
    line = nn.MLP(1, [1], seed=0)
    found = nn.lr_find(line, [1, 2], [1e200, 1], optimizer="sgd", lowest=1e-3, highest=1e200)
    assert found.stopped.startswith("the loss or a gradient became NaN or infinite at lr 0.001")
    assert found.suggestion is None
    assert (len(found), found.loss) == (0, [])
    assert "no rates, no suggestion" in repr(found)
    assert line.state_dict() == nn.MLP(1, [1], seed=0).state_dict()


def test_a_loss_that_never_falls_gives_no_suggestion():
    perfect = nn.MLP(1, [1], init="zeros")
    found = nn.lr_find(perfect, [1, 2], [0, 0], optimizer="sgd")
    assert found.suggestion is None
    assert set(found.loss) == {0.0}


# everything is put back


@pytest.mark.parametrize("given", ["adam", "own"])
def test_everything_is_as_before(given):
    model = Restless()
    optimizer = trained_a_little(model)
    before = everything(model, optimizer)
    found = nn.lr_find(model, X, Y, optimizer="adam" if given == "adam" else optimizer, seed=0)
    assert len(found) > 10
    assert everything(model, optimizer) == before


def test_everything_is_as_before_after_an_error():
    model = Restless()
    optimizer = trained_a_little(model)
    before = everything(model, optimizer)
    calls = []

    def loss(outputs, targets):
        calls.append(None)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return nn.mse(outputs, targets)

    with pytest.raises(KeyboardInterrupt):
        nn.lr_find(model, X, Y, loss=loss, optimizer=optimizer)
    assert everything(model, optimizer) == before


def test_training_afterwards_is_as_if_it_had_not_been():
    def losses(look_first):
        model = Restless()
        if look_first:
            nn.lr_find(model, X, Y, seed=1)
        return nn.fit(model, X, Y, epochs=5, seed=0).loss

    assert losses(True) == losses(False)


def test_the_model_trains_meanwhile():
    seen = []

    def loss(outputs, targets):
        seen.append(model.training)
        return nn.mse(outputs, targets)

    model = tanh_net().eval()
    nn.lr_find(model, X, Y, loss=loss, steps=3)
    assert seen == [True] * 3
    assert not model.training


def test_groups_keep_their_ratio():
    model = nn.MLP(1, [1], seed=0)
    weight, bias = model.parameters()
    groups = [{"parameters": [weight], "lr": 0.1}, {"parameters": [bias], "lr": 0.0}]
    moved = []

    def loss(outputs, targets):
        moved.append((weight.data, bias.data))
        return nn.mse(outputs, targets)

    nn.lr_find(model, [1, 2], [5, 6], loss=loss, optimizer=nn.SGD(groups, lr=0.1), steps=4, highest=1e-2)
    assert len({weight for weight, _ in moved}) == 4
    assert len({bias for _, bias in moved}) == 1


# plain data, messages


def test_the_result_is_plain_data():
    found = nn.lr_find(tanh_net(), X, Y)
    assert nn.RateTest(**json.loads(json.dumps(found.as_dict()))) == found
    lines = found.table(10).splitlines()
    assert lines[0].split() == ["lr", "loss", "smoothed"]
    assert 10 <= len(lines) <= 12
    assert float(lines[1].split()[1]) == pytest.approx(found.loss[0], rel=1e-3)
    assert "suggestion 0.0" in repr(found)


@pytest.mark.parametrize(("settings", "message"), [
    ({"lowest": 0.0}, "lowest=0.0 to highest=10.0: both are above 0"),
    ({"lowest": 1.0, "highest": 0.1}, "both are above 0, and the second is the larger"),
    ({"highest": math.inf}, "highest is a finite number, got inf"),
    ({"steps": 1}, "steps is a whole number of at least 2, got 1"),
    ({"batch_size": 5}, "batch_size is a whole number from 1 to 4"),
    ({"loss": "msee"}, "unknown loss 'msee': did you mean 'mse'"),
    ({"loss": "hinge"}, "target 0 is 0.0; expected a label -1 or 1"),
    ({"optimizer": "adamm"}, "unknown optimizer 'adamm'"),
    ({"penalty": 0.1}, "penalty is a function of the parameters, got 0.1"),
    ({"seed": 0.5}, "seed is an int"),
])  # fmt: skip
def test_what_does_not_fit_is_said_before_anything_changes(settings, message):
    model = tanh_net()
    with pytest.raises(ArgumentError, match=message):
        nn.lr_find(model, X, Y, **settings)
    assert model.state_dict() == tanh_net().state_dict()


def test_an_optimizer_at_rest_is_refused():
    model = tanh_net()
    with pytest.raises(ArgumentError, match="the first is 0: give it another lr"):
        nn.lr_find(model, X, Y, optimizer=nn.SGD(model.parameters(), lr=0.0))


def test_a_generator_may_be_given():
    X, y = nn.data.moons(20, seed=0)
    by_int = nn.lr_find(tanh_net(), X, y, batch_size=5, steps=8, seed=4)
    by_generator = nn.lr_find(tanh_net(), X, y, batch_size=5, steps=8, seed=random.Random(4))
    assert by_int == by_generator
