"""Compiled training beside its numbers: trouble, pauses, branches, refusals, `compile_training`."""

from __future__ import annotations

import math
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from autograd_lite import nn, ops
from autograd_lite.engine import Value
from autograd_lite.errors import ArgumentError, AutogradError, CompileError

pytest.importorskip("numpy", reason="compiled training works on arrays")

X, Y = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]


def small(seed: int = 0) -> nn.MLP:
    return nn.MLP(2, [4, 1], activation="tanh", seed=seed)


def weights(model: Any) -> list[float]:
    return [parameter.data for parameter in model.parameters()]


def both(make: Any = small, X: Any = X, y: Any = Y, **settings: Any) -> tuple[Any, Any]:
    """A training by graphs and the same compiled, compared; the two histories."""
    settings = {"lr": 0.05, "epochs": 20, "seed": 0, "progress": False, **settings}
    models = make(), make()
    histories = [nn.fit(model, X, y, compiled=compiled, **settings)
                 for model, compiled in zip(models, (False, True), strict=True)]
    assert weights(models[1]) == pytest.approx(weights(models[0]), rel=1e-9, abs=1e-14)
    for name in ("loss", "val_loss", "penalty", "grad_norm", "lr", "attempt", "epoch"):
        assert getattr(histories[1], name) == pytest.approx(getattr(histories[0], name), rel=1e-9, abs=1e-14)
    return histories[0], histories[1]


# all that fit does


def test_early_stopping_restarts_validation_metrics_and_schedules_by_step() -> None:
    eager, compiled = both(
        X=X * 5, y=Y * 5, batch_size=4, epochs=60, validation=0.25, metrics=["accuracy", "mae"], patience=5,
        restarts=nn.Restarts(2, patience=8), schedule="cosine", schedule_per="step", clip_norm=0.5,
    )  # fmt: skip
    assert compiled.stopped == eager.stopped
    assert compiled.metrics["accuracy"] == eager.metrics["accuracy"]
    assert [attempt["ended"] for attempt in compiled.attempts] == [each["ended"] for each in eager.attempts]


def moved(row: list[float], rng: random.Random) -> list[float]:
    return [number + rng.gauss(0.0, 0.1) for number in row]


def test_augment_and_plateau_schedules() -> None:
    both(X=X * 3, y=Y * 3, batch_size=5, augment=moved, schedule="reduce_on_plateau")


def test_callbacks_may_change_the_training_between_epochs() -> None:
    def meddle(event: Any) -> str | None:
        if event.epoch == 5:
            event.optimizer.lr = 0.01
            event.model.parameters()[0].data = 0.5
            event.model.layers[0].neurons[1].freeze()
        return "enough" if event.epoch == 12 else None

    eager, compiled = both(callbacks=meddle, batch_size=2)
    assert compiled.stopped == eager.stopped == "enough"


def test_a_loss_function_of_ones_own_sees_the_whole_batch() -> None:
    def spread(outputs: list[Value], targets: list[float]) -> Value:
        errors = [output - target for output, target in zip(outputs, targets, strict=True)]
        middle = ops.mean(errors)
        return ops.mean([(error - middle) ** 2 for error in errors]) + middle**2

    both(loss=spread, X=X * 2, y=Y * 2, batch_size=3, validation=0.25)


def test_a_loss_weighted_by_class() -> None:
    both(make=lambda: nn.MLP(2, [4, 2], activation="tanh", seed=1), batch_size=3,
         loss=partial(nn.cross_entropy, weight=[1.0, 3.0]))


def test_texts_of_several_lengths() -> None:
    tokenizer = nn.Tokenizer(["ada", "eve", "anna", "bo", "li"])
    rows, targets = tokenizer.next_token_samples(["ada", "eve", "anna", "bo", "li"])
    both(make=lambda: nn.GPT(len(tokenizer), width=4, heads=2, seed=0), X=rows, y=targets, batch_size=2,
         epochs=4, loss=nn.next_token_loss, validation=0.2)


def test_an_embedding_moves_only_what_a_batch_reached() -> None:
    def make() -> Any:
        return nn.Sequential(nn.Embedding(6, 2, seed=0), nn.Linear(4, 1, seed=0))

    rows = [[0, 1], [1, 2], [0, 2], [5, 2]]
    for rule in ("adam", "sgd"):
        both(make=make, X=rows, y=[0.5, -1.0, 1.0, 0.0], batch_size=1, epochs=6,
             optimizer=rule, penalty=nn.L2(0.01) if rule == "sgd" else None)
    model = make()
    nn.fit(model, rows, [0.5, -1.0, 1.0, 0.0], epochs=3, compiled=True, progress=False, batch_size=1, seed=0)
    assert [weight.data for weight in model.layers[0].weight[3]] == [
        weight.data for weight in make().layers[0].weight[3]]


