"""Parameters on disk: one `.npz` file, readable by NumPy alone, with no pickle in it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ArgumentError
from ..files import FileError, atomic_write

__all__ = ["FORMAT", "read_parameters", "write_parameters"]

FORMAT = "autograd-lite parameters 1"


def write_parameters(
    path: str | os.PathLike[str], state: Mapping[str, float], kinds: Mapping[str, str]
) -> None:
    """Write names and numbers, and the kinds of the modules; the bytes depend on nothing else."""
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"save takes the path of a file to write, got {path!r}")
    import numpy as np

    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        allow_pickle=False,
        format=np.array(FORMAT),
        names=np.array(list(state), dtype=np.str_),
        values=np.array(list(state.values()), dtype=np.float64),
        modules=np.array(list(kinds), dtype=np.str_),
        kinds=np.array(list(kinds.values()), dtype=np.str_),
    )
    atomic_write(path, stream.getvalue())


def read_parameters(path: str | os.PathLike[str]) -> tuple[dict[str, float], dict[str, str]]:
    """What `write_parameters` wrote; `FileError` if the file is missing, damaged or something else."""
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"load takes the path of a file that save wrote, got {path!r}")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    arrays = _arrays(path, content)
    names, values = arrays["names"], arrays["values"]
    if names.shape != values.shape or names.ndim != 1 or arrays["modules"].shape != arrays["kinds"].shape:
        raise _damaged(path, "its names and its numbers do not match")
    kinds = dict(zip(arrays["modules"].tolist(), arrays["kinds"].tolist(), strict=True))
    return dict(zip(names.tolist(), values.tolist(), strict=True)), kinds


def _arrays(path: str | os.PathLike[str], content: bytes) -> dict[str, Any]:
    import zipfile
    import zlib

    import numpy as np

    # What is raised for a file that was cut, altered, or is something else. A lone array (.npy) has no `with`
    # and no names: AttributeError, TypeError.
    damage = (
        OSError, ValueError, EOFError, TypeError, AttributeError, NotImplementedError,
        zipfile.BadZipFile, zlib.error,
    )  # fmt: skip
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("format", "names", "values", "modules", "kinds")}
    except KeyError as error:
        raise _damaged(path, f"it was not written by Module.save ({error.args[0]})") from error
    except damage as error:
        # what NumPy says of a file that is none of its own recommends to load a pickle
        reason = "it is no .npz file" if "pickle" in str(error) else str(error)
        raise _damaged(path, reason) from error
    if arrays["format"].tolist() != FORMAT:
        raise _damaged(path, f"its format is {arrays['format'].tolist()!r}, this version reads {FORMAT!r}")
    if arrays["values"].dtype.kind not in "fiu" or arrays["names"].dtype.kind != "U":
        raise _damaged(path, "its values are not numbers")
    return arrays


def _damaged(path: str | os.PathLike[str], reason: str) -> FileError:
    return FileError(f"{str(path)!r} is not a file of parameters that can be read: {reason}. "
                     "The model was not changed; give a file that Module.save wrote.")
