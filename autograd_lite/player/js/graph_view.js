// The graph on the stage: laid out once for what is open, dressed anew at every step.

import { element, svg } from "./dom.js";
import { appearanceOf } from "./appearance.js";
import { drawGraph, sizeOfPart } from "./cards.js";
import { outwardPaths, partsOf } from "./folding.js";
import { layOut } from "./layout.js";
import { Camera } from "./panning.js";

export function mountGraph(stage, player) {
  const view = new GraphView(stage, player);
  player.subscribe((changes) => view.update(changes));
  return view;
}

const LARGE_ENOUGH = 0.95; // of full size: then the usual direction is kept
const MOST_TRIED_TWICE = 150; // boxes; more take too long to arrange in both directions

// What is open as boxes, and their arrangement in a direction, made when it is asked for.
function planOf(data, open) {
  const folded = partsOf(data, open);
  const sizes = new Map(folded.parts.map((part) => [part.id, sizeOfPart(part, data)]));
  const made = {};
  const arranged = (direction) => (made[direction] ||= layOut(folded, direction, (part) => sizes.get(part.id)));
  return { folded, arranged };
}

class GraphView {
  constructor(stage, player) {
    this.player = player;
    this.plans = new Map(); // layouts by what is open
    this.content = svg("g", { class: "content" });
    this.board = svg("svg", { class: "graph", role: "group", "aria-label": "Computation graph: boxes are numbers, arrows lead from operands to results" }, this.content);
    const button = (name, sign, act) => element("button", { type: "button", class: "zoom", "aria-label": name, title: name, onclick: act }, sign);
    this.tools = element("div", { class: "zooms" },
      button("Zoom in", "+", () => this.camera.zoom(1.25)),
      button("Zoom out", "−", () => this.camera.zoom(0.8)),
      button("Fit the whole graph", "⤢", () => this.fit()));
    stage.append(this.board, this.tools);
    this.camera = new Camera(this.board, this.content, () => this.layout);
    this.rebuild();
    this.board.addEventListener("click", (event) => this.click(event));
    this.board.addEventListener("dblclick", (event) => this.toggleAt(event.target.closest(".part[data-path]")));
    this.board.addEventListener("keydown", (event) => this.key(event));
    // not on the picture itself, which would make it a stop of the tab key
    stage.addEventListener("focusin", (event) => this.focused(event.target));
    new ResizeObserver(() => this.resized()).observe(stage);
    window.addEventListener("beforeprint", () => this.camera.onPaper(true));
    window.addEventListener("afterprint", () => this.camera.onPaper(false));
  }

  // --- what other parts ask -----------------------------------------------------------------------------

  partOf(index) {
    return this.folded.partOf(index);
  }

  fit() {
    this.camera.fit(true);
  }

  reveal(index) {
    const box = this.layout.parts.get(this.partOf(index));
    if (box) this.camera.reveal(box);
  }

  svg() {
    return this.board;
  }

  // --- what changes -------------------------------------------------------------------------------------

  update(changes) {
    if (changes.has("open")) this.reopen();
    else if (changes.has("position") || changes.has("run") || changes.has("mode")) this.dress();
    if (changes.has("position")) this.follow();
    if (changes.has("selected") || changes.has("open")) this.mark();
  }

  // The plan of what is open now, from the cache or new.
  rebuild() {
    const { data, open } = this.player;
    const key = JSON.stringify([...open].filter((path) => outwardPaths(path).every((outer) => open.has(outer))).sort());
    if (!this.plans.has(key)) this.plans.set(key, planOf(data, open));
    this.plan = this.plans.get(key);
    const [{ folded }, layout] = [this.plan, this.shaped()];
    Object.assign(this, { folded, layout, picture: drawGraph(folded, layout, data) });
    this.content.replaceChildren(this.picture.root);
    this.tools.classList.toggle("beside", layout.direction === "TB"); // where such a picture leaves room
    this.dress();
    this.mark();
    this.camera.fit();
  }

  // Left to right; downwards where the stage, as it is now, then shows everything clearly larger.
  shaped() {
    const { folded, arranged } = this.plan;
    const along = arranged("LR");
    if (folded.parts.length > MOST_TRIED_TWICE || this.camera.room(along) >= LARGE_ENOUGH) return along;
    const down = arranged("TB");
    return this.camera.room(down) > 1.15 * this.camera.room(along) ? down : along;
  }

