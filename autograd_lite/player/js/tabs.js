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
  let shown = player.tab;
  player.subscribe((changes) => {
    if (!changes.has("tab")) return;
    for (const { name, tab, body } of made) {
      const open = name === player.tab;
      tab.setAttribute("aria-selected", String(open));
      tab.tabIndex = open ? 0 : -1;
      body.hidden = !open;
    }
    const asked = made.find(({ name }) => name === player.tab);
    if (shown !== player.tab && asked) bringUp(root, asked.body);
    shown = player.tab;
  });
}

// A panel that was asked for and lies below the edge comes up: in a column of its own as far as it can, in a page
// that scrolls as a whole so far that it is seen.
function bringUp(root, body) {
  const side = root.parentNode;
  const own = side.scrollHeight > side.clientHeight;
  const [frame, panel] = [side.getBoundingClientRect(), body.getBoundingClientRect()];
  const [upper, lower] = own ? [frame.top, frame.bottom] : [0, innerHeight - 380];
  const hidden = (own ? panel.bottom + 12 : panel.top) - lower;
  const most = root.getBoundingClientRect().top - upper;
  if (hidden > 0 && most > 0) (own ? side : document.documentElement).scrollTop += Math.min(hidden, most);
}
