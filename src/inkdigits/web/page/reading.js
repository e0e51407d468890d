/** Showing a reading: in words, and digit by digit with what the network saw. */

import { ask } from "./api.js";
import { element } from "./dom.js";

const [{ labels: LABELS }] = await (await ask("v1/models")).json(); // of the service's own reader, in its order

/** A probability in words; nothing is ever 100 % or 0 % sure. */
export function percent(share) {
  if (share >= 0.9995) return "> 99.9 %";
  return share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

const isNoDigit = (digit) => digit.probabilities.reduce((sum, p) => sum + p, 0) < 0.5;

/** The reading in one line: the number, or why there is none. */
export function headline(number) {
  if (!number.text) return [words(why(number)), sentence(number.reason)];
  if (number.digits.length === 1 && isNoDigit(number.digits[0])) return [words("Not a digit"), sentence(number.reason)];
  const spelled = number.digits.map((digit) => digit.text).join("") === number.text; // a rule may make another number of them
  const line = element("span", { class: "headline" }, ...(spelled ? number.digits.map(letter) : [whole(number)]));
  const sure = number.accepted ? `sure: ${percent(number.confidence)}` : number.reason;
  return [line, element("span", { class: number.accepted ? "sure" : "doubt" }, sure)];
}

function why(number) {
  if (number.free_text) return "No number fits";
  return number.digits.length ? "Not a number" : "Nothing to read";
}

/** The digits of a number beside what the network saw of each. */
export function digitCards(number, { bars = false } = {}) {
  if (!number.digits.length) return [];
  const cards = number.digits.map((digit) => digitCard(digit, bars));
  return [element("h3", { class: "muted small" }, "What the network saw"), element("div", { class: "digits" }, ...cards)];
}

function digitCard(digit, bars) {
  const name = isNoDigit(digit) ? "no digit" : digit.text;
  const lines = [element("strong", {}, name), ` ${percent(digit.confidence)}`, element("br"), runnerUp(digit)];
  return element(
    "figure",
    { class: digit.accepted ? "digit" : "digit uncertain" },
    element("img", { src: `data:image/png;base64,${digit.shown}`, alt: `What the network saw, read as ${name}` }),
    element("figcaption", {}, ...lines, ...(bars ? [probabilities(digit)] : [])),
  );
}

const whole = (number) => (number.accepted ? number.text : element("span", { class: "doubt" }, number.text));

function letter(digit) {
  if (isNoDigit(digit)) return element("span", { class: "doubt", title: digit.reason }, "?");
  return digit.accepted ? digit.text : element("span", { class: "doubt", title: digit.reason }, digit.text);
}

function runnerUp(digit) {
  const ranked = digit.probabilities.map((p, i) => [LABELS[i], p]).sort((a, b) => b[1] - a[1]);
  const [label, p] = ranked[isNoDigit(digit) ? 0 : 1];
  return element("span", { class: "muted small" }, `${isNoDigit(digit) ? "closest" : "or"} ${label}: ${percent(p)}`);
}

function probabilities(digit) {
  const rows = digit.probabilities.flatMap((p, i) => [
    element("dt", {}, LABELS[i]),
    element("dd", {}, element("meter", { value: p, "aria-label": `probability of ${LABELS[i]}` })),
    element("dd", {}, percent(p)),
  ]);
  return element("dl", { class: "bars" }, ...rows);
}

const words = (text) => element("span", { class: "headline words" }, text);
const sentence = (text) => element("span", { class: "muted" }, text);
