// Why a number is what it is, in words: gradients that are zero, tiny, huge or not finite, values that are not
// finite. What the local derivatives tell decides; names of ops serve the wording only.
//
// An explanation is {verdict, text, parts}: parts are text and {node}, for a reader who wants to go there.

import { pretty } from "./numbers.js";

export const TINY = 1e-6; // beside the gradient that the result itself starts with
export const HUGE = 1e6;
const CANCELLED = 1e-6; // what is left of contributions, beside the sum of their sizes
const MOST_NAMED = 3;
const foundUses = new WeakMap();

// For each node, what its children pass to it in the backward pass, in the order of passing.
export function contributionsTo(run) {
  if (foundUses.has(run)) return foundUses.get(run);
  const uses = run.values.map(() => []);
  for (const { upstream, contributions } of run.steps) {
    for (const push of contributions) uses[push.parent].push({ ...push, upstream });
  }
  foundUses.set(run, uses);
  return uses;
}

// Why the gradient of node `index` is zero, tiny, huge, NaN, infinite or not there; null if nothing is to be said.
export function whyGradient(player, index) {
  const { data, run, state } = player;
  if (player.diverged || index === data.root) return null;
  const gradient = run.gradients[index];
  const uses = contributionsTo(run)[index].filter((use) => use.tracked);
  if (!uses.length) return notReached(player, index);
  if (!state.received[index].length) {
    const owing = [...new Set(state.awaited[index])];
    return said(player, "not yet", "The backward pass has not come here yet: ", ...named(owing), owing.length > 1 ? " still owe" : " still owes", " a contribution.");
  }
  if (!Number.isFinite(gradient)) return whyNotFinite(player, index);
  const scale = uses.reduce((sum, use) => sum + Math.abs(use.amount), 0);
  const unit = Math.abs(data.seed) || 1;
  if (scale >= TINY * unit && Math.abs(gradient) <= CANCELLED * scale) return cancelled(player, index, uses);
  if (gradient === 0) return whyZero(player, index);
  if (Math.abs(gradient) < TINY * unit) return whyTiny(player, index);
  return Math.abs(gradient) > HUGE * unit ? whyHuge(player, index) : null;
}

// Why the value of node `index` is NaN or infinite: where on the way to it that began.
export function whyValue(player, index) {
  const { values } = player.run;
  if (player.diverged || Number.isFinite(values[index])) return null;
  let node = index;
  for (;;) {
    const bad = player.nodes[node].parents.filter((parent) => !Number.isFinite(values[parent]));
    // from infinities a NaN is made anew, as in inf - inf
    const next = Number.isNaN(values[node]) ? bad.find((parent) => Number.isNaN(values[parent])) : bad[0];
    if (next === undefined) break;
    node = next;
  }
  const what = notFinite(values[node]);
  if (!player.nodes[node].parents.length) return said(player, "given", "It began with ", at(node), `, which was given ${what}.`);
  const overflow = player.nodes[node].parents.every((parent) => Number.isFinite(values[parent])) && Math.abs(values[node]) === Infinity && !domainOf(player, node);
  const began = overflow ? "Overflow began at " : `The first ${what} came from `;
  return said(player, overflow ? "overflow" : "domain", began, ...made(player, node), overflow ? ": larger than any double." : ".", domainOf(player, node));
}

// --- not there -------------------------------------------------------------------------------------------------

function notReached(player, index) {
  const node = player.nodes[index];
  if (node.kind === "constant") return said(player, "constant", "A plain number: nothing is learnt from it, so no gradient is computed.");
  if (node.frozen) return said(player, "frozen", "It is frozen: the backward pass leaves it out.");
  const uses = contributionsTo(player.run);
  const reached = new Set([index]);
  for (const place of reached) uses[place].forEach((use) => reached.add(use.sender));
  const gate = [...reached].find((place) => uses[place].some((use) => use.upstream !== null));
  return said(player, "not reached", "No adjoint arrives: every way from the result to it is cut off",
    ...(gate === undefined ? ["."] : [" at ", at(gate), "."]));
}

