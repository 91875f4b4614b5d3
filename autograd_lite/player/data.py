"""What the page knows: the nodes, the recorded passes, the formulas, as plain JSON data.

Nodes keep the numbers they have in `Backprop` and `Graph`. A rule is a row of the op table with its number of
operands and its immediates; nodes refer to rules by index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import mathml
from ..account import json_number
from ..javascript import RuleKey
from ..ops import TABLE
from ..passes import Push
from .grouping import groups_of

if TYPE_CHECKING:
    from ..engine import Value
    from ..stepping import Backprop

__all__ = ["page_data", "rules_of"]


def page_data(steps: Backprop) -> dict[str, Any]:
    """Everything the page shows, as JSON data; special numbers are strings as in `to_json()`."""
    passes = steps.passes
    numbers = {key: place for place, key in enumerate(rules_of(steps))}
    groups = groups_of(steps)
    return {
        "version": 1,
        "root": passes.root,
        "seed": json_number(passes.seed),
        "order": passes.inner,
        "aside": list(steps.origins.branches.parents),
        "shown": len(passes.nodes),
        "nodes": [
            *(_node(steps, index, numbers, groups.paths[index]) for index in range(len(passes.nodes))),
            *(_hidden(steps, place, numbers) for place in range(len(steps.origins.branches.hidden))),
        ],
        "pushes": [
            [_push(push) for push in passes.pushes[index]] for index in reversed(passes.inner)
        ],
        "gradients": [json_number(gradient) for gradient in passes.gradients],
        "groups": groups.titles,
        "open": groups.open,
        "rules": [_rule(key) for key in numbers],
        "guards": steps.origins.guards(),
        "traced": steps.origins.branches.traced,
        "sources": steps.origins.sources,
        "live": _liveness(steps),
    }


def rules_of(steps: Backprop) -> list[RuleKey]:
    """The rules that the nodes need, each once, in the order of first use."""
    branches, shown = steps.origins.branches, steps.passes.nodes
    computed = [branches.hidden[index - len(shown)] for index in branches.parents]
    return list(dict.fromkeys(filter(None, map(_rule_key, [*shown, *computed]))))


def _rule_key(value: Value) -> RuleKey | None:
    if value.is_leaf or value.is_handmade:
        return None
    op = value.op
    return RuleKey(op.name, len(value.operand_values), value.immediates)


def _node(steps: Backprop, index: int, numbers: dict[RuleKey, int], group: str) -> dict[str, Any]:
    node, value, passes = steps.nodes[index], steps.passes.nodes[index], steps.passes
    key = _rule_key(value)
    entry: dict[str, Any] = {
        "text": node.text,
        "label": node.label,
        "kind": "constant" if node.constant else "leaf" if value.is_leaf else "op" if key else "opaque",
        "value": json_number(passes.values[index]),
    }
    if value.is_leaf:
        entry["frozen"] = value.is_frozen
    else:
        entry |= {
            "op": node.op,
            "symbol": node.op_text,
            "rule": numbers.get(key, -1) if key else -1,
            "parents": list(passes.parents[index]),
            "tracked": list(value.tracked),
            "locals": [json_number(push.local) for push in _by_position(steps, index)],
        }
    optional = {"scope": node.scope, "group": group, "at": node.source, "note": passes.note(index)}
    return entry | {name: text for name, text in optional.items() if text} | steps.origins.place_of(value)


def _hidden(steps: Backprop, place: int, numbers: dict[RuleKey, int]) -> dict[str, Any]:
    """A node outside the graph that a branch of the program compared: computed, never shown."""
    branches, index = steps.origins.branches, len(steps.passes.nodes) + place
    value = branches.hidden[place]
    entry = {"text": value.label, "label": value.label, "kind": "constant", "value": json_number(value.data)}
    key = _rule_key(value)
    if index not in branches.parents or key is None:
        return entry
    parents = list(branches.parents[index])
    return entry | {
        "kind": "op",
        "op": value.op.name,
        "symbol": value.op_text,
        "rule": numbers[key],
        "parents": parents,
        "tracked": list(value.tracked),
        "locals": [None] * len(parents),
    }


def _push(push: Push) -> list[Any]:
    numbers = map(json_number, (push.local, push.amount, push.after))
    return [push.position, push.parent, *numbers, *filter(None, [push.note])]


def _by_position(steps: Backprop, index: int) -> list[Any]:
    """The pushes of a node, one for each operand (a hand-made op pushes once to each parent)."""
    passes = steps.passes
    found = {push.position: push for push in passes.pushes[index]}
    return [found.get(place, passes.pushes[index][0]) for place in range(len(passes.parents[index]))]


def _rule(key: RuleKey) -> dict[str, Any]:
    row = TABLE[key.op]
    return {
        "op": key.op,
        "summary": row.summary,
        "domain": row.domain,
        "kink": row.kink,
        "value": mathml.value_template(row, key.arity, key.immediates),
        "partials": mathml.partial_templates(row, key.arity, key.immediates),
    }


def _liveness(steps: Backprop) -> bool | str:
    """Whether the page can compute this graph on other numbers; if not, why."""
    passes = steps.passes
    for index in passes.inner:
        value, text = passes.nodes[index], steps.nodes[index].text
        if value.is_handmade:
            return f"{text} is a hand-made op: only its author's Python knows its rule"
        if passes.note(index):
            return f"the gradient of {text} was replaced: {passes.note(index)}"
        if value._pinned is not None:
            return f"the number of {text} was changed by hand after it was computed"
        seen = zip(passes.parents[index], passes.operand_values(index), strict=True)
        if any(passes.values[parent] != number == number for parent, number in seen):
            return f"a number that {text} was computed from was changed by hand afterwards"
    for node in steps.nodes:  # a hook of a leaf
        if not node.op and passes.note(node.index):
            return f"the gradient of {node.text} was replaced: {passes.note(node.index)}"
    return steps.origins.branches.blocked or True
