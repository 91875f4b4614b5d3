"""Linear, Embedding, Sequential, Residual, Activation, Dropout: PyTorch's numbers, names, errors."""

import copy
import math
import random
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import draw, nn, ops
from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import ArgumentError
from autograd_lite.nn.calling import without_scopes


def flat(output):
    return output if isinstance(output, list) else [output]


# PyTorch, over 50 steps


def replayed_dropout(torch, p, seed):
    """PyTorch's Dropout with masks from the generator that ours has."""
    generator = nn.Dropout(p, seed=seed).rng

    class Replayed(torch.nn.Module):
        def forward(self, x):
            if not self.training:
                return x
            mask = [[0.0 if generator.random() < p else 1 / (1 - p) for _ in row] for row in x]
            return x * torch.tensor(mask, dtype=torch.float64)

    return Replayed()


def residual(torch, *parts):
    class Residual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.block = torch.nn.Sequential(*parts)

        def forward(self, x):
            return x + self.block(x)

    return Residual()


def embedding(torch, count, width):
    class Embedding(torch.nn.Embedding):
        def forward(self, x):
            return super().forward(x.long()).flatten(1)

    return Embedding(count, width)


MODELS = {
    "linear": (
        lambda: [nn.Linear(3, 2)],
        lambda torch, n: [n.Linear(3, 2)],
    ),
    "linear without bias": (
        lambda: [nn.Linear(3, 4, bias=False), "tanh", nn.Linear(4, 1, bias=False)],
        lambda torch, n: [n.Linear(3, 4, bias=False), n.Tanh(), n.Linear(4, 1, bias=False)],
    ),
    "residual": (
        lambda: [nn.Linear(3, 4), nn.Residual(nn.Sequential(nn.Linear(4, 4), "tanh", nn.Linear(4, 4)))],
        lambda torch, n: [n.Linear(3, 4), residual(torch, n.Linear(4, 4), n.Tanh(), n.Linear(4, 4))],
    ),
    "nested": (
        lambda: [nn.Sequential(nn.Linear(3, 3), "sigmoid"), nn.Sequential(nn.Linear(3, 2))],
        lambda torch, n: [n.Sequential(n.Linear(3, 3), n.Sigmoid()), n.Sequential(n.Linear(3, 2))],
    ),
    "batch norm": (
        lambda: [nn.Linear(3, 4), nn.BatchNorm(4), "relu", nn.Linear(4, 2)],
        lambda torch, n: [n.Linear(3, 4), n.BatchNorm1d(4), n.ReLU(), n.Linear(4, 2)],
    ),
    "batch norm, first and last": (
        lambda: [nn.BatchNorm(3, momentum=0.3, eps=1e-3), nn.Linear(3, 2), nn.BatchNorm(2, affine=False)],
        lambda torch, n: [n.BatchNorm1d(3, momentum=0.3, eps=1e-3), n.Linear(3, 2),
                          n.BatchNorm1d(2, affine=False)],
    ),
    "batch norm, mean of all batches": (
        lambda: [nn.Linear(3, 2), nn.BatchNorm(2, momentum=None), "tanh"],
        lambda torch, n: [n.Linear(3, 2), n.BatchNorm1d(2, momentum=None), n.Tanh()],
    ),
    "batch norm in a residual": (
        lambda: [nn.Linear(3, 3), nn.Residual(nn.Sequential(nn.BatchNorm(3), "tanh", nn.Linear(3, 3)))],
        lambda torch, n: [n.Linear(3, 3), residual(torch, n.BatchNorm1d(3), n.Tanh(), n.Linear(3, 3))],
    ),
    "layer norm": (
        lambda: [nn.Linear(3, 4), nn.LayerNorm(4), "tanh", nn.LayerNorm(4, affine=False, eps=0.1)],
        lambda torch, n: [n.Linear(3, 4), n.LayerNorm(4), n.Tanh(),
                          n.LayerNorm(4, elementwise_affine=False, eps=0.1)],
    ),
    "layer norm without bias": (
        lambda: [nn.LayerNorm(3, bias=False), nn.Linear(3, 2)],
        lambda torch, n: [n.LayerNorm(3, bias=False), n.Linear(3, 2)],
    ),
    "rms norm": (
        lambda: [nn.RMSNorm(3), nn.Linear(3, 4), "silu", nn.RMSNorm(4, affine=False, eps=1e-3)],
        lambda torch, n: [n.RMSNorm(3, eps=1e-5), n.Linear(3, 4), n.SiLU(),
                          n.RMSNorm(4, elementwise_affine=False, eps=1e-3)],
    ),
    "dropout": (
        lambda: [nn.Linear(3, 6), nn.Dropout(0.4, seed=3), "tanh", nn.Dropout(0.0), nn.Linear(6, 2)],
        lambda torch, n: [n.Linear(3, 6), replayed_dropout(torch, 0.4, 3), n.Tanh(), n.Dropout(0.0),
                          n.Linear(6, 2)],
    ),
    "embedding": (
        lambda: [nn.Embedding(5, 2), nn.Linear(6, 3), "tanh", nn.Linear(3, 2)],
        lambda torch, n: [embedding(torch, 5, 2), n.Linear(6, 3), n.Tanh(), n.Linear(3, 2)],
    ),
}  # fmt: skip

