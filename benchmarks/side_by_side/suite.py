"""Which workloads there are, and how each is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from . import measuring, peers, programs, scaling, starting, trainings
from .measuring import Outcome
from .workloads import Batch, Demo, Gpt, Xor

Work = Demo | Xor | Gpt | Batch
QUICK: dict[str, Any] = {"rounds": 3, "slice_seconds": 0.005, "budget": 0.05}
KEPT = ("autograd-lite", "NumPy by hand")
"""What `--quick` measures where each engine takes a process of its own."""
SLOW_WHEN_LARGE = ("micrograd", "microgpt style", "XAD", "CasADi SX", "autograd-lite, python")
"""Left out by `--quick` from workloads of more than 20,000 operations: they take seconds there."""


class _Counted:
    """A number that counts the operations on all of its kind."""

    count = 0

    def __init__(self, data: float = 0.5) -> None:
        self.data = data

    def _one(self, *others: Any) -> _Counted:
        _Counted.count += 1
        return _Counted()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __pow__ = __neg__ = _one
    relu = tanh = exp = log = _one


def operations(run: Callable[[Callable[[int], list[Any]], programs.Maths], Any]) -> int:
    """How many scalar operations a program has, forward."""
    _Counted.count = 0
    run(lambda size: [_Counted() for _ in range(size)], programs.by_method())
    return _Counted.count


def of(work: Work) -> int:
    """Operations of one pass over a workload as its program is written."""
    if isinstance(work, Gpt):
        size = work.flat(work.start).size
        return operations(lambda made, maths: work.loss(work.by_name(made(size)), maths))
    if isinstance(work, Batch):  # one sample stands for all
        one = operations(lambda made, maths: work.sample(made(work.start.size), [0.0, 0.0], 0.0, maths))
        return one * work.samples
    return operations(lambda made, maths: work.loss(made(work.start.size), maths))


def passes(name: str, title: str, work: Work, unit: str = "pass") -> Callable[..., Outcome]:
    """A workload that every library runs in this process, in interleaved rounds."""

    def run(modules: Sequence[ModuleType], *, quick: bool = False) -> Outcome:
        outcome = Outcome(name, title, unit, of(work))
        makers: measuring.Makers = {}
        for module in modules:
            made = getattr(module, type(work).__name__.lower(), None)
            makers.update(made(work) if made else {})
        settings = QUICK if quick else {}
        if quick:
            slow = SLOW_WHEN_LARGE if outcome.operations > 20_000 else ()
            left = [name for name in makers if not name.endswith(", scalars") and name not in slow]
            makers = {name: makers[name] for name in left}
        measuring.measure(outcome, makers, **settings)
        return outcome

    run.__name__ = name
    return run


def workloads() -> dict[str, Callable[[Sequence[ModuleType], bool], list[Outcome]]]:
    """By the name that `--only` takes."""
    here = [
        passes("demo", "micrograd's demo: 2-16-16-1, ReLU, 20 samples, loss and gradients", Demo()),
        passes("xor", "XOR 2-4-1, tanh: one step of training, update included", Xor(), "step"),
        passes("gpt", "microgpt: 9 positions, 16 wide, 4 heads, loss and 4,192 gradients", Gpt()),
    ]
    for samples in (1, 64, 4096):
        title = f"batch of {samples:,} through 2-16-16-1, tanh: losses and summed gradients"
        here.append(passes(f"batch-{samples}", title, Batch(samples)))
    return {
        **{run.__name__: lambda modules, quick, run=run: [run(modules, quick=quick)] for run in here},
        "xor-cold": lambda modules, quick: [starting.xor_from_nothing(few(modules, quick), quick=quick)],
        "textbook": lambda modules, quick: [trainings.textbook(modules, quick=quick)],
        "graphs": lambda modules, quick: scaling.outcomes(few(modules, quick), quick=quick),
        "import": lambda modules, quick: [starting.imports(few(modules, quick), quick=quick)],
        "ready": lambda modules, quick: [starting.ready(few(modules, quick), quick=quick)],
    }


def few(modules: Sequence[ModuleType], quick: bool) -> list[ModuleType]:
    """Fewer libraries, if it must be quick."""
    return [module for module in modules if not quick or module.NAME in KEPT]


def modules(names: Sequence[str] = ()) -> tuple[list[ModuleType], dict[str, str]]:
    """The libraries to compare, and why others are left out."""
    found, missing = peers.installed()
    if names:
        found = [module for module in found if any(name in module.NAME.lower() for name in names)]
    return found, missing
