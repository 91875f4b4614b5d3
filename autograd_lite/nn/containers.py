"""Modules made of modules: one after the other, around a bypass, or a function in a module's place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine import Value
from ..errors import ArgumentError
from .finding import is_module
from .inputs import as_inputs, shown
from .modules import Module

__all__ = ["Residual"]


class Residual(Module):
    """`y = x + block(x)`: the block learns what to add, and gradients pass by it undiminished.

    The block gives as many numbers as it takes. It may also work on a list of samples, as attention does;
    then each number of each is added. Source: He et al. 2015, Deep Residual Learning.

    Raises `ArgumentError` for a block that is no module or gives another number of outputs.

    >>> from autograd_lite import nn
    >>> [out.data for out in nn.Residual(nn.Linear(2, 2, init="zeros"))([1.0, -2.0])]
    [1.0, -2.0]
    """

    def __init__(self, block: Module) -> None:
        if not is_module(block):
            raise ArgumentError(f"Residual takes a module, such as nn.Linear(4, 4), got {shown(block)}")
        self.block = block

    def forward(self, x: Any) -> Any:
        """The inputs plus what the block makes of them."""
        values = self._as_values(x)
        return self._sum(values, self.block(values))

    def forward_batch(self, rows: Sequence[Any]) -> list[Any]:
        """The same for several samples, which the block gets together."""
        samples = [self._as_values(row) for row in rows]
        return [self._sum(x, y) for x, y in zip(samples, self.block.batch(samples), strict=True)]

    def _as_values(self, x: Any) -> Any:
        if isinstance(x, list) and x and isinstance(x[0], (list, tuple)):
            return [as_inputs(row, None, self) for row in x]
        return as_inputs(x, None if hasattr(x, "__iter__") else 1, self)

    def _sum(self, x: Sequence[Any], y: Any) -> list[Any]:
        parts = [y] if isinstance(y, Value) else list(y)
        if len(parts) != len(x):
            raise ArgumentError(f"{self._title} adds {len(x)} inputs to what {shown(self.block)} makes of "
                                f"them, but that are {len(parts)} outputs: give it a block with as many")
        return [
            left + right if isinstance(left, Value) else self._sum(left, right)
            for left, right in zip(x, parts, strict=True)
        ]

    def __repr__(self) -> str:
        return f"Residual({self.block!r})"
