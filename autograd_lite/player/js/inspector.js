// One node in full: its numbers, what its gradient is the sum of, what it was computed from, a check of its
// gradient by finite differences, and in words why a number is out of the ordinary.

import { opSign } from "./appearance.js";
import { element, replaceChildren } from "./dom.js";
import { checkedGradient, dependentsOf } from "./differences.js";
import { contributionsTo, whyGradient, whyValue } from "./explain.js";
import { exact, format, pretty } from "./numbers.js";

const MOST_ROWS = 12;
const AT_ONCE = 100; // ops that a check may recompute before the page is drawn

export function mountInspector(root, player, view) {
  const checks = new WeakMap();
  let later = 0;
  player.subscribe((changes) => {
    if (!["position", "run", "selected", "mode", "tab"].some((change) => changes.has(change))) return;
    clearTimeout(later);
    if (player.tab !== "node") return;
    const index = player.inspected;
    const hadFocus = root !== document.activeElement && root.contains(document.activeElement);
    const place = element("div", { class: "inspect-check" });
    replaceChildren(root, headOf(player, index, view), player.diverged ? unknownParts(player, index) : knownParts(player, index, place));
    if (hadFocus) root.querySelector("h2").focus();
    if (!place.isConnected) return;
    if (!checks.has(player.run)) checks.set(player.run, new Map());
    const known = checks.get(player.run);
    const show = () => {
      if (!known.has(index)) known.set(index, checkedGradient(player, index));
      replaceChildren(place, checkParts(player, known.get(index)));
    };
    if (known.has(index) || dependentsOf(player.data, index).length < AT_ONCE) return show();
    place.append(dim("Computing the result again on neighbouring numbers …"));
    later = setTimeout(show, 120);
  });
}

const dim = (...content) => element("p", { class: "quiet" }, content);
const line = (...content) => element("p", {}, content);
const span = (look, ...content) => element("span", { class: look }, content);
const press = (words, action, look = null) => element("button", { type: "button", class: look, onclick: action }, words);
const cell = (...content) => element("td", {}, content);
const amount = (...content) => element("td", { class: "amount" }, content);
const number = (value, look = "") => element("span", { class: `number ${look}`, title: value === null ? null : exact(value) }, pretty(value));
const goTo = (player, index) => press(player.nodes[index].text, () => player.select(index), "inspect-link");
// Text in which every node is a button that goes there.
const linkedWords = (player, parts) => parts.map((part) => (typeof part === "string" ? part : goTo(player, part.node)));

function tableOf(titles, rows) {
  const heads = titles.map(([title, look]) => element("th", { scope: "col", class: look }, title));
  return element("table", { class: "inspect-table" }, element("thead", {}, element("tr", {}, heads)), element("tbody", {}, rows));
}

function rowOf(look, head, cells, wide = null) {
  return element("tr", { class: look }, element("th", { scope: "row", colspan: wide }, head), cells);
}

// --- the node ----------------------------------------------------------------------------------------------------

function headOf(player, index, view) {
  const { data, selected } = player;
  const node = data.nodes[index];
  const rule = data.rules[node.rule];
  const kinds = [
    { leaf: node.scope ? "parameter" : "leaf", constant: "constant", opaque: "hand-made op" }[node.kind],
    node.frozen && node.kind !== "constant" && "frozen", index === data.root && "result", selected !== null && "pinned",
  ];
  const source = node.at && [element("code", {}, node.at), " ", data.sources.places.length > 0 && press("Show source", () => player.showTab("source"))];
  return element("header", { class: "inspect-head" },
    element("div", { class: "inspect-title" },
      opSign(node) && span("inspect-op", opSign(node)),
      element("h2", { tabindex: "-1" }, node.text),
      kinds.filter(Boolean).map((kind) => span("inspect-kind", kind)),
      span("inspect-tools", press("Show in graph", () => view.reveal(index)), selected !== null && press("Follow the steps", () => player.select(null)))),
    rule && line(element("b", {}, rule.op), ` – ${rule.summary}`),
    node.label && node.label !== node.text && dim("label ", span("inspect-label", node.label)),
    node.scope && dim("in ", node.scope),
    source && dim("made at ", source),
    node.note && dim(node.note));
}

