"""The progress bar of `fit`: tqdm's, where it is installed and somebody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Literal, Self

from ..errors import ArgumentError, AutogradError
from .epochs import Measured

__all__ = ["ProgressBar"]


class ProgressBar:
    """A bar on standard error that shows epochs per second, losses and learning rate, or nothing at all.

    `progress` is True (a bar, always, in notebooks too; an error if tqdm is missing), False (none) or "auto":
    a bar if standard error is a terminal and tqdm is installed.
    """

    def __init__(self, total: int, progress: bool | Literal["auto"]) -> None:
        self._bar = _new_bar(total, progress)

    def advance(self, measured: Measured) -> None:
        """One epoch is done."""
        if self._bar is not None:
            held_out = "" if measured.val_loss is None else f", val_loss {measured.val_loss:.4g}"
            told = f"loss {measured.loss:.4g}{held_out}, lr {measured.lr:.3g}"
            self._bar.set_postfix_str(told, refresh=False)
            self._bar.update()

    def extend(self, total: int) -> None:
        """There may be that many epochs now, because training started again."""
        if self._bar is not None:
            self._bar.total = total

    def skip(self, epochs: int) -> None:
        """So many epochs were done before."""
        if self._bar is not None and epochs:
            self._bar.initial = self._bar.n = epochs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _new_bar(total: int, progress: bool | Literal["auto"]) -> Any:
    if progress not in (True, False, "auto"):
        raise ArgumentError(f'progress is True, False or "auto", got {progress!r}')
    if progress is False or (progress == "auto" and not _watched()):
        return None
    try:
        from tqdm import tqdm
    except ImportError as error:
        if progress == "auto":
            return None
        raise AutogradError("a progress bar needs tqdm: pip install 'autograd-lite[progress]', "
                            "or give progress=False") from error
    return tqdm(total=total, unit=" epochs", file=sys.stderr)


def _watched() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
