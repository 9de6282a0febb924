// Short words in the corner: what was done, with Undo where it can be undone.
import { _ } from "./words.js";

const SHOWN = 10_000;

/** Say something for ten seconds. @param {string} text @param {{bad?: boolean, undo?: () => void}} [with_] */
export function toast(text, { bad = false, undo } = {}) {
  let place = document.querySelector(".toasts");
  if (!place) {
    place = document.body.appendChild(document.createElement("div"));
    place.className = "toasts";
    place.setAttribute("role", "status");
  }
  const box = document.createElement("div");
  box.className = bad ? "toast bad" : "toast";
  box.append(text);
  const button = box.appendChild(document.createElement("button"));
  button.className = "btn btn-small";
  button.type = "button";
  button.textContent = undo ? _("Undo") : _("Close");
  button.addEventListener("click", () => {
    box.remove();
    undo?.();
  });
  place.append(box);
  setTimeout(() => box.matches(":hover, :focus-within") ? box.addEventListener("mouseleave", () => box.remove()) : box.remove(), SHOWN);
}
