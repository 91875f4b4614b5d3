"""The GPT: PyTorch's numbers and training, text that depends on the past alone, and a tokenizer."""

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from autograd_lite import Value, nn
from autograd_lite.engine import topological_order
from autograd_lite.errors import ArgumentError, AutogradError
from autograd_lite.nn.calling import watching

SIZES = [
    {"vocabulary": 5, "width": 4, "heads": 1, "layers": 1, "context": 6},
    {"vocabulary": 4, "width": 6, "heads": 3, "layers": 2, "context": 5},
    {"vocabulary": 3, "width": 8, "heads": 2, "layers": 3, "context": 4},
]
each_size = pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: f"{sizes['width']}x{sizes['layers']}")
SMALL = {"vocabulary": 5, "width": 4, "heads": 2, "context": 8}


def text(model, length, seed=0):
    rng = random.Random(seed)
    return [rng.randrange(model.vocabulary) for _ in range(length)]


def numbers(rows):
    return [[logit.data for logit in row] for row in rows]


# against PyTorch


def tensors(torch, model):
    """The weights as float64 tensors, by the name of the matrix."""
    rows: dict[str, list[list[float]]] = {}
    for name, number in model.state_dict().items():
        matrix, row, _ = name.rsplit(".", 2)
        table = rows.setdefault(matrix.removesuffix(".weight"), [])
        if int(row) == len(table):
            table.append([])
        table[-1].append(number)
    return {
        name: torch.tensor(table, dtype=torch.float64, requires_grad=True) for name, table in rows.items()
    }


def twin_logits(torch, w, tokens, heads, layers):
    """The same architecture, written anew with matrices."""
    functional = torch.nn.functional

    def norm(x):
        return functional.rms_norm(x, x.shape[-1:], eps=1e-5)

    n = len(tokens)
    x = norm(w["token_embedding"][tokens] + w["position_embedding"][:n])
    for k in range(layers):
        y, place = norm(x), f"blocks.{k}.attention"
        q, k_, v = (
            torch.stack([y @ w[f"{place}.heads.{h}.{kind}"].T for h in range(heads)])
            for kind in ("query", "key", "value")
        )
        seen = functional.scaled_dot_product_attention(q, k_, v, is_causal=True)
        x = x + seen.transpose(0, 1).reshape(n, -1) @ w[f"{place}.output"].T
        hidden = (norm(x) @ w[f"blocks.{k}.mlp.expand"].T).relu()
        x = x + hidden @ w[f"blocks.{k}.mlp.shrink"].T
    return x @ w["lm_head"].T


def twin_loss(torch, w, tokens, sizes):
    logits = twin_logits(torch, w, tokens[:-1], sizes["heads"], sizes["layers"])
    return torch.nn.functional.cross_entropy(logits, torch.tensor(tokens[1:]))


@pytest.mark.oracle
@each_size
def test_logits_loss_and_every_gradient_are_pytorchs(sizes):
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    model = nn.GPT(**sizes, init=nn.initialiser("normal", std=0.5), seed=1)
    twin, tokens = tensors(torch, model), text(model, sizes["context"] + 1)
    logits = twin_logits(torch, twin, tokens[:-1], sizes["heads"], sizes["layers"])
    for mine, theirs in zip(numbers(model(tokens[:-1])), logits.tolist(), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-11, abs=1e-13)
    loss, expected = model.loss(tokens), twin_loss(torch, twin, tokens, sizes)
    assert loss.data == pytest.approx(expected.item(), rel=1e-12)
    loss.backward()
    expected.backward()
    slopes = [slope for tensor in twin.values() for slope in tensor.grad.flatten().tolist()]
    assert [parameter.grad for parameter in model.parameters()] == pytest.approx(slopes, rel=1e-9, abs=1e-14)


