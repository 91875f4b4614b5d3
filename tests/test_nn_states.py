"""What a module is besides its parameters: training or not, buffers, generators, starting again, batches."""

import random

import pytest

from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import ArgumentError
from autograd_lite.nn import MLP, Module, Neuron
from autograd_lite.nn.calling import watching


class Remembering(Module):
    """Counts its calls and keeps the last two inputs."""

    buffer_names = ("calls", "last")

    def __init__(self):
        self.calls, self.last = 0.0, [0.0, 0.0]
        self.rng = random.Random(1)

    def forward(self, x):
        self.calls, self.last = self.calls + 1, [self.last[1], x]
        return x


class Centred(Module):
    """Mixes the samples of a batch."""

    mixes_samples = True

    def forward(self, x):
        raise AssertionError("one sample alone")

    def forward_batch(self, rows):
        mean = sum(rows) / len(rows)
        return [row - mean for row in rows]


class Pair(Module):
    def __init__(self, *parts):
        self.parts = list(parts)

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def forward_batch(self, rows):
        for part in self.parts:
            rows = part.batch(rows)
        return rows


def test_train_and_eval_reach_every_module():
    model = Pair(Remembering(), Pair(Remembering()))
    assert model.training
    assert model.eval() is model
    assert [module.training for _, module in model.named_modules()] == [False] * 4
    assert all(module.training for _, module in model.train().named_modules())


def test_buffers_are_named_and_saved_with_the_parameters(tmp_path):
    model = Pair(Remembering(), MLP(1, [1], seed=0))
    model(3.0)
    model(4.0)
    assert model.named_buffers() == [("parts.0.calls", 2.0), ("parts.0.last.0", 3.0), ("parts.0.last.1", 4.0)]
    assert not [name for name, _ in model.named_parameters() if name.startswith("parts.0")]
    model.save(tmp_path / "model.npz")
    other = Pair(Remembering(), MLP(1, [1], seed=5))
    other.load(tmp_path / "model.npz")
    assert other.state_dict() == model.state_dict()
    assert other.parts[0].last == [3.0, 4.0]


def test_a_state_without_the_buffers_changes_nothing():
    model = Pair(Remembering(), MLP(1, [1], seed=0))
    before = model.state_dict()
    with pytest.raises(ArgumentError, match=r"missing: parts\.0\.calls"):
        model.load_state_dict({name: 9.0 for name, _ in model.named_parameters()})
    assert model.state_dict() == before


def test_generators_are_found_once():
    part = Remembering()
    model = Pair(part, part, Remembering())
    assert [name for name, _ in model.generators()] == ["parts.0.rng", "parts.2.rng"]
    assert model.generators()[0][1] is part.rng


def test_reset_gives_the_start_of_that_seed_and_goes_on_with_a_generator():
    model, rng = MLP(3, [4, 2], activation="tanh", seed=9), random.Random(2)
    first = model.reset(rng).state_dict()
    second = model.reset(rng).state_dict()
    assert first == MLP(3, [4, 2], activation="tanh", seed=2).state_dict()
    assert not set(first.values()) & set(second.values())


def test_reset_of_a_module_that_cannot_changes_nothing():
    class Own(Module):
        def __init__(self):
            self.w = Value(1.0)

    model = Pair(MLP(1, [1], seed=0), Own())
    before = model.state_dict()
    with pytest.raises(ArgumentError, match="reset_parameters"):
        model.reset(seed=1)
    assert model.state_dict() == before


def test_batch_is_sample_by_sample_in_one_scope():
    model = MLP(2, [2, 1], activation="tanh", seed=0)
    rows = [[0.1, 0.2], [0.3, -0.4]]
    together = model.batch(rows)
    assert [out.data for out in together] == [model(row).data for row in rows]
    assert {node.scope for node in topological_order(together[1])} == {
        node.scope for node in topological_order(model(rows[1]))
    }


def test_modules_that_mix_samples_ask_for_a_batch():
    model = Pair(Centred())
    assert model.needs_batch
    assert not model.eval().needs_batch
    assert not MLP(1, [1]).needs_batch
    assert [v.data for v in model.batch([Value(1.0), Value(3.0)])] == [-1.0, 1.0]


def test_batch_of_a_class_in_micrograds_style():
    class Theirs(Neuron):
        def __call__(self, x):
            return self.w[0] * x[0] + 100.0

    neuron = Theirs(1, init="zeros")
    assert [out.data for out in neuron.batch([[1.0], [2.0]])] == [100.0, 100.0]


def test_watching_tells_of_calls_and_stops():
    model, told = MLP(1, [2, 1], seed=0), []
    with watching(lambda module, inputs, output: told.append((module.scope_name, inputs))):
        model([0.5])
    model([0.5])
    assert [name for name, _ in told] == [
        "neuron 0", "neuron 1", "layer 0", "neuron 0", "layer 1", "model",
    ]  # fmt: skip
    assert told[-1][1] == ([0.5],)
