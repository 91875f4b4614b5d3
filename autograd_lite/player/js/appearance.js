// What every box and arrow looks like after so many steps. Nothing here touches the page, so that a picture of any
// moment can be made.

import { pretty } from "./numbers.js";
import { sameGradient, stateAt } from "./passes.js";

const GRAPH_DIGITS = 4;

// {parts: Map(part id -> {classes, title, chip, rows: [[caption, text], …], arrived: [in, of] or null, progress: 0…1
// or null, says}), links: Map(link id -> {classes, label})}. `says` is the box in words.
export function appearanceOf(player, folded, position = player.position) {
  const state = position === player.position ? player.state : stateAt(player.data, player.run, position);
  const step = position ? player.run.steps[position - 1] : null;
  const known = { player, state, step, right: rightGradients(player), at: step ? folded.partOf(step.node) : null };
  known.uses = usesOf(player.run);
  return {
    parts: new Map(folded.parts.map((part) => [part.id, part.kind === "node" ? nodeLook(part, known) : groupLook(part, known)])),
    links: new Map(folded.links.map((link) => [link.id, linkLook(link, known)])),
  };
}

// --- boxes ----------------------------------------------------------------------------------------------------

function nodeLook(part, known) {
  const { player, state } = known;
  const node = player.nodes[part.node];
  const classes = phaseClasses(part.node, known);
  if (part.id === known.at) classes.push("now");
  if (receives(part.members, known)) classes.push("receiving");
  if (node.kind === "constant") {
    return { classes, title: node.text, chip: "", rows: [], arrived: null, progress: null, says: `constant ${node.text}` };
  }
  const value = unknownNow(node, known) ? "–" : pretty(state.values[part.node], GRAPH_DIGITS);
  const gradient = node.frozen ? "frozen" : gradientText(part.node, known);
  const arrived = arrivals(part.node, known);
  const chip = opSign(node);
  const made = node.parents.length ? `, ${chip} of ${node.parents.map((parent) => player.nodes[parent].text).join(" and ")}` : "";
  const waits = arrived && arrived[0] < arrived[1] ? `, ${arrived[0]} of ${arrived[1]} contributions in` : "";
  return {
    classes, title: node.text, chip, arrived, progress: null,
    rows: [["value", value], ["grad", gradient]],
    says: `${node.text}${made}, value ${value}, gradient ${gradient}${waits}`,
  };
}

function groupLook(part, known) {
  const { player, state } = known;
  const group = player.data.groups[part.path] || {};
  const work = part.members.filter((index) => player.nodes[index].parents.length);
  const outputs = outputsOf(part, player).filter((index) => player.nodes[index].kind !== "constant");
  const values = rangeText(outputs.filter((index) => !unknownNow(player.nodes[index], known)).map((index) => state.values[index]));
  const gradients = rangeText(player.diverged ? [] : outputs.map((index) => state.gradients[index]));
  const backward = state.phase === "backward";
  const done = work.filter((index) => (backward ? state.passed.has(index) : state.values[index] !== null)).length;
  const inside = part.id === known.at;
  const all = work.length > 0 && done === work.length;
  const classes = [backward ? (all ? "passed" : "waiting") : all ? "computed" : "pending"];
  if (!work.length) classes[0] = "computed";
  if (player.diverged) classes.splice(0, 1, "unknown");
  if (inside) classes.push("now");
  if (receives(part.members, known)) classes.push("receiving");
  if (part.members.some((index) => isWrong(index, known))) classes.push("wrong");
  const progress = work.length && !player.diverged ? done / work.length : null;
  const count = `${part.members.length} nodes`;
  const note = inside && work.length > 1 ? `at ${player.nodes[known.step.node].text}` : count;
  const doing = work.length ? `, ${done} of ${work.length} ${backward ? "passed on" : "computed"}` : "";
  return {
    classes, title: part.title, chip: group.chip ? signOf(group.chip) : group.calls > 1 ? `×${group.calls}` : "", arrived: null, progress, note,
    rows: [["value", values], ["grad", gradients]],
    says: `${part.title}, group of ${count}, value ${values}, gradient ${gradients}${doing}`,
  };
}

function phaseClasses(index, known) {
  const { player, state } = known;
  const node = player.nodes[index];
  if (node.kind === "constant") return ["constant"];
  if (node.frozen) return ["frozen", "computed"];
  if (unknownNow(node, known)) return ["unknown"];
  if (state.values[index] === null) return ["pending"];
  if (state.phase === "forward") return ["computed"];
  const wrong = isWrong(index, known) ? ["wrong"] : [];
  if (state.passed.has(index)) return ["passed", ...wrong];
  if (!player.run.senders[index].length && index !== player.data.root) return ["nograd"];
  if (state.awaited[index].length) return ["waiting"];
  return ["complete", ...wrong];
}