ACTIVATIONS = {
    "relu": ("ReLU", {}), "tanh": ("Tanh", {}), "sigmoid": ("Sigmoid", {}), "gelu": ("GELU", {}),
    "silu": ("SiLU", {}), "softplus": ("Softplus", {}), "elu": ("ELU", {}), "selu": ("SELU", {}),
    "leaky_relu": ("LeakyReLU", {}), "log_sigmoid": ("LogSigmoid", {}), "mish": ("Mish", {}),
    "hardtanh": ("Hardtanh", {}), "softmax": ("Softmax", {"dim": -1}),
    "log_softmax": ("LogSoftmax", {"dim": -1}), "linear": ("Identity", {}),
}  # fmt: skip
for _name, (_theirs, _settings) in ACTIVATIONS.items():
    MODELS[f"activation {_name}"] = (
        lambda name=_name: [nn.Linear(3, 3), name, nn.Linear(3, 1)],
        lambda torch, n, theirs=_theirs, given=_settings: [
            n.Linear(3, 3), getattr(n, theirs)(**given), n.Linear(3, 1)],
    )
MODELS["activation with a setting"] = (
    lambda: [nn.Linear(3, 3), nn.Activation("leaky_relu", slope=0.3), nn.Activation("elu", alpha=2.0)],
    lambda torch, n: [n.Linear(3, 3), n.LeakyReLU(0.3), n.ELU(2.0)],
)


def my_name(theirs):
    """"3.block.0.weight" there is "layers.3.block.layers.0.weight" here."""
    return ".".join(f"layers.{part}" if part.isdigit() else part for part in theirs.split("."))


def as_arrays(state, oracle):
    """Numbers of ours, by the oracle's names and in its shapes."""
    found = {}
    for name, tensor in oracle.state_dict().items():
        keys = (".".join([my_name(name), *map(str, place)]) for place in np.ndindex(*tensor.shape))
        found[name] = np.reshape([state[key] for key in keys], tuple(tensor.shape))
    return found


def agree(mine, theirs, name=""):
    array, expected = np.array(mine), theirs.detach().numpy()
    assert array.shape == expected.shape, name
    assert np.all(abs(array - expected) <= 1e-12 + 1e-9 * abs(expected)), name


@pytest.fixture
def torch():
    """PyTorch on one thread: on a busy machine its others would wait for each other at every little step."""
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(before)


