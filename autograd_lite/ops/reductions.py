"""Rows that take any number of operands: one node, own partials, no chain of `0 + a + b + …`.

Here `a` is the tuple of operands, and the partials are a tuple as long as it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

from ..errors import ArgumentError, ValueTypeError
from .elementary import absolute, detach, exp, hypot, log, maximum, minimum, where
from .row import INF, NAN, Op, as_number

LISTS = ((1.5, -2.0, 0.5), (3.0,), (0.1, 0.2, 0.3, 0.4))
LIST_EDGES = ((0.0, 0.0), (NAN, 1.0), (INF, 1.0), (1.0, 1.0, 1.0), (-INF, 2.0))


def _left_fold(a: Sequence[Any]) -> Any:
    """From left to right: the builtin sum compensates rounding from Python 3.12 on and would differ by version."""
    return reduce(operator.add, a)


def _halves(a: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    return a[: len(a) // 2], a[len(a) // 2 :]


def _others(a: Sequence[Any]) -> tuple[Any, ...]:
    """For each operand the product of all others, by running products from both ends: zeros need no special case."""
    before: list[Any] = [1.0]
    for value in a[:-1]:
        before.append(before[-1] * value)
    after: list[Any] = [1.0]
    for value in reversed(a[1:]):
        after.append(after[-1] * value)
    return tuple(left * right for left, right in zip(before, reversed(after), strict=True))


def _log_sum_exp(a: Sequence[float]) -> float:
    top = _largest(a)
    if top - top != 0.0:  # infinite or NaN: the shift below would make inf - inf
        return top
    return top + math.log(math.fsum(math.exp(value - top) for value in a))


def _log_sum_exp_generic(a: Sequence[Any]) -> Any:
    """The same for backends without an exact sum: the sum of n powers may be off by n/2 ulp."""
    top = largest(a)
    return where(top - top != 0.0, top, top + log(_left_fold([exp(value - top) for value in a])))


def _shares(a: Sequence[Any]) -> tuple[Any, ...]:
    """The softmax. The shift cancels, so no gradient needs to flow through it."""
    top = detach(largest(a))
    if hasattr(top.__class__, "_apply"):  # of a Value the number: a constant in a drawing, not a parameter
        top = getattr(top, "data", top)
    powers = [exp(value - top) for value in a]
    total = sum(powers)
    return tuple(power / total for power in powers)


def _largest(a: Sequence[float]) -> float:
    return reduce(maximum.number, a)


def _smallest(a: Sequence[float]) -> float:
    return reduce(minimum.number, a)


def _hits(a: Sequence[Any], y: Any) -> tuple[Any, ...]:
    return tuple(where(value == y, 1.0, 0.0) for value in a)


def _share_ties(a: Sequence[Any], y: Any) -> tuple[Any, ...]:
    hits = [where(value == y, 1.0, 0.0) for value in a]
    count = _left_fold(hits)
    return tuple(hit / where(count == 0.0, 1.0, count) for hit in hits)


sum = Op("sum", "a₁ + … + aₙ, from left to right", native=_left_fold, arity=None, symbol="Σ", latex=r"\sum_i a_i",
         partials=lambda a, y: (1.0,) * len(a), points=LISTS, edges=LIST_EDGES)  # fmt: skip
mean = Op("mean", "(a₁ + … + aₙ) / n", native=lambda a: _left_fold(a) / len(a), arity=None,
          latex=r"\frac{1}{n}\sum_i a_i", partials=lambda a, y: (1.0 / len(a),) * len(a),
          points=LISTS, edges=LIST_EDGES)  # fmt: skip
prod = Op("prod", "a₁ · … · aₙ", native=lambda a: reduce(operator.mul, a), arity=None, symbol="Π",
          latex=r"\prod_i a_i", natives={"numpy_reduce": "multiply"}, partials=lambda a, y: _others(a),
          points=LISTS, edges=(*LIST_EDGES, (0.0, 2.0, 3.0), (0.0, 2.0, 0.0)))  # fmt: skip
dot_row = Op("dot", "a₁b₁ + … + aₙbₙ", arity=None, symbol="·", latex=r"\sum_i a_i b_i",
             native=lambda a: reduce(operator.add, map(operator.mul, *_halves(a))),
             partials=lambda a, y: (*_halves(a)[1], *_halves(a)[0]),
             points=((1.5, -2.0), (1.0, 2.0, 3.0, 4.0)), edges=((0.0, INF), (NAN, 1.0)))  # fmt: skip
logsumexp = Op("logsumexp", "log(exp(a₁) + … + exp(aₙ)) without overflow", native=_log_sum_exp,
               forward=_log_sum_exp_generic, arity=None, natives={"python": "ops.logsumexp"}, latex=r"\log\sum_i e^{a_i}", partials=lambda a, y: _shares(a),
               display=lambda a, y: tuple(exp(value - y) for value in a),
               points=(*LISTS, (1000.0, 999.0, -1000.0)), edges=((NAN, 1.0), (-INF, 2.0), (1.0, 1.0)))  # fmt: skip
largest = Op("max", "the largest of a₁ … aₙ", native=_largest, forward=lambda a: reduce(maximum, a), arity=None,
             kink="all ties share evenly", latex=r"\max_i a_i", natives={"numpy_reduce": "maximum"},
             partials=_share_ties, display=_hits, points=LISTS, edges=LIST_EDGES)  # fmt: skip
smallest = Op("min", "the smallest of a₁ … aₙ", native=_smallest, forward=lambda a: reduce(minimum, a), arity=None,
              kink="all ties share evenly", latex=r"\min_i a_i", natives={"numpy_reduce": "minimum"},
              partials=_share_ties, display=_hits, points=LISTS, edges=LIST_EDGES)  # fmt: skip
norm = Op("norm", "sqrt(a₁² + … + aₙ²) without overflow", native=lambda a: math.hypot(*a), arity=None, symbol="‖·‖",
          forward=lambda a: absolute(a[0]) if len(a) == 1 else reduce(hypot, a),
          natives={"python": "math.hypot", "js": "Math.hypot"}, latex=r"\sqrt{\sum_i a_i^2}", kink="slopes 0 at the origin",
          partials=lambda a, y: tuple(value / where(y == 0.0, 1.0, y) for value in a),
          display=lambda a, y: tuple(value / y for value in a),
          points=LISTS, edges=LIST_EDGES)  # fmt: skip


def dot(a: Iterable[Any], b: Iterable[Any]) -> Any:
    """The sum of the products of two sequences of the same length, as one node.

    Raises `ArgumentError` when the lengths differ or are 0.

    >>> dot([1.0, 2.0], [3.0, 4.0])
    11.0
    """
    left, right = _listed("dot", a), _listed("dot", b)
    if len(left) != len(right) or not left:
        raise ArgumentError(f"dot needs two sequences of the same length, got {len(left)} and {len(right)}")
    quick = getattr(left[0].__class__, "_dot", None) or getattr(right[0].__class__, "_dot", None)
    return quick(left, right) if quick is not None else dot_row(left + right)


def softmax(values: Iterable[Any]) -> list[Any]:
    """exp(aᵢ) / Σ exp(aⱼ) for each operand, shifted by the largest: neither overflows nor loses the tails.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    logits = _listed("softmax", values)
    if not logits:
        raise ArgumentError("softmax needs at least one operand")
    return list(_shares(logits))


