"""How parameters start: one row per rule, each a formula in the numbers of inputs and outputs.

Sources: Glorot and Bengio 2010 (Xavier), He et al. 2015 (He, for ReLU), `torch.nn.Linear` (fan-in uniform),
karpathy/micrograd (U(−1, 1)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..errors import ArgumentError, nearest
from .inputs import is_whole

if TYPE_CHECKING:
    import random

__all__ = ["DEFAULT_INIT", "INITS", "Init", "RandomSource", "generator", "init_named", "random_source"]


class RandomSource(Protocol):
    """What a rule draws from: a `random.Random`, or the module `random` itself."""

    def uniform(self, a: float, b: float, /) -> float: ...
    def gauss(self, mu: float, sigma: float, /) -> float: ...
    def shuffle(self, x: list[Any], /) -> None: ...


Draw = Callable[[RandomSource, int, int], float]
"""`draw(rng, fan_in, fan_out)` gives the starting value of one parameter."""


@dataclass(frozen=True)
class Init:
    """One rule: how a weight is drawn, and how a bias is drawn after a neuron's weights."""

    weight: Draw
    bias: Draw


def _zero(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    return 0.0


def _uniform_fan_in(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    bound = 1.0 / math.sqrt(fan_in)
    return rng.uniform(-bound, bound)


def _xavier_uniform(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    bound = math.sqrt(6.0 / (fan_in + fan_out))
    return rng.uniform(-bound, bound)


def _xavier_normal(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    return rng.gauss(0.0, math.sqrt(2.0 / (fan_in + fan_out)))


def _he_uniform(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    bound = math.sqrt(6.0 / fan_in)
    return rng.uniform(-bound, bound)


def _he_normal(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    return rng.gauss(0.0, math.sqrt(2.0 / fan_in))


def _micrograd(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    return rng.uniform(-1, 1)


DEFAULT_INIT = "uniform_fan_in"

INITS: dict[str, Init] = {
    "uniform_fan_in": Init(weight=_uniform_fan_in, bias=_uniform_fan_in),
    "xavier_uniform": Init(weight=_xavier_uniform, bias=_zero),
    "xavier_normal": Init(weight=_xavier_normal, bias=_zero),
    "he_uniform": Init(weight=_he_uniform, bias=_zero),
    "he_normal": Init(weight=_he_normal, bias=_zero),
    "micrograd": Init(weight=_micrograd, bias=_zero),
    "zeros": Init(weight=_zero, bias=_zero),
}


def init_named(init: str | Draw) -> Init:
    """The rule of that name; a callable `draw(rng, fan_in, fan_out)` draws the weights, biases are then 0.

    >>> init_named("xavier_unifrom")
    Traceback (most recent call last):
    autograd_lite.errors.ArgumentError: unknown init 'xavier_unifrom': did you mean 'xavier_uniform'? ...
    """
    if isinstance(init, str):
        if init not in INITS:
            raise ArgumentError(f"unknown init {init!r}: {nearest(init, INITS)}")
        return INITS[init]
    if callable(init):
        return Init(weight=init, bias=_zero)
    raise ArgumentError(f"init is the name of a rule or a function draw(rng, fan_in, fan_out), got {init!r}. "
                        f"Known: {', '.join(sorted(INITS))}")


def generator(seed: int | random.Random | None) -> random.Random | None:
    """A generator that starts from an int; a given generator itself; None for None.

    >>> generator(3).uniform(0, 1) == generator(3).uniform(0, 1)
    True
    """
    import random  # slow to import, and a program without networks does without it

    if seed is None or isinstance(seed, random.Random):
        return seed
    if not is_whole(seed):
        raise ArgumentError(f"seed is an int, a random.Random or None, got {seed!r}")
    return random.Random(int(seed))


def random_source(seed: int | random.Random | None) -> RandomSource:
    """What to draw from: the generator of that seed, or Python's `random` itself, as micrograd does."""
    import random

    return generator(seed) or cast(RandomSource, random)
