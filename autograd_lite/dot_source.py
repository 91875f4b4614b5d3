"""A `Picture` in the DOT language of Graphviz.

Names of nodes are generated, never taken from the user. User texts appear in two places only: HTML-like
labels, where they are escaped for XML, and tooltips, escaped for DOT by the `graphviz` package.
"""

from __future__ import annotations

import math
import re
from html import escape
from typing import TYPE_CHECKING, Any

from .errors import AutogradError
from .lettering import shorten, text_width
from .palette import Palette
from .picture import Arrow, Card, Picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["SHIELD", "ranks", "to_dot"]

SHIELD = "\u2060"

FONT = "Helvetica"
_PORTS = {"LR": (":e", ":w"), "RL": (":w", ":e"), "TB": (":s", ":n"), "BT": (":n", ":s")}
_MANY = 120  # arrows: from here on layers move apart
_TANGLED = 3000  # columns that all arrows together cross; beyond this, beautiful layout takes minutes


def to_dot(picture: Picture, palette: Palette, direction: str = "LR") -> str:
    """The DOT text of a picture. Raises `AutogradError` where the `graphviz` package is missing."""
    try:
        import graphviz
    except ImportError as error:
        raise AutogradError(
            "DOT text is written by the package graphviz, which cannot be imported here "
            "(pip install graphviz). The drawing's .mermaid and .text work without it."
        ) from error
    return _Writer(graphviz, palette, direction, picture).write()


def ranks(picture: Picture) -> list[int]:
    """How many arrows the longest way from an input to each card has: about the column it will stand in."""
    rank = [0] * len(picture.cards)
    for arrow in picture.arrows:  # in the order of computation
        rank[arrow.target] = max(rank[arrow.target], rank[arrow.source] + 1)
    return rank


def _is_layered(picture: Picture, rank: Sequence[int]) -> bool:
    """Whether boxes stand in layers and arrows run only from layer to layer: then straight lines are best."""
    if not any(card.kind == "group" for card in picture.cards):
        return False
    fed = {arrow.target for arrow in picture.arrows}
    return all(rank[a.target] == rank[a.source] + 1 for a in picture.arrows if a.source in fed)


