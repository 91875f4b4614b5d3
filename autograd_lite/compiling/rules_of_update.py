"""An optimizer's rule for one parameter as a tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arguments import flatten_call
from .tape import Tape
from .tracer import trace

__all__ = ["rule_tape"]


def rule_tape(rule: Callable[..., tuple[Any, ...]], width: int) -> Tape:
    """The tape of `rule(p, g, *state, lr=, t=)`, whose state has `width` numbers.

    Its inputs are p, g, the state, lr and t; its outputs are what the rule returns.
    """

    def called(p: Any, g: Any, state: list[Any], lr: Any, t: Any) -> list[Any]:
        return list(rule(p, g, *state, lr=lr, t=t))

    return trace(called, flatten_call((1.0, 1.0, [1.0] * width, 1.0, 2.0), {}, ())).tape
