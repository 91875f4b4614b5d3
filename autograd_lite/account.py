"""Steps in words, numbers and tables: what the terminal, the text file, Markdown and JSON have in common."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .lettering import columns
from .wording import number

if TYPE_CHECKING:
    from .stepping import Backprop, Contribution, Step

__all__ = [
    "Span", "account_lines", "count_of", "fold_line", "json_number", "json_text", "markdown_table",
    "signed", "spans_of", "step_lines", "text_table", "waiting_words",
]  # fmt: skip

Span = tuple[str, str]
"""A piece of text and what it is: "name", "value", "gradient", "quiet", "done", "waiting", "head" or ""."""

WIDTH = 78


def step_lines(step: Step, width: int = WIDTH) -> list[str]:
    """One step as lines of plain text."""
    return ["".join(text for text, _ in line) for line in spans_of(step, width)]


def spans_of(step: Step, width: int = WIDTH) -> list[list[Span]]:
    """One step as lines of marked text, for a terminal to colour."""
    lines = _computed(step, width)
    if step.phase == "forward":
        return lines
    came = f"∂{step.root.text}/∂{step.node.text}"
    if step.action == "seed":
        return [
            [
                (f"{came} = ", ""),
                (number(step.upstream), "gradient"),
                ("   every backward pass starts with this 1", "quiet"),
            ]
        ]
    lines.append([("came in  ", "quiet"), (f"{came} = ", ""), (number(step.upstream), "gradient")])
    indent = 7 + max((len(one.parent.text) for one in step.contributions), default=0)
    for contribution in step.contributions:
        lines.extend(_passed(step, contribution, indent, width))
    return lines


def _computed(step: Step, width: int) -> list[list[Span]]:
    """name = formula = numbers = value, on one line or with the equals signs below one another."""
    parts = [step.formula, step.substituted, number(step.value)]
    rows = fold_line(f"{step.node.text} = ", list(dict.fromkeys(filter(None, parts))), width)
    lines: list[list[Span]] = [[(row, "")] for row in rows]
    name = step.node.text
    lines[0] = [(name, "name"), (rows[0][len(name) :], "")]
    if step.note:
        lines[-1].append((f"   ({step.note})", "quiet"))
    return lines


def _passed(step: Step, contribution: Contribution, indent: int, width: int) -> list[list[Span]]:
    """Rows for one parent: the local derivative, and before + upstream · local = after."""
    parent = contribution.parent.text
    head: list[Span] = [("  to ", "quiet"), (parent, "name"), (" " * (indent - 5 - len(parent)), "")]
    if not contribution.tracked:
        return [[*head, (f"{contribution.note}: nothing is passed on", "quiet")]]
    if contribution.local is None:
        rows, product = ["hand-made op: its own rule says what is added"], number(contribution.amount)
    else:
        parts = [contribution.formula, contribution.substituted, number(contribution.local)]
        rows = fold_line(
            f"∂{step.node.text}/∂{parent} = ", list(dict.fromkeys(filter(None, parts))), width - indent
        )
        product = f"{signed(step.upstream)} · {signed(contribution.local)}"
    blank: Span = (" " * indent, "")
    local = [[*head, (rows[0], "")], *([blank, (row, "")] for row in rows[1:])]
    return [
        *local,
        [
            blank,
            (f"{number(contribution.before)} + {product} = ", ""),
            (number(contribution.after), "gradient"),
            ("   ", ""),
            _awaited(contribution),
        ],
    ]


def _awaited(contribution: Contribution) -> Span:
    if not contribution.waiting:
        return "complete", "done"
    return f"waits for {waiting_words(contribution)}", "waiting"


def waiting_words(contribution: Contribution) -> str:
    """How many contributions are missing and from which nodes, as in `2: n7, n9`."""
    names = ", ".join(node.text for node in contribution.waiting_for[:3])
    more = ", …" if contribution.waiting > min(3, len(contribution.waiting_for)) else ""
    return f"{contribution.waiting}: {names}{more}"


def signed(value: float | None) -> str:
    """A number as a factor: negative ones in brackets."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def fold_line(head: str, parts: Sequence[str], width: int) -> list[str]:
    """`head` and `parts` joined by equals signs on one line if they fit, else one below the other.

    >>> fold_line("y = ", ["tanh(x)", "tanh(1)", "0.76"], 30)
    ['y = tanh(x) = tanh(1) = 0.76']
    >>> fold_line("y = ", ["tanh(x)", "tanh(1)", "0.76"], 22)
    ['y = tanh(x) = tanh(1)', '  = 0.76']
    """
    rows, indent = [head + _clipped(parts[0], width - len(head))], " " * max(0, len(head) - 2)
    for part in parts[1:]:
        if len(rows[-1]) + 3 + len(part) <= width:
            rows[-1] += f" = {part}"
        else:
            rows.append(f"{indent}= {_clipped(part, width - len(indent) - 2)}")
    return rows


