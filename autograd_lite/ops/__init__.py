"""The op table: every primitive, written once.

Each name is a row that can be called on numbers, arrays and Values; `TABLE` maps the names to the rows.
Everything else in the library (methods, drawing, stepping, docs, tests) reads these rows.

>>> from autograd_lite import ops
>>> ops.exp(0.0), ops.maximum(2.0, 3.0), ops.sum(1.0, 2.0, 3.0)
(1.0, 3.0, 6.0)
>>> ops.TABLE["tanh"].domain
'every real number'
"""

from __future__ import annotations

from . import activations, elementary, reductions, special
from .activations import (
    elu,
    gelu,
    hardtanh,
    leaky_relu,
    log_sigmoid,
    logaddexp,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
)  # fmt: skip
from .elementary import absolute as abs
from .elementary import (
    acos,
    acosh,
    add,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    choose,
    clip,
    cos,
    cosh,
    detach,
    div,
    equal,
    exp,
    exp2,
    expm1,
    floor,
    greater,
    greater_equal,
    hypot,
    identity,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    mod,
    mul,
    neg,
    not_equal,
    pow,
    power,
    reciprocal,
    select,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    sub,
    tan,
    tanh,
    where,
)  # fmt: skip
from .elementary import rounded as round
from .reductions import dot, logsumexp, mean, norm, prod, put, softmax, sum, take
from .reductions import largest as max
from .reductions import smallest as min
from .row import Op
from .special import digamma, erf, erfc, lgamma, polygamma

TABLE: dict[str, Op] = {
    row.name: row
    for module in (elementary, special, activations, reductions)
    for row in vars(module).values()
    if isinstance(row, Op)
}
for _name, _row in TABLE.items():  # the imports above are for type checkers: a new row is here without them
    globals().setdefault(_name, _row)

__all__ = [
    "TABLE", "Op", "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "choose",
    "clip", "cos", "cosh", "detach", "digamma", "div", "dot", "elu", "equal", "erf", "erfc", "exp", "exp2", "expm1",
    "floor", "gelu", "greater", "greater_equal", "hardtanh", "hypot", "identity", "leaky_relu", "less", "less_equal",
    "lgamma", "log", "log1p", "log2", "log10", "log_sigmoid", "logaddexp",
    "logical_and", "logical_not", "logical_or", "logsumexp", "max", "maximum", "mean", "min",
    "minimum", "mish", "mod", "mul", "neg", "norm", "not_equal", "polygamma", "pow", "power", "prod", "put",
    "reciprocal", "relu", "round", "select", "selu", "sigmoid", "sign", "silu", "sin", "sinh", "softmax", "softplus",
    "sqrt", "square", "sub", "sum", "take", "tan", "tanh", "where",
]  # fmt: skip