class Branching(nn.Module):
    """Goes one of two ways, by its input."""

    def __init__(self) -> None:
        self.inner, self.outer = nn.Linear(2, 1, seed=0), nn.Linear(2, 1, seed=1)

    def forward(self, x: Any) -> Any:
        if x[0] > 0:
            return ops.tanh(self.inner(x)[0])
        return self.outer(x)[0] * 2.0


def test_a_model_that_branches_has_a_trace_for_each_way() -> None:
    rng = random.Random(0)
    rows = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(11)]
    for size in (None, 1, 4):
        both(make=Branching, X=rows, y=[row[0] * row[1] for row in rows], batch_size=size)


def test_dropout_before_a_branch() -> None:
    class Dropping(Branching):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5, seed=3)

        def forward(self, x: Any) -> Any:
            return super().forward(self.drop(x))

    both(make=Dropping, X=[[0.5, 1.0], [-0.5, 0.3], [0.2, -0.1], [1.0, 1.0], [-1.0, 0.5]], y=[1, 2, 3, 4, 5],
         batch_size=2)


# trouble and pauses


@pytest.mark.parametrize("batch_size", [None, 2])
def test_nan_is_told_as_by_graphs(batch_size: int | None) -> None:
    def make() -> Any:
        return nn.Sequential(nn.Linear(2, 3, seed=0), "exp", nn.Linear(3, 1, seed=0))

    settings: dict[str, Any] = {"optimizer": "sgd", "lr": 3.0, "epochs": 50, "seed": 0, "progress": False}
    models, told = (make(), make()), []
    for model, compiled in zip(models, (False, True), strict=True):
        with pytest.raises(nn.TrainingError) as caught:
            nn.fit(model, X, Y, batch_size=batch_size, compiled=compiled, **settings)
        told.append(caught.value)
    assert str(told[0]).split("(lr")[0] == str(told[1]).split("(lr")[0]
    assert "It began here" in str(told[1]) or "It was" in str(told[1])
    assert weights(models[1]) == pytest.approx(weights(models[0]), rel=1e-9)
    assert told[0].history.loss == pytest.approx(told[1].history.loss, rel=1e-9)


def test_ctrl_c_leaves_the_last_finished_step() -> None:
    def stop(event: Any) -> None:
        if event.epoch == 7:
            raise KeyboardInterrupt

    eager, compiled = both(callbacks=stop, batch_size=2)
    assert compiled.interrupted
    assert compiled.stopped == eager.stopped


def test_a_run_goes_on_from_its_checkpoint_bit_for_bit(tmp_path: Path) -> None:
    def make() -> Any:
        return nn.Sequential(nn.Linear(2, 6), "tanh", nn.Dropout(0.2, seed=1), nn.Linear(6, 1), seed=0)

    settings: dict[str, Any] = {"batch_size": 3, "seed": 0, "progress": False, "compiled": True, "lr": 0.03}
    whole, parts = make(), make()
    expected = nn.fit(whole, X, Y, epochs=14, **settings)
    nn.fit(parts, X, Y, epochs=5, checkpoint=tmp_path / "run.json", **settings)
    other = make()
    history = nn.fit(other, X, Y, epochs=14, checkpoint=tmp_path / "run.json", **settings)
    assert history.loss == expected.loss
    assert weights(other) == weights(whole)
    with pytest.raises(ArgumentError, match="compiled"):
        nn.fit(make(), X, Y, epochs=20, checkpoint=tmp_path / "run.json", **{**settings, "compiled": False})


# what cannot be compiled


def refused(model: Any, match: str, kind: type[Exception] = AutogradError, **settings: Any) -> None:
    before = weights(model)
    with pytest.raises(kind, match=match):
        nn.fit(model, X, Y, progress=False, **{"compiled": True, "epochs": 3, **settings})
    assert weights(model) == before


def test_hand_made_ops_are_refused() -> None:
    class ByHand(nn.Module):
        def __init__(self) -> None:
            self.w = Value(0.5)

        def forward(self, x: Any) -> Value:
            made = Value(self.w.data * 2.0, (self.w,), "mine")
            made._backward = lambda: None
            return made * x[0]

    refused(ByHand(), "made by hand|hand-made")


def test_a_model_that_changes_at_each_call_is_refused() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            self.w, self.calls = Value(0.5), 0

        def forward(self, x: Any) -> Value:
            self.calls += 1
            return self.w * x[0] * float(self.calls)

    refused(Counting(), "run twice on the same sample", CompileError)


