"""What `step(value)` promises: steps that are true to the bit, exact undo, plain frozen data."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import struct
from pathlib import Path

import pytest

from autograd_lite import ops
from autograd_lite.engine import Value, topological_order
from autograd_lite.errors import ArgumentError, AutogradError
from autograd_lite.graph import Graph
from autograd_lite.stepping import Backprop, State, step

GOLDEN = Path(__file__).parent / "golden" / "steps_tanh.json"

UNARY = [
    ops.tanh,
    ops.exp,
    ops.sin,
    ops.relu,
    ops.sigmoid,
    ops.sqrt,
    ops.log,
    ops.square,
    ops.neg,
    ops.leaky_relu,
]
BINARY = [ops.add, ops.sub, ops.mul, ops.div, ops.pow, ops.maximum, ops.hypot, ops.logaddexp]
MANY = [ops.sum, ops.mean, ops.prod, ops.max, ops.logsumexp, ops.norm]


def bits(number: float) -> bytes:
    return b"nan" if math.isnan(number) else struct.pack("d", number)


def small() -> tuple[Value, Value, Value, Value]:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    loss = (a * b + c).tanh()
    loss.label = "loss"
    return a, b, c, loss


def hand_made(a: Value, b: Value) -> Value:
    """micrograd's product, written by a user."""
    out = Value(a.data * b.data, (a, b), "by hand")

    def backward() -> None:
        a.grad += b.data * out.grad
        b.grad += a.data * out.grad

    out._backward = backward
    return out


def random_graph(rng: random.Random, size: int) -> Value:
    """A graph with sharing, plain numbers, n-ary ops, conditions and hand-made ops."""
    values = [Value(rng.uniform(-2, 2), label=f"x{k}") for k in range(4)]

    def pick() -> Value:
        return rng.choice(values[-6:] + values[:4])

    for _ in range(size):
        kind = rng.random()
        if kind < 0.3:
            new = rng.choice(UNARY)(pick())
        elif kind < 0.6:
            new = rng.choice(BINARY)(pick(), pick() if rng.random() < 0.7 else rng.uniform(-2, 2))
        elif kind < 0.7:
            new = pick() ** rng.choice([2, 3, 0.5, -1])
        elif kind < 0.85:
            new = rng.choice(MANY)([pick() for _ in range(rng.randint(1, 4))])
        elif kind < 0.95:
            new = ops.where(ops.greater(pick(), pick()), pick(), pick())
        else:
            new = hand_made(pick(), pick())
        values.append(new)
    return values[-1]


