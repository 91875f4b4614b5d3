"""The random numbers of `fit`: a stream for each purpose, so that asking for one does not shift another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..errors import ArgumentError
from .initialisation import generator

if TYPE_CHECKING:
    import random

__all__ = ["Streams"]


class Streams:
    """Where `fit` draws from: which samples are held out, their order, augmentation, new starts.

    From an int each stream is a generator of its own. New starts must not come from the generator that is
    merely seeded with that int: with `MLP(..., seed=0)` and `fit(..., seed=0)` the second start would be the
    first again. A given `random.Random` is all four streams; without a seed Python's `random` is.

    >>> streams = Streams(0)
    >>> streams.order.random() == Streams(0).order.random() != streams.starts.random()
    True
    """

    def __init__(self, seed: int | random.Random | None) -> None:
        import random

        given = generator(seed)
        self.seed = None if seed is None or isinstance(seed, random.Random) else int(seed)
        if self.seed is not None:
            self.order = cast(random.Random, given)
            self.split, self.noise, self.starts = (
                random.Random(f"{purpose} {self.seed}") for purpose in ("split", "noise", "starts")
            )
        else:
            source = given or cast(random.Random, random)
            self.split = self.order = self.noise = self.starts = source

    def states(self) -> dict[str, Any]:
        """Where the streams stand; `ArgumentError` without a seed of their own."""
        if self.seed is None:
            raise ArgumentError("only streams made from an int can be kept")
        return {name: getattr(self, name).getstate() for name in _NAMES}

    def put(self, states: dict[str, Any]) -> None:
        """Let the streams go on from there."""
        for name in _NAMES:
            getattr(self, name).setstate(states[name])


_NAMES = ("split", "order", "noise", "starts")
