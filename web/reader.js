/** Asks the server what a picture shows; of several questions only the last one is answered. */

export const PREDICT_URL = new URL("../model/predict?top_k=10&explain=true", document.baseURI);
/** Ask once the pen has rested this long, and at least this often while it moves. Milliseconds. */
const REST = 120;
const LONGEST_WAIT = 450;
const TIMEOUT = 20_000;
/** When the server cannot be reached or is busy, ask again after this many milliseconds. */
const RETRY = 3_000;

/** Formats that the server reads; a picture of another kind is redrawn by the browser, if it can. */
const KNOWN_TYPES = ["image/png", "image/jpeg", "image/bmp", "image/gif", "image/webp", "image/tiff"];
const REDRAWN_SIDE = 1600;

export class Reader {
  /** The API key, sent if there is one; it is kept here and nowhere else. */
  key = "";
  #report;
  #controller = null;
  #timer = 0;
  #waitingSince = 0;

  /**
   * @param {{busy: () => void, answer: (answer) => void, trouble: (trouble) => void}} report Told of each question's fate:
   *   `answer` has `picture`, `prediction` and `milliseconds`; `trouble` has `code`, `message`, `status` and `retrying`.
   */
  constructor(report) {
    this.#report = report;
  }

  /** Forgets the question asked last, whether it was sent or not. */
  stop() {
    clearTimeout(this.#timer);
    this.#waitingSince = 0;
    this.#controller?.abort();
    this.#controller = null;
  }

  /** Asks soon: when no further call has come for a moment, or when the first one has waited long enough. */
  askSoon(makePicture) {
    this.#report.busy();
    const now = performance.now();
    this.#waitingSince ||= now;
    clearTimeout(this.#timer);
    const delay = Math.max(0, Math.min(REST, this.#waitingSince + LONGEST_WAIT - now));
    this.#timer = setTimeout(() => this.ask(makePicture), delay);
  }

  /** Asks at once; `makePicture` returns a File or a promise of one. */
  async ask(makePicture) {
    this.stop();
    this.#report.busy();
    const controller = (this.#controller = new AbortController());
    const picture = await makePicture();
    if (controller.signal.aborted) return;
    const fate = await this.#fate(picture, controller);
    if (controller.signal.aborted) return;
    this.#controller = null;
    if (fate.prediction) return this.#report.answer(fate);
    const retrying = fate.code === "unreachable" || fate.status >= 502;
    if (retrying) this.#timer = setTimeout(() => this.ask(() => picture), RETRY);
    this.#report.trouble({ ...fate, retrying });
  }

  async #fate(picture, controller) {
    const fate = await this.#send(picture, controller);
    if (!mayHelpToRedraw(fate, picture)) return fate;
    const redrawn = await redraw(picture);
    return redrawn && !controller.signal.aborted ? this.#send(redrawn, controller) : fate;
  }

  async #send(picture, controller) {
    const body = new FormData();
    body.append("image", picture, picture.name);
    const headers = this.key ? { "X-API-Key": this.key } : {};
    const started = performance.now();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), TIMEOUT);
    controller.signal.addEventListener("abort", () => late.abort());
    try {
      const response = await fetch(PREDICT_URL, { method: "POST", body, headers, signal: late.signal });
      const answer = await response.json().catch(() => ({}));
      const milliseconds = performance.now() - started;
      const { status } = response;
      const prediction = answer.predictions?.[0];
      if (response.ok && prediction) return { picture, prediction, milliseconds };
      return { picture, status, code: answer.code ?? (status === 413 ? "body_too_large" : ""), message: answer.message };
    } catch {
      return { picture, status: 0, code: "unreachable" };
    } finally {
      clearTimeout(timer);
    }
  }
}

function mayHelpToRedraw({ code }, picture) {
  if (code === "body_too_large" || code === "image_too_large") return true;
  return code === "invalid_image" && picture.type.startsWith("image/") && !KNOWN_TYPES.includes(picture.type);
}

/** Returns the picture as a PNG of bounded size, such as of a phone's HEIC; null if the browser cannot read it either. */
async function redraw(picture) {
  try {
    const bitmap = await createImageBitmap(picture);
    const scale = Math.min(1, REDRAWN_SIDE / Math.max(bitmap.width, bitmap.height));
    const width = Math.max(1, Math.round(bitmap.width * scale));
    const height = Math.max(1, Math.round(bitmap.height * scale));
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, width, height);
    bitmap.close();
    const blob = await canvas.convertToBlob({ type: "image/png" });
    return new File([blob], `${picture.name.replace(/\.[^.]*$/, "")}-redrawn.png`, { type: "image/png" });
  } catch {
    return null;
  }
}
