// Ticking rows: ranges with Shift, the page, everything that matches; the bar below says how many and carries them.
import { _, number } from "./words.js";

/** @type {HTMLInputElement | null} */
let before = null;

/** @param {Element} table @returns {HTMLInputElement[]} */
const boxes = (table) => [...table.querySelectorAll("input[data-row]")].map((box) => /** @type {HTMLInputElement} */ (box));

/** Say what is chosen, in the bar that belongs to a list or a grid. @param {HTMLElement} bar @param {string[]} ids @param {boolean} [all] */
export function fill(bar, ids, all = false) {
  const everything = /** @type {HTMLElement | null} */ (bar.querySelector("[data-select-all]"));
  const matching = everything?.dataset.selectAll ?? "0"; // "10000+" where nobody counted further
  const most = matching.endsWith("+") ? Infinity : Number(matching);
  const said = number(Number.parseInt(matching, 10)) + (most === Infinity ? "+" : "");
  bar.hidden = !ids.length && !all;
  const words = bar.querySelector("[data-selected]");
  if (words) words.textContent = all ? _("all {count} that match selected", { count: said }) : _("{count} selected", { count: number(ids.length) });
  if (everything) {
    everything.hidden = !all && most <= ids.length;
    everything.textContent = all ? _("only the {count} on this page", { count: number(ids.length) }) : _("all {count} matching", { count: said });
  }
  for (const [name, value] of [["ids", all ? "" : ids.join(",")], ["all", all ? "1" : ""]]) {
    const field = /** @type {HTMLInputElement | null} */ (bar.querySelector(`input[name="${name}"]`));
    if (field) field.value = value;
  }
  bar.dataset.all = all ? "1" : "";
  bar.dataset.chosen = ids.join(",");
}

/** @param {Element} table @param {boolean} [all] */
function tellBar(table, all = false) {
  const ticked = boxes(table).filter((box) => box.checked);
  const head = /** @type {HTMLInputElement | null} */ (table.querySelector("input[data-rows]"));
  if (head) {
    head.checked = ticked.length > 0 && ticked.length === boxes(table).length;
    head.indeterminate = ticked.length > 0 && !head.checked;
  }
  const bar = document.querySelector(`.bulk[data-for="${CSS.escape(table.id)}"]`);
  if (bar instanceof HTMLElement) fill(bar, ticked.map((box) => box.value), all);
}

/** @param {HTMLInputElement} box @param {boolean} range */
function ticked(box, range) {
  const table = box.closest("[data-select]");
  if (!table) return;
  const list = boxes(table);
  if (box.matches("[data-rows]")) for (const one of list) one.checked = box.checked;
  else if (range && before && list.includes(before)) {
    const [from, to] = [list.indexOf(before), list.indexOf(box)].sort((a, b) => a - b);
    for (const one of list.slice(from, to + 1)) one.checked = box.checked;
  }
  before = box.matches("[data-row]") ? box : null;
  tellBar(table);
}

let started = false;

export function startSelect() {
  if (started) return;
  started = true;
  let shift = false;
  document.addEventListener("click", (event) => {
    shift = event.shiftKey;
    const everything = /** @type {Element} */ (event.target).closest?.("[data-select-all]");
    const bar = everything?.closest(".bulk");
    const table = bar instanceof HTMLElement && document.getElementById(bar.dataset.for ?? "");
    if (!(bar instanceof HTMLElement)) return;
    if (table) tellBar(table, !bar.dataset.all);
    else fill(bar, (bar.dataset.chosen ?? "").split(",").filter(Boolean), !bar.dataset.all); // of a grid
  }, true);
  document.addEventListener("mousedown", (event) => {
    // Shift would select the text between
    if (event.shiftKey && /** @type {Element} */ (event.target).closest?.("[data-select] .tick")) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box instanceof HTMLInputElement && box.matches("[data-row], [data-rows]")) ticked(box, shift);
    shift = false;
  });
  const again = () => {
    for (const table of document.querySelectorAll("[data-select]")) {
      const bar = /** @type {HTMLElement | null} */ (document.querySelector(`.bulk[data-for="${CSS.escape(table.id)}"]`));
      tellBar(table, bar?.dataset.all === "1");
    }
  };
  document.addEventListener("morphed", again);
  addEventListener("pageshow", again); // the browser has ticked them again on the way back
  again();
}
