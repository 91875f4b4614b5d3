"""`Module`: a thing with parameters. It finds, names and saves them, and says where each node belongs."""

from __future__ import annotations

import inspect
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, ValuesView
from contextvars import ContextVar, copy_context
from types import GeneratorType
from typing import Any, Self, TypeVar

from ..engine import Value, scope
from ..errors import ArgumentError, AutogradError
from ..modes import current_mode
from ..rules import UNREACHED
from .inputs import shown
from .saving import read_parameters, write_parameters

__all__ = ["Module", "without_scopes"]

Result = TypeVar("Result")

_scoped: ContextVar[bool] = ContextVar("autograd_lite_scoped_modules", default=True)


def without_scopes(function: Callable[..., Result], *arguments: Any) -> Result:
    """`function(*arguments)`, its modules opening no scopes: faster, for graphs that nobody looks at.

    Scopes stay on under `detect_anomaly()` and `trace_source()`, whose messages name them. The switch is in a
    copy of the context, so that Ctrl-C at any moment cannot leave it behind.
    """

    def run() -> Result:
        mode = current_mode()
        _scoped.set(mode.anomaly or mode.source)
        return function(*arguments)

    return copy_context().run(run)


class Module:
    """Base class of everything that holds parameters.

    Assign `Value`s, modules, or lists and dicts of them, as attributes: they are found by themselves.
    Write `forward(...)`; calling the module runs it inside a scope, so that a drawing shows which node
    belongs to which module. A class in micrograd's style, which overrides `__call__` and `parameters`,
    works as it does there.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0), Value(1.0)
    ...     def forward(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> line(3.0).data, [name for name, _ in line.named_parameters()]
    (7.0, ['slope', 'offset'])
    """

    scope_name: str = ""
    """The name of this module's box in a drawing; its container sets it ("layer 0"), and you may too."""

    _placed: str | None = None  # the scope of its own parameters
    _held_in: str = ""  # the scope of the module that holds it

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """Run `forward` inside this module's scope.

        A module called by itself, `model.layers[0](x)`, still belongs where its container has it.
        Raises `ArgumentError` for inputs that `forward` does not take.
        """
        try:
            if not _scoped.get():
                return self.forward(*inputs, **settings)
            with scope(self._scope_within(current_mode().scope)):
                path = current_mode().scope
                if path != self._placed:
                    self._place_all(path, set())
                return self.forward(*inputs, **settings)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # from within forward
            raise ArgumentError(_wrong_call(self, inputs, settings)) from error

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """What the module computes; every module writes its own."""
        raise AutogradError(f"{type(self).__name__} has no forward(self, x): write one")

    def __setattr__(self, name: str, value: Any) -> None:
        _refuse_hidden_parts(self, name, value)
        object.__setattr__(self, name, value)
        for title, part in _titled_modules(name, value):
            part.scope_name = title

    def __repr__(self) -> str:
        count = len(self.parameters())
        return f"{type(self).__name__}({count} parameter{'' if count == 1 else 's'})"

    # parameters and their names

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order in which the attributes were assigned."""
        return [parameter for _, parameter in _distinct(self._named_in_attributes("", set()))]

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Pairs of name and parameter, such as `("layers.0.neurons.2.w.1", Value(…))`.

        A parameter that two modules share appears once, under the first of its names.

        >>> from autograd_lite import nn
        >>> [name for name, _ in nn.Layer(1, 2).named_parameters()]
        ['neurons.0.w.0', 'neurons.0.b', 'neurons.1.w.0', 'neurons.1.b']
        """
        return list(_distinct(self._named("", set())))

    def named_modules(self) -> list[tuple[str, Module]]:
        """Pairs of name and module, this module first, under the name "".

        >>> from autograd_lite import nn
        >>> [name for name, _ in nn.MLP(2, [1]).named_modules()]
        ['', 'layers.0', 'layers.0.neurons.0']
        """
        found: list[tuple[str, Module]] = []
        _collect_modules("", self, found, set())
        return found

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = UNREACHED  # Value.zero_grad() would look for what a parameter depends on

    def freeze(self) -> Self:
        """Make every parameter constant: no gradient flows into it and no optimizer changes it.

        >>> from autograd_lite import nn
        >>> model = nn.MLP(2, [3, 1], seed=0)
        >>> model.layers[0].freeze()
        Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)]
        >>> sum(p.is_frozen for p in model.parameters())
        9
        """
        for parameter in self.parameters():
            parameter.freeze()
        return self

    def unfreeze(self) -> Self:
        """Undo `freeze()`."""
        for parameter in self.parameters():
            parameter.unfreeze()
        return self

    # saving

    def state_dict(self) -> dict[str, float]:
        """The number in every parameter, by name.

        >>> from autograd_lite import nn
        >>> nn.Neuron(1, init="zeros").state_dict()
        {'w.0': 0.0, 'b': 0.0}
        """
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set every parameter from `state`; all of it fits, or nothing is changed.

        Raises `ArgumentError` naming missing and unexpected parameters and what is not a number.
        """
        if not isinstance(state, Mapping):
            raise ArgumentError("load_state_dict takes a dict of names and numbers, as state_dict() gives, "
                                f"got {shown(state)}. A file is read by load(path).")
        own = dict(self.named_parameters())
        _same_names(own, state, "the state")
        numbers = [_number(name, state[name]) for name in own]
        for parameter, number in zip(own.values(), numbers, strict=True):
            parameter.data = number

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters to a NumPy `.npz` file (no pickle), whole or not at all.

        The file holds the arrays `names` and `values`, and the kinds of the modules. Raises `FileError` if
        the folder cannot be written.
        """
        write_parameters(path, self.state_dict(), self._kinds())

    def load(self, path: str | os.PathLike[str]) -> Self:
        """Set the parameters from a file that `save` wrote, and return this module.

        Raises `FileError` for a file that is missing or damaged, `ArgumentError` for one that was saved from
        a module of another shape or with other activations; the module is then exactly as before.

        >>> import tempfile
        >>> from autograd_lite import nn
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nn.MLP(2, [3, 1], seed=0).save(f"{folder}/model.npz")
        ...     model = nn.MLP(2, [3, 1], seed=1).load(f"{folder}/model.npz")
        >>> model.state_dict() == nn.MLP(2, [3, 1], seed=0).state_dict()
        True
        """
        state, kinds = read_parameters(path)
        own = self._kinds()
        _same_names(dict(self.named_parameters()), state, repr(str(path)))
        for name in own:
            if own[name] != kinds.get(name, own[name]):
                raise ArgumentError(f"{str(path)!r} was saved from another architecture: "
                                    f"{name or 'the module'} is {kinds[name]} in the file and {own[name]} "
                                    "here. Nothing was changed. Build the model as it was when it was saved.")
        self.load_state_dict(state)
        return self

    @property
    def _title(self) -> str:
        """This module in an error message."""
        return f"{type(self).__name__} \"{self._placed or self._scope_here()}\""

    def _kind(self) -> str:
        """What must agree, beside the names of the parameters, for saved numbers to mean the same."""
        return ""

    def _kinds(self) -> dict[str, str]:
        return {name: kind for name, module in self.named_modules() if (kind := module._kind())}

    # finding

    def _named(self, prefix: str, seen: set[int]) -> Iterator[tuple[str, Value]]:
        """Like `parameters()`, with names; where a class overrides `parameters`, what that returns counts."""
        found = self._named_in_attributes(prefix, seen)
        if type(self).parameters is Module.parameters:
            yield from found
            return
        names = {id(parameter): name for name, parameter in reversed(list(found))}
        for index, parameter in enumerate(self.parameters()):
            yield names.get(id(parameter), f"{prefix}parameters.{index}"), parameter

    def _named_in_attributes(self, prefix: str, seen: set[int]) -> Iterator[tuple[str, Value]]:
        if id(self) in seen:  # a module that is reached twice, or a cycle such as child.parent
            return
        seen.add(id(self))
        for name, attribute in vars(self).items():
            for path, part in _parts(prefix + name, attribute):
                if isinstance(part, Module):
                    yield from part._named(path + ".", seen)
                elif part.is_leaf and not part.is_constant:
                    yield path, part

    # scopes

    def _scope_here(self) -> str:
        return self.scope_name or type(self).__name__.lower()

    def _scope_within(self, outer: str) -> str:
        """The scope to open within the scope `outer`: the way from there to this module, if it is above."""
        container = self._held_in
        if container == outer:  # called by its container, as nearly always, or held by none
            return self._scope_here()
        if not outer:
            return f"{container}/{self._scope_here()}"
        if container.startswith(outer + "/"):
            return f"{container[len(outer) + 1 :]}/{self._scope_here()}"
        return self._scope_here()

    def _place_all(self, path: str, seen: set[int]) -> None:
        """Put the parameters of this module, and the modules in it with theirs, into the scope `path`.

        Parameters without a label get one; modules that came into a list after it was assigned get a name.
        """
        seen.add(id(self))
        object.__setattr__(self, "_placed", path)
        for name, attribute in list(vars(self).items()):
            for title, module in _titled_modules(name, attribute):
                if "scope_name" not in vars(module):
                    module.scope_name = title
            for label, part in _parts(name, attribute, joint=""):
                if isinstance(part, Module):
                    if id(part) not in seen:
                        object.__setattr__(part, "_held_in", path)
                        part._place_all(f"{path}/{part._scope_here()}", seen)
                elif part.is_leaf and not part.is_constant:
                    part._scope = path
                    part.label = part.label or label


