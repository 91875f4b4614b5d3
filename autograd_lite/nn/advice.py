"""What the numbers of a diagnosis mean, and what to do: one rule a finding, each with its threshold.

The thresholds are wide on purpose: a finding should be worth reading.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .diagnosis import LayerReport

__all__ = ["Finding", "findings_in"]

# A typical parameter's gradient in the first layer against the last: a thousandth of it vanishes, a
# thousand times it explodes.
APART = 1e3
# ‖gradient‖ / ‖weights‖ beyond which even lr = 1e-5 moves the weights by the usual 1e-3 at each step.
STEEP = 1e2
DEAD, SATURATED = 0.25, 0.5
# The rule of thumb for ‖step‖ / ‖weights‖ is 1e-3 (CS231n, Karpathy); a hundred times off is a finding.
STEP_HIGH, STEP_LOW = 1e-1, 1e-5


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind in a word, the layers it concerns, and what to do about it."""

    kind: str
    layers: tuple[str, ...]
    sentence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


def findings_in(layers: Sequence[LayerReport], loss: float) -> Iterator[Finding]:
    """What is wrong with these layers, the most serious first."""
    broken = list(_not_finite(layers, loss))
    yield from broken
    if broken:  # the other rules compare numbers, and these are none
        return
    yield from _gradients(layers)
    yield from _fading(layers)
    yield from _dead(layers)
    yield from _identical(layers)
    yield from _saturated(layers)
    yield from _steps(layers)


def _not_finite(layers: Sequence[LayerReport], loss: float) -> Iterator[Finding]:
    forward = [layer.name for layer in layers if not math.isfinite(layer.mean)]
    back = [layer.name for layer in layers if not math.isfinite(layer.gradient or 0.0)]
    if forward or not math.isfinite(loss):
        where = f"first in {forward[0]}" if forward else f"in the loss ({loss})"
        yield Finding("not finite", tuple(forward), (
            f"going forward, numbers become NaN or infinite, {where}. `with detect_anomaly():` around the "
            "call names the node. Look for weights that grew without bound (smaller lr, clip_norm=1.0), logs "
            "of 0, and losses of probabilities where there is one that takes logits."))
    elif back:
        yield Finding("not finite", tuple(back), (
            f"the answers are finite, but the gradient of {_listed(back)} is NaN or infinite. "
            "`with detect_anomaly():` around loss and backward() names the node where it began."))


def _gradients(layers: Sequence[LayerReport]) -> Iterator[Finding]:
    sizes = [(layer, size) for layer in layers if (size := layer.gradient_rms) is not None]
    if not sizes:
        return
    (first, begin), (last, end) = sizes[0], sizes[-1]
    if max(size for _, size in sizes) == 0.0:
        yield Finding("no gradient", tuple(layer.name for layer, _ in sizes), (
            "every gradient is exactly 0: nothing will move. Either the loss is at its least, or no way "
            "leads from the loss to the parameters (all units dead, a detach() or .data on the way)."))
        return
    depth = max(1, len(sizes) - 1)
    if begin == 0.0 < end:
        told = f"none at all reaches {first.name}: {_what_stops(layers)}"
        yield Finding("no gradient", (first.name,), told)
    elif begin * APART <= end:
        yield Finding("vanishing", (first.name,), (
            f"the gradient of a typical parameter in {first.name} is {_share(begin / end)} of that in "
            f"{last.name}, a factor of {(begin / end) ** (1 / depth):.2g} a layer: the first layers learn "
            f"next to nothing. {_against_vanishing(layers)}"))
    whole = math.hypot(*(layer.gradient for layer in layers if layer.gradient is not None))
    weights = math.hypot(*(layer.weights for layer in layers if layer.weights is not None))
    if end > 0.0 and begin >= APART * end:
        yield Finding("exploding", (first.name,), (
            f"the gradient grows going back: in {first.name} a typical parameter's is {begin / end:.1g} "
            f"times that in {last.name}, a factor of {(begin / end) ** (1 / depth):.2g} a layer. {_CALM}"))
    elif weights > 0.0 and whole >= STEEP * weights:
        yield Finding("exploding", (max(sizes, key=lambda pair: pair[1])[0].name,), (
            f"the gradient's norm is {whole:.2g}, {whole / weights:.2g} times that of the weights: one step "
            f"of an ordinary lr throws them away. {_CALM}"))


_CALM = ("Clip it (fit(..., clip_norm=1.0)), start with smaller weights (init=\"xavier_uniform\", or "
         "\"he_normal\" for ReLU), or normalise between the layers; where one layer is used again and again, "
         "its weights' largest singular value should be near 1.")


def _share(share: float) -> str:
    """1/110,000 rather than 9.1e-06, as long as that can be read."""
    return f"1/{float(f'{1 / share:.2g}'):,.0f}" if share > 1e-9 else f"{share:.1g}"


def _what_stops(layers: Sequence[LayerReport]) -> str:
    blocked = [layer.name for layer in layers if layer.units and layer.dead == layer.units]
    if blocked:
        return f"all units of {_listed(blocked)} are dead, and nothing passes through them."
    empty = [layer.name for layer in layers[1:] if layer.weights == 0.0]
    if empty:
        return f"all weights of {_listed(empty)} are 0, and the gradient is multiplied by them."
    return "on every way there one of the factors is 0, or so small that the product underflows."


