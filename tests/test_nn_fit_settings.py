"""fit: schedules, clipping, penalties, augmentation, batches normalised together; PyTorch's numbers."""

import math
import random

import pytest

from autograd_lite import nn
from autograd_lite.engine import Value
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import MLP, fit
from autograd_lite.nn.streams import Streams

RNG = random.Random(0)
X = [[RNG.uniform(-1, 1), RNG.uniform(-1, 1)] for _ in range(10)]
Y = [float(a * b > 0) for a, b in X]


def small_model(seed=0):
    return MLP(2, [3, 1], activation="tanh", seed=seed)


# schedules


@pytest.mark.parametrize(
    ("schedule", "per", "rates"),
    [
        (None, "epoch", [1.0, 1.0, 1.0, 1.0]),
        (nn.StepDecay(2, factor=0.5), "epoch", [1.0, 1.0, 0.5, 0.5]),
        (lambda done: 0.5**done, "epoch", [1.0, 0.5, 0.25, 0.125]),
        (lambda done: 0.5**done, "step", [0.25, 2**-5, 2**-8, 2**-11]),  # the third step of each epoch
        ("cosine", "epoch", [1.0, 0.5 + 2**-1.5, 0.5, 0.5 - 2**-1.5]),
        (nn.Cosine(12), "step", [0.5 + 0.5 * math.cos(math.pi * t / 12) for t in (2, 5, 8, 11)]),
        (nn.ReduceOnPlateau(factor=0.5, patience=0), "epoch", None),
    ],
)
def test_the_rate_follows_the_schedule(schedule, per, rates):
    optimizer = nn.SGD((model := small_model()).parameters(), lr=0.01)
    history = fit(model, X, Y, optimizer=optimizer, epochs=4, batch_size=4, schedule=schedule,
                  schedule_per=per, validation=(X, Y), seed=0)
    if rates is None:  # by the loss of the samples held out
        rates, best = [1.0], math.inf
        for loss in history.val_loss[:-1]:
            rates.append(rates[-1] * (1.0 if loss < best * 0.9999 else 0.5))
            best = min(best, loss)
    assert history.lr == pytest.approx([0.01 * rate for rate in rates], rel=1e-12)
    assert optimizer.lr == 0.01


def test_a_schedule_that_remembers_starts_anew_with_each_fit():
    schedule = nn.ReduceOnPlateau(factor=0.5, patience=0, threshold=0.5)
    first, second = (fit(small_model(), X, Y, lr=1e-4, epochs=4, schedule=schedule) for _ in range(2))
    assert first.lr == second.lr == [1e-4, 1e-4, 5e-5, 2.5e-5]
    assert schedule(4) == 0.125


