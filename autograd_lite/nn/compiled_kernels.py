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
from ..errors import CompileError
from .compiled import CompiledGradients

__all__ = ["Native", "native"]


LANES_FROM = 3_000
"""Batches of so many operations are done sooner in lanes than one row after the other."""


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
    size: int,
) -> Native | None:
    """The loop for this trace and batches of about that size; None where none can be, or would pay."""
    penalty = gradients.compiled_penalty
    chosen = choosing.choose(branch.tape, gradients.executor).name
    if chosen not in ("llvm", "interpreter"):
        return None
    in_lanes = chosen == "interpreter"
    if gradients.executor == "auto" and size * len(branch.tape.codes) >= LANES_FROM:
        in_lanes = True
    if in_lanes and not choosing.suits_lanes("interpreter", branch.tape):
        if chosen == "interpreter":  # too large to be written out, too
            return None
        in_lanes = False
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
    kernel = _prepared(program, in_lanes, chosen == "llvm")
    return None if kernel is None else Native(kernel, reached)


def _prepared(program: TrainingProgram, in_lanes: bool, one_by_one: bool) -> TrainingKernel | None:
    """The loop with batches in lanes if that is asked for and can be, else one that takes row after row."""
    if in_lanes:
        from ..compiling import lane_training

        try:
            return lane_training.prepare_training(program)
        except CompileError:  # a loss that computes something of parameters alone
            if not one_by_one:
                return None
    from ..compiling import llvm_training

    return llvm_training.prepare_training(program)