def _against_vanishing(layers: Sequence[LayerReport]) -> str:
    used = [layer.activation for layer in layers[:-1]]
    if any(map(_mostly_dead, layers[:-1])):
        return "Most units on the way are dead, see below, and let no gradient through."
    if any((layer.saturated or 0.0) > SATURATED for layer in layers[:-1]):
        why = "The activations are saturated, see below: start with smaller weights (init=\"xavier_uniform\")"
    elif "sigmoid" in used:
        why = ("The slope of sigmoid is at most 1/4: take tanh with init=\"xavier_uniform\" or relu with "
               "\"he_normal\"")
    elif "relu" in used:
        why = "Start with init=\"he_normal\", which keeps the size of numbers through ReLU layers"
    else:
        why = "Start with init=\"xavier_uniform\", which keeps the size of numbers from layer to layer"
    return f"{why}; or put nn.LayerNorm between the layers, or nn.Residual around them."


def _fading(layers: Sequence[LayerReport]) -> Iterator[Finding]:
    spread = [layer for layer in layers if layer.units]
    if any(_mostly_dead(layer) or layer.identical for layer in spread[:-1]):
        return  # says more, and is said below
    if len(spread) > 1 and spread[0].spread > APART * spread[-1].spread:
        first, last = spread[0], spread[-1]
        yield Finding("fading", (last.name,), (
            f"from sample to sample the answers of {first.name} differ by {first.spread:.2g} and those of "
            f"{last.name} by {last.spread:.1g}: the deeper layers hardly see which sample it is. Larger "
            "starting weights (init=\"xavier_uniform\", \"he_normal\") or nn.LayerNorm keep the signal "
            "alive."))
    elif len(spread) > 1 and spread[-1].spread > APART * spread[0].spread > 0.0:
        yield Finding("growing", (spread[-1].name,), (
            f"the answers grow with depth: they differ by {spread[0].spread:.2g} in {spread[0].name} and by "
            f"{spread[-1].spread:.2g} in {spread[-1].name}. Smaller starting weights or nn.LayerNorm between "
            "the layers keep them in size."))


def _mostly_dead(layer: LayerReport) -> bool:
    return (layer.dead or 0) > layer.units / 2


def _dead(layers: Sequence[LayerReport]) -> Iterator[Finding]:
    affected = [layer for layer in layers if layer.dead and layer.dead > DEAD * layer.units]
    if affected:
        shares = ", ".join(f"{layer.dead} of {layer.units} in {layer.name}" for layer in affected)
        yield Finding("dead", tuple(layer.name for layer in affected), (
            f"units whose activation is flat for every sample: {shares}. No gradient passes through them, so "
            "they cannot come back. Start again (model.reset()) with init=\"he_normal\" and a smaller lr, "
            "centre the inputs, or take leaky_relu, which is flat nowhere."))


def _identical(layers: Sequence[LayerReport]) -> Iterator[Finding]:
    affected = [layer for layer in layers[:-1] if layer.identical and layer.dead != layer.units]
    if affected:
        names = _listed([layer.name for layer in affected])
        yield Finding("identical", tuple(layer.name for layer in affected), (
            f"all units of {names} answer alike, so they get the same gradient and stay alike: as good as "
            "one unit. Start with random weights, not with zeros or another constant."))


def _saturated(layers: Sequence[LayerReport]) -> Iterator[Finding]:
    # at the output it only means that the network is sure
    affected = [layer for layer in layers[:-1] if (layer.saturated or 0.0) > SATURATED]
    if affected:
        shares = ", ".join(f"{100 * (layer.saturated or 0):.0f} % in {layer.name}" for layer in affected)
        yield Finding("saturated", tuple(layer.name for layer in affected), (
            f"answers at the flat ends of the activation, where little gradient passes: {shares}. The sums "
            "before it are too large: standardise the inputs, start with smaller weights "
            "(init=\"xavier_uniform\"), or put nn.LayerNorm before the activation."))


def _steps(layers: Sequence[LayerReport]) -> Iterator[Finding]:
    ratios = [(layer, ratio) for layer in layers if (ratio := layer.step_ratio) is not None]
    high = [(layer, ratio) for layer, ratio in ratios if ratio > STEP_HIGH]
    if high:
        layer, ratio = max(high, key=lambda pair: pair[1])
        yield Finding("steps too large", tuple(layer.name for layer, _ in high), (
            f"one step of {layer.name} is {ratio:.2g} times as long as its weights (‖step‖ / ‖weights‖); "
            "0.001 is usual. Lower the lr, warm it up, or clip the gradient."))
    elif ratios and all(ratio < STEP_LOW for _, ratio in ratios):
        layer, ratio = max(ratios, key=lambda pair: pair[1])
        yield Finding("steps too small", tuple(layer.name for layer, _ in ratios), (
            f"one step changes at most {ratio:.1g} of a layer's weights ({layer.name}); about 0.001 is "
            "usual. Raise the lr (nn.lr_find looks for one), unless the training is done."))


def _listed(names: Sequence[str]) -> str:
    if len(names) <= 3:
        return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{', '.join(names[:2])} and {len(names) - 2} more layers"
