// What the step just done did: the chain rule as formula, with numbers, and as before + added = after.

import { opSign } from "./appearance.js";
import { element, replaceChildren } from "./dom.js";
import {
  derivativeElement, fillFormula, formulaElement, mathml, nameElement, numberElement, partialTemplate,
} from "./formulas.js";
import { pretty } from "./numbers.js";
import { sameGradient } from "./passes.js";
import { nameOf, spokenList } from "./words.js";

const FEW_PARENTS = 8; // parents shown before the reader asks for all
const FEW_NAMES = 4;

const styled = (tag, name, ...children) => element(tag, { class: name }, ...children);
const quiet = (tag, ...children) => styled(tag, "quiet", ...children);
const operator = (sign) => mathml("mo", sign);

export function mountStep(root, player) {
  const panel = { player, allOf: null }; // the step whose parents are all shown
  const draw = () => {
    root.dataset.position = player.position;
    replaceChildren(root, ...stepContent(panel, draw));
    // all panels are drawn before anything is measured
    requestAnimationFrame(() => shrinkWide(root));
  };
  window.addEventListener("resize", () => shrinkWide(root));
  player.subscribe((changes) => {
    if (changes.has("position") || changes.has("run") || changes.has("mode")) draw();
  });
}

function stepContent(panel, draw) {
  const { player } = panel;
  const { step } = player;
  if (player.diverged) return divergedContent(player);
  if (!step) return startContent(player);
  const content = [stepHeading(player, step)];
  if (step.action === "compute") content.push(...forwardContent(player, step));
  else if (step.action === "seed") content.push(...seedContent(player, step));
  else content.push(...backwardContent(panel, step, draw));
  if (player.position === player.total && !player.quizHidden) content.push(...endContent(player));
  return content;
}

// --- the parts of a card ----------------------------------------------------------------------------------

function stepHeading(player, step) {
  const node = player.nodes[step.node];
  return styled("header", "step-heading", phaseBadge(step.phase),
    styled("span", "step-count", `step ${step.index + 1} of ${player.total}`),
    element("h2", {}, nodeLink(player, step.node),
      step.action === "seed" ? null : element("span", { class: "op-chip", title: node.op }, opSign(node)),
      step.action === "propagate" ? reminder(player, step.node) : null),
    node.at && step.phase === "forward" ? styled("span", "step-at quiet", node.at) : null);
}

function phaseBadge(phase) {
  return styled("span", `phase-badge ${phase}`, phase[0].toUpperCase() + phase.slice(1));
}

// How the node was computed, where its derivatives are spoken of.
function reminder(player, index) {
  const { text, rule, parents } = player.nodes[index];
  if (!player.data.rules[rule] || parents.length > FEW_NAMES) return null;
  const [named] = filledTwice(player, player.data.rules[rule].value, index);
  return styled("span", "reminder quiet",
    formulaElement(nameElement(text), operator("="), ...named.childNodes));
}

function nodeLink(player, index) {
  const text = nameOf(player, index);
  const title = `Show ${text} in the inspector`;
  const onclick = () => player.select(index);
  return element("button", { type: "button", class: "node-link", title, onclick }, text);
}

// A chain of equations without what is the same as what follows; where it breaks into lines, the equals signs
// stand below one another.
function equationLines(left, ...rights) {
  const told = rights.filter((right, place) => right.textContent !== rights[place + 1]?.textContent);
  const parts = told.map((right) => styled("span", "equation-part", formulaElement(operator("=")), right));
  return styled("div", "equations", styled("span", "equation-left", formulaElement(left)),
    styled("div", "equation-rights", parts));
}

function resultNumber(value, kind = "result") {
  const made = formulaElement(numberElement(value));
  made.setAttribute("class", kind);
  return made;
}

// A formula with names and with numbers.
function filledTwice(player, template, node, position = 0) {
  const { parents } = player.nodes[node];
  return [
    fillFormula(template, parents.map((parent) => operandName(player, parent)), position),
    fillFormula(template, parents.map((parent) => player.run.values[parent]), position),
  ];
}

// Constants speak for themselves; everything else has a name.
function operandName(player, index) {
  const { kind, label, text } = player.nodes[index];
  return kind === "constant" && !label ? player.run.values[index] : text;
}

// --- forward ----------------------------------------------------------------------------------------------

function forwardContent(player, step) {
  const node = player.nodes[step.node];
  const result = resultNumber(player.run.values[step.node]);
  const rule = player.data.rules[node.rule];
  if (!rule) {
    const listed = node.parents.flatMap((parent) => [operator(","), nameElement(nameOf(player, parent))]);
    return [
      equationLines(nameElement(node.text),
        formulaElement(mathml("mi", node.symbol), operator("("), ...listed.slice(1), operator(")")), result),
      quiet("p", "A hand-made op: its value comes from the program's own Python."),
    ];
  }
  // a sign needs no explanation, a function's name may
  const told = /^\p{L}/u.test(node.symbol);
  return [
    equationLines(nameElement(node.text), ...filledTwice(player, rule.value, step.node), result),
    told ? styled("p", "quiet step-summary", `${rule.op}: ${rule.summary}`) : null,
  ];
}

