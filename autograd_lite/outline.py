"""A `Picture` as text for a terminal: a tree while it is small, else a table in the order of computation."""

from __future__ import annotations

from collections.abc import Sequence

from .picture import Card, Picture

__all__ = ["to_text"]

TREE_LINES = 120  # a longer tree is not read any more
TREE_DEPTH = 16  # a deeper one runs off the right edge


def to_text(picture: Picture) -> str:
    """The text of a picture: each node once, with value and gradient; a second use only refers to the first.

    The tree hangs from the output, operands below what they make. With `edges` given, a column shows the
    derivative on the edge (or what flows back through it).
    """
    lines = _tree(picture)
    table = lines is None
    rows = lines if lines is not None else _table(picture)
    body = _align(rows, _header(picture, table))
    return "\n".join([*body, *([picture.caption] if picture.caption else [])]) + "\n"


def _header(picture: Picture, table: bool) -> list[str]:
    first = ["node", "made by", "from"] if table else ["node"]
    edge = {"local": ["∂ to above"], "contribution": ["flows back"]}.get(picture.edges or "", [])
    return [*first, "value", "grad", *([] if table else edge)]


def _tree(picture: Picture) -> list[list[str]] | None:
    incoming: list[list[tuple[int, str]]] = [[] for _ in picture.cards]
    for arrow in picture.arrows:
        incoming[arrow.target].append((arrow.source, arrow.label))
        if len(picture.arrows) > TREE_LINES:
            return None
    rows: list[list[str]] = []
    seen: set[int] = set()
    roots = [place for place, card in enumerate(picture.cards) if card.is_root]
    waiting = [(root, "", "", "") for root in reversed(roots)]
    while waiting:
        place, lead, branch, label = waiting.pop()
        card = picture.cards[place]
        extra = [label] if picture.edges else []
        if len(lead) > 3 * TREE_DEPTH or len(rows) > TREE_LINES:
            return None
        if place in seen:
            again = " (see above)" if incoming[place] else ""
            rows.append([f"{lead}{branch}{_name(card)}{again}", *_numbers(card), *extra])
            continue
        seen.add(place)
        rows.append([f"{lead}{branch}{_title(card)}", *_numbers(card), *extra])
        below = lead + {"├─ ": "│  ", "└─ ": "   "}.get(branch, "")
        operands = incoming[place]
        for position in range(len(operands) - 1, -1, -1):
            source, label = operands[position]
            waiting.append((source, below, "└─ " if position == len(operands) - 1 else "├─ ", label))
    return rows


def _table(picture: Picture) -> list[list[str]]:
    sources: list[list[str]] = [[] for _ in picture.cards]
    for arrow in picture.arrows:
        label = f" ({arrow.label})" if arrow.label else ""
        sources[arrow.target].append(_name(picture.cards[arrow.source]) + label)
    rows = []
    for card, names in zip(picture.cards, sources, strict=True):
        more = f", … {len(names) - 4} more" if len(names) > 4 else ""
        made = " ".join(part for part in (card.chip, card.note) if part) or card.kind
        rows.append([_name(card), made, ", ".join(names[:4]) + more, *_numbers(card)])
    return rows


def _name(card: Card) -> str:
    return card.title or card.id


def _title(card: Card) -> str:
    """What stands in the tree: "d = +" for an op, "neuron 2 ×20  [17 nodes]" for a box."""
    note = f"  [{card.note}]" if card.note else ""
    if not card.chip:
        return (card.title or f"{card.id} {card.kind}") + note
    return f"{_name(card)} {card.chip if card.kind == 'group' else '= ' + card.chip}{note}"


def _numbers(card: Card) -> list[str]:
    numbers = dict(card.rows)
    return [numbers.get("value", card.title if card.kind == "constant" else ""), numbers.get("grad", "")]


def _align(rows: Sequence[Sequence[str]], header: Sequence[str]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    left = len(header) - 2 if header[-1] == "grad" else len(header) - 3
    lines = []
    for row in (header, *rows):
        texts = [cell.ljust(width) for cell, width in zip(row[:left], widths, strict=False)]
        numbers = [cell.rjust(width) for cell, width in zip(row[left:], widths[left:], strict=True)]
        lines.append("  ".join(texts + numbers).rstrip())
    return lines