@pytest.mark.oracle
def test_fifty_steps_of_adam_are_pytorchs():
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    sizes = SIZES[1]
    model = nn.GPT(**sizes, seed=2)
    twin = tensors(torch, model)
    mine = nn.Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99))
    theirs = torch.optim.Adam(twin.values(), lr=0.01, betas=(0.85, 0.99))
    for step in range(50):
        tokens = text(model, 2 + step % sizes["context"], seed=step)
        theirs.zero_grad()
        for parameter in model.parameters():
            # A row of a table that the text does not use has slope 0 in PyTorch, and Adam's memory of it
            # fades; zero_grad() would leave it without a slope, and Adam would pass over it.
            parameter.grad = 0.0
        theirs.param_groups[0]["lr"] = 0.01 * (1 - step / 50)
        loss, expected = model.loss(tokens), twin_loss(torch, twin, tokens, sizes)
        loss.backward()
        expected.backward()
        mine.step(scale=1 - step / 50)
        theirs.step()
        assert loss.data == pytest.approx(expected.item(), rel=1e-9)
    weights = [weight for tensor in twin.values() for weight in tensor.flatten().tolist()]
    assert list(model.state_dict().values()) == pytest.approx(weights, rel=1e-9, abs=1e-11)


# the model


@each_size
def test_as_many_parameters_as_the_formula_says(sizes):
    model = nn.GPT(**sizes, seed=0)
    width = sizes["width"]
    tables = 2 * sizes["vocabulary"] + sizes["context"]
    assert len(model.parameters()) == tables * width + sizes["layers"] * (4 + 8) * width**2


def test_microgpt_has_its_4192_parameters_from_a_narrow_normal():
    weights = list(nn.GPT(27, seed=0).state_dict().values())
    assert len(weights) == 4192
    assert math.sqrt(sum(w * w for w in weights) / 4192) == pytest.approx(0.08, rel=0.05)


def test_later_tokens_change_no_logit_before_them():
    model = nn.GPT(**SMALL, layers=2, init=nn.initialiser("normal", std=0.5), seed=0)
    whole = model([0, 1, 2, 3, 4])
    for length in range(1, 5):
        other = model([0, 1, 2, 3, 4][:length] + [0] * (5 - length))
        assert numbers(whole[:length]) == numbers(other[:length])
    whole[2][0].backward()  # reaches the positions 0, 1, 2 and no later token
    assert [any(e.grad for e in row) for row in model.token_embedding.weight] == [True] * 3 + [False] * 2
    positions = model.position_embedding.weight
    assert [any(e.grad for e in row) for row in positions] == [True] * 3 + [False] * 5


def test_a_loss_is_the_mean_surprise_about_each_next_token():
    model = nn.GPT(**SMALL, seed=0)
    tokens = [4, 0, 1, 4]
    rows = numbers(model(tokens[:-1]))
    surprise = [
        math.log(sum(map(math.exp, row))) - row[after] for row, after in zip(rows, tokens[1:], strict=True)
    ]
    assert model.loss(tokens).data == pytest.approx(sum(surprise) / 3, rel=1e-12)
    assert nn.GPT(**SMALL, init="zeros").loss(tokens).data == pytest.approx(math.log(5), rel=1e-14)


def test_it_learns_a_text_by_heart():
    tokenizer = nn.Tokenizer(["anna"])
    model = nn.GPT(len(tokenizer), width=8, heads=2, context=5, seed=0)
    optimizer, tokens = nn.Adam(model.parameters(), lr=0.03), tokenizer.encode("anna")
    for _ in range(40):
        optimizer.zero_grad()
        loss = model.loss(tokens)
        loss.backward()
        optimizer.step()
    assert loss.data < 0.05
    made = model.generate(tokenizer.boundary, stop=tokenizer.boundary, temperature=0)
    assert tokenizer.decode(made) == "anna"


def test_fit_trains_it_on_texts_of_any_length():
    texts = ["ada", "eve", "bo", "al"]
    tokenizer = nn.Tokenizer(texts)
    X, y = tokenizer.next_token_samples(texts)
    model = nn.GPT(len(tokenizer), width=8, heads=2, context=4, seed=0)
    before = [model.loss(tokenizer.encode(text)).data for text in texts]
    history = nn.fit(
        model, X, y, loss=nn.next_token_loss, lr=0.03, epochs=40, batch_size=2, schedule="linear", seed=0,
        validation=(X, y), progress=False,
    )  # fmt: skip
    whole = nn.next_token_loss([nn.GPT(len(tokenizer), width=8, heads=2, context=4, seed=0)(x) for x in X], y)
    assert whole.data == pytest.approx(sum(before) / 4, rel=1e-12)
    after = [model.loss(tokenizer.encode(text)).data for text in texts]
    assert history.val_loss[-1] == pytest.approx(sum(after) / 4, rel=1e-12)
    assert history.val_loss[-1] < 0.8 < 1.5 < sum(before) / 4  # four first letters: at least log(4)/4 a token
    made = {tokenizer.decode(model.generate(tokenizer.boundary, length=4, seed=s, stop=tokenizer.boundary))
            for s in range(20)}
    assert len(made & set(texts)) >= 3


