// The page: its parts in their places, each told what changes.

import { mountAddress } from "./address.js";
import { element } from "./dom.js";
import { mountExport } from "./export.js";
import { mountGraph } from "./graph_view.js";
import { mountHelp } from "./help.js";
import { mountInspector } from "./inspector.js";
import { mountOrder } from "./order.js";
import { mountQuiz } from "./quiz.js";
import { mountSource } from "./source.js";
import { mountStep } from "./step_panel.js";
import { Player } from "./store.js";
import { mountTabs } from "./tabs.js";
import { mountTransport } from "./transport.js";
import { mountValues } from "./values.js";

function start() {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const player = new Player(page, globalThis.autogradRules);
  const place = (tag, name, attributes = {}) => element(tag, { class: name, ...attributes });
  const tools = place("header", "tools");
  const stage = place("section", "stage", { "aria-label": "The computation graph" });
  const transport = place("section", "transport", { "aria-label": "Time" });
  const side = place("section", "side", { "aria-label": "Explanation" });
  const step = place("section", "step", { "aria-label": "This step" });
  const tabs = place("div", "tabs");
  side.append(step, tabs);
  document.getElementById("page").replaceChildren(tools, stage, transport, side);
  document.getElementById("page").className = "player";

  tools.append(element("h1", { class: "title" }, document.title));
  const view = mountGraph(stage, player);
  mountStep(step, player, view);
  const panels = [
    { name: "node", title: "Node", mount: mountInspector, shown: true },
    { name: "values", title: "Values", mount: mountValues, shown: true },
    { name: "source", title: "Source", mount: mountSource, shown: player.data.sources.places.length > 0 },
    { name: "quiz", title: "Quiz", mount: mountQuiz, shown: true },
    { name: "order", title: "Order", mount: mountOrder, shown: true },
  ].filter((panel) => panel.shown);
  mountTabs(tabs, player, view, panels);
  const time = mountTransport(transport, player, view);
  mountExport(tools, player, view);
  mountHelp(tools, player, { view, time, panels });
  mountAddress(player, panels);

  // for programs that embed the page, and for its tests: see docs/player.md
  globalThis.player = player;
  globalThis.view = view;
  player.tell("position", "run", "selected", "open", "playing", "mode", "tab");
  document.documentElement.dataset.ready = "true";
}

start();
