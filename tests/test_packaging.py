"""The wheel holds what a user needs and nothing else."""

from __future__ import annotations

import configparser
import email
import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a freshly built wheel, by name."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    build = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stderr
    (path,) = folder.glob("*.whl")
    assert path.name == f"autograd_lite-{PROJECT['version']}-py3-none-any.whl"
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _metadata(wheel: dict[str, bytes], name: str) -> str:
    return wheel[f"autograd_lite-{PROJECT['version']}.dist-info/{name}"].decode("utf-8")


def test_wheel_has_every_file_of_the_package(wheel: dict[str, bytes]) -> None:
    tracked = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "autograd_lite").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "autograd_lite/py.typed" in tracked
    assert {name for name in wheel if not name.partition("/")[0].endswith(".dist-info")} == tracked


def test_wheel_carries_the_licence(wheel: dict[str, bytes]) -> None:
    assert _metadata(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert email.message_from_string(_metadata(wheel, "METADATA"))["License-Expression"] == "MIT"


def test_wheel_has_the_console_command(wheel: dict[str, bytes]) -> None:
    entries = configparser.ConfigParser()
    entries.read_string(_metadata(wheel, "entry_points.txt"))
    assert dict(entries["console_scripts"]) == {"autograd-lite": "autograd_lite.cli:main"}
    assert callable(importlib.import_module("autograd_lite.cli").main)


def test_metadata_describes_the_project(wheel: dict[str, bytes]) -> None:
    metadata = email.message_from_string(_metadata(wheel, "METADATA"))
    assert metadata["Name"] == "autograd-lite"
    assert metadata["Requires-Python"] == ">=3.11"
    assert (ROOT / "README.md").read_text(encoding="utf-8").strip() in metadata.get_payload()


def test_extras_stay_out_of_a_plain_installation(wheel: dict[str, bytes]) -> None:
    required = email.message_from_string(_metadata(wheel, "METADATA")).get_all("Requires-Dist", [])
    plain = [line for line in required if "extra ==" not in line]
    names = sorted(re.split(r"[<>=;\s]", line)[0] for line in plain)
    assert names == ["graphviz", "graphviz-pure", "numpy"]


def test_version_is_said_once_and_the_same() -> None:
    assert importlib.import_module("autograd_lite").__version__ == PROJECT["version"]
