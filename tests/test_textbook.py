"""The five textbook programs of notebook 5: every number in its tables, computed in another way.

By mpmath in 40 digits, by closed forms, by NumPy by hand, and by PyTorch. The notebook itself is executed by
test_notebooks.py.
"""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest

from autograd_lite import Value, nn, no_grad, ops, topological_order

ROOT = Path(__file__).parent.parent
mpmath = mpmath.mp.clone()  # a context of our own
mpmath.dps = 40

Array = Any


@cache
def outputs() -> list[tuple[str, str]]:
    """The cells of the notebook: source, and what they show as text."""
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra `test`)")
    notebook = nbformat.read(ROOT / "notebooks" / "05_textbook_backprop.ipynb", as_version=4)
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            texts = [o.get("text") or o.get("data", {}).get("text/markdown", "") for o in cell.outputs]
            cells.append((cell.source, "".join(texts)))
    return cells


def printed(by: str) -> str:
    """What that cell printed whose source holds the text `by`."""
    found = [text for source, text in outputs() if by in source]
    assert len(found) == 1, f"{len(found)} cells hold {by!r}"
    return found[0]


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+(?:e[-+]\d+)?", text)]


def line_with(start: str, text: str) -> list[float]:
    (found,) = [line for line in text.splitlines() if line.startswith(start)]
    return numbers(found.removeprefix(start))


def rounded_alike(shown: list[float], exact: list[Any], digits: int) -> None:
    """`shown` is `exact` rounded to so many decimals."""
    assert len(shown) == len(exact)
    for one, other in zip(shown, exact, strict=True):
        assert abs(one - float(other)) <= 0.5001 * 10.0**-digits


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """benchmarks/textbook.py, whose NumPy versions count the starts."""
    spec = importlib.util.spec_from_file_location("textbook_benchmark", ROOT / "benchmarks" / "textbook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sigma(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


def slope(z: Any) -> Any:
    return sigma(z) * (1 - sigma(z))


# 1. a line


def line_after(w: float, b: float, steps: int) -> tuple[Any, Any, Any]:
    """Slope, offset and loss after gradient descent at 0.01, by the thousandth power of a matrix."""
    step = mpmath.eye(2) - mpmath.mpf("0.01") * mpmath.matrix([[22, 6], [6, 2]])
    slope_error, offset = step**steps * mpmath.matrix([mpmath.mpf(w) - 1, mpmath.mpf(b)])
    loss = sum((slope_error * x + offset) ** 2 for x in range(1, 6)) / 5
    return slope_error + 1, offset, loss


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_line_is_where_the_closed_form_has_it(seed: int) -> None:
    line = nn.Neuron(1, nonlin=False, seed=seed)
    start = [parameter.data for parameter in line.parameters()]
    x = np.array([1, 2, 3, 4, 5])
    nn.fit(line, x, x, loss="mse", optimizer="sgd", lr=0.01, epochs=1000, progress=False)
    w, b, loss = line_after(*start, 1000)
    assert line.w[0].data == pytest.approx(float(w), rel=1e-12)
    assert line.b.data == pytest.approx(float(b), rel=1e-11)
    assert nn.mse([line(number) for number in x], x).data == pytest.approx(float(loss), rel=1e-10)


def test_the_line_in_the_notebook() -> None:
    line = nn.Neuron(1, nonlin=False, seed=0)
    exact = line_after(line.w[0].data, line.b.data, 1000)
    for by in ('optimizer="sgd", lr=0.01, epochs=1000', "closed_form ="):
        w, b, loss = numbers(printed(by).splitlines()[0])
        rounded_alike([w, b], list(exact[:2]), 6)
        assert loss == pytest.approx(float(exact[2]), rel=1e-3)
    curvatures = numbers(printed("closed_form =").splitlines()[1])
    rounded_alike(curvatures, [12 - mpmath.sqrt(136), 12 + mpmath.sqrt(136)], 4)
    table, judge = line_with("gradient of w:", printed("the table's"))
    w, b, _ = exact
    rounded_alike([table], [sum(2 * (w * x + b - y) * x for x in range(1, 6) for y in range(1, 6)) / 25], 4)
    rounded_alike([judge], [sum(2 * (w * x + b - x) * x for x in range(1, 6)) / 5], 4)


def test_an_integer_cannot_be_nudged() -> None:
    integers, floats = printed("loss_at").splitlines()
    assert integers == "int64: w moved to 0, slope 0.000000"
    assert floats == "float64: w moved to 1e-05, slope -22.000000"


@pytest.mark.oracle
def test_what_pytorch_says_to_integers_and_to_shapes_that_spread() -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    x = np.array([1, 2, 3, 4, 5])
    model = torch.nn.Linear(1, 1)
    with pytest.raises(TypeError, match=r"linear\(\): argument 'input' \(position 1\) must be Tensor"):
        model(x)
    column = torch.from_numpy(x).reshape(5, 1)
    with pytest.raises(RuntimeError, match="mat1 and mat2 must have the same dtype, but got Long and Float"):
        model(column)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spread = torch.nn.functional.mse_loss(model(column.float()), torch.from_numpy(x).float())
    assert "broadcasting" in str(caught[0].message)
    outputs_ = model(column.float()).detach().numpy()
    assert spread.item() == pytest.approx(((outputs_ - x) ** 2).mean(), rel=1e-5)  # a mean of 25, not of 5


@pytest.mark.oracle
def test_the_line_is_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch (extra `oracle`)")
    line = nn.Neuron(1, nonlin=False, seed=0)
    model = torch.nn.Linear(1, 1, dtype=torch.float64)
    with torch.no_grad():
        model.weight.fill_(line.w[0].data)
        model.bias.fill_(line.b.data)
    x = torch.arange(1.0, 6.0, dtype=torch.float64).reshape(5, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(1000):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), x).backward()
        optimizer.step()
    five = [1, 2, 3, 4, 5]
    nn.fit(line, five, five, optimizer="sgd", lr=0.01, epochs=1000, progress=False)
    assert line.w[0].data == pytest.approx(model.weight.item(), rel=1e-12)
    assert line.b.data == pytest.approx(model.bias.item(), rel=1e-11)


