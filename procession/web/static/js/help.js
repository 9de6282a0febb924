// The list of ?: all keys of this page, and the switch that turns them off.
import { show } from "./dialog.js";
import { away } from "./keys.js";
import { keep } from "./prefer.js";
import { _ } from "./words.js";

/** @param {[string, string][]} words of the keys that islands brought */
export function help(words) {
  const list = document.createElement("div");
  list.className = "keys";
  const own = /** @type {[string, string][]} */ ([
    ["j k", _("next, previous row")], ["J K", _("next, previous failed")], ["x", _("select")], ["Enter", _("open")], [".", _("actions")],
    ["/", _("search")], ["y", _("copy link")], ["r", _("live on or off")], ["[", _("fold the navigation")], ["?", _("this list")],
  ]);
  const here = [...document.querySelectorAll("[data-key]")].map((element) => {
    const word = element.querySelector(".word, .sr")?.textContent || element.getAttribute("aria-label") || element.textContent || "";
    return /** @type {[string, string]} */ ([element.getAttribute("data-key") ?? "", word.trim()]);
  });
  for (const [keys, word] of [...own, ...words, ...here]) {
    const line = list.appendChild(document.createElement("div"));
    const held = document.createElement("span");
    for (const key of keys.split(" ")) held.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
    line.append(word, " ", held);
  }
  const head = document.createElement("header");
  head.append(Object.assign(document.createElement("h2"), { textContent: _("Keyboard") }));
  const close = head.appendChild(Object.assign(document.createElement("button"), { className: "btn btn-quiet", textContent: _("Close") }));
  close.setAttribute("data-close", "");
  const body = document.createElement("div");
  body.className = "body stack";
  const label = document.createElement("label");
  const box = label.appendChild(Object.assign(document.createElement("input"), { type: "checkbox", checked: !away() }));
  label.append(_("Single keys work in this browser; Settings switch them on again"));
  const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-prefer]"));
  box.disabled = !form;
  box.addEventListener("change", () => form && keep(form, "keys", box.checked ? "on" : "off"));
  body.append(list, label);
  show([head, body], { kind: "wide-dialog" });
}
