"""What the library says when it is used in another way than it is meant, and where called parts belong."""

import copy
import math
import random
from collections import deque

import pytest

from autograd_lite.engine import Value, scope, topological_order
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import MLP, SGD, Adam, Layer, Module, Neuron, fit

X, Y = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0, 1, 1, 0]


class Net(Module):
    """What a user writes: parts in an attribute and in a list that grows after it was assigned."""

    def __init__(self, depth=3):
        self.first = MLP(2, [2, 2], activation="tanh", seed=0)
        self.layers = []
        for seed in range(depth):
            self.layers.append(Layer(2, 2, activation="tanh", seed=seed))
        self.gain = Value(2.0)

    def forward(self, x):
        x = self.first(x)
        for layer in self.layers:
            x = layer(x)
        return x[0] * self.gain + x[1]


class Empty(Module):
    def forward(self, x):
        return Value(x[0])


def model(seed=0):
    return MLP(2, [2, 1], activation="tanh", seed=seed)


def scopes(output):
    """The scopes of the nodes that were computed, and of the parameters they were computed from."""
    nodes = [node for node in topological_order(output) if not node.is_constant and not node.is_frozen]
    return tuple({node.scope for node in nodes if node.is_leaf is leaf} for leaf in (False, True))


# how a module shows itself


def test_a_users_module_shows_its_name_and_size():
    assert repr(Net()) == "Net(31 parameters)"
    assert repr(Empty()) == "Empty(0 parameters)"
    one = Empty()
    one.w = Value(1.0)
    assert repr(one) == "Empty(1 parameter)"
    assert repr(Layer(2, 1)) == "Layer of [ReLUNeuron(2)]"


# what cannot be searched


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: {Value(1.0)}, "a set of Values or modules"),
        (lambda: frozenset([Neuron(1)]), "a frozenset of Values or modules"),
        (lambda: deque([Neuron(1)]), "a deque of Values or modules"),
        (lambda: {"a": Value(1.0)}.values(), "a dict_values of Values or modules"),
        (lambda: (Neuron(1) for _ in range(3)), "a generator, which can be gone through only once"),
        (lambda: map(Value, [1.0, 2.0]), "a map, which can be gone through only once"),
    ],
)
def test_attributes_in_which_parameters_would_be_missed_are_refused(build, words):
    module = Empty()
    module.parts = [Value(1.0)]
    with pytest.raises(ArgumentError) as caught:
        module.parts = build()
    assert f"Empty.parts is {words}" in str(caught.value)
    assert "self.parts = [...]" in str(caught.value)
    assert len(module.parameters()) == 1


def test_sets_of_other_things_are_nobodys_business():
    module = Empty()
    module.names, module.queue, module.numbers = {"a", "b"}, deque([1]), {1: 2}.values()
    assert module.names == {"a", "b"}


# wrong arguments


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: model()(1, 2), 'MLP "model" takes (x), got (1, 2). A sample is one list: model([...])'),
        (lambda: model()(), 'MLP "model" takes (x), got ()'),
        (lambda: model()([1, 2], mode=3), 'MLP "model" takes (x), got ([1, 2], mode=3)'),
        (lambda: Layer(2, 1)(1.0, 2.0), 'Layer "layer" takes (x), got (1.0, 2.0)'),
        (lambda: Net()(1, 2), 'Net "net" takes (x), got (1, 2)'),
        (lambda: model().load_state_dict(3), "takes a dict of names and numbers, as state_dict()"),
        (lambda: model().load_state_dict("model.npz"), "A file is read by load(path)"),
        (lambda: model().load(None), "load takes the path of a file that save wrote, got None"),
        (lambda: model().save(None), "save takes the path of a file to write, got None"),
        (lambda: model().load(3), "load takes the path of a file that save wrote, got 3"),
        (lambda: Adam([]), "Adam got no parameters at all. A model has those Values"),
        (lambda: Adam(Net()), "Adam takes a list of parameters, got Net(31 parameters): give"),
        (lambda: fit(Empty(), X, Y), "Empty(0 parameters) has no parameters to train: assign its Values"),
        (lambda: fit(Net().freeze(), X, Y), "Net(31 parameters) has no parameter to train: all 31 are"),
    ],
)
def test_a_wrong_call_says_what_was_expected(call, words):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert words in str(caught.value)


