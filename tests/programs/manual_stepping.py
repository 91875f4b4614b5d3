"""A neuron with a hand-made tanh worked backwards, one `_backward()` at a time, as in the lecture."""

import math

from micrograd.engine import Value

RESULTS = {}


def tanh(x):
    t = math.tanh(x.data)
    out = Value(t, (x,), "tanh")

    def _backward():
        x.grad += (1 - t**2) * out.grad

    out._backward = _backward
    return out


def neuron():
    x1, x2 = Value(2.0), Value(0.0)
    w1, w2 = Value(-3.0), Value(1.0)
    b = Value(6.8813735870195432)
    x1w1 = x1 * w1; x1w1.label = "x1*w1"
    x2w2 = x2 * w2; x2w2.label = "x2*w2"
    s = x1w1 + x2w2; s.label = "x1*w1 + x2*w2"
    n = s + b; n.label = "n"
    o = tanh(n); o.label = "o"
    return x1, x2, w1, w2, b, x1w1, x2w2, s, n, o


# 1. gradients filled in with pencil and paper
x1, x2, w1, w2, b, x1w1, x2w2, s, n, o = neuron()
o.grad = 1.0
n.grad = 1 - o.data**2
s.grad = n.grad
b.grad = n.grad
x1w1.grad = s.grad
x2w2.grad = s.grad
x2.grad = w2.data * x2w2.grad
w2.grad = x2.data * x2w2.grad
x1.grad = w1.data * x1w1.grad
w1.grad = x1.data * x1w1.grad
RESULTS["by hand"] = [v.grad for v in (x1, w1, x2, w2, b)]

# 2. one node at a time
x1, x2, w1, w2, b, x1w1, x2w2, s, n, o = neuron()
o.grad = 1.0
o._backward()
print(f"n {n.grad:.6f}")
n._backward()
print(f"s {s.grad:.6f} b {b.grad:.6f}")
b._backward()
s._backward()
x1w1._backward()
x2w2._backward()
RESULTS["one at a time"] = [v.grad for v in (x1, w1, x2, w2, b, x1w1, x2w2, s, n, o)]

# 3. in topological order, with a sort of one's own
x1, x2, w1, w2, b, x1w1, x2w2, s, n, o = neuron()
topo = []
visited = set()


def build_topo(v):
    if v not in visited:
        visited.add(v)
        for child in v._prev:
            build_topo(child)
        topo.append(v)


build_topo(o)
o.grad = 1.0
for node in reversed(topo):
    node._backward()
RESULTS["sorted"] = [v.grad for v in (x1, w1, x2, w2, b)]
print(len(topo), [v.label for v in (s, n, o)])

# 4. and all at once
x1, x2, w1, w2, b, x1w1, x2w2, s, n, o = neuron()
o.backward()
RESULTS["backward()"] = [v.grad for v in (x1, w1, x2, w2, b)]
print(f"{o.data:.4f}", o._op, [child.label for child in o._prev])

# 5. a value used more than once
a = Value(3.0)
b = a + a
b.backward()
RESULTS["twice"] = a.grad

a = Value(-2.0)
b = Value(3.0)
d = a * b
e = a + b
f = d * e
f.backward()
RESULTS["reused"] = [v.grad for v in (a, b, d, e)]

# 6. a nudge uphill
a, b, c, f = Value(2.0), Value(-3.0), Value(10.0), Value(-2.0)
L = (a * b + c) * f
L.backward()
before = L.data
for v in (a, b, c, f):
    v.data += 0.01 * v.grad
L = (a * b + c) * f
RESULTS["nudged"] = [before, L.data]
print(f"{before:.4f} -> {L.data:.4f}")
