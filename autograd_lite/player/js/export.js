// Saving what is seen: a picture of now, and the whole run as a moving picture.

import { element } from "./dom.js";
import { filmSvg, stillSvg } from "./pictures.js";

export function mountExport(root, player, view) {
  const head = element("summary", { class: "save-head" }, "Save");
  const menu = element("details", { class: "save" }, head);
  const close = () => {
    menu.open = false;
    head.focus();
  };
  const choice = (title, picture, ending) => element("button", {
    type: "button",
    onclick: () => {
      close();
      const root = player.nodes[player.data.root].text;
      const word = root.replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "");
      download(picture(player, view), `steps-${word || "graph"}${ending()}.svg`);
    },
  }, title);
  const film = choice("The whole run as an animated SVG", filmSvg, () => "");
  menu.append(element("div", { class: "save-menu" },
    choice("This state as SVG", stillSvg, () => `-${player.position}`), film));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.preventDefault();
    close();
  });
  for (const away of ["pointerdown", "focusin"]) {
    document.addEventListener(away, ({ target }) => (menu.open = menu.open && menu.contains(target)));
  }
  // where the program would have gone another way there is no run to save, and a run gives answers away
  player.subscribe(() => (film.disabled = Boolean(player.diverged || player.quizHidden)));
  root.append(menu);
}

function download(text, name) {
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
