"""Rows: arithmetic, comparisons, powers, exponentials and logarithms, trigonometry, rounding, choosing.

In a row `a, b` are the operands, `y` is the value, and nothing else is short. A rule never branches with `if`:
`where` chooses, and may evaluate both arms.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import ValueTypeError
from .row import INF, NAN, Op, ieee_divide

LN2, LN10 = math.log(2.0), math.log(10.0)


def same(name: str, numpy: str = "", js: bool = True) -> dict[str, str]:
    """The backends' names of a function that is called alike nearly everywhere."""
    names = {"python": f"math.{name}", "numpy": numpy or name, "c": name}
    return {**names, "js": f"Math.{name}"} if js else names


def float_floor(a: float) -> float:
    """The largest whole number not above `a`, as a float; infinities, NaN and -0.0 stay what they are."""
    return a if a - a != 0.0 or a == 0.0 else float(math.floor(a))


def float_mod(a: float, b: float) -> float:
    """`a % b` with the sign of `b`, as Python, NumPy and PyTorch have it; NaN for b = 0."""
    return a % b if a - a == 0.0 else NAN


def _sinh_overflow(a: float) -> float:
    return math.copysign(INF, a)


def _pow_edge(a: float, b: float) -> float:
    """IEEE 754 pow where math.pow raises: 0 to a negative power, overflow, a negative base to a fraction."""
    odd = b == math.floor(b) and math.fmod(b, 2.0) != 0.0
    if a == 0.0:
        return math.copysign(INF, a) if odd else INF
    if a < 0.0 and b != math.floor(b):
        return NAN
    return -INF if a < 0.0 and odd else INF


# --- arithmetic ---------------------------------------------------------------------------------------------------

PAIRS = ((2.0, 3.0), (-1.5, 0.25), (1e-3, -7.0))
PAIR_EDGES = (
    (0.0, 0.0),
    (INF, 1.0),
    (1.0, INF),
    (INF, INF),
    (NAN, 1.0),
    (1e308, 1e308),
    (0.0, INF),
    (-0.0, 5.0),
)

add = Op("add", "a + b", native=lambda a, b: a + b, arity=2, infix="+", natives={"numpy": "add"},
         partials=lambda a, b, y: (1.0, 1.0), points=PAIRS, edges=PAIR_EDGES)  # fmt: skip
sub = Op("sub", "a - b", native=lambda a, b: a - b, arity=2, infix="-", symbol="−", natives={"numpy": "subtract"},
         partials=lambda a, b, y: (1.0, -1.0), points=PAIRS, edges=PAIR_EDGES)  # fmt: skip
mul = Op("mul", "a * b", native=lambda a, b: a * b, arity=2, infix="*", symbol="×", natives={"numpy": "multiply"},
         partials=lambda a, b, y: (b, a), points=PAIRS, edges=PAIR_EDGES)  # fmt: skip
div = Op("div", "a / b", native=lambda a, b: a / b, ieee=ieee_divide, arity=2, infix="/", symbol="÷",
         natives={"numpy": "divide"}, domain="b ≠ 0; a/0 is ±inf and 0/0 is NaN",
         partials=lambda a, b, y: (1.0 / b, -y / b), display=lambda a, b, y: (1.0 / b, -a / square(b)),
         points=PAIRS, edges=(*PAIR_EDGES, (1.0, 0.0), (-1.0, 0.0), (1.0, -0.0)))  # fmt: skip
neg: Op = Op("neg", "-a", native=lambda a: -a, symbol="−", infix="-", natives={"numpy": "negative"},
         partials=lambda a, y: (-1.0,), points=((2.0,), (-0.5,)), edges=((0.0,), (INF,), (NAN,)))  # fmt: skip
