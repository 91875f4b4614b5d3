// The help: what the page is, in two sentences, and all keys.

import { element } from "./dom.js";
import { keyTable, listenToKeys } from "./keys.js";

const KEY_NAMES = {
  ArrowRight: "→", ArrowLeft: "←", ArrowUp: "↑", ArrowDown: "↓",
  " ": "Space", Escape: "Esc", "-": "−",
};

export function mountHelp(root, player, { view, time, panels }) {
  const dialog = element("dialog", { class: "help", "aria-labelledby": "help-title" });
  const toggleHelp = () => (dialog.open ? dialog.close() : dialog.showModal());
  const table = keyTable(player, { view, time, panels, toggleHelp });
  const close = element("button", {
    type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close(),
  }, "✕");
  dialog.append(
    element("header", {}, element("h2", { id: "help-title" }, "Backpropagation, step by step"), close),
    element("p", {}, "Forward, every node computes its value from its operands; backward, it hands its "
      + "gradient on to them, times the local derivative, and what arrives at a node is added up."),
    element("p", {}, "Go through it one step at a time, forth and back; pick a node to see where its "
      + "gradient comes from, and change the values to see everything follow."),
    element("div", { class: "keys" }, groupsOf(table).map(([group, rows]) => keyGroup(group, rows))),
  );
  // a click beside the dialog meets the dialog itself, one within it meets what it holds
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  root.append(
    element("button", {
      type: "button", class: "ask", title: "Help and keys (?)", "aria-label": "Help and keys",
      "aria-haspopup": "dialog", onclick: toggleHelp,
    }, "?"),
    dialog,
  );
  listenToKeys(table);
}

function groupsOf(table) {
  const names = [...new Set(table.map(({ group }) => group))];
  return names.map((name) => [name, table.filter(({ group }) => group === name)]);
}

function keyGroup(title, rows) {
  const caps = ({ keys }) => keys.map((key) => element("kbd", { "data-key": key }, KEY_NAMES[key] || key));
  return element("section", {},
    element("h3", {}, title),
    element("dl", {}, rows.map((row) =>
      element("div", {}, element("dt", {}, caps(row)), element("dd", {}, row.does)))));
}
