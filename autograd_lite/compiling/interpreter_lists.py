"""Instructions with lists in machine code: rows of any number of operands, and numbers taken from a table.

A list stands in `index` from place `a` on: the slots of the operands. `listed` says to which of them a
gradient flows. %n is the number of entries, %t the target, %s an array to work with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..ops import TABLE, Op
from .instructions import AT
from .interpreter_rows import computed
from .interpreter_text import Code
from .llvm_text import number

__all__ = [
    "dot_list", "dot_list_back", "list_back", "list_forward", "sum_list", "sum_list_back", "take",
    "take_back",
]  # fmt: skip

_INFINITE = number(float("inf"))


def _slot(code: Code, a: str, k: str) -> str:
    return code.field("%index", code.plus(a, k))


def _operand(code: Code, a: str, k: str) -> str:
    return code.load("%v", _slot(code, a, k))


def _folded(code: Code, row: Op, a: str, first: str | None = None) -> str:
    """The operands put together from left to right, two at a time."""
    form = row.native if row.intrinsic else row.forward
    start = first or _operand(code, a, "0")
    with code.loop("0" if first else "1", "%n", 1, [("double", start)]) as each:
        assert form is not None
        step: Callable[..., object] = form
        x = _operand(code, a, each.index)
        each.following = computed(code, lambda y, x: (step((y, x)),), [each.values[0], x])
    return each.values[0]


def list_forward(code: Code, row: Op) -> None:
    """The value of a row of any number of operands: by its rule, two operands at a time.

    What cannot be folded so, or not as exactly, is written by hand.
    """
    a = code.field("%p", AT["a"])
    if row.name == "logsumexp":
        y = _log_sum_exp(code, a)
    elif row.name == "norm":
        y = _norm(code, a)
    elif row.name == "mean":
        y = code.value(f"fdiv double {_folded(code, TABLE['sum'], a)}, {_count(code)}")
    else:
        y = _folded(code, row, a)
    code.store(y, "%v", "%t")


def _count(code: Code) -> str:
    return code.value("sitofp i64 %n to double")


def _log_sum_exp(code: Code, a: str) -> str:
    """log Σ exp, the sum compensated (Neumaier, ZAMM 54 (1974) 39-51): nearly always as if it were exact."""
    top = _folded(code, TABLE["max"], a)
    with code.loop(0, "%n", 1, [("double", "0.0"), ("double", "0.0")]) as each:
        total, rest = each.values
        x = code.call("exp", [code.value(f"fsub double {_operand(code, a, each.index)}, {top}")])
        longer = code.fadd(total, x)
        larger = code.value(f"fcmp oge double {total}, {x}")
        high, low = code.chosen(larger, total, x, "double"), code.chosen(larger, x, total, "double")
        lost = code.fadd(code.value(f"fsub double {high}, {longer}"), low)
        each.following = [longer, code.fadd(rest, lost)]
    y = code.fadd(top, code.call("log", [code.fadd(*each.values)]))
    gap = code.value(f"fsub double {top}, {top}")
    return code.chosen(code.value(f"fcmp une double {gap}, 0.0"), top, y, "double")


def _norm(code: Code, a: str) -> str:
    """sqrt(Σ a²), scaled by the largest so that it neither overflows nor vanishes."""
    with code.loop(0, "%n", 1, [("double", "0.0"), ("double", "0.0")]) as each:
        size = code.call("fabs", [_operand(code, a, each.index)])
        larger = code.value(f"fcmp ogt double {size}, {each.values[0]}")
        strange = code.fadd(each.values[1], code.value(f"fsub double {size}, {size}"))
        each.following = [code.chosen(larger, size, each.values[0], "double"), strange]
    top, strange = each.values  # strange is NaN if any operand is not finite
    with code.loop(0, "%n", 1, [("double", "0.0")]) as each:
        part = code.value(f"fdiv double {_operand(code, a, each.index)}, {top}")
        each.following = [code.fadd(each.values[0], code.fmul(part, part))]
    y = code.fmul(top, code.call("sqrt", each.values))
    y = code.chosen(code.value(f"fcmp oeq double {top}, 0.0"), top, y, "double")
    y = code.chosen(code.value(f"fcmp uno double {strange}, {strange}"), strange, y, "double")
    return code.chosen(code.value(f"fcmp oeq double {top}, {_INFINITE}"), top, y, "double")


@contextmanager
def _listed(code: Code, a: str) -> Iterator[tuple[str, str]]:
    """For each operand to which a gradient flows: which it is, and its slot."""
    with code.loop(0, "%n") as each, code.when(code.flag("%listed", code.plus(a, each.index))):
        yield each.index, _slot(code, a, each.index)


def list_back(code: Code, row: Op, careful: bool) -> None:
    """From the gradient of a row of any number of operands to those of the operands."""
    a, u, y = code.field("%p", AT["a"]), code.load("%g", "%t"), code.load("%v", "%t")
    slope = _SLOPES[row.name](code, a, y)
    with _listed(code, a) as (k, slot):
        local = slope(k, slot)
        if local == "1.0":
            code.increase("%g", slot, u)
        else:
            code.increase("%g", slot, code.chained(u, local) if careful else code.fmul(u, local))


_Slope = Callable[[str, str], str]


def _slope_of_sum(code: Code, a: str, y: str) -> _Slope:
    return lambda k, slot: "1.0"


def _slope_of_mean(code: Code, a: str, y: str) -> _Slope:
    share = code.value(f"fdiv double 1.0, {_count(code)}")
    return lambda k, slot: share


def _slope_of_prod(code: Code, a: str, y: str) -> _Slope:
    """The product of all others, by running products from both ends."""
    with code.loop(0, "%n", 1, [("double", "1.0")]) as each:
        k = code.value(f"sub i64 {code.plus('%n', -1)}, {each.index}")
        code.store(each.values[0], "%s", k)
        each.following = [code.fmul(each.values[0], _operand(code, a, k))]
    with code.loop(0, "%n", 1, [("double", "1.0")]) as each:
        before = each.values[0]
        code.store(code.fmul(before, code.load("%s", each.index)), "%s", each.index)
        each.following = [code.fmul(before, _operand(code, a, each.index))]
    return lambda k, slot: code.load("%s", k)


def _slope_of_extreme(code: Code, a: str, y: str) -> _Slope:
    """All that are the largest (smallest) share evenly."""

    def hit(x: str) -> str:
        return code.chosen(code.value(f"fcmp oeq double {x}, {y}"), "1.0", "0.0", "double")

    with code.loop(0, "%n", 1, [("double", "0.0")]) as each:
        each.following = [code.fadd(each.values[0], hit(_operand(code, a, each.index)))]
    none = code.value(f"fcmp oeq double {each.values[0]}, 0.0")
    count = code.chosen(none, "1.0", each.values[0], "double")
    return lambda k, slot: code.value(f"fdiv double {hit(code.load('%v', slot))}, {count}")


def _slope_of_log_sum_exp(code: Code, a: str, y: str) -> _Slope:
    """The softmax."""
    top = _folded(code, TABLE["max"], a)
    with code.loop(0, "%n", 1, [("double", "-0.0")]) as each:
        power = code.call("exp", [code.value(f"fsub double {_operand(code, a, each.index)}, {top}")])
        code.store(power, "%s", each.index)
        each.following = [code.fadd(each.values[0], power)]
    total = each.values[0]
    return lambda k, slot: code.value(f"fdiv double {code.load('%s', k)}, {total}")


def _slope_of_norm(code: Code, a: str, y: str) -> _Slope:
    zero = code.value(f"fcmp oeq double {y}, 0.0")
    safe = code.chosen(zero, "1.0", y, "double")
    return lambda k, slot: code.value(f"fdiv double {code.load('%v', slot)}, {safe}")


# By hand, because a rule takes a tuple of all operands, and this code is for any number of them. A new row
# with lists needs an entry here; the tests go through all rows.
_SLOPES: dict[str, Callable[[Code, str, str], _Slope]] = {
    "sum": _slope_of_sum, "mean": _slope_of_mean, "prod": _slope_of_prod, "logsumexp": _slope_of_log_sum_exp,
    "max": _slope_of_extreme, "min": _slope_of_extreme, "norm": _slope_of_norm,
}  # fmt: skip


# --- what is no row -----------------------------------------------------------------------------------------


def sum_list(code: Code) -> None:
    """SUM_LIST, from left to right."""
    a, init = code.field("%p", AT["a"]), code.field("%p", AT["init"])
    first = _first(code, init, _operand(code, a, "0"))
    with code.loop(1, "%n", 1, [("double", first)]) as each:
        each.following = [code.fadd(each.values[0], _operand(code, a, each.index))]
    code.store(each.values[0], "%v", "%t")


def _first(code: Code, init: str, first: str) -> str:
    there = code.asks("sge", init, 0)
    start = code.load("%v", code.chosen(there, init, "0"))
    return code.chosen(there, code.fadd(start, first), first, "double")


def sum_list_back(code: Code) -> None:
    """The way back of SUM_LIST."""
    a, u = code.field("%p", AT["a"]), code.load("%g", "%t")
    _init_back(code, u)
    with _listed(code, a) as (_, slot):
        code.increase("%g", slot, u)


def _init_back(code: Code, u: str) -> None:
    with code.when(code.has_bit(code.field("%p", AT["active"]), 8)):
        code.increase("%g", code.field("%p", AT["init"]), u)


def dot_list(code: Code) -> None:
    """DOT_LIST, from left to right."""
    a, b, init = (code.field("%p", AT[name]) for name in ("a", "b", "init"))
    first = _first(code, init, code.fmul(_operand(code, a, "0"), _operand(code, b, "0")))
    with code.loop(1, "%n", 1, [("double", first)]) as each:
        product = code.fmul(_operand(code, a, each.index), _operand(code, b, each.index))
        each.following = [code.fadd(each.values[0], product)]
    code.store(each.values[0], "%v", "%t")


def dot_list_back(code: Code, careful: bool) -> None:
    """The way back of DOT_LIST."""
    a, b, u = code.field("%p", AT["a"]), code.field("%p", AT["b"]), code.load("%g", "%t")
    _init_back(code, u)
    product = code.chained if careful else code.fmul
    with code.loop(0, "%n") as each:
        x, z = _slot(code, a, each.index), _slot(code, b, each.index)
        for to, of, list_at in ((x, z, a), (z, x, b)):
            with code.when(code.flag("%listed", code.plus(list_at, each.index))):
                code.increase("%g", to, product(u, code.load("%v", of)))


def _taken(code: Code) -> tuple[str, str]:
    """Whether the table has the entry asked for (a guard sees to it), and its place in the list."""
    a = code.field("%p", AT["a"])
    asked = _operand(code, a, "0")
    above = code.value(f"fcmp oge double {asked}, 0.0")
    size = code.value(f"sitofp i64 {code.plus('%n', -1)} to double")
    inside = code.both(above, code.value(f"fcmp olt double {asked}, {size}"))
    safe = code.chosen(inside, asked, "0.0", "double")
    return inside, code.plus(code.plus(a, code.value(f"fptosi double {safe} to i64")), 1)


def take(code: Code) -> None:
    """TAKE; 0 for an entry that is not there."""
    inside, place = _taken(code)
    code.store(code.chosen(inside, code.load("%v", code.field("%index", place)), "0.0", "double"), "%v", "%t")


def take_back(code: Code) -> None:
    """The way back of TAKE."""
    inside, place = _taken(code)
    with code.when(code.both(inside, code.flag("%listed", place))):
        code.increase("%g", code.field("%index", place), code.load("%g", "%t"))
