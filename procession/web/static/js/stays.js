// Questions stay where they are: one that is answered says so in its place, new ones come below, and a click that was under
// way while the questions changed answers nothing. An answer is final, so nothing may slide under the pointer.
import { _ } from "./words.js";

const CALM = 1_000; // milliseconds after a change in which no button of a question is heard

let calm = 0;
document.addEventListener(
  "click",
  (event) => {
    if (performance.now() > calm || !(/** @type {Element} */ (event.target).closest("[data-stays] form :is(button, a)"))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

const cards = (/** @type {Element} */ within) => [...within.querySelectorAll("section[id^=question-]")];
const asked = (/** @type {Element} */ within) => [...within.querySelectorAll("[data-asked]")].map((each) => each.getAttribute("data-asked")).join();

/** Give the new form of a list the questions that it has no more, before it is morphed. @param {HTMLElement} target @param {Element} root */
export function stay(target, root) {
  if (asked(target) !== asked(root)) calm = performance.now() + CALM;
  const fresh = new Map(cards(root).map((card) => [card.id, card]));
  let last = root.firstElementChild;
  for (const was of /** @type {HTMLElement[]} */ (cards(target))) {
    const now = fresh.get(was.id) ?? over(was, root.ownerDocument);
    last?.after(now);
    last = now;
  }
}

/** A question that is over, as high as it was. @param {HTMLElement} was @param {Document} made */
function over(was, made) {
  const now = /** @type {HTMLElement} */ (made.importNode(was, true));
  now.removeAttribute("style"); // the policy takes none from a text; a morph leaves that of the card
  const form = /** @type {HTMLElement | null} */ (now.querySelector("[data-asked]"));
  if (!form || form.querySelector("[aria-busy]")) return now; // under way: its answer is not known yet
  was.style.minHeight = `${was.offsetHeight}px`;
  const said = made.createElement("b");
  said.textContent = form.dataset.done ? _("Answered: {value}", { value: form.dataset.done }) : _("It is not asked any more");
  form.replaceWith(said);
  return now;
}
