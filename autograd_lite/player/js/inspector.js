// One node in full: its numbers, what its gradient is the sum of, what it was computed from, a check of its
// gradient by finite differences, and in words why a number is out of the ordinary.

import { element, replaceChildren } from "./dom.js";
import { checkedGradient, dependentsOf } from "./differences.js";
import { contributionsTo, whyGradient, whyValue } from "./explain.js";
import { exact, pretty } from "./numbers.js";

const MOST_ROWS = 12;
const AT_ONCE = 300; // ops that a check may recompute before the page is drawn
const quietLine = (...content) => element("p", { class: "quiet" }, ...content);
const heading = (title, note = "") => element("h3", {}, title, note && element("span", { class: "quiet" }, ` ${note}`));

export function mountInspector(root, player, view) {
  const checks = new WeakMap();
  let waiting = 0;
  const draw = () => {
    clearTimeout(waiting);
    if (player.tab !== "node") return;
    const focused = root.contains(document.activeElement) && document.activeElement !== root;
    const index = player.inspected;
    const place = element("div", { class: "inspect-check" });
    const parts = player.diverged ? unknownParts(player, index) : knownParts(player, index, place);
    replaceChildren(root, headOf(player, index, view), parts);
    if (focused) root.querySelector("h2").focus();
    if (!place.isConnected) return;
    const small = checked(player.run).has(index) || dependentsOf(player.data, index).length < AT_ONCE;
    const show = () => replaceChildren(place, checkParts(player, index, checkOf(index)));
    if (small) return show();
    replaceChildren(place, quietLine("Computing the result again on neighbouring numbers …"));
    waiting = setTimeout(show, 120);
  };
  const checked = (run) => checks.get(run) || checks.set(run, new Map()).get(run);
  const checkOf = (index) => {
    const known = checked(player.run);
    if (!known.has(index)) known.set(index, checkedGradient(player, index));
    return known.get(index);
  };
  player.subscribe((changes) => {
    if (["position", "run", "selected", "mode", "tab"].some((change) => changes.has(change))) draw();
  });
}

// --- the node ----------------------------------------------------------------------------------------------------

function headOf(player, index, view) {
  const { data, nodes } = player;
  const node = nodes[index];
  const rule = data.rules[node.rule];
  const pinned = player.selected !== null;
  const source = node.at && element("span", {}, "made at ", element("code", {}, node.at));
  const open = node.place !== undefined && data.sources.places.length > 0
    && element("button", { type: "button", class: "plain", onclick: () => player.showTab("source") }, "Show source");
  return element("header", { class: "inspect-head" },
    element("div", { class: "inspect-title" },
      node.symbol && element("span", { class: "inspect-op", "aria-hidden": "true" }, { "*": "×", "-": "−" }[node.symbol] || node.symbol),
      element("h2", { tabindex: "-1" }, node.text),
      [...kindsOf(player, index), pinned && "pinned"].filter(Boolean).map((kind) => element("span", { class: "inspect-kind" }, kind)),
      element("span", { class: "inspect-tools" },
        view.reveal && element("button", { type: "button", onclick: () => view.reveal(index) }, "Find"),
        pinned && element("button", { type: "button", onclick: () => player.select(null) }, "Follow the steps"))),
    rule && element("p", {}, element("b", {}, rule.op), ` – ${rule.summary}`),
    node.label && node.label !== node.text && quietLine("label ", element("span", { class: "inspect-label" }, node.label)),
    (node.scope || source) && quietLine(...[node.scope, source, open].filter(Boolean).flatMap((part, k) => (k ? [" · ", part] : [part]))),
    node.note && quietLine(node.note));
}

function kindsOf({ data }, index) {
  const node = data.nodes[index];
  const kind = { leaf: node.parameter ? "parameter" : "leaf", constant: "constant", opaque: "hand-made op", op: "" }[node.kind];
  return [kind, node.frozen && node.kind !== "constant" ? "frozen" : "", index === data.root ? "result" : ""].filter(Boolean);
}

function unknownParts(player, index) {
  if (!player.nodes[index].parents.length) return [numbersOf([["Value", player.run.values[index]]])];
  return [quietLine("Not known on these numbers: the program would take another branch.")];
}

