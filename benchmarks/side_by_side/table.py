"""The result as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .measuring import Outcome, Row

_UNITS = ((1.0, "s "), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def seconds(value: float) -> str:
    """A time in three digits, with its unit.

    >>> seconds(0.0000123), seconds(4.0)
    ('12.3 µs', '4.00 s ')
    """
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
        "float64; one thread, but for JAX and rows that say so; guards on; medians of interleaved rounds"
    )


def outcome(found: Outcome) -> str:
    """One workload: the quickest engine first; ratios to the library's quickest compiled one."""
    timed = sorted((row for row in found.rows if not row.trouble), key=lambda row: row.median)
    base = next((row for row in timed if is_ours(row)), None)
    size = f" ({found.operations:,.0f} scalar operations)" if found.operations else ""
    shown = [column for column in _COLUMNS if any(column.text(row, found, base) for row in timed)]
    heads = "".join(f"{column.head or f'a {found.unit}':>14}" for column in shown)
    lines = [f"{found.title}{size}", f"{'':<{_NAME + 9}}{heads}"]
    for row in timed:
        cells = "".join(f"{column.text(row, found, base):>14}" for column in shown)
        lines.append(f"{row.name:<{_NAME}}{row.idiom:<9}{cells}  {row.note}".rstrip())
    lines += [f"{row.name:<{_NAME}}{row.trouble}" for row in found.rows if row.trouble]
    return "\n".join(lines)


def is_ours(row: Row) -> bool:
    """Whether it is this library, compiled."""
    return row.name.startswith("autograd-lite, ") and "eager" not in row.name


class _Column(NamedTuple):
    head: str
    text: Callable[[Row, Outcome, Row | None], str]


def _known(value: float, form: str) -> str:
    return format(value, form) if value == value else ""


def _seconds(value: float) -> str:
    return seconds(value) if value == value else ""


def _each(row: Row, found: Outcome, base: Row | None) -> str:
    return f"{1e9 * row.median / found.operations:.2f}" if found.operations else ""


def _ratio(row: Row, found: Outcome, base: Row | None) -> str:
    return f"{row.median / base.median:.2f}" if base else ""


_NAME = 42
_COLUMNS = (
    _Column("", lambda row, found, base: _seconds(row.median)),
    _Column("least", lambda row, found, base: _seconds(row.minimum)),
    _Column("ns an op", _each),
    _Column("times ours", _ratio),
    _Column("to get ready", lambda row, found, base: _seconds(row.setup)),
    _Column("bytes an op", lambda row, found, base: _known(row.bytes, ",.0f")),
    _Column("differs", lambda row, found, base: _known(row.difference, ".0e")),
)
