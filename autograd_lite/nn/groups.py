"""Parameter groups: parameters that share a learning rate and settings, and what the rule remembers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..engine import Value
from ..errors import ArgumentError, nearest
from .inputs import is_number, is_whole, shown

__all__ = [
    "Group", "Memory", "above_zero", "at_least_zero", "below_one", "groups_from", "memory_from", "part",
]  # fmt: skip

Memory = list[tuple[int, tuple[float, ...]]]
"""For each parameter the number of steps it has taken and the rule's state."""


class Group:
    """Parameters of an optimizer that share a learning rate and settings.

    `settings` are those of the rule beside lr. `start` names the numbers that the rule carries from step to
    step with these settings, and says what each starts at.

    >>> from autograd_lite import nn
    >>> a, b = Value(1.0), Value(2.0)
    >>> optimizer = nn.SGD([{"parameters": [a]}, {"parameters": [b], "lr": 0.5}], lr=0.1)
    >>> [group.lr for group in optimizer.groups]
    [0.1, 0.5]
    """

    def __init__(
        self, parameters: list[Value], lr: float, settings: dict[str, Any], start: dict[str, float]
    ) -> None:
        self.parameters = parameters
        self.lr = lr
        self.settings = settings
        self.start = start
        self.forget()

    @property
    def lr(self) -> float:
        """The learning rate of these parameters; it may be set between steps."""
        return self._lr

    @lr.setter
    def lr(self, rate: float) -> None:
        self._lr = at_least_zero("lr", rate)

    def forget(self) -> None:
        """Let the rule start again, as if no step had been taken."""
        self.memory: Memory = [(0, tuple(self.start.values()))] * len(self.parameters)

    def state(self) -> dict[str, Any]:
        """Settings and memory, as plain data that nothing else holds."""
        return {
            "settings": {"lr": self.lr} | {name: list(setting) if isinstance(setting, tuple) else setting
                                           for name, setting in self.settings.items()},
            "steps": [steps for steps, _ in self.memory],
            "state": {
                name: [numbers[column] for _, numbers in self.memory]
                for column, name in enumerate(self.start)
            },
        }

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items() if value)
        count = len(self.parameters)
        return f"{count} parameter{'s' * (count != 1)}, lr={self.lr!r}{settings}"


def groups_from(
    parameters: Any,
    defaults: Mapping[str, Any],
    rule: str,
    checked: Callable[[Mapping[str, Any]], dict[str, Any]],
    start: Callable[[Mapping[str, Any]], dict[str, float]],
) -> list[Group]:
    """The groups that an optimizer is asked for: a list of parameters, or of dicts with "parameters"."""
    if isinstance(parameters, Mapping):
        raise ArgumentError(f"{rule} takes a list of parameters or a list of groups, got one dict: "
                            "put it into a list")
    if isinstance(parameters, Value) or not isinstance(parameters, Iterable):
        raise ArgumentError(f"{rule} takes a list of parameters, got {shown(parameters)}: "
                            "give model.parameters()")
    listed = list(parameters)
    if not any(isinstance(entry, Mapping) for entry in listed):
        listed = [{"parameters": listed}]
    groups = []
    for index, entry in enumerate(listed):
        where = rule if len(listed) == 1 else f"{rule}'s group {index}"
        if not isinstance(entry, Mapping):
            raise ArgumentError(f"{where} is {shown(entry)}; expected a dict with \"parameters\", "
                                "as the other groups are")
        settings = _group_settings(entry, defaults, where)
        own = checked_parameters(entry["parameters"], where)
        lr = settings.pop("lr")
        rules = checked(settings)
        groups.append(Group(own, lr, rules, start(rules)))
    _refuse_repeated(groups, rule)
    return groups