// Where the recorded program would have gone another way, only the leaves are still true.
function unknownNow(node, { player }) {
  return Boolean(player.diverged) && node.parents.length > 0;
}

function gradientText(index, { player, state }) {
  return player.diverged ? "–" : pretty(state.gradients[index], GRAPH_DIGITS);
}

// How many contributions have come, of how many; null where there is only one to wait for.
function arrivals(index, { player, state }) {
  const all = player.run.senders[index].length;
  return all < 2 || player.diverged || state.phase === "forward" ? null : [state.received[index].length, all];
}

function receives(members, { step, player }) {
  if (!step || step.action !== "propagate" || player.diverged) return false;
  return step.contributions.some((push) => push.tracked && members.includes(push.parent));
}

function isWrong(index, { player, state, right }) {
  if (!right || player.diverged || state.phase === "forward") return false;
  const final = state.passed.has(index) || (!player.nodes[index].parents.length && !state.awaited[index].length);
  return final && state.gradients[index] !== null && !sameGradient(state.gradients[index], right[index]);
}

// The members that are read outside the group, or the result.
function outputsOf(part, player) {
  if (!outputsSeen.has(part)) {
    const inside = new Set(part.members);
    const used = readOutside(player);
    const found = part.members.filter((index) => index === player.data.root || used[index].some((user) => !inside.has(user)));
    outputsSeen.set(part, found.length ? found : part.members);
  }
  return outputsSeen.get(part);
}

const outputsSeen = new WeakMap();
const usersSeen = new WeakMap();

function readOutside(player) {
  if (!usersSeen.has(player.data)) {
    const users = player.nodes.map(() => []);
    for (const node of player.nodes.slice(0, player.data.shown)) for (const parent of node.parents) users[parent].push(node.index);
    usersSeen.set(player.data, users);
  }
  return usersSeen.get(player.data);
}

function rangeText(numbers) {
  const known = numbers.filter((number) => number !== null && number !== undefined);
  if (!known.length) return "–";
  if (known.some(Number.isNaN)) return "nan";
  const low = pretty(known.reduce((one, other) => Math.min(one, other)), known.length > 1 ? 3 : GRAPH_DIGITS);
  const high = pretty(known.reduce((one, other) => Math.max(one, other)), known.length > 1 ? 3 : GRAPH_DIGITS);
  return low === high ? low : `${low} … ${high}`;
}

export function opSign(node) {
  return node.parents.length ? signOf(node.symbol || node.op || "?") : "";
}

function signOf(symbol) {
  return { "*": "×", "-": "−", "/": "÷" }[symbol] || symbol;
}

// --- arrows ---------------------------------------------------------------------------------------------------

function linkLook(link, known) {
  const { player, state, step, uses } = known;
  const looks = link.uses.map(([target, position]) => useLook(target, position, known));
  const has = (look) => looks.includes(look);
  const classes = [];
  if (player.diverged) return { classes: ["unknown"], label: "" };
  if (has("flow")) classes.push("flow");
  else if (has("value")) classes.push("value");
  else if (looks.every((look) => look === "none")) classes.push("none");
  else if (has("awaited")) classes.push("awaited");
  else if (has("added")) classes.push("added");
  else classes.push("idle");
  const late = link.uses.some(([target, position]) => {
    const push = uses.get(target)?.get(position);
    return push && push.late && state.passed.has(target);
  });
  if (late) classes.push("late");
  const amounts = link.uses
    .filter(([target], place) => looks[place] === "flow" && target === step.node)
    .map(([target, position]) => uses.get(target)?.get(position))
    .filter((push) => push && push.tracked)
    .map((push) => pretty(push.amount, GRAPH_DIGITS));
  const shown = amounts.length > 2 ? `${amounts.length} parts` : amounts.join(" and ");
  return { classes, label: shown };
}

function useLook(target, position, { player, state, step, uses }) {
  const working = step !== null && step.node === target;
  if (working && step.action === "compute") return "value";
  const push = uses.get(target)?.get(position);
  if (!push || !push.tracked) return "none";
  if (working && step.action === "propagate") return "flow";
  if (state.phase === "forward") return "idle";
  return state.passed.has(target) ? "added" : "awaited";
}

// What each use of a number will pass back, by node and operand; a hand-made op passes once to each parent.
function usesOf(run) {
  if (!usesSeen.has(run)) {
    const found = new Map();
    for (const step of run.steps) {
      if (step.action !== "propagate") continue;
      found.set(step.node, new Map(step.contributions.map((push) => [push.position, push])));
    }
    usesSeen.set(run, found);
  }
  return usesSeen.get(run);
}

const usesSeen = new WeakMap();
const rightSeen = new WeakMap();

// The gradients of the pass in the right order, while another order is shown.
function rightGradients(player) {
  if (!player.naive) return null;
  if (!rightSeen.has(player.run)) rightSeen.set(player.run, player.sortedRun.gradients);
  return rightSeen.get(player.run);
}
