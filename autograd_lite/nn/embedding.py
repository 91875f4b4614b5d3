"""`Embedding`: a table with a row of parameters for each of a number of things, such as letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError, ValueTypeError
from ..ops.row import as_number
from .initialisation import Draw, Init, RandomSource, init_named, random_source
from .inputs import as_size, shown
from .modules import Module
from .tracing import is_traced

if TYPE_CHECKING:
    import random

__all__ = ["Embedding"]


class Embedding(Module):
    """Row `index` of a table of `count` rows with `width` parameters each: what a network learns of a thing.

    Takes a whole number from 0 to `count - 1`, also as a float such as 3.0 or in a list, as data come, and
    gives the parameters themselves: no node is made. Several indices in a list give their rows one after
    the other, a flat list like every sample. The start is N(0, 1), as of `torch.nn.Embedding`.

    Rows that a loss did not reach have no gradient, and an optimizer leaves them as they are; PyTorch's dense
    `Embedding` gives them the gradient 0, so that Adam goes on moving them there.

    Raises `ArgumentError` for sizes that are not positive whole numbers, and for an index that is not whole
    or lies outside the table.

    >>> letters = Embedding(27, 2, seed=0)
    >>> letters(3) == letters.weight[3]
    True
    >>> len(letters([3, 0, 1]))
    6
    >>> letters(27)
    Traceback (most recent call last):
    autograd_lite.errors.ArgumentError: Embedding "embedding" takes a whole number from 0 to 26, got 27
    """

    def __init__(
        self,
        count: int,
        width: int,
        *,
        init: str | Init | Draw = "normal",
        seed: int | random.Random | None = None,
    ) -> None:
        self.count, self.width = as_size(count, "count"), as_size(width, "width")
        self.weight = [
            [Value(0.0, label=f"e{row},{column}") for column in range(self.width)]
            for row in range(self.count)
        ]
        self._init = init
        self.reset_parameters(random_source(seed))

    def reset_parameters(self, rng: RandomSource) -> None:
        """Draw the table row by row."""
        rule = init_named(self._init)
        for row in self.weight:
            for weight in row:
                weight.data = rule.weight(rng, self.width, self.count)

    def forward(self, index: Any) -> list[Value]:
        """The parameters of the row `index`, or of several rows one after the other."""
        if isinstance(index, (list, tuple)) or getattr(index, "ndim", 0) == 1:
            return [weight for one in index for weight in self._row(one)]
        return self._row(index)

    def _row(self, index: Any) -> list[Value]:
        if is_traced(index):  # the row is looked up at each call
            if index < 0.0:  # a guard: a table alone would count from its end
                raise self._no_row(float(index.item()))
            try:
                return [ops.take(column, index) for column in zip(*self.weight, strict=True)]
            except ArgumentError as error:
                raise self._no_row(float(index.item())) from error
        return list(self.weight[self._position(index)])

    def _position(self, index: Any) -> int:
        try:
            number = as_number(index.data if isinstance(index, Value) else index)
        except ValueTypeError:
            number = -1.0
        if not 0 <= number < self.count or number != int(number):
            raise self._no_row(index)
        return int(number)

    def _no_row(self, index: Any) -> ArgumentError:
        if isinstance(index, float) and index.is_integer():  # compiled, every number is a float
            index = int(index)
        return ArgumentError(
            f"{self._title} takes a whole number from 0 to {self.count - 1}, got {shown(index)}"
        )

    def __repr__(self) -> str:
        return f"Embedding({self.count}, {self.width})"

    def _kind(self) -> str:
        return Embedding.__repr__(self)
