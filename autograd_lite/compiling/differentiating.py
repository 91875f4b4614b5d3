"""Derivatives of tapes, as tapes: the reverse sweep and the forward sweep, written out as operations.

What is appended is `row.partials` run on the nodes of the tape, so nothing here knows a rule of its own, and
the tapes that come out can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .building import TapeBuilder
from .tape import CHAIN, CODE, TAKE, Tape
from .terms import append, flows, forward_of, multiplied, partials_of

__all__ = [
    "Differentiated",
    "Parts",
    "alone",
    "differentiated",
    "edges",
    "expanded",
    "expanded_with_legend",
    "gradient_tape",
    "parted",
    "slopes_of",
    "tangent_tape",
    "through",
]

_ADD, _MUL, _CHOOSE, _EQUAL = CODE["add"], CODE["mul"], CODE["choose"], CODE["equal"]
_NOT_EQUAL, _OR = CODE["not_equal"], CODE["logical_or"]


class Slope(NamedTuple):
    """How an operation depends on one of its operands."""

    operand: int
    slope: int
    flows: int | None
    """Whether there is any way to it: where not, it gets 0, also of NaN. None if there always is."""


class _Copy:
    """A tape appended to a builder, node by node, so that more can be appended."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.builder = TapeBuilder()
        self.nodes: list[int] = []
        """For each node of the tape, the node of the builder that it is."""

    def leaves(self, *, as_inputs: bool = False) -> None:
        """The leaves and constants. `as_inputs` makes the parameters inputs; without it, they come after."""
        tape, builder = self.tape, self.builder
        names = tape.names or ("",) * tape.leaves
        self.nodes += [builder.input(name) for name in names[: tape.inputs]]
        if as_inputs:
            self.nodes += [builder.input(name) for name in names[tape.inputs :]]
        else:
            pairs = zip(tape.parameters, names[tape.inputs :], strict=True)
            self.nodes += [builder.parameter(value, name) for value, name in pairs]
        self.nodes += map(builder.constant, tape.constants)

    def operations(self, other: Callable[[TapeBuilder, int, list[int]], int] = append) -> None:
        """The operations and guards; `other` may append something else for one."""
        tape, builder, nodes = self.tape, self.builder, self.nodes
        places = tape.places or None
        for k, (code, operands) in enumerate(_operations(tape)):
            node = other(builder, code, [nodes[operand] for operand in operands])
            nodes.append(node)
            if places is not None:
                builder.mark(node, places[k])
        for guard in tape.guards:
            builder.guard(nodes[guard.node], guard.expected, guard.text, guard.place)


def _operations(tape: Tape) -> Iterator[tuple[int, Sequence[int]]]:
    operands, start = tape.operands, 0
    for code, end in zip(tape.codes, tape.starts[1:], strict=True):
        yield code, operands[start:end]
        start = end


def edges(code: int, count: int) -> Sequence[bool]:
    """Through which of its operands, immediates included, a gradient flows back from an operation."""
    if code == TAKE:
        return (False, *(True,) * (count - 1))
    return (True, True) if code == CHAIN else flows(code, count)


def _reaching(tape: Tape, wanted: Sequence[int]) -> bytearray:
    """For each node whether its derivative by a leaf that is wanted may be other than 0."""
    reaching = bytearray(len(tape))
    for node in wanted:
        reaching[node] = 1
    for node, (code, operands) in enumerate(_operations(tape), tape.first_operation):
        for place, operand in enumerate(operands):
            if reaching[operand] and edges(code, len(operands))[place]:
                reaching[node] = 1
                break
    return reaching


def _slopes(copy: _Copy, operation: int, operands: Sequence[int]) -> Iterator[Slope]:
    """The operands of an operation through which a gradient flows, each with its slope."""
    builder, nodes, code = copy.builder, copy.nodes, copy.tape.codes[operation]
    given = [nodes[operand] for operand in operands]
    return slopes_of(builder, code, operands, given, nodes[copy.tape.first_operation + operation])


def slopes_of(
    builder: TapeBuilder, code: int, operands: Sequence[int], given: Sequence[int], result: int
) -> Iterator[Slope]:
    """The same for nodes of a builder: `operands` are named, with `given` and `result` it is calculated."""
    if code == TAKE:
        one = builder.constant(1.0)
        for place, operand in enumerate(operands[1:]):  # after the index
            hit = append(builder, _EQUAL, (given[0], builder.constant(float(place))))
            yield Slope(operand, one, hit)
    elif code == CHAIN:
        flows_on = _is_kept(builder, *given)
        yield Slope(operands[0], given[1], flows_on)
        yield Slope(operands[1], given[0], flows_on)
    else:
        slopes = partials_of(builder, code, given, result)
        for operand, slope, flow in zip(operands, slopes, edges(code, len(operands)), strict=False):
            if flow:
                yield Slope(operand, slope, None)