function knownParts(player, index, check) {
  const { state, run, quizHidden } = player;
  const value = state.values[index];
  const later = value === null && !quizHidden ? ["Not computed yet; it will be ", number(run.values[index])] : ["Not computed yet"];
  const parts = [
    numbersOf([["Value", value], ["Gradient", quizHidden ? undefined : state.gradients[index], "gradient"]]),
    value === null && quietLine(...later, "."),
    value !== null && noteOf(player, `Why the value is ${pretty(value)}`, whyValue(player, index)),
  ];
  if (quizHidden) return [...parts, quietLine("The gradient is hidden until you have answered."), ...operandParts(player, index)].filter(Boolean);
  const why = whyGradient(player, index);
  const early = why && ["not yet", "constant", "frozen"].includes(why.verdict);
  return [
    ...parts,
    progressOf(player, index),
    early ? element("p", { class: "quiet", "data-verdict": why.verdict }, linkedWords(player, why.parts)) : noteOf(player, whyTitle(run.gradients[index]), why),
    ...sumParts(player, index),
    ...operandParts(player, index),
    heading("Check by finite differences"), check,
  ].filter(Boolean);
}

function whyTitle(gradient) {
  if (gradient === null) return "Why there is no gradient";
  if (!Number.isFinite(gradient) || gradient === 0) return `Why the gradient is ${pretty(gradient)}`;
  return Math.abs(gradient) < 1 ? "Why the gradient is so small" : "Why the gradient is so large";
}

function numbersOf(rows) {
  return element("dl", { class: "inspect-numbers" }, rows.map(([name, value, look = ""]) =>
    element("div", {}, element("dt", {}, name), element("dd", { class: look }, pretty(value)),
      typeof value === "number" && exact(value) !== pretty(value)
        && element("dd", { class: "inspect-exact" }, element("code", { title: "All digits; one click selects them" }, exact(value))))));
}

function progressOf({ state, run, data }, index) {
  const got = state.received[index].length;
  const all = got + state.awaited[index].length;
  const final = run.gradients[index];
  if (got === all || !got || index === data.root) return null;
  return quietLine(`${got} of ${all} contributions are in; finished it will be `, number(final), ".");
}

function noteOf(player, title, why) {
  if (!why) return null;
  return element("div", { class: "inspect-why", role: "note", "data-verdict": why.verdict },
    element("span", { class: "inspect-mark", "aria-hidden": "true" }, "?"),
    element("div", {}, element("strong", {}, title), element("p", {}, linkedWords(player, why.parts))));
}

// Text in which every node is a button that goes there.
function linkedWords(player, parts) {
  return parts.map((part) => (typeof part === "string" ? part : nodeButton(player, typeof part === "number" ? part : part.node)));
}

function nodeButton(player, index) {
  return element("button", { type: "button", class: "inspect-link", onclick: () => player.select(index) }, player.nodes[index].text);
}

function number(value, look = "") {
  return element("span", { class: `number ${look}`, title: value === null ? null : exact(value) }, pretty(value));
}

// --- what its gradient is the sum of -------------------------------------------------------------------------------

function sumParts(player, index) {
  const { run, state, data } = player;
  const uses = contributionsTo(run)[index];
  const tracked = uses.filter((use) => use.tracked);
  if (index === data.root) return [heading("Its gradient"), quietLine("The backward pass starts here: ∂", player.nodes[index].text, "/∂", player.nodes[index].text, ` = ${pretty(data.seed)}.`)];
  if (!tracked.length) return [];
  const arrived = new Set(tracked.slice(0, state.received[index].length));
  const shown = tracked.length > MOST_ROWS ? tracked.slice().sort(bySize).slice(0, MOST_ROWS) : tracked;
  const rest = tracked.filter((use) => !shown.includes(use));
  const widest = Math.max(...tracked.map((use) => Math.abs(use.amount)).filter(Number.isFinite), 0);
  const row = (use) => element("tr", { class: arrived.has(use) ? "" : "awaited" },
    element("th", { scope: "row" }, nodeButton(player, use.sender), use.late && element("span", { class: "bad" }, " too late")),
    element("td", {}, use.local === null ? use.note : [number(use.local), " × ", number(use.upstream, "gradient")]),
    element("td", { class: "amount" }, number(use.amount)), shareBar(use.amount, widest));
  const others = rest.length > 0 && element("tr", {}, element("th", { scope: "row", colspan: "2" }, `${rest.length} smaller ones`),
    element("td", { class: "amount" }, number(rest.reduce((sum, use) => sum + use.amount, 0))), element("td"));
  const total = element("tr", { class: "total" }, element("th", { scope: "row", colspan: "2" }, "their sum"),
    element("td", { class: "amount gradient" }, number(run.gradients[index])), element("td"));
  const waiting = tracked.length - arrived.size;
  return [
    heading("Its gradient is a sum", tracked.length === 1 ? "of one contribution" : `of ${tracked.length} contributions`),
    element("table", { class: "inspect-table" },
      element("thead", {}, element("tr", {}, ["through", "local × upstream", "adds"].map(columnHead),
        element("th", { scope: "col" }, element("span", { class: "visually-hidden" }, "share")))),
      element("tbody", {}, shown.map(row), others, total)),
    waiting > 0 && quietLine(element("span", { class: "inspect-outlined", "aria-hidden": "true" }), ` outlined: ${waiting} still to come`),
  ];
}

