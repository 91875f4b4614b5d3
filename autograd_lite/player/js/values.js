// The tab "Values": every leaf with a slider and a number field, its gradient beside it, the result above.

import { element, replaceChildren } from "./dom.js";
import { makeLeafRow } from "./leaf_row.js";
import { exact, format, parsed, pretty } from "./numbers.js";

const MANY_LEAVES = 20; // with more than this, groups start closed and a filter field appears
const ROWS_AT_ONCE = 40;

export function mountValues(root, player, view) {
  if (!player.isLive) {
    root.append(
      element("p", {}, "The numbers of this graph cannot be moved here."),
      element("p", { class: "quiet" }, `${player.data.live}.`),
    );
    return;
  }
  const panel = { player, view, rows: new Set(), waiting: new Map(), gradients: [], schedule: null };
  panel.move = (index, number) => moveSoon(panel, index, number);
  const shown = player.nodes.slice(0, player.data.shown);
  const leaves = shown.filter((node) => node.kind === "leaf");
  const constants = shown.filter((node) => node.kind === "constant");

  const head = makeResultLine(player);
  const banner = element("div", { class: "branch-banner", role: "alert", hidden: true });
  const descent = makeDescent(panel, leaves);
  const list = makeLeafList(panel, leaves);
  root.append(head.body, banner, descent.body, ...list);
  if (constants.length) {
    root.append(
      makeLeafGroup(panel, { title: "Numbers of the expression", leaves: constants, children: [] }, false),
    );
  }
  if (!player.data.traced) root.append(element("p", { class: "quiet small-print" }, untracedNote()));

  const update = () => {
    panel.gradients = player.diverged || player.quizHidden ? null : player.sortedRun.gradients;
    head.update();
    fillBanner(banner, player);
    descent.update();
    panel.rows.forEach((row) => row.update());
  };
  panel.update = update;
  let stale = true;
  player.subscribe((changes) => {
    stale ||= changes.has("run") || changes.has("mode") || changes.has("selected");
    if (player.tab !== "values" || !stale) return;
    stale = false;
    update();
  });
}

// Moves of one frame are computed together, so that dragging stays smooth.
function moveSoon(panel, index, number) {
  panel.waiting.set(index, number);
  if (panel.schedule !== null) return;
  panel.schedule = requestAnimationFrame(() => {
    panel.schedule = null;
    const pairs = [...panel.waiting];
    panel.waiting.clear();
    panel.player.setLeaves(pairs);
  });
}

function fillBanner(banner, player) {
  const guard = player.diverged;
  banner.hidden = !guard;
  if (!guard) return banner.replaceChildren();
  const name = (operand) =>
    typeof operand === "object" ? format(operand.number) : player.nodes[operand].text;
  const condition = guard.text || `${name(guard.left)} ${guard.op} ${name(guard.right)}`;
  replaceChildren(
    banner,
    element(
      "p",
      {},
      "On these numbers your program would take another branch: ",
      element("code", {}, condition),
      `${guard.at ? ` at ${guard.at}` : ""} was ${guard.outcome}, now it is ${!guard.outcome}.`,
    ),
    element(
      "p",
      {},
      "What follows there is not known to this page, so no numbers are shown. " +
        "Reset returns to the recorded run.",
    ),
  );
}

function untracedNote() {
  return (
    "Conditions recorded in the graph (where, maximum, relu …) follow the numbers by themselves. " +
    "Branches of the program’s own “if”s are known here only when it was computed within trace_source()."
  );
}

// --- the result on top ------------------------------------------------------------------------------------

