// The server was updated under an open page: say so, once.
import { _ } from "./words.js";

export function stale() {
  if (document.getElementById("reload")) return;
  const banner = document.createElement("aside");
  banner.id = "reload";
  banner.className = "banner warn";
  banner.setAttribute("aria-label", _("Notice"));
  const button = document.createElement("button");
  button.className = "btn btn-small";
  button.textContent = _("Reload");
  button.addEventListener("click", () => location.reload());
  banner.append(_("You are reading an old page: the server was updated"), button);
  document.querySelector(".top")?.after(banner);
}
