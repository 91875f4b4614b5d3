"""Drawings: what they say, that they say it the same way twice, and that nothing in them can hurt."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from drawn import chain_of, expression, kinds_of, network, texts

from autograd_lite import Value, nn, ops, scope
from autograd_lite.cli import main
from autograd_lite.drawing import draw
from autograd_lite.errors import ArgumentError, GraphError, ValueTypeError
from autograd_lite.graph import Graph
from autograd_lite.lettering import number
from autograd_lite.picture import LIMIT, Picture
from benchmarks.drawing import tangled

GOLDEN = Path(__file__).parent / "golden"


# --- what a drawing says ----------------------------------------------------------------------------------


def test_a_node_shows_label_op_value_and_gradient() -> None:
    for form in ("svg", "dot", "mermaid", "text"):
        text = getattr(draw(expression()), form)
        for part in ("loss", "tanh", "0.9993", "-0.004023", "10"):
            assert part in text, (form, part)


def test_before_any_backward_the_gradient_is_a_dash_and_never_zero() -> None:
    drawing = draw(Value(2.0, label="x") * 3.0)
    rows = [dict(card.rows)["grad"] for card in drawing.picture.cards if card.kind != "constant"]
    assert rows == ["–", "–"]
    assert not drawing.picture.has_gradients


def test_a_gradient_of_zero_is_shown_as_zero() -> None:
    x = Value(-1.0)
    x.relu().backward()
    assert dict(draw(x).picture.cards[0].rows)["grad"] in ("0", "-0")


def test_local_derivatives_stand_on_the_edges_on_request() -> None:
    loss = expression()
    assert [arrow.label for arrow in draw(loss).picture.arrows] == [""] * 5
    labels = [arrow.label for arrow in draw(loss, edges="local").picture.arrows]
    assert labels == ["-3", "2", "1", "1", "0.001341"]
    flows = [arrow.label for arrow in draw(loss, edges="contribution").picture.arrows]
    assert flows == ["-0.004023", "0.002682", "0.001341", "0.001341", "0.001341"]
    assert "-3" in texts(draw(loss, edges="local").svg)


def test_a_square_has_both_derivatives_on_its_double_edge() -> None:
    x = Value(3.0, label="x")
    (arrow,) = draw(x * x, edges="local").picture.arrows
    assert (arrow.label, arrow.count) == ("3 and 3", 2)


def test_kinds_are_told_apart() -> None:
    with scope("layer"):
        w = Value(1.0, label="w")
    made_by_hand = Value(4.0, (Value(2.0, label="x") * w,), "magic")
    assert kinds_of(draw(made_by_hand + 7.0)) == {
        "x": "leaf", "w": "parameter", "×": "op", "magic": "opaque", "7": "constant", "+": "output",
    }  # fmt: skip


def test_a_frozen_leaf_says_so() -> None:
    x = Value(1.0, label="x")
    x.freeze()
    assert dict(draw(x * 2.0).picture.cards[0].rows)["grad"] == "frozen"


def test_names_reach_the_drawing_and_leave_the_values_alone() -> None:
    speed = Value(2.0)
    drawing = draw(speed * 2.0, names={"speed": speed})
    assert "speed" in drawing.text
    assert speed.label == ""


def test_several_outputs_and_a_ready_graph_can_be_drawn() -> None:
    a = Value(1.0, label="a")
    assert sum(card.is_root for card in draw([a + 1.0, a * 2.0]).picture.cards) == 2
    assert draw(Graph(a)).text == draw(a).text


def test_a_long_picture_runs_down_the_page_unless_told_otherwise() -> None:
    assert "rankdir=TB" in draw(chain_of(30)).dot
    assert "rankdir=LR" in draw(chain_of(30), direction="LR").dot
    assert draw(chain_of(5)).direction == draw(network()).direction == "LR"
    assert draw(sum([Value(float(k)).tanh() * (k + 2) for k in range(40)])).direction == "TB"


@pytest.mark.parametrize("direction", ["LR", "TB", "RL", "BT"])
def test_directions(direction: str) -> None:
    drawing = draw(expression(), direction=direction)
    assert f"rankdir={direction}" in drawing.dot
    assert drawing.mermaid.startswith(f"flowchart {direction}\n")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"edges": "locl"}, ArgumentError, "did you mean 'local'"),
        ({"direction": "LT"}, ArgumentError, "direction='LT'"),
        ({"theme": "drak"}, ArgumentError, "did you mean 'dark'"),
        ({"fold": "neuron"}, GraphError, "no scopes"),
        ({"fold": 0}, GraphError, "from 1"),
        ({"names": ["a"]}, ArgumentError, "such as locals"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        draw(expression(), **options)


def test_things_that_are_no_values_are_refused() -> None:
    with pytest.raises(ValueTypeError, match="got float"):
        draw(1.0)  # type: ignore[arg-type]


def test_numbers_on_arrows_and_colours_are_explained_in_the_picture() -> None:
    local, back = draw(expression(), edges="local"), draw(expression(), edges="contribution")
    assert "on each arrow: ∂(box it points to) / ∂(box it comes from)" in texts(local.svg)
    assert any(text.startswith("on each arrow: what flows back") for text in texts(back.svg))
    assert "on each arrow" in local.mermaid
    assert not any("on each arrow" in text for text in texts(draw(expression()).svg))
    assert draw(expression()).picture.key == {}
    folded = [text.strip() for text in texts(draw(network(), fold="neuron").svg)]
    assert {"input", "folded scope"} <= set(folded)
    assert "parameter" not in folded


def test_text_columns_stand_below_one_another_whatever_the_script() -> None:
    lines = draw(Value(1.0, label="重み") * Value(2.0, label="w")).text.splitlines()
    assert [line.replace("重み", "wwww").index("–") for line in lines[1:]] == [len(lines[0]) - 1] * 3


def test_the_command_line_writes_on_arrows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "a*b", "a=2", "b=3", "--edges", "contribution"]) == 0
    assert "flows back" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["demo", "--epochs", "many"])
    assert "'many' is not a whole number" in capsys.readouterr().err


# --- folding ----------------------------------------------------------------------------------------------


def test_folded_boxes_show_what_flowed() -> None:
    picture = draw(network(), fold="neuron").picture
    boxes = [card for card in picture.cards if card.kind == "group"]
    assert [card.title for card in boxes].count("neuron 0") == 2
    assert all("…" in dict(card.rows)["value"] for card in boxes if card.chip == "×3")
    assert any(card.note == "15 nodes, 3 parameters" for card in boxes)
    assert picture.caption.startswith("96 nodes folded by neuron: 8 boxes")


def test_equal_inputs_of_all_samples_are_one_box() -> None:
    cards = draw(network(samples=5), fold="neuron").picture.cards
    assert [(card.title, card.note) for card in cards if card.kind == "leaf"] == [("x0", "×5"), ("x1", "×5")]


def test_neurons_stand_in_order_and_lines_are_straight() -> None:
    dot = draw(network(sizes=(12, 1)), fold="neuron").dot
    assert "splines=line" in dot
    numbers = " ".join(re.findall(r">\W?neuron (\d+)<", dot))
    assert "11 10 9 8 7 6 5 4 3 2 1 0" in numbers


def test_small_graphs_are_drawn_in_full() -> None:
    assert draw(network()).picture.caption == ""
    assert len(draw(chain_of(LIMIT - 1)).picture.cards) == LIMIT


def test_large_graphs_fold_by_themselves_at_the_finest_level_that_fits_and_say_so() -> None:
    loss = network(samples=20, sizes=(16, 16, 1))
    drawing = draw(loss)
    assert drawing.picture.caption.startswith("7,818 nodes folded by neuron: 36 boxes")
    for form in ("svg", "dot", "mermaid", "text"):
        assert "folded by neuron" in getattr(drawing, form), form
    wide = draw(network(samples=1, sizes=(290, 20, 1)))
    assert "folded by layer" in wide.picture.caption


def test_a_folded_language_model_fits_a_page_and_has_no_loops() -> None:
    """The sums of the residual connections lie between the boxes of what they bypass."""
    loss = nn.GPT(27, seed=0).loss([26, 12, 8, 0, 26])
    picture = draw(loss).picture
    assert "folded by scope (depth 4): 18 boxes" in picture.caption
    between = [f"{card.chip} {card.note}" for card in picture.cards if card.note.startswith("×")]
    assert between == ["+ ×64", "+ ×64", "ReLU ×256", "+ ×64"]
    feeds = {
        place: {arrow.target for arrow in picture.arrows if arrow.source == place} for place in range(18)
    }
    while ends := [place for place, targets in feeds.items() if not targets & feeds.keys()]:
        for place in ends:
            del feeds[place]
    assert not feeds, "boxes that lie in a loop"


def test_running_sums_fold_into_one_box_each() -> None:
    """As in micrograd's demo: sum(losses), and a sum of squares for weight decay."""
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    losses = [(1 - model([k / 20, 1.0])).relu() for k in range(20)]
    data, decay = sum(losses) * 0.05, sum(p * p for p in model.parameters()) * 1e-4
    total = data + decay
    total.backward()
    cards = draw(total).picture.cards
    sums = [card for card in cards if card.chip == "+"]
    assert sorted(card.note for card in sums) == ["", "×17", "×20"]
    ends = {dict(card.rows)["value"] for card in sums}
    assert number(sum(loss.data for loss in losses)) in ends  # the sum itself, not a range of partial sums
    assert len(cards) < 25


