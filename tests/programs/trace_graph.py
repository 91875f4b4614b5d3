"""Walks `_prev` and draws with the graphviz package, as micrograd's trace notebook does."""

import random

from graphviz import Digraph
from micrograd import nn
from micrograd.engine import Value


def trace(root):
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def draw_dot(root, rankdir="LR"):
    nodes, edges = trace(root)
    dot = Digraph(format="svg", graph_attr={"rankdir": rankdir})
    for n in nodes:
        uid = str(id(n))
        dot.node(name=uid, label="{ data %.4f | grad %.4f }" % (n.data, n.grad), shape="record")
        if n._op:
            dot.node(name=uid + n._op, label=n._op)
            dot.edge(uid + n._op, uid)
    for n1, n2 in edges:
        dot.edge(str(id(n1)), str(id(n2)) + n2._op)
    return dot


x = Value(1.0)
y = (x * 2 + 1).relu()
y.backward()
simple = draw_dot(y)

random.seed(1337)
n = nn.Neuron(2)
inputs = [Value(1.0), Value(-2.0)]
y = n(inputs)
y.backward()
neuron = draw_dot(y, rankdir="TB")

x1, x2 = Value(1.0), Value(-2.0)
w1, w2, b = Value(0.5), Value(-0.25), Value(0.125)
by_hand = draw_dot((x1 * w1 + x2 * w2 + b).relu())

a = Value(3.0)
power = draw_dot((a + a) ** 2)

DRAWINGS = {
    "simple": simple.source,
    "neuron": neuron.source,
    "by hand": by_hand.source,
    "power": power.source,
}
RESULTS = {
    "x": [x.data, x.grad],
    "inputs": [[v.data, v.grad] for v in inputs],
    "weights": [[p.data, p.grad] for p in n.parameters()],
}
print(n, len(simple.body), len(by_hand.body), len(power.body))
