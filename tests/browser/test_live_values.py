"""Other numbers at the leaves: the page computes what Python computes, on random graphs and at the edges.

The recorded graph is built anew in Python on the new numbers, and `step()` goes through it; the page gets
the same numbers by `player.setLeaf`. Where only + - * / are at work the bits are the same. Elsewhere a number
may be off as far as it would be if each operation of the graph were off by a relative 1e-12: how far that is
is measured, by perturbing each operation in Python.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from test_random_graphs import KINKED, WILD, Maker, Recipe

from autograd_lite import Value, ops, player, step
from autograd_lite.account import json_number
from autograd_lite.engine import chain
from autograd_lite.javascript import rules_source
from autograd_lite.passes import Passes
from autograd_lite.player.data import page_data, rules_of
from autograd_lite.player.linking import linked
from autograd_lite.stepping import Backprop

INF, NAN = math.inf, math.nan
TOLERANCE = 1e-12
PERTURBATION = 1e-9

# What only adds, subtracts, multiplies and divides, in any number.
ARITHMETIC: dict[str, Maker] = {
    name: KINKED[name]
    for name in ("+", "-", "*", "/", "number -", "number /", "neg", "square", "sum", "mean", "prod", "dot")
} | {"x / y": WILD["x / y"], "a (b c)": lambda a, b, c: a * (b / c) - (a - (b + c))}

PLAY = """
(cases) => {
  const special = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity, "-0": -0 };
  const read = (entry) => (typeof entry === "string" ? special[entry] : entry);
  const write = (number) => {
    if (number === null) return null;
    if (typeof number !== "number") throw new Error(`not a number: ${number}`);
    return Object.is(number, -0) ? "-0" : Number.isFinite(number) ? number : String(number);
  };
  const shown = (run) => [run.values.map(write), run.gradients.map(write)];
  return cases.map(({ data, rounds }, place) => {
    const one = new Player(data, rules[place]);
    const after = (moves) => {
      for (const [leaf, number] of moves) one.setLeaf(leaf, read(number));
      return shown(one.run);
    };
    const found = rounds.map(after);
    one.resetLeaves();
    return { found, reset: shown(one.run), again: after(rounds[0]) };
  });
}
"""

Moves = dict[int, float]
Shown = tuple[list[Any], list[Any]]  # values and gradients


class Case(NamedTuple):
    """A recorded graph and the numbers that its leaves get, round after round."""

    steps: Backprop
    rounds: tuple[Moves, ...]


class Played(NamedTuple):
    """What the page shows: after each round, after the reset, and after the first round done once more."""

    rounds: list[Shown]
    reset: Shown
    again: Shown


def read(entries: Sequence[Any]) -> list[Any]:
    return [float(x.replace("Infinity", "inf")) if isinstance(x, str) else x for x in entries]


def played(page: Any, cases: Sequence[Case]) -> list[Played]:
    """All cases in one page, each in a player of its own."""
    rules = ",\n".join(rules_source(rules_of(case.steps)) for case in cases)
    data = [
        {
            "data": page_data(case.steps),
            "rounds": [[[leaf, json_number(x)] for leaf, x in moves.items()] for moves in case.rounds],
        }
        for case in cases
    ]
    answers = page.evaluate(f"(text) => {{ const rules = [{rules}]; return ({PLAY})(JSON.parse(text)); }}",
                            json.dumps(data))  # fmt: skip
    return [
        Played([shown(each) for each in answer["found"]], shown(answer["reset"]), shown(answer["again"]))
        for answer in answers
    ]


def shown(answer: list[list[Any]]) -> Shown:
    values, gradients = answer
    return read(values), read(gradients)


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """A bare page that knows the player's state and computation, and shows nothing."""
    modules = linked(Path(player.__file__).parent / "js", "store.js")
    opened = browser.new_page()
    opened.evaluate(f"() => {{ {modules}\n globalThis.Player = Player; }}")
    yield opened
    opened.close()


