"""Parameter groups: parameters that share a learning rate and settings, and what the rule remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import repeat
from types import FunctionType
from typing import Any

from ..engine import Value
from ..errors import ArgumentError, nearest
from ..ops.row import as_number
from ..rules import LEAF, UNREACHED
from .inputs import is_list, is_number, is_whole, shown
from .settings import at_least_zero

__all__ = ["Group", "Memory", "Update", "groups_from", "memory_from", "part", "with_settings"]

Memory = tuple[list[int], list[list[float]]]
"""The steps that each parameter has taken, and for each name of the rule's state a number per parameter."""

Update = Callable[..., tuple[Any, ...]]
"""The rule of an optimizer: `update(p, g, *state, lr, t, …) -> (p, *state)`."""


class Group:
    """Parameters of an optimizer that share a learning rate and settings.

    `settings` are those of the rule beside lr; they stay as they are. `start` names the numbers that the rule
    carries from step to step with these settings, and says what each starts at.

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
        self.memory: Memory  # a step makes a new one; what is in it never changes
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
        count = len(self.parameters)
        self.memory = [0] * count, [[number] * count for number in self.start.values()]

    def next(self, update: Update, scale: float) -> tuple[list[float], Memory]:
        """The parameters' numbers after the next step, and the memory then; nothing is changed yet."""
        rule = with_settings(update, {"lr": self.lr * scale, **self.settings})
        steps, columns = self.memory
        states = zip(*columns, strict=True) if columns else repeat(())
        rows, counts = [], []
        for parameter, count, state in zip(self.parameters, steps, states, strict=False):
            gradient = parameter.grad
            if gradient is UNREACHED or gradient is None or parameter._rule is not LEAF:  # frozen since
                rows.append((parameter._data, *state))
            else:
                if gradient.__class__ is not float:
                    gradient = _plain(gradient)
                count += 1
                rows.append(rule(parameter._data, gradient, *state, t=count))
            counts.append(count)
        numbers, *moved = ([float(row[place]) for row in rows] for place in range(len(columns) + 1))
        return numbers, (counts, moved)

    def state(self) -> dict[str, Any]:
        """Settings and memory, as plain data that nothing else holds."""
        steps, columns = self.memory
        settings = {name: list(setting) if isinstance(setting, tuple) else setting
                    for name, setting in self.settings.items()}  # fmt: skip
        return {
            "settings": {"lr": self.lr, **settings},
            "steps": list(steps),
            "state": {name: list(column) for name, column in zip(self.start, columns, strict=True)},
        }

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items() if value)
        count = len(self.parameters)
        return f"{count} parameter{'s' * (count != 1)}, lr={self.lr!r}{settings}"


def with_settings(rule: Any, settings: Mapping[str, Any]) -> Update:
    """The same function with these settings as its defaults; `partial` would merge dicts at every call."""
    if not isinstance(rule, FunctionType):
        return partial(rule, **settings)
    bound = FunctionType(rule.__code__, rule.__globals__, rule.__name__, rule.__defaults__, rule.__closure__)
    bound.__kwdefaults__ = {**(rule.__kwdefaults__ or {}), **settings}
    return bound


def _plain(gradient: Any) -> float:
    """A gradient set by hand, or a Value made by backward(create_graph=True), as the number it is."""
    return as_number(gradient.data if isinstance(gradient, Value) else gradient)


def groups_from(
    parameters: Any,
    defaults: Mapping[str, Any],
    rule: str,
    checked: Callable[[Mapping[str, Any]], dict[str, Any]],
    start: Callable[[Mapping[str, Any]], dict[str, float]],
) -> list[Group]:
    """The groups that the optimizer called `rule` is asked for: a list of parameters, or of dicts."""
    entries = _listed(parameters, rule)
    if not any(isinstance(entry, Mapping) for entry in entries):
        entries = [{"parameters": entries}]
    groups = []
    for index, entry in enumerate(entries):
        where = rule if len(entries) == 1 else f"{rule}'s group {index}"
        if not isinstance(entry, Mapping):
            raise ArgumentError(f'{where} is {shown(entry)}; expected a dict with "parameters", as the other '
                                "groups are")
        if "parameters" not in entry:
            raise ArgumentError(f'{where} has no "parameters", only {", ".join(map(repr, entry))}')
        own = _checked_parameters(_listed(entry["parameters"], where), where)
        given = {name: setting for name, setting in entry.items() if name != "parameters"}
        for name in given:
            if name not in defaults:
                raise ArgumentError(f"{where} has the unknown setting {name!r}: {nearest(name, defaults)}")
        settings = {**defaults, **given}
        lr, settings = settings.pop("lr"), checked(settings)
        groups.append(Group(own, lr, settings, start(settings)))
    _refuse_repeated(groups, rule)
    return groups


