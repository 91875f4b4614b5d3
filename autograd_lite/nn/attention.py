"""Attention: how the tokens of a sequence look at each other.

Sources: Vaswani et al. 2017, "Attention is all you need" (section 3.2); without biases, and with the keys and
values kept for the tokens to come, as in Karpathy's microgpt (2026).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError
from .initialisation import Draw, Init, generator
from .inputs import as_inputs, as_size, is_list, shown
from .linear import Linear
from .modules import Module
from .settings import truth

if TYPE_CHECKING:
    import random

__all__ = [
    "AttentionHead", "KeysValues", "SelfAttention", "Vectors", "as_vectors", "attention_weights",
    "scaled_dot_product_attention",
]  # fmt: skip

Vectors = list[list[Value]]


def attention_weights(
    queries: Sequence[Sequence[Any]], keys: Sequence[Sequence[Any]], *, causal: bool = False
) -> Vectors:
    """For each query a list of weights that add up to 1: softmax(query·key / √size) over the keys.

    With `causal` the queries are those of the last tokens, and each sees the keys up to its own token: of as
    many queries as keys, the first sees one key and the last all. Raises `ArgumentError` for a causal query
    without a key of its own.

    >>> attention_weights([[1.0], [0.0]], [[0.0], [5.0]], causal=True)
    [[1.0], [0.5, 0.5]]
    """
    if causal and len(keys) < len(queries):
        raise ArgumentError(f"causal attention needs a key for each query, got {len(queries)} queries and "
                            f"{len(keys)} keys")
    before = len(keys) - len(queries)  # tokens before that of the first query
    return [
        _shares(query, keys[: before + position + 1] if causal else keys)
        for position, query in enumerate(queries)
    ]


def scaled_dot_product_attention(
    queries: Sequence[Sequence[Any]],
    keys: Sequence[Sequence[Any]],
    values: Sequence[Sequence[Any]],
    *,
    causal: bool = False,
) -> Vectors:
    """For each query the mean of the values (one for each key), weighted by `attention_weights`.

    Like `torch.nn.functional.scaled_dot_product_attention` on lists of vectors of numbers or Values. Raises
    `ArgumentError` unless there are as many values as keys.

    >>> scaled_dot_product_attention([[0.0]], [[1.0], [1.0]], [[3.0, 0.0], [5.0, 2.0]])
    [[4.0, 1.0]]
    """
    if len(keys) != len(values):
        raise ArgumentError(f"attention needs a value for each key, got {len(keys)} keys and "
                            f"{len(values)} values")
    columns = list(zip(*values, strict=True))
    return [
        [ops.dot(weights, column[: len(weights)]) for column in columns]
        for weights in attention_weights(queries, keys, causal=causal)
    ]


def _shares(query: Sequence[Any], keys: Sequence[Sequence[Any]]) -> list[Value]:
    """How much of a query's attention goes to each key."""
    # Without the root, products of long vectors are so large that one key takes all.
    root = math.sqrt(len(query))
    return ops.softmax([ops.dot(query, key) / root for key in keys])


@dataclass
class KeysValues:
    """What one attention head keeps of the tokens it has seen: a key and a value for each, both vectors."""

    keys: Vectors = field(default_factory=list)
    values: Vectors = field(default_factory=list)


