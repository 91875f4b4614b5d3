"""A `Picture` as text for a terminal: a tree while it is small, else a table in the order of computation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .lettering import columns, shorten
from .picture import Card, Picture

__all__ = ["to_text"]

TREE_LINES = 120  # a longer tree is not read any more
TREE_DEPTH = 16  # a deeper one runs off the right edge


def to_text(picture: Picture) -> str:
    """The text of a picture: each node once, with value and gradient; a second use only refers to the first.

    The tree hangs from the output, operands below what they make. With `edges` given, a column shows the
    derivative on the edge (or what flows back through it).
    """
    names = _names(picture.cards)
    tree = _tree(picture, names)
    body = _align(_table(picture, names) if tree is None else tree, _header(picture, tree is None))
    return "\n".join([*body, *([picture.caption] if picture.caption else [])]) + "\n"


def _header(picture: Picture, table: bool) -> list[str]:
    first = ["node", "made by", "from"] if table else ["node"]
    edge = {"local": ["∂ to above"], "contribution": ["flows back"]}.get(picture.edges or "", [])
    return [*first, "value", "grad", *([] if table else edge)]


def _tree(picture: Picture, names: Sequence[str]) -> list[list[str]] | None:
    """The rows of the tree; None if it would be too long or too deep."""
    if len(picture.arrows) > TREE_LINES:
        return None
    operands: list[list[tuple[int, str]]] = [[] for _ in picture.cards]
    for arrow in picture.arrows:
        operands[arrow.target].append((arrow.source, arrow.label))
    rows: list[list[str]] = []
    seen: set[int] = set()
    waiting = [(place, "", "", "") for place, card in enumerate(picture.cards) if card.is_root][::-1]
    while waiting:
        place, lead, branch, label = waiting.pop()
        if len(lead) > 3 * TREE_DEPTH or len(rows) > TREE_LINES:
            return None
        card = picture.cards[place]
        text = _made(card, names[place])
        if place in seen:
            text = names[place] + (" (see above)" if operands[place] else "")
        text += f" ({label})" if label and not picture.edges else ""
        rows.append([lead + branch + text, *_numbers(card), *([label] if picture.edges else [])])
        if place not in seen:
            lead += {"├─ ": "│  ", "└─ ": "   "}.get(branch, "")
            last = len(operands[place]) - 1
            for position, (source, label) in reversed(list(enumerate(operands[place]))):
                waiting.append((source, lead, "└─ " if position == last else "├─ ", label))
        seen.add(place)
    return rows


def _table(picture: Picture, names: Sequence[str]) -> list[list[str]]:
    sources: list[list[str]] = [[] for _ in picture.cards]
    for arrow in picture.arrows:
        label = f" ({arrow.label})" if arrow.label else ""
        sources[arrow.target].append(names[arrow.source] + label)
    rows = []
    for card, name, used in zip(picture.cards, names, sources, strict=True):
        more = f", … {len(used) - 4} more" if len(used) > 4 else ""
        made = " ".join(part for part in (card.chip, card.note) if part) or card.kind
        rows.append([name, made, ", ".join(used[:4]) + more, *_numbers(card)])
    return rows


def _names(cards: Sequence[Card]) -> list[str]:
    """What each card is called: its title, with its number where several share it; a box with its scope."""
    alike = Counter(card.title for card in cards)
    names = []
    for card in cards:
        name = card.title or card.id
        outer = card.scope.rpartition("/")[2]
        if card.kind == "group" and outer:
            name = f"{shorten(outer)}/{name}"
        elif card.title and alike[card.title] > 1 and card.kind != "constant":
            name = f"{name} {card.id}"
        names.append(name)
    return names


def _made(card: Card, name: str) -> str:
    """What stands in the tree: "d = +" for an op, "neuron 2 ×20  [17 nodes]" for a box."""
    note = f"  [{card.note}]" if card.note else ""
    if not card.chip:
        return (name if card.title else f"{name} {card.kind}") + note
    return f"{name} {card.chip if card.kind == 'group' else '= ' + card.chip}{note}"


def _numbers(card: Card) -> list[str]:
    numbers = dict(card.rows)
    return [numbers.get("value", card.title if card.kind == "constant" else ""), numbers.get("grad", "")]


def _align(rows: Sequence[Sequence[str]], header: Sequence[str]) -> list[str]:
    widths = [max(map(columns, column)) for column in zip(header, *rows, strict=True)]
    left = len(header) - 2 if header[-1] == "grad" else len(header) - 3
    lines = []
    for row in (header, *rows):
        blanks = [" " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)]
        pairs = enumerate(zip(row, blanks, strict=True))
        cells = [cell + blank if place < left else blank + cell for place, (cell, blank) in pairs]
        lines.append("  ".join(cells).rstrip())
    return lines
