"""A checkpoint on disk: plain data in an `.npz` or `.json` file, with a checksum, without pickle.

Floats are kept to the last bit. In JSON a float is written as Python's `repr`, the shortest text that reads
back as the same number; what JSON has no number for becomes `{"float": "nan"}`.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..errors import ArgumentError
from ..files import FileError, atomic_write
from .inputs import shown

__all__ = ["FORMAT", "as_path", "clear_leftovers", "read_record", "write_record"]

FORMAT = "autograd-lite checkpoint 1"

Record = dict[str, Any]
Result = TypeVar("Result")


def as_path(path: Any) -> Path:
    """Where a checkpoint is to be; `ArgumentError` unless it ends in `.npz` or `.json`."""
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f'checkpoint is the path of a file, such as "run.npz", got {shown(path)}')
    if Path(path).suffix not in _FORMATS:
        raise ArgumentError(f"a checkpoint is a file .npz or .json, got {str(path)!r}")
    return Path(path)


def write_record(path: Path, record: Record) -> None:
    """Write plain data; whoever reads sees the old file or the new one, never half of either.

    That holds when the process is killed and when the power fails: the file is forced onto the disk, which
    takes a millisecond or two on a solid-state one, some twenty on one that turns.
    """
    write, _ = _FORMATS[path.suffix]
    atomic_write(path, _with_ctrl_c(write, record), durable=True)


def read_record(path: Path) -> Record:
    """What `write_record` wrote; `FileError` if the file cannot be read, is damaged, or is something else."""
    _, read = _FORMATS[path.suffix]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(f"cannot read the checkpoint {str(path)!r}: {error.strerror or error}") from error
    try:
        return _with_ctrl_c(read, content)
    except Exception as error:  # whatever a file that was cut, altered or is something else leads to
        # what NumPy says of a file that is none of its own recommends to load a pickle
        reason = "it is no such file" if "pickle" in str(error) else str(error)
        raise FileError(f"{str(path)!r} is not a checkpoint that can be read: {reason}. Nothing was changed. "
                        "Delete it to start anew, or give another name.") from error


def clear_leftovers(path: Path) -> None:
    """Delete what writes that were killed have left beside the checkpoint, if it is older than a minute.

    Younger ones may belong to another run whose file has the same beginning of its name.
    """
    for leftover in path.parent.glob(f".{glob.escape(path.name[:40])}.*.tmp"):
        try:
            if time.time() - leftover.stat().st_mtime > 60:
                leftover.unlink()
        except OSError:  # somebody else was quicker, or it is not ours to delete
            continue


def _with_ctrl_c(function: Callable[[Any], Result], argument: Any) -> Result:
    """`function(argument)`; Ctrl-C stays Ctrl-C where NumPy, closing its file, makes a ValueError of it."""
    before = sys.exception()
    try:
        return function(argument)
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and cause is not before:
            if isinstance(cause, KeyboardInterrupt):
                raise cause from None
            cause = cause.__context__
        raise


def _check_format(found: Any) -> None:
    if found != FORMAT:
        said = "it does not say what it is" if found is None else f"its format is {shown(found)}"
        raise ValueError(f"{said}, expected {FORMAT!r}")


# JSON


def _as_json(record: Record) -> bytes:
    body = _text(record)
    head = json.dumps({"format": FORMAT, "checksum": _checksum(body)})
    return f'{head[:-1]}, "record": {body}}}\n'.encode()


def _from_json(content: bytes) -> Record:
    document = json.loads(content, object_hook=_finite_or_not)
    _check_format(document.get("format") if isinstance(document, dict) else None)
    record: Record = document["record"]
    if _checksum(_text(record)) != document.get("checksum"):
        raise ValueError("its checksum is wrong")
    return record


def _text(record: Any) -> str:
    return json.dumps(_strict(record), allow_nan=False)


def _strict(part: Any) -> Any:
    """The same without floats that JSON has no number for."""
    if isinstance(part, float) and not math.isfinite(part):
        return {"float": repr(part)}
    if isinstance(part, dict):
        return {name: _strict(inner) for name, inner in part.items()}
    return [_strict(inner) for inner in part] if isinstance(part, (list, tuple)) else part


def _finite_or_not(pairs: dict[str, Any]) -> Any:
    return float(pairs["float"]) if pairs.keys() == {"float"} else pairs


# npz: the same record, with every long list of numbers as an array of its own


def _as_npz(record: Record) -> bytes:
    import numpy as np

    arrays: list[Any] = []
    body = _text(_lifted(record, arrays))
    named = {f"array_{index}": array for index, array in enumerate(arrays)}
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, format=np.array(FORMAT), record=np.array(body),
             checksum=np.array(_checksum(body, *(array.tobytes() for array in arrays))), **named)  # fmt: skip
    return stream.getvalue()


def _from_npz(content: bytes) -> Record:
    import numpy as np

    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        _check_format(archive["format"].tolist() if "format" in archive else None)
        body, expected = archive["record"].tolist(), archive["checksum"].tolist()
        arrays = [archive[f"array_{index}"] for index in range(len(archive.files) - 3)]
    if _checksum(body, *(array.tobytes() for array in arrays)) != expected:
        raise ValueError("its checksum is wrong")
    record: Record = _lowered(json.loads(body, object_hook=_finite_or_not), arrays)
    return record


def _lifted(part: Any, arrays: list[Any]) -> Any:
    """The same with `{"array": index}` in the place of long lists of numbers, which go to `arrays`."""
    import numpy as np

    if isinstance(part, dict):
        return {name: _lifted(inner, arrays) for name, inner in part.items()}
    if not isinstance(part, (list, tuple)):
        return part
    for kind in (float, int):
        if len(part) > 8 and all(number.__class__ is kind for number in part):
            arrays.append(np.array(part, dtype=np.dtype("<f8" if kind is float else "<i8")))
            return {"array": len(arrays) - 1}
    return [_lifted(inner, arrays) for inner in part]


def _lowered(part: Any, arrays: list[Any]) -> Any:
    if isinstance(part, dict):
        if part.keys() == {"array"}:
            return arrays[part["array"]].tolist()
        return {name: _lowered(inner, arrays) for name, inner in part.items()}
    return [_lowered(inner, arrays) for inner in part] if isinstance(part, list) else part


def _checksum(body: str, *more: bytes) -> str:
    found = hashlib.sha256(body.encode())
    for part in more:
        found.update(part)
    return found.hexdigest()


_FORMATS: dict[str, tuple[Callable[[Record], bytes], Callable[[bytes], Record]]] = {
    ".npz": (_as_npz, _from_npz),
    ".json": (_as_json, _from_json),
}