class AttentionHead(Module):
    """One head: every token asks (query), and gets the mean of the values, weighted by how their keys answer.

    Query, key and value are linear functions of a token, from `width` to `size` numbers, without bias; what
    becomes of them is `scaled_dot_product_attention`. In a causal head a token sees itself and those before
    it. Raises `ArgumentError` for sizes that are not positive whole numbers, for an unknown init, and for
    what is not a list of vectors of `width` numbers.

    >>> head = AttentionHead(2, 1, init="zeros")
    >>> head.value.weight[0][0].data = 1.0
    >>> [answer[0].data for answer in head([[3.0, 0.0], [5.0, 0.0]])]    # no preference: the mean so far
    [3.0, 4.0]
    """

    def __init__(
        self,
        width: int,
        size: int,
        *,
        causal: bool = True,
        init: str | Init | Draw | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        self.width, self.size = as_size(width, "width"), as_size(size, "size")
        self.causal, rng = truth("causal", causal), generator(seed)
        self.query = Linear(width, size, bias=False, init=init, seed=rng)
        self.key = Linear(width, size, bias=False, init=init, seed=rng)
        self.value = Linear(width, size, bias=False, init=init, seed=rng)

    def forward(self, tokens: Any, cache: KeysValues | None = None) -> Vectors:
        """An answer of `size` numbers for each token; `cache` is that of the tokens before these."""
        vectors = as_vectors(tokens, self.width, self)
        cache = KeysValues() if cache is None else _usable(cache, self)
        queries = [self.query(vector) for vector in vectors]
        keys, values = [self.key(vector) for vector in vectors], [self.value(vector) for vector in vectors]
        cache.keys += keys
        cache.values += values
        return scaled_dot_product_attention(queries, cache.keys, cache.values, causal=self.causal)

    def weights(self, tokens: Any) -> Vectors:
        """For each token how much of its attention goes to each token that it sees; they add up to 1."""
        vectors = as_vectors(tokens, self.width, self)
        queries, keys = [self.query(vector) for vector in vectors], [self.key(vector) for vector in vectors]
        return attention_weights(queries, keys, causal=self.causal)

    def __repr__(self) -> str:
        return f"AttentionHead({self.width}, {self.size}{'' if self.causal else ', causal=False'})"

    def _kind(self) -> str:
        return AttentionHead.__repr__(self)


class SelfAttention(Module):
    """Multi-head self-attention without biases: from a list of token vectors to a list of as many vectors.

    `heads` heads work side by side, each with vectors of `width / heads` numbers; `output` mixes what they
    answered. With the same numbers it is `torch.nn.MultiheadAttention(width, heads, bias=False)`, whose
    `in_proj_weight` holds the rows of all queries, then of all keys, then of all values.

    Raises `ArgumentError` for a width that the heads cannot share evenly, an unknown init, and what is not a
    list of vectors of `width` numbers.

    >>> attention = SelfAttention(4, heads=2, seed=0)
    >>> attention
    SelfAttention(4, heads=2)
    >>> first, second = attention([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    >>> len(first)
    4

    Tokens may also come one at a time, with a cache of the keys and values of those before:

    >>> cache = attention.new_cache()
    >>> [alone] = attention([[1.0, 0.0, 0.0, 0.0]], cache)
    >>> [then] = attention([[0.0, 1.0, 0.0, 0.0]], cache)
    >>> [number.data for number in then] == [number.data for number in second]
    True
    """

    def __init__(
        self,
        width: int,
        heads: int = 1,
        *,
        causal: bool = True,
        init: str | Init | Draw | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        self.width, self.causal = as_size(width, "width"), truth("causal", causal)
        count = as_size(heads, "heads")
        if self.width % count:
            raise ArgumentError(f"{count} heads cannot share a width of {self.width} evenly: give a multiple "
                                f"of {count}, such as {count * -(-self.width // count)}")
        size, rng = self.width // count, generator(seed)
        self.heads = [
            AttentionHead(width, size, causal=causal, init=init, seed=rng) for _ in range(count)
        ]
        self.output = Linear(width, width, bias=False, init=init, seed=rng)

    def new_cache(self) -> list[KeysValues]:
        """An empty cache, to hand to every call that goes on with the same sequence: one for each head."""
        return [KeysValues() for _ in self.heads]

    def forward(self, tokens: Any, cache: Sequence[KeysValues] | None = None) -> Vectors:
        """A vector of `width` numbers for each token.

        With a `cache` the tokens follow those of the calls before that had the same cache. That takes causal
        attention, where no later token changes what an earlier one saw; `ArgumentError` otherwise.
        """
        vectors = as_vectors(tokens, self.width, self)
        caches = [None] * len(self.heads) if cache is None else cache
        if len(caches) != len(self.heads):
            raise ArgumentError(f"{self._title} has {len(self.heads)} heads, and this cache is for "
                                f"{len(caches)}: take one of new_cache()")
        answers = [head(vectors, kept) for head, kept in zip(self.heads, caches, strict=True)]
        return [
            self.output([number for answer in of_all_heads for number in answer])
            for of_all_heads in zip(*answers, strict=True)
        ]

    def weights(self, tokens: Any) -> list[Vectors]:
        """For each head, for each token: how much of its attention goes to each token that it sees."""
        vectors = as_vectors(tokens, self.width, self)
        return [head.weights(vectors) for head in self.heads]

    def __repr__(self) -> str:
        causal = "" if self.causal else ", causal=False"
        return f"SelfAttention({self.width}, heads={len(self.heads)}{causal})"

    def _kind(self) -> str:
        return SelfAttention.__repr__(self)


def as_vectors(tokens: Any, width: int, owner: Module) -> list[Any]:
    """The tokens, each a vector of `width` Values; `ArgumentError`, naming the `owner`, for anything else."""
    listed = list(tokens) if is_list(tokens) else []
    if not listed:
        raise ArgumentError(f"{owner._title} takes a list of tokens, each a list of {width} numbers, "
                            f"got {shown(tokens)}")
    return [as_inputs(token, width, owner) for token in listed]


def _usable(cache: Any, head: AttentionHead) -> KeysValues:
    if not isinstance(cache, KeysValues):
        raise ArgumentError(f"{head._title} takes a cache of the class KeysValues, got {shown(cache)}")
    if not head.causal:
        raise ArgumentError(f"{head._title} is not causal: a token changes what those before it see, so that "
                            "nothing can be kept of them. Give all tokens in one call, without a cache.")
    return cache