// --- zero ------------------------------------------------------------------------------------------------------

function cancelled(player, index, uses) {
  const largest = (sign) => uses.filter((use) => sign * use.amount > 0).sort((a, b) => sign * (b.amount - a.amount));
  const side = (list) => {
    const sum = list.reduce((total, use) => total + use.amount, 0);
    return [pretty(sum), " through ", ...named(list.map((use) => use.sender))];
  };
  return said(player, "cancelled", "Its contributions cancel: ", ...side(largest(1)), ", against ", ...side(largest(-1)), ".");
}

// Every way towards the result that carried something ends at a local derivative of 0, or at a sum of 0.
function whyZero(player, index) {
  const uses = contributionsTo(player.run);
  const reached = new Set([index]);
  const ends = [];
  for (const node of reached) {
    const tracked = uses[node].filter((use) => use.tracked);
    for (const use of tracked) {
      if (use.upstream === 0 && Number.isFinite(use.local)) reached.add(use.sender);
      else if (use.amount === 0 && !ends.some((end) => end.use?.sender === use.sender)) ends.push({ use, ...ending(player, use) });
    }
    if (tracked.some((use) => use.amount !== 0)) ends.push({ verdict: "cancelled", parts: ["at ", at(node), " the contributions cancel to 0"] });
  }
  const verdicts = [...new Set(ends.map((end) => end.verdict))];
  const shown = ends.slice(0, MOST_NAMED).flatMap((end, place) => [place ? "; " : "", ...end.parts]);
  const more = ends.length > MOST_NAMED ? `; and ${ends.length - MOST_NAMED} more` : "";
  const start = ends.length > 1 ? `All ${ends.length} ways to it end in 0: ` : "";
  return said(player, verdicts.length === 1 ? verdicts[0] : "blocked", start, ...shown, more, ".");
}

const DEAD = { relu: "dead ReLU", leaky_relu: "dead unit", elu: "dead unit", hardtanh: "clipped", clip: "clipped" };
const TAKES_ONE = ["maximum", "minimum", "max", "min"];
const PRODUCTS = ["mul", "prod", "dot", "div"];

// What stopped one contribution: {verdict, parts}.
function ending(player, use) {
  const { sender, parent, position, local, upstream } = use;
  const node = player.nodes[sender];
  const rule = player.data.rules[node.rule];
  const { values } = player.run;
  const shown = made(player, sender);
  if (upstream === 0 || !Number.isFinite(upstream)) {
    return { verdict: "zero rule", parts: ["at ", at(sender), ` 0 meets ${notFinite(local === 0 ? upstream : local)}: by the zero rule their product counts as 0`] };
  }
  if (!rule) return { verdict: "hand-made", parts: ["the hand-made ", at(sender), " passes 0 on"] };
  if (local !== 0) return { verdict: "vanishing", parts: ["the product ", `${pretty(upstream)} × ${pretty(local)} at `, at(sender), " is smaller than any double"] };
  if (rule.kink.startsWith("slope 0 everywhere")) return { verdict: "step", parts: [...shown, ` has slope 0 everywhere (${rule.summary})`] };
  if (rule.kink.includes("arm not chosen")) {
    const condition = node.parents.length > 2 && position === 0;
    return condition
      ? { verdict: "step", parts: ["it only decides which arm ", at(sender), " takes: a condition has slope 0"] }
      : { verdict: "not chosen", parts: [at(sender), " = where(…) takes the other arm"] };
  }
  if (TAKES_ONE.includes(node.op)) return { verdict: "not chosen", parts: [...shown, " takes another operand"] };
  const other = node.parents.findIndex((operand, place) => place !== position && values[operand] === 0);
  if (PRODUCTS.includes(node.op) && other >= 0) {
    const factor = node.parents[other];
    if (factor === parent) return { verdict: "flat point", parts: ["it is 0 and multiplied by itself in ", at(sender)] };
    return { verdict: "times zero", parts: ["in ", ...shown, " it meets ", at(factor), ", which is 0"] };
  }
  const input = [" at ", at(parent), ` = ${pretty(values[parent])}`];
  const [below, above] = [-1, 1].map((side) => Math.abs(slopeNear(player, use, side * 1e-6 * Math.max(1, Math.abs(values[parent])))));
  if (below === 0 && above === 0) {
    const dead = DEAD[node.op];
    return dead
      ? { verdict: dead === "clipped" ? dead : "dead", parts: [`${dead} `, at(sender), ": the slope is 0", ...input] }
      : { verdict: "saturated", parts: ["saturated unit ", ...shown, ": it is flat", ...input] };
  }
  if (Math.max(below, above) > 1e-3) return { verdict: "kink", parts: [...shown, " stands on its kink", ...input, ` (${rule.kink})`] };
  return { verdict: "flat point", parts: [...shown, " has a flat point", ...input, ": a minimum, a maximum or a saddle"] };
}

