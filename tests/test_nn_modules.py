"""Neuron, Layer, MLP and Module: micrograd's behaviour, names, scopes, starts, and errors."""

import copy
import math
import random
import statistics

import numpy as np
import pytest

from autograd_lite import ops
from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import ArgumentError, AutogradError
from autograd_lite.nn import INITS, MLP, Layer, Module, Neuron


def numbers(model):
    return [p.data for p in model.parameters()]


# micrograd


def test_plain_mlp_is_micrograds_to_the_bit():
    theirs = pytest.importorskip("micrograd.nn", reason="compares with micrograd")
    random.seed(1337)
    expected = theirs.MLP(3, [5, 4, 1])
    random.seed(1337)
    model = MLP(3, [5, 4, 1])
    assert numbers(model) == numbers(expected)
    assert repr(model) == repr(expected)
    rng = random.Random(0)
    for _ in range(50):
        sample = [rng.uniform(-3, 3) for _ in range(3)]
        assert model(sample).data == expected(sample).data


@pytest.mark.parametrize("build", [lambda nn: nn.Neuron(4), lambda nn: nn.Neuron(4, nonlin=False),
                                   lambda nn: nn.Neuron(4, False), lambda nn: nn.Layer(2, 3),
                                   lambda nn: nn.Layer(2, 3, nonlin=False), lambda nn: nn.Layer(2, 1)])
def test_micrograds_signatures_reprs_and_draw_order(build):
    theirs = pytest.importorskip("micrograd.nn", reason="compares with micrograd")
    from autograd_lite import nn

    random.seed(7)
    expected = build(theirs)
    random.seed(7)
    assert repr(build(nn)) == repr(expected)
    random.seed(7)
    assert numbers(build(nn)) == numbers(expected)


def test_training_follows_micrograds_trajectory():
    theirs = pytest.importorskip("micrograd.nn", reason="compares with micrograd")
    from micrograd.engine import Value as TheirValue

    rng = random.Random(4)
    X = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(8)]
    y = [1 if a * b > 0 else -1 for a, b in X]

    def losses(model, value):
        seen = []
        for step in range(100):
            scores = [model([value(number) for number in sample]) for sample in X]
            margins = [(1 + -target * score).relu() for target, score in zip(y, scores, strict=True)]
            total = sum(margins) * (1.0 / len(margins)) + 1e-4 * sum(p * p for p in model.parameters())
            model.zero_grad()
            total.backward()
            for p in model.parameters():
                p.data -= (1.0 - 0.9 * step / 100) * p.grad
            seen.append(total.data)
        return seen

    random.seed(1)
    expected = theirs.MLP(2, [6, 6, 1])
    random.seed(1)
    model = MLP(2, [6, 6, 1])
    assert losses(model, Value) == pytest.approx(losses(expected, TheirValue), rel=1e-9)
    assert numbers(model) == pytest.approx(numbers(expected), rel=1e-9)


def test_modules_in_micrograds_style_work_unchanged():
    class Net(Module):
        def __init__(self):
            self.hidden = Layer(2, 3)
            self.gain = Value(2.0)
            self.last = Neuron(3, nonlin=False)

        def __call__(self, x):
            return self.last(self.hidden(x)) * self.gain

        def parameters(self):
            return [*self.hidden.parameters(), self.gain, *self.last.parameters()]

    net = Net()
    net([1.0, 2.0]).backward()
    net.zero_grad()
    assert all(p.grad == 0 for p in net.parameters())
    assert [name for name, _ in net.named_parameters()] == [
        "hidden.neurons.0.w.0", "hidden.neurons.0.w.1", "hidden.neurons.0.b",
        "hidden.neurons.1.w.0", "hidden.neurons.1.w.1", "hidden.neurons.1.b",
        "hidden.neurons.2.w.0", "hidden.neurons.2.w.1", "hidden.neurons.2.b",
        "gain", "last.w.0", "last.w.1", "last.w.2", "last.b",
    ]  # fmt: skip


