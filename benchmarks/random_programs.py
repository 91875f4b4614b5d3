"""Random programs, run here and in PyTorch in float64: how many agree, in value and in every gradient.

    pip install -e ".[test,oracle]"
    python benchmarks/random_programs.py                  # 3,000 programs, some 10 s
    python benchmarks/random_programs.py --json

A program has 5 to 40 operations on a few leaves; nodes are shared, plain numbers stand among the operands,
and every kind of row of the op table occurs. Where the two libraries differ by more than 1e-9 (relative),
mpmath computes the value and the gradients in many digits and says whose are nearer. Where contributions of
size 1 cancel to 1e-11, say, two correct programs differ in the fifth digit by chance: if both are as near the
truth as the rounding of the contributions allows, neither counts as worse.
"""

from __future__ import annotations

import argparse
import json
import math
import operator
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from autograd_lite import Value, ops, topological_order
from autograd_lite.engine import chain

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from references import REFERENCES, difference, digits, exact, relative_error, torch_functions

__all__ = ["Program", "Step", "Verdict", "compare", "random_program", "run_here"]

PROGRAMS, AGREEMENT = 3_000, 1e-9


class Step(NamedTuple):
    """One operation. An int among the operands is the number of a node, a float stands for itself."""

    op: str
    operands: tuple[int | float, ...]
    settings: tuple[float, ...] = ()


class Program(NamedTuple):
    """Leaves, then steps; the nodes are numbered in this order, and the last is the result."""

    leaves: tuple[float, ...]
    steps: tuple[Step, ...]


class Verdict(NamedTuple):
    """How the numbers that differ compare with the truth."""

    agree: bool
    worse: list[str]  # ours is the further from it
    better: list[str]
    rounding: list[str]  # both are as near as rounding allows


# --- running a program in three worlds ----------------------------------------------------------------------

INFIX = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "pow": operator.pow, "mod": operator.mod, "neg": operator.neg, "abs": operator.abs, "power": operator.pow,
}  # fmt: skip


def nodes_of(program: Program, leaves: Sequence[Any], apply: Callable[..., Any]) -> list[Any]:
    """Every node of the program, from these leaves on; `apply(step, operands)` makes one."""
    nodes = list(leaves)
    for step in program.steps:
        nodes.append(
            apply(
                step, [nodes[operand] if isinstance(operand, int) else operand for operand in step.operands]
            )
        )
    return nodes


def on_values(step: Step, operands: list[Any]) -> Any:
    """A step as a user writes it: an operator, a method, or a function of `ops`."""
    if step.op == "where":
        left, right, first, second = operands
        recorded = step.settings[0] > 0.0
        return ops.where(ops.greater(left, right) if recorded else bool(left > right), first, second)
    if step.op in INFIX:
        return INFIX[step.op](*operands, *step.settings)
    row = ops.TABLE[step.op]
    if row.arity is not None and isinstance(operands[0], Value):
        return getattr(operands[0], step.op)(*operands[1:], *step.settings)
    return row(*operands, *step.settings)


def run_here(program: Program) -> tuple[float, list[float]]:
    """The result and its gradient by every leaf, by this library."""
    leaves = [Value(x) for x in program.leaves]
    result = nodes_of(program, leaves, on_values)[-1]
    result.backward()
    return result.data, [leaf.grad for leaf in leaves]


def run_torch(program: Program, torch: Any) -> tuple[float, list[float]]:
    """The same by PyTorch."""
    functions = torch_functions(torch)

    def tensor(x: Any) -> Any:
        return torch.tensor(x, dtype=torch.float64) if isinstance(x, float) else x

    def apply(step: Step, operands: list[Any]) -> Any:
        tensors = [tensor(operand) for operand in operands]
        if step.op == "where":
            left, right, first, second = tensors
            return torch.where(left > right, first, second)
        packed = [tensors] if ops.TABLE[step.op].arity is None else tensors
        return functions[step.op](*packed, *step.settings)

    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in program.leaves]
    result = nodes_of(program, leaves, apply)[-1]
    result.backward()
    return float(result.detach()), [0.0 if leaf.grad is None else float(leaf.grad) for leaf in leaves]


def in_many_digits(program: Program, leaves: Sequence[Any]) -> Any:
    """The result of the program by mpmath."""

    def apply(step: Step, operands: list[Any]) -> Any:
        numbers = [exact([x])[0] if isinstance(x, float) else x for x in operands]
        if step.op == "where":
            left, right, first, second = numbers
            return first if left > right else second
        packed = [numbers] if ops.TABLE[step.op].arity is None else numbers
        return REFERENCES[step.op](*packed, *step.settings)

    return nodes_of(program, leaves, apply)[-1]


# --- judging ------------------------------------------------------------------------------------------------


