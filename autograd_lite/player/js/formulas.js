// Formulas: the MathML templates of the op table with names or numbers in the places of the operands.

import { pretty } from "./numbers.js";

const MATHML = "http://www.w3.org/1998/Math/MathML";
const parsedTemplates = new Map();

// mathml("mrow", child, "text", …)
export function mathml(tag, ...children) {
  const made = document.createElementNS(MATHML, tag);
  made.append(...children);
  return made;
}

// One formula as an element of the page.
export function formulaElement(...children) {
  const made = mathml("math", ...children);
  made.setAttribute("displaystyle", "true");
  return made;
}

// `template` (see mathml.py) with `operands`, each a name (text) or a number; `position` says by which of
// them the derivative is taken, for templates that serve many.
export function fillFormula(template, operands, position = 0) {
  if (!parsedTemplates.has(template)) {
    const text = `<math xmlns="${MATHML}">${template}</math>`;
    parsedTemplates.set(template, new DOMParser().parseFromString(text, "application/xml").documentElement);
  }
  const filled = document.importNode(parsedTemplates.get(template), true);
  filled.setAttribute("displaystyle", "true");
  for (const place of filled.querySelectorAll("[data-operand], [data-shift]")) {
    const { operand, shift, tight } = place.dataset;
    const index = operand === undefined ? (position + Number(shift)) % operands.length : Number(operand);
    place.replaceWith(operandElement(operands[index], tight));
  }
  return filled;
}

// The template of a node's derivative by its operand `position`: long rows come with four that serve all.
export function partialTemplate(rule, position, count) {
  const { partials } = rule;
  if (partials.length === count || position < 2) return partials[position];
  return partials[position === count - 1 ? 3 : 2];
}

// A name as it stands in formulas: n12 with an index below, anything else as it is written.
export function nameElement(text) {
  const numbered = /^n(\d+)$/.exec(text);
  return numbered ? mathml("msub", mathml("mi", "n"), mathml("mn", numbered[1])) : mathml("mi", text);
}

// A number with a true minus and powers of ten; in brackets where `tight` asks for them.
export function numberElement(value, tight = undefined) {
  const [mantissa, exponent] = pretty(value).replace("inf", "∞").split("e");
  const raised = exponent && exponent.replace(/^\+?(−?)0*/, "$1");
  const power = raised && mathml("msup", mathml("mn", "10"), mathml("mn", raised));
  const plain = mathml("mn", mantissa);
  const made = power ? mathml("mrow", plain, mathml("mo", "×"), power) : plain;
  const bracketed = tight !== undefined && (mantissa.startsWith("−") || (power && tight === "base"));
  return bracketed ? mathml("mrow", mathml("mo", "("), made, mathml("mo", ")")) : made;
}

// ∂above/∂below; each a name, or an element for a word in its place.
export function derivativeElement(above, below) {
  const part = (name) =>
    mathml("mrow", mathml("mo", "∂"), typeof name === "string" ? nameElement(name) : name);
  return mathml("mfrac", part(above), part(below));
}

function operandElement(operand, tight) {
  return typeof operand === "number" ? numberElement(operand, tight) : nameElement(operand);
}
