"""What a compiled function did, what that cost, and from which call on it pays: measured, not estimated."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from ..engine import Value, gradients, topological_order
from ..errors import AutogradError
from ..structures import flatten
from .asking import Given
from .traces import Family

__all__ = ["CallsReport", "GuardReport", "Report", "TraceReport", "make_report"]

_LONG_ENOUGH = 0.2
"""Seconds after which the eager function is not run again to be measured better."""
_MEASURED = 4
"""Of so many structures of arguments, those called most, the eager function is measured."""


@dataclass(frozen=True)
class TraceReport:
    """One trace that is kept."""

    operations: int
    """How many are on the tape: equal ones are one, and what nothing needs is left out."""
    parameters: int
    guards: int
    executor: str
    why: str
    """Why this executor was chosen."""
    trace_seconds: float
    prepare_seconds: float
    """What making its kernels took."""


@dataclass(frozen=True)
class GuardReport:
    """One question that the program asked, and how often the answer was another than in the trace at hand."""

    text: str
    place: str
    misses: int
    reruns: int
    """How many of them no other trace answered, so that the function was run."""


@dataclass(frozen=True)
class CallsReport:
    """All that concerns one structure of arguments."""

    arguments: str
    calls: int
    reruns: int
    """How often the function itself was run, the recording of traces included."""
    traces: tuple[TraceReport, ...]
    guards: tuple[GuardReport, ...]
    resting_why: str
    """Why calls run the function for now; empty if they do not."""
    value_seconds: float | None
    """The median of sampled calls `f(…)`; None if there were none."""
    gradient_seconds: float | None
    """The same of `f.value_and_grad(…)`."""
    eager_nodes: int | None
    """How many nodes the eager graph has; None if it was not measured."""
    eager_value_seconds: float | None
    eager_gradient_seconds: float | None

    @property
    def break_even(self) -> float | None:
        """The number of calls from which on compiling has saved time; infinity if it never does."""
        compiled, eager = self.gradient_seconds, self.eager_gradient_seconds
        if compiled is None:
            compiled, eager = self.value_seconds, self.eager_value_seconds
        if compiled is None or eager is None:
            return None
        if compiled >= eager:
            return math.inf
        spent = sum(trace.trace_seconds + trace.prepare_seconds for trace in self.traces)
        return float(math.ceil(spent / (eager - compiled)))

    def __str__(self) -> str:
        times = "once" if self.reruns == 1 else f"{self.reruns} times"
        lines = [f"{self.arguments}: {self.calls} calls, the function itself run {times}"]
        for number, trace in enumerate(self.traces):
            lines.append(
                f"  trace {number}: {trace.operations:,} operations, {trace.parameters:,} parameters, "
                f"{trace.guards} guards; recorded in {_time(trace.trace_seconds)}, "
                f"prepared in {_time(trace.prepare_seconds)}"
            )
            lines.append(f"    executor {trace.executor}: {trace.why}")
        for guard in self.guards:
            place = f" at {guard.place}" if guard.place else ""
            runs = f", {guard.reruns} of them ran the function" if guard.reruns else ""
            lines.append(f"  guard {guard.text}{place}: {guard.misses} misses{runs}")
        if self.resting_why:
            lines.append(f"  at present the function runs eagerly: {self.resting_why}")
        if self.eager_nodes is not None:
            lines.append(f"  the eager graph has {self.eager_nodes:,} nodes")
        lines += _compared("a call", self.value_seconds, self.eager_value_seconds)
        lines += _compared("value and gradient", self.gradient_seconds, self.eager_gradient_seconds)
        even = self.break_even
        if even is not None:
            lines.append("  compiling does not pay here" if even == math.inf
                         else f"  compiling pays from {even:,.0f} calls on")  # fmt: skip
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """What `f.report()` gives: one `CallsReport` for each structure of arguments. Prints as text."""

    name: str
    executor: str
    """What was asked for."""
    calls: tuple[CallsReport, ...]

    def __str__(self) -> str:
        head = f"compiled {self.name}, executor {self.executor!r}"
        if not self.calls:
            return f"{head}: not called yet"
        return "\n".join([head, *map(str, self.calls)])

    __repr__ = __str__


def make_report(
    function: Callable[..., Any], executor: str, families: Sequence[Family], measure: bool = True
) -> Report:
    """The report of a compiled function; with `measure` the function is run eagerly a few times."""
    busiest = sorted(families, key=lambda family: -family.calls)[: _MEASURED if measure else 0]
    reports = tuple(_of_family(function, family, family in busiest) for family in families)
    return Report(getattr(function, "__qualname__", type(function).__name__), executor, reports)


def _of_family(function: Callable[..., Any], family: Family, measured: bool) -> CallsReport:
    if measured and family.eager is None:
        family.eager = _measured(function, family)
    eager = family.eager or (None, None, None)
    traces = tuple(
        TraceReport(len(r.tape.codes), len(r.parameters), len(r.tape.guards), r.choice.name, r.choice.why,
                    r.trace_seconds, r.prepare_seconds)
        for r in family.replays
    )  # fmt: skip
    known = {}
    for replay in family.replays:
        for k in range(len(replay.tape.guards)):
            miss = family.misses_of(replay, k)
            known[id(miss)] = miss
    guards = tuple(
        GuardReport(m.guard.text, m.guard.place.name if m.guard.place else "", m.misses, m.reruns)
        for m in known.values()
    )
    names = family.arguments.names
    shown = ", ".join(names) if len(names) <= 6 else f"{names[0]} … {names[-1]} ({len(names):,} numbers)"
    why = family.always_plain or ("it branches anew nearly every time" if family.resting else "")
    return CallsReport(
        f"({shown})", family.calls, family.reruns, traces, guards, why,
        family.values_meter.seconds, family.gradients_meter.seconds, *eager,
    )  # fmt: skip


def _measured(function: Callable[..., Any], family: Family) -> tuple[int | None, float | None, float | None]:
    """How many nodes the eager graph has, and the seconds of a value and of a value with its gradient.

    Nothing is run that draws random numbers: that would change the numbers drawn after it.
    """
    if not family.replays or any(replay.draws for replay in family.replays):
        return None, None, None
    given = Given(function, family, family.arguments.numbers)
    nodes: int | None = None
    value = gradient = math.inf
    start = perf_counter()
    try:
        while nodes is None or perf_counter() - start < _LONG_ENOUGH:
            begun = perf_counter()
            inputs = [Value(number) for number in given.numbers]
            outputs = [output for output in _flat(given.run(inputs)) if isinstance(output, Value)]
            value = min(value, perf_counter() - begun)
            if len(outputs) == 1:
                gradients(outputs[0], inputs)
                gradient = min(gradient, perf_counter() - begun)
            if nodes is None:
                nodes = len(topological_order(*outputs))
            del outputs
    except (AutogradError, ArithmeticError, LookupError, TypeError, ValueError):
        return None, None, None  # what it reads outside has changed since
    return nodes, value, gradient if gradient < math.inf else None


def _flat(result: Any) -> Sequence[Any]:
    return flatten(result)[0]


def _compared(what: str, compiled: float | None, eager: float | None) -> list[str]:
    if compiled is None:
        return []
    if eager is None:
        return [f"  {what}: {_time(compiled)}"]
    return [f"  {what}: {_time(compiled)}, eagerly {_time(eager)} ({eager / compiled:,.1f} times as long)"]


def _time(seconds: float) -> str:
    """
    >>> _time(1.5e-6), _time(0.0123), _time(2.0)
    ('1.5 µs', '12.3 ms', '2 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            return f"{seconds / size:.3g} {unit}"
    return ""
