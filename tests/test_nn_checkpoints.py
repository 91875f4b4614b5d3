"""fit: checkpoints that go on bit for bit, after Ctrl-C and after kill -9, and those of another run."""

import contextlib
import functools
import json
import math
import os
import random
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from autograd_lite import nn
from autograd_lite.errors import ArgumentError
from autograd_lite.files import FileError
from autograd_lite.nn import MLP, fit
from autograd_lite.nn.checkpoint_files import read_record, write_record

KILLER = Path(__file__).parent.parent / "benchmarks" / "kill_and_resume.py"
RNG = random.Random(0)
X = [[RNG.uniform(-1, 1), RNG.uniform(-1, 1)] for _ in range(20)]
Y = [float(a * b > 0) for a, b in X]


def jitter(row, rng):
    return [number + rng.gauss(0.0, 0.05) for number in row]


def network(seed=1):
    return nn.Sequential(
        nn.Linear(2, 5, seed=seed), nn.BatchNorm(5), "tanh", nn.Dropout(0.2, seed=2), nn.Linear(5, 1, seed=3))


EVERYTHING = {
    "loss": "bce_with_logits", "lr": 0.05, "epochs": 40, "batch_size": 6, "clip_norm": 1.0, "seed": 5,
    "penalty": nn.L2(1e-4), "augment": jitter, "validation": 0.25, "metrics": ["accuracy"], "patience": 15,
    "restarts": nn.Restarts(2, patience=8),
}  # fmt: skip


def everything(**changes):
    schedule = nn.WarmUp(3, then=nn.ReduceOnPlateau(factor=0.5, patience=2))
    return {**EVERYTHING, "schedule": schedule, **changes}


def outcome(history, model):
    """All numbers of a training that do not depend on the clock."""
    told = history.as_dict()
    del told["seconds"]
    return told, model.state_dict()


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


@functools.cache
def uninterrupted():
    model = network()
    return outcome(fit(model, X, Y, **everything()), model)


def stopping_at(*epochs):
    def callback(event):
        if event.epoch in epochs:
            raise KeyboardInterrupt

    return callback


@pytest.mark.parametrize("name", ["run.npz", "run.json"])
@pytest.mark.parametrize("every", [1, 4])
def test_a_run_in_pieces_ends_with_the_same_numbers(tmp_path, name, every):
    expected, path = uninterrupted(), tmp_path / name
    settings = {"checkpoint": path, "checkpoint_every": every}
    for epoch in (1, 2, 10, 11, 30, 45, 60):
        model = network()
        history = fit(model, X, Y, **everything(**settings, callbacks=stopping_at(epoch)))
    assert "Ctrl-C" in history.stopped
    model = network(seed=9)  # whatever it starts from
    assert outcome(fit(model, X, Y, **everything(**settings)), model) == expected
    again = network()  # a finished run is at its end at once
    assert outcome(fit(again, X, Y, **everything(**settings, callbacks=stopping_at(1))), again) == expected
    assert files_in(tmp_path) == [name]


def test_a_checkpoint_changes_nothing_of_the_run(tmp_path):
    model = network()
    assert outcome(fit(model, X, Y, **everything(checkpoint=tmp_path / "run.npz")), model) == uninterrupted()


def test_kills_at_random_moments():
    run = subprocess.run([sys.executable, str(KILLER), "--kills", "3"], capture_output=True, text=True,
                         check=False, cwd=KILLER.parent.parent)  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith("3 kills in ")


# a ZipFile that was being written when Ctrl-C came complains when it is thrown away
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers (Unix)")
def test_ctrl_c_at_random_moments(tmp_path):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    before, rng, interrupts = signal.signal(signal.SIGALRM, interrupt), random.Random(0), 0
    model = network()  # the same all the time, in whatever state it is left
    try:
        for _ in range(100):
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.02, 0.2))
            with contextlib.suppress(KeyboardInterrupt):  # before training began, or after it ended
                history = fit(model, X, Y, **everything(checkpoint=tmp_path / "run.npz"))
                signal.setitimer(signal.ITIMER_REAL, 0)
                if "Ctrl-C" not in history.stopped:
                    break
            interrupts += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupts > 0
    assert outcome(history, model) == uninterrupted()
    assert files_in(tmp_path) == ["run.npz"]


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "reduce_on_plateau"])
def test_every_optimizer_and_schedule_goes_on(tmp_path, optimizer, schedule):
    settings = {"optimizer": optimizer, "schedule": schedule, "schedule_per": "step", "epochs": 6,
                "batch_size": 7, "seed": 0}  # fmt: skip
    whole, pieces = MLP(2, [3, 1], seed=0), MLP(2, [3, 1], seed=0)
    expected = outcome(fit(whole, X, Y, **settings), whole)
    settings["checkpoint"] = tmp_path / "run.json"
    fit(pieces, X, Y, **settings, callbacks=stopping_at(4))
    pieces = MLP(2, [3, 1], seed=4)
    assert outcome(fit(pieces, X, Y, **settings), pieces) == expected