pow: Op = Op(
    "pow", "a ** b, both differentiated", native=math.pow, ieee=_pow_edge, arity=2, infix="**",
    natives={"python": "math.pow", "numpy": "power", "js": "pow", "c": "pow"},
    domain="a > 0, or a < 0 with a whole b; NaN otherwise, never complex",
    kink="a**0 has slope 0; 0**0 slopes 0 and 0; slope NaN in b for a < 0",
    partials=lambda a, b, y: (
        b * pow(where((b != 0.0) | (absolute(a) > 1e-300), a, 1.0), b - 1.0),
        where((a == 0.0) & (b >= 0.0), 0.0, y * log(a)),
    ),
    display=lambda a, b, y: (b * pow(a, b - 1.0), pow(a, b) * log(a)),
    points=((2.0, 3.0), (0.5, -1.5), (1.7, 0.3), (10.0, 2.0)),
    edges=((0.0, 0.0), (-2.0, 2.0), (-8.0, 1.0 / 3.0), (0.0, -1.0), (0.0, 2.0), (1.0, NAN), (NAN, 0.0), (1e200, 2.0)),
)  # fmt: skip
power: Op = Op(
    "power", "a ** p for a plain number p", native=math.pow, ieee=_pow_edge, infix="**", symbol="**",
    immediates={"p": 2.0}, natives={"python": "math.pow", "numpy": "power", "js": "pow", "c": "pow"},
    domain="a > 0, or a < 0 with a whole p; NaN otherwise, never complex", kink="a**0 has slope 0 everywhere",
    partials=lambda a, p, y: (where(p == 0.0, 0.0, p * pow(a, p - 1.0)),),
    display=lambda a, p, y: (p * pow(a, p - 1.0),),
    points=((2.0,), (-1.5,), (0.3,)), edges=((0.0,), (INF,), (-INF,), (NAN,), (1e200,)),
)  # fmt: skip
square: Op = Op("square", "a * a", forward=lambda a: a * a, native=lambda a: a * a, symbol="square",
            natives={"numpy": "square"}, partials=lambda a, y: (2.0 * a,),
            points=((2.0,), (-1.5,), (1e-3,)), edges=((0.0,), (INF,), (NAN,), (1e200,)))  # fmt: skip
reciprocal: Op = Op("reciprocal", "1 / a", forward=lambda a: 1.0 / a, symbol="1/a", domain="a ≠ 0; 1/0 is inf",
                natives={"numpy": "reciprocal"}, partials=lambda a, y: (-y * y,), display=lambda a, y: (-1.0 / square(a),),
                points=((2.0,), (-0.5,)), edges=((0.0,), (-0.0,), (INF,), (NAN,)))  # fmt: skip
identity = Op("identity", "a, as a node of its own", native=lambda a: a, symbol="id", partials=lambda a, y: (1.0,),
              natives={"numpy": "positive"}, points=((2.0,), (-0.5,)), edges=((NAN,), (INF,)))  # fmt: skip
detach: Op = Op("detach", "a, with no gradient flowing back", native=lambda a: a, partials=lambda a, y: (0.0,),
            kink="slope 0 everywhere, on purpose", points=(), edges=((NAN,),))  # fmt: skip

# --- exponentials, logarithms, roots ------------------------------------------------------------------------------

REALS = ((0.5,), (-1.25,), (3.0,))
REAL_EDGES = ((0.0,), (-0.0,), (INF,), (-INF,), (NAN,), (1000.0,), (-1000.0,))
POSITIVE = ((0.5,), (1.75,), (30.0,))
POSITIVE_EDGES = ((0.0,), (-1.0,), (INF,), (-INF,), (NAN,), (5e-324,))
LOG_DOMAIN = "a > 0; log(0) is -inf, below 0 it is NaN"


def _log_edge(a: float) -> float:
    return -INF if a == 0.0 else NAN


exp: Op = Op("exp", "e to the power a", native=math.exp, ieee=lambda a: INF, natives=same("exp"),
         partials=lambda a, y: (y,), points=REALS, edges=REAL_EDGES)  # fmt: skip
exp2 = Op("exp2", "2 to the power a", forward=lambda a: pow(2.0, a), native=math.exp2, ieee=lambda a: INF,
          natives=same("exp2", js=False), partials=lambda a, y: (y * LN2,), points=REALS, edges=REAL_EDGES)  # fmt: skip
# y + 1 would lose every digit for very negative a
expm1 = Op("expm1", "exp(a) - 1, exact near 0", native=math.expm1, ieee=lambda a: INF, natives=same("expm1"),
           partials=lambda a, y: (exp(a),), points=(*REALS, (1e-9,)), edges=REAL_EDGES)  # fmt: skip
log: Op = Op("log", "natural logarithm", native=math.log, ieee=_log_edge, natives=same("log"), domain=LOG_DOMAIN,
         partials=lambda a, y: (1.0 / a,), points=POSITIVE, edges=POSITIVE_EDGES)  # fmt: skip
