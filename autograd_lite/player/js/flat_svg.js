// What is drawn on the page as SVG text that needs nothing else: no sheet, no script, no font, no custom property.
// Every style is looked up as the browser computes it, once in the light and once in the dark colours.

const FILE_FONTS = 'Helvetica, Arial, "Liberation Sans", sans-serif';
const KEPT = ["x", "y", "width", "height", "rx", "d", "cx", "cy", "r", "transform", "text-anchor", "textLength"];
const PLAIN = {
  stroke: "none", "stroke-width": "1px", "stroke-dasharray": "none", "stroke-linecap": "butt", "stroke-linejoin": "miter",
  "paint-order": "normal", "font-weight": "400", "font-style": "normal", "text-decoration-line": "none",
};
const OF_STROKES = ["stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "paint-order"];
const OF_TEXT = ["font-weight", "font-style", "text-decoration-line"];

// Between `open` and `close` the page holds two hidden drawings in which styles are looked up.
export class FlatSvg {
  constructor() {
    const themes = pageThemes();
    this.hosts = themes.map((colours) => {
      const board = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      board.setAttribute("class", "graph");
      const host = document.createElement("div");
      host.hidden = true;
      for (const [name, colour] of colours) host.style.setProperty(name, colour);
      host.append(board);
      document.body.append(host);
      return board;
    });
    this.seen = new Map(); // by the classes of an element and of all around it: its style
    this.classes = new Map(); // by style: the name of its class
    this.brush = document.createElement("canvas").getContext("2d");
  }

  close() {
    for (const board of this.hosts) board.parentNode.remove();
  }

  // The element as text, or "" for what is not seen. `also` are further classes for it.
  markup(element) {
    if (element.matches(".fold")) return "";
    const { tagName: tag } = element;
    if (tag === "g") {
      const inner = [...element.children].map((child) => this.markup(child)).join("");
      return inner && `<g${keptAttributes(element)}>${inner}</g>`;
    }
    const style = this.styleOf(element);
    if (!style || (tag === "text" && !element.textContent)) return "";
    const open = `<${tag} class="${style.name}"${keptAttributes(element)}`;
    if (tag !== "text") return `${open}/>`;
    return `${open}${this.squeeze(element, style)}>${xmlText(element.textContent)}</text>`;
  }

  styleOf(element) {
    const around = [];
    for (let here = element; here; here = here.parentNode) around.push(here);
    const key = around.map((one) => `${one.tagName} ${one.getAttribute("class")} ${one.getAttribute("stroke-width")}`).join(">");
    if (!this.seen.has(key)) this.seen.set(key, this.probe(around));
    return this.seen.get(key);
  }

  probe(around) {
    const [light, dark] = this.hosts.map((board) => {
      const copies = around.map((one) => one.cloneNode(false));
      copies.forEach((copy, place) => place && copy.append(copies[place - 1]));
      board.append(copies[copies.length - 1]);
      const found = computedLook(copies);
      copies[copies.length - 1].remove();
      return found;
    });
    if (!light) return null;
    const moving = around[0].matches(".flow > .line");
    const key = JSON.stringify([light.rules, dark.rules, moving]);
    if (!this.classes.has(key)) {
      this.classes.set(key, { ...light, name: `s${this.classes.size.toString(36)}`, dark: dark.rules, moving });
    }
    return this.classes.get(key);
  }

  // Text never grows beyond what the page planned for it, whatever font the viewer has.
  squeeze(element, { font, family }) {
    if (element.hasAttribute("textLength")) return ' lengthAdjust="spacingAndGlyphs"';
    const width = (name) => {
      this.brush.font = `${font} ${name}`;
      return this.brush.measureText(element.textContent).width;
    };
    const [planned, written] = [width(family), width(FILE_FONTS)];
    return written > planned + 1 ? ` textLength="${planned.toFixed(1)}" lengthAdjust="spacingAndGlyphs"` : "";
  }

  // The style sheet of all that was written so far; with `dark` also for viewers that prefer dark.
  sheet(dark) {
    const styles = [...this.classes.values()];
    const rules = styles.map((style) => `.${style.name}{${declarations(style.rules)}}`).join("\n");
    if (!dark) return rules;
    const others = styles.map((style) => [style, style.dark.filter(([name, value]) => !style.rules.some((own) => own[0] === name && own[1] === value))]);
    const differing = others.filter(([, own]) => own.length).map(([style, own]) => `.${style.name}{${declarations(own)}}`);
    return `${rules}\n@media (prefers-color-scheme: dark) {\n${differing.join("\n")}\n}`;
  }

  // The classes of lines along which something flows.
  moving() {
    return [...this.classes.values()].filter(({ moving }) => moving).map(({ name }) => `.${name}`);
  }
}

// The whole file around its content.
export function svgFile({ width, height, title, words, sheet, content }) {
  const size = [width, height].map((length) => Math.ceil(length));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size[0]}" height="${size[1]}" viewBox="0 0 ${size.join(" ")}" `
    + `role="img" font-family="${xmlText(FILE_FONTS)}">\n<title>${xmlText(title)}</title>\n<desc>${xmlText(words)}</desc>\n`
    + `<style>\n${sheet}\n</style>\n${content}\n</svg>\n`;
}

