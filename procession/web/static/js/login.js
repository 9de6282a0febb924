// The link of `procession login` carries its code behind the #, which no browser sends: put it into the form, and send it.
const code = location.hash.slice(1);
if (code) {
  history.replaceState(null, "", location.pathname + location.search);
  const form = document.getElementById("by-link");
  form.elements.code.value = code;
  form.submit();
}