def test_a_type_error_within_forward_stays_what_it_is():
    class Broken(Module):
        def forward(self, x):
            return len(x, x)

    with pytest.raises(TypeError, match="len"):
        Broken()(1.0)


@pytest.mark.parametrize(
    ("callbacks", "words"),
    [
        ([3], "callbacks[0] is 3"),
        ([print, None], "callbacks[1] is None"),
        (3, "callbacks is a function of an EpochEnd, or a list of them, got 3"),
        ("stop", "callbacks is a function of an EpochEnd"),
        (None, "callbacks is a function of an EpochEnd"),
    ],
)
def test_callbacks_are_checked_before_training(callbacks, words):
    net = model()
    before = net.state_dict()
    with pytest.raises(ArgumentError) as caught:
        fit(net, X, Y, epochs=1, callbacks=callbacks)
    assert words in str(caught.value)
    assert net.state_dict() == before


# history


def test_history_says_whether_a_callback_ended_training():
    early = fit(model(), X, Y, epochs=5, callbacks=lambda event: event.epoch == 2)
    assert (early.stopped_early, len(early)) == (True, 2)
    full = fit(model(), X, Y, epochs=5, callbacks=lambda event: False)
    assert not full.stopped_early
    assert full.as_dict()["stopped_early"] is False

    def press_ctrl_c(event):
        raise KeyboardInterrupt

    interrupted = fit(model(), X, Y, epochs=5, callbacks=press_ctrl_c)
    assert (interrupted.interrupted, interrupted.stopped_early) == (True, False)
    assert not early.interrupted
    assert not full.interrupted


# the state of an optimizer


def changed(state, **settings):
    (group,) = state["groups"]
    return {**state, "groups": [{**group, "settings": {**group["settings"], **settings}}]}


SGD_BAD = [{"momentum": "x"}, {"momentum": -1.0}, {"momentum": math.nan}, {"weight_decay": None},
           {"nesterov": "yes"}, {"nesterov": True}, {"lr": "fast"}, {"lr": -1.0}]  # fmt: skip
ADAM_BAD = [{"betas": ["x", 0.9]}, {"betas": [1.0, 0.9]}, {"betas": [0.9, -0.1]}, {"betas": [0.9, math.nan]},
            {"betas": 3}, {"eps": 0.0}, {"eps": None}, {"amsgrad": "yes"},
            {"weight_decay": math.inf}, {"weight_decay": [0.1]}, {"lr": None}]  # fmt: skip


BAD = [*((SGD, bad) for bad in SGD_BAD), *((Adam, bad) for bad in ADAM_BAD)]


@pytest.mark.parametrize(("rule", "bad"), BAD)
def test_every_setting_of_a_state_is_checked_before_anything_changes(rule, bad):
    optimizer = rule([Value(1.0)], lr=0.1)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ArgumentError):
        optimizer.load_state_dict(changed(before, **{"lr": 0.5, **bad}))
    assert optimizer.state_dict() == before


NO_STATE = [3, {"rule": "SGD"}, {"groups": 3}, {"groups": [3]},
            {"settings": 3}, {"steps": 3}, {"steps": [-1]}, {"steps": [1.5]}, {"steps": ["1"]},
            {"state": 3}, {"state": {"mean": 1, "mean_square": [0.0]}},
            {"state": {"mean": ["x"], "mean_square": [0.0]}}]  # fmt: skip


@pytest.mark.parametrize("change", NO_STATE)
def test_a_state_that_is_none_is_refused(change):
    optimizer = Adam([Value(1.0)], lr=0.1)
    before = copy.deepcopy(optimizer.state_dict())
    if isinstance(change, dict):
        (group,) = before["groups"]
        group = {**group, **{key: part for key, part in change.items() if key not in before}}
        change = {**before, "groups": [group], **{key: part for key, part in change.items() if key in before}}
    with pytest.raises(ArgumentError):
        optimizer.load_state_dict(change)
    assert optimizer.state_dict() == before


def test_a_good_state_is_taken_with_all_its_settings():
    first, second = SGD([Value(1.0)], 0.1, momentum=0.9, nesterov=True), SGD([Value(1.0)])
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict()
    assert second.settings == {"momentum": 0.9, "dampening": 0.0, "nesterov": True, "weight_decay": 0.0}


# where nodes and parameters belong


