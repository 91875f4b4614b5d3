"""PyTorch, eager: float64 tensors on one thread, with its own layers' functions; and scalar tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..measuring import Engine, Makers
from ..programs import Maths
from ..workloads import Batch, Demo, Gpt, Graph, Xor, joined, split
from .building import Way, one_pass, training

NAME, NEEDS = "PyTorch", "torch"
IMPORT = "torch"
SCALARS = f"{NAME}, scalars"
LEFT_OUT = {"gpt": "scalar tensors: a second a pass", "batch": "scalar tensors: tensors are its way"}
LARGEST_GRAPH = {SCALARS: 10_000}


def torch_on_one_thread() -> Any:
    import torch

    torch.set_num_threads(1)
    return torch


def way() -> Way:
    """Tensors of one number each."""
    torch = torch_on_one_thread()

    def backward(loss: Any, parameters: Sequence[Any]) -> None:
        for parameter in parameters:
            parameter.grad = None
        loss.backward()

    def changed(parameter: Any, number: float) -> Any:
        parameter.data.fill_(number)
        return parameter

    return Way(
        number=lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True),
        maths=Maths(
            relu=torch.relu, tanh=torch.tanh, exp=torch.exp, log=torch.log,
            top=lambda values: max(value.item() for value in values),
        ),
        backward=backward,
        value=lambda v: float(v.item()),
        gradient=lambda v: float(v.grad.item()),
        changed=changed,
    )  # fmt: skip


def _tensors(arrays: Any) -> list[Any]:
    torch = torch_on_one_thread()
    return [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in arrays]


def _pass(loss: Callable[[], Any], tensors: list[Any], flat: Callable[[list[Any]], Any]) -> Engine:
    def run() -> Any:
        for tensor in tensors:
            tensor.grad = None
        result = loss()
        result.backward()
        return result

    def numbers() -> Any:
        value = run().item()
        return [value, *flat([tensor.grad.numpy() for tensor in tensors])]

    return Engine(run, numbers, idiom="arrays")


def _network(parts: Any, x: Any, activation: Any) -> Any:
    linear = torch_on_one_thread().nn.functional.linear
    for w, b in zip(parts[:-2:2], parts[1:-2:2], strict=True):
        x = activation(linear(x, w, b))
    return linear(x, parts[-2], parts[-1])[:, 0]


def demo(work: Demo) -> Makers:
    torch = torch_on_one_thread()
    parts = _tensors(split(work.start, work.sizes))
    points, labels = (torch.tensor(data, dtype=torch.float64) for data in (work.points, work.labels))

    def loss() -> Any:
        hinge = torch.relu(1.0 - labels * _network(parts, points, torch.relu)).mean()
        return hinge + 1e-4 * sum((part * part).sum() for part in parts)

    return {NAME: lambda: _pass(loss, parts, joined), SCALARS: lambda: one_pass(work, way())}


def gpt(work: Gpt) -> Makers:
    torch = torch_on_one_thread()
    functional = torch.nn.functional
    tensors = dict(zip(work.start, _tensors(work.start.values()), strict=True))
    tokens, after = torch.tensor(work.tokens[:-1]), torch.tensor(work.tokens[1:])
    count, wide = len(tokens), 16 // work.heads
    w = tensors

    def norm(x: Any) -> Any:
        return functional.rms_norm(x, (16,), eps=1e-5)

    def heads(x: Any) -> Any:
        return x.view(count, work.heads, wide).transpose(0, 1)

    def loss() -> Any:
        x = norm(w["token"][tokens] + w["position"][:count])
        asked = norm(x)
        query, key, value = (heads(functional.linear(asked, w[n])) for n in ("query", "key", "value"))
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + functional.linear(seen.transpose(0, 1).reshape(count, 16), w["output"])
        x = x + functional.linear(functional.linear(norm(x), w["expand"]).relu(), w["shrink"])
        return functional.cross_entropy(functional.linear(x, w["head"]), after)

    def flat(gradients: list[Any]) -> Any:
        return work.flat(dict(zip(tensors, gradients, strict=True)))

    return {NAME: lambda: _pass(loss, list(tensors.values()), flat)}


def batch(work: Batch) -> Makers:
    torch = torch_on_one_thread()
    parts = _tensors(split(work.start, work.sizes))
    points, targets = (torch.tensor(data, dtype=torch.float64) for data in (work.points, work.targets))

    def loss() -> Any:
        error = _network(parts, points, torch.tanh) - targets
        return (error * error).sum()

    return {NAME: lambda: _pass(loss, parts, joined)}


def xor(work: Xor) -> Makers:
    """`nn.Sequential` and `optim.SGD`, as its users write it."""
    torch = torch_on_one_thread()
    points = torch.tensor(work.points, dtype=torch.float64)
    targets = torch.tensor(work.targets, dtype=torch.float64)[:, None]

    def trainer() -> tuple[Callable[[], None], list[Any]]:
        inputs, hidden, outputs = work.sizes
        layers = torch.nn.Linear(inputs, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, outputs)
        model = torch.nn.Sequential(*layers).double()
        parameters = list(model.parameters())
        with torch.no_grad():
            for parameter, array in zip(parameters, split(work.start, work.sizes), strict=True):
                parameter.copy_(torch.tensor(array))
        optimizer = torch.optim.SGD(parameters, lr=work.lr)

        def step() -> None:
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(points), targets).backward()
            optimizer.step()

        return step, parameters

    def numbers() -> Any:
        step, parameters = trainer()
        for _ in range(work.checked_steps):
            step()
        return joined([parameter.detach().numpy() for parameter in parameters])

    layers = Engine(trainer()[0], numbers, idiom="arrays", note="nn.Sequential, optim.SGD")
    return {NAME: lambda: layers, SCALARS: lambda: training(work, way())}


def graph(work: Graph) -> Makers:
    return {SCALARS: lambda: one_pass(work, way())}
