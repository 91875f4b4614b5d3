"""`ops.dot` reads a side of Values or of floats at once; it is the sum of the products for any operands."""

import copy
import gc
import math
import random
import weakref
from fractions import Fraction

import numpy as np
import pytest

from autograd_lite import Graph, Value, detect_anomaly, gradients, jvp, nn, no_grad, ops, scope
from autograd_lite.engine import trace_source
from autograd_lite.errors import AnomalyError, GraphError
from autograd_lite.nn.calling import without_scopes


class Named(Value):
    """A subclass, which the quick way leaves to the general one."""


def leaf(rng):
    return Value(rng.choice([rng.uniform(-3, 3), 0.0, -0.0, 1e300, 1e-300, math.inf, math.nan]))


def frozen(rng):
    value = leaf(rng)
    value.freeze()
    return value


def handmade(rng):
    value = leaf(rng)
    triple = Value(3 * value.data, (value,), "triple")

    def backward():
        value.grad += 3 * triple.grad

    triple._backward = backward
    return triple


OPERANDS = {
    "leaf": leaf,
    "frozen": frozen,
    "handmade": handmade,
    "inner node": lambda rng: leaf(rng) * 2.0,
    "subclass": lambda rng: Named(rng.uniform(-3, 3)),
    "float": lambda rng: rng.choice([rng.uniform(-3, 3), 0.0, -0.0, math.inf]),
    "int": lambda rng: rng.randint(-3, 3),
    "bool": lambda rng: rng.random() < 0.5,
    "NumPy's float": lambda rng: np.float64(rng.uniform(-3, 3)),
    "NumPy's int": lambda rng: np.int32(rng.randint(-3, 3)),
    "array without axes": lambda rng: np.array(rng.uniform(-3, 3)),
    "fraction": lambda rng: Fraction(rng.randint(-3, 3), 7),
}


def operands(rng, count):
    """Of one kind or of several; an operand may come twice."""
    kinds = rng.sample(sorted(OPERANDS), rng.choice([1, 1, 2, 4]))
    drawn = [OPERANDS[rng.choice(kinds)](rng) for _ in range(count)]
    return [rng.choice(drawn) for _ in range(count)] if rng.random() < 0.3 else drawn


def one_by_one(left, right):
    """The sum of the products, of numbers as floats."""
    plain = [[x if isinstance(x, Value) else float(x) for x in side] for side in (left, right)]
    return ops.sum([a * b for a, b in zip(*plain, strict=True)])


def same(a, b, tolerance=0.0):
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return math.isclose(a, b, rel_tol=tolerance) and math.copysign(1.0, a) == math.copysign(1.0, b)


def leaves_of(*sides):
    """What the operands are made of, each once."""
    values = [operand for side in sides for operand in side if isinstance(operand, Value)]
    found = [each for value in values for each in (value.parents or (value,)) if not each.is_constant]
    return list({id(each): each for each in found}.values())


@pytest.mark.parametrize("seed", range(20))
def test_every_mixture_is_the_sum_of_the_products(seed):
    rng = random.Random(seed)
    for _ in range(40):
        count = rng.randint(1, 5)
        left, right = operands(rng, count), operands(rng, count)
        if rng.random() < 0.1:
            right = left
        leaves = leaves_of(left, right)
        if not leaves:
            assert same(ops.dot(left, right), one_by_one(left, right))
            continue
        found = []
        for way in (ops.dot, one_by_one):
            result = way(left, right)
            for each in leaves:
                each.zero_grad()
            result.backward()
            found.append((result.data, [each.grad for each in leaves]))
        (value, slopes), (expected, slopes_expected) = found
        assert same(value, expected)
        # an operand that comes several times gathers its parts in another order
        assert all(same(a, b, 1e-12) or a == b for a, b in zip(slopes, slopes_expected, strict=True))