const columnHead = (title) => element("th", { scope: "col", class: ["adds", "value", "local derivative"].includes(title) ? "amount" : null }, title);
const bySize = (a, b) => Math.abs(b.amount) - Math.abs(a.amount);

// To the right of the middle what adds, to its left what takes away.
function shareBar(amount, widest) {
  const bar = element("span", { class: amount < 0 ? "minus" : "plus" });
  bar.style.width = `${widest && Number.isFinite(amount) ? (50 * Math.abs(amount)) / widest : 0}%`;
  return element("td", { class: "share" }, element("div", { class: "inspect-bar" }, bar));
}

// --- what it was computed from -------------------------------------------------------------------------------------

function operandParts(player, index) {
  const { run, nodes, quizHidden } = player;
  const { parents, tracked } = nodes[index];
  const rule = player.data.rules[nodes[index].rule];
  if (!parents.length) return [];
  const slope = (place) => {
    if (!tracked[place] || nodes[parents[place]].frozen) return element("span", { class: "quiet" }, nodes[parents[place]].frozen ? "frozen" : "constant");
    if (quizHidden) return element("span", { class: "quiet" }, "hidden");
    const local = run.locals[index][place];
    return local === null || local === undefined ? element("span", { class: "quiet" }, "not known") : number(local);
  };
  const row = (parent, place) => element("tr", {}, element("th", { scope: "row" }, nodeButton(player, parent)),
    element("td", { class: "amount" }, number(run.values[parent])), element("td", { class: "amount" }, slope(place)));
  const facts = rule ? [["domain", rule.domain, "every real number"], ["kink", rule.kink, "smooth"]].filter(([, text, usual]) => text !== usual) : [];
  return [
    heading("It was computed from"),
    element("table", { class: "inspect-table" },
      element("thead", {}, element("tr", {}, ["operand", "value", "local derivative"].map(columnHead))),
      element("tbody", {}, parents.slice(0, MOST_ROWS).map(row))),
    parents.length > MOST_ROWS && quietLine(`and ${parents.length - MOST_ROWS} more operands`),
    ...facts.map(([name, text]) => quietLine(element("b", {}, name), `: ${text}`)),
  ];
}

// --- the check -----------------------------------------------------------------------------------------------------

const MARKS = { agrees: ["✓", "agrees", "good"], differs: ["✗", "differs", "bad"], slope: ["·", "slope only", "quiet"] };

function checkParts(player, index, check) {
  const { verdict, slope, error, gradient, left, right, relative } = check;
  const reason = linkedWords(player, check.reason);
  const [mark, word, look] = MARKS[verdict] || ["?", "cannot tell", "quiet"];
  const line = element("p", { class: "inspect-verdict", "data-check": verdict },
    element("span", { class: `inspect-sign ${look}`, "aria-hidden": "true" }, mark), element("strong", { class: look }, word));
  const slopes = () => ["slope ", number(slope), " ± ", element("span", { class: "number quiet" }, pretty(error, 2))];
  const why = reason.length > 0 && verdict !== "agrees" && element("p", {}, reason, ".");
  const says = {
    agrees: () => [line, element("p", {}, slopes()), quietLine("relative difference to the gradient ", pretty(relative, 2))],
    slope: () => [line, element("p", {}, slopes()), quietLine("No gradient is computed here, but the result does depend on it with this slope.")],
    differs: () => [line, element("p", {}, slopes(), ", but the gradient is ", number(gradient, "bad")),
      player.naive ? element("p", {}, "The naive order is wrong here: this node passed on what it had before everything had arrived, or waits behind one that did.") : why],
    kink: () => [line, element("p", {}, "A kink is here: slope ", number(left), " on the left, ", number(right), " on the right", gradient === null ? "." : ["; the gradient ", number(gradient), " is a choice among them."]), why],
    edge: () => [line, element("p", {}, "Differences on both sides need finite values and slopes on both sides; here an edge of the domain, a jump or a pole is in the way."), why],
    unsettled: () => [line, element("p", {}, "The differences do not settle: a jump, a pole, or a kink is very near. Best guess: ", slopes(), "."), why],
    unknown: () => [line, why],
  };
  return says[verdict]();
}
