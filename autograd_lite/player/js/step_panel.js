// What the step just done did: the chain rule as formula, with numbers, and as before + added = after.

import { opSign } from "./appearance.js";
import { element, replaceChildren } from "./dom.js";
import { derivativeElement, fillFormula, formulaElement, mathml, nameElement, numberElement, partialTemplate } from "./formulas.js";
import { pretty } from "./numbers.js";
import { nameOf } from "./words.js";

const FEW_PARENTS = 8; // parents shown before the reader asks for all
const FEW_NAMES = 4;

export function mountStep(root, player) {
  const panel = { player, allOf: null }; // the step whose parents are all shown
  const draw = () => {
    root.dataset.position = player.position;
    replaceChildren(root, ...stepContent(panel, draw));
    // all panels are drawn before anything is measured
    requestAnimationFrame(() => shrinkWide(root));
  };
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
  const { text, op, at } = player.nodes[step.node];
  return element("header", { class: "step-heading" },
    element("span", { class: `phase-badge ${step.phase}` }, step.phase === "forward" ? "Forward" : "Backward"),
    element("span", { class: "step-count" }, `step ${step.index + 1} of ${player.total}`),
    element("h2", { class: "step-name" }, nodeLink(player, step.node, text),
      step.action === "seed" ? null : element("span", { class: "op-chip", title: op }, opSign(player.nodes[step.node])),
      step.action === "propagate" ? reminder(player, step.node) : null),
    at && step.phase === "forward" ? element("span", { class: "step-at quiet" }, at) : null,
  );
}

// How the node was computed, where its derivatives are spoken of.
function reminder(player, index) {
  const { text, rule, parents } = player.nodes[index];
  if (!player.data.rules[rule] || parents.length > FEW_NAMES) return null;
  const { named } = twice(player, player.data.rules[rule].value, index, 0);
  return element("span", { class: "reminder quiet" }, formulaElement(nameElement(text), mathml("mo", "="), ...named.childNodes));
}

function nodeLink(player, index, text = nameOf(player, index)) {
  return element("button", {
    type: "button", class: "node-link", title: `Show ${text} in the inspector`, onclick: () => player.select(index),
  }, text);
}

// A chain of equations; where it breaks into lines, the equals signs stand below one another.
function equationLines(left, rights) {
  const parts = rights.map((right) => element("span", { class: "equation-part" }, formulaElement(mathml("mo", "=")), right));
  return element("div", { class: "equations" },
    element("span", { class: "equation-left" }, formulaElement(left)), element("div", { class: "equation-rights" }, parts));
}

function resultNumber(value) {
  const made = formulaElement(numberElement(value));
  made.setAttribute("class", "result");
  return made;
}

// A formula twice, with names and with numbers, the second only where it says something new.
function twice(player, template, node, position) {
  const { parents } = player.nodes[node];
  const named = fillFormula(template, parents.map((parent) => operandName(player, parent)), position);
  const numbered = fillFormula(template, parents.map((parent) => player.run.values[parent]), position);
  return { named, numbered, same: named.textContent === numbered.textContent };
}

// Constants speak for themselves; everything else has a name.
function operandName(player, index) {
  const { kind, label, text, value } = player.nodes[index];
  return kind === "constant" && !label ? value : text;
}

// --- forward ----------------------------------------------------------------------------------------------

function forwardContent(player, step) {
  const node = player.nodes[step.node];
  const result = resultNumber(player.run.values[step.node]);
  const rule = player.data.rules[node.rule];
  if (!rule) {
    const call = formulaElement(mathml("mrow", mathml("mi", node.symbol), mathml("mo", "("),
      ...node.parents.flatMap((parent, place) => [...(place ? [mathml("mo", ",")] : []), nameElement(nameOf(player, parent))]),
      mathml("mo", ")")));
    return [
      equationLines(nameElement(node.text), [call, result]),
      element("p", { class: "quiet" }, "A hand-made op: its value comes from the program's own Python."),
    ];
  }
  const { named, numbered, same } = twice(player, rule.value, step.node, 0);
  const plain = numbered.textContent === result.textContent;
  const rights = [named, ...(same || plain ? [] : [numbered]), ...(same && plain ? [] : [result])];
  return [equationLines(nameElement(node.text), rights), isWord(node.symbol) ? ruleSummary(rule) : null];
}

// A sign needs no explanation, a function's name may.
function isWord(symbol) {
  return /^\p{L}/u.test(symbol);
}

function ruleSummary(rule) {
  return element("p", { class: "quiet step-summary" }, `${rule.op}: ${rule.summary}`);
}

// --- backward ---------------------------------------------------------------------------------------------

