"""The rows of the op table as machine code over lanes, generated from their rules.

A row's `forward` and `partials` run on symbols, and each symbol becomes instructions on vectors: operators
and choices directly, the elementary functions by `lane_math`, a row with a rule by that rule, and what is
left by the C library, lane after lane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Any

from llvmlite import ir

from ..errors import ArgumentError
from ..ops import TABLE, Op
from ..symbols import Symbol, as_symbol
from . import lane_math
from .lane_vectors import F64, I32, VECTOR, WIDTH, Code, Mask, Vector
from .llvm_engine import PREFIX
from .tape import CHAIN, ROWS

__all__ = ["Expression", "chained", "partials_of", "value_of"]

_CHAINED = "chain"
"""Among the immediates of a product, says that it is one of the chain rule."""

_SIGNS = frozenset(("<", "<=", ">", ">=", "==", "!="))


def value_of(code: int, operands: Sequence[Symbol], immediates: Sequence[Any]) -> Symbol:
    """What a row computes, as an expression."""
    if code == CHAIN:
        return Symbol(op=TABLE["mul"], arguments=tuple(operands), immediates=(_CHAINED,))
    return Symbol(op=ROWS[code], arguments=tuple(operands), immediates=tuple(immediates))


def partials_of(code: int, operands: Sequence[Symbol], immediates: Sequence[Any]) -> tuple[Symbol, ...]:
    """The partial derivatives of a row by its operands, as expressions of these and of `y`."""
    if code == CHAIN:
        return operands[1], operands[0]
    row = ROWS[code]
    packed: Sequence[Any] = (tuple(operands),) if row.arity is None else operands
    return tuple(map(as_symbol, row.partials(*packed, *immediates, Symbol("y"))))


def chained(upstream: Vector, local: Vector) -> Vector:
    """upstream * local, where 0 times what is not finite is 0: `rules.chain`."""
    product = upstream * local
    zero = upstream.compare("==", 0.0) | (local.compare("==", 0.0) & ~upstream.is_nan())
    return (product.is_nan() & zero).where(0.0, product)


def _is_chain(symbol: Symbol) -> bool:
    return bool(symbol.immediates) and symbol.immediates[-1] is _CHAINED


@cache
def takes_plain_immediates(code: int) -> bool:
    """Whether a row needs its immediates as numbers, as polygamma does, which loops as often as they say."""
    row = ROWS[code]
    if not row.immediates or row.intrinsic:
        return False
    try:
        row.forward(*map(Symbol, "abc"[: row.arity or 0]), *map(Symbol, row.immediates))
    except TypeError:
        return True
    return False


class Expression:
    """Expressions as instructions: `number(symbol)` is a vector; equal expressions are computed once.

    `leaves` gives the vector of a name, when it is first needed.
    """

    def __init__(self, code: Code, leaves: dict[str, Callable[[], Vector]]) -> None:
        self._code = code
        self._leaves = leaves
        self._known: dict[Any, Vector | Mask] = {}
        self._simpler: dict[Any, Symbol | None] = {}

    def number(self, symbol: Symbol) -> Vector:
        """Its numbers in all lanes; a condition is 1 or 0."""
        found = self._emitted(symbol)
        return found if isinstance(found, Vector) else found.where(1.0, 0.0)

    def _number(self, symbol: Symbol) -> Vector:
        found = self._known[symbol.key]
        return found if isinstance(found, Vector) else found.where(1.0, 0.0)

    def _truth(self, symbol: Symbol) -> Mask:
        found = self._known[symbol.key]
        return found if isinstance(found, Mask) else found.compare("!=", 0.0)

    def _emitted(self, symbol: Symbol) -> Vector | Mask:
        """Operands first, without recursion: a sum of thousands is no deeper than one of two."""
        known = self._known
        stack = [symbol]
        while stack:
            top = stack[-1]
            if top.key in known:
                stack.pop()
                continue
            simpler = self._simplified(top)
            wanted = (simpler,) if simpler is not None else top.arguments
            pending = [each for each in wanted if each.key not in known]
            if pending:
                stack.extend(reversed(pending))
                continue
            known[top.key] = known[simpler.key] if simpler is not None else self._applied(top)
        return known[symbol.key]

    def _simplified(self, symbol: Symbol) -> Symbol | None:
        """The rule of a row that has one, where there is nothing quicker."""
        if symbol.key not in self._simpler:
            op = symbol.op
            simpler = None
            if op is not None and not _is_chain(symbol):
                simpler = _power(symbol)
                if simpler is None and not _is_direct(op):
                    packed: Any = (symbol.arguments,) if op.arity is None else symbol.arguments
                    form: Any = op.native if op.intrinsic else op.forward
                    try:
                        simpler = as_symbol(_FORMS.get(op.name, form)(*packed, *symbol.immediates))
                    except TypeError as error:
                        raise ArgumentError(
                            f'the row {op.name!r} cannot be computed in lanes: give it natives={{"c": …}}, '
                            "or a forward rule of operators, where and other rows"
                        ) from error
            self._simpler[symbol.key] = simpler
        return self._simpler[symbol.key]

    def _applied(self, symbol: Symbol) -> Vector | Mask:
        op = symbol.op
        if op is None:
            leaf = symbol.leaf
            return self._leaves[leaf]() if isinstance(leaf, str) else self._code.splat(float(leaf))
        given = symbol.arguments
        if op.infix in ("&", "|"):
            first, second = map(self._truth, given)
            return first & second if op.infix == "&" else first | second
        if op.name == "logical_not":
            return ~self._truth(given[0])
        if op.name == "choose":
            return self._truth(given[0]).where(*map(self._number, given[1:]))
        numbers = [self._number(each) for each in given]
        if _is_chain(symbol):
            return chained(*numbers)
        if op.infix in _SIGNS:
            return numbers[0].compare(op.infix, numbers[1])
        if op.infix and op.name in _ARITHMETIC:
            return _ARITHMETIC[op.name](*numbers)
        if op.name in lane_math.FUNCTIONS:
            return lane_math.FUNCTIONS[op.name](*numbers)
        return lane_by_lane(self._code, op.natives["c"], numbers)


_ARITHMETIC: dict[str, Callable[..., Vector]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
}


def _is_direct(op: Op) -> bool:
    if op.infix in _SIGNS or op.infix in ("&", "|") or op.name in ("choose", "logical_not"):
        return True
    if op.name in _ARITHMETIC or op.name in lane_math.FUNCTIONS:
        return True
    return op.name not in _FORMS and "c" in op.natives and (op.intrinsic or op.name not in _BY_RULE)


# rows with a rule that is as quick and exact as the C library's function, and needs no calls
_BY_RULE = {"ceil", "erf", "lgamma"}


def _norm(values: tuple[Symbol, ...]) -> Any:
    """Scaled by the largest, so that no square overflows; the infinite and NaN come out as in C's hypot."""
    sizes = [TABLE["abs"](value) for value in values]
    top = reduce(lambda a, b: _where(a >= b, a, b), sizes)
    infinite = reduce(lambda a, b: a | b, [size == float("inf") for size in sizes])
    scale = _where((top > 0.0) & (top < float("inf")), top, 1.0)
    total = reduce(lambda a, b: a + b, [(value / scale) * (value / scale) for value in values])
    return _where(infinite, float("inf"), scale * TABLE["sqrt"](total))


