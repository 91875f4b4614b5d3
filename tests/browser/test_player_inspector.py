"""The inspector of the player: what it says of one node is true, and it names the culprit."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from test_random_graphs import KINKED, Recipe

from autograd_lite import Value, ops
from autograd_lite.stepping import step

NAN, INF = math.nan, math.inf


def leaf(x: float, label: str = "x") -> Value:
    return Value(x, label=label)


def named(value: Value, label: str) -> Value:
    value.label = label
    return value


def by_hand(a: Value, b: Value) -> Value:
    """A product in micrograd's way, whose rule the page does not know."""
    out = Value(a.data * b.data, (a, b), "by hand", label="hand")

    def _backward() -> None:
        a.grad += b.data * out.grad
        b.grad += a.data * out.grad

    out._backward = _backward
    return out


def chained(x: Value, factor: float, length: int) -> Value:
    for _ in range(length):
        x = x * factor
    return x


def logistic(x: Value, length: int) -> Value:
    for _ in range(length):
        x = 3.9 * x * (1.0 - x)
    return x


def frozen(x: float) -> Value:
    value = leaf(x)
    value.freeze()
    return value


def unused_arm(x: Value) -> Value:
    y = leaf(2.0, "y")
    return named(ops.where(ops.greater(y, 1.0), y * 3.0, x), "chosen")


class Case(NamedTuple):
    """A graph over the leaf x, the verdict on x's gradient, and the nodes and words that the note names."""

    make: Callable[[Value], Value]
    x: float
    verdict: str
    culprits: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


WHY = {
    "dead relu": Case(
        lambda x: named((x * 2.0).relu(), "unit") + 1.0, -3.0, "dead", ("unit",), ("dead ReLU", "−6")
    ),
    "dead on two ways": Case(
        lambda x: named(x.relu(), "one") + named((x * 0.5).relu(), "two"),
        -1.0,
        "dead",
        ("one", "two"),
        ("All 2 ways",),
    ),
    "clipped": Case(lambda x: named(x.clip(-1.0, 1.0), "unit") * 2.0, 7.0, "clipped", ("unit", "x")),
    "not the larger": Case(
        lambda x: named(ops.maximum(x, leaf(5.0, "y")), "top") * 2.0,
        1.0,
        "not chosen",
        ("top",),
        ("maximum(1, 5)",),
    ),
    "saturated tanh": Case(
        lambda x: named(x.tanh(), "unit") * 3.0, 20.0, "saturated", ("unit", "x"), ("tanh(20)",)
    ),
    "saturated for good": Case(
        lambda x: named(x.tanh(), "unit") * 3.0, 500.0, "saturated", ("unit", "x"), ("flat",)
    ),
    "cancelled": Case(
        lambda x: named(x - x, "none") * 5.0, 2.0, "cancelled", ("none",), ("5 through", "−5 through")
    ),
    "cancelled further on": Case(
        lambda x: (lambda a: a - a)(named(x * 3.0, "mid")), 2.0, "cancelled", ("mid",), ("cancel",)
    ),
    "vanishing": Case(lambda x: chained(x, 0.5, 60), 1.0, "vanishing", (), ("0.5 × 0.5", "(60 factors)")),
    "growing": Case(lambda x: chained(x, 3.0, 40), 1.0, "growing", (), ("3 × 3", "(40 factors)")),
    "small and large undo each other": Case(
        lambda x: chained(x, 1e10, 1) * 1e-10 * 1e-7, 3.0, "vanishing", (), ("All factors", "1e+10 × 1e−10")
    ),
    "flat at infinity": Case(lambda x: named(1.0 / x, "turned") + 1.0, INF, "saturated", ("turned", "x"), ()),
    "small factor": Case(lambda x: named(x * 1e-9, "weak"), 1.0, "small factor", ("weak",), ("1e−09",)),
    "steep op": Case(
        lambda x: named(x.reciprocal(), "turned"), 1e-5, "huge factor", ("turned", "x"), ("−1e+10",)
    ),
    "large exp": Case(lambda x: named(x.exp(), "e"), 30.0, "huge factor", ("e",), ("exp(30)",)),
    "overflow": Case(lambda x: named((x * 10.0).exp(), "e") * 2.0, 100.0, "overflow", ("e",), ("exp(1000)",)),
    "log of 0": Case(lambda x: named(x.log(), "l") + 1.0, 0.0, "domain", ("l",), ("log(0)", "a > 0")),
    "sqrt at 0": Case(lambda x: named(x.sqrt(), "root"), 0.0, "steep", ("root", "x"), ("slope inf at 0",)),
    "zero rule": Case(
        lambda x: named((x * x).sqrt(), "size") + 1.0, 0.0, "zero rule", ("n1",), ("0 meets inf",)
    ),
    "0 times x": Case(lambda x: named(leaf(0.0, "z") * x, "p") + 1.0, 3.0, "times zero", ("p", "z")),
    "unused arm": Case(unused_arm, 3.0, "not chosen", ("chosen",)),
    "a step": Case(lambda x: named(x.round(), "r") * 2.0, 1.2, "step", ("r",), ("slope 0 everywhere",)),
    "minimum": Case(lambda x: named(x**2, "sq") * 2.0, 0.0, "flat point", ("sq",), ("minimum",)),
    "its own square": Case(
        lambda x: named(x * x, "sq") + 1.0, 0.0, "flat point", ("sq",), ("multiplied by itself",)
    ),
    "kink": Case(lambda x: named(x.relu(), "unit") * 2.0, 0.0, "kink", ("unit",), ("slope 0 at 0",)),
    "NaN leaf": Case(
        lambda x: named(x * 2.0, "d") * leaf(1.0, "y") * x, NAN, "given", ("x",), ("given NaN",)
    ),
    "ordinary": Case(lambda x: (x * 2.0).tanh() + x, 0.3, ""),
}


