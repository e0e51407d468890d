/** Learn: the tutorial, live. The network changes while it learns, and is then tried on one's own handwriting. */

import { train } from "./api.js";
import { $, element } from "./dom.js";
import { Paper } from "./paper.js";
import { headline, percent } from "./reading.js";
import { latestOnly } from "./write.js";

const TUTORIAL = { network: "mlp", neurons: 15, learning_rate: 0.1, seed: 1 };
const PUBLISHED = "The tutorial's own figure is 0.9147: the same network, to the last digit.";
const SIDE = 8; // px of an image
const CELL = SIDE + 1; // px of a neuron's picture with its margin

const curves = { loss: [], accuracy: [] };
let underWay = null; // what stops the training
let trained = ""; // the name of the network trained last

export function startLearning() {
  $("network").addEventListener("change", suitNetwork);
  $("train").addEventListener("submit", (event) => {
    event.preventDefault();
    if (underWay) underWay.abort();
    else learn();
  });
  const readTrained = latestOnly(showIn("mine"), sayIn("mine"), () => trained);
  const readBundled = latestOnly(showIn("theirs"), sayIn("theirs"));
  new Paper($("try"), (paper) => { readTrained(paper); readBundled(paper); });
}

function suitNetwork() {
  const convnet = $("network").value === "convnet";
  $("neurons").disabled = convnet;
  $("rate").value = convnet ? 0.003 : TUTORIAL.learning_rate;
}

async function learn() {
  underWay = new AbortController();
  $("start").textContent = "Stop";
  curves.loss = [];
  curves.accuracy = [];
  for (const id of ["result", "try"]) $(id).hidden = true;
  $("progress").hidden = false;
  $("accuracy").textContent = "";
  say("");
  const settings = chosen();
  try {
    for await (const [name, values] of train(settings, underWay.signal)) {
      if (name === "epoch") await showEpoch(values);
      else if (name === "result") showResult(values, settings);
      else say(values.detail);
    }
  } catch (error) {
    say(error.name === "AbortError" ? "Stopped." : error.message);
  }
  underWay = null;
  $("start").textContent = "Train";
}

function chosen() {
  const [neurons, learning_rate, seed] = ["neurons", "rate", "seed"].map((id) => Number($(id).value));
  return { network: $("network").value, neurons, learning_rate, seed };
}

const say = (text) => $("learn-status").replaceChildren(text);

/** Show an epoch, one per frame at most: the training is faster than the eye. */
async function showEpoch({ epoch, epochs, loss, accuracy, weights }) {
  if (!document.hidden) await new Promise(requestAnimationFrame);
  curves.loss.push(loss);
  if (accuracy !== undefined) curves.accuracy.push(accuracy);
  const reads = accuracy === undefined ? "" : `, reads ${(100 * accuracy).toFixed(1)} % of the test digits`;
  $("epoch").textContent = `Epoch ${epoch} of at most ${epochs}: loss ${loss.toFixed(4)}${reads}`;
  drawCurve("loss-curve", curves.loss, Math.max(...curves.loss), epochs);
  drawCurve("accuracy-curve", curves.accuracy, 1, epochs);
  $("neurons-picture").hidden = !weights;
  if (weights) drawNeurons(Int8Array.from(atob(weights), (character) => character.charCodeAt(0)));
}

function drawCurve(id, values, highest, epochs) {
  const points = values.map((value, i) => `${((i + 1) / epochs) * 300},${118 - (value / highest) * 116}`);
  $(id).setAttribute("points", points.join(" "));
}

/** One picture per neuron: blue is where ink speaks for it, red where it speaks against it. */
function drawNeurons(weights) {
  const n = weights.length / SIDE ** 2;
  const columns = Math.ceil(Math.sqrt(n * 1.6));
  const canvas = $("neurons-canvas");
  canvas.width = columns * CELL - 1;
  canvas.height = Math.ceil(n / columns) * CELL - 1;
  canvas.setAttribute("aria-label", `What each of ${n} neurons looks at`);
  const context = canvas.getContext("2d");
  for (let i = 0; i < n; i++) {
    const own = weights.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2);
    context.putImageData(pictureOf(own), (i % columns) * CELL, Math.floor(i / columns) * CELL);
  }
}

function pictureOf(weights) {
  const pixels = Array.from(weights).flatMap((w) => [...(w > 0 ? [60, 120, 230] : [215, 65, 60]), 2 * Math.abs(w)]);
  return new ImageData(Uint8ClampedArray.from(pixels), SIDE, SIDE);
}

function showResult(result, settings) {
  trained = result.model;
  const isTutorial = JSON.stringify(settings) === JSON.stringify(TUTORIAL);
  $("result").hidden = $("try").hidden = false;
  $("accuracy").textContent = result.accuracy.toFixed(4);
  const errors = `${result.errors} of ${result.n_test} test digits are read wrongly.`;
  say(`${errors} It ${result.stopped_because}. ${isTutorial ? PUBLISHED : ""}`);
  $("confusion").replaceChildren(...confusionRows(result));
  showMistakes(result.mistakes.slice(0, 12), "The surest mistakes");
  for (const id of ["mine", "theirs"]) sayIn(id)("Write a digit.");
}

function confusionRows({ confusion_matrix: matrix, mistakes }) {
  const head = [element("td"), ...[...matrix.keys()].map((digit) => element("th", { scope: "col" }, digit))];
  const rows = matrix.map((counts, label) => {
    const most = Math.max(1, ...counts);
    const cells = counts.map((count, read) => confusionCell({ count, label, read, mistakes, share: count / most }));
    return element("tr", {}, element("th", { scope: "row" }, label), ...cells);
  });
  return [element("tr", {}, ...head), ...rows];
}

function confusionCell({ count, label, read, mistakes, share }) {
  const cell = element("td", { class: label === read ? "right" : count ? "wrong" : "none" });
  cell.style.setProperty("--shade", Math.sqrt(share));
  if (label === read || !count) return fill(cell, count || "·");
  const own = mistakes.filter((mistake) => mistake.label === label && mistake.read_as === read);
  const title = `${label} read as ${read}`;
  const onclick = () => showMistakes(own, title);
  return fill(cell, element("button", { type: "button", "aria-label": `${count} times ${title}`, onclick }, count));
}

function fill(node, content) {
  node.append(content);
  return node;
}

function showMistakes(mistakes, title) {
  const pictures = mistakes.map(({ label, read_as, confidence, number, shown }) =>
    element(
      "figure",
      { class: "digit" },
      element("img", { src: `data:image/png;base64,${shown}`, alt: `A written ${label}` }),
      element("figcaption", { class: "small" }, `${label} read as ${read_as}, ${percent(confidence)} sure, #${number}`),
    ),
  );
  $("mistakes").replaceChildren(element("h3", {}, title), element("div", { class: "digits" }, ...pictures));
}

const showIn = (id) => (number) => {
  const seen = number.digits.map(({ shown }) =>
    element("img", { src: `data:image/png;base64,${shown}`, alt: "What the network saw", class: "seen" }),
  );
  $(id).replaceChildren(...headline(number), element("div", {}, ...seen));
};

const sayIn = (id) => (text) => $(id).replaceChildren(element("span", { class: "muted" }, text));
