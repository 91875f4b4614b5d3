"""DOT in machine code: every row of a product of runs, and its way back.

What all rows share is `b`. With sums in any order (`fast`), runs without gaps go eight numbers at a time,
four rows at once; rows that stand side by side (a matrix stored by columns) go eight rows at a time. The
other functions add from left to right and round every product, as eager code does. On the way back every
gradient is read after whatever was added to it before, so runs and rows may overlap.
"""

from __future__ import annotations

from collections.abc import Callable

from .interpreter_sums import Fields, first_summand, to_first_summand
from .interpreter_text import LANES, PACK, Code

__all__ = ["functions"]

QUAD = "<4 x double>"
# what a sum starts with: -0.0 + x is x, also for -0.0
NOTHING, NO_QUAD = (f"<{', '.join(['double -0.0'] * width)}>" for width in (LANES, 4))


def functions() -> list[Code]:
    """`dot`, `dot_back`, these with sums in any order (`_fast`) or the rule for zero, and what they call."""
    return [
        _dot(), _dot_fast(), _four_rows(), _run_product(), _columns(),
        _dot_back("dot_back", False), _dot_back("dot_back_careful", True), _dot_back_fast(),
        _rows_back(True, True), _rows_back(True, False), _rows_back(False, True), _add_run(), _columns_back(),
    ]  # fmt: skip


def _dot() -> Code:
    code = Code("dot", ["i64 %p", "i64 %v"])
    f = Fields(code, "count target a sa b sb rows ra rb init ri")
    with code.loop(0, f.rows, carried=[("i64", f.a), ("i64", f.b)]) as row:
        a, b = row.values
        first = code.fmul(code.load("%v", a), code.load("%v", b))
        there, place = first_summand(code, f, row.index)
        safe = code.chosen(there, place, "0")
        with_init = code.fadd(code.load("%v", safe), first)
        y = code.chosen(there, with_init, first, "double")
        firsts = [("double", y), ("i64", code.plus(a, f.sa)), ("i64", code.plus(b, f.sb))]
        with code.loop(1, f.count, carried=firsts) as each:
            y, x, z = each.values
            product = code.fmul(code.load("%v", x), code.load("%v", z))
            each.following = [code.fadd(y, product), code.plus(x, f.sa), code.plus(z, f.sb)]
        code.store(each.values[0], "%v", code.plus(f.target, row.index))
        row.following = [code.plus(a, f.ra), code.plus(b, f.rb)]
    code.close()
    return code


def _swapped(code: Code, f: Fields) -> str:
    """Make b what all rows share; whether a and b changed places."""
    swap = code.both(code.asks("eq", f.ra, 0), code.asks("ne", f.rb, 0))
    for one, other in (("a", "b"), ("sa", "sb"), ("ra", "rb")):
        x, z = getattr(f, one), getattr(f, other)
        setattr(f, one, code.chosen(swap, z, x))
        setattr(f, other, code.chosen(swap, x, z))
    return swap


def _dot_fast() -> Code:
    code = Code("dot_fast", ["i64 %p", "i64 %v"])
    f = Fields(code, "count target a sa b sb rows ra rb init ri")
    _swapped(code, f)
    there = code.asks("sge", f.init, 0)
    dense = code.both(code.asks("eq", f.sa, 1), code.asks("eq", f.sb, 1))
    dense = code.both(dense, code.asks("sge", f.count, 4))
    shared = code.asks("eq", f.rb, 0)
    with code.otherwise(dense, "done"):
        # four rows at once where they share b, the others one by one
        whole = code.value(f"and i64 {f.rows}, -4")
        many = code.chosen(shared, whole, "0")
        with code.loop(0, many, step=4) as four:
            a = code.plus(f.a, code.times(four.index, f.ra))
            given = ["%v", code.plus(f.target, four.index), a, f.ra, f.b, f.count]
            init = code.plus(f.init, code.times(four.index, f.ri))
            given += [code.chosen(there, init, "-1"), f.ri]
            _call(code, "four_rows", given)
        with code.loop(many, f.rows) as row:
            a, b = code.plus(f.a, code.times(row.index, f.ra)), code.plus(f.b, code.times(row.index, f.rb))
            _store_row(code, f, there, row.index, _product(code, ["%v", a, "%v", b, f.count]))
    side = code.both(code.both(code.asks("eq", f.ra, 1), shared), code.asks("sge", f.rows, 4))
    with code.otherwise(side, "done"):
        _call(code, "columns", ["%v", f.target, f.a, f.sa, f.b, f.sb, f.count, f.rows, f.init, f.ri])
    with code.loop(0, f.rows, carried=[("i64", f.a), ("i64", f.b)]) as row:
        a, b = row.values
        with code.loop(0, f.count, carried=[("double", "-0.0"), ("i64", a), ("i64", b)]) as each:
            y, x, z = each.values
            y = code.multiply_add(code.load("%v", x), code.load("%v", z), y)
            each.following = [y, code.plus(x, f.sa), code.plus(z, f.sb)]
        _store_row(code, f, there, row.index, each.values[0])
        row.following = [code.plus(a, f.ra), code.plus(b, f.rb)]
    code.jump("done")
    code.label("done")
    code.close()
    return code


