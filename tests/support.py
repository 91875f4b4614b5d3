"""The op table as test cases: every row at its points and edges, with several settings of its parameters."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from autograd_lite import Value, ops
from autograd_lite.ops import Op

__all__ = ["EDGES", "OTHER_SETTINGS", "POINTS", "applied", "load_benchmark", "settings_of", "swept"]

Settings = tuple[Any, ...]
Point = tuple[float, ...]

# For every row with static parameters, settings besides the defaults.
OTHER_SETTINGS: dict[str, tuple[Settings, ...]] = {
    "select": ((False,),),
    "power": ((3.0,), (-2.0,), (0.0,), (1.0,), (-1.0,)),
    "clip": ((-1.0, 0.75),),
    "polygamma": ((2.0,), (3.0,)),
    "leaky_relu": ((0.3,), (-0.5,)),
    "elu": ((1.7,),),
    "hardtanh": ((-2.5, 2.5),),
}


def settings_of(row: Op) -> tuple[Settings, ...]:
    """The parameters to try a row with: the defaults first."""
    return (tuple(row.immediates.values()), *OTHER_SETTINGS.get(row.name, ()))


def applied(row: Op, settings: Settings) -> Callable[..., Any]:
    """The row with its parameters set, as a function of the operands."""
    named = dict(zip(row.immediates, settings, strict=True))
    return lambda *operands: row(*operands, **named)


def swept(row: Op, point: Point, settings: Settings) -> tuple[Value, list[Value]]:
    """The row applied to leaves and gone back through, every warning an error: the result, the leaves."""
    leaves = [Value(x) for x in point]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = applied(row, settings)(*leaves)
        y.backward()
    return y, leaves


def _cases(points_of: Callable[[Op], tuple[Point, ...]]) -> list[Any]:
    return [
        pytest.param(row, point, settings, id=" ".join(map(str, (row.name, point, *settings[:1]))))
        for row in ops.TABLE.values()
        for point in points_of(row)
        for settings in settings_of(row)
    ]


POINTS = _cases(lambda row: row.points)
EDGES = _cases(lambda row: row.edges)

def load_benchmark(name: str) -> ModuleType:
    """A script of `benchmarks/` as a module."""
    path = Path(__file__).parent.parent / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
