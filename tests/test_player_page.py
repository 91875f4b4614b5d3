"""The page of the player as text: its policy, its size, its scripts, and what user texts can do to it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

import autograd_lite.player as package
from autograd_lite import Value, nn, ops, scope, step
from autograd_lite.errors import ArgumentError
from autograd_lite.javascript import RuleKey, rules_source
from autograd_lite.player.linking import linked, modules_of
from autograd_lite.player.page import FULL, page_html
from autograd_lite.stepping import Backprop

JS = Path(package.__file__).parent / "js"
HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", 'a"b', "it's", "&amp;", "line\nbreak",
           "\u2028", "∂L/∂w", "日本語", "\ud800", "$title", "]]>", "\x00"]  # fmt: skip


def small(label: str = "loss") -> Backprop:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    loss = (a * b + c).tanh()
    loss.label = label
    return step(loss)


def parts_of(page: str) -> list[dict[str, Any]]:
    """The elements that the page unpacks when it opens."""
    found = re.search(r'<script type="text/plain" id="packed">([^<]*)</script>', page)
    assert found
    parts: list[dict[str, Any]] = json.loads(zlib.decompress(base64.b64decode(found[1])))
    return parts


def data_of(page: str) -> Any:
    (text,) = [part["text"] for part in parts_of(page) if part["attributes"].get("id") == "page-data"]
    return json.loads(text)


def test_the_policy_allows_the_pages_own_scripts_and_style_and_nothing_else() -> None:
    page = small().html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    rules = dict(part.strip().split(" ", 1) for part in policy[1].split(";"))
    parts = parts_of(page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    scripts += [one["text"] for one in parts if one["tag"] == "script" and "id" not in one["attributes"]]
    styles = [one["text"] for one in parts if one["tag"] == "style"]

    def hashes(texts: list[str]) -> set[str]:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}

    assert rules["default-src"] == "'none'"
    assert set(rules["script-src"].split()) == hashes(scripts)
    assert len(scripts) == 4
    assert set(rules["style-src"].split()) == hashes(styles)
    assert "unsafe" not in policy[1]
    assert not re.search(r'(?:src|href)="(?!data:)', page.replace("script-src", "").replace("style-src", ""))


def test_the_page_is_small() -> None:
    # a graph of one leaf has next to no data
    assert len(step(Value(1.0)).html.encode()) < 150_000


def test_all_rules_together_are_small() -> None:
    keys = [
        RuleKey(name, row.arity or 2, tuple(row.immediates.values()))
        for name, row in ops.TABLE.items()
        if name != "detach"
    ]
    assert len(rules_source(keys)) < 40_000


def test_modules_have_no_name_twice() -> None:
    names: dict[str, str] = {}
    defined = re.compile(r"^(?:export )?(?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)
    for path in modules_of(JS, "main.js"):
        for name in defined.findall(path.read_text(encoding="utf-8")):
            assert name not in names, f"{name} stands in {names[name]} and in {path.name}"
            names[name] = path.name


def test_every_module_is_used_and_joined_without_imports() -> None:
    assert {path.name for path in modules_of(JS, "main.js")} == {path.name for path in JS.glob("*.js")}
    script = linked(JS, "main.js")
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)


def test_modules_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nexport const a = 1;\n')
    (tmp_path / "b.js").write_text('import { a } from "./a.js";\nexport const b = 1;\n')
    with pytest.raises(ValueError, match=r"a.js -> b.js -> a.js"):
        modules_of(tmp_path, "a.js")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_user_ends_a_script_or_changes_the_page(text: str) -> None:
    with scope(text.replace("/", "|")):
        page = small(text).html
    plain = small().html
    assert page.lower().count("<script") == plain.lower().count("<script") == 2
    assert page.lower().count("</script") == plain.lower().count("</script")
    assert data_of(page)["nodes"][-1]["label"] == text


def test_a_notebook_holds_the_page_in_a_frame_over_a_still_picture() -> None:
    bundle = small()._repr_mimebundle_()
    shown = bundle["text/html"]
    frame = re.search(r"""<iframe [^>]*sandbox="([^"]*)"[^>]* srcdoc='([^']*)'""", shown)
    assert frame
    assert frame[1] == "allow-scripts allow-downloads"
    assert html.unescape(frame[2]) == small().html
    assert shown.index("<img ") < shown.index("<iframe ")
    assert "Backward" in bundle["text/plain"]


def test_the_data_are_those_of_the_steps() -> None:
    steps = small()
    data = data_of(steps.html)
    assert [node["text"] for node in data["nodes"]] == [node.text for node in steps.nodes]
    assert data["gradients"] == list(steps.gradients.values())
    amounts = [[push[3] for push in pushes] for pushes in data["pushes"]]
    assert amounts == [
        [contribution.amount for contribution in one.contributions]
        for one in steps
        if one.action == "propagate"
    ]


def test_special_numbers_reach_the_page() -> None:
    x = Value(float("inf"), label="x")
    data = data_of(step(x * -0.0 + Value(float("nan"))).html)
    assert [node["value"] for node in data["nodes"]] == ["Infinity", "-0", "NaN", "NaN", "NaN"]


def test_the_same_steps_give_the_same_page() -> None:
    assert small().html == small().html


def test_a_graph_too_large_for_a_page_says_so_and_shows_tables() -> None:
    x = Value(1.0)
    for _ in range(FULL):
        x = x * x
    steps = step(x)
    with pytest.raises(ArgumentError, match=r"20,001 nodes, the limit is 20,000"):
        page_html(steps)
    assert set(steps._repr_mimebundle_()) == {"text/plain", "text/markdown"}


def why_not_live(root: Value) -> Any:
    return data_of(step(root).html)["live"]


def test_the_page_says_why_it_cannot_compute_on_other_numbers() -> None:
    x = Value(2.0, label="x")
    assert why_not_live(x * x) is True
    by_hand = Value(4.0, (x,), "mine", label="m")
    by_hand._backward = lambda: None
    assert "m is a hand-made op" in why_not_live(by_hand * 2.0)
    squared = x * x
    squared.register_hook(lambda gradient: 2 * gradient)
    assert "the gradient of n1 was replaced" in why_not_live(squared * 3.0)
    clipped = Value(2.0, label="w")
    clipped.register_hook(lambda gradient: max(-1.0, min(1.0, gradient)))
    assert "the gradient of w was replaced" in why_not_live(clipped * 3.0)
    changed = x * x
    changed.data = 5.0
    assert "changed by hand" in why_not_live(changed + x)


def test_a_network_opens_folded() -> None:
    model = nn.MLP(2, [16, 16, 1], activation="tanh", seed=0)
    loss = nn.mse([model([0.5, 1.0]), model([1.0, -1.0])], [0.0, 1.0])
    data = data_of(step(loss).html)
    assert len(data["nodes"]) > 1000
    assert "model" in data["groups"]
    assert "model/layer 0/neuron 3" not in data["open"]
