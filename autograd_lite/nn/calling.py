"""What happens around the call of a module: whether scopes open, who is told, what a wrong call says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from ..modes import current_mode

if TYPE_CHECKING:
    from .modules import Module

__all__ = ["Watcher", "scoped", "watchers", "watching", "without_scopes", "wrong_call"]

Result = TypeVar("Result")

Watcher = Callable[["Module", tuple[Any, ...], Any], None]
"""Told of every call of a module: the module, its inputs, what it returned."""

scoped: ContextVar[bool] = ContextVar("autograd_lite_scoped_modules", default=True)
watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("autograd_lite_watchers", default=())


def without_scopes(function: Callable[..., Result], *arguments: Any) -> Result:
    """`function(*arguments)`, its modules opening no scopes: faster, for graphs that nobody looks at.

    Scopes stay on under `detect_anomaly()` and `trace_source()`, whose messages name them. The switch is in a
    copy of the context, so that Ctrl-C at any moment cannot leave it behind.
    """

    def run() -> Result:
        mode = current_mode()
        scoped.set(mode.anomaly or mode.source)
        return function(*arguments)

    return copy_context().run(run)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Within this context `watcher(module, inputs, output)` is told of every call of every module.

    `fit` calls its modules without telling; run the model yourself on the samples you are interested in.

    >>> from autograd_lite import nn
    >>> with watching(lambda module, inputs, output: print(module.scope_name, round(output.data, 3))):
    ...     out = nn.MLP(1, [1], init="zeros")(2.0)
    neuron 0 0.0
    layer 0 0.0
    model 0.0
    """
    token = watchers.set((*watchers.get(), watcher))
    try:
        yield
    finally:
        watchers.reset(token)


def wrong_call(module: Module, inputs: tuple[Any, ...], settings: Mapping[str, Any]) -> str:
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
