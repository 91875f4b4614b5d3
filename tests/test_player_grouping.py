"""The groups that the player folds nodes into: every level short, every path its own, inputs in sight."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_lite import Value, nn, ops, scope, step
from autograd_lite.player.grouping import LINKS, NESTED, READABLE, Groups, groups_of

HOSTILE = ["a", "/", "a/b", "nodes 0–9", "<script>", "", " ", "é\n", "a (2)", "//"]


def levels(groups: Groups) -> Counter[str]:
    """How many boxes each group shows when it is opened; "" is the page itself."""
    count = Counter(path.rpartition("/")[0] for path in groups.titles)
    count.update(groups.paths)
    return count


def parts_at_first(groups: Groups) -> int:
    opened = {"", *groups.open}
    return sum(path.rpartition("/")[0] in opened and path not in opened for path in groups.titles) + sum(
        path in opened for path in groups.paths
    )


def chain_of(length: int) -> Value:
    y = Value(0.5, label="x")
    for place in range(length):
        y = y.tanh() if place % 2 else y * 1.5
    return y


def random_graph(size: int, seed: int) -> Value:
    rng = random.Random(seed)
    values = [Value(rng.uniform(-2, 2)) for _ in range(6)]
    while len(values) < size:
        one, other = rng.choice(values[-14:]), rng.choice(values[-14:])
        values.append(one * other if rng.random() < 0.5 else one - other)
    return ops.sum(values[-8:])


def xor_loss(samples: int = 4, sizes: tuple[int, ...] = (4, 1)) -> Value:
    model = nn.MLP(2, list(sizes), activation="tanh", seed=0)
    return nn.mse([model([0.1 * k, 1.0]) for k in range(samples)], [0.0] * samples)


def test_a_small_graph_has_its_scopes_and_they_are_open() -> None:
    a = Value(2.0, label="a")
    with scope("layer"), scope("neuron"):
        b = a * 3.0
    groups = groups_of(step(b.tanh()))
    assert groups.titles == {
        "layer": {"title": "layer", "kind": "scope"},
        "layer/neuron": {"title": "neuron", "kind": "scope"},
    }
    assert sorted(groups.open) == ["layer", "layer/neuron"]
    assert groups.paths == ["", "layer/neuron", "layer/neuron", ""]


def test_without_scopes_a_small_graph_has_no_groups() -> None:
    assert groups_of(step(chain_of(20))) == Groups([""] * 31, {}, [])


def test_a_network_opens_level_by_level_as_far_as_it_is_readable() -> None:
    groups = groups_of(step(xor_loss()))
    assert set(groups.open) == {"model", "mse", "model/layer 0", "model/layer 1"}
    wide = groups_of(step(xor_loss(sizes=(16, 16, 1))))
    assert "model" in wide.open
    assert "model/layer 0" not in wide.open
    assert "model/layer 0/neuron 3" in wide.titles


def test_a_constant_outside_scopes_stands_with_those_that_use_it() -> None:
    steps = step(xor_loss())
    constants = [node for node in steps.nodes if node.constant and not node.scope]
    assert len(constants) == 4
    assert {groups_of(steps).paths[node.index] for node in constants} == {"mse"}


@pytest.mark.parametrize("size", [61, 400, 2000, 6000])
def test_a_long_chain_is_cut_into_nested_stretches(size: int) -> None:
    groups = groups_of(step(chain_of(size)))
    assert max(levels(groups).values()) <= READABLE
    assert parts_at_first(groups) <= READABLE
    assert {title["kind"] for title in groups.titles.values()} <= {"stretch", "repeat"}
    assert groups.open == []


def test_inputs_and_the_result_stay_outside_the_stretches() -> None:
    steps = step(chain_of(400))
    groups = groups_of(steps)
    assert steps.nodes[0].text == "x"
    assert groups.paths[0] == ""
    assert groups.paths[steps.root.index] == ""


def test_what_does_the_same_for_the_same_consumer_is_one_group() -> None:
    inputs = [Value(float(k), label="x") for k in range(100)]
    steps = step(ops.sum([value.tanh() for value in inputs]))
    groups = groups_of(steps)
    repeats = [title for title in groups.titles.values() if title["kind"] == "repeat"]
    assert {"title": "x", "kind": "repeat", "chip": "×100"} in repeats
    assert {"title": "100 times", "kind": "repeat", "chip": "tanh"} in repeats
    assert groups.paths[steps.root.index] == ""
    assert max(levels(groups).values()) <= READABLE


def test_scopes_that_are_too_many_are_cut_into_stretches_too() -> None:
    parts = []
    for number in range(150):
        with scope(f"sample {number}"):
            parts.append(Value(1.0, label="x").tanh())
    groups = groups_of(step(ops.sum(parts)))
    assert max(levels(groups).values()) <= READABLE
    assert any(title["title"].startswith("sample 0 … sample") for title in groups.titles.values())
    assert any(path.endswith("/sample 149") for path in groups.titles)


def test_deep_scopes_share_the_innermost_group() -> None:
    opened = [scope(f"s{depth}") for depth in range(40)]
    for each in opened:
        each.__enter__()
    y = Value(1.0).tanh()
    for each in reversed(opened):
        each.__exit__(None, None, None)
    groups = groups_of(step(y))
    assert max(path.count("/") + 1 for path in groups.titles) == NESTED


@given(st.lists(st.lists(st.sampled_from(HOSTILE), max_size=3), min_size=1, max_size=8), st.integers(1, 30))
def test_every_node_has_a_known_path_whatever_scopes_are_called(
    names: list[list[str]], repeated: int
) -> None:
    x = y = Value(0.5, label="x")
    for components in names * repeated:
        opened = []
        for component in components:
            try:
                opened.append(scope(component))
            except Exception:  # a name that scope() does not take
                continue
            opened[-1].__enter__()
        y = y.tanh() + x
        for each in reversed(opened):
            each.__exit__(None, None, None)
    groups = groups_of(step(y))
    assert set(groups.paths) - {""} <= set(groups.titles)
    assert set(groups.open) <= set(groups.titles)
    for path in groups.titles:
        outer = path.rpartition("/")[0]
        assert not outer or outer in groups.titles
    assert len(groups.open) == len(set(groups.open))


@pytest.mark.parametrize("seed", range(5))
def test_random_graphs_show_short_levels_and_few_links(seed: int) -> None:
    steps = step(random_graph(500, seed))
    groups = groups_of(steps)
    assert max(levels(groups).values()) <= READABLE
    assert parts_at_first(groups) <= READABLE
    assert groups == groups_of(steps)
    assert LINKS >= READABLE
