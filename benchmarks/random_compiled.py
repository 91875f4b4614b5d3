"""Random programs with branches on data, loops, `where`, `take` and shared nodes: compiled against eager.

    pip install -e ".[fast]"
    python benchmarks/random_compiled.py                     # 1,000 programs, 20 fresh inputs each
    python benchmarks/random_compiled.py --programs 50 --executor python

A compiled function must give what the plain one gives, whichever way its branches go, at most after a
retrace. Numbers may differ as sums in another order may: by 1e-12 of the sum of the sizes of what was added
(each contribution to a gradient taken positive), and where a program is so ill-conditioned that the last bit
of an input moves the result by more, by as much as that moves it. The report counts how often that was
needed.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import autograd_lite
from autograd_lite import Value, ops, topological_order

__all__ = ["Program", "Verdict", "compare", "fresh_inputs", "random_program", "run"]

INPUTS, PARAMETERS = 4, 3
AGREEMENT = 1e-12

UNARY = ["tanh", "sigmoid", "relu", "softplus", "sin", "cos", "gelu", "silu", "abs", "square", "atan", "neg",
         "erf", "log_sigmoid", "leaky_relu", "elu", "mish", "hardtanh", "asinh", "expm1 tanh", "sqrt square",
         "exp neg abs", "log1p square", "floor", "round", "detach", "power", "reciprocal of 1 +"]  # fmt: skip
BINARY = ["add", "sub", "mul", "maximum", "minimum", "hypot", "atan2", "logaddexp", "safe div", "mod 1.7"]
MANY = ["sum", "mean", "dot", "logsumexp", "max", "min", "norm", "prod"]
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


class Step(NamedTuple):
    """One statement: what it does, the registers it reads, and blocks of its own."""

    kind: str
    name: str = ""
    reads: tuple[int, ...] = ()
    number: float = 0.0
    blocks: tuple[tuple[Step, ...], ...] = ()


Program = tuple[Step, ...]


class Verdict(NamedTuple):
    """How one program fared."""

    calls: int
    wrong: list[str]
    ill_conditioned: int
    """Numbers that agree only within what the last bits of the inputs do."""
    traces: int


def random_program(rng: random.Random, length: int | None = None, depth: int = 2) -> Program:
    """A program over inputs and parameters; every step adds one register, which later steps may read."""
    return _block(rng, INPUTS + PARAMETERS, length or rng.randint(4, 18), depth)


def fresh_inputs(rng: random.Random) -> list[float]:
    """Numbers for one call; sometimes equal ones, whole ones and zeros, where branches and kinks are."""
    return [rng.choice([rng.uniform(-2.0, 2.0), rng.uniform(-2.0, 2.0), rng.gauss(0.0, 0.7),
                        float(rng.randint(-2, 2))]) for _ in range(INPUTS)]  # fmt: skip


def run(program: Program, inputs: Sequence[Any], parameters: Sequence[Any]) -> Any:
    """What the program computes; plain Python over whatever the numbers are."""
    registers = [*inputs, *parameters]
    _run_block(program, registers)
    return ops.sum(registers[-3:]) * 0.25 + registers[-1]


def compare(program: Program, inputs: Sequence[Sequence[float]], executor: str, **settings: Any) -> Verdict:
    """Call the program compiled and eager on each of the inputs."""
    parameters = [Value(0.3 * k - 0.4, label=f"w{k}") for k in range(PARAMETERS)]
    compiled = autograd_lite.compile(lambda *xs: run(program, xs, parameters), executor=executor, **settings)
    wrong: list[str] = []
    ill_conditioned = 0
    for given in inputs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value, found = compiled.value_and_grad(*given, wrt=[*range(INPUTS), *parameters])
            plain = compiled(*given)
        numbers = [value, plain, *found]
        expected, sizes = _eager(program, given, [p.data for p in parameters])
        for place, (number, truth, size) in enumerate(zip(numbers, expected, sizes, strict=True)):
            if _agree(number, truth, AGREEMENT * size):
                continue
            ill_conditioned += 1
            if not _agree(number, truth, _spread(program, given, parameters, place)):
                wrong.append(f"{executor}: number {place} is {number!r}, eager {truth!r}, at {given!r}")
    return Verdict(len(inputs), wrong, ill_conditioned, len(compiled.traces))


def _agree(number: float, truth: float, tolerance: float) -> bool:
    if number != number or truth != truth:
        return number != number and truth != truth
    return number == truth or abs(number - truth) <= tolerance


def _eager(
    program: Program, inputs: Sequence[float], parameters: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Value twice and all gradients, and the size of what was added up for each."""
    leaves = [Value(x) for x in (*inputs, *parameters)]
    result = run(program, leaves[:INPUTS], leaves[INPUTS:])
    result.backward()
    order = topological_order(result)
    size = dict.fromkeys(order, 0.0)
    size[result] = 1.0
    for node in reversed(order):
        for parent, local in zip(node._operands(), node.local_gradients(), strict=True):
            if parent is not None and local - local == 0.0:
                size[parent] += size[node] * abs(local)
    forward = 1.0 + sum(size[node] * abs(node.data) for node in order if math.isfinite(node.data))
    numbers = [result.data, result.data, *(leaf.grad for leaf in leaves)]
    curved = forward  # slopes depend on values, which differ by their own rounding
    return numbers, [forward, forward, *(size.get(leaf, 0.0) + curved for leaf in leaves)]