def test_reading_numbers_out_is_refused_when_it_never_holds() -> None:
    class Reading(nn.Module):
        def __init__(self) -> None:
            self.w = Value(0.5)

        def forward(self, x: Any) -> Value:
            return self.w * math.sin(float(x[0] * self.w))

    with pytest.raises(CompileError, match=r"its data in more than 16 ways.*float.*test_nn_compiled"):
        nn.fit(Reading(), X, Y, compiled=True, batch_size=1, epochs=40, progress=False)


@pytest.mark.parametrize("compiled", ["interpret", 3, "True"])
def test_unknown_executors(compiled: Any) -> None:
    refused(small(), "executor", ArgumentError, compiled=compiled)


# compile_training


def test_compile_training_takes_the_steps_of_fit() -> None:
    for executor in ("auto", "numpy"):
        model, other = small(), small()
        history = nn.fit(other, X, Y, lr=0.05, epochs=30, penalty=nn.L2(1e-3), clip_norm=0.4, progress=False)
        settings: dict[str, Any] = {"lr": 0.05, "penalty": nn.L2(1e-3), "clip_norm": 0.4}
        with nn.compile_training(model, **settings, executor=executor) as steps:
            losses = [steps.step(X, Y), steps.step(), *steps.run(10), steps.step(), *steps.run(17)]
        assert losses == pytest.approx(history.loss, rel=1e-9)
        assert weights(model) == pytest.approx(weights(other), rel=1e-9)
        slopes = [[parameter.grad for parameter in each.parameters()] for each in (model, other)]
        assert slopes[0] == pytest.approx(slopes[1], rel=1e-7)


def test_compile_training_reads_what_was_changed_at_load() -> None:
    model = small()
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    training = nn.compile_training(model, "mse", optimizer)
    training.load(X, Y).run(5)
    training.write_back()
    model.parameters()[0].data, optimizer.lr = 2.0, 0.0
    training.load(X, Y).run(5)
    training.write_back()
    assert model.parameters()[0].data == 2.0


def test_compile_training_with_dropout_and_batch_norm() -> None:
    def make() -> Any:
        parts = nn.Linear(2, 5, bias=False), nn.BatchNorm(5), "tanh", nn.Dropout(0.3, seed=2), nn.Linear(5, 1)
        return nn.Sequential(*parts, seed=0)

    model, other = make(), make()
    history = nn.fit(other, X, Y, lr=0.05, epochs=12, progress=False)
    with nn.compile_training(model, lr=0.05) as training:
        losses = [*training.load(X, Y).run(11), training.step()]
    assert losses == pytest.approx(history.loss, rel=1e-9)
    assert model.state_dict() == pytest.approx(other.state_dict(), rel=1e-9)


def test_compile_training_tells_of_nan_and_of_no_samples() -> None:
    model = nn.Sequential(nn.Linear(2, 3, seed=0), "exp", nn.Linear(3, 1, seed=0))
    training = nn.compile_training(model, "mse", "sgd", lr=3.0)
    with pytest.raises(ArgumentError, match="load"):
        training.step()
    with pytest.raises(nn.TrainingError, match="smaller than 3"):
        training.load(X, Y).run(50)
    assert all(map(math.isfinite, weights(model)))


def test_bce_at_its_clamps_and_answers_that_are_no_probabilities() -> None:
    def make() -> Any:
        model = nn.Sequential(nn.Linear(2, 1, seed=0), "sigmoid")
        for weight in model.layers[0].weight[0]:
            weight.data = 20.0
        return model

    rows, labels = [[1.0, 1.0], [-1.0, -1.0], [0.01, 0.0], [1.0, -1.0]], [0.0, 1.0, 0.25, 1.0]
    for size in (None, 1):
        both(make=make, X=rows, y=labels, loss="bce", batch_size=size, optimizer="sgd", lr=1e-14)
    with pytest.raises(ArgumentError, match="bce: an output is"):
        nn.fit(nn.Linear(2, 1, seed=0), rows, labels, loss="bce", compiled=True, progress=False)


def test_a_softmax_over_many_classes_is_not_written_out_in_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
    from autograd_lite.compiling import lane_training, llvm_training

    def never(program: Any) -> Any:
        raise AssertionError("hundreds of classes would take LLVM seconds")

    monkeypatch.setattr(lane_training, "prepare_training", never)
    monkeypatch.setattr(llvm_training, "prepare_training", never)
    both(lambda: nn.Sequential(nn.Linear(2, 70, seed=0)), [[0.1 * k, 1.0] for k in range(8)],
         [9 * k for k in range(8)], loss="cross_entropy", epochs=3, batch_size=4)
