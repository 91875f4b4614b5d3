"""Graph: numbering, names, paths, statistics, folding, JSON."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_lite import Value, nn, ops, scope
from autograd_lite.engine import topological_order
from autograd_lite.errors import AutogradError, GraphError, ValueTypeError
from autograd_lite.graph import Graph


def _loss() -> tuple[Value, Value, Value, Value]:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    return (a * b + c).tanh(), a, b, c


def _network_loss() -> Value:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    loss = nn.mse([model(x) for x in ([-1, 1], [1, 1], [1, -1])], [1, 0, 1])
    loss.backward()
    return loss


# --- numbering --------------------------------------------------------------------------------------------


def test_parents_come_before_children_and_indices_count_up() -> None:
    graph = Graph(_network_loss())
    assert [node.index for node in graph.nodes] == list(range(len(graph)))
    assert all(parent < node.index for node in graph.nodes for parent in node.parents)


def test_nodes_hold_what_the_values_held() -> None:
    loss, a, b, _c = _loss()
    loss.backward()
    graph = Graph(loss)
    product = graph.nodes[2]
    assert (product.op, product.op_text, product.kind) == ("mul", "*", "op")
    assert (product.data, product.parents, product.local_gradients) == (-6.0, (0, 1), (-3.0, 2.0))
    assert [graph.node(value).grad for value in (a, b)] == [a.grad, b.grad]
    assert graph.roots == (5,)


def test_gradient_is_none_before_any_backward_pass() -> None:
    loss, *_ = _loss()
    assert {node.grad for node in Graph(loss).nodes} == {None}


def test_a_graph_does_not_change_with_its_values() -> None:
    loss, a, *_ = _loss()
    graph = Graph(loss)
    a.data = 100.0
    loss.backward()
    assert (graph.find("a").data, graph.find("a").grad) == (2.0, None)


def test_nodes_cannot_be_assigned_to() -> None:
    with pytest.raises(AttributeError):
        Graph(Value(1.0)).nodes[0].data = 2.0  # type: ignore[misc]


def test_an_operand_used_twice_has_two_edges() -> None:
    a = Value(3.0, label="a")
    edges = Graph(a * a).edges
    assert [(edge.source, edge.target, edge.position, edge.local) for edge in edges] == [
        (0, 1, 0, 3.0),
        (0, 1, 1, 3.0),
    ]


def test_a_constant_is_a_node_without_derivative_or_gradient() -> None:
    y = 2.0 * Value(3.0, label="x")
    y.backward()
    graph = Graph(y)
    constant = graph.nodes[graph.nodes[-1].parents[0]]
    assert (constant.kind, constant.data, constant.grad) == ("constant", 2.0, None)
    assert graph.nodes[-1].local_gradients == (None, 2.0)


def test_a_power_by_a_number_has_one_parent() -> None:
    node = Graph(Value(3.0) ** 2).nodes[-1]
    assert (node.op_text, len(node.parents), node.immediates) == ("**2", 1, (2.0,))


def test_several_roots_share_one_graph() -> None:
    a = Value(1.0)
    graph = Graph([a + 1.0, a * 2.0, a])
    assert len(graph) == 5
    assert [graph.nodes[root].op for root in graph.roots] == ["add", "mul", ""]


def test_numbering_is_the_same_in_another_process() -> None:
    program = (
        "from autograd_lite import nn\nfrom autograd_lite.graph import Graph\n"
        "m = nn.MLP(2, [3, 1], activation='tanh', seed=1)\n"
        "print(Graph(nn.mse([m([1, -1]), m([1, 1])], [0, 1])).to_json(), end='')"
    )
    run = [subprocess.run([sys.executable, "-c", program], capture_output=True, check=True) for _ in range(2)]
    assert run[0].stdout == run[1].stdout != b""


def test_hand_made_op_is_opaque() -> None:
    a = Value(2.0, label="a")
    doubled = Value(4.0, (a,), "double")
    node = Graph(doubled + 1.0).nodes[1]
    assert (node.kind, node.op_text, node.local_gradients) == ("opaque", "double", (None,))


def test_gradients_that_are_values_are_shown_as_numbers() -> None:
    x = Value(3.0, label="x")
    (x**3).backward(create_graph=True)
    assert Graph(x).nodes[0].grad == 27.0


@pytest.mark.parametrize("thing", [1.0, "a", None, [1.0], [Value(1.0), 2.0]])
def test_things_that_are_no_values_are_refused(thing: Any) -> None:
    with pytest.raises(ValueTypeError, match=r"Value or a list of Values, got \w+"):
        Graph(thing)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(GraphError, match="at least one Value"):
        Graph([])


# --- names ------------------------------------------------------------------------------------------------


def test_names_label_values_without_touching_them() -> None:
    w = [Value(1.0), Value(2.0)]
    bias, mine = Value(0.5), Value(3.0, label="mine")
    named: dict[str, object] = {"w": w, "params": {"bias": bias}, "other": mine, "_hidden": w[0], "n": 3}
    graph = Graph(ops.sum([*w, bias, mine]), names=named)
    assert [node.label for node in graph.nodes] == ["w[0]", "w[1]", "params['bias']", "mine", ""]
    assert [value.label for value in (*w, bias)] == ["", "", ""]


def test_locals_give_names() -> None:
    speed, time_ = Value(2.0), Value(3.0)
    way = speed * time_
    assert [node.label for node in Graph(way, names=locals()).nodes] == ["speed", "time_", "way"]


def test_names_reach_into_object_arrays() -> None:
    numpy = pytest.importorskip("numpy")
    matrix = numpy.array([[Value(1.0), Value(2.0)]], dtype=object)
    assert Graph(matrix[0, 1] + 0.0, names={"m": matrix}).nodes[0].label == "m[0][1]"


def test_find_by_label_or_by_scope_and_label() -> None:
    with scope("left"):
        one = Value(1.0, label="w")
    with scope("right"):
        other = Value(2.0, label="w")
    graph = Graph(one * other)
    assert graph.find("right/w").data == 2.0
    with pytest.raises(GraphError, match=r'2 nodes .*"scope/label"'):
        graph.find("w")
    with pytest.raises(GraphError, match="did you mean 'w'"):
        graph.find("ww")


def test_node_by_value_index_label_and_node() -> None:
    loss, a, *_ = _loss()
    graph = Graph(loss)
    assert graph.node(a) is graph.node(0) is graph.node("a") is graph.node(graph.nodes[0])
    for wrong in (Value(1.0), 6, -1):
        with pytest.raises(GraphError):
            graph.node(wrong)


# --- paths ------------------------------------------------------------------------------------------------


def test_the_derivative_is_the_sum_over_all_paths() -> None:
    a = Value(1.5, label="a")
    b = a * a + a
    y = b * b.tanh() + a
    y.backward()
    graph = Graph(y)
    paths = list(graph.paths(a, y))
    assert len(paths) == graph.count_paths(a, y) == 7
    total = sum(math.prod(edge.local or 0.0 for edge in path) for path in paths)
    assert total == pytest.approx(a.grad, rel=1e-12)
    assert all(path[0].source == 0 and path[-1].target == graph.roots[0] for path in paths)


def test_no_path_and_the_empty_path() -> None:
    loss, a, b, _ = _loss()
    graph = Graph(loss)
    assert (graph.count_paths(a, b), list(graph.paths(a, b))) == (0, [])
    assert (graph.count_paths(a, a), list(graph.paths(a, a))) == (1, [()])


def test_very_many_paths_are_counted_at_once_and_listed_one_by_one() -> None:
    start = value = Value(1.0)
    for _ in range(300):
        value = value + value
    graph = Graph(value)
    assert graph.count_paths(start, value) == 2**300
    assert len(next(graph.paths(start, value))) == 300
    for _ in range(900):
        value = value + value
    assert Graph(value).count_paths(start, value) == math.inf


# --- statistics -------------------------------------------------------------------------------------------


def test_statistics_count_what_is_there() -> None:
    with scope("model"), scope("layer 0"):
        a = Value(2.0)
        y = (a * a + 1.0).tanh()
    found = Graph(y + a).statistics()
    assert (found.nodes, found.edges, found.leaves, found.constants, found.depth) == (6, 7, 1, 1, 4)
    assert found.ops == {"+": 2, "*": 1, "tanh": 1}
    assert found.scopes == {"model": 5, "model/layer 0": 5}
    assert "6 nodes" in str(found)


# --- folding ----------------------------------------------------------------------------------------------


def test_fold_by_name_makes_one_box_of_each_neuron() -> None:
    folded = Graph(_network_loss()).fold("neuron")
    neurons = ["neuron 0", "neuron 0", "neuron 1", "neuron 2", "neuron 3"]
    assert [box.name for box in folded.boxes] == [*neurons, "mse"]
    assert [box.calls for box in folded.boxes] == [3, 3, 3, 3, 3, 1]
    assert folded.parts[folded.roots[0]] == folded.boxes[-1]


def test_fold_by_depth_follows_the_scopes() -> None:
    graph = Graph(_network_loss())
    assert [box.scope for box in graph.fold(1).boxes] == ["model", "mse"]
    assert [box.scope for box in graph.fold(2).boxes] == ["model/layer 1", "model/layer 0", "mse"]


def test_what_a_scope_computes_between_inner_scopes_stays_outside_their_boxes() -> None:
    x = Value(1.0, label="x")
    with scope("residual"):
        with scope("inner"):
            y = x.tanh() * 2.0
        y = y + x
    graph = Graph(y)
    assert [box.scope for box in graph.fold(1).boxes] == ["residual"]
    folded = graph.fold(2)
    assert [box.scope for box in folded.boxes] == ["residual/inner"]
    assert folded.parts[folded.roots[0]] == graph.nodes[-1]


def test_a_box_knows_its_members_inputs_and_outputs() -> None:
    x = Value(1.0, label="x")
    with scope("block"):
        inner = x * 2.0
        out = inner.tanh() + inner
    (box,) = Graph(out - 1.0).fold("block").boxes
    assert (len(box.members), box.inputs, len(box.outputs)) == (4, (0,), 1)


def test_folding_loses_no_edge_between_boxes() -> None:
    graph = Graph(_network_loss())
    folded = graph.fold("layer")
    place = {m: p for p, part in enumerate(folded.parts) for m in getattr(part, "members", None) or [part[0]]}
    crossing = sum(place[edge.source] != place[edge.target] for edge in graph.edges)
    assert sum(link.count for link in folded.links) == crossing
    assert sorted(place) == list(range(len(graph)))


@pytest.mark.parametrize("level", ["neurone", 0, -1, True])
def test_unknown_levels_are_refused(level: Any) -> None:
    with pytest.raises(GraphError, match="did you mean 'neuron'" if isinstance(level, str) else "from 1"):
        Graph(_network_loss()).fold(level)


def test_folding_a_graph_without_scopes_says_so() -> None:
    with pytest.raises(GraphError, match="no scopes"):
        Graph(Value(1.0).exp()).fold("layer")


# --- JSON -------------------------------------------------------------------------------------------------


def _same(one: float, other: float) -> bool:
    return math.isnan(one) == math.isnan(other) and (math.isnan(one) or repr(one) == repr(other))


def test_json_round_trip_is_exact_and_independent() -> None:
    loss = _network_loss()
    text = Graph(loss).to_json()
    assert Graph.from_json(text).to_json() == text
    (copy,) = Graph.from_json(text).to_values()
    assert Graph(copy).to_json() == text
    before = [node.grad for node in topological_order(loss)]
    copy.zero_grad()
    copy.backward()
    assert [node.grad for node in topological_order(copy)] == before
    assert not set(map(id, topological_order(copy))) & set(map(id, topological_order(loss)))


SPECIAL = [0.0, -0.0, 1.0, -1.5, 1e-320, 1e308, math.inf, -math.inf, math.nan, 0.1]


@given(st.lists(st.sampled_from(SPECIAL), min_size=2, max_size=5), st.data())
def test_json_round_trip_of_random_graphs(numbers: list[float], data: st.DataObject) -> None:
    values = [Value(number, label=f"v{k}") for k, number in enumerate(numbers)]
    for _ in range(6):
        one, other = data.draw(st.sampled_from(values)), data.draw(st.sampled_from(values))
        made = [one + other, one * 2.0, 3.0 - other, one**2, ops.clip(one, -1.0, 2.0)]
        made += [ops.sum(one, other, 1.0), ops.where(one > other, one, 1.0), ops.leaky_relu(one)]
        values.append(data.draw(st.sampled_from(made)))
    values[-1].backward()
    values[0].data = 7.0  # operands then differ from what the parents hold now
    text = Graph(values).to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    copies = Graph.from_json(text).to_values()
    assert all(_same(copy.data, value.data) for copy, value in zip(copies, values, strict=True))
    assert Graph(copies).to_json() == text


def test_labels_survive_json_whatever_they_hold() -> None:
    label = '"\\ \n \x00 {} </script> ∂ 日本 \ud800'
    value = Value(1.0, label=label) * 1.0
    assert Graph.from_json(Graph(value).to_json()).nodes[0].label == label


def test_frozen_scope_and_source_survive_json() -> None:
    with scope("a/b"):
        leaf = Value(1.0)
    leaf.freeze()
    text = Graph(leaf.exp()).to_json()
    with scope("elsewhere"):
        (copy,) = Graph.from_json(text).to_values()
    assert copy.parents[0].is_frozen
    assert (copy.scope, copy.parents[0].scope) == ("", "a/b")


def test_hand_made_ops_are_refused_by_name() -> None:
    with pytest.raises(GraphError, match=r"'twice n1' .*made by hand: its rule 'twice'"):
        Graph(Value(4.0, (Value(2.0),), "twice")).to_json()
    with pytest.raises(GraphError, match="made by hand"):
        Graph(Value(4.0, (Value(2.0),), "twice")).to_values()


def _edited(**changes: Any) -> str:
    content = json.loads(Graph(Value(2.0, label="a") * Value(3.0)).to_json())
    content["nodes"][2].update({key: value for key, value in changes.items() if key != "top"})
    content.update(changes.get("top", {}))
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "is no graph"),
        ('{"format": "something"}', "is no graph"),
        (_edited(top={"version": 2}), "version 2 is unknown"),
        (_edited(top={"roots": []}), "neither of them empty"),
        (_edited(top={"roots": [3]}), "root 3 is no node"),
        (_edited(top={"nodes": [1]}), "node 0 is not an object"),
        (_edited(kind="operation"), "node 2 has kind 'operation'"),
        (_edited(parents=[0, 2]), "node 2 has parents"),
        (_edited(parents=[0, True]), "node 2 has parents"),
        (_edited(parents=[0]), "node 2 has 1 parents, but its op 'mul' takes 2"),
        (_edited(op="mull"), "node 2 has op 'mull': did you mean 'mul'"),
        (_edited(op=7), "node 2 has op 7: expected text"),
        (_edited(data="many"), "node 2 has data 'many'"),
        (_edited(data=True), "node 2 has data True"),
        (_edited(data=10**400), "too large"),
        (_edited(local_gradients=[1.0]), "node 2 has 2 parents, 1 slopes"),
        (_edited(immediates=[1.0]), "node 2 has 1 immediates"),
        (_edited(label=None), "node 2 has label None"),
        (_edited(kind="leaf"), "node 2 is a leaf and can have neither"),
        (_edited(scope=["a"]), "node 2 has scope"),
        (_edited(immediates={}), "expected a list"),
    ],
)
def test_damaged_json_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(GraphError, match=message.replace("[", r"\[")) as caught:
        Graph.from_json(text)
    assert isinstance(caught.value, AutogradError)
    assert len(str(caught.value)) < 1000


# --- size -------------------------------------------------------------------------------------------------


def test_deep_graphs_need_no_recursion() -> None:
    value = Value(1.0)
    for _ in range(20_000):
        value = value.tanh()
    graph = Graph(value)
    assert graph.statistics().depth == 20_000
    assert graph.count_paths(0, value) == 1
    assert len(next(graph.paths(0, value))) == 20_000
    (copy,) = Graph.from_json(graph.to_json()).to_values()
    assert copy.data == value.data
