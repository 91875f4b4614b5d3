"""Source lines: which columns of the user's code made a node, and how much of the code the page shows."""

from __future__ import annotations

import doctest
import functools
import gc
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograd_lite import Value, nn, no_grad, ops, scope, trace_source
from autograd_lite.errors import ArgumentError, ValueTypeError
from autograd_lite.player.data import page_data
from autograd_lite.stepping import step

Data = dict[str, Any]


def run(text: str, path: Path | str, **names: Any) -> dict[str, Any]:
    """Run a program as if it stood in the file `path`, which is written unless a bare name is given."""
    source = textwrap.dedent(text)
    if isinstance(path, Path):
        path.write_text(source, encoding="utf-8")
    space = {"Value": Value, "ops": ops, "nn": nn, "step": step, "trace_source": trace_source, **names}
    exec(compile(source, str(path), "exec"), space)
    return space


def data_of(value: Any, **settings: Any) -> Data:
    return page_data(step(value, **settings))


def marked(data: Data, index: int) -> str:
    """The text that the page marks for a node: the columns count in UTF-16 units."""
    place = data["nodes"][index].get("place")
    return "" if place is None else cut(data, place)


def cut(data: Data, place: int) -> str:
    file, line, start, end_line, end = data["sources"]["places"][place]
    if start is None:
        return f"line {line}"
    lines = dict(data["sources"]["files"][file]["lines"])
    found = [lines[number].encode("utf-16-le") for number in range(line, end_line + 1)]
    found[-1] = found[-1][: 2 * end]
    found[0] = found[0][2 * start :]
    return "\n".join(part.decode("utf-16-le").strip() for part in found)


def all_marked(data: Data) -> list[str]:
    return [marked(data, index) for index in data["order"]]


# --- lines and columns ----------------------------------------------------------------------------------


def test_each_sub_expression_is_found_by_its_columns(tmp_path: Path) -> None:
    space = run(
        """
        a, b, c = Value(1.0), Value(2.0), Value(3.0)
        with trace_source():
            loss = (a*b + c).tanh() - -a
        """,
        tmp_path / "train.py",
    )
    data = data_of(space["loss"])
    assert all_marked(data) == ["a*b", "a*b + c", "(a*b + c).tanh()", "-a", "(a*b + c).tanh() - -a"]
    assert {node.get("at", "train.py:4") for node in data["nodes"]} == {"train.py:4"}
    assert [file["name"] for file in data["sources"]["files"]] == ["train.py"]
    assert data["nodes"][0].get("place") is None  # the leaves were made before


def test_columns_are_found_behind_letters_of_many_bytes(tmp_path: Path) -> None:
    space = run(
        """
        x = Value(2.0)
        with trace_source():
            größe = "äöü 🎉 漢字"; y = x * x; z = (y
                + x)
        """,
        tmp_path / "t.py",
    )
    assert all_marked(data_of(space["z"])) == ["x * x", "y\n+ x"]


def test_expressions_over_several_lines_and_lambdas(tmp_path: Path) -> None:
    space = run(
        """
        square = lambda v: v * v
        def loss(x):
            return (
                square(x)
                + x
            )
        steps = step(lambda: loss(Value(2.0)), source=True)
        """,
        tmp_path / "t.py",
    )
    data = page_data(space["steps"])
    assert all_marked(data) == ["v * v", "square(x)\n+ x"]
    assert data["nodes"][0]["at"] == "t.py:8"  # the leaf


def test_nodes_made_inside_the_library_belong_to_the_call(tmp_path: Path) -> None:
    space = run(
        """
        model = nn.MLP(2, [3, 1], seed=1)
        steps = step(lambda: nn.mse(model([1.0, 2.0]), 1.0), source=True)
        """,
        tmp_path / "t.py",
    )
    data = page_data(space["steps"])
    assert set(all_marked(data)) == {"model([1.0, 2.0])", "nn.mse(model([1.0, 2.0]), 1.0)"}