log1p = Op("log1p", "log(1 + a), exact near 0", native=math.log1p, natives=same("log1p"),
           ieee=lambda a: -INF if a == -1.0 else NAN, domain="a > -1; -inf at -1, NaN below",
           partials=lambda a, y: (1.0 / (1.0 + a),),
           points=((0.5,), (-0.75,), (1e-9,)), edges=((-1.0,), (-2.0,), (INF,), (NAN,), (0.0,)))  # fmt: skip
log2 = Op("log2", "logarithm to base 2", native=math.log2, ieee=_log_edge, natives=same("log2"), domain=LOG_DOMAIN,
          partials=lambda a, y: (1.0 / (a * LN2),), points=POSITIVE, edges=POSITIVE_EDGES)  # fmt: skip
log10 = Op("log10", "logarithm to base 10", native=math.log10, ieee=_log_edge, natives=same("log10"),
           domain=LOG_DOMAIN, partials=lambda a, y: (1.0 / (a * LN10),),
           points=POSITIVE, edges=POSITIVE_EDGES)  # fmt: skip
sqrt = Op("sqrt", "square root", native=math.sqrt, ieee=lambda a: NAN, natives=same("sqrt"), latex=r"\sqrt{a}",
          domain="a ≥ 0; NaN below", kink="slope inf at 0", partials=lambda a, y: (0.5 / y,),
          points=POSITIVE, edges=POSITIVE_EDGES)  # fmt: skip
cbrt = Op("cbrt", "cube root", native=math.cbrt, natives=same("cbrt"), latex=r"\sqrt[3]{a}", kink="slope inf at 0",
          partials=lambda a, y: (1.0 / (3.0 * (y * y)),), display=lambda a, y: (1.0 / (3.0 * square(y)),),
          points=((0.5,), (-8.0,), (27.0,)), edges=((0.0,), (INF,), (-INF,), (NAN,)))  # fmt: skip

# --- trigonometry and hyperbolic functions ------------------------------------------------------------------------

UNIT = ((0.5,), (-0.75,), (0.01,))
UNIT_EDGES = ((1.0,), (-1.0,), (2.0,), (INF,), (NAN,))
TURNS = ((0.5,), (-2.0,), (10.0,))
TURN_EDGES = ((0.0,), (INF,), (-INF,), (NAN,))


def _not_a_number(a: float) -> float:
    return NAN


def _radius(a: Any, b: Any) -> Any:
    """The distance of (a, b) from the origin, to divide by: 1 at the origin itself."""
    distance = hypot(a, b)
    return where(distance == 0.0, 1.0, distance)


def mirrored(a: Any) -> Any:
    """|a| for a rule that is even and smooth. At 0 it has slope 1, where `abs` has slope 0.

    Either arm of the choice gives the rule's value and all its derivatives; the slope 0 of `abs` would make every
    odd factor's derivative vanish at 0 (the third derivative of tanh there is -2).
    """
    return where(a < 0.0, -a, a)


def sech_squared(a: Any) -> Any:
    """1 - tanh(a)**2 to full relative accuracy: the plain form is 10 % off at |a| = 16 already."""
    decay = exp(-2.0 * mirrored(a))
    return 4.0 * decay / ((1.0 + decay) * (1.0 + decay))


sin = Op("sin", "sine", native=math.sin, ieee=_not_a_number, natives=same("sin"), partials=lambda a, y: (cos(a),),
         points=TURNS, edges=TURN_EDGES)  # fmt: skip
cos: Op = Op("cos", "cosine", native=math.cos, ieee=_not_a_number, natives=same("cos"), partials=lambda a, y: (-sin(a),),
         points=TURNS, edges=TURN_EDGES)  # fmt: skip
tan = Op("tan", "tangent", native=math.tan, ieee=_not_a_number, natives=same("tan"),
         partials=lambda a, y: (1.0 + y * y,), display=lambda a, y: (1.0 + square(y),),
         points=TURNS, edges=TURN_EDGES)  # fmt: skip
asin = Op("asin", "inverse sine", native=math.asin, ieee=_not_a_number, natives=same("asin", "arcsin"),
          domain="|a| ≤ 1; NaN outside", kink="slope inf at ±1",
          partials=lambda a, y: (1.0 / sqrt((1.0 - a) * (1.0 + a)),), points=UNIT, edges=UNIT_EDGES)  # fmt: skip
acos = Op("acos", "inverse cosine", native=math.acos, ieee=_not_a_number, natives=same("acos", "arccos"),
          domain="|a| ≤ 1; NaN outside", kink="slope -inf at ±1",
          partials=lambda a, y: (-1.0 / sqrt((1.0 - a) * (1.0 + a)),), points=UNIT, edges=UNIT_EDGES)  # fmt: skip
