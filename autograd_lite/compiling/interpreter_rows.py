"""Rows of the op table in machine code: what a run of an instruction computes, and its way back.

The rules run on the nodes of a small tape (`terms.py`), which is then written out; nothing here knows a rule
of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..ops import Op
from .building import TapeBuilder
from .instructions import AT
from .interpreter_text import Code
from .llvm_text import lowered
from .tape import CHAIN, CODE, ROWS
from .terms import Term, append

__all__ = ["Run", "computed", "go_back", "go_forward", "operands_of"]


def operands_of(row: Op) -> int:
    """How many numbers an instruction of a row of fixed arity reads, immediates included."""
    return (row.arity or 0) + len(row.immediates)


def computed(code: Code, rule: Callable[..., Sequence[Any]], given: Sequence[str]) -> list[str]:
    """Write out what a rule gives for these numbers."""
    builder = TapeBuilder()
    terms = [Term(builder, builder.input()) for _ in given]
    results = rule(*terms)
    nodes = [each.node if isinstance(each, Term) else builder.constant(each) for each in results]
    tape = lowered(builder.finish(nodes))
    numbers = code.program(tape, given)
    return [numbers.double(node) for node in tape.outputs]


def _value(row: Op, settings: Sequence[float] | None) -> Callable[..., Sequence[Any]]:
    """The rule of a row's value, over operands and immediates."""
    if settings is not None:
        return lambda *x: (row.forward(*x[: row.arity], *settings),)
    if row.immediates and not row.intrinsic:
        return lambda *x: (row.forward(*x),)

    def applied(*x: Term) -> Sequence[Any]:
        builder = x[0].builder
        return (Term(builder, append(builder, CODE[row.name], [term.node for term in x])),)

    return applied


def _slope(row: Op, k: int, settings: Sequence[float] | None) -> Callable[..., Sequence[Any]]:
    """The rule of one partial derivative, over operands, immediates and the value."""
    if settings is None:
        return lambda *x: (row.partials(*x)[k],)
    return lambda *x: (row.partials(*x[: row.arity], *settings, x[-1])[k],)


def _is_always(rule: Callable[..., Sequence[Any]], count: int) -> float | None:
    """The number that a rule always gives, if there is one."""
    builder = TapeBuilder()
    result = rule(*[Term(builder, builder.input()) for _ in range(count)])[0]
    return builder.number_of(result.node) if isinstance(result, Term) else float(result)


class Run:
    """A loop over the results of an instruction: usually there is one, so the test stands at the end.

    `slots` are where the operands in `fields` stand; `steps` are the fields that say how far apart they are.
    """

    def __init__(
        self,
        code: Code,
        name: str,
        fields: Sequence[str],
        steps: Sequence[str],
        after: str,
        count: str = "%n",
    ) -> None:
        self.code, self.name, self.after, self._steps = code, name, after, steps
        slots = ["%t", *(code.field("%p", AT[field]) for field in fields)]
        self._entry, self._body = code.block, f"{name}.run"
        code.jump(self._body)
        code.label(self._body)
        self._names = [code.value("phi") for _ in range(len(slots) + 1)]
        self._at = len(code.lines) - len(self._names)
        self._firsts = [count, *slots]
        self.target, *self.slots = self._names[1:]

    def close(self) -> None:
        """Go on to the next result, if there is one."""
        code = self.code
        left = code.plus(self._names[0], -1)
        more = f"{self.name}.more"
        code.branch(code.asks("eq", left, 0), self.after, more)
        code.label(more)
        steps = [code.field("%p", AT[step]) for step in self._steps]
        moved = [code.plus(slot, step) for slot, step in zip(self.slots, steps, strict=True)]
        following = [left, code.plus(self.target, 1), *moved]
        for k, (name, first, then) in enumerate(zip(self._names, self._firsts, following, strict=True)):
            code.lines[self._at + k] = f"  {name} = phi i64 [ {first}, %{self._entry} ], [ {then}, %{more} ]"
        code.jump(self._body)


