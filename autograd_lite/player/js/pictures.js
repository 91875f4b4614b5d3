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
const MOST_LETTERS = 1_900_000;
const FILM_LEAST = 460; // a caption needs some width
const FILM_FOOT = 50;
const FILM_MARGIN = 16;

// The state of now, in the light colours, as documents want it.
export function stillSvg(player, view) {
  const flat = new FlatSvg();
  try {
    const { width, height } = view.layout;
    const content = [backdrop(width, height, flat), ...scenes(player, view, [player.position], flat).map(({ markup }) => markup)];
    const texts = { title: document.title, words: wordsOf(player, player.step) };
    return svgFile({ width, height, ...texts, sheet: flat.sheet(false), content: content.join("\n") });
  } finally {
    flat.close();
  }
}

// All states one after another, again and again. Viewers that do not animate, or are asked not to, show the last.
export function filmSvg(player, view) {
  let most = MOST_FRAMES;
  let file = film(player, view, framesOf(player, view, most));
  while (file.length > MOST_LETTERS && most > 10) {
    most = Math.floor(most / 2);
    file = film(player, view, framesOf(player, view, most));
  }
  return file;
}

// {positions, note}: all of them; of too many those where the next step happens in another box, and of too many of
// these every so many.
export function framesOf(player, view, most) {
  const { steps } = player.run;
  const all = [0, ...steps.map((_, place) => place + 1)];
  if (all.length <= most) return { positions: all, note: "" };
  const turns = all.filter((position) => {
    if (position === 0 || position === player.total || position === player.forwardCount) return true;
    return view.partOf(steps[position - 1].node) !== view.partOf(steps[position].node);
  });
  if (turns.length <= most) return { positions: turns, note: "steps inside one box taken together" };
  const pace = Math.ceil(turns.length / (most - 1));
  const positions = turns.filter((position, place) => place % pace === 0 || position === player.total);
  return { positions, note: `every ${pace}th move shown` };
}

function film(player, view, { positions, note }) {
  const flat = new FlatSvg();
  try {
    const width = Math.max(view.layout.width, FILM_LEAST);
    const { height } = view.layout;
    const clock = clockOf(positions.length);
    const captions = positions.map((position) => captionOf(player, position));
    const foot = svg("g", { transform: `translate(0 ${height})` });
    const room = width - 2 * FILM_MARGIN;
    const tracks = positions.map((position, frame) => {
      const done = [`step ${position.toLocaleString("en")} of ${player.total.toLocaleString("en")}`, note].filter(Boolean).join(" · ");
      const left = room - widthOf(done, "row") - 14;
      const line = svg("text", { class: "film-caption", x: FILM_MARGIN, y: 17 }, cutTo(captions[frame], left * 0.9, "row"));
      const count = svg("text", { class: "film-count", x: width - FILM_MARGIN, y: 17, "text-anchor": "end" }, done);
      foot.replaceChildren(line, count);
      return { markup: flat.markup(foot), spans: [[frame, frame + 1]] };
    });
    const shift = (width - view.layout.width) / 2;
    const graph = scenes(player, view, positions, flat).map((scene) => shown(scene, clock));
    const content = [
      backdrop(width, height + FILM_FOOT, flat), `<g transform="translate(${shift} 0)">`, ...graph, "</g>",
      ...tracks.map((scene) => shown(scene, clock)), ...progress(player, positions, width, height + 30, flat, clock),
    ].join("\n");
    const words = `Backpropagation from ${nameOf(player, player.data.root)} as an animation: ${captions[captions.length - 1]}`;
    const sheet = `${flat.sheet(true)}\n.off{visibility:hidden}\n${clock.sheet(flat.moving())}`;
    return svgFile({ width, height: height + FILM_FOOT, title: document.title, words, sheet, content });
  } finally {
    flat.close();
  }
}

// --- what is seen when ----------------------------------------------------------------------------------------

// Pieces of the drawing in the order of painting, with the frames in which each is seen: {markup, spans: [[first,
// beyond the last], …]}. What looks the same in two frames is written once.
function scenes(player, view, positions, flat) {
  const { folded, layout } = view;
  const picture = drawGraph(folded, layout, player.data);
  const all = (selector) => [...picture.root.querySelectorAll(selector)];
  const frames = all(".frame").map((frame) => ({ markup: flat.markup(frame), spans: [[0, positions.length]] }));
  const links = all(".link").map((group) => new Track(group, flat));
  const parts = all(".part").map((group) => new Track(group, flat));
  const labels = all(".amount").map((text) => new Track(text, flat));
  positions.forEach((position, frame) => {
    const looks = appearanceOf(player, folded, position);
    picture.dress(looks);
    folded.parts.forEach(({ id }, place) => parts[place].look(frame, looks.parts.get(id)));
    folded.links.forEach(({ id }, place) => {
      links[place].look(frame, looks.links.get(id));
      labels[place].look(frame, looks.links.get(id).label);
    });
  });
  return [...frames, ...[...links, ...parts, ...labels].flatMap((track) => track.end(positions.length))];
}

// How one box or arrow changes, piece by piece.
class Track {
  constructor(element, flat) {
    Object.assign(this, { element, flat, key: null, slots: [] });
  }

