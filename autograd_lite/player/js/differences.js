// The judge of a gradient that knows nothing of how it was computed: move one number, compute the result again.

const OF_PARTS = 1e-9; // beside the contributions that cancel in a gradient, a difference so small is rounding

// The slope of the result by node `index` beside the gradient of the run. `verdict` is "agrees", "differs",
// "kink" (the sides differ), "edge" (one side is outside the domain or infinitely steep), "unsettled", "blurred"
// (both are less than rounding leaves to see), "slope" (there is no gradient to compare) or "unknown", with `parts`:
// text and {node}.
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
  const sizes = later.map((node) => Math.abs(run.values[node])).filter(Number.isFinite);
  const largest = sizes.reduce((most, size) => Math.max(most, size), Math.abs(x));
  const [slope, error] = settledSlope(f, x, largest);
  const sides = [1e-4, 1e-6].map((step) => slopesOfSides(f, x, step * Math.max(1, Math.abs(x))));
  // what rounding, on the way and a step further, can do to a difference of the largest steps
  const reach = Math.max(1, Math.abs(x));
  const around = [0.01, -0.01].map((share) => Math.abs(f(x + share * reach))).filter(Number.isFinite);
  const floor = (1e-12 * Math.max(largest, ...around)) / reach;
  const found = { slope, error, gradient, left: sides[0].left, right: sides[0].right, parts: deliberate(player, later) };
  const scale = conditionScale(run, index);
  if (gradient !== null) {
    found.off = Math.abs(slope - gradient);
    found.relative = found.off / Math.max(Math.abs(slope), Math.abs(gradient), 1e-300);
    found.cancelled = found.relative > 1e-6 && found.off <= OF_PARTS * scale ? scale : 0;
  }
  return { ...found, verdict: verdictOf(found, sides, floor, scale) };
}

function verdictOf({ slope, error, gradient, left, right, off, relative, cancelled }, sides, floor, scale) {
  if (!Number.isFinite(slope)) return "edge";
  // both sides settled, each on a slope of its own, however small the steps
  const bends = ({ left, right, steepest, wobble }) => Math.abs(right - left) > 1e-4 * steepest + 10 * wobble + 1e3 * floor;
  if (sides.every(bends)) return "kink";
  const size = Math.max(scale, Math.abs(slope));
  const settled = error <= 1e-4 * size + floor;
  const near = gradient !== null && off <= 1e-6 * size + floor;
  const { wobble, steepest } = sides[0];
  if (!(settled && near) && !(wobble <= 1e-2 * steepest + 1e3 * floor)) return Number.isFinite(wobble) ? "unsettled" : "edge";
  if (gradient === null) return settled ? "slope" : "unsettled";
  if (relative <= 1e-6 || cancelled) return "agrees";
  if (near && settled) return (relative <= 1e-4 || gradient === 0) && off <= 4 * error ? "agrees" : "blurred";
  if (off <= 4 * error) return "unsettled";
  // the sides differ by little, and the gradient is that of one
  const isSide = (side) => Math.abs(side - gradient) <= 1e-6 * Math.abs(gradient);
  return isSide(left) !== isSide(right) ? "kink" : "differs";
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
function settledSlope(f, x, largest) {
  const scale = Math.max(1, Math.abs(x));
  const between = (step) => {
    const [right, left] = [f(x + step), f(x - step)];
    return [(right - left) / (x + step - (x - step)), Math.max(Math.abs(right), Math.abs(left), largest)];
  };
  const from = (step) => extrapolated(between, step, 2);
  const looseness = ([slope, error]) => error / (Math.abs(slope) + 1e-12 * largest);
  let best = from(1e-2 * scale);
  for (const step of [0.1 * Math.abs(x), 1e-4 * scale, 1e-6 * scale]) {
    if (!step || best[1] <= 1e-8 * Math.max(1, Math.abs(best[0]))) continue;
    const again = from(step);
    if (!(looseness(best) <= looseness(again))) best = again;
  }
  // long steps may see only the rise of a staircase: where short ones say something else, they are right
  const fine = from(1e-6 * scale);
  return Math.abs(fine[0] - best[0]) > 10 * (fine[1] + best[1]) + 1e-4 * Math.abs(best[0]) ? fine : best;
}

function slopesOfSides(f, x, step) {
  const here = f(x);
  const oneSided = (by) => [(f(x + by) - here) / (x + by - x), 0];
  const [right, left] = [extrapolated(oneSided, step, 1), extrapolated(oneSided, -step, 1)];
  const steepest = Math.max(Math.abs(right[0]), Math.abs(left[0]));
  return { right: right[0], left: left[0], steepest, wobble: right[1] + left[1] };
}

// [slope, error]. `order` is 2 where the error has even powers of the step only, as between two sides, and 1 on one
// side. `difference` tells the slope and how large the numbers were whose rounding is in it: where the steps are
// short, equal slopes mean little.
function extrapolated(difference, step, order) {
  const ratio = 1.4;
  let [best, spread, above] = [NaN, Infinity, []];
  for (let row = 0; row < 12; row += 1, step /= ratio) {
    const [slope, largest] = difference(step);
    const line = [slope];
    for (let column = 0; column < row; column += 1) {
      const factor = ratio ** (order * (column + 1));
      line.push((line[column] * factor - above[column]) / (factor - 1));
      const change = Math.max(Math.abs(line[column + 1] - line[column]), Math.abs(line[column + 1] - above[column]));
      const error = change + Math.abs((Number.EPSILON * largest) / step);
      if (error < spread) [best, spread] = [line[column + 1], error];
    }
    above = line;
  }
  return [best, spread];
}

// A sum of large contributions that cancel is known no better than they are; of what is no sum of them, as after a
// hook, they say nothing.
function conditionScale(run, index) {
  const gradient = run.gradients[index];
  if (!Number.isFinite(gradient)) return 0;
  let [sum, sizes] = [0, 0];
  for (const step of run.steps) {
    for (const push of step.contributions) {
      if (push.parent !== index || !push.tracked) continue;
      sum += push.amount;
      sizes += Math.abs(push.amount);
    }
  }
  return Math.abs(sum - gradient) <= 1e-12 * sizes ? Math.abs(gradient) + sizes : Math.abs(gradient);
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
