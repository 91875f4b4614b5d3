"""What the README and the pages on training and compiling show is what happens.

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


class Block(NamedTuple):
    language: str
    text: str
    line: int


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def blocks_of(text: str) -> list[Block]:
    fences = re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", text, re.MULTILINE | re.DOTALL)
    return [Block(f[1], f[2], text[: f.start(2)].count("\n") + 1) for f in fences]


@pytest.fixture(scope="module")
def blocks(readme: str) -> list[Block]:
    return blocks_of(readme)


@pytest.fixture(scope="module")
def commands(blocks: list[Block]) -> list[str]:
    """The two commands a newcomer copies: the demonstration, and the tests."""
    return [block.text for block in blocks if block.language in ("bash", "sh", "console", "shell")][:2]


def test_the_first_command_sets_up_and_runs_the_demo(commands: list[str]) -> None:
    assert "pip install" in commands[0]
    assert "autograd-lite demo" in commands[0]


def test_the_second_command_sets_up_and_runs_the_tests(commands: list[str]) -> None:
    assert "pip install" in commands[1]
    assert "[test]" in commands[1]
    assert "pytest" in commands[1]


def test_each_command_stands_on_its_own(commands: list[str]) -> None:
    for command in commands:
        assert "-m venv" in command, "makes an environment of its own"
        assert not re.search(r"\bdot\b|apt-get|brew|sudo", command), "needs nothing but Python and pip"


@pytest.mark.parametrize("name", ["README.md", "docs/training.md", "docs/compiling.md"])
def test_python_blocks_print_what_the_page_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = blocks_of((ROOT / name).read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)  # blocks that save files save them here
    space: dict[str, object] = {"__name__": "readme"}
    ran = 0
    for block, after in zip(blocks, [*blocks[1:], Block("", "", 0)], strict=True):
        if block.language != "python":
            continue
        # Padded with empty lines, so that a traceback names the page's own line.
        code = compile("\n" * (block.line - 1) + block.text, name, "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, space)
        ran += 1
        if after.language == "text":
            assert printed.getvalue().rstrip() == after.text.rstrip(), f"{name} line {after.line}"
        else:
            assert not printed.getvalue(), f"{name} line {block.line}: prints, and no text block follows"
    assert ran


def test_links_to_files_lead_somewhere(readme: str) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", readme)
    links += re.findall(r'(?:src|srcset|href)="(?!https?:|#|mailto:)([^"#\s]+)"', readme)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_no_place_was_left_to_be_filled_in(readme: str) -> None:
    texts = [readme, *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))]
    assert not [text for text in texts if re.search(r"@@|TODO|TBD", text)]