@pytest.mark.parametrize("seed", range(8))
def test_contributions_give_what_backward_gives_to_the_bit(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(40):
        root = random_graph(rng, rng.randint(1, 30))
        steps = step(root, names={})
        ours = dict(zip((node.text for node in steps.nodes), steps.passes.gradients, strict=True))
        texts = {id(value): node.text for value, node in zip(steps.passes.nodes, steps.nodes, strict=True)}
        root.backward()
        for value in topological_order(root):
            assert bits(value.grad) == bits(ours[texts[id(value)]] or 0.0)


def test_every_contribution_is_upstream_times_local_and_adds_up() -> None:
    rng = random.Random(3)
    for _ in range(60):
        steps = step(random_graph(rng, 20))
        last: dict[int, float] = {}
        for one in steps:
            for part in one.contributions:
                if not part.tracked:
                    continue
                assert part.before == pytest.approx(last.get(part.parent.index, 0.0), nan_ok=True, abs=0)
                if part.local is not None:
                    assert bits(part.after) == bits(part.before + part.amount)
                last[part.parent.index] = part.after
        assert steps[steps.forward_count].action == "seed"


def test_steps_of_the_small_example() -> None:
    *_, loss = small()
    steps = step(loss)
    assert [one.phase for one in steps] == ["forward"] * 3 + ["backward"] * 4
    assert [one.action for one in steps] == ["compute"] * 3 + ["seed"] + ["propagate"] * 3
    tanh = steps[4]
    assert (tanh.node.text, tanh.formula, tanh.substituted, tanh.upstream) == (
        "loss",
        "tanh(n4)",
        "tanh(4)",
        1.0,
    )
    (part,) = tanh.contributions
    assert (part.formula, part.substituted) == ("1 - tanh(n4)²", "1 - tanh(4)²")
    assert part.local == pytest.approx(1 - math.tanh(4) ** 2)
    assert (part.before, part.after, part.waiting) == (0.0, part.amount, 0)
    assert steps[0].substituted == "2 * (-3)"


def test_a_parent_used_twice_gets_two_contributions_and_waits() -> None:
    a = Value(3.0, label="a")
    steps = step(a * a + a)
    product = steps[-1]
    assert [part.amount for part in product.contributions] == [3.0, 3.0]
    assert [(part.before, part.after) for part in product.contributions] == [(1.0, 4.0), (4.0, 7.0)]
    assert [part.waiting for part in product.contributions] == [1, 0]
    first = steps[-2].contributions[1]
    assert (first.waiting, [node.text for node in first.waiting_for]) == (2, [product.node.text] * 2)
    assert steps.gradients["a"] == 7.0


def test_a_plain_number_is_shown_as_constant() -> None:
    steps = step(Value(3.0, label="a") * 2.0)
    tracked, constant = steps[-1].contributions
    assert (tracked.tracked, tracked.substituted) == (True, "2")
    assert (constant.tracked, constant.note, constant.amount, constant.parent.text) == (
        False,
        "constant",
        None,
        "2",
    )
    assert constant.parent.constant


def test_a_frozen_leaf_gets_nothing() -> None:
    a, b = Value(3.0, label="a"), Value(4.0, label="b")
    b.freeze()
    steps = step(a * b)
    assert [part.note for part in steps[-1].contributions] == ["", "frozen"]
    assert steps.gradients == {"a": 4.0, "n2": 1.0}


def test_no_grad_is_written() -> None:
    a, b, c, loss = small()
    a.grad = 5.0
    list(step(hand_made(loss, a)))
    assert (a.grad, b.has_grad, c.has_grad, loss.has_grad) == (5.0, False, False, False)


def test_hand_made_op_says_so_and_adds_what_its_rule_adds() -> None:
    a, b = Value(3.0, label="a"), Value(4.0, label="b")
    steps = step(hand_made(a, b) + a)
    one = steps[-1]
    assert (one.note, one.node.op_text) == ("hand-made op", "by hand")
    assert [(part.local, part.amount, part.after) for part in one.contributions] == [
        (None, 4.0, 5.0),
        (None, 3.0, 3.0),
    ]
    assert "hand-made op" in str(one)


def test_hand_made_op_with_one_parent_twice_sums_as_backward_does() -> None:
    a = Value(0.1, label="a")
    root = hand_made(a, a) * 0.3 + a * 0.7
    ours = step(root).gradients["a"]
    root.backward()
    assert bits(a.grad) == bits(ours)


def test_grads_are_put_back_when_a_hand_made_rule_fails() -> None:
    a = Value(3.0, label="a")
    a.grad = 1.5
    out = Value(9.0, (a,), "broken")

    def backward() -> None:
        a.grad += 1.0
        raise RuntimeError("broken rule")

    out._backward = backward
    with pytest.raises(RuntimeError, match="broken rule"):
        step(out)
    assert a.grad == 1.5
    assert not out.has_grad


def test_a_hook_that_replaces_the_gradient_is_followed_and_told() -> None:
    a = Value(3.0, label="a")
    square = a * a
    square.register_hook(lambda gradient: gradient * 10)
    root = square + 1.0
    steps = step(root)
    root.backward()
    assert steps.gradients["a"] == a.grad == 60.0
    assert "hook" in steps[-1].note
    assert steps.run().state.gradients[0] == 60.0


def test_numbers_are_those_of_forward_time() -> None:
    a, b, _, loss = small()
    b.data = 100.0
    steps = step(loss)
    assert steps[0].substituted == "2 * (-3)"
    assert steps[-1].contributions[0].local == -3.0
    assert steps.values["b"] == -3.0
    before = steps.gradients
    a.data = 50.0
    assert step(loss).gradients == before


def state_bytes(state: State) -> bytes:
    return repr(dataclasses.astuple(state)).encode()


def test_back_is_exact_undo() -> None:
    rng = random.Random(11)
    for _ in range(10):
        steps = step(random_graph(rng, 25))
        states = [state_bytes(steps.state)]
        while steps.next() is not None:
            states.append(state_bytes(steps.state))
        assert len(states) == len(steps) + 1
        for expected in reversed(states[:-1]):
            assert steps.back() is not None
            assert state_bytes(steps.state) == expected
        assert steps.back() is None
        for place in rng.sample(range(len(states)), min(10, len(states))):
            assert state_bytes(steps.goto(place).state) == states[place]


def test_state_says_what_is_known_and_awaited() -> None:
    *_, loss = small()
    steps = step(loss)
    assert steps.state == State(
        0, "forward", (2.0, -3.0, None, 10.0, None, None), (None,) * 6, (1, 1, 1, 1, 1, 0)
    )
    end = steps.run().state
    assert None not in end.values
    assert end.pending == (0,) * 6
    assert dict(zip((node.text for node in steps.nodes), end.gradients, strict=True)) == steps.gradients


def test_cursor() -> None:
    *_, loss = small()
    steps = step(loss)
    assert steps.next() == steps[0]
    assert steps.position == 1
    assert steps.back() == steps[0]
    assert steps.run().position == len(steps) == 7
    assert steps.next() is None
    assert steps.goto(-1).position == 7
    assert steps.reset().position == 0
    for wrong in (8, -9):
        with pytest.raises(ArgumentError, match="positions run from 0 to 7"):
            steps.goto(wrong)
    with pytest.raises(IndexError, match="0 to 6"):
        steps[7]
    assert steps[-1] == steps[6]
    assert steps[1:3] == (steps[1], steps[2])


def test_steps_are_frozen() -> None:
    *_, loss = small()
    one = step(loss)[4]
    for record in (one, one.node, one.contributions[0], step(loss).state):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, dataclasses.fields(record)[0].name, 1)


