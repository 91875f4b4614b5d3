"""autograd-lite: scalar reverse-mode autodiff, made to be seen.

>>> from autograd_lite import Value
>>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
>>> loss = (a * b).tanh()
>>> loss.backward()
>>> round(a.grad, 8)
-7.373e-05
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import ops
from .engine import Value, detect_anomaly, gradients, no_grad, scope, topological_order, trace_source
from .errors import AnomalyError, AutogradError, CompileError, GradientDropped, RetraceWarning
from .functional import grad, gradcheck, hessian, hvp, jacobian, jvp, value_and_grad

if TYPE_CHECKING:
    from . import nn
    from .compiling.compiled import Compiled, compile
    from .drawing import Drawing, draw
    from .graph import Graph
    from .stepping import Backprop, Step, step

__version__ = "0.1.0"

__all__ = [
    "AnomalyError", "AutogradError", "Backprop", "CompileError", "Compiled", "Drawing", "GradientDropped",
    "Graph", "RetraceWarning", "Step", "Value", "compile", "detect_anomaly", "draw", "grad", "gradcheck",
    "gradients", "hessian", "hvp", "jacobian", "jvp", "nn", "no_grad", "ops", "scope", "step",
    "topological_order", "trace_source", "value_and_grad",
]  # fmt: skip

# Loaded when first asked for, so that a program which only computes starts at once.
_LATER = {
    "Backprop": "stepping", "Compiled": "compiling.compiled", "Drawing": "drawing", "Graph": "graph",
    "Step": "stepping", "compile": "compiling.compiled", "draw": "drawing", "nn": "nn", "step": "stepping",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_LATER[name]}", __name__)
    found = module if name == _LATER[name] else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
