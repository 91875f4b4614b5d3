"""Metrics and predictions: scikit-learn's numbers, which class an output stands for, and what is refused."""

import math
import random
from functools import partial

import numpy as np
import pytest

from autograd_lite import nn
from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import METRICS, MLP, Metric, confusion_matrix, metric_named, predict, predict_class


def drawn(seed, count, width=None):
    rng = random.Random(seed)
    if width is None:
        return [rng.uniform(-3, 3) for _ in range(count)]
    return [[rng.uniform(-3, 3) for _ in range(width)] for _ in range(count)]


def coins(seed, count, sides=2):
    rng = random.Random(seed)
    return [rng.randrange(sides) for _ in range(count)]


# against scikit-learn: metric, loss, outputs, targets, and what they stand for as labels

FLAT, WIDE, LABELS, CLASSES = drawn(1, 40), drawn(2, 40, 4), coins(3, 40), coins(4, 40, 4)
SIGNS = [2 * label - 1 for label in LABELS]
CHANCES = [1 / (1 + math.exp(-z)) for z in FLAT]
UP = [int(z > 0) for z in FLAT]
BEST = [row.index(max(row)) for row in WIDE]
TOLD = [
    ("bce_with_logits", FLAT, LABELS, UP, LABELS),
    (partial(nn.bce_with_logits, pos_weight=2.0), FLAT, LABELS, UP, LABELS),
    ("bce", CHANCES, LABELS, UP, LABELS),
    ("hinge", FLAT, SIGNS, [2 * up - 1 for up in UP], SIGNS),
    (nn.squared_hinge, FLAT, SIGNS, [2 * up - 1 for up in UP], SIGNS),
    ("cross_entropy", WIDE, CLASSES, BEST, CLASSES),
    (partial(nn.cross_entropy, weight=[1, 2, 3, 4]), WIDE, CLASSES, BEST, CLASSES),
    ("nll", WIDE, CLASSES, BEST, CLASSES),
    ("cross_entropy", [row[:2] for row in WIDE], LABELS, [int(row[1] > row[0]) for row in WIDE], LABELS),
    ("cross_entropy", WIDE, [0, 1] * 20, BEST, [0, 1] * 20),  # classes that are not among the targets
    ("cross_entropy", [[0.0, 0.0, 0.0, 1.0]] * 40, [0] * 40, [3] * 40, [0] * 40),
    ("mse", CHANCES, LABELS, UP, LABELS),
    ("huber", FLAT, SIGNS, [2 * up - 1 for up in UP], SIGNS),
    ("mse", WIDE, [[float(k == c) for k in range(4)] for c in CLASSES], BEST, CLASSES),
    (None, WIDE, CLASSES, BEST, CLASSES),
    (lambda outputs, targets: outputs[0], FLAT, SIGNS, [2 * up - 1 for up in UP], SIGNS),
    ("bce", [[0.9, 0.1], [0.2, 0.8]], [[1, 1], [0, 1]], [1, 0, 0, 1], [1, 1, 0, 1]),
    ("bce", [0.4, 0.3], [1, 0], [0, 0], [1, 0]),  # nothing is taken for 1: precision 0, not 0/0
    ("bce", [0.4, 0.3], [0, 0], [0, 0], [0, 0]),
]


@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "f1"])
@pytest.mark.parametrize("case", range(len(TOLD)))
def test_class_metrics_are_scikit_learns(name, case):
    metrics = pytest.importorskip("sklearn.metrics", reason="compares with scikit-learn (extra `data`)")
    loss, outputs, targets, answers, true = TOLD[case]
    wide = isinstance(outputs[0], list) and len(outputs[0]) > 2 and not isinstance(targets[0], list)
    one_hot = loss == "mse" and isinstance(targets[0], list)
    if name == "accuracy":
        expected = metrics.accuracy_score(true, answers)
    else:
        function = {"precision": metrics.precision_score, "recall": metrics.recall_score,
                    "f1": metrics.f1_score}[name]
        expected = function(true, answers, average="macro" if wide or one_hot else "binary", zero_division=0)
    assert metric_named(name, loss).of(outputs, targets) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("case", range(len(TOLD)))
