"""What a drawing says, before any format: cards with their texts, arrows, and a caption.

DOT, Mermaid and text are three ways to write one `Picture`, so they always agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import folding
from .engine import chain
from .errors import ArgumentError, nearest
from .folding import Box, Folded, Link
from .graph import Graph
from .lettering import clean, number, shorten
from .nodes import Node

__all__ = ["LIMIT", "Arrow", "Card", "Picture", "make_picture"]

LIMIT = 300  # parts in one picture; beyond this nobody can read it
FULL = 20_000  # parts that fold=False may ask for: far more than any renderer can lay out
NESTED = 12  # scopes inside scopes that get a frame; deeper ones share the innermost
KEPT = 80  # parts that stay when there is no scope to fold by
EDGES = {
    "local": "on each arrow: ∂(box it points to) / ∂(box it comes from)",
    "contribution": "on each arrow: what flows back, added to the grad of the box it comes from",
}
KEY = {
    "leaf": "input", "parameter": "parameter", "group": "folded scope", "opaque": "hand-made op",
    "output": "output",
}  # fmt: skip
EXPLAINED = {"parameter", "group", "opaque"}  # with one of these the colours need a key
_TAIL = 20_000  # nodes before the output that are looked at for what to show of a graph without scopes
_TOOLTIP = 600


@dataclass(frozen=True, slots=True)
class Card:
    """One box of the picture: `kind` decides its colours, `chip` is the op, `rows` are (caption, number)."""

    id: str
    kind: str
    chip: str
    title: str
    rows: tuple[tuple[str, str], ...]
    note: str
    scope: str
    tooltip: str
    is_root: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """One arrow, by places in `Picture.cards`; `count` edges run in it."""

    source: int
    target: int
    label: str
    count: int
    tooltip: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything a drawing shows. `caption` tells what was folded or left out ("" if nothing was)."""

    cards: tuple[Card, ...]
    arrows: tuple[Arrow, ...]
    caption: str
    edges: str | None

    @property
    def has_gradients(self) -> bool:
        """Whether a backward pass had come by when the picture was made."""
        return any(text != "–" for card in self.cards for name, text in card.rows if name == "grad")

    @property
    def edge_words(self) -> str:
        """What the numbers on the arrows are; "" where there are none."""
        return EDGES[self.edges] if self.edges and any(arrow.label for arrow in self.arrows) else ""

    @property
    def key(self) -> dict[str, str]:
        """What the colours mean, by kind, where boxes of more than one sort take part."""
        used = {card.kind for card in self.cards}
        return {kind: word for kind, word in KEY.items() if kind in used} if used & EXPLAINED else {}


def make_picture(
    graph: Graph, *, edges: str | None = None, fold: int | str | bool | None = "auto"
) -> Picture:
    """The picture of a graph. Raises `ArgumentError` or `GraphError` for options that mean nothing here."""
    if edges is not None and edges not in EDGES:
        raise ArgumentError(f"edges={edges!r} is not known: {nearest(str(edges), EDGES)}, or None")
    folded, caption = _fold(graph, fold)
    roots = set(folded.roots)
    cards = tuple(_card(folded, place, place in roots) for place in range(len(folded.parts)))
    arrows = tuple(_arrow(folded, link, edges) for link in folded.links)
    return Picture(cards, arrows, caption, edges)


def _fold(graph: Graph, fold: int | str | bool | None) -> tuple[Folded, str]:
    nodes, count = graph.nodes, len(graph.nodes)
    automatic = fold is None or fold is True or fold == "auto"
    if fold is False and count > FULL:
        raise ArgumentError(
            f"fold=False would draw {count:,} boxes, the limit is {FULL:,}: leave fold out, give a scope "
            "level, or read the nodes from Graph(value)"
        )
    if fold is False or (automatic and count <= LIMIT):
        return folding.assemble(nodes, graph.roots, [None] * count), ""
    if isinstance(fold, bool) or fold is None or fold == "auto":
        keys, how = _keys_that_fit(graph)
    else:
        keys = folding.merge_repeats(nodes, folding.scope_keys(nodes, fold), between=1)
        how = f"folded by {shorten(fold)}" if isinstance(fold, str) else f"folded at depth {fold}"
    if folding.count_parts(keys) > LIMIT:
        keys = folding.keep_nearest(nodes, keys, KEPT)
        how = f"{how}, cut to what is nearest the output"
    folded = folding.assemble(nodes, graph.roots, keys)
    return folded, f"{count:,} nodes {how}: {len(folded.parts):,} boxes (fold=False draws every node)"


