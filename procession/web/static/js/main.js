// What every page runs. The rest is loaded when it is needed: an island with its element, keys with the first key, questions
// with the first question.
import { measure } from "./geometry.js";
import { startLive } from "./live.js";
import { startTime } from "./time.js";

const ISLANDS = ["x-grid", "x-log", "x-gantt", "x-chart", "x-gallery"];

/** Load what is there. */
function islands() {
  for (const name of ISLANDS) if (!customElements.get(name) && document.querySelector(name)) void import(`./islands/${name}.js`);
  if (document.querySelector(".filter select")) void import("./choose.js");
  if (document.querySelector("[data-select], [data-select-all]")) void import("./select.js").then((select) => select.startSelect());
}

/** Marks and rows that are clicked like links. @param {MouseEvent} event */
function follow(event) {
  const target = /** @type {Element} */ (event.target);
  const place = target.closest?.("[data-href]");
  if (!(place instanceof HTMLElement) || (target.closest("a[href], button, input, label, summary") && !place.closest(".marks")) || event.button > 1) return;
  event.preventDefault();
  const url = new URL(place.dataset.href ?? "", document.baseURI).href;
  if (event.ctrlKey || event.metaKey || event.button === 1) window.open(url, "_blank", "noopener");
  else location.assign(url);
}

/** Copy buttons, questions, the list of keys. @param {MouseEvent} event */
function asks(event) {
  const target = /** @type {Element} */ (event.target);
  const copies = target.closest?.("[data-copy], [data-copy-text]");
  if (copies instanceof HTMLElement) void import("./copy.js").then((clipboard) => clipboard.copyFrom(copies));
  if (target.closest?.("[data-show-keys]")) void import("./keys.js").then((keys) => keys.help());
  const shut = target.closest?.('[aria-disabled="true"][title]');
  if (shut instanceof HTMLElement) void import("./toast.js").then((page) => page.toast(shut.title, { bad: true }));
  const from = target.closest?.("[data-ask]");
  if (!(from instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.shiftKey || from.getAttribute("aria-disabled") === "true") return;
  event.preventDefault();
  void import("./dialog.js").then((dialog) => dialog.open(from));
}

/** @param {SubmitEvent} event */
function sends(event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (event.defaultPrevented || form.method !== "post" || !(form.closest("dialog") || form.matches("[data-quiet], [data-prefer]"))) return;
  event.preventDefault();
  const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
  if (form.matches("[data-prefer]")) void import("./prefer.js").then((page) => page.prefer(form, button));
  else void import("./dialog.js").then((dialog) => dialog.send(form, button));
}

/** Menus close as people expect: Esc, a click elsewhere, a choice. @param {Event} event */
function menus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    const target = /** @type {Element} */ (event.target);
    const inside = menu.contains(target);
    if (event instanceof KeyboardEvent ? event.key !== "Escape" : inside && (target.closest("summary") || !target.closest("a, button"))) continue;
    menu.removeAttribute("open");
    if (event instanceof KeyboardEvent) /** @type {HTMLElement | null} */ (menu.querySelector("summary"))?.focus();
  }
}

try {
  const side = localStorage.getItem("side");
  if (side) document.documentElement.dataset.side = side;
} catch {
  // no storage: as the server wrote it
}
startTime();
measure();
startLive();
islands();
document.addEventListener("morphed", islands);
document.addEventListener("submit", sends);
document.addEventListener("click", asks);
document.addEventListener("click", follow);
document.addEventListener("auxclick", follow);
document.addEventListener("click", menus);
document.addEventListener("keydown", menus);
/** @type {Promise<typeof import("./keys.js")> | undefined} */
let keys; // one import: of two, the second may be first
document.addEventListener("keydown", (event) => {
  keys ??= import("./keys.js");
  void keys.then((loaded) => loaded.hear(event));
});