function makeResultLine(player) {
  const root = player.data.root;
  const now = element("output", { class: "result-now number", "aria-live": "off" });
  const change = element("span", { class: "result-change number quiet" });
  const reset = element("button", { type: "button", onclick: () => player.resetLeaves() }, "Reset all");
  const body = element(
    "div",
    { class: "result-line" },
    element("div", {}, element("span", { class: "result-name" }, player.nodes[root].text), " ", now, change),
    reset,
  );
  const update = () => {
    const before = player.recorded.values[root];
    const asked = player.quizHidden && player.position < player.forwardCount;
    const after = player.diverged || asked ? null : player.sortedRun.values[root];
    now.textContent = pretty(after);
    now.title = after === null ? "not known" : exact(after);
    reset.disabled = player.changed.size === 0;
    change.textContent = player.changed.size
      ? `recorded ${pretty(before)}${differenceOf(before, after)}`
      : "as recorded";
  };
  return { body, update };
}

function differenceOf(before, after) {
  if (after === null || !Number.isFinite(after - before)) return "";
  const difference = after - before;
  return ` · ${difference > 0 ? "+" : ""}${pretty(difference, 3)}`;
}

// --- gradient descent by hand -----------------------------------------------------------------------------

function makeDescent(panel, leaves) {
  const { player } = panel;
  const free = leaves.filter((leaf) => !leaf.frozen);
  const inScopes = free.filter((leaf) => leaf.scope); // parameters live in a module's scope
  const moving = inScopes.length ? inScopes : free;
  const what = inScopes.length ? `${moving.length} parameter${moving.length > 1 ? "s" : ""}` : "leaves";
  const rate = element("input", {
    type: "text",
    inputmode: "decimal",
    id: "descent-rate",
    value: "0.1",
    class: "leaf-field number",
  });
  const said = element("p", { class: "descent-said", role: "status" });
  let count = 0;
  const go = (times) => {
    const size = parsed(rate.value);
    rate.setAttribute("aria-invalid", String(size === null));
    if (size === null) return void (said.textContent = `“${rate.value}” is not a number: try 0.1 or 1e-3`);
    const root = player.data.root;
    const before = player.sortedRun.values[root];
    for (let step = 0; step < times && !player.diverged; step += 1) {
      const gradients = player.sortedRun.gradients;
      const pairs = moving.map(({ index }) => [index, player.given[index] - size * gradients[index]]);
      player.setLeaves(pairs.filter(([, number]) => Number.isFinite(number)));
      count += 1;
    }
    if (player.diverged)
      return void (said.textContent = `Step ${count} leads to another branch of the program.`);
    const after = player.sortedRun.values[root];
    const rose = (after - before) * player.data.seed > 0;
    said.textContent =
      `After ${count} step${count > 1 ? "s" : ""}: ` +
      `${player.nodes[root].text} ${pretty(before)} → ${pretty(after)}` +
      (rose ? ". It went the wrong way: the rate is too large here." : "");
  };
  const one = element("button", { type: "button", onclick: () => go(1) }, "1 step");
  const ten = element("button", { type: "button", onclick: () => go(10) }, "10 steps");
  const body = element(
    "details",
    { class: "descent" },
    element("summary", {}, "Gradient descent"),
    element(
      "p",
      { class: "quiet" },
      `Moves the ${what} against the gradient: each becomes itself − rate × gradient.`,
    ),
    element(
      "div",
      { class: "descent-line" },
      element("label", { for: "descent-rate" }, "rate"),
      rate,
      one,
      ten,
    ),
    said,
  );
  const update = () => {
    one.disabled = ten.disabled = !moving.length || Boolean(player.diverged) || player.quizHidden;
    if (player.changed.size === 0) {
      count = 0;
      said.textContent = "";
    }
  };
  return { body, update };
}

// --- the leaves, in groups --------------------------------------------------------------------------------