function unknownParts(player, index) {
  if (!player.nodes[index].parents.length) return numbersOf([["Value", player.run.values[index]]]);
  return dim("Not known on these numbers: the program would take another branch.");
}

function knownParts(player, index, check) {
  const { state, run, quizHidden } = player;
  const value = state.values[index];
  const title = element("h3", {}, "Check by finite differences");
  return [
    numbersOf([["Value", value], ["Gradient", quizHidden ? null : state.gradients[index], "gradient"]]),
    value === null ? dim("Not computed yet", !quizHidden && ["; it will be ", number(run.values[index])], ".")
      : noteOf(player, `Why the value is ${pretty(value)}`, whyValue(player, index)),
    quizHidden ? dim("The gradient is hidden until you have answered.") : [noteOnGradient(player, index), sumParts(player, index)],
    operandParts(player, index),
    !quizHidden && [title, check],
  ];
}

function numbersOf(rows) {
  const digits = (value) => typeof value === "number" && Number.isFinite(value) && exact(value) !== format(value)
    && element("dd", { class: "inspect-exact", title: "All digits; one click selects them" }, exact(value));
  return element("dl", { class: "inspect-numbers" }, rows.map(([name, value, look]) =>
    element("div", {}, element("dt", {}, name), element("dd", { class: look }, pretty(value)), digits(value))));
}

function noteOnGradient(player, index) {
  const why = whyGradient(player, index);
  const gradient = player.run.gradients[index];
  if (why && ["not yet", "constant", "frozen"].includes(why.verdict)) {
    return element("p", { class: "quiet", "data-verdict": why.verdict }, linkedWords(player, why.parts));
  }
  if (gradient === null) return noteOf(player, "Why there is no gradient", why);
  const ordinary = Number.isFinite(gradient) && gradient !== 0;
  return noteOf(player, `Why the gradient is ${ordinary ? (Math.abs(gradient) < 1 ? "so small" : "so large") : pretty(gradient)}`, why);
}

function noteOf(player, title, why) {
  return why && element("div", { class: "inspect-why", role: "note", "data-verdict": why.verdict },
    element("span", { class: "inspect-mark", "aria-hidden": "true" }, "?"),
    element("div", {}, element("strong", {}, title), line(linkedWords(player, why.parts))));
}

// --- what its gradient is the sum of -------------------------------------------------------------------------------

function sumParts(player, index) {
  const { run, state, data } = player;
  const tracked = contributionsTo(run)[index].filter((use) => use.tracked);
  const title = (words, note) => element("h3", {}, words, span("quiet", note));
  if (index === data.root) return [title("Its gradient", ""), dim(`The backward pass starts here, with ${pretty(data.seed)}.`)];
  if (!tracked.length) return null;
  const all = tracked.length;
  const got = state.received[index].length;
  const bySize = (a, b) => Math.abs(b.amount) - Math.abs(a.amount);
  const shown = all > MOST_ROWS ? tracked.slice().sort(bySize).slice(0, MOST_ROWS) : tracked;
  const rest = tracked.filter((use) => !shown.includes(use));
  const widest = Math.max(...tracked.map((use) => Math.abs(use.amount)).filter(Number.isFinite), 0);
  const rows = shown.map((use) => rowOf(tracked.indexOf(use) < got ? null : "awaited",
    [goTo(player, use.sender), use.late && span("bad", " too late")],
    [cell(use.local === null ? use.note : [number(use.local), " × ", number(use.upstream, "gradient")]), amount(number(use.amount)), shareBar(use.amount, widest)]));
  const summed = (look, words, value) => rowOf(look, words, [amount(value), cell()], "2");
  return [
    title("Its gradient is a sum", ` of ${all} contribution${all > 1 ? "s" : ""}`),
    got > 0 && got < all && dim(`${got} of ${all} contributions are in; finished it will be `, number(run.gradients[index]), "."),
    tableOf([["through"], ["local × upstream"], ["adds", "amount"], [span("visually-hidden", "share")]], [
      rows,
      rest.length > 0 && summed(null, `${rest.length} smaller ones`, number(rest.reduce((sum, use) => sum + use.amount, 0))),
      summed("total", got < all ? "their sum, once all are in" : "their sum", number(run.gradients[index], "gradient")),
    ]),
    got < all && dim(span("inspect-outlined"), ` outlined: ${all - got} still to come`),
  ];
}

