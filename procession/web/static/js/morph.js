// A part of the page takes its new form without losing what somebody is doing in it. Loaded with the first that does.
import { measure } from "./geometry.js";
import { tell } from "./time.js";
import { vendor } from "./vendor.js";

/** What a morph leaves as it is: islands draw themselves (a timeline is morphed: it draws its new bars). */
const KEPT = "x-grid, x-log, x-chart, x-gallery, [data-keep], #live";
/** Attributes that belong to whoever looks at the page (a name begins so): open menus, widths, the row of j and k. */
const THEIRS = ["open", "style", "data-cursor", "data-drawn", "aria-busy", "data-stale", "data-held", "data-done"];

/** @typedef {{config: {morphSkip: string, morphIgnore: string[]}, swap(given: object): Promise<void>}} Htmx */
/** @type {Promise<Htmx> | undefined} */
let known;

/** htmx, which no page needs before its first change: its start alone takes a slow processor 30 ms. @returns {Promise<Htmx>} */
async function start() {
  await vendor("htmx.js");
  await new Promise((done) => setTimeout(done)); // it starts by a timer
  const htmx = /** @type {Htmx} */ (/** @type {any} */ (globalThis).htmx);
  htmx.config.morphSkip = `[hx-morph-skip], ${KEPT}`;
  htmx.config.morphIgnore.push(...THEIRS);
  return htmx;
}

/** All that a change of a page needs, or an error before anything was done. */
export function library() {
  known ??= start();
  known.catch(() => (known = undefined));
  return known;
}

/** Ask for a part of a page as HTML. @param {string} url @param {RequestInit} [how] */
export async function ask(url, how = {}) {
  const headers = { "HX-Request": "true", Accept: "text/html", ...how.headers };
  return fetch(url, { credentials: "same-origin", ...how, headers });
}

/** The HTML of an answer, its nonces made those of this page: hx-csp lets no other work. @param {Response} answer */
export async function read(answer) {
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  const theirs = answer.headers.get("content-security-policy")?.match(/'nonce-([^']+)'/)?.[1];
  const ours = /** @type {HTMLElement | null} */ (document.querySelector("script[nonce]"))?.nonce;
  for (const element of made.querySelectorAll("[hx-nonce]"))
    if (ours && theirs && element.getAttribute("hx-nonce") === theirs) element.setAttribute("hx-nonce", ours);
  tell(made);
  return made;
}

/** Put new HTML in the place of an element, or into it where its root is another. @param {HTMLElement} target @param {Document} made */
export async function place(target, made) {
  const htmx = await library(); // before anything is looked at: people go on ticking and typing
  const root = made.body.firstElementChild;
  const same = root !== null && root.id !== "" && root.id === target.id && made.body.childElementCount === 1;
  const hold = same && (holds(target) || target.dataset.held) ? await import("./hold.js") : null;
  if (same && target.matches("[data-stays]")) (await import("./stays.js")).stay(target, root);
  const waiting = hold && holds(target) ? hold.hold(target, root) : 0;
  const typed = changed(target);
  for (const known of made.querySelectorAll("x-log [id]")) known.removeAttribute("id"); // or a new viewer is made bare
  await htmx.swap({ text: made.body.innerHTML, target, sourceElement: target, swap: same ? "outerMorph" : "innerMorph" });
  const now = same ? (document.getElementById(target.id) ?? target) : target;
  for (const { field, value } of typed) if (field.isConnected && field.value !== value) field.value = value;
  measure(now); // not before: the policy takes no style attributes
  hold?.news(now, waiting);
  now.dispatchEvent(new CustomEvent("morphed", { bubbles: true }));
}

/** Fields that hold what somebody typed or chose. @param {HTMLElement} within */
function changed(within) {
  const fields = /** @type {NodeListOf<HTMLInputElement>} */ (within.querySelectorAll("input:not([type=checkbox], [type=radio], [type=file]), textarea, select"));
  return [...fields]
    .filter((field) => field.tagName === "SELECT" || field.value !== field.defaultValue)
    .map((field) => ({ field, value: field.value }));
}

/** Is somebody choosing rows of it, or has scrolled down it? @param {HTMLElement} target */
function holds(target) {
  if (target.dataset.release) return false;
  if (target.querySelector("input[data-row]:checked")) return true;
  return target.querySelector("[data-hold]") !== null && target.getBoundingClientRect().top < -80;
}
