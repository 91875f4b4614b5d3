"""A schedule that listens to the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ArgumentError
from .inputs import is_number, is_whole, shown
from .scheduling import Schedule, checked_factor
from .settings import truth

__all__ = ["ReduceOnPlateau"]


@dataclass
class _Seen:
    """What a plateau schedule has observed, and the factor it has come to."""

    best: float | None = None
    waited: int = 0
    resting: int = 0
    current: float = 1.0


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Times `factor` whenever the loss has not improved for more than `patience` epochs.

    An improvement is a loss below best·(1 − threshold), or below best − threshold if `relative` is False.
    After each reduction `cooldown` epochs are not counted. The factor never falls below `lowest`. PyTorch's
    `ReduceLROnPlateau` in its mode "min" (without its `eps`; its `min_lr` is `lowest` times the rate). A NaN
    is no improvement. `fit` calls `reset` at the start and `observe` after every epoch, with the loss on the
    validation data if there is any.

    >>> schedule = ReduceOnPlateau(factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.observe(loss)
    >>> schedule(4)
    0.5
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    lowest: float = 0.0
    relative: bool = True
    _seen: _Seen = field(default_factory=_Seen, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        checked_factor(self, "factor", zero=False)
        if self.factor >= 1:
            raise ArgumentError(f"factor is a number below 1, so that the rate falls, got {self.factor!r}")
        for name in ("patience", "cooldown"):
            count = getattr(self, name)
            if not is_whole(count) or count < 0:
                raise ArgumentError(f"{name} is a whole number of at least 0, got {shown(count)}")
            object.__setattr__(self, name, int(count))
        checked_factor(self, "threshold")
        checked_factor(self, "lowest", most=1.0)
        object.__setattr__(self, "relative", truth("relative", self.relative))

    def factor_at(self, t: int) -> float:
        """The factor that the losses observed so far have led to; t does not matter."""
        return self._seen.current

    def observe(self, loss: float) -> None:
        """Be told the loss of an epoch; the factor falls if there has been no improvement for too long."""
        if not is_number(loss):
            raise ArgumentError(f"observe takes the loss as a number, got {shown(loss)}")
        seen = self._seen
        if self._is_better(float(loss)):
            seen.best, seen.waited = float(loss), 0
        else:
            seen.waited += 1
        if seen.resting > 0:
            seen.resting, seen.waited = seen.resting - 1, 0
        if seen.waited > self.patience:
            seen.current = max(seen.current * self.factor, self.lowest)
            seen.resting, seen.waited = self.cooldown, 0

    def _is_better(self, loss: float) -> bool:
        best = self._seen.best
        if best is None:
            return loss < float("inf")
        return loss < (best * (1.0 - self.threshold) if self.relative else best - self.threshold)

    def reset(self) -> None:
        """Forget what was observed: the factor is 1 again."""
        vars(self._seen).update(vars(_Seen()))

    def state_dict(self) -> dict[str, Any]:
        """The best loss, the epochs waited since, the epochs of cool-down left, and the factor."""
        return dict(vars(self._seen))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; `ArgumentError`, and nothing changed, if it does not fit."""
        known = vars(self._seen)
        if not isinstance(state, Mapping) or state.keys() != known.keys():
            raise ArgumentError(f"the saved state is {shown(state)}, expected {', '.join(known)}: it was "
                                "saved with another schedule")
        counts = (state["waited"], state["resting"])
        if not all(is_whole(count) and count >= 0 for count in counts):
            raise ArgumentError(f"the saved state has waited and resting {counts}, expected whole numbers")
        if not is_number(state["current"]) or not 0 <= state["current"] <= 1:
            raise ArgumentError(f"the saved state has the factor {shown(state['current'])}, expected a "
                                "number from 0 to 1")
        if state["best"] is not None and not is_number(state["best"]):
            raise ArgumentError(f"the saved state has the best loss {shown(state['best'])}, expected a "
                                "number")
        known.update(state)
