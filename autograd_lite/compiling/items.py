"""The steps of a program, as arrays with an entry for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

__all__ = ["Items", "ranges"]

Array = Any  # of NumPy


@dataclass(eq=False)
class Items:
    """Steps of a program; each field is an array with an entry for each step, unless it says otherwise."""

    node: Array
    """What a step computes: a node of the tape, or an extra node; these are numbered on from there."""
    kind: Array
    """An op as in the instructions of a `Plan`: a code of the tape, DOT or SUM."""
    order: Array
    """The operation on the tape that it belongs to."""
    level: Array
    """More than the level of whatever it reads."""
    fixed: Array
    """(steps, 3): operands of a row of fixed arity; -1 where there is none."""
    init: Array
    """A node that a sum starts with, or -1."""
    active: Array
    """Bits as in instructions."""
    begin: Array
    """Where the step's terms (of a list: its operands) begin in `left` and `right`."""
    count: Array
    """How many terms there are; 0 for a row of fixed arity."""
    left: Array
    """(terms,) nodes: a number of a sum or a factor of a product, or an operand of a list."""
    right: Array
    """(terms,) nodes: the other factor, or -1."""
    flow: Array
    """(terms, 2): whether a gradient flows to left and right."""
    extra: int = 0
    """How many nodes there are that are not on the tape and computed."""
    numbers: Array = None
    """Constants that are not on the tape; their nodes come after the computed extra ones."""

    def taken(self, which: Array) -> Items:
        """Some of the steps, in this order; the terms stay as they are."""
        fields = ("node", "kind", "order", "level", "fixed", "init", "active", "begin", "count")
        return Items(
            **{name: getattr(self, name)[which] for name in fields},
            left=self.left, right=self.right, flow=self.flow, extra=self.extra, numbers=self.numbers,
        )  # fmt: skip


def ranges(begin: Array, count: Array) -> Array:
    """The numbers from begin[0] on, count[0] of them, then from begin[1] on, and so forth.

    >>> ranges(numpy.array([5, 0]), numpy.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = numpy.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return numpy.arange(total) + numpy.repeat(begin - (ends - count), count)