// The local derivative of the same op when its operand moves by `step`.
function slopeNear(player, { sender, position }, step) {
  const node = player.nodes[sender];
  const operands = node.parents.map((parent) => player.run.values[parent]);
  operands[position] += step;
  const rule = player.rules[node.rule];
  return rule.partials(operands, rule.forward(operands))[position];
}

// --- tiny and huge -----------------------------------------------------------------------------------------------

function whyTiny(player, index) {
  const path = mainPath(player, index);
  const worst = path.reduce((one, use) => (Math.abs(use.local) < Math.abs(one.local) ? use : one));
  if (!alone(worst, path)) return said(player, "vanishing", `Many small factors: along the main path of ${path.length} ops, `, ...products(player, path), ".");
  const { values } = player.run;
  const input = values[worst.parent];
  const nearer = player.rules[player.nodes[worst.sender].rule] ? Math.abs(slopeNear(player, worst, -input / 2)) : 0;
  const flat = player.nodes[worst.sender].parents.length === 1 && nearer > 10 * Math.abs(worst.local);
  const where = [`: its slope at `, at(worst.parent), ` = ${pretty(input)} is only ${pretty(worst.local)}.`];
  return said(player, flat ? "saturated" : "small factor", flat ? "Saturated unit " : "One small factor: ", ...made(player, worst.sender), ...where);
}

function whyHuge(player, index) {
  const path = mainPath(player, index);
  const worst = path.reduce((one, use) => (Math.abs(use.local) > Math.abs(one.local) ? use : one));
  if (!alone(worst, path)) return said(player, "growing", `Many large factors: along the main path of ${path.length} ops, `, ...products(player, path), ".");
  return said(player, "huge factor", "One steep op: ", ...made(player, worst.sender), " has slope ", pretty(worst.local), " at ", at(worst.parent),
    ` = ${pretty(player.run.values[worst.parent])}.`);
}

// From the node to the result by the largest contribution each time.
function mainPath(player, index) {
  const uses = contributionsTo(player.run);
  const path = [];
  for (let node = index; node !== player.data.root; node = path[path.length - 1].sender) {
    const tracked = uses[node].filter((use) => use.tracked);
    if (!tracked.length) break;
    path.push(tracked.reduce((one, use) => (Math.abs(use.amount) > Math.abs(one.amount) ? use : one)));
  }
  return path.map((use) => ({ ...use, local: use.local === null ? use.amount / use.upstream : use.local }));
}

// Whether one factor makes up half the orders of magnitude of the whole product.
function alone(worst, path) {
  const size = (use) => Math.log(Math.abs(use.local));
  return 2 * Math.abs(size(worst)) >= Math.abs(path.reduce((sum, use) => sum + size(use), 0));
}

