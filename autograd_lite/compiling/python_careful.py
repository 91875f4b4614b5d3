"""A careful replay in plain Python: one operation at a time, with IEEE 754's value where Python raises."""

from __future__ import annotations

from collections.abc import Sequence

from ..rules import chain
from .tape import CHAIN, ROWS, TAKE, Tape, passes

__all__ = ["missed_guard", "replayed"]


def replayed(tape: Tape, leaves: Sequence[float]) -> list[float]:
    """The numbers of all nodes, one operation at a time with the numbers that eager code gets: slow and safe.

    >>> from autograd_lite import ops
    >>> from autograd_lite.compiling.building import TapeBuilder
    >>> builder = TapeBuilder()
    >>> x = builder.input()
    >>> tape = builder.finish([builder.apply(ops.div, (builder.constant(1.0), x))])
    >>> replayed(tape, [0.0])
    [0.0, 1.0, inf]
    """
    numbers = [*map(float, leaves), *tape.constants]
    start = 0
    for code, end in zip(tape.codes, tape.starts[1:], strict=True):
        given = [numbers[operand] for operand in tape.operands[start:end]]
        start = end
        if code == TAKE:
            numbers.append(taken(given))
        elif code == CHAIN:
            numbers.append(chain(*given))
        else:
            row = ROWS[code]
            count = len(given) if row.arity is None else row.arity
            numbers.append(float(row.number(*given[:count], immediates=tuple(given[count:]))))
    return numbers


def taken(given: Sequence[float]) -> float:
    """The entry of a table (after the first number) that the first number says; 0 where there is none.

    A guard says whether there is one, and it is asked later.
    """
    index = given[0]
    return given[1 + int(index)] if 0.0 <= index < len(given) - 1 else 0.0


def missed_guard(tape: Tape, numbers: Sequence[float]) -> int:
    """The first guard that does not hold, by its place; -1 if all hold."""
    for place, guard in enumerate(tape.guards):
        if not passes(numbers[guard.node], guard.expected):
            return place
    return -1