function makeLeafList(panel, leaves) {
  const tree = leafTree(leaves);
  const few = leaves.length <= MANY_LEAVES;
  const loose = element("ul", { class: "leaf-rows" });
  fillLeafRows(panel, loose, tree.leaves);
  const groups = element(
    "div",
    { class: "leaf-groups" },
    loose,
    tree.children.map((child) => makeLeafGroup(panel, child, few)),
  );
  if (few) return [groups];
  const found = element("div", { hidden: true });
  const count = element("span", { class: "quiet", role: "status" });
  let rows = null;
  const search = () => {
    const wanted = field.value.trim().toLowerCase();
    if (rows) emptyLeafRows(panel, rows);
    groups.hidden = Boolean(wanted);
    found.hidden = !wanted;
    count.textContent = "";
    if (!wanted) return;
    const hits = leaves.filter((leaf) =>
      `${leaf.text} ${leaf.label} ${leaf.scope || ""}`.toLowerCase().includes(wanted),
    );
    rows = element("ul", { class: "leaf-rows" });
    found.replaceChildren(rows);
    fillLeafRows(panel, rows, hits);
    count.textContent = `${hits.length} of ${leaves.length}`;
  };
  const field = element("input", {
    type: "search",
    id: "leaf-filter",
    placeholder: "name or scope",
    oninput: search,
  });
  return [
    element(
      "div",
      { class: "leaf-filter" },
      element("label", { for: "leaf-filter" }, "Filter"),
      field,
      count,
    ),
    groups,
    found,
  ];
}

// Leaves by scope: {title, leaves, children}, with chains of single children drawn together.
function leafTree(leaves) {
  const top = { title: "", leaves: [], children: [], byName: new Map() };
  for (const leaf of leaves) {
    let group = top;
    for (const name of leaf.scope ? leaf.scope.split("/") : []) {
      if (!group.byName.has(name)) {
        const child = { title: name, leaves: [], children: [], byName: new Map() };
        group.byName.set(name, child);
        group.children.push(child);
      }
      group = group.byName.get(name);
    }
    group.leaves.push(leaf);
  }
  top.children = top.children.map(joinedGroup);
  return top;
}

function joinedGroup(group) {
  const children = group.children
    .map(joinedGroup)
    .sort((a, b) => a.title.localeCompare(b.title, "en", { numeric: true }));
  if (group.leaves.length || children.length !== 1) return { ...group, children };
  return { ...children[0], title: `${group.title} / ${children[0].title}` };
}

function leavesWithin(group) {
  return group.leaves.length + group.children.reduce((sum, child) => sum + leavesWithin(child), 0);
}

// A group that makes its rows when it is opened and lets them go when it is closed.
function makeLeafGroup(panel, group, open) {
  const rows = element("ul", { class: "leaf-rows" });
  const inside = element("div", { class: "leaf-group-body" });
  const body = element(
    "details",
    { class: "leaf-group" },
    element("summary", {}, group.title, element("span", { class: "quiet" }, ` ${leavesWithin(group)}`)),
    inside,
  );
  const fill = () => {
    if (body.open === inside.hasChildNodes()) return;
    emptyLeafRows(panel, inside);
    if (!body.open) return inside.replaceChildren();
    fillLeafRows(panel, rows, group.leaves);
    replaceChildren(
      inside,
      group.leaves.length ? rows : null,
      group.children.map((child) => makeLeafGroup(panel, child, open)),
    );
  };
  body.addEventListener("toggle", fill);
  body.open = open;
  fill();
  return body;
}

function fillLeafRows(panel, list, leaves, from = 0) {
  const part = leaves.slice(from, from + ROWS_AT_ONCE).map((leaf) => makeLeafRow(panel, leaf));
  if (from === 0) list.replaceChildren();
  list.append(...part.map((row) => row.body));
  part.forEach((row) => panel.rows.add(row));
  if (panel.update) panel.update();
  const next = from + part.length;
  if (next >= leaves.length) return;
  const more = element(
    "button",
    {
      type: "button",
      onclick: () => {
        item.remove();
        fillLeafRows(panel, list, leaves, next);
      },
    },
    `Show ${Math.min(ROWS_AT_ONCE, leaves.length - next)} more of ${leaves.length - next}`,
  );
  const item = element("li", {}, more);
  list.append(item);
}

function emptyLeafRows(panel, within) {
  for (const row of panel.rows) if (within.contains(row.body)) panel.rows.delete(row);
}