def test_subclasses_that_build_their_own_parts_work():
    class OwnNeurons(Layer):
        def __init__(self, nin, nout):
            self.neurons = [Neuron(nin) for _ in range(nout)]

    class OwnLayers(MLP):
        def __init__(self):
            self.layers = [OwnNeurons(2, 3), OwnNeurons(3, 1)]

    assert isinstance(OwnLayers()([1.0, 2.0]), Value)
    with pytest.raises(ArgumentError, match='Neuron "model/layer 0/neuron 0" takes 2 numbers'):
        OwnLayers()([1.0, 2.0, 3.0])


def test_overridden_parameters_decide_which_there_are():
    class Odd(Module):
        def __init__(self):
            self.fixed = Value(1.0)
            self.free = Value(2.0)
            self.hidden_ones = {1: {2: Value(3.0)}}.items()

        def parameters(self):
            return [self.free, *(v for _, inner in self.hidden_ones for v in inner.values())]

    odd = Odd()
    assert odd.state_dict() == {"free": 2.0, "parameters.1": 3.0}

    class Outer(Module):
        def __init__(self):
            self.odd = odd

    assert list(Outer().state_dict()) == ["odd.free", "odd.parameters.1"]


def test_single_neuron_in_the_middle_works():
    model = MLP(2, [1, 1], seed=0)
    assert isinstance(model([1.0, 2.0]), Value)
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert len(Layer(2, 2)([1.0, 2.0])) == 2


# starts


def test_same_seed_same_start_and_the_global_generator_is_left_alone():
    random.seed(3)
    before = random.getstate()
    assert numbers(MLP(2, [4, 1], seed=5)) == numbers(MLP(2, [4, 1], seed=5))
    assert numbers(MLP(2, [4, 1], seed=5)) != numbers(MLP(2, [4, 1], seed=6))
    assert random.getstate() == before
    shared = random.Random(5)
    assert numbers(MLP(2, [4, 1], seed=shared)) == numbers(MLP(2, [4, 1], seed=5))
    assert numbers(MLP(2, [4, 1], seed=shared)) != numbers(MLP(2, [4, 1], seed=5))


@pytest.mark.parametrize("choice", [{"activation": "relu"}, {"seed": 0}, {"output": "linear"},
                                    {"init": "uniform_fan_in"}])
def test_any_choice_switches_to_the_documented_start(choice):
    random.seed(0)
    model = MLP(16, [16, 1], **choice)
    for layer in model.layers:
        assert all(abs(p.data) <= 0.25 for p in layer.parameters())
        assert all(neuron.b.data != 0.0 for neuron in layer.neurons)


SPREAD = {  # standard deviation of a weight with 50 inputs and 30 outputs
    "uniform_fan_in": math.sqrt(1 / 50 / 3),
    "xavier_uniform": math.sqrt(2 / 80),
    "xavier_normal": math.sqrt(2 / 80),
    "he_uniform": math.sqrt(2 / 50),
    "he_normal": math.sqrt(2 / 50),
    "lecun_uniform": math.sqrt(1 / 50),
    "lecun_normal": math.sqrt(1 / 50),
    "normal": 1.0,
    "micrograd": math.sqrt(1 / 3),
    "zeros": 0.0,
}


@pytest.mark.parametrize("name", sorted(INITS))
def test_init_has_the_spread_of_its_formula(name):
    layer = Layer(50, 30, init=name, seed=1)
    weights = [w.data for neuron in layer.neurons for w in neuron.w]
    assert statistics.fmean(weights) == pytest.approx(0, abs=max(0.03, 0.1 * SPREAD[name]))
    assert statistics.pstdev(weights) == pytest.approx(SPREAD[name], rel=0.05)
    biases = [neuron.b.data for neuron in layer.neurons]
    assert (min(biases) < 0 < max(biases)) if name == "uniform_fan_in" else set(biases) == {0.0}


