// A line of a log as nodes: colours of terminals, progress bars that came back to the start of their line, links. Everything
// is put in as text: no line of a log ever becomes HTML.
import { _, number } from "../words.js";

/** @typedef {{n: number, ms: number | null, text: string}} Line */

const CODES = /\x1b\[([0-9;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?|[\x00-\x08\x0b-\x1f\x7f]/g;
const LINKS = /https?:\/\/[^\s"'<>\\^`{|}]+[^\s"'<>\\^`{|}.,;:!?)\]]/g;
const ERROR = /^(?:::error\b|(?:\S+ ){0,4}\[?(?:ERROR|CRITICAL|FATAL)\b|[\w.]*(?:Error|Exception)(?::|$))/;
const WARNING = /^(?:::warning\b|(?:\S+ ){0,4}\[?WARN(?:ING)?\b|\S+:\d+: \w*Warning:)/;
const COMMAND = /^::(group|endgroup|warning|error)(?: [^:]*)?::(.*)$/;

/** What stays of a line after its carriage returns, and how often it was written over. @param {string} text */
export function settle(text) {
  if (!text.includes("\r")) return { text, updates: 0 };
  const parts = text.split("\r").filter((part) => part.replace(CODES, "") !== "");
  return { text: parts.at(-1) ?? "", updates: Math.max(0, parts.length - 1) };
}

/** Says of line after line whether it is an error, a warning, or neither; it knows when it is in a traceback. */
export function judge() {
  let inside = false;
  return (/** @type {string} */ raw) => {
    const text = raw.includes("\x1b") ? raw.replace(CODES, "") : raw;
    if (text.startsWith("Traceback (most recent call last)")) inside = true;
    else if (inside && !/^\s|^$|^During handling|^The above exception/.test(text)) {
      inside = false;
      return "error";
    }
    return inside || ERROR.test(text) ? "error" : WARNING.test(text) ? "warning" : "";
  };
}

/** The element of a line. @param {Line} line @param {string} level @param {(ms: number) => string} clock @param {number | null} [error] the line that failed it */
export function element(line, level, clock, error = null) {
  const box = document.createElement("div");
  const { text, updates } = settle(line.text);
  const command = COMMAND.exec(text);
  box.className = `l ${level}`;
  box.id = `L${line.n}`;
  box.dataset.n = String(line.n);
  if (line.ms !== null) {
    const time = box.appendChild(document.createElement("span"));
    time.className = "t";
    time.dataset.ms = String(line.ms);
    time.textContent = clock(line.ms);
  }
  const words = box.appendChild(document.createElement("span"));
  words.className = "x";
  if (line.n === error) words.id = "error";
  if (command?.[1] === "group") box.classList.add("group");
  if (command?.[1] === "endgroup") box.hidden = true;
  paint(words, command ? command[2] : text);
  if (updates) times(box, _("×{count} updates folded", { count: number(updates) }));
  return box;
}

/** Words behind a line: how often. @param {Element} box @param {string} words */
export function times(box, words) {
  const place = box.querySelector(".times-x") ?? box.querySelector(".x")?.appendChild(document.createElement("span"));
  if (!place) return;
  place.className = "times-x";
  place.textContent = ` (${words})`;
}

/** Put a text in, in its colours. @param {Element} into @param {string} text */
function paint(into, text) {
  if (!/[\x00-\x08\x0b-\x1f\x7f]/.test(text)) return void link(into, text);
  /** @type {{classes: Set<string>, rgb: number[] | null, inverse: boolean}} */
  const pen = { classes: new Set(), rgb: null, inverse: false };
  let at = 0;
  for (const found of text.matchAll(CODES)) {
    span(into, text.slice(at, found.index), pen);
    at = found.index + found[0].length;
    if (found[1] !== undefined) turn(pen, found[1]);
  }
  span(into, text.slice(at), pen);
}

/** @param {Element} into @param {string} text @param {{classes: Set<string>, rgb: number[] | null, inverse: boolean}} pen */
function span(into, text, pen) {
  if (!text) return;
  if (!pen.classes.size && !pen.rgb) return void link(into, text);
  const piece = into.appendChild(document.createElement("span"));
  piece.className = [...pen.classes].join(" ");
  if (pen.rgb) piece.style.color = readable(pen.rgb);
  link(piece, text);
}

/** @param {Element} into @param {string} text */
function link(into, text) {
  let at = 0;
  if (text.includes("://"))
    for (const found of text.matchAll(LINKS)) {
      into.append(text.slice(at, found.index));
      const anchor = into.appendChild(document.createElement("a"));
      anchor.href = anchor.textContent = found[0];
      anchor.rel = "noreferrer noopener";
      anchor.target = "_blank";
      at = found.index + found[0].length;
    }
  into.append(text.slice(at));
}

/** Codes that switch a look on, and those that switch it off. */
const LOOKS = new Map([[1, "bo"], [2, "di"], [3, "it"], [4, "un"], [7, "inv"], [9, "st"]]);
const ENDS = new Map([[22, ["bo", "di"]], [23, ["it"]], [24, ["un"]], [27, ["inv"]], [29, ["st"]]]);

/** @param {{classes: Set<string>, rgb: number[] | null}} pen @param {string} codes */
function turn(pen, codes) {
  const list = codes.split(/[;:]/).map(Number);
  const colour = (/** @type {string} */ name) => {
    for (const old of pen.classes) if (/^c\d/.test(old)) pen.classes.delete(old);
    pen.rgb = null;
    if (name) pen.classes.add(name);
  };
  for (let at = 0; at < list.length; at += 1) {
    const code = list[at];
    if (code === 0) {
      pen.classes.clear();
      pen.rgb = null;
    } else if (LOOKS.has(code)) pen.classes.add(LOOKS.get(code) ?? "");
    else if (ENDS.has(code)) for (const name of ENDS.get(code) ?? []) pen.classes.delete(name);
    else if (code >= 30 && code <= 37) colour(`c${code - 30}`);
    else if (code >= 90 && code <= 97) colour(`c${code - 82}`);
    else if (code === 39) colour("");
    else if (code === 38 || code === 48) {
      const rgb = list[at + 1] === 5 ? palette(list[at + 2]) : list.slice(at + 2, at + 5);
      if (code === 38) {
        colour(typeof rgb === "number" ? `c${rgb}` : "");
        if (typeof rgb !== "number" && rgb.every((part) => part >= 0 && part < 256)) pen.rgb = rgb;
      }
      at += list[at + 1] === 5 ? 2 : 4;
    }
  }
}

/** One of 256 colours: the number of one of the sixteen, or its parts. @param {number} code @returns {number | number[]} */
function palette(code) {
  if (code < 16) return code;
  if (code >= 232) return Array(3).fill(8 + (code - 232) * 10);
  const part = (/** @type {number} */ each) => (each ? 55 + each * 40 : 0);
  return [part(Math.floor((code - 16) / 36)), part(Math.floor((code - 16) / 6) % 6), part((code - 16) % 6)];
}

/** @type {Map<string, string>} */
const readables = new Map();

/** The same colour, so dark or so light that it can be read on the ground of each theme. @param {number[]} rgb */
function readable(rgb) {
  const key = rgb.join();
  const known = readables.get(key);
  if (known) return known;
  const light = toward(rgb, 0, (own) => 1.05 / (own + 0.05) >= 4.6);
  const dark = toward(rgb, 255, (own) => (own + 0.05) / 0.057 >= 4.6);
  const made = `light-dark(rgb(${light.join(" ")}), rgb(${dark.join(" ")}))`;
  readables.set(key, made);
  return made;
}

/** @param {number[]} rgb @param {number} end @param {(luminance: number) => boolean} enough */
function toward(rgb, end, enough) {
  for (let share = 0; share <= 1; share += 0.1) {
    const mixed = rgb.map((part) => Math.round(part + (end - part) * share));
    const [r, g, b] = mixed.map((part) => (part <= 10 ? part / 3294 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    if (enough(0.2126 * r + 0.7152 * g + 0.0722 * b)) return mixed;
  }
  return [end, end, end];
}
