// Zone, theme, density: at once here, and kept by the server.

/** @param {HTMLFormElement} form @param {HTMLButtonElement | null} button */
export function prefer(form, button) {
  if (!button?.name) return form.submit();
  for (const other of form.querySelectorAll(`button[name="${CSS.escape(button.name)}"]`)) other.setAttribute("aria-pressed", String(other === button));
  keep(form, button.name, button.value);
}

/** Here at once, and in the cookie. @param {HTMLFormElement} form any of those that choose @param {string} name @param {string} value */
export function keep(form, name, value) {
  document.documentElement.dataset[name] = value;
  document.dispatchEvent(new CustomEvent("prefer", { detail: { [name]: value } }));
  const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
  body.set(name, value);
  void fetch(form.action, { method: "POST", body, credentials: "same-origin", redirect: "manual" });
}
