"""An optimizer's rule for all parameters of a group at once: lanes whose samples are the parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy

from .lane_driver import FIELD
from .lane_runner import GROUPS, Runner, address_of
from .lane_vectors import WIDTH
from .planning import make_plan
from .training import UpdateRule

__all__ = ["LaneUpdate"]


class LaneUpdate:
    """A rule made ready for parameters that have all been moved as often.

    What depends on the rate and that count alone is a job of its own, `once`, which is to run first.
    """

    def __init__(self, rule: UpdateRule) -> None:
        tape, own = rule.tape, 2 + rule.width
        plan = make_plan(tape, (), fuse=False, batched=[True] * own + [False, False])
        uniform = plan.uniform
        assert uniform is not None
        self._kept: list[Any] = []  # what machine code has the addresses of
        start = numpy.zeros(uniform.size)
        first = numpy.concatenate([numpy.zeros(tape.leaves), uniform.constants])
        start[: len(first)] = first
        runner = Runner(plan, own, start, slice(None))
        buffers = runner.buffers(runner.widest)
        self._kept += [runner, buffers]
        samples = rule.stop - rule.start
        self.job: int = buffers.address
        self.once = 0
        self.columns, self.targets = self._array(own), self._array(1 + rule.width)
        """Where the addresses of p, g and the state are put, and of what they become."""
        fields = {
            "columns": self.columns,
            "targets": self.targets,
            "missed": self._array(samples + runner.widest),
            "sums": self._array(GROUPS * max(runner.shared, 1)),
            "flags": self._array(2 * GROUPS),
        }
        for name, address in fields.items():
            buffers.job[FIELD[name]] = address
        given = address_of(buffers.u)
        if len(uniform.code):
            whole = replace(uniform, outputs=numpy.arange(uniform.size, dtype=numpy.int32))
            once = Runner(whole, len(first), numpy.zeros(0), slice(0, 0))
            alone = once.buffers(WIDTH)
            alone.rows[0] = first
            alone.job[FIELD["outputs"]] = given
            self.once, given = alone.address, address_of(alone.rows)
            self._kept += [once, alone]
        self.rate = given + 8 * own
        """Where the rate is put, and behind it the count."""

    def _array(self, size: int) -> int:
        numbers = numpy.zeros(size)
        self._kept.append(numbers)
        return address_of(numbers)
