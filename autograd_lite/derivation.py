"""A gradient derived as on paper: the sum over paths of the products of local derivatives, as LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .engine import Value
from .errors import ArgumentError, nearest
from .paths import Edge, Paths
from .printing import LatexPrinter
from .symbolic import latex, partial_symbols
from .wording import number

if TYPE_CHECKING:
    from .stepping import Backprop, StepNode

__all__ = ["derivation"]

SHOWN_FACTORS = 8
"""Factors of a path that are written out: of longer ones the middle is left out and counted."""

SHOWN_LEAVES = 12
"""Leaves that are derived at once when none is chosen."""

SHOWN_DEFINITIONS = 12
"""Nodes on the paths that are told how they were computed."""

_MANY = 32  # operands from which on a formula would be longer than anybody reads
_FACTOR = 5  # the rank of a product: what binds less tightly stands in brackets there


def derivation(steps: Backprop, node: Value | StepNode | int | str | None = None, *, paths: int = 8) -> str:
    """The text that `Backprop.to_latex` returns: see there."""
    if not isinstance(paths, int) or isinstance(paths, bool) or paths < 1:
        raise ArgumentError(f"paths must be a whole number from 1 on, got {paths!r}")
    chosen = _leaves(steps) if node is None else [_chosen(steps, node)]
    writer = _Writer(steps)
    rows = [row for index in chosen for row in writer.derived(index, paths)]
    body = " \\\\\n".join([*rows, *writer.definitions()])
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def _leaves(steps: Backprop) -> list[int]:
    gradients = steps.passes.gradients
    leaves = [node for node in steps.nodes if not node.op and gradients[node.index] is not None]
    if not leaves:
        raise ArgumentError(f"no leaf gets a gradient from {steps.root.text}: there is nothing to derive")
    if len(leaves) > SHOWN_LEAVES:
        raise ArgumentError(
            f"{len(leaves):,} leaves get a gradient: choose one, as in to_latex({leaves[0].text!r})"
        )
    return [leaf.index for leaf in leaves]


def _chosen(steps: Backprop, which: Value | StepNode | int | str) -> int:
    """The index of the node that is meant. Raises `ArgumentError` if there is none, or no gradient there."""
    index = _index(steps, which)
    if steps.passes.gradients[index] is None:
        node, value = steps.nodes[index], steps.passes.nodes[index]
        why = "the node is a constant" if node.constant else "it is reached by no path along which one flows"
        why = "the leaf is frozen" if value.is_frozen and not node.constant else why
        raise ArgumentError(f"there is no gradient of {steps.root.text} by {node.text}: {why}")
    return index


def _index(steps: Backprop, which: Value | StepNode | int | str) -> int:
    nodes = steps.nodes
    if isinstance(which, Value):
        found = [node.index for node in nodes if steps.passes.nodes[node.index] is which]
        if not found:
            raise ArgumentError(f"{which!r} is not part of the computation of {steps.root.text}")
        return found[0]
    if isinstance(which, str):
        named = [node for node in nodes if node.text == which and not node.constant]
        found = [node.index for node in named or nodes if which in (node.text, node.label)]
        if len(found) != 1:
            known = list(dict.fromkeys(node.text for node in nodes if not node.constant))[:100]
            hint = ", ".join(nodes[index].text for index in found[:8]) or nearest(which, known)
            count = f"{len(found)} nodes are" if found else "no node is"
            raise ArgumentError(f"{count} called {which!r}: {hint}")
        return found[0]
    index = which if isinstance(which, int) else getattr(which, "index", None)
    if not isinstance(index, int) or isinstance(index, bool) or not -len(nodes) <= index < len(nodes):
        raise ArgumentError(f"no node {which!r}: give a Value, a label, or an index below {len(nodes)}")
    return index % len(nodes)


class _Writer:
    """Writes paths of one graph as rows of an `align*`."""

    def __init__(self, steps: Backprop) -> None:
        self.steps, self.passes = steps, steps.passes
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        self._partials: dict[int, list[tuple[str, str]]] = {}
        self._used: set[int] = set()  # the nodes that a shown path leads through
        self._ends: tuple[int, int] | None = None  # of the paths being written, if there are several

    def derived(self, index: int, most: int) -> list[str]:
        """The derivation of one gradient: its paths as derivatives, as formulas, as numbers, and the sum."""
        total = self.passes.gradients[index]
        assert total is not None
        paths = Paths(self.passes, index)
        self._refuse_hooks({*paths.inner, index})
        head = self.slope(paths.root, index)
        if paths.root == index:
            return [f"{head} &= {_number(total)}"]
        found, many = paths.largest(most), paths.count > 1
        self._ends = (paths.root, index) if many else None
        self._used.update(edge.sender for path in found.paths for edge in path)
        further = _further(found.others) if found.others else ""
        rest = further and (
            further if found.rest is None else rf"\underbrace{{{_number(found.rest)}}}_{{{further}}}"
        )
        stages = [
            [*(self._route(path, direct=many and len(path) == 1) for path in found.paths), further],
            [*self._terms(found.paths, self._symbol), further],
            [*self._terms(found.paths, lambda edge, factor: _number(edge.local, factor=factor)), rest],
            [_sum(found.products, rest)],
            [_number(total)],
        ]
        return _equated(head, [[term for term in stage if term] for stage in stages])

    def definitions(self) -> list[str]:
        """How the nodes on the way were computed; nothing where that would be longer than the derivation."""
        inner = sorted(index for index in self._used if self._has_formula(index))
        if len(inner) > SHOWN_DEFINITIONS:
            return []
        rows = [
            f"{self.name(index)} &= {self._formula(index)} = {_number(self.passes.values[index])}"
            for index in inner
        ]
        return [rf"\text{{where }} {rows[0]}", *rows[1:]] if rows else []

    def name(self, index: int) -> str:
        """A node's name in mathematics; two nodes never share one."""
        if index not in self._names:
            text = self.steps.nodes[index].text
            name = _named(text)
            self._names[index] = _quoted(text) if name in self._taken else name
            self._taken.add(self._names[index])
        return self._names[index]

    def slope(self, of: int, by: int) -> str:
        return rf"\frac{{\partial {self.name(of)}}}{{\partial {self.name(by)}}}"

    def _route(self, path: Sequence[Edge], direct: bool) -> str:
        return _product([self._by_operand(edge, direct) for edge in path])

    def _by_operand(self, edge: Edge, direct: bool) -> str:
        """The derivative by one operand: marked where it is not all of the derivative by that node."""
        slope = self.slope(edge.sender, edge.parent)
        if not direct and self.passes.parents[edge.sender].count(edge.parent) == 1:
            return slope
        return rf"\left.{slope}\right|_{{\text{{operand {edge.position + 1}}}}}"

    def _terms(self, paths: Sequence[Sequence[Edge]], write: Callable[[Edge, bool], str]) -> list[str]:
        """Each path as a product; only what stands alone goes without brackets of its own."""
        return [_product([write(edge, len(paths) > 1 or len(path) > 1) for edge in path]) for path in paths]

    def _symbol(self, edge: Edge, factor: bool) -> str:
        """The local derivative with the graph's names; of an op without a row, what it is a derivative of."""
        if edge.sender not in self._partials:
            self._partials[edge.sender] = self._written_partials(edge.sender)
        partials = self._partials[edge.sender]
        direct = (edge.sender, edge.parent) == self._ends
        return partials[edge.position][factor] if partials else self._by_operand(edge, direct)

    def _written_partials(self, index: int) -> list[tuple[str, str]]:
        """Each local derivative as it stands alone and as it stands among factors; none if unknown."""
        value = self.passes.nodes[index]
        if value.op is None or not self._has_formula(index):
            return []
        places, names = self._operands(index)
        symbols = partial_symbols(value.op, places, value.immediates)
        alone = [LatexPrinter().print(symbol) for symbol in symbols]
        factors = [LatexPrinter().print(symbol, _FACTOR) for symbol in symbols]
        return [
            (_filled(one, places, names), _filled(_bracketed(factor), places, names))
            for one, factor in zip(alone, factors, strict=True)
        ]

    def _formula(self, index: int) -> str:
        """How a node was computed, with its operands' names."""
        op, (places, names) = self.passes.nodes[index].op, self._operands(index)
        assert op is not None
        if op.arity is None:
            return rf"{_named(op.name)}\left({', '.join(names)}\right)"
        return _filled(latex(op, places, self.passes.nodes[index].immediates), places, names)

    def _operands(self, index: int) -> tuple[list[str], list[str]]:
        """Stand-ins for the operands while a rule is printed, and the LaTeX that takes their place.

        Names hold letters and signs that a printer could mistake for its own. Plain numbers stand for
        themselves: the printer puts brackets around negative ones where they need them.
        """
        places, names = [], []
        numbers = self.passes.operand_values(index)
        for position, parent in enumerate(self.passes.parents[index]):
            constant = self.steps.nodes[parent].constant
            text = number(numbers[position])
            plain = constant and re.fullmatch(r"-?[\d.]+", text)
            names.append(_number(numbers[position], factor=True) if constant else self.name(parent))
            places.append(text if plain else chr(_STAND_IN + position))
        return places, names

    def _has_formula(self, index: int) -> bool:
        """Whether the rule of this node is known, and short enough to be read."""
        operands = self.passes.parents.get(index, ())
        return len(operands) <= _MANY and hasattr(self.passes.nodes[index].op, "partials")

    def _refuse_hooks(self, indices: set[int]) -> None:
        for index in sorted(indices):
            if "hook" in self.passes.note(index):
                raise ArgumentError(
                    f"{self.passes.note(index)} at {self.steps.nodes[index].text}: what passed from there on "
                    "is not a sum over paths"
                )


