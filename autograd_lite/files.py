"""Writing files so that a reader sees the old content or the new, never half of either."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .errors import AutogradError

__all__ = ["FileError", "atomic_write"]


class FileError(AutogradError, OSError):
    """A file could not be read or written."""


def atomic_write(path: str | os.PathLike[str], content: str | bytes, *, durable: bool = False) -> Path:
    """Write `content` to a temporary name beside `path`, then rename it over `path`.

    Text is written as UTF-8 with the line ends it has. With `durable` the file is forced onto the disk before
    it gets its name, so that a power failure, too, leaves the old content or the new. Raises `FileError`
    naming the path if the folder is missing or cannot be written; whatever stood at `path` is then untouched.
    """
    target = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    # named before it is made: Ctrl-C can come at any moment, and then it is known what to take away
    temporary = target.parent / f".{target.name[:40]}.{os.urandom(6).hex()}.tmp"
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        os.replace(temporary, target)  # noqa: PTH105 - Path.replace on Windows differs in nothing; kept explicit
        if durable:
            _sync_folder(target.parent)
    except BaseException as error:  # Ctrl-C too
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise FileError(
            f"cannot write {str(target)!r}: {error.strerror or error}. "
            "Choose a folder that exists and that you may write to."
        ) from error
    return target


def _sync_folder(folder: Path) -> None:
    """Force a new name onto the disk, too, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
