// The graph as a file: as it stands now, and the whole run as an image that moves without any script.

import { appearanceOf } from "./appearance.js";
import { cutTo, drawGraph, widthOf } from "./cards.js";
import { svg } from "./dom.js";
import { FlatSvg, svgFile } from "./flat_svg.js";
import { pretty } from "./numbers.js";
import { nameOf, spokenOperation, wordsOf } from "./words.js";

const FRAME_SECONDS = 1.1;
const MOST_SECONDS = 75;
const LAST_SECONDS = 3; // the end stays for as long before it begins anew
const MOST_FRAMES = 400;
const MOST_BOXES = 40_000; // in all frames together: more take too long to draw
const MOST_LETTERS = 1_900_000;
const FILM_LEAST = 460; // a caption needs some width
const FILM_FOOT = 50;
const FILM_MARGIN = 16;

// The state of now, in the light colours, as documents want it.
export function stillSvg(player, view) {
  return flattened((flat) => {
    const { width, height } = view.layout;
    const content = scenes(player, view, [player.position], flat).map(clockOf(1).shown);
    return { width, height, words: wordsOf(player, player.step), content, sheet: () => flat.sheet(false) };
  });
}

// All states one after another, again and again. Viewers that do not animate, or are asked not to, show the
// last.
export function filmSvg(player, view, most = Math.min(MOST_FRAMES, MOST_BOXES / view.folded.parts.length)) {
  const { positions, note } = framesOf(player, view, most);
  const file = flattened((flat) => {
    const width = Math.max(view.layout.width, FILM_LEAST);
    const clock = clockOf(positions.length);
    const shift = `translate(${(width - view.layout.width) / 2} 0)`;
    const graph = scenes(player, view, positions, flat, shift);
    const pieces = [...graph, ...footOf(player, positions, width, view.layout.height, note, flat)];
    return {
      width, height: view.layout.height + FILM_FOOT, content: pieces.map(clock.shown),
      words: `Animation of ${player.total} steps. ${wordsOf(player, player.run.steps.at(-1))}`,
      sheet: () => `${flat.sheet(true)}\n.off{visibility:hidden}\n${clock.sheet(flat.moving())}`,
    };
  });
  return file.length > MOST_LETTERS && most > 10 ? filmSvg(player, view, most / 2) : file;
}

function flattened(draw) {
  const flat = new FlatSvg();
  try {
    const { width, height, words, content, sheet } = draw(flat);
    const size = [width, height].map(Math.ceil);
    const page = flat.markup(svg("rect", { class: "film-page", width: size[0], height: size[1] }));
    return svgFile(...size, { title: document.title, words, content: [page, ...content], sheet: sheet() });
  } finally {
    flat.close();
  }
}

// {positions, note}: all of them; of too many those where the next step happens in another box, and of too many
// of these every so many.
function framesOf(player, view, most) {
  const { steps } = player.run;
  const all = [0, ...steps.map((_, place) => place + 1)];
  const box = (position) => {
    const step = steps[position - 1];
    return step && view.partOf(step.node) + step.phase;
  };
  const turns = all.filter((position) => box(position) !== box(position + 1));
  if (all.length <= most) return { positions: all, note: "" };
  if (turns.length <= most) return { positions: turns, note: " · steps in one box taken together" };
  const pace = Math.ceil(turns.length / Math.max(most, 2));
  const positions = turns.filter((position, place) => place % pace === 0 || position === player.total);
  return { positions, note: ` · one of ${pace} moves shown` };
}

// --- what is seen when ------------------------------------------------------------------------------------

// Pieces of the drawing in the order of painting, with the frames in which each is seen: {markup, spans:
// [[first, beyond the last], …], place}. What looks the same in two frames is written once.
function scenes(player, view, positions, flat, shift = "") {
  const { folded, layout } = view;
  const picture = drawGraph(folded, layout, player.data);
  const drawn = (selector) => [...picture.root.querySelectorAll(selector)];
  const tracks = (selector) => drawn(selector).map((piece) => new Track(piece, flat, shift));
  const [frames, links, parts, labels] = [".frame", ".link", ".part", ".amount"].map(tracks);
  positions.forEach((position, frame) => {
    const looks = appearanceOf(player, folded, position);
    picture.dress(looks);
    frames.forEach((track) => track.look(frame, ""));
    folded.parts.forEach(({ id }, place) => parts[place].look(frame, looks.parts.get(id)));
    folded.links.forEach(({ id }, place) => {
      links[place].look(frame, looks.links.get(id));
      labels[place].look(frame, looks.links.get(id));
    });
  });
  return [frames, links, parts, labels].flat().flatMap((track) => track.end(positions.length));
}

// How one box or arrow changes, piece by piece.
class Track {
  constructor(drawn, flat, shift) {
    const place = [shift, drawn.getAttribute("transform")].filter(Boolean).join(" ");
    Object.assign(this, { drawn, flat, place, key: null, slots: [] });
  }