def test_without_scopes_repeats_are_merged() -> None:
    x = [Value(float(k), label=f"x{k}") for k in range(400)]
    drawing = draw(ops.mean([(value - 1.0) ** 2 for value in x]))
    assert [card.title for card in drawing.picture.cards] == ["x0 … x399", "constants", "", "", ""]
    assert "×400" in drawing.text


def test_without_scopes_or_repeats_the_part_nearest_the_output_is_kept() -> None:
    drawing = draw(chain_of(5000))
    first = drawing.picture.cards[0]
    assert (first.kind, first.title) == ("rest", "… 4,921 more nodes")
    assert len(drawing.picture.cards) == 81
    assert "cut to what is nearest the output" in drawing.text


def test_full_means_full_up_to_what_makes_sense() -> None:
    assert len(draw(chain_of(500), fold=False).picture.cards) == 501
    with pytest.raises(ArgumentError, match="would draw 20,001 boxes"):
        draw(chain_of(20_000), fold=False)


def test_scopes_inside_scopes_without_end() -> None:
    value = Value(1.0)
    with contextlib.ExitStack() as stack:
        for depth in range(60):
            stack.enter_context(scope(f"level {depth}"))
            for _ in range(6):
                value = value.tanh()
    assert "level 10" in draw(value, fold=11).svg
    drawing = draw(value)
    assert drawing.svg.count('class="cluster scope"') <= 12
    assert drawing.mermaid.count("subgraph") <= 12


