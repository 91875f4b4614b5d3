"""Compiled training where something changes on the way: parts, numbers of Python's own, Ctrl-C, modes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from autograd_lite import Value, detect_anomaly, nn, no_grad, ops
from autograd_lite.errors import AnomalyError, ArgumentError

np = pytest.importorskip("numpy", reason="compiled training works on arrays")

X, Y = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]


def small() -> nn.MLP:
    return nn.MLP(2, [4, 1], activation="tanh", seed=0)


def weights(model: Any) -> list[float]:
    return [parameter.data for parameter in model.parameters()]


def both(make: Any = small, X: Any = X, y: Any = Y, compiled: bool | str = True, **settings: Any) -> Any:
    """A training by graphs and the same compiled, compared."""
    settings = {"lr": 0.05, "epochs": 12, "seed": 0, "progress": False, **settings}
    models = make(), make()
    eager, other = [nn.fit(model, X, y, compiled=how, **settings)
                    for model, how in zip(models, (False, compiled), strict=True)]
    assert weights(models[1]) == pytest.approx(weights(models[0]), rel=1e-9, abs=1e-14)
    for name in ("loss", "val_loss", "penalty", "grad_norm", "lr"):
        assert getattr(other, name) == pytest.approx(getattr(eager, name), rel=1e-9, abs=1e-14)
    return models[1]


# what is frozen


def freezing(event: Any) -> None:
    if event.epoch == 4:
        event.model.layers[0].freeze()
    if event.epoch == 8:
        event.model.layers[0].unfreeze()


@pytest.mark.parametrize("compiled", [True, "python", "numpy"])
def test_what_is_frozen_on_the_way_counts_in_the_penalty_and_is_not_moved(compiled: bool | str) -> None:
    both(callbacks=freezing, penalty=nn.L2(0.1), batch_size=2, compiled=compiled)
    slopes = []
    for how in (False, compiled):
        model = small()
        nn.fit(model, X, Y, callbacks=freezing, epochs=6, compiled=how, progress=False)
        slopes.append([parameter.grad for parameter in model.parameters()])
    assert slopes[1] == pytest.approx(slopes[0], rel=1e-7, abs=1e-12)
    assert slopes[0][0] == 0.0


def test_a_penalty_that_branches_is_traced_with_the_numbers_of_the_step() -> None:
    def penalty(parameters: list[Any]) -> Any:
        first = parameters[0]
        return first * first * 0.3 if first > 0.3 else (first - 1.0) ** 2

    both(penalty=penalty, epochs=40, lr=0.03, batch_size=2)


def test_after_freezing_nan_still_goes_back_to_the_last_good_parameters() -> None:
    def poison(event: Any) -> None:
        if event.epoch == 4:
            event.model.layers[0].neurons[0].freeze()
            event.model.parameters()[-1].data = 1e308

    models = small(), small()
    for model, compiled in zip(models, (False, True), strict=True):
        with pytest.raises(nn.TrainingError, match="last good ones"):
            nn.fit(model, X, Y, callbacks=poison, epochs=9, lr=0.05, compiled=compiled, progress=False)
    assert weights(models[1]) == pytest.approx(weights(models[0]), rel=1e-9)


# numbers of Python's own


class Scaled(nn.Module):
    def __init__(self) -> None:
        self.inner, self.scale, self._shift, self.parts = nn.Linear(2, 1, seed=0), 1.0, 0.0, {"power": [1]}

    def forward(self, x: Any) -> Any:
        return (self.inner(x)[0] * self.scale + self._shift) ** self.parts["power"][0]


@pytest.mark.parametrize("compiled", [True, "python"])
def test_numbers_that_a_callback_changes_are_seen(compiled: bool | str) -> None:
    def anneal(event: Any) -> None:
        if event.epoch == 3:
            event.model.scale = 0.5
        if event.epoch == 5:
            event.model._shift = 0.25
        if event.epoch == 7:
            event.model.parts["power"][0] = 2

    both(Scaled, callbacks=[lambda event: None, anneal], compiled=compiled)


def test_parts_that_a_callback_changes_are_seen() -> None:
    def make() -> Any:
        parts = nn.Linear(2, 6, seed=0), nn.Dropout(0.0, seed=1), "tanh", nn.Linear(6, 1, seed=2)
        return nn.Sequential(*parts)

    def change(event: Any) -> None:
        if event.epoch == 3:
            event.model.layers[1].p = 0.4
        if event.epoch == 6:
            event.model.layers[2] = nn.Activation("softplus")
        if event.epoch == 9:
            event.model.layers[1].p = 0.0

    both(make, callbacks=change, batch_size=3)


def test_truths_are_numbers() -> None:
    for loss in ("bce_with_logits", "mse"):
        both(y=[True, False, False, True], loss=loss, batch_size=2)
    both(X=[[True, False], [False, False], [True, True]], y=[1, 2, 3], validation=([[True, True]], [True]))


def test_a_wrong_index_is_told_by_the_embedding() -> None:
    for bad in (7, -1, 0.5):
        model = nn.Sequential(nn.Embedding(3, 2, seed=0), nn.Linear(4, 1, seed=0))
        with pytest.raises(ArgumentError, match=f"Embedding.* whole number from 0 to 2, got {bad}$"):
            nn.fit(model, [[0, 1], [2, 1], [1, bad]], [0, 1, 2], compiled=True, progress=False, batch_size=1)


# modes


def test_within_no_grad_nothing_can_be_trained() -> None:
    model = small()
    before = weights(model)
    with no_grad(), pytest.raises(ArgumentError, match="no_grad"):
        nn.fit(model, X, Y, compiled=True, progress=False)
    assert weights(model) == before


def test_anomalies_that_do_not_show_in_the_loss_are_detected() -> None:
    class Hiding(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(2, 1, seed=0)

        def forward(self, x: Any) -> Any:
            answer = self.inner(x)[0]
            return ops.where(answer > -1e9, answer, ops.log(answer * 0.0 - 1.0))

    both(Hiding)
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"log\(-1\)"):
        nn.fit(Hiding(), X, Y, compiled=True, progress=False)


# machine code that cannot be had


def test_llvmlite_that_cannot_be_loaded_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "llvmlite").mkdir()
    (tmp_path / "llvmlite" / "__init__.py").write_text("")
    (tmp_path / "llvmlite" / "binding.py").write_text("raise OSError('no libLLVM here')")
    program = (
        "from autograd_lite import nn\n"
        "for compiled in (False, True):\n"
        "    model = nn.MLP(2, [4, 1], activation='tanh', seed=0)\n"
        "    history = nn.fit(model, [[1, 2], [2, 1]], [1, 0], epochs=3, compiled=compiled, progress=False)\n"
        "    print(f'{history.loss[-1]:.9f}')\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(Path(nn.__file__).parents[2])])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": paths})  # fmt: skip
    first, second = done.stdout.split() or [done.stderr, ""]
    assert first == second


# compile_training


def test_load_sees_what_was_frozen_or_changed_since() -> None:
    model = small()
    training = nn.compile_training(model, "mse", "sgd", lr=0.1).load(X, Y)
    training.run(2)
    training.write_back()
    before = weights(model)
    model.layers[0].freeze()
    training.load(X, Y).run(3)
    training.write_back()
    assert weights(model)[:12] == before[:12]
    assert weights(model)[12:] != before[12:]
    with pytest.raises(ArgumentError):
        training.step(y=Y)


# Ctrl-C


def interrupt_after(seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.skipif(os.name == "nt", reason="signals of this kind are those of POSIX")
def test_ctrl_c_is_heard_in_the_middle_of_a_long_epoch() -> None:
    pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
    rng = random.Random(0)
    rows = [[rng.uniform(-1, 1) for _ in range(2)] for _ in range(20_000)]
    model = small()
    optimizer = nn.Adam(model.parameters(), lr=1e-5)
    training = nn.compile_training(model, "mse", optimizer).load(rows, [row[0] for row in rows])
    training.run(2)
    timer, began = interrupt_after(0.3), time.perf_counter()
    with training, pytest.raises(KeyboardInterrupt):
        training.run(100_000)  # minutes
    timer.join()
    assert time.perf_counter() - began < 20
    steps = optimizer.state_dict()["groups"][0]["steps"]
    assert set(steps) == {steps[0]}
    assert steps[0] > 2
    again = small()
    with nn.compile_training(again, "mse", "adam", lr=1e-5) as other:
        other.load(rows, [row[0] for row in rows]).run(steps[0])
    assert weights(model) == weights(again)


def test_many_steps_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = small(), small()
    with nn.compile_training(whole, lr=0.05) as training:
        expected = training.load(X, Y).run(50)
    monkeypatch.setattr("autograd_lite.nn.compiled_training._POSITIONS", 30)
    monkeypatch.setattr("autograd_lite.nn.compiled_arrays._SECONDS", 1e-9)
    with nn.compile_training(parts, lr=0.05) as training:
        assert training.load(X, Y).run(50) == expected
    assert weights(parts) == weights(whole)


def test_to_see_which_way_a_row_goes_only_its_guards_are_run() -> None:
    from autograd_lite.compiling.differentiating import alone
    from autograd_lite.compiling.row_traces import RowTraces

    weight = Value(0.5)

    def function(row: list[Any], shared: list[Any]) -> list[Any]:
        far = weight * row[0]
        for _ in range(50):
            far = ops.sin(far)
        return [far if row[1] > 0 else -far]

    traces = RowTraces(function, [weight])
    branch = traces.find([1.0, 2.0], [])
    needed = alone(branch.tape)
    assert (len(branch.tape.codes), len(needed.codes), len(needed.guards)) == (52, 1, 1)
    assert branch.passes([3.0, 1.0], [], [0.5])
    assert not branch.passes([3.0, -1.0], [], [0.5])