def close(one: float, other: float) -> bool:
    """Whether two results are the same to the agreed relative precision."""
    return math.isclose(one, other, rel_tol=AGREEMENT, abs_tol=0.0) or (one != one and other != other)


def compare(program: Program, torch: Any) -> Verdict:
    """Run the program in both libraries, and let mpmath judge where they differ."""
    value, slopes = run_here(program)
    their_value, their_slopes = run_torch(program, torch)
    pairs = [("value", value, their_value)]
    pairs += [(f"gradient {k}", *pair) for k, pair in enumerate(zip(slopes, their_slopes, strict=True))]
    doubtful = [pair for pair in pairs if not close(pair[1], pair[2])]
    if not doubtful:
        return Verdict(True, [], [], [])
    worse, better, rounding = [], [], []
    noise = rounding_errors(program)
    with digits(160):
        point = exact(program.leaves)

        def f(leaves: Sequence[Any]) -> Any:
            return in_many_digits(program, leaves)

        for name, ours, theirs in doubtful:
            true = f(point) if name == "value" else difference(f, point, int(name.split()[1]))
            off, their_off = relative_error(ours, true), relative_error(theirs, true)
            line = f"{name}: {ours!r} is off by {off:.1e}, PyTorch's {theirs!r} by {their_off:.1e}"
            if max(abs(true - ours), abs(true - theirs)) <= noise[name]:
                rounding.append(line)
            else:
                (worse if off > their_off else better).append(line)
    return Verdict(False, worse, better, rounding)


def rounding_errors(program: Program) -> dict[str, float]:
    """How much rounding may cost each number: half a unit in the last place for every step on every path.

    A gradient is the sum over all paths of products of local gradients; its scale is the sum of the absolute
    values of these. The value's scale is the sum of |adjoint times value| over the nodes.
    """
    leaves = [Value(x) for x in program.leaves]
    result = nodes_of(program, leaves, on_values)[-1]
    signed, sizes = {result: 1.0}, {result: 1.0}
    total = 0.0
    for node in reversed(topological_order(result)):
        total += abs(signed[node] * node.data)
        for parent, local in zip(node.parents, node.local_gradients(), strict=True):
            signed[parent] = signed.get(parent, 0.0) + chain(signed[node], local)
            sizes[parent] = sizes.get(parent, 0.0) + chain(sizes[node], abs(local))
    unit = sys.float_info.epsilon / 2
    noise = {
        f"gradient {k}": len(program.steps) * unit * sizes.get(leaf, 0.0) for k, leaf in enumerate(leaves)
    }
    return {"value": unit * total, **noise}


# --- making a program ---------------------------------------------------------------------------------------


def _between(low: float, high: float) -> Callable[[float], bool]:
    return lambda x: low < x < high


# Operands that an op is given: inside its domain, and not so near its edge that the result is all rounding
# error in either library.
INSIDE: dict[str, Callable[[float], bool]] = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt"), _between(0.01, 1e3)),
    **dict.fromkeys(("exp", "exp2", "expm1", "sinh", "cosh"), _between(-6.0, 6.0)),
    **dict.fromkeys(("asin", "acos", "atanh"), _between(-0.97, 0.97)),
    **dict.fromkeys(("lgamma", "digamma", "polygamma"), _between(0.1, 50.0)),
    "log1p": _between(-0.97, 1e3),
    "acosh": _between(1.05, 1e3),
    "tan": lambda x: abs(math.cos(x)) > 0.1,
    "reciprocal": lambda x: abs(x) > 0.05,
    "power": _between(0.05, 10.0),
}
UNARY = sorted(
    row.name
    for row in ops.TABLE.values()
    if row.arity == 1 and not row.condition and row.name not in ("detach", "cbrt")
)
BINARY = ("add", "sub", "mul", "div", "pow", "mod", "atan2", "maximum", "minimum", "hypot", "logaddexp")
MANY = ("sum", "mean", "prod", "dot", "logsumexp", "max", "min", "norm")
SETTINGS: dict[str, Callable[[random.Random], tuple[float, ...]]] = {
    "power": lambda rng: (rng.choice((-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)),),
    "leaky_relu": lambda rng: (rng.choice((0.01, 0.2, -0.5)),),
    "elu": lambda rng: (rng.choice((1.0, 0.5, 2.0)),),
    "clip": lambda rng: (-rng.uniform(0.1, 2.0), rng.uniform(0.1, 2.0)),
    "hardtanh": lambda rng: (-rng.uniform(0.1, 2.0), rng.uniform(0.1, 2.0)),
    "polygamma": lambda rng: (rng.choice((1.0, 2.0)),),
}
KINDS = ("unary", "unary", "binary", "binary", "binary", "many", "where")


