"""Compare what engines compute, then time those that agree, in interleaved rounds."""

from __future__ import annotations

import gc
import math
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TOLERANCE = 1e-9
"""Relative, to the number itself or to a thousandth of the largest one, whichever is larger."""


@dataclass
class Engine:
    """One way to run a workload."""

    run: Callable[[], Any]
    """What is timed."""
    numbers: Callable[[], Any]
    """What is compared: the loss, then the gradients (or the parameters after training), as floats."""
    idiom: str = "scalars"
    """How the program is written there: "scalars", or "arrays" where that library's way is arrays."""
    units: int = 1
    """How many steps one `run` makes."""
    note: str = ""
    name: str = ""
    setup: float = math.nan
    """Seconds it took to be made and to run once: tracing and compiling, where there is such a thing."""
    check: float = 0.0
    """Seconds its numbers took: at least those of a run."""


Makers = dict[str, Callable[[], Engine]]
"""Engines by name, not yet made."""


def make(makers: Makers) -> tuple[list[Engine], dict[str, str]]:
    """The engines, each run once; and what is wrong with those that could not be made."""
    made, trouble = [], {}
    for name, maker in makers.items():
        begun = time.perf_counter()
        try:
            engine = maker()
            engine.run()
        except Exception as error:
            trouble[name] = _said(error)
            continue
        engine.name, engine.setup = name, time.perf_counter() - begun
        made.append(engine)
    return made, trouble


def _said(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"failed: {type(error).__name__}: {first}"


@dataclass
class Row:
    """What came of one engine: seconds for one step, or the reason why there are none."""

    name: str
    idiom: str = ""
    median: float = math.nan
    minimum: float = math.nan
    setup: float = math.nan
    difference: float = math.nan
    bytes: float = math.nan
    """Of memory for one operation."""
    trouble: str = ""
    note: str = ""
    rounds: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The fields that say something."""
        return {key: value for key, value in vars(self).items() if value == value and value != ""}


@dataclass
class Outcome:
    """All engines on one workload."""

    name: str
    title: str
    unit: str = "step"
    operations: float = 0.0
    """Scalar operations in one unit, forward, as the program is written."""
    rows: list[Row] = field(default_factory=list)

    def row(self, name: str) -> Row | None:
        """The row of an engine, if it was timed."""
        return next((row for row in self.rows if row.name == name and not row.trouble), None)


def compare(engines: Sequence[Engine], tolerance: float = TOLERANCE) -> dict[str, tuple[float, str]]:
    """How far each engine is from the others, and what is wrong with it ("" if nothing is).

    The others' answer is the median over all engines, number by number, which one wrong engine does not
    move. With fewer than two that finished, nothing can be compared, and that is what is said.

    >>> def engine(name, *numbers):
    ...     return Engine(run=lambda: None, numbers=lambda: numbers, name=name)
    >>> found = compare([engine("a", 1.0, 2.0), engine("b", 1.0, 2.0), engine("c", 1.0, 2.1)])
    >>> [name for name, (_, trouble) in found.items() if trouble]
    ['c']
    """
    answers: dict[str, Any] = {}
    found: dict[str, tuple[float, str]] = {}
    for engine in engines:
        begun = time.perf_counter()
        try:
            answers[engine.name] = np.asarray(engine.numbers(), dtype=float).ravel()
            engine.check = time.perf_counter() - begun
        except Exception as error:
            found[engine.name] = (math.nan, _said(error))
    sizes = [answer.size for answer in answers.values()]
    usual = statistics.mode(sizes) if sizes else 0
    for name in [name for name, answer in answers.items() if answer.size != usual]:
        found[name] = (math.nan, f"gives {answers.pop(name).size} numbers, the others {usual}")
    if len(answers) < 2:
        return found | dict.fromkeys(answers, (math.nan, "nothing to compare it with"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where all have NaN: then none is right
        agreed = np.nanmedian(list(answers.values()), axis=0)
    scale = np.maximum(np.abs(agreed), 1e-3 * np.nanmax(np.abs(agreed), initial=0.0))
    scale[scale == 0.0] = 1.0
    for name, answer in answers.items():
        difference = float(np.max(np.abs(answer - agreed) / scale, initial=0.0))
        wrong = "" if difference <= tolerance else f"wrong: differs from the others by {difference:.1e}"
        found[name] = (difference, wrong)
    return found


def time_engines(
    engines: Sequence[Engine], *, rounds: int, slice_seconds: float, budget: float
) -> dict[str, list[float]]:
    """Seconds for one unit by engine, one figure a round; each round gives every engine a slice of time.

    `budget` bounds the seconds one engine gets in all: what needs longer for one run has fewer rounds.
    """
    calls = {}
    seconds: dict[str, list[float]] = {engine.name: [] for engine in engines}
    used = dict.fromkeys(seconds, 0.0)
    for engine in engines:
        calls[engine.name] = max(1, int(slice_seconds / _once(engine, slice_seconds, budget)))
    gc.collect()
    gc.freeze()  # what the libraries made when they were imported is not looked through again and again
    for turn in range(rounds):
        for engine in engines:
            if turn >= 2 and used[engine.name] > budget:
                continue
            gc.collect()  # another engine's garbage is not this one's time
            once = _lap(engine, calls[engine.name])
            used[engine.name] += once * calls[engine.name]
            seconds[engine.name].append(once / engine.units)
    gc.unfreeze()
    return seconds


def _once(engine: Engine, slice_seconds: float, budget: float) -> float:
    """About how long a run takes: the least of some tries, because the machine may turn to something else."""
    if engine.check > budget:
        return engine.check
    calls = 1
    while True:
        once = min(_lap(engine, calls) for _ in range(3))
        if once * calls > slice_seconds / 20 or calls > 1000:
            return max(once, 1e-9)
        calls *= 10


def _lap(engine: Engine, calls: int) -> float:
    """Seconds of one run, on average over some."""
    run = engine.run
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def measure(
    outcome: Outcome,
    makers: Makers,
    *,
    rounds: int = 15,
    slice_seconds: float = 0.01,
    budget: float = 0.5,
    tolerance: float = TOLERANCE,
) -> None:
    """Make the engines and put a row for each into the outcome: timed if it agrees with the others."""
    engines, failed = make(makers)
    outcome.rows += [Row(name, trouble=trouble) for name, trouble in failed.items()]
    checked = compare(engines, tolerance)
    right = [engine for engine in engines if not checked[engine.name][1]]
    seconds = time_engines(right, rounds=rounds, slice_seconds=slice_seconds, budget=budget)
    for engine in engines:
        difference, trouble = checked[engine.name]
        row = Row(engine.name, engine.idiom, difference=difference, trouble=trouble, note=engine.note)
        if not trouble:
            times = seconds[engine.name]
            row.median, row.minimum, row.rounds = statistics.median(times), min(times), len(times)
            row.setup = engine.setup
        outcome.rows.append(row)
