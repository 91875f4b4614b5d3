"""A diagnosis in words and tables: for the terminal and for notebooks."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diagnosis import LayerReport, Report

__all__ = ["report_html", "report_text"]

_WIDTH = 100
_NONE = "–"


def report_text(report: Report) -> str:
    """The report as an aligned table with a sentence below it for each finding."""
    columns = _columns(report)
    table = [list(columns), *([cell(layer) for cell in columns.values()] for layer in report.layers)]
    widths = [max(len(row[k]) for row in table) for k in range(len(columns))]
    lines = [
        "  ".join(text.ljust(width) if k < 2 else text.rjust(width)
                  for k, (text, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in table
    ]
    told = [
        textwrap.fill(str(finding), _WIDTH, initial_indent="• ", subsequent_indent="  ",
                      break_long_words=False, break_on_hyphens=False)
        for finding in report.findings
    ]
    return "\n".join([_title(report), "", *lines, "", *(told or [_HEALTHY])])


def report_html(report: Report) -> str:
    """The report as an HTML table; what a finding speaks of is marked."""
    columns = _columns(report)
    accused = {name for finding in report.findings for name in finding.layers}
    head = "".join(f"<th style=\"text-align:{_side(k)}\">{escape(name)}</th>"
                   for k, name in enumerate(columns))
    body = []
    for layer in report.layers:
        mark = " style=\"font-weight:bold\"" if layer.name in accused else ""
        cells = (f"<td style=\"text-align:{_side(k)}\">{escape(cell(layer))}</td>"
                 for k, cell in enumerate(columns.values()))
        body.append(f"<tr{mark}>{''.join(cells)}</tr>")
    told = "".join(f"<li><b>{escape(finding.kind)}</b>: {escape(finding.sentence)}</li>"
                   for finding in report.findings)
    below = f"<ul>{told}</ul>" if told else f"<p>{_HEALTHY}</p>"
    return (f"<div><p>{escape(_title(report))}</p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(body)}</tbody></table>{below}</div>")


_HEALTHY = "Nothing to complain about."


def _title(report: Report) -> str:
    samples = f"{report.samples} sample{'' if report.samples == 1 else 's'}"
    return f"{report.model}, {samples}: loss {report.loss:.4g}, ‖gradient‖ {report.gradient:.3g}"


def _columns(report: Report) -> dict[str, Callable[[LayerReport], str]]:
    """Heading and text of each column; those that apply to no layer are left out."""
    columns: dict[str, tuple[Callable[[Any], Any], Callable[[Any], str]]] = {
        "layer": (lambda layer: layer.name, str),
        "kind": (lambda layer: layer.kind, str),
        "parameters": (lambda layer: layer.parameters or None, str),
        "mean": (lambda layer: 0.0 if abs(layer.mean) < 1e-12 * layer.spread else layer.mean, _number),
        "spread": (lambda layer: layer.spread, _number),
        "dead": (lambda layer: None if layer.dead is None else f"{layer.dead} of {layer.units}", str),
        "saturated": (lambda layer: layer.saturated, lambda share: f"{100 * share:.0f} %"),
        "‖gradient‖": (lambda layer: layer.gradient, _number),
        "‖weights‖": (lambda layer: layer.weights, _number),
        "‖step‖/‖weights‖": (lambda layer: layer.step_ratio, _number),
    }
    return {
        name: partial(_cell, value, text)
        for name, (value, text) in columns.items()
        if any(value(layer) is not None for layer in report.layers)
    }


def _cell(value: Callable[[Any], Any], text: Callable[[Any], str], layer: LayerReport) -> str:
    number = value(layer)
    return _NONE if number is None else text(number)


def _number(number: float) -> str:
    """Three digits: 0.0123, 12.3, 1.2e-07."""
    if number == 0.0 or not math.isfinite(number):
        return f"{number:g}"
    return f"{number:.3g}" if 1e-3 <= abs(number) < 1e5 else f"{number:.1e}"


def _side(column: int) -> str:
    return "left" if column < 2 else "right"
