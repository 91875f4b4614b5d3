"""Twins: for a network of ours the same network in PyTorch, in float64, with the same numbers in it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from autograd_lite import nn
from autograd_lite.engine import Value

__all__ = ["LastToken", "Tokens", "Twin", "twin_of"]

Pairs = list[tuple[list[Value], Any]]


class Tokens(nn.Module):
    """A flat sample as tokens of `width` numbers each, for a part that works on a list of them."""

    def __init__(self, part: nn.Module, width: int) -> None:
        self.part, self.width = part, width

    def forward(self, x: Any) -> list[Value]:
        tokens = [x[start : start + self.width] for start in range(0, len(x), self.width)]
        return [number for vector in self.part(tokens) for number in vector]


class LastToken(nn.Module):
    """What a language model says after the last token of a text."""

    def __init__(self, part: nn.Module) -> None:
        self.part = part

    def forward(self, x: Any) -> list[Value]:
        return self.part(x)[-1]


class Twin:
    """PyTorch's network, and which of its numbers belong to which of ours."""

    def __init__(self, ours: nn.Module) -> None:
        self.pairs: Pairs = []
        self.statistics: list[tuple[nn.BatchNorm, Any]] = []
        self.ours, self.module = ours, twin_of(ours, self)
        paired = [value for values, _ in self.pairs for value in values]
        assert {id(value) for value in paired} == {id(value) for value in ours.parameters()}
        assert {id(tensor) for _, tensor in self.pairs} == {id(tensor) for tensor in self.module.parameters()}

    def pair(self, values: list[Value], tensor: Any) -> None:
        """These Values are the entries of that tensor, which takes over their numbers."""
        import torch

        assert len(values) == tensor.numel(), (values, tensor)
        numbers = [value.data for value in values]
        with torch.no_grad():
            tensor.copy_(torch.tensor(numbers, dtype=torch.float64).reshape(tensor.shape))
        self.pairs.append((values, tensor))

    def our_numbers(self) -> list[float]:
        """Parameters and running statistics, in the order of the pairs."""
        statistics = [number for norm, _ in self.statistics for number in (
            *norm.running_mean, *norm.running_var, norm.num_batches_tracked)]
        return [value.data for values, _ in self.pairs for value in values] + statistics

    def their_numbers(self) -> list[float]:
        """The same of PyTorch's network."""
        statistics = [number for _, norm in self.statistics for tensor in (
            norm.running_mean, norm.running_var, norm.num_batches_tracked.reshape(1))
            for number in tensor.tolist()]  # fmt: skip
        return [number for _, tensor in self.pairs for number in tensor.flatten().tolist()] + statistics


def twin_of(part: Any, twin: Twin) -> Any:
    """PyTorch's module for one of ours, by its class."""
    return _BUILDERS[type(part)](part, twin)


def _rows(weight: list[list[Value]]) -> list[Value]:
    return [value for row in weight for value in row]


