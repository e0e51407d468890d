/** Review: doubtful readings of the same digit on one screen. Click the odd ones out, type what they are, press Enter. */

import { deleteItem, nextItems, sendAnswers } from "./api.js";
import { $, element } from "./dom.js";
import { percent } from "./reading.js";

const SCREEN = 24; // pictures: as many as are taken in at a glance
const NO_NUMBER = "-"; // what stands for none, as models label it
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
const OFF = "Nothing is kept here. Start the service with --store FILE, and what it is not sure of comes here.";
const EMPTY = "Nothing waits. What is read on the Photo view or sent by programs comes here when it is not sure.";

let cards = []; // what is on the screen: {item, input, node}
let current = null; // the card that was in focus last
let before = []; // what was answered last, to go back to: [item, text]
let loading = false; // a second answer would take away what was typed after the first
let since = 0; // ms; when the screen came up
const soFar = { pictures: 0, ms: 0 };

export async function startReview() {
  $("review-form").addEventListener("submit", (event) => { event.preventDefault(); attempt(accept); });
  $("review-back").addEventListener("click", goBack);
  $("review-none").addEventListener("click", () => write(current, NO_NUMBER));
  $("review-delete").addEventListener("click", () => attempt(deleteCurrent));
  addEventListener("hashchange", () => { if (isOpen()) begin(); });
  await attempt(load);
}

const isOpen = () => !$("review").hidden;

/** Start the clock over when the view is opened. */
function begin() {
  since = performance.now();
  if (cards.length) cards[0].input.focus();
  else if (!loading) attempt(load);
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    say(error.message);
  }
}

async function load(said = "") {
  loading = true;
  const { on, waiting, items } = await nextItems(SCREEN).finally(() => { loading = false; });
  if (on) $("photo-kept").textContent = "It is read here; what is doubtful is kept for Review.";
  show(items.map((item) => [item, readAs(item)]));
  say(said, waiting ? `${waiting} wait.` : on ? EMPTY : OFF);
}

function show(answers) {
  cards = answers.map(makeCard);
  current = cards[0] ?? null;
  $("review-form").hidden = !cards.length;
  $("review-back").disabled = !before.length;
  $("review-items").replaceChildren(...cards.map(({ node }) => node));
  if (!cards.length) return;
  const [{ item }] = cards;
  $("review-items").classList.toggle("wide", item.text.length > 1);
  $("review-group").textContent = item.text.length > 1 ? "Numbers" : `Read as ${inWords(item)}`;
  since = performance.now();
  if (isOpen()) current.input.focus();
}

function makeCard([item, text], i) {
  const sure = percent(item.confidence);
  const input = element("input", { inputmode: "numeric", maxlength: 100, autocomplete: "off", placeholder: "?" });
  input.value = text;
  input.setAttribute("aria-label", `Picture ${i + 1}, read as ${inWords(item)}, ${sure} sure, is`);
  const image = element("img", { src: `data:image/png;base64,${item.picture}`, alt: `Picture ${i + 1}` });
  const caption = item.text.length > 1 ? `read as ${item.text}, ${sure}` : sure;
  const label = element("label", {}, image, input, element("span", { class: "muted small" }, caption));
  const card = { item, input, node: element("li", { class: "crop", title: item.reason }, label) };
  image.addEventListener("click", () => write(card, input.value === readAs(item) ? "" : readAs(item)));
  input.addEventListener("focus", () => { current = card; input.select(); });
  input.addEventListener("input", ({ data }) => write(card, data === NO_NUMBER ? data : input.value));
  input.addEventListener("keydown", (event) => step(event, i));
  mark(card);
  return card;
}

const readAs = (item) => item.text || NO_NUMBER;
const inWords = (item) => item.text || "no digit";

/** Put an answer under a picture: digits, or a dash alone. */
function write(card, text) {
  card.input.value = text === NO_NUMBER ? text : text.replace(/[^0-9]/g, "");
  card.input.focus();
  mark(card);
}

const mark = ({ item, input, node }) => node.classList.toggle("odd", input.value !== readAs(item));

function step(event, i) {
  const next = cards[i + STEPS[event.key]];
  if (!next || event.shiftKey) return;
  event.preventDefault();
  next.input.focus();
}

/** Send what has an answer; what was only clicked stays, until somebody says what it is. */
async function accept() {
  const [told, untold] = [cards.filter(({ input }) => input.value), cards.filter(({ input }) => !input.value)];
  if (!told.length) return say("Type what they are, or - where there is no number.");
  const ms = performance.now() - since;
  const answers = told.map(({ item, input }) => [item, input.value]);
  const { waiting } = await sendAnswers(answers.map(([{ id }, text]) => ({ id, text: text === NO_NUMBER ? "" : text })));
  before = answers;
  const said = summary(answers, ms);
  if (!untold.length) return load(said);
  show(untold.map(({ item }) => [item, ""]));
  say(said, `${waiting} wait. Type what is left, or - where there is no number.`);
}

function summary(answers, ms) {
  const corrected = answers.filter(([item, text]) => text !== readAs(item)).length;
  soFar.pictures += answers.length;
  soFar.ms += ms;
  const pace = `${seconds(ms / answers.length)} a picture, ${seconds(soFar.ms / soFar.pictures)} so far.`;
  return `${answers.length - corrected} confirmed, ${corrected} corrected: ${pace}`;
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

function goBack() {
  const answers = before;
  before = [];
  show(answers);
  say("The screen before: answer again, the last word counts.");
}

async function deleteCurrent() {
  const { item } = current;
  await deleteItem(item.id);
  before = before.filter(([other]) => other.id !== item.id);
  const left = cards.filter((card) => card !== current).map((card) => [card.item, card.input.value]);
  if (!left.length) return load("Deleted.");
  show(left);
  say("Deleted.");
}

const say = (...texts) => $("review-status").replaceChildren(texts.filter(Boolean).join(" "));
