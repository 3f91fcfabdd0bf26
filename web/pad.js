/**
 * The drawing area: lines from a mouse, finger, pen or the arrow keys, drawn as smooth curves of varying width.
 *
 * A line is a list of points [x, y, width] in sides of the area, so that it can be drawn at any size.
 */

const PEN_WIDTH = 0.075;
/** Pressure between these factors of the pen's width. */
const LEAST_WEIGHT = 0.45;
const MOST_WEIGHT = 1.55;
const NEAREST = 0.003;
const STEP = 0.04;
const SMALL_STEP = 0.01;
/** The picture sent: pixels a side, and the margin that keeps a line at the very edge off the picture's border. */
const SIDE = 200;
const MARGIN = 0.06;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Pad {
  #canvas;
  #context;
  #lines = [];
  #history = [];
  #line = null;
  #pointer = null;
  #pen = [0.5, 0.5];
  #penShown = false;
  #frame = 0;

  /**
   * @param {HTMLCanvasElement} canvas The area.
   * @param {{change: () => void, pen: (text: string) => void}} report Called when the drawing has changed; told what the
   *   keyboard's pen does.
   */
  constructor(canvas, report) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.report = report;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => event.pointerId === this.#pointer && this.#lift());
    }
    canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false }); // no magnifier
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#showPen(false));
  }

  get isEmpty() {
    return this.#lines.length === 0;
  }

  get canUndo() {
    return this.#history.length > 0;
  }

  undo() {
    this.#lift();
    if (!this.canUndo) return;
    this.#lines = this.#history.pop();
    this.#changed();
  }

  /** Empties the area; undo brings the drawing back. */
  clear() {
    this.#lift();
    if (this.isEmpty) return;
    this.#history.push(this.#lines);
    this.#lines = [];
    this.#changed();
  }

  /** Returns the drawing as a PNG of the colours that are seen: dark on white, or light on black. */
  toBlob() {
    const canvas = new OffscreenCanvas(SIDE, SIDE);
    const context = canvas.getContext("2d");
    const dark = isDark();
    context.fillStyle = dark ? "#000" : "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    const side = SIDE * (1 - 2 * MARGIN);
    context.setTransform(side, 0, 0, side, SIDE * MARGIN, SIDE * MARGIN);
    context.beginPath();
    context.rect(0, 0, 1, 1);
    context.clip();
    for (const line of this.#lines) drawLine(context, line, dark ? "#fff" : "#000");
    return canvas.convertToBlob({ type: "image/png" });
  }

  #down(event) {
    if (event.button !== 0 || this.#pointer !== null) return;
    event.preventDefault();
    this.#canvas.focus({ preventScroll: true, focusVisible: false });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#lift();
    this.#showPen(false);
    this.#pointer = event.pointerId;
    this.#begin(this.#point(event));
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const parts = event.getCoalescedEvents?.() ?? [];
    for (const part of parts.length ? parts : [event]) this.#extend(this.#point(part));
    this.#changed();
  }

  #lift() {
    this.#pointer = null;
    this.#line = null;
  }

  #begin(point) {
    this.#history.push(this.#lines);
    this.#line = [point];
    this.#lines = [...this.#lines, this.#line];
    this.#changed();
  }

  #extend([x, y, width]) {
    const last = this.#line.at(-1);
    if (Math.hypot(x - last[0], y - last[1]) < NEAREST) return;
    this.#line.push([x, y, 0.6 * last[2] + 0.4 * width]);
  }

  #point(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, PEN_WIDTH * weight(event)];
  }

  #key(event) {
    const move = MOVES[event.key];
    if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) this.undo();
    else if (event.key === "Delete" || event.key === "Escape") this.clear();
    else if (event.key === " ") this.#togglePen();
    else if (move && !event.ctrlKey && !event.metaKey && !event.altKey) this.#movePen(move, event.shiftKey);
    else return;
    event.preventDefault();
  }

  #togglePen() {
    if (this.#line) this.#lift();
    else this.#begin([...this.#pen, PEN_WIDTH]);
    this.report.pen(this.#line ? "Pen down" : "Pen up");
    this.#showPen(true);
  }

  #movePen([right, down], small) {
    const step = small ? SMALL_STEP : STEP;
    const [x, y] = this.#pen;
    this.#pen = [Math.min(1, Math.max(0, x + right * step)), Math.min(1, Math.max(0, y + down * step))];
    this.#showPen(true);
    if (!this.#line) return;
    this.#extend([...this.#pen, PEN_WIDTH]);
    this.#changed();
  }

  #showPen(shown) {
    if (!shown) this.#lift();
    this.#penShown = shown;
    this.#redraw();
  }

  #changed() {
    this.#redraw();
    this.report.change();
  }

  #resize() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    if (side === this.#canvas.width) return;
    this.#canvas.width = this.#canvas.height = side;
    this.#draw();
  }

  #redraw() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const side = this.#canvas.width;
    this.#context.setTransform(side, 0, 0, side, 0, 0);
    this.#context.clearRect(0, 0, 1, 1);
    const style = getComputedStyle(this.#canvas);
    for (const line of this.#lines) drawLine(this.#context, line, style.color);
    if (this.#penShown) drawPen(this.#context, this.#pen, this.#line !== null, style.accentColor);
  }
}

/** Quadratic curves from middle to middle of neighbouring points, each with its own width; a dot where there is but one. */
function drawLine(context, points, colour) {
  if (points.length === 1) return drawDot(context, points[0], colour);
  context.strokeStyle = colour;
  context.lineCap = context.lineJoin = "round";
  let from = points[0];
  const last = points.length - 1;
  for (let i = 0; i < last; i++) {
    const bend = points[i];
    const next = points[i + 1];
    const to = i + 1 === last ? next : [(bend[0] + next[0]) / 2, (bend[1] + next[1]) / 2, (bend[2] + next[2]) / 2];
    context.lineWidth = (from[2] + to[2]) / 2;
    context.beginPath();
    context.moveTo(from[0], from[1]);
    context.quadraticCurveTo(bend[0], bend[1], to[0], to[1]);
    context.stroke();
    from = to;
  }
}

function drawDot(context, [x, y, width], colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, width / 2, 0, 2 * Math.PI);
  context.fill();
}

function drawPen(context, [x, y], down, colour) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 0.008;
  context.beginPath();
  context.arc(x, y, PEN_WIDTH * 0.7, 0, 2 * Math.PI);
  context.stroke();
  context.beginPath();
  context.arc(x, y, PEN_WIDTH * (down ? 0.4 : 0.1), 0, 2 * Math.PI);
  context.fill();
}

/** Devices that feel no pressure say 0, 0.5 or 1. */
function weight({ pointerType, pressure }) {
  if (pointerType === "mouse" || pressure === 0 || pressure === 0.5 || pressure === 1) return 1;
  return LEAST_WEIGHT + (MOST_WEIGHT - LEAST_WEIGHT) * pressure;
}

function isDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}