def _as_module(forward: Callable[..., Any], *parts: Any) -> Any:
    """A function of a tensor as a PyTorch module that holds `parts`."""
    import torch

    class Made(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(parts)

        def forward(self, x: Any) -> Any:
            return forward(x)

    return Made()


def _linear(part: nn.Linear, twin: Twin) -> Any:
    import torch

    made = torch.nn.Linear(part.nin, part.nout, bias=part.bias is not None, dtype=torch.float64)
    twin.pair(_rows(part.weight), made.weight)
    if part.bias is not None:
        twin.pair(part.bias, made.bias)
    return made


def _neurons(neurons: list[nn.Neuron], twin: Twin) -> Any:
    import torch

    made = torch.nn.Linear(len(neurons[0].w), len(neurons), dtype=torch.float64)
    twin.pair(_rows([neuron.w for neuron in neurons]), made.weight)
    twin.pair([neuron.b for neuron in neurons], made.bias)
    activate = _elementwise(neurons[0].activation) if neurons[0].nonlin else lambda x: x
    return _as_module(lambda x: activate(made(x)), made)


def _elementwise(name: str) -> Callable[[Any], Any]:
    import torch

    return getattr(torch, name, None) or getattr(torch.nn.functional, name)


def _activation(part: nn.Activation, twin: Twin) -> Any:
    import torch

    if part.activation == "leaky_relu":
        return torch.nn.LeakyReLU(part._settings["slope"])
    if part.activation in ("softmax", "log_softmax"):
        function = getattr(torch, part.activation)
        return _as_module(lambda x: function(x, dim=-1))
    return _as_module(_elementwise(part.activation))


def _sequential(parts: list[nn.Module], twin: Twin) -> Any:
    import torch

    return torch.nn.Sequential(*[twin_of(part, twin) for part in parts])


def _dropout(part: nn.Dropout, twin: Twin) -> Any:
    """Drops what ours drops: PyTorch cannot be told, so its formula, with a copy of our generator."""
    import torch

    rng, kept = random.Random(), 1.0 / (1.0 - part.p)
    rng.setstate(part.rng.getstate())

    def forward(x: Any) -> Any:
        if not made.training:
            return x
        mask = [[0.0 if rng.random() < part.p else kept for _ in row] for row in x]
        return x * torch.tensor(mask, dtype=torch.float64)

    made = _as_module(forward)
    return made


def _batch_norm(part: nn.BatchNorm, twin: Twin) -> Any:
    import torch

    made = torch.nn.BatchNorm1d(part.nin, eps=part.eps, momentum=part.momentum,
                                affine=part.weight is not None, dtype=torch.float64)  # fmt: skip
    if part.weight is not None:
        twin.pair(part.weight, made.weight)
        twin.pair(part.bias, made.bias)
    twin.statistics.append((part, made))
    return made


def _layer_norm(part: nn.LayerNorm, twin: Twin) -> Any:
    import torch

    made = torch.nn.LayerNorm(part.nin, eps=part.eps, elementwise_affine=part.weight is not None,
                              bias=part.bias is not None, dtype=torch.float64)  # fmt: skip
    for values, tensor in ((part.weight, made.weight), (part.bias, made.bias)):
        if values is not None:
            twin.pair(values, tensor)
    return made


def _rms_norm(part: nn.RMSNorm, twin: Twin) -> Any:
    import torch

    made = torch.nn.RMSNorm(part.nin, eps=part.eps, elementwise_affine=part.weight is not None,
                            dtype=torch.float64)  # fmt: skip
    if part.weight is not None:
        twin.pair(part.weight, made.weight)
    return made


def _embedding(part: nn.Embedding, twin: Twin) -> Any:
    import torch

    made = torch.nn.Embedding(part.count, part.width, dtype=torch.float64)
    twin.pair(_rows(part.weight), made.weight)
    return _as_module(lambda x: made(x.long()).flatten(-2), made)


def _residual(part: nn.Residual, twin: Twin) -> Any:
    block = twin_of(part.block, twin)
    return _as_module(lambda x: x + block(x), block)


def _head(part: nn.AttentionHead, twin: Twin) -> Any:
    import torch

    query, key, value = (_linear(each, twin) for each in (part.query, part.key, part.value))
    return _as_module(
        lambda x: torch.nn.functional.scaled_dot_product_attention(
            query(x), key(x), value(x), is_causal=part.causal),
        query, key, value,
    )  # fmt: skip


def _attention(part: nn.SelfAttention, twin: Twin) -> Any:
    import torch

    made = torch.nn.MultiheadAttention(part.width, len(part.heads), bias=False, batch_first=True,
                                       dtype=torch.float64)  # fmt: skip
    of_all_heads = [head.query.weight for head in part.heads]
    of_all_heads += [head.key.weight for head in part.heads] + [head.value.weight for head in part.heads]
    twin.pair([value for weight in of_all_heads for value in _rows(weight)], made.in_proj_weight)
    twin.pair(_rows(part.output.weight), made.out_proj.weight)

    def forward(x: Any) -> Any:
        ahead = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1) if part.causal else None
        return made(x, x, x, attn_mask=ahead, need_weights=False)[0]

    return _as_module(forward, made)


def _feed_forward(part: nn.FeedForward, twin: Twin) -> Any:
    expand, shrink = _linear(part.expand, twin), _linear(part.shrink, twin)
    return _as_module(lambda x: shrink(expand(x).relu()), expand, shrink)


def _block(part: nn.Block, twin: Twin) -> Any:
    norm, attention, mlp_norm, mlp = (
        twin_of(each, twin) for each in (part.attention_norm, part.attention, part.mlp_norm, part.mlp))

    def forward(x: Any) -> Any:
        x = x + attention(norm(x))
        return x + mlp(mlp_norm(x))

    return _as_module(forward, norm, attention, mlp_norm, mlp)


def _gpt(part: nn.GPT, twin: Twin) -> Any:
    import torch

    tokens = torch.nn.Embedding(part.vocabulary, part.width, dtype=torch.float64)
    positions = torch.nn.Embedding(part.context, part.width, dtype=torch.float64)
    twin.pair(_rows(part.token_embedding.weight), tokens.weight)
    twin.pair(_rows(part.position_embedding.weight), positions.weight)
    norm, blocks = twin_of(part.norm, twin), _sequential(part.blocks, twin)
    head = _linear(part.lm_head, twin)

    def forward(x: Any) -> Any:
        return head(blocks(norm(tokens(x.long()) + positions(torch.arange(x.shape[1])))))

    return _as_module(forward, tokens, positions, norm, blocks, head)


def _tokens(part: Tokens, twin: Twin) -> Any:
    inner = twin_of(part.part, twin)
    return _as_module(lambda x: inner(x.unflatten(1, (-1, part.width))).flatten(1), inner)


def _last_token(part: LastToken, twin: Twin) -> Any:
    inner = twin_of(part.part, twin)
    return _as_module(lambda x: inner(x)[:, -1], inner)


_BUILDERS: dict[type, Callable[[Any, Twin], Any]] = {
    Tokens: _tokens,
    LastToken: _last_token,
    nn.Activation: _activation,
    nn.AttentionHead: _head,
    nn.BatchNorm: _batch_norm,
    nn.Block: _block,
    nn.Dropout: _dropout,
    nn.Embedding: _embedding,
    nn.FeedForward: _feed_forward,
    nn.GPT: _gpt,
    nn.Layer: lambda part, twin: _neurons(part.neurons, twin),
    nn.LayerNorm: _layer_norm,
    nn.Linear: _linear,
    nn.MLP: lambda part, twin: _sequential(part.layers, twin),
    nn.Neuron: lambda part, twin: _neurons([part], twin),
    nn.RMSNorm: _rms_norm,
    nn.Residual: _residual,
    nn.SelfAttention: _attention,
    nn.Sequential: lambda part, twin: _sequential(part.layers, twin),
}