  // Another room, perhaps of another shape: a phone that was turned, a window pulled narrow.
  resized() {
    if (this.shaped() !== this.layout) {
      const had = this.board.contains(document.activeElement);
      this.rebuild();
      if (had) this.focusOn(this.stop);
    } else if (this.camera.moved) return;
    this.camera.fit();
    this.follow();
  }

  reopen() {
    const had = this.board.contains(document.activeElement);
    const before = this.lastToggled;
    this.rebuild();
    if (before) {
      const box = this.layout.frames.get(before) || this.layout.parts.get(`g:${before}`);
      if (box) this.camera.reveal(box);
      if (had) this.focusOn(this.layout.frames.has(before) ? this.firstIn(before) : `g:${before}`);
    } else this.follow();
    this.lastToggled = null;
  }

  dress() {
    this.picture.dress(appearanceOf(this.player, this.folded));
  }

  follow() {
    if (this.player.step) this.reveal(this.player.step.node);
  }

  // The ring around what was picked, and the one part that the tab key reaches.
  mark() {
    const { selected } = this.player;
    const id = selected === null ? null : this.partOf(selected);
    for (const [own, group] of this.picture.parts) {
      const on = own === id;
      if (on) group.setAttribute("data-selected", "");
      else group.removeAttribute("data-selected");
    }
    if (id) this.camera.reveal(this.layout.parts.get(id));
    this.setStop(id || (this.picture.parts.has(this.stop) ? this.stop : this.partOf(this.player.inspected)));
  }

  // --- hands --------------------------------------------------------------------------------------------

  click(event) {
    if (this.camera.wasDragged) return;
    const fold = event.target.closest(".fold");
    if (fold) return this.toggleAt(fold);
    const part = event.target.closest(".part");
    if (part) this.choose(part);
  }

  choose(group) {
    const part = this.folded.parts.find(({ id }) => id === group.dataset.part);
    if (part.kind === "node") this.player.select(part.node);
    group.focus({ preventScroll: true });
  }

  toggleAt(target) {
    if (!target || this.camera.wasDragged) return;
    this.lastToggled = target.dataset.path;
    this.player.toggleGroup(target.dataset.path);
  }

  // Enter and space act on what has focus, arrows up and down go from box to box, minus closes the frame around it.
  key(event) {
    const target = event.target.closest(".part, .fold");
    if (!target || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      Enter: () => (target.dataset.path === undefined ? this.choose(target) : this.toggleAt(target)),
      " ": () => (target.dataset.path === undefined ? this.choose(target) : this.toggleAt(target)),
      ArrowDown: () => this.step(target, 1),
      ArrowUp: () => this.step(target, -1),
      "-": () => this.closeAround(target),
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    event.stopPropagation();
    this.camera.dragged = 0;
    acts[event.key]();
  }

  step(target, by) {
    const ids = this.folded.parts.map(({ id }) => id);
    const next = ids[ids.indexOf(target.dataset.part) + by];
    if (next) this.focusOn(next);
  }

  closeAround(target) {
    const part = this.folded.parts.find(({ id }) => id === target.dataset.part);
    if (!part || part.frame === null) return;
    this.lastToggled = part.frame;
    this.player.toggleGroup(part.frame);
  }

  focusOn(id) {
    const group = this.picture.parts.get(id);
    if (group) group.focus({ preventScroll: true });
  }

  firstIn(path) {
    return this.folded.parts.find(({ frame }) => frame !== null && outwardPaths(frame).includes(path))?.id;
  }

  focused(target) {
    const group = target.closest(".part");
    if (!group) return;
    this.setStop(group.dataset.part);
    this.camera.reveal(this.layout.parts.get(group.dataset.part));
  }

  setStop(id) {
    if (this.picture.parts.has(this.stop)) this.picture.parts.get(this.stop).setAttribute("tabindex", "-1");
    this.stop = id;
    if (this.picture.parts.has(id)) this.picture.parts.get(id).setAttribute("tabindex", "0");
  }
}
