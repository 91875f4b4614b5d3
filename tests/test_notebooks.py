"""The notebooks run from top to bottom, and what is committed is what they show.

After a change that alters what they print, execute them anew with

    python tests/test_notebooks.py
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 1_200_000  # bytes: a player is some 130,000, and GitHub shows light notebooks at once
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3",
    },
}  # fmt: skip

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra `test`)")
    return nbformat.read(path, as_version=4)


def execute(notebook: Any, folder: Path) -> None:
    """Run the cells in a kernel of their own, working in `folder`; an error in a cell raises."""
    from nbclient import NotebookClient

    client = NotebookClient(
        notebook,
        timeout=120,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    # this repository's package, and nobody's own settings of IPython
    settings = {"PYTHONPATH": str(FOLDER.parent), "IPYTHONDIR": str(folder / ".ipython")}
    client.execute(env={**os.environ, **settings})
    notebook.metadata = METADATA  # the kernel has written its Python version there


def texts(cell: Any) -> list[str]:
    """All that a cell shows as text. Pictures and players aside: their bytes depend on the renderer's and the
    compressor's version."""
    shown = []
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            shown.append(output.text)
        else:
            data = {kind: text for kind, text in output.data.items() if kind != "text/html"}
            shown += [text for kind, text in sorted(data.items()) if kind.startswith("text/")]
    return shown


def kinds(cell: Any) -> list[list[str]]:
    """The kinds of data that each output of a cell holds."""
    return [sorted(output.get("data", {"stream": ""})) for output in cell.get("outputs", ())]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def answers(notebook: Any) -> list[str]:
    """The code of the hidden answers to the exercises."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [code for text in prose for code in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)]


def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS] == [
        "01_value_and_backward.ipynb", "02_drawing_graphs.ipynb", "03_xor.ipynb", "04_stepping.ipynb",
        "05_textbook_backprop.ipynb", "06_training.ipynb", "07_microgpt.ipynb", "08_diagnose.ipynb",
        "09_compile.ipynb",
    ]  # fmt: skip


@each_notebook
def test_execution_gives_what_is_committed(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbclient", reason="nbclient is not installed (extra `test`)")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed (extra `test`)")
    import nbformat

    committed = read(path)
    fresh = read(Path(shutil.copy(path, tmp_path)))
    solutions = [nbformat.v4.new_code_cell(code) for code in answers(fresh)]
    fresh.cells.extend(solutions)  # an answer that is wrong fails its assertions
    execute(fresh, tmp_path)
    how = f"run `python tests/{Path(__file__).name}` and look at the difference"
    for before, after in zip(code_cells(committed), code_cells(fresh), strict=False):
        assert texts(after) == texts(before), f"{path.name}, below {before.source[:60]!r}: {how}"
        assert kinds(after) == kinds(before), f"{path.name}, below {before.source[:60]!r}: {how}"
    assert solutions


@each_notebook
def test_committed_with_outputs_and_in_order(path: Path) -> None:
    cells = code_cells(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(bool(cell.outputs) for cell in cells) > len(cells) / 2
    assert any("image/svg+xml" in str(kinds(cell)) for cell in cells)
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert not [output for cell in cells for output in cell.outputs if output.get("name") == "stderr"]


@each_notebook
def test_light_and_clean(path: Path) -> None:
    notebook = read(path)
    assert path.stat().st_size < LARGEST
    assert notebook.metadata == METADATA
    assert not [cell.metadata for cell in notebook.cells if cell.metadata]
    shown = "\n".join(text for cell in code_cells(notebook) for text in texts(cell))
    assert not re.search(r"0x[0-9a-f]{6,}|/home/|/root/|/tmp/|/work/", shown), "places of one machine"


@each_notebook
def test_links_lead_somewhere(path: Path) -> None:
    prose = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", prose)
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []


def _execute_all_in_place() -> None:
    import nbformat

    for path in NOTEBOOKS:
        notebook = read(path)
        for cell in code_cells(notebook):
            cell.metadata = {}
        with tempfile.TemporaryDirectory() as folder:
            execute(notebook, Path(folder))
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    _execute_all_in_place()