@pytest.mark.oracle
@pytest.mark.parametrize("name", MODELS)
def test_fifty_steps_are_pytorchs(torch, name):
    build, build_theirs = MODELS[name]
    model = nn.Sequential(*build()).reset(seed=1)
    for part in model:
        if isinstance(part, nn.Dropout):
            part.rng.setstate(nn.Dropout(seed=3).rng.getstate())
    rng = random.Random(2)
    for parameter in model.parameters():  # weights of norms other than 1
        parameter.data += rng.uniform(-0.1, 0.1)
    oracle = torch.nn.Sequential(*build_theirs(torch, torch.nn)).double()
    start = as_arrays(model.state_dict(), oracle)
    oracle.load_state_dict({key: torch.tensor(array) for key, array in start.items()})

    for step in range(50):
        count = 2 + step % 3
        if name == "embedding":
            rows = [[rng.randrange(5) for _ in range(3)] for _ in range(count)]
        else:
            rows = [[rng.gauss(0.5, 1.0) for _ in range(3)] for _ in range(count)]
        x = [[Value(number) for number in row] for row in rows]
        their_x = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
        outputs, their_outputs = [flat(out) for out in model.batch(x)], oracle(their_x)
        weights = [[rng.gauss(0.0, 1.0) for _ in row] for row in outputs]
        terms = [w * out + out * out for row, ws in zip(outputs, weights, strict=True)
                 for out, w in zip(row, ws, strict=True)]
        model.zero_grad()
        oracle.zero_grad()
        ops.mean(terms).backward()
        (torch.tensor(weights, dtype=torch.float64) * their_outputs + their_outputs**2).mean().backward()

        agree([[out.data for out in row] for row in outputs], their_outputs)
        if name != "embedding":
            agree([[v.grad for v in row] for row in x], their_x.grad)
        gradients = {key: p.grad for key, p in model.named_parameters()} | dict(model.named_buffers())
        mine, theirs = as_arrays(gradients, oracle), dict(oracle.named_parameters())
        for key in theirs:
            agree(mine[key], theirs[key].grad, key)
        with torch.no_grad():
            for tensor in theirs.values():
                tensor -= 0.05 * tensor.grad
        for parameter in model.parameters():
            parameter.data -= 0.05 * parameter.grad
        if step == 25:
            model.eval()
            oracle.eval()
            agree([[out.data for out in flat(model(row))] for row in rows], oracle(their_x))
            model.train()
            oracle.train()
    for key, array in as_arrays(model.state_dict(), oracle).items():
        agree(array, oracle.state_dict()[key], key)


# sizes, forms of input, messages


def test_linear_is_its_formula_and_layers_start():
    layer, other = nn.Linear(3, 2, seed=5), nn.Layer(3, 2, nonlin=False, seed=5)
    assert [p.data for row, b in zip(layer.weight, layer.bias, strict=True) for p in (*row, b)] == [
        p.data for p in other.parameters()
    ]
    out = layer([1.0, -2.0, 0.5])
    assert out[1].data == sum(w.data * x for w, x in zip(layer.weight[1], [1.0, -2.0, 0.5], strict=True)) + (
        layer.bias[1].data
    )
    assert [node.op.name for node in topological_order(out[0]) if not node.is_leaf] == ["dot", "add"]
    assert all(abs(p.data) <= 1 / math.sqrt(3) for p in layer.parameters())
    assert nn.Linear(3, 2, bias=False)([1.0, 2.0, 3.0])[0].op is ops.TABLE["dot"]


def test_names_labels_and_scopes():
    model = nn.Sequential(nn.Linear(1, 2), "tanh", nn.Residual(nn.LayerNorm(2)), nn.Linear(2, 1, bias=False))
    assert [name for name, _ in model.named_parameters()] == [
        "layers.0.weight.0.0", "layers.0.weight.1.0", "layers.0.bias.0", "layers.0.bias.1",
        "layers.2.block.weight.0", "layers.2.block.weight.1",
        "layers.2.block.bias.0", "layers.2.block.bias.1",
        "layers.3.weight.0.0", "layers.3.weight.0.1",
    ]  # fmt: skip
    assert [(p.label, p.scope) for p in model.parameters()][::3] == [
        ("w0,0", "model/layer 0: Linear"), ("b1", "model/layer 0: Linear"),
        ("b0", "model/layer 2: Residual/block"), ("w0,1", "model/layer 3: Linear"),
    ]  # fmt: skip
    assert repr(model) == (
        "Sequential(Linear(1, 2), 'tanh', Residual(LayerNorm(2)), Linear(2, 1, bias=False))"
    )


def test_a_picture_folds_by_layer_and_names_what_each_is():
    block = nn.Sequential(nn.Linear(3, 3), "relu")
    model = nn.Sequential(nn.Linear(2, 3), "tanh", nn.Residual(block), seed=0)
    text = draw(ops.sum(model([1.0, 2.0])), fold="layer").svg
    for name in ("layer 0: Linear", "layer 1: tanh", "layer 2: Residual"):
        assert name in text
    assert {node.scope for node in topological_order(model([1.0, 2.0])[0]) if node.label == "x0"} == {""}


