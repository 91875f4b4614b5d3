"""`Module`: a thing with parameters. It finds, names and saves them, and says where each node belongs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..engine import Value, scope
from ..errors import ArgumentError, AutogradError
from ..modes import current_mode
from ..rules import UNREACHED
from .calling import scoped, watchers, wrong_call
from .finding import (
    buffers_in,
    collect_modules,
    distinct,
    generators_in,
    parameters_in,
    parts,
    refuse_hidden_parts,
    same_names,
    saved_number,
    titled_modules,
    watched,
)
from .initialisation import RandomSource, random_source
from .inputs import as_rows, shown
from .saving import read_parameters, write_parameters
from .settings import truth
from .summary import Summary, summarise

if TYPE_CHECKING:
    import random

__all__ = ["Module"]

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

    training: bool = True
    """Whether dropout drops and batch norm uses its batch, as in training. Set by `train` and `eval`."""

    mixes_samples: ClassVar[bool] = False
    """Whether in training one sample's answer depends on the others of its batch, as in batch norm."""

    buffer_names: ClassVar[tuple[str, ...]] = ()
    """Attributes that hold a float or a list of floats which is no parameter but is saved with them."""

    _placed: str | None = None  # the scope of its own parameters
    _held_in: str = ""  # the scope of the module that holds it
    _watched = watched

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """Run `forward` inside this module's scope.

        A module called by itself, `model.layers[0](x)`, still belongs where its container has it.
        Raises `ArgumentError` for inputs that `forward` does not take.
        """
        try:
            if not scoped.get():
                return self.forward(*inputs, **settings)
            return self._run_in_scope(self.forward, inputs, settings)
        except TypeError as error:
            trace = error.__traceback__
            while trace is not None and trace.tb_frame.f_code in _CALLING:
                trace = trace.tb_next
            if trace is not None:
                raise  # from within forward
            raise ArgumentError(wrong_call(self, inputs, settings)) from error

    def batch(self, rows: Sequence[Any]) -> list[Any]:
        """The answers to several samples at once, as a list.

        The same as calling the module on each, unless one of its modules mixes samples, as `BatchNorm` does
        in training. A module that holds such modules writes `forward_batch`, as `Sequential` does.

        >>> from autograd_lite import nn
        >>> [out.data for out in nn.MLP(1, [1], init="zeros").batch([[1.0], [2.0]])]
        [0.0, 0.0]
        """
        if not scoped.get():
            return self.forward_batch(as_rows(rows, self))
        answers: list[Any] = self._run_in_scope(self.forward_batch, (as_rows(rows, self),), {})
        return answers

    def forward_batch(self, rows: Sequence[Any]) -> list[Any]:
        """What the module computes for several samples; here sample by sample."""
        if type(self).__call__ is not Module.__call__:  # in micrograd's style
            return [self(row) for row in rows]
        return [self.forward(row) for row in rows]

    @property
    def needs_batch(self) -> bool:
        """Whether samples must be given together, by `batch`: a module in it mixes them, and is training."""
        return any(module.mixes_samples and module.training for _, module in self.named_modules())

    def _run_in_scope(
        self, function: Callable[..., Any], inputs: tuple[Any, ...], settings: dict[str, Any]
    ) -> Any:
        with scope(self._scope_within(current_mode().scope)):
            path = current_mode().scope
            if path != self._placed:
                self._place_all(path, set())
            output = function(*inputs, **settings)
        for watcher in watchers.get():
            watcher(self, inputs, output)
        return output

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """What the module computes; every module writes its own."""
        raise AutogradError(f"{type(self).__name__} has no forward(self, x): write one")

    def __setattr__(self, name: str, value: Any) -> None:
        refuse_hidden_parts(self, name, value)
        object.__setattr__(self, name, value)
        for title, part in titled_modules(name, value):
            part.scope_name = title

    def __repr__(self) -> str:
        count = len(self.parameters())
        return f"{type(self).__name__}({count} parameter{'' if count == 1 else 's'})"

    # parameters and their names

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order in which the attributes were assigned."""
        return parameters_in(self, Module.parameters)

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Pairs of name and parameter, such as `("layers.0.neurons.2.w.1", Value(…))`.

        A parameter that two modules share appears once, under the first of its names.

        >>> from autograd_lite import nn
        >>> [name for name, _ in nn.Layer(1, 2).named_parameters()]
        ['neurons.0.w.0', 'neurons.0.b', 'neurons.1.w.0', 'neurons.1.b']
        """
        return list(distinct(self._named("", set())))

    def named_modules(self) -> list[tuple[str, Module]]:
        """Pairs of name and module, this module first, under the name "".

        >>> from autograd_lite import nn
        >>> [name for name, _ in nn.MLP(2, [1]).named_modules()]
        ['', 'layers.0', 'layers.0.neurons.0']
        """
        found: list[tuple[str, Module]] = []
        collect_modules("", self, found, set())
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

    def summary(self, sample: Any = None, depth: int | None = None) -> Summary:
        """A table of its parts, their parameters and the nodes of one forward pass: see `Summary`."""
        return summarise(self, sample, depth)

    # training or not, starting again

    def train(self, training: bool = True) -> Self:
        """Let this module and all in it behave as in training; `train(False)` is `eval()`."""
        training = truth("training", training)
        for _, module in self.named_modules():
            module.training = training
        return self

    def eval(self) -> Self:
        """Let this module and all in it behave as in use: no dropout, batch norm with its running statistics.

        >>> from autograd_lite import nn
        >>> nn.MLP(2, [1]).eval().training
        False
        """
        return self.train(False)

    def reset(self, seed: int | random.Random | None = None) -> Self:
        """Start again: draw every parameter as when the module was made, frozen ones too.

        A generator goes on where it stands, so that each call gives another start; the same seed gives the
        start that building the module with that seed gave. Raises `ArgumentError`, before anything is
        changed, if a module has parameters of its own and does not say how they start (`reset_parameters`).

        >>> from autograd_lite import nn
        >>> model = nn.MLP(2, [3, 1], seed=1)
        >>> model.reset(seed=0).state_dict() == nn.MLP(2, [3, 1], seed=0).state_dict()
        True
        """
        modules = [module for _, module in self.named_modules()]
        for module in modules:
            if type(module).reset_parameters is Module.reset_parameters and module._has_own_parameters():
                raise ArgumentError(f"{module._title} does not say how its parameters start: write "
                                    "reset_parameters(self, rng), which sets the data of each")
        rng = random_source(seed)
        for module in modules:
            module.reset_parameters(rng)
        return self

    def reset_parameters(self, rng: RandomSource) -> None:
        """Set the parameters and buffers that are this module's own, not its parts', to a new start."""

    def generators(self) -> list[tuple[str, random.Random]]:
        """Pairs of name and random generator, of this module and all in it: what dropout draws from."""
        return list(distinct(pair for name, module in self.named_modules()
                             for pair in generators_in(name and name + ".", module)))

    # saving

    def named_buffers(self) -> list[tuple[str, float]]:
        """Pairs of name and number that modules remember beside their parameters, such as running means."""
        return [pair for name, module in self.named_modules()
                for pair in buffers_in(name and name + ".", module)]

    def state_dict(self) -> dict[str, float]:
        """The number in every parameter, by name, and then the buffers.

        >>> from autograd_lite import nn
        >>> nn.Neuron(1, init="zeros").state_dict()
        {'w.0': 0.0, 'b': 0.0}
        """
        numbers = {name: parameter.data for name, parameter in self.named_parameters()}
        return numbers | dict(self.named_buffers())

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set every parameter from `state`; all of it fits, or nothing is changed.

        Raises `ArgumentError` naming missing and unexpected parameters and what is not a number.
        """
        if not isinstance(state, Mapping):
            raise ArgumentError("load_state_dict takes a dict of names and numbers, as state_dict() gives, "
                                f"got {shown(state)}. A file is read by load(path).")
        own = dict(self.named_parameters())
        same_names(self.state_dict(), state, "the state")
        numbers = {name: saved_number(name, number) for name, number in state.items()}
        for name, parameter in own.items():
            parameter.data = numbers[name]
        for name, module in self.named_modules():
            module._set_buffers(name and name + ".", numbers)

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
        (state, kinds), own = read_parameters(path), self._kinds()
        same_names(self.state_dict(), state, repr(str(path)))
        for name in own:
            if own[name] != kinds.get(name, own[name]):
                raise ArgumentError(f"{str(path)!r} was saved from another architecture: "
                                    f"{name or 'the module'} is {kinds[name]} in the file and {own[name]} "
                                    "here. Nothing was changed. Build the model as it was when it was saved.")
        self.load_state_dict(state)
        return self

    def _set_buffers(self, prefix: str, numbers: Mapping[str, float]) -> None:
        for name in self.buffer_names:
            kept = getattr(self, name)
            if isinstance(kept, list):
                setattr(self, name, [numbers[f"{prefix}{name}.{index}"] for index in range(len(kept))])
            else:
                setattr(self, name, numbers[prefix + name])

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
        if id(self) in seen:
            return
        seen.add(id(self))
        for name, attribute in vars(self).items():
            for path, part in parts(prefix + name, attribute):
                if isinstance(part, Module):
                    yield from part._named(path + ".", seen)
                elif part.is_leaf and not part.is_constant:
                    yield path, part

    def _has_own_parameters(self) -> bool:
        own = (part for name, attribute in vars(self).items() for _, part in parts(name, attribute))
        return any(isinstance(part, Value) and part.is_leaf and not part.is_constant for part in own)

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
            for title, module in titled_modules(name, attribute):
                if "scope_name" not in vars(module):
                    module.scope_name = title
            for label, part in parts(name, attribute, joint=""):
                if isinstance(part, Module):
                    if id(part) not in seen:
                        object.__setattr__(part, "_held_in", path)
                        part._place_all(f"{path}/{part._scope_here()}", seen)
                elif part.is_leaf and not part.is_constant:
                    part._scope = path
                    part.label = part.label or label


# What stands on the stack between the call of a module and its forward.
_CALLING = (Module.__call__.__code__, Module._run_in_scope.__code__)
