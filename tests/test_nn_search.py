"""Cross-validation and grid search: what is trained and measured, and that nothing depends on the workers."""

from __future__ import annotations

import builtins
import functools
import json
import math
import random
import statistics
import sys

import numpy as np
import pytest

from autograd_lite import Value, nn
from autograd_lite.errors import ArgumentError, AutogradError
from autograd_lite.nn.schedules import ReduceOnPlateau
from autograd_lite.nn.search_results import CrossValidation, Fold, GridPoint, GridSearch

MLP = {"kind": "mlp", "nin": 2, "nouts": [4, 1], "activation": "tanh"}
X, Y = nn.data.moons(41, noise=0.1, seed=0)
SHORT = {"loss": "bce_with_logits", "lr": 0.1, "epochs": 4, "metrics": ["accuracy"], "seed": 5}


def network(seed, hidden=4):
    return nn.MLP(2, [hidden, 1], activation="tanh", seed=seed)


def network_that_fails(seed, wrong=True):
    if wrong and seed > 1:  # not when it is tried at the start
        raise ZeroDivisionError("no such network")
    return network(seed)


def share_right(outputs, targets):
    return sum((output > 0) == (target == 1) for output, target in zip(outputs, targets, strict=True)) / len(
        targets)


def plain(result):
    """All but the seconds, which differ from run to run."""
    record = result.as_dict()
    for point in record.get("points", [record]):
        for fold in point["folds"]:
            fold["history"]["seconds"] = None
    return record


# what is trained and measured


def test_each_fold_is_a_training_of_its_own_on_the_others_samples():
    found = nn.cross_validate(MLP, X, Y, folds=3, batch_size=10, **SHORT)
    assert sorted(index for fold in found.folds for index in fold.test) == list(range(41))
    for place, fold in enumerate(found.folds):
        rest = [index for index in range(41) if index not in fold.test]
        model = network(fold.seed)
        history = nn.fit(model, X[rest], Y[rest], loss="bce_with_logits", lr=0.1, epochs=4, batch_size=10,
                         seed=fold.seed)  # fmt: skip
        answers = nn.predict(model, X[fold.test])
        assert fold.fold == place
        assert fold.history.loss == history.loss
        assert fold.loss == pytest.approx(nn.bce_with_logits([Value(a) for a in answers], Y[fold.test]).data)
        assert fold.metrics == {"accuracy": share_right(answers, Y[fold.test])}
    assert len({fold.seed for fold in found.folds}) == 3


def test_mean_and_spread_are_over_the_folds():
    found = nn.cross_validate(MLP, X, Y, folds=4, **SHORT)
    for name in ("loss", "accuracy"):
        assert found.mean[name] == pytest.approx(statistics.mean(found.scores[name]))
        assert found.spread[name] == pytest.approx(statistics.stdev(found.scores[name]))


def test_the_seed_decides_everything():
    runs = [plain(nn.cross_validate(network, X, Y, folds=2, **{**SHORT, "seed": seed}))
            for seed in (1, 1, 2, random.Random(7), random.Random(7))]  # fmt: skip
    assert runs[0] == runs[1] != runs[2]
    assert runs[3] == runs[4]
    once, again = (nn.cross_validate(network, X, Y, folds=2, **{**SHORT, "seed": None}) for _ in range(2))
    assert plain(once) != plain(again)


@pytest.mark.parametrize(("stratify", "even"), [(True, True), (None, True), (False, False)])
def test_classes_are_dealt_to_all_folds(stratify, even):
    labels = np.array([0.0] * 30 + [1.0] * 6)
    found = nn.cross_validate(MLP, [[k, k] for k in range(36)], labels, folds=6, stratify=stratify,
                              loss="bce_with_logits", epochs=0, seed=1)  # fmt: skip
    assert ([int(labels[fold.test].sum()) for fold in found.folds] == [1] * 6) is even


def test_numbers_to_predict_are_not_stratified():
    X, y = nn.data.linear(20, seed=0)
    config = {"nin": 1, "nouts": [1], "activation": "linear"}
    found = nn.cross_validate(config, X, y, folds=4, epochs=1, metrics="r2", seed=0)
    assert [len(fold.test) for fold in found.folds] == [5] * 4
    assert found.scores.keys() == {"loss", "r2"}


def test_inputs_are_scaled_by_the_training_part_alone():
    seen = []

    def loss(outputs, targets):
        return nn.mse(outputs, targets)

    class Watch(nn.MLP):
        def forward(self, x):
            seen.append([float(number) for number in x])
            return super().forward(x)

    def watched(seed):
        return Watch(1, [1], activation="linear", seed=seed)

    data = np.array([[0.0], [2.0], [4.0], [100.0]])
    found = nn.cross_validate(watched, data, [0, 0, 0, 0], folds=4, epochs=1, loss=loss, standardise=True,
                              seed=0, stratify=False)  # fmt: skip
    (place,) = [fold.fold for fold in found.folds if fold.test == [3]]
    scale = nn.Standardiser.of(data[:3])
    assert scale.apply([[100.0]])[0].tolist() in seen
    assert scale.apply([[2.0]])[0].tolist() in seen
    assert place in range(4)