def test_the_rate_is_that_of_the_step():
    by_schedule, by_hand = small_model(), small_model()
    fit(by_schedule, X, Y, optimizer="sgd", lr=0.2, epochs=3, schedule=lambda done: 0.5**done)
    for done in range(3):
        fit(by_hand, X, Y, optimizer="sgd", lr=0.2 * 0.5**done, epochs=1)
    assert by_schedule.state_dict() == by_hand.state_dict()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedule": nn.Cosine(9)}, "ends after 9 steps, but 10 are to be taken"),
        ({"schedule": nn.Cosine(29), "schedule_per": "step"}, "ends after 29 steps, but 30 are to be taken"),
        ({"schedule": nn.WarmUp(3, then=nn.LinearRamp(6))}, "ends after 9 steps, but 10"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin': did you mean 'cosine'?"),
        ({"schedule": 0.9}, "a schedule is a name"),
        ({"schedule_per": "batch"}, 'schedule_per is "epoch" or "step", got \'batch\''),
        ({"clip_value": 0}, "clip_value is a finite number above 0, got 0"),
        ({"clip_norm": math.inf}, "clip_norm is a finite number above 0, got inf"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "were both given"),
        ({"penalty": 0.01}, "penalty is a function of a list of parameters, such as nn.L2(1e-4), got 0.01"),
        ({"augment": 0.1}, "augment is a function of a row and a random generator, got 0.1"),
        ({"augment": lambda row, rng: row[:1]}, "augment(row, rng) returns a list of 2 finite numbers"),
        ({"augment": lambda row, rng: None}, "got None"),
        ({"penalty": lambda parameters: 1.0}, "the penalty must return a Value, got 1.0"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_changes(settings, words):
    model = small_model()
    before = model.state_dict()
    with pytest.raises(ArgumentError) as caught:
        fit(model, X, Y, epochs=10, batch_size=4, **settings)
    assert words in str(caught.value)
    assert model.state_dict() == before
    assert model.training


# gradients


def steps_of(**settings):
    """How each parameter moves in one step of plain descent with rate 1."""
    model = small_model()
    before = [p.data for p in model.parameters()]
    history = fit(model, X, Y, optimizer="sgd", lr=1.0, epochs=1, **settings)
    return [old - p.data for old, p in zip(before, model.parameters(), strict=True)], history


def test_gradients_are_clipped_and_their_norm_is_told():
    plain, history = steps_of()
    norm = math.hypot(*plain)
    assert history.grad_norm == [pytest.approx(norm, rel=1e-12)]
    small, history = steps_of(clip_norm=norm / 2)
    assert small == pytest.approx([step / 2 for step in plain], rel=1e-5)
    assert history.grad_norm == [pytest.approx(norm, rel=1e-12)]  # before clipping
    limit = max(map(abs, plain)) / 3
    cut, _ = steps_of(clip_value=limit)
    assert cut == pytest.approx([max(-limit, min(limit, step)) for step in plain], rel=1e-12)


def test_a_penalty_is_added_once_a_step_and_told_apart():
    numbers = [p.data for p in small_model().parameters()]
    plain, bare = steps_of()
    moved, history = steps_of(penalty=nn.L2(0.5))
    assert moved == pytest.approx([step + p for step, p in zip(plain, numbers, strict=True)], rel=1e-12)
    assert history.loss == bare.loss
    assert history.penalty == [pytest.approx(0.5 * math.fsum(p * p for p in numbers), rel=1e-12)]
    assert bare.penalty == []


def test_a_penalty_of_ones_own():
    def bias_only(parameters):
        return parameters[-1] ** 2

    moved, _ = steps_of(penalty=bias_only)
    plain, _ = steps_of()
    assert moved[:-1] == plain[:-1]
    assert moved[-1] != plain[-1]


# samples


def test_augmented_samples_are_trained_on_and_nothing_else_is_changed():
    seen = []

    def shift(row, rng):
        seen.append(tuple(row))
        row[0] += rng.gauss(0.0, 0.1)
        return row

    model, twin, plain = small_model(), small_model(), small_model()
    settings = {"epochs": 3, "batch_size": 4, "validation": (X, Y), "seed": 1}
    history = fit(model, X, Y, augment=shift, **settings)
    assert sorted(seen) == sorted([*map(tuple, X)] * 3)
    assert fit(twin, X, Y, augment=shift, **settings).loss == history.loss
    assert fit(plain, X, Y, **settings).loss != history.loss


def test_each_purpose_has_a_stream_of_its_own():
    one, other = Streams(3), Streams(3)
    other.noise.random()
    other.starts.random()
    other.split.random()
    assert one.order.random() == other.order.random()
    firsts = {getattr(Streams(3), name).random() for name in ("split", "order", "noise", "starts")}
    assert len(firsts) == 4
    assert random.Random(3).random() == Streams(3).order.random()


# modes


class Watching(nn.Module):
    """Gives its input times a weight, and remembers in which mode it was asked."""

    def __init__(self):
        self.w, self.modes = Value(0.5), []

    def forward(self, x):
        self.modes.append(self.training)
        return self.w * x[0]


def test_the_model_trains_in_train_and_is_left_in_eval():
    model = Watching().eval()
    fit(model, [1, 2, 3], [1, 2, 3], epochs=2, validation=1 / 3, seed=0)
    assert model.modes == [False, True, True, False, True, True, False]
    assert not model.training
    assert not fit_and_fail().training


def fit_and_fail():
    """A model whose training broke down after some steps."""
    model = Watching()
    with pytest.raises(nn.TrainingError):
        fit(model, [1e10, 1], [1, 2], optimizer="sgd", lr=1e10, epochs=100)
    return model


# batches that are normalised together


class Sizes(nn.BatchNorm):
    """Writes down how many samples it is given together."""

    sizes = ()

    def forward_batch(self, rows):
        self.sizes = (*self.sizes, len(rows))
        return super().forward_batch(rows)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(10, None, [10]), (10, 4, [4, 4, 2]), (10, 3, [3, 3, 4]), (9, 4, [4, 5]), (3, 2, [3]), (2, 2, [2])],
)
def test_one_sample_that_is_left_over_joins_the_batch_before(count, batch_size, sizes):
    model = nn.Sequential(nn.Linear(2, 3, seed=0), norm := Sizes(3), nn.Linear(3, 1, seed=1))
    fit(model, X[:count], Y[:count], epochs=1, batch_size=batch_size, seed=0)
    assert [*norm.sizes] == sizes
    plain = small_model()  # any other model takes the last batch as it is
    assert len(fit(plain, X[:9], Y[:9], epochs=1, batch_size=4, seed=0)) == 1


