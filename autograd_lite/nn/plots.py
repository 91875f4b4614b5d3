"""Pictures of training, drawn by matplotlib (extra `plot`), in one style.

Each function returns a matplotlib `Figure` that shows itself in a notebook and is saved by
`figure.savefig("picture.svg")`. With `ax=` a picture is drawn on axes of your own. pyplot is not used, so
figures need no closing and no window system. The background is opaque white, in dark notebooks too.

>>> from autograd_lite import nn
>>> figure = nn.plots.schedule_curve(lambda step: 0.9**step, 30)
>>> type(figure).__mro__[1]
<class 'matplotlib.figure.Figure'>
"""

from __future__ import annotations

from .plot_boundary import decision_boundary
from .plot_curves import loss_curves, rate_curve, schedule_curve
from .plot_histograms import activation_histograms, gradient_flow, gradient_histograms, update_ratios
from .plot_network import attribution_bars, saliency_map, weight_map

__all__ = [
    "activation_histograms", "attribution_bars", "decision_boundary", "gradient_flow", "gradient_histograms",
    "loss_curves", "rate_curve", "saliency_map", "schedule_curve", "update_ratios", "weight_map",
]  # fmt: skip
