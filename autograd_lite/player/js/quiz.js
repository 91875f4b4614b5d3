// The tab "Quiz": the learner says what the next step will add to a gradient, before it is done.

import { calculated, diagnosis, quizClose } from "./answers.js";
import { opSign } from "./appearance.js";
import { element, replaceChildren } from "./dom.js";
import {
  derivativeElement,
  fillFormula,
  formulaElement,
  mathml,
  nameElement,
  partialTemplate,
} from "./formulas.js";
import { pretty } from "./numbers.js";

const FRESH_SCORE = { asked: 0, once: 0, helped: 0, shown: 0, streak: 0 };
const ASKED_EACH = 3; // steps with more contributions than this ask for the first only

export function mountQuiz(root, player) {
  const quiz = {
    player,
    questions: [],
    place: 0,
    hints: 0,
    tries: 0,
    revealed: false,
    values: false,
    score: { ...FRESH_SCORE },
  };
  const parts = quizParts(quiz);
  Object.assign(quiz, { parts });
  root.append(...parts.all);
  let key = [];
  player.subscribe((changes) => {
    if (!["position", "run", "mode"].some((change) => changes.has(change))) return;
    const now = [player.quiz, quiz.values, player.position, player.run];
    if (now.some((part, place) => part !== key[place])) openQuestions(quiz);
    key = now;
    drawQuiz(quiz);
  });
}

// --- what is asked ----------------------------------------------------------------------------------------

function openQuestions(quiz) {
  const { player } = quiz;
  Object.assign(quiz, {
    questions: player.quiz && !player.diverged ? questionsAt(player, quiz.values) : [],
    place: 0,
  });
  if (!quiz.keep) quiz.parts.said.textContent = "";
  quiz.keep = false;
  startQuestion(quiz);
  if (quiz.questions.length) player.pause();
}

function startQuestion(quiz) {
  Object.assign(quiz, { hints: 0, tries: 0, revealed: false });
  quiz.parts.field.value = "";
  quiz.parts.field.removeAttribute("aria-invalid");
  quiz.player.hideAnswers(quiz.place < quiz.questions.length);
}

// The questions about the step that comes next: one for each number that it will add.
function questionsAt(player, askValues) {
  const step = player.run.steps[player.position];
  if (!step || step.action === "seed") return [];
  const { values } = player.run;
  if (step.action === "compute") {
    const node = player.nodes[step.node];
    const names = node.parents.map((parent) => player.nodes[parent].text);
    return askValues
      ? [
          {
            kind: "value",
            node,
            names,
            operands: node.parents.map((parent) => values[parent]),
            answer: values[step.node],
          },
        ]
      : [];
  }
  const tracked = step.contributions.filter((push) => push.tracked);
  return (tracked.length > ASKED_EACH ? tracked.slice(0, 1) : tracked).map((push) => ({
    kind: "gradient",
    push,
    upstream: step.upstream,
    answer: push.amount,
    others: tracked.filter((other) => other !== push),
    node: player.nodes[step.node],
    parent: player.nodes[push.parent],
    values,
  }));
}

// --- answering --------------------------------------------------------------------------------------------

function checkAnswer(quiz) {
  const { parts } = quiz;
  const question = quiz.questions[quiz.place];
  if (!question || quiz.revealed) return;
  const typed = calculated(parts.field.value);
  const wrong = typed === null || !quizClose(typed, question.answer);
  parts.field.setAttribute("aria-invalid", String(wrong));
  if (typed === null) return sayInQuiz(quiz, "That is no number: write -1.5, 1e-3, 1/3 or 2*-3.", "");
  if (!wrong)
    return settleQuestion(
      quiz,
      quiz.hints || quiz.tries ? "helped" : "once",
      `Right. ${quizSolution(quiz, question)}`,
    );
  quiz.tries += 1;
  quiz.score.streak = 0;
  sayInQuiz(quiz, `Not ${pretty(typed)}. ${diagnosis(quiz.player.nodes, question, typed)}`, "bad");
  drawQuiz(quiz);
  parts.field.select();
}

