// The tab "Source": the user's own code, with the expression marked that made the node in question.

import { element, replaceChildren } from "./dom.js";

export function mountSource(root, player) {
  const { files } = player.data.sources;
  if (!files.length) return;
  const panel = { player, rows: new Map(), marked: [], place: null, madeAt: nodesByLine(player) };
  panel.words = element("p", { class: "source-words" });
  panel.box = element("div", { class: "source-box", tabindex: "0", role: "region", "aria-label": "Your code" },
    element("div", { class: "source-sheet" }, files.map((file, index) => sourceFile(panel, file, index))));
  root.append(panel.words, panel.box);
  const words = ["position", "run", "selected", "tab"];
  player.subscribe((changes) => {
    if (player.tab === "source" && words.some((word) => changes.has(word))) showSource(panel);
  });
}

// --- the listing -------------------------------------------------------------------------------------------

function sourceFile(panel, { name, lines }, file) {
  let last = 0;
  const rows = lines.flatMap(([number, text]) => {
    const gap = number > last + 1 && element("li", { class: "source-gap quiet", "aria-label": "lines left out" }, "⋯");
    last = number;
    return [gap || null, sourceRow(panel, file, number, text)];
  });
  return [element("h3", {}, name), element("ol", { class: "source-lines" }, rows.filter(Boolean))];
}

function sourceRow(panel, file, number, text) {
  const key = `${file}:${number}`;
  const made = panel.madeAt.get(key) || [];
  const count = made.length === 1 ? "one node" : `${made.length} nodes`;
  const gutter = made.length
    ? element("button", { type: "button", class: "source-number", "aria-label": `Line ${number}, made ${count}` }, number)
    : element("span", { class: "source-number" }, number);
  const code = element("code", {}, text === null ? "(this text cannot be read)" : text || " ");
  const body = element("li", { class: text === null ? "source-row quiet" : "source-row" }, gutter, code);
  if (made.length) {
    body.classList.add("made");
    body.addEventListener("click", () => {
      // text that is being selected to copy it is no click
      if (getSelection().isCollapsed) panel.player.select(nextMade(made, panel.player.inspected));
    });
  }
  panel.rows.set(key, { body, code, text: text || "" });
  return body;
}

// For each line the nodes that an expression on it made, in the order in which they were made.
function nodesByLine({ data }) {
  const made = new Map();
  for (const node of data.nodes.slice(0, data.shown)) {
    if (node.place === undefined) continue;
    const [file, line, , last] = data.sources.places[node.place];
    for (let number = line; number <= (last || line); number += 1) {
      const key = `${file}:${number}`;
      made.set(key, [...(made.get(key) || []), node.index]);
    }
  }
  return made;
}

function nextMade(made, current) {
  return made[(made.indexOf(current) + 1) % made.length];
}

// --- what is marked ----------------------------------------------------------------------------------------

function showSource(panel) {
  const { player } = panel;
  const guard = player.diverged;
  const node = nodeWithPlace(player, player.inspected);
  for (const row of panel.marked) plainRow(row);
  panel.marked = [];
  const here = node && node.place !== undefined ? markPlace(panel, node.place, "current") : null;
  const branch = guard && guard.place !== undefined ? markPlace(panel, guard.place, "branched") : null;
  if (branch) {
    branch.body.append(element("p", { class: "source-note" },
      `${guard.text} was ${guard.outcome} here. On these numbers it is ${!guard.outcome}: the program would go another way.`));
  }
  replaceChildren(panel.words, sourceWords(panel, node));
  const key = `${branch ? `!${guard.place}` : node && node.place} ${player.inspected}`;
  if (key !== panel.place && (branch || here)) scrollToRow(panel.box, branch || here);
  panel.place = key;
}

// A number of the expression has no place of its own: it stands where it was first used.
function nodeWithPlace(player, index) {
  const node = player.nodes[index];
  if (node.kind !== "constant") return node;
  return player.nodes.slice(0, player.data.shown).find(({ parents }) => parents.includes(index));
}

function sourceWords(panel, node) {
  const { data, nodes, inspected } = panel.player;
  const name = element("strong", {}, nodes[inspected].text);
  if (!node || node.place === undefined) return [name, " was made outside what was traced."];
  const [file, line] = data.sources.places[node.place];
  const made = panel.madeAt.get(`${file}:${line}`);
  const many = made.length > 1 && element("span", { class: "quiet" },
    ` Node ${made.indexOf(node.index) + 1} of ${made.length} on this line.`);
  const how = node.index === inspected ? " was made at " : " is a number in the expression at ";
  return [name, how, element("code", {}, node.at), ".", many || null];
}

// Marks the lines of a place and in them the very expression; gives the first of the rows.
function markPlace(panel, number, kind) {
  const [file, line, start, endLine, end] = panel.player.data.sources.places[number];
  const last = endLine || line;
  let first = null;
  for (let current = line; current <= last; current += 1) {
    const row = panel.rows.get(`${file}:${current}`);
    if (!row) continue;
    first ||= row;
    plainRow(row);
    panel.marked.push(row);
    row.body.classList.add(kind);
    row.body.setAttribute("aria-current", "true");
    if (start === null) continue;
    const { text } = row;
    const from = current === line ? start : text.length - text.trimStart().length;
    const to = current === last ? end : text.length;
    replaceChildren(row.code, text.slice(0, from), element("mark", {}, text.slice(from, to)), text.slice(to));
  }
  return first;
}

function plainRow({ body, code, text }) {
  body.classList.remove("current", "branched");
  body.removeAttribute("aria-current");
  body.querySelector(".source-note")?.remove();
  if (code.firstElementChild) code.textContent = text || " ";
}

// Only the box scrolls, never the page, and to the side no further than it must.
function scrollToRow(box, { body, code }) {
  const frame = box.getBoundingClientRect();
  const line = body.getBoundingClientRect();
  const mark = (code.querySelector("mark") || code).getBoundingClientRect();
  if (line.top < frame.top || line.bottom > frame.bottom) box.scrollTop += line.top - frame.top - frame.height / 3;
  const start = mark.left - frame.left + box.scrollLeft;
  box.scrollLeft = Math.min(start - 80, start + mark.width + 16 - frame.width);
}
