// The link of `procession login` carries its code behind the #, which no browser sends: put it into the form, and send it.
function enter() {
  const code = location.hash.slice(1);
  if (!code) return;
  history.replaceState(null, "", location.pathname + location.search);
  const form = /** @type {HTMLFormElement} */ (document.getElementById("by-link"));
  form.elements.namedItem("code").value = code;
  form.submit();
}

// Who follows a link of another site, as of a mail, comes without the cookie, which goes to our own pages only: here
// it is sent, and whoever has a session goes on without being asked.
async function known() {
  const form = /** @type {HTMLFormElement} */ (document.getElementById("by-link"));
  if (location.hash || form.closest("section")?.querySelector(".error")) return;
  const answer = await fetch("./api/v1/health", { headers: { Accept: "application/json" } });
  if (answer.ok) location.replace(new URL(`./${form.elements.namedItem("next").value}`, location.href));
}
addEventListener("hashchange", enter);
void known();
enter();
