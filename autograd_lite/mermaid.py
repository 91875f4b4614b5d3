"""A `Picture` as a Mermaid flowchart: GitHub, GitLab and JupyterLab draw it with nothing installed."""

from __future__ import annotations

from collections.abc import Iterator

from .lettering import shorten
from .palette import KINDS, LIGHT
from .picture import Card, Picture

__all__ = ["to_mermaid"]

_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:+-*/=()_…–×−∂")


def to_mermaid(picture: Picture, direction: str = "LR") -> str:
    """The Mermaid text of a picture; every character with a meaning of its own is written as its number."""
    return "\n".join(_lines(picture, direction)) + "\n"


def _lines(picture: Picture, direction: str) -> Iterator[str]:
    yield f"flowchart {direction}"
    open_scopes: dict[str, list[Card]] = {}
    for card in picture.cards:
        open_scopes.setdefault(card.scope, []).append(card)
    yield from _scope_lines(open_scopes)
    for arrow in picture.arrows:
        source, target = picture.cards[arrow.source].id, picture.cards[arrow.target].id
        label = f'|"{_safe(arrow.label)}"|' if arrow.label else ""
        yield f"  {source} -->{label} {target}"
    if picture.caption:
        yield f'  caption["{_safe(picture.caption)}"]:::caption'
    for kind in KINDS:
        width = 3 if kind == "output" else 1
        dashes = ",stroke-dasharray:4 3" if kind in ("opaque", "rest") else ""
        yield (
            f"  classDef {kind} fill:{LIGHT.fill(kind)},stroke:{LIGHT.line(kind)},"
            f"color:{LIGHT.ink},stroke-width:{width}px{dashes}"
        )
    yield f"  classDef caption fill:{LIGHT.page},stroke:none,color:{LIGHT.muted}"


def _scope_lines(scopes: dict[str, list[Card]]) -> Iterator[str]:
    """The cards, each scope a subgraph inside its outer scope's."""
    numbers = {path: number for number, path in enumerate(_with_outer(scopes))}
    current: list[str] = []
    for path in sorted(numbers, key=lambda path: path.split("/") if path else []):
        components = path.split("/") if path else []
        while current and components[: len(current)] != current:
            yield "  " * len(current) + "end"
            current.pop()
        if components:
            current = components
            title = _safe(shorten(components[-1])) or "-"
            yield "  " * len(current) + f'subgraph s{numbers[path]}["{title}"]'
        for card in scopes.get(path, ()):
            yield "  " * (len(current) + 1) + f'{card.id}["{_card(card)}"]:::{card.kind}'
    for depth in range(len(current), 0, -1):
        yield "  " * depth + "end"


def _with_outer(scopes: dict[str, list[Card]]) -> list[str]:
    """All scope paths, the outer ones that hold no card of their own included, in a fixed order."""
    paths: dict[str, None] = {"": None}
    for path in scopes:
        components = path.split("/") if path else []
        paths.update(dict.fromkeys("/".join(components[: depth + 1]) for depth in range(len(components))))
    return list(paths)


def _card(card: Card) -> str:
    title = f"<b>{_safe(card.title)}</b>" if card.title else ""
    head = " ".join(part for part in (_safe(card.chip), title) if part)
    rows = [f"{name} {_safe(text)}" for name, text in card.rows]
    return "<br/>".join([part for part in (head, *rows, _safe(card.note)) if part])


def _safe(text: str) -> str:
    return "".join(c if c in _PLAIN or c.isalpha() else f"#{ord(c)};" for c in text)