def _equated(head: str, stages: Sequence[Sequence[str]]) -> list[str]:
    """Rows of one sum written in ever plainer ways, a term a row; a way that says nothing new is left out."""
    rows: list[str] = []
    said: Sequence[str] = [head]
    for stage in stages:
        if stage != said:
            rows.append(f"&= {stage[0]}")
            rows.extend(rf"&\quad + {term}" for term in stage[1:])
        said = stage
    return [f"{head} {rows[0]}", *(f"  {row}" for row in rows[1:])]


def _filled(written: str, places: Sequence[str], names: Sequence[str]) -> str:
    for place, name in zip(places, names, strict=True):
        if ord(place[0]) >= _STAND_IN:
            written = written.replace(place, name)
    return written


def _product(factors: Sequence[str]) -> str:
    """Factors with dots between them, the middle of many left out."""
    if len(factors) <= SHOWN_FACTORS:
        return r" \cdot ".join(factors)
    first, last = SHOWN_FACTORS // 2, SHOWN_FACTORS // 2 - 1
    left_out = rf"\underset{{\text{{{len(factors) - first - last:,} more}}}}{{\cdots}}"
    return r" \cdot ".join([*factors[:first], left_out, *factors[-last:]])


def _sum(products: Sequence[float], rest: str) -> str:
    """Contributions added up, negative ones subtracted."""
    text = _number(products[0])
    for product in products[1:]:
        written = _number(product)
        text += f" - {written[1:]}" if written.startswith("-") else f" + {written}"
    return f"{text} + {rest}" if rest else text


