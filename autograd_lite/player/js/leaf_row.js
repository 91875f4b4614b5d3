// One leaf in the tab "Values": its name, a slider, a number field, and what its gradient says.

import { element } from "./dom.js";
import { exact, format, parsed, pretty } from "./numbers.js";

// `panel` has {player, view, move(index, number), gradients (null while none may be shown)}.
export function makeLeafRow(panel, leaf) {
  const { player, view } = panel;
  const { index } = leaf;
  const recorded = leaf.value;
  const name = leaf.kind === "constant" && !leaf.label ? format(recorded) : leaf.text;
  let reach = leafReach(recorded); // the slider goes from -reach to reach

  const slider = element("input", {
    type: "range",
    step: "any",
    class: "leaf-slider",
    "aria-label": `${name}, slider`,
  });
  const tick = element("span", { class: "leaf-tick", "aria-hidden": "true" });
  const field = element("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    spellcheck: "false",
    class: "leaf-field number",
    "aria-label": name,
    "aria-describedby": `leaf-message-${index}`,
  });
  const undo = element(
    "button",
    {
      type: "button",
      class: "leaf-undo",
      "aria-label": `Reset ${name}`,
      title: `Back to ${format(recorded)}`,
      onclick: () => panel.move(index, recorded),
    },
    "↺",
  );
  const message = element("p", { class: "leaf-message bad", id: `leaf-message-${index}`, role: "alert" });
  const says = element("span", { class: "leaf-says" });
  const pick = element(
    "button",
    {
      type: "button",
      class: "leaf-name",
      title: "Show it in the graph",
      onclick: () => {
        player.select(index);
        view.reveal(index);
      },
    },
    name,
  );
  const body = element(
    "li",
    { class: `leaf-row ${leaf.kind}` },
    pick,
    element("span", { class: "leaf-track" }, slider, tick),
    field,
    undo,
    says,
    message,
  );

  const unit = () => 10 ** (Math.floor(Math.log10(reach)) - 2); // one press of an arrow key
  const stretch = (number) => {
    if (Number.isFinite(number) && Math.abs(number) > reach) reach = leafReach(number);
    slider.min = -reach;
    slider.max = reach;
    tick.hidden = !Number.isFinite(recorded);
    tick.style.left = `calc(8px + (100% - 16px) * ${0.5 + recorded / reach / 2})`;
  };
  const complain = (text) => {
    message.textContent = text;
    field.setAttribute("aria-invalid", String(Boolean(text)));
  };
  const nudge = (event) => {
    const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[
      event.key
    ];
    if (!steps || event.altKey || event.ctrlKey || event.metaKey) return false;
    if (event.currentTarget === field && /Left|Right/.test(event.key)) return false;
    event.preventDefault();
    event.stopPropagation(); // the arrows step through time elsewhere
    const here = Number.isFinite(player.given[index]) ? player.given[index] : 0;
    const there = Number((here + steps * unit() * (event.shiftKey ? 10 : 1)).toPrecision(14));
    panel.move(index, there);
    return true;
  };
  slider.addEventListener("input", () => panel.move(index, snapped(slider.valueAsNumber, unit())));
  slider.addEventListener("keydown", nudge);
  field.addEventListener("focus", () => {
    if (!message.textContent) field.value = exact(player.given[index]);
    field.select();
  });
  field.addEventListener("change", () => {
    const number = parsed(field.value);
    if (number === null) return complain(`“${field.value}” is not a number: write 0.5, -2, 1e-3, inf or nan`);
    complain("");
    panel.move(index, number);
  });
  field.addEventListener("blur", () => {
    if (!message.textContent) field.value = format(player.given[index]);
  });
  field.addEventListener("keydown", (event) => {
    if (nudge(event)) return;
    event.stopPropagation(); // what is typed is no shortcut
    if (event.key === "Escape") {
      complain("");
      field.value = exact(player.given[index]);
      field.select();
    }
  });

  const update = () => {
    const number = player.given[index];
    const changed = player.changed.has(index);
    stretch(number);
    const place = Number.isNaN(number) ? 0 : Math.max(-reach, Math.min(reach, number));
    if (Math.abs(slider.valueAsNumber - place) > unit() / 2 || !changed) slider.value = place;
    slider.setAttribute("aria-valuetext", format(number));
    if (!message.textContent || changed !== body.classList.contains("changed")) {
      complain("");
      field.value = document.activeElement === field ? exact(number) : format(number);
    }
    body.classList.toggle("changed", changed);
    body.classList.toggle("picked", player.selected === index);
    undo.disabled = !changed;
    says.replaceChildren(...whatLeafSays(panel, leaf));
  };
  stretch(recorded);
  slider.value = Number.isFinite(recorded) ? recorded : 0;
  return { body, update };
}

// How far a slider goes on both sides for this number.
function leafReach(number) {
  return Number.isFinite(number) ? Math.min(Math.max(2 * Math.abs(number), 1), 8e307) : 1;
}

function snapped(number, unit) {
  return unit < 1 ? Number(number.toFixed(Math.round(-Math.log10(unit)))) : Math.round(number / unit) * unit;
}

// The gradient, and whether a small increase raises or lowers the result.
function whatLeafSays(panel, leaf) {
  const { data, nodes, quizHidden } = panel.player;
  const quiet = (text) => [element("span", { class: "quiet" }, text)];
  if (leaf.kind === "constant") return quiet("a constant: no gradient");
  if (leaf.frozen) return quiet("frozen: no gradient");
  if (quizHidden) return quiet("gradient hidden while a question is open");
  const gradient = panel.gradients ? panel.gradients[leaf.index] : null;
  if (panel.gradients && gradient === null) return quiet("no gradient reaches it");
  const number = element("span", { class: "gradient number" }, pretty(gradient));
  const slope = Math.sign(gradient === null ? NaN : gradient) * Math.sign(data.seed);
  const result = nodes[data.root].text;
  const words = {
    1: ["↗", `more raises ${result}`],
    "-1": ["↘", `more lowers ${result}`],
    0: ["→", `${result} stays, to first order`],
  };
  const [arrow, effect] = words[slope + 0] || ["", ""];
  return [
    element("span", { class: "quiet" }, "gradient "),
    number,
    element("span", { class: "leaf-arrow" }, element("span", { "aria-hidden": "true" }, `${arrow} `), effect),
  ];
}