def _spread(program: Program, inputs: Sequence[float], parameters: Sequence[Value], place: int) -> float:
    """How far a number moves when the inputs move by their last bits."""
    rng, here = random.Random(0), _eager(program, inputs, [p.data for p in parameters])[0][place]
    moved = 0.0
    for _ in range(8):
        nudged = [math.nextafter(x, rng.choice([-1.0, 1.0]) * math.inf) for x in inputs]
        moved = max(moved, abs(_eager(program, nudged, [p.data for p in parameters])[0][place] - here))
    return 64.0 * moved


# --- making programs -------------------------------------------------------------------------------------


def _block(rng: random.Random, known: int, length: int, depth: int) -> Program:
    steps = []
    for _ in range(length):
        steps.append(_step(rng, known, depth))
        known += 1
    return tuple(steps)


def _step(rng: random.Random, known: int, depth: int) -> Step:
    recent = lambda: rng.choice([rng.randrange(known), max(known - rng.randint(1, 4), 0)])  # noqa: E731
    kinds = ["unary"] * 6 + ["binary"] * 8 + ["many"] * 3 + ["where"] * 2 + ["take", "put", "whole"]
    if depth:
        kinds += ["branch", "branch", "loop", "while"]
    kind, number = rng.choice(kinds), round(rng.uniform(-1.0, 1.0), 2)
    if kind == "unary":
        return Step(kind, rng.choice(UNARY), (recent(),))
    if kind == "binary":
        return Step(kind, rng.choice(BINARY), (recent(), recent()), number)
    if kind == "many":
        return Step(kind, rng.choice(MANY), tuple(recent() for _ in range(2 * rng.randint(1, 4))))
    if kind in ("where", "branch"):
        blocks = ()
        if kind == "branch":
            blocks = tuple(_block(rng, known, rng.randint(1, 3), depth - 1) for _ in range(2))
        reads = (recent(), recent(), recent(), recent())
        return Step(kind, rng.choice(list(COMPARISONS)), reads, number, blocks)
    if kind in ("loop", "while"):
        body = _block(rng, known + 1, rng.randint(1, 3), depth - 1)
        return Step(kind, "", (recent(), recent()), number, (body,))
    return Step(kind, "", tuple(recent() for _ in range(5)), number)


# --- running them ----------------------------------------------------------------------------------------


def _run_block(steps: Program, registers: list[Any]) -> Any:
    for step in steps:
        registers.append(_RUN[step.kind](step, [registers[k] for k in step.reads], registers))
    return registers[-1]


def _tame(x: Any) -> Any:
    """Kept within a size that later steps can square."""
    return ops.clip(x, -3.0, 3.0)


def _unary(step: Step, given: list[Any], _: Any) -> Any:
    (x,) = given
    special: dict[str, Callable[[Any], Any]] = {
        "expm1 tanh": lambda a: ops.expm1(ops.tanh(a)), "sqrt square": lambda a: ops.sqrt(a * a),
        "exp neg abs": lambda a: ops.exp(-ops.abs(a)), "log1p square": lambda a: ops.log1p(a * a),
        "power": lambda a: _tame(a) ** 3, "reciprocal of 1 +": lambda a: ops.reciprocal(1.0 + a * a),
    }  # fmt: skip
    return special[step.name](x) if step.name in special else getattr(ops, step.name)(x)