def _is_kept(builder: TapeBuilder, upstream: int, local: int) -> int:
    """Whether the rule for zero did not make a product nothing: where it did, nothing flows, not even NaN."""
    product = append(builder, _MUL, (upstream, local))
    kept = append(builder, CHAIN, (upstream, local))
    same = append(builder, _EQUAL, (product, product))
    return append(builder, _OR, (same, append(builder, _NOT_EQUAL, (kept, kept))))


def through(builder: TapeBuilder, product: int, upstream: int, slope: Slope) -> int:
    """An adjoint, or a tangent, times a slope; 0 where nothing flows. Also times 0: one of NaN stays NaN."""
    term = multiplied(builder, product, upstream, slope.slope)
    if slope.flows is None:
        return term
    return append(builder, _CHOOSE, (slope.flows, term, builder.constant(0.0)))


def gradient_tape(
    tape: Tape, wanted: Sequence[int], *, careful: bool = False, seeds: Sequence[float] | None = None
) -> Tape:
    """The outputs, and after them the gradients of their sum, each times its seed, by the leaves `wanted`.

    The seeds are one more input for each output, after the tape's own inputs, or constants if they are given
    here. A product of the chain rule is an ordinary one, where 0 times infinity is NaN; with `careful` it is
    `CHAIN`, the rule for zero. So if a gradient comes out NaN, the careful tape has the true one.

    >>> from autograd_lite import ops
    >>> builder = TapeBuilder()
    >>> x = builder.input("x")
    >>> tape = gradient_tape(builder.finish([builder.apply(ops.exp, (x,))]), [0])
    >>> tape.inputs, len(tape.codes), len(tape.outputs)
    (2, 3, 2)
    """
    return differentiated(tape, wanted, careful=careful, seeds=seeds).tape


class Differentiated(NamedTuple):
    """A gradient tape, and what its operations are for those who read it."""

    tape: Tape
    forward: int
    """How many operations are the program's own; what follows are adjoints."""
    adjoints: dict[int, int]
    """For operations that are the whole adjoint of a node: which node (of this very tape) that is."""


def differentiated(
    tape: Tape, wanted: Sequence[int], *, careful: bool = False, seeds: Sequence[float] | None = None
) -> Differentiated:
    """What `gradient_tape` gives, with a legend."""
    copy = _Copy(tape)
    copy.leaves()
    builder, nodes = copy.builder, copy.nodes
    if seeds is None:
        seeded = [builder.input(f"seed[{k}]" if tape.names else "") for k in range(len(tape.outputs))]
    else:
        seeded = [builder.constant(seed) for seed in seeds]
    copy.operations()
    first = len(builder)
    found = _adjoints(copy, _reaching(tape, wanted), seeded, CHAIN if careful else _MUL)
    zero = builder.constant(0.0)
    # adding 0 makes -0.0 into 0.0, as a gradient that starts from 0 is in eager code
    for leaf in wanted:
        adjoint = found[leaf]
        found[leaf] = zero if adjoint is None else builder.apply2(_ADD, adjoint, zero)
    gradients = [adjoint for leaf in wanted if (adjoint := found[leaf]) is not None]
    result, number = builder.finish_with_numbers([*(nodes[output] for output in tape.outputs), *gradients])
    pairs = [
        (node, adjoint) for node, adjoint in enumerate(found) if adjoint is not None and adjoint >= first
    ]
    # found of the tape that is given, told of the one that is made
    named = {int(number[adjoint]): int(number[nodes[node]]) for node, adjoint in pairs[::-1]}
    return Differentiated(result, _before(builder, number, first, result), named)


def _adjoints(copy: _Copy, reaching: bytearray, seeds: Sequence[int], product: int) -> list[int | None]:
    """For each node of the tape the node that is its adjoint; None where it is 0."""
    tape, builder = copy.tape, copy.builder
    found: list[int | None] = [None] * len(tape)

    def add(node: int, contribution: int) -> None:
        before = found[node]
        found[node] = contribution if before is None else append(builder, _ADD, (before, contribution))

    for output, seed in zip(tape.outputs, seeds, strict=True):
        if reaching[output] and builder.number_of(seed) != 0.0:
            add(output, seed)
    first = tape.first_operation
    for operation in range(len(tape.codes) - 1, -1, -1):
        node = first + operation
        upstream = found[node]
        if upstream is None or builder.number_of(upstream) == 0.0:
            continue
        operands = tape.operands_of(operation)
        for slope in _slopes(copy, operation, operands):
            if reaching[slope.operand]:
                add(slope.operand, through(builder, product, upstream, slope))
    return found


