// The timeline: a native slider (so keys, touch and screen readers know it) over a drawn track.
//
// The track's unit is one step: a viewBox as wide as the run, stretched to the width of the page.

import { element, svg } from "./dom.js";

const TICKS = 60; // beyond this many steps ticks would run into one another

export function mountTimeline(root, player, scrub) {
  const slider = element("input", { type: "range", min: 0, step: 1, "aria-label": "Timeline" });
  slider.addEventListener("input", () => scrub(Number(slider.value)));
  const track = svg("svg", { class: "track", preserveAspectRatio: "none", "aria-hidden": "true" });
  const labels = element("div", { class: "phases", "aria-hidden": "true" });
  root.append(element("div", { class: "rail" }, track, slider), labels);
  let past = null;
  const draw = () => {
    slider.max = player.total;
    past = drawTrack(track, player);
    drawLabels(labels, player);
  };
  player.subscribe((changes) => {
    if (changes.has("run")) draw();
    if (!changes.has("run") && !changes.has("position")) return;
    slider.value = player.position;
    slider.setAttribute("aria-valuetext", spokenPlace(player));
    past.forward.setAttribute("width", Math.min(player.position, player.forwardCount));
    past.backward.setAttribute("width", Math.max(0, player.position - player.forwardCount));
    root.dataset.phase = phaseOf(player);
  });
}

// "step 12 of 25" and "backward", to be joined as the place demands.
export function placeInWords(player) {
  if (!player.position) return ["start", `${player.total} ${player.total === 1 ? "step" : "steps"}`];
  const words = [`step ${player.position} of ${player.total}`, phaseOf(player)];
  return player.position === player.total ? [...words, "done"] : words;
}

function phaseOf(player) {
  return player.position > player.forwardCount ? "backward" : "forward";
}

function spokenPlace(player) {
  const node = player.step ? [player.nodes[player.step.node].text] : [];
  return [...placeInWords(player), ...node].join(", ");
}

function drawTrack(track, player) {
  const { total, forwardCount } = player;
  const bar = (name, x, width) => svg("rect", { class: name, x, y: 8, width, height: 6 });
  const line = (name, x, y, end) => svg("line", { class: name, x1: x, x2: x, y1: y, y2: end });
  const past = { forward: bar("past forward", 0, 0), backward: bar("past backward", forwardCount, 0) };
  const inner = Array.from({ length: total <= TICKS ? total - 1 : 0 }, (_, place) => place + 1);
  const ticks = inner.map((place) => line("tick", place, 8, 14));
  const odd = player.diverged ? [] : player.run.steps.filter((step) => isNotFinite(player.run, step));
  track.setAttribute("viewBox", `0 0 ${total} 22`);
  track.replaceChildren(
    bar("forward", 0, forwardCount), bar("backward", forwardCount, total - forwardCount),
    past.forward, past.backward, ...ticks, line("seed", forwardCount, 3, 19),
    ...odd.map((step) => line("odd", step.index + 1, 1, 5)),
  );
  return past;
}

function drawLabels(labels, player) {
  const { total, forwardCount } = player;
  labels.style.gridTemplateColumns = `minmax(0, ${forwardCount}fr) minmax(0, ${total - forwardCount}fr)`;
  labels.replaceChildren(
    element("span", { class: "forward" }, "forward", element("span", { class: "more" }, ": values")),
    element("span", { class: "backward" }, "backward", element("span", { class: "more" }, ": gradients")),
  );
}

// Whether NaN or an infinity came up in this step.
function isNotFinite({ values }, { action, node, contributions }) {
  if (action === "compute") return !Number.isFinite(values[node]);
  return contributions.some(({ after }) => after !== null && !Number.isFinite(after));
}
