// Time: the buttons, the speed, the line that says where we are, and the timeline above them.

import { mountAnnouncer } from "./announce.js";
import { element, svg } from "./dom.js";
import { SPEEDS } from "./store.js";
import { mountTimeline, placeInWords } from "./timeline.js";

// Drawn in a square of 20, as strokes; play is the one that is filled.
const ICONS = {
  first: "M5.5 4.5v11M14.5 4.5L9 10l5.5 5.5",
  back: "M12.5 4.5L7 10l5.5 5.5",
  play: "M7.2 5v10l8-5z",
  pause: "M7.5 5.5v9M12.5 5.5v9",
  next: "M7.5 4.5L13 10l-5.5 5.5",
  last: "M14.5 4.5v11M5.5 4.5L11 10l-5.5 5.5",
  over: "M3.2 11.4a6.9 6.9 0 0 1 13.2-2M16.8 5v4.6h-4.6M10 15.4a1.2 1.2 0 1 0 .01 0z",
};

// Mounts the section and returns what can be done with time, for the keys: every act by hand pauses first.
export function mountTransport(root, player, view) {
  const say = mountAnnouncer(root, player);
  const time = timeActs(player, view, say);
  const buttons = [
    transportButton("first", "First: before the first step", "Home", time.first),
    transportButton("back", "Back one step", "←", time.back),
    transportButton("play", "Play", "Space", time.toggle),
    transportButton("next", "Next step", "→", time.next),
    transportButton("last", "Last: after the last step", "End", time.last),
    transportButton("over", "Step over: on to the next part of the picture", "s", time.over),
  ];
  const [first, back, play, next, last, over] = buttons;
  const [spot, phase] = [element("span"), element("span", { class: "more" })];
  const place = element("p", { class: "place number" }, spot, phase);
  const speed = element("select", { onchange: () => time.setSpeed(Number(speed.value)) },
    SPEEDS.map((factor) => element("option", { value: factor }, `${factor}×`)));
  const bar = element("div", { class: "timeline" });
  mountTimeline(bar, player, time.scrub);
  root.append(
    bar,
    element("div", { class: "controls" },
      place,
      element("div", { class: "buttons", role: "group", "aria-label": "Steps" }, buttons),
      element("label", { class: "speed" }, element("span", { class: "quiet" }, "Speed"), speed)),
  );
  player.subscribe((changes) => {
    if (!changes.has("position") && !changes.has("run") && !changes.has("playing")) return;
    const [where, ...more] = placeInWords(player);
    spot.textContent = where;
    phase.textContent = more.map((word) => ` · ${word}`).join("");
    renamePlay(play, player);
    speed.value = String(player.speed);
    for (const button of [first, back]) setOff(button, player.position === 0);
    for (const button of [next, last, over]) setOff(button, player.position === player.total);
    setOff(play, player.diverged !== null);
  });
  document.addEventListener("visibilitychange", () => document.hidden && player.pause());
  return time;
}

function timeActs(player, view, say) {
  const byHand = (act) => (value) => {
    player.pause();
    act(value);
  };
  // while playing, the beat that is under way takes the new speed at once
  const setSpeed = (speed) => {
    const playing = player.playing;
    player.pause();
    player.setSpeed(speed);
    if (playing) player.play();
  };
  const faster = (by) => {
    const place = SPEEDS.indexOf(player.speed) + by;
    setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, place))]);
  };
  return {
    first: byHand(() => player.goto(0)),
    back: byHand(() => player.back()),
    next: byHand(() => player.next()),
    last: byHand(() => player.goto(player.total)),
    over: byHand(() => player.stepOver((node) => view.partOf(node))),
    scrub: byHand((position) => player.goto(position)),
    toggle: () => (player.playing ? player.pause() : startPlaying(player)),
    faster: () => faster(1),
    slower: () => faster(-1),
    setSpeed,
    say,
  };
}

// The first step comes at once, so that play answers; at the end it starts anew and shows the start first.
function startPlaying(player) {
  const anew = player.position === player.total;
  player.play();
  if (anew || !player.playing) return;
  player.next();
  if (player.position === player.total) player.pause();
}

function transportButton(name, title, key, act) {
  const icon = svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
  return element("button", {
    type: "button", class: name, title: `${title} (${key})`, "aria-label": title,
    onclick: (event) => event.currentTarget.getAttribute("aria-disabled") !== "true" && act(),
  }, icon);
}

function renamePlay(button, player) {
  const start = player.position === player.total ? "Play again from the start" : "Play";
  const name = player.playing ? "Pause" : start;
  button.setAttribute("aria-label", name);
  button.title = player.diverged ? "These numbers take another branch of the program" : `${name} (Space)`;
  button.classList.toggle("playing", player.playing);
  button.querySelector("path").setAttribute("d", player.playing ? ICONS.pause : ICONS.play);
}

// Not `disabled`: a button that switches itself off would take the focus with it.
function setOff(button, off) {
  button.setAttribute("aria-disabled", String(off));
}
