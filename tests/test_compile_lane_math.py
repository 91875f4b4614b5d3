"""The vector functions against mpmath, with and without fused multiply-add."""

from __future__ import annotations

import ctypes
import math

import mpmath
import pytest

pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
numpy = pytest.importorskip("numpy")

import llvmlite.binding as llvm  # noqa: E402

from autograd_lite.compiling.lane_math import FUNCTIONS  # noqa: E402
from autograd_lite.compiling.lane_vectors import F64, I64, VOID, WIDTH, Code, compiled, new_module  # noqa: E402

INF, NAN = math.inf, math.nan
EXACT = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "tanh": mpmath.tanh,
}
LARGEST = {"exp": 1.1, "expm1": 1.7, "log": 0.8, "log1p": 0.9, "sqrt": 0.5, "tanh": 2.3}


def functions(features=None):
    module = new_module("functions")
    for name, function in FUNCTIONS.items():
        code = Code(module, name, VOID, [F64.as_pointer(), F64.as_pointer(), I64])
        source, target, count = code.arguments
        with code.loop(code.integer(0), count, WIDTH) as loop:
            code.store(function(code.load(source, loop.index)), target, loop.index)
        code.builder.ret_void()
    made = compiled(module, features)
    pointer = ctypes.c_void_p

    def caller(name):
        run = made.function(name, pointer, pointer, ctypes.c_int64)

        def call(numbers):
            padded = numpy.concatenate([numbers, numpy.ones(-len(numbers) % WIDTH)]).astype(float)
            result = numpy.empty_like(padded)
            run(padded.ctypes.data, result.ctypes.data, len(padded))
            return result[: len(numbers)].tolist()

        return call

    return {name: caller(name) for name in FUNCTIONS}


def without_fma():
    return llvm.get_host_cpu_features().flatten() + ",-fma,-avx2,-avx512f"


@pytest.fixture(scope="module", params=["as it is", "without fma"])
def vector(request):
    if request.param == "as it is":
        return functions()
    if "fma" not in llvm.get_host_cpu_features():
        pytest.skip("the processor is not one with fused multiply-add to be switched off")
    return functions(without_fma())


EDGES = [
    0.0, -0.0, INF, -INF, NAN, 5e-324, -5e-324, 2.2250738585072014e-308, 1e-300, 1e-17, -1e-17, 2.0**-54,
    2.0**-53, 1.0, -1.0, -0.9999999999999999, 0.9999999999999999, 1.0000000000000002, math.sqrt(0.5),
    math.sqrt(2.0), 709.78, 709.782712893384, 709.7827128933841, 709.79, 710.0, 1e5, 1e308, -708.3, -708.4,
    -745.13, -745.14, -746.0, -1e308, 18.7, 19.1, 20.0, 22.0, 354.8, 0.3465735902799726, -0.3465735902799727,
    0.17328679513998632,
]  # fmt: skip


def numbers(name):
    rng = numpy.random.default_rng(3)
    spread = [
        rng.uniform(-1.0, 1.0, 150) * size for size in (1e-310, 1e-300, 1e-9, 1e-3, 0.1, 0.4, 1, 3, 20, 745)
    ]
    wide = numpy.exp(rng.uniform(-700, 700, 300))
    return numpy.concatenate([*spread, wide, -wide, rng.uniform(0.5, 2.0, 800), EDGES])


def in_domain(name, x):
    return not ((name in ("log", "sqrt") and x < 0.0) or (name == "log1p" and x < -1.0))


def rounded(name, x):
    """The exact result in 50 digits, and as a float."""
    if x != x or not in_domain(name, x):
        return NAN, NAN
    if abs(x) == INF or x == 0.0 or (name == "log1p" and x == -1.0):
        with numpy.errstate(all="ignore"):
            value = float(getattr(numpy, name)(x))
        return value, value
    with mpmath.workdps(50):
        if name in ("exp", "expm1") and abs(x) > 1000.0:
            exact = mpmath.mpf(INF) if x > 0 else mpmath.mpf(0 if name == "exp" else -1)
        elif name == "tanh" and abs(x) > 1000.0:
            exact = mpmath.mpf(math.copysign(1.0, x))
        else:
            exact = EXACT[name](mpmath.mpf(x))
        return exact, float(exact)


@pytest.mark.parametrize("name", EXACT)
def test_within_a_few_ulp_of_the_exact_result(vector, name):
    given = numbers(name)
    worst = 0.0
    for x, found in zip(given.tolist(), vector[name](given), strict=True):
        exact, nearest = rounded(name, x)
        if nearest != nearest or abs(nearest) == INF or nearest == 0.0:
            assert repr(found) == repr(nearest), (name, x, found, nearest)
            continue
        assert math.isfinite(found), (name, x, found)
        assert math.copysign(1.0, found) == math.copysign(1.0, nearest)
        worst = max(worst, float(abs(mpmath.mpf(found) - exact) / math.ulp(nearest)))
    assert worst <= LARGEST[name] + 1e-9, (name, worst)


@pytest.mark.parametrize("name", ["abs", "floor"])
def test_exact_ones(vector, name):
    given = numbers(name)
    with numpy.errstate(all="ignore"):
        assert numpy.array_equal(vector[name](given), getattr(numpy, name)(given), equal_nan=True)
