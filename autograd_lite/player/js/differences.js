// The judge of a gradient that knows nothing of how it was computed: move one number, compute the result again.

// The slope of the result by node `index` beside the gradient of the run. `verdict` is "agrees", "differs",
// "kink" (the sides differ), "edge" (one side is outside the domain or infinitely steep), "unsettled",
// "slope" (there is no gradient to compare) or "unknown", with `parts`: text and {node}.
export function checkedGradient(player, index) {
  const { data, run } = player;
  const later = dependentsOf(data, index);
  const unruled = later.find((node) => data.nodes[node].rule < 0);
  if (unruled !== undefined) {
    return { verdict: "unknown", parts: [{ node: unruled }, " is a hand-made op on the way: the page does not know its rule."] };
  }
  const f = resweeper(player, index, later);
  const x = run.values[index];
  if (!Number.isFinite(x) || !Number.isFinite(f(x))) {
    return { verdict: "unknown", parts: ["Differences need finite numbers here and in the result."] };
  }
  const gradient = run.gradients[index];
  const [slope, error] = settledSlope(f, x);
  const sides = [1e-4, 1e-6].map((step) => slopesOfSides(f, x, step * Math.max(1, Math.abs(x))));
  const floor = roundingFloor(run.values, later, x);
  const found = { slope, error, gradient, left: sides[0].left, right: sides[0].right, parts: deliberate(player, later) };
  if (gradient !== null) found.relative = Math.abs(slope - gradient) / Math.max(Math.abs(slope), Math.abs(gradient), 1e-300);
  return { ...found, verdict: verdictOf(found, sides, floor, conditionScale(run, index)) };
}

function verdictOf({ slope, error, gradient }, sides, floor, scale) {
  // both sides settled, each on a slope of its own, however small the steps
  const bends = ({ left, right, steepest, wobble }) => Math.abs(right - left) > 1e-4 * steepest + 10 * wobble + 1e3 * floor;
  if (sides.every(bends)) return "kink";
  const size = Math.max(scale, Math.abs(slope));
  const settled = error <= 1e-4 * size + floor;
  const agree = gradient !== null && Math.abs(slope - gradient) <= 1e-6 * size + floor;
  const { wobble, steepest } = sides[0];
  if (!(settled && agree) && !(wobble <= 1e-2 * steepest + 1e3 * floor)) return Number.isFinite(wobble) ? "unsettled" : "edge";
  if (gradient === null) return settled ? "slope" : "unsettled";
  if (agree) return "agrees";
  return Math.abs(slope - gradient) <= 4 * error ? "unsettled" : "differs";
}

// The inner nodes whose value depends on node `index`, in the order of the forward pass.
export function dependentsOf(data, index) {
  const touched = new Set([index]);
  return data.order.filter((node) => {
    const depends = node !== index && data.nodes[node].parents.some((parent) => touched.has(parent));
    return depends && touched.add(node);
  });
}

function resweeper({ data, rules, run }, index, later) {
  const values = run.values.slice();
  const sweep = later.map((node) => [node, rules[data.nodes[node].rule], data.nodes[node].parents]);
  return (x) => {
    values[index] = x;
    for (const [node, rule, parents] of sweep) values[node] = rule.forward(parents.map((parent) => values[parent]));
    return data.seed * values[data.root];
  };
}

// Ridders' method (Advances in Engineering Software 4, 1982), as in autograd_lite/differences.py: differences
// with shrinking steps make a table whose further columns cancel ever higher powers of the step.
function settledSlope(f, x) {
  const scale = Math.max(1, Math.abs(x));
  const between = (step) => (f(x + step) - f(x - step)) / (x + step - (x - step));
  let best = extrapolated(between, 1e-2 * scale, 2);
  for (const step of [0.1 * Math.abs(x), 1e-4 * scale, 1e-6 * scale]) {
    if (!step || best[1] <= 1e-8 * Math.max(1, Math.abs(best[0]))) continue;
    const again = extrapolated(between, step, 2);
    if (again[1] < best[1]) best = again;
  }
  return best;
}

function slopesOfSides(f, x, step) {
  const here = f(x);
  const oneSided = (by) => (f(x + by) - here) / (x + by - x);
  const [right, left] = [extrapolated(oneSided, step, 1), extrapolated(oneSided, -step, 1)];
  const steepest = Math.max(Math.abs(right[0]), Math.abs(left[0]));
  return { right: right[0], left: left[0], steepest, wobble: right[1] + left[1] };
}

// `order` is 2 where the error has even powers of the step only, as between two sides, and 1 on one side.
function extrapolated(difference, step, order) {
  const ratio = 1.4;
  let [best, spread, above] = [NaN, Infinity, []];
  for (let row = 0; row < 12; row += 1, step /= ratio) {
    const line = [difference(step)];
    for (let column = 0; column < row; column += 1) {
      const factor = ratio ** (order * (column + 1));
      line.push((line[column] * factor - above[column]) / (factor - 1));
      const change = Math.max(Math.abs(line[column + 1] - line[column]), Math.abs(line[column + 1] - above[column]));
      if (change < spread) [best, spread] = [line[column + 1], change];
    }
    above = line;
  }
  return [best, spread];
}

// What the rounding of the values on the way can do to a difference of the largest steps.
function roundingFloor(values, later, x) {
  const largest = later.reduce((most, node) => Math.max(most, Math.abs(values[node])), Math.abs(x));
  return (1e-12 * largest) / Math.max(1, Math.abs(x));
}

// A sum of large contributions that cancel is known no better than they are.
function conditionScale(run, index) {
  let scale = Math.abs(run.gradients[index]);
  for (const step of run.steps) {
    for (const push of step.contributions) if (push.parent === index && push.tracked) scale += Math.abs(push.amount);
  }
  return Number.isFinite(scale) ? scale : 0;
}

// Why gradient and slope may differ without anything being wrong.
function deliberate({ data, run }, later) {
  const among = new Set(later);
  for (const { node, upstream, contributions } of run.steps) {
    if (!among.has(node)) continue;
    const rule = data.rules[data.nodes[node].rule];
    if (rule.kink.includes("on purpose")) return ["; ", { node }, ` stops the gradient on purpose (${rule.op}).`];
    const absorbed = contributions.some(({ tracked, local }) => tracked && (upstream === 0 ? !Number.isFinite(local) : local === 0 && !Number.isFinite(upstream)));
    if (absorbed) return ["; at ", { node }, " 0 meets an infinite slope: by the zero rule their product counts as 0."];
  }
  return data.live === true ? ["."] : [`. ${data.live}.`];
}
