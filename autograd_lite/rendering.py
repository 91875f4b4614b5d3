"""From DOT to SVG, PNG and PDF: the one place that starts a program.

`graphviz-pure`, installed with this library, comes first, so that pictures are equal on every machine;
`dot` of a Graphviz installation is the fallback.
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

__all__ = ["RenderError", "render", "render_pdf", "renderer"]

TIMEOUT = 30.0
_PURE = "graphviz-pure"


class RenderError(AutogradError, RuntimeError):
    """No program could turn the DOT text into a picture."""


def render(dot_source: str, format: str = "svg", *, timeout: float = TIMEOUT) -> bytes:
    """The picture of a DOT text as bytes of an "svg" or "png" file.

    Raises `RenderError`: no program found, the time is up (layout time grows fast beyond some thousand
    boxes), or the program refused the text.
    """
    dense = ["-Gdpi=192"] if format == "png" else []
    return _run([renderer(format), f"-T{format}", *dense], dot_source, timeout)


def render_pdf(svg: str, *, timeout: float = TIMEOUT) -> bytes:
    """An SVG text as bytes of a PDF file, by rsvg-convert or the package cairosvg, whichever is there.

    Raises `RenderError` naming both where neither is.
    """
    converter = shutil.which("rsvg-convert")
    if converter:
        return _run([converter, "--format=pdf"], svg, timeout)
    try:
        import cairosvg  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except (ImportError, OSError) as error:  # OSError: the package is there, the library below it is not
        raise RenderError(
            "PDF needs the program rsvg-convert (package librsvg2-bin or librsvg) or the Python package "
            "cairosvg, and neither works here. Save .svg or .html instead: every browser prints them to PDF."
        ) from error
    return bytes(cairosvg.svg2pdf(bytestring=svg.encode("utf-8", "replace")))


def renderer(format: str = "svg") -> str:
    """The path of the program that draws this format. Raises `RenderError` naming what to install."""
    program = _pure_program() or shutil.which("dot")
    if program:
        return program
    raise RenderError(
        f"no program found that draws {format.upper()}: neither {_PURE} (pip install {_PURE}) nor dot "
        "(https://graphviz.org/download). The drawing's .dot, .mermaid and .text work without."
    )


def _run(command: list[str], text: str, timeout: float) -> bytes:
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=timeout,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired as error:
        raise RenderError(
            f"{name} needed more than {timeout:g} s for this graph and was stopped ({len(text):,} letters of "
            "input). Fold it (fold='auto' or a scope level), or use .text, .mermaid or .dot."
        ) from error
    except OSError as error:
        raise RenderError(f"{command[0]} could not be started: {error}") from error
    if done.returncode != 0 or not done.stdout:
        words = done.stderr.decode("utf-8", "replace").strip()[-400:]
        raise RenderError(f"{name} failed with code {done.returncode}: {words or 'no message'}")
    return done.stdout


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
