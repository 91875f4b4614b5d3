"""A graph as JSON text and back, without recursion and without losing a bit of any number.

JSON has no infinity, no NaN, and many readers drop the sign of zero: those four are written as strings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from .engine import Value, record
from .errors import GraphError, nearest
from .nodes import Node
from .ops import TABLE

__all__ = ["dump", "load", "rebuild"]

FORMAT = "autograd-lite graph"
VERSION = 1
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}
_KINDS = ("leaf", "constant", "op")


def dump(nodes: Sequence[Node], roots: Sequence[int]) -> str:
    """The JSON text of a graph: one line a node. Raises `GraphError` for a hand-made op."""
    lines = [json.dumps(_to_dict(node, nodes), allow_nan=False) for node in nodes]
    body = ",\n".join(lines)
    head = f'"format": {json.dumps(FORMAT)}, "version": {VERSION}, "roots": {json.dumps(list(roots))}'
    return f'{{{head}, "nodes": [\n{body}\n]}}\n'


def load(text: str) -> tuple[tuple[Node, ...], tuple[int, ...]]:
    """Nodes and roots out of JSON text. Raises `GraphError` that says which node is wrong and how."""
    try:
        content = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise GraphError(f"this is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise GraphError(f'this JSON is no graph: "format" must be {FORMAT!r}')
    if content.get("version") != VERSION:
        raise GraphError(f'graph version {content.get("version")!r} is unknown: this library reads {VERSION}')
    records, roots = content.get("nodes"), content.get("roots")
    if not isinstance(records, list) or not isinstance(roots, list) or not records or not roots:
        raise GraphError('a graph needs lists "nodes" and "roots", neither of them empty')
    nodes: list[Node] = []
    for index, entry in enumerate(records):
        nodes.append(_from_dict(index, entry, nodes))
    for root in roots:
        if not _is_index(root, len(nodes)):
            raise GraphError(f"root {root!r} is no node: there are {len(nodes)}")
    return tuple(nodes), tuple(roots)


def rebuild(nodes: Sequence[Node], roots: Sequence[int]) -> tuple[Value, ...]:
    """Fresh Values computing what `nodes` say, holding the same numbers, gradients, labels and scopes."""
    built: list[Value | None] = []
    for node in nodes:
        if node.kind == "opaque":
            raise GraphError(_opaque(node))
        if node.kind == "constant" and node.index not in roots:
            built.append(None)
            continue
        value = Value(node.data) if not node.parents else _apply(node, nodes, built)
        _dress(value, node)
        built.append(value)
    return tuple(value for value in (built[root] for root in roots) if value is not None)


def _apply(node: Node, nodes: Sequence[Node], built: Sequence[Value | None]) -> Value:
    """The op on the numbers its operands had when it was first computed, which may have changed since."""
    operands: list[Any] = []
    now: list[tuple[Value, float]] = []
    for parent, number in zip(node.parents, node.operands, strict=True):
        value = built[parent]
        operands.append(number if value is None else value)
        if value is not None:
            now.append((value, value._data))
            value._data = number  # not .data: that would pin slopes
    result: Value = record(TABLE[node.op], *operands, immediates=node.immediates)
    for value, number in reversed(now):
        value._data = number
    if result.data != node.data and not (math.isnan(result.data) and math.isnan(node.data)):
        result.data = node.data
    return result


def _dress(value: Value, node: Node) -> None:
    if node.label:
        value.label = node.label
    if node.scope != value.scope:
        value._scope = node.scope
    if node.source:
        value._source = node.source
    if node.is_frozen:
        value.freeze()
    if node.grad is not None:
        value.grad = node.grad


def _to_dict(node: Node, nodes: Sequence[Node]) -> dict[str, object]:
    if node.kind == "opaque":
        raise GraphError(_opaque(node))
    changed = any(nodes[p].data != number for p, number in zip(node.parents, node.operands, strict=True))
    full: dict[str, object] = {
        "kind": node.kind,
        "label": node.label,
        "op": node.op,
        "op_text": node.op_text,
        "immediates": [encode(number) for number in node.immediates],
        "data": encode(node.data),
        "grad": encode(node.grad),
        "parents": list(node.parents),
        "operands": [encode(number) for number in node.operands] if changed else [],
        "local_gradients": [encode(number) for number in node.local_gradients],
        "scope": node.scope,
        "source": node.source,
        "frozen": node.is_frozen,
    }
    always = ("kind", "data", "grad")
    return {key: value for key, value in full.items() if key in always or value not in ("", [], False)}


def _opaque(node: Node) -> str:
    return (
        f"{node.title!r} (n{node.index}) was made by hand: its rule {node.op_text!r} is not in the op table "
        "and cannot be written down or rebuilt. Use ops of the table, or detach() its result."
    )


def encode(number: float | None) -> float | str | None:
    """A number as JSON can hold it. 

    >>> encode(0.1), encode(float("inf")), encode(-0.0), encode(None)
    (0.1, 'Infinity', '-0', None)
    """
    if number is None:
        return None
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return "-0" if number == 0 and math.copysign(1.0, number) < 0 else number


def _from_dict(index: int, entry: object, before: Sequence[Node]) -> Node:
    if not isinstance(entry, dict):
        _wrong(index, "is not an object")
    kind = entry.get("kind")
    if kind not in _KINDS:
        _wrong(index, f"has kind {kind!r}: expected one of {', '.join(_KINDS)}")
    parents = entry.get("parents", [])
    if not isinstance(parents, list) or not all(_is_index(parent, index) for parent in parents):
        _wrong(index, f"has parents {parents!r:.60}: expected a list of earlier nodes")
    op = _text(index, entry, "op")
    _check_op(index, kind, op, parents)
    slopes = _numbers(index, entry, "local_gradients")
    operands = _reals(index, entry, "operands") or tuple(before[parent].data for parent in parents)
    if len(slopes) != len(parents) or len(operands) != len(parents):
        _wrong(index, f"has {len(parents)} parents, {len(slopes)} slopes and {len(operands)} operands")
    return Node(
        index,
        kind,
        label=_text(index, entry, "label"),
        op=op,
        op_text=_text(index, entry, "op_text"),
        immediates=_immediates(index, entry),
        data=_real(index, "data", entry.get("data")),
        grad=_number(index, "grad", entry.get("grad")),
        parents=tuple(parents),
        tracked=tuple(before[parent].kind != "constant" for parent in parents),
        operands=operands,
        slopes=slopes,
        scope=_text(index, entry, "scope"),
        source=_text(index, entry, "source"),
        is_frozen=entry.get("frozen") is True,
    )


def _check_op(index: int, kind: str, op: str, parents: Sequence[int]) -> None:
    if kind != "op":
        if op or parents:
            _wrong(index, f"is a {kind} and can have neither an op nor parents")
        return
    if op not in TABLE:
        _wrong(index, f"has op {op!r}: {nearest(op, TABLE)}")
    arity = TABLE[op].arity
    if not parents or (arity is not None and len(parents) != arity):
        _wrong(index, f"has {len(parents)} parents, but its op {op!r} takes {arity or 'at least one'}")


def _is_index(thing: object, count: int) -> bool:
    return isinstance(thing, int) and not isinstance(thing, bool) and 0 <= thing < count


def _text(index: int, entry: Mapping[str, object], key: str) -> str:
    text = entry.get(key, "")
    return text if isinstance(text, str) else _wrong(index, f"has {key} {text!r}: expected text")


def _number(index: int, key: str, thing: object) -> float | None:
    return None if thing is None else _real(index, key, thing)


def _real(index: int, key: str, thing: object) -> float:
    if isinstance(thing, str) and thing in _SPECIAL:
        return _SPECIAL[thing]
    if isinstance(thing, bool) or not isinstance(thing, (int, float)):
        _wrong(index, f"has {key} {thing!r}: expected a number or one of {', '.join(_SPECIAL)}")
    try:
        return float(thing)
    except OverflowError:
        _wrong(index, f"has a {key} too large for a float")


def _numbers(index: int, entry: Mapping[str, object], key: str) -> tuple[float | None, ...]:
    return tuple(_number(index, key, thing) for thing in _list(index, entry, key))


def _reals(index: int, entry: Mapping[str, object], key: str) -> tuple[float, ...]:
    return tuple(_real(index, key, thing) for thing in _list(index, entry, key))


def _immediates(index: int, entry: Mapping[str, object]) -> tuple[Any, ...]:
    """Whole numbers stay whole: an order or an exponent may be one."""
    given = list(_list(index, entry, "immediates"))
    if len(given) != len(TABLE[str(entry["op"])].immediates if entry.get("op") else ()):
        _wrong(index, f"has {len(given)} immediates: {given!r:.60}")
    return tuple(thing if isinstance(thing, int) else _real(index, "immediates", thing) for thing in given)


def _list(index: int, entry: Mapping[str, object], key: str) -> Iterable[object]:
    things = entry.get(key, [])
    return things if isinstance(things, list) else _wrong(index, f"has {key} {things!r}: expected a list")


def _wrong(index: int, what: str) -> NoReturn:
    raise GraphError(f"this graph is damaged: node {index} {what}")
