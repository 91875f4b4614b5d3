"""Backpropagation one node at a time: `step(loss)` is the list of what happens, as plain data.

A `Step` is frozen: what came in, every local derivative as formula and as number, what was added to
which parent, and what that parent still waits for. Going back is exact, because a state is read off the
steps and never computed by undoing arithmetic. Nothing here writes `.grad`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, overload

from . import account, console
from .derivation import derivation
from .engine import Value
from .errors import ArgumentError
from .files import atomic_write
from .passes import Passes, Push
from .player import FULL, notebook_html, page_html
from .player.origins import Origins, computed
from .steps import Contribution, State, Step, StepNode
from .wording import partial_words, texts_and_labels, value_words

__all__ = ["Backprop", "Contribution", "State", "Step", "StepNode", "step"]

SHOWN_WAITING = 8
"""How many of the nodes that a parent still waits for a `Contribution` names; `waiting` counts them all."""


class Backprop(Sequence[Step]):
    """The forward and the backward pass of one graph, as `Step`s with a cursor between them.

    The numbers are taken when `step()` is called and the `Step`s are built as they are asked for, so a
    graph of 100,000 nodes opens at any place at once. `position` counts the steps done, 0 to `len(self)`.

    >>> from autograd_lite.engine import Value
    >>> s = Backprop(Value(3.0, label="a") * Value(4.0, label="b"))
    >>> print(s.next())
    n2 = a * b = 3 * 4 = 12
    >>> s.run().state.gradients, s.back().node.text, s.state.gradients
    ((4.0, 3.0, 1.0), 'n2', (None, None, 1.0))
    """

    def __init__(
        self, root: Value, names: Mapping[str, Any] | None = None, *, source: bool | None = None
    ) -> None:
        self.value = root
        self.passes = Passes(root)
        self._texts, self._labels = texts_and_labels(self.passes.nodes, names or {})
        self.origins = Origins(self.passes, self._texts, code=source is not False)
        self._position = 0

    @cached_property
    def nodes(self) -> tuple[StepNode, ...]:
        """Every node in topological order, constants just before the first node that uses them."""
        return tuple(map(self._node, range(len(self._texts))))

    @property
    def root(self) -> StepNode:
        """The node that is differentiated."""
        return self._node(self.passes.root)

    @property
    def position(self) -> int:
        """How many steps are done."""
        return self._position

    @property
    def forward_count(self) -> int:
        """How many steps the forward pass has; the seed of the backward pass has this index."""
        return len(self.passes.inner)

    def __len__(self) -> int:
        return 2 * self.forward_count + 1

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, index: int | slice) -> Step | tuple[Step, ...]:
        if isinstance(index, slice):
            return tuple(self._build(place) for place in range(*index.indices(len(self))))
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"there is no step {index}: steps run from 0 to {len(self) - 1}")
        return self._build(place)

    def __iter__(self) -> Iterator[Step]:
        return (self._build(place) for place in range(len(self)))

    def next(self) -> Step | None:
        """Do the next step and return it; None at the end."""
        if self._position == len(self):
            return None
        self._position += 1
        return self._build(self._position - 1)

    def back(self) -> Step | None:
        """Undo the last step and return it; None at the start."""
        if self._position == 0:
            return None
        self._position -= 1
        return self._build(self._position)

    def goto(self, position: int) -> Backprop:
        """Stand where `position` steps are done; negative numbers count from the end."""
        place = position + len(self) + 1 if position < 0 else position
        if not 0 <= place <= len(self):
            raise ArgumentError(f"there is no position {position}: positions run from 0 to {len(self)}")
        self._position = place
        return self

    def run(self) -> Backprop:
        """Do all the steps that are left."""
        return self.goto(len(self))

    def reset(self) -> Backprop:
        """Undo everything."""
        return self.goto(0)

    @property
    def state(self) -> State:
        """What is known at the cursor; read off the steps, so that undo is exact."""
        values, gradients, pending = self.passes.state(self._position)
        phase: Literal["forward", "backward"] = (
            "forward" if self._position <= self.forward_count else "backward"
        )
        return State(self._position, phase, values, gradients, pending)

    @property
    def gradients(self) -> dict[str, float]:
        """The finished gradient of every node that one reaches, by the node's `text`."""
        found = zip(self._texts, self.passes.gradients, strict=True)
        return {text: gradient for text, gradient in found if gradient is not None}

    @property
    def values(self) -> dict[str, float]:
        """The value of every node, by the node's `text`."""
        return dict(zip(self._texts, self.passes.values, strict=True))

    def formula(self, node: StepNode) -> str:
        """How `node` was computed, with the names of its operands; empty for a leaf."""
        operands = self.passes.parents.get(node.index, ())
        return value_words(self.passes.nodes[node.index], [self._texts[i] for i in operands])[0]

    def text(self, limit: int | None = 200) -> str:
        """The steps as a table in plain text; beyond `limit` steps the middle is left out and counted."""
        return account.text_table(self, limit)

    def markdown(self, limit: int | None = 200) -> str:
        """The steps as Markdown tables."""
        return account.markdown_table(self, limit)

    def to_latex(self, node: Value | StepNode | int | str | None = None, *, paths: int = 8) -> str:
        r"""The derivation of one gradient by the chain rule, as a LaTeX `align*`.

        The gradient of the root by `node` (a Value, a node of these steps, an index or a name) is written
        as the sum over all paths between them of the products of local derivatives: as derivatives, as
        formulas, as numbers, and added up. Of more than `paths` paths those of largest absolute contribution
        are shown and the others are one number. Without `node` every leaf is derived; raises `ArgumentError`
        if these are too many, if there is no such node or no gradient at it, and where the path goes through
        an op or a hook whose derivative nobody can tell.

        In a notebook, `IPython.display.Latex(s.to_latex("a"))` shows it.

        >>> from autograd_lite.engine import Value
        >>> a = Value(3.0, label="a")
        >>> print(step(a.exp()).to_latex("a"))
        \begin{align*}
        \frac{\partial n_{1}}{\partial a} &= \exp\left(a\right) \\
          &= 20.0855 \\
        \text{where } n_{1} &= \exp\left(a\right) = 20.0855
        \end{align*}
        """
        return derivation(self, node, paths=paths)

    def to_json(self) -> str:
        """Nodes and steps as JSON; special numbers are the strings "NaN", "Infinity", "-Infinity", "-0"."""
        return account.json_text(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write all the steps to `path`: an account to read (.txt), tables (.md), data (.json), or the player
        as a page (.html).

        The file appears whole or not at all. Raises `ArgumentError` for another ending, `FileError` where
        the folder cannot be written to.
        """
        writers: dict[str, Callable[[], str]] = {
            ".txt": lambda: "\n".join(account.account_lines(self)) + "\n",
            ".md": lambda: self.markdown(limit=None) + "\n",
            ".json": self.to_json,
            ".html": lambda: self.html,
        }
        suffix = Path(path).suffix.lower()
        if suffix not in writers:
            raise ArgumentError(
                f"cannot save steps as {suffix or 'a file without an ending'!r}: "
                f"choose one of {', '.join(writers)}"
            )
        return atomic_write(path, writers[suffix]())

    def __str__(self) -> str:
        return console.printable(self.text())

    def __repr__(self) -> str:
        return f"<Backprop of {self.root.text!r}: {len(self)} steps, {self._position} done>"

    @cached_property
    def html(self) -> str:
        """The player as one HTML page that works offline. Raises `ArgumentError` for too large a graph."""
        return page_html(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """For notebooks: the player; of a graph that is too large for it, the tables."""
        if len(self.nodes) > FULL:
            return {"text/plain": self.text(), "text/markdown": self.markdown()}
        return {"text/html": notebook_html(self), "text/plain": self.text()}

    def _node(self, index: int) -> StepNode:
        value = self.passes.nodes[index]
        op = "" if value.is_leaf or value.op is None else value.op.name
        return StepNode(
            index,
            self._texts[index],
            self._labels[index],
            op,
            value.op_text if op else "",
            value.scope,
            value.source,
            value.is_constant,
        )

    def _build(self, place: int) -> Step:
        passes, forward = self.passes, self.forward_count
        if place == forward:
            return Step(
                place,
                "backward",
                "seed",
                self.root,
                self.root,
                passes.values[passes.root],
                "",
                "",
                upstream=passes.seed,
            )
        number = passes.inner[place] if place < forward else passes.inner[2 * forward - place]
        value, node = passes.nodes[number], self._node(number)
        names = [self._texts[i] for i in passes.parents[number]]
        formula, substituted = value_words(value, names)
        operands = tuple(self._node(i) for i in passes.parents[number])
        if place < forward:
            return Step(
                place,
                "forward",
                "compute",
                self.root,
                node,
                passes.values[number],
                formula,
                substituted,
                operands,
                note=passes.note(number),
            )
        words = partial_words(value, names)
        contributions = tuple(
            self._contribution(push, number, words[push.position]) for push in passes.pushes[number]
        )
        return Step(
            place,
            "backward",
            "propagate",
            self.root,
            node,
            passes.values[number],
            formula,
            substituted,
            operands,
            passes.gradients[number],
            contributions,
            passes.note(number),
        )

    def _contribution(self, push: Push, sender: int, words: tuple[str, str]) -> Contribution:
        waiting, waiting_for = self.passes.waiting(push, SHOWN_WAITING)
        formula, substituted = words if push.local is not None else ("", "")
        return Contribution(
            self._node(push.parent),
            push.position,
            self.passes.operand_values(sender)[push.position],
            push.amount is not None,
            formula,
            substituted,
            push.local,
            push.amount,
            push.before,
            push.after,
            waiting,
            tuple(map(self._node, waiting_for)),
            push.note,
        )


def step(
    value: Value | Callable[[], Value],
    *,
    names: Mapping[str, Any] | None = None,
    source: bool | None = None,
) -> Backprop:
    """The forward and backward pass that lead to `value`, one node at a time.

    `value` may be a function of no arguments: it is called and what it returns is stepped through.
    `names` gives labels to nodes that have none, as in `step(loss, names=locals())`. The contributions add
    up to what `value.backward()` would give from zero, bit for bit; no `.grad` is written. A hand-made op
    (one with a `_backward` of the user's own) is run on saved and restored gradients to see what it adds.

    The player shows the code that made each node, and knows the branches it took, if it was computed within
    `trace_source()`. `source=True` calls a function within it, and is an `ArgumentError` for a Value that
    does not know its lines; `source=False` leaves all code out of the page. The text is read now: a file
    that was changed since it was run shows its new text.

    >>> from autograd_lite.engine import Value
    >>> from autograd_lite.stepping import step
    >>> a = Value(3.0, label="a")
    >>> s = step(a * a)
    >>> s.gradients["a"], [contribution.amount for contribution in s[-1].contributions]
    (6.0, [3.0, 3.0])
    >>> step(lambda: a.tanh() + a, source=True).root.source.rpartition(":")[2]
    '1'
    """
    steps = Backprop(value if isinstance(value, Value) else computed(value, source), names, source=source)
    if source and not steps.origins.places:
        raise ArgumentError(
            "no node of this graph knows the line that made it: compute it within `with trace_source():`, or "
            "give step() the computation itself, as in step(lambda: loss_of(x), source=True)"
        )
    return steps