def test_settings_go_to_fit_or_to_build():
    found = nn.cross_validate(MLP, X, Y, folds=2, hidden=2, patience=1, validation=0.2, **SHORT)
    assert all(fold.history.val_loss for fold in found.folds)
    by_function = nn.cross_validate(network, X, Y, folds=2, hidden=2, patience=1, validation=0.2, **SHORT)
    assert plain(found) == plain(by_function)


def test_an_optimizer_is_made_for_each_model():
    settings = {**SHORT, "optimizer": functools.partial(nn.SGD, momentum=0.9)}
    found = nn.cross_validate(MLP, X, Y, folds=2, **settings)
    fold = found.folds[0]
    model, rest = network(fold.seed), [k for k in range(41) if k not in fold.test]
    optimizer = nn.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = nn.fit(model, X[rest], Y[rest], loss="bce_with_logits", optimizer=optimizer, epochs=4,
                     seed=fold.seed)  # fmt: skip
    assert fold.history.loss == history.loss


def test_a_schedule_that_remembers_starts_anew_in_each_fold():
    reduce = ReduceOnPlateau(patience=0, threshold=0.9)
    found = nn.cross_validate(MLP, X, Y, folds=2, schedule=reduce, **SHORT)
    assert [fold.history.lr[0] for fold in found.folds] == [0.1, 0.1]
    assert found.folds[1].history.lr[-1] < 0.1


# grid search


def test_a_grid_is_cross_validated_point_by_point():
    settings = {name: setting for name, setting in SHORT.items() if name != "lr"}
    grid = {"lr": (0.01, 0.3), "hidden": np.array([2, 3])}
    found = nn.grid_search(MLP, X, Y, grid, folds=2, **settings)
    assert [point.settings for point in found.points] == [
        {"lr": 0.01, "hidden": 2}, {"lr": 0.01, "hidden": 3}, {"lr": 0.3, "hidden": 2},
        {"lr": 0.3, "hidden": 3},
    ]  # fmt: skip
    for point in found.points:
        alone = nn.cross_validate(MLP, X, Y, folds=2, **settings, **point.settings)
        assert plain(point.result) == plain(alone)
    losses = [point.result.mean["loss"] for point in found.points]
    assert found.best.result.mean["loss"] == min(losses)
    assert [point.result.mean["loss"] for point in found.ranked] == sorted(losses)
    assert found.best.settings["lr"] == 0.3


@pytest.mark.parametrize(("by", "best"), [("loss", 1), ("accuracy", 0), ("mae", 1)])
def test_the_best_is_the_highest_or_the_lowest(by, best):
    scores = [{"loss": 2.0, "accuracy": 0.9, "mae": 0.5}, {"loss": 1.0, "accuracy": 0.8, "mae": 0.1}]
    points = [GridPoint({"point": place}, CrossValidation([
        Fold(k, 0, [k], numbers["loss"], {name: numbers[name] for name in ("accuracy", "mae")})
        for k in range(2)])) for place, numbers in enumerate(scores)]  # fmt: skip
    search = nn.GridSearch(points, by, higher_is_better=by == "accuracy")
    assert search.best.settings == {"point": best}


def test_the_direction_of_a_metric_is_known():
    settings = {**SHORT, "metrics": ["accuracy", "mae"]}
    assert nn.grid_search(MLP, X, Y, {"hidden": [2]}, folds=2, by="accuracy", **settings).higher_is_better
    assert not nn.grid_search(MLP, X, Y, {"hidden": [2]}, folds=2, by="mae", **settings).higher_is_better


def test_a_training_that_breaks_down_comes_last():
    settings = {"loss": "mse", "optimizer": "sgd", "folds": 2, "seed": 0, "epochs": 5}
    found = nn.grid_search(MLP, X, Y, {"lr": [1e300, 1e-300]}, **settings)
    assert found.ranked[-1].settings == {"lr": 1e300}
    assert found.best.settings == {"lr": 1e-300}
    assert found.points[0].failed.startswith("fold 0, lr=1e+300: the loss is ")
    assert found.points[0].result.folds[0].loss == math.inf
    assert "failed" in found.table().splitlines()[-1]
    with pytest.raises(AutogradError, match="every combination of the grid broke down; the first: fold 0"):
        nn.grid_search(MLP, X, Y, {"lr": [1e300]}, **settings)


