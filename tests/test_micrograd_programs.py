"""Programs written for micrograd run here with only their import lines changed, and agree with it."""

from __future__ import annotations

import importlib.metadata
import json
import math
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "programs"
NAMES = sorted(path.stem for path in PROGRAMS.glob("*.py"))

# Runs the program on standard input; then, on a line of its own, what it left in RESULTS and DRAWINGS.
HARNESS = """
import json, sys
space = {"__name__": "__main__"}
exec(compile(sys.stdin.read(), "program", "exec"), space)
print()
print(json.dumps({name: space.get(name, {}) for name in ("RESULTS", "DRAWINGS")}))
"""


def _readme_program() -> str:
    """micrograd's own example, from the description that its installed package carries."""
    description = importlib.metadata.metadata("micrograd").get_payload()
    example = re.search(r"```python\n(from micrograd.engine import Value\n.*?)```", description, re.DOTALL)
    assert example is not None, "the installed micrograd describes itself in other words"
    return example[1] + "RESULTS = {'gradients': [g.data, a.grad, b.grad]}\n"


def _text(name: str) -> str:
    return _readme_program() if name == "readme" else (PROGRAMS / f"{name}.py").read_text(encoding="utf-8")


def _with_our_imports(program: str) -> str:
    return re.sub(r"^from micrograd\b", "from autograd_lite", program, flags=re.MULTILINE)


@cache
def _outcome(program: str) -> tuple[str, dict[str, Any]]:
    """What the program prints, and what it leaves behind."""
    command = [sys.executable, "-W", "error", "-c", HARNESS]
    run = subprocess.run(command, input=program, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    printed, _, left = run.stdout.rstrip("\n").rpartition("\n")
    return printed, json.loads(left)


def _differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """The places where two nested results differ by more than 1e-9 of their size."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        return [line for key in theirs for line in _differences(ours[key], theirs[key], f"{where}[{key!r}]")]
    if isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        return [
            line
            for k, pair in enumerate(zip(ours, theirs, strict=True))
            for line in _differences(*pair, f"{where}[{k}]")
        ]
    if math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12):
        return []
    return [f"{where}: {ours} here, {theirs} in micrograd"]


@pytest.mark.parametrize("name", ["readme", *NAMES])
def test_only_import_lines_change(name: str) -> None:
    program = _text(name)
    pairs = zip(program.splitlines(), _with_our_imports(program).splitlines(), strict=True)
    changed = [before for before, after in pairs if before != after]
    assert changed
    assert all(line.startswith("from micrograd") for line in changed)
    assert not re.search(r"^\s*(import|from) micrograd", _with_our_imports(program), re.MULTILINE)


@pytest.mark.parametrize("name", ["readme", *NAMES])
def test_program_prints_the_same(name: str) -> None:
    assert _outcome(_with_our_imports(_text(name)))[0] == _outcome(_text(name))[0]


@pytest.mark.parametrize("name", ["readme", *NAMES])
def test_program_computes_the_same(name: str) -> None:
    ours = _outcome(_with_our_imports(_text(name)))[1]["RESULTS"]
    theirs = _outcome(_text(name))[1]["RESULTS"]
    assert ours
    assert not _differences(ours, theirs)


def test_readme_program_prints_the_numbers_it_promises() -> None:
    program = _readme_program()
    promised = re.findall(r"# prints ([\d.]+)", program)
    assert len(promised) == 3
    assert _outcome(_with_our_imports(program))[0].split() == promised


def test_training_follows_micrograd_for_100_steps() -> None:
    ours = _outcome(_with_our_imports(_text("demo_training")))[1]["RESULTS"]
    theirs = _outcome(_text("demo_training"))[1]["RESULTS"]
    assert ours["start"] == theirs["start"], "the same seed draws other weights"
    assert len(ours["losses"]) == 100
    assert not _differences(ours["losses"], theirs["losses"])


def _shape(source: str) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """A drawing's labels and its edges between labels, without ids, order and gradients.

    Gradients are left out because a plain number in an expression has none here, while micrograd gives it one
    that nothing reads; the program's RESULTS compare the gradients of everything else.
    """
    labels = {
        name: re.sub(r"\| grad \S+", "", label.strip('"')).strip()
        for name, label in re.findall(r'^\s*"?([^"\n]+?)"? \[label=("[^"]*"|\S+?)[ \]]', source, re.MULTILINE)
    }
    edges = re.findall(r'^\s*"?([^"\n]+?)"? -> "?([^"\n]+?)"?$', source, re.MULTILINE)
    return Counter(labels.values()), Counter((labels[tail], labels[head]) for tail, head in edges)


def _drawn(drawing: str) -> tuple[tuple[Counter[str], Any], tuple[Counter[str], Any]]:
    program = _text("trace_graph")
    ours, theirs = _outcome(_with_our_imports(program))[1], _outcome(program)[1]
    return _shape(ours["DRAWINGS"][drawing]), _shape(theirs["DRAWINGS"][drawing])


@pytest.mark.parametrize("drawing", ["simple", "by hand", "power"])
def test_drawings_have_the_same_shape(drawing: str) -> None:
    ours, theirs = _drawn(drawing)
    assert sum(theirs[1].values()) > 3
    assert ours == theirs


def test_neuron_of_nn_is_drawn_with_one_sum_instead_of_a_chain() -> None:
    (ours, _), (theirs, _) = _drawn("neuron")
    assert ours - theirs == Counter({"Σ": 1})
    left_out = theirs - ours
    assert left_out.pop("+") == 2
    assert list(left_out.values()) == [1], "one sum on the way"