def _store_row(code: Code, f: Fields, there: str, r: str, y: str) -> None:
    place = code.chosen(there, code.plus(f.init, code.times(r, f.ri)), "0")
    start = code.chosen(there, code.load("%v", place), "-0.0", "double")
    code.store(code.fadd(start, y), "%v", code.plus(f.target, r))


def _call(code: Code, name: str, given: list[str]) -> None:
    code.line(f"call void @{name}({', '.join(f'i64 {each}' for each in given)})")


def _product(code: Code, given: list[str]) -> str:
    return code.value(f"call double @run_product({', '.join(f'i64 {each}' for each in given)})")


def _run_product() -> Code:
    """The product of a run at x in an array v, and one at z in w."""
    code = Code("run_product", ["i64 %v", "i64 %x", "i64 %w", "i64 %z", "i64 %n"], "double")
    start, y = "0", "-0.0"
    for kind, width, none in ((PACK, LANES, NOTHING), (QUAD, 4, NO_QUAD), ("double", 1, y)):
        with code.loop(start, code.plus("%n", 1 - width), width, [(kind, none if width > 1 else y)]) as loop:
            x = code.load_pack("%v", code.plus("%x", loop.index), kind)
            z = code.load_pack("%w", code.plus("%z", loop.index), kind)
            loop.following = [code.multiply_add(x, z, loop.values[0], kind)]
        start, found = loop.index, loop.values[0]
        y = found if width == 1 else code.fadd(y, code.total(found, width))
    code.close(f"double {y}")
    return code


def _four_rows() -> Code:
    """Four rows without gaps, all times the run at b; their results stand side by side."""
    given = ["i64 %v", "i64 %t", "i64 %a", "i64 %ra", "i64 %b", "i64 %n", "i64 %init", "i64 %ri"]
    code = Code("four_rows", given)
    rows = ["%a"]
    for _ in range(3):
        rows.append(code.plus(rows[-1], "%ra"))
    zero = (PACK, NOTHING)
    with code.loop(0, code.plus("%n", -LANES + 1), LANES, [zero] * 4) as wide:
        x = code.load_pack("%v", code.plus("%b", wide.index))
        packs = [code.load_pack("%v", code.plus(row, wide.index)) for row in rows]
        wide.following = [code.multiply_add(p, x, s, PACK) for p, s in zip(packs, wide.values, strict=True)]
    y = _totals(code, wide.values)
    with code.loop(wide.index, "%n", 1, [(QUAD, y)]) as each:
        x = code.spread(code.load("%v", code.plus("%b", each.index)), QUAD)
        column = code.packed([code.load("%v", code.plus(row, each.index)) for row in rows])
        each.following = [code.multiply_add(column, x, each.values[0], QUAD)]
    y = each.values[0]
    with code.otherwise(code.asks("slt", "%init", 0), "plain"):
        pass
    places = ["%init"]
    for _ in range(3):
        places.append(code.plus(places[-1], "%ri"))
    start = code.packed([code.load("%v", place) for place in places])
    code.store_pack(code.fadd(y, start, QUAD), "%v", "%t", QUAD)
    code.close()
    code.label("plain")
    code.store_pack(y, "%v", "%t", QUAD)
    code.close()
    return code


