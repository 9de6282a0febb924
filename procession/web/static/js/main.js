// What every page runs; an island is loaded only where its element is.
import { startCopy } from "./copy.js";
import { measure } from "./geometry.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startMorph } from "./morph.js";
import { startSelect } from "./select.js";
import { startTime } from "./time.js";

const ISLANDS = ["x-grid", "x-log", "x-gantt", "x-chart", "x-gallery"];

/** Load the islands that are there. */
function islands() {
  for (const name of ISLANDS) if (!customElements.get(name) && document.querySelector(name)) void import(`./islands/${name}.js`);
}

/** Zone, theme, density: at once here, and kept by the server. @param {SubmitEvent} event */
function prefer(event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
  if (!form.matches("[data-prefer]") || !button?.name) return;
  event.preventDefault();
  document.documentElement.dataset[button.name] = button.value;
  for (const other of form.querySelectorAll(`button[name="${CSS.escape(button.name)}"]`)) other.setAttribute("aria-pressed", String(other === button));
  document.dispatchEvent(new CustomEvent("prefer", { detail: { [button.name]: button.value } }));
  const body = new URLSearchParams(/** @type {any} */ (new FormData(form, button)));
  void fetch(form.action, { method: "POST", body, credentials: "same-origin", redirect: "manual" });
}

/** Marks and rows that are clicked like links. @param {MouseEvent} event */
function follow(event) {
  const target = /** @type {Element} */ (event.target);
  const place = target.closest?.("[data-href]");
  if (!(place instanceof HTMLElement) || (target.closest("a, button, input, label, summary") && !place.closest(".marks")) || event.button > 1) return;
  event.preventDefault();
  const url = new URL(place.dataset.href ?? "", document.baseURI).href;
  if (event.ctrlKey || event.metaKey || event.button === 1) window.open(url, "_blank", "noopener");
  else location.assign(url);
}

/** Questions and answers are loaded when the first is asked. @param {MouseEvent} event */
function asks(event) {
  const from = /** @type {Element} */ (event.target).closest?.("[data-ask]");
  if (!(from instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.shiftKey || from.getAttribute("aria-disabled") === "true") return;
  event.preventDefault();
  void import("./dialog.js").then((dialog) => dialog.open(from));
}

/** @param {SubmitEvent} event */
function sends(event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (event.defaultPrevented || form.method !== "post" || !(form.closest("dialog") || form.hasAttribute("data-quiet"))) return;
  event.preventDefault();
  const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
  void import("./dialog.js").then((dialog) => dialog.send(form, button));
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
  // storage is forbidden: the navigation is as the server wrote it
}
startMorph();
startTime();
measure();
startCopy();
startSelect();
startKeys();
startLive();
islands();
document.addEventListener("morphed", islands);
document.addEventListener("submit", prefer);
document.addEventListener("submit", sends);
document.addEventListener("click", asks);
document.addEventListener("click", follow);
document.addEventListener("auxclick", follow);
document.addEventListener("click", menus);
document.addEventListener("keydown", menus);