@pytest.mark.parametrize(
    ("outputs", "targets", "message"),
    [
        ([[[Value(0.0)] * 3] * 2], [[1]], "text 0 has 2 tokens and 1 targets"),
        ([[[Value(0.0)] * 3] * 2] * 2, [[1, 2], [-1, -1]], "text 1 has no target"),
        ([[[Value(0.0)] * 3]], [[3]], "target 0 is class 3"),
    ],
)
def test_next_token_loss_names_what_does_not_fit(outputs, targets, message):
    with pytest.raises(ArgumentError, match=message):
        nn.next_token_loss(outputs, targets)


def test_starting_again_and_saving_keep_every_number(tmp_path):
    model = nn.GPT(**SMALL, seed=3)
    assert nn.GPT(**SMALL, seed=4).reset(seed=3).state_dict() == model.state_dict()
    model.save(tmp_path / "gpt.npz")
    assert nn.GPT(**SMALL, seed=5).load(tmp_path / "gpt.npz").state_dict() == model.state_dict()
    with pytest.raises(ArgumentError, match=r"another architecture.*heads=2.*heads=1|holds"):
        nn.GPT(**(SMALL | {"heads": 1})).load(tmp_path / "gpt.npz")


def test_every_node_stands_in_the_box_of_its_part():
    loss = nn.GPT(**SMALL, layers=2, seed=0).loss([0, 1, 2])
    scopes = {node.scope for node in topological_order(loss)}
    assert {
        "cross_entropy", "model/token_embedding", "model/position_embedding", "model/norm", "model/lm_head",
        "model/block 1", "model/block 1/attention_norm", "model/block 1/attention/head 0",
        "model/block 0/attention/head 1/query", "model/block 0/mlp", "model/block 0/mlp/expand",
    } <= scopes  # fmt: skip
    assert all(scope.partition("/")[0] in ("model", "cross_entropy") for scope in scopes)


def test_attention_weights_are_squares_of_shares():
    model = nn.GPT(**SMALL, layers=2, seed=0)
    weights = model.attention_weights([4, 0, 1, 4])
    assert [len(weights), len(weights[0]), len(weights[0][0]), len(weights[0][0][0])] == [2, 2, 4, 4]
    for heads in weights:
        for rows in heads:
            assert [sum(row) for row in rows] == pytest.approx([1.0] * 4)
            assert all(share == 0.0 for k, row in enumerate(rows) for share in row[k + 1 :])
    seen = []
    with watching(lambda module, inputs, output: seen.append((module, inputs))):
        model([4, 0, 1, 4])
    head = model.blocks[1].attention.heads[0]
    [(vectors, *_)] = [inputs for module, inputs in seen if module is head]
    assert [[w.data for w in row] for row in head.weights(vectors)] == [
        [share for share in row if share] for row in weights[1][0]
    ]


# making text


def drawn_without_a_cache(model, tokens, length, temperature, rng):
    """What generate does, the whole text run anew for each token."""
    for _ in range(length):
        logits = [logit.data / temperature for logit in model(tokens)[-1]]
        powers = [math.exp(logit - max(logits)) for logit in logits]
        at = rng.uniform(0.0, sum(powers))
        token = next(k for k in range(len(powers)) if at < sum(powers[: k + 1]))
        tokens = [*tokens, token]
    return tokens


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_generated_with_a_cache_is_generated_without(temperature):
    model = nn.GPT(**SMALL, layers=2, init=nn.initialiser("normal", std=0.7), seed=0)
    made = [model.generate([4, 2], length=7, temperature=temperature, seed=seed) for seed in range(3)]
    for seed, tokens in enumerate(made):
        assert [4, 2, *tokens] == drawn_without_a_cache(model, [4, 2], 7, temperature, random.Random(seed))
    assert temperature < 1.0 or len({tuple(tokens) for tokens in made}) > 1


