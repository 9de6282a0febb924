// The keyboard: single keys by their place on it (event.code), so that they work with any layout. Off inside inputs, and where
// somebody has switched them off. A button takes a key by `data-key="P"`, a link `data-key="g o"`; more in the list of ?.
import { heard, words } from "./keyring.js";
import { toggleLive } from "./live.js";
import { _ } from "./words.js";

const WAITED = 1200; // ms for the second key of g o
const MARKS = { Slash: "/", Period: ".", BracketLeft: "[", BracketRight: "]", Enter: "Enter", Escape: "Escape" };

let first = "";
let timer = 0;

/** @param {KeyboardEvent} event */
function nameOf(event) {
  if (event.key === "?" || event.key === "/") return event.key;
  if (/^Key[A-Z]$/.test(event.code)) return event.shiftKey ? event.code[3] : event.code[3].toLowerCase();
  const mark = MARKS[/** @type {keyof typeof MARKS} */ (event.code)] ?? "";
  return mark === "/" && event.shiftKey ? "?" : mark;
}

/** Has somebody switched the keys off in this browser? */
export const away = () => document.documentElement.dataset.keys === "off";

/** @param {Element} element */
const seen = (element) => element instanceof HTMLElement && element.checkVisibility() && !element.matches(":disabled");

/** A button, link or field of the page that has asked for this key. @param {string} key */
function press(key) {
  const found = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find(seen);
  if (!(found instanceof HTMLElement)) return false;
  if (found.matches("input, textarea, select")) {
    found.focus();
    if (found instanceof HTMLInputElement) found.select();
  } else found.click();
  return true;
}

/** Rows that j and k go through. */
const rows = () => [...document.querySelectorAll("table.list tbody tr:not(.group)")].filter(seen);

/** @param {number} step @param {boolean} failed */
function move(step, failed) {
  const all = rows();
  const at = all.findIndex((row) => row.hasAttribute("data-cursor"));
  let next = at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step;
  while (failed && all[next] && !all[next].querySelector(".state-failed, .state-lost")) next += step;
  const row = all[next];
  if (!row) return all.length > 0;
  all[at]?.removeAttribute("data-cursor");
  row.setAttribute("data-cursor", "");
  const link = /** @type {HTMLElement | null} */ (row.querySelector("a[href]:not(.marks)"));
  link?.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  return true;
}

/** The row under the cursor, or the one with the focus. */
const row = () => document.activeElement?.closest("table.list tbody tr") ?? document.querySelector("tr[data-cursor]");

/** @type {Record<string, () => unknown>} */
const OWN = {
  j: () => move(1, false),
  k: () => move(-1, false),
  J: () => move(1, true),
  K: () => move(-1, true),
  x: () => /** @type {HTMLElement | null} */ (row()?.querySelector("input[data-row]"))?.click(),
  Enter: () => /** @type {HTMLElement | null} */ (row()?.querySelector("a[href]:not(.marks)"))?.click(),
  ".": () => {
    const menu = row()?.querySelector("details.menu") ?? document.querySelector(".title details.menu");
    if (!(menu instanceof HTMLDetailsElement)) return;
    menu.open = !menu.open;
    /** @type {HTMLElement | null} */ (menu.querySelector(menu.open ? "li a, li button" : "summary"))?.focus();
  },
  r: toggleLive,
  y: () => import("./copy.js").then((clipboard) => clipboard.copyAndSay(location.href, _("Link copied"))),
  "[": () => {
    const small = document.documentElement.dataset.side === "small" ? "" : "small";
    document.documentElement.dataset.side = small;
    try {
      localStorage.setItem("side", small);
    } catch {
      // it stays for this page only
    }
  },
  "/": () => {
    const field = [...document.querySelectorAll('main input[type="search"], main input[name="q"]')].find(seen);
    /** @type {HTMLElement | undefined} */ (field)?.focus();
  },
  "?": help,
};

/** A key was pressed. @param {KeyboardEvent} event */
export function hear(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || away()) return;
  if (target.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
  const key = nameOf(event);
  if (!key || key === "Escape") return;
  if (key === "Enter" && !(target === document.body || target.matches("tr, main"))) return; // a link's or a button's own
  const chord = first ? `${first} ${key}` : key;
  first = "";
  clearTimeout(timer);
  if ([...heard].reverse().some((listener) => listener(chord)) || press(chord)) return event.preventDefault();
  if (chord === "g") {
    first = "g";
    timer = setTimeout(() => (first = ""), WAITED);
  } else if (OWN[chord]) {
    event.preventDefault();
    OWN[chord]();
  }
}

/** The list of all keys. */
export function help() {
  void import("./help.js").then((page) => page.help(words));
}
