"""The colours of a drawing: one set for light, one for dark, both safe for colour-blind eyes.

Hues are those of Okabe and Ito (blue, bluish green, orange, reddish purple). Nothing is told by hue
alone: leaves have no op chip, constants only a number, the output a thick border, boxes a note.
Every text has a contrast of at least 4.5 to what lies under it (WCAG 2.2, level AA).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["DARK", "KINDS", "LIGHT", "Palette", "contrast", "dark_rules"]

KINDS = ("leaf", "parameter", "constant", "op", "output", "opaque", "group", "rest")


@dataclass(frozen=True, slots=True)
class Palette:
    """One colour a role; no two roles share a colour, so that a style sheet can exchange them one by one."""

    page: str
    ink: str
    muted: str
    gradient: str
    edge: str
    chip: str
    chip_ink: str
    leaf: str
    leaf_line: str
    parameter: str
    parameter_line: str
    constant: str
    constant_line: str
    op: str
    op_line: str
    output: str
    output_line: str
    opaque: str
    opaque_line: str
    group: str
    group_line: str
    rest: str
    rest_line: str
    cluster: str
    cluster_line: str
    inner: str
    inner_line: str

    def fill(self, kind: str) -> str:
        """The colour inside a card of this kind."""
        return str(getattr(self, kind))

    def line(self, kind: str) -> str:
        """The colour of its border."""
        return str(getattr(self, f"{kind}_line"))


LIGHT = Palette(
    page="#fffffe", ink="#1b2026", muted="#545d68", gradient="#9c2f10", edge="#77818d",
    chip="#3a4553", chip_ink="#fafbfc",
    leaf="#e1effd", leaf_line="#0768b5", parameter="#def4eb", parameter_line="#0b7a5c",
    constant="#eceff2", constant_line="#98a1ab", op="#fdfdfd", op_line="#828c98",
    output="#fff0d4", output_line="#b85c00", opaque="#f4f0e4", opaque_line="#7b6b35",
    group="#fbeaf3", group_line="#a83f7b", rest="#f3f4f6", rest_line="#8a939e",
    cluster="#f6f8fa", cluster_line="#cfd6de", inner="#edf1f5", inner_line="#c1c9d3",
)  # fmt: skip

DARK = Palette(
    page="#0d1117", ink="#e9eef4", muted="#a9b3be", gradient="#ffb08c", edge="#8d97a3",
    chip="#c6cfd9", chip_ink="#11161d",
    leaf="#0f2b49", leaf_line="#5eaefb", parameter="#0c3529", parameter_line="#43c196",
    constant="#242a31", constant_line="#6c7681", op="#191f27", op_line="#76818d",
    output="#40290a", output_line="#eda545", opaque="#35301c", opaque_line="#c9b671",
    group="#3c1a2e", group_line="#e58bbb", rest="#1c2127", rest_line="#7d8793",
    cluster="#12171e", cluster_line="#343c46", inner="#171d25", inner_line="#3e4752",
)  # fmt: skip


def dark_rules(within: str) -> str:
    """A style sheet that turns every light colour below the selector `within` into its dark counterpart."""
    dark = asdict(DARK)
    rules = []
    for role, colour in asdict(LIGHT).items():
        rules.append(f'{within} [fill="{colour}"]{{fill:{dark[role]}}}')
        rules.append(f'{within} [stroke="{colour}"]{{stroke:{dark[role]}}}')
    return "\n".join(rules)


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours (#rrggbb) by WCAG 2.2: (L1 + 0.05) / (L2 + 0.05), 1 to 21.

    >>> round(contrast("#ffffff", "#000000"), 6)
    21.0
    """
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
