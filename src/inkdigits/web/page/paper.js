/** Paper: what is written on a canvas with mouse, finger, pen or arrow keys, as strokes and as a picture. */

import { element } from "./dom.js";

const WIDTH = 900, HEIGHT = 600; // the paper in its own units, whatever its size on the screen
const SENT_SCALE = 2 / 3; // of what is sent; digits of 40 units still have 27 px
const STEP = 10; // units that an arrow key moves the pen by
const START = [WIDTH / 2, HEIGHT / 3]; // where the keyboard's pen is at first
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Paper {
  #canvas;
  #buttons;
  #penWidth;
  #onChange;
  #strokes = []; // each {width, points: [[x, y], ...]}
  #writing = null; // the stroke under way
  #pen = null; // where the keyboard's pen is, while it is used

  /** `section` holds the canvas and the buttons; `onChange` hears of every stroke that is done or taken back. */
  constructor(section, onChange) {
    this.#canvas = section.querySelector("canvas.paper");
    this.#penWidth = section.querySelector(".pen input");
    this.#onChange = onChange;
    this.#buttons = [section.querySelector(".undo"), section.querySelector(".clear")];
    this.#buttons[0].addEventListener("click", () => this.#undo());
    this.#buttons[1].addEventListener("click", () => this.#clear());
    this.#listen();
  }

  get isEmpty() {
    return !this.#strokes.length;
  }

  /** The writing as the file of a picture: dark ink on white, whatever the screen's colours are. */
  toPicture() {
    const sheet = element("canvas", { width: WIDTH * SENT_SCALE, height: HEIGHT * SENT_SCALE });
    const context = sheet.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, sheet.width, sheet.height);
    this.#drawStrokes(context, SENT_SCALE, "black");
    return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
  }

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#goOn(event));
    canvas.addEventListener("pointerup", () => this.#end());
    canvas.addEventListener("pointercancel", () => this.#end());
    canvas.addEventListener("keydown", (event) => this.#writeByKeys(event));
    canvas.addEventListener("blur", () => this.#putPenAway());
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  #begin(event) {
    if (!event.isPrimary || event.button !== 0) return;
    this.#putPenAway();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#startStroke(this.#place(event));
  }

  #goOn(event) {
    if (!this.#writing || this.#pen || !event.isPrimary) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    this.#writing.points.push(...(moves.length ? moves : [event]).map((move) => this.#place(move)));
    this.#draw();
  }

  #end() {
    if (!this.#writing) return;
    this.#writing = null;
    this.#changed();
  }

  #startStroke(point) {
    this.#writing = { width: Number(this.#penWidth.value), points: [point] };
    this.#strokes.push(this.#writing);
    this.#draw();
  }

  #writeByKeys(event) {
    const takenBack = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey);
    if (event.key in ARROWS) this.#movePen(ARROWS[event.key], event.shiftKey ? 3 * STEP : STEP);
    else if (event.key === " ") this.#liftOrLowerPen();
    else if (takenBack) this.#undo();
    else if (event.key === "Delete" || event.key === "Backspace") this.#clear();
    else return;
    event.preventDefault();
  }

  #movePen([dx, dy], step) {
    const [x, y] = this.#pen ?? START;
    this.#pen = [Math.min(WIDTH, Math.max(0, x + dx * step)), Math.min(HEIGHT, Math.max(0, y + dy * step))];
    this.#writing?.points.push(this.#pen);
    this.#draw();
  }

  #liftOrLowerPen() {
    this.#pen ??= START;
    if (this.#writing) this.#end();
    else this.#startStroke(this.#pen);
  }

  #putPenAway() {
    this.#pen = null;
    this.#end();
    this.#draw();
  }

  #undo() {
    this.#writing = null;
    this.#strokes.pop();
    this.#changed();
  }

  #clear() {
    this.#writing = null;
    this.#strokes = [];
    this.#changed();
  }

  #changed() {
    this.#draw();
    for (const button of this.#buttons) button.disabled = this.isEmpty;
    this.#onChange(this);
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
  }

  #fit() {
    this.#canvas.width = this.#canvas.clientWidth * devicePixelRatio;
    this.#canvas.height = this.#canvas.clientHeight * devicePixelRatio;
    this.#draw();
  }

  #draw() {
    const context = this.#canvas.getContext("2d");
    const scale = this.#canvas.width / WIDTH;
    const colour = getComputedStyle(this.#canvas).color;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#drawStrokes(context, scale, colour);
    if (this.#pen) drawRing(context, this.#pen, scale, colour);
  }

  #drawStrokes(context, scale, colour) {
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.strokeStyle = colour;
    context.lineCap = context.lineJoin = "round";
    for (const { width, points } of this.#strokes) {
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
}

function drawRing(context, [x, y], scale, colour) {
  context.beginPath();
  context.arc(x * scale, y * scale, 12 * scale, 0, 2 * Math.PI);
  context.lineWidth = 2 * devicePixelRatio;
  context.strokeStyle = colour;
  context.stroke();
}