function seedContent(player, step) {
  const name = nameOf(player, step.node);
  return [
    equationLines(derivativeElement(name, name), [resultNumber(step.upstream)]),
    element("p", {}, "Every backward pass begins with this 1: if ", strongName(name), " grows by a little, then ", strongName(name),
      " grows by just as much. All other gradients are this 1, multiplied by the local derivatives on the way down."),
  ];
}

function strongName(text) {
  return element("strong", {}, text);
}

function backwardContent(panel, step, draw) {
  const { player } = panel;
  const { contributions } = step;
  const root = nameOf(player, player.data.root);
  const node = player.nodes[step.node];
  const all = panel.allOf === step || contributions.length <= FEW_PARENTS + 1;
  const shown = all ? contributions : contributions.slice(0, FEW_PARENTS);
  const came = formulaElement(derivativeElement(root, node.text), mathml("mo", "="), numberElement(step.upstream));
  came.setAttribute("class", "gradient");
  return [
    element("p", { class: "came-in" }, element("span", { class: "quiet" }, "came in"), came),
    hookNote(node) ? element("p", { class: "step-note" }, hookNote(node)) : null,
    chainRule(root, node.text),
    element("ul", { class: "pushes" }, shown.map((push) => pushBlock(player, step, push))),
    all ? null : element("button", {
      type: "button", class: "show-all", onclick: () => { panel.allOf = step; draw(); },
    }, `Show all ${contributions.length}`),
  ].filter(Boolean);
}

// What a hook did to a node's gradient; that an op is hand-made is said elsewhere.
function hookNote(node) {
  return (node.note || "").replace(/^hand-made op(, )?/, "");
}

// The general line, of which every block below is a case.
function chainRule(root, name) {
  const parent = () => mathml("mtext", "parent");
  const rule = formulaElement(derivativeElement(root, parent()), mathml("mo", "+="), derivativeElement(root, name),
    mathml("mo", "·"), derivativeElement(name, parent()));
  return element("p", { class: "chain-rule quiet" }, rule);
}

function pushBlock(player, step, push) {
  const parent = player.nodes[push.parent];
  const times = player.nodes[step.node].parents.filter((other) => other === push.parent).length;
  const place = times > 1 ? element("span", { class: "quiet" }, `operand ${push.position + 1}`) : null;
  const head = element("div", { class: "push-head" }, element("span", { class: "quiet" }, "to"),
    nodeLink(player, push.parent), place);
  if (!push.tracked) {
    head.append(element("span", { class: "quiet" }, untrackedWords(push.note)));
    return element("li", { class: "push untracked" }, head);
  }
  const content = [head];
  if (push.local === null) content.push(element("p", { class: "quiet" }, "A hand-made op: its own rule, in Python, says what is added."));
  else content.push(localLines(player, step, push, parent.text), productLines(player, step, push, parent.text));
  content.push(sumBoxes(player, push, parent.text), pushStatus(player, push, parent));
  return element("li", { class: push.late ? "push late" : "push" }, content);
}

function untrackedWords(note) {
  if (note === "constant") return "is a constant: nothing is passed on";
  if (note === "frozen") return "is frozen: nothing is passed on";
  return `nothing is passed on${note && note !== "no gradient flows here" ? `: ${note}` : ": no gradient flows here"}`;
}

function localLines(player, step, push, parent) {
  const node = player.nodes[step.node];
  const rule = player.data.rules[node.rule];
  const left = derivativeElement(node.text, parent);
  const result = player.quizHidden ? questionMark() : formulaElement(numberElement(push.local));
  if (!rule) return equationLines(left, [result]);
  const { named, numbered, same } = twice(player, partialTemplate(rule, push.position, node.parents.length), step.node, push.position);
  const rights = [named];
  if (player.quizHidden) rights.push(result);
  else {
    const plain = numbered.textContent === result.textContent;
    if (!same && !plain) rights.push(numbered);
    if (!same || !plain) rights.push(result);
  }
  return equationLines(left, rights);
}

function productLines(player, step, push, parent) {
  const root = nameOf(player, player.data.root);
  const name = nameOf(player, step.node);
  const named = formulaElement(derivativeElement(root, name), mathml("mo", "·"), derivativeElement(name, parent));
  const local = player.quizHidden ? mathml("mi", "?") : numberElement(push.local, "");
  const numbered = formulaElement(numberElement(step.upstream), mathml("mo", "·"), local);
  return equationLines(mathml("mtext", "added"), [named, numbered, player.quizHidden ? questionMark() : resultNumber(push.amount)]);
}

function questionMark() {
  return element("span", { class: "question", "aria-label": "hidden", role: "img" }, "?");
}

