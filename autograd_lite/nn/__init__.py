"""Small neural networks made of `Value`s: every weight is a node that can be drawn and stepped through.

>>> from autograd_lite import nn
>>> X, y = nn.data.xor()
>>> model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
>>> history = nn.fit(model, X, y, loss="mse", optimizer="adam", lr=0.05, epochs=200)
>>> [round(model(x).data) for x in X]
[0, 1, 1, 0]

Where things are, by theme:

- module: `modules` (the base class), `finding` (parts and parameters in attributes), `calling` (scopes, who
  is told of a call), `inputs` (what a layer takes; small checks), `saving`, `summary`
- layers: `layers` (Neuron, Layer, MLP), `linear`, `activations`, `initialisation`, `containers`, `dropout`,
  `normalisation`, `embedding`, `attention`, `gpt`, `text` (tokenizer, names)
- losses: `losses` (by name, over lists), `loss_terms` (the formulas), `targets` (what they are given),
  `penalties`; `metrics` and `deciding` (which class an output stands for)
- optimizers: `optimizers` (the rules), `updating` (the step and the state), `groups`, `settings` (checks),
  `clipping`; `schedules`, `scheduling` (what they share), `plateau`
- training: `training` (`fit`), `preparing` (its arguments, checked), `loop` (between epochs), `epochs`
  (within one), `gradients` (where it meets graphs), `model_state`, `streams` (random numbers),
  `history`, `checkpoints`, `checkpoint_files`, `restarts`, `stopping`, `trouble` (NaN), `progress`,
  `resting` (of the garbage collector); `prediction`
- compiled training: `compiled` (traced losses), `attributes` (what traces take for granted),
  `compiled_penalty`, `compiled_epochs`, `compiled_arrays` (of many steps), `compiled_batches`,
  `compiled_kernels` (native loops), `compiled_training` (`compile_training`), `tracing` (what modules ask)
- data: `data` (data sets), `samples` (checks), `splitting` (split, standardise, jitter), `sampling` (seeds)
- search: `rate_finder`, `search`, `search_results`, `building` (models by configuration)
- pictures and diagnosis: `plots` and `plot_…`; `diagnosis`, `advice`, `probing` (what layers answer),
  `report_text`, `recording`; `attribution`, `line_integral`
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .activations import Activation
from .calling import watching
from .clipping import clip_gradient_norm, clip_gradient_value
from .containers import Residual, Sequential
from .dropout import Dropout
from .embedding import Embedding
from .initialisation import INITS, gain, initialiser
from .layers import MLP, Layer, Neuron
from .linear import Linear
from .losses import LOSSES, bce, bce_with_logits, cross_entropy, hinge, huber, mae, mse, nll, squared_hinge
from .metrics import METRICS, Metric, confusion_matrix, metric_named
from .modules import Module
from .normalisation import BatchNorm, LayerNorm, RMSNorm
from .optimizers import OPTIMIZERS, SGD, AdaGrad, Adam, AdamW, Optimizer, RMSprop
from .penalties import L1, L2, Elastic
from .prediction import predict, predict_class
from .restarts import Restarts
from .schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    LinearRamp,
    MultiStep,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
    schedule_named,
)
from .summary import Summary
from .training import EpochEnd, History, TrainingError, fit

if TYPE_CHECKING:
    from . import data, plots
    from .attention import (
        AttentionHead,
        KeysValues,
        SelfAttention,
        attention_weights,
        scaled_dot_product_attention,
    )
    from .attribution import Attribution, integrated_gradients, saliency
    from .building import build_model
    from .compiled_training import CompiledTraining, compile_training
    from .diagnosis import LayerReport, Report, diagnose
    from .gpt import GPT, Block, FeedForward, next_token_loss
    from .rate_finder import RateTest, lr_find
    from .recording import LayerRecord, Recorder
    from .search import cross_validate, grid_search
    from .search_results import CrossValidation, GridSearch
    from .splitting import Jitter, Standardiser, jitter, split, standardise
    from .text import Tokenizer, names

__all__ = [
    "GPT",
    "INITS",
    "L1",
    "L2",
    "LOSSES",
    "METRICS",
    "MLP",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Activation",
    "AdaGrad",
    "Adam",
    "AdamW",
    "AttentionHead",
    "Attribution",
    "BatchNorm",
    "Block",
    "CompiledTraining",
    "Constant",
    "Cosine",
    "CrossValidation",
    "Dropout",
    "Elastic",
    "Embedding",
    "EpochEnd",
    "Exponential",
    "FeedForward",
    "GridSearch",
    "History",
    "Jitter",
    "KeysValues",
    "Layer",
    "LayerNorm",
    "LayerRecord",
    "LayerReport",
    "Linear",
    "LinearRamp",
    "Metric",
    "Module",
    "MultiStep",
    "Neuron",
    "OneCycle",
    "Optimizer",
    "RMSNorm",
    "RMSprop",
    "RateTest",
    "Recorder",
    "ReduceOnPlateau",
    "Report",
    "Residual",
    "Restarts",
    "Schedule",
    "SelfAttention",
    "Sequential",
    "Standardiser",
    "StepDecay",
    "Summary",
    "Tokenizer",
    "TrainingError",
    "WarmUp",
    "attention_weights",
    "bce",
    "bce_with_logits",
    "build_model",
    "clip_gradient_norm",
    "clip_gradient_value",
    "compile_training",
    "confusion_matrix",
    "cross_entropy",
    "cross_validate",
    "data",
    "diagnose",
    "fit",
    "gain",
    "grid_search",
    "hinge",
    "huber",
    "initialiser",
    "integrated_gradients",
    "jitter",
    "lr_find",
    "mae",
    "metric_named",
    "mse",
    "names",
    "next_token_loss",
    "nll",
    "plots",
    "predict",
    "predict_class",
    "saliency",
    "scaled_dot_product_attention",
    "schedule_named",
    "split",
    "squared_hinge",
    "standardise",
    "watching",
]

# Loaded when first asked for, so that a program which only trains a network starts at once.
_LATER = {
    "AttentionHead": "attention",
    "Attribution": "attribution",
    "Block": "gpt",
    "CompiledTraining": "compiled_training",
    "CrossValidation": "search_results",
    "FeedForward": "gpt",
    "GPT": "gpt",
    "GridSearch": "search_results",
    "Jitter": "splitting",
    "KeysValues": "attention",
    "LayerRecord": "recording",
    "LayerReport": "diagnosis",
    "RateTest": "rate_finder",
    "Recorder": "recording",
    "Report": "diagnosis",
    "SelfAttention": "attention",
    "Standardiser": "splitting",
    "Tokenizer": "text",
    "attention_weights": "attention",
    "build_model": "building",
    "compile_training": "compiled_training",
    "cross_validate": "search",
    "data": "data",
    "diagnose": "diagnosis",
    "grid_search": "search",
    "integrated_gradients": "attribution",
    "jitter": "splitting",
    "lr_find": "rate_finder",
    "names": "text",
    "next_token_loss": "gpt",
    "plots": "plots",
    "saliency": "attribution",
    "scaled_dot_product_attention": "attention",
    "split": "splitting",
    "standardise": "splitting",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_LATER[name]}", __name__)
    found = module if name == _LATER[name] else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
