"""One trace with the kernels that were made for it, and how long its calls take."""

from __future__ import annotations

import threading
from array import array
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..errors import CompileError
from . import choosing
from .kernel import Kernel, LaneKernel, Result
from .tape import Tape

if TYPE_CHECKING:
    from .tracer import Trace

__all__ = ["PREPARING", "Meter", "Numbers", "Replay", "Settings", "branches_on_drawn"]

PREPARING = threading.RLock()
"""Held while kernels are made: LLVM compiles one thing at a time."""

Numbers = Sequence[float]


def to_floats(numbers: Any) -> Any:
    """A sequence of Python floats: the elements of an array are of NumPy's own kind."""
    return numbers.tolist() if hasattr(numbers, "tolist") else numbers


def _question(tape: Tape, node: int) -> tuple[float, ...]:
    """The op that a guard looks at, and the plain numbers in it: `int(x)` compares with another each time."""
    operation = node - tape.first_operation
    if operation < 0:
        return ()
    numbers = [tape.constants[k - tape.leaves] for k in tape.operands_of(operation)
               if tape.leaves <= k < tape.first_operation]  # fmt: skip
    return (tape.codes[operation], *numbers)


def branches_on_drawn(tape: Tape, drawn: int) -> bool:
    """Whether a guard depends on one of the last inputs, which are drawn at random at each call."""
    reached = bytearray(len(tape))
    reached[tape.inputs - drawn : tape.inputs] = b"\1" * drawn
    for operation in range(len(tape.codes)):
        if any(reached[operand] for operand in tape.operands_of(operation)):
            reached[tape.first_operation + operation] = 1
    return any(reached[guard.node] for guard in tape.guards)


def _exactly_floats(numbers: Any) -> Any:
    """The same, of a list that may hold whole numbers as well."""
    numbers = to_floats(numbers)
    return array("d", numbers).tolist() if len(numbers) > 64 else numbers


class Settings:
    """What `compile` was asked for, as far as it concerns replays."""

    __slots__ = ("executor", "fuse", "threads", "traces")

    def __init__(self, executor: str, fuse: bool, traces: int, threads: int | None) -> None:
        self.executor = executor
        self.fuse = fuse
        self.traces = traces
        self.threads = threads


