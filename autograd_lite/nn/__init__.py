"""Small neural networks made of `Value`s: every weight is a node that can be drawn and stepped through.

>>> X, y = data.xor()
>>> model = MLP(2, [4, 1], activation="tanh", seed=0)
>>> history = fit(model, X, y, loss="mse", optimizer="adam", lr=0.05, epochs=200)
>>> [round(model(x).data) for x in X]
[0, 1, 1, 0]
"""

from . import data
from .containers import Residual
from .embedding import Embedding
from .initialisation import INITS, gain, initialiser
from .layers import MLP, Layer, Neuron
from .linear import Linear
from .losses import LOSSES, bce_with_logits, cross_entropy, hinge, mse
from .modules import Module
from .normalisation import RMSNorm
from .optimizers import OPTIMIZERS, SGD, Adam, Optimizer
from .prediction import predict
from .training import EpochEnd, History, TrainingError, fit

__all__ = [
    "INITS",
    "LOSSES",
    "MLP",
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "Embedding",
    "EpochEnd",
    "History",
    "Layer",
    "Linear",
    "Module",
    "Neuron",
    "Optimizer",
    "RMSNorm",
    "Residual",
    "TrainingError",
    "bce_with_logits",
    "cross_entropy",
    "data",
    "fit",
    "gain",
    "hinge",
    "initialiser",
    "mse",
    "predict",
]