// Text as XML holds it: without the characters that XML has no place for.
export function xmlText(text) {
  const marks = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "").replace(/[&<>"]/g, (mark) => marks[mark]);
}

// The custom properties of the page: in light, in dark.
function pageThemes() {
  const [light, dark] = [new Map(), new Map()];
  const read = (rules, colours) => {
    for (const rule of rules) {
      if (rule.selectorText !== ":root") continue;
      for (const name of rule.style) if (name.startsWith("--")) colours.set(name, rule.style.getPropertyValue(name).trim());
    }
  };
  for (const sheet of document.styleSheets) {
    read(sheet.cssRules, light);
    for (const rule of sheet.cssRules) if (rule.media && /dark/.test(rule.media.mediaText)) read(rule.cssRules, dark);
  }
  return [light, new Map([...light, ...dark])];
}

// What the browser makes of an element (the first; those around it follow): rules that differ from SVG's own.
function computedLook(elements) {
  const styles = elements.map((element) => getComputedStyle(element));
  const own = styles[0];
  const isText = elements[0].tagName === "text";
  if (styles.some(({ display }) => display === "none")) return null;
  if (!isText && own.fill === "none" && own.stroke === "none") return null;
  const opacity = styles.reduce((product, style) => product * Number(style.opacity), 1);
  const names = ["stroke", ...(own.stroke === "none" ? [] : OF_STROKES), ...(isText ? OF_TEXT : [])];
  const rules = names.map((name) => [name, plainValue(own.getPropertyValue(name))]).filter(([name, value]) => value !== PLAIN[name]);
  rules.unshift(["fill", plainValue(own.fill)]);
  if (opacity < 1) rules.push(["opacity", String(Math.round(opacity * 1000) / 1000)]);
  if (isText) rules.push(["font-size", own.fontSize]);
  return { rules, font: `${own.fontStyle} ${own.fontWeight} ${own.fontSize}`, family: own.fontFamily };
}

// rgb(27, 32, 38) as #1b2026
function plainValue(value) {
  const channels = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(value);
  return channels ? `#${channels.slice(1).map((channel) => Number(channel).toString(16).padStart(2, "0")).join("")}` : value;
}

function declarations(rules) {
  return rules.map(([name, value]) => `${name.replace("-line", "")}:${value}`).join(";");
}

function keptAttributes(element) {
  return KEPT.filter((name) => element.hasAttribute(name)).map((name) => ` ${name}="${xmlText(element.getAttribute(name))}"`).join("");
}