class _Scope:
    """The cards of one scope and the scopes inside it, in the order of first appearance."""

    __slots__ = ("cards", "inner", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.cards: list[Card] = []
        self.inner: dict[str, _Scope] = {}


def _scope_tree(cards: Iterable[Card]) -> _Scope:
    root = _Scope("")
    for card in cards:
        scope = root
        for component in card.scope.split("/") if card.scope else ():
            scope = scope.inner.setdefault(component, _Scope(component))
        scope.cards.append(card)
    return root


class _Writer:
    """Writes one picture: what all its parts share are the palette, the direction and the manner of lines."""

    def __init__(self, graphviz: Any, palette: Palette, direction: str, picture: Picture) -> None:
        self.graphviz = graphviz
        self.palette = palette
        self.direction = direction
        self.picture = picture
        rank = ranks(picture)
        self.layered = not picture.edge_words and _is_layered(picture, rank)  # straight lines miss labels
        self.tangled = sum(rank[a.target] - rank[a.source] for a in picture.arrows) > _TANGLED

    def write(self) -> str:
        """The DOT text."""
        palette, picture = self.palette, self.picture
        graph = self.graphviz.Digraph("autograd", graph_attr=self._graph_attributes(picture))
        graph.attr("node", shape="box", fontname=FONT, margin="0.09,0.05", height="0.2", width="0.3")
        graph.attr("edge", fontname=FONT, fontsize="9", color=palette.edge, arrowsize="0.55")
        self._write_scope(graph, _scope_tree(picture.cards), "s", 0)
        leave, enter = _PORTS[self.direction] if self.layered else ("", "")
        for place, arrow in enumerate(picture.arrows):
            source, target = picture.cards[arrow.source].id, picture.cards[arrow.target].id
            graph.edge(source + leave, target + enter, **self._edge_attributes(arrow, place))
        return str(graph.source)

    def _graph_attributes(self, picture: Picture) -> dict[str, str]:
        crowded = len(picture.arrows) > _MANY
        attributes = {
            "rankdir": self.direction,
            "bgcolor": self.palette.page,
            "pad": "0.2",
            "nodesep": "0.2" if crowded else "0.25",
            "ranksep": "1.1" if crowded and self.layered else "0.45",
            "fontname": FONT,
            "fontsize": "10",
            "fontcolor": self.palette.muted,
            "outputorder": "edgesfirst",
        }
        if self.layered:  # every order of a full layer crosses as often as another: keep the one given
            attributes |= {"splines": "line", "mclimit": "0.01"}
        elif self.tangled:
            attributes |= {"splines": "line", "mclimit": "0.02", "nslimit": "0.02", "nslimit1": "0.02"}
        legend = _legend(picture, self.palette)
        if legend:
            attributes |= {"label": legend, "labelloc": "b", "labeljust": "l"}
        return attributes

    def _write_scope(self, graph: Any, scope: _Scope, name: str, depth: int) -> None:
        for card in _in_order(scope.cards, self.direction if depth else "") if self.layered else scope.cards:
            graph.node(card.id, label=_label(card, self.palette), **self._node_attributes(card))
        frames = list(enumerate(scope.inner.values()))
        for number, inner in frames[::-1] if self.direction in ("LR", "RL") else frames:
            own = f"{name}_{number}"
            attributes = self._scope_attributes(inner, own, depth)
            with graph.subgraph(name=f"cluster_{own}", graph_attr=attributes) as cluster:
                self._write_scope(cluster, inner, own, depth + 1)

    def _scope_attributes(self, scope: _Scope, name: str, depth: int) -> dict[str, str]:
        role = "inner" if depth % 2 else "cluster"
        return {
            "label": f"<{_text(shorten(scope.name) or '-', self.palette.muted, 10, bold=True)}>",
            "id": name,
            "class": "scope",
            "style": "rounded,filled",
            "fillcolor": self.palette.fill(role),
            "color": self.palette.line(role),
            "margin": "9",
            "labeljust": "l",
            "labelloc": "t",
            "tooltip": self._escape(shorten(scope.name, 200)),
        }

    def _node_attributes(self, card: Card) -> dict[str, str]:
        dashed = card.kind in ("opaque", "rest")
        return {
            "id": card.id,
            "class": card.kind,
            "style": "rounded,filled,dashed" if dashed else "rounded,filled",
            "fillcolor": self.palette.fill(card.kind),
            "color": self.palette.line(card.kind),
            "penwidth": "2.2" if card.is_root else "0.8" if card.kind == "constant" else "1.2",
            "tooltip": self._escape(card.tooltip),
        }

    def _edge_attributes(self, arrow: Arrow, place: int) -> dict[str, str]:
        width = 0.7 if self.layered else min(1.0 + 0.35 * math.log10(arrow.count), 3.0)
        attributes = {"id": f"e{place}", "penwidth": f"{width:.2f}", "tooltip": self._escape(arrow.tooltip)}
        if arrow.label:
            attributes["label"] = f"<{_text(f' {arrow.label} ', self.palette.gradient, 9)}>"
        return attributes

    def _escape(self, text: str) -> Any:
        """A tooltip, marked by the graphviz package as plain text: it would take "<...>" to be HTML."""
        return self.graphviz.nohtml(self.graphviz.escape(_shielded(text)).replace("\n", "\\n"))


def _legend(picture: Picture, palette: Palette) -> str:
    """The lines below the picture: what was folded, what stands on the arrows, what the colours mean."""
    captions = [words for words in (picture.caption, picture.edge_words) if words]
    rows = [_caption_row(words, palette) for words in captions]
    swatches = "".join(_swatch(kind, word, palette) for kind, word in picture.key.items())
    if swatches:
        longest = max(text_width(words, 10) for words in [*captions, ""])
        rest = max(0, math.ceil(longest) - 80 * len(picture.key))
        swatches += f'<TD WIDTH="{rest}"></TD>'  # without it the row would spread to the width of the others
        table = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3" CELLPADDING="0">'
        rows.append(f'<TR><TD ALIGN="LEFT">{table}<TR>{swatches}</TR></TABLE></TD></TR>')
    body = "".join(rows)
    label = f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="1">{body}</TABLE>>'
    return label if rows else ""


def _caption_row(words: str, palette: Palette) -> str:
    return f"<TR>{_cell(_text(words, palette.muted, 10), words, 10, 'LEFT')}</TR>"


def _swatch(kind: str, word: str, palette: Palette) -> str:
    patch = (
        f'<TD BORDER="1" COLOR="{palette.line(kind)}" BGCOLOR="{palette.fill(kind)}" '
        'FIXEDSIZE="TRUE" WIDTH="12" HEIGHT="11"></TD>'
    )
    return patch + _cell(_text(f"{word}  ", palette.muted, 10), f"{word}    ", 10, "LEFT")


def _in_order(cards: Sequence[Card], direction: str) -> list[Card]:
    """The neurons of a layer by their numbers; sideways, dot stacks a frame from the bottom up."""
    ordered = sorted(cards, key=lambda card: [int(digits) for digits in re.findall(r"\d{1,9}", card.title)])
    return ordered[::-1] if direction in ("LR", "RL") else ordered


def _label(card: Card, palette: Palette) -> str:
    """The HTML-like label of a card: chip and title, a row for each number, a note."""
    chip = _chip(card.chip, palette) if card.chip else ""
    title = _text(card.title, palette.ink, 11, bold=card.kind != "constant") if card.title else ""
    if chip and title:
        title = _text("\u00a0" + card.title, palette.ink, 11, bold=True)
        head = f'<TR><TD ALIGN="LEFT">{chip}</TD>{_cell(title, card.title, 11, "LEFT")}</TR>'
    elif title:
        head = f"<TR>{_cell(title, card.title, 11, 'CENTER', 2)}</TR>"
    else:
        head = f'<TR><TD COLSPAN="2" ALIGN="CENTER">{chip}</TD></TR>' if chip else ""
    rows = "".join(_row(name, text, palette) for name, text in card.rows)
    note = _cell(_text(card.note, palette.muted, 9), card.note, 9, "LEFT", 2) if card.note else ""
    note = f"<TR>{note}</TR>" if note else ""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{head}{rows}{note}</TABLE>>'


def _row(name: str, text: str, palette: Palette) -> str:
    colour = palette.gradient if name == "grad" else palette.ink
    caption = f'<TD ALIGN="LEFT">{_text(name, palette.muted, 9)}</TD>'
    return f"<TR>{caption}{_cell(_text(text, colour, 10), text, 10, 'RIGHT')}</TR>"


def _chip(symbol: str, palette: Palette) -> str:
    width = math.ceil(text_width(symbol, 10, bold=True)) + 8
    align = "CENTER" if len(symbol.encode()) <= len(symbol) + 2 else "LEFT"
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" '
        f'STYLE="rounded" BGCOLOR="{palette.chip}"><TR><TD ALIGN="{align}" WIDTH="{width}" '
        f'HEIGHT="17" VALIGN="BOTTOM">{_text(symbol, palette.chip_ink, 10, bold=True)}</TD></TR></TABLE>'
    )


def _cell(content: str, text: str, size: float, align: str, span: int = 1) -> str:
    width = math.ceil(text_width(text, size, bold=True)) + 3
    if align == "CENTER" and not text.isascii():
        align = "LEFT"  # Graphviz takes such text to be narrower than it is, and would not centre it
    columns = f' COLSPAN="{span}"' if span > 1 else ""
    return f'<TD ALIGN="{align}" WIDTH="{width}"{columns}>{content}</TD>'


def _text(text: str, colour: str, size: int, *, bold: bool = False) -> str:
    safe = escape(_shielded(text))
    body = f"<B>{safe}</B>" if bold else safe
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{body}</FONT>'


def _shielded(text: str) -> str:
    """A mark of no width after each backslash: Graphviz puts the node's name for \\N, however escaped."""
    return text.replace("\\", "\\" + SHIELD)
