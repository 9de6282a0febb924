// Filters with something to choose: what is chosen applies at once. Without scripts their button does it.

/** The list that is gone through with the keys: each arrow changes it, and Enter applies it. @type {EventTarget | null} */
let keyed = null;

/** A choice in a filter applies at once, and has the focus again on the page that comes; not beside what is half typed.
 * @param {Event} event */
function chooses(event) {
  const choice = event.target;
  if (!(choice instanceof HTMLSelectElement) || !choice.form?.matches(".filter")) return;
  if (keyed === choice || [...choice.form.querySelectorAll("input")].some((field) => field.value !== field.defaultValue)) return;
  try {
    sessionStorage.setItem("chose", choice.id);
  } catch {
    // storage is forbidden: the focus is where pages begin
  }
  choice.form.requestSubmit();
}

/** A page shows what its address says, also when one comes back to it after another choice. */
function chosen() {
  for (const option of /** @type {NodeListOf<HTMLOptionElement>} */ (document.querySelectorAll("form.filter option"))) option.selected = option.defaultSelected;
  try {
    document.getElementById(sessionStorage.getItem("chose") ?? "")?.focus();
    sessionStorage.removeItem("chose");
  } catch {
    // as above
  }
}

/** @param {KeyboardEvent} event */
function keys(event) {
  const choice = event.target;
  if (!(choice instanceof HTMLSelectElement) || !choice.form?.matches(".filter")) return;
  keyed = event.key === "Enter" ? null : choice;
  if (event.key === "Enter" && isChanged(choice)) chooses(event);
}

/** @param {HTMLSelectElement} choice */
const isChanged = (choice) => choice.selectedIndex !== Math.max(0, [...choice.options].findIndex((option) => option.defaultSelected));

document.addEventListener("change", chooses);
document.addEventListener("keydown", keys);
addEventListener("pageshow", chosen);
if (document.readyState === "complete") chosen();
