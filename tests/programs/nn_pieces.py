"""micrograd's own neurons and layers, taken singly and put together in other ways."""

import random

from micrograd import nn
from micrograd.engine import Value
from micrograd.nn import MLP, Layer, Module, Neuron

random.seed(7)
RESULTS = {}

linear = Neuron(3, nonlin=False)
curved = nn.Neuron(3)
x = [Value(0.5), -1.5, 2]
for name, neuron in (("linear", linear), ("curved", curved)):
    out = neuron(x)
    neuron.zero_grad()
    out.backward()
    RESULTS[name] = [out.data] + [g for p in neuron.parameters() for g in (p.data, p.grad)]
    print(neuron, len(neuron.w), neuron.b.data == 0, neuron.nonlin)

layer = Layer(3, 2, nonlin=False)
outs = layer(x)
print(layer, len(outs), isinstance(layer, Module))
RESULTS["layer"] = [o.data for o in outs]
single = Layer(3, 1)
print(single, single(x).data >= 0)

model = MLP(3, [4, 2])
print(model)
RESULTS["model"] = [o.data for o in model(x)]
RESULTS["drawn"] = [p.data for p in model.parameters()] + [random.random()]

# accumulation over two samples before one step, then cleared
model = MLP(2, [3, 1])
for sample in ([1.0, 2.0], [-1.0, 0.5]):
    model(sample).backward()
RESULTS["accumulated"] = [p.grad for p in model.parameters()]
model.zero_grad()
RESULTS["cleared"] = [p.grad for p in model.parameters()]


class Leaky(Neuron):
    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x)), self.b)
        return act if act.data > 0 else act * 0.01


# a neuron of one's own in micrograd's layer, and weights put in by hand
model = MLP(2, [3, 2])
model.layers[0].neurons[1] = Leaky(2)
model.layers[1].neurons[0].w[2] = Value(0.25)
model.layers[1].neurons[1].b = Value(-1)
first, second = model([Value(-1.0), Value(-2.0)])
(first * first - second / 3).backward()
RESULTS["altered"] = [g for p in model.parameters() for g in (p.data, p.grad)]
print(len(model.parameters()), f"{first.data:.6f} {second.data:.6f}")