  look(frame, look) {
    const key = JSON.stringify(look);
    if (key === this.key) return;
    this.key = key;
    const { element } = this;
    const pieces = element.tagName === "g" ? [...element.children] : [element];
    pieces.forEach((piece, place) => {
      const slot = this.slots[place] || (this.slots[place] = { now: "", since: 0, spans: new Map() });
      const markup = this.flat.markup(piece);
      if (markup === slot.now) return;
      this.turn(slot, frame);
      Object.assign(slot, { now: markup, since: frame });
    });
  }

  turn({ now, since, spans }, frame) {
    if (!now || frame === since) return;
    spans.set(now, [...(spans.get(now) || []), [since, frame]]);
  }

  end(count) {
    const place = this.element.getAttribute("transform");
    return this.slots.flatMap((slot) => {
      this.turn(slot, count);
      return [...slot.spans].map(([markup, spans]) => ({ markup: place ? `<g transform="${place}">${markup}</g>` : markup, spans }));
    });
  }
}

// --- time -----------------------------------------------------------------------------------------------------

// {seconds, share(frame), name(spans), sheet(moving)}: the rules that show and hide, one for each pattern of frames.
function clockOf(count) {
  const frameSeconds = Math.min(FRAME_SECONDS, MOST_SECONDS / count);
  const seconds = frameSeconds * count + LAST_SECONDS;
  const share = (frame) => `${Number(((100 * frame * frameSeconds) / seconds).toFixed(3))}%`;
  const patterns = new Map();
  const rules = [];
  return {
    seconds, share, count, rules,
    name(spans) {
      const key = JSON.stringify(spans);
      if (!patterns.has(key)) patterns.set(key, { name: `t${patterns.size.toString(36)}`, spans });
      return patterns.get(key).name;
    },
    sheet(moving) {
      const frames = [...patterns.values()].map(({ name, spans }) => {
        const turns = spans.flatMap(([from, to]) => [[from, "visible"], ...(to < count ? [[to, "hidden"]] : [])]);
        if (spans[0][0] > 0) turns.unshift([0, "hidden"]);
        const keys = turns.map(([frame, value]) => `${share(frame)}{visibility:${value}}`).join("");
        return `@keyframes ${name}{${keys}}\n.${name}{animation:${name} ${seconds.toFixed(2)}s step-end infinite}`;
      });
      const flow = moving.length ? [`@keyframes flow{to{stroke-dashoffset:12px}}\n${moving.join()}{animation:flow .7s linear infinite}`] : [];
      return `@media (prefers-reduced-motion: no-preference) {\n${[...frames, ...rules, ...flow].join("\n")}\n}`;
    },
  };
}

function shown({ markup, spans }, clock) {
  if (spans.length === 1 && spans[0][0] === 0 && spans[0][1] === clock.count) return markup;
  const last = spans[spans.length - 1][1] === clock.count;
  return `<g class="${last ? "" : "off "}${clock.name(spans)}">${markup}</g>`;
}

function backdrop(width, height, flat) {
  return flat.markup(svg("rect", { class: "film-page", width: Math.ceil(width), height: Math.ceil(height) }));
}

// Two bars, of the forward and of the backward pass, that fill with time.
function progress(player, positions, width, y, flat, clock) {
  const turn = Math.max(1, positions.findIndex((position) => position >= player.forwardCount));
  const last = Math.max(positions.length - 1, turn + 1);
  const unit = (width - 2 * FILM_MARGIN - 3) / last;
  return [["forward", 0, turn], ["backward", turn, last]].map(([phase, from, to]) => {
    const length = Math.round((to - from) * unit);
    const bar = (name) => flat.markup(svg("rect", { class: name, width: length, height: 4, rx: 2 }));
    const name = `bar-${phase}`;
    clock.rules.push(`@keyframes ${name}{0%,${clock.share(from)}{transform:scaleX(0)}${clock.share(to)},100%{transform:scaleX(1)}}\n`
      + `.${name}{animation:${name} ${clock.seconds.toFixed(2)}s linear infinite}`);
    const x = Math.round(FILM_MARGIN + from * unit + (from ? 3 : 0));
    return `<g transform="translate(${x} ${Math.round(y)})">${bar("film-track")}<g class="${name}">${bar(`film-${phase}`)}</g></g>`;
  });
}

// --- words ----------------------------------------------------------------------------------------------------

// What happened last, on one line.
function captionOf(player, position) {
  const step = position ? player.run.steps[position - 1] : null;
  const root = nameOf(player, player.data.root);
  if (!step) return "The leaves have their values";
  const name = nameOf(player, step.node);
  if (step.action === "compute") return `${name} is ${spokenOperation(player, step.node)}: ${pretty(player.run.values[step.node])}`;
  if (step.action === "seed") return `Backward from ${root}: ∂${root}/∂${root} = ${pretty(step.upstream)}`;
  const passed = step.contributions.filter((push) => push.tracked).map((push) => {
    const product = push.local === null ? "" : ` ${pretty(step.upstream, 4)} × ${bracketedNumber(push.local)} =`;
    return `to ${nameOf(player, push.parent)}${product} ${pretty(push.amount, 4)}`;
  });
  return `${name} passes on ${passed.join(", ") || "nothing"}`;
}

function bracketedNumber(value) {
  const text = pretty(value, 4);
  return text.startsWith("−") ? `(${text})` : text;
}
