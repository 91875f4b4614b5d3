"""Trains a 2-16-16-1 network on two half moons for 100 steps, as micrograd's demo does."""

import math
import random

import numpy as np
from micrograd.engine import Value
from micrograd.nn import MLP, Layer, Neuron

np.random.seed(1337)
random.seed(1337)

# two moons, in NumPy, as scikit-learn would give them
angles = np.linspace(0, math.pi, 4)
X = np.concatenate(
    [
        np.stack([np.cos(angles), np.sin(angles)], axis=1),
        np.stack([1 - np.cos(angles), 0.5 - np.sin(angles)], axis=1),
    ]
)
X = X + np.random.normal(scale=0.1, size=X.shape)
y = np.array([0] * 4 + [1] * 4) * 2 - 1  # make y be -1 or 1

model = MLP(2, [16, 16, 1])
print("number of parameters", len(model.parameters()))
print(all(isinstance(layer, Layer) for layer in model.layers), isinstance(model.layers[0].neurons[0], Neuron))


def loss(batch_size=None):
    if batch_size is None:
        Xb, yb = X, y
    else:
        picked = np.random.permutation(X.shape[0])[:batch_size]
        Xb, yb = X[picked], y[picked]
    inputs = [list(map(Value, row)) for row in Xb]
    scores = list(map(model, inputs))

    losses = [(1 + -yi * score).relu() for yi, score in zip(yb, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    alpha = 1e-4
    reg_loss = alpha * sum(p * p for p in model.parameters())

    accuracy = [(yi > 0) == (score.data > 0) for yi, score in zip(yb, scores)]
    return data_loss + reg_loss, sum(accuracy) / len(accuracy)


RESULTS = {"start": [p.data for p in model.parameters()], "losses": [], "batch": []}
for k in range(100):
    total_loss, acc = loss()
    model.zero_grad()
    total_loss.backward()
    learning_rate = 1.0 - 0.9 * k / 100
    for p in model.parameters():
        p.data -= learning_rate * p.grad
    RESULTS["losses"].append(total_loss.data)
    if k % 10 == 0:
        print(f"step {k} loss {total_loss.data:.6f}, accuracy {acc * 100}%")

RESULTS["weights"] = [p.data for p in model.parameters()]
RESULTS["gradients"] = [p.grad for p in model.parameters()]
RESULTS["batch"] = [loss(batch_size=5)[0].data for _ in range(3)]

# the decision boundary
h = 0.75
xx, yy = np.meshgrid(np.arange(-1.5, 2.5, h), np.arange(-1.0, 1.5, h))
scores = [model(list(map(Value, row))) for row in np.c_[xx.ravel(), yy.ravel()]]
Z = np.array([s.data > 0 for s in scores]).reshape(xx.shape)
print(Z.astype(int))
