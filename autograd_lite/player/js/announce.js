// What a screen reader is told: each step in words, and what else changes, at a pace that can be followed.

import { element } from "./dom.js";
import { pretty } from "./numbers.js";
import { nameOf, wordsOf } from "./words.js";

const SETTLE = 200; // milliseconds: of a quick series of steps only the last is told
const BREATH = 2500; // between two steps told while playing faster than speed 1

// Mounts the live region; returns say(text) for what only a key press knows.
export function mountAnnouncer(root, player) {
  const region = element("p", { class: "visually-hidden spoken", "aria-live": "polite" });
  root.append(region);
  let before = toldOf(player);
  let timer = null;
  let last = -Infinity;
  const say = (text) => {
    clearTimeout(timer);
    region.textContent = text;
  };
  const saySoon = (words) => {
    clearTimeout(timer);
    timer = setTimeout(() => say(words()), SETTLE);
  };
  const sayStep = () => {
    if (!player.playing || player.speed <= 1) return saySoon(() => stepWords(player));
    if (performance.now() - last < BREATH) return undefined;
    last = performance.now();
    return say(stepWords(player));
  };
  player.subscribe(() => {
    const [was, now] = [before, toldOf(player)];
    before = now;
    const news = newsSince(was, now, player);
    if (news) say(news);
    else if (was.run !== now.run) saySoon(() => resultWords(player));
    else if (was.position !== now.position) sayStep();
  });
  return say;
}

function toldOf({ position, playing, quiz, naive, diverged, run }) {
  return { position, playing, quiz, naive, diverged: diverged !== null, run };
}

// What changed besides the place and the numbers, as a sentence; "" if nothing did.
function newsSince(was, now, player) {
  if (was.diverged !== now.diverged) {
    return now.diverged ? stepWords(player) : `The recorded branch is taken again. ${resultWords(player)}`;
  }
  if (was.quiz !== now.quiz) return now.quiz ? "Quiz on: predict each contribution." : "Quiz off.";
  if (was.naive !== now.naive) return `Backward in ${now.naive ? "the naive" : "topological"} order.`;
  if (was.playing === now.playing) return "";
  if (now.playing) return `Playing at speed ${player.speed}.`;
  return `${now.position === player.total ? "The end." : "Paused."} ${stepWords(player)}`;
}

function stepWords(player) {
  return wordsOf(player, player.step);
}

function resultWords(player) {
  if (player.diverged) return stepWords(player);
  const { root } = player.data;
  return `${nameOf(player, root)} is now ${pretty(player.run.values[root])}.`;
}
