// Copy buttons, also where the page came over plain http and the browser has no clipboard for it.
import { toast } from "./toast.js";
import { _ } from "./words.js";

/** Copy a text; says whether it could. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "sr";
    area.readOnly = true;
    const back = /** @type {HTMLElement | null} */ (document.activeElement);
    (back?.closest("dialog") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    back?.focus({ preventScroll: true });
    return done;
  }
}

/** Copy and say so. @param {string} text @param {string} [said] */
export async function copyAndSay(text, said = _("Copied")) {
  if (await copy(text)) toast(said);
  else toast(_("The browser did not let us copy; select the text and press Ctrl C"), { bad: true });
}

/** What a button copies: the words of another element, or its own. @param {HTMLElement} button */
export function copyFrom(button) {
  const from = button.dataset.copy ? document.querySelector(button.dataset.copy) : null;
  const text = button.dataset.copyText ?? (from instanceof HTMLInputElement ? from.value : from?.textContent) ?? "";
  void copyAndSay(text.trim());
}