def leaves_of(steps: Backprop) -> list[int]:
    return [index for index, node in enumerate(steps.passes.nodes) if node.is_leaf and not node.is_constant]


def moved(steps: Backprop, moves: Moves) -> Passes:
    """The same operations in Python on other leaves, one step at a time."""
    passes = steps.passes
    again: list[Any] = []
    for index, node in enumerate(passes.nodes):
        if node.is_constant:
            again.append(node.data)
        elif node.is_leaf:
            again.append(Value(moves.get(index, passes.values[index])))
        else:
            settings = dict(zip(node.op.immediates, node.immediates, strict=True))
            again.append(node.op(*(again[parent] for parent in passes.parents[index]), **settings))
    found = step(again[passes.root]).passes
    assert found.parents == passes.parents
    return found


def perturbed(passes: Passes, draw: random.Random) -> tuple[list[float], list[float | None]]:
    """Values and gradients if each value and each local derivative is off by up to `PERTURBATION`."""

    def off(x: float) -> float:
        return x * (1.0 + draw.uniform(-PERTURBATION, PERTURBATION))

    values = list(passes.values)
    gradients: list[float | None] = [None] * len(values)
    gradients[passes.root] = 1.0
    operands: dict[int, list[float]] = {}
    for index in passes.inner:
        node = passes.nodes[index]
        operands[index] = [values[parent] for parent in passes.parents[index]]
        values[index] = off(float(node.op.number(*operands[index], immediates=node.immediates)))
    for index in reversed(passes.inner):
        node, upstream = passes.nodes[index], gradients[index]
        slopes = node.op.local_gradients(tuple(operands[index]), node.immediates, values[index])
        for parent, tracked, slope in zip(passes.parents[index], node.tracked, slopes, strict=True):
            if tracked and upstream is not None:
                gradients[parent] = (gradients[parent] or 0.0) + chain(upstream, off(slope))
    return values, gradients


def allowances(passes: Passes) -> tuple[list[float], list[float]]:
    """How far values and gradients may be off: as far as operations off by `TOLERANCE` bring them."""
    draw = random.Random(1)
    tries = [perturbed(passes, draw) for _ in range(4)]
    true = (passes.values, passes.gradients)
    return tuple(
        [
            TOLERANCE * max(abs(x), *(abs(each[which][place] - x) / PERTURBATION for each in tries))
            if x is not None and math.isfinite(x)
            else 0.0
            for place, x in enumerate(true[which])
        ]
        for which in (0, 1)
    )  # type: ignore[return-value]


def same(found: float | None, true: float | None) -> bool:
    """Equal to the bit, zero's sign included; NaN equals NaN."""
    if found is None or true is None:
        return found is true
    if found != found or true != true:
        return found != found and true != true
    return found == true and math.copysign(1.0, found) == math.copysign(1.0, true)


def off_by_too_much(found: Sequence[Any], true: Sequence[Any], allowed: Sequence[float]) -> list[Any]:
    return [
        (place, one, other, most)
        for place, (one, other, most) in enumerate(zip(found, true, allowed, strict=True))
        if not same(one, other)
        and (one is None or other is None or not math.isfinite(other) or not abs(one - other) <= most)
    ]


def random_case(seed: int, makers: dict[str, Maker], bound: float) -> Case:
    draw = random.Random(seed)
    names = sorted(makers)
    recipe = Recipe(
        tuple(draw.uniform(-3.0, 3.0) for _ in range(draw.randint(2, 4))),
        tuple(
            (draw.choice(names), *(draw.randint(0, 40) for _ in range(3))) for _ in range(draw.randint(1, 25))
        ),
    )
    steps = step(recipe.grown(makers, bound)[0])
    leaves = leaves_of(steps)
    if not leaves:
        return random_case(seed + 1_000_003, makers, bound)
    rounds = tuple(
        {leaf: draw.uniform(-3.0, 3.0) for leaf in draw.sample(leaves, draw.randint(1, len(leaves)))}
        for _ in range(2)
    )
    return Case(steps, rounds)


