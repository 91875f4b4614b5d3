"""autograd-lite: scalar reverse-mode autodiff, made to be seen.

>>> from autograd_lite import Value
>>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
>>> loss = (a * b).tanh()
>>> loss.backward()
>>> round(a.grad, 9)
-7.3728e-05
"""

from __future__ import annotations

from . import ops
from .engine import Value, detect_anomaly, gradients, no_grad, scope, topological_order, trace_source
from .errors import AutogradError
from .functional import grad, gradcheck, hessian, hvp, jacobian, jvp, value_and_grad

__version__ = "0.1.0"