def test_the_confusion_matrix_is_scikit_learns(case):
    metrics = pytest.importorskip("sklearn.metrics", reason="compares with scikit-learn (extra `data`)")
    loss, outputs, targets, answers, true = TOLD[case]
    found = confusion_matrix(outputs, targets, loss)
    labels = [-1, 1] if -1 in true else list(range(len(found)))
    assert found == metrics.confusion_matrix(true, answers, labels=labels).tolist()
    assert sum(map(sum, found)) == len(true)


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [(FLAT, drawn(5, 40)), (WIDE, drawn(6, 40, 4)), (FLAT, FLAT), (FLAT, [1.0] * 40), ([1.0] * 2, [1.0] * 2)],
)
@pytest.mark.parametrize("name", ["mae", "mse", "rmse", "r2"])
def test_number_metrics_are_scikit_learns(name, outputs, targets):
    metrics = pytest.importorskip("sklearn.metrics", reason="compares with scikit-learn (extra `data`)")
    expected = {
        "mae": metrics.mean_absolute_error,
        "mse": metrics.mean_squared_error,
        "rmse": lambda true, found: math.sqrt(metrics.mean_squared_error(true, found)),
        "r2": metrics.r2_score,
    }[name](targets, outputs)
    assert metric_named(name, "mse").of(outputs, targets) == pytest.approx(expected, rel=1e-12)


def test_r2_of_one_sample_is_undefined():
    assert math.isnan(metric_named("r2").of([1.0], [1.0]))


def test_every_metric_is_compared_and_says_its_direction():
    assert sorted(METRICS) == ["accuracy", "f1", "mae", "mse", "precision", "r2", "recall", "rmse"]
    low = [name for name in METRICS if not metric_named(name).higher_is_better]
    assert low == ["mae", "mse", "rmse"]


def test_values_and_arrays_are_taken_too():
    accuracy = metric_named("accuracy", "bce_with_logits")
    assert accuracy.of([Value(1.0), Value(-1.0)], np.array([1.0, 1.0])) == 0.5
    assert accuracy.of([[Value(1.0)], [Value(-1.0)]], [[1], [1]]) == 0.5
    assert metric_named("accuracy", "nll").of(np.array([[-1.0, -2.0]]), np.array([0])) == 1.0


def test_an_output_that_is_nan_is_never_right():
    assert metric_named("accuracy", "bce").of([math.nan, 0.2], [0, 0]) == 0.5
    assert metric_named("accuracy", "hinge").of([math.nan, -0.2], [-1, -1]) == 0.5
    assert metric_named("accuracy", "cross_entropy").of([[0.0, math.nan], [1.0, 0.0]], [0, 0]) == 0.5
    with pytest.raises(ArgumentError, match="output 1 is NaN, which is no class"):
        confusion_matrix([0.1, math.nan], [0, 0], "bce")


# metrics of one's own


