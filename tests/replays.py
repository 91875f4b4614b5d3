"""What the tests of compiling share: a function traced, its tape replayed by the rows' own numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autograd_lite import Value
from autograd_lite.compiling.arguments import flatten_call
from autograd_lite.compiling.recorded import Trace
from autograd_lite.compiling.tape import CHAIN, ROWS, TAKE, passes
from autograd_lite.compiling.tracer import trace
from autograd_lite.rules import chain

__all__ = ["eager", "replayed", "same", "traced"]


def traced(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Trace:
    return trace(f, flatten_call(args, kwargs))


def replayed(recorded: Trace, *numbers: float) -> tuple[int, Any]:
    """The first guard that missed, or -1, and the result for these inputs."""
    tape = recorded.tape
    nodes = [*numbers, *(parameter.data for parameter in tape.parameters), *tape.constants]
    assert len(nodes) == tape.first_operation
    for operation, code in enumerate(tape.codes):
        operands = [nodes[operand] for operand in tape.operands_of(operation)]
        if code == TAKE:
            place = operands[0]
            inside = place == place and 0 <= place < len(operands) - 1
            nodes.append(operands[1 + int(place)] if inside else math.nan)
            continue
        if code == CHAIN:
            nodes.append(chain(*operands))
            continue
        row = ROWS[code]
        count = len(operands) if row.arity is None else row.arity
        nodes.append(float(row.number(*operands[:count], immediates=tuple(operands[count:]))))
    missed = [k for k, guard in enumerate(tape.guards) if not passes(nodes[guard.node], guard.expected)]
    return (missed or [-1])[0], recorded.rebuild([nodes[node] for node in tape.outputs])


def same(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return passes(float(one), float(other))


def eager(f: Callable[..., Any], *args: Any) -> Any:
    def plain(result: Any) -> Any:
        if isinstance(result, (list, tuple)):
            return type(result)(map(plain, result))
        return result.data if isinstance(result, Value) else result

    return plain(f(*map(Value, args)))