atan = Op("atan", "inverse tangent", native=math.atan, natives=same("atan", "arctan"),
          partials=lambda a, y: (1.0 / (1.0 + a * a),), points=REALS, edges=REAL_EDGES)  # fmt: skip
atan2 = Op("atan2", "angle of the point (b, a)", native=math.atan2, arity=2, natives=same("atan2", "arctan2"),
           kink="slopes 0 and 0 at (0, 0)",
           partials=lambda a, b, y: (b / _radius(a, b) / _radius(a, b), -a / _radius(a, b) / _radius(a, b)),
           display=lambda a, b, y: (b / (a * a + b * b), -a / (a * a + b * b)),
           points=((1.0, 2.0), (-0.5, -3.0), (2.0, -1.0)), edges=((0.0, 0.0), (0.0, -1.0), (INF, 1.0), (NAN, 1.0)))  # fmt: skip
sinh = Op("sinh", "hyperbolic sine", native=math.sinh, ieee=_sinh_overflow, natives=same("sinh"),
          partials=lambda a, y: (cosh(a),), points=REALS, edges=REAL_EDGES)  # fmt: skip
cosh: Op = Op("cosh", "hyperbolic cosine", native=math.cosh, ieee=lambda a: INF, natives=same("cosh"),
          partials=lambda a, y: (sinh(a),), points=REALS, edges=REAL_EDGES)  # fmt: skip
tanh: Op = Op("tanh", "hyperbolic tangent", native=math.tanh, natives=same("tanh"),
          partials=lambda a, y: (sech_squared(a),), display=lambda a, y: (1.0 - square(tanh(a)),),
          points=(*REALS, (16.0,), (-30.0,)), edges=REAL_EDGES)  # fmt: skip
asinh = Op("asinh", "inverse hyperbolic sine", native=math.asinh, natives=same("asinh", "arcsinh"),
           partials=lambda a, y: (1.0 / hypot(1.0, a),), display=lambda a, y: (1.0 / sqrt(1.0 + square(a)),),
           points=REALS, edges=REAL_EDGES)  # fmt: skip
acosh = Op("acosh", "inverse hyperbolic cosine", native=math.acosh, ieee=_not_a_number, natives=same("acosh", "arccosh"),
           domain="a ≥ 1; NaN below", kink="slope inf at 1",
           partials=lambda a, y: (1.0 / (sqrt(a - 1.0) * sqrt(a + 1.0)),),
           points=((1.5,), (3.0,), (100.0,)), edges=((1.0,), (0.0,), (INF,), (NAN,)))  # fmt: skip
atanh = Op("atanh", "inverse hyperbolic tangent", native=math.atanh, natives=same("atanh", "arctanh"),
           ieee=lambda a: math.copysign(INF, a) if a * a == 1.0 else NAN,
           domain="|a| < 1; ±inf at ±1, NaN outside",
           partials=lambda a, y: (1.0 / ((1.0 - a) * (1.0 + a)),), points=UNIT, edges=UNIT_EDGES)  # fmt: skip

# --- size, sign, rounding, extremes -------------------------------------------------------------------------------

absolute: Op = Op("abs", "absolute value", native=math.fabs, symbol="abs", latex=r"|a|",
              natives={"python": "math.fabs", "numpy": "absolute", "js": "Math.abs", "c": "fabs"},
              kink="slope 0 at 0", partials=lambda a, y: (sign(a),),
              points=((2.0,), (-0.5,)), edges=((0.0,), (-0.0,), (-INF,), (NAN,)))  # fmt: skip
sign: Op = Op("sign", "-1, 0 or 1", forward=lambda a: where(a > 0.0, 1.0, where(a < 0.0, -1.0, a)),
          natives={"numpy": "sign", "js": "Math.sign"}, kink="slope 0 everywhere", partials=lambda a, y: (0.0,),
          points=((2.0,), (-0.5,)), edges=((0.0,), (INF,), (NAN,)))  # fmt: skip
floor = Op("floor", "the whole number at or below a", native=float_floor, latex=r"\lfloor a \rfloor",
           natives={"numpy": "floor", "js": "Math.floor", "c": "floor"}, kink="slope 0 everywhere",
           partials=lambda a, y: (0.0,), points=((2.5,), (-0.5,)), edges=((3.0,), (-0.0,), (INF,), (NAN,)))  # fmt: skip
