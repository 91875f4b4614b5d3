"""The graph in the player: texts in their boxes, groups that open, states that agree with Python's steps."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, nn, ops, scope, step
from autograd_lite.stepping import Backprop

HOSTILE = [
    'say "hi"', "it's", "<script>alert(1)</script>", "</script><b>&amp;</b>", "two\nlines",
    "日本語のラベルはここにあります", "Ωμέγα מר שלום", "👩\u200d👩\u200d👧🏳️\u200d🌈🎉 party 🎉🎉🎉",
    "W" * 3000, "i" * 3000, "\x00\x1b[31m\u202eevil", "﷽﷽﷽﷽﷽﷽",
    "]]>", "x'><svg onload=alert(1)>", "    ", "a/b//c", "n2", "g:model",
]  # fmt: skip

LOOK = """() => {
  const rect = e => { const b = e.getBBox(), m = e.getCTM(), o = view.content.getCTM();
    const x = (m.e - o.e) / o.a + b.x, y = (m.f - o.f) / o.d + b.y;
    return [x, y, x + b.width, y + b.height]; };
  const parts = [...document.querySelectorAll('.graph .part')];
  return {
    boxes: parts.map(part => rect(part.querySelector('.card'))),
    frames: [...document.querySelectorAll('.graph .frame .outline')].map(rect),
    texts: parts.flatMap(part => [...part.querySelectorAll('text')].filter(t => t.textContent.trim())
      .map(text => ({text: text.textContent, rect: rect(text), box: rect(part.querySelector('.card'))}))),
    titles: [...document.querySelectorAll('.graph .frame .caption')].filter(t => t.textContent.trim())
      .map(text => ({text: text.textContent, rect: rect(text),
                     box: rect(text.parentNode.querySelector('.outline'))})),
    heads: parts.map(part => [...part.querySelectorAll('.name, .badge, .fold')].map(rect)
      .filter(box => box[2] > box[0])),
  };
}"""


def expression() -> Backprop:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    return step((a * b + c).tanh() ** 2 - 1e-7 / a)


def xor_loss() -> Backprop:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    return step(nn.mse([model(x) for x in ([-1, 1], [1, 1], [1, -1], [-1, -1])], [1, 0, 1, 0]))


def hostile() -> Backprop:
    with scope(HOSTILE[2]), scope(HOSTILE[8]):
        leaves = [Value(-0.1234567e-9 * k, label=label) for k, label in enumerate(HOSTILE)]
        products = [leaf * 1.5 for leaf in leaves]
    for product, label in zip(products, reversed(HOSTILE), strict=True):
        product.label = label
    with scope(HOSTILE[3]):
        return step(ops.sum(products).exp())


def random_graph(size: int = 44, seed: int = 4) -> Backprop:
    rng = random.Random(seed)
    values = [Value(rng.uniform(-2, 2)) for _ in range(6)]
    while len(values) < size:
        one, other = rng.choice(values[-14:]), rng.choice(values[-14:])
        values.append(one * other if rng.random() < 0.5 else (one - other).tanh())
    return step(ops.sum(values[-8:]))


def chain(length: int = 300) -> Backprop:
    x = y = Value(0.5, label="x")
    for place in range(length):
        y = y.tanh() if place % 2 else y * 1.5 + x
    return step(y)


GRAPHS: dict[str, Callable[[], Backprop]] = {
    "expression": expression, "network": xor_loss, "hostile labels": hostile,
    "random graph": random_graph, "chain": chain,
}  # fmt: skip


def settle(page: Any) -> None:
    page.evaluate("() => new Promise(done => setTimeout(done, 0))")


def goto(page: Any, position: int) -> None:
    page.evaluate("position => { player.goto(position); }", position)
    settle(page)


def overlap(one: list[float], other: list[float]) -> bool:
    return all(min(one[k + 2], other[k + 2]) - max(one[k], other[k]) > 0.5 for k in (0, 1))


def corners(box: dict[str, float]) -> list[float]:
    return [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]


def within(inner: list[float], outer: list[float]) -> bool:
    return all(inner[k] >= outer[k] - 1 and inner[k + 2] <= outer[k + 2] + 1 for k in (0, 1))


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_texts_lie_in_their_boxes_and_boxes_apart(open_player: Any, name: str, everything: bool) -> None:
    page = open_player(GRAPHS[name](), viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    if everything:
        page.evaluate("player.setOpen(Object.keys(player.data.groups))")
    for share in (0, 0.4, 0.75, 1):
        page.evaluate("share => { player.goto(share * player.total); }", share)
        settle(page)
        seen = page.evaluate(LOOK)
        assert seen["boxes"]
        for text in seen["texts"] + seen["titles"]:
            assert within(text["rect"], text["box"]), text
    for place, box in enumerate(seen["boxes"]):
        assert not any(overlap(box, other) for other in seen["boxes"][place + 1 :])
        head = seen["heads"][place]
        assert not any(overlap(one, other) for k, one in enumerate(head) for other in head[k + 1 :])
        assert all(within(box, frame) or not overlap(box, frame) for frame in seen["frames"])
    for place, frame in enumerate(seen["frames"]):
        for other in seen["frames"][place + 1 :]:
            assert not overlap(frame, other) or within(frame, other) or within(other, frame)


def test_every_node_is_a_box_and_every_operand_an_arrow(open_player: Any) -> None:
    steps = random_graph()
    page = open_player(steps)
    assert page.locator(".graph .part").count() == len(steps.nodes)
    edges = {(parent, node) for node, parents in steps.passes.parents.items() for parent in parents}
    assert page.locator(".graph .link").count() == len(edges)


def test_groups_open_and_close_by_button_double_click_and_keyboard(open_player: Any) -> None:
    page = open_player(xor_loss(), reduced_motion="reduce")
    parts = page.locator(".graph .part")
    page.evaluate("player.setOpen([])")
    settle(page)
    assert parts.count() == 8 + 2  # the inputs stand free; the model and the loss are closed
    page.locator('.part[data-path="model"] .fold').click()
    assert parts.count() == 8 + 3
    assert page.locator(".graph .frame").count() == 1
    page.locator('.part[data-path="model/layer 0"]').dblclick()
    assert parts.count() == 8 + 2 + 4
    page.locator('.part[data-path="model/layer 0/neuron 2"]').focus()
    page.keyboard.press("Enter")
    assert parts.count() == 8 + 2 + 3 + 19
    assert page.evaluate("document.activeElement.dataset.part").startswith("n")
    page.keyboard.press("-")
    assert parts.count() == 8 + 2 + 4
    assert page.evaluate("document.activeElement.dataset.path") == "model/layer 0/neuron 2"
    page.locator('.frame .fold[data-path="model"]').click()
    assert parts.count() == 8 + 2
    assert page.evaluate("[...player.open].sort()") == ["model/layer 0"]


def test_a_box_is_selected_by_click_and_by_key(open_player: Any) -> None:
    page = open_player(expression(), reduced_motion="reduce")
    page.locator('.part[data-part="n2"]').click()
    assert page.evaluate("player.selected") == 2
    assert page.locator(".part[data-selected]").count() == 1
    page.locator('.part[data-part="n4"]').focus()
    page.keyboard.press("Enter")
    assert page.evaluate("player.selected") == 4
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    assert page.evaluate("player.selected") == 5
    assert page.locator('.part[data-part="n5"][data-selected]').count() == 1
    assert page.locator('.part[tabindex="0"]').count() == 1
    goto(page, 3)
    assert page.locator(".part[data-selected]").count() == 0


def test_dragging_pans_and_selects_nothing(open_player: Any) -> None:
    page = open_player(expression())
    box = page.locator('.part[data-part="n4"] .card').bounding_box()
    x, y = box["x"] + 20, box["y"] + 20
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 40, steps=4)
    page.mouse.up()
    moved = page.locator('.part[data-part="n4"] .card').bounding_box()
    assert (round(moved["x"] - box["x"]), round(moved["y"] - box["y"])) == (60, 40)
    assert page.evaluate("player.selected") is None
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator('.part[data-part="n4"] .card').bounding_box()["width"] > box["width"] * 1.2
    page.get_by_role("button", name="Fit the whole graph").click()
    board, whole = page.locator(".graph").bounding_box(), page.locator(".graph .parts").bounding_box()
    assert within(corners(whole), corners(board))


def test_the_wheel_scrolls_the_page_unless_ctrl_is_held(open_player: Any) -> None:
    page = open_player(expression())
    page.mouse.move(300, 300)
    before = page.evaluate("view.camera.scale")
    page.mouse.wheel(0, -100)
    settle(page)
    assert page.evaluate("view.camera.scale") == before
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.wait_for_function("before => view.camera.scale > before", arg=before)


@pytest.mark.parametrize("make", [expression, random_graph])
def test_boxes_and_arrows_say_what_pythons_steps_say(open_player: Any, make: Callable[[], Backprop]) -> None:
    steps = make()
    page = open_player(steps)
    for position in {
        0,
        1,
        len(steps) // 3,
        steps.forward_count,
        steps.forward_count + 1,
        len(steps) - 3,
        len(steps),
    }:
        goto(page, position)
        seen = page.evaluate(
            """() => [...document.querySelectorAll('.graph .part')].map(part => [part.dataset.part, {
              classes: [...part.classList],
              figures: [...part.querySelectorAll('.figure')].map(f => f.textContent),
              due: part.querySelectorAll('.due').length, came: part.querySelectorAll('.in').length}])"""
        )
        boxes = dict(seen)
        state = steps.goto(position).state
        for node in steps.nodes:
            box = boxes[f"n{node.index}"]
            if node.constant:
                continue
            known = [state.values[node.index], state.gradients[node.index]]
            assert box["figures"] == ["–" if number is None else written(number) for number in known]
            assert ("pending" in box["classes"]) == (state.values[node.index] is None)
            if position > steps.forward_count:
                assert ("waiting" in box["classes"]) == (state.pending[node.index] > 0)
            if box["due"] + box["came"]:
                assert box["due"] == state.pending[node.index]
        at_work = [name for name, box in seen if "now" in box["classes"]]
        assert at_work == ([f"n{steps[position - 1].node.index}"] if position else [])
        check_arrows(page, steps, position)


def check_arrows(page: Any, steps: Backprop, position: int) -> None:
    links = page.evaluate(
        """() => view.folded.links.map((link, place) => [link.source, link.target,
          [...document.querySelectorAll('.graph .link')][place].classList[1],
          [...document.querySelectorAll('.graph .amount')][place].textContent])"""
    )
    passed = {done.node.index for done in steps[:position] if done.action == "propagate"}
    now = steps[position - 1] if position else None
    for source, target, state, amount in links:
        parent, node = int(source[1:]), int(target[1:])
        pushed = [push for push in steps.passes.pushes[node] if push.parent == parent]
        tracked = [push for push in pushed if push.amount is not None]
        if now is not None and now.node.index == node and now.action == "compute":
            expected = "value"
        elif not tracked:
            expected = "none"
        elif now is not None and now.node.index == node and now.action == "propagate":
            expected = "flow"
            assert amount == " and ".join(written(push.amount) for push in tracked)
        elif position <= steps.forward_count:
            expected = "idle"
        else:
            expected = "added" if node in passed else "awaited"
        assert state == expected, (source, target, position)
        assert (amount != "") == (state == "flow")


def written(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def test_a_closed_group_shows_what_flows_through_it(open_player: Any) -> None:
    steps = xor_loss()
    page = open_player(steps)
    goto(page, len(steps))
    layer = page.locator('.part[data-path="model/layer 0/neuron 1"]')
    outputs = [
        node.index
        for node in steps.nodes
        if node.scope.endswith("layer 0/neuron 1") and node.op_text == "tanh"
    ]
    low, high = min(steps.passes.values[i] for i in outputs), max(steps.passes.values[i] for i in outputs)
    assert layer.locator(".figure").first.text_content() == f"{low:.3g} … {high:.3g}".replace("-", "−")
    assert "passed" in layer.get_attribute("class")
    done, todo = layer.locator(".done"), layer.locator(".todo")
    assert done.get_attribute("width") == todo.get_attribute("width")
    inside = next(place for place, each in enumerate(steps) if each.node.scope.endswith("layer 0/neuron 1"))
    goto(page, inside + 1)
    assert "now" in layer.get_attribute("class")
    assert layer.get_attribute("aria-label").startswith("neuron 1, group of 19 nodes")


def test_a_step_moves_no_box(open_player: Any) -> None:
    page = open_player(expression(), reduced_motion="reduce")
    places = "[...document.querySelectorAll('.graph .part')].map(p => p.getAttribute('transform'))"
    before = page.evaluate(places)
    same = page.evaluate_handle("document.querySelector('.graph .part')")
    for position in (3, 9, 13, 0):
        goto(page, position)
        assert page.evaluate(places) == before
    assert page.evaluate("same => same === document.querySelector('.graph .part')", same)


def test_the_node_at_work_is_kept_in_view(open_player: Any) -> None:
    steps = chain(300)
    page = open_player(steps, viewport={"width": 420, "height": 800}, reduced_motion="reduce")
    board = page.locator(".graph").bounding_box()
    for position in range(0, len(steps), 61):
        goto(page, position + 1)
        box = page.locator(".graph .part.now").bounding_box()
        assert within(corners(box), corners(board))


def test_the_naive_order_marks_what_comes_late_and_what_is_wrong(open_player: Any) -> None:
    a = Value(3.0, label="a")
    b = a * 2.0
    steps = step(b * (b + 1.0) + a)
    page = open_player(steps)
    page.evaluate("player.setNaive(true)")
    page.evaluate("player.goto(player.total)")
    settle(page)
    wrong = page.evaluate("[...document.querySelectorAll('.part.wrong')].map(p => p.dataset.part)")
    found = page.evaluate(
        "player.nodes.map((n, i) => i).filter(i => player.run.gradients[i] !== player.sortedRun.gradients[i] "
        "&& player.nodes[i].kind !== 'constant').map(i => 'n' + i)"
    )
    assert wrong == found != []
    assert page.locator(".link.late").count() > 0


def test_where_python_would_have_branched_only_leaves_have_numbers(open_player: Any) -> None:
    page = open_player(expression())
    goto(page, 13)
    page.evaluate("player.diverged = {}; player.tell('run')")
    settle(page)
    figures = page.evaluate(
        "[...document.querySelectorAll('.part:not(.leaf) .figure.value')].map(f => f.textContent)"
    )
    assert set(figures) == {"–"}
    assert page.locator('.part[data-part="n0"] .figure.value').text_content() == "2"
    assert page.locator(".amount:not(:empty)").count() == 0


def test_labels_run_nothing(open_player: Any) -> None:
    page = open_player(hostile())
    page.evaluate("player.setOpen(Object.keys(player.data.groups))")
    settle(page)
    assert page.locator(".graph script, .graph image, .graph foreignObject, .graph [href]").count() == 0
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


PLACES = """() => Object.fromEntries([...document.querySelectorAll('.graph .part')].map(part => {
  const {x, y, width, height} = part.querySelector('.card').getBoundingClientRect();
  return [part.dataset.part, [x, y, x + width, y + height]]; }))"""


def test_a_tall_stage_has_the_graph_downwards_and_a_wide_one_across(open_player: Any) -> None:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(7.0, label="c")
    page = open_player(
        step((a * b + c).tanh()), viewport={"width": 860, "height": 660}, reduced_motion="reduce"
    )
    tall = page.evaluate(PLACES)
    assert tall["n0"][3] < tall["n2"][1] < tall["n2"][3] < tall["n4"][1]
    assert tall["n0"][2] - tall["n0"][0] > 110  # as large as on a wide screen
    page.set_viewport_size({"width": 1280, "height": 500})
    page.wait_for_function("view.layout.direction === 'LR'")
    wide = page.evaluate(PLACES)
    assert wide["n0"][2] < wide["n2"][0] < wide["n2"][2] < wide["n4"][0]
    page.set_viewport_size({"width": 420, "height": 800})
    page.wait_for_function("view.layout.direction === 'TB'")
    board = page.locator(".graph").bounding_box()
    assert all(within(box, corners(board)) for box in page.evaluate(PLACES).values())


@pytest.mark.parametrize("width", [1280, 420])
def test_operands_stand_in_their_order(open_player: Any, width: int) -> None:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(7.0, label="c")
    page = open_player(step((a * b + c).tanh()), viewport={"width": width, "height": 800})
    places, side = page.evaluate(PLACES), 1 if width == 1280 else 0
    assert places["n0"][side] < places["n1"][side]


@pytest.mark.parametrize("width", [1280, 860, 420])
def test_amounts_touch_no_box_and_no_ring(open_player: Any, width: int) -> None:
    a, b, c = Value(2.0, label="a"), Value(-3.1234567e-7, label="b"), Value(0.51234567, label="c")
    steps = step((a * b + c).tanh() * a)
    page = open_player(steps, viewport={"width": width, "height": 660}, reduced_motion="reduce")
    for position in range(steps.forward_count + 2, len(steps) + 1):
        goto(page, position)
        found = page.evaluate(
            """() => { const rect = e => { const b = e.getBoundingClientRect();
                return [b.x, b.y, b.right, b.bottom]; };
              const all = name => [...document.querySelectorAll(name)];
              return {amounts: all('.graph .amount').filter(t => t.textContent).map(rect),
                      boxes: all('.graph .card, .graph .now .ring').map(rect)}; }"""
        )
        assert found["amounts"]
        for amount in found["amounts"]:
            assert not any(overlap(amount, box) for box in found["boxes"])


def test_a_frozen_input_takes_one_line(open_player: Any) -> None:
    page = open_player(xor_loss())
    inputs = page.locator(".graph .part.frozen")
    assert inputs.count() == 8
    assert inputs.first.locator("text").all_text_contents()[1] == "−1"
    heights = page.evaluate("[...document.querySelectorAll('.frozen .card')].map(c => c.getBBox().height)")
    assert set(heights) == {26}
