"""The contract with micrograd's programs: its names on a Value, ops made by hand, what differs."""

from __future__ import annotations

import copy
import math
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from autograd_lite import Graph, Value, grad, hvp, jacobian, jvp
from autograd_lite.errors import GraphError, ValueTypeError

TABLE = Path(__file__).parent.parent / "docs" / "micrograd.md"


def cube(x: Value, label: str = "") -> Value:
    """An op the way micrograd's readers write one."""
    out = Value(x.data**3, (x,), "cube", label=label)

    def _backward() -> None:
        x.grad += 3 * x.data**2 * out.grad

    out._backward = _backward
    return out


# --- names ----------------------------------------------------------------------------------------------


def test_children_are_distinct_and_in_order() -> None:
    a, b = Value(1.0), Value(2.0)
    assert list((b * a)._prev) == [b, a]
    assert len((a * a)._prev) == 1
    assert a in (a * b)._prev
    assert (a * b)._prev == {a, b}
    assert a._prev == set()
    assert list((a * 3.0)._prev)[1].data == 3.0


@pytest.mark.parametrize(
    ("make", "name"),
    [(lambda v: v + v, "+"), (lambda v: v * 2, "*"), (lambda v: v**2, "**2"), (Value.relu, "ReLU"),
    (Value.tanh, "tanh"),
     (Value.exp, "exp"), (lambda v: Value(1.0, (v,), "mine"), "mine"), (lambda v: v, "")],
)  # fmt: skip
def test_op_is_the_name_a_drawing_shows(make: Any, name: str) -> None:
    assert make(Value(1.0))._op == name


def test_every_node_has_a_callable_backward() -> None:
    x = Value(2.0)
    y = x * 3.0
    y.grad = 1.0
    y._backward()
    x._backward()
    assert x.grad == 3.0


# --- ops made by hand -----------------------------------------------------------------------------------


def test_a_handmade_op_takes_part_in_backward() -> None:
    x = Value(2.0)
    loss = (cube(x * 3.0) + x).tanh() * 0.0 + cube(x)
    loss.backward()
    assert x.grad == 12.0
    assert cube(x).op_text == "cube"
    assert cube(x).is_handmade
    assert cube(x).parents == (x,)


def test_children_given_as_a_set_or_list_are_kept_in_order() -> None:
    a, b = Value(1.0), Value(2.0)
    assert Value(3.0, [a, b], "op").parents == (a, b)
    assert Value(3.0, {a}, "op").parents == (a,)
    assert Value(3.0, iter((a, b)), "op").parents == (a, b)


def test_a_leaf_with_an_op_text_is_still_a_leaf() -> None:
    x = Value(2.0, (), "input")
    (x * 3.0).backward()
    assert (x.grad, x._op, x.is_leaf, x.op) == (3.0, "input", True, None)
    assert copy.deepcopy(x * 2.0).parents[0].data == 2.0


def test_a_function_may_be_put_in_the_place_of_a_rule() -> None:
    x = Value(2.0)
    y = x * 5.0

    def straight_through() -> None:
        x.grad += y.grad

    y._backward = straight_through
    (y * 2.0).backward()
    assert x.grad == 2.0
    y.grad = 1.0
    y.backward_step()
    assert x.grad == 3.0


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ValueError, match="function"):
        (Value(1.0) * 2.0)._backward = 5


def test_functional_transforms_run_a_handmade_op_and_put_every_gradient_back() -> None:
    x = Value(2.0)
    x.grad = 7.0
    assert grad(cube)(2.0) == 12.0
    assert jacobian(lambda v: [cube(v), v])(2.0) == [12.0, 1.0]
    assert grad(lambda v: cube(v) * x)(2.0) == 24.0
    assert x.grad == 7.0


REFUSALS = {
    "create_graph": lambda x, out: (out * 2.0).backward(create_graph=True),
    "second derivative": lambda x, out: grad(grad(lambda v: cube(v, "my op")))(2.0),
    "hvp": lambda x, out: hvp(lambda v: cube(v, "my op"), (2.0,), (1.0,)),
    "jvp": lambda x, out: jvp(lambda v: cube(v, "my op"), (2.0,), (1.0,)),
    "deepcopy": lambda x, out: copy.deepcopy(out * 2.0),
    "local gradients": lambda x, out: out.local_gradients(),
    "JSON": lambda x, out: Graph(out * 2.0).to_json(),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_handmade_op_cannot_do_is_refused_by_name(name: str) -> None:
    x = Value(2.0)
    with pytest.raises(GraphError, match=r"cube.*hand-made|my op.*hand-made|my op.*by hand"):
        REFUSALS[name](x, cube(x, "my op"))
    assert (x.grad, x.has_grad) == (0.0, False)


def test_children_that_are_no_values_are_refused() -> None:
    for children in ((1.0,), [Value(1.0), None], "ab"):
        with pytest.raises(ValueTypeError, match="Values"):
            Value(1.0, children, "op")


def test_an_error_in_a_handmade_op_reaches_the_caller_once_and_nothing_is_lost() -> None:
    x = Value(2.0)
    x.grad = 5.0
    calls = []

    def failing() -> None:
        calls.append(1)
        x.grad += 1.0
        raise KeyError("mine")

    out = Value(1.0, (x,), "failing")
    out._backward = failing
    with pytest.raises(KeyError, match="mine"):
        out.backward()
    assert (x.grad, calls) == (5.0, [1])


def test_a_handmade_op_is_called_once_a_pass_though_a_nan_arrives() -> None:
    x, seen = Value(2.0), []
    out = Value(math.nan, (x,), "nan")

    def backward() -> None:
        seen.append(out.grad)
        x.grad += math.nan * out.grad

    out._backward = backward
    out.backward()
    assert math.isnan(x.grad)
    assert len(set(seen)) == 1


# --- the table of differences ---------------------------------------------------------------------------


def rows() -> list[tuple[str, str, str]]:
    found = re.findall(
        r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|", TABLE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(found) > 20
    return found


def outcome(program: str, value: type) -> str:
    """What the last expression of a program gives, or the name of the error it raises."""
    *statements, last = program.split("; ")
    space = {"Value": value, "inf": math.inf}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec("\n".join(statements), space)
            return repr(eval(last, space))
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize(("program", "theirs", "ours"), rows())
def test_row_of_the_table_of_differences(program: str, theirs: str, ours: str) -> None:
    import micrograd.engine

    assert outcome(program, micrograd.engine.Value) == theirs
    assert outcome(program, Value) == ours
    assert theirs != ours
