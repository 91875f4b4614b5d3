"""One instruction for every operation of a tape, in the tape's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .planning import BROADCAST, DOT_LIST, FIELDS, SUM_LIST, Plan, flows
from .tape import CODE, ROWS, TAKE, Tape

_SUM, _DOT = CODE["sum"], CODE["dot"]


def is_listed(code: int) -> bool:
    return code == TAKE or (code < TAKE and ROWS[code].arity is None)


def activity(tape: Tape, wanted: Sequence[int]) -> list[tuple[bool, ...]]:
    """For each operation, through which of its operands a gradient flows from an output to a wanted leaf."""
    first = tape.first_operation
    needs = [False] * len(tape)
    for node in wanted:
        needs[node] = True
    flowing: list[tuple[bool, ...]] = []
    for k, code in enumerate(tape.codes):
        operands = tape.operands_of(k)
        if is_listed(code):
            bits = tuple(needs[o] and not (code == TAKE and j == 0) for j, o in enumerate(operands))
        else:
            bits = tuple(f and needs[o] for f, o in zip(flows(code), operands, strict=True))
        flowing.append(bits)
        needs[first + k] = any(bits)
    reached = [False] * len(tape)
    for node in tape.outputs:
        reached[node] = True
    for k in range(len(tape.codes) - 1, -1, -1):
        if not reached[first + k]:
            flowing[k] = (False,) * len(flowing[k])
        for bit, operand in zip(flowing[k], tape.operands_of(k), strict=True):
            if bit:
                reached[operand] = True
    return flowing


class _Lines:
    def __init__(self) -> None:
        self.code: list[list[int]] = []
        self.index: list[int] = []
        self.listed: list[bool] = []

    def put(self, **fields: int) -> None:
        fields = {"count": 1, "rows": 1, "init": -1, **fields}
        self.code.append([fields.get(name, 0) for name in FIELDS])

    def listing(self, slots: Sequence[int], bits: Sequence[bool]) -> int:
        start = len(self.index)
        self.index.extend(slots)
        self.listed.extend(bits)
        return start

    def operation(self, code: int, target: int, slots: Sequence[int], bits: Sequence[bool]) -> None:
        if not is_listed(code):
            fields: dict[str, int] = dict(zip("abc", slots, strict=False))
            self.put(op=code, target=target, active=sum(bit << j for j, bit in enumerate(bits)), **fields)
            return
        start = self.listing(slots, bits)
        if code == _SUM:
            self.put(op=SUM_LIST, target=target, count=len(slots), a=start)
        elif code == _DOT:
            half = len(slots) // 2
            self.put(op=DOT_LIST, target=target, count=half, a=start, b=start + half)
        else:
            self.put(op=code, target=target, count=len(slots), a=start)

    def plan(self, tape: Tape, **fields: Any) -> Plan:
        import numpy

        code = numpy.array(self.code, dtype=numpy.int32).reshape(-1, len(FIELDS))
        guards = fields.pop("guards")
        return Plan(
            tape=tape,
            code=code,
            index=numpy.array(self.index, dtype=numpy.int32),
            listed=numpy.array(self.listed, dtype=numpy.uint8),
            constants=numpy.array(fields.pop("constants"), dtype=float),
            outputs=numpy.array(fields.pop("outputs"), dtype=numpy.int32),
            guards=numpy.array([slot for slot, _ in guards], dtype=numpy.int32),
            numbers=numpy.array([number for _, number in guards], dtype=numpy.int32),
            expected=numpy.array([tape.guards[number].expected for _, number in guards], dtype=float),
            wanted=numpy.array(fields.pop("wanted"), dtype=numpy.int32),
            **fields,
        )


def plain_plan(tape: Tape, wanted: Sequence[int]) -> Plan:
    """One instruction an operation; the slot of a node is its number."""
    lines = _Lines()
    first = tape.first_operation
    for k, (code, bits) in enumerate(zip(tape.codes, activity(tape, wanted), strict=True)):
        lines.operation(code, first + k, tape.operands_of(k), bits)
    return lines.plan(
        tape,
        size=len(tape),
        constants=tape.constants,
        outputs=tape.outputs,
        wanted=wanted,
        guards=[(guard.node, number) for number, guard in enumerate(tape.guards)],
    )


def lane_plan(tape: Tape, wanted: Sequence[int], batched: Sequence[bool]) -> Plan:
    """One instruction an operation that differs by sample; what does not is the plan `uniform`."""
    first = tape.first_operation
    bits = activity(tape, wanted)
    varies = [*map(bool, batched), *[False] * len(tape.constants)]
    for k in range(len(tape.codes)):
        varies.append(any(varies[operand] for operand in tape.operands_of(k)))
    lines, shared = _Lines(), _Lines()
    u = {node: node for node in range(first)}
    v: dict[int, int] = {}
    for node in range(tape.leaves):
        if varies[node]:
            v[node] = len(v)
    size = len(v)
    read: list[int] = []  # slots of u that the lanes read

    def local(node: int, active: bool) -> int:
        nonlocal size
        if node not in v:
            lines.put(op=BROADCAST, target=size, a=u[node], active=int(active))
            read.append(u[node])
            v[node] = size
            size += 1
        return v[node]

    in_lanes = any_active(tape, bits, varies)
    for k, code in enumerate(tape.codes):
        node, operands = first + k, tape.operands_of(k)
        if not varies[node]:
            u[node] = len(u)
            shared.operation(code, u[node], [u[o] for o in operands], bits[k])
            continue
        if code == TAKE and not any(varies[o] for o in operands[1:]):
            start = lines.listing([local(operands[0], False), *[u[o] for o in operands[1:]]], bits[k])
            read.extend(u[o] for o in operands[1:])
            lines.put(op=TAKE, target=size, count=len(operands), a=start, shared=1)
        else:
            slots = [local(o, in_lanes[o]) for o in operands]
            lines.operation(code, size, slots, bits[k])
        v[node] = size
        size += 1
    outputs = [local(node, in_lanes[node]) for node in tape.outputs]
    guards = [(guard.node, number) for number, guard in enumerate(tape.guards)]
    uniform = shared.plan(
        tape,
        size=len(u),
        constants=tape.constants,
        outputs=sorted(set(read)),
        wanted=[u[node] for node in wanted if not varies[node]],
        guards=[(u[node], number) for node, number in guards if not varies[node]],
    )
    return lines.plan(
        tape,
        size=size,
        constants=[],
        outputs=outputs,
        wanted=[v[node] for node in wanted if varies[node]],
        guards=[(v[node], number) for node, number in guards if varies[node]],
        uniform=uniform,
    )


def any_active(tape: Tape, bits: Sequence[tuple[bool, ...]], varies: Sequence[bool]) -> list[bool]:
    """For each node whether any operation in lanes hands it a gradient; outputs are handed their seeds."""
    found = [False] * len(tape)
    for k, each in enumerate(bits):
        if varies[tape.first_operation + k]:
            for bit, operand in zip(each, tape.operands_of(k), strict=True):
                found[operand] |= bit
    for node in tape.outputs:
        found[node] = True
    return found