# the same whoever does it


def contexts():
    joblib = pytest.importorskip("joblib", reason="extra `search`")
    return [
        functools.partial(joblib.parallel_config, backend="loky", n_jobs=2),
        functools.partial(joblib.parallel_config, backend="threading", n_jobs=2),
    ]


@pytest.mark.parametrize("build", [MLP, network], ids=["configuration", "function"])
def test_the_result_does_not_depend_on_the_workers(build):
    settings = {**SHORT, "folds": 3, "batch_size": 7, "augment": nn.Jitter(0.1), "validation": 0.2}
    alone = plain(nn.cross_validate(build, X, Y, n_jobs=1, **settings))
    for context in contexts():
        with context():
            assert plain(nn.cross_validate(build, X, Y, **settings)) == alone
            assert plain(nn.cross_validate(build, X, Y, n_jobs=2, **settings)) == alone


def test_a_grid_does_not_depend_on_the_workers():
    pytest.importorskip("joblib", reason="extra `search`")
    settings = {name: setting for name, setting in SHORT.items() if name != "lr"}
    alone, shared = (nn.grid_search(MLP, X, Y, {"lr": [0.1, 0.2]}, folds=2, n_jobs=n_jobs, **settings)
                     for n_jobs in (1, 2))  # fmt: skip
    assert plain(alone) == plain(shared)


def test_no_value_is_sent_to_a_worker():
    pytest.importorskip("joblib", reason="extra `search`")
    scale = Value(2.0)

    def loss(outputs, targets):
        return nn.mse(outputs, targets) * scale

    with pytest.raises(ArgumentError, match="cannot be sent to other processes: give a configuration"):
        nn.cross_validate(MLP, X, Y, folds=2, n_jobs=2, **{**SHORT, "loss": loss, "metrics": []})


def test_without_joblib_one_process_does_it(monkeypatch):
    real = builtins.__import__

    def blocked(name, *rest):
        if name.partition(".")[0] == "joblib":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", blocked)
    for name in [name for name in sys.modules if name.partition(".")[0] == "joblib"]:
        monkeypatch.delitem(sys.modules, name)
    assert len(nn.cross_validate(MLP, X, Y, folds=2, **SHORT).folds) == 2
    assert len(nn.cross_validate(MLP, X, Y, folds=2, n_jobs=1, **SHORT).folds) == 2
    with pytest.raises(AutogradError, match=r"n_jobs=2 needs joblib: pip install 'autograd-lite\[search\]'"):
        nn.cross_validate(MLP, X, Y, folds=2, n_jobs=2, **SHORT)


# plain data


def test_results_are_plain_data():
    found = nn.grid_search(MLP, X, Y, {"hidden": [2, 3]}, folds=2, **SHORT)
    assert json.loads(json.dumps(found.as_dict()))["points"][1]["settings"] == {"hidden": 3}
    rows = found.records()
    assert rows[0].keys() == {"hidden", "loss", "accuracy", "loss_spread", "accuracy_spread"}
    lines = found.table().splitlines()
    assert lines[0].split() == ["hidden", "loss", "accuracy"]
    assert len(lines) == 3
    assert repr(found).startswith("GridSearch(2 combinations, best loss 0.")
    one = found.best.result
    assert [line.split()[0] for line in one.table().splitlines()[1:]] == ["fold", "fold", "mean", "spread"]
    assert repr(one).startswith("CrossValidation(2 folds, loss 0.")


def test_a_configuration_makes_the_model_it_says():
    model = nn.build_model(MLP, seed=3)
    assert model.state_dict() == nn.MLP(2, [4, 1], activation="tanh", seed=3).state_dict()
    assert repr(nn.build_model(MLP, hidden=[3, 2])) == repr(nn.MLP(2, [3, 2, 1], activation="tanh"))


# messages


def test_a_class_can_be_built():
    class Network(nn.Sequential):
        def __init__(self, seed):
            super().__init__(nn.Linear(2, 1, seed=seed))

    found = nn.cross_validate(Network, X, Y, folds=2, **SHORT)
    assert found.mean == nn.cross_validate(lambda seed: Network(seed), X, Y, folds=2, **SHORT).mean


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_in_a_worker_names_the_fold_and_the_settings(n_jobs):
    with pytest.raises(AutogradError, match=r"^fold 0, wrong=True: ZeroDivisionError: no such net") as caught:
        nn.grid_search(network_that_fails, X, Y, {"wrong": [False, True]}, folds=2, n_jobs=n_jobs, **SHORT)
    assert "network_that_fails" in caught.value.__notes__[0]


