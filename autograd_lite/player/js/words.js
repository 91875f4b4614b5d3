// Steps in plain sentences: what a screen reader says and what stands below an exported picture.

import { pretty } from "./numbers.js";

const SPOKEN_SIGNS = {
  "+": "plus", "-": "minus", "−": "minus", "*": "times", "×": "times", "/": "divided by", "÷": "divided by",
  "**": "to the power", "%": "modulo",
};
const NAMED_AT_ONCE = 3;

// What the page calls a node.
export function nameOf(player, index) {
  return player.nodes[index].text;
}

// Several nodes in one breath: "a, b and 4 more".
export function spokenList(player, indices, most = NAMED_AT_ONCE, joint = "and") {
  const unique = [...new Set(indices)];
  const names = unique.slice(0, most).map((index) => nameOf(player, index));
  if (unique.length > most) return `${names.join(", ")} and ${unique.length - most} more`;
  const last = names.pop() || "";
  return names.length ? `${names.join(", ")} ${joint} ${last}` : last;
}

// What was computed, in words: "a times b", "tanh of n4".
export function spokenOperation(player, index) {
  const { symbol, op, parents } = player.nodes[index];
  const [, sign, constant] = /^(\W+)([\d.-]*)$/.exec(symbol) || [];
  const spoken = SPOKEN_SIGNS[sign];
  const first = parents.length ? nameOf(player, parents[0]) : "";
  if (spoken && parents.length === 2) return `${first} ${spoken} ${nameOf(player, parents[1])}`;
  if (spoken && constant) return `${first} ${spoken} ${constant.replace("-", "−")}`;
  if (spoken) return `${spoken} ${first}`;
  return `${op} of ${spokenList(player, parents)}`;
}

// One to three sentences on what the step did; `step` is null at the start.
export function wordsOf(player, step) {
  if (player.diverged) {
    return "On these numbers the program would take another branch. Reset returns to the recorded run.";
  }
  const root = nameOf(player, player.data.root);
  if (!step) return `Start. Nothing is computed yet: ${player.forwardCount} steps forward, then back from ${root}.`;
  const phase = step.phase === "forward" ? "Forward" : "Backward";
  const head = `${phase}, step ${step.index + 1} of ${player.total}:`;
  const name = nameOf(player, step.node);
  if (step.action === "seed") {
    return `${head} it begins at ${name}: the derivative of ${root} by itself is ${pretty(step.upstream)}.`;
  }
  const doing = spokenOperation(player, step.node);
  if (step.action === "compute") {
    return `${head} ${name} is ${doing}, which gives ${pretty(player.run.values[step.node])}.`;
  }
  const passed = step.contributions.filter((push) => push.tracked);
  const told = passed.slice(0, NAMED_AT_ONCE).map((push) => passedWords(player, step, push));
  if (passed.length > told.length) told.push(`And so on to ${passed.length - told.length} more.`);
  return [`${head} ${name}, ${doing}, has gradient ${pretty(step.upstream)}.`, ...told].join(" ");
}

function passedWords(player, step, push) {
  const parent = nameOf(player, push.parent);
  const factors = `${pretty(step.upstream)} times ${pretty(push.local)}`;
  const product = push.local === null ? pretty(push.amount) : factors;
  const sum = `gradient of ${parent} is now ${pretty(push.after)}`;
  const late = `but ${parent} had already passed its gradient on`;
  if (push.late) return `It passes ${product} to ${parent}, too late: ${sum}, ${late}.`;
  const rest = push.waitingFor.length ? `still waits for ${spokenList(player, push.waitingFor)}` : "complete";
  return `It passes ${product} to ${parent}: ${sum}, ${rest}.`;
}
