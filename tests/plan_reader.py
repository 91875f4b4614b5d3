"""What a plan and a tape mean, one number at a time: what planning and executors are tested by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd_lite.compiling.instructions import BROADCAST, DOT, DOT_LIST, FIELDS, SUM, SUM_LIST, Plan
from autograd_lite.compiling.tape import CHAIN, ROWS, TAKE, Tape
from autograd_lite.rules import chain


def number(code: int, operands: Sequence[float]) -> float:
    """The value of a row on plain numbers."""
    if code == CHAIN:
        return chain(*operands)
    if code == TAKE:
        return operands[1 + int(operands[0])]
    row = ROWS[code]
    arity = len(operands) if row.arity is None else row.arity
    return float(row.number(*operands[:arity], immediates=tuple(operands[arity:])))


def slopes(code: int, operands: Sequence[float], y: float) -> tuple[float, ...]:
    """The partial derivatives by all operands; 0 by immediates."""
    if code == CHAIN:
        return (operands[1], operands[0])
    if code == TAKE:
        return (0.0, *(float(k == int(operands[0])) for k in range(len(operands) - 1)))
    row = ROWS[code]
    arity = len(operands) if row.arity is None else row.arity
    found = row.local_gradients(tuple(operands[:arity]), tuple(operands[arity:]), y)
    return (*found, *[0.0] * (len(operands) - arity))


def run_tape(tape: Tape, leaves: Sequence[float], seeds: Sequence[float] | None = None) -> tuple[Any, Any]:
    """The outputs, and the gradient by each leaf of the sum of outputs times seeds."""
    v = [*leaves, *tape.constants]
    for k, code in enumerate(tape.codes):
        v.append(number(code, [v[o] for o in tape.operands_of(k)]))
    g = [0.0] * len(v)
    for place, node in enumerate(tape.outputs):
        g[node] += 1.0 if seeds is None else seeds[place]
    for k in range(len(tape.codes) - 1, -1, -1):
        node = tape.first_operation + k
        operands = tape.operands_of(k)
        for o, slope in zip(operands, slopes(tape.codes[k], [v[o] for o in operands], v[node]), strict=True):
            g[o] += chain(g[node], slope)
    return [v[node] for node in tape.outputs], g[: tape.leaves]


class Reader:
    """A plan with its buffers, for one sample."""

    def __init__(self, plan: Plan, leaves: Sequence[float], u: Reader | None = None) -> None:
        self.plan, self.u = plan, u
        slots = range(len(leaves)) if plan.places is None else plan.places
        self.v = [float("nan")] * plan.size
        self.g = [0.0] * plan.size
        for slot, leaf in zip(slots, leaves, strict=True):
            self.v[slot] = leaf
        self.v[len(leaves) : len(leaves) + len(plan.constants)] = plan.constants.tolist()
        self.lines = [dict(zip(FIELDS, line, strict=True)) for line in plan.code.tolist()]
        self.index, self.listed = plan.index.tolist(), plan.listed.tolist()

    def forward(self) -> list[float]:
        for line in self.lines:
            for target, code, reads, _ in self.results(line):
                numbers = [(self.u or self).v[slot] if shared else self.v[slot] for slot, shared, _ in reads]
                self.v[target] = self.value(code, numbers)
        return [self.v[slot] for slot in self.plan.outputs]

    def backward(self, seeds: Sequence[float]) -> list[float]:
        for slot, seed in zip(self.plan.outputs, seeds, strict=True):
            self.g[slot] += seed
        for line in reversed(self.lines):
            for target, code, reads, _ in self.results(line):
                numbers = [(self.u or self).v[slot] if shared else self.v[slot] for slot, shared, _ in reads]
                for (slot, shared, flows), slope in zip(
                    reads, self.slope(code, numbers, self.v[target]), strict=True
                ):
                    if flows:
                        (self.u if shared and self.u else self).g[slot] += chain(self.g[target], slope)
        return [self.g[slot] for slot in self.plan.wanted]

    def value(self, code: int, numbers: list[float]) -> float:
        if code == DOT:
            total, start = -0.0, len(numbers) % 2
            for k in range(start, len(numbers), 2):
                total += numbers[k] * numbers[k + 1]
            return numbers[0] + total if start else total
        if code == SUM:
            total = -0.0
            for each in numbers:
                total += each
            return total
        return numbers[0] if code == BROADCAST else number(code, numbers)

    def slope(self, code: int, numbers: list[float], y: float) -> Sequence[float]:
        if code == DOT:
            start = len(numbers) % 2
            crossed = [numbers[k + 1 if (k - start) % 2 == 0 else k - 1] for k in range(start, len(numbers))]
            return [1.0] * start + crossed
        if code in (SUM, BROADCAST):
            return [1.0] * len(numbers)
        return slopes(code, numbers, y)

    def results(self, f: dict[str, int]) -> Any:
        """For each result of an instruction its slot, the op, and (slot, shared, flows) of what is read."""
        op, active, shared = f["op"], f["active"], f["shared"]
        if op in (DOT, SUM):
            for r in range(f["rows"]):
                reads = []
                if f["init"] >= 0:
                    reads.append((f["init"] + r * f["ri"], shared & 8, active & 8))
                for k in range(f["count"]):
                    reads.append((f["a"] + r * f["ra"] + k * f["sa"], shared & 1, active & 1))
                    if op == DOT:
                        reads.append((f["b"] + r * f["rb"] + k * f["sb"], shared & 2, active & 2))
                yield f["target"] + r, op, reads, f
        elif op in (DOT_LIST, SUM_LIST):
            reads = [(f["init"], shared & 8, active & 8)] if f["init"] >= 0 else []
            for k in range(f["count"]):
                reads.append((self.index[f["a"] + k], shared & 1, self.listed[f["a"] + k]))
                if op == DOT_LIST:
                    reads.append((self.index[f["b"] + k], shared & 2, self.listed[f["b"] + k]))
            yield f["target"], DOT if op == DOT_LIST else SUM, reads, f
        elif op == TAKE or (op < TAKE and ROWS[op].arity is None):
            entries = range(f["a"], f["a"] + f["count"])
            reads = [(self.index[k], shared & 1 and k > f["a"], self.listed[k]) for k in entries]
            yield f["target"], op, reads, f
        else:
            row_arity = 1 if op == BROADCAST else 2 if op == CHAIN else 0
            count = row_arity or (ROWS[op].arity or 0) + len(ROWS[op].immediates)
            for k in range(f["count"]):
                reads = [
                    (f[name] + k * f["s" + name], op == BROADCAST, active >> place & 1)
                    for place, name in enumerate("abc"[:count])
                ]
                yield f["target"] + k, op, reads, f


def run_plan(
    plan: Plan, leaves: Sequence[float], seeds: Sequence[float] | None = None
) -> tuple[list[float], list[float]]:
    """Outputs and gradients of a plan for single calls."""
    reader = Reader(plan, leaves)
    outputs = reader.forward()
    return outputs, reader.backward(seeds if seeds is not None else [1.0] * len(outputs))


def run_lanes(
    plan: Plan, leaves: Sequence[float], batched: Sequence[bool], seeds: Sequence[float] | None = None
) -> tuple[list[float], list[float], list[float]]:
    """Outputs, gradients by batched and by shared wanted leaves, of one sample of a plan for lanes."""
    assert plan.uniform is not None
    u = Reader(plan.uniform, leaves)
    u.forward()
    reader = Reader(plan, [leaf for leaf, each in zip(leaves, batched, strict=True) if each], u)
    outputs = reader.forward()
    each = reader.backward(seeds if seeds is not None else [1.0] * len(outputs))
    return outputs, each, u.backward([0.0] * len(plan.uniform.outputs))
