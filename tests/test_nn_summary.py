"""The summary of a model: what it counts, that it disturbs nothing, and how it looks."""

import random
from html.parser import HTMLParser

import pytest

from autograd_lite import nn, no_grad, ops
from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import ArgumentError
from autograd_lite.nn.calling import watching, without_scopes


def everything():
    return nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm(4), "tanh", nn.Dropout(0.5, seed=1),
        nn.Residual(nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4))), nn.MLP(4, [3, 2], activation="tanh"),
        seed=0,
    )  # fmt: skip


def column(summary, name):
    return {row.name if row.depth < 2 else f"{row.depth} {row.name}": getattr(row, name)
            for row in summary.rows}


def test_rows_parameters_and_outputs():
    summary = everything().eval().summary([1.0, 2.0, 3.0])
    assert [(row.depth, row.name, row.kind, row.outputs, row.parameters) for row in summary.rows] == [
        (0, "model", "Sequential", "2", 16 + 8 + 28 + 23),
        (1, "layers.0", "Linear(3, 4)", "4", 16),
        (1, "layers.1", "BatchNorm(4)", "4", 8),
        (1, "layers.2", "Activation('tanh')", "4", 0),
        (1, "layers.3", "Dropout(0.5)", "4", 0),
        (1, "layers.4", "Residual", "4", 28),
        (2, "block", "Sequential", "4", 28),
        (3, "layers.0", "LayerNorm(4)", "4", 8),
        (3, "layers.1", "Linear(4, 4)", "4", 20),
        (1, "layers.5", "MLP", "2", 23),
        (2, "layers.0", "Layer of 3 TanhNeuron(4)", "3", 15),
        (2, "layers.1", "Layer of 2 LinearNeuron(3)", "2", 8),
    ]
    assert summary.parameters == len(everything().parameters())


def test_nodes_are_those_of_the_graph():
    model = everything().eval()
    summary = model.summary()
    graph = [node for node in topological_order(*model([0.0] * 3)) if not node.is_leaf]
    assert summary.nodes == len(graph)
    assert summary.samples == 1
    nodes = column(summary, "nodes")
    assert nodes["layers.0"] == 8  # a dot and a plus for each output
    assert nodes["layers.2"] == 4
    assert nodes["layers.3"] == 0  # dropout in use
    assert nodes["layers.4"] == 4 + nodes["2 block"]
    assert nodes["model"] == sum(nodes[f"layers.{index}"] for index in range(6))


def test_in_training_a_batch_goes_through_and_dropout_counts():
    model = everything()
    summary = model.summary()
    one, other = model.batch([[0.0] * 3] * 2)
    graph = [node for node in topological_order(*one, *other) if not node.is_leaf]
    assert (summary.nodes, summary.samples) == (len(graph), 2)
    assert column(summary, "nodes")["layers.3"] == 8
    assert column(summary, "outputs")["layers.3"] == "4"
    batch = "a batch of 2 samples, which it mixes in training"
    assert summary.totals == f"75 parameters; {len(graph)} nodes for {batch}"


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_disturbed(training):
    model = everything().train(training)
    model[2].training = not training
    one, other = model.batch([[1.0, 2.0, 3.0], [2.0, 0.0, 1.0]])
    ops.sum(one + other).backward()
    random.seed(3)

    def state():
        return (model.state_dict(), [p.grad for p in model.parameters()],
                [generator.getstate() for _, generator in model.generators()], random.getstate(),
                [module.training for _, module in model.named_modules()])

    before, told = state(), []
    with watching(lambda *call: told.append(call)):
        model.summary()
        model.summary([0.5, 0.5, 0.5])
        with pytest.raises(ArgumentError, match="takes 3 numbers"):
            model.summary([0.5])
    assert state() == before
    assert told == []