def _keys_that_fit(graph: Graph) -> tuple[list[folding.Key | None], str]:
    """The finest of: every scope a box, then coarser ones, that is small enough to read, and where boxes
    outnumber what is left between them."""
    nodes = graph.nodes
    scopes = {node.scope for node in nodes}
    depth = min(NESTED, max(scope.count("/") + 1 if scope else 0 for scope in scopes))
    for level in range(depth, 0, -1):
        keys = folding.merge_repeats(nodes, folding.scope_keys(nodes, level), between=1)
        loose = {
            key or node.index for node, key in zip(nodes, keys, strict=True)
            if node.scope and (key is None or key[0] != "scope")
        }  # fmt: skip
        boxes = {key for key in keys if key is not None and key[0] == "scope"}
        if level == 1 or (folding.count_parts(keys) <= LIMIT and len(loose) <= len(boxes)):
            return keys, f"folded by {_level_word(scopes, level)}"
    return folding.merge_tail(nodes, _TAIL), "folded where nodes repeat"


def _level_word(scopes: Iterable[str], depth: int) -> str:
    """The name that the scopes of this depth share, if they do."""
    words = {folding.level_of(scope, depth) for scope in scopes} - {""}
    return shorten(words.pop()) if len(words) == 1 else f"scope (depth {depth})"


def _card(folded: Folded, place: int, is_root: bool) -> Card:
    part = folded.parts[place]
    return _node_card(part, is_root) if isinstance(part, Node) else _box_card(folded, part, place, is_root)


def _node_card(node: Node, is_root: bool) -> Card:
    kind = node.kind
    if kind == "leaf" and node.scope:
        kind = "parameter"
    if kind == "constant":
        rows: tuple[tuple[str, str], ...] = ()
        title = number(node.data)
    else:
        rows = (("value", number(node.data)), ("grad", "frozen" if node.is_frozen else number(node.grad)))
        title = shorten(node.label)
    return Card(
        id=f"n{node.index}",
        kind="output" if is_root and kind != "opaque" else kind,
        chip=_chip(node.op_text),
        title=title,
        rows=rows,
        note="",
        scope=_frame(node.scope),
        tooltip=_node_tooltip(node),
        is_root=is_root,
    )


def _frame(scope: str) -> str:
    return "/".join(scope.split("/", NESTED)[:NESTED])


def _chip(op_text: str) -> str:
    """An op as readers write it: the typewriter's * and - become × and −."""
    return {"*": "×", "-": "−"}.get(op_text) or shorten(op_text, 16)


def _node_tooltip(node: Node) -> str:
    lines = [clean(node.label[:_TOOLTIP]) or f"n{node.index}", f"value {node.data!r}"]
    if node.kind != "constant":
        gradient = "–" if node.grad is None else repr(node.grad)
        lines.append("frozen" if node.is_frozen else f"gradient {gradient}")
    if node.op:
        lines.insert(1, f"made by {clean(node.op[:_TOOLTIP])}")
    lines += [f"in {clean(node.scope[:_TOOLTIP])}"] if node.scope else []
    lines += [f"at {clean(node.source[:_TOOLTIP])}"] if node.source else []
    return "\n".join(lines)


