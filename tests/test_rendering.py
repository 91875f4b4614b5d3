"""The renderer seam: which program is used, what happens where there is none, and that time is limited."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograd_lite import rendering
from autograd_lite.rendering import RenderError, render, render_pdf, renderer

DOT = "digraph { a -> b }"
posix = pytest.mark.skipif(os.name == "nt", reason="stands in for a program by a shell script")


@pytest.fixture(autouse=True)
def fresh_search() -> Iterator[None]:
    rendering._pure_program.cache_clear()
    yield
    rendering._pure_program.cache_clear()


@pytest.fixture
def no_pure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without graphviz-pure whose PATH is one folder, empty as yet."""
    monkeypatch.setattr(rendering, "_pure_program", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_svg_and_png_come_out() -> None:
    assert b"<svg" in render(DOT)
    assert render(DOT, "png").startswith(b"\x89PNG")


def test_the_same_text_gives_the_same_bytes() -> None:
    assert render(DOT) == render(DOT)
    assert render(DOT, "png") == render(DOT, "png")


def test_the_installed_program_comes_before_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering.shutil, "which", lambda name: f"/elsewhere/{name}")
    assert Path(renderer("svg")).stem == "graphviz-pure"


def test_it_is_found_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert Path(renderer("svg")).is_file()


def test_it_is_found_in_the_scripts_folder_and_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "graphviz-pure.exe" if os.name == "nt" else "graphviz-pure"
    (tmp_path / name).write_bytes(b"")
    (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(rendering, "_installed_files", lambda name: [])
    monkeypatch.setattr(rendering.sys, "executable", str(tmp_path / "nowhere" / "python"))
    monkeypatch.setattr(rendering.sysconfig, "get_path", lambda name: str(tmp_path))
    assert Path(renderer("svg")) == (tmp_path / name).resolve()
    rendering._pure_program.cache_clear()
    monkeypatch.setattr(rendering.sysconfig, "get_path", lambda name: str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(renderer("png")).name == name


def test_a_missing_package_is_no_error_by_itself() -> None:
    original = rendering._PURE
    rendering._PURE = "graphviz-pure-that-is-not-there"
    try:
        assert rendering._installed_files("graphviz-pure") == []
    finally:
        rendering._PURE = original


@posix
def test_dot_is_the_fallback(no_pure: Path) -> None:
    _script(no_pure / "dot", "print('<svg>', sys.argv[1:], sys.stdin.read())")
    assert render(DOT) == b"<svg> ['-Tsvg'] digraph { a -> b }\n"


@posix
def test_pdf_by_a_converter_on_the_path(no_pure: Path) -> None:
    _script(no_pure / "rsvg-convert", "print('%PDF', sys.argv[1:], sys.stdin.read())")
    assert render_pdf("<svg/>") == b"%PDF ['--format=pdf'] <svg/>\n"


def test_pdf_by_the_package_cairosvg(no_pure: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = types.SimpleNamespace(svg2pdf=lambda bytestring: b"%PDF " + bytestring)
    monkeypatch.setitem(sys.modules, "cairosvg", stand_in)
    assert render_pdf("<svg/>") == b"%PDF <svg/>"


def test_no_means_for_pdf_names_both(no_pure: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(RenderError, match=r"rsvg-convert .* cairosvg.* neither works here.* Save \.svg"):
        render_pdf("<svg/>")


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="rsvg-convert is not installed")
def test_a_real_pdf() -> None:
    assert render_pdf(render(DOT).decode()).startswith(b"%PDF")


def test_no_renderer_names_both_and_what_still_works(no_pure: Path) -> None:
    with pytest.raises(RenderError, match=r"neither graphviz-pure \(pip install .* nor dot .*\.mermaid"):
        render(DOT)


@posix
def test_a_program_that_hangs_is_stopped(no_pure: Path) -> None:
    _script(no_pure / "dot", "time.sleep(60)")
    started = time.perf_counter()
    with pytest.raises(RenderError, match=r"more than 0.5 s .* Fold it"):
        render(DOT, timeout=0.5)
    assert time.perf_counter() - started < 10


@posix
def test_a_program_that_fails_is_quoted(no_pure: Path) -> None:
    _script(no_pure / "dot", "sys.exit('a great misfortune')")
    with pytest.raises(RenderError, match="failed with code 1: a great misfortune"):
        render(DOT)
    _script(no_pure / "dot", "")
    with pytest.raises(RenderError, match="failed with code 0: no message"):
        render(DOT)


@posix
def test_a_program_that_cannot_start_is_named(no_pure: Path) -> None:
    (no_pure / "dot").write_text("#!/nowhere/at/all\n")
    (no_pure / "dot").chmod(0o755)
    with pytest.raises(RenderError, match="could not be started"):
        render(DOT)


def test_wrong_dot_is_an_error() -> None:
    with pytest.raises(RenderError, match="failed"):
        render("digraph {")
