// One stream for each visible page: what it names is fetched again and morphed, so the page is never older than a moment.
import { leave, sit } from "./seats.js";
import { moment } from "./time.js";
import { _, number } from "./words.js";

const APART = 250; // four times a second at most
const POLLED = 5_000;
const TRIED = 3; // failed connections until it polls
const SLOW = 300;

/** @type {EventSource | null} */
let source = null;
let off = false;
let failures = 0;
let opened = false;
let last = document.body.dataset.since ?? ""; // the revision of the page, then of the newest message
let asked = ""; // the topics of the stream
let timer = 0;
let again = 0;

const topicsOf = (/** @type {Element} */ element) => (element.getAttribute("data-live") ?? "").split(/\s+/).filter(Boolean);

/** Everything that the page wants to hear of. */
function topics() {
  const all = new Set([...document.querySelectorAll("[data-live]")].flatMap(topicsOf));
  for (const island of document.querySelectorAll("[data-topic]")) all.add(island.getAttribute("data-topic") ?? "");
  return [...all].filter(Boolean).sort().join(",");
}

const mode = () => document.body.dataset.refresh ?? "live";

/** @param {"live" | "off" | "reconnecting" | "polling"} state @param {string} why */
function show(state, why = "") {
  const dot = document.getElementById("live");
  if (!dot || (dot.dataset.state === state && dot.dataset.why === why)) return;
  dot.dataset.why = why;
  const every = mode() === "live" ? 5 : Number(mode());
  const word = { live: _("Live"), off: _("Live off"), reconnecting: _("Reconnecting"), polling: _("{seconds} s polling", { seconds: every }) }[state];
  dot.dataset.state = state;
  dot.textContent = word;
  dot.title = [why, _("Click or r turns live updates on and off")].filter(Boolean).join(". ");
}

function open() {
  clearTimeout(timer);
  source?.close();
  asked = topics();
  if (off || document.hidden || !asked) return;
  if (mode() !== "live") return void (mode() === "off" ? stop() : poll());
  if (!sit(open)) {
    poll(_("Four other windows of this browser are live"));
    timer = setTimeout(open, POLLED * 3);
    return;
  }
  const url = new URL(document.body.dataset.stream ?? "live", document.baseURI);
  url.searchParams.set("topics", asked);
  if (last) url.searchParams.set("after", last);
  const mine = new EventSource(url);
  source = mine;
  mine.addEventListener("open", () => {
    failures = 0;
    clearInterval(again);
    show("live");
    if (opened) all();
    opened = true;
    document.dispatchEvent(new CustomEvent("live:open"));
  });
  mine.addEventListener("error", () => {
    mine.close();
    failures += 1;
    if (failures === TRIED) poll();
    if (failures < TRIED) show("reconnecting");
    timer = setTimeout(open, failures < TRIED ? 400 * failures : POLLED * 3);
  });
  for (const kind of ["inv", "cnt", "log", "end", "reload"])
    mine.addEventListener(kind, (event) => {
      const { data, lastEventId } = /** @type {MessageEvent} */ (event);
      last = lastEventId || last;
      hear(kind, JSON.parse(data));
    });
}

/** No stream any more, nor a seat. */
function rest() {
  source?.close();
  source = null;
  leave();
  clearTimeout(timer);
}

function stop() {
  rest();
  clearInterval(again);
  show("off");
}

/** Without a stream: everything, every five seconds. */
function poll(why = "") {
  show("polling", why);
  clearInterval(again);
  again = setInterval(() => {
    if (document.hidden || off) return;
    all();
    document.dispatchEvent(new CustomEvent("live:poll"));
  }, mode() === "live" ? POLLED : Number(mode()) * 1000);
}

/** @param {string} kind @param {any} data */
function hear(kind, data) {
  if (kind === "inv") {
    const named = new Set(data.topics ?? [data.topic]);
    for (const part of document.querySelectorAll("[data-live][data-src]")) if (topicsOf(part).some((topic) => named.has(topic))) want(part);
  }
  if (kind === "cnt") bind(data);
  if (kind === "reload" && data.version !== document.body.dataset.version) void import("./reload.js").then((page) => page.stale());
  document.dispatchEvent(new CustomEvent(`live:${kind}`, { detail: data }));
}

function all() {
  for (const part of document.querySelectorAll("[data-live][data-src]")) want(part);
}

/** @type {Set<Element>} */
const wanted = new Set();
/** @type {WeakMap<Element, boolean>} true: asked for again while it was under way */
const underWay = new WeakMap();
let due = 0;
let since = -APART;

/** @param {Element} part */
function want(part) {
  wanted.add(part);
  if (due) return;
  due = setTimeout(flush, Math.max(0, since + APART - performance.now()));
}

function flush() {
  due = 0;
  since = performance.now();
  const parts = [...wanted];
  wanted.clear();
  for (const part of parts) {
    if (!part.isConnected || parts.some((other) => other !== part && other.contains(part))) continue;
    if (underWay.has(part)) underWay.set(part, true);
    else void renew(/** @type {HTMLElement} */ (part));
  }
}

/** @param {HTMLElement} part */
async function renew(part) {
  underWay.set(part, false);
  const busy = setTimeout(() => part.setAttribute("aria-busy", "true"), SLOW);
  try {
    const { ask, place, read } = await import("./morph.js");
    const answer = await ask(new URL(part.dataset.src ?? "", document.baseURI).href);
    if (answer.redirected || answer.status >= 400) throw new Error(String(answer.status));
    if (answer.status === 200) await place(part, await read(answer));
    part.removeAttribute("data-stale");
    if (topics() !== asked && source) open();
  } catch {
    if (!part.dataset.stale) part.dataset.stale = _("Not updated since {time}; trying again", { time: moment(new Date(), "clock") });
    setTimeout(() => want(part), POLLED);
  } finally {
    clearTimeout(busy);
    part.removeAttribute("aria-busy");
    const more = underWay.get(part);
    underWay.delete(part);
    if (more) want(part);
  }
}

const alarm = (/** @type {string} */ count) => void import("./alarm.js").then((page) => page.alarm(Number(count.replace(/\D/g, ""))));

/** Counters, without a request. @param {Record<string, string | number>} counters */
function bind(counters) {
  for (const [name, value] of Object.entries(counters))
    for (const node of document.querySelectorAll(`[data-bind="${CSS.escape(name)}"]`)) {
      const text = typeof value === "number" ? (value === 0 && node.classList.contains("count") ? "" : number(value)) : value;
      if (node.textContent !== text) node.textContent = text;
    }
  if ("failures" in counters) alarm(String(counters.failures));
}

/** On and off: the dot, and r. */
export function toggleLive() {
  off = !off;
  if (off) return stop();
  failures = 0;
  open();
  all();
}

export function startLive() {
  const shown = document.querySelector('[data-bind="failures"]')?.textContent ?? "";
  if (/\d/.test(shown)) alarm(shown);
  document.getElementById("live")?.addEventListener("click", toggleLive);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) rest();
    else open();
  });
  addEventListener("pagehide", rest);
  addEventListener("pageshow", (event) => {
    if (event.persisted) open();
  });
  document.addEventListener("refresh", (event) => {
    const part = /** @type {Element} */ (event.target);
    if (part === document.body) all();
    else want(part);
  });
  off = mode() === "off";
  if (off) show("off");
  else open();
}
