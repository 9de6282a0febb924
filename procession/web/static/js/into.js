// A chosen file becomes the text of a field, so that it is seen, and can be mended, before it is sent.
import { toast } from "./toast.js";
import { _ } from "./words.js";

const MOST = 256 * 1024;

/** @param {HTMLInputElement} chooser its `data-into` names the field */
async function into(chooser) {
  const field = /** @type {HTMLTextAreaElement | null} */ (document.querySelector(chooser.dataset.into ?? ""));
  const file = chooser.files?.[0];
  if (!field || !file) return;
  if (file.size > MOST) {
    toast(_("This file is larger than {size} kB; send it in parts", { size: MOST / 1024 }), { bad: true });
    return;
  }
  field.value = await file.text();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

document.addEventListener("change", (event) => {
  const chooser = event.target;
  if (chooser instanceof HTMLInputElement && chooser.matches("[data-into]")) void into(chooser);
});
