"""Random programs here and in PyTorch: some of what `benchmarks/random_programs.py` runs, and its judge."""

from __future__ import annotations

import random
from typing import Any

import pytest
from support import load_benchmark

from autograd_lite import ops

torch = pytest.importorskip(
    "torch", reason="PyTorch, the oracle, is not installed: pip install -e '.[oracle]'"
)
pytestmark = pytest.mark.oracle


benchmark = load_benchmark("random_programs")
Program, Step = benchmark.Program, benchmark.Step


def program(seed: int, length: int | None = None) -> Any:
    return benchmark.random_program(random.Random(f"tests {seed}"), length)


@pytest.mark.parametrize("batch", range(8))
def test_programs_agree_with_pytorch_or_are_nearer_the_truth(batch: int) -> None:
    agree = 0
    for seed in range(40 * batch, 40 * batch + 40):
        verdict = benchmark.compare(program(seed), torch)
        assert not verdict.worse, (program(seed), verdict)
        agree += verdict.agree
    assert agree >= 36  # so that the judge stays the exception


def test_programs_use_every_row_and_share_nodes() -> None:
    programs = [program(seed) for seed in range(600)]
    used = {step.op for each in programs for step in each.steps}
    conditions = {row.name for row in ops.TABLE.values() if row.condition}
    # `where` stands for choose and select; cbrt has no counterpart, detach no derivative to compare with
    assert used >= set(ops.TABLE) - conditions - {"choose", "select", "detach", "cbrt", "identity"}
    assert {len(each.steps) for each in programs} == set(range(5, 41))
    assert any(isinstance(x, float) for each in programs for step in each.steps for x in step.operands)
    for each in programs[:50]:
        uses = [x for step in each.steps for x in step.operands if isinstance(x, int)]
        assert len(uses) > len(set(uses))
        assert set(uses) == set(range(len(each.leaves) + len(each.steps) - 1))


def test_the_same_seed_makes_the_same_program() -> None:
    assert program(3) == program(3) != program(4)


def test_the_judge_finds_who_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    simple = Program((1.5, 2.0), (Step("mul", (0, 1)), Step("tanh", (2,))))
    assert benchmark.compare(simple, torch) == (True, [], [], [])
    right = benchmark.run_here(simple)
    wrong = (right[0], [right[1][0] * 1.00001, right[1][1]])
    monkeypatch.setattr(benchmark, "run_here", lambda _: wrong)
    verdict = benchmark.compare(simple, torch)
    assert not verdict.agree
    assert len(verdict.worse) == 1
    assert verdict.worse[0].startswith("gradient 0")
    monkeypatch.undo()
    monkeypatch.setattr(benchmark, "run_torch", lambda *_: wrong)
    verdict = benchmark.compare(simple, torch)
    assert not verdict.agree
    assert not verdict.worse
    assert verdict.better[0].startswith("gradient 0")
