"""In which order the steps of a program run, and where in the buffer their results stand.

Steps that are alike and do not wait for each other make a group: the same level, the same op, as many terms.
Within a group they keep the order of the tape, which in a program of loops is that of rows and columns, and
their results stand side by side. So what a later group reads is mostly side by side, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from .fusing import Items, fused
from .planning import BROADCAST, DOT
from .tape import TAKE, Tape

__all__ = ["Schedule", "ranges", "scheduled"]

Array = Any  # of NumPy


@dataclass(eq=False)
class Schedule:
    """Steps in the order in which they run, with slots for what they read and compute."""

    tape: Tape
    steps: Items
    """Sorted by groups. What they read are still nodes."""
    group: Array
    """For each step the number of its group, in ascending order."""
    shared: Array
    """For each step the bits of operands that stand in `u`."""
    slot: Array
    """For each node its slot; -1 if it has none here."""
    target: Array
    """For each step the slot of its result."""
    size: int
    first: int
    """The slot of the first result."""
    places: Array | None
    """For each leaf its slot, if that is not its number."""
    constants: Array
    outputs: Array
    wanted: Array
    guards: Array
    """(guards, 2): slots, and places in `tape.guards`."""
    fixed: Array
    """(steps, 3) slots of the operands of rows of fixed arity."""
    init: Array
    """Slots."""
    terms: Array
    """Where the terms of all steps stand in `steps.left` and `steps.right`, one step after the other."""
    left: Array
    """Slots, in the order of `terms`."""
    right: Array
    uniform: Schedule | None = None


def ranges(begin: Array, count: Array) -> Array:
    """The numbers from begin[0] on, count[0] of them, then from begin[1] on, and so forth.

    >>> ranges(numpy.array([5, 0]), numpy.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = numpy.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return numpy.arange(total) + numpy.repeat(begin - (ends - count), count)


def scheduled(
    tape: Tape, wanted: Sequence[int], *, fuse: bool = True, batched: Sequence[bool] | None = None
) -> Schedule:
    """The schedule of a tape; with `batched` that of its lanes, whose `uniform` is that of shared numbers."""
    items, varies = fused(tape, wanted, fuse=fuse, batched=batched)
    guards = numpy.array([guard.node for guard in tape.guards], dtype=numpy.int64)
    outputs = numpy.array(tape.outputs, dtype=numpy.int64)
    asked = numpy.array(wanted, dtype=numpy.int64)
    if batched is None:
        zeros = numpy.zeros(len(items.node), dtype=numpy.int64)
        return _Layout(tape, items, zeros).schedule(outputs, asked, guards)
    lanes, shared, read, outputs_here = _lanes(items, varies, outputs, len(tape))
    uniform = items.taken(~varies[items.node])
    zeros = numpy.zeros(len(uniform.node), dtype=numpy.int64)
    below = _Layout(tape, uniform, zeros).schedule(read, asked[~varies[asked]], guards, ~varies[guards])
    above = _Layout(tape, lanes, shared, numpy.asarray(batched, dtype=bool), below.slot)
    return replace(above.schedule(outputs_here, asked[varies[asked]], guards, varies[guards]), uniform=below)


def _lanes(items: Items, varies: Array, outputs: Array, nodes: int) -> tuple[Items, Array, Array, Array]:
    """The steps in lanes; which of their operands are shared; the nodes they read from `u`; their outputs."""
    steps = items.taken(varies[items.node])
    terms = ranges(steps.begin, steps.count)
    owner = numpy.repeat(numpy.arange(len(steps.node)), steps.count)
    kind = steps.kind[owner]
    left, right = items.left[terms], items.right[terms]
    known = numpy.append(varies, True)  # node -1
    shares = numpy.ones(len(steps.node), dtype=bool)
    numpy.logical_and.at(shares, owner, ~known[left] | ((kind == TAKE) & (terms == steps.begin[owner])))
    shares &= (steps.kind == DOT) | (steps.kind == TAKE)
    begun = (steps.kind == DOT) & ~known[steps.init]
    shared = shares + 8 * begun
    # every other operand that lanes share needs a slot in the lanes
    index = (kind == TAKE) & (terms == steps.begin[owner])
    copy_left = ~known[left] & (~shares[owner] | index)
    copy_right = ~known[right]
    copy_fixed = ~known[steps.fixed]
    copy_init = ~known[steps.init] & ~begun
    copy_outputs = ~varies[outputs]
    asked = [
        outputs[copy_outputs], steps.fixed[copy_fixed], left[copy_left], right[copy_right],
        steps.init[copy_init],
    ]  # fmt: skip
    bits = steps.active[:, None] >> numpy.arange(3) & 1
    flow = items.flow[terms]
    flowing = [
        numpy.ones(int(copy_outputs.sum()), dtype=bool), bits[copy_fixed] > 0, flow[:, 0][copy_left],
        flow[:, 1][copy_right], steps.active[copy_init] & 8 > 0,
    ]  # fmt: skip
    whole = numpy.concatenate(asked)
    copied, where, number = numpy.unique(whole, return_index=True, return_inverse=True)
    flows = numpy.bincount(number, weights=numpy.concatenate(flowing), minlength=len(copied)) > 0
    named = numpy.arange(len(varies) + 1)  # node -1 stays
    named[-1] = -1
    named[copied] = len(varies) + numpy.arange(len(copied))
    renamed_left, renamed_right = items.left.copy(), items.right.copy()
    renamed_left[terms[copy_left]] = named[left[copy_left]]
    renamed_right[terms[copy_right]] = named[right[copy_right]]
    fixed = numpy.where(copy_fixed, named[steps.fixed], steps.fixed)
    init = numpy.where(copy_init, named[steps.init], steps.init)
    size = len(copied)
    sort = numpy.argsort(where, kind="stable")
    nothing, none = numpy.zeros(size, dtype=numpy.int64), numpy.full((size, 3), -1)
    none[:, 0] = copied[sort]
    columns = {
        "node": (named[copied[sort]], steps.node), "kind": (nothing + BROADCAST, steps.kind),
        "order": (nothing - 1, steps.order), "level": (nothing, steps.level), "fixed": (none, fixed),
        "init": (nothing - 1, init), "active": (flows[sort].astype(numpy.int64), steps.active),
        "begin": (nothing, steps.begin), "count": (nothing, steps.count),
    }  # fmt: skip
    lanes = Items(
        **{name: numpy.concatenate(pair) for name, pair in columns.items()},
        left=renamed_left, right=renamed_right, flow=items.flow, extra=items.extra, numbers=items.numbers,
    )  # fmt: skip
    shared = numpy.concatenate([nothing + 1, shared])
    read = numpy.unique(numpy.concatenate([copied, left[~known[left]], steps.init[begun]]))
    return lanes, shared, read, numpy.where(copy_outputs, named[outputs], outputs)


class _Layout:
    """Sorts steps into groups and gives every number a slot."""

    def __init__(
        self, tape: Tape, items: Items, shared: Array, batched: Array | None = None, u: Array | None = None
    ) -> None:
        self.tape, self.u = tape, u
        begins = items.init >= 0
        keys = (items.count, items.level, items.kind, items.active * 32 + shared * 2 + begins)
        sort = numpy.lexsort((keys[0], keys[3], keys[2], keys[1]))
        self.steps = steps = items.taken(sort)
        self.shared = shared[sort]
        changes = numpy.zeros(len(sort), dtype=bool)
        for key in keys:
            changes[1:] |= numpy.diff(key[sort]) != 0
        self.group = numpy.cumsum(changes)
        self.terms = ranges(steps.begin, steps.count)
        self.nodes = max(len(tape) + items.extra + len(items.numbers), int(steps.node.max(initial=0)) + 1)
        self.leaves = numpy.arange(tape.leaves) if batched is None else numpy.flatnonzero(batched)
        self.constants = numpy.zeros(0)
        self.constant_nodes = numpy.zeros(0, dtype=numpy.int64)
        if batched is None:
            at = len(tape) + items.extra
            numbers = numpy.arange(at, at + len(items.numbers))
            self.constants = numpy.concatenate([numpy.array(tape.constants, dtype=float), items.numbers])
            self.constant_nodes = numpy.concatenate(
                [numpy.arange(tape.leaves, tape.first_operation), numbers]
            )

    def schedule(
        self, outputs: Array, wanted: Array, guards: Array, watched: Array | None = None
    ) -> Schedule:
        """Everything in its place."""
        steps = self.steps
        slot = numpy.full(self.nodes + 1, -1)  # the last is that of node -1
        slot[self.leaves] = numpy.arange(len(self.leaves))
        slot[self.constant_nodes] = len(self.leaves) + numpy.arange(len(self.constant_nodes))
        first = len(self.leaves) + len(self.constants)
        target = first + numpy.arange(len(steps.node))
        slot[steps.node] = target
        u = self.u if self.u is not None else slot
        fixed, init = slot[steps.fixed], slot[steps.init]
        left, right = slot[steps.left[self.terms]], slot[steps.right[self.terms]]
        if self.u is not None:
            copies, begun = steps.kind == BROADCAST, self.shared & 8 > 0
            fixed[copies, 0] = u[steps.fixed[copies, 0]]
            init[begun] = u[steps.init[begun]]
            owner = numpy.repeat(numpy.arange(len(steps.node)), steps.count)
            from_u = (self.shared[owner] & 1 > 0) & (
                (steps.kind[owner] != TAKE) | (self.terms != steps.begin[owner])
            )
            left[from_u] = u[steps.left[self.terms][from_u]]
        numbers = numpy.arange(len(guards)) if watched is None else numpy.flatnonzero(watched)
        return Schedule(
            tape=self.tape, steps=steps, group=self.group, shared=self.shared, slot=slot, target=target,
            size=first + len(target), first=first, places=None, constants=self.constants,
            outputs=slot[outputs], wanted=slot[wanted], guards=numpy.stack([slot[guards[numbers]], numbers], axis=1), fixed=fixed,
            init=init, terms=self.terms, left=left, right=right,
        )  # fmt: skip
