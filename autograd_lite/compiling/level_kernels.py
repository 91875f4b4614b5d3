"""Rows of the op table as functions of whole arrays, written out from their rules.

A row runs on symbols, and what it gives is printed as calls of NumPy, one a line; equal expressions are one,
and what is not read again is overwritten. `natives["numpy"]` names what NumPy has itself; every other row
is expanded by its generic form.

>>> print(array_source(CODE["relu"], (0,)))
def forward(out, a):
    t0 = less_equal(a, 0.0)
    copyto(out, a)
    putmask(out, t0, 0.0)
def backward(upstream, y, a, into0=None):
    t0 = less_equal(a, 0.0)
    t1 = subtract(1.0, t0)
    t1 = multiply(upstream, t1, out=t1 if into0 is None else into0)
    return t1,
def slopes(y, a):
    t0 = less_equal(a, 0.0)
    t1 = subtract(1.0, t0)
    return t1,
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy

from ..errors import ArgumentError
from ..ops import Op
from ..symbols import Symbol, as_symbol
from .tape import CHAIN, CODE, ROWS

__all__ = ["ArrayKernel", "array_kernel", "array_source", "chained"]

_NAMES = ("a", "b", "c")
_CONDITIONS = {row.natives["numpy"] for row in ROWS if row.condition}
_CHOOSE, _ZERO, _ONE = ROWS[CODE["choose"]], as_symbol(0.0).key, as_symbol(1.0).key


class ArrayKernel(NamedTuple):
    """A row on arrays of one shape."""

    forward: Callable[..., None]
    """forward(out, *operands)"""
    backward: Callable[..., tuple[Any, ...]]
    """backward(upstream, y, *operands, *into): what goes to each operand asked for. No argument is changed,
    but one may be given back, but for `into`: an array there may be written to, and is given back then."""
    slopes: Callable[..., tuple[Any, ...]]
    """slopes(y, *operands): the partial derivatives by the operands asked for, for the careful pass."""


@cache
def array_kernel(code: int, asked: tuple[int, ...]) -> ArrayKernel:
    """The functions of a row of fixed arity (or CHAIN), with gradients by the operands in these places."""
    if code == CHAIN:
        return _chain_kernel(asked)
    try:
        source = array_source(code, asked)
    except (TypeError, ArgumentError):  # a rule that needs a plain number, such as polygamma's order
        return _element_kernel(ROWS[code], asked)
    names: dict[str, Any] = {**vars(numpy), "__builtins__": {}}
    # the source is written from our own op table
    exec(compile(source, f"<{ROWS[code].name} on arrays>", "exec"), names)
    return ArrayKernel(names["forward"], names["backward"], names["slopes"])


def array_source(code: int, asked: tuple[int, ...]) -> str:
    """The source of the functions of a row."""
    row = ROWS[code]
    operands, immediates = _symbols(row)
    named = (*operands, *immediates)
    taken = ", ".join(symbol.leaf for symbol in named if isinstance(symbol.leaf, str))
    value = Symbol(op=row, arguments=operands, immediates=immediates)
    found = [as_symbol(slope) for slope in row.partials(*operands, *immediates, Symbol("y"))]
    wanted = [found[place] for place in asked]
    lines = [f"def forward(out, {taken}):", *_Lines().stored(value)]
    places = "".join(f", into{k}=None" for k in range(len(wanted)))
    times = [_times(slope) for slope in wanted]
    lines += [f"def backward(upstream, y, {taken}{places}):", *_Lines().returned(times, into=True)]
    lines += [f"def slopes(y, {taken}):", *_Lines().returned(wanted)]
    return "\n".join(lines)


def _symbols(row: Op) -> tuple[tuple[Symbol, ...], tuple[Symbol, ...]]:
    arity = row.arity or 0
    return tuple(map(Symbol, _NAMES[:arity])), tuple(map(Symbol, _NAMES[arity : arity + len(row.immediates)]))


def _times(slope: Symbol) -> Symbol:
    """The adjoint times a slope."""
    if slope.op is None and slope.leaf == -1.0:
        return Symbol(op=ROWS[CODE["neg"]], arguments=(Symbol("upstream"),))
    return as_symbol(Symbol("upstream") * slope)


class _Lines:
    """Assignments that compute expressions."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, list[str], bool]] = []  # function, operands, whether `out` can be given
        self.known: dict[Any, str] = {}
        self.lines: list[str] = []
        self.final: dict[str, str] = {}
        self.read: list[str] = []  # the operands of the last step, as they are called

    def stored(self, symbol: Symbol) -> list[str]:
        """The lines that put an expression into `out`."""
        result = self._name(symbol)
        self._write([result])
        if not self.steps:
            return [f"    copyto(out, {result})"]
        name, _, fills = self.steps[-1]
        if fills:
            return [*self.lines[:-1], f"    {name}({', '.join(self.read)}, out=out)"]
        if name == "where":  # in two calls, which is quicker than one
            condition, first, second = self.read
            return [*self.lines[:-1], f"    copyto(out, {second})", f"    putmask(out, {condition}, {first})"]
        return [*self.lines[:-1], f"    copyto(out, {name}({', '.join(self.read)}))"]

    def returned(self, symbols: Sequence[Symbol], *, into: bool = False) -> list[str]:
        """The lines that give expressions back; each may be computed `into` an array."""
        results = [self._name(symbol) for symbol in symbols]
        self._write(results, {result: f"into{k}" for k, result in enumerate(results)} if into else {})
        given = "".join(f"{self.final[result]}, " for result in results) or "()"
        return [*self.lines, f"    return {given.rstrip()}"]

    def _name(self, symbol: Symbol) -> str:
        if symbol.op is None:
            leaf = symbol.leaf
            return (
                leaf if isinstance(leaf, str) else f"bool_({leaf})" if isinstance(leaf, bool) else repr(leaf)
            )
        if symbol.key not in self.known:
            self.known[symbol.key] = self._step(symbol)
        return self.known[symbol.key]

    def _step(self, symbol: Symbol) -> str:
        op, arguments = symbol.op, symbol.arguments
        assert op is not None
        native = op.natives.get("numpy", "")
        if op is _CHOOSE:
            condition, first, second = arguments
            # |x| as a smooth rule writes it, in one call instead of three
            if condition.key == ("less", second.key, _ZERO) and first.key == ("neg", second.key):
                native, arguments = "absolute", (second,)
            # a choice of 0 and 1 is the condition as a number
            elif condition.is_condition and (first.key, second.key) == (_ZERO, _ONE):
                native, arguments = "subtract", (as_symbol(1.0), condition)
            elif condition.is_condition and (first.key, second.key) == (_ONE, _ZERO):
                native, arguments = "add", (as_symbol(0.0), condition)
        elif not native:
            packed: tuple[Any, ...] = (arguments,) if op.arity is None else arguments
            form: Any = op.native if op.intrinsic else op.forward
            return self._name(as_symbol(form(*packed, *symbol.immediates)))
        operands = [self._name(each) for each in (*arguments, *map(as_symbol, symbol.immediates))]
        fills = isinstance(getattr(numpy, native or "where"), numpy.ufunc) and not op.condition
        self.steps.append((native or "where", operands, fills))
        return f"#{len(self.steps) - 1}"

    def _write(self, results: Sequence[str], into: Mapping[str, str] | None = None) -> None:
        """A line for each step; a step overwrites an operand that nothing reads again."""
        into = into or {}
        last = {operand: place for place, (_, operands, _) in enumerate(self.steps) for operand in operands}
        last.update((result, len(self.steps)) for result in results)
        arrays: set[str] = set()  # of floats
        count = 0
        for place, (function, operands, fills) in enumerate(self.steps):
            self.read = [self.final.get(operand, operand) for operand in operands]
            dying = [o for o in operands if o in arrays and last[o] == place and fills]
            target = self.final[dying[0]] if dying else f"t{count}"
            count += not dying
            self.final[f"#{place}"] = target
            if function not in _CONDITIONS:
                arrays.add(f"#{place}")
            place_for = into.get(f"#{place}", "") if fills else ""
            out = f"{target} if {place_for} is None else {place_for}" if place_for and dying else place_for
            written = [*self.read, *[f"out={out or target}"] * bool(dying or out)]
            self.lines.append(f"    {target} = {function}({', '.join(written)})")
        for result in results:
            self.final.setdefault(result, result)


