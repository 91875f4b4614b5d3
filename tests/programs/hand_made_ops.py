"""Ops put on the class by the learner, a tanh taken to pieces, attributes of their own, a subclass."""

import math

from micrograd.engine import Value

RESULTS = {}


def exp(self):
    out = Value(math.exp(self.data), (self,), "exp")

    def _backward():
        self.grad += out.data * out.grad

    out._backward = _backward
    return out


def tanh(self):
    t = (math.exp(2 * self.data) - 1) / (math.exp(2 * self.data) + 1)
    out = Value(t, (self,), "tanh")

    def _backward():
        self.grad += (1 - t**2) * out.grad

    out._backward = _backward
    return out


def product(*values):
    out = Value(math.prod(v.data for v in values), values, "prod")

    def _backward():
        for v in values:
            v.grad += out.data / v.data * out.grad

    out._backward = _backward
    return out


Value.exp = exp
Value.tanh = tanh


def neuron(activate):
    x1, x2, w1, w2 = Value(2.0), Value(0.0), Value(-3.0), Value(1.0)
    b = Value(6.8813735870195432)
    n = x1 * w1 + x2 * w2 + b
    o = activate(n)
    o.backward()
    return [o.data] + [v.grad for v in (x1, w1, x2, w2, b, n)]


def in_pieces(n):
    e = (2 * n).exp()
    return (e - 1) / (e + 1)


RESULTS["whole"] = neuron(lambda n: n.tanh())
RESULTS["pieces"] = neuron(in_pieces)
print([f"{g:.4f}" for g in RESULTS["whole"]])
print([f"{g:.4f}" for g in RESULTS["pieces"]])

# a hand-made op with three parents, between the library's own
a, b, c = Value(2.0), Value(-0.5), Value(4.0)
p = product(a, b, c)
loss = (p * a + 3) ** 2
loss.backward()
RESULTS["product"] = [loss.data] + [v.grad for v in (a, b, c, p)]
print(p._op, len(p._prev), sorted(v.data for v in p._prev))

# notes pinned to a node
p.note = "made by hand"
p.history = [p.data]
print(p.note, p.history)

# one op's rule replaced: a gradient clipped by hand
x = Value(10.0)
y = x * x


def clipped():
    x.grad += max(-1.0, min(1.0, 2 * x.data * y.grad))


y._backward = clipped
z = y + 1
z.backward()
RESULTS["clipped"] = [z.data, x.grad]


class Named(Value):
    def __init__(self, data, name):
        super().__init__(data)
        self.name = name


u = Named(3.0, "u")
v = Named(-4.0, "v")
w = (u * v - u / v + 2 * u).relu() + u**2
w.backward()
RESULTS["subclass"] = [w.data, u.grad, v.grad]
print(u.name, v.name, f"{w.data:.4f} {u.grad:.4f} {v.grad:.4f}")
