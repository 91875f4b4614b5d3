"""Building a tape: operations are appended one at a time, and equal ones are one.

While it is built, a node is a whole number: constants are negative (`~k` is the k-th number), and everything
else counts up from 0, operands before results. `finish` leaves out what nothing needs and renumbers the rest
to the layout that `Tape` says.

>>> from autograd_lite import ops
>>> builder = TapeBuilder()
>>> x = builder.input("x")
>>> y = builder.apply(ops.mul, (x, builder.constant(2.0)))
>>> y == builder.apply(ops.mul, (x, builder.constant(2.0)))
True
>>> tape = builder.finish([builder.apply(ops.tanh, (y,))])
>>> tape.inputs, list(tape.constants), len(tape.codes), len(tape)
(1, [2.0], 2, 4)
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from ..ops import Op
from ..rules import chain
from .settling import settled
from .tape import CHAIN, CODE, ROWS, TAKE, Guard, Tape

if TYPE_CHECKING:
    from ..engine import Value
    from ..sources import Place

__all__ = ["TapeBuilder"]

# stand in the place of an op's code
_INPUT, _PARAMETER = -1, -2

_CHOOSE, _SELECT, _IDENTITY = CODE["choose"], CODE["select"], CODE["identity"]
_LESS, _LESS_EQUAL, _EQUAL, _AND = CODE["less"], CODE["less_equal"], CODE["equal"], CODE["logical_and"]
_ADD, _FLOOR = CODE["add"], CODE["floor"]


class TapeBuilder:
    """A tape in the making. Methods take nodes and give the node of the result.

    An operation on constants alone is computed at once, with the numbers that eager code gets; one that
    was appended before is that same node; `select`, `identity` and `where` on a constant condition are the
    operand that they give.
    """

    __slots__ = (
        "_leaf_nodes", "_nodes", "_parameters", "_places", "conditions", "guards", "inputs", "known", "names",
        "negations", "numbers",
    )  # fmt: skip

    def __init__(self) -> None:
        self.inputs = 0
        self.known: dict[tuple[int, ...], int] = {}
        """What each node is: (code, operands…). The node of the k-th entry is k, so the order matters."""
        self.numbers: list[float] = []
        """Of the constants."""
        self._nodes: dict[Any, int] = {}
        self._leaf_nodes: list[int] = []
        self._parameters: list[Value] = []
        self.names: dict[int, str] = {}
        """Of leaves that have one, by node."""
        self.guards: dict[int, Guard] = {}
        """By node."""
        self._places: dict[int, Any] = {}
        # what rules that run on terms know of the nodes they made (see terms.py)
        self.conditions: set[int] = set()
        self.negations: dict[int, int] = {}

    def __len__(self) -> int:
        """How many leaves and operations there are, constants not counted."""
        return len(self.known)

    # --- leaves ---------------------------------------------------------------------------------------------

    def input(self, name: str = "") -> int:
        """One more number that a call gives."""
        node = len(self.known)
        self.inputs += 1
        self.known[_INPUT, node] = node
        self._leaf_nodes.append(node)
        if name:
            self.names[node] = name
        return node

    def parameter(self, value: Value, name: str = "") -> int:
        """A leaf from outside, read afresh at each call; ask once for each Value."""
        known = self.known
        node = len(known)
        known[_PARAMETER, node] = node
        self._parameters.append(value)
        self._leaf_nodes.append(node)
        if name:
            self.names[node] = name
        return node

    def constant(self, number: float) -> int:
        """A plain number. Equal numbers are one node; 0.0 is not -0.0, and NaN is one number."""
        number = float(number)
        key: Any = number if number and number == number else repr(number)
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = ~len(self.numbers)
            self.numbers.append(number)
        return node

    def number_of(self, node: int) -> float | None:
        """The number of a constant; None for any other node."""
        return self.numbers[~node] if node < 0 else None

    # --- operations -----------------------------------------------------------------------------------------

    def apply(self, row: Op, operands: Sequence[int], immediates: Sequence[Any] = ()) -> int:
        """A row of the op table applied to nodes; immediates are plain numbers."""
        code = CODE[row.name]
        if code == _SELECT:
            return operands[0] if immediates[0] else operands[1]
        if immediates:
            operands = (*operands, *map(self.constant, immediates))
        return self.apply_code(code, operands)

    def apply_code(self, code: int, nodes: Sequence[int]) -> int:
        """The same by the row's code; immediates are constants among the nodes. Not for `select`."""
        if code == _IDENTITY:
            return nodes[0]
        if code == _CHOOSE:
            condition, first, second = nodes
            if condition < 0:
                return first if self.numbers[~condition] else second
            if first == second:
                return first
        if max(nodes) < 0:
            return self._folded(code, nodes)
        known = self.known
        return known.setdefault((code, *nodes), len(known))

    def apply1(self, code: int, a: int) -> int:
        """A row of one operand and no immediates, quickly. Not for `identity`."""
        if a < 0:
            return self._folded(code, (a,))
        known = self.known
        return known.setdefault((code, a), len(known))

    def apply2(self, code: int, a: int, b: int) -> int:
        """A row of two operands, or of one and an immediate, quickly."""
        if a < 0 and b < 0:
            return self._folded(code, (a, b))
        known = self.known
        return known.setdefault((code, a, b), len(known))

    def _folded(self, code: int, nodes: Sequence[int]) -> int:
        numbers = [self.numbers[~node] for node in nodes]
        if code == CHAIN:
            return self.constant(chain(*numbers))
        row = ROWS[code]
        count = len(numbers) if row.arity is None else row.arity
        return self.constant(row.number(*numbers[:count], immediates=tuple(numbers[count:])))

    def take(self, index: int, table: Sequence[int], place: Place | None = None) -> int:
        """The entry of the table that a whole number says, counted from the end if it is negative.

        The number is checked at each call by a guard, so that an executor may trust it where no guard missed.
        Raises `ArgumentError` if the index is a constant that is not whole or lies outside the table.
        """
        size = len(table)
        number = self.number_of(index)
        if number is not None:
            if number - number != 0.0 or number != int(number) or not -size <= number < size:
                raise ArgumentError(f"index {number!r} is not a whole number within a table of {size}")
            return table[int(number)]
        zero = self.constant(0.0)
        negative = self.apply2(_LESS, index, zero)
        from_end = self.apply2(_ADD, index, self.constant(size))
        position = self.apply_code(_CHOOSE, (negative, from_end, index))
        within = self.apply2(
            _AND,
            self.apply2(_LESS_EQUAL, zero, position),
            self.apply2(_LESS, position, self.constant(size)),
        )
        whole = self.apply2(_EQUAL, self.apply1(_FLOOR, position), position)
        asked = f"a table of {size}[index]"
        self.guard(self.apply2(_AND, within, whole), 1.0, asked, place)
        known = self.known
        return known.setdefault((TAKE, position, *table), len(known))

    # --- what else a tape tells -----------------------------------------------------------------------------

    def guard(self, node: int, expected: float, text: str = "", place: Place | None = None) -> None:
        """Say that this node must have this number for a replay to be valid."""
        if node >= 0:
            self.guards.setdefault(node, Guard(node, float(expected), text, place))

    def mark(self, node: int, place: Any) -> None:
        """Say where a node was made; the first to say so is believed."""
        if node >= 0:
            self._places.setdefault(node, place)

    def finish(self, outputs: Sequence[int]) -> Tape:
        """The tape of all that the outputs and guards need, and of all inputs and parameters.

        The builder can go on and finish again.
        """
        return self.finish_with_numbers(outputs)[0]

    def finish_with_numbers(self, outputs: Sequence[int]) -> tuple[Tape, Sequence[int]]:
        """The same, and for each node of the builder its number on the tape; 0 for what was left out."""
        entries = list(self.known)
        inputs, parameters = self.leaves(entries)
        parts = settled(entries, len(self.numbers), (*outputs, *self.guards), inputs + parameters)
        number = parts.numbers
        names = tuple(self.names.get(leaf, "") for leaf in inputs + parameters) if self.names else ()
        tape = Tape(
            self.inputs,
            tuple(self._parameters),
            array("d", [self.numbers[k] for k in parts.constants]),
            parts.codes,
            parts.starts,
            parts.operands,
            array("i", [number[node] for node in outputs]),
            tuple(guard._replace(node=int(number[guard.node])) for guard in self.guards.values()),
            names,
            tuple(map(self._places.get, parts.kept)) if self._places else (),
        )
        return tape, number

    def leaves(self, entries: Sequence[tuple[int, ...]]) -> tuple[list[int], list[int]]:
        """The nodes of the inputs and of the parameters."""
        found: tuple[list[int], list[int]] = [], []
        for node in self._leaf_nodes:
            found[entries[node][0] == _PARAMETER].append(node)
        return found