def _parts(name: str, attribute: Any, joint: str = ".") -> Iterator[tuple[str, Any]]:
    """The Values and modules in an attribute, each with its name."""
    if getattr(getattr(attribute, "dtype", None), "kind", "") == "O":  # NumPy's array of Values
        attribute = attribute.tolist()
    if isinstance(attribute, (Value, Module)):
        yield name, attribute
    elif isinstance(attribute, (list, tuple)):
        for index, part in enumerate(attribute):
            yield from _parts(f"{name}{joint}{index}", part, joint)
    elif isinstance(attribute, dict):
        for key, part in attribute.items():
            yield from _parts(f"{name}{joint}{key}", part, joint)


def _titled_modules(name: str, attribute: Any) -> Iterator[tuple[str, Module]]:
    """The modules in an attribute, each with the name of its scope: "encoder", "layer 0", "head left"."""
    if isinstance(attribute, Module):
        yield name, attribute
    elif isinstance(attribute, (list, tuple, dict)):
        pairs = attribute.items() if isinstance(attribute, dict) else enumerate(attribute)
        for key, part in pairs:
            if isinstance(part, Module):
                yield f"{name.removesuffix('s')} {key}", part


def _refuse_hidden_parts(owner: Module, name: str, value: Any) -> None:
    """Parameters would be missed in these, or have an order that changes from run to run."""
    if isinstance(value, (GeneratorType, map, filter)):
        found = f"a {type(value).__name__}, which can be gone through only once"
    elif isinstance(value, (set, frozenset, deque, ValuesView)) and any(
        isinstance(part, (Value, Module)) for part in value
    ):
        found = f"a {type(value).__name__} of Values or modules"
    else:
        return
    raise ArgumentError(f"{type(owner).__name__}.{name} is {found}: parameters are not looked for in it. "
                        f"Assign a list: self.{name} = [...]")