def _run(code: Code, op: int, count: int, after: str) -> Run:
    return Run(code, f"op{op}", "abc"[:count], ["sa", "sb", "sc"][:count], after)


def _cases(
    code: Code, setting: str, orders: Sequence[float], write: Callable[[float], None]
) -> None:
    """A row whose rule depends on a setting: one branch for each that it may have."""
    done = code.fresh("ordered")
    for order in orders:
        is_this = code.value(f"fcmp oeq double {setting}, {order!r}")
        with code.otherwise(is_this, done):
            write(order)
    code.jump(done)
    code.label(done)


def go_forward(code: Code, op: int, after: str, orders: Sequence[float]) -> None:
    """The handler of a row of fixed arity: from %v to %v; %n results of the instruction at %p."""
    if op == CHAIN:
        run = _run(code, op, 2, after)
        code.store(code.chained(*(code.load("%v", slot) for slot in run.slots)), "%v", run.target)
        run.close()
        return
    row = ROWS[op]
    run = _run(code, op, operands_of(row), after)
    given = [code.load("%v", slot) for slot in run.slots]

    def write(order: float | None = None) -> None:
        rule = _value(row, None if order is None else (order,))
        code.store(computed(code, rule, given)[0], "%v", run.target)

    if row.name == "polygamma":
        _cases(code, given[-1], orders, write)
    else:
        write()
    run.close()


def go_back(code: Code, op: int, after: str, orders: Sequence[float], careful: bool) -> None:
    """The handler of a row of fixed arity, or of CHAIN, on the way back: from %g to %g."""
    if op == CHAIN:
        _chain_back(code, after, careful)
        return
    row = ROWS[op]
    total = operands_of(row)
    static = row.name == "polygamma"
    always = [
        None if static else _is_always(_slope(row, k, None), total + 1) for k in range(row.arity or 0)
    ]
    flowing = [k for k, number in enumerate(always) if number != 0.0]
    if not flowing:
        code.jump(after)
        return
    run = _run(code, op, total, after)
    active = code.field("%p", AT["active"]) if len(flowing) > 1 else ""
    u = code.load("%g", run.target)
    given = [code.load("%v", slot) for slot in run.slots]
    given.append(code.load("%v", run.target))

    def write(k: int, order: float | None = None) -> None:
        if always[k] in (1.0, -1.0):
            code.increase("%g", run.slots[k], u if always[k] == 1.0 else code.value(f"fneg double {u}"))
            return
        local = computed(code, _slope(row, k, None if order is None else (order,)), given)[0]
        code.increase("%g", run.slots[k], code.chained(u, local) if careful else code.fmul(u, local))

    if static:
        _cases(code, given[-2], orders, lambda order: write(0, order))
    elif len(flowing) == 1:
        write(flowing[0])
    else:
        for k in flowing:
            with code.when(code.has_bit(active, 1 << k)):
                write(k)
    run.close()


def _chain_back(code: Code, after: str, careful: bool) -> None:
    """The slope in a factor is the other one; 0 where the rule for zero made the product nothing."""
    run = _run(code, CHAIN, 2, after)
    active, u = code.field("%p", AT["active"]), code.load("%g", run.target)
    factors = [code.load("%v", slot) for slot in run.slots]
    product, kept = code.fmul(*factors), code.load("%v", run.target)
    nothing = code.value(f"fcmp uno double {product}, {product}")
    cut = code.both(nothing, code.value(f"fcmp ord double {kept}, {kept}"))
    for k, slot in enumerate(run.slots):
        with code.when(code.has_bit(active, 1 << k)):
            local = code.chosen(cut, "0.0", factors[1 - k], "double")
            code.increase("%g", slot, code.chained(u, local) if careful else code.fmul(u, local))
    run.close()
