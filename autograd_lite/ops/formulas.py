"""Formulas for special functions, written once for floats, arrays, Values and symbols.

Each function here is plain arithmetic over the rows of `elementary`: operators, comparisons, `where` and
loops over constants, never a branch on an operand. Both arms of a `where` may be evaluated, so an argument
is clamped before it reaches an arm that is not meant for it. The op table uses these formulas where a
backend has no native function, and a printer can write them out in another language.

Coefficients with no simple closed form are Chebyshev fits. The comment above a table is the call that
printed it, with mpmath imported as `mp` and 60 digits of working precision. The errors
stated are the largest measured against mpmath at 50 digits, on thousands of random and edge points, with
glibc's elementary functions; one ulp is the spacing of doubles at the exact result. DLMF is the NIST Digital
Library of Mathematical Functions, https://dlmf.nist.gov.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..errors import ArgumentError
from .elementary import absolute, exp, expm1, floor, log, mirrored, pow, sin, tan, where

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "exp_minus_half_square",
    "exp_minus_square",
    "lgamma",
    "polygamma",
]

INF, NAN = math.inf, math.nan
ALL_INTEGERS = 2.0**52  # from here on every double is an integer

# B(2), B(4), …, B(16)
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """The polynomial with these coefficients, highest power first, by Horner's scheme.

    >>> polynomial((2.0, 0.0, 1.0), 3.0)
    19.0
    """
    total: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


def exp_minus_square(x: Any) -> Any:
    """exp(-x²) without the error that rounding x² makes: largest error 1.0 ulp. 0 at ±inf.

    x is cut to h, a multiple of 2⁻²⁰ whose square is exact, and exp(-x²) = exp(-h²)·exp((h - x)(h + x)), as
    in W. J. Cody's CALERF (SPECFUN, ACM TOMS 19 (1993) 22-32), here with a finer h, so that the second factor
    is 1 plus something tiny.

    >>> exp_minus_square(0.0), exp_minus_square(30.0)
    (1.0, 0.0)
    """
    a, h = _cut(x, 28.0)  # exp(-28²) is 0
    main = exp(-(h * h))
    return main + main * expm1((h - a) * (h + a))


def exp_minus_half_square(x: Any) -> Any:
    """exp(-x²/2), the bell curve without its factor: largest error 1.0 ulp. 0 at ±inf.

    The method is that of `exp_minus_square`.

    >>> exp_minus_half_square(0.0), exp_minus_half_square(40.0)
    (1.0, 0.0)
    """
    a, h = _cut(x, 40.0)  # exp(-40²/2) is 0
    main = exp(-0.5 * (h * h))
    return main + main * expm1(0.5 * ((h - a) * (h + a)))


def _cut(x: Any, bound: float) -> tuple[Any, Any]:
    """|x|, at most the bound, and its part of at most 26 significant bits."""
    a = mirrored(x)
    a = where(a > bound, bound, a)
    return a, floor(a * 2.0**20) * 2.0**-20


# mp.chebyfit(lambda s: mp.erf(mp.sqrt(s)) / mp.sqrt(s) - 1, [0, 49/64], 12)
ERF_NEAR = (
    -8.666276629203472e-10, 1.4122777660357666e-08, -1.6289242608284092e-07, 1.6456607597388118e-06,
    -1.492538720169797e-05, 0.00012055324561705379, -0.0008548326845690305, 0.005223977623059443,
    -0.026866170644942594, 0.11283791670954353, -0.3761263890318374, 0.1283791670955126,
)  # fmt: skip

# with x(t) = 4(1 + t)/(1 - t):
# mp.chebyfit(lambda t: x(t) * mp.exp(x(t)**2) * mp.erfc(x(t)), [-25/39, 3/4], 21)
ERFC_TAIL = (
    -1.180632993704453e-08, 4.8326747860096725e-08, 3.519467686982324e-08, -4.491929119014182e-07,
    2.7883923714619843e-07, 3.0539481712971697e-06, -7.078083922890121e-06, -1.1246545537378603e-05,
    8.658725286227312e-05, -0.0001391201860677024, -0.0003680054789847908, 0.0029155484213059246,
    -0.010128998876154916, 0.025005730782944484, -0.04881471116309508, 0.07842032531908454,
    -0.10500112171768505, 0.11617743547600051, -0.1016700134078215, 0.059723465959804566,
    0.5479978305002455,
)  # fmt: skip


def erf(x: Any) -> Any:
    """The error function 2/√π·∫exp(-t²) from 0 to x.

    Below 7/8 a polynomial in x², from there 1 minus the tail of `erfc`; both fitted here. Largest error
    0.9 ulp below 7/8, 1.3 ulp above.

    >>> erf(0.0), erf(-INF), round(erf(1.0), 12)
    (0.0, -1.0, 0.84270079295)
    """
    near, tail = _erf_near(x), _erfc_tail(x)
    return where(absolute(x) < 0.875, near, where(x < 0.0, tail - 1.0, 1.0 - tail))


def erfc(x: Any) -> Any:
    """1 - erf(x), to full relative accuracy in the far tail.

    From 7/8 on it is exp(-x²)/x times a polynomial in (x - 4)/(x + 4), fitted here; the change of variable is
    that of M. M. Shepherd and J. G. Laframboise, Math. Comp. 36 (1981) 249-253. Largest error 3.8 ulp,
    a relative error of 5e-16; near the subnormal numbers, from x = 26.5 on, 2.6 ulp.

    >>> erfc(0.0), erfc(-INF), erfc(20.0) < 1e-175
    (1.0, 2.0, True)
    """
    near, tail = _erf_near(x), _erfc_tail(x)
    return where(absolute(x) < 0.875, 1.0 - near, where(x < 0.0, 2.0 - tail, tail))


def _erf_near(x: Any) -> Any:
    """erf(x) for |x| < 7/8."""
    x = where(absolute(x) < 0.875, x, 0.0)
    return x + x * polynomial(ERF_NEAR, x * x)


def _erfc_tail(x: Any) -> Any:
    """erfc(|x|) for |x| >= 7/8."""
    a = absolute(x)
    a = where(a < 0.875, 0.875, where(a > 28.0, 28.0, a))
    return exp_minus_square(a) * polynomial(ERFC_TAIL, (a - 4.0) / (a + 4.0)) / a


# mp.chebyfit(lambda u: mp.loggamma(2 + u) / u, [-1/2, 1/2], 18)
LGAMMA_NEAR_2 = (
    2.7475390051909663e-07, -5.811277768921246e-07, 9.242852225162277e-07, -1.9743106888421067e-06,
    4.3828545383846665e-06, -9.45628851510172e-06, 2.050601970174762e-05, -4.4923727564247656e-05,
    9.945761692157133e-05, -0.00022315497746292723, 0.0005096695196526673, -0.0011927539009983087,
    0.002890510330865901, -0.007385551028935545, 0.02058080842778338, -0.06735230105319563,
    0.3224670334241132, 0.42278433509846713,
)  # fmt: skip
STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1))[::-1]
HALF_LOG_2PI = 0.9189385332046728


def lgamma(x: Any) -> Any:
    """log|Γ(x)| for every real x; +inf at the poles 0, -1, -2, …, and at ±inf.

    From 8 on Stirling's series (DLMF 5.11.1). Below it x = n + u with |u| <= 1/2, and log Γ(2 + u), a
    polynomial with the factor u, is carried to x by Γ(x + 1) = xΓ(x). For x <= -1/2 Euler's reflection
    (DLMF 5.5.3). Largest relative error 7e-16 (6 ulp) for x > -2, also next to the zeros at 1 and 2; below
    -2, where a zero is that of a difference, 4e-16 of max(|result|, log Γ(|x|), 1).

    >>> lgamma(1.0), lgamma(2.0), lgamma(-3.0), round(lgamma(0.5), 12)
    (0.0, 0.0, inf, 0.572364942925)
    """
    a = absolute(x)
    positive = where(a < 8.0, _lgamma_below_8(x), _lgamma_from_8(a))
    inside = (x <= -0.5) & (a < ALL_INTEGERS)
    c = where(inside, a, 0.5)
    sine = c * absolute(sin(math.pi * _from_nearest(c)))
    reflected = log(math.pi / where(sine > 0.0, sine, 1.0)) - positive
    return where((x <= 0.0) & (floor(x) == x), INF, where(x <= -0.5, reflected, positive))


def _lgamma_below_8(x: Any) -> Any:
    """log Γ(|x|) for 1/2 <= |x| < 8, and log|Γ(x)| for 0 < |x| < 1/2."""
    a = absolute(x)
    a = where((a > 0.0) & (a < 8.0), a, 2.0)
    u = where(a < 0.5, where(x < 0.0, -a, a), _from_nearest(a))  # exact
    product: Any = 1.0
    for k in range(1, 7):
        product = product * where(a >= k + 1.5, a - k, 1.0)
    step = log(where(a < 0.5, a * (1.0 + u), where(a < 1.5, a, product)))
    return u * polynomial(LGAMMA_NEAR_2, u) + where(a < 1.5, -step, step)


def _lgamma_from_8(a: Any) -> Any:
    """log Γ(a) for a >= 8."""
    a = where(a < 8.0, 8.0, a)
    t = 1.0 / a
    return (a - 0.5) * (log(a) - 1.0) + (HALF_LOG_2PI - 0.5 + t * polynomial(STIRLING, t * t))


def _from_nearest(a: Any) -> Any:
    """a minus the nearest integer, exact, for 0 <= a < 2⁵²."""
    return a - floor(a + 0.5)


# the positive root of ψ is 1 + ROOT + ROOT_LOW
ROOT, ROOT_LOW = 0.46163214496836236, -1.5522348162858677e-17

# with r = mp.findroot(mp.digamma, 1.46): mp.chebyfit(lambda u: mp.digamma(r + u) / u, [1 - r, 2 - r], 22)
DIGAMMA_NEAR_ROOT = (
    -0.00017312261802727394, 0.00039917403499883605, -0.00040427587920188247, 0.000423302869727366,
    -0.0006962303923862455, 0.0011003326985068057, -0.0015903256854484034, 0.0023017947243217925,
    -0.003367342597731564, 0.004927092544644749, -0.007204811717465386, 0.010538774679626108,
    -0.015424746562676783, 0.02259764870569479, -0.033161127280363, 0.04880428816027699,
    -0.072199561238073, 0.10782405069118742, -0.16394270544259865, 0.25849976095565214,
    -0.4427631689835915, 0.9676722454476212,
)  # fmt: skip
DIGAMMA_SERIES = tuple(b / (2 * k) for k, b in enumerate(BERNOULLI, 1))[::-1]


def digamma(x: Any) -> Any:
    """ψ(x), the derivative of log Γ. -inf at +0, +inf at -0; NaN at negative integers and -inf (as PyTorch).

    From 9 on the asymptotic series (DLMF 5.11.2). Below it a polynomial on [1, 2] with the factor x - root
    is carried to x by ψ(x + 1) = ψ(x) + 1/x. For x < 0 reflection: ψ(x) = ψ(1 - x) - π·cot(πx) (DLMF 5.5.4).
    Largest relative error 4e-16 (3.2 ulp) for x > 0, also next to the root at 1.4616; for x < 0
    7e-16 of max(|result|, ψ(1 - x), 1).

    >>> digamma(0.0), digamma(-2.0), round(digamma(1.0), 12)
    (-inf, nan, -0.577215664902)
    """
    a = absolute(x)
    y = where(x < 0.0, 1.0 + a, a)
    value = where(y < 9.0, _digamma_below_9(y), _digamma_from_9(y))
    value = value + where(x < 0.0, math.pi * _cot_pi(a), 0.0)
    value = where((x < 0.0) & (floor(x) == x), NAN, value)
    return where(x == 0.0, -pow(where(x == 0.0, x, 1.0), -1.0), value)


def _digamma_below_9(y: Any) -> Any:
    """ψ(y) for 0 < y < 9."""
    y = where((y > 0.0) & (y < 9.0), y, 1.0)
    u = (y - floor(y)) - ROOT - ROOT_LOW
    steps: Any = where(y < 1.0, -1.0 / y, 0.0)
    for k in range(1, 8):
        steps = steps + 1.0 / where(y >= k + 1.0, y - k, INF)  # 1/inf: no step
    return u * polynomial(DIGAMMA_NEAR_ROOT, u) + steps


def _digamma_from_9(y: Any) -> Any:
    """ψ(y) for y >= 9."""
    y = where(y < 9.0, 9.0, y)
    t = 1.0 / y
    return log(y) - (0.5 * t + t * t * polynomial(DIGAMMA_SERIES, t * t))


def _cot_pi(a: Any) -> Any:
    """cot(πa) for a >= 0, exactly 0 at the half-integers; 0 also at the poles, which the callers replace."""
    d = _from_nearest(where(a < ALL_INTEGERS, a, 0.5))
    q = absolute(d)
    steep = (q > 0.0) & (q <= 0.25)
    tangent = tan(math.pi * where(steep, q, where(q > 0.0, 0.5 - q, 0.0)))
    size = where(steep, 1.0 / where(steep, tangent, 1.0), tangent)
    return where(d < 0.0, -size, size)


def polygamma(n: int, x: Any) -> Any:
    """ψ⁽ⁿ⁾(x), the n-th derivative of ψ, for a static whole number n from 0 to 100.

    For n >= 1 the poles 0, -1, -2, … give +inf for odd n and -inf for even n (as PyTorch), -inf gives NaN.
    For x > 0 it is ±n!·ζ(n + 1, x), by ten terms of the sum and Euler-Maclaurin for the rest (DLMF 5.15.1,
    25.11.7). For x < 0 reflection with the n-th derivative of cot (DLMF 5.15.6). Largest relative error for n
    up to 4: 7e-16 for x > 0, and 1.3e-15 for x < 0 away from the roots that an even n has there.

    >>> round(polygamma(1, 1.0), 12), polygamma(2, 0.0)
    (1.644934066848, -inf)
    """
    if not isinstance(n, int) or not 0 <= n <= 100:
        raise ArgumentError(f"polygamma needs a whole number n from 0 to 100 as its order, got {n!r}")
    if n == 0:
        return digamma(x)
    a = absolute(x)
    sign = 1.0 if n % 2 else -1.0
    value = sign * float(math.factorial(n)) * _hurwitz_zeta(n + 1, where(x > 0.0, a, 1.0 + a))
    cotangent = -_cot_pi(a)
    coefficients = [math.pi ** (n + 1) * c for c in _cotangent_derivative(n)]
    squared = cotangent * cotangent
    mirror = (1.0 + squared) * polynomial(coefficients, squared) * (1.0 if n % 2 else cotangent)
    value = where(x < 0.0, -mirror - sign * value, value)
    value = where((x <= 0.0) & (floor(x) == x), sign * INF, value)
    return where(x == -INF, NAN, value)


def _hurwitz_zeta(s: int, y: Any) -> Any:
    """ζ(s, y), the sum of (y + k)⁻ˢ over k >= 0, for y > 0."""
    t = 1.0 / (y + 10.0)
    rest = []
    rising = 1.0  # s(s + 1)…(s + 2j - 2)/(2j)!
    for j, bernoulli in enumerate(BERNOULLI, 1):
        rising *= s / 2 if j == 1 else (s + 2 * j - 3) * (s + 2 * j - 2) / ((2 * j - 1) * (2 * j))
        rest.append(bernoulli * rising)
    integral = pow(y + 10.0, 1.0 - s) * (1.0 / (s - 1) + t * (0.5 + t * polynomial(rest[::-1], t * t)))
    terms = [pow(y + float(k), -float(s)) for k in range(9, -1, -1)]
    # small ones first; the largest is the last term for small y and the integral for large y
    return sum(terms[1:-1], terms[0]) + integral + terms[-1]


def _cotangent_derivative(n: int) -> list[int]:
    """The n-th derivative of c = cot is (1 + c²)·R(c): the integers of R (of R/c for even n) in powers of c².

    R starts as -1 and becomes -2c·R - (1 + c²)·R' at each derivative. Highest power first.
    """
    powers = [-1]  # of c, lowest first
    for _ in range(n - 1):
        following = [0] * (len(powers) + 1)
        for k, r in enumerate(powers):
            following[k + 1] -= (2 + k) * r
            if k:
                following[k - 1] -= k * r
        powers = following
    return powers[::-2][: (n + 1) // 2]
