// A moment in all ways at once, for whoever points at it: UTC, local, and how long ago.
import { duration, two } from "./time.js";
import { _ } from "./words.js";

/** Put it into the title. @param {Element} element */
export function explain(element) {
  const at = new Date(element.getAttribute("datetime") ?? "");
  if (!Number.isNaN(at.getTime())) element.setAttribute("title", whole(at));
}

/** @param {Date} at */
function whole(at) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const local = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${at.toISOString().replace("T", " ").replace("Z", "")} UTC\n${local} ${here}\n${age(at)}`;
}

/** @param {Date} at */
function age(at) {
  const past = Math.trunc((Date.now() - at.getTime()) / 1000);
  return past < 0 ? _("in {time}", { time: duration(-past) }) : _("{time} ago", { time: duration(past) });
}
