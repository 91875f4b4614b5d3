"""Small neural networks made of `Value`s: every weight is a node that can be drawn and stepped through.

>>> X, y = data.xor()
>>> model = MLP(2, [4, 1], activation="tanh", seed=0)
>>> history = fit(model, X, y, loss="mse", optimizer="adam", lr=0.05, epochs=200)
>>> [round(model(x).data) for x in X]
[0, 1, 1, 0]
"""

from . import data, plots
from .activations import Activation
from .attention import (
    AttentionHead,
    KeysValues,
    SelfAttention,
    attention_weights,
    scaled_dot_product_attention,
)
from .attribution import Attribution, integrated_gradients, saliency
from .building import build_model
from .clipping import clip_gradient_norm, clip_gradient_value
from .containers import Residual, Sequential
from .diagnosis import LayerReport, Report, diagnose
from .dropout import Dropout
from .embedding import Embedding
from .gpt import GPT, Block, FeedForward, next_token_loss
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
from .rate_finder import RateTest, lr_find
from .recording import LayerRecord, Recorder
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
from .search import cross_validate, grid_search
from .search_results import CrossValidation, GridSearch
from .splitting import Jitter, Standardiser, jitter, split, standardise
from .summary import Summary
from .text import Tokenizer, names
from .training import EpochEnd, History, TrainingError, fit

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
]