def _mod(a: Symbol, b: Symbol) -> Any:
    """The remainder with the sign of b, from C's, which has the sign of a."""
    rest = Symbol(op=_FMOD, arguments=(a, b))
    zero = _where(b < 0.0, -0.0, 0.0)
    return _where(rest == 0.0, zero, _where((rest < 0.0) == (b < 0.0), rest, rest + b))


def _where(condition: Any, a: Any, b: Any) -> Symbol:
    return Symbol(op=TABLE["choose"], arguments=(condition, as_symbol(a), as_symbol(b)))


_FMOD = Op("fmod", "C's remainder", native=lambda a, b: a, arity=2, partials=lambda a, b, y: (1.0, 0.0),
           natives={"c": "fmod"})  # fmt: skip
_FORMS: dict[str, Callable[..., Any]] = {
    "norm": _norm,
    "mod": _mod,
    "mean": lambda a: _left_sum(a) / float(len(a)),
}


def _left_sum(a: Sequence[Symbol]) -> Any:
    """From left to right, as eager code adds."""
    return reduce(lambda x, y: x + y, a)


def _power(symbol: Symbol) -> Symbol | None:
    """A power with a plain exponent that products, a quotient or a root give as exactly."""
    op = symbol.op
    if op is TABLE["power"]:
        exponent, base = as_symbol(symbol.immediates[0]), symbol.arguments[0]
    elif op is TABLE["pow"]:
        base, exponent = symbol.arguments
    else:
        return None
    if exponent.op is None and isinstance(exponent.leaf, float) and exponent.leaf in _POWERS:
        return as_symbol(_POWERS[exponent.leaf](base))
    return Symbol(op=TABLE["pow"], arguments=(base, exponent)) if op is TABLE["power"] else None


def _root(a: Symbol) -> Any:
    """a ** 0.5: +0 at -0 and inf at -inf, where the root has -0 and NaN."""
    return _where(a == float("-inf"), float("inf"), TABLE["sqrt"](a) + 0.0)


_POWERS: dict[float, Callable[[Symbol], Any]] = {
    0.0: lambda a: 1.0,
    0.5: _root,
    1.0: lambda a: a,
    2.0: lambda a: a * a,
    3.0: lambda a: a * a * a,
    -1.0: lambda a: 1.0 / a,
}


def lane_by_lane(code: Code, name: str, operands: Sequence[Vector]) -> Vector:
    """A function of the C library, called for one lane after the other."""
    function = _each_lane(code.module, name, len(operands))
    return code.vector(code.builder.call(function, [operand.value for operand in operands]))


def _each_lane(module: ir.Module, name: str, arity: int) -> ir.Function:
    known = module.globals.get(f"each_lane.{name}")
    if known is not None:
        return known
    code = Code(module, f"each_lane.{name}", VECTOR, [VECTOR] * arity)
    code.function.linkage = "internal"
    with code.loop(code.integer(0), code.integer(WIDTH), 1, [ir.Constant(VECTOR, ir.Undefined)]) as loop:
        b = code.builder
        lane = b.trunc(loop.index, I32)
        given = [b.extract_element(argument, lane) for argument in code.arguments]
        loop.following = [b.insert_element(loop.values[0], code.intrinsic(PREFIX + name, F64, given), lane)]
    code.builder.ret(loop.values[0])
    return code.function
