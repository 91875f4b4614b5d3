"""How long one forward and backward pass takes, per scalar operation, beside other engines.

    python benchmarks/engine.py            # a table
    python benchmarks/engine.py --json     # the same as JSON

Every engine runs the same scalar program: micrograd's demo (a 2-16-16-1 ReLU network, 20 samples, hinge loss
and weight decay) with the network code of the installed micrograd package on that engine's own number class.
The gradients of all parameters are compared before anything is timed. Rounds are interleaved, so that a busy
moment of the machine hits every engine, and the cyclic garbage collector stays on, as in a user's program.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import importlib.util
import inspect
import json
import math
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

SAMPLES = 20
LAYERS = [16, 16, 1]
REFERENCE = "micrograd"
OURS = "autograd_lite"


class Runner(Protocol):
    """One engine holding the network's parameters, ready to be timed."""

    def run(self) -> None:
        """Build the loss, differentiate it, drop it."""

    def gradients(self) -> list[float]:
        """Zero, run once, and give every parameter's gradient."""


class MicrogptValue:
    """The class of one-file teaching engines: slots, tuples of children and of local gradients, recursion."""

    __slots__ = ("_children", "_local_grads", "data", "grad")

    def __init__(self, data: float, children: tuple = (), local_grads: tuple = ()) -> None:
        self.data = data
        self.grad = 0
        self._children = children
        self._local_grads = local_grads

    def __add__(self, other: Any) -> MicrogptValue:
        other = other if isinstance(other, MicrogptValue) else MicrogptValue(other)
        return MicrogptValue(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other: Any) -> MicrogptValue:
        other = other if isinstance(other, MicrogptValue) else MicrogptValue(other)
        return MicrogptValue(self.data * other.data, (self, other), (other.data, self.data))

    def relu(self) -> MicrogptValue:
        return MicrogptValue(max(0, self.data), (self,), (float(self.data > 0),))

    def __radd__(self, other: Any) -> MicrogptValue:
        return self + other

    def __rmul__(self, other: Any) -> MicrogptValue:
        return self * other

    def backward(self) -> None:
        order: list[MicrogptValue] = []
        visited = set()

        def visit(node: MicrogptValue) -> None:
            if node not in visited:
                visited.add(node)
                for child in node._children:
                    visit(child)
                order.append(node)

        visit(self)
        self.grad = 1
        for node in reversed(order):
            for child, local_grad in zip(node._children, node._local_grads):  # noqa: B905 - as such engines write it
                child.grad += local_grad * node.grad


def moons() -> tuple[list[list[float]], list[int]]:
    """Two interleaved half circles with a little noise, and a label of -1 or 1 for each point."""
    rng = random.Random(1337)
    points, labels = [], []
    for k in range(SAMPLES):
        angle = math.pi * rng.random()
        upper = k % 2 == 0
        x, y = (math.cos(angle), math.sin(angle)) if upper else (1 - math.cos(angle), 0.5 - math.sin(angle))
        points.append([x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)])
        labels.append(-1 if upper else 1)
    return points, labels


def margin_loss(model: Any, value: Callable[[float], Any]) -> Any:
    """The demo's loss: mean hinge, and a penalty on the squares of all parameters."""
    points, labels = POINTS
    scores = [model([value(x) for x in point]) for point in points]
    losses = [(1 + -label * score).relu() for label, score in zip(labels, scores, strict=True)]
    data_loss = _total(losses) * (1.0 / len(losses))
    penalty = 1e-4 * _total(p * p for p in model.parameters())
    return data_loss + penalty


POINTS = moons()


def _total(values: Iterable[Any]) -> Any:
    """A sum with no `0 +` in front: 13,555 operations in all."""
    first, *rest = values
    return sum(rest, first)


def micrograd_network(value: type) -> Any:
    """micrograd's own MLP, on another number class."""
    import micrograd.nn

    source = inspect.getsource(micrograd.nn)
    imports = "from micrograd.engine import Value"
    assert imports in source, "micrograd.nn is not the one this benchmark was written for"
    namespace: dict[str, Any] = {"Value": value}
    exec(compile(source.replace(imports, ""), "micrograd/nn.py", "exec"), namespace)
    return namespace["MLP"](2, LAYERS)


def starting_parameters() -> list[float]:
    from micrograd.engine import Value

    random.seed(1337)
    return [p.data for p in micrograd_network(Value).parameters()]


