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

from .instructions import BROADCAST, DOT, SUM
from .items import Items, ranges
from .tape import TAKE, Tape

__all__ = ["Schedule", "scheduled"]

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


def scheduled(
    tape: Tape,
    wanted: Sequence[int],
    items: Items,
    varies: Array,
    batched: Sequence[bool] | None = None,
    *,
    reorder: bool = False,
) -> Schedule:
    """The schedule of steps that were `fused`; in lanes, `uniform` is that of what all samples share.

    With `reorder` the leaves stand in the order in which they are read.
    """
    guards = numpy.array([guard.node for guard in tape.guards], dtype=numpy.int64)
    outputs = numpy.array(tape.outputs, dtype=numpy.int64)
    asked = numpy.array(wanted, dtype=numpy.int64)
    if batched is None:
        layout = _Layout(tape, items, numpy.zeros(len(items.node), dtype=numpy.int64))
        order = layout.order_of_use(layout.leaves) if reorder else None
        return layout.schedule(outputs, asked, guards, order=order)
    lanes, shared, read, outputs_here = _lanes(items, varies, outputs)
    uniform = items.taken(~varies[items.node])
    below = _Layout(tape, uniform, numpy.zeros(len(uniform.node), dtype=numpy.int64))
    above = _Layout(tape, lanes, shared, numpy.asarray(batched, dtype=bool))
    order = above.order_of_use(below.leaves) if reorder else None
    lower = below.schedule(read, asked[~varies[asked]], guards, ~varies[guards], order)
    above.u = lower.slot
    order = above.order_of_use(above.leaves) if reorder else None
    upper = above.schedule(outputs_here, asked[varies[asked]], guards, varies[guards], order)
    return replace(upper, uniform=lower)


def _lanes(items: Items, varies: Array, outputs: Array) -> tuple[Items, Array, Array, Array]:
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

    def __init__(self, tape: Tape, items: Items, shared: Array, batched: Array | None = None) -> None:
        self.tape = tape
        self.u: Array | None = None
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
        self.owner = numpy.repeat(numpy.arange(len(steps.node)), steps.count)
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
        self, outputs: Array, wanted: Array, guards: Array, watched: Array | None = None,
        order: Array | None = None,
    ) -> Schedule:  # fmt: skip
        """Everything in its place; the leaves stand in the order given, if one is."""
        steps = self.steps
        leaves = numpy.arange(len(self.leaves))
        places = None
        if order is not None:
            places = numpy.empty(len(leaves), dtype=numpy.int64)
            places[numpy.searchsorted(self.leaves, order)] = leaves
        slot = numpy.full(self.nodes + 1, -1)  # the last is that of node -1
        slot[self.leaves] = leaves if places is None else places
        slot[self.constant_nodes] = len(leaves) + numpy.arange(len(self.constant_nodes))
        first = len(leaves) + len(self.constants)
        slot[steps.node] = first + numpy.arange(len(steps.node))
        u = self.u if self.u is not None else slot
        fixed, init = slot[steps.fixed], slot[steps.init]
        left, right = slot[steps.left[self.terms]], slot[steps.right[self.terms]]
        constants = self.constants
        if self.u is not None:
            copies, begun = steps.kind == BROADCAST, self.shared & 8 > 0
            fixed[copies, 0] = u[steps.fixed[copies, 0]]
            init[begun] = u[steps.init[begun]]
            index = (steps.kind[self.owner] == TAKE) & (self.terms == steps.begin[self.owner])
            from_u = (self.shared[self.owner] & 1 > 0) & ~index
            left[from_u] = u[steps.left[self.terms][from_u]]
        else:
            columns = [*(fixed[:, place] for place in range(3)), init, left, right]
            repeated = self._side_by_side(columns, len(leaves), first)
            constants = numpy.concatenate([constants, constants[repeated - len(leaves)]])
            for column in (slot, *columns):
                column[column >= first] += len(repeated)
                moved = column < -1
                column[moved] = first - 2 - column[moved]
            first += len(repeated)
        numbers = numpy.arange(len(guards)) if watched is None else numpy.flatnonzero(watched)
        return Schedule(
            tape=self.tape, steps=steps, group=self.group, shared=self.shared, slot=slot,
            target=first + numpy.arange(len(steps.node)), size=first + len(steps.node), first=first,
            places=places, constants=constants, outputs=slot[outputs], wanted=slot[wanted],
            guards=numpy.stack([slot[guards[numbers]], numbers], axis=1), fixed=fixed, init=init,
            terms=self.terms, left=left, right=right,
        )  # fmt: skip

    def _side_by_side(self, columns: Sequence[Array], begin: int, end: int) -> Array:
        """The slots of constants that are repeated, because a group reads them in no regular order.

        What reads them gets -2, -3, … instead, the number of the repetition. The last two columns hold the
        terms of sums; equal lists of terms are repeated once.
        """
        found: list[Array] = []
        count = 0
        single = self.steps.count[self.owner] == 1
        lists = numpy.where(single, self.group[self.owner], len(self.group) + self.owner)
        for place, column in enumerate(columns):
            of_terms = place >= len(columns) - 2
            group = lists if of_terms else self.group
            same = numpy.diff(group) == 0
            steps = numpy.diff(column)
            rough = same[:-1] & same[1:] & (steps[:-1] != steps[1:])
            uneven = numpy.zeros(2 * len(self.group) + 1, dtype=bool)
            uneven[group[1:-1][rough]] = True
            uneven[group[(column < begin) | (column >= end)]] = False
            chosen = numpy.flatnonzero(uneven[group])
            if of_terms:
                chosen = chosen[numpy.isin(self.steps.kind[self.owner[chosen]], (DOT, SUM))]
            if not len(chosen):
                continue
            numbers, kept = numpy.arange(len(chosen)), chosen
            if of_terms:
                kept, numbers = _shared_lists(column, chosen, numpy.diff(group[chosen], append=-1) != 0)
            found.append(column[kept])
            column[chosen] = -2 - count - numbers
            count += len(kept)
        return numpy.concatenate([numpy.zeros(0, dtype=numpy.int64), *found])

    def order_of_use(self, leaves: Array) -> Array:
        """The leaves as the groups read them: all first factors of a group, then all second ones, …"""
        steps = self.steps
        columns = [steps.left[self.terms], steps.right[self.terms], steps.init, *steps.fixed.T]
        groups = [self.group[self.owner]] * 2 + [self.group] * 4
        key = numpy.concatenate([group * 6 + place for place, group in enumerate(groups)])
        nodes = numpy.concatenate(columns)
        read = numpy.isin(nodes, leaves)
        nodes = numpy.concatenate([nodes[read][numpy.argsort(key[read], kind="stable")], leaves])
        _, place = numpy.unique(nodes, return_index=True)
        return nodes[numpy.sort(place)]


def _shared_lists(column: Array, chosen: Array, ends: Array) -> tuple[Array, Array]:
    """Of lists of slots the entries that are kept when equal lists are one, and for all which they are."""
    lists: dict[bytes, int] = {}
    kept: list[Array] = []
    numbers: list[Array] = []
    begin = size = 0
    for end in (numpy.flatnonzero(ends) + 1).tolist():
        entries = chosen[begin:end]
        begin = end
        key = column[entries].tobytes()
        if key not in lists:
            lists[key] = size
            kept.append(entries)
            size += len(entries)
        numbers.append(lists[key] + numpy.arange(len(entries)))
    return numpy.concatenate(kept), numpy.concatenate(numbers)
