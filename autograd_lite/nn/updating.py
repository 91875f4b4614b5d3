"""What all optimizers share: taking a step wholly or not at all, and saving the rule's state exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ..engine import Value
from ..errors import ArgumentError
from ..rules import UNREACHED
from .groups import Group, Memory, Update, groups_from, memory_from, part
from .inputs import is_number, shown
from .settings import at_least_zero

__all__ = ["Optimizer", "Parameters", "Snapshot"]

Parameters = Iterable[Value] | Iterable[Mapping[str, Any]]
"""What an optimizer moves: parameters, or groups, which are dicts with "parameters" and settings."""

Snapshot = tuple[list[float], list[Memory]]


class Optimizer:
    """What all optimizers share: parameters, settings of the rule, and the rule's state for each parameter.

    A subclass gives `update`, the pure rule, `start`, which names the numbers that the rule carries from step
    to step, and `checked`. `step()` moves every parameter that a backward pass has reached and that is not
    frozen; it is done wholly or, if interrupted, not at all.

    In place of parameters, dicts may be given, each with "parameters" and the settings in which this group
    differs from the others (PyTorch's parameter groups, whose key is "params"). Raises `ArgumentError` for no
    parameters, frozen or repeated ones, and settings that are unknown or make no sense.

    >>> from autograd_lite import nn
    >>> model = nn.MLP(2, [3, 1], seed=0)
    >>> head, rest = model.layers[-1].parameters(), model.layers[0].parameters()
    >>> nn.Adam([{"parameters": head, "lr": 0.1}, {"parameters": rest, "weight_decay": 0.01}], lr=0.001)
    Adam(13 parameters in 2 groups:
      group 0: 4 parameters, lr=0.1, betas=(0.9, 0.999), eps=1e-08
      group 1: 9 parameters, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)
    """

    update: ClassVar[Update]

    added_settings: ClassVar[dict[str, Any]] = {}
    """Settings that states saved before there were groups do not have, and what they were then."""

    def __init__(self, parameters: Parameters, lr: float, **settings: Any) -> None:
        defaults = {"lr": lr, **settings}
        self.groups = groups_from(parameters, defaults, type(self).__name__, self.checked, self.start)
        self.parameters = [parameter for group in self.groups for parameter in group.parameters]

    @classmethod
    def checked(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings beside lr as the rule takes them; `ArgumentError` for one that it cannot take."""
        return dict(settings)

    @classmethod
    def start(cls, settings: Mapping[str, Any]) -> dict[str, float]:
        """The numbers that the rule carries from step to step with these settings, and their first ones."""
        return {}

    @property
    def lr(self) -> float:
        """The learning rate of the first group; setting it sets that of every group."""
        return self.groups[0].lr

    @lr.setter
    def lr(self, rate: float) -> None:
        rate = at_least_zero("lr", rate)
        for group in self.groups:
            group.lr = rate

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the first group, beside lr."""
        return self.groups[0].settings

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of the numbers that the rule carries from step to step (in the first group)."""
        return tuple(self.groups[0].start)

    def step(self, scale: float = 1.0) -> None:
        """Move the parameters once, by the gradients they hold now, every learning rate times `scale`.

        >>> from autograd_lite import nn
        >>> p = Value(1.0)
        >>> optimizer = nn.SGD([p], lr=0.1)
        >>> (p * p).backward()
        >>> optimizer.step(scale=0.5)
        >>> p.data, optimizer.lr
        (0.9, 0.1)
        """
        scale = at_least_zero("scale", scale)
        before = self._snapshot()
        after = self._next(scale)
        try:
            self._restore(after)
        except BaseException:  # Ctrl-C too: a half-done step is taken back
            self._restore(before)
            raise

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = UNREACHED

    def reset(self) -> None:
        """Forget the rule's state, as if no step had been taken; parameters and settings stay.

        >>> from autograd_lite import nn
        >>> p = Value(1.0)
        >>> optimizer = nn.Adam([p])
        >>> p.grad = 1.0
        >>> optimizer.step()
        >>> optimizer.reset()
        >>> optimizer.state_dict()["groups"][0]["steps"]
        [0]
        """
        for group in self.groups:
            group.forget()

    def state_dict(self) -> dict[str, Any]:
        """The rule's name and each group's settings and state, as plain data that nothing else holds.

        >>> from autograd_lite import nn
        >>> nn.SGD([Value(1.0)], lr=0.1, momentum=0.9).state_dict()["groups"][0]["state"]
        {'velocity': [0.0]}
        """
        return {"rule": type(self).__name__, "groups": [group.state() for group in self.groups]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; `ArgumentError`, and nothing changed, if it does not fit."""
        if not isinstance(state, Mapping):
            raise ArgumentError(f"load_state_dict takes what state_dict() gave, got {shown(state)}")
        if state.get("rule") != type(self).__name__:
            raise ArgumentError(f"this is the state of {state.get('rule')!r}, not of {type(self).__name__}")
        saved = part(state, "groups", list) if "groups" in state else [self._as_group(state)]
        if len(saved) != len(self.groups):
            raise ArgumentError(f"this state has {len(saved)} groups of parameters, the optimizer has "
                                f"{len(self.groups)}: make it with the same groups")
        loaded = [self._loaded(group, entry) for group, entry in zip(self.groups, saved, strict=True)]
        for group, now in zip(self.groups, loaded, strict=True):  # checked: from here on nothing can fail
            vars(group).update(vars(now))

    def _as_group(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The one group of a state that was saved before there were groups."""
        settings = {**self.added_settings, **part(state, "settings", Mapping)}
        if "beta1" in settings and "beta2" in settings:
            settings["betas"] = (settings.pop("beta1"), settings.pop("beta2"))
        return {**state, "settings": settings}

    def _loaded(self, group: Group, entry: Any) -> Group:
        """The group as the saved one was."""
        if not isinstance(entry, Mapping):
            raise ArgumentError(f"this state has {shown(entry)} among its groups, expected a dict")
        saved, known = part(entry, "settings", Mapping), {"lr": group.lr, **group.settings}
        if saved.keys() != known.keys():
            raise ArgumentError(f"this state has the settings {sorted(saved)}, expected {sorted(known)}")
        for name, setting in saved.items():
            if is_number(known[name]) and not is_number(setting):
                raise ArgumentError(f"this state has {name}={shown(setting)}, expected a number")
        settings = self.checked({name: saved[name] for name in group.settings})
        loaded = Group(group.parameters, saved["lr"], settings, self.start(settings))
        loaded.memory = memory_from(part(entry, "steps", list), part(entry, "state", Mapping), loaded)
        return loaded

    def __repr__(self) -> str:
        if len(self.groups) == 1:
            return f"{type(self).__name__}({self.groups[0]!r})"
        lines = "".join(f"\n  group {index}: {group!r}" for index, group in enumerate(self.groups))
        counts = f"{len(self.parameters)} parameters in {len(self.groups)} groups"
        return f"{type(self).__name__}({counts}:{lines})"

    def _snapshot(self) -> Snapshot:
        """All that a step changes: the parameters' numbers, and the memories (lists that never change)."""
        return [parameter._data for parameter in self.parameters], [group.memory for group in self.groups]

    def _restore(self, snapshot: Snapshot) -> None:
        for parameter, number in zip(self.parameters, snapshot[0], strict=True):
            parameter._data = number  # a leaf and a float: what assigning .data would check
        for group, memory in zip(self.groups, snapshot[1], strict=True):
            group.memory = memory

    def _next(self, scale: float) -> Snapshot:
        """The snapshot after the next step; nothing is changed yet."""
        update = type(self).update
        steps = [group.next(update, scale) for group in self.groups]
        return [number for numbers, _ in steps for number in numbers], [memory for _, memory in steps]