// To the right of the middle what adds, to its left what takes away.
function shareBar(share, widest) {
  const bar = span(share < 0 ? "minus" : share > 0 ? "plus" : "");
  bar.style.width = `${widest && Number.isFinite(share) ? (50 * Math.abs(share)) / widest : 0}%`;
  return element("td", { class: "share" }, element("div", { class: "inspect-bar" }, bar));
}

// --- what it was computed from -------------------------------------------------------------------------------------

function operandParts(player, index) {
  const { run, nodes, data, quizHidden } = player;
  const { parents, tracked, rule } = nodes[index];
  if (!parents.length) return null;
  const slope = (parent, place) => {
    if (nodes[parent].frozen || !tracked[place]) return span("quiet", nodes[parent].kind === "constant" ? "constant" : nodes[parent].frozen ? "frozen" : "none");
    const local = run.locals[index][place];
    return quizHidden || typeof local !== "number" ? span("quiet", quizHidden ? "hidden" : "not known") : number(local);
  };
  const rows = parents.slice(0, MOST_ROWS).map((parent, place) =>
    rowOf(null, goTo(player, parent), [amount(number(run.values[parent])), amount(slope(parent, place))]));
  const { domain, kink } = data.rules[rule] || { domain: "every real number", kink: "smooth" };
  return [
    element("h3", {}, "It was computed from"),
    tableOf([["operand"], ["value", "amount"], ["local derivative", "amount"]], rows),
    parents.length > MOST_ROWS && dim(`and ${parents.length - MOST_ROWS} more operands`),
    domain !== "every real number" && dim("domain: ", domain),
    kink !== "smooth" && dim("kink: ", kink),
  ];
}

// --- the check -----------------------------------------------------------------------------------------------------

const MARKS = { agrees: ["✓", "agrees", "good"], differs: ["✗", "differs", "bad"], slope: ["·", "slope only", ""] };

function checkParts(player, { verdict, slope, error, gradient, left, right, off, relative, cancelled, parts }) {
  const [mark, word, look] = MARKS[verdict] || ["?", "cannot tell", ""];
  const slopes = ["slope ", number(slope ?? null), " ± ", pretty(error, 2)];
  const says = {
    agrees: [slopes, cancelled ? ["; difference to the gradient ", pretty(off, 2), ", which is rounding: it is a sum of contributions of size ", pretty(cancelled, 2)]
      : ["; relative difference to the gradient ", pretty(relative, 2)]],
    blurred: [slopes, ". Beside the numbers on the way, slope and gradient are too small to be told apart from rounding"],
    slope: [slopes, ". No gradient is computed here, but the result does depend on it so."],
    differs: [slopes, ", but the gradient is ", number(gradient ?? null, "bad"),
      player.naive && ". The naive order is wrong here: some node passed on what it had before everything had arrived"],
    kink: ["A kink is here or very near: slope ", number(left ?? null), " on the left, ", number(right ?? null), " on the right",
      typeof gradient === "number" && ["; the gradient ", number(gradient), " is that of one side, or a choice"]],
    edge: ["Slopes on both sides are needed; an edge of the domain, a jump or a pole is in the way"],
    unsettled: ["The differences do not settle: a jump, a pole or a kink is very near. Best guess: ", slopes],
    unknown: [],
  };
  return [
    element("p", { class: `inspect-verdict ${look}`, "data-check": verdict },
      element("span", { class: "inspect-sign", "aria-hidden": "true" }, mark), element("strong", {}, word)),
    line(says[verdict], !["agrees", "slope"].includes(verdict) && linkedWords(player, parts)),
  ];
}