def _chain_kernel(asked: tuple[int, ...]) -> ArrayKernel:
    def forward(out: Any, a: Any, b: Any) -> None:
        out[...] = chained(a, b)

    def slopes(y: Any, a: Any, b: Any) -> tuple[Any, ...]:
        return tuple((b, a)[place] for place in asked)

    def backward(upstream: Any, y: Any, a: Any, b: Any, *into: Any) -> tuple[Any, ...]:
        return tuple(upstream * (b, a)[place] for place in asked)

    return ArrayKernel(forward, backward, slopes)


def chained(upstream: Any, local: Any) -> Any:
    """`rules.chain` on arrays.

    >>> import numpy
    >>> with numpy.errstate(invalid="ignore"):
    ...     chained(numpy.array([0.0, 2.0]), numpy.array([numpy.inf, 3.0])).tolist()
    [0.0, 6.0]
    """
    product = upstream * local
    lost = numpy.isnan(product)
    if lost.any():
        absorbed = lost & ((upstream == 0.0) | ((local == 0.0) & (upstream == upstream)))
        product = numpy.where(absorbed, 0.0, product)
    return product


def _element_kernel(row: Op, asked: tuple[int, ...]) -> ArrayKernel:
    """For a rule that arrays cannot run: element by element, with the numbers that eager code gets."""
    arity = row.arity or 0

    def number(*given: float) -> float:
        return float(row.number(*given[:arity], immediates=given[arity:]))

    def slope(place: int) -> Callable[..., float]:
        return lambda y, *given: row.local_gradients(given[:arity], given[arity:], y)[place]

    count = arity + len(row.immediates)
    value = numpy.frompyfunc(number, count, 1)
    each = [numpy.frompyfunc(slope(place), count + 1, 1) for place in asked]

    def forward(out: Any, *operands: Any) -> None:
        out[...] = value(*operands)

    def slopes(y: Any, *operands: Any) -> tuple[Any, ...]:
        return tuple(function(y, *operands).astype(float) for function in each)

    def backward(upstream: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
        return tuple(upstream * found for found in slopes(y, *operands[:count]))

    return ArrayKernel(forward, backward, slopes)