// --- backward ---------------------------------------------------------------------------------------------

function seedContent(player, step) {
  const name = nameOf(player, step.node);
  return [
    equationLines(derivativeElement(name, name), resultNumber(step.upstream)),
    element("p", {}, `Every backward pass begins with this 1: if ${name} grows by a little, `,
      `then ${name} grows by just as much. All other gradients are this 1, multiplied by the local `,
      "derivatives on the way down."),
  ];
}

function backwardContent(panel, step, draw) {
  const { player } = panel;
  const { contributions } = step;
  const root = nameOf(player, player.data.root);
  const node = player.nodes[step.node];
  const all = panel.allOf === step || contributions.length <= FEW_PARENTS + 1;
  const shown = all ? contributions : contributions.slice(0, FEW_PARENTS);
  const upstream = numberElement(step.upstream);
  const came = formulaElement(derivativeElement(root, node.text), operator("="), upstream);
  came.setAttribute("class", "gradient");
  return [
    styled("p", "came-in", quiet("span", "came in"), came),
    hookNote(node) ? styled("p", "step-note", hookNote(node)) : null,
    chainRule(root, node.text),
    styled("ul", "pushes", shown.map((push) => pushBlock(player, step, push))),
    all ? null : showAll(`Show all ${contributions.length}`, () => {
      panel.allOf = step;
      draw();
    }),
  ];
}

function showAll(text, onclick) {
  return element("button", { type: "button", class: "show-all", onclick }, text);
}

// What a hook did to a node's gradient; that an op is hand-made is said elsewhere.
function hookNote(node) {
  return (node.note || "").replace(/^hand-made op(, )?/, "");
}

// The general line, of which every block below is a case.
function chainRule(root, name) {
  const parent = () => mathml("mtext", "parent");
  return styled("p", "chain-rule quiet", formulaElement(derivativeElement(root, parent()), operator("+="),
    derivativeElement(root, name), operator("·"), derivativeElement(name, parent())));
}

function pushBlock(player, step, push) {
  const { parents } = player.nodes[step.node];
  const repeated = parents.indexOf(push.parent) !== parents.lastIndexOf(push.parent);
  const head = styled("div", "push-head", quiet("span", "to"), nodeLink(player, push.parent),
    repeated ? quiet("span", `operand ${push.position + 1}`) : null);
  if (!push.tracked) {
    const why = /^(constant|frozen)$/.test(push.note) ? `is ${push.note}: ` : "";
    head.append(quiet("span", `${why}nothing is passed on`));
    return styled("li", "push untracked", head);
  }
  const derived = push.local === null
    ? [quiet("p", "A hand-made op: its own rule, in Python, says what is added.")]
    : derivativeLines(player, step, push);
  const added = [sumBoxes(player, push), pushStatus(player, push)];
  return styled("li", push.late ? "push late" : "push", head, derived, added);
}

// The local derivative, and what it makes of the gradient that came in.
function derivativeLines(player, step, push) {
  const node = player.nodes[step.node];
  const [root, parent] = [nameOf(player, player.data.root), nameOf(player, push.parent)];
  const rule = player.data.rules[node.rule];
  const formulas = rule
    ? filledTwice(player, partialTemplate(rule, push.position, node.parents.length), step.node, push.position)
    : [];
  return [
    equationLines(derivativeElement(node.text, parent), ...formulas, resultNumber(push.local, "")),
    equationLines(mathml("mtext", "added"),
      formulaElement(derivativeElement(root, node.text), operator("·"), derivativeElement(node.text, parent)),
      formulaElement(numberElement(step.upstream), operator("·"), numberElement(push.local, "")),
      resultNumber(push.amount)),
  ];
}

// before + added = after, the one line that the whole backward pass consists of.
function sumBoxes(player, push) {
  const box = (kind, value) => styled("span", `sum-box ${kind}`, styled("span", "sum-label", kind), " ",
    styled("span", "sum-number", resultNumber(value, "")));
  const sign = (text) => styled("span", "sum-sign", text);
  const label = `gradient of ${nameOf(player, push.parent)}`;
  return element("div", { class: "sum", role: "group", "aria-label": label },
    box("before", push.before), sign("+"), box("added", push.amount), sign("="), box("after", push.after));
}

