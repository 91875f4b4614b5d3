"""`Dropout`: in training some numbers are dropped by chance, so that no neuron can rely on one other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine import Value
from ..errors import ArgumentError
from .initialisation import RandomSource, random_source
from .inputs import as_inputs, is_number
from .modules import Module
from .tracing import current_tracer

if TYPE_CHECKING:
    import random

__all__ = ["Dropout"]


class Dropout(Module):
    """In training each number becomes 0 with probability `p`, and the others are divided by `1 - p`.

    So the expectation stays as it is, and in use (`model.eval()`) nothing is done at all, not even a node is
    made. It draws from a generator of its own, `rng`, which a checkpoint keeps; `seed` says where that one
    starts. Source: Srivastava et al. 2014; divided in training, as `torch.nn.Dropout` does.

    Raises `ArgumentError` for a probability outside 0 to 1.

    >>> drop = Dropout(0.5, seed=1)
    >>> [out.data for out in drop([1.0, 2.0, 3.0, 4.0])]
    [0.0, 0.0, 6.0, 8.0]
    >>> [out.data for out in drop.eval()([1.0, 2.0, 3.0, 4.0])]
    [1.0, 2.0, 3.0, 4.0]
    """

    rng: random.Random

    def __init__(self, p: float = 0.5, *, seed: int | random.Random | None = None) -> None:
        import random  # slow to import, and a program without networks does without it

        if not is_number(p) or not 0.0 <= float(p) <= 1.0:
            raise ArgumentError(f"p is the probability to drop a number, from 0 to 1, got {p!r}")
        self.p = float(p)
        self.rng = random.Random()
        self.reset_parameters(random_source(seed))

    def reset_parameters(self, rng: RandomSource) -> None:
        """Let its own generator start where the next number of `rng` says."""
        self.rng.seed(int(rng.uniform(0, 2**53)))

    def forward(self, x: Any) -> list[Value]:
        """One sample, in training with some numbers dropped: each times a constant, 0 or 1 / (1 - p)."""
        values = as_inputs(x, None if hasattr(x, "__iter__") else 1, self)
        tracer = current_tracer()
        if tracer is not None:
            tracer.depends_on(self, "training", "p")
        if not self.training or self.p == 0.0:
            return list(values)
        if tracer is not None:  # each replay draws anew
            return [value * tracer.drawn(self._factor, "dropout") for value in values]
        return [value * self._factor() for value in values]

    def _factor(self) -> float:
        """What one number is multiplied with, drawn by chance."""
        if self.rng.random() < self.p:
            return 0.0
        return 1.0 / (1.0 - self.p)

    def __repr__(self) -> str:
        return f"Dropout({self.p:g})"
