"""Second derivatives of compiled programs, where what does not count is not finite: as in eager code."""

import math

import pytest

import autograd_lite as ag
from autograd_lite import compile as compiled
from autograd_lite import ops


def taken(table, x):
    return ops.take(table, ops.where(x > 0.0, 0.0, 1.0))


PROGRAMS = {
    "arm that is not chosen": lambda x: ops.where(x > 0.0, x**0.5, x * x),
    "its logarithm": lambda x: ops.where(x > 0.0, ops.log(x), x * x * x) * x,
    "root of a square": lambda x: ops.sqrt(x * x) * x,
    "pole": lambda x: ops.where(x != 0.0, 1.0 / x, x * x * x),
    "entry that is not taken": lambda x: taken([ops.sqrt(x), x * x * x, x], x) * x,
    "branch": lambda x: ops.where(x > 0.0, ops.sqrt(x), 0.0) + (x * x if x > -2.0 else x.sin()),
}


def agree(found, expected):
    return found == pytest.approx(expected, rel=1e-12) or (math.isnan(found) and math.isnan(expected))


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_derivatives(name):
    program = PROGRAMS[name]
    f = compiled(program, executor="python")
    slope = compiled(ag.grad(program), executor="python")
    along = compiled(lambda x: ag.hvp(program, (x,), (1.0,))[0], executor="python")
    for x in (-1.0, 0.0, 2.0, -3.0):
        assert agree(f.hvp(x, vector=1.0), ag.hvp(program, (x,), (1.0,))[0]), x
        assert agree(slope.grad(x), ag.grad(ag.grad(program))(x)), x
        assert agree(along(x), ag.hvp(program, (x,), (1.0,))[0]), x