@pytest.mark.parametrize("seed", range(10))
def test_higher_derivatives_and_forward_mode(seed):
    rng = random.Random(seed)
    count = rng.randint(1, 4)
    numbers, direction = ([rng.uniform(-1, 1) for _ in range(count)] for _ in range(2))
    left = [Value(number) for number in numbers]
    right = rng.choice([left, [rng.uniform(-1, 1) for _ in left], [Value(0.5), *[2.0] * (count - 1)]])
    for way in (ops.dot, one_by_one):
        first = gradients(way(left, right).tanh(), left, create_graph=True)
        second = gradients(ops.sum(list(first)), left)
        pushed = jvp(lambda values, way=way: way(values, right).tanh(), [numbers], [direction])
        if way is ops.dot:
            kept = second, pushed
    assert kept[0] == pytest.approx(second, rel=1e-11, abs=1e-13)
    assert kept[1] == pytest.approx(pushed, rel=1e-11, abs=1e-13)


def test_modes_see_it():
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    with no_grad():
        assert ops.dot([x, y], [1.0, 2.0]).is_leaf
    with scope("inner"):
        assert ops.dot([x, y], [x, y]).scope == "inner"
    with trace_source():
        assert ops.dot([x, y], [1.0, 2.0]).source.startswith("test_dot_operands.py:")
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"dot\(x = 1, y = 2, inf, -inf\) gave nan"):
        ops.dot([x, y], [math.inf, -math.inf])


def test_hooks_copies_and_files():
    x, y = Value(1.0), Value(2.0)
    seen = []
    x.register_hook(seen.append)
    product = ops.dot([x, y, x], [3.0, y, x])
    product.register_hook(lambda gradient: 10.0 * gradient)
    product.backward()
    assert (seen, y.grad) == ([50.0], 40.0)
    assert copy.deepcopy(product).data == product.data == 8.0
    assert Graph.from_json(Graph(product).to_json()).to_json() == Graph(product).to_json()


def test_later_changes_of_the_data_do_no_harm():
    x, y = Value(1.0), Value(2.0)
    product = ops.dot([x, y], [y, 3.0])
    x.data = 100.0
    product.data = -1.0
    product.backward()
    assert (x.grad, y.grad) == (2.0, 4.0)
    with pytest.raises(GraphError, match="is 100"):
        product.backward(create_graph=True)


def test_it_dies_with_its_last_handle():
    gc.disable()
    try:
        product = ops.dot([Value(1.0), Value(2.0)], [1.0, 2.0])
        product.backward()
        seen = weakref.ref(product)
        del product
        assert seen() is None
    finally:
        gc.enable()


MODELS = {
    "MLP": lambda seed: nn.MLP(3, [4, 2], activation="tanh", seed=seed),
    "one neuron": lambda seed: nn.Neuron(3, seed=seed),
    "dropout first": lambda seed: nn.Sequential(nn.Dropout(0.3), nn.Linear(3, 2), seed=seed),
    "norms": lambda seed: nn.Sequential(
        nn.BatchNorm(3), nn.Residual(nn.Linear(3, 3)), nn.RMSNorm(3), "gelu", nn.Linear(3, 1), seed=seed),
}


@pytest.mark.parametrize("frozen_too", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_computes_the_same_where_plain_numbers_stay_numbers(name, frozen_too):
    rng = random.Random(1)
    for seed in range(5):
        model, given = MODELS[name](seed), Value(0.25)
        if frozen_too:
            model.parameters()[0].freeze()
        rows = [[rng.choice([rng.uniform(-2, 2), 0.0, 1.0, given]) for _ in range(3)] for _ in range(3)]

        def run(model=model, rows=rows, given=given):
            twin = copy.deepcopy(model)
            answers = [[row] if isinstance(row, Value) else row for row in twin.batch(rows)]
            outputs = [output for row in answers for output in row]
            given.zero_grad()
            ops.dot(outputs, outputs).backward()
            return [output.data for output in outputs], [each.grad for each in (*twin.parameters(), given)]

        assert without_scopes(run) == run()