def _totals(code: Code, packs: list[str]) -> str:
    """The sums of four vectors, as a vector: added in pairs of neighbours, of two vectors at a time."""

    def pairs(one: str, other: str, width: int) -> str:
        places = [k for k in range(LANES) if k // width % 2 == 0]
        first = [place for k in range(0, len(places), width) for place in
                 (*places[k : k + width], *(p + LANES for p in places[k : k + width]))]  # fmt: skip
        low = code.shuffled(one, other, first)
        high = code.shuffled(one, other, [place + width for place in first])
        return code.fadd(low, high, PACK)

    both = pairs(pairs(packs[0], packs[1], 1), pairs(packs[2], packs[3], 1), 2)
    low, high = (code.shuffled(both, both, range(start, start + 4)) for start in (0, 4))
    return code.fadd(low, high, QUAD)


def _columns() -> Code:
    """Rows that stand side by side (ra = 1), all times what stands at b: several rows at once."""
    names = ("v", "t", "a", "sa", "b", "sb", "n", "rows", "init", "ri")
    code = Code("columns", [f"i64 %{name}" for name in names])
    start: str = "0"
    for blocks, kind in ((2, PACK), (1, PACK), (1, QUAD), (0, "double")):
        width = max(blocks, 1) * (LANES if kind == PACK else 4 if kind == QUAD else 1)
        with code.loop(start, code.plus("%rows", 1 - width), width) as row:
            first = code.plus("%a", row.index)
            zero = "-0.0" if kind == "double" else NOTHING if kind == PACK else NO_QUAD
            with code.loop(
                0, "%n", 1, [(kind, zero)] * max(blocks, 1) + [("i64", first), ("i64", "%b")]
            ) as each:
                *sums, a, b = each.values
                number = code.load("%v", b)
                x = number if kind == "double" else code.spread(number, kind)
                packs = [code.load_pack("%v", code.plus(a, LANES * k), kind) for k in range(len(sums))]
                sums = [code.multiply_add(p, x, s, kind) for p, s in zip(packs, sums, strict=True)]
                each.following = [*sums, code.plus(a, "%sa"), code.plus(b, "%sb")]
            target = code.plus("%t", row.index)
            for k, y in enumerate(each.values[:-2]):
                code.store_pack(y, "%v", code.plus(target, LANES * k), kind)
        start = row.index
    with code.when(code.asks("sge", "%init", 0)), code.loop(0, "%rows") as row:
        code.increase(
            "%v",
            code.plus("%t", row.index),
            code.load("%v", code.plus("%init", code.times(row.index, "%ri"))),
        )
    code.close()
    return code


# --- back ---------------------------------------------------------------------------------------------------


def _dot_back(name: str, careful: bool) -> Code:
    code = Code(name, ["i64 %p", "i64 %v", "i64 %g"])
    f = Fields(code, "count target a sa b sb rows ra rb init ri active")
    to_a, to_b = code.has_bit(f.active, 1), code.has_bit(f.active, 2)
    product: Callable[[str, str], str] = code.chained if careful else code.fmul
    with code.loop(0, f.rows, carried=[("i64", f.a), ("i64", f.b)]) as row:
        a, b = row.values
        u = code.load("%g", code.plus(f.target, row.index))
        to_first_summand(code, f, row.index, u)
        with code.loop(0, f.count, carried=[("i64", a), ("i64", b)]) as each:
            x, z = each.values
            with code.when(to_a):
                code.increase("%g", x, product(u, code.load("%v", z)))
            with code.when(to_b):
                code.increase("%g", z, product(u, code.load("%v", x)))
            each.following = [code.plus(x, f.sa), code.plus(z, f.sb)]
        row.following = [code.plus(a, f.ra), code.plus(b, f.rb)]
    code.close()
    return code


def _dot_back_fast() -> Code:
    code = Code("dot_back_fast", ["i64 %p", "i64 %v", "i64 %g"])
    f = Fields(code, "count target a sa b sb rows ra rb init ri active")
    with code.when(code.has_bit(f.active, 8)), code.loop(0, f.rows) as row:
        u = code.load("%g", code.plus(f.target, row.index))
        code.increase("%g", code.plus(f.init, code.times(row.index, f.ri)), u)
    first, second = code.has_bit(f.active, 1), code.has_bit(f.active, 2)
    swap = _swapped(code, f)
    to_a, to_b = code.chosen(swap, second, first, "i1"), code.chosen(swap, first, second, "i1")
    dense = code.both(code.asks("eq", f.sa, 1), code.asks("eq", f.sb, 1))
    dense = code.both(dense, code.asks("sge", f.count, 4))
    shared = code.asks("eq", f.rb, 0)
    with code.otherwise(dense, "done"):
        whole = code.value(f"and i64 {f.rows}, -4")
        many = code.chosen(shared, whole, "0")
        with code.loop(0, many, step=4) as four:
            a = code.plus(f.a, code.times(four.index, f.ra))
            given = ["%v", "%g", code.plus(f.target, four.index), a, f.ra, f.b, f.count]
            next_four = code.fresh("next")
            with code.otherwise(code.both(to_a, to_b), next_four):
                _call(code, "rows_back_both", given)
            with code.otherwise(to_a, next_four):
                _call(code, "rows_back_own", given)
            with code.otherwise(to_b, next_four):
                _call(code, "rows_back_shared", given)
            code.jump(next_four)
            code.label(next_four)
        with code.loop(many, f.rows) as row:
            a, b = code.plus(f.a, code.times(row.index, f.ra)), code.plus(f.b, code.times(row.index, f.rb))
            u = code.load("%g", code.plus(f.target, row.index))
            with code.when(to_a):
                _add_scaled(code, "%g", a, u, "%v", b, f.count)
            with code.when(to_b):
                _add_scaled(code, "%g", b, u, "%v", a, f.count)
    side = code.both(code.both(code.asks("eq", f.ra, 1), shared), code.asks("sge", f.rows, 4))
    with code.otherwise(side, "done"):
        bits = code.value(f"zext i1 {to_a} to i64"), code.value(f"zext i1 {to_b} to i64")
        _call(code, "columns_back", ["%v", "%g", f.target, f.a, f.sa, f.b, f.sb, f.count, f.rows, *bits])
    with code.loop(0, f.rows, carried=[("i64", f.a), ("i64", f.b)]) as row:
        a, b = row.values
        u = code.load("%g", code.plus(f.target, row.index))
        for bit, x, sx, z, sz in ((to_a, a, f.sa, b, f.sb), (to_b, b, f.sb, a, f.sa)):
            with code.when(bit), code.loop(0, f.count, carried=[("i64", x), ("i64", z)]) as each:
                to, of = each.values
                code.increase("%g", to, code.fmul(u, code.load("%v", of)))
                each.following = [code.plus(to, sx), code.plus(of, sz)]
        row.following = [code.plus(a, f.ra), code.plus(b, f.rb)]
    code.jump("done")
    code.label("done")
    code.close()
    return code


def _add_scaled(code: Code, w: str, to: str, u: str, v: str, of: str, n: str) -> None:
    code.line(f"call void @add_run(i64 {w}, i64 {to}, double {u}, i64 {v}, i64 {of}, i64 {n})")


def _add_run() -> Code:
    """w[to + k] += u * v[of + k]"""
    code = Code("add_run", ["i64 %w", "i64 %to", "double %u", "i64 %v", "i64 %of", "i64 %n"])
    many, few = code.spread("%u"), code.spread("%u", QUAD)
    start = "0"
    for kind, width, u in ((PACK, LANES, many), (QUAD, 4, few), ("double", 1, "%u")):
        with code.loop(start, code.plus("%n", 1 - width), width) as loop:
            to = code.plus("%to", loop.index)
            x = code.load_pack("%v", code.plus("%of", loop.index), kind)
            code.store_pack(code.multiply_add(x, u, code.load_pack("%w", to, kind), kind), "%w", to, kind)
        start = loop.index
    code.close()
    return code


def _rows_back(own: bool, shared: bool) -> Code:
    """To four rows without gaps (`own`), and to what they share, in one go."""
    name = "rows_back_" + ("both" if own and shared else "own" if own else "shared")
    code = Code(name, ["i64 %v", "i64 %g", "i64 %t", "i64 %a", "i64 %ra", "i64 %b", "i64 %n"])
    rows = ["%a"]
    for _ in range(3):
        rows.append(code.plus(rows[-1], "%ra"))
    scalars = [code.load("%g", code.plus("%t", k)) for k in range(4)]
    packs, quads = [code.spread(u) for u in scalars], [code.spread(u, QUAD) for u in scalars]
    start: str = "0"
    for kind, width, us in ((PACK, LANES, packs), (QUAD, 4, quads), ("double", 1, scalars)):
        with code.loop(start, code.plus("%n", 1 - width), width) as loop:
            b = code.plus("%b", loop.index)
            places = [code.plus(row, loop.index) for row in rows]
            if shared:
                s = code.load_pack("%g", b, kind)
                for place, u in zip(places, us, strict=True):
                    s = code.multiply_add(code.load_pack("%v", place, kind), u, s, kind)
                code.store_pack(s, "%g", b, kind)
            if own:
                x = code.load_pack("%v", b, kind)
                for place, u in zip(places, us, strict=True):
                    code.store_pack(
                        code.multiply_add(x, u, code.load_pack("%g", place, kind), kind), "%g", place, kind
                    )
        start = loop.index
    code.close()
    return code


def _columns_back() -> Code:
    """From rows side by side to their columns and to the factor of each column."""
    names = ("v", "g", "t", "a", "sa", "b", "sb", "n", "rows", "to_a", "to_b")
    code = Code("columns_back", [f"i64 %{name}" for name in names])
    to_a, to_b = code.asks("ne", "%to_a", 0), code.asks("ne", "%to_b", 0)
    with code.loop(0, "%n", 1, [("i64", "%a"), ("i64", "%b")]) as each:
        a, b = each.values
        x = code.load("%v", b)
        with code.when(to_b):
            code.increase("%g", b, _product(code, ["%g", "%t", "%v", a, "%rows"]))
        with code.when(to_a):
            _add_scaled(code, "%g", a, x, "%g", "%t", "%rows")
        each.following = [code.plus(a, "%sa"), code.plus(b, "%sb")]
    code.close()
    return code
