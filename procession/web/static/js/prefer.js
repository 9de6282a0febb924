// Zone, theme, density: at once here, and kept by the server.

/** @param {HTMLFormElement} form @param {HTMLButtonElement | null} button */
export function prefer(form, button) {
  if (!button?.name) return form.submit();
  const root = document.documentElement;
  root.dataset[button.name] = button.value;
  for (const other of form.querySelectorAll(`button[name="${CSS.escape(button.name)}"]`)) other.setAttribute("aria-pressed", String(other === button));
  document.dispatchEvent(new CustomEvent("prefer", { detail: { [button.name]: button.value } }));
  const body = new URLSearchParams(/** @type {any} */ (new FormData(form, button)));
  void fetch(form.action, { method: "POST", body, credentials: "same-origin", redirect: "manual" });
}