def _further(count: int | float) -> str:
    """How many paths are not shown, in words."""
    if count == math.inf:
        return r"\text{more than }10^{308}\text{ further paths}"
    if count >= 10**15:
        mantissa, exponent = f"{float(count):.1e}".split("e")
        return rf"\text{{about }}{mantissa} \times 10^{{{int(exponent)}}}\text{{ further paths}}"
    return rf"\text{{{count:,} further path{'s' if count > 1 else ''}}}"


def _number(value: float, *, factor: bool = False) -> str:
    """A number in at most six significant digits; as one of several factors, negative ones in brackets.

    >>> _number(1.5e-9), _number(-3.0, factor=True), _number(float("nan"))
    ('1.5 \\\\times 10^{-9}', '\\\\left(-3\\\\right)', '\\\\text{NaN}')
    """
    if math.isnan(value):
        return r"\text{NaN}"
    mantissa, e, exponent = number(value).replace("inf", r"\infty").partition("e")
    written = rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else mantissa
    return _bracketed(written) if factor else written


def _bracketed(written: str) -> str:
    return rf"\left({written}\right)" if written.startswith(("-", "−")) else written


def _named(text: str) -> str:
    r"""A node's short name as mathematics.

    >>> _named("n12"), _named("w[0][1]"), _named("loss"), _named("the_weight")
    ('n_{12}', 'w_{0,1}', '\\text{loss}', '\\text{the}\\_\\text{weight}')
    """
    numbered = re.fullmatch(r"([a-zA-Z])_?(\d*)", text)
    if numbered:
        return numbered[1] + (f"_{{{numbered[2]}}}" if numbered[2] else "")
    member = re.fullmatch(r"([a-zA-Z])((?:\[\d+\])+)", text)
    if member:
        return f"{member[1]}_{{{member[2][1:-1].replace('][', ',')}}}"
    return _quoted(text)


def _quoted(text: str) -> str:
    r"""Any text, letter by letter: special characters in mathematics, where all renderers know them.

    >>> _quoted("50%{x}")
    '\\text{50}\\%\\{\\text{x}\\}'
    """
    parts = re.split(f"([{re.escape(''.join(_SPECIAL))}])", text)
    return "".join(_SPECIAL.get(part) or rf"\text{{{part}}}" for part in parts if part)


_STAND_IN = 0xE000  # characters for private use, which no cleaned name holds
_SPECIAL = {
    "\\": r"\backslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "#": r"\#", "%": r"\%", "&": r"\&", "$": r"\$",
    "^": r"\wedge{}", "~": r"\sim{}", "<": r"\lt{}", ">": r"\gt{}", "`": r"\text{‘}",
}  # fmt: skip