@pytest.mark.parametrize("epoch", [3, 6, 8, 11])
def test_a_plateau_is_noticed_across_the_pieces(tmp_path, epoch):
    settings = {"lr": 1e-9, "epochs": 9, "restarts": nn.Restarts(2, patience=6), "seed": 0}
    whole, model = MLP(2, [2, 1], seed=0), MLP(2, [2, 1], seed=0)
    expected = outcome(fit(whole, X, Y, **settings), whole)
    assert [attempt["last_epoch"] for attempt in expected[0]["attempts"]] == [7, 14, 23]
    settings["checkpoint"] = tmp_path / "run.npz"
    fit(model, X, Y, **settings, callbacks=stopping_at(epoch))
    assert outcome(fit(model, X, Y, **settings), model) == expected


def test_more_epochs_go_on(tmp_path):
    path, whole, model = tmp_path / "run.npz", network(), network()
    settings = {"lr": 0.05, "batch_size": 6, "seed": 1}
    expected = outcome(fit(whole, X, Y, epochs=12, **settings), whole)
    fit(model, X, Y, epochs=5, checkpoint=path, **settings)
    model = network()
    assert outcome(fit(model, X, Y, epochs=12, checkpoint=path, **settings), model) == expected
    with pytest.raises(ArgumentError, match="holds 12 epochs of training, more than epochs=11"):
        fit(model, X, Y, epochs=11, checkpoint=path, **settings)


def test_what_ended_early_stays_ended(tmp_path):
    settings = {"lr": 0.1, "seed": 0, "validation": 0.5, "patience": 3, "checkpoint": tmp_path / "run.json"}
    short = fit(network(), X, Y, epochs=100, **settings)
    assert short.stopped_early
    assert fit(network(), X, Y, epochs=200, **settings) == short


def test_the_first_epoch_may_be_killed_too(tmp_path):
    path = tmp_path / "run.npz"
    model = MLP(2, [3, 1], seed=0)
    fit(model, X, Y, epochs=3, checkpoint=path, callbacks=stopping_at(1), checkpoint_every=2)
    other = MLP(2, [3, 1], seed=7)  # starts from the weights of the first run all the same
    expected = MLP(2, [3, 1], seed=0)
    assert fit(other, X, Y, epochs=3, checkpoint=path, checkpoint_every=2).loss == fit(
        expected, X, Y, epochs=3).loss
    assert other.state_dict() == expected.state_dict()


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be opened on Windows")
def test_the_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace

    def synced(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else os.fstat(descriptor).st_size)
        fsync(descriptor)

    def renamed(*arguments):
        done.append("rename")
        replace(*arguments)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    fit(network(), X, Y, epochs=0, checkpoint=tmp_path / "run.npz")
    assert done == [(tmp_path / "run.npz").stat().st_size, "rename", "folder"]


def test_ctrl_c_while_it_is_written_leaves_the_old_one(tmp_path, monkeypatch):
    path, calls = tmp_path / "run.npz", []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return replace(*arguments)

    replace = os.replace
    monkeypatch.setattr(os, "replace", interrupted)
    history = fit(network(), X, Y, **everything(checkpoint=path))
    assert history.stopped.startswith("interrupted by Ctrl-C in epoch 3")
    assert len(history) == 3
    assert read_record(path)["epoch"] == 2
    assert files_in(tmp_path) == ["run.npz"]
    model = network()
    assert outcome(fit(model, X, Y, **everything(checkpoint=path)), model) == uninterrupted()