# --- equal every time -------------------------------------------------------------------------------------

PROGRAM = """
import hashlib
from autograd_lite import nn
from autograd_lite.drawing import draw
model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
loss = nn.mse([model([1, -1]), model([1, 1])], [0, 1])
loss.backward()
for fold in (False, "neuron"):
    drawing = draw(loss, fold=fold, edges="local")
    for form in (drawing.dot, drawing.mermaid, drawing.text, drawing.svg, drawing.graph.to_json()):
        print(hashlib.sha256(form.encode()).hexdigest())
"""


def test_two_runs_give_equal_bytes() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].split()) == 10


def _exact_network() -> Value:
    """Two layers run on three samples, in numbers that every machine computes alike to the last bit."""
    weights: dict[str, Value] = {}

    def neuron(path: str, inputs: list[Value]) -> Value:
        names = path.split("/")
        with scope(names[0]), scope(names[1]), scope(names[2]):
            for k in range(len(inputs)):
                weights.setdefault(f"{path}/{k}", Value(0.5 * len(weights) - 1.0, label=f"w{k}"))
            products = [weights[f"{path}/{k}"] * x for k, x in enumerate(inputs)]
            return ops.sum(products).relu()

    outputs = []
    for sample in ([1.0, -0.5], [0.25, 2.0], [-1.0, 1.0]):
        inputs = [Value(number, label=f"x{k}") for k, number in enumerate(sample)]
        hidden = [neuron(f"model/layer 0/neuron {k}", inputs) for k in range(3)]
        outputs.append(neuron("model/layer 1/neuron 0", hidden))
    loss = ops.sum([(output - 1.0) ** 2 for output in outputs])
    loss.label = "loss"
    loss.backward()
    return loss


def _exact_expression() -> Value:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label='the "c"')
    y = ((a * b + c) ** 2 - 1.0).relu() * a
    y.backward()
    return y


