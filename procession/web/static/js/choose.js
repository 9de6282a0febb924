// Filters with something to choose: what is chosen applies at once. Without scripts their button does it.

/** A choice in a filter applies at once, and has the focus again on the page that comes. @param {Event} event */
function chooses(event) {
  const choice = event.target;
  if (!(choice instanceof HTMLSelectElement) || !choice.form?.matches(".filter")) return;
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

document.addEventListener("change", chooses);
addEventListener("pageshow", chosen);
if (document.readyState === "complete") chosen();
