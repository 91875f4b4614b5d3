"""The numbers of one forward and one backward pass, kept beside the graph: what `stepping` reads.

This is `Value.backward()` once more, with everything written down instead of into `.grad`: the same order
(children before parents, operands from left to right) and the same sums, so the results are equal to the bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .engine import Value, chain, topological_order
from .modes import switches

__all__ = ["Passes", "Push"]


class Push(NamedTuple):
    """What a node passes along one edge: `before + amount = after` on the parent's gradient.

    `order` counts the contributions that this parent got earlier. Numbers are None where no gradient flows.
    """

    position: int
    parent: int
    local: float | None = None
    amount: float | None = None
    before: float | None = None
    after: float | None = None
    order: int = 0
    note: str = ""


class Passes:
    """Values and gradients of the graph that leads to `root`, taken now and changed by nothing later."""

    def __init__(self, root: Value) -> None:
        self.seed = 1.0
        self._numbers: dict[int, int] = {}
        self.nodes: list[Value] = []
        self.inner: list[int] = []
        self.parents: dict[int, tuple[int, ...]] = {}
        for value in topological_order(root):
            self._enter(value)
        self.root = self._numbers[id(root)]
        self.values = self._values_when_recorded()
        self.gradients: list[float | None] = [None] * len(self.nodes)
        self._senders: list[list[int]] = [[] for _ in self.nodes]
        self.pushes: dict[int, tuple[Push, ...]] = {}
        self._notes: dict[int, str] = {}
        self._run_backward()

    def operand_values(self, number: int) -> tuple[float, ...]:
        """The numbers that node `number` was computed from."""
        return self.nodes[number].operand_values

    def waiting(self, push: Push, most: int) -> tuple[int, list[int]]:
        """How many contributions the parent waits for after `push`, and which nodes owe the next ones."""
        if push.amount is None:
            return 0, []
        senders = self._senders[push.parent]
        return len(senders) - push.order - 1, senders[push.order + 1 : push.order + 1 + most]

    def note(self, number: int) -> str:
        """Something a reader should know about a node: a hand-made op, a gradient that a hook replaced."""
        kinds = ["hand-made op"] if _is_opaque(self.nodes[number]) else []
        return ", ".join([*kinds, *filter(None, [self._notes.get(number)])])

    def state(
        self, position: int
    ) -> tuple[tuple[float | None, ...], tuple[float | None, ...], tuple[int, ...]]:
        """Values, gradients and counts of awaited contributions after `position` steps."""
        forward = len(self.inner)
        values: list[float | None] = list(self.values)
        for number in self.inner[position:]:
            values[number] = None
        gradients: list[float | None] = [None] * len(self.nodes)
        pending = [len(senders) for senders in self._senders]
        if position > forward:  # a root that is a leaf is complete at once
            gradients[self.root] = self.seed if self.inner else self.gradients[self.root]
        for number in self.inner[::-1][: max(0, position - forward - 1)]:
            gradients[number] = self.gradients[number]
            for push in self.pushes[number]:
                if push.amount is not None:
                    pending[push.parent] -= 1
                    done = not pending[push.parent] and self.nodes[push.parent].is_leaf
                    gradients[push.parent] = self.gradients[push.parent] if done else push.after
        return tuple(values), tuple(gradients), tuple(pending)

    def _enter(self, value: Value) -> None:
        """Number a node as `Graph` does: constants just before the first node that uses them."""
        if not value.is_leaf:
            parents = tuple(self._number_of(parent) for parent in value.parents)
            self.parents[len(self.nodes)] = parents
            self.inner.append(len(self.nodes))
        self._number_of(value)

    def _number_of(self, value: Value) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self.nodes)
            self.nodes.append(value)
        return number

    def _values_when_recorded(self) -> list[float]:
        """Each node's value as its children saw it: a leaf may have been given new data since."""
        values = [value.data for value in self.nodes]
        for index in self.inner:
            for parent, seen in zip(self.parents[index], self.operand_values(index), strict=True):
                if self.nodes[parent].is_leaf:
                    values[parent] = seen
        return values

    def _run_backward(self) -> None:
        self.gradients[self.root] = self.seed
        for number in reversed(self.inner):
            if switches.hooks:
                self._call_hooks(number)
            push = self._push_by_hand if _is_opaque(self.nodes[number]) else self._push
            self.pushes[number] = tuple(push(number))
        for number, node in enumerate(self.nodes if switches.hooks else ()):
            if node.is_leaf:
                self._call_hooks(number)

    def _call_hooks(self, number: int) -> None:
        """A node's hooks may replace its finished gradient, here as in `backward()`."""
        for hook in tuple(self.nodes[number]._hooks):
            before = self.gradients[number]
            replaced = hook(before)
            if replaced is not None and before is not None:
                self.gradients[number] = float(replaced)
                self._notes[number] = f"a hook replaced the gradient {before:.6g}"

    def _push(self, number: int) -> list[Push]:
        """The chain rule for one node, parent by parent."""
        value, upstream = self.nodes[number], self.gradients[number]
        pushes = []
        rows = zip(self.parents[number], value.tracked, value.local_gradients(), strict=True)
        for position, (parent, tracked, local) in enumerate(rows):
            if not tracked or self.nodes[parent].is_frozen or upstream is None:
                pushes.append(Push(position, parent, note=_why_untracked(self.nodes[parent])))
                continue
            pushes.append(self._add(number, position, parent, local, chain(upstream, local)))
        return pushes

    def _add(
        self,
        sender: int,
        position: int,
        parent: int,
        local: float | None,
        amount: float,
        after: float | None = None,
        note: str = "",
    ) -> Push:
        before = self._so_far(parent)
        total = before + amount if after is None else after
        self.gradients[parent] = total
        order = len(self._senders[parent])
        self._senders[parent].append(sender)
        return Push(position, parent, local, amount, before, total, order, note)

    def _so_far(self, number: int) -> float:
        gradient = self.gradients[number]
        return 0.0 if gradient is None else gradient

    def _push_by_hand(self, number: int) -> list[Push]:
        """A hand-made op keeps its rule to itself: run it on borrowed gradients and see what it adds.

        It runs from zero for the amounts and, where a parent had a gradient already, once more from there,
        because the user's own additions decide how the sum is rounded.
        """
        value, upstream = self.nodes[number], self.gradients[number]
        distinct = {
            id(parent): (position, parent) for position, parent in reversed(list(enumerate(value.parents)))
        }
        places = sorted(distinct.values(), key=lambda place: place[0])
        parents = [parent for _, parent in places]
        befores = [self._so_far(self._numbers[id(parent)]) for parent in parents]
        amounts = _run_borrowed(value, upstream or 0.0, parents, [0.0] * len(parents))
        afters = _run_borrowed(value, upstream or 0.0, parents, befores) if any(befores) else amounts
        return [
            Push(position, self._numbers[id(parent)], note=_why_untracked(parent))
            if parent.is_frozen
            else self._add(number, position, self._numbers[id(parent)], None, amount, after, "hand-made op")
            for (position, parent), amount, after in zip(places, amounts, afters, strict=True)
        ]


def _run_borrowed(node: Value, upstream: float, parents: list[Value], start: list[float]) -> list[float]:
    """The parents' gradients after `node`'s own `_backward`, begun at `start`; each `.grad` is put back."""
    touched: list[Any] = [node, *parents]
    saved = [value.grad for value in touched]
    try:
        for parent, gradient in zip(parents, start, strict=True):
            parent.grad = gradient
        node.grad = upstream
        node._backward()
        return [float(parent.grad) for parent in parents]
    finally:
        for value, gradient in zip(touched, saved, strict=True):
            value.grad = gradient


def _is_opaque(value: Value) -> bool:
    """Whether the op is the user's own, outside the op table."""
    return not value.is_leaf and not hasattr(value.op, "partials")


def _why_untracked(parent: Value) -> str:
    if parent.is_constant:
        return "constant"
    return "frozen" if parent.is_frozen else "no gradient flows here"
