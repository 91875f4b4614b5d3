"""A function that ran once: its tape, what it returned, and how to look at both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engine import Value, record
from ..errors import GraphError, ValueTypeError
from ..graph import Graph
from ..ops import Op
from ..ops.row import as_number
from ..rules import chain
from ..structures import maker
from .tape import CHAIN, ROWS, TAKE, Tape
from .traced import Condition, Traced

__all__ = ["Trace", "renumbered", "result_of", "rule_text"]

Rebuild = Callable[[Iterator[float]], Any]


@dataclass(frozen=True, eq=False)
class Trace:
    """One run of a function, recorded."""

    tape: Tape
    rebuild: Callable[[Sequence[Any]], Any]
    """From the outputs of a replay, or what stands for them, to what the function would return."""
    result: Any
    """What the function returned in this run, as plain numbers."""
    draws: tuple[Callable[[], float], ...] = ()
    """The last inputs are drawn afresh at each call, by these, in order."""
    assumptions: tuple[tuple[Callable[[], object], object], ...] = ()
    """The trace holds only while each of these functions gives what it gave."""
    numbers: tuple[float, ...] = ()
    """The inputs of this run, those that were drawn included."""
    scopes: dict[int, str] = field(default_factory=dict)
    """The scope of an operation, by its node, if sources were traced."""
    labels: dict[int, str] = field(default_factory=dict)
    """The label of an operation, by its node, where the function gave it one."""

    def __repr__(self) -> str:
        tape = self.tape
        return (
            f"Trace({tape.inputs} inputs, {len(tape.parameters)} parameters, {len(tape.codes)} operations, "
            f"{len(tape.guards)} guards)"
        )

    def values(self) -> list[Value]:
        """The outputs as Values of a graph of their own, with the numbers of this run."""
        nodes = self.nodes()
        outputs = [nodes[node] for node in self.tape.outputs]
        return [output if isinstance(output, Value) else Value(output) for output in outputs]

    def graph(self) -> Graph:
        """The tape as a graph, to be looked at; `draw` and `step` take it by `trace.values()`."""
        return Graph(self.values())

    def table(self) -> str:
        """The tape as text: for each node its number, op, operands, value in this run and source line.

        >>> from autograd_lite.compiling.arguments import flatten_call
        >>> from autograd_lite.compiling.tracer import trace
        >>> print(trace(lambda a, b: (a * b).tanh(), flatten_call((2.0, -3.0), titles=("a", "b"))).table())
        node  what   operands  value
        0     a                2
        1     b                -3
        2     mul    0 1       -6
        3     tanh   2         -0.999987712
        output 3
        """
        tape = self.tape
        rows: list[tuple[str, ...]] = [("node", "what", "operands", "value", "source")]
        for node, value in enumerate(self.nodes()):
            number = value._data if isinstance(value, Value) else value
            operation = node - tape.first_operation
            what, operands, source = _leaf_text(tape, node), "", ""
            if operation >= 0:
                what = rule_text(tape.codes[operation])
                operands = " ".join(map(str, tape.operands_of(operation)))
                place = tape.places[operation] if tape.places else None
                source = place.name if place is not None else ""
            label = self.labels.get(node)
            what = f"{what} {label!r}" if label else what
            rows.append((str(node), what, operands, f"{number:.9g}", source))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        if not any(row[4] for row in rows[1:]):
            rows = [row[:4] for row in rows]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines += [f"output {node}" for node in tape.outputs]
        for guard in tape.guards:
            where = f" at {guard.place.name}" if guard.place is not None else ""
            lines.append(f"guard  {guard.node} is {guard.expected:g}: {guard.text}{where}")
        return "\n".join(lines)

    def nodes(self) -> list[Any]:
        """A Value for every node of the tape, constants as plain numbers, with the numbers of this run."""
        tape = self.tape
        names = (*tape.names, *[""] * (tape.leaves - len(tape.names)))
        numbers = (*self.numbers, *[parameter._data for parameter in tape.parameters])
        nodes: list[Any] = [Value(number, label=name) for number, name in zip(numbers, names, strict=True)]
        nodes += tape.constants
        for operation, code in enumerate(tape.codes):
            made = _applied(code, [nodes[operand] for operand in tape.operands_of(operation)])
            if isinstance(made, Value) and code != TAKE:
                self._tell(made, operation)
            nodes.append(made)
        return nodes

    def _tell(self, made: Value, operation: int) -> None:
        node = self.tape.first_operation + operation
        if node in self.labels:
            made.label = self.labels[node]
        if node in self.scopes:
            made.scope = self.scopes[node]
        if self.tape.places and self.tape.places[operation] is not None:
            made._source = self.tape.places[operation]


def _applied(code: int, operands: list[Any]) -> Any:
    """One operation of a tape in the eager way."""
    if code == TAKE:
        index, *table = operands
        return table[int(index._data if isinstance(index, Value) else index)]
    if code == CHAIN:
        upstream, local = (float(getattr(operand, "_data", operand)) for operand in operands)
        product = upstream * local
        if product != product and chain(upstream, local) == 0.0:
            return 0.0
        return operands[0] * operands[1]
    row: Op = ROWS[code]
    if row.name == "detach" and isinstance(operands[0], Value):
        return operands[0].detach()
    count = len(operands) if row.arity is None else row.arity
    return record(row, *operands[:count], immediates=tuple(operands[count:]))


def rule_text(code: int) -> str:
    """The name of an operation."""
    return {TAKE: "take", CHAIN: "chain"}.get(code) or ROWS[code].name


def _leaf_text(tape: Tape, node: int) -> str:
    if node >= tape.leaves:
        return "constant"
    name = tape.names[node] if tape.names else ""
    return name or ("input" if node < tape.inputs else "parameter")


def result_of(
    result: Any, title: str, node_of: Callable[[Value], int], constant: Callable[[float], int] | None = None
) -> tuple[list[int], list[float], Rebuild]:
    """What a function returned: the outputs' nodes, their numbers, and what puts others in their place.

    `constant` gives the node of a plain number, where such a result may depend on the arguments after all:
    by the way in which the program branched. Raises `ValueTypeError` for a result that is no number or
    structure of numbers, `GraphError` for one that has nothing to do with the arguments.
    """
    found = _Outputs(title, node_of)
    rebuild = found.part(result)
    if not found.nodes and constant is not None:
        found.constant = constant
        rebuild = found.part(result)
    if not found.nodes:
        raise GraphError(
            f"{title} returned {result!r:.60}, which was not computed from its arguments or from any Value: "
            "return a Value computed from the arguments"
        )
    return found.nodes, found.numbers, rebuild


def renumbered(told: dict[int, str], number: Sequence[int], first: int) -> dict[int, str]:
    """What is known of operations, by their numbers on the tape; of what was left out nothing."""
    return {int(number[node]): text for node, text in told.items() if text and number[node] >= first}


class _Outputs:
    """The traced numbers of a nested result, in order."""

    def __init__(self, title: str, node_of: Callable[[Value], int]) -> None:
        self.title, self.node_of = title, node_of
        self.constant: Callable[[float], int] | None = None
        """If given, plain numbers are outputs, too."""
        self.nodes: list[int] = []
        self.numbers: list[float] = []

    def part(self, result: Any) -> Rebuild:
        """How to put one part of the result together again."""
        if isinstance(result, Value):
            if not isinstance(result, Traced) and result._a is not None and result.is_handmade:
                raise GraphError(f"{self.title} returned a hand-made op, which cannot be compiled")
            self.nodes.append(self.node_of(result))
            self.numbers.append(result._data)
            if isinstance(result, Condition):
                return lambda rest: next(rest) != 0.0
            return next
        if isinstance(result, dict):
            parts = {key: self.part(value) for key, value in result.items()}
            return lambda rest: {key: part(rest) for key, part in parts.items()}
        if isinstance(result, (list, tuple)):
            items = [self.part(item) for item in result]
            make = maker(result.__class__)
            return lambda rest: make([item(rest) for item in items])
        if getattr(result, "ndim", 0):
            return self._array(result)
        return self._fixed(result)

    def _array(self, array: Any) -> Rebuild:
        if array.dtype.kind != "O" and self.constant is None:
            return lambda rest: array.copy()
        cells, shape = [self.part(cell) for cell in array.ravel().tolist()], array.shape

        def build(rest: Iterator[float]) -> Any:
            import numpy

            return numpy.array([cell(rest) for cell in cells]).reshape(shape)

        return build

    def _fixed(self, result: Any) -> Rebuild:
        """A part that is the same at every replay."""
        if result is not None and not isinstance(result, str):
            try:
                number = as_number(result)
            except ValueTypeError:
                raise ValueTypeError(
                    f"{self.title} returned {result!r:.60}, a {type(result).__name__}: return Values, or "
                    "lists, tuples, dicts and arrays of them"
                ) from None
            if self.constant is not None:
                self.nodes.append(self.constant(number))
                self.numbers.append(number)
                return (lambda rest: next(rest) != 0.0) if isinstance(result, bool) else next
        return lambda rest: result
