// Why a number is what it is, in words: gradients that are zero, tiny, huge or not finite, values that are not
// finite. What the local derivatives tell decides; names of ops serve the wording only.
//
// An explanation is {verdict, text, parts}: parts are text and {node}, for a reader who wants to go there.

import { pretty } from "./numbers.js";

// beside the gradient that the result itself starts with
const TINY = 1e-6;
const HUGE = 1e6;
// what is left of contributions, beside the sum of their sizes
const CANCELLED = 1e-6;
const MOST_NAMED = 3;
const foundContributions = new WeakMap();

// For each node, what its children pass to it in the backward pass, in the order of passing.
export function contributionsTo(run) {
  if (foundContributions.has(run)) return foundContributions.get(run);
  const uses = run.values.map(() => []);
  for (const { upstream, contributions } of run.steps) {
    for (const push of contributions) uses[push.parent].push({ ...push, upstream });
  }
  foundContributions.set(run, uses);
  return uses;
}

const trackedUses = (run, index) => contributionsTo(run)[index].filter((use) => use.tracked);

// Why the gradient of node `index` is zero, tiny, huge, NaN, infinite or not there; null if nothing is to be said.
export function whyGradient(player, index) {
  const { data, run, state } = player;
  if (player.diverged || index === data.root) return null;
  const gradient = run.gradients[index];
  const uses = trackedUses(run, index);
  if (!uses.length) return notReached(player, index);
  if (!state.received[index].length) {
    const owing = [...new Set(state.awaited[index])];
    return said(player, "not yet", "The backward pass has not come here yet: ", ...named(owing), ` still owe${owing.length > 1 ? "" : "s"} a contribution.`);
  }
  if (!Number.isFinite(gradient)) return whyNotFinite(player, index);
  const scale = uses.reduce((sum, use) => sum + Math.abs(use.amount), 0);
  const unit = Math.abs(data.seed) || 1;
  if (scale >= TINY * unit && Math.abs(gradient) <= CANCELLED * scale) return cancelled(player, uses);
  if (gradient === 0) return whyZero(player, index);
  if (Math.abs(gradient) < TINY * unit) return whySize(player, index, false);
  return Math.abs(gradient) > HUGE * unit ? whySize(player, index, true) : null;
}

// Why the value of node `index` is NaN or infinite: where on the way to it that began.
export function whyValue(player, index) {
  const { nodes, run: { values } } = player;
  if (player.diverged || Number.isFinite(values[index])) return null;
  let node = index;
  for (let next = node; next !== undefined; ) {
    node = next;
    const bad = nodes[node].parents.filter((parent) => !Number.isFinite(values[parent]));
    // from infinities a NaN is made anew, as in inf - inf
    next = Number.isNaN(values[node]) ? bad.find((parent) => Number.isNaN(values[parent])) : bad[0];
  }
  const { parents } = nodes[node];
  if (!parents.length) return said(player, "given", "It began with ", at(node), `, which was given ${notFinite(values[node])}.`);
  const domain = knownOf(player, node, "domain");
  const overflow = !domain && !Number.isNaN(values[node]) && parents.every((parent) => Number.isFinite(values[parent]));
  if (overflow) return said(player, "overflow", "Overflow began at ", ...made(player, node), ": larger than any double.");
  return said(player, "domain", `The first ${notFinite(values[node])} came from `, ...made(player, node), ".", domain);
}

// --- not there -------------------------------------------------------------------------------------------------

function notReached(player, index) {
  const { kind, frozen } = player.nodes[index];
  if (kind === "constant") return said(player, kind, "A plain number: no gradient is computed for it.");
  if (frozen) return said(player, "frozen", "It is frozen: the backward pass leaves it out.");
  const uses = contributionsTo(player.run);
  const reached = new Set([index]);
  for (const node of reached) uses[node].forEach((use) => reached.add(use.sender));
  const gate = [...reached].find((node) => uses[node].some((use) => use.upstream !== null));
  return said(player, "not reached", "No adjoint arrives: every way from the result to it is cut off", ...(gate === undefined ? [] : [" at ", at(gate)]), ".");
}

// --- zero ------------------------------------------------------------------------------------------------------

function cancelled(player, uses) {
  const side = (sign) => {
    const list = uses.filter((use) => sign * use.amount > 0).sort((a, b) => sign * (b.amount - a.amount));
    const sum = list.reduce((total, use) => total + use.amount, 0);
    return [pretty(sum), " through ", ...named(list.map((use) => use.sender))];
  };
  return said(player, "cancelled", "Its contributions cancel: ", ...side(1), ", against ", ...side(-1), ".");
}

