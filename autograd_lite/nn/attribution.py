"""What in one input a model's answer rests on: its gradient (saliency), and integrated gradients.

Both build the graph on inputs that are `Value`s and read derivatives off it; nothing is approximated by
differences, and no `.grad` is written.

Sources: Simonyan, Vedaldi and Zisserman 2013 (saliency); Sundararajan, Taly and Yan 2017, "Axiomatic
Attribution for Deep Networks" (integrated gradients, completeness).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine import Value, gradients
from ..errors import ArgumentError
from .calling import without_scopes
from .inputs import is_number, is_whole, shown
from .line_integral import Evaluation, integrate
from .losses import flat_output
from .prediction import evaluating

__all__ = ["Attribution", "integrated_gradients", "saliency"]


@dataclass(frozen=True)
class Attribution:
    """A number for each input: how much of the answer rests on it. It can be indexed and looped over.

    `method` is "saliency" or "integrated gradients", `inputs` and `baseline` the points, `output` the index
    of the output that was looked at, `answer` and `baseline_answer` the model's answers there.

    `completeness_gap` is the sum of the values minus the change of the answer from the baseline to the input:
    0 for integrated gradients that are exact, up to rounding. None for saliency, of which it is not true.
    `exact` says whether the integral was carried through to the tolerance asked for (False: a number of
    `steps` was given, or the answer jumps on the way), `evaluations` how often the model ran.
    """

    method: str
    values: tuple[float, ...]
    inputs: tuple[float, ...]
    output: int
    answer: float
    baseline: tuple[float, ...] | None = None
    baseline_answer: float | None = None
    completeness_gap: float | None = None
    exact: bool = True
    evaluations: int = 1

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]

    def __iter__(self) -> Iterator[float]:
        return iter(self.values)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{value:.4g}" for value in self.values[:6])
        more = ", …" if len(self) > 6 else ""
        gap = "" if self.completeness_gap is None else f", completeness gap {self.completeness_gap:.1e}"
        return f"Attribution({self.method}: [{numbers}{more}] of the answer {self.answer:.4g}{gap})"


def saliency(model: Callable[[Any], Any], x: Any, output: int | None = None) -> Attribution:
    """The derivative of the model's answer by each of its inputs, at `x`.

    It says how the answer would change if an input changed a little. `output` chooses one of several outputs;
    without it the largest is taken, the class that a classifier tells. The model runs in `eval()`, and is
    left as it was. Raises `ArgumentError` for inputs that are not finite numbers and an output that the model
    does not have.

    >>> from autograd_lite import nn
    >>> model = nn.MLP(2, [1], seed=0)
    >>> model.layers[0].neurons[0].w[0].data = 0.5
    >>> saliency(model, [3.0, 4.0])[0]
    0.5
    """
    point = _as_point(x, "x")
    with evaluating(model):
        chosen = _chosen(model, point, output)
        found = _evaluator(model, chosen)(point, [0.0] * len(point))
    return Attribution("saliency", tuple(found.slopes), tuple(point), chosen, found.answer)


def integrated_gradients(
    model: Callable[[Any], Any],
    x: Any,
    baseline: Any = 0.0,
    *,
    steps: int | None = None,
    output: int | None = None,
    tolerance: float = 1e-12,
) -> Attribution:
    """How much each input contributes to the change of the answer from `baseline` to `x`.

    Input i gets (xᵢ − baselineᵢ) times the mean of ∂answer/∂xᵢ along the straight way between the two points.
    The contributions sum up to the change of the answer (completeness), which a gradient at one point does
    not. `baseline` is a point, or one number for all inputs: the input that stands for "nothing".

    Without `steps` the integral is exact. Where the model is linear between kinks (ReLU, leaky ReLU, abs,
    maximum, clip …) every kink on the way is found, and each piece, along which the gradient is constant,
    counts with its length. Where it is smooth, each piece between kinks is integrated by Gauss and Legendre's
    rule, cut in halves until it agrees with the change of the answer over the piece to `tolerance` (of the
    larger of 1 and the answers) and with a finer rule. With `steps` the mean is taken over that many
    gradients at the middles of equal pieces, as the paper does, and the `completeness_gap` shows what is
    missing. So it does where the answer jumps on the way, which no integral can follow.

    `output` and errors are as in `saliency`.

    >>> from autograd_lite import nn
    >>> model = nn.MLP(2, [8, 8, 1], seed=0)
    >>> found = integrated_gradients(model, [1.0, -2.0])
    >>> abs(sum(found) - (model([1.0, -2.0]).data - model([0.0, 0.0]).data)) < 1e-12
    True
    """
    point = _as_point(x, "x")
    start = [float(baseline)] * len(point) if is_number(baseline) else _as_point(baseline, "baseline")
    if len(start) != len(point):
        raise ArgumentError(f"baseline has {len(start)} numbers and x has {len(point)}: give as many, or one "
                            "number for all")
    _as_point(start, "baseline")
    if steps is not None and (not is_whole(steps) or steps < 1):
        raise ArgumentError("steps is a whole number of at least 1, or None for the exact integral; got "
                            f"{steps!r}")
    if not is_number(tolerance) or not 0.0 < tolerance < math.inf:
        raise ArgumentError(f"tolerance is a number above 0, got {tolerance!r}")
    with evaluating(model):
        chosen = _chosen(model, point, output)
        run = _evaluator(model, chosen)
        way = [to - since for since, to in zip(start, point, strict=True)]

        def at(share: float) -> Evaluation:
            place = [since + share * part for since, part in zip(start, way, strict=True)]
            return run(place, way)

        begin, end = run(start, way), run(point, way)
        integral = integrate(at, begin.answer, end.answer, len(point), steps, float(tolerance))
    values = tuple(part * mean for part, mean in zip(way, integral.means, strict=True))
    gap = math.fsum([*values, begin.answer, -end.answer])
    return Attribution(
        "integrated gradients", values, tuple(point), chosen, end.answer, tuple(start), begin.answer, gap,
        integral.exact, integral.evaluations + 2,
    )


def _as_point(x: Any, name: str) -> list[float]:
    numbers = x.tolist() if hasattr(x, "tolist") else x
    numbers = [numbers] if is_number(numbers) or isinstance(numbers, Value) else numbers
    if not isinstance(numbers, (list, tuple)) or not numbers:
        raise ArgumentError(f"{name} is one sample, a flat list of numbers, got {shown(x)}")
    point = [number.data if isinstance(number, Value) else number for number in numbers]
    for index, number in enumerate(point):
        if not is_number(number) or not math.isfinite(number):
            raise ArgumentError(f"{name}[{index}] is {shown(number)}; expected a finite number")
    return [float(number) for number in point]


def _outputs(model: Callable[[Any], Any], leaves: list[Value]) -> list[Value]:
    answer = flat_output(without_scopes(model, leaves))
    outputs = answer if isinstance(answer, list) else [answer]
    if not all(isinstance(output, Value) for output in outputs):
        raise ArgumentError(f"the model must return a Value or a list of Values for one sample, got "
                            f"{shown(answer)}")
    return outputs


def _chosen(model: Callable[[Any], Any], point: list[float], output: int | None) -> int:
    outputs = _outputs(model, [Value(number) for number in point])
    if output is None:
        return max(range(len(outputs)), key=lambda index: outputs[index].data)
    if not is_whole(output) or not 0 <= output < len(outputs):
        raise ArgumentError(f"output is the index of one of the model's {len(outputs)} outputs, from 0 to "
                            f"{len(outputs) - 1}; got {output!r}")
    return int(output)


def _evaluator(
    model: Callable[[Any], Any], chosen: int
) -> Callable[[Sequence[float], Sequence[float]], Evaluation]:
    """Runs the model at a point: the answer, its gradient, and the graph on inputs with that direction."""

    def run(point: Sequence[float], direction: Sequence[float]) -> Evaluation:
        leaves = [Value(number) for number in point]
        answer = _outputs(model, leaves)[chosen]
        return Evaluation(answer.data, list(gradients(answer, leaves)), answer, leaves, direction)

    return run
