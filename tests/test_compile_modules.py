"""Modules of `nn` within a traced function: the numbers of eager runs, whatever has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from replays import replayed, same, traced

from autograd_lite import Value, nn, ops
from autograd_lite import compile as compiled
from autograd_lite.errors import ArgumentError, CompileError

SAMPLES = [[0.5, -1.0, 2.0, 0.25], [1.5, 0.0, -2.0, 0.75], [-0.1, 3.0, 0.2, -4.0]]


def _flat(result: Any) -> list[Any]:
    if isinstance(result, (list, tuple)):
        return [number for part in result for number in _flat(part)]
    return [result.data if isinstance(result, Value) else result]


MODULES: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: nn.MLP(4, [3, 2], activation="tanh", seed=0),
    "micrograd": lambda: nn.MLP(4, [3, 1]),
    "layer": lambda: nn.Layer(4, 3, activation="gelu", seed=0),
    "neuron": lambda: nn.Neuron(4, seed=0),
    "linear": lambda: nn.Linear(4, 3, seed=0),
    "sequential": lambda: nn.Sequential(nn.Linear(4, 3, seed=0), "sigmoid", nn.Linear(3, 2), "softmax"),
    "residual": lambda: nn.Residual(nn.Linear(4, 4, seed=0)),
    "layer norm": lambda: nn.LayerNorm(4),
    "rms norm": lambda: nn.RMSNorm(4),
    "batch norm in use": lambda: _used(nn.BatchNorm(4)),
    "dropout in use": lambda: nn.Dropout(0.5, seed=0).eval(),
    "feed forward": lambda: nn.FeedForward(4, seed=0),
}  # fmt: skip


def _used(norm: nn.BatchNorm) -> nn.Module:
    norm.batch(SAMPLES)
    return norm.eval()


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_replayed(name: str) -> None:
    model = MODULES[name]()
    recorded = traced(lambda x: model(x), SAMPLES[0])
    assert set(recorded.tape.parameters) <= set(model.parameters())
    assert not recorded.tape.guards
    for sample in SAMPLES:
        missed, result = replayed(recorded, *sample)
        assert missed == -1
        assert same(_flat(result), _flat(model(sample)))
    for parameter in model.parameters():
        parameter.data = 0.5 * parameter.data + 0.125
    assert same(_flat(replayed(recorded, *SAMPLES[1])[1]), _flat(model(SAMPLES[1])))


def test_a_language_model_is_replayed_on_other_texts() -> None:
    model = nn.GPT(7, width=8, heads=2, layers=1, context=4, seed=0)
    recorded = traced(lambda tokens: model(tokens), [1, 2, 3])
    losses = traced(lambda tokens: model.loss(tokens), [1, 2, 3, 4])
    for text in ([6, 0, 5, 5], [2, 2, 1, 3]):
        missed, result = replayed(recorded, *map(float, text[:3]))
        assert missed == -1
        assert _flat(result) == pytest.approx(_flat(model(text[:3])), rel=1e-12)
        missed, result = replayed(losses, *map(float, text))
        assert missed == -1
        assert result == pytest.approx(model.loss(text).data, rel=1e-12)
    for wrong in (7, -1):  # a table alone would count -1 from its end
        assert replayed(recorded, 1.0, float(wrong), 2.0)[0] >= 0
        with pytest.raises(ArgumentError):
            traced(lambda tokens: model(tokens), [1, wrong, 2])


def test_dropout_draws_at_each_replay_what_eager_calls_draw() -> None:
    dropping = nn.Sequential(nn.Linear(4, 4, seed=0), nn.Dropout(0.5, seed=3))
    again = nn.Sequential(nn.Linear(4, 4, seed=0), nn.Dropout(0.5, seed=3))
    recorded = traced(lambda x: dropping(x), SAMPLES[0])
    assert same(_flat(recorded.result), _flat(again(SAMPLES[0])))
    for sample in SAMPLES:
        drawn = [draw() for draw in recorded.draws]
        assert same(_flat(replayed(recorded, *sample, *drawn)[1]), _flat(again(sample)))


def test_a_trace_knows_on_which_states_of_modules_it_depends() -> None:
    norm, dropping = nn.BatchNorm(4), nn.Dropout(0.5, seed=0)
    model = nn.Sequential(norm, dropping)
    model.batch(SAMPLES)
    model.eval()

    def holds() -> bool:
        return all(read() == then for read, then in recorded.assumptions)

    recorded = traced(lambda x: ops.sum(*model(x), *model(x)), SAMPLES[0])
    assert len(recorded.assumptions) == 5
    assert holds()
    model.train()
    assert not holds()
    model.eval()
    assert holds()
    dropping.p = 0.25
    assert not holds()
    dropping.p = 0.5
    model.train().batch(SAMPLES)
    model.eval()
    assert not holds()


def test_statistics_may_change_in_place() -> None:
    norm = nn.BatchNorm(2).eval()
    f = compiled(lambda x: norm(x), executor="python")
    for place in (0, 1, 0):
        assert f([1.0, 2.0]) == [value.data for value in norm([1.0, 2.0])]
        norm.running_mean[place] += 2.0
        norm.running_var[1 - place] *= 3.0


def test_batch_norm_in_training_is_refused() -> None:
    model = nn.BatchNorm(4)
    with pytest.raises(CompileError, match=r"moves its running statistics.*model\.eval\(\)"):
        traced(lambda rows: model.batch(rows), SAMPLES)
    assert all(number.__class__ is float for number in model.running_mean)