def _listed(parameters: Any, taker: str) -> list[Any]:
    if isinstance(parameters, Mapping):
        raise ArgumentError(f"{taker} takes a list of parameters or a list of groups, got one dict: put it "
                            "into a list")
    if not is_list(parameters):
        raise ArgumentError(f"{taker} takes a list of parameters, got {shown(parameters)}: "
                            "give model.parameters()")
    listed = list(parameters)
    if not listed:
        raise ArgumentError(f"{taker} got no parameters at all. A model has those Values and modules that "
                            "are its attributes, by themselves or in lists and dicts.")
    return listed


def _checked_parameters(parameters: list[Any], taker: str) -> list[Value]:
    strangers = [parameter for parameter in parameters if not isinstance(parameter, Value)]
    if strangers:
        raise ArgumentError(f"{taker} takes Values, got {shown(strangers[0])}: give model.parameters()")
    made = [parameter for parameter in parameters if not parameter.is_leaf]
    if made:
        raise ArgumentError(f"{taker} got {made[0]!r}, which is computed from others: give the leaves that "
                            "it is made of, such as model.parameters()")
    frozen = [parameter for parameter in parameters if parameter.is_frozen]
    if frozen:
        raise ArgumentError(f"{taker} got {len(frozen)} frozen parameters, the first is {frozen[0]!r}. "
                            "Unfreeze, or give the rest: [p for p in model.parameters() if not p.is_frozen]")
    return parameters


def _refuse_repeated(groups: list[Group], rule: str) -> None:
    found: dict[int, int] = {}
    for index, group in enumerate(groups):
        for parameter in group.parameters:
            before = found.get(id(parameter))
            if before == index:
                raise ArgumentError(f"{rule} got the same parameter twice, {parameter!r}; give each once")
            if before is not None:
                raise ArgumentError(f"{rule} got {parameter!r} in group {before} and in group {index}; "
                                    "each parameter goes into one group")
            found[id(parameter)] = index


def memory_from(steps: list[Any], state: Mapping[str, Any], group: Group) -> Memory:
    """The memory of a group that a saved state holds; `ArgumentError` if it does not fit."""
    columns = [part(state, name, list) for name in group.start]
    if any(len(column) != len(group.parameters) for column in (steps, *columns)):
        raise ArgumentError(f"this state is of {len(steps)} parameters, the optimizer has "
                            f"{len(group.parameters)}: make it for the same model")
    for count in steps:
        if not is_whole(count) or count < 0:
            raise ArgumentError(f"this state has {shown(count)} among its steps, expected whole numbers")
    for name, column in zip(group.start, columns, strict=True):
        for number in column:
            if not is_number(number):
                raise ArgumentError(f"this state has {shown(number)} in its {name}, expected numbers")
            if "square" in name and number < 0:  # the rule takes its root
                raise ArgumentError(f"this state has {number!r} in its {name}, which is never below 0")
    return list(map(int, steps)), [list(map(float, column)) for column in columns]


def part(state: Mapping[str, Any], name: str, kind: type) -> Any:
    """One entry of a saved state, a missing one being empty."""
    found = state.get(name, {} if kind is Mapping else [])
    if not isinstance(found, (list, tuple) if kind is list else Mapping):
        expected = "a list" if kind is list else "a dict"
        raise ArgumentError(f"this state has {name}={shown(found)}, expected {expected}")
    return found