class Eager:
    """An engine whose nodes carry `data`, `grad` and `backward()`."""

    def __init__(self, value: type, model: Any) -> None:
        self.value = value
        self.model = model
        for parameter, number in zip(model.parameters(), starting_parameters(), strict=True):
            parameter.data = number

    def run(self) -> None:
        margin_loss(self.model, self.value).backward()

    def gradients(self) -> list[float]:
        for parameter in self.model.parameters():
            parameter.grad = 0.0
        self.run()
        return [float(parameter.grad) for parameter in self.model.parameters()]


class Xad:
    """XAD's tape, in C++, called from Python."""

    def __init__(self) -> None:
        import xad.math
        from xad import adj_1st

        adj_1st.Real.relu = lambda self: xad.math.max(self, 0.0)
        self.real = adj_1st.Real
        self.tape = adj_1st.Tape()
        self.tape.activate()
        self.model = micrograd_network(self.real)
        self._load(starting_parameters())

    def _load(self, numbers: list[float]) -> None:
        fresh = iter(numbers)
        for layer in self.model.layers:
            for neuron in layer.neurons:
                neuron.w = [self.real(next(fresh)) for _ in neuron.w]
                neuron.b = self.real(next(fresh))

    def run(self) -> None:
        for parameter in self.model.parameters():
            self.tape.registerInput(parameter)
        self.tape.newRecording()
        loss = margin_loss(self.model, self.real)
        self.tape.registerOutput(loss)
        loss.setDerivative(1.0)
        self.tape.computeAdjoints()

    def gradients(self) -> list[float]:
        self._load(starting_parameters())
        self.run()
        return [parameter.getDerivative() for parameter in self.model.parameters()]


def engines() -> dict[str, Runner]:
    import micrograd.engine

    import autograd_lite
    from autograd_lite import nn

    value = autograd_lite.Value
    found: dict[str, Runner] = {
        OURS: Eager(value, micrograd_network(value)),
        REFERENCE: Eager(micrograd.engine.Value, micrograd_network(micrograd.engine.Value)),
        "microgpt style": Eager(MicrogptValue, micrograd_network(MicrogptValue)),
        f"{OURS} nn.MLP": Eager(value, nn.MLP(2, LAYERS)),
    }
    if importlib.util.find_spec("xad"):
        found["xad"] = Xad()
    return found


def operations() -> int:
    """How many operations the program has: the nodes micrograd makes for it that are not leaves."""
    from micrograd.engine import Value

    seen, waiting = set(), [margin_loss(micrograd_network(Value), Value)]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(node._prev)
    return sum(bool(node._op) for node in seen)


def check_gradients(runners: dict[str, Runner]) -> float:
    """The largest relative difference of any engine's gradients from micrograd's; exits if above 1e-9."""
    expected = runners[REFERENCE].gradients()
    worst = 0.0
    for name, runner in runners.items():
        for ours, theirs in zip(runner.gradients(), expected, strict=True):
            difference = abs(ours - theirs) / max(abs(theirs), 1e-3)
            worst = max(worst, difference)
            if not difference < 1e-9:
                raise SystemExit(f"{name} gives a gradient of {ours}, micrograd gives {theirs}")
    return worst


def measure(runners: dict[str, Runner], *, rounds: int, steps: int) -> dict[str, float]:
    """Median seconds for one forward and backward pass, by engine."""
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            gc.collect()  # another engine's garbage is not this one's time
            start = time.perf_counter()
            for _ in range(steps):
                runner.run()
            seconds[name].append((time.perf_counter() - start) / steps)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds; the median counts")
    parser.add_argument("--steps", type=int, default=3, help="passes in one round")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()

    assert gc.isenabled()
    runners = engines()
    worst = check_gradients(runners)
    count = operations()
    seconds = measure(runners, rounds=options.rounds, steps=options.steps)
    report = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "micrograd": importlib.metadata.version("micrograd"),
        "operations": count,
        "largest_gradient_difference": worst,
        "engines": {
            name: {
                "ms_per_pass": taken * 1e3,
                "ns_per_operation": taken / count * 1e9,
                "times_autograd_lite": taken / seconds[OURS],
            }
            for name, taken in seconds.items()
        },
    }
    print(json.dumps(report, indent=2) if options.json else table(report))


def table(report: dict[str, Any]) -> str:
    lines = [
        f"Python {report['python']}, {report['operations']:,} operations, forward + backward, median",
        f"gradients agree to {report['largest_gradient_difference']:.1e}",
        "",
        f"{'engine':<22}{'ms a pass':>11}{'ns an op':>11}{'times ours':>12}",
    ]
    for name, row in sorted(report["engines"].items(), key=lambda item: item[1]["ms_per_pass"]):
        lines.append(
            f"{name:<22}{row['ms_per_pass']:>11.2f}{row['ns_per_operation']:>11.0f}"
            f"{row['times_autograd_lite']:>12.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
