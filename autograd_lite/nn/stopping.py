"""When to stop: the best epoch so far, and how long ago it was.

Source: Prechelt 1998, "Early stopping — but when?".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Lowest"]


@dataclass
class Lowest:
    """The lowest loss so far and its epoch, 0 before there is one.

    `margin` is the share by which a loss must be lower than the lowest to count as better. A NaN is worse
    than any number.

    >>> lowest = Lowest()
    >>> [lowest.sees(loss, epoch) for epoch, loss in enumerate([3.0, 2.0, 2.0, 2.5], start=1)]
    [True, True, False, False]
    >>> lowest.epoch, lowest.epochs_ago(4)
    (2, 2)
    """

    loss: float = math.inf
    epoch: int = 0
    margin: float = 0.0

    def sees(self, loss: float, epoch: int) -> bool:
        """Take note of an epoch; returns whether it is better than all before."""
        limit = self.loss - self.margin * abs(self.loss) if math.isfinite(self.loss) else self.loss
        is_first = self.epoch == 0 or (math.isnan(self.loss) and not math.isnan(loss))
        if is_first or loss < limit:
            self.loss, self.epoch = loss, epoch
            return True
        return False

    def epochs_ago(self, epoch: int) -> int:
        """How many epochs have passed since the best."""
        return epoch - self.epoch
