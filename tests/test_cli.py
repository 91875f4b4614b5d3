"""The command line: what each subcommand prints and writes, and how it says what is wrong."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import autograd_lite
from autograd_lite import Value, draw, ops, step
from autograd_lite.charts import boundary_chart, loss_chart
from autograd_lite.checking import compare, slope
from autograd_lite.cli import main
from autograd_lite.errors import AutogradError

ROOT = Path(__file__).parent.parent
FORMULA = ["tanh(a*b + c)", "a=2", "b=-3", "c=10"]


def run(
    *arguments: str, encoding: str = "utf-8", folder: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The command as a user runs it, in a process of its own."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "0"}
    return subprocess.run(
        [sys.executable, "-m", "autograd_lite", *arguments],
        capture_output=True, env=environment, cwd=folder or ROOT, stdin=subprocess.DEVNULL, timeout=120,
        check=False,
    )  # fmt: skip


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is written on standard error by a command that must fail with status 2."""
    try:
        status = main(arguments)
    except SystemExit as stop:  # argparse leaves this way
        status = stop.code if isinstance(stop.code, int) else -1
    out, error = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert error.startswith("autograd-lite: ")
    assert "Traceback" not in error
    return error


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == f"autograd-lite {autograd_lite.__version__}"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ["demo", "draw", "step", "check", "ops"])


def test_draw_prints_a_drawing_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", *FORMULA]) == 0
    out = capsys.readouterr().out
    assert "0.9993" in out
    assert "-0.004023" in out


