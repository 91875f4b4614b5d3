"""Every op a second and a third time, written independently of the op table: in mpmath, and in PyTorch.

The mpmath functions take numbers of any precision and know nothing of derivatives: those are found by
differences in several hundred digits, so that no formula of ours is checked against a copy of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mpmath as mp

__all__ = [
    "REFERENCES", "difference", "digits", "exact", "relative_error", "second_difference", "torch_functions",
]  # fmt: skip

Function = Callable[..., Any]


def _whole(a: Any) -> Any:
    """Nearest whole number, halves to even."""
    below = mp.floor(a)
    if a - below != 0.5:
        return mp.floor(a + 0.5)
    return below if mp.fmod(below, 2) == 0 else below + 1


def _sigmoid(a: Any) -> Any:
    return 1 / (1 + mp.exp(-a))


def _softplus(a: Any) -> Any:
    return mp.log1p(mp.exp(a)) if a < 0 else a + mp.log1p(mp.exp(-a))


def _elu(a: Any, alpha: Any) -> Any:
    return a if a > 0 else alpha * mp.expm1(a)


def _clip(a: Any, low: Any, high: Any) -> Any:
    return min(max(a, mp.mpf(low)), mp.mpf(high))


def _halves_product(a: Sequence[Any]) -> Any:
    half = len(a) // 2
    return mp.fsum(x * y for x, y in zip(a[:half], a[half:], strict=True))


# Klambauer et al. (2017), equation 14, from its closed form
def _selu(a: Any) -> Any:
    tail = mp.erfc(1 / mp.sqrt(2)) * mp.exp(mp.mpf(1) / 2)
    alpha = -mp.sqrt(2 / mp.pi) / (tail - 1)
    e = mp.e
    scale = (
        (1 - mp.erfc(1 / mp.sqrt(2)) * mp.sqrt(e))
        * mp.sqrt(2 * mp.pi)
        / mp.sqrt(
            2 * mp.erfc(mp.sqrt(2)) * e**2 + mp.pi * mp.erfc(1 / mp.sqrt(2)) ** 2 * e
            - 2 * (2 + mp.pi) * mp.erfc(1 / mp.sqrt(2)) * mp.sqrt(e) + mp.pi + 2
        )
    )  # fmt: skip
    return scale * _elu(a, alpha)


# Arguments as for `Op.forward`: the operands (an n-ary row's as one sequence), then the immediates.
REFERENCES: dict[str, Function] = {
    "greater": lambda a, b: mp.mpf(a > b),
    "greater_equal": lambda a, b: mp.mpf(a >= b),
    "less": lambda a, b: mp.mpf(a < b),
    "less_equal": lambda a, b: mp.mpf(a <= b),
    "equal": lambda a, b: mp.mpf(a == b),
    "not_equal": lambda a, b: mp.mpf(a != b),
    "logical_and": lambda a, b: mp.mpf(a != 0 and b != 0),
    "logical_or": lambda a, b: mp.mpf(a != 0 or b != 0),
    "logical_not": lambda a: mp.mpf(a == 0),
    "choose": lambda c, a, b: a if c != 0 else b,
    "select": lambda a, b, condition: a if condition else b,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": lambda a, b: mp.power(a, b),
    "power": lambda a, p: mp.power(a, p),
    "square": lambda a: mp.power(a, 2),
    "reciprocal": lambda a: 1 / a,
    "identity": lambda a: a,
    "detach": lambda a: a,
    "exp": lambda a: mp.exp(a),
    "exp2": lambda a: mp.power(2, a),
    "expm1": lambda a: mp.exp(a) - 1,
    "log": lambda a: mp.log(a),
    "log1p": lambda a: mp.log(1 + a),
    "log2": lambda a: mp.log(a) / mp.log(2),
    "log10": lambda a: mp.log(a) / mp.log(10),
    "sqrt": lambda a: mp.sqrt(a),
    "cbrt": lambda a: mp.sign(a) * mp.cbrt(abs(a)),
    "sin": lambda a: mp.sin(a),
    "cos": lambda a: mp.cos(a),
    "tan": lambda a: mp.tan(a),
    "asin": lambda a: mp.asin(a),
    "acos": lambda a: mp.acos(a),
    "atan": lambda a: mp.atan(a),
    "atan2": lambda a, b: mp.atan2(a, b),
    "sinh": lambda a: mp.sinh(a),
    "cosh": lambda a: mp.cosh(a),
    "tanh": lambda a: mp.tanh(a),
    "asinh": lambda a: mp.asinh(a),
    "acosh": lambda a: mp.acosh(a),
    "atanh": lambda a: mp.atanh(a),
    "abs": lambda a: abs(a),
    "sign": lambda a: mp.sign(a),
    "floor": lambda a: mp.floor(a),
    "ceil": lambda a: mp.ceil(a),
    "round": _whole,
    "mod": lambda a, b: a - b * mp.floor(a / b),
    "maximum": lambda a, b: max(a, b),
    "minimum": lambda a, b: min(a, b),
    "clip": _clip,
    "hypot": lambda a, b: mp.sqrt(a * a + b * b),
    "erf": lambda a: mp.erf(a),
    "erfc": lambda a: mp.erfc(a),
    "lgamma": lambda a: mp.re(mp.loggamma(a)),
    "digamma": lambda a: mp.digamma(a),
    "polygamma": lambda a, n: mp.polygamma(int(n), a),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "log_sigmoid": lambda a: -_softplus(-a),
    "relu": lambda a: max(a, mp.mpf(0)),
    "leaky_relu": lambda a, slope: a if a > 0 else slope * a,
    "elu": _elu,
    "selu": _selu,
    "gelu": lambda a: a * mp.erfc(-a / mp.sqrt(2)) / 2,
    "silu": lambda a: a * _sigmoid(a),
    "mish": lambda a: a * mp.tanh(_softplus(a)),
    "hardtanh": _clip,
    "logaddexp": lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
    "sum": lambda a: mp.fsum(a),
    "mean": lambda a: mp.fsum(a) / len(a),
    "prod": lambda a: mp.fprod(a),
    "dot": _halves_product,
    "logsumexp": lambda a: max(a) + mp.log(mp.fsum(mp.exp(x - max(a)) for x in a)),
    "max": lambda a: max(a),
    "min": lambda a: min(a),
    "norm": lambda a: mp.sqrt(mp.fsum(x * x for x in a)),
}


@contextmanager
def digits(count: int) -> Iterator[None]:
    """Within it, mpmath computes with so many decimal digits."""
    with mp.workdps(count):
        yield


def exact(numbers: Sequence[float]) -> list[Any]:
    """Floats as mpmath numbers of exactly the same value."""
    return [mp.mpf(number) for number in numbers]


def _moved(point: Sequence[Any], steps: dict[int, Any]) -> list[Any]:
    return [x + steps.get(k, 0) for k, x in enumerate(point)]


def _step(x: Any) -> Any:
    return mp.power(10, -mp.mp.dps // 4) * max(abs(x), mp.mpf(1))


def difference(f: Callable[[list[Any]], Any], point: Sequence[Any], i: int) -> Any:
    """The derivative of `f` by number `i` of the point: a central difference, good to half the digits."""
    h = _step(point[i])
    return (f(_moved(point, {i: h})) - f(_moved(point, {i: -h}))) / (2 * h)


def second_difference(f: Callable[[list[Any]], Any], point: Sequence[Any], i: int, j: int) -> Any:
    """The second derivative of `f` by numbers `i` and `j` of the point."""
    h, k = _step(point[i]), _step(point[j])
    if i == j:
        return (f(_moved(point, {i: h})) - 2 * f(list(point)) + f(_moved(point, {i: -h}))) / h**2
    corners = {(u, v): f(_moved(point, {i: u * h, j: v * k})) for u in (1, -1) for v in (1, -1)}
    return (corners[1, 1] - corners[1, -1] - corners[-1, 1] + corners[-1, -1]) / (4 * h * k)


def relative_error(found: float, true: Any) -> float:
    """|found - true| / |true|; for a true zero (to the digits in use) the absolute error."""
    error = abs(mp.mpf(found) - true)
    return float(error if abs(true) < mp.power(10, -mp.mp.dps // 3) else error / abs(true))


def torch_functions(torch: Any) -> dict[str, Function]:
    """Rows' counterparts in PyTorch, on tensors of one float64 each (an n-ary row's as one sequence)."""
    functional = torch.nn.functional

    def stacked(function: Function) -> Function:
        return lambda a: function(torch.stack(list(a)))

    def halves(a: Any) -> Any:
        half = len(a) // 2
        return torch.dot(torch.stack(list(a[:half])), torch.stack(list(a[half:])))

    found: dict[str, Function] = {
        name: getattr(torch, name)
        for name in (
            "greater", "greater_equal", "less", "less_equal", "not_equal", "logical_and",
            "logical_or", "logical_not", "add", "sub", "mul", "div", "neg", "pow", "square",
            "reciprocal", "detach", "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt",
            "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh",
            "acosh", "atanh", "abs", "sign", "floor", "ceil", "round", "maximum", "minimum",
            "hypot", "erf", "erfc", "lgamma", "digamma", "sigmoid", "relu", "selu", "logaddexp",
        )
    }  # fmt: skip
    found |= {
        "equal": torch.eq,
        "choose": lambda c, a, b: torch.where(c != 0, a, b),
        "select": lambda a, b, condition: torch.where(torch.tensor(condition), a, b),
        "power": torch.pow,
        "identity": torch.clone,
        "mod": torch.remainder,
        "clip": torch.clamp,
        "polygamma": lambda a, n: torch.polygamma(int(n), a),
        # torch's softplus is the identity above its threshold, 20 by default: here it is not to be reached
        "softplus": lambda a: functional.softplus(a, threshold=700.0),
        "log_sigmoid": functional.logsigmoid,
        "leaky_relu": functional.leaky_relu,
        "elu": functional.elu,
        "gelu": functional.gelu,
        "silu": functional.silu,
        "mish": functional.mish,
        "hardtanh": functional.hardtanh,
        "sum": stacked(torch.sum),
        "mean": stacked(torch.mean),
        "prod": stacked(torch.prod),
        "dot": halves,
        "logsumexp": stacked(lambda t: torch.logsumexp(t, 0)),
        "max": stacked(torch.amax),
        "min": stacked(torch.amin),
        "norm": stacked(torch.linalg.vector_norm),
    }
    return found