function products(player, path) {
  const telling = path.filter((use) => Math.abs(use.local) !== 1);
  const factors = telling.slice(0, 5).map((use) => pretty(use.local, 3)).join(" × ");
  const product = pretty(path.reduce((total, use) => total * use.local, 1), 3);
  const most = telling[0] || path[0];
  return [`${factors}${telling.length > 5 ? ` × … (${telling.length} factors)` : ""} = ${product}, beginning at `, at(most.sender)];
}

// --- not finite --------------------------------------------------------------------------------------------------

// Back along the contributions to the first step whose amount was not finite.
function whyNotFinite(player, index) {
  const { run } = player;
  const uses = contributionsTo(run);
  let node = index;
  let use = null;
  for (;;) {
    const bad = uses[node].filter((one) => one.tracked && !Number.isFinite(one.amount));
    const worst = bad.find((one) => Number.isNaN(one.amount) === Number.isNaN(run.gradients[node])) || bad[0];
    if (!worst) break;
    use = worst;
    if (Number.isFinite(use.upstream)) break;
    node = use.sender;
  }
  const infinities = uses[node].some((one) => one.amount === Infinity) && uses[node].some((one) => one.amount === -Infinity);
  if (infinities) return said(player, "not finite", "At ", at(node), " contributions of inf and −inf meet: their sum is no number.");
  if (!use || !Number.isFinite(use.upstream)) return said(player, "overflow", "The sum of the contributions to ", at(node), " is larger than any double.");
  const { sender, parent, local, upstream, amount } = use;
  const forward = [sender, ...player.nodes[sender].parents].find((one) => !Number.isFinite(run.values[one]));
  const began = ["In the backward pass it began at ", ...made(player, sender), `: upstream ${pretty(upstream)} × local derivative ${pretty(local)} = ${pretty(amount)} for `, at(parent), "."];
  const cause = forward === undefined ? null : whyValue(player, forward);
  if (cause) return said(player, cause.verdict, ...began, " In the forward pass: ", ...cause.parts);
  const overflow = Number.isFinite(local);
  return said(player, overflow ? "overflow" : "steep", ...began, domainOf(player, sender), overflow ? "" : kinkOf(player, sender));
}

// --- words -------------------------------------------------------------------------------------------------------

function said(player, verdict, ...pieces) {
  const parts = pieces.filter((piece) => piece !== "");
  return { verdict, parts, text: parts.map((part) => (typeof part === "string" ? part : player.nodes[part.node].text)).join("") };
}

const at = (node) => ({ node });

function named(nodes) {
  const more = nodes.length - MOST_NAMED;
  const list = nodes.slice(0, MOST_NAMED).flatMap((node, place) => [place ? ", " : "", at(node)]);
  return more > 0 ? [...list, ` and ${more} more`] : list;
}

// "n7 = exp(1000)": what was computed, in numbers.
function made(player, index) {
  const { parents, symbol, op } = player.nodes[index];
  const numbers = parents.map((parent) => player.run.values[parent]);
  const inner = (number) => (number < 0 ? `(${pretty(number)})` : pretty(number));
  const sign = { "+": "+", "-": "−", "*": "×", "/": "/", "**": "**" }[symbol];
  if (sign && numbers.length === 2) return [at(index), ` = ${pretty(numbers[0])} ${sign} ${inner(numbers[1])}`];
  if (symbol.startsWith("**")) return [at(index), ` = ${inner(numbers[0])}${symbol}`];
  const listed = numbers.slice(0, 4).map((number) => pretty(number)).join(", ") + (numbers.length > 4 ? ", …" : "");
  return [at(index), ` = ${op || symbol}(${listed})`];
}

function domainOf(player, index) {
  const rule = player.data.rules[player.nodes[index].rule];
  return !rule || rule.domain === "every real number" ? "" : ` Domain of ${rule.op}: ${rule.domain}.`;
}

function kinkOf(player, index) {
  const rule = player.data.rules[player.nodes[index].rule];
  return !rule || rule.kink === "smooth" ? "" : ` Of ${rule.op} it is known: ${rule.kink}.`;
}

function notFinite(number) {
  return Number.isNaN(number) ? "NaN" : pretty(number);
}
