"""ES modules joined into one script, so that a page needs no second file.

Each module's `import` lines go and its `export` words too; what is left shares one module scope, so two
modules never define the same name at their top (a test sees to it). Lines of comment stay in the files.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

__all__ = ["linked", "modules_of"]

_IMPORT = re.compile(r'^import\s*\{[^}]*\}\s*from\s*"\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*//.*\n", re.MULTILINE)


@functools.cache
def linked(folder: Path, entry: str) -> str:
    """The module `entry` and all that it imports as one module without imports."""
    bodies = []
    for path in modules_of(folder, entry):
        text = path.read_text(encoding="utf-8")
        bodies.append(_COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub("", text))).strip())
    return "\n\n".join(bodies) + "\n"


def modules_of(folder: Path, entry: str) -> list[Path]:
    """The files of a module and all it imports, each after those it imports itself."""
    found: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in found:
            return
        if name in above:
            raise ValueError(f"modules import each other in a circle: {' -> '.join([*above, name])}")
        for other in _IMPORT.findall((folder / name).read_text(encoding="utf-8")):
            visit(other, (*above, name))
        found[name] = None

    visit(entry, ())
    return [folder / name for name in found]
