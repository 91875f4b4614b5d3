"""Which executor replays a tape: the table of them, and how `auto` picks one.

`auto` weighs what making a kernel costs against what a call costs. Straight-line machine code (`llvm`) is
ready in some tens of microseconds an operation, even where nothing is cached; the `interpreter` is made once
for all tapes (about a second, the first time on a machine), then plans each in milliseconds, and its calls
take no longer, for it recognises sums of products; `numpy` pays a call of NumPy for each op and depth, so it
is no good for deep narrow tapes; `python` needs nothing and suits small tapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from ..errors import ArgumentError, CompileError, nearest
from .kernel import Kernel, LaneKernel
from .tape import ROWS, TAKE, Tape

__all__ = [
    "EXECUTORS", "LANE_OPERANDS", "Choice", "check_executor", "choose", "choose_lanes", "prepare",
    "prepare_lanes", "suits_lanes",
]  # fmt: skip


class Executor(NamedTuple):
    """Where an executor stands and what it needs."""

    module: str
    """Has `prepare`; empty for none."""
    lanes: str
    """The module that has `prepare_lanes`; empty if a batch is a loop over single calls."""
    needs: str
    """The package without which it does not run."""
    threads: bool = False
    """Whether its `prepare_lanes` takes `threads`."""


EXECUTORS = {
    "python": Executor("python_straight", "", ""),
    "numpy": Executor("levels", "levels", "numpy"),
    "llvm": Executor("llvm_straight", "", "llvmlite"),
    "interpreter": Executor("interpreter", "lanes", "llvmlite", threads=True),
}

ALIASES = {"numba": "interpreter"}
"""Other names: the interpreter is compiled by llvmlite, which is numba's back end, and comes with numba."""

STRAIGHT_LIMIT = 150
"""Up to how many operations `auto` writes a tape out as machine code. Measured: that takes 7 ms for 100
operations and 70 for 1,000; the interpreter, once loaded, plans either in 3; calls of both take the same
up to here (about 5 µs), and beyond it the interpreter's are quicker (9 against 11 µs at 640)."""

PYTHON_LIMIT = 400
"""Up to how many operations `python` is at least as fast as `numpy`, however wide the tape is."""

WIDE = 16
"""How many operations a level must have on average for `numpy` to be worth its calls."""

_broken: dict[str, str] = {}  # packages that are there and cannot be imported, with the reason


class Choice(NamedTuple):
    """An executor and why it was chosen."""

    name: str
    why: str


LANE_OPERANDS = 64
"""In lanes a row of many operands has at most so many."""

_LOOPS = {"sum", "mean", "dot"}
"""Rows of many operands that are loops in lanes."""


def check_executor(name: str) -> str:
    """The executor's own name, if there is one that is called so and what it needs is installed.

    Raises `ArgumentError` for a name that is unknown, `CompileError` if a package is missing.

    >>> check_executor("interpret")
    Traceback (most recent call last):
    autograd_lite.errors.ArgumentError: there is no executor 'interpret': did you mean 'interpreter'? Known:
    auto, interpreter, llvm, numpy, python
    """
    if name == "auto":
        return name
    name = ALIASES.get(name, name)
    if name not in EXECUTORS:
        raise ArgumentError(f"there is no executor {name!r}: {nearest(str(name), [*EXECUTORS, 'auto'])}")
    if not _is_there(EXECUTORS[name].needs):
        needs = EXECUTORS[name].needs
        extra = "numpy" if needs == "numpy" else "'autograd-lite[fast]'"
        reason = f" ({_broken[needs]})" if needs in _broken else ""
        raise CompileError(
            f"the executor {name!r} needs {needs}, which cannot be imported here{reason}: "
            f"pip install {extra}, or leave the choice to executor='auto'"
        )
    return name