def test_a_layer_called_by_itself_stays_in_its_model():
    net = model()
    for _ in range(2):  # before the model was called, and after
        out = net.layers[0]([1.0, 2.0])[1]
        assert scopes(out) == ({"model/layer 0/neuron 1"}, {"model/layer 0/neuron 1"})
        neuron = net.layers[0].neurons[0]
        assert scopes(neuron([1.0, 2.0])) == ({"model/layer 0/neuron 0"}, {"model/layer 0/neuron 0"})
        inner, leaves = scopes(net([1.0, 2.0]))
        assert inner == leaves
        assert all(path.startswith("model/layer ") for path in inner)


def test_a_part_called_from_further_above_stays_where_it_is():
    net = Net()
    net([1.0, 2.0])
    assert scopes(net.first.layers[1].neurons[0]([1.0, 2.0]))[0] == {"net/first/layer 1/neuron 0"}

    class Skips(Net):
        def forward(self, x):
            return self.first.layers[0](x)[0]

    skips = Skips()
    for _ in range(2):
        assert scopes(skips([1.0, 2.0])) == ({"skips/first/layer 0/neuron 0"},) * 2


def test_a_users_scope_goes_around_the_model_only():
    net = model()
    with scope("sample 3"):
        out = net([1.0, 2.0])
    assert {path.rpartition("/layer ")[0] for path in scopes(out)[0]} == {"sample 3/model"}
    with scope("elsewhere"):
        assert scopes(net.layers[0]([1.0, 2.0])[0]) == ({"elsewhere/layer 0/neuron 0"},) * 2
    inner, leaves = scopes(net([1.0, 2.0]))
    assert inner == leaves
    assert {path.rpartition("/layer ")[0] for path in inner} == {"model"}
    assert scopes(net.layers[0]([1.0, 2.0])[0]) == ({"model/layer 0/neuron 0"},) * 2


def test_a_module_that_two_models_share_belongs_to_the_one_that_calls_it():
    class Half(Module):
        def __init__(self, shared):
            self.shared = shared

        def forward(self, x):
            return self.shared(x)[0]

    shared = Layer(2, 2, activation="tanh", seed=0)
    left, right = Half(shared), Half(shared)
    left.scope_name, right.scope_name = "left", "right"
    for half in (left, right, left, right):
        path = f"{half.scope_name}/shared/neuron 0"
        assert scopes(half([1.0, 2.0])) == ({path}, {path})


def test_a_name_given_later_counts():
    net = model()
    net([1.0, 2.0])
    net.layers[0].scope_name = "encoder"
    assert scopes(net.layers[0]([1.0, 2.0])[0]) == ({"model/encoder/neuron 0"},) * 2
    net.scope_name = "critic"
    inner, leaves = scopes(net([1.0, 2.0]))
    assert inner == leaves
    assert {path.rpartition("/")[0] for path in inner} == {"critic/encoder", "critic/layer 1"}


def test_modules_appended_to_a_list_are_numbered_like_the_others():
    inner, leaves = scopes(Net()([1.0, 2.0]))
    assert {path.split("/")[1] for path in inner if "/" in path} == {"first", "layer 0", "layer 1", "layer 2"}
    assert leaves == inner  # the gain and the sum are the net's own
    net = MLP(2, [2], activation="tanh", seed=0)
    net.layers.append(Layer(2, 1, seed=1))
    assert net([1.0, 2.0]).scope == "model/layer 1/neuron 0"

    class Several(Module):
        def __init__(self):
            self.experts = []
            self.experts += [model(seed) for seed in range(2)]

        def forward(self, x):
            return self.experts[0](x) + self.experts[1](x)

    several = Several()
    several([1.0, 2.0])
    assert several.experts[1].layers[0].neurons[0].b.scope == "several/expert 1/layer 0/neuron 0"


def test_a_cycle_of_modules_can_be_called():
    net = model()
    net.layers[0].owner = net
    assert math.isfinite(net([1.0, 2.0]).data)


def test_a_copy_and_training_know_where_they_belong():
    net = copy.deepcopy(model())
    fit(net, X, Y, epochs=1)
    assert scopes(net.layers[0]([1.0, 2.0])[0]) == ({"model/layer 0/neuron 0"},) * 2
    rng = random.Random(0)
    assert net([rng.random(), rng.random()]).scope == "model/layer 1/neuron 0"
