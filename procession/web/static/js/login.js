// The link of `procession login` carries its code behind the #, which no browser sends: put it into the form, and send it.
function enter() {
  const code = location.hash.slice(1);
  if (!code) return;
  history.replaceState(null, "", location.pathname + location.search);
  const form = /** @type {HTMLFormElement} */ (document.getElementById("by-link"));
  form.elements.namedItem("code").value = code;
  form.submit();
}
addEventListener("hashchange", enter);
enter();