def _clipped(text: str, width: int) -> str:
    room = max(width, 12)
    return text if len(text) <= room else text[: room - 1] + "…"


def account_lines(steps: Backprop, width: int = WIDTH) -> Iterator[str]:
    """The whole account as lines of text to read: inputs, forward pass, backward pass, gradients.

    >>> from autograd_lite.engine import Value
    >>> from autograd_lite.stepping import step
    >>> print("\\n".join(account_lines(step(Value(3.0, label="a") * 2.0))))  # doctest: +ELLIPSIS
    Inputs
      a = 3
    ...
    """
    leaves = [node for node in steps.nodes if not node.op and not node.constant]
    leaves.sort(key=lambda node: (node.scope, node.index))
    values, gradients, root = steps.values, steps.gradients, steps.root.text
    yield "Inputs"
    for node in leaves:
        yield f"  {node.text} = {number(values[node.text])}{f'   ({node.scope})' if node.scope else ''}"
    forward, total = steps.forward_count, len(steps)
    yield from ("", f"Forward: every node computes its value ({count_of(forward, 'step')})")
    yield from _passage(steps, range(forward), width)
    yield from ("", f"Backward: every node passes its gradient on ({count_of(total - forward, 'step')})")
    yield from _passage(steps, range(forward, total), width)
    yield from ("", f"Gradients of {root}")
    for node in leaves:
        yield f"  ∂{root}/∂{node.text} = {number(gradients.get(node.text))}"


def _passage(steps: Backprop, places: range, width: int) -> Iterator[str]:
    """Numbered steps, with a heading wherever the scope changes."""
    scope = ""
    for place in places:
        one = steps[place]
        if one.phase == "backward" or one.node.scope != scope:
            yield ""
        if one.node.scope != scope:
            scope = one.node.scope
            yield from (f"  ── {scope or 'outside any scope'}", *([""] if one.phase == "backward" else []))
        for row, line in enumerate(spans_of(one, width - 6)):
            head = f"{place + 1:>4}  " if not row else " " * 6
            yield (head + "".join(text for text, _ in line)).rstrip()


def text_table(steps: Backprop, limit: int | None) -> str:
    """Both passes as tables in plain text."""
    forward, backward, left_out = _rows(steps, limit)
    lines = [f"Forward: every node computes its value ({count_of(steps.forward_count, 'step')})", ""]
    lines += _aligned(("step", "node", "formula", "with numbers", "value"), forward)
    lines += [
        "",
        f"Backward: parents get upstream · local derivative ({count_of(steps.forward_count + 1, 'step')})",
        "",
    ]
    lines += _aligned(
        ("step", "node", "upstream", "to", "local derivative", "before + added = after", "waits for"),
        backward,
    )
    if left_out:
        lines += [
            "",
            f"({count_of(left_out, 'step')} in the middle not shown; text(limit=None) has them all)",
        ]
    return "\n".join(lines)


def markdown_table(steps: Backprop, limit: int | None) -> str:
    """Both passes as Markdown tables."""
    forward, backward, left_out = _rows(steps, limit)
    lines = [
        "**Forward**",
        "",
        *_markdown(("step", "node", "formula", "with numbers", "value"), forward),
        "",
        "**Backward**",
        "",
        *_markdown(
            (
                "step",
                "node",
                "upstream",
                "to",
                "local derivative",
                "before + added = after",
                "still waits for",
            ),
            backward,
        ),
    ]
    if left_out:
        lines += ["", f"*{count_of(left_out, 'step')} in the middle not shown.*"]
    return "\n".join(lines)


