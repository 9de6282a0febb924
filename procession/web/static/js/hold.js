// Rows that somebody is choosing from stay where they are; new ones wait behind a button.
import { _, number } from "./words.js";

/** Keep the rows that are there, in their order; the number of those that wait to be shown. @param {HTMLElement} target @param {Element} root */
export function hold(target, root) {
  let waiting = 0;
  for (const body of root.querySelectorAll("tbody")) {
    const old = [...target.querySelectorAll("tbody")][[...root.querySelectorAll("tbody")].indexOf(body)];
    if (!old) continue;
    const fresh = new Map([...body.children].filter((row) => row.id).map((row) => [row.id, row]));
    const kept = [...old.children];
    waiting += [...fresh.keys()].filter((id) => !kept.some((row) => row.id === id)).length;
    body.replaceChildren(...kept.map((row) => fresh.get(row.id) ?? body.ownerDocument.importNode(row, true)));
  }
  return waiting;
}

/** "8 new – show", above what is held. @param {HTMLElement} target @param {number} waiting */
export function news(target, waiting) {
  const before = target.previousElementSibling;
  const there = before instanceof HTMLButtonElement && before.classList.contains("news") ? before : null;
  if (waiting) target.dataset.held = "1";
  else delete target.dataset.held;
  if (!waiting) return there?.remove();
  const button = there ?? document.createElement("button");
  button.className = "btn btn-small news";
  button.type = "button";
  button.textContent = _("{count} new – show", { count: number(waiting) });
  button.onclick = () => {
    const now = document.getElementById(target.id) ?? target;
    now.dataset.release = "1";
    for (const box of now.querySelectorAll("input[data-row]:checked")) /** @type {HTMLInputElement} */ (box).checked = false;
    now.dispatchEvent(new CustomEvent("refresh", { bubbles: true }));
    now.scrollIntoView({ block: "nearest" });
  };
  if (!there) target.before(button);
}
