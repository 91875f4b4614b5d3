"""A network of the learner's own, on Value and on Module, trained on four points as at the lecture's end."""

import math
import random

from micrograd.engine import Value
from micrograd.nn import Module

random.seed(42)


def tanh(x):
    t = math.tanh(x.data)
    out = Value(t, (x,), "tanh")

    def _backward():
        x.grad += (1 - t**2) * out.grad

    out._backward = _backward
    return out


class Neuron(Module):
    def __init__(self, nin):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(random.uniform(-1, 1))

    def __call__(self, x):
        return tanh(sum((wi * xi for wi, xi in zip(self.w, x)), self.b))

    def parameters(self):
        return self.w + [self.b]


class Layer(Module):
    def __init__(self, nin, nout):
        self.neurons = [Neuron(nin) for _ in range(nout)]

    def __call__(self, x):
        outs = [n(x) for n in self.neurons]
        return outs[0] if len(outs) == 1 else outs

    def parameters(self):
        return [p for neuron in self.neurons for p in neuron.parameters()]


class MLP(Module):
    def __init__(self, nin, nouts):
        sz = [nin] + nouts
        self.layers = [Layer(sz[i], sz[i + 1]) for i in range(len(nouts))]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


n = MLP(3, [4, 4, 1])
xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
ys = [1.0, -1.0, -1.0, 1.0]

RESULTS = {"losses": []}
for k in range(100):
    ypred = [n(x) for x in xs]
    loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred))
    n.zero_grad()
    loss.grad = 1
    loss.backward()
    for p in n.parameters():
        p.data += -0.05 * p.grad
    RESULTS["losses"].append(loss.data)
    if k % 20 == 0:
        print(k, f"{loss.data:.6f}")

RESULTS["weights"] = [p.data for p in n.parameters()]
RESULTS["predictions"] = [n(x).data for x in xs]
print(len(n.parameters()), [f"{n(x).data:.4f}" for x in xs])
