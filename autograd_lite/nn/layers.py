"""Neuron, Layer and MLP: micrograd's three classes, with the choices that make small networks train.

Called with micrograd's arguments only, they are micrograd's to the bit: ReLU, weights from U(−1, 1) drawn
from Python's `random` in the same order, biases 0. Any of `activation`, `init`, `seed` or `output` switches
the start to U(±1/√fan_in) for weights and biases, which is what `torch.nn.Linear` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import mul
from typing import TYPE_CHECKING, Any

from .. import ops
from ..engine import Value
from ..errors import ArgumentError
from .activations import AnyActivation, activation_named
from .initialisation import DEFAULT_INIT, Draw, Init, RandomSource, generator, init_named, random_source
from .inputs import as_inputs, as_size, is_list
from .modules import Module

if TYPE_CHECKING:
    import random

__all__ = ["MLP", "Layer", "Neuron"]


class Neuron(Module):
    """`activation(b + w0*x0 + w1*x1 + …)`, the sum without activation if `nonlin` is False.

    The graph has one product per input, one n-ary sum that starts with the bias, one activation.
    Raises `ArgumentError` for an unknown activation or init, and for a sample of another length.

    >>> neuron = Neuron(2, activation="tanh", seed=0)
    >>> neuron.w[0].data, neuron.b.data = 0.5, -1.0
    >>> neuron
    TanhNeuron(2)
    >>> neuron([2.0, 0.0]).data
    0.0
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: AnyActivation | None = None,
        init: str | Init | Draw | None = None,
        seed: int | random.Random | None = None,
        fan_out: int = 1,
    ) -> None:
        width = as_size(nin, "nin")
        self.w = [Value(0.0, label=f"w{index}") for index in range(width)]
        self.b = Value(0.0, label="b")
        self._init, self._fan_out = init if init is not None else _usual_init(activation, seed), fan_out
        self.reset_parameters(random_source(seed))
        self.activation, self._activate = activation_named("relu" if activation is None else activation)
        self.nonlin = nonlin and self._activate is not None

    def reset_parameters(self, rng: RandomSource) -> None:
        """Draw the weights, then the bias."""
        rule = init_named(self._init)
        for weight in self.w:
            weight.data = rule.weight(rng, len(self.w), self._fan_out)
        self.b.data = rule.bias(rng, len(self.w), self._fan_out)

    def forward(self, x: Any) -> Value:
        """The neuron's answer to one sample of `nin` numbers or Values."""
        values = as_inputs(x, len(self.w), self).operands
        total = ops.sum([self.b, *map(mul, self.w, values)])
        return self._activate(total) if self.nonlin and self._activate is not None else total

    def __repr__(self) -> str:
        kind = _camel(self.activation) if self.nonlin else "Linear"
        return f"{kind}Neuron({len(self.w)})"

    def _kind(self) -> str:
        return Neuron.__repr__(self)


class Layer(Module):
    """`nout` neurons side by side, each seeing all `nin` inputs; further arguments go to `Neuron`.

    >>> layer = Layer(2, 3, activation="tanh", seed=0)
    >>> [round(out.data, 3) for out in layer([1.0, -1.0])]
    [0.01, -0.455, 0.569]
    """

    nin: int | None = None
    """How many inputs it takes; None where a subclass builds its neurons in another way."""

    def __init__(
        self,
        nin: int,
        nout: int,
        *,
        nonlin: bool = True,
        activation: AnyActivation | None = None,
        init: str | Init | Draw | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        self.nin = as_size(nin, "nin")
        if init is None:
            init = _usual_init(activation, seed)
        rng = generator(seed)
        self.neurons = [
            Neuron(nin, nonlin, activation=activation, init=init, seed=rng, fan_out=nout)
            for _ in range(as_size(nout, "nout"))
        ]

    def forward(self, x: Any) -> Any:
        """A list of Values, one per neuron; a layer of one neuron gives the Value itself."""
        values = as_inputs(x, self.nin, self)
        out = [neuron(values) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(str(neuron) for neuron in self.neurons)}]"


class MLP(Module):
    """Layers one after the other: `MLP(2, [4, 1])` has 2 inputs, 4 hidden neurons and 1 output.

    `activation` is that of the hidden layers (ReLU unless given), `output` that of the last one (linear).
    Raises `ArgumentError` for sizes that are not positive whole numbers, unknown names, and samples of
    another length.

    >>> model = MLP(2, [2, 1], activation="tanh", seed=0)
    >>> model
    MLP of [Layer of [TanhNeuron(2), TanhNeuron(2)], Layer of [LinearNeuron(2)]]
    >>> len(model.parameters())
    9
    >>> model.parameters()[0].label, model.parameters()[0].scope
    ('w0', 'model/layer 0/neuron 0')
    """

    scope_name = "model"

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: AnyActivation | None = None,
        output: AnyActivation | None = None,
        init: str | Init | Draw | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        sizes = [as_size(nin, "nin"), *_sizes(nouts)]
        if init is None:
            init = _usual_init(activation, output, seed)
        rng = generator(seed)
        for choice in (activation, output):  # a typo is told even where no layer has that activation
            if choice is not None:
                activation_named(choice)
        last = len(sizes) - 2
        self.layers = [
            Layer(fan_in, fan_out, init=init, seed=rng, **_ending(activation, output, index == last))
            for index, (fan_in, fan_out) in enumerate(pairwise(sizes))
        ]
        self._place_all(self.scope_name, set())
        self._placed = None  # at the first call again, for layers that were appended until then

    def forward(self, x: Any) -> Any:
        """The network's answer to one sample: a Value if the last layer has one neuron, else a list."""
        x = as_inputs(x, getattr(self.layers[0], "nin", None), self)
        for layer in self.layers:
            x = layer(x)
        return x

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"


def _ending(activation: AnyActivation | None, output: AnyActivation | None, is_last: bool) -> dict[str, Any]:
    """How a layer of an MLP ends: hidden ones with the activation, the last with `output` or linearly."""
    if not is_last:
        return {"activation": activation}
    if output is None or output == "linear":
        return {"nonlin": False}
    return {"activation": output}


def _usual_init(*choices: object) -> str:
    """micrograd's start where nothing but its own arguments is given, else the documented one."""
    return "micrograd" if all(choice is None for choice in choices) else DEFAULT_INIT


def _sizes(nouts: Any) -> list[int]:
    if not is_list(nouts):
        raise ArgumentError(f"nouts is a list with the size of each layer, such as [4, 1], got {nouts!r}")
    sizes = [as_size(size, f"nouts[{index}]") for index, size in enumerate(nouts)]
    if not sizes:
        raise ArgumentError("nouts is empty: give the size of each layer, such as [4, 1]")
    return sizes


def _camel(name: str) -> str:
    """`ReLU` as micrograd writes it, `LeakyReLU`, `Tanh`."""
    return "".join("ReLU" if part == "relu" else part[:1].upper() + part[1:] for part in name.split("_"))
