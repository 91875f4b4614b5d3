// The state of the player, in one place. Panels read it, call its methods, and are told what changed.

import { evaluate, firstDivergence, liveRun, naiveOrder, recordedRun, stateAt } from "./passes.js";
import { format, toNumber } from "./numbers.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const BEAT = 1100; // milliseconds between two steps at speed 1

// `changes` is a set of words, of which one notice may carry several: "position", "run" (other numbers or another order), "selected", "open"
// (folding), "playing" (also the speed), "mode" (teaching modes), "tab".
export class Player {
  constructor(page, rules) {
    this.data = decoded(page);
    this.rules = rules;
    this.nodes = this.data.nodes;
    this.recorded = recordedRun(this.data);
    this.run = this.recorded;
    this.given = this.nodes.map((node) => node.value); // what the leaves hold now
    // constants are called by their number
    this.plain = this.nodes.filter((node) => node.kind === "constant" && !node.label).map((node) => [node, node.text]);
    this.changed = new Set(); // leaves that do not hold what was recorded
    this.diverged = null; // the guard that would go another way on these numbers
    this.naive = false; // whether the backward pass goes in the naive order
    this.quiz = false; // whether the learner is asked to predict each gradient
    this.quizHidden = false; // whether a question is open, whose answer no panel may give away
    this.position = 0;
    this.selected = null; // the node the reader picked; null follows the steps
    this.open = new Set(this.data.open); // the paths of the groups that are open
    this.tab = "node";
    this.playing = false;
    this.speed = 1;
    this.listeners = new Set();
    this.pending = new Set();
    this.cache = null;
  }

  // --- time ---------------------------------------------------------------------------------------------

  get total() {
    return this.run.steps.length;
  }

  get forwardCount() {
    return this.data.order.length;
  }

  // What is known at the cursor.
  get state() {
    if (!this.cache) this.cache = stateAt(this.data, this.run, this.position);
    return this.cache;
  }

  // The step that was done last; null at the start.
  get step() {
    return this.position ? this.run.steps[this.position - 1] : null;
  }

  goto(position) {
    const place = Math.max(0, Math.min(this.total, Math.round(position)));
    if (place === this.position) return;
    this.position = place;
    this.selected = null;
    this.tell("position", "selected");
  }

  next() {
    this.goto(this.position + 1);
  }

  back() {
    this.goto(this.position - 1);
  }

  // On to the next step that happens in another part of the picture; `partOf` maps a node to what is drawn.
  stepOver(partOf) {
    let place = this.position + 1;
    const here = this.step ? partOf(this.step.node) : null;
    while (place < this.total && partOf(this.run.steps[place - 1].node) === here) place += 1;
    this.goto(place);
  }

  play() {
    if (this.playing || this.diverged) return;
    if (this.position === this.total) this.goto(0);
    this.playing = true;
    this.tell("playing");
    this.beat();
  }

  pause() {
    if (!this.playing) return;
    clearTimeout(this.timer);
    this.playing = false;
    this.tell("playing");
  }

  beat() {
    this.timer = setTimeout(() => {
      this.next();
      if (this.position === this.total || this.diverged) this.pause();
      else if (this.playing) this.beat();
    }, BEAT / this.speed);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.tell("playing");
  }

  // --- looking ------------------------------------------------------------------------------------------

  // The node that the inspector shows: the one picked, else the one at work, else the result.
  get inspected() {
    if (this.selected !== null) return this.selected;
    return this.step ? this.step.node : this.data.root;
  }

  select(index) {
    this.selected = index;
    this.tell("selected");
  }

  showTab(name) {
    this.tab = name;
    this.tell("tab");
  }

  toggleGroup(path) {
    if (!this.open.delete(path)) this.open.add(path);
    this.tell("open");
  }

  setOpen(paths) {
    this.open = new Set(paths);
    this.tell("open");
  }

  // --- other numbers, other orders ----------------------------------------------------------------------

  // Whether leaves can be given other numbers here; if not, `data.live` says why.
  get isLive() {
    return this.data.live === true;
  }

  setLeaf(index, number) {
    this.setLeaves([[index, number]]);
  }

  // Several at once, as [index, number] pairs: one pass over the graph for all of them.
  setLeaves(pairs) {
    for (const [index, number] of pairs) {
      this.given[index] = number;
      if (Object.is(number, this.nodes[index].value)) this.changed.delete(index);
      else this.changed.add(index);
    }
    this.compute();
  }

  resetLeaves() {
    this.given = this.nodes.map((node) => node.value);
    this.changed.clear();
    this.compute();
  }

  setNaive(on) {
    this.naive = on && this.isLive;
    this.compute();
    this.tell("mode");
  }

  setQuiz(on) {
    this.quiz = on;
    this.tell("mode");
  }

  hideAnswers(on) {
    if (on === this.quizHidden) return;
    this.quizHidden = on;
    this.tell("mode");
  }

  // The run in topological order on the numbers of now: what is right, whatever order is shown.
  get sortedRun() {
    if (!this.naive) return this.run;
    return this.changed.size ? liveRun(this.data, this.numbers()) : this.recorded;
  }

  numbers() {
    if (this.changed.size) return evaluate(this.data, this.rules, this.given);
    return { values: this.recorded.values, locals: this.recorded.locals };
  }

  compute() {
    const numbers = this.numbers();
    for (const [node, text] of this.plain) node.text = this.changed.has(node.index) ? format(this.given[node.index]) : text;
    this.diverged = this.changed.size ? firstDivergence(this.data.guards, numbers.values) : null;
    if (this.diverged) this.pause();
    if (!this.naive && !this.changed.size) this.run = this.recorded;
    else this.run = liveRun(this.data, { ...numbers, backward: this.naive ? naiveOrder(this.data) : null });
    if (this.position > this.total) this.position = this.total;
    this.tell("run");
  }

  // --- telling ------------------------------------------------------------------------------------------

  subscribe(listener) {
    this.listeners.add(listener);
  }

  // Listeners hear once of everything that changes in one go, so that a page is drawn once.
  tell(...changes) {
    if (changes.includes("position") || changes.includes("run")) this.cache = null;
    const first = this.pending.size === 0;
    changes.forEach((change) => this.pending.add(change));
    if (first) queueMicrotask(() => this.flush());
  }

  flush() {
    const changes = this.pending;
    this.pending = new Set();
    for (const listener of this.listeners) listener(changes);
  }
}

// The page's data with its special numbers read.
function decoded(page) {
  const list = (entries) => entries.map(toNumber);
  const nodes = page.nodes.map((node, index) => ({
    ...node, index, value: toNumber(node.value), locals: list(node.locals || []),
    parents: node.parents || [], tracked: node.tracked || [],
  }));
  const pushes = page.pushes.map((pushed) =>
    pushed.map(([position, parent, local, amount, after, note = ""]) => ({
      position, parent, local: toNumber(local), amount: toNumber(amount), after: toNumber(after), note,
    })),
  );
  const operand = (entry) => (typeof entry === "object" ? { number: toNumber(entry.number) } : entry);
  const guards = page.guards.map((guard) => ({ ...guard, left: operand(guard.left), right: operand(guard.right) }));
  return { ...page, nodes, pushes, guards, seed: toNumber(page.seed), gradients: list(page.gradients) };
}