def _binary(step: Step, given: list[Any], _: Any) -> Any:
    a, b = given
    if step.name == "mul":
        return _tame(a) * _tame(b) + step.number
    if step.name == "safe div":
        return a / (1.0 + b * b)
    if step.name == "mod 1.7":
        return (a + b) % 1.7
    return getattr(ops, step.name)(a, b)


def _many(step: Step, given: list[Any], _: Any) -> Any:
    tamed = [_tame(x) for x in given]
    if step.name == "dot":
        half = len(tamed) // 2
        return ops.dot(tamed[:half], tamed[half:])
    if step.name == "prod":
        return ops.prod([ops.tanh(x) for x in tamed])
    return getattr(ops, step.name)(tamed)


def _where(step: Step, given: list[Any], _: Any) -> Any:
    a, b, x, y = given
    return ops.where(COMPARISONS[step.name](a, b + step.number), ops.sqrt(ops.abs(x)), y * 0.5)


def _branch(step: Step, given: list[Any], registers: list[Any]) -> Any:
    a, b, x, y = given
    first, second = step.blocks
    block = first if COMPARISONS[step.name](a, b + step.number) else second
    return _run_block(block, [*registers]) * 0.5 + x * y * 0.1


def _loop(step: Step, given: list[Any], registers: list[Any]) -> Any:
    state = given[0]
    for k in range(3):
        state = _tame(_run_block(step.blocks[0], [*registers, state])) * 0.5 + step.number * k
    return state


def _while(step: Step, given: list[Any], registers: list[Any]) -> Any:
    state, total, rounds = given[0], ops.abs(given[1]), 0
    while total < 2.0 and rounds < 4:  # how often depends on the numbers
        state = _tame(_run_block(step.blocks[0], [*registers, state])) * 0.7
        total = total + ops.abs(state) + 0.3
        rounds += 1
    return state + total


def _index(x: Any, count: int) -> Any:
    return ops.floor(ops.clip(ops.abs(x), 0.0, count - 0.5) % count)


def _take(step: Step, given: list[Any], _: Any) -> Any:
    return ops.take(given[:4], _index(given[4], 4)) * (1.0 + step.number)


def _put(step: Step, given: list[Any], _: Any) -> Any:
    table = ops.put(given[:3], _index(given[4], 3), given[3] * step.number)
    return table[0] * 0.3 + table[1] - table[2] * 0.2


def _whole(step: Step, given: list[Any], _: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no gradient flows through int() is meant
        count = int(_tame(given[0]))
        best = max(given[1:4])
    return given[1] * count + best


_RUN: dict[str, Callable[[Step, list[Any], list[Any]], Any]] = {
    "unary": _unary, "binary": _binary, "many": _many, "where": _where, "branch": _branch, "loop": _loop,
    "while": _while, "take": _take, "put": _put, "whole": _whole,
}  # fmt: skip


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--programs", type=int, default=1_000)
    parser.add_argument("--inputs", type=int, default=20)
    parser.add_argument("--executor", nargs="*", default=["python", "numpy", "llvm", "interpreter", "auto"])
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    failed = False
    for executor in chosen.executor:
        start, wrong, ill, traces = time.perf_counter(), [], 0, 0
        for seed in range(chosen.programs):
            rng = random.Random(f"{chosen.seed} {seed}")
            program = random_program(rng)
            verdict = compare(program, [fresh_inputs(rng) for _ in range(chosen.inputs)], executor)
            wrong += [f"program {seed}: {text}" for text in verdict.wrong]
            ill, traces = ill + verdict.ill_conditioned, traces + verdict.traces
        calls = chosen.programs * chosen.inputs
        seconds = time.perf_counter() - start
        print(f"{executor}: {chosen.programs} programs, {calls} calls, {traces} traces: {len(wrong)} wrong; "
              f"{ill} numbers agree only within what the last bits of the inputs do; {seconds:.1f} s")
        for text in wrong[:10]:
            print("   ", text)
        failed = failed or bool(wrong)
    sys.exit(failed)


if __name__ == "__main__":
    main()
