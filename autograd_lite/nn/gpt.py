"""A GPT small enough to be drawn: the architecture of Karpathy's microgpt.

Sources: A. Karpathy, microgpt (2026), https://karpathy.github.io/2026/02/12/microgpt/, which is GPT-2
(Radford et al. 2019) with RMSNorm for LayerNorm, ReLU for GELU, and no biases. microgpt trains with Adam,
lr 0.01 falling linearly to 0, beta1 0.85, beta2 0.99, one text a step, and samples at temperature 0.5.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from operator import add
from typing import TYPE_CHECKING, Any

from .. import ops
from ..engine import Value, no_grad
from ..errors import ArgumentError, AutogradError
from .attention import KeysValues, SelfAttention, Vectors, as_vectors
from .embedding import Embedding
from .initialisation import Draw, Init, RandomSource, generator, initialiser, random_source
from .inputs import as_size, is_list, is_number, is_whole, shown
from .linear import Linear
from .losses import cross_entropy
from .modules import Module
from .normalisation import RMSNorm
from .text import IGNORED
from .tracing import is_traced

if TYPE_CHECKING:
    import random

__all__ = ["GPT", "Block", "FeedForward", "next_token_loss"]

Cache = list[list[KeysValues]]
"""What a model keeps of the tokens it has seen: for each block, for each head, their keys and values."""


class FeedForward(Module):
    """What each token works out by itself: `shrink(relu(expand(x)))`, four times as wide in between.

    >>> FeedForward(2, seed=0)
    FeedForward(2)
    >>> len(FeedForward(2, seed=0).parameters())
    32
    """

    def __init__(
        self,
        width: int,
        *,
        init: str | Init | Draw | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        self.width, rng = as_size(width, "width"), generator(seed)
        self.expand = Linear(width, 4 * width, bias=False, init=init, seed=rng)
        self.shrink = Linear(4 * width, width, bias=False, init=init, seed=rng)

    def forward(self, x: Any) -> list[Value]:
        """A vector of `width` numbers for one token's."""
        answer: list[Value] = self.shrink([number.relu() for number in self.expand(x)])
        return answer

    def __repr__(self) -> str:
        return f"FeedForward({self.width})"


