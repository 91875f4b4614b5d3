"""Compiled programs that turn Values into plain numbers, texts and exceptions go the ways of eager ones."""

import math

import pytest

from autograd_lite import Value, functional, ops
from autograd_lite import compile as compiled
from autograd_lite.errors import GraphError

pytestmark = pytest.mark.filterwarnings(
    "ignore::autograd_lite.errors.RetraceWarning", "ignore::autograd_lite.errors.GradientDropped"
)
inf, nan = math.inf, math.nan
NUMBERS = (2.0, -3.0, 0.5, 0.0, -0.0, 2.5, -2.5, 1e16, -7.25, inf, -inf, nan, 2.0, 9.0, 1e200)


def attempt(make, otherwise=7.0):
    """A factor made from a plain number, and another one where Python raises or goes complex."""

    def program(x):
        try:
            factor = make(x)
        except (ArithmeticError, ValueError):
            return x * otherwise
        return x * (otherwise + 1.0 if isinstance(factor, complex) else factor)

    return program


def looked_up(x):
    try:
        return ops.take([1.0, x, 3.0], x)
    except ValueError:
        return x * 2.0


PROGRAMS = {
    "quotient": attempt(lambda x: 1.0 / x.data),
    "quotient of two": attempt(lambda x: x.data / (x.data - 2.0)),
    "remainder": attempt(lambda x: 10.0 % x.data),
    "whole quotient": attempt(lambda x: 10.0 // x.data),
    "whole quotient by a number": attempt(lambda x: x.data // 0.7),
    "quotient and remainder": attempt(lambda x: divmod(x.data, 0.3)[0] + divmod(-7.5, x.data)[1]),
    "whole power": attempt(lambda x: x.data**2 + x.data**-1),
    "root": attempt(lambda x: x.data**0.5),
    "power of two": attempt(lambda x: 2.0 ** (x.data * 1.5)),
    "power of itself": attempt(lambda x: x.data**x.data),
    "int": attempt(int),
    "round": attempt(round),
    "round to a digit": attempt(lambda x: round(x, 1)),
    "floor": attempt(math.floor),
    "ceil": attempt(math.ceil),
    "take": looked_up,
    "ratio": attempt(lambda x: x.data.as_integer_ratio()[1]),
    "hex": lambda x: x * len(x.data.hex()),
    "repr": lambda x: x * len(repr(x.data)),
    "text in a list": lambda x: x * len(str([x.data])),
    "text of a Value": lambda x: x * (2.0 if "data=-" in f"{x}" else 3.0),
    "repr of a Value": lambda x: x * (2.0 if "data=-" in repr(x) else 3.0),
    "text of a condition": lambda x: x * len(str(x > 1.0)),
    "formatted condition": lambda x: x * len(f"{x > 1.0}{x > 2.0:>7}"),
    "condition as a key": lambda x: {True: x * 2.0, False: x * 3.0}[x > 1.0],
    "either condition": lambda x: x * 2.0 if (x > 1.0) ^ (x > 2.1) else x * 3.0,
    "either and a bool": lambda x: x * 2.0 if True ^ (x > 2.1) else x * 3.0,
    "a number in one branch": lambda x: x * x if x > 0.0 else 3,
    "a bool": lambda x: bool(x > 1.0),
}


def outcome(call, *arguments):
    try:
        found = call(*arguments)
    except TypeError as error:
        return str(type(error))
    found = found if isinstance(found, tuple) else (found,)
    return [repr((each.data if isinstance(each, Value) else float(each)) + 0.0) for each in found]


@pytest.mark.parametrize("name", PROGRAMS)
def test_plain_numbers_branch_as_in_eager_code(name):
    program = PROGRAMS[name]
    replayed = compiled(program, executor="python", traces=40)
    slopes = functional.value_and_grad(program)
    for _ in range(2):
        for number in NUMBERS:
            assert outcome(replayed, number) == outcome(program, Value(number)), number
            assert outcome(replayed.value_and_grad, number) == outcome(slopes, number), number


def test_dividing_plain_numbers_needs_no_further_traces():
    f = compiled(lambda x: x * (1.0 / x.data) + x.data**2 * x + (x.data // 2.0) * x, executor="python")
    assert [f(float(k)) for k in range(1, 8)] == [1.0 + k**3 + k // 2 * k for k in range(1, 8)]
    assert len(f.traces) == 1
    with pytest.raises(ZeroDivisionError):
        f(0.0)
    assert f(3.0) == 31.0


def test_whole_quotients_are_pythons():
    pairs = [(a / 4, b / 3) for a in range(-13, 14, 2) for b in (-7, -2, -1, 1, 3, 8)]
    pairs += [(0.0, 2.0), (-0.0, 2.0), (-0.0, -2.0), (1e300, 1e-5), (5e-324, 3.0), (-1.2, -3.9)]
    f = compiled(lambda a, b: [ops.identity(part) for part in divmod(a.data, b.data)], executor="python")
    for a, b in pairs:
        assert list(map(repr, f(a, b))) == list(map(repr, divmod(a, b))), (a, b)


def test_plain_numbers_everywhere_are_no_result_of_the_arguments():
    with pytest.raises(GraphError, match="not computed from its arguments"):
        compiled(lambda x: 3.0)(1.0)
    both = compiled(lambda x: [0.0, 1] if x > 0 else [x, x])
    assert both(1.0) == [0.0, 1.0]
    assert both(-1.0) == [-1.0, -1.0]
    assert both.jacobian(1.0) == [0.0, 0.0]
    assert both.map([1.0, -1.0]) == [[0.0, 1.0], [-1.0, -1.0]]
