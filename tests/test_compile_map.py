"""`f.map`: a batch gives what a loop of single eager calls gives."""

from importlib.util import find_spec

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Value, nn, ops
from autograd_lite import compile as compiled
from autograd_lite.compiling.batches import LoopKernel
from autograd_lite.compiling.building import TapeBuilder
from autograd_lite.compiling.python_straight import prepare
from autograd_lite.errors import ArgumentError, GraphError, ValueTypeError

NEEDS = {"python": "", "numpy": "numpy", "llvm": "llvmlite", "interpreter": "llvmlite", "auto": ""}


@pytest.fixture(params=NEEDS)
def executor(request):
    if NEEDS[request.param] and find_spec(NEEDS[request.param]) is None:
        pytest.skip("compiled replay at full speed (extra `fast`)")
    return request.param


def branching(w, x):
    if x[0] > 0.5:
        return ops.dot(w, x)
    if x[1] > 0:
        return w[0] * x[1] * 2.0 - w[1]
    return w[0].exp() + x[0].sin()


@pytest.mark.parametrize("samples", [1, 7, 300])
def test_samples_take_their_own_branches(samples, executor):
    X, w = np.random.default_rng(samples).normal(size=(samples, 2)), [0.5, -1.5]
    eager = [ag.value_and_grad(branching, (0, 1))(list(map(Value, w)), list(map(Value, x))) for x in X]
    expected = np.array([float(value.data) for value, _ in eager])
    by_w = np.sum([[g.data for g in gradient[0]] for _, gradient in eager], axis=0)
    by_x = np.array([[g.data for g in gradient[1]] for _, gradient in eager])
    f = compiled(branching, executor=executor)
    for _ in range(2):
        assert np.allclose(f.map(w, X, shared=0), expected, rtol=1e-12)
        values, (gw, gx) = f.map(w, X, wrt=(0, 1), shared=(0,))
        assert np.allclose(values, expected, rtol=1e-12)
        assert np.allclose(gx, by_x, rtol=1e-12)
        assert gx.shape == X.shape
        assert isinstance(gw, list)
        assert np.allclose(gw, by_w, rtol=1e-11)
    _, mean = f.map(np.array(w), X, wrt=0, shared=0, reduce="mean")
    assert np.allclose(mean, by_w / samples, rtol=1e-11)
    assert isinstance(mean, np.ndarray)
    in_lists = f.map(w, X.tolist(), wrt=(0, 1), shared=0)
    assert np.allclose(in_lists[0], expected, rtol=1e-12)
    assert type(in_lists[0]) is type(in_lists[1][1]) is type(in_lists[1][1][0]) is list
    assert len(f.traces) <= 9  # three ways to go, for each structure of arguments


def test_parameters_of_a_model_are_shared(executor):
    model = nn.MLP(2, [5, 1], activation="tanh", seed=3)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    f = compiled(lambda x, t: (model(x) - t) ** 2, executor=executor)
    values, gradients = f.map(X, y, wrt=model)
    losses = [(model([Value(v) for v in x]) - t) ** 2 for x, t in zip(X, y, strict=True)]
    total = ops.sum(losses)
    assert np.allclose(values, [loss.data for loss in losses], rtol=1e-12)
    assert np.allclose(gradients, ag.gradients(total, model.parameters()), rtol=1e-10)
    model.parameters()[0].data += 1.0
    assert f.map(X, y)[0] == pytest.approx(((model(X[0]) - y[0]) ** 2).data, rel=1e-12)
    one = model.parameters()[0]
    assert f.map(X, y, wrt=[one, one], reduce="mean")[1] == [f.map(X, y, wrt=one, reduce="mean")[1]] * 2


def test_results_have_the_structure_of_the_function(executor):
    def f(x):
        return {"pair": [x[0] * 2, x[1] > 0], "one": 3.0, "array": np.array([x[0], x[1]]) * 2, "name": "n"}

    X = np.array([[1.0, -2.0], [3.0, 4.0]])
    found = compiled(f, executor=executor).map(X)
    assert [list(column) for column in found["pair"]] == [[2.0, 6.0], [False, True]]
    assert found["one"].tolist() == [3.0, 3.0]
    assert found["array"].tolist() == (2 * X).tolist()
    assert found["name"] == "n"
    rows = compiled(f, executor=executor).map(X.tolist())
    assert [row["pair"] for row in rows] == [[2.0, False], [6.0, True]]
    assert rows[1]["array"].tolist() == [6.0, 8.0]