def place_of(steps: Any, text: str) -> int:
    return next(node.index for node in steps.nodes if node.text == text)


def inspect(page: Any, index: int, position: str = "player.total") -> Any:
    """The panel of a node, at a position of the run."""
    page.evaluate(f"player.goto({position}), player.select({index})")
    page.wait_for_function("player.pending.size === 0")
    return page.locator("#panel-node")


@pytest.mark.parametrize("case", WHY.values(), ids=WHY.keys())
def test_the_reason_for_a_gradient_names_the_culprit(open_player: Any, case: Case) -> None:
    x = leaf(case.x)
    steps = step(case.make(x))
    panel = inspect(open_player(steps), place_of(steps, "x"))
    notes = panel.locator(".inspect-why")
    if not case.verdict:
        assert notes.count() == 0, notes.all_inner_texts()
        return
    why = notes.last
    text = why.inner_text()
    assert why.get_attribute("data-verdict") == case.verdict, text
    buttons = why.locator("button").all_inner_texts()
    assert set(case.culprits) <= set(buttons), (text, buttons)
    assert all(word.lower() in text.lower() for word in case.words), text


VALUES = {
    "below the domain": (lambda x: named(x.log(), "l") * 2.0, -1.0, "domain", ("l",), ("log(−1)", "a > 0")),
    "a pole": (lambda x: named(1.0 / x, "p") + x, 0.0, "domain", ("p",), ("1 / 0", "b ≠ 0")),
    "too large": (lambda x: named(x.exp(), "e") + x, 1000.0, "overflow", ("e",), ("exp(1000)",)),
    "from infinities": (lambda x: named(x.exp(), "e") - x.exp(), 1000.0, "domain", ("n3",), ("inf − inf",)),
}


@pytest.mark.parametrize(("make", "x", "verdict", "culprits", "words"), VALUES.values(), ids=VALUES.keys())
def test_a_value_that_is_not_finite_is_traced_to_where_it_began(
    open_player: Any, make: Any, x: float, verdict: str, culprits: tuple[str, ...], words: tuple[str, ...]
) -> None:
    steps = step(make(leaf(x)))
    why = inspect(open_player(steps), steps.root.index).locator(".inspect-why").first
    text = why.inner_text()
    assert why.get_attribute("data-verdict") == verdict, text
    assert "Why the value is" in text
    assert set(culprits) <= set(why.locator("button").all_inner_texts()), text
    assert all(word.lower() in text.lower() for word in words), text


def test_a_note_leads_to_the_culprit(open_player: Any) -> None:
    steps = step(named((leaf(-3.0) * 2.0).relu(), "unit") + 1.0)
    page = open_player(steps)
    panel = inspect(page, place_of(steps, "x"))
    panel.locator(".inspect-why").get_by_role("button", name="unit").click()
    assert page.evaluate("player.inspected") == place_of(steps, "unit")
    assert panel.locator("h2").inner_text() == "unit"
    assert page.evaluate("document.activeElement.tagName") == "H2"
    panel.get_by_role("button", name="Follow the steps").click()
    assert page.evaluate("player.selected") is None


