"""Imports run downwards only, `import autograd_lite` is light, and public names are what they claim to be."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import autograd_lite

PACKAGE = Path(autograd_lite.__file__).parent

# From the ground up. A module imports from the layers below its own, and from its own group; never from a
# neighbouring group, and never upwards. Imports under `if TYPE_CHECKING` do not count: nothing of them runs.
LAYERS: list[list[set[str]]] = [
    [{"errors", "files"}, {"console"}, {"differences"}, {"lettering"}, {"naming"}],
    [{"ops"}],
    [{"symbolic", "symbols", "printing", "javascript", "mathml"}],
    [
        {"engine", "_methods", "_generate", "rules", "sweeping", "adjoints", "modes"}
        | {"handmade", "inspection", "protocols", "arrays", "sources", "guards", "recording"}
    ],
    [{"functional", "structures"}, {"graph", "nodes", "folding", "graph_json"}, {"wording"}],
    [{"compiling"}],
    [
        {"drawing", "picture", "palette", "dot_source", "mermaid", "outline", "svg", "rendering", "charts"},
        {"nn"},
        {"expressions", "vocabulary", "pointing"},
    ],
    [{"stepping", "steps", "passes", "paths", "derivation", "account", "terminal", "keyboard", "player"}],
    [{""}],
    [{"cli", "demo", "checking", "reference"}],
    [{"__main__"}],
]
PLACES = {name: (k, group) for k, layer in enumerate(LAYERS) for group in layer for name in group}
HEAVY = ["numpy", "graphviz", "graphviz_pure", "matplotlib", "tqdm", "torch", "IPython"]
HEAVY += ["joblib", "sklearn", "pandas", "numba", "llvmlite"]


def _modules() -> dict[str, Path]:
    """Dotted names below the package ("" is the package itself), with the file of each."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _imports(name: str) -> set[str]:
    """The package's modules that a module imports, at its top or inside its functions."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    is_package = MODULES[name].name == "__init__.py"
    found: set[str] = set()
    for node in _running(tree):
        if isinstance(node, ast.Import):
            ours = [alias.name for alias in node.names if _top(alias.name) == "autograd_lite"]
            found.update(module.partition(".")[2] for module in ours)
        elif isinstance(node, ast.ImportFrom):
            base = _base_of(node, name.split(".") if name else [], is_package)
            if base is not None:
                wanted = [".".join([*base, alias.name]) for alias in node.names]
                found.update(module if module in MODULES else ".".join(base) for module in wanted)
    return found - {name}


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Every node of the tree, without what stands under `if TYPE_CHECKING`."""
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


def _base_of(node: ast.ImportFrom, parts: list[str], is_package: bool) -> list[str] | None:
    """Where `from X import …` looks, as parts below the package; None for somebody else's module."""
    wanted = node.module.split(".") if node.module else []
    if node.level == 0:
        return wanted[1:] if wanted[:1] == ["autograd_lite"] else None
    up = node.level - 1 if is_package else node.level
    return parts[: len(parts) - up] + wanted


def _top(name: str) -> str:
    return name.partition(".")[0]


def test_every_module_has_a_place() -> None:
    homeless = {_top(name) for name in MODULES} - PLACES.keys()
    assert not homeless, f"give {sorted(homeless)} a place in LAYERS"


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_downwards(name: str) -> None:
    layer, group = PLACES[_top(name)]
    outside = [other for other in _imports(name) if _top(other) not in group]
    wrong = [other for other in outside if PLACES[_top(other)][0] >= layer]
    assert not wrong, f"autograd_lite.{name} imports from {wrong}, which is not below it"


def test_no_import_cycle() -> None:
    # A package's own modules are reached through it, so `ops.row` importing `ops` is no cycle worth a report.
    waiting = {name: _imports(name) - {_top(name), ""} for name in MODULES if name}
    while ready := {name for name, needs in waiting.items() if not needs & waiting.keys()}:
        waiting = {name: needs for name, needs in waiting.items() if name not in ready}
    assert not waiting, f"these import each other: {sorted(waiting)}"


def test_the_map_of_compiling_shows_every_module() -> None:
    described = importlib.import_module("autograd_lite.compiling").__doc__ or ""
    shown = re.findall(r"^    (\w+) {2,}\S", described, re.MULTILINE)
    assert sorted(shown) == sorted(_top(name[10:]) for name in MODULES if name.startswith("compiling."))


def _in_fresh_python(program: str) -> str:
    command = [sys.executable, "-W", "error", "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_import_loads_nothing_heavy() -> None:
    loaded = _in_fresh_python(f"import sys, autograd_lite; print([n for n in {HEAVY} if n in sys.modules])")
    assert loaded.strip() == "[]"


def test_works_where_nothing_heavy_can_be_imported() -> None:
    program = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocker())
from autograd_lite import Value, draw, grad, nn, step

a, b = Value(2.0, label="a"), Value(-3.0, label="b")
loss = (a * b + 10).tanh()
loss.backward()
drawing = draw(loss)
assert "tanh" in drawing.mermaid, drawing.mermaid
assert "tanh" in drawing.text, drawing.text
assert abs(grad(lambda x: x**3)(2.0) - 12) < 1e-12
model = nn.MLP(2, [3, 1])
model([1.0, 2.0]).backward()
assert len(list(step(loss))) > 3
print(a.grad, b.grad)
"""
    a_grad, b_grad = map(float, _in_fresh_python(program).split())
    assert a_grad == pytest.approx(-3 * (1 - 0.999329299739067**2), rel=1e-12)
    assert b_grad == pytest.approx(2 * (1 - 0.999329299739067**2), rel=1e-12)


def test_import_loads_what_computing_needs_and_no_more() -> None:
    # How long it takes is measured in benchmarks/memory.py.
    later = ["autograd_lite.nn", "autograd_lite.drawing", "autograd_lite.graph", "autograd_lite.stepping"]
    slow = ["autograd_lite.symbolic", "inspect", "dataclasses", "tempfile", "difflib", "json"]
    program = f"import sys, autograd_lite; print([name for name in {later + slow} if name in sys.modules])"
    assert _in_fresh_python(program).strip() == "[]"


def test_public_names_are_sorted_and_complete() -> None:
    listed = [name for name in autograd_lite.__all__ if name != "__version__"]
    assert listed == sorted(listed)
    assert len(set(listed)) == len(listed)
    ours = {
        name
        for name, thing in vars(autograd_lite).items()
        if not name.startswith("_") and getattr(thing, "__module__", "").startswith("autograd_lite")
    }
    assert ours <= set(listed), "public, but not in __all__"
    assert set(listed) <= set(dir(autograd_lite))


def test_public_names_exist_and_hide_no_submodule() -> None:
    things = {name: getattr(autograd_lite, name) for name in autograd_lite.__all__}
    shared = things.keys() & MODULES.keys()
    assert [name for name in shared if not isinstance(things[name], types.ModuleType)] == []


@pytest.mark.parametrize("name", [name for name in MODULES if name != "__main__"])
def test_all_lists_things_that_exist(name: str) -> None:
    if name.startswith("compiling.lane"):
        pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
    module = importlib.import_module(f"autograd_lite.{name}".rstrip("."))
    listed = getattr(module, "__all__", [])
    assert [entry for entry in listed if not hasattr(module, entry)] == []
