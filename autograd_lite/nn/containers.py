"""Modules made of modules: one after the other, around a bypass, or a function in a module's place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from ..engine import Value
from ..errors import ArgumentError
from .activations import Activation, AnyActivation
from .finding import is_module
from .initialisation import generator
from .inputs import as_inputs, is_list, is_whole, shown
from .layers import MLP
from .modules import Module

if TYPE_CHECKING:
    import random

__all__ = ["Residual", "Sequential"]


class Sequential(Module):
    """Modules one after the other, each given what the one before makes.

    Parts are modules, or names of activations and functions of one Value, which become `Activation`s.
    `model[0]` is the first part, `model[1:]` a Sequential of the others, `len(model)` how many there are;
    `append` adds one. With `seed` all parts start as `reset(seed)` would have them, whatever seeds they had.

    Raises `ArgumentError` for anything else; the parts say themselves what does not fit when they are run.

    >>> from autograd_lite import nn
    >>> model = Sequential(nn.Linear(2, 4), "tanh", nn.Linear(4, 1), seed=0)
    >>> model
    Sequential(Linear(2, 4), 'tanh', Linear(4, 1))
    >>> round(model([1.0, -1.0])[0].data, 4)
    0.4643
    >>> [name for name, _ in model[2:].named_parameters()]
    ['layers.0.weight.0.0', ...]
    """

    scope_name = "model"

    def __init__(self, *parts: Module | AnyActivation, seed: int | random.Random | None = None) -> None:
        self.layers = [_as_module(part, index) for index, part in enumerate(parts)]
        self._name_parts()
        if (rng := generator(seed)) is not None:
            self.reset(rng)

    def append(self, part: Module | AnyActivation) -> Self:
        """Add one part at the end, and return this module."""
        self.layers = [*self.layers, _as_module(part, len(self.layers))]
        self._name_parts()
        return self

    def forward(self, x: Any) -> Any:
        """What the last part makes of one sample, from part to part."""
        x = self._as_sample(x)
        for layer in self.layers:
            x = layer(x)
        return x

    def forward_batch(self, rows: Sequence[Any]) -> list[Any]:
        """The same for several samples, which every part gets together."""
        outputs = [self._as_sample(row) for row in rows]
        for layer in self.layers:
            outputs = layer.batch(outputs)
        return outputs

    def _name_parts(self) -> None:
        for index, layer in enumerate(self.layers):
            kind = layer.activation if isinstance(layer, Activation) else type(layer).__name__
            layer.scope_name = f"layer {index}: {kind}"
        self._place_all(self.scope_name, set())
        self._placed = None  # the first call places all again, where this module is held

    def _as_sample(self, x: Any) -> Any:
        """Turned into Values here, so that a drawing shows the inputs outside of the model, where it can."""
        width = _width_of(self)
        return x if width is None else as_inputs(x, width, self)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            some = Sequential()
            some.layers.extend(self.layers[index])  # not assigned: the parts keep their names of here
            return some
        if not is_whole(index) or not -len(self.layers) <= index < len(self.layers):
            raise IndexError(f"{self._title} has {len(self.layers)} parts, from 0 to {len(self.layers) - 1}; "
                             f"there is no part {index!r}")
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(_shown_part, self.layers))})"


def _as_module(part: Any, index: int) -> Module:
    if is_module(part) and not isinstance(part, type):
        module: Module = part
        return module
    if isinstance(part, type) or not (isinstance(part, str) or callable(part)):
        hint = f": call it, {part.__name__}(…)" if isinstance(part, type) else ""
        hint = ": give the parts one by one, Sequential(*parts)" if isinstance(part, (list, tuple)) else hint
        raise ArgumentError("Sequential takes modules, names of activations and functions of one Value; "
                            f"part {index} is {shown(part)}{hint}")
    return Activation(part)


def _width_of(module: Any) -> int | None:
    """How many numbers a module takes, as far as that is known."""
    if isinstance(module, Residual):
        return _width_of(module.block)
    if isinstance(module, (Sequential, MLP)):
        return _width_of(module.layers[0]) if module.layers else None
    width = getattr(module, "nin", None)
    return width if isinstance(width, int) else None


def _shown_part(part: Module) -> str:
    is_plain = isinstance(part, Activation) and repr(part) == f"Activation({part.activation!r})"
    return repr(part.activation) if is_plain and isinstance(part, Activation) else repr(part)


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
        if not isinstance(y, Value) and not is_list(y):
            raise ArgumentError(f"{self._title} takes a block that gives a Value or a list of them, and "
                                f"{shown(self.block)} gave {shown(y)}")
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
