"""The errors this library raises, and the words they share."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "AnomalyError", "ArgumentError", "AutogradError", "CompileError", "GradientDropped", "GraphError",
    "RetraceWarning", "ValueTypeError", "nearest",
]  # fmt: skip


class AutogradError(Exception):
    """Base class of every error that this library raises on purpose."""


class GraphError(AutogradError, RuntimeError):
    """A computation graph cannot be used the way that was asked for."""


class ValueTypeError(AutogradError, TypeError):
    """Something that is not a real number was given where one is needed."""


class ArgumentError(AutogradError, ValueError):
    """An argument has the right type but a value that makes no sense here."""


class AnomalyError(AutogradError, ArithmeticError):
    """`detect_anomaly()` met the first NaN or infinity."""


class GradientDropped(UserWarning):
    """A `Value` was turned into a plain float, so no gradient flows through that place."""


class CompileError(AutogradError):
    """A compiled function does not compute what the function itself computes, or cannot be made."""


class RetraceWarning(UserWarning):
    """A compiled function branches on its data in such a way that it is run anew nearly every time."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Words for an unknown name: the nearest known one, and the list of all.

    >>> nearest("tahn", ["relu", "tanh"])
    "did you mean 'tanh'? Known: relu, tanh"
    >>> nearest("ReLu", ["relu", "tanh"])
    "did you mean 'relu'? Known: relu, tanh"
    """
    import difflib  # errors are rare, and importing it would slow down every start

    known = sorted(choices)
    asked, in_lower = str(name).lower(), {choice.lower(): choice for choice in known}  # "ReLU", "Adam"
    begun = [choice for lower, choice in in_lower.items() if asked and lower.startswith(asked)]  # "he"
    close = [in_lower[lower] for lower in difflib.get_close_matches(asked, in_lower, n=1)] or begun
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(known)}"
