/** Shows what became of a picture: the verdict, the bars, what the network saw, or the trouble. */

import { adjustmentsInWords, curlLine, explain, milliseconds, percent, verdict } from "./words.js";
import { PREDICT_URL } from "./reader.js";

const DIGITS = 10;
export const DRAWING_NAME = "digit.png";

/** @param {string} id @returns {any} */
export const $ = (id) => document.getElementById(id);

export class View {
  #bars = [];
  #picture = null;
  #pictureUrl = "";

  constructor() {
    for (let digit = 0; digit < DIGITS; digit++) this.#bars.push(makeBar(digit));
    $("bars").append(...this.#bars.map(({ row }) => row));
    $("picture").onerror = () => this.#showName(true);
    $("sent").onerror = () => ($("sent").hidden = true);
    this.showEmpty();
  }

  /** Nothing was drawn or sent. */
  showEmpty() {
    this.#setVerdict("empty", "·", "Your turn", "Draw a digit, or try a sample.");
    this.#setBars([]);
    this.#setSent(null);
    this.#setSeen(null);
  }

  showBusy() {
    $("bars").ariaBusy = "true";
  }

  showAnswer({ picture, prediction, milliseconds: time }, withKey) {
    const best = prediction.top_k;
    const [sign, headline, detail] = verdict(best);
    this.#setVerdict(sign === "?" ? "unsure" : "sure", sign, headline, detail);
    setText("time", `answered in ${milliseconds(time)}`);
    this.#setBars(best);
    this.#setSent(picture, withKey);
    this.#setSeen(prediction);
  }

  showTrouble({ code, status, message, picture, retrying }, withKey) {
    const [problem, help] = explain({ code, status });
    $("verdict").hidden = true;
    $("trouble").hidden = false;
    setText("time", "");
    setText("problem", problem);
    setText("help", help);
    setText("server-says", message ? `The server says: ${message}` : "");
    $("retry").hidden = !retrying && code !== "internal_error";
    $("key-form").hidden = code !== "unauthorized";
    this.#setBars([]);
    this.#setSeen(null);
    this.#setSent(picture ?? null, withKey);
  }

  /** Puts a picture over the drawing area; null takes it away. */
  showPicture(file) {
    $("pad").classList.toggle("has-picture", file !== null);
    $("picture").hidden = file === null;
    this.#showName(false);
    if (file) this.#setSent(file);
  }

  /** Shows the name of a picture that browsers do not show, such as a TIFF. */
  #showName(shown) {
    $("name").hidden = !shown;
    $("name").textContent = this.#picture?.name ?? "";
    if (shown) $("picture").hidden = true;
  }

  #setVerdict(state, sign, headline, detail) {
    $("trouble").hidden = true;
    setText("time", "");
    $("verdict").hidden = false;
    $("verdict").dataset.state = state;
    setText("digit", sign);
    setText("headline", headline);
    setText("detail", detail);
  }

  #setBars(best) {
    $("bars").ariaBusy = "false";
    for (const { row, value } of this.#bars) {
      row.classList.remove("best");
      row.style.setProperty("--share", "0");
      value.textContent = "";
    }
    for (const { prediction, probability } of best) {
      const { row, value } = this.#bars[prediction];
      row.style.setProperty("--share", probability);
      value.textContent = percent(probability);
    }
    if (best.length) this.#bars[best[0].prediction].row.classList.add("best");
  }

  /** Shows the picture sent and offers it for the terminal. */
  #setSent(picture, withKey = false) {
    const name = picture?.name || DRAWING_NAME;
    setText("curl", curlLine(PREDICT_URL, name, withKey));
    if (picture === this.#picture) return;
    URL.revokeObjectURL(this.#pictureUrl);
    this.#picture = picture;
    this.#pictureUrl = picture ? URL.createObjectURL(picture) : "";
    $("sent").hidden = $("download").hidden = picture === null;
    if (!picture) return;
    $("sent").src = $("download").href = this.#pictureUrl;
    $("download").download = name;
    if ($("pad").classList.contains("has-picture")) $("picture").src = this.#pictureUrl;
  }

  #setSeen(prediction) {
    $("seen").hidden = prediction === null;
    if (prediction) $("seen").src = prediction.seen;
    const words = prediction ? adjustmentsInWords(prediction.adjustments) : [];
    $("adjustments").replaceChildren(...words.map(makeItem));
  }
}

function makeBar(digit) {
  const row = document.createElement("li");
  const [label, track, value] = ["b", "i", "span"].map((name) => document.createElement(name));
  label.textContent = digit;
  track.ariaHidden = "true";
  row.append(label, track, value);
  return { row, value };
}

function makeItem(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

/** Leaves an equal text alone, so that it is not announced again. */
function setText(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}