def test_parts_of_a_sequential():
    model = nn.Sequential(nn.Linear(2, 3), ops.tanh)
    assert model.append("relu") is model
    assert model.append(nn.Linear(3, 1)).layers[3].weight[0][0].scope == "model/layer 3: Linear"
    assert len(model) == 4
    assert model[0] is model.layers[0]
    assert model[-1] is model.layers[3]
    assert list(model) == model.layers
    assert [type(part) for part in model] == [nn.Linear, nn.Activation, nn.Activation, nn.Linear]
    tail = model[2:]
    assert (len(tail), tail[1] is model[3], model[3].scope_name) == (2, True, "layer 3: Linear")
    for index in (4, -5, 1.5, "0"):
        with pytest.raises(IndexError, match="has 4 parts, from 0 to 3"):
            model[index]
    assert nn.Sequential()([1.0, 2.0]) == [1.0, 2.0]


def test_activations_given_as_functions():
    x = [0.5, -1.0]
    for named, function in [("tanh", ops.tanh), ("tanh", Value.tanh), ("softmax", ops.softmax),
                            ("relu", lambda v: v.relu()),
                            ("leaky_relu", partial(ops.leaky_relu, slope=0.01))]:
        assert [v.data for v in nn.Activation(function)(x)] == [v.data for v in nn.Activation(named)(x)]
    assert repr(nn.Sequential(ops.softmax, Value.tanh)) == "Sequential('softmax', 'tanh')"


def test_a_layer_of_one_neuron_in_a_sequential():
    model = nn.Sequential(nn.Layer(2, 1), "tanh", nn.Dropout(0.0), nn.Residual(nn.Layer(1, 1)), seed=0)
    assert len(model([1.0, 2.0])) == 1
    assert isinstance(nn.Sequential(nn.Linear(2, 3), nn.MLP(3, [2, 1]))([1.0, 2.0]), Value)


def test_residual_of_a_list_of_samples_as_attention_takes():
    class Swap(nn.Module):
        def forward(self, rows):
            return [[value * 10.0 for value in row] for row in reversed(rows)]

    rows = nn.Residual(Swap())([[1.0, 2.0], [3.0, 4.0]])
    assert [[out.data for out in row] for row in rows] == [[31.0, 42.0], [13.0, 24.0]]

    class Short(nn.Module):
        def forward(self, rows):
            return [row[:1] for row in rows]

    with pytest.raises(ArgumentError, match="adds 2 inputs to what Short"):
        nn.Residual(Short())([[1.0, 2.0], [3.0, 4.0]])


def test_a_sample_of_one_number_may_come_bare():
    for layer in (nn.Linear(1, 2, seed=0), nn.Residual(nn.Linear(1, 1, seed=0)), nn.Activation("tanh"),
                  nn.Dropout(0.0), nn.LayerNorm(1), nn.RMSNorm(1), nn.BatchNorm(1).eval(),
                  nn.Sequential(nn.Linear(1, 2, seed=0))):
        bare, listed, array = layer(0.5), layer([0.5]), layer(np.array([0.5]))
        assert [out.data for out in bare] == [out.data for out in listed] == [out.data for out in array]


@pytest.mark.parametrize("index", [2, 2.0, [2], (2.0,), np.int64(2), np.float64(2),
                                   np.array([2.0]), np.array(2), Value(2.0)])
def test_embedding_takes_every_form_of_a_whole_number(index):
    table = nn.Embedding(5, 3, seed=0)
    assert all(mine is row for mine, row in zip(table(index), table.weight[2], strict=True))
    assert [p.label for p in table(index)] == ["e2,0", "e2,1", "e2,2"]


def test_embedding_of_several_is_one_after_the_other():
    table = nn.Embedding(5, 2, seed=0)
    assert table([4, 0, 4]) == [*table.weight[4], *table.weight[0], *table.weight[4]]
    model = nn.Sequential(table, nn.Linear(4, 1), seed=0)
    model([1, 1])[0].backward()
    assert table.weight[1][0].grad == model[1].weight[0][0].data + model[1].weight[0][2].data
    assert table.weight[0][0].grad == 0.0