def test_init_may_be_a_function():
    seen = set()

    def draw(rng, fan_in, fan_out):
        seen.add((fan_in, fan_out))
        return 0.5

    model = MLP(3, [4, 2], init=draw)
    assert seen == {(3, 4), (4, 2)}
    assert set(model.state_dict().values()) == {0.5, 0.0}


# activations


def test_activation_by_name_row_or_function():
    by_name, by_row = (Neuron(2, activation=a, seed=1)([0.3, -0.7]).data for a in ("tanh", ops.tanh))
    neuron = Neuron(2, activation=lambda v: v.tanh(), seed=1)
    assert by_name == by_row == neuron([0.3, -0.7]).data
    assert repr(Neuron(2, activation="leaky_relu")) == "LeakyReLUNeuron(2)"
    assert repr(Neuron(2, activation="linear")) == "LinearNeuron(2)"


def test_output_is_the_activation_of_the_last_layer():
    model = MLP(2, [3, 1], activation="tanh", output="sigmoid", seed=0)
    assert 0 < model([100.0, -100.0]).data < 1
    assert repr(model.layers[1]) == "Layer of [SigmoidNeuron(3)]"
    assert repr(MLP(2, [3, 1], output="linear").layers[1]) == "Layer of [LinearNeuron(3)]"


NO_ACTIVATION = ("detach", "logical_not")  # no gradient flows through them
SMOOTH = sorted(name for name, op in ops.TABLE.items() if op.arity == 1 and name not in NO_ACTIVATION)


@pytest.mark.parametrize("name", SMOOTH)
def test_every_op_of_one_operand_is_an_activation(name):
    neuron = Neuron(1, activation=name, init=lambda *_: 1.0)
    expected = ops.TABLE[name](Value(0.5)).data
    assert neuron([0.5]).data == expected or math.isnan(expected)


# the graph


def test_neuron_is_products_one_sum_and_the_activation():
    neuron = Neuron(3, activation="tanh", seed=0)
    out = neuron([1.0, 2.0, 3.0])
    (total,) = out.parents
    assert (out.op.name, total.op.name) == ("tanh", "sum")
    assert total.parents[0] is neuron.b
    assert [product.op.name for product in total.parents[1:]] == ["mul"] * 3
    assert [product.parents[0] for product in total.parents[1:]] == neuron.w


def test_plain_inputs_are_one_labelled_leaf_each_without_gradient():
    model = MLP(2, [3, 1], activation="tanh", seed=0)
    out = model([0.5, -1.5])
    inputs = [node for node in topological_order(out) if node.label in ("x0", "x1")]
    assert sorted(node.data for node in inputs) == [-1.5, 0.5]
    assert all(node.is_frozen and node.scope == "" for node in inputs)
    out.backward()
    assert not any(node.has_grad for node in inputs)
    assert all(p.has_grad for p in model.parameters())


def test_values_as_inputs_have_gradients():
    model = MLP(2, [3, 1], activation="tanh", seed=0)
    x = [Value(0.5), Value(-1.5)]
    model(x).backward()
    nudge = 1e-6
    for index, value in enumerate(x):
        moved = [[v.data + sign * nudge * (i == index) for i, v in enumerate(x)] for sign in (1, -1)]
        up, down = (model(sample).data for sample in moved)
        assert value.grad == pytest.approx((up - down) / (2 * nudge), rel=1e-6)


def test_scopes_and_labels_say_what_each_node_is():
    model = MLP(2, [3, 1], activation="tanh", seed=0)
    weight = model.layers[0].neurons[2].w[1]
    assert (weight.scope, weight.label) == ("model/layer 0/neuron 2", "w1")
    out = model([1.0, 1.0])
    assert out.scope == "model/layer 1/neuron 0"
    hidden = [node.scope for node in topological_order(out) if node.op_text == "tanh"]
    assert sorted(hidden) == [f"model/layer 0/neuron {i}" for i in range(3)]


