"""Elementary functions of sixteen doubles at a time: no call, no branch, choices only.

Every function takes a `Vector` and gives one, within 2.3 ulp of the exact result, also where that is
subnormal; zeros keep their sign, infinities and NaN give what IEEE 754 says. The largest errors stated were
measured against mpmath at 50 digits on 60,000 random and edge points.

The reductions of the argument are those of fdlibm (e_exp.c, e_log.c, s_expm1.c, s_log1p.c; Sun Microsystems,
1993), with its two-part ln 2. The polynomials were fitted here: the comment above a table is the call that
printed it, with mpmath imported as `mp` and 60 digits of working precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .lane_vectors import WIDTH, Vector, bits_of, from_bits, integers

__all__ = ["FUNCTIONS"]

# mp.chebyfit(lambda r: sum(r**k / mp.factorial(k + 2) for k in range(45)), [-0.3467, 0.3467], 10):
# (exp(r) - 1 - r) / r²; largest relative error of exp 1.3e-17
EXP_NEAR = (
    2.51004110820149e-08, 2.7620121717381933e-07, 2.7557268406190795e-06, 2.4801521225986432e-05,
    0.00019841269863088255, 0.0013888888917258759, 0.008333333333330055, 0.04166666666662404,
    0.16666666666666669, 0.5000000000000001,
)  # fmt: skip

# mp.chebyfit(lambda z: sum(2 * z**k / (2*k + 3) for k in range(60)), [0, 0.02945], 7):
# (log((1 + s) / (1 - s)) / s - 2) / z with z = s², for |s| <= (√2 - 1) / (√2 + 1)
LOG_NEAR = (
    0.1461703754879165, 0.1533167403016786, 0.18182890556695602, 0.2222221111514416,
    0.2857142862609589, 0.3999999999989924, 0.666666666666667,
)  # fmt: skip

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # the first has 32 bits
WHOLE = 1.5 * 2.0**52  # added to a number below 2⁵¹, it leaves the nearest whole number in the low bits
BIAS = 1023


def polynomial(coefficients: Sequence[float], x: Vector) -> Vector:
    """The polynomial with these coefficients, highest power first, by Estrin's scheme.

    Pairs of terms are joined, then pairs of pairs, which takes less time than a chain as long as the
    polynomial, where every term waits for the one before.
    """
    joined: list[Vector | float] = list(coefficients[::-1])
    while len(joined) > 1:
        pairs = [_joined(x, *joined[k : k + 2]) for k in range(0, len(joined), 2)]
        joined, x = pairs, x * x
    total = joined[0]
    assert isinstance(total, Vector)
    return total


def _joined(x: Vector, low: Vector | float, high: Vector | float = 0.0) -> Vector | float:
    """low + x * high."""
    return low if high == 0.0 else x.times_plus(high, low)


def _reduced(x: Vector) -> tuple[Vector, Vector, Vector]:
    """n + WHOLE, n, and r = x - n·ln 2 with |r| <= 0.3467, for |x| below 1000."""
    shifted = x.times_plus(LOG2_E, WHOLE)
    n = shifted - WHOLE
    return shifted, n, n.times_plus(-LN2_LOW, n.times_plus(-LN2_HIGH, x))


def _power_of_two(shifted: Vector, bias: int = 0) -> Vector:
    """2 to the power n + bias, for n + WHOLE, if that is a normal number."""
    b = shifted.code.builder
    exponent = b.add(shifted.bits(), integers(BIAS + bias))
    return from_bits(shifted.code, b.shl(exponent, integers(52)))


def absolute(x: Vector) -> Vector:
    """|x|."""
    return x.called("fabs")


def exp(x: Vector) -> Vector:
    """e to the power x; largest error 1.1 ulp.

    exp(x) = 2ⁿ·exp(r). The power of two is made in two factors, as 2¹⁰²⁴ and what is below 2⁻¹⁰²² are not
    normal numbers while the result may be one.
    """
    inside = (x > 710.0).where(710.0, (x < -746.0).where(-746.0, x))
    shifted, n, r = _reduced(inside)
    value = polynomial(EXP_NEAR, r).times_plus(r * r, r) + 1.0
    low = n < -1000.0
    b = x.code.builder
    bias = b.select(low.value, integers(BIAS + 128), integers(BIAS - 1))
    first = from_bits(x.code, b.shl(b.add(shifted.bits(), bias), integers(52)))
    return value * first * low.where(2.0**-128, 2.0)


def _exp_less_one(x: Vector) -> tuple[Vector, Vector]:
    """2ⁿ⁻¹ and exp(r) - 1, where exp(x) = 2ⁿ·exp(r), for |x| < 710; with what r lost in rounding."""
    shifted = x.times_plus(LOG2_E, WHOLE)
    n = shifted - WHOLE
    high = n.times_plus(-LN2_HIGH, x)
    r = n.times_plus(-LN2_LOW, high)
    lost = n.times_plus(-LN2_LOW, high - r)
    return _power_of_two(shifted, -1), polynomial(EXP_NEAR, r).times_plus(r * r, lost) + r


def expm1(x: Vector) -> Vector:
    """exp(x) - 1, exact near 0; largest error 1.7 ulp.

    2ⁿ·(exp(r) - 1) + (2ⁿ - 1), halved until the end, as 2¹⁰²⁴ is no number.
    """
    inside = (x > 710.0).where(710.0, (x < -50.0).where(-50.0, x))
    half, q = _exp_less_one(inside)
    value = q.times_plus(half, half - 0.5) * 2.0
    return (absolute(x) < 2.0**-54).where(x, value)


def tanh(x: Vector) -> Vector:
    """The hyperbolic tangent; largest error 2.3 ulp.

    (exp(2|x|) - 1) / (exp(2|x|) + 1), which is 1 from 20 on; the numerator as in `expm1`.
    """
    size = absolute(x)
    inside = (size > 20.0).where(20.0, size)
    half, q = _exp_less_one(inside + inside)
    top = q.times_plus(half, half - 0.5)
    return _with_sign(top / (top + 1.0), x)


def _with_sign(size: Vector, x: Vector) -> Vector:
    value = size.code.intrinsic(f"llvm.copysign.v{WIDTH}f64", size.value.type, [size.value, x.value])
    return size.code.vector(value)


def log(x: Vector) -> Vector:
    """The natural logarithm; largest error 0.8 ulp. NaN below 0, -inf at 0."""
    return _log(x)


def _log(x: Vector, more: Vector | None = None) -> Vector:
    """log(x), plus a small number.

    x = 2ᵏ·m with m between √½ and √2, f = m - 1, s = f/(2 + f):
    log m = f - f²/2 + s·(f²/2 + R), as in fdlibm's e_log.c.
    """
    code, b = x.code, x.code.builder
    tiny = x < 2.0**-1022
    scaled = tiny.where(x * 2.0**54, x)
    # the exponent is counted from √½: the difference of the bits carries over exactly there
    from_root = b.sub(scaled.bits(), integers(bits_of(math.sqrt(0.5))))
    exponent = b.and_(from_root, integers(-(1 << 52)))
    m = from_bits(code, b.sub(scaled.bits(), exponent))
    # exponent >> 52 as a double: placed in the low bits of WHOLE; the sign is brought in by an offset of 2048
    lifted = b.lshr(b.add(exponent, integers(2048 << 52)), integers(52))
    k = from_bits(code, b.add(lifted, integers(bits_of(WHOLE)))) - (WHOLE + 2048.0)
    k = k - tiny.where(54.0, 0.0)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    half_square = 0.5 * f * f
    low = k * LN2_LOW if more is None else k.times_plus(LN2_LOW, more)
    near = s.times_plus(polynomial(LOG_NEAR, z).times_plus(z, half_square), low)
    value = k.times_plus(LN2_HIGH, f - (half_square - near))
    value = (x.compare("==", math.inf)).where(math.inf, value)
    return (x > 0.0).where(value, x.compare("==", 0.0).where(-math.inf, math.nan))


def log1p(x: Vector) -> Vector:
    """log(1 + x), exact near 0; largest error 0.9 ulp. NaN below -1, -inf at -1.

    What 1 + x loses in rounding, divided by it, is added to the logarithm.
    """
    total = x + 1.0
    lost = (absolute(x) < 1.0).where(x - (total - 1.0), 1.0 - (total - x))
    inside = (total > 0.0) & (total < math.inf)
    value = _log(total, inside.where(lost, 0.0) / total)
    return (absolute(x) < 2.0**-54).where(x, value)


def sqrt(x: Vector) -> Vector:
    """The square root, correctly rounded; NaN below 0."""
    return x.called("sqrt")


def floor(x: Vector) -> Vector:
    """The whole number at or below x."""
    return x.called("floor")


FUNCTIONS: dict[str, Callable[[Vector], Vector]] = {
    "abs": absolute, "exp": exp, "expm1": expm1, "floor": floor, "log": log, "log1p": log1p, "sqrt": sqrt,
    "tanh": tanh,
}  # fmt: skip
"""By the names of rows in the op table."""