  // `key` says what the look depends on: where it is as before, nothing is looked at.
  look(frame, key) {
    const written = JSON.stringify(key);
    if (written === this.key) return;
    this.key = written;
    const pieces = this.drawn.tagName === "g" ? [...this.drawn.children] : [this.drawn];
    pieces.forEach((piece, place) => this.turn(place, frame, this.flat.markup(piece)));
  }

  turn(place, frame, markup) {
    const slot = this.slots[place] || (this.slots[place] = { now: "", since: 0, spans: new Map() });
    const { now, since, spans } = slot;
    if (markup === now) return;
    if (now) spans.set(now, [...(spans.get(now) || []), [since, frame]]);
    Object.assign(slot, { now: markup, since: frame });
  }

  end(count) {
    return this.slots.flatMap(({ spans }, place) => {
      this.turn(place, count, "");
      return [...spans].map(([markup, when]) => ({ markup, spans: when, place: this.place }));
    });
  }
}

// What stands below the graph: what happened, and two bars that fill with the forward and the backward pass.
function footOf(player, positions, whole, y, note, flat) {
  const room = whole - 2 * FILM_MARGIN;
  const forward = (room * player.forwardCount) / player.total;
  const foot = svg("g", { transform: `translate(${FILM_MARGIN} ${y})` });
  const track = new Track(foot, flat, "");
  const bar = (name, x, length) => {
    const width = Math.max(0, Math.round(length));
    return svg("rect", { class: name, x: Math.round(x), y: 30, width, height: 4, rx: 2 });
  };
  positions.forEach((position, frame) => {
    const count = `step ${position} of ${player.total}${note}`;
    const said = cutTo(captionOf(player, position), 0.9 * (room - widthOf(count, "row")) - 14, "row");
    const done = (room * position) / player.total;
    foot.replaceChildren(
      svg("text", { class: "film-caption", y: 17 }, said),
      svg("text", { class: "film-count", x: room, y: 17, "text-anchor": "end" }, count),
      bar("film-track", 0, forward - 2), bar("film-track", forward + 1, room - forward - 1),
      bar("film-forward", 0, Math.min(done, forward - 2)),
      bar("film-backward", forward + 1, done - forward - 1),
    );
    track.look(frame, position);
  });
  return track.end(positions.length);
}

// What happened last, on one line.
function captionOf(player, position) {
  const step = player.run.steps[position - 1];
  if (!step) return "Start: the leaves have their values";
  const name = nameOf(player, step.node);
  if (step.action === "compute") {
    return `${name} is ${spokenOperation(player, step.node)}: ${pretty(player.run.values[step.node])}`;
  }
  if (step.action === "seed") return `Backward: ∂${name}/∂${name} = ${pretty(step.upstream)}`;
  const passed = step.contributions.filter((push) => push.tracked).map(({ parent, local, amount }) => {
    const factor = local === null ? "" : pretty(local, 4).replace(/^−.*/, "($&)");
    const product = factor && `${pretty(step.upstream, 4)} × ${factor} = `;
    return `to ${nameOf(player, parent)}: ${product}${pretty(amount, 4)}`;
  });
  return `${name} passes ${passed.join(", ") || "nothing on"}`;
}

// --- time -------------------------------------------------------------------------------------------------

// `shown` is a piece as text that shows and hides it, `sheet` the rules for that: one for each pattern of
// frames.
function clockOf(count) {
  const pace = Math.min(FRAME_SECONDS, MOST_SECONDS / count);
  const seconds = pace * count + LAST_SECONDS;
  const patterns = new Map();
  const share = (frame) => Number(((100 * frame * pace) / seconds).toFixed(3));
  const moment = (frame, look) => (frame < count ? `${share(frame)}%{visibility:${look}}` : "");
  const rule = (spans, name) => {
    const turns = spans.map(([from, to]) => moment(from, "visible") + moment(to, "hidden"));
    const start = spans[0][0] > 0 ? moment(0, "hidden") : "";
    const running = `.${name}{animation:${name} ${seconds.toFixed(2)}s step-end infinite}`;
    return `@keyframes ${name}{${start}${turns.join("")}}\n${running}`;
  };
  return {
    shown({ markup, spans, place }) {
      const at = place ? ` transform="${place}"` : "";
      const [[first, next]] = spans;
      if (first === 0 && next === count) return at ? `<g${at}>${markup}</g>` : markup;
      const key = JSON.stringify(spans);
      if (!patterns.has(key)) patterns.set(key, { spans, name: `t${patterns.size}` });
      const off = spans.at(-1)[1] === count ? "" : "off ";
      return `<g class="${off}${patterns.get(key).name}"${at}>${markup}</g>`;
    },
    sheet(moving) {
      const rules = [...patterns.values()].map(({ spans, name }) => rule(spans, name));
      rules.push("@keyframes flow{to{stroke-dashoffset:12px}}");
      if (moving) rules.push(`${moving}{animation:flow .7s linear infinite}`);
      return `@media (prefers-reduced-motion: no-preference) {\n${rules.join("\n")}\n}`;
    },
  };
}