class Block(Module):
    """One layer of a GPT: the tokens look at each other, then each works by itself.

    `x = x + attention(norm(x))`, then `x = x + mlp(norm(x))`: what a block finds out is added to what was
    there, so that gradients also pass by it. The norms are `RMSNorm` without weights. Raises `ArgumentError`
    for what is not a list of vectors of `width` numbers.

    >>> block = Block(4, heads=2, seed=0)
    >>> [len(vector) for vector in block([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])]
    [4, 4]
    """

    def __init__(
        self,
        width: int,
        heads: int = 1,
        *,
        init: str | Init | Draw | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        rng = generator(seed)
        self.attention_norm = RMSNorm(width, affine=False)
        self.attention = SelfAttention(width, heads, init=init, seed=rng)
        self.mlp_norm = RMSNorm(width, affine=False)
        self.mlp = FeedForward(width, init=init, seed=rng)

    def forward(self, tokens: Any, cache: Sequence[KeysValues] | None = None) -> Vectors:
        """A vector for each token's; `cache` as for `SelfAttention`."""
        tokens = as_vectors(tokens, self.attention.width, self)
        answers = self.attention([self.attention_norm(token) for token in tokens], cache)
        vectors = [_sum(token, answer) for token, answer in zip(tokens, answers, strict=True)]
        return [_sum(vector, self.mlp(self.mlp_norm(vector))) for vector in vectors]

    def attention_weights(self, tokens: Any) -> list[Vectors]:
        """For each head, for each token: how much of its attention goes to each token that it sees."""
        vectors = as_vectors(tokens, self.attention.width, self)
        return self.attention.weights([self.attention_norm(vector) for vector in vectors])


class GPT(Module):
    """A language model: for each token of a text, a score (logit) for every token that might come next.

    Token and position are each looked up as a vector of `width` numbers and added; `layers` blocks of
    attention with `heads` heads and a feed-forward part follow; `lm_head` turns each vector into `vocabulary`
    scores. Texts have at most `context` tokens. Weights start from N(0, 0.08²) unless `init` names another
    rule. The default sizes are those of microgpt.

    Raises `ArgumentError` for sizes that are not positive whole numbers, a width that the heads cannot share
    evenly, tokens outside the vocabulary, and a text longer than the context. To train it, take steps on
    `loss(tokens)` by hand, or give `next_token_loss` to `nn.fit`.

    >>> from autograd_lite import nn
    >>> tokenizer = nn.Tokenizer(nn.names())
    >>> model = GPT(vocabulary=len(tokenizer), seed=0)
    >>> model
    GPT(vocabulary=27, width=16, heads=4, layers=1, context=16)
    >>> len(model.parameters())
    4192
    >>> round(model.loss(tokenizer.encode("anna")).data, 2), round(math.log(27), 2)    # it knows nothing yet
    (3.18, 3.3)
    """

    scope_name = "model"

    def __init__(
        self,
        vocabulary: int,
        *,
        width: int = 16,
        heads: int = 4,
        layers: int = 1,
        context: int = 16,
        init: str | Init | Draw | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        self.vocabulary, self.context = as_size(vocabulary, "vocabulary"), as_size(context, "context")
        self.width, count = as_size(width, "width"), as_size(layers, "layers")
        rule, rng = initialiser("normal", std=0.08) if init is None else init, generator(seed)
        self.token_embedding = Embedding(self.vocabulary, self.width, init=rule, seed=rng)
        self.position_embedding = Embedding(self.context, self.width, init=rule, seed=rng)
        self.norm = RMSNorm(self.width, affine=False)
        self.blocks = [Block(self.width, heads, init=rule, seed=rng) for _ in range(count)]
        self.lm_head = Linear(self.width, self.vocabulary, bias=False, init=rule, seed=rng)

    def new_cache(self) -> Cache:
        """An empty cache, to hand to every call that goes on with the same text."""
        return [block.attention.new_cache() for block in self.blocks]

    def forward(self, tokens: Any, cache: Cache | None = None) -> Vectors:
        """For each token, the `vocabulary` logits of the token after it.

        With a `cache`, the tokens follow those of the calls before that had the same cache.
        """
        caches = [None] * len(self.blocks) if cache is None else cache
        if len(caches) != len(self.blocks):
            raise ArgumentError(f"this cache is for {len(caches)} blocks, and {self._title} has "
                                f"{len(self.blocks)}: take one of new_cache()")
        vectors = self._embedded(tokens, len(cache[0][0].keys) if cache else 0)
        for block, kept in zip(self.blocks, caches, strict=True):
            vectors = block(vectors, kept)
        return [self.lm_head(vector) for vector in vectors]

    def loss(self, tokens: Any) -> Value:
        """How surprised the model is by a text: the mean cross-entropy of each token after the first.

        Raises `ArgumentError` for a text of fewer than two tokens.
        """
        checked = self._checked(tokens)
        if len(checked) < 2:
            raise ArgumentError(f"{self._title} learns to tell the next token, which takes a text of at "
                                f"least two, got {shown(tokens)}")
        return cross_entropy(self(checked[:-1]), checked[1:])

    def generate(
        self,
        start: int | Sequence[int],
        *,
        length: int | None = None,
        stop: int | None = None,
        temperature: float = 1.0,
        seed: int | random.Random | None = None,
    ) -> list[int]:
        """Go on with a text: the new tokens, at most `length`, or as many as the context holds.

        Each token is drawn from softmax(logits / temperature): below 1 the model keeps to what it is sure
        of, and at 0 it takes the most likely token (the first of equals). The token `stop` ends the text and
        is not among what is returned. Keys and values of earlier tokens are kept, so that each step computes
        one token only; no graph is built. Raises `ArgumentError` for a length that the context cannot hold.

        >>> from autograd_lite import nn
        >>> tokenizer = nn.Tokenizer(["ab"])
        >>> model = GPT(len(tokenizer), width=4, heads=1, init="zeros")
        >>> tokenizer.decode(model.generate(tokenizer.boundary, length=5, temperature=0))
        'aaaaa'
        """
        waiting = self._checked([start] if is_number(start) else start)
        most = self._length(len(waiting), length)
        _check_drawing(stop, temperature, self)
        rng, cache, made = random_source(seed), self.new_cache(), list[int]()
        with no_grad():
            while len(made) < most:
                logits = self(waiting, cache)[-1]
                token = _drawn([logit.data for logit in logits], temperature, rng)
                if token == stop:
                    break
                made.append(token)
                waiting = [token]
        return made

    def attention_weights(self, tokens: Any) -> list[list[list[list[float]]]]:
        """How tokens look at each other, as numbers: block, head, token that looks, token it looks at.

        Rows are as long as the text, with 0 for what lies ahead, so that each head gives a square to plot.

        >>> model = GPT(3, width=4, heads=1, init="zeros")
        >>> model.attention_weights([2, 0, 1])[0][0][:2]
        [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
        """
        found: list[list[Vectors]] = []
        with no_grad():
            vectors = self._embedded(tokens, 0)
            for block in self.blocks:
                found.append(block.attention_weights(vectors))
                vectors = block(vectors)
        size = len(vectors)
        return [
            [
                [[weight.data for weight in row] + [0.0] * (size - len(row)) for row in rows]
                for rows in heads
            ]
            for heads in found
        ]

    def __repr__(self) -> str:
        heads = len(self.blocks[0].attention.heads)
        return (f"GPT(vocabulary={self.vocabulary}, width={self.width}, heads={heads}, "
                f"layers={len(self.blocks)}, context={self.context})")

    def _kind(self) -> str:
        return GPT.__repr__(self)

    def _length(self, before: int, length: int | None) -> int:
        """How many tokens to make after so many."""
        most = self.context + 1 - before  # the last one is made and not looked at
        wanted = most if length is None else length
        if not is_whole(wanted) or not 0 <= wanted <= most:
            more = f"0 to {most} more, got length={length!r}" if most >= 0 else "no more"
            raise ArgumentError(f"{self._title} has a context of {self.context} tokens: after {before} "
                                f"it can make {more}")
        return int(wanted)

    def _embedded(self, tokens: Any, before: int) -> Vectors:
        """A vector for each token: what it is plus where it stands, the first at the position `before`."""
        checked = self._checked(tokens)
        if before + len(checked) > self.context:
            cached = f" after {before} in the cache" if before else ""
            raise ArgumentError(f"{self._title} has a context of {self.context} tokens, got {len(checked)}"
                                f"{cached}: give a shorter text, or build it with a larger context")
        return [
            self.norm(_sum(self.token_embedding(token), self.position_embedding(before + place)))
            for place, token in enumerate(checked)
        ]

    def _checked(self, tokens: Any) -> list[int]:
        """The tokens as ints; they may come as floats, as data do."""
        if not is_list(tokens):
            raise ArgumentError(f"{self._title} takes a list of tokens, whole numbers from 0 to "
                                f"{self.vocabulary - 1}, got {shown(tokens)}")
        listed = list(tokens)
        if not listed:
            raise ArgumentError(f"{self._title} takes at least one token, got {shown(tokens)}")
        for place, token in enumerate(listed):
            if is_traced(token):
                continue
            if not is_number(token) or not 0 <= token < self.vocabulary or token != int(token):
                raise ArgumentError(f"{self._title} knows the tokens 0 to {self.vocabulary - 1}; "
                                    f"token {place} is {shown(token)}")
        return [token if is_traced(token) else int(token) for token in listed]


def next_token_loss(outputs: Sequence[Vectors], targets: Sequence[Sequence[int]]) -> Value:
    """The mean of `GPT.loss` over texts, as a loss for `nn.fit`.

    `outputs` are the model's logits for each text, `targets` the tokens that come after; what
    `Tokenizer.next_token_samples` has filled up is left out. Raises `ArgumentError` for a text without a
    target for each of its tokens, or with none at all.

    >>> from autograd_lite import nn
    >>> tokenizer = nn.Tokenizer(["ada", "eve"])
    >>> X, y = tokenizer.next_token_samples(["ada", "eve"])
    >>> model = GPT(len(tokenizer), width=4, heads=1, seed=0)
    >>> history = nn.fit(model, X, y, loss=next_token_loss, lr=0.05, epochs=50, progress=False)
    >>> history.loss[0] > 1.5 > 0.5 > history.loss[-1]
    True
    """
    means = []
    for index, (scores, wanted) in enumerate(zip(outputs, targets, strict=True)):
        if len(scores) != len(wanted):
            raise ArgumentError(f"text {index} has {len(scores)} tokens and {len(wanted)} targets: give the "
                                "token after each")
        counted = [(row, token) for row, token in zip(scores, wanted, strict=True) if token != IGNORED]
        if not counted:
            raise ArgumentError(f"text {index} has no target: all of them are {IGNORED}, which means ignored")
        means.append(cross_entropy([row for row, _ in counted], [token for _, token in counted]))
    mean: Value = means[0] if len(means) == 1 else ops.mean(means)
    return mean


# a list of texts costs what they cost on the average: each may be traced by itself
next_token_loss.is_mean_over_samples = True  # type: ignore[attr-defined]


def _sum(left: Sequence[Value], right: Sequence[Value]) -> list[Value]:
    return list(map(add, left, right))


def _check_drawing(stop: Any, temperature: Any, model: GPT) -> None:
    if stop is not None and not (is_whole(stop) and 0 <= stop < model.vocabulary):
        raise ArgumentError(f"stop is one of the tokens 0 to {model.vocabulary - 1}, or None, got {stop!r}")
    if not is_number(temperature) or not 0.0 <= temperature < math.inf:
        raise ArgumentError(f"temperature is a number of at least 0, got {temperature!r}: 1 draws as the "
                            "model says, 0 takes what is most likely")


def _drawn(logits: list[float], temperature: float, rng: RandomSource) -> int:
    """A token drawn from softmax(logits / temperature)."""
    top = max(logits)
    if not math.isfinite(sum(logits)):
        raise AutogradError(f"the model's logits are not finite: {shown(logits)}. Its weights have gone "
                            "astray in training: try a smaller learning rate.")
    if temperature == 0:
        return logits.index(top)
    powers = [math.exp((logit - top) / temperature) for logit in logits]
    bounds = list(accumulate(powers))
    return min(bisect(bounds, rng.uniform(0.0, bounds[-1])), len(logits) - 1)
