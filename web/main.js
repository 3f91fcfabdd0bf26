/** Draw a digit, or send a picture of one: from what people do to what the page asks and shows. */

import { Pad } from "./pad.js";
import { Reader } from "./reader.js";
import { $, DRAWING_NAME, View } from "./view.js";

const COPIED_SHOWN = 1500;

const view = new View();
/** The question asked last, so that it can be asked again with a key or when the server is back. */
let makePicture = null;

const reader = new Reader({
  busy: () => view.showBusy(),
  answer: (answer) => view.showAnswer(answer, reader.key !== ""),
  trouble: (trouble) => view.showTrouble(trouble, reader.key !== "" || trouble.code === "unauthorized"),
});

const pad = new Pad($("canvas"), {
  change: onDrawing,
  pen: (text) => ($("pen").textContent = text),
});

function onDrawing() {
  view.showPicture(null);
  setTools();
  if (pad.isEmpty) return forget();
  makePicture = async () => new File([await pad.toBlob()], DRAWING_NAME, { type: "image/png" });
  reader.askSoon(makePicture);
}

function usePicture(file) {
  pad.clear();
  view.showPicture(file);
  makePicture = () => file;
  setTools();
  reader.ask(makePicture);
}

function forget() {
  makePicture = null;
  reader.stop();
  view.showEmpty();
}

function setTools() {
  const hasPicture = $("pad").classList.contains("has-picture");
  $("pad").classList.toggle("empty", pad.isEmpty && !hasPicture);
  $("undo").disabled = !pad.canUndo;
  $("clear").disabled = pad.isEmpty && !hasPicture;
}

function clear() {
  if (!pad.isEmpty) return pad.clear();
  view.showPicture(null);
  setTools();
  forget();
}

/** Takes the first picture of what was dropped or pasted; says so where there is none. */
function takeFile(transfer) {
  const file = transfer.files[0];
  if (file) usePicture(file);
  else view.showTrouble({ code: "no_file" });
}

async function useSample(name) {
  try {
    const response = await fetch(`samples/${name}`);
    if (!response.ok) throw new Error(response.statusText);
    const blob = await response.blob();
    usePicture(new File([blob], name, { type: blob.type }));
  } catch {
    view.showTrouble({ code: "no_sample" });
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText($("curl").textContent);
  } catch {
    getSelection().selectAllChildren($("curl")); // without HTTPS browsers offer no clipboard
    document.execCommand("copy");
  }
  $("copy").textContent = "Copied";
  setTimeout(() => ($("copy").textContent = "Copy"), COPIED_SHOWN);
}

function again() {
  if (makePicture) reader.ask(makePicture);
}

$("undo").onclick = () => pad.undo();
$("clear").onclick = clear;
$("copy").onclick = copy;
$("retry").onclick = again;
$("choose").onclick = () => $("file").click();
$("photograph").onclick = () => $("camera").click();
for (const input of [$("file"), $("camera")]) {
  input.onchange = () => {
    if (input.files[0]) usePicture(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  };
}
$("key-form").onsubmit = (event) => {
  event.preventDefault();
  reader.key = $("key").value.trim();
  again();
};
$("samples").onclick = (event) => {
  const sample = event.target.closest("[data-sample]")?.dataset.sample;
  if (sample) useSample(sample);
};

document.addEventListener("paste", (event) => {
  if (event.target.id !== "key") takeFile(event.clipboardData);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").hidden = true;
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").hidden = true;
  takeFile(event.dataTransfer);
});
window.addEventListener("online", again);

setTools();