@pytest.mark.parametrize("index", [5, -1, 2.5, math.nan, math.inf, "2", None, [1, 5], [[1]], 1j])
def test_embedding_names_its_range(index):
    with pytest.raises(ArgumentError, match="takes a whole number from 0 to 4, got"):
        nn.Embedding(5, 2, seed=0)(index)


def run(*parts):
    return lambda: nn.Sequential(*parts, seed=0)([1.0, 2.0])


@pytest.mark.parametrize(("build", "words"), [
    (lambda: nn.Linear(0, 1), "nin is a whole number of at least 1, got 0"),
    (lambda: nn.Linear(1, 2.5), "nout is a whole number of at least 1, got 2.5"),
    (lambda: nn.Linear(1, True), "nout is a whole number of at least 1, got True"),
    (lambda: nn.Linear(1, 1, init="he"), "unknown init 'he': did you mean"),
    (lambda: nn.Embedding(3, 0), "width is a whole number"),
    (lambda: nn.LayerNorm("3"), "width is a whole number"),
    (lambda: nn.RMSNorm(3, eps=-1e-5), "eps is a number of at least 0"),
    (lambda: nn.LayerNorm(3, eps=None), "eps is a number of at least 0"),
    (lambda: nn.BatchNorm(3, momentum=1.5), "momentum is the share of each new batch"),
    (lambda: nn.Dropout(1.5), "p is the probability to drop a number, from 0 to 1, got 1.5"),
    (lambda: nn.Dropout(math.nan), "p is the probability"),
    (lambda: nn.Activation("tahn"), "unknown activation 'tahn': did you mean 'tanh'"),
    (lambda: nn.Activation("softmx"), "did you mean 'softmax'"),
    (lambda: nn.Activation("tanh", slope=0.1), "activation 'tanh' takes no settings, got slope=0.1"),
    (lambda: nn.Activation("leaky_relu", alpha=0.1), "activation 'leaky_relu' takes slope, got alpha=0.1"),
    (lambda: nn.Activation(ops.sum), "an op of one operand, and sum takes any number of them"),
    (lambda: nn.MLP(2, [2, 1], activation=ops.maximum), "an op of one operand, and maximum takes 2"),
    (lambda: nn.MLP(2, [2, 1], activation="softmax"), "softmax is of all numbers of a sample together"),
    (lambda: nn.Activation("softmax", dim=1), "activation 'softmax' takes no settings"),
    (lambda: nn.Activation(lambda v: v, slope=1.0), "takes no settings"),
    (lambda: nn.Sequential(nn.Linear), "part 0 is .*: call it, Linear"),
    (lambda: nn.Sequential([nn.Linear(1, 1)]), "give the parts one by one"),
    (lambda: nn.Sequential(nn.Linear(1, 1), 3), "part 1 is 3"),
    (lambda: nn.Residual("tanh"), "Residual takes a module"),
    (run(nn.Linear(3, 1)), 'Sequential "model" takes 3 numbers for a sample, got 2'),
    (run(nn.Linear(2, 3), nn.Linear(4, 1)), 'Linear "model/layer 1: Linear" takes 4 numbers'),
    (run(nn.Linear(2, 3), nn.LayerNorm(4)), 'LayerNorm "model/layer 1: LayerNorm" takes 4 numbers'),
    (run(nn.Linear(2, 3), nn.RMSNorm(4)), 'RMSNorm "model/layer 1: RMSNorm" takes 4 numbers'),
    (run(nn.Residual(nn.Linear(2, 3))), "adds 2 inputs to what Linear.2, 3. makes of them, but"),
    (run("tanh", lambda v: 3.0), "takes a function of one Value that gives a Value"),
    (lambda: nn.Linear(2, 1)([[1.0, 2.0]]), "one sample, a flat list of numbers, but input 0 is"),
    (lambda: nn.Linear(2, 1)("ab"), "takes a list of 2 numbers, got 'ab'"),
    (lambda: nn.Linear(2, 1)([1.0, None]), "input 1 is None, a NoneType"),
])  # fmt: skip
def test_what_does_not_fit_is_named(build, words):
    with pytest.raises(ArgumentError, match=words):
        build()


# dropout


