"""The benchmarks run, and time engines that agree. How fast they are, they alone say."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def _run(script: str, *options: str) -> str:
    command = [sys.executable, str(BENCHMARKS / script), *options]
    run = subprocess.run(command, cwd=BENCHMARKS.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_engines_agree_before_they_are_timed() -> None:
    report = json.loads(_run("engine.py", "--rounds", "1", "--steps", "1", "--json"))
    assert report["operations"] == 13_555
    assert report["largest_gradient_difference"] < 1e-9
    assert {"autograd_lite", "autograd_lite nn.MLP", "microgpt style"} <= report["engines"].keys()
    assert all(row["ns_per_operation"] > 0 for row in report["engines"].values())


# --- benchmarks/compiled.py ---


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A module of `benchmarks/side_by_side`, by its name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return lambda name: importlib.import_module(f"side_by_side.{name}")


def test_one_command_writes_a_table_a_picture_and_json(tmp_path: Path) -> None:
    files = ["--json", str(tmp_path / "found.json"), "--picture", str(tmp_path / "found.svg")]
    peers = ["--peers", "autograd-lite", "micrograd", "microgpt", "numpy"]
    printed = _run("compiled.py", "--quick", "--only", "xor", "batch-1", *peers, *files)
    report = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert report["machine"]["cpu"] in printed
    assert report["machine"]["versions"]["numpy"] in printed
    drawn = (tmp_path / "found.svg").read_text(encoding="utf-8")
    for workload in report["workloads"].values():
        timed = {name: row for name, row in workload["engines"].items() if "trouble" not in row}
        needed = {"autograd-lite, eager", "autograd-lite, python", "micrograd", "NumPy by hand"}
        assert needed <= timed.keys()
        for name, row in timed.items():
            assert row["difference"] < 1e-9
            assert 0 < row["minimum"] <= row["median"]
            assert f">{name}" in drawn
        for row in workload["engines"].values():  # numba is not installed everywhere
            assert "which cannot be imported here" in row.get("trouble", "which cannot be imported here")
    assert report["workloads"]["batch-1"]["operations"] == 642


def test_an_engine_that_is_wrong_is_reported_and_not_timed(part: Callable[[str], ModuleType]) -> None:
    measuring, runs = part("measuring"), []

    def engine(name: str, *numbers: float) -> Any:
        return measuring.Engine(run=lambda: runs.append(name), numbers=lambda: numbers)

    def broken() -> Any:
        raise RuntimeError("no tape today\nand a long story")

    outcome = measuring.Outcome("w", "a workload")
    makers = {
        "right": lambda: engine("right", 1.0, 2.0, 0.0),
        "right, too": lambda: engine("right, too", 1.0, 2.0 + 1e-12, 0.0),
        "one gradient wrong": lambda: engine("one gradient wrong", 1.0, 2.0 + 1e-6, 0.0),
        "a gradient missing": lambda: engine("a gradient missing", 1.0, 2.0),
        "not a number": lambda: engine("not a number", 1.0, float("nan"), 0.0),
        "broken": broken,
    }
    measuring.measure(outcome, makers, rounds=2, slice_seconds=1e-5)
    troubles = {row.name: row.trouble for row in outcome.rows if row.trouble}
    assert troubles == {
        "one gradient wrong": "wrong: differs from the others by 5.0e-07",
        "a gradient missing": "gives 2 numbers, the others 3",
        "not a number": "wrong: differs from the others by nan",
        "broken": "failed: RuntimeError: no tape today",
    }
    assert runs.count("one gradient wrong") == runs.count("a gradient missing") == 1  # when it was made
    assert runs.count("right") > 2
    assert {row.name for row in outcome.rows if row.median > 0} == {"right", "right, too"}


def test_an_engine_alone_is_not_timed(part: Callable[[str], ModuleType]) -> None:
    measuring = part("measuring")
    outcome = measuring.Outcome("w", "a workload")
    alone = measuring.Engine(run=lambda: None, numbers=lambda: [1.0])
    measuring.measure(outcome, {"alone": lambda: alone})
    assert [row.trouble for row in outcome.rows] == ["nothing to compare it with"]


@pytest.mark.parametrize("workload", ["Demo", "Gpt", "Batch", "Xor"])
def test_gradients_written_by_hand_are_those_of_the_engine(
    part: Callable[[str], ModuleType], workload: str
) -> None:
    measuring, work = part("measuring"), getattr(part("workloads"), workload)()
    makers = {}
    for peer in ("ours", "numpy_by_hand", "microgpt_style"):
        makers.update(getattr(part(f"peers.{peer}"), workload.lower())(work))
    names = ("autograd-lite, eager", "NumPy by hand", "microgpt style")
    engines, failed = measuring.make({name: makers[name] for name in names})
    assert not failed
    for name, (difference, trouble) in measuring.compare(engines).items():
        assert not trouble, name
        assert difference < 1e-11


def test_graphs_of_any_size_have_the_operations_they_say(part: Callable[[str], ModuleType]) -> None:
    from autograd_lite import Value

    for kind in ("chain", "wide"):
        work = part("workloads").Graph(kind, 100)
        seen, waiting = set(), [work.loss([Value(number) for number in work.start])]
        while waiting:
            node = waiting.pop()
            if node not in seen and node.parents:
                seen.add(node)
                waiting.extend(node.parents)
        assert abs(len(seen) - 100) <= 1  # a sum of n numbers has n - 1 additions


@pytest.mark.parametrize("name", ["measuring", "table", "picture"])
def test_examples_in_the_parts_hold(part: Callable[[str], ModuleType], name: str) -> None:
    found = doctest.testmod(part(name))
    assert found.attempted
    assert not found.failed