def choose(tape: Tape, asked: str = "auto") -> Choice:
    """The executor for single calls of a tape."""
    if asked != "auto":
        return Choice(asked, "asked for")
    size = len(tape.codes)
    count = f"{size:,} operation{'' if size == 1 else 's'}"
    if _llvmlite_works() and (size <= STRAIGHT_LIMIT or _is_there("numpy")):
        if size <= STRAIGHT_LIMIT:
            why = f"{count}: few enough (up to {STRAIGHT_LIMIT:,}) to be written out as machine code"
            return Choice("llvm", why)
        why = f"{count}: too many to be written out (over {STRAIGHT_LIMIT:,}), interpreted"
        return Choice("interpreter", why)
    without = _broken.get("llvmlite", "llvmlite is not installed (extra 'fast')")
    depth = depth_of(tape)
    if size > PYTHON_LIMIT and size >= WIDE * depth and _is_there("numpy"):
        return Choice("numpy", f"{without}; {count}, {depth:,} deep: wide enough for NumPy")
    shape = "a deep narrow graph" if size > PYTHON_LIMIT else "a small graph"
    return Choice("python", f"{without}; {count}, {depth:,} deep: {shape}")


def choose_lanes(asked: str = "auto") -> Choice:
    """The executor for a batch; "" for a loop over single calls."""
    if asked != "auto":
        if EXECUTORS[asked].lanes:
            return Choice(asked, "asked for")
        return Choice("", f"asked for {asked}, which takes one sample after the other")
    if _llvmlite_works():
        return Choice("interpreter", "llvmlite is installed, and many samples go through side by side")
    without = _broken.get("llvmlite", "llvmlite is not installed (extra 'fast')")
    return Choice("numpy", f"{without}; with many samples NumPy is the next best")


def prepare(name: str, tape: Tape, wanted: Sequence[int], *, fuse: bool = True) -> Kernel:
    """A kernel for single calls."""
    kernel: Kernel = _module(name, EXECUTORS[name].module).prepare(tape, wanted, fuse=fuse)
    return kernel


def prepare_lanes(
    name: str,
    tape: Tape,
    batched: Sequence[bool],
    wanted: Sequence[int],
    *,
    fuse: bool = True,
    threads: int | None = None,
) -> LaneKernel:
    """A kernel for batches."""
    module = _module(name, EXECUTORS[name].lanes)
    settings: dict[str, Any] = {"fuse": fuse}
    if threads is not None and EXECUTORS[name].threads:
        settings["threads"] = threads
    kernel: LaneKernel = module.prepare_lanes(tape, batched, wanted, **settings)
    return kernel


def suits_lanes(name: str, tape: Tape) -> bool:
    """Whether samples go side by side; else one after the other.

    In lanes a row of many operands (`max`, `logsumexp`) is written out in machine code for its very number of
    operands, and for hundreds that takes LLVM seconds and more.
    """
    if name != "interpreter" or len(tape.operands) <= LANE_OPERANDS:
        return True
    longest: dict[int, int] = {}
    for code, start, stop in zip(tape.codes, tape.starts, tape.starts[1:], strict=False):
        longest[code] = max(longest.get(code, 0), stop - start)
    return not any(
        count > LANE_OPERANDS and code < TAKE and ROWS[code].arity is None and ROWS[code].name not in _LOOPS
        for code, count in longest.items()
    )


def depth_of(tape: Tape) -> int:
    """How many operations the longest path has."""
    starts, operands, first = tape.starts, tape.operands, tape.first_operation
    level = [0] * len(tape)
    for k in range(len(tape.codes)):
        reads = operands[starts[k] : starts[k + 1]]
        level[first + k] = 1 + max(map(level.__getitem__, reads), default=0)
    return max(level, default=0)


def _is_there(package: str) -> bool:
    """Whether a package is installed, without importing it."""
    if not package:
        return True
    if package in _broken:
        return False
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _llvmlite_works() -> bool:
    """Whether llvmlite can be imported, for a choice that would import it at once."""
    if not _is_there("llvmlite"):
        return False
    try:
        import_module("llvmlite.binding")
    except Exception as error:  # a library that it loads may be missing (OSError), or of another machine
        _broken["llvmlite"] = f"llvmlite is installed but cannot be imported: {error}"
        return False
    return True


def _module(executor: str, name: str) -> Any:
    try:
        return import_module(f".{name}", __package__)
    except ImportError as error:
        needs = EXECUTORS[executor].needs
        _broken[needs] = f"{needs} is installed but cannot be imported: {error}"
        raise CompileError(
            f"the executor {executor!r} needs {needs}: {_broken[needs]}. "
            "pip install 'autograd-lite[fast]', or use executor='auto'"
        ) from error