def test_dropout_in_use_makes_no_node_and_in_training_keeps_the_mean():
    drop, x = nn.Dropout(0.3, seed=0), [Value(1.0) for _ in range(2000)]
    outputs = drop(x)
    assert {out.data for out in outputs} == {0.0, 1 / 0.7}
    assert sum(out.data for out in outputs) / 2000 == pytest.approx(1.0, abs=0.05)
    ops.sum(outputs).backward()
    assert [v.grad for v in x] == [out.data for out in outputs]
    assert all(mine is v for mine, v in zip(drop.eval()(x), x, strict=True))
    assert {out.data for out in nn.Dropout(1.0)(x)} == {0.0}


def test_dropout_has_a_generator_of_its_own_that_can_be_kept():
    model = nn.Sequential(nn.Linear(2, 5), nn.Dropout(0.5), seed=4)
    ((name, generator),) = model.generators()
    assert name == "layers.1.rng"
    state, twin = generator.getstate(), copy.deepcopy(model)
    first = [out.data for out in model([1.0, 2.0])]
    assert [out.data for out in model([1.0, 2.0])] != first
    assert [out.data for out in twin([1.0, 2.0])] == first
    generator.setstate(state)
    assert [out.data for out in model([1.0, 2.0])] == first
    random.seed(8)
    one = nn.Dropout(0.5)
    random.seed(8)
    assert one.rng.getstate() == nn.Dropout(0.5).rng.getstate()
    assert one.rng is not nn.Dropout(0.5, seed=one.rng).rng


# starting again, copying, saving, freezing


def everything(seed=None):
    return nn.Sequential(
        nn.Embedding(4, 3), nn.Linear(6, 4), nn.BatchNorm(4), "tanh", nn.Dropout(0.3),
        nn.Residual(nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4, init="he_normal"))),
        nn.RMSNorm(4), nn.MLP(4, [3, 2], activation="tanh"), seed=seed,
    )  # fmt: skip


ROWS = [[0, 1], [2, 3], [3, 0], [1, 1]]


def test_reset_is_a_fresh_model_with_that_seed():
    model, fresh = everything(seed=1), everything(seed=7)
    model.batch(ROWS)
    assert model.state_dict() != fresh.state_dict()
    assert model.reset(seed=7).state_dict() == fresh.state_dict()
    assert [out[0].data for out in model.batch(ROWS)] == [out[0].data for out in fresh.batch(ROWS)]
    assert nn.Linear(2, 3, seed=9).reset(seed=4).state_dict() == nn.Linear(2, 3, seed=4).state_dict()
    assert nn.Embedding(2, 3, seed=9).reset(4).state_dict() == nn.Embedding(2, 3, seed=4).state_dict()


def test_a_copy_is_independent_and_equal():
    model = everything(seed=1)
    model.batch(ROWS)
    twin = copy.deepcopy(model)
    assert [out[0].data for out in twin.batch(ROWS)] == [out[0].data for out in model.batch(ROWS)]
    assert twin.state_dict() == model.state_dict()
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    twin.reset(seed=2)
    assert twin.state_dict() != model.state_dict()


def test_saved_and_loaded_with_its_running_statistics(tmp_path):
    model = everything(seed=1)
    model.batch(ROWS)
    model.save(tmp_path / "model.npz")
    other = everything(seed=2).load(tmp_path / "model.npz")
    assert other.state_dict() == model.state_dict()
    assert [out.data for out in other.eval()(ROWS[0])] == [out.data for out in model.eval()(ROWS[0])]
    assert other[2].num_batches_tracked == 1.0


@pytest.mark.parametrize(("one", "other"), [
    (lambda: [nn.Linear(2, 2), "tanh"], lambda: [nn.Linear(2, 2), "relu"]),
    (lambda: [nn.LayerNorm(2, bias=False)], lambda: [nn.RMSNorm(2)]),
    (lambda: [nn.LayerNorm(2)], lambda: [nn.LayerNorm(2, eps=1e-3)]),
    (lambda: [nn.Activation("leaky_relu", slope=0.1)], lambda: [nn.Activation("leaky_relu", slope=0.2)]),
])  # fmt: skip
def test_a_file_of_another_architecture_is_refused(tmp_path, one, other):
    nn.Sequential(*one()).save(tmp_path / "model.npz")
    with pytest.raises(ArgumentError, match="was saved from another architecture: layers"):
        nn.Sequential(*other()).load(tmp_path / "model.npz")


