"""Results of a replay as Values, where an argument was a Value: `backward()` on them goes on to it.

To the graph around, a replay is one node made by hand (`handmade.py`), whose parents are the Values among the
arguments and the parameters that the trace reads. Its gradients are those of the kernel.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from ..engine import Value, chain
from ..modes import current_mode
from .arguments import Arguments
from .calls import to_list
from .kernel import Result
from .replaying import Numbers, Replay
from .wanting import given_values

__all__ = ["connected"]


def connected(
    arguments: Arguments, function: Callable[..., Any], replay: Replay, leaves: Numbers, result: Result
) -> Any:
    """What the function returns, with Values in the place of the numbers."""
    kept = to_list(leaves)
    by_node = given_values(arguments) | dict(enumerate(replay.parameters, replay.tape.inputs))
    if not current_mode().grad:
        by_node = {}
    name = getattr(function, "__name__", "compiled")
    values = []
    for output, number in enumerate(to_list(result.outputs)):
        node = Value(float(number), tuple(dict.fromkeys(by_node.values())), name)
        if by_node:
            node._backward = _pushing(weakref.ref(node), replay, kept, output, by_node)
        values.append(node)
    return replay.trace.rebuild(values)


def _pushing(
    node: weakref.ref[Value], replay: Replay, leaves: Numbers, output: int, by_node: dict[int, Value]
) -> Callable[[], None]:
    """What adds this output's gradients to those of its parents; computed when first needed."""
    found: list[float] = []

    def push() -> None:
        made = node()
        if made is None:
            return
        if not found:
            seeds = [float(k == output) for k in range(len(replay.tape.outputs))]
            found.extend(to_list(replay.kernel(tuple(by_node)).gradients(leaves, seeds).gradients))
        for slope, parent in zip(found, by_node.values(), strict=True):
            if not parent.is_frozen:
                parent.grad += chain(made.grad, slope)

    return push