@pytest.mark.parametrize("form", ["dot", "mmd", "txt", "json"])
@pytest.mark.parametrize("name", ["expression", "network"])
def test_files_kept_as_examples_have_not_changed(name: str, form: str) -> None:
    """To accept a new one on purpose: delete the old file, run this test, look at what it wrote, commit."""
    drawing = draw(_exact_network(), fold="neuron")
    if name == "expression":
        drawing = draw(_exact_expression(), edges="local")
    made = {"dot": drawing.dot, "mmd": drawing.mermaid, "txt": drawing.text, "json": drawing.graph.to_json()}
    path = GOLDEN / f"{name}.{form}"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(made[form], encoding="utf-8", newline="\n")
        pytest.fail(f"wrote {path.name} anew: look at it, commit it, run again")
    assert made[form] == path.read_text(encoding="utf-8")


# --- text -------------------------------------------------------------------------------------------------


def test_the_tree_shows_a_shared_node_once_and_refers_to_it() -> None:
    x = Value(2.0, label="x")
    y = x.exp()
    y.label = "y"
    lines = draw(y * y.tanh() + x).text.splitlines()
    assert [line.split()[:-2] for line in lines[1:]] == [
        ["n4", "=", "+"],
        ["├─", "n3", "=", "×"],
        ["│", "├─", "y", "=", "exp"],
        ["│", "│", "└─", "x"],
        ["│", "└─", "n2", "=", "tanh"],
        ["│", "└─", "y", "(see", "above)"],
        ["└─", "x"],
    ]


def test_what_is_too_deep_for_a_tree_is_a_table_in_order_of_computation() -> None:
    lines = draw(chain_of(40)).text.splitlines()
    assert lines[0].split() == ["node", "made", "by", "from", "value", "grad"]
    assert lines[1].split() == ["start", "leaf", "1", "–"]
    assert lines[2].split() == ["n1", "tanh", "start", "0.7616", "–"]


def test_text_prints_on_a_console_without_unicode() -> None:
    program = (
        "from autograd_lite import Value\nfrom autograd_lite.console import emit\n"
        "from autograd_lite.drawing import draw\nx = Value(1.0, label='x')\nemit(draw(x * x).text)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env={"PYTHONIOENCODING": "ascii"}, check=True
    )
    assert b"x" in done.stdout


# --- large graphs (how long they take is measured in benchmarks/drawing.py) -------------------------------


def test_the_loss_of_a_2_16_16_1_network_draws_folded() -> None:
    drawing = draw(network(samples=20, sizes=(16, 16, 1)))
    assert len(drawing.picture.cards) < 60
    assert len(texts(drawing.svg)) > 100


def test_500_boxes_draw_in_full() -> None:
    graph = tangled(480)
    assert len(graph) > 400
    drawing = draw(graph, fold=False)
    assert len(drawing.picture.cards) == len(graph)
    assert drawing.svg.count('class="node') == len(graph)


@pytest.mark.parametrize("shape", ["all into one", "each into all later"])
def test_tangled_graphs_do_not_hang(shape: str) -> None:
    values = [Value(1.0)]
    while len(values) < 290:
        far = values[(7 * len(values)) % len(values) // 2]
        values.append(values[-1].tanh() if shape == "all into one" else far * values[-1])
    out = ops.sum(values) if shape == "all into one" else values[-1]
    assert draw(out).svg  # the renderer is stopped after 30 seconds, which is an error


def test_a_chain_of_100_000_ops_is_drawn() -> None:
    value = chain_of(100_000)
    drawing = draw(value)
    assert "more nodes" in drawing.text
    assert "more nodes" in drawing.mermaid
    assert "more nodes" in drawing.svg


def test_pictures_of_nothing_but_a_leaf_work() -> None:
    drawing = draw(Value(1.0))
    assert isinstance(drawing.picture, Picture)
    assert drawing.svg
    assert drawing.text.splitlines()[1].split() == ["n0", "output", "1", "–"]


def test_a_value_used_twice_by_one_op_shows_two_edges() -> None:
    a = Value(3.0, label="a")
    drawing = draw(a * a)
    assert "(2 edges)" in drawing.text
    assert '|"2 edges"|' in drawing.mermaid
    assert "2 edges" in drawing.dot
    assert "3 and 3" in draw(a * a, edges="local").text
