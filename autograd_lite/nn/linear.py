"""`Linear`: every output is a weighted sum of all inputs plus a bias, each sum one node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import ops
from ..engine import Value
from .initialisation import DEFAULT_INIT, Draw, Init, RandomSource, init_named, random_source
from .inputs import as_inputs, as_size
from .modules import Module
from .settings import truth

if TYPE_CHECKING:
    import random

__all__ = ["Linear"]


class Linear(Module):
    """`y[i] = weight[i]·x + bias[i]`, from `nin` inputs to a list of `nout` outputs.

    `weight` is a list of `nout` rows of `nin` Values, `bias` a list of `nout`, or None with `bias=False`.
    Each product of a row with the inputs is one node, where `Layer` has one for every weight. The start is
    U(±1/√nin) for weights and biases, as of `torch.nn.Linear`; `init` is the name of another rule, an
    `initialiser`, or a function. With the same seed the numbers are those of `Layer(nin, nout)`.

    Raises `ArgumentError` for sizes that are not positive whole numbers, an unknown init, and a sample of
    another length.

    >>> layer = Linear(3, 2, seed=0)
    >>> layer
    Linear(3, 2)
    >>> layer.weight[0][0].data, layer.bias[0].data = 0.5, -1.0
    >>> layer([2.0, 0.0, 0.0])[0].data
    0.0
    >>> len(Linear(3, 2, bias=False).parameters())
    6
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        bias: bool = True,
        *,
        init: str | Init | Draw | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        self.nin, self.nout = as_size(nin, "nin"), as_size(nout, "nout")
        self.weight = [
            [Value(0.0, label=f"w{row},{column}") for column in range(self.nin)] for row in range(self.nout)
        ]
        self.bias = [Value(0.0, label=f"b{row}") for row in range(self.nout)] if truth("bias", bias) else None
        self._init = DEFAULT_INIT if init is None else init
        self.reset_parameters(random_source(seed))

    def reset_parameters(self, rng: RandomSource) -> None:
        """Draw each row of weights and then its bias."""
        rule = init_named(self._init)
        for index, row in enumerate(self.weight):
            for weight in row:
                weight.data = rule.weight(rng, self.nin, self.nout)
            if self.bias is not None:
                self.bias[index].data = rule.bias(rng, self.nin, self.nout)

    def forward(self, x: Any) -> list[Value]:
        """The `nout` sums for one sample of `nin` numbers or Values."""
        values = as_inputs(x, self.nin, self).operands
        sums: list[Value] = [ops.dot(row, values) for row in self.weight]
        if self.bias is None:
            return sums
        return [total + bias for total, bias in zip(sums, self.bias, strict=True)]

    def __repr__(self) -> str:
        return f"Linear({self.nin}, {self.nout}{'' if self.bias is not None else ', bias=False'})"

    def _kind(self) -> str:
        return Linear.__repr__(self)
