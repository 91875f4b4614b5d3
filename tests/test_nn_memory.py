"""What a model gives dies by itself: nothing in `nn` leaves work to the cyclic collector."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite import Value, nn
from autograd_lite.nn.finding import watched


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3, seed=0), nn.LayerNorm(3), "tanh", nn.MLP(3, [4, 1], seed=0))


def train(module: nn.Sequential) -> None:
    loss = nn.mse([module([1.0, 2.0])], [0.5])
    module.zero_grad()
    loss.backward()
    for parameter in module.parameters():
        parameter.data -= 0.01 * parameter.grad


@pytest.mark.parametrize(
    "use",
    [
        lambda module: module.parameters(),
        lambda module: dict(module.named_parameters()),
        lambda module: watched(module)(),
        lambda module: module.state_dict(),
        lambda module: module([Value(1.0), Value(2.0)]),
        train,
    ],
    ids=["parameters", "named_parameters", "watched", "state_dict", "call", "training step"],
)
def test_nothing_is_left_for_the_collector(use: Callable[[Any], object]) -> None:
    module = model()
    use(module)  # what is made once may be
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            use(module)
        assert gc.collect() == 0
    finally:
        gc.enable()