def tangent_tape(tape: Tape, *, careful: bool = False) -> Tape:
    """The outputs, and after them their derivatives along a direction (forward mode).

    Its inputs are the leaves of the tape, parameters included, and after them one tangent for each leaf.
    Products are as in `gradient_tape`: if any number that comes out is NaN, the careful tangent of the
    careful gradient tape has the true ones.

    >>> from autograd_lite import ops
    >>> builder = TapeBuilder()
    >>> x = builder.input("x")
    >>> tape = tangent_tape(builder.finish([builder.apply(ops.exp, (x,))]))
    >>> tape.inputs, tape.names, len(tape.codes), len(tape.outputs)
    (2, ('x', 'tangent of x'), 2, 2)
    """
    copy = _Copy(tape)
    copy.leaves(as_inputs=True)
    builder, nodes = copy.builder, copy.nodes
    names = [f"tangent of {name}" if name else "" for name in tape.names] or [""] * tape.leaves
    tangents: list[int | None] = [builder.input(name) for name in names]
    tangents += [None] * len(tape.constants)
    copy.operations()
    product = CHAIN if careful else _MUL
    for operation in range(len(tape.codes)):
        tangent: int | None = None
        operands = tape.operands_of(operation)
        if any(tangents[operand] is not None for operand in operands):
            for slope in _slopes(copy, operation, operands):
                along = tangents[slope.operand]
                if along is not None:
                    term = through(builder, product, along, slope)
                    tangent = term if tangent is None else append(builder, _ADD, (tangent, term))
        tangents.append(tangent)
    zero = builder.constant(0.0)
    found = [tangents[output] for output in tape.outputs]
    return builder.finish(
        [*(nodes[output] for output in tape.outputs), *(zero if node is None else node for node in found)]
    )


def expanded(tape: Tape, known: Callable[[int], bool]) -> Tape:
    """The same program in the rows that an executor knows: any other is written out by its generic rule."""
    return expanded_with_legend(Differentiated(tape, len(tape.codes), {}), known).tape


def alone(tape: Tape, outputs: Sequence[int] = ()) -> Tape:
    """What of a tape these outputs and its guards need; the leaves stay."""
    copy = _Copy(tape)
    copy.leaves()
    copy.operations()
    return copy.builder.finish([copy.nodes[output] for output in outputs])


def expanded_with_legend(given: Differentiated, known: Callable[[int], bool]) -> Differentiated:
    """The same for a gradient tape, with its legend."""
    while not all(code in (TAKE, CHAIN) or known(code) for code in set(given.tape.codes)):
        given = _expanded_once(given, known)  # rules are made of rows that may have to be written out, too
    return given


def _expanded_once(given: Differentiated, known: Callable[[int], bool]) -> Differentiated:
    marks: list[int] = []  # how long the builder was before each operation

    def other(builder: TapeBuilder, code: int, nodes: list[int]) -> int:
        marks.append(len(builder))
        if code in (TAKE, CHAIN) or known(code):
            return append(builder, code, nodes)
        return forward_of(builder, code, nodes)

    tape = given.tape
    copy = _Copy(tape)
    copy.leaves()
    copy.operations(other)
    builder = copy.builder
    result, number = builder.finish_with_numbers([copy.nodes[output] for output in tape.outputs])
    first = (*marks, len(builder))[given.forward]
    moved = [int(number[node]) for node in copy.nodes]
    adjoints = {moved[node]: moved[of] for node, of in given.adjoints.items() if copy.nodes[node] >= first}
    return Differentiated(result, _before(builder, number, first, result), adjoints)


def _before(builder: TapeBuilder, number: Sequence[int], first: int, result: Tape) -> int:
    """How many operations of a finished tape were appended before the builder had `first` nodes."""
    after = next((int(number[node]) for node in range(first, len(builder)) if number[node]), len(result))
    return after - result.first_operation


class Parts(NamedTuple):
    """A program in two parts: what does not depend on the leaves that differ, and the rest."""

    shared: Tape
    """Its inputs are the leaves that do not differ."""
    own: Tape
    """Its inputs are the leaves that differ, and after them the outputs of `shared`."""


def parted(tape: Tape, differs: Sequence[bool]) -> Parts:
    """Split a program that runs many times, of whose leaves only some differ from time to time.

    Its guards stay with the second part.
    """
    shared, own = TapeBuilder(), TapeBuilder()
    first: list[int | None] = [None if own_leaf else shared.input() for own_leaf in differs]
    second: list[int | None] = [own.input() if own_leaf else None for own_leaf in differs]
    first += map(shared.constant, tape.constants)
    second += map(own.constant, tape.constants)
    handed: list[int] = []

    def in_second(node: int) -> int:
        found = second[node]
        if found is None:
            handed.append(node)
            found = second[node] = own.input()
        return found

    for code, operands in _operations(tape):
        before = [node for operand in operands if (node := first[operand]) is not None]
        if len(before) == len(operands):
            first.append(shared.apply_code(code, before))
            second.append(None)
        else:
            first.append(None)
            second.append(own.apply_code(code, [in_second(operand) for operand in operands]))
    results = [in_second(output) for output in tape.outputs]
    for guard in tape.guards:
        own.guard(in_second(guard.node), guard.expected, guard.text, guard.place)
    given = [node for handed_node in handed if (node := first[handed_node]) is not None]
    return Parts(shared.finish(given), own.finish(results))