// Every way towards the result that carried something ends at a local derivative of 0, or at a sum of 0.
function whyZero(player, index) {
  const reached = new Set([index]);
  const ends = [];
  for (const node of reached) {
    const uses = trackedUses(player.run, node);
    for (const use of uses) {
      if (use.upstream === 0 && Number.isFinite(use.local)) reached.add(use.sender);
      else if (use.amount === 0 && !ends.some(({ sender }) => sender === use.sender)) ends.push({ sender: use.sender, ...ending(player, use) });
    }
    if (uses.some((use) => use.amount !== 0)) ends.push({ verdict: "cancelled", parts: ["at ", at(node), " the contributions cancel to 0"] });
  }
  const alike = ends.every((end) => end.verdict === ends[0].verdict);
  const listed = ends.slice(0, MOST_NAMED).flatMap((end, place) => [place ? "; " : "", ...end.parts]);
  return said(player, alike ? ends[0].verdict : "blocked", ends.length > 1 ? `All ${ends.length} ways to it end in 0: ` : "", ...listed,
    ends.length > MOST_NAMED ? `; and ${ends.length - MOST_NAMED} more.` : ".");
}

const UNITS = { relu: "dead ReLU", leaky_relu: "dead unit", elu: "dead unit", hardtanh: "clipped", clip: "clipped" };
const PRODUCTS = ["mul", "prod", "dot", "div"];

// What stopped one contribution: {verdict, parts}.
function ending(player, use) {
  const { sender, parent, position, local, upstream } = use;
  const { parents, op, rule } = player.nodes[sender];
  const { values } = player.run;
  const { kink, summary } = player.data.rules[rule] || {};
  const end = (verdict, ...parts) => ({ verdict, parts });
  const unit = made(player, sender);
  if (!Number.isFinite(upstream) || !Number.isFinite(local)) {
    return end("zero rule", "at ", at(sender), ` 0 meets ${notFinite(local === 0 ? upstream : local)}: by the zero rule their product counts as 0`);
  }
  if (!kink) return end("hand-made", "the hand-made ", at(sender), " passes 0 on");
  if (local !== 0) return end("vanishing", `${pretty(upstream)} × ${pretty(local)} at `, at(sender), " is smaller than any double");
  if (kink.startsWith("slope 0 everywhere")) return end("step", ...unit, ` has slope 0 everywhere (${summary})`);
  if (kink.includes("arm not chosen")) {
    if (parents.length > 2 && position === 0) return end("step", "it only decides which arm ", at(sender), " takes: a condition has slope 0");
    return end("not chosen", at(sender), " = where(…) takes the other arm");
  }
  if (/\bties?\b/.test(kink)) return end("not chosen", ...unit, " takes another operand");
  const factor = parents.find((operand, place) => place !== position && values[operand] === 0);
  if (PRODUCTS.includes(op) && factor === parent) return end("flat point", "it is 0 and multiplied by itself in ", at(sender));
  if (PRODUCTS.includes(op) && factor !== undefined) return end("times zero", "in ", ...unit, " it meets ", at(factor), ", which is 0");
  const input = [" at ", at(parent), ` = ${pretty(values[parent])}`];
  const near = 1e-6 * Math.max(1, Math.abs(values[parent]));
  const steepest = Math.max(...[-near, near].map((step) => Math.abs(slopeNear(player, use, step))));
  if (steepest === 0 && UNITS[op]) return end(UNITS[op].split(" ")[0], `${UNITS[op]} `, at(sender), ": the slope is 0", ...input);
  // far out, at infinity, nothing can be told of the neighbourhood
  if (!(steepest > 0)) return end("saturated", "saturated unit ", ...unit, ": it is flat", ...input);
  if (steepest > 1e-3) return end("kink", ...unit, " stands on its kink", ...input, ` (${kink})`);
  return end("flat point", ...unit, " has a flat point", ...input, ": a minimum, a maximum or a saddle");
}

// The local derivative of the same op when its operand moves by `step`.
function slopeNear({ nodes, rules, run }, { sender, position }, step) {
  const operands = nodes[sender].parents.map((parent) => run.values[parent]);
  operands[position] += step;
  const rule = rules[nodes[sender].rule];
  return rule ? rule.partials(operands, rule.forward(operands))[position] : 0;
}

// --- tiny and huge -----------------------------------------------------------------------------------------------

