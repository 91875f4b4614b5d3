"""Single keys from a terminal, whatever the platform sends for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

__all__ = ["decode_keys", "key_reader", "understands_escapes"]

_KEYS = {
    "n": "next", " ": "next", "\r": "next", "\n": "next", "\t": "next", "j": "next", "l": "next",
    "\x1b[C": "next", "\x1bOC": "next", "\x1b[B": "next", "\x1bOB": "next", "\x1b[6~": "next",
    "p": "back", "b": "back", "k": "back", "h": "back", "\x7f": "back", "\b": "back",
    "\x1b[D": "back", "\x1bOD": "back", "\x1b[A": "back", "\x1bOA": "back", "\x1b[5~": "back",
    "g": "first", "\x1b[H": "first", "\x1bOH": "first", "\x1b[1~": "first", "\x1b[7~": "first",
    "G": "last", "e": "last", "\x1b[F": "last", "\x1bOF": "last", "\x1b[4~": "last", "\x1b[8~": "last",
    "?": "help", "q": "quit", "Q": "quit", "\x03": "quit", "\x04": "quit", "\x1b": "escape",
}  # fmt: skip

_WINDOWS_KEYS = {"M": "next", "P": "next", "Q": "next", "K": "back", "H": "back", "I": "back", "G": "first",
                 "O": "last"}  # fmt: skip


def decode_keys(data: str) -> list[str]:
    """What the bytes of a terminal mean: `next`, `back`, `first`, `last`, `help`, `quit`, `escape`, a digit.

    >>> decode_keys("n\\x1b[D12\\r")
    ['next', 'back', '1', '2', 'next']
    """
    keys = []
    rest = data
    while rest:
        length = next((size for size in (4, 3, 2) if rest[:1] == "\x1b" and rest[:size] in _KEYS), 1)
        if length == 1 and rest.startswith(("\x1b[", "\x1bO")):  # a key that we do not know: drop it whole
            length = next(
                (at + 1 for at, letter in enumerate(rest) if at > 1 and (letter.isalpha() or letter == "~")),
                2,
            )
            keys.append("unknown")
        else:
            head = rest[:length]
            keys.append(_KEYS.get(head) or (head if head in "0123456789" else "unknown"))
        rest = rest[length:]
    return keys


def key_reader(stdin: TextIO) -> Callable[[], Any] | None:
    """A context in which single keys can be read, or None where the platform or the stream has none."""
    with suppress(ImportError):
        import termios
        import tty

        return lambda: _posix_keys(stdin, termios, tty)
    with suppress(ImportError):
        import msvcrt

        return lambda: _windows_keys(msvcrt)
    return None


@contextmanager
def _posix_keys(stdin: TextIO, termios: Any, tty: Any) -> Iterator[Callable[[], str]]:
    """Keys without Enter and without echo; Ctrl-C stays an interrupt, and the terminal is put back."""
    handle = stdin.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle)
        yield lambda: os.read(handle, 64).decode(errors="replace")
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


@contextmanager
def _windows_keys(msvcrt: Any) -> Iterator[Callable[[], str]]:
    """Keys of a Windows console; arrows and the like come as two characters and become letters."""
    letters = {"next": "n", "back": "p", "first": "g", "last": "e"}

    def read() -> str:
        key = msvcrt.getwch()
        if key in "\x00\xe0":
            return letters.get(_WINDOWS_KEYS.get(msvcrt.getwch(), ""), "\x00")
        return str(key)

    yield read


def understands_escapes(stdout: TextIO) -> bool:
    """Whether control sequences work; a Windows console has to be asked for them."""
    if os.name != "nt":
        return True
    import ctypes

    kernel: Any = ctypes.windll.kernel32  # type: ignore[attr-defined]
    handle, mode = kernel.GetStdHandle(-11), ctypes.c_ulong()
    return bool(
        kernel.GetConsoleMode(handle, ctypes.byref(mode)) and kernel.SetConsoleMode(handle, mode.value | 4)
    )
