"""Recording a tape: a function runs once on traced numbers, and each of its operations is appended.

While a tracer is in force (`current_tracer()`), every operation that meets a `Traced` number, a leaf from
outside or a number made inside comes here:

- an operation of a `Traced` is appended to the tape and gives another `Traced` (the common ones do that
  themselves, see `traced_methods.py`);
- a leaf from outside is a parameter of the tape, read afresh at each call; a Value made inside is a constant;
- a question whose answer Python goes on with (`if x > 0`, `float(x)`, `table[x]`) is a guard: a replay that
  would answer otherwise is not valid.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..arrays import on_elements
from ..engine import Value, describe
from ..errors import GraphError
from ..modes import Mode, current_mode, record_on
from ..ops import Op
from ..ops.row import as_number
from ..protocols import asked_instead
from ..rules import LEAF
from ..sources import source_place
from . import as_floats
from .arguments import Arguments
from .building import TapeBuilder
from .guard_words import with_words
from .inner_gradients import Inner
from .recorded import Trace, renumbered, result_of
from .tables import put, take
from .tape import CODE
from .traced import Condition, Number, Traced, traced
from .traced_methods import install
from .watching import Assumption, Closed, Watched, assumption

__all__ = ["Trace", "Tracer", "current_tracer", "trace"]

_SELECT = CODE["select"]
_ASKED = {">": ops.greater, ">=": ops.greater_equal, "<": ops.less, "<=": ops.less_equal,
          "==": ops.equal, "!=": ops.not_equal}  # fmt: skip

install()
as_floats.install()


def current_tracer() -> Tracer | None:
    """The tracer in force here, if a function is being traced."""
    tracer: Tracer | None = current_mode().tracer
    return tracer


def trace(f: Callable[..., Any], arguments: Arguments, *, sources: bool = False) -> Trace:
    """Run a function once on these arguments and record what it does; with `sources`, where, too.

    Raises what the function raises, and `GraphError` for what cannot be recorded: Values computed outside,
    writing to `.data`, `backward()`, ops made by hand.

    >>> from autograd_lite.compiling.arguments import flatten_call
    >>> recorded = trace(lambda x, y: x * y if x > 0.0 else y, flatten_call((2.0, 3.0)))
    >>> recorded.result, [guard.text for guard in recorded.tape.guards]
    (6.0, ['x0 > 0'])
    """
    sources = sources or current_mode().source
    tracer = Tracer(getattr(f, "__name__", "") or type(f).__name__, sources=sources)
    inputs = list(map(tracer.input, arguments.numbers, arguments.names))
    args, kwargs = arguments.rebuilt(inputs)
    collecting = gc.isenabled()
    try:
        gc.disable()  # many new objects and no garbage: looking for some would take half of the time
        with record_on(tracer):
            result = f(*args, **kwargs)
            constant = tracer.constant if tracer.builder.guards else None
            outputs = result_of(result, tracer.title, tracer.leaf, constant)
            tracer.finish()
        return tracer.recorded(*outputs)
    finally:
        tracer.close()
        if collecting:
            gc.enable()


class Tracer:
    """What is recorded while one function runs once."""

    __slots__ = (
        "asked", "assumptions", "builder", "constants", "draws", "inner", "inside", "known", "labels",
        "leaves", "met", "numbers", "title", "watched",
    )  # fmt: skip

    def __init__(self, title: str = "f", *, sources: bool = False) -> None:
        self.title = title
        self.builder = TapeBuilder()
        self.watched = Watched(self.builder, sources)
        # where an operation finds its node, or becomes one; something slower where more is to be done
        self.known: Any = self.watched if sources else self.builder.known
        self.leaves: dict[Value, int] = {}  # the node of each leaf that was met
        self.constants: dict[float, int] = {}  # of each plain number, but not of zeros and NaN
        self.inside: dict[Value, None] = {}  # the leaves that were made while tracing
        self.met: list[float] = []  # the number that each of these leaves had then
        self.draws: list[Callable[[], float]] = []
        self.assumptions: list[Assumption] = []
        self.asked: dict[int, tuple[str, int]] = {}  # what a guard's node is about, to be told in words
        self.labels: dict[int, str] = {}
        self.numbers: list[float] = []
        self.inner: Inner | None = None

    # --- leaves ---------------------------------------------------------------------------------------------

    def input(self, number: float, name: str = "") -> Traced:
        """One more number that a call gives."""
        self.numbers.append(number)
        made: Traced = traced(self, self.builder.input(name), number)
        return made

    def drawn(self, draw: Callable[[], float], name: str = "") -> Traced:
        """An input whose number is drawn afresh at each call, as dropout does."""
        self.draws.append(draw)
        return self.input(float(draw()), name)

    def depends_on(self, thing: Any, *names: str) -> None:
        """Say that this trace holds only while these attributes are what they are now, as `training` is."""
        for name in names:
            if not any(read.args == (thing, name) for read, _ in self.assumptions):
                self.assumptions.append(assumption(thing, name))

    def node_of(self, thing: Any) -> int:
        """The node of a Value or of a plain number."""
        return self.leaf(thing) if isinstance(thing, Value) else self.constant(as_number(thing))

    def constant(self, number: float) -> int:
        """The node of a plain number."""
        node = self.builder.constant(number)
        if number and number == number:
            self.constants[number] = node
        return node

    def leaf(self, value: Value) -> int:
        """The node of a Value that was met: a parameter if it comes from outside, else a constant."""
        if isinstance(value, Traced):
            return self.own(value)
        node = self.leaves.get(value)
        return self.meet(value) if node is None else node

    def meet(self, value: Value) -> int:
        """The same for one that was not met before."""
        if value in self.inside:
            node = self.builder.constant(value._data)
        elif value._a is None:
            node = self.builder.parameter(value)
        else:
            raise GraphError(
                f"{self.title} uses {describe(value)}, which was computed outside of it from other Values: "
                f"{self._as_it_was(value)}"
            )
        self.leaves[value] = node
        self.met.append(value._data)
        return node

    def _as_it_was(self, value: Value) -> str:
        if value.is_handmade:
            return "a hand-made op cannot be compiled"
        return (
            "a compiled function sees its arguments and leaves. Compute it inside the function, pass it as "
            "an argument, or use .detach() outside for its number alone"
        )

    def own(self, value: Traced) -> int:
        """The node of a traced number; `GraphError` for one of another tracer, or of the past."""
        if value._tracer is not self or current_mode().tracer is not self:
            raise value._tracer._too_late()
        node: int = value._index
        return node

    def _too_late(self) -> GraphError:
        return GraphError(
            f"a number that was traced in {self.title} is used outside of that call: it stands for many "
            "numbers, one for each replay. Return what you need from the function"
        )

    # --- operations -----------------------------------------------------------------------------------------

    def operator(self, row: Op, *operands: Any) -> Any:
        """An operator between any two things; `NotImplemented` where Python should ask the other."""
        if any(asked_instead(operand, row.name) for operand in operands):
            return NotImplemented
        if row is ops.mul and isinstance(operands[0], (list, tuple, str)):  # [0.0] * n
            return operands[0] * operands[1].__index__()
        return self.apply(row, operands)

    def apply(self, row: Op, operands: Sequence[Any], immediates: Sequence[Any] = ()) -> Any:
        """A row applied to anything it takes: the general way, which every operation could go."""
        if current_mode().tracer is not self:
            raise self._too_late()
        nodes: list[int] = []
        numbers: list[float] = []
        kind: Any = Number
        leaves, constants = self.leaves, self.constants
        for operand in operands:
            of = operand.__class__
            if of is Traced and operand._tracer is self:
                kind = Traced
                nodes.append(operand._index)
                numbers.append(operand._data)
            elif of is Value:
                kind = Traced
                node = leaves.get(operand)
                nodes.append(self.meet(operand) if node is None else node)
                numbers.append(operand._data)
            elif of is float:
                node = constants.get(operand)
                nodes.append(self.constant(operand) if node is None else node)
                numbers.append(operand)
            elif getattr(operand, "ndim", 0):
                if row.arity is None:
                    return row(*operands)
                return on_elements(lambda *cells: self.apply(row, cells, immediates), tuple(operands))
            else:
                if isinstance(operand, Value) and of is not Number:
                    kind = Traced
                nodes.append(self.node_of(operand))
                numbers.append(operand._data if isinstance(operand, Value) else as_number(operand))
        return self._applied(row, nodes, numbers, tuple(immediates), kind)

    def _applied(
        self, row: Op, nodes: list[int], numbers: list[float], immediates: tuple[Any, ...], kind: Any
    ) -> Any:
        code, known = CODE[row.name], self.known
        number = row.number(*numbers, immediates=immediates)
        if row.arity is None and known.__class__ is dict and max(nodes) >= 0:
            return traced(self, known.setdefault((code, *nodes), len(known)), number, kind)
        if row is ops.pow and nodes[1] < 0:  # as in eager code: a plain exponent is not differentiated
            return self._applied(ops.power, nodes[:1], numbers[:1], (numbers[1],), kind)
        if code == _SELECT:
            node = nodes[0] if immediates[0] else nodes[1]
        else:
            settings = map(self.builder.constant, map(float, immediates)) if immediates else ()
            node = self.watched.apply(code, (*nodes, *settings))
        if row.condition:
            kind = Condition
        if node < 0:
            return bool(number) if row.condition else number if kind is Number else self._plain(number)
        return traced(self, node, float(number), kind)

    def _plain(self, number: float) -> Value:
        """What was computed from constants alone is a leaf made inside."""
        return Value(number)

    def detached(self, value: Value) -> Any:
        """`value.detach()`: the same number, through which no gradient flows."""
        if not isinstance(value, Traced) and value._a is not None and value not in self.leaves:
            # its number is all that is asked for
            self.leaves[value] = self.builder.parameter(value)
            self.met.append(value._data)
        node = self.leaf(value)
        if node < 0:
            return self._plain(value._data)
        return traced(self, self.detach(node), value._data)

    def number(self, value: Value) -> Any:
        """What stands for the number of a Value from outside, if that is read."""
        of = value if value in self.inside else self.detached(value)
        return traced(self, of._index, of._data, Number) if isinstance(of, Traced) else of._data

    def detach(self, node: int) -> int:
        """The node with the same number and no gradient."""
        return self.watched.without_gradient(node)

    def take(self, index: Traced, table: Any) -> Any:
        """`ops.take` with a traced index."""
        return take(index, table)

    def put(self, index: Traced, table: Any, value: Any) -> list[Any]:
        """`ops.put` with a traced index."""
        return put(index, table, value)

    def adopt(self, node: Value) -> Value:
        """What a node is replaced by that was just made in the eager way, from leaves alone."""
        operand, row = node._a, node._rule.op
        if operand is None and node._rule is LEAF:
            self.inside[node] = None
            return node
        if operand.__class__ is Traced and row.arity == 1 and not row.immediates and row is not ops.identity:
            known, of = self.known, self.own(operand)  # a method of Value itself, such as Value.relu
            return traced(self, known.setdefault((CODE[row.name], of), len(known)), node._data)  # type: ignore[no-any-return]
        if node._handmade is not None:
            raise GraphError(
                f"{describe(node)} is a hand-made op, which cannot be compiled: only ops of the op table can"
            )
        numbers = node.operand_values
        operands = [n if o is None else o for o, n in zip(node._operands(), numbers, strict=True)]
        adopted: Value = self.apply(node.op, operands, node.immediates)
        return adopted

    # --- derivatives within the function --------------------------------------------------------------------

    def variable(self, thing: Any) -> Any:
        """A number to differentiate by, in the place of an argument of `grad(g)`."""
        return self._inner_gradients().variable(thing)

    def gradients(self, output: Value, inputs: Sequence[Value]) -> list[Any]:
        """What `gradients(output, inputs)` gives within the function."""
        return self._inner_gradients().gradients(output, inputs)

    def tangents(self, outputs: Sequence[Value], seeds: dict[Value, Any]) -> dict[Value, Any]:
        """What `jvp` pushes forward within the function."""
        return self._inner_gradients().tangents(outputs, seeds)

    def _inner_gradients(self) -> Inner:
        if self.inner is None:
            self.inner = Inner(self)
        return self.inner

    # --- questions ------------------------------------------------------------------------------------------

    def compared(self, left: Value, op: str, right: Any, number: float, outcome: bool) -> Any:
        """A comparison of a leaf; without `right`, one whose outcome Python goes on with."""
        if not isinstance(left, Traced) and left._a is not None:
            return outcome  # computed outside: not seen
        condition = self.apply(_ASKED[op], (left, number if right is None else right))
        return bool(condition) if right is None else condition

    def holds(self, value: Value, op: str, number: float, words: str = "", about: int = -1) -> None:
        """Guard that a comparison comes out as it does now; `words` say what was asked of node `about`."""
        condition = self.apply(_ASKED[op], (value, float(number)))
        if isinstance(condition, Condition):
            self.guard(condition._index, condition._data, words, about)

    def guard(self, node: int, expected: float, words: str = "", about: int = -1) -> None:
        """Guard that a node has this number; each node once."""
        if node not in self.builder.guards:
            self.builder.guard(node, expected, place=source_place())
            if words:
                self.asked[node] = words, about

    # --- what surrounds the operations ----------------------------------------------------------------------

    def follow(self, mode: Mode) -> None:
        """Another mode is in force from here on."""
        watched = self.watched
        watched.grad, watched.scope = mode.grad, mode.scope
        self.known = watched if watched.sources or not mode.grad else self.builder.known

    def finish(self) -> None:
        """The function has returned: raise `GraphError` if it wrote to a leaf."""
        for value, number in zip(self.leaves, self.met, strict=True):
            now = value._data
            if now is not number and now != number:  # NaN is not itself, but it is the same object
                self.check_writable(value)

    def check_writable(self, value: Value) -> None:
        """Raise `GraphError` for writing to `.data` of a Value that a replay would read or lacks."""
        if value in self.leaves or value not in self.inside:
            raise GraphError(
                f"{self.title} wrote to .data of {describe(value)}: that would happen at this one call "
                "only, and not when it is replayed. Return the new number instead"
            )

    def recorded(self, nodes: list[int], numbers: list[float], rebuild: Callable[[Any], Any]) -> Trace:
        """The trace with these outputs."""
        self._name_parameters()
        with_words(self.builder, self.asked, self.labels)
        tape, number = self.builder.finish_with_numbers(nodes)
        return Trace(
            tape,
            lambda outputs: rebuild(iter(outputs)),
            rebuild(iter(numbers)),
            tuple(self.draws),
            tuple(self.assumptions),
            tuple(self.numbers),
            renumbered(self.watched.scopes, number, tape.first_operation),
            renumbered(self.labels, number, tape.first_operation),
        )

    def _name_parameters(self) -> None:
        names = self.builder.names
        for value, node in self.leaves.items():
            try:
                label = value._label
            except AttributeError:  # the property says "" for that, and takes longer
                continue
            if node >= 0 and label:
                scope = value.scope
                names[node] = f"{scope}/{label}" if scope else label

    def close(self) -> None:
        """Let go of everything, and refuse what comes too late."""
        self.known = Closed(self._too_late())
        self.leaves, self.inside, self.constants, self.met = {}, {}, {}, []
        self.builder, self.inner = TapeBuilder(), None
        self.watched = Watched(self.builder, False)

    def refuse(self, what: str, instead: str) -> GraphError:
        """An error for what makes no sense of a traced number."""
        return GraphError(f"{what} has no meaning in {self.title} while it is compiled: {instead}")
