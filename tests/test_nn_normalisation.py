"""BatchNorm, LayerNorm, RMSNorm: what they compute, remember and refuse, and their second derivatives.

The fifty steps beside PyTorch stand in `test_nn_layers.py`.
"""

import math
import statistics

import pytest

from autograd_lite import hessian, nn, ops
from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import ArgumentError

ROWS = [[1.0, -2.0], [3.0, 0.5], [-0.5, 4.0], [2.0, 2.0]]


def numbers(rows):
    return [[out.data for out in row] for row in rows]


# by their formulas


def test_batch_norm_is_its_formula():
    norm = nn.BatchNorm(2, eps=0.01)
    norm.weight[1].data, norm.bias[1].data = 2.0, -1.0
    outputs = numbers(norm.batch(ROWS))
    for feature, (weight, bias) in enumerate([(1.0, 0.0), (2.0, -1.0)]):
        column = [row[feature] for row in ROWS]
        mean, variance = statistics.fmean(column), statistics.pvariance(column)
        for row, out in zip(ROWS, outputs, strict=True):
            expected = (row[feature] - mean) / math.sqrt(variance + 0.01) * weight + bias
            assert out[feature] == pytest.approx(expected, rel=1e-14)
        assert norm.running_mean[feature] == pytest.approx(0.1 * mean, rel=1e-14)
        assert norm.running_var[feature] == pytest.approx(0.9 + 0.1 * statistics.variance(column), rel=1e-14)


def test_layer_norm_and_rms_norm_are_their_formulas():
    x = [0.5, -1.0, 3.0]
    spread = math.sqrt(statistics.pvariance(x) + 1e-5)
    mean = statistics.fmean(x)
    assert numbers([nn.LayerNorm(3)(x)])[0] == pytest.approx([(v - mean) / spread for v in x], rel=1e-14)
    root = math.sqrt(sum(v * v for v in x) / 3 + 1e-5)
    assert numbers([nn.RMSNorm(3, affine=False)(x)])[0] == pytest.approx([v / root for v in x], rel=1e-14)


def test_few_nodes_are_made():
    inputs = [Value(float(k)) for k in range(8)]
    nodes = [node for node in topological_order(ops.sum(nn.RMSNorm(8, affine=False)(inputs)))
             if not node.is_leaf]
    assert len(nodes) == 1 + 4 + 8  # the sum; dot, /, + and pow; a product for each


# running statistics


def test_running_statistics_only_move_in_training():
    norm = nn.BatchNorm(2)
    before = norm.named_buffers()
    norm.eval().batch(ROWS)
    norm(ROWS[0])
    assert norm.named_buffers() == before
    norm.train().batch(ROWS)
    assert norm.named_buffers() != before
    assert norm.num_batches_tracked == 1.0


def test_without_momentum_they_are_the_mean_of_all_batches():
    norm = nn.BatchNorm(1, momentum=None, affine=False)
    for shift in (0.0, 1.0, 5.0):
        norm.batch([[shift], [shift + 2.0]])
    assert norm.running_mean == pytest.approx([3.0], rel=1e-14)
    assert norm.running_var == pytest.approx([2.0], rel=1e-14)
    assert norm.parameters() == []


def test_momentum_zero_keeps_and_one_takes_the_last():
    kept, last = nn.BatchNorm(1, momentum=0.0), nn.BatchNorm(1, momentum=1.0)
    for norm in (kept, last):
        norm.batch([[1.0], [5.0]])
    assert (kept.running_mean, kept.running_var) == ([0.0], [1.0])
    assert (last.running_mean, last.running_var) == ([3.0], [8.0])


def test_a_batch_that_does_not_fit_changes_nothing():
    norm = nn.BatchNorm(2)
    for rows in ([[1.0, 2.0], [3.0]], [[1.0, 2.0]], [], [[1.0, 2.0], [3.0, "a"]]):
        with pytest.raises(ArgumentError, match=r"BatchNorm \"batchnorm\""):
            norm.batch(rows)
    assert norm.named_buffers() == nn.BatchNorm(2).named_buffers()


