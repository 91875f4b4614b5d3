// The boxes and arrows of the graph as SVG. A picture is drawn once for a layout; a step only changes its classes
// and texts. Nothing here knows the page around it.

import { svg } from "./dom.js";
import { opSign } from "./appearance.js";
import { curve } from "./layout.js";
import { pretty } from "./numbers.js";

const FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif';
const PAD = 9;
const TITLE_MOST = 150; // a longer title is cut
const NUMBER = "−0.000e−00"; // the widest number a row has to hold
const RANGE = "−0.000 … −0.000";
const GIVEN_DIGITS = 4;
const GIVEN_GAP = 10;
const FONTS = {
  title: `600 12px ${FAMILY}`, chip: `700 11px ${FAMILY}`,
  row: `11.5px ${FAMILY}`, caption: `10.5px ${FAMILY}`, frame: `600 10.5px ${FAMILY}`,
};
const DOTS = 4; // more contributions than this are counted in figures

const measures = new Map();
let brush = null;

// The width of a text in one of the fonts.
export function widthOf(text, font) {
  const key = `${font} ${text}`;
  if (!measures.has(key)) {
    brush = brush || document.createElement("canvas").getContext("2d");
    brush.font = FONTS[font];
    measures.set(key, brush.measureText(text).width);
  }
  return measures.get(key);
}

// The text, cut with an ellipsis where it would be wider than `most`.
export function cutTo(text, most, font) {
  const line = text.slice(0, 400).replace(/[\p{C}\s]+/gu, " ").trim();
  if (widthOf(line, font) <= most) return line;
  const letters = [...line];
  let [low, high] = [0, Math.min(letters.length, 80)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (widthOf(`${letters.slice(0, middle).join("")}…`, font) <= most) low = middle;
    else high = middle - 1;
  }
  return `${letters.slice(0, low).join("")}…`;
}

// The kind of a box decides its colours: those of the drawings.
function kindOf(part, data) {
  if (part.kind === "group") {
    if (part.members.includes(data.root)) return "group result";
    return part.members.every((index) => data.nodes[index].kind === "leaf") ? "group leaf" : "group";
  }
  const node = data.nodes[part.node];
  const kind = node.kind === "leaf" && node.scope ? "parameter" : node.kind;
  return part.node === data.root ? `${kind === "opaque" ? "opaque" : "output"} result` : kind;
}

// {width, height} of a box: room for every number it may come to show.
export function sizeOfPart(part, data) {
  if (part.kind === "group") {
    const group = data.groups[part.path] || {};
    const chip = group.chip || (group.calls > 1 ? `×${group.calls}` : "");
    const title = widthOf(cutTo(part.title, TITLE_MOST, "title"), "title") + (chip ? chipWidth(chip) + 6 : 0) + 26;
    return { width: Math.ceil(Math.max(title, 34 + widthOf(RANGE, "row"), 128) + 2 * PAD), height: 80 };
  }
  const node = data.nodes[part.node];
  if (node.kind === "constant") return { width: Math.ceil(widthOf(cutTo(node.text, 90, "row"), "row") + 2 * PAD), height: 24 };
  if (isGiven(node)) {
    const figure = Math.max(widthOf("−0.00", "row"), widthOf(pretty(node.value, GIVEN_DIGITS), "row"));
    return { width: Math.ceil(givenTitle(node) + GIVEN_GAP + figure + 2 * PAD), height: 26 };
  }
  const chip = opSign(node);
  const title = widthOf(cutTo(node.text, TITLE_MOST, "title"), "title") + (chip ? chipWidth(chip) + 6 : 0);
  const badge = badgeWidth(usesIn(data)[part.node]);
  return { width: Math.ceil(Math.max(title + badge, 34 + widthOf(NUMBER, "row")) + 2 * PAD), height: 58 };
}

// What is only ever read takes one line: it has no gradient to show.
function isGiven({ kind, frozen }) {
  return kind === "leaf" && frozen;
}

function givenTitle(node) {
  return widthOf(cutTo(node.text, TITLE_MOST, "title"), "title");
}

function chipWidth(chip) {
  return Math.max(20, widthOf(cutTo(chip, 110, "chip"), "chip") + 10);
}

function badgeWidth(count) {
  if (count < 2) return 0;
  return count <= DOTS ? 9 * count + 6 : widthOf(`${count}/${count}`, "caption") + 8;
}

const usesFound = new WeakMap();

// How many contributions each node may get.
function usesIn(data) {
  if (!usesFound.has(data)) {
    const counts = data.nodes.map(() => 0);
    for (const node of data.nodes) node.parents.forEach((parent, place) => (counts[parent] += node.tracked[place] ? 1 : 0));
    usesFound.set(data, counts);
  }
  return usesFound.get(data);
}