# 2. XOR without biases


def unbiased(W: Array, v: Array, *, hidden: str = "sigmoid") -> nn.Sequential:
    model = nn.Sequential(nn.Linear(2, 3, bias=False), hidden, nn.Linear(3, 1, bias=False))
    for parameter, number in zip(model.parameters(), [*W.T.ravel(), *v.ravel()], strict=True):
        parameter.data = float(number)
    return model


def delta_gradients(W: Array, v: Array, x: list[int], delta: Callable[[Any], Any]) -> list[Any]:
    """All nine gradients of one sample in 40 digits; `delta(z)` is ∂loss/∂z before the last sigmoid."""
    W, v = [[mpmath.mpf(w) for w in row] for row in W], [mpmath.mpf(row[0]) for row in v]
    sums = [x[0] * W[0][j] + x[1] * W[1][j] for j in range(3)]
    last = delta(sum(v[j] * sigma(sums[j]) for j in range(3)))
    below = [last * v[j] * slope(sums[j]) for j in range(3)]
    return [below[j] * x[i] for j in range(3) for i in range(2)] + [last * sigma(z) for z in sums]


def test_output_minus_target_is_the_delta_of_the_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    W, v = rng.normal(size=(2, 3)), rng.normal(size=(3, 1))
    entropy = delta_gradients(W, v, [1, 1], sigma)  # y − t with t = 0
    squared = delta_gradients(W, v, [1, 1], lambda z: sigma(z) * slope(z))
    for by_engine, exact in (
        (lambda z: nn.bce(z.sigmoid(), 0.0), entropy),
        (lambda z: nn.bce_with_logits(z, 0.0), entropy),
        (lambda z: 0.5 * z.sigmoid() ** 2, squared),
    ):
        model = unbiased(W, v)
        by_engine(model([1.0, 1.0])[0]).backward()
        gradients = [parameter.grad for parameter in model.parameters()]
        assert gradients == pytest.approx([float(number) for number in exact], rel=1e-13)
    table = printed("judge: ½(y−t)²").splitlines()
    for line, one, other in zip(table[1:10], entropy, squared, strict=True):
        book, judge_squared, ratio, judge_entropy, engine = numbers(line)
        rounded_alike([book, judge_squared, judge_entropy, engine], [one, other, one, one], 6)
        rounded_alike([ratio], [other / one], 4)


