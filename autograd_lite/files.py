"""Writing files so that a reader sees the old content or the new, never half of either."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import AutogradError

__all__ = ["FileError", "atomic_write"]


class FileError(AutogradError, OSError):
    """A file could not be read or written."""


def atomic_write(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write `content` to a temporary name beside `path`, then rename it over `path`.

    Text is written as UTF-8 with the line ends it has. Raises `FileError` naming the path if the
    folder is missing or cannot be written; whatever stood at `path` is then untouched.
    """
    target = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".tmp"
        )
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        _share_like_a_new_file(temporary)
        os.replace(temporary, target)  # noqa: PTH105 - Path.replace on Windows differs in nothing; kept explicit
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise FileError(
            f"cannot write {str(target)!r}: {error.strerror or error}. "
            "Choose a folder that exists and that you may write to."
        ) from error
    return target


def _share_like_a_new_file(path: str) -> None:
    """Give the file the permissions `open()` would have given (mkstemp makes it private)."""
    mask = os.umask(0)
    os.umask(mask)
    Path(path).chmod(0o666 & ~mask)