def _rows(steps: Backprop, limit: int | None) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], int]:
    """Table rows of the forward and of the backward pass, and how many steps were left out of the middle."""
    total = len(steps)
    shown: Iterable[int] = range(total)
    left_out = 0
    if limit is not None and total > limit:
        half = max(1, limit // 2)
        shown = [*range(half), *range(total - half, total)]
        left_out = total - len(list(shown))
    forward: list[tuple[str, ...]] = []
    backward: list[tuple[str, ...]] = []
    for index in shown:
        one = steps[index]
        if one.phase == "forward":
            formula = one.formula or one.note
            forward.append((str(index + 1), one.node.text, formula, one.substituted, number(one.value)))
        else:
            backward.extend(_backward_rows(one))
    return forward, backward, left_out


def _backward_rows(step: Step) -> list[tuple[str, ...]]:
    if step.action == "seed":
        text = step.node.text
        return [(str(step.index + 1), text, number(step.upstream), "", f"∂{text}/∂{text}", "the start", "")]
    rows: list[tuple[str, ...]] = []
    for place, contribution in enumerate(step.contributions):
        first = (str(step.index + 1), step.node.text, number(step.upstream)) if not place else ("", "", "")
        rows.append((*first, contribution.parent.text, *_cells(step, contribution)))
    return rows or [
        (str(step.index + 1), step.node.text, number(step.upstream), "", "", "nothing to pass", "")
    ]


def _cells(step: Step, contribution: Contribution) -> tuple[str, str, str]:
    if not contribution.tracked:
        return "", contribution.note, ""
    local = contribution.note
    if contribution.local is not None:
        local = " = ".join(
            dict.fromkeys([contribution.formula, contribution.substituted, number(contribution.local)])
        )
    sums = f"{number(contribution.before)} + {signed(contribution.amount)} = {number(contribution.after)}"
    return local, sums, waiting_words(contribution) if contribution.waiting else "complete"


def _aligned(head: tuple[str, ...], rows: list[tuple[str, ...]], widest: int = 44) -> list[str]:
    table = [head, *(tuple(_clipped(cell, widest) for cell in row) for row in rows)]
    widths = [max(columns(row[column]) for row in table) for column in range(len(head))]
    lines = []
    for row in table:
        cells = (cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True))
        lines.append("  " + "  ".join(cells).rstrip())
    return [lines[0], "  " + "─" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]]


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"

    return [line(head), "|" + " --- |" * len(head), *(line(row) for row in rows)]


def _escaped(cell: str) -> str:
    """Text as Markdown shows it literally; HTML in a label stays text."""
    for character in "\\`*_[]|$~":
        cell = cell.replace(character, "\\" + character)
    return cell.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def count_of(amount: int, noun: str) -> str:
    """`3 steps`, `1 step`."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def json_text(steps: Backprop) -> str:
    """Nodes with their values and finished gradients once, and steps that refer to them by index."""
    content = {
        "format": "autograd-lite steps",
        "version": 1,
        "root": steps.root.index,
        "forward_steps": steps.forward_count,
        "nodes": [_plain(node) for node in steps.nodes],
        "values": list(map(json_number, steps.passes.values)),
        "gradients": list(map(json_number, steps.passes.gradients)),
        "steps": [_plain(one) for one in steps],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def _plain(item: Any) -> Any:
    """A frozen record as a dictionary; nodes inside others become their index, special numbers strings."""
    if isinstance(item, float):
        return json_number(item)
    if isinstance(item, tuple):
        return [part.index if hasattr(part, "constant") else _plain(part) for part in item]
    names = _field_names(item.__class__)
    fields = ((name, getattr(item, name)) for name in names)
    return (
        {name: part.index if hasattr(part, "constant") else _plain(part) for name, part in fields}
        if names
        else item
    )


@functools.cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def json_number(value: float | None) -> float | str | None:
    """A number as JSON has it: the special ones as the strings "NaN", "Infinity", "-Infinity", "-0"."""
    if value is None:
        return None
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "-0" if value == 0 and math.copysign(1.0, value) < 0 else value
