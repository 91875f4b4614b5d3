// The tab "Order": what comes out when each node passes its gradient on as soon as it is first met.

import { element, replaceChildren } from "./dom.js";
import { pretty } from "./numbers.js";
import { liveRun, naiveOrder, sameGradient } from "./passes.js";

const NAMES_AT_MOST = 40; // in a strip
const ROWS_AT_MOST = 60; // in the table

export function mountOrder(root, player, view) {
  root.append(
    element(
      "p",
      {},
      "A node may pass its gradient on only when all of it has arrived. In topological order each node " +
        "waits for everything that uses it. A naive order passes on what is there as soon as " +
        "a node is first met, and what arrives later never reaches the nodes behind it.",
    ),
  );
  if (!player.isLive) {
    root.append(
      element("p", { class: "quiet" }, `The naive order cannot be computed here: ${player.data.live}.`),
    );
    return;
  }
  const on = element("input", { type: "checkbox", onchange: () => player.setNaive(on.checked) });
  const findings = element("div", { class: "order-findings" });
  root.append(element("label", { class: "order-switch" }, on, " Use the naive order"), findings);
  let stale = true;
  player.subscribe((changes) => {
    stale ||= changes.has("run") || changes.has("mode");
    if (player.tab !== "order" || !stale) return;
    stale = false;
    on.checked = player.naive;
    replaceChildren(findings, ...orderFindings(player, view));
  });
}

// What the naive order does on the numbers of now, set against the topological one:
// {sorted, naive, early, wrong, tainted}. `early` maps each node that passed its gradient on before all had
// arrived to its step and to the contributions that came late; `wrong` are the nodes whose gradient differs.
function compareOrders(player) {
  const { data } = player;
  const sorted = player.sortedRun;
  const naive = player.naive
    ? player.run
    : liveRun(data, { values: sorted.values, locals: sorted.locals, backward: naiveOrder(data) });
  const early = new Map();
  const passing = new Map(
    naive.steps.filter((step) => step.action === "propagate").map((step) => [step.node, step]),
  );
  for (const step of passing.values()) {
    for (const push of step.contributions.filter(({ late }) => late)) {
      if (!early.has(push.parent)) early.set(push.parent, { step: passing.get(push.parent), late: [] });
      early.get(push.parent).late.push({ ...push, step });
    }
  }
  // what a node passes on is wrong when it was early, or had received something wrong
  const tainted = new Set(early.keys());
  const hears = player.nodes.map(() => []);
  for (const step of sorted.steps)
    step.contributions.forEach((push) => push.tracked && hears[push.parent].push(push));
  for (const index of [...data.order].reverse())
    if (hears[index].some(({ sender }) => tainted.has(sender))) tainted.add(index);
  const wrong = naive.gradients.flatMap((gradient, index) =>
    hears[index].some(({ sender }) => tainted.has(sender)) && !sameGradient(gradient, sorted.gradients[index])
      ? [index]
      : [],
  );
  return { sorted, naive, early, hears, passing, wrong: new Set(wrong) };
}

function orderFindings(player, view) {
  const quiet = (text) => [element("p", { class: "quiet" }, text)];
  if (player.diverged)
    return quiet(
      "On these numbers your program would take another branch: reset them to compare the orders.",
    );
  if (player.quizHidden) return quiet("The gradients are hidden while a question of the quiz is open.");
  const found = compareOrders(player);
  const { sorted, naive, early, wrong } = found;
  const strips = [
    orderStrip(player, "Topological", sorted, new Map()),
    orderStrip(player, "Naive", naive, early),
  ];
  const shown = player.nodes.slice(0, player.data.shown);
  const verdict = wrong.size
    ? element(
        "p",
        { class: "order-verdict bad" },
        `In the naive order ${countOf(wrong.size, "gradient comes", "gradients come")} out wrong, ` +
          `because ${countOf(early.size, "node", "nodes")} passed on too early.`,
      )
    : element("p", { class: "order-verdict good" }, "On this graph both orders give the same gradients.");
  const why = wrong.size
    ? [...early].map(([index, happened]) => whyEarly(player, found, index, happened))
    : [element("p", {}, whyEqual(found, shown))];
  return [verdict, ...strips, ...why, orderTable(player, view, found, shown)];
}

function countOf(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}

function orderStrip(player, title, run, early) {
  const names = run.backward.slice(0, NAMES_AT_MOST).map((index) => {
    const late = early.has(index);
    return element(
      "li",
      { class: late ? "early" : null },
      player.nodes[index].text,
      late ? element("small", {}, " too early") : null,
    );
  });
  const more = run.backward.length - names.length;
  return element(
    "div",
    { class: "order-strip" },
    element("h3", {}, title),
    element("ol", {}, names, more > 0 ? element("li", { class: "quiet" }, `… ${more} more`) : null),
  );
}

