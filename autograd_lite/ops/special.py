"""Rows: the special functions."""

from __future__ import annotations

import math

from ..errors import ArgumentError
from . import formulas
from .elementary import REAL_EDGES, exp, square
from .row import INF, NAN, Op

TWO_BY_SQRT_PI = 1.1283791670955126

GAMMA_POINTS = ((0.5,), (3.2,), (25.0,), (-1.5,))
GAMMA_EDGES = ((1.0,), (2.0,), (0.0,), (-1.0,), (INF,), (NAN,))
GAMMA_DOMAIN = "every real number but 0, -1, -2, …"


def _whole(n: float) -> int:
    if n - n != 0.0 or n != int(n):
        raise ArgumentError(f"polygamma: the order n must be a whole number, got {n!r}")
    return int(n)


erf = Op("erf", "error function", forward=formulas.erf, native=math.erf,
         natives={"python": "math.erf", "c": "erf"},
         partials=lambda a, y: (TWO_BY_SQRT_PI * formulas.exp_minus_square(a),),
         display=lambda a, y: (TWO_BY_SQRT_PI * exp(-square(a)),),
         points=((0.5,), (-1.25,), (3.0,), (6.0,)), edges=REAL_EDGES)  # fmt: skip
erfc = Op("erfc", "1 - erf(a), exact in the tail", forward=formulas.erfc, native=math.erfc,
          natives={"python": "math.erfc", "c": "erfc"},
          partials=lambda a, y: (-TWO_BY_SQRT_PI * formulas.exp_minus_square(a),),
          display=lambda a, y: (-TWO_BY_SQRT_PI * exp(-square(a)),),
          points=((0.5,), (-1.25,), (3.0,), (20.0,)), edges=REAL_EDGES)  # fmt: skip
# not math.lgamma: CPython's is off by a relative 1e-6 next to its zeros at 1 and 2
lgamma = Op("lgamma", "log of |gamma(a)|", forward=formulas.lgamma,
            natives={"python": "ops.lgamma", "c": "lgamma"}, domain=GAMMA_DOMAIN,
            latex=r"\log|\Gamma(a)|", partials=lambda a, y: (digamma(a),), points=GAMMA_POINTS, edges=GAMMA_EDGES)  # fmt: skip
digamma: Op = Op("digamma", "derivative of lgamma", forward=formulas.digamma, domain=GAMMA_DOMAIN, symbol="ψ",
             natives={"python": "ops.digamma"},
             latex=r"\psi(a)", partials=lambda a, y: (polygamma(a, 1.0),), points=GAMMA_POINTS, edges=GAMMA_EDGES)  # fmt: skip
polygamma: Op = Op("polygamma", "n-th derivative of digamma", immediates={"n": 1.0}, domain=GAMMA_DOMAIN,
               natives={"python": "ops.polygamma"},
               forward=lambda a, n: formulas.polygamma(_whole(n), a), partials=lambda a, n, y: (polygamma(a, n + 1.0),),
               points=GAMMA_POINTS, edges=((1.0,), (INF,), (NAN,)))  # fmt: skip
