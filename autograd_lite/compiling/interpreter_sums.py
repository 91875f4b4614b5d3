"""SUM in machine code, and how the functions of DOT and SUM read their instruction."""

from __future__ import annotations

from .instructions import AT
from .interpreter_text import Code

__all__ = ["Fields", "first_summand", "functions", "to_first_summand"]


def functions() -> list[Code]:
    """`sums` and `sums_back`."""
    return [_sums(), _sums_back()]


class Fields:
    """The fields of the instruction at %p, each read where it is first asked for."""

    def __init__(self, code: Code, names: str) -> None:
        for name in names.split():
            setattr(self, name, code.field("%p", AT[name]))

    def __getattr__(self, name: str) -> str:
        raise AttributeError(name)


def first_summand(code: Code, f: Fields, r: str) -> tuple[str, str]:
    """Whether there is a first summand, and its place for row r."""
    return code.asks("sge", f.init, 0), code.plus(f.init, code.times(r, f.ri))


def to_first_summand(code: Code, f: Fields, r: str, u: str) -> None:
    """The gradient of row r to what its sum starts with."""
    with code.when(code.has_bit(f.active, 8)):
        code.increase("%g", code.plus(f.init, code.times(r, f.ri)), u)


def _sums() -> Code:
    code = Code("sums", ["i64 %p", "i64 %v"])
    f = Fields(code, "count target a sa rows ra init ri")
    with code.loop(0, f.rows, carried=[("i64", f.a)]) as row:
        a = row.values[0]
        first = code.load("%v", a)
        there, place = first_summand(code, f, row.index)
        start = code.load("%v", code.chosen(there, place, "0"))
        y = code.chosen(there, code.fadd(start, first), first, "double")
        with code.loop(1, f.count, carried=[("double", y), ("i64", code.plus(a, f.sa))]) as each:
            y, x = each.values
            each.following = [code.fadd(y, code.load("%v", x)), code.plus(x, f.sa)]
        code.store(each.values[0], "%v", code.plus(f.target, row.index))
        row.following = [code.plus(a, f.ra)]
    code.close()
    return code


def _sums_back() -> Code:
    code = Code("sums_back", ["i64 %p", "i64 %g"])
    f = Fields(code, "count target a sa rows ra init ri active")
    to_a = code.has_bit(f.active, 1)
    with code.loop(0, f.rows, carried=[("i64", f.a)]) as row:
        a = row.values[0]
        u = code.load("%g", code.plus(f.target, row.index))
        to_first_summand(code, f, row.index, u)
        with code.when(to_a), code.loop(0, f.count, carried=[("i64", a)]) as each:
            x = each.values[0]
            code.increase("%g", x, u)
            each.following = [code.plus(x, f.sa)]
        row.following = [code.plus(a, f.ra)]
    code.close()
    return code