def test_the_textbooks_backward_does_not_see_what_forward_computed() -> None:
    assert printed("class TextbookNet") == "NameError: name 'hidden' is not defined\n"


def test_numpys_descent_without_biases_is_the_engines(bench: ModuleType) -> None:
    for inputs in (bench.CORNERS, 2 * bench.CORNERS - 1):
        first = bench.starts(3, (2, 3), (3, 1))
        W, v = bench.descend_unbiased(*first, inputs, steps=300)
        for seed in range(3):
            model = unbiased(first[0][seed], first[1][seed])
            how: dict[str, Any] = {"loss": "bce_with_logits", "optimizer": "sgd", "lr": 0.4}
            nn.fit(model, inputs, bench.XOR, epochs=300, progress=False, **how)
            by_engine = [parameter.data for parameter in model.parameters()]
            assert by_engine == pytest.approx([*W[seed].T.ravel(), *v[seed].ravel()], rel=1e-11, abs=1e-13)


def test_how_many_starts_solve_xor_without_biases(bench: ModuleType) -> None:
    first = bench.starts(60, (2, 3), (3, 1))
    W, v = bench.descend_unbiased(*first, bench.CORNERS)
    assert 30 < bench.solved(bench.sigmoid(bench.sigmoid(bench.CORNERS @ W) @ v)) < 50
    plus_minus = 2 * bench.CORNERS - 1
    W, v = bench.descend_unbiased(*first, plus_minus, steps=2000)
    assert bench.solved(bench.sigmoid(bench.sigmoid(plus_minus @ W) @ v)) == 0
    assert printed("def solved") == (
        "inputs 0 and 1:  141 of 200 solved\ninputs −1 and 1: 0 of 200 solved\n"
    )


def test_with_inputs_of_one_sign_or_the_other_opposite_corners_add_up_to_the_same() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        W, v = 3 * rng.normal(size=(2, 3)), 3 * rng.normal(size=(3, 1))
        model = unbiased(W, v)
        with no_grad():
            z = {(a, b): model([a, b])[0].data for a in (-1, 1) for b in (-1, 1)}
        assert z[-1, -1] + z[1, 1] == pytest.approx(v.sum(), abs=1e-12)
        assert z[-1, 1] + z[1, -1] == pytest.approx(v.sum(), abs=1e-12)
        # and so the mean cross-entropy is at least ln 2, by convexity
        losses = [np.logaddexp(0, z[a, b]) - (a != b) * z[a, b] for a, b in z]
        assert np.mean(losses) >= np.log(2) - 1e-12