ceil = Op("ceil", "the whole number at or above a", forward=lambda a: -floor(-a), latex=r"\lceil a \rceil",
          natives={"numpy": "ceil", "js": "Math.ceil", "c": "ceil"}, kink="slope 0 everywhere",
          partials=lambda a, y: (0.0,), points=((2.5,), (-0.5,)), edges=((3.0,), (-0.0,), (INF,), (NAN,)))  # fmt: skip
mod = Op("mod", "remainder of a / b with the sign of b", native=float_mod, ieee=lambda a, b: NAN, arity=2, infix="%",
         natives={"numpy": "mod", "js": "mod", "llvm": "mod"}, domain="b ≠ 0; NaN at 0", kink="slope 1 in a at the jumps",
         partials=lambda a, b, y: (1.0, -rounded((a - y) / b)), display=lambda a, b, y: (1.0, -floor(a / b)),
         points=((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0)), edges=((1.0, 0.0), (INF, 1.0), (6.0, 2.0), (NAN, 1.0)))  # fmt: skip
maximum: Op = Op("maximum", "the larger of a and b", arity=2, symbol="max", natives={"numpy": "maximum"},
             forward=lambda a, b: where(a >= b, a, where(a < b, b, a + b)),
             kink="a tie splits evenly; NaN if either is NaN",
             partials=lambda a, b, y: (where(a > b, 1.0, where(a < b, 0.0, 0.5)), where(a > b, 0.0, where(a < b, 1.0, 0.5))),
             points=PAIRS, edges=((1.0, 1.0), (NAN, 1.0), (1.0, NAN), (INF, 1.0), (0.0, -0.0)))  # fmt: skip
minimum: Op = Op("minimum", "the smaller of a and b", arity=2, symbol="min", natives={"numpy": "minimum"},
             forward=lambda a, b: where(a <= b, a, where(a > b, b, a + b)),
             kink="a tie splits evenly; NaN if either is NaN",
             partials=lambda a, b, y: (where(a < b, 1.0, where(a > b, 0.0, 0.5)), where(a < b, 0.0, where(a > b, 1.0, 0.5))),
             points=PAIRS, edges=((1.0, 1.0), (NAN, 1.0), (1.0, NAN), (INF, 1.0), (0.0, -0.0)))  # fmt: skip
clip = Op("clip", "a kept within [low, high]", immediates={"low": -INF, "high": INF},
          forward=lambda a, low, high: where(a < low, low, where(a > high, high, a)),
          kink="slope 1 at the bounds, 0 outside",
          partials=lambda a, low, high, y: (where(a < low, 0.0, where(a > high, 0.0, 1.0)),),
          points=((0.5,), (-3.0,)), edges=((0.0,), (INF,), (NAN,)))  # fmt: skip
hypot: Op = Op("hypot", "sqrt(a² + b²) without overflow", native=math.hypot, arity=2, natives=same("hypot"),
           latex=r"\sqrt{a^2 + b^2}", kink="slopes 0 and 0 at (0, 0)",
           partials=lambda a, b, y: (a / where(y == 0.0, 1.0, y), b / where(y == 0.0, 1.0, y)),
           display=lambda a, b, y: (a / hypot(a, b), b / hypot(a, b)),
           points=((3.0, 4.0), (-0.5, 2.0), (1e200, 1e200)), edges=((0.0, 0.0), (INF, 1.0), (NAN, 1.0), (0.0, 3.0)))  # fmt: skip


def _round_half_even(a: Any) -> Any:
    """Whole numbers by halves to even, from floor alone; the sign of a is kept, so -0.3 gives -0.0."""
    size = absolute(a)
    below = floor(size)
    rest = size - below
    odd = below - 2.0 * floor(0.5 * below)
    nearest = where(rest > 0.5, below + 1.0, where(rest == 0.5, below + odd, below))
    signed = where(a < 0.0, -nearest, nearest)
    return where(size < 4503599627370496.0, where(a == 0.0, a, signed), a)


rounded: Op = Op("round", "the nearest whole number, halves to even", forward=_round_half_even,
             native=lambda a: float.__round__(a, 0) if a - a == 0.0 else a, natives={"python": "float.__round__", "numpy": "round", "c": "rint"},
             kink="slope 0 everywhere", partials=lambda a, y: (0.0,),
             points=((2.4,), (-0.3,), (7.9,)), edges=((0.5,), (1.5,), (-2.5,), (-0.0,), (INF,), (NAN,), (1e300,)))  # fmt: skip

