"""Rows: the activations of neural networks, each in a form that neither overflows nor loses digits in its tails."""

from __future__ import annotations

from typing import Any

from .elementary import REAL_EDGES, absolute, exp, expm1, log1p, maximum, minimum, sech_squared, tanh, where
from .formulas import exp_minus_half_square
from .row import INF, NAN, Op
from .special import erfc

LN2 = 0.6931471805599453
SQRT_HALF, INVERSE_SQRT_TWO_PI = 0.7071067811865476, 0.3989422804014327
# Klambauer et al., "Self-Normalizing Neural Networks" (2017), to double precision
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

POINTS = ((0.5,), (-1.25,), (3.0,))
TAILS = (*POINTS, (30.0,), (-30.0,))
KINK_EDGES = ((0.0,), (-0.0,), (INF,), (-INF,), (NAN,))


def _sigmoid(a: Any) -> Any:
    decay = exp(-absolute(a))
    return where(a >= 0.0, 1.0, decay) / (1.0 + decay)


def _gap(a: Any, b: Any) -> Any:
    """a - b, and 0 for two equal infinities."""
    return where((a == b) & (absolute(a) == INF), 0.0, a - b)


def _leaky(a: Any, slope: Any) -> Any:
    return where(a > 0.0, a, slope * a)


sigmoid: Op = Op("sigmoid", "1 / (1 + exp(-a))", forward=_sigmoid, symbol="σ", latex=r"\sigma(a)",
             partials=lambda a, y: (y * sigmoid(-a),), display=lambda a, y: (sigmoid(a) * sigmoid(-a),),
             points=TAILS, edges=REAL_EDGES)  # fmt: skip
softplus = Op("softplus", "log(1 + exp(a))", forward=lambda a: where(a <= 0.0, 0.0, a) + log1p(exp(-absolute(a))),
              partials=lambda a, y: (sigmoid(a),), points=TAILS, edges=REAL_EDGES)  # fmt: skip
log_sigmoid = Op("log_sigmoid", "log(sigmoid(a))", symbol="log σ", latex=r"\log\sigma(a)",
                 forward=lambda a: where(a >= 0.0, 0.0, a) - log1p(exp(-absolute(a))),
                 partials=lambda a, y: (sigmoid(-a),), points=TAILS, edges=REAL_EDGES)  # fmt: skip
relu = Op("relu", "a above 0, else 0", symbol="ReLU", forward=lambda a: where(a <= 0.0, 0.0, a), kink="slope 0 at 0",
          partials=lambda a, y: (where(a <= 0.0, 0.0, 1.0),), points=POINTS, edges=KINK_EDGES)  # fmt: skip
leaky_relu = Op("leaky_relu", "a above 0, else slope * a", forward=_leaky, immediates={"slope": 0.01},
                kink="slope `slope` at 0", partials=lambda a, slope, y: (where(a > 0.0, 1.0, slope),),
                points=POINTS, edges=KINK_EDGES)  # fmt: skip
elu = Op("elu", "a above 0, else alpha * (exp(a) - 1)", immediates={"alpha": 1.0}, kink="slope alpha at 0",
         forward=lambda a, alpha: where(a > 0.0, a, alpha * expm1(minimum(a, 0.0))),
         partials=lambda a, alpha, y: (where(a > 0.0, 1.0, alpha * exp(where(a > 0.0, 0.0, a))),),
         display=lambda a, alpha, y: (where(a > 0.0, 1.0, alpha * exp(a)),),
         points=POINTS, edges=REAL_EDGES)  # fmt: skip
selu = Op("selu", "scaled elu that keeps mean 0 and variance 1", kink="slope scale * alpha at 0",
          forward=lambda a: SELU_SCALE * where(a > 0.0, a, SELU_ALPHA * expm1(minimum(a, 0.0))),
          partials=lambda a, y: (SELU_SCALE * where(a > 0.0, 1.0, SELU_ALPHA * exp(where(a > 0.0, 0.0, a))),),
          points=POINTS, edges=REAL_EDGES)  # fmt: skip
gelu = Op("gelu", "a * Phi(a), Phi the normal distribution function",
          forward=lambda a: where(a == -INF, 0.0, 0.5 * a * erfc(-SQRT_HALF * a)),
          partials=lambda a, y: (
              0.5 * erfc(-SQRT_HALF * a) + where(absolute(a) < 40.0, a, 0.0) * INVERSE_SQRT_TWO_PI * exp_minus_half_square(a),
          ),
          display=lambda a, y: (0.5 * erfc(-SQRT_HALF * a) + INVERSE_SQRT_TWO_PI * a * exp(-0.5 * a * a),),
          points=(*POINTS, (-6.0,), (8.0,)), edges=REAL_EDGES)  # fmt: skip
silu = Op("silu", "a * sigmoid(a)", forward=lambda a: where(a == -INF, 0.0, a) * sigmoid(a),
          partials=lambda a, y: (sigmoid(a) * (1.0 + where(absolute(a) == INF, 0.0, a) * sigmoid(-a)),),
          display=lambda a, y: (sigmoid(a) * (1.0 + a * sigmoid(-a)),), points=TAILS, edges=REAL_EDGES)  # fmt: skip
mish = Op("mish", "a * tanh(softplus(a))", forward=lambda a: where(a == -INF, 0.0, a) * tanh(softplus(a)),
          partials=lambda a, y: (
              tanh(softplus(a)) + where(absolute(a) == INF, 0.0, a) * sech_squared(softplus(a)) * sigmoid(a),
          ),
          display=lambda a, y: (tanh(softplus(a)) + a * (1.0 - tanh(softplus(a)) * tanh(softplus(a))) * sigmoid(a),),
          points=TAILS, edges=REAL_EDGES)  # fmt: skip
hardtanh = Op("hardtanh", "a kept within [low, high], flat at the bounds", immediates={"low": -1.0, "high": 1.0},
              forward=lambda a, low, high: where(a <= low, low, where(a >= high, high, a)),
              kink="slope 0 at the bounds",
              partials=lambda a, low, high, y: (where(a <= low, 0.0, where(a >= high, 0.0, 1.0)),),
              points=((0.5,), (-3.0,), (2.0,)), edges=((1.0,), (-1.0,), (INF,), (NAN,)))  # fmt: skip
logaddexp = Op("logaddexp", "log(exp(a) + exp(b)) without overflow", arity=2, natives={"numpy": "logaddexp"},
               forward=lambda a, b: where(a == b, a + LN2, maximum(a, b) + log1p(exp(-absolute(a - b)))),
               partials=lambda a, b, y: (sigmoid(_gap(a, b)), sigmoid(_gap(b, a))),
               display=lambda a, b, y: (sigmoid(a - b), sigmoid(b - a)),
               points=((1.0, 2.0), (-30.0, 30.0), (1000.0, 999.0)),
               edges=((1.0, 1.0), (-INF, -INF), (INF, 1.0), (-INF, 2.0), (NAN, 1.0)))  # fmt: skip
