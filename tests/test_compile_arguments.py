"""The arguments and the result of a traced function: their structures, names and keys."""

from __future__ import annotations

import enum
import gc
import math
from collections import namedtuple
from typing import Any

import pytest
from replays import traced

from autograd_lite import Value
from autograd_lite.compiling.arguments import flatten_call, parameter_names, static_names
from autograd_lite.errors import ArgumentError, ValueTypeError

NAN, INF = math.nan, math.inf


def test_structures_come_back_as_they_were_returned() -> None:
    Point = namedtuple("Point", "x y")
    w = Value(4.0)

    def f(p: Any, data: Any) -> Any:
        assert type(p) is Point
        return {
            "sum": p.x + data["a"][0],
            "rest": (p.y, [w, Value(1.5), 2.0, None, "name"]),
            "p": Point(p.x, 1),
        }

    recorded = traced(f, Point(1.0, 2.0), {"a": [3.0], "b": "text"})
    assert recorded.result == {
        "sum": 4.0, "rest": (2.0, [4.0, 1.5, 2.0, None, "name"]), "p": Point(1.0, 1),
    }  # fmt: skip
    assert type(recorded.result["p"]) is Point
    assert recorded.tape.names[:3] == ("x0[0]", "x0[1]", "x1['a'][0]")


class Colour(enum.Enum):
    RED = 1


def test_calls_of_one_structure_share_a_key() -> None:
    def key(*args: Any, static: Any = (), **kwargs: Any) -> Any:
        return flatten_call(args, kwargs, static).key

    assert key(1.0, [2, Value(3.0)]) == key(True + 1, [5.0, 6.0])
    alike = [(1.0,), ([1.0],), ((1.0,),), ([1.0, 2.0],), ({"a": 1.0},), ({"b": 1.0},), (None,), ("a",),
             ("b",), (True,), (False,), (1.0, 2.0), (Colour.RED,), (len,), (sum,), (b"a",),
             (range(3),), ([],), ({},), ([1.0, "a"],), ([1.0, "b"],), ([[1.0], 2.0],)]  # fmt: skip
    keys = [key(*args) for args in alike]
    assert len(set(keys)) == len(alike)
    assert keys == [key(*args) for args in alike]
    assert key(x=1.0) == key(x=2.0) != key(y=1.0)
    assert key(3, static={0}) == key(3, static={0}) != key(4, static={0})


def test_arrays_and_their_shapes() -> None:
    np = pytest.importorskip("numpy")
    call = flatten_call((np.arange(6).reshape(2, 3), np.float32(0.5), np.array([True, False])))
    assert call.numbers == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.5]
    (matrix, number, mask), _ = call.rebuilt([float(k) for k in range(10, 17)])
    assert matrix.tolist() == [[10.0, 11.0, 12.0], [13.0, 14.0, 15.0]]
    assert (number, mask.tolist()) == (16.0, [True, False])
    assert call.names == ("x0[0, 0]", "x0[0, 1]", "x0[0, 2]", "x0[1, 0]", "x0[1, 1]", "x0[1, 2]", "x1")
    assert flatten_call((np.zeros((2, 3)),)).key != flatten_call((np.zeros((3, 2)),)).key
    with pytest.raises(ValueTypeError, match="holds <U1"):
        flatten_call((np.array(["a"]),))


def test_values_among_the_arguments_are_told() -> None:
    x = Value(2.0)
    call = flatten_call((1.0, [x, 3.0], x * 2.0), {"w": Value(5.0)})
    assert call.numbers == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert call.values == [1, 3, 4]
    assert call.positions == {0: slice(0, 1), 1: slice(1, 3), 2: slice(3, 4), "w": slice(4, 5)}


class Model:
    """Anything with parameters."""

    training = True

    def __init__(self) -> None:
        self.w = Value(2.0, label="w")

    def parameters(self) -> list[Value]:
        return [self.w]


def test_a_model_is_passed_on_and_is_its_own_key() -> None:
    model, other = Model(), Model()
    recorded = traced(lambda m, x: m.w * x, model, 3.0)
    assert recorded.tape.parameters == (model.w,)
    key = flatten_call((model, 3.0)).key
    assert key == flatten_call((model, 4.0)).key != flatten_call((other, 3.0)).key
    model.training = False
    assert key != flatten_call((model, 3.0)).key
    model.training = True
    del model
    gc.collect()
    assert key != flatten_call((Model(), 3.0)).key


def test_static_arguments_by_name_and_position() -> None:
    def f(x: Any, sizes: Any, *, mode: str = "") -> Any:
        return x

    assert parameter_names(f) == ("x", "sizes")
    assert static_names(f, "sizes") == {1, "sizes"}
    assert static_names(f, (-1, "mode")) == {1, "sizes", "mode"}
    call = flatten_call((1.0, (2, 3)), {"mode": "a"}, static_names(f, ("sizes",)), parameter_names(f))
    assert (call.numbers, call.names) == ([1.0], ("x",))
    assert call.rebuilt([7.0]) == ((7.0, (2, 3)), {"mode": "a"})
    with pytest.raises(ArgumentError, match="did you mean 'sizes'"):
        static_names(f, "size")
    with pytest.raises(ArgumentError, match="names or positions"):
        static_names(f, (1.5,))
    with pytest.raises(ArgumentError, match="names or positions"):
        static_names(f, 1.5)


@pytest.mark.parametrize(
    ("argument", "told"),
    [({1.0, 2.0}, "holds a set"), (1j, "complex"), (object(), "holds a object"),
     ([1.0, {2.0}], "holds a set"), (10**400, "does not fit")],
)  # fmt: skip
def test_arguments_that_cannot_be_taken(argument: Any, told: str) -> None:
    with pytest.raises((ArgumentError, ValueTypeError), match=told):
        flatten_call((argument,))


def test_a_static_argument_must_be_comparable() -> None:
    with pytest.raises(ArgumentError, match=r"'sizes' cannot be compared.*not hashable"):
        flatten_call((1.0, [2, 3]), {}, {1}, ("x", "sizes"))