def test_a_module_that_draws_and_counts_is_left_as_it_was():
    class Noisy(nn.Module):
        buffer_names = ("calls", "seen")

        def __init__(self):
            self.inner, self.calls, self.seen = nn.Linear(2, 2, seed=0), 0.0, [0.0, 0.0]

        def forward(self, x):
            self.calls += 1.0
            self.seen[0] += 1.0
            return [out * random.gauss(0.0, 1.0) for out in self.inner(x)]

    model = Noisy()
    random.seed(1)
    expected = random.random()
    random.seed(1)
    assert model.summary([1.0, 2.0]).nodes == 6
    assert random.random() == expected
    assert (model.calls, model.seen) == (0.0, [0.0, 0.0])


def test_it_counts_within_no_grad_and_without_scopes_too():
    model = nn.Sequential(nn.Linear(2, 3), "tanh")
    with no_grad():
        assert model.summary().nodes == 9
    assert without_scopes(model.summary).nodes == 9


def test_frozen_and_shared_parameters():
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, "tanh", shared, nn.Linear(2, 1))
    assert model.summary().parameters == 6 + 3
    assert "frozen" not in repr(model.summary())
    shared.freeze()
    summary = model.summary()
    assert (summary.frozen, column(summary, "frozen")["layers.3"]) == (6, 0)
    assert "9 parameters, 6 of them frozen; 12 nodes for a sample" in repr(summary)


def test_depth_and_parts_alone():
    model = everything().eval()
    assert [row.name for row in model.summary(depth=0).rows] == ["model"]
    assert len(model.summary(depth=1).rows) == 7
    assert model.summary(depth=0).nodes == model.summary().nodes
    assert model[4].summary().rows[0].nodes == column(model.summary(), "nodes")["layers.4"]
    assert nn.Neuron(2).summary([1.0, 2.0]).nodes == 4
    for depth in (-1, 1.5, "1", True):
        with pytest.raises(ArgumentError, match="depth is how many levels"):
            model.summary(depth=depth)


def test_without_a_sample_that_fits_there_are_no_nodes():
    class Own(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(3, 1)]

        def forward(self, x):
            return self.layers[0]([*x, x[0] * x[1]])

    for model in (nn.Sequential(nn.Embedding(4, 2), nn.Linear(4, 1)), Own(), nn.Neuron(3)):
        summary = model.summary()
        assert (summary.nodes, summary.samples) == (None, 0)
        assert "give a sample to see outputs and nodes: model.summary(sample)" in repr(summary)
        assert all(row.outputs is None for row in summary.rows)
    assert Own().summary([1.0, 2.0]).nodes == 2
    assert nn.Sequential(nn.Embedding(4, 2), nn.Linear(4, 1)).summary([1, 3]).nodes == 2


def test_modules_in_micrograds_style_and_lists_of_lists():
    class Theirs(nn.Module):
        def __init__(self):
            self.w, self.inner, self.unused = Value(2.0), nn.Linear(2, 2), nn.Linear(2, 2)

        def __call__(self, x):
            return [[self.w * v for v in self.inner(x)] for _ in range(3)]

    summary = Theirs().summary([1.0, 2.0])
    assert (summary.nodes, summary.rows[0].outputs) == (3 * (4 + 2), "3 × 2")
    assert column(summary, "outputs")["unused"] is None
    assert column(summary, "nodes")["unused"] is None


def test_text_is_aligned_and_html_is_well_formed():
    class Odd(nn.Module):
        def __init__(self):
            self.inner = nn.Activation(lambda v: v)

        def forward(self, x):
            return self.inner(x)

    text = repr(everything().summary())
    head, rule, *rows, rule_below, totals = text.splitlines()
    assert rule == rule_below == "─" * len(head)
    assert {len(row) for row in rows} == {len(head)}
    assert head.split() == ["module", "kind", "outputs", "parameters", "nodes"]
    assert totals.startswith("75 parameters; ")

    opened, closed = [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            opened.append(tag)

        def handle_endtag(self, tag):
            closed.append(tag)

    for model in (everything(), Odd()):
        page = model.summary()._repr_html_()
        Reader().feed(page)
        assert sorted(opened) == sorted(closed)
    assert "&lt;lambda&gt;" in page
    assert "<lambda>" not in page
