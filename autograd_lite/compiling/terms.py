"""Rules of the op table run on the nodes of a tape in the making.

A `Term` is a node of a builder that can be calculated with, so `row.partials` or `row.forward` on terms
appends what it computes. A rule runs once for each row; what it appended is kept and appended again from then
on, which is much quicker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from ..ops import Op
from ..symbols import Symbol
from .building import TapeBuilder
from .tape import CODE, ROWS

__all__ = ["Term", "append", "flows", "forward_of", "multiplied", "partials_of"]

_ADD, _SUB, _MUL, _DIV, _POW = (CODE[name] for name in ("add", "sub", "mul", "div", "pow"))
_CONDITIONS = frozenset(code for code, row in enumerate(ROWS) if row.condition)
_NEG, _NOT_EQUAL, _SELECT = (CODE[name] for name in ("neg", "not_equal", "select"))


class Term(Symbol):
    """A node of a builder, as an operand of a rule."""

    __slots__ = ("builder", "node")

    def __init__(self, builder: TapeBuilder, node: int) -> None:
        self.builder = builder
        self.node = node

    @staticmethod
    def _apply(op: Op, arguments: tuple[Any, ...], immediates: tuple[Any, ...]) -> Any:
        builder: TapeBuilder = next(a.builder for a in (*arguments, *immediates) if isinstance(a, Term))
        if CODE[op.name] == _SELECT:
            return arguments[0] if immediates[0] else arguments[1]
        nodes = [_node(builder, a) for a in (*arguments, *immediates)]
        return Term(builder, append(builder, CODE[op.name], nodes))

    @property
    def is_condition(self) -> bool:
        """Whether `where` may take this node as its condition."""
        return self.node in self.builder.conditions

    def __repr__(self) -> str:
        return f"Term({self.node})"


def _node(builder: TapeBuilder, value: Any) -> int:
    return value.node if isinstance(value, Term) else builder.constant(value)


def append(builder: TapeBuilder, code: int, nodes: Sequence[int]) -> int:
    """Append an operation, simpler where that is exact in floats.

    A factor, divisor or power 1, a double negation, a sum with a negative, a condition compared with 0.
    """
    if code == _MUL:
        first, second = nodes
        if second < 0 and builder.number_of(second) == 1.0:
            return first
        if first < 0 and builder.number_of(first) == 1.0:
            return second
        return builder.apply2(code, first, second)
    if code == _ADD:
        first, second = nodes
        negated = builder.negations.get(second)
        if negated is not None:
            return builder.apply2(_SUB, first, negated)
        return builder.apply2(code, first, second)
    if code in (_DIV, _POW):
        if builder.number_of(nodes[1]) == 1.0:
            return nodes[0]
    elif code == _NEG:
        negated = builder.negations.get(nodes[0])
        if negated is not None:
            return negated
        node = builder.apply1(code, nodes[0])
        builder.negations[node] = nodes[0]
        return node
    elif code == _NOT_EQUAL and nodes[0] in builder.conditions and builder.number_of(nodes[1]) == 0.0:
        return nodes[0]
    node = builder.apply_code(code, nodes)
    if code in _CONDITIONS:
        builder.conditions.add(node)
    return node


def multiplied(builder: TapeBuilder, code: int, upstream: int, local: int) -> int:
    """A product of the chain rule, by `mul` or `CHAIN`; times 1 and -1 is no multiplication."""
    for factor, other in ((local, upstream), (upstream, local)):
        number = builder.number_of(factor)
        if number == 1.0:
            return other
        if number == -1.0:
            return append(builder, _NEG, (other,))
    return builder.apply2(code, upstream, local)


class _Program(NamedTuple):
    """What a rule appends: operations on its operands, then on its own constants and results."""

    constants: tuple[float, ...]
    operations: tuple[tuple[int, tuple[int, ...]], ...]
    results: tuple[int, ...]

    def run(self, builder: TapeBuilder, nodes: Sequence[int]) -> list[int]:
        """Append it, with these operands."""
        known = [*nodes, *map(builder.constant, self.constants)]
        for code, operands in self.operations:
            known.append(append(builder, code, [known[operand] for operand in operands]))
        return [known[result] for result in self.results]


def _program(rule: Callable[..., Sequence[Any]], count: int) -> _Program:
    builder = TapeBuilder()
    operands = [Term(builder, builder.input()) for _ in range(count)]
    tape = builder.finish([_node(builder, result) for result in rule(*operands)])
    operations = zip(tape.codes, (tuple(tape.operands_of(k)) for k in range(len(tape.codes))), strict=True)
    return _Program(tuple(tape.constants), tuple(operations), tuple(tape.outputs))


@cache
def _slopes(code: int) -> _Program:
    """The partials of a row of fixed arity; the operands are its operands, its immediates and its value."""
    row = ROWS[code]
    return _program(row.partials, (row.arity or 0) + len(row.immediates) + 1)


def partials_of(builder: TapeBuilder, code: int, nodes: Sequence[int], value: int) -> list[int]:
    """The partial derivatives of a row, one node for each operand; nodes include immediates."""
    row = ROWS[code]
    if row.arity is not None:
        return _slopes(code).run(builder, (*nodes, value))
    terms = tuple(Term(builder, node) for node in nodes)
    return [_node(builder, slope) for slope in row.partials(terms, Term(builder, value))]


@cache
def _forms(code: int, immediates: tuple[float, ...]) -> _Program:
    row = ROWS[code]
    form: Any = row.native if row.intrinsic else row.forward
    return _program(lambda *a: (form(*a, *immediates),), row.arity or 0)


def forward_of(builder: TapeBuilder, code: int, nodes: Sequence[int]) -> int:
    """The value of a row by its generic rule.

    Raises `TypeError` if the row has none and its native function does not calculate with terms.
    """
    row = ROWS[code]
    if row.arity is not None:
        immediates = tuple(builder.number_of(node) or 0.0 for node in nodes[row.arity :])
        return _forms(code, immediates).run(builder, nodes[: row.arity])[0]
    terms = tuple(Term(builder, node) for node in nodes)
    form: Any = row.native if row.intrinsic else row.forward
    return _node(builder, form(terms))


def flows(code: int, count: int) -> Sequence[bool]:
    """Through which operands (immediates included) a gradient flows: not where the slope is 0 by the rule."""
    return (True,) * count if ROWS[code].arity is None else _flows(code)


@cache
def _flows(code: int) -> tuple[bool, ...]:
    row, program = ROWS[code], _slopes(code)
    given = (row.arity or 0) + len(row.immediates) + 1
    zeros = {given + k for k, number in enumerate(program.constants) if number == 0.0}
    return (*(result not in zeros for result in program.results), *(False for _ in row.immediates))