def test_ctrl_c_stays_ctrl_c_where_the_zip_file_makes_another_error_of_it(tmp_path, monkeypatch):
    np, calls = pytest.importorskip("numpy"), []

    def interrupted(*arguments, **arrays):
        calls.append(arrays)
        if len(calls) < 4:
            return savez(*arguments, **arrays)
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("Can't close the ZIP file")

    savez = np.savez
    monkeypatch.setattr(np, "savez", interrupted)
    history = fit(network(), X, Y, **everything(checkpoint=tmp_path / "run.npz"))
    assert history.interrupted
    assert len(history) == 3
    (tmp_path / "run.npz").write_bytes(b"no zip file")
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:  # one that came before is another matter
        with pytest.raises(FileError, match="not a checkpoint"):
            read_record(tmp_path / "run.npz")


@pytest.mark.parametrize("name", ["run.npz", "run [1].npz"])
def test_what_kills_left_behind_is_cleared_when_it_is_old(tmp_path, name):
    names = f".{name}.a1.tmp", f".{name}.b2.tmp", ".else.npz.c.tmp"
    old, young, other = (tmp_path / name for name in names)
    for leftover in (old, young, other):
        leftover.write_bytes(b"half")
    for leftover in (old, other):
        os.utime(leftover, (time.time() - 3600, time.time() - 3600))
    fit(MLP(2, [1], seed=0), X, Y, epochs=1, checkpoint=tmp_path / name)
    assert files_in(tmp_path) == [".else.npz.c.tmp", f".{name}.b2.tmp", name]


# another run's


def finished(path):
    settings = {"epochs": 3, "lr": 0.05, "seed": 0, "checkpoint": path}
    fit(network(), X, Y, **settings)
    return settings


OTHERS = [
    (lambda: MLP(2, [5, 1], seed=0), {}, "31 parameters in the file, MLP of"),
    (lambda: nn.Sequential(nn.Linear(2, 5, seed=1), nn.BatchNorm(5), "relu", nn.Dropout(0.2, seed=2),
                           nn.Linear(5, 1, seed=3)), {}, "in the file, Sequential("),
    (network, {"y": [1.0 - target for target in Y]}, "20 samples of 2 numbers, but not the same numbers"),
    (network, {"X": X[:10], "y": Y[:10]}, "data: 20 samples of 2 numbers in the file, 10 samples"),
    (network, {"validation": (X[:2], Y[:2])}, "validation: None in the file, 2 samples"),
    (network, {"loss": "mae"}, "loss: mse in the file, mae here"),
    (network, {"optimizer": "sgd"}, "optimizer: Adam("),
    (network, {"lr": 0.1}, "in the file, Adam(31 parameters, lr=0.1,"),
    (network, {"batch_size": 10}, "batches: 1 in an epoch, the first of 20 in the file, 2 in an epoch"),
    (network, {"schedule": "cosine"}, "schedule: None in the file, Cosine(steps=3"),
    (network, {"clip_norm": 1.0}, "clip_norm: None in the file, 1.0 here"),
    (network, {"penalty": nn.L1(0.5)}, "penalty: None in the file, L1(strength=0.5) here"),
    (network, {"augment": jitter}, "augment: None in the file, <function jitter> here"),
    (network, {"metrics": "mae"}, "metrics: [] in the file, ['mae'] here"),
    (network, {"patience": 4}, "patience: None in the file, 4 here"),
    (network, {"restarts": 1}, "restarts: Restarts(times=0"),
    (network, {"seed": 1}, "seed: 0 in the file, 1 here"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "changes", "words"), OTHERS)
@pytest.mark.parametrize("name", ["run.npz", "run.json"])
def test_the_checkpoint_of_another_run_is_refused(tmp_path, name, make, changes, words):
    settings = {"X": X, "y": Y, **finished(tmp_path / name), **changes}
    model, content = make(), (tmp_path / name).read_bytes()
    before = model.state_dict()
    with pytest.raises(ArgumentError) as caught:
        fit(model, **settings)
    assert "is of another run" in str(caught.value)
    assert words in str(caught.value)
    assert model.state_dict() == before
    assert (tmp_path / name).read_bytes() == content


def test_frozen_parameters_make_another_run(tmp_path):
    settings = finished(tmp_path / "run.json")
    model = network()
    model.layers[0].freeze()
    with pytest.raises(ArgumentError, match="not with the same modules, names and frozen parameters"):
        fit(model, X, Y, **settings)


# damage


