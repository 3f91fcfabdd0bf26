/** What the page says: verdicts, adjustments, help for every error, and the line for a terminal. */

/** Probabilities are calibrated: below the first, one answer in twenty would be wrong; below the second, one in three. */
const SURE = 0.95;
const LIKELY = 0.65;

const NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

const ADJUSTMENTS = {
  oriented: "turned upright, as the camera noted",
  flattened: "transparent ground filled",
  frame_removed: "frame removed",
  background_removed: "background around the sheet removed",
  lines_removed: "ruled lines removed",
  inverted: "inverted: light ink on black",
  thickened: "strokes thickened",
  thinned: "strokes thinned",
  cropped: "cropped to the ink",
  scaled: "scaled to fit 20 × 20",
  recentred: "centred by its mass",
};

const PROBLEMS = {
  no_ink: ["This picture is blank", "There is no ink to read. A darker pen, or more light, may help."],
  invalid_image: [
    "This is not a picture that can be read",
    "PNG, JPEG, BMP, GIF, WebP and TIFF files work. If it is one of these, the file is damaged.",
  ],
  missing_image: ["No picture arrived", "The file may be empty. Please choose another."],
  body_too_large: ["This file is too large", "Please send a smaller one, such as a photo cropped to the digit."],
  image_too_large: ["This picture has too many pixels", "Please crop it to the digit, or make it smaller."],
  request_timeout: ["The picture did not arrive in time", "The connection may be slow. Please try again."],
  unauthorized: ["This server asks for an API key", "It is kept in this tab's memory only, until you close it."],
  overloaded: ["The server is busy", "Trying again in a few seconds. Your picture is kept."],
  not_ready: ["The server is not ready", "Trying again in a few seconds. Your picture is kept."],
  internal_error: ["The server failed to answer", "This is not your fault, and is in the server's log."],
  unreachable: ["The server cannot be reached", "Is it still running? Trying again every few seconds; your picture is kept."],
  no_file: ["There is no picture in that", "Drop or paste a picture file, or an image copied from another program."],
  no_sample: ["This sample could not be loaded", "Please try another one."],
};

/** Returns what to show of a trouble: its title, and help. */
export function explain({ code, status }) {
  return PROBLEMS[code] ?? [
    "The server did not answer as expected",
    status >= 502 ? `Status ${status}. Trying again in a few seconds.` : `Status ${status}. Please try another picture.`,
  ];
}

/** Returns a probability in percent; never 100, which would be more than is known. */
export function percent(probability) {
  return `${Math.min(99.9, probability * 100).toFixed(1)}\u00a0%`;
}

/** Returns the sign to show large, the headline, and the sentence below it. */
export function verdict([first, second]) {
  const { prediction, probability } = first;
  if (probability < LIKELY) return ["?", "Not sure", `Perhaps ${spelt(prediction)}, perhaps ${spelt(second.prediction)}`];
  const name = spelt(prediction);
  const headline = probability < SURE ? `Probably ${name}` : `${name[0].toUpperCase()}${name.slice(1)}`;
  return [`${prediction}`, headline, `${percent(probability)} sure`];
}

function spelt(digit) {
  return `${digit === 8 ? "an" : "a"} ${NAMES[digit]}`;
}

/** Returns what was done to a picture, in words; one that this page does not know yet is shown by its name. */
export function adjustmentsInWords(names) {
  if (!names.length) return ["nothing: it was in MNIST's form already"];
  return names.map((name) => ADJUSTMENTS[name] ?? name.replaceAll("_", " "));
}

export function milliseconds(value) {
  return value < 1000 ? `${Math.max(1, Math.round(value))}\u00a0ms` : `${(value / 1000).toFixed(1)}\u00a0s`;
}

/** Returns the command that sends the same picture to the same address. */
export function curlLine(url, name, withKey) {
  const key = withKey ? ' -H "X-API-Key: $API_KEY"' : "";
  return `curl${key} -F ${quote(formField(name))} ${quote(url.href)}`;
}

/** curl takes quotes around a file's name, in which only quotes and backslashes are special. */
function formField(name) {
  return /^[\w.-]+$/.test(name) ? `image=@${name}` : `image=@"${name.replace(/["\\]/g, "\\$&")}"`;
}

/** The shell's double quotes where nothing in them is special, else its single ones. */
function quote(text) {
  return /^[\w.=@:/?&%+~[\]-]+$/.test(text) ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}
