// The tab "Source": the user's own code, with the expression marked that made the node in question.

import { element, replaceChildren } from "./dom.js";

export function mountSource(root, player) {
  const { files } = player.data.sources;
  const panel = { player, rows: new Map(), marked: [], shown: "", madeAt: nodesByLine(player.data) };
  panel.words = element("p", { class: "source-words" });
  panel.box = element("div", { class: "source-box", tabindex: "0", role: "region", "aria-label": "Your code" },
    element("div", { class: "source-sheet" }, files.flatMap((file, index) => sourceFile(panel, file, index))));
  root.append(panel.words, panel.box);
  player.subscribe(() => {
    if (player.tab === "source") showSource(panel);
  });
}

function sourceFile(panel, { name, lines }, file) {
  let last = 0;
  const rows = lines.flatMap(([number, text]) => {
    const gap = number > last + 1 ? element("li", { class: "source-gap quiet", "aria-label": "lines left out" }, "⋯") : [];
    last = number;
    return [gap, sourceRow(panel, `${file}:${number}`, number, text)].flat();
  });
  return [element("h3", {}, name), element("ol", { class: "source-lines" }, rows)];
}

function sourceRow(panel, key, number, text) {
  const made = panel.madeAt.get(key);
  const count = made && (made.length > 1 ? `${made.length} nodes` : "one node");
  const gutter = made
    ? element("button", { type: "button", class: "source-number", "aria-label": `Line ${number}, made ${count}` }, number)
    : element("span", { class: "source-number" }, number);
  const row = { text: text === null ? "(this text cannot be read)" : text || " ", code: element("code") };
  row.body = element("li", { class: made ? "source-row made" : "source-row" }, gutter, row.code);
  // each click goes on to the next node of the line; text that is being selected to copy it is no click
  if (made) {
    row.body.onclick = () => {
      const next = (made.indexOf(panel.player.inspected) + 1) % made.length;
      if (getSelection().isCollapsed) panel.player.select(made[next]);
    };
  }
  panel.rows.set(key, row);
  plainRow(row);
  return row.body;
}

// For each line the nodes that an expression on it made, in the order in which they were made.
function nodesByLine({ nodes, shown, sources }) {
  const made = new Map();
  for (const { index, place } of nodes.slice(0, shown)) {
    if (place === undefined) continue;
    const [file, line, , last] = sources.places[place];
    for (let number = line; number <= (last || line); number += 1) {
      const key = `${file}:${number}`;
      if (!made.has(key)) made.set(key, []);
      made.get(key).push(index);
    }
  }
  return made;
}

function showSource(panel) {
  const { player } = panel;
  const guard = player.diverged;
  const node = nodeWithPlace(player, player.inspected);
  panel.marked.forEach(plainRow);
  panel.marked = [];
  const here = markPlace(panel, node && node.place, "current");
  const branch = guard && markPlace(panel, guard.place, "branched");
  if (branch) {
    const note = `${guard.text} was ${guard.outcome} here; on these numbers it is ${!guard.outcome}.`;
    branch.body.append(element("p", { class: "source-note" }, note));
  }
  replaceChildren(panel.words, sourceWords(panel, node));
  const shown = branch ? guard.text : String(player.inspected);
  if (shown !== panel.shown && (branch || here)) scrollToRow(panel.box, branch || here);
  panel.shown = shown;
}

// A number of the expression has no place of its own: it stands where it was first used.
function nodeWithPlace({ nodes }, index) {
  return nodes[index].kind === "constant" ? nodes.find(({ parents }) => parents.includes(index)) : nodes[index];
}

function sourceWords({ player, madeAt }, node) {
  const name = element("strong", {}, player.nodes[player.inspected].text);
  if (!node || node.place === undefined) return [name, " was made outside what was traced."];
  const made = madeAt.get(player.data.sources.places[node.place].slice(0, 2).join(":"));
  const how = node.index === player.inspected ? " was made at " : " is a number in the expression at ";
  const count = made.length > 1 ? ` Node ${made.indexOf(node.index) + 1} of ${made.length} on this line.` : "";
  return [name, how, element("code", {}, node.at), ".", element("span", { class: "quiet" }, count)];
}

// Marks the lines of a place and in them the very expression; gives the first of the rows.
function markPlace(panel, place, kind) {
  if (place === undefined) return null;
  const [file, line, start, endLine, end] = panel.player.data.sources.places[place];
  const last = endLine || line;
  for (let number = line; number <= last; number += 1) {
    const row = panel.rows.get(`${file}:${number}`);
    const { text } = row;
    plainRow(row);
    panel.marked.push(row);
    row.body.classList.add(kind);
    row.body.setAttribute("aria-current", "true");
    if (start === null) continue;
    const from = number === line ? start : text.length - text.trimStart().length;
    const to = number === last ? end : text.length;
    replaceChildren(row.code, text.slice(0, from), element("mark", {}, text.slice(from, to)), text.slice(to));
  }
  return panel.rows.get(`${file}:${line}`);
}

function plainRow({ body, code, text }) {
  body.classList.remove("current", "branched");
  body.removeAttribute("aria-current");
  body.querySelector(".source-note")?.remove();
  code.textContent = text;
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
