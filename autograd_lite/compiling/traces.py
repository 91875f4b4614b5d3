"""The traces a compiled function keeps, and the policy by which it keeps them.

For each structure of arguments (and each set of static ones) there is a `Family` of traces. They differ in
how the program branched, that is in the outcomes of their guards, and so are the leaves of a tree. A replay
that misses guard `j` says: the guards before `j` came out as in this trace, `j` did not. Another trace that
shares what came before, and has another outcome there, may be the right one; if there is none, the function
is run again and recorded.

At most `traces` are kept in a family; the least recently used one makes room. A program that branches anew
nearly every time gains nothing by that: when the family is full and nearly every call had to run the
function, it rests. Then calls run the function eagerly, for 16 calls at first, twice as many each time, up
to 1,024, and after each rest one call tries again.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import RetraceWarning
from .kernel import Result
from .replaying import Meter, Numbers, Replay, Settings, branches_on_drawn
from .tape import Guard

if TYPE_CHECKING:
    from .arguments import Arguments
    from .wanting import Request

__all__ = ["Family", "GuardMisses", "others_at"]

_FIRST_REST, _LONGEST_REST = 16, 1_024
_SURE_AFTER = 8
"""How often a guard must have made the function run anew before it is complained about."""


class GuardMisses:
    """How often one guard (one question at one place of the program) missed."""

    __slots__ = ("guard", "misses", "reruns", "since", "warned")

    def __init__(self, guard: Guard, since: int) -> None:
        self.guard = guard
        self.misses = 0
        self.reruns = 0
        """How many of the misses no other trace answered, so that the function was run."""
        self.since = since
        """How many calls there had been at its first miss."""
        self.warned = False


class Family:
    """The traces for one structure of arguments and one set of static ones."""

    def __init__(self, arguments: Arguments, settings: Settings) -> None:
        self.arguments = arguments
        """Of the first call: the structure, and an example of the numbers."""
        self.settings = settings
        self.replays: tuple[Replay, ...] = ()
        self.latest: Replay | None = None
        self.calls = 0
        self.reruns = 0
        self.guards: dict[tuple[Any, str], GuardMisses] = {}
        self.values_meter = Meter()
        self.gradients_meter = Meter()
        self.eager: tuple[int | None, float | None, float | None] | None = None
        """Nodes and seconds of the eager function, once they were measured for a report."""
        self.requests: dict[Any, Request] = {}
        """By what was differentiated lately."""
        self.masks: dict[Any, Any] = {}
        """For `map`: which numbers of the arguments differ from sample to sample."""
        self.always_plain = ""
        """Why replaying would be wrong here; empty if it is not."""
        self._branches: dict[tuple[Replay, int], list[Replay]] = {}
        self._lock = threading.Lock()
        self._clock = 0
        self._streak = 0
        self._last_rerun = 0
        self._rest = _FIRST_REST
        self._resting_until = -1
        self.last_missed: GuardMisses | None = None

    # --- finding --------------------------------------------------------------------------------------------

    def find(
        self,
        numbers: Numbers,
        run: Callable[[Replay, Numbers], Result],
        missed: tuple[Replay, int] | None = None,
    ) -> tuple[Replay, Numbers, Result] | None:
        """The kept trace that is right for these numbers, with its leaves and what `run` gave.

        `missed` is a trace that was tried already, with the guard that missed.
        """
        if self.resting:
            return None
        trail: list[tuple[Replay, int]] = []
        if missed is None:
            candidates: Sequence[Replay] = self.known()
        else:
            trail.append(missed)
            candidates = self._beside(*missed)
        while candidates:
            replay = candidates[0]
            leaves = replay.leaves(numbers)
            result = run(replay, leaves)
            if result[0] < 0:
                for each, guard in trail:
                    self.misses_of(each, guard).misses += 1
                self.promote(replay)
                return replay, leaves, result
            trail.append((replay, result[0]))
            candidates = others_at(candidates, replay, result[0])
        for each, guard in trail:
            self.last_missed = self.misses_of(each, guard)
            self.last_missed.misses += 1
        return None

    def _beside(self, replay: Replay, guard: int) -> Sequence[Replay]:
        """The traces that branched like this one before a guard, and otherwise there."""
        found = self._branches.get((replay, guard))
        if found is None:
            found = self._branches[replay, guard] = others_at(self.replays, replay, guard)
        if len(found) < 2 and not (found and found[0].assumptions):
            return found
        return sorted([each for each in found if each.holds], key=self._by_use, reverse=True)

    def known(self) -> list[Replay]:
        """The traces that hold, the most recently used first."""
        holding = [replay for replay in self.replays if replay.holds]
        return sorted(holding, key=self._by_use, reverse=True)

    def promote(self, replay: Replay) -> None:
        """The next call tries this one first."""
        before = self.latest
        if self.always_plain:
            self.latest = None  # or the next call would take it without a look at anything else
        elif before is not replay:
            with self._lock:
                self._clock += 2
                replay.used = self._clock
                if before is not None:
                    before.used = self._clock - 1
                self.latest = replay

    def _by_use(self, replay: Replay) -> float:
        return float("inf") if replay is self.latest else replay.used

    @property
    def making_seconds(self) -> float:
        """What recording and making kernels took."""
        return sum([replay.trace_seconds + replay.prepare_seconds for replay in self.replays])

    # --- keeping --------------------------------------------------------------------------------------------

    @property
    def resting(self) -> bool:
        """Whether calls run the function eagerly, because recording it gained nothing."""
        return self.calls < self._resting_until or self.always_plain != ""

    def reran(self) -> None:
        """The function has to be run; says so to the user if that is so nearly every time."""
        self.reruns += 1
        if self.resting:
            self._last_rerun = self.calls
            return
        if not self.replays:
            return
        miss = self.last_missed
        if miss is not None:
            miss.reruns += 1
            passed = max(self.calls - miss.since + 1, miss.reruns)
            if not miss.warned and miss.reruns >= _SURE_AFTER and miss.reruns >= 0.75 * passed:
                self._warn(miss)
        self._streak = self._streak + 1 if self.calls - self._last_rerun <= 2 else 0
        if self._streak == 0:
            self._rest = _FIRST_REST
        self._last_rerun = self.calls
        if self._streak >= max(self.settings.traces, _SURE_AFTER):
            self._resting_until = self.calls + 1 + self._rest  # from the next call on
            self._rest = min(2 * self._rest, _LONGEST_REST)
            self.latest = None
            if not any(each.warned for each in self.guards.values()) and miss is not None:
                self._warn(max(self.guards.values(), key=lambda each: each.reruns))

    def keep(self, replay: Replay) -> Replay:
        """Keep a new trace, unless there is one that branched alike; gives the one that is kept."""
        if replay.draws and replay.outcomes and branches_on_drawn(replay.tape, len(replay.draws)):
            # trying traces until one fits what is drawn would make some numbers likelier than others
            self.always_plain = "the function branches on random numbers that it draws"
        with self._lock:
            for known in self.replays:
                if known.branches_like(replay):
                    return known
            kept = list(self.replays)
            if len(kept) >= self.settings.traces:
                oldest = min(kept, key=self._by_use)
                kept.remove(oldest)
                for request in tuple(self.requests.values()):
                    request.forget(oldest)
            self.replays = (*kept, replay)
            self._branches = {}
        self.promote(replay)
        return replay

    def forget_requests(self) -> None:
        """Make room for others."""
        self.requests = {}
        for replay in self.replays:
            replay.batches = {}

    def misses_of(self, replay: Replay, guard: int) -> GuardMisses:
        """The account of one guard; the same question at the same place has one in all traces."""
        known: GuardMisses | None = replay.misses[guard]
        if known is not None:
            return known
        asked = replay.tape.guards[guard]
        key = asked.place or guard, asked.text
        found = self.guards.get(key)
        if found is None:
            found = self.guards.setdefault(key, GuardMisses(asked, self.calls))
        replay.misses[guard] = found
        return found

    def _warn(self, miss: GuardMisses) -> None:
        miss.warned = True
        place = f" at {miss.guard.place.name}" if miss.guard.place else ""
        text = f"`{miss.guard.text}`" if miss.guard.text else "a number taken out of a Value"
        warnings.warn(
            f"the compiled function branches on {text}{place}, which came out anew in {miss.reruns} of the "
            f"last {max(self.calls - miss.since + 1, miss.reruns)} calls, and each time the function itself "
            f"was run: {_advice(miss.guard.text)}",
            RetraceWarning,
            stacklevel=_outside(),
        )


def others_at(candidates: Sequence[Replay], replay: Replay, guard: int) -> list[Replay]:
    """Those that may be right where a trace held up to a guard and missed that."""
    return [other for other in candidates if other is not replay and _may_hold(other, replay, guard)]


def _may_hold(other: Replay, replay: Replay, guard: int) -> bool:
    """Whether a trace does not want what is known to be otherwise.

    Up to where the two first differ they are one program. If they asked the same there and had another
    answer, only the one or the other can be right.
    """
    pairs = zip(replay.questions, replay.outcomes, other.questions, other.outcomes, strict=False)
    for k, (question, outcome, asked, answered) in enumerate(pairs):
        if k > guard:
            return False
        if question != asked:
            return True
        if outcome != answered:
            return k == guard
    return False


def _advice(text: str) -> str:
    """What to write instead of a branch."""
    if text.startswith(("int(", "round(", "math.", "operator.index", "index(")):
        return (
            "for a lookup use take(table, index), for rounding .round() or .floor(), "
            "which are recorded and no branches"
        )
    if any(mark in text for mark in (" > ", " < ", " >= ", " <= ", " == ", " != ", "bool(")):
        return "where(condition, a, b), maximum(a, b) and minimum(a, b) choose without a branch"
    return (
        "for a number without a gradient use .detach(), to choose where(condition, a, b) or maximum(a, b), "
        "for a lookup take(table, index)"
    )


def _outside() -> int:
    """How many frames up the caller's own code stands, for the place of a warning."""
    depth = 2
    frame = sys._getframe(2)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith("autograd_lite."):
        frame, depth = frame.f_back, depth + 1
    return depth
