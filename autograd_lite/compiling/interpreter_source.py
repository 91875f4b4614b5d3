"""An interpreter of plans as a module in LLVM's assembly language: one branch for every row of the op table.

`run` computes the outputs of a plan and the gradients; the arrays and sizes it works on stand in a list of
integers, its only argument but for the mode (`STATE`). The interpreter is the same for all plans, so it is
compiled once (`interpreter_code.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from . import interpreter_lists as lists
from . import interpreter_products, interpreter_sums
from .instructions import AT, BROADCAST, DOT, DOT_LIST, FIELDS, SUM, SUM_LIST
from .interpreter_rows import Run, go_back, go_forward
from .interpreter_text import LANES, PACK, Code
from .llvm_engine import pointer
from .llvm_text import Writer
from .tape import CHAIN, ROWS, TAKE

__all__ = ["ALL_ROWS", "END", "MODES", "STATE", "Source", "interpreter_source"]

STATE = (
    "code", "end", "index", "listed", "v", "g", "size", "guards", "guard_count", "expected", "outputs",
    "output_count", "wanted", "wanted_count", "wanted_start", "seeds", "given_outputs", "given_gradients",
    "spare", "exact", "leaves", "places", "moved_count",
)  # fmt: skip
"""What stands in the list that `run` gets: addresses, counts, whether sums go from left to right (`exact`),
and the first slot wanted if those wanted stand side by side (else -1). `moved_count` leaves are moved from
`leaves` to their slots, `places`; if it is 0, the leaves stand in `v` already."""

MODES = {"values": 0, "gradients": 1, "seeded": 2, "gradients_again": 5, "seeded_again": 6}
"""What `run` does: outputs only; gradients of their sum, 1 times each; of their sum with seeds. The others go
back again after such a run, by the rule for zero. Each is a function of the module, too."""
_AGAIN = 4

ALL_ROWS = tuple(code for code, row in enumerate(ROWS) if row.name not in ("select", "dot"))


_GIVEN = ("code", "end", "index", "listed", "v", "g", "s", "exact")


END = BROADCAST + 1
"""The op of what stands before the first instruction and after the last one."""


class Source(NamedTuple):
    """A module and the C functions that it calls."""

    text: str
    externals: tuple[str, ...]


def interpreter_source(rows: Iterable[int] = ALL_ROWS, orders: Sequence[float] = ()) -> Source:
    """An interpreter that knows these rows, by their codes, and all that is no row.

    `orders` are those that polygamma may have, as its rule depends on it.
    """
    known = sorted(rows)
    codes = [
        *interpreter_products.functions(),
        *interpreter_sums.functions(),
        _forward(known, orders),
        *(_backward(known, orders, careful) for careful in (False, True)),
        _run(),
        *(_mode(name, mode) for name, mode in MODES.items()),
    ]
    return assembled(codes)


def _mode(name: str, mode: int) -> Code:
    code = Code(name, ["i64 %state"], "i64", public=True)
    code.close(f"i64 {code.value(f'call i64 @run(i64 %state, i64 {mode})')}")
    return code


def assembled(codes: Sequence[Code]) -> Source:
    """The module of functions that call each other."""
    whole = Writer(pointer())
    whole.line("ret void")
    declared: set[str] = set()
    for code in codes:
        whole.calls.update(code.calls)
        whole.helpers |= code.helpers
        declared |= code.declared
    head = whole.module("define internal void @nothing()")  # with what all functions call before it
    return Source(
        "\n".join([head, *sorted(declared), *(code.text() for code in codes)]), tuple(whole.externals())
    )


def _interpreter(name: str, back: bool, handlers: dict[int, Callable[[Code], None]]) -> Code:
    """A loop over the instructions: each jumps to the handler of its op, the last one (END) to the end."""
    code = Code(name, [f"i64 %{word}" for word in _GIVEN])
    size = 4 * len(FIELDS)
    kind = code.pointer if code.pointer == "ptr" else "i8*"
    places = [f"op{op}" if op in handlers else "after" for op in range(END)] + ["done"]
    listed = ", ".join(f"{kind} blockaddress(@{name}, %{place})" for place in places)
    code.declared.add(f"@{name}.handlers = internal constant [{END + 1} x {kind}] [{listed}]")
    code.line(f"%table = ptrtoint {_pointer_to(f'[{END + 1} x {kind}]', code)} @{name}.handlers to i64")
    first = code.plus("%end", -size) if back else "%code"
    code.jump("next")
    code.label("next")
    code.line(f"%p = phi i64 [ {first}, %start ], [ %following, %after ]")
    for field, given in (("op", "%op"), ("count", "%n"), ("target", "%t")):
        code.line(f"{given}.short = load i32, {code.pointer_to('%p', AT[field], 'i32', 2)}, align 4")
        code.line(f"{given} = sext i32 {given}.short to i64")
    handler = code.value(f"load {kind}, {code.pointer_to('%table', '%op', kind)}, align 8")
    targets = ", ".join(f"label %{place}" for place in sorted(set(places)))
    code.line(f"indirectbr {kind} {handler}, [{targets}]")
    for op, write in sorted(handlers.items()):
        code.label(f"op{op}")
        write(code)
    code.label("after")
    code.line(f"%following = add i64 %p, {-size if back else size}")
    code.jump("next")
    code.label("done")
    code.close()
    return code


def _pointer_to(kind: str, code: Code) -> str:
    return code.pointer if code.pointer == "ptr" else f"{kind}*"


Write = Callable[[Code], None]


def _then_after(write: Write) -> Write:
    def whole(code: Code) -> None:
        write(code)
        code.jump("after")

    return whole


def _calls(name: str, *given: str) -> Write:
    return lambda code: code.line(f"call void @{name}({', '.join(f'i64 {each}' for each in given)})")


def _by_order(exact: Write, fast: Write) -> Write:
    """Sums from left to right, or in any order."""

    def write(code: Code) -> None:
        done = code.fresh("added")
        with code.otherwise(code.asks("ne", "%exact", 0), done):
            exact(code)
        fast(code)
        code.jump(done)
        code.label(done)

    return write


def _single(code: Code, back: bool) -> None:
    """A DOT of one product and a first summand in each row, with sums in any order: no call for that.

    Goes on behind it for any other DOT.
    """
    single = code.both(code.asks("eq", "%n", 1), code.asks("eq", "%exact", 0))
    single = code.both(single, code.asks("sge", code.field("%p", AT["init"]), 0))
    code.branch(single, "single", "product")
    code.label("single")
    run = Run(code, "single", ("a", "b", "init"), ("ra", "rb", "ri"), "after", code.field("%p", AT["rows"]))
    a, b, init = run.slots
    x, z = code.load("%v", a), code.load("%v", b)
    if back:
        active, u = code.field("%p", AT["active"]), code.load("%g", run.target)
        for bit, slot, local in ((1, a, z), (2, b, x)):
            with code.when(code.has_bit(active, bit)):
                code.store(code.multiply_add(u, local, code.load("%g", slot)), "%g", slot)
        with code.when(code.has_bit(active, 8)):
            code.increase("%g", init, u)
    else:
        code.store(code.multiply_add(x, z, code.load("%v", init)), "%v", run.target)
    run.close()
    code.label("product")


def _forward(rows: Sequence[int], orders: Sequence[float]) -> Code:
    dots = _by_order(_calls("dot", "%p", "%v"), _calls("dot_fast", "%p", "%v"))

    def products(code: Code) -> None:
        _single(code, back=False)
        dots(code)

    handlers: dict[int, Write] = {
        DOT: _then_after(products),
        SUM: _then_after(_calls("sums", "%p", "%v")),
        DOT_LIST: _then_after(lists.dot_list),
        SUM_LIST: _then_after(lists.sum_list),
        TAKE: _then_after(lists.take),
        CHAIN: lambda code: go_forward(code, CHAIN, "after", ()),
    }
    for op in rows:
        if ROWS[op].arity is None:
            handlers[op] = _then_after(partial(lists.list_forward, row=ROWS[op]))
        else:
            handlers[op] = partial(go_forward, op=op, after="after", orders=orders)
    return _interpreter("forward", False, handlers)


def _backward(rows: Sequence[int], orders: Sequence[float], careful: bool) -> Code:
    given = "%p", "%v", "%g"
    dots = _by_order(_calls("dot_back", *given), _calls("dot_back_fast", *given))

    def products(code: Code) -> None:
        if careful:
            _calls("dot_back_careful", *given)(code)
        else:
            _single(code, back=True)
            dots(code)

    handlers: dict[int, Write] = {
        DOT: _then_after(products),
        SUM: _then_after(_calls("sums_back", "%p", "%g")),
        DOT_LIST: _then_after(lambda code: lists.dot_list_back(code, careful)),
        SUM_LIST: _then_after(lists.sum_list_back),
        TAKE: _then_after(lists.take_back),
        CHAIN: lambda code: go_back(code, CHAIN, "after", (), careful),
    }
    for op in rows:
        if ROWS[op].arity is None:
            handlers[op] = _then_after(partial(lists.list_back, row=ROWS[op], careful=careful))
        else:
            handlers[op] = partial(go_back, op=op, after="after", orders=orders, careful=careful)
    return _interpreter("backward_careful" if careful else "backward", True, handlers)


def _run() -> Code:
    code = Code("run", ["i64 %state", "i64 %mode"], "i64", public=True)
    at = {name: code.word("%state", place) for place, name in enumerate(STATE)}
    pointers = [at[name] for name in ("code", "end", "index", "listed", "v", "g", "spare", "exact")]
    given = ", ".join(f"i64 {each}" for each in pointers)
    with code.otherwise(code.has_bit("%mode", _AGAIN), "seed"):
        pass
    with code.loop(0, at["moved_count"]) as each:
        code.store(code.load(at["leaves"], each.index), at["v"], code.field(at["places"], each.index))
    code.line(f"call void @forward({given})")
    _check_guards(code, at)
    with code.loop(0, at["output_count"]) as each:
        number = code.load(at["v"], code.field(at["outputs"], each.index))
        code.store(number, at["given_outputs"], each.index)
    with code.otherwise(code.asks("eq", "%mode", 0), "good"):
        pass
    code.jump("seed")
    code.label("seed")
    clear(code, at["g"], at["size"])
    seeded = code.has_bit("%mode", 2)
    with code.loop(0, at["output_count"]) as each:
        number = code.chosen(seeded, code.load(at["seeds"], each.index), "1.0", "double")
        code.increase(at["g"], code.field(at["outputs"], each.index), number)
    with code.otherwise(code.has_bit("%mode", _AGAIN), "give"):
        code.line(f"call void @backward_careful({given})")
    code.line(f"call void @backward({given})")
    code.jump("give")
    code.label("give")
    with code.otherwise(code.asks("sge", at["wanted_start"], 0), "whole"):
        pass
    with code.loop(0, at["wanted_count"], 1, [("i1", "false")]) as each:
        number = code.load(at["g"], code.field(at["wanted"], each.index))
        code.store(number, at["given_gradients"], each.index)
        each.following = [code.either(each.values[0], code.value(f"fcmp uno double {number}, {number}"))]
    code.close(f"i64 {code.chosen(each.values[0], '-2', '-1')}")
    code.label("whole")
    _give_run(code, at)
    code.label("good")
    code.close("i64 -1")
    return code


def _give_run(code: Code, at: dict[str, str]) -> None:
    """Copy the gradients wanted, which stand side by side, and return."""
    first, start, strange = at["wanted_start"], "0", "false"
    for kind, width in ((PACK, LANES), ("double", 1)):
        none, bits = ("zeroinitializer", f"<{LANES} x i1>") if width > 1 else ("false", "i1")
        stop = code.plus(at["wanted_count"], 1 - width)
        with code.loop(start, stop, width, [(bits, none)]) as each:
            numbers = code.load_pack(at["g"], code.plus(first, each.index), kind)
            code.store_pack(numbers, at["given_gradients"], each.index, kind)
            found = code.value(f"fcmp uno {kind} {numbers}, {numbers}")
            each.following = [code.value(f"or {bits} {each.values[0]}, {found}")]
        found = each.values[0]
        if width > 1:
            whole = code.value(f"bitcast {bits} {found} to i{LANES}")
            found = code.value(f"icmp ne i{LANES} {whole}, 0")
        start, strange = each.index, code.either(strange, found)
    code.close(f"i64 {code.chosen(strange, '-2', '-1')}")


def clear(code: Code, base: str, count: str) -> None:
    """Set numbers to 0."""
    with code.loop(0, code.plus(count, 1 - LANES), LANES) as wide:
        code.store_pack("zeroinitializer", base, wide.index)
    with code.loop(wide.index, count) as each:
        code.store("0.0", base, each.index)


def _check_guards(code: Code, at: dict[str, str]) -> None:
    """Return the first guard that misses: a number with other bits, NaN being NaN."""
    with code.loop(0, at["guard_count"]) as each:
        number = code.load(at["v"], code.field(at["guards"], each.index))
        expected = code.load(at["expected"], each.index)
        bits = [code.value(f"bitcast double {x} to i64") for x in (number, expected)]
        strange = [code.value(f"fcmp uno double {x}, {x}") for x in (number, expected)]
        holds = code.either(code.asks("eq", *bits), code.both(*strange))
        miss = code.fresh("missed")
        on = code.fresh("holds")
        code.branch(holds, on, miss)
        code.label(miss)
        code.close(f"i64 {each.index}")
        code.label(on)
