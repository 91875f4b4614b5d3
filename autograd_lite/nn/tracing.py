"""Whether a program is being recorded: what modules ask where they would look at a number."""

from __future__ import annotations

from typing import Any

from ..engine import Value
from ..modes import current_mode, switches

__all__ = ["current_tracer", "is_traced"]


def current_tracer() -> Any:
    """What records the program that is running, `compiling.tracer.Tracer`; None if nothing does."""
    return current_mode().tracer if switches.count else None


def is_traced(thing: Any) -> bool:
    """Whether it is a number of a program that is being recorded, and so stands for those of later calls.

    >>> is_traced(Value(1.0))
    False
    """
    return thing.__class__ is not Value and isinstance(thing, Value) and current_tracer() is not None
