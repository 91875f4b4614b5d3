"""`model.summary()`: what a model is made of, as a table that a terminal and a notebook can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from contextvars import Context
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from ..engine import Value, topological_order
from ..errors import ArgumentError
from .calling import watching
from .inputs import is_whole
from .model_state import as_it_was

if TYPE_CHECKING:
    from .modules import Module

__all__ = ["Summary", "SummaryRow", "summarise"]

UNKNOWN = "–"


@dataclass(frozen=True)
class SummaryRow:
    """One module of a model: what it holds, its parts included, and what it makes in one forward pass.

    `outputs` is the number of its outputs, as text because attention gives several lists ("3 × 16"); it is
    None, like `nodes`, where the model was not run, and where this module was not called.
    """

    name: str
    kind: str
    depth: int
    outputs: str | None
    parameters: int
    frozen: int
    nodes: int | None


@dataclass(frozen=True)
class Summary:
    """What `model.summary()` gives: a row for the model and for each of its parts. Shows itself as a table.

    Each row counts what its parts have with it. Nodes are those of one forward pass, counted by running the
    model once in the mode it is in; parameters, gradients, buffers and generators stay as they are. Where no
    sample is given, and the first part says how many numbers it takes, it is run on zeros; `samples` is how
    many went through: 1, 2 where it mixes the samples of a batch, 0 where it was not run.

    >>> from autograd_lite import nn
    >>> nn.Sequential(nn.Linear(2, 3), "tanh", nn.Linear(3, 1)).summary()
    module      kind                outputs  parameters  nodes
    ──────────────────────────────────────────────────────────
    model       Sequential                1          13     11
      layers.0  Linear(2, 3)              3           9      6
      layers.1  Activation('tanh')        3           0      3
      layers.2  Linear(3, 1)              1           4      2
    ──────────────────────────────────────────────────────────
    13 parameters; 11 nodes for a sample
    """

    rows: tuple[SummaryRow, ...]
    samples: int

    @property
    def parameters(self) -> int:
        """All parameters of the model, each counted once."""
        return self.rows[0].parameters

    @property
    def frozen(self) -> int:
        """Those among them that no optimizer changes."""
        return self.rows[0].frozen

    @property
    def nodes(self) -> int | None:
        """How many nodes one forward pass computes; None where the model was not run."""
        return self.rows[0].nodes

    @property
    def totals(self) -> str:
        """The sentence below the table."""
        frozen = f", {self.frozen:,} of them frozen" if self.frozen else ""
        if self.nodes is None:
            nodes = "give a sample to see outputs and nodes: model.summary(sample)"
        elif self.samples == 1:
            nodes = f"{_counted(self.nodes, 'node')} for a sample"
        else:
            nodes = f"{_counted(self.nodes, 'node')} for a batch of 2 samples, which it mixes in training"
        return f"{_counted(self.parameters, 'parameter')}{frozen}; {nodes}"

    def __repr__(self) -> str:
        table = list(self._table())
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) if place < 2 else cell.rjust(width)
                      for place, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
            for line in table
        ]
        rule = "─" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:], rule, self.totals])

    def _repr_html_(self) -> str:
        (*head,), *body = self._table()
        sides = ["left" if place < 2 else "right" for place in range(len(head))]
        headings = "".join(f'<th style="text-align:{side}">{escape(cell)}</th>'
                           for side, cell in zip(sides, head, strict=True))
        lines = "".join(
            "<tr>" + "".join(
                f'<td style="text-align:{side};white-space:pre">{escape(cell)}</td>'
                for side, cell in zip(sides, line, strict=True)
            ) + "</tr>"
            for line in body
        )
        return (f"<table><thead><tr>{headings}</tr></thead><tbody>{lines}</tbody></table>"
                f"<p>{escape(self.totals)}</p>")

    def _table(self) -> Iterator[list[str]]:
        """Lines of cells, headings first; parts stand under what holds them, a little further in."""
        frozen = bool(self.frozen)
        yield ["module", "kind", "outputs", "parameters", *(["frozen"] if frozen else []), "nodes"]
        for row in self.rows:
            yield [
                "  " * row.depth + row.name,
                row.kind,
                UNKNOWN if row.outputs is None else row.outputs,
                f"{row.parameters:,}",
                *([f"{row.frozen:,}"] if frozen else []),
                UNKNOWN if row.nodes is None else f"{row.nodes:,}",
            ]


def summarise(model: Module, sample: Any = None, depth: int | None = None) -> Summary:
    """The `Summary` of a model: its nodes on `sample`, its parts down to `depth` levels, all if None.

    Raises `ArgumentError` for a sample that the model does not take, and a depth that is no whole number.
    """
    if depth is not None and (not is_whole(depth) or depth < 0):
        raise ArgumentError(f"depth is how many levels of parts are shown, a whole number, got {depth!r}")
    run = _Run(model)
    if sample is not None:
        run.of(sample)
    elif (width := _likely_width(model)) is not None:
        try:
            run.of([0.0] * width)
        except Exception:  # a model of the user's, which takes something else
            run = _Run(model)
    return Summary(tuple(_rows(model, run, depth)), run.samples)


class _Run:
    """One forward pass of a model that leaves everything as it was; what each module gave, and the nodes."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.samples = 0
        self.outputs: dict[int, str] = {}
        self.nodes: Counter[str] = Counter()

    def of(self, sample: Any) -> None:
        """Run it. In a context of its own, so that `no_grad` and the like do not reach it."""
        with as_it_was(self.model):
            Context().run(self._forward, sample)

    def _forward(self, sample: Any) -> None:
        if self.model.needs_batch:
            self._count(self.model.batch([sample, sample]), 2)
            self.model.eval()  # in use an answer has the same size, and one sample may come alone
            self._watch(sample)
        else:
            self._count(self._watch(sample), 1)

    def _watch(self, sample: Any) -> Any:
        with watching(self._tell):
            output = self.model(sample)
        self.outputs.setdefault(id(self.model), _size(output))  # a `__call__` of its own does not tell
        return output

    def _tell(self, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        self.outputs[id(module)] = _size(output)

    def _count(self, output: Any, samples: int) -> None:
        nodes = topological_order(*_values_in(output))
        self.nodes = Counter(node.scope for node in nodes if not node.is_leaf)
        self.samples = samples

    def nodes_of(self, module: Module) -> int | None:
        """How many nodes the module made, its parts included; None if it was not called."""
        if not self.samples or id(module) not in self.outputs:
            return None
        path = module._placed
        return sum(count for scope, count in self.nodes.items()
                   if path is None or scope == path or scope.startswith(path + "/"))


def _rows(model: Module, run: _Run, depth: int | None) -> Iterator[SummaryRow]:
    """The model and its parts; neurons are not told apart, their layer stands for them."""
    levels: dict[str, int] = {}
    named = [(name, module) for name, module in model.named_modules() if "neurons" not in name.split(".")]
    holders = {_holder(name, dict(named)) for name, _ in named}
    for name, module in named:
        holder = _holder(name, levels)
        levels[name] = level = 0 if not name else levels[holder] + 1
        if depth is not None and level > depth:
            continue
        parameters = module.parameters()
        yield SummaryRow(
            name=name[len(holder) + 1 :] if holder else name or module._scope_here(),
            kind=_kind(module, is_whole=name not in holders),
            depth=level,
            outputs=run.outputs.get(id(module)),
            parameters=len(parameters),
            frozen=sum(parameter.is_frozen for parameter in parameters),
            nodes=run.nodes_of(module),
        )


def _holder(name: str, known: Container[str]) -> str:
    """The innermost of the modules `known` that holds the one of that name, "" for the model itself."""
    outer = name
    while outer:
        outer = outer.rpartition(".")[0]
        if outer in known:
            return outer
    return ""


def _kind(module: Module, is_whole: bool) -> str:
    """What a module is, in few words; its parts have rows of their own, unless it is a whole."""
    name = type(module).__name__
    neurons: Any = getattr(module, "neurons", None)
    if isinstance(neurons, list) and neurons and len(kinds := set(map(repr, neurons))) == 1:
        return f"{name} of {len(neurons)} {kinds.pop()}"
    text = repr(module) if is_whole else name
    return text if len(text) <= 40 else name


def _likely_width(module: Any) -> int | None:
    """How many numbers the part takes that gets a sample first; None if there is no telling."""
    inner = getattr(module, "layers", None) or getattr(module, "block", None)
    if inner is not None:
        return _likely_width(inner[0] if isinstance(inner, list) else inner)
    width = getattr(module, "nin", None)
    return width if isinstance(width, int) else None


def _values_in(output: Any) -> list[Value]:
    if isinstance(output, Value):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    output = getattr(output, "tolist", lambda: output)()
    parts = output if isinstance(output, (list, tuple)) else ()
    return [value for part in parts for value in _values_in(part)]


def _size(output: Any) -> str:
    """How many numbers an output is, "3 × 16" for three lists of 16."""
    sizes = []
    while isinstance(output, (list, tuple)):
        sizes.append(str(len(output)))
        output = output[0] if output else None
    return " × ".join(sizes or ["1"])


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
