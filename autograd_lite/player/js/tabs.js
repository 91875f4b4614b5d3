// The panels beside the graph, one at a time: a tab list as the ARIA practices describe it.

import { element } from "./dom.js";

// Keyed by name, so that a key press or a link can open one: player.showTab("values").
export function mountTabs(root, player, view, panels) {
  const list = element("div", { role: "tablist", class: "tablist", "aria-label": "Panels" });
  const made = panels.map((panel) => {
    const tab = element("button", {
      role: "tab", type: "button", id: `tab-${panel.name}`, "aria-controls": `panel-${panel.name}`, class: "tab",
      onclick: () => player.showTab(panel.name),
    }, panel.title);
    const body = element("div", {
      role: "tabpanel", id: `panel-${panel.name}`, "aria-labelledby": tab.id, class: `panel ${panel.name}`, tabindex: "0",
    });
    panel.mount(body, player, view);
    return { ...panel, tab, body };
  });
  list.append(...made.map(({ tab }) => tab));
  list.addEventListener("keydown", (event) => {
    const here = made.findIndex(({ name }) => name === player.tab);
    const moves = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: made.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation(); // the arrows step through time elsewhere
    const chosen = made[(moves[event.key] + made.length) % made.length];
    player.showTab(chosen.name);
    chosen.tab.focus();
  });
  root.append(list, ...made.map(({ body }) => body));
  player.subscribe((changes) => {
    if (!changes.has("tab")) return;
    for (const { name, tab, body } of made) {
      const open = name === player.tab;
      tab.setAttribute("aria-selected", String(open));
      tab.tabIndex = open ? 0 : -1;
      body.hidden = !open;
    }
  });
}
