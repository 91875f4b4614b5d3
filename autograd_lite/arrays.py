"""Values in NumPy: `np.float64(2) * v`, `array * v`, `np.exp(v)` give Values, or object arrays of them.

NumPy asks a Value what a universal function (ufunc) means; the answer is the row of the op table with that
NumPy name.
"""

from __future__ import annotations

import math
import operator
from functools import partial
from typing import Any

from . import ops
from .errors import GraphError
from .ops.row import as_number

__all__ = ["SUPPORTED", "apply_ufunc", "on_elements"]

_COMPARISONS = {
    "greater": operator.gt, "greater_equal": operator.ge, "less": operator.lt, "less_equal": operator.le,
    "equal": operator.eq, "not_equal": operator.ne,
}  # fmt: skip


# asked by comparisons, so that they are seen as branches of the program
_QUESTIONS = {
    "isnan": lambda a: a != a,
    "isinf": lambda a: a == math.inf or a == -math.inf,
    "isfinite": lambda a: -math.inf < a < math.inf,
    "signbit": lambda a: a < 0.0 or math.copysign(1.0, _number(a)) < 0.0,
}


def _number(element: Any) -> Any:
    return element.item() if hasattr(element, "_data") else element


def _asking(question: Any, element: Any) -> bool:
    return bool(question(_comparable(element)))


def _comparing(compare: Any) -> Any:
    """Compare two elements: NumPy's own scalars would ask the Value again, for ever."""
    return lambda a, b: compare(_comparable(a), _comparable(b))


def _comparable(element: Any) -> Any:
    """A Value as it is, anything else as a plain number if it can be one."""
    if hasattr(element, "_data"):
        return element
    try:
        return as_number(element)
    except (TypeError, ValueError):
        return element


# ufunc name -> what it does to one set of elements; comparisons give bools, as they do outside NumPy
SUPPORTED: dict[str, Any] = {
    row.natives["numpy"]: row
    for row in ops.TABLE.values()
    if "numpy" in row.natives and row.arity is not None and not row.immediates and not row.condition
}
SUPPORTED |= {"fabs": ops.abs, "true_divide": ops.div, "remainder": ops.mod, "rint": ops.round}
SUPPORTED |= {"power": ops.pow}  # whose name in the table stands for a plain exponent too
SUPPORTED |= {name: _comparing(compare) for name, compare in _COMPARISONS.items()}
SUPPORTED |= {name: partial(_asking, question) for name, question in _QUESTIONS.items()}


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """What NumPy's ufunc gives when an operand is a Value. Raises `GraphError` if there is no row for it."""
    function = SUPPORTED.get(ufunc.__name__)
    if function is None or method != "__call__" or settings:
        asked = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
        extra = f" with {', '.join(settings)}=" if settings else ""
        raise GraphError(
            f"numpy.{asked}{extra} is not differentiable here. Supported: {', '.join(sorted(SUPPORTED))}"
        )
    if all(getattr(value, "ndim", 0) == 0 for value in inputs):
        return function(*(value[()] if hasattr(value, "dtype") else value for value in inputs))
    result = on_elements(function, inputs)
    gives_bools = ufunc.__name__ in _COMPARISONS or ufunc.__name__ in _QUESTIONS
    return result.astype(bool) if gives_bools else result


def on_elements(function: Any, operands: tuple[Any, ...]) -> Any:
    """An object array of what the function gives for each set of elements, the operands broadcast."""
    import numpy

    cells = [operand if hasattr(operand, "ndim") else _cell(numpy, operand) for operand in operands]
    return numpy.frompyfunc(function, len(operands), 1)(*cells)


def _cell(numpy: Any, value: Any) -> Any:
    """A 0-d object array around one value: without it NumPy would ask the Value again, for ever."""
    cell = numpy.empty((), dtype=object)
    cell[()] = value
    return cell