// {root: the <g> with everything, dress(appearance)}: what changes with a step is dressed, the rest is drawn once.
export function drawGraph(folded, layout, data) {
  const frames = folded.frames.map((frame) => drawFrame(frame, layout.frames.get(frame.path)));
  const links = folded.links.map((link) => [link.id, drawLink(link, layout)]);
  const parts = folded.parts.map((part) => [part.id, drawPart(part, layout.parts.get(part.id), data)]);
  const root = svg("g", {},
    svg("g", { class: "frames" }, frames),
    svg("g", { class: folded.links.length > 120 ? "links dense" : "links" }, links.map(([, { group }]) => group)),
    svg("g", { class: "parts" }, parts.map(([, { group }]) => group)),
    svg("g", { class: "labels" }, links.map(([, { label }]) => label)),
  );
  const [dressings, seen] = [new Map([...parts, ...links]), new Map()];
  const dress = (appearance) => {
    for (const looks of [appearance.parts, appearance.links]) {
      for (const [id, look] of looks) {
        const key = JSON.stringify(look);
        if (seen.get(id) === key) continue;
        seen.set(id, key);
        dressings.get(id).dress(look);
      }
    }
  };
  return { root, dress, parts: new Map(parts.map(([id, { group }]) => [id, group])) };
}

function drawFrame({ path, title }, { x, y, width, height }) {
  const shown = cutTo(title, width - 44, "frame");
  const close = svg("g", {
    class: "fold", role: "button", tabindex: "-1", "aria-label": `Close ${title}`, "aria-expanded": "true", "data-path": path,
    transform: `translate(${x + width - 13} ${y + 12})`,
  }, svg("rect", { x: -8, y: -8, width: 16, height: 16, rx: 4 }), svg("path", { d: "M-4 0H4" }));
  return svg("g", { class: "frame" },
    svg("rect", { class: "outline", x, y, width, height, rx: 10 }),
    svg("text", { class: "caption", x: x + 10, y: y + 16 }, shown), close);
}

function drawPart(part, { x, y, width, height }, data) {
  const group = svg("g", {
    class: "part", transform: `translate(${x} ${y})`, role: "button", tabindex: "-1", "data-part": part.id,
    "data-path": part.path, "aria-expanded": part.kind === "group" ? "false" : null,
  });
  const kind = `part ${kindOf(part, data)}`;
  const rest = part.kind === "group" ? [
    svg("rect", { class: "under", x: 3, y: 3, width, height, rx: 8 }),
  ] : [];
  group.append(svg("rect", { class: "ring", x: -5, y: -5, width: width + 10, height: height + 10, rx: 12 }), ...rest,
    svg("rect", { class: "card", width, height, rx: 8 }));
  if (part.kind === "node" && data.nodes[part.node].kind === "constant") {
    const figure = svg("text", { class: "figure", x: width / 2, y: 16, "text-anchor": "middle", lengthAdjust: "spacingAndGlyphs" });
    group.append(figure);
    return {
      group,
      dress(look) {
        dressed(group, kind, look);
        figure.textContent = cutTo(look.title, 90, "row");
        // the box is as wide as the number it was recorded with
        if (widthOf(figure.textContent, "row") > width - 4) figure.setAttribute("textLength", width - 4);
        else figure.removeAttribute("textLength");
      },
    };
  }
  if (part.kind === "node" && isGiven(data.nodes[part.node])) {
    const figure = drawFigure("value", width, 17, width - 2 * PAD - givenTitle(data.nodes[part.node]) - GIVEN_GAP);
    group.append(svg("text", { class: "name", x: PAD, y: 17 }, cutTo(part.title, TITLE_MOST, "title")), figure.text);
    return {
      group,
      dress(look) {
        dressed(group, kind, look);
        figure.write(look.rows[0][1]);
      },
    };
  }
  const head = drawHead(part, width, data);
  const rows = ["value", "grad"].map((caption, place) => drawRow(caption, width, 35 + 15 * place));
  group.append(...head.made, ...rows.flatMap(({ made }) => made));
  const foot = part.kind === "group" ? drawFoot(part, width) : null;
  if (foot) group.append(...foot.made);
  return {
    group,
    dress(look) {
      dressed(group, kind, look);
      rows.forEach((row, place) => row.write(look.rows[place][1]));
      head.arrive(look.arrived);
      if (foot) foot.write(look);
    },
  };
}

function dressed(group, kind, look) {
  group.setAttribute("class", `${kind} ${look.classes.join(" ")}`);
  group.setAttribute("aria-label", look.says.slice(0, 300));
}