def test_the_first_error_and_ctrl_c_end_the_search():
    folds = []

    def stop(event, error):
        folds.append(event.epoch)
        raise error

    for error in (KeyboardInterrupt, ZeroDivisionError):
        folds.clear()
        with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else AutogradError):
            nn.cross_validate(MLP, X, Y, callbacks=functools.partial(stop, error=error), n_jobs=1, **SHORT)
        assert folds == [1]


def test_a_breakdown_in_a_cross_validation_names_the_fold():
    with pytest.raises(nn.TrainingError, match=r"^fold 0: the loss is inf in epoch") as caught:
        nn.cross_validate(MLP, X, Y, folds=2, loss="mse", optimizer="sgd", lr=1e300, seed=0)
    assert len(caught.value.history.loss) >= 1


def one_model(model=None):
    model = model or network(0)
    return lambda seed: model


@pytest.mark.parametrize(("build", "settings", "message"), [
    (MLP, {"folds": 1}, "folds is a whole number of at least 2, got 1"),
    (MLP, {"folds": 42}, "42 folds need as many samples, got 41"),
    (MLP, {"epoch": 3}, "neither fit nor build takes 'epoch': did you mean 'epochs'"),
    (network, {"width": 3}, "neither fit nor build takes 'width'"),
    (MLP, {"hiden": 3}, "neither fit nor build takes 'hiden': did you mean 'hidden'"),
    (MLP, {"checkpoint": "a.json"}, "checkpoint cannot be given here: the folds would overwrite each other"),
    (MLP, {"progress": True}, "progress cannot be given here"),
    (MLP, {"n_jobs": 0}, r"n_jobs is a number of processes, such as 2 or -1 \(all\), got 0"),
    (MLP, {"n_jobs": 2.0}, "n_jobs is a number of processes"),
    (MLP, {"stratify": True, "folds": 21}, "the rarest label occurs 20 times"),
    (MLP, {"metrics": "acuracy"}, "unknown metric 'acuracy': did you mean 'accuracy'"),
    (MLP, {"optimizer": nn.SGD([Value(1.0)])}, "an optimizer belongs to one model, and each fold has"),
    (MLP, {"seed": 0.5}, "seed is an int, a random.Random or None, got 0.5"),
    (MLP, {"loss": "hinge"}, r"^fold 0: hinge: target \d+ is 0.0; expected a label -1 or 1"),
    (network(0), {}, r"build is a function that makes a model, build\(seed=0\), or a configuration"),
    (one_model(), {}, "build gave a model twice, or two that share parameters"),
    (lambda: nn.MLP(2, [1]), {}, "build must take a seed, as in `def build"),
    (lambda seed: None, {}, r"build must return a model with parameters\(\), got None"),
    ({"kind": "mpl", "nin": 2, "nouts": [1]}, {}, "unknown kind of model 'mpl': did you mean 'mlp'"),
    ({"nin": 2, "nouts": [1], "activaton": "tanh"}, {}, "has no 'activaton': did you mean 'activation'"),
    ({"nin": 2}, {}, "lacks 'nouts'"),
])  # fmt: skip
def test_what_does_not_fit_is_said(build, settings, message):
    with pytest.raises(ArgumentError, match=message):
        nn.cross_validate(build, X, Y, **{**SHORT, **settings})


@pytest.mark.parametrize(("grid", "by", "message"), [
    ({}, "loss", "grid is a dict of lists"),
    ([0.1], "loss", "grid is a dict of lists"),
    ({"hidden": 3}, "loss", r"grid\['hidden'\] is a list of the numbers or names to try, got 3"),
    ({"optimizer": "adam"}, "loss", r"grid\['optimizer'\] is a list of"),
    ({"hidden": []}, "loss", r"grid\['hidden'\] is empty"),
    ({"hidden": [3]}, "accuracies", "by='accuracies' is neither the loss nor a metric .* did you mean"),
    ({"hiden": [3]}, "loss", "neither fit nor build takes 'hiden'"),
])  # fmt: skip
def test_what_is_no_grid_is_said(grid, by, message):
    with pytest.raises(ArgumentError, match=message):
        nn.grid_search(MLP, X, Y, grid, by=by, **SHORT)


def test_results_show_themselves_as_tables():
    scores = {"a<b": 0.5}
    result = CrossValidation([Fold(k, 0, [], loss, scores) for k, loss in enumerate([1.0, 3.0])])
    search = GridSearch([GridPoint({"lr": 0.1}, result)])
    assert str(result) == result.table()
    assert str(search) == search.table()
    cases = (result, ["fold 1", "mean", "spread", "1.414"]), (search, ["lr", "0.1", "2 ± 1.414"])
    for shown, cells in cases:
        page = shown._repr_html_()
        assert all(f">{cell}</t" in page for cell in [*cells, "a&lt;b"])
        assert page.count("<tr>") == shown.table().count("\n") + 1