def test_what_gets_no_gradient_is_explained(open_player: Any) -> None:
    hold, x = frozen(3.0), leaf(2.0, "w")
    steps = step(named(hold * 4.0, "held") * x)
    page = open_player(steps)
    for text, verdict in (("x", "frozen"), ("4", "constant"), ("w", "")):
        panel = inspect(page, place_of(steps, text))
        note = panel.locator("[data-verdict]")
        assert (note.get_attribute("data-verdict") if note.count() else "") == verdict
        assert panel.locator("[data-check]").get_attribute("data-check") == (
            "agrees" if text == "w" else "slope"
        )
    assert "slope 8 " in inspect(page, place_of(steps, "x")).locator(".inspect-check").inner_text()


def test_before_the_backward_pass_comes_it_says_not_yet(open_player: Any) -> None:
    a = leaf(2.0, "a")
    steps = step(named(a * 3.0, "u") + named(a * 4.0, "v"))
    page = open_player(steps)
    panel = inspect(page, 0, "player.forwardCount")
    assert "not come here yet: u, v still owe" in " ".join(
        panel.locator("[data-verdict='not yet']").inner_text().split()
    ).replace("v, u", "u, v")
    panel = inspect(page, 0, "player.total - 1")
    assert "1 of 2 contributions are in; finished it will be 7" in panel.inner_text()
    assert panel.locator("tr.awaited").count() == 1
    assert panel.locator("dd.gradient").inner_text() in ("3", "4")


def test_while_a_question_is_open_nothing_is_given_away(open_player: Any) -> None:
    steps = step((leaf(0.3) * 7.0).tanh())
    page = open_player(steps)
    page.evaluate("player.setQuiz(true), player.hideAnswers(true)")
    for index in range(len(steps.nodes)):
        panel = inspect(page, index, "player.total - 1")
        text = panel.inner_text()
        assert "hidden until" in text
        assert panel.locator("[data-check], .inspect-why, .amount.gradient").count() == 0
        assert "local × upstream" not in text


def test_on_numbers_where_the_program_branches_otherwise_only_leaves_are_known(open_player: Any) -> None:
    steps = step(leaf(0.3) * 7.0)
    page = open_player(steps)
    page.evaluate("player.diverged = {op: '>'}, player.tell('run')")
    assert "Not known on these numbers" in inspect(page, steps.root.index).inner_text()
    panel = inspect(page, place_of(steps, "x"))
    assert panel.locator("dd").first.inner_text() == "0.3"
    assert panel.locator("table, [data-check]").count() == 0


CHECKS = {
    "smooth": (lambda x: (x * 2.0).tanh() + x, 0.3, "agrees"),
    "kink": (lambda x: x.relu() * 3.0, 0.0, "kink"),
    "abs": (lambda x: abs(x) * 3.0, 0.0, "kink"),
    "zero rule": (lambda x: (x * x).sqrt() + 1.0, 0.0, "kink"),
    "infinite slope": (lambda x: x.sqrt(), 0.0, "edge"),
    "a jump": (lambda x: x.floor() + x, 2.0, "unsettled"),
    "between jumps": (lambda x: x.floor() + x, 2.5, "agrees"),
    "near a kink": (lambda x: (x * 1000.0 - 0.1).relu(), 0.000101, "agrees"),
    "near a pole": (lambda x: x.log(), 0.001, "agrees"),
    "cancelled": (lambda x: (x - x) * 1e6, 2.0, "agrees"),
    "not finite": (lambda x: x.log(), -1.0, "unknown"),
    "hand-made": (lambda x: by_hand(x, leaf(3.0, "y")) * 2.0, 2.0, "unknown"),
    "the result": (lambda x: x, 2.0, "agrees"),
    "a staircase far out": (lambda x: x % 0.75, 100_000.3, "agrees"),
    "a stair far out": (lambda x: x.floor() * 3.0, 1000.3, "agrees"),
    "infinity on the way": (lambda x: x * 3.0 + 1.0 / (x * 1000.0).exp(), 2.0, "agrees"),
    "lost in rounding": (lambda x: x * 1e-8 + leaf(1e8, "big"), 1.0, "blurred"),
    "saturated": (lambda x: x.tanh(), 20.0, "blurred"),
    "a flat point": (lambda x: x**3, 0.0, "agrees"),
    "a small kink": (lambda x: 100.0 * x + 0.001 * abs(x), 0.0, "agrees"),
    "a slight bend": (lambda x: 100.0 * x + 0.01 * x.relu(), 0.0, "kink"),
    "beyond the largest double": (lambda x: x * 1e308, 1.0, "edge"),
    "chaos": (lambda x: logistic(x, 40), 0.3, "unsettled"),
    "infinitely steep": (lambda x: x.cbrt(), 0.0, "unsettled"),
    "steep": (lambda x: x.exp(), 200.0, "agrees"),
}


