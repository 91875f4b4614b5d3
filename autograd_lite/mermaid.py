"""A `Picture` as a Mermaid flowchart: GitHub, GitLab and JupyterLab draw it with nothing installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .lettering import shorten
from .palette import KINDS, LIGHT
from .picture import Card, Picture

__all__ = ["to_mermaid"]

_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:+-*/=()_…–×−∂")


def to_mermaid(picture: Picture, direction: str = "LR") -> str:
    """The Mermaid text of a picture; every character with a meaning of its own is written as its number."""
    return "\n".join(_lines(picture, direction)) + "\n"


def _lines(picture: Picture, direction: str) -> Iterator[str]:
    title = "; ".join(filter(None, (picture.caption, picture.edge_words)))
    if title:
        yield from ("---", f"title: {json.dumps(title)}", "---")
    yield f"flowchart {direction}"
    scopes: dict[str, list[Card]] = {}
    for card in picture.cards:
        scopes.setdefault(card.scope, []).append(card)
    frames = {path: f"s{number}" for number, path in enumerate(_with_outer(scopes)) if path}
    yield from _scope_lines(scopes, frames)
    for arrow in picture.arrows:
        source, target = picture.cards[arrow.source].id, picture.cards[arrow.target].id
        label = f'|"{_safe(arrow.label)}"|' if arrow.label else ""
        yield f"  {source} -->{label} {target}"
    yield from _style_lines(picture, list(frames.values()))


def _scope_lines(scopes: Mapping[str, Sequence[Card]], frames: Mapping[str, str]) -> Iterator[str]:
    """The cards, each scope a subgraph inside its outer scope's."""
    current: list[str] = []
    for path in sorted(["", *frames], key=lambda path: path.split("/") if path else []):
        components = path.split("/") if path else []
        while current and components[: len(current)] != current:
            yield "  " * len(current) + "end"
            current.pop()
        if components:
            current = components
            title = _safe(shorten(components[-1])) or "-"
            yield "  " * len(current) + f'subgraph {frames[path]}["{title}"]'
        for card in scopes.get(path, ()):
            yield "  " * (len(current) + 1) + f'{card.id}("{_card(card)}"):::{card.kind}'
    for depth in range(len(current), 0, -1):
        yield "  " * depth + "end"


def _style_lines(picture: Picture, frames: Sequence[str]) -> Iterator[str]:
    """Colours that read in a light and in a dark page: every fill comes with its own ink."""
    used = {card.kind for card in picture.cards}
    for kind in KINDS:
        if kind in used:
            dashes = ",stroke-dasharray:4 3" if kind in ("opaque", "rest") else ""
            fill, line = LIGHT.fill(kind), LIGHT.line(kind)
            yield f"  classDef {kind} fill:{fill},stroke:{line},color:{LIGHT.ink}{dashes}"
    yield "  classDef root stroke-width:3px"
    yield f"  class {','.join(card.id for card in picture.cards if card.is_root)} root"
    if frames:
        yield f"  classDef scope fill:{LIGHT.cluster},stroke:{LIGHT.cluster_line},color:{LIGHT.muted}"
        yield f"  class {','.join(frames)} scope"


def _with_outer(scopes: Iterable[str]) -> list[str]:
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
    """Every character with a meaning as its number; a mark of no width keeps Mermaid from reading a \\n."""
    coded = (c if c in _PLAIN or c.isalpha() else f"#{ord(c)};" for c in text)
    return "".join(coded).replace("#92;", "#92;#8288;")
