/** Write: strokes on paper, read after each of them. */

import { read } from "./api.js";
import { $, element } from "./dom.js";
import { digitCards, headline } from "./reading.js";

const WIDTH = 900, HEIGHT = 600; // the paper in its own units, whatever its size on the screen
const SENT_SCALE = 2 / 3; // of what is sent; digits of 40 units still have 27 px
const STEP = 10; // units that an arrow key moves the pen by

const paper = $("paper");
const strokes = []; // each {width, points: [[x, y], ...]}
let writing = null; // the stroke under way
let pen = null; // where the keyboard's pen is, [x, y]
let asked = null; // what aborts the reading under way

export function startWriting() {
  paper.addEventListener("pointerdown", begin);
  paper.addEventListener("pointermove", goOn);
  paper.addEventListener("pointerup", end);
  paper.addEventListener("pointercancel", end);
  paper.addEventListener("keydown", writeByKeys);
  paper.addEventListener("blur", () => { pen = null; end(); draw(); });
  $("undo").addEventListener("click", undo);
  $("clear").addEventListener("click", clear);
  new ResizeObserver(fit).observe(paper);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  showEmpty();
}

function begin(event) {
  if (!event.isPrimary || event.button !== 0) return;
  pen = null;
  paper.setPointerCapture(event.pointerId);
  startStroke(place(event));
}

function goOn(event) {
  if (!writing || !event.isPrimary) return;
  const moves = event.getCoalescedEvents?.() ?? [];
  writing.points.push(...(moves.length ? moves : [event]).map(place));
  draw();
}

function end() {
  if (!writing) return;
  writing = null;
  changed();
}

function startStroke(point) {
  writing = { width: Number($("pen-width").value), points: [point] };
  strokes.push(writing);
  draw();
}

function writeByKeys(event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const takenBack = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey);
  if (event.key in moves) movePen(moves[event.key], event.shiftKey ? 3 * STEP : STEP);
  else if (event.key === " ") liftOrLower();
  else if (takenBack) undo();
  else if (event.key === "Delete" || event.key === "Backspace") clear();
  else return;
  event.preventDefault();
}

function movePen([dx, dy], step) {
  const [x, y] = pen ?? [WIDTH / 2, HEIGHT / 3];
  pen = [Math.min(WIDTH, Math.max(0, x + dx * step)), Math.min(HEIGHT, Math.max(0, y + dy * step))];
  writing?.points.push(pen);
  draw();
}

function liftOrLower() {
  pen ??= [WIDTH / 2, HEIGHT / 3];
  if (writing) end();
  else startStroke(pen);
}

function undo() {
  writing = null;
  strokes.pop();
  changed();
}

function clear() {
  writing = null;
  strokes.length = 0;
  changed();
}

function changed() {
  draw();
  $("undo").disabled = $("clear").disabled = !strokes.length;
  strokes.length ? askReading() : showEmpty();
}

async function askReading() {
  asked?.abort();
  const mine = (asked = new AbortController());
  try {
    const picture = await toPicture();
    if (!mine.signal.aborted) show(await read("/v1/read-number", picture, { signal: mine.signal }));
  } catch (error) {
    if (error.name !== "AbortError") showWords(error.message);
  }
}

function show(number) {
  $("answer").replaceChildren(...headline(number));
  $("answer-digits").replaceChildren(...digitCards(number));
}

function showWords(text) {
  $("answer").replaceChildren(element("span", { class: "muted" }, text));
  $("answer-digits").replaceChildren();
}

function showEmpty() {
  asked?.abort();
  showWords("The reading appears here as soon as you lift the pen, with how sure it is and what the network saw.");
}

function place(event) {
  const box = paper.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
}

function fit() {
  paper.width = paper.clientWidth * devicePixelRatio;
  paper.height = paper.clientHeight * devicePixelRatio;
  draw();
}

function draw() {
  const context = paper.getContext("2d");
  context.clearRect(0, 0, paper.width, paper.height);
  drawStrokes(context, paper.width / WIDTH, getComputedStyle(paper).color);
  if (pen) drawPen(context);
}

/** The writing as the file of a picture: dark ink on white, whatever the screen's colours are. */
export function toPicture() {
  const sheet = element("canvas", { width: WIDTH * SENT_SCALE, height: HEIGHT * SENT_SCALE });
  const context = sheet.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, sheet.width, sheet.height);
  drawStrokes(context, SENT_SCALE, "black");
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}

function drawStrokes(context, scale, colour) {
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.strokeStyle = colour;
  context.lineCap = context.lineJoin = "round";
  for (const { width, points } of strokes) {
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...points[0]);
    points.forEach(([x, y], i) => {
      const [nextX, nextY] = points[i + 1] ?? [x, y];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2); // round corners between samples
    });
    context.stroke();
  }
  context.resetTransform();
}

function drawPen(context) {
  const scale = paper.width / WIDTH;
  context.beginPath();
  context.arc(pen[0] * scale, pen[1] * scale, 12 * scale, 0, 2 * Math.PI);
  context.lineWidth = 2 * devicePixelRatio;
  context.strokeStyle = getComputedStyle(paper).color;
  context.stroke();
}
