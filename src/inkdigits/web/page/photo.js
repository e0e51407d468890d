/** Photo: a picture, what was read off it drawn over it, and each number in detail. */

import { readPage } from "./api.js";
import { $, drawn, element } from "./dom.js";
import { digitCards, headline, percent } from "./reading.js";

const MAX_BYTES = 20_000_000; // the service's own limit: said before the upload
const COLUMNS = ["text", "confidence", "accepted", "reason", "x", "y", "width", "height"];

export function startPhoto(open) {
  $("file").addEventListener("change", () => take($("file").files[0]));
  addEventListener("paste", (event) => takeFrom(event.clipboardData, open));
  addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
  addEventListener("dragleave", () => $("drop").classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    takeFrom(event.dataTransfer, open);
  });
  $("copy").addEventListener("click", copy);
  $("rules").addEventListener("submit", (event) => event.preventDefault());
  $("rules").addEventListener("change", () => take(file));
}

let file = null; // what was taken last
let turns = 0; // of reading: an answer counts while no later one is awaited
let numbers = []; // what was read last

function takeFrom(transfer, open) {
  const [given] = transfer?.files ?? [];
  if (!given) return;
  open();
  take(given);
}

async function take(given) {
  if (!given) return;
  file = given;
  const turn = ++turns;
  $("file").value = ""; // the same file may be chosen again
  $("photo-result").hidden = true;
  if (file.size > MAX_BYTES) return say(`${file.name} has more than 20 MB; save it smaller.`);
  say(`Reading ${file.name} …`);
  try {
    const page = await readPage(file, rules());
    if (turn !== turns) return;
    say(summary(page));
    if (page.numbers.length) await show(page, file);
  } catch (error) {
    if (turn === turns) say(error.message);
  }
}

/** What the numbers may be, where something is said of it. */
const rules = () => Object.fromEntries([...new FormData($("rules"))].filter(([, value]) => value.trim()));

const say = (text) => $("photo-status").replaceChildren(text);

function summary(page) {
  if (!page.numbers.length) return page.reason;
  const doubtful = page.numbers.filter((number) => !number.accepted).length;
  const found = page.numbers.length === 1 ? "1 number" : `${page.numbers.length} numbers`;
  return doubtful ? `${found}, ${doubtful} of them to look at.` : `${found}, all sure.`;
}

async function show(page, file) {
  numbers = page.numbers;
  $("numbers").replaceChildren(...numbers.map(row));
  $("photo-result").hidden = false;
  link("csv", toCsv(numbers), "text/csv");
  link("json", JSON.stringify(page, withoutShown, 1), "application/json");
  await showPicture(file);
  select(Math.max(0, numbers.findIndex((number) => !number.accepted)));
}

async function showPicture(file) {
  const image = element("img", { src: URL.createObjectURL(file), alt: "The picture, with a box around each number" });
  $("photo-picture").replaceChildren(image);
  try {
    await image.decode();
    const marks = numbers.map((number, i) => mark(number, i, image.naturalWidth / (image.clientWidth || 600)));
    const size = `0 0 ${image.naturalWidth} ${image.naturalHeight}`;
    image.after(drawn("svg", { viewBox: size, "aria-hidden": "true" }, ...marks)); // the list says the same
  } catch {
    $("photo-picture").replaceChildren("The browser cannot show this kind of picture; its numbers are beside.");
  }
  URL.revokeObjectURL(image.src);
}

function mark(number, i, scale) {
  const [x, y, width, height] = number.box;
  const size = Math.max(14 * scale, Math.min(height * 0.4, 22 * scale)); // px of the picture: legible on the screen
  return drawn(
    "g",
    { class: number.accepted ? "mark" : "mark uncertain", "data-number": i, onclick: () => select(i) },
    drawn("rect", { class: "box", x, y, width, height, rx: 4 * scale }),
    drawn("text", { x, y: Math.max(y - 5 * scale, size), "font-size": size }, number.text || "?"),
  );
}

function row(number, i) {
  const state = number.accepted ? percent(number.confidence) : `look: ${percent(number.confidence)}`;
  return element(
    "li",
    {},
    element(
      "button",
      { type: "button", "data-number": i, onclick: () => select(i) },
      element("strong", {}, number.text || "?"),
      element("span", { class: number.accepted ? "sure" : "doubt" }, state),
    ),
  );
}

function select(i) {
  for (const node of document.querySelectorAll("[data-number]")) {
    node.setAttribute("aria-current", String(node.dataset.number === String(i)));
  }
  $("details").replaceChildren(...headline(numbers[i]), ...digitCards(numbers[i], { bars: true }));
}

async function copy() {
  await navigator.clipboard.writeText(numbers.map((number) => number.text).join("\n"));
  say("Copied.");
}

function link(id, text, type) {
  URL.revokeObjectURL($(id).href);
  $(id).href = URL.createObjectURL(new Blob([text], { type }));
}

const withoutShown = (key, value) => (key === "shown" ? undefined : value);

function toCsv(rows) {
  const lines = rows.map(({ text, confidence, accepted, reason, box }) => [text, confidence, accepted, reason, ...box]);
  return [COLUMNS, ...lines].map((line) => line.map(quote).join(",")).join("\r\n") + "\r\n";
}

const quote = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