function drawHead(part, width, data) {
  const node = part.kind === "node" ? data.nodes[part.node] : null;
  const group = part.kind === "group" ? data.groups[part.path] || {} : {};
  const chip = cutTo(node ? opSign(node) : group.chip || (group.calls > 1 ? `×${group.calls}` : ""), 110, "chip");
  const made = [];
  const wide = chip ? chipWidth(chip) : 0;
  if (chip) {
    made.push(svg("rect", { class: "chip", x: PAD - 2, y: 6, width: wide, height: 16, rx: 4 }),
      svg("text", { class: "sign", x: PAD - 2 + wide / 2, y: 18, "text-anchor": "middle" }, chip));
  }
  made.push(svg("text", { class: "name", x: PAD + (chip ? wide + 4 : 0), y: 18 }, cutTo(part.title, TITLE_MOST, "title")));
  const badge = svg("g", { class: "badge" });
  made.push(badge);
  const arrive = (arrived) => {
    if (!arrived) return badge.replaceChildren();
    const [count, all] = arrived;
    if (all > DOTS) return badge.replaceChildren(svg("text", { x: width - PAD, y: 18, "text-anchor": "end" }, `${count}/${all}`));
    return badge.replaceChildren(...Array.from({ length: all }, (_, place) =>
      svg("circle", { class: place < count ? "in" : "due", cx: width - PAD - 3 - 9 * (all - 1 - place), cy: 14, r: 3 })));
  };
  return { made, arrive };
}

function drawRow(caption, width, y) {
  const { text, write } = drawFigure(caption, width, y, width - 2 * PAD - 32);
  return { made: [svg("text", { class: "caption", x: PAD, y }, caption), text], write };
}

function drawFigure(caption, width, y, room) {
  const text = svg("text", { class: `figure ${caption}`, x: width - PAD, y, "text-anchor": "end" });
  const write = (shown) => {
    text.textContent = shown;
    if (widthOf(shown, "row") > room) text.setAttribute("textLength", room);
    else text.removeAttribute("textLength");
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
  };
  return { text, write };
}

function drawFoot(part, width) {
  const note = svg("text", { class: "caption", x: PAD, y: 66 });
  const bar = svg("rect", { class: "done", x: PAD, y: 71, width: 0, height: 3, rx: 1.5 });
  const open = svg("g", { class: "fold", transform: `translate(${width - 15} 14)`, "data-path": part.path, "aria-hidden": "true" },
    svg("rect", { x: -8, y: -8, width: 16, height: 16, rx: 4 }), svg("path", { d: "M-4 0H4M0 -4V4" }));
  const write = (look) => {
    note.textContent = cutTo(look.note, width - 2 * PAD, "caption");
    bar.setAttribute("width", (look.progress || 0) * (width - 2 * PAD));
  };
  return { made: [note, svg("rect", { class: "todo", x: PAD, y: 71, width: width - 2 * PAD, height: 3, rx: 1.5 }), bar, open], write };
}

function drawLink(link, layout) {
  const points = layout.links.get(link.id);
  const path = curve(points, layout.direction);
  const label = svg("text", { class: "amount", ...amountPlace(points, layout.direction) });
  const group = svg("g", { class: "link" }, svg("path", { class: "line", d: path }), arrowHead(points, layout.direction, false), arrowHead(points, layout.direction, true));
  const thick = Math.min(1.2 + 0.4 * Math.log10(link.uses.length), 2.4);
  group.setAttribute("stroke-width", thick.toFixed(2));
  return {
    group, label,
    dress(look) {
      group.setAttribute("class", `link ${look.classes.join(" ")}`);
      label.textContent = look.label;
    },
  };
}

// A small triangle where the line arrives; `back` where it leaves, for what flows backwards.
function arrowHead(points, direction, back) {
  const { x, y } = back ? points[0] : points[points.length - 1];
  const [from, to] = back ? [points[1], points[0]] : [points[points.length - 2], points[points.length - 1]];
  const level = points.length === 2 || direction === "LR" ? { x: Math.sign(to.x - from.x) || 1, y: 0 } : null;
  const turn = direction === "TB" ? (to.y < from.y ? -90 : 90) : level.x < 0 ? 180 : 0;
  return svg("path", { class: back ? "head back" : "head", d: "M0 0L-7 -3.5V3.5Z", transform: `translate(${x} ${y}) rotate(${turn})` });
}

// Where the amount stands: at the box that receives it, on that side of the line from which the line turns away.
function amountPlace([{ x, y }, next], direction) {
  if (direction === "LR") return { x: x + 9, y: next.y < y - 1 ? y + 15 : y - 7 };
  return next.x > x + 1 ? { x: x - 7, y: y + 19, "text-anchor": "end" } : { x: x + 7, y: y + 19 };
}
