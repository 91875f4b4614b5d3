"""From DOT to SVG, PNG and PDF: the one place that starts a program.

`graphviz-pure`, installed with this library, comes first, so that pictures are equal on every machine;
`dot` of a Graphviz installation is the fallback, and what PDF needs.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from .errors import AutogradError

__all__ = ["RenderError", "render", "renderer"]

TIMEOUT = 30.0
_PURE = "graphviz-pure"
_PURE_FORMATS = ("svg", "png")


class RenderError(AutogradError, RuntimeError):
    """No program could turn the DOT text into a picture."""


def render(dot_source: str, format: str = "svg", *, timeout: float = TIMEOUT) -> bytes:
    """The picture of a DOT text as bytes of an "svg", "png" or "pdf" file.

    Raises `RenderError`: no program found, the time is up (layout time grows fast beyond some thousand
    boxes), or the program refused the text.
    """
    program = renderer(format)
    command = [program, f"-T{format}"] + (["-Gdpi=192"] if format == "png" else [])
    try:
        done = subprocess.run(
            command,
            input=dot_source.encode("utf-8", "replace"),
            capture_output=True,
            timeout=timeout,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired as error:
        raise RenderError(
            f"{Path(program).name} needed more than {timeout:g} s for this graph and was stopped "
            f"({len(dot_source):,} letters of DOT). Fold it (fold='auto' or a scope level), or use .text, "
            ".mermaid or .dot."
        ) from error
    except OSError as error:
        raise RenderError(f"{program} could not be started: {error}") from error
    if done.returncode != 0 or not done.stdout:
        words = done.stderr.decode("utf-8", "replace").strip()[-400:]
        raise RenderError(f"{Path(program).name} failed with code {done.returncode}: {words or 'no message'}")
    return done.stdout


def renderer(format: str = "svg") -> str:
    """The path of the program that draws this format. Raises `RenderError` naming what to install."""
    pure = _pure_program() if format in _PURE_FORMATS else None
    program = pure or shutil.which("dot")
    if program:
        return program
    if format not in _PURE_FORMATS:
        raise RenderError(
            f"{format.upper()} needs the program dot of Graphviz (https://graphviz.org/download), which is "
            "not on the PATH. Save .svg instead: every browser prints it to PDF."
        )
    raise RenderError(
        f"no program found that draws {format.upper()}: neither {_PURE} (pip install {_PURE}) nor dot "
        "(https://graphviz.org/download). The drawing's .dot, .mermaid and .text work without."
    )


@functools.cache
def _pure_program() -> str | None:
    """Where the package graphviz-pure put its executable, else where scripts go, else on the PATH."""
    name = _PURE + (".exe" if os.name == "nt" else "")
    folders = [Path(sysconfig.get_path("scripts")), Path(sys.executable).parent]
    for candidate in [*_installed_files(name), *(folder / name for folder in folders)]:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate.resolve())
    return shutil.which(_PURE)


def _installed_files(name: str) -> list[Path]:
    try:
        files = importlib.metadata.files(_PURE) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [Path(str(file.locate())) for file in files if file.name == name]
