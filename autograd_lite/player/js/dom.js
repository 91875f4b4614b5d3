// Elements made in one call, in HTML and in SVG.

const SVG = "http://www.w3.org/2000/svg";

// element("button", {class: "plain", onclick: f, "aria-label": "Play"}, "text", child, …)
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export function replaceChildren(parent, ...children) {
  parent.replaceChildren(...wanted(children));
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...wanted(children));
  return made;
}

// Children may be nested in lists; what a condition left out (null, undefined, false) is left out.
function wanted(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