def test_the_weights_found_by_hand_solve_xor() -> None:
    text = printed("found = unbiased").splitlines()
    for line, (a, b), wanted in zip(text, [(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 0], strict=True):
        t = a + b
        z = 40 * sigma(mpmath.mpf(10) * t) - 40 * sigma(mpmath.mpf(t)) - 16 * sigma(mpmath.mpf(0))
        assert (z > 0) == (wanted == 1)
        assert abs(sigma(10 * z) - wanted) < 1e-11  # as the text says
        rounded_alike(numbers(line.partition("z =")[2]), [round(float(z), 2), sigma(z)], 3)


# 3. XOR with biases


def test_the_layer_formulas_are_the_engines() -> None:
    rng = np.random.default_rng(4)
    W1, W2 = rng.normal(size=(2, 2)), rng.normal(size=(1, 2))
    exact = [[mpmath.mpf(w) for w in row] for row in W1]
    sums = [row[0] + row[1] for row in exact]  # the sample (1, 1)
    z3 = sum(mpmath.mpf(w) * sigma(z) for w, z in zip(W2[0], sums, strict=True))
    last = sigma(z3) * slope(z3)  # (y − t)·σ′(z) with t = 0
    deltas = [last, *(last * mpmath.mpf(w) * slope(z) for w, z in zip(W2[0], sums, strict=True))]

    nodes = [ops.dot([Value(w) for w in row], [1.0, 1.0]) for row in W1]
    out = ops.dot([Value(w) for w in W2[0]], [node.sigmoid() for node in nodes])
    (0.5 * (out.sigmoid() - 0.0) ** 2).backward()
    assert [out.grad, *(node.grad for node in nodes)] == pytest.approx([*map(float, deltas)], rel=1e-13)
    for line, delta in zip(printed("delta2[last, 0]").splitlines()[1:], deltas, strict=True):
        rounded_alike(numbers(line), [delta, delta], 8)


def test_the_transposed_matrix_does_not_fit_or_gives_other_gradients() -> None:
    assert "shapes (4,1) and (2,1) not aligned" in printed("np.dot(delta2, W2.T)")
    for line in printed("transposed = X.T").splitlines()[1:]:
        wrong, right, judge, engine = numbers(line)
        assert right == judge == engine
        assert abs(wrong - right) > 0.01
        assert "✗" in line


def test_numpys_descent_with_biases_is_the_engines(bench: ModuleType) -> None:
    first = bench.starts(2, (2, 2), (1, 2))
    W1, b1, W2, b2 = bench.descend_biased(*first, bench.CORNERS, steps=300)
    for seed in range(2):
        model = nn.Sequential(nn.Linear(2, 2), "sigmoid", nn.Linear(2, 1), "sigmoid")
        numbers_ = [*first[0][seed].ravel(), 0.0, 0.0, *first[1][seed].ravel(), 0.0]
        for parameter, number in zip(model.parameters(), numbers_, strict=True):
            parameter.data = float(number)
        nn.fit(model, bench.CORNERS, bench.XOR, optimizer="sgd", lr=0.2, epochs=300, progress=False)
        wanted = [*W1[seed].ravel(), *b1[seed].ravel(), *W2[seed].ravel(), *b2[seed].ravel()]
        by_engine = [parameter.data for parameter in model.parameters()]
        assert by_engine == pytest.approx(wanted, rel=1e-11, abs=1e-13)


# 4. the worked example


def worked_example(factor: Callable[[Any], Any] = slope) -> dict[str, Any]:
    """Every number of the example in 40 digits; `factor(z)` is what stands in δ where σ′(z) belongs."""
    tenth = mpmath.mpf(1) / 10
    z = tenth * 1 + 2 * tenth * 2 + 3 * tenth
    h = sigma(z)
    z3 = 4 * tenth * h + 5 * tenth * h + 6 * tenth
    y = sigma(z3)
    d3 = (y - 5 * tenth) * factor(z3)
    d1, d2 = d3 * 4 * tenth * factor(z), d3 * 5 * tenth * factor(z)
    return {
        "z1": z, "z2": z, "h1": h, "h2": h, "z3": z3, "y": y, "loss": (y - 5 * tenth) ** 2 / 2,
        "∂z3": d3, "∂v1": d3 * h, "∂v2": d3 * h, "∂b3": d3, "∂z1": d1, "∂w11": d1, "∂w12": 2 * d1, "∂b1": d1,
        "∂w21": d2, "∂w22": 2 * d2, "∂b2": d2,
    }  # fmt: skip


def test_the_table_of_the_worked_example() -> None:
    h, y, target = sigma(mpmath.mpf("0.7")), mpmath.mpf("0.87"), mpmath.mpf("0.5")
    d3 = (y - target) * y
    d1 = d3 * mpmath.mpf("0.4") * h
    book = {
        "z1": 0.7, "z2": 0.7, "h1": h, "h2": h, "z3": 1.26, "y": 0.87, "loss": (y - target) ** 2 / 2,
        "∂z3": d3, "∂v1": d3 * h, "∂b3": d3, "∂z1": d1, "∂w11": d1, "∂w12": 2 * d1, "∂b1": d1,
    }  # fmt: skip
    rows = [line.split("|")[1:-1] for line in printed("table = [").splitlines()[2:]]
    assert [row[0].strip() for row in rows] == list(book)
    right = worked_example()
    for name, _, by_book, by_engine, why in rows:
        assert "✗" in by_book
        assert why.strip()
        rounded_alike(numbers(by_book), [book[name.strip()]], 4)
        rounded_alike(numbers(by_engine), [right[name.strip()]], 4)
    bold = [row[0].strip() for row in rows if "**" in row[2]]
    assert bold == ["z1", "z3", "y"]  # the numbers that the book itself prints


def test_where_the_books_numbers_may_come_from() -> None:
    h = sigma(mpmath.mpf("0.7"))
    results = [line.partition(" = ")[2] for line in printed("inputs swapped").splitlines()]
    swapped, z3, y, logit = (numbers(result)[0] for result in results)
    assert swapped == 0.7
    rounded_alike([z3, y], [mpmath.mpf("0.9") * h + mpmath.mpf("0.6"), sigma(mpmath.mpf("1.26"))], 4)
    rounded_alike([logit], [mpmath.log(mpmath.mpf("0.87") / mpmath.mpf("0.13"))], 4)


def test_sigma_in_place_of_its_slope() -> None:
    wrong, right = worked_example(sigma), worked_example()
    for line in printed("with_sigma, with_slope").splitlines()[1:]:
        name = "∂" + line.split()[0]
        by_book, *others, times = numbers(line)
        rounded_alike([by_book], [wrong[name]], 6)
        rounded_alike(others, [right[name]] * 3, 6)
        rounded_alike([times], [wrong[name] / right[name]], 1)


def test_the_worked_example_by_the_engine() -> None:
    names = ["w11", "w12", "b1", "w21", "w22", "b2", "v1", "v2", "b3"]
    v = {name: Value(n) for name, n in zip(names, [0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], strict=True)}
    h1 = (v["w11"] * 1 + v["w12"] * 2 + v["b1"]).sigmoid()
    h2 = (v["w21"] * 1 + v["w22"] * 2 + v["b2"]).sigmoid()
    loss = 0.5 * ((v["v1"] * h1 + v["v2"] * h2 + v["b3"]).sigmoid() - 0.5) ** 2
    loss.backward()
    right = worked_example()
    for name, value in v.items():
        assert value.grad == pytest.approx(float(right["∂" + name]), rel=1e-13)


def test_numpys_adam_on_the_line_is_the_engines(bench: ModuleType) -> None:
    first = bench.line_starts(4)
    last = bench.adam_on_line(first, 300)
    for seed in range(4):
        model = nn.Sequential(nn.Linear(1, 2), "relu", nn.Linear(2, 1), seed=seed)
        nn.fit(model, [1, 2, 3], [0.5, 1.0, 1.5], lr=0.001, epochs=300, progress=False)
        assert [p.data for p in model.parameters()] == pytest.approx([*last[seed]], rel=1e-10)


def test_how_often_both_hidden_neurons_are_dead(bench: ModuleType) -> None:
    # w and b are uniform on (−1, 1); for a given b < 0 dead means w < −b/3, for b > 0 it means w < −b
    negative_bias = (1 + Fraction(1, 6)) / 2  # the mean of (1 + |b|/3) / 2
    positive_bias = (1 - Fraction(1, 2)) / 2  # the mean of (1 − b) / 2
    dead = (negative_bias + positive_bias) / 2
    assert dead == Fraction(5, 12)
    found = (bench.answers_of_line(bench.line_starts(1000))[0] <= 0).all(axis=(1, 2)).sum()
    assert found == 176
    expected = 1000 * float(dead**2)
    assert abs(found - expected) < 3 * np.sqrt(expected * (1 - float(dead**2)))


# 5. a hundred inputs


def by_hand(bench: ModuleType, rule: Callable[..., Any], epochs: int) -> list[float]:
    """The losses of 100-50-1 by NumPy, with matrices; `rule(parameter, gradient, memory, t)` is one step."""
    X, y = bench.samples()
    model = bench.as_linear()
    first, last = model[0], model[2]
    parameters = [
        np.array([[w.data for w in row] for row in layer.weight]) if kind == "weight"
        else np.array([b.data for b in layer.bias])
        for layer in (first, last) for kind in ("weight", "bias")
    ]  # fmt: skip
    memories: list[dict[str, Any]] = [{} for _ in parameters]
    losses = []
    for t in range(1, epochs + 1):
        W1, b1, W2, b2 = parameters
        z = X @ W1.T + b1
        h = np.maximum(z, 0)
        error = (h @ W2.T + b2)[:, 0] - y
        losses.append(float((error**2).mean()))
        delta2 = (2 * error / len(y))[:, None]
        delta1 = (delta2 @ W2) * (z > 0)
        gradients = [delta1.T @ X, delta1.sum(axis=0), delta2.T @ h, delta2.sum(axis=0)]
        steps = zip(parameters, gradients, memories, strict=True)
        parameters = [p - 0.01 * rule(g, memory, t) for p, g, memory in steps]
    return losses


def descent(g: Array, memory: dict[str, Any], t: int) -> Array:
    return g


def momentum(g: Array, memory: dict[str, Any], t: int) -> Array:
    memory["v"] = 0.9 * memory.get("v", 0) + g
    return memory["v"]


def adagrad(g: Array, memory: dict[str, Any], t: int) -> Array:
    memory["s"] = memory.get("s", 0) + g * g
    return g / (np.sqrt(memory["s"]) + 1e-10)


def rmsprop(g: Array, memory: dict[str, Any], t: int) -> Array:
    memory["s"] = 0.99 * memory.get("s", 0) + 0.01 * g * g
    return g / (np.sqrt(memory["s"]) + 1e-8)


def adam(g: Array, memory: dict[str, Any], t: int) -> Array:
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    memory["s"] = 0.999 * memory.get("s", 0) + 0.001 * g * g
    return memory["m"] / (1 - 0.9**t) / (np.sqrt(memory["s"] / (1 - 0.999**t)) + 1e-8)


RULES = {"SGD": descent, "momentum": momentum, "AdaGrad": adagrad, "RMSprop": rmsprop, "Adam": adam}


def test_parameters_and_operations_are_counted_right(bench: ModuleType) -> None:
    model = bench.as_mlp()
    assert len(model.parameters()) == len(bench.as_linear().parameters()) == 5101
    loss = nn.mse(model([0.5] * 100), 1.0)
    count = 0
    for node in topological_order(loss):
        if not node.is_leaf:  # a sum of n numbers is n − 1 additions
            count += len(node.parents) - 1 if node.op is ops.sum else 1
    assert count == bench.SCALAR_OPERATIONS
    assert f"{count * 64 * 100:,}" in printed("operations = 5_050")
    assert "5,101 parameters" in printed("def hundred")


@pytest.mark.parametrize("name", RULES)
def test_each_optimizer_trains_as_by_hand(bench: ModuleType, name: str) -> None:
    X, y = bench.samples()
    model = bench.as_linear()
    optimizer = bench.OPTIMIZERS[name](model.parameters())
    losses = nn.fit(model, X, y, optimizer=optimizer, epochs=3, progress=False).loss
    assert losses == pytest.approx(by_hand(bench, RULES[name], 3), rel=1e-11)


def test_both_networks_train_alike(bench: ModuleType) -> None:
    X, y = bench.samples()
    how: dict[str, Any] = {"optimizer": "sgd", "lr": 0.01, "epochs": 2, "progress": False}
    runs = [nn.fit(model, X[:8], y[:8], **how).loss for model in (bench.as_linear(), bench.as_mlp())]
    assert runs[0] == pytest.approx(runs[1], rel=1e-13)


def test_the_losses_of_the_hundred_epochs(bench: ModuleType) -> None:
    losses = by_hand(bench, descent, 100)
    shown = printed("def report(event)").splitlines()
    assert [int(line.split()[1]) for line in shown] == [1, *range(10, 101, 10)]
    for line in shown:
        rounded_alike(numbers(line), [losses[int(line.split()[1]) - 1]], 6)


@pytest.mark.parametrize("name", RULES)
def test_the_losses_of_the_race(bench: ModuleType, name: str) -> None:
    losses = by_hand(bench, RULES[name], 20)
    rounded_alike(line_with(name + " ", printed("def race")), [losses[t - 1] for t in (1, 2, 5, 10, 20)], 4)


def test_the_benchmark_measures_and_prints(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    bench.print_training(bench.training(1, progress=False))
    bench.print_race(bench.race(1, progress=False))
    bench.print_starts(bench.many_starts(2, steps=5))
    text = capsys.readouterr().out
    assert "649,728" in text  # one epoch of 64 samples
    assert "of 2 starts learn" in text