@pytest.mark.parametrize(("count", "batch_size"), [(10, 1), (1, None)])
def test_batches_of_one_cannot_be_normalised(count, batch_size):
    model = nn.Sequential(nn.Linear(2, 3, seed=0), nn.BatchNorm(3), nn.Linear(3, 1, seed=1))
    with pytest.raises(ArgumentError, match="one sample alone has no variance"):
        fit(model, X[:count], Y[:count], batch_size=batch_size)


# PyTorch


@pytest.mark.oracle
@pytest.mark.parametrize("loss", ["mse", "bce_with_logits"])
def test_a_training_with_all_of_it_is_pytorchs(loss):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    model = nn.Sequential(nn.Linear(2, 4, seed=0), nn.BatchNorm(4), "tanh", nn.Linear(4, 1, seed=1))
    twin = torch.nn.Sequential(
        torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
    with torch.no_grad():
        for mine, theirs in zip(torch_order(model), twin.parameters(), strict=True):
            theirs.copy_(torch.tensor(mine, dtype=torch.float64).reshape(theirs.shape))
    optimizer = torch.optim.AdamW(twin.parameters(), lr=0.03, weight_decay=0.02)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=52)
    criterion = torch.nn.MSELoss() if loss == "mse" else torch.nn.BCEWithLogitsLoss()
    inputs, targets = torch.tensor(X, dtype=torch.float64), torch.tensor(Y, dtype=torch.float64)
    order, losses, val_losses = random.Random(7), [], []
    for _ in range(13):
        indices = list(range(8))
        order.shuffle(indices)
        total = 0.0
        for start in range(0, 8, 2):
            batch = indices[start : start + 2]
            optimizer.zero_grad()
            value = criterion(twin(inputs[batch])[:, 0], targets[batch])
            penalty = 1e-3 * sum((p * p).sum() for p in twin.parameters())
            (value + penalty).backward()
            torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
            optimizer.step()
            rates.step()
            total += value.item() * 2
        losses.append(total / 8)
        twin.eval()
        val_losses.append(criterion(twin(inputs[8:])[:, 0], targets[8:]).item())
        twin.train()
    ours = nn.AdamW(model.parameters(), lr=0.03, weight_decay=0.02)
    history = fit(model, X[:8], Y[:8], loss=loss, optimizer=ours, epochs=13, batch_size=2,
                  schedule=nn.Cosine(52), schedule_per="step", clip_norm=0.5, penalty=nn.L2(1e-3),
                  validation=(X[8:], Y[8:]), seed=7)
    assert history.loss == pytest.approx(losses, rel=1e-9)
    assert history.val_loss == pytest.approx(val_losses, rel=1e-9)
    expected = [p.detach().flatten().tolist() for p in twin.parameters()]
    for mine, theirs in zip(torch_order(model), expected, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9)


def torch_order(model):
    """The numbers of each parameter tensor, in PyTorch's order."""
    tensors: dict[str, list[float]] = {}
    for name, parameter in model.named_parameters():
        parts = name.split(".")
        tensors.setdefault(".".join(parts[:3]), []).append(parameter.data)
    return list(tensors.values())