@pytest.mark.parametrize("suffix", [".svg", ".dot", ".mmd", ".txt", ".json", ".html"])
def test_draw_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    path = tmp_path / f"graph{suffix}"
    assert main(["draw", *FORMULA, "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"wrote {path}\n"
    assert "tanh" in path.read_text(encoding="utf-8")


def test_options_may_stand_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k, words in enumerate([["-o", "{}", "a*b", "a=1", "b=2"], ["a*b", "-o", "{}", "a=1", "b=2"],
                               ["a*b", "a=1", "--output", "{}", "b=2"]]):  # fmt: skip
        path = tmp_path / f"{k}.txt"
        assert main(["draw", *(word.format(path) for word in words)]) == 0
        assert path.exists()
    capsys.readouterr()


def test_a_formula_may_begin_with_a_minus(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-hypot(a, b)-a", "a=3", "b=-4"]) == 0
    assert main(["check", "-o*2", "o=3"]) == 0
    assert "every gradient agrees" in capsys.readouterr().out


def test_step_prints_the_whole_account(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["step", *FORMULA]) == 0
    out = capsys.readouterr().out
    assert "y = tanh(n4) = tanh(4) = 0.999329" in out
    assert "∂y/∂n4 = 1 - tanh(n4)² = 1 - tanh(4)² = 0.00134095" in out
    assert "∂y/∂a = -0.00402285" in out


def test_step_writes_the_player(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "steps.html"
    assert main(["step", *FORMULA, "--html", str(page)]) == 0
    assert capsys.readouterr().out == f"wrote {page}\n"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main(["step", *FORMULA, "--html", str(tmp_path / "steps.svg")]) == 2
    assert "does not end in .html" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["steps.html"]


def test_the_result_gets_a_name_that_is_free(capsys: pytest.CaptureFixture[str]) -> None:
    main(["step", "y*2", "y=3"])
    assert "out = y * 2 = 3 * 2 = 6" in capsys.readouterr().out


def test_values_may_be_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["step", "sin(x)", "x=pi/2"]) == 0
    assert "x = 1.5708" in capsys.readouterr().out


def test_check_passes_for_every_smooth_row(capsys: pytest.CaptureFixture[str]) -> None:
    for op in ops.TABLE.values():
        if op.name in {"select", "choose", "dot", "detach"} or op.condition or not op.points:
            continue
        for point in op.points:
            names = [f"x{k}" for k in range(len(point))]
            values = [f"{name}={value!r}" for name, value in zip(names, point, strict=True)]
            assert main(["check", f"{op.name}({', '.join(names)})", *values]) == 0, (op.name, point)
    capsys.readouterr()


def test_check_finds_a_wrong_gradient(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "x*y + detach(x)", "x=2", "y=3"]) == 1
    out = capsys.readouterr().out
    assert "wrong: x" in out
    assert "✗" in out


def test_check_tells_kinks_and_edges(capsys: pytest.CaptureFixture[str]) -> None:
    for formula, value in [("sqrt(x)", "0"), ("log(x)", "-1"), ("1/x", "0")]:
        assert main(["check", formula, f"x={value}"]) == 0
        assert "not compared: x" in capsys.readouterr().out
    assert main(["check", "relu(x)", "x=0"]) == 0
    assert "a kink: slope 0 left, 1 right" in capsys.readouterr().out


def test_finite_differences_know_their_own_error() -> None:
    for point in (0.3, 12.0, -700.0):
        comparison = compare("x*tanh(x/100) + 3", {"x": point})[0]
        assert comparison.right
        assert comparison.relative_error < 1e-9
    estimate, error = slope(lambda x: x * x * x, 2.0)
    assert abs(estimate - 12.0) <= 10 * error + 1e-10


@pytest.mark.parametrize("formula", ["log(x)", "sqrt(x)", "1 / x", "x**0.3", "acosh(1 + x)"])
def test_an_edge_nearer_than_the_first_step_is_no_fault(formula: str) -> None:
    for x in (0.004, 0.001, 1e-6):
        comparison = compare(formula, {"x": x})[0]
        assert comparison.right
        assert comparison.relative_error < 1e-6, (formula, x)


def test_check_agrees_for_random_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(10):
        formula = f"tanh(a*{k} - b) / (1.5 + sin(a)**2) + where(a > b, a*b, exp(-b))"
        assert main(["check", formula, f"a=0.{k}7", "b=0.444"]) == 0
    capsys.readouterr()


def test_ops_lists_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops"]) == 0
    out = capsys.readouterr().out
    for op in ops.TABLE.values():
        assert re.search(rf"^{op.name} ", out, re.MULTILINE), op.name
    assert "1 - tanh(a)²" in out
    assert max(map(len, out.splitlines())) <= 110


REFUSED = {
    "no command": ([], "COMMAND"),
    "unknown command": (["drow"], "invalid choice"),
    "unknown option": (["draw", *FORMULA, "--foo"], "unrecognized arguments: --foo"),
    "no formula": (["draw"], "EXPR"),
    "missing value": (["draw", "a*b", "a=1"], "no value is given for 'b'"),
    "unused value": (["draw", "a", "a=1", "z=2"], "a value is given for 'z'"),
    "no number": (["draw", "a", "a=x"], "the value of a: a number is needed"),
    "empty number": (["draw", "a", "a="], "the value of a: the formula is empty"),
    "twice": (["draw", "a", "a=1", "a=2"], "given twice"),
    "no equals": (["draw", "a*", "b", "a=1"], "'b' is not NAME=NUMBER"),
    "bad name": (["draw", "a", "2=1"], "'2' is no name"),
    "unknown function": (["step", "tahn(a)", "a=1"], "did you mean 'tanh'"),
    "nothing to check": (["check", "2 + 3"], "nothing to check"),
    "unknown suffix": (["draw", "a*2", "a=1", "-o", "x.gif"], ".svg"),
    "no folder": (["draw", "a*2", "a=1", "-o", "/no/such/folder/x.txt"], "cannot write"),
    "demo operand": (["demo", "5"], "unrecognized arguments: 5"),
    "epochs": (["demo", "--epochs", "0"], "not a whole number above 0"),
    "epochs word": (["demo", "--epochs", "many"], "--epochs"),
    "huge": (["draw", "a+" * 6000 + "a", "a=1"], "at most 10,000"),
    "deep": (["draw", "-" * 9000 + "a", "a=1"], "nests too deeply"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_use_is_one_message_and_status_2(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, words = REFUSED[case]
    assert words in refused(capsys, *arguments)


def test_the_caret_stands_under_the_place(capsys: pytest.CaptureFixture[str]) -> None:
    _, line, carets = refused(capsys, "draw", "2 * tahn(a)", "a=1").splitlines()
    assert line.index("tahn") == carets.index("^")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The output of `demo` and the folder it wrote."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    done = run("demo", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return done.stdout.decode(), folder


def test_demo_trains_and_tells(demo: tuple[str, Path]) -> None:
    out, folder = demo
    assert "XOR is solved" in out
    answers = re.findall(r"xor +-?1 +([01]) +(-?[\d.]+) +✓", out)
    assert [target for target, _ in answers] == ["0", "1", "1", "0"]
    assert all(abs(float(answer) - int(target)) < 0.5 for target, answer in answers)
    for name in ["network.svg", "neuron.svg", "loss.svg", "boundary.svg", "steps.txt"]:
        assert str(folder / name) in out


def test_demo_writes_what_it_says(demo: tuple[str, Path]) -> None:
    _, folder = demo
    assert {path.name for path in folder.iterdir()} == {
        "network.svg", "neuron.svg", "loss.svg", "boundary.svg", "steps.txt", "steps.html",
    }  # fmt: skip
    for path in folder.glob("*.svg"):
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert path.stat().st_size < 200_000
    assert "neuron 3" in (folder / "network.svg").read_text(encoding="utf-8")
    account = (folder / "steps.txt").read_text(encoding="utf-8")
    assert "── model/layer 0/neuron 0" in account
    assert "waits for" in account


def test_demo_is_the_same_on_every_run(demo: tuple[str, Path], tmp_path: Path) -> None:
    _, folder = demo
    assert run("demo", "--out", str(tmp_path)).returncode == 0
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_demo_that_runs_out_of_epochs_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--epochs", "2", "--seed", "3", "--out", str(tmp_path)]) == 1
    assert "not solved yet after 2 epochs" in capsys.readouterr().out
    assert (tmp_path / "steps.txt").exists()


def test_demo_refuses_a_folder_that_cannot_be_written_before_it_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    error = refused(capsys, "demo", "--out", str(blocked / "folder"))
    assert "cannot write into the folder" in error
    assert blocked.read_text(encoding="utf-8") == "in the way"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_steps_and_drawings_print_on_any_console(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = Value(2.0, label="x")
    loss = ops.norm([x * x, x.sqrt()])
    loss.backward()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    for thing in (step(loss), *step(loss), draw(loss)):
        print(thing)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    "arguments",
    [["demo", "--epochs", "3", "--out", "out"], ["draw", *FORMULA], ["step", *FORMULA], ["check", *FORMULA],
     ["ops"], ["--help"], ["draw", "--help"], ["draw", "π*日本 + tahn(ä)", "日本=1", "ä=2"]],
    ids=lambda arguments: " ".join(arguments[:2])[:12],
)  # fmt: skip
def test_every_command_prints_in_old_encodings(arguments: list[str], encoding: str, tmp_path: Path) -> None:
    if encoding == "ascii" and not arguments[-1].isascii() and sys.platform == "win32":
        pytest.skip("arguments are not passed as bytes there")
    done = run(*arguments, encoding=encoding, folder=tmp_path)
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 1, 2)
    (done.stdout + done.stderr).decode(encoding)
    assert done.stdout or done.stderr


def test_a_reader_that_stops_early_is_no_error() -> None:
    script = f'"{sys.executable}" -m autograd_lite ops | head -1'
    done = subprocess.run(["sh", "-c", script], capture_output=True, cwd=ROOT, check=False, timeout=60)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1


def test_a_picture_that_cannot_be_rendered_here_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_renders(source: str, format_: str) -> bytes:
        raise AutogradError("no renderer is installed")

    monkeypatch.setattr("autograd_lite.rendering.render", nothing_renders)
    main(["demo", "--epochs", "2", "--out", str(tmp_path)])
    assert "not written: network.svg (no renderer is installed)" in capsys.readouterr().out
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"loss.svg", "boundary.svg", "steps.txt", "steps.html"}


def test_draw_json_is_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["draw", *FORMULA, "-o", str(tmp_path / "g.json")])
    assert json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    capsys.readouterr()


def test_loss_chart_takes_any_history() -> None:
    for losses in ([], [0.5], [0.0, 0.0], [float("nan"), 1.0], [float("inf")], [1e-300] * 3, [1.0] * 5000):
        ElementTree.fromstring(loss_chart(losses, goal=0.01, title="<a & b>"))


def test_boundary_chart_takes_any_answers() -> None:
    for answer in (lambda a, b: float("nan"), lambda a, b: 1e300 * a, lambda a, b: 0.5, lambda a, b: a * b):
        ElementTree.fromstring(boundary_chart(answer, [((-1.0, 1.0), 1.0)]))
