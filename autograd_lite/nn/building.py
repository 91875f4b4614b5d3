"""Models by configuration: plain data that can go to another process, where a model is made from it."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ArgumentError, nearest
from .inputs import is_whole, shown
from .layers import MLP

__all__ = ["Build", "build_model", "builder", "check_builds", "keywords", "takes"]

Build = Callable[..., Any] | Mapping[str, Any]
"""A function `build(seed=…, **sizes)` that makes a model, or the configuration of one."""

_KINDS: dict[str, Callable[..., Any]] = {"mlp": MLP}


def build_model(
    configuration: Mapping[str, Any], *, seed: int | random.Random | None = None, **changes: Any
) -> Any:
    """The model of a configuration, such as `{"kind": "mlp", "nin": 2, "nouts": [8, 1]}`.

    The entries are the arguments of the class, here `nn.MLP`; `changes` replace some of them. `hidden`
    stands for all sizes in `nouts` but the last: a number or a list. Raises `ArgumentError` for unknown kinds
    and entries.

    >>> build_model({"kind": "mlp", "nin": 2, "nouts": [8, 1], "activation": "tanh"}, seed=0, hidden=[4, 4])
    MLP of [Layer of [TanhNeuron(2), ...], Layer of [TanhNeuron(4), ...], Layer of [LinearNeuron(4)]]
    """
    settings = {**configuration, **changes}
    kind = settings.pop("kind", "mlp")
    if kind not in _KINDS:
        raise ArgumentError(f"unknown kind of model {kind!r}: {nearest(str(kind), _KINDS)}")
    unknown = settings.keys() - _entries(kind)
    if unknown:
        name = sorted(unknown)[0]
        raise ArgumentError(f"a model of kind {kind!r} has no {name!r}: {nearest(name, _entries(kind))}")
    missing = [name for name in ("nin", "nouts") if name not in settings]
    if missing:
        raise ArgumentError(f"the configuration {shown(dict(configuration))} lacks {missing[0]!r}")
    if "hidden" in settings:
        hidden = settings.pop("hidden")
        nouts = settings["nouts"]
        settings["nouts"] = [*([hidden] if is_whole(hidden) else hidden), nouts[-1]]
    return _KINDS[kind](seed=seed, **settings)


def builder(build: Build) -> Callable[..., Any]:
    """What makes a model when it is called with `seed=…` and sizes."""
    if isinstance(build, Mapping):
        return _Configured(dict(build))
    if not callable(build) or (hasattr(build, "parameters") and not isinstance(build, type)):
        raise ArgumentError("build is a function that makes a model, build(seed=0), or a configuration such "
                            f'as {{"kind": "mlp", "nin": 2, "nouts": [8, 1]}}; got {shown(build)}')
    if not takes(build, "seed"):
        raise ArgumentError(f"build must take a seed, as in `def build(seed): return nn.MLP(2, [8, 1], "
                            f"seed=seed)`; got {shown(build)}")
    return build


def takes(build: Callable[..., Any], name: str) -> bool:
    """Whether a model can be built with the keyword `name`."""
    if isinstance(build, _Configured):
        return name in keywords(build) | {"seed"}
    try:
        parameters = inspect.signature(build).parameters.values()
    except ValueError:  # made in C; it will complain itself
        return True
    return name in keywords(build) or any(each.kind is each.VAR_KEYWORD for each in parameters)


def keywords(build: Callable[..., Any]) -> set[str]:
    """The names of all keywords that a model can be built with, as far as they can be known."""
    if isinstance(build, _Configured):
        return _entries(build.configuration.get("kind", "mlp"))
    try:
        parameters = inspect.signature(build).parameters.values()
    except ValueError:
        return set()
    return {each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}


def check_builds(build: Callable[..., Any], sizes: Mapping[str, Any]) -> None:
    """Make two models, so that what is wrong is found here and not in a worker.

    Raises `ArgumentError` if `build` gives no model, or gives the same one again: folds would then go on
    training what others have trained.
    """
    first, second = (build(seed=seed, **sizes) for seed in (0, 1))
    for model in (first, second):
        if not callable(model) or not hasattr(model, "parameters"):
            raise ArgumentError(f"build must return a model with parameters(), got {shown(model)}")
    if {id(parameter) for parameter in first.parameters()} & {id(each) for each in second.parameters()}:
        raise ArgumentError("build gave a model twice, or two that share parameters: it must make a new one "
                            "at every call, as in `def build(seed): return nn.MLP(2, [8, 1], seed=seed)`")


class _Configured:
    """`build_model` with its configuration, as a function that can be sent to a worker."""

    def __init__(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration

    def __call__(self, *, seed: int, **sizes: Any) -> Any:
        return build_model(self.configuration, seed=seed, **sizes)


def _entries(kind: Any) -> set[str]:
    """What a configuration of this kind may hold."""
    own = set(inspect.signature(_KINDS[kind]).parameters) if kind in _KINDS else set()
    return (own - {"seed"}) | {"hidden"}
