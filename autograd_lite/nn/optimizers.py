"""Optimizers: each is one pure rule on numbers, `update(p, g, *state, lr, t, …) -> (p, *state)`.

The rule says how one parameter moves; `step()` applies it to all of them, and the optimizer keeps the state.
Rules and defaults are PyTorch's; each class names the paper it comes from. A rule holds arithmetic alone on
p, g, the state, lr and t (`ops.maximum` and `ops.where` in place of `max` and `if`), so that it takes floats,
Values and arrays alike; it branches on settings only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..errors import ArgumentError, nearest
from ..ops import maximum, where
from .groups import with_settings
from .inputs import shown
from .settings import above_zero, at_least_zero, below_one, truth
from .updating import Optimizer, Parameters, Snapshot

__all__ = [
    "OPTIMIZERS", "SGD", "AdaGrad", "Adam", "AdamW", "Optimizer", "Parameters", "RMSprop", "Snapshot",
    "optimizer_named",
]  # fmt: skip


class SGD(Optimizer):
    """Gradient descent: `p − lr·g`, with momentum and weight decay where they are given.

    With `momentum` a velocity gathers the gradients, `v ← momentum·v + (1 − dampening)·g`, and takes the
    gradient's place; `nesterov` looks one step ahead along it. Sources: Polyak 1964 (momentum), Sutskever et
    al. 2013, "On the importance of initialization and momentum in deep learning" (Nesterov's form).

    >>> from autograd_lite import Value
    >>> p = Value(1.0)
    >>> optimizer = SGD([p], lr=0.1)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> p.data
    0.8
    """

    added_settings: ClassVar[dict[str, Any]] = {"dampening": 0.0}

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.001,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, momentum=momentum, dampening=dampening, nesterov=nesterov,
                         weight_decay=weight_decay)  # fmt: skip

    @classmethod
    def checked(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings as the rule takes them; `ArgumentError` for one that it cannot take."""
        momentum = at_least_zero("momentum", settings["momentum"])
        dampening = at_least_zero("dampening", settings["dampening"])
        nesterov = truth("nesterov", settings["nesterov"])
        if nesterov and momentum == 0:
            raise ArgumentError("nesterov=True needs a momentum above 0, such as 0.9")
        if nesterov and dampening != 0:
            raise ArgumentError(f"nesterov=True needs dampening=0, got {dampening!r}")
        decay = at_least_zero("weight_decay", settings["weight_decay"])
        return {"momentum": momentum, "dampening": dampening, "nesterov": nesterov, "weight_decay": decay}

    @classmethod
    def start(cls, settings: Mapping[str, Any]) -> dict[str, float]:
        """A velocity, if there is momentum."""
        return {"velocity": 0.0} if settings["momentum"] else {}

    @staticmethod
    def update(
        p: Any, g: Any, velocity: Any = 0.0, *,
        lr: Any, t: Any, momentum: float, dampening: float, nesterov: bool, weight_decay: float,
    ) -> tuple[Any, ...]:  # fmt: skip
        """One step of one parameter: its next number, and the velocity if there is momentum."""
        if weight_decay:
            g = g + weight_decay * p
        if not momentum:
            return (p - lr * g,)
        if dampening:  # the first gradient is not dampened
            velocity = momentum * velocity + where(t <= 1, 1.0, 1.0 - dampening) * g
        else:
            velocity = momentum * velocity + g
        direction = g + momentum * velocity if nesterov else velocity
        return p - lr * direction, velocity


class AdaGrad(Optimizer):
    """AdaGrad: each parameter's rate falls with the squares of its gradients so far.

    Parameters that seldom have a gradient keep a high rate. `lr_decay` makes all of them fall as 1/t besides.
    Source: Duchi, Hazan and Singer 2011, "Adaptive subgradient methods".

    >>> from autograd_lite import Value
    >>> p = Value(1.0)
    >>> optimizer = AdaGrad([p], lr=0.1)
    >>> for _ in range(2):
    ...     p.grad = 5.0
    ...     optimizer.step()
    >>> round(p.data, 4)    # 1 − 0.1·5/5 − 0.1·5/√(5² + 5²)
    0.8293
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.01,
        *,
        lr_decay: float = 0.0,
        initial_accumulator: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, lr_decay=lr_decay, initial_accumulator=initial_accumulator, eps=eps,
                         weight_decay=weight_decay)  # fmt: skip

    @classmethod
    def checked(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings as the rule takes them; `ArgumentError` for one that it cannot take."""
        return {
            "lr_decay": at_least_zero("lr_decay", settings["lr_decay"]),
            "initial_accumulator": at_least_zero("initial_accumulator", settings["initial_accumulator"]),
            "eps": above_zero("eps", settings["eps"]),
            "weight_decay": at_least_zero("weight_decay", settings["weight_decay"]),
        }

    @classmethod
    def start(cls, settings: Mapping[str, Any]) -> dict[str, float]:
        """The sum of the squared gradients."""
        return {"square_sum": settings["initial_accumulator"]}

    @staticmethod
    def update(
        p: Any, g: Any, square_sum: Any, *,
        lr: Any, t: Any, lr_decay: float, initial_accumulator: float, eps: float, weight_decay: float,
    ) -> tuple[Any, ...]:  # fmt: skip
        """One step of one parameter: its next number, and the sum of its squared gradients."""
        if weight_decay:
            g = g + weight_decay * p
        if lr_decay:
            lr = lr / (1.0 + (t - 1) * lr_decay)
        square_sum = square_sum + g * g
        return p - lr * g / (square_sum**0.5 + eps), square_sum


class RMSprop(Optimizer):
    """RMSprop: the gradient divided by the root of the running mean of its square.

    `centered` divides by the running standard deviation instead. Sources: Tieleman and Hinton 2012, lecture
    6.5 of "Neural networks for machine learning"; Graves 2013, "Generating sequences with recurrent neural
    networks", eq. 38-45 (centred, with momentum). As in PyTorch, eps is added outside the root. The running
    variance is kept from falling below 0 by rounding, where PyTorch gives NaN.

    >>> from autograd_lite import Value
    >>> p = Value(1.0)
    >>> optimizer = RMSprop([p], lr=0.01)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> round(p.data, 6)    # 1 − 0.01·2/√(0.01·2²)
    0.9
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        centered: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, alpha=alpha, eps=eps, centered=centered, momentum=momentum,
                         weight_decay=weight_decay)  # fmt: skip

    @classmethod
    def checked(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings as the rule takes them; `ArgumentError` for one that it cannot take."""
        return {
            "alpha": below_one("alpha", settings["alpha"]),
            "eps": above_zero("eps", settings["eps"]),
            "centered": truth("centered", settings["centered"]),
            "momentum": at_least_zero("momentum", settings["momentum"]),
            "weight_decay": at_least_zero("weight_decay", settings["weight_decay"]),
        }

    @classmethod
    def start(cls, settings: Mapping[str, Any]) -> dict[str, float]:
        """The running mean square, the running mean if centred, the velocity if there is momentum."""
        mean = {"mean": 0.0} if settings["centered"] else {}
        velocity = {"velocity": 0.0} if settings["momentum"] else {}
        return {"mean_square": 0.0, **mean, **velocity}

    @staticmethod
    def update(
        p: Any, g: Any, mean_square: Any, *more: Any,
        lr: Any, t: Any, alpha: float, eps: float, centered: bool, momentum: float, weight_decay: float,
    ) -> tuple[Any, ...]:  # fmt: skip
        """One step of one parameter: its next number and the state; `more` is mean and velocity, if kept."""
        if weight_decay:
            g = g + weight_decay * p
        mean_square = alpha * mean_square + (1.0 - alpha) * (g * g)
        state: tuple[Any, ...] = (mean_square,)
        spread = mean_square
        if centered:
            mean = alpha * more[0] + (1.0 - alpha) * g
            state += (mean,)
            spread = maximum(mean_square - mean * mean, 0.0)
        direction = g / (spread**0.5 + eps)
        if momentum:
            direction = momentum * more[-1] + direction
            state += (direction,)
        return p - lr * direction, *state


class Adam(Optimizer):
    """Adam: each parameter moves by about `lr`, whatever the size of its gradient.

    `amsgrad` divides by the largest mean square so far, so that rates never rise. Sources: Kingma and Ba
    2015, "Adam: a method for stochastic optimization"; Reddi, Kale and Kumar 2018, "On the convergence of
    Adam and beyond" (AMSGrad; as in PyTorch, the largest is taken before the correction of the bias).

    After `zero_grad()` a parameter that the loss did not reach has no gradient and is skipped. (PyTorch's
    dense `Embedding` gives its other rows the gradient 0, so that there Adam still moves them.)

    >>> from autograd_lite import Value
    >>> p = Value(1.0)
    >>> optimizer = Adam([p], lr=0.1)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> round(p.data, 6)
    0.9
    """

    added_settings: ClassVar[dict[str, Any]] = {"amsgrad": False}

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    @classmethod
    def checked(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings as the rule takes them; `ArgumentError` for one that it cannot take."""
        betas = settings["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ArgumentError(f"betas are two numbers of at least 0 and below 1, got {shown(betas)}")
        return {
            "betas": (below_one("betas[0]", betas[0]), below_one("betas[1]", betas[1])),
            "eps": above_zero("eps", settings["eps"]),
            "weight_decay": at_least_zero("weight_decay", settings["weight_decay"]),
            "amsgrad": truth("amsgrad", settings["amsgrad"]),
        }

    @classmethod
    def start(cls, settings: Mapping[str, Any]) -> dict[str, float]:
        """The running means of the gradient and of its square, and the largest of the latter for AMSGrad."""
        largest = {"largest_mean_square": 0.0} if settings["amsgrad"] else {}
        return {"mean": 0.0, "mean_square": 0.0, **largest}

    @staticmethod
    def update(
        p: Any, g: Any, mean: Any, mean_square: Any, largest: Any = 0.0, *,
        lr: Any, t: Any, betas: tuple[float, float], eps: float, weight_decay: float, amsgrad: bool,
        decoupled: bool = False,
    ) -> tuple[Any, ...]:  # fmt: skip
        """One step of one parameter: its next number, the running means, and AMSGrad's largest one."""
        if decoupled:
            p = p * (1.0 - lr * weight_decay)
        elif weight_decay:
            g = g + weight_decay * p
        beta1, beta2 = betas
        mean = beta1 * mean + (1.0 - beta1) * g
        mean_square = beta2 * mean_square + (1.0 - beta2) * (g * g)
        # both means start at 0 and are too small at first; dividing by 1 − βᵗ makes up for it
        unbiased = mean / (1.0 - beta1**t)
        if not amsgrad:
            return p - lr * unbiased / ((mean_square / (1.0 - beta2**t)) ** 0.5 + eps), mean, mean_square
        largest = maximum(largest, mean_square)
        return p - lr * unbiased / ((largest / (1.0 - beta2**t)) ** 0.5 + eps), mean, mean_square, largest


class AdamW(Adam):
    """Adam with decoupled weight decay: the parameter shrinks by `lr·weight_decay`, whatever its gradients.

    In Adam the decay goes through the running means and hardly acts where gradients are large. Source:
    Loshchilov and Hutter 2019, "Decoupled weight decay regularization".

    >>> from autograd_lite import Value
    >>> p = Value(1.0)
    >>> optimizer = AdamW([p], lr=0.1, weight_decay=0.5)
    >>> p.grad = 0.0
    >>> optimizer.step()
    >>> p.data
    0.95
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    update = staticmethod(with_settings(Adam.update, {"decoupled": True}))


OPTIMIZERS: dict[str, type[SGD | AdaGrad | RMSprop | Adam]] = {
    "sgd": SGD, "adagrad": AdaGrad, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW,
}  # fmt: skip


def optimizer_named(name: str) -> type[SGD | AdaGrad | RMSprop | Adam]:
    """The optimizer of that name; `ArgumentError` with the nearest match if there is none."""
    if name not in OPTIMIZERS:
        raise ArgumentError(f"unknown optimizer {name!r}: {nearest(name, OPTIMIZERS)}")
    return OPTIMIZERS[name]
