// The keys: one table that the handler obeys and the help lists.

import { outwardPaths } from "./folding.js";

const LAID_OUT_AT_ONCE = 500; // nodes; beyond this, opening everything would keep the reader waiting

// Rows of {group, keys, does, act}; `again` marks those that a held key repeats. Keys are those of
// KeyboardEvent.key, letters in lower case. The graph itself hears the keys that need a box in focus.
export function keyTable(player, { view, time, panels, toggleHelp }) {
  const row = (group, keys, does, act, again = false) => ({ group, keys, does, act, again });
  return [
    row("Time", ["ArrowRight", "n"], "Next step", time.next, true),
    row("Time", ["ArrowLeft", "b"], "Back one step", time.back, true),
    row("Time", ["s"], "Step over: on to the next part", time.over, true),
    row("Time", ["Home"], "Start", time.first),
    row("Time", ["End"], "End", time.last),
    row("Time", [" "], "Play or pause", time.toggle),
    row("Time", ["+", "]"], "Faster", time.faster),
    row("Time", ["-", "["], "Slower", time.slower),
    ...panels.map(({ name, title }, place) =>
      row("Panels", [String(place + 1)], title, () => player.showTab(name))),
    row("Graph", ["j"], "Select the next node", () => selectBeside(player, view, 1), true),
    row("Graph", ["k"], "Select the node before", () => selectBeside(player, view, -1), true),
    row("Graph", ["Escape"], "Follow the steps again", () => player.select(null)),
    row("Graph", ["ArrowUp", "ArrowDown"], "From box to box (one in focus)", null),
    row("Graph", ["Enter"], "Pick or open the box in focus", null),
    row("Graph", ["f"], "Fit the picture", () => view.fit()),
    row("Graph", ["o"], "Open or close the node's box", () => toggleBox(player)),
    row("Graph", ["e"], "Expand boxes (a large graph: by level)", () => expandBoxes(player)),
    row("Graph", ["c"], "Collapse all boxes", () => player.setOpen([])),
    row("Try", ["r"], "Reset all values", () => player.resetLeaves()),
    row("Try", ["q"], "Quiz on or off", () => toggleQuiz(player)),
    row("Try", ["w"], "Wrong order on or off", () => toggleOrder(player, time)),
    row("Try", ["?"], "This help", toggleHelp),
  ];
}

// The keys go to the page wherever the focus is, unless what has the focus needs them itself.
export function listenToKeys(table) {
  const acts = new Map(table.filter(({ act }) => act).flatMap((row) => row.keys.map((key) => [key, row])));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const key = keyOf(event);
    const row = acts.get(key);
    if (!row || isNeeded(key, event.target)) return;
    if (document.querySelector("dialog[open]") && key !== "?") return;
    event.preventDefault();
    if (!event.repeat || row.again) row.act();
  });
}

// "+" needs Shift on some keyboards, where the same key alone is "=".
function keyOf({ key }) {
  if (key === "=") return "+";
  if (key === "_") return "-";
  return key.length === 1 ? key.toLowerCase() : key;
}

const MOVES = ["ArrowRight", "ArrowLeft", "Home", "End"];

function isNeeded(key, target) {
  const { type = "", tagName = "" } = target;
  if (target.isContentEditable || tagName === "TEXTAREA" || tagName === "SELECT") return true;
  if (tagName === "BUTTON" || tagName === "SUMMARY") return key === " ";
  if (tagName !== "INPUT") return false;
  if (type === "range") return MOVES.includes(key);
  if (type === "radio") return key === " " || MOVES.includes(key);
  return type === "checkbox" || type === "button" ? key === " " : true;
}

// Nodes are numbered in topological order.
function selectBeside(player, view, by) {
  const index = Math.max(0, Math.min(player.data.shown - 1, player.inspected + by));
  player.select(index);
  view.reveal(index);
}

// Opens the outermost closed box around the node; if all are open, closes the innermost.
function toggleBox(player) {
  const around = outwardPaths(player.nodes[player.inspected].group || "");
  const box = around.find((path) => !player.open.has(path)) || around[around.length - 1];
  if (box) player.toggleGroup(box);
}

// Opens all; in a large graph one level more.
function expandBoxes(player) {
  const all = Object.keys(player.data.groups);
  const depth = (path) => outwardPaths(path).length;
  const level = Math.min(...all.filter((path) => !player.open.has(path)).map(depth));
  const atOnce = player.data.shown <= LAID_OUT_AT_ONCE;
  player.setOpen(all.filter((path) => atOnce || player.open.has(path) || depth(path) === level));
}

function toggleQuiz(player) {
  player.setQuiz(!player.quiz);
  if (player.quiz) player.showTab("quiz");
}

function toggleOrder(player, time) {
  if (!player.isLive) time.say(`No other order here: ${player.data.live}`);
  player.setNaive(!player.naive);
  if (player.naive) player.showTab("order");
}
