"""What can be switched on around a piece of code: no gradients, scopes, source lines, anomaly detection.

Modes live in one context variable, so threads and tasks do not see each other's. `switches.count` says
whether any mode is on anywhere: while it is 0, which is nearly always, an operation pays one comparison for
all of them.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from .guards import GuardLog

__all__ = [
    "Hooks", "check_later", "current_mode", "detect_anomaly", "no_grad", "record_on", "scope", "switches",
    "trace_source",
]  # fmt: skip


class Mode:
    """The modes in force at one place of a program. It never changes; a switch puts another in its place."""

    __slots__ = ("anomaly", "grad", "guards", "outer", "rare", "scope", "source", "tracer")

    def __init__(
        self,
        grad: bool = True,
        scope: str = "",
        source: bool = False,
        anomaly: bool = False,
        guards: GuardLog | None = None,
        tracer: Any = None,
    ) -> None:
        self.grad = grad
        self.scope = scope
        self.source = source
        self.anomaly = anomaly
        self.guards = guards  # where comparisons are written down; None where they are not
        self.outer = self  # what is in force again when the switch that made this mode is left
        self.tracer = tracer  # what records operations on a tape; None where they make a graph
        # anything beside a scope, which every network opens
        self.rare = not grad or source or anomaly or tracer is not None

    def but(self, **changes: Any) -> Mode:
        """This mode with some of it changed."""
        kept: dict[str, Any] = {"grad": self.grad, "scope": self.scope, "source": self.source}
        kept |= {"anomaly": self.anomaly, "guards": self.guards, "tracer": self.tracer}
        return Mode(**{**kept, **changes})


class Switches:
    """How many modes are on in the whole process, and how many hooks there are."""

    __slots__ = ("count", "hooks")

    def __init__(self) -> None:
        self.count = 0
        self.hooks = 0


switches = Switches()
_current: ContextVar[Mode] = ContextVar("autograd_lite_mode", default=Mode())  # noqa: B039
# += on an attribute is two steps; a lost count would leave a mode on or off for good. Reentrant, because a
# node with hooks may die, and tell so, at any moment.
_lock = threading.RLock()
current_mode = _current.get


class _Switch:
    """Changes the mode on entry and puts it back on exit; can be used again, and nested."""

    __slots__ = ()

    def change(self, mode: Mode) -> Mode:
        raise AssertionError("each switch says what it changes")

    def __enter__(self) -> None:
        outer = _current.get()
        mode = self.change(outer)
        mode.outer = outer
        if mode.tracer is not None:
            mode.tracer.follow(mode)
        _current.set(mode)
        with _lock:
            switches.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _lock:
            switches.count -= 1
        mode = _current.get().outer
        if mode.tracer is not None:
            mode.tracer.follow(mode)
        _current.set(mode)


class no_grad(_Switch):  # noqa: N801 - torch's name
    """Within it, results are plain leaves: nothing is recorded and no gradient can flow.

    >>> from autograd_lite import Value, no_grad
    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.is_leaf, y.data
    (True, 4.0)
    """

    __slots__ = ()

    def change(self, mode: Mode) -> Mode:
        return mode.but(grad=False)


class scope(_Switch):  # noqa: N801 - used like a function
    """Within it, every node made carries this name; scopes nest, and drawings fold by them.

    >>> from autograd_lite import Value, scope
    >>> x = Value(2.0)
    >>> with scope("layer 0"), scope("neuron 1"):
    ...     y = x.tanh()
    >>> y.scope
    'layer 0/neuron 1'
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = str(name)

    def change(self, mode: Mode) -> Mode:
        path = f"{mode.scope}/{self.name}" if mode.scope else self.name
        return Mode(mode.grad, path, mode.source, mode.anomaly, mode.guards, mode.tracer)


class trace_source(_Switch):  # noqa: N801 - used like a function
    """Within it, every node remembers the file and line that made it, and which way the program branched.

    A comparison of a Value (`x > 0`, also in `max`, `min` and `sorted`), its truth (`if x:`) and a number
    taken out of it by `float()`, `int()`, `round()`, `math.floor()` or `math.ceil()` are written down, so
    that `step()` can tell on which other numbers the program would compute something else. What goes by
    `.data`, `.item()`, `.detach()` or through `no_grad` is not seen. The block keeps what was compared until
    it ends, and nodes made in it keep what was compared before them. A block within a block goes on with the
    same list.

    >>> from autograd_lite import Value, trace_source
    >>> with trace_source():
    ...     y = Value(2.0) * 3.0
    >>> y.source.endswith(":2")
    True
    """

    __slots__ = ()

    def change(self, mode: Mode) -> Mode:
        return mode.but(source=True, guards=GuardLog() if mode.guards is None else mode.guards)


class detect_anomaly(_Switch):  # noqa: N801 - torch's name
    """Within it, the first NaN or infinity, forward or backward, is an `AnomalyError` that names where it
    began.

    >>> from autograd_lite import Value, detect_anomaly
    >>> with detect_anomaly():
    ...     Value(0.0, label="x").log()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd_lite.errors.AnomalyError: log(x = 0) gave -inf (made at ...); its domain is a > 0; log(0) is
    -inf, ...
    """

    __slots__ = ()

    def change(self, mode: Mode) -> Mode:
        return mode.but(anomaly=True, source=True)


class record_on(_Switch):  # noqa: N801 - used like a function
    """Within it, a tracer (`compiling.tracer`) records every operation of Values on its tape.

    A `no_grad` around it means this one call, and not the calls that replay the tape.
    """

    __slots__ = ("tracer",)

    def __init__(self, tracer: Any) -> None:
        self.tracer = tracer

    def change(self, mode: Mode) -> Mode:
        return mode.but(tracer=self.tracer, grad=True)


class check_later(_Switch):  # noqa: N801 - used like a function
    """Within it, nodes are not checked as they are made: backward checks what they add up to."""

    __slots__ = ()

    def change(self, mode: Mode) -> Mode:
        return mode.but(anomaly=False)


class Hooks(list[Any]):
    """The hooks of one node. They are counted, because while there are none anywhere backward is quicker."""

    __slots__ = ()

    def add(self, hook: Any) -> None:
        """Register a hook."""
        self.append(hook)
        self._count(1)

    def discard(self, hook: Any) -> None:
        """Remove a hook, if it is there."""
        if hook in self:
            self.remove(hook)
            self._count(-1)

    def __del__(self) -> None:
        self._count(-len(self))

    def _count(self, change: int) -> None:
        with _lock:
            switches.hooks += change