def test_nodes_are_numbered_as_in_the_graph() -> None:
    rng = random.Random(5)
    for _ in range(20):
        root = random_graph(rng, 20)
        graph, steps = Graph(root), step(root)
        assert [(node.index, node.op, node.op_text) for node in graph.nodes] == [
            (node.index, node.op, node.op_text) for node in steps.nodes
        ]
        assert [node.constant for node in steps.nodes] == [node.kind == "constant" for node in graph.nodes]


def test_names_come_from_labels_then_from_the_caller() -> None:
    a, b = Value(1.0, label="weight"), Value(2.0)
    xs = [Value(3.0)]
    texts = [node.text for node in step(a * b + xs[0], names={"a": a, "b": b, "xs": xs}).nodes]
    assert texts == ["weight", "b", "n2", "xs[0]", "n4"]


def test_equal_and_strange_labels_get_unique_short_names() -> None:
    same = [
        Value(1.0, label="w"),
        Value(2.0, label="w"),
        Value(3.0, label="n9"),
        Value(4.0, label="x" * 5000),
    ]
    odd = Value(5.0, label='<script>\n"|`$')
    steps = step(ops.sum([*same, odd]))
    texts = [node.text for node in steps.nodes]
    assert len(set(texts)) == len(texts)
    assert max(map(len, texts)) <= 25
    assert "<script>" not in steps.markdown()
    assert all("\n" not in text for text in texts)


def test_labels_that_several_neurons_share_are_told_apart_by_scope() -> None:
    from autograd_lite import nn

    model = nn.MLP(2, [2, 1], activation="tanh", seed=0)
    texts = {node.text for node in step(model([1.0, 2.0])).nodes}
    assert {"l0n0.w0", "l0n1.w1", "l1n0.b"} <= texts


def test_json_is_complete_and_plain() -> None:
    *_, loss = small()
    data = json.loads(step(loss).to_json())
    assert (data["root"], len(data["nodes"]), len(data["steps"])) == (5, 6, 7)
    assert data["steps"][4]["contributions"][0]["parent"] == 4
    assert data["values"][:2] == [2.0, -3.0]
    assert data["gradients"][5] == 1.0
    assert step(loss).to_json() == GOLDEN.read_text(encoding="utf-8").strip()