def test_logits_with_a_cache_are_those_without():
    model = nn.GPT(**SMALL, layers=2, seed=0)
    tokens, cache = [4, 0, 1, 2, 3, 4], model.new_cache()
    pieces = [model(tokens[:2], cache), model(tokens[2:3], cache), model(tokens[3:], cache)]
    assert [row for rows in pieces for row in numbers(rows)] == numbers(model(tokens))


def test_the_most_likely_token_at_temperature_0():
    model = nn.GPT(**SMALL, init=nn.initialiser("normal", std=0.7), seed=1)
    tokens = [4]
    for token in model.generate(4, length=6, temperature=0):
        row = numbers(model(tokens))[-1]
        assert token == row.index(max(row))
        tokens.append(token)


def test_draws_follow_the_probabilities():
    model, rng = nn.GPT(3, width=2, heads=1, context=1, init="zeros"), random.Random(0)
    for parameter, number in zip(model.lm_head.weight, (0.0, math.log(2.0), math.log(5.0)), strict=True):
        parameter[0].data = number
    model.token_embedding.weight[0][0].data = 1e3  # after the norm: (√2, 0)
    shares = [math.exp(logit.data) for logit in model([0])[0]]
    made = [model.generate(0, length=1, seed=rng)[0] for _ in range(1000)]
    found = [made.count(token) / 1000 for token in range(3)]
    assert found == pytest.approx([share / sum(shares) for share in shares], abs=0.05)


