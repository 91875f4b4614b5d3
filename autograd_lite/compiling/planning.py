"""From a tape to a plan, the vector instructions that `instructions.py` describes."""

from __future__ import annotations

from collections.abc import Sequence

from .instructions import Plan
from .tape import Tape

__all__ = ["make_plan"]


def make_plan(
    tape: Tape,
    wanted: Sequence[int],
    *,
    fuse: bool = True,
    batched: Sequence[bool] | None = None,
    reorder: bool = False,
) -> Plan:
    """The instructions for a tape; `batched`, for lanes, says of each leaf whether it differs by sample.

    With `fuse`, chains of products and sums become DOT and SUM, whose sums may be reassociated. With
    `reorder` leaves may stand in another order, as `places` says, where that makes longer runs: a neuron that
    adds its bias first meets w0, b, w1, w2, …, and its weights are no run unless the bias moves.
    """
    from .fusing import fused
    from .runs import plan_of
    from .scheduling import scheduled

    items, varies = fused(tape, wanted, fuse=fuse, batched=batched)
    plan = plan_of(scheduled(tape, wanted, items, varies, batched))
    if not reorder or len(plan.index) == 0:
        return plan
    other = plan_of(scheduled(tape, wanted, items, varies, batched, reorder=True))
    return other if len(other.code) < len(plan.code) * 0.9 else plan
