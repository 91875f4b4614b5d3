"""The card of the step: formula, numbers and result are those of Python's steps."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, nn, ops, step
from autograd_lite.stepping import Backprop, Contribution

Open = Callable[..., Any]


def expression() -> Backprop:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(1e-7, label="c")
    loss = (a * b + c) ** 2 / b - a.tanh() * 0.5
    loss.label = "L"
    return step(loss)


def network() -> Backprop:
    random.seed(3)
    net = nn.MLP(2, [3, 1])
    loss = sum(((net([x, 1.0 - x]) - x) ** 2 for x in (0.25, 0.75)), Value(0.0))
    loss.label = "loss"
    return step(loss)


def shown(value: float | None) -> str:
    """A number as the card has it: %.6g with a true minus and powers of ten."""
    text = f"{value:.6g}".replace("-", "−").replace("inf", "∞")
    return re.sub(r"e(−?)\+?0*", r"×10\1", text)


def card(page: Any, position: int) -> Any:
    """The card after `position` steps."""
    page.evaluate(f"player.goto({position})")
    return page.wait_for_selector(f'section.step[data-position="{position}"]') and page.locator(
        "section.step"
    )


def texts(card: Any, selector: str) -> list[str]:
    return [cleaned(text) for text in card.locator(selector).all_text_contents()]


def cleaned(text: str) -> str:
    return text.replace("\u2061", "")


READ = """async () => {
  const cards = [];
  const texts = (root, selector) => [...root.querySelectorAll(selector)].map((one) => one.textContent);
  for (let position = 1; position <= player.total; position += 1) {
    player.goto(position);
    await null;
    const card = document.querySelector("section.step");
    const [badge, count, name, came] = [".phase-badge", ".step-count", "h2 .node-link", ".came-in"]
      .map((selector) => texts(card, selector).join());
    const pushes = [...card.querySelectorAll(".push")].map((push) => ({
      text: push.textContent, name: texts(push, ".push-head .node-link").join(),
      sum: texts(push, ".sum-number"),
      equations: [...push.querySelectorAll(".equations")].map((one) => texts(one, ".equation-part")),
      waits: texts(push, ".push-status .node-link"),
    }));
    cards.push({ badge, count, name, came, equation: texts(card, ".equation-part"), pushes });
  }
  return cards;
}"""


@pytest.mark.parametrize("steps", [expression(), network()], ids=["expression", "network"])
def test_every_step_shows_the_numbers_of_python(open_player: Open, steps: Backprop) -> None:
    cards = open_player(steps).evaluate(READ)
    assert len(cards) == len(steps)
    for one, found in zip(steps, cards, strict=True):
        heading = [found["badge"], found["count"], found["name"]]
        assert heading == [one.phase.capitalize(), f"step {one.index + 1} of {len(steps)}", one.node.text]
        if one.action == "propagate":
            assert found["came"].endswith(f"={shown(one.upstream)}")
        else:
            last = one.value if one.phase == "forward" else one.upstream
            assert found["equation"][-1] == f"={shown(last)}"
        assert len(found["pushes"]) == len(one.contributions)
        for block, push in zip(found["pushes"], one.contributions, strict=True):
            check_push(block, one.upstream, push)


def check_push(block: dict[str, Any], upstream: float | None, push: Contribution) -> None:
    """What the card says of one parent, against what Python says."""
    assert block["name"] == push.parent.text
    if not push.tracked:
        assert "nothing is passed on" in block["text"]
        return
    assert block["sum"] == [shown(push.before), shown(push.amount), shown(push.after)]
    local, product = block["equations"]
    assert local[-1] == f"={shown(push.local)}"
    factor = f"({shown(push.local)})" if shown(push.local).startswith("−") else shown(push.local)
    assert product[1:] == [f"={shown(upstream)}·{factor}", f"={shown(push.amount)}"]
    names = list(dict.fromkeys(node.text for node in push.waiting_for))
    assert block["waits"] == names[:4]
    assert push.waiting or "complete" in block["text"]


def test_a_step_says_the_chain_rule_three_ways(open_player: Open) -> None:
    a, b = Value(2.0, label="a"), Value(-4.0, label="b")
    page = open_player(step((a / b).tanh()))
    forward = card(page, 1)
    assert texts(forward, ".equation-part") == ["=ab", "=2−4", "=−0.5"]  # fractions, read without their bar
    backward = card(page, 5)
    assert texts(backward, ".chain-rule") == ["∂n3∂parent+=∂n3∂n2·∂n2∂parent"]
    of_b = texts(backward.locator(".push").nth(1), ".equations")
    assert of_b[0].startswith("∂n2∂b=−ab2=−2(−4)2=−0.125")
    assert of_b[1].startswith("added=∂n3∂n2·∂n2∂b=0.786448·(−0.125)=−0.0983")


def test_labels_are_text_and_nothing_else(open_player: Open) -> None:
    labels = [
        "<script>alert(1)</script>",
        "q\"uo'te",
        "a&amp;b",
        "zwei\nZeilen",
        "größe 学习",
        "</script>",
        "<img src=x>",
    ]
    values = [Value(k + 1.0, label=label) for k, label in enumerate(labels)]
    steps = step(ops.TABLE["prod"](values) * values[0])
    page = open_player(steps)
    scripts = page.locator("script").count()
    for position in range(len(steps) + 1):
        found = card(page, position)
        assert found.locator("img, script").count() == 0
    assert page.locator("script").count() == scripts
    names = texts(card(page, len(steps)), ".push .node-link")
    assert [name for name in names if name in {node.text for node in steps.nodes}] == names
    assert "größe_学习" in names


def test_names_are_buttons_that_select_the_node(open_player: Open) -> None:
    steps = expression()
    page = open_player(steps)
    found = card(page, len(steps) - 1)
    name = found.locator(".push .node-link").first
    text = name.text_content()
    name.click()
    assert page.evaluate("player.nodes[player.selected].text") == text


def test_a_wide_node_shows_eight_parents_and_all_when_asked(open_player: Open) -> None:
    weights = [Value(0.1 * k, label=f"w{k}") for k in range(12)]
    inputs = [Value(1.0 + k, label=f"x{k}") for k in range(12)]
    steps = step(ops.dot(weights, inputs))
    page = open_player(steps)
    forward = card(page, 1)
    assert texts(forward, ".equation-part")[0] == "=w0·x0+w1·x1+…+w11·x11"
    found = card(page, 3)
    assert found.locator(".push").count() == 8
    found.get_by_role("button", name="Show all 24").click()
    found.locator(".push").nth(23).wait_for()
    locals_shown = texts(found, ".push .equations:nth-child(2)")
    assert locals_shown == [
        f"∂n24∂{push.parent.text}={(inputs + weights)[place].label}={shown(push.local)}"
        for place, push in enumerate(steps[2].contributions)
    ]


def test_start_and_end_say_what_will_happen_and_what_came_out(open_player: Open) -> None:
    steps = expression()
    page = open_player(steps)
    start = page.locator("section.step").text_content()
    assert "How does L change when a, b or c changes?" in start
    assert f"{steps.forward_count} steps: each node computes its value" in start
    end = card(page, len(steps))
    rows = [texts(row, "th, td") for row in end.locator("tbody tr").all()]
    assert rows == [
        [
            name,
            f"{steps.values[name]:.6g}".replace("-", "−"),
            f"{steps.gradients[name]:.6g}".replace("-", "−"),
        ]
        for name in ("a", "b", "c")
    ]


def test_the_naive_order_marks_what_comes_too_late(open_player: Open) -> None:
    a = Value(1.0, label="a")
    b = a + a
    b.label = "b"
    c = b * b + b  # b is met before the product that uses it
    page = open_player(step(c + b.tanh() * b))
    page.evaluate("player.setNaive(true)")
    late = [
        push["text"]
        for found in page.evaluate(READ)
        for push in found["pushes"]
        if "too late" in push["text"]
    ]
    assert late
    assert all(text.endswith("too late: b had already passed on its gradient") for text in late)


def test_another_branch_shows_no_numbers(open_player: Open) -> None:
    x = Value(2.0, label="x")
    page = open_player(step(lambda: x * 3.25 if x > 0 else -x, source=True))
    card(page, 3)
    assert "3.25" in page.locator("section.step").text_content()
    page.evaluate("player.setLeaf(player.nodes.findIndex((node) => node.text === 'x'), -1)")
    page.wait_for_selector(".step .primary")
    text = page.locator("section.step").text_content()
    assert "another branch" in text
    assert "x > 0 was true" in text
    assert "3.25" not in text
    page.locator(".step .primary").click()
    page.wait_for_selector(".step .push")


def test_each_step_is_told_in_words(open_player: Open) -> None:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    page = open_player(step((a * b + 2.0 * b) ** 2))
    words = []
    for position in (1, 4, 5, 6, 7, 9):
        card(page, position)
        page.locator(".spoken").get_by_text(f"step {position} of 9").wait_for(state="attached")

        words.append(page.locator(".spoken").text_content())
    assert words == [
        "Forward, step 1 of 9: n2 is a times b, which gives −6.",
        "Forward, step 4 of 9: n6 is n5 to the power 2, which gives 144.",
        "Backward, step 5 of 9: it begins at n6: the derivative of n6 by itself is 1.",
        (
            "Backward, step 6 of 9: n6, n5 to the power 2, has gradient 1. "
            "It passes 1 times −24 to n5: gradient of n5 is now −24, complete."
        ),
        (
            "Backward, step 7 of 9: n5, n2 plus n4, has gradient −24. "
            "It passes −24 times 1 to n2: gradient of n2 is now −24, complete. "
            "It passes −24 times 1 to n4: gradient of n4 is now −24, complete."
        ),
        (
            "Backward, step 9 of 9: n2, a times b, has gradient −24. "
            "It passes −24 times −3 to a: gradient of a is now 72, complete. "
            "It passes −24 times 2 to b: gradient of b is now −96, complete."
        ),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_narrow_screen(open_player: Open, scheme: str) -> None:
    steps = step(ops.TABLE["mish"](Value(-1.23456, label="a_rather_long_name")))
    page = open_player(steps, viewport={"width": 420, "height": 800}, color_scheme=scheme)
    found = card(page, 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    wide = found.locator(".equations[tabindex]")
    for place in range(wide.count()):
        assert wide.nth(place).get_attribute("role") == "group"


def test_a_hand_made_op_says_that_its_rule_is_its_own(open_player: Open) -> None:
    a = Value(2.0, label="a")
    cube = Value(a.data**3, (a,), "cube")

    def passes_on() -> None:
        a.grad += 3.0 * a.data**2 * cube.grad

    cube._backward = passes_on
    page = open_player(step(cube))
    assert "hand-made op" in card(page, 1).text_content()
    found = card(page, 3)
    assert "its own rule, in Python" in found.locator(".push").text_content()
    assert texts(found, ".sum-number") == ["0", "12", "12"]


def test_the_first_card_asks_the_question_and_starts_the_run(open_player: Open) -> None:
    page = open_player(expression())
    page.get_by_role("button", name="First step →").click()
    assert page.evaluate("player.position") == 1
    assert page.evaluate("document.activeElement.className") == "next"
    page.evaluate("player.goto(0)")
    page.locator(".begin button.primary").click()
    assert page.evaluate("[player.playing, player.position]") == [True, 1]
    page.evaluate("player.pause()")
    alone = open_player(step(Value(2.0, label="a")))
    assert alone.locator("section.step h2").text_content() == "A graph of one number"


@pytest.mark.parametrize("width", [860, 420, 320])
def test_before_added_after_stay_together(open_player: Open, width: int) -> None:
    a, b = Value(-0.123456789, label="a"), Value(3.0, label="b")
    steps = step((a * b + a * 1.2345678e-9).tanh() * -1.0)
    page = open_player(steps, viewport={"width": width, "height": 660})
    for position in range(steps.forward_count + 2, len(steps) + 1):
        card(page, position)
        page.wait_for_timeout(60)
        assert page.evaluate(
            "[...document.querySelectorAll('.sum')].every(s => s.scrollWidth <= s.clientWidth)"
        )
        rows = page.evaluate(
            """() => [...document.querySelectorAll('.sum')].map(sum => {
              const edges = [...sum.querySelectorAll('.sum-box')].map(b => b.getBoundingClientRect());
              return [new Set(edges.map(e => e.top)).size, new Set(edges.map(e => e.left)).size]; })"""
        )
        assert all(row in ([1, 3], [3, 1]) for row in rows)  # in one line, or all below one another
    page.set_viewport_size({"width": 300, "height": 660})
    page.wait_for_timeout(60)
    assert page.evaluate("[...document.querySelectorAll('.sum')].every(s => s.scrollWidth <= s.clientWidth)")


def test_a_panel_that_is_asked_for_comes_into_view(open_player: Open) -> None:
    steps = expression()
    page = open_player(steps, f"#step={steps.forward_count + 2}", viewport={"width": 1280, "height": 700})
    page.keyboard.press("q")
    assert page.locator("#panel-quiz input").first.is_visible()
    box = page.locator(".quiz-field").bounding_box()
    assert box["y"] + box["height"] < 700
