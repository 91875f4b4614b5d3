// Saving what is seen: a picture of now, the whole run as a moving picture, the numbers as a table.

import { element } from "./dom.js";
import { exact } from "./numbers.js";
import { filmSvg, stillSvg } from "./pictures.js";

export function mountExport(root, player, view) {
  const name = () => fileWord(player.nodes[player.data.root].text);
  const choices = [
    ["This state as SVG", () => save(stillSvg(player, view), `steps-${name()}-${player.position}.svg`, "image/svg+xml")],
    ["The whole run as an animated SVG", () => save(filmSvg(player, view), `steps-${name()}.svg`, "image/svg+xml")],
    ["All numbers as CSV", () => save(numbersTable(player), `steps-${name()}.csv`, "text/csv")],
  ];
  const head = element("summary", { class: "save-head" }, "Save");
  const menu = element("details", { class: "save" }, head);
  const close = () => {
    menu.open = false;
  };
  const buttons = choices.map(([title, act]) => element("button", {
    type: "button",
    onclick: () => {
      close();
      head.focus();
      act();
    },
  }, title));
  menu.append(element("div", { class: "save-menu" }, buttons));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.preventDefault();
    event.stopPropagation();
    close();
    head.focus();
  });
  menu.addEventListener("focusout", (event) => event.relatedTarget && !menu.contains(event.relatedTarget) && close());
  document.addEventListener("pointerdown", (event) => menu.contains(event.target) || close());
  // where the program would have gone another way there is no run to save
  player.subscribe(() => buttons.slice(1).forEach((button) => (button.disabled = Boolean(player.diverged))));
  root.append(menu);
}

function save(text, name, type) {
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = element("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// A name as part of a file name on any system.
function fileWord(text) {
  return text.replace(/[^\p{L}\p{N}_.-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 40) || "graph";
}

// Every node with all digits of its numbers.
function numbersTable(player) {
  const { values, gradients } = player.run;
  const rows = player.nodes.slice(0, player.data.shown).map((node, index) => [
    node.text, node.scope || "", node.op || node.kind, node.parents.map((parent) => player.nodes[parent].text).join(" "),
    exact(values[index]), gradients[index] === null ? "" : exact(gradients[index]), node.at || "",
  ]);
  const lines = [["node", "scope", "op", "operands", "value", "gradient", "made at"], ...rows];
  return `${lines.map((line) => line.map(tableCell).join(",")).join("\r\n")}\r\n`;
}

// A spreadsheet must not take a name for a formula.
function tableCell(text) {
  const harmless = /^[=+\-@\t]/.test(text) && Number.isNaN(Number(text)) && !/^-Infinity$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
