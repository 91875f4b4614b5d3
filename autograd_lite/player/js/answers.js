// What a learner typed as a number, whether it is right, and which mistake it looks like.

import { pretty } from "./numbers.js";

const CLOSE = 0.01; // right to one part in a hundred counts as right

export function quizClose(typed, answer) {
  if (!Number.isFinite(answer)) return Object.is(typed, answer);
  return typed === answer || Math.abs(typed - answer) <= CLOSE * Math.abs(answer);
}

// A number or simple arithmetic, as 1/3, 2*-3, (1 - 0.5**2) * 4, exp(-1); null if it is none.
export function calculated(text) {
  const plain = text
    .toLowerCase()
    .replace(/[−–]/g, "-")
    .replace(/×/g, "*")
    .replace(/^\s*([+-]?\d*),(\d+)\s*$/, "$1.$2");
  const tokens = plain.match(/(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[a-z]+|\*\*|\S/g) || [];
  const names = { inf: Infinity, nan: NaN, pi: Math.PI, e: Math.E };
  let place = 0;
  const take = (token) => tokens[place] === token && Boolean((place += 1));
  const bad = () => {
    throw new SyntaxError(text);
  };
  const atom = () => {
    const token = tokens[place++];
    if (token === "(") return [sum(), take(")") || bad()][0];
    if (/^\.?\d/.test(token)) return Number(token);
    if (Object.hasOwn(names, token)) return names[token];
    if (!/^(exp|log|sqrt|sin|cos|tanh)$/.test(token) || !take("(")) bad();
    return Math[token]([sum(), take(")") || bad()][0]);
  };
  const power = () => {
    const base = atom();
    return take("**") || take("^") ? base ** signed() : base;
  };
  const signed = () => (take("-") ? -signed() : take("+") ? signed() : power());
  const product = () => {
    let value = signed();
    for (;;) {
      if (take("*")) value *= signed();
      else if (take("/")) value /= signed();
      else return value;
    }
  };
  function sum() {
    let value = product();
    for (;;) {
      if (take("+")) value += product();
      else if (take("-")) value -= product();
      else return value;
    }
  }
  try {
    const value = sum();
    return place === tokens.length && tokens.length ? value : null;
  } catch {
    return null;
  }
}

// Why a wrong answer is wrong, if it is one of the mistakes that people make.
export function diagnosis(nodes, question, typed) {
  const known = question.kind === "value" ? valueMistakes(question) : gradientMistakes(nodes, question);
  const found = known.find(([number]) => Number.isFinite(number) && number !== 0 && quizClose(typed, number));
  if (found) return found[1];
  const factor = question.answer / typed;
  for (const size of [2, 3, 4, 5, 10]) {
    for (const [ratio, word] of [
      [size, `You left out the factor ${size}`],
      [1 / size, `It is ${size} times too large`],
    ]) {
      if (quizClose(factor, ratio)) return `${word}.`;
      if (quizClose(factor, -ratio)) return `${word}, and the sign is wrong.`;
    }
  }
  if (question.kind === "value") return "A hint shows the rule.";
  if (question.push.local === null) return "This op is hand-made: its own rule, in Python, says it.";
  return `It is what came in, ${pretty(question.upstream)}, times the local derivative: a hint shows it.`;
}

function gradientMistakes(nodes, { push, upstream, answer, others, node, parent, values }) {
  const { local, before, after } = push;
  return [
    [-answer, "The size is right, the sign is not."],
    [
      before === 0 ? NaN : after,
      `That is the new total of ${parent.text}: ` +
        `asked is what is added to the ${pretty(before)} already there.`,
    ],
    [local, `That is the local derivative alone: multiply by what came in, ${pretty(upstream)}.`],
    [
      -local,
      "That is the local derivative alone, with the wrong sign: " +
        `multiply by what came in, ${pretty(upstream)}.`,
    ],
    [
      upstream,
      "That is what came in, passed on as it is: " +
        `multiply by the local derivative of ${node.text} with respect to ${parent.text}.`,
    ],
    [upstream + local, "That is what came in plus the local derivative: the chain rule multiplies the two."],
    ...others.map((other) => [other.amount, `That is what goes to ${nodes[other.parent].text}.`]),
    [
      upstream * values[push.parent],
      `You multiplied by ${parent.text} itself: the local derivative says how ${node.text} changes with it.`,
    ],
    [
      upstream * values[push.sender],
      `You multiplied by the value of ${node.text}: its local derivative is asked.`,
    ],
    [upstream / local, "You divided by the local derivative: the chain rule multiplies."],
  ];
}

function valueMistakes({ operands, names, answer, node }) {
  const [a, b] = operands;
  const pairs =
    operands.length < 2
      ? []
      : [
          [a + b, "sum"],
          [a * b, "product"],
          [a - b, "difference"],
          [b - a, "difference the other way round"],
          [a / b, "quotient"],
        ];
  return [
    [-answer, "The size is right, the sign is not."],
    ...operands.map((operand, place) => [
      operand,
      `That is ${names[place]} itself: ${node.op} is still to be applied.`,
    ]),
    ...pairs.map(([number, word]) => [
      number,
      `That is the ${word} of ${names[0]} and ${names[1]}: asked is ${node.op}.`,
    ]),
  ];
}
