"""The mean gradient along a straight way, exact where the function is linear between kinks.

A graph tells where its kinks are. On a piece of the way where a function is linear, every node is linear in
the share t of the way that has been gone, so that from the numbers and the tangents at one place follows for
each ReLU at which t its operand passes through 0. The nearest such places on both sides are the ends of the
piece; what is left on both sides is treated likewise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from operator import mul
from typing import Any

from ..adjoints import number_locals, tangents
from ..engine import Value, topological_order

__all__ = ["Evaluation", "Integral", "integrate"]

MOST_EVALUATIONS = 20_000
_SLIVER = 1e-15  # of the way: shorter than its numbers can tell apart
_PLACES = (0.5, 0.381966, 0.7236, 0.17, 0.86)  # where in a piece to look, the first unless a kink is there

# Ops that are linear in their operands, and those that are linear between kinks.
_LINEAR = {"add", "sub", "neg", "sum", "mean", "identity"}
_PIECEWISE = {"relu", "leaky_relu", "abs", "hardtanh", "clip", "maximum", "minimum", "max", "min"}
# Linear as long as only one of the operands changes along the way.
_PRODUCTS = {"mul", "dot", "prod"}


@dataclass
class Evaluation:
    """The function at one place: its answer and gradient, and the graph with the direction of the way."""

    answer: float
    slopes: list[float]
    root: Value
    leaves: list[Value]
    direction: Sequence[float]


@dataclass(frozen=True)
class Integral:
    """The mean of the gradient along the way, one number for each input."""

    means: list[float]
    exact: bool
    evaluations: int


At = Callable[[float], Evaluation]


def integrate(
    at: At, begin: float, end: float, width: int, steps: int | None, tolerance: float
) -> Integral:
    """The mean over t from 0 to 1 of the gradient of `at(t)`; the answers at both ends are `begin`, `end`."""
    if steps is not None:
        slopes = [at((k + 0.5) / steps).slopes for k in range(steps)]
        return Integral([math.fsum(column) / steps for column in zip(*slopes, strict=True)], False, steps)
    scale = max(1.0, abs(begin), abs(end))
    here = at(_PLACES[0])
    if _is_piecewise_linear(here):
        found = _over_linear_pieces(at, here, width)
        gap = abs(math.fsum([*map(mul, found.means, here.direction), begin, -end]))
        if gap <= 1e-9 * scale:  # else the program itself branches, which its graph does not show
            return found
    return _Adaptive(at, width, tolerance, scale).run(begin, end)


def _is_piecewise_linear(here: Evaluation) -> bool:
    changing = set(here.leaves)
    for node in topological_order(here.root):
        operands = node._operands()
        moved = [operand for operand in operands if operand is not None and operand in changing]
        if node in changing or not moved:
            continue
        name = node.op.name if node.op is not None else ""
        if name == "div":
            fits = operands[1] is None or operands[1] not in changing
        elif name == "dot":  # the operands are all of the one row and then all of the other
            half = len(operands) // 2
            fits = not any(
                left in changing and right in changing
                for left, right in zip(operands[:half], operands[half:], strict=True)
                if left is not None and right is not None
            )
        elif name in _PRODUCTS:
            fits = len(moved) == 1
        else:
            fits = name in _LINEAR or name in _PIECEWISE
        if not fits or node._handmade is not None:
            return False
        changing.add(node)
    return True


def _over_linear_pieces(at: At, first: Evaluation, width: int) -> Integral:
    """Every piece once: its ends follow from the graph at a place within."""
    shares: list[list[float]] = [[] for _ in range(width)]
    evaluations, waiting = 1, [(0.0, 1.0, 0, first)]
    while waiting and evaluations < MOST_EVALUATIONS:
        low, high, tried, here = waiting.pop()
        place = _within(low, high, tried)
        kinks = [kink for kink in _kinks(here, place) if low < kink < high]
        # at a kink itself the slopes are of neither side
        if tried + 1 < len(_PLACES) and any(abs(kink - place) < 1e-9 * (high - low) for kink in kinks):
            waiting.append((low, high, tried + 1, at(_within(low, high, tried + 1))))
            evaluations += 1
            continue
        left = max((kink for kink in kinks if kink <= place), default=low)
        right = min((kink for kink in kinks if kink > place), default=high)
        left = low if left - low <= _SLIVER else left
        right = high if high - right <= _SLIVER else right
        for column, slope in zip(shares, here.slopes, strict=True):
            column.append((right - left) * slope)
        for rest in ((low, left), (right, high)):
            if rest[1] > rest[0]:
                waiting.append((*rest, 0, at(_within(*rest, 0))))
                evaluations += 1
    return Integral([math.fsum(column) for column in shares], not waiting, evaluations)


def _within(low: float, high: float, tried: int) -> float:
    return low + _PLACES[tried] * (high - low)


def _kinks(here: Evaluation, place: float) -> Iterator[float]:
    """At which t each switch would turn, if everything went on as it does here."""
    order = topological_order(here.root)
    seeds = dict(zip(here.leaves, here.direction, strict=True))
    rates = tangents(order, seeds, number_locals)
    for node in order:
        for height, rate in _switches(node, rates):
            if rate != 0.0:
                yield place - height / rate


def _switches(node: Value, rates: dict[Value, Any]) -> Iterator[tuple[float, float]]:
    """Numbers of this node that change the branch where they pass 0, each with its rate of change."""
    name = node.op.name if node.op is not None else ""
    if name not in _PIECEWISE:
        return
    operands = node._operands()
    numbers = node.operand_values
    speed = [0.0 if operand is None else rates.get(operand, 0.0) for operand in operands]
    if name in ("relu", "leaky_relu", "abs"):
        yield numbers[0], speed[0]
    elif name in ("hardtanh", "clip"):
        yield from ((numbers[0] - bound, speed[0]) for bound in node.immediates if math.isfinite(bound))
    else:  # of maximum, minimum, max, min: the one that counts against each other
        best = _best(node)
        yield from (
            (numbers[index] - numbers[best], speed[index] - speed[best])
            for index in range(len(numbers)) if index != best
        )


def _best(node: Value) -> int:
    """Which of its operands a maximum or minimum took."""
    numbers = node.operand_values
    return min(range(len(numbers)), key=lambda index: abs(numbers[index] - node.data))


class _Adaptive:
    """Gauss and Legendre's rule on pieces that are cut at kinks, and in halves where it does not agree."""

    def __init__(self, at: At, width: int, tolerance: float, scale: float) -> None:
        self.at, self.width, self.scale = at, width, scale
        self.tolerance = tolerance * scale
        self.evaluations, self.complete = 1, True
        self.shares: list[list[float]] = [[] for _ in range(width)]

    def run(self, begin: float, end: float) -> Integral:
        waiting = [(0.0, 1.0, begin, end)]
        while waiting:
            low, high, at_low, at_high = waiting.pop()
            cut = self._take(low, high, at_high - at_low)
            if cut is not None:
                at_cut = self._at(cut).answer
                waiting += [(low, cut, at_low, at_cut), (cut, high, at_cut, at_high)]
        return Integral([math.fsum(column) for column in self.shares], self.complete, self.evaluations)

    def _take(self, low: float, high: float, change: float) -> float | None:
        """Add this piece and return None; or return where it has to be cut first."""
        coarse, fine = (self._rule(low, high, points) for points in (8, 12))
        allowed = max(self.tolerance * (high - low), 2e-14 * self.scale)  # the second: rounding
        apart = max(abs(a - b) for a, b in zip(coarse.parts, fine.parts, strict=True))
        gap = abs(math.fsum(fine.parts) - change)
        small = high - low <= 1e-13 or self.evaluations >= MOST_EVALUATIONS
        if not small and fine.switched is not None:
            return fine.switched
        if not small and (apart > allowed or gap > allowed):
            return (low + high) / 2
        if gap > allowed:  # a jump, or the evaluations are spent
            self.complete = False
        for column, share in zip(self.shares, fine.means, strict=True):
            column.append(share)
        return None

    def _rule(self, low: float, high: float, points: int) -> _Piece:
        places, weights = _gauss(points)
        runs = [self._at((low + high) / 2 + (high - low) / 2 * place) for place in places]
        halves = [(high - low) / 2 * weight for weight in weights]
        means = [
            math.fsum(half * run.slopes[k] for half, run in zip(halves, runs, strict=True))
            for k in range(self.width)
        ]
        return _Piece(means, list(map(mul, means, runs[0].direction)), self._switch(low, high, places, runs))

    def _switch(
        self, low: float, high: float, places: Sequence[float], runs: list[Evaluation]
    ) -> float | None:
        """Where between two of the places a branch changes; None if it is the same at all of them."""
        kinds = [_branches(run) for run in runs]
        for k in range(len(runs) - 1):
            if kinds[k] != kinds[k + 1]:
                left, right = ((low + high) / 2 + (high - low) / 2 * places[j] for j in (k, k + 1))
                return self._bisected(left, right, kinds[k])
        return None

    def _bisected(self, left: float, right: float, kind: tuple[Any, ...]) -> float:
        while right - left > 1e-15:
            middle = (left + right) / 2
            if not left < middle < right:
                break
            if _branches(self._at(middle)) == kind:
                left = middle
            else:
                right = middle
        return right

    def _at(self, share: float) -> Evaluation:
        self.evaluations += 1
        return self.at(share)


@dataclass(frozen=True)
class _Piece:
    """One piece by one rule: the gradient's integral, that times the way, and where a branch changes."""

    means: list[float]
    parts: list[float]
    switched: float | None


def _branches(here: Evaluation) -> tuple[Any, ...]:
    """Which branch each switch of the graph is on."""
    return tuple(
        _best(node) if len(node.operand_values) > 1 else height > 0.0
        for node in topological_order(here.root) for height, _ in _switches(node, {})
    )


@cache
def _gauss(points: int) -> tuple[list[float], list[float]]:
    """Places and weights of Gauss and Legendre's rule on −1 … 1."""
    from numpy.polynomial.legendre import leggauss

    places, weights = leggauss(points)
    return places.tolist(), weights.tolist()
