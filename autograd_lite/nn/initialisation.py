"""How parameters start: one row per rule, each a formula in the numbers of inputs and outputs.

A rule keeps the size of the numbers that flow forward (fan_in) or of the gradients that flow back (fan_out)
the same from layer to layer; what an activation shrinks, its `gain` makes good.

Sources: LeCun et al. 1998, Efficient BackProp (LeCun); Glorot and Bengio 2010 (Xavier); He et al. 2015 (He,
for ReLU); `torch.nn.Linear` (fan-in uniform); `torch.nn.Embedding` (normal); karpathy/micrograd (U(−1, 1)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..errors import ArgumentError, nearest
from .inputs import is_number, is_whole, shown

if TYPE_CHECKING:
    import random

__all__ = [
    "DEFAULT_INIT", "INITS", "Draw", "Init", "RandomSource", "gain", "generator", "init_named", "initialiser",
    "random_source",
]  # fmt: skip


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
    text: str = ""
    """How it was asked for, where it has settings."""

    def __repr__(self) -> str:
        return self.text or f"Init({getattr(self.weight, '__name__', self.weight)})"


def _zero(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    return 0.0


def _uniform_fan_in(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    bound = 1.0 / math.sqrt(fan_in)
    return rng.uniform(-bound, bound)


def _xavier_uniform(rng: RandomSource, fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return rng.uniform(-bound, bound)


def _xavier_normal(rng: RandomSource, fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return rng.gauss(0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)))


def _he_uniform(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    bound = math.sqrt(6.0 / fan_in)
    return rng.uniform(-bound, bound)


def _he_normal(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    return rng.gauss(0.0, math.sqrt(2.0 / fan_in))


def _lecun_uniform(rng: RandomSource, fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    bound = gain * math.sqrt(3.0 / fan_in)
    return rng.uniform(-bound, bound)


def _lecun_normal(rng: RandomSource, fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    return rng.gauss(0.0, gain * math.sqrt(1.0 / fan_in))


def _normal(rng: RandomSource, fan_in: int, fan_out: int, std: float = 1.0) -> float:
    return rng.gauss(0.0, std)


def _micrograd(rng: RandomSource, fan_in: int, fan_out: int) -> float:
    return rng.uniform(-1, 1)


DEFAULT_INIT = "uniform_fan_in"

INITS: dict[str, Init] = {
    "uniform_fan_in": Init(weight=_uniform_fan_in, bias=_uniform_fan_in),
    "xavier_uniform": Init(weight=_xavier_uniform, bias=_zero),
    "xavier_normal": Init(weight=_xavier_normal, bias=_zero),
    "he_uniform": Init(weight=_he_uniform, bias=_zero),
    "he_normal": Init(weight=_he_normal, bias=_zero),
    "lecun_uniform": Init(weight=_lecun_uniform, bias=_zero),
    "lecun_normal": Init(weight=_lecun_normal, bias=_zero),
    "normal": Init(weight=_normal, bias=_zero),
    "micrograd": Init(weight=_micrograd, bias=_zero),
    "zeros": Init(weight=_zero, bias=_zero),
}

# What the standard deviation is multiplied with so that it stays the same through the activation, as
# `torch.nn.init.calculate_gain` has it. ReLU: He et al. 2015, equation 10; leaky ReLU: there, equation 15.
# tanh: 5/3 is PyTorch's; 1/sqrt(E tanh²(z)) for z from N(0, 1) is 1.59. SELU: 3/4 is PyTorch's for more even
# gradients; the fixed point of Klambauer et al. 2017 needs 1, which is the gain of "linear".
GAINS: dict[str, float] = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4.0,
}


def gain(activation: str, slope: float = 0.01) -> float:
    """How much larger weights start before this activation, so that it does not shrink what flows through.

    `slope` is that of leaky_relu. The numbers are those of `torch.nn.init.calculate_gain`. Raises
    `ArgumentError` for an activation for which nobody has stated one.

    >>> gain("relu"), gain("leaky_relu", slope=0.5)
    (1.4142135623730951, 1.2649110640673518)
    """
    if not isinstance(activation, str) or not is_number(slope):
        raise ArgumentError("gain takes the name of an activation and the slope of leaky_relu, got "
                            f"{shown(activation)} and {shown(slope)}")
    if activation == "leaky_relu":
        return math.sqrt(2.0 / (1.0 + slope * slope))
    if activation not in GAINS:
        known = nearest(activation, [*GAINS, "leaky_relu"])
        raise ArgumentError(f"no gain is known for {activation!r}: {known}. Give a number instead")
    return GAINS[activation]


def initialiser(name: str, **settings: str | float) -> Init:
    """The rule of that name with settings, to be given as `init`.

    Rules of Xavier, He and LeCun take `gain`, a number or the name of the activation that follows (He's own
    is that of ReLU); "normal" takes `std`. Biases start at 0. Raises `ArgumentError` for an unknown rule or
    setting, and for one that is no positive number.

    >>> from autograd_lite import nn
    >>> layer = nn.Linear(100, 100, init=initialiser("xavier_uniform", gain="tanh"), seed=0)
    >>> spread = max(abs(weight.data) for row in layer.weight for weight in row)
    >>> round(spread, 3), round(gain("tanh") * (6 / 200) ** 0.5, 3)
    (0.289, 0.289)
    """
    rule = init_named(name)
    known = _SETTINGS.get(name, "")
    for setting, value in settings.items():
        if setting != known:
            takes = f"takes {known}" if known else "takes no settings"
            raise ArgumentError(f"init {name!r} {takes}, got {setting}={value!r}")
    if not settings:
        return rule
    value = settings[known]
    number = gain(value) if isinstance(value, str) and known == "gain" else value
    if not is_number(number) or not 0.0 < float(number) < math.inf:
        raise ArgumentError(f"{known} is a number above 0, got {value!r}")
    # He's rules are LeCun's with the gain of ReLU
    weight: Any = INITS[name.replace("he_", "lecun_")].weight
    text = f"initialiser({name!r}, {known}={value!r})"
    return Init(weight=partial(weight, **{known: float(number)}), bias=_zero, text=text)


_SETTINGS = {name: "gain" for name in INITS if name.startswith(("xavier", "he", "lecun"))} | {"normal": "std"}


def init_named(init: str | Init | Draw) -> Init:
    """The rule of that name; a callable `draw(rng, fan_in, fan_out)` draws the weights, biases are then 0.

    >>> init_named("xavier_unifrom")
    Traceback (most recent call last):
    autograd_lite.errors.ArgumentError: unknown init 'xavier_unifrom': did you mean 'xavier_uniform'? ...
    """
    if isinstance(init, Init):
        return init
    if isinstance(init, str):
        if init not in INITS:
            raise ArgumentError(f"unknown init {init!r}: {nearest(init, INITS)}")
        return INITS[init]
    if callable(init):
        return Init(weight=init, bias=_zero)
    raise ArgumentError("init is the name of a rule, an initialiser(name, gain=…) or a function "
                        f"draw(rng, fan_in, fan_out), got {init!r}. Known: {', '.join(sorted(INITS))}")


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