def test_samples_of_any_structure(executor):
    samples = [{"w": [k * 1.0, 2.0], "b": float(k)} for k in range(5)]
    f = compiled(lambda p: p["w"][0] * p["w"][1] + p["b"], executor=executor)
    values, gradients = f.map(samples, wrt=0)
    assert values == [3.0 * k for k in range(5)]
    assert gradients[3] == {"w": [2.0, 3.0], "b": 1.0}
    images = np.arange(12.0).reshape(3, 2, 2)
    g = compiled(lambda image: (image * image).sum(), executor=executor)
    values, gradients = g.map(images, wrt=0)
    assert values.tolist() == (images**2).sum(axis=(1, 2)).tolist()
    assert gradients.tolist() == (2 * images).tolist()
    whole = compiled(lambda x, y: x * y, executor=executor)
    assert whole.map([1, 2, 3], (4, 5, 6)) == [4.0, 10.0, 18.0]
    assert whole.map(np.array([1, 2]), np.float32([4, 5])).tolist() == [4.0, 10.0]


def test_more_branches_than_traces_are_kept_come_out_right(executor):
    def f(x):
        return x * float(int(x.data * 10)) if x > 0 else -x

    X = np.linspace(-0.4, 4.0, 45)
    g = compiled(f, executor=executor, traces=4)
    with pytest.warns(ag.RetraceWarning):
        values, gradients = g.map(X, wrt=0)
    assert np.allclose(values, [f(Value(x)).data for x in X])
    assert np.allclose(gradients, [float(int(x * 10)) if x > 0 else -1.0 for x in X])
    assert len(g.traces) <= 4


def test_bad_batches_are_refused():
    f = compiled(lambda x, y: x * y, executor="python")
    for arguments, settings, words in (
        (([1.0], 2.0), {}, r"argument 1 of map must be a batch.*shared=\(1,\)"),
        (([1.0], [1.0, 2.0]), {}, "1 in argument 0, 2 in argument 1"),
        (([], []), {}, "batch in argument 0 of map is empty"),
        ((1.0, 2.0), {"shared": (0, 1)}, "at least one"),
        (([1.0], 2.0), {"shared": (2,)}, "positions of arguments"),
        (([1.0], [2.0]), {"reduce": "max"}, "'sum' or 'mean'"),
        (([1.0, [2.0]], [2.0, 3.0]), {}, "sample 1 of argument 0 has another structure"),
        ((np.array(["a"]), [2.0]), {}, "not real numbers"),
        (([1.0, None], [2.0, 3.0]), {}, "sample 1 of argument 0 has another structure"),
        (([1.0, "3"], [2.0, 3.0]), {}, "sample 1 of argument 0 has another structure"),
        (([[1.0], [None]], [2.0, 3.0]), {}, "sample 1 of argument 0 has another structure"),
    ):
        with pytest.raises(ArgumentError, match=words):
            f.map(*arguments, **settings)
    with pytest.raises(ValueTypeError, match=r"f\.jacobian"):
        compiled(lambda x: [x, x], executor="python").map([1.0, 2.0], wrt=0)
    with pytest.raises(GraphError, match="for each sample"):
        compiled(lambda x: f.map([x], [x])[0])(1.0)
    with pytest.raises(ArgumentError, match="another structure for some samples"):
        compiled(lambda x: x if x > 0 else [x]).map(np.array([1.0, -1.0]))
    assert compiled(lambda x: x if x > 0 else [x]).map([1.0, -1.0]) == [1.0, [-1.0]]


def test_one_sample_after_the_other_takes_seeds_as_lanes_do():
    builder = TapeBuilder()
    x, w = builder.input(), builder.input()
    tape = builder.finish([builder.apply(ops.mul, (x, w)), builder.apply(ops.square, (x,))])
    kernel = LoopKernel(prepare(tape, [0, 1]), [True, False], [0, 1])
    rows, shared = np.array([[1.0], [2.0]]), np.array([3.0])
    for seeds, each, summed in (
        (None, [[5.0], [7.0]], [3.0]),
        (np.array([2.0, 0.5]), [[7.0], [8.0]], [6.0]),
        (np.array([[1.0, 0.0], [0.0, 1.0]]), [[3.0], [4.0]], [1.0]),
    ):
        found = kernel.gradients(rows, shared, seeds)
        assert (found.each.tolist(), found.summed.tolist()) == (each, summed)


@pytest.mark.parametrize("name", ["logsumexp", "max", "norm", "sum"])
def test_rows_of_very_many_operands(name, executor):
    batch = np.random.default_rng(0).normal(size=(3, 300))
    f = compiled(lambda x: ops.TABLE[name](*x), executor=executor)
    values, slopes = f.map(batch, wrt=0)
    for sample, value, slope in zip(batch, values, slopes, strict=True):
        leaves = [Value(number) for number in sample]
        expected = ops.TABLE[name](*leaves)
        expected.backward()
        assert value == pytest.approx(expected.data, rel=1e-13)
        assert slope == pytest.approx([leaf.grad for leaf in leaves], rel=1e-12)
