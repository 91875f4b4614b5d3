"""`diagnose` finds what ails a network and leaves it as it was; `Recorder` records and does not disturb."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, nn
from autograd_lite.errors import ArgumentError

RNG = random.Random(0)
X = [[RNG.gauss(0.0, 1.0), RNG.gauss(0.0, 1.0)] for _ in range(24)]
Y = [float(a * b > 0) for a, b in X]


def deep(activation: str, **settings: Any) -> nn.MLP:
    return nn.MLP(2, [8] * 8 + [1], activation=activation, seed=0, **settings)


def normal(sigma: float) -> Any:
    return lambda rng, fan_in, fan_out: rng.gauss(0.0, sigma)


def with_dead_units(dead: int) -> nn.MLP:
    model = nn.MLP(2, [8, 8, 1], activation="relu", init="he_normal", seed=0)
    for neuron in model.layers[1].neurons[:dead]:
        neuron.b.data = -1000.0
    return model


class Again(nn.Module):
    """One unit whose answer comes back as its input: an RNN without inputs, written by hand."""

    def __init__(self, weight: float, times: int) -> None:
        self.w = Value(weight)
        self.times = times

    def forward(self, x: Any) -> Value:
        state = x[0]
        for _ in range(self.times):
            state = self.w * state
        return state


CASES: list[tuple[Callable[[], nn.Module], dict[str, Any], list[str]]] = [
    (lambda: deep("sigmoid"), {"loss": "bce_with_logits"}, ["vanishing", "fading"]),
    (lambda: deep("tanh", init="xavier_uniform"), {"loss": "bce_with_logits"}, []),
    (lambda: deep("leaky_relu", init="he_normal"), {"loss": "bce_with_logits"}, []),
    (lambda: deep("linear", init=normal(3.0)), {}, ["exploding", "growing"]),
    (lambda: deep("tanh", init=normal(30.0)), {}, ["vanishing", "saturated"]),
    (lambda: deep("tanh", init="zeros"), {"loss": "bce_with_logits"}, ["no gradient", "identical"]),
    (lambda: with_dead_units(3), {}, ["dead"]),
    (lambda: with_dead_units(8), {}, ["no gradient", "dead"]),
    (lambda: with_dead_units(0), {}, []),
    (lambda: Again(3.0, 12), {}, ["exploding"]),
    (lambda: Again(1e200, 12), {}, ["not finite"]),
    (lambda: with_dead_units(0), {"lr": 100.0}, ["steps too large"]),
    (lambda: with_dead_units(0), {"lr": 1e-9}, ["steps too small"]),
    (lambda: with_dead_units(0), {"lr": 1e-3}, []),
]  # fmt: skip


@pytest.mark.parametrize(("build", "settings", "kinds"), CASES)
def test_finds(build: Callable[[], nn.Module], settings: dict[str, Any], kinds: list[str]) -> None:
    report = nn.diagnose(build(), X, Y, **settings)
    assert report.kinds == kinds
    assert report.healthy == (not kinds)
    assert all(finding.sentence.endswith((".", ")")) for finding in report.findings)


def test_the_numbers_are_those_of_backward() -> None:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    report = nn.diagnose(model, X, Y, lr=0.1)
    loss = nn.mse([model(x) for x in X], Y)
    loss.backward()
    assert report.loss == pytest.approx(loss.data, rel=1e-12)
    for layer, module in zip(report.layers, model.layers, strict=True):
        gradients = [parameter.grad for parameter in module.parameters()]
        weights = math.hypot(*(parameter.data for parameter in module.parameters()))
        assert layer.gradient == pytest.approx(math.hypot(*gradients), rel=1e-12)
        assert layer.weights == pytest.approx(weights, rel=1e-12)
        assert layer.step_ratio == pytest.approx(0.1 * math.hypot(*gradients) / weights, rel=1e-12)
        assert layer.gradient_rms == pytest.approx(math.hypot(*gradients) / len(gradients) ** 0.5, rel=1e-12)
    hidden = [[out.data for out in model.layers[0](x)] for x in X]
    assert report.layers[0].saturated == sum(abs(y) > 0.97 for row in hidden for y in row) / (4 * len(X))
    assert report.gradient == pytest.approx(math.hypot(*(p.grad for p in model.parameters())), rel=1e-12)


def test_dead_units_are_counted() -> None:
    layer = nn.diagnose(with_dead_units(3), X, Y).layers[1]
    assert (layer.dead, layer.units, layer.kind) == (3, 8, "8 relu")


def test_where_most_units_are_dead_that_is_named_as_the_reason() -> None:
    model = with_dead_units(7)
    last = model.layers[1].neurons[7]
    for weight in last.w:
        weight.data = 1e-6
    report = nn.diagnose(model, X, Y)
    assert report.kinds == ["vanishing", "dead"]
    assert "units on the way are dead, see below" in report.findings[0].sentence


def own_loss(outputs: list[Any], targets: list[Any]) -> Value:
    return nn.bce_with_logits(outputs, targets)


@pytest.mark.parametrize("loss", ["bce_with_logits", nn.bce_with_logits, own_loss])
def test_batches_sequences_and_own_losses(loss: Any) -> None:
    block = nn.Sequential(nn.Linear(8, 8), "tanh")
    model = nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm(8), "relu", nn.Residual(block), nn.Dropout(0.5, seed=3),
        nn.Linear(8, 1),
        seed=0,
    )  # fmt: skip
    report = nn.diagnose(model, X, Y, loss=loss)
    assert [layer.name for layer in report.layers] == [
        *("layer 0", "layer 1", "layer 2", "layer 3/block/layer 0", "layer 3/block/layer 1"),
        *("layer 4", "layer 5"),
    ]
    assert [layer.units for layer in report.layers] == [8, 8, 8, 8, 8, 8, 1]
    assert report.layers[1].spread == pytest.approx(1.0, rel=1e-4)  # normalised over the batch
    assert report.layers[2].dead == 0
    assert report.layers[4].saturated is not None
    assert report.healthy


def test_a_language_model() -> None:
    tokenizer = nn.Tokenizer(["ada", "eve", "bob"])
    texts, targets = tokenizer.next_token_samples(["ada", "eve", "bob"])
    model = nn.GPT(len(tokenizer), width=4, heads=2, context=6, seed=0)
    report = nn.diagnose(model, texts, targets, loss=nn.next_token_loss, lr=0.01)
    assert report.healthy
    assert sum(layer.parameters for layer in report.layers) == len(model.parameters())
    by_name = {layer.name: layer for layer in report.layers}
    assert by_name["block 0/attention/head 1/query"].kind == "Linear(4, 2, bias=False)"
    assert by_name["lm_head"].units == len(tokenizer)


def test_everything_is_as_it_was() -> None:
    parts = nn.Linear(2, 8), nn.BatchNorm(8), "relu", nn.Dropout(0.5, seed=3), nn.Linear(8, 1)
    model = nn.Sequential(*parts, seed=0)
    optimizer = nn.Adam(model.parameters(), lr=0.01)
    model.layers[0].freeze()
    model.layers[1].eval()
    model.parameters()[-1].grad = 5.0
    before = (model.state_dict(), optimizer.state_dict(), model.generators()[0][1].getstate(),
              [module.training for _, module in model.named_modules()], [p.grad for p in model.parameters()],
              [p.has_grad for p in model.parameters()])  # fmt: skip
    report = nn.diagnose(model, X, Y, loss="bce_with_logits", optimizer=optimizer)
    after = (model.state_dict(), optimizer.state_dict(), model.generators()[0][1].getstate(),
             [module.training for _, module in model.named_modules()], [p.grad for p in model.parameters()],
             [p.has_grad for p in model.parameters()])  # fmt: skip
    assert after == before
    assert report.layers[0].gradient is None
    assert report.layers[0].step == 0.0
    assert report.layers[-1].step > 0.0


def test_the_step_of_an_optimizer() -> None:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    report = nn.diagnose(model, X, Y, optimizer=nn.Adam(model.parameters(), lr=0.01))
    count = len(model.layers[0].parameters())
    assert report.layers[0].step == pytest.approx(0.01 * count**0.5, rel=1e-4)  # Adam's first step


def test_as_text_and_table() -> None:
    report = nn.diagnose(deep("sigmoid"), X, Y, loss="bce_with_logits", lr=0.1)
    text = repr(report)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 110
    assert "• vanishing: " in text
    table = lines[2:12]
    assert len({line.index("sigmoid") for line in table[1:-1]}) == 1
    html = report._repr_html_()
    assert html.count("<tr") == 10
    assert "<script" not in html
    assert "Nothing to complain about." in repr(nn.diagnose(with_dead_units(0), X, Y))
    assert json.loads(json.dumps(report.as_dict()))["findings"][0]["kind"] == "vanishing"


@pytest.mark.parametrize(
    ("arguments", "named", "words"),
    [
        ((None, X, Y), {}, "the model is a module"),
        ((nn.MLP(2, [1]), X, Y), {"lr": -1.0}, "lr is a finite number of at least 0"),
        ((nn.MLP(2, [1]), X, Y), {"lr": 0.1, "optimizer": nn.SGD([Value(1.0)])}, "give one of them"),
        ((nn.MLP(2, [1]), X, Y), {"optimizer": "adam"}, "optimizer is one made for this model"),
        ((nn.Dropout(0.5), X, Y), {}, "has no parameters"),
        ((nn.MLP(2, [1]), X, Y[:3]), {}, "24 samples and y has 3 targets"),
        ((nn.MLP(2, [1]), X, Y), {"loss": "msee"}, "did you mean 'mse'"),
    ],
)
def test_messages(arguments: tuple[Any, ...], named: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        nn.diagnose(*arguments, **named)


# recorder


def trained(recorder_on: bool, **settings: Any) -> tuple[nn.Module, nn.History, nn.Recorder]:
    parts = nn.Linear(2, 4), nn.BatchNorm(4), "tanh", nn.Dropout(0.2, seed=5), nn.Linear(4, 1)
    model = nn.Sequential(*parts, seed=0)
    recorder = nn.Recorder(model, X[:8], every=2)
    callbacks = [recorder] if recorder_on else []
    history = nn.fit(model, X, Y, loss="bce_with_logits", lr=0.01, epochs=5, batch_size=8, seed=1,
                     callbacks=callbacks, progress=False, **settings)  # fmt: skip
    return model, history, recorder


def test_recording_changes_nothing() -> None:
    one, history, recorder = trained(recorder_on=True)
    other, plain, _ = trained(recorder_on=False)
    assert one.state_dict() == other.state_dict()
    assert history.loss == plain.loss
    assert recorder.epochs == [1, 2, 4, 5]
    assert repr(recorder) == "Recorder(5 layers, 4 records)"
    data = json.loads(json.dumps(recorder.as_dict()))
    assert data["epochs"] == recorder.epochs
    for record in data["layers"].values():
        columns = [column for column in record.values() if isinstance(column, list)]
        assert [len(column) for column in columns] == [4] * len(columns)


def test_what_is_recorded() -> None:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    start = [parameter.data for parameter in model.layers[0].parameters()]
    recorder = nn.Recorder(model, X[:8], bins=10)
    nn.fit(model, X, Y, optimizer="sgd", lr=0.1, epochs=1, batch_size=8, seed=0, callbacks=recorder,
           progress=False)  # fmt: skip
    record, layer = recorder.layers["layer 0"], model.layers[0]
    now = [parameter.data for parameter in layer.parameters()]
    moved = math.hypot(*(b - a for a, b in zip(start, now, strict=True)))
    assert record.update_ratio == [pytest.approx(moved / (3 * math.hypot(*start)), rel=1e-12)]  # 3 steps
    assert record.weights == [pytest.approx(math.hypot(*now), rel=1e-12)]
    assert record.gradient == [pytest.approx(math.hypot(*(p.grad for p in layer.parameters())), rel=1e-12)]
    answers = [out.data for x in X[:8] for out in layer(x)]
    assert record.mean == [pytest.approx(sum(answers) / len(answers), rel=1e-12)]
    assert sum(record.activations[0]["counts"]) == len(answers) == 32
    assert record.activations[0]["low"] == min(answers)
    assert sum(record.gradients[0]["counts"]) + record.gradients[0]["others"] == len(now)


def test_a_new_start_has_no_update_ratio() -> None:
    model = nn.MLP(2, [2, 1], activation="tanh", seed=0)
    recorder = nn.Recorder(model, X[:4])
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    event: dict[str, Any] = {"epochs": 9, "loss": 1.0, "lr": 0.1, "model": model, "optimizer": optimizer,
                             "history": nn.History()}  # fmt: skip
    for epoch, attempt in ((1, 1), (2, 1), (3, 2), (4, 2)):
        nn.mse([model(x) for x in X], Y).backward()
        optimizer.step()
        recorder(nn.EpochEnd(epoch=epoch, attempt=attempt, **event))
    ratios = recorder.layers["layer 0"].update_ratio
    assert [ratio is None for ratio in ratios] == [False, False, True, False]


@pytest.mark.parametrize(
    ("named", "words"), [({"every": 0}, "every is a whole number"), ({"bins": 1.5}, "bins is a whole number")]
)
def test_recorder_messages(named: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        nn.Recorder(nn.MLP(2, [1]), X, **named)