def test_sums_and_reductions_of_python_belong_to_the_call(tmp_path: Path) -> None:
    space = run(
        """
        xs = [Value(1.0), Value(2.0), Value(3.0)]
        steps = step(lambda: sum(xs) * reduce(lambda p, q: p * q, xs), source=True)
        """,
        tmp_path / "t.py",
        reduce=functools.reduce,
    )
    assert set(all_marked(page_data(space["steps"]))) == {
        "sum(xs)", "p * q", "sum(xs) * reduce(lambda p, q: p * q, xs)"
    }  # fmt: skip


def test_numpy_at_work_on_values_belongs_to_the_call(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    space = run(
        """
        xs = np.array([Value(1.0), Value(2.0)])
        steps = step(lambda: np.mean(xs) + np.var(xs), source=True)
        """,
        tmp_path / "t.py",
        np=np,
    )
    assert set(all_marked(page_data(space["steps"]))) == {
        "np.mean(xs)", "np.var(xs)", "np.mean(xs) + np.var(xs)"
    }  # fmt: skip


def test_text_without_a_file_has_its_line_alone() -> None:
    space = run("\nwith trace_source():\n    y = Value(2.0) * 3.0", "<nowhere>")
    data = data_of(space["y"])
    assert data["nodes"][-1]["at"] == "<nowhere>:3"
    assert data["sources"] == {
        "files": [{"name": "<nowhere>", "lines": [[3, None]]}],
        "places": [[0, 3, None, None, None]] * 2,  # the leaf and the product
    }


def test_a_file_that_became_shorter_is_no_trouble(tmp_path: Path) -> None:
    space = run("\n\nwith trace_source():\n    y = Value(2.0) * 3.0", tmp_path / "t.py")
    (tmp_path / "t.py").write_text("# gone\n", encoding="utf-8")
    data = data_of(space["y"])
    assert data["sources"]["places"] == [[0, 4, None, None, None]] * 2
    assert data["sources"]["files"] == [{"name": "t.py", "lines": [[1, "# gone"], [4, None]]}]


def test_a_doctest_shows_its_example() -> None:
    example = doctest.DocTestParser().get_doctest(
        ">>> x = Value(3.0)\n>>> data = page(step(lambda: x * x + x, source=True))\n",
        {"Value": Value, "step": step, "page": page_data}, "lesson", None, 0,
    )  # fmt: skip
    result = doctest.DocTestRunner(verbose=False).run(example, clear_globs=False)
    assert result.failed == 0
    assert all_marked(example.globs["data"]) == ["x * x", "x * x + x"]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # IPython would warn if another one is active
    interactiveshell = pytest.importorskip("IPython.core.interactiveshell", reason="IPython is not installed")
    made = interactiveshell.InteractiveShell.instance()
    yield made
    interactiveshell.InteractiveShell.clear_instance()


def test_cells_of_a_notebook_are_told_apart_even_if_they_read_the_same(shell: Any) -> None:
    cells = [
        "from autograd_lite import Value, trace_source, step\nx = Value(2.0)",
        "with trace_source():\n    x = x * x",
        "with trace_source():\n    x = x * x",
        "steps = step(x)",
    ]
    for cell in cells:
        shell.run_cell(cell, store_history=True).raise_error()
    data = page_data(shell.user_ns["steps"])
    assert [data["nodes"][index]["at"] for index in data["order"]] == ["In[2]:2", "In[3]:2"]
    assert all_marked(data) == ["x * x", "x * x"]
    whole = [[1, "with trace_source():"], [2, "    x = x * x"]]
    assert data["sources"]["files"] == [{"name": f"In[{k}]", "lines": whole} for k in (2, 3)]


# --- how much of the user's code is shown ---------------------------------------------------------------


def shown_lines(data: Data) -> list[int]:
    (file,) = data["sources"]["files"]
    return [number for number, _ in file["lines"]]


def test_a_short_file_is_shown_whole_and_of_a_long_one_the_functions_that_matter(tmp_path: Path) -> None:
    program = (
        "SECRET = 1\n" * 100
        + "def f(x):\n    # how\n    return x * x\n"
        + "#\n" * 100
        + "steps = step(lambda: f(Value(2.0)), source=True)\n"
        + "#\n" * 100
    )
    long = page_data(run(program, tmp_path / "long.py")["steps"])
    assert shown_lines(long) == [101, 102, 103, *range(201, 208)]
    short = page_data(
        run(program.replace("#\n", "").replace("SECRET = 1\n", ""), tmp_path / "short.py")["steps"]
    )
    assert shown_lines(short) == [1, 2, 3, 4]


def test_a_very_long_function_and_text_that_is_no_python_show_the_lines_around(tmp_path: Path) -> None:
    body = "    x = x\n" * 60
    space = run(f"def f(x):\n{body}    y = x * x\n{body}    return y\n", tmp_path / "t.py")
    x = Value(2.0)
    with trace_source():
        y = space["f"](x)
    assert shown_lines(data_of(y)) == list(range(59, 66))
    (tmp_path / "t.py").write_text("?\n" * 300, encoding="utf-8")
    assert shown_lines(data_of(y)) == list(range(59, 66))


def test_without_source_no_code_is_in_the_page(tmp_path: Path) -> None:
    space = run("x = Value(1.0)\nwith trace_source():\n    y = x * x if x > 0 else x", tmp_path / "t.py")
    data = data_of(space["y"], source=False)
    assert data["sources"] == {"files": [], "places": []}
    assert not any("place" in entry for entry in [*data["nodes"], *data["guards"]])
    assert [guard["text"] for guard in data["guards"]] == ["n0 > 0"]
    assert "trace_source" not in json.dumps(data)
    assert "trace_source" in json.dumps(data_of(space["y"]))


# --- what step() takes ----------------------------------------------------------------------------------


def test_step_calls_a_function_and_traces_it_if_asked() -> None:
    x = Value(3.0, label="x")
    assert step(lambda: x * x).gradients == {"x": 6.0, "n1": 1.0}
    assert step(lambda: x * x).root.source == ""
    assert step(lambda: x * x, source=True).root.source.startswith("test_source_lines.py:")


def test_step_says_what_it_cannot_take() -> None:
    x = Value(3.0)
    with pytest.raises(ArgumentError, match=r"with trace_source\(\).*step\(lambda"):
        step(x * x, source=True)
    with pytest.raises(ValueTypeError, match="returned 3, not a Value"):
        step(lambda: 3)  # type: ignore[arg-type,return-value]
    with pytest.raises(ArgumentError, match=r"without arguments.*'q'"):
        step(lambda q: q)  # type: ignore[arg-type,misc]
    with pytest.raises(ValueTypeError, match="not list: give it the result"):
        step([x])  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        step(lambda: x * (1 / 0))


# --- what it costs --------------------------------------------------------------------------------------


def test_untraced_nodes_get_no_dictionary() -> None:
    x = Value(3.0)
    with scope("a"):
        assert x > 1.0
        y = x * x
    referents = gc.get_referents(y)
    assert not any(isinstance(each, dict) for each in referents)
    assert (y.source, y._guards) == ("", None)


def test_traced_nodes_of_one_place_share_its_record() -> None:
    with trace_source():
        made = [Value(1.0) for _ in range(3)]
        assert made[0] < made[1] or made[0] == made[1]
    assert len({id(node._source) for node in made}) == 1


def test_code_that_is_gone_leaves_no_record() -> None:
    from autograd_lite.sources import _known

    before = len(_known)
    for _ in range(20):
        run("with trace_source():\n    y = Value(2.0) * 3.0", "<text>")
    gc.collect()
    assert len(_known) <= before + 1


def test_values_made_without_gradients_are_placed_too() -> None:
    with no_grad(), trace_source():
        y = Value(2.0) * 3.0
    assert y.source.startswith("test_source_lines.py:")
    assert y.is_leaf
