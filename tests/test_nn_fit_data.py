"""fit: the shapes of data that it takes, and what it says of data and settings that do not fit."""

import math

import pytest

from autograd_lite import nn
from autograd_lite.engine import Value
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import MLP, Adam, fit

X, Y = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]


def xor_model(seed=0):
    return MLP(2, [4, 1], activation="tanh", seed=seed)


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
        ([[1, 10**400]], [0], "X[0][1] is a whole number that does not fit a float"),
        ([[[1, 2]]], [0], "X[0][0] is [1, 2], a list"),
        ([[1, 2]], [0, 1], "X has 1 samples and y has 2 targets"),
        ([[1, 2]], 0, "y is a list"),
        ([[1, 2]], [math.nan], "y[0] is nan"),
        ([[1, 2]], ["a"], "y[0] is 'a', a str; expected a plain number. Number classes from 0 on"),
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