function pushStatus(player, push) {
  const parent = player.nodes[push.parent];
  const status = (kind, ...words) => styled("p", `push-status ${kind}`, ...words);
  if (push.late) return status("bad", `too late: ${parent.text} had already passed on its gradient`);
  const waiting = [...new Set(push.waitingFor)];
  const note = hookNote(parent);
  if (!waiting.length) return status("good", `✓ gradient of ${parent.text} complete${note && ` (${note})`}`);
  const few = waiting.slice(0, FEW_NAMES);
  const names = few.flatMap((index, place) => [place ? ", " : " ", nodeLink(player, index)]);
  const more = waiting.length > FEW_NAMES ? ` and ${waiting.length - FEW_NAMES} more` : "";
  return status("quiet", "still waits for", ...names, more);
}

// --- start, end, another branch ---------------------------------------------------------------------------

function leavesOf(player) {
  return player.nodes.filter(({ kind, index }) => kind === "leaf" && index < player.data.shown);
}

function startContent(player) {
  const root = nameOf(player, player.data.root);
  const leaves = leavesOf(player).map(({ index }) => index)
    .filter((index) => !player.nodes[index].frozen && index !== player.data.root);
  const inputs = leaves.length > FEW_NAMES
    ? `one of its ${leaves.length} inputs`
    : spokenList(player, leaves, FEW_NAMES, "or");
  const question = leaves.length ? `How does ${root} change when ${inputs} changes?` : "A graph of one number";
  const steps = (count) => `${count.toLocaleString("en")} ${count === 1 ? "step" : "steps"}`;
  const { forwardCount, total } = player;
  return [
    styled("h2", "step-title", question),
    styled("ol", "plan",
      forwardCount ? element("li", {}, phaseBadge("forward"), ` ${steps(forwardCount)}: each node `,
        `computes its value from its operands, up to ${root}.`) : null,
      element("li", {}, phaseBadge("backward"), ` ${steps(total - forwardCount)}: from ${root} down, each `,
        "node passes its gradient on, times its local derivative. What arrives at a node is added up.")),
    styled("p", "begin", beginButton("primary", "▶ Play", "play"), beginButton("", "First step →", "next")),
  ];
}

// The same as the button below the graph, which then has the focus, for this card goes.
function beginButton(name, text, act) {
  const onclick = () => {
    const button = document.querySelector(`.transport .${act}`);
    button.focus();
    button.click();
  };
  return element("button", { type: "button", class: name, onclick }, text);
}

function endContent(player) {
  const { state, sortedRun } = player;
  const leaves = leavesOf(player).filter(({ index }) => state.gradients[index] !== null);
  leaves.sort((a, b) => Number(!a.label) - Number(!b.label) || a.index - b.index);
  const row = ({ index }) => {
    const [found, right] = [state.gradients[index], sortedRun.gradients[index]];
    return element("tr", {},
      element("th", { scope: "row" }, nodeLink(player, index)),
      element("td", {}, pretty(state.values[index])),
      sameGradient(found, right) ? styled("td", "gradient", pretty(found))
        : styled("td", "bad", `${pretty(found)} (right: ${pretty(right)})`));
  };
  const heads = ["input", "value", "gradient"].map((head) => element("th", { scope: "col" }, head));
  return [
    styled("h3", "end-title", `Done: how ${nameOf(player, player.data.root)} depends on its inputs`),
    styled("table", "end-table number", element("thead", {}, element("tr", {}, heads)),
      element("tbody", {}, leaves.slice(0, FEW_PARENTS).map(row))),
    leaves.length > FEW_PARENTS
      ? showAll(`See all ${leaves.length} in Values`, () => player.showTab("values"))
      : null,
  ];
}

function divergedContent(player) {
  const { text, outcome, at } = player.diverged;
  return [
    styled("h2", "step-title", "Another branch"),
    element("p", {}, "On these numbers the program would take another branch: ",
      element("code", {}, text || "a condition"), ` was ${outcome} when it ran and is ${!outcome} now`,
      at ? [" (", element("code", {}, at), ")"] : "",
      ". This graph does not know what is computed there."),
    element("button", {
      type: "button", class: "primary show-all", onclick: () => player.resetLeaves(),
    }, "Reset"),
  ];
}

// --- wide formulas ----------------------------------------------------------------------------------------

// A sum that is too wide is written with its numbers below one another. A formula is set smaller; one that is
// still too wide can be scrolled, also by keyboard.
function shrinkWide(root) {
  for (const sum of root.querySelectorAll(".sum")) {
    sum.classList.remove("wide");
    sum.classList.toggle("wide", sum.scrollWidth > sum.clientWidth);
  }
  for (const cell of root.querySelectorAll(".equations")) {
    cell.classList.remove("wide");
    if (cell.scrollWidth <= cell.clientWidth) continue;
    cell.classList.add("wide");
    if (cell.scrollWidth <= cell.clientWidth) continue;
    cell.tabIndex = 0;
    cell.setAttribute("role", "group");
    cell.setAttribute("aria-label", "formula, wider than the panel");
  }
}
