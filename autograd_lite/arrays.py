"""Values in NumPy: `np.float64(2) * v`, `array * v`, `np.exp(v)` give Values, or object arrays of them.

NumPy asks a Value what a universal function (ufunc) means; the answer is the row of the op table with that
NumPy name.
"""

from __future__ import annotations

from typing import Any

from . import ops
from .errors import GraphError

__all__ = ["SUPPORTED", "apply_ufunc"]

_OPERATORS = {
    "greater": lambda a, b: a > b, "greater_equal": lambda a, b: a >= b, "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b, "equal": lambda a, b: a == b, "not_equal": lambda a, b: a != b,
    "power": lambda a, b: a**b,
}  # fmt: skip

# ufunc name -> what it does to one set of elements; comparisons give bools, as they do outside NumPy
SUPPORTED: dict[str, Any] = {
    row.natives["numpy"]: row
    for row in ops.TABLE.values()
    if "numpy" in row.natives and row.arity is not None and not row.immediates and not row.condition
}
SUPPORTED |= {"fabs": ops.abs, "true_divide": ops.div, "remainder": ops.mod, "rint": ops.round, **_OPERATORS}


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """What NumPy's ufunc gives when an operand is a Value; raises `GraphError` naming the ufunc if there is
    no row for it.
    """
    import numpy

    function = SUPPORTED.get(ufunc.__name__)
    if function is None or method != "__call__" or settings:
        asked = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
        extra = f" with {', '.join(settings)}=" if settings else ""
        raise GraphError(
            f"numpy.{asked}{extra} is not differentiable here. Supported: {', '.join(sorted(SUPPORTED))}"
        )
    if all(getattr(value, "ndim", 0) == 0 for value in inputs):
        return function(*(value.item() if hasattr(value, "dtype") else value for value in inputs))
    cells = [value if hasattr(value, "ndim") else _cell(numpy, value) for value in inputs]
    return numpy.frompyfunc(function, len(inputs), 1)(*cells)


def _cell(numpy: Any, value: Any) -> Any:
    """A 0-d object array around one value: without it NumPy would ask the Value again, for ever."""
    cell = numpy.empty((), dtype=object)
    cell[()] = value
    return cell