def after(case: Case, count: int) -> Passes:
    moves: Moves = {}
    for each in case.rounds[:count]:
        moves |= each
    return moved(case.steps, moves)


def test_two_hundred_random_graphs_agree_with_python(page: Any) -> None:
    cases = [random_case(seed, KINKED, 8.0) for seed in range(200)]
    wrong = []
    for place, (case, found) in enumerate(zip(cases, played(page, cases), strict=True)):
        for count, (values, gradients) in enumerate(found.rounds, 1):
            true = after(case, count)
            allowed = allowances(true)
            wrong += [
                (place, count, "value", *bad) for bad in off_by_too_much(values, true.values, allowed[0])
            ]
            wrong += [
                (place, count, "gradient", *bad)
                for bad in off_by_too_much(gradients, true.gradients, allowed[1])
            ]
        assert all(map(same, found.reset[0], case.steps.passes.values))
        assert all(map(same, found.reset[1], case.steps.passes.gradients))
        for again, before in zip(found.again, found.rounds[0], strict=True):
            assert all(map(same, again, before))
    assert wrong == []


def test_graphs_of_plain_arithmetic_agree_to_the_bit(page: Any) -> None:
    cases = [random_case(seed, ARITHMETIC, INF) for seed in range(200)]
    for place, (case, found) in enumerate(zip(cases, played(page, cases), strict=True)):
        for count, (values, gradients) in enumerate(found.rounds, 1):
            true = after(case, count)
            assert all(map(same, values, true.values)), place
            assert all(map(same, gradients, true.gradients)), place


SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, -8.0, 1e308, -1e308, 5e-324, 1000.0, -1000.0, INF, -INF, NAN)


def test_special_numbers_anywhere_in_a_graph_agree_with_python(page: Any) -> None:
    """Infinities, NaN, both zeros: what is finite agrees as above, what is not is the same."""
    cases = []
    for seed in range(150):
        case = random_case(seed, WILD, INF)
        draw = random.Random(seed)
        moves = {leaf: draw.choice(SPECIAL) for leaf in leaves_of(case.steps)}
        cases.append(Case(case.steps, (moves,)))
    wrong = []
    for place, (case, found) in enumerate(zip(cases, played(page, cases), strict=True)):
        true = after(case, 1)
        allowed = allowances(true)
        [(values, gradients)] = found.rounds
        wrong += [(place, "value", *bad) for bad in off_by_too_much(values, true.values, allowed[0])]
        wrong += [(place, "gradient", *bad) for bad in off_by_too_much(gradients, true.gradients, allowed[1])]
    assert wrong == []