@pytest.mark.parametrize(("make", "x", "verdict"), CHECKS.values(), ids=CHECKS.keys())
def test_the_check_by_differences_gives_a_verdict(
    open_player: Any, make: Any, x: float, verdict: str
) -> None:
    steps = step(make(leaf(x)))
    panel = inspect(open_player(steps), place_of(steps, "x"))
    assert panel.locator("[data-check]").get_attribute("data-check") == verdict, panel.inner_text()


def test_the_check_finds_a_gradient_that_a_hook_replaced(open_player: Any) -> None:
    x = leaf(0.3)
    x.register_hook(lambda gradient: 0.0)
    page = open_player(step(logistic(x, 12)))
    panel = inspect(page, 0)
    assert panel.locator("[data-check]").get_attribute("data-check") == "differs", panel.inner_text()
    assert "a hook replaced the gradient" in panel.locator(".inspect-check").inner_text()


def test_the_check_finds_the_naive_order_wrong(open_player: Any) -> None:
    a = leaf(1.0, "a")
    b = named(a + a, "b")
    c = named(b * 3.0, "c") + b.tanh() * named(b + 2.0, "d")
    steps = step(c)
    page = open_player(steps)
    assert inspect(page, 0).locator("[data-check]").get_attribute("data-check") == "agrees"
    page.evaluate("player.setNaive(true)")
    wrong = page.evaluate("player.run.gradients[0] !== player.recorded.gradients[0]")
    panel = inspect(page, 0)
    assert panel.locator("[data-check]").get_attribute("data-check") == ("differs" if wrong else "agrees")
    assert wrong
    assert "naive order is wrong" in panel.inner_text()


EVERY_NODE = """async () => {
  const number = (cell) => Number((cell.title || cell.textContent).replace("−", "-"));
  const found = [];
  player.goto(player.total);
  for (let index = 0; index < player.data.shown; index += 1) {
    player.select(index);
    await new Promise((done) => setTimeout(done));
    const panel = document.getElementById("panel-node");
    const rows = [...panel.querySelectorAll("tbody tr:not(.total) .amount .number")]
      .filter((cell) => cell.closest("tr").querySelector(".share"));
    const total = panel.querySelector(".total .number");
    found.push({
      check: panel.querySelector("[data-check]").dataset.check,
      text: panel.querySelector(".inspect-check").innerText,
      amounts: rows.map(number), total: total && number(total),
      many: panel.textContent.includes("smaller ones"),
    });
  }
  return found;
}"""


@pytest.mark.parametrize("batch", range(4))
def test_on_random_graphs_rows_add_up_and_differences_agree(open_player: Any, batch: int) -> None:
    agreed = kinks = 0
    for seed in range(5 * batch, 5 * batch + 5):
        rng = random.Random(f"inspector {seed}")
        picks = [(rng.choice(sorted(KINKED)), *(rng.randrange(40) for _ in range(3))) for _ in range(12)]
        recipe = Recipe(tuple(rng.uniform(-2.0, 2.0) for _ in range(3)), tuple(picks))
        page = open_player(step(recipe.grown(KINKED)[0]))
        for node in page.evaluate(EVERY_NODE):
            if node["total"] is not None and not node["many"]:
                scale = math.fsum(map(abs, node["amounts"])) + abs(node["total"])
                assert math.fsum(node["amounts"]) == pytest.approx(node["total"], abs=1e-12 * scale)
            assert node["check"] not in ("differs", "unknown"), (seed, node, recipe)
            agreed += node["check"] in ("agrees", "slope")
            kinks += node["check"] not in ("agrees", "slope")
    assert kinks <= agreed // 10, (kinks, agreed)


def test_many_contributions_show_the_largest_and_the_rest(open_player: Any) -> None:
    x = leaf(2.0)
    steps = step(ops.sum(*(x * (k + 1.0) for k in range(30))))
    panel = inspect(open_player(steps), 0)
    rows = panel.locator("table").first.locator("tbody tr")
    assert rows.count() == 14
    assert "18 smaller ones" in rows.nth(12).inner_text()
    assert "171" in rows.nth(12).inner_text()
    assert "465" in rows.nth(13).inner_text()
