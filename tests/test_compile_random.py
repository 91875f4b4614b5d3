"""Random programs with branches on data: some of what `benchmarks/random_compiled.py` runs, and its judge."""

from __future__ import annotations

import random
from typing import Any

import pytest
from support import load_benchmark

import autograd_lite

NEEDS = {"python": "", "numpy": "numpy", "llvm": "llvmlite", "interpreter": "llvmlite"}
PROGRAMS = {"python": 30, "numpy": 16, "llvm": 16, "interpreter": 30}


benchmark = load_benchmark("random_compiled")


def kinds_in(program: Any) -> set[str]:
    found = {step.kind for step in program}
    return found.union(*[kinds_in(block) for step in program for block in step.blocks])


def drawn(seed: int, calls: int = 6) -> tuple[Any, list[list[float]]]:
    rng = random.Random(f"tests {seed}")
    return benchmark.random_program(rng), [benchmark.fresh_inputs(rng) for _ in range(calls)]


@pytest.mark.parametrize("executor", NEEDS)
def test_compiled_programs_give_what_eager_ones_give_whichever_way_they_branch(executor: str) -> None:
    if NEEDS[executor]:
        pytest.importorskip(NEEDS[executor], reason="compiled replay at full speed (extra `fast`)")
    ill_conditioned = traces = 0
    for seed in range(PROGRAMS[executor]):
        verdict = benchmark.compare(*drawn(seed), executor)
        assert not verdict.wrong, (seed, verdict.wrong[0])
        ill_conditioned += verdict.ill_conditioned
        traces += verdict.traces
    assert ill_conditioned <= PROGRAMS[executor] // 10  # so that the lenient judge stays the exception
    assert traces > 1.5 * PROGRAMS[executor]  # and branches are taken both ways


def test_programs_have_every_kind_of_statement() -> None:
    kinds = set().union(*[kinds_in(drawn(seed)[0]) for seed in range(60)])
    assert kinds == set(benchmark._RUN)


def test_the_judge_finds_a_gradient_that_is_off_in_the_ninth_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    program, calls = drawn(1)
    assert not benchmark.compare(program, calls, "python").wrong
    plain = autograd_lite.compile
    monkeypatch.setattr(
        autograd_lite, "compile", lambda f, **settings: plain(lambda *xs: f(*xs) + xs[0] * 1e-9, **settings)
    )
    assert benchmark.compare(program, calls, "python").wrong