def test_what_the_contract_says_of_ieee_and_kinks_holds_in_the_page(page: Any) -> None:
    # a graph, the numbers its leaves get, its value then, and the gradients of its leaves
    graphs: list[tuple[Callable[[Any, Any], Any], tuple[float, float], float, tuple[float, float]]] = [
        (lambda a, b: a * b, (0.0, INF), NAN, (INF, 0.0)),
        (lambda a, b: a.log() + b, (0.0, 1.0), -INF, (INF, 1.0)),
        (lambda a, b: a.log() + b, (-1.0, 1.0), NAN, (-1.0, 1.0)),
        (lambda a, b: b / a, (0.0, 1.0), INF, (-INF, INF)),
        (lambda a, b: b / a, (-0.0, 1.0), -INF, (-INF, -INF)),
        (lambda a, b: a.exp() * b, (1000.0, 1.0), INF, (INF, INF)),
        (lambda a, b: a ** (1 / 3) + b, (-8.0, 0.0), NAN, (NAN, 1.0)),
        (lambda a, b: a**b, (0.0, 0.0), 1.0, (0.0, 0.0)),
        (lambda a, b: a**0 + b, (0.0, 0.0), 1.0, (0.0, 1.0)),
        (lambda a, b: a**b, (-2.0, 2.0), 4.0, (-4.0, NAN)),
        (lambda a, b: a**b, (1.0, NAN), 1.0, (NAN, 0.0)),
        (lambda a, b: ops.where(ops.greater(a, 0.0), a.sqrt(), 0.0) + b, (0.0, 0.0), 0.0, (0.0, 1.0)),
        (lambda a, b: ops.where(ops.greater(a, 0.0), a.log(), b), (-1.0, 3.0), 3.0, (0.0, 1.0)),
        (lambda a, b: ops.where(ops.greater(a, b), a * 2, b * 3), (-1.0, 3.0), 9.0, (0.0, 3.0)),
        (lambda a, b: (a * a).sqrt() + b, (0.0, 0.0), 0.0, (0.0, 1.0)),
        (lambda a, b: a.relu() + b, (0.0, 0.0), 0.0, (0.0, 1.0)),
        (lambda a, b: a.relu() + b, (NAN, 0.0), NAN, (1.0, 1.0)),
        (lambda a, b: ops.maximum(a, b), (2.0, 2.0), 2.0, (0.5, 0.5)),
        (lambda a, b: ops.maximum(a, b), (NAN, 2.0), NAN, (0.5, 0.5)),
        (lambda a, b: ops.max(a, b, a), (2.0, 2.0), 2.0, (2 / 3, 1 / 3)),
        (lambda a, b: a.clip(-1.0, 1.0) + b, (1.0, 0.0), 1.0, (1.0, 1.0)),
        (lambda a, b: a.abs() * b, (0.0, 5.0), 0.0, (0.0, 0.0)),
        (lambda a, b: ops.hypot(a, b), (0.0, 0.0), 0.0, (0.0, 0.0)),
        (lambda a, b: ops.prod(a, b, a), (0.0, 3.0), 0.0, (0.0, 0.0)),
        (lambda a, b: a.round() + b, (2.5, 0.0), 2.0, (0.0, 1.0)),
        (lambda a, b: a % b, (-7.0, 3.0), 2.0, (1.0, 3.0)),
        (lambda a, b: a % b, (7.0, 0.0), NAN, (1.0, NAN)),
        (lambda a, b: ops.logsumexp(a, b), (1000.0, 1000.0), 1000.6931471805599, (0.5, 0.5)),
        (lambda a, b: ops.logsumexp(a, b), (-INF, 2.0), 2.0, (0.0, 1.0)),
    ]  # fmt: skip
    cases = []
    for build, (first, second), *_ in graphs:
        a, b = Value(0.7, label="a"), Value(0.4, label="b")
        steps = step(build(a, b))
        numbers = {id(a): first, id(b): second}
        cases.append(
            Case(steps, ({i: numbers[id(n)] for i, n in enumerate(steps.passes.nodes) if id(n) in numbers},))
        )
    for place, (case, found, graph) in enumerate(zip(cases, played(page, cases), graphs, strict=True)):
        [(values, gradients)] = found.rounds
        true = after(case, 1)
        assert all(map(same, values, true.values)), (place, values, true.values)
        assert all(map(same, gradients, true.gradients)), (place, gradients, true.gradients)
        by_label = {node.label: i for i, node in enumerate(case.steps.passes.nodes) if node.label}
        shown = [gradients[by_label[name]] for name in "ab"]
        assert same(values[case.steps.passes.root], graph[2]), (place, values)
        assert all(map(same, shown, graph[3])), (place, shown)


def test_the_page_itself_follows_its_leaves(open_player: Callable[..., Any]) -> None:
    for seed in (3, 14, 15):
        case = random_case(seed, KINKED, 8.0)
        page = open_player(case.steps)
        for count, moves in enumerate(case.rounds, 1):
            for leaf, number in moves.items():
                page.evaluate("([leaf, number]) => player.setLeaf(leaf, number)", [leaf, number])
            true = after(case, count)
            allowed = allowances(true)
            values, gradients = page.evaluate("[player.run.values, player.run.gradients]")
            assert off_by_too_much(values, true.values, allowed[0]) == []
            assert off_by_too_much(gradients, true.gradients, allowed[1]) == []