def test_scopes_follow_the_container():
    class Pair(Module):
        def __init__(self):
            self.encoder = MLP(1, [1], seed=0)
            self.blocks = [Layer(1, 1, seed=1), Layer(1, 1, seed=2)]
            self.heads = {"left": Neuron(1, seed=3)}
            self.scale = Value(1.0)

        def forward(self, x):
            x = self.encoder(x)
            for block in self.blocks:
                x = block(x)
            return self.heads["left"](x) * self.scale

    pair = Pair()
    pair.scope_name = "pair of nets"
    pair(1.0)
    assert pair.encoder.parameters()[0].scope == "pair of nets/encoder/layer 0/neuron 0"
    assert pair.blocks[1].parameters()[0].scope == "pair of nets/block 1/neuron 0"
    assert pair.heads["left"].b.scope == "pair of nets/head left"
    assert (pair.scale.scope, pair.scale.label) == ("pair of nets", "scale")
    Pair()(1.0)


# Module


def test_parameters_are_found_in_every_attribute_once():
    class Tied(Module):
        def __init__(self):
            self.a = Value(1.0)
            self.more = [Value(2.0), (Value(3.0), self.a)]
            self.by_name = {"k": Value(4.0)}
            self.part = Layer(1, 1)
            self.again = self.part
            self.text, self.cache = "not a parameter", [1.0, None]

    tied = Tied()
    tied.part.owner = tied  # a cycle
    tied.cache.append(tied.a * 2.0)  # an inner node is no parameter
    assert [name for name, _ in tied.named_parameters()] == [
        "a", "more.0", "more.1.0", "by_name.k", "part.neurons.0.w.0", "part.neurons.0.b"]  # fmt: skip
    assert len(tied.parameters()) == 6
    assert [name for name, _ in tied.named_modules()] == ["", "part", "part.neurons.0"]


def test_parameters_are_found_in_numpys_arrays():
    class Map(Module):
        def __init__(self):
            self.W = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])

        def forward(self, x):
            return list(self.W @ np.array(x))

    model = Map()
    model([1.0, 1.0])
    assert [name for name, _ in model.named_parameters()] == ["W.0.0", "W.0.1", "W.1.0", "W.1.1"]
    assert [parameter.label for parameter in model.parameters()] == ["W00", "W01", "W10", "W11"]


def test_freeze_stops_gradients_and_unfreeze_brings_them_back():
    model = MLP(2, [2, 1], activation="tanh", seed=0)
    assert model.layers[0].freeze() is model.layers[0]
    model([1.0, 1.0]).backward()
    assert not any(p.has_grad for p in model.layers[0].parameters())
    assert all(p.has_grad for p in model.layers[1].parameters())
    model.unfreeze()
    model([1.0, 1.0]).backward()
    assert all(p.has_grad for p in model.parameters())


def test_zero_grad_forgets():
    model = MLP(2, [2, 1], activation="tanh", seed=0)
    model([1.0, 1.0]).backward()
    model.zero_grad()
    assert [p.grad for p in model.parameters()] == [0.0] * 9


def test_deepcopy_is_independent():
    model = MLP(2, [2, 1], activation="tanh", seed=0)
    twin = copy.deepcopy(model)
    assert twin([1.0, 2.0]).data == model([1.0, 2.0]).data
    twin.parameters()[0].data = 9.0
    assert model.parameters()[0].data != 9.0


def test_module_without_forward_says_so():
    with pytest.raises(AutogradError, match="Module has no forward"):
        Module()(1.0)


