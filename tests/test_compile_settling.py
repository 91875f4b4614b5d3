"""The layout of a tape: what nothing needs is left out, by Python alone and by NumPy alike."""

from __future__ import annotations

import random

import pytest

from autograd_lite.compiling.settling import _in_python, _with_numpy

Entries = list[tuple[int, ...]]


def random_entries(rng: random.Random, constants: int) -> tuple[Entries, list[int]]:
    """Leaves and operations as a builder has them, and the leaves: inputs, then parameters."""
    entries: Entries = [(rng.choice([-1, -2]), k) for k in range(rng.randrange(1, 5))]
    for node in range(len(entries), rng.randrange(6, 60)):
        count = rng.choice([0, 1, 2, 2, 2, 5])
        operands = [rng.choice(range(-constants, node)) for _ in range(count)]
        entries.append((rng.randrange(9), *operands) if count else (-2, node))
    leaves = [[k for k, entry in enumerate(entries) if entry[0] == kind] for kind in (-1, -2)]
    return entries, leaves[0] + leaves[1]


def reachable(entries: Entries, roots: list[int]) -> set[int]:
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            if node >= 0 and entries[node][0] >= 0:
                waiting += entries[node][1:]
    return found


@pytest.mark.parametrize("seed", range(150))
def test_a_tape_has_what_its_roots_need(seed: int) -> None:
    rng = random.Random(seed)
    constants = rng.randrange(1, 5)
    entries, leaves = random_entries(rng, constants)
    roots = [rng.choice(range(-constants, len(entries))) for _ in range(2)]
    plain = _in_python(entries, constants, roots, leaves)
    needed = reachable(entries, roots)
    assert list(plain.kept) == sorted(k for k in needed if k >= 0 and entries[k][0] >= 0)
    assert list(plain.constants) == sorted(~k for k in needed if k < 0)
    old = [*leaves, *(~k for k in plain.constants), *plain.kept]
    assert [plain.numbers[node] for node in old] == list(range(len(old)))
    for operation, node in enumerate(plain.kept):
        operands = plain.operands[plain.starts[operation] : plain.starts[operation + 1]]
        assert (plain.codes[operation], *[old[operand] for operand in operands]) == entries[node]


def test_numpy_gives_the_same() -> None:
    pytest.importorskip("numpy")
    for seed in range(150):
        rng = random.Random(seed)
        constants = rng.randrange(0, 5)
        entries, leaves = random_entries(rng, constants)
        roots = [rng.choice(range(-constants, len(entries))) for _ in range(2)]
        for one, other in zip(
            _in_python(entries, constants, roots, leaves),
            _with_numpy(entries, constants, roots, leaves),
            strict=True,
        ):
            assert list(one) == list(other), seed