def _wrong_call(module: Module, inputs: tuple[Any, ...], settings: Mapping[str, Any]) -> str:
    """What to say of a call whose arguments `forward` does not take."""
    wanted = ", ".join(
        str(parameter.replace(annotation=inspect.Parameter.empty))
        for parameter in inspect.signature(module.forward).parameters.values()
    )
    given = ", ".join([*map(repr, inputs), *(f"{name}={value!r}" for name, value in settings.items())])
    hint = ""
    if len(inputs) > 1 and not any(isinstance(part, (list, tuple, dict)) for part in inputs):
        hint = ". A sample is one list: model([...])"
    return (f"{module._title} takes ({wanted}), got ({given if len(given) <= 60 else given[:57] + '...'})"
            f"{hint}")


def _distinct(named: Iterator[tuple[str, Value]]) -> Iterator[tuple[str, Value]]:
    seen: set[int] = set()
    for name, parameter in named:
        if id(parameter) not in seen:
            seen.add(id(parameter))
            yield name, parameter


def _collect_modules(prefix: str, module: Module, found: list[tuple[str, Module]], seen: set[int]) -> None:
    if id(module) in seen:
        return
    seen.add(id(module))
    found.append((prefix, module))
    for name, attribute in vars(module).items():
        for path, part in _parts(name, attribute):
            if isinstance(part, Module):
                _collect_modules(f"{prefix}.{path}" if prefix else path, part, found, seen)


def _same_names(own: Mapping[str, Value], state: Mapping[str, Any], source: str) -> None:
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    if missing or unexpected:
        found = [_some("missing", missing), _some("unexpected", unexpected)]
        raise ArgumentError(f"{source} holds {len(state)} parameters and this model has {len(own)} "
                            f"({'; '.join(part for part in found if part)}). "
                            "Nothing was changed. Build the model as it was when it was saved.")


def _some(word: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{word}: {', '.join(names[:3])}{more}"


def _number(name: str, value: Any) -> float:
    try:
        return float(Value(value).data)
    except TypeError as error:
        raise ArgumentError(f"the parameter {name} in the saved state is not a number: {value!r}. "
                            "Nothing was changed.") from error