def _box_card(folded: Folded, box: Box, place: int, is_root: bool) -> Card:
    nodes = [folded.nodes[index] for index in box.members]
    inside = set(box.members)
    running = any(parent in inside for node in nodes for parent in node.parents)
    shown = [folded.nodes[index] for index in box.outputs] if running or box.kind == "scope" else nodes
    gradients = [node.grad for node in shown if node.grad is not None]
    rows = [("value", _range([node.data for node in shown]))]
    if any(node.kind != "constant" for node in shown):
        frozen = all(node.is_frozen for node in shown)
        rows.append(("grad", "frozen" if frozen else _range(gradients)))
    parameters = sum(node.kind == "leaf" for node in nodes)
    note = f"{len(nodes):,} nodes" + (f", {parameters:,} parameters" if parameters else "")
    title, chip = shorten(box.name), f"×{box.calls:,}" if box.calls > 1 else ""
    kind = {"scope": "group", "rest": "rest", "repeat": nodes[0].kind}[box.kind]
    if box.kind == "repeat":
        title, chip, note = _repeat_title(nodes), _chip(nodes[0].op_text), f"×{len(nodes):,}"
    elif box.kind == "rest":
        title, rows, note = f"… {len(nodes):,} more nodes", [], ""
    return Card(
        id=f"g{place}",
        kind="output" if is_root and box.kind == "repeat" else kind,
        chip=chip,
        title=title,
        rows=tuple(rows),
        note=note,
        scope=_frame(box.scope.rpartition("/")[0] if box.kind == "scope" else box.scope),
        tooltip=_box_tooltip(box, nodes),
        is_root=is_root,
    )


def _repeat_title(nodes: Sequence[Node]) -> str:
    labels = list(dict.fromkeys(node.label for node in nodes if node.label))
    if not labels:
        return "" if nodes[0].op_text else "constants" if nodes[0].kind == "constant" else "leaves"
    return shorten(labels[0]) if len(labels) == 1 else f"{shorten(labels[0], 12)} … {shorten(labels[-1], 12)}"


def _box_tooltip(box: Box, nodes: Sequence[Node]) -> str:
    ops = Counter(node.op_text for node in nodes if node.op)
    most = ", ".join(f"{count:,} {_chip(op)}" for op, count in ops.most_common(8))
    lines = [clean(box.scope[:_TOOLTIP]) or clean(box.name[:_TOOLTIP]) or "folded", f"{len(nodes):,} nodes"]
    lines += [f"ops: {most}"] if most else []
    lines += [f"run {box.calls:,} times"] if box.kind == "scope" and box.calls > 1 else []
    return "\n".join([*lines, f"{len(box.inputs):,} inputs, {len(box.outputs):,} outputs"])


def _range(numbers: Sequence[float]) -> str:
    """One number, or the least and the greatest; NaN if any is NaN."""
    if not numbers:
        return "–"
    if any(value != value for value in numbers):
        return "nan"
    low, high = number(min(numbers)), number(max(numbers))
    return low if low == high else f"{low} … {high}"


def _arrow(folded: Folded, link: Link, edges: str | None) -> Arrow:
    node = folded.nodes[link.edge[0]]
    source = folded.nodes[node.parents[link.edge[1]]]
    if link.count > 1 and not _same_ends(folded, link):
        return Arrow(link.source, link.target, "", link.count, f"{link.count:,} edges")
    uses = [i for i, parent in enumerate(node.parents) if parent == source.index]
    locals_ = [node.local_gradients[i] for i in uses]
    label, lines = _edge_label(node, locals_, edges), [_short_name(source) + " → " + _short_name(node)]
    if not label and len(uses) > 1:
        label = f"{len(uses)} edges"  # a * a uses a twice
    for local in locals_:
        if local is not None:
            lines.append(f"local derivative {local!r}")
            lines += [f"contribution {chain(node.grad, local)!r}"] if node.grad is not None else []
    return Arrow(link.source, link.target, label, link.count, "\n".join(lines))


def _same_ends(folded: Folded, link: Link) -> bool:
    return isinstance(folded.parts[link.source], Node) and isinstance(folded.parts[link.target], Node)


def _short_name(node: Node) -> str:
    return shorten(node.label) or f"n{node.index}"


def _edge_label(node: Node, locals_: Sequence[float | None], edges: str | None) -> str:
    known = [local for local in locals_ if local is not None]
    if edges is None or not known:
        return ""
    if edges == "contribution":
        if node.grad is None:
            return "–"
        known = [chain(node.grad, local) for local in known]
    return " and ".join(number(local) for local in known[:3]) + (" …" if len(known) > 3 else "")