def test_frozen_layers_stay_as_they_are_in_fit():
    model = nn.Sequential(nn.Linear(2, 4), "tanh", nn.Linear(4, 1), seed=0)
    model[0].freeze()
    before = model.state_dict()
    nn.fit(model, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], epochs=5, lr=0.1)
    after = model.state_dict()
    assert {name for name in before if before[name] != after[name]} == {
        name for name in before if name.startswith("layers.2")
    }
    model[0].unfreeze()
    nn.fit(model, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], epochs=5, lr=0.1)
    assert model.state_dict()["layers.0.weight.0.0"] != before["layers.0.weight.0.0"]


def test_a_sequential_learns_in_fit():
    X, y = [[-1, -1], [-1, 1], [1, -1], [1, 1]], [0, 1, 1, 0]
    model = nn.Sequential(nn.Linear(2, 8), nn.LayerNorm(8), "tanh", nn.Linear(8, 1), seed=0)
    nn.fit(model, X, y, lr=0.05, epochs=100)
    assert [round(model(x)[0].data) for x in X] == y


def test_without_scopes_the_numbers_are_the_same():
    model = everything(seed=1).eval()
    assert [v.data for v in without_scopes(model, ROWS[0])] == [v.data for v in model(ROWS[0])]


# small random networks


@st.composite
def recipes(draw):
    """How to build a network, with its number of inputs and outputs."""
    width = first = draw(st.integers(1, 3))
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["linear", "norm", "activation", "residual", "dropout"]))
        if kind == "linear":
            following = draw(st.integers(1, 3))
            parts.append(partial(nn.Linear, width, following, bias=draw(st.booleans())))
            width = following
        elif kind == "norm":
            norm = draw(st.sampled_from([nn.LayerNorm, nn.RMSNorm, nn.BatchNorm]))
            parts.append(partial(norm, width, affine=draw(st.booleans()), eps=0.1))
        elif kind == "activation":
            name = draw(st.sampled_from(["tanh", "sigmoid", "softplus", "silu", "log_softmax"]))
            parts.append(partial(nn.Activation, name))
        elif kind == "residual":
            parts.append(lambda width=width: nn.Residual(nn.Sequential(nn.Linear(width, width), "tanh")))
        else:
            parts.append(partial(nn.Dropout, 0.4))
    return parts, first, width


@settings(max_examples=30, deadline=None)
@given(recipes(), st.integers(0, 99))
def test_random_networks_have_the_right_shape_and_gradient(recipe, seed):
    parts, width, height = recipe
    model = nn.Sequential(*[build() for build in parts], seed=seed)
    rng = random.Random(seed)
    states = [(generator, generator.getstate()) for _, generator in model.generators()]
    rows = [[rng.uniform(-1, 1) for _ in range(width)] for _ in range(3)]
    outputs = model.batch(rows)
    assert [len(row) for row in outputs] == [height] * 3
    parameters = model.parameters()
    weights = [[rng.uniform(-1, 1) for _ in range(height)] for _ in range(3)]

    def loss(*numbers):
        for generator, state in states:
            generator.setstate(state)  # the same numbers are dropped each time
        for parameter, number in zip(parameters, numbers, strict=False):
            parameter.data = number
        samples = [list(numbers[k : k + width]) for k in range(len(parameters), len(numbers), width)]
        answers = model.batch(samples)
        return sum(ops.dot(w, row) for w, row in zip(weights, answers, strict=True))

    point = [p.data for p in parameters] + [number for row in rows for number in row]
    inputs = [Value(number) for number in point]
    value = loss(*[p.data for p in parameters], *inputs[len(parameters):])
    model.zero_grad()
    value.backward()
    slopes = [p.grad for p in parameters] + [v.grad for v in inputs[len(parameters):]]
    for place in range(len(point)):
        above, below = list(point), list(point)
        above[place] += 1e-5
        below[place] -= 1e-5
        estimate = (loss(*above) - loss(*below)) / 2e-5
        assert slopes[place] == pytest.approx(estimate.data, rel=1e-5, abs=1e-7)