@pytest.mark.parametrize("name", ["run.npz", "run.json"])
def test_damage_is_noticed(tmp_path, name):
    path = tmp_path / name
    settings = finished(path)
    content, rng = path.read_bytes(), random.Random(0)
    broken = [b"", content[:100], content[:-1], content[: len(content) // 2], b"\0" * len(content), b"{}"]
    for _ in range(40):  # one byte of the file
        place = rng.randrange(len(content))
        flipped = content[place] ^ 1 << rng.randrange(8)
        broken.append(content[:place] + bytes([flipped]) + content[place + 1 :])
    model = network()
    before, whole, harmless = model.state_dict(), read_record(path), 0
    for altered in broken:
        path.write_bytes(altered)
        if readable(path) == whole:
            harmless += 1  # a date in the zip
            continue
        with pytest.raises(FileError, match="is not a checkpoint that can be read"):
            fit(model, X, Y, **settings)
    assert model.state_dict() == before
    assert harmless < 20


def readable(path):
    try:
        return read_record(path)
    except FileError:
        return None


def test_a_file_of_another_version_is_told_from_one_that_is_no_checkpoint(tmp_path):
    path = tmp_path / "run.json"
    settings = finished(path)
    path.write_text(path.read_text("utf-8").replace("checkpoint 1", "checkpoint 9"), "utf-8")
    words = "its format is 'autograd-lite checkpoint 9', expected 'autograd-lite checkpoint 1'"
    with pytest.raises(FileError, match=words):
        fit(network(), X, Y, **settings)
    path.write_text('{"other": 1}', "utf-8")
    with pytest.raises(FileError, match="it does not say what it is"):
        fit(network(), X, Y, **settings)


def test_no_file_holds_a_pickle(tmp_path):
    finished(tmp_path / "run.npz")
    with zipfile.ZipFile(tmp_path / "run.npz") as archive:
        for name in archive.namelist():
            head = archive.read(name)[:200]
            assert head.startswith(b"\x93NUMPY")
            assert b"'|O'" not in head


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_every_float_comes_back_as_it_was(tmp_path, suffix):
    rng = random.Random(0)
    numbers = [rng.uniform(-1, 1) * 10.0 ** rng.randint(-320, 300) for _ in range(200)]
    record = {
        "long": [*numbers, 0.0, -0.0, 5e-324, math.inf, -math.inf], "short": [math.inf, -0.0, 0.1],
        "whole": 3, "many": list(range(700)), "none": None, "text": "∂",
        "nested": [[1.0, 2], {"a": [True, False]}],
    }  # fmt: skip
    path = tmp_path / f"run{suffix}"
    write_record(path, record)
    found = read_record(path)
    assert found == record
    assert repr(found) == repr(record)
    write_record(path, {"nan": [math.nan] * 9, "one": math.nan})
    assert repr(read_record(path)) == "{'nan': [nan, nan, nan, nan, nan, nan, nan, nan, nan], 'one': nan}"
    if suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)  # strict JSON


# what does not fit


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"checkpoint": 3}, "checkpoint is the path of a file"),
        ({"checkpoint": "run.pkl"}, "a checkpoint is a file .npz or .json"),
        ({"checkpoint": "run.npz", "checkpoint_every": 0}, "checkpoint_every is a whole number"),
        ({"checkpoint": "run.npz", "batch_size": 3}, "only with seed=, an int: shuffling the batches"),
        ({"checkpoint": "run.npz", "augment": jitter}, "seed=, an int: augment draws random numbers"),
        ({"checkpoint": "run.npz", "restarts": 1}, "seed=, an int: restarts draws"),
        ({"checkpoint": "run.npz", "validation": 0.2}, "seed=, an int: validation draws"),
        ({"checkpoint": "run.npz", "batch_size": 3, "seed": random.Random(0)}, "seed=, an int: shuffling"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, monkeypatch, settings, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError) as caught:
        fit(MLP(2, [1], seed=0), X, Y, **settings)
    assert words in str(caught.value)
    assert files_in(tmp_path) == []


def test_a_folder_that_is_missing_is_noticed_before_training(tmp_path):
    model = MLP(2, [1], seed=0)
    with pytest.raises(FileError, match="cannot write"):
        fit(model, X, Y, checkpoint=tmp_path / "nowhere" / "run.npz")
    assert model.state_dict() == MLP(2, [1], seed=0).state_dict()
    assert model.training
