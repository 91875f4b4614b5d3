"""The tabs "Quiz" and "Order": what is asked, what is said to a wrong answer, what a naive order breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, step
from autograd_lite.stepping import Backprop


def reused() -> Value:
    """d is used directly and through e: breadth first it passes on before e has given its part."""
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    d = a * b
    d.label = "d"
    e = d + 1.5
    e.label = "e"
    loss = d * e
    loss.label = "loss"
    return loss


def opened(open_player: Callable[..., Any], steps: Backprop, tab: str, **options: Any) -> Any:
    page = open_player(steps, **options)
    page.get_by_role("tab", name=tab).click()
    return page


@pytest.fixture
def asked(open_player: Callable[..., Any]) -> Any:
    """The quiz on `reused()`, at the first question: what loss adds to d (-4.5), then to e (-6)."""
    page = opened(open_player, step(reused()), "Quiz")
    page.get_by_label("Ask me").check()
    page.get_by_role("button", name="To the backward pass").click()
    return page


def answer(page: Any, text: str) -> str:
    page.locator("#quiz-field").fill(text)
    page.locator("#quiz-field").press("Enter")
    return said(page)


def said(page: Any) -> str:
    return str(page.locator(".quiz-said").inner_text())


def score(page: Any) -> list[int]:
    """Asked, right at once, with help, shown, in a row."""
    return [int(text) for text in page.locator(".quiz-score dd").all_inner_texts()]


def test_right_answers_do_the_step(asked: Any) -> None:
    assert "What will it add to the gradient of d?" in asked.locator(".quiz-question").inner_text()
    before = asked.evaluate("player.position")
    assert answer(asked, "-4.5").startswith("Right. 1 × −4.5 = −4.5 goes to d.")
    assert "gradient of e?" in asked.locator(".quiz-question").inner_text()
    assert asked.evaluate("player.position") == before
    answer(asked, "-6")
    assert asked.evaluate("player.position") == before + 1
    assert "gradient of d?" in asked.locator(".quiz-question").inner_text()  # e to d, by the way of 1
    assert "makes −10.5" in answer(asked, "-6")
    assert answer(asked, "31.4").startswith("Right.")  # within one per cent of 31.5
    answer(asked, "-21")
    assert asked.evaluate("player.position === player.total")
    assert score(asked) == [5, 5, 0, 0, 5]
    assert asked.get_by_role("button", name="Once more from the result").is_visible()


def test_simple_arithmetic_may_be_typed(asked: Any) -> None:
    for text in ("-9/2", "3*-1.5", "-(2+2.5)", "-4,5", "−4.5", "-4.5e0", "1.5-6"):
        assert answer(asked, text).startswith("Right."), text
        asked.evaluate("player.goto(0)")
        asked.get_by_role("button", name="To the backward pass").click()


def test_what_is_no_number_is_no_answer(asked: Any) -> None:
    for text in ("", "x", "1 2", "2**", "alert(1)", "constructor", "(1"):
        answer(asked, "77")
        assert "no number" in answer(asked, text), text
    assert score(asked) == [0, 0, 0, 0, 0]
    assert asked.locator("#quiz-field").get_attribute("aria-invalid") == "true"


def test_typed_keys_are_no_shortcuts(asked: Any) -> None:
    before = asked.evaluate("[player.position, player.playing, player.tab]")
    asked.locator("#quiz-field").press_sequentially("r ?jkn0 ")
    asked.locator("#quiz-field").press("ArrowRight")
    assert asked.evaluate("[player.position, player.playing, player.tab]") == before


MISTAKES = {
    "loss to d": [
        ("4.5", "the sign is not"),
        ("1", "what came in, passed on as it is"),
        ("-6", "That is what goes to e"),
        ("-3.5", "the chain rule multiplies the two"),
        ("-9", "2 times too large"),
        ("-2.25", "left out the factor 2"),
        ("1.5", "left out the factor 3, and the sign is wrong"),
        ("77", "a hint shows it"),
    ],
    "e to d": [
        ("1", "local derivative alone: multiply by what came in, −6"),
        ("-10.5", "That is the new total of d: asked is what is added to the −4.5 already there"),
        ("36", "You multiplied by d itself"),
    ],
    "d to a": [
        ("-3", "local derivative alone: multiply by what came in, −10.5"),
        ("3", "with the wrong sign"),
        ("-21", "That is what goes to b"),
        ("63", "You multiplied by the value of d"),
        ("3.5", "You divided"),
        ("-13.5", "the chain rule multiplies"),
    ],
}
RIGHT_BEFORE = {"loss to d": [], "e to d": ["-4.5", "-6"], "d to a": ["-4.5", "-6", "-6"]}


@pytest.mark.parametrize("at", MISTAKES)
def test_each_mistake_is_told_by_its_name(asked: Any, at: str) -> None:
    for right in RIGHT_BEFORE[at]:
        assert answer(asked, right).startswith("Right")
    place = asked.evaluate("player.position")
    for text, words in MISTAKES[at]:
        assert words in answer(asked, text), text
        assert asked.evaluate("player.position") == place
    assert score(asked)[4] == 0


def test_hint_show_and_score(asked: Any) -> None:
    asked.get_by_role("button", name="Hint").click()
    assert asked.locator(".quiz-hints p").count() == 1
    assert asked.locator(".quiz-hints math").count() == 2
    assert asked.locator(".quiz-hints mfrac").text_content() == "∂loss∂d"
    assert asked.locator(".quiz-hints math").last.text_content() == "e"
    assert "−4.5" not in asked.locator(".quiz-hints").inner_text()
    asked.get_by_role("button", name="Hint").click()
    assert "−4.5" in asked.locator(".quiz-hints").inner_text()
    assert asked.locator(".quiz-hints mfrac").count() == 2
    assert asked.get_by_role("button", name="Hint").is_disabled()
    answer(asked, "-4.5")
    assert score(asked) == [1, 0, 1, 0, 0]
    answer(asked, "5")
    answer(asked, "-6")
    assert score(asked) == [2, 0, 2, 0, 0]
    asked.get_by_role("button", name="Show").click()
    assert said(asked).startswith("It is: −6 × 1 = −6 goes to d")
    assert score(asked) == [3, 0, 2, 1, 0]
    place = asked.evaluate("player.position")
    asked.get_by_role("button", name="Go on").click()
    assert asked.evaluate("player.position") == place + 1
    answer(asked, "31.5")
    assert score(asked) == [4, 1, 2, 1, 1]
    asked.get_by_role("button", name="Reset the score").click()
    assert score(asked) == [0, 0, 0, 0, 0]


def test_an_open_question_hides_its_answer_everywhere(asked: Any) -> None:
    for text in ("-4.5", "-6", "-6"):
        answer(asked, text)
    assert asked.evaluate("player.quizHidden")  # d to a: 31.5
    hidden = "31.5"
    for tab in ("Node", "Values", "Order", "Quiz"):
        asked.get_by_role("tab", name=tab).click()
        if tab == "Node":
            asked.evaluate("player.select(player.nodes.findIndex(node => node.text === 'a'))")
        assert hidden not in asked.locator("main").inner_text(), tab
    answer(asked, "31.5")
    answer(asked, "-21")
    assert not asked.evaluate("player.quizHidden")
    asked.get_by_role("tab", name="Values").click()
    assert hidden in asked.locator("main").inner_text()


def test_values_may_be_asked_too(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, step(reused()), "Quiz")
    page.get_by_label("Ask me").check()
    page.get_by_label("values too").check()
    assert "What value will it have?" in page.locator(".quiz-question").inner_text()
    page.get_by_role("tab", name="Values").click()
    assert page.locator(".result-now").inner_text() == "–"
    page.get_by_role("tab", name="Quiz").click()
    assert "That is the sum of a and b" in answer(page, "-1")
    assert "That is a itself" in answer(page, "2")
    assert "sign" in answer(page, "6")
    assert "d = −6" in answer(page, "-6")
    assert page.evaluate("player.position") == 1


def test_switched_off_the_quiz_asks_nothing(asked: Any) -> None:
    asked.get_by_label("Ask me").uncheck()
    assert not asked.evaluate("player.quizHidden")
    assert asked.locator(".quiz-question").is_hidden()


# --- order ------------------------------------------------------------------------------------------------


def naive_gradients(value: Value) -> dict[str, float]:
    """Gradients by label when each node passes on what it has as soon as it is first met, breadth first."""
    gradients, queue, met = {value: 1.0}, [value], {value}
    for node in queue:
        locals_ = node.local_gradients() if node.parents else ()
        for parent, local in zip(node.parents, locals_, strict=True):
            gradients[parent] = gradients.get(parent, 0.0) + gradients[node] * local
        fresh = [parent for parent in dict.fromkeys(node.parents) if parent not in met]
        met.update(fresh)
        queue.extend(fresh)
    return {node.label: gradient for node, gradient in gradients.items() if node.label}


def nodes_of(value: Value) -> list[Value]:
    found = [value]
    for node in found:
        found.extend(parent for parent in dict.fromkeys(node.parents) if parent not in found)
    return found


def deep() -> Value:
    """The error travels on: d is too early, so f and then a and b are wrong; c is right."""
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(0.5, label="c")
    f = a * b
    f.label = "f"
    d = f.tanh() + c
    d.label = "d"
    e = d * c
    e.label = "e"
    loss = d * (e + 1.0).tanh()
    loss.label = "loss"
    return loss


@pytest.mark.parametrize("make", [reused, deep])
def test_naive_gradients_are_those_computed_by_hand(
    open_player: Callable[..., Any], make: Callable[[], Value]
) -> None:
    loss = make()
    naive = naive_gradients(loss)
    page = opened(open_player, step(loss), "Order")
    loss.backward()
    right = {node.label: node.grad for node in nodes_of(loss) if node.label}
    rows = {row.locator("th button").inner_text(): row for row in page.locator(".order-table tbody tr").all()}
    for name, row in rows.items():
        if name not in right:
            continue
        cells = row.locator("td").all_inner_texts()
        assert [f"{naive[name]:.6g}".replace("-", "−"), f"{right[name]:.6g}".replace("-", "−")] == cells[
            :2
        ], name
        assert ("wrong" in cells[2]) == (naive[name] != pytest.approx(right[name], rel=1e-9)), name
    assert [name for name in right if "wrong" in rows[name].inner_text()]
    page.get_by_label("Use the naive order").check()
    shown = page.evaluate("player.nodes.map((node, i) => [node.text, player.run.gradients[i]])")
    assert {name: number for name, number in shown if name in naive} == pytest.approx(naive, rel=1e-12)


def test_who_was_too_early_what_came_late_and_whom_it_misled(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, step(reused()), "Order")
    assert (
        "2 gradients come out wrong, because 1 node passed on too early"
        in page.locator(".order-verdict").inner_text()
    )
    why = page.locator(".order-why").inner_text()
    assert "d passed on −4.5" in why
    assert "e brought −6 later" in why
    assert "Its whole gradient is −10.5" in why
    assert "a got 13.5 instead of 31.5, b got −9 instead of −21" in why
    strips = page.locator(".order-strip ol").all()
    assert [part.split("\n")[0] for part in strips[0].locator("li").all_inner_texts()] == ["loss", "e", "d"]
    assert strips[1].locator("li").all_inner_texts() == ["loss", "d too early", "e"]


def test_the_step_where_it_happened_is_one_press_away(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, step(reused()), "Order")
    page.locator(".order-why button").click()
    assert page.evaluate("player.naive && player.step.action === 'propagate'")
    assert page.evaluate("player.nodes[player.step.node].text") == "d"
    assert page.get_by_label("Use the naive order").is_checked()
    page.get_by_role("row", name="a from d").get_by_role("button").click()
    assert page.evaluate("player.nodes[player.selected].text") == "a"
    page.get_by_label("Use the naive order").uncheck()
    assert page.evaluate("player.run === player.recorded")


def test_an_error_is_followed_downstream(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, step(deep()), "Order")
    assert "from f" in page.get_by_role("row", name="b from").inner_text()
    assert page.locator(".order-strip li.early").count() == 1


@pytest.mark.parametrize("kind", ["tree", "chain", "lucky"])
def test_where_both_orders_agree_it_says_why(open_player: Callable[..., Any], kind: str) -> None:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    made = {
        "tree": lambda: a * b + a,
        "chain": lambda: (a * 2.0).tanh(),
        "lucky": lambda: (a * b + 1.0) * (a * b),
    }
    loss = made[kind]()
    if kind == "lucky":
        d = a * b
        loss = (d + 1.0) * d
    page = opened(open_player, step(loss), "Order")
    text = page.locator(".order-findings").inner_text()
    assert "both orders give the same gradients" in text
    assert ("every user happens to come before" in text) == (kind == "lucky")
    assert "d = a * b; loss = d * (d + 1)" in text


def test_a_graph_that_cannot_be_computed_here_says_why(open_player: Callable[..., Any]) -> None:
    a = Value(2.0, label="a")
    made = Value(a.data**3, (a,), "cube")
    made._backward = lambda: setattr(a, "grad", a.grad + 3 * a.data**2 * made.grad)
    page = opened(open_player, step(made * 2.0), "Order")
    assert "hand-made op" in page.locator(".panel.order").inner_text()


def test_the_comparison_follows_moved_leaves(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, step(reused()), "Order")
    page.evaluate("player.setLeaf(player.nodes.findIndex(node => node.text === 'a'), 0)")
    text = page.locator(".order-findings").inner_text()
    assert "both orders give the same gradients" in text  # d = 0: what comes late is 0
    assert "what came late was nothing that changes a number" in text
    page.get_by_text("Use the naive order").click()
    page.evaluate("player.setLeaf(player.nodes.findIndex(node => node.text === 'a'), 1)")
    assert "a got 4.5 instead of 13.5" in page.locator(".order-why").inner_text()


@pytest.mark.parametrize("tab", ["Quiz", "Order"])
def test_nothing_is_wider_than_a_narrow_screen(open_player: Callable[..., Any], tab: str) -> None:
    a = Value(1.0, label="a_name_that_is_rather_long" * 5)
    page = opened(open_player, step(a * (a + 1.0).tanh()), tab, viewport={"width": 420, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_only_infinity_itself_is_the_right_answer_to_infinity(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, step(Value(0.0, label="x").sqrt()), "Quiz")
    page.get_by_label("Ask me").check()
    page.get_by_role("button", name="To the backward pass").click()
    for wrong in ("5", "-inf", "nan"):
        assert answer(page, wrong).startswith("Not "), wrong
    assert "no number" in answer(page, ".")
    assert answer(page, "inf").startswith("Right.")


def test_what_differs_only_by_rounding_is_not_called_wrong(open_player: Callable[..., Any]) -> None:
    x = Value(0.1, label="x")
    loss = (x * 0.3).tanh().tanh() + (x * 0.7 + x.tanh()) * 0.1 + x * 0.3
    page = opened(open_player, step(loss), "Order")
    page.evaluate("player.setNaive(true), player.goto(player.total)")
    page.wait_for_function("player.pending.size === 0")
    right, naive = page.evaluate("[player.sortedRun.gradients, player.run.gradients]")
    assert naive[0] != right[0]
    assert naive[0] == pytest.approx(right[0], rel=1e-14)
    assert page.locator(".part.wrong").count() == 0
    assert page.locator(".end-table .bad").count() == 0


def test_a_hand_made_op_is_asked_without_a_slope(open_player: Callable[..., Any]) -> None:
    x = Value(3.0, label="x")
    twice = Value(6.0, (x,), "twice", label="t")

    def push() -> None:
        x.grad += 2.0 * twice.grad

    twice._backward = push
    page = opened(open_player, step(twice), "Quiz")
    page.get_by_label("Ask me").check()
    page.get_by_role("button", name="To the backward pass").click()
    page.get_by_role("button", name="Hint").click()
    assert "hand-made op" in page.locator(".quiz-hints").inner_text()
    assert answer(page, "7.7").endswith("This op is hand-made: its own rule, in Python, says it.")
    assert answer(page, "2") == "Right. 2 goes to x."