// The factors on the way of the largest contributions: one of them alone is to blame, or all together.
function whySize(player, index, huge) {
  const path = mainPath(player.run, index, player.data.root);
  const size = (use) => Math.log(Math.abs(use.local));
  const worst = path.reduce((one, use) => (huge === size(use) > size(one) ? use : one));
  const all = Math.abs(path.reduce((sum, use) => sum + size(use), 0));
  const opposed = Math.abs(size(worst)) > 1.25 * all; // other factors undo it, and what is left has not one cause
  if (opposed || 2 * Math.abs(size(worst)) < all) {
    const factors = path.filter((use) => Math.abs(use.local) !== 1);
    const first = factors.slice(0, 5).map((use) => pretty(use.local, 3)).join(" × ");
    return said(player, huge ? "growing" : "vanishing", `${opposed ? "All" : `Many ${huge ? "large" : "small"}`} factors on the way: ${first}`,
      factors.length > 5 ? ` × … (${factors.length} factors)` : "", ` = ${pretty(factors.reduce((total, use) => total * use.local, 1), 3)}, beginning at `, at(factors[0].sender), ".");
  }
  const { sender, parent, local } = worst;
  const input = player.run.values[parent];
  // flat far out, and steeper on the way to 0
  const saturated = !huge && player.nodes[sender].parents.length === 1 && Math.abs(slopeNear(player, worst, -input / 2)) > 10 * Math.abs(local);
  const [verdict, words] = huge ? ["huge factor", "One steep op: "] : saturated ? ["saturated", "Saturated unit "] : ["small factor", "One small factor: "];
  return said(player, verdict, words, ...made(player, sender), ": its slope at ", at(parent), ` = ${pretty(input)} is ${huge ? "" : "only "}${pretty(local)}.`);
}

// From the node to the result by the largest contribution each time.
function mainPath(run, index, root) {
  const path = [];
  for (let node = index; node !== root; node = path[path.length - 1].sender) {
    const largest = trackedUses(run, node).reduce((one, use) => (Math.abs(use.amount) > Math.abs(one.amount) ? use : one));
    path.push({ ...largest, local: largest.local === null ? largest.amount / largest.upstream : largest.local });
  }
  return path;
}

// --- not finite --------------------------------------------------------------------------------------------------

// Back along the contributions to the first step whose amount was not finite.
function whyNotFinite(player, index) {
  const { run, nodes } = player;
  let node = index;
  let use = null;
  do {
    const bad = trackedUses(run, node).filter((one) => !Number.isFinite(one.amount));
    const nan = Number.isNaN(run.gradients[node]);
    if (nan && bad.length > 1 && !bad.some((one) => Number.isNaN(one.amount))) return said(player, "not finite", "At ", at(node), " contributions of inf and −inf meet: their sum is no number.");
    use = bad.find((one) => Number.isNaN(one.amount) === nan) || bad[0];
    if (!use) return said(player, "overflow", "The sum of the contributions to ", at(node), " is larger than any double.");
    node = use.sender;
  } while (!Number.isFinite(use.upstream) && node !== player.data.root);
  const { sender, parent, local, upstream, amount } = use;
  const began = ["In the backward pass it began at ", ...made(player, sender), `: upstream ${pretty(upstream)} × local derivative ${pretty(local)} = ${pretty(amount)} for `, at(parent), "."];
  const early = [sender, ...nodes[sender].parents].find((one) => !Number.isFinite(run.values[one]));
  if (early !== undefined) {
    const { verdict, parts } = whyValue(player, early);
    return said(player, verdict, ...began, " In the forward pass: ", ...parts);
  }
  return said(player, Number.isFinite(local) ? "overflow" : "steep", ...began, knownOf(player, sender, "domain"), knownOf(player, sender, "kink"));
}

// --- words -------------------------------------------------------------------------------------------------------

const at = (node) => ({ node });
const notFinite = (number) => (Number.isNaN(number) ? "NaN" : pretty(number));

function said(player, verdict, ...parts) {
  return { verdict, parts, text: parts.map((part) => (typeof part === "string" ? part : player.nodes[part.node].text)).join("") };
}

function named(nodes) {
  const list = nodes.slice(0, MOST_NAMED).flatMap((node, place) => [place ? ", " : "", at(node)]);
  return nodes.length > MOST_NAMED ? [...list, ` and ${nodes.length - MOST_NAMED} more`] : list;
}

// "n7 = exp(1000)": what was computed, in numbers.
function made(player, index) {
  const { parents, symbol, op } = player.nodes[index];
  const numbers = parents.map((parent) => pretty(player.run.values[parent]));
  const sign = { "+": "+", "-": "−", "*": "×", "/": "/", "**": "**" }[symbol];
  const second = /^−/.test(numbers[1]) ? `(${numbers[1]})` : numbers[1];
  if (sign && numbers.length === 2) return [at(index), ` = ${numbers[0]} ${sign} ${second}`];
  if (symbol.startsWith("**")) return [at(index), ` = ${/^−/.test(numbers[0]) ? `(${numbers[0]})` : numbers[0]}${symbol}`];
  return [at(index), ` = ${op || symbol}(${numbers.slice(0, 4).join(", ")}${numbers.length > 4 ? ", …" : ""})`];
}

function knownOf({ data, nodes }, index, what) {
  const rule = data.rules[nodes[index].rule];
  return !rule || ["every real number", "smooth"].includes(rule[what]) ? "" : ` For ${rule.op}: ${rule[what]}.`;
}
