"""Optimizers: each is one pure rule on numbers, `update(p, g, *state, lr, t, …) -> (p, *state)`.

The rule says how one parameter moves; `step()` applies it to all of them, and the optimizer keeps the state.
The rules are PyTorch's. Sources: Sutskever et al. 2013 (momentum, Nesterov), Kingma and Ba 2015 (Adam).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from ..engine import Value
from ..errors import ArgumentError, nearest
from ..rules import UNREACHED
from .inputs import is_number, is_whole, shown

__all__ = ["OPTIMIZERS", "SGD", "Adam", "Optimizer", "optimizer_named"]

Memory = list[tuple[int, tuple[float, ...]]]
"""For each parameter the number of steps it has taken and the rule's state."""

Snapshot = tuple[list[float], Memory]


class Optimizer:
    """What all optimizers share: parameters, settings of the rule, and the rule's state for each parameter.

    A subclass gives `update`, the pure rule, and `state_names`. `step()` moves every parameter that a
    backward pass has reached and that is not frozen; it is done wholly or, if interrupted, not at all.
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    """The names of the numbers that the rule carries from step to step; each starts at 0."""

    update: ClassVar[Callable[..., tuple[Any, ...]]]

    def __init__(self, parameters: Iterable[Value], lr: float, **settings: float) -> None:
        self.parameters = _checked_parameters(parameters, type(self).__name__)
        self.settings = self._checked(settings)
        self.lr = lr
        zeros = (0.0,) * len(self.state_names)
        self._memory: Memory = [(0, zeros)] * len(self.parameters)

    @property
    def lr(self) -> float:
        """The learning rate; it may be set between steps."""
        return self._lr

    @lr.setter
    def lr(self, rate: float) -> None:
        self._lr = _at_least_zero("lr", rate)

    def step(self) -> None:
        """Move the parameters once, by the gradients they hold now."""
        before = self._snapshot()
        after = self._next()
        try:
            self._restore(after)
        except BaseException:  # Ctrl-C too: a half-done step is taken back
            self._restore(before)
            raise

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = UNREACHED

    def state_dict(self) -> dict[str, Any]:
        """The rule's name, its settings and its state, as plain data that nothing else holds.

        >>> SGD([Value(1.0)], lr=0.1).state_dict()["state"]
        {'velocity': [0.0]}
        """
        return {
            "rule": type(self).__name__,
            "settings": {"lr": self.lr, **self.settings},
            "steps": [steps for steps, _ in self._memory],
            "state": {
                name: [numbers[column] for _, numbers in self._memory]
                for column, name in enumerate(self.state_names)
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; `ArgumentError`, and nothing changed, if it does not fit."""
        if not isinstance(state, Mapping):
            raise ArgumentError(f"load_state_dict takes what state_dict() gave, got {shown(state)}")
        if state.get("rule") != type(self).__name__:
            raise ArgumentError(f"this is the state of {state.get('rule')!r}, not of {type(self).__name__}")
        settings = self._settings_from(_part(state, "settings", Mapping))
        memory = self._memory_from(_part(state, "steps", list), _part(state, "state", Mapping))
        self.lr = settings.pop("lr")  # everything is checked; from here on nothing can fail
        self.settings, self._memory = settings, memory

    def _settings_from(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        known = {"lr": self.lr, **self.settings}
        if settings.keys() != known.keys():
            raise ArgumentError(f"this state has the settings {sorted(settings)}, expected {sorted(known)}")
        for name, setting in settings.items():
            if is_number(known[name]) and not is_number(setting):
                raise ArgumentError(f"this state has {name}={shown(setting)}, expected a number")
        rest = {name: settings[name] for name in self.settings}
        return {"lr": _at_least_zero("lr", settings["lr"]), **self._checked(rest)}

    def _memory_from(self, steps: list[Any], state: Mapping[str, Any]) -> Memory:
        columns = [steps, *(_part(state, name, list) for name in self.state_names)]
        if any(len(column) != len(self.parameters) for column in columns):
            raise ArgumentError(f"this state is of {len(steps)} parameters, the optimizer has "
                                f"{len(self.parameters)}: make it for the same model")
        for count in steps:
            if not is_whole(count) or count < 0:
                raise ArgumentError(f"this state has {shown(count)} among its steps, expected whole numbers")
        try:
            rows = zip(*columns, strict=True)
            return [(int(count), tuple(map(float, numbers))) for count, *numbers in rows]
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"this state holds something else than numbers: {error}") from error

    @classmethod
    def _checked(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings beside lr as the rule takes them; `ArgumentError` for one that it cannot take."""
        return dict(settings)

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f"{type(self).__name__}({len(self.parameters)} parameters, lr={self.lr!r}{settings})"

    def _snapshot(self) -> Snapshot:
        """All that a step changes: the parameters' numbers, and the memory (a list that is never changed)."""
        return [parameter.data for parameter in self.parameters], self._memory

    def _restore(self, snapshot: Snapshot) -> None:
        for parameter, number in zip(self.parameters, snapshot[0], strict=True):
            parameter.data = number
        self._memory = snapshot[1]

    def _next(self) -> Snapshot:
        """The snapshot after the next step; nothing is changed yet."""
        update, lr, settings = type(self).update, self.lr, self.settings
        after, memory = [], []
        for parameter, (steps, state) in zip(self.parameters, self._memory, strict=True):
            number = parameter.data
            if parameter.has_grad and not parameter.is_frozen:
                steps += 1
                number, *numbers = update(number, parameter.grad, *state, lr=lr, t=steps, **settings)
                state = tuple(numbers)
            after.append(number)
            memory.append((steps, state))
        return after, memory


class SGD(Optimizer):
    """Gradient descent: `p − lr·g`, with momentum and weight decay where they are given.

    >>> p = Value(1.0)
    >>> optimizer = SGD([p], lr=0.1)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> p.data
    0.8
    """

    state_names = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.001,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    @classmethod
    def _checked(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        momentum, nesterov = _at_least_zero("momentum", settings["momentum"]), bool(settings["nesterov"])
        if nesterov and momentum == 0:
            raise ArgumentError("nesterov=True needs a momentum above 0, such as 0.9")
        decay = _at_least_zero("weight_decay", settings["weight_decay"])
        return {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}

    @staticmethod
    def update(
        p: Any, g: Any, velocity: Any, *,
        lr: Any, t: int, momentum: float, nesterov: bool, weight_decay: float,
    ) -> tuple[Any, Any]:  # fmt: skip
        """One step of one parameter: its next number and velocity."""
        g = g + weight_decay * p
        velocity = momentum * velocity + g
        direction = g + momentum * velocity if nesterov else velocity
        return p - lr * direction, velocity


class Adam(Optimizer):
    """Adam: each parameter moves by about `lr`, whatever the size of its gradient.

    >>> p = Value(1.0)
    >>> optimizer = Adam([p], lr=0.1)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> round(p.data, 6)
    0.9
    """

    state_names = ("mean", "mean_square")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ArgumentError(f"betas are two numbers of at least 0 and below 1, got {betas!r}")
        super().__init__(
            parameters, lr, beta1=betas[0], beta2=betas[1], eps=eps, weight_decay=weight_decay
        )  # fmt: skip

    @classmethod
    def _checked(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        betas, eps = (settings["beta1"], settings["beta2"]), settings["eps"]
        if not all(is_number(beta) and 0 <= beta < 1 for beta in betas):
            raise ArgumentError(f"betas are two numbers of at least 0 and below 1, got {betas!r}")
        if not is_number(eps) or not eps > 0:
            raise ArgumentError(f"eps must be above 0, got {eps!r}")
        decay = _at_least_zero("weight_decay", settings["weight_decay"])
        return {"beta1": float(betas[0]), "beta2": float(betas[1]), "eps": float(eps), "weight_decay": decay}

    @staticmethod
    def update(
        p: Any, g: Any, mean: Any, mean_square: Any, *,
        lr: Any, t: int, beta1: float, beta2: float, eps: float, weight_decay: float,
    ) -> tuple[Any, Any, Any]:  # fmt: skip
        """One step of one parameter: its next number, and the running means of gradient and its square."""
        g = g + weight_decay * p
        mean = beta1 * mean + (1.0 - beta1) * g
        mean_square = beta2 * mean_square + (1.0 - beta2) * (g * g)
        # both means start at 0 and are too small at first; dividing by 1 − βᵗ makes up for it
        unbiased = mean / (1.0 - beta1**t)
        scale = (mean_square / (1.0 - beta2**t)) ** 0.5 + eps
        return p - lr * unbiased / scale, mean, mean_square


OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}


def optimizer_named(name: str) -> type[SGD] | type[Adam]:
    """The optimizer of that name; `ArgumentError` with the nearest match if there is none."""
    if name not in OPTIMIZERS:
        raise ArgumentError(f"unknown optimizer {name!r}: {nearest(name, OPTIMIZERS)}")
    return OPTIMIZERS[name]


def _checked_parameters(parameters: Any, rule: str) -> list[Value]:
    if isinstance(parameters, Value) or not isinstance(parameters, Iterable):
        raise ArgumentError(f"{rule} takes a list of parameters, got {shown(parameters)}: "
                            "give model.parameters()")
    listed = list(parameters)
    strangers = [parameter for parameter in listed if not isinstance(parameter, Value)]
    if strangers:
        raise ArgumentError(f"{rule} takes Values, got {strangers[0]!r}: give model.parameters()")
    if not listed:
        raise ArgumentError(f"{rule} got no parameters at all. A model has those Values and modules that are "
                            "its attributes, by themselves or in lists and dicts.")
    if len({id(parameter) for parameter in listed}) < len(listed):
        raise ArgumentError(f"{rule} got the same parameter twice; give each once")
    frozen = [parameter for parameter in listed if parameter.is_frozen]
    if frozen:
        raise ArgumentError(f"{rule} got {len(frozen)} frozen parameters, the first is {frozen[0]!r}. "
                            "Unfreeze, or give the rest: [p for p in model.parameters() if not p.is_frozen]")
    return listed


def _part(state: Mapping[str, Any], name: str, kind: type) -> Any:
    """One entry of a saved state, a missing one being empty."""
    part = state.get(name, {} if kind is Mapping else [])
    if not isinstance(part, (list, tuple) if kind is list else Mapping):
        expected = "a list" if kind is list else "a dict"
        raise ArgumentError(f"this state has {name}={shown(part)}, expected {expected}")
    return part


def _at_least_zero(name: str, number: Any) -> float:
    if not is_number(number) or not (math.isfinite(number) and number >= 0):
        raise ArgumentError(f"{name} is a finite number of at least 0, got {number!r}")
    return float(number)
