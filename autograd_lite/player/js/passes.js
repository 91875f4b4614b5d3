// One forward and one backward pass over the nodes of the page, written down as steps.
//
// A run is read like this: `values[i]` and `gradients[i]` of node i, `locals[i]` its local derivatives (null
// where none flows), and `steps`, the list of everything that happens. A state is read off the steps, so
// that going back is exact.

// The product of the chain rule: 0 times what is not finite is 0, and a NaN adjoint stays NaN.
export function chain(upstream, local) {
  const product = upstream * local;
  if (Number.isNaN(product) && (upstream === 0 || (local === 0 && !Number.isNaN(upstream)))) return 0;
  return product;
}

// Values and local derivatives from the leaves' numbers, by the rules that were printed from the op table.
export function evaluate(data, rules, given) {
  const values = given.slice();
  const locals = data.nodes.map(() => []);
  for (const index of [...data.order, ...data.aside]) {
    const node = data.nodes[index];
    const operands = node.parents.map((parent) => values[parent]);
    const rule = rules[node.rule];
    values[index] = rule.forward(operands);
    const slopes = rule.partials(operands, values[index]);
    locals[index] = node.tracked.map((tracked, position) => (tracked ? slopes[position] : null));
  }
  return { values, locals };
}

// The run that Python recorded: its numbers to the bit, also where a hook or a hand-made op had a say.
export function recordedRun(data) {
  const pushes = new Map(data.pushes.map((list, place) => [data.order[data.order.length - 1 - place], list]));
  return run(data, {
    values: data.nodes.map((node) => node.value),
    locals: data.nodes.map((node) => node.locals),
    backward: data.order.slice().reverse(),
    pushesOf: (index) => pushes.get(index),
    replaced: data.gradients,
  });
}

// A run on other numbers, or with the backward pass in another order.
export function liveRun(data, { values, locals, backward = null }) {
  const nodes = data.nodes;
  return run(data, {
    values,
    locals,
    backward: backward || data.order.slice().reverse(),
    pushesOf: (index, upstream) =>
      nodes[index].parents.map((parent, position) => {
        const tracked = nodes[index].tracked[position] && !nodes[parent].frozen && upstream !== null;
        const local = tracked ? locals[index][position] : null;
        const amount = tracked ? chain(upstream, local) : null;
        return { position, parent, local, amount, note: tracked ? "" : whyUntracked(nodes[parent]) };
      }),
    replaced: null,
  });
}

// The order of a backward pass that sorts nothing: each node passes on what it has when it is first met,
// breadth first from the result.
export function naiveOrder(data) {
  const order = [];
  const met = new Set([data.root]);
  for (const index of met) {
    const node = data.nodes[index];
    if (!node.parents.length) continue;
    order.push(index);
    node.parents.forEach((parent, position) => {
      if (node.tracked[position] && !data.nodes[parent].frozen) met.add(parent);
    });
  }
  return order;
}

// The two orders add in different orders too: the last digits may differ and mean nothing.
export function sameGradient(a, b) {
  return Object.is(a, b) || a === b || Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

function whyUntracked(parent) {
  if (parent.kind === "constant") return "constant";
  return parent.frozen ? "frozen" : "no gradient flows here";
}

function run(data, { values, locals, backward, pushesOf, replaced }) {
  const nodes = data.nodes;
  const gradients = nodes.map(() => null);
  const senders = nodes.map(() => []); // who passes something to a node, in the order of passing
  const passedOn = new Set();
  const steps = data.order.map((node) => ({ phase: "forward", action: "compute", node, contributions: [] }));
  gradients[data.root] = data.seed;
  steps.push({ phase: "backward", action: "seed", node: data.root, upstream: data.seed, contributions: [] });
  for (const index of backward) {
    const upstream = replaced ? replaced[index] : gradients[index];
    gradients[index] = upstream;
    passedOn.add(index);
    const contributions = pushesOf(index, upstream).map((push) => {
      const { parent, amount } = push;
      if (amount === null) return { ...push, sender: index, tracked: false, before: null, after: null, late: false };
      const before = gradients[parent] === null ? 0 : gradients[parent];
      const after = push.after === undefined ? before + amount : push.after;
      gradients[parent] = after;
      const order = senders[parent].push(index) - 1;
      return { ...push, sender: index, tracked: true, before, after, order, late: passedOn.has(parent) };
    });
    steps.push({ phase: "backward", action: "propagate", node: index, upstream, contributions });
  }
  if (replaced) replaced.forEach((gradient, index) => (gradients[index] = gradient));
  steps.forEach((step, index) => {
    step.index = index;
    for (const push of step.contributions) {
      push.waitingFor = push.tracked ? senders[push.parent].slice(push.order + 1) : [];
    }
  });
  return { values, locals, gradients, steps, senders, backward };
}

// What is known after the first `position` steps. `received[i]` are the contributions node i has got so far,
// `awaited[i]` the nodes that still owe it one, `passed` the nodes that have passed their gradient on.
export function stateAt(data, run, position) {
  const nodes = data.nodes;
  const values = nodes.map((node, index) => (node.parents.length ? null : run.values[index]));
  const gradients = nodes.map(() => null);
  const received = nodes.map(() => []);
  const passed = new Set();
  for (const step of run.steps.slice(0, position)) {
    if (step.action === "compute") values[step.node] = run.values[step.node];
    if (step.action === "seed") gradients[step.node] = step.upstream;
    if (step.action === "propagate") {
      gradients[step.node] = step.upstream;
      passed.add(step.node);
    }
    for (const push of step.contributions) {
      if (!push.tracked) continue;
      gradients[push.parent] = push.after;
      received[push.parent].push(push);
    }
  }
  const awaited = nodes.map((node, index) => run.senders[index].slice(received[index].length));
  nodes.forEach((node, index) => {
    // a hook may replace the gradient of a leaf once it is complete
    const complete = received[index].length ? !awaited[index].length : gradients[index] !== null;
    if (!node.parents.length && complete) gradients[index] = run.gradients[index];
  });
  return { position, phase: position <= data.order.length ? "forward" : "backward", values, gradients, received, awaited, passed };
}

// The first place where the user's own Python would have gone another way on these numbers; null if none.
export function firstDivergence(guards, values) {
  const number = (operand) => (typeof operand === "object" ? operand.number : values[operand]);
  const holds = {
    ">": (a, b) => a > b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, "<=": (a, b) => a <= b,
    "==": (a, b) => a === b, "!=": (a, b) => a !== b,
  };
  return guards.find((guard) => holds[guard.op](number(guard.left), number(guard.right)) !== guard.outcome) || null;
}