function settleQuestion(quiz, how, sentence) {
  quiz.score.asked += 1;
  quiz.score[how] += 1;
  quiz.score.streak = how === "once" ? quiz.score.streak + 1 : 0;
  sayInQuiz(quiz, sentence, how === "shown" ? "" : "good");
  if (how !== "shown") return goOnAsking(quiz);
  quiz.revealed = true;
  drawQuiz(quiz);
  quiz.parts.check.focus();
}

// To the next question of this step, else the step itself is done.
function goOnAsking(quiz) {
  quiz.place += 1;
  quiz.keep = true; // the feedback stays in sight beside the next question
  if (quiz.place < quiz.questions.length) startQuestion(quiz);
  else quiz.player.next();
  drawQuiz(quiz);
  quiz.parts.field.focus();
}

function quizSolution(quiz, { kind, node, push, upstream, parent, answer }) {
  if (kind === "value") return `${node.text} = ${pretty(answer)}.`;
  const total =
    push.before === 0 ? "" : ` With the ${pretty(push.before)} from before it makes ${pretty(push.after)}.`;
  // a hand-made op tells no slope
  const product = push.local === null ? "" : `${pretty(upstream)} × ${pretty(push.local)} = `;
  return `${product}${pretty(answer)} goes to ${parent.text}.${total}`;
}

function sayInQuiz(quiz, sentence, tone) {
  quiz.parts.said.textContent = sentence;
  quiz.parts.said.className = `quiz-said ${tone}`;
}

// --- the panel --------------------------------------------------------------------------------------------

function quizParts(quiz) {
  const { player } = quiz;
  const button = (text, onclick, look) => element("button", { type: "button", class: look, onclick }, text);
  const on = element("input", { type: "checkbox", onchange: () => player.setQuiz(on.checked) });
  const values = element("input", {
    type: "checkbox",
    onchange: () => {
      quiz.values = values.checked;
      player.tell("mode");
    },
  });
  const field = element("input", {
    type: "text",
    class: "quiz-field number",
    id: "quiz-field",
    autocomplete: "off",
    spellcheck: "false",
  });
  field.addEventListener("keydown", (event) => {
    event.stopPropagation(); // what is typed is no shortcut
    if (event.key === "Enter") checkAnswer(quiz);
  });
  const text = element("label", { for: "quiz-field", class: "quiz-question" });
  const check = button("Check", () => (quiz.revealed ? goOnAsking(quiz) : checkAnswer(quiz)), "primary");
  const hint = button("Hint", () => {
    quiz.hints += 1;
    drawQuiz(quiz);
    field.focus();
  });
  const show = button("Show", () =>
    settleQuestion(quiz, "shown", `It is: ${quizSolution(quiz, quiz.questions[quiz.place])}`),
  );
  const hints = element("div", { class: "quiz-hints", "aria-live": "polite" });
  const card = element(
    "div",
    { class: "quiz-card" },
    text,
    element("div", { class: "quiz-line" }, field, check, hint, show),
    hints,
  );
  const between = element("div", { class: "quiz-card" });
  const said = element("p", { class: "quiz-said", role: "status" });
  const score = element("dl", { class: "quiz-score" });
  const reset = button("Reset the score", () => {
    quiz.score = { ...FRESH_SCORE };
    drawQuiz(quiz);
  });
  const intro = element(
    "p",
    { class: "quiet" },
    "Before a step is done you say which number it will add. What is right to 1 % counts; " +
      "1/3 or 2*-3 may be typed. The score stays in this page.",
  );
  const head = element(
    "div",
    { class: "quiz-head" },
    element("label", {}, on, " Ask me"),
    element("label", {}, values, " values too"),
  );
  const foot = element("div", {}, score, reset);
  return {
    on,
    field,
    text,
    check,
    hint,
    show,
    hints,
    card,
    between,
    said,
    score,
    foot,
    all: [head, intro, said, card, between, foot],
  };
}

