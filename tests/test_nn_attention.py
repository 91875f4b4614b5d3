"""Attention: PyTorch's numbers and gradients, nothing from later tokens, and a cache that changes nothing."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import Graph, Value, draw, grad, nn, ops
from autograd_lite.engine import topological_order
from autograd_lite.errors import ArgumentError

# width, heads, tokens
SHAPES = [(1, 1, 1), (2, 1, 3), (4, 2, 1), (4, 4, 5), (6, 2, 4), (8, 4, 7)]
each_shape = pytest.mark.parametrize(("width", "heads", "count"), SHAPES)
causal_or_not = pytest.mark.parametrize("causal", [True, False])
CLOSE = {"rel": 1e-10, "abs": 1e-13}


def vectors(count, width, seed=0, spread=1.0):
    rng = random.Random(seed)
    return [[rng.gauss(0.0, spread) for _ in range(width)] for _ in range(count)]


def leaves(rows):
    return [[Value(number) for number in row] for row in rows]


def numbers(rows):
    """What stands in nested lists of Values."""
    return [numbers(row) if isinstance(row, list) else row.data for row in rows]


def flat(nested):
    if not isinstance(nested, (list, tuple)):
        return [nested]
    return [number for part in nested for number in flat(part)]


def weighted_sum(rows):
    """A number that depends on each output in a different way, so that every gradient counts."""
    return sum((number * math.sin(index + 1.0) for index, number in enumerate(flat(rows))), start=0.0)


def gradients_of(rows):
    return [value.grad for value in flat(rows)]


# against PyTorch


@pytest.mark.oracle
@causal_or_not
@each_shape
def test_scaled_dot_product_is_pytorchs(width, heads, count, causal):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    mine = [leaves(vectors(count, size, seed)) for seed, size in enumerate((width, width, width + 1))]
    theirs = [torch.tensor(numbers(part), dtype=torch.float64, requires_grad=True) for part in mine]
    answers = nn.scaled_dot_product_attention(*mine, causal=causal)
    expected = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=causal)
    assert flat(numbers(answers)) == pytest.approx(flat(expected.tolist()), **CLOSE)
    weighted_sum(answers).backward()
    weighted_sum(list(expected.flatten())).backward()
    for part, tensor in zip(mine, theirs, strict=True):
        assert gradients_of(part) == pytest.approx(flat(tensor.grad.tolist()), **CLOSE)


@pytest.mark.oracle
@causal_or_not
@each_shape
def test_multi_head_attention_is_pytorchs(width, heads, count, causal):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    attention = nn.SelfAttention(width, heads, causal=causal, seed=3)
    oracle = torch.nn.MultiheadAttention(width, heads, bias=False, dtype=torch.float64)
    parts = [[getattr(head, name) for head in attention.heads] for name in ("query", "key", "value")]
    stacked = [row for heads_of_kind in parts for part in heads_of_kind for row in part.weight]
    with torch.no_grad():
        oracle.in_proj_weight.copy_(torch.tensor(numbers(stacked), dtype=torch.float64))
        oracle.out_proj.weight.copy_(
            torch.tensor(numbers(attention.output.weight), dtype=torch.float64)
        )
    tokens = leaves(vectors(count, width, seed=1))
    given_tokens = torch.tensor(numbers(tokens), dtype=torch.float64, requires_grad=True)
    ahead = torch.triu(torch.ones(count, count, dtype=torch.bool), diagonal=1) if causal else None
    expected, weights = oracle(
        given_tokens, given_tokens, given_tokens, attn_mask=ahead, average_attn_weights=False
    )
    answers = attention(tokens)
    assert flat(numbers(answers)) == pytest.approx(flat(expected.tolist()), **CLOSE)
    mine = [row + [0.0] * (count - len(row)) for head in numbers(attention.weights(tokens)) for row in head]
    assert flat(mine) == pytest.approx(flat(weights.tolist()), **CLOSE)

    weighted_sum(answers).backward()
    weighted_sum(list(expected.flatten())).backward()
    assert gradients_of(tokens) == pytest.approx(flat(given_tokens.grad.tolist()), **CLOSE)
    assert gradients_of(stacked) == pytest.approx(flat(oracle.in_proj_weight.grad.tolist()), **CLOSE)
    output_slopes = flat(oracle.out_proj.weight.grad.tolist())
    assert gradients_of(attention.output.weight) == pytest.approx(output_slopes, **CLOSE)


# what must hold without an oracle


@given(count=st.integers(2, 6), place=st.integers(0, 5), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_later_tokens_change_nothing_before_them(count, place, seed):
    place %= count - 1
    attention = nn.SelfAttention(4, 2, seed=seed)
    tokens = leaves(vectors(count, 4, seed))
    others = tokens[: place + 1] + leaves(vectors(count - place - 1, 4, seed + 1))
    before = attention(tokens)[: place + 1]
    assert numbers(before) == numbers(attention(others)[: place + 1])
    weighted_sum(before).backward()
    assert gradients_of(tokens[place + 1 :]) == [0.0] * (4 * (count - place - 1))
    assert all(slope != 0.0 for slope in gradients_of(tokens[place]))


@given(order=st.permutations(range(5)), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_without_causality_the_order_of_tokens_is_not_seen(order, seed):
    attention = nn.SelfAttention(4, 2, causal=False, seed=seed)
    tokens = vectors(5, 4, seed)
    answers, moved = numbers(attention(tokens)), numbers(attention([tokens[k] for k in order]))
    assert flat(moved) == pytest.approx(flat([answers[k] for k in order]), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("pieces", [[6], [1] * 6, [2, 1, 3], [5, 1]], ids=str)
def test_a_cache_changes_neither_answers_nor_gradients(pieces):
    rows = vectors(6, 8, seed=2)

    def answers(attention, tokens, sizes):
        cache, waiting = attention.new_cache(), iter(tokens)
        pieces = [list(itertools.islice(waiting, size)) for size in sizes]
        return [answer for piece in pieces for answer in attention(piece, cache)]

    found = []
    for way in (lambda model, tokens: model(tokens), lambda model, tokens: answers(model, tokens, pieces)):
        attention, tokens = nn.SelfAttention(8, 4, seed=5), leaves(rows)
        out = way(attention, tokens)
        weighted_sum(out).backward()
        found.append((numbers(out), gradients_of(tokens), gradients_of(attention.parameters())))
    assert found[0][0] == found[1][0]
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-12)
    assert found[0][2] == pytest.approx(found[1][2], rel=1e-12)


@causal_or_not
def test_weights_are_shares_of_what_a_token_sees(causal):
    attention = nn.SelfAttention(6, 3, causal=causal, seed=0)
    for head in numbers(attention.weights(vectors(4, 6, spread=20.0))):
        assert [len(row) for row in head] == ([1, 2, 3, 4] if causal else [4] * 4)
        assert [sum(row) for row in head] == pytest.approx([1.0] * 4)
        assert all(share >= 0.0 for row in head for share in row)


def test_a_token_alone_gets_its_own_value():
    attention = nn.SelfAttention(4, 2, seed=0)
    [token] = vectors(1, 4)
    values = [number for head in attention.heads for number in head.value(token)]
    expected = numbers(attention.output(values))
    assert numbers(attention([token])[0]) == expected
    out = weighted_sum(attention([token]))
    out.backward()  # there is nothing to choose, so how it chooses has no slope
    assert {slope for head in attention.heads for slope in gradients_of(head.query.weight)} == {0.0}


def test_one_key_that_fits_takes_all_the_attention():
    [answer] = nn.scaled_dot_product_attention([[1e4, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[7.0], [9.0]])
    assert answer == [7.0]  # and exp(1e4) did not overflow


def test_scores_are_divided_by_the_root_of_the_size():
    [[first, second]] = nn.attention_weights([[2.0] * 4], [[1.0] * 4, [0.0] * 4])
    assert math.log(first / second) == pytest.approx(8.0 / 2.0)


def test_the_slope_of_a_share_by_its_score_is_share_times_what_is_missing():
    def share(score):
        return nn.attention_weights([[Value(1.0)]], [[score], [Value(0.3)]])[0][0]

    p = share(Value(0.8)).data
    assert grad(share)(0.8) == pytest.approx(p * (1 - p), rel=1e-12)


def test_causal_queries_are_those_of_the_last_tokens():
    keys = vectors(5, 2)
    whole = nn.attention_weights(keys, keys, causal=True)
    assert nn.attention_weights(keys[3:], keys, causal=True) == whole[3:]


def test_starting_again_is_being_made_with_that_seed():
    fresh = nn.SelfAttention(4, 2, init="he_normal", seed=9)
    assert nn.SelfAttention(4, 2, init="he_normal", seed=1).reset(seed=9).state_dict() == fresh.state_dict()
    assert len(fresh.parameters()) == 4 * 4 * 4
    names = [name for name, _ in fresh.named_parameters()]
    assert names[0] == "heads.0.query.weight.0.0"
    assert names[-1] == "output.weight.3.3"


def test_each_head_has_its_box_in_a_drawing():
    out = weighted_sum(nn.SelfAttention(4, 2, seed=0)(leaves(vectors(2, 4))))
    scopes = {node.scope for node in topological_order(out)}
    assert {"selfattention/head 0/query", "selfattention/head 1", "selfattention/output"} <= scopes
    assert "head 1" in draw(out, fold="head").svg


@causal_or_not
def test_two_of_different_heads_are_different_architectures(causal, tmp_path):
    nn.SelfAttention(4, 2, causal=causal, seed=0).save(tmp_path / "a.npz")
    with pytest.raises(ArgumentError, match="saved from another architecture"):
        nn.SelfAttention(4, 2, causal=not causal).load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.SelfAttention(6, 4), "cannot share a width of 6 evenly: give a multiple of 4, such as 8"),
        (lambda: nn.SelfAttention(0), "width is a whole number of at least 1, got 0"),
        (lambda: nn.SelfAttention(4, 1.5), "heads is a whole number of at least 1, got 1.5"),
        (lambda: nn.SelfAttention(4, init="hee_normal"), "did you mean 'he_normal'"),
        (lambda: nn.AttentionHead(4, 0), "size is a whole number of at least 1, got 0"),
        (lambda: nn.SelfAttention(2)([]), 'takes a list of tokens, each a list of 2 numbers, got .]'),
        (lambda: nn.SelfAttention(2)(3.0), "takes a list of tokens, each a list of 2 numbers, got 3.0"),
        (lambda: nn.SelfAttention(2)([[1.0, 2.0], [1.0]]), "takes 2 numbers for a sample, got 1"),
        (lambda: nn.SelfAttention(2)([1.0, 2.0]), "takes a list of 2 numbers, got 1.0"),
        (lambda: nn.SelfAttention(2).weights([[1.0]]), "takes 2 numbers"),
        (lambda: nn.SelfAttention(4, 2)([[0.0] * 4], nn.SelfAttention(4, 4).new_cache()),
         "has 2 heads, and this cache is for 4"),
        (lambda: nn.SelfAttention(2, causal=False)([[0.0, 0.0]], [nn.KeysValues()]), "is not causal"),
        (lambda: nn.AttentionHead(2, 2)([[0.0, 0.0]], [1]), "takes a cache of the class KeysValues"),
        (lambda: nn.attention_weights([[1.0], [2.0]], [[1.0]], causal=True),
         "needs a key for each query, got 2 queries and 1 keys"),
        (lambda: nn.scaled_dot_product_attention([[1.0]], [[1.0]], []), "got 1 keys and 0 values"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        wrong()


def test_a_cache_is_unchanged_by_a_call_that_fails():
    attention = nn.SelfAttention(2, seed=0)
    cache = attention.new_cache()
    attention([[1.0, 2.0]], cache)
    with pytest.raises(ArgumentError):
        attention([[1.0, 2.0], [3.0]], cache)
    assert [len(kept.keys) for kept in cache] == [len(kept.values) for kept in cache] == [1]


def test_the_shift_of_a_softmax_is_no_parameter():
    scores = [Value(1.0), Value(3.0)]
    shares = ops.softmax(scores)
    assert [node for node in topological_order(*shares) if node.is_leaf] == scores
    head = nn.AttentionHead(2, 1, seed=0)
    _, [answer] = head([[1.0, 0.0], [0.0, 1.0]])
    in_the_head = [node for node in Graph(answer).nodes if node.kind == "leaf" and node.scope]
    assert all(node.label.startswith("w") for node in in_the_head)