def test_json_writes_special_numbers_as_strings() -> None:
    x = Value(0.0, label="x")
    text = step(x.log() * -0.0).to_json()
    assert '"-Infinity"' in text
    assert '"NaN"' in text
    assert '"-0"' in text
    assert '"Infinity"' in step(x.log()).to_json()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("suffix", [".txt", ".md", ".json"])
def test_save(tmp_path: Path, suffix: str) -> None:
    *_, loss = small()
    path = step(loss).save(tmp_path / f"steps{suffix}")
    text = path.read_text(encoding="utf-8")
    assert "tanh" in text
    assert list(tmp_path.iterdir()) == [path]


def test_save_refuses_other_endings_and_bad_folders(tmp_path: Path) -> None:
    steps = step(small()[-1])
    with pytest.raises(ArgumentError, match=r"choose one of \.txt, \.md, \.json"):
        steps.save(tmp_path / "steps.pdf")
    with pytest.raises(ArgumentError, match="without an ending"):
        steps.save(tmp_path / "steps")
    with pytest.raises(AutogradError, match="cannot write"):
        steps.save(tmp_path / "missing" / "steps.txt")


def test_notebook_shows_the_player_and_text() -> None:
    steps = step(small()[-1])
    bundle = steps._repr_mimebundle_()
    assert 'sandbox="allow-scripts allow-downloads"' in bundle["text/html"]
    assert steps.markdown().count("\n| --- |") == 2
    assert "Backward" in bundle["text/plain"]


def test_two_constants_of_one_text_both_stand_in_the_json() -> None:
    content = json.loads(step(Value(3.0) * 2.0 + 2.0).to_json())
    assert content["values"] == [3.0, 2.0, 6.0, 2.0, 8.0]
    assert content["gradients"] == [2.0, None, 1.0, None, 1.0]


def test_long_accounts_leave_out_the_middle_and_say_so() -> None:
    x = Value(0.5, label="x")
    y = x
    for _ in range(200):
        y = y * 0.9
    steps = step(y)
    assert "201 steps in the middle not shown" in steps.text()
    assert "not shown" not in steps.text(limit=None)
    assert steps.text(limit=None).count("\n") > 400


def test_only_a_value_can_be_stepped_through() -> None:
    with pytest.raises(TypeError, match=r"step\(\) needs a Value, not float"):
        step(3.0)  # type: ignore[arg-type]


def test_a_leaf_alone_is_seeded() -> None:
    steps = step(Value(3.0, label="a"))
    assert [one.action for one in steps] == ["seed"]
    assert steps.gradients == {"a": 1.0}


def test_operands_beyond_reading_are_left_to_the_numbers() -> None:
    steps = step(ops.prod([Value(1.0 + k / 100, label=f"x{k}") for k in range(100)]))
    assert steps[0].formula.startswith("prod(x0, x1, x2, …") or "…" in steps[0].formula
    assert len(steps[-1].contributions) == 100
    assert steps[-1].contributions[0].formula == ""


def test_a_hundred_thousand_nodes_open_anywhere_at_once() -> None:
    x = Value(0.5, label="x")
    y = x
    for _ in range(50_000):
        y = y * 0.999 + x
    steps = step(y)
    middle = steps[len(steps) // 2]
    state = steps.goto(150_000).state
    steps.next()
    str(steps)
    assert isinstance(steps, Backprop)
    assert middle.index == 100_000
    assert state.position == 150_000


def test_a_parent_of_very_many_children_counts_them_without_listing_them() -> None:
    w = Value(0.1, label="w")
    steps = step(ops.sum([w * float(k) for k in range(3000)]))
    part = steps[3003].contributions[0]
    assert (part.parent.text, part.waiting, len(part.waiting_for)) == ("w", 2999, 8)


def test_a_hook_of_a_leaf_that_is_the_root_itself_is_in_the_state() -> None:
    root = Value(2.0, label="r")
    root.register_hook(lambda gradient: 5.0 * gradient)
    steps = step(root)
    assert steps.gradients == {"r": 5.0}
    assert steps.run().state.gradients == (5.0,)
