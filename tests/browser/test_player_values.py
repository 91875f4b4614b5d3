"""The tab "Values": moved leaves give the numbers of Python, and reset returns to the recorded run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, nn, ops, step
from autograd_lite.stepping import Backprop

RECORDED = {"a": 2.0, "b": -3.0, "c": 10.0}
NUMBERS = """() => [player.run.values, player.run.gradients, player.run.steps.map(
  s => s.contributions.map(c => [c.local, c.amount, c.before, c.after]))].map(
  part => JSON.stringify(part, (_, x) =>
  typeof x === "number" ? (Object.is(x, -0) ? "-0" : String(x)) : x)).join("\\n")"""


def labelled(**numbers: float) -> tuple[Value, dict[str, Value]]:
    leaves = {name: Value(number, label=name) for name, number in numbers.items()}
    a, b, c = leaves.values()
    d = a * b
    loss = ops.maximum(d + c, 0.1 * d) * (d - 0.5).tanh() / 4.0
    loss.label = "loss"
    return loss, leaves


def recorded() -> Backprop:
    return step(labelled(**RECORDED)[0])


def opened(open_player: Callable[..., Any], steps: Backprop, **options: Any) -> Any:
    page = open_player(steps, **options)
    page.get_by_role("tab", name="Values").click()
    return page


def put(page: Any, name: str, text: str) -> None:
    """Types a number into the field of a leaf and waits until it has been computed."""
    field = page.get_by_label(name, exact=True)
    field.fill(text)
    field.press("Enter")
    settle(page)


def settle(page: Any) -> None:
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def index_of(page: Any, text: str) -> int:
    return int(page.evaluate("text => player.nodes.findIndex(node => node.text === text)", text))


def check_against_python(page: Any, **numbers: float) -> None:
    """Values and gradients of the page, against the same program run again on these numbers."""
    loss, leaves = labelled(**numbers)
    loss.backward()
    shown = page.evaluate("() => [player.run.values, player.run.gradients, player.data.root]")
    assert shown[0][shown[2]] == pytest.approx(loss.data, rel=1e-12)
    for name, leaf in leaves.items():
        assert shown[1][index_of(page, name)] == pytest.approx(leaf.grad, rel=1e-12), name


def test_fields_change_every_number_as_python_would(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, recorded())
    put(page, "b", "0.25")
    check_against_python(page, **{**RECORDED, "b": 0.25})
    put(page, "c", "-40")  # the other arm of the maximum
    check_against_python(page, **{**RECORDED, "b": 0.25, "c": -40.0})
    put(page, "a", "1e-3")
    check_against_python(page, a=1e-3, b=0.25, c=-40.0)


def test_sliders_change_every_number_as_python_would(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, recorded())
    slider = page.get_by_label("a, slider")
    slider.evaluate("s => { s.value = -1.2345; s.dispatchEvent(new Event('input')); }")
    settle(page)
    moved = page.evaluate("i => player.given[i]", index_of(page, "a"))
    assert moved == pytest.approx(-1.2345, abs=0.01)
    assert moved == round(moved, 3)
    check_against_python(page, **{**RECORDED, "a": moved})
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
        settle(page)
    finer = page.evaluate("i => player.given[i]", index_of(page, "a"))
    assert 0 < finer - moved < 0.05
    check_against_python(page, **{**RECORDED, "a": finer})
    assert page.evaluate("player.position") == 0  # the arrows did not step through time


def test_the_row_says_gradient_and_direction(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, recorded())
    loss, leaves = labelled(**RECORDED)
    loss.backward()
    for name, leaf in leaves.items():
        row = page.locator(".leaf-row", has=page.get_by_role("button", name=name, exact=True))
        word = "raises" if leaf.grad > 0 else "lowers"
        assert f"more {word} loss" in row.inner_text()
        assert f"{leaf.grad:.6g}".replace("-", "−") in row.inner_text()


def test_reset_returns_to_the_recorded_run_to_the_bit(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, recorded())
    before = page.evaluate(NUMBERS)
    put(page, "a", "7")
    put(page, "b", "0.1")
    assert page.evaluate("player.changed.size") == 2
    assert "recorded" in page.locator(".result-change").inner_text()
    page.get_by_role("button", name="Reset a", exact=True).click()
    settle(page)
    assert page.evaluate("player.changed.size") == 1
    page.get_by_role("button", name="Reset all").click()
    assert page.evaluate(NUMBERS) == before
    assert page.evaluate("player.run === player.recorded")
    assert page.get_by_label("b", exact=True).input_value() == "-3"


def test_what_is_no_number_changes_nothing_and_says_so(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, recorded())
    put(page, "a", "3")
    before = page.evaluate(NUMBERS)
    field = page.get_by_label("a", exact=True)
    for text in ("", "abc", "1..2", "0x10", "1e", "1,2,3", "--1"):
        put(page, "a", text)
        assert page.evaluate(NUMBERS) == before, text
        assert field.get_attribute("aria-invalid") == "true"
        assert "is not a number" in page.locator(".leaf-message:not(:empty)").inner_text()
        field.press("Escape")
        assert field.input_value() == "3"
        assert field.get_attribute("aria-invalid") == "false"
    put(page, "a", "3.5")
    assert page.evaluate("i => player.given[i]", index_of(page, "a")) == 3.5


def test_special_numbers(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, recorded())
    typed = {"inf": math.inf, "-inf": -math.inf, "1e300": 1e300, "-0": -0.0, "0,5": 0.5, "−2": -2.0}
    for text, number in typed.items():
        put(page, "a", text)
        given = page.evaluate("i => player.given[i]", index_of(page, "a"))
        assert given == number
        assert math.copysign(1, given) == math.copysign(1, number)


def test_nan_spreads_to_the_result(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, recorded())
    put(page, "a", "nan")
    assert page.locator(".result-now").inner_text() == "nan"
    page.get_by_role("button", name="Reset all").click()
    assert page.locator(".result-now").inner_text() != "nan"


def test_a_number_outside_widens_the_slider(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, recorded())
    put(page, "a", "300")
    slider = page.get_by_label("a, slider")
    assert float(slider.get_attribute("max")) >= 300
    assert float(slider.input_value()) == pytest.approx(300)


def guard(page: Any, outcome: str) -> str:
    compared = f"op: '>', left: {index_of(page, 'b')}, right: {{number: 0}}"
    return f"player.data.guards.push({{{compared}, outcome: {outcome}, at: 'program.py:12', text: 'b > 0'}})"


def test_another_branch_shows_no_numbers_but_says_why(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, recorded())
    page.evaluate(guard(page, "false"))
    put(page, "b", "0.5")
    banner = page.locator(".branch-banner")
    assert (
        "would take another branch: b > 0 at program.py:12 was false, now it is true" in banner.inner_text()
    )
    assert page.locator(".result-now").inner_text() == "–"
    assert page.locator(".leaf-row .gradient").all_inner_texts() == ["–"] * 3
    page.get_by_role("button", name="Reset all").click()
    assert banner.is_hidden()
    assert page.locator(".result-now").inner_text() != "–"


def branching() -> Value:
    x = Value(2.0, label="x")
    return x * 3.0 if x * x > 1.0 else x - 5.0


def test_a_branch_that_python_took_is_known_to_the_page(open_player: Callable[..., Any]) -> None:
    page = opened(open_player, step(branching, source=True))
    assert "own “if”s" not in page.locator(".panel.values").inner_text()  # this page knows them
    put(page, "x", "1.5")
    assert page.locator(".result-now").inner_text() == "4.5"
    put(page, "x", "0.5")
    assert "x * x > 1 at" in page.locator(".branch-banner").inner_text()
    assert page.locator(".result-now").inner_text() == "–"


def test_constants_move_too_and_frozen_leaves_say_that_they_have_no_gradient(
    open_player: Callable[..., Any],
) -> None:
    a, frozen = Value(2.0, label="a"), Value(5.0, label="still")
    frozen.freeze()
    page = opened(open_player, step((a * frozen + 1.5).tanh()))
    assert "frozen: no gradient" in page.locator(".leaf-row", has_text="still").inner_text()
    page.get_by_text("Numbers of the expression").click()
    put(page, "1.5", "-10")
    assert page.evaluate("player.run.values[player.data.root]") == pytest.approx(math.tanh(0), abs=1e-15)
    put(page, "still", "5.25")
    assert page.evaluate("player.run.values[player.data.root]") == pytest.approx(math.tanh(0.5), rel=1e-15)


def test_a_graph_that_cannot_be_computed_here_says_why(open_player: Callable[..., Any]) -> None:
    a = Value(2.0, label="a")
    made = Value(a.data**3, (a,), "cube")
    made._backward = lambda: setattr(a, "grad", a.grad + 3 * a.data**2 * made.grad)
    page = opened(open_player, step(made * 2.0))
    assert "hand-made op" in page.locator(".panel.values").inner_text()
    assert page.locator("input[type=range]").count() == 0 or page.locator(".leaf-row").count() == 0


def test_many_leaves_are_found_by_name_and_made_when_opened(open_player: Callable[..., Any]) -> None:
    model = nn.MLP(8, [16, 8, 1], activation="tanh", seed=0)
    page = opened(open_player, step(model([0.1 * k for k in range(8)])))
    leaves = page.evaluate("player.nodes.filter(node => node.kind === 'leaf').length")
    assert leaves > 200
    assert page.locator(".leaf-row").count() < 20
    page.get_by_label("Filter").fill("layer 1/neuron 3")
    assert page.locator(".leaf-row:visible").count() == 17
    page.get_by_label("Filter").fill("no such leaf")
    assert "0 of" in page.locator(".leaf-filter").inner_text()
    page.get_by_label("Filter").fill("")
    for title in ("model", "layer 0", "neuron 2"):
        page.locator(".leaf-group > summary", has_text=title).first.click()
    rows = page.locator(".leaf-group .leaf-row:visible")
    rows.nth(8).wait_for()  # rows are made a moment after a group opens
    assert rows.count() == 9
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_moves_in_quick_succession_end_on_the_last(open_player: Callable[..., Any]) -> None:
    model = nn.MLP(4, [8, 4, 1], activation="tanh", seed=0)
    page = opened(open_player, step(model([0.5, -0.2, 0.1, 0.9])))
    page.get_by_label("Filter").fill("l0")
    ends = page.evaluate("""() => {
      const index = player.nodes.findIndex(node => node.kind === "leaf");
      const moved = (number) => (player.setLeaf(index, number), player.run.values[player.data.root]);
      const alone = moved(2);
      for (let k = 0; k < 15; k += 1) moved(k / 7);
      return [alone, moved(2), player.given[index], player.changed.size];
    }""")
    assert ends[0] == ends[1]
    assert ends[2:] == [2, 1]


def test_gradient_descent_lowers_the_result(open_player: Callable[..., Any]) -> None:
    model = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    loss = (model([0.5, -1.0]) - 1.0) ** 2
    page = opened(open_player, step(loss))
    page.get_by_text("Gradient descent").click()
    page.get_by_label("rate").fill("0.05")
    before = {p: (p.data, 0.0) for p in model.parameters()}
    page.get_by_role("button", name="1 step").click()
    loss.backward()
    before = {p: p.data - 0.05 * p.grad for p in model.parameters()}
    given = page.evaluate(
        "player.nodes.filter(n => n.scope && n.kind === 'leaf').map(n => player.given[n.index])"
    )
    assert sorted(given) == pytest.approx(sorted(before.values()), rel=1e-12)
    inputs = page.evaluate(
        "player.nodes.filter(n => !n.scope && n.kind === 'leaf').every(n => !player.changed.has(n.index))"
    )
    assert inputs
    page.get_by_role("button", name="10 steps").click()
    assert "After 11 steps" in page.locator(".descent-said").inner_text()
    assert page.evaluate("player.run.values[player.data.root] < player.recorded.values[player.data.root]")
    page.get_by_label("rate").fill("fast")
    page.get_by_role("button", name="1 step").click()
    assert "is not a number" in page.locator(".descent-said").inner_text()


@pytest.mark.parametrize("width", [420, 1280])
def test_nothing_is_wider_than_the_screen(open_player: Callable[..., Any], width: int) -> None:
    a = Value(1.0, label="a name that is rather long, and then longer " * 3)
    page = opened(open_player, step((a * 2.0).tanh()), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(
        "[...document.querySelectorAll('.leaf-row')].every(r => r.scrollWidth <= r.clientWidth + 1)"
    )


def test_a_moved_number_of_the_expression_is_shown_everywhere(open_player: Callable[..., Any]) -> None:
    steps = step(Value(3.0, label="x") * 2.0)
    page = open_player(steps, "#step=1")
    [constant] = [node.index for node in steps.nodes if node.constant]
    page.evaluate(f"player.setLeaf({constant}, -2.5)")
    page.wait_for_function("player.pending.size === 0")
    box = page.locator(f'[data-part="n{constant}"]')
    assert box.locator(".figure").text_content() == "-2.5"
    assert "2.5" in page.locator(".equations").first.inner_text()
    page.evaluate("player.resetLeaves()")
    page.wait_for_function("player.pending.size === 0")
    assert box.locator(".figure").text_content() == "2"
    assert "2.5" not in page.locator(".equations").first.inner_text()
