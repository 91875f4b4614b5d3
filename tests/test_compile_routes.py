"""Calls like one that was answered before take a shorter way, and get the same answers as the first."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, compile, nn, value_and_grad
from autograd_lite.compiling.choosing import EXECUTORS

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
EVERY = sorted(EXECUTORS)

NUMBERS = [[0.5, -1.25, 2.0], [0.25, 1.5, -0.75]]


def total(w: Any, x: Any, shift: Any) -> Any:
    """Every number counts otherwise."""
    flat = [number for row in w for number in (row if hasattr(row, "__len__") else [row])]
    terms = [(k + 1.0) * (number * x[k % 3]).tanh() for k, number in enumerate(flat)]
    return sum(terms[1:], terms[0]) * shift


def fortran(numbers: Any) -> Any:
    return np.asfortranarray(np.array(numbers))


def strided(numbers: Any) -> Any:
    return np.repeat(np.array(numbers), 2, axis=-1)[..., ::2]


def swapped(numbers: Any) -> Any:
    return np.array(numbers).astype(">f8")


def single(numbers: Any) -> Any:
    return np.array(numbers, dtype=np.float32)


def read_only(numbers: Any) -> Any:
    array = np.array(numbers)
    array.flags.writeable = False
    return array


KINDS: list[Callable[[Any], Any]] = [np.array, fortran, strided, swapped, single, read_only, copy.deepcopy]


@pytest.mark.parametrize("executor", EVERY)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("shift", [1.5, np.float64(1.5), 2, np.array(0.5)], ids=repr)
def test_later_calls_are_answered_as_the_first(executor: str, kind: Any, shift: Any) -> None:
    f = compile(total, executor=executor)
    for scale in (1.0, -0.5, 3.0):
        rows = [[scale * number for number in row] for row in NUMBERS]
        w, x = kind(rows), kind([number + scale for number in NUMBERS[0]])
        every = np.array(rows), np.array(x, dtype=float), float(shift)
        right, slopes = value_and_grad(total, (0, 1, 2))(*every)
        for wrt in (0, 1, 2, (0, 2), (2, 1), None):
            value, found = f.value_and_grad(w, x, shift, wrt=wrt)
            assert value == pytest.approx(right, rel=1e-12)
            places = (0, 1, 2) if wrt is None else wrt if isinstance(wrt, tuple) else (wrt,)
            several = found if isinstance(wrt, tuple) or wrt is None else (found,)
            for own, place in zip(several, places, strict=True):
                np.testing.assert_allclose(np.array(own), np.array(slopes[place]), rtol=1e-12)
    assert type(f.value_and_grad(w, x, shift, wrt=0)[1]) is type(w)
    assert len(f.traces) == 1


@pytest.mark.parametrize("executor", EVERY)
def test_a_result_stays_as_it_is(executor: str) -> None:
    f = compile(total, executor=executor)
    found = [f.value_and_grad(np.array(NUMBERS) + k, np.ones(3), 1.0, wrt=(0, 1))[1] for k in range(4)]
    before = copy.deepcopy(found)
    f.value_and_grad(np.array(NUMBERS) * 9.0, np.ones(3), 1.0, wrt=(0, 1))
    found[0][0][:] = 7.0
    for kept, (w, x) in list(zip(before, found, strict=True))[1:]:
        np.testing.assert_array_equal(kept[0], w)
        np.testing.assert_array_equal(kept[1], x)


@pytest.mark.parametrize("executor", EVERY)
def test_parameters_are_read_afresh_beside_arguments(executor: str) -> None:
    a, b = Value(2.0), Value(-1.0)
    f = compile(lambda x: (x[0] * a + x[1] * b).tanh(), executor=executor)
    for number in (2.0, 0.25, -3.0):
        a.data = number
        value, found = f.value_and_grad([0.5, 0.75], wrt=[a, b])
        right, slopes = value_and_grad(lambda p, q: (0.5 * p + 0.75 * q).tanh(), (0, 1))(number, -1.0)
        assert (value, *found) == pytest.approx((right, *slopes), rel=1e-14)
    assert f.value_and_grad([0.5, 0.75], wrt=a)[1] == pytest.approx(slopes[0], rel=1e-14)


@pytest.mark.parametrize("executor", EVERY)
def test_what_misses_a_guard_goes_another_way(executor: str) -> None:
    f = compile(lambda x: x[0] * x[1] if x[0] > 0 else -x[1] * 3.0, executor=executor)
    for k in range(30):
        x = [(-1.0) ** (k // 2), float(k)]
        expected = (x[1], [x[1], 1.0]) if x[0] > 0 else (-3.0 * x[1], [0.0, -3.0])
        assert f.value_and_grad(x) == expected
    assert len(f.traces) == 2


@pytest.mark.parametrize("executor", EVERY)
def test_the_rule_for_zero_holds_on_the_short_way(executor: str) -> None:
    f = compile(lambda x: (x[0] * x[0]).sqrt() * x[1], executor=executor)
    assert [f.value_and_grad([x, 2.0]) for x in (1.0, 0.0, 4.0)] == [
        (2.0, [2.0, 1.0]), (0.0, [0.0, 0.0]), (8.0, [2.0, 4.0]),
    ]  # fmt: skip


@pytest.mark.parametrize("executor", EVERY)
def test_a_list_with_whole_numbers_or_words_is_looked_at_closely(executor: str) -> None:
    f = compile(lambda x: x[0] * x[1] if len(x) == 2 else x[0], executor=executor)
    calls = [[2.0, 3.0], [2, 3], [2.0, 3], [2.0, 3.0], [True, 3.0], [5.0, 2.0, 1.0], [2.0, 3.0]]
    assert [f.value_and_grad(x)[0] for x in calls] == [6.0, 6.0, 6.0, 6.0, 3.0, 5.0, 6.0]


class Same(nn.Module):
    """Gives its parameters in an order of its own."""

    def __init__(self) -> None:
        self.a, self.b = Value(2.0), Value(3.0)
        self.turned = False

    def parameters(self) -> list[Value]:
        return [self.b, self.a] if self.turned else [self.a, self.b]


def changes() -> dict[str, Any]:
    def weight(model: nn.MLP) -> None:
        model.layers[0].neurons[0].w[0] = Value(0.25)

    def bias(model: nn.MLP) -> None:
        model.layers[0].neurons[1].b = Value(0.5)

    def layer(model: nn.MLP) -> None:
        model.layers.append(nn.Layer(1, 1, seed=1))

    def shorter(model: nn.MLP) -> None:
        model.layers[0].neurons.pop()

    return {each.__name__: each for each in (weight, bias, layer, shorter)}


@pytest.mark.parametrize("change", changes().values(), ids=changes())
def test_a_model_that_was_changed_is_seen(change: Any) -> None:
    model = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    f = compile(lambda x: model(x), executor="llvm")
    old = dict(zip(model.parameters(), f.value_and_grad([0.5, -1.0], wrt=model)[1], strict=True))
    for _ in range(3):
        assert f.value_and_grad([0.5, -1.0], wrt=model)[1] == list(old.values())
    change(model)
    for _ in range(3):  # what it uses was recorded; by a new parameter there is no slope
        expected = [old.get(parameter, 0.0) for parameter in model.parameters()]
        assert f.value_and_grad([0.5, -1.0], wrt=model)[1] == expected


def test_a_model_with_its_own_way_to_give_parameters() -> None:
    model = Same()
    f = compile(lambda x: x * model.a + model.b * 5.0, executor="llvm")
    for turned in (False, False, True, True, False):
        model.turned = turned
        assert f.value_and_grad(7.0, wrt=model)[1] == ([5.0, 7.0] if turned else [7.0, 5.0])


def test_threads_do_not_meet() -> None:
    wrong: list[Any] = []
    compiled = [compile(total, executor=executor) for executor in ("llvm", "interpreter")]

    def work(k: int) -> None:
        w, x = np.array(NUMBERS) * (k + 1), np.ones(3)
        expected = value_and_grad(total, 0)(w, x, 1.0)[1]
        for f in compiled * 50:
            if not np.allclose(f.value_and_grad(w, x, 1.0, wrt=0)[1], expected, rtol=1e-12, atol=0.0):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