// Which node passed on too early, what had arrived, what came late and from whom, and whom that reached.
function whyEarly(player, { sorted, naive, wrong }, index, { step, late }) {
  const name = (node) => player.nodes[node].text;
  const came = late.map((push) => `${name(push.sender)} brought ${pretty(push.amount)}`).join(", ");
  const whole = sorted.gradients[index];
  const text =
    `passed on ${pretty(step.upstream)} at step ${step.index + 1}, when something was still missing: ` +
    `${came} later, ` +
    `at step ${[...new Set(late.map((push) => push.step.index + 1))].join(" and ")}. ` +
    `Its whole gradient is ${pretty(whole)}.`;
  const behind = step.contributions.filter(({ tracked, parent }) => tracked && wrong.has(parent));
  const seen = [...new Set(behind.map(({ parent }) => parent))].map(
    (parent) =>
      `${name(parent)} got ${amountFrom(naive, index, parent)} ` +
      `instead of ${amountFrom(sorted, index, parent)}`,
  );
  const go = () => {
    player.setNaive(true);
    player.goto(step.index + 1);
  };
  return element(
    "div",
    { class: "order-why" },
    element("p", {}, element("strong", {}, name(index)), ` ${text}`),
    seen.length ? element("p", {}, `So from ${name(index)}, ${seen.join(", ")}.`) : null,
    element("button", { type: "button", onclick: go }, `Go to step ${step.index + 1}`),
  );
}

function amountFrom(run, sender, parent) {
  const step = run.steps.find((other) => other.action === "propagate" && other.node === sender);
  const amounts = step.contributions
    .filter((push) => push.tracked && push.parent === parent)
    .map(({ amount }) => amount);
  return pretty(amounts.reduce((sum, amount) => sum + amount, 0));
}

function whyEqual({ early, sorted }, shown) {
  const shared = shown.filter(({ index }) => new Set(sorted.senders[index]).size > 1);
  const reason = early.size
    ? "A node did pass on too early, but what came late was nothing that changes a number."
    : shared.some(({ parents }) => parents.length)
      ? "Nodes are used more than once, but breadth first from the result " +
        "every user happens to come before what it uses."
      : "No inner node is used twice: each has everything as soon as it is first met, " +
        "so there is nothing to wait for.";
  return (
    `${reason} The smallest graph where it goes wrong: d = a * b; loss = d * (d + 1). ` +
    "There d is used directly and through " +
    "d + 1, and passes on before d + 1 has given its part: a and b come out wrong."
  );
}

// --- the table --------------------------------------------------------------------------------------------

function orderTable(player, view, found, shown) {
  const { sorted, naive, wrong } = found;
  const rows = shown.filter(
    ({ index }) => sorted.gradients[index] !== null || naive.gradients[index] !== null,
  );
  rows.sort((a, b) => wrong.has(b.index) - wrong.has(a.index));
  const body = element(
    "tbody",
    {},
    rows.slice(0, ROWS_AT_MOST).map((node) => orderRow(player, view, found, node)),
  );
  const heads = ["node", "naive", "right", ""].map((title) =>
    element("th", { scope: "col" }, title || element("span", { class: "visually-hidden" }, "verdict")),
  );
  const more = rows.length - ROWS_AT_MOST;
  return element(
    "div",
    {},
    element("table", { class: "order-table" }, element("thead", {}, element("tr", {}, heads)), body),
    more > 0
      ? element(
          "p",
          { class: "quiet" },
          `${more} more nodes, ${wrong.size > ROWS_AT_MOST ? "some of them wrong" : "all right"}.`,
        )
      : null,
  );
}

function orderRow(player, view, found, node) {
  const { sorted, naive, wrong, early } = found;
  const { index } = node;
  const pick = () => {
    player.select(index);
    view.reveal(index);
  };
  const verdict = wrong.has(index)
    ? ["✗ wrong", "bad"]
    : early.has(index)
      ? ["✓ but too late", "quiet"]
      : ["✓", "good"];
  const number = (gradient) => element("td", { class: "number" }, pretty(gradient));
  return element(
    "tr",
    {},
    element(
      "th",
      { scope: "row" },
      element("button", { type: "button", class: "order-node", onclick: pick }, node.text),
      wrong.has(index) ? element("small", { class: "quiet" }, whoMisled(player, found, index)) : null,
    ),
    number(naive.gradients[index]),
    number(sorted.gradients[index]),
    element("td", { class: verdict[1] }, verdict[0]),
  );
}

// From whom a wrong gradient got its error.
function whoMisled(player, { sorted, naive, hears }, index) {
  const senders = [...new Set(hears[index].map(({ sender }) => sender))];
  const misled = senders.filter(
    (sender) => amountFrom(naive, sender, index) !== amountFrom(sorted, sender, index),
  );
  return misled.length ? `from ${misled.map((sender) => player.nodes[sender].text).join(", ")}` : "";
}
