"""A function of one row of numbers, traced once for each way it goes, and run over many rows.

This is what training needs of a loss: the sum over rows of the first output, its gradient by the parameters
that are trained, and which of them the rows reached. Rows are lists, and NumPy is used only by executors that
need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Value
from ..errors import CompileError
from .arguments import flatten_call
from .branches import Branch
from .choosing import check_executor
from .tape import same_program
from .tracer import trace

__all__ = ["RowTraces", "Total"]

Undo = Callable[[], None]

_MOST_ROWS = 100_000
"""Of how many rows it is remembered which branch they went."""


class Total:
    """What comes together over the rows of a batch."""

    def __init__(self, rows: int, trained: int) -> None:
        self.outputs: list[Sequence[float]] = [()] * rows
        """For each row all that the function returned, flat."""
        self.gradient = [0.0] * trained
        """Of the sum of the first outputs, by each trained parameter."""
        self.reached = bytearray(trained)
        """For each trained parameter whether a row depends on it."""

    @property
    def loss(self) -> float:
        """The sum of the rows' first outputs."""
        total = 0.0
        for row in self.outputs:
            total += row[0]
        return total


class RowTraces:
    """The traces of `function(row, shared)`, which takes two lists of numbers and returns a list of Values.

    `shared` are numbers that are the same for all rows of a call, `trained` the leaves whose gradients are
    wanted. Tracing runs the function, which may change things (buffers, random generators): `remember()`
    gives a function that puts all that back. Numbers that the function draws are drawn anew for each row, row
    after row, from the same generators.

    Raises `CompileError` for a function that computes something else when it is run again, or that goes yet
    another way after `limit` traces.
    """

    def __init__(
        self,
        function: Callable[[list[Any], list[Any]], Sequence[Any]],
        trained: Sequence[Value],
        *,
        executor: str = "auto",
        remember: Callable[[], Undo] = lambda: lambda: None,
        limit: int = 16,
    ) -> None:
        self.function, self.trained, self.remember = function, list(trained), remember
        self.executor, self.limit = check_executor(executor), limit
        self.leaves = list(trained)
        """All Values that the traces read: those trained first."""
        self.branches: list[Branch] = []
        self._places = {id(value): place for place, value in enumerate(self.leaves)}
        self._ways: dict[tuple[float, ...], int] = {}  # which branch a row went last, where there are several

    def values(self, rows: Sequence[Sequence[float]], shared: Sequence[float]) -> list[Sequence[float]]:
        """All that the function returns for each row."""
        return self._over(rows, shared, False).outputs

    def gradients(self, rows: Sequence[Sequence[float]], shared: Sequence[float]) -> Total:
        """The same, with the gradient of the sum of the first outputs."""
        return self._over(rows, shared, True)

    def _over(self, rows: Sequence[Sequence[float]], shared: Sequence[float], wanted: bool) -> Total:
        if not self.branches:
            self._new(rows[0], shared)
        if any(branch.draws for branch in self.branches):
            return self._drawing(rows, shared, wanted)
        while True:
            total, numbers = Total(len(rows), len(self.trained)), self.numbers()
            missed: list[int] = []
            for way, some in self.ways(rows).items():
                missed += self.branches[way].over(some, rows, shared, numbers, total, wanted)
            if not missed:
                return total
            for index in missed:  # then all over again, so that sums do not depend on guesses
                self.find(rows[index], shared)

    def ways(self, rows: Sequence[Sequence[float]]) -> dict[int, Sequence[int]]:
        """The rows by the branch they went last time, in the order of the first of each."""
        if len(self.branches) == 1:
            return {0: range(len(rows))}
        ways: dict[int, list[int]] = {}
        for index, row in enumerate(rows):
            ways.setdefault(self._ways.get(tuple(row), 0), []).append(index)
        return dict(ways)

    def find(self, row: Sequence[float], shared: Sequence[float]) -> Branch:
        """The branch of a row, which is remembered; a new one if there is none yet."""
        branch = self.known(row, shared, self.numbers())
        if branch is None:
            branch = self._new(row, shared)
            if not self._passes(branch, row, shared, self.numbers()):
                raise CompileError(self._unstable())
        if len(self._ways) > _MOST_ROWS:
            self._ways.clear()
        self._ways[tuple(row)] = self.branches.index(branch)
        return branch

    def known(self, row: Sequence[float], shared: Sequence[float], numbers: Sequence[float]) -> Branch | None:
        """The branch of a row, for these numbers of the leaves; None if there is none yet."""
        return next((each for each in self.branches if self._passes(each, row, shared, numbers)), None)

    def _passes(
        self, branch: Branch, row: Sequence[float], shared: Sequence[float], numbers: Sequence[float]
    ) -> bool:
        """Whether a row goes that way, with the random numbers that would be drawn now."""
        if not branch.tape.guards:
            return True
        undo = self.remember()
        try:
            drawn = [draw() for draw in branch.draws]
            return branch.passes([*row, *drawn], shared, numbers)
        finally:
            undo()

    def numbers(self) -> list[float]:
        """The numbers of all leaves as they are now."""
        return [leaf._data for leaf in self.leaves]

    def _drawing(self, rows: Sequence[Sequence[float]], shared: Sequence[float], wanted: bool) -> Total:
        """Rows that draw random numbers, which come in the order of the rows."""
        total = Total(len(rows), len(self.trained))
        if len(self.branches) == 1:
            branch, undo = self.branches[0], self.remember()
            drawn = [[*row, *[draw() for draw in branch.draws]] for row in rows]
            if not branch.over(range(len(rows)), drawn, shared, self.numbers(), total, wanted):
                return total
            undo()
            total = Total(len(rows), len(self.trained))
        for index, row in enumerate(rows):
            branch = self.find(row, shared)
            here = [*row, *[draw() for draw in branch.draws]]
            branch.over([index], {index: here}, shared, self.numbers(), total, wanted)
        return total

    # traces

    def _new(self, row: Sequence[float], shared: Sequence[float]) -> Branch:
        """Trace the function on this row, and keep the trace."""
        if len(self.branches) >= self.limit:
            raise CompileError(self._unstable())
        arguments = flatten_call(([*map(float, row)], list(shared)), {}, ())  # True would be no number
        trace_ = self._traced(arguments)
        if not self.branches:
            again = self._traced(arguments)
            if not same_program(trace_.tape, again.tape):
                raise CompileError("run twice on the same sample, the model or loss did not compute the "
                                   "same: it changes something at each call, reads a clock, or draws random "
                                   "numbers by itself (nn.Dropout may). Leave compiled out, or make what "
                                   "changes a buffer (`buffer_names`)")  # fmt: skip
        for value in trace_.tape.parameters:
            if id(value) not in self._places:
                self._places[id(value)] = len(self.leaves)
                self.leaves.append(value)
        places = [self._places[id(value)] for value in trace_.tape.parameters]
        branch = Branch(trace_, len(row), places, len(self.trained), self.executor)
        self.branches.append(branch)
        return branch

    def _traced(self, arguments: Any) -> Any:
        undo = self.remember()
        try:
            return trace(self.function, arguments)
        finally:
            undo()

    def _unstable(self) -> str:
        """What to say of a function that goes another way nearly every time."""
        guards = [guard for branch in self.branches for guard in branch.tape.guards if guard.text]
        asked = dict.fromkeys(
            f"`{guard.text}`" + (f" ({guard.place.name})" if guard.place is not None else "")
            for guard in guards
        )
        listed = ", ".join(list(asked)[:3])
        return (f"the model or loss branches on its data in more than {len(self.branches)} ways"
                f"{f', asking {listed}' if listed else ''}: use `where`, `maximum`, `take` or `detach()` in "
                "the place of the branch, or leave compiled out")  # fmt: skip