def test_no_gradient_flows_through_what_is_remembered():
    norm = nn.BatchNorm(1)
    x = [[Value(1.0)], [Value(4.0)]]
    norm.batch(x)
    assert all(isinstance(number, float) for _, number in norm.named_buffers())
    norm.eval()([Value(2.0)])[0].backward()
    assert x[0][0].grad == 0.0


# where it stands


class Own(nn.Module):
    """A user's module that forgot `forward_batch`."""

    def __init__(self):
        self.norm = nn.BatchNorm(2)

    def forward(self, x):
        return self.norm(x)


@pytest.mark.parametrize("run", [
    lambda: nn.BatchNorm(2)([1.0, 2.0]),
    lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm(2))([1.0, 2.0]),
    lambda: nn.Sequential(nn.Residual(nn.Sequential(nn.BatchNorm(2))))([1.0, 2.0]),
    lambda: Own().batch(ROWS),
])  # fmt: skip
def test_one_sample_in_training_is_refused_with_what_to_do(run):
    with pytest.raises(ArgumentError, match=r"(?s)needs all samples.*model\.batch\(X\).*model\.eval\(\)"):
        run()


def test_a_batch_of_one_in_training_is_refused():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm(2), seed=0)
    with pytest.raises(ArgumentError, match="at least 2 samples in training, got 1: one alone"):
        model.batch([[1.0, 2.0]])
    assert len(model.eval().batch([[1.0, 2.0]])) == 1


def test_it_is_reached_wherever_it_stands():
    inner = nn.BatchNorm(2)
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Residual(nn.Sequential(inner, "tanh"))), seed=0)
    assert model.needs_batch
    assert [len(out) for out in model.batch(ROWS)] == [2, 2, 2, 2]
    assert inner.num_batches_tracked == 1.0
    assert not model.eval().needs_batch
    assert [out.data for out in model.batch(ROWS)[0]] == [out.data for out in model(ROWS[0])]
    assert not inner.training


def test_it_learns_in_fit_and_is_used_with_what_it_remembers():
    block = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm(8), "tanh")
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm(8), nn.Residual(block), nn.Linear(8, 1), seed=0)
    X = [[-1, -1], [-1, 1], [1, -1], [1, 1]] * 2
    y = [0, 1, 1, 0] * 2
    nn.fit(model, X, y, lr=0.02, epochs=80)
    assert not model.training
    assert (model[1].num_batches_tracked, block[1].num_batches_tracked) == (80.0, 80.0)
    assert [round(model(x)[0].data) for x in X] == y
    assert nn.predict(model, X) == [model(x)[0].data for x in X]


# second derivatives


def probes(torch):
    """A function of numbers that goes through a norm, ours and PyTorch's."""
    functional = torch.nn.functional

    def ours(norm):
        def f(x):
            out = norm(x)
            return out[0] * out[1] + ops.exp(out[2])

        return f

    def ours_batch(x):
        norm = nn.BatchNorm(1, affine=False)
        a, b, c = (out[0] for out in norm.batch([[v] for v in x]))
        return a * b + ops.exp(c)

    def theirs(norm):
        def f(x):
            out = norm(x)
            return out[0] * out[1] + torch.exp(out[2])

        return f

    return {
        "layer": (ours(nn.LayerNorm(3)), theirs(lambda x: functional.layer_norm(x, (3,)))),
        "rms": (ours(nn.RMSNorm(3)), theirs(lambda x: functional.rms_norm(x, (3,), eps=1e-5))),
        "batch": (ours_batch, theirs(lambda x: functional.batch_norm(
            x[:, None], None, None, training=True)[:, 0])),
    }  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["layer", "rms", "batch"])
def test_second_derivatives_are_pytorchs(kind):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    mine, theirs = probes(torch)[kind]
    for x in ([0.3, -1.2, 0.8], [2.0, 1.5, -0.1]):
        expected = torch.autograd.functional.hessian(theirs, torch.tensor(x, dtype=torch.float64))
        for row, wanted in zip(hessian(mine)(x), expected.tolist(), strict=True):
            assert list(row) == pytest.approx(wanted, rel=1e-9, abs=1e-12)
