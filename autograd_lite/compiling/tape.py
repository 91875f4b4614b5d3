"""The tape: a program of scalar operations as flat arrays of numbers.

Its nodes are numbered, operands before results:

    inputs | parameters | constants | operations

A leaf has only its number. Operation `k` (node `first_operation + k`) applies the row `ROWS[codes[k]]` to the
nodes `operands[starts[k]:starts[k + 1]]`. Immediates (a slope, an exponent) are constants that stand after
the operands. There is no `select` (the choice was made when the tape was recorded), and `detach` means that
no gradient flows. Two operations are not in the op table: `TAKE` (operands: an index, then the table)
and `CHAIN` (the product of the chain rule, `rules.chain`).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ops import TABLE, Op

if TYPE_CHECKING:
    from ..engine import Value
    from ..sources import Place

__all__ = ["CHAIN", "CODE", "ROWS", "TAKE", "Guard", "Tape", "passes", "same_program"]

ROWS: tuple[Op, ...] = tuple(TABLE.values())
CODE: dict[str, int] = {row.name: code for code, row in enumerate(ROWS)}
TAKE = len(ROWS)
CHAIN = len(ROWS) + 1


class Guard(NamedTuple):
    """The number that a node had when the program branched on it; a replay with another is not valid.

    `text` says what the program asked, for people: `x > 0.0`, `float(x)`.
    """

    node: int
    expected: float
    text: str = ""
    place: Place | None = None


def passes(number: float, expected: float) -> bool:
    """Whether a guard holds: the same number, where -0.0 is not 0.0, and NaN is NaN."""
    if number != number or expected != expected:
        return number != number and expected != expected
    return number == expected and (number != 0.0 or str(number) == str(expected))


def _integers() -> array[int]:
    return array("i")


@dataclass(frozen=True, eq=False)
class Tape:
    """A recorded program. Nothing of it changes after it was made."""

    inputs: int
    """How many inputs there are: the numbers of the arguments, in the order in which they are flattened."""
    parameters: tuple[Value, ...] = ()
    """The leaves from outside that the program used; their numbers are read at each call."""
    constants: array[float] = field(default_factory=lambda: array("d"))
    codes: array[int] = field(default_factory=_integers)
    starts: array[int] = field(default_factory=lambda: array("i", [0]))
    operands: array[int] = field(default_factory=_integers)
    outputs: array[int] = field(default_factory=_integers)
    guards: tuple[Guard, ...] = ()
    names: tuple[str, ...] = ()
    """What the inputs and parameters are called, where that is known: `x[0]`, `w`."""
    places: tuple[Any, ...] = ()
    """Where each operation was made, if sources were traced; else empty."""

    @property
    def leaves(self) -> int:
        """How many numbers a call gives: inputs and parameters."""
        return self.inputs + len(self.parameters)

    @property
    def first_operation(self) -> int:
        """The node of the first operation."""
        return self.leaves + len(self.constants)

    def __len__(self) -> int:
        """How many nodes there are."""
        return self.first_operation + len(self.codes)

    def operands_of(self, operation: int) -> Sequence[int]:
        """The nodes that operation `operation` reads, immediates included."""
        return self.operands[self.starts[operation] : self.starts[operation + 1]]


def same_program(one: Tape, other: Tape) -> bool:
    """Whether two tapes compute the same from the same leaves."""
    return (
        one.inputs == other.inputs
        and list(map(id, one.parameters)) == list(map(id, other.parameters))
        and one.codes == other.codes
        and one.starts == other.starts
        and one.operands == other.operands
        and one.outputs == other.outputs
        and one.constants.tobytes() == other.constants.tobytes()
        and [guard[:2] for guard in one.guards] == [guard[:2] for guard in other.guards]
    )