def _listed(name: str, values: Any) -> tuple[Any, ...]:
    if hasattr(values.__class__, "_apply") or not hasattr(values, "__iter__"):
        raise ValueTypeError(f"{name} takes lists of numbers or Values, got {values!r:.60}")
    return tuple(values)


def take(table: Sequence[Any], index: Any) -> Any:
    """`table[index]` for a whole-number index, plain or a Value; the gradient flows to the element taken.

    Raises `ArgumentError` for an index that is not whole or lies outside the table.

    >>> take([10.0, 20.0, 30.0], 1)
    20.0
    """
    if hasattr(index.__class__, "_take"):  # it is being traced
        return index._take(table)
    return table[_position(table, index)]


def put(table: Sequence[Any], index: Any, value: Any) -> list[Any]:
    """A copy of `table` with `value` at the whole-number `index`.

    >>> put([10.0, 20.0], 0, 5.0)
    [5.0, 20.0]
    """
    if hasattr(index.__class__, "_put"):
        return index._put(table, value)  # type: ignore[no-any-return]
    copy = list(table)
    copy[_position(table, index)] = value
    return copy


def _position(table: Sequence[Any], index: Any) -> int:
    number = as_number(getattr(index, "data", index) if hasattr(index.__class__, "_apply") else index)
    if number - number != 0.0 or number != int(number) or not -len(table) <= number < len(table):
        raise ArgumentError(f"index {number!r} is not a whole number within a table of {len(table)}")
    return int(number)
