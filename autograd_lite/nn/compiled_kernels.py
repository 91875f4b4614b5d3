"""The native loop of a training, for models and losses whose step is one trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..compiling import choosing
from ..compiling.array_training import ArrayRule
from ..compiling.branches import Branch
from ..compiling.rules_of_update import rule_tape
from ..compiling.training import Mark, TrainingKernel, TrainingProgram, UpdateRule
from .compiled import CompiledGradients

__all__ = ["Native", "native"]


class Native(NamedTuple):
    """A loop over steps, and which parameters each step reaches."""

    kernel: TrainingKernel
    reached: Any
    """(trained,) bool: what every step reaches."""


def native(
    gradients: CompiledGradients,
    branch: Branch,
    rules: Sequence[ArrayRule],
    clip_value: float | None,
    clip_norm: float | None,
) -> Native | None:
    """The loop for this trace; None where there is none, or it would not pay."""
    penalty = gradients.compiled_penalty
    if choosing.choose(branch.tape, gradients.executor).name != "llvm":
        return None
    reached = np.zeros(len(gradients.trained), dtype=bool)
    reached[branch.always] = True
    tape = None
    if penalty is not None:
        tape = penalty.program
        if tape is None:
            return None
        reached[penalty.reached] = True
    if not reached.any() and not branch.lookups:
        return None
    program = TrainingProgram(
        loss=branch.tape,
        places=tuple(branch.places),
        trained=len(gradients.trained),
        rules=tuple(UpdateRule(rule_tape(each.rule, each.width), each.start, each.stop) for each in rules),
        penalty=tape,
        penalty_places=() if tape is None else tuple(range(len(tape.parameters))),
        clip_value=clip_value,
        clip_norm=clip_norm,
        reached=reached.tobytes(),
        marks=tuple(Mark(output, entries) for output, entries in branch.lookups),
    )
    from ..compiling.llvm_training import prepare_training

    return Native(prepare_training(program), reached)
