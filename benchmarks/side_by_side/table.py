"""The result as text."""

from __future__ import annotations

from typing import Any

from .measuring import Outcome, Row

_UNITS = ((1.0, "s "), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def seconds(value: float) -> str:
    """A time in three digits, with its unit.

    >>> seconds(0.0000123), seconds(4.0)
    ('12.3 µs', '4.00 s ')
    """
    if value != value:
        return "–"
    size, unit = next((pair for pair in _UNITS if value >= 0.9995 * pair[0]), _UNITS[-1])
    number = value / size
    digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{digits}f} {unit}"


def machine(described: dict[str, Any]) -> str:
    """What it was measured on, in a few lines."""
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    vectors = f", {described['vectors']}" if described["vectors"] else ""
    return (
        f"{described['cpu']}, {described['cores']} cores{vectors}; {described['system']}\n"
        f"Python {described['python']}; {versions}\n"
        "float64 everywhere, one thread unless a row says otherwise, guards on; medians of interleaved rounds"
    )


def outcome(found: Outcome, base: str) -> str:
    """One workload: the quickest engine first; ratios to the engine `base`."""
    reference = found.row(base)
    timed = sorted((row for row in found.rows if not row.trouble), key=lambda row: row.median)
    heads = (f"a {found.unit}", "least", "ns an op", "times ours", "to get ready", "differs")
    lines = [
        f"{found.title} ({found.operations:,.0f} scalar operations)",
        f"{'':<38}{'':<9}" + "".join(f"{head:>13}" for head in heads),
    ]
    lines += [_line(row, found, reference) for row in timed]
    lines += [f"{row.name:<38}{row.trouble}" for row in found.rows if row.trouble]
    return "\n".join(lines)


def _line(row: Row, found: Outcome, reference: Row | None) -> str:
    ratio = f"{row.median / reference.median:.2f}" if reference else "–"
    cells = (
        seconds(row.median), seconds(row.minimum), f"{1e9 * row.median / found.operations:.2f}", ratio,
        seconds(row.setup), f"{row.difference:.0e}",
    )  # fmt: skip
    note = f"  {row.note}" if row.note else ""
    return f"{row.name:<38}{row.idiom:<9}" + "".join(f"{cell:>13}" for cell in cells) + note
