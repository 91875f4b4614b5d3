"""Derivatives that a traced function asks for itself: `grad(g)(x)` within the `f` that is being compiled.

What eager code finds by walking the graph of `g` is appended here to the tape, by the same rules as the
gradients of the whole tape. The variables of `g` are nodes of their own, so that `x` elsewhere in `g` is
none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..engine import Value
from ..errors import GraphError
from ..rules import chain
from .differentiating import edges, slopes_of, through
from .tape import CHAIN, CODE, ROWS, TAKE
from .terms import append
from .traced import traced

if TYPE_CHECKING:
    from .tracer import Tracer

__all__ = ["Inner"]

_ADD, _IDENTITY = CODE["add"], CODE["identity"]


class Inner:
    """The derivatives within one trace."""

    __slots__ = ("bases", "numbers", "tracer")

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.bases: dict[int, int] = {}
        """For each variable the node that it stands for."""
        self.numbers: list[float] = []
        """The number of each node in this run, as far as they were asked for."""

    def variable(self, thing: Any) -> Any:
        """A node of its own with the number of a Value, or of a plain number."""
        tracer = self.tracer
        base = newest = tracer.node_of(thing)
        for variable, of in self.bases.items():
            if of == base:
                newest = variable
        known = tracer.builder.known
        node = known.setdefault((_IDENTITY, newest), len(known))  # of the newest one: no two are equal
        self.bases[node] = base
        return traced(tracer, node, thing._data if isinstance(thing, Value) else float(thing))

    def gradients(self, output: Value, inputs: Sequence[Value], seed: Any = 1.0) -> list[Any]:
        """The derivatives of a node by variables, as traced numbers; 0.0 where there is no way."""
        root = self.tracer.node_of(output)
        wanted = list(map(self.tracer.node_of, inputs))
        if root < 0:
            return [0.0] * len(wanted)
        first, entries, reaching = self._reaching(wanted, root)
        builder, variables = self.tracer.builder, frozenset(wanted)
        adjoints: dict[int, int] = {root: self.tracer.node_of(seed)}
        for node in range(root, first - 1, -1):
            upstream = adjoints.get(node)
            if upstream is None or node in variables or not reaching[node - first]:
                continue
            code, operands = entries[node - first]
            for slope in slopes_of(builder, code, operands, operands, node):
                operand = slope.operand
                if operand < first or not reaching[operand - first] or builder.number_of(slope.slope) == 0.0:
                    continue
                term = through(builder, CHAIN, upstream, slope)
                before = adjoints.get(operand)
                adjoints[operand] = term if before is None else append(builder, _ADD, (before, term))
        return [self._traced(adjoints[node]) if node in adjoints else 0.0 for node in wanted]

    def tangents(self, outputs: Sequence[Value], seeds: dict[Value, Any]) -> dict[Value, Any]:
        """The derivatives of nodes along a direction, by forward mode; those that are not there are 0."""
        builder, roots = self.tracer.builder, [self.tracer.node_of(output) for output in outputs]
        tangents = {self.tracer.node_of(value): self.tracer.node_of(seed) for value, seed in seeds.items()}
        seeded = frozenset(tangents)
        first, entries, reaching = self._reaching(list(tangents), max(roots, default=-1))
        for k, (code, operands) in enumerate(entries):
            node = first + k
            if node in seeded or not reaching[k]:
                continue
            for slope in slopes_of(builder, code, operands, operands, node):
                along = tangents.get(slope.operand)
                if along is None or builder.number_of(slope.slope) == 0.0:
                    continue
                term = through(builder, CHAIN, along, slope)
                before = tangents.get(node)
                tangents[node] = term if before is None else append(builder, _ADD, (before, term))
        pairs = zip(outputs, roots, strict=True)
        return {output: self._traced(tangents[root]) for output, root in pairs if root in tangents}

    def _reaching(
        self, wanted: Sequence[int], last: int
    ) -> tuple[int, list[tuple[int, tuple[int, ...]]], bytearray]:
        """The operations from the first variable to the last result, and which of them depend on one."""
        first = min(wanted, default=last + 1)
        end = max(last, *wanted) + 1 if wanted else first
        entries = [(key[0], key[1:]) for key in islice(self.tracer.builder.known, first, end)]
        for variable, base in self.bases.items():  # whatever else they are made from on the tape
            if first <= variable < end:
                entries[variable - first] = _IDENTITY, (base,)
        if any(node not in self.bases and entries[node - first][0] >= 0 for node in wanted):
            raise GraphError(
                f"{self.tracer.title} is being compiled and asks for gradients by numbers that it computed: "
                "use grad(g)(x) or jacobian(g)(x), where g is a function of these numbers"
            )
        reaching = bytearray(len(entries))
        inside = set(wanted)
        for k, (code, operands) in enumerate(entries):
            if first + k in inside:
                reaching[k] = 1
            elif code >= 0:
                flow = edges(code, len(operands))
                reaching[k] = any(
                    f and o >= first and reaching[o - first] for o, f in zip(operands, flow, strict=True)
                )
        return first, entries, reaching

    # --- the numbers of this run ----------------------------------------------------------------------------

    def _traced(self, node: int) -> Any:
        tracer = self.tracer
        number = tracer.builder.number_of(node)
        if number is not None:
            return number
        return traced(tracer, node, self._number(node))

    def _number(self, node: int) -> float:
        """The number of a node, found by computing what was appended since this was asked last."""
        numbers, builder = self.numbers, self.tracer.builder
        entries = islice(builder.known, len(numbers), node + 1)
        given = self._leaves()
        for code, *operands in entries:
            if code < 0:
                numbers.append(given[len(numbers)])
                continue
            values = [numbers[o] if o >= 0 else builder.numbers[~o] for o in operands]
            numbers.append(_computed(code, values))
        return numbers[node]

    def _leaves(self) -> dict[int, float]:
        """The numbers of the inputs and parameters."""
        tracer = self.tracer
        inputs, _ = tracer.builder.leaves(list(tracer.builder.known))
        found = dict(zip(inputs, tracer.numbers, strict=True))
        return found | {node: value._data for value, node in tracer.leaves.items() if node >= 0}


def _computed(code: int, values: Sequence[float]) -> float:
    if code == CHAIN:
        return chain(*values)
    if code == TAKE:
        return values[1 + int(values[0])]
    row = ROWS[code]
    count = len(values) if row.arity is None else row.arity
    return float(row.number(*values[:count], immediates=tuple(values[count:])))