# errors


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ([1.0], 'MLP "model" takes 2 numbers for a sample, got 1'),
        ([1.0, 2.0, 3.0], "got 3"),
        ([], "got 0"),
        (1.0, "takes a list of 2 numbers, got 1.0"),
        ("ab", "takes a list of 2 numbers, got 'ab'"),
        ({"a": 1}, "takes a list of 2 numbers"),
        (None, "takes a list of 2 numbers, got None"),
        ([1.0, "b"], "input 1 is 'b', a str"),
        ([1.0, None], "input 1 is None"),
        ([1.0, 2j], "input 1 is 2j, a complex"),
        ([[1.0, 2.0], [3.0, 4.0]], "input 0 is itself a list"),
        ([1.0, [2.0]], "input 1 is itself a list"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(sample, words):
    with pytest.raises(ArgumentError) as caught:
        MLP(2, [2, 1], seed=0)(sample)
    assert words in str(caught.value)


def test_numpy_samples_are_taken_and_matrices_refused():
    model = MLP(2, [2, 1], seed=0)
    assert model(np.array([1.0, 2.0])).data == model([1, 2]).data == model((1.0, 2)).data
    with pytest.raises(ArgumentError, match="input 0 is itself a list"):
        model(np.eye(2))
    with pytest.raises(ArgumentError, match="takes a list of 2 numbers"):
        model(np.array(1.0))


def test_inner_layer_names_itself():
    model = MLP(2, [2, 1], seed=0)
    model.layers[1] = Layer(3, 1, seed=0)
    model.layers = list(model.layers)
    with pytest.raises(ArgumentError, match=r'Layer "(model/)?layer 1" takes 3 numbers'):
        model([1.0, 2.0])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: MLP(2, [4, 1], activation="tahn"), "unknown activation 'tahn': did you mean 'tanh'?"),
        (lambda: MLP(2, [4, 1], output="sigmod"), "did you mean 'sigmoid'?"),
        (lambda: MLP(2, [4, 1], activation=3), "activation is a name or a function"),
        (lambda: MLP(2, [4, 1], init="xavier_unifrom"), "did you mean 'xavier_uniform'?"),
        (lambda: MLP(2, [4, 1], init="he"), "did you mean 'he_normal'?"),
        (lambda: MLP(2, [4, 1], activation="?"), "Known: elu, gelu, hardtanh, leaky_relu, linear,"),
        (lambda: MLP(2, [4, 1], init=0.5), "init is the name of a rule"),
        (lambda: MLP(2, [4, 1], seed="x"), "seed is an int"),
        (lambda: MLP(2, 4), "nouts is a list"),
        (lambda: MLP(2, "41"), "nouts is a list"),
        (lambda: MLP(2, []), "nouts is empty"),
        (lambda: MLP(2, [4, 0]), "nouts[1] is a whole number of at least 1, got 0"),
        (lambda: MLP(2.5, [4, 1]), "nin is a whole number"),
        (lambda: Layer(2, -1), "nout is a whole number"),
        (lambda: Neuron(0), "nin is a whole number"),
        (lambda: Neuron(True), "nin is a whole number"),
    ],
)
def test_wrong_arguments_are_named(build, words):
    with pytest.raises(ArgumentError) as caught:
        build()
    assert words in str(caught.value)


def test_parameters_are_those_that_have_names_in_the_same_order():
    class Turned(Module):
        def __init__(self):
            self.a, self.b, self.hidden = Value(1.0), Value(2.0), Neuron(1)

        def parameters(self):
            return [self.b, self.a]

    class Everything(Module):
        def __init__(self):
            self.text, self.number, self.nothing = "text", 3.0, None
            self.turned = Turned()
            self.nested = [[Value(3.0)], {"x": Value(4.0), "y": (Value(5.0), Neuron(2))}]
            self.again = [self.nested, self.turned.a, self.turned, self.turned.hidden]
            self.computed = Value(6.0) * 2.0
            self.constant = self.computed.parents[-1]
            self.array = np.array([[Value(7.0)], [Value(8.0)]], dtype=object)
            self.plain = np.zeros(3)
            self.me = self

    model = Everything()
    found = model.parameters()
    assert [id(each) for each in found] == [id(each) for _, each in model.named_parameters()]
    assert [each.data for each in found[:5]] == [2.0, 1.0, 3.0, 4.0, 5.0]
    assert [each.data for each in found[-2:]] == [7.0, 8.0]
    assert len(found) == 2 + 3 + 3 + 2
