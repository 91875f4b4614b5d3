"""Schedules: how the learning rate changes while training goes on.

A schedule is called with the number of steps (or epochs) done and gives the factor on the learning rate:
1.0 is the rate as given. `optimizer.step(scale=schedule(t))` takes a step with it.

>>> schedule = Cosine(steps=4)
>>> [round(schedule(t), 3) for t in range(5)]
[1.0, 0.854, 0.5, 0.146, 0.0]
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import ArgumentError, nearest
from .inputs import is_list, is_whole, shown
from .plateau import ReduceOnPlateau
from .scheduling import FunctionSchedule, Schedule, checked_factor, checked_steps, whole_steps

__all__ = [
    "SCHEDULES", "Constant", "Cosine", "Exponential", "FunctionSchedule", "LinearRamp", "MultiStep",
    "OneCycle", "ReduceOnPlateau", "Schedule", "StepDecay", "WarmUp", "schedule_named",
]  # fmt: skip


@dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate as given, for ever.

    >>> Constant()(1000)
    1.0
    """

    def factor_at(self, t: int) -> float:
        """Always 1."""
        return 1.0


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Times `factor` after every `every` steps: stairs that go down. PyTorch's `StepLR`.

    >>> StepDecay(every=2, factor=0.5).factors(5)
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        checked_steps(self, "every")
        checked_factor(self, "factor", zero=False)

    def factor_at(self, t: int) -> float:
        """The factor, as often as `every` has passed."""
        return _power(self.factor, t // self.every)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """Times `factor` at each of the milestones. PyTorch's `MultiStepLR`.

    Source of the usual ones, half and three quarters of the way: He, Zhang, Ren and Sun 2016, "Deep residual
    learning for image recognition", section 4.2.

    >>> MultiStep([2, 3], factor=0.5).factors(5)
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """

    milestones: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        given: Any = self.milestones
        if not is_list(given):
            raise ArgumentError("milestones is a list of steps, such as [30, 60], got "
                                f"{shown(given)}")
        milestones = tuple(whole_steps("every milestone", milestone) for milestone in given)
        if list(milestones) != sorted(milestones):
            raise ArgumentError(f"milestones go upwards, got {shown(milestones)}")
        checked_factor(self, "factor", zero=False)
        object.__setattr__(self, "milestones", milestones)  # frozen; a list would be changeable from outside

    def factor_at(self, t: int) -> float:
        """The factor, as often as a milestone has been reached."""
        return _power(self.factor, bisect_right(self.milestones, t))


@dataclass(frozen=True)
class Exponential(Schedule):
    """Times `factor` after every step. PyTorch's `ExponentialLR`; above 1 the rate grows.

    >>> Exponential(0.5).factors(4)
    [1.0, 0.5, 0.25, 0.125]
    """

    factor: float

    def __post_init__(self) -> None:
        checked_factor(self, "factor", zero=False)

    def factor_at(self, t: int) -> float:
        """The factor to the power of t."""
        return _power(self.factor, t)


@dataclass(frozen=True)
class Cosine(Schedule):
    """From 1 down to `lowest` along half a cosine, flat at both ends. PyTorch's `CosineAnnealingLR`.

    Source: Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", eq. 5.

    >>> Cosine(steps=2, lowest=0.1).factors(3)
    [1.0, 0.55, 0.1]
    """

    steps: int
    lowest: float = 0.0

    def __post_init__(self) -> None:
        checked_steps(self, "steps")
        checked_factor(self, "lowest")

    @property
    def length(self) -> int:
        """The steps; the factor is `lowest` once all are done."""
        return self.steps

    def factor_at(self, t: int) -> float:
        """The cosine at t."""
        return _along_cosine(1.0, self.lowest, t / self.steps)


@dataclass(frozen=True)
class LinearRamp(Schedule):
    """From `start` to `end` along a straight line. PyTorch's `LinearLR`, which stays at the end for ever.

    >>> LinearRamp(steps=4, end=0.5).factors()
    [1.0, 0.875, 0.75, 0.625]
    """

    steps: int
    start: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        checked_steps(self, "steps")
        checked_factor(self, "start")
        checked_factor(self, "end")

    @property
    def length(self) -> int:
        """The steps; the factor is `end` once all are done."""
        return self.steps

    def factor_at(self, t: int) -> float:
        """The line at t."""
        return _along_line(self.start, self.end, t / self.steps)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """From `start` to 1 along a straight line, and from then on another schedule from its beginning.

    Large gradients of the first steps cannot throw the parameters far, and Adam's running means fill. Source:
    Goyal et al. 2017, "Accurate, large minibatch SGD: training ImageNet in 1 hour", section 2.2. PyTorch's
    `SequentialLR` of `LinearLR` and the other.

    >>> WarmUp(2, then=LinearRamp(2), start=0.5).factors()
    [0.5, 0.75, 1.0, 0.5]
    """

    steps: int
    then: Schedule = Constant()
    start: float = 0.1

    def __post_init__(self) -> None:
        checked_steps(self, "steps")
        if not isinstance(self.then, Schedule):
            raise ArgumentError(f"then is a schedule such as nn.Cosine(100), got {shown(self.then)}")
        checked_factor(self, "start")

    @property
    def length(self) -> int | None:
        """The steps of both; None if the other never ends."""
        return None if self.then.length is None else self.steps + self.then.length

    def factor_at(self, t: int) -> float:
        """The line at t, or the other schedule after it."""
        if t < self.steps:
            return _along_line(self.start, 1.0, t / self.steps)
        return self.then.factor_at(t - self.steps)

    def observe(self, loss: float) -> None:
        """Be told the loss of an epoch: what comes after is told."""
        self.then.observe(loss)

    def reset(self) -> None:
        """Forget what was observed."""
        self.then.reset()

    def state_dict(self) -> dict[str, Any]:
        """What the schedule after the warm-up has observed."""
        return self.then.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; `ArgumentError`, and nothing changed, if it does not fit."""
        self.then.load_state_dict(state)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from `start` to 1 in the first `rise` of the steps, and down to `end`, by cosines or lines.

    PyTorch's `OneCycleLR` with its settings: `start` is 1 / its div_factor, `end` that / its
    final_div_factor, `rise` its pct_start; momentum is left alone. The learning rate as given is the peak.
    Source: Smith and Topin 2018, "Super-convergence: very fast training of neural networks using large
    learning rates".

    >>> [round(factor, 3) for factor in OneCycle(steps=6, rise=0.5).factors()]
    [0.04, 0.52, 1.0, 0.75, 0.25, 0.0]
    """

    steps: int
    rise: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 25e4
    anneal: Literal["cos", "linear"] = "cos"

    def __post_init__(self) -> None:
        checked_steps(self, "steps")
        checked_factor(self, "rise")
        if self.rise >= 1:
            raise ArgumentError(f"rise is the share of the steps before the peak, below 1, got {self.rise!r}")
        checked_factor(self, "start")
        checked_factor(self, "end")
        if not isinstance(self.anneal, str) or self.anneal not in _ALONG:
            raise ArgumentError(f'anneal is "cos" or "linear", got {shown(self.anneal)}')

    @property
    def length(self) -> int:
        """The steps; the last of them is taken with `end`."""
        return self.steps

    def factor_at(self, t: int) -> float:
        """The rising or the falling curve at t."""
        along, peak, last = _ALONG[self.anneal], self.rise * self.steps - 1, self.steps - 1
        t = min(t, last)
        if t < peak:
            return along(self.start, 1.0, t / peak)
        return along(1.0, self.end, (t - peak) / (last - peak))


def _along_line(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


def _along_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))


_ALONG = {"cos": _along_cosine, "linear": _along_line}


def _power(factor: float, exponent: int) -> float:
    try:
        return float(factor**exponent)
    except OverflowError:  # of a factor above 1
        return math.inf


def _warm_cosine(length: int) -> Schedule:
    warm = max(1, length // 10)
    return WarmUp(warm, then=Cosine(max(1, length - warm)))


SCHEDULES: dict[str, Callable[[int], Schedule]] = {
    "constant": lambda length: Constant(),
    "step": lambda length: StepDecay(every=math.ceil(length / 3)),
    "multi_step": lambda length: MultiStep((math.ceil(length / 2), math.ceil(length * 3 / 4))),
    "exponential": lambda length: Exponential(0.01 ** (1 / length)),
    "cosine": Cosine,
    "linear": LinearRamp,
    "warm_up": _warm_cosine,
    "one_cycle": OneCycle,
    "reduce_on_plateau": lambda length: ReduceOnPlateau(),
}
"""For each name, the usual schedule for a training of so many steps: "step" falls twice, "exponential" by a
hundred in all, "warm_up" takes a tenth of the steps and goes on as "cosine"."""


def schedule_named(spec: Any, length: int) -> Schedule:
    """The schedule of that name for `length` steps (or epochs); None is constant.

    A schedule is returned as it is, if it is long enough; a function of the steps done becomes one. Raises
    `ArgumentError` with the nearest match for an unknown name, and for a schedule that ends too soon.

    >>> schedule_named("cosine", 100)
    Cosine(steps=100, lowest=0.0)
    """
    if not is_whole(length) or length < 0:
        raise ArgumentError(f"length is a whole number of at least 0, got {shown(length)}")
    if spec is None:
        return Constant()
    if isinstance(spec, str):
        if spec not in SCHEDULES:
            raise ArgumentError(f"unknown schedule {spec!r}: {nearest(spec, SCHEDULES)}")
        return SCHEDULES[spec](max(1, int(length)))
    if isinstance(spec, type) or not callable(spec):
        raise ArgumentError("a schedule is a name, a schedule such as nn.Cosine(100), or a function of the "
                            f"steps done; got {shown(spec)}")
    schedule = spec if isinstance(spec, Schedule) else FunctionSchedule(spec)
    if schedule.length is not None and schedule.length < length:
        raise ArgumentError(f"{schedule!r} ends after {schedule.length} steps, but {length} are to be taken: "
                            f"give it {length} steps, or train for at most {schedule.length}")
    return schedule
