// What a screen reader is told: each step in words, and what else changes, at a pace that can be followed.

import { element } from "./dom.js";

const SETTLE = 200; // milliseconds: of a quick series of steps only the last is told
const BREATH = 2500; // between two steps told while playing faster than speed 1

// Mounts the live region; returns say(text) for what only a key press knows.
export function mountAnnouncer(root, player) {
  const region = element("p", { class: "visually-hidden spoken", "aria-live": "polite" });
  root.append(region);
  const before = { position: 0, playing: false, quiz: false, naive: false, diverged: null, run: player.run };
  let timer = null;
  let told = -Infinity;
  const say = (text) => {
    clearTimeout(timer);
    region.textContent = text;
  };
  const sayStep = () => {
    clearTimeout(timer);
    if (player.playing && player.speed > 1) {
      if (performance.now() - told < BREATH) return;
      told = performance.now();
      say(stepInWords(player));
    } else timer = setTimeout(() => say(stepInWords(player)), SETTLE);
  };
  player.subscribe(() => {
    const news = newsSince(before, player);
    const moved = before.position !== player.position;
    Object.assign(before, stateOfPlay(player));
    if (news) say(news);
    else if (moved) sayStep();
  });
  return say;
}

function stateOfPlay({ position, playing, quiz, naive, diverged, run }) {
  return { position, playing, quiz, naive, diverged, run };
}

// What changed besides the place, as a sentence; "" if nothing did.
function newsSince(before, player) {
  const place = player.position === player.total ? `The end. ${stepInWords(player)}` : stepInWords(player);
  if (player.diverged && !before.diverged) return "With these numbers the program would take another branch.";
  if (before.diverged && !player.diverged) return "The numbers follow the recorded branch again.";
  if (player.quiz !== before.quiz) return player.quiz ? "Quiz on: predict each gradient." : "Quiz off.";
  if (player.naive !== before.naive) return player.naive ? "The backward pass now goes in the naive order." : "The backward pass is in topological order again.";
  if (player.run !== before.run) return "All numbers were computed anew.";
  if (player.playing && !before.playing) return `Playing at speed ${player.speed}.`;
  if (before.playing && !player.playing) return player.position === player.total ? place : `Paused. ${place}`;
  return "";
}

function stepInWords(player) {
  const { step } = player;
  if (!step) return "Start: only the leaves have values.";
  const phase = step.action === "seed" ? "The backward pass begins" : step.phase;
  return `Step ${player.position} of ${player.total}, ${phase}: ${shortWords(player, step)}`;
}

function shortWords(player, step) {
  return player.nodes[step.node].text;
}