def test_a_function_is_a_metric():
    def worst(outputs, targets):
        return max(abs(o - t) for o, t in zip(outputs, targets, strict=True))

    metric = metric_named(worst)
    assert (metric.name, metric.of([1.0, 2.0], [1.5, 2.0]), metric.higher_is_better) == ("worst", 0.5, True)
    own = Metric("worst", worst, higher_is_better=False)
    assert metric_named(own, "mse") is own
    assert metric_named(partial(worst, targets=[0.0])).name == "worst"
    whole = metric_named(lambda outputs, targets: np.float64(2.0)).of([], [])
    assert (whole, type(whole)) == (2.0, float)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: metric_named("acuracy"), "unknown metric 'acuracy': did you mean 'accuracy'?"),
        (lambda: metric_named(3), "a metric is a name, a function of outputs and targets or an nn.Metric"),
        (lambda: metric_named(lambda o, t: "x").of([1.0], [1.0]), "must return a number, got 'x'"),
        (lambda: metric_named("mae").of([1.0], [1.0, 2.0]), "mae: 1 outputs and 2 targets"),
        (lambda: metric_named("mae").of([], []), "mae takes a list of at least one output, got []"),
        (lambda: metric_named("mae").of(1.0, [1.0]), "mae takes a list of at least one output, got 1.0"),
        (lambda: metric_named("mae").of([[1.0, 2.0]], [1.0]), "an output has 2 numbers and a target 1"),
        (lambda: metric_named("mae").of([[1.0, 2.0], [1.0]], [1.0]), "output 1 has 1 numbers, output 0"),
        (lambda: metric_named("mae").of(["a"], [1.0]), "output 0 is 'a'; expected a number"),
        (lambda: metric_named("accuracy", "mse").of([1.0, 2.0], [0, 0.7]),
         "target 1 is 0.7; expected a label: 0 or 1, -1 or 1, or the index of a class"),
        (lambda: metric_named("accuracy", "mse").of([1.0, 2.0], [0, 3]), "take mae, rmse or r2"),
        (lambda: metric_named("accuracy", "hinge").of([1.0], [0]), "target 0 is 0.0; expected a label -1"),
        (lambda: metric_named("accuracy", "bce").of([0.5], [2]), "target 0 is 2.0; expected a label 0 or 1"),
        (lambda: metric_named("accuracy", "nll").of([[-1.0, -1.0]], [2]),
         "target 0 is 2; expected the index of a class, from 0 to 1"),
        (lambda: metric_named("accuracy", "nll").of([[-1.0, -1.0]], [0, 1]), "1 outputs and 2 targets"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(make, words):
    with pytest.raises(ArgumentError) as caught:
        make()
    assert words in str(caught.value)


@pytest.mark.parametrize("held_out", [False, True])
def test_fit_sees_before_it_begins_that_a_metric_cannot_take_the_targets(held_out):
    model = MLP(1, [2, 1], activation="tanh", seed=0)
    before = model.state_dict()
    given = {"validation": ([[1.0]], [0.7])} if held_out else {}
    where = "in the validation data, " if held_out else ""
    with pytest.raises(ArgumentError, match=rf"^{where}accuracy: target 0 is 0\.7; expected a label"):
        nn.fit(model, [[1.0], [2.0]], [0.0 if held_out else 0.7, 1.0], metrics="accuracy", **given)
    assert model.state_dict() == before


def test_fit_measures_the_metrics_of_the_table():
    X, y = [[-1.0], [1.0], [2.0]], [0, 1, 1]
    model = MLP(1, [3, 1], activation="tanh", seed=0)
    history = nn.fit(model, X, y, loss="bce_with_logits", epochs=30, lr=0.1, metrics=list(METRICS))
    assert history.metrics["accuracy"][-1] == history.metrics["f1"][-1] == 1.0
    for name in METRICS:
        expected = metric_named(name, "bce_with_logits").of(predict(model, X), y)
        assert history.metrics[name][-1] == expected, name


def test_a_function_of_ones_own_is_not_asked_before():
    def strict(outputs, targets):
        assert outputs != [[0.0]]
        return 1.0

    metric_named(strict).check([0.7], 1)
    model = MLP(1, [1], seed=0)
    assert nn.fit(model, [1.0], [0.7], metrics=[strict], epochs=2).metrics == {"strict": [1.0, 1.0]}


# predictions


def test_predictions_are_plain_numbers():
    one, two = MLP(2, [3, 1], seed=0), MLP(2, [3, 2], seed=0)
    X = [[0.5, 1.0], [-1.0, 2.0]]
    assert predict(one, X) == [one(x).data for x in X]
    assert predict(two, np.array(X)) == [[out.data for out in two(x)] for x in X]
    assert {type(number) for row in predict(two, X) for number in row} == {float}


class Spy(nn.Module):
    """Tells of every call whether it was training, and whether a graph was made."""

    def __init__(self):
        self.inner = MLP(1, [1], seed=0)
        self.seen = []

    def forward(self, x):
        out = self.inner(x) * 2.0
        self.seen.append((self.training, self.inner.training, len(topological_order(out))))
        return [out]


def test_the_model_is_in_eval_during_the_call_and_then_as_before():
    spy = Spy()
    spy.inner.training = False
    assert predict(spy, [[1.0]]) == [spy([1.0])[0].data]
    assert spy.seen[0] == (False, False, 1)
    assert (spy.training, spy.inner.training) == (True, False)


def test_it_is_as_before_after_an_error_too():
    class Broken(Spy):
        def forward(self, x):
            raise RuntimeError("broken")

    broken = Broken()
    with pytest.raises(RuntimeError, match="broken"):
        predict(broken, [[1.0]])
    assert broken.training
    assert broken.inner.training


class Centred(nn.Module):
    """Mixes samples in use, too."""

    mixes_samples = True

    def forward_batch(self, rows):
        mean = sum(row[0] for row in rows) / len(rows)
        return [Value(row[0] - mean) for row in rows]

    @property
    def needs_batch(self):
        return True


def test_a_model_that_mixes_samples_gets_them_together():
    assert predict(Centred(), [[1.0], [2.0], [6.0]]) == [-2.0, -1.0, 3.0]


def test_any_function_of_a_sample_may_predict():
    assert predict(lambda x: Value(x[0]) * 2.0, [1.0, 2.0]) == [2.0, 4.0]


@pytest.mark.parametrize(
    ("model", "X", "words"),
    [
        (MLP(2, [1]), [], "X is empty"),
        (MLP(2, [1]), [[1.0, math.nan]], "X[0][1] is nan"),
        (MLP(2, [1]), [[1.0]], "takes 2 numbers for a sample, got 1"),
        (lambda x: 1.0, [[1.0]], "the model must return a Value or a list of Values for one sample, got 1.0"),
        ([[1.0]], MLP(2, [1]), "predict takes a model and then its samples"),
    ],
)
def test_samples_that_do_not_fit_are_named(model, X, words):
    with pytest.raises(ArgumentError) as caught:
        predict(model, X)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("outputs", "loss", "expected"),
    [
        ([0.4], "mse", 0),
        ([0.4], "bce_with_logits", 1),
        ([0.4], "bce", 0),
        ([0.0], "bce_with_logits", 0),
        ([0.4], nn.hinge, 1),
        ([-0.4], "squared_hinge", -1),
        ([0.1, 0.4, 0.2], "cross_entropy", 1),
        ([0.1, 0.4, 0.2], "mse", 1),
        ([0.1, 0.6, 0.2], "bce", [0, 1, 0]),
        ([0.1, -0.6], partial(nn.bce_with_logits, pos_weight=2.0), [1, 0]),
        ([math.nan], "bce", None),
    ],
)
def test_the_class_is_decided_as_the_loss_has_it(outputs, loss, expected):
    assert predict_class(lambda x: [Value(out) for out in outputs], [[1.0]], loss=loss) == [expected]


def test_predicted_classes_are_those_that_accuracy_counts():
    for loss, outputs, targets, _, true in TOLD[:9]:
        rows = iter(outputs)
        found = predict_class(lambda x, rows=rows: [Value(out) for out in np.atleast_1d(next(rows))],
                              [[0.0]] * len(outputs), loss=loss)  # fmt: skip
        share = sum(a == b for a, b in zip(found, true, strict=True)) / len(true)
        assert metric_named("accuracy", loss).of(outputs, targets) == share


def test_an_unknown_loss_is_named():
    with pytest.raises(ArgumentError, match="unknown loss 'mes': did you mean 'mse'"):
        predict_class(MLP(1, [1]), [[1.0]], loss="mes")