# --- choosing and comparing ---------------------------------------------------------------------------------------

CONDITION_POINTS = ((1.0, 2.0), (2.0, 1.0), (-1.5, 0.5))
CONDITION_EDGES = ((1.0, 1.0), (NAN, 1.0), (INF, INF), (0.0, -0.0))


def _compare(name: str, infix: str, words: str, native: Any) -> Op:
    return Op(name, f"1 where {words}, else 0: a condition that `where` takes", native=native, arity=2, infix=infix,
              partials=lambda a, b, y: (0.0, 0.0), kink="slope 0 everywhere", condition=True, natives={"numpy": name},
              points=CONDITION_POINTS, edges=CONDITION_EDGES)  # fmt: skip


greater = _compare("greater", ">", "a > b", lambda a, b: a > b)
greater_equal = _compare("greater_equal", ">=", "a >= b", lambda a, b: a >= b)
less = _compare("less", "<", "a < b", lambda a, b: a < b)
less_equal = _compare("less_equal", "<=", "a <= b", lambda a, b: a <= b)
equal = _compare("equal", "==", "a == b", lambda a, b: a == b)
not_equal = _compare("not_equal", "!=", "a != b", lambda a, b: a != b)

logical_and = Op("logical_and", "1 where both conditions hold", native=lambda a, b: bool(a and b), arity=2, infix="&",
                 partials=lambda a, b, y: (0.0, 0.0), kink="slope 0 everywhere", natives={"numpy": "logical_and"}, condition=True,
                 points=((1.0, 0.0), (1.0, 1.0)))  # fmt: skip
logical_or = Op("logical_or", "1 where either condition holds", native=lambda a, b: bool(a or b), arity=2, infix="|",
                partials=lambda a, b, y: (0.0, 0.0), kink="slope 0 everywhere", natives={"numpy": "logical_or"}, condition=True,
                points=((1.0, 0.0), (0.0, 0.0)))  # fmt: skip
logical_not = Op("logical_not", "1 where the condition does not hold", native=lambda a: not a, symbol="not",
                 partials=lambda a, y: (0.0,), kink="slope 0 everywhere", natives={"numpy": "logical_not"}, condition=True,
                 points=((1.0,), (0.0,)))  # fmt: skip

choose = Op(
    "choose", "a or b, as a recorded condition says", symbol="where", arity=3,
    native=lambda c, a, b: a if c else b,
    partials=lambda c, a, b, y: (0.0, where(c != 0.0, 1.0, 0.0), where(c != 0.0, 0.0, 1.0)),
    kink="slope 0 in the condition; the arm not chosen gets 0",
    points=((1.0, 2.0, 3.0), (0.0, 2.0, 3.0)), edges=((1.0, 2.0, NAN), (0.0, INF, 3.0)),
)  # fmt: skip

select = Op(
    "select", "a or b, as a fixed bool says", symbol="where", arity=2, immediates={"condition": True},
    native=lambda a, b, condition: a if condition else b,
    partials=lambda a, b, condition, y: (1.0, 0.0) if condition else (0.0, 1.0),
    kink="the arm not chosen gets 0",
    points=((2.0, 3.0), (-1.0, 0.5)), edges=((2.0, NAN), (2.0, INF)),
)  # fmt: skip


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`; the arm not chosen gets gradient 0, even if its slope is not finite.

    The condition is a bool (`x > 0` on Values is one) or a recorded condition (`ops.greater(x, 0)`).
    Raises `ValueTypeError` for any other condition.

    >>> where(True, 1.0, 2.0)
    1.0
    """
    kind = condition.__class__
    if kind is bool:
        if a.__class__ is float and b.__class__ is float:
            return a if condition else b
        for arm in (a, b):
            apply = getattr(arm.__class__, "_apply", None)
            if apply is not None:
                return apply(select, (a, b), (condition,))
        return select(a, b, condition)
    if hasattr(kind, "_apply"):
        if getattr(condition, "is_condition", False):
            return choose(condition, a, b)
    elif getattr(condition, "dtype", None) == "bool":
        if condition.ndim == 0:
            return where(bool(condition), a, b)
        import numpy

        return numpy.where(condition, a, b)
    raise ValueTypeError(
        f"where needs a condition (a bool such as x > 0, or ops.greater(x, 0)), got {condition!r:.60} "
        f"of type {kind.__name__}"
    )
