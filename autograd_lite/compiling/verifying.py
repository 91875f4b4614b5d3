"""`compile(f, verify=n)`: the first calls run both ways, and a difference is an error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..errors import CompileError
from .asking import Given, Question, Values
from .calls import with_numbers
from .tape import same_program
from .tracer import trace

__all__ = ["verified"]

_RELATIVE = 1e-9
_ABSOLUTE = 1e-12
"""Times the largest number of the call: what rounding may leave where large numbers cancel."""


def verified(question: Question, given: Given) -> Any:
    """The compiled answer, when the function itself gives the same. Raises `CompileError` if it does not.

    The function runs first: what it changes (a counter, a file) is then seen by the run that is recorded.
    No numbers are compared where the function draws random numbers by its own layers (dropout), which it does
    anew in each run, nor where an argument is a Value.
    """
    if given.arguments is not None:
        return question.answer(given)
    eager = question.eager(given)
    before = len(given.family.replays)
    answer = question.answer(given)
    if isinstance(question, Values) and len(given.family.replays) > before:
        answer = question.answer(given)  # the first answer was the function's own; now the replay's
    if not any(replay.draws for replay in given.family.replays):
        _compare(answer, eager, given)
    _run_twice(given)
    return answer


def _compare(answer: Any, eager: Any, given: Given) -> None:
    """Raise `CompileError` unless both have the same numbers, but for rounding."""
    numbers, expected = list(_numbers(answer)), list(_numbers(eager))
    name = getattr(given.function, "__name__", "the function")
    if len(numbers) != len(expected):
        raise CompileError(
            f"{name} gave {_shown(eager)} when it was run, and {_shown(answer)} compiled, which has another "
            f"structure: {_REASONS}"
        )
    largest = max((abs(x) for x in (*expected, *given.numbers) if math.isfinite(x)), default=0.0)
    for place, (got, wanted) in enumerate(zip(numbers, expected, strict=True)):
        if not _agree(got, wanted, _ABSOLUTE * max(1.0, largest)):
            where = f" in number {place} of {len(numbers)}" if len(numbers) > 1 else ""
            raise CompileError(
                f"{name} gave {wanted!r} when it was run, and {got!r} compiled{where}: {_REASONS}"
            )


def _run_twice(given: Given) -> None:
    """Raise `CompileError` unless two runs record the same: a clock moves by less than rounding may."""
    arguments = with_numbers(given.family.arguments, given.numbers)
    first, second = (trace(given.function, arguments).tape for _ in range(2))
    if not same_program(first, second):
        name = getattr(given.function, "__name__", "the function")
        raise CompileError(f"{name} computed something else when it was run again on the same numbers: "
                           f"{_REASONS}")


_REASONS = (
    "compiled, it is not run again, so it must compute the same from the same numbers. It may change or read "
    "something outside (a global, a list that grows), read the clock or draw random numbers, or branch on a "
    "Value from outside before that meets an argument (pass it as an argument)"
)


def _agree(got: float, wanted: float, absolute: float) -> bool:
    if got == wanted or (got != got and wanted != wanted):
        return True
    return math.isclose(got, wanted, rel_tol=_RELATIVE, abs_tol=absolute)


def _numbers(answer: Any) -> Iterator[float]:
    """The numbers of an answer, whatever else is in it."""
    if isinstance(answer, dict):
        answer = list(answer.values())
    if hasattr(answer, "tolist"):
        answer = answer.tolist()
    if isinstance(answer, (list, tuple)):
        for part in answer:
            yield from _numbers(part)
    elif isinstance(answer, (int, float)):
        yield float(answer)


def _shown(answer: Any) -> str:
    return f"{answer!r:.60}"