function drawQuiz(quiz) {
  const { player, parts, score } = quiz;
  const question = quiz.questions[quiz.place];
  parts.on.checked = player.quiz;
  parts.card.hidden = !question;
  parts.between.hidden = !player.quiz || Boolean(question);
  parts.foot.hidden = !player.quiz && !score.asked;
  if (question) {
    replaceChildren(parts.text, ...questionText(quiz, question));
    parts.check.textContent = quiz.revealed ? "Go on" : "Check";
    parts.hint.disabled = quiz.revealed || quiz.hints >= 2;
    parts.show.disabled = quiz.revealed;
    replaceChildren(parts.hints, ...hintsOf(player, question, quiz.hints));
  } else if (player.quiz) replaceChildren(parts.between, ...betweenQuestions(player));
  const rows = [
    ["asked", score.asked],
    ["right at once", score.once],
    ["with help", score.helped],
    ["shown", score.shown],
    ["in a row", score.streak],
  ];
  replaceChildren(
    parts.score,
    ...rows.map(([name, count]) =>
      element("div", {}, element("dt", {}, name), element("dd", { class: "number" }, count)),
    ),
  );
}

function quizName(node) {
  return element("strong", {}, node.text);
}

function questionText(quiz, { kind, node, parent, upstream, push, names, operands }) {
  if (kind === "value") {
    const given = names.map((name, place) => `${name} = ${pretty(operands[place])}`);
    return [
      quizName(node),
      ` (${opSign(node)}) is next, from ${given.join(", ")}. `,
      "What value will it have?",
    ];
  }
  const twice =
    push.local !== null && node.parents.filter((other) => other === push.parent).length > 1
      ? ` through operand ${push.position + 1}`
      : "";
  return [
    quizName(node),
    ` (${opSign(node)}) passes its gradient `,
    element("span", { class: "gradient number" }, pretty(upstream)),
    " on. What will it add to the gradient of ",
    quizName(parent),
    `${twice}?`,
  ];
}

// First the rule as a formula, then its numbers.
function hintsOf(player, { kind, node, push, parent, upstream }, count) {
  const rule = player.data.rules[node.rule];
  if (!rule && count) return [element("p", {}, "A hand-made op: its own rule, in Python, says it.")];
  const position = kind === "value" ? 0 : push.position;
  const template =
    rule && (kind === "value" ? rule.value : partialTemplate(rule, position, node.parents.length));
  const of = (operands) => (template ? fillFormula(template, operands, position) : "?");
  const left = () => (kind === "value" ? nameElement(node.text) : derivativeElement(node.text, parent.text));
  const line = (right) => element("p", {}, formulaElement(left(), mathml("mo", "=")), " ", right);
  return [
    count > 0 && line(of(node.parents.map((operand) => player.nodes[operand].text))),
    count > 1 &&
      line(
        kind === "value"
          ? of(node.parents.map((operand) => player.run.values[operand]))
          : `${pretty(push.local)}, to be multiplied by what came in, ${pretty(upstream)}`,
      ),
  ].filter(Boolean);
}

function betweenQuestions(player) {
  const go = (text, place) =>
    element("button", { type: "button", class: "primary", onclick: () => player.goto(place) }, text);
  const first = player.forwardCount + 1;
  if (player.diverged)
    return [
      "Your program would take another branch on these numbers: " +
        "there is nothing to ask until they are reset.",
    ];
  if (player.position >= player.total)
    return [element("p", {}, "All steps are done."), go("Once more from the result", first)];
  if (player.position < first) {
    const seed = `The gradient of the result itself is ${pretty(player.data.seed)}: that is given. ` +
      "Questions begin after it.";
    return [element("p", {}, seed), go("To the backward pass", first)];
  }
  return [element("p", {}, "This step adds nothing to any gradient."), go("Go on", player.position + 1)];
}