def random_program(rng: random.Random, length: int | None = None) -> Program:
    """A program of `length` steps (by default 5 to 40) whose result depends on every node."""
    length = rng.randint(5, 40) if length is None else length
    leaves = tuple(rng.uniform(-3.0, 3.0) for _ in range(rng.randint(2, 6)))
    values, steps = list(leaves), []
    unused = set(range(len(leaves)))
    candidates = _candidates(rng, values)
    while len(steps) < length - 1:
        step, value = next(candidates)
        if value == 0.0 or 1e-3 < abs(value) < 100.0:
            steps.append(step)
            unused -= {operand for operand in step.operands if isinstance(operand, int)}
            unused.add(len(values))
            values.append(value)
    steps.append(Step(rng.choice(("sum", "mean", "norm", "logsumexp")), tuple(sorted(unused))))
    return Program(leaves, tuple(steps))


def _candidates(rng: random.Random, values: list[float]) -> Iterator[tuple[Step, float]]:
    """Endless steps on the present nodes, each with the value it would have."""

    def node() -> int:
        recent = rng.random() < 0.6
        return rng.randrange(max(0, len(values) - 4), len(values)) if recent else rng.randrange(len(values))

    def operand() -> int | float:
        return rng.choice((0.5, 2.0, -1.5, rng.uniform(-2.0, 2.0))) if rng.random() < 0.2 else node()

    while True:
        kind = rng.choice(KINDS)
        if kind == "unary":
            op = rng.choice(UNARY)
            step = Step(op, (node(),), SETTINGS.get(op, lambda _: ())(rng))
        elif kind == "binary":
            pair = (node(), operand())
            step = Step(rng.choice(BINARY), pair if rng.random() < 0.7 else pair[::-1])
        elif kind == "many":
            op = rng.choice(MANY)
            count = rng.choice((2, 4, 6) if op == "dot" else (1, 2, 3, 5))
            step = Step(op, (node(), *(operand() for _ in range(count - 1))))
        else:
            step = Step("where", (node(), operand(), node(), operand()), (rng.choice((0.0, 1.0)),))
        numbers = [values[x] if isinstance(x, int) else x for x in step.operands]
        if _is_inside(step, numbers):
            yield step, _on_floats(step, numbers)


def _is_inside(step: Step, numbers: list[float]) -> bool:
    if step.op in ("div", "mod"):
        return abs(numbers[1]) > 0.05
    if step.op == "pow":
        return 0.05 < numbers[0] < 10.0 and abs(numbers[1]) < 4.0
    if step.op == "atan2":  # its cut, where the sign of a zero decides, is not in mpmath
        return abs(numbers[0]) > 0.01
    if step.op in ("hypot", "norm"):
        return max(map(abs, numbers)) > 0.01
    return step.op not in INSIDE or INSIDE[step.op](numbers[0])


def _on_floats(step: Step, numbers: list[float]) -> float:
    if step.op == "where":
        return numbers[2] if numbers[0] > numbers[1] else numbers[3]
    return float(ops.TABLE[step.op](*numbers, *step.settings))


# --- the report ---------------------------------------------------------------------------------------------


def report(count: int, seed: int) -> dict[str, Any]:
    """Compare so many programs; what the tables print and `--json` gives."""
    import torch

    torch.set_num_threads(1)
    began = time.perf_counter()
    used: Counter[str] = Counter()
    found: Counter[str] = Counter()
    differing, numbers, length = [], 0, 0
    for k in range(count):
        program = random_program(random.Random(f"{seed} {k}"))
        used.update(step.op for step in program.steps)
        numbers += 1 + len(program.leaves)
        length += len(program.steps)
        verdict = compare(program, torch)
        kind = next((kind for kind in ("worse", "better", "rounding") if getattr(verdict, kind)), "agree")
        found[kind] += 1
        if not verdict.agree:
            differing.append({"program": k, **verdict._asdict()})
    return {
        "programs": count,
        "operations": length,
        "rows used": len(used),
        "numbers compared": numbers,
        "agree to 1e-9": found["agree"],
        "differ, ours nearer the truth": found["better"],
        "differ, both within rounding": found["rounding"],
        "differ, ours further from truth": found["worse"],
        "seconds": round(time.perf_counter() - began, 1),
        "differing": differing,
    }


def main() -> None:
    """Print the counts; exit with 1 if ours is further from the truth anywhere."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", type=int, default=PROGRAMS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    counts = report(options.programs, options.seed)
    if options.json:
        print(json.dumps(counts, indent=2))
    else:
        for name, number in counts.items():
            if name != "differing":
                print(f"{name:<32}{number:>10,}")
        for program in counts["differing"]:
            for kind in ("worse", "better", "rounding"):
                for line in program[kind]:
                    print(f"  program {program['program']}, {kind}, {line}")
    sys.exit(1 if counts["differ, ours further from truth"] else 0)


if __name__ == "__main__":
    main()