class Meter:
    """How long calls take, from samples of them."""

    __slots__ = ("calls", "samples")

    def __init__(self) -> None:
        self.calls = 0
        self.samples: deque[float] = deque(maxlen=64)

    def samples_now(self) -> bool:
        """Whether this call is one to be timed: the first few, then now and then."""
        return 2 < self.calls <= 20 or not self.calls & 63

    def add(self, seconds: float) -> None:
        """Put down what a call took."""
        self.samples.append(seconds)

    @property
    def seconds(self) -> float | None:
        """The median of the sampled calls; None without any."""
        ordered = sorted(self.samples)
        return ordered[len(ordered) // 2] if ordered else None


class Replay:
    """One trace with the kernels that were made for it."""

    __slots__ = (
        "assumptions", "batches", "choice", "draws", "kernels", "misses", "outcomes", "parameters",
        "prepare_seconds", "questions", "settings", "single", "tape", "trace", "trace_seconds", "used",
        "values",
    )  # fmt: skip

    def __init__(self, trace: Trace, settings: Settings, trace_seconds: float = 0.0) -> None:
        self.trace = trace
        self.tape: Tape = trace.tape
        self.settings = settings
        self.parameters = self.tape.parameters
        self.draws = trace.draws
        self.assumptions = trace.assumptions
        self.single = trace.result.__class__ is float and len(self.tape.outputs) == 1
        """Whether it gives one number, in no structure."""
        self.questions = [_question(self.tape, guard.node) for guard in self.tape.guards]
        """What each guard asks, as far as it may differ between traces that went alike until then."""
        self.outcomes = [repr(guard.expected) for guard in self.tape.guards]
        self.choice = choosing.choose(self.tape, settings.executor)
        self.kernels: dict[tuple[int, ...], Kernel] = {}
        self.values: Kernel | None = None
        """Any of them: all give values."""
        self.batches: dict[Any, Any] = {}
        """What `map` has made ready."""
        self.misses: list[Any] = [None] * len(self.outcomes)
        """The account of each guard, once it missed (`GuardMisses`)."""
        self.used = 0
        """When it was last preferred to the others."""
        self.trace_seconds = trace_seconds
        self.prepare_seconds = 0.0

    @property
    def holds(self) -> bool:
        """Whether what the trace takes for granted (a model in training) is still so."""
        return not self.assumptions or all(read() == then for read, then in self.assumptions)

    def branches_like(self, other: Replay) -> bool:
        """Whether both took the same way."""
        mine, others = ([then for _, then in each.assumptions] for each in (self, other))
        alike = self.outcomes == other.outcomes and self.questions == other.questions
        return alike and mine == others

    def leaves(self, numbers: Numbers, drawn: Numbers | None = None) -> Numbers:
        """All that a kernel is called with: the arguments, what is drawn, the parameters as they are."""
        if self.draws:
            if drawn is None:
                drawn = [float(draw()) for draw in self.draws]
            numbers = [*to_floats(numbers), *drawn]
        if self.parameters:
            return [*to_floats(numbers), *[parameter._data for parameter in self.parameters]]
        return _exactly_floats(numbers) if self.choice.name == "python" else numbers

    def run(self, leaves: Numbers) -> Result:
        """The outputs at these leaves."""
        kernel = self.values
        return (self.kernel(()) if kernel is None else kernel).values(leaves)

    def kernel(self, wanted: tuple[int, ...]) -> Kernel:
        """The kernel that gives these gradients; made when first asked for."""
        kernel = self.kernels.get(wanted)
        if kernel is None:
            with PREPARING:
                kernel = self.kernels.get(wanted)
                if kernel is None:
                    kernel = self.values = self.kernels[wanted] = self.prepared(self.tape, wanted)
        return kernel

    def lanes(self, batched: Sequence[bool], wanted: tuple[int, ...]) -> LaneKernel | None:
        """A kernel for batches; None if single calls one after the other are the way."""
        settings = self.settings
        while True:
            choice = choosing.choose_lanes(settings.executor)
            if not choice.name or not choosing.suits_lanes(choice.name, self.tape):
                return None
            start = perf_counter()
            try:
                return choosing.prepare_lanes(
                    choice.name, self.tape, batched, wanted, fuse=settings.fuse, threads=settings.threads
                )
            except CompileError:
                if choosing.choose_lanes(settings.executor).name == choice.name:
                    raise
            finally:
                self.prepare_seconds += perf_counter() - start

    def _try_out(self, kernel: Kernel, wanted: tuple[int, ...]) -> None:
        """Run a kernel once, on the numbers of the trace: some compile at their first call only."""
        numbers = [*self.trace.numbers, *[parameter._data for parameter in self.parameters]]
        if wanted:
            kernel.gradients(numbers)
        else:
            kernel.values(numbers)

    def prepared(self, tape: Tape, wanted: tuple[int, ...]) -> Kernel:
        """A kernel for this tape, or one derived from it."""
        start = perf_counter()
        choice = self.choice if tape is self.tape else choosing.choose(tape, self.settings.executor)
        with PREPARING:
            while True:
                try:
                    kernel = choosing.prepare(choice.name, tape, wanted, fuse=self.settings.fuse)
                    break
                except CompileError:  # a package that is there and does not work: another takes its place
                    again = choosing.choose(tape, self.settings.executor)
                    if again.name == choice.name:
                        raise
                    choice = again
        if tape is self.tape:
            self.choice = choice
            self._try_out(kernel, wanted)
        self.prepare_seconds += perf_counter() - start
        return kernel