def _group_settings(entry: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> dict[str, Any]:
    if "parameters" not in entry:
        raise ArgumentError(f"{where} has no \"parameters\": {shown(dict(entry))}")
    given = {name: setting for name, setting in entry.items() if name != "parameters"}
    for name in given:
        if name not in defaults:
            raise ArgumentError(f"{where} has the unknown setting {name!r}: {nearest(name, defaults)}")
    return {**defaults, **given}


def checked_parameters(parameters: Any, taker: str) -> list[Value]:
    """The parameters as a list; `ArgumentError` for none at all, frozen ones, and what are no parameters."""
    if isinstance(parameters, Value) or not isinstance(parameters, Iterable):
        raise ArgumentError(f"{taker} takes a list of parameters, got {shown(parameters)}: "
                            "give model.parameters()")
    listed = list(parameters)
    strangers = [parameter for parameter in listed if not isinstance(parameter, Value)]
    if strangers:
        raise ArgumentError(f"{taker} takes Values, got {strangers[0]!r}: give model.parameters()")
    if not listed:
        raise ArgumentError(f"{taker} got no parameters at all. A model has those Values and modules that "
                            "are its attributes, by themselves or in lists and dicts.")
    frozen = [parameter for parameter in listed if parameter.is_frozen]
    if frozen:
        raise ArgumentError(f"{taker} got {len(frozen)} frozen parameters, the first is {frozen[0]!r}. "
                            "Unfreeze, or give the rest: [p for p in model.parameters() if not p.is_frozen]")
    return listed


def _refuse_repeated(groups: list[Group], rule: str) -> None:
    found: dict[int, int] = {}
    for index, group in enumerate(groups):
        for parameter in group.parameters:
            before = found.setdefault(id(parameter), index)
            if before != index:
                raise ArgumentError(f"{rule} got {parameter!r} in group {before} and in group {index}; "
                                    "each parameter goes into one group")
        if len({id(parameter) for parameter in group.parameters}) < len(group.parameters):
            raise ArgumentError(f"{rule} got the same parameter twice; give each once")


def memory_from(steps: list[Any], state: Mapping[str, Any], group: Group) -> Memory:
    """The memory of a group that a saved state holds; `ArgumentError` if it does not fit."""
    columns = [steps, *(part(state, name, list) for name in group.start)]
    if any(len(column) != len(group.parameters) for column in columns):
        raise ArgumentError(f"this state is of {len(steps)} parameters, the optimizer has "
                            f"{len(group.parameters)}: make it for the same model")
    for count in steps:
        if not is_whole(count) or count < 0:
            raise ArgumentError(f"this state has {shown(count)} among its steps, expected whole numbers")
    try:
        rows = zip(*columns, strict=True)
        return [(int(count), tuple(map(float, numbers))) for count, *numbers in rows]
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"this state holds something else than numbers: {error}") from error


def part(state: Mapping[str, Any], name: str, kind: type) -> Any:
    """One entry of a saved state, a missing one being empty."""
    found = state.get(name, {} if kind is Mapping else [])
    if not isinstance(found, (list, tuple) if kind is list else Mapping):
        expected = "a list" if kind is list else "a dict"
        raise ArgumentError(f"this state has {name}={shown(found)}, expected {expected}")
    return found


def at_least_zero(name: str, number: Any) -> float:
    """The number as a float; `ArgumentError` unless it is finite and at least 0."""
    if not is_number(number) or not (math.isfinite(number) and number >= 0):
        raise ArgumentError(f"{name} is a finite number of at least 0, got {number!r}")
    return float(number)


def above_zero(name: str, number: Any) -> float:
    """The number as a float; `ArgumentError` unless it is finite and above 0."""
    if not is_number(number) or not (math.isfinite(number) and number > 0):
        raise ArgumentError(f"{name} must be above 0, got {number!r}")
    return float(number)


def below_one(name: str, number: Any) -> float:
    """The number as a float; `ArgumentError` unless it is at least 0 and below 1."""
    if not is_number(number) or not 0 <= number < 1:
        raise ArgumentError(f"{name} is a number of at least 0 and below 1, got {number!r}")
    return float(number)
