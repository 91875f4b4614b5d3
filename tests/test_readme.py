"""What the README shows is what happens.

Every ```python block runs, in order, in one namespace. A ```text block right after one is what it must print.
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


class Block(NamedTuple):
    language: str
    text: str
    line: int


def _blocks() -> list[Block]:
    fences = re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", README, re.MULTILINE | re.DOTALL)
    return [Block(f[1], f[2], README[: f.start(2)].count("\n") + 1) for f in fences]


BLOCKS = _blocks()
SHELL = [block.text for block in BLOCKS if block.language in ("bash", "sh", "console", "shell")]


def test_the_first_command_sets_up_and_runs_the_demo() -> None:
    assert "pip install" in SHELL[0]
    assert "autograd-lite demo" in SHELL[0]


def test_the_second_command_sets_up_and_runs_the_tests() -> None:
    assert "pip install" in SHELL[1]
    assert "test" in SHELL[1]
    assert "pytest" in SHELL[1]


@pytest.mark.parametrize("command", SHELL[:2], ids=["demo", "tests"])
def test_command_stands_on_its_own(command: str) -> None:
    assert "-m venv" in command, "makes an environment of its own"
    assert not re.search(r"\bdot\b|apt-get|brew|sudo", command), "needs nothing but Python and pip"


def test_python_blocks_print_what_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # blocks that save files save them here
    space: dict[str, object] = {"__name__": "readme"}
    ran = 0
    for block, after in zip(BLOCKS, [*BLOCKS[1:], Block("", "", 0)], strict=True):
        if block.language != "python":
            continue
        # Padded with empty lines, so that a traceback names the README's own line.
        code = compile("\n" * (block.line - 1) + block.text, "README.md", "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, space)
        ran += 1
        if after.language == "text":
            assert printed.getvalue().rstrip() == after.text.rstrip(), f"README.md line {after.line}"
        else:
            assert not printed.getvalue(), f"README.md line {block.line}: prints, and no text block follows"
    assert ran


def test_links_to_files_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", README)
    links += re.findall(r'(?:src|srcset|href)="(?!https?:|#|mailto:)([^"#\s]+)"', README)
    assert [link for link in links if not (ROOT / link).exists()] == []
