// Finding in a log, on the server, over all of it; and taking lines away with a link to them.
import { copyAndSay } from "../copy.js";
import { _, number } from "../words.js";

/** @typedef {InstanceType<typeof import("./x-log.js").XLog>} Log */

const pressed = (/** @type {HTMLElement | undefined} */ button) => button?.getAttribute("aria-pressed") === "true";

/** @type {AbortController | undefined} the search that is under way */ let asked;

/** Find what is in the field; it goes into the address too. @param {Log} log */
export async function search(log) {
  const text = log.field?.value ?? "";
  const url = new URL(location.href);
  if (text) url.searchParams.set("find", text);
  else url.searchParams.delete("find");
  history.replaceState(history.state, "", url);
  asked?.abort(); // of two searches the newer one counts
  if (!text) return through(log, []);
  const { signal } = (asked = new AbortController());
  const query = { search: text, ...(pressed(log.regex) ? { regex: 1 } : {}), ...(pressed(log.exact) ? { case: 1 } : {}) };
  /** @type {{count: number, lines?: number[], error?: string | null, detail?: string} | undefined} a refusal, where others search, has a detail */
  let told;
  try {
    told = await (await log.source?.get(query, signal))?.json();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (!told || text !== log.field?.value) return;
  through(log, told.lines ?? [], told.count);
  const wrong = told.error ?? told.detail;
  if (wrong && log.count) log.count.textContent = wrong;
}

/** Go through these lines. @param {Log} log @param {number[]} lines @param {number} [count] how many there are in all */
export function through(log, lines, count = lines.length) {
  log.found = lines;
  log.total = count;
  const here = log.view?.top() ?? 1;
  log.at = Math.max(0, lines.findIndex((n) => n >= here)) - 1;
  if (log.view) {
    log.view.hits = new Set(lines);
    log.view.dressAll();
  }
  log.map();
  if (lines.length) step(log, 1);
  else if (log.count) log.count.textContent = log.field?.value ? _("nothing found") : "";
  log.state();
}

/** The next one, or the one before. @param {Log} log @param {number} by */
export function step(log, by) {
  if (!log.found?.length) return;
  log.at = ((log.at ?? -1) + by + log.found.length) % log.found.length;
  if (log.count) log.count.textContent = _("{at} of {count}", { at: number(log.at + 1), count: number(log.total ?? 0) });
  log.follow = false;
  log.choose(log.found[log.at]);
}

/** The chosen lines and their address. @param {Log} log */
export async function copyLines(log) {
  const [from, to] = log.view?.chosen ?? [1, 1];
  const lines = await log.source?.piece(from, to - from + 1);
  await copyAndSay(`${lines?.map((line) => line.text.split("\r").at(-1)).join("\n")}\n\n${location.href}`);
}

/** The address of the chosen lines. */
export const copyLink = () => copyAndSay(location.href, _("Link copied"));

/** Fold the lines of a group, or unfold them. @param {Log} _log @param {HTMLElement} line */
export function fold(_log, line) {
  const shut = line.classList.toggle("shut");
  for (let next = line.nextElementSibling; next && !next.matches(".group") && !(next.hidden && !next.hasAttribute("data-shut")); next = next.nextElementSibling) {
    /** @type {HTMLElement} */ (next).hidden = shut;
    next.toggleAttribute("data-shut", shut);
  }
}

/** It could not be read: say so, and read again. @param {Log} log @param {Element[]} bars */
export function failed(log, bars) {
  if (!log.querySelector(":scope > [data-failed]")) {
    const note = document.createElement("div");
    note.className = "log-note";
    note.dataset.failed = "";
    const raw = Object.assign(document.createElement("a"), { href: log.dataset.raw, textContent: _("open it as it is") });
    note.append(_("The log could not be read; it is tried again, or"), " ", raw);
    log.prepend(note);
  }
  setTimeout(() => log.source && log.begin(bars), 3_000);
}
