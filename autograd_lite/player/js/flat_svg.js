// What is drawn on the page as SVG text that needs nothing else: no sheet, no script, no font, no custom
// property. Every style is looked up as the browser computes it, in the light and in the dark colours.

import { element, svg } from "./dom.js";

const FILE_FONTS = 'Helvetica, Arial, "Liberation Sans", sans-serif';
const GEOMETRY = ["x", "y", "width", "height", "rx", "d", "cx", "cy", "r", "transform",
  "text-anchor", "textLength"];
// what a property is where a file says nothing
const UNSAID = {
  stroke: "none", "stroke-width": "1px", "stroke-dasharray": "none", "stroke-linecap": "butt",
  "stroke-linejoin": "miter", "paint-order": "normal", "font-weight": "400", "font-style": "normal",
  "text-decoration-line": "none",
};

// Holds two hidden drawings, in which styles are looked up, in the page until `close`.
export class FlatSvg {
  constructor() {
    this.boards = pageThemes().map((colours) => {
      const board = svg("svg", { class: "graph" });
      const host = element("div", { hidden: true }, board);
      for (const [name, colour] of colours) host.style.setProperty(name, colour);
      document.body.append(host);
      return board;
    });
    this.seen = new Map(); // by the classes of an element and of all around it: its style
    this.styles = new Map(); // by what it says: {name, light, dark, moving}
    this.brush = element("canvas").getContext("2d");
  }

  close() {
    for (const board of this.boards) board.parentNode.remove();
  }

  // The element as text, or "" for what is not seen.
  markup(drawn) {
    if (drawn.matches(".fold")) return "";
    const { tagName: tag, textContent: text } = drawn;
    const kept = GEOMETRY.filter((name) => drawn.hasAttribute(name));
    const attributes = kept.map((name) => ` ${name}="${xmlText(drawn.getAttribute(name))}"`).join("");
    if (tag === "g") {
      const inner = [...drawn.children].map((child) => this.markup(child)).join("");
      return inner && `<g${attributes}>${inner}</g>`;
    }
    const style = this.styleOf(drawn);
    if (!style || (tag === "text" && !text)) return "";
    const open = `<${tag} class="${style.name}"${attributes}`;
    if (tag !== "text") return `${open}/>`;
    return `${open}${this.squeeze(drawn, text, style)}>${xmlText(text)}</text>`;
  }

  styleOf(drawn) {
    const around = [];
    for (let here = drawn; here; here = here.parentNode) around.push(here);
    const said = ["class", "stroke-width"];
    const key = around.map((one) => [one.tagName, ...said.map((name) => one.getAttribute(name))]).join();
    if (!this.seen.has(key)) this.seen.set(key, this.probe(around));
    return this.seen.get(key);
  }

  probe(around) {
    const [light, dark] = this.boards.map((board) => {
      const copies = around.map((one) => one.cloneNode(false));
      board.replaceChildren(copies.reduce((inner, outer) => (outer.append(inner), outer)));
      return computedLook(copies);
    });
    if (!light) return null;
    const moving = around[0].matches(".flow > .line");
    const key = [light.css, dark.css, moving].join("|");
    const name = `s${this.styles.size}`;
    if (!this.styles.has(key)) this.styles.set(key, { ...light, name, dark: dark.css, moving });
    return this.styles.get(key);
  }

  // Text never grows beyond what the page planned for it, whatever font the viewer has.
  squeeze(drawn, text, { font, family }) {
    const [planned, written] = [family, FILE_FONTS].map((name) => {
      this.brush.font = `${font} ${name}`;
      return this.brush.measureText(text).width;
    });
    if (drawn.hasAttribute("textLength")) return ' lengthAdjust="spacingAndGlyphs"';
    return written > planned + 1 ? ` textLength="${planned.toFixed(1)}" lengthAdjust="spacingAndGlyphs"` : "";
  }

  // The rules for all that was written so far; with `dark` also for viewers that prefer dark.
  sheet(dark) {
    const styles = [...this.styles.values()];
    const rules = (look) => styles.map((style) => `.${style.name}{${style[look]}}`).join("\n");
    return rules("css") + (dark ? `\n@media (prefers-color-scheme: dark) {\n${rules("dark")}\n}` : "");
  }

  // The selector of lines along which something flows.
  moving() {
    return [...this.styles.values()].filter((style) => style.moving).map(({ name }) => `.${name}`).join();
  }
}

// The whole file around its content.
export function svgFile(width, height, { title, words, sheet, content }) {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" `
    + `viewBox="0 0 ${width} ${height}" role="img" font-family="${xmlText(FILE_FONTS)}">\n`
    + `<title>${xmlText(title)}</title>\n<desc>${xmlText(words)}</desc>\n`
    + `<style>\n${sheet}\n</style>\n${content.join("\n")}\n</svg>\n`;
}

// Text without the characters that XML has no place for, and with the others escaped.
function xmlText(text) {
  const marks = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  const proper = text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "");
  return proper.replace(/[&<>"]/g, (mark) => marks[mark]);
}

// The custom properties of the page: in light, in dark.
function pageThemes() {
  const [light, dark] = [[], []];
  const read = (rules, colours) => {
    for (const { selectorText, style } of rules) {
      if (selectorText !== ":root") continue;
      colours.push(...[...style].map((name) => [name, style.getPropertyValue(name)]));
    }
  };
  for (const { cssRules } of document.styleSheets) {
    read(cssRules, light);
    for (const { media, cssRules: inside } of cssRules) {
      if (media?.mediaText.includes("dark")) read(inside, dark);
    }
  }
  return [light, [...light, ...dark]];
}

// What the browser makes of an element (the first; those around it follow); null if it is not seen.
function computedLook(elements) {
  const around = elements.map((one) => getComputedStyle(one));
  const [own] = around;
  const isText = elements[0].tagName === "text";
  if (around.some(({ display }) => display === "none")) return null;
  if (!isText && own.fill === "none" && own.stroke === "none") return null;
  const said = Object.keys(UNSAID).filter((name) => own.getPropertyValue(name) !== UNSAID[name]);
  const opacity = around.reduce((product, style) => product * style.opacity, 1);
  const names = ["fill", ...said, ...(isText ? ["font-size"] : [])];
  const css = names.map((name) => `${name}:${own.getPropertyValue(name)}`);
  if (opacity < 1) css.push(`opacity:${opacity.toFixed(2)}`);
  return { css: css.join(";"), font: `${own.fontWeight} ${own.fontSize}`, family: own.fontFamily };
}
