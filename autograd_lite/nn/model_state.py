"""What training changes in a model: taken at one moment, put back at another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ..rules import UNREACHED
from .finding import distinct, generators_in, is_module

if TYPE_CHECKING:
    import random

    from .modules import Module

__all__ = ["Generators", "ModelState", "Weights", "as_it_was"]

Generators = list[tuple[Any, ...]]
"""The state of each random generator."""


class Weights(NamedTuple):
    """The numbers of a model at one moment."""

    parameters: list[float]
    buffers: list[Any]
    """For each buffer its float, or a copy of its list."""


class ModelState:
    """Takes and puts back a model's parameters, buffers and the states of its generators.

    Where they are is looked up once, as a search through all modules would be felt at every step; `look_up`
    does it again.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.parameters = list(model.parameters())
        self.modules = [module for _, module in model.named_modules()] if is_module(model) else []
        self.buffers = [(module, name) for module in self.modules for name in module.buffer_names]
        self.generators: list[random.Random] = []
        self.look_up()

    def look_up(self) -> None:
        """Find the generators again: a module may have made new ones when it was reset."""
        named = (pair for module in self.modules for pair in generators_in("", module))
        self.generators = [generator for _, generator in distinct(named)]

    def weights(self) -> Weights:
        """Parameters and buffers as they are now."""
        return Weights([parameter.data for parameter in self.parameters], self.buffer_numbers())

    def put_weights(self, weights: Weights) -> None:
        """Set parameters and buffers."""
        for parameter, number in zip(self.parameters, weights.parameters, strict=True):
            parameter.data = number
        self.put_buffers(weights.buffers)

    def buffer_numbers(self) -> list[Any]:
        """The buffers alone."""
        return [_copied(getattr(module, name)) for module, name in self.buffers]

    def put_buffers(self, numbers: list[Any]) -> None:
        """Set the buffers."""
        for (module, name), number in zip(self.buffers, numbers, strict=True):
            setattr(module, name, _copied(number))

    def gradients(self) -> list[float | None]:
        """The gradient of each parameter, None where no backward pass has come to it."""
        return [parameter.grad if parameter.has_grad else None for parameter in self.parameters]

    def put_gradients(self, gradients: list[float | None]) -> None:
        """Set the gradients."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = UNREACHED if gradient is None else gradient

    def draws(self) -> Generators:
        """Where each generator stands."""
        return [generator.getstate() for generator in self.generators]

    def put_draws(self, states: Generators) -> None:
        """Let each generator go on from there."""
        for generator, state in zip(self.generators, states, strict=True):
            generator.setstate(state)

    def is_training(self) -> list[bool]:
        """For each module, whether it is in `train()`."""
        return [module.training for module in self.modules]

    def set_training(self, training: bool | list[bool]) -> None:
        """`train()` or `eval()` of every module, or of each its own."""
        each = training if isinstance(training, list) else [training] * len(self.modules)
        for module, flag in zip(self.modules, each, strict=True):
            if module.training is not flag:  # looking is quicker than setting, and this comes every epoch
                module.training = flag


@contextmanager
def as_it_was(model: Module) -> Iterator[None]:
    """Put back what a pass changes: gradients, buffers, training flags, generators (Python's own, too)."""
    import random

    state, python = ModelState(model), random.getstate()
    gradients, buffers = state.gradients(), state.buffer_numbers()
    draws, training = state.draws(), state.is_training()
    try:
        yield
    finally:
        random.setstate(python)
        state.put_draws(draws)
        state.set_training(training)
        state.put_buffers(buffers)
        state.put_gradients(gradients)


def _copied(buffer: Any) -> Any:
    return list(buffer) if isinstance(buffer, list) else buffer