// before + added = after, the one line that the whole backward pass consists of.
function sumBoxes(player, push, parent) {
  const box = (label, value, kind) =>
    element("span", { class: `sum-box ${kind}` },
      element("span", { class: "sum-label" }, label),
      element("span", { class: "sum-number" }, player.quizHidden && kind !== "before" ? questionMark() : formulaElement(numberElement(value))));
  const sign = (text) => element("span", { class: "sum-sign" }, text);
  const label = `gradient of ${parent}`;
  return element("div", { class: "sum", role: "group", "aria-label": label },
    box("before", push.before, "before"), sign("+"), box("added", push.amount, "added"), sign("="), box("after", push.after, "after"));
}

function pushStatus(player, push, parent) {
  if (push.late) return element("p", { class: "push-status bad" }, `too late: ${parent.text} had already passed on its gradient`);
  const waiting = [...new Set(push.waitingFor)];
  if (!waiting.length) {
    return element("p", { class: "push-status good" }, `✓ gradient of ${parent.text} complete`,
      hookNote(parent) ? ` (${hookNote(parent)})` : "");
  }
  const names = waiting.slice(0, FEW_NAMES).flatMap((index, place) => [place ? ", " : " ", nodeLink(player, index)]);
  const more = waiting.length > FEW_NAMES ? ` and ${waiting.length - FEW_NAMES} more` : "";
  return element("p", { class: "push-status quiet" }, "still waits for", names, more);
}

// --- start, end, another branch ---------------------------------------------------------------------------

function startContent(player) {
  const root = nameOf(player, player.data.root);
  const inner = player.forwardCount;
  const leaves = player.nodes.filter(({ kind, index }) => kind === "leaf" && index < player.data.shown).length;
  return [
    element("h2", { class: "step-title" }, "Two passes over one graph"),
    element("ol", { class: "plan" },
      element("li", {}, element("span", { class: "phase-badge forward" }, "Forward"),
        ` Each of the ${inner} computed nodes gets its value from its operands, up from ${leaves} inputs to `, strongName(root), "."),
      element("li", {}, element("span", { class: "phase-badge backward" }, "Backward"),
        " From ", strongName(root), " down, each node passes its gradient on, times its local derivative. What arrives at a node is added up.")),
    element("p", { class: "quiet" }, "Press ", element("kbd", {}, "→"), " or Next for the first step."),
  ];
}

function endContent(player) {
  const { state, sortedRun } = player;
  const leaves = player.nodes.filter(({ kind, index }) => kind === "leaf" && index < player.data.shown && state.gradients[index] !== null);
  leaves.sort((a, b) => Number(!a.label) - Number(!b.label) || a.index - b.index);
  const row = ({ index, text }) => {
    const [found, right] = [state.gradients[index], sortedRun.gradients[index]];
    return element("tr", {}, element("th", { scope: "row" }, nodeLink(player, index, text)),
      element("td", {}, pretty(state.values[index])),
      Object.is(found, right) ? element("td", { class: "gradient" }, pretty(found))
        : element("td", { class: "bad" }, `${pretty(found)} (right: ${pretty(right)})`));
  };
  const heads = ["input", "value", "gradient"].map((head) => element("th", { scope: "col" }, head));
  return [
    element("h3", { class: "end-title" }, `Done: how ${nameOf(player, player.data.root)} depends on its inputs`),
    element("table", { class: "end-table number" }, element("thead", {}, element("tr", {}, heads)),
      element("tbody", {}, leaves.slice(0, FEW_PARENTS).map(row))),
    leaves.length > FEW_PARENTS ? element("button", { type: "button", class: "show-all", onclick: () => player.showTab("values") },
      `See all ${leaves.length} in Values`) : null,
  ];
}

function divergedContent(player) {
  const { text, outcome, at } = player.diverged;
  return [
    element("h2", { class: "step-title" }, "Another branch"),
    element("p", {}, "On these numbers the program would take another branch: ", element("code", {}, text || "a condition"),
      ` was ${outcome} when it ran and is ${!outcome} now`, at ? [" (", element("code", {}, at), ")"] : "",
      ". This graph does not know what is computed there."),
    element("button", { type: "button", class: "primary show-all", onclick: () => player.resetLeaves() }, "Reset"),
  ];
}

// --- wide formulas ----------------------------------------------------------------------------------------

// A formula that is too wide is set smaller; one that is still too wide can be scrolled, also by keyboard.
function shrinkWide(root) {
  for (const cell of root.querySelectorAll(".equations")) {
    if (cell.scrollWidth <= cell.clientWidth) continue;
    cell.classList.add("wide");
    if (cell.scrollWidth <= cell.clientWidth) continue;
    cell.tabIndex = 0;
    cell.setAttribute("role", "group");
    cell.setAttribute("aria-label", "formula, wider than the panel");
  }
}