def test_generating_stops_and_leaves_no_trace():
    model = nn.GPT(**SMALL, seed=0)
    model.loss([0, 1]).backward()
    before = [parameter.grad for parameter in model.parameters()]
    text = model.generate(4, seed=1)
    assert len(text) == 8  # as the context has 8 places, and the last token need not be looked at
    assert text == model.generate(4, seed=1) == model.generate([4], seed=random.Random(1))
    assert model.generate(4, stop=text[3], seed=1) == text[: text.index(text[3])]
    assert model.generate(4, length=0) == []
    seen = []
    with watching(lambda module, inputs, output: seen.append(output)):
        model.generate(4, length=1)
    assert all(score.is_leaf for score in seen[-1][0])  # the model's answer is computed, and has no graph
    assert [parameter.grad for parameter in model.parameters()] == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.GPT(0), "vocabulary is a whole number of at least 1, got 0"),
        (lambda: nn.GPT(5, layers=0), "layers is a whole number of at least 1, got 0"),
        (lambda: nn.GPT(5, context=2.5), "context is a whole number of at least 1, got 2.5"),
        (lambda: nn.GPT(5, width=6, heads=4), "4 heads cannot share a width of 6 evenly"),
        (lambda: nn.GPT(5, init="nromal"), "did you mean 'normal'"),
        (lambda: nn.GPT(5, seed="a"), "seed is an int"),
        (lambda: nn.GPT(**SMALL)([0, 5]), 'GPT "model" knows the tokens 0 to 4; token 1 is 5'),
        (lambda: nn.GPT(**SMALL)([-1]), "token 0 is -1"),
        (lambda: nn.GPT(**SMALL)([0.5]), "token 0 is 0.5"),
        (lambda: nn.GPT(**SMALL)([math.nan]), "token 0 is nan"),
        (lambda: nn.GPT(**SMALL)(["a"]), "token 0 is 'a'"),
        (lambda: nn.GPT(**SMALL)("abc"), "takes a list of tokens, whole numbers from 0 to 4, got 'abc'"),
        (lambda: nn.GPT(**SMALL)(3), "takes a list of tokens, whole numbers from 0 to 4, got 3"),
        (lambda: nn.GPT(**SMALL)([]), "takes at least one token"),
        (lambda: nn.GPT(**SMALL)([0] * 9), "has a context of 8 tokens, got 9: give a shorter text"),
        (lambda: nn.GPT(**SMALL).loss([0] * 10), "has a context of 8 tokens, got 9"),
        (lambda: nn.GPT(**SMALL).loss([0, 7]), "token 1 is 7"),
        (lambda: nn.GPT(**SMALL).loss([0]), "at least two, got .0."),
        (lambda: nn.Block(4)(3), 'Block "block" takes a list of tokens, each a list of 4 numbers, got 3'),
        (lambda: nn.Block(4)([[1.0]]), 'Block "block" takes 4 numbers for a sample, got 1'),
        (lambda: nn.GPT(**SMALL).generate(5), "token 0 is 5"),
        (lambda: nn.GPT(**SMALL).generate(0, length=9), "after 1 it can make 0 to 8 more, got length=9"),
        (lambda: nn.GPT(**SMALL).generate([0] * 10), "context of 8 tokens: after 10 it can make no more"),
        (lambda: nn.GPT(**SMALL).generate(0, temperature=-1), "temperature is .* at least 0, got -1"),
        (lambda: nn.GPT(**SMALL).generate(0, stop=9), "stop is one of the tokens 0 to 4, or None, got 9"),
    ],
)
def test_what_does_not_fit_is_named(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        wrong()


def test_a_full_cache_is_named():
    model = nn.GPT(**SMALL)
    cache = model.new_cache()
    model([0] * 7, cache)
    with pytest.raises(ArgumentError, match="context of 8 tokens, got 2 after 7 in the cache"):
        model([0, 0], cache)
    assert len(model([0], cache)) == 1
    with pytest.raises(ArgumentError, match=r"this cache is for 2 blocks, and .* has 1"):
        model([0], nn.GPT(**SMALL, layers=2).new_cache())


def test_weights_gone_astray_make_no_text():
    model = nn.GPT(**SMALL)
    model.lm_head.weight[0][0].data = math.nan
    with pytest.raises(AutogradError, match="logits are not finite"):
        model.generate(0)


def test_tokens_may_be_floats_as_data_are():
    model = nn.GPT(**SMALL, seed=0)
    assert model.loss([4.0, 0.0, 1.0]).data == model.loss([4, 0, 1]).data


# text


def test_every_name_comes_back_from_its_tokens():
    texts = nn.names()
    tokenizer = nn.Tokenizer(texts)
    assert tokenizer.characters == "abcdefghijklmnopqrstuvwxyz"
    assert (len(tokenizer), tokenizer.boundary) == (27, 26)
    for text in texts:
        tokens = tokenizer.encode(text)
        assert tokens[0] == tokens[-1] == 26
        assert tokenizer.decode(tokens) == tokenizer.decode(tokens[1:-1]) == text
    assert repr(nn.Tokenizer("abba")) == "Tokenizer('ab')"
    assert nn.Tokenizer(["ü", "ß"]).encode("üß") == [2, 1, 0, 2]
    assert nn.Tokenizer(["a"]).encode("") == [1, 1]


def test_names_are_short_and_differ():
    texts = nn.names()
    assert len(set(texts)) == len(texts) == 500
    assert texts == sorted(texts)
    assert all(text.isascii() and text.isalpha() and text.islower() and 2 <= len(text) <= 9 for text in texts)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.Tokenizer([]), "these hold none: give a list of strings"),
        (lambda: nn.Tokenizer(["", ""]), "these hold none"),
        (lambda: nn.Tokenizer([3]), "takes strings, got 3, a int"),
        (lambda: nn.Tokenizer(["ab"]).encode("abc"), "character 2 of 'abc' is 'c', which this"),
        (lambda: nn.Tokenizer(["ab"]).encode(["a"]), "takes strings, got .'a'., a list"),
        (lambda: nn.Tokenizer(["ab"]).next_token_samples([]), "no texts to make samples of"),
        (lambda: nn.Tokenizer(["ab"]).next_token_samples(["a", "abba"], length=4),
         "text 1, 'abba', needs samples of a length of 5, got length=4"),
        (lambda: nn.Tokenizer(["ab"]).next_token_samples(["a"], length=2.5), "length of 2, got length=2.5"),
        (lambda: nn.Tokenizer(["ab"]).decode([0, 3]), "3 is no token: this tokenizer has the tokens 0 to 2"),
        (lambda: nn.Tokenizer(["ab"]).decode([0.0]), "0.0 is no token"),
        (lambda: nn.Tokenizer(["ab"]).decode([Value(0.0)]), "is no token"),
    ],
)
def test_text_that_does_not_fit_is_named(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        wrong()


# its benchmark


def test_engines_agree_before_their_training_is_timed():
    script = Path(__file__).parent.parent / "benchmarks" / "microgpt.py"
    command = [sys.executable, str(script), "--rounds", "1", "--names", "1", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["parameters"] == 4192
    assert report["largest_gradient_difference"] < 1e-9
    assert {"autograd_lite nn.GPT", "microgpt style, product by product"} <= report["engines"].keys()
